"""Workbooks in JupyterLab: they run to their end, show what ran elsewhere, judge what is typed."""

import shutil

import nbformat
import pytest
from conftest import KERNEL
from nbformat.sign import NotebookNotary
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.exercise import all_exercises
from course_utils.figures import all_figures
from course_utils.publishing.lab_driver import READY, Workbook
from course_utils.workbooks import NOTEBOOKS, discover

WORKBOOKS = [path.relative_to(NOTEBOOKS).as_posix() for path in discover(NOTEBOOKS)]
# nbval has executed every workbook. JupyterLab runs one of each kind once more: here with trainings
# and without a figure, in test_presenting_in_lab one whose figure computes in the browser.
RUN_AGAIN = ["05_classification.ipynb", "further/02_convolution.ipynb"]
SHOWN_FIGURES = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .flatMap((cell) => cell.model.outputs?.toJSON() ?? [])
    .filter(({ data }) => String(data?.["text/plain"]).startsWith("<course_utils.figures."))
    .length"""  # a progress bar is a widget too
OPEN = """(path) => window.jupyterapp.commands.execute(
    "docmanager:open", { path, factory: "Notebook" })"""


def assert_outputs_are_shown(workbook, name):
    """Every figure of the workbook is drawn and every picture has its alternative text."""
    page, source = workbook.page, (NOTEBOOKS / name).read_text("utf-8")
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    assert panel.locator(".jp-OutputArea-output").count() > 0
    figures = page.evaluate(SHOWN_FIGURES)
    assert (figures > 0) == any(f"{figure.__name__}(" in source for figure in all_figures())
    drawn = panel.locator(".course-figure[data-numbers]")
    for number in range(figures):
        drawn.nth(number).wait_for(timeout=30_000)
    assert drawn.count() == figures
    pictures = panel.locator(".jp-OutputArea-output img")
    assert pictures.count() == panel.locator(".jp-OutputArea-output img[alt]:not([alt=''])").count()


@pytest.mark.parametrize("name", RUN_AGAIN)
def test_run_all_ends_without_error(name, open_workbook):
    workbook = open_workbook(name)
    assert workbook.run_all() == []
    assert_outputs_are_shown(workbook, name)


@pytest.fixture(scope="module")
def page_of_executed(lab, chromium, executed_student):
    """Return a page of JupyterLab; the executed workbooks, trusted, lie in `executed` there."""
    notary = NotebookNotary(data_dir=str(lab.home / "data"))
    for name in WORKBOOKS:
        notary.sign(nbformat.read(executed_student / name, as_version=4))
    shutil.copytree(executed_student, lab.folder / "executed")
    page = chromium.new_page(viewport={"width": 1200, "height": 1000})
    lab.open(page, f"executed/{WORKBOOKS[0]}").close()
    yield page
    page.close()


@pytest.mark.parametrize("name", WORKBOOKS)
def test_executed_workbook_shows_every_output(name, page_of_executed):
    page_of_executed.evaluate(OPEN, f"executed/{name}")
    page_of_executed.evaluate(READY, f"executed/{name}")
    workbook = Workbook(page_of_executed)
    assert workbook.errors() == []
    assert_outputs_are_shown(workbook, name)
    workbook.close()
    workbook.command("application:close")


def test_an_error_output_is_noticed(open_workbook, lab):
    broken = new_notebook(cells=[new_code_cell("1 / 0")], metadata=KERNEL)
    nbformat.write(broken, lab.folder / "broken.ipynb")
    (error,) = open_workbook("broken.ipynb").run_all()
    assert error == "cell 0: ZeroDivisionError: division by zero"


def answerable():
    """Return the workbook, and the first value exercise of it whose mistake can be typed."""
    for exercise in all_exercises():
        for name in WORKBOOKS:
            if name.startswith(exercise.workbook) and exercise.kind == "value":
                return name, exercise
    raise LookupError("no workbook holds a value exercise")


def test_a_wrong_and_then_a_right_answer_typed_into_the_cell(open_workbook):
    name, exercise = answerable()
    mistake = next(iter(exercise.mistakes.values()))
    message, value = mistake.words, mistake.answer
    workbook = open_workbook(name)
    assert workbook.run_all() == []
    status, text = workbook.answer(exercise.number, f"{exercise.name} = {value!r}")
    assert status == "mistake"
    assert message in text
    assert "Hint 1" in text
    status, text = workbook.answer(exercise.number, exercise.solution_source())
    assert status == "ok"
    assert message not in text
