"""Mark a class: `mark SUBMISSIONS --out DIR`.

Writes `marks.csv`, a page of feedback for each student, and a course of nbgrader with the gradebook
filled. What is given is only read.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import nbformat
from jinja2 import Environment
from markupsafe import Markup
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from tqdm import tqdm

from course_utils.exercise import Exercise
from course_utils.judging import feedback
from course_utils.judging.verdict import Verdict
from course_utils.marking import assignment, jail, marks, submissions
from course_utils.marking.grader import Judge
from course_utils.marking.marks import UNREADABLE, Mark
from course_utils.marking.submissions import Submission, UnreadableError
from course_utils.workbooks import BUILD, ensure_empty_dir

PAGE = Path(__file__).with_name("feedback.html.j2")
UNSAFE = "--unsafe: students' code runs without a jail and can read, change and send what you can."
WORDS = {
    "ok": "right",
    "todo": "not attempted",
    "own": "the course's own answer",
    "mistake": "a usual mistake",
    "type": "nearly right: wrong type or shape",
    "wrong": "wrong",
    "error": "stopped by an error",
    "limit": "stopped by a limit",
}


class Marked(NamedTuple):
    """A submission, its cells, and the verdict on each exercise of its assignment by number."""

    submission: Submission
    cells: list[NotebookNode]
    verdicts: dict[str, Verdict]
    trouble: str = ""  # why there was nothing to judge


class Assignments:
    """The workbooks that are met, read once: notebook and exercises by assignment's name."""

    def __init__(self, names: set[str]):
        self.paths = {name: assignment.workbook_of(name) for name in sorted(names)}
        self.notebooks = {name: assignment.source(path) for name, path in self.paths.items()}
        self.exercises = {n: assignment.exercises_in(book) for n, book in self.notebooks.items()}

    def all_exercises(self) -> list[Exercise]:
        """Every exercise that is met."""
        return [one for exercises in self.exercises.values() for one in exercises.values()]


def judge_all(
    found: list[Submission], known: Assignments, judge: Judge, jobs: int, show: bool = False
) -> list[Marked]:
    """Judge submissions, several at a time; one that cannot be read is told apart."""

    def observe(one: Submission):
        try:
            cells = submissions.read(one.path)
        except UnreadableError as error:
            return [], str(error)
        name = one.assignment
        return cells, judge.observe(cells, known.notebooks[name], known.exercises[name])

    marked = []
    with ThreadPoolExecutor(jobs) as pool:
        seen = tqdm(pool.map(observe, found), "marking", len(found), unit="", disable=not show)
        for one, (cells, ended) in zip(found, seen, strict=True):
            numbers = known.exercises[one.assignment]
            if isinstance(ended, str):
                blank = {n: Verdict("todo", e.heading) for n, e in numbers.items()}
                marked.append(Marked(one, cells, blank, ended))
            else:
                marked.append(Marked(one, cells, judge.verdicts(ended, numbers)))
    return marked


def table(marked: list[Marked], known: Assignments) -> list[Mark]:
    """The rows of marks.csv."""
    rows = []
    for one in marked:
        for number, verdict in one.verdicts.items():
            maximum = assignment.points(known.exercises[one.submission.assignment][number])
            earned = maximum if verdict.status == "ok" else 0
            told = verdict.message if verdict.status == "mistake" else ""
            findings = " ".join(verdict.findings) if told else ""
            status = UNREADABLE if one.trouble else verdict.status
            where = one.submission.student, one.submission.assignment, number
            rows.append(Mark(*where, earned, maximum, status, told, findings))
    return rows


