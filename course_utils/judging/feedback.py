"""A verdict in words, tables and pictures: rich text for notebooks, plain text elsewhere."""

import base64
import html
import io
import re
from dataclasses import dataclass

import numpy as np
import torch

from course_utils.judging.observation import Stopped, numbers

MOST_SHOWN = 60  # numbers of one tensor, before it is summed up

_OPENING = {
    "ok": "✓ Right.",
    "todo": "○ Not attempted yet.",
    "own": "○ Not counted.",
    "mistake": "✗ Not yet:",
    "type": "✗ Not yet:",
    "wrong": "✗ Not yet.",
    "error": "✗ An error:",
    "limit": "✗ Stopped:",
}
_ADVICE = {
    "todo": "Fill in the cell above, run it, then run this cell again.",
}
_BOX = (
    "border-left: 4px solid {edge}; padding: 0.4em 0.9em; margin: 0.3em 0; max-width: 60em;"
    "line-height: 1.45"
)
_EDGE = {"ok": "#2e7d32", "todo": "#757575", "own": "#757575"}
_CELL = "border: 1px solid #8888; padding: 0.15em 0.5em; text-align: right; font-family: monospace"


@dataclass(frozen=True)
class Shown:
    """Something to show: `html` in a notebook, `text` elsewhere."""

    html: str
    text: str

    def __str__(self):
        return self.text

    __repr__ = __str__

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": self.html, "text/plain": self.text}


def note(words: str) -> Shown:
    """A remark in a box."""
    return Shown(f'<div style="{_BOX.format(edge="#757575")}">{html.escape(words)}</div>', words)


def code(title: str, source: str) -> Shown:
    """A piece of Python under a title."""
    body = f"<p><strong>{html.escape(title)}</strong></p><pre>{html.escape(source)}</pre>"
    box = _BOX.format(edge="#757575")
    return Shown(f'<div style="{box}">{body}</div>', f"{title}\n\n{source}")


