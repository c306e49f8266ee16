"""Exercises of further/05: features by hand, depth, and how to hold a network back."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.exercise import exercise, mistake


# --- 5.7 ----------------------------------------------------------------------------------------
def _by_numpy(dx, dy, bins):
    dx, dy = dx.double().numpy(), dy.double().numpy()
    histogram, _ = np.histogram(
        np.arctan2(dy, dx) % np.pi, bins, range=(0, np.pi), weights=np.hypot(dx, dy)
    )
    return torch.from_numpy(histogram / np.linalg.norm(histogram)).float()


def _patches(rng):
    for height, width, bins in ((2, 3, 4), (4, 4, 8), (7, 5, 6), (16, 16, 9)):
        yield (
            torch.randn(height, width, generator=rng) + 0.6,
            2 * torch.randn(height, width, generator=rng) - 0.4,
            bins,
        )


def _histogram(angle=None, turn=math.pi, weights=torch.hypot, scale=None):
    """An orientation_histogram that goes wrong in one of its steps."""

    def orientation_histogram(dx, dy, bins):
        angles = (angle or torch.atan2)(dy, dx) % turn
        place = (angles / turn * bins).long().clamp(max=bins - 1)
        totals = torch.zeros(bins).index_add(0, place.flatten(), weights(dx, dy).flatten())
        return totals / (scale or torch.linalg.vector_norm)(totals)

    return orientation_histogram


@exercise(
    "5.7",
    "Count directions",
    minutes=8,
    oracle=_by_numpy,
    cases=_patches,
    mistakes={
        "counted-pixels-strong": mistake(
            "You counted pixels. A strong gradient should weigh more: add up magnitudes.",
            _histogram(weights=lambda dx, dy: torch.ones_like(dx)),
        ),
        "added-squared-magnitudes": mistake(
            "You added squared magnitudes. Take the square root for each pixel first.",
            _histogram(weights=lambda dx, dy: dx**2 + dy**2),
        ),
        "bins-run-round": mistake(
            "Your bins run round the whole circle. From light to dark or from dark to light, an edge "
            "has one direction: take the angle modulo π and divide 0 to π.",
            _histogram(turn=2 * math.pi),
        ),
        "dx-dy-changed": mistake(
            "dx and dy have changed places in the angle: it is atan2(dy, dx).",
            _histogram(angle=lambda dy, dx: torch.atan2(dx, dy)),
        ),
        "histogram-normalised-divide": mistake(
            "The histogram is not normalised. Divide it by its length.",
            _histogram(scale=torch.ones_like),
        ),
        "divided-sum-entries": mistake(
            "You divided by the sum, so the entries add up to 1. Their squares should: "
            "divide by the length √(Σ h²).",
            _histogram(scale=torch.sum),
        ),
        "divided-largest-entry": mistake(
            "You divided by the largest entry. Divide by the length √(Σ h²).",
            _histogram(scale=torch.amax),
        ),
    },
    hints=[
        "torch.atan2(dy, dx) gives angles from −π to π. What does `% torch.pi` make of them?",
        "An angle between 0 and π belongs to bin number (angle / π · bins), rounded down.",
        "For each bin, add up the magnitudes torch.hypot(dx, dy) of the pixels that fall into it. "
        "Divide by .norm() at the end.",
    ],
    tolerance=1e-4,
)
def orientation_histogram(dx, dy, bins):
    """(H, W), (H, W), number -> (bins,): magnitude per direction from 0 to π, length 1."""
    place = (torch.atan2(dy, dx) % torch.pi / torch.pi * bins).long()
    magnitude = torch.hypot(dx, dy)
    histogram = torch.stack([magnitude[place == b].sum() for b in range(bins)])
    return histogram / histogram.norm()


# --- 5.8 ----------------------------------------------------------------------------------------
def _starved_layers():
    """Key of the layers whose gradients are smallest for their weights, over three seeds."""
    share = {"a": 0.0, "b": 0.0}
    for seed in range(3):
        torch.manual_seed(seed)
        sizes = [(3, 16), (16, 16), (16, 16), (16, 16)]
        convolutions = [nn.Conv2d(inputs, filters, 3, padding=1) for inputs, filters in sizes]
        dense = [nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)]
        deep = torch.randn(40, 3, 32, 32)
        for layer in convolutions:
            deep = F.max_pool2d(torch.sigmoid(layer(deep)), 2)
        deep = deep.flatten(1)
        for layer in dense[:2]:
            deep = torch.sigmoid(layer(deep))
        F.cross_entropy(dense[2](deep), torch.randint(10, (40,))).backward()
        for key, layers in {"a": convolutions, "b": dense}.items():
            ratios = [one.weight.grad.norm() / one.weight.norm() for one in layers]
            share[key] += torch.stack(ratios).log().mean().item()
    if abs(share["a"] - share["b"]) < math.log(10):
        return "c"
    return min(share, key=share.get)


@exercise(
    "5.8",
    "Where are unstable gradients most problematic?",
    minutes=3,
    kind="choice",
    choices={
        "a": "in the updates of the convolutions",
        "b": "in the updates of the dense layers",
        "c": "in both alike",
        "d": "they are not a problem",
    },
    oracle=_starved_layers,
    mistakes={
        "dense-layers-stand": mistake(
            "The dense layers stand next to the loss. "
            "How many slopes does their gradient pass, and how many does that of the first layer?",
            "b",
        ),
        "alike-gradient-multiplied": mistake(
            "Not alike: a gradient is multiplied by one more slope in each layer it passes. "
            "Which layers does it reach last?",
            "c",
        ),
        "relu-good-starting": mistake(
            "With ReLU and good starting weights you may be lucky. "
            "Here are sigmoids, whose slope is a quarter at most, six in a row.",
            "d",
        ),
    },
    hints=[
        "Backward means from the loss to the image. In which order does it meet the layers?",
        "Each sigmoid on the way multiplies the gradient by a quarter at most.",
    ],
)
def starved():
    """Name the layers whose gradients shrink most."""
    return "a"


# --- 5.9 ----------------------------------------------------------------------------------------
def _stop_by_windows(valid_loss, patience):
    """Independently: the first epoch after which `patience` losses in a row are no new lowest."""
    losses = [float(loss) for loss in valid_loss]
    for last in range(patience, len(losses)):
        earlier, recent = losses[: last - patience + 1], losses[last - patience + 1 : last + 1]
        if min(recent) >= min(earlier):
            return earlier.index(min(earlier)), last + 1
    return losses.index(min(losses)), len(losses)


def _loss_curves(rng):
    def wiggle(length):
        return 0.01 * torch.rand(length, generator=rng)

    yield torch.tensor([0.9, 0.7, 0.75, 0.8, 0.78, 0.6]) + wiggle(6), 2
    yield torch.tensor([2.0, 1.5, 1.6, 1.4, 1.45, 1.43, 1.44, 0.7]) + wiggle(8), 3
    yield torch.tensor([1.2, 1.0, 1.1, 1.05, 1.08, 1.07, 0.5, 0.4, 0.6]) + wiggle(9), 4
    yield torch.linspace(2, 1, 12) + wiggle(12), 3


def _stopper(stop_at=None, kept=None, looks_back=False):
    """A stop_early that goes wrong in when it stops, or in which epoch it keeps."""

    def stop_early(valid_loss, patience):
        losses, waited, best = valid_loss.tolist(), 0, 0
        for epoch, loss in enumerate(losses):
            worse = loss >= (losses[epoch - 1] if looks_back else losses[best])
            waited = waited + 1 if epoch and worse else 0
            best = epoch if loss < losses[best] else best
            if waited >= (stop_at(patience) if stop_at else patience):
                break
        return (kept(best, epoch, losses) if kept else best), epoch + 1

    return stop_early


@exercise(
    "5.9",
    "Write early stopping",
    minutes=7,
    oracle=_stop_by_windows,
    cases=_loss_curves,
    mistakes={
        "stop-first-rise": mistake(
            "You stop at the first rise. Losses wobble: wait `patience` epochs for a new lowest.",
            _stopper(stop_at=lambda patience: 1),
        ),
        "wait-epoch-long": mistake(
            "You wait one epoch too long. Stop as soon as `patience` epochs brought nothing.",
            _stopper(stop_at=lambda patience: patience + 1),
        ),
        "keep-last-epoch": mistake(
            "You keep the last epoch's weights. The ones to keep had the lowest loss.",
            _stopper(kept=lambda best, epoch, losses: epoch),
        ),
        "take-lowest-loss": mistake(
            "You take the lowest loss of the whole list. After the stop nobody trained on, "
            "so those losses would not exist.",
            _stopper(kept=lambda best, epoch, losses: losses.index(min(losses))),
        ),
        "compare-epoch-before": mistake(
            "You compare with the epoch before. An epoch is an improvement only if it beats the "
            "lowest loss so far.",
            _stopper(looks_back=True),
        ),
        "never-stop-return": mistake(
            "You never stop. Return as soon as `patience` epochs in a row brought no new lowest.",
            _stopper(stop_at=lambda patience: 10**6),
        ),
        "epoch-keep-counts": mistake(
            "The epoch to keep counts from 0 here, like an index into the list.",
            _stopper(kept=lambda best, epoch, losses: best + 1),
        ),
    },
    hints=[
        "Walk through the losses and remember two numbers: where the lowest was, and which epoch "
        "you are in.",
        "Stop once epoch − best equals the patience.",
        "If the losses end first, all of them were trained.",
    ],
)
def stop_early(valid_loss, patience):
    """(E,) losses, patience -> (index of the epoch to keep, number of epochs trained)."""
    best = 0
    for epoch in range(len(valid_loss)):
        if valid_loss[epoch] < valid_loss[best]:
            best = epoch
        if epoch - best == patience:
            break
    return best, epoch + 1


# --- 5.10 ---------------------------------------------------------------------------------------
def _step_by_autograd(weight, bias, weight_grad, bias_grad, eta, strength):
    """Step on a loss with these gradients plus the penalty, written out for autograd."""
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    loss = (weight * weight_grad).sum() + (bias * bias_grad).sum()
    (loss + strength * (weight**2).sum()).backward()
    return (weight - eta * weight.grad).detach(), (bias - eta * bias.grad).detach()


def _layers(rng):
    for outputs, inputs, eta, strength in ((1, 2, 0.5, 0.1), (2, 3, 0.1, 0.4), (4, 5, 0.2, 0.03)):
        weight, bias = (
            torch.randn(outputs, inputs, generator=rng),
            torch.randn(outputs, generator=rng),
        )
        grads = torch.randn(outputs, inputs, generator=rng), torch.randn(outputs, generator=rng)
        yield weight + 1, bias - 1, *grads, eta, strength


def _stepped(pull, on_bias=False):
    """An l2_step whose weights feel `pull` instead of the penalty's gradient."""

    def l2_step(weight, bias, weight_grad, bias_grad, eta, strength):
        more = pull(bias, eta, strength) if on_bias else 0
        weight = weight - eta * (weight_grad + pull(weight, eta, strength))
        return weight, bias - eta * (bias_grad + more)

    return l2_step


