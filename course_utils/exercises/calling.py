"""Call an answer and see that what it was handed is still as it was."""

import torch


class ChangedInPlaceError(Exception):
    """An answer wrote into an argument; whoever calls it still needs what was in there."""


def is_unchanged(before: torch.Tensor, now: torch.Tensor) -> bool:
    """Whether a tensor holds the same numbers as its copy; `nan` is the same as `nan`."""
    return before.shape == now.shape and torch.allclose(before, now.detach(), 0, 0, equal_nan=True)


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