def fill_gradebook(marked: list[Marked], known: Assignments, out: Path) -> None:
    """Make nbgrader's course, put the submissions into it, and let nbgrader autograde them.

    Raises
    ------
    RuntimeError
        If nbgrader fails.
    """
    from nbgrader.converters import Autograde
    from nbgrader.converters.base import NbGraderException

    from course_utils.marking import nbgrader_preprocessors

    assignment.make(list(known.paths.values()), out)
    for one in marked:
        student, name, _ = one.submission
        target = out / "submitted" / student / name / known.paths[name].name
        target.parent.mkdir(parents=True)
        whole = submissions.mended(one.cells, known.notebooks[name])
        nbformat.write(new_notebook(cells=whole, metadata=known.notebooks[name].metadata), target)
        nbgrader_preprocessors.Judge.known[student, name] = one.verdicts
    for name in known.paths:
        with assignment.course(out) as (settings, directory):
            directory.assignment_id = name
            try:
                Autograde(coursedir=directory, config=settings).start()
            except NbGraderException as error:
                raise RuntimeError(f"nbgrader could not fill its gradebook: {error}") from None
    nbgrader_preprocessors.Judge.known.clear()


def write_feedback(marked: list[Marked], rows: list[Mark], out: Path) -> None:
    """Write each submission's page where nbgrader releases feedback from."""
    page = Environment(autoescape=True).from_string(PAGE.read_text("utf-8"))
    for one in marked:
        student, name, path = one.submission
        mine = [row for row in rows if (row.student, row.assignment) == (student, name)]
        text = page.render(
            student=student,
            assignment=name,
            trouble=one.trouble,
            rows=[(row, one.verdicts[row.exercise]) for row in mine],
            earned=sum(row.points for row in mine),
            maximum=sum(row.maximum for row in mine),
            words=WORDS,
            shown=_shown,
        )
        target = out / "feedback" / student / name / path.with_suffix(".html").name
        target.parent.mkdir(parents=True)
        target.write_text(text, "utf-8")


def _shown(verdict: Verdict) -> Markup:
    """A verdict below a heading of its own, for somebody who cannot run the check again."""
    words = verdict.message or ("There is no answer to this." if verdict.status == "todo" else "")
    return Markup(feedback.as_html(replace(verdict, title="", message=words)))


def mark(
    found: list[Submission],
    out: Path,
    seed: int,
    *,
    jailed: bool = True,
    limits: jail.Limits = jail.LIMITS,
    jobs: int = 2,
    show: bool = False,
) -> list[Mark]:
    """Judge submissions and write everything below `out`; return the rows of marks.csv.

    Raises
    ------
    jail.JailError
        If there is no jail here.
    RuntimeError
        If nbgrader fails.
    """
    known = Assignments({one.assignment for one in found})
    with Judge(known.all_exercises(), seed, jailed, limits) as judge:
        marked = judge_all(found, known, judge, jobs, show)
    rows = table(marked, known)
    marks.write(rows, out / marks.NAME)
    write_feedback(marked, rows, out)
    fill_gradebook(marked, known, out)
    for one in marked:
        if one.trouble:
            print(f"{one.submission.student}, {one.submission.assignment}: {one.trouble}")
    return rows


def main(argv: list[str]) -> int:
    """Mark a class."""
    parser = argparse.ArgumentParser(prog="course_utils mark", description=__doc__)
    parser.add_argument("submissions", type=Path, help=f"a folder of {submissions.LAYOUT}")
    parser.add_argument("--out", type=Path, default=BUILD / "marks", help="an empty folder")
    parser.add_argument("--seed", type=int, help="of the inputs, to mark again as before")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8), help="at a time")
    parser.add_argument("--seconds", type=float, default=240, help="for one notebook")
    parser.add_argument("--unsafe", action="store_true", help="do without a jail")
    asked = parser.parse_args(argv)
    seed = secrets.randbelow(2**31) if asked.seed is None else asked.seed
    if asked.unsafe:
        print(UNSAFE, file=sys.stderr)
    limits = jail.Limits(seconds=asked.seconds)
    options = {"jailed": not asked.unsafe, "limits": limits, "jobs": asked.jobs}
    found = submissions.find(asked.submissions)
    rows = mark(found, ensure_empty_dir(asked.out), seed, show=True, **options)
    earned, most = sum(row.points for row in rows), sum(row.maximum for row in rows)
    print(f"{len(found)} submissions, {100 * earned / most:.0f} % of all points, seed {seed}")
    print(f"marks: {asked.out / marks.NAME}\nfeedback: {asked.out / 'feedback'}")
    return 0
