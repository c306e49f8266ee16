"""What is seen of an answer, as plain data, and how two observations compare.

An observation is a tensor, a number, a string, a truth value, None, a `Stopped`, an `Other`, or a
tuple, list or dict of these. Nothing in it can run a student's code any more.
"""

import hashlib
import math
from dataclasses import dataclass

import numpy as np
import torch

from course_utils import _torchvision  # noqa: F401  (plain `import torchvision` must work)

NOT_COMPARED = "not compared while something else is wrong"  # observed of a part that depends
MOST_NUMBERS = 20_000_000  # more than any exercise gives


@dataclass(frozen=True)
class Stopped:
    """What is observed of an answer that did not return.

    `kind` is the exception's class name, "TimeLimit" or "MemoryLimit"; `line` is the student's own
    line of code where it happened, if there is one, and `values` tells the shapes of what is in it.
    """

    kind: str
    text: str = ""
    line: str = ""
    values: str = ""


@dataclass(frozen=True)
class Other:
    """Something that is no number, text or tensor: only its type's name is kept."""

    type_name: str


def is_not_compared(value: object) -> bool:
    """Whether a part was left out of the comparison; it may be anything, such as an array."""
    return isinstance(value, str) and value == NOT_COMPARED


def freeze(value: object, depth: int = 0) -> object:
    """Copy `value` into plain data of exact built-in types and plain CPU tensors."""
    if isinstance(value, torch.Tensor):
        with torch._C.DisableTorchFunctionSubclass():  # no override of a subclass has a say
            return _plain_tensor(value)
    if isinstance(value, np.ndarray | np.generic):
        plain = np.array(np.asarray(value))
        if plain.dtype.kind not in "biufc" or plain.size > MOST_NUMBERS:
            return Other(f"NumPy array of {plain.dtype}, shape {plain.shape}")
        if isinstance(value, np.generic):  # a long double's own `item` gives one
            return {"b": bool, "f": float, "c": complex}.get(plain.dtype.kind, int)(plain)
        return plain
    if type(value) is int and value.bit_length() > 1023:  # no float is as large
        return math.inf if value > 0 else -math.inf
    if value is None or type(value) in (bool, int, float, complex, str):
        return value
    if isinstance(value, tuple | list) and depth < 5 and len(value) <= 10_000:
        parts = [freeze(part, depth + 1) for part in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    if type(value) is dict and depth < 5 and all(type(key) is str for key in value):
        return {key: freeze(part, depth + 1) for key, part in value.items()}
    return Other("..." if value is ... else type(value).__name__)


def _plain_tensor(value: torch.Tensor) -> object:
    if value.device.type == "meta" or value.numel() > MOST_NUMBERS:
        return Other(f"tensor of shape {tuple(value.shape)} on {value.device.type}")
    plain = torch.Tensor.detach(value).as_subclass(torch.Tensor)
    if plain.layout != torch.strided:
        plain = plain.to_dense()
    return plain.cpu().clone()


def numbers(value: object) -> np.ndarray | None:
    """The numbers of an observation, whatever holds them; None if it is not an array of numbers.

    A tensor or array keeps its shape, a number has shape (), and n arrays of one shape are stacked
    along a new first axis.
    """
    if isinstance(value, torch.Tensor):
        wide = value.float() if value.dtype in (torch.bfloat16, torch.float16) else value
        return wide.resolve_conj().numpy()
    if isinstance(value, np.ndarray):
        return value
    if type(value) in (bool, int, float, complex):
        array = np.array(value)
        return array if array.dtype != object else None  # an int beyond 64 bits
    if isinstance(value, list | tuple):
        parts = [numbers(part) for part in value]
        arrays = [part for part in parts if part is not None]
        if arrays and len(arrays) == len(parts) and len({part.shape for part in arrays}) == 1:
            return np.stack(arrays)
    return None


def rank(value: object) -> int:
    """How many axes the numbers of an observation have; 0 also where it holds none."""
    array = numbers(value)
    return 0 if array is None else array.ndim


def close(a: np.ndarray, b: np.ndarray, tolerance: float) -> np.ndarray:
    """Where two arrays of one shape agree to `tolerance`: absolute, and relative unless whole."""
    kinds = a.dtype.kind + b.dtype.kind
    wide = np.complex128 if "c" in kinds else np.float64
    relative = tolerance if kinds.strip("biu") == kinds else 0.0
    with np.errstate(all="ignore"):  # as np.isclose, which takes several times as long
        a, b = a.astype(wide), b.astype(wide)
        size = np.abs(b)  # of a complex number inf, where its parts are not
        near = (np.abs(a - b) <= tolerance + relative * size) & np.isfinite(size)
        return near | (a == b) | (np.isnan(a) & np.isnan(b))


MARKS = " \n()."  # round a letter, as in "(c)"


def same(a: object, b: object, tolerance: float = 1e-5) -> bool:
    """Whether two observations mean the same: numbers by value, in whatever type they come."""
    if isinstance(a, Stopped) or isinstance(b, Stopped):
        return isinstance(a, Stopped) and isinstance(b, Stopped) and a.kind == b.kind
    if isinstance(a, str) and isinstance(b, str):
        return a.strip(MARKS).casefold() == b.strip(MARKS).casefold()
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key], tolerance) for key in a)
    x, y = numbers(a), numbers(b)
    if x is not None and y is not None:
        return x.shape == y.shape and bool(close(x, y, tolerance).all())
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(p, q, tolerance) for p, q in zip(a, b, strict=True))
    return type(a) is type(b) and a == b


