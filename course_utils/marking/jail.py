"""Run somebody else's Python where it can do no harm: bubblewrap, resource limits, a watch.

Inside there is a system to read (`/usr`), Python with its packages, one folder that the caller
chooses, and a small scratch that is gone afterwards. There is no network, no other process and no
other file, no key, and no system call that answers do not need. What comes out is what the program
writes to its standard output.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

import psutil

from course_utils.errors import UserError
from course_utils.marking import control_groups, shown_places, syscall_filter
from course_utils.marking.control_groups import ControlGroup
from course_utils.marking.warm_python import Entered, WarmPython
from course_utils.marking.warm_start import add_filter, reset_signals
from course_utils.marking.watch import (
    SCRATCH_SIZE,
    SCRATCHES,
    Looks,
    Running,
    killed_on_exit,
    process_tree,
    watch,
)

INPUT_DIR, SCRATCH_DIR = "/input", SCRATCHES[0]  # the folder to read and the one to write, inside
# What of the machine stays readable in /proc: libraries count processors and memory. The rest tells
# of keys, of devices, of what is loaded and running, how it was started.
KEPT_OF_PROC = {
    *("cpuinfo", "filesystems", "loadavg", "meminfo", "mounts", "net", "self", "stat", "swaps"),
    *("sys", "thread-self", "uptime", "version", "vmstat"),
}
PR_SET_THP_DISABLE = 41  # prctl(2)
# The first user number for root's jails, and how many; the second where a container has no others.
# No limit stops root's own processes.
USERS = ((2**30, 2**29), (61_000, 4000))
SPARE = 2**29  # bytes beyond the limit of memory, at which the watch stops a run and says why
DESCRIPTORS = 64  # each may hold a socket's or a pipe's memory, which nobody counts
# What keeps a jail for a warm Python: it says when the jail is complete, and ends with the marking.
# As the jail's first process, nobody sees it there.
HOLD = ["/bin/sh", "-c", "echo; exec cat"]
NO_JAIL = (
    "Marking runs students' code in a jail made by bubblewrap (0.8 or newer), and {why}.\n"
    "On Linux install it (Debian and Ubuntu: `sudo apt install bubblewrap`); elsewhere mark on a "
    "Linux machine.\n--unsafe does without a jail: then students' code can read, change and send "
    "whatever you can."
)
VISIBLE = "The course's answers in {} would be visible in the jail: keep the course elsewhere."
READABLE = "{} lies in {}, which students' code can read: keep it elsewhere."
MISSING = "The jail hides the course, and {} within it: keep Python's environment elsewhere."


class Limits(NamedTuple):
    """How much one run may take before it is stopped."""

    seconds: float = 240.0  # of the clock
    cell: float = 60.0  # of the clock, for one cell of a notebook
    memory: int = 3 * 2**30  # bytes that all its processes and its scratch hold together
    threads: int = 64
    file: int = SCRATCH_SIZE  # bytes of one file, and of the scratch
    output: int = 32 * 2**20  # bytes that may come out
    processors: float = 1.0  # kept busy, where there are control groups


LIMITS = Limits()


class RunResult(NamedTuple):
    """What came out of a run, and why it stopped.

    That is "", "time", "memory", "output", "died", "interrupted" or, where the machine has hardly
    any memory left and has lost more than the limit meanwhile, or its kernel took much, "scarce".
    """

    output: bytes
    stop_reason: str
    stderr: str = ""  # the beginning of what it wrote there
    waited: float = 0.0  # seconds in which others had all processors


class JailError(UserError):
    """There is no jail on this computer; the message says what to do."""


def check() -> None:
    """Make sure that a jail can be had, and that no answer can be seen in it.

    Raises
    ------
    JailError
        If bubblewrap is missing or may not make a jail here, or if it cannot hide the course.
    """
    if not shutil.which("bwrap"):
        raise JailError(NO_JAIL.format(why="there is no `bwrap` on this computer"))
    if not syscall_filter.is_supported():
        raise JailError(NO_JAIL.format(why="system calls are filtered on x86_64 and aarch64 only"))
    places = shown_places.hidden_places(shown_places.visible_places())
    places += map(str, shown_places.courses())
    copies = [f"{place}{part}/exercises" for place in places for part in ("", "/course_utils")]
    needed = [
        sys.executable,
        os.path.dirname(os.__file__),
        *filter(os.path.isdir, shown_places.site_folders()),
    ]
    code = 'for place; do [ -e "$place" ] && echo "$place"; done; true'
    with tempfile.TemporaryDirectory() as empty, ExitStack() as files:
        probe = ["/bin/sh", "-c", code, "sh", *copies, *needed]
        command, descriptors = _bwrap_command(bwrap_args(Path(empty)), files)
        result = subprocess.run(
            [*command, *probe], capture_output=True, text=True, env={}, pass_fds=descriptors
        )
    if result.returncode:
        why = f"it does not start here ({result.stderr.strip() or 'no message'})"
        raise JailError(NO_JAIL.format(why=why))
    lines = result.stdout.splitlines()
    if visible := [place for place in copies if place in lines]:
        raise JailError(VISIBLE.format(visible[0]))
    if missing := [place for place in needed if place not in lines]:
        raise JailError(MISSING.format(missing[0]))


def refuse_visible(folders: Iterable[Path]) -> None:
    """Make sure that nothing in these folders can be read in a jail.

    Raises
    ------
    JailError
        If one lies in what students' code is shown of the system.
    """
    places = shown_places.visible_places()
    hidden = [Path(place).resolve() for place in shown_places.hidden_places(places)]
    for folder in folders:
        parents = [folder.resolve(), *folder.resolve().parents]
        within = [place for place in places if Path(place).resolve() in parents]
        if within and not any(place in parents for place in hidden):
            raise JailError(READABLE.format(folder, within[0]))


def leave_no_dumps() -> None:
    """Let no process started from here on leave its memory when it crashes.

    With a limit of 0 bytes, Linux still hands it to a program of the host's, which may write it to
    the disk; not so with 1. Inside, the filter keeps the limit.
    """
    import resource  # here: not on Windows, where a gradebook can be read but nothing be marked

    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


def _use_no_huge_pages() -> None:
    """Let no process started from here on have huge pages; the filter keeps it so.

    Of one that is given back but for a part, the kernel keeps all, and counts the part.
    """
    ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)


def limits_in_force(limits: Limits) -> str:
    """Say in one line which limits a run has here, and who keeps them."""
    words = f"{limits.memory / 2**30:.1f} GB of memory, {limits.threads} threads"
    if kind := control_groups.available():
        words += f" and {limits.processors:g} processor, kept by control groups ({kind})"
    else:
        words += ", kept by a watch (there are no control groups to be had)"
    return f"Each notebook may take {words}, and {limits.seconds:g} s."


def bwrap_args(input_dir: Path) -> list[str]:
    """Return bubblewrap's arguments, up to the program to be run."""
    user = ("user",) if os.geteuid() else ()  # root drops to another user instead
    args = ["--die-with-parent", "--new-session", "--clearenv", "--hostname", "jail"]
    args += [f"--unshare-{name}" for name in (*user, "ipc", "pid", "net", "uts", "cgroup-try")]
    args += ["--cap-drop", "ALL"]
    if user:
        args += ["--disable-userns", "--uid", "1000", "--gid", "1000"]
    else:  # to become another user, once
        args += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    for place in shown_places.SYSTEM:
        if os.path.islink(place):
            args += ["--symlink", os.readlink(place), place]
    places = shown_places.visible_places()
    hidden = shown_places.hidden_places(places)
    # what lies deeper comes later: a course in /usr is hidden, an environment in it shown again
    for place in sorted({*places, *hidden}, key=lambda place: (place.count("/"), place)):
        for parent in reversed(Path(place).parents[:-1]):
            args += ["--perms", "0755", "--dir", str(parent)]
        args += ["--tmpfs", place] if place in hidden else ["--ro-bind", place, place]
    args += ["--ro-bind", str(input_dir), INPUT_DIR]
    args += ["--proc", "/proc", "--dev", "/dev"]
    folders, files = _covered()
    for folder in folders:
        args += ["--tmpfs", folder]
    for file in files:
        args += ["--ro-bind", "/dev/null", file]
    for place in SCRATCHES:
        args += ["--perms", "1777", "--size", str(SCRATCH_SIZE), "--tmpfs", place]
    for place in (*hidden, *folders, "/proc", "/dev", "/"):
        args += ["--remount-ro", place]
    return [*args, "--chdir", SCRATCH_DIR]


