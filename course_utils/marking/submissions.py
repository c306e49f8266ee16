"""Students' submissions: where they lie, and how nbgrader is to see them."""

from __future__ import annotations

import copy
import re
import time
from collections import Counter, deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from course_utils.errors import UserError
from course_utils.exercise import Exercise
from course_utils.marking import assignment, downloads, marks
from course_utils.marking.assignment import exercises_in
from course_utils.marking.downloads import Place
from course_utils.marking.exercise_cells import answer_position, grade_id, is_exercise_cell
from course_utils.marking.highlighting import SLOW, as_comment, as_excerpt, is_python
from course_utils.marking.reading import Contents, NotebookReader, UnreadableError

LAYOUT = "STUDENT/ASSIGNMENT/NOTEBOOK.ipynb, such as ada/02/02_convolution.ipynb"
MOST_FILES = 2000  # looked at in one student's folder, and of these the newest
MOST_NOTEBOOKS = 40  # are looked into
MOST_SECONDS = 60  # that takes; one may be made to take twenty
TOO_LONG = "{} was not looked into: the newer notebooks beside it take too long."
SNIFFED = 256  # bytes at the beginning of a file that tell whether it may be a notebook
NAME_LENGTH = 100  # bytes of a student's name for nbgrader


class Submission(NamedTuple):
    """One student's notebook for one assignment, or why there is none.

    Attributes
    ----------
    student : as the folder is named
    assignment : such as "02"
    path : the notebook; None where there is none that can be marked
    problem : why there is none, in words for the student
    status : "missing" or "unreadable" where there is a problem
    digest : of the notebook
    others : notebooks of the same assignment that are older or emptier, below the folder
    timestamp : when it was handed in, as `nbgrader collect` notes it, or ""
    """

    student: str
    assignment: str
    path: Path | None
    problem: str = ""
    status: str = ""
    digest: str = ""
    others: tuple[str, ...] = ()
    timestamp: str = ""


class File(NamedTuple):
    """A file that may be a notebook, and whether to tell that it is none."""

    path: Path
    modified: float
    is_told: bool


class Candidate(NamedTuple):
    """A file that may be a notebook, and what it holds or why it cannot be read."""

    path: Path
    modified: float
    contents: Contents | None
    problem: str = ""


class Collection(NamedTuple):
    """What was handed in: the submissions, and lines on what the tutor should know of them."""

    submissions: list[Submission]
    notes: list[str]

    def summary(self) -> str:
        """Say how many students there are, and of how many a notebook was found."""
        students = {submission.student for submission in self.submissions}
        found = {submission.student for submission in self.submissions if submission.path}
        look = {s.student for s in self.submissions if s.problem or s.others}
        return f"{len(students)} students, {len(found)} found, {len(look)} to look at"


def _class_folder(folder: Path) -> Path:
    submitted = folder / "submitted"
    return submitted if submitted.is_dir() and not submitted.is_symlink() else folder


def find(
    folder: Path,
    reader: NotebookReader,
    names: Iterable[str] = (),
    jobs: int = 2,
) -> Collection:
    """Find the submissions in a folder, or in the folder `submitted` of a course.

    A notebook is known by the exercises it holds, whatever it or its folder is called. Of several
    the newest with an answer is taken. Every student's folder gives a submission for each
    assignment that the class has handed in.

    Parameters
    ----------
    folder : of one folder for each student
    reader : of all assignments
    names : the assignments wanted; none means those that are there
    jobs : notebooks that are looked into at a time

    Raises
    ------
    UserError
        If there is no submission; the message shows the layout.
    """
    folder = _class_folder(folder.resolve())  # from here on, no link is followed
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.")
    students = downloads.places(folder)
    with ThreadPoolExecutor(jobs) as pool:
        candidates = dict(
            zip(
                students, pool.map(lambda p: _candidates(p, reader), students.values()), strict=True
            )
        )
    choices = {student: _choose(found, reader.lessons) for student, found in candidates.items()}
    wanted = [*names] or _class_assignments(students, candidates, choices)
    submissions = [
        _submission(student, name, place, candidates[student], choices[student])
        for student, place in students.items()
        for name in dict.fromkeys([*wanted, *([] if names else choices[student])])
    ]
    if not any(candidates.values()):
        raise UserError(
            f"There are no submissions in {folder}. They lie in {LAYOUT}; the assignments are "
            f"{', '.join(reader.lessons)}."
        )
    several = [s for s in submissions if s.path and s.others]
    marked = {s: _relative(s.path, students[s.student].base) for s in several if s.path}
    notes = [
        f"{s.student}, {s.assignment}: {path} is marked, not {', '.join(s.others)}"
        for s, path in marked.items()
    ]
    return Collection(sorted(submissions), [" ".join(note.split("\n")) for note in notes])


