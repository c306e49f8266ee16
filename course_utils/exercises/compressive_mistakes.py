"""Answers to the exercises of workbook 08 that make a mistake, and what is said of them."""

import torch
import torch.nn.functional as F

from course_utils.exercise import mistake


# --- 8.1 ----------------------------------------------------------------------------------------
def _five(row):
    return isinstance(row, tuple | list) and len(row) == 5


OF_THE_ROW = {
    "mean-of-neighbours": mistake(
        "You filled the gaps with the mean of the neighbours: a blurry image. It looks better, "
        "but the question asks for the smallest sum of squares.",
        (7, 4.5, 2, 4, 6),
    ),
    "mean-of-all": mistake(
        "You filled the gaps with the mean of what was measured. "
        "Any number but one makes the sum of squares larger than it need be.",
        (7, 5, 2, 5, 6),
    ),
    "last-value-repeated": mistake(
        "You repeated the pixel before each gap. Each gap adds its own square to the sum: which "
        "number has the smallest square?",
        (7, 7, 2, 2, 6),
    ),
    "measured-first": mistake(
        "You put the three measurements first and the gaps behind. They belong to the first, the "
        "third and the fifth pixel.",
        (7, 2, 6, 0, 0),
    ),
    "measured-only": mistake(
        "You gave the three measured pixels. The row has five; what stands between them?",
        (7, 2, 6),
    ),
    "length-of-the-row": mistake(
        "89 is the smallest sum of squares. The question asks for the row that has it: five "
        "pixels.",
        89,
    ),
    "all-zeros": mistake(
        "A row of zeros is the shortest of *all* rows, but it does not agree with the "
        "measurements. The first, third and fifth number are known: 7, 2 and 6.",
        (0, 0, 0, 0, 0),
    ),
    "squares": mistake(
        "You gave the squares. The question asks for the five pixels themselves.",
        (49, 0, 4, 0, 36),
    ),
    "row-disagrees": mistake(
        "Your row does not agree with the measurements. "
        "The first, third and fifth number are known: 7, 2 and 6.",
        when=lambda row: _five(row) and [row[i] for i in (0, 2, 4)] != [7, 2, 6],
        example=(7, 0, 6, 0, 2),
    ),
    "gap-adds": mistake(
        "Each gap adds its own square to the sum, whatever stands beside it. "
        "Which number has the smallest square?",
        when=lambda row: _five(row) and (row[1] != 0 or row[3] != 0),
        example=(7, 1, 2, 1, 6),
    ),
}


# --- 8.2 ----------------------------------------------------------------------------------------
def shrink_by(
    distance=torch.abs,
    moved=lambda size, threshold: size - threshold,
    stop=lambda size: size.clamp(min=0),
    sign=torch.sign,
    finish=lambda x: x,
):
    """An answer to 8.2: how far from 0, how far after the threshold, and on which side."""

    def soft_threshold(x, threshold):
        return finish(sign(x) * stop(moved(distance(x), threshold)))

    return soft_threshold


def _second_mask_sees_moved(x, threshold):
    x = x.clone()
    x[x > threshold] -= threshold
    x[x < -threshold] += threshold
    x[x.abs() <= threshold] = 0
    return x


def _in_place(x, threshold):
    x[:] = F.softshrink(x, threshold)
    return x


def _outside(x, threshold, large):
    return torch.where(x.abs() > threshold, large, torch.zeros_like(x))


