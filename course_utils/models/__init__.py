"""Networks used in more than one workbook, and the ledger of what any network costs."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from course_utils.models.autoencoders import autoencoder, dense_autoencoder
from course_utils.models.costs import FUNCTION, Ledger, Row, size
from course_utils.models.counting import ledger

__all__ = [
    "FUNCTION",
    "Ledger",
    "MLPNet",
    "Row",
    "autoencoder",
    "dense_autoencoder",
    "keras_convnet",
    "ledger",
    "lenet",
    "meml_convnet",
    "meml_mlp",
    "named",
    "size",
    "workshop_convnet",
    "workshop_mlp",
]


def named(**layers: nn.Module) -> nn.Sequential:
    """Layers one after the other, under these names."""
    return nn.Sequential(OrderedDict(layers))


class MLPNet(nn.Module):
    """(N, 1, 28, 28) -> (N, 10) scores by three dense layers (Mathematics of AI)."""

    def __init__(self):
        super().__init__()
        self.fc0 = nn.Linear(28 * 28, 256)
        self.fc1 = nn.Linear(256, 84)
        self.fc2 = nn.Linear(84, 10)

    def forward(self, x):  # noqa: D102
        x = torch.flatten(x, start_dim=1)
        x = torch.relu(self.fc0(x))
        x = torch.relu(self.fc1(x))
        return self.fc2(x)


def lenet() -> nn.Sequential:
    """(N, 1, 28, 28) -> (N, 10) scores: a variant of LeNet (Mathematics of AI)."""
    return named(
        **_block(1, 1, 6, 5),
        **_block(2, 6, 16, 5),
        flatten=nn.Flatten(),
        dense1=nn.Linear(16 * 4 * 4, 84),
        relu3=nn.ReLU(),
        dense2=nn.Linear(84, 10),
    )


def workshop_convnet() -> nn.Sequential:
    """(N, 3, 32, 32) -> (N, 10) scores: the convnet for CIFAR-10 (COMP90051, workshop 6)."""
    return named(
        **_block(1, 3, 8, 5),
        **_block(2, 8, 16, 5),
        flatten=nn.Flatten(),
        dense1=nn.Linear(16 * 5 * 5, 256),
        relu3=nn.ReLU(),
        dense2=nn.Linear(256, 10),
    )


def workshop_mlp() -> nn.Sequential:
    """(N, 3, 32, 32) -> (N, 10) scores by dense layers only (COMP90051, workshop 6)."""
    return named(
        flatten=nn.Flatten(),
        dense1=nn.Linear(3 * 32 * 32, 256),
        relu1=nn.ReLU(),
        dense2=nn.Linear(256, 100),
        relu2=nn.ReLU(),
        dense3=nn.Linear(100, 10),
    )


def meml_mlp() -> nn.Sequential:
    """(N, 1, 28, 28) -> (N, 10) scores: the first of the two networks in MEML, chapter 5.

    The book ends it with a softmax; here, as usual in PyTorch, the loss takes the scores.
    """
    return named(
        flatten=nn.Flatten(),
        dense1=nn.Linear(28 * 28, 200),
        relu=nn.ReLU(),
        dense2=nn.Linear(200, 100),
        tanh=nn.Tanh(),
        dense3=nn.Linear(100, 10),
    )


def meml_convnet() -> nn.Sequential:
    """(N, 1, 28, 28) -> (N, 10) scores: the second of the two networks in MEML, chapter 5."""
    return named(
        **_block(1, 1, 8, 5),
        **_block(2, 8, 16, 3),
        flatten=nn.Flatten(),
        dense=nn.Linear(16 * 5 * 5, 10),
    )


def keras_convnet() -> nn.Sequential:
    """(N, 1, 28, 28) -> (N, 10) scores: the Keras model of the lecture, without its softmax."""
    return named(
        **_block(1, 1, 32, 3),
        **_block(2, 32, 64, 3),
        flatten=nn.Flatten(),
        dropout=nn.Dropout(0.5),
        dense=nn.Linear(64 * 5 * 5, 10),
    )


def _block(number: int, inputs: int, filters: int, kernel: int) -> dict[str, nn.Module]:
    """Convolution, ReLU, and a pool that halves both sides."""
    return {
        f"conv{number}": nn.Conv2d(inputs, filters, kernel),
        f"relu{number}": nn.ReLU(),
        f"pool{number}": nn.MaxPool2d(2),
    }
