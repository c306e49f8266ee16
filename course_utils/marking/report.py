"""What the class got wrong: one page, made of students' progress files or of a table of marks.

For each exercise it tells how many passed, are stuck or have not tried, and which of the mistakes
that the exercise knows they made. Files come from students: of what they hold, only exercises and
mistakes that this course knows get into the page.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from course_utils.errors import UserError
from course_utils.exercise import Exercise
from course_utils.exercises import all_exercises
from course_utils.marking import marks
from course_utils.workbooks import write_atomic

PROGRESS_COLUMNS = {"exercise", "name", "passed", "verdict", "misconceptions"}
SEPARATOR = " | "  # stands between the mistakes of an exported progress
MAX_BYTES = 5_000_000  # bytes of a file; a progress of all exercises has about 50,000
TOP_N = 5  # mistakes that head the page
FALLBACK_MESSAGES = {  # what is said of those who are stuck without a known mistake
    "type": "The numbers may be right; the type or the shape is not.",
    "error": "The code stops with an error.",
    "limit": "The code runs too long or needs too much memory.",
    marks.UNREADABLE: "What was handed in cannot be read.",
    "own": "It is the course's own answer.",
}
UNKNOWN_MISTAKE = "None of the usual mistakes."


class ReportError(UserError):
    """A file that cannot be read, or a result that may not be written, and what to do about it."""


@dataclass(frozen=True)
class Outcome:
    """What became of one exercise in one student's hands."""

    status: str  # of the last try: "ok", "todo", "mistake", …
    passed: bool
    mistakes: tuple[str, ...]  # all that were made, also before passing

    @property
    def state(self) -> str:
        """One of "passed", "stuck" and "absent", which is not attempted."""
        if self.passed:
            return "passed"
        is_blank = self.status in ("todo", marks.MISSING, "") and not self.mistakes
        return "absent" if is_blank else "stuck"


NOT_TRIED = Outcome("todo", False, ())
ClassResults = dict[str, dict[str, Outcome]]  # student → number of the exercise → what became of it


@dataclass(frozen=True)
class Mistake:
    """A mistake, who made it, and how many of them have passed since."""

    message: str
    students: list[str]
    since: int


@dataclass(frozen=True)
class ExerciseSummary:
    """One exercise: names of students by what became of it, and their mistakes."""

    exercise: Exercise
    passed: list[str]
    stuck: list[str]
    absent: list[str]
    mistakes: list[Mistake]


# ------------------------------------------------------------------------------------------ reading


def read(sources: list[Path]) -> tuple[ClassResults, list[str]]:
    """Read progress files, tables of marks, and folders of them.

    Returns
    -------
    (dict, list of str)
        The class; and a line for each file of a folder that had to be left out.

    Raises
    ------
    ReportError
        If a source is missing, is named itself and cannot be read, or holds nothing; or if two
        files tell about the same student and exercise.
    """
    students: ClassResults = {}
    origins: dict[tuple[str, str], Path] = {}
    left_out = []
    for path, is_explicit in _files(sources):
        try:
            outcomes = _read_file(path)
        except ReportError as error:
            if is_explicit:
                raise
            left_out.append(str(error))
            continue
        for student, number, outcome in outcomes:
            other = origins.setdefault((student, number), path)
            if other != path:
                raise ReportError(
                    f"{other} and {path} both tell about exercise {number} of {student!r}. Leave "
                    "one of them out or, if these are two people, rename one file."
                )
            students.setdefault(student, {})[number] = outcome
    if not students:
        raise ReportError("\n".join([*left_out, "No file holds a try: nothing to report."]))
    return students, left_out


