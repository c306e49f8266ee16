"""Marks as learning platforms import them: columns, points changed by hand, nothing that runs."""

import csv
import io
import random
import re
import subprocess
import sys
import zipfile
from datetime import datetime, timedelta

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.__main__ import main as run_command
from course_utils.errors import UserError
from course_utils.marking import assignment, downloads, export, gradebook, mark, marks, roster
from course_utils.marking.marks import Mark
from course_utils.marking.records import Marking
from course_utils.marking.submissions import nbgrader_id

ADA, ZOE, EVE = "Ada Lovelace (12)", "Zoë O'Hara (7)", "=1+1 (3)"
MARKS = [
    Mark(ADA, "02", "2.1", 5, 5, "ok"),
    Mark(ADA, "02", "2.5", 0, 15, "wrong"),
    Mark(ZOE, "02", "2.1", 5, 5, "ok"),
    Mark(ZOE, "02", "2.5", 15, 15, "ok"),
    Mark(EVE, "02", "2.1", 0, 5, marks.MISSING),
    Mark(EVE, "02", "2.5", 0, 15, marks.MISSING),
]
HEADS = {
    "moodle": "Identifier,Full name,Grade,Maximum Grade,Last modified (grade)",
    "canvas": "Student,ID,SIS User ID,SIS Login ID,Section,Assignment 02",
    "brightspace": "OrgDefinedId,Username,Assignment 02 Points Grade <Numeric MaxPoints:20>,"
    "End-of-Line Indicator",
}
ROWS = {
    "moodle": [
        ["Participant 12", "Ada Lovelace", "5", "20", ""],
        ["Participant 7", "Zoë O'Hara", "20", "20", ""],
        ["Participant 3", "'=1+1", "", "20", ""],
    ],
    "canvas": [
        ["    Points Possible", "", "", "", "", "20"],
        ["Ada Lovelace", "12", "", "", "", "5"],
        ["Zoë O'Hara", "7", "", "", "", "20"],
        ["'=1+1", "3", "", "", "", ""],
    ],
    "brightspace": [["#9001", "#ada", "5", "#"], ["#9002", "#zoe", "20", "#"]],
}
LIST = (
    "OrgDefinedId,Username,Last Name,First Name\n#9001,#ada,Lovelace,Ada\n#9002,#zoe,O'Hara,Zoë\n"
)


@pytest.fixture
def folder(tmp_path):
    """A folder of marks, with pages of feedback."""
    (tmp_path / marks.FILENAME).write_text(marks.as_csv(MARKS), "utf-8")
    for student in (ADA, ZOE):
        page = tmp_path / "feedback" / nbgrader_id(student) / "02" / "02_convolution.html"
        page.parent.mkdir(parents=True)
        page.write_text(student, "utf-8")
    (tmp_path / "list.csv").write_text(LIST, "utf-8")
    return tmp_path


def table(path):
    text = path.read_text("utf-8")
    assert text.startswith("\ufeff"), "Excel takes it for another encoding"
    head, *rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    return ",".join(head), rows


@pytest.mark.parametrize("platform", HEADS)
def test_export_writes_the_columns_of_the_platform(folder, platform, capsys):
    roster = ["--roster", str(folder / "list.csv")] if platform == "brightspace" else []
    code = export.main([str(folder), "--for", platform, *roster])
    (path,) = (folder / "export").glob("*.csv")
    assert table(path) == (HEADS[platform], ROWS[platform])
    said = capsys.readouterr().out
    assert f"Left empty, not handed in or unreadable: {EVE}, 02" in said
    assert (code, "Not on the class list" in said) == ((1, True) if roster else (0, False))


def test_export_fills_in_the_worksheet_of_moodle(folder):
    text = (
        "Identifier,Full name,Grade\nParticipant 99,Ada Lovelace,-\nParticipant 98,Zoe O'Hara,-\n"
    )
    (folder / "list.csv").write_text(text)
    assert export.main([str(folder), "--for", "moodle", "--roster", str(folder / "list.csv")]) == 0
    _, rows = table(folder / "export" / "moodle-02.csv")
    assert [row[:3] for row in rows[:2]] == [
        ["Participant 99", "Ada Lovelace", "5"],
        ["Participant 98", "Zoe O'Hara", "20"],
    ]


def test_title_names_a_column_as_the_platform_does(folder):
    export.main([str(folder), "--for", "canvas", "--title", "2=Lab 2 (4711)"])
    assert table(folder / "export" / "canvas.csv")[0].endswith(",Section,Lab 2 (4711)")
    with pytest.raises(UserError, match="give NN=TITLE"):
        export.main([str(folder), "--for", "canvas", "--title", "03=Lab 3"])


