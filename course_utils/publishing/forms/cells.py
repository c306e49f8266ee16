"""Sets of numbers as digests, so that a page can recognise a number and holds none.

The number line is cut into cells of width 2ᵏ, at every level k. A set of numbers is a few cells; a
page computes the digest of each cell that holds a number and looks whether it knows one. Whole
numbers have cells of their own: 12 may be right where 12.4 is not.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

DIGITS = 10  # of a digest: 40 bits, so that none of a page's look-ups is right by chance
SIGNIFICANT = 12  # digits of a number that count
FINENESS = 5  # an interval's ends are placed to within 2⁻⁵ of its width

Cell = tuple[str, int, int]  # "w" (whole) or "r" (real), level, place


def digest(*parts: object) -> str:
    """The digest of a text, as `answers.mjs` computes it."""
    text = "|".join(map(str, parts))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def normal(number: float) -> float | int:
    """A number in normal form: 12 significant digits, and whole where these are."""
    rounded = float(f"{float(number):.{SIGNIFICANT}g}")
    return int(rounded) if rounded.is_integer() else rounded


def whole(low: int, high: int) -> Iterator[Cell]:
    """The fewest cells that hold the whole numbers from `low` to `high`."""
    while low <= high:
        level = (low & -low).bit_length() - 1 if low else 62
        while low + (1 << level) - 1 > high:
            level -= 1
        yield "w", level, low >> level
        low += 1 << level


def real(low: float, high: float) -> Iterator[Cell]:
    """Cells that hold the numbers from `low` to `high` which are not whole."""
    unit = math.floor(math.log2(high - low)) - FINENESS
    scaled = [round(math.ldexp(end, -unit)) for end in (low, high)]
    for _, level, place in whole(scaled[0], scaled[1] - 1):
        yield "r", level + unit, place


def near(number: float, tolerance: float) -> Iterator[Cell]:
    """Cells of the numbers that equal a number to a tolerance, as `observation.close` has it."""
    number = normal(number)
    if isinstance(number, int):
        yield "w", 0, number
        return
    reach = tolerance * (1 + abs(number))
    yield from real(number - reach, number + reach)
    if abs(number - round(number)) <= tolerance:
        yield "w", 0, round(number)


def rounded(number: float, reach: float, tolerance: float) -> Iterator[Cell]:
    """Cells of the numbers that may be a number rounded: whole ones, only if they equal it."""
    reach += tolerance
    yield from real(number - reach, number + reach)
    yield from whole(math.ceil(number - tolerance), math.floor(number + tolerance))


@dataclass
class Lexicon:
    """What a page knows of numbers: digest of a cell → class of the numbers in it.

    The lower class has precedence; 0 is what is right.
    """

    salt: str
    classes: dict[str, int] = field(default_factory=dict)
    levels: dict[str, set[int]] = field(default_factory=lambda: {"w": set(), "r": set()})

    def add(self, entry: int, cells: Iterable[Cell], known_as: int) -> None:
        """Note the class of the numbers in some cells, where they are the answer's `entry`."""
        for kind, level, place in cells:
            key = digest(self.salt, entry, kind, level, place)
            self.levels[kind].add(level)
            self.classes[key] = min(known_as, self.classes.get(key, known_as))

    def as_plain(self) -> dict:
        """As plain data."""
        levels = {kind: sorted(levels) for kind, levels in self.levels.items()}
        return {"classes": self.classes, "levels": levels}
