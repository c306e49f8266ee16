"""Answers to the exercises of further/07 that make a mistake, and what is said of them."""

import torch
import torch.nn.functional as F

from course_utils.exercise import mistake
from course_utils.exercises.calling import calls_library


# --- 7.7 ----------------------------------------------------------------------------------------
def add_stamp(window, stamp):
    """What happens to a window of the canvas: the stamp is added."""
    return window + stamp


def transposed_by(
    shape=lambda kernel: kernel,
    of_code=lambda code: code,
    write=add_stamp,
    steps=lambda stride: stride,
    size=lambda n, stride, k: (n - 1) * stride + k,
    cut=lambda canvas, p: canvas[p : canvas.shape[0] - p, p : canvas.shape[1] - p],
    leave_out=0,
    finish=lambda canvas: canvas,
):
    """An answer to 7.7: what is stamped, where, on how large a canvas, and what is cut off."""

    def conv_transpose2d(code, kernel, stride=1, padding=0):
        code, kernel, step = of_code(code), shape(kernel), steps(stride)
        (height, width), (tall, wide) = code.shape, kernel.shape
        canvas = torch.zeros(size(height, stride, tall), size(width, stride, wide))
        for i in range(height - leave_out):
            for j in range(width - leave_out):
                window = canvas[i * step : i * step + tall, j * step : j * step + wide]
                window.copy_(write(window, code[i, j] * kernel))
        return finish(cut(canvas, padding))

    return conv_transpose2d


def _one_step_apart(code, kernel, stride=1, padding=0):
    tall, wide = kernel.shape
    framed = F.pad(code, (wide - 1, wide - 1, tall - 1, tall - 1))
    large = F.conv2d(framed[None, None], kernel.flip(0, 1)[None, None])[0, 0]
    return large[padding : large.shape[0] - padding, padding : large.shape[1] - padding]


def _on_the_diagonal(code, kernel, stride=1, padding=0):
    rows = code.new_zeros(code.shape)
    for i, row in enumerate(code):
        rows[i, min(i, code.shape[1] - 1)] = row.sum()
    return transposed_by()(rows, kernel, stride, padding)


def _shrunk(code, kernel, stride=1, padding=0):
    return F.conv2d(code[None, None], kernel[None, None], None, stride, padding)[0, 0]


def _averaged(code, kernel, stride=1, padding=0):
    stamps = transposed_by()(torch.ones_like(code), torch.ones_like(kernel), stride, 0)
    summed = transposed_by()(code, kernel, stride, 0) / stamps.clamp(min=1)
    return summed[padding : len(summed) - padding, padding : summed.shape[1] - padding]


def _number_plus_kernel(code, kernel, stride=1, padding=0):
    numbers = transposed_by()(code, torch.ones_like(kernel), stride, padding)
    return numbers + transposed_by()(torch.ones_like(code), kernel, stride, padding)


def _first_row_of_stamps(code, kernel, stride=1, padding=0):
    inner = code.clone()
    inner[1:] = 0
    return transposed_by()(inner, kernel, stride, padding)


def _last_stamp(code, kernel, stride=1, padding=0):
    inner = torch.zeros_like(code)
    inner[-1, -1] = code[-1, -1]
    return transposed_by()(inner, kernel, stride, padding)


def _repeated(code, kernel, stride=1, padding=0):
    large = code.repeat_interleave(stride, 0).repeat_interleave(stride, 1)
    return _one_step_apart(large, kernel, 1, padding)