OF_THE_SOFT_THRESHOLD = {
    "hard-threshold": mistake(
        "That is the *hard* threshold: small numbers become 0, large ones stay as they are. "
        "The soft one also pulls the large ones in by the threshold.",
        F.hardshrink,
    ),
    "sign-lost": mistake(
        "The sign is gone: no number of yours has one. "
        "A negative number comes nearer to 0 from below.",
        sign=lambda x: 1.0,
    ),
    "negative-taken-as-small": mistake(
        "You treat negative numbers as small ones. -3 is as far from 0 as 3 is: "
        "compare the distance, x.abs().",
        lambda x, threshold: (x - threshold).clamp(min=0),
    ),
    "small-jump-over": mistake(
        "Small numbers jump over to the other side of 0. Each goes towards 0 and stops there: is "
        "a `.clamp(min=0)` missing, or its result dropped?",
        stop=lambda size: size,
    ),
    "small-left-alone": mistake(
        "Large numbers are right, and small ones stay as they are. Whatever is nearer to 0 than "
        "the threshold becomes 0.",
        lambda x, threshold: torch.where(x.abs() > threshold, x - threshold * x.sign(), x),
    ),
    "negative-move-away": mistake(
        "You subtracted the threshold from negative numbers too, so they move away from 0. "
        "Those have to move up.",
        lambda x, threshold: _outside(x, threshold, x - threshold),
    ),
    "negative-not-moved": mistake(
        "Large negative numbers stay as they are in yours. −3 moves towards 0 as 3 does: up, to "
        "−2 for a threshold of 1.",
        lambda x, threshold: _outside(x, threshold, torch.where(x > 0, x - threshold, x)),
    ),
    "positive-not-moved": mistake(
        "Large positive numbers stay as they are in yours; they move down by the threshold.",
        lambda x, threshold: _outside(x, threshold, torch.where(x < 0, x + threshold, x)),
    ),
    "subtracted-everywhere": mistake(
        "You subtracted the threshold from every number. That moves negative ones away from 0, "
        "and small ones past it.",
        lambda x, threshold: x - threshold,
    ),
    "moves-away": mistake(
        "Your numbers move *away* from 0: the threshold is added to their size. Subtract it.",
        moved=lambda size, threshold: size + threshold,
    ),
    "clipped": mistake(
        "That is what the soft threshold takes away, not what it leaves. Subtract it from x.",
        lambda x, threshold: x.clamp(-threshold, threshold),
    ),
    "multiplied": mistake(
        "You multiplied by 1 − threshold, so large numbers lose more than small ones. Each loses "
        "the same amount: subtract the threshold from its size.",
        moved=lambda size, threshold: size * (1 - threshold),
    ),
    "divided": mistake(
        "You divided by 1 + threshold, which is what ridge does. Each number loses the same "
        "amount: subtract the threshold from its size.",
        moved=lambda size, threshold: size / (1 + threshold),
    ),
    "garrote": mistake(
        "Large numbers lose less than small ones in yours: threshold² / |x| (the garrote). Each "
        "loses the same amount: subtract the threshold itself.",
        moved=lambda size, threshold: size - threshold**2 / size,
    ),
    "norm-of-all": mistake(
        "You shrink the tensor as a whole, by its norm. Every number is moved by itself.",
        lambda x, threshold: x * (1 - threshold / x.norm()).clamp(min=0),
    ),
    "mask-sees-moved": mistake(
        "Numbers that have been moved are masked again: what landed within the threshold becomes "
        "0, or is moved twice. Take all masks from the original x, before you change anything.",
        _second_mask_sees_moved,
    ),
    "sign-only": mistake(
        "Only the sign of the large numbers is left. Multiply it by how far they are from 0 after "
        "the threshold.",
        lambda x, threshold: _outside(x, threshold, x.sign()),
    ),
    "in-place": mistake(
        "Your code changes `x` in place, so the caller's own numbers are overwritten. Work on a "
        "copy, `x.clone()`, or build a new tensor.",
        _in_place,
    ),
    "negated": mistake("Every number of yours has the wrong sign.", finish=torch.neg),
}


