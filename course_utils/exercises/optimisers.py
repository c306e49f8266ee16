"""Exercises of workbook 06: batches, momentum, learning rates for each weight, Adam."""

import torch

from course_utils.exercise import exercise
from course_utils.exercises import (
    optimiser_answers,
    optimiser_mistakes,
    optimiser_tuning,
    optimiser_values,
)
from course_utils.exercises.optimiser_answers import (
    OLD_WEIGHTS,
    adam_memory,
    by_torch,
    gradients_of_any_size,
    walked,
)


# --- 6.1 ----------------------------------------------------------------------------------------
@exercise(
    "6.1",
    "How many updates are in an epoch?",
    minutes=2,
    kind="value",
    oracle=lambda: len(torch.arange(50_000).split(128)),
    mistakes=optimiser_values.OF_UPDATES,
    hints=[
        "Every batch makes one update.",
        "How many full batches of 128 fit into 50,000, and is anything left over?",
    ],
)
def updates():
    """Updates in one pass over 50,000 images in batches of 128."""
    return 50_000 // 128 + 1


# --- 6.2 ----------------------------------------------------------------------------------------
def _positions():
    """Three positions by PyTorch, with a gradient that is always 1."""
    w = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    seen = []
    for _ in range(3):
        w.grad = torch.ones_like(w)
        optimiser.step()
        seen.append(round(w.item(), 9))
    return tuple(seen)


@exercise(
    "6.2",
    "Three steps with momentum",
    minutes=4,
    kind="value",
    oracle=_positions,
    parts=("after one step", "after two", "after three"),
    switches=optimiser_values.positions_with,
    mistakes=optimiser_values.OF_POSITIONS,
    hints=[
        "Keep two columns, v and w. Both start at 0.",
        "The second velocity is 0.9 · (−0.1) − 0.1.",
        "A position is the last position plus the new velocity.",
    ],
)
def three_positions():
    """Position after one, two and three steps of momentum."""
    return -0.1, -0.1 - 0.19, -0.1 - 0.19 - 0.271


# --- 6.3 ----------------------------------------------------------------------------------------
def _largest_stable(step):
    """Largest η at which a step does not blow up on L = 4w²/2, by the rule's own matrix."""

    def grows(eta):
        columns = [step(w, 4 * w, v, eta) for w, v in ((1.0, 0.0), (0.0, 1.0))]
        matrix = torch.tensor(columns, dtype=torch.float64).T
        return torch.linalg.eigvals(matrix).abs().max().item() > 1 + 1e-9

    low, high = 0.01, 4.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if grows(middle) else (middle, high)
    return round(low, 6)


def _both_largest():
    def with_momentum(w, g, v, eta):
        return w + 0.9 * v - eta * g, 0.9 * v - eta * g

    return _largest_stable(lambda w, g, v, eta: (w - eta * g, 0.0)), _largest_stable(with_momentum)


@exercise(
    "6.3",
    "The largest stable learning rate",
    minutes=5,
    kind="value",
    oracle=_both_largest,
    parts=("plain descent", "momentum"),
    formula=("2 / a", "2 * (1 + alpha) / a"),
    quantities={"a": 4, "alpha": 0.9},
    mistakes=optimiser_values.OF_RATES,
    hints=[
        "One step of plain descent multiplies w by 1 − η·a. When does this stop shrinking?",
        "At the limit w changes its sign with every step and grows no more: w → −w, v → −v.",
        "With momentum, put −v for the new v and −w for the new w: −v = αv − ηaw, −w = w − v.",
        "From the second, v = 2w. Put it into the first and solve for η.",
    ],
)
def largest_rates():
    """Largest stable η for a = 4: plain descent, then momentum with α = 0.9."""
    return 2 / 4, 2 * (1 + 0.9) / 4


# --- 6.4 ----------------------------------------------------------------------------------------
def _adagrad(w, gradient, r, eta=0.01, rho=0.9, eps=1e-8):
    """One step: weights and running mean of squared gradients -> both, updated."""
    r = r + gradient**2
    return w - eta * gradient / (r**0.5 + eps), r


@exercise(
    "6.4",
    "Turn AdaGrad into RMSprop",
    minutes=4,
    oracle=by_torch(
        lambda weights, eta=0.01, rho=0.9, eps=1e-8: torch.optim.RMSprop(
            weights, lr=eta, alpha=rho, eps=eps
        ),
        lambda state, *_: (state["square_avg"].clone(),),
    ),
    cases=gradients_of_any_size(
        0, [(0.02, 0.9, 1e-8), (0.02, 0.9, 1e-8), (0.05, 0.8, 1e-6), (0.1, 0.5, 0.1), ()]
    ),
    observe=walked,
    start=_adagrad,
    parts=("weights", "r", OLD_WEIGHTS),
    argument_names=("w", "gradients", "r", "eta", "rho", "eps"),
    switches=optimiser_answers.rmsprop_with,
    mistakes=optimiser_mistakes.OF_RMSPROP,
    hints=[
        "Only the line that computes r has to change.",
        "A running mean keeps the share ρ of what it was and takes the share 1 − ρ of the new.",
    ],
)
def rmsprop_step(w, gradient, r, eta=0.01, rho=0.9, eps=1e-8):
    """One step: weights and running mean of squared gradients -> both, updated."""
    r = rho * r + (1 - rho) * gradient**2
    return w - eta * gradient / (r**0.5 + eps), r


