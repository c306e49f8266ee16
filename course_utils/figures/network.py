"""Networks that run in the browser: what travels there, and the twin that runs it in Python.

`layers_of` writes a trained network as a list of plain dicts, which network.mjs runs layer by
layer, in double precision. A figure that needs it says ``pieces = ("network",)``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models import Standardize

TYPES = {"float32": np.dtype("<f4"), "uint8": np.dtype("u1")}


def packed(values: Tensor) -> dict:
    """Tensor -> its shape, type and bytes in base64; what is not uint8 becomes float32."""
    values = values.detach().cpu()
    dtype = "uint8" if values.dtype == torch.uint8 else "float32"
    content = values.numpy().astype(TYPES[dtype]).tobytes()
    return {
        "shape": list(values.shape),
        "dtype": dtype,
        "data": base64.b64encode(content).decode(),
    }


def unpacked(box: dict) -> Tensor:
    """Turn what `packed` made back into a tensor; float32 comes back as float64."""
    values = np.frombuffer(base64.b64decode(box["data"]), TYPES[box["dtype"]])
    values = torch.from_numpy(values.reshape(box["shape"]).copy())
    return values.double() if box["dtype"] == "float32" else values


def layers_of(model: nn.Module) -> list[dict]:
    """Write a network as the list of dicts that a figure runs, each with kind and name.

    It is written as it answers in `eval()`: dropout is left out, `Standardize` and batch
    normalisation become a scale and a shift per channel, or part of the convolution before them.

    Parameters
    ----------
    model : nn.Sequential, nested if wanted, or one layer.

    Raises
    ------
    ValueError
        If a layer is of a kind, or used in a way, that a figure cannot run.
    """
    layers: list[dict] = []
    for name, layer in _leaves(model):
        scale = _scale_and_shift(layer)
        if scale is not None and layers and layers[-1]["kind"] == "conv2d":
            layers[-1] |= _folded(layers[-1], *scale)
        elif scale is not None:
            layers.append(
                {
                    "name": name,
                    "kind": "scale",
                    "weight": packed(scale[0]),
                    "bias": packed(scale[1]),
                }
            )
        elif not isinstance(layer, nn.Dropout | nn.Dropout2d | nn.Identity):
            layers.append({"name": name} | _written(name, layer))
    return layers


def _leaves(model: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Every layer with its dotted name, in the order in which they run."""
    if isinstance(model, nn.Sequential):
        for child, layer in model.named_children():
            yield from _leaves(layer, f"{name}.{child}".lstrip("."))
    else:
        yield name, model


def _scale_and_shift(layer: nn.Module) -> tuple[Tensor, Tensor] | None:
    """(C,) scale and (C,) shift of a layer that only normalises channels; else None."""
    if isinstance(layer, Standardize):
        mean, std = layer.mean.double().flatten(), layer.std.double().flatten()
        return 1 / std, -mean / std
    if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None:
        scale = (layer.running_var.double() + layer.eps).rsqrt()
        shift = -layer.running_mean.double() * scale
        if layer.affine:
            scale, shift = scale * layer.weight, shift * layer.weight + layer.bias
        return scale, shift
    return None


def _folded(conv: dict, scale: Tensor, shift: Tensor) -> dict:
    """Weight and bias of a convolution that scales and shifts its outputs too."""
    weight, bias = unpacked(conv["weight"]), unpacked(conv["bias"])
    return {
        "weight": packed(weight * scale[:, None, None, None]),
        "bias": packed(bias * scale + shift),
    }


def _weights(layer: nn.Module, outputs: int) -> dict:
    bias = torch.zeros(outputs) if layer.bias is None else layer.bias
    return {"weight": packed(layer.weight), "bias": packed(bias)}


def _square(name: str, what: str, value) -> int:
    """Take one number for both axes."""
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if isinstance(value, str) or pair[0] != pair[1]:
        raise ValueError(f"{name}: a figure wants the same {what} along both axes, got {value}")
    return pair[0]


def _plain(name: str, layer: nn.Module, **wanted) -> None:
    """Refuse options that the browser does not know."""
    for option, value in wanted.items():
        got = getattr(layer, option)
        if got not in (value, (value, value)):
            raise ValueError(f"{name}: a figure runs {option}={value} only, got {got}")


