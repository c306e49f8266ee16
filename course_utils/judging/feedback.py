"""A verdict in words, tables and pictures: rich text for notebooks, plain text elsewhere."""

import html
import re
import time
from dataclasses import dataclass

from course_utils.judging import scene

_EMPHASIS = re.compile(r"(?<![\w*])\*(\w(?:[^*\n]*\w)?)\*(?![\w*])")
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


@dataclass(frozen=True)
class Scene:
    """What a verdict shows beside words: a table of parts, and the smallest failing case."""

    html: str
    parts: tuple[str, ...]  # lines of plain text
    values: tuple[str, ...]


def render_scene(verdict) -> Scene:
    """Render what a verdict shows beside words; an answer may be made to take long here."""
    parts, values = _parts_as_text(verdict), _values_as_text(verdict)
    return Scene(_parts_as_html(verdict) + _scene(verdict), tuple(parts), tuple(values))


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
    """The verdict's first sentence, with the message."""
    words = verdict.message or _ADVICE.get(verdict.status, "")
    return f"{_OPENING[verdict.status]} {words}".strip()


def _mark(is_right: bool | None) -> str:
    return {True: "✓", False: "✗", None: "–"}[is_right]


def _parts_as_text(verdict) -> list[str]:
    """A line for each part of a result: right or wrong, yours, and what was expected."""
    lines = []
    for part in scene.parts(verdict):
        words = f"  {_mark(part.is_right)} {part.name}"
        if part.yours not in ("", "below") and not part.is_right:
            words += f": yours {part.yours}"
            words += f", expected {part.expected}" if part.expected else ""
        lines.append(words)
    return lines


def _values_as_text(verdict) -> list[str]:
    """A line for each value of the smallest failing case."""
    return [f"  {row.name} = {scene.as_text(row)}" for row in scene.rows(verdict)]


def _parts_as_html(verdict) -> str:
    """The same as a table: part, yours, expected."""
    parts = scene.parts(verdict)
    if not parts:
        return ""
    heads = [head for head, wanted in (("part", True), ("yours", any(p.yours for p in parts)),
                                       ("expected", any(p.expected for p in parts)))
             if wanted]  # fmt: skip
    cell = "text-align: left; padding: 0 1em 0 0"
    head = "".join(f'<th scope="col" style="{cell}">{words}</th>' for words in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="{cell}">{html.escape(words)}</td>'
            for words in (f"{_mark(p.is_right)} {p.name}", p.yours, p.expected)[: len(heads)]
        )
        + "</tr>"
        for p in parts
    )
    table = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<table style="margin: 0.3em 0">{table}</table>'


def as_text(verdict) -> str:
    """The verdict as plain text."""
    shown = verdict.scene
    lines = [f"{verdict.title}: {headline(verdict)}"]
    lines += shown.parts if shown else _parts_as_text(verdict)
    lines += [f"  hint {i}: {words}" for i, words in enumerate(verdict.hints, 1)]
    lines += shown.values if shown else _values_as_text(verdict)
    lines += [f"  note: {words}" for words in verdict.notes]
    if verdict.printed and verdict.status != "ok":
        lines.append(f"  your code printed: {verdict.printed.strip()[:500]}")
    lines += [f"  {line}" for line in verdict.details.splitlines()]
    return "\n".join(lines)


def as_html(verdict) -> str:
    """The verdict as HTML: words, hints to unfold, then the smallest failing case."""
    opening, words = _OPENING[verdict.status], headline(verdict)
    words = with_marks(words.removeprefix(opening).strip())
    title = html.escape(verdict.title)
    blocks = [
        f'<div>{title}</div><p style="margin: 0.3em 0"><strong>{opening}</strong> {words}</p>'
    ]
    for i, words in enumerate(verdict.hints, 1):
        summary = f"<summary>Hint {i}</summary>"
        blocks.append(f"<details>{summary}<p>{with_marks(words)}</p></details>")
    shown = verdict.scene
    blocks += [shown.html] if shown else [_parts_as_html(verdict), _scene(verdict)]
    blocks += [f"<p>Note: {with_marks(words)}</p>" for words in verdict.notes]
    if verdict.printed and verdict.status != "ok":
        printed = html.escape(verdict.printed[:2000])
        summary = "<summary>Your code printed</summary>"
        blocks.append(f"<details>{summary}<pre>{printed}</pre></details>")
    if verdict.details:
        summary = "<summary>What to send to whoever keeps the course</summary>"
        blocks.append(f"<details>{summary}<pre>{html.escape(verdict.details)}</pre></details>")
    box = _BOX.format(edge=_EDGE.get(verdict.status, "#b3501e"))
    return (
        f'<div class="course-verdict" data-status="{verdict.status}" style="{box}">'
        f"{''.join(blocks)}</div>"
    )


# JupyterLab moves on to the next cell before the verdict comes, and may leave its words above the
# window. Where that has happened, this brings them back; in a stored output it is too late to act.
_INTO_VIEW = """<script>
(() => {
  const verdict = document.currentScript?.parentElement;
  const intoView = () => {
    const scrolls = (box) => /auto|scroll/.test(getComputedStyle(box).overflowY)
      && box.scrollHeight > box.clientHeight + 1;
    let pane = verdict.parentElement;
    while (pane && !scrolls(pane)) pane = pane.parentElement;
    const top = pane ? pane.getBoundingClientRect().top : 0;
    if (verdict.getBoundingClientRect().top < top) verdict.scrollIntoView();
  };
  if (verdict && Date.now() < %d) setTimeout(intoView, 100);
})();
</script>"""
_SECONDS_TO_SHOW = 20


def as_output(verdict) -> str:
    """The verdict as HTML for a notebook that is being worked on: its words come into view."""
    if verdict.status in ("ok", "todo"):
        return as_html(verdict)
    until = 1000 * (time.time() + _SECONDS_TO_SHOW)
    return as_html(verdict).removesuffix("</div>") + _INTO_VIEW % until + "</div>"


def _scene(verdict) -> str:
    rows = scene.rows(verdict)
    if not rows:
        return ""
    values = [f"<div>{html.escape(row.name)} = {scene.as_html(row, rows)}</div>" for row in rows]
    style = "display: flex; flex-wrap: wrap; gap: 1.2em; margin-top: 0.4em"
    return f'<div style="{style}">{"".join(values)}</div>'


def with_marks(words: str) -> str:
    """Escape words for HTML; what stands between backticks is code, between stars emphasis."""
    parts = re.split(r"`([^`]+)`", html.escape(words))
    parts[1::2] = [f"<code>{code}</code>" for code in parts[1::2]]
    parts[::2] = [_EMPHASIS.sub(r"<em>\1</em>", prose) for prose in parts[::2]]
    return "".join(parts)
