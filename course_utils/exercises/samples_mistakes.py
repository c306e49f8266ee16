"""Workbook 08, 8.12 to 8.14: a ball that touches a line, ghosts, and λ by held-out numbers."""

import math

import torch

from course_utils.exercise import mistake

# --- 8.12: the line 3 h₁ + 8 h₂ = 24 --------------------------------------------------------------
ROW, MEASURED = (3, 8), 24
NEAREST = tuple(MEASURED * factor / sum(f * f for f in ROW) for factor in ROW)  # to the origin


def _pair(answer):
    try:
        numbers = torch.as_tensor(answer, dtype=torch.float64).flatten().tolist()
    except (TypeError, ValueError, RuntimeError):
        return None
    return numbers if len(numbers) == 2 else None


def _fits(pair):
    return math.isclose(ROW[0] * pair[0] + ROW[1] * pair[1], MEASURED, abs_tol=0.05)


def _on_line_elsewhere(answer):
    pair = _pair(answer)
    return pair is not None and _fits(pair) and not math.isclose(pair[0], 0, abs_tol=1e-6)


OF_THE_TOUCH = {
    "other-axis": mistake(
        "Your point fits the measurement and has a 0, but its ℓ₁ norm is 8. The line meets the "
        "other axis sooner, and a growing ball reaches that point first.",
        (8, 0),
    ),
    "l2-point": mistake(
        "That is where the ℓ₂ ball touches the line: the point at the smallest distance from the "
        "origin. The ℓ₁ ball has corners; which of them reaches the line first?",
        NEAREST,
    ),
    "equal-numbers": mistake(
        "Your two numbers are equal, as where a *square* with sides along the axes would touch. "
        "The ℓ₁ ball stands on a corner: both of its numbers need not be spent.",
        (MEASURED / sum(ROW), MEASURED / sum(ROW)),
    ),
    "exchanged": mistake(
        "Your two numbers stand in the wrong order: the line does not run through (3, 0).",
        (3, 0),
    ),
    "radius-only": mistake(
        "3 is the radius at which the ball touches the line. The question asks for the point: two "
        "numbers.",
        3,
    ),
    "both-crossings": mistake(
        "You gave where the line crosses each axis. The ball touches it in *one* point: give that "
        "point's h₁ and h₂.",
        (8, 3),
    ),
    "on-the-line": mistake(
        "Your point fits the measurement, but its ℓ₁ norm |h₁| + |h₂| is not the smallest. Walk "
        "along the line from there: in which direction does the norm fall, and how far?",
        when=_on_line_elsewhere,
        example=(4, 1.5),
    ),
    "off-the-line": mistake(
        "Your point does not fit the measurement: 3 h₁ + 8 h₂ must be 24.",
        when=lambda answer: (pair := _pair(answer)) is not None and not _fits(pair),
        example=(0, 8),
    ),
}

# --- 8.13: 240 places, every sixth sample ---------------------------------------------------------
OF_THE_GHOSTS = {
    "spike-not-counted": mistake(
        "You counted the ghosts without the spike itself: the question "
        "asks how often the spike *stands* there.",
        (5, 40),
    ),
    "exchanged": mistake(
        "Both numbers are right, in the wrong order: first how often, then how far apart.",
        (40, 6),
    ),
    "gap-for-distance": mistake(
        "The distance is not the gap between samples: so many equal "
        "distances go once round all 240 places.",
        (6, 6),
    ),
    "samples-for-copies": mistake(
        "40 is also the number of samples; how many such distances fit into the 240 places?",
        (40, 40),
    ),
    "figure-numbers": mistake(
        "That is the figure's case: 256 places and every fourth sample. Here there are 240 places "
        "and every sixth sample.",
        (4, 64),
    ),
    "figure-spikes": mistake(
        "You counted the figure's four spikes as well. Here there is one spike: how often does it "
        "stand in the zero-filled signal?",
        (24, 10),
    ),
    "coefficients-left-out": mistake(
        "You counted the coefficients that are not taken. The question asks for the spikes in the "
        "zero-filled signal.",
        (200, 40),
    ),
    "one-spike": mistake(
        "You kept a single spike. Coefficients that are left out make ghosts of it: how many equal "
        "spikes are there, and how far apart?",
        (1, 0),
    ),
    "mirror-image": mistake(
        "You counted one mirror image. Every sixth coefficient makes more than one ghost, and all "
        "of them stand at equal distances round the ring.",
        (2, 120),
    ),
    "figure-length": mistake(
        "The distance was reckoned with 256 places. Here there are 240.",
        (6, 256 / 6),
    ),
    "ghosts-share-the-ring": mistake(
        "You divided the 240 places by the five ghosts. The spike itself takes part: six stand at "
        "equal distances round the ring.",
        (6, 48),
    ),
    "both-ends-counted": mistake(
        "7 is one too many, as if both ends of the 240 places had a spike, or the first spike "
        "stood beside six others. The places lie on a ring: the one after the last is the first.",
        (7, 40),
    ),
    "ghosts-alone": mistake(
        "You left out the spike itself, in both numbers. It takes part like its ghosts: all stand "
        "at equal distances round the ring.",
        (5, 48),
    ),
    "places-between": mistake(
        "You counted the places *between* two of them; the distance from one "
        "to the next is one more.",
        (6, 39),
    ),
    "copies-only": mistake("The question asks for a second number: how far apart they stand.", 6),
    "distance-only": mistake(
        "The question asks for how often the spike stands there, too, as the first of two numbers.",
        40,
    ),
}


