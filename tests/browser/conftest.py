"""One browser and one JupyterLab for all browser tests, over a copy of the workbooks."""

import json

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from filelock import FileLock
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.exercises import all_exercises
from course_utils.figures import all_figures
from course_utils.publishing import lab_driver as driver
from course_utils.publishing import page_forms, pages, site
from course_utils.publishing.forms.judged import has_form

SHOWN = "a square, half of it dark"
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
CUT_OFF = """() => new Promise((done) => setTimeout(done, 100)).then(() =>
    [...document.querySelectorAll("mjx-container")].filter((formula) => {
        const width = formula.querySelector("svg")?.getBoundingClientRect().width ?? 0;
        const reached = formula.tabIndex === 0 && formula.scrollWidth >= width - 1;
        return width > formula.parentElement.clientWidth + 1 && !reached;
    }).map((formula) => formula.textContent))"""  # formulas of which no scrolling shows the end
UNREACHABLE = """() => [...document.querySelectorAll(".highlight pre")]
    .filter((code) => code.scrollWidth > code.clientWidth && code.tabIndex < 0)
    .map((code) => code.textContent)"""
GALLERY = "gallery.ipynb"
KINDS_OF_PAGE = ("site", "one file")
VIEW = "application/vnd.jupyter.widget-view+json"


def each_in_a_theme(names, kind):
    """(name, theme) of every page of this kind.

    Of the four that a workbook has, in two kinds and two themes, one is seen daily, always the
    same; all are weekly.
    """
    pairs = []
    for position, name in enumerate(names):
        for number, theme in enumerate(("light", "dark")):
            turn = 2 * KINDS_OF_PAGE.index(kind) + number
            marks = () if position % 4 == turn else pytest.mark.weekly
            pairs.append(pytest.param(name, theme, id=f"{name.as_posix()}-{theme}", marks=marks))
    return pytest.mark.parametrize(("name", "theme"), pairs)


def violations(page, **selectors):
    """Return what axe reports of a page, `include` and `exclude` respected; "" if nothing."""
    context = {name: [[selector]] for name, selector in selectors.items()} or None
    # To write down all that is well takes axe as long as to look.
    results = Axe().run(page, context, {"resultTypes": ["violations"]})
    return results.generate_report() if results.violations_count else ""


def violations_of_workbook(page):
    """Return what axe reports of a workbook's page; "" if nothing.

    The colours of code are the same in every workbook and take axe as long as all else together: a
    test of its own looks at them. This asks what is left to ask of code, whether keys reach what
    scrolls.
    """
    if unreachable := page.evaluate(UNREACHABLE):
        return f"code that no key scrolls: {unreachable}"
    return violations(page, exclude=".highlight pre")


@pytest.fixture(scope="session")
def chromium():
    """Return a running Chromium."""
    with driver.browser() as started:
        yield started


@pytest.fixture(scope="session")
def lab():
    """Return a JupyterLab over a copy of the workbooks."""
    with driver.working_copy() as started:
        yield started


@pytest.fixture(scope="session")
def form_tables(shared):
    """Make the tables of all exercises' forms, a minute's work, once for all processes."""
    path, make = shared / "tables.json", page_forms._table
    with FileLock(shared / "tables.lock"):
        if not path.exists():
            tables = {each.number: make(each.number) for each in all_exercises() if has_form(each)}
            path.write_text(json.dumps(tables), encoding="utf-8")
    tables = json.loads(path.read_text("utf-8"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_forms, "_table", tables.__getitem__)
        yield


@pytest.fixture(scope="session")
def built(shared, executed_student, form_tables):
    """Return the folder of the site of all workbooks, one-file pages included; built once."""
    with FileLock(shared / "site.lock"):
        first = shared / "site" / "index.html"
        if not first.exists():
            site.build(executed_student, shared / "building")
            first.parent.with_name("building").rename(first.parent)
    return first.parent


@pytest.fixture
def open_workbook(lab, chromium):
    """Return a function that opens a notebook in JupyterLab; its kernel ends with the test."""
    opened = []

    def open_workbook(name):
        page = chromium.new_page(viewport={"width": 1200, "height": 1000})
        opened.append(lab.open(page, name))
        return opened[-1]

    yield open_workbook
    for workbook in opened:
        workbook.close()
        workbook.page.close()


def gallery():
    """Make a notebook that shows every figure under its module's name, and one picture."""
    cells = [
        new_code_cell(
            "from matplotlib import pyplot as plt\n"
            "from course_utils.plotting import show\n"
            "figure, ax = plt.subplots(figsize=(1, 1))\n"
            f"show(figure, alt={SHOWN!r})"
        )
    ]
    for figure in all_figures():
        name = figure.__module__.rpartition(".")[2]
        cells.append(
            new_code_cell(
                f"from {figure.__module__} import {figure.__name__}\n"
                f"{name} = {figure.__name__}.example()\n{name}"
            )
        )
    return new_notebook(cells=cells, metadata=KERNEL)


@pytest.fixture(scope="session")
def shown_gallery(lab, chromium):
    """Return the gallery, open in JupyterLab with every cell run; tests put figures back."""
    nbformat.write(gallery(), lab.folder / GALLERY)
    page = chromium.new_page(viewport={"width": 1200, "height": 1000})
    workbook = lab.open(page, GALLERY)
    assert workbook.run_all() == []
    yield workbook
    workbook.close()
    page.close()


def figures_of(notebook):
    """List (name, state) of the figures a notebook shows, from top to bottom."""
    states = notebook.metadata.get("widgets", {}).get(pages.WIDGET_STATE, {}).get("state", {})
    views = [
        output.data[VIEW]["model_id"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if VIEW in output.get("data", {})
    ]
    shown = [states[model]["state"] for model in views]
    ids = [state.get("_anywidget_id", "").split(".") for state in shown]
    return [(parts[-2], state) for parts, state in zip(ids, shown, strict=True) if parts[1:]]


class Shown:
    """A figure on a page: what it says of itself, and how to move it."""

    def __init__(self, page, root):
        self.page, self.root = page, root
        self.stage = root.locator(".course-stage")

    def read(self, what):
        """Return the attribute data-state or data-numbers."""
        return json.loads(self.root.get_attribute(f"data-{what}"))

    def press(self, *keys):
        """Press keys with the stage in focus."""
        self.stage.focus()
        for key in keys:
            self.page.keyboard.press(key)

    def move(self):
        """Press arrow keys until the numbers change: two ways, as it may stand at an end."""
        before = self.read("numbers")
        for keys in (("ArrowDown", "ArrowRight"), ("ArrowUp", "ArrowLeft")):
            if self.read("numbers") == before:
                self.press(*keys)
        assert self.read("numbers") != before

    def drag(self, start, end, surface=0):
        """Drag over a draggable part from one place to another, (x, y) in fractions of it."""
        target = self.root.locator(".course-drag").nth(surface)
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        places = [
            (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)
        ]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        self.page.mouse.move(*places[1], steps=5)
        self.page.mouse.up()
