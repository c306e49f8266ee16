"""What the class got wrong: counted as planted, nobody named, and files of every kind of bad."""

import json
import os
import random
import re
from dataclasses import replace
from pathlib import Path, PurePath

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_notebook

from course_utils import progress
from course_utils.__main__ import COMMANDS, load
from course_utils.__main__ import main as run_command
from course_utils.exercises import all_exercises, convolution, tensors
from course_utils.marking import (
    answer_samples,
    class_results,
    class_summary,
    downloads,
    marks,
    report,
    roster,
)

KNOWN_WORDS = {mistake.words: name for name, mistake in convolution.conv2d.mistakes.items()}
FLIPPED, SWAPPED = list(KNOWN_WORDS)[:2]
PARTS = (convolution.conv2d.model.__module__, tensors.brackets.model.__module__)
NAMES = [f"{first} {last}" for first in ("Ada", "Emmy", "Sofja") for last in "ABCDEFGHIJ"]
PLANTED = {  # 30 students: what became of 2.5, how many, with which tries
    "flipped, stuck": (7, False, "mistake", [FLIPPED]),
    "flipped, passed since": (4, True, "ok", [FLIPPED, SWAPPED]),
    "an error": (3, False, "error", []),
    "unusual": (2, False, "wrong", []),
    "passed at once": (9, True, "ok", []),
    "emptied again": (1, False, "todo", [SWAPPED]),
    "not tried": (4, False, "todo", None),
}


