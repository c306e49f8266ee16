"""What the class got wrong: counted as planted, nobody named, and files of every kind of bad."""

import json
import random
import re

import pytest
from bs4 import BeautifulSoup

from course_utils import progress
from course_utils.__main__ import COMMANDS, load
from course_utils.__main__ import main as run_command
from course_utils.exercises import all_exercises, convolution, tensors
from course_utils.marking import marks, report

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
    return next(row for row in report.summarize(students) if row.exercise.number == number)


def counts(row):
    return {mistake.message: (len(mistake.students), mistake.since) for mistake in row.mistakes}


def said(html):
    return re.sub(r"\s+", " ", BeautifulSoup(html, "html.parser").text)


def test_summarize_counts_planted_mistakes(handed_in):
    students, left_out = report.read([handed_in])
    row = row_of(students, "2.5")
    assert (len(students), left_out) == (30, [])
    assert [len(names) for names in (row.passed, row.stuck, row.absent)] == [13, 13, 4]
    assert counts(row) == {
        FLIPPED: (11, 4),
        SWAPPED: (5, 4),
        report.FALLBACK_MESSAGES["error"]: (3, 0),
        report.UNKNOWN_MISTAKE: (2, 0),
    }


def test_page_lists_counts_and_top_mistakes(handed_in):
    text = said(report.render(report.read([handed_in])[0]))
    assert f"11 of 30 (4 passed since) {FLIPPED}" in text
    assert "✓ 13 passed ✗ 13 stuck ○ 4 not tried" in text
    first = text.partition("Talk about these first")[2].partition("All exercises")[0]
    assert first.split(" of 30")[0].strip() == "11"
    assert f"in 2.5 Write conv2d: {FLIPPED}" in first
    assert report.UNKNOWN_MISTAKE not in first  # there is no lesson in that


def test_page_shows_tried_parts_only(handed_in):
    shown = [row.exercise.number for row in report.summarize(report.read([handed_in])[0])]
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
        row = row_of(report.read([source])[0], "2.5")
        assert [len(names) for names in (row.passed, row.stuck, row.absent)] == [12, 13, 5]
        other = {report.FALLBACK_MESSAGES[fate]: (1, 0) for fate in ("limit", marks.UNREADABLE)}
        assert counts(row) == {FLIPPED: (11, 0)} | other


def test_progress_json_equals_its_export(tmp_path):
    for kind in ("json", "csv"):
        (tmp_path / kind).mkdir()
    for name, fate in zip(NAMES, PLANTED.values(), strict=False):
        _, passed, verdict, mistakes = fate
        table = hand_in(tmp_path / "json", name, "2.5", "conv2d", verdict, passed, mistakes)
        table.rename(tmp_path / "csv" / table.name)
    folders = [tmp_path / kind for kind in ("json", "csv")]
    (first, _), (second, _) = (report.read(sorted(folder.iterdir())) for folder in folders)
    assert first.keys() == second.keys()
    assert report.render(first) == report.render(second)


@pytest.mark.parametrize(
    ("place", "student"),
    [
        ("Ada A.csv", "Ada A"),
        ("Ada A/progress.csv", "Ada A"),
        ("Ada A/my_work/progress.json", "Ada A"),
    ],
)
def test_student_is_named_by_path(tmp_path, place, student):
    assert report._student(tmp_path / place) == student


def test_folder_counts_progress_once(tmp_path):
    work = tmp_path / "Ada A" / "my_work"
    work.mkdir(parents=True)
    hand_in(work, "progress", "2.5", "conv2d", "mistake", False, [FLIPPED])
    (work / ".ipynb_checkpoints").mkdir()
    (work / "progress.csv").rename(work / ".ipynb_checkpoints" / "progress-checkpoint.csv")
    hand_in(work, "progress", "2.5", "conv2d", "mistake", False, [FLIPPED])
    students, left_out = report.read([tmp_path])
    assert (list(students), left_out) == (["Ada A"], [])


def test_read_accepts_spreadsheet_csv(tmp_path):
    hand_in(tmp_path, "Ada A", "2.10", "kernel_gradient", "mistake", False, ["x"])
    text = (tmp_path / "Ada A.csv").read_text("utf-8")
    changed = text.replace("2.10,", "2.1,").replace("False", "FALSE").replace(",", ";")
    (tmp_path / "Ada A.csv").write_text("\ufeff" + changed, encoding="utf-8")
    students, _ = report.read([tmp_path / "Ada A.csv"])
    assert students["Ada A"]["2.10"].state == "stuck"


def test_page_is_anonymous_by_default(handed_in):
    students, _ = report.read([handed_in])
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
    students, _ = report.read([tmp_path / "a.json"])
    for html in (report.render(students), report.render(students, names=True)):
        assert "Ada" not in html
        assert "<script" not in html
    assert counts(row_of(students, "2.5")) == {report.UNKNOWN_MISTAKE: (1, 0)}


def test_page_escapes_names():
    outcome = report.Outcome("mistake", False, (FLIPPED,))
    assert "<b>" not in report.render({"<b>Ada</b>": {"2.5": outcome}}, names=True)


def test_page_loads_no_script(handed_in):
    html = report.render(report.read([handed_in])[0])
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
    assert not any(report.SEPARATOR in message for message in exercise.mistakes)


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
    "huge.csv": b"x" * (report.MAX_BYTES + 1),
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
    assert f"30 students, {shown} exercises" in said((tmp_path / "r.html").read_text("utf-8"))


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
