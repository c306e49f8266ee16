"""Exercises of a toy workbook: how bright is a picture?"""

import torch

from course_utils.exercise import exercise, mistake


def _mean_by_sum(image):
    return image.sum(dim=(1, 2)) / (image.shape[1] * image.shape[2])


def _images(rng):
    yield (torch.rand(1, 2, 3, generator=rng),)
    yield (torch.rand(3, 4, 5, generator=rng),)


@exercise(
    "9.1",
    "Brightness of each channel",
    minutes=10,
    oracle=_mean_by_sum,
    cases=_images,
    mistakes={
        "added-pixels-forgot": mistake(
            "You added the pixels and forgot to divide by their number.",
            lambda image: image.sum(dim=(1, 2)),
        ),
        "took-mean-channels": mistake(
            "You took the mean over channels too.", lambda image: image.mean()
        ),
    },
    hints=["Which axes hold the pixels of one channel?", "A mean is a sum, divided."],
)
def brightness(image):
    """(C, H, W) -> (C,): the mean of every channel."""
    channels = image.reshape(image.shape[0], -1)
    return channels.mean(dim=1)


@exercise(
    "9.2",
    "Numbers in a picture",
    minutes=3,
    kind="value",
    oracle=lambda: torch.zeros(3, 20, 21).numel(),
    mistakes={"left-channels": mistake("You left the channels out.", 420)},
    hints=["What is the size of each axis?", "Multiply the sizes of all axes."],
)
def numbers_held():
    """How many numbers a picture of 20 rows, 21 columns and 3 channels holds."""
    return 3 * 20 * 21


@exercise(
    "9.3",
    "Pixels of a stripe",
    minutes=3,
    kind="value",
    oracle=lambda: torch.zeros(2, 24).numel(),
    mistakes={"added-sizes": mistake("You added the sizes.", 26)},
    hints=["How many rows, and how long is each?", "Two rows of 24."],
)
def stripe_pixels():
    """How many pixels a stripe of 2 rows and 24 columns has."""
    return 2 * 24


@exercise(
    "9.4",
    "Darker or brighter",
    minutes=2,
    kind="choice",
    choices={"a": "the picture grows darker", "b": "the picture grows brighter"},
    oracle=lambda: "a",
    mistakes={"half-number-less": mistake("Half of a number is less than the number.", "b")},
    hints=["What is half of 200?", "Is 100 darker than 200?"],
)
def halved():
    """What happens to a picture when every number is halved."""
    return "a"


@exercise(
    "9.5",
    "A shape",
    minutes=2,
    kind="value",
    oracle=lambda: tuple(torch.zeros(20, 21, 3).permute(2, 0, 1).shape),
    mistakes={"channels-stay-last": mistake("The channels stay last in your shape.", (20, 21, 3))},
    hints=["Which axis moves?", "Channels first."],
)
def channels_first():
    """The shape of a picture of 20 rows and 21 columns as PyTorch wants it."""
    return 3, 20, 21