def hand_in(folder, name, number, exercise, verdict, passed, mistakes):
    """Let a student try one exercise and export the progress, as workbook 0 says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROGRESS", str(folder / f"{name}.json"))
        for message in mistakes or ():
            findings = [KNOWN_WORDS[message]] if message in KNOWN_WORDS else []
            progress.record(number, exercise, "mistake", message, message, findings)
        if mistakes is not None:
            progress.record(number, exercise, verdict, "", verdict)
        if passed:
            progress.record(number, exercise, "ok", "", "right")
        if mistakes is None:
            progress.record("1.1", "brackets", "ok", "", "right")
        return progress.export(folder / f"{name}.csv")


@pytest.fixture
def handed_in(tmp_path):
    """The folder of a class with known mistakes in 2.5, in random order."""
    folder = tmp_path / "class"
    folder.mkdir()
    plan = [fate for fate in PLANTED.values() for _ in range(fate[0])]
    random.Random(5).shuffle(plan)
    for name, (_, passed, verdict, mistakes) in zip(NAMES, plan, strict=True):
        hand_in(folder, name, "2.5", "conv2d", verdict, passed, mistakes)
        (folder / f"{name}.json").unlink()
    return folder


def row_of(students, number):
    return next(row for row in class_summary.summarize(students) if row.exercise.number == number)


def counts(row):
    return {mistake.message: (len(mistake.students), mistake.since) for mistake in row.kinds}


def said(html):
    return re.sub(r"\s+", " ", BeautifulSoup(html, "html.parser").text)


def test_summarize_counts_planted_mistakes(handed_in):
    students, left_out = class_results.read([handed_in])
    row = row_of(students, "2.5")
    assert (len(students), left_out) == (30, [])
    assert [len(names) for names in (row.passed, row.stuck, row.absent)] == [13, 13, 4]
    assert counts(row) == {
        FLIPPED: (11, 4),
        SWAPPED: (5, 4),
        class_summary.FALLBACK_MESSAGES["error"]: (3, 0),
        class_summary.UNKNOWN_MISTAKE: (2, 0),
    }


def test_page_lists_counts(handed_in):
    text = said(report.render(class_results.read([handed_in])[0]))
    assert f"11 of 30 (4 passed since) {FLIPPED}" in text
    assert "✓ 13 passed ✗ 13 stuck ○ 4 not tried" in text


def first_of(html):
    """What the page says under its first heading, one exercise a line."""
    page = BeautifulSoup(html, "html.parser")
    return [re.sub(r"\s+", " ", item.text).strip() for item in page.select("ol.first > li")]


def test_page_ranks_exercises_by_how_many_are_stuck(tmp_path):
    for i in range(9):
        fate = ("wrong", []) if i < 5 else ("mistake", [FLIPPED]) if i < 7 else ("ok", [])
        hand_in(tmp_path, f"a{i}", "2.5", "conv2d", fate[0], fate[0] == "ok", fate[1])
    for i in range(6):
        hand_in(tmp_path, f"b{i}", "2.2", "blurred_pixel", "mistake", False, ["x"])
    first, second, *others = first_of(report.render(class_results.read([tmp_path])[0]))
    assert first.startswith("7of 15 stuck 2.5 Write conv2d 5 × None of the usual mistakes")
    assert f"2 × {FLIPPED}" in first
    assert second.startswith("6of 15 stuck 2.2 ")
    assert others == []  # where nobody is stuck there is nothing to talk about


def test_page_shows_tried_parts_only(handed_in):
    shown = [
        row.exercise.number for row in class_summary.summarize(class_results.read([handed_in])[0])
    ]
    core = [
        exercise.number
        for exercise in all_exercises()
        if exercise.model.__module__ == convolution.__name__
    ]
    basics = [
        exercise.number
        for exercise in all_exercises()
        if exercise.model.__module__ == tensors.__name__
    ]
    assert shown == basics + core


def test_marks_count_like_progress(tmp_path):
    fates = ["ok"] * 12 + ["mistake"] * 11 + ["limit", marks.UNREADABLE] + ["todo"] * 5
    messages = {"mistake": FLIPPED}
    rows = [
        marks.Mark(name, "02", "2.5", 15 * (fate == "ok"), 15, fate, messages.get(fate, ""))
        for name, fate in zip(NAMES, fates, strict=True)
    ]
    marks.write(rows, tmp_path / marks.FILENAME)
    (tmp_path / "roster.csv").write_text("a table of something else")
    for source in (tmp_path, tmp_path / marks.FILENAME):
        row = row_of(class_results.read([source])[0], "2.5")
        by_state = row.passed, row.stuck, row.absent, row.missing
        assert [len(names) for names in by_state] == [12, 12, 5, 1]
        stopped = class_summary.FALLBACK_MESSAGES["limit"]
        assert counts(row) == {FLIPPED: (11, 0), stopped: (1, 0)}


def test_progress_json_equals_its_export(tmp_path):
    for kind in ("json", "csv"):
        (tmp_path / kind).mkdir()
    for name, fate in zip(NAMES, PLANTED.values(), strict=False):
        _, passed, verdict, mistakes = fate
        table = hand_in(tmp_path / "json", name, "2.5", "conv2d", verdict, passed, mistakes)
        table.rename(tmp_path / "csv" / table.name)
    files = [sorted((tmp_path / kind).glob(f"*.{kind}")) for kind in ("json", "csv")]
    (first, _), (second, _) = map(class_results.read, files)
    assert first.keys() == second.keys()
    assert report.render(first) == report.render(second)


@pytest.mark.parametrize(
    ("place", "student"),
    [
        ("Ada A.csv", "Ada A"),
        ("Ada A/progress.csv", "Ada A"),
        ("Ada A/my_work/progress.json", "Ada A"),
        ("Ada A/progress (1).csv", "Ada A"),
        ("Ada A/my_progress-copy.csv", "Ada A"),
        ("progress_Ada A.csv", "Ada A"),
        ("s123456_progress.json", "s123456"),
        ("progress-123456.csv", "123456"),
        ("student-01.csv", "student-01"),
        ("Ada A_123_assignsubmission_file_/progress.csv", "Ada A (123)"),
        ("aada_123_456_progress-2.csv", "aada (123)"),
        ("aada_LATE_123_456_progress.csv", "aada (123)"),
        ("123-456 - Ada A - Nov 3, 2026 1159 PM/progress.csv", "Ada A (123)"),
    ],
)
def test_student_is_named_by_path(tmp_path, place, student):
    assert class_results._student(tmp_path / place) == student


def test_folder_counts_progress_once(tmp_path):
    work = tmp_path / "Ada A" / "my_work"
    work.mkdir(parents=True)
    hand_in(work, "progress", "2.5", "conv2d", "mistake", False, [FLIPPED])
    (work / ".ipynb_checkpoints").mkdir()
    (work / "progress.csv").rename(work / ".ipynb_checkpoints" / "progress-checkpoint.csv")
    hand_in(work, "progress", "2.5", "conv2d", "mistake", False, [FLIPPED])
    students, left_out = class_results.read([tmp_path])
    assert (list(students), left_out) == (["Ada A"], [])


def test_read_accepts_spreadsheet_csv(tmp_path):
    hand_in(tmp_path, "Ada A", "2.10", "kernel_gradient", "mistake", False, ["x"])
    text = (tmp_path / "Ada A.csv").read_text("utf-8")
    changed = text.replace("2.10,", "2.1,").replace("False", "FALSE").replace(",", ";")
    (tmp_path / "Ada A.csv").write_text("\ufeff" + changed, encoding="utf-8")
    students, _ = class_results.read([tmp_path / "Ada A.csv"])
    assert students["Ada A"]["2.10"].state == "stuck"


def test_page_is_anonymous_by_default(handed_in):
    students, _ = class_results.read([handed_in])
    anonymous, named = report.render(students), report.render(students, names=True)
    for name in NAMES:
        assert name not in anonymous
        assert name in named
    assert "Ada" not in anonymous
    who = BeautifulSoup(named, "html.parser").find(string=re.compile("11 of 30"))
    assert who is not None


def test_page_omits_unknown_text(tmp_path):
    entry = {"name": "conv2d", "verdict": "mistake", "passed": False}
    entry["tries"] = [{"digest": "1", "verdict": "mistake", "message": "<script>Ada</script>"}]
    other = {"Ada 9.9": entry | {"name": "<b>Ada</b>"}, "2.5": entry}
    (tmp_path / "a.json").write_text(json.dumps(other))
    students, _ = class_results.read([tmp_path / "a.json"])
    for html in (report.render(students), report.render(students, names=True)):
        assert "Ada" not in html
        assert "<script" not in html
    assert counts(row_of(students, "2.5")) == {class_summary.UNKNOWN_MISTAKE: (1, 0)}


def test_page_escapes_names():
    outcome = class_results.Outcome("mistake", False, (FLIPPED,))
    assert "<b>" not in report.render({"<b>Ada</b>": {"2.5": outcome}}, names=True)


def test_page_loads_no_script(handed_in):
    html = report.render(class_results.read([handed_in])[0])
    page = BeautifulSoup(html, "html.parser")
    assert page.find("script") is None
    links = [tag["href"] for tag in page.find_all(href=True)]
    assert links[0] == "data:,"
    assert links[1:]
    for link in links[1:]:
        assert page.find(id=link.removeprefix("#"))
    assert page.find(src=True) is None
    assert "http" not in html
    assert "url(" not in html
    assert "@import" not in html


@pytest.mark.parametrize("exercise", all_exercises(), ids=lambda exercise: exercise.number)
def test_separator_is_in_no_message(exercise):
    assert not any(class_results.SEPARATOR in message for message in exercise.mistakes)


def test_exercise_names_are_unique():
    assert len({exercise.name for exercise in all_exercises()}) == len(all_exercises())


BAD = {
    "empty.csv": "",
    "other.csv": "a,b\n1,2\n",
    "short.csv": "exercise,name,passed,verdict,distinct_tries,misconceptions\n2.5,conv2d\n",
    "tries.csv": "exercise,name,passed,verdict,distinct_tries,misconceptions\n2.5,conv2d,,,x,\n",
    "twice.csv": ",".join(marks.Mark._fields) + "\nAda,02,2.5,15,15,ok,\nAda,02,2.5,15,15,ok,\n",
    "list.json": "[1, 2]",
    "entry.json": '{"2.5": 3}',
    "broken.json": '{"2.5": {"name": "conv2d"',
    "deep.json": "[" * 100_000,
    "bytes.csv": b"\xff\xfe\x00\x01",
    "huge.csv": b"x" * (class_results.MAX_BYTES + 1),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_file_is_named_and_skipped(tmp_path, name, capsys, handed_in):
    bad = tmp_path / name
    bad.write_bytes(BAD[name] if isinstance(BAD[name], bytes) else BAD[name].encode())
    assert run_command(["report", str(bad), "--out", str(tmp_path / "r.html")]) == 2
    error = capsys.readouterr().err
    assert error.startswith(str(bad))
    assert not (tmp_path / "r.html").exists()
    inside = handed_in / f"progress {name}"
    inside.write_bytes(bad.read_bytes())
    assert report.main([str(handed_in), "--out", str(tmp_path / "r.html")]) == 1
    assert f"Left out: {inside}" in capsys.readouterr().err
    shown = sum(e.model.__module__ in PARTS for e in all_exercises())
    assert f"30 of 30 students handed in. On average they have 0.6 of {shown} exercises" in said(
        (tmp_path / "r.html").read_text("utf-8")
    )


def test_file_named_after_another_stops_no_report(handed_in, tmp_path, capsys):
    forged = handed_in / "eve" / f"{NAMES[0]}.csv"
    forged.parent.mkdir()
    own = handed_in / forged.name
    forged.write_bytes(own.read_bytes())
    out = tmp_path / "r.html"
    assert report.main([str(handed_in), "--out", str(out)]) == 1
    told = capsys.readouterr().err
    assert str(own) in told
    assert str(forged) in told
    assert "29 of 29 students" in said(out.read_text("utf-8"))
    assert run_command(["report", str(own), str(forged), "--out", str(tmp_path / "x.html")]) == 2
    assert "rename one file" in capsys.readouterr().err


def test_report_explains_wrong_arguments(tmp_path, capsys):
    def fails(*arguments):
        assert run_command(["report", *map(str, arguments), "--out", str(tmp_path / "r.html")]) == 2
        return capsys.readouterr().err

    assert "There is no file or folder" in fails(tmp_path / "none")
    submitted = tmp_path / "submitted" / "ada" / "02"
    submitted.mkdir(parents=True)
    (submitted / "02.ipynb").write_text("{}")
    assert "run `mark` first" in fails(tmp_path / "submitted")
    (tmp_path / "a.json").write_text("{}")
    assert "nothing to report" in fails(tmp_path / "a.json")
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        hand_in(tmp_path / folder, "Ada", "2.5", "conv2d", "ok", True, [])
    assert "rename one file" in fails(tmp_path / "x", tmp_path / "y")
    (tmp_path / "r.html").write_text("mine")
    assert "Name another with --out, or remove it" in fails(tmp_path / "x")
    assert (tmp_path / "r.html").read_text() == "mine"


def test_report_writes_one_file(handed_in, tmp_path, capsys):
    out = tmp_path / "deep" / "report.html"
    assert load(COMMANDS["report"])([str(handed_in), "--out", str(out)]) == 0
    assert f"30 students: {out}" in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]
    assert "Ada" not in out.read_text("utf-8")


def test_failed_write_leaves_no_file(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        report.write_report(tmp_path / "r.html", "half\ud800")
    assert list(tmp_path.iterdir()) == []


# A class that was marked --------------------------------------------------------------------------
ANSWER = '''# {student} was here
import torch

def conv2d(image, kernel, stride=1, padding=0):
    """By {student}."""
    {student}_rows = image.shape[0]
    note = "{student}"
    return image[:{crop}] * 3

print(conv2d(torch.eye(3), torch.eye(2)))'''
ALIKE = {"Emmy": 4, "Sofja": 4, "Karen": 4, "Hypatia": 7, "Grace": 7, "Sophie": 5}


@pytest.fixture
def marked(tmp_path):
    """Marks of ten: six are wrong in ways nobody knows, one did not hand in, one is unreadable."""
    folder = tmp_path / "marks"
    rows = [
        marks.Mark(name, "02", "2.5", 0, 15, "wrong", signature=f"crop {crop}")
        for name, crop in ALIKE.items()
    ]
    rows += [marks.Mark("Ada", "02", "2.5", 15, 15, "ok")]
    rows += [marks.Mark("Mary", "02", "2.5", 0, 15, marks.MISSING)]
    rows += [marks.Mark("Rosa", "02", "2.5", 0, 15, marks.UNREADABLE)]
    rows += [marks.Mark("Ida", "01", "1.1", 3, 3, "ok")]  # nothing of 02
    folder.mkdir()
    marks.write(rows, folder / marks.FILENAME)
    for name, crop in ALIKE.items():
        cell = new_code_cell(ANSWER.format(student=name, crop=crop))
        cell.metadata = {"nbgrader": {"grade_id": "exercise-2-5"}}
        path = folder / "submitted" / name / "02" / "02_convolution.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(new_notebook(cells=[cell]), path)
    return folder


def test_page_names_kinds_of_errors(tmp_path):
    reasons = [
        "NameError: name 'ada' is not defined",
        "It stopped: IndexError",
        "Adas: x",
    ]
    rows = [
        marks.Mark(str(i), "02", "2.5", 0, 15, "error", reason=reason)
        for i, reason in enumerate(reasons * 2)
    ]
    marks.write(rows, tmp_path / marks.FILENAME)
    students, _ = class_results.read([tmp_path])
    assert counts(row_of(students, "2.5")) == {
        "The code stops with this error: NameError.": (2, 0),
        "The code stops with this error: IndexError.": (2, 0),
        class_summary.FALLBACK_MESSAGES["error"]: (2, 0),
    }
    assert "ada" not in report.render(students).lower()


def test_page_of_marks_leads_with_totals(marked):
    students, _ = class_results.read([marked])
    totals = class_summary.total(students)
    assert (totals.students, totals.handed_in, totals.missing, totals.unreadable) == (10, 8, 1, 1)
    assert totals.points == pytest.approx((15 + 3) / 8)
    row = row_of(students, "2.5")
    assert (row.missing, row.points) == (["Ida", "Mary", "Rosa"], pytest.approx(15 / 7))
    text = said(report.render(students))
    assert "8 of 10 students handed in, 1 did not, 1 cannot be read. Mean: 2.2 of" in text


def test_equal_wrong_answers_are_grouped_largest_first(marked, tmp_path):
    assert report.main([str(marked), "--out", str(tmp_path / "r.html")]) == 0
    page = BeautifulSoup((tmp_path / "r.html").read_text("utf-8"), "html.parser")
    heads = [head.text for head in page.find_all("h3") if " × in " in head.text]
    assert heads == ["3 × in 2.5 Write conv2d", "2 × in 2.5 Write conv2d"]
    shown = page.find("h3", string=heads[0]).find_next("pre").text
    assert "return image[:4] * 3" in shown
    assert "6of 8 stuck 2.5 Write conv2d 3 ×" in said(page.decode())
    for name in [*ALIKE, "print", "was here"]:
        assert name not in page.text


def test_new_mistakes_name_the_other_answers_of_the_group(marked, tmp_path, capsys):
    out, other = tmp_path / "new.py", str(tmp_path / "r.html")
    assert report.main([str(marked), "--out", other, "--new-mistakes", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    names = {}
    exec(out.read_text("utf-8"), names)
    known = {"an-id": names["mistake"]("You cropped it.", names["new_mistake_1"]())}
    exercise = replace(convolution.conv2d, mistakes=known)
    answer = {}
    exec(ANSWER.format(student="Karen", crop=4).partition("print")[0], answer)
    assert exercise.judge(answer["conv2d"]).findings == ("an-id",)
    assert "new_mistake_2" in names
    assert "new_mistake_3" not in names  # one alone is nobody's usual mistake


def test_new_mistakes_says_when_there_are_none(handed_in, tmp_path, capsys):
    arguments = [str(handed_in), "--out", str(tmp_path / "r.html"), "--new-mistakes"]
    assert run_command(["report", *arguments, str(tmp_path / "new.py")]) == 2
    assert "nothing to write" in capsys.readouterr().err
    assert not (tmp_path / "new.py").exists()


@pytest.mark.parametrize(
    ("source", "anonymous"),
    [
        ("conv2d = 1  # Ada", "conv2d = 1"),
        ("ada_kernel = 2\nconv2d = ada_kernel", "x_kernel = 2\nconv2d = x_kernel"),
        ("conv2d = adapt(2)", "conv2d = adapt(2)"),  # a word that only begins like a name
        ("conv2d = max(2, 3)", "conv2d = max(2, 3)"),  # Max is in the class, but made no `max`
        ("conv2d = 'by Ada'", "conv2d = '...'"),
        ("from ada import lovelace\nconv2d = 2", "from x import xx\nconv2d = 2"),
        ("def image(kernel):\n    'Ada'", "def image(kernel):\n    pass"),
        ("conv2d = (28", ""),
        ("-" * 3000 + "1", ""),
        ("conv2d = '\ud800'", ""),
    ],
)
def test_anonymize_removes_names_only(source, anonymous):
    students = ["Ada Lovelace", "Max Image", "Li"]
    assert answer_samples.anonymize(source, convolution.conv2d, students) == anonymous


# Who belongs to the class -------------------------------------------------------------------------
ROSTERS = {
    "moodle": "First name,Last name,ID number\nAda,Löve,123\nEmmy,No,7\n",
    "worksheet": "Identifier,Full name\nParticipant 123,Ada Löve\nParticipant 7,Emmy No\n",
    "canvas": 'Student,ID\n    Points Possible,\n"Löve, Ada",123\n"No, Emmy",7\n',
    "brightspace": "OrgDefinedId,Last Name,First Name\n#123,Löve,Ada\n#7,No,Emmy\n",
    "semicolons": "Name;Matrikel\nAda Löve;123\nEmmy No;7\n",
    "names": "Ada Löve\nEmmy No\n",
}


@pytest.mark.parametrize("kind", ROSTERS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_roster_finds_student(tmp_path, kind, encoding):
    (tmp_path / "list.csv").write_bytes(ROSTERS[kind].encode(encoding))
    people = roster.read(tmp_path / "list.csv")
    assert [person.name for person in people.people] == ["Ada Löve", "Emmy No"]
    for student in ("Ada Löve", "Ada Löve (123)", "loveada (123)", "ada-love"):
        assert people.find(student) is people.people[0]
    assert people.find("Karen Uhlenbeck") is None


def test_roster_does_not_guess_between_namesakes(tmp_path):
    (tmp_path / "list.csv").write_text("Full name,ID\nAda Love,1\nAda Love,2\n")
    people = roster.read(tmp_path / "list.csv")
    assert people.find("Ada Love") is None
    assert people.find("Ada Love (2)").row["ID"] == "2"


def test_examples_tell_no_name_of_the_roster(tmp_path, monkeypatch):
    """Platforms write them otherwise in the names of folders: "loveada (123)"."""
    hand_in(tmp_path, "loveada", "2.5", "conv2d", "mistake", False, [FLIPPED])
    (tmp_path / "list.txt").write_text("Ada Love\nEmmy No\n")
    names = []
    monkeypatch.setattr(report, "example_from", lambda _folders, known, *_: names.extend(known))
    monkeypatch.setattr(report, "render", lambda _students, _names, example: str(example("", None)))
    arguments = [str(tmp_path / "loveada.csv"), "--roster", str(tmp_path / "list.txt")]
    assert report.main([*arguments, "--out", str(tmp_path / "r.html")]) == 0
    assert {"loveada", "Ada Love", "Emmy No"} <= {*names}


def test_report_counts_missing_students_of_roster(tmp_path, capsys):
    hand_in(tmp_path, "Ada Love", "2.5", "conv2d", "mistake", False, [FLIPPED])
    hand_in(tmp_path, "A Stranger", "2.5", "conv2d", "ok", True, [])
    (tmp_path / "list.txt").write_text("Ada Love\nEmmy No\n")
    files = [str(path) for path in tmp_path.glob("*.csv")]
    out = tmp_path / "r.html"
    arguments = [*files, "--roster", str(tmp_path / "list.txt"), "--out", str(out), "--names"]
    assert report.main(arguments) == 0
    assert "Not clearly one person on the class list: A Stranger" in capsys.readouterr().err
    text = said(out.read_text("utf-8"))
    assert "2 of 3 students handed in, 1 did not." in text
    assert "– 1 not handed in Emmy No" in text


def test_report_keeps_chosen_workbooks(tmp_path):
    hand_in(tmp_path, "Ada", "2.5", "conv2d", "mistake", False, [FLIPPED])  # no other of 1.1
    hand_in(tmp_path, "Emmy", "2.5", "conv2d", "todo", False, None)  # only 1.1
    students, _ = class_results.read([tmp_path])
    assert {n for o in report.select(students, ["2"]).values() for n in o} == {"2.5"}
    assert {n for o in report.select(students, ["01", "2"]).values() for n in o} == {"1.1", "2.5"}
    with pytest.raises(class_results.ReportError, match="Nobody has tried"):
        report.select(students, ["further/02"])


def test_table_counts_tries(tmp_path):
    hand_in(tmp_path, "Ada", "2.5", "conv2d", "ok", True, [FLIPPED, SWAPPED])
    hand_in(tmp_path, "Emmy", "2.5", "conv2d", "todo", False, [FLIPPED])
    students, _ = class_results.read([tmp_path])
    for names, heads in ((True, ["Ada", "Emmy"]), (False, ["1", "2"])):
        page = BeautifulSoup(report.render(students, names), "html.parser")
        rows = page.select(".scroll tbody tr")
        assert [row.th.text for row in rows] == heads
        assert [{cell.text for cell in row("td")} for row in rows] == [{"○", "✓ 2"}, {"○", "✗ 1"}]


PROGRESS = "exercise,name,passed,verdict,distinct_tries,misconceptions\n0.1,pixels,True,ok,0,\n"
TRIES = {
    "name": "pixels",
    "verdict": ["x"],
    "passed": False,
    "tries": [{"verdict": {"a": 1}, "digest": ""}],
}
OF_OTHERS = "student,assignment,exercise,points,maximum,status,misconception\nzoe,00,0.1,1,1,ok,\n"
FINDINGS = [5, ["x"], "\ud800", "Call zoe, now!", "zoe" * 30, *map(str, range(1000))]
MISTAKEN = TRIES | {"tries": [{"verdict": "mistake", "digest": "", "findings": FINDINGS}]}
HOSTILE = {  # what a student's folder holds; the line that leaves it out, if any does
    "a verdict that is a list": ({"p.json": json.dumps({"0.1": TRIES})}, None),
    "findings that are none": ({"p.json": json.dumps({"0.1": MISTAKEN})}, None),
    "a name that is no text": ({os.fsdecode(b"caf\xe9.csv"): PROGRESS}, None),
    "a name that a terminal obeys": ({"\x1b[2J.csv": "x"}, "neither a progress file"),
    "a table of others' marks": ({"p.csv": OF_OTHERS}, "tells of others"),
    "another one": ({"marks.csv": OF_OTHERS}, "tells of others"),
    "a link": ({"p.csv": Path("../ada/progress.csv")}, "a link to another place"),
    "a link that is too long": ({"p.csv": Path("x" * 300)}, "a link to another place"),
}


def test_table_among_progress_files_is_not_the_tutors(tmp_path):
    """In a folder of loose files a student has called one like the table of a marking."""
    (tmp_path / "ada.csv").write_text(PROGRESS)
    (tmp_path / marks.FILENAME).write_text(OF_OTHERS)
    students, (line,) = class_results.read([tmp_path])
    assert [*students] == ["ada"]
    assert "marks.csv tells of others" in line
    (tmp_path / "judged" / "ada").mkdir(parents=True)  # as a marking does
    (tmp_path / "marking.json").write_text("{}")
    assert [*class_results.read([tmp_path])[0]] == ["ada"]
    (tmp_path / "ada.csv").rename(tmp_path / "judged" / "ada" / "00.csv")
    students, left_out = class_results.read([tmp_path])
    assert ([*students], left_out) == (["zoe"], [])


def test_table_among_folders_of_progress_is_not_the_tutors(tmp_path):
    """Who names all that lies in the folder of a class names a student's table, too."""
    (tmp_path / "ada").mkdir()
    hand_in(tmp_path / "ada", "progress", "0.1", "pixels", "ok", True, [])
    for name in ("mallory", "eve"):
        (tmp_path / name).mkdir()
        (tmp_path / name / marks.FILENAME).write_text(OF_OTHERS)
    students, left_out = class_results.read([tmp_path / name for name in ("ada", "eve", "mallory")])
    assert [*students] == ["ada"]
    assert [line.count("marks.csv tells of others") for line in left_out] == [1, 1]
    loose = [*(tmp_path / "ada").glob("*.csv"), tmp_path / "eve" / marks.FILENAME]
    students, (line,) = class_results.read(loose)
    assert [*students] == ["ada"]
    assert "marks.csv tells of others" in line
    (tmp_path / "mallory" / marks.FILENAME).write_text(OF_OTHERS.replace("zoe", "kim"))
    students, left_out = class_results.read([tmp_path / "eve", tmp_path / "mallory"])
    assert ([*students], left_out) == (["zoe", "kim"], [])  # two markings of a tutor's


