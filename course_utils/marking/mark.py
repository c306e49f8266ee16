"""Mark a class: `mark SUBMISSIONS --out DIR`.

Writes `marks.csv`, a page of feedback for each student, and a course of nbgrader with the gradebook
filled. What is given is only read. Named again, the folder of a marking goes on: what was judged
stays, and what has changed since is judged anew.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import nbformat
from jinja2 import Environment, Template
from markupsafe import Markup
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from tqdm import tqdm

from course_utils.errors import UserError
from course_utils.exercise import Exercise
from course_utils.judging import feedback
from course_utils.judging.verdict import Status, Verdict
from course_utils.marking import assignment, gradebook, jail, marks, submissions
from course_utils.marking.grader import SubmissionGrader
from course_utils.marking.marks import Mark
from course_utils.marking.nbgrader_preprocessors import as_output
from course_utils.marking.reading import NotebookReader, UnreadableError, lessons_of
from course_utils.marking.records import Marking, Record, identity_of
from course_utils.marking.submissions import Submission, nbgrader_id
from course_utils.workbooks import BUILD

TEMPLATE = Path(__file__).with_name("feedback.html.j2")
UNSAFE_WARNING = (
    "--unsafe: students' code runs without a jail and can read, change and send what you can."
)
STOPPED = (Status.ERROR, Status.LIMIT)
WHOLE_NOTEBOOK = "Your notebook "  # begins what is said of a run that did not come to its end
MAX_REASON = 300  # characters of why an answer stopped
MAX_LOOK = 100  # characters of why a tutor should look at a submission, on the last line
FAILED = "It could not be marked ({}: {})."
STATUS_WORDS = {
    "ok": "right",
    "todo": "not attempted",
    "own": "the course's own answer",
    "mistake": "a usual mistake",
    "type": "nearly right: wrong type or shape",
    "wrong": "wrong",
    "error": "stopped by an error",
    "limit": "stopped by a limit",
    marks.MISSING: "not handed in",
    marks.UNREADABLE: "cannot be read",
}


class Graded(NamedTuple):
    """A submission, its cells, and the verdict on each exercise of its assignment by number."""

    submission: Submission
    cells: list[NotebookNode]
    verdicts: dict[str, Verdict]
    problem: str = ""  # why there was nothing to grade
    status: str = ""  # "missing" or "unreadable" where there is a problem
    look: str = ""  # why a tutor should look at it


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


class Marker:
    """Judges submissions and keeps what comes of them; threads may call `judge` together."""

    def __init__(
        self,
        marking: Marking,
        assignments: Assignments,
        reader: NotebookReader,
        grader: SubmissionGrader,
    ):
        self.marking, self.assignments = marking, assignments
        self.reader, self.grader = reader, grader
        self.lock = threading.Lock()  # comparing and drawing are not made for threads

    def judge(self, submission: Submission) -> None:
        """Judge a submission; whatever goes wrong with it becomes its marks.

        Raises
        ------
        jail.JailError
            If nothing can be judged here.
        """
        try:
            files, record = self._grade(submission)
        except jail.JailError:
            raise
        except UnreadableError as error:
            files, record = self._blank(submission, str(error))
        except Exception as error:
            words = FAILED.format(type(error).__name__, str(error).partition("\n")[0])
            files, record = self._blank(submission, words)
        if not self.grader.stop.is_set():
            for path, text in files.items():
                self.marking.write(path, text)
            self.marking.save(record)  # last: what has a record has everything

    def _grade(self, submission: Submission) -> tuple[dict[Path, str], Record]:
        if submission.path is None:
            return self._blank(submission, submission.problem, submission.status)
        reading = self.reader.read(submission.path, submission.assignment)
        observed = self.grader.observe(reading)
        with self.lock:
            verdicts = self.grader.verdicts(observed)
            look = _why_look(verdicts) or _other_notebooks(submission)
            graded = Graded(submission, reading.cells, verdicts, look=look)
            return self._render(graded, reading.digest)

    def _blank(
        self, submission: Submission, problem: str, status: str = marks.UNREADABLE
    ) -> tuple[dict[Path, str], Record]:
        exercises = self.assignments.exercises[submission.assignment]
        blank = {number: Verdict(Status.TODO, e.heading) for number, e in exercises.items()}
        graded = Graded(submission, [], blank, problem, status, look=problem)
        return self._render(graded, identity_of(submission))

    def _render(self, graded: Graded, identity: str) -> tuple[dict[Path, str], Record]:
        """Return what is to be written: the student's page, nbgrader's notebook, the record."""
        student, name, folder = *graded.submission[:2], self.marking.folder
        rows = mark_rows(graded, self.assignments.exercises[name])
        file, files = self.assignments.paths[name], {}
        page = folder / "feedback" / nbgrader_id(student) / name / file.with_suffix(".html").name
        files[page] = feedback_page(graded, rows)
        if graded.status != marks.MISSING:
            source = self.assignments.notebooks[name]
            restored = submissions.restore_grade_cells(graded.cells, source)
            notebook = new_notebook(cells=restored, metadata=source.metadata)
            path = folder / "submitted" / nbgrader_id(student) / name / file.name
            files[path] = nbformat.writes(notebook)
        outputs = {number: as_output(verdict) for number, verdict in graded.verdicts.items()}
        return files, Record(student, name, identity, rows, outputs, graded.look)


def _why_look(verdicts: dict[str, Verdict]) -> str:
    """Say that a whole notebook was stopped, or that it ended Python."""
    words = [verdict.message for verdict in verdicts.values() if verdict.status in STOPPED]
    return next((message for message in words if message.startswith(WHOLE_NOTEBOOK)), "")


def _other_notebooks(submission: Submission) -> str:
    return f"also handed in: {', '.join(submission.others)}" if submission.others else ""


def mark_rows(graded: Graded, exercises: dict[str, Exercise]) -> list[Mark]:
    """Return a submission's rows of marks.csv."""
    rows = []
    for number, verdict in graded.verdicts.items():
        maximum = assignment.max_points(exercises[number])
        misconception = verdict.message if verdict.status == Status.MISTAKE else ""
        told = graded.problem or (verdict.message if verdict.status in STOPPED else "")
        row = Mark(
            student=graded.submission.student,
            assignment=graded.submission.assignment,
            exercise=number,
            points=marks.score(verdict.status, maximum),
            maximum=maximum,
            status=graded.status or verdict.status.value,
            misconception=misconception,
            findings=" ".join(verdict.findings) if misconception else "",
            reason=" ".join(told.split())[:MAX_REASON],
            signature="" if verdict.status == Status.OK else verdict.signature,
        )
        rows.append(row)
    return rows


