"""What further 06 says of valleys, cycles, batches and borders, over seeds and starts."""

from __future__ import annotations

import math
import random

import pytest
import torch

from course_utils import datasets
from course_utils.exercises import optimisers, optimisers_further
from course_utils.training.tables import SIZES, accuracy_by_rate, initial_row, row_logits

DIGITS = datasets.load("digits")


def momentum(w, g, v, eta, alpha=0.9):
    v = alpha * v - eta * g
    return w + v, v


def adagrad(w, g, r, eta):
    r = r + g**2
    return w - eta * g / (r**0.5 + 1e-8), r


RULES = {
    "descent": (lambda w, g, v, eta: (w - eta * g, v), 0),
    "momentum": (momentum, 0),
    "AdaGrad": (adagrad, 0),
    "RMSprop": (optimisers.rmsprop_step.answer, 0),
    "Adam": (optimisers.adam_step.answer, (0, 0, 0)),
}


# The turned valley --------------------------------------------------------------------------------


def first_arrivals(angle):
    """Rule → median over 20 starts of the steps to 99.9 %, at the best of 46 rates; and of one."""
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    turn = turn.double()
    matrix = turn @ torch.diag(torch.tensor([0.2, 25.0]).double()) @ turn.T
    draw, rates = random.Random(1), torch.logspace(-3.5, 1, 46).double()[:, None]
    starts = [[-1.8, 1.0]] + [[draw.uniform(-2, 2), draw.uniform(-1.5, 1.5)] for _ in range(20)]
    begin = (torch.tensor(starts).double() @ turn.T)[:, None].expand(-1, 46, 2)
    medians, own = {}, {}
    for rule, (step, memory) in RULES.items():
        w, far = begin, torch.zeros(begin.shape[:2])
        first = ((w @ matrix) * w).sum(-1)
        for t in range(401):
            far = torch.where(((w @ matrix) * w).sum(-1) <= 0.001 * first, far, t + 1)
            w, memory = step(w, w.clamp(-50, 50) @ matrix, memory, eta=rates)
        best = far.amin(1)
        own[rule], medians[rule] = int(best[0]), int(best[1:].median())
    return own, medians


def test_turn_takes_adagrads_lead():
    """The numbers of the notebook: the given start, and the median of 20 others."""
    straight, straight_medians = first_arrivals(0.0)
    turned, turned_medians = first_arrivals(0.5)
    assert (straight["AdaGrad"], turned["AdaGrad"]) == (3, 104)
    assert straight["descent"] == turned["descent"] == 128
    assert straight["momentum"] == turned["momentum"] == 63
    told = {"AdaGrad": (2, 84), "RMSprop": (88, 135), "Adam": (53, 60), "descent": (104, 104)}
    for rule, medians in told.items():
        assert (straight_medians[rule], turned_medians[rule]) == pytest.approx(medians, abs=3)


def test_misprint_brakes_like_nesterov():
    """By √(α(1 − ηa)) per step, from ηa = 0.003 to 0.99 at α = 0.9."""
    for rate in (0.003, 0.01, 0.1, 0.5, 0.9, 0.99):
        for as_met in (False, True):
            first = 1.9 - 2 * rate if as_met else 1.9 * (1 - rate)
            determinant = 0.9 * (1 - rate)
            assert first**2 < 4 * determinant  # complex, so both roots have this size:
            matrix = torch.tensor([[first, -determinant], [1.0, 0.0]]).double()
            largest = torch.linalg.eigvals(matrix).abs().max().item()
            assert largest == pytest.approx(math.sqrt(determinant))


# Libraries ----------------------------------------------------------------------------------------


def test_epsilon_beside_uncorrected_root_acts_larger():
    """Keras's Adam: η√(1 − β₂ᵗ)/(1 − β₁ᵗ) · m/(√r + ε), in the first step."""
    g, eps = 1e-6, 1e-7
    m, r = 0.1 * g, 0.001 * g * g
    by_keras = math.sqrt(0.001) / 0.1 * m / (math.sqrt(r) + eps)
    larger = eps / math.sqrt(0.001)
    assert by_keras == pytest.approx(g / (g + larger))
    assert larger / eps == pytest.approx(32, abs=0.5)


# Cycles and batches -------------------------------------------------------------------------------


def test_rows_are_networks_of_torch():
    row = initial_row(3)
    assert row.shape == (sum(SIZES),)
    assert sum(SIZES) == 1898
    torch.manual_seed(3)
    first, second, dense = (
        torch.nn.Conv2d(1, 8, 3),
        torch.nn.Conv2d(8, 16, 3),
        torch.nn.Linear(64, 10),
    )
    for layer in (first, second):
        layer.stride, layer.padding = (2, 2), (1, 1)
    images = torch.rand(5, 1, 8, 8)
    expected = dense(second(first(images).relu()).relu().flatten(1))
    torch.testing.assert_close(row_logits(row, images), expected)


def test_table_trains_like_sgd_of_torch():
    rates = torch.tensor([[0.05, 0.01]] * 30)
    row = initial_row(4)
    images, labels = DIGITS.train_images.float() / 127.5 - 1, DIGITS.train_labels
    batches = [torch.randperm(1000)[:32] for _ in range(30)]  # as drawn after seed 4
    w = row.clone().requires_grad_()
    optimizer = torch.optim.SGD([w], lr=0.05, momentum=0.9)
    for batch in batches:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(row_logits(w, images[batch]), labels[batch]).backward()
        optimizer.step()
    tests = DIGITS.test_images.float() / 127.5 - 1
    right = (row_logits(w, tests).argmax(1) == DIGITS.test_labels).float().mean().item()
    table = accuracy_by_rate(DIGITS, rates, seeds=[4])
    assert table.shape == (2, 1)
    assert table[0, 0].item() == pytest.approx(100 * right, abs=0.5)
    assert table[1, 0] != table[0, 0]


