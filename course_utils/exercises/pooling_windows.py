"""Pools with a slip in them, as switches: the windows of workbook 03 and further/03, and 3.4."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from course_utils.exercise import mistake
from course_utils.exercises.calling import calls_library


# --- windows, for every pool of 03 and further/03 -----------------------------------------------
def cut_windows(image, size, stride, moves="stride", count="down", extent="size", fill=-torch.inf):
    """(C, H, W) -> (C, H', W', size, size): the windows of a pool, as a student may cut them.

    Parameters
    ----------
    moves : "stride", "one", "size"; "placed" takes as many as the stride gives, one pixel apart
    count : of windows: "down" (right), "up", "begun" (all that start in the image), "short" by
        one, with the "one inside" the division, "square" (the rows' for both axes)
    extent : a window's side: "size" (right), the "stride", one "less" or one "more"
    fill : what lies beyond the image where a window does not fit
    """
    stride = {"one": 1, "size": size}.get(moves, stride)
    height, width = image.shape[1:]
    rows, columns = ((length - size) // stride + 1 for length in (height, width))
    if count in ("up", "begun"):
        rows, columns = (
            -((size - n) // stride) + 1 if count == "up" else (n - 1) // stride + 1
            for n in (height, width)
        )
        ends = [max(0, (n - 1) * stride + size - length)
                for n, length in ((columns, width), (rows, height))]  # fmt: skip
        image = F.pad(image, (0, ends[0], 0, ends[1]), value=fill)
    elif count == "one inside":
        rows, columns = ((length - size + 1) // stride for length in (height, width))
    elif count == "short":
        rows, columns = rows - 1, columns - 1
    elif count == "square":
        columns = rows
    step = 1 if moves == "placed" else stride
    side = {"stride": stride, "less": size - 1, "more": size + 1}.get(extent, size)
    image = F.pad(image, (0, max(0, side - size)) * 2, value=fill)
    return image.unfold(1, side, step).unfold(2, side, step)[:, :rows, :columns]


def mix_channels(maps, channels="each"):
    """(C, H, W) largest numbers -> the same with channels that are not kept apart."""
    if channels == "over":
        return maps.amax(0, keepdim=True)
    if channels == "gone":
        return maps.amax(0)
    if channels == "shared":
        return maps.amax(0, keepdim=True).expand_as(maps)
    return maps[:1] if channels == "first" else maps


WINDOW = {
    "stride-ignored": mistake(
        "Your window moves by one pixel, whatever the stride. "
        "The window of output (i, j) starts at row i·stride, column j·stride.",
        moves="one",
    ),
    "stride-is-size": mistake(
        "Your window moves by its own size, whatever the stride. "
        "The window of output (i, j) starts at row i·stride, column j·stride.",
        moves="size",
    ),
    "start-without-stride": mistake(
        "Your output has the right size, but its window starts at row i, column j. "
        "It has to start at row i·stride, column j·stride.",
        moves="placed",
    ),
    "one-inside-the-division": mistake(
        "You added the 1 before you divided by the stride. Count the steps, "
        "(H − size) // stride, then add 1.",
        count="one inside",
    ),
    "one-window-short": mistake(
        "Your output is one row and one column short: the last window is missing. "
        "There are (H − size) // stride steps, and one window more.",
        count="short",
    ),
    "window-of-stride": mistake(
        "Your window is as large as the stride. It starts at row i·stride, column j·stride, and "
        "covers size × size numbers.",
        extent="stride",
    ),
    "window-too-small": mistake(
        "Your window is one row and one column too small. A slice leaves its end out: "
        "start : start + size holds size numbers.",
        extent="less",
    ),
    "window-too-large": mistake(
        "Your window is one row and one column too large. A slice leaves its end out: "
        "start : start + size holds size numbers.",
        extent="more",
    ),
    "square-only": mistake(
        "You use the number of rows for the columns too, which is right for square images only. "
        "Work out the columns from the width.",
        count="square",
    ),
    "axes-swapped": mistake(
        "Rows and columns are swapped. Fill output[:, i, j]: rows first.", swapped=True
    ),
    "first-channel-only": mistake(
        "Only the first channel comes back. Pool each of the C channels, and keep one map "
        "for each.",
        channels="first",
    ),
}


# --- 3.4 ----------------------------------------------------------------------------------------
SIDES = {  # a frame as F.pad has it: left, right, top, bottom
    "top-left": (1, 0, 1, 0),
    "bottom-right": (0, 1, 0, 1),
    "columns": (1, 1, 0, 0),
    "rows": (0, 0, 1, 1),
    "none": (0, 0, 0, 0),
}


def max_pool_with(
    frame="all", fill=-torch.inf, reduce="max", start=None, channels="each", swapped=False,
    frame_counted=True, **windows,
) -> Callable:  # fmt: skip
    """Make a max_pool2d with these decisions in it.

    Parameters
    ----------
    frame, fill : which sides are framed, and with what
    reduce, start : what is kept of a window, and what the search for it starts at
    channels, swapped : see `mix_channels`; rows and columns exchanged
    frame_counted : whether the number of windows is worked out with the frame
    windows : as in `cut_windows`
    """

    def max_pool2d(image, size, stride, padding=0):
        sides = [side * padding for side in SIDES.get(frame, (1, 1, 1, 1))]
        image = image.abs() if reduce == "magnitude" else image
        shape = image.shape
        value = torch.inf if reduce == "min" and fill == -torch.inf else fill
        cut = cut_windows(F.pad(image, sides, value=value), size, stride, **windows)
        if not frame_counted:
            rows, columns = ((n - size) // stride + 1 for n in shape[1:])
            cut = cut[:, :rows, :columns]
        flat = cut.flatten(3)
        kept = {"mean": flat.mean, "sum": flat.sum, "min": flat.amin}.get(reduce, flat.amax)(-1)
        maps = mix_channels(kept if start is None else kept.clamp(min=start), channels)
        return maps.transpose(-1, -2) if swapped else maps

    return max_pool2d


def _frame_only_counted(image, size, stride, padding=0):
    """The padding counts for the size of the output, and the image has no frame."""
    rows, columns = ((n + 2 * padding - size) // stride + 1 for n in image.shape[1:])
    room = [max(0, (count - 1) * stride + size - n)
            for count, n in ((columns, image.shape[2]), (rows, image.shape[1]))]  # fmt: skip
    framed = F.pad(image, (0, room[0], 0, room[1]), value=-torch.inf)
    windows = framed.unfold(1, size, stride).unfold(2, size, stride)[:, :rows, :columns]
    return windows.flatten(3).amax(-1)


def _channels_as_rows(image, size, stride, padding=0):
    """`slide_max` of the lesson, used on a block of channels as it is."""
    framed = F.pad(image, [padding] * 4, value=-torch.inf)
    output = framed.new_zeros(framed.shape[0] - size + 1, framed.shape[1] - size + 1)
    for i in range(output.shape[0]):
        for j in range(output.shape[1]):
            output[i, j] = framed[i : i + size, j : j + size].max()
    return output[::stride, ::stride]


MAX_POOL = {
    **WINDOW,
    "mean": mistake("You took the mean of each window. Keep its largest number.", reduce="mean"),
    "mean-zero-frame": mistake(
        "You took the mean of each window, framed with zeros. Keep its largest number, and pad "
        "with -torch.inf, which never wins.",
        max_pool_with(reduce="mean", fill=0.0),
    ),
    "sum": mistake("You took the sum of each window. Keep its largest number.", reduce="sum"),
    "sum-zero-frame": mistake(
        "You took the sum of each window, framed with zeros. Keep its largest number, and pad "
        "with -torch.inf, which never wins.",
        max_pool_with(reduce="sum", fill=0.0),
    ),
    "smallest": mistake(
        "You kept the smallest number of each window. A max pool keeps the largest.", reduce="min"
    ),
    "magnitude": mistake(
        "You dropped the signs before you compared. The largest number counts, not the largest "
        "magnitude: −9 is smaller than 2.",
        reduce="magnitude",
    ),
    "zero-frame": mistake(
        "Your frame is made of zeros, and 0 wins where all numbers are negative. "
        "Pad with -torch.inf, which never wins.",
        fill=0.0,
    ),
    "frame-of-minus-one": mistake(
        "Your frame is made of −1, which wins over every smaller number. "
        "Pad with -torch.inf, which never wins.",
        fill=-1.0,
    ),
    "search-starts-at-zero": mistake(
        "Your search for the maximum starts at 0, and 0 wins where all numbers are negative. "
        "Start at -torch.inf, or take .amax of the window.",
        start=0.0,
    ),
    "padding-ignored": mistake(
        "The padding is ignored. Put the image into the middle of a larger block first.",
        frame="none",
    ),
    "padded-top-left": mistake(
        "Your frame counts at the top and on the left only. Padding goes on all four sides, "
        "and the size of the output counts it twice: H + 2·padding.",
        frame="top-left",
    ),
    "padded-bottom-right": mistake(
        "You padded the bottom and the right only. Padding goes on all four sides.",
        frame="bottom-right",
    ),
    "padded-left-right": mistake(
        "You padded the left and the right only. The top and the bottom need the frame too; "
        "F.pad takes (left, right, top, bottom).",
        frame="columns",
    ),
    "padded-top-bottom": mistake(
        "You padded the top and the bottom only. The left and the right need the frame too.",
        frame="rows",
    ),
    "size-without-padding": mistake(
        "Your image is framed, but the output has the size that it has without a frame. "
        "Work out its rows and columns from H + 2·padding and W + 2·padding.",
        frame_counted=False,
    ),
    "frame-only-counted": mistake(
        "You count the padding in the size of the output, but the image gets no frame, so windows "
        "start in its corner and run over its end. Pad the image with -torch.inf first.",
        _frame_only_counted,
    ),
    "rounded-up": mistake(
        "You rounded the number of windows up. Where the last window does not fit, leave it out.",
        count="up",
    ),
    "every-begun-window": mistake(
        "You keep every window that begins in the image, also where it does not fit. Leave those "
        "out: the last one begins at H − size, with the padding counted in H.",
        count="begun",
    ),
    "over-channels": mistake(
        "You took the largest number over all channels. Pool every channel alone: "
        "the maximum runs over rows and columns.",
        channels="over",
    ),
    "channels-share-maximum": mistake(
        "Every channel gets the largest number over all channels. Pool every channel alone: "
        "take .amax((1, 2)) of the window.",
        channels="shared",
    ),
    "channels-gone": mistake(
        "The axis of the channels is gone. Pool every channel alone, and keep one map for "
        "each: the shape is (C, H', W').",
        channels="gone",
    ),
    "channels-as-rows": mistake(
        "Your window slides over the first two axes, as `slide_max` does: over channels and rows. "
        "The axes of the image are channels, rows, columns, so slide over the last two.",
        _channels_as_rows,
    ),
    "library": mistake(
        "Your code calls `F.max_pool2d` somewhere, and this exercise asks you to do without. "
        "`window.amax((1, 2))` is the largest number of a window, for each channel.",
        when=calls_library,
        example=lambda image, size, stride, padding=0: F.max_pool2d(
            image[None], size, stride, padding
        )[0],
    ),
}
