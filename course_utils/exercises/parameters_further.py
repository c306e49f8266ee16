"""Exercises of further/04: work, memory and depth."""

import numpy as np
import torch
from torch import nn

from course_utils.exercise import exercise
from course_utils.exercises.parameters_counting import CONV_COST, conv_cost_with
from course_utils.exercises.parameters_further_mistakes import (
    ALEXNET,
    FOLDS,
    SEPARABLE,
    TRAINING_BYTES,
)
from course_utils.models import ledger


# --- 4.7 -----------------------------------------------------------------------------------------
def _by_ledger(inputs, outputs, kernel, size, stride=1, padding=0, groups=1):
    with torch.device("meta"):
        layer = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups)
        book = ledger(layer, (inputs, size, size))
    return book.parameters, book.multiply_adds


def _convolutions(rng):
    def draw(low, high):
        return int(torch.randint(low, high, (), generator=rng))

    yield 2, draw(3, 9), 3, draw(7, 12)
    yield draw(2, 5), draw(6, 9), 5, draw(20, 30), 1, 2
    yield draw(2, 5), draw(6, 9), 3, 2 * draw(9, 14), 2, 1
    yield 4, 4 * draw(2, 5), 3, draw(14, 20), 2, 1, 4
    yield 6, 10, 2, 13, 3, 0, 2  # a stride that leaves a rest of all but one
    yield 6, 4, 2, 14, 3, 0, 2  # and one that leaves none


@exercise(
    "4.7",
    "Parameters and multiply-adds of a convolution",
    minutes=8,
    oracle=_by_ledger,
    cases=_convolutions,
    parts=("parameters", "multiply-adds"),
    switches=conv_cost_with,
    mistakes=CONV_COST,
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


# --- 4.8 -----------------------------------------------------------------------------------------
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
    formula="channels * k ** 2 + channels * channels",
    quantities={"channels": 128, "k": 3},
    mistakes=SEPARABLE,
    hints=[
        "The first layer has 128 filters. How many input channels does each of them see?",
        "The 1×1 convolution is a dense layer at every pixel: 128 inputs, 128 outputs.",
    ],
)
def separable_weights():
    """Weights of a depthwise 3×3 and a 1×1 convolution of 128 channels, no biases."""
    return 128 * 3 * 3 + 128 * 128


# --- 4.9 -----------------------------------------------------------------------------------------
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
    return one * ALEXNET


@exercise(
    "4.9",
    "What Adam keeps in memory",
    minutes=4,
    kind="value",
    oracle=_training_memory_by_torch,
    formula="parameters * bytes * (weight + gradient + means)",
    quantities={"parameters": ALEXNET, "bytes": 4, "weight": 1, "gradient": 1, "means": 2},
    mistakes=TRAINING_BYTES,
    hints=[
        "Which numbers belong to one weight during training? Its own value is the first.",
        "The gradient is the second. Adam adds two running means.",
    ],
)
def training_bytes():
    """Bytes that AlexNet's weights take while Adam trains them in float32."""
    return 61_100_840 * 4 * (1 + 1 + 2)


# --- 4.10 ----------------------------------------------------------------------------------------
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
    parts=("pieces", "units"),
    formula=("2 ** folds", "2 ** folds - 1"),
    quantities={"folds": 8},
    mistakes=FOLDS,
    hints=[
        "After the first fold there are 2 pieces, after the second 4.",
        "One hidden layer: each unit is a ReLU, straight on either side of one bend.",
        "With no unit there is 1 piece. Each unit adds one.",
    ],
)
def folds():
    """Straight pieces after 8 folds, and the hidden units one layer needs for them."""
    return 2**8, 2**8 - 1
