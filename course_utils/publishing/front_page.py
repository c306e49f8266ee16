"""The site's first page: a living figure, an exercise to answer at once, and every workbook."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import shutil
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from PIL import Image

from course_utils.exercises import all_exercises
from course_utils.figures import Figure, join_modules
from course_utils.figures.kernel_scrubber import KernelScrubber
from course_utils.publishing import page_forms, pages
from course_utils.workbooks import ROOT

SCRIPT = "front.js"  # its name beside the pages of the site
EXERCISE = "0.1"  # needs nothing that stands above it
AT_WORK = ROOT / "docs" / "workbook.png"
COMMAND = "python3 start.py lab"
PICTURE = re.compile(r'<img alt="([^"]*)"[^>]*src="data:image/png;base64,([^"]+)"')
MINUTES = re.compile(r"\*\*Time:\*\*[^.\d]*(\d+) minutes")
BEFORE = re.compile(r"\*\*Before this:\*\* (.+?)(?:\. |\.$|$)", re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
WIDTH, SLIMMEST, WIDEST = 480, 0.9, 3.2  # of a picture: pixels, and its shape
MODEL = """
const model = {
    values: STATE, heard: {},
    get(name) { return this.values[name]; },
    set(name, value) {
        this.values[name] = value;
        for (const listener of this.heard[`change:${name}`] ?? []) listener();
    },
    on(name, listener) { (this.heard[name] ??= []).push(listener); },
    off() {},
    save_changes() {},
    send() {},
};
const el = document.querySelector("#front-figure");
if (el) figureOfPage.render({ model, el });
"""


def script(figure: Figure | None = None) -> str:
    """A figure as a script for a page without Jupyter: drawn where `#front-figure` is."""
    figure = figure or KernelScrubber.example()
    module = join_modules(figure.script_path()).replace("export default ", "const figureOfPage = ")
    own = set(figure.trait_names(sync=True)) - set(Figure.class_trait_names())
    state = json.dumps({name: figure.get_state()[name] for name in sorted(own)})
    model = MODEL.replace("STATE", state.replace("</", "<\\/"))
    return f'document.addEventListener("DOMContentLoaded", () => {{\n{module}\n{model}\n}});\n'


def index(folder: Path, names: list[Path], static: Path, title: str, repository: str) -> str:
    """The first page's source; pictures and scripts that it needs go into `static`."""
    (static / SCRIPT).write_text(script(), encoding="utf-8")
    notebooks = {name: nbformat.read(folder / name, as_version=4) for name in names}
    core = [name for name in names if name.parent == Path()]
    cards = [_card(name, notebooks[name], names, static) for name in core]
    return "\n".join([
        f"# {title}\n",
        f"<style>{KernelScrubber._css}</style>",
        _front(notebooks, repository),
        '<h2>The workbooks</h2>\n<ul class="course-cards">',
        *cards,
        "</ul>\n",
        f'<script src="_static/{SCRIPT}" defer></script>\n',
    ])  # fmt: skip


def _front(notebooks: dict[Path, NotebookNode], repository: str) -> str:
    """What fills the first screen."""
    exercise = next(each for each in all_exercises() if each.number == EXERCISE)
    question = _question(notebooks)
    asked = f"<p>{html.escape(question)}</p>\n{page_forms.form(exercise)}" if question else ""
    return (
        '<p class="course-lead">Nine workbooks, from the first tensor to a photograph recovered '
        "from a few of its pixels. You read a little, write a few lines, and are told which "
        "mistake it is. Offline, on a laptop.</p>\n"
        '<div class="course-front">\n<div id="front-figure"></div>\n<div>\n'
        f"<p><b>Try it here.</b></p>\n{asked}\n"
        f'<p><b>All of it</b>: get <a href="{html.escape(repository)}">the course</a>, and in its '
        f"folder</p>\n<pre>{COMMAND}</pre>\n</div>\n</div>"
    )


def _question(notebooks: dict[Path, NotebookNode]) -> str:
    """The words of the front page's exercise, from its workbook; empty where that is not there."""
    asked = re.compile(rf"Exercise {re.escape(EXERCISE)}\b[^*\n]*\*\*[^.]*\. (.+)")
    for notebook in notebooks.values():
        for cell in notebook.cells:
            if cell.cell_type == "markdown" and (words := asked.search(cell.source)):
                return words[1].strip()
    return ""


def _card(name: Path, notebook: NotebookNode, names: list[Path], static: Path) -> str:
    """A workbook with its picture, minutes, what it builds on, and its further parts."""
    page = name.with_suffix(".html").as_posix()
    opening = notebook.cells[0].source if notebook.cells else ""
    minutes, before = MINUTES.search(opening), BEFORE.search(opening)
    facts = [f"{minutes[1]} minutes"] if minutes else []
    facts += [f"after {_plain(before[1])}"] if before else []
    further = Path("further") / name
    more = f' · <a href="{further.with_suffix(".html").as_posix()}">further</a>'
    return (
        f'<li><a href="{page}">{_picture(name, notebook, static)}'
        f"<b>{html.escape(pages.title(notebook) or name.stem)}</b></a>\n"
        f"<span>{html.escape(', '.join(facts))}{more if further in names else ''}</span></li>"
    )


def _plain(words: str) -> str:
    """Markdown as its words: links, emphasis and letters of formulas without their signs."""
    return re.sub(r"[*$]", "", LINK.sub(r"\1", words))


def _picture(name: Path, notebook: NotebookNode, static: Path) -> str:
    """A workbook's first picture of a shape that suits a card, made small; empty without one."""
    for alt, data in _pictures(notebook):
        with Image.open(io.BytesIO(base64.b64decode(data))) as whole:
            if not SLIMMEST <= whole.width / whole.height <= WIDEST:
                continue
            small = whole.convert("RGB")
            small.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
            small.save(static / f"front-{name.stem}.png", optimize=True)
            return f'<img src="_static/front-{name.stem}.png" alt="{alt}">'
    shutil.copyfile(AT_WORK, static / AT_WORK.name)  # a workbook without a picture of its own
    return f'<img src="_static/{AT_WORK.name}" alt="A workbook in JupyterLab, at work">'


def _pictures(notebook: NotebookNode):
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            yield from PICTURE.findall("".join(output.get("data", {}).get("text/html", "")))
