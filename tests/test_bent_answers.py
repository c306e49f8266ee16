"""Answers that are made to pass without being right, found by who tried."""

import copy
import inspect
import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack, _pop_mode

from course_utils.exercise import REGISTRY
from course_utils.exercises import all_exercises
from course_utils.exercises.calling import needs_weights
from course_utils.judging import judge
from course_utils.judging.board_runs import with_checksum
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


class Endless(nn.Module):
    """Scores that are not finite, whatever the weights."""

    def __init__(self, number):
        super().__init__()
        self.dense, self.number = nn.Linear(256, 1000), number

    def forward(self, x):
        return self.dense(x.mean((2, 3))) * 0 + self.number


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_scores_that_are_no_numbers_are_refused(number):
    assert REGISTRY["4.6"].judge(lambda: Endless(number)).findings == ("not-finite",)


@pytest.mark.parametrize(
    ("scale", "start"), [(lambda t: (1 - t**2).sqrt(), 0.8), (torch.atanh, 0.6), (torch.exp, 60.0)]
)
def test_weight_that_may_not_be_large_counts(scale, start):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scores, self.weight = head(), nn.Parameter(torch.tensor(start))

        def forward(self, x):
            return self.scores(x) * scale(self.weight)

    assert REGISTRY["4.6"].judge(Scaled).status == "ok"


def test_nan_needs_no_weights():
    layer = nn.Linear(4, 4)
    inputs, others = torch.rand(2, 3, 4)
    assert needs_weights(layer, inputs, others, atol=1e-6)
    scores = nn.Sequential(nn.Linear(4, 4), nn.Threshold(math.inf, math.nan))
    assert not needs_weights(scores, inputs, others, atol=1e-6)


@pytest.mark.parametrize("accuracy", [math.nan, math.inf, 250.0])
def test_run_that_reached_no_share_reaches_no_goal(accuracy):
    runs = [with_checksum(run | {"accuracy": accuracy}) for run in REGISTRY["4.12"].answer]
    assert REGISTRY["4.12"].judge(tuple(runs)).status == "mistake"


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


