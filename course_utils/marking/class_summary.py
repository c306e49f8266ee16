"""What a class got wrong, counted: who is stuck where, on what, and what nobody has named yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from course_utils.exercise import Exercise
from course_utils.exercises import all_exercises
from course_utils.marking import marks
from course_utils.marking.class_results import NOT_TRIED, ClassResults, Outcome

STATES = ("passed", "stuck", "absent", "missing")
FALLBACK_MESSAGES = {  # what is said of those who are stuck without a known mistake
    "type": "The numbers may be right; the type or the shape is not.",
    "error": "The code stops with an error.",
    "limit": "The code runs too long or needs too much memory.",
    "own": "It is the course's own answer.",
}
UNKNOWN_MISTAKE = "None of the usual mistakes."
ALIKE = "{} All do the same:"
MAX_GIST = 60  # characters
Example = Callable[[str, Exercise], str]  # student, exercise → anonymised code, or ""


@dataclass(frozen=True)
class Kind:
    """One way of going wrong, who went it, and how many of them have passed since.

    Attributes
    ----------
    message : what is said of it
    students : everybody's names
    since : how many have passed since
    signature : of answers that nothing explains and that do the same, else ""
    example : one of the answers, anonymised; "" where none is at hand
    """

    message: str
    students: list[str]
    since: int
    signature: str = ""
    example: str = ""

    @property
    def gist(self) -> str:
        """The last line of the example, which says most of what it does."""
        last = (self.example.splitlines() or [""])[-1].strip()
        return last if len(last) <= MAX_GIST else f"{last[:MAX_GIST]}…"


@dataclass(frozen=True)
class ExerciseSummary:
    """One exercise: names of students by what became of it, how they go wrong, mean points."""

    exercise: Exercise
    passed: list[str]
    stuck: list[str]
    absent: list[str]
    missing: list[str]
    kinds: list[Kind]
    points: float | None
    maximum: float | None

    @property
    def stuck_kinds(self) -> list[tuple[int, Kind]]:
        """How many are stuck on each kind, those that most are stuck on first."""
        stuck = set(self.stuck)
        counted = [(len(stuck & {*kind.students}), kind) for kind in self.kinds]
        return sorted((pair for pair in counted if pair[0]), key=lambda pair: -pair[0])


@dataclass(frozen=True)
class Totals:
    """The class as a whole.

    Attributes
    ----------
    students, handed_in, unreadable : how many; who handed in anything at all that can be read
    passed : exercises that one of these has right, on average
    points, maximum : mean and sum of the points; None where nothing was marked
    """

    students: int
    handed_in: int
    unreadable: int
    passed: float
    points: float | None
    maximum: float | None

    @property
    def missing(self) -> int:
        """How many handed in nothing."""
        return self.students - self.handed_in - self.unreadable


def summarize(students: ClassResults, example: Example | None = None) -> list[ExerciseSummary]:
    """Count, for all exercises of every part of which somebody has tried or handed in anything."""
    numbers = {number for outcomes in students.values() for number in outcomes}
    exercises = all_exercises()
    parts = {exercise.model.__module__ for exercise in exercises if exercise.number in numbers}
    return [
        _summarize_exercise(exercise, students, example or (lambda _student, _exercise: ""))
        for exercise in exercises
        if exercise.model.__module__ in parts
    ]


def _summarize_exercise(
    exercise: Exercise, students: ClassResults, example: Example
) -> ExerciseSummary:
    outcomes = {
        student: students[student].get(exercise.number, _default(students[student]))
        for student in sorted(students)
    }
    by_state = {
        state: [student for student, outcome in outcomes.items() if outcome.state == state]
        for state in STATES
    }
    alike = Counter(outcome.signature for outcome in outcomes.values() if _is_unexplained(outcome))
    by_kind: dict[tuple[str, str], list[str]] = {}
    for student, outcome in outcomes.items():
        for kind in _kinds_of(exercise, outcome, alike):
            by_kind.setdefault(kind, []).append(student)
    kinds = [
        Kind(
            message,
            names,
            len({*names} & {*by_state["passed"]}),
            signature,
            _first_example(exercise, names, outcomes, example),
        )
        for (message, signature), names in by_kind.items()
    ]
    kinds.sort(key=lambda kind: -len(kind.students))
    marked = [o for o in outcomes.values() if o.points is not None and o.state != "missing"]
    mean = sum(o.points or 0 for o in marked) / len(marked) if marked else None
    maximum = max((o.maximum or 0 for o in marked), default=None)
    return ExerciseSummary(exercise, **by_state, kinds=kinds, points=mean, maximum=maximum)


def _default(outcomes: dict[str, Outcome]) -> Outcome:
    """What became of an exercise that a student's file does not tell of."""
    missing = all(outcome.state == "missing" for outcome in outcomes.values())
    return next(iter(outcomes.values())) if missing and outcomes else NOT_TRIED


def _is_unexplained(outcome: Outcome) -> bool:
    return bool(outcome.state == "stuck" and not outcome.mistakes and outcome.signature)


def _kinds_of(exercise: Exercise, outcome: Outcome, alike: Counter) -> list[tuple[str, str]]:
    """The (message, signature) of each way in which a student went wrong."""
    if outcome.mistakes:
        words = {id_: mistake.words for id_, mistake in exercise.mistakes.items()}
        ids = dict.fromkeys(outcome.mistakes)
        return [(words.get(id_, _general(id_)), "") for id_ in ids]
    if outcome.state != "stuck":
        return []
    fallback = FALLBACK_MESSAGES.get(outcome.status, UNKNOWN_MISTAKE)
    if outcome.error:
        fallback = f"The code stops with this error: {outcome.error}."
    if _is_unexplained(outcome) and alike[outcome.signature] > 1:
        return [(ALIKE.format(fallback), outcome.signature)]
    return [(fallback, "")]


def _general(finding: str) -> str:
    """Words for what no exercise lists, such as a wrong sign."""
    return f"Not on the list of mistakes: {finding.replace('-', ' ')}."


def _first_example(
    exercise: Exercise, names: list[str], outcomes: dict[str, Outcome], example: Example
) -> str:
    """The first answer that is at hand; of students who have passed since there is none."""
    stuck = (name for name in names if outcomes[name].state == "stuck")
    return next(filter(None, (example(name, exercise) for name in stuck)), "")


def total(students: ClassResults) -> Totals:
    """Count the class as a whole."""
    handed_in, unreadable = [], 0
    for outcomes in students.values():
        if any(outcome.state != "missing" for outcome in outcomes.values()):
            handed_in.append(outcomes)
        else:
            unreadable += any(o.status == marks.UNREADABLE for o in outcomes.values())
    passed = sum(o.passed for outcomes in handed_in for o in outcomes.values())
    points = [
        (o.points, o.maximum or 0)
        for outcomes in handed_in
        for o in outcomes.values()
        if o.points is not None
    ]
    number = max(len(handed_in), 1)
    return Totals(
        len(students),
        len(handed_in),
        unreadable,
        passed / number,
        sum(pair[0] for pair in points) / number if points else None,
        sum(pair[1] for pair in points) / number if points else None,
    )


def unexplained(summaries: list[ExerciseSummary]) -> list[tuple[ExerciseSummary, Kind]]:
    """Return the groups of answers that do the same and that nothing explains, largest first."""
    groups = [(row, kind) for row in summaries for kind in row.kinds if kind.signature]
    return sorted(groups, key=lambda pair: -len(pair[1].students))
