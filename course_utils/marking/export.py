"""Marks for a learning platform: `export MARKS --for moodle|canvas|brightspace`.

Points are those of the gradebook: what was adjusted by hand counts, and late penalties are taken
off. Who handed in nothing that can be read gets an empty cell, as the platform has a rule for that.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from course_utils.errors import UserError, on_one_line
from course_utils.marking import assignment, downloads, gradebook, marks, roster
from course_utils.marking.roster import Roster
from course_utils.marking.submissions import nbgrader_id
from course_utils.workbooks import write_atomic

FEEDBACK = "feedback.zip"
UNPLACED = "Not on the class list, or not clearly one person on it, so not exported: {}"
NO_NUMBER = (
    "{} knows students by what their names in the marks do not tell. Give the class list that it "
    "exports: --roster FILE."
)


class Total(NamedTuple):
    """What a student reached in an assignment; `points` is None where nothing was marked."""

    student: str
    assignment: str
    points: float | None
    maximum: float


class Line(NamedTuple):
    """A student's row, and what the platform knows them by."""

    student: str
    identifiers: list[str]
    row: list[str]


class Table:
    """A file to be uploaded: its name, columns and rows, and students who are in no row.

    That is who has no identifier, and who shares one: whose marks these are nobody knows.
    """

    def __init__(self, name: str, columns: list[str], lines: list[Line]):
        self.name, self.columns = name, columns
        times = Counter(pair for line in lines for pair in enumerate(line.identifiers))
        alone = [
            any(line.identifiers)
            and all(times[pair] == 1 for pair in enumerate(line.identifiers) if pair[1])
            for line in lines
        ]
        self.rows = list(itertools.compress((line.row for line in lines), alone))
        self.unplaced = [
            line.student for line, placed in zip(lines, alone, strict=True) if not placed
        ]


def totals(folder: Path) -> list[Total]:
    """Return what every student reached, from a folder of marks.

    Raises
    ------
    UserError
        If there are no marks.
    """
    path = folder / marks.FILENAME
    if not path.exists():
        raise UserError(f"{folder} holds no {marks.FILENAME}: name the folder that `mark` wrote.")
    by_submission: dict[tuple[str, str], list[marks.Mark]] = {}
    for mark in marks.read(path):
        by_submission.setdefault((mark.student, mark.assignment), []).append(mark)
    by_hand = gradebook.by_hand(folder)
    result = []
    for (student, name), rows in by_submission.items():
        key = nbgrader_id(student), name
        blank = all(row.status in marks.NOTHING_TO_JUDGE for row in rows)
        reached = sum(by_hand.points.get((*key, row.exercise), row.points) for row in rows)
        reached -= by_hand.penalties.get(key, 0)
        points = None if blank and not reached else max(reached, 0)
        result.append(Total(student, name, points, sum(row.maximum for row in rows)))
    return result


# The platforms ------------------------------------------------------------------------------------


def for_moodle(reached: list[Total], people: Roster | None, titles: dict[str, str]) -> list[Table]:
    """A grading worksheet for each assignment (Assignment, View all submissions, Upload)."""
    tables = []
    for name in titles:
        header = ["Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)"]
        lines = []
        for total in (total for total in reached if total.assignment == name):
            person = people.find(total.student) if people else None
            owner = downloads.parse(total.student)
            number = f"Participant {owner.number}" if owner.number else ""
            identifier = _cell(person, "Identifier") or number
            full_name = _cell(person, "Full name") or owner.name
            points = [_number(total.points), _number(total.maximum), ""]
            lines.append(Line(total.student, [identifier], [identifier, full_name, *points]))
        tables.append(Table(f"moodle-{name}.csv", header, lines))
    return tables


def for_canvas(reached: list[Total], people: Roster | None, titles: dict[str, str]) -> list[Table]:
    """One table for Gradebook, Import: a column for each assignment, below it the most points."""
    identity = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    maximum = {total.assignment: _number(total.maximum) for total in reached}
    possible = ["    Points Possible", "", "", "", "", *(maximum[name] for name in titles)]
    lines = []
    for student, cells in _by_student(reached, titles).items():
        person, owner = people.find(student) if people else None, downloads.parse(student)
        if person:
            values = [_cell(person, column) for column in identity]
        else:
            values = [owner.name, owner.number, "", "", ""]
        lines.append(Line(student, values[1:4], [*values, *cells]))
    table = Table("canvas.csv", [*identity, *titles.values()], lines)
    table.rows.insert(0, possible)
    return [table]


