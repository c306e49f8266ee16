"""Exercises of further/08: greedy pursuit, cameras that work, how few are enough, and features."""

import math

import torch
import torch.nn.functional as F
from sklearn.linear_model import orthogonal_mp

from course_utils.exercise import exercise, mistake
from course_utils.exercises.calling import call_unchanged
from course_utils.exercises.compressive_further_mistakes import (
    OF_THE_CURVE,
    OF_THE_FEATURES,
)
from course_utils.exercises.patch_code_mistakes import (
    OF_THE_ENCODER,
    OF_THE_GAINS,
    code_by,
    encode_by,
)
from course_utils.exercises.pursuit_mistakes import OF_THE_PURSUIT, pursuit_by

GOODFELLOW = torch.tensor(  # (7.47)
    [
        [3.0, -1, 2, -5, 4, 1],
        [4, 2, -3, -1, 1, 3],
        [-1, 5, 4, 2, -3, -2],
        [3, 1, 2, -3, 0, -3],
        [-5, 4, -2, 2, -5, -1],
    ]
)


# --- 8.6 ----------------------------------------------------------------------------------------
def _by_sklearn(D, y, q):
    lengths = D.double().norm(dim=0)
    weights = orthogonal_mp((D / lengths).numpy(), y.double().numpy(), n_nonzero_coefs=q)
    return (torch.from_numpy(weights) / lengths).float()


def _signals(rng):
    # What is left of y after two atoms is at right angles to both and not 0: of nothing left,
    # rounding would choose an atom that is one too many.
    left = torch.tensor([1.0, 2, -3, 0, 3])
    yield GOODFELLOW, GOODFELLOW @ torch.tensor([0.0, 2, 0, 0, -3, 0]) + left, 2
    # The second atom is nearest; by sums of magnitudes the first would be.
    D = torch.tensor([[2.0, 1, 0], [0, 1, 3], [0, 1, 0], [0, 1, 1]])
    yield D, torch.tensor([1.0, 0.6, 0.6, 0.6]), 1
    for m, n, q in ((7, 12, 2), (8, 15, 3), (12, 20, 4)):
        lengths = 0.2 + 4 * torch.rand(n, generator=rng)
        D = lengths * F.normalize(torch.randn(m, n, generator=rng), dim=0)
        yield D, torch.randn(m, generator=rng), q


def _observe_pursuit(answer, case):
    return call_unchanged(answer, case, ("D", "y", "q"))


@exercise(
    "8.6",
    "Write orthogonal matching pursuit",
    minutes=15,
    oracle=_by_sklearn,
    cases=_signals,
    observe=_observe_pursuit,
    argument_names=("D", "y", "q"),
    tolerance=1e-4,
    switches=pursuit_by,
    mistakes=OF_THE_PURSUIT,
    hints=[
        "Keep a list of chosen atoms and what is left of y. At first the list is empty, "
        "and all of y is left.",
        "The best atom has the largest |product with what is left| / length of the atom.",
        "Refit all chosen atoms to y itself: "
        "torch.linalg.lstsq(D[:, chosen], y[:, None]).solution has one row for each.",
    ],
)
def omp(D, y, q):
    """(m, n), (m,), q -> (n,) code with q numbers not 0, chosen greedily, all refitted."""
    lengths = D.norm(dim=0)
    chosen, left = [], y
    for _ in range(q):
        match = (D.T @ left) / lengths
        chosen.append(match.abs().argmax().item())
        weights = torch.linalg.lstsq(D[:, chosen], y[:, None]).solution[:, 0]
        left = y - D[:, chosen] @ weights
    h = torch.zeros(D.shape[1])
    h[chosen] = weights
    return h


# --- 8.7 ----------------------------------------------------------------------------------------
@exercise(
    "8.7",
    "Which camera sees it?",
    minutes=3,
    kind="choice",
    choices={
        "a": "40 of its 128 DCT coefficients: measure where the signal is sparse.",
        "b": "40 of its 128 samples in time.",
        "c": "Both: it is the random choice that makes it work.",
        "d": "Neither: 40 equations for 128 unknowns are too few.",
    },
    mistakes={
        "measured-where-sparse": mistake(
            "Of four numbers that are not 0, 40 places in 128 hold one or two, most of the time. "
            "The others were never measured: nothing can bring them back.",
            "a",
        ),
        "random-always-works": mistake(
            "'Random always works' is not true. Each measurement must see a bit of *every* atom. "
            "What does one DCT coefficient see of the other cosines?",
            "c",
        ),
        "too-few": mistake(
            "Too few for 128 numbers in general, but a sum of four cosines has only eight numbers: "
            "four places and four weights.",
            "d",
        ),
    },
    hints=[
        "What does one measurement of each camera see, if the signal is a single cosine?",
        "A sample in time sees a bit of every cosine. How many does one DCT coefficient see?",
    ],
)
def camera():
    """Choose the camera from whose 40 random numbers the four cosines can be recovered."""
    return "b"


