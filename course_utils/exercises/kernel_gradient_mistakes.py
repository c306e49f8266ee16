"""What students get wrong in 2.10: answers with a setting for every decision."""

import torch
import torch.nn.functional as F

from course_utils.exercise import mistake


def slide(image, kernel, **options):
    """(H, W), (kH, kW) -> feature map, by PyTorch."""
    return F.conv2d(image[None, None], kernel[None, None], **options)[0, 0]


def backward(
    image_flipped=(), upstream_flipped=(), result_flipped=(), upstream="own", transposed=False,
    reduction="sum", sign=1, padding=0, factor=None, outputs="all", entries="all", offset=0,
):  # fmt: skip
    """An answer to 2.10: what slides over what, which outputs count, and what is done behind."""

    def kernel_gradient(image, kernel, upstream_gradient):
        weights = upstream_gradient.flip(upstream_flipped)
        weights = {
            "own": lambda: weights,
            "ones": lambda: torch.ones_like(weights),
            "mean": lambda: torch.full_like(weights, weights.mean().item()),
            "sum": lambda: torch.full_like(weights, weights.sum().item()),
            "squared": lambda: weights**2,
        }[upstream]()
        picked = torch.zeros_like(weights)
        rows, columns = OUTPUTS[outputs]
        picked[rows, columns] = weights[rows, columns]
        pixels = F.pad(image.flip(image_flipped), (padding,) * 4)
        pixels = pixels.roll((-offset, -offset), (0, 1))
        result = sign * slide(pixels, picked)
        result = result / upstream_gradient.numel() if reduction == "mean" else result
        result = result.flip(result_flipped)
        result = result.T if transposed else result
        return _with_factor(result, kernel, factor, entries)

    return kernel_gradient


OUTPUTS = {
    "all": (slice(None), slice(None)),
    "first": (slice(0, 1), slice(0, 1)),
    "last": (slice(-1, None), slice(-1, None)),
    "four": (slice(0, 2), slice(0, 2)),
    "first row": (slice(0, 1), slice(None)),
    "last row": (slice(-1, None), slice(None)),
    "without last": (slice(None, -1), slice(None, -1)),
}


def _with_factor(result, kernel, factor, entries):
    if factor == "kernel":
        result = result * kernel
    elif factor == "step":
        result = kernel - result
    elif factor == "added":
        result = kernel + result
    if entries == "all":
        return result
    whole, size = torch.zeros_like(result), {"first": 1, "four": 2}[entries]
    whole[:size, :size] = result[:size, :size]
    return whole


def input_gradient(image, kernel, upstream):
    """The gradient of the image in place of the kernel's."""
    pixels = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(slide(pixels, kernel), pixels, upstream)
    return gradient


def _matrix_product(turned):
    def kernel_gradient(image, kernel, upstream):
        rows, columns = upstream.shape
        gradient = torch.zeros_like(kernel)
        for a in range(kernel.shape[0]):
            for b in range(kernel.shape[1]):
                window = image[a : a + rows, b : b + columns]
                gradient[a, b] = (window @ (upstream.T if turned else upstream)).sum()
        return gradient

    return kernel_gradient


def _square(axis):
    def kernel_gradient(image, kernel, upstream):
        size = kernel.shape[axis]
        gradient = torch.zeros(size, size)
        for i in range(upstream.shape[0]):
            for j in range(upstream.shape[1]):
                gradient += upstream[i, j] * image[i : i + size, j : j + size]
        return gradient

    return kernel_gradient


