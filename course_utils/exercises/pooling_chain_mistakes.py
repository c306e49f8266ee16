"""Slips in 3.9, the gradient through pool(σ(conv)), as switches."""

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
    "tanh of sigmoid": lambda best: 1 - torch.sigmoid(best) ** 2,
    "squared": lambda best: torch.sigmoid(best) ** 2,
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
    pool="max", size="kernel",
) -> Callable:  # fmt: skip
    """Make a layer_gradient with these decisions in it.

    Parameters
    ----------
    slope, winner : keys of `SLOPES` and `WINNERS`
    place : of the winner: "right", "swapped" (row and column), "image" (divided by its width),
        "rows" (divided by the number of rows)
    window : what the slope is multiplied by: the "image"'s, "flipped", the "kernel", or "nothing"
    size : of the window: as the "kernel" has it, "exchanged", as the "outputs" have it, or "two"
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
        lengths = {"image": image.shape[1], "rows": output.shape[0]}
        row, column = divmod(index, lengths.get(place, output.shape[1]))
        if place == "swapped":
            row, column = column, row
        if place == "rows":
            factor = SLOPES[slope](output[row, column])
        height, width = {
            "exchanged": kernel.shape[::-1], "outputs": output.shape, "two": (2, 2),
        }.get(size, kernel.shape)  # fmt: skip
        cut = framed[row : row + height, column : column + width]
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
    "tanh-slope-of-sigmoid": mistake(
        "You used 1 − σ² for the slope. With y = tanh(o) the slope is 1 − y², but with y = σ(o) it "
        "is y·(1 − y).",
        slope="tanh of sigmoid",
    ),
    "value-squared": mistake(
        "You used σ² in place of the slope, which is σ·(1 − σ).", slope="squared"
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
    "place-by-rows": mistake(
        "You divided the winner's index by the number of rows of O. argmax counts along the rows, "
        "so divide by how many numbers a row has, O.shape[1].",
        layer_gradient_with(place="rows"),
    ),
    "window-as-large-as-outputs": mistake(
        "Your window is as large as the map of outputs, and at the edge of the image it is cut "
        "off. The winner saw as many pixels as the kernel has: take the kernel's shape.",
        layer_gradient_with(size="outputs"),
    ),
    "window-sides-exchanged": mistake(
        "Height and width of your window are exchanged, and at the edge of the image it is cut "
        "off. The rows go by kernel.shape[0], the columns by kernel.shape[1].",
        layer_gradient_with(size="exchanged"),
    ),
    "window-of-two": mistake(
        "Your window is 2×2, as in the example. The winner saw as many pixels as the kernel has: "
        "take the kernel's shape.",
        layer_gradient_with(size="two"),
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
