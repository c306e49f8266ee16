"""Both editions run under nbval, as they must; and nbval sees what must not pass."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import os
import re
import sys
from pathlib import Path

import answer_rules
import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_notebook, new_output
from notebook_rules import name_of, page_of
from turns import daily_share

from course_utils.exercises import all_exercises
from course_utils.figures import all_figures
from course_utils.publishing import run_notebooks
from course_utils.workbooks import NBVAL_TAG, ROOT, discover, exercise_number, tags

pytestmark = [
    pytest.mark.executed,
    pytest.mark.timeout(1200),  # the first test waits for all notebooks of both editions
]

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
NAMES = [name_of(path) for path in discover()]
EACH_NOTEBOOK = pytest.mark.parametrize("name", NAMES)
# an eighth is enough: every answer is tried by itself, too, and every lesson as the student's
TUTOR_RUNS = daily_share(itertools.product(["tutor"], NAMES), 8)
EACH_RUN = pytest.mark.parametrize(
    ("edition", "name"), [*itertools.product(["student"], NAMES), *TUTOR_RUNS]
)


@EACH_RUN
def test_notebook_runs_with_expected_verdicts(edition, name, request):
    ran = request.getfixturevalue(f"executed_{edition}") / name
    assert run_notebooks.failures(ran) == []
    cells = nbformat.read(ran, as_version=4).cells
    assert all(cell.execution_count for cell in cells if cell.cell_type == "code")


@EACH_NOTEBOOK
def test_outputs_give_no_answer_away(name, executed_student):
    exercises = {exercise.number: exercise for exercise in all_exercises()}
    page = page_of(executed_student / name, exercises)
    assert list(answer_rules.answers_come_after(page)) == []


@EACH_NOTEBOOK
def test_every_picture_has_alternative_text(name, executed_student):
    cells = nbformat.read(executed_student / name, as_version=4).cells
    data = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    assert not any("image/png" in output for output in data), "shown without show(figure, alt=…)"
    pictures = [
        picture
        for output in data
        for picture in BeautifulSoup(output.get("text/html", ""), "html.parser").find_all("img")
    ]
    assert all(picture.get("alt", "").strip() for picture in pictures)


@EACH_NOTEBOOK
def test_figures_are_shown_where_built(name, executed_student):
    cells = nbformat.read(executed_student / name, as_version=4).cells
    source = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    texts = [
        output.data["text/plain"]
        for cell in cells
        for output in cell.get("outputs", [])
        if WIDGET_VIEW in output.get("data", {})
    ]
    figures = [text for text in texts if text.startswith("<course_utils.figures.")]
    assert bool(figures) == any(f"{figure.__name__}(" in source for figure in all_figures())


@pytest.fixture(scope="module")
def run_all():
    """The benchmark of time and memory, a script beside the package."""
    spec = importlib.util.spec_from_file_location("run_all", ROOT / "benchmarks" / "run_all.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("edition", run_notebooks.EXPECTED)
def test_run_all_table_names_both_limits(edition, run_all, request, capsys):
    ran = request.getfixturevalue(f"executed_{edition}")
    rows = run_all.table(edition, ran)
    with capsys.disabled():  # time is printed and not asserted: a busy machine is no error
        print("", *rows, sep="\n")
    assert len(rows) == len(discover(ran)) > 0
    assert all(re.search(r"[1-9].* s of 30 +[1-9]\d+ MB of 700", row) for row in rows)


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is counted as Linux does")
@EACH_RUN
def test_kernel_keeps_memory_promise(edition, name, run_all, request):
    ran = request.getfixturevalue(f"executed_{edition}") / name
    peak = nbformat.read(ran, as_version=4).metadata.course.peak_mb
    assert peak <= run_all.MEGABYTES


# What must not pass -------------------------------------------------------------------------------


def write(folder, name, cells):
    folder.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells), folder / f"{name}.ipynb")


def up_to(path, wanted):
    """The cells of a notebook up to the first that `wanted` is true of, or none."""
    cells = nbformat.read(path, as_version=4).cells
    positions = [position for position, cell in enumerate(cells) if wanted(cell)]
    return cells[: positions[0] + 1] if positions else []


@pytest.mark.parametrize(
    "paths",
    [
        pytest.param(discover()[1:3], id="two notebooks"),
        pytest.param(discover(), id="all notebooks", marks=pytest.mark.weekly),
    ],
)
def test_altered_stored_number_fails(paths, tmp_path):
    altered = {}
    for count, path in enumerate(paths):
        cells = up_to(
            path, lambda cell: NBVAL_TAG in tags(cell) and re.search(r"\d", str(cell.outputs))
        )
        if cells:
            output = cells[-1].outputs[0]
            output.text = re.sub(r"\d", lambda m: str((int(m[0]) + 1) % 10), output.text, count=1)
            altered[f"altered-{count}.ipynb"] = cells[-1].id
            write(tmp_path / "stored", f"altered-{count}", cells)
    ran = run_notebooks.execute(tmp_path / "stored", tmp_path / "ran")
    assert altered
    for name, cell in altered.items():
        (failure,) = run_notebooks.failures(ran / name)
        assert failure.startswith(f"cell {cell!r}")
        assert "Cell outputs differ" in failure


@pytest.fixture(scope="module")
def first_exercise():
    """The first exercise there is, and its notebook's imports, its cell and its check."""
    starts = (up_to(path, lambda cell: "check" in tags(cell)) for path in discover())
    cells = next(filter(None, starts))
    number = exercise_number(cells[-1], "check")
    exercise = next(exercise for exercise in all_exercises() if exercise.number == number)
    setup = next(cell for cell in cells if cell.cell_type == "code")
    return exercise, [setup, *cells[-2:]]