def _covered() -> tuple[list[str], list[str]]:
    """Folders and files of /proc and /dev in which a jail sees nothing."""
    names = {name for name in os.listdir("/proc") if not name.isdigit()} - KEPT_OF_PROC
    paths = [f"/proc/{name}" for name in sorted(names)]
    readable = [path for path in paths if os.stat(path).st_mode & stat.S_IROTH]
    # process 1 is bubblewrap itself; terminals are few, and the whole machine's
    folders = ["/proc/1", *filter(os.path.isdir, readable), "/dev/pts"]
    # shared, /dev/zero is memory that nobody counts
    return folders, [*(path for path in readable if path not in folders), "/dev/zero"]


def _bwrap_command(args: list[str], files: ExitStack) -> tuple[list[str], list[int]]:
    """Return how to start bubblewrap, and the descriptors it needs, which `files` closes.

    It starts with an empty environment, and reads its arguments: the jail's first process is
    bubblewrap itself, and is to tell nothing.
    """
    seccomp = files.enter_context(_as_file(syscall_filter.seccomp_program())).fileno()
    args = ["--seccomp", str(seccomp), *args]
    data = b"".join(os.fsencode(arg) + b"\0" for arg in args)
    arguments = files.enter_context(_as_file(data)).fileno()
    command = ["/usr/bin/env", "-i", str(shutil.which("bwrap")), "--args", str(arguments), "--"]
    return command, [seccomp, arguments]


