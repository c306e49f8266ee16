"""What a marking keeps in its folder, so that it goes on where it was stopped.

`marking.json` holds the seed, and `judged/STUDENT/ASSIGNMENT.json` all that came of one submission.
Every file is written whole or not at all; what a killed marking was about to write lies in a folder
of its own, which the next one removes.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from course_utils.errors import UserError
from course_utils.marking.marks import MISSING, NOTHING_TO_JUDGE, Mark
from course_utils.marking.submissions import Submission, nbgrader_id
from course_utils.workbooks import ensure_empty_dir, write_atomic

SETTINGS, JUDGED, WORK = "marking.json", "judged", ".unfinished"


class Record(NamedTuple):
    """What came of one submission.

    Attributes
    ----------
    student, assignment : as in its marks
    identity : tells whether the submission has changed: see `identity_of`
    marks : the rows of marks.csv
    outputs : number of an exercise → MIME type → feedback, as nbgrader's check cell shows it
    look : why a tutor should look at it, or ""
    seed : of the inputs of which the student has been told last; None before that
    """

    student: str
    assignment: str
    identity: str
    marks: list[Mark]
    outputs: dict[str, dict[str, str]]
    look: str = ""
    seed: int | None = None

    @property
    def is_judged(self) -> bool:
        """Whether there was anything to judge."""
        return any(mark.status not in NOTHING_TO_JUDGE for mark in self.marks)

    @property
    def is_missing(self) -> bool:
        """Whether nothing was handed in."""
        return all(mark.status == MISSING for mark in self.marks)


class Marking:
    """The folder of a marking, new or begun before.

    Parameters
    ----------
    folder : empty, not there yet, or of a marking
    seed : of the inputs that all get the first time; None keeps that of the marking, or draws one

    Raises
    ------
    UserError
        If there is something else in the folder, or if its seed is another one.
    """

    def __init__(self, folder: Path, seed: int | None = None):
        self.folder = folder.resolve()
        settings, self.work = self.folder / SETTINGS, self.folder / WORK
        self.is_new = not settings.exists()
        if self.is_new and not (self.work.is_dir() and [*self.folder.iterdir()] == [self.work]):
            ensure_empty_dir(folder)
        self.lock = _locked(self.folder)
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        if self.is_new:
            self.seed = secrets.randbelow(2**31) if seed is None else seed
            self.write(settings, json.dumps({"seed": self.seed}))
        else:
            self.seed = json.loads(settings.read_text("utf-8"))["seed"]
            if seed not in (None, self.seed):
                raise UserError(
                    f"{folder} was begun with seed {self.seed}: name another folder for {seed}."
                )

    def write(self, path: Path, text: str) -> None:
        """Write a file of the marking, whole or not at all."""
        # half a character, which a student may have put anywhere, cannot be written
        write_atomic(path, text.encode("utf-8", "backslashreplace"), work=self.work)

    def _path(self, student: str, name: str) -> Path:
        return self.folder / JUDGED / nbgrader_id(student) / f"{name}.json"

    def save(self, record: Record, seed: int | None = None) -> None:
        """Keep what came of a submission; `seed` is that of its inputs."""
        if not record.is_judged:  # nothing was told of these inputs
            before = self.load(record.student, record.assignment)
            seed = before.seed if before else None
        text = json.dumps(record._replace(seed=seed))
        self.write(self._path(record.student, record.assignment), text)

    def load(self, student: str, name: str) -> Record | None:
        """Return what came of a submission; None if it has not been judged."""
        return _read(self._path(student, name))

    def is_judged(self, submission: Submission) -> bool:
        """Tell whether a submission was judged as it is now."""
        record = self.load(submission.student, submission.assignment)
        return record is not None and record.identity == identity_of(submission)

    def has_told(self, submission: Submission) -> bool:
        """Tell whether there is feedback on what the student has handed in before."""
        record = self.load(submission.student, submission.assignment)
        return record is not None and (record.seed is not None or record.is_judged)

    def records(self) -> Iterator[Record]:
        """Yield what came of every submission, by student and assignment, without its outputs.

        These are most of it, and a class may have thousands.
        """
        for path in sorted((self.folder / JUDGED).glob("*/*.json")):
            if record := _read(path):
                yield record._replace(outputs={})

    def close(self) -> None:
        """Remove what was only needed meanwhile."""
        shutil.rmtree(self.work, ignore_errors=True)
        os.close(self.lock)

    def discard(self) -> None:
        """Remove the folder of a marking that could not begin."""
        self.close()
        if self.is_new:
            (self.folder / SETTINGS).unlink(missing_ok=True)
            self.folder.rmdir()


def _locked(folder: Path) -> int:
    """Open a folder so that no other marking works in it; the lock ends with this process."""
    import fcntl  # here: not on Windows, where a gradebook can be read but nothing be marked

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise UserError(f"Another marking is at work in {folder}.") from None
    return descriptor


def identity_of(submission: Submission) -> str:
    """Return what stays the same as long as a submission does."""
    what = submission.digest or f"{submission.status}: {submission.problem}"
    return f"{what} {submission.timestamp}".strip()


def _read(path: Path) -> Record | None:
    try:
        record = Record(*json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    return record._replace(marks=[Mark(*row) for row in record.marks])
