"""Read students' notebooks without parsing anything of theirs here: `NotebookReader`."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

from course_utils.errors import UserError
from course_utils.marking import assignment, downloads, jail, notebook_reader, redacted_package
from course_utils.marking.highlighting import SLOW
from course_utils.marking.notebook_reader import LIMITS, MAX_BYTES, MEGABYTE

WARM_MODULES = ("course_utils.marking.notebook_reader", "course_utils.marking.highlighting")
START_READER = "from course_utils.marking import notebook_reader; notebook_reader.main({!r}, {!r})"
MAKE_CELL = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}
STARVED_SECONDS = 3  # a third of the time that the shortest limit of an answer leaves it
STOPPED = {
    "time": f"takes more than {LIMITS.seconds:g} s to be read",
    "memory": f"takes more than {LIMITS.memory // 2**30} GB to be read",
    "output": "holds too much",
}


class UnreadableError(UserError):
    """A submission that is no notebook; the message says why."""

    is_final = True  # whether another try would say the same


class NotNowError(UnreadableError):
    """A submission that cannot be read, for which the machine may be to blame."""

    is_final = False


class ScarceMachineError(NotNowError):
    """The machine was short of memory or processors, by this submission or by one beside it."""


def is_starved(result: jail.RunResult) -> bool:
    """Whether a run that took too long has waited for a processor for a good part of it."""
    return result.waited > STARVED_SECONDS


class Contents(NamedTuple):
    """What a file is: its digest, and by assignment how many exercises it holds and answers."""

    digest: str
    counts: dict[str, tuple[int, int]]


class Reading(NamedTuple):
    """A student's notebook, read for one assignment.

    Attributes
    ----------
    digest : of the file
    cells : made anew, without outputs; what takes long to highlight is marked as `SLOW`
    runs : whether each cell has to run
    positions : number of an exercise → where it is judged
    remarks : number of an exercise → why its own cell gives no answer, or ""
    """

    digest: str
    cells: list[NotebookNode]
    runs: list[bool]
    positions: dict[str, int]
    remarks: dict[str, str]


class NotebookReader:
    """Reads notebooks in a jail of their own; a context manager that threads may share.

    Parameters
    ----------
    lessons : assignment → an entry of `notebook_reader.as_lesson`
    jailed : False reads in a process without a jail, with the same limits
    folder : where its files are kept meanwhile

    Raises
    ------
    jail.JailError
        On entering, if there is no jail here.
    """

    def __init__(self, lessons: dict[str, dict], jailed: bool = True, folder: Path | None = None):
        self.lessons, self.jailed, self.parent = lessons, jailed, folder

    def __enter__(self) -> NotebookReader:
        if self.jailed:
            jail.check()
        self.folder = tempfile.TemporaryDirectory(prefix="course-reader-", dir=self.parent)
        place = Path(self.folder.name)
        (place / notebook_reader.LESSONS).write_text(json.dumps(self.lessons), "utf-8")
        redacted_package.write_reader(place)
        self.warm = jail.warm_python(place, WARM_MODULES if self.jailed else ()).__enter__()
        probe = self._run(b'{"nbformat": 4, "cells": []}', "")
        if not probe.output:
            self.__exit__()
            raise jail.JailError(f"Python does not start in the jail:\n{probe.stderr}")
        return self

    def __exit__(self, *exception) -> None:
        self.warm.__exit__(*exception)
        self.folder.cleanup()

    def recognize(self, source: Path | bytes) -> Contents:
        """Return what a notebook holds.

        Raises
        ------
        UnreadableError
            If it is a link, too large, or no notebook. If the machine may be to blame, a
            `NotNowError`.
        """
        (first, *_) = self._stages(source, "")
        return Contents(first["digest"], {n: (c[0], c[1]) for n, c in first["counts"].items()})

    def read(self, source: Path | bytes, name: str) -> Reading:
        """Return a notebook as the assignment of this name.

        Raises
        ------
        UnreadableError
            As `recognize` does.
        """
        first, *later = self._stages(source, name)
        if not later:
            raise NotNowError(f"{_name(source)} ends whatever reads it.")
        told = {key: value for stage in later for key, value in stage.items()}
        cells = [_cell(*cell) for cell in told["cells"]]
        code = [cell.cell_type == "code" for cell in cells]
        runs = told.get("runs", code)  # where telling takes too long, all cells run
        for i in {*range(len(cells))} - {*told.get("quick", [])}:
            cells[i].metadata[SLOW] = True
        return Reading(first["digest"], cells, runs, told["positions"], told["remarks"])

    def _run(self, source: Path | bytes, name: str) -> jail.RunResult:
        code = START_READER.format(name, self.jailed)
        with ExitStack() as stack:
            job: bytes | BinaryIO
            if isinstance(source, bytes):
                job = source
            else:
                job = stack.enter_context(open(_open_regular(source), "rb"))
            place = Path(self.folder.name)
            return jail.run(code, job, place, LIMITS, self.jailed, warm=self.warm)

    def _stages(self, source: Path | bytes, name: str) -> list[dict]:
        result = self._run(source, name)
        if result.stop_reason == "scarce":
            raise ScarceMachineError(f"{_name(source)} was read while memory was short.")
        complete = result.output.rpartition(b"\n")[0]
        stages = [json.loads(line) for line in complete.split(b"\n") if line]
        if not stages:
            if result.stop_reason == "time" and is_starved(result):
                raise ScarceMachineError(f"{_name(source)} was read while processors were busy.")
            if result.stop_reason in STOPPED:
                raise UnreadableError(f"{_name(source)} {STOPPED[result.stop_reason]}.")
            raise NotNowError(f"{_name(source)} ends whatever reads it.")
        if "problem" in stages[0]:
            raise UnreadableError(f"{_name(source)} {stages[0]['problem']}.")
        return stages


def lessons_of(names: Iterable[str]) -> dict[str, dict]:
    """Return what a reader has to know of assignments."""
    lessons = {}
    for name in names:
        notebook = assignment.lesson(assignment.find_workbook(name))
        exercises = assignment.exercises_in(notebook).values()
        lessons[name] = notebook_reader.as_lesson(notebook.cells, exercises)
    return lessons


def _name(source: Path | bytes) -> str:
    return downloads.readable(source.name) if isinstance(source, Path) else "The notebook"


def _open_regular(path: Path) -> int:
    """Open a file that is what it seems to be: no link, no pipe, not too large."""
    try:
        descriptor = downloads.open_regular(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            problem = f"{_name(path)} is a link to another place, not a notebook."
            raise UnreadableError(problem) from None
        raise NotNowError(f"{_name(path)} cannot be opened ({error.strerror}).") from None
    if descriptor is None:
        raise UnreadableError(f"{_name(path)} is not a file.")
    if os.fstat(descriptor).st_size > MAX_BYTES:
        os.close(descriptor)
        raise UnreadableError(f"{_name(path)} is larger than {MAX_BYTES // MEGABYTE} MB.")
    return descriptor


def read_bytes(path: Path) -> bytes | UnreadableError:
    """Return what a notebook's file holds, or why `NotebookReader` would refuse it."""
    try:
        with open(_open_regular(path), "rb") as file:
            return file.read(MAX_BYTES)
    except UnreadableError as error:
        return error


def _cell(kind: str, source: str, metadata: dict) -> NotebookNode:
    return MAKE_CELL[kind](source, metadata=metadata)
