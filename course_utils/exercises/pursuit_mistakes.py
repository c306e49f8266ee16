"""Answers to 8.6 that make a mistake, and what is said of them."""

import torch

from course_utils.exercise import mistake


def _fit_to_y(atoms, chosen, y, left):
    return torch.linalg.lstsq(atoms[:, chosen], y[:, None]).solution[:, 0]


def pursuit_by(
    lengths=lambda D: D.norm(dim=0),
    size=torch.abs,
    compared=lambda y, left: left,
    fit=_fit_to_y,
    atoms=lambda D: D,
    count=lambda q: q,
    finish=lambda h, chosen, y: h,
):
    """An answer to 8.6: how an atom is chosen, how weights are fitted, and how often."""

    def omp(D, y, q):
        scale, used, chosen, left = lengths(D), atoms(D), [], y
        h = torch.zeros(D.shape[1])
        for _ in range(count(q)):
            match = (D.T @ compared(y, left)) / scale
            chosen.append(size(match).argmax().item())
            h = torch.zeros(D.shape[1])
            h[chosen] = fit(used, chosen, y, left)
            left = y - used @ h
        return finish(h, chosen, y)

    return omp


def _never_refitted(D, y, q):
    lengths, left, h = D.norm(dim=0), y, torch.zeros(D.shape[1])
    for _ in range(q):
        best = ((D.T @ left) / lengths).abs().argmax().item()
        h[best] += (D[:, best] @ left) / lengths[best] ** 2
        left = y - D @ h
    return h


def _all_at_once(D, y, q):
    chosen = ((D / D.norm(dim=0)).T @ y).abs().topk(q).indices
    h = torch.zeros(D.shape[1])
    h[chosen] = torch.linalg.lstsq(D[:, chosen], y[:, None]).solution[:, 0]
    return h


def _same_atom_again(D, y, q):
    """The best match to y itself, q times: least squares shares one weight among the twins."""
    return pursuit_by(count=lambda q: 1)(D, y, q) / q


def _fitted_to_what_is_left(D, y, q):
    lengths, chosen, left, h = D.norm(dim=0), [], y, torch.zeros(D.shape[1])
    for _ in range(q):
        chosen.append(((D.T @ left) / lengths).abs().argmax().item())
        weights = torch.linalg.lstsq(D[:, chosen], left[:, None]).solution[:, 0]
        left, h[chosen] = left - D[:, chosen] @ weights, weights
    return h


def _newest_atom_only(D, y, q):
    lengths, left, h = D.norm(dim=0), y, torch.zeros(D.shape[1])
    for _ in range(q):
        best = ((D.T @ left) / lengths).abs().argmax().item()
        h[best] = (D[:, best] @ y) / lengths[best] ** 2
        left = y - D @ h
    return h


def _last_atom_alone(D, y, q):
    lengths, left, h = D.norm(dim=0), y, torch.zeros(D.shape[1])
    for _ in range(q):
        best = ((D.T @ left) / lengths).abs().argmax().item()
        h = torch.zeros(D.shape[1])
        h[best] = (D[:, best] @ y) / lengths[best] ** 2
        left = y - D @ h
    return h


def _largest_of_shortest(D, y, q):
    full = torch.linalg.pinv(D) @ y
    best = full.abs().topk(q).indices
    h = torch.zeros(D.shape[1])
    h[best] = full[best]
    return h


def _y_reduced(D, y, q):
    left = y
    left -= D @ pursuit_by(count=lambda q: 1)(D, y, q)
    return pursuit_by()(D, left, q)


