"""A Python that has imported what notebooks need, and enters one jail after the other.

It runs outside, on the redacted course alone, and never runs a student's code. For each submission
bubblewrap makes a jail of its own, with nothing in it but a program that waits. A fork of this
process enters that jail's namespaces, gives up whatever it may do, and only then runs the code. Its
memory holds nothing but Python, its packages and the redacted course. Started by `warm_python`.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.machinery
import importlib.util
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from pathlib import Path

MAX_DESCRIPTORS = 32
# prctl(2)
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_READ, PR_CAPBSET_DROP = 4, 22, 23, 24
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_SETGID, CAP_SETUID = 6, 7  # root becomes another user with these, once; see `jail.confine`


# What imports may ask for outside, and remember: whose home it is, the folder for temporary files
# and the process that names them, the host's name. The first is answered so that it says nothing,
# the others are forgotten.
OF_NOBODY = {"HOME": "/nonexistent", "USER": "nobody", "LOGNAME": "nobody"}
OF_THE_HOST = (
    ("tempfile", "tempdir"), ("tempfile", "_name_sequence"), ("platform", "_uname_cache"),
    ("site", "USER_BASE"), ("site", "USER_SITE"), ("matplotlib", "get_configdir"),
    ("matplotlib", "get_cachedir"),
)  # fmt: skip


class CapHeader(ctypes.Structure):
    """`struct __user_cap_header_struct`."""

    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class CapData(ctypes.Structure):
    """`struct __user_cap_data_struct`, of which there are two."""

    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


class FilterProgram(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


class InputFinder:
    """Imports the redacted course from where it lies, under the name it has in the jail."""

    def __init__(self, folder: str, seen_as: str):
        self.folder, self.seen_as = folder, seen_as

    def find_spec(self, name, path=None, target=None):
        """Find a module of the course; Python's own hook."""
        if name.partition(".")[0] != "course_utils":
            return None
        place = Path(self.folder, *name.split("."))
        is_package = (place / "__init__.py").exists()
        file = place / "__init__.py" if is_package else place.with_suffix(".py")
        if not file.exists():  # and nowhere else
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        shown = self.seen_as + str(file).removeprefix(self.folder)
        loader = InputLoader(name, shown)
        loader.source = file.read_bytes()
        search = [os.path.dirname(shown)] if is_package else None
        return importlib.util.spec_from_file_location(
            name, shown, loader=loader, submodule_search_locations=search
        )


class InputLoader(importlib.machinery.SourceFileLoader):
    """Compiles a module from its source in memory, which is forgotten then."""

    source = b""

    def get_code(self, fullname):
        """Return the module's code; Python's own hook."""
        source, self.source = self.source, b""
        return compile(source, self.path, "exec", dont_inherit=True)


def reset_signals() -> None:
    """Block and ignore no signal: limits work by some, and whoever started this may do without."""
    kept = {signal.SIGKILL, signal.SIGSTOP, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ}
    for number in signal.valid_signals() - kept:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def main(control: socket.socket, told: list) -> None:
    """Import modules, then serve requests until the marking ends.

    `told` is a folder with Matplotlib's list of fonts, which takes long to make, the environment in
    the jail, and the modules. Python was started with nothing of that, so as to import nothing from
    where these paths lead outside. Who looks at the frames below its own can read what is named
    here: so it is forgotten.
    """
    if _program_can_be_written():  # each fork's /proc/self/exe is it
        return
    fonts, environment, modules = told
    with tempfile.TemporaryDirectory() as settings:
        if os.path.isdir(fonts):
            shutil.copytree(fonts, settings, dirs_exist_ok=True)
        os.environ.update(OF_NOBODY, MPLCONFIGDIR=settings, TORCHINDUCTOR_CACHE_DIR=settings)
        for name in modules:
            importlib.import_module(name)
    told.clear()
    fonts, modules = "", []
    syscall_filter = importlib.import_module("course_utils.marking.syscall_filter")
    filters = syscall_filter.seccomp_program()
    sys.meta_path[:] = [f for f in sys.meta_path if type(f).__name__ != "InputFinder"]
    gc.freeze()  # what is there already is not looked at again, and so stays shared
    control.send(b"ready")
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, 16, MAX_DESCRIPTORS)
        if not request:
            return
        if os.fork() == 0:
            control.close()
            try:
                _enter(int.from_bytes(request, "little"), filters, environment, *descriptors)
            finally:
                os._exit(1)
        for descriptor in descriptors:
            os.close(descriptor)
        _reap()