@pytest.mark.parametrize(
    ("expect", "answer"),
    [("todo", "solution"), ("ok", "stub"), ("ok", "wrong")],
    ids=["student's stub holds its answer", "tutor's edition holds a stub", "a wrong model"],
)
def test_unexpected_verdict_fails(expect, answer, first_exercise, tmp_path):
    exercise, cells = first_exercise
    sources = {"solution": exercise.solution_source(), "stub": exercise.stub_source()}
    sources["wrong"] = f"{exercise.name} = lambda *given: 'wrong'"
    cells[1].source = sources[answer]
    write(tmp_path / "stored", "doctored", cells)
    ran = run_notebooks.execute(tmp_path / "stored", tmp_path / "ran", expect)
    (failure,) = run_notebooks.failures(ran / "doctored.ipynb")
    assert failure.startswith(f"cell {cells[2].id!r}")
    assert f"COURSE_EXPECT is {expect}, but" in failure
    assert exercise.title in failure


def code(name, source):
    return new_code_cell(source, id=name)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such sockets")
def test_kernels_take_no_ports(tmp_path):
    """One that was free when it was chosen may be somebody else's a second later."""
    ask = "from ipykernel.connect import get_connection_info as ask; print(ask(unpack=True))"
    for name in ("one", "two"):
        write(tmp_path / "stored", name, [code("one", ask)])
    ran = run_notebooks.execute(tmp_path / "stored", tmp_path / "ran")
    cells = [nbformat.read(ran / f"{name}.ipynb", as_version=4).cells for name in ("one", "two")]
    told = [ast.literal_eval(outputs[0].outputs[0].text) for outputs in cells]
    assert [info["transport"] for info in told] == ["ipc", "ipc"]
    assert told[0]["ip"] != told[1]["ip"]
    assert not Path(told[0]["ip"]).parent.exists()


def test_failed_run_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(run_notebooks, "CELL_SECONDS", 3)
    folder = tmp_path / "stored"
    sees = "import os, ipywidgets; print('COURSE_EXPECT' in os.environ); ipywidgets.IntSlider(7)"
    write(folder, "good", [code("one", sees), code("two", "1 + 1")])
    write(folder, "slow", [code("one", "import time; time.sleep(60)"), code("two", "1 / 0")])
    write(folder, "dead", [code("one", "import os; os._exit(1)"), code("two", "1 + 1")])
    write(folder, "loud", [code("one", "1 / 0"), code("two", "1 + 1")])
    untrue = new_code_cell("print(1)", id="one", metadata={"tags": [NBVAL_TAG]}, execution_count=1)
    untrue.outputs = [new_output("stream", text="2\n")]
    write(folder, "untrue", [untrue])
    ran = run_notebooks.execute(folder, tmp_path / "ran")

    good = nbformat.read(ran / "good.ipynb", as_version=4)
    assert good.metadata.course.failures == []
    assert good.metadata.course.peak_mb > 20
    assert [cell.execution_count for cell in good.cells] == [1, 2]
    assert good.cells[0].outputs[0].text == "False\n"
    assert good.cells[1].outputs[0].data["text/plain"] == "2"
    state = good.metadata.widgets[run_notebooks.WIDGETS].state.values()
    assert [model.state.value for model in state if model.model_name == "IntSliderModel"] == [7]

    failed = {
        name: [
            re.match(r"cell '(\w+)'", text)[1]
            for text in run_notebooks.failures(ran / f"{name}.ipynb")
        ]
        for name in ("slow", "dead", "loud", "untrue")
    }
    assert failed == {
        "slow": ["one", "two"],
        "dead": ["one", "two"],
        "loud": ["one"],
        "untrue": ["one"],
    }
    assert nbformat.read(ran / "dead.ipynb", as_version=4).metadata.course.peak_mb is None
    loud = nbformat.read(ran / "loud.ipynb", as_version=4)
    assert loud.cells[0].outputs[0].ename == "ZeroDivisionError"


def test_nbval_that_cannot_run_says_so(tmp_path):
    (tmp_path / "broken.ipynb").write_text("{", encoding="utf-8")
    with pytest.raises(RuntimeError, match=r"(?s)nbval could not run.*broken\.ipynb"):
        run_notebooks.execute(tmp_path, tmp_path / "ran")
