"""Answers to the exercises of workbook 06 that are rules for a step: each from settings.

With the settings' defaults an answer is right. The rules are observed by `walked`.
"""

import torch

from course_utils.exercises.calling import is_unchanged

KEPT, CHANGED = "kept", "changed in place"
OLD_WEIGHTS = "the old weights"  # the name of the part that says so


def walked(step, case):
    """(weights, memory …) after every step of a rule, and whether the old weights were kept."""
    w, gradients, state, *constants = case
    w = w.clone()
    path, memories, changed = [], [], False
    for gradient in gradients:
        old, kept = w, w.clone()
        both = step(w, gradient, state, *constants)
        changed |= not is_unchanged(kept, old)
        if both is None:
            return None
        if not (isinstance(both, tuple | list) and len(both) == 2):
            raise TypeError("two things have to come back: the new weights, and the new memory")
        w, state = both
        path.append(w.detach().clone() if isinstance(w, torch.Tensor) else w)
        memories.append(_parts_of(state))
    parts = [list(part) for part in zip(*memories, strict=True)]
    return _stacked(path), *(_stacked(part) for part in parts), CHANGED if changed else KEPT


def _parts_of(memory: object) -> tuple:
    """What the memory holds, copied: it may be updated in place."""
    parts = memory if isinstance(memory, tuple | list) else (memory,)
    return tuple(p.detach().clone() if isinstance(p, torch.Tensor) else p for p in parts)


def _stacked(values: list) -> object:
    """The values of all steps: a tensor where they are tensors of one shape, else a tuple."""
    shapes = {value.shape if isinstance(value, torch.Tensor) else None for value in values}
    if len(shapes) == 1 and shapes.pop():
        return torch.stack(values)
    return tuple(v.item() if isinstance(v, torch.Tensor) and v.ndim == 0 else v for v in values)


def by_torch(make, memory):
    """A step with the signature of ours, taken by the optimiser `make(weights, *constants)`.

    Parameters
    ----------
    memory : gives our memory from the optimiser's own state of a weight, and from the constants
    """

    def step(w, gradient, state, *constants):
        if not isinstance(state, _Running):
            weight = w.clone().requires_grad_()
            state = _Running((weight, make([weight], *constants)))
        weight, optimizer = state.running
        weight.grad = gradient.clone()
        optimizer.step()
        now = memory(optimizer.state[weight], *constants)
        return weight.detach().clone(), _Running(state.running, now)

    return step


class _Running(tuple):
    """Our memory, and with it the optimiser that runs."""

    running: tuple

    def __new__(cls, running, values=()):
        made = super().__new__(cls, values)
        made.running = running
        return made


def adam_memory(state, *_constants):
    """(m, r, t) from what PyTorch's Adam keeps of a weight."""
    return state["exp_avg"].clone(), state["exp_avg_sq"].clone(), state["step"].item()


def gradients_of_any_size(state, constants):
    """Cases for a rule: few steps, 50 steps, and gradients of which some are tiny.

    Parameters
    ----------
    constants : what follows the memory in each of the five cases
    """

    def cases(rng):
        tiny = [1, 1e-2, 1e-4, 1e-5]
        sizes = (3, 2, [1.0]), (50, 3, [2.0]), (12, 4, tiny), (2, 2, [3.0]), (60, 2, [1.0])
        for (steps, weights, size), more in zip(sizes, constants, strict=True):
            noise = torch.randn(steps, weights, generator=rng)
            drift = torch.rand(weights, generator=rng) + 0.5
            gradients = (noise + drift) * torch.tensor(size)
            yield torch.randn(weights, generator=rng), gradients, state, *more

    return cases


def in_place(rule):
    """The same rule, but written into the weights it was given."""

    def step(w, *rest):
        new, state = rule(w, *rest)
        return w.copy_(new), state

    return step


