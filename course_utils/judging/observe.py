"""Run an answer on an exercise's cases and keep what it gave as plain data.

The first half of judging: marking runs it in a jail, on an exercise without its answer.
"""

import copy
import inspect
import os
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import torch

from course_utils.judging import guard, source
from course_utils.judging.observation import Stopped, freeze, same
from course_utils.judging.settings import standard_settings
from course_utils.judging.verdict import Status, Verdict


class ExerciseSpec(Protocol):
    """What observing needs to know of an exercise: everything but what is right."""

    number: str
    name: str
    kind: str
    seconds: float

    @property
    def heading(self) -> str:
        """Number and title."""

    @property
    def model(self) -> Callable:
        """The model answer, or what stands for it: never shown, only compared with."""

    @property
    def cases(self) -> Callable[[torch.Generator], Iterable] | None:
        """Draws the tuples of arguments; None for a value."""

    @property
    def observe(self) -> Callable[[Any, Any], object]:
        """(answer, case) → what is compared."""

    @property
    def start_source(self) -> str:
        """The code that is given to be completed or repaired, if any is."""

    @property
    def is_value(self) -> bool:
        """Whether the answer is a value (or a choice) and not something to run."""


class Observed(NamedTuple):
    """One observation a case, remarks, and the beginning of what the answer printed."""

    results: list
    notes: list[str]
    printed: str


def early_verdict(exercise: ExerciseSpec, answer: object) -> Verdict | None:
    """The verdict on what needs no run: untouched, the model answer itself, not a function."""
    verdict = Verdict(Status.TODO, exercise.heading)
    if answer is exercise or (not exercise.is_value and answer is exercise.model):
        words = "This is the course's own answer, so it is neither counted nor kept."
        return replace(verdict, status=Status.OWN, message=words)
    if _untouched(exercise, answer):
        return replace(verdict, message=_why_untouched(exercise, answer))
    if not exercise.is_value and not callable(answer):
        words = f"Hand over {exercise.name} itself, not its result"
        words += f"; this is of type {type(answer).__name__}."
        return replace(verdict, status=Status.TYPE, message=words)
    if isinstance(answer, tuple | list) and any(part is ... for part in answer):
        words = "A part of your answer is still `...`."
        return replace(verdict, status=Status.TYPE, message=words)
    return None


def _why_untouched(exercise: ExerciseSpec, answer: object) -> str:
    """What to do about an answer that is not there yet; empty for the stub as it was."""
    if answer is None:
        return (
            f"`{exercise.name}` is `None`. `print(…)` only shows a value: assign the value itself, "
            "then run this cell again."
        )
    if exercise.start_source and answer is not ...:
        return "This is still the given code, unchanged. Mend it, run its cell, then this one."
    if exercise.is_value:
        return (
            f"`{exercise.name}` is still `...`: put your answer in place of the dots, run that "
            "cell, then this one."
        )
    return ""


def _untouched(exercise: ExerciseSpec, answer: object) -> bool:
    if answer is ... or answer is None:
        return True
    if exercise.is_value:
        return isinstance(answer, tuple) and all(part is ... for part in answer)
    code = type(answer) if isinstance(answer, torch.nn.Module) else answer
    if exercise.start_source:
        return source.same_code(code, exercise.start_source)
    if inspect.isclass(code):
        parts = [vars(code).get(name) for name in vars(exercise.model)]
        return any(inspect.isfunction(part) and source.is_empty(part) for part in parts)
    return inspect.isfunction(code) and source.is_empty(code)


def make_cases(exercise: ExerciseSpec, seed: int | None) -> list[tuple]:
    """The tuples of arguments, smallest first; a `seed` of None means `COURSE_SEED` or 0.

    They are drawn once and shared: whoever hands a case to an answer copies it first.
    """
    if exercise.cases is None:
        return [()]
    return list(_draw_cases(exercise.cases, default_seed() if seed is None else seed))


@lru_cache(maxsize=64)  # the exercises of a workbook, each on a few seeds
def _draw_cases(draw: Callable[[torch.Generator], Iterable], seed: int) -> list[tuple]:
    cases = draw(torch.Generator().manual_seed(seed))
    return sorted((case if isinstance(case, tuple) else (case,) for case in cases), key=_size)


def default_seed() -> int:
    """The seed of the cases where none is given."""
    return int(os.environ.get("COURSE_SEED", "0"))


def _size(case: tuple) -> int:
    return sum(arg.numel() if isinstance(arg, torch.Tensor) else 1 for arg in case)


def observe_trusted(exercise: ExerciseSpec, answer: object, cases: list[tuple]) -> list:
    """Observe one of the course's own answers; a mistake that raises is observed as such."""
    observations: list = []
    for case in cases:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # nobody is to read them beside a verdict
                    observations.append(freeze(exercise.observe(answer, copy.deepcopy(case))))
            except Exception as error:
                observations.append(Stopped(type(error).__name__, str(error)))
    return observations


@standard_settings()
def observe(
    exercise: ExerciseSpec, answer: object, seed: int | None, seconds: float | None = None
) -> Observed:
    """Run the answer under guard on the cases of `seed`, in its time unless `seconds` are given."""
    results: list = []
    notes: list[str] = []
    printed, seconds_left = "", exercise.seconds if seconds is None else seconds
    for case in make_cases(exercise, seed):
        args = copy.deepcopy(case)

        def run(args=args):
            torch.default_generator.manual_seed(0)  # a tenth of the time of torch.manual_seed
            return exercise.observe(answer, args)

        outcome = guard.guarded(run, seconds_left)
        seconds_left -= outcome.seconds
        results.append(outcome.value)
        printed = printed or outcome.printed
        if not notes and not same([freeze(arg) for arg in case], [freeze(arg) for arg in args]):
            notes.append("Your code changes its input in place; the caller may not expect that.")
        if outcome.changed:
            notes.append(restored_note(outcome.changed))
    return Observed(results, notes, printed)


def restored_note(names: Iterable[str]) -> str:
    """Return the note on tools of Python or PyTorch that an answer had changed."""
    return f"Your code changed {', '.join(sorted(names))} for all of Python; it is put back."
