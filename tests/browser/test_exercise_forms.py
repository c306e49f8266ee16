"""Exercises on a page, from disk without a network: what they say is what `check` says."""

import itertools
import json
import sys
from importlib.util import module_from_spec, spec_from_file_location

import pytest
from conftest import violations
from nbformat import write
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from turns import is_daily

from course_utils.exercises import all_exercises
from course_utils.judging import feedback
from course_utils.judging.observation import freeze, numbers
from course_utils.judging.page_answers import Catalogue
from course_utils.marking import class_results
from course_utils.publishing import pages
from course_utils.publishing.forms.judged import has_form
from course_utils.workbooks import ROOT

spec = spec_from_file_location("diagnosis", ROOT / "benchmarks" / "diagnosis.py")
bank = module_from_spec(spec)
sys.modules["diagnosis"] = bank
spec.loader.exec_module(bank)

VALUES = {exercise.number: exercise for exercise in all_exercises() if exercise.is_value}
WIDTHS = {"phone": 375, "desktop": 1280}
ANSWER = """(answers) => answers.map(([number, boxes]) => {
    const form = document.querySelector(`form[data-exercise="${number}"]`);
    const inputs = [...form.querySelectorAll("input, select")];
    for (const [k, input] of inputs.entries()) {
        if (input.type === "radio") input.checked = input.value === boxes[0];
        else input.value = boxes[k];
    }
    form.requestSubmit();
    return form.querySelector("[role=status] > p").textContent.trim();
})"""


def boxes_of(value, exercise):
    """What a reader types for an answer of the bank; None if it does not fit the form."""
    if isinstance(exercise.page, Catalogue):
        return rows_of(value, exercise.page)
    if exercise.is_choice:
        letter = value.strip().lower() if isinstance(value, str) else ""
        return [letter] if letter in exercise.choices else None
    array = numbers(freeze(value))
    shape = numbers(exercise.answer).shape
    if array is None or array.shape != shape or array.dtype.kind not in "iuf":
        return None
    return [f"{number:.12g}" for number in array.ravel().tolist()]


def rows_of(value, catalogue):
    """The letters of the rows of a catalogue that an answer consists of; None if it has others."""
    letters = {str(row): letter for letter, (_texts, row) in catalogue.lettered().items()}
    runs = value if isinstance(value, list | tuple) else []
    chosen = [letters.get(str(run)) for run in runs]
    return chosen if len(chosen) == 2 and None not in chosen else None


@pytest.fixture
def bank_answers(share):
    """Return (number, boxes, what the notebook says) for answers that fit the forms, each once.

    One in `share`, and the first of each exercise.
    """
    answers = {}
    for answer in bank.read_banks():
        exercise = VALUES.get(answer.exercise)
        tried = any(number == answer.exercise for number, *_ in answers)
        if exercise is None or (tried and not is_daily(f"form {answer.id}", share)):
            continue
        try:
            value = bank.define(answer, exercise)
        except Exception:  # its own cell raises
            continue
        boxes = boxes_of(value, exercise)
        if boxes and (answer.exercise, *boxes) not in answers:
            words = feedback.headline(exercise.judge(value, 0))
            answers[(answer.exercise, *boxes)] = (answer.exercise, boxes, words.replace("`", ""))
    return list(answers.values())


@pytest.fixture(scope="module")
def page_of_all(tmp_path_factory, form_tables):
    """Return a page in one file with every value and choice exercise, and one in code."""
    cells = [new_markdown_cell("# All exercises")]
    code = next(exercise for exercise in all_exercises() if not exercise.is_value)
    for exercise in (*VALUES.values(), code):
        cells.append(new_markdown_cell(f"## {exercise.heading}"))
        for role, source in (("exercise", exercise.stub_source()), ("check", "check")):
            cells.append(new_code_cell(source, execution_count=1))
            cells[-1].metadata["tags"] = [role, f"ex-{exercise.number}"]
    folder = tmp_path_factory.mktemp("forms")
    write(new_notebook(cells=cells), folder / "01_all.ipynb")
    return pages.export(folder / "01_all.ipynb", folder)


