"""Marks as learning platforms import them: columns, points changed by hand, nothing that runs."""

import csv
import io
import random
import subprocess
import sys
import zipfile
from datetime import datetime, timedelta

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.__main__ import main as run_command
from course_utils.errors import UserError
from course_utils.marking import assignment, downloads, export, gradebook, mark, marks
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
    assert last == "Not on the class list, so not exported: x\ufffd[2J y"


def test_export_asks_for_a_class_list_where_names_tell_nothing(tmp_path, capsys):
    rows = [row._replace(student=downloads.parse(row.student).name) for row in MARKS]
    (tmp_path / marks.FILENAME).write_text(marks.as_csv(rows), "utf-8")
    assert run_command(["export", str(tmp_path), "--for", "moodle"]) == 2
    assert "--roster" in capsys.readouterr().err
    assert run_command(["export", str(tmp_path / "x"), "--for", "moodle"]) == 2


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
