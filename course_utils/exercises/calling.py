"""Call an answer: by hand, with its arguments unchanged, or as a network that has weights."""

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from course_utils.judging.observation import Stopped

LEAST_CHANGE = 1 / 30  # of what two inputs differ by, relative, as a share of that of the weights


class ChangedInPlaceError(Exception):
    """An answer wrote into an argument; whoever calls it still needs what was in there."""


class LibraryUsedError(Exception):
    """An answer called the very function that it is to do the work of."""


class _Without(TorchFunctionMode):
    """PyTorch without the functions of these names."""

    def __init__(self, names: tuple[str, ...]):
        super().__init__()
        self.names = names

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name in self.names:
            raise LibraryUsedError(f"it calls `{name}`, which this exercise asks to do without")
        return func(*args, **(kwargs or {}))


def calls_library(observed: object) -> bool:
    """Whether an answer was stopped by `call_by_hand`."""
    return isinstance(observed, Stopped) and observed.kind == LibraryUsedError.__name__


def call_by_hand(names: tuple[str, ...], answer, case):
    """Return `answer(*case)`.

    Raises
    ------
    LibraryUsedError
        If the answer calls a function of PyTorch of one of these names.
    """
    with _Without(names):
        return answer(*case)


def is_unchanged(before: torch.Tensor, now: torch.Tensor) -> bool:
    """Whether a tensor holds the same numbers as its copy; `nan` is the same as `nan`."""
    return before.shape == now.shape and torch.allclose(before, now.detach(), 0, 0, equal_nan=True)


def needs_weights(network: nn.Module, inputs, others, atol: float) -> bool:
    """Whether inputs have a say by weights alone.

    With other weights two inputs differ by something else, and with all weights at 0 by nothing;
    where something is divided by the weights' size the latter cannot be told, and is not asked.
    The weights are 0 afterwards.
    """
    with torch.no_grad():
        first = network(inputs) - network(others)
        second, spread = _difference_with_other_weights(network, inputs, others)
        for weights in network.parameters():
            weights.zero_()
        outputs = network(inputs), network(others)
    if not (first.isfinite().all() and second.isfinite().all()):
        return False
    size, change = torch.maximum(first.norm(), second.norm()), (first - second).norm()
    if size > 0 and change < LEAST_CHANGE * spread * size:
        return False
    finite = all(output.isfinite().all() for output in outputs)
    return not finite or torch.allclose(*outputs, atol=atol)


def _difference_with_other_weights(network: nn.Module, inputs, others):
    """What two inputs differ by with other weights, and how far these may be from their own.

    They are near ones where the difference is not finite with any.
    """
    own = [weights.clone() for weights in network.parameters()]
    for least, most in ((0.5, 2.0), (0.97, 1.03)):  # their signs stay: they may stand under a root
        for weights, numbers in zip(network.parameters(), own, strict=True):
            weights.copy_(numbers * (least + (most - least) * torch.rand_like(numbers)))
        difference = network(inputs) - network(others)
        if difference.isfinite().all():
            break
    return difference, most - least


def call_unchanged(answer, arguments, names):
    """Return `answer(*arguments)`.

    Raises
    ------
    ChangedInPlaceError
        If a tensor among the arguments holds other numbers afterwards.
    """
    before = [a.detach().clone() if isinstance(a, torch.Tensor) else None for a in arguments]
    result = answer(*arguments)
    for name, old, new in zip(names, before, arguments, strict=True):
        if old is not None and not is_unchanged(old, new):
            raise ChangedInPlaceError(f"`{name}` holds other numbers after the call")
    return result
