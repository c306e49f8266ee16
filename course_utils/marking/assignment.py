"""Workbooks as assignments of nbgrader: `assignment NN --out DIR` makes a course of them.

In `source/` each exercise holds its stub and, marked as nbgrader's solution, the answer; nbgrader
takes the solutions out and writes `release/`, which students get, and the gradebook.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_utils.errors import UserError
from course_utils.exercise import Exercise
from course_utils.exercises import all_exercises
from course_utils.marking.exercise_cells import grade_id
from course_utils.workbooks import (
    BUILD,
    discover,
    exercise_number,
    normalize_names,
    parse_args,
    workbook_name,
)

CONFIG = '''"""Settings of nbgrader for this course; made by `course_utils assignment`."""

from nbgrader import preprocessors as steps

from course_utils.marking import nbgrader_preprocessors

c = get_config()  # noqa: F821  (nbgrader defines it)
c.CourseDirectory.course_id = "convolution"
c.ClearSolutions.code_stub = {"python": ""}  # the stub stands above the solution
# `nbgrader autograde` judges as `course_utils mark` does: in a jail, never in this process
c.Autograde.sanitize_preprocessors = [
    nbgrader_preprocessors.RestoreGradeCells,
    steps.ClearOutput,
    steps.DeduplicateIds,
    steps.OverwriteKernelspec,
    steps.OverwriteCells,
    steps.CheckCellMetadata,
]
c.Autograde.autograde_preprocessors = [
    nbgrader_preprocessors.JailedAutograder,
    steps.LimitOutput,
    steps.SaveAutoGrades,
    steps.AssignLatePenalties,
    steps.CheckCellMetadata,
]
'''


def assignment_name(workbook: Path) -> str:
    """Return the assignment's name: "02", or "further-02" for a further part."""
    return workbook_name(workbook).replace("/", "-")


def normalize(name: str) -> str:
    """Write an assignment's name as `assignment_name` does: "2 further" is "further-02"."""
    return " ".join(normalize_names([name.replace("-", "/")])).replace("/", "-")


def assignments() -> dict[str, Path]:
    """Return assignment's name → workbook, for all of them."""
    return {assignment_name(path): path for path in discover()}


def find_workbook(name: str) -> Path:
    """Return the workbook of an assignment.

    Raises
    ------
    UserError
        If there is none of this name; the message lists those there are.
    """
    available = assignments()
    if name not in available:
        raise UserError(f"There is no assignment {name!r}; available: {', '.join(available)}.")
    return available[name]


def max_points(exercise: Exercise) -> float:
    """Return what a right answer earns: a point for each minute that the exercise takes."""
    return exercise.minutes


def exercises_in(notebook: NotebookNode) -> dict[str, Exercise]:
    """Return number → exercise, for those of a workbook, in its order."""
    exercises = {exercise.number: exercise for exercise in all_exercises()}
    numbers = filter(None, (exercise_number(cell) for cell in notebook.cells))
    return {number: exercises[number] for number in numbers}


def lesson(workbook: Path) -> NotebookNode:
    """Return the workbook as it is given to students."""
    return nbformat.read(workbook, as_version=4)


def source_notebook(workbook: Path) -> NotebookNode:
    """Return the workbook as nbgrader's source: answers below the stubs, checks with points."""
    notebook = lesson(workbook)
    exercises = exercises_in(notebook)
    for cell in notebook.cells:
        if number := exercise_number(cell):
            answer = exercises[number].solution_source()
            cell.source += f"\n### BEGIN SOLUTION\n{answer}\n### END SOLUTION"
            cell.metadata.nbgrader = _metadata("exercise", number)
        elif number := exercise_number(cell, "check"):
            points = max_points(exercises[number])
            cell.metadata.nbgrader = _metadata("check", number) | {"points": points}
    return notebook


def _metadata(role: str, number: str) -> dict:
    is_check = role == "check"
    flags = {"grade": is_check, "locked": is_check, "solution": not is_check, "task": False}
    return flags | {"grade_id": grade_id(role, number), "schema_version": 3}


def write_config(folder: Path, config: Path | None = None) -> None:
    """Make a folder a course of nbgrader, which marks in a jail, or as other settings have it."""
    text = CONFIG if config is None else config.read_text("utf-8")
    (folder / "nbgrader_config.py").write_text(text, "utf-8")


def make_course(notebooks: list[Path], out: Path) -> list[Path]:
    """Make nbgrader's course of these workbooks in a folder; return the notebooks for students."""
    from nbgrader.converters import GenerateAssignment

    if not (out / "nbgrader_config.py").exists():
        write_config(out)
    released = []
    for workbook in notebooks:
        name = assignment_name(workbook)
        target = out / "source" / name / workbook.name
        target.parent.mkdir(parents=True)
        nbformat.write(source_notebook(workbook), target)
        with open_course(out) as (settings, directory):
            directory.assignment_id = name
            GenerateAssignment(coursedir=directory, config=settings).start()
        released.append(out / "release" / name / workbook.name)
    return released


@contextmanager
def open_course(folder: Path) -> Iterator[tuple]:
    """Settings and directory of a course of nbgrader, with its log held down to errors.

    One stands in the course meanwhile: nbgrader and alembic run settings from where one stands,
    which may be among students' files.

    Raises
    ------
    UserError
        If the folder holds no course.
    """
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config.loader import PyFileConfigLoader
    from traitlets.log import get_logger

    if not (folder / "nbgrader_config.py").exists():
        raise UserError(f"{folder} is not a course folder: it holds no nbgrader_config.py.")
    settings = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
    settings.CourseDirectory.root = str(folder.resolve())
    log, path = get_logger(), os.environ["PATH"]
    assert isinstance(log, logging.Logger)  # traitlets' own, not an adapter of somebody's
    level = log.level
    log.setLevel(logging.CRITICAL)
    # nbgrader calls alembic, which is installed beside this Python
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), path])
    try:
        # nbgrader's own warnings, on its data base
        with warnings.catch_warnings(action="ignore"), contextlib.chdir(folder):
            yield settings, CourseDirectory(config=settings)
    finally:
        log.setLevel(level)
        os.environ["PATH"] = path


def main(argv: list[str]) -> int:
    """Write nbgrader's course."""
    notebooks, out = parse_args("assignment", __doc__, argv, BUILD / "course", further=False)
    for path in make_course(notebooks, out):
        print(f"for students: {path}")
    return 0