def test_feedback_is_zipped_by_student(folder):
    export.main([str(folder), "--for", "moodle"])
    with zipfile.ZipFile(folder / "export" / export.FEEDBACK) as archive:
        pages = {name: archive.read(name).decode() for name in archive.namelist()}
    assert pages == {
        "Ada Lovelace_12_assignsubmission_file_/02_feedback.html": ADA,
        "Zoë O'Hara_7_assignsubmission_file_/02_feedback.html": ZOE,
    }


def test_names_are_no_folders_and_no_signs_for_a_terminal(tmp_path, capsys):
    student, nameless = "a\\..\\b/c (5)", "x\x1b[2J\ny"
    rows = [Mark(name, "02", "2.1", 5, 5, "ok") for name in (student, nameless)]
    (tmp_path / marks.FILENAME).write_text(marks.as_csv(rows), "utf-8")
    page = tmp_path / "feedback" / nbgrader_id(student) / "02" / "02_convolution.html"
    page.parent.mkdir(parents=True)
    page.write_text("x")
    export.main([str(tmp_path), "--for", "moodle"])
    with zipfile.ZipFile(tmp_path / "export" / export.FEEDBACK) as archive:
        assert archive.namelist() == ["a..bc_5_assignsubmission_file_/02_feedback.html"]
    *_, last = capsys.readouterr().out.splitlines()
    assert last == export.UNPLACED.format("x\ufffd[2J y")


def test_export_asks_for_a_class_list_where_names_tell_nothing(tmp_path, capsys):
    rows = [row._replace(student=downloads.parse(row.student).name) for row in MARKS]
    (tmp_path / marks.FILENAME).write_text(marks.as_csv(rows), "utf-8")
    assert run_command(["export", str(tmp_path), "--for", "moodle"]) == 2
    assert "--roster" in capsys.readouterr().err
    assert run_command(["export", str(tmp_path / "x"), "--for", "moodle"]) == 2


# Whose row it is ----------------------------------------------------------------------------------
CLASS_LISTS = {  # columns as the platforms export them, the platform's own number first
    "moodle": ["Identifier", "Full name", "ID number", "Email address", "Username"],
    "moodle, participants": ["", "First name", "Last name", "ID number", "Email address"],
    "canvas": ["ID", "Student", "SIS User ID", "SIS Login ID", "Section"],
    "brightspace": ["", "OrgDefinedId", "Username", "Last Name", "First Name", "Email"],
}
OWN = {
    "Identifier": "Participant {0}", "ID": "{0}", "Full name": "{1}", "Student": "{2}, {1}",
    "First name": "{1}", "First Name": "{1}", "Last name": "{2}", "Last Name": "{2}",
    "ID number": "m{0}", "SIS User ID": "m{0}", "OrgDefinedId": "#m{0}", "Username": "#u{0}",
    "SIS Login ID": "u{0}@uni.example", "Email address": "u{0}@uni.example",
    "Email": "u{0}@uni.example", "Section": "x",
}  # fmt: skip
COLUMNS = [(kind, column) for kind, (_, *columns) in CLASS_LISTS.items() for column in columns]
CALLED = ["123", "m123", "u123", "Ada Lovelace", "lovelaceada", "u123@uni.example"]
FORMS = ["{}", "#{}", "Participant {}", "{}@evil.example", "{}, x", "{} x"]


def class_list(path, columns, *people):
    """Write a class list; of a person, what does not stand there is their own."""
    columns = [column for column in columns if column]
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        for names, cells in people:
            table.writerow(cells.get(column, OWN[column].format(*names)) for column in columns)
    return roster.read(path)


def row_of(tables, points):
    """The row with these points, as one text; "" where there is none."""
    rows = (",".join(row) for table in tables for row in table.rows if points in row)
    return next(rows, "")


