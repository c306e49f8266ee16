"""The solved edition: every workbook with its answers, the usual mistakes, and what it prints."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from course_utils.tutor import executed
from course_utils.tutor.editions import BUILD, chosen, empty


def main(argv: list[str]) -> int:
    """Write executed solved notebooks; 1 where one shows an error, 2 on a wrong argument."""
    parser = argparse.ArgumentParser(prog="course_utils tutor", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NN", help="02, or further/02 (default: all)")
    parser.add_argument("--out", type=Path, default=BUILD / "solved", help="an empty folder")
    asked = parser.parse_args(argv)
    try:
        notebooks, out = chosen(asked.names), empty(asked.out)
        with tempfile.TemporaryDirectory() as scratch:
            folder = executed.run("tutor", notebooks, out=Path(scratch), show=True)
            shutil.copytree(folder, out, dirs_exist_ok=True)
    except (ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Solved workbooks: {out}")
    return executed.report(out)
