"""Run a student's code so that nothing it does can hurt the session.

`guarded` holds back prints and warnings, stops code that runs too long or asks for too much
memory, and turns whatever happens into plain data. `restore` undoes changes to Python and PyTorch
themselves, such as a new `sum` in `builtins` or a patched `torch.allclose`.

Limits, honestly: the time limit stops Python code within milliseconds, but one long call into
native code (a large matrix product) runs to its own end first. The memory limit exists on Linux
only. Hard limits need a process of their own, as in marking.
"""

import builtins
import contextlib
import ctypes
import difflib
import io
import itertools
import linecache
import math
import re
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from course_utils.judging.observation import Stopped, freeze
from course_utils.judging.settings import preserve_random_state, standard_settings

MEMORY = 2 * 2**30  # bytes an answer may ask for on top of what the session holds
NEAR_NAME = 0.75  # how alike a misspelt name and the one that is meant are, from 0 to 1
MOST_NAMES = 500  # that it is compared with
ALARM_INTERVAL = 0.02  # seconds between two alarms, for code that swallows the first
# Seconds to a ring that falls into the handlers of such code. It rings once, not again and again:
# rings that come faster than they are handled would pile up on the stack until it overflows.
NEXT_RING = ALARM_INTERVAL / 200


class TimeLimit(BaseException):
    """Raised inside an answer whose time is up."""


@dataclass(frozen=True)
class Outcome:
    """What a call gave, frozen, or `Stopped`; what it printed; its seconds; what it patched."""

    value: object
    printed: str = ""
    seconds: float = 0.0
    changed: tuple[str, ...] = ()


def guarded(
    function: Callable[[], object],
    seconds: float,
    memory: int = MEMORY,
    undo: Callable[[], list[str]] | None = None,
) -> Outcome:
    """Call `function()` under limits and freeze what it returns; never raises.

    Parameters
    ----------
    function : callable without arguments
    seconds : time limit
    memory : bytes it may allocate on top of the present address space (Linux)
    undo : undoes what the call has patched and names it; by default `restore`
    """
    undo = undo or restore
    if seconds <= 0:
        return Outcome(Stopped("TimeLimit"))
    started, printed = time.perf_counter(), OutputBuffer()
    changed: list[str] = []
    with (
        standard_settings(),
        preserve_random_state(),
        capture_output(printed),
        _memory_limit(memory),
    ):
        try:
            with _alarm(seconds):
                value = _inside(function, changed, undo)
        except TimeLimit:
            changed += undo()
            value = Stopped("TimeLimit")
        except BaseException as error:  # SystemExit and KeyboardInterrupt included
            changed += undo()
            value = _stopped(error)
    return Outcome(value, printed.text(), time.perf_counter() - started, (*changed,))


def _inside(function, changed: list[str], undo: Callable[[], list[str]]):
    """Be the only frame under which the alarm may raise: see `_is_inside`."""
    value = function()
    changed += undo()  # before anything is read with patched tools
    return freeze(value)


def _is_inside(frame) -> bool:
    while frame is not None:
        if frame.f_code is _inside.__code__:
            return True
        frame = frame.f_back
    return False


def _stopped(error: BaseException) -> Stopped:
    try:
        kind, text = type(error).__name__, str(error)[:500]
    except BaseException:  # an exception class of the student's whose own __str__ fails
        kind, text = type(error).__name__, ""
    if isinstance(error, MemoryError) or "not enough memory" in text or "t allocate memory" in text:
        return Stopped("MemoryLimit", text)
    for frame, number in reversed(
        list(itertools.islice(traceback.walk_tb(error.__traceback__), 50))
    ):
        name = frame.f_code.co_filename
        if "ipykernel" in name or name.startswith("<"):
            line = linecache.getline(name, number).strip()
            values = _name_meant(error, frame) or _values_in(line, frame)
            return Stopped(kind, text, line, values)
    return Stopped(kind, text)


