"""Wrong answers to the exercises of workbook 03 whose answer is a value."""

from __future__ import annotations

import torch

from course_utils.exercise import mistake
from course_utils.judging.observation import numbers


def several(value: object) -> bool:
    """Whether an answer holds more than one number."""
    array = numbers(value)
    return array is not None and array.size > 1


# --- 3.1 ----------------------------------------------------------------------------------------
FIRST_MAXIMUM = {
    "sum": mistake("11 is the sum of the window. A max pool keeps one of the four numbers.", 11),
    "mean": mistake(
        "2.75 is the mean of the window, so you did average pooling. "
        "A max pool keeps one of the four numbers.",
        2.75,
    ),
    "median": mistake(
        "2.5 is the median, which lies in the middle of the window's numbers. "
        "A max pool keeps the largest one.",
        2.5,
    ),
    "smallest": mistake("That is the smallest number of the window. Keep the largest.", 1),
    "first-number": mistake(
        "2 is the first number of the window, in its upper left corner. "
        "Compare it with the other three and keep the largest.",
        2,
    ),
    "first-row-or-index": mistake(
        "3 is the largest number of the first row alone; it is also the position of the maximum, "
        "counted from 0. The window has two rows, and the pool keeps the number itself.",
        3,
    ),
    "outside-window": mistake(
        "7 lies outside the window: it covers two rows and two columns only.", 7
    ),
    "smallest-of-table": mistake(
        "−9 lies outside the window and is the smallest number of the whole table. "
        "Keep the largest of the four numbers in the box.",
        -9,
    ),
    "magnitude-of-table": mistake(
        "The magnitude 9 belongs to −9, which lies outside the window and is smaller than 2. "
        "Keep the largest of the four numbers in the box.",
        9,
    ),
    "count": mistake(
        "4 is how many numbers the window holds, its size. The pool keeps one of these numbers.", 4
    ),
    "product": mistake(
        "30 is the product of the four numbers. Nothing is multiplied in a pool: keep the largest.",
        30,
    ),
    "sum-of-squares": mistake(
        "39 is the sum of the squares of the window. A max pool keeps one of the four numbers.", 39
    ),
    "norm": mistake(
        "That is the root of the sum of squares, the L2 norm of the window. "
        "A max pool keeps one of the four numbers.",
        39**0.5,
    ),
    "place": mistake(
        "(1, 1) is the place of the maximum: row 1, column 1. "
        "The pool keeps the number that stands there.",
        (1, 1),
    ),
    "several-numbers": mistake(
        "You gave several numbers. The question is for the first window only, and a pool keeps "
        "one number of each window.",
        when=several,
        example=torch.tensor([[5, 7], [2, 4]]),
    ),
    "none-of-the-four": mistake(
        "Your number is none of the four in the box. "
        "A max pool computes nothing new: it keeps the largest number as it is.",
        when=lambda value: float(value) not in (2, 3, 1, 5),
        example=8,
    ),
}

