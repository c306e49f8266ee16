"""Start Python in jails without importing PyTorch anew in each: see `warm_start`."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

# What it is told comes by the socket: its command line and environment can be read in the jail. The
# paths of the jail, in its environment there, may be anybody's outside: they are set at the end.
START = """
import json, os, socket, sys, types
control = socket.socket(fileno=int(sys.argv[1]))
folder, seen_as, environment, modules = json.loads(control.recv(2**16))
warm_start = types.ModuleType("warm_start")
with open(folder + "/{0}") as file:
    exec(compile(file.read(), seen_as + "/{0}", "exec"), vars(warm_start))
sys.meta_path.insert(0, warm_start.InputFinder(folder, seen_as))
told = [folder + "/fonts", environment, modules]
del folder, file, modules, environment
warm_start.main(control, told)
"""
MODULE = "course_utils/marking/warm_start.py"
# setns(2): user, mount, pid, net, ipc, uts and cgroup namespaces
NAMESPACES = {
    "user": 0x10000000, "mnt": 0x00020000, "pid": 0x20000000, "net": 0x40000000,
    "ipc": 0x08000000, "uts": 0x04000000, "cgroup": 0x02000000,
}  # fmt: skip
START_SECONDS = 120  # to import everything, on a busy machine


class WarmPython:
    """A process that has imported modules and can enter jails; a context manager for threads.

    Parameters
    ----------
    input_dir : the folder that jails read, with a redacted course
    seen_as : its path in the jail
    environment : of Python in the jail
    modules : to be imported; none means that nothing is started

    Attributes
    ----------
    is_ready : bool
        Whether it can be used; where not, Python is started anew in each jail.
    """

    def __init__(
        self, input_dir: Path, seen_as: str, environment: dict[str, str], modules: list[str]
    ):
        self.input_dir, self.seen_as, self.modules = input_dir, seen_as, modules
        self.environment = environment
        self.lock = threading.Lock()
        self.process: subprocess.Popen | None = None
        self.is_ready = False

    def __enter__(self) -> WarmPython:
        if not self.modules:
            return self
        own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control = own
        with theirs:
            inside = self.seen_as, self.environment["HOME"]
            variables = self.environment.items()
            outside = {name: value for name, value in variables if not value.startswith(inside)}
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", START.format(MODULE), str(theirs.fileno())],
                env=outside,
                cwd="/",
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        own.settimeout(START_SECONDS)
        try:
            told = [str(self.input_dir), self.seen_as, self.environment, self.modules]
            own.send(json.dumps(told).encode())
            self.is_ready = own.recv(16) == b"ready"
        except OSError:
            self.is_ready = False
        return self

    def __exit__(self, *exception) -> None:
        if self.process is not None:
            self.control.close()
            self.process.kill()
            self.process.wait()

    def start(
        self, process: int, groups: list[Path], code: BinaryIO, stdin: BinaryIO, stderr: BinaryIO
    ) -> Entered | None:
        """Run the code of an open file in the jail that holds a process; None where that fails.

        Parameters
        ----------
        process : any in the jail
        groups : the control groups to be joined
        code, stdin, stderr : open files
        """
        assert self.process is not None  # it is ready
        (report, write), (stdout, out) = _pipe(), _pipe()
        opened = [write, out]
        try:
            try:
                jail = os.pidfd_open(process)
                opened.append(jail)
                opened.extend(os.open(folder / "cgroup.procs", os.O_WRONLY) for folder in groups)
                # numbers and paths of the host's would be found in the memory of every fork
                namespaces = _other_namespaces(process, self.process.pid).to_bytes(4, "little")
                standard = [stdin.fileno(), out, stderr.fileno()]
                descriptors = [jail, write, code.fileno(), *standard, *opened[3:]]
                with self.lock:
                    socket.send_fds(self.control, [namespaces], descriptors)
            finally:
                for descriptor in opened:
                    os.close(descriptor)
            first = report.readline().strip()
        except OSError:
            first = b""
        if not first.isdigit():
            report.close()
            stdout.close()
            return None
        return Entered(int(first), report, stdout)


def _other_namespaces(process: int, warm: int) -> int:
    """The flags of the namespaces in which a process is and the warm Python is not."""
    flags = 0
    for name, flag in NAMESPACES.items():
        theirs, own = (os.stat(f"/proc/{which}/ns/{name}") for which in (process, warm))
        if (theirs.st_dev, theirs.st_ino) != (own.st_dev, own.st_ino):
            flags |= flag
    return flags


def _pipe() -> tuple[BinaryIO, int]:
    read, write = os.pipe()
    return os.fdopen(read, "rb", buffering=0), write


class Entered:
    """A program in a jail, started by a warm Python; what `subprocess.Popen` is to another."""

    def __init__(self, pid: int, report: BinaryIO, stdout: BinaryIO):
        self.pid, self.report, self.stdout = pid, report, stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return how it ended; None while it runs."""
        if self.returncode is None and select.select([self.report], [], [], 0)[0]:
            self.returncode = int(self.report.readline() or -9)
        return self.returncode

    def close(self) -> None:
        """Close its pipes."""
        self.report.close()
        self.stdout.close()
