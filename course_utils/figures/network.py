"""Networks that run in the browser: what travels there, and the twin that runs it in Python.

`export_layers` writes a trained network as a list of plain dicts, which network.mjs runs layer by
layer, in double precision.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.models import Standardize

DTYPES: dict[str, np.dtype] = {"float32": np.dtype("<f4"), "uint8": np.dtype("u1")}


def pack_tensor(values: Tensor) -> dict:
    """Tensor -> its shape, type and bytes in base64; what is not uint8 becomes float32."""
    values = values.detach().cpu()
    dtype = "uint8" if values.dtype == torch.uint8 else "float32"
    content = values.numpy().astype(DTYPES[dtype]).tobytes()
    return {
        "shape": list(values.shape),
        "dtype": dtype,
        "data": base64.b64encode(content).decode(),
    }


def unpack_tensor(packed: dict) -> Tensor:
    """Turn what `pack_tensor` made back into a tensor of its shape; float32 comes as float64."""
    flat = np.frombuffer(base64.b64decode(packed["data"]), DTYPES[packed["dtype"]])
    values = torch.from_numpy(flat.reshape(packed["shape"]).copy())
    return values.double() if packed["dtype"] == "float32" else values


def export_layers(model: nn.Module) -> list[dict]:
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
        affine = _scale_and_shift(layer)
        if affine is not None and layers and layers[-1]["kind"] == "conv2d":
            layers[-1] |= _fold_into_conv(layers[-1], *affine)
        elif affine is not None:
            layers.append(
                {
                    "name": name,
                    "kind": "scale",
                    "weight": pack_tensor(affine[0]),
                    "bias": pack_tensor(affine[1]),
                }
            )
        elif not isinstance(layer, nn.Dropout | nn.Dropout2d | nn.Identity):
            layers.append({"name": name} | _export_layer(name, layer))
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
        mean, std = (buffer.double().flatten() for buffer in (layer.mean, layer.std))
        return 1 / std, -mean / std
    if not isinstance(layer, nn.BatchNorm2d):
        return None
    if layer.running_mean is not None and layer.running_var is not None:
        scale = (layer.running_var.double() + layer.eps).rsqrt()
        shift = -layer.running_mean.double() * scale
        if layer.affine:
            scale, shift = scale * layer.weight, shift * layer.weight + layer.bias
        return scale, shift
    return None


def _fold_into_conv(conv: dict, scale: Tensor, shift: Tensor) -> dict:
    """Weight and bias of a convolution that scales and shifts its outputs too."""
    weight, bias = unpack_tensor(conv["weight"]), unpack_tensor(conv["bias"])
    return {
        "weight": pack_tensor(weight * scale[:, None, None, None]),
        "bias": pack_tensor(bias * scale + shift),
    }


def _pack_weights(layer: Any, outputs: int) -> dict:
    bias = torch.zeros(outputs) if layer.bias is None else layer.bias
    return {"weight": pack_tensor(layer.weight), "bias": pack_tensor(bias)}


def _same_on_both_axes(name: str, what: str, value) -> int:
    """Take one number for both axes."""
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if isinstance(value, str) or pair[0] != pair[1]:
        raise ValueError(f"{name}: a figure needs the same {what} along both axes, got {value}")
    return pair[0]


def _require_options(name: str, layer: nn.Module, **required) -> None:
    """Refuse options that the browser does not know."""
    for option, value in required.items():
        got = getattr(layer, option)
        if got not in (value, (value, value)):
            raise ValueError(f"{name}: a figure runs {option}={value} only, got {got}")


def _export_conv(name: str, layer: nn.Conv2d) -> dict:
    _require_options(name, layer, dilation=1, groups=1, padding_mode="zeros")
    sides = {
        what: _same_on_both_axes(name, what, getattr(layer, what)) for what in ("stride", "padding")
    }
    return {"kind": "conv2d"} | sides | _pack_weights(layer, layer.out_channels)


def _export_conv_transpose(name: str, layer: nn.ConvTranspose2d) -> dict:
    _require_options(name, layer, dilation=1, groups=1)
    names = ("stride", "padding", "output_padding")
    sides = {what: _same_on_both_axes(name, what, getattr(layer, what)) for what in names}
    return {"kind": "conv_transpose2d"} | sides | _pack_weights(layer, layer.out_channels)


def _export_pool(name: str, layer: nn.MaxPool2d) -> dict:
    _require_options(name, layer, padding=0, dilation=1, ceil_mode=False)
    size = _same_on_both_axes(name, "window", layer.kernel_size)
    stride = _same_on_both_axes(name, "stride", layer.stride)
    return {"kind": "max_pool2d", "size": size, "stride": stride}


def _export_average(name: str, layer: nn.AdaptiveAvgPool2d) -> dict:
    _require_options(name, layer, output_size=1)
    return {"kind": "global_average"}


def _export_flatten(name: str, layer: nn.Flatten) -> dict:
    _require_options(name, layer, start_dim=1, end_dim=-1)
    return {"kind": "flatten"}


EXPORTERS: dict[type, Callable[[str, Any], dict]] = {
    nn.Conv2d: _export_conv,
    nn.ConvTranspose2d: _export_conv_transpose,
    nn.Linear: lambda name, layer: {"kind": "linear"} | _pack_weights(layer, layer.out_features),
    nn.MaxPool2d: _export_pool,
    nn.AdaptiveAvgPool2d: _export_average,
    nn.Flatten: _export_flatten,
    nn.Unflatten: lambda name, layer: {"kind": "unflatten", "shape": [*layer.unflattened_size]},
    nn.ReLU: lambda name, layer: {"kind": "relu"},
    nn.Sigmoid: lambda name, layer: {"kind": "sigmoid"},
    nn.Tanh: lambda name, layer: {"kind": "tanh"},
}


def _export_layer(name: str, layer: nn.Module) -> dict:
    exporter = EXPORTERS.get(type(layer))
    if exporter is None:
        known = ", ".join(kind.__name__ for kind in EXPORTERS)
        raise ValueError(
            f"{name or 'the model'}: a figure cannot run {type(layer).__name__}; "
            f"it runs nn.Sequential of {known}, Standardize, batch normalisation and dropout"
        )
    return exporter(name, layer)


def _run_layer(x: Tensor, layer: dict) -> Tensor:
    """(1, …) -> (1, …): one layer of `export_layers`, by PyTorch."""
    kind = layer["kind"]
    if "weight" in layer:
        weight, bias = unpack_tensor(layer["weight"]), unpack_tensor(layer["bias"])
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


def layer_outputs(layers: list[dict], x: Tensor) -> list[Tensor]:
    """(C, H, W) or (D,) -> the output of every layer, run on one input without batch axis."""
    outputs, x = [], x.double()[None]
    for layer in layers:
        x = _run_layer(x, layer)
        outputs.append(x[0])
    return outputs
