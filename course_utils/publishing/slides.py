"""Workbooks as reveal.js slides that need no network: figures alive, speaker's notes included.

Where a stack of slides begins is said by the notebooks' own slide metadata (JupyterLab shows it
under "Slide Type"), or by their headings; `slides.mjs` cuts it into pages in the browser, which
knows how tall things are. A heading within a cell begins a slide, and what the cell says before it
becomes notes; after each exercise the notes hold its answer and the usual mistakes.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import nbformat
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from course_utils.exercises import all_exercises
from course_utils.figures import join_modules
from course_utils.publishing import run_notebooks
from course_utils.publishing.browser_scripts import (
    MODULES,
    SCRIPTS,
    copy_scripts,
    fetch_browser_scripts,
)
from course_utils.publishing.editions import usual_mistakes
from course_utils.publishing.pages import render
from course_utils.workbooks import BUILD, exercise_number, parse_args

TEMPLATE = Path(__file__).with_name("slides.html.j2")
PAGING = Path(__file__).with_name("slides.mjs")
WIDTH, HEIGHT, MARGIN = 1280, 720, 24  # of a slide, in pixels
SMALLEST = 22  # pixels of text that can be read from the last row
REVEAL = MODULES / "reveal.js"
REVEAL_SCRIPTS = {
    "reveal.js": REVEAL / "dist" / "reveal.js",
    "reveal.css": REVEAL / "dist" / "reveal.css",
    "notes.js": REVEAL / "plugin" / "notes" / "notes.js",
}
HEADING = re.compile(r"^#{1,3} ", re.MULTILINE)


def prepare(notebook: NotebookNode) -> None:
    """Split cells at headings and add the notes on exercises, in place."""
    exercises = {exercise.number: exercise for exercise in all_exercises()}
    has_slide_types = any("slideshow" in cell.metadata for cell in notebook.cells)
    cells, notebook.cells = notebook.cells, []
    for cell in cells:
        if not has_slide_types:
            cell.metadata["slideshow"] = {"slide_type": _slide_type(cell, cells)}
        heading = HEADING.search(cell.source) if cell.cell_type == "markdown" else None
        if heading and heading.start():
            before = cell.source[: heading.start()]
            notebook.cells.append(_notes(before, f"{cell.id}-before"))
            cell.source = cell.source[heading.start() :]
        notebook.cells.append(cell)
        if number := exercise_number(cell, "check"):
            cell.metadata["slideshow"] = {"slide_type": "skip"}  # it has nothing to say yet
            exercise = exercises[number]
            answer = (
                f"**Answer to {exercise.number}**\n\n```python\n{exercise.solution_source()}\n```"
            )
            slug = number.replace(".", "-")
            notebook.cells.append(_notes(answer, f"answer-{slug}"))
            notebook.cells.append(usual_mistakes(exercise))


def _slide_type(cell: NotebookNode, cells: list[NotebookNode]) -> str:
    """What a cell is on slides where its notebook does not say it."""
    is_setup = cell is next((other for other in cells if other.cell_type == "code"), None)
    if is_setup or exercise_number(cell, "check"):
        return "skip"
    begins = cell.cell_type == "markdown" and re.search(r"^#{1,2} ", cell.source, re.MULTILINE)
    return "slide" if begins else "-"


def _notes(text: str, name: str) -> NotebookNode:
    return new_markdown_cell(text, id=name, metadata={"slideshow": {"slide_type": "notes"}})


def export(notebook_path: Path, out_dir: Path) -> Path:
    """Write an executed notebook as slides, with the scripts they need beside them.

    Raises
    ------
    UserError
        If the notebook says of no cell what it is on a slide.
    UserError
        If a browser script is missing; the message says how to get it.
    """
    notebook = nbformat.read(notebook_path, as_version=4)
    prepare(notebook)
    exporter = SlidesExporter(template_file=str(TEMPLATE), exclude_anchor_links=True)
    size = {"width": WIDTH, "height": HEIGHT, "margin": MARGIN, "smallest": SMALLEST}
    paging = join_modules(PAGING)
    html = render(exporter, notebook, notebook_path, paging=paging, **size)
    copy_scripts(SCRIPTS | REVEAL_SCRIPTS, out_dir)
    deck = out_dir / f"{notebook_path.stem}.slides.html"
    deck.write_text(html, encoding="utf-8")
    return deck


def main(argv: list[str]) -> int:
    """Write decks of slides; 1 where a notebook shows an error."""
    notebooks, out = parse_args("slides", __doc__, argv, BUILD / "slides")
    fetch_browser_scripts()  # before anything long runs
    with tempfile.TemporaryDirectory() as scratch:
        folder = run_notebooks.run("student", notebooks, out=Path(scratch), show=True)
        for path in sorted(folder.rglob("*.ipynb")):
            print(export(path, out / path.parent.relative_to(folder)))
        return run_notebooks.print_failures(folder)
