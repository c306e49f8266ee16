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
from course_utils.judging.verdict import Status, Verdict
from course_utils.marking import assignment, jail, marks, submissions
from course_utils.marking.grader import SubmissionGrader
from course_utils.marking.marks import UNREADABLE, Mark
from course_utils.marking.submissions import Submission, UnreadableError
from course_utils.workbooks import BUILD, ensure_empty_dir

TEMPLATE = Path(__file__).with_name("feedback.html.j2")
UNSAFE_WARNING = (
    "--unsafe: students' code runs without a jail and can read, change and send what you can."
)
STOPPED = (Status.ERROR, Status.LIMIT)
MAX_REASON = 300  # characters of why an answer stopped
STATUS_WORDS = {
    "ok": "right",
    "todo": "not attempted",
    "own": "the course's own answer",
    "mistake": "a usual mistake",
    "type": "nearly right: wrong type or shape",
    "wrong": "wrong",
    "error": "stopped by an error",
    "limit": "stopped by a limit",
}


class GradedSubmission(NamedTuple):
    """A submission, its cells, and the verdict on each exercise of its assignment by number."""

    submission: Submission
    cells: list[NotebookNode]
    verdicts: dict[str, Verdict]
    problem: str = ""  # why there was nothing to grade


class Assignments:
    """The workbooks that were handed in, read once: notebook and exercises by assignment's name."""

    def __init__(self, names: set[str]):
        self.paths = {name: assignment.find_workbook(name) for name in sorted(names)}
        self.notebooks = {
            name: assignment.source_notebook(path) for name, path in self.paths.items()
        }
        self.exercises = {n: assignment.exercises_in(book) for n, book in self.notebooks.items()}

    def all_exercises(self) -> list[Exercise]:
        """Return every exercise of these workbooks."""
        return [e for exercises in self.exercises.values() for e in exercises.values()]


def grade_all(
    handed_in: list[Submission],
    assignments: Assignments,
    grader: SubmissionGrader,
    jobs: int,
    show: bool = False,
) -> list[GradedSubmission]:
    """Grade submissions, several at a time; one that cannot be read is told apart."""

    def observe(submission: Submission):
        try:
            cells = submissions.read(submission.path)
        except UnreadableError as error:
            return [], str(error)
        name = submission.assignment
        lesson, exercises = assignments.notebooks[name], assignments.exercises[name]
        return cells, grader.observe(cells, lesson, exercises)

    graded = []
    with ThreadPoolExecutor(jobs) as pool:
        results = tqdm(
            pool.map(observe, handed_in), "marking", len(handed_in), unit="", disable=not show
        )
        for submission, (cells, result) in zip(handed_in, results, strict=True):
            exercises = assignments.exercises[submission.assignment]
            if isinstance(result, str):
                blank = {number: Verdict(Status.TODO, e.heading) for number, e in exercises.items()}
                graded.append(GradedSubmission(submission, cells, blank, result))
            else:
                verdicts = grader.verdicts(result, exercises)
                graded.append(GradedSubmission(submission, cells, verdicts))
    return graded


def mark_table(graded: list[GradedSubmission], assignments: Assignments) -> list[Mark]:
    """Return the rows of marks.csv."""
    rows = []
    for submission, _, verdicts, problem in graded:
        student, name, _ = submission
        for number, verdict in verdicts.items():
            maximum = assignment.max_points(assignments.exercises[name][number])
            points = marks.score(verdict.status, maximum)
            misconception = verdict.message if verdict.status == Status.MISTAKE else ""
            findings = " ".join(verdict.findings) if misconception else ""
            status = UNREADABLE if problem else verdict.status
            told = problem or (verdict.message if verdict.status in STOPPED else "")
            reason = " ".join(told.split())[:MAX_REASON]
            signature = "" if status == marks.RIGHT else verdict.signature
            result = points, maximum, status, misconception, findings, reason, signature
            rows.append(Mark(student, name, number, *result))
    return rows


