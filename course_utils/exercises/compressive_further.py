"""Exercises of further/08: greedy pursuit, cameras that work, how few are enough, and features."""

import math

import torch
import torch.nn.functional as F
from sklearn.linear_model import orthogonal_mp

from course_utils.exercise import exercise, mistake

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
    found = orthogonal_mp((D / lengths).numpy(), y.double().numpy(), n_nonzero_coefs=q)
    return (torch.from_numpy(found) / lengths).float()


def _signals(rng):
    yield GOODFELLOW, GOODFELLOW @ torch.tensor([0.0, 2, 0, 0, -3, 0]), 2
    for m, n, q in ((7, 12, 2), (8, 15, 3), (12, 20, 4)):
        lengths = 0.2 + 4 * torch.rand(n, generator=rng)
        D = lengths * F.normalize(torch.randn(m, n, generator=rng), dim=0)
        yield D, torch.randn(m, generator=rng), q


def _pursuit(D, y, q, *, lengths=None, size=torch.abs, refit=True, rescale=True):
    """Pursue atoms; the options make mistakes."""
    lengths = D.norm(dim=0) if lengths is None else lengths
    unit, chosen, left, h = D / lengths, [], y, torch.zeros(D.shape[1])
    atoms = D if rescale else D / D.norm(dim=0)
    for _ in range(q):
        chosen.append(size(unit.T @ left).argmax().item())
        if refit:
            weights = torch.linalg.lstsq(atoms[:, chosen], y[:, None]).solution[:, 0]
            h = torch.zeros(D.shape[1])
            h[chosen] = weights
        else:
            atom = atoms[:, chosen[-1]]
            h[chosen[-1]] += (atom @ left) / (atom @ atom)
        left = y - atoms @ h
    return h


def _all_at_once(D, y, q):
    chosen = ((D / D.norm(dim=0)).T @ y).abs().topk(q).indices
    h = torch.zeros(D.shape[1])
    h[chosen] = torch.linalg.lstsq(D[:, chosen], y[:, None]).solution[:, 0]
    return h


def _same_atom_again(D, y, q):
    """The best match to y itself, q times: least squares shares one weight among the twins."""
    return _pursuit(D, y, 1) / q


def _fitted_to_what_is_left(D, y, q):
    lengths, chosen, left, h = D.norm(dim=0), [], y, torch.zeros(D.shape[1])
    for _ in range(q):
        chosen.append(((D.T @ left) / lengths).abs().argmax().item())
        weights = torch.linalg.lstsq(D[:, chosen], left[:, None]).solution[:, 0]
        left, h[chosen] = left - D[:, chosen] @ weights, weights
    return h


