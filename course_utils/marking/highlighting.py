"""Which cells formgrader can show as code, and how it is to show the others.

formgrader highlights code in its own process, without a limit, and Pygments takes the square of
some texts' length: hours for a long one. So each cell is highlighted once in the jail, where there
is a limit, and one that takes long is shown by its first lines. Which texts these are nobody has to
know.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ipython_pygments_lexers import IPython3Lexer
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.python import PythonLexer

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from course_utils.marking.notebook_reader import Cell

# nbconvert takes the first for a workbook, and the second once JupyterLab has saved it
LEXERS = (PythonLexer(), IPython3Lexer())
CELL_SECONDS = 0.5  # of the processor, for one cell
MAX_SECONDS = 2.0  # for all that a student has written: the longest workbook takes 0.2
LEAST_SECONDS = 0.01  # a timer of 0 s would never ring
# Tags and escaped characters in all cells, as nbconvert parses the page that it has made, which
# takes 0.1 ms for each: the longest workbook has 12,000.
MAX_MARKUP = 40_000
EXCERPT = "This cell is too long to be shown, or too slow to highlight. It begins:"
MAX_LINES, MAX_CHARACTERS = 10, 500  # of an excerpt
SLOW = "slow_to_highlight"  # in a cell's metadata
# `%%R` and others: what follows, nbconvert colours in that language. After these it is Python's.
MAGIC = re.compile(r"\s*%%(?!(?:capture|prun|time|timeit)\b)")


class TooSlowError(BaseException):
    """The processor's time is over; no `except Exception` of a lexer's stops it."""


def as_comment(source: str) -> str:
    """Return text as Python's comments."""
    return "\n".join(f"# {line}".rstrip() for line in source.splitlines())


def is_python(cell: Cell | NotebookNode) -> bool:
    """Tell whether a cell is coloured as Python; others are shown as comments."""
    return cell.cell_type == "code" and not MAGIC.match(cell.source)


def as_excerpt(source: str) -> str:
    """Return the first lines of a cell as comments."""
    lines = source[:MAX_CHARACTERS].splitlines()[:MAX_LINES]
    return as_comment("\n".join([EXCERPT, *lines, "…"]))


def quick_cells(cells: Sequence[Cell], lesson: Iterable[Cell]) -> list[int]:
    """Return the positions of the cells that can be highlighted as long as time is left.

    A cell that is as the lesson has it costs nothing where it stands first.
    """
    given = {(cell.cell_type, cell.source) for cell in lesson}
    seconds, markup = MAX_SECONDS, MAX_MARKUP
    quick = []
    for i, cell in enumerate(cells):
        if (cell.cell_type, cell.source) in given:
            given.remove((cell.cell_type, cell.source))
            quick.append(i)
            continue
        text = cell.source if is_python(cell) else as_comment(cell.source)
        start = time.process_time()
        pieces = _markup(text, min(seconds, CELL_SECONDS))
        seconds -= time.process_time() - start
        if pieces is not None and pieces <= markup:
            markup -= pieces
            quick.append(i)
    return quick


def _markup(text: str, seconds: float) -> int | None:
    """Count the tags and escaped characters of highlighted text; None where it takes longer."""
    if seconds < LEAST_SECONDS:
        return None
    try:
        with _processor_limit(seconds):
            pages = [highlight(text or " ", lexer, HtmlFormatter()) for lexer in LEXERS]
    except (TooSlowError, Exception):  # an error would be formgrader's, too
        return None
    return max(page.count("<") + page.count("&") for page in pages)


@contextmanager
def _processor_limit(seconds: float) -> Iterator[None]:
    """Raise TooSlowError once the processor's time is over; Python's regular expressions let it."""
    previous = signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def _stop(number: int, frame: object) -> None:
    raise TooSlowError
