"""Exercises of further/07: transposed convolution, PCA, bits, strangers, and sparse codes."""

import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score

from course_utils.exercise import exercise, mistake


# --- 7.7 ----------------------------------------------------------------------------------------
def _by_torch(code, kernel, stride=1, padding=0):
    return F.conv_transpose2d(code[None, None], kernel[None, None], None, stride, padding)[0, 0]


def _layers(rng):
    for (height, width), (tall, wide), stride, padding in (
        ((2, 3), (3, 2), 1, 0),
        ((3, 2), (3, 3), 2, 0),
        ((3, 4), (4, 3), 2, 1),
        ((4, 3), (5, 4), 3, 2),
    ):
        code = torch.randint(-9, 10, (height, width), generator=rng).float()
        yield code, torch.randint(-9, 10, (tall, wide), generator=rng).float(), stride, padding


def _stamped(code, kernel, stride, padding, write):
    """Stamp the kernel for every number; `write` says what happens to a window of the canvas."""
    tall, wide = kernel.shape
    rows, columns = (code.shape[0] - 1) * stride + tall, (code.shape[1] - 1) * stride + wide
    canvas = torch.zeros(rows, columns)
    for i in range(code.shape[0]):
        for j in range(code.shape[1]):
            window = canvas[i * stride : i * stride + tall, j * stride : j * stride + wide]
            window.copy_(write(window, code[i, j] * kernel))
    return canvas[padding : rows - padding, padding : columns - padding]


def _cut_at_one_end(code, kernel, stride=1, padding=0):
    return _by_torch(code, kernel, stride)[2 * padding :, 2 * padding :]


def _spread_only(code, kernel, stride=1, padding=0):
    """Zeros between the numbers, then a cross-correlation with a full frame: kernel unflipped."""
    return _by_torch(code, kernel.flip(0, 1), stride, padding)


def _shrunk(code, kernel, stride=1, padding=0):
    return F.conv2d(code[None, None], kernel[None, None], None, stride, padding)[0, 0]


