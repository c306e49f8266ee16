"""Tables of exercises whose answer is a grid of numbers."""

from __future__ import annotations

from course_utils.publishing.forms.base import Table, key
from course_utils.publishing.forms.cells import digest, normal, whole
from course_utils.publishing.forms.judged import Judged, Values

STEP = 37  # by which a number is wrong that nobody lists
SCORES = range(-300, 301)  # weighted sums that are tried


class GridTable(Table):
    """The table of a grid: known as a whole, or told place by place.

    Predicates are learned from the right grid with one number changed, and with two changed so that
    the sum stays: of several wrong places the one whose mistake is listed first decides.
    """

    kind = "grid"

    def __init__(self, judged: Judged):
        super().__init__(judged)
        for values in judged.wholes():
            self.add_whole(self.classes_of(values), values)
        names = list(judged.predicates)
        self.ranks = {name: rank for rank, name in enumerate(names)}
        self.changed = [self._said({place: STEP}) for place in range(self.count)]
        self.moved = [self._moved(place) for place in range(self.count)] if names else []

    def _said(self, steps: dict[int, int]) -> tuple[int, int] | None:
        """(rank of a predicate, what it says) where some numbers are larger or smaller by steps."""
        values = [normal(r + steps.get(place, 0)) for place, r in enumerate(self.judged.right)]
        verdict = self.judged.verdict(tuple(values))
        ranks = [self.ranks[name] for name in verdict.findings if name in self.ranks]
        return (ranks[0], self.outcomes.number(verdict)) if ranks else None

    def _moved(self, place: int) -> tuple[int, int] | None:
        """What is said of a place by itself, where the sum of all numbers is right."""
        others = [other for other in range(self.count) if other != place]
        said = [self._said({place: STEP, other: -STEP}) for other in others]
        known = [each for each in said if each is not None]
        return max(known) if len(known) == len(said) else None

    def as_plain(self) -> dict:
        """As plain data, for a page."""
        right, salt = self.judged.right, self.lexicon.salt
        return super().as_plain() | {
            "sum": digest(salt, "sum", normal(sum(right))),
            "sorted": digest(salt, "sorted", *sorted(right)),
            "changed": self.changed,
            "moved": self.moved,
        }


class WeightedTable(Table):
    """The table of a grid of which many are right: its weighted sum decides, but for a few grids.

    What `whole` says is of the sum's class; `exact` holds grids of which something else is said.
    """

    kind = "weighted"

    def __init__(self, judged: Judged):
        super().__init__(judged)
        self.weights = judged.weights
        self.known, self.examples = [{}], [{}]
        self.lexicon.classes.clear()
        self._add_scores()
        self.exact = self._exact()

    def _with_score(self, score: float) -> Values:
        """A grid of a given weighted sum, all of it in one place."""
        place = next(i for i, weight in enumerate(self.weights) if weight)
        values = [0.0] * self.count
        values[place] = score / self.weights[place]
        return tuple(map(normal, values))

    def _add_scores(self) -> None:
        other = self.judged.verdict(self._with_score(0.37))
        self.general = self.outcomes.number(other)
        for score in SCORES:
            verdict = self.judged.verdict(self._with_score(score))
            if verdict.message != other.message:
                number = self.add_class(0, score, whole(score, score))
                self.whole[key([number])] = self.outcomes.number(verdict)

    def _exact(self) -> dict[str, int]:
        exact = {}
        for values in self.judged.wholes():
            same_score = self._with_score(self.judged.weighted_sum(values))
            said, general = map(self.judged.verdict, (values, same_score))
            if said.message != general.message or said.status != general.status:
                mark = digest(self.lexicon.salt, "exact", *values)
                exact[mark] = self.outcomes.number(said)
        return exact

    def as_plain(self) -> dict:
        """As plain data, for a page."""
        return super().as_plain() | {
            "weights": list(self.weights),
            "exact": self.exact,
            "general": self.general,
        }
