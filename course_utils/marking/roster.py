"""A class list as a learning platform exports it: who belongs to the class, under which names.

Any table with a header will do, and so does a plain list of names, one a line. What a platform has
named is matched by the platform's own number and by names, nothing else: what students write into
their rows may be anything, also another's number. Other folders and files may also bear user names,
addresses and other numbers. Who could be two people is nobody.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from course_utils.errors import UserError
from course_utils.marking import downloads

FIRST_NAMES = ("first name", "firstname", "given name")
LAST_NAMES = ("last name", "lastname", "surname", "family name")
FULL_NAMES = ("full name", "name", "student", "student name")
NUMBERS = ("identifier", "id")  # the platform's own, as it also stands in a download's names
USER_NAMES = ("username", "user name", "login", "login id", "sis login id")
OTHERS = (
    "email address", "email", "id number", "orgdefinedid", "org defined id", "sis user id",
    "student id",
)  # fmt: skip
NO_STUDENT = ("points possible", "student, test")  # rows of Canvas's own


class Person(NamedTuple):
    """One row of a class list.

    Attributes
    ----------
    name : the student's
    row : as it stands
    names : the name as platforms may write it, each as `_key` returns it
    numbers : the platform's own
    accounts : user names, addresses and all numbers, each as `_key` returns it
    """

    name: str
    row: dict[str, str]
    names: frozenset[str]
    numbers: frozenset[str]
    accounts: frozenset[str]


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

    def find(self, student: str) -> Person | None:
        """Return whose folder or file is called so; None where it is nobody, or could be two."""
        owner = downloads.parse(student)
        names = _keys([student, owner.name])
        by_number = [p for p in self.people if owner.number in p.numbers]
        by_name = [p for p in self.people if names & p.names]
        if by_number and by_name:  # a number tells namesakes apart, but not against the name
            matches = [p for p in by_number if names & p.names]
        elif owner.number:
            matches = by_number or by_name
        else:
            matches = [p for p in self.people if names & (p.names | p.accounts)]
        return matches[0] if len(matches) == 1 else None


def read(path: Path) -> Roster:
    """Read a class list.

    Raises
    ------
    UserError
        If it holds no name.
    """
    rows = [row for row in _rows(_text(path)) if any(cell.strip() for cell in row)]
    header = [cell.strip() for cell in rows[0]] if rows else []
    known = {*FIRST_NAMES, *LAST_NAMES, *FULL_NAMES, *NUMBERS, *USER_NAMES, *OTHERS}
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
    cells = {_title(column): cell.strip() for column, cell in row.items()}
    first, last, full = (
        next(iter(_values(cells, titles)), "") for titles in (FIRST_NAMES, LAST_NAMES, FULL_NAMES)
    )
    if "," in full and not first:  # Canvas writes "Lovelace, Ada"
        last, _, first = (part.strip() for part in full.partition(","))
    user_names = _values(cells, USER_NAMES)
    identifiers = [*user_names, *_values(cells, OTHERS), *_values(cells, NUMBERS)]
    name = f"{first} {last}".strip() or full or next(iter(identifiers), "")
    *rest, surname = full.split() or [""]
    names = [full, " ".join([surname, *rest]), f"{first} {last}", f"{last} {first}"]
    numbers = [value.removeprefix("Participant ") for value in _values(cells, NUMBERS)]
    # a user name is often an address, and what stands before the "@" is what folders bear
    accounts = [*identifiers, *numbers, *(value.partition("@")[0] for value in user_names)]
    return Person(name, row, _keys(names), frozenset(numbers), _keys(accounts))


def _values(cells: dict[str, str], titles: Iterable[str]) -> list[str]:
    """What stands in these columns."""
    return [cells[title] for title in titles if cells.get(title)]


def _title(column: str) -> str:
    return column.strip().casefold()


def _keys(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(map(_key, texts)) - {""}


def _key(text: str) -> str:
    """Letters and digits alone, without accents: platforms change the rest, such as "#ada"."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in plain if character.isalnum())
