"""What students get wrong about strides, views and broadcasting, in 1.6 to 1.8."""

from course_utils.exercise import mistake

# --- 1.6: row stride, column stride and offset that turn a 4 × 3 letter upside down --------------
_FIRST = "Place (0, 0) has to read the first number of the last row."
_RANGE = "offset + row·stride + column·stride must lie between 0 and 11 for every place."
UPSIDE_DOWN = {
    "as-it-is": mistake(
        "Those numbers show the letter as it is. Now the last row has to come first.", (3, 1, 0)
    ),
    "left-right-mirror": mistake(
        "That mirrors the letter from left to right. Upside down, its rows are in reverse order "
        "and each row is as before.",
        (3, -1, 2),
    ),
    "half-turn": mistake(
        "Your offset is the last number, and both strides go backwards: a half turn. "
        "Each row should keep its order.",
        (-3, -1, 11),
    ),
    "offset-forgotten": mistake(
        f"The strides are right. With offset 0 row 1 would lie before the memory. {_FIRST}",
        (-3, 1, 0),
    ),
    "starts-at-last-number": mistake(
        f"The strides are right. Your offset is the very last number. {_FIRST}", (-3, 1, 11)
    ),
    "one-row-too-far": mistake(
        f"The strides are right. 12 lies behind the memory: rows are counted from 0. {_FIRST}",
        (-3, 1, 12),
    ),
    "one-row-short": mistake(
        f"The strides are right. With offset 6 you start at the third row. {_FIRST}", (-3, 1, 6)
    ),
    "position-from-one": mistake(
        "The strides are right. Your offset is one too many: positions start at 0.", (-3, 1, 10)
    ),
    "position-one-less": mistake(
        f"The strides are right. Your offset is one too few. {_FIRST}", (-3, 1, 8)
    ),
    "row-for-offset": mistake(
        "The strides are right. Your offset is the index of the last row. "
        "An offset is a position in memory.",
        (-3, 1, 3),
    ),
    "row-length-of-four": mistake(
        "You took 4 numbers for a row. The letter has 4 rows of 3 numbers.", (-4, 1, 8)
    ),
    "row-length-of-four-last": mistake(
        "You took 4 numbers for a row. The letter has 4 rows of 3 numbers.", (-4, 1, 12)
    ),
    "row-length-of-four-offset-right": mistake(
        "The column stride and the offset are right. One row up is 3 numbers back, "
        "as a row holds 3.",
        (-4, 1, 9),
    ),
    "rows-step-one": mistake(
        "The column stride and the offset are right. Your row stride walks back one number; "
        "the row above begins a whole row earlier.",
        (-1, 1, 9),
    ),
    "row-stride-positive": mistake(
        "The column stride and the offset are right. With this row stride you walk on past the "
        "end of the memory; the rows have to go backwards.",
        (3, 1, 9),
    ),
    "row-stride-zero": mistake(
        "The offset is right. Row stride 0 repeats the last row; the rows have to go backwards.",
        (0, 1, 9),
    ),
    "columns-backwards": mistake(
        f"The row stride and the offset are right. Your columns run backwards. {_RANGE}",
        (-3, -1, 9),
    ),
    "only-columns-backwards": mistake(
        "Your columns run backwards, and the rows are not in reverse order. "
        "Upside down, each row keeps its order.",
        (3, -1, 9),
    ),
    "strides-exchanged": mistake(
        "Row stride and column stride are exchanged. First comes the step to the next row.",
        (1, -3, 9),
    ),
    "offset-first": mistake(
        "The three numbers are right, in another order. Asked: row stride, column stride, offset.",
        (9, -3, 1),
    ),
    "transposed": mistake(
        "Those numbers transpose the letter, if rows and columns are exchanged too. "
        "Upside down keeps the shape (4, 3).",
        (1, 3, 0),
    ),
    "transposed-backwards": mistake(
        "You walk down the memory number by number along the rows. "
        "In this letter one row further is 3 numbers, one column further is 1.",
        (-1, 3, 9),
    ),
    "offset-negative": mistake(
        f"The strides are right. An offset is a place to start and cannot be negative. {_FIRST}",
        (-3, 1, -9),
    ),
    "in-bytes": mistake(
        "You counted in bytes, as NumPy does: a number of type int64 takes 8. "
        "PyTorch and the dial count in numbers.",
        (-24, 8, 72),
    ),
}

