"""What every table holds: verdicts, digests of numbers, and answers that are known as a whole."""

from __future__ import annotations

from collections.abc import Iterable

from course_utils.exercise import Exercise
from course_utils.judging.evidence import ROUNDED
from course_utils.judging.verdict import Status, Verdict
from course_utils.publishing.forms.cells import Cell, Lexicon, digest, near, normal
from course_utils.publishing.forms.judged import Judged, Values

RIGHT, UNKNOWN = 0, -1  # classes of numbers
Classes = tuple[int, ...]


class Outcomes:
    """Every verdict once, in the order of asking."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []
        self._places: dict[tuple, int] = {}

    def number(self, verdict: Verdict) -> int:
        """The place of a verdict in the list."""
        same = (verdict.status, verdict.message, verdict.findings)
        if same not in self._places:
            self._places[same] = len(self.verdicts)
            self.verdicts.append(verdict)
        return self._places[same]

    def as_plain(self) -> list[dict]:
        """Status, message and findings of each."""
        return [
            {"status": str(v.status), "message": v.message, "findings": list(v.findings)}
            for v in self.verdicts
        ]


def salt_of(exercise: Exercise) -> str:
    """What makes a digest of one exercise differ from that of another."""
    return digest(exercise.heading, exercise.name)


def heads(exercise: Exercise, outcomes: Outcomes) -> dict:
    """What a page needs for every kind of exercise."""
    return {
        "number": exercise.number,
        "name": exercise.name,
        "heading": exercise.heading,
        "hints": list(exercise.hints),
        "nextStep": exercise.next_step,
        "salt": salt_of(exercise),
        "outcomes": outcomes.as_plain(),
    }


def choice_table(exercise: Exercise) -> dict:
    """The table of an exercise with a choice."""
    outcomes, salt = Outcomes(), salt_of(exercise)
    letters = {
        digest(salt, letter): outcomes.number(exercise.judge(letter, 0))
        for letter in exercise.choices
    }
    return {"kind": "choice", "letters": letters} | heads(exercise, outcomes)


def key(classes: Iterable[int]) -> str:
    """The classes of an answer's numbers, as text."""
    return ",".join(map(str, classes))


def mask_key(mask: Iterable[bool]) -> str:
    """Which parts are right, as text."""
    return "".join("1" if is_right else "0" for is_right in mask)


class Table:
    """What is known of an exercise's numbers."""

    kind = ""

    def __init__(self, judged: Judged):
        self.judged, self.exercise = judged, judged.exercise
        self.outcomes, self.lexicon = Outcomes(), Lexicon(salt_of(judged.exercise))
        self.count = len(judged.right)
        self.known: list[dict[float, int]] = [{normal(r): RIGHT} for r in judged.right]
        self.examples: list[dict[int, float]] = [{RIGHT: r} for r in judged.right]
        self.whole: dict[str, int] = {}
        for part, right in enumerate(judged.right):
            self.lexicon.add(part, near(right, self.exercise.tolerance), RIGHT)

    def class_of(self, part: int, value: float) -> int:
        """The class of a number; a new one where it has none yet."""
        value, known = normal(value), self.known[part]
        if value not in known:
            known[value] = self.add_class(part, value, near(value, ROUNDED))
        return known[value]

    def exact_class(self, part: int, value: float) -> None:
        """Make a class of a number alone, before those in which it may be rounded."""
        value, known = normal(value), self.known[part]
        if value not in known:
            known[value] = self.add_class(part, value, near(value, self.exercise.tolerance))

    def add_class(self, part: int, example: float, cells: Iterable[Cell]) -> int:
        """Make a class of the numbers in some cells."""
        number = len(self.examples[part])
        self.examples[part][number] = example
        self.lexicon.add(part, cells, number)
        return number

    def classes_of(self, values: Values) -> Classes:
        """The classes of an answer's numbers."""
        return tuple(self.class_of(part, value) for part, value in enumerate(values))

    def add_whole(self, classes: Classes, values: Values) -> None:
        """Note what is said to an answer, for all answers of the same classes."""
        verdict = self.judged.verdict(values)
        if verdict.status != Status.OK:
            self.whole.setdefault(key(classes), self.outcomes.number(verdict))

    def as_plain(self) -> dict:
        """As plain data, for a page."""
        return heads(self.exercise, self.outcomes) | {
            "kind": self.kind,
            "shape": list(self.judged.shape),
            "lexicon": self.lexicon.as_plain(),
            "whole": self.whole,
        }