@pytest.mark.parametrize("called", CALLED)
@pytest.mark.parametrize(("kind", "column"), COLUMNS)
def test_no_cell_of_another_takes_points(kind, column, called, tmp_path):
    """Eve writes what Ada is called into a column of her own row."""
    ada, eve = ("123", "Ada", "Lovelace"), ("456", "Eve", "Evil")
    platform = kind.partition(",")[0]
    for form in FORMS:
        cell = {column: form.format(called)}
        people = class_list(tmp_path / "c.csv", CLASS_LISTS[kind], (ada, {}), (eve, cell))
        for student in ("Ada Lovelace (123)", "lovelaceada (123)", "m123", "u123@uni.example"):
            reached = [export.Total(name, "02", 7 * (name == student) + 1, 10)
                       for name in (student, "Eve Evil (456)")]  # fmt: skip
            tables = export.PLATFORMS[platform](reached, people, {"02": "Assignment 02"})
            row, unplaced = row_of(tables, "8"), tables[0].unplaced
            assert not re.search(r"Ev|456|evil", row)
            assert bool(row) != (student in unplaced)
            assert bool(row_of(tables, "1")) != ("Eve Evil (456)" in unplaced)


def test_number_of_a_download_is_the_platforms_alone(tmp_path):
    """A number of the university's, an address and a user name may be the same by chance."""
    ada, eve = ("123", "Ada", "Lovelace"), ("456", "Eve", "Evil")
    for column in ("OrgDefinedId", "Username", "Email"):
        cell = {column: "123@evil.example" if column == "Email" else "#123"}
        people = class_list(tmp_path / "c.csv", CLASS_LISTS["brightspace"], (ada, {}), (eve, cell))
        assert people.find("Ada Lovelace (123)") is people.people[0]
        assert people.find("Zoë (123)") is None
    people = class_list(tmp_path / "c.csv", CLASS_LISTS["canvas"], (ada, {}), (eve, {}))
    assert people.find("zoe (123)") is people.people[0]  # the number alone
    assert people.find("evileve (123)") is None  # which says another than the name


@pytest.mark.parametrize("platform", HEADS)
def test_two_students_in_one_row_are_named(folder, platform, capsys):
    """Of two folders that lead to the same row, nobody knows whose it is."""
    twins = ["Ada Lovelace (12)", "Ada Lovelace (13)"]
    marks.write([Mark(name, "02", "2.1", 5, 5, "ok") for name in (*twins, ZOE)],
                folder / marks.FILENAME)  # fmt: skip
    (folder / "list.csv").write_text(
        "Identifier,Full name,ID,OrgDefinedId,Username\nParticipant 1,Ada Lovelace,1,#9001,#ada\n"
        "Participant 7,Zoë O'Hara,7,#9002,#zoe\n", "utf-8"
    )  # fmt: skip
    arguments = [str(folder), "--for", platform, "--roster", str(folder / "list.csv")]
    assert export.main(arguments) == 1
    *_, last = capsys.readouterr().out.splitlines()
    assert last == export.UNPLACED.format(", ".join(twins))
    (path,) = (folder / "export").glob("*.csv")
    assert "Ada" not in path.read_text("utf-8")
    assert "#ada" not in path.read_text("utf-8")


def test_numbers_of_two_students_are_not_one_row(folder, capsys):
    marks.write(
        [Mark(name, "02", "2.1", 5, 5, "ok") for name in ("Ada (12)", "Eve (12)", ZOE)],
        folder / marks.FILENAME,
    )
    assert export.main([str(folder), "--for", "canvas"]) == 1
    assert "Ada (12), Eve (12)" in capsys.readouterr().out.splitlines()[-1]


def test_nobody_placed_names_them(folder, capsys):
    """With a class list it is not the class list that is missing."""
    (folder / "list.csv").write_text("Full name,Username\nKaren,k\n")
    arguments = [str(folder), "--for", "brightspace", "--roster", str(folder / "list.csv")]
    assert run_command(["export", *arguments]) == 2
    assert ADA in capsys.readouterr().err


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "'=1", "''@"]
)
def test_no_cell_runs_as_a_formula(cell, tmp_path):
    assert marks.harmless(cell) in (f"'{cell}", f"'{cell[0]}'{cell[1:]}")  # after a tab, too
    assert marks.original(marks.harmless(cell)) == cell
    row = Mark(cell, "02", "2.5", 0, 15, "mistake", cell, "flipped", cell)
    (tmp_path / "m.csv").write_text(marks.as_csv([row]), "utf-8", newline="")
    assert marks.read(tmp_path / "m.csv") == [row]
    for word in ("Ada", "2.5", "", "O'Hara", "'quoted'"):
        assert marks.harmless(word) == word == marks.original(word)


SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
UNSEEN = "\u200b\ufeff\u2060\xa0\u3000"
GAPS = [
    ";",
    "; ",
    "\t",
    "\n",
    ";\r\n",
    ";'",
    ";''",
    ';"',
    '; "',
    ';" ',
    ';""',
    ';"""',
    '\t"',
    '\n"',
]
GAPS += ["|", "\u061b", ' ;"; ', *(gap + space for gap in (";", ';"') for space in UNSEEN)]