def _name_meant(error: BaseException, frame) -> str:
    """Of a name that is not known: a known one that differs in a letter or two."""
    if not isinstance(error, NameError) or type(error.name) is not str:
        return ""
    names = (name for name in {**frame.f_globals, **frame.f_locals} if type(name) is str)
    known = [name for name in names if not name.startswith("_")][-MOST_NAMES:]
    near = difflib.get_close_matches(error.name, known, n=1, cutoff=NEAR_NAME)
    return f"`{error.name}` is not there, but `{near[0]}` is" if near else ""


def _values_in(line: str, frame) -> str:
    """The shapes and types of the names in a line of code, in words."""
    names = dict.fromkeys(re.findall(r"(?<![\w.])[^\W\d]\w*", line))
    scope = {**frame.f_globals, **frame.f_locals}
    known = [f"`{name}` {_described(scope[name])}" for name in names if name in scope]
    unknown = [name for name in names if name not in scope]
    of_self = [name for name in unknown if _has(frame.f_locals.get("self"), name)]
    own = [f"`{name}` belongs to `self`: write `self.{name}`" for name in of_self]
    return ", ".join([*own, *(words for words in known if not words.endswith(" "))][:5])


def _has(value: Any, name: str) -> bool:
    try:
        return value is not None and hasattr(value, name)
    except BaseException:  # a class of the student's own may raise what it likes
        return False


def _described(value: Any) -> str:
    try:
        if isinstance(value, torch.Tensor):
            dtype = str(value.dtype).removeprefix("torch.")
            return f"has shape {tuple(value.shape)} and dtype {dtype}"
        if isinstance(value, np.ndarray):
            return f"is a NumPy array of shape {value.shape}"
        if value is None or type(value) in (bool, int, float):
            return f"is {value!r}"
        if type(value) in (list, tuple, str, dict):
            return f"is a {type(value).__name__} of length {len(value)}"
    except BaseException:  # a subclass of the student's own may raise what it likes
        return ""
    return ""


# Output ------------------------------------------------------------------------------------------


class OutputBuffer(io.TextIOBase):
    """Keeps the first 2,000 characters of what is printed and counts the rest."""

    def __init__(self):
        self.kept, self.size = "", 0

    def write(self, text):
        """Keep the beginning of a text."""
        text = str(text)
        self.size += len(text)
        if len(self.kept) < 2000:
            self.kept += text[: 2000 - len(self.kept)]
        return len(text)

    def text(self) -> str:
        """What was kept, and how much was not."""
        more = self.size - len(self.kept)
        return self.kept + (f"\n… and {more:,} more characters" if more else "")


@contextlib.contextmanager
def capture_output(buffer):
    """Hold back stdout, stderr, warnings and, in a notebook, displayed pictures."""
    hold: contextlib.AbstractContextManager = contextlib.nullcontext()
    if "IPython" in sys.modules:
        from IPython.utils import capture

        hold = capture.capture_output(stdout=False, stderr=False, display=True)
    quiet = contextlib.redirect_stdout(buffer), contextlib.redirect_stderr(buffer)
    unraisable = sys.unraisablehook
    sys.unraisablehook = lambda _what: None  # an alarm that rings inside a destructor
    try:
        with hold, quiet[0], quiet[1], warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.unraisablehook = unraisable