def _program_can_be_written() -> bool:
    """Whether Linux lets who owns a program write to it while it runs, as version 6.11 does."""
    try:
        os.close(os.open("/proc/self/exe", os.O_WRONLY))
    except OSError:
        return False
    return True


def _reap() -> None:
    """Forget forks that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _enter(
    namespaces: int,
    filters: bytes,
    environment: dict[str, str],
    jail: int,
    report: int,
    code: int,
    *others: int,
) -> None:
    """Enter a jail, let a child run the code there, and report its number and how it ended.

    The others are the three standard files and the control groups' lists of processes.
    """
    standard, groups = others[:3], others[3:]
    for group in groups:
        os.write(group, b"0")  # whoever writes it
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(jail, namespaces):
        os._exit(1)  # nothing is reported: the marking starts another Python
    with open(code, encoding="utf-8") as file:
        source = file.read()
    child = os.fork()
    if child == 0:
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:0] = ["", environment["PYTHONPATH"]]  # as without `-I`
        _forget_the_host()
        _become(libc, source, filters, standard)
    for descriptor in others:
        os.close(descriptor)
    os.write(report, f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    os.write(report, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _forget_the_host() -> None:
    """Have modules ask anew for what they have asked for outside."""
    for name, remembered in OF_THE_HOST:
        if module := sys.modules.get(name):
            value = getattr(module, remembered, None)
            setattr(module, remembered, getattr(value, "__wrapped__", None))  # without its memory
    if threading := sys.modules.get("threading"):
        threading.main_thread()._set_native_id()  # which a fork keeps, up to Python 3.12


def _become(libc: ctypes.CDLL, source: str, filters: bytes, standard: tuple[int, ...]) -> None:
    """Be nothing but the program, as bubblewrap would have started it; never return."""
    status = 1
    try:
        os.setsid()
        for target, descriptor in enumerate(standard):
            os.dup2(descriptor, target)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.chdir("/scratch")
        _give_up_privileges(libc, filters)
        random.seed()
        if numpy := sys.modules.get("numpy"):
            numpy.random.seed()
        sys.path_importer_cache.clear()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        del sys.argv[1:]
        exec(compile(source, "<string>", "exec"), {"__name__": "__main__"})
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status & 0xFF)


def _give_up_privileges(libc: ctypes.CDLL, filters: bytes) -> None:
    """Keep no capability but root's two, gain none any more, and filter system calls.

    Raises
    ------
    OSError
        If any of it fails: then nothing may run.
    """
    kept = [] if os.geteuid() else [CAP_SETUID, CAP_SETGID]
    for capability in range(64):
        if capability not in kept and libc.prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1:
            _check(libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
    mask = sum(1 << capability for capability in kept)
    data = (CapData * 2)(CapData(mask, mask, 0), CapData(0, 0, 0))
    # what is not inheritable is not ambient either
    _check(libc.capset(ctypes.byref(CapHeader(CAPABILITY_VERSION_3, 0)), data))
    _check(libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
    _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    add_filter(libc, filters)


def add_filter(libc: ctypes.CDLL, filters: bytes) -> None:
    """Filter this process's system calls for good, by a program of `syscall_filter`.

    Raises
    ------
    OSError
        If the kernel refuses it.
    """
    program = FilterProgram(len(filters) // 8, filters)  # of eight bytes each
    _check(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0))


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
