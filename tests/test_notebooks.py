"""The form of every notebook, and that each rule catches the notebook that breaks it."""

from __future__ import annotations

import copy
import functools
import re

import answer_rules  # noqa: F401  (adds its rule to RULES)
import pytest
import torch
import toy_workbook
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, writes
from notebook_rules import RULES, SITTING, Page, in_exactly_one, name_of, page_of

from course_utils.exercises import all_exercises
from course_utils.workbooks import NOTEBOOKS, discover


@functools.cache
def declared() -> dict:
    return {exercise.number: exercise for exercise in all_exercises()}


@functools.cache
def page(path) -> Page:
    return page_of(path, declared())


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("path", discover(), ids=name_of)
def test_notebook_keeps_the_rule(path, rule):
    assert list(RULES[rule](page(path))) == []


def test_exercise_stands_in_one_notebook():
    assert in_exactly_one([page(path) for path in discover()], list(declared())) == []


# What each rule catches: a toy workbook that keeps all rules, and changes that break one each. ----

TOY = toy_workbook.stored()
TOY_EXERCISES = toy_workbook.exercises()
PATH = NOTEBOOKS / toy_workbook.NAME
SETUP, COMPARED, FREE, PROSE, EXERCISE, CHECK = 1, 3, 5, 6, 7, 8  # cells up to the first check
FILLER = (25, 20, 15, 10, 5)  # a code cell in each part


def part(number):
    """Position of the prose right before exercise 9.`number`."""
    return PROSE + 5 * (number - 1)


def edit(position, old, new):
    """Replace a pattern in one cell's source."""

    def change(cells):
        cells[position].source, count = re.subn(old, new, cells[position].source)
        assert count == 1

    return change


def add(text, position=PROSE):
    """Add a line to a cell; by default to prose before the first exercise."""

    def change(cells):
        cells[position].source += f"\n{text}"

    return change


def code(text):
    """Add lines to a code cell before the first exercise."""
    return add(text, FREE)


def update(position, **fields):
    return lambda cells: cells[position].update(fields)


def drop(*positions):
    return lambda cells: [cells.pop(position) for position in positions]


def insert(position, *new):
    def change(cells):
        cells[position:position] = new

    return change


def prints(text):
    """Let the compared cell hold another output."""
    return update(COMPARED, outputs=[new_output("stream", name="stdout", text=text)])


def both(first, second):
    return lambda cells: (first(cells), second(cells))


def code_in_part(number, text):
    return add(text, part(number) - 1)


