"""What runs inside the jail: a submission's cells, and its answers on the inputs sent in.

Started by `course_utils.marking.grader`. It knows no answer, no oracle and no expected value:
`course_utils.exercises` is here a stand-in that holds what observing needs.
"""

from __future__ import annotations

import ast
import functools
import math
import os
import pickle
import re
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from course_utils import cells
from course_utils.marking import jail

TIMED_OUT = "timed out"  # the field of a message on a cell
# a kernel's own, which IPython does not know by itself
KERNEL_MAGICS = (
    "autosave",
    "clear",
    "connect_info",
    "less",
    "man",
    "more",
    "qtconsole",
    "subshell",
)
ALARM_INTERVAL = 1.0  # seconds between two alarms: code may swallow the first, in a bare except


@dataclass(kw_only=True)
class SentExercise:
    """What is sent into the jail of an exercise: everything but what is right.

    Attributes
    ----------
    number, name, kind, observe, seconds : as the exercise has them
    stub, start_source : the code the student starts from; that which is given, if any is
    inputs : a tuple of arguments for each case
    """

    number: str
    name: str
    kind: str
    seconds: float
    stub: str
    start_source: str
    inputs: list[tuple]
    observe: Callable[[Any, Any], object]


@dataclass(kw_only=True)
class ReducedExercise(SentExercise):
    """A sent exercise, ready to be observed: a `course_utils.judging.observe.ExerciseSpec`."""

    model: Callable  # its stub: the model answer stays outside

    @property
    def heading(self) -> str:
        """The number, without the title: nobody reads it here."""
        return self.number

    @property
    def is_value(self) -> bool:
        """Whether the answer is a value (or a choice) and not something to run."""
        return self.kind in ("value", "choice")

    def cases(self, _rng: object) -> list[tuple]:
        """Return the inputs that were drawn outside."""
        return self.inputs


class Job(NamedTuple):
    """Steps ("run", source of a cell) and ("observe", number of an exercise), in order."""

    steps: list[tuple[str, str]]
    specs: bytes  # a pickle of number → SentExercise
    limits: jail.Limits
    jailed: bool


class CellTimeout(BaseException):
    """Raised in a cell whose time is up."""


class HiddenExercise:
    """Stands for an exercise in the jail: it can be named and carried on from, and no more."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self):
        return f"<{self.name}: there are no answers in here>"

    def check(self, answer):
        """Nothing is judged in the jail."""

    def carry_on(self, answer):
        """Go on with the student's own answer."""
        return answer

    def solution(self, now=False):
        """Nothing is shown in the jail."""


def main() -> None:
    """Read a job, confine this process, run the steps, send the observations."""
    job: Job = pickle.load(sys.stdin.buffer)
    shutil.copytree(Path(os.environ["PYTHONPATH"], "fonts"), os.environ["MPLCONFIGDIR"])
    # torch, before its addresses would count, and as it is before anybody changes it
    from course_utils.judging import guard
    from course_utils.marking import serialization

    jail.confine(job.limits, job.jailed)
    out = os.dup(1)
    devnull = os.open(os.devnull, os.O_RDWR)
    specs = pickle.loads(job.specs)
    exercises = {number: _reduced_exercise(sent) for number, sent in specs.items()}
    shell = _shell()
    _do_without_processes(shell)
    os.write(out, serialization.pack({"ready": True}))
    for descriptor in (0, 1, 2):
        os.dup2(devnull, descriptor)
    for i, (kind, content) in enumerate(job.steps):
        if kind == "run":
            _send(out, serialization.pack({"step": i}))  # should this one be the last
            timed_out = _run_cell(shell, content, job.limits.cell)
            message = serialization.pack({TIMED_OUT: True}) if timed_out else b""
        else:
            guard.restore()
            message = _packed(_observe(exercises[content], shell.user_ns))
        _send(out, message)
    os._exit(0)  # whatever threads and exit handlers are left


def _packed(message: dict) -> bytes:
    """Pack a message; of one that cannot be, tell as much."""
    from course_utils.marking import serialization

    try:
        return serialization.pack(message)
    except Exception as error:
        words = f"What your answer gives cannot be sent ({type(error).__name__[:100]})."
        message = {"number": message["number"], "status": "error", "message": words}
        return serialization.pack(message)


def _send(out: int, message: bytes) -> None:
    while message:
        message = message[os.write(out, message) :]


def _shell():
    """IPython without its history; what asks a kernel or a screen for something gets nothing."""
    import matplotlib
    from IPython.core.interactiveshell import InteractiveShell
    from matplotlib import pyplot
    from traitlets.config import Config

    class Shell(InteractiveShell):
        def enable_gui(self, gui=None):
            """Open no window."""

        def enable_matplotlib(self, gui=None):
            """Draw into memory, whatever is asked for."""
            return "inline", "agg"

        def ask_exit(self):
            """Go on, as a kernel does until the cell ends."""

    def do_nothing(*_args: Any, **_options: Any) -> None:
        pass

    pyplot.switch_backend("agg")
    matplotlib.use = pyplot.switch_backend = do_nothing
    settings = Config()
    settings.HistoryManager.enabled = False
    settings.InteractiveShell.colors = "nocolor"
    shell = Shell.instance(config=settings)
    for name in KERNEL_MAGICS:
        shell.register_magic_function(do_nothing, "line", name)  # type: ignore[arg-type] # decorated
    return shell