@pytest.fixture
def open_forms(chromium, page_of_all):
    """Return a function that opens the page, cut off; afterwards nothing was asked for."""
    contexts, urls, troubles = [], [], []

    def open_forms(width, **options):
        viewport = {"width": width, "height": 800}
        contexts.append(chromium.new_context(offline=True, viewport=viewport, **options))
        page = contexts[-1].new_page()
        page.on("request", lambda request: urls.append(request.url))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(page_of_all.as_uri())
        return page

    yield open_forms
    for context in contexts:
        context.close()
    assert [url for url in urls if not url.startswith(("file:", "data:", "blob:"))] == []
    assert troubles == []


def form_of(page, number):
    return page.locator(f'form[data-exercise="{number}"]')


def answer(page, number, *boxes):
    """Type into the boxes of a form and press Enter; return what is said."""
    form = form_of(page, number)
    for box, text in zip(form.locator("input").all(), boxes, strict=True):
        box.fill(text)
    form.locator("input").last.press("Enter")
    return form.get_by_role("status").inner_text()


@pytest.mark.parametrize(
    ("width", "share"),
    [("phone", 3), *(pytest.param(width, 1, marks=pytest.mark.weekly) for width in WIDTHS)],
)
def test_page_says_what_notebook_says(width, open_forms, bank_answers):
    page = open_forms(WIDTHS[width])
    assert {number for number, *_ in bank_answers} == set(VALUES)
    typed = [[number, boxes] for number, boxes, _ in bank_answers]
    faults = [
        f"{number} {boxes}\n  notebook: {words}\n  page: {said}"
        for (number, boxes, words), said in zip(
            bank_answers, page.evaluate(ANSWER, typed), strict=True
        )
        if said != " ".join(words.split())
    ]
    assert not faults, "\n".join(faults)
    assert page.evaluate("() => document.documentElement.scrollWidth") == WIDTHS[width]


def test_reader_answers_wrongly_then_rightly(open_forms, tmp_path):
    page = open_forms(375)
    assert "Not attempted" in answer(page, "2.2", "")
    assert "no number" in answer(page, "2.2", "twenty")
    said = [answer(page, "2.4", *boxes) for boxes in (("3.5", "32"), ("3.5", "32"), ("3", "36"))]
    assert [words.count("Hint") for words in said] == [1, 1, 2]  # one for each distinct answer
    assert "✗ (a)" in said[0]
    assert "✓ (b)" in said[0]
    marks = form_of(page, "2.4").locator(".course-mark").all_inner_texts()
    assert marks == ["✓", "✗"]
    assert form_of(page, "2.4").locator("input").nth(1).get_attribute("aria-invalid") == "true"
    assert answer(page, "2.4", "24/8", "2*(20 - 4)") == "✓ Right."
    assert answer(page, "4.2", "2,416", "0") == "✓ Right."
    form_of(page, "2.8").get_by_label("c", exact=False).first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert form_of(page, "2.8").get_by_role("status").inner_text()
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save your progress").click()
    download.value.save_as(tmp_path / "ada" / "progress.json")
    students, left_out = class_results.read([tmp_path / "ada"])
    assert left_out == []
    assert students["ada"]["2.4"].passed
    assert students["ada"]["2.4"].mistakes
    assert not students["ada"]["2.8"].passed


@pytest.mark.parametrize(
    ("text", "is_right"),
    [("28", True), ("28.0", True), ("56/2", True), ("7·4", True), ("2^5 − 4", True), ("+28", True),
     ("(3+4)*4", True), ("57//2", True), ("2,8", False), ("28 pixels", False), ("7**", False)],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text, is_right, numbers_page):
    assert (answer(numbers_page, "2.2", text) == "✓ Right.") == is_right


@pytest.fixture(scope="module")
def numbers_page(chromium, page_of_all):
    """Return a page that several tests type into."""
    page = chromium.new_page()
    page.goto(page_of_all.as_uri())
    yield page
    page.close()