# --- 3.2 ----------------------------------------------------------------------------------------
POOLED_SIZE = {
    "window-not-subtracted": mistake(
        "7 is 13 / 2, rounded up. The stride gives the number of steps, "
        "but the window must also fit: subtract k first.",
        7,
    ),
    "plus-one-missing": mistake(
        "5 counts the steps. There is one window more than there are steps: add 1, "
        "after the division.",
        5,
    ),
    "plus-one-inside": mistake(
        "You added the 1 inside the brackets, before the division. Divide first: the 1 is one "
        "whole window more.",
        5.5,
    ),
    "half-windows": mistake(
        "6.5 windows do not exist. Subtract the window's size before you divide.", 6.5
    ),
    "stride-1": mistake(
        "11 is the size with stride 1. Here the window moves two pixels at a time.", 11
    ),
    "stride-3": mistake(
        "4 is the size with stride 3, where windows do not overlap. Here the stride is 2.", 4
    ),
    "divided-by-window": mistake(
        "You divided by the window's size. The stride says how far the window moves, "
        "and the number of windows is whole.",
        when=lambda value: abs(value - 13 / 3) < 0.04,  # 4.3, 4.33, …
        example=4.33,
    ),
    "unchanged": mistake(
        "13 is the length that goes in, and also 13 − 3 // 2 + 1 without brackets. The window "
        "moves by 2, so fewer come out.",
        13,
    ),
    "not-divided": mistake(
        "10 is how far the window can move, in pixels. Divide by the stride for the number of "
        "steps, and add one window.",
        10,
    ),
    "window-added": mistake(
        "You added the window's size before you divided. A window has to fit into the row: "
        "subtract it, n − k.",
        8,
    ),
    "window-added-plus-one": mistake(
        "9 comes from adding the window's size, (13 + 3) / 2 + 1, and also from subtracting "
        "the stride twice. Subtract the window's size once, then divide by the stride.",
        9,
    ),
    "area": mistake(
        "36 would be a whole map of six rows and six columns. This is one row: one axis only.", 36
    ),
    "transposed": mistake(
        "27 is larger than what goes in: that is the size of a transposed convolution, the other "
        "way round. A pool makes the row shorter.",
        27,
    ),
    "several-numbers": mistake(
        "You gave several numbers. One row goes in, and one number is wanted: how many come out.",
        when=several,
        example=(27, 13, 6),
    ),
}

# --- 3.3 ----------------------------------------------------------------------------------------
BOTH_SIDES = "A window of 2×2 moves by 2 along the rows and along the columns, so both are halved."
POOLED_SHAPE = {
    "pooled-to-two": mistake(
        "You took the 2 for the size that comes out. It is the size of the window: each window of "
        "2×2 leaves one number, so both sides are halved.",
        (24, 2, 2),
    ),
    "channels-merged": mistake(
        "One channel is what a single convolution kernel would leave. "
        "A pool looks at every channel alone and keeps them all.",
        (1, 10, 18),
    ),
    "channels-halved": mistake(
        "You halved the channels as well. The window covers rows and columns only.", (12, 10, 18)
    ),
    "channels-doubled": mistake(
        "You doubled the channels. Many networks do so in their next convolution; "
        "a pool keeps each channel and adds none.",
        (48, 10, 18),
    ),
    "pixels-to-channels": mistake(
        "You have four times as many channels: no pixel would be lost. "
        "A pool keeps each channel and drops three of four pixels in it.",
        (96, 10, 18),
    ),
    "stride-1": mistake(
        "You counted with stride 1. A pool's stride is its size unless you say otherwise.",
        (24, 19, 35),
    ),
    "unchanged": mistake(
        f"You left rows and columns unchanged, as if the window did not move by 2. {BOTH_SIDES}",
        (24, 20, 36),
    ),
    "rows-only": mistake(f"You halved the rows and not the columns. {BOTH_SIDES}", (24, 10, 36)),
    "columns-only": mistake(f"You halved the columns and not the rows. {BOTH_SIDES}", (24, 20, 18)),
    "one-too-many": mistake(
        "You have one row and one column too many, as if 1 were added to the half. "
        "Windows of 2 that do not overlap fit exactly n / 2 times.",
        (24, 11, 19),
    ),
    "one-too-few": mistake(
        "You have one row and one column too few. (n − 2) / 2 counts the steps: "
        "the first window comes on top, + 1.",
        (24, 9, 17),
    ),
    "window-subtracted": mistake(
        "You took 2 pixels away from each side. The window moves by its size of 2, "
        "so each side is halved.",
        (24, 18, 34),
    ),
    "sides-doubled": mistake(
        "You doubled the sides. A pool makes the maps smaller: each side is halved.", (24, 40, 72)
    ),
    "quartered": mistake(
        "You divided each side by 4. A quarter of the pixels is left because *each* of the two "
        "sides is halved.",
        (24, 5, 9),
    ),
    "axes-swapped": mistake(
        "Rows and columns are swapped. The order is channels, rows, columns.", (24, 18, 10)
    ),
    "channels-last": mistake(
        "You put the channels last. The order is channels, rows, columns.", (10, 18, 24)
    ),
    "no-channels": mistake(
        "The channels are missing. The shape has three numbers: channels, rows, columns.", (10, 18)
    ),
    "batch-axis": mistake(
        "You gave four numbers, with a batch of one picture first. Three are wanted here: "
        "channels, rows, columns.",
        (1, 24, 10, 18),
    ),
    "flattened": mistake(
        "You multiplied the three numbers. They are wanted one by one: channels, rows, columns.",
        24 * 10 * 18,
    ),
}

