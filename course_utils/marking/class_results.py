"""What became of each exercise in each student's hands, from progress files or tables of marks.

Files come from students: of what they hold, only exercises and mistakes that this course knows are
taken, and fingerprints that tell equal answers.
"""

from __future__ import annotations

import builtins
import contextlib
import csv
import io
import itertools
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from course_utils.errors import UserError
from course_utils.exercise import Exercise
from course_utils.exercises import all_exercises
from course_utils.marking import downloads, marks
from course_utils.marking.records import JUDGED
from course_utils.marking.roster import Roster

MARKS_COLUMNS = set(marks.Mark._fields) - marks.OPTIONAL
PROGRESS_COLUMNS = {"exercise", "name", "passed", "verdict", "misconceptions"}
SEPARATOR = " | "  # stands between the mistakes of an exported progress
MAX_BYTES = 5_000_000  # bytes of a file; a progress of all exercises has about 50,000
DEEPEST = 30  # folders within one another, below which no progress is sought
# in the name of a file of progress, what does not name a student: "my_progress-copy (1)"
NO_NAME = re.compile(r"progress|export|(?<![^\W_])(?:my|copy)(?![^\W_])|\(\d+\)", re.IGNORECASE)
# an id of a mistake in a student's file: small letters and signs, as this course's own have them
FINDING = re.compile(r"[a-z0-9_+-]{1,60}")
MOST_FINDINGS = 20  # of one exercise
A_NAME = re.compile(r"[^\W\d_]|\d{4}")  # letters, or a student's number


class ReportError(UserError):
    """A file that cannot be read, or a result that may not be written, and what to do about it."""


@dataclass(frozen=True)
class Outcome:
    """What became of one exercise in one student's hands.

    Attributes
    ----------
    status : of the last try: "ok", "todo", "mistake", …
    passed : whether it ever was right
    mistakes : ids of all that were made, also before passing
    tries : distinct wrong answers, where they are counted
    signature : the same for answers that do the same; "" where it is not known
    points, maximum : reached and to be reached; None where nothing was marked
    error : the kind of error that stopped the answer, such as "NameError", where it is known
    """

    status: str
    passed: bool
    mistakes: tuple[str, ...]
    tries: int = 0
    signature: str = ""
    points: float | None = None
    maximum: float | None = None
    error: str = ""

    @property
    def state(self) -> str:
        """One of "passed", "stuck", "absent" (not attempted) and "missing" (nothing to be read)."""
        if self.passed:
            return "passed"
        if self.status in (marks.MISSING, marks.UNREADABLE):
            return "missing"
        return "absent" if self.status in ("todo", "") and not self.mistakes else "stuck"


NOT_TRIED = Outcome("todo", False, ())
NOT_HANDED_IN = Outcome(marks.MISSING, False, ())
OF_MARKING = (  # folders of a marking, of nbgrader's course, and of a tutor's own tries
    JUDGED, "submitted", "autograded", "feedback", "source", "release", "downloaded", "my_work"
)  # fmt: skip
NOTHING = (
    f"{{}} holds neither {marks.FILENAME} nor progress files (.csv). If these are submissions, run "
    "`mark` first and name the folder it writes."
)
TELLS_OF_OTHERS = "{} tells of others. Name your own table of marks alone, or beside others."
Row = tuple[str, str, Outcome]  # student, number of the exercise, what became of it
ClassResults = dict[str, dict[str, Outcome]]  # student → number of the exercise → what became of it


def read(sources: list[Path]) -> tuple[ClassResults, list[str]]:
    """Read progress files, tables of marks, and folders of them.

    Returns
    -------
    (dict, list of str)
        The class; and a line for each file of a folder that had to be left out.

    Raises
    ------
    ReportError
        If the only source cannot be read; if none holds a try; or if two files that are named
        themselves tell about the same student and exercise.
    """
    files, left_out = _read_sources(sources)
    for paths in _clashes(files):
        words = f"{' and '.join(map(str, paths))} tell about the same student. Leave out all but "
        words += "one or, if these are two people, rename one file."
        if set(paths) <= set(sources):
            raise ReportError(words)
        left_out.append(words)  # whose file is the true one cannot be known
        for path in paths:
            files.pop(path, None)
    students: ClassResults = {}
    for student, number, outcome in itertools.chain.from_iterable(files.values()):
        students.setdefault(student, {})[number] = outcome
    if not students:
        raise ReportError("\n".join([*left_out, "No file holds a try: nothing to report."]))
    return students, left_out


def _read_sources(sources: list[Path]) -> tuple[dict[Path, list[Row]], list[str]]:
    """Read what the files hold; also return a line for each that is left out."""
    files, left_out = {}, []
    tables = tutors_tables(sources)
    for source in sources:
        paths = _files(source)
        if not paths:
            words = NOTHING if os.path.lexists(source) else "There is no file or folder {}."
            left_out.append(words.format(source))
        for path in paths:
            try:
                files[path] = _read_file(path, path in tables)
            except ReportError as error:
                if sources == [path]:
                    raise
                left_out.append(str(error))
    return files, left_out


