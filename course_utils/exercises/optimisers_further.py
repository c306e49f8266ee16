"""Exercises of further workbook 06: Nesterov, weight decay, schedules, many networks at once."""

import math

import torch

from course_utils.exercise import exercise
from course_utils.exercises import (
    many_networks_mistakes,
    optimiser_answers,
    schedule_mistakes,
    update_ratio_mistakes,
)
from course_utils.exercises import optimiser_further_mistakes as wrong
from course_utils.exercises.optimiser_answers import (
    OLD_WEIGHTS,
    adam_memory,
    by_torch,
    gradients_of_any_size,
    walked,
)


# --- 6.7 ----------------------------------------------------------------------------------------
@exercise(
    "6.7",
    "Write Nesterov's step",
    minutes=6,
    oracle=by_torch(
        lambda weights, eta=0.01, alpha=0.9: torch.optim.SGD(
            weights, eta, momentum=alpha, nesterov=True
        ),
        lambda state, eta=0.01, _alpha=0.9: (-eta * state["momentum_buffer"],),  # ours has η in it
    ),
    cases=gradients_of_any_size(0, [(0.05, 0.9), (0.05, 0.9), (0.02, 0.5), (0.1, 0.8), ()]),
    observe=walked,
    parts=("weights", "v", OLD_WEIGHTS),
    argument_names=("w", "gradients", "v", "eta", "alpha"),
    switches=optimiser_answers.nesterov_with,
    mistakes=wrong.OF_NESTEROV,
    hints=[
        "Two lines: first the new v, as in plain momentum. Then the new w, from the new v.",
        "w ← w + αv − ηg, in which v is the new velocity.",
    ],
)
def nesterov_step(w, gradient, v, eta=0.01, alpha=0.9):
    """One step: weights and velocity -> both, updated; the step looks ahead along v."""
    v = alpha * v - eta * gradient
    return w + alpha * v - eta * gradient, v


# --- 6.8 ----------------------------------------------------------------------------------------
def _decayed():
    w = torch.full((1,), 2.0, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([w], lr=0.1, weight_decay=0.05)
    w.grad = torch.full_like(w, 0.3)
    optimiser.step()
    return round(w.item(), 9)


@exercise(
    "6.8",
    "One step with weight_decay",
    minutes=3,
    kind="value",
    oracle=_decayed,
    formula="w - eta * (gradient + decay * w)",
    quantities={"w": 2, "eta": 0.1, "gradient": 0.3, "decay": 0.05},
    switches=wrong.decayed_with,
    mistakes=wrong.OF_DECAY,
    hints=[
        "PyTorch uses g + weight_decay · w in place of g.",
        "g + 0.05 · 2 = ?, and w moves by −0.1 times that.",
    ],
)
def decayed():
    """Weight after one step from w = 2."""
    return 2 - 0.1 * (0.3 + 0.05 * 2)


# --- 6.9 ----------------------------------------------------------------------------------------
@exercise(
    "6.9",
    "Write adamw_step",
    minutes=7,
    oracle=by_torch(
        lambda weights, eta=0.001, decay=0.01, beta1=0.9, beta2=0.999, eps=1e-8: torch.optim.AdamW(
            weights, lr=eta, weight_decay=decay, betas=(beta1, beta2), eps=eps
        ),
        adam_memory,
    ),
    cases=gradients_of_any_size(
        (0, 0, 0), [(0.05, 0.2), (0.05, 0.2), (0.05, 0.01), (0.1, 0.3, 0.4, 0.3, 0.01), ()]
    ),
    observe=walked,
    parts=("weights", "m", "r", "t", OLD_WEIGHTS),
    argument_names=("w", "gradients", "state", "eta", "decay", "beta1", "beta2", "eps"),
    switches=optimiser_answers.adam_with,
    mistakes=wrong.OF_ADAMW,
    hints=[
        "Start from your adam_step. The gradient, m and r stay as they are.",
        "The new w has one term more: −η·decay·w, with the w from before the step.",
    ],
)
def adamw_step(w, gradient, state, eta=0.001, decay=0.01, beta1=0.9, beta2=0.999, eps=1e-8):
    """One step of Adam, and the share eta * decay taken off the weights themselves."""
    m, r, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * gradient
    r = beta2 * r + (1 - beta2) * gradient**2
    m_hat, r_hat = m / (1 - beta1**t), r / (1 - beta2**t)
    return w - eta * decay * w - eta * m_hat / (r_hat**0.5 + eps), (m, r, t)


# --- 6.10 ---------------------------------------------------------------------------------------
def _one_cycle_by_torch(steps, peak, warm=0.3):
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, peak, total_steps=steps, pct_start=warm, cycle_momentum=False
    )
    rates = []
    for _ in range(steps):
        rates.append(schedule.get_last_lr()[0])
        optimiser.step()
        if len(rates) < steps:
            schedule.step()
    return torch.tensor(rates)