_OWN_PIXEL = "Multiply each pixel by the upstream gradient of the output it went to, and add."
_ALL_OUTPUTS = "Every weight takes part in all outputs, so its gradient has a term for each."
KERNEL_GRADIENT = {
    "input-gradient": mistake(
        "This is the gradient of the input: it is as large as the image. "
        "The gradient of the kernel has the kernel's shape.",
        input_gradient,
    ),
    "forward-pass": mistake(
        "That is the layer's output: the image with the kernel. "
        "The gradient of the kernel needs the image and the upstream gradient.",
        lambda image, kernel, upstream: slide(image, kernel),
    ),
    "forward-times-upstream": mistake(
        "You multiplied the layer's output by the upstream gradient, place by place. Slide the "
        "upstream gradient over the image instead: the result has the kernel's shape.",
        lambda image, kernel, upstream: slide(image, kernel) * upstream,
    ),
    "upstream-flipped": mistake(
        "You flipped the upstream gradient. Slide it over the image as it is, without a flip.",
        upstream_flipped=(0, 1),
    ),
    "upstream-upside-down": mistake(
        "You flipped the upstream gradient's rows. Slide it over the image as it is.",
        upstream_flipped=(0,),
    ),
    "upstream-mirrored": mistake(
        "You flipped the upstream gradient's columns. Slide it over the image as it is.",
        upstream_flipped=(1,),
    ),
    "image-flipped": mistake(
        "You flipped the image. Slide the upstream gradient over it as it is.",
        image_flipped=(0, 1),
    ),
    "result-flipped": mistake(
        "Your gradient is flipped: upside down and back to front. "
        "Entry (a, b) uses the windows of the image that start at row a, column b.",
        result_flipped=(0, 1),
    ),
    "result-upside-down": mistake(
        "Your gradient is upside down: its rows are in reverse order.", result_flipped=(0,)
    ),
    "result-mirrored": mistake(
        "Your gradient is mirrored: its columns are in reverse order.", result_flipped=(1,)
    ),
    "transposed": mistake(
        "Your gradient is transposed: rows and columns are exchanged. "
        "Entry (a, b) uses pixels from row a, column b on.",
        transposed=True,
    ),
    "sign-turned": mistake("The sign of your gradient is wrong. No minus belongs here.", sign=-1),
    "mean-for-sum": mistake(
        "You took the mean over the windows. "
        "The kernel acts in every window, so its gradient is the sum.",
        reduction="mean",
    ),
    "upstream-ignored": mistake(
        "Each pixel is weighted alike in your sum: the upstream gradient is not used. "
        + _OWN_PIXEL,
        upstream="ones",
    ),
    "upstream-averaged": mistake(
        f"Every output counts with the mean of the upstream gradient. {_OWN_PIXEL}",
        upstream="mean",
    ),
    "upstream-added": mistake(
        f"You multiplied by the sum of the upstream gradient. {_OWN_PIXEL}",
        upstream="sum",
    ),
    "upstream-squared": mistake(
        f"The upstream gradient is squared in yours. {_OWN_PIXEL}", upstream="squared"
    ),
    "framed": mistake(
        "Your gradient is larger than the kernel: the image got a frame of zeros (padding). "
        "Slide over the image without a frame.",
        padding=1,
    ),
    "times-kernel": mistake(
        "You multiplied the gradient by the kernel. The weight itself drops out when you "
        "differentiate by it.",
        factor="kernel",
    ),
    "step-taken": mistake(
        "That is the kernel after a step of descent. The gradient alone is wanted.",
        factor="step",
    ),
    "kernel-added": mistake(
        "You added the gradient to the kernel. The gradient alone is wanted.", factor="added"
    ),
    "first-output-only": mistake(
        f"Only the first output counts in your sum. {_ALL_OUTPUTS}", outputs="first"
    ),
    "last-output-only": mistake(
        "Only the last output counts in your sum: each replaces the one before. " + _ALL_OUTPUTS,
        outputs="last",
    ),
    "first-row-of-outputs": mistake(
        f"Only the first row of outputs counts in your sum. {_ALL_OUTPUTS}", outputs="first row"
    ),
    "last-row-of-outputs": mistake(
        f"Only the last row of outputs counts in your sum. {_ALL_OUTPUTS}", outputs="last row"
    ),
    "four-terms": mistake(
        "Your sum has the four terms of the example, 2×2 outputs. "
        "It needs one term for every output, of any size.",
        outputs="four",
    ),
    "last-outputs-left-out": mistake(
        f"The last row and the last column of outputs are left out. {_ALL_OUTPUTS}",
        outputs="without last",
    ),
    "first-weight-only": mistake(
        "Only the first weight gets its gradient; the others are 0. "
        "Does `return` stand inside the loops?",
        entries="first",
    ),
    "four-weights-only": mistake(
        "Only 2×2 weights get a gradient, as in the example; the others are 0. "
        "Take the sizes from `kernel.shape`.",
        entries="four",
    ),
    "windows-start-late": mistake(
        "Your windows start one row and one column too late. "
        "In Python the first weight is (0, 0), and it meets pixels from (0, 0) on.",
        offset=1,
    ),
    "windows-never-move": mistake(
        "All entries of your gradient are the same: the window of the image never moves. "
        "For entry (a, b) it starts at row a, column b.",
        lambda image, kernel, upstream: torch.full_like(
            kernel, slide(image, upstream)[0, 0].item()
        ),
    ),
    "square-by-height": mistake(
        "You took the kernel for square: its height stands for its width too.", _square(0)
    ),
    "square-by-width": mistake(
        "You took the kernel for square: its width stands for its height too.", _square(1)
    ),
    "matrix-product": mistake(
        "You multiplied window and upstream gradient as matrices (@). "
        "Multiply them number by number (*), and add.",
        _matrix_product(False),
    ),
    "matrix-product-transposed": mistake(
        "You multiplied window and upstream gradient as matrices (@). "
        "Multiply them number by number (*), and add.",
        _matrix_product(True),
    ),
}
