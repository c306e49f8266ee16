"""The worked numbers of workbook 06, recomputed by code that shares nothing with its own.

The rules are written here for single numbers, as on paper, and PyTorch's optimisers are asked too.
"""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch

from course_utils.exercises import optimiser_answers, optimisers, optimisers_further

ETA, ALPHA = Fraction(1, 10), Fraction(9, 10)


def momentum(w, g, v, eta, alpha):
    v = alpha * v - eta * g
    return w + v, v


def as_printed(w, g, v, eta, alpha):
    v = alpha * v - eta * g
    return w - eta * g + v, v


def nesterov(w, g, v, eta, alpha):
    v = alpha * v - eta * g
    return w + alpha * v - eta * g, v


def damped(w, g, v, eta, alpha):
    v = alpha * v - (1 - alpha) * eta * g
    return w + v, v


def positions(rule, steps=3, eta=ETA, alpha=ALPHA):
    """Where a rule stands after each step on a slope of 1."""
    w, v, seen = Fraction(0), Fraction(0), []
    for _ in range(steps):
        w, v = rule(w, 1, v, eta, alpha)
        seen.append(w)
    return seen


def spread(rule, rate, alpha=0.9):
    """Largest eigenvalue, by size, of a step on the quadratic w²/2; from trace and determinant."""
    (a, c), (b, d) = rule(1, 1, 0, rate, alpha), rule(0, 0, 1, rate, alpha)
    trace, determinant = a + d, a * d - b * c
    root = (trace**2 / 4 - determinant + 0j) ** 0.5
    return max(abs(trace / 2 + root), abs(trace / 2 - root))


def largest_stable(rule, alpha=0.9):
    """Largest ηa at which a rule does not grow, by bisection."""
    low, high = 0.01, 10.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if spread(rule, middle, alpha) < 1 else (low, middle)
    return low


# Batches ------------------------------------------------------------------------------------------


def test_updates_per_epoch_and_near_misses():
    assert math.ceil(Fraction(50_000, 128)) == 391 == len(torch.arange(50_000).split(128))
    assert 50_000 // 128 == 390
    assert 50_000 - 390 * 128 == 80
    assert optimisers.updates.answer == 391


def test_batch_noise_falls_with_size():
    rows = torch.randn(4000, 6, generator=torch.Generator().manual_seed(0)) + 0.3

    def noise(size):
        draws = torch.randint(len(rows), (3000, size), generator=torch.Generator().manual_seed(1))
        return (rows[draws].mean(1) - rows.mean(0)).square().sum(1).mean().item()

    assert noise(4) / noise(64) == pytest.approx(16, rel=0.15)


# Descent and momentum -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (momentum, (-0.1, -0.29, -0.561)),
        (as_printed, (-0.2, -0.49, -0.861)),
        (nesterov, (-0.19, -0.461, -0.8049)),
        (damped, (-0.01, -0.029, -0.0561)),
    ],
)
def test_three_momentum_positions(rule, expected):
    assert tuple(float(w) for w in positions(rule)) == expected


def test_exercise_positions_equal_pytorch():
    assert optimisers.three_positions.answer == pytest.approx([*map(float, positions(momentum))])


@pytest.mark.parametrize(
    ("rule", "first", "final", "stable"),
    [
        (momentum, 1, 10, 3.8),
        (as_printed, 2, 11, 3.8 / 2.9),
        (nesterov, Fraction(19, 10), 10, 3.8 / 2.8),
    ],
)
def test_momentum_speed_and_stability(rule, first, final, stable):
    path = positions(rule, steps=400, eta=Fraction(1))
    assert -path[0] == first
    assert float(path[-2] - path[-1]) == pytest.approx(final, abs=1e-9)
    assert largest_stable(rule) == pytest.approx(stable, abs=1e-6)


def test_printed_stability_limits():
    assert f"{3.8 / 2.9:.2f}" == "1.31"
    assert f"{3.8 / 2.8:.2f}" == "1.36"
    for alpha in (0.0, 0.3, 0.9, 0.99):
        assert largest_stable(momentum, alpha) == pytest.approx(2 * (1 + alpha), abs=1e-6)
    assert optimisers.largest_rates.answer == pytest.approx([2 / 4, 3.8 / 4])


