"""The smallest failing case, small enough to redo by hand: its arguments, yours and expected.

A value is a table of numbers, a picture where it is one, or text. Numbers of yours that differ are
marked by a sign, not by colour alone. What is too large to read is summed up.
"""

from __future__ import annotations

import base64
import html
import io
import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from course_utils.judging.observation import Stopped, close, is_not_compared, numbers

MOST_NUMBERS = 30  # of one value, before it is summed up
MOST_LINES = 12  # of one scene
PICTURE_SIDE = 8  # pixels; smaller arrays are tables
MOST_LETTERS = 70  # of a part's value in a table
DIFFERS = "≠"
_CELL = "border: 1px solid #8888; padding: 0.15em 0.5em; text-align: right; font-family: monospace"
_OFF = _CELL + "; font-weight: bold; outline: 2px solid #b3501e; outline-offset: -2px"


@dataclass(frozen=True)
class Row:
    """A named value of a scene; `off`, of its shape, marks the numbers that should be others."""

    name: str
    value: object
    off: np.ndarray | None = None


def rows(verdict) -> list[Row]:
    """The arguments, then of every part that is wrong yours and what was expected."""
    if verdict.status in ("ok", "todo", "own", "limit", "type"):
        return []
    shown = [Row(name, value) for name, value in verdict.case.items()]
    for name, yours, expected in _wrong_parts(verdict):
        if name and (is_not_compared(yours) or (_in_words(yours) and _in_words(expected))):
            continue  # the table of parts has it
        label = f"{name}: " if name else ""
        off = _differences(yours, expected)
        if yours is not None and not isinstance(yours, Stopped):
            shown.append(Row(f"{label}yours", yours, off))
        if verdict.reveal and not _is_mixed(expected):
            shown.append(Row(f"{label}expected", expected))
    return _within_numbers(_within_lines(shown))


class Part(NamedTuple):
    """One part of a result: whether it is right, and yours and expected in words.

    Of what is not compared, `is_right` is None.
    """

    name: str
    is_right: bool | None
    yours: str
    expected: str


def parts(verdict) -> list[Part]:
    """The parts of a result by name; what is expected only where it may be shown."""
    if verdict.status in ("ok", "todo", "own"):
        return []
    flags = verdict.parts
    yours = _column(verdict.yours, flags)
    expected = _column(verdict.expected if verdict.reveal else None, flags)
    rows = zip(flags.items(), yours, expected, strict=True)
    return [
        Part(name, None, mine, "") if is_not_compared(mine) else Part(name, is_right, mine, wanted)
        for (name, is_right), mine, wanted in rows
    ]


def _is_mixed(value: object) -> bool:
    """Whether a value holds several things of different kinds, which nobody could read in a row."""
    return isinstance(value, list | tuple) and numbers(value) is None


def _column(whole: object, flags: dict[str, bool]) -> list[str]:
    """The parts of a result in words; what is wrong and too long for that is shown below."""
    if not isinstance(whole, list | tuple) or len(whole) != len(flags):
        return [""] * len(flags)
    return [
        _in_words(value) or ("" if is_right else "below")
        for value, is_right in zip(whole, flags.values(), strict=True)
    ]


def _in_words(value: object) -> str:
    """A value that is short enough for a line of a table; empty for any other."""
    if value is None:
        return "nothing"
    array = numbers(value)
    if array is not None and array.ndim:
        return ""
    text = _short(array.item() if array is not None else value)
    return text if len(text) <= MOST_LETTERS else ""


def _wrong_parts(verdict) -> list[tuple[str, object, object]]:
    names = [name for name, is_right in verdict.parts.items() if not is_right]
    wholes = verdict.yours, verdict.expected
    if names and all(isinstance(w, list | tuple) and len(w) == len(verdict.parts) for w in wholes):
        places = [list(verdict.parts).index(name) for name in names]
        return [(name, wholes[0][i], wholes[1][i]) for name, i in zip(names, places, strict=True)]
    return [("", *wholes)]


def _differences(yours: object, expected: object) -> np.ndarray | None:
    got, wanted = numbers(yours), numbers(expected)
    if got is None or wanted is None or got.shape != wanted.shape or got.ndim == 0:
        return None
    off = ~close(wanted, got, 1e-5)
    return off if off.any() and not off.all() else None


def _within_lines(shown: list[Row]) -> list[Row]:
    """Leave out the largest arguments until yours and expected can be read without scrolling."""
    arguments = [row for row in shown if not row.name.endswith(("yours", "expected"))]
    while arguments and max(map(_lines, shown)) > MOST_LINES:  # they stand side by side
        largest = max(arguments, key=_lines)
        if _lines(largest) < 2:
            break
        arguments.remove(largest)
        shown = [Row(row.name, Summary(row.value)) if row is largest else row for row in shown]
    return shown


def _within_numbers(shown: list[Row]) -> list[Row]:
    """Sum up the largest arguments, then leave out later parts, until the scene is small enough."""
    while sum(map(_count, shown)) > MOST_NUMBERS:
        arguments = [row for row in shown if not _is_result(row) and _count(row) > 1]
        results = [row for row in shown if _is_result(row)]
        if arguments:
            largest = max(arguments, key=_count)
            shown = [Row(row.name, Summary(row.value)) if row is largest else row for row in shown]
        elif len(results) > 2:  # yours and expected of one part say where to look
            shown = [row for row in shown if row is not results[-1] and row is not results[-2]]
        else:
            break
    return shown


def _is_result(row: Row) -> bool:
    return row.name.endswith(("yours", "expected"))


def _count(row: Row) -> int:
    """How many numbers a value shows."""
    array = numbers(row.value)
    return 0 if array is None or array.size > MOST_NUMBERS else array.size


