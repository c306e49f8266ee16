"""A batch of submissions made to stop, slow or bend the marking, beside honest ones.

One batch holds them all, marked as the command does, by this user and by one who owns nothing. The
first is killed twice on the way and goes on.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

import pytest
import users
from marking_runs import MARK, mark, records
from nbconvert.exporters import HTMLExporter
from nbgrader.api import Gradebook
from nbgrader.server_extensions.formgrader import handlers
from traitlets.config import Config

from course_utils.marking import marks, submissions
from course_utils.marking.marks import Mark

MOST_MEMORY = 700_000  # kB
FILE, STAMP = "00_start_here.ipynb", "timestamp.txt"
ANSWER = ("code", "pixels = 28 * 28")
GOOD = [ANSWER, ("code", "ex.pixels.check(pixels)")]
MARKDOWN = "<img src=x onerror=alert(1)> [x](javascript:alert(2)) $$<svg onload=alert(3)>$$ \ud800"
SENDS = """import io, json, os, struct
import numpy as np
def send(fields, **arrays):
    out = io.BytesIO()
    np.savez(out, text=np.frombuffer(json.dumps(fields).encode(), np.uint8), **arrays)
    data = len(out.getvalue()).to_bytes(8, "big") + out.getvalue()
    for place in range(3, 32):
        try:
            os.write(place, data)
        except OSError:
            pass
"""
STATUS = SENDS + 'send({"number": "0.1", "status": ["Tensor int64", "0"]}, **{"0": np.arange(5)})'
REPEATED = SENDS + (
    'send({"number": "0.1", "status": "observed", "observations": ["list", *[["ndarray", "0"]] * '
    '250]}, **{"0": np.zeros(10**6)})'
)
HALF = SENDS + 'send({"number": "0.1", "status": "error", "message": "half a \\ud800"})'
TINY = SENDS + "for i in range(10**5): send({})"
PARTS = SENDS + "send({}, **{str(i): np.zeros(0) for i in range(10**5)})"
NESTS = SENDS + 'send({"number": "0.1", "status": "observed", "observations": [[]] * 600_000})'
FLOOD = "import os\nfor place in range(3, 32):\n    try:\n        os.set_blocking(place, True)\n"
FLOOD += "        while True: os.write(place, bytes(2**20))\n    except OSError: pass"


def notebook(*cells):
    made = [
        {"cell_type": kind, "source": source, "metadata": {}}
        | ({"outputs": [], "execution_count": None} if kind == "code" else {})
        for kind, source in cells
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made})


def beside(kind, source):
    return {f"00/{FILE}": notebook((kind, source), *GOOD)}


LABELS = json.loads(notebook(*GOOD))
LABELS["cells"][0]["metadata"]["tags"] = ["exercise-0.1"] * 2
LABELS = json.dumps(LABELS)


class Planned(NamedTuple):
    """Files of a student's folder, and the status and words that they are to get."""

    files: dict[str, str | bytes]
    status: str = "ok"
    words: str = ""


