"""Slides in Chromium, one by one: none runs over, none is dead, none asks the network."""

import nbformat
import pytest
from conftest import Shown, figures_of
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.__main__ import main as run_command
from course_utils.errors import UserError
from course_utils.publishing import slides
from course_utils.workbooks import NOTEBOOKS, select_workbooks

CORE = [path.relative_to(NOTEBOOKS).as_posix() for path in select_workbooks([], further=False)]
SMALLEST = 0.7  # of the size meant: code of 12 px on 720
SIZES = """() => {
    const slide = Reveal.getCurrentSlide(), content = slide.querySelector(":scope > .fit");
    const { height } = content.getBoundingClientRect(), scale = Reveal.getScale();
    const right = [...content.querySelectorAll("pre, table, img, .course-figure")]
        .map((part) => part.getBoundingClientRect().right / scale);
    return { zoom: Number(content.style.zoom), height: height / scale, right: Math.max(0, ...right),
        scroll: slide.scrollHeight, text: content.innerText.trim() };
}"""


@pytest.fixture
def present(chromium):
    """Return a function that opens a deck without a network; afterwards it asked for nothing."""
    urls, troubles = [], []
    context = chromium.new_context(
        offline=True, viewport={"width": slides.WIDTH, "height": slides.HEIGHT}
    )

    def present(deck, figures=0):
        page = context.new_page()
        page.on("request", lambda request: urls.append(request.url))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(deck.as_uri())
        page.wait_for_function("() => Reveal.isReady()")
        page.wait_for_function("() => window.MathJax.startup.promise")
        page.wait_for_function(
            "(count) => document.querySelectorAll('.course-figure[data-numbers]').length === count",
            arg=figures,
        )
        return page

    yield present
    context.close()
    assert urls
    assert [url for url in urls if not url.startswith(("file:", "data:", "blob:"))] == []
    assert troubles == []


def walk(page):
    """Go through a deck by the space bar; yield what each slide measures."""
    for number in range(page.evaluate("() => Reveal.getTotalSlides()")):
        if number:
            page.keyboard.press("Space")
        assert page.evaluate("() => Reveal.getSlidePastCount()") == number
        yield page.evaluate(SIZES)


def too_large(size):
    """Tell what does not fit on a slide, or is too small to read."""
    room = slides.HEIGHT - 2 * slides.MARGIN
    over = (
        size["height"] > room + 1
        or size["scroll"] > slides.HEIGHT + 1
        or size["right"] > slides.WIDTH
    )
    return over or size["zoom"] < SMALLEST


@pytest.mark.parametrize("name", CORE)
def test_slides_fit_and_figures_respond(name, executed_student, present, tmp_path):
    notebook = nbformat.read(executed_student / name, as_version=4)
    notebook.cells = [
        cell
        for cell in notebook.cells
        if cell.metadata.get("slideshow", {}).get("slide_type") != "skip"
    ]
    figures = len(figures_of(notebook))
    page = present(slides.export(executed_student / name, tmp_path), figures)
    alive = 0
    sizes = []
    for size in walk(page):
        sizes.append(size)
        for root in page.locator("section.present > section.present .course-figure").all():
            Shown(page, root).move()
            alive += 1
            page.evaluate("() => document.activeElement.blur()")
    assert alive == figures
    assert [size["text"][:60] for size in sizes if too_large(size)] == []
    assert all(size["text"] for size in sizes)
    assert sizes[0]["text"].startswith(f"{int(name[:2])} ·")


def deck(tmp_path, *cells):
    """Write slides of these cells."""
    path = tmp_path / "01_some.ipynb"
    nbformat.write(new_notebook(cells=list(cells)), path)
    return slides.export(path, tmp_path / "out")


def cell(text, kind="slide", **metadata):
    """Make a cell of prose of this slide type."""
    return new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}} | metadata)


@pytest.mark.parametrize(
    ("lines", "fits"), [(10, True), (30, True), (200, False)], ids=["small", "shrunk", "too long"]
)
def test_overlong_slide_is_reported(lines, fits, present, tmp_path):
    output = new_output("stream", text="line\n" * lines)
    code = new_code_cell("x", outputs=[output], execution_count=1)
    (size,) = walk(present(deck(tmp_path, cell("# 1 · A"), code)))
    assert too_large(size) != fits
    assert (size["zoom"] < 1) == (lines > 10)


@pytest.mark.parametrize(
    ("lines", "least", "most"), [(1, 530, 550), (12, 310, 530), (20, 200, 300)]
)
def test_picture_fills_free_space(lines, least, most, present, tmp_path):
    drawn = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>"
    picture = f'<img width="300" height="200" alt="white" src="{drawn}">'
    outputs = [
        new_output("stream", text="line\n" * lines),
        new_output("display_data", data={"text/html": picture}),
    ]
    code = new_code_cell("x", outputs=outputs, execution_count=1)
    page = present(deck(tmp_path, cell("# 1 · A"), code))
    (size,) = walk(page)
    assert not too_large(size)
    width = page.locator("section.present img").evaluate(
        "(img) => img.getBoundingClientRect().width / Reveal.getScale()"
    )
    assert least <= width <= most


def test_text_before_heading_becomes_notes(present, tmp_path):
    page = present(
        deck(tmp_path, cell("# 1 · A"), cell("What it means.\n\n## B\n\nNew."), cell("C", "skip"))
    )
    texts = [size["text"] for size in walk(page)]
    assert texts == ["1 · A", "B\n\nNew."]
    notes = page.locator("aside.notes").evaluate_all("(all) => all.map((one) => one.innerText)")
    assert [note.strip() for note in notes] == ["What it means."]


def test_exercise_notes_hold_answer_and_mistakes(present, tmp_path):
    tags = ["ex-1.2"]
    stub = new_code_cell("flat_index = ...", metadata={"tags": ["exercise", *tags]})
    check = new_code_cell(
        "check", metadata={"tags": ["check", *tags], "slideshow": {"slide_type": "skip"}}
    )
    page = present(deck(tmp_path, cell("# 1 · A"), stub, check))
    (size,) = walk(page)
    assert "Answer" not in size["text"]
    notes = "\n".join(page.locator("aside.notes").evaluate_all("(a) => a.map((n) => n.innerText)"))
    assert "Answer to 1.2" in notes
    assert "Usual mistakes in 1.2" in notes


def test_plot_code_is_folded(present, tmp_path):
    picture = new_output("display_data", data={"text/html": '<img alt="a" src="data:,">'})
    words = new_output("stream", text="6\n")
    page = present(
        deck(
            tmp_path,
            cell("# 1 · A"),
            new_code_cell("drawn = 1", outputs=[picture], execution_count=1),
            new_code_cell("printed = 1", outputs=[words], execution_count=2),
        )
    )
    assert page.locator("section").get_by_text("printed").is_visible()
    assert not page.locator("section").get_by_text("drawn").is_visible()
    page.locator("summary").click()
    assert page.locator("section").get_by_text("drawn").is_visible()


def test_export_refuses_missing_slide_types(tmp_path):
    with pytest.raises(UserError, match=r"01_some\.ipynb holds no slides"):
        deck(tmp_path, new_markdown_cell("# 1 · A"))


def test_slides_refuses_full_folder(tmp_path, capsys):
    assert slides.main(["00", "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "00_start_here.slides.html").exists()
    assert run_command(["slides", "00", "--out", str(tmp_path / "out")]) == 2
    assert "not an empty folder" in capsys.readouterr().err
    assert run_command(["slides", "97", "--out", str(tmp_path / "new")]) == 2
    assert "no workbook '97'" in capsys.readouterr().err
