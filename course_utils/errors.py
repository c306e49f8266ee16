"""What the user can put right: one line, exit code 2. Everything else is a traceback.

Only the standard library is needed here: start.py asks ``suggest`` before anything is installed.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable


class UserError(Exception):
    """Something that whoever typed the command can put right, in their words."""


def without_controls(words: str) -> str:
    """Replace what a terminal would obey; lines stay."""
    return "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in words
    )


def printable(words: str) -> str:
    """Replace what a terminal would obey, or its encoding does not have; lines stay."""
    encoding = sys.stdout.encoding or "utf-8"
    return without_controls(words).encode(encoding, "backslashreplace").decode(encoding)


def on_one_line(words: str) -> str:
    """Replace what `printable` replaces, and line ends, which would forge another line."""
    return printable(" ".join(words.split("\n")))


def suggest(word: str, choices: Iterable[str]) -> str:
    """Return "Did you mean lab?" for a misspelt word, "" where no choice is close to it.

    Examples
    --------
    >>> suggest("Labb", ["lab", "data"])
    'Did you mean lab?'
    >>> suggest("xyz", ["lab", "data"])
    ''
    """
    close = difflib.get_close_matches(word.lower(), list(choices), n=1)
    return f"Did you mean {close[0]}?" if close else ""
