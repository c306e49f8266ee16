"""Which workbooks there are, how one is named, what its cells' tags say, and where results go."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.errors import UserError

if TYPE_CHECKING:
    from nbformat import NotebookNode  # start.py and `lab` run without it

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"
NBVAL_TAG = "nbval-check-output"  # the tag of cells whose printed text is stored and compared


def discover(folder: Path = NOTEBOOKS) -> list[Path]:
    """List every notebook below `folder` by its place in it; Jupyter's checkpoints are left out."""
    names = (path.relative_to(folder) for path in folder.rglob("*.ipynb"))
    return [folder / name for name in sorted(names) if ".ipynb_checkpoints" not in name.parts]


def workbook_name(path: Path, folder: Path = NOTEBOOKS) -> str:
    """Return the name of a workbook below `folder`: "02", or "further/02" for a further part."""
    return path.relative_to(folder).as_posix().partition("_")[0]


def normalize_names(words: list[str]) -> list[str]:
    """Write workbooks' names in one form, as `workbook_name` does.

    Examples
    --------
    >>> normalize_names(["2", "03", "further", "further/4"])
    ['02', 'further/03', 'further/04']
    """
    names: list[str] = []
    for part in [part for word in words for part in word.split() or [word]]:
        if part == "further" and names:
            names.append(f"further/{names.pop()}")
        else:
            folder, slash, number = part.rpartition("/")
            names.append(f"{folder}{slash}{number.zfill(2) if number else number}")
    return names


def select_workbooks(
    words: list[str], further: bool = True, folder: Path = NOTEBOOKS
) -> list[Path]:
    """Find workbooks by number: "2" or "02"; "further/02" or "02 further" for the further part.

    Parameters
    ----------
    words : the names; none of them means all workbooks
    further : whether a number means the further part, too
    folder : where the workbooks lie

    Raises
    ------
    UserError
        If a name has no workbook; the message lists those there are.
    """
    available = {path: workbook_name(path, folder) for path in discover(folder)}
    selected = set()
    for name in normalize_names(words):
        accepted = (name, f"further/{name}") if further else (name,)
        matches = {path for path, known in available.items() if known in accepted}
        if not matches:
            raise UserError(
                f"There is no workbook {name!r} in {folder}; available: "
                f"{', '.join(available.values()) or 'none'}."
            )
        selected |= matches
    if not words:
        selected = {path for path in available if further or path.parent == folder}
    return [path for path in available if path in selected]


def ensure_empty_dir(folder: Path) -> Path:
    """Make a folder for results, or take it if it is empty.

    Raises
    ------
    UserError
        If something lies in it, or it is no folder: nothing is ever written over.
    """
    if folder.exists() and not (folder.is_dir() and next(folder.iterdir(), None) is None):
        raise UserError(f"{folder} is not an empty folder. Name another with --out, or remove it.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def parse_args(
    command: str, description: str, argv: list[str], out: Path, further: bool = True
) -> tuple[list[Path], Path]:
    """Read a command line of workbooks' numbers and `--out`, which by default is `out`.

    Returns
    -------
    (list of Path, Path)
        What `select_workbooks` finds, and an empty folder.

    Raises
    ------
    UserError
        If there is no such workbook, or the folder is not empty.
    """
    names = f"2 or 02, further/02 or 02 further (default: {'all' if further else 'all core ones'})"
    parser = argparse.ArgumentParser(prog=f"course_utils {command}", description=description)
    parser.add_argument("names", nargs="*", metavar="NN", help=names)
    parser.add_argument("--out", type=Path, default=out, help="an empty folder")
    args = parser.parse_args(argv)
    return select_workbooks(args.names, further), ensure_empty_dir(args.out)


def write_atomic(
    path: Path, content: str | bytes, mode: int = 0o644, work: Path | None = None
) -> None:
    """Write a file at once: whoever reads it meanwhile sees the old one or the new one.

    Its folder is made if needed. Text is written as UTF-8 with plain newlines. `mode` says who may
    read a new file; that of an old one stays. `work` is a folder on the same disk where it lies
    unfinished; by default it does so beside the old one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8") if isinstance(content, str) else content
    mode = path.stat().st_mode if path.exists() else mode  # mkstemp lets nobody else read it
    handle, temporary = tempfile.mkstemp(dir=work or path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell, in the order in which they are stored."""
    return list(cell.metadata.get("tags", []))


def fold_line(cell: NotebookNode) -> str | None:
    """Return the line under which a cell's code is folded away; None for a cell that is open.

    Code that only draws is folded (*View → Collapse Selected Code* in JupyterLab). The comment in
    its first line says what it draws.
    """
    if cell.cell_type != "code" or not cell.metadata.get("jupyter", {}).get("source_hidden"):
        return None
    return cell.source.partition("\n")[0].lstrip("# ").strip()


def exercise_number(cell: NotebookNode, role: str = "exercise") -> str | None:
    """Return "2.3" for a cell tagged "ex-2.3" and `role` ("exercise" or "check"), else None."""
    if role not in tags(cell):
        return None
    return next((tag.removeprefix("ex-") for tag in tags(cell) if tag.startswith("ex-")), None)
