"""Exercises of further/07: transposed convolution, PCA, bits, strangers, and sparse codes."""

from functools import partial

import torch
import torch.nn.functional as F

from course_utils.exercise import exercise, mistake
from course_utils.exercises.autoencoders_further_mistakes import (
    OF_THE_BITS,
    OF_THE_STAMPS,
    transposed_by,
)
from course_utils.exercises.calling import call_by_hand, call_unchanged
from course_utils.exercises.roc_area_mistakes import OF_THE_AREA, area_by
from course_utils.exercises.sparse_code_mistakes import OF_THE_SPARSE_LOSS, sparse_by
from course_utils.judging.observation import NOT_COMPARED


# --- 7.7 ----------------------------------------------------------------------------------------
def _as_adjoint(code, kernel, stride=1, padding=0):
    """The gradient of a convolution, by its definition."""
    sizes = zip(code.shape, kernel.shape, strict=True)
    large = torch.zeros([(n - 1) * stride + k - 2 * padding for n, k in sizes], requires_grad=True)
    small = F.conv2d(large[None, None], kernel[None, None], stride=stride, padding=padding)
    return torch.autograd.grad(small, large, code[None, None])[0]


def _layers(rng):
    for (height, width), (tall, wide), stride, padding in (
        ((2, 2), (2, 2), 1, 0),  # square, so that it tells who forgot the other side
        ((2, 3), (3, 2), 1, 0),
        ((3, 2), (3, 3), 2, 0),
        ((3, 3), (3, 3), 2, 0),
        ((3, 4), (4, 3), 2, 1),
        ((4, 3), (5, 4), 3, 2),
    ):
        code = torch.randint(-9, 10, (height, width), generator=rng).float()
        kernel = torch.randint(-9, 10, (tall, wide), generator=rng).float()
        yield (code, kernel, stride, padding) if height + width > 4 else (code, kernel)


@exercise(
    "7.7",
    "Write a transposed convolution",
    minutes=10,
    oracle=_as_adjoint,
    cases=_layers,
    observe=partial(call_by_hand, ("conv_transpose2d", "conv_transpose3d")),
    switches=transposed_by,
    mistakes=OF_THE_STAMPS,
    hints=[
        "Begin with a canvas of zeros: (H − 1)·stride + kH rows. Padding comes last.",
        "Number (i, j) of the code stamps code[i, j] · kernel. Where is its upper left corner?",
        "canvas[i·stride : i·stride + kH, j·stride : j·stride + kW] += …; "
        "then cut `padding` off at all four sides.",
    ],
)
def conv_transpose2d(code, kernel, stride=1, padding=0):
    """(H, W), (kH, kW) -> larger map: every number stamps its multiple of the kernel."""
    tall, wide = kernel.shape
    rows = (code.shape[0] - 1) * stride + tall
    columns = (code.shape[1] - 1) * stride + wide
    canvas = torch.zeros(rows, columns)
    for i in range(code.shape[0]):
        for j in range(code.shape[1]):
            top, left = i * stride, j * stride
            canvas[top : top + tall, left : left + wide] += code[i, j] * kernel
    return canvas[padding : rows - padding, padding : columns - padding]


# --- 7.8 ----------------------------------------------------------------------------------------
@exercise(
    "7.8",
    "Are its weights the principal axes?",
    minutes=3,
    kind="choice",
    choices={
        "a": "Yes: both minimise the same error, so the rows are the axes.",
        "b": "Yes, up to the order and the sign of the rows.",
        "c": "No: the rows span the same subspace, but they are not the axes.",
        "d": "No: a network finds another, better subspace.",
    },
    mistakes={
        "same-error": mistake(
            "The error depends on the subspace only. Mix the code by any invertible matrix, "
            "undo that in the decoder, and the error stays the same.",
            "a",
        ),
        "order-and-sign": mistake(
            "More than order and sign is free: any invertible mix of the rows does as well. "
            "Nothing in the error asks for right angles.",
            "b",
        ),
        "better-subspace": mistake(
            "No linear map to so few numbers has a smaller error on these images than PCA: "
            "that is what PCA is the solution of.",
            "d",
        ),
    },
    hints=[
        "Let the encoder be W and the decoder V. What do the encoder MW and the decoder "
        "VM⁻¹ give, for an invertible matrix M?",
        "Does the error say anything about the length of a row, or about angles between rows?",
    ],
)
def axes():
    """Choose what the weights of a trained linear autoencoder are."""
    return "c"


# --- 7.9 ----------------------------------------------------------------------------------------
@exercise(
    "7.9",
    "Numbers are not bits",
    minutes=3,
    kind="value",
    oracle=lambda: torch.zeros(3, 32, 32, dtype=torch.uint8).nbytes / torch.zeros(512).nbytes,
    formula="(channels * height * width * bits_of_a_pixel) / (length * bits_of_a_number)",
    quantities={
        "channels": 3,
        "height": 32,
        "width": 32,
        "bits_of_a_pixel": 8,
        "length": 512,
        "bits_of_a_number": 32,
    },
    mistakes=OF_THE_BITS,
    hints=[
        "Count bits on both sides.",
        "The image: 3,072 numbers of 8 bits. The code: 512 numbers of 32 bits.",
    ],
)
def times_smaller():
    """How many times fewer bits 512 float32 numbers take than 3,072 bytes."""
    return (3072 * 8) / (512 * 32)


