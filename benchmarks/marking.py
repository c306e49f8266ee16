"""How long a class takes to be marked, and whether every mark is what was planted."""

from __future__ import annotations

import argparse
import base64
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import cloudpickle
import nbformat
from nbformat import NotebookNode

from course_utils import exercises
from course_utils.exercise import Exercise
from course_utils.marking import assignment, jail, mark, marks, submissions
from course_utils.marking.grader import SubmissionGrader
from course_utils.marking.reading import NotebookReader, lessons_of
from course_utils.marking.records import Marking
from course_utils.workbooks import exercise_number, select_workbooks

STUDENTS = 30
RIGHT, EMPTY = "right", "empty"  # what is planted where no mistake is
CELL = """import base64, pickle
{name} = pickle.loads(base64.b64decode("{data}"))"""


def by_value(exercise: Exercise, answer: object) -> str:
    """Source of a cell that defines an answer of this process under the exercise's name.

    It carries the answer with everything it uses, for the jail has no exercises' modules.
    """
    package = exercises.__name__
    modules = [m for name, m in sys.modules.items() if name.startswith(f"{package}.")]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        data = base64.b64encode(cloudpickle.dumps(answer)).decode()
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
    return CELL.format(name=exercise.name, data=data)


def planted(workbook: NotebookNode, cells: dict[str, str]) -> NotebookNode:
    """A student's notebook: the workbook with these exercises' cells replaced, by number."""
    notebook = nbformat.from_dict(workbook)
    for cell in notebook.cells:
        if (number := exercise_number(cell)) in cells:
            cell.source = cells[number]
    return notebook


def plan(known: dict[str, Exercise], students: int, seed: int) -> dict[str, dict[str, str]]:
    """Student → exercise's number → the message of a known mistake, "right" or "empty"."""
    rng, planned = random.Random(seed), {}
    for i in range(students):
        planned[f"student-{i + 1:02}"] = {
            number: rng.choice([RIGHT, RIGHT, EMPTY, *[rng.choice([*exercise.mistakes])] * 3])
            for number, exercise in known.items()
        }
    return planned


def write_class(workbook: Path, planned: dict[str, dict[str, str]], folder: Path) -> None:
    """Write the submissions of a plan in nbgrader's layout."""
    lesson, name = nbformat.read(workbook, as_version=4), assignment.assignment_name(workbook)
    known = assignment.exercises_in(lesson)
    for student, answers in planned.items():
        cells = {
            number: source(known[number], what) for number, what in answers.items() if what != EMPTY
        }
        target = folder / student / name / workbook.name
        target.parent.mkdir(parents=True)
        nbformat.write(planted(lesson, cells), target)


def source(exercise: Exercise, what: str) -> str:
    """Source of a right answer's cell, or of one with a known mistake."""
    if what == RIGHT:
        return exercise.solution_source()
    return by_value(exercise, exercise.mistakes[what].answer)


def misses(planned: dict[str, dict[str, str]], rows: list[marks.Mark]) -> list[str]:
    """What of the marks and of the counts of misconceptions is not what was planted."""
    status = {RIGHT: "ok", EMPTY: "todo"}
    expected = {
        (student, number): (status.get(what, "mistake"), "" if what in status else what)
        for student, answers in planned.items()
        for number, what in answers.items()
    }
    actual = {(row.student, row.exercise): (row.status, row.findings) for row in rows}
    faults = [
        f"{key}: planted {expected.get(key)}, marked {actual.get(key)}"
        for key in expected | actual
        if expected.get(key) != actual.get(key)
    ]
    faults += [
        f"{row}: points do not fit the status"
        for row in rows
        if row.points != (row.maximum if row.status == "ok" else 0)
    ]
    reported = Counter((row.exercise, row.findings) for row in rows if row.findings)
    planted = Counter(
        (number, what)
        for answers in planned.values()
        for number, what in answers.items()
        if what not in status
    )
    return faults + [
        f"{key}: {planted[key]} hold it, {reported[key]} are told"
        for key in planted | reported
        if planted[key] != reported[key]
    ]


class Cost(NamedTuple):
    """What marking took: seconds of the clock, and of the processors."""

    seconds: float
    cpu: float


def marked(workbook: Path, folder: Path, jobs: int, warm: bool) -> tuple[list[marks.Mark], Cost]:
    """Mark a class, with Python warm or cold; return the marks and what that took."""
    start_warm = jail.warm_python
    if not warm:
        jail.warm_python = lambda place, _modules: start_warm(place, [])
    started, before = time.perf_counter(), os.times()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            with NotebookReader(lessons_of([assignment.assignment_name(workbook)])) as reader:
                handed_in = submissions.find(folder, reader, jobs=jobs).submissions
            marking = Marking(Path(scratch, "out"))
            records = mark.mark(handed_in, marking, jobs=jobs, show=True)
            marking.close()
    finally:
        jail.warm_python = start_warm
    after = os.times()
    cpu = sum(after[:4]) - sum(before[:4])  # of this process and of those it waited for
    rows = [row for record in records for row in record.marks]
    return rows, Cost(time.perf_counter() - started, cpu)


def start_seconds(workbook: Path, warm: bool) -> float:
    """Median seconds from asking for a jail to Python with PyTorch standing ready in it."""
    exercises = assignment.exercises_in(nbformat.read(workbook, as_version=4)).values()
    start_warm = jail.warm_python
    if not warm:
        jail.warm_python = lambda place, _modules: start_warm(place, [])
    try:
        with SubmissionGrader(exercises, 1) as grader:
            times = []
            for _ in range(5):
                started = time.perf_counter()
                grader._run([])
                times.append(time.perf_counter() - started)
    finally:
        jail.warm_python = start_warm
    return statistics.median(times)


def main(argv: list[str]) -> int:
    """Mark a generated class; 1 where a mark is not what was planted."""
    parser = argparse.ArgumentParser(prog="bench marking", description=__doc__)
    parser.add_argument("name", nargs="?", default="02", help="the workbook")
    parser.add_argument("--students", type=int, default=STUDENTS)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args(argv)
    jail.check()
    (workbook,) = select_workbooks([args.name], further=False)
    known = assignment.exercises_in(nbformat.read(workbook, as_version=4))
    planned = plan(known, args.students, seed=args.students)
    wrong, lines = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder, alone = Path(scratch, "submitted"), Path(scratch, "alone")
        write_class(workbook, planned, folder)
        write_class(workbook, dict([*planned.items()][:1]), alone)
        for way in ("cold", "warm"):
            _, first = marked(workbook, alone, args.jobs, way == "warm")
            rows, whole = marked(workbook, folder, args.jobs, way == "warm")
            wrong += misses(planned, rows)
            further = [(a - b) / (args.students - 1) for a, b in zip(whole, first, strict=True)]
            seconds = (first.seconds, *further, start_seconds(workbook, way == "warm"))
            lines.append(f"| {way} | {' | '.join(f'{value:.2f}' for value in seconds)} |")
    print(f"{args.students} submissions of workbook {args.name}, {args.jobs} at a time, seconds:\n")
    print("| Python | first | each further | its CPU | start of one |\n|---|---|---|---|---|")
    print("\n".join(lines))
    print(f"\n{len(wrong)} wrong marks")
    for line in wrong:
        print(line, file=sys.stderr)
    return int(bool(wrong))
