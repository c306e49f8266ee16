"""A convolutional decoder that nobody trained: its architecture alone prefers pictures to noise."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from course_utils.sensing.operators import Operator


def deep_decoder(side: int = 64, *, channels: int = 32, blocks: int = 4, out: int = 1) -> nn.Module:
    """() -> (out, side, side): layers that mix channels, each picture twice as large as the last.

    Its input never changes and is part of it: random numbers of side / 2**blocks pixels a side.

    References
    ----------
    Heckel and Hand (2019), arXiv:1810.03982; the idea is Ulyanov's deep image prior (2018).
    """
    if side % 2**blocks:
        raise ValueError(f"side must be a multiple of {2**blocks} px, not {side}")
    layers = []
    for block in range(blocks + 1):
        layers.append(nn.Conv2d(channels, channels, 1, bias=False))
        if block < blocks:
            layers.append(nn.Upsample(scale_factor=2, mode="bilinear"))
        layers += [nn.ReLU(), nn.BatchNorm2d(channels)]
    return _Fixed(channels, side // 2**blocks, *layers, nn.Conv2d(channels, out, 1), nn.Sigmoid())


class _Fixed(nn.Sequential):
    """Layers and the one input they are given."""

    def __init__(self, channels: int, side: int, *layers: nn.Module):
        super().__init__(*layers)
        self.register_buffer("start", torch.rand(1, channels, side, side) - 0.5)

    def forward(self) -> Tensor:
        return super().forward(self.start)[0]


def untrained_decoder(
    operator: Operator,
    y: Tensor,
    *,
    iterations: int = 400,
    seed: int = 0,
    decoder: Callable[[], Tensor] | None = None,
) -> Tensor:
    """Recover one image, in [0, 1], by fitting an untrained decoder's picture to measurements.

    Parameters
    ----------
    operator : Operator
        Measures (H, W), or each channel of (C, H, W); gradients must pass through it.
    y : Tensor
        (*operator.shape_out), or (C, *operator.shape_out).
    decoder : module without input, optional
        By default `deep_decoder` of the image's side.

    Returns
    -------
    Tensor
        An image for each of y: the running mean of the decoder's pictures, which is better than
        the last one.
    """
    if not y.isfinite().all():
        raise ValueError(f"{(~y.isfinite()).sum()} measurements are infinite or not a number")
    several = y.ndim > len(operator.shape_out)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        decoder = decoder or deep_decoder(operator.shape_in[-1], out=len(y) if several else 1)
    target, mean = y if several else y[None], None
    optimizer = torch.optim.Adam(decoder.parameters(), lr=0.01)
    for _ in range(iterations):
        picture = decoder()
        loss = (operator.forward(picture) - target).abs().square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        picture = picture.detach()
        mean = picture if mean is None else torch.lerp(mean, picture, 0.02)
    return mean if several else mean[0]
