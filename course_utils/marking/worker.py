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

AGAIN = 1.0  # seconds between two alarms, for code that swallows the first


class Question(NamedTuple):
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
    """Steps ("run", source of a cell) and ("see", number of an exercise), in order."""

    steps: list[tuple[str, str]]
    questions: bytes  # a pickle of number → Question
    limits: jail.Limits
    jailed: bool


class OutOfTime(BaseException):
    """Raised in a cell whose time is up."""


class Refused:
    """Stands for an exercise inside: it can be named, carried on from and shown, and no more."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self):
        return f"<{self.name}: there are no answers in here>"

    def check(self, answer):
        """Nothing is judged inside."""

    def carry_on(self, answer):
        """Go on with the student's own answer."""
        return answer

    def solution(self, now=False):
        """Nothing is shown inside."""


def main() -> None:
    """Read a job, confine this process, run the steps, send what is seen."""
    job: Job = pickle.load(sys.stdin.buffer)
    shutil.copytree(Path(os.environ["PYTHONPATH"], "fonts"), os.environ["MPLCONFIGDIR"])
    jail.confine(job.limits, job.jailed)
    out = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    from course_utils.judging import guard  # torch, as it is before anybody changes it
    from course_utils.marking import serialization

    questions = {number: _as_exercise(one) for number, one in pickle.loads(job.questions).items()}
    shell, me = _shell(), os.getpid()
    os.write(out, serialization.pack({"ready": True}))
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    for kind, what in job.steps:
        if kind == "run":
            _run(shell, what, job.limits.cell)
            message = None
        else:
            guard.restore()
            message = serialization.pack(_see(questions[what], shell.user_ns))
        if os.getpid() != me:  # a process that a cell has forked goes no further
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


def _run(shell, source: str, seconds: float) -> None:
    """Run a cell; whatever it raises, the next one runs."""

    def ring(_signum, _frame):
        raise OutOfTime

    try:
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
        shell.run_cell(source, store_history=False, silent=True)
    except BaseException:  # a cell may raise what it likes
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _as_exercise(question: Question) -> SimpleNamespace:
    """What `judging.judge` needs for observing; the stub stands for the model answer."""
    import numpy as np
    import torch

    names = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "np": np, "math": math}
    exec(compile(question.stub, f"<stub {question.number}>", "exec"), names)
    return SimpleNamespace(
        **question._asdict() | {"cases": lambda _rng: question.cases},
        heading=question.number,
        is_value=question.kind in ("value", "choice"),
        model=names[question.name],
        start=names[question.name] if question.has_start else None,
    )


def _see(exercise, namespace: dict) -> dict:
    """The message on one exercise: its observations, or why there are none."""
    from course_utils.judging.observe import early_verdict, observe

    said = {"number": exercise.number}
    answer = namespace.get(exercise.name)
    try:
        if isinstance(answer, Refused):
            return said | {"status": "own"}
        if early := early_verdict(exercise, answer):
            return said | {"status": early.status, "message": early.message[:500]}
        seen, notes, printed = observe(exercise, answer, 0)
        return said | {"status": "seen", "seen": seen, "notes": notes, "printed": printed[:2000]}
    except BaseException as error:  # an answer that breaks even the observer
        return said | {"status": "error", "message": type(error).__name__[:100]}
