"""Watch what runs in a jail: its output, its time, its memory, and that nothing of it is left."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

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
LISTS = {"maps", "smaps", "numa_maps"}  # of maps, in /proc/PID
MAPS_BYTES = 4 * 2**20  # that are read of the list of maps: its lines may be made long
# The kernel's own, of /proc/meminfo: what nobody asked for by name, such as buffers of open files
KERNEL = (b"SUnreclaim", b"VmallocUsed", b"KernelStack")
MOST_KERNEL = 2**29  # bytes that these may grow by while a run lasts
SCARCE = 0.05  # of the machine's memory: less is to be left free by nobody
# Of /proc/PID/status, which is read without waiting for a process: pages of its own and of files in
# memory, page tables, what was swapped out. A fork's are counted whole, also those it shares.
OWN, OF_FILES = (b"RssAnon", b"VmPTE", b"VmSwap"), b"RssShmem"
LOOK_INTERVAL = 0.25  # seconds
WAIT_INTERVAL = 1.0  # seconds at least, over which it is counted what a run waited
ENDING = 0.3  # seconds in which a process's first thread may have ended before the others
LOOK_SECONDS = 20  # who makes a look last longer, which tells of maps alone, is over the limit
END_SECONDS = 20  # in which the kernel takes back what was held; a gigabyte takes it a tenth of one
LITTLE = 2**12  # bytes that are read at a time
Running = subprocess.Popen | Entered


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
        _await_end(processes[1:])
        assert program.stdout is not None  # `run` has asked for a pipe
        program.stdout.close()
        if program.stdin is not None:
            program.stdin.close()


def _await_end(processes: list[psutil.Process]) -> None:
    """Wait until killed processes hold nothing any more, whether or not anybody reaps them.

    A jail's first one ends after all others in it, also after a warm Python's fork.
    """
    deadline = time.monotonic() + END_SECONDS
    for process in processes if sys.platform == "linux" else ():
        with contextlib.suppress(OSError):  # it is gone
            descriptor = os.pidfd_open(process.pid)
            with os.fdopen(descriptor):  # closes it
                ended = select.poll()
                ended.register(descriptor, select.POLLIN)
                ended.poll(1000 * max(0, deadline - time.monotonic()))


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
    free, kernel = psutil.virtual_memory().available, _kernel_memory()
    assert program.stdout is not None  # `run` has asked for a pipe
    arguments = program.stdout, output, limits.output
    reader = threading.Thread(target=_read_output, args=arguments, daemon=True)
    reader.start()
    next_look = 0.0
    while program.poll() is None:
        reader.join(LOOK_INTERVAL)
        if len(output) > limits.output:
            return bytes(output[: limits.output]), "output"
        if time.monotonic() > deadline or stop.is_set():
            return bytes(output), "interrupted" if stop.is_set() else "time"
        if not reader.is_alive():  # it may end at once
            time.sleep(0.02)
        if time.monotonic() < next_look:
            continue
        if group.ran_out_of_memory() or looks.find_too_much():
            return bytes(output), "memory"
        if _is_scarce(free - limits.memory) or _kernel_memory() - kernel > MOST_KERNEL:
            return bytes(output), "scarce"
        next_look = time.monotonic() + LOOK_INTERVAL
    reader.join(2)
    if not program.returncode:
        return bytes(output), ""
    if group.ran_out_of_memory():
        return bytes(output), "memory"
    is_late = time.monotonic() > deadline  # its limit of a processor's seconds is no shorter
    return bytes(output), "time" if is_late else "died"


class Looks:
    """Looks at what a run holds; what may be made to last long is done in a thread."""

    def __init__(self, roots: list[int], limit: int):
        self.roots, self.limit = roots, limit
        self.processor, self.without = 0.0, 0.0  # seconds that it had one, and that it waited
        self.counted = time.monotonic(), _idle_seconds(), 0.0
        self.pool = ThreadPoolExecutor(1)
        self.look: Future[bool] | None = None
        self.begun = 0.0

    def find_too_much(self) -> bool:
        """Whether there is more than the limit, or what cannot be told, or a look lasts too long.

        It is waited for a moment only: memory is not to go unseen meanwhile.
        """
        processes = _all_processes(self.roots)
        self.processor = max(self.processor, sum(map(_processor_seconds, processes)))
        self._count(at_least=WAIT_INTERVAL)
        if _memory(processes) > self.limit:
            return True
        if self.look is None:
            self.begun = time.monotonic()
            self.look = self.pool.submit(_any_hides, processes)
        try:
            hides = self.look.result(0.1)
        except TimeoutError:
            return time.monotonic() - self.begun > LOOK_SECONDS
        self.look = None
        return hides

    def _count(self, at_least: float = 0.0) -> None:
        """Add up what it has waited since this was last counted, if that is long enough ago.

        What was idle at another time makes up for nothing: so this is counted in short intervals.
        """
        now, idle = time.monotonic(), _idle_seconds()
        then, idle_then, processor_then = self.counted
        if now - then >= at_least:
            had = self.processor - processor_then
            self.without += max(0.0, now - then - had - (idle - idle_then))
            self.counted = now, idle, self.processor

    def waited(self) -> float:
        """Seconds in which the run had no processor and none was idle: others had them.

        What it has had since the last look counts as waited; whoever looks may have had none.
        """
        self._count()
        return self.without

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


def _kernel_memory() -> int:
    """Bytes that the kernel holds for itself, for all programs together; 0 where it is silent."""
    return sum(_sizes(Path("/proc/meminfo"), KERNEL).values())


def _memory(processes: list[psutil.Process]) -> int:
    """Bytes that a run's processes and its scratch hold.

    In a jail these are bubblewrap's, and the one that runs the student's code.
    """
    if not os.path.exists("/proc/self/status"):
        return sum(map(_resident, processes))
    held = [_sizes(_folder(process) / "status", (*OWN, OF_FILES)) for process in processes]
    own = sum(sizes.get(name, 0) for sizes in held for name in OWN)
    mapped = sum(sizes.get(OF_FILES, 0) for sizes in held)  # of the scratch's, in a jail
    return own + max(mapped, _scratch_memory(_first_in_jail(processes)))


def _any_hides(processes: list[psutil.Process]) -> bool:
    """Whether one goes on telling nothing: it may be just ending."""
    hiding = [folder for folder in map(_folder, processes) if _hides(folder)]
    if hiding:
        time.sleep(ENDING)
    return any(map(_hides, hiding))


def _folder(process: psutil.Process) -> Path:
    return Path(f"/proc/{process.pid}")


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


def _idle_seconds() -> float:
    """Seconds that processors had nothing to do, all that it may use, since the machine started."""
    times = dict(enumerate(psutil.cpu_times(percpu=True)))
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(times)
    if not usable <= times.keys():  # they are numbered otherwise, as in some containers
        usable = set(times)
    return sum(times[each].idle + getattr(times[each], "iowait", 0.0) for each in usable)


def _processor_seconds(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:2])
    except psutil.Error:
        return 0.0


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


def _sizes(file: Path, names: tuple[bytes, ...]) -> dict[bytes, int]:
    """Name → bytes, from a file of /proc; a process's own name, which may be there, may be any.

    Nothing where there is no file, and once a process, or its first thread, has ended.
    """
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError:
        return {}
    sizes = (line.partition(b":") for line in lines)
    return {name: 1024 * int(size.split()[0]) for name, _, size in sizes if name in names}


def _hides(folder: Path) -> bool:
    """Whether a process tells nothing of what it holds, or holds more than can be told.

    It tells nothing when its first thread alone has ended, or where its list of maps is too long
    for the kernel. Who changes its maps without end makes this wait.
    """
    try:
        status = (folder / "status").read_bytes()
        if b"\nVmRSS:" not in status and b"\nThreads:\t1\n" not in status:
            return True
        return _has_too_many_maps(folder) or _keeps_list_open(folder)
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return False
    except OSError:
        return True


def _has_too_many_maps(folder: Path) -> bool:
    count = size = 0
    with open(folder / "maps", "rb", buffering=0) as lines:
        while part := lines.read(2**16):
            count, size = count + part.count(b"\n"), size + len(part)
            if count > MOST_MAPS or size > MAPS_BYTES:
                return True
    return False


def _keeps_list_open(folder: Path) -> bool:
    """Whether a process reads a list of maps: the kernel keeps its longest line, of any length.

    Bubblewrap's own processes let nobody see what they have open; no other can do so.
    """
    with contextlib.suppress(PermissionError):
        for file in (folder / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it is closed meanwhile
                place = os.readlink(file).removesuffix(" (deleted)")  # once a thread has ended
                if place.startswith("/proc/") and os.path.basename(place) in LISTS:
                    return True
    return False
