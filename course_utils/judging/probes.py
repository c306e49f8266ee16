"""Probes: causes that no exercise has to declare, each tried against all of the evidence.

A probe compares what was seen with transformations of what is right (`probes_of_results`) or with
what the right answer gives on changed inputs (`probes_of_inputs`). Its words state a fact about
the result; the cause they suggest is one that produces exactly this fact.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np

from course_utils.judging import layout
from course_utils.judging.evidence import Column, Evidence, Finding
from course_utils.judging.layout import all_arrays, explained, join_words, same_shapes
from course_utils.judging.observation import close, freeze, numbers, rank, same

Array = np.ndarray


def first_findings(column: Column, evidence: Evidence) -> list[Finding]:
    """What explains a part of the result, from the first group of probes that explains it at all.

    Several findings of one group explain it equally well.
    """
    for group in GROUPS:
        if findings := _distinct(group(column, evidence)):
            return findings
    return []


def _distinct(findings: Iterator[Finding]) -> list[Finding]:
    return list({finding.id: finding for finding in findings}.values())


# The whole result ---------------------------------------------------------------------------------


def nothing(column: Column, evidence: Evidence) -> Iterator[Finding]:
    """Nothing came back, or the same whatever went in."""
    if all(value is None for value in column.observed) and column.expected[0] is not None:
        if column.name:
            words = "It is `None`: the name was given to something that hands nothing over."
            yield Finding("part-missing", words)
            return
        does = "prints something and returns" if evidence.printed else "returns"
        words = f"Your code {does} nothing (`None`). End it with `return` and the result."
        yield Finding("returns-nothing", words)


def inputs_returned(column: Column, evidence: Evidence) -> Iterator[Finding]:
    """An argument came back as it was."""
    for i, name in evidence.named_arguments:
        if all(len(case) > i for case in evidence.cases):
            predicted = [freeze(case[i]) for case in evidence.cases]
            if column.explained_by(predicted):
                words = f"Your result is `{name}` itself, unchanged."
                yield Finding(f"returns-{name}", words)


def straight_lines(column: Column, evidence: Evidence) -> Iterator[Finding]:
    """Every number is one of an argument, times and plus the same two numbers in all cases."""
    pairs = same_shapes(column)
    for i, name in evidence.named_arguments:
        arrays = [numbers(freeze(case[i])) if len(case) > i else None for case in evidence.cases]
        inputs = [array for array in arrays if array is not None and array.dtype.kind in "iuf"]
        if not pairs or len(inputs) < len(pairs):
            continue
        if any(x.shape != got.shape for x, (_, got) in zip(inputs, pairs, strict=True)):
            continue
        if any(np.iscomplexobj(got) for _, got in pairs):
            continue
        x = np.concatenate([array.ravel().astype(float) for array in inputs])
        y = np.concatenate([got.ravel().astype(float) for _, got in pairs])
        if len(x) < MOST_CHANCE or np.ptp(x) == 0 or not np.isfinite(y).all():
            continue
        factor = np.dot(x - x.mean(), y - y.mean()) / np.dot(x - x.mean(), x - x.mean())
        offset = y.mean() - factor * x.mean()
        if abs(factor) > 1e-9 and close(factor * x + offset, y, column.tolerance).all():
            sign, more = ("+", offset) if offset >= 0 else ("−", -offset)
            words = f"Your result is {factor:.4g} · `{name}` {sign} {more:.4g} in every case: two "
            words += "numbers that are the same for all of them. Should they depend on the case?"
            yield Finding(f"straight-line-of-{name}", words)


def not_numbers(column: Column, evidence: Evidence) -> Iterator[Finding]:
    """`nan` exactly where an argument is 0, and all else right."""
    pairs = same_shapes(column)
    wrong = [(~close(want, got, column.exact), got) for want, got in pairs]
    if not pairs or not any(off.any() for off, _ in wrong):
        return
    if any(got.dtype.kind != "f" or not np.isnan(got[off]).all() for off, got in wrong):
        return
    for i, name in evidence.named_arguments:
        arrays = [numbers(freeze(case[i])) if len(case) > i else None for case in evidence.cases]
        inputs = [array for array in arrays if array is not None]
        if len(inputs) == len(wrong) and all(
            x.shape == off.shape and np.array_equal(x == 0, off)
            for x, (off, _) in zip(inputs, wrong, strict=True)
        ):
            words = f"Your result is `nan` (not a number) exactly where `{name}` is 0, and right "
            yield Finding("nan-at-zero", words + "elsewhere: 0/0 has no value.")


def zeros(column: Column, _evidence: Evidence) -> Iterator[Finding]:
    """Nothing but zeros, in every case."""
    pairs = all_arrays(column)
    is_zero = [got.size > 1 and not got.any() and wanted.any() for wanted, got in pairs]
    if pairs and all(is_zero):
        words = "Your result is all zeros. Is it filled anywhere, or multiplied by 0?"
        yield Finding("all-zeros", words)


def constants(column: Column, evidence: Evidence) -> Iterator[Finding]:
    """The same result in every case, though other ones are expected."""
    first = column.observed[0]
    if len(column.observed) < 2 or numbers(first) is None:
        return
    if rank(first) != rank(column.expected[0]):
        return
    if all(same(first, other, column.tolerance) for other in column.observed[1:]):
        words = (
            "Your result is the same in every case, whatever is passed in. Does your code use all "
            "of its arguments?"
        )
        yield Finding("constant", words)


def exchanged_parts(evidence: Evidence) -> Finding | None:
    """The right parts in another order."""
    columns = evidence.columns
    if not 2 <= len(columns) <= 5:
        return None
    for order in itertools.permutations(range(len(columns))):
        predicted = [tuple(whole[i] for i in order) for whole in evidence.expected]
        if evidence.explains(predicted):
            moved = [columns[i].name for i in range(len(order)) if order[i] != i]
            words = f"The results are right, but in another order: exchange {join_words(moved)}."
            return Finding("parts-exchanged", words)
    return None


# Factors and offsets ------------------------------------------------------------------------------

FACTORS = {
    -1.0: ("sign", "Your result has the right size and the wrong sign."),
    2.0: ("factor-2", "Your result is twice the right one."),
    0.5: ("factor-half", "Your result is half of the right one."),
    -2.0: ("factor-minus-2", "Your result is twice the right one, with the wrong sign."),
    -0.5: ("factor-minus-half", "Your result is half of the right one, with the wrong sign."),
    100.0: ("percent", "Your result is 100 times the right one: a percentage where a share is "
                       "wanted."),
    0.01: ("share", "Your result is a hundredth of the right one: a share where a percentage is "
                    "wanted."),
    255.0: ("factor-255", "Your result is 255 times the right one: was it to be divided by 255?"),
    1 / 255: ("factor-1-255", "Your result is the right one divided by 255."),
}  # fmt: skip


POWERS = (-4, -3, -2, -1, 1, 2, 3, 4)  # of ten, by which a value's decimal point may be off


def scales(column: Column, evidence: Evidence) -> Iterator[Finding]:
    """A constant factor or offset, or one that a size of the case gives."""
    pairs = same_shapes(column)
    if not pairs or column.is_right:
        return
    factors = [_ratio(wanted, got, column.tolerance) for wanted, got in pairs]
    near = max(1e-4, 2 * column.tolerance)
    if all(factor is not None for factor in factors):
        yield from _factor_findings([float(f) for f in factors if f is not None], evidence, near)
    shifts = [_shift(wanted, got, column.tolerance) for wanted, got in pairs]
    if all(shift is not None for shift in shifts):
        yield from _shift_findings([float(s) for s in shifts if s is not None], evidence)


def _ratio(wanted: Array, got: Array, tolerance: float) -> float | None:
    """The one factor between two arrays, 1 where both are 0; None where there is none."""
    largest = np.abs(wanted).argmax()
    base = wanted.ravel()[largest]
    if not np.isfinite(wanted).all() or not np.isfinite(got).all():
        return None
    if base == 0:
        return 1.0 if not got.any() else None
    factor = got.ravel()[largest] / base
    if abs(factor) < 1e-12 or np.iscomplexobj(factor):
        return None
    return factor if close(wanted * float(factor), got.astype(float), tolerance).all() else None


def _shift(wanted: Array, got: Array, tolerance: float) -> float | None:
    """The one number added to an array; None where there is none."""
    if wanted.dtype.kind in "bc" or got.dtype.kind in "bc":
        return None
    differences = got.astype(float) - wanted.astype(float)
    if not np.isfinite(differences).all():
        return None
    shift = float(differences.ravel()[0])
    return shift if np.abs(differences - shift).max() <= 2 * tolerance else None


def _factor_findings(factors: list[float], evidence: Evidence, near: float) -> Iterator[Finding]:
    if np.allclose(factors, factors[0], rtol=near):
        if words := _decimal_point(factors[0], evidence, near):
            yield Finding("decimal-point", words)
            return
        for value, (name, words) in FACTORS.items():
            if np.isclose(factors[0], value, rtol=near):
                yield Finding(name, words)
                return
        if not evidence.exercise.is_value and len(factors) > 1 and _neat(factors[0]):
            words = f"Your result is {_number(factors[0])} times the right one, in every case."
            yield Finding("factor", words)
            return
    if evidence.exercise.is_value:
        return
    for words, values in _sizes(evidence):
        if len(set(values)) < 2 or not all(values):
            continue
        for sign, signed in ((1, ""), (-1, ", and its sign is wrong")):
            if np.allclose(factors, [sign * v for v in values], rtol=1e-3):
                fact = f"Your result is {words} times the right one{signed}: divide by {words}?"
                yield Finding("factor-size", fact)
                return
            if np.allclose(factors, [sign / v for v in values], rtol=1e-3):
                fact = f"Your result is the right one divided by {words}{signed}."
                yield Finding("divided-by-size", fact)
                return
    yield from _constant_for_size(factors, evidence)


def _constant_for_size(factors: list[float], evidence: Evidence) -> Iterator[Finding]:
    """A number of the student's own stands where a size of the case belongs, in a quotient."""
    if min(factors) <= 0:
        return
    for words, values in _sizes(evidence):
        if len(set(values)) < FEWEST_SIZES or min(values) <= 0:
            continue
        for constants in (np.array(values) / factors, np.array(values) * factors):
            number = _number(float(constants[0]))
            if np.allclose(constants, constants[0], rtol=1e-3):
                fact = f"Your results would be right if {words} were always {number}: is {number} "
                yield Finding("constant-for-size", f"{fact}written in? Take it from the shape.")
                return


