"""Many small networks trained at once, each a row of one table (workbook 06, part further).

All weights of a network lie in one row, and `torch.func.vmap` turns a function of one row into one
of a whole table. So 24 networks with 24 learning rates take little longer than one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import grad, vmap

from course_utils.datasets import Dataset

SHAPES = ((8, 1, 3, 3), (8,), (16, 8, 3, 3), (16,), (10, 64), (10,))
SIZES = [torch.Size(shape).numel() for shape in SHAPES]
IMAGES_AT_ONCE = 8192  # over all networks of a chunk: more take memory and save no time


def row_logits(row: Tensor, images: Tensor) -> Tensor:
    """Compute the logits of one network for 8×8 images.

    Parameters
    ----------
    row : Tensor
        (1898,) weights of two convolutions with stride 2 and a dense layer.
    images : Tensor
        (N, 1, 8, 8) images.

    Returns
    -------
    Tensor
        (N, 10) logits.
    """
    K1, b1, K2, b2, W, b = [
        part.view(shape) for part, shape in zip(row.split(SIZES), SHAPES, strict=True)
    ]
    maps = F.relu(F.conv2d(images, K1, b1, stride=2, padding=1))
    maps = F.relu(F.conv2d(maps, K2, b2, stride=2, padding=1))
    return maps.flatten(1) @ W.T + b


def initial_row(seed: int) -> Tensor:
    """Draw the (1898,) starting weights of one network, each layer as PyTorch would."""
    torch.manual_seed(seed)
    layers = [nn.Conv2d(1, 8, 3), nn.Conv2d(8, 16, 3), nn.Linear(64, 10)]
    return torch.cat([p.detach().flatten() for layer in layers for p in layer.parameters()])


def accuracy_by_rate(
    data: Dataset,
    rates: Tensor,
    *,
    batch_size: int = 32,
    seeds: Sequence[int] = (0, 1, 2),
    alpha: float = 0.9,
) -> Tensor:
    """Train a network for every plan of rates and every seed by momentum, and test them.

    Parameters
    ----------
    data : Dataset
        The digits, (N, 1, 8, 8) uint8.
    rates : Tensor
        (steps, R) learning rates: one plan a column.
    batch_size : int
        Images in a batch; all networks see the same batches.
    seeds : sequence of int
        Seeds of the starting weights; the last one seeds the batches, too.
    alpha : float
        Momentum.

    Returns
    -------
    Tensor
        (R, seeds) accuracy on the test images, in percent.
    """
    images, labels = data.train_images.float() / 127.5 - 1, data.train_labels

    def loss(row: Tensor, batch: Tensor) -> Tensor:
        return F.cross_entropy(row_logits(row, images[batch]), labels[batch])

    gradient = vmap(grad(loss), in_dims=(0, None), chunk_size=-(-IMAGES_AT_ONCE // batch_size))
    w = torch.stack([initial_row(seed) for _ in rates[0] for seed in seeds])
    v = torch.zeros_like(w)
    for eta in rates.repeat_interleave(len(seeds), 1)[:, :, None]:
        v = alpha * v - eta * gradient(w, torch.randperm(len(labels))[:batch_size])
        w = w + v
    tests = data.test_images.float() / 127.5 - 1
    logits = vmap(row_logits, in_dims=(0, None), chunk_size=-(-IMAGES_AT_ONCE // len(tests)))
    right = logits(w, tests).argmax(2) == data.test_labels
    return right.float().mean(1).view(-1, len(seeds)) * 100
