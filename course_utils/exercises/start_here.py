"""Exercise of workbook 00: how answering works."""

import numpy as np
import torch

from course_utils.exercise import exercise, mistake


def _is_a_picture(value):
    return isinstance(value, torch.Tensor | np.ndarray) and value.ndim > 0


def _is_close(value):
    """Near enough for a slip in the multiplication, and no other slip that is listed."""
    return isinstance(value, int | float) and 1 < abs(value - 28 * 28) < 120


@exercise(
    "0.1",
    "Count the pixels",
    minutes=1,
    kind="value",
    mistakes={
        "sides-added": mistake(
            "You added height and width, or doubled one of them. "
            "Every one of the 28 rows has 28 pixels of its own: multiply.",
            28 + 28,
        ),
        "one-row": mistake("28 pixels are one row, or one column. There are 28 such rows.", 28),
        "outline": mistake(
            "That is the length of the outline, four sides. The pixels inside count as well.",
            4 * 28,
        ),
        "border-pixels": mistake(
            "Those are the pixels on the border. The pixels inside count as well.", 4 * 28 - 4
        ),
        "cross-pixels": mistake(
            "Those are the pixels of one row and one column. There are 28 rows.", 28 + 28 - 1
        ),
        "caret-for-power": mistake(
            "In Python `^` is not a power: `28 ^ 2` compares bits and gives 30. A power is `**`.",
            30,
        ),
        "caret-for-times": mistake(
            "0 comes out of `28 ^ 28`, for instance: `^` compares bits. "
            "Multiply with `*`, or write a power with `**`.",
            0,
        ),
        "cell-above": mistake(
            "42 is what the cell above gives, 6 · 7. This image has 28 rows of 28 pixels.", 42
        ),
        "cubed": mistake("You multiplied by 28 once too often: there are two axes.", 28**3),
        "colour-channels": mistake(
            "That is a colour image: three numbers for every pixel. A grey one has one channel.",
            3 * 28 * 28,
        ),
        "four-channels": mistake(
            "You counted four numbers for every pixel. A grey image has one channel.", 4 * 28 * 28
        ),
        "sides-added-colour": mistake(
            "You added height and width, and counted three colour channels. "
            "Multiply rows by columns; a grey image has one channel.",
            3 * (28 + 28),
        ),
        "other-image-size": mistake(
            "That is an image of 32 rows and 32 columns. This one has 28 of each.", 32 * 32
        ),
        "other-image-size-colour": mistake(
            "That is a colour image of 32×32. This one is grey and has 28 rows and 28 columns.",
            3 * 32 * 32,
        ),
        "sides-one-short": mistake(
            "You took 27 for 28, on both sides. "
            "The last index is 27, as counting starts at 0; the number of rows is 28.",
            27 * 27,
        ),
        "side-one-short": mistake(
            "You took 27 for 28, on one side. Rows and columns both count in full.", 27 * 28
        ),
        "sides-one-long": mistake(
            "You took 29 for 28, on both sides. There are exactly 28 rows and 28 columns.", 29 * 29
        ),
        "side-one-long": mistake(
            "You took 29 for 28, on one side. There are exactly 28 rows and 28 columns.", 29 * 28
        ),
        "shape-given": mistake(
            "That is the image's shape. One number is wanted: how many pixels it has in all, "
            "so multiply the two.",
            (28, 28),
        ),
        "grey-levels": mistake(
            "You counted all the grey values that a pixel may have. Each pixel counts once.",
            28 * 28 * 256,
        ),
        "largest-grey-level": mistake(
            "You multiplied by 255, the largest grey value. Each pixel counts once.", 28 * 28 * 255
        ),
        "bits": mistake(
            "You counted the bits, 8 for a pixel. Each pixel counts once.", 28 * 28 * 8
        ),
        "last-index": mistake(
            "That is one too few: the index of the last pixel, as indices start at 0. "
            "Count them from 1.",
            28 * 28 - 1,
        ),
        "one-more": mistake("That is one too many. Rows times columns is all.", 28 * 28 + 1),
        "halved": mistake(
            "That is half of the pixels. Rows times columns, and nothing is divided.", 28 * 28 / 2
        ),
        "picture-given": mistake(
            "You gave the picture itself, a tensor or an array. "
            "One number is wanted: how many pixels are in it.",
            when=_is_a_picture,
            example=torch.zeros(28, 28),
        ),
        "multiplication-slip": mistake(
            "Your number is close, so the idea may be right and the multiplication not. "
            "Let Python compute 28 times 28.",
            when=_is_close,
            example=764,
        ),
    },
    hints=[
        "How many pixels does one row have, and how many rows are there?",
        "Rows times pixels per row: let Python multiply the two.",
    ],
)
def pixels():
    """How many pixels a grey image of 28 rows and 28 columns has."""
    return 28 * 28