def test_marking_beside_anything_else_is_left_out_and_says_why(tmp_path):
    """What was handed in and lies in it is not read as progress in its place."""
    for name in ("marked/submitted/ada", "ada", "empty"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "marked" / marks.FILENAME).write_text(OF_OTHERS)
    (tmp_path / "marked/submitted/ada/progress.csv").write_text(PROGRESS)
    (tmp_path / "ada/progress.csv").write_text(PROGRESS)
    students, (line,) = class_results.read([tmp_path / "marked", tmp_path / "ada"])
    assert [*students] == ["ada"]
    assert "Name your own table of marks alone, or beside others" in line
    with pytest.raises(class_results.ReportError, match="Name your own table of marks alone"):
        class_results.read([tmp_path / "marked", tmp_path / "empty"])


def test_folder_that_lets_nobody_look_ends_no_report(tmp_path, monkeypatch):
    """As one of mode 000 does for whoever is not root."""
    for name in ("ada", "mallory"):
        (tmp_path / name).mkdir()
    hand_in(tmp_path / "ada", "Ada", "2.5", "conv2d", "ok", True, [])
    look = os.stat

    def refuse(path, **options):
        if Path(path).parent.name == "mallory":
            raise PermissionError(13, "Permission denied", path)
        return look(path, **options)

    monkeypatch.setattr("os.stat", refuse)
    students, (line,) = class_results.read([tmp_path / "ada", tmp_path / "mallory"])
    assert [*students] == ["Ada"]
    assert line.startswith(f"{tmp_path / 'mallory'} holds neither")


