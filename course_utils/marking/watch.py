"""Watch what runs in a jail: its output, its time, its memory, and that nothing of it is left."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import psutil

from course_utils.marking.control_groups import ControlGroup
from course_utils.marking.warm_python import Entered

if TYPE_CHECKING:
    from course_utils.marking.jail import Limits

SCRATCHES = ("/scratch", "/dev/shm")  # where a jail can be written to
SCRATCH_SIZE = 64 * 2**20  # bytes, of each
INODE = 2048  # bytes of the kernel's for each file of a scratch, however small
MOST_FILES = 20_000  # of a scratch: of folders in folders, a path may be made endless
MOST_MAPS = 32_768  # of a process: each may keep a file open, of those of the whole machine
MAPS_BYTES = 4 * 2**20  # that are read of the list of maps: its lines may be made long
SCARCE = 0.05  # of the machine's memory: less is to be left free by nobody
HELD = (b"VmRSS", b"VmPTE", b"VmSwap")  # of /proc/PID/status
SHARED = (b"Pss", b"Pss_Shmem")  # of /proc/PID/smaps_rollup
ENDING = 0.3  # seconds in which a process's first thread may have ended before the others
LOOK_SECONDS = 5  # who can make a look last longer is over the limit
LITTLE = 2**12  # bytes that are read at a time
Running = subprocess.Popen | Entered


class Held(NamedTuple):
    """Bytes in pages that a process has mapped, and in page tables and what was swapped out."""

    resident: int
    beside: int


class Share(NamedTuple):
    """Bytes of a process's share of its pages, and of those that belong to files in memory."""

    pages: int
    of_files: int


@contextmanager
def killed_on_exit(program: subprocess.Popen) -> Iterator[None]:
    """Leave no process behind: with the first one, the kernel ends a jail's others."""
    root, processes = None, []
    try:
        root = psutil.Process(program.pid)
        yield
    finally:
        with contextlib.suppress(OSError):  # no file can be opened any more
            processes = process_tree(root) if root else []
        program.kill()  # with bubblewrap the jail ends, whatever else fails
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
        program.wait()
        assert program.stdout is not None  # `run` has asked for a pipe
        program.stdout.close()
        if program.stdin is not None:
            program.stdin.close()


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
    looks: Looks,
) -> tuple[bytes, str]:
    """Read the output until the program ends, a limit is reached, or `stop` is set."""
    output, deadline = bytearray(), time.monotonic() + limits.seconds
    free = psutil.virtual_memory().available
    assert program.stdout is not None  # `run` has asked for a pipe
    arguments = program.stdout, output, limits.output
    reader = threading.Thread(target=_read_output, args=arguments, daemon=True)
    reader.start()
    while program.poll() is None:
        reader.join(0.25)
        if len(output) > limits.output:
            return bytes(output[: limits.output]), "output"
        if time.monotonic() > deadline or stop.is_set():
            return bytes(output), "interrupted" if stop.is_set() else "time"
        if group.ran_out_of_memory() or looks.find_too_much():
            return bytes(output), "memory"
        if _is_scarce(free - limits.memory):
            return bytes(output), "scarce"
        if not reader.is_alive():
            time.sleep(0.02)
    reader.join(2)
    if not program.returncode:
        return bytes(output), ""
    return bytes(output), "memory" if group.ran_out_of_memory() else "died"


class Looks:
    """Looks at what is held, one after the other, in a thread: one may be made to last long."""

    def __init__(self, roots: list[int], limit: int):
        self.roots, self.limit = roots, limit
        self.pool = ThreadPoolExecutor(1)
        self.look: Future[int] | None = None
        self.begun = 0.0

    def find_too_much(self) -> bool:
        """Wait for a look, for half a second; whether it found too much, or lasts too long."""
        if self.look is None:
            self.begun = time.monotonic()
            self.look = self.pool.submit(_memory, self.roots, self.limit)
        try:
            held = self.look.result(0.5)
        except TimeoutError:
            return time.monotonic() - self.begun > LOOK_SECONDS
        self.look = None
        return held > self.limit

    def close(self) -> None:
        """Wait for no look any more."""
        self.pool.shutdown(wait=False)


def _read_output(pipe: IO[bytes], output: bytearray, most: int) -> None:
    """Read a pipe to its end, or until too much has come."""
    with contextlib.suppress(ValueError):  # the pipe is closed when the run has ended
        while chunk := pipe.read(2**16):
            output.extend(chunk)
            if len(output) > most:
                return
            if len(chunk) < LITTLE:  # of a flood of single bytes, a thousand a second
                time.sleep(0.001)


