"""A class of sixty whose answers are those of `tests/students`: every mark is what was planted.

It is handed in as Moodle's download, marked by this user and by one who owns nothing, killed twice
on the way, and exported to three platforms.
"""

import csv
import json
import random
import re
import sys
import tempfile
from collections import Counter
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from subprocess import run
from typing import NamedTuple

import marking_runs
import nbformat
import pytest
import users
from marking_runs import records

from course_utils.judging.observe import early_verdict
from course_utils.judging.verdict import Status
from course_utils.marking import downloads, marks
from course_utils.marking.assignment import exercises_in
from course_utils.marking.marks import Mark
from course_utils.marking.records import Marking
from course_utils.workbooks import NOTEBOOKS, ROOT, exercise_number

pytestmark = pytest.mark.weekly
spec = spec_from_file_location("diagnosis", ROOT / "benchmarks" / "diagnosis.py")
bank = module_from_spec(spec)
sys.modules["diagnosis"] = bank
spec.loader.exec_module(bank)

LESSON = NOTEBOOKS / "02_convolution.ipynb"
KNOWN = exercises_in(nbformat.read(LESSON, as_version=4))
STUDENTS, SEED = 60, 20
FIRST = ["Zoë", "Łukasz", "José", "José", "李雷", "محمد", "Søren", "O'Hara", "Ada", "Ngô"]
LAST = ["Żółć", "de la Cruz", "Müller-Lüdenscheidt", "Smith", "王", "=1+1"]
RAISES = {  # an exercise's cell, and what has to be told of it
    "{name} = (28": "SyntaxError",
    "from helpers import {name}": "No module named 'helpers'",
    "{name} = input()": "Error",
    "{name} = an_undefined_name": "an_undefined_name",
}
PLANS = ("right", "right", "wrong", "wrong", "wrong", "mixed", "mixed", "mixed", "raises", "empty")


class Planted(NamedTuple):
    """The source of an exercise's cell, and what has to come of it.

    `says` are patterns of which a message that tells a misconception has to hold every one.
    """

    source: str | None = None  # None leaves the stub
    status: str = "todo"
    findings: str = ""
    says: tuple[str, ...] = ()


@cache
def planted(answer):
    """An answer of the bank, and what is said of it when it is judged without a jail."""
    exercise = KNOWN[answer.exercise]
    try:
        value = bank.define(answer, exercise)
    except Exception as error:
        return Planted(answer.code, "error", says=(type(error).__name__,))
    if value is None:  # the cell has printed it, say, and so somebody tried
        return Planted(answer.code, "error")
    verdict = early_verdict(exercise, value)
    verdict = verdict or exercise.compare([*exercise.observe_all(value, SEED)], SEED)
    assert (verdict.status == Status.OK) == answer.right, answer.id
    if verdict.status != Status.MISTAKE:
        return Planted(answer.code, verdict.status.value)
    return Planted(answer.code, "mistake", " ".join(verdict.findings), answer.says)


def builds_on(answer):
    """The other exercises whose answers, which are the student's own, this one uses."""
    others = (exercise for number, exercise in KNOWN.items() if number != answer.exercise)
    return {e.number for e in others if re.search(rf"\b{e.name}(_ok)?\b", answer.code)}


def plan():
    """A list of students: number of an exercise → what is planted there."""
    rng, pools = random.Random(SEED), {(n, right): [] for n in KNOWN for right in (False, True)}
    for answer in bank.read_banks():
        if answer.exercise in KNOWN:
            pools[answer.exercise, answer.right].append(answer)
    for pool in pools.values():
        rng.shuffle(pool)

    def answer_to(number, is_right, answered):
        """The answer that waits longest; one that builds on others needs these right."""
        right = {number for number, answer in answered.items() if answer.status == "ok"}
        pool = pools[number, is_right]
        answer = next(answer for answer in pool if builds_on(answer) <= right)
        pool.append(pool.pop(pool.index(answer)))
        return planted(answer)

    students = []
    for i in range(STUDENTS):
        answered = {}
        for number, exercise in KNOWN.items():
            kind = PLANS[i % len(PLANS)]
            kind = rng.choice(["right", "wrong", "raises", "empty"]) if kind == "mixed" else kind
            if kind == "raises":
                source, words = rng.choice([*RAISES.items()])
                answer = Planted(source.format(name=exercise.name), "error", says=(words,))
            else:
                is_right = kind == "right"
                answer = Planted() if kind == "empty" else answer_to(number, is_right, answered)
            answered[number] = answer
        students.append(answered)
    return students


# Files --------------------------------------------------------------------------------------------


def notebook(answers):
    filled = nbformat.read(LESSON, as_version=4)
    for cell in filled.cells:
        number = exercise_number(cell)
        if number in answers and answers[number].source is not None:
            cell.source = answers[number].source
    return json.loads(nbformat.writes(filled))


def of_colab(made):
    made["metadata"] = {"colab": {"provenance": []}, "kernelspec": {"name": "python3"}}
    for i, cell in enumerate(made["cells"]):
        cell["metadata"] = {"id": f"aB3-{i}", "outputId": "x", "colab": {"base_uri": "y"}}
    return made | {"nbformat_minor": 0}


def of_vscode(made):
    made["metadata"] = {
        "kernelspec": {"display_name": "base", "language": "python", "name": "base"}
    }
    for cell in made["cells"]:
        cell["metadata"] = {"vscode": {"languageId": "python"}}
        cell["source"] = "".join(cell["source"])
        cell.pop("id", None)
    return made | {"nbformat_minor": 2}


