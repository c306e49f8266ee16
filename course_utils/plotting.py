"""One style for every picture, and `show`, which gives each picture its words.

Importing this module applies the style: the colour cycle petroff6 for lines, grey for images;
signed maps use PuOr, centred on 0.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_utils.legible import enlarge_text, smallest_text

plt.style.use(["petroff6", Path(__file__).with_name("course.mplstyle")])

__all__ = ["grid", "images", "show", "signed_map"]


def show(figure: Figure | Axes, *, alt: str) -> None:
    """Display a picture with its alternative text, then close it.

    The output is an HTML ``<figure>`` that holds a PNG, with a plain text twin: this form keeps
    the text in JupyterLab, in exported pages and on the course's site.

    Parameters
    ----------
    figure : Figure or Axes
        Matplotlib's figure, or any axes of it.
    alt : str
        What a reader who cannot see the picture must know: one or two sentences.

    Raises
    ------
    ValueError
        If `alt` is empty, or the axes were removed from their figure.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError('show needs an alt text: show(figure, alt="what the picture tells")')
    whole = figure.get_figure(root=True)
    if whole is None:
        raise ValueError("these axes were removed from their figure")
    # pages may darken what shows no image
    kind = "course-picture" + " course-plot" * (not any(ax.images for ax in whole.axes))
    enlarge_text(whole)
    png = io.BytesIO()
    whole.savefig(png, format="png", bbox_inches="tight", pad_inches=0.06)
    text_size = smallest_text(whole)  # slides enlarge a picture until this can be read
    plt.close(whole)
    data = png.getvalue()
    width = int.from_bytes(data[16:20], "big")  # from the PNG's header, in its own fine pixels
    css_width = round(width * 100 / plt.rcParams["savefig.dpi"])
    escaped_alt = html.escape(" ".join(alt.split()))
    picture = (
        f'<figure class="{kind}" style="margin:0.5em 0">'
        f'<img alt="{escaped_alt}" width="{css_width}" style="max-width:100%;height:auto" '
        f'data-text="{text_size}" '
        f'src="data:image/png;base64,{base64.b64encode(data).decode()}"></figure>'
    )
    display({"text/html": picture, "text/plain": f"[picture] {alt}"}, raw=True)


def as_array(values: Any) -> np.ndarray:
    """Tensor, array or nested list -> NumPy array of the same shape, without gradient."""
    if hasattr(values, "detach"):  # a tensor, told without importing torch
        values = values.detach().cpu()
    return np.asarray(values)


def images(
    batch: Any,
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    *,
    size: float = 1.3,
    cmap: str = "gray",
) -> Figure:
    """Lay a batch of images out as a grid.

    Parameters
    ----------
    batch : Tensor, array or list
        (N, C, H, W) with C = 1 or 3, or (N, H, W); uint8, or floats in [0, 1].
    titles : sequence of str, optional
        One short text per image.
    columns : int, optional
        Images per row; by default all in one row, up to 8.
    size : float
        Side of one image, in inches.
    cmap : str
        Colour map of one-channel images.

    Returns
    -------
    Figure
        To be handed to `show`.

    Raises
    ------
    ValueError
        If the batch has another shape, or the number of titles differs from N.
    """
    batch = as_array(batch)
    if batch.ndim == 3:
        batch = batch[:, None]
    if batch.ndim != 4 or batch.shape[1] not in (1, 3) or not len(batch):
        raise ValueError(
            f"batch must be (N, C, H, W) with C = 1 or 3, or (N, H, W), got {batch.shape}"
        )
    if titles is not None and len(titles) != len(batch):
        raise ValueError(f"{len(batch)} images but {len(titles)} titles")
    columns = min(columns or 8, len(batch))
    rows = math.ceil(len(batch) / columns)
    height = size * batch.shape[2] / batch.shape[3] + (0.25 if titles is not None else 0.05)
    figure, axes = plt.subplots(
        rows, columns, figsize=(size * columns, height * rows), squeeze=False
    )
    top = 255 if batch.dtype == np.uint8 else 1
    for i, ax in enumerate(axes.flat):
        ax.axis("off")
        if i < len(batch):
            pixels = batch[i].transpose(1, 2, 0) if batch.shape[1] == 3 else batch[i, 0]
            pixels = pixels if top == 255 else pixels.clip(0, 1)
            ax.imshow(pixels, cmap=cmap, vmin=0, vmax=top)
            if titles is not None:
                ax.set_title(titles[i], fontsize=10, loc="center")
    return figure


def grid(
    matrix: Any,
    *,
    ax: Axes | None = None,
    title: str = "",
    box: tuple[int, int, int, int] | None = None,
    signed: bool = False,
) -> Axes:
    """Draw a matrix as a table of numbers, each cell shaded by its value.

    Parameters
    ----------
    matrix : Tensor, array or list
        (H, W) numbers.
    ax : Axes, optional
        Where to draw; a new figure by default.
    title : str
        Short text above the table.
    box : tuple of int, optional
        (row, column, height, width) of a window to outline.
    signed : bool
        Shade with PuOr centred on 0 (orange below, purple above) instead of grey.

    Returns
    -------
    Axes
        What was drawn on, to be handed to `show`.
    """
    matrix = as_array(matrix).astype(float)
    rows, columns = matrix.shape
    if ax is None:
        _, ax = plt.subplots(figsize=(0.5 * columns + 0.1, 0.5 * rows + 0.35))
    span = np.abs(matrix).max() or 1
    # shades stop far from the colour map's dark ends, so that black numbers stay readable
    if signed:
        ax.imshow(matrix, cmap="PuOr", vmin=-2.2 * span, vmax=2.2 * span)
    else:
        low, high = matrix.min(), matrix.max()
        ax.imshow(matrix, cmap="gray", vmin=low - 2.5 * (high - low or 1), vmax=high)
    for (row, column), value in np.ndenumerate(matrix):
        text = f"{value:.4g}".replace("-", "−")
        ax.text(column, row, text, ha="center", va="center", fontsize=11 if len(text) < 5 else 8)
    ax.set_xticks(np.arange(columns + 1) - 0.5, labels=[])
    ax.set_yticks(np.arange(rows + 1) - 0.5, labels=[])
    ax.grid(color="white", linewidth=1.5)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(title)
    if box is not None:
        row, column, height, width = box
        corner = (column - 0.5, row - 0.5)
        ax.add_patch(Rectangle(corner, width, height, fill=False, linewidth=2.5, zorder=3))
    return ax


def signed_map(
    matrix: Any, *, ax: Axes | None = None, title: str = "", limit: float | None = None
) -> Axes:
    """Draw a matrix of signed numbers in PuOr: orange below 0, white at 0, purple above.

    Parameters
    ----------
    matrix : Tensor, array or list
        (H, W) numbers.
    ax : Axes, optional
        Where to draw; a new figure by default.
    title : str
        Short text above the map.
    limit : float, optional
        Value of the deepest colour; by default the largest magnitude in the matrix.

    Returns
    -------
    Axes
        What was drawn on, to be handed to `show`.
    """
    matrix = as_array(matrix).astype(float)
    if ax is None:
        _, ax = plt.subplots(figsize=(4.2, 3.4))
    limit = limit or np.abs(matrix).max() or 1
    image = ax.imshow(matrix, cmap="PuOr", vmin=-limit, vmax=limit)
    ax.figure.colorbar(image, ax=ax, fraction=0.05, aspect=16)
    ax.spines[:].set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_title(title)
    return ax
