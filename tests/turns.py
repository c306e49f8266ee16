"""Of many cases alike some are tried daily, always the same ones, and all of them weekly."""

import zlib
from collections.abc import Iterable

import pytest


def is_daily(name: str, share: int) -> bool:
    """Whether this case is one of those tried daily, one in `share`."""
    return zlib.crc32(name.encode()) % share == 0


def daily_share(cases: Iterable, share: int, first: int = 0) -> list:
    """Parameters of a test: one in `share` is tried daily, from the `first`; all are weekly."""
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=() if place % share == first else pytest.mark.weekly,
        )
        for place, case in enumerate(cases)
    ]
