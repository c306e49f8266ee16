"""Exercises of further workbook 06: Nesterov, weight decay, schedules, many networks at once."""

import torch

from course_utils.exercise import exercise, mistake
from course_utils.exercises.optimisers import (
    IN_PLACE,
    by_torch,
    gradients_of_any_size,
    in_place,
    walked,
)


# --- 6.7 ----------------------------------------------------------------------------------------
def _with_velocity(position, velocity=lambda v, g, eta, alpha: alpha * v - eta * g, keep=True):
    """A rule with a velocity, and a place that is computed from the new one."""

    def nesterov_step(w, gradient, v, eta=0.01, alpha=0.9):
        new = velocity(v, gradient, eta, alpha)
        return position(w, new, gradient, eta, alpha), new if keep else v

    return nesterov_step


def _ahead(w, v, g, eta, alpha):
    return w + alpha * v - eta * g


def _step_as_velocity(w, gradient, v, eta, alpha):
    step = _ahead(0, alpha * v - eta * gradient, gradient, eta, alpha)
    return w + step, step


@exercise(
    "6.7",
    "Write Nesterov's step",
    minutes=6,
    oracle=by_torch(
        lambda weights, eta, alpha: torch.optim.SGD(weights, eta, momentum=alpha, nesterov=True)
    ),
    cases=gradients_of_any_size(0, 0.05, 0.9),
    observe=walked,
    mistakes={
        "plain-momentum-compute": mistake(
            "This is plain momentum. Compute the new v first, and look ahead with the new one.",
            _with_velocity(lambda w, v, g, eta, alpha: w + v),
        ),
        "before-v-lost": mistake(
            "The α before v is lost, so the gradient counts twice.",
            _with_velocity(lambda w, v, g, eta, alpha: w + v - eta * g),
        ),
        "gradient-s-own": mistake(
            "The gradient's own step is missing: w + αv − ηg has three terms.",
            _with_velocity(lambda w, v, g, eta, alpha: w + alpha * v),
        ),
        "new-v-lost": mistake(
            "The new v is lost: give it back as the second result.",
            _with_velocity(_ahead, keep=False),
        ),
        "weighted-gradient-1": mistake(
            "You weighted the gradient with 1 − α in v. Here it counts in full.",
            _with_velocity(_ahead, lambda v, g, eta, alpha: alpha * v - (1 - alpha) * eta * g),
        ),
        "gave-back-whole": mistake(
            "You gave back the whole step as the velocity. What is kept is v.", _step_as_velocity
        ),
        "climbed-velocity-takes": mistake(
            "You climbed. The velocity takes −η·g.",
            _with_velocity(lambda w, v, g, eta, alpha: w - alpha * v + eta * g),
        ),
        "place": mistake(IN_PLACE, in_place(_with_velocity(_ahead))),
    },
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
    mistakes={
        "added-2-w": mistake(
            "You added 2λw, the gradient of λw². PyTorch adds weight_decay · w, "
            "as for the penalty λw²/2.",
            1.95,
        ),
        "decay-missing-plain": mistake("The decay is missing: that is plain descent.", 1.97),
        "decay-makes-weights": mistake(
            "The decay makes weights smaller, so its term has the sign of w.", 1.98
        ),
        "took-5-weight": mistake(
            "You took 5 % off the weight. "
            "The decay is part of the gradient, so η multiplies it too.",
            1.87,
        ),
    },
    hints=[
        "PyTorch uses g + weight_decay · w in place of g.",
        "g + 0.05 · 2 = ?, and w moves by −0.1 times that.",
    ],
)
def decayed():
    """Weight after one step from w = 2."""
    return 2 - 0.1 * (0.3 + 0.05 * 2)


# --- 6.9 ----------------------------------------------------------------------------------------
def _adam_direction(gradient, state, beta1, beta2, eps):
    m, r, t = state
    m, r, t = beta1 * m + (1 - beta1) * gradient, beta2 * r + (1 - beta2) * gradient**2, t + 1
    return m / (1 - beta1**t) / ((r / (1 - beta2**t)) ** 0.5 + eps), (m, r, t)


def _adam_with(shrink, into_gradient=0.0, after=False):
    """Adam whose weights are multiplied by `shrink(eta, decay)`, before or after the step."""

    def adamw_step(w, g, state, eta=0.001, decay=0.01, beta1=0.9, beta2=0.999, eps=1e-8):
        g = g + into_gradient * decay * w
        direction, state = _adam_direction(g, state, beta1, beta2, eps)
        if after:
            return (w - eta * direction) * shrink(eta, decay), state
        return w * shrink(eta, decay) - eta * direction, state

    return adamw_step


