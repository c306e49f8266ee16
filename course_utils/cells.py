"""What a kernel of this course knows of its notebook's cells: which ran, and which failed.

An IPython extension: kernels that `lab` starts load it at once, all others when exercises are
imported. It changes two things. A NameError says which cell makes the name. And a check can tell
that the cell of its answer failed, or was changed after it last ran (`stale_answer`). Elsewhere it
does nothing.
"""

from __future__ import annotations

import ast
import json
import os
import re
import symtable
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from course_utils import surroundings

CELL_WIDTH = 60  # characters of a cell's first line that are quoted
MOST_RUNS = 400  # cells remembered; more than a notebook has
CLOCK = 0.05  # seconds by which a file's time may lie behind
CHOICES = ("a", "b", "c", "d", "e")  # the letters of an exercise with a choice
ALL_ABOVE = "or all cells above this one at once: Run → Run All Above Selected Cell."


class Run(NamedTuple):
    """A cell that ran: its source, the names it makes, what stopped it, if anything did, and when.

    `ended` is in seconds since the epoch.
    """

    source: str
    names: frozenset[str]
    error: str
    ended: float = 0.0


class Log:
    """The cells that ran in this kernel, the latest last."""

    def __init__(self) -> None:
        self.runs: list[Run] = []

    def post_run_cell(self, result: Any) -> None:
        """Note a cell that has ended; IPython calls this."""
        source = result.info.raw_cell if result.info else ""
        self.add(source, result.error_before_exec or result.error_in_exec)

    def add(self, source: str, error: BaseException | None) -> None:
        """Note a cell and what stopped it."""
        self.runs.append(Run(source, made_by(source), _described(error), time.time()))
        del self.runs[:-MOST_RUNS]

    def last_attempt(self, name: str) -> Run | None:
        """The last run of a cell that was to make a name."""
        return next((run for run in reversed(self.runs) if name in run.names), None)


def _described(error: BaseException | None) -> str:
    """Kind and first line of an error; empty if there is none."""
    if error is None:
        return ""
    try:
        words = f"{type(error).__name__}: {error}".splitlines()[0]
    except BaseException:  # an exception of the student's own may raise in turn
        words = type(error).__name__
    return words[:300]


LOG = Log()


def load_ipython_extension(shell: Any) -> None:
    """Watch the cells of a kernel; loading it again changes nothing."""
    if getattr(shell, "_course_cells", None) is LOG or not hasattr(shell, "set_custom_exc"):
        return
    shell._course_cells = LOG
    surroundings.put_own_folder_last()
    shell.events.register("post_run_cell", LOG.post_run_cell)
    shell.set_custom_exc((NameError,), _on_name_error)


def watch() -> None:
    """Watch this process's cells, if it is a notebook's kernel."""
    if "IPython" in sys.modules:
        from IPython import get_ipython

        shell = get_ipython()
        if shell is not None:
            load_ipython_extension(shell)


# Names and the cells that make them ---------------------------------------------------------------


