"""A decoder that nobody trained: its architecture alone prefers pictures to noise."""

import torch
from torch import Tensor, nn

from course_utils.sensing.operators import Operator
from course_utils.sensing.solvers import require_finite


class DeepDecoder(nn.Sequential):
    """() -> (out, side, side) in [0, 1]: channels mixed pixel by pixel, and enlarging.

    Its input never changes: random numbers of side / 2**blocks pixels a side. With 12 channels it
    has 853 weights, fewer than the picture has pixels: it cannot draw everything.

    Raises
    ------
    ValueError
        If `side` is no multiple of 2**blocks.

    References
    ----------
    Heckel and Hand (2019), arXiv:1810.03982; after Ulyanov's deep image prior (2018).
    """

    def __init__(self, side: int = 64, *, channels: int = 12, blocks: int = 4, out: int = 1):
        if side % 2**blocks:
            raise ValueError(f"side must be a multiple of {2**blocks} px, got {side}")
        layers: list[nn.Module] = []
        for block in range(blocks + 1):
            enlarge = nn.Upsample(scale_factor=2 if block < blocks else 1, mode="bilinear")
            mix = nn.Conv2d(channels, channels, 1, bias=False)
            layers += [mix, enlarge, nn.ReLU(), nn.BatchNorm2d(channels)]
        super().__init__(*layers, nn.Conv2d(channels, out, 1), nn.Sigmoid())
        small = side // 2**blocks
        self.start: Tensor
        self.register_buffer("start", torch.rand(1, channels, small, small) - 0.5)

    def forward(self) -> Tensor:  # type: ignore[override]  # its input is its own
        """() -> (out, side, side): the picture that the present weights make."""
        return super().forward(self.start)[0]


def untrained_decoder(
    operator: Operator, y: Tensor, iterations: int = 400, *, seed: int = 0
) -> Tensor:
    """Recover one square image, in [0, 1], by fitting an untrained decoder to its measurements.

    Parameters
    ----------
    operator : Operator
        Measures (H, W); gradients must pass through it, as they do through pixels and k-space.
    y : Tensor
        (*operator.shape_out), or (C, *operator.shape_out) of an image with channels.
    iterations : int
        Steps of Adam.
    seed : int
        Decides the decoder's input and its first weights.

    Returns
    -------
    Tensor
        (H, W) or (C, H, W): the running mean of the decoder's pictures, which is better than the
        last one.

    Raises
    ------
    ValueError
        If measurements are infinite or not a number.
    """
    require_finite(y)
    measured = y.reshape(-1, *operator.shape_out)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        decoder = DeepDecoder(operator.shape_in[-1], out=len(measured))
    optimizer = torch.optim.Adam(decoder.parameters(), lr=0.01)
    mean = decoder().detach()
    for _ in range(iterations):
        picture = decoder()
        loss = (operator.forward(picture) - measured).abs().square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mean = torch.lerp(mean, picture.detach(), 0.02)
    return mean.reshape(*y.shape[: y.ndim - len(operator.shape_out)], *operator.shape_in)