# --- 1.7: strides of (3, 1, 1) broadcast to (16, 3, 32, 32) --------------------------------------
_ZERO = "An axis that broadcasting repeats has stride 0: a step along it stays at the same number."
BROADCAST_STRIDES = {
    "full-tensor": mistake(
        "Those are the strides of a whole tensor of that shape, with 49,152 numbers in memory. "
        "Broadcasting makes no copy: there are still three numbers.",
        (3072, 1024, 32, 1),
    ),
    "own-strides": mistake(f"You kept the strides of the small tensor. {_ZERO}", (3, 1, 1, 1)),
    "own-strides-and-zero": mistake(
        f"Only the new axis has stride 0 in your answer. {_ZERO} That holds for rows and columns, "
        "too.",
        (0, 1, 1, 1),
    ),
    "image-strides-and-zero": mistake(
        "Rows and columns still walk as in an image of 32 columns, which would have to lie in "
        f"memory. {_ZERO}",
        (0, 1, 32, 1),
    ),
    "all-zero": mistake(
        "With four zeros every place would read the same number. "
        "A step to the next channel reads the next number.",
        (0, 0, 0, 0),
    ),
    "all-one": mistake(f"You gave every axis the step 1. {_ZERO}", (1, 1, 1, 1)),
    "inverted": mistake(
        "It is the other way round: an axis that is repeated does not walk, the channel does.",
        (1, 0, 1, 1),
    ),
    "last-axis": mistake(
        "In your answer the three numbers meet the columns. "
        "With shape (3, 1, 1) they belong to the third axis from the right, the channels.",
        (0, 0, 0, 1),
    ),
    "rows-walk": mistake(
        "In your answer the rows walk. With shape (3, 1, 1) the three numbers belong to the third "
        "axis from the right.",
        (0, 0, 1, 0),
    ),
    "images-walk": mistake(
        "In your answer the images walk. With shape (3, 1, 1) the three numbers belong to the "
        "third axis from the right; the fourth is new.",
        (1, 0, 0, 0),
    ),
    "channel-step-of-plane": mistake(
        "The zeros are right. A channel's step of 1,024 belongs to an image of 32×32 planes. "
        "Here the three numbers lie side by side.",
        (0, 1024, 0, 0),
    ),
    "channel-step-three": mistake(
        "The zeros are right. 3 is how many channels there are. "
        "How far is it in memory from one of the three numbers to the next?",
        (0, 3, 0, 0),
    ),
    "channel-step-32": mistake(
        "The zeros are right. 32 is the length of a row of pixels. "
        "How far is it in memory from one of the three numbers to the next?",
        (0, 32, 0, 0),
    ),
    "shape-of-small": mistake(
        "That is the shape of the small tensor with an axis in front. "
        "Strides are asked: how far one step along each axis walks in memory.",
        (1, 3, 1, 1),
    ),
    "shape-of-small-zero": mistake(
        "Those are lengths of axes, not strides. A stride says how far one step walks in memory.",
        (0, 3, 1, 1),
    ),
    "shape": mistake(
        "That is the shape after broadcasting. Strides are asked: how far one step along each axis "
        "walks in memory.",
        (16, 3, 32, 32),
    ),
    "images-repeated-only": mistake(
        f"Only the images are repeated in your answer. {_ZERO} Rows and columns are, too.",
        (0, 1024, 32, 1),
    ),
    "rows-not-repeated": mistake(f"Your rows still walk. {_ZERO}", (0, 1, 1, 0)),
    "columns-not-repeated": mistake(f"Your columns still walk. {_ZERO}", (0, 1, 0, 1)),
    "images-not-repeated": mistake(
        f"In your answer the images still walk. {_ZERO} The batch is such an axis.", (3, 1, 0, 0)
    ),
    "images-step-one": mistake(
        f"In your answer the images still walk. {_ZERO} The batch is such an axis.", (1, 1, 0, 0)
    ),
    "new-axis-left-out": mistake(
        "Three strides are for a tensor of three axes. After broadcasting there are four; "
        "the new one is in front.",
        (1, 0, 0),
    ),
}

# --- 1.8 ------------------------------------------------------------------------------------------
COPY = {
    "view-transposed": mistake(
        "Not (a). Transposing exchanges the strides and leaves the numbers where they are, "
        "so the new number shows in it.",
        "a",
    ),
    "view-slice": mistake(
        "Not (b). A slice walks through the same memory in larger steps. "
        "It begins with row 0, so the new number shows in it.",
        "b",
    ),
    "view-reshape": mistake(
        "Not (d). This table is contiguous, so `reshape` needs no copy and reads the same memory.",
        "d",
    ),
}

# --- 1.9: which operation turned the letter by a quarter, clockwise -------------------------------
OPERATION = {
    "regrouped": mistake(
        "Not (a). It cuts the upside-down letter into rows of four, so its first row is "
        "97 14 15 95. In the picture, columns of the letter have become rows.",
        "a",
    ),
    "turned-back": mistake(
        "Not (b). It transposes and then puts the last row on top, so its first row is "
        "93 12 13 15: a quarter turn the other way.",
        "b",
    ),
    "turned-and-flipped": mistake(
        "Not (d). Its first two steps are right, but the last one puts the last row on top, so "
        "its first row is 93 12 13 15 from right to left.",
        "d",
    ),
}
