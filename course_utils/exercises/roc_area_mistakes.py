"""Answers to 7.10, the area under a ROC curve, that make a mistake: each from settings."""

import torch

from course_utils.exercise import mistake


# --- 7.10 ---------------------------------------------------------------------------------------
def area_by(
    sign=1,
    tie=0.5,
    against=lambda inside: inside,
    strangers=lambda outside: outside,
    share=lambda points: points.mean(),
    finish=lambda area: area,
):
    """An answer to 7.10: which side has to be larger, what a tie counts, who meets whom."""

    def roc_area(inside, outside):
        gaps = sign * (strangers(outside)[:, None] - against(inside)[None, :])
        points = (gaps > 0).double() + tie * (gaps == 0).double()
        return finish(share(points))

    return roc_area


def _ranked_among_all(inside, outside):
    both = torch.cat([inside, outside])
    points = area_by(share=lambda points: points.sum())(both, outside)
    return points / (len(inside) * len(outside))


def _without_ties(inside, outside):
    gaps = outside[:, None] - inside[None, :]
    return ((gaps > 0).sum() / (gaps != 0).sum()).item()


def _best_accuracy(inside, outside):
    cuts = torch.cat([inside, outside])
    right = [(inside <= cut).sum() + (outside > cut).sum() for cut in cuts]
    return max(right).item() / len(cuts)


def _place_by_place(inside, outside, divide=None):
    n = min(len(inside), len(outside))
    inside, outside = inside[:n], outside[:n]
    points = (outside > inside).double() + 0.5 * (outside == inside).double()
    return points.sum().item() / (divide or n)


OF_THE_AREA = {
    "wrong-side": mistake(
        "Inside and outside have changed places: your area is 1 minus the right one. "
        "An outsider should have the *larger* error.",
        sign=-1,
    ),
    "ties-count-nothing": mistake(
        "Ties count nothing in your area. Each counts one half.", tie=0.0
    ),
    "ties-count-wins": mistake("Ties count as wins in your area. Each counts one half.", tie=1.0),
    "pairs-counted": mistake(
        "You counted pairs. Divide by how many pairs there are.",
        share=lambda points: points.sum(),
    ),
    "divided-by-images": mistake(
        "You divided by the number of all images, N + M. Divide by how many *pairs* there are, "
        "N · M.",
        share=lambda points: points.sum() / sum(points.shape),
    ),
    "divided-by-insiders": mistake(
        "You divided by the number of insiders only. Divide by how many *pairs* there are, N · M.",
        share=lambda points: points.sum() / points.shape[1],
    ),
    "divided-by-outsiders": mistake(
        "You divided by the number of outsiders only. Divide by how many *pairs* there are, N · M.",
        share=lambda points: points.sum() / points.shape[0],
    ),
    "divided-by-insiders-squared": mistake(
        "You divided by N², the insiders squared. Divide by how many *pairs* there are, N · M.",
        share=lambda points: points.sum() / points.shape[1] ** 2,
    ),
    "divided-by-outsiders-squared": mistake(
        "You divided by M², the outsiders squared. Divide by how many *pairs* there are, N · M.",
        share=lambda points: points.sum() / points.shape[0] ** 2,
    ),
    "ties-left-out": mistake(
        "You left the ties out, of the wins and of the pairs you divide by. Each tie is a pair "
        "like the others, and counts one half.",
        _without_ties,
    ),
    "outsiders-among-themselves": mistake(
        "You ranked the outsiders among all images, and so counted pairs of two outsiders as well. "
        "Only pairs of an insider and an outsider count.",
        _ranked_among_all,
    ),
    "one-area-each-insider": mistake(
        "You took the mean over the outsiders only, so there is one share for each insider. Take "
        "it over all pairs.",
        share=lambda points: points.mean(0),
    ),
    "one-area-each-outsider": mistake(
        "You took the mean over the insiders only, so there is one share for each outsider. Take "
        "it over all pairs.",
        share=lambda points: points.mean(1),
    ),
    "table-of-pairs": mistake(
        "Your function gives the table of pairs. Take the mean of it: one number.",
        share=lambda points: points,
    ),
    "largest-insider-threshold": mistake(
        "You compare with one threshold, the largest insider. Compare each outsider with *each* "
        "insider, pair by pair.",
        against=lambda inside: inside.max()[None],
    ),
    "mean-threshold": mistake(
        "You compare with one threshold, the mean of the insiders. Compare each outsider with "
        "*each* insider, pair by pair.",
        against=lambda inside: inside.mean()[None],
    ),
    "median-threshold": mistake(
        "You compare with one threshold, the median of the insiders. Compare each outsider with "
        "*each* insider, pair by pair.",
        against=lambda inside: inside.median()[None],
    ),
    "first-insider": mistake(
        "Only the first insider is compared with the outsiders. Compare every pair.",
        against=lambda inside: inside[:1],
    ),
    "first-outsider": mistake(
        "Only the first outsider is compared with the insiders. Compare every pair.",
        strangers=lambda outside: outside[:1],
    ),
    "last-insider": mistake(
        "Only the last insider counts: your counter begins anew for each. Set it to 0 once, before "
        "both loops.",
        against=lambda inside: inside[-1:],
    ),
    "means-compared": mistake(
        "You compare the two means, which gives a yes or a no. The area is a share of *pairs*: "
        "compare each outsider with each insider.",
        lambda inside, outside: float(outside.mean() > inside.mean()),
    ),
    "differences": mistake(
        "You averaged how *much* larger the outsiders' errors are. Count how often they are "
        "larger: compare, then take the share of pairs.",
        lambda inside, outside: (outside[:, None] - inside[None, :]).mean().item(),
    ),
    "place-by-place": mistake(
        "You compare place by place, as `zip` does: first with first, second with second. Compare "
        "each outsider with each insider, all pairs.",
        _place_by_place,
    ),
    "place-by-place-of-insiders": mistake(
        "You compare place by place, as `zip` does: first with first, second with second, and "
        "divide by the number of insiders. Compare each outsider with each insider, all pairs.",
        lambda inside, outside: _place_by_place(inside, outside, len(inside)),
    ),
    "gini": mistake(
        "Yours is 2 · area − 1 (the Gini coefficient): 0 for a coin and −1 at worst. The area "
        "itself is ½ for a coin.",
        finish=lambda area: 2 * area - 1,
    ),
    "never-below-half": mistake(
        "You turn the area over where it is below ½. An alarm that is worse than a coin should say "
        "so: leave the area as it is.",
        finish=lambda area: torch.as_tensor(area).clamp(min=1 - area),
    ),
    "best-accuracy": mistake(
        "That is the accuracy at the best threshold. The area is over all thresholds: the share of "
        "*pairs* in which the outsider's error is larger.",
        _best_accuracy,
    ),
    "percent": mistake(
        "Your area is in percent. It is wanted as a share, from 0 to 1.",
        finish=lambda area: 100 * area,
    ),
}
