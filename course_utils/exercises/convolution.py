"""Exercises of workbook 02: convolution in two dimensions, by hand."""

from functools import partial

import torch
import torch.nn.functional as F
from scipy import signal

from course_utils.exercise import exercise
from course_utils.exercises import (
    conv2d_answers,
    conv2d_mistakes,
    conv_layer_mistakes,
    feature_map_mistakes,
    output_size_mistakes,
)
from course_utils.exercises.calling import call_by_hand


def _as_numbers(answer, _case):
    """Lists, whole numbers and decimals are all welcome where a table is filled in by hand."""
    return torch.as_tensor(answer, dtype=torch.float64)


# --- 2.1 ----------------------------------------------------------------------------------------
@exercise(
    "2.1",
    "The 4×4 example by hand",
    minutes=4,
    kind="value",
    oracle=lambda: feature_map_mistakes.slide(
        feature_map_mistakes.IMAGE, torch.tensor(feature_map_mistakes.DIAGONAL_DIFFERENCE)
    ),
    observe=_as_numbers,
    switches=feature_map_mistakes.differences,
    mistakes=feature_map_mistakes.FEATURE_MAP,
    hints=[
        "Lay the kernel on the upper left corner. Only two of its four numbers are not 0, "
        "so each output is one image number minus another.",
        "The output at (i, j) is X[i, j] − X[i+1, j+1]. The first is 2 − 5.",
        "A 2-wide window fits into 4 pixels at three places, so the map is 3×3.",
    ],
)
def feature_map():
    """Slide the 2×2 kernel over the 4×4 image: 3×3 outputs."""
    return torch.tensor([[2 - 5, 3 - 7, 5 + 9], [1 - 2, 5 - 1, 7 - 1], [-5 - 0, 2 + 2, 1 - 4]])


# --- 2.2 ----------------------------------------------------------------------------------------
def _second_blurred_pixel():
    framed = torch.tensor([[0, 0, 0], [1, 2, 3], [5, 2, 3]])
    return int((framed * torch.tensor([[1, 2, 1], [2, 4, 2], [1, 2, 1]])).sum())


@exercise(
    "2.2",
    "One pixel of a blur",
    minutes=3,
    kind="value",
    oracle=_second_blurred_pixel,
    mistakes=feature_map_mistakes.BLURRED_PIXEL,
    hints=[
        "The window holds rows 0 0 0, 1 2 3 and 5 2 3.",
        "The top row of the window is all zeros, so only the kernel's rows 2 4 2 and 1 2 1 count.",
        "The middle row gives 2·1 + 4·2 + 2·3 = 16. Add the bottom row's three products to it.",
    ],
)
def blurred_pixel():
    """Add nine products of the second window; the three of the frame are 0."""
    return 2 * 1 + 4 * 2 + 2 * 3 + 1 * 5 + 2 * 2 + 1 * 3


# --- 2.3 ----------------------------------------------------------------------------------------
def _fools_the_kernel(patch):
    return (
        patch.shape == (3, 3)
        and output_size_mistakes.scores_five(patch)
        and not output_size_mistakes.is_the_x(patch)
    )


@exercise(
    "2.3",
    "Fool the cross kernel",
    minutes=3,
    kind="value",
    oracle=lambda: torch.tensor([[1, 0, 1], [1, 1, 0], [1, 1, 1]]),
    observe=_as_numbers,
    accept=_fools_the_kernel,
    weights=output_size_mistakes.X_KERNEL,
    mistakes=output_size_mistakes.IMPOSTOR,
    hints=[
        "Which of the patch's nine numbers are multiplied by 0?",
        "The kernel looks at the corners and the centre only. "
        "Keep those five at 1 and change another one.",
    ],
    exempt={"transposed": "the cross is symmetric, so a transposed patch scores the same"},
)
def impostor():
    """Give a 3×3 patch that scores 5 and is not the cross."""
    return torch.tensor([[1, 1, 1], [0, 1, 0], [1, 0, 1]])


