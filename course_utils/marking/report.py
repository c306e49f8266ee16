"""What the class got wrong: one page, made of students' progress files or of a table of marks.

It begins with the exercises to talk about first. Of what students write into their files, only
exercises and mistakes that this course knows get into the page, and some of their answers' code,
without comments and names.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from course_utils.errors import on_one_line
from course_utils.exercise import Exercise
from course_utils.judging import feedback
from course_utils.marking import answer_samples, class_results, class_summary, marks, roster
from course_utils.marking.class_results import ClassResults, ReportError
from course_utils.marking.class_summary import Example
from course_utils.workbooks import normalize_names, write_atomic

TOP_N = 5  # exercises that head the page
TOP_KINDS = 2  # ways of going wrong that are told of each
SIGNS = {"passed": "✓", "stuck": "✗", "absent": "○", "missing": "–"}


def render(students: ClassResults, names: bool = False, example: Example | None = None) -> str:
    """Return the report as one HTML page; with `names`, it tells who."""
    rows = class_summary.summarize(students, example)
    top = sorted((row for row in rows if row.stuck), key=lambda row: -len(row.stuck))
    workbooks: dict[str, list[class_summary.ExerciseSummary]] = {}
    for row in rows:
        workbooks.setdefault(row.exercise.workbook, []).append(row)
    folder = Path(__file__).parent
    templates = Environment(
        loader=FileSystemLoader(folder), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters["code"] = _code
    templates.filters["shortened"] = answer_samples.shortened
    return templates.get_template("report.html.j2").render(
        totals=class_summary.total(students),
        rows=rows,
        workbooks=workbooks,
        top=top[:TOP_N],
        top_kinds=TOP_KINDS,
        groups=class_summary.unexplained(rows),
        table=_table(students, rows, names),
        signs=SIGNS,
        names=names,
    )


def _table(
    students: ClassResults, rows: list[class_summary.ExerciseSummary], names: bool
) -> list[tuple[str, list[tuple[str, int]]]]:
    """A row for each student: state and tries of each exercise; without names, the best first."""
    states = {
        student: [
            (state, outcomes[row.exercise.number].tries if row.exercise.number in outcomes else 0)
            for row in rows
            for state in SIGNS
            if student in getattr(row, state)
        ]
        for student, outcomes in sorted(students.items())
    }
    if names:
        return list(states.items())
    best = sorted(states.values(), key=lambda cells: -sum(state == "passed" for state, _ in cells))
    return [(str(i + 1), cells) for i, cells in enumerate(best)]


def _code(words: str) -> Markup:
    """Words with code between backticks and emphasis between stars."""
    return Markup(feedback.with_marks(words))


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


def select(students: ClassResults, names: list[str]) -> ClassResults:
    """Keep what belongs to these workbooks; "02" is the whole, "further/02" its further part."""
    names = normalize_names(names)

    def belongs(number: str) -> bool:
        exercise = class_results.exercises_by_key()[number]
        further = exercise.model.__module__.endswith("_further")
        return exercise.workbook in names or (further and f"further/{exercise.workbook}" in names)

    selected = {
        student: {number: outcome for number, outcome in outcomes.items() if belongs(number)}
        for student, outcomes in students.items()
    }
    if not any(selected.values()):
        raise ReportError(f"Nobody has tried anything of workbook {', '.join(names)}.")
    return selected


def example_from(folders: list[Path], names: list[str], student: str, exercise: Exercise) -> str:
    """Return a student's answer from the folders of marks, anonymised; "" where there is none."""
    for folder in folders:
        if source := answer_samples.source_of(folder, student, exercise):
            return answer_samples.anonymize(source, exercise, names)
    return ""


def new_mistakes(students: ClassResults, example: Example) -> str:
    """Return a module with an entry for each group of answers that nothing explains."""
    groups = class_summary.unexplained(class_summary.summarize(students, example))
    entries = [
        answer_samples.entry(row.exercise, kind.example, len(kind.students), count + 1)
        for count, (row, kind) in enumerate(pair for pair in groups if pair[1].example)
    ]
    if not entries:
        raise ReportError(
            "There are no answers without a known mistake that do the same, or no folder of marks "
            "that holds them: nothing to write to --new-mistakes."
        )
    return answer_samples.HEADER + "".join(entries)


def _past_tutors_links(sources: list[Path]) -> list[Path]:
    """Resolve the way to what is named, but for what may lie in the folder of a class.

    That is the last part and, of a file, the folder in which it lies: a link there may be a
    student's, and is told as one.
    """
    paths = [Path(os.path.abspath(source)) for source in sources]
    folders = [path.parent if os.path.isdir(path) else path.parent.parent for path in paths]
    try:
        common = os.path.commonpath(folders)
    except ValueError:  # of several drives
        return paths
    return [Path(os.path.realpath(common), path.relative_to(common)) for path in paths]


def _arguments(argv: list[str]) -> argparse.Namespace:
    """Parse the command's arguments."""
    parser = argparse.ArgumentParser(prog="course_utils report", description=__doc__)
    parser.add_argument(
        "sources", nargs="+", type=Path, metavar="PATH",
        help=f"progress files, {marks.FILENAME}, or folders of them",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("report.html"), help="a new file")
    parser.add_argument("--names", action="store_true", help="tell who (default: anonymous)")
    parser.add_argument("--roster", type=Path, help="the class list: who has not handed in?")
    parser.add_argument("--workbooks", nargs="+", metavar="NN", help="2 or 02, further/02")
    parser.add_argument(
        "--new-mistakes", type=Path, metavar="FILE.py",
        help="a new file: wrong answers that no mistake explains, as entries for `mistakes=`",
    )  # fmt: skip
    args = parser.parse_args(argv)
    args.sources = _past_tutors_links(args.sources)
    return args


def main(argv: list[str]) -> int:
    """Write the report; 1 where a file had to be left out, 2 on a wrong argument."""
    args = _arguments(argv)
    students, left_out = class_results.read(args.sources)
    names = list(students)
    if args.workbooks:
        students = select(students, args.workbooks)
    if args.roster:
        people = roster.read(args.roster)
        names += [person.name for person in people.people]  # folders may be called otherwise
        students, strangers = class_results.add_missing(students, people)
        if strangers:
            words = f"Not clearly one person on the class list: {', '.join(strangers)}"
            print(on_one_line(words), file=sys.stderr)
    folders = [table.parent for table in class_results.tutors_tables(args.sources)]
    # elsewhere notebooks lie as students have made them
    folders = [folder for folder in folders if class_results.is_marked(folder)]
    example = partial(example_from, folders, names)
    write_report(args.out, render(students, args.names, example))
    for line in left_out:
        print(on_one_line(f"Left out: {line}"), file=sys.stderr)
    print(f"{len(students)} students: {args.out}")
    if args.new_mistakes:
        write_report(args.new_mistakes, new_mistakes(students, example))
        print(f"new mistakes: {args.new_mistakes}")
    return int(bool(left_out))
