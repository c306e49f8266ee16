"""A notebook without the kernel that made its figures: a picture stands in the place of each."""

import base64
import io

import nbformat
import numpy as np
import pytest
from conftest import gallery
from PIL import Image

from course_utils.figures import all_figures

FIGURES = len(all_figures())
LIVE = ".course-figure[data-numbers]"
RESTART = "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
SHUTDOWN = "() => jupyterapp.shell.currentWidget.sessionContext.shutdown()"
WAIT = 60_000


@pytest.fixture
def saved(open_workbook, lab, request):
    """Return the gallery, run, its pictures arrived, and saved."""
    name = f"{request.node.name}.ipynb"
    notebook = gallery()
    for cell in notebook.cells:
        cell.id = f"{cell.id}s"
    nbformat.write(notebook, lab.folder / name)
    workbook = open_workbook(name)
    assert workbook.run_all() == []
    workbook.page.wait_for_function(
        "(count) => document.querySelectorAll('.course-stand-in img').length === count",
        arg=FIGURES,
        timeout=WAIT,
    )
    assert workbook.page.locator(".course-stand-in").first.is_hidden()
    workbook.command("docmanager:save")
    return workbook


def check_pictures_stand_in(page):
    """Check that each figure's place holds a picture in words and what to do, and nothing else."""
    page.get_by_text("Run this cell to bring the figure back").last.wait_for(timeout=WAIT)
    pictures = page.locator(".course-stand-in img:visible")
    assert pictures.count() == FIGURES
    for picture in pictures.all():
        assert picture.get_attribute("alt").removeprefix("The figure as it opened.").strip()
        width, colours = picture.evaluate(
            """(image) => {
                const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
                const context = canvas.getContext("2d");
                context.drawImage(image, 0, 0);
                const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
                return [image.naturalWidth, new Set(new Uint32Array(data.buffer)).size];
            }"""
        )
        assert width > 400
        assert colours > 20  # a drawing with its text, not an empty sheet
    assert not page.get_by_text("model not found").first.is_visible()


def pixels(png):
    """Return a picture as grey numbers, too small for text a little aside to count."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("L").resize((160, 120)), dtype=float)


def differences(page):
    """Return, for each figure, how far its picture is from what the page shows, in greys."""
    apart = {}
    for cell in page.locator(".jp-Cell:has(.course-figure)").all():
        figure = cell.locator(".course-figure")
        picture = cell.locator(".course-stand-in img").get_attribute("src").partition(",")[2]
        difference = pixels(figure.screenshot()) - pixels(base64.b64decode(picture))
        apart[figure.get_attribute("data-figure")] = abs(difference).mean()
    return apart


def test_pictures_follow_restart_and_reload(saved):
    apart = differences(saved.page)
    assert len(apart) == FIGURES
    assert {name: value for name, value in apart.items() if value > 4} == {}
    saved.page.evaluate(RESTART)
    saved.page.reload()
    check_pictures_stand_in(saved.page)


@pytest.mark.weekly  # all figures are run and pictured again
def test_pictures_follow_reopening(saved, open_workbook, request):
    saved.page.evaluate(SHUTDOWN)
    reopened = open_workbook(f"{request.node.name}.ipynb")
    check_pictures_stand_in(reopened.page)
    reopened.command("notebook:run-all-cells")
    reopened.page.wait_for_function(
        f"(count) => document.querySelectorAll('{LIVE}').length === count",
        arg=FIGURES,
        timeout=WAIT,
    )
    assert reopened.page.locator(".course-stand-in:visible").count() == 0


@pytest.mark.weekly
def test_figures_outlive_reload(saved):
    saved.page.reload()
    saved.page.locator(LIVE).last.wait_for(timeout=WAIT)
    saved.page.wait_for_function(
        f"(count) => document.querySelectorAll('{LIVE}').length === count",
        arg=FIGURES,
        timeout=WAIT,
    )
    assert saved.page.locator(".course-stand-in:visible").count() == 0
