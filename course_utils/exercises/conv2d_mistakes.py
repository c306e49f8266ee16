"""What students get wrong in `conv2d` (2.5)."""

import torch.nn.functional as F

from course_utils.exercise import mistake
from course_utils.exercises.calling import calls_library
from course_utils.exercises.conv2d_answers import (
    arguments_exchanged,
    beyond,
    holes,
    size_unpadded,
    skipped,
    sliding,
    three_channels,
    window_short,
)  # fmt: skip

_FOUR = "Padding goes on all four sides: left, right, top and bottom."
_CORNER = "The window of output (i, j) starts at row i·stride, column j·stride."
_OWN = "Channel c of the image meets slice c of the kernel, and all are added."
CONV2D = {
    "kernel-flipped": mistake(
        "You flipped the kernel. PyTorch slides it as it is (cross-correlation): "
        "multiply window and kernel number by number.",
        flip=(1, 2),
    ),
    "kernel-upside-down": mistake(
        "You flipped the kernel's rows. PyTorch slides it as it is.", flip=(1,)
    ),
    "kernel-mirrored": mistake(
        "You flipped the kernel's columns. PyTorch slides it as it is.", flip=(2,)
    ),
    "kernel-flipped-with-channels": mistake(
        "You flipped the kernel along all axes, the channels too. PyTorch slides it as it is.",
        flip=(0, 1, 2),
    ),
    "channels-reversed": mistake(f"The kernel's channels are in reverse order. {_OWN}", flip=(0,)),
    "kernel-transposed": mistake(
        "The kernel's height and width are swapped. "
        "A kernel of shape (C, kH, kW) covers kH rows and kW columns.",
        kernel_transposed=True,
    ),
    "map-transposed": mistake(
        "Height and width are swapped in your map. "
        "Rows come first: make it (rows, columns) and fill output[i, j].",
        output="transposed",
    ),
    "sizes-exchanged": mistake(
        "Your map has the wrong number of rows and columns: they are swapped. "
        "Count the rows from the height and the columns from the width.",
        map_size="exchanged",
    ),
    "three-channels": mistake(
        "You take three channels for granted; an image has any number of them. Take it from "
        "image.shape[0], or let one sum run over all axes of the window.",
        three_channels,
    ),
    "square-by-height": mistake(
        "Your map is square: the columns are counted from the height too. "
        "Count them from the image's and the kernel's width.",
        map_size="rows",
    ),
    "square-by-width": mistake(
        "Your map is square: the rows are counted from the width too. "
        "Count them from the image's and the kernel's height.",
        map_size="columns",
    ),
    "mean-for-sum": mistake(
        "You took the mean of the products. Add them up with .sum().", reduction="mean"
    ),
    "largest-for-sum": mistake(
        "You took the largest product (max). Add them all up with .sum().", reduction="max"
    ),
    "first-product-only": mistake(
        "Only the first product of each window counts. Add them all up with .sum().",
        reduction="first",
    ),
    "channels-kept": mistake(
        "You kept one map for each channel. Add the channels too: one kernel makes one map.",
        channels="apart",
    ),
    "channels-averaged": mistake(
        "You averaged over the channels. Add them: one kernel makes one map.", channels="mean"
    ),
    "first-channel-only": mistake(
        "Only the first channel counts in your sum. "
        "Cut the window through every channel: padded[:, …, …].",
        channels="first",
    ),
    "last-channel-only": mistake(
        "Only the last channel counts in your sum: each channel overwrites the one before. "
        "Add them up.",
        channels="last",
    ),
    "largest-channel": mistake(
        "You kept the largest of the channels' results (max). Add them.", channels="max"
    ),
    "kernel-first-slice": mistake(
        f"Every channel meets the kernel's first slice, kernel[0]. {_OWN}", kernel_channel=0
    ),
    "kernel-last-slice": mistake(
        f"Every channel meets the kernel's last slice. {_OWN}", kernel_channel=-1
    ),
    "image-first-channel": mistake(
        f"Every slice of the kernel meets the image's first channel, image[0]. {_OWN}",
        image_channel=0,
    ),
    "padded-top-left": mistake(
        "Only the zeros at the top and the left count in your map. Padding goes on all four sides, "
        "and so the size has 2·padding in it.",
        sides=("top", "left"),
    ),
    "padded-bottom-right": mistake(
        f"You padded the bottom and the right only. {_FOUR}", sides=("bottom", "right")
    ),
    "padded-left-right": mistake(
        f"You padded the left and the right only, not the top and the bottom. {_FOUR}",
        sides=("left", "right"),
    ),
    "padded-top-bottom": mistake(
        f"You padded the top and the bottom only, not the left and the right. {_FOUR}",
        sides=("top", "bottom"),
    ),
    "padding-ignored": mistake(
        "The padding is ignored. Put the image into a larger block of zeros first.", frame="none"
    ),
    "padding-doubled": mistake(
        "Your frame is twice as wide as it should be: 2·padding on each side. "
        "Put `padding` zeros on each side.",
        frame="twice",
    ),
    "padding-always-one": mistake(
        "Your frame is always 1 wide, whatever `padding` says.", frame="one"
    ),
    "padding-same": mistake(
        "Your frame is half as wide as the kernel (as for padding='same'). "
        "`padding` says how wide it is.",
        frame="same",
    ),
    "frame-of-ones": mistake(
        "Your frame is made of ones. Padding puts zeros around the image.", frame_value=1.0
    ),
    "frame-of-edges": mistake(
        "Your frame copies the numbers at the edge. Padding puts zeros around the image.",
        frame="copied",
    ),
    "stride-ignored": mistake(f"The stride is ignored. {_CORNER}", strided="none"),
    "stride-for-rows-only": mistake(
        f"The stride counts for the rows only; along the columns yours moves by 1. {_CORNER}",
        strided="rows",
    ),
    "stride-for-columns-only": mistake(
        f"The stride counts for the columns only; along the rows yours moves by 1. {_CORNER}",
        strided="columns",
    ),
    "windows-one-apart": mistake(
        "The map has the right size, but neighbouring windows lie one pixel apart, so the stride "
        "counts for the size only. Start the window at row i·stride, column j·stride.",
        windows="adjacent",
    ),
    "rows-strided-windows": mistake(
        f"The windows move by the stride along the rows only, by 1 along the columns. {_CORNER}",
        windows="rows only",
    ),
    "columns-strided-windows": mistake(
        f"The windows move by the stride along the columns only, by 1 along the rows. {_CORNER}",
        windows="columns only",
    ),
    "windows-exchanged": mistake(
        "Row and column are exchanged where the window begins. "
        "Output (i, j) sees rows from i·stride on and columns from j·stride on.",
        windows="exchanged",
    ),
    "window-never-moves": mistake(
        f"The window never moves: every output is that of the upper left corner. {_CORNER}",
        windows="fixed",
    ),
    "last-window-missing": mistake(
        "One row and one column are missing. There is one window more than there are steps: add 1.",
        size="no one",
    ),
    "one-inside-the-division": mistake(
        "The + 1 stands inside the division. Divide by the stride, round down, and then add 1.",
        size="one inside",
    ),
    "size-rounded-up": mistake(
        "Your map's size is rounded up. A window that does not fit is left out, so round down.",
        size="rounded up",
    ),
    "size-one-too-large": mistake(
        "Your map is one row and one column too large, and the last windows leave the image.",
        size="one too many",
    ),
    "axes-of-one": mistake(
        "Your map has two extra axes of length 1. Return (H', W'): take [0, 0] of it.",
        output="axes of one",
    ),
    "negative-outputs-lost": mistake(
        "The negative outputs are 0 in yours, as after a ReLU. A convolution keeps them.",
        after="relu",
    ),
    "signs-lost": mistake(
        "Your outputs are absolute values. A convolution keeps their signs.", after="abs"
    ),
    "sign-turned": mistake("The sign of every output is turned round.", after="negative"),
    "outputs-added": mistake(
        "You added all outputs up to one number. Each window gives an output of its own.",
        output="added",
    ),
    "first-output-only": mistake(
        "Only the first output is filled. Does `return` stand inside the loops?",
        output="first only",
    ),
    "first-row-only": mistake(
        "Only the first row of outputs is filled. Does `return` stand inside the outer loop?",
        output="first row only",
    ),
    "sum-not-reset": mistake(
        "Your sum runs on from window to window: it is never set back to 0. "
        "Start every window with a new sum.",
        output="running",
    ),
    "sum-reset-by-row": mistake(
        "Your sum runs on along each row: it is set back to 0 for a new row only. "
        "Start every window with a new sum.",
        output="running in row",
    ),
    "channels-for-kernel-height": mistake(
        "You took the kernel's first two axes for its height and width. "
        "Its shape is (C, kH, kW): the first axis counts channels.",
        kernel_axes=(0, 1),
    ),
    "channels-for-image-height": mistake(
        "You took the image's first two axes for its height and width. "
        "Its shape is (C, H, W): the first axis counts channels.",
        image_axes=(0, 1),
    ),
    "kernel-square-by-height": mistake(
        "You took the kernel for square: its height stands for its width too.",
        kernel_axes=(1, 1),
    ),
    "kernel-square-by-width": mistake(
        "You took the kernel for square: its width stands for its height too.",
        kernel_axes=(2, 2),
    ),
    "stride-and-padding-ignored": mistake(
        "Stride and padding are both ignored: this is still the special case. "
        "Take care of one of them first.",
        lambda image, kernel, *_: sliding()(image, kernel),
    ),
    "stride-and-padding-exchanged": mistake(
        "Stride and padding are exchanged.", arguments_exchanged
    ),
    "holes-between": mistake(
        "There are holes of zeros between your outputs: you write each where its window begins. "
        "Output (i, j) belongs to the window at row i·stride, column j·stride.",
        holes,
    ),
    "written-beyond-the-map": mistake(
        "You write each output where its window begins, and so beyond the end of the map. "
        "Count outputs: (i, j) belongs to the window at row i·stride, column j·stride.",
        beyond,
    ),
    "window-one-short": mistake(
        "Your window is one row and one column short, and so is the kernel you multiply by. "
        "A slice ends before its second index: top : top + kH.",
        window_short,
    ),
    "size-without-padding": mistake(
        "Your frame is there, but the map's size does not count it: it has 2·padding in it.",
        size_unpadded,
    ),
    "outputs-skipped": mistake(
        "Your loops over the outputs go by the stride, so some stay 0. Count every output; the "
        "stride says where its window begins, at row i·stride, column j·stride.",
        skipped(False),
    ),
    "outputs-skipped-twice": mistake(
        "Your loops over the outputs go by the stride, so some stay 0. The windows move by the "
        "stride already: count every output.",
        skipped(True),
    ),
    "library": mistake(
        "Your code calls PyTorch's convolution somewhere, and this exercise asks you to do "
        "without. Multiply each window by the kernel, number by number, and add up.",
        when=calls_library,
        example=lambda image, kernel, stride=1, padding=0: F.conv2d(
            image[None], kernel[None], stride=stride, padding=padding
        )[0, 0],
    ),
}

# Pairs with these are not tried: they seldom come with another slip, and a verdict must be quick.
for _name in (
    "kernel-upside-down", "kernel-mirrored", "kernel-flipped-with-channels", "channels-reversed",
    "square-by-height", "square-by-width", "first-product-only",
    "last-channel-only", "largest-channel",  "kernel-last-slice",
    "image-first-channel", "padding-always-one",
     "padding-same", "frame-of-edges", "rows-strided-windows",
    "columns-strided-windows", "windows-exchanged", "window-never-moves", "size-one-too-large",
    "outputs-added", "first-output-only", "first-row-only", "sum-not-reset", "sum-reset-by-row",
    "channels-for-kernel-height", "channels-for-image-height", "kernel-square-by-height",
    "kernel-square-by-width", "signs-lost", "size-rounded-up",
):  # fmt: skip
    CONV2D[_name] = mistake(CONV2D[_name].words, sliding(**CONV2D[_name].switch))
