"""Observe an answer on an exercise's cases, and compare what was observed.

Two halves, so that marking can run `observe` in a jail and `compare` outside it.
"""

import copy
import inspect
import os
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch

from course_utils.judging import guard, source
from course_utils.judging.observation import Other, Stopped, freeze, mismatch, same
from course_utils.judging.verdict import Verdict


class When(NamedTuple):
    """A mistake known by a predicate on the observation; `example` is an answer that makes it."""

    predicate: Callable[[object], bool]
    example: object


# Before the answer runs ---------------------------------------------------------------------------


def not_an_answer(exercise, answer) -> Verdict | None:
    """The verdict on what needs no run: untouched, the model answer itself, not a function."""
    verdict = Verdict("todo", exercise.heading)
    if answer is exercise or (not exercise.is_value and answer is exercise.model):
        words = "This is the course's own answer, so it is neither counted nor kept."
        return replace(verdict, status="own", message=words)
    if _untouched(exercise, answer):
        return verdict
    if not exercise.is_value and not callable(answer):
        words = f"Hand over {exercise.name} itself, not its result"
        words += f"; this is of type {type(answer).__name__}."
        return replace(verdict, status="type", message=words)
    if isinstance(answer, tuple | list) and any(part is ... for part in answer):
        return replace(verdict, status="type", message="A part of your answer is still `...`.")
    return None


def _untouched(exercise, answer) -> bool:
    if answer is ... or answer is None:
        return True
    if exercise.is_value:
        return isinstance(answer, tuple) and all(part is ... for part in answer)
    given = type(answer) if isinstance(answer, torch.nn.Module) else answer
    if exercise.start is not None:
        return source.same_code(given, exercise.start)
    if inspect.isclass(given):
        parts = [vars(given).get(name) for name in vars(exercise.model)]
        return any(inspect.isfunction(part) and source.is_empty(part) for part in parts)
    return inspect.isfunction(given) and source.is_empty(given)


def cases(exercise, seed: int | None) -> list[tuple]:
    """The tuples of arguments, smallest first; a `seed` of None means `COURSE_SEED` or 0."""
    if exercise.cases is None:
        return [()]
    seed = int(os.environ.get("COURSE_SEED", "0")) if seed is None else seed
    made = exercise.cases(torch.Generator().manual_seed(seed))
    made = [case if isinstance(case, tuple) else (case,) for case in made]
    return sorted(made, key=_size)


def _size(case: tuple) -> int:
    return sum(arg.numel() if isinstance(arg, torch.Tensor) else 1 for arg in case)


def expected(exercise, seed: int | None) -> list:
    """What the oracle gives, case by case."""
    oracle = exercise.oracle or exercise.model
    return observe_own(exercise, oracle() if exercise.is_value else oracle, seed)


def observe_own(exercise, answer, seed: int | None) -> list:
    """Observe one of the course's own answers; a mistake that raises is observed as such."""
    seen = []
    for case in cases(exercise, seed):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            try:
                seen.append(freeze(exercise.observe(answer, copy.deepcopy(case))))
            except Exception as error:
                seen.append(Stopped(type(error).__name__, str(error)))
    return seen


# First half --------------------------------------------------------------------------------------


def observe(exercise, answer, seed: int | None) -> tuple[list, list[str], str]:
    """Run the answer under guard: observations, notes, and what it printed."""
    seen, notes, printed, left = [], [], "", exercise.seconds
    for case in cases(exercise, seed):
        given = copy.deepcopy(case)

        def run(given=given):
            torch.manual_seed(0)
            return exercise.observe(answer, given)

        outcome = guard.guarded(run, left)
        left -= outcome.seconds
        seen.append(outcome.value)
        printed = printed or outcome.printed
        if not notes and not same([freeze(arg) for arg in case], [freeze(arg) for arg in given]):
            notes.append("Your code changes its input in place; the caller may not expect that.")
        if outcome.changed:
            notes.append(put_back(outcome.changed))
    return seen, notes, printed


def put_back(names) -> str:
    """Return the note on tools of Python or PyTorch that an answer had changed."""
    return f"Your code changed {', '.join(sorted(names))} for all of Python; it is put back."


# Second half -------------------------------------------------------------------------------------


