"""Where an answer is right and where it is wrong: what the failing cases or numbers have in common.

These are observations, not causes; they are true whatever the cause is.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import numpy as np

from course_utils.judging.evidence import Column, Evidence
from course_utils.judging.observation import Stopped, close, freeze, numbers, rank

MOST_ENTRIES = 3  # more places in one sentence are not read
FEWEST_CASES = 2  # right as well as wrong: what a single case shares with no other is a coincidence


def facts(evidence: Evidence) -> list[str]:
    """Which parts, cases and numbers are wrong, in sentences; some of them may be empty."""
    first, columns = evidence.first_wrong, evidence.columns
    facts = [failing_cases(evidence)]
    if len(columns) > 1 and (evidence.exercise.parts or rank(columns[0].expected[0]) == 0):
        right = [column.name for column in columns if column.is_right]
        wrong = [column.name for column in columns if not column.is_right]
        lead = f"Right: {', '.join(right)}; wrong: {', '.join(wrong)}." if right else ""
        facts.insert(0, lead or "No part of the result is right yet.")
    else:
        shown = evidence.difference(evidence.expected[first], evidence.aligned[first])
        if shown is not None and (shown.type_only or not evidence.exercise.is_value):
            facts += [shown.words, fixed_size(columns[0])]
        elif evidence.exercise.is_value:
            reach = evidence.near, evidence.exercise.tolerance
            whole = Column("", evidence.aligned, evidence.expected, *reach)
            facts.append(wrong_entries(whole))
    if evidence.exercise.is_value:  # no "too large": step by step it would give the number away
        return facts
    wrong_columns = [column for column in columns if not column.is_right]
    return [*facts, wrong_numbers(wrong_columns[0], evidence)]


def failing_cases(evidence: Evidence) -> str:
    """What all failing cases share and no passing one has, in a sentence; empty if nothing.

    A single case has many properties that no other has, and two properties may part the cases
    alike: neither is a lead, and only the count is told. An argument that is left at its default,
    or is not, is one with a single case too.
    """
    good = sum(evidence.correct)
    bad = len(evidence.correct) - good
    if not good or not bad:
        return ""
    others = _features(evidence) if min(good, bad) >= FEWEST_CASES else []
    for features in [_default_features(evidence), *others]:
        leads: dict[str, str] = {}
        for name, words_right, words_wrong, flags in features:
            if told := _lead(evidence, words_right, words_wrong, flags):
                leads.setdefault(name, told)
        if len(leads) == 1:
            return leads.popitem()[1]
        if leads:
            break
    return f"It is right in {good} of {good + bad} cases."


def _lead(evidence: Evidence, words_right: str, words_wrong: str, flags: list[bool]) -> str:
    """The sentence of a feature that parts right cases from wrong ones; empty if it does not."""
    if flags == [not is_right for is_right in evidence.correct]:
        return f"It is right where {words_right}, and wrong where {words_wrong}."
    if flags == evidence.correct:
        return f"It is wrong where {words_right}, and right where {words_wrong}."
    return ""


# property, words where it is false, words where it is true, one flag a case
Feature = tuple[str, str, str, list[bool]]


def _default_features(evidence: Evidence) -> Iterator[Feature]:
    """Whether arguments are given, and whether one has the value that it has by default."""
    left_out: dict[tuple[bool, ...], list[str]] = {}
    for i, name in evidence.named_arguments:
        flags = tuple(len(case) <= i for case in evidence.cases)
        if any(flags):
            left_out.setdefault(flags, []).append(f"`{name}`")
    wrong = tuple(not is_right for is_right in evidence.correct)  # a default may be another
    for flags, names in left_out.items():
        if flags != wrong and not evidence.exercise.argument_names:
            continue  # its value tells more
        given, left = ("are given", "they are") if len(names) > 1 else ("is given", "it is")
        given = f"{' and '.join(names)} {given}"
        yield given, given, f"{left} left at the default", [*flags]
    for name, values, default in _arguments(evidence):
        flags = tuple(value != default for value in values)
        by_default = tuple(not flag for flag in flags)
        if isinstance(default, int | float) and not (by_default == wrong and wrong in left_out):
            yield name, f"`{name}` is {default:g}", "it is not", [*flags]


def _features(evidence: Evidence) -> Iterator[list[Feature]]:
    """Properties of numbers, those with a default first, and then of arrays."""
    arguments = list(_arguments(evidence))
    for has_default in (True, False):
        yield [
            feature
            for name, values, default in arguments
            if all(isinstance(value, int | float | bool) for value in values)
            if (default is not None) == has_default
            for feature in _scalar_features(name, values, default)
        ]
    of_arrays: list[Feature] = []
    for name, values, _ in arguments:
        arrays = [numbers(value) for value in values]
        if all(array is not None and array.ndim for array in arrays):
            of_arrays += _array_features(name, [a for a in arrays if a is not None])
    yield of_arrays


def _arguments(evidence: Evidence) -> Iterator[tuple[str, list, object]]:
    defaults: dict[str, object] = {}
    if not inspect.isclass(evidence.exercise.model) and not evidence.exercise.argument_names:
        parameters = inspect.signature(evidence.exercise.model).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    for i, name in evidence.named_arguments:
        if all(len(case) > i or name in defaults for case in evidence.cases):
            values = [
                freeze(case[i]) if len(case) > i else defaults[name] for case in evidence.cases
            ]
            yield name, values, defaults.get(name)


def _scalar_features(name: str, values: list, default: object) -> Iterator[Feature]:
    base = default if default is not None else min(values)
    if isinstance(base, int | float):
        yield name, f"`{name}` is {base:g}", "it is not", [value != base for value in values]
    for limit in sorted(set(values))[1:]:
        flags = [value >= limit for value in values]
        yield name, f"`{name}` is below {limit:g}", f"it is {limit:g} or more", flags
    if all(isinstance(value, int) for value in values):
        yield name, f"`{name}` is even", "it is odd", [bool(value % 2) for value in values]


def _array_features(name: str, arrays: list[np.ndarray]) -> Iterator[Feature]:
    """Features of arrays; each is a property of its own, and sizes of an axis are one together."""
    real = [array for array in arrays if array.dtype.kind in "biuf"]
    if all(array.ndim >= 2 for array in arrays):
        flags = [array.shape[-1] != array.shape[-2] for array in arrays]
        yield f"{name} square", f"`{name}` is square", "it is not", flags
        flags = [array.shape[-1] > array.shape[-2] for array in arrays]
        yield f"{name} wide", f"`{name}` is not wider than high", "it is wider", flags
    if len(real) == len(arrays):
        zeros, negative = ([bool(test.any()) for test in tests] for tests in
                           ([a == 0 for a in real], [a < 0 for a in real]))  # fmt: skip
        yield f"{name} zeros", f"`{name}` has no 0 in it", "it has one", zeros
        yield f"{name} signs", f"`{name}` has no negative number", "it has some", negative
        equal = [len(np.unique(a)) < a.size for a in real]
        yield f"{name} equal", f"all numbers of `{name}` differ", "some are equal", equal
    for axis in range(min(array.ndim for array in arrays)):
        sizes = [array.shape[axis] for array in arrays]
        what = f"{name} axis {axis}"
        for size in sorted(set(sizes)):
            words = f"`{name}.shape[{axis}]` is {size}"
            yield what, words, "it is not", [n != size for n in sizes]
        if axis == 0:
            words = f"`{name}` has one entry along its first axis"
            yield what, words, "it has several", [n > 1 for n in sizes]
    sizes = [array.size for array in arrays]
    for limit in sorted(set(sizes))[1:]:
        flags = [size >= limit for size in sizes]
        words = f"`{name}` has fewer than {limit} numbers"
        yield f"{name} size", words, "it has as many or more", flags


def wrong_entries(column: Column) -> str:
    """Which entries of a value that is a table are wrong, without telling what is right."""
    wanted, got = numbers(column.expected[0]), numbers(column.observed[0])
    if wanted is None or got is None or wanted.shape != got.shape or wanted.ndim == 0:
        return ""
    off = ~close(wanted, got, column.exact)
    words = f"{off.size - off.sum()} of {off.size} numbers are right"
    if not 0 < off.sum() <= MOST_ENTRIES or off.ndim > 2:
        return f"{words}; the others are marked below."
    places = [
        f"row {index[0] + 1}, column {index[1] + 1}" if off.ndim == 2 else f"number {index[0] + 1}"
        for index in np.argwhere(off)
    ]
    return f"{words}; compute again: {'; '.join(places)}."


def wrong_numbers(column: Column, evidence: Evidence) -> str:
    """Where the wrong numbers of a part lie, in a sentence that holds in all failing cases."""
    masks: list[tuple[np.ndarray, np.ndarray, np.ndarray, int]] = []
    for i, (expected, observed) in enumerate(zip(column.expected, column.observed, strict=True)):
        wanted, got = numbers(expected), numbers(observed)
        if isinstance(observed, Stopped) or wanted is None or got is None:
            return ""
        if wanted.shape != got.shape:
            return ""
        off = ~close(wanted, got, column.exact)
        if off.any():
            masks.append((off, wanted, got, i))
    if not masks:
        return ""
    if all(wanted.ndim == 0 for _, wanted, *_ in masks):
        return _not_finite(masks) or _by_size(masks, "Every wrong result")
    return (
        _not_finite(masks) or _by_place(masks) or _by_argument(masks, evidence) or _by_value(masks)
    )


def _not_finite(masks: list) -> str:
    if not all(np.isnan(got[off]).any() for off, _, got, _ in masks if got.dtype.kind == "f"):
        return ""
    if any(got.dtype.kind != "f" for _, _, got, _ in masks):
        return ""
    count, size = int(np.isnan(masks[0][2]).sum()), masks[0][2].size
    some = "All numbers are" if count == size else f"{count} of {size} numbers are"
    return (
        f"{some} `nan` (not a number): that is what 0/0, the root or logarithm of a negative "
        "number, or a difference of two infinities gives."
    )


def _by_place(masks: list) -> str:
    ranks = {off.ndim for off, *_ in masks}
    if len(ranks) != 1:
        return ""
    rank = ranks.pop()
    for axis in range(rank):
        name = {rank - 2: "row", rank - 1: "column"}.get(axis, "") if rank >= 2 else "number"
        where = f"{name}" if name else f"entry along axis {axis}"
        for index, word in ((0, "first"), (-1, "last")):
            if all(off.shape[axis] > 1 and _only(off, axis, index) for off, *_ in masks):
                return f"Only the {word} {where} is wrong."
            if all(off.shape[axis] > 1 and _all_but(off, axis, index) for off, *_ in masks):
                return f"Only the {word} {where} is right; all others are wrong."
    if rank >= 2 and all(_on_border(off) for off, *_ in masks):
        return "Only numbers at the edge are wrong; inside, all are right."
    return ""


def _only(off: np.ndarray, axis: int, index: int) -> bool:
    rest = np.delete(off, index, axis)
    return bool(not rest.any() and off.any())


def _all_but(off: np.ndarray, axis: int, index: int) -> bool:
    others = np.delete(off, index, axis)
    spread = others.any(axis=tuple(a for a in range(off.ndim) if a != axis))
    return bool(not off.take(index, axis).any() and spread.all())


def _on_border(off: np.ndarray) -> bool:
    if min(off.shape[-2:]) < 3:
        return False
    return not off[..., 1:-1, 1:-1].any()


def _by_argument(masks: list, evidence: Evidence) -> str:
    tests = (("is exactly 0", lambda x: x == 0), ("is negative", lambda x: x < 0),
             ("is positive", lambda x: x > 0), ("is 0 or less", lambda x: x <= 0),
             ("is 0 or more", lambda x: x >= 0))  # fmt: skip
    if all(off.all() for off, *_ in masks):
        return ""  # what holds of every number tells none from another
    for i, name in evidence.named_arguments:
        arrays = [numbers(freeze(case[i])) if len(case) > i else None for case in evidence.cases]
        fits = [arrays[k] for *_, k in masks]
        if any(a is None or a.shape != m[0].shape or a.dtype.kind not in "iuf"
               for a, m in zip(fits, masks, strict=True)):  # fmt: skip
            continue
        for words, test in tests:
            flags = [test(array) for array in fits if array is not None]
            if all(np.array_equal(flag, m[0]) for flag, m in zip(flags, masks, strict=True)):
                return f"Wrong are exactly the numbers where `{name}` {words}."
    return ""


def _by_value(masks: list) -> str:
    if all((got[off] == 0).all() and not off.all() for off, _, got, _ in masks):
        off, _, _got, _ = masks[0]
        return f"The {int(off.sum())} wrong numbers are all 0 in yours: were they ever filled?"
    if all((got[off] == 0).all() for off, _, got, _ in masks):
        return "All numbers are 0 in yours."
    if all((wanted[off] == 0).all() and not off.all() for off, wanted, *_ in masks):
        return "Wrong are only numbers that should be 0."
    if all(got.dtype.kind in "if" and np.array_equal(np.abs(got), np.abs(wanted))
           for _, wanted, got, _ in masks):  # fmt: skip
        return "The sizes are right, but some signs are not."
    if all(got.dtype.kind in "iuf" and got.size > 1 and len(np.unique(got)) == 1
           for _, _, got, _ in masks):  # fmt: skip
        return "All numbers of your result are the same."
    return _by_size(masks, "Every wrong number")


def _by_size(masks: list, what: str) -> str:
    """Whether all that is wrong is too large, or too small."""
    if not all(
        wanted.dtype.kind in "iuf" and got.dtype.kind in "iuf" for _, wanted, got, _ in masks
    ):
        return ""
    if all((got[off] > wanted[off]).all() for off, wanted, got, _ in masks):
        return f"{what} is too large."
    if all((got[off] < wanted[off]).all() for off, wanted, got, _ in masks):
        return f"{what} is too small."
    return ""


def fixed_size(column: Column) -> str:
    """An axis of the result that has the same length in every case, though it should vary."""
    pairs = list(column.arrays())
    ranks = {array.ndim for pair in pairs for array in pair}
    if len(pairs) < len(column.expected) or len(pairs) < 2 or len(ranks) != 1:
        return ""
    for axis in range(ranks.pop()):
        wanted, got = (
            {array.shape[axis] for array in arrays} for arrays in zip(*pairs, strict=True)
        )
        if len(got) == 1 < len(wanted):
            size = got.pop()
            return f"Your result has {size} along axis {axis} in every case: is a size written in?"
    return ""
