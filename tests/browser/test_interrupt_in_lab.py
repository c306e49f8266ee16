"""The stop button ends a long training in JupyterLab; what was learnt until then stays."""

import json

import nbformat
import pytest
from conftest import KERNEL
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.publishing.lab_driver import IDLE

NAME = "interrupted.ipynb"
SETUP = """
import os, torch
from course_utils import models, training
for quiet in ("CI", "COURSE_EXPECT"):
    os.environ.pop(quiet, None)
torch.set_num_threads(1)
images = torch.randint(0, 256, (600, 3, 32, 32), dtype=torch.uint8)
data = images, torch.randint(0, 10, (600,))
model = models.course_convnet(4)
"""
TRAIN = "history = training.fit(model, data, data, epochs=100_000, patience=100_000)"
LOOK = """
import json, math
with_best = training.evaluate(model, data).loss
again = training.fit(model, data, epochs=1, progress=False)
print(json.dumps({
    "interrupted": history.interrupted,
    "stopped": history.stopped,
    "epochs": history.epochs,
    "lengths": [len(losses) for losses in (history.train_loss, history.valid_loss)],
    "steps": len(history.step_loss),
    "difference": abs(with_best - min(history.valid_loss)),
    "again": again.epochs,
}))
"""
COUNTED = r"""() => {  // a step of the fourth epoch of five steps
    const [, steps] = document.querySelector(".jp-Notebook").innerText.match(/(\d+)\/500000/) ?? [];
    return Number(steps) >= 16;
}"""


@pytest.fixture
def workbook(lab, open_workbook):
    """A notebook with a training that would take days, its setup run."""
    cells = [new_code_cell(source.strip()) for source in (SETUP, TRAIN, "print(6 * 7)")]
    nbformat.write(new_notebook(cells=cells, metadata=KERNEL), lab.folder / NAME)
    opened = open_workbook(NAME)
    opened.page.locator(".jp-Cell .cm-content").first.click()
    opened.page.keyboard.press("Shift+Enter")
    opened.page.wait_for_function(IDLE)
    return opened


def test_stop_button_keeps_kernel_history(workbook):
    page, cells = workbook.page, workbook.page.locator(".jp-Notebook .jp-CodeCell")
    page.keyboard.press("Shift+Enter")
    bar = cells.nth(1).locator(".jp-OutputArea-output [role=progressbar], .widget-hprogress")
    bar.first.wait_for(timeout=60_000)
    page.wait_for_function(COUNTED, timeout=60_000)
    page.locator(".jp-NotebookPanel-toolbar [data-jp-item-name=interrupt] button").or_(
        page.locator(".jp-NotebookPanel-toolbar [data-jp-item-name=interrupt] jp-button")
    ).first.click()
    page.wait_for_function(IDLE, timeout=20_000)
    assert workbook.errors() == []
    assert "interrupted in epoch" in cells.nth(1).locator(".jp-OutputArea").inner_text()
    state = json.loads(workbook.python(LOOK))
    assert state["interrupted"]
    assert state["stopped"] == f"interrupted in epoch {state['epochs'] + 1}"
    assert state["lengths"] == [state["epochs"]] * 2
    assert 3 <= state["epochs"] <= state["steps"] / 5 <= state["epochs"] + 1
    assert state["difference"] < 1e-5
    assert state["again"] == 1


def test_waiting_cells_run_after_interrupt(workbook):
    page, cells = workbook.page, workbook.page.locator(".jp-Notebook .jp-CodeCell")
    page.keyboard.press("Shift+Enter")
    cells.nth(1).locator(".widget-hprogress").first.wait_for(timeout=60_000)
    workbook.command("notebook:interrupt-kernel")
    page.wait_for_function(IDLE, timeout=20_000)
    cells.nth(2).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(IDLE)
    assert "42" in cells.nth(2).locator(".jp-OutputArea").inner_text()
