"""A locally connected layer, and four networks that differ only in what is local and shared."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

RUNGS = ("dense", "local", "first layer shared", "all shared")
KINDS = (("dense", "dense"), ("local", "local"), ("shared", "local"), ("shared", "shared"))
SIDE, CHANNELS, CLASSES = 16, (3, 8, 16), 10  # of the ladder's images; of its layers


class LocalConv2d(nn.Module):
    """A convolution whose kernel may be another one at every place.

    With stride 1, an odd kernel and a frame of zeros, so that the maps keep their size. If all
    places hold the same kernel and the same biases, it is `torch.nn.Conv2d`.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int
        Odd.
    size : int
        Height and width of the images.

    Examples
    --------
    >>> LocalConv2d(3, 8, 3, size=16)(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 8, 16, 16])
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, size: int):
        super().__init__()
        self.kernel_size, self.size = kernel_size, size
        inputs = in_channels * kernel_size**2
        bound = 1 / math.sqrt(inputs)  # PyTorch's for a convolution
        weight, bias = (
            torch.empty(size**2, out_channels, inputs),
            torch.empty(out_channels, size**2),
        )
        self.weight = nn.Parameter(weight.uniform_(-bound, bound))
        self.bias = nn.Parameter(bias.uniform_(-bound, bound))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, size, size) -> (N, out_channels, size, size)."""
        windows = F.unfold(x, self.kernel_size, padding=self.kernel_size // 2)  # (N, inputs, P)
        products = torch.bmm(self.weight, windows.permute(2, 1, 0))  # (P, out_channels, N)
        return (products.permute(2, 1, 0) + self.bias).unflatten(2, (self.size, self.size))


def ladder_network(rung: int) -> nn.Sequential:
    """(N, 3, 16, 16) -> (N, 10) logits: a rung of the ladder, from 0 (dense) to 3 (all shared).

    All have the same layers with as many units: 8 maps of 16×16, pooled to 8×8; 16 maps of 8×8,
    pooled to 4×4; a dense layer. `RUNGS` names what the first two layers are.
    """
    kinds = [("dense", "dense"), ("local", "local"), ("shared", "local"), ("shared", "shared")][
        rung
    ]
    layers: list[nn.Module] = []
    for kind, inputs, filters, size in zip(
        kinds, CHANNELS, CHANNELS[1:], (SIDE, SIDE // 2), strict=False
    ):
        layers += [*_layer(kind, inputs, filters, size), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(CHANNELS[-1] * (SIDE // 4) ** 2, CLASSES))


def _layer(kind: str, inputs: int, filters: int, size: int) -> list[nn.Module]:
    """(N, inputs, size, size) -> (N, filters, size, size), as one or three modules."""
    if kind == "dense":
        linear = nn.Linear(inputs * size**2, filters * size**2)
        return [nn.Flatten(), linear, nn.Unflatten(1, (filters, size, size))]
    if kind == "local":
        return [LocalConv2d(inputs, filters, 3, size)]
    return [nn.Conv2d(inputs, filters, 3, padding=1)]
