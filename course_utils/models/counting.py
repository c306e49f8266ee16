"""How the ledger counts: one example goes through the network, and every call writes its row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from course_utils import _torchvision  # noqa: F401  (makes a plain `import torchvision` work)
from course_utils.models.costs import FUNCTION, Ledger, Row

ATOMIC = (nn.MultiheadAttention,)  # a layer although it has a part: it never calls that part


def ledger(
    model: nn.Module, input_shape: Sequence[int] | torch.Tensor | tuple[torch.Tensor, ...]
) -> Ledger:
    """Send one example through `model` and write down what each layer costs.

    **Parameters** are counted once, in the first row that holds them: a layer called twice, or
    weights that two layers share, add nothing the second time. Their total equals
    ``sum(p.numel() for p in model.parameters())``.

    **Multiply-adds** are those of convolutions (transposed ones too), dense layers and every other
    matrix product, such as attention, wherever they stand: PyTorch's own flop counter finds them.
    Biases, normalisation, activations, pooling and sums do not count. (An LSTM counts on the meta
    device only: on a CPU PyTorch fuses its products into one call of which the counter knows
    nothing.)

    **Memory** is what each output newly occupies. A flattened view or a ReLU "in place" is free.

    Functions called between layers (``F.max_pool2d``, ``+``, ``torch.flatten``) get rows of type
    "function". The model runs in evaluation mode and is left as it was. It runs where it lives: one
    that was built under ``torch.device("meta")`` is only traced, and never allocated.

    Parameters
    ----------
    model : nn.Module
        Any network.
    input_shape : tuple of int, Tensor or tuple of Tensors
        Shape of one example without the batch axis, such as (3, 224, 224); or the input itself, a
        batch of one: a tensor, or a tuple of tensors for several arguments.

    Returns
    -------
    Ledger
        One row for each layer or function called, and for each layer never called.

    Raises
    ------
    TypeError
        If `model` is no nn.Module.
    ValueError
        If `input_shape` is no shape, or the model cannot take it; the layer is named.

    Examples
    --------
    >>> ledger(nn.Conv2d(3, 8, 5), (3, 32, 32)).parameters
    608
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"ledger needs an nn.Module, such as nn.Linear(2, 3), got {model!r}")
    for name, parameter in model.named_parameters():
        if is_lazy(parameter):
            raise ValueError(f"{name} has no size yet: run the model once, then count")
    inputs = _inputs(model, input_shape)
    modes = {part: part.training for part in model.modules()}
    recorder = _Recorder(model, inputs)
    try:
        model.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]), recorder, recorder.work:
            model(*inputs)
    except Exception as error:
        shapes = ", ".join(str(tuple(tensor.shape[1:])) for tensor in inputs)
        raise ValueError(f"{shapes} does not pass {recorder.where()}: {error}") from error
    finally:
        recorder.remove()
        for part, mode in modes.items():
            part.training = mode
    buffers = sum(buffer.numel() for buffer in model.buffers())
    return Ledger((*recorder.rows, *recorder.never_called()), buffers)


def _inputs(model: nn.Module, input_shape: Any) -> tuple[torch.Tensor, ...]:
    """The given tensors, or zeros of the given shape, where the model lives."""
    state = [*model.parameters(), *model.buffers()]
    device = state[0].device if state else torch.device("cpu")
    if isinstance(input_shape, torch.Tensor):
        return (input_shape.to(device),)
    parts = tuple(input_shape) if isinstance(input_shape, tuple | list) else ()
    if parts and all(isinstance(part, torch.Tensor) for part in parts):
        return tuple(part.to(device) for part in parts)
    if not parts or not all(type(side) is int and side > 0 for side in parts):
        expected = "the shape of one example, whole numbers such as (3, 32, 32)"
        raise ValueError(f"input_shape must be {expected}, got {input_shape!r}")
    dtype = next((tensor.dtype for tensor in state if tensor.is_floating_point()), None)
    return (torch.zeros(1, *parts, dtype=dtype, device=device),)


