"""Wrong answers to 3.11 and 3.12: the period of a saw, and one number for a whole map."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from course_utils.exercise import mistake


# --- 3.11: periods with a pool of 4, and with three pools of 2 one behind the other --------------
def periods_by_torch():
    """Smallest shift after which the mean of the pooled row is the same, wherever a spike lies."""

    def period(sizes):
        def pooled(row):
            for size in sizes:
                row = F.max_pool1d(row, size)
            return row.mean(-1)

        rows = torch.rand(50, 1, 128, generator=torch.Generator().manual_seed(0)).double()
        rows[:, :, :32] = rows[:, :, 80:] = 0
        shifts = (pooled(rows.roll(shift, -1)) for shift in range(1, 33))
        same = [torch.allclose(moved, pooled(rows)) for moved in shifts]
        return same.index(True) + 1

    return period([4]), period([2, 2, 2])


_FIRST = "Your first number is right."
_THREE = (
    "Behind the first pool one step is 2 pixels of the picture, and the second pool cuts those "
    "steps in pairs again. Go on to the third."
)
PERIODS = {
    "invariant": mistake(
        "A period of 1 would mean that no shift changes anything, so that there is no saw. "
        "Look where the cuts of the windows fall after one pixel.",
        (1, 1),
    ),
    "both-of-two": mistake(
        "2 is the period of a single pool of 2. After 2 pixels the cuts of a pool of 4 fall "
        "elsewhere in the digit, and three pools leave steps longer than 2.",
        (2, 2),
    ),
    "first-of-two": mistake(
        "Your second number is right. After 2 pixels the cuts of a pool of 4 fall elsewhere in "
        "the digit: how far until they fall as before?",
        (2, 8),
    ),
    "as-after-one-pool": mistake(
        f"{_FIRST} 2 is the period of a single pool of 2. {_THREE}", (4, 2)
    ),
    "added": mistake(f"{_FIRST} You added the pools' strides up; they multiply. {_THREE}", (4, 6)),
    "two-pools": mistake(
        f"{_FIRST} 4 is the period of two pools of 2. There is a third behind them.", (4, 4)
    ),
    "four-pools": mistake(f"{_FIRST} 16 takes four pools of 2. There are three.", (4, 16)),
    "two-to-the-wrong-power": mistake(
        f"{_FIRST} 9 is 3 · 3: base and exponent are exchanged. {_THREE}", (4, 9)
    ),
    "counts-pools": mistake(f"{_FIRST} 3 is the number of pools, not a shift. {_THREE}", (4, 3)),
    "strides-plus-one": mistake(f"{_FIRST} Nothing has to be added to a shift. {_THREE}", (4, 7)),
    "pixels-in-windows": mistake(
        "You counted the pixels of a window, rows times columns. "
        "The digit moves along one axis only.",
        (16, 64),
    ),
    "second-by-area": mistake(
        f"{_FIRST} 64 counts the pixels behind one output, rows times columns. "
        "The digit moves along one axis only.",
        (4, 64),
    ),
    "exchanged": mistake(
        "Both numbers are there, in the wrong order: first the pool of 4, then three pools of 2.",
        (8, 4),
    ),
    "lowest-points": mistake(
        "Halfway between two peaks the accuracy is low. The period is the whole way, "
        "from one peak to the next.",
        (2, 4),
    ),
    "frequencies": mistake(
        "These are parts of a saw for each pixel, not periods. A period is a number of pixels.",
        (1 / 4, 1 / 8),
    ),
    "receptive-field": mistake(
        f"{_FIRST} 22 pixels is what one place sees behind three 3×3 convolutions with pools of 2, "
        "its receptive field. The period is how far apart neighbouring places look: only strides "
        "count.",
        (4, 22),
    ),
    "last-before-the-peak": mistake(
        "You stopped one pixel before the curve is back where it began.", (3, 7)
    ),
    "one-too-many": mistake(
        "You counted the shifts from peak to peak with both ends. "
        "A period is the distance between them.",
        (5, 9),
    ),
    "twice": mistake(
        "After that shift the accuracy is back, but not for the first time. "
        "The period is the smallest such shift.",
        (8, 16),
    ),
    "first-twice": mistake(
        "Your second number is right. With a pool of 4 the accuracy is back for the second time "
        "after 8 pixels; the period is the smallest such shift.",
        (8, 8),
    ),
    "never": mistake(
        "0 is no shift at all. Away from the frame's edge the cuts fall as before after some "
        "pixels: how many?",
        (0, 0),
    ),
}


# --- 3.12: (N, C, H, W) -> (N, C) ----------------------------------------------------------------
REDUCTIONS = {  # maps, axes, keepdim -> what is taken of every map
    "mean": lambda x, axes, keep: x.mean(axes, keepdim=keep),
    "sum": lambda x, axes, keep: x.sum(axes, keepdim=keep),
    "max": lambda x, axes, keep: x.amax(axes, keepdim=keep),
    "min": lambda x, axes, keep: x.amin(axes, keepdim=keep),
    "median": lambda x, _axes, _keep: x.flatten(2).median(2).values,
    "centre": lambda x, _axes, _keep: x[:, :, x.shape[2] // 2, x.shape[3] // 2],
    "corner": lambda x, _axes, _keep: x[:, :, 0, 0],
    "middle": lambda x, axes, keep: (x.amax(axes, keepdim=keep) + x.amin(axes, keepdim=keep)) / 2,
    "sizes": lambda x, axes, keep: x.abs().mean(axes, keepdim=keep),
    "squares": lambda x, axes, keep: x.square().mean(axes, keepdim=keep),
    "rms": lambda x, axes, keep: x.square().mean(axes, keepdim=keep).sqrt(),
    "norm": lambda x, axes, keep: x.square().sum(axes, keepdim=keep).sqrt(),
    "positive": lambda x, axes, keep: x.relu().mean(axes, keepdim=keep),
    "std": lambda x, _axes, _keep: x.flatten(2).std(2),
}


def averaged(axes=(2, 3), keep=False, reduce="mean", count="places", turned=False, image="all"):
    """An answer to 3.12: which axes go, whether they stay with length 1, and what is taken.

    `count` is what a sum is divided by: the "places" of a map (right), one side twice ("rows" or
    "columns"), the "channels" or the "images". `image` says which are averaged: "all", the
    "first" alone, or the first "repeated".
    """

    def global_average(maps):
        chosen = maps if image == "all" else maps[:1]
        result = REDUCTIONS[reduce](chosen, axes, keep)
        if image == "repeated":
            result = result.expand(len(maps), *result.shape[1:])
        images, channels, rows, columns = maps.shape
        counts = {"rows": rows**2, "columns": columns**2, "channels": channels, "images": images}
        result = result * (rows * columns / counts.get(count, rows * columns))
        return result.T if turned and result.ndim == 2 else result

    return global_average


_AXES = "The axes of (N, C, H, W) are counted from 0, and rows and columns have to go: 2 and 3."
GLOBAL_AVERAGE = {
    "one-number": mistake(
        "You averaged everything into one number. Images and channels stay apart: "
        "one mean for each map.",
        axes=(0, 1, 2, 3),
    ),
    "channels-averaged": mistake(
        "You averaged the channels as well, so one number for each image is left. "
        "Each channel looks for another pattern: keep one mean for each.",
        axes=(1, 2, 3),
    ),
    "batch-averaged": mistake(
        "You averaged over the images of the batch as well. Each image has numbers of its own.",
        axes=(0, 2, 3),
    ),
    "rows-only": mistake(
        "Only the rows are averaged away; the columns are still there. "
        "A whole map becomes one number.",
        axes=(2,),
    ),
    "columns-only": mistake(
        "Only the columns are averaged away; the rows are still there. "
        "A whole map becomes one number.",
        axes=(3,),
    ),
    "axes-from-one": mistake(f"You averaged channels and rows. {_AXES}", axes=(1, 2)),
    "first-two-axes": mistake(f"You averaged images and channels. {_AXES}", axes=(0, 1)),
    "channels-only": mistake(f"You averaged over the channels alone. {_AXES}", axes=(1,)),
    "axes-kept": mistake(
        "The means are right, but two axes of length 1 are left: (N, C, 1, 1). "
        "The layer behind wants (N, C).",
        keep=True,
    ),
    "summed": mistake(
        "Yours is the sum of each map. Divide by the number of its places, or the result "
        "depends on the size of the map.",
        reduce="sum",
    ),
    "largest": mistake(
        "Yours is the largest number of each map, global max pooling. Here the mean is wanted.",
        reduce="max",
    ),
    "median": mistake(
        "Yours is the median of each map. The mean adds all its numbers up and divides.",
        reduce="median",
    ),
    "middle-place": mistake(
        "You took the number in the middle of each map. All places count alike in a mean.",
        reduce="centre",
    ),
    "smallest": mistake(
        "Yours is the smallest number of each map. Here the mean is wanted.", reduce="min"
    ),
    "corner": mistake(
        "You took the first number of each map. All places count alike in a mean.",
        reduce="corner",
    ),
    "middle-of-extremes": mistake(
        "You took the middle between the smallest and the largest number of each map. A mean adds "
        "all numbers up.",
        reduce="middle",
    ),
    "sizes-averaged": mistake(
        "You averaged the numbers without their signs. Negative numbers count as negative in a "
        "mean.",
        reduce="sizes",
    ),
    "squares-averaged": mistake(
        "Yours is the mean of the squares of each map. Average the numbers as they are.",
        reduce="squares",
    ),
    "root-mean-square": mistake(
        "Yours is the root of the mean square of each map, as in an L2 pool. Average the numbers "
        "as they are, with their signs.",
        reduce="rms",
    ),
    "norm": mistake(
        "Yours is the norm (length) of each map: the root of the sum of squares. Average the "
        "numbers as they are, with their signs.",
        reduce="norm",
    ),
    "positive-averaged": mistake(
        "You set negative numbers to 0 before averaging, as a ReLU does. Average the numbers as "
        "they are.",
        reduce="positive",
    ),
    "spread": mistake(
        "Yours is the standard deviation of each map, how far its numbers spread. The mean is "
        "wanted.",
        reduce="std",
    ),
    "divided-by-rows-twice": mistake(
        "You divided by the number of rows twice. A map need not be square: "
        "divide by rows times columns.",
        count="rows",
    ),
    "divided-by-columns-twice": mistake(
        "You divided by the number of columns twice. A map need not be square: "
        "divide by rows times columns.",
        count="columns",
    ),
    "divided-by-channels": mistake(
        "You divided each sum by the number of channels. A mean divides by the number of places "
        "that were added up, rows times columns.",
        count="channels",
    ),
    "divided-by-images": mistake(
        "You divided each sum by the number of images. A mean divides by the number of places "
        "that were added up, rows times columns.",
        count="images",
    ),
    "transposed": mistake(
        "The means are right, but images and channels have changed places: yours has the shape "
        "(C, N). Images come first.",
        turned=True,
    ),
    "first-image-repeated": mistake(
        "Every image gets the means of the first one. Each image has means of its own: keep the "
        "batch axis.",
        image="repeated",
    ),
    "first-image": mistake(
        "Only the first image of the batch is there. Every image has its row.", image="first"
    ),
}