def _conv(name: str, layer: nn.Conv2d) -> dict:
    _plain(name, layer, dilation=1, groups=1, padding_mode="zeros")
    sides = {what: _square(name, what, getattr(layer, what)) for what in ("stride", "padding")}
    return {"kind": "conv2d"} | sides | _weights(layer, layer.out_channels)


def _conv_transpose(name: str, layer: nn.ConvTranspose2d) -> dict:
    _plain(name, layer, dilation=1, groups=1)
    names = ("stride", "padding", "output_padding")
    sides = {what: _square(name, what, getattr(layer, what)) for what in names}
    return {"kind": "conv_transpose2d"} | sides | _weights(layer, layer.out_channels)


def _pool(name: str, layer: nn.MaxPool2d) -> dict:
    _plain(name, layer, padding=0, dilation=1, ceil_mode=False)
    size = _square(name, "window", layer.kernel_size)
    stride = _square(name, "stride", layer.stride)
    return {"kind": "max_pool2d", "size": size, "stride": stride}


def _average(name: str, layer: nn.AdaptiveAvgPool2d) -> dict:
    _plain(name, layer, output_size=1)
    return {"kind": "global_average"}


def _flatten(name: str, layer: nn.Flatten) -> dict:
    _plain(name, layer, start_dim=1, end_dim=-1)
    return {"kind": "flatten"}


WRITERS: dict[type, Callable[[str, nn.Module], dict]] = {
    nn.Conv2d: _conv,
    nn.ConvTranspose2d: _conv_transpose,
    nn.Linear: lambda name, layer: {"kind": "linear"} | _weights(layer, layer.out_features),
    nn.MaxPool2d: _pool,
    nn.AdaptiveAvgPool2d: _average,
    nn.Flatten: _flatten,
    nn.Unflatten: lambda name, layer: {"kind": "unflatten", "shape": [*layer.unflattened_size]},
    nn.ReLU: lambda name, layer: {"kind": "relu"},
    nn.Sigmoid: lambda name, layer: {"kind": "sigmoid"},
    nn.Tanh: lambda name, layer: {"kind": "tanh"},
}


def _written(name: str, layer: nn.Module) -> dict:
    writer = WRITERS.get(type(layer))
    if writer is None:
        known = ", ".join(kind.__name__ for kind in WRITERS)
        raise ValueError(
            f"{name or 'the model'}: a figure cannot run {type(layer).__name__}; "
            f"it runs nn.Sequential of {known}, Standardize, batch normalisation and dropout"
        )
    return writer(name, layer)


def _run_layer(x: Tensor, layer: dict) -> Tensor:
    """(1, …) -> (1, …): one layer of `layers_of`, by PyTorch."""
    kind = layer["kind"]
    if "weight" in layer:
        weight, bias = unpacked(layer["weight"]), unpacked(layer["bias"])
    if kind == "conv2d":
        return F.conv2d(x, weight, bias, layer["stride"], layer["padding"])
    if kind == "conv_transpose2d":
        sides = (layer["stride"], layer["padding"], layer["output_padding"])
        return F.conv_transpose2d(x, weight, bias, *sides)
    if kind == "scale":
        return x * weight[:, None, None] + bias[:, None, None]
    if kind == "max_pool2d":
        return F.max_pool2d(x, layer["size"], layer["stride"])
    simple = {
        "linear": lambda: F.linear(x, weight, bias),
        "global_average": lambda: x.mean((2, 3), keepdim=True),
        "flatten": lambda: x.flatten(1),
        "unflatten": lambda: x.unflatten(1, layer["shape"]),
        "relu": lambda: x.relu(),
        "sigmoid": lambda: x.sigmoid(),
        "tanh": lambda: x.tanh(),
    }
    return simple[kind]()


def outputs_of(layers: list[dict], x: Tensor) -> list[Tensor]:
    """Run the network on one input, without batch axis; returns the output of every layer."""
    found, x = [], x.double()[None]
    for layer in layers:
        x = _run_layer(x, layer)
        found.append(x[0])
    return found
