"""The exercises of further/03 with slips in them, as switches, and the words for each slip."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from course_utils.exercise import mistake
from course_utils.exercises.calling import calls_library
from course_utils.exercises.pooling_windows import WINDOW, cut_windows


def _merged(maps, channels):
    """(C, …) -> the same with channels added up that should be kept apart."""
    if channels == "over":
        return maps.sum(0, keepdim=True)
    if channels == "gone":
        return maps.sum(0)
    if channels == "shared":
        return maps.sum(0, keepdim=True).expand_as(maps)
    return maps[:1] if channels == "first" else maps


CHANNELS = {
    "channels-added": mistake(
        "You added over the channels too. Pool every channel alone.", channels="over"
    ),
    "channels-gone": mistake(
        "You added over the channels too, and their axis is gone. Pool every channel alone: "
        "the shape is (C, H', W').",
        channels="gone",
    ),
    "channels-shared": mistake(
        "You added over the channels too, so all of them come out alike. "
        "Pool every channel alone: add over rows and columns only.",
        channels="shared",
    ),
}


# --- 3.7 ----------------------------------------------------------------------------------------
def l2_pool_with(
    terms="squares", total="sum", root=True, padded=False, channels="each", swapped=False, **windows
) -> Callable:
    """Make an l2_pool2d with these decisions in it.

    Parameters
    ----------
    terms : what is added up: "squares", "magnitudes", "plain" numbers; "numbers" are squared
        after their sum
    total : "sum", "mean", "by-size" (mean times size), "max", "rows", "columns", "longest
        row", "longest column", "deviation", "norms of rows", "norms of columns"
    root : whether the root is taken
    padded : whether half a window of zeros lies around the image
    channels, swapped : channels added up, rows and columns exchanged
    windows : as in `cut_windows`
    """

    def l2_pool2d(image, size, stride):
        image = F.pad(image, [size // 2] * 4) if padded else image
        cut = cut_windows(image, size, stride, fill=0.0, **windows)
        if total in ("norms of rows", "norms of columns"):
            return cut.norm(dim=-1 if total == "norms of rows" else -2).sum(-1)
        if total == "deviation":
            flat = cut.flatten(3) - cut.mean((-2, -1))[..., None]
            return ((flat**2).sum(-1) / (size**2 - 1)).sqrt()
        cut = {"squares": cut**2, "magnitudes": cut.abs()}.get(terms, cut)
        if total in ("rows", "columns"):
            pooled = cut.sum(-1 if total == "columns" else -2)
        elif total in ("longest row", "longest column"):
            pooled = cut.sum(-1 if total == "longest row" else -2).amax(-1)
        elif total == "max":
            pooled = cut.amax((-2, -1))
        else:
            divisor = {"mean": size**2, "by-size": size}.get(total, 1)
            pooled = cut.sum((-2, -1)) / divisor
        pooled = pooled**2 if terms == "numbers" else pooled
        pooled = _merged(pooled, channels)
        pooled = pooled.sqrt() if root and terms != "magnitudes" else pooled
        return pooled.transpose(1, 2) if swapped else pooled

    return l2_pool2d


L2_POOL = {
    **WINDOW,
    **CHANNELS,
    "norms-of-rows": mistake(
        "You took the norm of each row of the window and added the norms up. Add the squares of "
        "the whole window, then take one root.",
        total="norms of rows",
    ),
    "norms-of-columns": mistake(
        "You took the norm of each column of the window and added the norms up. Add the squares "
        "of the whole window, then take one root.",
        total="norms of columns",
    ),
    "mean": mistake(
        "You took the mean under the root. The L2 norm adds the squares up.", total="mean"
    ),
    "times-size": mistake(
        "You multiplied the mean by the size. A window has size · size numbers: "
        "the sum is the mean times size².",
        total="by-size",
    ),
    "no-root": mistake("The root is missing. Take it last, once for each window.", root=False),
    "mean-of-squares": mistake(
        "The root is missing, and you took the mean. The L2 norm adds the squares up, "
        "and takes the root last.",
        l2_pool_with(total="mean", root=False),
    ),
    "added-first": mistake(
        "You added first and squared afterwards, so numbers of opposite sign cancel. "
        "Square every number first.",
        terms="numbers",
    ),
    "nothing-squared": mistake(
        "You added the numbers as they are and took the root, which is `nan` where the sum is "
        "negative. Square every number first.",
        terms="plain",
    ),
    "l1-norm": mistake(
        "You added the magnitudes: that is the L1 norm. Square, add, then take the root.",
        terms="magnitudes",
    ),
    "largest": mistake(
        "You kept the largest magnitude of each window, as a max pool does. "
        "The L2 norm adds up the squares of all of them.",
        total="max",
    ),
    "largest-of-row-lengths": mistake(
        "You took the length of each row of a window and kept the largest. The L2 norm adds up the "
        "squares of the whole window, over both of its axes.",
        total="longest row",
    ),
    "largest-of-column-lengths": mistake(
        "You took the length of each column of a window and kept the largest. The L2 norm adds up "
        "the squares of the whole window, over both of its axes.",
        total="longest column",
    ),
    "one-axis-rows": mistake(
        "You added up each window along one axis only, its rows. Sum over both axes of the window.",
        total="rows",
    ),
    "one-axis-columns": mistake(
        "You added up each window along one axis only, its columns. "
        "Sum over both axes of the window.",
        total="columns",
    ),
    "deviation": mistake(
        "That is the standard deviation: it subtracts the mean and divides. "
        "The L2 norm squares the numbers themselves and adds them up.",
        total="deviation",
    ),
    "padded": mistake(
        "You padded the image with a frame of zeros. This pool has no padding.", padded=True
    ),
    "rounded-up": mistake(
        "You rounded the number of windows up. Where the last window does not fit, leave it out.",
        count="up",
    ),
    "library": mistake(
        "Your code calls `F.lp_pool2d` somewhere, and this exercise asks you to do without. "
        "Square every number, add up each window, take the root.",
        when=calls_library,
        example=lambda image, size, stride: F.lp_pool2d(image[None], 2, size, stride)[0],
    ),
}


# --- 3.8 ----------------------------------------------------------------------------------------
def _exponent(distance, sigma, slip):
    """The exponent of the bell at these distances from the centre, with a slip in it."""
    return {
        "two": -(distance**2) / sigma**2,
        "sigma": -(distance**2) / (2 * sigma),
        "sign": distance**2 / (2 * sigma**2),
        "distance": -distance.abs() / (2 * sigma**2),
        "brackets": -(distance**2) / 2 * sigma**2,
        "width": -(distance**2) / (2 * sigma) ** 2,
    }.get(slip, -(distance**2) / (2 * sigma**2))


def gaussian_weights(size, sigma, centre, exponent, lines):
    """(size, size) weights of a window, not normalised yet; see `gaussian_pool_with`."""
    middle = {"corner": 0, "whole": size // 2, "half": size / 2, "end": size - 1}
    offset = torch.arange(float(size)) - middle.get(centre, (size - 1) / 2)
    if centre == "unit":
        offset = torch.linspace(-1, 1, size)
    if exponent == "radius":
        radius = (offset[:, None] ** 2 + offset**2).sqrt()
        return torch.exp(_exponent(radius, sigma, "distance"))
    line = torch.exp(_exponent(offset, sigma, exponent))
    if lines == "sum":
        return line[:, None] + line
    flat = torch.ones(size)
    return {"across": flat, "down": line}.get(lines, line)[:, None] * (
        flat if lines == "down" else line
    )


def gaussian_pool_with(
    centre="middle", exponent="", lines="both", norm="sum", reduce="sum", channels="each",
    swapped=False, **windows,
) -> Callable:  # fmt: skip
    """Make a gaussian_pool2d with these decisions in it.

    Parameters
    ----------
    centre : "middle" (right), "corner", "whole" (size // 2), "half" (size / 2), "end", "unit"
    exponent : "" (right), or a slip of `_exponent`
    lines : the weights fade "both" ways, only "across" or "down", or are a "sum" of two lines
    norm : by their "sum", each "row" by its own, or as a "density", by the number of "pixels", the
        largest, or not at all
    reduce : weighted numbers are added up; or averaged, or the largest is kept
    channels, swapped : channels added up, rows and columns exchanged
    windows : as in `cut_windows`
    """

    def gaussian_pool2d(image, size, stride, sigma):
        cut = cut_windows(image, size, stride, fill=0.0, **windows)
        weights = gaussian_weights(size, sigma, centre, exponent, lines)
        divisor = {
            "none": 1,
            "density": 2 * torch.pi * sigma**2,
            "pixels": size**2,
            "largest": weights.amax(),
            "row": weights.sum(1, keepdim=True),
        }
        weights = weights / divisor.get(norm, weights.sum())
        if reduce == "alike":
            weights = torch.ones(size, size) / size**2
        weighted = (cut * weights).flatten(3)
        pooled = {"max": weighted.amax, "mean": weighted.mean}.get(reduce, weighted.sum)(-1)
        pooled = _merged(pooled, channels)
        return pooled.transpose(-1, -2) if swapped else pooled

    return gaussian_pool2d


# those given as answers are too rare to be tried in pairs, which takes time
GAUSSIAN_POOL = {
    **WINDOW,
    "channels-added": mistake(
        "You added the channels up. A pool keeps them apart: in F.conv2d, groups=C does.",
        channels="over",
    ),
    "channels-gone": mistake(
        "You added the channels up, and their axis is gone. A pool keeps them apart: the shape is "
        "(C, H', W').",
        channels="gone",
    ),
    "channels-mixed": mistake(
        "You added the channels up, so all of them come out alike. A pool keeps them apart: "
        "in F.conv2d, groups=C and a kernel of shape (C, 1, size, size) do.",
        channels="shared",
    ),
    "not-normalised": mistake(
        "Your weights do not add up to 1. Divide them by their sum.", norm="none"
    ),
    "density": mistake(
        "You divided by 2πσ², as the density of a Gaussian has it. On a few pixels the weights "
        "then do not add up to 1: divide them by their own sum.",
        norm="density",
    ),
    "each-row-by-itself": mistake(
        "Every row of your weights adds up to 1, so all rows of a window together count too much. "
        "Divide by the sum over both axes.",
        gaussian_pool_with(norm="row"),
    ),
    "divided-by-pixels": mistake(
        "You divided by the number of pixels of the window. Weights that differ add up to "
        "another number: divide them by their own sum.",
        gaussian_pool_with(norm="pixels"),
    ),
    "mean-of-weighted": mistake(
        "You took the mean of the weighted numbers, which divides once more. "
        "Weights that add up to 1 make it a mean already: add up.",
        gaussian_pool_with(reduce="mean"),
    ),
    "largest-weighted": mistake(
        "You kept the largest of the weighted numbers. A weighted mean adds them up.",
        gaussian_pool_with(reduce="max"),
    ),
    "centre-in-corner": mistake(
        "Your weights are largest in a corner. Measure the distance from the window's centre, "
        "at (size − 1) / 2.",
        centre="corner",
    ),
    "centre-in-end": mistake(
        "Your weights are largest in the last corner. Measure the distance from the window's "
        "centre, at (size − 1) / 2.",
        gaussian_pool_with(centre="end"),
    ),
    "centre-whole": mistake(
        "Your centre is at size // 2, half a pixel off where the size is even. "
        "It lies at (size − 1) / 2.",
        centre="whole",
    ),
    "centre-half": mistake(
        "Your centre is at size / 2, half a pixel too far. Positions are counted from 0, "
        "so it lies at (size − 1) / 2.",
        centre="half",
    ),
    "positions-in-windows": mistake(
        "You measure distances in half windows, from −1 to 1, and sigma in pixels. "
        "Measure both in pixels: torch.arange(size) − (size − 1) / 2.",
        gaussian_pool_with(centre="unit"),
    ),
    "two-missing": mistake(
        "The exponent is −(distance²) / (2·sigma²); the 2 is missing.", exponent="two"
    ),
    "sigma-not-squared": mistake(
        "The exponent is −(distance²) / (2·sigma²); your sigma is not squared.", exponent="sigma"
    ),
    "two-squared-too": mistake(
        "The exponent is −(distance²) / (2·sigma²); you squared the 2 as well.",
        gaussian_pool_with(exponent="width"),
    ),
    "minus-missing": mistake(
        "Your weights grow outwards: the exponent has lost its minus sign. "
        "It is −(distance²) / (2·sigma²).",
        exponent="sign",
    ),
    "brackets-missing": mistake(
        "You multiply by sigma² where you should divide: brackets are missing. "
        "The exponent is −(distance²) / (2·sigma²).",
        exponent="brackets",
    ),
    "distance-not-squared": mistake(
        "The exponent is −(distance²) / (2·sigma²); your distances are not squared, "
        "neither that of the row nor that of the column.",
        exponent="distance",
    ),
    "radius-not-squared": mistake(
        "The exponent holds the squared distance, y² + x²; you took its root first.",
        gaussian_pool_with(exponent="radius"),
    ),
    "alike": mistake("Your weights are all alike: that is average pooling.", reduce="alike"),
    "fades-across-only": mistake(
        "Your weights fade along a row only; down the columns they stay the same. "
        "Both distances count: y² + x².",
        lines="across",
    ),
    "fades-down-only": mistake(
        "Your weights fade down the columns only; along a row they stay the same. "
        "Both distances count: y² + x².",
        lines="down",
    ),
    "lines-added": mistake(
        "You added the two lines of weights. exp(−(y² + x²) / (2σ²)) is their product.",
        lines="sum",
    ),
}