def _relative(path: Path, place: Path) -> str:
    return downloads.readable(path.relative_to(place).as_posix())


def _candidates(place: Place, reader: NotebookReader) -> list[Candidate]:
    """List what may be a notebook in a student's folder, the newest first."""
    files = sorted(
        (file for entry in place.entries for file in _files(entry)), key=lambda f: -f.modified
    )[:MOST_NOTEBOOKS]
    candidates: list[Candidate] = []
    deadline = time.monotonic() + MOST_SECONDS
    for path, modified, is_told in files:
        if candidates and time.monotonic() > deadline:
            candidates.append(
                Candidate(path, modified, None, TOO_LONG.format(downloads.readable(path.name)))
            )
            continue
        try:
            candidates.append(Candidate(path, modified, reader.recognize(path)))
        except UnreadableError as error:
            if is_told:
                candidates.append(Candidate(path, modified, None, str(error)))
    return candidates


def _files(start: Path) -> Iterable[File]:
    """Yield what may be a notebook; no link is followed."""
    first = downloads.look_at(start)
    if not first.is_folder:
        yield File(start, first.modified, True)
        return
    number, places = 0, deque([start])  # what lies deep is looked at last
    while places:
        place = places.popleft()
        entries = downloads.entries_in(place, MOST_FILES + 1)
        if entries is None:
            yield File(place, 0.0, True)
        for entry in sorted(entries or []):
            number += 1
            if number > MOST_FILES:
                return
            path = entry.path
            if path.name in downloads.SKIPPED or path.name.startswith("."):
                continue
            if entry.is_folder:
                places.append(path)
            elif entry.is_link or ".ipynb" in path.name:
                yield File(path, entry.modified, True)
            elif _looks_like_json(path):
                yield File(path, entry.modified, False)


def _looks_like_json(path: Path) -> bool:
    """Whether a file without a notebook's name may hold one: it was renamed, or saved as text."""
    head = downloads.read_regular(path, SNIFFED) or b""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _choose(candidates: list[Candidate], lessons: dict[str, dict]) -> dict[str, list[Candidate]]:
    """Assignment → the notebooks that hold its exercises, the one to be marked first.

    That is the newest; but one with an answer comes before those without, and one with half of the
    exercises before what a student may have tried out beside it.
    """
    ranked: dict[str, list[tuple[tuple, Candidate]]] = {}
    for candidate in candidates:
        counts = candidate.contents.counts if candidate.contents else {}
        name = max(counts, key=lambda name: counts[name][0], default="")
        held, answered = counts.get(name, (0, 0))
        if held:
            is_whole = 2 * held >= len(lessons[name]["exercises"])
            rank = (answered > 0, is_whole, candidate.modified, answered, held)
            ranked.setdefault(name, []).append((rank, candidate))
    for pairs in ranked.values():
        pairs.sort(key=lambda pair: pair[0], reverse=True)
    return {name: [candidate for _, candidate in ranked[name]] for name in sorted(ranked)}


def _class_assignments(
    students: dict[str, Place],
    candidates: dict[str, list[Candidate]],
    choices: dict[str, dict],
) -> list[str]:
    """Return the assignments of which every student gets a row.

    A stray notebook of another workbook is its student's alone: it does not make all others miss
    an assignment that nobody set.
    """
    times: Counter[str] = Counter()
    for student, place in students.items():
        names = {*choices[student]}
        for folder in place.entries:  # a name in it tells what was set
            entries = downloads.entries_in(folder, MOST_FILES + 1) or []
            names |= {_named_after(entry.path, place.base) for entry in entries}
        names |= {_named_after(candidate.path, place.base) for candidate in candidates[student]}
        times.update(names - {""})
    most = max(times.values(), default=0)
    return sorted(name for name, n in times.items() if n == most or 3 * n > len(students))


@cache
def _known_assignments() -> dict[str, Path]:
    return assignment.assignments()


def _named_after(path: Path, place: Path) -> str:
    """Return the assignment that a path in a student's folder is named after, or ""."""
    known, parts = _known_assignments(), path.relative_to(place).parts
    for part in parts:
        if (name := assignment.normalize(part)) in known:
            return name
    if not parts:
        return ""
    is_further = any("further" in part.lower() for part in parts)
    for name, workbook in known.items():
        if downloads.original_name(parts[-1]).startswith(workbook.stem) and is_further == (
            "-" in name
        ):
            return name
    return ""


