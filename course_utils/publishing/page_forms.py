"""Exercises as parts of a web page: forms that answer at once, and code with its solution."""

from __future__ import annotations

import copy
import html
import json
import re
from functools import cache
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from course_utils.exercise import Exercise
from course_utils.exercises import all_exercises
from course_utils.figures import join_modules
from course_utils.judging import feedback
from course_utils.judging.observation import numbers
from course_utils.judging.page_answers import Catalogue
from course_utils.publishing.browser_scripts import MODULES, find_script
from course_utils.publishing.forms.judged import has_form
from course_utils.publishing.forms.tables import table_of
from course_utils.workbooks import exercise_number

FORMS = Path(__file__).with_name("forms")
STYLESHEET = FORMS / "forms.css"
SCRIPT = "exercises.js"  # its name beside the pages of the site
WIDE, SEARCH, TEXTS = "wide.js", "search.js", "search_texts.js"
SHA256 = MODULES / "js-sha256" / "build" / "sha256.min.js"
IN_WORKBOOK = "Write this one in the workbook: there it is run, and you are told what it does."


def script() -> str:
    """The script of all forms, as one that runs in any page.

    RequireJS, where a page has it, must not take the digests for a module of its own.
    """
    digests = find_script(SHA256).read_text(encoding="utf-8")
    return (
        f"((define, module, exports) => {{{digests}\n}})();\n"
        f"(() => {{\n{join_modules(FORMS / 'forms.mjs')}\n}})();\n"
    )


def wide_script() -> str:
    """The script that lets wide formulas scroll."""
    return f"(() => {{\n{join_modules(FORMS / 'wide.mjs')}\n}})();\n"


def search_script() -> str:
    """The script that shows excerpts below the results of a search."""
    return f"(() => {{\n{join_modules(FORMS / 'search.mjs')}\n}})();\n"


def with_forms(notebook: NotebookNode) -> NotebookNode:
    """Copy an executed notebook with its exercises as a reader of a page can answer them."""
    exercises = {exercise.number: exercise for exercise in all_exercises()}
    page, numbers_here = copy.deepcopy(notebook), []
    cells, page.cells = page.cells, []
    for cell in cells:
        asked, checked = exercise_number(cell), exercise_number(cell, "check")
        exercise = exercises.get(asked or checked or "")
        if exercise is None or (asked and not has_form(exercise)):
            page.cells.append(cell)
        elif asked:
            numbers_here.append(exercise.number)
            page.cells.append(new_markdown_cell(form(exercise), id=cell.id))
        elif not has_form(exercise):
            page.cells.append(new_markdown_cell(solution(exercise), id=cell.id))
    if numbers_here:
        page.cells.append(new_markdown_cell(progress_line(numbers_here), id="progress"))
    return page


@cache
def _table(number: str) -> str:
    """The table of an exercise as JSON that can stand in a page."""
    exercise = next(each for each in all_exercises() if each.number == number)
    plain = json.dumps(table_of(exercise), ensure_ascii=False, separators=(",", ":"))
    return plain.replace("<", "\\u003c")


def form(exercise: Exercise) -> str:
    """The form of a value or choice exercise, without empty lines: Markdown keeps it whole."""
    boxes = _asked(exercise)
    legend = html.escape(f"Your answer to {exercise.number}")
    data = f'<script type="application/json">{_table(exercise.number)}</script>'
    return (
        f'<form class="course-form" data-exercise="{exercise.number}" autocomplete="off" '
        f"novalidate>\n<fieldset><legend>{legend}</legend>\n{boxes}\n</fieldset>\n"
        '<button type="submit">Check</button>\n'
        f'<div class="course-says" role="status"></div>\n{data}\n</form>'
    )


def _asked(exercise: Exercise) -> str:
    """What the form of an exercise asks for."""
    if exercise.is_choice:
        return _choices(exercise)
    if isinstance(exercise.page, Catalogue):
        return _listed(exercise, exercise.page)
    return _boxes(exercise)


def _listed(exercise: Exercise, catalogue: Catalogue) -> str:
    """A table, and for each part of the answer a list of its rows."""
    named = catalogue.lettered()
    head = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in ("", *catalogue.head))
    rows = [
        f'<tr><th scope="row">{letter}</th>{"".join(map(_cell, texts))}</tr>'
        for letter, (texts, _value) in named.items()
    ]
    options = "".join(f"<option>{letter}</option>" for letter in named)
    lists = [
        f'<label class="course-box"><span>{html.escape(name)}</span> '
        f'<select><option value="">–</option>{options}</select></label>'
        for name in exercise.parts
    ]
    table = (
        f"<table><thead><tr>{head}</tr></thead><tbody>\n" + "\n".join(rows) + "\n</tbody></table>"
    )
    note = feedback.with_marks(catalogue.note)
    return f'<div class="course-catalogue"><p>{note}</p>\n{table}</div>\n' + "\n".join(lists)


def _cell(text: str) -> str:
    return f"<td>{html.escape(text)}</td>"


def _choices(exercise: Exercise) -> str:
    rows = [
        f'<label class="course-choice"><input type="radio" name="choice-{exercise.number}" '
        f'value="{letter}"> <b>{letter}</b> <span>{feedback.with_marks(text)}</span></label>'
        for letter, text in exercise.choices.items()
    ]
    return "\n".join(rows)


def _boxes(exercise: Exercise) -> str:
    array = numbers(exercise.answer)
    shape = () if array is None else array.shape
    if len(shape) == 2:
        names = [f"row {i + 1}, column {j + 1}" for i in range(shape[0]) for j in range(shape[1])]
        boxes = "\n".join(f'<span class="course-box">{_input(name)}</span>' for name in names)
        return f'<div class="course-grid" style="--columns: {shape[1]}">\n{boxes}\n</div>'
    if not shape:
        return f'<span class="course-box">{_input(exercise.title)}</span>'
    return "\n".join(
        f'<label class="course-box"><span>{html.escape(name)}</span> {_input("")}</label>'
        for name in json.loads(_table(exercise.number))["parts"]
    )


def _input(name: str) -> str:
    label = f' aria-label="{html.escape(name)}"' if name else ""
    return (
        f'<input type="text"{label} autocapitalize="off" spellcheck="false">'
        '<span class="course-mark" aria-hidden="true"></span>'
    )


def solution(exercise: Exercise) -> str:
    """What stands below the stub of an exercise that no form can ask for."""
    source = html.escape(exercise.solution_source())
    source = re.sub(r"\n(?=\n)", "\n&#8203;", source)  # an empty line would end the HTML
    return (
        f'<div class="course-solution" data-exercise="{exercise.number}"><p>{IN_WORKBOOK}</p>\n'
        f"<details><summary>One way to do it</summary>\n<pre>{source}</pre>\n</details></div>"
    )


def progress_line(exercises: list[str]) -> str:
    """How many of a page's forms are answered, and a button that saves this as a file."""
    return (
        f'<p class="course-progress"><span data-passed="{" ".join(exercises)}"></span> '
        '<button type="button" data-save-progress>Save your progress</button> '
        "<small>It stays in this browser; the file is what a tutor's report reads.</small></p>"
    )