def fill_gradebook(graded: list[GradedSubmission], assignments: Assignments, out: Path) -> None:
    """Make nbgrader's course, put the submissions into it, and let nbgrader autograde them.

    Raises
    ------
    RuntimeError
        If nbgrader fails.
    """
    from nbgrader.converters import Autograde
    from nbgrader.converters.base import NbGraderException

    from course_utils.marking import nbgrader_preprocessors

    assignment.make_course(list(assignments.paths.values()), out)
    for submission, cells, verdicts, _ in graded:
        student, name, _ = submission
        source = assignments.notebooks[name]
        target = out / "submitted" / student / name / assignments.paths[name].name
        target.parent.mkdir(parents=True)
        restored = submissions.restore_grade_cells(cells, source)
        nbformat.write(new_notebook(cells=restored, metadata=source.metadata), target)
        nbgrader_preprocessors.JailedAutograder.verdicts[student, name] = verdicts
    for name in assignments.paths:
        with assignment.open_course(out) as (settings, directory):
            directory.assignment_id = name
            try:
                Autograde(coursedir=directory, config=settings).start()
            except NbGraderException as error:
                raise RuntimeError(f"nbgrader could not fill its gradebook: {error}") from None
    nbgrader_preprocessors.JailedAutograder.verdicts.clear()


def write_feedback(graded: list[GradedSubmission], rows: list[Mark], out: Path) -> None:
    """Write each submission's page where nbgrader releases feedback from."""
    page = Environment(autoescape=True).from_string(TEMPLATE.read_text("utf-8"))
    for submission, _, verdicts, problem in graded:
        student, name, path = submission
        own = [row for row in rows if (row.student, row.assignment) == (student, name)]
        text = page.render(
            student=student,
            assignment=name,
            problem=problem,
            rows=[(row, verdicts[row.exercise]) for row in own],
            points=sum(row.points for row in own),
            maximum=sum(row.maximum for row in own),
            status_words=STATUS_WORDS,
            render_verdict=_render_verdict,
        )
        target = out / "feedback" / student / name / path.with_suffix(".html").name
        target.parent.mkdir(parents=True)
        target.write_text(text, "utf-8")


def _render_verdict(verdict: Verdict) -> Markup:
    """Render a verdict below a heading of its own, for somebody who cannot run the check again."""
    words = verdict.message or (
        "There is no answer to this." if verdict.status == Status.TODO else ""
    )
    return Markup(feedback.as_html(replace(verdict, title="", message=words)))


def mark(
    handed_in: list[Submission],
    out: Path,
    seed: int,
    *,
    jailed: bool = True,
    limits: jail.Limits = jail.LIMITS,
    jobs: int = 2,
    show: bool = False,
) -> list[Mark]:
    """SubmissionGrader submissions and write everything below `out`; return the rows of marks.csv.

    Raises
    ------
    jail.JailError
        If there is no jail here.
    RuntimeError
        If nbgrader fails.
    """
    assignments = Assignments({submission.assignment for submission in handed_in})
    with SubmissionGrader(assignments.all_exercises(), seed, jailed, limits) as grader:
        graded = grade_all(handed_in, assignments, grader, jobs, show)
    rows = mark_table(graded, assignments)
    marks.write(rows, out / marks.FILENAME)
    write_feedback(graded, rows, out)
    fill_gradebook(graded, assignments, out)
    for submission, _, _, problem in graded:
        if problem:
            print(f"{submission.student}, {submission.assignment}: {problem}")
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
    args = parser.parse_args(argv)
    seed = secrets.randbelow(2**31) if args.seed is None else args.seed
    if args.unsafe:
        print(UNSAFE_WARNING, file=sys.stderr)
    limits = jail.Limits(seconds=args.seconds)
    print(jail.limits_in_force(limits))
    options = {"jailed": not args.unsafe, "limits": limits, "jobs": args.jobs}
    handed_in = submissions.find(args.submissions)
    rows = mark(handed_in, ensure_empty_dir(args.out), seed, show=True, **options)
    points, maximum = sum(row.points for row in rows), sum(row.maximum for row in rows)
    print(
        f"{len(handed_in)} submissions, {100 * points / maximum:.0f} % of all points, seed {seed}"
    )
    print(f"marks: {args.out / marks.FILENAME}\nfeedback: {args.out / 'feedback'}")
    return 0
