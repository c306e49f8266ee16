"""Answers to 2.5, `conv2d`, right and wrong: a setting for every decision it takes."""

import torch
import torch.nn.functional as F

# --- 2.5 ----------------------------------------------------------------------------------------
SIZES = {
    "right": lambda room, step: room // step + 1,
    "no one": lambda room, step: room // step,
    "one inside": lambda room, step: (room + 1) // step,
    "one too many": lambda room, step: room // step + 2,
    "rounded up": lambda room, step: -(-room // step) + 1,
}
REDUCTIONS = {
    "sum": torch.sum,
    "mean": torch.mean,
    "max": torch.max,
    "first": lambda products: products.flatten()[0],
}


def sliding(
    flip=(), kernel_transposed=False, kernel_channel=None, image_channel=None, channels="sum",
    sides=("left", "right", "top", "bottom"), frame_value=0.0, frame="padding", strided="both",
    windows="strided", size="right", map_size="own", reduction="sum", after=None, output=None,
    kernel_axes=(1, 2), image_axes=(1, 2),
):  # fmt: skip
    """An answer to 2.5, with a setting for every decision it takes."""

    def conv2d(image, kernel, stride=1, padding=0):
        if channels != "sum":
            return _by_channel(image, kernel, stride, padding, channels)
        padded = _framed(image, kernel, padding, sides, frame, frame_value)
        kernel = kernel.flip(flip) if flip else kernel
        kernel = kernel.transpose(1, 2) if kernel_transposed else kernel
        if kernel_channel is not None:
            kernel = kernel[kernel_channel].expand_as(kernel)
        if image_channel is not None:
            padded = padded[image_channel].expand_as(padded)
        steps = [stride if strided in (way, "both") else 1 for way in ("rows", "columns")]
        height, width = (kernel.shape[axis] for axis in kernel_axes)
        rooms = [
            padded.shape[axis] - length
            for axis, length in zip(image_axes, (height, width), strict=True)
        ]
        sizes = [SIZES[size](room, step) for room, step in zip(rooms, steps, strict=True)]
        sizes = {"own": sizes, "exchanged": sizes[::-1], "rows": [sizes[0]] * 2,
                 "columns": [sizes[1]] * 2}[map_size]  # fmt: skip
        result = image.new_zeros(sizes)
        for i in range(sizes[0]):
            for j in range(sizes[1]):
                top, left = _corner(i, j, steps, windows)
                window = padded[:, top : top + height, left : left + width]
                result[i, j] = REDUCTIONS[reduction](window * kernel)
        return _finished(result, after, output)

    return conv2d


def _framed(image, kernel, padding, sides, frame, value):
    half = kernel.shape[1] // 2
    width = {"none": 0, "twice": 2 * padding, "one": 1, "same": half}.get(frame, padding)
    widths = [width if side in sides else 0 for side in ("left", "right", "top", "bottom")]
    if frame == "copied":
        return F.pad(image, widths, "replicate")
    return F.pad(image, widths, value=value)


def _corner(i, j, steps, windows):
    """Where the window of output (i, j) begins."""
    return {
        "strided": (i * steps[0], j * steps[1]),
        "adjacent": (i, j),
        "rows only": (i * steps[0], j),
        "columns only": (i, j * steps[1]),
        "exchanged": (j * steps[0], i * steps[1]),
        "fixed": (0, 0),
    }[windows]


def _finished(result, after, output):
    result = {None: result, "relu": result.relu(), "negative": -result, "abs": result.abs()}[after]
    return {
        None: result,
        "transposed": result.T,
        "axes of one": result[None, None],
        "last missing": result[:-1, :-1],
        "added": result.sum(),
        "first only": _only(result, 1, 1),
        "first row only": _only(result, 1, None),
        "running": result.flatten().cumsum(0).reshape(result.shape),
        "running in row": result.cumsum(1),
    }[output]


def _only(result, rows, columns):
    """All zeros but the first rows and columns: a `return` stands inside a loop."""
    whole = torch.zeros_like(result)
    whole[:rows, :columns] = result[:rows, :columns]
    return whole


def _by_channel(image, kernel, stride, padding, how):
    slide = sliding()
    pairs = zip(image[:, None], kernel[:, None], strict=True)
    maps = torch.stack([slide(layer, piece, stride, padding) for layer, piece in pairs])
    return {
        "apart": maps, "mean": maps.mean(0), "first": maps[0], "last": maps[-1],
        "max": maps.amax(0),
    }[how]  # fmt: skip


def holes(image, kernel, stride=1, padding=0):
    """Every output is written where its window begins: holes between them."""
    whole = sliding()(image, kernel, 1, padding)
    result = torch.zeros_like(whole)
    result[::stride, ::stride] = whole[::stride, ::stride]
    return result


def beyond(image, kernel, stride=1, padding=0):
    """The same in a map that is small enough: its end is passed."""
    right = sliding()(image, kernel, 1, padding)
    result = sliding()(image, kernel, stride, padding)
    for i in range(0, right.shape[0], stride):
        for j in range(0, right.shape[1], stride):
            result[i, j] = right[i, j]
    return result


def three_channels(image, kernel, stride=1, padding=0):
    """The channels 0, 1 and 2 are added, however many there are."""
    return sum(sliding()(image[c : c + 1], kernel[c][None], stride, padding) for c in range(3))


def size_unpadded(image, kernel, stride=1, padding=0):
    """The frame is there, and the map's size does not count it."""
    rows, columns = sliding()(image, kernel, stride).shape
    return sliding()(image, kernel, stride, padding)[:rows, :columns]


def skipped(window_step):
    """The loops over outputs go by the stride; windows begin at i, or at i·stride."""

    def conv2d(image, kernel, stride=1, padding=0):
        every = sliding()(image, kernel, 1, padding)
        result = torch.zeros_like(sliding()(image, kernel, stride, padding))
        for i in range(0, result.shape[0], stride):
            for j in range(0, result.shape[1], stride):
                step = stride if window_step else 1
                result[i, j] = every[i * step, j * step]
        return result

    return conv2d


def window_short(image, kernel, stride=1, padding=0):
    """Window and kernel both lack their last row and column; the map's size is right."""
    rows, columns = sliding()(image, kernel, stride, padding).shape
    return sliding()(image, kernel[:, :-1, :-1], stride, padding)[:rows, :columns]


def arguments_exchanged(image, kernel, stride=1, padding=0):
    return sliding()(image, kernel, padding + 1, stride - 1)
