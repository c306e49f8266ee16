"""The two editions of a workbook: the student's, as stored, and the tutor's, with the answers."""

from __future__ import annotations

import copy
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"
CHECKED = "nbval-check-output"  # the tag of cells whose printed text is stored and compared


def discover(folder: Path = NOTEBOOKS) -> list[Path]:
    """List every notebook below `folder` by its place in it; Jupyter's checkpoints are left out."""
    found = (path.relative_to(folder) for path in folder.rglob("*.ipynb"))
    return [folder / path for path in sorted(found) if ".ipynb_checkpoints" not in path.parts]


def tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell, in the order in which they are stored."""
    return list(cell.metadata.get("tags", []))


def exercise_number(cell: NotebookNode, role: str = "exercise") -> str | None:
    """Return "2.3" for a cell tagged "ex-2.3" and `role` ("exercise" or "check"), else None."""
    if role not in tags(cell):
        return None
    return next((tag.removeprefix("ex-") for tag in tags(cell) if tag.startswith("ex-")), None)


def student_edition(notebook: NotebookNode) -> NotebookNode:
    """Copy the notebook as it is stored: the student's edition is the source itself."""
    return copy.deepcopy(notebook)


def tutor_edition(notebook: NotebookNode) -> NotebookNode:
    """Copy the notebook with the model answer in every exercise cell, under the same cell ids.

    Outputs stay only in cells tagged `nbval-check-output`.

    Raises
    ------
    ValueError
        If a cell is tagged with an exercise that no module of `course_utils.exercises` declares.
    """
    from course_utils.exercise import all_exercises  # here: tidy needs no torch

    solutions = {exercise.number: exercise.solution_source for exercise in all_exercises()}
    edition = copy.deepcopy(notebook)
    for cell in edition.cells:
        number = exercise_number(cell)
        if number is not None:
            if number not in solutions:
                raise ValueError(f"cell {cell.id!r}: course_utils/exercises holds no {number}")
            cell.source = solutions[number]()
        if cell.cell_type == "code" and CHECKED not in tags(cell):
            cell.outputs, cell.execution_count = [], None
    return edition


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