def _as_file(data: bytes) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    file.write(data)
    file.seek(0)
    return file


def run(
    code: str,
    job: bytes | BinaryIO,
    input_dir: Path,
    limits: Limits,
    jailed: bool = True,
    stop: threading.Event | None = None,
    warm: WarmPython | None = None,
) -> RunResult:  # long: what is opened here is closed here
    """Run some Python with the folder `input_dir` on its path and `job` on its standard input.

    The code is to call `confine` first. `jailed=False` keeps the limits and leaves out the jail.
    Once `stop` is set, the run ends for the reason "interrupted". `warm` is a Python that need not
    import anything any more, from `warm_python`.
    """
    leave_no_dumps()
    _use_no_huge_pages()
    with ExitStack() as stack:
        scratch = str(input_dir)  # without a jail, a folder to write in; with one it has its own
        if not jailed:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(dir=input_dir.parent))
        stdin = stack.enter_context(_as_file(job)) if isinstance(job, bytes) else job
        stderr = stack.enter_context(_as_file(b""))
        bounds = limits.memory, limits.threads, limits.processors
        group = stack.enter_context(ControlGroup(control_groups.available(), *bounds))
        command = [sys.executable, "-c", code]
        descriptors: list[int] = []
        environment = _environment(str(input_dir), scratch)
        is_warm = jailed and warm is not None and warm.is_ready
        if jailed:
            variables = _environment(INPUT_DIR, SCRATCH_DIR)
            settings = [part for pair in variables.items() for part in ("--setenv", *pair)]
            settings += ["--as-pid-1"] * is_warm
            start, descriptors = _bwrap_command([*bwrap_args(input_dir), *settings], stack)
            command = [*start, *(HOLD if is_warm else command)]
            environment = control_groups.environment()
        program = subprocess.Popen(
            [*group.command, *command],
            env=environment,
            cwd=scratch,
            pass_fds=descriptors,
            stdin=subprocess.PIPE if is_warm else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if is_warm else stderr,
            bufsize=0,
        )
        with killed_on_exit(program):
            running: Running = program
            if is_warm:
                assert warm is not None
                entered = _enter(program, warm, group, code, (stdin, stderr), stack)
                if entered is None:  # then as if there were none
                    warm.is_ready = False
                    stdin.seek(0)
                    return run(code, stdin, input_dir, limits, jailed, stop)
                running = entered
            looks = Looks([program.pid, running.pid], limits.memory)
            stack.callback(looks.close)
            output, stop_reason = watch(running, limits, group, stop or threading.Event(), looks)
        words = os.pread(stderr.fileno(), 4000, 0).decode(errors="replace").strip()
        return RunResult(output, stop_reason, words, looks.waited())


