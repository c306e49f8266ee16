"""A value exercise as a function of numbers: what `check` says to any of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch

from course_utils.exercise import Exercise
from course_utils.judging import formula, judge, probes
from course_utils.judging.comparison import align
from course_utils.judging.evidence import Evidence, Finding
from course_utils.judging.layout import moves
from course_utils.judging.observation import freeze, numbers
from course_utils.judging.observe import observe_trusted
from course_utils.judging.verdict import Verdict
from course_utils.publishing.forms.cells import normal

Values = tuple[float, ...]  # the numbers of an answer, in the order of a page's boxes
MOST_ORDERED = 5  # parts whose every order is tried


def has_form(exercise: Exercise) -> bool:
    """Whether a page can ask for the answer: a choice, or numbers that it can judge."""
    if exercise.is_choice or not exercise.is_value or exercise.page:
        return exercise.is_value
    array = numbers(judge.expected(exercise, 0)[0])
    decided = exercise.accept is None or exercise.weights is not None
    return array is not None and array.ndim <= 2 and decided


class Judged:
    """An exercise whose answer is one number, a few, or a grid of them.

    Attributes
    ----------
    shape : () for one number, (n,) for n of them, (rows, columns) for a grid
    right : the numbers of the right answer
    """

    def __init__(self, exercise: Exercise):
        self.exercise = exercise
        self.expected = judge.expected(exercise, 0)
        array = numbers(self.expected[0])
        if array is None or array.ndim > 2:
            raise TypeError(f"exercise {exercise.number}: a page has boxes for numbers only")
        self.shape = array.shape
        self.right = self._flat(array)
        self._verdicts: dict[Values, Verdict] = {}

    @staticmethod
    def _flat(array: np.ndarray) -> Values:
        return tuple(map(normal, array.ravel().tolist()))

    @property
    def parts(self) -> list[str]:
        """The names of several numbers; none where there is one."""
        if len(self.shape) != 1:
            return []
        return [column.name for column in self._evidence(self.expected).columns]

    @property
    def is_grid(self) -> bool:
        """Whether the numbers stand in rows and columns."""
        return len(self.shape) == 2

    @cached_property
    def weights(self) -> Values:
        """Where the answer's numbers are judged together, by a weighted sum: the weights."""
        weights = self.exercise.weights
        return () if weights is None else self._flat(weights.numpy())

    def weighted_sum(self, values: Values) -> float:
        """The numbers of an answer, weighted and added."""
        return normal(sum(w * x for w, x in zip(self.weights, values, strict=True)))

    def answer(self, values: Values) -> object:
        """The answer as a notebook would hold it."""
        if not self.shape:
            return values[0]
        return torch.tensor(values).reshape(self.shape) if self.is_grid else tuple(values)

    def _observed(self, answer: object) -> list:
        return observe_trusted(self.exercise, answer, [()])

    def _evidence(self, observed: list) -> Evidence:
        judged: Any = self.exercise  # its fields are narrower than those of the protocol
        return Evidence(judged, [()], observed, self.expected)

    def verdict(self, values: Values) -> Verdict:
        """What the exercise says to these numbers."""
        if values not in self._verdicts:
            observed = self._observed(self.answer(values))
            self._verdicts[values] = self.exercise.compare(observed, seed=0)
        return self._verdicts[values]

    def cause_of_part(self, part: int, value: float) -> Finding | None:
        """What explains one of several numbers by itself, but for the listed mistakes."""
        values = (*self.right[:part], value, *self.right[part + 1 :])
        evidence = self._evidence(self._observed(values))
        column = evidence.columns[part]
        if column.is_right:
            return None
        if finding := formula.near_miss(evidence, part):
            return finding
        findings = probes.first_findings(column, evidence)
        return findings[0] if len(findings) == 1 else None

    # Listed mistakes ------------------------------------------------------------------------------

    @cached_property
    def predicates(self) -> dict[str, Callable]:
        """The mistakes that are known by a predicate, by their id."""
        return {
            name: mistake.when
            for name, mistake in self.exercise.mistakes.items()
            if mistake.when is not None
        }

    def predicate(self, values: Values) -> str | None:
        """The first mistake whose predicate holds for these numbers."""
        plain = freeze(self.exercise.observe(self.answer(values), ()))
        observed = align(self.expected[0], plain)
        for name, holds in self.predicates.items():
            try:
                if holds(observed):
                    return name
            except Exception:  # the predicate reads another form of answer
                continue
        return None

    def values_of(self, answer: object) -> Values | None:
        """The numbers of an answer of the course; None where they do not fit the boxes."""
        array = numbers(align(self.expected[0], self._observed(answer)[0]))
        if array is None or array.shape != self.shape or not np.isfinite(array).all():
            return None
        return self._flat(array)

    def listed(self) -> Iterator[tuple[str, Values]]:
        """(id, numbers) of the mistakes that give certain numbers."""
        for name, mistake in self.exercise.mistakes.items():
            if mistake.when is None and (values := self.values_of(mistake.answer)):
                yield name, values

    def wholes(self) -> Iterator[Values]:
        """Answers that are known as a whole: mistakes, two together, the right numbers moved."""
        for mistake in self.exercise.mistakes.values():
            if values := self.values_of(mistake.answer):
                yield values
        yield from self._two_together()
        if 1 < len(self.right) <= MOST_ORDERED:
            yield from itertools.permutations(self.right)
            for first in (0, 1):  # places in a list, for what stands there
                yield from itertools.permutations(range(first, first + len(self.right)))
        if self.is_grid:
            yield from self._changed_grids()

    def shared_slips(self) -> Iterator[Values]:
        """Answers in which one slip gives several parts: what is said then is said once."""
        exercise, quantities = self.exercise, tuple(self.exercise.quantities.items())
        if len(exercise.formula) < 2:
            return
        near: dict[str, dict[int, list[float]]] = {}
        for part, text in enumerate(exercise.formula):
            for value, words in formula.variants(text, quantities, 1):
                near.setdefault(words, {}).setdefault(part, []).append(value)
        for by_part in near.values():
            if len(by_part) > 1:
                options = [by_part.get(part, [right]) for part, right in enumerate(self.right)]
                yield from itertools.product(*options)
        for _words, results in formula.changed_quantities(exercise):
            yield tuple(results)

    def predicate_examples(self) -> list[Values]:
        """The examples of the mistakes that are known by a predicate."""
        examples = [self.exercise.mistakes[name].answer for name in self.predicates]
        return [values for values in map(self.values_of, examples) if values]

    def _two_together(self) -> Iterator[Values]:
        switches = [m.switch for m in self.exercise.mistakes.values() if m.switch]
        for first, second in itertools.combinations(switches, 2):
            if not set(first) & set(second) and self.exercise.switches is not None:
                values = self.values_of(self.exercise.switches(**first, **second))
                if values:
                    yield values

    def _changed_grids(self) -> Iterator[Values]:
        grid = np.array(self.right).reshape(self.shape)
        changed = [move(grid) for _name, _words, move in moves(2)]
        changed += [factor * grid for factor in probes.FACTORS]
        changed += [10.0**power * grid for power in probes.POWERS]
        changed += [grid + 1, grid - 1, 0 * grid, 1 - grid]
        changed += [np.floor(grid), np.ceil(grid), np.round(grid)]
        for whole in changed:
            if whole.shape == self.shape:
                yield self._flat(whole)
