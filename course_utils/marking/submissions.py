"""Students' notebooks: where they lie, how they are read, and which cells belong to an exercise."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

from course_utils.errors import UserError
from course_utils.exercise import Exercise
from course_utils.marking import assignment
from course_utils.marking.assignment import exercises_in, grade_id
from course_utils.workbooks import exercise_number

MAX_BYTES = 50 * 2**20  # of a notebook, pictures included
ROLES = ("exercise", "check")
DEFINES = r"^(?:async +)?(?:def|class) +{name}\b|^{name} *(?::[^=\n]+)?=(?!=)|^{name} *,"
CHECKS = r"\b{name}\.check\("
LAYOUT = "STUDENT/ASSIGNMENT/NOTEBOOK.ipynb, such as ada/02/02_convolution.ipynb"


class Submission(NamedTuple):
    """One student's notebook for one assignment."""

    student: str
    assignment: str
    path: Path


class UnreadableError(UserError):
    """A submission that is no notebook; the message says why."""


def find(folder: Path) -> list[Submission]:
    """Find the submissions in a folder, or in the folder `submitted` of a course.

    Beside nbgrader's layout, STUDENT/NOTEBOOK.ipynb is understood for the core workbooks, and an
    assignment's folder may be named in any way in which a workbook is: "2", "02 further".

    Raises
    ------
    UserError
        If there are none; the message shows the layout.
    """
    folder = folder / "submitted" if (folder / "submitted").is_dir() else folder
    assignments = assignment.assignments()
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.")
    submissions = []
    for student in sorted(path for path in folder.iterdir() if path.is_dir()):
        spellings = sorted(student.iterdir(), key=lambda path: path.name in assignments)
        folders = {
            assignment.normalize(path.name): path for path in spellings
        }  # the exact one wins
        for name, workbook in assignments.items():
            flat = student / workbook.name
            if name in folders and folders[name].is_dir():
                path = folders[name] / workbook.name
                submissions.append(Submission(student.name, name, path))
            elif flat.is_file() and "-" not in name:  # a further part bears the core's file name
                submissions.append(Submission(student.name, name, flat))
    if not submissions:
        raise UserError(
            f"There are no submissions in {folder}. They lie in {LAYOUT}; the assignments are "
            f"{', '.join(assignments)}."
        )
    return submissions


def read(path: Path) -> list[NotebookNode]:
    """Read the cells of a student's notebook: see `parse_cells`.

    Raises
    ------
    UnreadableError
        If it is missing, a link, too large, or no notebook.
    """
    if any(part.is_symlink() for part in (path, path.parent, path.parent.parent)):
        raise UnreadableError(f"{path.name} is a link to another place, not a notebook.")
    if not path.is_file():
        raise UnreadableError(f"There is no {path.name} in the submission.")
    if path.stat().st_size > MAX_BYTES:
        raise UnreadableError(f"{path.name} is larger than {MAX_BYTES // 2**20} MB.")
    try:
        return parse_cells(path.read_text("utf-8"))
    except (UnreadableError, UnicodeDecodeError):
        raise UnreadableError(f"{path.name} is damaged, or not a notebook of format 4.") from None


def parse_cells(text: str) -> list[NotebookNode]:
    """Make the cells of a notebook anew: source, tags and nbgrader's name; no output, no id.

    Raises
    ------
    UnreadableError
        If the text is no notebook of format 4.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableError("it is damaged: no JSON") from None
    try:
        if content["nbformat"] == 4:
            return [_cell(cell) for cell in content["cells"]]
    except (TypeError, KeyError, AttributeError):  # anything may stand where a cell is expected
        pass
    raise UnreadableError("it is not a notebook of format 4")


def _cell(cell: dict) -> NotebookNode:
    source, metadata = "".join(cell["source"]), cell.get("metadata") or {}
    make = {"code": new_code_cell, "raw": new_raw_cell}.get(cell["cell_type"], new_markdown_cell)
    tags = [tag for tag in metadata.get("tags") or [] if isinstance(tag, str)]
    nbgrader = metadata.get("nbgrader")
    name = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    graded = {"nbgrader": {"grade_id": name}} if isinstance(name, str) else {}
    return make(source, metadata={"tags": tags} | graded)


def is_exercise_cell(cell: NotebookNode, role: str, exercise: Exercise) -> bool:
    """Whether a cell is an exercise's "exercise" or "check": by its name, its tags or its code."""
    if cell.cell_type != "code":
        return False
    if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id(role, exercise.number):
        return True
    if exercise_number(cell, role) == exercise.number:
        return True
    pattern = DEFINES if role == "exercise" else CHECKS
    return re.search(pattern.format(name=exercise.name), cell.source, re.MULTILINE) is not None


def grading_position(cells: list[NotebookNode], exercise: Exercise) -> int:
    """Where an exercise is judged: after the last cell that belongs to it, else after all."""
    last = _last_position(cells, exercise, ROLES)
    return len(cells) - 1 if last is None else last


def _last_position(cells: list[NotebookNode], exercise: Exercise, roles: tuple) -> int | None:
    for i in reversed(range(len(cells))):
        if any(is_exercise_cell(cells[i], role, exercise) for role in roles):
            return i
    return None


def restore_grade_cells(cells: list[NotebookNode], source: NotebookNode) -> list[NotebookNode]:
    """Return the cells with what nbgrader looks for: answers marked as such, checks as they were.

    Parameters
    ----------
    cells : a student's, from `parse_cells`
    source : the assignment, as `assignment.source_notebook` makes it
    """
    graded = {c.metadata.nbgrader.grade_id: c for c in source.cells if "nbgrader" in c.metadata}
    exercises, restored = exercises_in(source).values(), []
    positions = {exercise: _last_position(cells, exercise, ROLES[:1]) for exercise in exercises}
    for i, cell in enumerate(cells):
        if not _is_only_check(cell, exercises):
            cell = copy.deepcopy(cell)
            cell.metadata.pop("nbgrader", None)
            restored.append(cell)
            answered = [exercise for exercise in exercises if positions[exercise] == i]
            restored += [_mark_as_answer(cell, exercise, graded) for exercise in answered]
    for exercise in exercises:
        if positions[exercise] is None:
            restored.append(new_code_cell(exercise.stub_source()))
            restored.append(_mark_as_answer(restored[-1], exercise, graded))
    return restored


def _mark_as_answer(cell: NotebookNode, exercise: Exercise, graded: dict) -> NotebookNode:
    """Mark a cell as an exercise's answer, in place; return the check that is to follow it."""
    cell.metadata |= graded[grade_id("exercise", exercise.number)].metadata
    return copy.deepcopy(graded[grade_id("check", exercise.number)])


def _is_only_check(cell: NotebookNode, exercises: Iterable[Exercise]) -> bool:
    """Whether a cell is a check, and no answer stands in it."""
    is_check = any(is_exercise_cell(cell, "check", exercise) for exercise in exercises)
    return is_check and not any(is_exercise_cell(cell, "exercise", e) for e in exercises)
