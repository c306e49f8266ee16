"""What is seen of an answer, as plain data, and how two observations compare.

An observation is a tensor, a number, a string, a truth value, None, a `Stopped`, an `Other`, or a
tuple, list or dict of these. Nothing in it can run a student's code any more.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

from course_utils import _torchvision  # noqa: F401  (plain `import torchvision` must work)

MOST_NUMBERS = 20_000_000  # more than any exercise gives


@dataclass(frozen=True)
class Stopped:
    """What is observed of an answer that did not return.

    `kind` is the exception's class name, "TimeLimit" or "MemoryLimit"; `line` is the student's own
    line of code where it happened, if there is one.
    """

    kind: str
    text: str = ""
    line: str = ""


@dataclass(frozen=True)
class Other:
    """Something that is no number, text or tensor: only its type's name is kept."""

    type_name: str


def freeze(value: object, depth: int = 0) -> object:
    """Copy `value` into plain data of exact built-in types and plain CPU tensors."""
    if isinstance(value, torch.Tensor):
        with torch._C.DisableTorchFunctionSubclass():  # no override of a subclass has a say
            return _plain_tensor(value)
    if isinstance(value, np.ndarray | np.generic):
        plain = np.array(np.asarray(value))
        if plain.dtype.kind not in "biufc" or plain.size > MOST_NUMBERS:
            return Other(f"NumPy array of {plain.dtype}, shape {plain.shape}")
        return plain.item() if isinstance(value, np.generic) else plain
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
    """The numbers of an observation, whatever holds them; None if it is not an array of numbers."""
    if isinstance(value, torch.Tensor):
        wide = value.float() if value.dtype in (torch.bfloat16, torch.float16) else value
        return wide.resolve_conj().numpy()
    if isinstance(value, np.ndarray):
        return value
    if type(value) in (bool, int, float, complex):
        return np.array(value)
    if isinstance(value, list | tuple):
        parts = [numbers(part) for part in value]
        if parts and all(p is not None and p.shape == parts[0].shape for p in parts):
            return np.stack(parts)
    return None


def close(a: np.ndarray, b: np.ndarray, tolerance: float) -> np.ndarray:
    """Where two arrays of one shape agree to `tolerance`: absolute, and relative unless whole."""
    kinds = a.dtype.kind + b.dtype.kind
    wide = np.complex128 if "c" in kinds else np.float64
    relative = tolerance if kinds.strip("biu") == kinds else 0.0
    with np.errstate(all="ignore"):
        a, b = a.astype(wide), b.astype(wide)
        return np.isclose(a, b, rtol=relative, atol=tolerance, equal_nan=True)


def same(a: object, b: object, tolerance: float = 1e-5) -> bool:
    """Whether two observations mean the same: numbers by value, in whatever type they come."""
    if isinstance(a, Stopped) or isinstance(b, Stopped):
        return isinstance(a, Stopped) and isinstance(b, Stopped) and a.kind == b.kind
    if isinstance(a, str) and isinstance(b, str):
        return a.strip().casefold() == b.strip().casefold()
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key], tolerance) for key in a)
    x, y = numbers(a), numbers(b)
    if x is not None and y is not None:
        return x.shape == y.shape and bool(close(x, y, tolerance).all())
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(p, q, tolerance) for p, q in zip(a, b, strict=True))
    return type(a) is type(b) and a == b


def mismatch(expected: object, got: object, tolerance: float = 1e-5) -> tuple[str, str] | None:
    """None when `got` is right; else ("type" or "wrong", what is the matter in words).

    A view is as good as a copy and a list as good as a tuple, but the right numbers as float64,
    NumPy or text are "type": right numbers, wrong type.
    """
    if isinstance(got, Other):
        return "type", f"This is {_name(got)}; {_name(expected)} is expected."
    if isinstance(expected, torch.Tensor):
        return _tensor_mismatch(expected, got, tolerance)
    if isinstance(expected, bool | int | float | complex) and not same(expected, got, tolerance):
        if type(got) in (bool, int, float, complex):
            return "wrong", ""
        x = numbers(got)
        one = x is not None and x.size == 1 and close(x.reshape(()), np.array(expected), tolerance)
        if one or (isinstance(got, str) and got.strip() == str(expected)):
            return "type", f"The number is right, but it comes as {_name(got)}."
        return "type", f"This is {_name(got)}; {_name(expected)} is expected."
    if isinstance(expected, bool | int | float | complex):
        return _number_type(expected, got)
    if isinstance(expected, list | tuple | dict) and isinstance(got, list | tuple | dict):
        return None if same(expected, got, tolerance) else ("wrong", "")
    if same(expected, got, tolerance):
        return None
    return ("wrong", "") if type(expected) is type(got) else ("type", _expected(expected, got))


def _number_type(expected, got):
    if isinstance(got, torch.Tensor):
        return "type", "The number is right, but it comes as a tensor; .item() makes it a number."
    if isinstance(got, np.ndarray | list | tuple):
        return "type", f"The number is right, but it comes as {_name(got)}; give the number alone."
    if isinstance(expected, bool) != isinstance(got, bool):
        return "type", _expected(expected, got)
    if isinstance(expected, int) and isinstance(got, float | complex):
        return "type", "The number is right, but it is not a whole number (int): try // or int()."
    return None


def _tensor_mismatch(expected, got, tolerance):
    if not isinstance(got, torch.Tensor):
        if same(expected, got, tolerance):
            return "type", f"The numbers are right, but they come as {_name(got)}, not as a tensor."
        return "type", _expected(expected, got)
    if got.shape != expected.shape:
        words = f"The shape is {tuple(got.shape)}; {tuple(expected.shape)} is expected."
        return "type", words
    right = same(expected, got, tolerance)
    if got.dtype != expected.dtype:
        kinds = f"{_dtype(got)}; {_dtype(expected)} is expected."
        return (
            "type",
            f"The numbers are right, but they are {kinds}" if right else f"The dtype is {kinds}",
        )
    return None if right else ("wrong", _first_difference(expected, got, tolerance))


def _first_difference(expected: torch.Tensor, got: torch.Tensor, tolerance: float) -> str:
    off = ~close(numbers(expected), numbers(got), tolerance)
    first = tuple(int(i) for i in np.argwhere(off)[0]) if off.ndim else ()
    x, y = numbers(got)[first], numbers(expected)[first]
    where = f"at index {list(first)}: " if first else ""
    return (
        f"{off.sum()} of {off.size} numbers differ, first {where}yours {x:.6g}, expected {y:.6g}."
    )


def _expected(expected, got) -> str:
    return f"This is {_name(got)}; {_name(expected)} is expected."


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


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


def _name(value: object) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, Other):
        return (
            "an unfinished answer (it still holds ...)"
            if value.type_name == "..."
            else f"a {value.type_name}"
        )
    return _NAMES[type(value)]


def digest(observations: list) -> str:
    """A short fingerprint by which two tries that do the same are one."""
    marks = hashlib.sha1()
    for value in observations:
        array = numbers(value)
        if array is None:
            marks.update(repr(value).encode())
        else:
            exact = array if array.dtype.kind == "c" else array.astype(np.float64)
            marks.update(repr(array.shape).encode() + np.round(exact, 5).tobytes())
    return marks.hexdigest()[:12]
