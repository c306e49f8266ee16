"""How long a class takes to be marked, and whether every mark is what was planted."""

from __future__ import annotations

import argparse
import base64
import ctypes
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
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
STARTS = 5
COLUMNS = ("first", "each further", "start")  # each as seconds of the clock and of the processors
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
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

    @classmethod
    def since(cls, start: Cost) -> Cost:
        """Return what was taken since another cost was read."""
        now = cls.now()
        return cls(now.seconds - start.seconds, now.cpu - start.cpu)

    @classmethod
    def now(cls) -> Cost:
        """Read the clocks; of the processors, that of this process and of all it has started.

        What a jail leaves behind becomes this process's child, and counts once it was waited for.
        """
        while adopted := _ended_child():
            os.waitpid(adopted, 0)
        return cls(time.perf_counter(), sum(os.times()[:4]))


def adopt_orphans() -> None:
    """Let the kernel give this process whatever its descendants leave behind."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _ended_child() -> int:
    """Return the number of a child that has ended and that nobody has waited for, or 0."""
    try:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return 0
    return ended.si_pid if ended else 0


def marked(workbook: Path, folder: Path, jobs: int, warm: bool) -> tuple[list[marks.Mark], Cost]:
    """Mark a class, with Python warm or cold; return the marks and what that took."""
    start = Cost.now()
    with python_kept(warm), tempfile.TemporaryDirectory() as scratch:
        with NotebookReader(lessons_of([assignment.assignment_name(workbook)])) as reader:
            handed_in = submissions.find(folder, reader, jobs=jobs).submissions
        marking = Marking(Path(scratch, "out"))
        records = mark.mark(handed_in, marking, jobs=jobs, show=True)
        marking.close()
    return [row for record in records for row in record.marks], Cost.since(start)


def start_cost(workbook: Path, warm: bool) -> Cost:
    """Mean cost of a jail with Python and PyTorch standing ready in it, for nothing to be run."""
    exercises = assignment.exercises_in(nbformat.read(workbook, as_version=4)).values()

    def start(times: int) -> Cost:
        before = Cost.now()
        with SubmissionGrader(exercises, 1) as grader:
            for _ in range(times):
                grader._run([])
        return Cost.since(before)

    with python_kept(warm):
        first, more = start(1), start(1 + STARTS)
    return Cost(*((a - b) / STARTS for a, b in zip(more, first, strict=True)))


@contextmanager
def python_kept(warm: bool) -> Iterator[None]:
    """Let the marking keep a Python that has imported everything, or start it anew each time."""
    start_warm = jail.warm_python
    if not warm:
        jail.warm_python = lambda place, _modules: start_warm(place, [])
    try:
        yield
    finally:
        jail.warm_python = start_warm


def main(argv: list[str]) -> int:
    """Mark a generated class; 1 where a mark is not what was planted."""
    parser = argparse.ArgumentParser(prog="bench marking", description=__doc__)
    parser.add_argument("name", nargs="?", default="02", help="the workbook")
    parser.add_argument("--students", type=int, default=STUDENTS)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args(argv)
    jail.check()
    adopt_orphans()
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
            start = start_cost(workbook, way == "warm")
            seconds = f"{first.seconds:.1f} | {further[0]:.2f} | {start.seconds:.2f}"
            cpu = f"{first.cpu:.1f} | {further[1]:.2f} | {start.cpu:.2f}"
            lines.append(f"| {way} | {seconds} | {cpu} | {100 * start.cpu / further[1]:.0f} % |")
    print(f"{args.students} submissions of workbook {args.name}, {args.jobs} at a time, seconds:\n")
    columns = ("Python", *COLUMNS, *(f"{column}, CPU" for column in COLUMNS), "share of start")
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    print("\n".join(lines))
    print(f"\n{len(wrong)} wrong marks")
    for line in wrong:
        print(line, file=sys.stderr)
    return int(bool(wrong))
