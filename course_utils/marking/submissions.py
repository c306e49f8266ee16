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

MOST_BYTES = 50 * 2**20  # of a notebook, pictures included
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

    Beside nbgrader's layout, STUDENT/NOTEBOOK.ipynb is understood for the core workbooks.

    Raises
    ------
    UserError
        If there are none; the message shows the layout.
    """
    folder = folder / "submitted" if (folder / "submitted").is_dir() else folder
    known, found = assignment.workbooks(), {}
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.")
    for student in sorted(path for path in folder.iterdir() if path.is_dir()):
        for name, workbook in known.items():
            flat = student / workbook.name
            if (student / name).is_dir():
                found[student.name, name] = student / name / workbook.name
            elif flat.is_file() and "-" not in name:  # a further part bears the core's file name
                found[student.name, name] = flat
    if not found:
        names = ", ".join(known)
        raise UserError(
            f"There are no submissions in {folder}. They lie in {LAYOUT}; the assignments are "
            f"{names}."
        )
    return [Submission(*key, path) for key, path in found.items()]


def read(path: Path) -> list[NotebookNode]:
    """Read the cells of a student's notebook: see `cells_of`.

    Raises
    ------
    UnreadableError
        If it is missing, a link, too large, or no notebook.
    """
    if any(place.is_symlink() for place in (path, path.parent, path.parent.parent)):
        raise UnreadableError(f"{path.name} is a link to another place, not a notebook.")
    if not path.is_file():
        raise UnreadableError(f"There is no {path.name} in the submission.")
    if path.stat().st_size > MOST_BYTES:
        raise UnreadableError(f"{path.name} is larger than {MOST_BYTES // 2**20} MB.")
    try:
        return cells_of(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        raise UnreadableError(f"{path.name} is damaged, or not a notebook of format 4.") from None


def cells_of(text: str) -> list[NotebookNode]:
    """The cells of a notebook, made anew: source, tags and nbgrader's name; no output, no id.

    Raises
    ------
    ValueError
        If the text is no notebook of format 4.
    """
    content = json.loads(text)
    try:
        if content["nbformat"] != 4:
            raise ValueError("another format")
        return [_cell(cell) for cell in content["cells"]]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError("no notebook") from error


def _cell(cell: dict) -> NotebookNode:
    source, metadata = "".join(cell["source"]), cell.get("metadata") or {}
    make = {"code": new_code_cell, "raw": new_raw_cell}.get(cell["cell_type"], new_markdown_cell)
    tags = [tag for tag in metadata.get("tags") or [] if isinstance(tag, str)]
    of_nbgrader = metadata.get("nbgrader")
    name = of_nbgrader.get("grade_id") if isinstance(of_nbgrader, dict) else None
    kept = {"tags": tags} | ({"nbgrader": {"grade_id": name}} if isinstance(name, str) else {})
    return make(source, metadata=kept)


def belongs(cell: NotebookNode, role: str, exercise: Exercise) -> bool:
    """Whether a cell is an exercise's "exercise" or "check": by its name, its tags or its code."""
    if cell.cell_type != "code":
        return False
    if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id(role, exercise.number):
        return True
    if exercise_number(cell, role) == exercise.number:
        return True
    code = DEFINES if role == "exercise" else CHECKS
    return re.search(code.format(name=exercise.name), cell.source, re.MULTILINE) is not None


def place_of(cells: list[NotebookNode], exercise: Exercise) -> int:
    """Where an exercise is judged: after the last cell that belongs to it, else after all."""
    last = _last(cells, exercise, ROLES)
    return len(cells) - 1 if last is None else last


def _last(cells: list[NotebookNode], exercise: Exercise, roles: tuple) -> int | None:
    places = [i for i, cell in enumerate(cells) if any(belongs(cell, r, exercise) for r in roles)]
    return places[-1] if places else None


def mended(cells: list[NotebookNode], workbook: NotebookNode) -> list[NotebookNode]:
    """The cells with what nbgrader looks for: each answer marked as one, each check as it was.

    Parameters
    ----------
    cells : a student's, from `cells_of`
    workbook : the assignment, as `assignment.source` makes it
    """
    given = {c.metadata.nbgrader.grade_id: c for c in workbook.cells if "nbgrader" in c.metadata}
    exercises, whole = exercises_in(workbook).values(), []
    places = {exercise: _last(cells, exercise, ROLES[:1]) for exercise in exercises}
    for i, cell in enumerate(cells):
        if not _only_checks(cell, exercises):
            cell = copy.deepcopy(cell)
            cell.metadata.pop("nbgrader", None)
            whole.append(cell)
            for exercise in exercises:
                if places[exercise] == i:
                    whole += _graded(cell, exercise, given)
    for exercise in exercises:
        if places[exercise] is None:
            whole.append(new_code_cell(exercise.stub_source()))
            whole += _graded(whole[-1], exercise, given)
    return whole


def _graded(cell: NotebookNode, exercise: Exercise, given: dict) -> list[NotebookNode]:
    """Mark a cell as an exercise's answer, in place; return the check that is to follow it."""
    cell.metadata |= given[grade_id("exercise", exercise.number)].metadata
    return [copy.deepcopy(given[grade_id("check", exercise.number)])]


def _only_checks(cell: NotebookNode, exercises: Iterable[Exercise]) -> bool:
    """Whether a cell is a check, and no answer stands in it."""
    is_check = any(belongs(cell, "check", one) for one in exercises)
    return is_check and not any(belongs(cell, "exercise", one) for one in exercises)