def _lines(row: Row) -> int:
    array = numbers(row.value)
    if array is None or array.ndim < 2 or array.size > MOST_NUMBERS:
        return 1
    lines = int(np.prod(array.shape[:-3]))  # planes stand side by side, each under its index
    return lines * (array.shape[-2] + (array.ndim > 2))


class Summary:
    """Stands for a value of which only the shape is said."""

    def __init__(self, value: object):
        array = numbers(value)
        self.words = f"numbers of shape {array.shape}" if array is not None else "…"

    def __repr__(self):
        return self.words


# As text ------------------------------------------------------------------------------------------


def as_text(row: Row) -> str:
    """A value as plain text; its numbers that differ stand behind a sign."""
    array = numbers(row.value)
    if array is None or array.ndim == 0:
        return _short(row.value)
    dtype = "values"
    if isinstance(row.value, torch.Tensor):
        dtype = str(row.value.dtype).removeprefix("torch.")
    head = f"{dtype}, shape {array.shape}"
    if array.size > MOST_NUMBERS:
        first = ", ".join(_number(x) for x in array.ravel()[:4].tolist())
        return f"{head}, from {_number(array.min())} to {_number(array.max())}: {first}, …"
    if row.off is None:
        body = np.array2string(_rounded(array), separator=", ")
    else:
        words = np.array([_marked(x, off) for x, off in zip(array.flat, row.off.flat, strict=True)])
        body = np.array2string(
            words.reshape(array.shape), separator=", ", formatter={"numpystr": str}
        )
    return f"{head}\n    " + body.replace("\n", "\n    ")


def _marked(x, off: bool) -> str:
    return f"{DIFFERS}{_number(x)}" if off else _number(x)


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Stopped):
        return f"{value.kind}: {value.text}"
    text = str(value) if isinstance(value, str) else repr(value)
    return text if len(text) <= 300 else text[:300] + " …"


def _rounded(array: np.ndarray) -> np.ndarray:
    return np.round(array, 4) if array.dtype.kind in "fc" else array


def _number(x) -> str:
    return f"{x:.4g}" if isinstance(x, float | np.floating) else str(x)


# As HTML ------------------------------------------------------------------------------------------


def as_html(row: Row, shown: list[Row]) -> str:
    """A value as a table of numbers, as a picture where it is one, else as text."""
    array = numbers(row.value)
    if array is None or array.ndim == 0:
        return f"<code>{html.escape(_short(row.value))}</code>"
    if array.dtype.kind in "biuf" and array.size:
        sides = array.shape[-2:]
        if array.size <= MOST_NUMBERS and array.ndim <= 4:
            return _tables(array, row.off)
        if min(sides) >= PICTURE_SIDE and (
            array.ndim == 2 or (array.ndim == 3 and len(array) in (1, 3))
        ):
            return _image(row.name, array, shown)
    return f"<pre>{html.escape(as_text(row))}</pre>"


def _tables(array: np.ndarray, off: np.ndarray | None) -> str:
    off = np.zeros(array.shape, bool) if off is None else off
    if array.ndim <= 2:
        return _table(np.atleast_2d(array), np.atleast_2d(off))
    # The last of the leading axes runs to the right, as long as there is room.
    lines = [
        "".join(
            f"<div><div>{[*i, k]}</div>{_table(array[(*i, k)], off[(*i, k)])}</div>"
            for k in range(array.shape[-3])
        )
        for i in itertools.product(*map(range, array.shape[:-3]))
    ]
    style = "display: flex; flex-wrap: wrap; gap: 0 0.6em"
    return "".join(f'<div style="{style}">{line}</div>' for line in lines)


def _table(array: np.ndarray, off: np.ndarray) -> str:
    body = "".join(
        "<tr>" + "".join(map(_cell, row, marks)) + "</tr>"
        for row, marks in zip(array.tolist(), off.tolist(), strict=True)
    )
    return f'<table style="border-collapse: collapse; margin: 0">{body}</table>'


def _cell(x, off: bool) -> str:
    if not off:
        return f'<td style="{_CELL}">{_number(x)}</td>'
    return f'<td style="{_OFF}" title="differs from what is expected">{_marked(x, True)}</td>'


def _image(name: str, array: np.ndarray, shown: list[Row]) -> str:
    """A grey or colour picture; "yours" and "expected" share one grey scale."""
    from PIL import Image

    is_result = name.endswith(("yours", "expected"))
    results = [row.value for row in shown if row.name.endswith(("yours", "expected"))]
    pair = [numbers(value) for value in results] if is_result else [array]
    finite = [p[np.isfinite(p)] for p in pair if p is not None and p.dtype.kind in "biuf"]
    low = min((float(p.min()) for p in finite if p.size), default=0.0)
    high = max((float(p.max()) for p in finite if p.size), default=1.0)
    grey = (np.nan_to_num(array.astype(float)) - low) / ((high - low) or 1.0)
    grey = (255 * grey.clip(0, 1)).astype(np.uint8)
    grey = grey[0] if grey.ndim == 3 and len(grey) == 1 else grey
    picture = Image.fromarray(grey if grey.ndim == 2 else np.moveaxis(grey, 0, -1))
    times = max(1, 160 // max(picture.size))
    size = (picture.width * times, picture.height * times)
    out = io.BytesIO()
    picture.resize(size, Image.Resampling.NEAREST).save(out, "PNG")
    alt = f"{name}, shape {array.shape}, from {low:.3g} (black) to {high:.3g} (white)"
    data = base64.b64encode(out.getvalue()).decode()
    return f'<img alt="{html.escape(alt)}" title="{alt}" src="data:image/png;base64,{data}">'
