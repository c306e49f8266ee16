"""The solved edition: every workbook with its answers, the usual mistakes, and what it prints."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from course_utils.publishing import run_notebooks
from course_utils.workbooks import BUILD, parse_args


def main(argv: list[str]) -> int:
    """Write executed solved notebooks; 1 where one shows an error."""
    notebooks, out = parse_args("tutor", __doc__, argv, BUILD / "solved")
    with tempfile.TemporaryDirectory() as scratch:
        folder = run_notebooks.run("tutor", notebooks, out=Path(scratch), show=True)
        shutil.copytree(folder, out, dirs_exist_ok=True)
    print(f"Solved workbooks: {out}")
    return run_notebooks.print_failures(out)
