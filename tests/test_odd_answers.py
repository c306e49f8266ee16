"""Whatever an answer is, something is said: no exercise raises, and nothing odd is right."""

import numpy as np
import pytest
import torch
from turns import is_daily

from course_utils.exercises import all_exercises

ODD = {
    "an empty tensor": torch.empty(0),
    "an empty matrix": torch.empty(0, 1),
    "an empty array": np.empty((0, 3)),
    "a list without anything": [[]],
    "a huge number": 10**400,
    "a large number": -(2**70),
    "not a number, often": np.full(2, np.nan),
    "infinite": torch.tensor(float("-inf")),
    "imaginary": 1j,
    "larger than any number": complex(1.7e308, 1.7e308),
    "a long double": np.longdouble("0.1"),
    "a long imaginary": np.clongdouble(1j),
    "a text": "x",
    "bytes": b"x",
    "a set": {1},
    "a dictionary": {"a": 1},
    "a function": print,
    "sparse": torch.zeros(3).to_sparse(),
}
VALUES = [each for each in all_exercises() if each.is_value and not each.is_choice]
FUNCTIONS = [each for each in all_exercises() if each.kind == "function"]
each_share = pytest.mark.parametrize("share", [3, pytest.param(1, marks=pytest.mark.weekly)])


def odd_versions(answer, odd):
    """The odd thing alone, and in each place of an answer of several parts, or in all."""
    yield odd
    if isinstance(answer, tuple | list):
        count = len(answer)
        for i in range(count):
            yield (*answer[:i], odd, *answer[i + 1 :])
            yield (*[0.5] * i, odd, *[0.5] * (count - 1 - i))
        yield (odd,) * count
    elif isinstance(answer, torch.Tensor):
        yield from ([odd], [[odd] * 3] * 3)


def daily_share(exercises, name, share):
    return [each for each in exercises if is_daily(f"{each.number} {name}", share)]


@pytest.mark.bank
@each_share
@pytest.mark.parametrize("name", ODD)
def test_no_value_is_too_odd_to_be_judged(name, share):
    for exercise in daily_share(VALUES, name, share):
        for answer in odd_versions(exercise.answer, ODD[name]):
            verdict = exercise.judge(answer, 0)
            assert verdict.status != "ok", (exercise.number, answer)
            assert verdict.message, (exercise.number, answer)


@pytest.mark.bank
@each_share
@pytest.mark.parametrize("name", ODD)
def test_no_result_is_too_odd_to_be_judged(name, share):
    for exercise in daily_share(FUNCTIONS, name, share):
        verdict = exercise.judge(lambda *_arguments, **_named: ODD[name], 0)
        assert verdict.status != "ok", exercise.number
        assert verdict.message, exercise.number