def _decimal_point(factor: float, evidence: Evidence, near: float) -> str:
    """Of a value that is no share: the right digits, a power of ten too large or too small."""
    if not evidence.exercise.is_value or factor <= 0:
        return ""
    right = numbers(evidence.expected[0])
    power = min(POWERS, key=lambda k: abs(math.log10(factor) - k))
    is_share = right is not None and np.abs(right).max() <= (1 if power > 0 else 100)
    if (abs(power) == 2 and is_share) or not np.isclose(factor, 10.0**power, rtol=near):
        return ""
    size = "large" if power > 0 else "small"
    return (
        f"The digits are right, but the number is {10 ** abs(power):,} times too {size}: look at "
        "the decimal point, and count the factors of ten."
    )


def _shift_findings(shifts: list[float], evidence: Evidence) -> Iterator[Finding]:
    if np.allclose(shifts, shifts[0], atol=1e-6) and abs(abs(shifts[0]) - 1) < 1e-6:
        if evidence.exercise.is_value:
            yield Finding("off-by-one", "Your number is off by one.")
        else:
            more = "more" if shifts[0] > 0 else "less"
            yield Finding("off-by-one", f"Your result is one {more} than the right one everywhere.")
        return
    if evidence.exercise.is_value or len(set(np.round(shifts, 6))) < 2:
        return
    for words, values in _sizes(evidence):
        for sign, verb in ((1, "too large"), (-1, "too small")):
            if len(set(values)) > 1 and np.allclose(shifts, [sign * v for v in values], atol=1e-5):
                yield Finding("off-by-size", f"Your result is {verb} by {words}.")
                return