# --- 6.5 ----------------------------------------------------------------------------------------
def _first_adam_step():
    w = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([w], lr=0.02)
    w.grad = torch.full_like(w, -0.5)
    optimiser.step()
    return round(w.item(), 6)


@exercise(
    "6.5",
    "Adam's first step",
    minutes=3,
    kind="value",
    oracle=_first_adam_step,
    switches=optimiser_values.first_adam_with,
    mistakes=optimiser_values.OF_FIRST_ADAM,
    hints=[
        "m and r start at 0. After one step m = 0.1·g and r = 0.001·g².",
        "m̂ = m/(1 − 0.9) and r̂ = r/(1 − 0.999): what is left?",
        "The step is −η·g/√(g²). The size of g cancels.",
    ],
)
def first_adam_step():
    """Weight after one step of Adam from w = 1 with g = -0.5 and η = 0.02."""
    return 1 + 0.02


# --- 6.6 ----------------------------------------------------------------------------------------
@exercise(
    "6.6",
    "Write adam_step",
    minutes=12,
    oracle=by_torch(
        lambda weights, eta=0.001, beta1=0.9, beta2=0.999, eps=1e-8: torch.optim.Adam(
            weights, lr=eta, betas=(beta1, beta2), eps=eps
        ),
        adam_memory,
    ),
    cases=gradients_of_any_size((0, 0, 0), [(0.05,), (0.05,), (0.05,), (0.1, 0.4, 0.3, 0.01), ()]),
    observe=walked,
    parts=("weights", "m", "r", "t", OLD_WEIGHTS),
    argument_names=("w", "gradients", "state", "eta", "beta1", "beta2", "eps"),
    switches=optimiser_answers.adam_without_decay,
    mistakes=optimiser_mistakes.OF_ADAM,
    hints=[
        "Unpack the state first: m, r, t = state. Then count this step: t = t + 1.",
        "Two running means, as in RMSprop: m of the gradients, r of their squares.",
        "m̂ = m/(1 − β₁ᵗ), r̂ = r/(1 − β₂ᵗ). In Python a power is **.",
        "Give back two things: the new w, and the new state (m, r, t), without hats.",
    ],
)
def adam_step(w, gradient, state, eta=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    """One step: weights and state (m, r, t), at first (0, 0, 0) -> both, updated."""
    m, r, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * gradient
    r = beta2 * r + (1 - beta2) * gradient**2
    m_hat, r_hat = m / (1 - beta1**t), r / (1 - beta2**t)
    return w - eta * m_hat / (r_hat**0.5 + eps), (m, r, t)


# --- 6.12 ---------------------------------------------------------------------------------------
@exercise(
    "6.12",
    "Read four loss curves",
    minutes=2,
    kind="value",
    oracle=lambda: optimiser_tuning.CURVES,
    parts=("curve A", "curve B", "curve C", "curve D"),
    mistakes=optimiser_tuning.OF_CURVES,
    hints=[
        "Which of the rates is above 2/a? Its curve cannot come down.",
        "Which curve is still falling at the end? Its steps are the smallest.",
        "Of the two that are left, which one jumps more? Larger steps follow each batch further.",
    ],
)
def curve_rates():
    """Learning rates of the curves A, B, C and D."""
    return 0.25, 0.002, 0.16, 0.05


# --- 6.13 ---------------------------------------------------------------------------------------
@exercise(
    "6.13",
    "Beat plain descent at the desk",
    minutes=4,
    kind="value",
    oracle=lambda: (0.3, 0.9),
    observe=optimiser_tuning.as_pair,
    accept=optimiser_tuning.is_fast,
    parts=("η", "α"),
    mistakes=optimiser_tuning.OF_SETTINGS,
    page=optimiser_tuning.DESK,
    hints=[
        "Raise α and watch the bars on the right: they fall together. Which bars stay tall?",
        "With more α the limit of η moves up too. Set η at about nine tenths of it.",
        "Too much α is slow again: then all bars stand at √α. Look between 0.8 and 0.95.",
    ],
    exempt={"shifted": "a whole region of settings is fast enough, and 0.01 stays inside it"},
)
def desk_settings():
    """Learning rate and momentum that leave less than a millionth after 200 steps."""
    return 0.33, 0.88