def _cycles(rng):
    for steps, *warm in ((10, 0.3), (20, 0.25), (50, 0.2), (30,)):
        yield steps, round(0.1 + torch.rand(1, generator=rng).item(), 2), *warm
    yield 12, 5.0, 0.5  # a peak at which the last rate, peak/250,000, is told from 0


@exercise(
    "6.10",
    "Write the one-cycle schedule",
    minutes=9,
    oracle=_one_cycle_by_torch,
    cases=_cycles,
    exempt={"input": "the first argument is a number of steps, which no list of rates can equal"},
    switches=schedule_mistakes.cycle_with,
    mistakes=schedule_mistakes.OF_THE_CYCLE,
    tolerance=2e-6,  # below peak/250,000 of the last case
    hints=[
        "Let top = warm·steps − 1 be the step of the peak, and share = step/top on the way up.",
        "Half a cosine takes a share from 0 to 1: (1 − cos(π·share))/2. Then scale it: "
        "low + (high − low)·that.",
        "On the way down, share = (step − top)/(steps − 1 − top), from peak to peak/250,000.",
        "torch.where(step <= top, up, down) joins the two.",
    ],
)
def one_cycle(steps, peak, warm=0.3):
    """Rates of all steps, (steps,): up to the peak in the first share `warm`, then down."""
    top, step = round(warm * steps) - 1, torch.arange(steps)
    rise = (1 - torch.cos(torch.pi * step / top)) / 2
    fall = (1 + torch.cos(torch.pi * (step - top) / (steps - 1 - top))) / 2
    up = peak / 25 + (peak - peak / 25) * rise
    down = peak / 250_000 + (peak - peak / 250_000) * fall
    return torch.where(step <= top, up, down)


# --- 6.11 ---------------------------------------------------------------------------------------
def _by_autograd(U, V, x, y):
    U, V = U.clone().requires_grad_(), V.clone().requires_grad_()
    losses = (V @ torch.tanh(U @ x) - y).square().mean((1, 2))
    return torch.autograd.grad(losses.sum(), (U, V))


def _networks(rng):
    for count, hidden, inputs, examples in ((1, 2, 3, 4), (2, 3, 2, 5), (3, 4, 5, 1), (5, 3, 6, 8)):

        def draw(*shape):
            return torch.randn(shape, generator=rng)

        U, V = draw(count, hidden, inputs), draw(count, 1, hidden)
        yield U, V, draw(inputs, examples), draw(1, examples)


