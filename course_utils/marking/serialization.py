"""What comes out of the jail: observations as plain arrays and text, nothing that can run.

A message is eight bytes of length and an uncompressed `.npz`: the array "text" holds JSON, the
others are the numbers that this text refers to. Whoever reads trusts nothing in it.
"""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import torch

from course_utils.judging.observation import Other, Stopped

LENGTH_BYTES = 8  # bytes that tell a message's length
MAX_ELEMENTS = 1_000_000  # of one array; larger ones only leave their shape
SENT_AS_FLOAT32 = {"bfloat16": torch.bfloat16}  # NumPy has no such type: it travels as float32


def pack(fields: dict) -> bytes:
    """Turn a dictionary of observations (frozen), numbers and text into a message."""
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_to_json(fields, arrays))
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
    array = np.asarray(value)
    if array.size > MAX_ELEMENTS:
        return ["Other", f"{kind} of shape {array.shape}"]
    arrays[name] = array
    return [kind, name]


def unpack(stream: bytes, max_bytes: int) -> list[dict]:
    """Read the messages at the beginning of a stream; what is damaged ends the list.

    Parameters
    ----------
    stream : bytes from a jail
    max_bytes : bytes that one message may hold once it is unpacked
    """
    messages, start = [], 0
    while len(stream) >= start + LENGTH_BYTES:
        end = start + LENGTH_BYTES + int.from_bytes(stream[start : start + LENGTH_BYTES], "big")
        if len(stream) < end:
            break
        try:
            messages.append(_read(stream[start + LENGTH_BYTES : end], max_bytes))
        except Exception:  # whatever a reader of damaged files may raise
            break
        start = end
    return messages


def _read(message: bytes, max_bytes: int) -> dict:
    with zipfile.ZipFile(io.BytesIO(message)) as archive:
        sizes = [member.file_size for member in archive.infolist()]
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("compressed")
    if sum(sizes) > max_bytes:
        raise ValueError("too large")
    with np.load(io.BytesIO(message), allow_pickle=False) as arrays:
        fields = json.loads(arrays["text"].tobytes())
        return {key: _from_json(part, arrays, depth=8) for key, part in fields.items()}


def _from_json(part: object, arrays, depth: int) -> object:
    if depth == 0:
        raise ValueError("nested too deeply")
    if isinstance(part, dict):
        return {key: _from_json(entry, arrays, depth - 1) for key, entry in part.items()}
    if not isinstance(part, list):
        return part
    kind, *rest = part
    if kind in ("list", "tuple"):
        values = [_from_json(entry, arrays, depth - 1) for entry in rest]
        return tuple(values) if kind == "tuple" else values
    if kind == "Stopped":
        return Stopped(*(str(words)[:500] for words in rest))
    if kind == "Other":
        return Other(str(rest[0])[:100])
    return _unpack_array(kind, arrays[rest[0]])


def _unpack_array(kind: str, array: np.ndarray) -> object:
    if array.dtype.kind not in "biufc" or array.size > MAX_ELEMENTS:
        return Other(f"array of {array.dtype}, shape {array.shape}"[:100])
    if kind == "complex":
        return complex(array)
    if kind == "ndarray":
        return array
    tensor = torch.from_numpy(np.array(array))
    return tensor.to(SENT_AS_FLOAT32.get(kind.removeprefix("Tensor "), tensor.dtype))