def _clashes(files: dict[Path, list[Row]]) -> list[list[Path]]:
    """Files that tell about the same student and exercise, group by group."""
    tellers: dict[tuple[str, str], dict[Path, None]] = {}
    for path, rows in files.items():
        for student, number, _ in rows:
            tellers.setdefault((student, number), {})[path] = None
    groups = dict.fromkeys(tuple(paths) for paths in tellers.values() if len(paths) > 1)
    return [list(paths) for paths in groups]


def add_missing(students: ClassResults, roster: Roster) -> tuple[ClassResults, list[str]]:
    """Add those of the class list who handed in nothing; also return who is not on it."""
    people = {student: roster.find(student) for student in students}
    handed_in = {id(person) for person in people.values()}
    numbers = {number for outcomes in students.values() for number in outcomes}
    added: ClassResults = {}
    for person in roster.people:
        if id(person) not in handed_in:
            name, count = person.name, 2
            while name in added or name in students:
                name, count = f"{person.name} ({count})", count + 1
            added[name] = dict.fromkeys(numbers, NOT_HANDED_IN)
    return students | added, [student for student, person in people.items() if person is None]


def _files(source: Path) -> list[Path]:
    """The file, or those of a folder: of one that looks like a marking its table alone."""
    if not os.path.isdir(source) or source.is_symlink():
        return [source] if os.path.lexists(source) else []
    return [source / marks.FILENAME] if is_marked(source) else _progress_files(source)


def tutors_tables(sources: list[Path]) -> list[Path]:
    """The tables of marks that are named, if nothing else is; else none.

    Beside anything else one may be a student's: who names all that lies in the folder of a class
    names these, too.
    """
    if not all(is_marked(each) if os.path.isdir(each) else _is_table(each) for each in sources):
        return []
    return [each / marks.FILENAME if os.path.isdir(each) else each for each in sources]


def is_marked(folder: Path) -> bool:
    """Whether a folder's table of marks is the tutor's: no progress lies beside it.

    Among files of progress a student may have put one of that name, and all else that a marking
    writes; in a marking's own folders lies what was handed in.
    """
    table = folder / marks.FILENAME
    if not os.path.isfile(table):  # `Path.is_file` raises where a student lets nobody look
        return False
    beside = (path for path in _progress_files(folder) if path != table)
    return not any(
        _is_progress(path) for path in beside if path.relative_to(folder).parts[0] not in OF_MARKING
    )


def _is_table(path: Path) -> bool:
    """Whether a file has the form of a table of marks."""
    if not os.path.isfile(path):
        return False
    with contextlib.suppress(OSError, ReportError, ValueError, csv.Error):
        return _columns(_table(_read_text(path, is_tutors=True))) >= MARKS_COLUMNS
    return False


def _is_progress(path: Path) -> bool:
    try:
        return bool(_read_file(path, is_tutors=False))
    except ReportError:
        return False


def _progress_files(folder: Path) -> list[Path]:
    """List what may be progress below a folder; of progress.csv and progress.json the latter.

    A table of marks is none of these, and stays beside any file.
    """
    files = sorted(downloads.files_below(folder, DEEPEST))
    files = [path for path in files if path.suffix in (".csv", ".json")]
    by_stem = {p if p.name == marks.FILENAME else p.with_suffix(""): p for p in files}
    return list(by_stem.values())


def _read_file(path: Path, is_tutors: bool) -> list[Row]:
    """Read a file of any of the three forms: (student, number of the exercise, what became of it).

    One that is not a tutor's own tells of nobody but the student whose it is.

    Raises
    ------
    ReportError
        If it has none of them.
    """
    try:
        text = _read_text(path, is_tutors)
        if path.suffix == ".json":
            rows = list(_from_json(json.loads(text), _student(path)))
        else:
            rows = list(_from_table(text, _student(path)))
        if not is_tutors:
            if {student for student, *_ in rows} - {_student(path)}:
                raise ReportError(TELLS_OF_OTHERS.format(path))
            # points are a tutor's to give
            rows = [(who, number, replace(o, points=None, maximum=None)) for who, number, o in rows]
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


def _read_text(path: Path, is_tutors: bool) -> str:
    """Return what a file holds; of a student's, whatever they put there meanwhile."""
    if path.is_symlink() and not is_tutors:
        raise ReportError(f"{path} is a link to another place: name that, if it is yours.")
    if path.stat().st_size > MAX_BYTES:
        raise ReportError(f"{path} is too large for a progress file.")
    data = path.read_bytes() if is_tutors else downloads.read_regular(path, MAX_BYTES)
    if data is None:
        raise ReportError(f"{path} cannot be opened as a plain file, past no link.")
    return io.TextIOWrapper(io.BytesIO(data), "utf-8-sig").read()


def _student(path: Path) -> str:
    """The student whose file this is, as text that can be written."""
    return downloads.readable(_owner(path))


