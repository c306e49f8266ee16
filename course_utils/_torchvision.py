"""Lets `import torchvision` work where its wheel was built for CUDA and torch's was not.

Torchvision's compiled part cannot load beside such a torch, so the operators ``nms`` and ``qnms``
are never defined, and torchvision's own Python code fails as it registers their shape functions.
Their schemas alone are enough for the import; only ``torchvision.ops.nms``, which a course on
classification does not call, stays without an implementation. Importing this module does it.
"""

import importlib.util
import re
from pathlib import Path

import torch

SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def built_for_cuda() -> bool:
    """Whether the installed torchvision names a CUDA build, read without importing it."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    version = Path(spec.origin).with_name("version.py")
    return version.is_file() and bool(re.search(r"\+cu\d", version.read_text(encoding="utf-8")))


def define_missing_operators() -> list[str]:
    """Define the schemas a mismatched pair lacks and return their names; else do nothing."""
    if torch.version.cuda is not None or not built_for_cuda():
        return []
    missing = [name for name in ("nms", "qnms") if not hasattr(torch.ops.torchvision, name)]
    for name in missing:
        torch.library.define(f"torchvision::{name}", SCHEMA)
    return missing


define_missing_operators()
