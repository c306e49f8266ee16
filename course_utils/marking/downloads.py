"""Whose file it is, by the name that a learning platform gave it when a class was downloaded.

Moodle makes a folder `NAME_123_assignsubmission_file_` for each student, Canvas names each file
`name_123_456_file.ipynb` (`name_LATE_123_…` after the deadline), and Brightspace makes folders
`123-456 - NAME - DATE`. The number is the platform's own for that student.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import NamedTuple

FOLDERS = (
    re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_\w+", re.DOTALL),
    re.compile(r"(?P<number>\d+)-\d+ - (?P<name>.+?) - .+", re.DOTALL),
)
FILE = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<number>\d+)_\d+_(?P<file>.+)", re.DOTALL)
STUDENT = re.compile(r"(?P<name>.+) \((?P<number>\d+)\)", re.DOTALL)


class Owner(NamedTuple):
    """A student as a platform names them, and the platform's number; "" where it has none."""

    name: str
    number: str = ""

    def __str__(self) -> str:
        """The student's name in marks and reports: two of one name have different numbers."""
        return f"{self.name} ({self.number})" if self.number else self.name


def parse(student: str) -> Owner:
    """Take a student's name in marks apart again.

    Examples
    --------
    >>> parse("Ada Lovelace (123)")
    Owner(name='Ada Lovelace', number='123')
    """
    match = STUDENT.fullmatch(student)
    return Owner(match["name"], match["number"]) if match else Owner(student)


def folder_owner(folder: str) -> Owner | None:
    """Return whose folder a platform made; None for a folder of another kind.

    Examples
    --------
    >>> folder_owner("Ada Lovelace_123_assignsubmission_file_")
    Owner(name='Ada Lovelace', number='123')
    """
    matches = (pattern.fullmatch(folder) for pattern in FOLDERS)
    return next((Owner(match["name"], match["number"]) for match in matches if match), None)


def file_owner(path: PurePath) -> Owner | None:
    """Return whose file it is: by its own name or by a folder's; None where no platform named it.

    Examples
    --------
    >>> file_owner(PurePath("lovelaceada_LATE_123_456_02_convolution-1.ipynb"))
    Owner(name='lovelaceada', number='123')
    """
    if match := FILE.fullmatch(path.name):
        return Owner(match["name"], match["number"])
    owners = (folder_owner(folder.name) for folder in path.parents)
    return next(filter(None, owners), None)


def original_name(name: str) -> str:
    """Return a file's name as the student had it.

    Examples
    --------
    >>> original_name("lovelaceada_123_456_progress.csv")
    'progress.csv'
    """
    match = FILE.fullmatch(name)
    return match["file"] if match else name