def _owner(path: Path) -> str:
    """The student whose file this is: by its name or, if that is "progress", by its folder's."""
    path = Path(os.path.abspath(path))  # a link on the way may have been put there meanwhile
    if owner := downloads.file_owner(path):
        return str(owner)
    name = path.stem
    if "progress" in name.lower():
        name = NO_NAME.sub(" ", name).strip(" _.-")
    if A_NAME.search(name):
        return name
    folders = [folder.name for folder in path.parents]
    return next((name for name in folders if name not in ("my_work", "")), path.stem)


def _from_json(progress: dict, student: str) -> Iterator[Row]:
    """Read `my_work/progress.json` as it is."""
    for number, entry in progress.items():
        status, tries = str(entry["verdict"]), entry["tries"]
        if status == "todo" and tries:
            status = str(tries[-1]["verdict"])  # tried, then emptied again
        if exercise := _find_exercise(number, entry["name"]):
            known = [attempt for attempt in tries if attempt["verdict"] == "mistake"]
            findings = _ids(id_ for attempt in known for id_ in exercise.findings_of(attempt))
            latest = str(tries[-1]["digest"]) if tries else ""
            outcome = Outcome(status, entry["passed"] is True, findings, len(tries), latest)
            yield student, exercise.number, outcome


def _ids(findings: Iterable[object]) -> tuple[str, ...]:
    """Keep what may be ids of mistakes: a student's file may hold anything, and as much."""
    kept = (id_ for id_ in findings if isinstance(id_, str) and FINDING.fullmatch(id_))
    return tuple(itertools.islice(dict.fromkeys(kept), MOST_FINDINGS))


def _table(text: str) -> csv.DictReader:
    head = text.partition("\n")[0]
    return csv.DictReader(io.StringIO(text), delimiter=";" if ";" in head else ",", strict=True)


def _columns(table: csv.DictReader) -> set[str]:
    return set(table.fieldnames or ())


def _from_table(text: str, student: str) -> Iterator[Row]:
    """Read an exported progress or a table of marks, also if a spreadsheet has saved it anew."""
    table = _table(text)
    if _columns(table) >= MARKS_COLUMNS:
        yield from _from_marks(list(table))
    elif _columns(table) >= PROGRESS_COLUMNS:
        for row in table:
            if exercise := _find_exercise(row["exercise"], row["name"]):
                messages = filter(None, row["misconceptions"].split(SEPARATOR))
                by_words = (f for m in messages for f in exercise.findings_of({"message": m}))
                mistakes = _ids((row.get("findings") or "").split() or by_words)
                tries = int(row.get("distinct_tries") or 0)
                emptied = tries > 0 and row["verdict"] == "todo"
                status = "wrong" if emptied else row["verdict"].strip()
                passed = row["passed"].strip().lower() == "true"
                yield student, exercise.number, Outcome(status, passed, mistakes, tries)
    else:
        raise ValueError("other columns")


def _from_marks(rows: list[dict[str, str]]) -> Iterator[Row]:
    """Read marks; who has none in an assignment of the table has not handed it in."""
    assignments: dict[str, set[str]] = {}
    handed_in = set()
    for row in rows:
        if exercise := _find_exercise(row["exercise"], ""):
            student = marks.original(row["student"].strip())
            findings = (row.get("findings") or "").split()
            attempt = {"message": marks.original(row["misconception"]), "findings": findings}
            status = row["status"].strip()
            yield (
                student,
                exercise.number,
                Outcome(
                    status,
                    status == marks.RIGHT,
                    exercise.findings_of(attempt),
                    signature=row.get("signature") or "",
                    points=_number(row["points"]),
                    maximum=_number(row["maximum"]),
                    error=_kind_of_error(row.get("reason") or ""),
                ),
            )
            assignments.setdefault(row["assignment"], set()).add(exercise.number)
            handed_in.add((student, row["assignment"]))
    for student in sorted({student for student, _ in handed_in}):
        for assignment, numbers in assignments.items():
            if (student, assignment) not in handed_in:
                yield from ((student, number, NOT_HANDED_IN) for number in sorted(numbers))


def _kind_of_error(reason: str) -> str:
    """The first of Python's own errors that is named; the rest may be a student's words."""
    words = re.findall(r"[A-Z]\w+", reason)
    kinds = (getattr(builtins, word, None) for word in words)
    return next((k.__name__ for k in kinds if isinstance(k, type) and issubclass(k, Exception)), "")


def _number(cell: str) -> float:
    """A number as a spreadsheet of any language writes it."""
    return float(cell.replace(",", "."))


@cache
def exercises_by_key() -> dict[str, Exercise]:
    """Every exercise, by its number and by its name."""
    exercises = all_exercises()
    by_number = {exercise.number: exercise for exercise in exercises}
    return by_number | {exercise.name: exercise for exercise in exercises}


def _find_exercise(number: str, name: str) -> Exercise | None:
    """Find an exercise, by its name where there is one: spreadsheets make 2.1 of 2.10."""
    return exercises_by_key().get(name or number.strip())
