"""The convolutional autoencoder of workbook 07, and a dense one for small images."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def autoencoder(code_channels: int = 32, first: nn.Module | None = None) -> nn.Sequential:
    """(N, 3, 32, 32) -> the same shape, from 0 to 1 (after COMP90051, workshop 8).

    Two networks, `model.encoder` to the code, (N, code_channels, 4, 4), and `model.decoder` back.
    All kernels are 4×4 with stride 2 and padding 1: each layer halves or doubles both sides.

    Weights start so large that every layer keeps the variance of what it gets, biases at 0. From
    PyTorch's own start, with small weights and random biases, some seeds never left the mean image.

    Parameters
    ----------
    code_channels : int
        Maps of 4×4 numbers in the code; 32, the workshop's, makes 512 numbers.
    first : nn.Module, optional
        Layer before the first convolution, such as ``Standardize.like(images)``: the workshop has
        none, but the network learns in half the time with it.

    Raises
    ------
    ValueError
        If there is no code channel.
    """
    _require_positive(code_channels=code_channels)
    encoder: OrderedDict[str, nn.Module] = OrderedDict()
    if first is not None:
        encoder["first"] = first
    for number, (inputs, outputs) in enumerate([(3, 8), (8, 16), (16, code_channels)], start=1):
        encoder[f"conv{number}"] = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)
        encoder[f"relu{number}"] = nn.ReLU()
    decoder: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (inputs, outputs) in enumerate([(code_channels, 16), (16, 8), (8, 3)], start=1):
        decoder[f"up{number}"] = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)
        decoder[f"relu{number}"] = nn.ReLU()
    decoder.popitem()  # no ReLU at the end
    decoder["sigmoid"] = nn.Sigmoid()
    model = _join(encoder, decoder)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            overlap = 16 if isinstance(layer, nn.Conv2d) else 4  # products in one output
            bound = (3 / (overlap * layer.in_channels)) ** 0.5  # uniform: variance bound² / 3
            nn.init.uniform_(layer.weight, -bound, bound)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return model


def dense_autoencoder(code: int, side: int = 8, hidden: int = 128) -> nn.Sequential:
    """(N, 1, side, side) -> the same shape, from 0 to 1, through `code` numbers; dense layers.

    The code is linear in the last hidden layer (no ReLU on it), as that of PCA may be negative.

    Parameters
    ----------
    code : int
        Numbers between encoder and decoder.
    side : int
        Pixels a side.
    hidden : int
        Width of the layer on either side of the code.

    Raises
    ------
    ValueError
        If a size is not at least 1.
    """
    _require_positive(code=code, side=side, hidden=hidden)
    encoder: OrderedDict[str, nn.Module] = OrderedDict(
        flatten=nn.Flatten(),
        dense1=nn.Linear(side**2, hidden),
        relu=nn.ReLU(),
        dense2=nn.Linear(hidden, code),
    )
    decoder: OrderedDict[str, nn.Module] = OrderedDict(
        dense1=nn.Linear(code, hidden),
        relu=nn.ReLU(),
        dense2=nn.Linear(hidden, side**2),
        sigmoid=nn.Sigmoid(),
        image=nn.Unflatten(1, (1, side, side)),
    )
    return _join(encoder, decoder)


def _join(
    encoder: OrderedDict[str, nn.Module], decoder: OrderedDict[str, nn.Module]
) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(encoder=nn.Sequential(encoder), decoder=nn.Sequential(decoder))
    )


def _require_positive(**sizes: int) -> None:
    for name, size in sizes.items():
        if type(size) is not int or size < 1:
            raise ValueError(f"{name} must be a whole number from 1, got {size!r}")
