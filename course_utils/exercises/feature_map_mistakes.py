"""What students get wrong when they compute by hand, in 2.1 and 2.2."""

import torch
import torch.nn.functional as F

from course_utils.exercise import mistake

IMAGE = torch.tensor([[2, 3, 5, 0], [1, 5, 7, -9], [-5, 2, 1, 1], [2, 0, -2, 4]])
DIAGONAL_DIFFERENCE = ((1, 0), (0, -1))


def slide(image, kernel, **options):
    """(H, W), (kH, kW) -> feature map, by PyTorch; keeps the image's dtype."""
    maps = F.conv2d(image[None, None].double(), kernel[None, None].double(), **options)
    return maps[0, 0].to(image.dtype)


# --- 2.1 ----------------------------------------------------------------------------------------
def differences(
    kernel=DIAGONAL_DIFFERENCE, frame=(0, 0, 0, 0), stride=1, divisor=1, after=None, layout=None,
    flipped=(),
):  # fmt: skip
    """An answer to 2.1: the kernel, the frame, the stride, and what is done with the map."""
    result = slide(F.pad(IMAGE, frame), torch.tensor(kernel), stride=stride).double() / divisor
    result = {
        None: result,
        "magnitude": result.abs(),
        "negatives to 0": result.relu(),
        "squared": result**2,
    }[after]
    result = result.flip(flipped)
    layouts = {None: result, "transposed": result.T, "flat": result.flatten(), "sum": result.sum()}
    return layouts[layout]


def _with_entry(row, column, change):
    result = differences()
    first, second = IMAGE[row, column], IMAGE[row + 1, column + 1]
    result[row, column] = first + second if change == "added" else second - first
    return result


def _sign_slips():
    """One output of the nine with a wrong sign inside."""
    slips = {}
    for row in range(3):
        for column in range(3):
            second = int(IMAGE[row + 1, column + 1])
            place = f"Only row {row + 1}, column {column + 1} is wrong"
            below = f"minus −{-second}" if second < 0 else f"minus {second}"
            words = f"{place}: you added there. The kernel's −1 makes it {below}"
            if second:
                more = ", and minus a negative number adds." if second < 0 else "."
                slips[f"sign-lost-{row}-{column}"] = mistake(
                    words + more, _with_entry(row, column, "added")
                )
            slips[f"sign-turned-{row}-{column}"] = mistake(
                f"{place}: its sign is turned round. "
                "It is the upper left number minus the lower right one.",
                _with_entry(row, column, "turned"),
            )
    return slips


def _both_negatives():
    result = differences()
    for row, column in ((0, 2), (2, 1)):
        result[row, column] = IMAGE[row, column] + IMAGE[row + 1, column + 1]
    return result


def _has_shape(*shapes):
    return lambda table: tuple(table.shape) in shapes


