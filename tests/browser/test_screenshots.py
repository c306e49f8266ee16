"""The contact sheet: every workbook that is asked for, whole, in pieces that can be looked at."""

import re
import subprocess
import sys

import nbformat
from nbformat.v4 import new_markdown_cell, new_notebook
from PIL import Image

from course_utils.__main__ import main as run_command
from course_utils.publishing import screenshots, slides


def screenshots_of(*arguments):
    """Run the command in a process of its own: one process drives one browser."""
    command = [sys.executable, "-m", "course_utils", "screenshots", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_contact_sheet_covers_workbook(tmp_path):
    said = screenshots_of("00", "--dark", "--out", tmp_path)
    shown = re.findall(r'<img src="([^"]+)" alt="[^"]+">', (tmp_path / "index.html").read_text())
    assert shown == sorted(path.name for path in tmp_path.glob("*.png"))
    pictures = []
    for name in shown:
        with Image.open(tmp_path / name) as picture:
            pictures.append(picture.convert("L"))
    assert len(pictures) > 1
    assert {picture.width for picture in pictures} == {pictures[0].width}
    assert all(picture.height == screenshots.SLICE for picture in pictures[:-1])
    assert pictures[0].resize((1, 1)).getpixel((0, 0)) < 100  # the dark theme
    for picture in pictures[:-1]:  # nothing is blank: each piece holds light text on its ground
        assert picture.getextrema()[1] > 180
    assert "0 errors" in said


def test_unknown_workbook_is_named(capsys):
    assert run_command(["screenshots", "97"]) == 2
    assert "no workbook '97' in" in capsys.readouterr().err


def sizes(out, pattern):
    """Sizes of the pictures that match a pattern, by name."""
    sizes = []
    for path in sorted(out.glob(pattern)):
        with Image.open(path) as picture:
            sizes.append(picture.size)
    return sizes


def test_pages_sheet_covers_both_widths(tmp_path):
    page, out = tmp_path / "tall.html", tmp_path / "out"
    page.write_text(
        "<!doctype html><style>body { margin: 0; height: 4500px; background: linear-gradient("
        "#f00 4400px, #00f 4400px) } @media (prefers-color-scheme: dark) { body { background: "
        "linear-gradient(#000 4400px, #0f0 4400px) } }</style>"
    )
    for option, top, end in (([], "red", "blue"), (["--dark"], "black", "lime")):
        screenshots_of("--pages", page, "--out", out, *option)
        dark = "-dark" if option else ""
        for name, width in screenshots.WIDTHS.items():
            pictures = f"page-01-tall-{name}{dark}-0*.png"
            assert sizes(out, pictures) == [(width, 2000), (width, 2000), (width, 500)]
            with Image.open(sorted(out.glob(pictures))[-1]) as last:
                colours = [last.getpixel((9, y)) for y in (9, 399, 401, 499)]
            shades = {"red": (255, 0, 0), "blue": (0, 0, 255), "black": (0, 0, 0)}
            shades["lime"] = (0, 255, 0)
            assert colours == [shades[top]] * 2 + [shades[end]] * 2
    shown = re.findall(r'<img src="([^"]+)"', (out / "index.html").read_text())
    assert shown == sorted(path.name for path in out.glob("*-dark-*.png"))


def test_deck_sheet_covers_every_slide(tmp_path):
    cells = [
        new_markdown_cell(f"# {n}", metadata={"slideshow": {"slide_type": "slide"}})
        for n in range(9)
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "01_few.ipynb")
    deck = slides.export(tmp_path / "01_few.ipynb", tmp_path / "deck")
    screenshots_of("--pages", deck, "--out", tmp_path / "out")
    assert sizes(tmp_path / "out", "*.png") == [(1280, 1440), (1280, 360)]
    with Image.open(next((tmp_path / "out").glob("*-01.png"))) as sheet:
        places = [(x, y, x + 640, y + 360) for y in range(0, 1440, 360) for x in (0, 640)]
        assert len({sheet.crop(place).tobytes() for place in places}) == 8


def test_missing_page_is_named(tmp_path, capsys):
    assert run_command(["screenshots", "--pages", str(tmp_path / "none.html")]) == 2
    assert "There is no page" in capsys.readouterr().err
