"""Call an answer and see that what it was handed is still as it was."""

import torch


class ChangedInPlaceError(Exception):
    """An answer wrote into an argument; whoever calls it still needs what was in there."""


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
        if old is not None and not (old.shape == new.shape and torch.equal(old, new.detach())):
            raise ChangedInPlaceError(f"`{name}` holds other numbers after the call")
    return result
