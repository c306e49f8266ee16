"""Workbook 06, 6.12 and 6.13: which rate drew which curve, and what a pair (η, α) does."""

from __future__ import annotations

import functools
import itertools
import math

import torch

from course_utils import datasets
from course_utils.exercise import mistake
from course_utils.judging.page_answers import Computation

# --- 6.12: four learning rates, and the curves A to D that they drew ------------------------------
RATES = (0.002, 0.05, 0.16, 0.25)
CURVES = tuple(RATES[i] for i in torch.randperm(4, generator=torch.Generator().manual_seed(23)))
_LOOKS = {  # what is to be seen in the curve that a rate drew
    0.002: "falls from the first step to the last and is still on its way at the end",
    0.05: "comes down early, stays down and is the lowest in the end",
    0.16: "falls early, but then jumps up and down and stays above another curve",
    0.25: "climbs out of the picture",
}
_MEANS = {  # what the rate that was given would do
    0.002: "The smallest rate makes the smallest steps",
    0.05: "The second rate is less than a third of the limit",
    0.16: "The third rate is just below the limit, where every batch throws the weights about",
    0.25: "The largest rate is above the limit 2/a",
}


def _misread(answer):
    """What to say of four rates in a wrong order: what is right, and one curve to look at again."""
    names = dict(zip("ABCD", zip(answer, CURVES, strict=True), strict=True))
    right = [name for name, (told, rate) in names.items() if told == rate]
    name, (told, rate) = next((n, pair) for n, pair in names.items() if pair[0] != pair[1])
    lead = f"Right: {' and '.join(right)}. " if right else ""
    return f"{lead}Look at curve {name} again: it {_LOOKS[rate]}. {_MEANS[told]}."


def _values(answer):
    return list(answer) if isinstance(answer, list | tuple) else []


OF_CURVES = {
    "read-" + "".join(str(RATES.index(rate) + 1) for rate in order): mistake(_misread(order), order)
    for order in itertools.permutations(RATES)
    if order != CURVES
} | {
    "rate-twice": mistake(
        "One of the rates stands in your answer more than once. Each of the four rates drew one "
        "of the curves.",
        when=lambda answer: (
            len(_values(answer)) == 4
            and set(_values(answer)) <= set(RATES)
            and len(set(_values(answer))) < 4
        ),
        example=(0.25, 0.002, 0.05, 0.05),
    ),
    "letters-for-rates": mistake(
        "You gave the letters of the curves, in the order of the rates. Give the rates, in the "
        "order of the curves from A to D.",
        tuple("ABCD"[CURVES.index(rate)] for rate in RATES),
    ),
    "places-for-rates": mistake(
        "You gave the places of the rates in the list. Give the rates themselves, such as 0.05.",
        when=lambda answer: sorted(_values(answer)) in ([0, 1, 2, 3], [1, 2, 3, 4]),
        example=(1, 2, 3, 4),
    ),
    "other-rates": mistake(
        "Only the rates 0.002, 0.05, 0.16 and 0.25 drew curves here. Take each of them once.",
        when=lambda answer: (
            len(_values(answer)) == 4
            and not set(_values(answer)) <= set(RATES)
            and sorted(_values(answer)) not in ([0, 1, 2, 3], [1, 2, 3, 4])
        ),
        example=(0.25, 0.01, 0.16, 0.05),
    ),
}


# --- 6.13: η and α for the desk -------------------------------------------------------------------
LEFT, STEPS = 1e-6, 200  # a millionth of the way down, after as many steps


@functools.cache
def spectrum():
    """Curvatures of the desk's problem, largest first, and how high each direction starts."""
    digits = datasets.load("digits")
    X = digits.train_images.double().flatten(1) / 255
    y = 2 * (digits.train_labels % 2 == 0).double() - 1
    matrix = X.T @ X / len(X) + 0.01 * torch.eye(64, dtype=torch.float64)
    curvatures, directions = torch.linalg.eigh(matrix)
    distances = directions.T @ torch.linalg.solve(matrix, X.T @ y / len(X))
    return curvatures.flip(0), (curvatures * distances**2).flip(0)


@functools.lru_cache(maxsize=4096)  # of what students send
def left_after(eta, alpha):
    """Share of the way down that is left after 200 steps; each direction runs for itself."""
    curvatures, heights = spectrum()
    distance, velocity = torch.ones_like(heights), torch.zeros_like(heights)
    for _ in range(STEPS):
        velocity = alpha * velocity - eta * curvatures * distance
        distance = distance + velocity
    return float((heights * distance**2).sum() / heights.sum())