FOLDED = {"jupyter": {"source_hidden": True}}
WORD = [new_markdown_cell("A word.", id=f"word-{count}") for count in range(25)]
LONG = [new_code_cell("part = 1\n" * 7, id=f"long-{count}") for count in range(20)]
DOCTORED = {
    "title": {
        "neither question nor verb": edit(0, "How bright is a picture.", "Pictures and brightness"),
        "another number": edit(0, "# 9", "# 8"),
        "no number": edit(0, "# 9 · ", "# "),
        "a second title": add("\n# Another title"),
    },
    "opening": {
        "two goals": edit(0, "- say.*\n", ""),
        "no goals": edit(0, "able to", "sure to"),
        "no minutes": edit(0, "45 minutes", "Some time"),
        "nothing of what comes before": edit(0, "Before this", "Needed"),
    },
    "setup": {
        "does something": add("torch.manual_seed(0)", SETUP),
        "nine lines": add("import math\n" * 7, SETUP),
    },
    "imports": {
        "star": code("from torch import *"),
        "another folder": code("import os\nos.chdir('..')"),
        "another folder, imported": code("from os import chdir"),
        "magic": code("%matplotlib inline"),
        "installs": code("!pip install torch"),
        "tutor": code("from course_utils.publishing import tidy"),
        "tutor's module": code("import course_utils.publishing.pages"),
        "tutor from above": code("from course_utils import marking"),
    },
    "closing": {
        "another heading": edit(-1, "## Next", "## Onwards"),
        "no self-test": drop(-3),
    },
    "stored_form": {
        "an id twice": insert(FREE, new_code_cell("1 + 1", id="cell-3")),
        "an editor's mark": update(FREE, metadata={"collapsed": True}),
        "loose output": update(FREE, outputs=[new_output("stream", text="loose")]),
        "loose count": update(FREE, execution_count=3),
        "another count": update(COMPARED, execution_count=17),
    },
    "compared_cells_print": {
        "bare expression": add("torch.ones(2)", COMPARED),
        "no print": update(COMPARED, source="import sys\nsix = sys.stdout.write('6')"),
        "nothing stored": update(COMPARED, outputs=[], execution_count=None),
    },
    "budget": {
        "too few cells": drop(*FILLER),
        "too many words in a cell": add("A word " * 100),
        "too few words": lambda cells: [
            cells[part(n) - 2].update(source="## Part") for n in (1, 2, 3)
        ],
        "too many lines": code("text = 1\n" * 26),
        "long code cells": insert(FREE, *LONG),
    },
    "folding": {
        "no comment": update(FREE, metadata=FOLDED),
        "no words": both(update(FREE, metadata=FOLDED), edit(FREE, r"\A", "# Draws\n")),
        "an exercise's check": both(
            update(CHECK, metadata=FOLDED | {"tags": ["check", "ex-9.1"]}),
            edit(CHECK, r"\A", "# Tells whether it is right\n"),
        ),
    },
    "timing": {
        "less than a sitting": edit(0, "45 minutes", "20–40 minutes"),
        "more than a sitting": edit(0, "45 minutes", "90 minutes"),
    },
    "tone": {
        "shouting": add("What a picture!"),
        "simply": add("You simply add them."),
        "obviously": add("Obviously it is dark."),
    },
    "alternatives": {
        "Markdown": add("![](../README.md)"),
        "HTML": add('<img src="../README.md" alt="">'),
        "empty": code("show(torch, alt='')"),
        "absent": code("plotting.show(torch)"),
        "Matplotlib's own": code("plt.show()"),
    },
    "links": {
        "no file": add("See [there](10_nowhere.ipynb)."),
        "no heading": add("See [there](#Nothing)."),
        "no file, in HTML": add('See <a href="nowhere.md">there</a>.'),
    },
    "exercise_cells": {
        "untagged check": update(CHECK, metadata={}),
        "something between": insert(CHECK, new_markdown_cell("In between.", id="between")),
        "the check is not last": add("print(1)", CHECK),
        "checks something else": edit(CHECK, r"\(brightness", "(ex.brightness"),
        "another signature": edit(EXERCISE, "image", "picture"),
        "another docstring": edit(EXERCISE, "the mean", "a number"),
        "an attempt": add("\n\nbrightness = torch.mean", EXERCISE),
        "answered": edit(EXERCISE, r"\.\.\.", "return image.mean((1, 2))"),
        "undeclared": update(EXERCISE, metadata={"tags": ["exercise", "ex-9.9"]}),
        "too few": both(insert(FREE, *WORD[:20]), drop(48, 47, 43, 42, 38, 37)),
    },
    "own_names": {
        "assigned": code("brightness = 3"),
        "unpacked": code("_, (brightness, *rest) = 1, (2, 3)"),
        "counted": code("for brightness in range(3):\n    pass"),
        "imported": code("import torch as brightness"),
        "defined": code("def brightness():\n    pass"),
        "in passing": code("if (halved := 3):\n    pass"),
        "deleted": code("del brightness"),
        "after its check": lambda cells: cells[part(3) - 1].update(source="brightness = 3"),
    },
    "answers_come_after": {
        "code under other names": code("x = torch.ones(2, 3)\ny = x.reshape(x.shape[0], -1)"),
        "code in a line": add("Try `c.reshape(c.shape[0], -1)`, then."),
        "code in a block": add("```python\nr = c.reshape(c.shape[0], -1)\n```"),
        "the sum behind a value": code("sizes = 3 * 20 * 21"),
        "solution": code("ex.brightness.solution(now=True)"),
        "model": code("ex.brightness.model(torch.ones(1, 2, 2))"),
        "imported": code("from course_utils.exercises.toy import brightness as bright"),
        "value in prose": add("In all there are 1,260 of them."),
        "value in code": code("assert part < 1260"),
        "value as float": code("print(1260.0)"),
        "value in an output": prints("1260\n"),
        "two digits as a result": add("A stripe has 2 · 24 = 48 pixels.", part(3)),
        "two digits in bold": add("The number is **48**.", part(3)),
        "two digits in a comment": code_in_part(3, "# → 48"),
        "two digits compared": code_in_part(3, "assert rows * columns == 48"),
        "choice": add("The answer is (a), of course.", part(4)),
        "shape in prose": add("It has the shape (3, 20, 21) now."),
        "shape in an output": prints("torch.Size([3, 20, 21])\n"),
    },
}
HARMLESS = {
    "nothing": lambda cells: None,
    "other numbers": add("A colour has 126 tones, 12600 in all, and 3.1260 is no answer."),
    "the number, not as a result": add("A stripe of 48 rows and of 48 columns.", part(3)),
    "another section": add("In another section, 6 · 8 = 48.", part(1)),
    "a longer shape": add("A batch has the shape (8, 3, 20, 21)."),
    "part of the code": code("c = torch.ones(4, 6).reshape(4, 3, 2).mean(dim=1)"),
    "names in a function": code("def f(brightness):\n    halved = brightness\n    return halved"),
    "names in a comprehension": code("[brightness for brightness in range(3)]"),
    "no letter is told": add("The answer is not told here: (a) or (b)?", part(2)),
    "marks in code and formulas": add("`print('Look!')` prints; $n!$ is a product."),
    "after the check": lambda cells: cells[part(3) - 1].update(source="print(1260)"),
    "long code, folded": both(
        update(FREE, metadata=FOLDED),
        edit(FREE, r"\A", "# Draws a picture of numbers\n" + "text = 1\n" * 26),
    ),
    "help after the stub": add("\n# Sizes first, then the mean.", EXERCISE),
}