# --- 8.14: choose λ -------------------------------------------------------------------------------
def choose_by(
    seen=lambda y, kept: y[kept],
    scored=lambda kept: ~kept,
    error=lambda off: (off**2).mean(),
    best=min,
    gives=lambda lams, errors, at: lams[at],
):
    """An answer to 8.14: what recovers, what is scored, by which error, and what is returned."""

    def choose_lambda(lams, recover, y, kept):
        errors = []
        for lam in lams:
            guess = recover(seen(y, kept), kept, lam)
            errors.append(float(error((guess - y)[scored(kept)])))
        return gives(lams, errors, errors.index(best(errors)))

    return choose_lambda


def _stop_in_the_loop(lams, recover, y, kept):
    return lams[0]


OF_LAMBDA = {
    "scored-on-kept": mistake(
        "You scored each λ on the numbers that the recovery was given. A small λ fits those best, "
        "noise included. Score on the numbers that were held out: y[~kept].",
        scored=lambda kept: kept,
    ),
    "scored-on-all": mistake(
        "You scored each λ on all the numbers, those that the recovery was given among them. "
        "Score on y[~kept] alone.",
        scored=lambda kept: torch.ones_like(kept),
    ),
    "all-recover": mistake(
        "You gave all of y to the recovery, so nothing is held out. Recover from y[kept] only.",
        seen=lambda y, kept: y,
    ),
    "held-out-recover": mistake(
        "You recovered from the numbers that should be held out. recover takes y[kept].",
        seen=lambda y, kept: y[~kept],
    ),
    "largest-error": mistake(
        "You chose the λ with the *largest* error. The smallest is wanted.", best=max
    ),
    "errors-cancel": mistake(
        "You compared means of differences without a square, so too high and too low cancel. "
        "Square each difference first.",
        error=lambda off: off.mean(),
    ),
    "square-of-mean": mistake(
        "You took the mean of the differences first, so too high and too low cancel in it. Square "
        "each difference, then take the mean.",
        error=lambda off: off.mean() ** 2,
    ),
    "index": mistake(
        "You returned the *place* of the best λ in the list. Return the λ itself.",
        gives=lambda lams, errors, at: at,
    ),
    "error": mistake(
        "You returned the smallest error. The question asks for the λ that has it.",
        gives=lambda lams, errors, at: errors[at],
    ),
    "largest-single-error": mistake(
        "You compared the largest single difference. One noisy number decides then; compare the "
        "mean of the squares.",
        error=lambda off: off.abs().max(),
    ),
    "first-held-out": mistake(
        "You compared only the first of the numbers that were held out. Take the mean over all of "
        "them.",
        error=lambda off: off[0] ** 2,
    ),
    "mask-as-index": mistake(
        "You turned the mask into numbers, so that 0 and 1 are taken as places and the first two "
        "numbers come again and again. Index with the mask itself: y[~kept].",
        scored=lambda kept: (~kept).long(),
    ),
    "both": mistake(
        "You returned the λ with its error. Return the λ alone.",
        gives=lambda lams, errors, at: (lams[at], errors[at]),
    ),
    "all-errors": mistake(
        "You returned all errors. Return the λ that has the smallest.",
        gives=lambda lams, errors, at: errors,
    ),
    "last": mistake(
        "You returned the last λ of the list, whatever the errors are. Keep the errors, and "
        "return the λ of the smallest.",
        gives=lambda lams, errors, at: lams[-1],
    ),
    "first": mistake(
        "You returned the first λ of the list, whatever the errors are. Does a `return` stand "
        "inside the loop?",
        _stop_in_the_loop,
    ),
}

# Ways to choose a λ: no two of them may choose the same ones on all cases. Those most alike come
# first, so that cases of no use are soon known.
RULES = (
    choose_by(),
    choose_by(error=lambda off: off.abs().mean()),
    choose_by(error=lambda off: (off**2).median()),
    choose_by(error=lambda off: off.abs().max()),
    choose_by(error=lambda off: (off**4).mean()),
    choose_by(scored=lambda kept: torch.ones_like(kept)),
    choose_by(error=lambda off: off[0] ** 2),
    choose_by(scored=lambda kept: (~kept).long()),
    choose_by(error=lambda off: off.mean() ** 2),
    choose_by(error=lambda off: off.mean()),
    choose_by(scored=lambda kept: kept),
    choose_by(seen=lambda y, kept: y),
    choose_by(seen=lambda y, kept: y[~kept]),
    choose_by(best=max),
    choose_by(gives=lambda lams, errors, at: lams[-1]),
    _stop_in_the_loop,
)
