"""Limits that the kernel keeps for a group of processes, however they hold what they hold.

A control group counts unnamed files, file systems in memory and the kernel's own records too. It
is made by systemd, or in version 2 or 1 of the kernel's file system where that may be written.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import time
from functools import cache
from pathlib import Path

import psutil

MOUNT = Path("/sys/fs/cgroup")
LISTING = Path("/proc/self/cgroup")  # the groups of this process
KINDS = ("systemd", "v2", "v1")
PREFIX = "course-jail"
PERIOD = 100_000  # microseconds: the kernel's own default for shares of a processor
OWN_PROCESSES = 4  # the jail's own, beside the submission's
# its children join first: the group's files take the number of a process
JOIN = 'for group; do shift; [ "$group" = -- ] && break; echo $$ > "$group/cgroup.procs" || exit; '
JOIN += 'done; exec "$@"'
_count = itertools.count()


class ControlGroup:
    """A group with its own limits; a context manager, which ends what is left in it.

    Parameters
    ----------
    kind : one of `KINDS`, or "" for none: then nothing is limited
    memory : bytes
    processes : and threads
    processors : how many it may keep busy

    Attributes
    ----------
    command : list of str
        What a program's command line begins with so that it runs in the group.

    Raises
    ------
    OSError
        On entering, if there is no such group to be had.
    """

    def __init__(self, kind: str, memory: int, processes: int, processors: float):
        self.kind = kind
        self.folders: list[Path] = []
        self.memory, self.processes = memory, processes + OWN_PROCESSES
        self.processors = processors
        self.name = f"{PREFIX}-{os.getpid()}-{next(_count)}"
        self.command: list[str] = []

    def __enter__(self) -> ControlGroup:
        if self.kind == "systemd":
            self.command = self._systemd_command()
        elif self.kind:
            try:
                self._make_folders()
            except OSError:
                self._remove_folders()
                raise
            self.command = ["/bin/sh", "-c", JOIN, "sh", *map(str, self.folders), "--"]
        return self

    def __exit__(self, *exception) -> None:
        self._remove_folders()

    def _systemd_command(self) -> list[str]:
        user = ["--user"] if os.geteuid() else []
        # a quarter more: the watch stops it before, and says why; of this end nobody is told
        memory = self.memory + self.memory // 4
        settings = [f"MemoryMax={memory}", "MemorySwapMax=0", f"TasksMax={self.processes}"]
        settings.append(f"CPUQuota={100 * self.processors:.0f}%")
        options = [part for setting in settings for part in ("--property", setting)]
        return ["systemd-run", *user, "--scope", "--quiet", "--collect", *options, "--"]

    def _make_folders(self) -> None:
        quota = int(PERIOD * self.processors)
        if self.kind == "v2":
            self._make_folder(
                _own_group(""), {"memory.max": self.memory, "pids.max": self.processes}
            )
            self._set({"cpu.max": f"{quota} {PERIOD}"}, optional=True)
            self._set({"memory.swap.max": 0}, optional=True)
            self._set({"memory.oom.group": 1}, optional=True)
            return
        self._make_folder(_own_group("cpu"), {"cpu.cfs_quota_us": quota})
        self._make_folder(_own_group("pids"), {"pids.max": self.processes})
        self._make_folder(_own_group("memory"), {"memory.limit_in_bytes": self.memory})
        self._set({"memory.memsw.limit_in_bytes": self.memory}, optional=True)

    def _make_folder(self, parent: Path, settings: dict[str, object]) -> None:
        _remove_stale(parent)
        folder = parent / self.name
        folder.mkdir()
        self.folders.append(folder)
        self._set(settings)

    def _set(self, settings: dict[str, object], optional: bool = False) -> None:
        """Write settings of the newest folder; swap and shares are not compiled in everywhere."""
        for name, value in settings.items():
            with contextlib.suppress(*(OSError,) * optional):
                (self.folders[-1] / name).write_text(str(value))

    def _remove_folders(self) -> None:
        while self.folders:
            _remove(self.folders.pop())

    def ran_out_of_memory(self) -> bool:
        """Tell whether the kernel ended a process of the group because of its memory."""
        for folder, name in itertools.product(
            self.folders, ("memory.events", "memory.oom_control")
        ):
            with contextlib.suppress(OSError):
                lines = (folder / name).read_text().splitlines()
                if any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in lines):
                    return True
        return False


def _own_group(controller: str) -> Path:
    """Return the folder of this process's group; "" stands for version 2."""
    for line in LISTING.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            mount = MOUNT / controller
            own = mount / path.lstrip("/")
            if not own.is_dir():  # in a container it may not be in sight
                own = mount
            if controller or _hands_down(own):
                return own
            if own == MOUNT:
                break
            return own.parent  # version 2: a group with processes has none below it
    raise FileNotFoundError(f"no control group {controller}")


def _hands_down(group: Path) -> bool:
    """Tell whether groups below this one have limits."""
    with contextlib.suppress(OSError):
        return {"memory", "pids"} <= {*(group / "cgroup.subtree_control").read_text().split()}
    return False


def _remove_stale(parent: Path) -> None:
    """Remove the groups of a marking that was killed."""
    for folder in parent.glob(f"{PREFIX}-*-*"):
        if not psutil.pid_exists(int(folder.name.split("-")[2])):
            with contextlib.suppress(OSError):
                folder.rmdir()


def _remove(folder: Path) -> None:
    """End a group's processes, and remove it as soon as the last is gone."""
    for _ in range(200):  # two seconds: the kernel takes a moment to forget a process
        try:
            return folder.rmdir()
        except FileNotFoundError:
            return None
        except OSError:
            with contextlib.suppress(OSError):
                for number in (folder / "cgroup.procs").read_text().split():
                    os.kill(int(number), 9)
            time.sleep(0.01)
    return None


@cache
def available() -> str:
    """Return the first of `KINDS` that works here, or ""."""
    for kind in KINDS:
        if kind == "systemd" and not shutil.which("systemd-run"):
            continue
        try:
            with ControlGroup(kind, 2**28, 16, 1.0) as group:
                subprocess.run(
                    [*group.command, "true"], check=True, capture_output=True, timeout=20
                )
        except (OSError, subprocess.SubprocessError):
            continue
        return kind
    return ""


def environment() -> dict[str, str]:
    """Return the variables that starting a group needs: systemd's are those of its bus."""
    names = ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR") * (available() == "systemd")
    return {"PATH": os.defpath} | {name: os.environ[name] for name in names if name in os.environ}
