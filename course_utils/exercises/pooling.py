"""Exercises of workbook 03: pooling, its sizes, its gradient and what a shift does to it."""

import torch
import torch.nn.functional as F

from course_utils.exercise import exercise, mistake

IMAGE = torch.tensor([[2, 3, 5, 0], [1, 5, 7, -9], [-5, 2, 1, 1], [2, 0, -2, 4]])
ROW = torch.tensor([0, 5, 1, 0, 0, 3, 0, 2])


# --- 3.1 ----------------------------------------------------------------------------------------
def _pooled(image, size, stride=None, padding=0):
    """(H, W) or (C, H, W) whole numbers -> the same dtype, max pooled by PyTorch."""
    return F.max_pool2d(image[None].double(), size, stride, padding)[0].to(image.dtype)


@exercise(
    "3.1",
    "The first window",
    minutes=2,
    kind="value",
    oracle=lambda: int(_pooled(IMAGE, 2)[0, 0]),
    mistakes={
        "11-sum-window": mistake(
            "11 is the sum of the window. A max pool keeps one of the four numbers.", 11
        ),
        "2-75-mean": mistake(
            "2.75 is the mean of the window, so you did average pooling. "
            "A max pool keeps one of the four numbers.",
            2.75,
        ),
        "smallest-number-window": mistake(
            "That is the smallest number of the window. Keep the largest.", 1
        ),
        "7-lies-outside": mistake(
            "7 lies outside the window: it covers two rows and two columns only.", 7
        ),
    },
    hints=[
        "The window holds the first two numbers of the first two rows.",
        "Nothing is multiplied and nothing is added. You compare.",
    ],
)
def first_maximum():
    """Largest number of the window 2 3 / 1 5."""
    return max(2, 3, 1, 5)


# --- 3.2 ----------------------------------------------------------------------------------------
@exercise(
    "3.2",
    "The size of a pooled map",
    minutes=3,
    kind="value",
    oracle=lambda: F.max_pool1d(torch.zeros(1, 1, 13), 3, 2).shape[-1],
    mistakes={
        "7-13-2": mistake(
            "7 is 13 / 2, rounded up. The stride gives the number of steps, "
            "but the window must also fit: subtract k first.",
            7,
        ),
        "5-counts-steps": mistake(
            "5 counts the steps. There is one window more than there are steps: add 1.", 5
        ),
        "6-5-windows": mistake(
            "6.5 windows do not exist. Subtract the window's size before you divide.", 6.5
        ),
        "11-size-stride": mistake(
            "11 is the size with stride 1. Here the window moves two pixels at a time.", 11
        ),
        "4-size-stride": mistake(
            "4 is the size with stride 3, where windows do not overlap. Here the stride is 2.", 4
        ),
    },
    hints=[
        "The formula is that of a convolution, with p = 0 and d = 1.",
        "How many steps of 2 can a window of 3 make in 13 pixels?",
        "(13 − 3) / 2 steps, and one window more.",
    ],
)
def pooled_size():
    """Outputs of a window of 3 that moves by 2 over 13 pixels."""
    return (13 - 3) // 2 + 1


# --- 3.3 ----------------------------------------------------------------------------------------
@exercise(
    "3.3",
    "What happens to the channels?",
    minutes=2,
    kind="value",
    oracle=lambda: tuple(torch.nn.MaxPool2d(2)(torch.zeros(24, 20, 36)).shape),
    mistakes={
        "channel-single-convolution": mistake(
            "One channel is what a single convolution kernel would leave. "
            "A pool looks at every channel alone and keeps them all.",
            (1, 10, 18),
        ),
        "halved-channels-well": mistake(
            "You halved the channels as well. The window covers rows and columns only.",
            (12, 10, 18),
        ),
        "counted-stride-1": mistake(
            "You counted with stride 1. A pool's stride is its size unless you say otherwise.",
            (
                24,
                19,
                35,
            ),
        ),
        "rows-columns-swapped": mistake(
            "Rows and columns are swapped. The order is channels, rows, columns.", (24, 18, 10)
        ),
    },
    hints=[
        "A pool does not add channels up. How many maps go in, and how many come out?",
        "Windows of 2×2 that do not overlap: count them along the 20 rows, then along the "
        "36 columns.",
    ],
)
def pooled_shape():
    """Shape of a (24, 20, 36) block after MaxPool2d(2)."""
    return 24, 20 // 2, 36 // 2


# --- 3.4 ----------------------------------------------------------------------------------------
def _maps(rng):
    """Maps of whole numbers with more below 0 than above, so that a frame of zeros shows."""

    def whole(*shape):
        return torch.randint(-19, 4, shape, generator=rng).float()

    yield whole(1, 4, 6), 2, 2
    yield whole(2, 5, 7), 3, 1
    yield whole(2, 7, 9), 3, 2
    yield whole(3, 6, 9), 3, 2, 1
    yield whole(2, 9, 11), 4, 3, 2


