"""Numbers that are judged together: what predicates say of an answer's weighted sum.

A point lies on a line or beside it, whatever its numbers are by themselves. So a page recognises
the weighted sum of the numbers as one number more, and what is said of it may depend on which of
the numbers are right.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from course_utils.judging.verdict import Status, Verdict
from course_utils.publishing.forms.base import UNKNOWN, Table, mask_key
from course_utils.publishing.forms.candidates import PLACES, Run, named_numbers, runs
from course_utils.publishing.forms.cells import normal, real, whole
from course_utils.publishing.forms.judged import Values

Mask = tuple[bool, ...]  # which numbers are right
ROUND = 3  # whole sums that are tried on either side of a named one
NEAR = (-60, -10, 0, 10, 60)  # hundredths beside it where others are
STRANGERS = (-7.31, 43.21, 61.83)  # numbers of which no exercise knows


class SumTable:
    """What is said of answers by their weighted sum: which of them are right → class → outcome."""

    def __init__(self, table: Table):
        self.table, self.judged = table, table.judged
        self.place = table.count  # the sum is one number more
        table.known.append({})
        table.examples.append({})
        self.masks = [
            mask
            for mask in itertools.product((True, False), repeat=table.count)
            if any(
                w and not is_right for w, is_right in zip(self.judged.weights, mask, strict=True)
            )
        ]
        self.outcomes: dict[str, dict[int, int]] = {}
        far = self._said(STRANGERS[1] * max(map(abs, self.judged.weights)))
        for cells, tried in zip((whole, real), self._trials(), strict=True):
            for run in runs(tried, self._said):
                if run.holds != far:
                    self._add(run, cells, far)

    def _trials(self) -> tuple[list[float], list[float]]:
        """Whole and other sums at which a predicate may change its mind, sorted."""
        bases = set().union(*map(named_numbers, self.judged.predicates.values()))
        sums = {self.judged.weighted_sum(values) for values in self.judged.wholes()}
        bases |= sums | {self.judged.weighted_sum(self.judged.right)}
        ints = {round(base) + step for base in bases for step in range(-ROUND, ROUND + 1)}
        reals = {number + 0.37 for number in ints}
        reals |= {base + step / 100 + 3e-4 for base in bases for step in NEAR}
        return sorted(ints), sorted(reals)

    def answers(self, mask: Mask, total: float) -> Iterator[Values]:
        """Answers of a weighted sum whose other numbers are right, or unknown."""
        weights, right = self.judged.weights, self.judged.right
        free = [k for k, is_right in enumerate(mask) if weights[k] and not is_right]
        for stranger in STRANGERS if len(free) > 1 else STRANGERS[:1]:
            values = [r if is_right else stranger for r, is_right in zip(right, mask, strict=True)]
            values[free[-1]] = 0
            rest = self.judged.weighted_sum(tuple(values))
            values[free[-1]] = (total - rest) / weights[free[-1]]
            yield tuple(map(normal, values))

    def _said(self, total: float) -> tuple:
        """What predicates say of a sum, for each choice of the numbers that are right."""
        said = []
        for mask in self.masks:
            names = {self.judged.predicate(values) for values in self.answers(mask, total)}
            said.append(names.pop() if len(names) == 1 else UNKNOWN)
        return tuple(said)

    def _add(self, run: Run, cells, far: tuple) -> None:
        """Make a class of the sums in a run, and note what is said of them if it is one thing."""
        number = self.table.add_class(self.place, run.low, cells(run.low, run.high))
        for mask, says, usual in zip(self.masks, self._said(run.low), far, strict=True):
            if says in (usual, UNKNOWN):
                continue
            verdicts = self._verdicts(mask, run) if says else []
            if len({verdict.message for verdict in verdicts}) == 1:
                self._note(mask, number, self.table.outcomes.number(verdicts[0]))
            elif not says:  # no predicate holds, as it else would: nothing is known of these
                self._note(mask, number, UNKNOWN)

    def _note(self, mask: Mask, number: int, outcome: int) -> None:
        self.outcomes.setdefault(mask_key(mask), {})[number] = outcome

    def _verdicts(self, mask: Mask, run: Run) -> list[Verdict]:
        """What is said to wrong answers whose sum lies in a run."""
        inside = {run.low + share * (run.high - run.low) for share in (0, *PLACES, 1)}
        answers = [values for total in inside for values in self.answers(mask, total)]
        verdicts = map(self.judged.verdict, answers)
        return [verdict for verdict in verdicts if verdict.status != Status.OK]