@exercise(
    "7.7",
    "Write a transposed convolution",
    minutes=10,
    oracle=_by_torch,
    cases=_layers,
    mistakes={
        "stamps-overlap-last": mistake(
            "Where stamps overlap, your last one wipes out the others. Add them up.",
            lambda code, kernel, stride=1, padding=0: _stamped(
                code, kernel, stride, padding, lambda old, stamp: stamp
            ),
        ),
        "stamps-flipped-number": mistake(
            "Your stamps are flipped. Each number stamps the kernel as it is. "
            "(Sliding over spread-out numbers needs the flip; stamping does not.)",
            _spread_only,
        ),
        "left-padding-cut": mistake(
            "You left the padding out. Cut `padding` rows and columns off at every side.",
            lambda code, kernel, stride=1, padding=0: _by_torch(code, kernel, stride),
        ),
        "cut-twice-padding": mistake(
            "You cut off twice the padding at one side. Half of it belongs to the other side.",
            _cut_at_one_end,
        ),
        "cut-start-map": mistake(
            "You cut at the start only, so your map is too large. "
            "Cut `padding` off at all four sides.",
            lambda code, kernel, stride=1, padding=0: _by_torch(code, kernel, stride)[
                padding:, padding:
            ],
        ),
        "stamps-lie-step": mistake(
            "Your stamps lie one step apart, whatever the stride.",
            lambda code, kernel, stride=1, padding=0: _by_torch(code, kernel, 1, padding),
        ),
        "kept-largest-overlapping": mistake(
            "You kept the largest of overlapping stamps. Add them up.",
            lambda code, kernel, stride=1, padding=0: _stamped(
                code, kernel, stride, padding, torch.maximum
            ),
        ),
        "convolution-gathers-windows": mistake(
            "That is a convolution: it gathers windows and shrinks. Here each number is spread out.",
            _shrunk,
        ),
    },
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
        "error-depends-subspace": mistake(
            "The error depends on the subspace only. Mix the code by any invertible matrix, "
            "undo that in the decoder, and the error stays the same.",
            "a",
        ),
        "order-sign-free": mistake(
            "More than order and sign is free: any invertible mix of the rows does as well. "
            "Nothing in the error asks for right angles.",
            "b",
        ),
        "linear-map-few": mistake(
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
    mistakes={
        "6-compares-many": mistake(
            "6 compares how many numbers there are. A float32 takes 32 bits, a pixel's byte 8.", 6
        ),
        "24-gives-code": mistake(
            "24 gives the code one byte a number and the image four. It is the other way round.", 24
        ),
        "divided-code-image": mistake(
            "You divided code by image. How many times smaller is the code?", 2 / 3
        ),
        "12-takes-16": mistake("12 takes 16 bits for a number of the code. float32 has 32.", 3),
        "0-75-takes": mistake("0.75 takes 64 bits for a number of the code. float32 has 32.", 0.75),
    },
    hints=[
        "Count bits on both sides.",
        "The image: 3,072 numbers of 8 bits. The code: 512 numbers of 32 bits.",
    ],
)
def times_smaller():
    """How many times fewer bits 512 float32 numbers take than 3,072 bytes."""
    return (3072 * 8) / (512 * 32)


# --- 7.10 ---------------------------------------------------------------------------------------
def _auc_by_sklearn(inside, outside):
    scores = torch.cat([inside, outside])
    return float(roc_auc_score([0] * len(inside) + [1] * len(outside), scores))


def _scores(rng):
    for most, n_inside, n_outside in ((4, 3, 5), (6, 8, 5), (9, 20, 30), (30, 60, 45)):
        inside = torch.randint(0, most, (n_inside,), generator=rng).float()
        outside = torch.randint(1, most + 3, (n_outside,), generator=rng).float()
        outside[0] = inside[0] = most // 2  # a tie, always
        yield inside, outside


def _pairs(inside, outside):
    return outside[:, None] - inside[None, :]


@exercise(
    "7.10",
    "Write the area under the ROC curve",
    minutes=8,
    oracle=_auc_by_sklearn,
    cases=_scores,
    mistakes={
        "inside-outside-changed": mistake(
            "Inside and outside have changed places: your area is 1 minus the right one. "
            "An outsider should have the *larger* error.",
            lambda inside, outside: _auc_by_sklearn(outside, inside),
        ),
        "ties-count-nothing": mistake(
            "Ties count nothing in your area. Each counts one half.",
            lambda inside, outside: (_pairs(inside, outside) > 0).float().mean().item(),
        ),
        "ties-count-wins": mistake(
            "Ties count as wins in your area. Each counts one half.",
            lambda inside, outside: (_pairs(inside, outside) >= 0).float().mean().item(),
        ),
        "counted-pairs-divide": mistake(
            "You counted pairs. Divide by how many pairs there are.",
            lambda inside, outside: _auc_by_sklearn(inside, outside) * len(inside) * len(outside),
        ),
        "share-outsiders-above": mistake(
            "That is the share of outsiders above *every* insider. "
            "Compare each outsider with each insider.",
            lambda inside, outside: (outside > inside.max()).float().mean().item(),
        ),
        "share-outsiders-above-mean": mistake(
            "That is the share of outsiders above the *mean* of the insiders: one point of the curve. "
            "Compare each outsider with each insider.",
            lambda inside, outside: (outside > inside.mean()).float().mean().item(),
        ),
    },
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
    for images, pixels, atoms, weight in ((2, 3, 4, 0.5), (3, 5, 8, 0.1), (5, 16, 24, 2.0)):
        x = torch.randn(images, pixels, generator=rng)
        rebuilt = x + 0.3 * torch.randn(images, pixels, generator=rng)
        yield x, rebuilt, torch.randn(images, atoms, generator=rng), weight


def _errors(x, rebuilt):
    return ((x - rebuilt) ** 2).sum(1)


@exercise(
    "7.11",
    "Write the loss of a sparse autoencoder",
    minutes=8,
    oracle=_sparse_by_norms,
    cases=_batches,
    mistakes={
        "penalty-squares-code": mistake(
            "Your penalty squares the code. That makes numbers small but not zero; "
            "L1 takes magnitudes.",
            lambda x, rebuilt, h, weight: (_errors(x, rebuilt) + weight * (h**2).sum(1)).mean(),
        ),
        "penalty-adds-code": mistake(
            "Your penalty adds the code with its signs, so negative numbers are rewarded. "
            "Take magnitudes.",
            lambda x, rebuilt, h, weight: (_errors(x, rebuilt) + weight * h.sum(1)).mean(),
        ),
        "stands-before-error": mistake(
            "λ stands before the error in your loss. It belongs before the penalty.",
            lambda x, rebuilt, h, weight: (weight * _errors(x, rebuilt) + h.abs().sum(1)).mean(),
        ),
        "penalty-missing": mistake(
            "The penalty is missing.", lambda x, rebuilt, h, weight: _errors(x, rebuilt).mean()
        ),
        "missing-penalty-counts": mistake(
            "λ is missing: your penalty counts in full.",
            lambda x, rebuilt, h, weight: (_errors(x, rebuilt) + h.abs().sum(1)).mean(),
        ),
        "punish-image-comes": mistake(
            "You punish the image that comes out. The penalty belongs on the code.",
            lambda x, rebuilt, h, weight: (
                _errors(x, rebuilt) + weight * rebuilt.abs().sum(1)
            ).mean(),
        ),
        "took-means-pixels": mistake(
            "You took means over pixels and over the code. Then λ means something else for each size: "
            "add within an example, average over the batch.",
            lambda x, rebuilt, h, weight: F.mse_loss(rebuilt, x) + weight * h.abs().mean(),
        ),
        "added-batch-average": mistake(
            "You added over the batch too. Average over the examples.",
            lambda x, rebuilt, h, weight: (_errors(x, rebuilt) + weight * h.abs().sum(1)).sum(),
        ),
        "error-mean-pixels": mistake(
            "The error is a mean over pixels in your loss, the penalty a sum. "
            "Add both within an example.",
            lambda x, rebuilt, h, weight: F.mse_loss(rebuilt, x) + weight * h.abs().sum(1).mean(),
        ),
    },
    hints=[
        "Two numbers for each example: a sum of squares and a sum of magnitudes.",
        "((x − rebuilt)²).sum(1) has one number for each example. So has the penalty.",
        "Add λ times the penalty, then take the mean over the batch.",
    ],
)
def sparse_loss(x, rebuilt, h, weight):
    """(N, P), (N, P), (N, Q) code, λ -> mean over N of ‖x − rebuilt‖² + λ Σ|h|."""
    return (((x - rebuilt) ** 2).sum(1) + weight * h.abs().sum(1)).mean()
