"""Answers to 7.11 that make a mistake, and what is said of them."""

import torch

from course_utils.exercise import mistake


# --- 7.11 ---------------------------------------------------------------------------------------
def within(numbers):
    """Added within an example, averaged over the batch."""
    return numbers.sum(1).mean()


def sparse_by(
    error=torch.square,
    penalty=torch.abs,
    error_over=within,
    penalty_over=within,
    punished=lambda x, rebuilt, h: h,
    combine=lambda error, penalty, weight: error + weight * penalty,
    rows=None,
    finish=lambda loss: loss,
):
    """An answer to 7.11: what is squared, added and averaged, and where λ stands."""

    def sparse_loss(x, rebuilt, h, weight):
        x, rebuilt, h = x[:rows], rebuilt[:rows], h[:rows]
        off = error_over(error(x - rebuilt))
        return finish(combine(off, penalty_over(penalty(punished(x, rebuilt, h))), weight))

    return sparse_loss


def _own(numbers):
    return numbers


def _count(h):
    return (h != 0).float()


def _in_place(x, rebuilt, h, weight):
    return (((x - rebuilt) ** 2).sum(1) + weight * h.abs_().sum(1)).mean()


def _with_more(x, rebuilt, h, weight):
    error, penalty = ((x - rebuilt) ** 2).sum(1).mean(), h.abs().sum(1).mean()
    return error + weight * penalty, error, penalty


