"""What comes out of the jail is read as plain data, whatever was written."""

import copy
import io
import json
import zipfile

import numpy as np
import pytest
import torch

from course_utils.judging.observation import Other, Stopped, freeze
from course_utils.marking import serialization

VALUES = [
    *(None, True, 3, -2.5, float("inf"), "π", 2 + 3j, 10**30),
    (1, [2.0, "x"], {"a": (None,), "b": []}),
    *(Stopped("ValueError", "no", "x = 1"), Other("generator")),
    *(torch.arange(6).reshape(2, 3), torch.tensor(2.5, dtype=torch.float64), torch.zeros(0, 3)),
    *(torch.tensor([True, False]), torch.ones(2, dtype=torch.bfloat16), torch.tensor([1 + 2j])),
    *(np.arange(4.0), np.ones((2, 2), np.int8), torch.ones(3, dtype=torch.float16)),
]


def unpacked(stream):
    return [*serialization.unpack(stream)]


def alike(a, b):
    if isinstance(a, list | tuple | dict) and type(a) is type(b) and len(a) == len(b):
        pairs = zip(a.values(), b.values()) if isinstance(a, dict) else zip(a, b)  # noqa: B905
        return all(alike(*pair) for pair in pairs)
    if isinstance(a, torch.Tensor | np.ndarray):
        same = a.dtype == b.dtype and a.shape == b.shape
        return type(a) is type(b) and same and bool((a == b).all())
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_messages_round_trip(value):
    (read,) = unpacked(serialization.pack({"observations": [value]}))
    assert alike(read["observations"], [value]), read


@pytest.mark.parametrize("kind", sorted(set(np.sctypeDict.values()), key=str))
def test_numpy_numbers_of_every_kind_damage_nothing(kind):
    """An answer that cannot be sent costs itself alone."""
    values = [np.zeros(1, kind)[0], (np.ones(1, kind)[0],), np.zeros(2, kind)]
    sent = serialization.pack({"observations": [freeze(value) for value in values]})
    assert len(unpacked(sent)[0]["observations"]) == 3
    as_they_are = unpacked(serialization.pack({"observations": values[:2]}))
    assert len(as_they_are[0]["observations"]) == 2  # should nothing freeze them


def test_unpack_skips_unfinished_message():
    stream = serialization.pack({"number": "2.1"}) + serialization.pack({"number": "2.2"})
    assert unpacked(stream) == [{"number": "2.1"}, {"number": "2.2"}]
    assert unpacked(stream[:-1]) == [{"number": "2.1"}]
    assert unpacked(stream[:5]) == unpacked(b"") == []


def test_oversized_array_leaves_shape():
    large = torch.zeros(serialization.MAX_ELEMENTS + 1)
    odd = torch.zeros(2).to(torch.float8_e4m3fn)
    (read,) = unpacked(serialization.pack({"observations": [large, odd]}))
    assert read["observations"] == [
        Other(f"Tensor float32 of shape ({serialization.MAX_ELEMENTS + 1},)"),
        Other("tensor of float8_e4m3fn"),
    ]


# Written by somebody else -------------------------------------------------------------------------


def framed(payload):
    return len(payload).to_bytes(serialization.LENGTH_BYTES, "big") + payload


def npz(text, save=np.savez, **arrays):
    out = io.BytesIO()
    save(out, text=np.frombuffer(json.dumps(text).encode(), np.uint8), **arrays)
    return framed(out.getvalue())


def with_objects():
    arrays = {"0": np.array([print], dtype=object)}
    return npz({"observations": ["ndarray", "0"]}, **arrays)


def of_huge_shape():
    """A header that promises 2⁵⁰ numbers, and none behind it."""
    out = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**50,)}
    np.lib.format.write_array_header_1_0(out, header)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as file:
        file.writestr("0.npy", out.getvalue())
        text = io.BytesIO()
        np.save(text, np.frombuffer(b'{"observations": ["ndarray", "0"]}', np.uint8))
        file.writestr("text.npy", text.getvalue())
    return framed(whole.getvalue())


def nested(depth):
    value = 1
    for _ in range(depth):
        value = ["list", value]
    return npz({"observations": value})


def overlapping():
    """An archive whose directory names the same bytes again and again."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, array in {"text": np.frombuffer(b"{}", np.uint8), "0": np.ones(10**5)}.items():
            data = io.BytesIO()
            np.save(data, array)
            file.writestr(f"{name}.npy", data.getvalue())
        whole = file.getinfo("0.npy")
        for i in range(1, 250):
            again = copy.copy(whole)
            again.filename = f"{i}.npy"
            file.filelist.append(again)
    return framed(out.getvalue())


HOSTILE = {
    "objects to unpickle": with_objects(),
    "a bomb": npz({"observations": 1}, np.savez_compressed, a=np.zeros(10**7)),
    "an array named twice": npz(
        {"observations": ["list", *[["ndarray", "0"]] * 2]}, **{"0": np.ones(9)}
    ),
    "parts that overlap": overlapping(),
    "too many numbers": npz({"observations": 1}, a=np.ones(300_000, np.int8)),
    "too many parts": npz({"observations": 1}, **{str(i): np.zeros(0) for i in range(2001)}),
    "too much text": npz({"observations": ["list", *[{}] * 40_000]}),
    "a huge shape": of_huge_shape(),
    "a deep nest": nested(100),
    "a deeper nest": nested(900),
    "an array that is not there": npz({"observations": ["ndarray", "7"]}),
    "a kind that is not there": npz({"observations": ["module", "os"]}),
    "an empty kind": npz({"observations": []}),
    "no dictionary": npz([1, 2]),
    "a broken text": framed(b"PK\x03\x04nonsense"),
    "an endless length": (2**63).to_bytes(8, "big") + b"x" * 100,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_message_ends_list(name):
    good = serialization.pack({"number": "2.1"})
    first, *rest = unpacked(good + HOSTILE[name] + good)
    assert first == {"number": "2.1"}
    assert rest == [{"damaged": True}] * (name != "an endless length")


def test_text_array_is_refused():
    (read,) = unpacked(npz({"observations": ["ndarray", "0"]}, **{"0": np.array(["a"])}))
    assert isinstance(read["observations"], Other)


def test_damaged_stream_never_raises():
    good = serialization.pack({"number": "2.1", "observations": [torch.arange(5.0), (1, "two")]})
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(good)
        for at in rng.integers(0, len(good), 3):
            damaged[at] = rng.integers(0, 256)
        assert len(unpacked(bytes(damaged))) <= 1


def test_halves_of_characters_are_spelled_out():
    (read,) = unpacked(npz({"message": "\ud800", "observations": ["Stopped", "\udfff", ""]}))
    assert (read["message"], read["observations"].kind) == ("\\ud800", "\\udfff")


def test_texts_of_stream_are_bounded():
    message = npz({"observations": "x" * 90_000})
    assert unpacked(message * 20)[11:] == [{"damaged": True}]


@pytest.mark.parametrize(
    "large", [[0.123456789] * 10**4, [torch.zeros(90_000)] * 3, [torch.zeros(1)] * 2001]
)
def test_too_large_observation_is_said(large):
    (read,) = unpacked(serialization.pack({"number": "2.1", "observations": large}))
    assert read == {"number": "2.1", "status": "error", "message": serialization.TOO_LARGE}