# --- 8.8 ----------------------------------------------------------------------------------------
@exercise(
    "8.8",
    "Read the curve",
    minutes=3,
    kind="value",
    oracle=lambda: math.floor(0.29 * (0.3 * 1000)),
    formula="height * (delta * n)",
    quantities={"height": 0.29, "delta": 0.3, "n": 1000},
    mistakes=OF_THE_CURVE,
    hints=[
        "First m = δ · n.",
        "Then the height on the curve is q / m. Which q has that height?",
    ],
)
def most_nonzeros():
    """Non-zeros q up to which ℓ₁ mostly succeeds: n = 1000, δ = 0.3, height 0.29."""
    return int(0.29 * 300)


# --- 8.9 ----------------------------------------------------------------------------------------
def _gain_shape_by_sklearn(D, x):
    return torch.from_numpy(
        orthogonal_mp(D.double().numpy(), x.double().numpy().T, n_nonzero_coefs=1)
    ).T.float()


def _patches(rng):
    for m, d, count in ((2, 3, 4), (5, 8, 9), (8, 6, 20)):
        yield (
            F.normalize(torch.randn(m, d, generator=rng), dim=0),
            2 * torch.randn(count, m, generator=rng),
        )


@exercise(
    "8.9",
    "Write gain-shape codes",
    minutes=8,
    oracle=_gain_shape_by_sklearn,
    cases=_patches,
    switches=code_by,
    mistakes=OF_THE_GAINS,
    hints=[
        "x @ D has a row for each patch: its product with every atom.",
        "The best atom has the largest magnitude in the row; the gain is the product itself.",
        "torch.zeros_like(products).scatter(1, best, products.gather(1, best)) "
        "with best of shape (N, 1).",
    ],
)
def gain_shape(D, x):
    """(m, d) unit atoms, (N, m) patches -> (N, d) codes: the best atom's gain, else 0."""
    products = x @ D
    best = products.abs().argmax(1, keepdim=True)
    return torch.zeros_like(products).scatter(1, best, products.gather(1, best))


# --- 8.10 ---------------------------------------------------------------------------------------
def _two_by_softshrink(D, x, threshold):
    codes = F.softshrink(x @ D, threshold)
    return torch.cat([codes.relu(), (-codes).relu()], 1)


def _thresholds(rng):
    for case, threshold in zip(_patches(rng), (0.5, 0.25, 1.5), strict=True):
        yield *case, threshold


@exercise(
    "8.10",
    "Write the encoder T",
    minutes=6,
    oracle=_two_by_softshrink,
    cases=_thresholds,
    switches=encode_by,
    mistakes=OF_THE_ENCODER,
    hints=[
        "Both halves start from x @ D, once as it is and once with its sign turned.",
        "Subtract the threshold, and let nothing fall below 0: torch.relu.",
        "torch.cat([…, …], dim=1) puts the halves side by side.",
    ],
)
def encode(D, x, threshold):
    """(m, d), (N, m), α -> (N, 2d): what exceeds α of the products, then of their negatives."""
    products = x @ D
    return torch.cat([(products - threshold).relu(), (-products - threshold).relu()], 1)


# --- 8.11 ---------------------------------------------------------------------------------------
@exercise(
    "8.11",
    "Count the features",
    minutes=3,
    kind="value",
    oracle=lambda: torch.zeros(2, 2, 2, 1600).numel(),  # quadrants down, across; signs; atoms
    formula="atoms * signs * quadrants",
    quantities={"atoms": 1600, "signs": 2, "quadrants": 4},
    mistakes=OF_THE_FEATURES,
    hints=["How many features has one patch?", "How many places are left after the sums?"],
)
def features():
    """Features of one image with 1,600 atoms: both signs, four quadrants."""
    return 4 * 2 * 1600