OF_THE_SPARSE_LOSS = {
    "squared-code": mistake(
        "Your penalty squares the code. That makes numbers small but not zero; "
        "L1 takes magnitudes.",
        penalty=torch.square,
    ),
    "signed-code": mistake(
        "Your penalty adds the code with its signs, so negative numbers are rewarded. "
        "Take magnitudes.",
        penalty=_own,
    ),
    "magnitude-of-the-sum": mistake(
        "Your penalty adds the code first and takes the magnitude of the sum, so numbers of both "
        "signs cancel. Take the magnitude of each number, then add.",
        penalty=_own,
        penalty_over=lambda h: h.sum(1).abs().mean(),
    ),
    "length-of-the-code": mistake(
        "Your penalty is the length of the code (L2). L1 adds magnitudes.",
        penalty=_own,
        penalty_over=lambda h: h.norm(dim=1).mean(),
    ),
    "non-zeros-counted": mistake(
        "Your penalty counts the numbers that are not 0. A count has no gradient; take the sum of "
        "magnitudes.",
        penalty=_count,
    ),
    "several-results": mistake(
        "Your function returns several things. A loss is one number: the error and λ times the "
        "penalty, added up.",
        when=lambda seen: isinstance(seen[0], tuple | list) and len(seen[0]) > 1,
        example=_with_more,
    ),
    "code-detached": mistake(
        "Your penalty is cut off from the code (`detach`, `no_grad` or `.item()`). As a number it "
        "may be right, but no gradient reaches h, so it never becomes sparse.",
        punished=lambda x, rebuilt, h: h.detach(),
    ),
    "gradients-lost": mistake(
        "The number is right, but no gradient leads back from your loss: it was made under "
        "`no_grad`, detached, or turned into a number by `.item()`. A loss records gradients.",
        finish=lambda loss: loss.detach(),
    ),
    "weight-on-error": mistake(
        "λ stands before the error in your loss. It belongs before the penalty.",
        combine=lambda error, penalty, weight: weight * error + penalty,
    ),
    "weight-on-both": mistake(
        "λ multiplies both the error and the penalty. It belongs before the penalty only: are "
        "brackets in the way?",
        combine=lambda error, penalty, weight: weight * (error + penalty),
    ),
    "weight-missing": mistake(
        "λ is missing: your penalty counts in full.",
        combine=lambda error, penalty, weight: error + penalty,
    ),
    "weight-squared": mistake(
        "λ multiplies your penalty twice. Once is enough.",
        combine=lambda error, penalty, weight: error + weight**2 * penalty,
    ),
    "penalty-subtracted": mistake(
        "You subtracted the penalty, which rewards large codes. Add it.",
        combine=lambda error, penalty, weight: error - weight * penalty,
    ),
    "penalty-missing": mistake(
        "The penalty is missing.", combine=lambda error, penalty, weight: error
    ),
    "error-missing": mistake(
        "The error is missing: your loss is the penalty alone.",
        combine=lambda error, penalty, weight: weight * penalty,
    ),
    "half-the-error": mistake(
        "You put ½ before the error. The formula has none.",
        combine=lambda error, penalty, weight: error / 2 + weight * penalty,
    ),
    "image-punished": mistake(
        "You punish the image that comes out. The penalty belongs on the code.",
        punished=lambda x, rebuilt, h: rebuilt,
    ),
    "input-punished": mistake(
        "You punish the image that goes in. The penalty belongs on the code.",
        punished=lambda x, rebuilt, h: x,
    ),
    "means-within": mistake(
        "You took means over pixels and over the code. Then λ means something else for each size: "
        "add within an example, average over the batch.",
        error_over=torch.mean,
        penalty_over=torch.mean,
    ),
    "error-averaged": mistake(
        "Your error is a mean over the pixels, as F.mse_loss gives it. Add within an example, and "
        "take the mean over the examples only.",
        error_over=torch.mean,
    ),
    "penalty-averaged": mistake(
        "Your penalty is a mean over the numbers of the code. Add within an example, and take the "
        "mean over the examples only.",
        penalty_over=torch.mean,
    ),
    "all-added": mistake(
        "You added over the batch too. Average over the examples.",
        error_over=torch.sum,
        penalty_over=torch.sum,
    ),
    "pixels-written-in": mistake(
        "Your error is 64 times the mean over the pixels: that is the sum only where an image has "
        "64 of them. Add within an example, whatever its size.",
        error_over=lambda off: 64 * off.mean(),
    ),
    "code-length-written-in": mistake(
        "Your penalty is 100 times the mean over the code: that is the sum only where a code has "
        "100 numbers. Add within an example, whatever its length.",
        penalty_over=lambda h: 100 * h.mean(),
    ),
    "error-added": mistake(
        "Your error is added over the batch too. Take its mean over the examples.",
        error_over=torch.sum,
    ),
    "penalty-added": mistake(
        "Your penalty is added over the batch too. Take its mean over the examples.",
        penalty_over=torch.sum,
    ),
    "all-down-the-columns": mistake(
        "You added down the columns, over the examples (axis 0). Add within an example, along "
        "axis 1, and take the mean over the examples.",
        error_over=lambda off: off.sum(0).mean(),
        penalty_over=lambda h: h.sum(0).mean(),
    ),
    "error-down-the-columns": mistake(
        "Your error is added down the columns, over the examples (axis 0). Add within an example, "
        "along axis 1.",
        error_over=lambda off: off.sum(0).mean(),
    ),
    "penalty-down-the-columns": mistake(
        "Your penalty is added down the columns, over the examples (axis 0). Add within an "
        "example, along axis 1.",
        penalty_over=lambda h: h.sum(0).mean(),
    ),
    "error-not-squared": mistake(
        "Your error is not squared, so differences of both signs cancel. Square each of them.",
        error=_own,
    ),
    "magnitudes-of-errors": mistake(
        "Your error adds magnitudes of the differences. Square them; the magnitudes belong to the "
        "code.",
        error=torch.abs,
    ),
    "length-of-the-error": mistake(
        "Your error is the length of the difference, a norm with its root. The formula has its "
        "square.",
        error=_own,
        error_over=lambda off: off.norm(dim=1).mean(),
    ),
    "square-of-the-sum": mistake(
        "You added the differences first and squared the sum, so those of both signs cancel. "
        "Square each difference, then add.",
        error=_own,
        error_over=lambda off: (off.sum(1) ** 2).mean(),
    ),
    "one-loss-each-example": mistake(
        "You have one loss for each example. Take the mean over the N examples: one number.",
        error_over=lambda off: off.sum(1),
        penalty_over=lambda h: h.sum(1),
    ),
    "pair-of-terms": mistake(
        "You give the two terms as a pair. Add them up: one number.",
        combine=lambda error, penalty, weight: (error, weight * penalty),
    ),
    "first-example-only": mistake(
        "Your loss looks at the first example of the batch only. Take the mean over all of them.",
        rows=1,
    ),
    "in-place": mistake(
        "Your code changes `h` in place (a method that ends in `_`): whoever uses the code later "
        "finds its signs gone. Take `h.abs()`.",
        _in_place,
    ),
}
