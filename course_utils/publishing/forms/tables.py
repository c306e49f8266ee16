"""What a page needs to answer as `check` does: made by asking `check`, and without any answer.

A page recognises each number by digests (see `cells`) and gives it a class: 0 is right, -1 is
unknown. What it says then depends on the classes alone: `whole` where an answer is known as a
whole, else what explains its parts, else `masks`, which of them are right.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from course_utils.exercise import Exercise
from course_utils.judging.diagnose import OTHERS_RIGHT
from course_utils.judging.evidence import Finding
from course_utils.judging.page_answers import Catalogue
from course_utils.publishing.forms.base import (
    RIGHT,
    UNKNOWN,
    Classes,
    Table,
    choice_table,
    key,
    mask_key,
)
from course_utils.publishing.forms.candidates import (
    Run,
    named_numbers,
    of_part,
    roundings,
    runs,
    trials,
)
from course_utils.publishing.forms.cells import normal, real, rounded, whole
from course_utils.publishing.forms.grids import GridTable, WeightedTable
from course_utils.publishing.forms.judged import Judged, Values
from course_utils.publishing.forms.listed import catalogue_table, computed_table
from course_utils.publishing.forms.sums import SumTable

STRANGERS = (-7, 4321, 61.83)  # numbers that no exercise knows, nor a sum of them
FORMULA = 1e-4  # how near a variant of the right formula has to come, relatively
MOST_COMBINATIONS = 30_000


def table_of(exercise: Exercise) -> dict:
    """The table of one value or choice exercise, as plain data.

    Raises
    ------
    TypeError
        If the answer is not made of numbers in boxes, nor a choice.
    """
    if exercise.is_choice:
        return choice_table(exercise)
    if isinstance(exercise.page, Catalogue):
        return catalogue_table(exercise, exercise.page)
    if exercise.page:
        return computed_table(exercise, exercise.page)
    judged = Judged(exercise)
    if judged.is_grid and judged.weights:
        return WeightedTable(judged).as_plain()
    return (GridTable if judged.is_grid else PartsTable)(judged).as_plain()


class PartsTable(Table):
    """The table of an exercise whose answer is one number or a few."""

    kind = "parts"

    def __init__(self, judged: Judged):
        super().__init__(judged)
        self.causes: list[dict[int, list[str]]] = [{} for _ in judged.right]
        self.masks: dict[str, int] = {}
        self._predictions: dict[tuple[int, float], tuple] = {}
        self._rounded: dict[tuple[int, float], int] = {}
        self.strangers = [self._strangers(part) for part in range(self.count)]
        unknown = tuple(numbers[1] for numbers in self.strangers)
        self._others = [unknown]
        if self.count > 1:  # numbers that a predicate knows only beside others of its own
            self._others += [self.judged.right, *self.judged.predicate_examples()]
        self.usual = [{self._predicted(k, n) for n in self.strangers[k]} for k in range(self.count)]
        self.sighted: list[list[int]] = []
        self._add_masks()
        self._add_listed()
        self._add_causes()
        self._add_shared()
        if self.judged.predicates:
            for part in range(self.count):
                self._add_runs(part)
        if self.count == 1:
            for number, example in self.examples[0].items():
                self.add_whole((number,), (example,))
        elif self.judged.predicates:
            self._add_combinations()
        self.together = SumTable(self).outcomes if judged.weights else {}

    # Classes --------------------------------------------------------------------------------------

    def _strangers(self, part: int) -> list[float]:
        """Numbers of which nothing is known."""
        right = self.judged.right[part]
        return [normal(number + 3 * right) for number in STRANGERS]

    def _add_masks(self) -> None:
        """What is said where some parts are right and the others unknown, if it is one thing."""
        for mask in itertools.product((True, False), repeat=self.count):
            verdicts = [self.judged.verdict(self._masked(mask, k)) for k in range(len(STRANGERS))]
            if len({verdict.message for verdict in verdicts}) == 1:
                self.masks[mask_key(mask)] = self.outcomes.number(verdicts[0])

    def _masked(self, mask: tuple[bool, ...], k: int) -> Values:
        pairs = zip(mask, self.judged.right, self.strangers, strict=True)
        return tuple(right if is_right else others[k] for is_right, right, others in pairs)

    def _add_listed(self) -> None:
        """Give classes to the numbers of the listed mistakes, and to these as they are rounded."""
        wholes = list(self.judged.wholes())
        for part in range(self.count):
            for value in {values[part]: None for values in wholes}:
                if isinstance(value, float):
                    for rounded in roundings(value):
                        self.exact_class(part, rounded)
        if self.count > 1:
            for values in wholes:
                self.add_whole(self.classes_of(values), values)

    def _add_causes(self) -> None:
        """Give a class to every number of which something is known by itself."""
        for part in range(self.count):
            for value in of_part(self.judged, part):
                finding = self._finding(part, value)
                if finding is None:
                    continue
                number = self.class_of(part, value)
                if finding.id == "formula":  # known to a ten-thousandth
                    self._note_cause(part, self._around(part, value), finding)
                self._note_cause(part, number, finding)

    def _add_shared(self) -> None:
        """Note what is said where one slip gives several numbers, also as they are rounded."""
        for slip in self.judged.shared_slips():
            values = tuple(map(normal, slip))
            if not all(map(math.isfinite, values)):
                continue
            self.add_whole(self.classes_of(values), values)
            around = tuple(
                RIGHT if value == right else self._around(part, value)
                for part, (value, right) in enumerate(zip(values, self.judged.right, strict=True))
            )
            self.add_whole(around, values)

    def _around(self, part: int, value: float) -> int:
        """The class of the numbers that may be a variant's, rounded."""
        if (part, value) not in self._rounded:
            cells = rounded(value, FORMULA * abs(value), self.exercise.tolerance)
            self._rounded[part, value] = self.add_class(part, value, cells)
        return self._rounded[part, value]

    def _note_cause(self, part: int, number: int, finding: Finding) -> None:
        if self.count > 1:
            self.causes[part][number] = [finding.id, finding.words]

    def _finding(self, part: int, value: float) -> Finding | None:
        """What is said of a number by itself, if that is more than of an unknown one."""
        if self.count > 1:
            return self.judged.cause_of_part(part, value)
        verdict = self.judged.verdict((value,))
        says_more = self.outcomes.number(verdict) != self.masks.get("0")
        return Finding("+".join(verdict.findings), verdict.message) if says_more else None

    def _add_runs(self, part: int) -> None:
        """Give classes to numbers, and to stretches of the number line, that predicates know."""

        def holds(value: float) -> tuple:
            return self._predicted(part, value)

        named = set().union(*map(named_numbers, self.judged.predicates.values()))

        wholes, reals = (runs(tried, holds) for tried in trials(self.judged, part))
        for value in map(normal, named):
            if self._is_sighted(part, value):
                self.exact_class(part, value)
        for kind, cut in ((whole, wholes), (real, reals)):
            for run in cut:
                if run.low == run.high and run.low in self.known[part]:
                    continue
                if self.usual[part] != {run.holds} and self._is_telling(run, kind):
                    cells = kind(run.low, run.high)  # type: ignore[arg-type]
                    self.add_class(part, self._middle(part, run), cells)

    def _is_telling(self, run: Run, kind) -> bool:
        return any(run.holds) and (kind is whole or run.low < run.high)  # type: ignore[arg-type]

    def _middle(self, part: int, run: Run) -> float:
        """A number of a run that is not known by itself."""
        if isinstance(run.low, int):
            inside = itertools.chain([(run.low + run.high) // 2], (run.low, run.high))
            return next((n for n in inside if n not in self.known[part]), run.low)
        return (run.low + run.high) / 2

    def _predicted(self, part: int, value: float) -> tuple:
        """The predicate that holds of a number beside right numbers, and beside unknown ones."""
        if (part, value) not in self._predictions:
            holds = []
            for others in self._others:
                values = (*others[:part], value, *others[part + 1 :])
                holds.append(self.judged.predicate(values))
            self._predictions[part, value] = tuple(holds)
        return self._predictions[part, value]

    # Answers known as a whole ---------------------------------------------------------------------

    def _add_combinations(self) -> None:
        """Note what predicates say of parts together, where it is not what `masks` says."""
        examples = []
        for part, known in enumerate(self.examples):
            sighted = {k: v for k, v in known.items() if k == RIGHT or self._is_sighted(part, v)}
            self.sighted.append(sorted(sighted))
            unknown = {UNKNOWN: self.strangers[part][1]} if len(self.usual[part]) == 1 else {}
            examples.append(unknown | sighted)
        count = math.prod(map(len, examples))
        if count > MOST_COMBINATIONS:
            raise ValueError(f"exercise {self.exercise.number}: {count} combinations are too many")
        for classes in itertools.product(*examples):
            values = tuple(known[c] for known, c in zip(examples, classes, strict=True))
            if values != self.judged.right and key(classes) not in self.whole:
                self._add_combination(classes, values)

    def _add_combination(self, classes: Classes, values: Values) -> None:
        names = {self.judged.predicate(each) for each in self._variants(classes, values)}
        general = self.masks.get(mask_key(c == RIGHT for c in classes))
        said = () if general is None else self.outcomes.verdicts[general].findings
        if len(names) == 1 and said != (*(names - {None}),):
            self.add_whole(classes, values)

    def _variants(self, classes: Classes, values: Values) -> Iterator[Values]:
        """The same answer with other unknown numbers in it."""
        for k in range(len(STRANGERS)):
            yield tuple(
                self.strangers[part][k] if known == UNKNOWN else value
                for part, (known, value) in enumerate(zip(classes, values, strict=True))
            )

    def _is_sighted(self, part: int, value: float) -> bool:
        """Whether predicates tell a number from unknown ones."""
        return {self._predicted(part, value)} != self.usual[part]

    # As data --------------------------------------------------------------------------------------

    def _listed(self) -> list:
        """(classes, id, words) of the listed mistakes, by which parts are explained."""
        if self.count == 1:
            return []
        return [
            [
                [self.class_of(part, value) for part, value in enumerate(values)],
                name,
                OTHERS_RIGHT.sub("", self.exercise.mistakes[name].words),
            ]
            for name, values in self.judged.listed()
        ]

    def as_plain(self) -> dict:
        """As plain data."""
        listed = self._listed()  # may add classes
        return super().as_plain() | {
            "parts": self.judged.parts,
            "masks": self.masks,
            "causes": self.causes,
            "listed": listed,
            "sighted": self.sighted,
            "weights": self.judged.weights,
            "together": self.together,
        }