@exercise(
    "6.9",
    "Write adamw_step",
    minutes=7,
    oracle=by_torch(
        lambda weights, eta, decay: torch.optim.AdamW(weights, lr=eta, weight_decay=decay)
    ),
    cases=gradients_of_any_size((0, 0, 0), 0.05, 0.2),
    observe=walked,
    mistakes={
        "decay-went-gradient": mistake(
            "The decay went into the gradient, so Adam divides it by √r̂ as well. "
            "Take it off the weight itself.",
            _adam_with(lambda eta, decay: 1, into_gradient=1.0),
        ),
        "adam-without-decay": mistake(
            "That is Adam without decay.", _adam_with(lambda eta, decay: 1)
        ),
        "decay-forgets-step": mistake(
            "Your decay forgets η. In one step a weight loses the share η·decay.",
            _adam_with(lambda eta, decay: 1 - decay),
        ),
        "took-2-decay": mistake(
            "You took off 2·η·decay. The 2 belongs to another way of writing the penalty.",
            _adam_with(lambda eta, decay: 1 - 2 * eta * decay),
        ),
        "weights-grow-subtract": mistake(
            "Your weights grow. Subtract η·decay·w.", _adam_with(lambda eta, decay: 1 + eta * decay)
        ),
        "shrank-came-adam": mistake(
            "You shrank what came out of Adam's step. Shrink the weight from before the step.",
            _adam_with(lambda eta, decay: 1 - eta * decay, after=True),
        ),
        "place": mistake(IN_PLACE, in_place(_adam_with(lambda eta, decay: 1 - eta * decay))),
    },
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


def _cycle(shape, first=1 / 25, last=1 / 250_000, plus=-1):
    """From first·peak up to peak, down to last·peak; `shape` maps shares of the way to [0, 1]."""

    def one_cycle(steps, peak, warm=0.3):
        top, step = round(warm * steps) + plus, torch.arange(steps).float()
        up = first + (1 - first) * shape((step / top).clamp(max=1))
        down = last + (1 - last) * shape(1 - ((step - top) / (steps - 1 - top)).clamp(min=0))
        return peak * torch.where(step <= top, up, down)

    return one_cycle


def _half_cosine(share):
    return (1 - torch.cos(torch.pi * share)) / 2


@exercise(
    "6.10",
    "Write the one-cycle schedule",
    minutes=9,
    oracle=_one_cycle_by_torch,
    cases=_cycles,
    exempt={"input": "the first argument is a number of steps, which no list of rates can equal"},
    mistakes={
        "rate-runs-straight": mistake(
            "Your rate runs in straight lines. "
            "Use half a cosine: (1 − cos(π·share))/2 for the share of the way.",
            _cycle(lambda s: s),
        ),
        "starts-0-start": mistake(
            "It starts at 0. Start at peak/25.", _cycle(_half_cosine, first=0.0)
        ),
        "starts-peak-way": mistake(
            "It starts at the peak: the way up is missing.", _cycle(_half_cosine, first=1.0)
        ),
        "ends-began-way": mistake(
            "It ends where it began. The way down leads to almost 0, peak/250,000.",
            _cycle(_half_cosine, last=1 / 25),
        ),
        "peak-comes-step": mistake(
            "The peak comes one step late. Steps count from 0, so it is step warm·steps − 1.",
            _cycle(_half_cosine, plus=0),
        ),
        "peak-start-swapped": mistake(
            "Peak and start are swapped: the rate must rise first.",
            lambda steps, peak, warm=0.3: (
                peak * (1 + 1 / 25) - _cycle(_half_cosine)(steps, peak, warm)
            ),
        ),
    },
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
    for count, hidden, inputs, examples in ((1, 2, 3, 4), (3, 4, 2, 5), (5, 3, 6, 8)):

        def draw(*shape):
            return torch.randn(shape, generator=rng)

        U, V = draw(count, hidden, inputs), draw(count, 1, hidden)
        yield U, V, draw(inputs, examples), draw(1, examples)


def _by_hand(scale=lambda x: 2 / x.shape[1], bend=lambda h: 1 - h**2, sign=1):
    def two_gradients(U, V, x, y):
        hidden = torch.tanh(U @ x)
        back = sign * scale(x) * (V @ hidden - y)
        return (V.mT @ back * bend(hidden)) @ x.T, back @ hidden.mT

    return two_gradients


@exercise(
    "6.11",
    "Gradients of many networks at once",
    minutes=10,
    oracle=_by_autograd,
    cases=_networks,
    exempt={"dtype": "of a pair of tensors, values are compared and not types"},
    mistakes={
        "slope-tanh-missing": mistake(
            "The slope of tanh is missing in U's gradient: it is 1 − hidden².",
            _by_hand(bend=lambda h: 1),
        ),
        "wrote-slope-tanh": mistake(
            "You wrote the slope of tanh for what goes in; hidden is tanh already: 1 − hidden².",
            _by_hand(bend=lambda h: 1 - torch.tanh(h) ** 2),
        ),
        "loss-sum-examples": mistake(
            "Your loss is a sum over the examples. It is their mean: divide by how many there are.",
            _by_hand(scale=lambda x: 2),
        ),
        "2-square-missing": mistake(
            "The 2 of the square is missing.", _by_hand(scale=lambda x: 1 / x.shape[1])
        ),
        "gradients-wrong-sign": mistake(
            "Both gradients have the wrong sign. The error is output minus target.",
            _by_hand(sign=-1),
        ),
        "gave-back-two": mistake(
            "You gave back the two in the wrong order: first U's, then V's.",
            lambda *case: _by_hand()(*case)[::-1],
        ),
    },
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
