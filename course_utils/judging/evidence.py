"""What is known of an answer once it has run: the ground of every message.

A cause is named only if what it predicts is what was seen, in every case; see `Evidence.explains`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from course_utils.judging.comparison import align, difference
from course_utils.judging.observation import Other, Stopped, numbers, same
from course_utils.judging.observe import ExerciseSpec, observe_trusted


class JudgedExercise(ExerciseSpec, Protocol):
    """An exercise with all that is needed to say what is wrong with an answer."""

    oracle: Callable | None
    accept: Callable[..., bool] | None
    demands: Callable[..., dict[str, Demand]] | None
    mistakes: Mapping[str, Any]
    switches: Callable[..., object] | None
    choices: dict[str, str]
    parts: tuple[str, ...]
    argument_names: tuple[str, ...]
    formula: tuple[str, ...]
    quantities: dict[str, float]
    tolerance: float

    @property
    def is_choice(self) -> bool:
        """Whether the answer is one of several letters."""

    @property
    def next_step(self) -> str:
        """What to do where nothing explains a wrong answer."""

    def mistaken_observation(self, name: str, cases: list[tuple], seed: int, index: int) -> Any:
        """What a listed mistake gives on a case of a seed."""


ROUNDED = 5e-4  # numbers that students type have three digits or more


class Finding(NamedTuple):
    """A cause that explains the evidence: its stable id, its words, and a change that mends it."""

    id: str
    words: str
    fix: str = ""


class Demand(NamedTuple):
    """What an answer has to fulfil where many do: what was seen, what is wanted, and whether it is.

    `is_met` is None where it could not be seen.
    """

    yours: object
    wanted: str
    is_met: bool | None


def meets_all(demands: Callable[..., dict[str, Demand]], observation: object, *case) -> bool:
    """Whether an observation fulfils every demand."""
    return all(demand.is_met for demand in demands(observation, *case).values())


@dataclass(frozen=True)
class Column:
    """One part of what an answer gives, over all cases.

    Attributes
    ----------
    tolerance : how near an explanation has to come; a number typed by hand may be rounded
    exact : how near the right result has to be
    """

    name: str
    observed: list
    expected: list
    tolerance: float
    exact: float

    @cached_property
    def correct(self) -> list[bool]:
        """Whether each case is right."""
        pairs = zip(self.expected, self.observed, strict=True)
        return [same(e, o, self.exact) for e, o in pairs]

    @property
    def is_right(self) -> bool:
        """Whether every case is right."""
        return all(self.correct)

    def explained_by(self, predicted: list) -> bool:
        """Whether a prediction is what was seen in every case, and says something."""
        return explains(predicted, self.observed, self.expected, self.tolerance)

    def arrays(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(expected, observed) of every case as arrays of numbers; stops where one is none."""
        for expected, observed in zip(self.expected, self.observed, strict=True):
            wanted, got = numbers(expected), numbers(observed)
            if wanted is None or got is None:
                return
            yield wanted, got


def explains(predicted: list, observed: list, expected: list, tolerance: float) -> bool:
    """Whether a prediction equals what was seen in all cases, and that cannot be by chance alone.

    An error explains the same error only (kind and text), and NaN alone explains nothing: too many
    mistakes end in it.
    """
    if len(predicted) != len(observed):
        return False
    telling = False
    for guess, observation, right in zip(predicted, observed, expected, strict=True):
        guess = align(right, guess)
        if not same(guess, observation, tolerance):
            return False
        if isinstance(guess, Stopped):
            if not isinstance(observation, Stopped) or _meaning(guess.text) != _meaning(
                observation.text
            ):
                return False
            telling |= bool(guess.text)
        else:
            telling |= not same(guess, right, tolerance) and _is_telling(guess, right, tolerance)
    return telling


NO_FIT = re.compile(r"The size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)")


def _meaning(text: str) -> object:
    """An error's text, with two sizes that do not fit in order of size.

    `window * kernel` and `kernel * window` fail with the same two sizes, named the other way round.
    """
    sizes = NO_FIT.match(text)
    return (sorted(sizes.groups()), text[sizes.end() :]) if sizes else text


def _is_telling(guess: object, right: object, tolerance: float) -> bool:
    """Whether something finite, or no number at all, differs from what is right."""
    if isinstance(guess, list | tuple) and isinstance(right, list | tuple):
        if len(guess) != len(right):
            return True
        pairs = [pair for pair in zip(guess, right, strict=True) if not same(*pair, tolerance)]
        return any(_is_telling(*pair, tolerance) for pair in pairs)
    wrong, wanted = numbers(guess), numbers(right)
    if wrong is None or wanted is None or wrong.shape != wanted.shape:
        return True
    differs = ~np.isclose(wrong, wanted, rtol=tolerance, atol=tolerance, equal_nan=True)
    return bool((np.isfinite(wrong) & differs).any())


