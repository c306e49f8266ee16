"""Exported pages, opened from disk without a network: alive, accessible, asking nobody."""

import nbformat
import pytest
from conftest import (
    CUT_OFF,
    Shown,
    each_in_a_theme,
    figures_of,
    violations,
    violations_of_workbook,
)
from scripts import same

from course_utils.figures import Figure, all_figures
from course_utils.workbooks import NOTEBOOKS, discover

WORKBOOKS = [path.relative_to(NOTEBOOKS) for path in discover(NOTEBOOKS)]
FIGURES = {figure.__module__.rpartition(".")[2]: figure for figure in all_figures()}


@pytest.fixture
def exported(executed_student, built):
    """Return a function from a workbook's name to its executed notebook and its page."""

    def exported(name):
        notebook = nbformat.read(executed_student / name, as_version=4)
        return notebook, built / "one_file" / name.with_suffix(".html")

    return exported


@pytest.fixture
def open_page(chromium):
    """Return a function that opens a page from disk, cut off; afterwards nothing was asked for."""
    contexts, urls, troubles = [], [], []

    def open_page(path, figures, **options):
        contexts.append(chromium.new_context(offline=True, **options))
        page = contexts[-1].new_page()
        page.on("request", lambda request: urls.append(request.url))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_function("() => !window.MathJax?.startup || window.MathJax.startup.promise")
        page.wait_for_function(
            "(count) => document.querySelectorAll('.course-figure[data-numbers]').length === count",
            arg=figures,
        )
        return page

    yield open_page
    for context in contexts:
        context.close()
    foreign = [url for url in urls if not url.startswith(("file:", "data:", "blob:"))]
    assert urls
    assert foreign == []
    assert troubles == []


@each_in_a_theme(WORKBOOKS, kind="one file")
def test_page_is_accessible_and_alive(name, theme, exported, open_page):
    notebook, path = exported(name)
    expected = figures_of(notebook)
    page = open_page(path, figures=len(expected), color_scheme=theme)
    assert violations_of_workbook(page) == ""
    for number, (module, stored) in enumerate(expected):
        shown = Shown(page, page.locator(".course-figure").nth(number))
        assert shown.root.get_attribute("data-figure") == module
        shown.move()
        figure = FIGURES[module].example()
        own = set(figure.trait_names(sync=True)) - set(Figure.class_trait_names())
        state = stored | shown.read("state")
        for _ in range(2):  # a new kernel forgets which places were visited
            figure.set_state({name: state[name] for name in own})
        assert same(shown.read("numbers"), figure.numbers(), figure.tolerance)
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_function("() => document.documentElement.scrollWidth === 360")
    assert page.evaluate(CUT_OFF) == []
    for root in page.locator(".course-figure").all():
        assert root.evaluate("(root) => root.scrollWidth <= root.clientWidth")


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        ("() => document.querySelector('main').append(document.createElement('img'))", "image-alt"),
        ("() => { document.querySelector('main').style.color = '#888'; }", "color-contrast"),
    ],
)
def test_axe_reports_damage(damage, rule, exported, open_page):
    notebook, path = exported(WORKBOOKS[0])
    page = open_page(path, figures=len(figures_of(notebook)), color_scheme="light")
    page.evaluate(damage)
    assert rule in violations(page)


def test_network_request_is_reported(chromium, tmp_path):
    (tmp_path / "page.html").write_text('<img src="https://example.org/a.png" alt="a">')
    page = chromium.new_context(offline=True).new_page()
    urls = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto((tmp_path / "page.html").as_uri())
    assert "https://example.org/a.png" in urls
    page.context.close()
