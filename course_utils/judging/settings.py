"""Settings of Python and PyTorch that hold for a whole session; answers are judged without."""

import contextlib
import random
import sys

import numpy as np
import torch
from torch.overrides import _get_current_function_mode_stack, _pop_mode, _push_mode

from course_utils import _torchvision  # noqa: F401  (plain `import torchvision` must work)


@contextlib.contextmanager
def standard_settings():
    """Have some settings as they are when Python starts; afterwards all are as they were.

    These are PyTorch's default dtype and device, gradients, autocast and modes, NumPy's errors, and
    the depth of recursion. A cell may have set them, or an answer that was stopped half-way.
    """
    recursion, dtype = sys.getrecursionlimit(), torch.get_default_dtype()
    device = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    autocast, modes = torch.is_autocast_enabled("cpu"), _take_modes()
    torch._GLOBAL_DEVICE_CONTEXT.device_context = None  # its mode is among those that were taken
    try:
        torch.set_default_dtype(torch.float32)
        torch.set_autocast_enabled("cpu", False)
        with (
            torch.inference_mode(False),
            torch.enable_grad(),
            np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"),
        ):
            yield
    finally:
        sys.setrecursionlimit(recursion)
        torch.set_default_dtype(dtype)
        torch.set_autocast_enabled("cpu", autocast)
        _take_modes()  # what an answer has left, its default device too
        torch._GLOBAL_DEVICE_CONTEXT.device_context = device
        for mode in modes:
            _push_mode(mode)


def _take_modes() -> list:
    """Leave all of PyTorch's modes that functions go through; the innermost comes last."""
    modes = _get_current_function_mode_stack()
    for _ in modes:
        _pop_mode()
    return modes


@contextlib.contextmanager
def preserve_random_state():
    """Put back the random numbers' generators that an answer draws from."""
    numpy_state = np.random.get_state()  # noqa: NPY002  (students use the global generator)
    python_state = random.getstate()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