_FRAMED = (
    "Your map is as large as the image or larger, so you added a frame of zeros (padding). "
    "Use only windows that fit wholly into the image: three along each side."
)
FEATURE_MAP = {
    "kernel-flipped": mistake(
        "Every sign is turned round: you flipped the kernel before sliding it. "
        "Put the 1 on the upper left number and the −1 on the lower right one.",
        kernel=((-1, 0), (0, 1)),
    ),
    "minus-lost": mistake(
        "You added the two numbers. The kernel holds a −1, so the lower right one is subtracted.",
        kernel=((1, 0), (0, 1)),
    ),
    "kernel-ignored": mistake(
        "You added all four numbers of each window. "
        "Multiply by the kernel first: two of the products are 0 and one changes sign.",
        kernel=((1, 1), (1, 1)),
    ),
    "right-neighbour": mistake(
        "You subtracted the neighbour to the right. "
        "The −1 lies on the lower right number, along the diagonal.",
        kernel=((1, -1), (0, 0)),
    ),
    "neighbour-below": mistake(
        "You subtracted the number below. "
        "The −1 lies on the lower right number, along the diagonal.",
        kernel=((1, 0), (-1, 0)),
    ),
    "other-diagonal": mistake(
        "You took the other diagonal, upper right minus lower left. "
        "The 1 lies on the upper left number and the −1 on the lower right one.",
        kernel=((0, 1), (-1, 0)),
    ),
    "other-diagonal-turned": mistake(
        "You took the other diagonal, lower left minus upper right. "
        "The 1 lies on the upper left number and the −1 on the lower right one.",
        kernel=((0, -1), (1, 0)),
    ),
    "upper-left-only": mistake(
        "You copied the upper left numbers. The lower right one, times −1, has to be added.",
        kernel=((1, 0), (0, 0)),
    ),
    "lower-right-only": mistake(
        "You took the lower right numbers alone, times −1. Add the upper left one, times 1.",
        kernel=((0, 0), (0, -1)),
    ),
    "stride-two": mistake(
        "Two rows of two come from stride 2. Move the window by one pixel at a time.", stride=2
    ),
    "two-by-two": mistake(
        "Your map has two rows of two. The window moves by one pixel at a time and fits in at "
        "three places along each side.",
        when=_has_shape((2, 2)),
        example=torch.ones(2, 2),
    ),
    "framed-below": mistake(
        "You added zeros to the right and below, so the map is as large as the image. "
        "Use only windows that fit wholly into the image.",
        frame=(0, 1, 0, 1),
    ),
    "framed-above": mistake(
        "You added zeros to the left and above, so the map is as large as the image. "
        "Use only windows that fit wholly into the image.",
        frame=(1, 0, 1, 0),
    ),
    "framed-all-round": mistake(
        "You put a frame of zeros round the image. Use only windows that fit wholly into it.",
        frame=(1, 1, 1, 1),
    ),
    "image-framed": mistake(
        _FRAMED, when=_has_shape((4, 4), (5, 5)), example=torch.zeros(4, 4)
    ),
    "divided-by-four": mistake(
        "You divided by 4, which makes means. Only add the products up.", divisor=4
    ),
    "divided-by-two": mistake("You divided by 2. Only add the products up.", divisor=2),
    "signs-dropped": mistake(
        "The sizes are right, but every minus is lost. An output may be negative; no absolute "
        "value is taken.",
        after="magnitude",
    ),
    "negatives-to-zero": mistake(
        "The negative outputs are 0 in yours. Keep them: no ReLU comes behind.",
        after="negatives to 0",
    ),
    "transposed": mistake(
        "Rows and columns are exchanged in your map. The first row comes from the image's first "
        "two rows.",
        layout="transposed",
    ),
    "flat": mistake(
        "Your nine numbers stand in one row. Write three rows of three.",
        layout="flat",
    ),
    "matrix-product": mistake(
        "You took the matrix product of window and kernel (`@`) and added up its numbers. Lay the "
        "kernel on the window: each number is multiplied by the one it lies on.",
        torch.tensor([[int((IMAGE[i : i + 2, j : j + 2] @ torch.tensor(DIAGONAL_DIFFERENCE)).sum())
                       for j in range(3)] for i in range(3)]),
    ),
    "largest": mistake(
        "You took the largest number of each window, as a max pool does. Here the products with "
        "the kernel are added up.",
        F.max_pool2d(IMAGE[None].float(), 2, 1)[0].long(),
    ),
    "smallest": mistake(
        "You took the smallest number of each window. Here the products with the kernel are added "
        "up.",
        -F.max_pool2d(-IMAGE[None].float(), 2, 1)[0].long(),
    ),
    "all-added": mistake(
        "You added all outputs up. Each window gives one number of its own: three rows of three.",
        layout="sum",
    ),
    "upside-down": mistake("The rows of your map stand in reverse order.", flipped=(0,)),
    "mirrored": mistake("The columns of your map stand in reverse order.", flipped=(1,)),
    "turned-half": mistake(
        "Your map is upside down and mirrored. The first output comes from the upper left corner.",
        flipped=(0, 1),
    ),
    "negatives-subtracted": mistake(
        "Two signs are lost, at −9 and at −2. Minus a negative number adds.", _both_negatives()
    ),
    **_sign_slips(),
}  # fmt: skip