def _do_without_processes(shell) -> None:
    """Let what usually starts processes go on without them, as a jail holds a single one.

    `!command` does nothing; a `DataLoader` with workers loads the same batches itself; nothing is
    compiled.
    """
    from IPython.utils.text import LSString, SList
    from torch.utils.data import DataLoader

    def run_nothing(_command: str) -> None:
        shell.user_ns["_exit_code"] = 1

    def get_nothing(_command: str, split: bool = True, depth: int = 0) -> SList | LSString:
        return SList() if split else LSString()

    make = DataLoader.__init__

    @functools.wraps(make)
    def without_workers(self, *args, **options):
        make(self, *args, **options)
        self.num_workers = self.timeout = 0

    os.environ["TORCHDYNAMO_DISABLE"] = "1"  # `torch.compile` returns what it is given
    if dynamo := sys.modules.get("torch._dynamo"):
        dynamo.config.disable = True
    shell.system, shell.getoutput = run_nothing, get_nothing
    DataLoader.__init__ = without_workers  # type: ignore[method-assign]


def _run_cell(shell, source: str, seconds: float) -> bool:
    """Run a cell and tell whether its time was up; whatever it raises, the next one runs.

    An import of a library that is not installed here, and a magic that is not known, cost what
    needs them, and not what stands below.
    """
    error: BaseException | None = None
    rest = source

    def on_alarm(_signum, _frame):
        raise CellTimeout

    try:
        signal.signal(signal.SIGALRM, on_alarm)
        signal.setitimer(signal.ITIMER_REAL, seconds, ALARM_INTERVAL)
        while rest:
            result = shell.run_cell(rest, store_history=False, silent=True)
            latest = result.error_before_exec or result.error_in_exec
            error = latest if isinstance(latest, CellTimeout) else error or latest
            rest = _below(shell.transform_cell, rest, latest)
    except BaseException as raised:  # a cell may raise what it likes
        error = raised
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    cells.LOG.add(source, error)
    return isinstance(error, CellTimeout)


def _below(transform: Callable[[str], str], source: str, error: BaseException | None) -> str:
    """What stands below the import or magic, within nothing, that found nothing here; or ""."""
    from IPython.core.error import UsageError

    if not isinstance(error, ModuleNotFoundError | UsageError):
        return ""
    frames = traceback.walk_tb(error.__traceback__)
    numbers = [number for frame, number in frames if frame.f_code.co_name == "<module>"]
    code = transform(source).replace("\r\n", "\n").replace("\r", "\n")
    for statement in ast.parse(code).body:
        if statement.lineno in numbers[:1] and (others := _without(statement, error)) is not None:
            lines = code.split("\n")[(statement.end_lineno or 1) - 1 :]
            lines[0] = lines[0].encode()[statement.end_col_offset :].decode()
            left = re.sub(r"^[ \t;]*(\\\n[ \t]*)?", "", "\n".join(lines))
            return "\n".join([*map(ast.unparse, others), left])
    return ""


def _without(statement: ast.stmt, error: ImportError | Exception) -> list[ast.stmt] | None:
    """What is left of a statement without that which raised; None where that is none of it."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return [] if getattr(statement.value.func, "attr", "") == "run_line_magic" else None
    name = getattr(error, "name", None) or "?"
    if isinstance(statement, ast.ImportFrom):
        return [] if f"{statement.module}.".startswith(f"{name}.") else None
    if isinstance(statement, ast.Import):
        for i, alias in enumerate(statement.names):
            if f"{alias.name}.".startswith(f"{name}."):
                left = statement.names[i + 1 :]
                return [ast.Import(left)] if left else []
    return None


def _reduced_exercise(sent: SentExercise) -> ReducedExercise:
    """Compile the stub, before any cell runs; it stands for the model answer."""
    import numpy as np
    import torch

    names: dict[str, Any] = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    names |= {"np": np, "math": math}
    exec(compile(sent.stub, f"<stub {sent.number}>", "exec"), names)
    return ReducedExercise(**vars(sent), model=names[sent.name])


def _observe(exercise: ReducedExercise, namespace: dict) -> dict:
    """Return the message on one exercise: its observations, or why there are none."""
    from course_utils.judging.observe import early_verdict, observe

    message = {"number": exercise.number}
    answer = namespace.get(exercise.name)
    try:
        if isinstance(answer, HiddenExercise):
            return message | {"status": "own"}
        if unanswered := _why_unanswered(exercise, answer, namespace):
            return message | {"status": "error", "message": unanswered[:500]}
        if exercise.name not in namespace:
            words = f"There is no `{exercise.name}` in your notebook."
            return message | {"status": "todo", "message": words}
        if early := early_verdict(exercise, answer):
            return message | {"status": early.status.value, "message": early.message[:500]}
        observations, notes, printed = observe(exercise, answer, 0)
        fields = {"observations": observations, "notes": notes, "printed": printed[:2000]}
        return message | {"status": "observed"} | fields
    except BaseException as error:  # an answer that breaks even the observer
        return message | {"status": "error", "message": type(error).__name__[:100]}


def _why_unanswered(exercise: ReducedExercise, answer: object, namespace: dict) -> str:
    """Say why there is no answer although somebody tried: its cell failed, or it is misnamed."""
    from course_utils.judging.observe import early_verdict

    name, is_there = exercise.name, exercise.name in namespace
    early = early_verdict(exercise, answer) if is_there else None
    if is_there and (early is None or early.status != "todo"):
        return ""
    attempt = cells.LOG.last_attempt(name)
    if attempt is not None and attempt.error:
        return f"The cell of this answer stopped with an error: {attempt.error}"
    if early is not None and answer is None:  # as nobody is given it
        return early.message
    if not is_there and (near := cells.nearest_name(name, namespace)):
        return f"There is no `{name}` in your notebook; `{near}` was found, and does not count."
    return ""