def made_by(source: str) -> frozenset[str]:
    """The names that a cell makes, also one that Python cannot read to its end."""
    try:
        table = symtable.symtable(source, "<cell>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset(_names_at_line_starts(source))
    symbols = table.get_symbols()
    return frozenset(s.get_name() for s in symbols if s.is_assigned() or s.is_imported())


def _names_at_line_starts(source: str) -> list[str]:
    """`x` of `x = …`, `def x(…` and `class x…` at the beginning of a line."""
    names = []
    for line in source.splitlines():
        head = line.removeprefix("def ").removeprefix("class ")
        name = head.split("(")[0].split("=")[0].split(":")[0].strip()
        if line[:1].strip() and name.isidentifier() and (head is not line or "=" in line):
            names.append(name)
    return names


def _notebook_cells() -> list[dict]:
    """The cells of this kernel's notebook as it was last saved; none where it is not known."""
    path = os.environ.get("JPY_SESSION_NAME", "")
    try:
        if Path(path).suffix == ".ipynb" and os.path.getsize(path) < 50_000_000:
            cells = json.loads(Path(path).read_text("utf-8"))["cells"]
            return [cell for cell in cells if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return []


def _saved_at() -> float:
    """When this kernel's notebook was last saved, in seconds since the epoch."""
    try:
        return os.path.getmtime(os.environ.get("JPY_SESSION_NAME", ""))
    except OSError:
        return 0.0


def _source(cell: dict) -> str:
    return "".join(cell.get("source", ""))


# NameError ----------------------------------------------------------------------------------------


def _on_name_error(shell, kind, error, trace, tb_offset=None):
    """Show the error, and before it which cell makes the name."""
    words = explain_name(getattr(error, "name", None) or "", shell.user_ns)
    if not words:
        return shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
    lines = [f"{kind.__name__}: {error}", "", words]
    shell._showtraceback(kind, error, lines)
    return lines


def explain_name(name: str, known: dict | None = None) -> str:
    """Which cell makes a name, and to run it; or which name may have been meant."""
    if not name:
        return ""
    run = LOG.last_attempt(name)
    if run is not None and run.error:
        return (
            f"`{name}` is made in the cell that begins `{_first_line(run.source)}`, which stopped "
            f"with an error ({run.error}). Mend it and run it again."
        )
    for cell in _notebook_cells():
        if name in made_by(_source(cell)):
            return (
                f"`{name}` is made in the cell that begins `{_first_line(_source(cell))}`. Run it "
                f"first, {ALL_ABOVE}"
            )
    if name in CHOICES:
        return f'`{name}` is read as a name here. A letter as an answer stands in quotes: "{name}".'
    near = nearest_name(name, known or {})
    if near:
        return f"Nothing is called `{name}`. Is `{near}` meant?"
    if name == "ex":
        return f"`ex` is made in the first code cell of the notebook. Run it first, {ALL_ABOVE}"
    return ""


def _first_line(source: str) -> str:
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    first = next((line for line in lines if not line.startswith(("#", "%"))), "".join(lines[:1]))
    return first if len(first) <= CELL_WIDTH else first[: CELL_WIDTH - 2] + " …"


def nearest_name(name: str, known: dict) -> str:
    """A known name that differs in case, underscores or one letter only."""
    import difflib

    own = [other for other in known if not other.startswith("_")]
    plain = {other.lower().replace("_", ""): other for other in own}
    if match := plain.get(name.lower().replace("_", "")):
        return match
    return next(iter(difflib.get_close_matches(name, own, n=1, cutoff=0.85)), "")


# Answers that are not what the cell holds ---------------------------------------------------------


def stale_answer(name: str, tag: str) -> str:
    """What a check should say first: that it judges a former answer. Empty where it does not.

    Parameters
    ----------
    name : that the answer has
    tag : of the exercise's cell, such as "ex-2.3"
    """
    run = LOG.last_attempt(name)
    if run is not None and run.error:
        unknown = re.search(r"name '(\w+)' is not defined", run.error)
        return (
            f"The cell of your answer stopped with an error ({run.error}), so `{name}` is still "
            "what it was before. Mend that cell and run it again. "
            + explain_name(unknown[1] if unknown else "")
        ).strip()
    if run is not None and _saved_at() < run.ended - CLOCK:
        return ""  # the notebook on disk is older than the answer: what it holds says nothing
    cell = _exercise_cell(tag)
    ran = [earlier.source.strip() for earlier in LOG.runs]
    if cell is None or _source(cell).strip() in ran or not _is_answer(_source(cell), name):
        return ""
    return (
        "The cell of your answer was changed after it last ran, so this is about your former "
        "answer. Run that cell, then this one."
    )


def has_failed(name: str) -> bool:
    """Whether the last cell that was to make a name stopped with an error."""
    run = LOG.last_attempt(name)
    return run is not None and bool(run.error)


def _exercise_cell(tag: str) -> dict | None:
    for cell in _notebook_cells():
        tags = cell.get("metadata", {}).get("tags", [])
        if {"exercise", tag} <= set(tags):
            return cell
    return None


def _is_answer(source: str, name: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return name in made_by(source)