def _neat(factor: float) -> bool:
    """Whether a factor, or one divided by it, is a whole number up to 1,024 or a tenth of one."""
    inverse = 1 / abs(factor)
    return any(abs(x - round(x, 1)) < 1e-3 * x and x < 1025 for x in (abs(factor), inverse))


def _sizes(evidence: Evidence) -> Iterator[tuple[str, list[float]]]:
    """Numbers that belong to a case: scalar arguments and the sizes of the others, by name."""
    for i, name in evidence.named_arguments:
        if not all(len(case) > i for case in evidence.cases):
            continue
        values = [freeze(case[i]) for case in evidence.cases]
        arrays = [numbers(value) for value in values]
        if any(array is None for array in arrays):
            continue
        shapes = [array.shape for array in arrays if array is not None]
        if all(shape == () for shape in shapes):
            yield f"`{name}`", [float(np.real(a)) for a in arrays if a is not None]
            continue
        yield f"the {_count(name)} numbers", [float(np.prod(shape)) for shape in shapes]
        for axis in range(min(len(shape) for shape in shapes)):
            yield f"`{name}.shape[{axis}]`", [float(shape[axis]) for shape in shapes]
            rest = [float(np.prod(shape[axis:])) for shape in shapes]
            if axis and axis < min(len(shape) for shape in shapes) - 1:
                yield f"the size of `{name}` from axis {axis} on", rest