def warm_python(input_dir: Path, modules: Iterable[str]) -> WarmPython:
    """Return a Python for `run` that imports these modules once, from this folder.

    Where systemd makes the control groups it stays cold: another process cannot join these.
    """
    leave_no_dumps()
    _use_no_huge_pages()
    environment = _environment(INPUT_DIR, SCRATCH_DIR) | {"PWD": SCRATCH_DIR}
    possible = control_groups.available() != "systemd"
    return WarmPython(input_dir, INPUT_DIR, environment, [*modules] if possible else [])


def _enter(
    holder: subprocess.Popen,
    warm: WarmPython,
    group: ControlGroup,
    code: str,
    files: tuple[BinaryIO, BinaryIO],
    stack: ExitStack,
) -> Entered | None:
    """Let a warm Python run the code in the jail that a waiting shell has made, if it can."""
    assert holder.stdout is not None  # `run` has asked for a pipe
    holder.stdout.readline()  # it says when the jail is complete
    tree = process_tree(psutil.Process(holder.pid))
    source = stack.enter_context(_as_file(code.encode()))
    entered = warm.start(tree[1].pid, group.folders, source, *files) if tree[1:] else None
    if entered is not None:
        stack.callback(entered.close)
    return entered


def _environment(input_dir: str, scratch: str) -> dict[str, str]:
    return {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")} | {
        "PATH": "/usr/bin:/bin",
        "HOME": scratch,
        "TMPDIR": scratch,
        "LANG": "C.UTF-8",
        "TZ": "UTC",  # the host's would be known in a warm fork
        "PYTHONPATH": input_dir,
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": f"{scratch}/matplotlib",
        "IPYTHONDIR": f"{scratch}/ipython",
        "COURSE_PROGRESS": f"{scratch}/progress.json",
        "OMP_WAIT_POLICY": "PASSIVE",
        "MALLOC_ARENA_MAX": "2",  # each further one takes 128 MB of address space
        "JOBLIB_MULTIPROCESSING": "0",
    }


def _rlimits(limits: Limits, jailed: bool) -> dict[int, int]:
    """What a process may take, by the numbers of setrlimit(2)."""
    import resource

    mapped = psutil.Process().memory_info().vms  # by PyTorch, gigabytes where it brings CUDA
    values = {"AS": mapped + limits.memory + SPARE, "FSIZE": limits.file, "NOFILE": DESCRIPTORS}
    if sys.platform == "linux":  # whoever marks may be allowed real-time priorities
        values |= {"MSGQUEUE": 0, "SIGPENDING": 256, "RTPRIO": 0, "NICE": 0, "MEMLOCK": 0}
    if jailed:  # outside, all processes of the user count
        values["NPROC"] = limits.threads
    processors = min(limits.threads, len(os.sched_getaffinity(0)) if jailed else 64)
    values["CPU"] = 2 + int(limits.seconds * processors)  # the kernel's end, if no watch gets one
    return {getattr(resource, f"RLIMIT_{name}"): value for name, value in values.items()}


def confine(limits: Limits, jailed: bool) -> None:
    """Set this process's limits, for good; in root's jail, become a user who owns nothing.

    Called inside, before any code of a student's.
    """
    import resource

    reset_signals()
    if jailed:  # there is no epoll, which a warm Python has chosen before
        selectors.DefaultSelector = selectors.PollSelector  # type: ignore[misc, assignment]
    for kind, value in _rlimits(limits, jailed).items():
        resource.setrlimit(kind, (value, value))
    if jailed and os.geteuid() == 0:
        os.setgroups([])
        for first, count in USERS:  # one for each run
            user = first + int.from_bytes(os.urandom(4), "big") % count
            with contextlib.suppress(OSError):
                os.setresgid(user, user, user)
                break
        os.setresuid(user, user, user)
    if jailed:
        add_filter(ctypes.CDLL(None, use_errno=True), syscall_filter.last_program())
