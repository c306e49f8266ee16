"""What a kernel says of missing names, and of answers that are not what their cell holds."""

import json
import os
import sys
import time
from types import SimpleNamespace

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from course_utils import cells, student
from course_utils.exercises import classification
from course_utils.judging.verdict import Status, Verdict, of_former_answer

SETUP = "from course_utils.exercises import tensors as ex"


@pytest.fixture(autouse=True)
def log(monkeypatch):
    """A log of its own for every test, and no notebook."""
    own = cells.Log()
    monkeypatch.setattr(cells, "LOG", own)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return own


def ran(log, source, error=None):
    info = SimpleNamespace(raw_cell=source)
    log.post_run_cell(SimpleNamespace(info=info, error_before_exec=None, error_in_exec=error))


def saved(tmp_path, monkeypatch, *sources, tags=()):
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    notebook.cells[-1].metadata["tags"] = list(tags)
    path = tmp_path / "02.ipynb"
    nbformat.write(notebook, path)
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    return path


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import torch\nfrom a import b as c", {"torch", "c"}),
        ("def f(x):\n    y = 1\nclass G: pass\nz, w = 1, 2", {"f", "G", "z", "w"}),
        ("def conv2d(image:\n    x = 1\npixels = (28 * 28", {"conv2d", "pixels"}),
        ("print(pixels)", set()),
    ],
)
def test_made_by_lists_names_of_cell(source, names):
    assert cells.made_by(source) == names


def test_missing_name_names_its_cell(tmp_path, monkeypatch):
    saved(tmp_path, monkeypatch, "# set-up\nimport torch", "def slide(image):\n    return image")
    words = cells.explain_name("slide")
    assert "`def slide(image):`" in words
    assert "Run All Above" in words
    assert "`import torch`" in cells.explain_name("torch")


def test_missing_name_tells_failed_cell(log):
    ran(log, "slide = 1 / 0", ZeroDivisionError("division by zero"))
    words = cells.explain_name("slide")
    assert "stopped with an error (ZeroDivisionError: division by zero)" in words


def test_letter_without_quotes_is_told():
    assert 'stands in quotes: "c"' in cells.explain_name("c")


def test_near_name_is_pointed_out():
    assert "`Pixels`" in cells.explain_name("pixels", {"Pixels": 1, "other": 2})
    assert "`feature_map`" in cells.explain_name("feature_mao", {"feature_map": 1})
    assert cells.explain_name("quite_other", {"Pixels": 1}) == ""


@pytest.mark.parametrize("content", ["{ broken", "[]", '{"cells": 3}', '{"cells": [3]}'])
def test_broken_notebook_is_survived(tmp_path, monkeypatch, content):
    path = tmp_path / "02.ipynb"
    path.write_text(content)
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    assert cells.explain_name("slide") == ""
    assert cells.stale_answer("slide", "ex-2.5") == ""


def test_failed_answer_cell_is_told(log):
    ran(log, "pixels = 28 * 28")
    assert cells.stale_answer("pixels", "ex-0.1") == ""
    ran(log, "pixels = 28 * * 28", SyntaxError("invalid syntax"))
    assert "SyntaxError: invalid syntax" in cells.stale_answer("pixels", "ex-0.1")
    ran(log, "pixels = 29 * 28")
    assert cells.stale_answer("pixels", "ex-0.1") == ""


def test_changed_answer_cell_is_told(log, tmp_path, monkeypatch):
    saved(tmp_path, monkeypatch, "pixels = 28 * 28", tags=["exercise", "ex-0.1"])
    ran(log, "pixels = 28 + 28")
    assert "changed after it last ran" in cells.stale_answer("pixels", "ex-0.1")
    ran(log, "pixels = 28 * 28")
    assert cells.stale_answer("pixels", "ex-0.1") == ""


def test_notebook_saved_before_the_run_says_nothing(log, tmp_path, monkeypatch):
    stub = "pixels = ...  # your answer"
    path = saved(tmp_path, monkeypatch, stub, tags=["exercise", "ex-0.1"])
    os.utime(path, (time.time() - 60, time.time() - 60))
    ran(log, "pixels = 28 * 28")
    assert cells.stale_answer("pixels", "ex-0.1") == ""


def test_lab_s_kernel_loads_extension(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(student.install_kernel_spec(tmp_path)))
    spec = KernelSpecManager().get_kernel_spec("python3")
    assert spec.argv[0] == sys.executable
    assert spec.argv[-1].endswith(f"extensions={cells.__name__}")


def test_foreign_python3_kernel_comes_second(tmp_path, monkeypatch):
    foreign = tmp_path / "foreign" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    spec = {"argv": ["/no/python"], "display_name": "Python 3", "language": "python"}
    (foreign / "kernel.json").write_text(json.dumps(spec))
    ours = student.install_kernel_spec(tmp_path / "course")
    monkeypatch.setenv("JUPYTER_PATH", f"{ours}{os.pathsep}{tmp_path / 'foreign'}")
    assert KernelSpecManager().get_kernel_spec("python3").argv[0] == sys.executable


def test_kernel_explains_first_minute(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(student.install_kernel_spec(tmp_path)))
    sources = [
        "ex.flat_index.check(flat_index)",
        SETUP,
        "flat_index = 6",
        "ex.flat_index.check(flat_index)",
        "flat_index = 1 / 0",
        "ex.flat_index.check(flat_index)",
        "ex.flat_index.check(Flat_Index)",
    ]
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    NotebookClient(notebook, allow_errors=True, timeout=120).execute(cwd=str(tmp_path))
    texts = [json.dumps(cell.outputs, ensure_ascii=False) for cell in notebook.cells]
    assert "first code cell of the notebook" in texts[0]
    assert "Traceback" not in texts[0]
    assert "stopped with an error" not in texts[3]
    assert "stopped with an error (ZeroDivisionError: division by zero)" in texts[5]
    assert "Is `flat_index` meant?" in texts[6]


def test_failed_cell_leaves_nothing_general_to_say():
    general = Verdict(Status.WRONG, "1.1", "Write down each step.")
    named = Verdict(Status.MISTAKE, "1.1", "You exchanged them.")
    assert of_former_answer(general, "The cell stopped.").message == "The cell stopped."
    assert of_former_answer(named, "It changed.").message == "It changed. You exchanged them."
    assert of_former_answer(named, "It failed.", has_failed=True).message == "It failed."


def test_failed_cell_says_nothing_of_former_answer(log):
    ran(log, "who_notices = c", NameError("name 'c' is not defined"))
    words = classification.who_notices.check("a").message
    assert "stopped with an error" in words
    assert "Not both" not in words