@exercise(
    "6.11",
    "Gradients of many networks at once",
    minutes=10,
    oracle=_by_autograd,
    cases=_networks,
    exempt={"dtype": "of a pair of tensors, values are compared and not types"},
    parts=("U's gradient", "V's gradient"),
    switches=many_networks_mistakes.gradients_with,
    mistakes=many_networks_mistakes.OF_THE_GRADIENTS,
    hints=[
        "Forward: hidden = tanh(U @ x), output = V @ hidden. @ works on each network by itself.",
        "Backward starts with 2·(output − y)/D for D examples. Call it back.",
        "V's gradient is back times hidden turned; hidden.mT turns the last two axes.",
        "U's gradient: send back through V.mT, times 1 − hidden², times x turned.",
    ],
)
def two_gradients(U, V, x, y):
    """(P, h, n), (P, 1, h), (n, D), (1, D) -> gradients of the mean squared error for U and V."""
    hidden = torch.tanh(U @ x)
    back = 2 * (V @ hidden - y) / x.shape[1]
    return (V.mT @ back * (1 - hidden**2)) @ x.T, back @ hidden.mT


# --- 6.14 ---------------------------------------------------------------------------------------
def _ratios_by_torch(before, after):
    pairs = zip(before, after, strict=True)
    return [
        (torch.linalg.vector_norm(new - old) / torch.linalg.vector_norm(old)).item()
        for old, new in pairs
    ]


def _updated_layers(rng):
    """Layers before and after an update: the first by hand, then of all shapes, large and tiny."""
    yield [torch.tensor([3.0, -4.0])], [torch.tensor([3.3, -3.6])]
    layers = [torch.tensor([3.0, 4.0]), torch.eye(2), torch.tensor([2.0])]
    yield layers, [1.1 * layers[0], 1.5 * layers[1], 0.8 * layers[2]]  # in no order of size
    for far, shapes in enumerate([[(2, 3), (2,)], [(2, 1, 3, 3), (4, 2), (3,)], [(5, 5), (1, 5)]]):
        before = [torch.randn(shape, generator=rng) * (i + 0.5) for i, shape in enumerate(shapes)]
        sizes = 4**far * (torch.logspace(-2, 0, len(shapes)) + torch.rand(1, generator=rng))
        steps = [torch.randn(shape, generator=rng) for shape in shapes]
        moves = zip(before, steps, sizes, strict=True)
        yield before, [w + 0.3 * size * step for w, step, size in moves]


@exercise(
    "6.14",
    "Write update_ratios",
    minutes=5,
    oracle=_ratios_by_torch,
    cases=_updated_layers,
    switches=update_ratio_mistakes.ratios_with,
    mistakes=update_ratio_mistakes.OF_RATIOS,
    hints=[
        "Go through both lists at once: for old, new in zip(before, after).",
        "A tensor's length is (x**2).sum()**0.5, or x.norm(), whatever its shape.",
        "The update is new − old. Divide its length by that of old, and collect the shares.",
    ],
)
def update_ratios(before, after):
    """Two lists of tensors, one a layer -> list: length of each update / length of `before`."""
    return [
        ((new - old).norm() / old.norm()).item() for old, new in zip(before, after, strict=True)
    ]


# --- 6.15 ---------------------------------------------------------------------------------------
def _floor_by_formula():
    """Rate and steps from the exact floor of descent with noise on a parabola of curvature 1."""
    rate, steps, floor, target = 0.08, 300, 0.012, 0.003
    noise = 2 * floor * (2 - rate) / rate  # the floor is η·noise/(2(2 − η)), nearly η·noise/4
    small = 4 * target / (noise + 2 * target)
    return round(small, 2), round(steps * math.log(1 - rate) / math.log(1 - small), -2)


@exercise(
    "6.15",
    "Lower the floor",
    minutes=2,
    kind="value",
    oracle=_floor_by_formula,
    parts=("rate", "steps"),
    formula=("eta * target / floor", "steps * floor / target"),
    quantities={"eta": 0.08, "floor": 0.012, "target": 0.003, "steps": 300},
    switches=update_ratio_mistakes.floor_with,
    mistakes=update_ratio_mistakes.OF_FLOOR,
    hints=[
        "The floor is proportional to η. By which factor should it fall?",
        "The same way down in steps that are k times smaller: how many steps is that?",
    ],
)
def lower_floor():
    """Rate whose floor is 0.003, and the steps that it needs."""
    return 0.08 / 4, 300 * 4
