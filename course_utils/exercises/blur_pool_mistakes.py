"""Slips in 3.10, the blur pool, as switches."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from course_utils.exercise import mistake

LINE = torch.tensor([1.0, 2, 1])
KERNELS = {
    "binomial": LINE[:, None] * LINE / 16,
    "box": torch.ones(3, 3) / 9,
    "sum": LINE[:, None] * LINE,
    "quarter": LINE[:, None] * LINE / 4,
    "ninth": LINE[:, None] * LINE / 9,
    "corners": torch.tensor([[2.0, 1, 2], [1, 4, 1], [2, 1, 2]]) / 16,
    "across": LINE[None] / 4,
    "down": LINE[:, None] / 4,
    "none": torch.ones(1, 1),
}


def blur_pool_with(
    pool="max", first_step=1, order="max", frame="reflect", width=1, framed="map",
    kernel="binomial", steps=(2, 2), start=0, channels="each",
) -> Callable:  # fmt: skip
    """Make a blur_pool2d with these decisions in it.

    Parameters
    ----------
    pool, first_step : what comes before the blur ("max", "mean", "min", "none"), and its stride
    order : "max" first, or "blur"
    frame, width, framed : the frame's mode or "none", its width, and whether "map" or "picture"
        is framed
    kernel : one of `KERNELS`
    steps, start : of the subsampling along rows and columns
    channels : "each"; "mixed" or "added" up, in all maps or in one; "first"
    """

    def pooled(image):
        if pool == "none":
            return image
        if pool == "mean":
            return F.avg_pool2d(image, 2, first_step)
        sign = -1 if pool == "min" else 1
        return sign * F.max_pool2d(sign * image[None], 2, first_step)[0]

    def blurred(maps):
        weights = KERNELS[kernel]
        sides = [width * (n > 1) for n in (weights.shape[1],) * 2 + (weights.shape[0],) * 2]
        if frame != "none" and framed == "map":
            maps = F.pad(maps[None], sides, mode=frame)[0]
        mixed = channels in ("mixed", "added")
        maps = maps.sum(0, keepdim=True).expand_as(maps) if mixed else maps
        return F.conv2d(maps[:, None], weights[None, None])[:, 0]

    def blur_pool2d(image):
        image = F.pad(image[None], [width] * 4, mode=frame)[0] if framed == "picture" else image
        maps = pooled(blurred(image)) if order == "blur" else blurred(pooled(image))
        maps = maps[:1] if channels in ("first", "added") else maps
        return maps[:, start :: steps[0], start :: steps[1]]

    return blur_pool2d


BLUR_POOL = {
    "channels-added": mistake(
        "Your blur adds the channels up, so one map is left. Blur each channel by itself: "
        "`groups`, or the channels in the place of the batch.",
        channels="added",
    ),
    "no-blur": mistake(
        "That is the plain max pool with stride 2. Blur between the maximum and the subsampling.",
        kernel="none",
    ),
    "subsampled-first": mistake(
        "You kept every second value first and blurred afterwards: by then the harm is done. "
        "Blur the dense map.",
        first_step=2,
        steps=(1, 1),
    ),
    "subsampled-twice": mistake(
        "Your pool moves by 2 and the blur does so again, so a sixteenth of the values is left. "
        "The maximum has stride 1: F.max_pool2d(…, 2, 1) gives the dense map.",
        first_step=2,
    ),
    "blurred-first": mistake(
        "You blurred the picture before the maximum. The maximum comes first; blur what it gives.",
        order="blur",
    ),
    "no-subsampling": mistake(
        "You left the subsampling out. Keep every second row and column.", steps=(1, 1)
    ),
    "rows-subsampled-only": mistake(
        "You kept every second row and all columns. Keep every second one along both axes.",
        steps=(2, 1),
    ),
    "columns-subsampled-only": mistake(
        "You kept every second column and all rows. Keep every second one along both axes.",
        steps=(1, 2),
    ),
    "starts-at-one": mistake(
        "You kept rows and columns 1, 3, 5, … Start at row 0 and column 0: [::2], not [1::2].",
        start=1,
    ),
    "no-maximum": mistake(
        "The maximum is missing: this blurs and subsamples the picture itself.", pool="none"
    ),
    "mean-for-maximum": mistake(
        "You took the mean of each 2×2 window. The first step is a max pool.", pool="mean"
    ),
    "minimum-for-maximum": mistake(
        "You took the smallest number of each 2×2 window. The first step is a max pool.",
        pool="min",
    ),
    "weights-not-divided": mistake(
        "Your blur's weights do not add up to 1. 1 2 1 along both axes adds up to 16.",
        kernel="sum",
    ),
    "weights-divided-by-4": mistake(
        "Your blur's weights do not add up to 1. Divide by 4 along each axis, by 16 in all.",
        kernel="quarter",
    ),
    "weights-divided-by-9": mistake(
        "You divided the blur's weights by 9, as if all nine were 1. "
        "1 2 1 along both axes adds up to 16.",
        kernel="ninth",
    ),
    "box": mistake(
        "Your blur weighs all nine values alike. The centre counts more: 1 2 1.", kernel="box"
    ),
    "corners-too-large": mistake(
        "Your kernel has its 2s in the corners. 1 2 1 along both axes gives 1 in the corners, "
        "2 along the sides and 4 in the middle.",
        kernel="corners",
    ),
    "blurs-across-only": mistake(
        "You blurred along each row only, from left to right. "
        "The kernel is 1 2 1 along both axes, down the columns too.",
        kernel="across",
    ),
    "blurs-down-only": mistake(
        "You blurred down the columns only. The kernel is 1 2 1 along both axes, "
        "along each row too.",
        kernel="down",
    ),
    "zero-frame": mistake(
        "You framed the dense map with zeros, which darkens its edge. Use mode='reflect'.",
        frame="constant",
    ),
    "replicated-frame": mistake(
        "Your frame repeats the edge of the dense map: that is what mode='replicate' gives, and "
        "also a frame round the picture, before the maximum. "
        "Frame the dense map, with mode='reflect'.",
        frame="replicate",
    ),
    "circular-frame": mistake(
        "Your frame goes round to the other side (mode='circular'). Use mode='reflect'.",
        frame="circular",
    ),
    "no-frame": mistake(
        "The frame is missing, so the blurred map is smaller than the dense one. "
        "Pad by one pixel with mode='reflect' before you blur.",
        frame="none",
    ),
    "frame-of-two": mistake(
        "Your frame is two pixels wide. A 3×3 kernel needs a frame of one pixel: (1, 1, 1, 1).",
        width=2,
    ),
    "picture-framed-with-zeros": mistake(
        "You framed the picture with zeros before the maximum. "
        "Frame the dense map, with mode='reflect'.",
        frame="constant",
        framed="picture",
    ),
    "channels-mixed": mistake(
        "You added the channels up in the blur. Each channel for itself: groups=C in F.conv2d, "
        "with a kernel of shape (C, 1, 3, 3).",
        channels="mixed",
    ),
    "first-channel-only": mistake(
        "Only the first channel comes back. Treat each channel for itself, and keep them all.",
        channels="first",
    ),
}
