"""Slips in 3.9, the gradient through pool(σ(conv)), and in 3.10, the blur pool, as switches."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from course_utils.exercise import mistake


# --- 3.9 ----------------------------------------------------------------------------------------
def slide(image, kernel):
    """(H, W), (kH, kW) -> every output of the convolution, without padding."""
    return F.conv2d(image[None, None], kernel[None, None])[0, 0]


def sigmoid_slope(output):
    """σ′ at these outputs."""
    return torch.sigmoid(output) * (1 - torch.sigmoid(output))


SLOPES: dict[str, Callable] = {
    "right": sigmoid_slope,
    "missing": torch.ones_like,
    "twice": lambda best: sigmoid_slope(torch.sigmoid(best)),
    "value": torch.sigmoid,
    "complement": lambda best: 1 - torch.sigmoid(best),
    "raw": lambda best: best * (1 - best),
    "tanh": lambda best: 1 - torch.tanh(best) ** 2,
    "relu": lambda best: (best > 0).float(),
    "sum": lambda best: torch.sigmoid(best) + (1 - torch.sigmoid(best)),
    "mean": sigmoid_slope,  # of all outputs
}
WINNERS: dict[str, Callable] = {
    "largest": torch.argmax,
    "smallest": torch.argmin,
    "magnitude": lambda output: output.abs().argmax(),
    "slope": lambda output: sigmoid_slope(output).argmax(),
    "first": lambda output: 0,
    "last": lambda output: output.numel() - 1,
}


def layer_gradient_with(
    slope="right", winner="largest", place="right", window="image", flipped=False, padded=False,
    pool="max",
) -> Callable:  # fmt: skip
    """Make a layer_gradient with these decisions in it.

    Parameters
    ----------
    slope, winner : keys of `SLOPES` and `WINNERS`
    place : of the winner: "right", "swapped" (row and column), "image" (divided by its width)
    window : what the slope is multiplied by: the "image"'s, "flipped", the "kernel", or "nothing"
    flipped, padded : the kernel turned before it slides; a frame of zeros around the image
    pool : "max", or the "sum" or "mean" of all outputs
    """

    def layer_gradient(image, kernel):
        framed = F.pad(image, (1, 1, 1, 1)) if padded else image
        output = slide(framed, kernel.flip(0, 1) if flipped else kernel)
        if pool != "max":
            slopes = SLOPES[slope](output)
            return slide(framed, slopes / output.numel() if pool == "mean" else slopes)
        index = int(WINNERS[winner](output))
        factor = SLOPES[slope](output if slope == "mean" else output.flatten()[index]).mean()
        row, column = divmod(index, image.shape[1] if place == "image" else output.shape[1])
        if place == "swapped":
            row, column = column, row
        cut = framed[row : row + kernel.shape[0], column : column + kernel.shape[1]]
        cut = {"flipped": cut.flip(0, 1), "kernel": kernel, "nothing": torch.ones_like(kernel)}.get(
            window, cut
        )
        return factor * cut

    return layer_gradient


def largest_activation(image, kernel, activate=torch.sigmoid):
    """pool(σ(conv)): the largest of all activated outputs."""
    return activate(slide(image, kernel)).amax()


def image_gradient(image, kernel):
    """The gradient of the image instead of the kernel's."""
    pixels = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(largest_activation(pixels, kernel), pixels)
    return gradient


LAYER_GRADIENT = {
    "slope-missing": mistake(
        "σ′, the slope of the sigmoid, is missing. "
        "The chain has three links: pool, σ and convolution.",
        slope="missing",
    ),
    "relu-slope": mistake(
        "You took the slope of a ReLU, 1 or 0, as in the example above. "
        "Here σ is a sigmoid, whose slope is σ·(1 − σ).",
        slope="relu",
    ),
    "slope-at-activation": mistake(
        "You took σ′ at the activated value, so the sigmoid is applied twice. "
        "σ′ belongs at O, before the activation.",
        slope="twice",
    ),
    "value-for-slope": mistake(
        "You used σ in place of its slope, which is σ·(1 − σ).", slope="value"
    ),
    "complement-for-slope": mistake(
        "You used 1 − σ in place of the slope, which is σ·(1 − σ).", slope="complement"
    ),
    "slope-of-output": mistake(
        "You took o·(1 − o) of the output itself. The slope is σ(o)·(1 − σ(o)): "
        "apply the sigmoid first.",
        slope="raw",
    ),
    "tanh-slope": mistake(
        "1 − tanh² is the slope of tanh. Here σ is a sigmoid, whose slope is σ·(1 − σ).",
        slope="tanh",
    ),
    "mean-slope": mistake(
        "You averaged the slope over all outputs. Take it at the winner's place alone.",
        slope="mean",
    ),
    "every-output": mistake(
        "Every output sends its gradient back in your sum. Behind a max pool only the winner does.",
        pool="sum",
    ),
    "mean-of-outputs": mistake(
        "You took the mean over the outputs. "
        "The winner's gradient comes through a max pool undivided.",
        pool="mean",
    ),
    "smallest-wins": mistake(
        "You took the smallest output for the winner. A max pool keeps the largest.",
        winner="smallest",
    ),
    "magnitude-wins": mistake(
        "You took the output of the largest magnitude for the winner. "
        "A max pool keeps the largest number, with its sign.",
        winner="magnitude",
    ),
    "steepest-wins": mistake(
        "You took the place with the largest slope for the winner. The pool comes before: "
        "find the largest output, then take the slope there.",
        winner="slope",
    ),
    "first-window": mistake(
        "You used the first window of the image, whatever the outputs. "
        "Look for the place of the largest output.",
        winner="first",
    ),
    "last-window": mistake(
        "You used the last window of the image, whatever the outputs. "
        "Look for the place of the largest output.",
        winner="last",
    ),
    "place-swapped": mistake(
        "Row and column of the winner are exchanged: argmax counts along the rows. "
        "divmod(index, number of columns) gives the row first.",
        place="swapped",
    ),
    "place-by-image-width": mistake(
        "You divided the winner's index by the width of the image. The index counts outputs: "
        "divide by the width of O.",
        place="image",
    ),
    "kernel-for-window": mistake(
        "You multiplied by the kernel. The gradient of the kernel is σ′ times the *window of the "
        "image* that the winner saw.",
        window="kernel",
    ),
    "window-missing": mistake(
        "The window is missing: all your numbers are alike, the slope. "
        "Multiply it by the window of the image that the winner saw.",
        window="nothing",
    ),
    "window-flipped": mistake(
        "The winner's window is flipped in your result. Output (i, j) is the window times the "
        "kernel as it is, so nothing is turned round.",
        window="flipped",
    ),
    "kernel-flipped": mistake(
        "You flipped the kernel before you slid it. PyTorch slides it as it is "
        "(cross-correlation), and so does the lesson.",
        flipped=True,
    ),
    "padded": mistake(
        "You padded the image with a frame of zeros. Here the kernel slides inside the image, "
        "and the winner's window lies in it.",
        padded=True,
    ),
    "image-gradient": mistake(
        "This is the gradient of the image, as large as the image. "
        "The kernel's gradient has the kernel's shape.",
        image_gradient,
    ),
    "value-of-loss": mistake(
        "That is the value of L, one number. Its gradient has the kernel's shape: "
        "σ′ at the winner times the winner's window.",
        largest_activation,
    ),
}


# --- 3.10 ---------------------------------------------------------------------------------------
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
