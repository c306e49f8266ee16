"""Two listed mistakes made at once, where they are switches of one parametrised answer.

Pairs grow with the square of their number and a verdict has 150 ms, so the likeliest are tried
first, for a limited time: those whose mistakes, each alone, come nearest to what was seen.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from course_utils.judging import probes
from course_utils.judging.comparison import align
from course_utils.judging.evidence import Evidence, Finding
from course_utils.judging.observation import close, numbers, same
from course_utils.judging.observe import observe_trusted

SECONDS = 0.08
PRAISE = re.compile(r"(?i)^[^.,;:]*\bright\b[^.,;:]*, (but|and) (\w)")  # of one slip by itself
MOST = 3  # pairs that explain the same; with as many nothing but a slip they share is said

Pair = tuple[str, str]


def mistakes_together(evidence: Evidence) -> list[Finding]:
    """The two mistakes that, made together, explain everything; two pairs only as alternatives."""
    exercise = evidence.exercise
    if exercise.switches is None or _explained_by_one_probe(evidence):
        return []
    deadline = time.thread_time() + SECONDS
    explaining: list[Pair] = []
    for pair in _likeliest_first(evidence):
        if len(explaining) == MOST or time.thread_time() > deadline:
            break
        predicted = _predict_pair(evidence, *pair)
        if predicted is not None and evidence.explains(predicted):
            explaining.append(pair)
    return _findings(evidence, explaining)


def _findings(evidence: Evidence, pairs: list[Pair]) -> list[Finding]:
    words = {
        name: PRAISE.sub(lambda found: found[2].upper(), mistake.words)
        for name, mistake in evidence.exercise.mistakes.items()
    }
    shared = set.intersection(*map(set, pairs)) if pairs else set()
    if len(pairs) == 1 or (len(pairs) == 2 and not shared):
        return [
            Finding(f"{a}+{b}", f"Two slips at once. First: {words[a]} Second: {words[b]}")
            for a, b in pairs
        ]
    if not shared:
        return []
    name = shared.pop()
    others = [a if b == name else b for a, b in pairs]
    if len(pairs) == MOST:
        more = f"{words[name]} That is not all: something else is wrong as well."
        return [Finding(name, more)]
    either = " Or: ".join(words[other] for other in others)
    text = f"Two slips at once. First: {words[name]} Second, either: {either}"
    return [Finding("+".join((name, *others)), text)]


def _likeliest_first(evidence: Evidence) -> Iterator[Pair]:
    """Pairs of switches that can be set together, by what each alone explains of a failing case."""
    mistakes = evidence.exercise.mistakes
    first = evidence.first_wrong
    observed, right = evidence.aligned[first], evidence.expected[first]
    scores = {
        name: _agreement(align(right, evidence.predicted_on(name, first)), observed)
        for name, mistake in mistakes.items()
        if mistake.switch
    }
    pairs = (
        pair
        for pair in combinations(scores, 2)
        if not set(mistakes[pair[0]].switch) & set(mistakes[pair[1]].switch)
    )
    return iter(sorted(pairs, key=lambda pair: -scores[pair[0]] - scores[pair[1]]))


def _agreement(predicted: Any, observed: Any) -> float:
    """The share of an observation that a prediction gives: of its parts, and of their numbers."""
    guess, got = numbers(predicted), numbers(observed)
    if guess is not None and got is not None:
        return float(close(guess, got, 1e-5).mean()) if guess.shape == got.shape else 0.0
    both = predicted, observed
    if all(isinstance(each, list | tuple) for each in both) and len(predicted) == len(observed):
        return float(np.mean([_agreement(*parts) for parts in zip(*both, strict=True)]))
    return float(same(predicted, observed))


def _explained_by_one_probe(evidence: Evidence) -> bool:
    """Whether one plain cause explains all, such as an input that comes back: simpler than two."""
    if evidence.exercise.accept or len(evidence.columns) != 1:
        return False
    findings = probes.first_findings(evidence.columns[0], evidence)
    return bool(findings) and findings[0].id != "constant"


def _predict_pair(evidence: Evidence, first: str, second: str) -> list | None:
    """What two mistakes make together; of a value it is computed once for all answers."""
    exercise = evidence.exercise
    if exercise.is_value and evidence.seed is not None:
        both = f"{first}+{second}"
        return [exercise.mistaken_observation(both, evidence.cases, evidence.seed, 0)]
    earlier, later = exercise.mistakes[first], exercise.mistakes[second]
    assert exercise.switches is not None  # `mistakes_together` asks only then
    return _predict(evidence, exercise.switches(**earlier.switch, **later.switch))


def _predict(evidence: Evidence, answer: object) -> list | None:
    """What an answer of the course gives on all cases; None as soon as it is not what was seen."""
    predicted: list = [None] * len(evidence.cases)
    first = evidence.first_wrong
    for i in [first, *(k for k in range(len(predicted)) if k != first)]:
        predicted[i] = observe_trusted(evidence.exercise, answer, [evidence.cases[i]])[0]
        if not same(predicted[i], evidence.aligned[i], evidence.exercise.tolerance):
            return None
    return predicted