def _by_torch(image, size, stride, padding=0):
    return F.max_pool2d(image[None], size, stride, padding)[0]


def _framed_by(value):
    def max_pool2d(image, size, stride, padding=0):
        return _by_torch(F.pad(image, [padding] * 4, value=value), size, stride)

    return max_pool2d


def _padded_first(image, size, stride, padding=0):
    return _by_torch(F.pad(image, (padding, 0, padding, 0), value=-torch.inf), size, stride)


def _rounded_up(image, size, stride, padding=0):
    return F.max_pool2d(image[None], size, stride, padding, ceil_mode=True)[0]


def _at_stride(new):
    def max_pool2d(image, size, stride, padding=0):
        return _by_torch(image, size, new(size), padding)

    return max_pool2d


@exercise(
    "3.4",
    "Write max_pool2d",
    minutes=12,
    oracle=_by_torch,
    cases=_maps,
    mistakes={
        "window-moves-pixel": mistake(
            "Your window moves by one pixel, whatever the stride. "
            "The window of output (i, j) starts at row i·stride, column j·stride.",
            _at_stride(lambda size: 1),
        ),
        "window-moves-own": mistake(
            "Your window moves by its own size, whatever the stride. "
            "The window of output (i, j) starts at row i·stride, column j·stride.",
            _at_stride(lambda size: size),
        ),
        "took-mean-window": mistake(
            "You took the mean of each window. Keep its largest number.",
            lambda *case: F.avg_pool2d(F.pad(case[0], [(*case, 0)[3]] * 4), *case[1:3]),
        ),
        "frame-made-zeros": mistake(
            "Your frame is made of zeros, and 0 wins where all numbers are negative. "
            "Pad with -torch.inf, which never wins.",
            _framed_by(0.0),
        ),
        "search-maximum-starts": mistake(
            "Your search for the maximum starts at 0, and 0 wins where all numbers are negative. "
            "Start at -torch.inf, or take .amax of the window.",
            lambda *case: _by_torch(*case).relu(),
        ),
        "padding-ignored-put": mistake(
            "The padding is ignored. Put the image into the middle of a larger block first.",
            lambda image, size, stride, padding=0: _by_torch(image, size, stride),
        ),
        "padded-top-left": mistake(
            "You padded the top and the left only. Padding goes on all four sides.", _padded_first
        ),
        "took-largest-number": mistake(
            "You took the largest number over all channels. Pool every channel alone: "
            "the maximum runs over rows and columns.",
            lambda *case: _by_torch(*case).amax(0, keepdim=True),
        ),
        "axis-channels-gone": mistake(
            "The axis of the channels is gone. Pool every channel alone, and keep one map for "
            "each: the shape is (C, H', W').",
            lambda *case: _by_torch(*case).amax(0),
        ),
        "rounded-number-windows": mistake(
            "You rounded the number of windows up. "
            "Where the last window does not fit, leave it out.",
            _rounded_up,
        ),
        "took-sum-window": mistake(
            "You took the sum of each window. Keep its largest number.",
            lambda *case: (
                F.avg_pool2d(F.pad(case[0], [(*case, 0)[3]] * 4), *case[1:3]) * case[1] ** 2
            ),
        ),
        "rows-columns-swapped": mistake(
            "Rows and columns are swapped. Fill output[:, i, j]: rows first.",
            lambda *case: _by_torch(*case).transpose(1, 2),
        ),
    },
    hints=[
        "Pad first: image.new_full(shape, -torch.inf) makes the frame; write the image into "
        "its middle.",
        "The number of rows is (H + 2·padding − size) // stride + 1, and likewise for columns.",
        "Cut padded[:, i·stride : i·stride + size, …] and take .amax((1, 2)): "
        "one number for each channel.",
    ],
)
def max_pool2d(image, size, stride, padding=0):
    """(C, H, W) -> (C, H', W'): the largest number of every window; the padding never wins."""
    channels, height, width = image.shape
    padded = image.new_full((channels, height + 2 * padding, width + 2 * padding), -torch.inf)
    padded[:, padding : padding + height, padding : padding + width] = image
    rows = (height + 2 * padding - size) // stride + 1
    columns = (width + 2 * padding - size) // stride + 1
    output = image.new_zeros(channels, rows, columns)
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            output[:, i, j] = padded[:, top : top + size, left : left + size].amax((1, 2))
    return output


# --- 3.5 ----------------------------------------------------------------------------------------
def _gradient(pool):
    """Gradient of the summed outputs of a pool of (1, 1, 4, 4), as whole numbers if it is."""
    image = IMAGE.double().requires_grad_()
    pool(image[None, None]).sum().backward()
    whole = torch.equal(image.grad, image.grad.round())
    return image.grad.long() if whole else image.grad.float()