def digest(observations: list) -> str:
    """A short fingerprint by which two tries that do the same are one."""
    marks = hashlib.sha1()
    for value in observations:
        array = numbers(value)
        if array is None:
            marks.update(repr(value).encode())
        else:
            exact = array if array.dtype.kind == "c" else array.astype(np.float64)
            with np.errstate(all="ignore"):  # of huge numbers
                marks.update(repr(array.shape).encode() + np.round(exact, 5).tobytes())
    return marks.hexdigest()[:12]


SIGNATURE_STEP = 5e-4  # of a projection, in units of the array's own size; noise is 1e-7
PROJECTIONS = 4  # of each array: answers that differ anywhere differ in one of them


def signature(observations: list) -> str:
    """A fingerprint that is the same for answers that do the same, each in its own way.

    The last digits of a sum depend on its order. So a large array is told by a few random
    projections, in steps far above such noise; whole numbers are told exactly.
    """
    marks = hashlib.sha1()
    for part in _leaves(observations):
        if isinstance(part, torch.Tensor | np.ndarray):
            array = numbers(part)
            assert array is not None  # a tensor or an array always holds numbers
            marks.update(repr(array.shape).encode() + _array_mark(array.ravel()))
        else:
            words = f"/{_digits(part)}" if type(part) is float else f"/{part!r}"
            marks.update(words.encode())
    return marks.hexdigest()[:12]


def _leaves(value: object) -> list:
    """The parts of an observation that hold no others; before each group, how many there are."""
    if isinstance(value, list | tuple):
        return [len(value), *(leaf for part in value for leaf in _leaves(part))]
    if isinstance(value, dict):
        return [sorted(value), *(leaf for key in sorted(value) for leaf in _leaves(value[key]))]
    return [("stopped", value.kind)] if isinstance(value, Stopped) else [value]


def _digits(number: float) -> str:
    """Five digits of a multiple: unlike 0.5, 0.25 and 3.2, it is on no border of rounding."""
    return f"{number * np.e:.5g}"


def _array_mark(array: np.ndarray) -> bytes:
    finite = np.isfinite(array)
    values = np.where(finite, array, 0)
    values = np.concatenate([values.real, values.imag]).astype(np.float64)
    whole = np.round(values)
    if np.all(np.abs(values - whole) < 1e-4) and np.all(np.abs(whole) < 2**53):
        return finite.tobytes() + whole.astype(np.int64).tobytes()
    if values.size <= 4 * PROJECTIONS:
        return finite.tobytes() + " ".join(map(_digits, values)).encode()
    size = np.sqrt(np.mean(values**2))
    weights = np.random.default_rng(values.size).standard_normal((PROJECTIONS, values.size))
    projections = weights @ values / (size * np.sqrt(values.size))
    steps = np.round(np.append(projections, np.log(size)) / SIGNATURE_STEP)
    return finite.tobytes() + steps.astype(np.int64).tobytes()
