"""Contact sheets: every workbook as JupyterLab renders it, top to bottom, for people to look at."""

from __future__ import annotations

import argparse
import html
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from course_utils.exercise import all_exercises
from course_utils.tutor.editions import BUILD, NOTEBOOKS, chosen
from course_utils.tutor.lab import Workbook, browser, working_copy

WIDTH, SLICE = 1000, 2000  # of a picture, in pixels
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


def contact_sheet(out: Path, numbers: list[str], dark: bool) -> dict[str, list[str]]:
    """Run the workbooks and write their pictures and an index.html; returns the errors found."""
    notebooks = [path.relative_to(NOTEBOOKS).as_posix() for path in chosen(numbers)]
    out.mkdir(parents=True, exist_ok=True)
    errors, lines = {}, []
    with working_copy(dark) as lab, browser() as chromium:
        for notebook in notebooks:
            page = chromium.new_page(viewport={"width": WIDTH, "height": 1200})
            page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
            workbook = lab.open(page, notebook)
            errors[notebook] = workbook.run_all()
            lines.append(f"<h2>{html.escape(notebook)}</h2>")
            lines += [f"<p>{html.escape(error)}</p>" for error in errors[notebook]]
            stem = notebook.removesuffix(".ipynb").replace("/", "-") + ("-dark" if dark else "")
            for number, picture in enumerate(slices(workbook), start=1):
                name = f"{stem}-{number:02}.png"
                picture.save(out / name)
                lines.append(f'<img src="{name}" alt="{html.escape(notebook)}, part {number}">')
            workbook.close()
            page.close()
            print(f"{notebook}: {len(errors[notebook])} errors")
    (out / "index.html").write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Contact sheet</title>'
        "<style>body{margin:2em;background:#888}img{display:block;max-width:100%}</style>"
        f"<h1>Contact sheet</h1>{''.join(lines)}</html>",
        encoding="utf-8",
    )
    return errors


def at_work(path: Path, number: str = "02") -> None:
    """Picture a workbook at work: an exercise answered with a mistake, and its figure moved.

    Raises
    ------
    ValueError
        If there is no such workbook.
    """
    notebook = chosen([number], further=False)[0].name
    exercise = next(one for one in all_exercises() if one.workbook == number and one.is_value)
    wrong = next(iter(exercise.mistakes.values()))
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
    """Write the contact sheet; 1 where a workbook shows an error, 2 on a wrong argument."""
    parser = argparse.ArgumentParser(prog="course_utils screenshots", description=__doc__)
    parser.add_argument(
        "numbers", nargs="*", metavar="NN", help="workbooks, e.g. 01 02 (default: all)"
    )
    parser.add_argument("--out", type=Path, default=BUILD / "screenshots")
    parser.add_argument("--dark", action="store_true", help="JupyterLab's dark theme")
    parser.add_argument("--readme", type=Path, metavar="PNG", help="only a picture for README.md")
    options = parser.parse_args(argv)
    try:
        if options.readme:
            at_work(options.readme)
            print(options.readme)
            return 0
        errors = contact_sheet(options.out, options.numbers, options.dark)
    except (ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{options.out / 'index.html'}")
    return int(any(errors.values()))