# Limits ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _memory_limit(extra: int):
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    with open("/proc/self/statm") as statm:
        now = int(statm.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = [now + extra] + [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _alarm(seconds: float):
    """A context manager that raises `TimeLimit` inside, again and again, once time is up."""
    on_main = threading.current_thread() is threading.main_thread()
    if hasattr(signal, "setitimer") and on_main:
        return _signal_alarm(seconds)
    return _thread_alarm(seconds)


@contextlib.contextmanager
def _signal_alarm(seconds: float):
    rings, ended = 0, False
    trace = sys.gettrace()

    def on_alarm(_signum, frame):
        nonlocal rings
        if ended or not _is_inside(frame):
            return
        rings += 1
        if rings > 3:  # it swallows exceptions: raise on its every line as well
            _raise_on_every_line(frame)
        if rings >= 10:  # and from nested handlers too: ring sooner than they can hide
            signal.setitimer(signal.ITIMER_REAL, NEXT_RING, ALARM_INTERVAL)
        raise TimeLimit

    handler = signal.signal(signal.SIGALRM, on_alarm)
    mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})  # whoever may block it
    started = time.monotonic()
    seconds_left, again = signal.setitimer(signal.ITIMER_REAL, seconds, ALARM_INTERVAL)
    try:
        yield
    finally:
        ended = True  # a ring under way must not wind the alarm again
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.settrace(trace)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGALRM, handler)
        if seconds_left:  # somebody else's alarm, such as a test runner's
            seconds_left = max(seconds_left - (time.monotonic() - started), 0.001)
            signal.setitimer(signal.ITIMER_REAL, seconds_left, again)


def _raise_on_every_line(frame):
    def trace(traced, event, _arg):
        if event in ("call", "line") and _is_inside(traced):
            raise TimeLimit  # which also ends tracing, until the next ring
        return trace

    sys.settrace(trace)
    while frame is not None and frame.f_code is not _inside.__code__:
        frame.f_trace = trace
        frame = frame.f_back


@contextlib.contextmanager
def _thread_alarm(seconds: float):
    """Where no timer signal is at hand: Windows, or outside the main thread."""
    thread = threading.get_ident()
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    done = threading.Event()

    def watch():
        pause = seconds
        while not done.wait(pause):
            if _is_inside(sys._current_frames().get(thread)):
                raise_in(ctypes.c_ulong(thread), ctypes.py_object(TimeLimit))
            pause = ALARM_INTERVAL

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        while True:
            try:
                done.set()
                watcher.join()
                # A ring may still be under way: another takes its place, and is caught here. To
                # take it back (None) leaves Python 3.11 believing that an exception is pending,
                # and with that belief a traced function never gets beyond its first line.
                raise_in(ctypes.c_ulong(thread), ctypes.py_object(TimeLimit))
                while True:
                    time.sleep(0)
            except TimeLimit:
                if not watcher.is_alive():
                    break


# Python and PyTorch as they were ------------------------------------------------------------------

PATCHABLE: tuple[Any, ...] = (math, np, torch, torch.nn, torch.nn.functional, torch.Tensor)
IGNORED = {
    *("input", "_"),  # the notebook's kernel changes these two by itself
    "manual_seed",  # and PyTorch wraps this one when its first optimiser is made
}


def _tools(owner) -> dict:
    """Name → function, class or property of a module or class."""
    return {
        name: value
        for name, value in vars(owner).items()
        if name not in IGNORED and (callable(value) or isinstance(value, property))
    }


_BUILTINS, _BUILTINS_NOW = _tools(builtins), vars(builtins)
_ORIGINALS = [_tools(owner) for owner in PATCHABLE]


def restore() -> list[str]:
    """Undo changes to Python's builtins, `math`, NumPy and PyTorch since this module was imported.

    Returns
    -------
    list of str
        The names put back, such as "torch.allclose".
    """
    changed = []
    for name, value in _BUILTINS.items():  # needs no builtin: any of them may be changed
        if _BUILTINS_NOW.get(name) is not value:
            _BUILTINS_NOW[name] = value
            changed.append(name)
    for owner, originals in zip(PATCHABLE, _ORIGINALS, strict=True):
        now = vars(owner)
        for name, value in originals.items():
            if now.get(name) is not value:
                setattr(owner, name, value)
                changed.append(f"{owner.__name__}.{name}")
    laid_over = [name for name in _tools(torch.Tensor) if name not in _ORIGINALS[-1]]
    for name in laid_over:
        if hasattr(torch._C.TensorBase, name):  # a method that hides the one it inherits
            delattr(torch.Tensor, name)
            changed.append(f"Tensor.{name}")
    return changed
