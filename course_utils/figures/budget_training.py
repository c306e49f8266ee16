"""The runs of the budget board: one fixed, short training, so that networks can be compared."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim

from course_utils import datasets
from course_utils.training.batches import to_float

IMAGES, EPOCHS, BATCH, RATE, SEED = 4000, 6, 32, 0.01, 0


class CancelledError(Exception):
    """Raised inside a run whose `report` wants it to end."""


@functools.cache
def _shapes() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Images and labels of "shapes", for training and for the test."""
    data = datasets.load("shapes")
    train = data.train_images[:IMAGES], data.train_labels[:IMAGES]
    return train, (data.test_images, data.test_labels)


def _center(images: Tensor) -> Tensor:
    """(N, C, H, W) uint8 -> float32 from -2 to 2."""
    return 4 * to_float(images) - 2


def materialize(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """Give a network on the meta device PyTorch's usual first weights, drawn from `generator`.

    Whoever draws random numbers at the same time, in another thread, is not disturbed.
    """
    model = model.to_empty(device="cpu")
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
            if layer.bias is not None:
                bound = 1 / math.sqrt(layer.weight[0].numel())
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return model


def train_on_board(
    model: nn.Module, report: Callable[[float], bool] = lambda share: True, seed: int = SEED
) -> float:
    """Train a network for the board and return its test accuracy in %.

    Every network sees the same 4,000 images of "shapes" six times, in the same order: Adam with a
    one-cycle rate, 32 images a step. Global random numbers are neither used nor changed.

    Parameters
    ----------
    model : nn.Module
        (N, 3, 32, 32) -> (N, 10) scores, on the meta device.
    report : function
        Called every few steps with the share that is done, from 0 to 1; the run ends early if it
        returns False.
    seed : int
        Of the first weights and of the order of the images.

    Raises
    ------
    CancelledError
        If `report` returned False.
    """
    generator = torch.Generator().manual_seed(seed)
    model = materialize(model, generator)
    (images, labels), (test_images, test_labels) = _shapes()
    steps = EPOCHS * math.ceil(len(labels) / BATCH)
    optimizer = optim.Adam(model.parameters())
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    orders = [torch.randperm(len(labels), generator=generator) for _ in range(EPOCHS)]
    for step, rows in enumerate(rows for order in orders for rows in order.split(BATCH)):
        if step % 10 == 0 and not report(step / steps):
            raise CancelledError
        optimizer.zero_grad()
        F.cross_entropy(model(_center(images[rows])), labels[rows]).backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        predictions = torch.cat([model(_center(part)).argmax(1) for part in test_images.split(100)])
    return 100 * (predictions == test_labels).float().mean().item()
