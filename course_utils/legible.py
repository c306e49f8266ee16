"""Text of pictures that can be read where they are shown as large as a slide.

A picture is shown at most as wide as a slide; what was laid out wide comes out small. So the text
of a large picture grows until it can be read from the last row, as far as there is room for it.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, MaxNLocator

SLIDE, HIGH = 1184, 520  # widest and highest picture on a slide, in pixels of the slide
LEAST = 22  # its smallest text
LETTER, LINE = 0.55, 1.25  # width of a letter and height of a line, in font sizes
FEW, PAD = 4, 0.5  # ticks of an axis where text is large, and their distance in font sizes
MARGIN = 0.2  # inches that saving adds to a figure's width
SHARES = (1, 0.75, 0.5, 0.25)  # of what is wanted, tried until nothing covers another thing
APART, TOUCHING = 5, 1  # pixels between words in a row; by which lines of text may overlap


def enlarge_text(figure: Figure) -> None:
    """Make the text of a figure large enough for a slide, or as large as its layout allows.

    Where it does not fit as it is, words are set on more lines and ticks are thinned out.
    """
    figure.draw_without_rendering()
    sizes = {text: _size(text) for text in _texts(figure)}
    ticks = {axis: _tick_size(axis) for axis in _axes(figure)}
    wanted = _wanted(figure)
    if min([*sizes.values(), *ticks.values()], default=wanted) >= wanted:
        return
    covered = _collisions(figure)

    def fits(share: float) -> bool:
        for text, size in sizes.items():
            text.set_fontsize(size + share * max(0, wanted - size))
        for axis, size in ticks.items():
            axis.set_tick_params(which="both", labelsize=size + share * max(0, wanted - size))
        figure.draw_without_rendering()
        return _collisions(figure) <= covered

    if fits(1):
        return
    _make_room(figure, wanted)
    wanted = max(wanted, _wanted(figure))
    next(share for share in (*SHARES, 0) if fits(share) or not share)


def _wanted(figure: Figure) -> float:
    """Points of text that is LEAST pixels high where the picture fills a slide."""
    width, height = figure.get_size_inches()
    return LEAST * 72 * max((width + MARGIN) / SLIDE, (height + MARGIN) / HIGH)


def _make_room(figure: Figure, size: float) -> None:
    """Set titles and labels of this size on lines as long as their axes, and thin out ticks."""
    added = [0]
    for ax in figure.axes:
        box = ax.get_window_extent()
        width, height = (72 * side / figure.dpi for side in (box.width, box.height))
        added.append(sum(_wrap(text, width / size) for text in (*_titles(ax), ax.xaxis.label)))
        _wrap(ax.yaxis.label, height / size)
        for axis in (ax.xaxis, ax.yaxis):
            _thin_out(axis)
            axis.set_tick_params(which="both", pad=PAD * size)
    places = [ax.get_subplotspec() for ax in figure.axes]
    rows = max((place.get_gridspec().nrows for place in places if place), default=1)
    figure.set_figheight(figure.get_figheight() + rows * max(added) * LINE * size / 72)


def _titles(ax: Axes) -> list[Text]:
    words = {ax.get_title(where) for where in ("left", "center", "right")} - {""}
    texts = (child for child in ax.get_children() if isinstance(child, Text))
    return [text for text in texts if text.get_text() in words]


def _wrap(text: Text, room: float) -> int:
    """Set words on more lines where one is longer than so many times their height; count them."""
    words = text.get_text()
    if "$" in words or not words:
        return 0  # a formula does not survive
    lines = [
        textwrap.fill(
            line, max(1, int(room / LETTER)), break_long_words=False, break_on_hyphens=False
        )
        for line in words.split("\n")
    ]
    text.set_text("\n".join(lines))
    return text.get_text().count("\n") - words.count("\n")


def _thin_out(axis: Axis) -> None:
    locator = axis.get_major_locator()
    if isinstance(locator, MaxNLocator):
        locator.set_params(nbins=FEW)
    elif isinstance(locator, LogLocator):
        locator.set_params(numticks=FEW)


def smallest_text(figure: Figure) -> float:
    """Height of a drawn figure's smallest letters or digits, in CSS pixels; 0 where it has none."""
    shown = [*_texts(figure), *itertools.chain(*map(_tick_labels, _axes(figure)))]
    return round(min(map(_size, shown), default=0) * 100 / 72, 1)


def _axes(figure: Figure) -> Iterator[Axis]:
    """Axes of coordinates that have numbers or words beside them."""
    for ax in figure.axes:
        if ax.axison and ax.get_visible():
            yield from (axis for axis in (ax.xaxis, ax.yaxis) if _tick_labels(axis))


def _tick_labels(axis: Axis) -> list[Text]:
    scale = axis.get_transform().transform
    low, high = sorted(scale(np.asarray(axis.get_view_interval())))
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    slack = 1e-6 * (high - low)
    inside = (
        t for t in ticks if low - slack <= scale(np.asarray([t.get_loc()]))[0] <= high + slack
    )
    return [label for tick in inside for label in (tick.label1, tick.label2) if _is_readable(label)]


def _tick_size(axis: Axis) -> float:
    return min(map(_size, _tick_labels(axis)))


def _size(text: Text) -> float:
    return float(text.get_fontsize())


def _is_readable(text: Text) -> bool:
    return text.get_visible() and any(map(str.isalnum, text.get_text()))


def _texts(figure: Figure) -> list[Text]:
    """All text but what stands beside ticks."""
    ticks = {
        label
        for ax in figure.axes
        for axis in (ax.xaxis, ax.yaxis)
        for label in axis.findobj(Text)
        if label is not axis.label
    }
    off = {axis.label for ax in figure.axes if not ax.axison for axis in (ax.xaxis, ax.yaxis)}
    return [
        text
        for text in figure.findobj(Text)
        if text not in ticks and text not in off and _is_readable(text)
    ]


def _collisions(figure: Figure) -> int:
    """How many pairs of texts cover each other, and how many texts stand outside the figure."""
    shown = [*_texts(figure), *itertools.chain(*map(_tick_labels, _axes(figure)))]
    if not shown:
        return 0
    boxes = np.array([text.get_window_extent().extents for text in shown])
    left, bottom, right, top = boxes.T
    across = np.minimum(right, right[:, None]) - np.maximum(left, left[:, None])
    along = np.minimum(top, top[:, None]) - np.maximum(bottom, bottom[:, None])
    pairs = np.triu((across > -APART) & (along > TOUCHING), 1).sum()
    outside = (left < -TOUCHING) | (right > figure.bbox.width + TOUCHING)
    return int(pairs + outside.sum())