@exercise(
    "5.10",
    "One step with an L2 penalty",
    minutes=6,
    oracle=_step_by_autograd,
    cases=_layers,
    mistakes={
        "penalty-pulls-w": mistake(
            "Your penalty pulls with λw. The derivative of λw² has a 2 in it.",
            _stepped(lambda w, eta, strength: strength * w),
        ),
        "weights-ignore-penalty": mistake(
            "Your weights ignore the penalty. Add its derivative to their gradient.",
            _stepped(lambda w, eta, strength: 0 * w),
        ),
        "penalise-biases-left": mistake(
            "You penalise the biases too. Here they are left out, as is usual.",
            _stepped(lambda w, eta, strength: 2 * strength * w, on_bias=True),
        ),
        "pull-wrong-sign": mistake(
            "The pull has the wrong sign: your weights grow. "
            "Its derivative is added to the gradient, and the step goes against both.",
            _stepped(lambda w, eta, strength: -2 * strength * w),
        ),
        "added-penalty-itself": mistake(
            "You added the penalty itself. A step needs its derivative for each weight.",
            _stepped(lambda w, eta, strength: strength * (w**2).sum()),
        ),
        "pull-scaled-learning": mistake(
            "The pull is not scaled by the learning rate η; it belongs to the gradient.",
            _stepped(lambda w, eta, strength: 2 * strength * w / eta),
        ),
        "derivative-w-l1": mistake(
            "That is the derivative of λ|w|, an L1 penalty.",
            _stepped(lambda w, eta, strength: strength * w.sign()),
        ),
    },
    hints=[
        "Write the derivative of λ·w² for one single weight w.",
        "gradient of the whole = gradient of L + derivative of the penalty; the step is −η times "
        "that.",
    ],
    exempt={"dtype": "a pair of tensors is compared by its numbers, whatever type they come in"},
)
def l2_step(weight, bias, weight_grad, bias_grad, eta, strength):
    """Weights, biases, their gradients of L, η, λ -> new (weight, bias) for L + λ·Σ weight²."""
    weight = weight - eta * (weight_grad + 2 * strength * weight)
    return weight, bias - eta * bias_grad


