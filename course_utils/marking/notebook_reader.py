"""Reads one student's notebook, in the jail: JSON, cells, and what of them has to run.

Whoever wrote the notebook may have made it to take the reader's time and memory, or to end it. So
this runs apart from the marking, under limits, and prints plain JSON, one line for each stage: what
is printed before the end stays of use. Pygments aside, only the standard library is needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from course_utils.marking import jail
from course_utils.marking.cell_dependencies import READS_ANYTHING, cells_to_run, names_in
from course_utils.marking.exercise_cells import (
    answer_position,
    grading_position,
    is_exercise_cell,
    is_labelled,
)

LESSONS = "lessons.json"  # beside the package: assignment → its cells and exercises
MEGABYTE = 2**20
LIMITS = jail.Limits(seconds=20, memory=2**30, threads=8, output=16 * MEGABYTE)
MAX_BYTES = 50 * MEGABYTE  # of a notebook, pictures included
MAX_CELLS = 2000  # the longest workbook has a hundred
MAX_CODE = 1_000_000  # characters in all code cells
MAX_TEXT = 20_000  # characters of any other cell: it is not marked, only shown
MAX_TEXTS = 500_000  # in all these: the longest workbook has 17,000
MAX_TAGS = 6  # of a cell, as formgrader shows them: lessons have two at most
LABEL = re.compile(r"[\w.-]{1,100}")  # of a tag or a name of nbgrader's


class Cell(NamedTuple):
    """A cell without outputs, of its metadata only tags and nbgrader's name."""

    cell_type: str
    source: str
    metadata: dict


class Asked(NamedTuple):
    """An exercise of a lesson, and the code that students start from."""

    number: str
    name: str
    stub: str


def parse_cells(data: bytes) -> list[Cell]:
    """Make the cells of a notebook anew.

    Raises
    ------
    ValueError
        If the data is no notebook of format 4, or too large a one; the message completes "it".
    """
    if not data.strip():
        raise ValueError("is empty")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("is damaged (no JSON)") from None
    if not isinstance(content, dict) or "nbformat" not in content:
        raise ValueError("is not a notebook")
    if content["nbformat"] != 4:
        raise ValueError("is not a notebook of format 4: open it in JupyterLab and save it")
    cells = content.get("cells")
    if not isinstance(cells, list):
        raise ValueError("is damaged: it has no cells")
    if len(cells) > MAX_CELLS:
        raise ValueError(f"has {len(cells)} cells; {MAX_CELLS} are the most")
    try:
        parsed = [_cell(cell) for cell in cells]
    except (TypeError, KeyError, AttributeError):  # anything may stand where a cell is expected
        raise ValueError("is damaged: a cell is not as cells are") from None
    if sum(len(cell.source) for cell in parsed if cell.cell_type == "code") > MAX_CODE:
        raise ValueError(f"has more than {MAX_CODE:,} characters of code")
    return _shortened(parsed)


def _shortened(cells: list[Cell]) -> list[Cell]:
    """Cut what is only shown where all of it is too long."""
    left, kept = MAX_TEXTS, []
    for cell in cells:
        if cell.cell_type != "code":
            cell = cell._replace(source=cell.source[:left])
            left -= len(cell.source)
        kept.append(cell)
    return kept


def _cell(cell: dict) -> Cell:
    kind, metadata = str(cell["cell_type"]), cell.get("metadata") or {}
    source = "".join(cell["source"])
    if kind != "code":
        kind = "raw" if kind == "raw" else "markdown"
        source = source[:MAX_TEXT] + " …" * (len(source) > MAX_TEXT)
    tags = dict.fromkeys(filter(_is_label, metadata.get("tags") or []))
    labels: dict[str, Any] = {"tags": [*tags][:MAX_TAGS]}
    nbgrader = metadata.get("nbgrader")
    if isinstance(nbgrader, dict) and _is_label(nbgrader.get("grade_id")):
        labels["nbgrader"] = {"grade_id": nbgrader["grade_id"]}
    return Cell(kind, _plain(source), labels)


def _is_label(value: object) -> bool:
    return isinstance(value, str) and LABEL.fullmatch(value) is not None


