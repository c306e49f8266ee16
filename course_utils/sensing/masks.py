"""Which measurements to take: masks, True where a number is measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Shape = int | Sequence[int]


def random_mask(shape: Shape, fraction: float, *, seed: int = 0) -> Tensor:
    """Boolean tensor of that shape, True at random in a fraction (0, 1] of the places.

    Raises
    ------
    ValueError
        If the fraction is not in (0, 1].

    Examples
    --------
    >>> random_mask(4, 0.5).sum()
    tensor(2)
    """
    draws = torch.rand(as_shape(shape), generator=torch.Generator().manual_seed(seed))
    return _mask_of_largest(draws, fraction)


def kspace_mask(
    shape: tuple[int, int], fraction: float, pattern: str = "lines", *, seed: int = 0
) -> Tensor:
    """Choose the samples of k-space to take: more in the middle, of low frequencies.

    Parameters
    ----------
    shape : (H, W)
    fraction : float
        Share of samples to take, in (0, 1].
    pattern : {"lines", "points", "radial"}
        Whole rows, single samples, or spokes through the middle.
    seed : int
        Decides the rows or samples; spokes are not random.

    Returns
    -------
    Tensor
        (H, W) boolean.

    Raises
    ------
    ValueError
        If the fraction is not in (0, 1], or there is no such pattern.

    References
    ----------
    Lustig, Donoho and Pauly (2007), Magnetic Resonance in Medicine 58, 1182–1195: section on
    variable-density random undersampling.
    """
    down, right = (torch.arange(n) / n - 0.5 for n in shape)
    radius = torch.hypot(down[:, None], right)
    if pattern == "radial":
        angle = torch.atan2(down[:, None] * shape[0], right * shape[1])
        # spokes share their samples near the middle: a tenth more of them fills the fraction
        gap = math.pi / max(1, round(1.1 * fraction * min(shape)))
        distance = radius * ((angle + gap / 2) % gap - gap / 2).sin().abs()  # to the nearest spoke
        return _mask_of_largest(-distance, fraction)
    if pattern not in ("lines", "points"):
        raise ValueError(f"pattern must be lines, points or radial, not {pattern!r}")
    radius = down.abs() if pattern == "lines" else radius
    # the largest of log(u) / weight are a sample without replacement, in proportion to the weights
    draws = torch.rand(radius.shape, generator=torch.Generator().manual_seed(seed)).log()
    weight = torch.where(radius < 0.02, torch.inf, (1 - radius / 0.75) ** 6)
    mask = _mask_of_largest(draws / weight, fraction)
    return mask if pattern == "points" else mask[:, None].expand(shape)


def _mask_of_largest(values: Tensor, fraction: float) -> Tensor:
    """True where the largest values stand, in a fraction of the places."""
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be over 0 and at most 1, got {fraction}")
    indices = values.flatten().topk(max(1, round(fraction * values.numel()))).indices
    mask = torch.zeros(values.numel(), dtype=torch.bool)
    return mask.index_fill(0, indices, True).reshape(values.shape)


def as_shape(shape: Shape) -> tuple[int, ...]:
    """A length or a shape -> a shape."""
    return (shape,) if isinstance(shape, int) else tuple(shape)
