"""The two editions of a workbook: the student's, as stored, and the tutor's, with the answers."""

from __future__ import annotations

import argparse
import copy
import os
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"
MISTAKES = "usual-mistakes"  # the tag of the cells that list them in the tutor's edition
VALUE_WIDTH = 60  # characters of a wrong value that is worth printing
CHECKED = "nbval-check-output"  # the tag of cells whose printed text is stored and compared


def discover(folder: Path = NOTEBOOKS) -> list[Path]:
    """List every notebook below `folder` by its place in it; Jupyter's checkpoints are left out."""
    found = (path.relative_to(folder) for path in folder.rglob("*.ipynb"))
    return [folder / path for path in sorted(found) if ".ipynb_checkpoints" not in path.parts]


def chosen(names: list[str], further: bool = True) -> list[Path]:
    """Find workbooks by number, such as "02", or "further/02" for the further part alone.

    Without names: all of them. `further=False` leaves out the further parts that are not named.

    Raises
    ------
    ValueError
        If a name has no workbook; the message lists those there are.
    """
    found = [path.relative_to(NOTEBOOKS) for path in discover(NOTEBOOKS)]
    known = {path: path.as_posix().partition("_")[0] for path in found}
    picked = set()
    for name in names:
        here = {path for path in found if known[path] in (name, f"further/{name}" * further)}
        if not here:
            there = ", ".join(known.values())
            raise ValueError(f"There is no workbook {name!r} in {NOTEBOOKS}; there: {there}.")
        picked |= here
    if not names:
        picked = {path for path in found if further or path.parent == Path()}
    return [NOTEBOOKS / path for path in found if path in picked]


def empty(folder: Path) -> Path:
    """Make a folder for results, or take it if it is empty.

    Raises
    ------
    ValueError
        If something lies in it, or it is no folder: nothing is ever written over.
    """
    if folder.exists() and not (folder.is_dir() and next(folder.iterdir(), None) is None):
        raise ValueError(f"{folder} is not an empty folder. Name another with --out, or remove it.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def asked(
    command: str, about: str, argv: list[str], out: Path, further: bool = True
) -> tuple[list[Path], Path]:
    """Read a command line of workbooks' numbers and `--out`, which by default is `out`.

    Returns
    -------
    (list of Path, Path)
        What `chosen` finds, and an empty folder.

    Raises
    ------
    ValueError
        If there is no such workbook, or the folder is not empty.
    """
    names = f"02, or further/02 (default: {'all' if further else 'all core ones'})"
    parser = argparse.ArgumentParser(prog=f"course_utils {command}", description=about)
    parser.add_argument("names", nargs="*", metavar="NN", help=names)
    parser.add_argument("--out", type=Path, default=out, help="an empty folder")
    given = parser.parse_args(argv)
    return chosen(given.names, further), empty(given.out)


def write_whole(path: Path, text: str) -> None:
    """Write a file at once: whoever reads it meanwhile sees the old one or the new one."""
    mode = path.stat().st_mode if path.exists() else 0o644  # mkstemp lets nobody else read it
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


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

    After each check stands a cell with the mistakes the exercise knows. Outputs stay only in cells
    tagged `nbval-check-output`.

    Raises
    ------
    ValueError
        If a cell is tagged with an exercise that no module of `course_utils.exercises` declares.
    """
    from course_utils.exercise import all_exercises  # here: tidy needs no torch

    exercises = {exercise.number: exercise for exercise in all_exercises()}
    edition = copy.deepcopy(notebook)
    cells, edition.cells = edition.cells, []
    for cell in cells:
        number = exercise_number(cell)
        if number is not None:
            if number not in exercises:
                raise ValueError(f"cell {cell.id!r}: course_utils/exercises holds no {number}")
            cell.source = exercises[number].solution_source()
        if cell.cell_type == "code" and CHECKED not in tags(cell):
            cell.outputs, cell.execution_count = [], None
        edition.cells.append(cell)
        if checked := exercise_number(cell, "check"):
            edition.cells.append(usual_mistakes(exercises[checked]))
    return edition


def usual_mistakes(exercise) -> NotebookNode:
    """Make a cell that lists what students get wrong; a wrong value stands before its message."""
    lines = [f"**Usual mistakes in {exercise.number}**", ""]
    for message, mistake in exercise.mistakes.items():
        value = " ".join(repr(mistake).split())
        shown = exercise.is_value and not callable(mistake) and len(value) <= VALUE_WIDTH
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