# --- 2.4 ----------------------------------------------------------------------------------------
def _sizes_by_torch():
    first = F.conv1d(torch.zeros(1, 1, 8), torch.zeros(1, 1, 3), stride=2)
    second = F.conv1d(torch.zeros(1, 1, 32), torch.zeros(1, 1, 5), padding=2)
    return first.shape[-1], second.shape[-1]


@exercise(
    "2.4",
    "Two output sizes",
    minutes=4,
    kind="value",
    oracle=_sizes_by_torch,
    parts=("(a)", "(b)"),
    formula=("(n_a - k_a) // s_a + 1", "(n_b + 2 * p_b - k_b) // s_b + 1"),
    quantities={"n_a": 8, "k_a": 3, "s_a": 2, "n_b": 32, "k_b": 5, "s_b": 1, "p_b": 2},
    mistakes=output_size_mistakes.OUTPUT_SIZES,
    hints=[
        "Write the numbers into the formula: n = 8, p = 0, d = 1, k = 3, s = 2.",
        "For the first: (8 + 0 − 2 − 1) / 2 = 2.5. Round it down, then add 1.",
        "For the second the padded input is 32 + 2·2 = 36 pixels long.",
    ],
)
def output_sizes():
    """Give the lengths of both outputs, in pixels."""
    return (8 - 3) // 2 + 1, 32 + 2 * 2 - 5 + 1


# --- 2.5 ----------------------------------------------------------------------------------------
def _conv2d_by_scipy(image, kernel, stride=1, padding=0):
    framed = F.pad(image, (padding,) * 4)
    maps = [signal.correlate2d(*pair, "valid") for pair in zip(framed, kernel, strict=True)]
    return torch.from_numpy(sum(maps)[::stride, ::stride].copy())


def _images_and_kernels(rng):
    def whole(*shape):
        return torch.randint(-9, 10, shape, generator=rng).float()

    yield whole(1, 3, 4), whole(1, 2, 2)
    yield whole(1, 2, 3), whole(1, 2, 2), 1, 1
    yield whole(1, 4, 6), whole(1, 2, 3), 2
    yield whole(2, 3, 4), whole(2, 2, 2)
    yield whole(3, 6, 4), whole(3, 3, 2), 1, 1
    yield whole(4, 5, 7), whole(4, 3, 2), 2
    yield whole(2, 9, 12), whole(2, 4, 3), 3, 2
    yield whole(1, 2, 3), whole(1, 3, 3), 1, 3


@exercise(
    "2.5",
    "Write conv2d",
    minutes=12,
    oracle=_conv2d_by_scipy,
    cases=_images_and_kernels,
    observe=partial(call_by_hand, ("conv2d", "conv3d", "convolution")),
    switches=conv2d_answers.sliding,
    mistakes=conv2d_mistakes.CONV2D,
    hints=[
        "Pad first: make zeros of shape (C, H + 2·padding, W + 2·padding) "
        "and write the image into the middle.",
        "The number of rows is (H + 2·padding − kH) // stride + 1, and likewise for columns.",
        "Output (i, j) sees padded[:, i·stride : i·stride + kH, j·stride : j·stride + kW].",
    ],
)
def conv2d(image, kernel, stride=1, padding=0):
    """(C, H, W), (C, kH, kW) -> (H', W'): multiply and sum over every window; no flip."""
    channels, height, width = image.shape
    _, k_height, k_width = kernel.shape
    padded = image.new_zeros(channels, height + 2 * padding, width + 2 * padding)
    padded[:, padding : padding + height, padding : padding + width] = image
    rows = (height + 2 * padding - k_height) // stride + 1
    columns = (width + 2 * padding - k_width) // stride + 1
    output = image.new_zeros(rows, columns)
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            window = padded[:, top : top + k_height, left : left + k_width]
            output[i, j] = (window * kernel).sum()
    return output


