"""Settings of Python and PyTorch that hold for a whole session; answers are judged without."""

import contextlib
import random
import sys

import numpy as np
import torch

CPU = torch.device("cpu")


@contextlib.contextmanager
def standard_settings():
    """Have PyTorch's settings as they are at its start; afterwards all are as they were.

    A cell may have set another default dtype or device, or have left gradients off. What is drawn,
    computed and compared does not depend on that.
    """
    recursion, dtype = sys.getrecursionlimit(), torch.get_default_dtype()
    device, autocast = torch.get_default_device(), torch.is_autocast_enabled("cpu")
    try:
        _set(torch.float32, CPU, False)
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        sys.setrecursionlimit(recursion)
        _set(dtype, device, autocast)


def _set(dtype: torch.dtype, device: torch.device, autocast: bool) -> None:
    if torch.get_default_dtype() != dtype:
        torch.set_default_dtype(dtype)
    if torch.get_default_device() != device:  # one that is set costs time at every call
        torch.set_default_device(None if device == CPU else device)
    if torch.is_autocast_enabled("cpu") != autocast:
        torch.set_autocast_enabled("cpu", autocast)


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
