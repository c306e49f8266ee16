"""Answers to 7.12 and 7.13 that make a mistake: jumps of a code, and what an error sees."""

import torch

from course_utils.exercise import mistake


# --- 7.12 ---------------------------------------------------------------------------------------
def jump_by(
    closed=True,
    size=torch.abs,
    choose=torch.argmax,
    behind=0,
    differences=lambda codes: codes.roll(-1) - codes,
    finish=int,
):
    """An answer to 7.12: which pairs are compared, by what, and which place is told."""

    def largest_jump(codes):
        steps = differences(codes)
        sizes = size(steps if closed else steps[:-1])
        return finish((choose(sizes) + behind) % len(codes))

    return largest_jump


def _from_one(codes):
    return jump_by()(codes) + 1


def _pair(codes):
    place = jump_by()(codes)
    return place, (place + 1) % len(codes)


OF_THE_JUMP = {
    "ring-left-open": mistake(
        "You left out the pair of the last picture and the first. They are neighbours too, for the "
        "pictures close a ring.",
        closed=False,
    ),
    "last-step-signed": mistake(
        "The step from the last picture back to the first keeps its sign in yours, so a fall there "
        "never wins. Take its magnitude, as of the others.",
        size=lambda steps: torch.cat([steps[:-1].abs(), steps[-1:]]),
    ),
    "rises-only": mistake(
        "You look for the largest *rise*, so a fall never wins. A jump down is as far as a jump "
        "up: compare magnitudes.",
        size=lambda steps: steps,
    ),
    "falls-only": mistake(
        "You look for the largest *fall*, so a rise never wins. A jump up is as far as a jump "
        "down: compare magnitudes.",
        size=lambda steps: -steps,
    ),
    "smallest-jump": mistake(
        "Your place is that of the *smallest* jump. The largest is wanted.", choose=torch.argmin
    ),
    "picture-behind": mistake(
        "You gave the picture on the far side of the jump. The one *before* it is wanted: from "
        "picture i to the next.",
        behind=1,
    ),
    "counted-from-one": mistake(
        "You counted the pictures from 1. An index in Python counts from 0.", _from_one
    ),
    "size-for-place": mistake(
        "You gave the size of the jump. The index of the picture before it is wanted.",
        lambda codes: (codes.roll(-1) - codes).abs().max().item(),
    ),
    "code-for-place": mistake(
        "You gave a code. The index of the picture before the jump is wanted.",
        lambda codes: codes[jump_by()(codes)].item(),
    ),
    "both-pictures": mistake(
        "You gave both pictures beside the jump. The index of the first of them is wanted.", _pair
    ),
    "every-jump": mistake(
        "You gave the size of every jump. One index is wanted: where the largest of them is.",
        lambda codes: (codes.roll(-1) - codes).abs(),
    ),
    "highest-code": mistake(
        "You gave the picture with the highest code. Look for where the code *changes* most, from "
        "one picture to the next.",
        lambda codes: int(codes.argmax()),
    ),
    "lowest-code": mistake(
        "You gave the picture with the lowest code. Look for where the code *changes* most, from "
        "one picture to the next.",
        lambda codes: int(codes.argmin()),
    ),
    "farthest-from-zero": mistake(
        "You gave the picture whose code is farthest from 0. Look for where the code *changes* "
        "most, from one picture to the next.",
        lambda codes: int(codes.abs().argmax()),
    ),
    "farthest-from-first": mistake(
        "You compare every code with the first one. Compare each with the code of the *next* "
        "picture.",
        differences=lambda codes: codes - codes[0],
    ),
    "two-apart": mistake(
        "You compare pictures that are two places apart. Neighbours are one place apart.",
        differences=lambda codes: codes.roll(-2) - codes,
    ),
    "sorted-first": mistake(
        "Your result is the last place, whatever the codes are. Either they are sorted first, and "
        "the step back to the first is then the largest: keep the order of turning. Or the record "
        "starts anew inside the loop, so that only the last step counts: start it before the loop.",
        differences=lambda codes: codes.sort().values.roll(-1) - codes.sort().values,
    ),
    "ratio": mistake(
        "You divide one code by the other. How far they are apart is their difference.",
        differences=lambda codes: codes.roll(-1) / codes,
    ),
    "sums": mistake(
        "You add neighbouring codes. How far they are apart is their difference.",
        differences=lambda codes: codes.roll(-1) + codes,
    ),
}