def _submission(
    student: str, name: str, place: Place, candidates: list[Candidate], chosen: dict
) -> Submission:
    """Return what a student has handed in for an assignment."""
    if name in chosen:
        first, *others = chosen[name]
        relative = tuple(_relative(candidate.path, place.base) for candidate in others)
        digest = first.contents.digest if first.contents else ""
        when = downloads.timestamp(first.path, place)
        return Submission(student, name, first.path, "", "", digest, relative, when)
    may_be = (c for c in candidates if _may_be(c.path, place.base, name))
    problems = [candidate.problem for candidate in may_be if candidate.problem]
    if not chosen:  # nothing of this student's is known, so anything may have been meant
        strange = [downloads.readable(c.path.name) for c in candidates if c.contents]
        problems += [f"{file} holds none of the exercises." for file in strange]
    if problems:
        return Submission(student, name, None, " ".join(problems[:3]), marks.UNREADABLE)
    return Submission(student, name, None, "Nothing was handed in.", marks.MISSING)


def _may_be(path: Path, place: Path, name: str) -> bool:
    return _named_after(path, place) in ("", name)


def nbgrader_id(student: str) -> str:
    """Return a student's name as nbgrader can use it, which takes some signs for patterns.

    Examples
    --------
    >>> nbgrader_id("Zoë O'Hara"), nbgrader_id("[glob]*"), nbgrader_id("--help")
    ("Zoë O'Hara", '~5Bglob~5D~2A', '~2D-help')
    """
    kept = re.sub(r"[^\w .@',_-]|^[-. ]|[. ]$", _escape, student)
    if len(kept.encode()) <= NAME_LENGTH:
        return kept
    cut = kept.encode()[:NAME_LENGTH].decode(errors="ignore")
    return f"{cut}~{sha256(student.encode()).hexdigest()[:32]}"


def _escape(match: re.Match[str]) -> str:
    return "".join(f"~{byte:02X}" for byte in match[0].encode())


def restore_grade_cells(cells: list[NotebookNode], source: NotebookNode) -> list[NotebookNode]:
    """Return the cells with what nbgrader looks for: answers marked as such, checks as they were.

    Parameters
    ----------
    cells : a student's, from a `NotebookReader`
    source : the assignment, as `assignment.source_notebook` makes it
    """
    graded = {c.metadata.nbgrader.grade_id: c for c in source.cells if "nbgrader" in c.metadata}
    exercises, restored = exercises_in(source).values(), []
    positions = {e: answer_position(cells, e, e.stub_source()) for e in exercises}
    given = {cell.source for cell in source.cells if cell.cell_type == "markdown"}
    checks = {cell.source.strip() for cell in graded.values()}
    for i, cell in enumerate(cells):
        # a cell that only looks like a check may hold what made the answer
        if cell.source.strip() not in checks or not _is_only_check(cell, exercises):
            restored.append(_harmless(cell, given))
            given.discard(cell.source)  # a copy is measured as what it becomes
            answered = [exercise for exercise in exercises if positions[exercise] == i]
            restored += [_mark_as_answer(restored[-1], exercise, graded) for exercise in answered]
    for exercise in exercises:
        if positions[exercise] is None:
            restored.append(new_code_cell(exercise.stub_source()))
            restored.append(_mark_as_answer(restored[-1], exercise, graded))
    return restored


def _harmless(cell: NotebookNode, given: set[str]) -> NotebookNode:
    """Return a copy of a cell that a browser may show.

    formgrader renders Markdown and raw cells as they are, scripts included. Code it escapes, so
    what a student wrote besides becomes comments. What would take it long becomes an excerpt.
    """
    if SLOW in cell.metadata:
        return new_code_cell(as_excerpt(cell.source))
    if is_python(cell) or (cell.cell_type == "markdown" and cell.source in given):
        cell = copy.deepcopy(cell)
        cell.metadata.pop("nbgrader", None)
        return cell
    return new_code_cell(as_comment(cell.source))


def _mark_as_answer(cell: NotebookNode, exercise: Exercise, graded: dict) -> NotebookNode:
    """Mark a cell as an exercise's answer, in place; return the check that is to follow it."""
    cell.metadata |= graded[grade_id("exercise", exercise.number)].metadata
    return copy.deepcopy(graded[grade_id("check", exercise.number)])


def _is_only_check(cell: NotebookNode, exercises: Iterable[Exercise]) -> bool:
    """Whether a cell is a check, and no answer stands in it."""
    is_check = any(is_exercise_cell(cell, "check", exercise) for exercise in exercises)
    return is_check and not any(is_exercise_cell(cell, "exercise", e) for e in exercises)
