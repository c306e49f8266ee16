"""The contact sheet: every workbook that is asked for, whole, in pieces that can be looked at."""

import re
import subprocess
import sys

from PIL import Image

from course_utils.tutor import screenshots


def test_a_sheet_shows_a_workbook_from_top_to_bottom(tmp_path):
    command = [sys.executable, "-m", "course_utils", "screenshots", "00", "--dark"]
    done = subprocess.run([*command, "--out", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
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
    assert "0 errors" in done.stdout


def test_an_unknown_workbook_is_named(capsys):
    assert screenshots.main(["97"]) == 2
    assert "no workbook '97' in" in capsys.readouterr().err
