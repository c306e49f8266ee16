"""The table of marks: one row for each student and exercise, as a CSV file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from course_utils.errors import UserError

FILENAME = "marks.csv"
RIGHT = "ok"  # the one status that earns points
MISSING = "missing"  # the status where nothing was handed in
UNREADABLE = "unreadable"  # the status where what was handed in cannot be read
NOTHING_TO_JUDGE = (MISSING, UNREADABLE)
OPTIONAL = {"findings", "reason", "signature"}  # columns that a report can do without
BYTE_ORDER_MARK = "\ufeff"  # without it Excel takes UTF-8 for something else
# what begins a formula; the full-width signs do where people write Japanese or Chinese
SIGN = r"[-=+@\uff0d\uff1d\uff0b\uff20]"
PARTS = r";|\t\r\n\u061b"  # what ends a cell or a row elsewhere than here, where "," does
# what may stand between: quotes, which go when the cell is read, spaces, signs without width
GAP = (
    r"\"\x00-\x08\x0b\x0c\x0e- \x7f-\xa0\xad"
    r"\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff"
)
FORMULA = re.compile(rf"'*[{GAP}]*(?:{SIGN}|[\t\r\n])")  # how a cell begins that would run
# how one begins within ours; a whole run is taken at once, as its parts would take square time
INNER = re.compile(rf"(?<![{GAP}{PARTS}])([{GAP}]*+[{PARTS}][{GAP}{PARTS}]*+)('*+)(?={SIGN})")


class Mark(NamedTuple):
    """What one student gets for one exercise.

    Attributes
    ----------
    student, assignment : as the submission's folders are named, such as "ada" and "02"
    exercise : its number, such as "2.5"
    points, maximum : reached, and to be reached
    status : a verdict's (see `course_utils.judging.verdict`), "missing" or "unreadable"
    misconception : what is said of the mistake that the answer makes, else ""
    findings : the ids of the mistakes that these words name, with spaces between
    reason : why an answer stopped, or why there was nothing to judge, else ""
    signature : the same for wrong answers that do the same on the same inputs, in one table
    """

    student: str
    assignment: str
    exercise: str
    points: float
    maximum: float
    status: str
    misconception: str = ""
    findings: str = ""
    reason: str = ""
    signature: str = ""


def score(status: str, maximum: float) -> float:
    """Return an exercise's points, by the marking rule: all for a right answer, else none."""
    return maximum if status == RIGHT else 0


def as_csv(marks: Iterable[Mark]) -> str:
    """Return a table of marks as text."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(Mark._fields)
    for mark in marks:
        points = {"points": f"{mark.points:g}", "maximum": f"{mark.maximum:g}"}
        table.writerow(map(harmless, (mark._asdict() | points).values()))
    return BYTE_ORDER_MARK + text.getvalue()


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; `original` undoes it.

    Examples
    --------
    >>> harmless("=1+1"), harmless("Zoë"), original(harmless("=1+1"))
    ("'=1+1", 'Zoë', '=1+1')
    """
    cell = INNER.sub(r"\1'\2", cell)
    return f"'{cell}" if FORMULA.match(cell) else cell


def original(cell: str) -> str:
    """Return a cell as it was before `harmless`."""
    cell = cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell
    return INNER.sub(lambda match: match[1] + match[2][1:], cell)


def write(marks: Iterable[Mark], path: Path) -> None:
    """Write a table of marks."""
    path.write_text(as_csv(marks), encoding="utf-8", newline="")


def read(path: Path) -> list[Mark]:
    """Read a table of marks.

    Raises
    ------
    UserError
        If the file is no such table; the message names it.
    """
    with open(path, newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        if tuple(table.fieldnames or ()) != Mark._fields:
            raise UserError(f"{path} is not a table of marks: it needs {', '.join(Mark._fields)}.")
        try:
            return [_parse(row) for row in table]
        except (AttributeError, TypeError, ValueError):  # a cell that is missing, or no number
            raise UserError(
                f"{path}: line {table.line_num} is not a row of a table of marks."
            ) from None


def _parse(row: dict[str, str]) -> Mark:
    row = {name: original(cell) for name, cell in row.items()}
    numbers = {name: float(row.pop(name)) for name in ("points", "maximum")}
    return Mark(**row, **numbers)  # type: ignore[arg-type]  # the names tell text from numbers
