"""Parts of the further workbooks run alone: each after the opening cells only."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from cell_runner import run_cell
from matplotlib import pyplot as plt

from course_utils.workbooks import NOTEBOOKS

CLAIM = re.compile(r"stands? alone|runs alone")  # in the opening
HEADING = re.compile(r"^## ([A-Z]) · ", re.MULTILINE)


def parts_of(path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """Code cells of the opening, and of each part by its letter."""
    opening: list[str] = []
    parts: dict[str, list[str]] = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            parts |= {letter: [] for letter in HEADING.findall(cell.source)}
        else:
            (parts[max(parts)] if parts else opening).append(cell.source)
    return opening, parts


def path_of(number: str) -> Path:
    (path,) = (NOTEBOOKS / "further").glob(f"{number}_*.ipynb")
    return path


def claims() -> list[str]:
    """Numbers of the workbooks whose opening says that their parts run alone."""
    openings = {
        path.name[:2]: nbformat.read(path, as_version=4).cells[0].source
        for path in sorted((NOTEBOOKS / "further").glob("*.ipynb"))
    }
    return [number for number, text in openings.items() if CLAIM.search(text)]


PARTS = [(number, part) for number in claims() for part in parts_of(path_of(number))[1]]


def source_of(number: str, part: str, first: int = 0) -> list[str]:
    """The opening's cells, then a part's from one of its cells on."""
    opening, parts = parts_of(path_of(number))
    return [*opening, *parts[part][first:]]


def unknown_names(sources: list[str]) -> list[str]:
    """What a linter says of names that are used and come from nowhere."""
    command = ["ruff", "check", "--isolated", "--select=F821", "--output-format=concise", "-"]
    linted = subprocess.run(
        [sys.executable, "-m", *command], input="\n".join(sources), capture_output=True, text=True
    )
    assert not linted.stderr, linted.stderr
    return [line for line in linted.stdout.splitlines() if "F821" in line]


@pytest.mark.parametrize(("number", "part"), PARTS)
def test_part_knows_every_name_it_uses(number, part):
    assert unknown_names(source_of(number, part)) == []


def test_part_that_needs_another_is_found():
    assert any("conv_cost" in line for line in unknown_names(source_of("04", "A", first=1)))


@pytest.mark.weekly
@pytest.mark.executed
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # Matplotlib's, for tensors, as in a kernel
@pytest.mark.parametrize(("number", "part"), PARTS)
def test_part_runs_after_opening_cells(number, part):
    namespace: dict = {"__name__": "__main__"}
    for source in source_of(number, part):
        run_cell(source, namespace)
    plt.close("all")


def test_further_workbooks_claim_parts_that_run_alone():
    assert claims() == ["02", "03", "04", "05", "06", "07", "08"]