def _is_scarce(expected: float) -> bool:
    """Whether the machine has hardly any memory left, and less than is to be expected.

    For what is held in a way that nobody knows to count.
    """
    memory = psutil.virtual_memory()
    return memory.available < min(expected, SCARCE * memory.total)


def _memory(roots: list[int], limit: int) -> int:
    """Bytes that a run's processes and its scratch hold; more than the limit where none can tell.

    In a jail there are bubblewrap's, and the one that runs the student's code.
    """
    processes = _all_processes(roots)
    if not os.path.exists("/proc/self/status"):
        return sum(map(_resident, processes))
    folders = [Path(f"/proc/{process.pid}") for process in processes]
    held = {folder: sizes for folder in folders if (sizes := _held(folder))}
    if hiding := [folder for folder in folders if _hides(folder)]:
        time.sleep(ENDING)  # or it is just ending
        if any(map(_hides, hiding)):
            return limit + 1
    files = _scratch_memory(_first_in_jail(processes))
    beside = sum(sizes.beside for sizes in held.values())
    total = files + beside + sum(sizes.resident for sizes in held.values())
    if total > limit:  # the proportional shares take long to read: only where they decide
        shares = [_share(folder, sizes.resident) for folder, sizes in held.items()]
        # what is mapped of the scratch's files is in the shares, too
        files = max(0, files - sum(share.of_files for share in shares))
        total = files + beside + sum(share.pages for share in shares)
    return total


def _first_in_jail(processes: list[psutil.Process]) -> int | None:
    """The first process in a jail; None before there is one, and without a jail."""
    for process in processes[1:2]:
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{process.pid}/root/proc").st_dev != os.stat("/proc").st_dev:
                return process.pid
    return None


def _all_processes(roots: list[int]) -> list[psutil.Process]:
    processes: dict[psutil.Process, None] = {}
    for number in roots:
        with contextlib.suppress(psutil.NoSuchProcess):
            processes |= dict.fromkeys(process_tree(psutil.Process(number)))
    return [*processes]


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def _scratch_memory(first: int | None) -> int:
    """Bytes that the jail's file systems hold; 0 without a jail, without end for too many files."""
    total = 0
    for place in SCRATCHES if first else ():
        with contextlib.suppress(OSError):
            usage = os.statvfs(f"/proc/{first}/root{place}")
            files = usage.f_files - usage.f_ffree
            total += (usage.f_blocks - usage.f_bfree) * usage.f_frsize + files * INODE
            if files > MOST_FILES:
                return sys.maxsize
    return total


def _held(folder: Path) -> Held | None:
    """What a process holds; None once it, or its first thread, has ended."""
    try:
        sizes = _sizes((folder / "status").read_bytes(), HELD)
    except OSError:
        return None
    resident, *beside = (sizes.get(name, 0) for name in HELD)
    return Held(resident, sum(beside)) if HELD[0] in sizes else None


def _hides(folder: Path) -> bool:
    """Whether a process tells nothing, as its first thread alone has ended, or has too many maps.

    Of a list that cannot be read, as it is too long for the kernel, there is no knowing.
    """
    try:
        status = (folder / "status").read_bytes()
        if b"\nVmRSS:" not in status and b"\nThreads:\t1\n" not in status:
            return True
        count = size = 0
        with open(folder / "maps", "rb", buffering=0) as lines:
            while part := lines.read(2**16):
                count, size = count + part.count(b"\n"), size + len(part)
                if count > MOST_MAPS or size > MAPS_BYTES:
                    return True
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return False
    except OSError:
        return True
    return False


def _share(folder: Path, resident: int) -> Share:
    """A process's share of its pages; all of them where it keeps that secret, as it may."""
    try:
        sizes = _sizes((folder / "smaps_rollup").read_bytes(), SHARED)
    except PermissionError:
        return Share(resident, 0)
    except OSError:  # it has ended
        return Share(0, 0)
    return Share(*(sizes.get(name, 0) for name in SHARED))


def _sizes(data: bytes, names: tuple[bytes, ...]) -> dict[bytes, int]:
    """Name → bytes, from a file of /proc; a process's own name, which is there too, may be any."""
    lines = (line.partition(b":") for line in data.split(b"\n"))
    return {name: 1024 * int(size.split()[0]) for name, _, size in lines if name in names}
