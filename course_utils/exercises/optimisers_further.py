"""Exercises of further workbook 06: Nesterov, weight decay, schedules, many networks at once."""

import torch

from course_utils.exercise import exercise
from course_utils.exercises import (
    many_networks_mistakes,
    optimiser_answers,
    schedule_mistakes,
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
        lambda weights, eta, alpha: torch.optim.SGD(weights, eta, momentum=alpha, nesterov=True),
        lambda state, eta, _alpha: (-eta * state["momentum_buffer"],),  # PyTorch's has no η in it
    ),
    cases=gradients_of_any_size(0, [(0.05, 0.9), (0.05, 0.9), (0.02, 0.5), (0.1, 0.8)]),
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
        lambda weights, eta, decay, beta1=0.9, beta2=0.999, eps=1e-8: torch.optim.AdamW(
            weights, lr=eta, weight_decay=decay, betas=(beta1, beta2), eps=eps
        ),
        adam_memory,
    ),
    cases=gradients_of_any_size(
        (0, 0, 0), [(0.05, 0.2), (0.05, 0.2), (0.05, 0.01), (0.1, 0.3, 0.4, 0.3, 0.01)]
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
    for steps, warm in ((10, 0.3), (20, 0.25), (50, 0.2)):
        yield steps, round(0.1 + torch.rand(1, generator=rng).item(), 2), warm
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
