"""Exercises of workbook 03: pooling, its sizes, its gradient and what a shift does to it."""

from functools import partial

import torch
import torch.nn.functional as F

from course_utils.exercise import exercise, mistake
from course_utils.exercises.calling import call_by_hand
from course_utils.exercises.pooling_mistakes import (
    FIRST_MAXIMUM,
    POOLED_SHAPE,
    POOLED_SIZE,
    SHIFTED_POOL,
)
from course_utils.exercises.pooling_shift_mistakes import (
    GLOBAL_AVERAGE,
    PERIODS,
    averaged,
    periods_by_torch,
)
from course_utils.exercises.pooling_windows import MAX_POOL, max_pool_with
from course_utils.judging.observation import numbers

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
    mistakes=FIRST_MAXIMUM,
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
    formula="(n - k) // s + 1",
    quantities={"n": 13, "k": 3, "s": 2},
    mistakes=POOLED_SIZE,
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
    parts=("channels", "rows", "columns"),
    formula=("24", "(20 - k) // s + 1", "(36 - k) // s + 1"),
    quantities={"k": 2, "s": 2},
    mistakes=POOLED_SHAPE,
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
    yield whole(1, 2, 2), 2, 1, 1  # so few numbers that a verdict shows them all
    yield -whole(2, 5, 7), 3, 1  # mostly above 0, so that a lost sign shows
    yield whole(2, 7, 9), 3, 2
    yield whole(3, 6, 9), 3, 2, 1
    yield whole(2, 9, 11), 4, 3, 2


def _by_torch(image, size, stride, pad=0):
    return F.max_pool3d(image[None], (1, size, size), (1, stride, stride), (0, pad, pad))[0]


