"""Whether an observation is right, and if only its type is wrong, which type was expected.

A number is right in every type in which the mathematics is the same: int, whole float, 0-d tensor,
NumPy number. A tensor that is expected has to be a tensor of the right dtype.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from course_utils.judging.observation import Other, Stopped, close, numbers, same

SCALAR = (bool, int, float, complex)


class Difference(NamedTuple):
    """`type_only`: the numbers are right, or there are none to compare; `words` say what is off."""

    type_only: bool
    words: str


def unwrap(value: object) -> object:
    """The Python number in a 0-d tensor or array; anything else as it is."""
    if isinstance(value, torch.Tensor | np.ndarray) and value.ndim == 0:
        return value.item()
    return value


def align(expected: object, observed: object) -> object:
    """Bring an observation into the form of what is expected, as far as its numbers allow.

    Where a number is expected, so is the number in an array of one element or in a text; where
    several are expected, so is a one-dimensional array of as many, and as many in brackets within
    brackets. What does not fit stays as it is. Used to compare numbers before types.
    """
    if isinstance(expected, SCALAR):
        return _align_number(observed)
    if isinstance(expected, list | tuple):
        observed = _unnested(expected, observed) or observed
        if isinstance(observed, torch.Tensor | np.ndarray) and observed.ndim >= 1:
            observed = observed.tolist() if observed.ndim == 1 else list(observed)
        if isinstance(observed, list | tuple) and len(observed) == len(expected):
            return tuple(align(e, o) for e, o in zip(expected, observed, strict=True))
    return observed


def _unnested(expected: list | tuple, observed: object) -> list | None:
    """The numbers of lists within lists in one row, where as many numbers are expected."""
    if isinstance(observed, torch.Tensor | np.ndarray):
        if observed.ndim < 2 or math.prod(observed.shape) != len(expected):
            return None
    elif not isinstance(observed, list | tuple):
        return None
    if len(observed) == len(expected) or not all(isinstance(e, SCALAR) for e in expected):
        return None
    row = list(_in_a_row(observed))
    return row if len(row) == len(expected) else None


def _in_a_row(value: object) -> Iterator[object]:
    if isinstance(value, torch.Tensor | np.ndarray) and value.ndim:
        value = value.tolist()
    if isinstance(value, list | tuple):
        for part in value:
            yield from _in_a_row(part)
    else:
        yield value


def _align_number(observed: object) -> object:
    observed = unwrap(observed)
    array = None if isinstance(observed, SCALAR) else numbers(observed)
    if array is not None and array.size == 1:
        return array.item()
    if isinstance(observed, str):
        try:
            return float(observed.replace(",", ""))
        except ValueError:
            return observed
    return observed


def difference(
    expected: object, observed: object, tolerance: float = 1e-5, by_value: bool = False
) -> Difference | None:
    """None when `observed` is right.

    Parameters
    ----------
    expected, observed : observations
    tolerance : largest difference of numbers, relative and absolute
    by_value : whatever holds the numbers is welcome, as where a grid is typed by hand
    """
    if isinstance(observed, Stopped):
        return Difference(False, "")
    if isinstance(observed, Other):
        return Difference(True, _expected(expected, observed))
    if isinstance(expected, SCALAR):
        return _number_difference(expected, observed, tolerance)
    if isinstance(expected, torch.Tensor):
        return _tensor_difference(expected, observed, tolerance, by_value)
    if isinstance(expected, str):
        return _text_difference(expected, observed)
    if isinstance(expected, list | tuple):
        row = _unnested(expected, observed)
        if row is not None and same(expected, row, tolerance):
            words = "The numbers are right, but some stand in brackets of their own: give all "
            return Difference(True, words + f"{len(expected)} in one row.")
        if row is not None or numbers(observed) is not None:
            observed = align(expected, observed)
    if isinstance(expected, list | tuple) and isinstance(observed, list | tuple):
        return _sequence_difference(expected, observed, tolerance, by_value)
    if same(expected, observed, tolerance):
        return None
    if type(expected) is type(observed):
        return Difference(False, "")
    return Difference(True, _expected(expected, observed))


def _number_difference(expected, observed, tolerance) -> Difference | None:
    number = unwrap(observed)
    if isinstance(number, SCALAR):
        if isinstance(expected, bool) != isinstance(number, bool):
            return Difference(True, _expected(expected, number))
        return None if same(expected, number, tolerance) else Difference(False, "")
    aligned = _align_number(observed)
    if isinstance(aligned, SCALAR):
        if not same(expected, aligned, tolerance):
            return Difference(False, "")
        words = f"The number is right, but it comes as {name_of(observed)}; give the number alone."
        return Difference(True, words)
    return Difference(True, _expected(expected, observed))


def _text_difference(expected: str, observed: object) -> Difference | None:
    if not isinstance(observed, str):
        return Difference(True, _expected(expected, observed))
    return None if same(expected, observed) else Difference(False, "")


def _sequence_difference(expected, observed, tolerance, by_value) -> Difference | None:
    if len(expected) != len(observed):
        words = f"{len(observed)} results came, and {len(expected)} are expected."
        return Difference(True, words)
    pairs = zip(expected, observed, strict=True)
    differences = [difference(e, o, tolerance, by_value) for e, o in pairs]
    wrong = [each for each in differences if each is not None]
    if not wrong:
        return None
    serious = [each for each in wrong if not each.type_only]
    return Difference(not serious, (serious or wrong)[0].words)


def _tensor_difference(expected, observed, tolerance, by_value) -> Difference | None:
    right = same(expected, observed, tolerance)
    array = numbers(observed)
    if by_value:
        if right or array is None:
            return None if right else Difference(True, _expected(expected, observed))
        observed = torch.as_tensor(array)
    if not isinstance(observed, torch.Tensor):
        if right:
            words = f"The numbers are right, but they come as {name_of(observed)}, not as a tensor."
            return Difference(True, words)
        if array is not None and array.shape == tuple(expected.shape):
            return Difference(False, "")
        return Difference(True, _expected(expected, observed))
    if observed.shape != expected.shape:
        words = f"The shape is {tuple(observed.shape)}; {tuple(expected.shape)} is expected."
        return Difference(True, words)
    if right and observed.dtype != expected.dtype:
        kinds = f"{dtype_of(observed)}; {dtype_of(expected)} is expected."
        return Difference(True, f"The numbers are right, but they are {kinds}")
    return None if right else Difference(False, count_differences(expected, observed, tolerance))


def count_differences(expected: object, observed: object, tolerance: float) -> str:
    """How many numbers of two arrays of one shape differ, and the first that does."""
    wanted, got = numbers(expected), numbers(observed)
    if wanted is None or got is None or wanted.shape != got.shape or wanted.ndim == 0:
        return ""
    off = ~close(wanted, got, tolerance)
    if not off.any():
        return ""
    first = tuple(int(i) for i in np.argwhere(off)[0])
    return (
        f"{off.sum()} of {off.size} numbers differ, first at index {list(first)}: "
        f"yours {got[first]:.6g}, expected {wanted[first]:.6g}."
    )


def _expected(expected, observed) -> str:
    return f"This is {name_of(observed)}; {name_of(expected)} is expected."


def dtype_of(tensor: torch.Tensor) -> str:
    """A tensor's dtype without "torch."; its shape is free."""
    return str(tensor.dtype).removeprefix("torch.")


_FUNCTIONS = {"function", "method", "builtin_function_or_method"}
_NAMES = {
    bool: "True or False",
    int: "a whole number (int)",
    float: "a number (float)",
    complex: "a complex number",
    str: "a text (str)",
    list: "a list",
    tuple: "a tuple",
    dict: "a dictionary",
    type(None): "None",
    np.ndarray: "a NumPy array",
}


def name_of(value: object) -> str:
    """An observation's type in words, with its article."""
    if isinstance(value, torch.Tensor):
        kind = "a tensor of truth values" if value.dtype == torch.bool else "a tensor"
        return f"{kind} of shape {tuple(value.shape)}"
    if isinstance(value, Other):
        if value.type_name == "...":
            return "an unfinished answer (it still holds ...)"
        if value.type_name in _FUNCTIONS:
            return "a function that was not called (its parentheses are missing)"
        article = "an" if value.type_name[:1].lower() in "aeiou" else "a"
        return f"{article} {value.type_name}"
    return _NAMES[type(value)]