# --- 7.13 ---------------------------------------------------------------------------------------
LENGTH, LINE, GROUND = 10, 0.5, 0.2
_OFF = LINE - GROUND

OF_THE_LINE = {
    "exchanged": mistake(
        "Your pair is the right one turned round. Count, for each copy, the pixels that differ "
        "from the picture: (a) is the moved line.",
        (LENGTH * _OFF**2, 2 * LENGTH * _OFF**2),
    ),
    "one-side-of-the-move": mistake(
        "You counted the moved line once. Pixels are wrong where it was *and* where it is now.",
        (LENGTH * _OFF**2, LENGTH * _OFF**2),
    ),
    "both-doubled": mistake(
        "You counted the erased line twice. It is wrong only where it was.",
        (2 * LENGTH * _OFF**2, 2 * LENGTH * _OFF**2),
    ),
    "move-is-free": mistake(
        "You gave the moved line no error. The error compares pixel with pixel: it does not know "
        "that the line is still there, one place further.",
        (0, LENGTH * _OFF**2),
    ),
    "half-a-line": mistake(
        "Both of your numbers are half of the right ones, as if half of the line's ten pixels "
        "counted, or with a factor of ½ that the formula does not have.",
        (LENGTH * _OFF**2, LENGTH * _OFF**2 / 2),
    ),
    "not-squared": mistake(
        "Your differences are not squared. Each wrong pixel is off by 0.3; square that first.",
        (2 * LENGTH * _OFF, LENGTH * _OFF),
    ),
    "ground-forgotten": mistake(
        "You took the line's own brightness for the difference. The ground is not black: each "
        "wrong pixel is off by 0.5 − 0.2.",
        (2 * LENGTH * LINE**2, LENGTH * LINE**2),
    ),
    "ground-black": mistake(
        "You squared the line's and the ground's brightness apart. Take the difference first, "
        "then its square.",
        (2 * LENGTH * (LINE**2 - GROUND**2), LENGTH * (LINE**2 - GROUND**2)),
    ),
    "pixels-counted": mistake(
        "You counted the wrong pixels. Each of them adds the *square* of what it is off.",
        (2 * LENGTH, LENGTH),
    ),
    "one-pixel": mistake(
        "That is for one pixel of the line. The line has ten.", (2 * _OFF**2, _OFF**2)
    ),
    "mean-of-wrong-pixels": mistake(
        "That is the squared error of each wrong pixel, or their mean. The sum over all pixels "
        "that differ is wanted.",
        (_OFF**2, _OFF**2),
    ),
    "signed": mistake(
        "You added differences without squaring them, so too dark and too bright cancel. Square "
        "each one first.",
        (0, -LENGTH * _OFF),
    ),
    "ends-only": mistake(
        "You moved the line along itself, so only its two ends change. A vertical line that moves "
        "to the right leaves its whole column.",
        (2 * _OFF**2, LENGTH * _OFF**2),
    ),
    "whole-column": mistake(
        "You counted all 32 pixels of a column. The line is 10 pixels long.",
        (2 * 32 * _OFF**2, 32 * _OFF**2),
    ),
    "whole-picture": mistake(
        "You counted every pixel of the picture. Only those that differ from the picture add an "
        "error; the background is the same.",
        (32**2 * _OFF**2, 32**2 * _OFF**2),
    ),
    "of-255": mistake(
        "You turned the brightness into grey levels up to 255. It is given from 0 to 1: each wrong "
        "pixel is off by 0.5 − 0.2.",
        (2 * LENGTH * (255 * _OFF) ** 2, LENGTH * (255 * _OFF) ** 2),
    ),
    "filled-with-black": mistake(
        "You filled the erased line with 0. It is filled with the background, 0.2, so each pixel "
        "is off by 0.3.",
        (2 * LENGTH * _OFF**2, LENGTH * LINE**2),
    ),
    "mean": mistake(
        "You divided by the number of pixels, which gives the mean. The sum is wanted.",
        (2 * LENGTH * _OFF**2 / 32**2, LENGTH * _OFF**2 / 32**2),
    ),
    "difference-doubled": mistake(
        "You doubled the difference before you squared it. Twice as many pixels are wrong, each by "
        "0.3: double the sum, not the difference.",
        (LENGTH * (2 * _OFF) ** 2, LENGTH * _OFF**2),
    ),
    "root": mistake(
        "You took a root at the end. The sum of the squares is wanted.",
        ((2 * LENGTH * _OFF**2) ** 0.5, (LENGTH * _OFF**2) ** 0.5),
    ),
}
