"""What comes out of the jail: observations as plain arrays and text, nothing that can run.

A message is eight bytes of length and an uncompressed `.npz`: the array "text" holds JSON, the
others are the numbers that this text refers to. Whoever reads trusts nothing in it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator

import numpy as np
import torch

from course_utils.judging.observation import Other, Stopped

LENGTH_BYTES = 8  # bytes that tell a message's length
# No right answer has more than 30,000 numbers. What is compared outside takes time for each.
MAX_ELEMENTS = 100_000  # of one array; larger ones only leave their shape
MAX_NUMBERS = 200_000  # in all arrays of a message
MAX_ARRAYS = 2000  # in a message: each takes time to read, however small it is
MAX_TEXT = 100_000  # bytes of JSON in one message: a hundred times what any right answer takes
MAX_TEXTS = 1_000_000  # bytes of JSON in all messages of a stream
DAMAGED = "damaged"  # the one field of what stands for a damaged message
TOO_LARGE = "What your answer gives is too large to be compared."
SENT_AS_FLOAT32 = {"bfloat16": torch.bfloat16}  # NumPy has no such type: it travels as float32


def pack(fields: dict) -> bytes:
    """Turn a dictionary of observations (frozen), numbers and text into a message."""
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_to_json(fields, arrays))
    sizes = len(text) > MAX_TEXT, _count(arrays) > MAX_NUMBERS, len(arrays) > MAX_ARRAYS
    if any(sizes):  # such as a list of a million numbers
        arrays, known = {}, {key: fields[key] for key in fields.keys() & {"number"}}
        text = json.dumps(known | {"status": "error", "message": TOO_LARGE})
    arrays["text"] = np.frombuffer(text.encode(), np.uint8)
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return len(out.getvalue()).to_bytes(LENGTH_BYTES, "big") + out.getvalue()


def _to_json(value: object, arrays: dict[str, np.ndarray]) -> object:
    """JSON for a frozen value; its arrays are put aside under their number."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, list | tuple):
        return [type(value).__name__, *(_to_json(part, arrays) for part in value)]
    if isinstance(value, dict):
        return {key: _to_json(part, arrays) for key, part in value.items()}
    if isinstance(value, Stopped):
        return ["Stopped", value.kind, value.text, value.line]
    if isinstance(value, Other):
        return ["Other", value.type_name]
    return _pack_array(value, arrays)


def _pack_array(value: object, arrays: dict[str, np.ndarray]) -> list:
    kind, name = type(value).__name__, str(len(arrays))
    if isinstance(value, torch.Tensor):
        dtype = str(value.dtype).removeprefix("torch.")
        kind = f"Tensor {dtype}"
        value = value.float() if dtype in SENT_AS_FLOAT32 else value.resolve_conj().resolve_neg()
        try:
            value = value.numpy()
        except TypeError:  # NumPy has no such numbers
            return ["Other", f"tensor of {dtype}"]
    elif not isinstance(value, np.ndarray | complex):
        return ["Other", kind]
    array = np.asarray(value)
    if array.size > MAX_ELEMENTS:
        return ["Other", f"{kind} of shape {array.shape}"]
    arrays[name] = array
    return [kind, name]


def unpack(stream: bytes) -> Iterator[dict]:
    """Read the messages at the beginning of a stream; what is damaged ends it, and is told.

    What they hold once they are unpacked is bounded by the stream's own length: nothing in it is
    compressed, and no part of it counts twice.
    """
    start, texts = 0, MAX_TEXTS
    while len(stream) >= start + LENGTH_BYTES:
        end = start + LENGTH_BYTES + int.from_bytes(stream[start : start + LENGTH_BYTES], "big")
        if len(stream) < end:
            break
        try:
            fields, length = _read(stream[start + LENGTH_BYTES : end], texts)
        except Exception:  # whatever a reader of damaged files may raise
            yield {DAMAGED: True}
            break
        start, texts = end, texts - length
        yield fields


def _read(message: bytes, max_text: int) -> tuple[dict, int]:
    """Return a message's fields, and the length of its text."""
    with zipfile.ZipFile(io.BytesIO(message)) as archive:
        sizes = [member.file_size for member in archive.infolist()]
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("compressed")
    if len(sizes) > MAX_ARRAYS + 1:
        raise ValueError("too many parts")
    if sum(sizes) > len(message):
        raise ValueError("parts that overlap")
    with np.load(io.BytesIO(message), allow_pickle=False) as arrays:
        text = arrays["text"].tobytes()
        if len(text) > min(max_text, MAX_TEXT):
            raise ValueError("too much text")
        if _count({name: arrays[name] for name in arrays.files if name != "text"}) > MAX_NUMBERS:
            raise ValueError("too many numbers")
        fields, unread = json.loads(text), {*arrays.files}
        read = {key: _from_json(part, arrays, unread, depth=8) for key, part in fields.items()}
        return read, len(text)


def _count(arrays: dict[str, np.ndarray]) -> int:
    return sum(array.size for array in arrays.values())


def _from_json(part: object, arrays, unread: set[str], depth: int) -> object:
    if depth == 0:
        raise ValueError("nested too deeply")
    if isinstance(part, dict):
        return {key: _from_json(entry, arrays, unread, depth - 1) for key, entry in part.items()}
    if isinstance(part, str):
        return _plain(part)
    if not isinstance(part, list):
        return part
    kind, *rest = part
    if kind in ("list", "tuple"):
        values = [_from_json(entry, arrays, unread, depth - 1) for entry in rest]
        return tuple(values) if kind == "tuple" else values
    if kind == "Stopped":
        return Stopped(*(_plain(str(words)[:500]) for words in rest))
    if kind == "Other":
        return Other(_plain(str(rest[0])[:100]))
    unread.remove(rest[0])  # one that is named many times would take its memory as often
    return _unpack_array(kind, arrays[rest[0]])


def _plain(text: str) -> str:
    """Spell out halves of characters, which no file can hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def _unpack_array(kind: str, array: np.ndarray) -> object:
    if array.dtype.kind not in "biufc" or array.size > MAX_ELEMENTS:
        return Other(f"array of {array.dtype}, shape {array.shape}"[:100])
    if kind == "complex":
        return complex(array)
    if kind == "ndarray":
        return array
    tensor = torch.from_numpy(np.array(array))
    return tensor.to(SENT_AS_FLOAT32.get(kind.removeprefix("Tensor "), tensor.dtype))
