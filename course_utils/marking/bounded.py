"""Call a function of the course in a process of its own, with a limit of time and memory.

The marking compares what students' answers gave. That runs nothing of theirs, but data made for it
may take long. A worker does it, a fork of this process, so that nothing has to be imported anew; if
the kernel ends it, the next call gets another. Only a process without threads can be forked safely:
so a keeper is forked before the marking starts any, and forks the workers.
"""

from __future__ import annotations

import os
import pickle
import signal
import time
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

import torch

from course_utils import _torchvision  # noqa: F401  (plain `import torchvision` must work)
from course_utils.marking.jail import JailError
from course_utils.marking.warm_start import reset_signals

SECONDS = 5  # of the processor, for one call: forty times what the slowest honest one takes
PATIENCE = 300  # seconds in which another process can be had again: longer than a run may take
ENDED = "The process that compares answers has ended. Start the same command again: it goes on."
MEMORY = 2**30  # bytes that a call may ask for beside what there is already


class LimitError(Exception):
    """A call that was ended; the message says at which limit."""


class BoundedCalls:
    """Calls one function, one call at a time; a context manager.

    Parameters
    ----------
    function : what it takes and returns can be pickled
    seconds : of the processor, for one call; whole ones
    """

    def __init__(self, function: Callable[..., Any], seconds: int = SECONDS):
        self.function, self.seconds = function, seconds

    def __enter__(self) -> BoundedCalls:
        self.connection, theirs = Pipe()
        self.keeper = _fork(_keep, theirs, self.function, self.seconds)
        theirs.close()
        return self

    def __exit__(self, *exception) -> None:
        self.connection.close()
        os.waitpid(self.keeper, 0)

    def __call__(self, *args: Any) -> Any:
        """Call the function.

        Raises
        ------
        LimitError
            If that takes too long, or ends the process.
        JailError
            If the keeper has ended: then nothing can be compared any more.
        """
        try:
            self.connection.send_bytes(pickle.dumps(args))  # `send` would share tensors by files
            answer = self.connection.recv()
        except (EOFError, OSError):
            raise JailError(ENDED) from None
        if isinstance(answer, str):
            raise LimitError(answer)
        return pickle.loads(answer)


def _fork(run: Callable[..., None], kept: Connection, *args: Any) -> int:
    """Run something in a fork that holds one connection open, and no other file of this process.

    A folder that is locked must not stay so in the fork.
    """
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of threads
        process = os.fork()
    if process:
        return process
    try:
        reset_signals()  # the limit of time is one
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the marking
        os.closerange(3, kept.fileno())
        os.closerange(kept.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
        run(kept, *args)
    finally:
        os._exit(0)


def _keep(control: Connection, function: Callable[..., Any], seconds: int) -> None:
    """Hand calls to a worker, and fork another where one has ended, until the marking ends."""
    worker, process = None, 0
    while True:
        try:
            request = control.recv_bytes()
        except EOFError:
            return
        if worker is not None and os.waitpid(process, os.WNOHANG)[0]:
            worker = None  # it has ended since the last call
        if worker is None:
            worker, process = _start_worker(control, function, seconds)
        try:
            worker.send_bytes(request)
            if control in wait([control, worker]):  # the marking has ended meanwhile
                os.kill(process, signal.SIGKILL)
                return
            answer: bytes | str = worker.recv_bytes()
        except (EOFError, OSError):
            is_time = os.WTERMSIG(os.waitpid(process, 0)[1]) == signal.SIGXCPU
            why = f"it takes more than {seconds} s of a processor" if is_time else "it ends Python"
            worker, answer = None, why
        control.send(answer)


def _start_worker(
    control: Connection, function: Callable[..., Any], seconds: int
) -> tuple[Connection, int]:
    """Fork a worker; where a jail's threads leave this account no process, wait for its end."""
    deadline = time.monotonic() + PATIENCE
    while True:
        worker, theirs = Pipe()
        try:
            return worker, _fork(_work, theirs, function, seconds)
        except OSError:
            worker.close()
            if time.monotonic() > deadline or wait([control], 0.5):  # the marking has ended
                raise
        finally:
            theirs.close()


def _work(control: Connection, function: Callable[..., Any], seconds: int) -> None:
    """Serve calls until the keeper ends; the kernel ends this process at its limit."""
    import resource  # here: not on Windows, where a gradebook can be read but nothing be marked

    torch.set_num_threads(1)  # threads of the marking's are not here, and would be waited for
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, resource.RLIM_INFINITY))
    while True:
        try:
            request = control.recv_bytes()
        except EOFError:
            return
        used = int(time.process_time()) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, resource.RLIM_INFINITY))
        control.send_bytes(pickle.dumps(function(*pickle.loads(request))))
