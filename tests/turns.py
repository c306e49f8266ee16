"""Of many cases alike some are tried daily, always the same ones, and all of them weekly."""

import zlib

import pytest


def is_daily(name: str, share: int) -> bool:
    """Whether this case is one of those tried daily, one in `share`."""
    return zlib.crc32(name.encode()) % share == 0


def in_turn(name: str, share: int) -> pytest.MarkDecorator | tuple[()]:
    """Mark a case as weekly unless it is one of those tried daily, one in `share`."""
    return () if is_daily(name, share) else pytest.mark.weekly
