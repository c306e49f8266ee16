"""Networks used in more than one workbook, and the ledger of what any network costs."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

from course_utils.models.autoencoders import autoencoder, dense_autoencoder
from course_utils.models.costs import FUNCTION, Ledger, Row, format_bytes
from course_utils.models.counting import ledger

__all__ = [
    "FUNCTION",
    "Ledger",
    "MLPNet",
    "Row",
    "Standardize",
    "autoencoder",
    "course_convnet",
    "dense_autoencoder",
    "format_bytes",
    "keras_convnet",
    "ledger",
    "lenet",
    "logistic_regression",
    "meml_convnet",
    "meml_mlp",
    "named_sequential",
    "workshop_convnet",
    "workshop_mlp",
]


Numbers = float | Sequence[float] | torch.Tensor


def named_sequential(**layers: nn.Module) -> nn.Sequential:
    """Layers one after the other, under these names.

    Examples
    --------
    >>> named_sequential(flatten=nn.Flatten(), dense=nn.Linear(4, 2))
    Sequential(
      (flatten): Flatten(start_dim=1, end_dim=-1)
      (dense): Linear(in_features=4, out_features=2, bias=True)
    )
    """
    return nn.Sequential(OrderedDict(layers))


class Standardize(nn.Module):
    """(N, C, H, W) -> the same, each channel minus its `mean`, then divided by its `std`.

    First layer of a model, so that whoever loads the weights has the two numbers with them.

    Parameters
    ----------
    mean, std : number or sequence of numbers
        One for each channel.

    Examples
    --------
    >>> Standardize(0.5, 0.25)(torch.ones(1, 1, 1, 1)).item()
    2.0
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: Numbers, std: Numbers):
        super().__init__()
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32).view(-1, 1, 1))
        self.register_buffer("std", torch.as_tensor(std, dtype=torch.float32).view(-1, 1, 1))

    @classmethod
    def like(cls, images: torch.Tensor) -> Standardize:
        """Make these (N, C, H, W) uint8 images, seen as 0 to 1, have mean 0 and deviation 1.

        Raises
        ------
        ValueError
            If the images are not four-dimensional uint8, or a channel is constant.
        """
        if images.ndim != 4 or images.dtype != torch.uint8:
            what = f"{images.dtype} of shape {tuple(images.shape)}"
            raise ValueError(f"images must be (N, C, H, W) uint8, got {what}")
        counts = torch.stack(
            [channel.flatten().bincount(minlength=256) for channel in images.unbind(1)]
        )
        shares, levels = counts / counts.sum(1, keepdim=True), torch.arange(256) / 255
        mean = (shares * levels).sum(1)
        std = (shares * (levels - mean[:, None]) ** 2).sum(1).sqrt()
        if not std.all():
            raise ValueError(f"channel {int(std.argmin())} is constant: it has no deviation")
        return cls(mean, std)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> the same shape."""
        return (x - self.mean) / self.std


class MLPNet(nn.Module):
    """(N, 1, 28, 28) -> (N, 10) logits by three dense layers (Mathematics of AI)."""

    def __init__(self) -> None:
        super().__init__()
        self.fc0 = nn.Linear(28 * 28, 256)
        self.fc1 = nn.Linear(256, 84)
        self.fc2 = nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 1, 28, 28) -> (N, 10)."""
        x = torch.flatten(x, start_dim=1)
        x = nn.functional.relu(self.fc0(x), inplace=True)
        x = nn.functional.relu(self.fc1(x), inplace=True)
        return self.fc2(x)


def lenet() -> nn.Sequential:
    """(N, 1, 28, 28) -> (N, 10) logits: a variant of LeNet (Mathematics of AI)."""
    return named_sequential(
        **_block(1, 1, 6, 5),
        **_block(2, 6, 16, 5),
        flatten=nn.Flatten(),
        dense1=nn.Linear(16 * 4 * 4, 84),
        relu3=nn.ReLU(inplace=True),
        dense2=nn.Linear(84, 10),
    )


