"""Exercises of further/04: work, memory and depth."""

import numpy as np
import torch
from torch import nn

from course_utils.exercise import exercise, mistake
from course_utils.models import ledger


# --- 4.7 ----------------------------------------------------------------------------------------
def _by_ledger(inputs, outputs, kernel, size, stride=1, padding=0, groups=1):
    with torch.device("meta"):
        layer = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups)
        book = ledger(layer, (inputs, size, size))
    return book.parameters, book.multiply_adds


def _convolutions(rng):
    def draw(low, high):
        return int(torch.randint(low, high, (), generator=rng))

    yield 1, draw(2, 9), 3, draw(7, 12)
    yield draw(2, 5), draw(5, 9), 5, draw(20, 30), 1, 2
    yield draw(2, 5), draw(5, 9), 3, 2 * draw(9, 14), 2, 1
    yield 4, 4 * draw(2, 5), 3, draw(14, 20), 2, 1, 4


def _wrongly(places=None, weights=None, biases=None, work=None):
    """A conv_cost that goes wrong in one of its parts."""

    def conv_cost(inputs, outputs, kernel, size, stride=1, padding=0, groups=1):
        side = (size + 2 * padding - kernel) // stride + 1
        if places:
            side = places(side, kernel, size, stride, padding)
        each = (weights or (lambda c, k, g: c // g * k * k))(inputs, kernel, groups)
        bias = outputs if biases is None else biases
        right = outputs * each * side * side
        return outputs * each + bias, work(right, outputs, each, side) if work else right

    return conv_cost


@exercise(
    "4.7",
    "Parameters and multiply-adds of a convolution",
    minutes=8,
    oracle=_by_ledger,
    cases=_convolutions,
    mistakes={
        "multiply-adds-weights": mistake(
            "Your multiply-adds are the weights, used once. "
            "Every weight is used again at every place of the output.",
            _wrongly(work=lambda right, outputs, each, side: outputs * each),
        ),
        "count-places-input": mistake(
            "You count places of the input. The kernel stops once for each place of the output.",
            _wrongly(places=lambda side, k, size, s, p: size),
        ),
        "padding-missing-size": mistake(
            "The padding is missing in the size of the output.",
            _wrongly(places=lambda side, k, size, s, p: (size - k) // s + 1),
        ),
        "stride-missing-size": mistake(
            "The stride is missing in the size of the output.",
            _wrongly(places=lambda side, k, size, s, p: size + 2 * p - k + 1),
        ),
        "count-map-row": mistake(
            "You count a map as one row. It has rows times columns: square its side.",
            _wrongly(work=lambda right, outputs, each, side: outputs * each * side),
        ),
        "count-biases-multiply": mistake(
            "You count biases as multiply-adds. A bias is only added.",
            _wrongly(work=lambda right, outputs, each, side: right + outputs * side * side),
        ),
        "twice-many-count": mistake(
            "Twice too many: you count a multiplication and its addition as two. "
            "That is the number of operations (FLOPs).",
            _wrongly(work=lambda right, outputs, each, side: 2 * right),
        ),
        "two-numbers-changed": mistake(
            "The two numbers have changed places: parameters first, then multiply-adds.",
            lambda *case: _by_ledger(*case)[::-1],
        ),
        "biases-missing-among": mistake(
            "The biases are missing among the parameters: one for each filter.", _wrongly(biases=0)
        ),
        "groups-missing-filter": mistake(
            "The groups are missing. A filter sees only inputs / groups channels.",
            _wrongly(weights=lambda c, k, g: c * k * k),
        ),
        "input-channels-missing": mistake(
            "The input channels are missing. A kernel has a slice for each one it sees.",
            _wrongly(weights=lambda c, k, g: k * k),
        ),
    },
    hints=[
        "Begin with the side of the output: (size + 2 · padding − kernel) // stride + 1.",
        "One output number costs as many multiply-adds as its filter has weights.",
        "A filter has (inputs // groups) · kernel · kernel weights and one bias.",
    ],
)
def conv_cost(inputs, outputs, kernel, size, stride=1, padding=0, groups=1):
    """Channels, filters, k, side of a square image, … -> (parameters, multiply-adds)."""
    side = (size + 2 * padding - kernel) // stride + 1
    weights = outputs * (inputs // groups) * kernel**2
    return weights + outputs, weights * side**2


# --- 4.8 ----------------------------------------------------------------------------------------
def _separable_by_torch():
    layers = (
        nn.Conv2d(128, 128, 3, groups=128, bias=False),
        nn.Conv2d(128, 128, 1, bias=False),
    )
    return sum(layer.weight.numel() for layer in layers)


@exercise(
    "4.8",
    "Separate where from what",
    minutes=4,
    kind="value",
    oracle=_separable_by_torch,
    mistakes={
        "147-456-ordinary": mistake(
            "147,456 is the ordinary 3×3 convolution that you want to replace.", 128 * 128 * 9
        ),
        "1-152-depthwise": mistake(
            "1,152 is the depthwise part alone. Add the 1×1 convolution that mixes the channels.",
            128 * 9,
        ),
        "16-384-1": mistake(
            "16,384 is the 1×1 part alone. Add one 3×3 slice for each channel.", 128 * 128
        ),
        "163-840-full": mistake(
            "163,840 has full kernels in the first part. There, each filter sees one channel only.",
            128 * 128 * 9 + 128 * 128,
        ),
        "counted-biases-layers": mistake(
            "You counted biases. Both layers go without here.", 128 * 9 + 128 * 128 + 256
        ),
        "kernel-enough-channels": mistake(
            "One kernel is not enough for all channels: each of the 128 has a 3×3 slice of its own.",
            9 + 128 * 128,
        ),
    },
    hints=[
        "The first layer has 128 filters. How many input channels does each of them see?",
        "The 1×1 convolution is a dense layer at every pixel: 128 inputs, 128 outputs.",
    ],
)
def separable_weights():
    """Weights of a depthwise 3×3 and a 1×1 convolution of 128 channels, no biases."""
    return 128 * 3 * 3 + 128 * 128


# --- 4.9 ----------------------------------------------------------------------------------------
def _training_memory_by_torch():
    """Bytes a parameter costs under Adam, measured on a small layer, times AlexNet's number."""
    layer = nn.Linear(30, 40)
    optimiser = torch.optim.Adam(layer.parameters())
    layer(torch.ones(2, 30)).sum().backward()
    optimiser.step()
    held = [*layer.parameters(), *(parameter.grad for parameter in layer.parameters())]
    for state in optimiser.state.values():
        held += [value for value in state.values() if value.ndim]
    one = sum(value.nbytes for value in held) // sum(p.numel() for p in layer.parameters())
    return one * 61_100_840


@exercise(
    "4.9",
    "What Adam keeps in memory",
    minutes=4,
    kind="value",
    oracle=_training_memory_by_torch,
    mistakes={
        "multiplied-4-weights": mistake(
            "You multiplied by 4 once: that is the weights alone in bytes. Training keeps "
            "three more numbers beside each weight, and every number takes 4 bytes.",
            4 * 61_100_840,
        ),
        "left-adam-keeps": mistake(
            "You left out what Adam keeps: two running means for each weight.", 8 * 61_100_840
        ),
        "counted-running-mean": mistake(
            "You counted one running mean. Adam keeps two: of the gradient and of its square.",
            12 * 61_100_840,
        ),
        "number-weights-needs": mistake(
            "That is the number of weights. Each needs four numbers in training, "
            "and every number takes 4 bytes.",
            61_100_840,
        ),
        "nearly-rounded-write": mistake(
            "Nearly, but rounded. Write the product and let Python work it out.",
            when=lambda seen: 0 < abs(seen - 977_613_440) < 5_000_000,
            example=978_000_000,
        ),
        "counted-bits-eight": mistake(
            "You counted bits. Eight of them make a byte.", 16 * 61_100_840 * 8
        ),
    },
    hints=[
        "Which numbers belong to one weight during training? Its own value is the first.",
        "The gradient is the second. Adam adds two running means.",
    ],
)
def training_bytes():
    """Bytes that AlexNet's weights take while Adam trains them in float32."""
    return 61_100_840 * 4 * (1 + 1 + 2)


# --- 4.10 ---------------------------------------------------------------------------------------
def _pieces_by_counting():
    """Straight pieces of the tent, folded 8 times, by the changes of its slope on a fine grid."""
    x = np.linspace(0, 1, 2**12 + 1)
    for _ in range(8):
        x = 1 - np.abs(2 * x - 1)
    pieces = 1 + int((np.diff(np.sign(np.diff(x))) != 0).sum())
    return pieces, pieces - 1


@exercise(
    "4.10",
    "Fold a line",
    minutes=4,
    kind="value",
    oracle=_pieces_by_counting,
    mistakes={
        "16-pieces-come": mistake(
            "16 pieces would come from adding 2 with each fold. Each fold doubles them.", (16, 255)
        ),
        "64-8-squared": mistake(
            "64 is 8 squared. Each fold doubles the pieces: 2, 4, 8, …", (64, 255)
        ),
        "128-stops-fold": mistake(
            "128 stops one fold too early. The first fold makes 2 pieces already.", (128, 255)
        ),
        "unit-many-line": mistake(
            "One unit too many: a line without any bend is one piece already, "
            "and each unit adds one bend.",
            (256, 256),
        ),
        "8-units-give": mistake(
            "8 units give at most 9 pieces in one hidden layer: every bend needs a unit.", (256, 8)
        ),
        "16-units-deep": mistake(
            "16 units in all is the deep network. One hidden layer needs a unit for every bend.",
            (
                256,
                16,
            ),
        ),
    },
    hints=[
        "After the first fold there are 2 pieces, after the second 4.",
        "One hidden layer: each unit is a ReLU, straight on either side of one bend.",
        "With no unit there is 1 piece. Each unit adds one.",
    ],
)
def folds():
    """Straight pieces after 8 folds, and the hidden units one layer needs for them."""
    return 2**8, 2**8 - 1
