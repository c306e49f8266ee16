"""Run somebody else's Python where it can do no harm: bubblewrap, resource limits, a watch.

Inside there is a system to read (`/usr`), Python with its packages, one folder that the caller
chooses, and a small scratch that is gone afterwards. There is no network, no other process and no
other file. What comes out is what the program writes to its standard output.
"""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from course_utils.errors import UserError

INPUT_DIR, SCRATCH_DIR = "/input", "/scratch"  # the folder to read and the one to write, inside
SYSTEM = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/sbin", "/etc/ld.so.cache")
FIRST_UID = 61_000  # for root, whose own processes no limit stops
NO_JAIL = (
    "Marking runs students' code in a jail made by bubblewrap, and {why}.\n"
    "On Linux install it (Debian and Ubuntu: `sudo apt install bubblewrap`); elsewhere mark on a "
    "Linux machine.\n--unsafe does without a jail: then students' code can read, change and send "
    "whatever you can."
)


class Limits(NamedTuple):
    """How much one run may take before it is stopped."""

    seconds: float = 240.0  # of the clock
    cell: float = 60.0  # of the clock, for one cell of a notebook
    memory: int = 3 * 2**30  # bytes that all its processes hold together
    address_space: int = 6 * 2**30  # bytes that one process may ask for
    processes: int = 64  # and threads
    file: int = 64 * 2**20  # bytes of one file, and of the scratch
    output: int = 32 * 2**20  # bytes that may come out


LIMITS = Limits()


class RunResult(NamedTuple):
    """What came out of a run, and why it stopped: "", "time", "memory", "output" or "died"."""

    output: bytes
    stop_reason: str
    stderr: str = ""  # the beginning of what it wrote there


class JailError(UserError):
    """There is no jail on this computer; the message says what to do."""


def check() -> None:
    """Make sure that a jail can be had.

    Raises
    ------
    JailError
        If bubblewrap is missing or may not make a jail here.
    """
    if not shutil.which("bwrap"):
        raise JailError(NO_JAIL.format(why="there is no `bwrap` on this computer"))
    probe = subprocess.run(
        [*bwrap_args(Path(tempfile.gettempdir())), "/usr/bin/env", "true"],
        capture_output=True,
        text=True,
    )
    if probe.returncode:
        why = f"it does not start here ({probe.stderr.strip() or 'no message'})"
        raise JailError(NO_JAIL.format(why=why))


def bwrap_args(input_dir: Path) -> list[str]:
    """Return bubblewrap's command line, up to the program to be run."""
    user = () if os.geteuid() == 0 else ("user",)  # root drops to another user instead
    args = ["bwrap", "--die-with-parent", "--new-session", "--clearenv", "--hostname", "jail"]
    args += [f"--unshare-{name}" for name in (*user, "ipc", "pid", "net", "uts", "cgroup-try")]
    if user:
        args += ["--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"]
    for place in SYSTEM:
        if os.path.islink(place):
            args += ["--symlink", os.readlink(place), place]
        else:
            args += ["--ro-bind-try", place, place]
    for place in _pythons():
        for parent in reversed(Path(place).parents):
            args += ["--perms", "0755", "--dir", str(parent)]
        args += ["--ro-bind", place, place]
    for place in (*site.getsitepackages(), site.getusersitepackages()):
        if (installed := Path(place) / "course_utils").is_dir():
            args += ["--tmpfs", str(installed)]  # it holds the answers
    args += ["--ro-bind", str(input_dir), INPUT_DIR, "--proc", "/proc", "--dev", "/dev"]
    for place in (SCRATCH_DIR, "/dev/shm"):
        args += ["--perms", "1777", "--size", str(LIMITS.file), "--tmpfs", place]
    return [*args, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", SCRATCH_DIR]


def _pythons() -> list[str]:
    """The folders of Python and its packages that are not the system's."""
    folders = {sys.prefix, sys.base_prefix, sys.exec_prefix}
    folders |= {site.getusersitepackages()} & set(sys.path)
    return sorted(place for place in folders if not place.startswith("/usr/") and place != "/usr")


def run(code: str, job: bytes, input_dir: Path, limits: Limits, jailed: bool = True) -> RunResult:
    """Run some Python with the folder `input_dir` on its path and `job` on its standard input.

    The code is to call `confine` first. `jailed=False` keeps the limits and leaves out the jail.
    """
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryFile() as stderr:
        command = [sys.executable, "-c", code]
        environment: dict[str, str] | None = _environment(str(input_dir), scratch)
        if jailed:
            variables = _environment(INPUT_DIR, SCRATCH_DIR)
            settings = [part for pair in variables.items() for part in ("--setenv", *pair)]
            command, environment = [*bwrap_args(input_dir), *settings, *command], None
        job_file = Path(scratch, "job")
        job_file.write_bytes(job)
        with job_file.open("rb") as stdin:
            program = subprocess.Popen(
                command,
                env=environment,
                cwd=scratch,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                bufsize=0,
            )
            with _killed_on_exit(program):
                output, stop_reason = _watch(program, limits)
        stderr.seek(0)
        return RunResult(output, stop_reason, stderr.read(4000).decode(errors="replace").strip())


def _environment(input_dir: str, scratch: str) -> dict[str, str]:
    one_thread = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    return one_thread | {
        "PATH": "/usr/bin:/bin",
        "HOME": scratch,
        "TMPDIR": scratch,
        "LANG": "C.UTF-8",
        "PYTHONPATH": input_dir,
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": f"{scratch}/matplotlib",
        "IPYTHONDIR": f"{scratch}/ipython",
        "COURSE_PROGRESS": f"{scratch}/progress.json",
        "OMP_WAIT_POLICY": "PASSIVE",
    }


@contextmanager
def _killed_on_exit(program: subprocess.Popen) -> Iterator[None]:
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


def _watch(program: subprocess.Popen, limits: Limits) -> tuple[bytes, str]:
    """Read the output until the program ends or a limit is reached."""
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
    root = psutil.Process(program.pid)
    while program.poll() is None:
        reader.join(0.25)
        if len(output) > limits.output:
            return bytes(output[: limits.output]), "output"
        if time.monotonic() > deadline:
            return bytes(output), "time"
        if _memory(root, limits.memory) > limits.memory:
            return bytes(output), "memory"
        if not reader.is_alive():
            time.sleep(0.02)
    reader.join(2)
    return bytes(output), "died" if program.returncode else ""


def _memory(root: psutil.Process, limit: int) -> int:
    """Bytes that a process and its descendants hold; what they share counts once if it matters."""
    processes = process_tree(root)
    total = sum(read_memory(process, "memory_info", "rss") for process in processes)
    if total > limit:  # the proportional share takes long to read: only where it decides
        total = sum(read_memory(process, "memory_full_info", "pss") for process in processes)
    return total


def read_memory(process: psutil.Process, method: str, field: str) -> int:
    """Return bytes that a process holds, by one of psutil's measures; 0 once it has ended."""
    try:
        return getattr(getattr(process, method)(), field)
    except psutil.NoSuchProcess:
        return 0


def confine(limits: Limits, jailed: bool) -> None:
    """Set this process's limits; in root's jail, become a user who owns nothing. Called inside."""
    import resource

    values = {"AS": limits.address_space, "FSIZE": limits.file, "NOFILE": 256, "CORE": 0}
    if jailed:  # outside, all processes of the user count
        values["NPROC"] = limits.processes
    for name, value in values.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    if jailed and os.geteuid() == 0:
        user = FIRST_UID + int.from_bytes(os.urandom(2), "big") % 4000  # one for each run
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