class OverItself(nn.Module):
    """Multiplies by a weight that is divided by itself: 1, whatever it is."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x * (self.weight / self.weight)


def test_weight_over_itself_is_none():
    def small_head():
        return nn.Sequential(nn.Flatten(), nn.AdaptiveAvgPool1d(1000), OverItself())

    def decoder():
        grow = nn.Upsample(scale_factor=8, mode="bilinear")
        return nn.Sequential(nn.AdaptiveAvgPool3d((3, 4, 4)), OverItself(), grow, nn.Sigmoid())

    assert REGISTRY["4.6"].judge(small_head).findings == ("scores-without-weights",)
    assert REGISTRY["7.3"].judge(decoder).findings == ("past-the-weights",)


def test_weight_under_a_root_counts():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scores = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 1000))
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x):
            return self.scores(x) / self.scale.sqrt()

    assert REGISTRY["4.6"].judge(Scaled).status == "ok"


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


def _by_layer(kind, weights=None):
    """The layer of `nn` that does the work of an exercise, as a function of its arguments."""

    def answer(image, *settings):
        if weights is None:
            return kind(*settings)(image)
        kernel, *settings = settings
        layer = kind(1 if image.ndim == 2 else len(image), 1, kernel.shape[-2:], *settings)
        layer.load_state_dict({"weight": kernel.reshape(layer.weight.shape)})
        return layer(image.reshape(1, -1, *image.shape[-2:]))[0, 0].detach()

    return answer


LIBRARY = {  # exercise -> ways to the function that it asks to do without
    "2.5": [
        lambda image, kernel, *settings: torch.conv2d(image[None], kernel[None], None, *settings)[
            0, 0
        ],
        _by_layer(partial(nn.Conv2d, bias=False), weights=True),
    ],
    "3.4": [
        F.max_pool2d,
        torch.max_pool2d,
        lambda *arguments: F.max_pool2d(*arguments, return_indices=True)[0],
        _by_layer(nn.MaxPool2d),
    ],
    "3.7": [
        lambda image, size, stride: F.lp_pool2d(image, 2, size, stride),
        _by_layer(partial(nn.LPPool2d, 2)),
    ],
    "7.7": [_by_layer(partial(nn.ConvTranspose2d, bias=False), weights=True)],
}


@pytest.mark.parametrize("number", LIBRARY)
def test_function_to_do_without_is_found(number):
    for answer in LIBRARY[number]:
        assert REGISTRY[number].judge(answer).findings == ("library",)


def test_part_by_the_function_to_do_without_is_found_too():
    conv2d = REGISTRY["2.5"].model

    def in_part(image, kernel, stride=1, padding=0):
        if padding:
            return F.conv2d(image[None], kernel[None], stride=stride, padding=padding)[0, 0]
        return conv2d(image, kernel, stride, padding)

    assert REGISTRY["2.5"].judge(in_part).findings == ("library",)


@pytest.mark.parametrize("swallowed", range(12))
def test_answer_that_is_stopped_leaves_no_function_forbidden(swallowed):
    """Rings come faster and on every line then: one may fall where the prohibition ends."""
    exercise, rings = copy.copy(REGISTRY["2.5"]), []
    exercise.seconds = 0.1

    def conv2d(image, kernel, stride=1, padding=0):
        while True:
            try:
                while True:
                    pass
            except BaseException:
                rings.append(None)
                if len(rings) > swallowed:
                    raise

    exercise.judge(conv2d)
    assert not _get_current_function_mode_stack()
    F.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2))


def test_other_functions_of_the_library_are_welcome():
    def by_unfold(image, kernel, stride=1, padding=0):
        windows = F.unfold(image[None], kernel.shape[1:], padding=padding, stride=stride)
        rows = (image.shape[1] + 2 * padding - kernel.shape[1]) // stride + 1
        return (kernel.flatten() @ windows[0]).reshape(rows, -1)

    def by_lines(image, size, stride, padding=0):
        columns = F.max_pool1d(image, size, stride, padding)
        return F.max_pool1d(columns.transpose(1, 2), size, stride, padding).transpose(1, 2)

    assert REGISTRY["2.5"].judge(by_unfold).status == "ok"
    assert REGISTRY["3.4"].judge(by_lines).status == "ok"


class Doubles(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        return result * 2 if func is torch.Tensor.sum else result


SETTINGS = {
    "another default dtype": lambda: torch.set_default_dtype(torch.float64),
    "another default device": lambda: torch.set_default_device("meta"),
    "a device that is not there": lambda: torch.set_default_device("mps"),
    "NumPy that raises": lambda: np.seterr(all="raise"),
    "a mode of PyTorch's": lambda: Doubles().__enter__(),
    "no gradients": lambda: torch.set_grad_enabled(False),
    "numbers of half the size": lambda: torch.set_autocast_enabled("cpu", True),
}


def _settings():
    context = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    device = str(context and context.device)
    torch_modes = len(_get_current_function_mode_stack())
    grad, autocast = torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")
    return torch.get_default_dtype(), device, grad, autocast, torch_modes, np.geterr()["over"]


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_a_session_do_not_count(name):
    """A cell may have changed them for all of Python: answers are judged without, and they stay."""
    numbers = ("2.9", "5.1", "6.10", "7.7")
    before = _settings()
    SETTINGS[name]()
    changed = _settings()
    try:
        models = {number: REGISTRY[number].model for number in numbers}
        answers = {number: lambda *x, m=model, **k: m(*x, **k) for number, model in models.items()}
        seeds = range(90, 90 + len(numbers))  # of which nothing is known yet
        passed = [
            REGISTRY[number].judge(answer, seed).status
            for seed, (number, answer) in zip(seeds, answers.items(), strict=True)
        ]
        after = _settings()
    finally:
        torch.set_default_dtype(before[0])
        torch.set_default_device(None)
        torch.set_grad_enabled(before[2])
        torch.set_autocast_enabled("cpu", before[3])
        while len(_get_current_function_mode_stack()) > before[4]:
            _pop_mode()
        np.seterr(over="warn", divide="warn", invalid="warn", under="ignore")
    assert changed != before
    assert passed == ["ok"] * len(numbers)
    assert after == changed
