"""Fill nbgrader's gradebook with what a marking has judged, for its formgrader and exports."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.marking import assignment
from course_utils.marking.records import Marking, Record
from course_utils.marking.submissions import nbgrader_id

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

BOOK, FILLED = "gradebook.db", "gradebook.json"  # the latter tells what the former holds


def fill(marking: Marking) -> list[Record]:
    """Let nbgrader autograde what it has not seen yet; return what it could not take."""
    filled = _read_filled(marking)
    pending: dict[str, list[Record]] = {}
    for record in marking.records():
        if filled.get(_key(record)) != record.identity:
            pending.setdefault(record.assignment, []).append(record)
    _make_course(marking, filled, [*pending])
    failed = []
    for name, records in pending.items():
        for record in records:  # of one that was stopped in the middle, nbgrader sees no fault
            shutil.rmtree(_autograded(marking, record), ignore_errors=True)
        if not all(record.is_missing for record in records):
            _autograde(marking, name)
        for record in records:
            if record.is_missing or _autograded(marking, record).is_dir():
                filled[_key(record)] = record.identity
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
    assignment.write_config(marking.folder)
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
