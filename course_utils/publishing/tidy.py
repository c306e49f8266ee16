"""Bring notebooks into the form in which they are stored, so that a diff shows what was taught.

Kept: sources, ids, tags, slide types, what is folded and, of cells tagged `nbval-check-output`,
the printed text.
Dropped: all other outputs, execution counts, widget state, whatever editors remember.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_utils.errors import UserError
from course_utils.workbooks import NBVAL_TAG, fold_line, select_workbooks, tags, write_atomic

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_METADATA = ("slideshow", "tags")
FOLDED = {"source_hidden": True}
ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # what nbformat accepts


class TidyError(UserError):
    """A file that cannot be brought into the stored form, with the reason."""


def read(text: str) -> NotebookNode:
    """Read the notebook that `text` holds; its ids as they are, even absent or double ones.

    Raises
    ------
    TidyError
        If the text is no JSON, no notebook, or one of an older format.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise TidyError(f"broken JSON: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise TidyError("not a notebook: it has no list of cells")
    if content.get("nbformat") != 4:
        raise TidyError(f"notebook format {content.get('nbformat')}: save it in JupyterLab first")
    try:
        for cell in content["cells"]:
            cell.setdefault("metadata", {})
            if cell["cell_type"] == "code":
                cell.setdefault("outputs", [])
        return nbformat.v4.rwbase.rejoin_lines(nbformat.from_dict(content))
    except (AttributeError, KeyError, TypeError) as error:
        raise TidyError(f"not a notebook: {error!r} in one of its cells") from None


def tidy(notebook: NotebookNode) -> str:
    """Return the notebook's text in its stored form; the notebook itself is changed on the way.

    Raises
    ------
    TidyError
        If the result is no valid notebook.
    """
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    stored = {cell.get("id") for cell in notebook.cells} - {None}
    used: set[str] = set()
    for cell in notebook.cells:
        folded = {"jupyter": FOLDED} if fold_line(cell) is not None else {}
        cell.metadata = folded | {
            k: v for k, v in cell.metadata.items() if k in CELL_METADATA and v
        }
        if not ID.fullmatch(str(cell.get("id", ""))) or cell.id in used:
            cell["id"] = _slug(cell, used | stored)
        used.add(cell.id)
        if cell.cell_type == "code":
            texts = [_text(output) for output in cell.outputs if NBVAL_TAG in tags(cell)]
            text = "".join(texts)
            output = nbformat.v4.new_output("stream", name="stdout", text=text)
            cell.outputs = [output] if text else []
            cell.execution_count = 1 if text else None  # nbval compares only where there is one
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        raise TidyError(f"not a valid notebook: {error.message}") from None
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def missing_outputs(notebook: NotebookNode) -> list[str]:
    """List the ids of the cells that are to be compared and hold nothing to compare with."""
    return [cell.id for cell in notebook.cells if NBVAL_TAG in tags(cell) and not cell.outputs]


def with_new_outputs(path: Path, notebook: NotebookNode) -> NotebookNode:
    """Give the notebook the outputs that a run of a copy of it prints.

    Raises
    ------
    TidyError
        If a cell fails.
    """
    from course_utils.publishing import (
        run_notebooks,  # here: without --run nothing of pytest is needed
    )

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "stored"
        folder.mkdir()
        nbformat.write(notebook, folder / path.name)
        executed = run_notebooks.execute(folder, Path(scratch) / "executed") / path.name
        if failures := run_notebooks.failures(executed):
            raise TidyError("\n".join(["a cell fails", *failures]))
        cells = nbformat.read(executed, as_version=4).cells
        for cell, executed_cell in zip(notebook.cells, cells, strict=True):
            if cell.cell_type == "code":
                cell.outputs = executed_cell.outputs
    return notebook


def main(argv: list[str]) -> int:
    """Tidy the notebooks named, or all of them; 1 if something is left to do, 2 for a bad file."""
    parser = argparse.ArgumentParser(prog="course_utils tidy", description=__doc__)
    parser.add_argument(
        "notebooks", nargs="*", metavar="NN or PATH",
        help="2 or 02, further/02 or 02 further, or files (default: all workbooks)",
    )  # fmt: skip
    parser.add_argument("--check", action="store_true", help="change nothing, list what is untidy")
    parser.add_argument("--run", action="store_true", help="run, and store the outputs to compare")
    args = parser.parse_args(argv)
    files = [Path(name) for name in args.notebooks if name.endswith(".ipynb")]
    names = [name for name in args.notebooks if not name.endswith(".ipynb")]
    if names or not files:
        files += select_workbooks(names)
    code = 0
    for path in files:
        try:
            for line in _tidy_file(path, args.check, with_new_outputs if args.run else None):
                print(line)
                code = max(code, 0 if line.endswith(": tidied") else 1)
        except (TidyError, OSError, UnicodeDecodeError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            code = 2
    return code


def _tidy_file(path: Path, check: bool, rerun: Callable | None) -> list[str]:
    """Tidy one file, or only look at it; return the lines to print about it."""
    before = path.read_text(encoding="utf-8")
    notebook = read(before)
    after = tidy(notebook)
    if rerun is not None:
        after = tidy(rerun(path, notebook))
    lines = []
    if after != before:
        lines.append(f"{path}: not tidy" if check else f"{path}: tidied")
        if not check:
            write_atomic(path, after)
    return lines + [
        f"{path}: cell {cell!r} has no output to compare; run `tidy --run`"
        for cell in missing_outputs(notebook)
    ]


def _slug(cell: NotebookNode, used: set[str]) -> str:
    """Make an id of the exercise's tags or the first words, different from all that are used."""
    tagged = "-".join(tag for tag in tags(cell) if tag != NBVAL_TAG)
    lines = [tagged, *cell.get("source", "").splitlines(), "cell"]
    slugs = (re.sub(r"[^a-z0-9]+", "-", line.lower()).strip("-") for line in lines)
    base = next(filter(None, slugs))[:40].strip("-")
    slug, count = base, 1
    while slug in used:
        count += 1
        slug = f"{base}-{count}"
    return slug


def _text(output: NotebookNode) -> str:
    return output.text if output.get("name") == "stdout" else ""
