"""From the data a caller hands over to batches on the model's device, and the model's outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

Pair = tuple[Tensor, Tensor]


class Data(NamedTuple):
    """Images and targets on the model's device, and the layout its batches have in memory."""

    images: Tensor
    targets: Tensor
    layout: torch.memory_format


def accuracy(logits: Tensor, y: Tensor) -> float | None:
    """Share of labels (N,) int64 with the largest logit, from 0 to 1; None of other targets."""
    return (logits.argmax(1) == y).float().mean().item() if y.dtype == torch.int64 else None


def prepare(model: nn.Module, data: Pair, name: str) -> Data:
    """Check the data against the model, bring them to its device and choose a layout.

    Raises
    ------
    TypeError, ValueError
        If they do not fit; begins with `name` and says what was given.
    """
    kinds = [type(part).__name__ for part in (data if isinstance(data, tuple) else [data])]
    if kinds != ["Tensor", "Tensor"]:
        raise TypeError(f"{name} must be two tensors, (images, labels), got ({', '.join(kinds)})")
    images, targets = (part.to(device_of(model)) for part in data)
    if images.dtype not in (torch.uint8, torch.float32):
        raise TypeError(f"{name}: images must be uint8 or float32, got {images.dtype}")
    if len(images) != len(targets) or not len(images):
        raise ValueError(f"{name}: {len(images)} images and {len(targets)} labels")
    if targets.ndim == 1 and not targets.is_floating_point():
        targets = targets.long()  # they are labels
    first = Data(images[:1], targets[:1], torch.channels_last)  # the fastest
    try:
        logits = logits_of(model, first)
    except RuntimeError:  # no images, or a `view` in the model, which needs the channels first
        first = first._replace(layout=torch.contiguous_format)
        logits = logits_of(model, first)
    if targets.dtype == torch.int64:
        wrong = targets[(targets < 0) | (targets >= logits.shape[1])]
        if len(wrong):
            raise ValueError(
                f"{name}: label {wrong[0]}, but the model has {logits.shape[1]} logits"
            )
    return Data(images, targets, first.layout)


def iterate_batches(
    data: Data,
    size: int,
    *,
    shuffle: bool = False,
    augment: Callable[[Tensor], Tensor] | None = None,
) -> Iterator[Pair]:
    """Pairs of images, (size, C, H, W) float32, and targets as the model and the loss take them."""
    images, targets, layout = data
    order = torch.randperm(len(images)) if shuffle else torch.arange(len(images))
    for rows in order.to(images.device).split(size):
        x, y = to_float(images[rows]), to_float(targets[rows])
        yield (augment(x) if augment else x).contiguous(memory_format=layout), y


def to_float(batch: Tensor) -> Tensor:
    """Bytes from 0 to 255 become float32 from 0 to 1 in the same shape; others stay as they are."""
    return batch.float() / 255 if batch.dtype == torch.uint8 else batch


def logits_of(model: nn.Module, data: Data, size: int = 1) -> Tensor:
    """The model's outputs (N, K) for all images, in evaluation mode and without gradients."""
    training = model.training
    inputs = data._replace(targets=data.images[:, :0])  # targets may be as large: leave them out
    try:
        with torch.no_grad():
            return torch.cat([model.eval()(x) for x, _ in iterate_batches(inputs, size)])
    finally:
        model.train(training)


def device_of(model: nn.Module) -> torch.device:
    """Where the model's first parameter lies; the CPU for a model without parameters."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
