"""How long Run All takes and how much memory its kernel needs, for every notebook."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import nbformat

from course_utils.publishing import run_notebooks
from course_utils.workbooks import discover

SECONDS, MEGABYTES = 30, 700  # the limits that every notebook keeps, on two cores without a GPU


def table(edition: str, folder: Path) -> list[str]:
    """One row for each executed notebook: seconds and peak memory, each beside its limit."""
    rows = []
    for path in discover(folder):
        course = nbformat.read(path, as_version=4).metadata.course
        megabytes = course.peak_mb or 0  # none where the kernel died
        within = course.seconds <= SECONDS and megabytes <= MEGABYTES
        verdict = "failed" if course.failures else "within" if within else "OVER"
        rows.append(
            f"{edition:8} {path.relative_to(folder).as_posix():32}"
            f"{course.seconds:7.1f} s of {SECONDS}{megabytes:7.0f} MB of {MEGABYTES}  {verdict}"
        )
    return rows


def main(argv: list[str]) -> int:
    """Run the editions and print the table; 1 if a notebook fails or is over a limit."""
    parser = argparse.ArgumentParser(prog="course_utils bench run_all", description=__doc__)
    choices = list(run_notebooks.EXPECTED)
    parser.add_argument("--edition", choices=choices, action="append", help="default: both")
    editions = parser.parse_args(argv).edition or choices
    with tempfile.TemporaryDirectory() as out:
        rows = [
            row for name in editions for row in table(name, run_notebooks.run(name, out=Path(out)))
        ]
    print(*rows, sep="\n")
    return int(any(not row.endswith("within") for row in rows))