# --- 5.11 ---------------------------------------------------------------------------------------
def _dropout_by_loop(x, keep, p):
    """Number by number: nothing where dropped, else what keeps the mean over masks at x."""
    kept = torch.zeros_like(x)
    for place, flag in enumerate(keep.flatten().tolist()):
        if flag:
            kept.view(-1)[place] = x.flatten()[place] / (1 - p)
    return kept


def _masks(rng):
    for shape, p in (((6,), 0.5), ((2, 5), 0.2), ((3, 4), 0.75), ((2, 3, 7), 0.4)):
        keep = (torch.rand(shape, generator=rng) >= p).float()
        keep.view(-1)[:3] = torch.tensor([1.0, 0.0, 1.0])
        yield torch.randn(shape, generator=rng) + 2, keep, p


@exercise(
    "5.11",
    "Dropout that keeps the mean",
    minutes=5,
    oracle=_dropout_by_loop,
    cases=_masks,
    mistakes={
        "drop-rescale-average": mistake(
            "You drop but do not rescale. On average only 1 − p of each number is left.",
            lambda x, keep, p: x * keep,
        ),
        "rescale-twice-division": mistake(
            "You rescale twice. One division makes up for what is dropped.",
            lambda x, keep, p: x * keep / (1 - p) ** 2,
        ),
        "divide-p-number": mistake(
            "You divide by p. A number survives with probability 1 − p.",
            lambda x, keep, p: x * keep / p,
        ),
        "multiply-1-p": mistake(
            "You multiply by 1 − p. That shrinks the mean once more; it has to grow.",
            lambda x, keep, p: x * keep * (1 - p),
        ),
        "mask-upside-1": mistake(
            "Your mask is upside down: 1 means keep.", lambda x, keep, p: x * (1 - keep) / (1 - p)
        ),
        "nothing-dropped-keep": mistake(
            "Nothing is dropped. Where keep is 0 the result is 0.", lambda x, keep, p: x / (1 - p)
        ),
        "divide-share-mask": mistake(
            "You divide by the share that this mask happens to keep. Dropout divides by the "
            "probability, which is the same for every mask.",
            lambda x, keep, p: x * keep / keep.mean(),
        ),
    },
    hints=[
        "A number x becomes 0 with probability p, and c·x otherwise. What is its mean?",
        "Choose c so that (1 − p)·c·x equals x.",
    ],
)
def dropout(x, keep, p):
    """Numbers, mask of 1 (keep) and 0 (drop), drop probability -> x in training mode."""
    return x * keep / (1 - p)