@cache
def _template() -> Template:
    return Environment(autoescape=True).from_string(TEMPLATE.read_text("utf-8"))


def feedback_page(graded: Graded, rows: list[Mark]) -> str:
    """Return the page that tells a student about one assignment."""
    return _template().render(
        student=graded.submission.student,
        assignment=graded.submission.assignment,
        problem=graded.problem,
        rows=[(row, graded.verdicts[row.exercise]) for row in rows],
        points=sum(row.points for row in rows),
        maximum=sum(row.maximum for row in rows),
        status_words=STATUS_WORDS,
        render_verdict=_render_verdict,
    )


def _render_verdict(verdict: Verdict) -> Markup:
    """Render a verdict below a heading of its own, for somebody who cannot run the check again."""
    words = verdict.message or (
        "There is no answer to this." if verdict.status == Status.TODO else ""
    )
    return Markup(feedback.as_html(replace(verdict, title="", message=words)))


def judge_all(marker: Marker, pending: list[Submission], jobs: int, show: bool = False) -> None:
    """Judge submissions, several at a time."""
    pool = ThreadPoolExecutor(jobs)
    try:
        futures = [pool.submit(marker.judge, submission) for submission in pending]
        done = as_completed(futures)
        for future in tqdm(done, "marking", len(futures), unit="", disable=not show):
            future.result()
    except BaseException:
        marker.grader.stop.set()  # what runs ends at once, and is not kept
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def mark(
    handed_in: list[Submission],
    marking: Marking,
    *,
    jailed: bool = True,
    limits: jail.Limits = jail.LIMITS,
    jobs: int = 2,
    show: bool = False,
) -> list[Record]:
    """Judge what has not been judged yet, and write everything; return what came of all.

    Raises
    ------
    jail.JailError
        If there is no jail here.
    """
    pending = [submission for submission in handed_in if not marking.is_judged(submission)]
    names = {submission.assignment for submission in pending}
    assignments = Assignments(names)
    if pending:
        exercises = assignments.all_exercises()
        with (
            NotebookReader(lessons_of(names), jailed, marking.work) as reader,
            SubmissionGrader(exercises, marking.seed, jailed, limits, marking.work) as grader,
        ):
            judge_all(Marker(marking, assignments, reader, grader), pending, jobs, show)
    wanted = {(submission.student, submission.assignment) for submission in handed_in}
    records = [
        record
        for record in marking.records()
        if not record.is_missing or (record.student, record.assignment) in wanted
    ]
    marking.write(
        marking.folder / marks.FILENAME, marks.as_csv(row for r in records for row in r.marks)
    )
    for record in gradebook.fill(marking):
        print(f"{_printable(record.student)}, {record.assignment}: not in nbgrader's gradebook")
    return records


