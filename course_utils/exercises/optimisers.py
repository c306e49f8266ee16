"""Exercises of workbook 06: batches, momentum, learning rates for each weight, Adam."""

import math

import torch

from course_utils.exercise import exercise, mistake


# --- 6.1 ----------------------------------------------------------------------------------------
@exercise(
    "6.1",
    "How many updates are in an epoch?",
    minutes=2,
    kind="value",
    oracle=lambda: len(torch.arange(50_000).split(128)),
    mistakes={
        "390-full-batches": mistake(
            "390 full batches leave 80 images over, and they make a batch too, a smaller one.", 390
        ),
        "128-many-images": mistake(
            "128 is how many images a batch holds, not how many batches there are.", 128
        ),
        "batch-used-images": mistake(
            "A batch is used or it is not. The images left over make one more, smaller batch.",
            when=lambda value: abs(value - 390.625) < 0.01,
            example=390.625,
        ),
        "update-image-batches": mistake(
            "One update for every image is what batches of 1 would give.", 50_000
        ),
        "update-epoch-single": mistake(
            "One update in an epoch is what a single batch of all images would give.", 1
        ),
    },
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
    mistakes={
        "gradient-counted-twice": mistake(
            "The gradient is counted twice. It is already in v, so the step is w + v "
            "and nothing else.",
            (-0.2, -0.49, -0.861),
        ),
        "looked-step-ahead": mistake(
            "You looked one step ahead, which is Nesterov's variant. Here the step is w + v.",
            (
                -0.19,
                -0.461,
                -0.8049,
            ),
        ),
        "weighted-new-gradient": mistake(
            "You weighted the new gradient with 1 − α, as an average does. "
            "This rule adds −η·g in full.",
            (-0.01, -0.029, -0.0561),
        ),
        "descent-without-momentum": mistake(
            "That is descent without momentum: each step is −η·g. "
            "Keep 0.9 of the last velocity and add it.",
            (-0.1, -0.2, -0.3),
        ),
        "those-velocities-position": mistake(
            "Those are the velocities. The position adds them up, one after the other.",
            (
                -0.1,
                -0.19,
                -0.271,
            ),
        ),
        "climbed-velocity-takes": mistake(
            "You climbed. The velocity takes −η·g, so w falls when g is 1.", (0.1, 0.29, 0.561)
        ),
        "whole-velocity-kept": mistake(
            "The whole velocity was kept, as if α were 1. Multiply it by 0.9 before you add.",
            (
                -0.1,
                -0.3,
                -0.6,
            ),
        ),
    },
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
    mistakes={
        "gave-momentum-limit": mistake(
            "You gave momentum the limit of plain descent. With momentum the limit is larger: "
            "the velocity of the last step brakes the next one.",
            (0.5, 0.5),
        ),
        "made-momentum-less": mistake(
            "You made momentum less stable. It allows larger rates, by the factor 1 + α, "
            "not smaller ones.",
            (0.5, 0.05),
        ),
        "1-leads-minimum": mistake(
            "η = 1/a leads to the minimum in one step. Larger rates overshoot, "
            "but up to twice that they still come closer with every step.",
            (0.25, 0.475),
        ),
        "momentum-takes-ten": mistake(
            "Momentum takes ten times longer steps in the end, but the limit does not grow by 10: "
            "near it, steps change sign and brake each other.",
            (0.5, 5.0),
        ),
        "multiplied-curvature-steeper": mistake(
            "You multiplied by the curvature. The steeper the valley, the smaller the rate must be.",
            (
                8.0,
                15.2,
            ),
        ),
        "limit-rule-counts": mistake(
            "That is the limit of the rule that counts the gradient twice. Use w + v.",
            when=lambda pair: abs(pair[1] - 3.8 / 2.9 / 4) < 2e-3,
            example=(0.5, 3.8 / 2.9 / 4),
        ),
    },
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


# --- Rules over many steps ------------------------------------------------------------------------
def walked(step, case):
    """(steps, weights): where a rule's `step` leads, given the gradient of every step."""
    w, gradients, state, *constants = case
    path = []
    for gradient in gradients:
        both = step(w, gradient, state, *constants)
        if not (isinstance(both, tuple | list) and len(both) == 2):
            raise TypeError("give back two things: the new weights, and the new memory")
        w, state = both
        path.append(w)
    return torch.stack(path)


def in_place(rule):
    """The same rule, but written into the weights it was given."""

    def step(w, *rest):
        new, state = rule(w, *rest)
        return w.copy_(new), state

    return step


IN_PLACE = (
    "You changed w in place, as w -= … does, so all earlier positions changed with it. "
    "Make a new tensor: w = w - …"
)


def by_torch(make):
    """A step with the signature of ours, taken by the optimiser `make(weights, *constants)`."""

    def step(w, gradient, state, *constants):
        if not isinstance(state, list):
            weight = w.clone().requires_grad_()
            state = [weight, make([weight], *constants)]
        weight, optimiser = state
        weight.grad = gradient.clone()
        optimiser.step()
        return weight.detach().clone(), state

    return step


def gradients_of_any_size(state, *constants):
    """Cases for a rule: few steps, 50 steps, and gradients of which some are tiny."""

    def cases(rng):
        for steps, weights, sizes in (
            (3, 2, [1.0]),
            (50, 3, [2.0]),
            (12, 4, [1, 1e-2, 1e-4, 1e-5]),
        ):
            noise = torch.randn(steps, weights, generator=rng)
            drift = torch.rand(weights, generator=rng) + 0.5
            gradients = (noise + drift) * torch.tensor(sizes)
            yield torch.randn(weights, generator=rng), gradients, state, *constants

    return cases


# --- 6.4 ----------------------------------------------------------------------------------------
def _adagrad(w, gradient, r, eta=0.01, rho=0.9, eps=1e-8):
    """One step: weights and running mean of squared gradients -> both, updated."""
    r = r + gradient**2
    return w - eta * gradient / (r**0.5 + eps), r


def _rms(mean, root=lambda r, eps: r**0.5 + eps, keep=True):
    """RMSprop with another running mean, another denominator or a state that is lost."""

    def rmsprop_step(w, gradient, r, eta=0.01, rho=0.9, eps=1e-8):
        new = mean(r, gradient, rho)
        return w - eta * gradient / root(new, eps), new if keep else r

    return rmsprop_step


def _running_mean(r, g, rho):
    return rho * r + (1 - rho) * g**2


@exercise(
    "6.4",
    "Turn AdaGrad into RMSprop",
    minutes=4,
    oracle=by_torch(lambda weights, eta, rho: torch.optim.RMSprop(weights, lr=eta, alpha=rho)),
    cases=gradients_of_any_size(0, 0.02, 0.9),
    observe=walked,
    start=_adagrad,
    mistakes={
        "two-weights-swapped": mistake(
            "The two weights are swapped. The past has the large one, ρ.",
            _rms(lambda r, g, rho: (1 - rho) * r + rho * g**2),
        ),
        "new-square-counts": mistake(
            "The new square counts in full. In a mean the two weights add up to 1: give it 1 − ρ.",
            _rms(lambda r, g, rho: rho * r + g**2),
        ),
        "past-counts-full": mistake(
            "The past counts in full, so r can only grow. Multiply it by ρ.",
            _rms(lambda r, g, rho: r + (1 - rho) * g**2),
        ),
        "everything-multiplied-belongs": mistake(
            "Everything is multiplied by ρ. It belongs to the past; the new square gets 1 − ρ.",
            _rms(lambda r, g, rho: rho * (r + g**2)),
        ),
        "forgot-square-gradient": mistake(
            "You forgot to square the gradient. Where it is negative, the root becomes nan.",
            _rms(lambda r, g, rho: rho * r + (1 - rho) * g),
        ),
        "moved-root-add": mistake(
            "ε moved under the root. Add it after the root.",
            _rms(_running_mean, lambda r, eps: (r + eps) ** 0.5),
        ),
        "root-gone-divide": mistake(
            "The root is gone. Divide by √r + ε, not by r + ε.",
            _rms(_running_mean, lambda r, eps: r + eps),
        ),
        "new-r-lost": mistake(
            "The new r is lost: give it back as the second result, or every step starts afresh.",
            _rms(_running_mean, keep=False),
        ),
        "changed-w-place": mistake(IN_PLACE, in_place(_rms(_running_mean))),
    },
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
    mistakes={
        "left-bias-correction": mistake(
            "You left out the bias correction: that step is 3.16·η long. "
            "Divide m by 1 − β₁ and r by 1 − β₂ first.",
            (1 + 0.02 * 0.1 / math.sqrt(0.001)),
        ),
        "g-step-plain": mistake(
            "That is η·g, the step of plain descent. Adam divides by √r̂, and r̂ is g² after one step.",
            1.01,
        ),
        "step-wrong-sign": mistake(
            "The step has the wrong sign. Against a negative gradient, w grows.", 0.98
        ),
        "corrected-r-m": mistake(
            "You corrected r, but not m: it is still a tenth of the gradient.", 1.002
        ),
        "corrected-m-r": mistake(
            "You corrected m, but not r: it is still a thousandth of g².",
            (1 + 0.02 / math.sqrt(0.001)),
        ),
        "far-w-moves": mistake(
            "That is how far w moves. Asked is where it stands afterwards; it started at 1.", 0.02
        ),
        "root-missing-divided": mistake("The root is missing: you divided by r̂, not by √r̂.", 1.04),
    },
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
def _adam(
    exponent=lambda t: t + 1,
    correct=lambda value, beta, t: value / (1 - beta**t),
    root=lambda r, eps: r**0.5 + eps,
    sign=-1,
    swap=False,
    kept=lambda old, new: new,
    recursive=False,
):
    """Adam with one of its parts changed; the exponent is a function of the steps before."""

    def adam_step(w, gradient, state, eta=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        m, r, t = state
        beta1, beta2 = (beta2, beta1) if swap else (beta1, beta2)
        m = beta1 * m + (1 - beta1) * gradient
        r = beta2 * r + (1 - beta2) * gradient**2
        with_m, with_r = correct(m, beta1, exponent(t)), correct(r, beta2, exponent(t))
        w = w + sign * eta * with_m / root(with_r, eps)
        new = (with_m, with_r, t + 1) if recursive else (m, r, t + 1)
        return w, kept(state, new)

    return adam_step


@exercise(
    "6.6",
    "Write adam_step",
    minutes=12,
    oracle=by_torch(lambda weights, eta: torch.optim.Adam(weights, lr=eta)),
    cases=gradients_of_any_size((0, 0, 0), 0.05),
    observe=walked,
    mistakes={
        "m-r-t": mistake(
            "m, r and t start afresh with every step. Give back the new ones, (m, r, t).",
            _adam(kept=lambda old, new: old),
        ),
        "left-bias-correction": mistake(
            "You left out the bias correction: m and r start at 0 and are too small at first.",
            _adam(correct=lambda value, beta, t: value),
        ),
        "root-add-after": mistake(
            "ε is under the root. Add it after the root: √r̂ + ε.",
            _adam(root=lambda r, eps: (r + eps) ** 0.5),
        ),
        "keep-corrected-m": mistake(
            "You keep the corrected m̂ and r̂ as the state, so the correction is corrected again. "
            "Keep m and r; use m̂ and r̂ for this step only.",
            _adam(recursive=True),
        ),
        "t-move-step": mistake(
            "t does not move on: every step is corrected as if it were the first.",
            _adam(exponent=lambda t: 1),
        ),
        "t-counts-many": mistake(
            "t counts one too many: in the first step the exponent is 1.",
            _adam(exponent=lambda t: t + 2),
        ),
        "corrected-instead-1": mistake(
            "You corrected with β instead of 1 − βᵗ.",
            _adam(correct=lambda value, beta, t: value / beta),
        ),
        "swapped-mean-gradients": mistake(
            "β₁ and β₂ are swapped. The mean of the gradients has the short memory, 0.9.",
            _adam(swap=True),
        ),
        "root-missing-divide": mistake(
            "The root is missing. Divide by √r̂ + ε.", _adam(root=lambda r, eps: r + eps)
        ),
        "climbed-subtract-step": mistake("You climbed. Subtract the step.", _adam(sign=1)),
        "changed-w-place": mistake(IN_PLACE, in_place(_adam())),
    },
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
