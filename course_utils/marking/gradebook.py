"""Fill nbgrader's gradebook with what a marking has judged, for its formgrader and exports."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from course_utils.marking import assignment
from course_utils.marking.exercise_cells import number_of
from course_utils.marking.records import Marking, Record
from course_utils.marking.submissions import nbgrader_id

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

BOOK, FILLED = "gradebook.db", "gradebook.json"  # the latter tells what the former holds


def fill(
    marking: Marking, dues: dict[str, datetime] | None = None, config: Path | None = None
) -> list[Record]:
    """Let nbgrader autograde what it has not seen yet; return what it could not take.

    What was adjusted by hand in its formgrader stays.

    Parameters
    ----------
    marking : whose gradebook is filled
    dues : assignment → when it was due, which nbgrader's late penalties go by
    config : settings of nbgrader to be used in place of the course's own
    """
    assignment.write_config(marking.folder, config)
    filled = _read_filled(marking)
    records = [*marking.records()]
    _make_course(marking, filled, list(dict.fromkeys(record.assignment for record in records)))
    set_dues = _set_dues(marking, dues or {})
    pending: dict[str, list[Record]] = {}
    for record in records:
        if filled.get(_key(record)) != _state(record, set_dues):
            pending.setdefault(record.assignment, []).append(record)
    failed = []
    for name, records in pending.items():
        for record in records:  # of one that was stopped in the middle, nbgrader sees no fault
            shutil.rmtree(_autograded(marking, record), ignore_errors=True)
        if not all(record.is_missing for record in records):
            _autograde(marking, name)
        for record in records:
            if record.is_missing or _autograded(marking, record).is_dir():
                filled[_key(record)] = _state(record, set_dues)
            else:
                failed.append(record)
        _enter_missing(marking, records)
        marking.write(marking.folder / FILLED, json.dumps(filled))
    return failed


def _enter_missing(marking: Marking, records: list[Record]) -> None:
    """Enter the students who handed nothing in."""
    with assignment.open_course(marking.folder), _open_book(marking.folder / BOOK) as book:
        for record in records:
            if record.is_missing:
                book.update_or_create_student(nbgrader_id(record.student))


def _set_dues(marking: Marking, dues: dict[str, datetime]) -> dict[str, str]:
    """Enter when assignments are due, and return when they are, as text."""
    with assignment.open_course(marking.folder), _open_book(marking.folder / BOOK) as book:
        for name, due in dues.items():
            if name in {entry.name for entry in book.assignments}:
                book.update_or_create_assignment(name, duedate=due)
        return {entry.name: str(entry.duedate or "") for entry in book.assignments}


def read_dues(folder: Path) -> dict[str, datetime]:
    """Return when the assignments of a course are due, as its own gradebook has it."""
    folder = folder.resolve()
    if not (folder / BOOK).exists():
        return {}
    with assignment.open_course(folder), _open_book(folder / BOOK) as book:
        return {entry.name: entry.duedate for entry in book.assignments if entry.duedate}


class ByHand(NamedTuple):
    """What a tutor and nbgrader's late penalties make of marks.

    Attributes
    ----------
    points : (student, assignment, number) → points given by hand, extra credit included
    penalties : (student, assignment) → points taken off because it was late
    """

    points: dict[tuple[str, str, str], float]
    penalties: dict[tuple[str, str], float]

    def apply(self, record: Record) -> Record:
        """Return a record with the points given by hand."""
        name, assigned = nbgrader_id(record.student), record.assignment
        rows = [
            row._replace(points=self.points.get((name, assigned, row.exercise), row.points))
            for row in record.marks
        ]
        return record._replace(marks=rows)


def by_hand(folder: Path) -> ByHand:
    """Read what was changed in a gradebook; students bear nbgrader's names."""
    folder, points, penalties = folder.resolve(), {}, {}
    if (folder / BOOK).exists():
        with assignment.open_course(folder), _open_book(folder / BOOK) as book:
            for entry in book.assignments:
                for submission in book.assignment_submissions(entry.name):
                    key = submission.student.id, entry.name
                    if submission.late_submission_penalty:
                        penalties[key] = submission.late_submission_penalty
                    for notebook in submission.notebooks:
                        for grade in notebook.grades:
                            if grade.manual_score is not None or grade.extra_credit:
                                number = number_of(grade.name)
                                points[*key, number] = grade.score
    return ByHand(points, penalties)


def _state(record: Record, dues: dict[str, str]) -> str:
    return f"{record.identity} {dues.get(record.assignment, '')}".strip()


@contextmanager
def _open_book(path: Path) -> Iterator[Gradebook]:
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{path}", "convolution") as book:
        yield book


def _key(record: Record) -> str:
    return f"{record.assignment}/{record.student}"


def _read_filled(marking: Marking) -> dict[str, str]:
    path = marking.folder / FILLED
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _autograded(marking: Marking, record: Record) -> Path:
    return marking.folder / "autograded" / nbgrader_id(record.student) / record.assignment


def _make_course(marking: Marking, filled: dict[str, str], names: list[str]) -> None:
    """Make nbgrader's course, and the assignments that are new in it."""
    if not (marking.folder / BOOK).exists():  # half a data base could not be opened
        with assignment.open_course(marking.folder), _open_book(marking.work / BOOK):
            pass
        os.replace(marking.work / BOOK, marking.folder / BOOK)
    for name in names:
        if f"{name}/" not in filled:
            for step in ("source", "release"):
                shutil.rmtree(marking.folder / step / name, ignore_errors=True)
            assignment.make_course([assignment.find_workbook(name)], marking.folder)
            filled[f"{name}/"] = ""


def _autograde(marking: Marking, name: str) -> None:
    """Run nbgrader's autograde, which goes on after a submission that it cannot take."""
    from nbgrader.converters import Autograde
    from nbgrader.converters.base import NbGraderException

    from course_utils.marking.nbgrader_preprocessors import JailedAutograder

    records = {nbgrader_id(record.student): record.student for record in marking.records()}
    JailedAutograder.load = lambda student, name: marking.load(records.get(student, student), name)
    try:
        with assignment.open_course(marking.folder) as (settings, directory):
            directory.assignment_id = name
            try:
                Autograde(coursedir=directory, config=settings).start()
            except NbGraderException:
                return  # whom it could not take is seen in what it wrote
    finally:
        JailedAutograder.load = None