OF_THE_PURSUIT = {
    "not-refitted": mistake(
        "You do not refit: each weight stays as it was when its atom came. "
        "Every new atom changes what the earlier ones should weigh.",
        _never_refitted,
    ),
    "newest-fitted-to-y": mistake(
        "You fit only the newest atom, and to y by itself; the others keep their weights. Refit "
        "*all* chosen atoms to y together.",
        _newest_atom_only,
    ),
    "newest-atom-alone": mistake(
        "Only the newest atom is in your code: the list of chosen atoms is emptied in every round. "
        "Make it once, before the loop.",
        _last_atom_alone,
    ),
    "lengths-ignored": mistake(
        "Long atoms win in your choice because they are long. "
        "Divide each product by its atom's length.",
        lengths=lambda D: torch.ones(D.shape[1]),
    ),
    "lengths-squared": mistake(
        "You divide by the square of the length, so short atoms win. Divide by the length.",
        lengths=lambda D: D.square().sum(0),
    ),
    "lengths-multiplied": mistake(
        "You multiply by the atoms' lengths, so long atoms win twice. Divide by the length.",
        lengths=lambda D: 1 / D.norm(dim=0),
    ),
    "lengths-by-magnitudes": mistake(
        "You divide by the sum of magnitudes (ℓ₁). An atom's length is the root of the sum of its "
        "squares.",
        lengths=lambda D: D.abs().sum(0),
    ),
    "signed-match": mistake(
        "You take the largest product with its sign. "
        "An atom with a weight of −3 matches as well as one with 3: compare magnitudes.",
        size=lambda products: products,
    ),
    "smallest-match": mistake(
        "You take the atom that matches *worst*. Take the largest magnitude.",
        size=lambda products: -products.abs(),
    ),
    "all-at-once": mistake(
        "You chose all atoms at once, by their match with y. After each atom, look at what is "
        "left; a twin of the first atom would come second.",
        _all_at_once,
    ),
    "one-atom": mistake(
        "Only one atom ever gets a weight. Either your loop ends after the first round (a `return` "
        "inside it?), or you compare with y every time, so that the same atom wins again: compare "
        "with what is left.",
        count=lambda q: 1,
    ),
    "same-atom-again": mistake(
        "You compare with y every time, so one atom is chosen again and again and shares its "
        "weight with itself. Compare with what is left.",
        _same_atom_again,
    ),
    "fitted-to-what-is-left": mistake(
        "You fit the chosen atoms to what is left. That gives changes of the weights, not the "
        "weights: fit them to y itself.",
        _fitted_to_what_is_left,
    ),
    "products-as-weights": mistake(
        "You take products with y as weights. They would be right for atoms of length 1 at right "
        "angles; in general the weights come from a fit by least squares.",
        fit=lambda atoms, chosen, y, left: atoms[:, chosen].T @ y,
    ),
    "weights-of-unit-atoms": mistake(
        "Your weights belong to the atoms of length 1. The code is for D as it was given.",
        atoms=lambda D: D / D.norm(dim=0),
    ),
    "one-early": mistake(
        "You take one atom too few. Does your loop run q times?", count=lambda q: q - 1
    ),
    "one-too-many": mistake("You take one atom too many.", count=lambda q: q + 1),
    "always-two": mistake(
        "You take two atoms, whatever q is. The number of rounds is q.", count=lambda q: 2
    ),
    "shortest": mistake(
        "You smooth instead of choosing: that is the shortest h (minimum ℓ₂), with hardly a 0.",
        lambda D, y, q: torch.linalg.pinv(D) @ y,
    ),
    "largest-of-shortest": mistake(
        "You took the q largest numbers of the shortest h (minimum ℓ₂). Choose greedily: one atom "
        "after the other, each by its match with what is left.",
        _largest_of_shortest,
    ),
    "places": mistake(
        "You give the places of the atoms (their indices). The code has a number for each atom of "
        "D: its weight, or 0.",
        finish=lambda h, chosen, y: torch.tensor(chosen),
    ),
    "weights-without-places": mistake(
        "You give the weights of the chosen atoms without their places. The code has a number for "
        "each atom of D: "
        "`h[chosen] = weights`.",
        finish=lambda h, chosen, y: h[chosen],
    ),
    "weights-at-the-front": mistake(
        "You wrote the weights into the first places of the code. Each belongs at its atom's "
        "place: `h[chosen] = weights`.",
        finish=lambda h, chosen, y: torch.cat([h[chosen], torch.zeros(len(h) - len(chosen))]),
    ),
    "ones": mistake(
        "The right atoms are chosen, but each atom has 1 in the code. Put its weight there.",
        finish=lambda h, chosen, y: (h != 0).float(),
    ),
    "in-place": mistake(
        "Your code changes `y` in place: `left = y` is a second name for the same tensor, and `-=` "
        "writes into it. Write `left = left - …`, or start from `y.clone()`.",
        _y_reduced,
    ),
}
