"""The site in Chromium, from disk without a network: alive, accessible, fit for a phone."""

import re
from pathlib import Path

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
from playwright.sync_api import expect
from turns import daily_share

from course_utils.__main__ import main as run_command
from course_utils.publishing import site
from course_utils.workbooks import NOTEBOOKS, discover

WORKBOOKS = [path.relative_to(NOTEBOOKS) for path in discover(NOTEBOOKS)]


@pytest.fixture
def visit(chromium, built):
    """Return a function that opens a page of the site; afterwards nothing was asked for."""
    urls, troubles = [], []
    context = chromium.new_context(offline=True, viewport={"width": 1280, "height": 900})

    def visit(name, figures=0):
        page = context.new_page()
        page.on("request", lambda request: urls.append(request.url))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto((built / name).as_uri())
        page.wait_for_function("() => !window.MathJax?.startup || window.MathJax.startup.promise")
        page.wait_for_function(
            "(count) => document.querySelectorAll('.course-figure[data-numbers]').length === count",
            arg=figures,
        )
        return page

    yield visit
    context.close()
    assert urls
    assert [url for url in urls if not url.startswith(("file:", "data:", "blob:"))] == []
    assert troubles == []


@each_in_a_theme(WORKBOOKS, kind="site")
def test_workbook_page_is_accessible(name, theme, executed_student, visit):
    notebook = nbformat.read(executed_student / name, as_version=4)
    figures = len(figures_of(notebook))
    page = visit(name.with_suffix(".html"), figures)
    for number in range(figures):
        Shown(page, page.locator(".course-figure").nth(number)).move()
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
    page.wait_for_timeout(400)  # colours fade
    assert violations_of_workbook(page) == ""
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("() => document.documentElement.scrollWidth") == 360
    assert page.evaluate(CUT_OFF) == []
    page.get_by_role("link", name="One file").click()
    page.wait_for_url("**/one_file/**")
    assert page.title().split("·")[0].strip()


