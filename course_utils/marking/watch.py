"""Watch what runs in a jail: its output, its time, its memory, and that nothing of it is left."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from course_utils.marking.control_groups import ControlGroup
from course_utils.marking.warm_python import Entered

if TYPE_CHECKING:
    from course_utils.marking.jail import Limits

SCRATCHES = ("/scratch", "/dev/shm")  # where a jail can be written to
SCRATCH_SIZE = 64 * 2**20  # bytes, of each
INODE = 1024  # bytes of the kernel's for each file of a scratch, however small
HELD = ("VmRSS", "VmPTE", "VmSwap", "HugetlbPages")  # of /proc/PID/status, in kB
Running = subprocess.Popen | Entered


@contextmanager
def killed_on_exit(program: subprocess.Popen) -> Iterator[None]:
    """Leave no process behind: with the first one, the kernel ends a jail's others."""
    root = psutil.Process(program.pid)
    try:
        yield
    finally:
        for process in process_tree(root):
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        program.wait()
        assert program.stdout is not None  # `run` has asked for a pipe
        program.stdout.close()


def process_tree(root: psutil.Process) -> list[psutil.Process]:
    """Return a process and its descendants; nothing once it has ended."""
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def watch(
    program: Running,
    limits: Limits,
    group: ControlGroup,
    stop: threading.Event,
    roots: list[int],
) -> tuple[bytes, str]:
    """Read the output until the program ends, a limit is reached, or `stop` is set."""
    output, deadline = bytearray(), time.monotonic() + limits.seconds
    assert program.stdout is not None  # `run` has asked for a pipe
    pipe = program.stdout

    def read():
        while chunk := pipe.read(2**16):
            output.extend(chunk)
            if len(output) > limits.output:
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    while program.poll() is None:
        reader.join(0.25)
        if len(output) > limits.output:
            return bytes(output[: limits.output]), "output"
        if time.monotonic() > deadline or stop.is_set():
            return bytes(output), "interrupted" if stop.is_set() else "time"
        if group.ran_out_of_memory() or _memory(roots, limits.memory) > limits.memory:
            return bytes(output), "memory"
        if not reader.is_alive():
            time.sleep(0.02)
    reader.join(2)
    if not program.returncode:
        return bytes(output), ""
    return bytes(output), "memory" if group.ran_out_of_memory() else "died"


def _memory(roots: list[int], limit: int) -> int:
    """Bytes that processes, their descendants and the scratch hold."""
    processes = _all_processes(roots)
    files = _scratch_memory(processes)
    held = {process: _held(process) for process in processes}
    total = files + sum(map(sum, held.values()))
    if total > limit:  # the proportional shares take long to read: only where they decide
        total = sum(_share(p, resident) + beside for p, (resident, beside) in held.items())
        # what is mapped of the scratch's files is in the shares, too
        total += max(0, files - sum(map(_mapped_files, processes)))
    return total


def _all_processes(roots: list[int]) -> list[psutil.Process]:
    processes: dict[psutil.Process, None] = {}
    for number in roots:
        try:
            processes |= dict.fromkeys(process_tree(psutil.Process(number)))
        except psutil.NoSuchProcess:
            continue
    return [*processes]


def _scratch_memory(processes: list[psutil.Process]) -> int:
    """Bytes that the jail's file systems hold; 0 before they are there, and without a jail."""
    total = 0
    for place in SCRATCHES:
        try:
            usage = os.statvfs(f"/proc/{processes[1].pid}/root{place}")
        except (IndexError, OSError):
            continue
        if usage.f_blocks * usage.f_frsize == SCRATCH_SIZE:  # otherwise it is still the host's
            total += (usage.f_blocks - usage.f_bfree) * usage.f_frsize
            total += (usage.f_files - usage.f_ffree) * INODE
    return total


def _mapped_files(process: psutil.Process) -> int:
    """Bytes of files in memory that a process has mapped, its share of them."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss_Shmem:"))


def _held(process: psutil.Process) -> tuple[int, int]:
    """Bytes in pages that a process has mapped, and in what it holds beside; 0 once it has ended.

    Beside are page tables, what was swapped out, as a process may ask for itself, and huge pages.
    """
    try:
        if not os.path.exists("/proc/self/status"):
            return process.memory_info().rss, 0
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except (psutil.Error, OSError):
        return 0, 0
    sizes = {line.partition(":")[0]: line.split()[1] for line in lines if line.endswith(" kB")}
    resident, *beside = (1024 * int(sizes.get(name, 0)) for name in HELD)
    return resident, sum(beside)


def _share(process: psutil.Process, resident: int) -> int:
    """A process's share of its pages; all of them where it keeps that secret, as it may."""
    try:
        return process.memory_full_info().pss
    except psutil.NoSuchProcess:
        return 0
    except psutil.AccessDenied:
        return resident