def compare(exercise, seen: list, right: list, seed: int | None) -> Verdict:
    """The verdict: passes, a known mistake, stopped, wrong type, or the smallest failing case."""
    verdict, made = Verdict("ok", exercise.heading), cases(exercise, seed)
    if len(seen) != len(made):
        words = f"{len(made)} results are expected, {len(seen)} came."
        return replace(verdict, status="wrong", message=words)
    bad = [i for i, case in enumerate(made) if not _right(exercise, seen[i], right[i], case)]
    if not bad:
        return verdict
    first = bad[0]
    verdict = replace(verdict, **_scene(exercise, made[first], seen[first], right[first]))
    if message := _mistake(exercise, seen, right, seed):
        return replace(verdict, status="mistake", message=message)
    if isinstance(seen[first], Stopped):
        return replace(verdict, **_stop(seen[first], exercise.seconds))
    found = None if exercise.accept else mismatch(right[first], seen[first], exercise.tolerance)
    status, words = found or ("wrong", "")
    if exercise.is_value:
        words = _keeping_the_answer(exercise, words, seen[first], right[first])
    return replace(verdict, status=status, message=words)


def _right(exercise, seen, right, case) -> bool:
    if isinstance(seen, Stopped | Other):
        return False
    if exercise.accept:
        try:
            return exercise.accept(seen, *case) is True
        except Exception:  # an observation of another form than the predicate reads
            return False
    return mismatch(right, seen, exercise.tolerance) is None


def _scene(exercise, case, seen, right) -> dict:
    if exercise.is_value:
        return {"yours": seen}
    names = [] if inspect.isclass(exercise.model) else inspect.signature(exercise.model).parameters
    names = [*names, *(f"argument {i + 1}" for i in range(len(names), len(case)))]
    arguments = {name: freeze(arg) for name, arg in zip(names, case, strict=False)}
    reveal = exercise.accept is None
    return {"case": arguments, "yours": seen, "expected": right, "reveal": reveal}


def _mistake(exercise, seen: list, right: list, seed) -> str | None:
    for message, wrong in exercise.mistakes.items():
        if isinstance(wrong, When):
            if any(_holds(wrong.predicate, one) for one in seen):
                return message
        elif _makes(observe_own(exercise, wrong, seed), seen, right, exercise):
            return message
    return None


def _holds(predicate, observation) -> bool:
    try:
        return bool(predicate(observation))
    except Exception:  # an observation of another form than the predicate reads
        return False


def _makes(made: list, seen: list, right: list, exercise) -> bool:
    """Whether the answer did what the mistake does; of several values, where that one is wrong."""
    near = exercise.tolerance
    if exercise.is_value and isinstance(right[0], tuple) and isinstance(made[0], tuple):
        if not isinstance(seen[0], tuple | list) or len(seen[0]) != len(right[0]):
            return False
        slots = zip(made[0], seen[0], right[0], strict=True)
        return all(same(m, s, near) for m, s, r in slots if not same(m, r, near))
    return all(same(m, s, near) for m, s in zip(made, seen, strict=True))


def _stop(stopped: Stopped, seconds: float) -> dict:
    if stopped.kind == "TimeLimit":
        words = f"Your code was stopped after {seconds:g} seconds; is there a loop that never ends?"
        return {"status": "limit", "message": words}
    if stopped.kind == "MemoryLimit":
        words = "Your code asked for more memory than an answer may; is a size far too large?"
        return {"status": "limit", "message": words}
    if stopped.kind == "KeyboardInterrupt":
        return {"status": "limit", "message": "You interrupted the check; nothing is lost."}
    where = f", in the line `{stopped.line}`" if stopped.line else ""
    words = f"Your code stopped with {stopped.kind}: {stopped.text or 'no message'}{where}"
    return {"status": "error", "message": words}


def _keeping_the_answer(exercise, words: str, seen, right) -> str:
    """For a value: never tell it; of several parts, tell which are right."""
    if exercise.kind == "choice":
        return f"Choose one of {', '.join(map(repr, exercise.choices))}."
    if isinstance(right, tuple) and isinstance(seen, tuple | list) and len(seen) == len(right):
        good = [same(a, b, exercise.tolerance) for a, b in zip(seen, right, strict=True)]
        if any(good) and not all(good):
            which = ", ".join(str(i + 1) for i, is_right in enumerate(good) if is_right)
            return f"Right so far: part {which}. Look at the rest again."
    return words.split(", first")[0].rstrip(".") + "." if words else ""