HONEST = Planned({f"00/{FILE}": notebook(*GOOD)})
STUDENTS = {
    "ada": HONEST,
    # their folder, their file
    "[glob]*": HONEST,
    "--help": HONEST,
    "a+b": HONEST,
    os.fsdecode(b"latin-\xe9"): HONEST,
    "李雷 \x1b[2J": HONEST,
    "renamed": Planned({"00_start_here (1).ipynb": notebook(*GOOD)}),
    "moved": Planned({"2/Lab 2 (final).ipynb": notebook(*GOOD)}),
    "no text": Planned({os.fsdecode(b"caf\xe9.ipynb"): "{"}, marks.UNREADABLE, "caf\\xe9.ipynb is"),
    "early": Planned({f"00/{FILE}": notebook(*GOOD), f"00/{STAMP}": "0001-01-01 00:00:00+14:00"}),
    "links": HONEST,
    "queue": HONEST,
    "deep": HONEST,
    "labels": Planned({f"00/{FILE}": LABELS}),
    "twice": Planned({f"00/{FILE}": notebook(GOOD[1]), "done.ipynb": notebook(*GOOD)}),
    "empty": Planned({}, marks.MISSING, "Nothing was handed in"),
    "picture": Planned({"x.png": "PNG"}, marks.MISSING, "Nothing was handed in"),
    # what cannot be read
    "damaged": Planned({f"00/{FILE}": "{"}, marks.UNREADABLE, "damaged (no JSON)"),
    "nested": Planned({f"00/{FILE}": "[" * 10**6}, marks.UNREADABLE, "damaged"),
    "old": Planned({f"00/{FILE}": '{"nbformat": 3}'}, marks.UNREADABLE, "format 4"),
    "vast": Planned({f"00/{FILE}": b"["}, marks.UNREADABLE, "larger than 50 MB"),
    "long": Planned(beside("code", "a;" * 2 * 10**6), marks.UNREADABLE, "characters of code"),
    "many": Planned(
        {f"00/{FILE}": notebook(*[ANSWER] * 3000)}, marks.UNREADABLE, "2000 are the most"
    ),
    "takes memory": Planned(
        {f"00/{FILE}": "[" + "[{}]," * 95 * 10**5 + "{}]"}, marks.UNREADABLE, "to be read"
    ),
    # what stops a parser, and what a browser runs
    "signs": Planned(beside("code", "-" * 10_000 + "1")),
    "half a character": Planned(beside("code", "x = '\ud800'")),
    "scripts": Planned(beside("markdown", MARKDOWN)),
    "raw": Planned(beside("raw", "<script>alert(4)</script>")),
    # what the jail sends
    "array for status": Planned(beside("code", STATUS), "error", "cannot be read"),
    "one array often": Planned(beside("code", REPEATED), "error", "spoiled"),
    "many lists": Planned(beside("code", NESTS), "error", "spoiled"),
    "half a message": Planned(beside("code", HALF), "error", "half a \\ud800"),
    "many messages": Planned(beside("code", TINY), "error", "spoiled"),
    "many parts": Planned(beside("code", PARTS), "error", "spoiled"),
    "flood": Planned(beside("code", FLOOD), "limit", "wrote too much"),
    # what an answer does
    "leaves": Planned(beside("code", "import os; os._exit(0)"), "error", "ended Python"),
    "raises": Planned({FILE: notebook(("code", "pixels = (28"))}, "error", "SyntaxError"),
    "imports": Planned(
        {FILE: notebook(("code", "from helpers import pixels"), GOOD[1])}, "error", "No module"
    ),
    "text": Planned({FILE: notebook(("markdown", "pixels = 784"), GOOD[1])}, "error", "Markdown"),
    "other name": Planned(
        {FILE: notebook(("code", "Pixels = 784"), GOOD[1])}, "error", "`Pixels` was found"
    ),
    "stub": Planned({FILE: notebook(("code", "pixels = ..."), GOOD[1])}, "todo"),
    "wrong": Planned({FILE: notebook(("code", "pixels = 12.5"), GOOD[1])}, "wrong"),
}


