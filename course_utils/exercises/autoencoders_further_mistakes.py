"""Answers to the exercises of further/07 that make a mistake, and what is said of them."""

import torch
import torch.nn.functional as F

from course_utils.exercise import mistake


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
    return F.conv_transpose2d(code[None, None], kernel[None, None], None, 1, padding)[0, 0]


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


OF_THE_STAMPS = {
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
    "rounded-up": mistake("You rounded to whole times. The quotient is no whole number.", 2),
    "rounded-down": mistake("You rounded down to whole times. The quotient is no whole number.", 1),
}


# --- 7.10 ---------------------------------------------------------------------------------------
def area_by(
    sign=1,
    tie=0.5,
    against=lambda inside: inside,
    strangers=lambda outside: outside,
    share=lambda points: points.mean(),
    finish=lambda area: area,
):
    """An answer to 7.10: which side has to be larger, what a tie counts, who meets whom."""

    def roc_area(inside, outside):
        gaps = sign * (strangers(outside)[:, None] - against(inside)[None, :])
        points = (gaps > 0).double() + tie * (gaps == 0).double()
        return finish(share(points))

    return roc_area


def _best_accuracy(inside, outside):
    cuts = torch.cat([inside, outside])
    right = [(inside <= cut).sum() + (outside > cut).sum() for cut in cuts]
    return max(right).item() / len(cuts)


def _place_by_place(inside, outside, divide=None):
    n = min(len(inside), len(outside))
    inside, outside = inside[:n], outside[:n]
    points = (outside > inside).double() + 0.5 * (outside == inside).double()
    return points.sum().item() / (divide or n)


OF_THE_AREA = {
    "wrong-side": mistake(
        "Inside and outside have changed places: your area is 1 minus the right one. "
        "An outsider should have the *larger* error.",
        sign=-1,
    ),
    "ties-count-nothing": mistake(
        "Ties count nothing in your area. Each counts one half.", tie=0.0
    ),
    "ties-count-wins": mistake("Ties count as wins in your area. Each counts one half.", tie=1.0),
    "pairs-counted": mistake(
        "You counted pairs. Divide by how many pairs there are.",
        share=lambda points: points.sum(),
    ),
    "divided-by-images": mistake(
        "You divided by the number of all images, N + M. Divide by how many *pairs* there are, "
        "N · M.",
        share=lambda points: points.sum() / sum(points.shape),
    ),
    "divided-by-insiders": mistake(
        "You divided by the number of insiders only. Divide by how many *pairs* there are, N · M.",
        share=lambda points: points.sum() / points.shape[1],
    ),
    "divided-by-outsiders": mistake(
        "You divided by the number of outsiders only. Divide by how many *pairs* there are, N · M.",
        share=lambda points: points.sum() / points.shape[0],
    ),
    "one-area-each-insider": mistake(
        "You took the mean over the outsiders only, so there is one share for each insider. Take "
        "it over all pairs.",
        share=lambda points: points.mean(0),
    ),
    "one-area-each-outsider": mistake(
        "You took the mean over the insiders only, so there is one share for each outsider. Take "
        "it over all pairs.",
        share=lambda points: points.mean(1),
    ),
    "table-of-pairs": mistake(
        "Your function gives the table of pairs. Take the mean of it: one number.",
        share=lambda points: points,
    ),
    "largest-insider-threshold": mistake(
        "You compare with one threshold, the largest insider. Compare each outsider with *each* "
        "insider, pair by pair.",
        against=lambda inside: inside.max()[None],
    ),
    "mean-threshold": mistake(
        "You compare with one threshold, the mean of the insiders. Compare each outsider with "
        "*each* insider, pair by pair.",
        against=lambda inside: inside.mean()[None],
    ),
    "median-threshold": mistake(
        "You compare with one threshold, the median of the insiders. Compare each outsider with "
        "*each* insider, pair by pair.",
        against=lambda inside: inside.median()[None],
    ),
    "first-insider": mistake(
        "Only the first insider is compared with the outsiders. Compare every pair.",
        against=lambda inside: inside[:1],
    ),
    "first-outsider": mistake(
        "Only the first outsider is compared with the insiders. Compare every pair.",
        strangers=lambda outside: outside[:1],
    ),
    "last-insider": mistake(
        "Only the last insider counts: your counter begins anew for each. Set it to 0 once, before "
        "both loops.",
        against=lambda inside: inside[-1:],
    ),
    "means-compared": mistake(
        "You compare the two means, which gives a yes or a no. The area is a share of *pairs*: "
        "compare each outsider with each insider.",
        lambda inside, outside: float(outside.mean() > inside.mean()),
    ),
    "differences": mistake(
        "You averaged how *much* larger the outsiders' errors are. Count how often they are "
        "larger: compare, then take the share of pairs.",
        lambda inside, outside: (outside[:, None] - inside[None, :]).mean().item(),
    ),
    "place-by-place": mistake(
        "You compare place by place, as `zip` does: first with first, second with second. Compare "
        "each outsider with each insider, all pairs.",
        _place_by_place,
    ),
    "place-by-place-of-insiders": mistake(
        "You compare place by place, as `zip` does: first with first, second with second, and "
        "divide by the number of insiders. Compare each outsider with each insider, all pairs.",
        lambda inside, outside: _place_by_place(inside, outside, len(inside)),
    ),
    "gini": mistake(
        "Yours is 2 · area − 1 (the Gini coefficient): 0 for a coin and −1 at worst. The area "
        "itself is ½ for a coin.",
        finish=lambda area: 2 * area - 1,
    ),
    "never-below-half": mistake(
        "You turn the area over where it is below ½. An alarm that is worse than a coin should say "
        "so: leave the area as it is.",
        finish=lambda area: torch.as_tensor(area).clamp(min=1 - area),
    ),
    "best-accuracy": mistake(
        "That is the accuracy at the best threshold. The area is over all thresholds: the share of "
        "*pairs* in which the outsider's error is larger.",
        _best_accuracy,
    ),
    "percent": mistake(
        "Your area is in percent. It is wanted as a share, from 0 to 1.",
        finish=lambda area: 100 * area,
    ),
}