def doctored(change) -> Page:
    notebook = copy.deepcopy(TOY)
    change(notebook.cells)
    return Page(writes(notebook) + "\n", PATH, TOY_EXERCISES)


def found_in(page: Page) -> dict[str, list[str]]:
    problems_by_rule = {name: list(rule(page)) for name, rule in RULES.items()}
    return {name: problems for name, problems in problems_by_rule.items() if problems}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_good_notebook_keeps_all_rules(change):
    assert found_in(doctored(change)) == {}


@pytest.mark.parametrize(
    ("rule", "how"), [(rule, how) for rule, ways in DOCTORED.items() for how in ways]
)
def test_broken_rule_is_caught(rule, how):
    assert list(found_in(doctored(DOCTORED[rule][how]))) == [rule]


def test_every_rule_can_be_broken():
    assert set(DOCTORED) == set(RULES)


def test_exercises_fit_stated_time():
    page = doctored(edit(0, "45 minutes", "40 minutes"))
    page.path = NOTEBOOKS / "further" / toy_workbook.NAME  # may be shorter than a sitting
    assert list(RULES["timing"](page)) == []
    page.exercises["9.1"].minutes += SITTING[0]
    try:
        assert "65 minutes of exercises" in next(RULES["timing"](page))
    finally:
        page.exercises["9.1"].minutes -= SITTING[0]


def told(exercise) -> str:
    """Prose that gives an exercise away."""
    if exercise.kind == "choice":
        return f"The answer is ({exercise.answer})."
    if exercise.kind != "value":
        return f"```python\n{exercise.solution_source()}\n```"
    value = exercise.answer
    return f"It is {value.tolist() if isinstance(value, torch.Tensor) else value}."


@pytest.mark.parametrize("number", declared())
def test_every_exercises_own_answer_is_recognised(number):
    exercise = declared()[number]
    cells = [
        new_markdown_cell(f"## A section\n\n{told(exercise)}"),
        new_code_cell(exercise.stub_source(), metadata={"tags": ["exercise", f"ex-{number}"]}),
    ]
    page = Page(writes(new_notebook(cells=cells)), PATH, declared())
    assert len(list(RULES["answers_come_after"](page))) == 1
    cells[0].source = "## A section\n\nOne, two, three."
    page = Page(writes(new_notebook(cells=cells)), PATH, declared())
    assert list(RULES["answers_come_after"](page)) == []


def test_misplaced_exercise_is_caught():
    good = doctored(HARMLESS["nothing"])
    assert in_exactly_one([good], list(TOY_EXERCISES)) == []
    assert in_exactly_one([good, good], ["9.1"]) == ["exercise 9.1 stands in 2 notebooks"]
    assert in_exactly_one([good], ["9.7"]) == ["exercise 9.7 stands in 0 notebooks"]