# --- 2.11 ---------------------------------------------------------------------------------------
def _images_and_filters(rng):
    def whole(*shape):
        return torch.randint(-9, 10, shape, generator=rng).float()

    def distinct(count):
        return torch.randperm(18, generator=rng)[:count].float() - 9.5  # none is 0

    # In some, as many maps as channels, as columns or as rows: wrong axes fit there, wrongly.
    yield whole(1, 2, 3), whole(2, 1, 2, 1), distinct(2)
    yield whole(2, 2, 3), whole(2, 2, 1, 2), distinct(2)
    yield whole(2, 4, 3), whole(3, 2, 2, 1), distinct(3)
    yield whole(3, 4, 5), whole(2, 3, 3, 2), distinct(2)
    yield whole(4, 5, 4), whole(1, 4, 2, 3), distinct(1)
    yield whole(3, 6, 7), whole(5, 3, 2, 2), distinct(5)


@exercise(
    "2.11",
    "Write a layer of filters",
    minutes=5,
    oracle=lambda image, weight, bias: F.conv2d(image[None], weight, bias)[0],
    cases=_images_and_filters,
    switches=conv_layer_mistakes.filtering,
    mistakes=conv_layer_mistakes.CONV_LAYER,
    hints=[
        "weight[o] has the shape (C, kH, kW): it is a kernel as in 2.5, and makes one map.",
        "Loop over the first axis of `weight`, or fill output[o, i, j] in three loops.",
        "Add bias[o] to map o. All at once, the bias has to have the shape (out, 1, 1).",
    ],
)
def conv_layer(image, weight, bias):
    """(C, H, W), (out, C, kH, kW), (out,) -> (out, H', W'): stride 1, no padding."""
    out, _, k_height, k_width = weight.shape
    rows, columns = image.shape[1] - k_height + 1, image.shape[2] - k_width + 1
    output = image.new_zeros(out, rows, columns)
    for o in range(out):
        for i in range(rows):
            for j in range(columns):
                window = image[:, i : i + k_height, j : j + k_width]
                output[o, i, j] = (window * weight[o]).sum() + bias[o]
    return output


# --- 2.12 ---------------------------------------------------------------------------------------
def _as_table(answer, case):
    """A weight of shape (2, 3, 1, 1) is as good as its table of shape (2, 3)."""
    numbers = _as_numbers(answer, case)
    return numbers[..., 0, 0] if numbers.shape[2:] == (1, 1) else numbers


@exercise(
    "2.12",
    "Mix channels with a 1×1 convolution",
    minutes=3,
    kind="value",
    oracle=lambda: torch.stack([torch.tensor([1, -1, 0]), torch.tensor([1, 0, 1]) / 2]),
    observe=_as_table,
    switches=conv_layer_mistakes.mixed,
    mistakes=conv_layer_mistakes.MIXING,
    hints=[
        "weight[o, c, 0, 0] says how much of channel c goes into map o.",
        "Each map is a row of three numbers, one for red, green and blue.",
        "A mean of two channels takes one half of each.",
    ],
)
def mixing():
    """Give weight[o, c, 0, 0] as a table: red minus green, and the mean of red and blue."""
    return torch.tensor([[1, -1, 0], [0.5, 0, 0.5]])


# --- 2.13 ---------------------------------------------------------------------------------------
@exercise(
    "2.13",
    "Find the wish that no kernel fulfils",
    minutes=3,
    kind="choice",
    choices={
        "a": "+ on edges with the bright side at the right, − if it is at the left, 0 where flat",
        "b": "+ where the picture is white, 0 where it is black",
        "c": "+ on both sides of every upright edge, whichever is brighter, 0 where flat",
        "d": "+ where a pixel is brighter than the mean of its neighbours, − where darker",
    },
    mistakes=conv_layer_mistakes.IMPOSSIBLE_WISH,
    hints=[
        "Turn the photograph into its negative. What happens to a map whose kernel answers 0 "
        "where the picture is flat?",
        "In the negative every edge changes its bright side, and the map changes its sign.",
    ],
)
def impossible_wish():
    """The letter of the wish that no kernel of any size can fulfil."""
    return "c"