def workshop_convnet() -> nn.Sequential:
    """(N, 3, 32, 32) -> (N, 10) logits: the convnet for CIFAR-10 (COMP90051, workshop 6)."""
    return named_sequential(
        **_block(1, 3, 8, 5),
        **_block(2, 8, 16, 5),
        flatten=nn.Flatten(),
        dense1=nn.Linear(16 * 5 * 5, 256),
        relu3=nn.ReLU(inplace=True),
        dense2=nn.Linear(256, 10),
    )


def workshop_mlp() -> nn.Sequential:
    """(N, 3, 32, 32) -> (N, 10) logits by dense layers only (COMP90051, workshop 6)."""
    return named_sequential(
        flatten=nn.Flatten(),
        dense1=nn.Linear(3 * 32 * 32, 256),
        relu1=nn.ReLU(inplace=True),
        dense2=nn.Linear(256, 100),
        relu2=nn.ReLU(inplace=True),
        dense3=nn.Linear(100, 10),
    )


def meml_mlp() -> nn.Sequential:
    """(N, 1, 28, 28) -> (N, 10) logits: the first of the two networks in MEML, chapter 5.

    The book ends it with a softmax; here, as usual in PyTorch, the loss takes the logits.
    """
    return named_sequential(
        flatten=nn.Flatten(),
        dense1=nn.Linear(28 * 28, 200),
        relu=nn.ReLU(inplace=True),
        dense2=nn.Linear(200, 100),
        tanh=nn.Tanh(),
        dense3=nn.Linear(100, 10),
    )


def meml_convnet() -> nn.Sequential:
    """(N, 1, 28, 28) -> (N, 10) logits: the second of the two networks in MEML, chapter 5."""
    return named_sequential(
        **_block(1, 1, 8, 5),
        **_block(2, 8, 16, 3),
        flatten=nn.Flatten(),
        dense=nn.Linear(16 * 5 * 5, 10),
    )


def keras_convnet() -> nn.Sequential:
    """(N, 1, 28, 28) -> (N, 10) logits: the Keras model of the lecture, without its softmax."""
    return named_sequential(
        **_block(1, 1, 32, 3),
        **_block(2, 32, 64, 3),
        flatten=nn.Flatten(),
        dropout=nn.Dropout(0.5),
        dense=nn.Linear(64 * 5 * 5, 10),
    )


def logistic_regression(shape: tuple[int, ...] = (3, 32, 32), classes: int = 10) -> nn.Sequential:
    """(N, *shape) -> (N, classes) logits: logistic regression, one dense layer on the pixels."""
    return named_sequential(flatten=nn.Flatten(), dense=nn.Linear(math.prod(shape), classes))


def course_convnet(
    width: int = 16, classes: int = 10, channels: int = 3, batch_norm: bool = False, blocks: int = 2
) -> nn.Sequential:
    """(N, channels, 32, 32) -> (N, classes) logits: the CNN of the course.

    Each block is a 5×5 convolution, ReLU and a pool that halves both sides; one dense layer ends
    it.

    Parameters
    ----------
    width : int
        Filters of the first block; every other has twice as many as the one before.
    classes, channels : int
        Numbers of logits and of the image's channels.
    batch_norm : bool
        Normalise each convolution's output.
    blocks : int
        From 1 to 5.
    """
    layers: dict[str, nn.Module] = {}
    inputs = channels
    for number in range(1, blocks + 1):
        filters = width * 2 ** (number - 1)
        layers[f"conv{number}"] = nn.Conv2d(inputs, filters, 5, padding=2)
        if batch_norm:
            layers[f"norm{number}"] = nn.BatchNorm2d(filters)
        layers |= {f"relu{number}": nn.ReLU(), f"pool{number}": nn.MaxPool2d(2)}
        inputs = filters
    side = 32 // 2**blocks
    return named_sequential(
        **layers, flatten=nn.Flatten(), dense=nn.Linear(inputs * side * side, classes)
    )


def _block(number: int, inputs: int, filters: int, kernel: int) -> dict[str, nn.Module]:
    """Convolution, ReLU (in place: it takes no memory), and a pool that halves both sides."""
    return {
        f"conv{number}": nn.Conv2d(inputs, filters, kernel),
        f"relu{number}": nn.ReLU(inplace=True),
        f"pool{number}": nn.MaxPool2d(2),
    }