class _MultiplyAddCounter(TorchDispatchMode):
    """Counts the multiply-adds of whatever PyTorch computes."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if formula := flop_registry.get(func.overloadpacket):
            self.count += formula(*args, **(kwargs or {}), out_val=result) // 2
        return result


class _Recorder(TorchFunctionMode):
    """Writes a row for every layer called (by hooks) and for every function between layers."""

    def __init__(self, model: nn.Module, inputs: tuple[torch.Tensor, ...]):
        super().__init__()
        self.work = _MultiplyAddCounter()
        self.rows: list[Row] = []
        self.counted: set[int] = set()  # ids of the parameters that a row holds
        self.names = {part: name for name, part in model.named_modules()}
        self.running: list[tuple[nn.Module, int]] = []  # with multiply-adds before, outermost first
        self._write("input", "", inputs, ())
        self.hooks = [part.register_forward_pre_hook(self._enter) for part in self.names]
        self.hooks += [
            part.register_forward_hook(self._leave, with_kwargs=True) for part in self.names
        ]

    def remove(self) -> None:
        """Take the hooks off the model."""
        for hook in self.hooks:
            hook.remove()

    def where(self) -> str:
        """Name of the module that is running now."""
        return (self.names[self.running[-1][0]] if self.running else "") or "the model"

    def never_called(self) -> list[Row]:
        """Rows of modules that hold parameters but took no part."""
        parts = [(part, self._new(part.parameters(recurse=False))) for part in self.names]
        return [Row(self.names[p], type(p).__name__, None, new, 0, 0) for p, new in parts if new]

    def _enter(self, part, args):
        self.running.append((part, self.work.count))

    def _leave(self, part, args, kwargs, output):
        work = self.work.count - self.running.pop()[1]
        if self._in_layer():
            return
        is_layer = _is_layer(part)
        new = self._new(part.parameters(recurse=is_layer))
        if is_layer or new:
            name = self.names[part] or type(part).__name__
            known = (args, kwargs) if is_layer else output
            self._write(name, type(part).__name__, output, known, new, work if is_layer else 0)

    def _in_layer(self) -> bool:
        return any(_is_layer(part) for part, _ in self.running)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        before, inputs = self.work.count, _tensors((args, kwargs))
        result = func(*args, **(kwargs or {}))
        outputs, work = _tensors(result), self.work.count - before
        called = func.__name__ != "__get__"  # x.T is an attribute
        if called and outputs and outputs[0].is_floating_point() and not self._in_layer():
            reshaped = not inputs or outputs[0].shape != inputs[0].shape
            if work or reshaped or _new_memory(outputs, inputs):
                path = self.names[self.running[-1][0]] if self.running else ""
                name = f"{path}.{func.__name__.strip('_')}".lstrip(".")
                self._write(name, FUNCTION, result, inputs, 0, work)
        return result

    def _new(self, parameters: Iterable[nn.Parameter]) -> int:
        """How many numbers these parameters hold that no row has counted."""
        new = {id(p): p.numel() for p in parameters if id(p) not in self.counted}
        self.counted.update(new)
        return sum(new.values())

    def _write(
        self, name: str, kind: str, output: Any, inputs: Any, parameters: int = 0, work: int = 0
    ) -> None:
        outputs = _tensors(output)
        shape = tuple(outputs[0].shape[1:]) if outputs else ()
        memory = _new_memory(outputs, _tensors(inputs))
        self.rows.append(Row(name, kind, shape, parameters, work, memory))


def _is_layer(part: nn.Module) -> bool:
    return isinstance(part, ATOMIC) or next(part.children(), None) is None


def _tensors(value: Any) -> list[torch.Tensor]:
    """Every tensor in nested tuples, lists and dictionaries."""
    if isinstance(value, torch.Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return (
        [t for part in parts for t in _tensors(part)]
        if isinstance(value, tuple | list | dict)
        else []
    )


def _new_memory(outputs: list[torch.Tensor], inputs: list[torch.Tensor]) -> int:
    """Bytes of the `outputs` that share no memory with the `inputs`."""
    old = {tensor.untyped_storage()._cdata for tensor in inputs}
    sizes = {tensor.untyped_storage()._cdata: tensor.nbytes for tensor in outputs}
    return sum(size for storage, size in sizes.items() if storage not in old)
