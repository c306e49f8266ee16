"""A class list as a learning platform exports it: who belongs to the class, under which names.

Any table with a header will do, and so does a plain list of names, one a line. A student's folder
or file is matched with a row by whatever identifies the row alone: a name, a number, a user name.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from course_utils.errors import UserError
from course_utils.marking import downloads

FIRST_NAMES = ("first name", "firstname", "given name")
LAST_NAMES = ("last name", "lastname", "surname", "family name")
FULL_NAMES = ("full name", "name", "student", "student name")
IDENTIFIERS = (
    "username", "user name", "login", "login id", "sis login id", "email address", "email", "id",
    "id number", "identifier", "orgdefinedid", "org defined id", "sis user id", "student id",
)  # fmt: skip
NO_STUDENT = ("points possible", "student, test")  # rows of Canvas's own


class Person(NamedTuple):
    """One row: the student's name, the row as it stands, and what it is recognized by."""

    name: str
    row: dict[str, str]
    keys: frozenset[str]


class Roster:
    """A class list, and the search in it.

    Attributes
    ----------
    columns : list of str
        The table's, as they stand.
    people : list of Person
        Its rows.
    """

    def __init__(self, columns: list[str], people: list[Person]):
        self.columns, self.people = columns, people
        times = Counter(key for person in people for key in person.keys)
        self._by_key = {key: p for p in people for key in p.keys if times[key] == 1}

    def find(self, student: str) -> Person | None:
        """Return whose folder or file is called so; None where it is nobody, or could be two."""
        owner = downloads.parse(student)
        keys = (key for key in (owner.number, student, owner.name) if key)
        matches = (self._by_key.get(_key(key)) for key in keys)
        return next(filter(None, matches), None)


def read(path: Path) -> Roster:
    """Read a class list.

    Raises
    ------
    UserError
        If it holds no name.
    """
    rows = [row for row in _rows(_text(path)) if any(cell.strip() for cell in row)]
    header = [cell.strip() for cell in rows[0]] if rows else []
    known = {*FIRST_NAMES, *LAST_NAMES, *FULL_NAMES, *IDENTIFIERS}
    if not known & {_title(column) for column in header}:
        header, rows = ["name"], [["name"], *([", ".join(row)] for row in rows)]
    cells = [dict(zip(header, [*row, *[""] * len(header)], strict=False)) for row in rows[1:]]
    people = [person for row in cells if (person := _person(row)).name]
    people = [p for p in people if not p.name.casefold().startswith(NO_STUDENT)]
    if not people:
        raise UserError(f"{path} is no class list: it needs a column of names or user names.")
    return Roster(header, people)


def _text(path: Path) -> str:
    data = path.read_bytes()
    encodings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return data.decode(encoding).lstrip("\ufeff")
        except UnicodeDecodeError:
            continue
    raise UserError(f"{path} is not text: save it as CSV UTF-8.")


def _rows(text: str) -> list[list[str]]:
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


def _person(row: dict[str, str]) -> Person:
    values = {_title(column): cell.strip() for column, cell in row.items()}
    first, last, full, *identifiers = (
        next((values[title] for title in titles if values.get(title)), "")
        for titles in (FIRST_NAMES, LAST_NAMES, FULL_NAMES, *([title] for title in IDENTIFIERS))
    )
    if "," in full and not first:  # Canvas writes "Lovelace, Ada"
        last, _, first = (part.strip() for part in full.partition(","))
    name = f"{first} {last}".strip() or full or next(filter(None, identifiers), "")
    *rest, surname = full.split() or [""]
    names = [full, " ".join([surname, *rest]), f"{first} {last}", f"{last} {first}"]
    # "#ada" is how Brightspace writes a user name, "Participant 123" how Moodle writes a number
    plain = [value.removeprefix("Participant ").partition("@")[0] for value in identifiers]
    keys = {_key(value) for value in (*names, *identifiers, *plain)} - {""}
    return Person(name, row, frozenset(keys))


def _title(column: str) -> str:
    return column.strip().casefold()


def _key(text: str) -> str:
    """Letters and digits alone, without accents: platforms change the rest."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in plain if character.isalnum())