@dataclass(frozen=True)
class Evidence:
    """An exercise's cases, what is right in them, and what an answer gave.

    Attributes
    ----------
    answer : the student's own function, class or value; None where only observations came, as in
        marking
    printed : the beginning of what the answer printed
    seed : of the cases; None for cases of no seed, such as a choice among them
    """

    exercise: JudgedExercise
    cases: list[tuple]
    observed: list
    expected: list
    answer: object = None
    printed: str = ""
    seed: int | None = 0

    @cached_property
    def aligned(self) -> list:
        """The observations, with numbers in the form that is expected."""
        if self.exercise.accept:
            return self.observed
        pairs = zip(self.expected, self.observed, strict=True)
        return [align(expected, observed) for expected, observed in pairs]

    @cached_property
    def correct(self) -> list[bool]:
        """Whether each case is right."""
        return [self.is_right(observed, i) for i, observed in enumerate(self.observed)]

    def is_right(self, observed: object, index: int) -> bool:
        """Whether an observation is right in the case of this index."""
        expected, case = self.expected[index], self.cases[index]
        if isinstance(observed, Stopped | Other):
            return False
        if self.exercise.accept:
            try:
                return self.exercise.accept(observed, *case) is True
            except Exception:  # an observation of another form than the predicate reads
                return False
        return self.difference(expected, observed) is None

    def difference(self, expected, observed):
        """What is off between two observations of this exercise; None if nothing is."""
        exercise = self.exercise
        return difference(expected, observed, exercise.tolerance, exercise.is_value)

    @property
    def near(self) -> float:
        """How near a prediction has to come; a number typed by hand may be rounded."""
        tolerance = self.exercise.tolerance
        return max(tolerance, ROUNDED) if self.exercise.is_value else tolerance

    @cached_property
    def first_wrong(self) -> int:
        """Index of the smallest failing case."""
        return self.correct.index(False)

    @property
    def stopped(self) -> Stopped | None:
        """What stopped the answer in the smallest failing case, if anything did."""
        observed = self.observed[self.first_wrong]
        return observed if isinstance(observed, Stopped) else None

    def explains(self, predicted: list) -> bool:
        """Whether a prediction, one observation a case, is what was seen.

        A number typed by hand may be rounded; where that brings it too near to the right one, it
        has to be exact.
        """
        tolerances = dict.fromkeys((self.near, self.exercise.tolerance))
        return any(
            explains(predicted, self.aligned, self.expected, tolerance) for tolerance in tolerances
        )

    def predicted(self, mistake: str) -> list:
        """What a listed mistake gives on the cases."""
        return [self.predicted_on(mistake, index) for index in range(len(self.cases))]

    def predicted_on(self, mistake: str, index: int) -> Any:
        """What a listed mistake gives on one case."""
        if self.seed is None:
            answer = self.exercise.mistakes[mistake].answer
            return observe_trusted(self.exercise, answer, [self.cases[index]])[0]
        return self.exercise.mistaken_observation(mistake, self.cases, self.seed, index)

    def may_be(self, mistake: str) -> bool:
        """Whether a listed mistake gives what was seen; it runs up to the first case that differs.

        In the order of the cases, so that all answers share what the mistakes give on the first.
        """
        for index, (expected, seen) in enumerate(zip(self.expected, self.aligned, strict=True)):
            guess = align(expected, self.predicted_on(mistake, index))
            if not same(guess, seen, self.near):
                return False
        return True

    def where_it_returned(self) -> Evidence | None:
        """The evidence of the cases without an error; None if that leaves nothing to explain."""
        returned = [
            i for i, observation in enumerate(self.observed) if not isinstance(observation, Stopped)
        ]
        if len(returned) == len(self.cases) or all(self.correct[i] for i in returned):
            return None
        cases, observed, expected = (
            [values[i] for i in returned] for values in (self.cases, self.observed, self.expected)
        )
        return replace(self, cases=cases, observed=observed, expected=expected, seed=None)

    @cached_property
    def columns(self) -> list[Column]:
        """The parts of the result, each over all cases; one nameless column where it is whole."""
        count, reach = self._parts(), (self.near, self.exercise.tolerance)
        if count is None:
            return [Column("", self.aligned, self.expected, *reach)]
        names = self.exercise.parts or [_ordinal(i) for i in range(count)]
        return [
            Column(name, _entries(self.aligned, i), _entries(self.expected, i), *reach)
            for i, name in enumerate(names)
        ]

    def _parts(self) -> int | None:
        """How many parts the result has, where all of them can be told apart in every case."""
        wholes = [*self.aligned, *self.expected]
        if not all(isinstance(whole, list | tuple) and len(whole) > 1 for whole in wholes):
            return None
        counts = {len(whole) for whole in wholes}
        return counts.pop() if len(counts) == 1 else None

    @property
    def named_arguments(self) -> Iterator[tuple[int, str]]:
        """Place and name of the arguments that the student knows."""
        return ((i, name) for i, name in enumerate(self.arguments) if name)

    @cached_property
    def arguments(self) -> list[str]:
        """The names of a case's arguments, as the student's stub has them."""
        exercise = self.exercise
        if exercise.argument_names:
            return list(exercise.argument_names)
        if inspect.isclass(exercise.model):
            names: list[str] = []
        else:
            names = list(inspect.signature(exercise.model).parameters)
        longest = max((len(case) for case in self.cases), default=0)
        return names + [f"argument {i + 1}" for i in range(len(names), longest)]


def _entries(wholes: list, index: int) -> list:
    return [whole[index] for whole in wholes]


def _ordinal(index: int) -> str:
    names = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
    return f"{names[index]} number" if index < len(names) else f"number {index + 1}"
