"""What a run of the budget board is: its names, its limits, and the checksum that it carries."""

from __future__ import annotations

import json
import zlib
from typing import Any

ACCURACY = 75  # %, to be beaten
PARAMETERS = 6_000  # fewer than these
OPENING_WORK = 1_443_840  # multiply-adds of the network that the board opens on
SHAPE = ("convolutions", "dense", "head", "bias")  # of a trained network
NUMBERS = ("parameters", "multiply_adds", "accuracy")


def with_checksum(run: dict[str, Any]) -> dict[str, Any]:
    """Complete a run by a checksum, which shows whether it was changed afterwards."""
    entries = [run[name] for name in (*SHAPE, *NUMBERS[:-1])] + [float(run["accuracy"])]
    return run | {"checksum": f"{zlib.crc32(json.dumps(entries).encode()):08x}"}
