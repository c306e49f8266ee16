"""Answers that are made to pass without being right, found by who tried."""

import inspect
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.exercise import REGISTRY
from course_utils.exercises import all_exercises
from course_utils.judging import judge
from course_utils.judging.observe import make_cases, observe_trusted

all_exercises()


class PastTheWeights(nn.Module):
    """Numbers of the input as results, without a weight or beside layers that have some."""

    def __init__(self, size, layer=None):
        super().__init__()
        self.size, self.layer = size, layer

    def forward(self, x):
        numbers = F.interpolate(x.flatten(1)[:, None], math.prod(self.size)).reshape(-1, *self.size)
        return torch.sigmoid(numbers if self.layer is None else numbers + self.layer(x))


def head():
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 1000))


@pytest.mark.parametrize(
    ("number", "answer", "finding"),
    [
        (
            "4.6",
            lambda: nn.Sequential(nn.Flatten(), nn.AdaptiveAvgPool1d(1000)),
            "nothing-to-learn",
        ),
        ("4.6", lambda: PastTheWeights((1000,), head()), "scores-without-weights"),
        ("7.3", lambda: PastTheWeights((3, 32, 32)), "past-the-weights"),
    ],
)
def test_network_that_goes_past_its_weights_is_refused(number, answer, finding):
    assert REGISTRY[number].judge(answer).findings == (finding,)


class Even(nn.Module):
    """The magnitudes of a code as a picture: the same for a code and its negative."""

    def forward(self, x):
        numbers = (x.abs() - x.abs().mean()).flatten(1)[:, None]
        return F.interpolate(numbers, 3 * 32 * 32).reshape(-1, 3, 32, 32).sigmoid()


def test_weights_are_missed_whatever_the_symmetry():
    assert REGISTRY["7.3"].judge(Even).findings == ("past-the-weights",)


@pytest.mark.parametrize(
    "norm", [nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm]
)
def test_weights_that_are_divided_by_their_size_count(norm):
    def decoder():
        pairs = ((32, 16), (16, 8), (8, 3))
        layers = [norm(nn.ConvTranspose2d(a, b, 4, stride=2, padding=1)) for a, b in pairs]
        return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2], nn.Sigmoid())

    def small_head():
        return nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), norm(nn.Linear(256, 1000, device="cpu"))
        )

    assert REGISTRY["4.6"].judge(small_head).status == "ok"
    assert REGISTRY["7.3"].judge(decoder).findings != ("past-the-weights",)


def test_head_is_counted_as_it_runs():
    """Not only on a device where nothing is allocated."""

    def small_head():
        if torch.get_default_device().type == "meta":
            return nn.Linear(1, 1)
        return nn.Sequential(nn.Flatten(), nn.Linear(256 * 36, 1000))

    assert REGISTRY["4.6"].judge(small_head).status == "mistake"


def test_answer_is_no_observation_of_ours():
    """Of a loss it is observed whether gradients reach the code; an answer cannot say so itself."""
    sparse_loss = REGISTRY["7.11"].model

    def told(x, rebuilt, h, weight):
        return sparse_loss(x, rebuilt, h, weight).detach(), True, True

    assert REGISTRY["7.11"].judge(told).findings == ("several-results",)


@pytest.mark.parametrize("number", ["6.4", "6.6", "6.7", "6.9", "6.10", "7.7", "2.5"])
def test_defaults_of_arguments_are_tried(number):
    exercise = REGISTRY[number]
    signature = inspect.signature(exercise.model)
    defaults = [p for p in signature.parameters.values() if p.default is not p.empty]
    assert defaults
    for parameter in defaults:

        def other(*args, parameter=parameter):
            left_out = [*signature.parameters][len(args) :]
            changed = {parameter.name: parameter.default + 1} if parameter.name in left_out else {}
            return exercise.model(*args, **changed)

        assert exercise.judge(other, 1).status != "ok", parameter.name


@pytest.mark.parametrize(
    ("number", "mistake"),
    [
        ("8.6", "lengths-by-magnitudes"),
        ("6.14", "sorted"),
        ("6.14", "sorted-falling"),
        ("3.9", "place-by-image-width"),
    ],
)
def test_no_seed_makes_a_mistake_right(number, mistake):
    """By luck these were: one in five times, in twenty, in fifty, and in five hundred."""
    exercise = REGISTRY[number]
    for seed in range(60):
        cases = make_cases(exercise, seed)
        seen = observe_trusted(exercise, exercise.mistakes[mistake].answer, cases)
        assert not judge.passes(exercise, seen, judge.expected(exercise, seed), seed), seed


def test_gradient_that_is_0_reaches_nothing():
    sparse_loss = REGISTRY["7.11"].model

    def still(x, rebuilt, h, weight):
        return sparse_loss(x, rebuilt, h, weight).detach() + 0 * (rebuilt.sum() + h.sum())

    assert REGISTRY["7.11"].judge(still).findings == ("gradients-lost",)
