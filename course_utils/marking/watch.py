"""Watch what runs in a jail: its output, its time, its memory, and that nothing of it is left."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
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
MAP = 200  # bytes of the kernel's for each map of a process …
LINK = 80  # … and, for each process before it in a chain of forks, that has had the same map
MOST_MAPS = 65_530  # of a process, where they cannot be counted
MAPS_BYTES = 4 * 2**20  # that are read of one process's list: its lines may be made long
MAPS_IN_ALL = 100_000  # of a jail: each may keep a file open, of those of the whole machine
SCARCE = 0.05  # of the machine's memory: less is to be left free by nobody
HELD = (b"VmRSS", b"VmPTE", b"VmSwap", b"HugetlbPages")  # of /proc/PID/status
SHARED = (b"Pss", b"Pss_Shmem")  # of /proc/PID/smaps_rollup
LOOK_SECONDS = 5  # who can make a look last longer is over the limit
LITTLE = 2**12  # bytes that are read at a time
# Files of a process in /proc that keep its memory while they are read
OF_MEMORY = {"mem", "environ", "maps", "smaps", "smaps_rollup", "numa_maps", "pagemap"}
PASSES = 50  # in which processes are looked for that end before they are read
Running = subprocess.Popen | Entered


class Held(NamedTuple):
    """Bytes in pages that a process has mapped, and in what it holds beside; its number of maps.

    Beside are page tables, what was swapped out, as a process may ask for itself, and huge pages.
    """

    resident: int
    beside: int
    maps: int


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
    """Bytes that processes, their descendants, the scratch and sockets hold."""
    if not os.path.exists("/proc/self/status"):
        return sum(map(_resident, _all_processes(roots)))
    first = _first_in_jail(roots[0])
    held = _held_by_all(lambda: _folders(first, roots))
    if held is None or _keeps_memory_of_others(first, [*held]):
        return limit + 1
    maps = sum(sizes.maps for sizes in held.values())
    files, beside = _scratch_memory(first), _socket_memory(first)
    beside += sum(sizes.beside for sizes in held.values()) + maps * (MAP + LINK * len(held))
    total = files + beside + sum(sizes.resident for sizes in held.values())
    if total > limit:  # the proportional shares take long to read: only where they decide
        shares = [_share(folder, sizes.resident) for folder, sizes in held.items()]
        # what is mapped of the scratch's files is in the shares, too
        files = max(0, files - sum(share.of_files for share in shares))
        total = files + beside + sum(share.pages for share in shares)
    return total


def _first_in_jail(program: int) -> int | None:
    """The first process in a jail; None before there is one, and without a jail."""
    for number in [process.pid for process in _all_processes([program])[1:2]]:
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{number}/root/proc").st_dev != os.stat("/proc").st_dev:
                return number
    return None


def _folders(first: int | None, roots: list[int]) -> list[Path]:
    """The folders of /proc that tell of what is watched: of all in a jail, its own has them."""
    if first is None:
        return [Path(f"/proc/{process.pid}") for process in _all_processes(roots)]
    try:
        place = Path(f"/proc/{first}/root/proc")
        return [place / name for name in os.listdir(place) if name.isdigit() and name != "1"]
    except OSError:
        return []


def _held_by_all(folders: Callable[[], list[Path]]) -> dict[Path, Held] | None:
    """What every process holds; None where they end too fast to be read, or have too many maps.

    Who hands its memory on to another process, and ends, would not be found in a list of processes
    that is read one after the other. So it is read again as long as one of them is gone meanwhile.
    """
    known: set[Path] = set()
    for _ in range(PASSES):
        held = _read(folders())
        if _too_many_maps(held):
            return None
        gone = {folder for folder, sizes in held.items() if sizes is None}
        if gone <= known:  # those that nobody has waited for stay in the list
            return {folder: sizes for folder, sizes in held.items() if sizes is not None}
        known |= gone
    return None


def _read(folders: list[Path]) -> dict[Path, Held | None]:
    """What processes hold; where the first thread has ended and tells nothing, all others do."""
    held: dict[Path, Held | None] = {}
    for folder in folders:
        held[folder] = _held(folder)
        if held[folder] is None:
            held |= {thread: _held(thread) for thread in _other_threads(folder)}
        if _too_many_maps(held):  # to read on would take long
            break
    return held


def _too_many_maps(held: dict[Path, Held | None]) -> bool:
    return sum(sizes.maps for sizes in held.values() if sizes is not None) > MAPS_IN_ALL


def _other_threads(folder: Path) -> list[Path]:
    """All threads but the first; where they end too fast to be listed, one that is always new."""
    try:
        has_others = b"\nThreads:\t1\n" not in (folder / "status").read_bytes()
        names = [name for name in os.listdir(folder / "task") if name != folder.name]
    except OSError:
        return []
    names += [str(time.monotonic_ns())] * (has_others and not names)
    return [folder / "task" / name for name in names]


def _keeps_memory_of_others(first: int | None, folders: list[Path]) -> bool:
    """Whether a process in a jail has a file open that tells of another's memory.

    While it reads, that memory lives on, also when the other has ended and it is in no process. Who
    lets nobody see its open files may have such a one.
    """
    for folder in folders if first else ():
        is_thread = folder.parent.name == "task"
        owner = folder.parents[1].name if is_thread else folder.name
        # a thread may have files of its own
        for place in [folder / "fd"] if is_thread else (folder / "task").glob("*/fd"):
            try:
                files = [place / name for name in os.listdir(place)]
            except PermissionError:
                return True
            except OSError:  # it has ended
                continue
            if any(_is_of_memory(file, owner, first) for file in files):
                return True
    return False


def _is_of_memory(file: Path, owner: str, first: int | None) -> bool:
    """Whether an open file is one of a jail's /proc that tells of another's memory."""
    with contextlib.suppress(OSError):
        *place, kind = os.readlink(file).removesuffix(" (deleted)").split("/")
        if kind in OF_MEMORY and owner not in place:
            return os.stat(file).st_dev == os.stat(f"/proc/{first}/root/proc").st_dev
    return False


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


def _socket_memory(first: int | None) -> int:
    """Bytes that the jail's sockets may hold, also those that only wait to be accepted."""
    if first is None:
        return 0
    try:
        buffer = int(Path("/proc/sys/net/core/wmem_default").read_text())
        lines = Path(f"/proc/{first}/net/unix").read_bytes().count(b"\n")
    except OSError:
        return 0
    return 2 * buffer * max(0, lines - 1)  # below a heading; a last message may be as large again