def table(heads: tuple[str, str], rows: list[tuple[str, str, str]]) -> Shown:
    """A table of linked titles: rows are (link, title, what stands beside it)."""
    body = "".join(
        f'<tr><td style="text-align: left"><a href="{html.escape(link)}">{html.escape(title)}</a>'
        f"</td><td>{html.escape(words)}</td></tr>"
        for link, title, words in rows
    )
    head = "".join(f'<th scope="col" style="text-align: left">{words}</th>' for words in heads)
    text = "\n".join(f"{title}: {words}" for _, title, words in rows)
    return Shown(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>", text)


def headline(verdict) -> str:
    """The verdict's first sentence, with the mistake's own message."""
    words = verdict.message or _ADVICE.get(verdict.status, "")
    return f"{_OPENING[verdict.status]} {words}".strip()


def as_text(verdict) -> str:
    """The verdict as plain text."""
    lines = [f"{verdict.title}: {headline(verdict)}"]
    lines += [f"  {name} = {_text(value)}" for name, value in _rows(verdict)]
    lines += [f"  note: {words}" for words in verdict.notes]
    lines += [f"  hint {i}: {words}" for i, words in enumerate(verdict.hints, 1)]
    if verdict.printed and verdict.status != "ok":
        lines.append(f"  your code printed: {verdict.printed.strip()[:500]}")
    return "\n".join(lines)


def as_html(verdict) -> str:
    """The verdict as HTML: words first, then the smallest failing case, then hints to unfold."""
    opening, words = _OPENING[verdict.status], headline(verdict)
    words = _with_code(words.removeprefix(opening).strip())
    title = html.escape(verdict.title)
    parts = [f"<div>{title}</div><p><strong>{opening}</strong> {words}</p>"]
    rows = _rows(verdict)
    if rows:
        parts.append('<div style="display: flex; flex-wrap: wrap; gap: 1.2em">')
        parts += [
            f"<div>{html.escape(name)} = {_picture(name, value, rows)}</div>"
            for name, value in rows
        ]
        parts.append("</div>")
    parts += [f"<p>Note: {_with_code(words)}</p>" for words in verdict.notes]
    for i, words in enumerate(verdict.hints, 1):
        summary = f"<summary>Hint {i}</summary>"
        parts.append(f"<details>{summary}<p>{_with_code(words)}</p></details>")
    if verdict.printed and verdict.status != "ok":
        printed = html.escape(verdict.printed[:2000])
        parts.append(f"<details><summary>Your code printed</summary><pre>{printed}</pre></details>")
    box = _BOX.format(edge=_EDGE.get(verdict.status, "#b3501e"))
    return (
        f'<div class="course-verdict" data-status="{verdict.status}" style="{box}">'
        f"{''.join(parts)}</div>"
    )


def _with_code(words: str) -> str:
    """Escaped words, with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words))


def _rows(verdict) -> list[tuple[str, object]]:
    """Names and values of the smallest failing case: arguments, yours, expected."""
    if verdict.status in ("ok", "todo", "own", "limit", "type"):
        return []
    rows = list(verdict.case.items())
    if verdict.yours is not None and not isinstance(verdict.yours, Stopped):
        rows.append(("yours", verdict.yours))
    if verdict.reveal:
        rows.append(("expected", verdict.expected))
    return rows


def _text(value: object) -> str:
    array = numbers(value)
    if array is None or array.ndim == 0:
        return _short(value)
    kind = str(value.dtype).removeprefix("torch.") if isinstance(value, torch.Tensor) else "values"
    head = f"{kind}, shape {array.shape}"
    if array.size > MOST_SHOWN:
        first = ", ".join(_number(x) for x in array.ravel()[:4].tolist())
        return f"{head}, from {_number(array.min())} to {_number(array.max())}: {first}, …"
    body = np.array2string(_rounded(array), separator=", ")
    return f"{head}\n    " + body.replace("\n", "\n    ")


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Stopped):
        return f"{value.kind}: {value.text}"
    text = str(value) if isinstance(value, str) else repr(value)
    return text if len(text) <= 300 else text[:300] + " …"


def _rounded(array: np.ndarray) -> np.ndarray:
    return np.round(array, 4) if array.dtype.kind in "fc" else array


def _picture(name: str, value: object, rows: list) -> str:
    """A value as a table of numbers, as a picture where it is one, else as text."""
    array = numbers(value)
    if array is None or array.ndim == 0:
        return f"<code>{html.escape(_short(value))}</code>"
    if array.dtype.kind in "biuf" and array.size:
        sides = array.shape[-2:]
        if array.ndim == 1 and array.size <= 12:
            return _table(array[None])
        if array.ndim == 2 and max(sides) <= 12:
            return _table(array)
        if array.ndim == 3 and max(sides) <= 6 and len(array) <= 4:
            return "".join(f"<div>[{i}]</div>{_table(plane)}" for i, plane in enumerate(array))
        if min(sides) >= 8 and (array.ndim == 2 or (array.ndim == 3 and len(array) in (1, 3))):
            return _image(name, array, rows)
    return f"<pre>{html.escape(_text(value))}</pre>"


def _table(array: np.ndarray) -> str:
    cells = [
        "".join(f'<td style="{_CELL}">{_number(x)}</td>' for x in row) for row in array.tolist()
    ]
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f'<table style="border-collapse: collapse; margin: 0">{body}</table>'


def _number(x) -> str:
    return f"{x:.4g}" if isinstance(x, float | np.floating) else str(x)


def _image(name: str, array: np.ndarray, rows: list) -> str:
    """A grey or colour picture; "yours" and "expected" share one grey scale."""
    from PIL import Image

    pair = [numbers(value) for label, value in rows if label in ("yours", "expected")]
    pair = pair if name in ("yours", "expected") else [array]
    finite = [p[np.isfinite(p)] for p in pair if p is not None and p.dtype.kind in "biuf"]
    low = min((float(p.min()) for p in finite if p.size), default=0.0)
    high = max((float(p.max()) for p in finite if p.size), default=1.0)
    grey = (np.nan_to_num(array.astype(float)) - low) / ((high - low) or 1.0)
    grey = (255 * grey.clip(0, 1)).astype(np.uint8)
    grey = grey[0] if grey.ndim == 3 and len(grey) == 1 else grey
    picture = Image.fromarray(grey if grey.ndim == 2 else np.moveaxis(grey, 0, -1))
    times = max(1, 160 // max(picture.size))
    picture = picture.resize((picture.width * times, picture.height * times), Image.NEAREST)
    out = io.BytesIO()
    picture.save(out, "PNG")
    alt = f"{name}, shape {array.shape}, from {low:.3g} (black) to {high:.3g} (white)"
    data = base64.b64encode(out.getvalue()).decode()
    return f'<img alt="{html.escape(alt)}" title="{alt}" src="data:image/png;base64,{data}">'
