"""What runs inside the jail: a submission's cells, and its answers on the inputs sent in.

Started by `course_utils.marking.grader`. It knows no answer, no oracle and no expected value:
`course_utils.exercises` is here a stand-in that holds what observing needs (see `masked`).
"""

from __future__ import annotations

import math
import os
import pickle
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

from course_utils.marking import jail

ALARM_INTERVAL = 1.0  # seconds between two alarms: code may swallow the first, in a bare except


class ExerciseSpec(NamedTuple):
    """What the jail is told of an exercise: everything but what is right."""

    number: str
    name: str
    kind: str
    stub: str
    has_start: bool
    observe: object
    cases: list[tuple]
    seconds: float


class Job(NamedTuple):
    """Steps ("run", source of a cell) and ("observe", number of an exercise), in order."""

    steps: list[tuple[str, str]]
    specs: bytes  # a pickle of number → ExerciseSpec
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
    jail.confine(job.limits, job.jailed)
    out = os.dup(1)
    devnull = os.open(os.devnull, os.O_RDWR)
    from course_utils.judging import guard  # torch, as it is before anybody changes it
    from course_utils.marking import serialization

    specs = pickle.loads(job.specs)
    exercises = {number: _reduced_exercise(spec) for number, spec in specs.items()}
    shell, pid = _shell(), os.getpid()
    os.write(out, serialization.pack({"ready": True}))
    for descriptor in (0, 1, 2):
        os.dup2(devnull, descriptor)
    for kind, content in job.steps:
        if kind == "run":
            _run_cell(shell, content, job.limits.cell)
            message = None
        else:
            guard.restore()
            message = serialization.pack(_observe(exercises[content], shell.user_ns))
        if os.getpid() != pid:  # a process that a cell has forked goes no further
            os._exit(0)
        while message:
            message = message[os.write(out, message) :]
    os._exit(0)  # whatever threads and exit handlers are left


def _shell():
    """IPython without its history, as a kernel has it."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    settings = Config()
    settings.HistoryManager.enabled = False
    settings.InteractiveShell.colors = "nocolor"
    return InteractiveShell.instance(config=settings)


def _run_cell(shell, source: str, seconds: float) -> None:
    """Run a cell; whatever it raises, the next one runs."""

    def on_alarm(_signum, _frame):
        raise CellTimeout

    try:
        signal.signal(signal.SIGALRM, on_alarm)
        signal.setitimer(signal.ITIMER_REAL, seconds, ALARM_INTERVAL)
        shell.run_cell(source, store_history=False, silent=True)
    except BaseException:  # a cell may raise what it likes
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _reduced_exercise(spec: ExerciseSpec) -> SimpleNamespace:
    """Make what observing needs of an exercise; the stub stands for the model answer."""
    import numpy as np
    import torch

    names = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "np": np, "math": math}
    exec(compile(spec.stub, f"<stub {spec.number}>", "exec"), names)
    return SimpleNamespace(
        **spec._asdict() | {"cases": lambda _rng: spec.cases},
        heading=spec.number,
        is_value=spec.kind in ("value", "choice"),
        model=names[spec.name],
        start_source=spec.stub if spec.has_start else "",
    )


def _observe(exercise, namespace: dict) -> dict:
    """Return the message on one exercise: its observations, or why there are none."""
    from course_utils.judging.observe import early_verdict, observe

    message = {"number": exercise.number}
    answer = namespace.get(exercise.name)
    try:
        if isinstance(answer, HiddenExercise):
            return message | {"status": "own"}
        if early := early_verdict(exercise, answer):
            return message | {"status": early.status.value, "message": early.message[:500]}
        observations, notes, printed = observe(exercise, answer, 0)
        fields = {"observations": observations, "notes": notes, "printed": printed[:2000]}
        return message | {"status": "observed"} | fields
    except BaseException as error:  # an answer that breaks even the observer
        return message | {"status": "error", "message": type(error).__name__[:100]}
