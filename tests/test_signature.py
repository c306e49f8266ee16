"""Answers that do the same have the same signature, and others have another."""

import itertools

import numpy as np
import pytest
import torch

from course_utils.exercises import all_exercises
from course_utils.judging.judge import expected
from course_utils.judging.observation import Other, Stopped, same, signature
from course_utils.judging.observe import make_cases

SEED = 4
EXERCISES = [e for e in all_exercises() if e.workbook in ("01", "02", "03", "08")]


def noisy(value, rng):
    """The same numbers, with other last digits."""
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return value * (1 + 1e-7 * torch.from_numpy(rng.standard_normal(value.shape)))
    if isinstance(value, list | tuple):
        return type(value)(noisy(part, rng) for part in value)
    return value * (1 + 1e-9) if type(value) is float else value


def test_signatures_differ_where_observations_do():
    for exercise in EXERCISES:
        cases = make_cases(exercise, SEED)
        answers = [expected(exercise, SEED)]
        answers += [
            [exercise.mistaken_observation(name, cases, SEED, i) for i in range(len(cases))]
            for name in exercise.mistakes
        ]
        signed = [(answer, signature(answer)) for answer in answers]
        for (first, mark), (second, other) in itertools.combinations(signed, 2):
            differ = len(first) != len(second) or not all(map(same, first, second))
            assert differ == (mark != other), exercise.number


def test_signature_ignores_last_digits():
    rng = np.random.default_rng(SEED)
    split = total = 0
    for exercise in EXERCISES:
        right = expected(exercise, SEED)
        for _ in range(5):
            split += signature(noisy(right, rng)) != signature(right)
            total += 1
    assert split / total < 0.01


@pytest.mark.parametrize(
    "value",
    [
        torch.tensor([float("nan"), 1.0]), torch.zeros(0, 3), torch.zeros(40), 10**400,
        float("nan"), complex(1, float("inf")), Stopped("IndexError", "x"), Other("module"),
        {"a": [torch.ones(3), None]}, np.array([1.5 + 2j] * 30), torch.full((30,), float("inf")),
    ],
    ids=str,
)  # fmt: skip
def test_signature_takes_every_observation(value):
    assert signature([value]) == signature([value])
    assert signature([value]) != signature([value, value]) != signature([[value, value]])