@pytest.mark.skipif(os.name == "nt", reason="Windows has other links")
def test_class_may_lie_behind_a_link(tmp_path, monkeypatch, capsys):
    """As where a university's homes do; what lies in the class is read past no link as ever."""
    (tmp_path / "disk" / "handed_in").mkdir(parents=True)
    (tmp_path / "disk" / "handed_in" / "ada.csv").write_text(PROGRESS)
    (tmp_path / "home").symlink_to("disk")
    monkeypatch.chdir(tmp_path)
    file = f"{tmp_path}/home/handed_in/ada.csv"
    for source in ("home/handed_in", file, "home/../disk/handed_in"):
        out = tmp_path / f"{len(source)}.html"
        assert report.main([source, "--out", str(out)]) == 0, capsys.readouterr().err
        assert "1 of 1 student handed in" in said(out.read_text("utf-8"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has other links")
@pytest.mark.parametrize("named", ["", "/progress.csv"])
@pytest.mark.parametrize("target", ["../private/secret", "bob", "eve"])
def test_no_link_in_a_class_is_followed(target, named, tmp_path, monkeypatch, capsys):
    """However it is named: a shell names all that lies in the folder of a class."""
    for folder in ("handed_in/bob", "private/secret"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "progress.csv").write_text(PROGRESS)
    (tmp_path / "handed_in" / "eve").symlink_to(target)
    monkeypatch.chdir(tmp_path)
    for names in (["eve"], ["bob", "eve"]):
        sources = [f"handed_in/{name}{named}" for name in names]
        status = run_command(["report", *sources, "--out", f"{len(names)}.html", "--names"])
        assert "link" in capsys.readouterr().err or target == "eve"
        assert status == (1 if "bob" in names else 2)
    text = said(Path("2.html").read_text("utf-8"))
    assert "1 of 1 student handed in" in text
    assert "secret" not in text


@pytest.mark.parametrize("past_no_link", [True, False])
def test_folders_end_no_report_however_deep_or_named(past_no_link, tmp_path, monkeypatch):
    """A chain of them is unpacked from a zip; without `dir_fd` it is as on Windows."""
    if past_no_link and not class_results.downloads.PAST_NO_LINK:
        pytest.skip("there is no way past links here")
    monkeypatch.setattr(class_results.downloads, "PAST_NO_LINK", past_no_link)
    monkeypatch.chdir(tmp_path)
    for name in ("ada", "eve/w/x"):
        Path(name).mkdir(parents=True)
        Path(name, "progress.csv").write_text(PROGRESS)
    for name in ("..csv", "..json", ".hidden.csv", "x.txt"):
        Path("eve", name).write_text(PROGRESS)
    depth = 50 if os.name == "nt" else 1500  # Windows' paths are shorter
    for _ in range(depth):
        os.mkdir("a")
        os.chdir("a")
    try:
        assert {*class_results.read([tmp_path])[0]} == {"ada", "x"}
    finally:
        os.chdir(tmp_path)
        os.removedirs("a/" * depth)  # pytest's own way calls itself


@pytest.mark.skipif(os.name == "nt", reason="Windows has other links")
@pytest.mark.parametrize("target", ["Zoe_77_assignsubmission_file_", "w"])
def test_folder_exchanged_after_reading_gives_nobody_elses_name(target, tmp_path, monkeypatch):
    folder = tmp_path / "Mallory_66_assignsubmission_file_" / "w"
    folder.mkdir(parents=True)
    (tmp_path / "Zoe_77_assignsubmission_file_").mkdir()
    (folder / "progress.csv").write_text(PROGRESS)
    read = class_results.downloads.read_regular

    def read_and_exchange(path, most):
        text = read(path, most)
        if not folder.is_symlink():
            folder.rename(tmp_path / "old")
            folder.symlink_to("w" if target == "w" else tmp_path / target)
        return text

    monkeypatch.setattr(class_results.downloads, "read_regular", read_and_exchange)
    students, left_out = class_results.read([tmp_path])
    assert ([*students], left_out) == (["Mallory (66)"], [])


@pytest.mark.skipif(os.name == "nt", reason="Windows has other links")
@pytest.mark.parametrize("target", ["../ada/progress.csv", "nowhere"])
def test_link_among_files_that_are_named_is_left_out(target, tmp_path):
    (tmp_path / "ada.csv").write_text(PROGRESS)
    (tmp_path / "eve.csv").symlink_to(target)
    students, (line,) = class_results.read([tmp_path / "ada.csv", tmp_path / "eve.csv"])
    assert [*students] == ["ada"]
    assert "eve.csv is a link to another place" in line


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["a pipe", "a device"])
def test_what_is_no_file_is_no_table_of_marks(kind, tmp_path):
    for student in ("ada", "eve"):
        (tmp_path / student).mkdir()
    hand_in(tmp_path / "ada", "progress", "0.1", "pixels", "ok", True, [])
    table = tmp_path / "eve" / marks.FILENAME
    table.symlink_to("/dev/zero") if kind == "a device" else os.mkfifo(table)
    assert [*class_results.read([tmp_path])[0]] == ["ada"]
    students, (line,) = class_results.read([tmp_path / "ada", tmp_path / "eve"])
    assert [*students] == ["ada"]
    words = "is a link to another" if kind == "a device" else "holds neither marks.csv nor progress"
    assert words in line
    with pytest.raises(class_results.ReportError, match=words):
        class_results.read([tmp_path / "eve"])


def test_student_gives_no_points(tmp_path):
    """A table in the form of marks is read as progress, where a student has handed it in."""
    (tmp_path / "zoe.csv").write_text(OF_OTHERS.replace("1,1,ok", "-5e8,-1,ok"))
    students, left_out = class_results.read([tmp_path])
    (outcome,) = students["zoe"].values()
    assert (outcome.passed, outcome.points, outcome.maximum, left_out) == (True, None, None, [])
    students, _ = class_results.read([tmp_path / "zoe.csv"])  # named itself, it is a tutor's
    assert [outcome.points for outcome in students["zoe"].values()] == [-5e8]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other names and links")
@pytest.mark.parametrize("name", HOSTILE)
def test_file_of_one_student_spoils_no_report(name, tmp_path, capsys):
    files, left_out = HOSTILE[name]
    for student in ("ada", "eve"):
        (tmp_path / student).mkdir()
    (tmp_path / "ada/progress.csv").write_text(PROGRESS)
    for file, content in files.items():
        path = tmp_path / "eve" / file
        if isinstance(content, Path):
            path.symlink_to(content)
        else:
            path.write_text(content)
    page = tmp_path / "report.html"
    arguments = ["report", str(tmp_path), "--out", str(page), "--names"]
    assert run_command(arguments) == (1 if left_out else 0)
    text, said = page.read_text("utf-8"), capsys.readouterr().err
    assert "ada" in text
    assert "zoe" not in text
    assert len(text) < 50_000
    assert (left_out or "") in said
    assert "\x1b" not in said


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
@pytest.mark.timeout(60)
def test_pipe_in_place_of_progress_is_not_waited_for(tmp_path):
    """A student may put one there once files are listed."""
    os.mkfifo(tmp_path / "ada.csv")
    with pytest.raises(class_results.ReportError, match="cannot be opened as a plain file"):
        class_results._read_file(tmp_path / "ada.csv", is_tutors=False)


def test_report_reads_no_notebook_as_a_student_made_it(tmp_path):
    """Progress lies beside notebooks where a course of nbgrader's has collected both."""
    place = tmp_path / "submitted/eve/00"
    place.mkdir(parents=True)
    (place / "n.ipynb").write_text("{")
    (place / "eve.csv").write_text(PROGRESS.replace("True,ok", "False,wrong"))
    assert run_command(["report", str(tmp_path), "--out", str(tmp_path / "r.html")]) == 0


@pytest.mark.parametrize(
    "path", ["eve_5_assignsubmission_file_/ada_123_456_p.csv",
             "eve_5_assignsubmission_file_/ada_123_assignsubmission_file_/p.csv"],
)  # fmt: skip
def test_student_cannot_name_a_file_after_another(path):
    assert str(downloads.file_owner(PurePath(path))) == "eve (5)"