def _count(name: str) -> str:
    return f"number of `{name}`'s"


# Functions of the right numbers -------------------------------------------------------------------


def _rounded(how: Callable) -> Callable[[Array], Array]:
    return lambda x: how(x.astype(float))


FUNCTIONS: list[tuple[str, str, Callable[[Array], Array]]] = [
    ("square", "Your result is the square of the right one: is a root missing?", lambda x: x**2),
    ("root", "Your result is the root of the right one: a root too many, or a square missing?",
     np.sqrt),
    ("reciprocal", "Your result is one divided by the right one.", lambda x: 1 / x),
    ("magnitude", "Your result has the right sizes, but every sign is lost.", np.abs),
    ("complement", "Your result is one minus the right one.", lambda x: 1 - x),
    ("logarithm", "Your result is the logarithm of the right one.", np.log),
    ("exponential", "Your result is e to the power of the right one.", np.exp),
    ("rounded-down", "Your result is the right one, rounded down.", _rounded(np.floor)),
    ("rounded-up", "Your result is the right one, rounded up.", _rounded(np.ceil)),
    ("rounded", "Your result is the right one, rounded to a whole number.", _rounded(np.round)),
    ("clipped-below", "Your result is the right one with everything below 0 set to 0.",
     lambda x: np.maximum(x, 0)),
    ("clipped", "Your result is the right one, cut off below 0 and above 1.",
     lambda x: np.clip(x, 0, 1)),
    ("as-bytes", "Your result is the right one after an overflow: whole numbers of 8 bits go up "
     "to 255 and begin again at 0.", lambda x: np.floor(x) % 256),
]  # fmt: skip
FOR_ONE_NUMBER = {"reciprocal", "complement", "rounded-down", "rounded-up"}


def functions(column: Column, evidence: Evidence) -> Iterator[Finding]:
    """A function of every right number by itself."""
    pairs = same_shapes(column)
    if not pairs or any(wanted.dtype.kind == "c" for wanted, _ in pairs):
        return
    for name, words, function in FUNCTIONS:
        if evidence.exercise.is_value and name not in FOR_ONE_NUMBER:
            continue
        with np.errstate(all="ignore"):
            predicted = [function(wanted.astype(float)) for wanted, _ in pairs]
        if any((np.abs(p) < column.tolerance).all() for p in predicted):
            continue  # 1/5087 cannot be told from 0
        if explained(column, predicted):
            yield Finding(name, words)


# Words --------------------------------------------------------------------------------------------


def _number(value: float) -> str:
    if value < 0:
        return f"−{_number(-value)}"
    inverse = 1 / value
    if abs(value) < 1 and abs(inverse - round(inverse)) < 1e-3 * abs(inverse):
        return f"1/{round(inverse)}"
    return f"{value:.4g}"


FEWEST_SIZES = 3  # that one number has to fit, or it may be chance
MOST_CHANCE = 8  # numbers, at least, that lie on a line by more than chance
GROUPS = (nothing, not_numbers, zeros, inputs_returned, scales, functions, *layout.GROUPS,
          straight_lines, constants)  # fmt: skip