def _windows(image):
    return image.unfold(2, 2, 1).unfold(3, 2, 1).flatten(4)


def _every_winner(image):
    """Gradient of a pool in which each of the tied winners gets the whole gradient."""
    windows = _windows(image)
    winners = (windows == windows.amax(-1, keepdim=True)).detach()
    return (windows * winners).sum(-1)


def _one_at(*places):
    gradient = torch.zeros(4, 4, dtype=torch.int64)
    for place in places:
        gradient[place] = 1
    return gradient


@exercise(
    "3.5",
    "The gradient of a max pool",
    minutes=6,
    kind="value",
    oracle=lambda: _gradient(lambda image: F.max_pool2d(image, 2, 1)),
    mistakes={
        "marked-winner-1": mistake(
            "You marked each winner with a 1. A pixel that wins in several windows receives "
            "one gradient from each: add them up.",
            _one_at((1, 1), (1, 2), (2, 1), (3, 3)),
        ),
        "tied-numbers-received": mistake(
            "Both tied numbers received a full 1. One window sends out 1 in all: here the first "
            "of the two, in reading order, takes it.",
            _gradient(_every_winner),
        ),
        "marked-winner-1-tied": mistake(
            "You marked each winner with a 1, and both of the tied numbers. Only the first of "
            "two takes the gradient, and gradients of several windows add up.",
            _one_at((1, 1), (1, 2), (2, 1), (3, 0), (3, 3)),
        ),
        "shared-tie-half": mistake(
            "You shared the tie, half each, as amax does. Here the first takes it all, "
            "as in max_pool2d.",
            _gradient(lambda image: _windows(image).amax(-1)),
        ),
        "last-two-tied": mistake(
            "The last of the two tied numbers took the gradient. "
            "Here it is the first, in reading order.",
            torch.tensor([[0, 0, 0, 0], [0, 2, 4, 0], [0, 1, 0, 0], [1, 0, 0, 1]]),
        ),
        "pooled-map-gradient": mistake(
            "That is the pooled map, not its gradient. The gradient is as large as the image and "
            "counts in how many windows each pixel wins.",
            when=lambda value: isinstance(value, torch.Tensor) and tuple(value.shape) == (3, 3),
            example=_pooled(IMAGE, 2, 1),
        ),
        "map-counts-many": mistake(
            "Your map counts in how many windows each pixel lies. Only the winner of a window "
            "receives its gradient.",
            _gradient(lambda image: _windows(image).sum(-1)),
        ),
    },
    hints=[
        "Go through the nine windows, one after the other. Which pixel wins in each?",
        "Nine windows send out nine ones, so your sixteen numbers add up to 9.",
        "The 7 wins in four windows. The 5 in the second row wins in two. "
        "That leaves three windows.",
    ],
)
def gradient_map():
    """(4, 4) gradient of the summed outputs; of tied numbers the first takes it."""
    return torch.tensor([[0, 0, 0, 0], [0, 2, 4, 0], [0, 2, 0, 0], [0, 0, 0, 1]])


# --- 3.6 ----------------------------------------------------------------------------------------
def _pooled_after_shift():
    moved = torch.cat([torch.zeros(1, dtype=ROW.dtype), ROW[:-1]])
    return tuple(moved.reshape(4, 2).amax(1).tolist())


@exercise(
    "3.6",
    "Shift by one pixel, then pool",
    minutes=4,
    kind="value",
    oracle=_pooled_after_shift,
    mistakes={
        "pooled-row-before": mistake(
            "That is the pooled row from before the shift: you left it unchanged. "
            "Shift first, cut the shifted row into pairs, and pool those.",
            (5, 1, 3, 2),
        ),
        "moved-pooled-row": mistake(
            "You moved the pooled row by one place. One pixel is only half a window: "
            "shift the row itself, then cut it into new pairs.",
            (0, 5, 1, 3),
        ),
        "shifted-left-right": mistake(
            "You shifted to the left. To the right means that a 0 enters at the left end.",
            (
                5,
                0,
                3,
                2,
            ),
        ),
        "moved-last-number": mistake(
            "You moved the last number round to the front. It leaves, and a 0 enters.", (2, 5, 0, 3)
        ),
        "took-mean-pair": mistake(
            "You took the mean of each pair. Keep the larger number.", (0, 3, 0, 1.5)
        ),
    },
    hints=[
        "Write the shifted row down: it starts 0, 0, 5, 1.",
        "The new pairs are (0, 0), (5, 1), (0, 0) and (3, 0).",
    ],
)
def shifted_pool():
    """The row shifted by one to the right, then pooled in pairs."""
    return max(0, 0), max(5, 1), max(0, 0), max(3, 0)
