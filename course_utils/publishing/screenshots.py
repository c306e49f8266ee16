"""Contact sheets for people to look at: every workbook as JupyterLab renders it, top to bottom.

With `--pages`, of any web pages instead: slides, pages of the site, feedback, a report.
"""

from __future__ import annotations

import argparse
import html
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image

from course_utils.errors import UserError
from course_utils.exercises import all_exercises
from course_utils.publishing.lab_driver import Workbook, browser, working_copy
from course_utils.workbooks import BUILD, NOTEBOOKS, select_workbooks

WIDTH, SLICE = 1000, 2000  # of a picture, in pixels
WIDTHS = {"desktop": 1280, "phone": 360}  # of a web page
DECK, SLIDE, COLUMNS, ROWS = ".slides.html", (1280, 720), 2, 4  # a sheet of slides at half size
BARE = """
    #jp-top-panel, #jp-main-statusbar, .jp-SideBar, .jp-NotebookPanel-toolbar, .lm-TabBar,
    .jp-cell-toolbar, .jp-Notebook-footer { display: none !important; }
"""

HEIGHT = """() => Math.ceil([...document.querySelectorAll(".jp-Notebook .jp-Cell")]
    .reduce((sum, cell) => sum + cell.getBoundingClientRect().height, 0))"""
BOTTOM = """() => {
    const last = [...document.querySelectorAll(".jp-Notebook .jp-Cell")].at(-1);
    const notebook = document.querySelector(".jp-WindowedPanel-outer");
    return Math.ceil(last.getBoundingClientRect().bottom - notebook.getBoundingClientRect().top);
}"""


def slices(workbook: Workbook) -> Iterator[Image.Image]:
    """Photograph the open notebook from top to bottom, in pieces of at most `SLICE` pixels.

    The notebook is shown at its full height without JupyterLab's frame, so that nothing is
    hidden below a scroll bar.
    """
    page = workbook.page
    workbook.collapse_side_bars()
    page.add_style_tag(content=BARE)
    page.set_viewport_size({"width": WIDTH, "height": page.evaluate(HEIGHT) + 200})
    page.wait_for_timeout(1000)  # the page is laid out anew
    notebook = page.locator(".jp-NotebookPanel:visible .jp-WindowedPanel-outer")
    notebook.evaluate("(panel) => { panel.scrollTop = 0; }")  # Run All left it at the end
    page.wait_for_timeout(200)
    whole = Image.open(io.BytesIO(notebook.screenshot())).convert("RGB")
    bottom = page.evaluate(BOTTOM)
    bottom = min(bottom + 8, whole.height)
    for top in range(0, bottom, SLICE):
        yield whole.crop((0, top, whole.width, min(top + SLICE, bottom)))


def contact_sheet(out: Path, names: list[str], dark: bool) -> dict[str, list[str]]:
    """Run the workbooks and write their pictures and an index.html; returns the errors found."""
    notebooks = [path.relative_to(NOTEBOOKS).as_posix() for path in select_workbooks(names)]
    errors, shown = {}, {}
    with working_copy(dark) as lab, browser() as chromium:
        for notebook in notebooks:
            page = chromium.new_page(viewport={"width": WIDTH, "height": 1200})
            page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
            workbook = lab.open(page, notebook)
            errors[notebook] = workbook.run_all()
            stem = notebook.removesuffix(".ipynb").replace("/", "-")
            shown[notebook] = save(slices(workbook), out, stem, dark)
            workbook.close()
            page.close()
            print(f"{notebook}: {len(errors[notebook])} errors")
    write_index(out, shown, errors)
    return errors


def save(pictures: Iterable[Image.Image], out: Path, stem: str, dark: bool) -> list[str]:
    """Write pictures under numbered names and return these."""
    out.mkdir(parents=True, exist_ok=True)
    names = []
    for number, picture in enumerate(pictures, start=1):
        names.append(f"{stem}{'-dark' * dark}-{number:02}.png")
        picture.save(out / names[-1])
    return names


def write_index(out: Path, shown: dict[str, list[str]], errors: dict[str, list[str]]) -> None:
    """Write index.html: under each title its errors and its pictures, from top to bottom."""
    lines = []
    for title, names in shown.items():
        lines.append(f"<h2>{html.escape(title)}</h2>")
        lines += [f"<p>{html.escape(error)}</p>" for error in errors.get(title, [])]
        for number, name in enumerate(names, start=1):
            lines.append(f'<img src="{name}" alt="{html.escape(title)}, part {number}">')
    (out / "index.html").write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Contact sheet</title>'
        "<style>body{margin:2em;background:#888}img{display:block;max-width:100%}</style>"
        f"<h1>Contact sheet</h1>{''.join(lines)}</html>",
        encoding="utf-8",
    )


