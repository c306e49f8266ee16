"""Text of pictures that can be read where they are shown as large as a slide.

A picture is shown at most as wide as a slide; what was laid out wide comes out small. So the text
of a wide picture grows until it can be read from the last row, as far as there is room for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

SLIDE, LEAST = 1184, 22  # widest picture on a slide, and its smallest text, in pixels of the slide
MARGIN = 0.2  # inches that saving adds to a figure's width
SHARES = (1, 0.75, 0.5, 0.25)  # of what is wanted, tried until nothing covers another thing
APART, TOUCHING = 5, 1  # pixels between words in a row; by which lines of text may overlap


def enlarge_text(figure: Figure) -> None:
    """Make the text of a figure large enough for a slide, or as large as its layout allows."""
    figure.draw_without_rendering()
    wanted = LEAST / SLIDE * (figure.get_figwidth() + MARGIN) * 72  # points
    sizes = {text: _size(text) for text in _texts(figure)}
    ticks = {axis: _tick_size(axis) for axis in _axes(figure)}
    if min([*sizes.values(), *ticks.values()], default=wanted) >= wanted:
        return
    covered = _collisions(figure)
    for share in (*SHARES, 0):
        for text, size in sizes.items():
            text.set_fontsize(size + share * max(0, wanted - size))
        for axis, size in ticks.items():
            axis.set_tick_params(which="both", labelsize=size + share * max(0, wanted - size))
        figure.draw_without_rendering()
        if _collisions(figure) <= covered:
            return


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
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    slack = 1e-6 * (high - low)
    inside = (tick for tick in ticks if low - slack <= tick.get_loc() <= high + slack)
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
