"""Of many cases alike some are tried daily, always the same ones, and all of them weekly."""

import zlib


def is_daily(name: str, share: int) -> bool:
    """Whether this case is one of those tried daily, one in `share`."""
    return zlib.crc32(name.encode()) % share == 0