def _factor(curvature, eta, alpha):
    """Size of the larger root of z² − (1 + α − ηa) z + α."""
    half = (1 + alpha - eta * curvature) / 2
    square = half * half - alpha
    return math.sqrt(alpha) if square < 0 else abs(half) + math.sqrt(square)


@functools.cache
def _best_left(alpha):
    """What is left with the best of many rates, for this α."""
    limit = 2 * (1 + alpha) / float(spectrum()[0][0])
    return min(left_after(share / 50 * limit, alpha) for share in range(5, 50))


def as_pair(answer, _case):
    """Two numbers, in whatever form they come; anything else as it is."""
    try:
        numbers = torch.as_tensor(answer, dtype=torch.float64).tolist()
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return answer
    return tuple(numbers) if isinstance(numbers, list) else numbers


def _is_pair(answer):
    """Whether it is two numbers: an empty tensor may be in a tuple, too."""
    is_two = isinstance(answer, tuple) and len(answer) == 2
    return is_two and all(isinstance(part, float) for part in answer)


def is_fast(pair):
    """Whether (η, α) leaves less than a millionth."""
    return _is_pair(pair) and left_after(*pair) < LEFT


def kind_of(pair):
    """What a wrong pair does: the id of one mistake."""
    if not _is_pair(pair):
        return "not-two-numbers"
    eta, alpha = pair
    if is_fast((alpha, eta)):
        return "exchanged"
    if eta <= 0:
        return "rate-not-positive"
    if alpha < 0:
        return "momentum-negative"
    if alpha >= 1:
        return "velocity-never-fades"
    curvatures = spectrum()[0]
    steep, flat = (_factor(float(curvatures[i]), eta, alpha) for i in (0, -1))
    if steep > 1 + 1e-9:
        return "grows"
    if alpha == 0:
        return "plain-descent"
    if steep > max(flat, math.sqrt(alpha) + 1e-9):
        return "too-near-the-limit"
    if _best_left(alpha) >= LEFT and flat > math.sqrt(alpha) + 1e-9:
        return "too-little-momentum"
    return "rate-too-small" if flat > math.sqrt(alpha) + 1e-9 else "too-much-momentum"


def _desk():
    curvatures, heights = (values.tolist() for values in spectrum())
    return {"curvatures": curvatures, "heights": heights, "left": LEFT, "steps": STEPS}


DESK = Computation("momentumDesk", _desk)


def _settings(kind, words, example):
    return {kind: mistake(words, when=lambda pair: kind_of(pair) == kind, example=example)}


OF_SETTINGS = (
    _settings("not-two-numbers", "Give two numbers: first η, then α.", 0.3)
    | _settings(
        "exchanged",
        "Your two numbers would do in the other order: first comes η, then α.",
        (0.88, 0.33),
    )
    | _settings(
        "rate-not-positive",
        "η has to be positive: with 0 nothing moves, and below 0 every step goes uphill.",
        (0.0, 0.9),
    )
    | _settings(
        "momentum-negative",
        "Your α is negative: every step would take back a part of the last one. α is the share of "
        "the velocity that stays, from 0 to below 1.",
        (0.1, -0.5),
    )
    | _settings(
        "velocity-never-fades",
        "With α = 1 or more the velocity never fades, so the loss cannot settle. α is the share "
        "that stays, and it has to be below 1.",
        (0.1, 1.0),
    )
    | _settings(
        "grows",
        "The first bar is above 1, so the loss leaves the chart. For your α the rate is above "
        "2(1 + α)/a. Lower η until no bar is red.",
        (0.4, 0.85),
    )
    | _settings(
        "plain-descent",
        "With α = 0 you run plain descent, and no rate is enough: even the best leaves about 0.6 % "
        "after 200 steps. Give it momentum.",
        (0.185, 0.0),
    )
    | _settings(
        "too-near-the-limit",
        "Now the steepest direction is the slowest: its bar is the tallest, since η is so close "
        "to 2(1 + α)/a. Lower η a little.",
        (3.8 / 10.5935, 0.9),
    )
    | _settings(
        "too-little-momentum",
        "The run is stable, but the flat directions crawl: their bars stay close to 1. With your "
        "α no rate is enough. Raise α, then η again up to the limit that the desk shows.",
        (0.26, 0.5),
    )
    | _settings(
        "rate-too-small",
        "The run is stable, but the flattest directions crawl, as their bars show. Your α allows "
        "a larger η: raise it towards the limit that the desk shows.",
        (0.03, 0.9),
    )
    | _settings(
        "too-much-momentum",
        "All bars stand at √α, and that is too tall: the loss swings and takes too long to "
        "settle. Lower α a little.",
        (0.2, 0.97),
    )
)