def pages_sheet(out: Path, paths: list[Path], dark: bool) -> None:
    """Write pictures of web pages, each as wide as a desktop and as a phone; of decks all slides.

    Raises
    ------
    UserError
        If a page does not exist.
    """
    if missing := [str(path) for path in paths if not path.is_file()]:
        raise UserError(f"There is no page {', '.join(missing)}.")
    shown = {}
    with browser() as chromium:
        for at, path in enumerate(paths, start=1):
            size = dict(zip(("width", "height"), SLIDE, strict=True))
            page = chromium.new_page(viewport=size)
            page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
            page.goto(path.resolve().as_uri())
            page.wait_for_function("() => !window.MathJax || window.MathJax.startup?.promise")
            page.wait_for_timeout(1000)  # figures are drawn
            stem = f"page-{at:02}-{path.stem}"
            if path.name.endswith(DECK):
                shown[str(path)] = save(slides(page), out, stem, dark)
            else:
                for name, width in WIDTHS.items():
                    pictures = scrolled(page, width)
                    shown[f"{path}, {name}"] = save(pictures, out, f"{stem}-{name}", dark)
            page.close()
            print(path)
    write_index(out, shown, {})


def scrolled(page, width: int) -> Iterator[Image.Image]:
    """Photograph a web page from top to bottom, in pieces of at most `SLICE` pixels."""
    page.set_viewport_size({"width": width, "height": SLICE})
    page.wait_for_timeout(500)
    bottom = page.evaluate("() => document.documentElement.scrollHeight")
    for top in range(0, bottom, SLICE):
        page.evaluate("(top) => scrollTo(0, top)", top)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        yield picture.crop((0, max(0, top + SLICE - bottom) if top else 0, width, SLICE))


def slides(page) -> Iterator[Image.Image]:
    """Photograph a deck of slides, several on a sheet."""
    width, height = (side // 2 for side in SLIDE)
    count = page.evaluate("() => Reveal.getTotalSlides()")
    for first in range(0, count, COLUMNS * ROWS):
        here = min(COLUMNS * ROWS, count - first)
        sheet = Image.new("RGB", (COLUMNS * width, -(-here // COLUMNS) * height), "grey")
        for number in range(here):
            if first + number:
                page.keyboard.press("Space")
            page.wait_for_timeout(300)
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            place = (number % COLUMNS * width, number // COLUMNS * height)
            sheet.paste(picture.resize((width, height), Image.Resampling.LANCZOS), place)
        yield sheet


def at_work(path: Path, number: str = "02") -> None:
    """Picture a workbook at work: an exercise answered with a mistake, and its figure moved.

    Raises
    ------
    UserError
        If there is no such workbook.
    """
    notebook = select_workbooks([number], further=False)[0].name
    exercise = next(
        exercise
        for exercise in all_exercises()
        if exercise.workbook == number and exercise.is_value
    )
    wrong = next(iter(exercise.mistakes.values())).answer
    typed = f"torch.tensor({wrong.tolist()})" if hasattr(wrong, "tolist") else repr(wrong)
    with working_copy() as lab, browser() as chromium:
        page = chromium.new_page(viewport={"width": WIDTH, "height": 1200})
        workbook = lab.open(page, notebook)
        workbook.run_all()
        workbook.collapse_side_bars()
        page.add_style_tag(content=BARE)
        workbook.answer(exercise.number, f"{exercise.name} = {typed}")
        figure = page.locator(".jp-Cell:has(.course-figure)").first
        figure.locator(".course-stage").focus()
        for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
            page.keyboard.press(key)
        cells = [workbook.cell(role, f"ex-{exercise.number}") for role in ("exercise", "check")]
        parts = [
            Image.open(io.BytesIO(cell.screenshot())).convert("RGB") for cell in (*cells, figure)
        ]
    whole = Image.new("RGB", (parts[0].width, sum(part.height for part in parts)), "white")
    top = 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.save(path, optimize=True)


def main(argv: list[str]) -> int:
    """Write the contact sheet; 1 where a workbook shows an error."""
    parser = argparse.ArgumentParser(prog="course_utils screenshots", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NN", help="2 or 02, further/02 or 02 further (default: all)"
    )
    parser.add_argument("--out", type=Path, default=BUILD / "screenshots")
    parser.add_argument("--dark", action="store_true", help="JupyterLab's dark theme")
    parser.add_argument(
        "--pages", type=Path, nargs="+", metavar="HTML", help="of web pages, not of workbooks"
    )
    parser.add_argument("--readme", type=Path, metavar="PNG", help="only a picture for README.md")
    options = parser.parse_args(argv)
    if options.readme:
        at_work(options.readme)
        print(options.readme)
        return 0
    if options.pages:
        pages_sheet(options.out, options.pages, options.dark)
        print(f"{options.out / 'index.html'}")
        return 0
    errors = contact_sheet(options.out, options.names, options.dark)
    print(f"{options.out / 'index.html'}")
    return int(any(errors.values()))