# --- 3.6 ----------------------------------------------------------------------------------------
SHIFTED_POOL = {
    "not-shifted": mistake(
        "That is the pooled row from before the shift: you left it unchanged. "
        "Shift first, cut the shifted row into pairs, and pool those.",
        (5, 1, 3, 2),
    ),
    "pooled-row-shifted": mistake(
        "You moved the pooled row by one place. One pixel is only half a window: "
        "shift the row itself, then cut it into new pairs.",
        (0, 5, 1, 3),
    ),
    "shifted-left": mistake(
        "You shifted to the left. To the right means that a 0 enters at the left end.",
        (5, 0, 3, 2),
    ),
    "rolled-round": mistake(
        "You moved the last number round to the front. It leaves, and a 0 enters.", (2, 5, 0, 3)
    ),
    "only-end-changed": mistake(
        "Only your last pair has changed, where the 2 leaves. The whole row moves: a 0 enters "
        "at the left end, and every pair holds other numbers.",
        (5, 1, 3, 0),
    ),
    "mean": mistake("You took the mean of each pair. Keep the larger number.", (0, 3, 0, 1.5)),
    "sum": mistake("You took the sum of each pair. Keep the larger number.", (0, 6, 0, 3)),
    "smallest": mistake(
        "You kept the smaller number of each pair. A max pool keeps the larger.", (0, 1, 0, 0)
    ),
    "winners-place": mistake(
        "Your numbers are the places of the winners in their pairs, 0 for the first. "
        "The pool keeps the number itself.",
        (0, 0, 0, 0),
    ),
    "not-pooled": mistake(
        "That is the beginning of the shifted row, not pooled yet. Cut the whole row into pairs "
        "and keep the larger number of each.",
        (0, 0, 5, 1),
    ),
    "whole-row": mistake(
        "That is the shifted row of eight numbers, not pooled yet. Cut it into four pairs and "
        "keep the larger number of each.",
        (0, 0, 5, 1, 0, 0, 3, 0),
    ),
    "windows-overlap": mistake(
        "Your windows overlap: they move by 1. The row is cut into four pairs, which move by 2.",
        (0, 5, 5, 1, 0, 3, 3),
    ),
    "cuts-moved": mistake(
        "Your cuts moved along with the row, which makes five windows. "
        "The cuts stay where they are, and the row moves under them.",
        (0, 5, 1, 3, 2),
    ),
    "not-four": mistake(
        "Eight pixels make four pairs, and each pair keeps one number: four are wanted, "
        "and you gave another count.",
        when=lambda value: numbers(value) is not None and numbers(value).size != 4,
        example=(0, 5, 3),
    ),
    "right-to-left": mistake(
        "Your numbers run from right to left, in the reverse order. Begin at the left end.",
        (3, 0, 5, 0),
    ),
    "not-in-the-row": mistake(
        "One of your numbers does not stand in the row at all. A max pool computes nothing new: "
        "of each pair it keeps one number as it is.",
        when=lambda value: not set(map(float, value)) <= {0, 1, 2, 3, 5},
        example=(0, 6, 1, 3),
    ),
    "last-number-kept": mistake(
        "There is a 2 in your result. It stands at the right end of the row, "
        "so it is the number that leaves in the shift.",
        when=lambda value: 2 in value,
        example=(0, 5, 1, 2),
    ),
    "wrong-pairs": mistake(
        "Your numbers stand in the shifted row, but not each of them is the largest of its own "
        "pair. Write the shifted row down, cut it into four pairs, and compare the two numbers of "
        "each.",
        when=lambda value: numbers(value).size == 4,
        example=(0, 5, 1, 0),
    ),
}