def test_misprinted_momentum_stability():
    def end(rule, rate):
        w, v = 1.0, 0.0
        for _ in range(3000):
            w, v = rule(w, w, v, rate, 0.9)
            if abs(w) > 1e6:
                break
        return abs(w)

    assert end(as_printed, 1.30) < 1e-3
    assert end(as_printed, 1.32) > 1e6
    assert end(momentum, 3.79) < 1e-3
    assert end(momentum, 3.81) > 1e6


def test_nesterov_brakes_earlier():
    assert spread(nesterov, 1.0) == pytest.approx(0, abs=1e-7)
    assert spread(momentum, 1.0) == pytest.approx(math.sqrt(0.9))
    for rate in (0.2, 0.5, 0.9):
        both = math.sqrt(0.9 * (1 - rate))
        assert spread(nesterov, rate) == pytest.approx(both) == spread(as_printed, rate)


def test_momentum_may_escape_minima():
    def end(w, alpha):
        v = 0.0
        for _ in range(400):
            w, v = momentum(w, w**3 - 2 * w + 0.3, v, 0.05, alpha)
        return w

    assert (end(2.2, 0) > 1, end(2.2, 0.9) < -1) == (True, True)  # out of the poor hollow
    assert (end(-2.4, 0) < -1, end(-2.4, 0.9) > 1) == (True, True)  # out of the good one
    assert (-1.49) ** 4 / 4 - 1.49**2 - 0.3 * 1.49 < 1.33**4 / 4 - 1.33**2 + 0.3 * 1.33


# Rates for each weight ----------------------------------------------------------------------------


def test_epsilon_inside_root():
    g, eps = 1e-4, 1e-7
    assert g / (math.sqrt(g * g) + eps) == pytest.approx(0.999, abs=5e-5)
    assert g / math.sqrt(g * g + eps) == pytest.approx(0.302, abs=5e-4)
    assert math.sqrt(1e-7) == pytest.approx(3e-4, abs=2e-5)


def test_misplaced_square_depends_on_offset():
    def met(w, constant):
        x = torch.tensor(w, dtype=torch.float64, requires_grad=True)
        ((x**2 / 2 + constant) ** 2).backward()
        return x.grad.item()

    assert [met(3.0, 0), met(3.0, 10), met(-3.0, 0)] == [27, 87, -27]
    assert 3 / math.sqrt(27) == pytest.approx(0.58, abs=5e-3)
    assert 3 / math.sqrt(87) == pytest.approx(0.32, abs=5e-3)


def test_rmsprop_first_steps():
    for rho, first in ((0.9, 3.16), (0.99, 10.0)):
        w = torch.zeros(1, requires_grad=True)
        optimizer = torch.optim.RMSprop([w], lr=1.0, alpha=rho)
        w.grad = torch.ones(1)
        optimizer.step()
        assert -w.item() == pytest.approx(first, abs=3e-3) == 1 / math.sqrt(1 - rho)


# Adam ---------------------------------------------------------------------------------------------


def test_adam_first_step():
    for g in (-0.5, 1e-3, 40.0):
        m_hat, r_hat = 0.1 * g / (1 - 0.9), 0.001 * g * g / (1 - 0.999)
        assert m_hat / math.sqrt(r_hat) == pytest.approx(math.copysign(1, g))
        uncorrected = 0.1 * g / math.sqrt(0.001 * g * g)
        assert uncorrected == pytest.approx(math.copysign(3.16, g), abs=5e-3)
    assert optimisers.first_adam_step.answer == pytest.approx(1.02)


def adam_as_printed(steps, g=1.0, beta1=0.9, beta2=0.999):
    """Whole journey, in units of η, when m and r are divided where they are kept."""
    m = r = journey = 0.0
    for t in range(steps):
        m = (beta1 * m + (1 - beta1) * g) / (1 - beta1 ** (t + 1))
        r = (beta2 * r + (1 - beta2) * g * g) / (1 - beta2 ** (t + 1))
        if math.isinf(r):
            break  # nothing is added any more
        journey += m / math.sqrt(r)
    return journey


@pytest.mark.parametrize("g", [1.0, 1e-3, 50.0])
def test_misprinted_adam_stops(g):
    assert adam_as_printed(100, g) == pytest.approx(1.288, abs=5e-4)
    assert adam_as_printed(20_000, g) == pytest.approx(adam_as_printed(100, g), abs=1e-9)
    for steps, printed in ((1, 1.0), (2, 1.235), (3, 1.279), (5, 1.287), (10, 1.288)):
        assert adam_as_printed(steps, g) == pytest.approx(printed, abs=5e-4)


