"""A toy workbook, as small as a workbook may be: its notebook, and where its exercises lie."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from unittest import mock

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils import exercise
from course_utils.publishing import tidy
from course_utils.workbooks import NBVAL_TAG

TOY = Path(__file__).with_name("toy")
NAME = "09_toy.ipynb"

OPENING = """# 9 · How bright is a picture?

You will be able to

- say what a channel is,
- measure how bright a channel is,
- name the shape of a picture.

45 minutes. Before this: nothing."""
READING = """A picture is a grid of numbers, and each of them says how much light one small square
of it sends to your eye. A small number stands for a dark square, a large number for a bright one.
Read the grid row by row, as you read a page, and compare each row with the one above it."""
SETUP = """import torch
from course_utils.exercises import toy as ex
from course_utils.figures.toy_figure import ToyFigure"""
CLOSING = [
    "## Summary\n\n- A channel is a grid of one colour.\n- Its mean says how bright it is.",
    "## Check yourself\n\nWhat does the mean of a channel tell? *How bright it is.*",
    "## Further reading\n\n- [What this course is](../README.md), for the whole picture.",
    "## Next\n\nGo back to the [summary](#Summary).",
]


def stored(name: str = NAME) -> NotebookNode:
    """The toy notebook in its stored form."""
    cells = [new_markdown_cell(OPENING), new_code_cell(SETUP)]
    printed = new_code_cell("print(torch.arange(4).sum().item())")
    printed.metadata["tags"] = [NBVAL_TAG]
    printed.outputs = [nbformat.v4.new_output("stream", name="stdout", text="6\n")]
    cells += [new_markdown_cell("## A grid of numbers\n\n" + READING), printed]
    for number, toy in enumerate(exercises().values(), start=1):
        cells.append(new_markdown_cell(f"## Part {number}\n\n{READING}\n\n{READING}"))
        cells.append(new_code_cell(f"part = {number}\nToyFigure(row=part % 4)"))
        cells.append(new_markdown_cell(f"{READING}\n\n### Exercise {toy.number}\n\n{toy.title}?"))
        cells.append(new_code_cell(toy.stub_source()))
        cells[-1].metadata["tags"] = ["exercise", f"ex-{toy.number}"]
        cells.append(new_code_cell(f"ex.{toy.name}.check({toy.name})"))
        cells[-1].metadata["tags"] = ["check", f"ex-{toy.number}"]
    cells += [
        new_markdown_cell(f"{READING}\n\n{READING}\n\n{READING}"),
        *map(new_markdown_cell, CLOSING),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    notebook = new_notebook(cells=cells)
    tidy.tidy(notebook)
    return notebook


def add_to(course: Path) -> list[Path]:
    """Add the toy to a copy of the course: a notebook, exercises and a figure; return the files."""
    package = course / "course_utils"
    added = {
        package / "exercises" / "toy.py": "toy.py",
        package / "figures" / "toy_figure.py": "toy_figure.py",
        package / "figures" / "toy_figure.mjs": "toy_figure.mjs",
    }
    for target, source in added.items():
        shutil.copy(TOY / source, target)
    notebook = course / "notebooks" / NAME
    notebook.write_text(tidy.tidy(stored()), encoding="utf-8")
    return [notebook, *added]


def exercises() -> dict:
    """The toy's exercises by number, declared without a trace in the course's registry."""
    spec = importlib.util.spec_from_file_location("toy", TOY / "toy.py")
    module = importlib.util.module_from_spec(spec)
    with mock.patch.dict(exercise.REGISTRY, clear=True):
        spec.loader.exec_module(module)
    toys = [value for value in vars(module).values() if isinstance(value, exercise.Exercise)]
    return {toy.number: toy for toy in toys}
