"""The solved edition: every workbook with its answers, the usual mistakes, and what it prints."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from course_utils.tutor import executed
from course_utils.tutor.editions import BUILD, asked


def main(argv: list[str]) -> int:
    """Write executed solved notebooks; 1 where one shows an error, 2 on a wrong argument."""
    try:
        notebooks, out = asked("tutor", __doc__, argv, BUILD / "solved")
        with tempfile.TemporaryDirectory() as scratch:
            folder = executed.run("tutor", notebooks, out=Path(scratch), show=True)
            shutil.copytree(folder, out, dirs_exist_ok=True)
    except (ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Solved workbooks: {out}")
    return executed.report(out)
