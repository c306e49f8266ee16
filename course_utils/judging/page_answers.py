"""How pages ask for answers that no digest of numbers decides: by computing, or from a list."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Computation:
    """Pages judge the numbers as the exercise's predicates do, by the same computation.

    Attributes
    ----------
    script : name of a function of `publishing/forms/computations.mjs`: (data, numbers) → the id of
        the mistake that is made; "" if the answer is right
    data : makes what that function reads, as plain data
    """

    script: str
    data: Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Catalogue:
    """Pages show a table and let choose one of its rows for each part of the answer.

    Attributes
    ----------
    note : what the rows are, in Markdown's backticks and plain text
    head : titles of the columns behind the first, which numbers the rows
    rows : texts of a row's columns, and the value that it stands for
    """

    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], object], ...]

    def lettered(self) -> dict[str, tuple[tuple[str, ...], object]]:
        """Return the rows by the letters that they are chosen by."""
        return dict(zip(string.ascii_uppercase, self.rows, strict=False))
