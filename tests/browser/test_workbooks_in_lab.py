"""Workbooks open in JupyterLab and run to their end; answers are judged as they are typed."""

import nbformat
import pytest
from conftest import KERNEL
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.exercises import all_exercises
from course_utils.figures import all_figures
from course_utils.workbooks import NOTEBOOKS, discover

WORKBOOKS = [path.relative_to(NOTEBOOKS).as_posix() for path in discover(NOTEBOOKS)]

# nbval executes every workbook, and test_nbval looks at the outputs. JupyterLab runs one without a
# figure here; the figure that computes in the browser is in test_presenting_in_lab.
DAILY = "further/04_parameters.ipynb"


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name == DAILY else pytest.mark.weekly) for name in WORKBOOKS],
)
def test_run_all_ends_without_error(name, open_workbook):
    source = (NOTEBOOKS / name).read_text("utf-8")
    workbook = open_workbook(name)
    assert workbook.run_all() == []
    page = workbook.page
    assert page.locator(".jp-OutputArea-output").count() > 0
    figures = page.evaluate(  # a progress bar is a widget too
        """() => window.jupyterapp.shell.currentWidget.content.widgets
            .flatMap((cell) => cell.model.outputs?.toJSON() ?? [])
            .filter(({ data }) => String(data?.["text/plain"]).startsWith("<course_utils.figures."))
            .length"""
    )
    assert (figures > 0) == any(f"{figure.__name__}(" in source for figure in all_figures())
    page.wait_for_function(
        "(count) => document.querySelectorAll('.course-figure[data-numbers]').length === count",
        arg=figures,
        timeout=30_000,
    )
    assert (
        page.locator(
            ".jp-OutputArea-output img:not([alt]), .jp-OutputArea-output img[alt='']"
        ).count()
        == 0
    )


def test_error_output_is_noticed(open_workbook, lab):
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


def test_typed_answers_get_their_verdicts(open_workbook):
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
