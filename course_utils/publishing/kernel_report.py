"""What a kernel says of itself at the end of a run: its peak memory and its widgets' state."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def peak_mb() -> float:
    """Return the largest resident memory of this process so far, in MB (10⁶ bytes)."""
    status = Path("/proc/self/status")
    if status.exists():  # not ru_maxrss, which a new process inherits from the one that started it
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS


def print_report() -> None:
    """Print, as one line of JSON, this kernel's peak memory and the state of its widgets."""
    report: dict[str, Any] = {"peak_mb": peak_mb(), "widgets": None}
    if "ipywidgets" in sys.modules:
        report["widgets"] = sys.modules["ipywidgets"].Widget.get_manager_state()
    print(json.dumps(report))