def test_short_cycle_survives_a_large_peak():
    """At 0.316 a constant rate fails; a cycle of 150 steps gets 48 to 79 %."""
    one_cycle = optimisers_further.one_cycle.answer
    plans = torch.stack([torch.full((150,), 0.316), one_cycle(150, 0.316)], 1)
    constant, cycle = accuracy_by_rate(DIGITS, plans).mean(1).tolist()
    assert constant < 40
    assert 40 < cycle < 85
    assert cycle > constant + 15


@pytest.mark.parametrize(
    ("size", "best", "low", "high"),
    [
        (8, (0.01, 0.0316), 84, 93),
        (32, (0.1,), 83, 92),
        (128, (0.316,), 70, 85),
        (1000, (3.16,), 40, 63),
    ],
)
@pytest.mark.training
def test_larger_batch_asks_for_larger_rate(size, best, low, high):
    """Three epochs: neighbours three times smaller and larger do worse than the best."""
    rates = torch.tensor([best[0] / 3.16, *best, best[-1] * 3.16])
    steps = 3 * -(-1000 // size)
    means = accuracy_by_rate(DIGITS, rates.repeat(steps, 1), batch_size=size).mean(1)
    assert 0 < means.argmax() < len(rates) - 1
    assert low < means.max() < high


# The border ---------------------------------------------------------------------------------------


def history(seed, eta_U, eta_V):
    """(100, P) losses of P networks from one start, as shares of the first."""
    torch.manual_seed(seed)
    x, y = torch.randn(8, 8), torch.randn(1, 8)
    U = (torch.randn(8, 8) / 8**0.5).expand(len(eta_U), 8, 8)
    V = (torch.randn(1, 8) / 8**0.5).expand(len(eta_U), 1, 8)
    losses = []
    for _ in range(100):
        hidden = torch.tanh(U @ x)
        error = V @ hidden - y
        losses.append(error.square().mean((1, 2)))
        back = error / 4  # 2/8 of the error
        for_V, for_U = back @ hidden.mT, (V.mT * back * (1 - hidden**2)) @ x.mT
        U, V = U - eta_U[:, None, None] * for_U, V - eta_V[:, None, None] * for_V
    losses = torch.stack(losses)
    return (losses / losses[0]).nan_to_num(torch.inf)


def test_fastest_rate_is_far_from_border():
    """In 36 tries at 0.1 to 0.9 of the largest that works, mostly near a half."""
    rates, places = torch.logspace(-2, 1.0, 181), []
    for seed in range(12):
        for side in (0.3, 1.0, 3.0):
            shares = history(seed, rates * side, rates / side)
            limit = int((shares[-1] >= 1).nonzero()[0])
            fastest = shares.clamp(max=1).mean(0)[:limit].argmin()
            places.append((rates[fastest] / rates[limit]).item())
    assert min(places) > 0.1
    assert max(places) < 0.92
    assert 0.35 < sorted(places)[18] < 0.6


# Update / weight, layer by layer ------------------------------------------------------------------


def layer_ratios(rate, seeds):
    """(150, seeds, 3) update / weight of three layers, and (seeds,) % right in the end."""
    images, labels = DIGITS.train_images.float() / 127.5 - 1, DIGITS.train_labels

    def loss(row, batch):
        return torch.nn.functional.cross_entropy(row_logits(row, images[batch]), labels[batch])

    gradient = torch.func.vmap(torch.func.grad(loss), in_dims=(0, None))
    w = torch.stack([initial_row(seed) for seed in seeds])
    v, ratios = torch.zeros_like(w), []
    for _ in range(150):
        v = 0.9 * v - rate * gradient(w, torch.randperm(len(labels))[:32])
        pairs = zip(v.split(SIZES, 1)[::2], w.split(SIZES, 1)[::2], strict=True)  # no biases
        ratios.append(torch.stack([move.norm(dim=1) / old.norm(dim=1) for move, old in pairs], 1))
        w = w + v
    tests = DIGITS.test_images.float() / 127.5 - 1
    right = torch.func.vmap(row_logits, in_dims=(0, None))(w, tests).argmax(2) == DIGITS.test_labels
    return torch.stack(ratios), 100 * right.float().mean(1)


@pytest.mark.training
def test_update_over_weight_tells_rates_apart():
    """First ten steps: below 0.1 %, 0.6 to 5 %, 9 to 35 %; after a crash it is small again."""
    for rate, low, high, later, accuracy in [
        (0.001, 0.005, 0.1, (0.01, 0.12), (5, 45)),
        (0.1, 0.6, 5, (1, 2.5), (84, 95)),
        (1.0, 9, 35, (0, 1), (5, 20)),
    ]:
        ratios, right = layer_ratios(rate, range(20))
        early, late = 100 * ratios[:10].median(0).values, 100 * ratios[50:].median(0).values
        assert low < early.min() <= early.max() < high, rate
        assert later[0] <= late.min() <= late.max() < later[1], rate
        assert accuracy[0] < right.min() <= right.max() < accuracy[1], rate
        assert rate == 1.0 or (early[:, 0] < early[:, 1:].amin(1)).all()  # the first is slowest
