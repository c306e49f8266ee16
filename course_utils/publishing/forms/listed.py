"""Tables of exercises that pages judge by a computation, or by rows that readers choose."""

from __future__ import annotations

import itertools

from course_utils.exercise import Exercise
from course_utils.judging.page_answers import Catalogue, Computation
from course_utils.publishing.forms.base import Outcomes, heads, salt_of
from course_utils.publishing.forms.cells import digest


def computed_table(exercise: Exercise, computation: Computation) -> dict:
    """The table of numbers that the page's own computation judges: what it says of each mistake."""
    outcomes = Outcomes()
    told = {
        name: outcomes.number(exercise.judge(mistake.answer, 0))
        for name, mistake in exercise.mistakes.items()
    }
    return heads(exercise, outcomes) | {
        "kind": "computed",
        "shape": [len(exercise.parts)],
        "parts": list(exercise.parts),
        "script": computation.script,
        "data": computation.data(),
        "told": told,
    }


def catalogue_table(exercise: Exercise, catalogue: Catalogue) -> dict:
    """The table of an answer made of rows: of every choice a digest, and what is said of it."""
    outcomes, salt = Outcomes(), salt_of(exercise)
    named = catalogue.lettered()
    letters = {}
    for chosen in itertools.product(named, repeat=len(exercise.parts)):
        answer = tuple(named[letter][1] for letter in chosen)
        letters[digest(salt, *chosen)] = outcomes.number(exercise.judge(answer, 0))
    parts = list(exercise.parts)
    return heads(exercise, outcomes) | {"kind": "listed", "letters": letters, "parts": parts}
