"""Exercises of workbook 02: convolution in two dimensions, by hand."""

import torch
import torch.nn.functional as F

from course_utils.exercise import exercise, mistake

IMAGE = torch.tensor([[2, 3, 5, 0], [1, 5, 7, -9], [-5, 2, 1, 1], [2, 0, -2, 4]])
DIAGONAL_DIFFERENCE = torch.tensor([[1, 0], [0, -1]])
X_KERNEL = torch.tensor([[1, 0, 1], [0, 1, 0], [1, 0, 1]])


def _slide(image, kernel, **options):
    """(H, W), (kH, kW) -> feature map, by PyTorch; keeps the image's dtype."""
    maps = F.conv2d(image[None, None].double(), kernel[None, None].double(), **options)
    return maps[0, 0].to(image.dtype)


def _as_numbers(answer, _case):
    """Lists, whole numbers and decimals are all welcome where a table is filled in by hand."""
    return torch.as_tensor(answer, dtype=torch.float64)


def _has_shape(*shapes):
    return lambda table: tuple(table.shape) in shapes


# --- 2.1 ----------------------------------------------------------------------------------------
@exercise(
    "2.1",
    "The 4×4 example by hand",
    minutes=5,
    kind="value",
    oracle=lambda: _slide(IMAGE, DIAGONAL_DIFFERENCE),
    observe=_as_numbers,
    mistakes={
        "sign-turned-round": mistake(
            "Every sign is turned round: you flipped the kernel before sliding it. "
            "Put the 1 on the upper left number and the −1 on the lower right one.",
            _slide(IMAGE, DIAGONAL_DIFFERENCE.flip(0, 1)),
        ),
        "two-rows-two": mistake(
            "Two rows of two come from stride 2. Move the window by one pixel at a time.",
            when=_has_shape((2, 2)),
            example=_slide(IMAGE, DIAGONAL_DIFFERENCE, stride=2),
        ),
        "map-large-image": mistake(
            "Your map is as large as the image or larger, so you added zeros around the image. "
            "Use only windows that lie wholly inside it.",
            when=_has_shape((4, 4), (5, 5)),
            example=_slide(F.pad(IMAGE, (0, 1, 0, 1)), DIAGONAL_DIFFERENCE),
        ),
        "added-four-numbers": mistake(
            "You added all four numbers of each window. "
            "Multiply by the kernel first: two of the products are 0 and one changes sign.",
            _slide(IMAGE, torch.ones_like(DIAGONAL_DIFFERENCE)),
        ),
    },
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
    mistakes={
        "21-leaves-two": mistake(
            "21 leaves out two products of the bottom row, 2·2 and 1·3. Add all nine products.", 21
        ),
        "36-comes-copying": mistake(
            "36 comes from copying the edge row into the frame, and it is also the third pixel. "
            "Keep the zeros of the frame and take the second window.",
            36,
        ),
        "divided-16-turns": mistake(
            "You divided by 16, which turns the sum into a mean. "
            "This kernel is used as it stands: leave the sum alone.",
            28 / 16,
        ),
        "20-first-pixel": mistake(
            "20 is the first pixel. Move the window one column to the right.", 20
        ),
    },
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
def _scores_five(patch):
    return abs(float((patch * X_KERNEL).sum()) - 5) <= 1e-5


def _is_the_x(patch):
    return torch.equal(patch, X_KERNEL.double())


def _fools_the_kernel(patch):
    return patch.shape == (3, 3) and _scores_five(patch) and not _is_the_x(patch)


@exercise(
    "2.3",
    "Fool the X kernel",
    minutes=3,
    kind="value",
    oracle=lambda: torch.tensor([[1, 0, 1], [1, 1, 0], [1, 1, 1]]),
    observe=_as_numbers,
    accept=_fools_the_kernel,
    mistakes={
        "patch-x-itself": mistake(
            "That patch is the X itself. "
            "Change it where the kernel holds a 0, which the score cannot see.",
            when=_is_the_x,
            example=X_KERNEL,
        ),
        "patch-score-5": mistake(
            "Your patch does not score 5. "
            "Add up the numbers under the kernel's five ones: they must make 5.",
            when=lambda patch: patch.shape == (3, 3) and not _scores_five(patch),
            example=torch.tensor([[1, 1, 1], [1, 0, 1], [1, 1, 1]]),
        ),
        "patch-needs-three": mistake(
            "The patch needs three rows of three numbers, as large as the kernel.",
            when=lambda patch: patch.shape != (3, 3),
            example=torch.ones(9),
        ),
    },
    hints=[
        "Which of the patch's nine numbers are multiplied by 0?",
        "The kernel looks at the corners and the centre only. "
        "Keep those five at 1 and change another one.",
    ],
    exempt={"transposed": "the X is symmetric, so a transposed patch scores the same"},
)
def impostor():
    """Give a 3×3 patch that scores 5 and is not the X."""
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
    mistakes={
        "4-rounded-window": mistake(
            "4 is rounded up. The window that no longer fits is left out, so round down.", (4, 32)
        ),
        "2-counts-steps": mistake(
            "2 counts the steps. There is one window more than there are steps: add 1.", (2, 32)
        ),
        "3-5-windows": mistake(
            "3.5 windows do not exist. Round the division down before you add 1.", (3.5, 32)
        ),
        "32-counted-padding": mistake(
            "For 32 you counted the padding once. It is added on both sides: use 2p.", (3, 30)
        ),
        "32-left-padding": mistake(
            "For 32 you left the padding out. Add 2 pixels on each side first.", (3, 28)
        ),
        "pair-wrong-way": mistake(
            "The pair is the wrong way round. Put the size for (a) first.", (32, 3)
        ),
    },
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
def _conv2d_by_torch(image, kernel, stride=1, padding=0):
    return F.conv2d(image[None], kernel[None], stride=stride, padding=padding)[0, 0]


def _images_and_kernels(rng):
    def whole(*shape):
        return torch.randint(-9, 10, shape, generator=rng).float()

    yield whole(1, 4, 6), whole(1, 2, 3)
    yield whole(2, 5, 7), whole(2, 3, 2), 2
    yield whole(3, 6, 4), whole(3, 3, 2), 1, 1
    yield whole(2, 9, 12), whole(2, 4, 3), 3, 2


def _with_kernel(change):
    return lambda image, kernel, *rest: _conv2d_by_torch(image, change(kernel), *rest)


def _padded_on(*sides):
    def conv2d(image, kernel, stride=1, padding=0):
        frame = [padding if side in sides else 0 for side in ("left", "right", "top", "bottom")]
        return _conv2d_by_torch(F.pad(image, frame), kernel, stride)

    return conv2d


def _channels_apart(image, kernel, stride=1, padding=0):
    maps = F.conv2d(image[None], kernel[:, None], stride=stride, padding=padding, groups=len(image))
    return maps[0]


def _size(image, kernel, stride, padding):
    return [(image.shape[axis] + 2 * padding - kernel.shape[axis]) // stride + 1 for axis in (1, 2)]


def _right_size_wrong_windows(image, kernel, stride=1, padding=0):
    rows, columns = _size(image, kernel, stride, padding)
    return _conv2d_by_torch(image, kernel, 1, padding)[:rows, :columns]


def _size_swapped(image, kernel, stride=1, padding=0):
    columns, rows = _size(image, kernel, stride, padding)
    padded, output = F.pad(image, (padding,) * 4), torch.zeros(rows, columns)
    for i in range(rows):
        for j in range(columns):
            window = padded[:, i * stride :, j * stride :][:, : kernel.shape[1], : kernel.shape[2]]
            output[i, j] = (window * kernel).sum()
    return output


@exercise(
    "2.5",
    "Write conv2d",
    minutes=15,
    oracle=_conv2d_by_torch,
    cases=_images_and_kernels,
    mistakes={
        "flipped-kernel-pytorch": mistake(
            "You flipped the kernel. PyTorch slides it as it is (cross-correlation): "
            "multiply window and kernel number by number.",
            _with_kernel(lambda kernel: kernel.flip(1, 2)),
        ),
        "height-width-swapped": mistake(
            "Height and width are swapped in your map. "
            "Rows come first: make it (rows, columns) and fill output[i, j].",
            lambda *case: _conv2d_by_torch(*case).T,
        ),
        "map-wrong-number": mistake(
            "Your map has the wrong number of rows and columns: they are swapped. "
            "Count the rows from the height and the columns from the width.",
            _size_swapped,
        ),
        "kernel-s-height": mistake(
            "The kernel's height and width are swapped. "
            "A kernel of shape (C, kH, kW) covers kH rows and kW columns.",
            _with_kernel(lambda kernel: kernel.transpose(1, 2)),
        ),
        "took-mean-products": mistake(
            "You took the mean of the products. Add them up with .sum().",
            _with_kernel(lambda kernel: kernel / kernel.numel()),
        ),
        "kept-map-channel": mistake(
            "You kept one map for each channel. Add the channels too: one kernel makes one map.",
            _channels_apart,
        ),
        "first-channel-counts": mistake(
            "Only the first channel counts in your sum. "
            "Cut the window through every channel: padded[:, …, …].",
            lambda image, kernel, *rest: _conv2d_by_torch(image[:1], kernel[:1], *rest),
        ),
        "padded-top-left": mistake(
            "You padded the top and the left only. Padding goes on all four sides.",
            _padded_on("top", "left"),
        ),
        "padded-bottom-right": mistake(
            "You padded the bottom and the right only. Padding goes on all four sides.",
            _padded_on("bottom", "right"),
        ),
        "padding-ignored-put": mistake(
            "The padding is ignored. Put the image into a larger block of zeros first.",
            _padded_on(),
        ),
        "stride-ignored-window": mistake(
            "The stride is ignored. "
            "The window for output (i, j) starts at row i·stride, column j·stride.",
            lambda image, kernel, stride=1, padding=0: _conv2d_by_torch(image, kernel, 1, padding),
        ),
        "map-right-size": mistake(
            "The map has the right size, but neighbouring windows lie one pixel apart. "
            "Start the window at row i·stride, column j·stride.",
            _right_size_wrong_windows,
        ),
        "stride-padding-ignored": mistake(
            "Stride and padding are both ignored: this is still the special case. "
            "Take care of one of them first.",
            lambda image, kernel, *_: _conv2d_by_torch(image, kernel),
        ),
        "row-column-missing": mistake(
            "One row and one column are missing. "
            "There is one window more than there are steps: add 1.",
            lambda *case: _conv2d_by_torch(*case)[:-1, :-1],
        ),
        "map-two-extra": mistake(
            "Your map has two extra axes of length 1. "
            "Return (H', W'): take [0, 0] of what F.conv2d gives.",
            lambda *case: _conv2d_by_torch(*case)[None, None],
        ),
    },
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
