"""Slides in Chromium, one by one: none runs over, none is dead, none asks the network."""

from pathlib import Path

import nbformat
import pytest
from conftest import Shown, figures_of
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from turns import daily_share

from course_utils.__main__ import main as run_command
from course_utils.publishing import slides
from course_utils.workbooks import NOTEBOOKS, discover

WORKBOOKS = [path.relative_to(NOTEBOOKS).as_posix() for path in discover()]
MEASURE = """() => {
    const slide = Reveal.getCurrentSlide(), content = slide.querySelector(":scope > .fit");
    const scale = Reveal.getScale(), height = content.getBoundingClientRect().height / scale;
    const right = [...content.querySelectorAll("pre, table, img, svg, .course-figure")]
        .map((part) => part.getBoundingClientRect().right / scale);
    const zoomOf = (part) => part ? Number(part.style?.zoom || 1) * zoomOf(part.parentElement) : 1;
    const walker = document.createTreeWalker(content, NodeFilter.SHOW_TEXT), small = [];
    for (let text; (text = walker.nextNode()); ) {
        const parent = text.parentElement, words = text.textContent.trim();
        if (!/[\\p{L}\\p{N}]/u.test(words) || !parent.checkVisibility()) continue;
        if (parent.closest("aside, style, script, mjx-assistive-mml")) continue;
        const svg = parent.closest(".course-figure svg"), view = svg?.viewBox.baseVal?.width;
        const unit = view ? svg.clientWidth / view : 1; // of a drawing, in pixels
        const size = parseFloat(getComputedStyle(parent).fontSize) * zoomOf(parent) * unit;
        if (size < 22 - 0.1) small.push([size, words]);
    }
    return { height, right: Math.max(0, ...right), scroll: slide.scrollHeight, small,
        heading: content.querySelector(":scope > :is(h1, h2, h3)")?.innerText ?? "",
        figures: [...content.querySelectorAll(".course-figure")].map((figure) => {
            const { width, height } = figure.getBoundingClientRect();
            return Math.max(width / scale / 1184, height / scale / 560);
        }),
        pictures: [...content.querySelectorAll("img[data-text]")].map((picture) => {
            const drawn = picture.getBoundingClientRect().width / scale;
            return Number(picture.dataset.text) * drawn / Number(picture.getAttribute("width"));
        }),
        text: content.innerText.trim() };
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
        yield page.evaluate(MEASURE)


def faults(size):
    """Name what a slide does wrong."""
    room = slides.HEIGHT - 2 * slides.MARGIN
    wrong = {
        "runs over": size["height"] > room + 1
        or size["scroll"] > slides.HEIGHT + 1
        or size["right"] > slides.WIDTH,
        "too small to read": size["small"],
        "a picture's text too small": any(0 < text < 22 - 0.1 for text in size["pictures"]),
        "no heading": not size["heading"],
        "a figure that fills nothing": any(share < 0.85 for share in size["figures"]),
    }
    return [fault for fault, holds in wrong.items() if holds]


def says(size):
    """Whether a slide has more words than its heading."""
    return size["text"] != size["heading"]


def shows(size):
    """Whether a slide has more than words: a figure, or a picture whose text can be read."""
    return bool(size["figures"] or size["pictures"])


@pytest.mark.parametrize("name", daily_share(WORKBOOKS, 3, first=1))
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
    assert [(size["text"][:60], faults(size)) for size in sizes if faults(size)] == []
    assert [size["heading"] for size in sizes if not says(size) and not shows(size)] == []
    assert f"{int(Path(name).name[:2])} ·" in sizes[0]["heading"]


def deck(tmp_path, *cells):
    """Write slides of these cells."""
    path = tmp_path / "01_some.ipynb"
    nbformat.write(new_notebook(cells=list(cells)), path)
    return slides.export(path, tmp_path / "out")


def cell(text, kind="slide", **metadata):
    """Make a cell of prose of this slide type."""
    return new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}} | metadata)


def test_overlong_output_is_reported(present, tmp_path):
    output = new_output("stream", text="line\n" * 200)
    code = new_code_cell("x", outputs=[output], execution_count=1)
    (size,) = walk(present(deck(tmp_path, cell("# 1 · A"), code)))
    assert faults(size) == ["runs over"]


def test_long_list_goes_on_overleaf(present, tmp_path):
    items = "\n".join(f"- thing {number}" for number in range(20))
    sizes = list(walk(present(deck(tmp_path, cell(f"# 1 · A\n\n{items}")))))
    assert [faults(size) for size in sizes] == [[], []]
    assert [size["heading"] for size in sizes] == ["1 · A", "1 · A"]
    told = [line for size in sizes for line in size["text"].split("\n") if "thing" in line]
    assert told == [f"thing {number}" for number in range(20)]
    assert 8 <= sizes[0]["text"].count("thing") <= 12  # not nineteen and one


def test_long_table_goes_on_overleaf_with_its_head(present, tmp_path):
    rows = "".join(f"<tr><td>row {number}</td><td>{'x' * number}</td></tr>" for number in range(25))
    head, foot = (f"<tr><td>{word}</td><td>bar</td></tr>" for word in ("name", "sum"))
    table = f"<thead>{head}</thead><tbody>{rows}</tbody><tfoot>{foot}</tfoot>"
    below = "<p>the end</p>"
    output = new_output("display_data", data={"text/html": f"<table>{table}</table>{below}"})
    code = new_code_cell("x", outputs=[output], execution_count=1)
    page = present(deck(tmp_path, cell("# 1 · A"), code))
    sizes = list(walk(page))
    assert [faults(size) for size in sizes] == [[]] * len(sizes)
    assert len(sizes) == page.locator("section table").count() >= 2
    assert page.locator("section thead").count() == len(sizes)
    assert page.locator("section tr").count() == 25 + 1 + len(sizes)
    assert sizes[-1]["text"].endswith("the end")


def test_question_stays_with_its_stub(present, tmp_path):
    words = "\n\n".join(["Many words to fill a slide before the question is put. " * 3] * 4)
    stub = new_code_cell("flat_index = ...", metadata={"tags": ["exercise", "ex-1.2"]})
    question = cell(f"# 1 · A\n\n{words}\n\n**Exercise 1.2 · Find it.** Where?")
    *_, last = walk(present(deck(tmp_path, question, stub)))
    assert "Exercise 1.2" in last["text"]
    assert "flat_index" in last["text"]


def test_long_code_is_folded(present, tmp_path):
    code = "\n".join(f"number_{line} = {line}" for line in range(30))
    output = new_output("stream", text="the end\n")
    page = present(
        deck(tmp_path, cell("# 1 · A"), new_code_cell(code, outputs=[output], execution_count=1))
    )
    (size,) = walk(page)
    assert faults(size) == []
    assert "the end" in size["text"]
    assert "number_7" not in size["text"]


def test_every_page_begins_with_last_heading(present, tmp_path):
    words = "\n\n".join(["Many words, so that one slide is not enough for them. " * 8] * 4)
    text = f"# 1 · A\n\n## B\n\n{words}\n\n### C\n\n{words}"
    headings = [size["heading"] for size in walk(present(deck(tmp_path, cell(text))))]
    assert headings == ["1 · A", "B", "B", "C", "C"]


@pytest.mark.parametrize(
    ("lines", "least", "most"), [(1, 530, 700), (12, 250, 330), (14, 160, 300)]
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
    assert faults(size) == []
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


def test_chapter_of_a_line_stands_below_the_last(present, tmp_path):
    words = "Many words, so that no other fits below. " * 18
    texts = (
        "# 1 · A",
        "## B\n\nShort.",
        "## C\n\nShort.",
        "More of C.",
        f"## D\n\n{words}",
        f"## E\n\n{words}",
    )
    sizes = list(walk(present(deck(tmp_path, *map(cell, (*texts, "## F\n\nShort."))))))
    assert [faults(size) for size in sizes] == [[]] * len(sizes)
    assert [size["heading"] for size in sizes] == ["1 · A", "B", "D", "E"]
    assert sizes[1]["text"].split() == ["B", "Short.", "C", "Short.", "More", "of", "C."]


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


def test_notebook_without_slide_types_is_shown(present, tmp_path):
    setup = new_code_cell("import torch")
    page = present(
        deck(tmp_path, new_markdown_cell("# 1 · A"), setup, new_markdown_cell("## B\n\nNew."))
    )
    assert [size["text"] for size in walk(page)] == ["1 · A", "B\n\nNew."]


def test_slides_refuses_full_folder(tmp_path, capsys):
    assert slides.main(["00", "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "00_start_here.slides.html").exists()
    assert run_command(["slides", "00", "--out", str(tmp_path / "out")]) == 2
    assert "not an empty folder" in capsys.readouterr().err
    assert run_command(["slides", "97", "--out", str(tmp_path / "new")]) == 2
    assert "no workbook '97'" in capsys.readouterr().err


def test_check_never_stands_on_a_slide(present, tmp_path):
    output = new_output("stream", text="Not attempted yet.\n")
    check = new_code_cell("check", outputs=[output], execution_count=1)
    check.metadata["tags"] = ["check", "ex-1.2"]
    (size,) = walk(present(deck(tmp_path, cell("# 1 · A"), check)))
    assert "Not attempted" not in size["text"]


def test_paragraph_stays_with_the_list_it_announces(present, tmp_path):
    items = "\n".join(f"- thing {number}" for number in range(7))
    words = "\n\n".join(["Some words before it. " * 8] * 2)
    text = f"# 1 · A\n\n{words}\n\n**You will see**\n\n{items}"
    sizes = list(walk(present(deck(tmp_path, cell(text)))))
    (told,) = (size["text"] for size in sizes if "You will see" in size["text"])
    assert "thing 6" in told


def test_text_of_a_picture_can_be_read(present, tmp_path):
    drawn = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>"
    picture = f'<img width="400" height="280" alt="white" data-text="11" src="{drawn}">'
    outputs = [
        new_output("stream", text="line\n" * 10),
        new_output("display_data", data={"text/html": picture}),
    ]
    code = new_code_cell("x", outputs=outputs, execution_count=1)
    page = present(deck(tmp_path, cell("# 1 · A"), code))
    sizes = list(walk(page))
    assert [faults(size) for size in sizes] == [[], []]
    assert min(size for slide in sizes for size in slide["pictures"]) >= 22


def test_wide_formula_is_not_cut_off(present, tmp_path):
    formula = r"$$" + r"\text{a long word} \rightarrow " * 5 + "x$$"
    (size,) = walk(present(deck(tmp_path, cell(f"# 1 · A\n\n{formula}"))))
    assert faults(size) == []


def test_text_grows_no_wider_than_its_table(present, tmp_path):
    row = "".join(f"<td>number{number}</td>" for number in range(9))
    output = new_output("display_data", data={"text/html": f"<table><tr>{row}</tr></table>"})
    code = new_code_cell("x", outputs=[output], execution_count=1)
    page = present(deck(tmp_path, cell("# 1 · A"), code))
    (size,) = walk(page)
    assert faults(size) == []
    assert page.locator("table").bounding_box()["width"] > 0.8 * (slides.WIDTH - 96)


def test_notes_make_no_slide_of_their_own(present, tmp_path):
    drawn = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>"
    picture = f'<img width="400" height="400" alt="white" data-text="11" src="{drawn}">'
    output = new_output("display_data", data={"text/html": picture})
    code = new_code_cell("x", outputs=[output], execution_count=1)
    notes = cell("What to say.", "notes")
    (size,) = walk(present(deck(tmp_path, cell("# 1 · A"), code, notes)))
    assert "runs over" not in faults(size)
    assert len(size["pictures"]) == 1
