"""Exercises of further/05: features by hand, depth, and how to hold a network back."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.exercise import exercise, mistake
from course_utils.exercises import classification_further_mistakes as wrong
from course_utils.exercises import regularisation_mistakes
from course_utils.exercises.calling import call_unchanged


# --- 5.7 ----------------------------------------------------------------------------------------
def _by_numpy(dx, dy, bins):
    dx, dy = dx.double().numpy(), dy.double().numpy()
    histogram, _ = np.histogram(
        np.arctan2(dy, dx) % np.pi, bins, range=(0, np.pi), weights=np.hypot(dx, dy)
    )
    return torch.from_numpy(histogram / np.linalg.norm(histogram)).float()


def _patches(rng):
    # Small enough to redo by hand; the last bin stays empty, and the first has one pixel.
    yield torch.tensor([[3.0, -8.0, 5.0]]), torch.tensor([[4.0, 6.0, 0.0]]), 5
    for height, width, bins in ((2, 3, 4), (4, 4, 8), (7, 5, 6), (16, 16, 9)):
        yield (
            torch.randn(height, width, generator=rng) + 0.6,
            2 * torch.randn(height, width, generator=rng) - 0.4,
            bins,
        )


@exercise(
    "5.7",
    "Count directions",
    minutes=8,
    oracle=_by_numpy,
    cases=_patches,
    switches=wrong.histogram_with,
    mistakes=wrong.OF_THE_HISTOGRAM,
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
        "dense": mistake(
            "The dense layers stand next to the loss. "
            "How many slopes does their gradient pass, and how many does that of the first layer?",
            "b",
        ),
        "alike": mistake(
            "Not alike: a gradient is multiplied by one more slope in each layer it passes. "
            "Which layers are farthest from the loss?",
            "c",
        ),
        "no-problem": mistake(
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

    yield torch.tensor([0.9, 0.7, 0.7, 0.8, 0.6]), 2  # a tie is no new lowest loss
    yield torch.tensor([0.8, 0.8, 0.9]), 2  # nor is one with the first epoch
    yield torch.tensor([0.9, 0.8, 0.85, 0.7, 0.4]) + wiggle(5), 1
    yield torch.tensor([0.9, 0.7, 0.75, 0.8, 0.78, 0.6]) + wiggle(6), 2
    yield torch.tensor([2.0, 1.5, 1.6, 1.4, 1.45, 1.43, 1.44, 0.7]) + wiggle(8), 3
    yield torch.tensor([1.2, 1.0, 1.1, 1.05, 1.08, 1.07, 0.5, 0.4, 0.6]) + wiggle(9), 4
    yield torch.tensor([1.2, 1.0, 0.8, 0.9, 0.85]) + wiggle(5), 3  # the losses end first
    # any: or a list of results would be right for every seed
    yield torch.rand(15, generator=rng), int(torch.randint(2, 6, (1,), generator=rng))


@exercise(
    "5.9",
    "Write early stopping",
    minutes=7,
    oracle=_stop_by_windows,
    cases=_loss_curves,
    parts=("epoch to keep", "epochs trained"),
    switches=wrong.stop_with,
    mistakes=wrong.OF_STOPPING,
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


L2_ARGUMENTS = ("weight", "bias", "weight_grad", "bias_grad", "eta", "strength")


def _observe_l2_step(answer, case):
    return call_unchanged(answer, case, L2_ARGUMENTS)


@exercise(
    "5.10",
    "One step with an L2 penalty",
    minutes=6,
    oracle=_step_by_autograd,
    cases=_layers,
    observe=_observe_l2_step,
    argument_names=L2_ARGUMENTS,
    parts=("weight", "bias"),
    switches=regularisation_mistakes.l2_step_with,
    mistakes=regularisation_mistakes.OF_THE_PENALTY,
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
    for shape, p in (((4,), 0.5), ((2, 3), 0.2), ((3, 4), 0.75), ((2, 3, 5), 0.4)):
        keep = (torch.rand(shape, generator=rng) >= p).float()
        keep.view(-1)[:3] = torch.tensor([1.0, 0.0, 1.0])
        yield torch.randn(shape, generator=rng) + 2, keep, p
    yield torch.tensor([1.5, -2.0, 0.5]), torch.ones(3), 0.0  # nothing is dropped


@exercise(
    "5.11",
    "Dropout that keeps the mean",
    minutes=5,
    oracle=_dropout_by_loop,
    cases=_masks,
    switches=regularisation_mistakes.dropout_with,
    mistakes=regularisation_mistakes.OF_DROPOUT,
    hints=[
        "A number x becomes 0 with probability p, and c·x otherwise. What is its mean?",
        "Choose c so that (1 − p)·c·x equals x.",
    ],
)
def dropout(x, keep, p):
    """Numbers, mask of 1 (keep) and 0 (drop), drop probability -> x in training mode."""
    return x * keep / (1 - p)