# --- 8.3 ----------------------------------------------------------------------------------------
def ista_by(
    back=lambda A, off: A.adjoint(off),
    off=lambda A, x, y: A(x) - y,
    step=lambda norm: norm**-2,
    direction=1.0,
    times=lambda eta: eta,
    threshold=lambda eta, lam: eta * lam,
    start=lambda x: x,
    order=lambda x, pull, at, shrink: shrink(x - pull, at),
):
    """An answer to 8.3: gradient, step, threshold, and the order in which they act."""

    def ista_step(x, y, A, lam, shrink):
        eta = step(A.norm)
        pull = direction * times(eta) * back(A, off(A, x, y))
        return order(start(x), pull, threshold(eta, lam), shrink)

    return ista_step


def _penalty_twice(x, y, A, lam, shrink):
    eta = A.norm**-2
    return shrink(x - eta * (A.adjoint(A(x) - y) + lam * x.sign()), eta * lam)


def _slope_for_threshold(x, y, A, lam, shrink):
    return x - A.norm**-2 * (A.adjoint(A(x) - y) + lam * x.sign())


def _ten_steps(x, y, A, lam, shrink):
    for _ in range(10):
        x = ista_by()(x, y, A, lam, shrink)
    return x


def _changes_x(x, y, A, lam, shrink):
    x -= A.norm**-2 * A.adjoint(A(x) - y)
    return shrink(x, A.norm**-2 * lam)


def _steps_from_shrunk(x, y, A, lam, shrink):
    x = shrink(x, A.norm**-2 * lam)
    return x - A.norm**-2 * A.adjoint(A(x) - y)