def for_brightspace(
    reached: list[Total], people: Roster | None, titles: dict[str, str]
) -> list[Table]:
    """One table for Grades, Enter Grades, Import; without a class list, folders are user names."""
    maximum = {total.assignment: _number(total.maximum) for total in reached}
    points = [f"{title} Points Grade <Numeric MaxPoints:{maximum[name]}>"
              for name, title in titles.items()]  # fmt: skip
    columns = ["OrgDefinedId", "Username", *points, "End-of-Line Indicator"]
    lines = []
    for student, cells in _by_student(reached, titles).items():
        person, owner = people.find(student) if people else None, downloads.parse(student)
        values = [_cell(person, "OrgDefinedId"), _cell(person, "Username")]
        if people is None and not owner.number:  # what a download calls students is no user name
            values = ["", owner.name]
        lines.append(Line(student, values, [*values, *cells, "#"]))
    return [Table("brightspace.csv", columns, lines)]


PLATFORMS: dict[str, Callable[..., list[Table]]] = {
    "moodle": for_moodle,
    "canvas": for_canvas,
    "brightspace": for_brightspace,
}


def _by_student(reached: list[Total], titles: dict[str, str]) -> dict[str, list[str]]:
    """Student → one cell for each assignment."""
    points = {(total.student, total.assignment): _number(total.points) for total in reached}
    students = dict.fromkeys(total.student for total in reached)
    return {s: [points.get((s, name), "") for name in titles] for s in students}


def _cell(person: roster.Person | None, column: str) -> str:
    return person.row.get(column, "").strip() if person else ""


def _number(points: float | None) -> str:
    return "" if points is None else f"{points:g}"


# Files --------------------------------------------------------------------------------------------


def as_csv(table: Table) -> str:
    """Return a table as Excel and the platforms read it: UTF-8 with a mark, nothing that runs."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(table.columns)
    writer.writerows([[marks.harmless(cell) for cell in row] for row in table.rows])
    return marks.BYTE_ORDER_MARK + out.getvalue()


def feedback_zip(folder: Path, students: list[str], platform: str) -> bytes:
    """Return every page of feedback in a folder for its student, as the platform names it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for student in students:
            owner, place = downloads.parse(student), folder / "feedback" / nbgrader_id(student)
            name = nbgrader_id(student)
            if platform == "moodle" and owner.number:
                name = f"{owner.name}_{owner.number}_assignsubmission_file_"
                name = name.replace("/", "").replace("\\", "")  # some unpackers make folders of it
            for page in sorted(place.glob("*/*.html")):
                archive.write(page, f"{name}/{page.parent.name}_feedback.html")
    return out.getvalue()


def _titles(known: list[str], wanted: list[str]) -> dict[str, str]:
    """Assignment → the title of its column."""
    titles = {name: f"Assignment {name}" for name in known}
    for words in wanted:
        name, separator, title = words.partition("=")
        name = assignment.normalize(name)
        if name not in titles or not separator:
            raise UserError(f"--title {words}: give NN=TITLE; marked are {', '.join(known)}.")
        titles[name] = title
    return titles


def main(argv: list[str]) -> int:  # long: all options of the command
    """Write the tables and the feedback; 1 where a student could not be placed."""
    parser = argparse.ArgumentParser(prog="course_utils export", description=__doc__)
    parser.add_argument("marks", type=Path, help="the folder that `mark` wrote")
    parser.add_argument("--for", dest="platform", choices=list(PLATFORMS), required=True)
    parser.add_argument("--roster", type=Path, help="the class list, as the platform exports it")
    parser.add_argument("--out", type=Path, help="a folder (default: export in that of the marks)")
    parser.add_argument(
        "--title", action="append", default=[], metavar="NN=TITLE",
        help="of an assignment's column, as the platform has it: 02='Lab 2 (4711)'",
    )  # fmt: skip
    args = parser.parse_args(argv)
    reached = totals(args.marks)
    people = roster.read(args.roster) if args.roster else None
    titles = _titles(list(dict.fromkeys(total.assignment for total in reached)), args.title)
    tables = PLATFORMS[args.platform](reached, people, titles)
    unplaced = list(dict.fromkeys(student for table in tables for student in table.unplaced))
    if {total.student for total in reached} == {*unplaced}:
        if people:
            raise UserError(on_one_line(UNPLACED.format(", ".join(unplaced))))
        raise UserError(NO_NUMBER.format(args.platform.capitalize()))
    out = args.out or args.marks / "export"
    for table in tables:
        write_atomic(out / table.name, as_csv(table))
        print(out / table.name)
    students = list(dict.fromkeys(total.student for total in reached))
    write_atomic(out / FEEDBACK, feedback_zip(args.marks, students, args.platform))
    print(out / FEEDBACK)
    blank = [f"{total.student}, {total.assignment}" for total in reached if total.points is None]
    if blank:
        print(on_one_line(f"Left empty, not handed in or unreadable: {'; '.join(blank)}"))
    if unplaced:
        print(on_one_line(UNPLACED.format(", ".join(unplaced))))
    return int(bool(unplaced))
