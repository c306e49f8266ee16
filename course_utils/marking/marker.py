"""Judge one submission, and say all that is to be written of it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import nbformat
from jinja2 import Environment, Template
from markupsafe import Markup
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from course_utils.errors import without_controls
from course_utils.exercise import Exercise
from course_utils.judging import feedback
from course_utils.judging.verdict import Status, Verdict
from course_utils.marking import assignment, jail, marks, submissions
from course_utils.marking.grader import NotReached, SubmissionGrader
from course_utils.marking.marks import Mark
from course_utils.marking.nbgrader_preprocessors import as_output
from course_utils.marking.reading import (
    NotebookReader,
    ScarceMachineError,
    UnreadableError,
    is_starved,
    lessons_of,
)
from course_utils.marking.records import Marking, Record, identity_of
from course_utils.marking.submissions import Submission, nbgrader_id

TEMPLATE = Path(__file__).with_name("feedback.html.j2")
STOPPED = (Status.ERROR, Status.LIMIT)
MAX_REASON = 300  # characters of why an answer stopped
FAILED = "It could not be marked ({}: {}). The same command, started again, tries it anew."
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


class JudgedSubmission(NamedTuple):
    """What came of a submission: files to be written in the marking's folder, and the record."""

    files: dict[Path, str]
    record: Record

    def keep(self, marking: Marking, seed: int) -> None:
        """Write everything; `seed` is that of its inputs."""
        for path, text in self.files.items():
            marking.write(marking.folder / path, text)
        marking.save(self.record, seed)  # last: what has a record has everything


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
    """Judges submissions; threads may call `judge` together."""

    def __init__(self, assignments: Assignments, reader: NotebookReader, grader: SubmissionGrader):
        self.assignments, self.reader, self.grader = assignments, reader, grader
        self.lock = threading.Lock()  # comparing and drawing are not made for threads

    def judge(
        self,
        submission: Submission,
        source: Path | bytes | UnreadableError | None,
        is_alone: bool = False,
    ) -> JudgedSubmission:
        """Judge a submission, as a file or what it holds; what goes wrong becomes its marks.

        Without a source the submission itself says what its problem is.

        Raises
        ------
        jail.JailError
            If nothing can be judged here.
        ScarceMachineError
            If the machine was short of memory or of processors meanwhile, and other submissions
            were judged, too.
        """
        try:
            return self._grade(submission, source, is_alone)
        except jail.JailError:
            raise
        except UnreadableError as error:
            if isinstance(error, ScarceMachineError) and not is_alone:
                raise
            return blank(self.assignments, submission, str(error), is_final=error.is_final)
        except Exception as error:  # a fault of this machine's, or of ours
            words = FAILED.format(type(error).__name__, str(error).partition("\n")[0])
            return blank(self.assignments, submission, words, is_final=False)

    def _grade(
        self,
        submission: Submission,
        source: Path | bytes | UnreadableError | None,
        is_alone: bool,
    ) -> JudgedSubmission:
        if source is None:
            return blank(self.assignments, submission, submission.problem, submission.status)
        if isinstance(source, UnreadableError):
            raise source
        reading = self.reader.read(source, submission.assignment)
        observed = self.grader.observe(reading)
        if observed.result.stop_reason == "scarce" and not is_alone:
            raise ScarceMachineError("It was run while memory was short.")
        with self.lock:
            verdicts = self.grader.verdicts(observed)
            limited = any(verdict.status == Status.LIMIT for verdict in verdicts.values())
            starved = is_starved(observed.result) and not is_alone
            if starved and (limited or self.grader.has_timed_out(observed)):
                raise ScarceMachineError("It was run while processors were busy.")
            look = _why_look(verdicts) or _other_notebooks(submission)
            graded = Graded(submission, reading.cells, verdicts, look=look)
            read = submission._replace(digest=reading.digest)
            return render(self.assignments, graded, identity_of(read))


def blank(
    assignments: Assignments,
    submission: Submission,
    problem: str,
    status: str = marks.UNREADABLE,
    is_final: bool = True,
) -> JudgedSubmission:
    """Return what comes of a submission with which nothing can be done; or not now."""
    exercises = assignments.exercises[submission.assignment]
    verdicts = {number: Verdict(Status.TODO, e.heading) for number, e in exercises.items()}
    graded = Graded(submission, [], verdicts, problem, status, look=problem)
    return render(assignments, graded, identity_of(submission) if is_final else "")


def render(assignments: Assignments, graded: Graded, identity: str) -> JudgedSubmission:
    """Return the student's page, nbgrader's notebook and the record, to be written."""
    student, name = graded.submission[:2]
    rows = mark_rows(graded, assignments.exercises[name])
    file, files = assignments.paths[name], {}
    page = Path("feedback", nbgrader_id(student), name, file.with_suffix(".html").name)
    files[page] = feedback_page(graded, rows)
    if graded.status != marks.MISSING:
        source = assignments.notebooks[name]
        restored = submissions.restore_grade_cells(graded.cells, source)
        notebook = new_notebook(cells=restored, metadata=source.metadata)
        place = Path("submitted", nbgrader_id(student), name)
        files[place / file.name] = nbformat.writes(notebook)
        if graded.submission.timestamp:  # formgrader cannot read an empty one
            files[place / "timestamp.txt"] = graded.submission.timestamp
    outputs = {number: as_output(verdict) for number, verdict in graded.verdicts.items()}
    return JudgedSubmission(files, Record(student, name, identity, rows, outputs, graded.look))


def _why_look(verdicts: dict[str, Verdict]) -> str:
    """Say that a whole notebook was stopped, or that it ended Python."""
    return next((each.message for each in verdicts.values() if isinstance(each, NotReached)), "")


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
            misconception=without_controls(misconception),
            findings=" ".join(verdict.findings) if misconception else "",
            reason=without_controls(" ".join(told.split()))[:MAX_REASON],
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


@contextmanager
def open_marker(
    names: Iterable[str],
    seed: int,
    limits: jail.Limits,
    jailed: bool = True,
    work: Path | None = None,
) -> Iterator[Marker]:
    """Make a marker of these assignments; `work` is where its files are kept meanwhile.

    Raises
    ------
    jail.JailError
        If there is no jail here.
    """
    assignments = Assignments({*names})
    exercises = assignments.all_exercises()
    with (
        NotebookReader(lessons_of(assignments.paths), jailed, work) as reader,
        SubmissionGrader(exercises, seed, jailed, limits, work) as grader,
    ):
        yield Marker(assignments, reader, grader)


def judge_here(marker: Marker, pending: list[Submission], jobs: int) -> Iterator[JudgedSubmission]:
    """Judge submissions, several at a time, and yield what comes of each as soon as it is there.

    Those that ran while the machine was short of memory, or that ran out of time while processors
    were busy, are judged once more, one by one.
    """
    pool, again = ThreadPoolExecutor(jobs), []
    try:
        judged = {pool.submit(marker.judge, each, each.path): each for each in pending}
        for future in as_completed(judged):
            submission = judged.pop(future)  # nor is its result kept
            try:
                yield future.result()
            except ScarceMachineError:
                again.append(submission)
        for submission in again:
            yield marker.judge(submission, submission.path, is_alone=True)
    except BaseException:
        marker.grader.stop.set()  # what runs ends at once, and is not kept
        raise
    finally:
        pool.shutdown(cancel_futures=True)
