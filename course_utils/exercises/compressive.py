"""Exercises of workbook 08: shortest and sparsest, ghosts, ISTA, a repaired Lasso, and λ."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy import fft, optimize

from course_utils.exercise import exercise, mistake
from course_utils.exercises.calling import call_unchanged
from course_utils.exercises.compressive_mistakes import (
    OF_THE_ROW,
    OF_THE_SOFT_THRESHOLD,
    OF_THE_STEP,
    ista_by,
    shrink_by,
)
from course_utils.exercises.lasso_mistakes import ALPHA, OF_THE_LASSO, picture_by
from course_utils.exercises.samples_mistakes import (
    MEASURED,
    OF_LAMBDA,
    OF_THE_GHOSTS,
    OF_THE_TOUCH,
    ROW,
    RULES,
    choose_by,
)
from course_utils.sensing.operators import Matrix


# --- 8.1 ----------------------------------------------------------------------------------------
def _shortest_by_pseudoinverse():
    measure = torch.eye(5, dtype=torch.float64)[[0, 2, 4]]
    row = torch.linalg.pinv(measure) @ torch.tensor([7.0, 2, 6], dtype=torch.float64)
    return tuple(row.tolist())


@exercise(
    "8.1",
    "The shortest row",
    minutes=3,
    kind="value",
    oracle=_shortest_by_pseudoinverse,
    mistakes=OF_THE_ROW,
    hints=[
        "The three measured numbers are fixed; only the second and the fourth are free.",
        "The sum of squares is 49 + ?² + 4 + ?² + 36. Make it as small as it can be.",
    ],
)
def shortest_row():
    """Five pixels with 7, 2 and 6 at the odd places and the smallest sum of squares."""
    return 7, 0, 2, 0, 6


# --- 8.2 ----------------------------------------------------------------------------------------
def _numbers_of_both_signs(rng):
    for shape, threshold in (((6,), 0.5), ((3, 5), 0.8), ((2, 4, 3), 1.5)):
        x = 2 * torch.randn(shape, generator=rng)
        x.view(-1)[:4] = threshold * torch.tensor([0.6, -1.7, -0.4, 2.5])  # both sides of both
        x.view(-1)[4:6] = torch.tensor([0.0, -threshold])  # exactly on the corners
        yield x, threshold


def _observe_threshold(answer, case):
    return call_unchanged(answer, case, ("x", "threshold"))


@exercise(
    "8.2",
    "Write the soft threshold",
    minutes=6,
    oracle=lambda x, threshold: F.softshrink(x, threshold),
    cases=_numbers_of_both_signs,
    observe=_observe_threshold,
    argument_names=("x", "threshold"),
    switches=shrink_by,
    mistakes=OF_THE_SOFT_THRESHOLD,
    hints=[
        "Three cases: above the threshold, below its negative, and in between.",
        "How far is each number from 0, and how far after the threshold? No less than 0.",
        "x.sign() times that distance; .clamp(min=0) stops at 0.",
    ],
)
def soft_threshold(x, threshold):
    """(...) -> (...): every number moved towards 0 by the threshold, and no further than 0."""
    return x.sign() * (x.abs() - threshold).clamp(min=0)


# --- 8.3 ----------------------------------------------------------------------------------------
def _shrink_by(rule):
    """What is handed to the answer: it is not always the rule that the lesson has."""
    shrink = {"soft threshold": F.softshrink, "hard threshold": F.hardshrink}[rule]
    return lambda values, threshold: shrink(values, float(threshold))


def _problems(rng):
    rules = "soft threshold", "soft threshold", "hard threshold"
    for rule, (m, n, lam) in zip(rules, ((2, 2, 0.9), (2, 4, 0.6), (3, 5, 1.5)), strict=True):
        matrix = torch.randn(m, n, generator=rng)
        matrix = (2.3 if m == n else 1.6) * matrix / torch.linalg.matrix_norm(matrix, 2)
        x, y = 2 * torch.randn(n, generator=rng), 3 * torch.randn(m, generator=rng)
        yield x, y, matrix, lam, rule


def _take_step(answer, case):
    x, y, matrix, lam, rule = case
    arguments = x, y, Matrix(matrix), lam, _shrink_by(rule)
    return call_unchanged(answer, arguments, ("x", "y", "A", "lam", "shrink"))


def _step_by_autograd(x, y, A, lam, shrink):
    """Same step, from the loss itself."""
    leaf, top = x.clone().requires_grad_(), torch.linalg.svdvals(A.matrix)[0].item()
    (0.5 * (A.matrix @ leaf - y).square().sum()).backward()
    return shrink(x - leaf.grad / top**2, lam / top**2)


@exercise(
    "8.3",
    "Write one step of ISTA",
    minutes=8,
    oracle=_step_by_autograd,
    cases=_problems,
    observe=_take_step,
    argument_names=("x", "y", "A", "lam", "shrink"),
    switches=ista_by,
    mistakes=OF_THE_STEP,
    hints=[
        "Two halves: a step against the gradient of ½‖Ax − y‖², then the soft threshold.",
        "The gradient is A.adjoint(A(x) − y); the step η = 1 / A.norm**2.",
        "shrink(x − η · gradient, …): how much does λ|x| pull in a step of length η?",
    ],
)
def ista_step(x, y, A, lam, shrink):
    """Give the next x, (n,), after x; y is (m,), A an operator, shrink(values, threshold)."""
    step = 1 / A.norm**2
    gradient = A.adjoint(A(x) - y)
    return shrink(x - step * gradient, step * lam)


# --- 8.4 ----------------------------------------------------------------------------------------
def cosine_pictures(side):
    """(side², side²) matrix, float64: each column is one cosine picture of the 2-D DCT."""
    line = torch.from_numpy(fft.idct(torch.eye(side).double().numpy(), norm="ortho", axis=0))
    return torch.kron(line, line)


def _sampled_pictures(rng):
    for side in (6, 8, 9):
        cosines = cosine_pictures(side)
        codes = torch.zeros(side**2, dtype=torch.float64)
        places = 1 + torch.randperm(side**2 - 1, generator=rng)[:3]
        codes[places] = torch.tensor([0.9, -0.7, 0.5], dtype=torch.float64)
        codes[0] = (0.5 + 0.05 * side) * side  # the mean grey level
        mask = torch.rand(side**2, generator=rng) < 0.6
        yield cosines, mask, (cosines @ codes)[mask]


def _pictured(answer, case):
    """The picture as a tensor of one form, however it was kept."""
    return torch.as_tensor(answer(*case)).double().flatten()


def _by_predict(cosines, mask, measured):
    from sklearn.linear_model import Lasso

    lasso = Lasso(alpha=ALPHA).fit(cosines[mask], measured)
    return torch.from_numpy(lasso.predict(cosines))


def _first_lasso(cosines, mask, measured):
    """Cosine pictures (n, n), mask (n,), measured pixels (m,) -> all n pixels of the picture."""
    from sklearn.linear_model import Lasso

    lasso = Lasso(alpha=1e-4).fit(cosines[mask], measured)
    return cosines @ torch.from_numpy(lasso.coef_)


@exercise(
    "8.4",
    "Repair the Lasso",
    minutes=6,
    start=_first_lasso,
    cases=_sampled_pictures,
    observe=_pictured,
    oracle=_by_predict,
    argument_names=("cosines", "mask", "measured"),
    tolerance=2e-4,  # another solver may stop a little earlier
    exempt={"dtype": "any kind of float array is turned into the same tensor before judging"},
    switches=picture_by,
    mistakes=OF_THE_LASSO,
    hints=[
        "What is the mean of the picture that comes out, and what that of the measured pixels?",
        "print(lasso.intercept_): scikit-learn fits A @ coef_ + intercept_ unless told not to.",
        "Leave the fit as it is. To cosines @ coefficients comes one number, the same everywhere.",
    ],
)
def lasso_picture(cosines, mask, measured):
    """Cosine pictures (n, n), mask (n,), measured pixels (m,) -> all n pixels of the picture."""
    from sklearn.linear_model import Lasso

    lasso = Lasso(alpha=1e-4).fit(cosines[mask], measured)
    return cosines @ torch.from_numpy(lasso.coef_) + lasso.intercept_


# --- 8.5 ----------------------------------------------------------------------------------------
@exercise(
    "8.5",
    "Noisier data: which way does λ go?",
    minutes=3,
    kind="choice",
    choices={
        "a": "Larger in both.",
        "b": "Smaller in both.",
        "c": "Larger in (I), smaller in (II).",
        "d": "Smaller in (I), larger in (II).",
    },
    mistakes={
        "larger-in-both": mistake(
            "Not the same direction: in one of the two λ multiplies the measurements' term. "
            "A larger λ there trusts the noisy data *more*.",
            "a",
        ),
        "smaller-in-both": mistake(
            "Not the same direction: in one of the two λ multiplies the prior. "
            "A smaller λ there believes the prior *less*, just when it is needed.",
            "b",
        ),
        "exchanged": mistake(
            "The wrong way round. Say aloud what each λ multiplies, and whether you trust that "
            "term more or less when the noise grows.",
            "c",
        ),
    },
    hints=[
        "Noisier measurements deserve less trust, so the prior should weigh more.",
        "In (I) λ is the weight of the measurements, in (II) that of the prior.",
    ],
)
def noisier():
    """Choose how λ changes with more noise: (I) f(x) + λ‖y − Ax‖², (II) ½‖y − Ax‖² + λ f(x)."""
    return "d"


# --- 8.12 ---------------------------------------------------------------------------------------
def _touch_by_programme():
    """Write h = (a − b, c − d) with all four ≥ 0, and make their sum small."""
    row = np.array([[ROW[0], -ROW[0], ROW[1], -ROW[1]]])
    parts = optimize.linprog(np.ones(4), A_eq=row, b_eq=[MEASURED]).x
    return float(parts[0] - parts[1]), float(parts[2] - parts[3])


@exercise(
    "8.12",
    "Where does the ℓ₁ ball touch?",
    minutes=3,
    kind="value",
    oracle=_touch_by_programme,
    parts=("h₁", "h₂"),
    weights=torch.tensor(ROW),
    mistakes=OF_THE_TOUCH,
    hints=[
        "A growing ℓ₁ ball is a square on its corner: a corner reaches a slanted line first.",
        "Where does the line cross the h₁ axis, and where the h₂ axis? Compare how far out.",
    ],
)
def touching_point():
    """The point of 3 h₁ + 8 h₂ = 24 with the smallest |h₁| + |h₂|."""
    return 0, 3


# --- 8.13 ---------------------------------------------------------------------------------------
def _ghosts_by_transform():
    signal = torch.zeros(240, dtype=torch.float64)
    signal[17] = 1
    coefficients = torch.fft.fft(signal)
    coefficients[torch.arange(240) % 6 != 0] = 0
    places = torch.fft.ifft(coefficients).real.abs().gt(1e-9).nonzero().flatten()
    return len(places), int(places[1] - places[0])


@exercise(
    "8.13",
    "Count the ghosts",
    minutes=3,
    kind="value",
    oracle=_ghosts_by_transform,
    parts=("how often", "how far apart"),
    formula=("d", "n / d"),
    quantities={"n": 240, "d": 6},
    mistakes=OF_THE_GHOSTS,
    hints=[
        "In the figure: how often does a spike stand with 128 samples, with 64, with 32? And how "
        "far apart?",
        "The copies stand at equal distances round all the places, the spike among them.",
        "Every second sample: twice. Every fourth: four times. Then divide the places.",
    ],
)
def ghosts():
    """How often a spike stands, and how far apart: 240 places, every sixth sample."""
    return 6, 240 // 6


# --- 8.14 ---------------------------------------------------------------------------------------
def _tables(rng):
    """λs, what a recovery predicts with each, the measurements, and which of them are kept.

    Drawn until all rules that one may choose by tell themselves apart. There are that many cases
    because any rule hits on the right one of a few λs by chance.
    """
    while True:
        cases = [_table(rng, *sizes) for sizes in ((4, 2), (5, 3), (6, 3), (7, 4), (8, 4), (9, 5))]
        if _tell_rules_apart(cases):
            return cases


def _tell_rules_apart(cases):
    chosen = set()
    for rule in RULES:
        choice = tuple(_choose(rule, case) for case in cases)
        if choice in chosen:
            return False
        chosen.add(choice)
    return True


def _table(rng, count, held):
    m = 2 * held + 1
    y = torch.randint(0, 9, (m,), generator=rng).double()
    kept = torch.ones(m, dtype=torch.bool)
    kept[torch.randperm(m, generator=rng)[:held]] = False
    noise = torch.randint(-4, 5, (count, m), generator=rng)
    guesses = y + noise * torch.randint(1, 4, (count, m), generator=rng)
    lams = [round(0.1 * 2**i, 1) for i in torch.randperm(count, generator=rng).tolist()]
    return lams, guesses, y, kept


def _choose(answer, case):
    """The answer with a recovery that looks its result up, and that knows what it was given."""
    lams, guesses, y, kept = case

    def recover(seen, places, lam):
        if torch.is_tensor(lam) and lam.ndim:
            told = f"not a tensor of shape {tuple(lam.shape)} ({lam.dtype})"
            raise TypeError(f"recover takes y[kept], kept and one λ, in this order; {told}")
        if lam not in lams:
            raise ValueError(f"recover takes one of the λs last, in place of {lam}")
        row = list(lams).index(lam)
        right = seen.shape == y[kept].shape and torch.equal(seen, y[kept])
        right = right and torch.is_tensor(places) and places.tolist() == kept.tolist()
        other = guesses[(row + len(seen)) % len(lams)].flip(0) + seen.sum()
        return guesses[row] if right else other

    return call_unchanged(answer, (list(lams), recover, y, kept), ("lams", "recover", "y", "kept"))


def _choose_by_norm(lams, recover, y, kept):
    errors = {lam: torch.dist(recover(y[kept], kept, lam)[~kept], y[~kept]).item() for lam in lams}
    return min(errors, key=errors.__getitem__)


@exercise(
    "8.14",
    "Choose λ without the picture",
    minutes=5,
    cases=_tables,
    observe=_choose,
    oracle=_choose_by_norm,
    argument_names=("lams", "what recover gives for each λ", "y", "kept"),
    switches=choose_by,
    mistakes=OF_LAMBDA,
    hints=[
        "For each λ: recover from the kept numbers, then look at the others.",
        "guess = recover(y[kept], kept, lam). Held out is y[~kept], guessed as guess[~kept].",
        "The mean of the squared differences says how good a λ is. Return the λ of the smallest.",
    ],
)
def choose_lambda(lams, recover, y, kept):
    """λs, recover(y[kept], kept, λ) -> (m,) numbers, y (m,), kept (m,) -> the best of the λs."""
    errors = []
    for lam in lams:
        guess = recover(y[kept], kept, lam)
        errors.append(((guess - y)[~kept] ** 2).mean())
    return lams[errors.index(min(errors))]