@pytest.mark.parametrize(
    "boxes", [(1, 2.625), (5, 1.125), (5, 1.13), (5, 5), (0.01, 3), (0, 3.0001), (0, 4.5)]
)
def test_numbers_judged_together_say_what_notebook_says(boxes, numbers_page):
    words = feedback.headline(VALUES["8.12"].judge(boxes, 0)).replace("`", "")
    said = answer(numbers_page, "8.12", *map(str, boxes))
    assert " ".join(said.split()).startswith(" ".join(words.split()))


def notebook_says(number, answer):
    return " ".join(feedback.headline(VALUES[number].judge(answer, 0)).replace("`", "").split())


def differing(page, number, answers):
    """Answers, with what a reader chooses or types, to which a page says another thing."""
    said = page.evaluate(ANSWER, [[number, boxes] for boxes, _ in answers])
    pairs = zip(answers, said, strict=True)
    return [boxes for (boxes, answer), words in pairs if words != notebook_says(number, answer)]


@pytest.mark.parametrize("width", WIDTHS)
def test_region_is_judged_as_in_notebook(width, open_forms):
    steps = (-1, -0.5, 0, 0.05, 0.3, 0.5, 0.8, 0.86, 0.9, 0.94, 0.97, 0.999, 1, 2)
    pairs = [(eta, alpha) for eta in (*steps, 0.03, 0.1, 0.25, 0.35) for alpha in steps]
    mistakes = {name: each.answer for name, each in VALUES["6.13"].mistakes.items()}
    pairs += [pair for pair in mistakes.values() if isinstance(pair, tuple)]
    typed = [([f"{number:.12g}" for number in pair], pair) for pair in pairs]
    assert len({notebook_says("6.13", pair) for pair in pairs}) == len(mistakes)  # and right ones
    assert differing(open_forms(WIDTHS[width]), "6.13", typed) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_every_choice_of_rows_is_judged_as_in_notebook(width, open_forms):
    named = VALUES["4.12"].page.lettered()
    pairs = list(itertools.product(named, repeat=2))
    chosen = [(list(pair), tuple(named[letter][1] for letter in pair)) for pair in pairs]
    page = open_forms(WIDTHS[width])
    assert differing(page, "4.12", chosen) == []
    assert "Choose one" in page.evaluate(ANSWER, [["4.12", ["A", ""]]])[0]


def test_every_exercise_in_numbers_has_a_form():
    assert [number for number, exercise in VALUES.items() if not has_form(exercise)] == []


def test_code_shows_solution_after_click(numbers_page):
    shown = numbers_page.locator(".course-solution")
    assert "in the workbook" in shown.inner_text()
    assert not shown.locator("pre").is_visible()
    shown.locator("summary").click()
    assert "def " in shown.locator("pre").inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_forms_are_accessible(theme, open_forms):
    page = open_forms(375, color_scheme=theme)
    answer(page, "2.4", "3.5", "32")
    assert violations(page) == ""


def test_page_holds_no_answer(page_of_all):
    html = page_of_all.read_text("utf-8")
    for number, exercise in VALUES.items():
        form = html.partition(f'data-exercise="{number}"')[2].partition("</form>")[0]
        markup, _, table = form.partition('<script type="application/json">')
        table = json.loads(table.partition("</script>")[0])
        assert "checked" not in markup
        for spoken in ("outcomes", "hints", "listed", "causes", "nextStep", "heading", "shape"):
            table.pop(spoken, None)
        table.pop("data", None)  # of a computation that notebook and page share
        if not (exercise.is_choice or isinstance(exercise.page, Catalogue)):
            held = set(numbers_in(table))
            assert held.isdisjoint(x for x in numbers(exercise.answer).ravel() if abs(x) > 99)


def numbers_in(plain):
    """Yield the numbers of a table, but for its counts of cells and its indices of outcomes."""
    if isinstance(plain, dict):
        kept = (part for name, part in plain.items() if name not in ("levels", "classes", "whole"))
        yield from (number for part in kept for number in numbers_in(part))
    elif isinstance(plain, list):
        yield from (n for part in plain for n in numbers_in(part))
    elif isinstance(plain, int | float):
        yield plain