@exercise(
    "8.6",
    "Write orthogonal matching pursuit",
    minutes=15,
    oracle=_by_sklearn,
    cases=_signals,
    tolerance=1e-4,
    mistakes={
        "refit-weight-stays": mistake(
            "You do not refit: each weight stays as it was when its atom came. "
            "Every new atom changes what the earlier ones should weigh.",
            lambda D, y, q: _pursuit(D, y, q, refit=False),
        ),
        "long-atoms-win": mistake(
            "Long atoms win in your choice because they are long. "
            "Divide each product by its atom's length.",
            lambda D, y, q: _pursuit(D, y, q, lengths=torch.ones(D.shape[1])),
        ),
        "take-largest-product": mistake(
            "You take the largest product with its sign. "
            "An atom with a weight of −3 matches as well as one with 3: compare magnitudes.",
            lambda D, y, q: _pursuit(D, y, q, size=lambda products: products),
        ),
        "chose-atoms-their": mistake(
            "You chose all atoms at once, by their match with y. After each atom, look at what is "
            "left; a twin of the first atom would come second.",
            _all_at_once,
        ),
        "compare-y-time": mistake(
            "You compare with y every time, so the same atom wins every time. "
            "Compare with what is left.",
            lambda D, y, q: _pursuit(D, y, 1),
        ),
        "compare-y-time-atom": mistake(
            "You compare with y every time, so one atom is chosen again and again and shares its "
            "weight with itself. Compare with what is left.",
            _same_atom_again,
        ),
        "fit-chosen-atoms": mistake(
            "You fit the chosen atoms to what is left. That gives changes of the weights, not the "
            "weights: fit them to y itself.",
            _fitted_to_what_is_left,
        ),
        "divide-square-length": mistake(
            "You divide by the square of the length, so short atoms win. Divide by the length.",
            lambda D, y, q: _pursuit(D, y, q, lengths=D.square().sum(0)),
        ),
        "weights-belong-atoms": mistake(
            "Your weights belong to the atoms of length 1. The code is for D as it was given.",
            lambda D, y, q: _pursuit(D, y, q, rescale=False),
        ),
        "stop-atom-early": mistake(
            "You stop one atom early.", lambda D, y, q: _pursuit(D, y, q - 1)
        ),
        "take-atom-many": mistake(
            "You take one atom too many.", lambda D, y, q: _pursuit(D, y, q + 1)
        ),
        "smooth-instead-choosing": mistake(
            "You smooth instead of choosing: that is the shortest h (minimum ℓ₂), with hardly a 0.",
            lambda D, y, q: torch.linalg.pinv(D) @ y,
        ),
    },
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
        "four-numbers-0": mistake(
            "Of four numbers that are not 0, 40 places in 128 hold one or two, most of the time. "
            "The others were never measured: nothing can bring them back.",
            "a",
        ),
        "random-always-works": mistake(
            "'Random always works' is not true. Each measurement must see a bit of *every* atom. "
            "What does one DCT coefficient see of the other cosines?",
            "c",
        ),
        "few-128-numbers": mistake(
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
    mistakes={
        "took-0-29": mistake(
            "You took 0.29 of the unknowns, n. The height of the diagram is q / m: "
            "non-zeros for each measurement.",
            290,
        ),
        "multiplied-0-3": mistake("You multiplied by 0.3 once too often.", 26),
        "300-measurements-many": mistake(
            "300 are the measurements. With as many non-zeros as equations nothing tells "
            "which places they have.",
            300,
        ),
        "half-measurements-search": mistake(
            "Half of the measurements is where a search through *all* supports could still tell. "
            "ℓ₁ gives up earlier: read the curve.",
            150,
        ),
        "divided-0-29": mistake(
            "You divided by 0.29. The height says how many non-zeros *one* measurement bears.", 1034
        ),
    },
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
    for m, d, count in ((3, 4, 5), (5, 8, 9), (8, 6, 20)):
        yield (
            F.normalize(torch.randn(m, d, generator=rng), dim=0),
            2 * torch.randn(count, m, generator=rng),
        )


def _one_hot(best, values):
    """(N,) columns and (N, d) values -> (N, d): each row keeps the value in its column."""
    return torch.zeros_like(values).scatter(1, best[:, None], values.gather(1, best[:, None]))


def _best_patch_for_each_atom(D, x):
    products = x @ D
    return _one_hot(products.abs().argmax(0), products.T).T


@exercise(
    "8.9",
    "Write gain-shape codes",
    minutes=8,
    oracle=_gain_shape_by_sklearn,
    cases=_patches,
    mistakes={
        "choose-largest-product": mistake(
            "You choose the largest product with its sign. A patch that is the *negative* of an atom "
            "has the same shape; its gain is below 0.",
            lambda D, x: _one_hot((x @ D).argmax(1), x @ D),
        ),
        "gain-lost-sign": mistake(
            "The gain has lost its sign: a patch and its negative get the same code.",
            lambda D, x: _one_hot((x @ D).abs().argmax(1), (x @ D).abs()),
        ),
        "gain-always-1": mistake(
            "Your gain is always 1. That is k-means' code: a shape without a gain.",
            lambda D, x: _one_hot(torch.cdist(x, D.T).argmin(1), torch.ones(len(x), D.shape[1])),
        ),
        "right-atoms-gain": mistake(
            "Right atoms, but the gain is missing: put the product there, not 1.",
            lambda D, x: _one_hot((x @ D).abs().argmax(1), torch.ones(len(x), D.shape[1])),
        ),
        "right-atoms-gain-s": mistake(
            "Right atoms, but only the gain's sign is left: put the product there.",
            lambda D, x: _one_hot((x @ D).abs().argmax(1), (x @ D).sign()),
        ),
        "kept-products-best": mistake(
            "You kept all products. Only the best atom of each patch gets a number.",
            lambda D, x: x @ D,
        ),
        "found-best-patch": mistake(
            "You found the best patch for each atom. Find the best atom for each patch: "
            "along the other axis.",
            _best_patch_for_each_atom,
        ),
    },
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


def _soft(D, x, threshold):
    return F.softshrink(x @ D, threshold)


@exercise(
    "8.10",
    "Write the encoder T",
    minutes=6,
    oracle=_two_by_softshrink,
    cases=_thresholds,
    mistakes={
        "positive-parts-half": mistake(
            "Only the positive parts are there: half of the features, and a dark bar is never seen. "
            "Append max(0, −product − α).",
            lambda D, x, threshold: _soft(D, x, threshold).relu(),
        ),
        "kept-sign-number": mistake(
            "You kept the sign in one number. A linear classifier after a sum of patches needs "
            "the two sides apart: (N, 2d).",
            _soft,
        ),
        "magnitude-number-signs": mistake(
            "The magnitude is one number for both signs. Keep them apart: (N, 2d).",
            lambda D, x, threshold: _soft(D, x, threshold).abs(),
        ),
        "second-half-holds": mistake(
            "Your second half holds negative numbers. It is max(0, −product − α), never below 0.",
            lambda D, x, threshold: torch.cat(
                [_soft(D, x, threshold).relu(), -(-_soft(D, x, threshold)).relu()], 1
            ),
        ),
        "hard-threshold-passes": mistake(
            "That is a hard threshold: what passes must also be pulled down by α.",
            lambda D, x, threshold: torch.cat(
                [F.hardshrink(x @ D, threshold).relu(), F.hardshrink(-x @ D, threshold).relu()], 1
            ),
        ),
        "threshold-missing-split": mistake(
            "The threshold is missing: you only split the products by sign.",
            lambda D, x, threshold: torch.cat([(x @ D).relu(), (-x @ D).relu()], 1),
        ),
        "added-second-half": mistake(
            "You added α in the second half. It is −product − α: small ones vanish on both sides.",
            lambda D, x, threshold: torch.cat(
                [(x @ D - threshold).relu(), (-(x @ D - threshold)).relu()], 1
            ),
        ),
        "halves-changed-places": mistake(
            "Your halves have changed places: positive parts come first.",
            lambda D, x, threshold: _two_by_softshrink(-D, x, threshold),
        ),
        "added-products-subtract": mistake(
            "You added α to the products. Subtract it: what is small must vanish.",
            lambda D, x, threshold: torch.cat(
                [(x @ D + threshold).relu(), (-x @ D + threshold).relu()], 1
            ),
        ),
        "signs-alternate-atom": mistake(
            "Your signs alternate, atom by atom. First all positive parts, then all negative ones.",
            lambda D, x, threshold: torch.stack(
                [_soft(D, x, threshold).relu(), (-_soft(D, x, threshold)).relu()], 2
            ).flatten(1),
        ),
        "appended-negative-patches": mistake(
            "You appended the negative patches below. Append their features at the right: (N, 2d).",
            lambda D, x, threshold: torch.cat(
                [_soft(D, x, threshold).relu(), (-_soft(D, x, threshold)).relu()]
            ),
        ),
    },
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
    mistakes={
        "sign-counted-atom": mistake(
            "Only one sign is counted. Each atom gives two features.", 4 * 1600
        ),
        "quadrants-missing-feature": mistake(
            "The quadrants are missing: each feature is summed over four parts of the image.",
            2 * 1600,
        ),
        "1-600-number": mistake(
            "1,600 is the number of atoms. Each has two signs, in four quadrants.", 1600
        ),
        "counted-patch-summing": mistake(
            "You counted every patch. Summing over quadrants leaves four places of 729.",
            729 * 2 * 1600,
        ),
        "counted-patch-sign": mistake(
            "You counted every patch, and one sign. Summing over quadrants leaves four places.",
            729 * 1600,
        ),
        "counted-three-channels": mistake(
            "You counted three channels. A patch is all three at once, 108 numbers, and an atom too.",
            3 * 4 * 2 * 1600,
        ),
    },
    hints=["How many features has one patch?", "How many places are left after the sums?"],
)
def features():
    """Features of one image with 1,600 atoms: both signs, four quadrants."""
    return 4 * 2 * 1600