EDITORS = (lambda made: made, of_colab, of_vscode)
FILES = (
    LESSON.name,
    "02_convolution (1).ipynb",
    "Übung 2 – fertig.ipynb",
    "02/Lab 2 (final).ipynb",
    "02_convolution.ipynb.txt",
)


def person(i):
    return FIRST[i % len(FIRST)], LAST[i % len(LAST)], 100 + i


def write_class(folder, planned):
    for i, answers in enumerate(planned):
        first, last, number = person(i)
        place = folder / f"{first} {last}_{number}_assignsubmission_file_"
        path = place / FILES[i % len(FILES)]
        path.parent.mkdir(parents=True)
        text = json.dumps(EDITORS[i % len(EDITORS)](notebook(answers)), ensure_ascii=i % 2 == 0)
        path.write_text(text, "utf-8")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)


# Marks --------------------------------------------------------------------------------------------


class Batch(NamedTuple):
    """What was planted, and what came of it; exported by platform as rows of cells."""

    planned: dict[str, dict[str, Planted]]
    rows: list[Mark]
    shown: dict[tuple[str, str], str]
    kept: dict[str, int]
    finished: marking_runs.Finished
    tables: dict[str, list[list[str]]]


@pytest.fixture(scope="module")
def planned():
    return plan()


@pytest.fixture(scope="module", params=users.USERS)
def batch(request, jailed, planned):
    users.skip_unless_possible(request.param)
    with tempfile.TemporaryDirectory() as place:
        yield mark_class(Path(place), request.param, planned)


def mark_class(place, user, planned):
    folder, out = place / "download", place / "out"
    write_class(folder, planned)
    kills = [lambda: len(records(out)) > 12, lambda: len(records(out)) > 35]
    options = ["--seed", str(SEED)]
    finished = marking_runs.mark(place, folder, out, user, kills, options)
    rows = [
        f"Participant {n},{n},{n}@x,{last},{first}\n"  # Moodle's number tells namesakes apart
        for first, last, n in map(person, range(STUDENTS))
    ]
    heading = "Identifier,OrgDefinedId,Username,Last Name,First Name\n"
    (place / "class.csv").write_text(heading + "".join(rows))
    tables = {}
    for platform, roster in (("moodle", ()), ("canvas", ()), ("brightspace", ("--roster",))):
        command = [sys.executable, "-m", "course_utils", "export", str(out), "--for", platform]
        command += [*roster, str(place / "class.csv")] if roster else []
        command, environment = users.as_user(user, command)
        result = run(command, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        (path,) = (out / "export").glob(f"{platform}*.csv")
        with open(path, newline="", encoding="utf-8-sig") as file:
            tables[platform] = [*csv.reader(file)]
    names = [f"{first} {last} ({number})" for first, last, number in map(person, range(STUDENTS))]
    marking = Marking(out)
    shown = {
        (record.student, number): output["text/plain"]
        for record in marking.records()
        for number, output in marking.load(record.student, record.assignment).outputs.items()
    }
    marking.close()
    planted = dict(zip(names, planned, strict=True))
    return Batch(planted, marks.read(out / marks.FILENAME), shown, records(out), finished, tables)


def test_class_holds_every_kind(planned):
    statuses = Counter(answer.status for answers in planned for answer in answers.values())
    assert {"ok", "mistake", "todo", "error"} <= {*statuses}
    assert statuses["mistake"] > 100
    assert len({answer.findings for answers in planned for answer in answers.values()}) > 50


def test_every_mark_is_what_was_planted(batch):
    expected = {
        (student, number): (answer.status, answer.findings, KNOWN[number].minutes)
        for student, answers in batch.planned.items()
        for number, answer in answers.items()
    }
    actual = {(r.student, r.exercise): (r.status, r.findings, r.maximum) for r in batch.rows}
    assert actual == expected
    assert len(batch.rows) == len(expected)
    for row in batch.rows:
        assert row.points == (row.maximum if row.status == "ok" else 0)


def test_every_misconception_is_told(batch):
    for row in batch.rows:
        answer = batch.planned[row.student][row.exercise]
        told = row.misconception or row.reason
        assert bool(row.misconception) == (answer.status == "mistake")
        for pattern in answer.says:
            assert re.search(pattern, told, re.IGNORECASE), (row, pattern)
        assert " ".join(told.split())[:80] in " ".join(
            batch.shown[row.student, row.exercise].split()
        )


def test_killed_marking_judges_nothing_twice(batch):
    assert len(batch.finished.resumed) > 35
    assert {path: batch.kept[path] for path in batch.finished.resumed} == batch.finished.resumed
    assert batch.finished.printed.startswith(f"{STUDENTS} students, {STUDENTS} found, 0 to look at")


@pytest.mark.parametrize(
    ("platform", "key", "grade"), [("moodle", 0, 2), ("canvas", 1, 5), ("brightspace", 0, 2)]
)
def test_exported_points_are_what_was_planted(batch, platform, key, grade):
    expected = {
        downloads.parse(student).number: sum(
            KNOWN[number].minutes for number, answer in answers.items() if answer.status == "ok"
        )
        for student, answers in batch.planned.items()
    }
    cells = [(row[key].removeprefix("Participant "), row[grade]) for row in batch.tables[platform]]
    rows = [(number, points) for number, points in cells if number.isdigit()]
    assert {number: float(points) for number, points in rows} == expected
    assert len(rows) == STUDENTS
