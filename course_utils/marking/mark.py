"""Mark a class: `mark SUBMISSIONS --out DIR`.

Writes `marks.csv`, a page of feedback for each student, and a course of nbgrader with the gradebook
filled. What is given is only read. Named again, the folder of a marking goes on: what was judged
stays, and what has changed since is judged anew.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
from collections.abc import Container, Generator
from contextlib import closing
from functools import partial
from pathlib import Path

import psutil
from tqdm import tqdm

from course_utils.errors import UserError, on_one_line
from course_utils.marking import assignment, cluster, gradebook, jail, marks, submissions
from course_utils.marking.marker import Assignments, JudgedSubmission, judge_here, open_marker
from course_utils.marking.reading import NotebookReader, lessons_of
from course_utils.marking.records import Marking, Record
from course_utils.marking.submissions import Submission
from course_utils.workbooks import BUILD

UNSAFE_WARNING = (
    "--unsafe: students' code runs without a jail and can read, change and send what you can."
)
AMONG_STUDENTS = (
    "{} lies among what students handed in, and one of them may have taken its name. Choose --out "
    "outside {}, such as ../marks."
)
MAX_LOOK = 100  # characters of why a tutor should look at a submission, on the last line


def mark(
    handed_in: list[Submission],
    marking: Marking,
    *,
    jailed: bool = True,
    limits: jail.Limits = jail.LIMITS,
    jobs: int = 2,
    show: bool = False,
    scheduler: str = "",
    course: Path | None = None,
    students: Container[str] | None = None,
) -> list[Record]:
    """Judge what has not been judged yet, and write everything; return what came of all.

    `scheduler` is the address of a Dask cluster, which then does it; `course` has nbgrader's
    settings and due dates; of `students`, if given, something is judged, and of nobody else.

    Raises
    ------
    jail.JailError
        If there is no jail here.
    """
    chosen = [s for s in handed_in if students is None or s.student in students]
    pending = [submission for submission in chosen if not marking.is_judged(submission)]
    groups: dict[bool, list[Submission]] = {False: [], True: []}
    for submission in pending:
        groups[marking.has_told(submission)].append(submission)
    judge = partial(_judged, work=marking.work, jailed=jailed, limits=limits, jobs=jobs)
    with tqdm(total=len(pending), desc="marking", unit="", disable=not show) as progress:
        # feedback shows cases with what is expected of them: who has seen it gets other inputs
        for has_told, group in groups.items():
            seed = secrets.randbelow(2**31) if has_told else marking.seed
            with closing(judge(group, seed, scheduler=scheduler)) as judged:
                for result in judged:
                    result.keep(marking, seed)
                    progress.update()
    wanted = {(submission.student, submission.assignment) for submission in handed_in}
    records = [
        record
        for record in marking.records()
        if not record.is_missing or (record.student, record.assignment) in wanted
    ]
    by_hand = gradebook.by_hand(marking.folder)
    records = [by_hand.apply(record) for record in records]
    table = marks.as_csv(mark for record in records for mark in record.marks)
    marking.write(marking.folder / marks.FILENAME, table)
    dues = gradebook.read_dues(course) if course else {}
    config = course / "nbgrader_config.py" if course else None
    for record in gradebook.fill(marking, dues, config):
        words = f"{record.student}, {record.assignment}: not in nbgrader's gradebook"
        print(on_one_line(words))
    return records


def _judged(
    group: list[Submission],
    seed: int,
    *,
    work: Path,
    jailed: bool,
    limits: jail.Limits,
    jobs: int,
    scheduler: str,
) -> Generator[JudgedSubmission]:
    """Judge submissions on the inputs of one seed, here or on a cluster."""
    names = {submission.assignment for submission in group}
    if group and scheduler:
        yield from cluster.judge(scheduler, group, Assignments(names), seed, limits)
    elif group:
        with open_marker(names, seed, limits, jailed, work) as marker:
            yield from judge_here(marker, group, jobs)


def look_line(records: list[Record]) -> str:
    """Say how many submissions a tutor should look at, and which."""
    lines = [
        f"{record.student}, {record.assignment} ({record.look[:MAX_LOOK].rstrip('. ')})"
        for record in records
        if record.look
    ]
    line = f"{len(lines)} to look at{': ' if lines else '.'}{'; '.join(lines)}"
    return on_one_line(line)


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
        collection = submissions.find(args.submissions, reader, names, jobs=args.jobs)
    print(collection.summary())
    if args.ask and collection.notes:
        raise UserError("\n".join(["Several notebooks of one student:", *collection.notes]))
    for note in collection.notes:
        print(on_one_line(note))
    known_students = {submission.student for submission in collection.submissions}
    if strangers := {*(args.student or ())} - known_students:
        listed = ", ".join(sorted(known_students))
        words = f"There is no student {strangers.pop()!r}; there are {listed}."
        raise UserError(on_one_line(words))
    return collection.submissions


def _fitting_jobs() -> int:
    """How many notebooks are run at a time: together they may take four fifths of the memory."""
    fitting = 4 * psutil.virtual_memory().total // (5 * jail.LIMITS.memory)
    return max(1, min(os.cpu_count() or 1, 8, fitting))


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="course_utils mark", description=__doc__)
    parser.add_argument("submissions", type=Path, help=f"a folder of {submissions.LAYOUT}")
    parser.add_argument("--out", type=Path, default=BUILD / "marks", help="empty, or to go on with")
    parser.add_argument("--assignment", action="append", default=[], help="this one (again: more)")
    parser.add_argument("--student", action="append", help="this one alone (again: more)")
    parser.add_argument(
        "--course", type=Path, metavar="DIR", help="of nbgrader: its settings and due dates"
    )
    parser.add_argument("--ask", action="store_true", help="refuse where one student has several")
    parser.add_argument("--seed", type=int, help="of the inputs that all get the first time")
    parser.add_argument("--jobs", type=int, default=_fitting_jobs(), help="at a time")
    parser.add_argument("--scheduler", default="", metavar="ADDRESS", help="of a Dask cluster")
    parser.add_argument("--seconds", type=float, default=240, help="for one notebook")
    parser.add_argument("--unsafe", action="store_true", help="do without a jail")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Mark a class."""
    args = parse(argv)
    if sys.platform == "linux":  # if it is ignored, nobody hears how a process has ended
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if args.unsafe:
        print(UNSAFE_WARNING, file=sys.stderr)
    else:
        jail.refuse_visible(filter(None, (args.submissions, args.out, args.course)))
    folder = args.submissions.resolve()
    if args.out.resolve().is_relative_to(folder):
        raise UserError(AMONG_STUDENTS.format(args.out, folder))
    marking = Marking(args.out, args.seed)
    try:
        handed_in = collect(args, marking)
    except UserError:
        marking.discard()
        raise
    limits = jail.Limits(seconds=args.seconds)
    print(jail.limits_in_force(limits))
    options = {"jailed": not args.unsafe, "limits": limits, "jobs": args.jobs}
    options |= {"scheduler": args.scheduler, "course": args.course, "students": args.student}
    records = mark(handed_in, marking, show=True, **options)
    marking.close()
    rows = [row for record in records for row in record.marks]
    points, maximum = sum(row.points for row in rows), sum(row.maximum for row in rows)
    share = f"{100 * points / (maximum or 1):.0f} % of all points, seed {marking.seed}"
    print(f"{len(records)} submissions, {share}")
    print(f"marks: {args.out / marks.FILENAME}\nfeedback: {args.out / 'feedback'}")
    print(look_line(records))
    return 0
