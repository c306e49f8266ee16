"""What students get wrong about the cross kernel (2.3) and about output sizes (2.4)."""

import torch

from course_utils.exercise import mistake

X_KERNEL = torch.tensor([[1, 0, 1], [0, 1, 0], [1, 0, 1]])


# --- 2.3 ----------------------------------------------------------------------------------------
def scores_five(patch):
    """Whether the cross kernel gives 5 on a patch."""
    return abs(_score(patch) - 5) <= 1e-5


def is_the_x(patch):
    """Whether a patch is the cross itself."""
    return torch.equal(patch, X_KERNEL.double())


def _score(patch):
    return float((patch * X_KERNEL).sum())


def _scoring(number):
    return lambda patch: patch.shape == (3, 3) and abs(_score(patch) - number) <= 1e-5


def _scores():
    """A mistake for every whole score but 5."""
    told = {}
    for number in (*range(-5, 5), *range(6, 16)):
        shown = f"−{-number}" if number < 0 else f"{number}"
        off = f"{5 - number} too few" if number < 5 else f"{number - 5} too many"
        more = "the corners and the centre, under the kernel's five ones, must add up to 5"
        if number < 0:
            more = "the sign is wrong, as " + more
        elif number == 10:
            more = "twice as much as wanted, as " + more
        elif number == 0:
            more = "it has nothing under the kernel's ones; " + more
        patch = X_KERNEL.clone()
        patch[1, 1] = number - 4
        words = f"Your patch scores {shown} and not 5, {off}: {more}."
        told[f"score-{number}"] = mistake(words, when=_scoring(number), example=patch)
    return told


IMPOSTOR = {
    "the-x-itself": mistake(
        "That patch is the cross itself. Another one is wanted: "
        "change it where the kernel holds a 0, which the score cannot see.",
        when=is_the_x,
        example=X_KERNEL,
    ),
    **_scores(),
    "other-score": mistake(
        "Your patch does not score 5. "
        "Add up the numbers under the kernel's five ones: they must make 5.",
        when=lambda patch: patch.shape == (3, 3) and not scores_five(patch),
        example=torch.tensor([[1, 1, 1], [1, 0.5, 1], [1, 1, 1]]),
    ),
    "other-size": mistake(
        "The patch has another shape than the kernel. It needs to be 3×3: three rows of three "
        "numbers.",
        when=lambda patch: patch.shape != (3, 3),
        example=torch.ones(9),
    ),
}


# --- 2.4 ----------------------------------------------------------------------------------------
def _half(part, words, number):
    return mistake(words, (number, 32) if part == "a" else (3, number))


_ADD_ONE = "There is one window more than there are steps: add 1."
OUTPUT_SIZES = {
    "a-rounded-up": _half(
        "a",
        "4 is rounded up, or 8 / 2 without the kernel. "
        "The window that no longer fits is left out, so round down.",
        4,
    ),
    "a-one-missing": _half("a", f"2 counts the steps. {_ADD_ONE}", 2),
    "a-not-rounded": _half(
        "a", "3.5 windows do not exist. Round the division down before you add 1.", 3.5
    ),
    "a-steps-not-rounded": _half(
        "a", f"2.5 is neither rounded nor complete. Round down. {_ADD_ONE}", 2.5
    ),
    "a-stride-left-out": _half(
        "a", "6 leaves the stride out. The window moves by 2, so divide by s.", 6
    ),
    "a-stride-and-one-left-out": _half(
        "a",
        "5 is n − k, so the division by the stride and the + 1 are left out; "
        "or it has the padding of (b). (a) has stride 2 and no padding.",
        5,
    ),
    "a-padding": _half("a", "7 has too much padding. There is none in (a).", 7),
    "a-input-size": _half("a", "8 is the length of the input. Stride 2 makes it shorter.", 8),
    "b-padding-once": _half(
        "b",
        "You counted the padding once. It is added on both sides: use 2p.",
        30,
    ),
    "b-padding-left-out": _half(
        "b", "You left the padding out. Add 2 pixels on each side first.", 28
    ),
    "b-one-missing": _half("b", f"31 counts the steps. {_ADD_ONE}", 31),
    "b-one-too-many": _half(
        "b", "33 is one too many. The last window starts k − 1 pixels before the end.", 33
    ),
    "b-padded-input": _half(
        "b", "36 is the length of the padded input. The kernel of 5 has to fit into it.", 36
    ),
    "b-padding-and-one": _half(
        "b", f"29 counts the padding once, and the + 1 is missing. {_ADD_ONE}", 29
    ),
    "b-no-padding-no-one": _half(
        "b", f"27 leaves the padding out, and the + 1 is missing. {_ADD_ONE}", 27
    ),
    "b-half-stride": _half(
        "b", "16 has stride 2. In (b) the window moves by 1.", 16
    ),
    "b-kernel-wrong": _half(
        "b",
        "41 adds the kernel, or exchanges it with the padding. "
        "In (b) k is 5 and p is 2, and a kernel takes k − 1 pixels off.",
        32 + 2 * 2 + 5,
    ),
    "whole-maps": mistake(
        "9 and 1,024 are all outputs of a square map. Give the length along one axis.", (9, 1024)
    ),
    "k-plus-one": mistake(
        "Both come from k + 1 where the formula has k − 1. The brackets belong to the minus: "
        "n + 2p − (k − 1) − 1.",
        (2, 30),
    ),
    "one-missing": mistake(f"The + 1 is missing in both. {_ADD_ONE}", (2, 31)),
    "pair-exchanged": mistake(
        "The pair is the wrong way round. Put the size for (a) first.", (32, 3)
    ),
}  # fmt: skip