# --- 7.10 ---------------------------------------------------------------------------------------
def _by_trapezoids(inside, outside):
    """By the curve itself: the shares above every threshold, joined by straight lines."""
    thresholds = torch.cat([inside, outside, torch.tensor([torch.inf])]).unique().flip(0)
    alarms, hits = (
        (errors >= thresholds[:, None]).double().mean(1) for errors in (inside, outside)
    )
    return torch.trapezoid(hits, alarms).item()


def _scores(rng):
    yield torch.tensor([1.0, 2.0]), torch.tensor([2.0, 3.0, 0.0])  # one tie: no half is rounded
    for most, n_inside, n_outside, more in (
        (4, 3, 5, 3),
        (6, 8, 5, 3),
        (9, 20, 30, 3),
        (30, 60, 45, -12),  # strangers that look familiar: the area is below one half
    ):
        inside = torch.randint(0, most, (n_inside,), generator=rng).float()
        outside = torch.randint(1, most + more, (n_outside,), generator=rng).float()
        outside[0] = inside[0] = most // 2  # a tie, always
        yield inside, outside


@exercise(
    "7.10",
    "Write the area under the ROC curve",
    minutes=8,
    oracle=_by_trapezoids,
    cases=_scores,
    switches=area_by,
    mistakes=OF_THE_AREA,
    hints=[
        "The area is the probability that a random outsider has the larger error of the two.",
        "Compare each outsider with each insider: outside[:, None] > inside[None, :].",
        "A pair with equal errors counts one half.",
    ],
)
def roc_area(inside, outside):
    """(N,), (M,) errors -> share of pairs in which the outsider's is larger; ties count half."""
    wins = (outside[:, None] > inside[None, :]).double()
    ties = (outside[:, None] == inside[None, :]).double()
    return (wins + ties / 2).mean().item()


# --- 7.11 ---------------------------------------------------------------------------------------
def _sparse_by_norms(x, rebuilt, h, weight):
    error = torch.linalg.vector_norm(x.double() - rebuilt, dim=1) ** 2
    return (error + weight * torch.linalg.vector_norm(h.double(), 1, dim=1)).mean().float()


def _batches(rng):
    for images, pixels, atoms, weight in ((2, 2, 3, 0.5), (3, 5, 8, 0.1), (5, 16, 24, 2.0)):
        x = torch.randn(images, pixels, generator=rng)
        rebuilt = x + 0.3 * torch.randn(images, pixels, generator=rng)
        h = torch.randn(images, atoms, generator=rng)
        h[0, 0] = 0  # codes are meant to have zeros
        yield x, rebuilt, h, weight


def _observe_sparse_loss(answer, case):
    """(loss, whether a gradient reaches the rebuilt image, and the code)."""
    x, rebuilt, h, weight = case
    leaves = [rebuilt.clone().requires_grad_(), h.clone().requires_grad_()]
    rebuilt, h = [
        leaf * 1 for leaf in leaves
    ]  # as behind a network: no leaves, which refuse abs_()
    loss = call_unchanged(answer, (x, rebuilt, h, weight), ("x", "rebuilt", "h", "weight"))
    if loss is None:
        return None
    if isinstance(loss, tuple | list):  # as one part: it is no observation of ours
        return loss, NOT_COMPARED, NOT_COMPARED
    gradients = [None, None]
    if isinstance(loss, torch.Tensor) and loss.requires_grad:
        gradients = torch.autograd.grad(loss.sum(), leaves, allow_unused=True)
    return loss, *(gradient is not None and bool(gradient.any()) for gradient in gradients)


@exercise(
    "7.11",
    "Write the loss of a sparse autoencoder",
    minutes=8,
    oracle=_sparse_by_norms,
    cases=_batches,
    observe=_observe_sparse_loss,
    argument_names=("x", "rebuilt", "h", "weight"),
    parts=("the loss", "whether a gradient reaches `rebuilt`", "whether one reaches `h`"),
    switches=sparse_by,
    mistakes=OF_THE_SPARSE_LOSS,
    hints=[
        "Two numbers for each example: a sum of squares and a sum of magnitudes.",
        "((x − rebuilt)²).sum(1) has one number for each example. So has the penalty.",
        "Add λ times the penalty, then take the mean over the batch.",
    ],
)
def sparse_loss(x, rebuilt, h, weight):
    """(N, P), (N, P), (N, Q) code, λ -> mean over N of ‖x − rebuilt‖² + λ Σ|h|."""
    return (((x - rebuilt) ** 2).sum(1) + weight * h.abs().sum(1)).mean()