def begins_a_formula(cell):
    """Whether a spreadsheet might run it, which strips quotes and what nobody sees."""
    return cell.lstrip(f'" \t\r\n{UNSEEN}').startswith(tuple(SIGNS))


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("gap", GAPS)
def test_no_part_of_a_cell_runs_as_a_formula(gap, sign):
    """Where ";" parts cells, a spreadsheet may begin one within ours."""
    for cell in (f"ValueError: x{gap}{sign}1+1;", f"{gap}{sign}1", f'"x";{gap}{sign}1;"'):
        assert marks.original(marks.harmless(cell)) == cell
        row = Mark(cell, "02", "2.5", 0, 15, "mistake", cell, "flipped", cell, cell)
        for separator in ";,\t|\u061b":
            text = io.StringIO(marks.as_csv([row, row]).removeprefix("\ufeff"), newline="")
            parts = [part for line in csv.reader(text, delimiter=separator) for part in line]
            assert not [part for part in parts if begins_a_formula(part)]


def test_harmless_keeps_what_begins_no_cell():
    for words in ("a - b", "x[1, -2]", "got -1", 'say "-"', "a;b=1"):
        assert marks.harmless(words) == words


def test_harmless_undoes_any_text():
    letters = f";\t\n|'\" ax,{SIGNS}{UNSEEN}"
    chosen = random.Random(5)
    for _ in range(5000):
        cell = "".join(chosen.choices(letters, k=chosen.randrange(12)))
        assert marks.original(marks.harmless(cell)) == cell


# Marked for real ----------------------------------------------------------------------------------


def hand_in(folder, student, source, when=""):
    place = folder / student / "00"
    place.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=[new_code_cell(source)]), place / "00_start_here.ipynb")
    if when:
        (place / "timestamp.txt").write_text(when)


def points(folder):
    return {total.student: total.points for total in export.totals(folder)}


@pytest.mark.marking
def test_marks_by_hand_and_late_penalties_outlive_marking_again(tmp_path, capsys):
    """One story, as every step marks: adjusted, late, handed in again, one student alone."""
    course, submitted, out = (tmp_path / name for name in ("course", "submitted", "marks"))
    course.mkdir()
    assignment.make_course([assignment.find_workbook("00")], course)
    config = course / "nbgrader_config.py"
    config.write_text(config.read_text() + 'c.LateSubmissionPlugin.penalty_method = "zero"\n')
    due = datetime(2026, 11, 2, 12, 0)
    with assignment.open_course(course), gradebook._open_book(course / "gradebook.db") as book:
        book.update_or_create_assignment("00", duedate=due)
    hand_in(submitted, "ada", "pixels = 784", str(due - timedelta(hours=1)) + " UTC")
    hand_in(submitted, "bob", "pixels = 784", str(due + timedelta(hours=1)) + " UTC")
    hand_in(submitted, "eve", "pixels = 1")
    arguments = [str(submitted), "--out", str(out), "--unsafe", "--course", str(course)]
    assert mark.main(arguments) == 0
    assert points(out) == {"ada": 1, "bob": 0, "eve": 0}
    with assignment.open_course(out), gradebook._open_book(out / "gradebook.db") as book:
        notebook = book.find_submission("00", "eve").notebooks[0]
        notebook.grades[0].manual_score = 0.5
        book.db.commit()
    assert points(out)["eve"] == 0.5
    hand_in(submitted, "eve", "pixels = 2")
    hand_in(submitted, "bob", "pixels = 784", str(due - timedelta(hours=2)) + " UTC")
    assert mark.main([*arguments, "--student", "eve"]) == 0
    assert points(out) == {"ada": 1, "bob": 0, "eve": 0.5}
    assert mark.main(arguments) == 0
    assert points(out) == {"ada": 1, "bob": 1, "eve": 0.5}
    rows = {row.student: row for row in marks.read(out / marks.FILENAME)}
    assert (rows["eve"].points, rows["eve"].status) == (0.5, "wrong")
    assert run_command(["mark", *arguments, "--student", "nobody"]) == 2
    assert "no student 'nobody'" in capsys.readouterr().err
    assert Marking(out).seed is not None


def test_export_imports_on_windows():
    code = "import sys; sys.modules['fcntl'] = None; import course_utils.marking.export"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