@exercise(
    "3.4",
    "Write max_pool2d",
    minutes=10,
    oracle=_by_torch,
    cases=_maps,
    observe=partial(call_by_hand, ("max_pool2d", "max_pool2d_with_indices")),
    switches=max_pool_with,
    mistakes=MAX_POOL,
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
WINS = torch.tensor([[0, 0, 0, 0], [0, 2, 4, 0], [0, 2, 0, 0], [0, 0, 0, 1]])


def _gradient(pool, image=IMAGE):
    """Gradient of the summed outputs of a pool of (1, 1, 4, 4), as whole numbers if it is."""
    image = image.double().requires_grad_()
    pool(image[None, None]).sum().backward()
    whole = torch.equal(image.grad, image.grad.round())
    return image.grad.long() if whole else image.grad.float()


def _windows(image):
    return image.unfold(2, 2, 1).unfold(3, 2, 1).flatten(4)


def _pool(image):
    return F.max_pool2d(image, 2, 1)


def _every_winner(image):
    """Gradient of a pool in which each of the tied winners gets the whole gradient."""
    windows = _windows(image)
    winners = (windows == windows.amax(-1, keepdim=True)).detach()
    return (windows * winners).sum(-1)


def _changed(**cells):
    """The right gradient with other numbers in cells named r2c1 (row 2, column 1)."""
    gradient = WINS.clone()
    for cell, value in cells.items():
        gradient[int(cell[1]), int(cell[3])] = value
    return gradient


def _grid(value):
    """An answer as a 4×4 array; raises where it is another thing."""
    return numbers(value).reshape(4, 4) if numbers(value).shape == (4, 4) else None


def _adds_up_to_another(value):
    return abs(_grid(value).sum() - 9) > 1e-3


def _reaches_a_loser(value):
    return bool((_grid(value)[WINS.numpy() == 0] != 0).any())


@exercise(
    "3.5",
    "The gradient of a max pool",
    minutes=6,
    kind="value",
    oracle=lambda: _gradient(_pool),
    mistakes={
        "marked-with-ones": mistake(
            "Each winner has a 1 in yours, as if it won in a single window. With stride 1 there "
            "are nine windows, and a pixel that wins in several receives a 1 from each: add "
            "them up.",
            WINS.clamp(max=1),
        ),
        "tie-counted-twice": mistake(
            "Both tied numbers received a full 1. One window sends out 1 in all: here the first "
            "of the two, in reading order, takes it.",
            _gradient(_every_winner),
        ),
        "marked-and-tied": mistake(
            "You marked each winner with a 1, and both of the tied numbers. Only the first of "
            "two takes the gradient, and gradients of several windows add up.",
            _changed(r3c0=1).clamp(max=1),
        ),
        "tie-shared": mistake(
            "You shared the tie, half each, as amax does. Here the first takes it all, "
            "as in max_pool2d.",
            _gradient(lambda image: _windows(image).amax(-1)),
        ),
        "tie-to-the-last": mistake(
            "The last of the two tied numbers took the gradient. "
            "Here it is the first, in reading order.",
            _changed(r2c1=1, r3c0=1),
        ),
        "tied-window-missing": mistake(
            "Your numbers add up to 8: the window in the lower left corner, where two numbers "
            "tie, is missing. The first of them takes its 1.",
            _changed(r2c1=1),
        ),
        "strongest-counted-short": mistake(
            "Your numbers add up to 8, and nine windows send out 1 each. "
            "Count again how many windows the 7 lies in and wins.",
            _changed(r1c2=3),
        ),
        "largest-of-all": mistake(
            "Only the largest number of the whole table received a gradient. "
            "Each of the nine windows has a winner of its own.",
            _changed(r1c1=0, r1c2=1, r2c1=0, r3c3=0),
        ),
        "values": mistake(
            "You wrote down the winners' values. Their gradient counts windows: "
            "each window that a pixel wins sends it a 1, whatever the number.",
            IMAGE * (WINS > 0),
        ),
        "values-times-wins": mistake(
            "You multiplied each winner by the number of its windows. The gradient does not "
            "depend on the value of the number itself: each window sends back a 1.",
            IMAGE * WINS,
        ),
        "divided-by-nine": mistake(
            "You divided by nine, as for the mean of the outputs. "
            "Here the outputs are summed: each window sends back a 1.",
            WINS.float() / 9,
        ),
        "ones": mistake(
            "You gave every input a 1. Of each window only the winner, its largest number, "
            "receives the gradient.",
            torch.ones(4, 4),
        ),
        "average-pool": mistake(
            "That is the gradient of an average pool, a quarter for each input of a window. "
            "In a max pool only the largest number receives it.",
            _gradient(lambda image: F.avg_pool2d(image, 2, 1)),
        ),
        "counts-windows": mistake(
            "Your map counts in how many windows each pixel lies. Only the winner of a window "
            "receives its gradient.",
            _gradient(lambda image: _windows(image).sum(-1)),
        ),
        "smallest": mistake(
            "You gave the gradient to the smallest number of each window. "
            "A max pool sends it to the largest.",
            _gradient(lambda image: _pool(-image)).abs(),
        ),
        "magnitude": mistake(
            "You let the largest magnitude win, and so the −9. Mind the sign: "
            "−9 is smaller than every other number.",
            _gradient(_pool, IMAGE.abs()),
        ),
        "transposed": mistake(
            "Rows and columns of your table are exchanged. Write it row by row: the 7, which "
            "wins most often, stands in the second row and the third column.",
            WINS.T,
        ),
        "negated": mistake(
            "Your numbers have the wrong sign. Each window sends back a 1, not a −1.", -WINS
        ),
        "pooled-map": mistake(
            "That is as large as the pooled map, 3×3. The gradient is as large as the image and "
            "counts in how many windows each pixel wins.",
            when=lambda value: tuple(numbers(value).shape) == (3, 3),
            example=_pooled(IMAGE, 2, 1),
        ),
        "flat": mistake(
            "Your sixteen numbers are right, but they come in one flat list. "
            "Give four rows of four.",
            WINS.flatten(),
        ),
        "not-nine": mistake(
            "Your sixteen numbers do not add up to 9. There are nine windows, and each of them "
            "sends back a 1 to one input.",
            when=_adds_up_to_another,
            example=_changed(r1c1=1),
        ),
        "loser-rewarded": mistake(
            "Your numbers add up to 9 as they should, but an input that wins in no window "
            "received a part. Go through the nine windows and mark the largest number of each.",
            when=_reaches_a_loser,
            example=_changed(r1c1=1, r0c2=1),
        ),
        "wins-miscounted": mistake(
            "The right inputs receive a gradient, and yours add up to 9 as they should. "
            "But you gave a window's 1 to another of the winners: count the wins of each anew.",
            when=lambda value: _grid(value) is not None,
            example=_changed(r1c1=3, r1c2=3),
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
    parts=("first pair", "second pair", "third pair", "fourth pair"),
    mistakes=SHIFTED_POOL,
    hints=[
        "Write the shifted row down: it starts 0, 0, 5, 1.",
        "The new pairs are (0, 0), (5, 1), (0, 0) and (3, 0).",
    ],
)
def shifted_pool():
    """The row shifted by one to the right, then pooled in pairs."""
    return max(0, 0), max(5, 1), max(0, 0), max(3, 0)


# --- 3.11 ---------------------------------------------------------------------------------------
@exercise(
    "3.11",
    "Predict the saw",
    minutes=3,
    kind="value",
    oracle=periods_by_torch,
    parts=("pool of 4", "three pools of 2"),
    formula=("size", "stride**pools"),
    quantities={"size": 4, "stride": 2, "pools": 3},
    mistakes=PERIODS,
    hints=[
        "A pool cuts the map into windows. After which shift do the cuts lie on the digit as "
        "before?",
        "Behind one pool of 2, a step of one place is a step of 2 pixels in the picture. "
        "What is it behind two pools?",
    ],
)
def periods():
    """Periods of the saw: with a pool of 4, and with three pools of 2 one behind the other."""
    return 4, 2 * 2 * 2


# --- 3.12 ---------------------------------------------------------------------------------------
def _batches(rng):
    for shape in ((2, 3, 2, 4), (1, 2, 3, 5), (4, 3, 1, 6), (3, 1, 5, 2)):
        yield (torch.randint(-9, 10, shape, generator=rng).float(),)


@exercise(
    "3.12",
    "Average whole maps",
    minutes=3,
    oracle=lambda maps: F.adaptive_avg_pool2d(maps, 1).flatten(1),
    cases=_batches,
    switches=averaged,
    mistakes=GLOBAL_AVERAGE,
    hints=[
        "Which of the four axes are to disappear? `mean` takes them as `dim`.",
        "For (N, C, H, W) rows are axis 2 and columns are axis 3.",
    ],
)
def global_average(maps):
    """(N, C, H, W) -> (N, C): the mean of every map."""
    return maps.mean(dim=(2, 3))