PLACES_OF_CODE = {  # of pages where code stands, on a ground of its own each
    "": [".cell_input pre", "details .cell_input pre", ".cell_output pre"],
    "one_file": [".cell > .input pre", "details .input pre", ".stub pre"],
}
WORD = re.compile('<span class="([^"]+)">[^<]+</span>')
FILL = """([places, words]) => places.map((place) => {
    const code = document.querySelector(place);
    for (let outer = code; outer; outer = outer.parentElement) outer.open = true;
    code.innerHTML = words;
    code.setAttribute("data-words", "");
})"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("folder", PLACES_OF_CODE)
def test_every_kind_of_word_of_code_is_legible(folder, theme, executed_student, built, visit):
    words = {}
    for name in WORKBOOKS:
        text = (built / folder / name.with_suffix(".html")).read_text("utf-8")
        for code in re.findall(r'<div class="[^"]*highlight[^"]*"><pre>(.*?)</pre>', text, re.S):
            words |= {word[1]: word[0] for word in WORD.finditer(code)}
    assert len(words) > 20
    figures = len(figures_of(nbformat.read(executed_student / "02_convolution.ipynb", 4)))
    page = visit(Path(folder, "02_convolution.html"), figures)
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
    page.emulate_media(color_scheme=theme)
    page.evaluate(FILL, [PLACES_OF_CODE[folder], "\n".join(words.values())])
    page.wait_for_timeout(400)  # colours fade
    assert violations(page, include="[data-words]") == ""


def test_index_links_every_workbook(visit):
    page = visit("index.html", figures=1)
    links = page.locator(".course-cards a").evaluate_all(
        "(all) => all.map((one) => one.getAttribute('href'))"
    )
    assert sorted(links) == sorted(name.with_suffix(".html").as_posix() for name in WORKBOOKS)
    for width in (1280, 375):
        page.set_viewport_size({"width": width, "height": 800})
        assert violations(page) == ""
        assert page.evaluate("() => document.documentElement.scrollWidth") == width
    assert page.locator(".course-cards img").count() == page.locator(".course-cards li").count()
    assert page.locator(".course-cards li").filter(has_text="minutes").count() == 9
    assert "$" not in page.locator(".course-cards").first.inner_text()


def test_index_answers_and_moves(visit):
    page = visit("index.html", figures=1)
    Shown(page, page.locator("#front-figure .course-figure")).move()
    form = page.locator('form[data-exercise="0.1"]')
    for answer, opening in (("28 + 28", "✗ Not yet:"), ("28 * 28", "✓ Right.")):
        form.locator("input").fill(answer)
        form.locator("input").press("Enter")
        assert form.get_by_role("status").inner_text().startswith(opening)


@pytest.mark.parametrize(
    "name", daily_share(["api/course_utils.html", "api/exercises.html", "api/sensing.html"], 3)
)
def test_api_page_is_accessible(visit, name):
    page = visit("index.html", figures=1)
    page.locator(f"article .toctree-wrapper a[href='{name}']").first.click()
    page.wait_for_url(f"**/{name}")
    assert page.locator("dt.sig").count() > (0 if "exercises" in name else 5)
    for theme in ("light", "dark"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        page.wait_for_timeout(400)  # colours fade
        assert violations(page) == ""
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("() => document.documentElement.scrollWidth") == 360


def test_first_page_links_the_repository(visit):
    links = (
        visit("index.html", figures=1)
        .locator("article a")
        .evaluate_all("(all) => all.map((a) => a.href)")
    )
    assert site.repository() in links


def test_search_finds_word(visit):
    page = visit("search.html")
    page.goto(page.url + "?q=pooling")
    # Results arrive one by one, so the page is waited for until this one is among them.
    expect(page.locator('#search-results li a[href*="03_pooling.html"]').first).to_be_visible()
    excerpt = page.locator("#search-results li:has(a[href*='03_pooling.html']) .course-excerpt")
    expect(excerpt.first).to_contain_text("pool")


GROUND = """(part) => {
    let ground = "rgba(0, 0, 0, 0)";
    for (; part && ground === "rgba(0, 0, 0, 0)"; part = part.parentElement)
        ground = getComputedStyle(part).backgroundColor;
    return ground.match(/\\d+/g).slice(0, 3).map(Number);
}"""


def test_dark_theme_darkens_figures(visit, executed_student):
    name = WORKBOOKS[[path.name for path in WORKBOOKS].index("03_pooling.ipynb")]
    figures = figures_of(nbformat.read(executed_student / name, as_version=4))
    page = visit(name.with_suffix(".html"), len(figures))
    ink, ground = {}, {}
    says = page.locator(".course-status").first
    for theme in ("light", "dark"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        page.wait_for_timeout(400)
        ink[theme] = says.evaluate(
            "(line) => getComputedStyle(line).color.match(/\\d+/g).slice(0, 3).map(Number)"
        )
        ground[theme] = says.evaluate(GROUND)
    plots = page.locator(".course-plot img").evaluate_all(
        "(all) => all.map((plot) => getComputedStyle(plot).filter)"
    )
    assert all(plot.startswith("invert") for plot in plots)
    assert max(ink["light"]) < 100 < min(ink["dark"])
    assert max(ground["dark"]) < 50 < 200 < min(ground["light"])


def test_site_writes_only_its_folder(tmp_path, capsys):
    assert site.main(["00", "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "00_start_here.html").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]  # nothing beside it
    assert run_command(["site", "00", "--out", str(tmp_path / "out")]) == 2
    assert "not an empty folder" in capsys.readouterr().err


def test_sphinx_warning_is_an_error(tmp_path):
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("no heading\n\n### x")])
    nbformat.write(broken, tmp_path / "01_broken.ipynb")
    with pytest.raises(RuntimeError, match="Sphinx did not build"):
        site.build(tmp_path, tmp_path / "out")