def _held(folder: Path) -> Held | None:
    """What a process holds; None once it has ended."""
    try:
        sizes = _sizes((folder / "status").read_bytes(), HELD)
    except OSError:
        return None
    resident, *beside = (sizes.get(name, 0) for name in HELD)
    return Held(resident, sum(beside), _maps(folder)) if HELD[0] in sizes else None


def _maps(folder: Path) -> int:
    """How many maps of memory a process has; the most where its list cannot be read, or is long."""
    count = size = 0
    try:
        with open(folder / "maps", "rb", buffering=0) as lines:
            while part := lines.read(2**16):
                count, size = count + part.count(b"\n"), size + len(part)
                if size > MAPS_BYTES:
                    return MOST_MAPS
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return count
    except OSError:  # a secret, or too long for the kernel
        return MOST_MAPS
    return count


def _share(folder: Path, resident: int) -> Share:
    """A process's share of its pages; all of them where it keeps that secret, as it may."""
    try:
        sizes = _sizes((folder / "smaps_rollup").read_bytes(), SHARED)
    except PermissionError:
        return Share(resident, 0)
    except OSError:  # it has ended; a thread may have handed on what it holds
        return Share(resident if folder.parent.name == "task" else 0, 0)
    return Share(*(sizes.get(name, 0) for name in SHARED))


def _sizes(data: bytes, names: tuple[bytes, ...]) -> dict[bytes, int]:
    """Name → bytes, from a file of /proc; a process's own name, which is there too, may be any."""
    lines = (line.partition(b":") for line in data.split(b"\n"))
    return {name: 1024 * int(size.split()[0]) for name, _, size in lines if name in names}