def test_adam_goes_on():
    w = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=1.0)
    for _ in range(100):
        w.grad = torch.ones_like(w)
        optimizer.step()
    assert -w.item() == pytest.approx(100, rel=1e-6)


# Decay and schedules ------------------------------------------------------------------------------


def test_weight_decay_step():
    assert 2 - 0.1 * (0.3 + 0.05 * 2) == pytest.approx(1.96) == optimisers_further.decayed.answer
    doubled, left = 2 - 0.1 * (0.3 + 2 * 0.05 * 2), (1 - 0.01 * 0.1) ** 400
    assert doubled == pytest.approx(1.95)
    assert left == pytest.approx(0.67, abs=5e-3)


def test_eta_inside_or_outside_velocity():
    inside = outside = 0.0
    seen = {}
    for step in range(51):
        eta = 1.0 if step < 30 else 0.1
        inside, outside = 0.9 * inside + eta, 0.9 * outside + 1
        seen[step] = round(inside, 2), round(eta * outside, 2)
    assert seen[29] == (9.58, 9.58)
    assert seen[30] == (8.72, 0.96)


# The steps of the exercises -----------------------------------------------------------------------

SCALES = torch.tensor([1, 1, 1, 1, 1, 1e-3, 1e-5])  # tiny ones show where ε stands
GRADIENTS = (0.5 + torch.randn(50, 7, generator=torch.Generator().manual_seed(3))) * SCALES
RULES = {
    "RMSprop": (
        optimisers.rmsprop_step.answer,
        0,
        lambda w: torch.optim.RMSprop(w, lr=0.01, alpha=0.9),
    ),
    "Adam": (optimisers.adam_step.answer, (0, 0, 0), lambda w: torch.optim.Adam(w, lr=0.01)),
    "Nesterov": (
        optimisers_further.nesterov_step.answer,
        0,
        lambda w: torch.optim.SGD(w, lr=0.01, momentum=0.9, nesterov=True),
    ),
    "AdamW": (
        optimisers_further.adamw_step.answer,
        (0, 0, 0),
        lambda w: torch.optim.AdamW(w, lr=0.01, weight_decay=0.01),
    ),
    "momentum": (
        lambda w, g, v, eta: momentum(w, g, v, eta, 0.9),
        0,
        lambda w: torch.optim.SGD(w, lr=0.01, momentum=0.9),
    ),
    "AdaGrad": (
        lambda w, g, r, eta: (w - eta * g / ((r + g * g) ** 0.5 + 1e-10), r + g * g),
        0,
        lambda w: torch.optim.Adagrad(w, lr=0.01),
    ),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", RULES)
def test_own_steps_equal_pytorch(name, dtype):
    step, memory, make = RULES[name]
    ours = torch.linspace(-1, 1, 7, dtype=dtype)
    theirs = ours.clone().requires_grad_()
    optimizer = make([theirs])
    for gradient in GRADIENTS.to(dtype):
        ours, memory = step(ours, gradient, memory, eta=0.01)
        theirs.grad = gradient.clone()
        optimizer.step()
        assert (ours - theirs).abs().max().item() < 1e-6
    moved = (ours - torch.linspace(-1, 1, 7, dtype=dtype)).abs()
    assert moved[:5].min() > 0.02


def test_batched_step_takes_rate_each():
    rates = torch.tensor([[0.01], [0.3]])
    w, memory = torch.zeros(2, 7), (0, 0, 0)
    alone, memories = [torch.zeros(7)] * 2, [(0, 0, 0)] * 2
    for gradient in GRADIENTS[:9]:
        w, memory = optimisers.adam_step(w, gradient.expand(2, 7), memory, eta=rates)
        for i in range(2):
            rate = rates[i].item()
            alone[i], memories[i] = optimisers.adam_step(alone[i], gradient, memories[i], eta=rate)
    assert torch.allclose(w, torch.stack(alone), atol=1e-6)


def test_weights_that_became_nan_were_not_changed_in_place():
    w, gradients = torch.ones(2), torch.ones(2, 2)
    *_, kept = optimiser_answers.walked(
        lambda w, g, state: (w * float("nan"), state), (w, gradients, (0.0,))
    )
    assert kept == optimiser_answers.KEPT
