"""The two editions of a workbook: the student's, as stored, and the tutor's, with the answers."""

from __future__ import annotations

import copy
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from course_utils.errors import UserError
from course_utils.workbooks import NBVAL_TAG, NOTEBOOKS, discover, exercise_number, tags

MISTAKES = "usual-mistakes"  # the tag of the cells that list them in the tutor's edition
VALUE_WIDTH = 60  # characters of a wrong value that is worth printing


def student_edition(notebook: NotebookNode) -> NotebookNode:
    """Copy the notebook as it is stored: the student's edition is the source itself."""
    return copy.deepcopy(notebook)


def tutor_edition(notebook: NotebookNode) -> NotebookNode:
    """Copy the notebook with the model answer in every exercise cell, under the same cell ids.

    After each check stands a cell with the mistakes the exercise knows. Outputs stay only in cells
    tagged `nbval-check-output`.

    Raises
    ------
    UserError
        If a cell is tagged with an exercise that no module of `course_utils.exercises` declares.
    """
    from course_utils.exercises import all_exercises  # here: tidy needs no torch

    exercises = {exercise.number: exercise for exercise in all_exercises()}
    edition = copy.deepcopy(notebook)
    cells, edition.cells = edition.cells, []
    for cell in cells:
        number = exercise_number(cell)
        if number is not None:
            if number not in exercises:
                raise UserError(f"cell {cell.id!r}: course_utils/exercises holds no {number}")
            cell.source = exercises[number].solution_source()
        if cell.cell_type == "code" and NBVAL_TAG not in tags(cell):
            cell.outputs, cell.execution_count = [], None
        edition.cells.append(cell)
        if checked := exercise_number(cell, "check"):
            edition.cells.append(usual_mistakes(exercises[checked]))
    return edition


def usual_mistakes(exercise) -> NotebookNode:
    """Make a cell that lists what students get wrong; a wrong value stands before its message."""
    lines = [f"**Usual mistakes in {exercise.number}**", ""]
    for mistake in exercise.mistakes.values():
        value, message = " ".join(repr(mistake.answer).split()), mistake.words
        shown = exercise.is_value and mistake.when is None and len(value) <= VALUE_WIDTH
        lines.append(f"- `{value}`: {message}" if shown else f"- {message}")
    slug = exercise.number.replace(".", "-")
    metadata = {"tags": [MISTAKES], "slideshow": {"slide_type": "notes"}}
    return new_markdown_cell("\n".join(lines), id=f"usual-mistakes-{slug}", metadata=metadata)


EDITIONS = {"student": student_edition, "tutor": tutor_edition}


def write(out: Path, edition: str = "tutor", notebooks: list[Path] | None = None) -> list[Path]:
    """Write an edition of all workbooks, or of those named, below `out`; return the files written.

    The folders below `notebooks/` are kept; a notebook from elsewhere goes straight into `out`.
    """
    written = []
    for source in discover() if notebooks is None else notebooks:
        source = Path(source).resolve()
        inside = source.is_relative_to(NOTEBOOKS)
        target = Path(out) / (source.relative_to(NOTEBOOKS) if inside else source.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(EDITIONS[edition](nbformat.read(source, as_version=4)), target)
        written.append(target)
    return written