def write_class(folder):
    for student, (files, *_) in STUDENTS.items():
        (folder / student).mkdir(parents=True)
        for name, content in files.items():
            path = folder / student / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with open(folder / "vast" / "00" / FILE, "r+b") as file:
        file.truncate(60 * 2**20)
    (folder / "link").symlink_to(folder / "ada")
    (folder / "links" / "round").symlink_to("round")
    (folder / "links" / "long.ipynb").symlink_to("x" * 300)
    os.mkfifo(folder / "queue" / "00" / STAMP)
    place = os.open(folder / "deep", os.O_RDONLY)
    for _ in range(20):  # no path is as long as this
        os.mkdir("x" * 250, dir_fd=place)
        inner = os.open("x" * 250, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe" / FILE)
    os.utime(folder / "twice" / "done.ipynb", (10, 10))
    for path in (folder, *folder.glob("*"), *folder.glob("*/*")):
        if os.path.isdir(path) and not os.path.islink(path):
            path.chmod(0o755)


class Batch(NamedTuple):
    """What came of the batch, and how its command ended."""

    folder: Path
    out: Path
    rows: dict[str, Mark]
    printed: str
    resumed: dict[str, int]  # records that a killed marking had left, by when they were written
    finished: dict[str, int]  # records at the end; a later test marks one submission anew


WEEKLY = pytest.param("nobody", marks=pytest.mark.weekly)  # the jail's own tests are nobody's daily


@pytest.fixture(scope="module", params=["own user", WEEKLY])
def batch(request, jailed):
    """The class, marked by this user, killed while it judges and while nbgrader works; and by
    nobody, in one go."""
    users.skip_unless_possible(request.param)
    with tempfile.TemporaryDirectory() as place:
        yield mark_class(Path(place), request.param)


def mark_class(place, user):
    folder, out = place / "submitted", place / "out"
    write_class(folder)
    kills = (lambda: len(records(out)) > 15, lambda: [*out.glob("autograded/*/*/*")])
    finished = mark(place, folder, out, user, kills if user != "nobody" else ())
    rows = marks.read(out / marks.FILENAME)
    assert len(rows) == len({row.student for row in rows})
    by_student = {row.student: row for row in rows}
    return Batch(folder, out, by_student, finished.printed, finished.resumed, records(out))


NAMES = {name: os.fsencode(name).decode("utf-8", "backslashreplace") for name in STUDENTS}


@pytest.mark.parametrize("student", STUDENTS)
def test_hostile_submission_is_one_row(batch, student):
    _, status, words = STUDENTS[student]
    row = batch.rows[NAMES[student]]
    assert row.status == status, row
    assert words in row.reason
    assert bool(row.reason) == bool(words)
    assert row.points == (row.maximum if status == "ok" else 0)


@pytest.mark.parametrize("student", ["link", "pipe"])
def test_what_is_no_file_is_unreadable(batch, student):
    assert batch.rows[student].status == marks.UNREADABLE


def test_every_folder_has_a_row(batch):
    assert {*batch.rows} == {*NAMES.values(), "link", "pipe"}


def test_marking_stays_small(batch):
    (peak,) = [line.split()[1] for line in batch.printed.splitlines() if line.startswith("peak")]
    assert int(peak) < MOST_MEMORY


def test_first_line_counts_students(batch):
    unreadable = [row for row in batch.rows.values() if row.status in marks.NOTHING_TO_JUDGE]
    look = len(unreadable) + 1  # and the one with two notebooks
    students = len(batch.rows)
    line = f"{students} students, {students - len(unreadable)} found, {look} to look at"
    assert batch.printed.splitlines()[0] == line
    assert "twice, 00: done.ipynb is marked, not 00/" in batch.printed


def test_last_line_says_whom_to_look_at(batch):
    *_, last, _ = batch.printed.splitlines()
    problems = [*("link", "pipe", "twice", "flood", "leaves", "one array often", "many lists")]
    problems += ["many messages", "many parts"]
    problems += [n for n, planned in STUDENTS.items() if planned.status in marks.NOTHING_TO_JUDGE]
    assert last.startswith(f"{len(problems)} to look at: ")
    for student in problems:
        assert f"{student}, 00 (" in last
    assert "\x1b" not in batch.printed


def test_resumed_marking_judges_nothing_twice(batch):
    assert {path: batch.finished[path] for path in batch.resumed} == batch.resumed


def test_nothing_unfinished_is_left(batch):
    assert not [*batch.out.glob(".*")]
    assert not [*batch.out.rglob("*.tmp")]


def test_gradebook_holds_every_student(batch):
    book = f"sqlite:///{batch.out}/gradebook.db"
    with warnings.catch_warnings(action="ignore"), Gradebook(book, "convolution") as opened:
        scores = {s.student.id: s.score for s in opened.assignment_submissions("00")}
        named = {s.id for s in opened.students}
    rows = marks.read(batch.out / marks.FILENAME)  # another test may have marked one anew
    handed_in = [row for row in rows if row.status != marks.MISSING]
    assert scores == {submissions.nbgrader_id(row.student): row.points for row in handed_in}
    assert named == {submissions.nbgrader_id(student) for student in batch.rows}


@pytest.mark.parametrize("student", ["scripts", "raw"])
def test_formgrader_shows_no_script(batch, student):
    """Its page of a submission, rendered as it does: it stands in the tutor's own origin."""
    settings = {"template_name": "formgrade", "extra_template_basedirs": [handlers.template_path]}
    names = ("assignment_id", "notebook_id", "submission_id", "base_url", "student")
    resources = dict.fromkeys((*names, "last_name", "first_name", "notebook_path"), "x")
    path = batch.out / "autograded" / student / "00" / FILE
    with warnings.catch_warnings(action="ignore"):
        exporter = HTMLExporter(config=Config(HTMLExporter=settings))
        page, _ = exporter.from_filename(str(path), resources | {"index": 0, "total": 1})
    assert "alert" in page
    assert not re.findall(r"<(?:img|svg)[^>]*alert|<script>alert|href=.javascript", page)


def test_changed_submission_is_marked_anew(batch):
    if not batch.resumed:
        pytest.skip("one user is enough")
    before = records(batch.out)
    changed = notebook(("code", "pixels = 784"), GOOD[1])
    (batch.folder / "stub" / FILE).write_text(changed, "utf-8")
    command = [sys.executable, "-c", MARK, str(batch.folder), "--out", str(batch.out)]
    environment = users.as_user("own user", [])[1]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    (row,) = [row for row in marks.read(batch.out / marks.FILENAME) if row.student == "stub"]
    assert row.status == "ok"
    after = records(batch.out)
    assert [Path(p).parent.name for p in after if after[p] != before[p]] == ["stub"]
    with Gradebook(f"sqlite:///{batch.out}/gradebook.db", "convolution") as book:
        assert book.find_submission("00", "stub").score == row.maximum