def look_line(records: list[Record]) -> str:
    """Say how many submissions a tutor should look at, and which."""
    lines = [
        f"{record.student}, {record.assignment} ({record.look[:MAX_LOOK].rstrip('. ')})"
        for record in records
        if record.look
    ]
    return _printable(f"{len(lines)} to look at{': ' if lines else '.'}{'; '.join(lines)}")


def _printable(words: str) -> str:
    """Replace what a terminal would obey, or its encoding does not have."""
    encoding = sys.stdout.encoding or "utf-8"
    plain = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in words)
    return plain.encode(encoding, "backslashreplace").decode(encoding)


def collect(args: argparse.Namespace, marking: Marking) -> list[Submission]:
    """Find what was handed in, and say how much that is.

    Raises
    ------
    UserError
        If there is nothing; or, with --ask, if somebody has handed in several notebooks.
    """
    names = [assignment.normalize(name) for name in args.assignment]
    known = {name: assignment.find_workbook(name) for name in [*names, *assignment.assignments()]}
    with NotebookReader(lessons_of(known), not args.unsafe, marking.work) as reader:
        collection = submissions.find(
            args.submissions, reader, names, jobs=args.jobs, skip=marking.folder
        )
    print(collection.summary())
    if args.ask and collection.notes:
        raise UserError("\n".join(["Several notebooks of one student:", *collection.notes]))
    for note in collection.notes:
        print(_printable(note))
    return collection.submissions


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="course_utils mark", description=__doc__)
    parser.add_argument("submissions", type=Path, help=f"a folder of {submissions.LAYOUT}")
    parser.add_argument("--out", type=Path, default=BUILD / "marks", help="empty, or to go on with")
    parser.add_argument("--assignment", action="append", default=[], help="this one (again: more)")
    parser.add_argument("--ask", action="store_true", help="refuse where one student has several")
    parser.add_argument("--seed", type=int, help="of the inputs, to mark again as before")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 8), help="at a time")
    parser.add_argument("--seconds", type=float, default=240, help="for one notebook")
    parser.add_argument("--unsafe", action="store_true", help="do without a jail")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Mark a class."""
    args = parse(argv)
    if args.unsafe:
        print(UNSAFE_WARNING, file=sys.stderr)
    marking = Marking(args.out, args.seed)
    try:
        handed_in = collect(args, marking)
    except UserError:
        marking.discard()
        raise
    limits = jail.Limits(seconds=args.seconds)
    print(jail.limits_in_force(limits))
    options = {"jailed": not args.unsafe, "limits": limits, "jobs": args.jobs}
    records = mark(handed_in, marking, show=True, **options)
    marking.close()
    rows = [row for record in records for row in record.marks]
    points, maximum = sum(row.points for row in rows), sum(row.maximum for row in rows)
    share = f"{100 * points / (maximum or 1):.0f} % of all points, seed {marking.seed}"
    print(f"{len(records)} submissions, {share}")
    print(f"marks: {args.out / marks.FILENAME}\nfeedback: {args.out / 'feedback'}")
    print(look_line(records))
    return 0