OF_THE_STAMPS = {
    "on-the-diagonal": mistake(
        "All stamps of a row land in one place, on the diagonal: the column of a stamp follows i. "
        "It follows j: row i · stride, column j · stride.",
        _on_the_diagonal,
    ),
    "numbers-repeated": mistake(
        "You repeated every number of the code `stride` times (upsampling) and slid the kernel "
        "over that. Each number of the code puts one stamp down, `stride` places from the next.",
        _repeated,
    ),
    "last-stamp-wins": mistake(
        "Where stamps overlap, your last one wipes out the others. Add them up.",
        write=lambda window, stamp: stamp,
    ),
    "largest-stamp-wins": mistake(
        "You kept the largest of overlapping stamps. Add them up.", write=torch.maximum
    ),
    "stamps-averaged": mistake(
        "Where stamps overlap, you took their mean. Add them up.", _averaged
    ),
    "kernel-not-multiplied": mistake(
        "You added the number to the kernel. Each number stamps its *multiple*: "
        "code[i, j] * kernel.",
        _number_plus_kernel,
    ),
    "stamps-flipped": mistake(
        "Your stamps are flipped. Each number stamps the kernel as it is. "
        "(Sliding over spread-out numbers needs the flip; stamping does not.)",
        shape=lambda kernel: kernel.flip(0, 1),
    ),
    "stamps-transposed": mistake(
        "Your stamps are transposed: rows of the kernel lie in columns. Stamp it as it is.",
        shape=lambda kernel: kernel.T,
    ),
    "code-transposed": mistake(
        "You read the code by columns: its rows and columns have changed places. Number (i, j) "
        "belongs at row i, column j.",
        of_code=lambda code: code.T,
    ),
    "padding-ignored": mistake(
        "You left the padding out. Cut `padding` rows and columns off at every side.",
        cut=lambda canvas, p: canvas,
    ),
    "cut-twice-at-the-start": mistake(
        "You cut off twice the padding at one side. Half of it belongs to the other side.",
        cut=lambda canvas, p: canvas[2 * p :, 2 * p :],
    ),
    "cut-at-the-start-only": mistake(
        "You cut at the start only, so your map is too large. Cut `padding` off at all four sides.",
        cut=lambda canvas, p: canvas[p:, p:],
    ),
    "cut-at-the-end-only": mistake(
        "You cut at the end only, so your map is too large. Cut `padding` off at all four sides.",
        cut=lambda canvas, p: canvas[: canvas.shape[0] - p, : canvas.shape[1] - p],
    ),
    "rows-cut-only": mistake(
        "You cut rows off and leave the columns. Cut `padding` off at all four sides.",
        cut=lambda canvas, p: canvas[p : canvas.shape[0] - p],
    ),
    "columns-cut-only": mistake(
        "You cut columns off and leave the rows. Cut `padding` off at all four sides.",
        cut=lambda canvas, p: canvas[:, p : canvas.shape[1] - p],
    ),
    "cut-to-minus-padding": mistake(
        "`[p:-p]` is empty where p is 0, since −0 is 0. Give the end as a size: "
        "`canvas.shape[0] - padding`.",
        cut=lambda canvas, p: canvas[p:-p, p:-p],
    ),
    "frame-added": mistake(
        "You added a frame of zeros. Here padding means the opposite: that much is cut *off*.",
        cut=lambda canvas, p: F.pad(canvas, (p, p, p, p)),
    ),
    "step-one": mistake("Your stamps lie one step apart, whatever the stride.", _one_step_apart),
    "step-one-on-a-large-canvas": mistake(
        "Your canvas has the right size, but the stamps lie one step apart. Stamp (i, j) begins at "
        "row i·stride, column j·stride.",
        steps=lambda stride: 1,
    ),
    "canvas-one-stride-too-large": mistake(
        "Your canvas is one stride too large: n stamps make n − 1 steps.",
        size=lambda n, stride, k: n * stride + k,
    ),
    "last-stamps-missing": mistake(
        "The last row and column of the code never stamp. `range(n)` ends at n − 1 by itself.",
        leave_out=1,
    ),
    "first-row-only": mistake(
        "Only the first row of the code has stamped. Does a `return` stand inside the outer loop?",
        _first_row_of_stamps,
    ),
    "last-number-only": mistake(
        "Only the last number of the code is left on your canvas. Make the canvas once, before the "
        "loops.",
        _last_stamp,
    ),
    "ordinary-convolution": mistake(
        "That is a convolution: it gathers windows and shrinks. Here each number is spread out.",
        _shrunk,
    ),
    "axes-left-on": mistake(
        "The numbers are right, but the axes for batch and channel are still there. Take the map "
        "out: `[0, 0]`.",
        finish=lambda canvas: canvas[None, None],
    ),
    "library": mistake(
        "Your code calls PyTorch's own transposed convolution somewhere, and this exercise asks "
        "you to do without: put one stamp down for each number of the code.",
        when=calls_library,
        example=lambda code, kernel, stride=1, padding=0: F.conv_transpose2d(
            code[None, None], kernel[None, None], None, stride, padding
        )[0, 0],
    ),
}

# --- 7.9 ----------------------------------------------------------------------------------------
IMAGE, CODE = 3072, 512
OF_THE_BITS = {
    "numbers-not-bits": mistake(
        "6 compares how many numbers there are. A float32 takes 32 bits, a pixel's byte 8.", 6
    ),
    "bytes-exchanged": mistake(
        "24 gives the code one byte a number and the image four. It is the other way round.", 24
    ),
    "upside-down": mistake("You divided code by image. How many times smaller is the code?", 2 / 3),
    "float16": mistake("3 comes out with 16 bits for a number of the code. float32 has 32.", 3),
    "float64": mistake("0.75 takes 64 bits for a number of the code. float32 has 32.", 0.75),
    "byte-is-one-bit": mistake("You gave a pixel one bit. A byte has 8 bits.", IMAGE / (CODE * 32)),
    "bytes-and-bits-mixed": mistake(
        "12 gives a number of the code 4 bits, and a pixel 8. A float32 takes 4 *bytes*, which are "
        "32 bits.",
        12,
    ),
    "code-in-bits-only": mistake(
        "You took the code's numbers with 32 bits and the image's bytes as one each, upside down. "
        "Count bits on both sides, and divide image by code.",
        CODE * 32 / IMAGE,
    ),
    "one-channel": mistake(
        "You counted one channel of the image. It has three: 3 · 32 · 32 bytes.",
        32 * 32 * 8 / (CODE * 32),
    ),
    "difference": mistake(
        "You subtracted: that many bits are saved. *How many times* fewer is a quotient, image "
        "divided by code.",
        IMAGE * 8 - CODE * 32,
    ),
    "code-alone": mistake(
        "16,384 are the bits of the code alone. How many times do they go into the image's?",
        CODE * 32,
    ),
    "image-alone": mistake(
        "24,576 are the bits of the image alone. How many times larger is that than the code's?",
        IMAGE * 8,
    ),
    "percent-saved": mistake(
        "That is the share of bits saved, in percent. *How many times* fewer is a quotient, image "
        "divided by code.",
        100 * (1 - CODE * 32 / (IMAGE * 8)),
    ),
    "share-saved": mistake(
        "That is the share of bits saved. *How many times* fewer is a quotient, image divided by "
        "code.",
        1 - CODE * 32 / (IMAGE * 8),
    ),
    "rounded-up": mistake(
        "2 comes out if the quotient is rounded, and it is no whole number; or if one channel's "
        "pixels are compared with the code's numbers, without their bits (8 and 32).",
        2,
    ),
    "rounded-down": mistake("You rounded down to whole times. The quotient is no whole number.", 1),
}