# --- 2.2 ----------------------------------------------------------------------------------------
_NOT_DIVIDED = "This kernel is used as it stands: leave the sum alone."
BLURRED_PIXEL = {
    "two-products-missing": mistake(
        "21 leaves out two products of the bottom row, 2·2 and 1·3. Add all nine products.", 21
    ),
    "edge-copied": mistake(
        "36 comes from copying the edge row into the frame, and it is also the third output. "
        "Keep the zeros of the frame and take the second window.",
        36,
    ),
    "first-pixel": mistake(
        "20 is the first output. Move the window one column to the right. "
        "(20 also comes out with the weights 1 2 1 on both rows, or without the centre's product.)",
        20,
    ),
    "fourth-pixel": mistake("That is the fourth output. Take the second window.", 69),
    "divided-by-16": mistake(
        f"You divided by 16, which turns the sum into a mean. {_NOT_DIVIDED}", 28 / 16
    ),
    "divided-by-16-down": mistake(
        f"You divided by 16 and rounded down to a whole number. {_NOT_DIVIDED}", 28 // 16
    ),
    "divided-by-16-rounded": mistake(f"You divided by 16 and rounded. {_NOT_DIVIDED}", 2),
    "divided-by-9": mistake(f"You divided by 9, as for a mean. {_NOT_DIVIDED}", 28 / 9),
    "divided-by-12": mistake(
        f"You divided by 12, the weights that lie on the picture. {_NOT_DIVIDED}", 28 / 12
    ),
    "divided-by-6": mistake(
        f"You divided by 6, the pixels inside the picture. {_NOT_DIVIDED}", 28 / 6
    ),
    "first-pixel-divided": mistake(
        "That is the first output, divided by 16. Take the second window, and do not divide.",
        20 / 16,
    ),
    "third-pixel-divided": mistake(
        "That is the third output, divided by 16. Take the second window, and do not divide.",
        36 / 16,
    ),
    "no-frame": mistake(
        "44 is the second window without the frame. The first row of windows begins on the "
        "frame's zeros.",
        44,
    ),
    "window-one-lower": mistake(
        "42 is the window one row lower, the first one that fits without the frame. "
        "The box marks the one whose top row lies on the frame.",
        42,
    ),
    "weights-twice": mistake(
        "40 comes from the weights 2 4 2 on both rows of pixels (below them lies 1 2 1), from the "
        "window below the first one, or from a frame that mirrors the picture. The frame is 0.",
        40,
    ),
    "rows-shifted": mistake(
        "32 comes from laying the kernel's first row on 1 2 3 and its middle row on 5 2 3, or from "
        "a frame of ones. The kernel's first row lies on the frame's zeros.",
        32,
    ),
    "middle-row-only": mistake(
        "16 is the middle row's products alone; the bottom row 5 2 3 is missing. "
        "(16 is also what the six pixels add up to without the kernel's weights.)",
        16,
    ),
    "bottom-row-only": mistake(
        "12 is the bottom row's products alone. The middle row lies on 1 2 3, with the weights "
        "2 4 2.",
        12,
    ),
    "left-product-missing": mistake("26 leaves out one product, 2·1 on the left.", 26),
    "right-product-missing": mistake(
        "22 leaves out one product, 2·3 on the right; or the centre's weight is taken as 1, and "
        "it is 4.",
        22,
    ),
    "five-missing": mistake("23 leaves out one product of the bottom row, 1·5.", 23),
    "below-missing": mistake(
        "24 leaves out one product of the bottom row, 2·2; or the centre's weight is taken as 2.",
        24,
    ),
    "last-product-missing": mistake("25 leaves out the last product, 1·3.", 25),
    "one-product-more": mistake(
        "Five of the six products are right, and 1·5 counts double in 33, as if the corner's "
        "weight were 2. The bottom row 5 2 3 has the weights 1 2 1.",
        33,
    ),
    "last-product-doubled": mistake(
        "Five of the six products are right, and 1·3 counts double in 31, as if the corner's "
        "weight were 2. The bottom row 5 2 3 has the weights 1 2 1.",
        31,
    ),
    "products-given": mistake(
        "Those are the nine products. Add them up to one number.",
        torch.tensor([[0, 0, 0], [2, 8, 6], [5, 4, 3]]),
    ),
    "row-given": mistake(
        "Those are several outputs. One number is wanted, the second.", (20, 28, 36)
    ),
    "window-given": mistake(
        "That is the window. Multiply it by the kernel, number by number, and add up.",
        torch.tensor([[0, 0, 0], [1, 2, 3], [5, 2, 3]]),
    ),
}  # fmt: skip
