"""Exercises of workbook 08: the shortest solution, one step of ISTA, a repaired Lasso, and λ."""

import torch
import torch.nn.functional as F
from scipy import fft

from course_utils.exercise import exercise, mistake
from course_utils.sensing.operators import Matrix


# --- 8.1 ----------------------------------------------------------------------------------------
def _shortest_by_pseudoinverse():
    measure = torch.eye(5, dtype=torch.float64)[[0, 2, 4]]
    found = torch.linalg.pinv(measure) @ torch.tensor([7.0, 2, 6], dtype=torch.float64)
    return tuple(found.tolist())


def _five(row):
    return isinstance(row, tuple | list) and len(row) == 5


@exercise(
    "8.1",
    "The shortest row",
    minutes=3,
    kind="value",
    oracle=_shortest_by_pseudoinverse,
    mistakes={
        "row-agree-measurements": mistake(
            "Your row does not agree with the measurements. "
            "The first, third and fifth number are known: 7, 2 and 6.",
            when=lambda row: _five(row) and [row[i] for i in (0, 2, 4)] != [7, 2, 6],
            example=(0, 0, 0, 0, 0),
        ),
        "filled-gaps-mean": mistake(
            "You filled the gaps with the mean of the neighbours: a blurry image. It looks better, "
            "but the question asks for the smallest sum of squares.",
            (7, 4.5, 2, 4, 6),
        ),
        "filled-gaps-mean-measured": mistake(
            "You filled the gaps with the mean of what was measured. "
            "Any number but one makes the sum of squares larger than it need be.",
            (7, 5, 2, 5, 6),
        ),
        "gap-adds-own": mistake(
            "Each gap adds its own square to the sum, whatever stands beside it. "
            "Which number has the smallest square?",
            when=lambda row: _five(row) and (row[1] != 0 or row[3] != 0),
            example=(7, 7, 2, 2, 6),
        ),
    },
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
    for shape, threshold in (((4,), 0.5), ((3, 5), 0.8), ((2, 4, 3), 0.1)):
        x = 2 * torch.randn(shape, generator=rng)
        x.view(-1)[:4] = threshold * torch.tensor([0.6, -1.7, -0.4, 2.5])  # both sides of both
        yield x, threshold


@exercise(
    "8.2",
    "Write the soft threshold",
    minutes=6,
    oracle=lambda x, threshold: F.softshrink(x, threshold),
    cases=_numbers_of_both_signs,
    mistakes={
        "hard-threshold-small": mistake(
            "That is the *hard* threshold: small numbers become 0, large ones stay as they are. "
            "The soft one also pulls the large ones in by the threshold.",
            lambda x, threshold: F.hardshrink(x, threshold),
        ),
        "sign-gone-numbers": mistake(
            "The sign is gone: your numbers are all 0 or more. "
            "A negative number comes nearer to 0 from below.",
            lambda x, threshold: (x.abs() - threshold).clamp(min=0),
        ),
        "treat-negative-numbers": mistake(
            "You treat negative numbers as small ones. -3 is as far from 0 as 3 is: "
            "compare the distance, x.abs().",
            lambda x, threshold: (x - threshold).clamp(min=0),
        ),
        "small-numbers-jump": mistake(
            "Small numbers jump over to the other side of 0. Each goes towards 0 and stops there.",
            lambda x, threshold: x - threshold * x.sign(),
        ),
        "subtracted-threshold-negative": mistake(
            "You subtracted the threshold from negative numbers too, so they move away from 0. "
            "Those have to move up.",
            lambda x, threshold: torch.where(x.abs() > threshold, x - threshold, 0),
        ),
        "subtracted-threshold-number": mistake(
            "You subtracted the threshold from every number. That moves negative ones away from 0, "
            "and small ones past it.",
            lambda x, threshold: x - threshold,
        ),
        "soft-threshold-takes": mistake(
            "That is what the soft threshold takes away, not what it leaves. Subtract it from x.",
            lambda x, threshold: x.clamp(-threshold, threshold),
        ),
    },
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
def _shrink(values, threshold):
    return F.softshrink(values, float(threshold))


def _problems(rng):
    for m, n, lam in ((2, 2, 0.9), (2, 4, 0.6), (3, 5, 1.5)):
        matrix = torch.randn(m, n, generator=rng)
        matrix = (2.3 if m == n else 1.6) * matrix / torch.linalg.matrix_norm(matrix, 2)
        x, y = 2 * torch.randn(n, generator=rng), 3 * torch.randn(m, generator=rng)
        yield x, y, matrix, lam


def _take_step(answer, case):
    x, y, matrix, lam = case
    return answer(x, y, Matrix(matrix), lam, _shrink)


def _step_by_autograd(x, y, A, lam, shrink):
    """Same step, from the loss itself."""
    leaf, top = x.clone().requires_grad_(), torch.linalg.svdvals(A.matrix)[0].item()
    (0.5 * (A.matrix @ leaf - y).square().sum()).backward()
    return F.softshrink(x - leaf.grad / top**2, lam / top**2)


def _step(*, back=None, size=2, eta=1.0, down=1.0, threshold=None, start=1.0, first=False):
    """One step that goes wrong in one place."""

    def ista_step(x, y, A, lam, shrink):
        step = eta / A.norm**size
        gradient = down * (back or A.adjoint)(A(x) - y)
        at = step * lam if threshold is None else threshold(step, lam)
        if first:
            return shrink(x, at) - step * gradient
        return shrink(start * x - step * gradient, at)

    return ista_step


def _not_spread(x, y, A, lam, shrink):
    step = 1 / A.norm**2
    return shrink(x - step * (A(x) - y), step * lam)


def _forwards_again(x, y, A, lam, shrink):
    step = 1 / A.norm**2
    return shrink(x - step * A(A(x) - y), step * lam)


@exercise(
    "8.3",
    "Write one step of ISTA",
    minutes=8,
    oracle=_step_by_autograd,
    cases=_problems,
    observe=_take_step,
    mistakes={
        "measured-difference-instead": mistake(
            "You measured the difference once more instead of spreading it back. A(x) − y lives "
            "among measurements; A.adjoint leads back to where x lives.",
            _forwards_again,
        ),
        "step-difference-x": mistake(
            "Your step is the difference A(x) − y itself. It lives among measurements; A.adjoint "
            "makes a gradient of it, which lives where x does.",
            _not_spread,
        ),
        "threshold-step-times": mistake(
            "Your threshold is λ. A step that is η times as long shrinks by η times as much: η·λ.",
            _step(threshold=lambda step, lam: lam),
        ),
        "step-1-gradient": mistake(
            "Your step is 1/‖A‖. The gradient changes by up to ‖A‖² for each unit of x, "
            "so a safe step is 1/‖A‖².",
            _step(size=1),
        ),
        "step-1-whatever": mistake(
            "Your step is 1, whatever A is. That is more than 1/‖A‖² here, and the iteration "
            "can run away.",
            _step(size=0),
        ),
        "step-twice-long": mistake(
            "Your step is twice too long: 2/‖A‖² is where the iteration stops converging.",
            _step(eta=2),
        ),
        "walk-uphill-gradient": mistake(
            "You walk uphill. The gradient is A.adjoint(A(x) − y), and you go against it.",
            _step(down=-1),
        ),
        "doubled-gradient-front": mistake(
            "You doubled the gradient. The ½ in front of the square takes the 2 away.",
            _step(down=2, threshold=lambda step, lam: step * lam),
        ),
        "plain-gradient-descent": mistake(
            "That is plain gradient descent: nothing shrinks. Shrink after the step.",
            _step(threshold=lambda step, lam: 0.0),
        ),
        "shrank-first-stepped": mistake(
            "You shrank first and stepped then, so zeros do not stay 0. "
            "Step, then shrink where you arrive.",
            _step(first=True),
        ),
        "shrank-step-forgot": mistake(
            "You shrank the step and forgot x itself: start from x.", _step(start=0.0)
        ),
        "measurements-say-step": mistake(
            "The measurements have no say in your step: go against the gradient before you shrink.",
            _step(down=0.0),
        ),
    },
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
ALPHA = 1e-4


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


def _by_sklearn(cosines, mask, measured, *, intercept=True, alpha=ALPHA):
    """Coefficients and intercept of a Lasso."""
    from sklearn.linear_model import Lasso

    lasso = Lasso(alpha=alpha, fit_intercept=intercept).fit(cosines[mask], measured)
    return torch.from_numpy(lasso.coef_), float(lasso.intercept_)


def _without_intercept(cosines, mask, measured):
    return cosines @ _by_sklearn(cosines, mask, measured, intercept=False)[0]


def _combined(combine):
    """Picture made by `combine` from (cosines, coefficients, intercept, measured)."""
    return lambda cosines, mask, measured: combine(
        cosines, *_by_sklearn(cosines, mask, measured), measured
    )


def _first_coefficient(cosines, codes, intercept, measured):
    return cosines @ (codes + intercept * (torch.arange(len(codes)) == 0))


def _pasted(cosines, mask, measured):
    picture = cosines @ _by_sklearn(cosines, mask, measured)[0]
    picture[mask] = measured
    return picture


def _pictured(answer, case):
    """The picture as a tensor of one form, however it was kept."""
    return torch.as_tensor(answer(*case)).double().flatten()


def _either_way(seen, *case):
    with_it = _combined(lambda cosines, codes, intercept, _: cosines @ codes + intercept)
    rights = [way(*case) for way in (with_it, _without_intercept)]
    return any(torch.allclose(seen, right, atol=2e-4) for right in rights)


def _given(cosines, mask, measured):
    """Cosine pictures (n, n), mask (n,), measured pixels (m,) -> all n pixels of the picture."""
    from sklearn.linear_model import Lasso

    lasso = Lasso(alpha=1e-4).fit(cosines[mask], measured)
    return cosines @ torch.from_numpy(lasso.coef_)


@exercise(
    "8.4",
    "Repair the Lasso",
    minutes=6,
    start=_given,
    cases=_sampled_pictures,
    observe=_pictured,
    accept=_either_way,
    exempt={"dtype": "any kind of float array is turned into the same tensor before judging"},
    mistakes={
        "added-intercept-coefficient": mistake(
            "You added the intercept to every coefficient, so it multiplies every cosine. "
            "It belongs to the pixels: add it to the picture.",
            _combined(lambda cosines, codes, intercept, measured: cosines @ (codes + intercept)),
        ),
        "first-cosine-worth": mistake(
            "The first cosine is worth only 1/side at each pixel, so adding the intercept to its "
            "coefficient is too little. Add it to the picture.",
            _combined(_first_coefficient),
        ),
        "added-mean-measured": mistake(
            "You added the mean of the measured pixels. That is near, but not what was fitted: "
            "the cosines you kept have a mean of their own there. "
            "Take lasso.intercept_.",
            _combined(
                lambda cosines, codes, intercept, measured: cosines @ codes + measured.mean()
            ),
        ),
        "wrote-measured-pixels": mistake(
            "You wrote the measured pixels back; all others are as wrong as before. Something that "
            "was fitted is missing everywhere.",
            _pasted,
        ),
        "subtracted-intercept-fit": mistake(
            "You subtracted the intercept. The fit is cosines @ coefficients *plus* it.",
            _combined(lambda cosines, codes, intercept, measured: cosines @ codes - intercept),
        ),
        "picture-s-mean": mistake(
            "The picture's mean is still lost. What the Lasso fits is coefficients *and* an "
            "intercept, lasso.intercept_; the picture needs both.",
            when=lambda picture: abs(picture.mean()) < 0.4,
            example=_combined(
                lambda cosines, codes, intercept, measured: cosines @ (0.999 * codes)
            ),
        ),
    },
    hints=[
        "What is the mean of the picture that comes out, and what that of the measured pixels?",
        "print(lasso.intercept_): scikit-learn fits A @ coef_ + intercept_ unless told not to.",
        "Either add lasso.intercept_ to the picture, or fit without one: fit_intercept=False.",
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
        "same-direction-two": mistake(
            "Not the same direction: in one of the two λ multiplies the measurements' term. "
            "A larger λ there trusts the noisy data *more*.",
            "a",
        ),
        "same-direction-two-multiplies": mistake(
            "Not the same direction: in one of the two λ multiplies the prior. "
            "A smaller λ there believes the prior *less*, just when it is needed.",
            "b",
        ),
        "wrong-way-round": mistake(
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