def _plain(text: str) -> str:
    """Replace halves of characters, which no file can hold, and zeros, which no code can."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def count(cells: list[Cell], exercises: list[Asked]) -> tuple[int, int]:
    """Of how many exercises a notebook has a cell, and how many are no longer as given."""
    answers = {asked: answer_position(cells, asked, asked.stub) for asked in exercises}
    held = sum(
        place is not None or any(is_exercise_cell(cell, "check", asked) for cell in cells)
        for asked, place in answers.items()
    )
    answered = sum(
        place is not None and cells[place].source.strip() != asked.stub.strip()
        for asked, place in answers.items()
    )
    return held, answered


def remark(cells: list[Cell], lesson: list[Cell], asked: Asked) -> str:
    """Say why an exercise's own cell gives no answer although something was written in it."""
    given = {cell.source.strip() for cell in lesson} | {""}
    own = [cell for cell in cells if cell.source.strip() not in given]
    tried = [c for c in own if is_labelled(c, "exercise", asked) or _is_text_answer(c, asked)]
    if not tried:
        return ""
    cell = tried[-1]
    if cell.cell_type != "code":
        kind = {"markdown": "Markdown"}.get(cell.cell_type, cell.cell_type)
        return f"The cell of this answer is a {kind} cell, so nothing in it is run."
    code = [line for line in cell.source.splitlines() if line.strip() and line.strip()[0] != "#"]
    names = names_in(cell.source)
    if code and not names.read & READS_ANYTHING and asked.name not in names.bound:
        return f"The cell of this answer makes no `{asked.name}`."
    return ""


def _is_text_answer(cell: Cell, asked: Asked) -> bool:
    """Whether an answer stands in a cell that is not code."""
    return cell.cell_type != "code" and is_exercise_cell(
        cell._replace(cell_type="code"), "exercise", asked
    )


def load_lesson(lesson: dict) -> tuple[list[Cell], list[Asked]]:
    """Return the cells and the exercises of an entry of lessons.json."""
    cells = [Cell(*cell) for cell in lesson["cells"]]
    exercises = []
    for number, name in lesson["exercises"]:
        asked = Asked(number, name, "")
        stubs = [cell.source for cell in cells if is_exercise_cell(cell, "exercise", asked)]
        exercises.append(asked._replace(stub=stubs[0] if stubs else ""))
    return cells, exercises


def read(data: bytes, lessons: dict, assignment: str) -> Iterable[dict]:
    """Yield what is known of a notebook, stage by stage; "" as assignment ends after the first."""
    try:
        cells = parse_cells(data)
    except ValueError as error:
        yield {"problem": str(error)}
        return
    known = {name: load_lesson(lesson) for name, lesson in lessons.items()}
    counts = {name: count(cells, exercises) for name, (_, exercises) in known.items()}
    yield {"digest": hashlib.sha256(data).hexdigest(), "counts": counts}
    if assignment:
        lesson, exercises = known[assignment]
        positions = {
            asked.number: grading_position(cells, asked, asked.stub) for asked in exercises
        }
        remarks = {asked.number: remark(cells, lesson, asked) for asked in exercises}
        yield {"cells": cells, "positions": positions, "remarks": remarks}
        yield {"runs": cells_to_run(cells, lesson, exercises)}
        from course_utils.marking.highlighting import quick_cells  # here: it takes 0.05 s to import

        yield {"quick": quick_cells(cells, lesson)}


def main(assignment: str, jailed: bool) -> None:
    """Read the notebook on the standard input; print the stages."""
    jail.confine(LIMITS, jailed)
    lessons = json.loads(Path(os.environ["PYTHONPATH"], LESSONS).read_text("utf-8"))
    for stage in read(sys.stdin.buffer.read(MAX_BYTES + 1), lessons, assignment):
        sys.stdout.buffer.write(json.dumps(stage, ensure_ascii=False).encode() + b"\n")
        sys.stdout.buffer.flush()


def as_lesson(cells: Sequence, exercises: Iterable) -> dict:
    """Return an entry of lessons.json."""
    return {
        "cells": [Cell(c.cell_type, c.source, {"tags": c.metadata.get("tags", [])}) for c in cells],
        "exercises": [(exercise.number, exercise.name) for exercise in exercises],
    }