def _files(sources: list[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield (file, whether it was named itself); a folder's marks come before all else in it."""
    for source in sources:
        if not source.exists():
            raise ReportError(f"There is no file or folder {source}.")
        if source.is_file():
            yield source, True
            continue
        table = source / marks.FILENAME
        files = [table] if table.exists() else _progress_files(source)
        if not files:
            raise ReportError(
                f"{source} holds neither {marks.FILENAME} nor progress files (.csv). If these are "
                "submissions, run `mark` first and name the folder it writes."
            )
        yield from ((path, False) for path in files)


def _progress_files(folder: Path) -> list[Path]:
    """List what may be progress below a folder; of progress.csv and progress.json the latter."""
    files = sorted([*folder.rglob("*.csv"), *folder.rglob("progress*.json")])
    by_stem = {path.with_suffix(""): path for path in files if path.is_file()}
    names = {path.relative_to(folder): path for path in by_stem.values()}
    return [path for name, path in names.items() if not any(p.startswith(".") for p in name.parts)]


def _read_file(path: Path) -> list[tuple[str, str, Outcome]]:
    """Read a file of any of the three forms: (student, number of the exercise, what became of it).

    Raises
    ------
    ReportError
        If it has none of them.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ReportError(f"{path} is too large for a progress file.")
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".json":
            rows = list(_from_json(json.loads(text), _student(path)))
        else:
            rows = list(_from_table(text, _student(path)))
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror}.") from None
    # a student's file may hold anything at any place: whatever its reader stumbles over
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, csv.Error):
        raise ReportError(
            f"{path} is neither a progress file nor a table of marks. Students write theirs with "
            '`progress.export("progress.csv")`, see workbook 0.'
        ) from None
    for (student, number), times in Counter(row[:2] for row in rows).items():
        if times > 1:
            raise ReportError(f"{path} holds exercise {number} of {student!r} twice.")
    return rows


def _student(path: Path) -> str:
    """The student whose file this is: by its name or, if that is "progress", by its folder's."""
    names = [path.stem, *(folder.name for folder in path.resolve().parents)]
    return next((name for name in names if name not in ("progress", "my_work", "")), path.stem)


def _from_json(progress: dict, student: str) -> Iterator[tuple[str, str, Outcome]]:
    """Read `my_work/progress.json` as it is."""
    for number, entry in progress.items():
        status = entry["verdict"]
        if status == "todo" and entry["tries"]:
            status = entry["tries"][-1]["verdict"]  # tried, then emptied again
        if exercise := _find_exercise(number, entry["name"]):
            tries = [attempt for attempt in entry["tries"] if attempt["verdict"] == "mistake"]
            findings = tuple(id_ for attempt in tries for id_ in exercise.findings_of(attempt))
            yield student, exercise.number, Outcome(status, entry["passed"] is True, findings)


def _from_table(text: str, student: str) -> Iterator[tuple[str, str, Outcome]]:
    """Read an exported progress or a table of marks, also if a spreadsheet has saved it anew."""
    head = text.partition("\n")[0]
    table = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in head else ",", strict=True)
    columns = set(table.fieldnames or ())
    if columns >= set(marks.Mark._fields) - marks.OPTIONAL:
        for row in table:
            if exercise := _find_exercise(row["exercise"], ""):
                findings = (row.get("findings") or "").split()
                attempt = {"message": row["misconception"], "findings": findings}
                status = row["status"].strip()
                outcome = Outcome(status, status == marks.RIGHT, exercise.findings_of(attempt))
                yield row["student"].strip(), exercise.number, outcome
    elif columns >= PROGRESS_COLUMNS:
        for row in table:
            if exercise := _find_exercise(row["exercise"], row["name"]):
                messages = filter(None, row["misconceptions"].split(SEPARATOR))
                by_words = (f for m in messages for f in exercise.findings_of({"message": m}))
                mistakes = tuple((row.get("findings") or "").split() or by_words)
                tried = int(row.get("distinct_tries") or 0) > 0 and row["verdict"] == "todo"
                status = "wrong" if tried else row["verdict"].strip()
                passed = row["passed"].strip().lower() == "true"
                yield student, exercise.number, Outcome(status, passed, mistakes)
    else:
        raise ValueError("other columns")


@cache
def _exercises_by_key() -> dict[str, Exercise]:
    """Every exercise, by its number and by its name."""
    exercises = all_exercises()
    by_number = {exercise.number: exercise for exercise in exercises}
    return by_number | {exercise.name: exercise for exercise in exercises}


def _find_exercise(number: str, name: str) -> Exercise | None:
    """Find an exercise, by its name where there is one: spreadsheets make 2.1 of 2.10."""
    return _exercises_by_key().get(name or number.strip())


# ----------------------------------------------------------------------------------------- counting


def summarize(students: ClassResults) -> list[ExerciseSummary]:
    """Count, for all exercises of every part of which somebody has tried or handed in anything."""
    numbers = {number for outcomes in students.values() for number in outcomes}
    exercises = all_exercises()
    parts = {exercise.model.__module__ for exercise in exercises if exercise.number in numbers}
    return [
        _summarize_exercise(exercise, students)
        for exercise in exercises
        if exercise.model.__module__ in parts
    ]


def _summarize_exercise(exercise: Exercise, students: ClassResults) -> ExerciseSummary:
    outcomes = {
        student: students[student].get(exercise.number, NOT_TRIED) for student in sorted(students)
    }
    by_state = {
        state: [student for student, outcome in outcomes.items() if outcome.state == state]
        for state in ("passed", "stuck", "absent")
    }
    words = {id_: mistake.words for id_, mistake in exercise.mistakes.items()}
    students_by_message: dict[str, list[str]] = {message: [] for message in words.values()}
    for student, outcome in outcomes.items():
        known = [words.get(id_, _general(id_)) for id_ in dict.fromkeys(outcome.mistakes)]
        fallback = FALLBACK_MESSAGES.get(outcome.status, UNKNOWN_MISTAKE)
        for message in known or [fallback] * (outcome.state == "stuck"):
            students_by_message.setdefault(message, []).append(student)
    mistakes = [
        Mistake(message, names, len(set(names) & set(by_state["passed"])))
        for message, names in students_by_message.items()
        if names
    ]
    mistakes.sort(key=lambda mistake: -len(mistake.students))
    passed, stuck, absent = by_state.values()
    return ExerciseSummary(exercise, passed, stuck, absent, mistakes)


def _general(finding: str) -> str:
    """Words for what no exercise lists, such as a wrong sign."""
    return f"Not on the list of mistakes: {finding.replace('-', ' ')}."


# ----------------------------------------------------------------------------------------- the page


def render(students: ClassResults, names: bool = False) -> str:
    """Return the report as one HTML page; with `names`, it tells who."""
    rows = summarize(students)
    top = [
        (row, mistake)
        for row in rows
        for mistake in row.mistakes
        if mistake.message in {known.words for known in row.exercise.mistakes.values()}
        and len(mistake.students) > 1
    ]
    top.sort(key=lambda pair: -len(pair[1].students))
    workbooks: dict[str, list[ExerciseSummary]] = {}
    for row in rows:
        workbooks.setdefault(row.exercise.workbook, []).append(row)
    folder = Path(__file__).parent
    templates = Environment(
        loader=FileSystemLoader(folder), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters["code"] = _code
    return templates.get_template("report.html.j2").render(
        total=len(students), rows=rows, workbooks=workbooks, top=top[:TOP_N], names=names
    )


def _code(words: str) -> Markup:
    """Words with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(words))))


def write_report(path: Path, text: str) -> None:
    """Write a new file, whole or not at all.

    Raises
    ------
    ReportError
        If it is there already: nothing is written over.
    """
    if path.exists():
        raise ReportError(f"{path} is there already. Name another with --out, or remove it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, text)


def main(argv: list[str]) -> int:
    """Write the report; 1 where a file had to be left out, 2 on a wrong argument."""
    parser = argparse.ArgumentParser(prog="course_utils report", description=__doc__)
    parser.add_argument(
        "sources", nargs="+", type=Path, metavar="PATH",
        help=f"progress files, {marks.FILENAME}, or folders of them",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("report.html"), help="a new file")
    parser.add_argument("--names", action="store_true", help="tell who (default: anonymous)")
    args = parser.parse_args(argv)
    students, left_out = read(args.sources)
    write_report(args.out, render(students, args.names))
    for line in left_out:
        print(f"Left out: {line}", file=sys.stderr)
    print(f"{len(students)} students: {args.out}")
    return int(bool(left_out))