def rmsprop_with(
    mean=lambda r, g, rho: rho * r + (1 - rho) * g**2,
    root=lambda r, eps: r**0.5 + eps,
    move=lambda w, g, eta: w - eta * g,
    memory=lambda old, new: new,
    old_in_step=False,
    results=lambda w, r: (w, r),
):
    """An answer to 6.4 from settings: running mean, denominator, step, and what comes back."""

    def rmsprop_step(w, gradient, r, eta=0.01, rho=0.9, eps=1e-8):
        new = mean(r, gradient, rho)
        used = r if old_in_step else new
        w = move(w, gradient / root(torch.as_tensor(used), eps), eta)
        return results(w, memory(r, new))

    return rmsprop_step


def nesterov_with(
    velocity=lambda v, g, eta, alpha: alpha * v - eta * g,
    move=lambda w, v, g, eta, alpha: w + alpha * v - eta * g,
    memory=lambda old, new, moved: new,
    old_in_step=False,
    results=lambda w, v: (w, v),
):
    """An answer to 6.7 from settings: velocity, step, and what comes back."""

    def nesterov_step(w, gradient, v, eta=0.01, alpha=0.9):
        new = velocity(v, gradient, eta, alpha)
        moved = move(w, v if old_in_step else new, gradient, eta, alpha)
        return results(moved, memory(v, new, moved - w))

    return nesterov_step


def adam_with(
    first=lambda m, g, beta: beta * m + (1 - beta) * g,
    second=lambda r, g, beta, m: beta * r + (1 - beta) * g**2,
    correct_m=lambda m, beta, t: m / (1 - beta**t),
    correct_r=lambda r, beta, t: r / (1 - beta**t),
    exponent=lambda t: t + 1,
    root=lambda r, eps: r**0.5 + eps,
    move=lambda w, step, eta: w - eta * step,
    memory=lambda old, new, hats: new,
    betas=lambda beta1, beta2: (beta1, beta2, beta1, beta2),
    results=lambda w, state: (w, state),
    shrink=lambda w, moved, eta, decay: moved - eta * decay * w,
    into_gradient=lambda w, decay: 0,
    into_m=lambda w, decay: 0,
    into_step=lambda w, decay: 0,
    early_epsilon=False,
    step_with="m",
):
    """An answer to 6.9 from settings; without decay, one to 6.6: see `adam_without_decay`.

    Parameters
    ----------
    exponent : the t of the correction, from the number of steps before
    betas : β of m, of r, of m's correction, of r's correction
    shrink : the weights after decay, from the old ones and those that Adam has moved
    into_gradient, into_m, into_step : what the decay adds to the gradient, to the gradient in m
        alone, and to m̂
    step_with : "m" (m̂) or the "gradient" itself
    early_epsilon : whether ε is added to √r before its correction
    """

    def adamw_step(w, gradient, state, eta=0.001, decay=0.01, beta1=0.9, beta2=0.999, eps=1e-8):
        m, r, t = state
        of_m, of_r, in_m, in_r = betas(beta1, beta2)
        g = gradient + into_gradient(w, decay)
        m = first(m, g + into_m(w, decay), of_m)
        r = second(r, g, of_r, m)
        m_hat, r_hat = correct_m(m, in_m, exponent(t)), correct_r(r, in_r, exponent(t))
        if early_epsilon:  # ε/√(1 − β₂ᵗ) beside √r̂ is the same as ε beside √r
            eps = eps / (1 - in_r ** exponent(t)) ** 0.5
        along = m_hat if step_with == "m" else g
        moved = move(w, (along + into_step(w, decay)) / root(torch.as_tensor(r_hat), eps), eta)
        new = memory(state, (m, r, t + 1), (m_hat, r_hat, t + 1))
        return results(shrink(w, moved, eta, decay), new)

    return adamw_step


def adam_without_decay(**settings):
    """An answer to 6.6 from settings."""
    adamw_step = adam_with(**settings)

    def adam_step(w, gradient, state, eta=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        return adamw_step(w, gradient, state, eta, 0.0, beta1, beta2, eps)

    return adam_step
