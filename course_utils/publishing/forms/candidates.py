"""Numbers that an exercise may have something to say about, and what nobody lists."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from course_utils.judging import formula, probes
from course_utils.publishing.forms.cells import normal
from course_utils.publishing.forms.judged import Judged

DENSE = range(-60, 2049)  # whole numbers that are tried one by one where a predicate is known
SPARSE = range(-10, 41)  # … where one of several numbers is tried
MOST_NAMED = 1000  # entries of a table that a predicate reads
AROUND, BESIDE = 130, 3  # … and how far round the right number, and round a listed one
PLACES = (0.137, 0.291, 0.383, 0.521, 0.618, 0.733, 0.871)  # where a stretch is looked at
MULTIPLES = range(1, 41)


def of_part(judged: Judged, part: int) -> list[float]:
    """Numbers that may have a cause, where they stand in one of the boxes."""
    right = judged.right[part]
    values = [right, *(values[part] for values in judged.wholes()), *judged.right]
    values += formula_values(judged, part)
    values += [right * factor for factor in probes.FACTORS]
    values += [right * 10.0**power for power in probes.POWERS]
    values += [right + 1, right - 1, 1 - right, math.floor(right), math.ceil(right)]
    if right:
        values += [1 / right, *(float(f"{right:.{digits}g}") for digits in range(1, 7))]
    if len(judged.right) == 1:
        values += alone_known(judged)
    known = {normal(value): None for value in values if math.isfinite(value)}
    return list(known)


def alone_known(judged: Judged) -> list[float]:
    """Multiples of named numbers, as far as predicates tell them from their neighbours."""
    named = {judged.right[0], *judged.exercise.quantities.values()}
    named = named.union(*map(named_numbers, judged.predicates.values()))
    multiples = {normal(m * base) for m in MULTIPLES for base in named}
    return [
        value
        for value in sorted(multiples)
        if judged.predicate((value,)) != judged.predicate((value + 1,))
    ]


def formula_values(judged: Judged, part: int) -> list[float]:
    """What near misses of the right formula give."""
    exercise = judged.exercise
    if not exercise.formula:
        return []
    text, quantities = exercise.formula[part], tuple(exercise.quantities.items())
    values = [value for value, _ in formula.variants(text, quantities, 1)]
    return values + [
        value
        for value, words in formula.variants(text, quantities, 2)
        if all(map(formula.PLAIN.search, words.split(" and ")))
    ]


def roundings(value: float) -> list[float]:
    """A number as people may write it: whole, or with fewer digits."""
    return [value, *(float(f"{value:.{digits}g}") for digits in range(2, 7))]


def named_numbers(function: Any, depth: int = 2) -> set[float]:
    """The numbers that a function's code names: its constants, and those that it reads."""
    code = function.__code__
    used = [vars(inspect.getmodule(function)).get(name) for name in code.co_names]
    used += [cell.cell_contents for cell in function.__closure__ or ()]
    numbers = set().union(*map(_numbers_in, [*code.co_consts, *used]))
    for other in used:
        if depth and inspect.isfunction(other):
            numbers |= named_numbers(other, depth - 1)
    return numbers


def _numbers_in(value: object) -> set[float]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {value}
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple | set | frozenset) and len(value) <= MOST_NAMED:
        return set().union(*map(_numbers_in, value))
    return set()


def trials(judged: Judged, part: int) -> tuple[list[float], list[float]]:
    """Whole and other numbers at which a predicate may change its mind, sorted."""
    right, alone = judged.right[part], len(judged.right) == 1
    bases = {right, *(values[part] for values in judged.wholes())}
    reach = {base: AROUND if base == right and alone else BESIDE for base in bases}
    ints = {round(base) + step for base in bases for step in range(-reach[base], reach[base] + 1)}
    ints |= {sign * round(1.15**k) for k in range(1, 200) for sign in (1, -1)}
    ints |= set(DENSE if alone else SPARSE)
    reals = {n + 0.37 for n in ints if abs(n) < AROUND or abs(n - right) < AROUND}
    steps = range(-60, 60, 1 if alone else 10)
    reals |= {base + step / 100 + 0.0003 for base in bases for step in steps}
    reals |= {sign * 1.5**k + 1e-9 for k in range(-30, 60) for sign in (1, -1)}
    return sorted(ints), sorted(reals)


class Run(NamedTuple):
    """A stretch of the number line, ends included, of which one thing holds."""

    low: float
    high: float
    holds: object


def runs(trials: Sequence[float], holds: Callable[[float], object]) -> list[Run]:
    """Cut the number line where `holds` changes; where it changes too often, leave it out.

    Whole numbers are cut between neighbours, others to four digits.
    """
    cut: list[Run] = []
    for first, last in itertools.pairwise(trials):
        low, high = _edge(first, last, holds)
        for start, end in ((first, low), (high, last)):
            if _is_uniform(start, end, holds):
                run = Run(start, end, holds(start))
                if cut and cut[-1].holds == run.holds and _middle(cut[-1].high, start) is None:
                    run = run._replace(low=cut.pop().low)
                cut.append(run)
    return cut


def _middle(low: float, high: float) -> float | None:
    """A number between two, or None where they are neighbours."""
    if isinstance(low, int):
        return (low + high) // 2 if high - low > 1 else None
    return (low + high) / 2 if high - low > 1e-4 * (1 + abs(low)) else None


def _edge(low: float, high: float, holds: Callable[[float], object]) -> tuple[float, float]:
    """The neighbours between which `holds` changes; the higher end, where it does not."""
    at_low, at_high = holds(low), holds(high)
    if at_low == at_high:
        return high, high
    while (middle := _middle(low, high)) is not None:
        value = holds(middle)
        if value == at_low:
            low = middle
        elif value == at_high:
            high = middle
        else:
            break
    return low, high


def _is_uniform(low: float, high: float, holds: Callable[[float], object]) -> bool:
    """Whether the same holds at both ends and at places between."""
    value, whole = holds(low), isinstance(low, int)
    inside = [low + share * (high - low) for share in PLACES]
    return all(holds(int(x) if whole else x) == value for x in (*inside, high))