OF_THE_STEP = {
    "measured-again": mistake(
        "You measured the difference once more instead of spreading it back. A(x) − y lives "
        "among measurements; A.adjoint leads back to where x lives.",
        back=lambda A, off: A(off),
    ),
    "adjoint-missing": mistake(
        "Your step is the difference A(x) − y itself. It lives among measurements; A.adjoint "
        "makes a gradient of it, which lives where x does.",
        back=lambda A, off: off,
    ),
    "y-missing": mistake(
        "The measurements y are missing: your gradient pulls A(x) towards 0. The difference "
        "A(x) − y is what goes back.",
        off=lambda A, x, y: A(x),
    ),
    "a-of-x-missing": mistake(
        "A(x) is missing: you spread y back as if x were 0. The difference A(x) − y is what goes "
        "back.",
        off=lambda A, x, y: -y,
    ),
    "threshold-not-scaled": mistake(
        "Your threshold is λ. A step that is η times as long shrinks by η times as much: η·λ.",
        threshold=lambda eta, lam: lam,
    ),
    "threshold-divided": mistake(
        "Your threshold is λ / η. A step that is η times as long shrinks by η times as much: "
        "multiply, η·λ.",
        threshold=lambda eta, lam: lam / eta,
    ),
    "threshold-is-eta": mistake(
        "Your threshold is η, and λ has no say. It is η·λ.", threshold=lambda eta, lam: eta
    ),
    "threshold-negative": mistake(
        "Your threshold is negative, −η·λ, so numbers are pushed away from 0. It is η·λ.",
        threshold=lambda eta, lam: -eta * lam,
    ),
    "lambda-written-in": mistake(
        "You wrote 0.01 for λ into the function, as in the notebook. Use its argument `lam`.",
        threshold=lambda eta, lam: eta * 0.01,
    ),
    "gradient-not-scaled": mistake(
        "Your gradient step has no η in front of it: you take the gradient off in full. "
        "Both parts have it, η · gradient and η · λ.",
        times=lambda eta: 1.0,
    ),
    "norm-not-squared": mistake(
        "Your step is 1/‖A‖. The gradient changes by up to ‖A‖² for each unit of x, "
        "so a safe step is 1/‖A‖².",
        step=lambda norm: 1 / norm,
    ),
    "norm-not-inverted": mistake(
        "Your step is ‖A‖². It is one *over* that: the steeper the curvature, the shorter the "
        "step.",
        step=lambda norm: norm**2,
    ),
    "norm-doubled": mistake(
        "Your step is 2/‖A‖: Python reads `1 / A.norm * 2` as (1 / A.norm) · 2. Square the norm "
        "with `**2`.",
        step=lambda norm: 2 / norm,
    ),
    "step-1": mistake(
        "Your step is 1, whatever A is. That is more than 1/‖A‖² here, and the iteration "
        "can run away.",
        step=lambda norm: 1.0,
    ),
    "step-written-in": mistake(
        "Your step is 0.01, whatever A is. It depends on the camera: η = 1/‖A‖².",
        step=lambda norm: 0.01,
    ),
    "step-twice": mistake(
        "Your step is twice too long: 2/‖A‖² is where the iteration stops converging.",
        step=lambda norm: 2 / norm**2,
    ),
    "step-half": mistake(
        "Your step is half as long as it may be. It is 1/‖A‖², as the ½ before the squares takes "
        "the 2 of their slope away.",
        step=lambda norm: 0.5 / norm**2,
    ),
    "uphill": mistake(
        "You walk uphill. The gradient is A.adjoint(A(x) − y), and you go against it.",
        direction=-1.0,
    ),
    "gradient-doubled": mistake(
        "You doubled the gradient. The ½ in front of the square takes the 2 away.",
        direction=2.0,
    ),
    "measurements-ignored": mistake(
        "The measurements have no say in your step: go against the gradient before you shrink.",
        direction=0.0,
    ),
    "nothing-shrinks": mistake(
        "That is plain gradient descent: nothing shrinks. Shrink after the step.",
        order=lambda x, pull, at, shrink: x - pull,
    ),
    "shrank-first": mistake(
        "You shrank first and stepped then, so zeros do not stay 0. "
        "Step, then shrink where you arrive.",
        order=lambda x, pull, at, shrink: shrink(x, at) - pull,
    ),
    "shrank-x-first": mistake(
        "You shrank x first and took the gradient step from there, so zeros do not stay 0. "
        "Step, then shrink where you arrive.",
        _steps_from_shrunk,
    ),
    "step-alone-shrunk": mistake(
        "You shrank the step and took that off x, which itself is not shrunk. Subtract first, and "
        "shrink the whole of it: shrink(x − η · gradient, …).",
        order=lambda x, pull, at, shrink: x - shrink(pull, at),
    ),
    "shrink-exchanged": mistake(
        "The arguments of `shrink` have changed places: shrink(values, threshold) takes what is to "
        "be shrunk first.",
        order=lambda x, pull, at, shrink: shrink(at, x - pull),
    ),
    "one-sided": mistake(
        "A ReLU stands where `shrink` belongs: it throws all negative numbers away. `shrink` pulls "
        "both signs towards 0.",
        order=lambda x, pull, at, shrink: torch.relu(x - pull - at),
    ),
    "own-shrink": mistake(
        "You shrink by a soft threshold of your own. The function is handed `shrink`, which may be "
        "another rule: call it.",
        order=lambda x, pull, at, shrink: F.softshrink(x - pull, float(at)),
    ),
    "x-forgotten": mistake(
        "You shrank the step and forgot x itself: start from x.", start=lambda x: 0.0
    ),
    "penalty-twice": mistake(
        "λ acts twice in yours: as λ·sign(x) in the gradient, and again in the threshold. The "
        "threshold alone is what the penalty asks for.",
        _penalty_twice,
    ),
    "slope-for-threshold": mistake(
        "You put the penalty's slope, λ·sign(x), into the gradient and shrink nothing, so hardly a "
        "number becomes exactly 0. Leave the slope out, and shrink after the step.",
        _slope_for_threshold,
    ),
    "ten-steps": mistake(
        "You took ten steps. The function takes one step, and the notebook repeats it.", _ten_steps
    ),
    "in-place": mistake(
        "Your code changes `x` in place (`-=`), so the caller's own x is overwritten. Make a new "
        "tensor: x − η · gradient.",
        _changes_x,
    ),
}
