"""Answers to 8.9 and 8.10 that make a mistake, and what is said of them."""

import torch
import torch.nn.functional as F

from course_utils.exercise import mistake


# --- 8.9 ----------------------------------------------------------------------------------------
def code_by(
    products=lambda D, x: x @ D,
    size=torch.abs,
    pick=lambda sizes: sizes.argmax(1),
    value=lambda products: products,
    keep=lambda best, values: one_hot(best, values),
):
    """An answer to 8.9: how the best atom is found, and which number it gets."""

    def gain_shape(D, x):
        table = products(D, x)
        return keep(pick(size(table)), value(table))

    return gain_shape


def one_hot(best, values):
    """(N,) columns and (N, d) values -> (N, d): each row keeps the value in its column."""
    return torch.zeros_like(values).scatter(1, best[:, None], values.gather(1, best[:, None]))


def _best_patch_for_each_atom(D, x):
    products = x @ D
    return one_hot(products.abs().argmax(0), products.T).T


def _largest_of_all(D, x):
    products = x @ D
    return torch.where(products.abs() == products.abs().max(), products, 0.0)


def _columns_of_all(D, x):
    products = x @ D
    codes, best = torch.zeros_like(products), products.abs().argmax(1)
    codes[:, best] = products[:, best]
    return codes


def _fractions(D, x):
    products = x @ D
    return one_hot(products.abs().argmax(1), products / x.norm(dim=1, keepdim=True))


def _share_of_all(D, x):
    products = x @ D
    return products.softmax(1) * products


OF_THE_GAINS = {
    "signed-choice": mistake(
        "You choose the largest product with its sign (for atoms of length 1 that is also the "
        "nearest atom, as in k-means). A patch that is the *negative* of an atom has the same "
        "shape; its gain is below 0: compare magnitudes.",
        size=lambda products: products,
    ),
    "smallest-choice": mistake(
        "You choose the atom with the *smallest* product, which fits worst. Take the largest "
        "magnitude.",
        size=lambda products: -products.abs(),
    ),
    "length-for-gain": mistake(
        "You gave each patch's own length, with the sign, for its gain. The gain is the product "
        "with the atom: as much of the patch as points along it.",
        lambda D, x: one_hot((x @ D).abs().argmax(1), x.norm(dim=1, keepdim=True) * (x @ D).sign()),
    ),
    "length-unsigned": mistake(
        "You gave each patch's own length for its gain. The gain is the product with the atom, "
        "with its sign: as much of the patch as points along it.",
        lambda D, x: one_hot(
            (x @ D).abs().argmax(1), x.norm(dim=1, keepdim=True).expand(-1, D.shape[1])
        ),
    ),
    "gain-unsigned": mistake(
        "The gain has lost its sign: a patch and its negative get the same code.", value=torch.abs
    ),
    "nearest-with-1": mistake(
        "Your gain is always 1. That is k-means' code: a shape without a gain.",
        lambda D, x: one_hot(torch.cdist(x, D.T).argmin(1), torch.ones(len(x), D.shape[1])),
    ),
    "gain-1": mistake("The gain is missing: put the product there, not 1.", value=torch.ones_like),
    "gain-sign-only": mistake(
        "Right atoms, but only the gain's sign is left: put the product there.", value=torch.sign
    ),
    "gain-squared": mistake(
        "Your gain is the square of the product. Put the product itself there.", value=torch.square
    ),
    "gain-negated": mistake("Your gains have the wrong sign.", value=torch.neg),
    "gain-clipped": mistake(
        "Gains below 0 have become 0 in yours. A patch that is the negative of an atom has a "
        "negative gain.",
        value=torch.relu,
    ),
    "gain-is-index": mistake(
        "You wrote the atom's number (its index) as the gain. Put the product there.",
        lambda D, x: one_hot(
            (x @ D).abs().argmax(1), torch.arange(D.shape[1]).float().repeat(len(x), 1)
        ),
    ),
    "gain-of-unit-patch": mistake(
        "You divided by the patch's length, so every gain is a cosine between −1 and 1. The gain "
        "is the product itself.",
        _fractions,
    ),
    "all-kept": mistake(
        "You kept all products. Only the best atom of each patch gets a number.",
        keep=lambda best, values: values,
    ),
    "softmax": mistake(
        "You weighted all products by a softmax. Only the best atom of each patch gets a number.",
        _share_of_all,
    ),
    "best-patch-of-each-atom": mistake(
        "You found the best patch for each atom. Find the best atom for each patch: "
        "along the other axis.",
        _best_patch_for_each_atom,
    ),
    "best-of-all": mistake(
        "You took the largest product of the *whole* table, so a single patch gets a code. Find "
        "the best atom of each patch, row by row: `dim=1`.",
        _largest_of_all,
    ),
    "columns-in-every-row": mistake(
        "You filled the columns of all chosen atoms in *every* row. Each row keeps one number, in "
        "its own column: `scatter`, or `codes[torch.arange(N), best]`.",
        _columns_of_all,
    ),
    "first-patch-only": mistake(
        "Only the first patch gets a code. Each row of x is a patch, and gets a row of its own.",
        products=lambda D, x: x[:1] @ D,
    ),
    "gains-without-places": mistake(
        "You give the gains without their places. The code has a column for each atom, (N, d), "
        "with 0 everywhere but at the best one.",
        keep=lambda best, values: values.gather(1, best[:, None])[:, 0],
    ),
    "indices": mistake(
        "You give which atom is the best (its index). The code has a column for each atom, (N, d), "
        "and in the best one its gain.",
        keep=lambda best, values: best,
    ),
}


# --- 8.10 ---------------------------------------------------------------------------------------
def encode_by(
    first=lambda p, threshold: (p - threshold).relu(),
    second=lambda p, threshold: (-p - threshold).relu(),
    join=lambda a, b: torch.cat([a, b], 1),
    finish=lambda a: a,
    **both,
):
    """An answer to 8.10: what each half holds (or `both` do), and how they are joined."""

    def encode(D, x, threshold):
        p, half = x @ D, both.get("half")
        if half:
            return join(finish(half(p, threshold)), finish(half(-p, threshold)))
        return join(finish(first(p, threshold)), finish(second(p, threshold)))

    return encode


def _threshold_on_atoms(D, x, threshold):
    return torch.cat([(x @ (D - threshold)).relu(), (x @ (-D - threshold)).relu()], 1)


OF_THE_ENCODER = {
    "positive-only": mistake(
        "Only the positive parts are there: half of the features, and a dark bar is never "
        "seen. Append max(0, −product − α).",
        join=lambda a, b: a,
    ),
    "sign-kept": mistake(
        "You kept the sign in one number. A linear classifier after a sum of patches needs "
        "the two sides apart: (N, 2d).",
        join=lambda a, b: a - b,
    ),
    "magnitudes": mistake(
        "The magnitude is one number for both signs. Keep them apart: (N, 2d).",
        join=lambda a, b: a + b,
    ),
    "stacked": mistake(
        "You stacked the halves along a new axis. Put them side by side: `torch.cat`, dim 1, "
        "(N, 2d).",
        join=lambda a, b: torch.stack([a, b]),
    ),
    "stacked-behind": mistake(
        "You stacked the halves along a new axis. Put them side by side: `torch.cat`, dim 1, "
        "(N, 2d). The axis you made is the last one.",
        join=lambda a, b: torch.stack([a, b], 2),
    ),
    "second-negative": mistake(
        "Your second half holds negative numbers. It is max(0, −product − α), never below 0.",
        second=lambda p, threshold: -(-p - threshold).relu(),
    ),
    "hard-threshold": mistake(
        "That is a hard threshold: what passes must also be pulled down by α.",
        half=lambda p, threshold: F.hardshrink(p, threshold).relu(),
    ),
    "never-below-threshold": mistake(
        "You let nothing fall below α, so what is small stays at α. It has to become 0: subtract α "
        "first, then let nothing fall below 0.",
        half=lambda p, threshold: p.clamp(min=threshold),
    ),
    "minus-outside": mistake(
        "The minus of your second half stands outside: it holds the positive parts again, with a "
        "negative sign. Turn the sign of the product first, max(0, −product − α).",
        second=lambda p, threshold: -(p - threshold).relu(),
    ),
    "threshold-on-atoms": mistake(
        "You took α off the atoms before the product. Multiply first; α is taken off the products.",
        _threshold_on_atoms,
    ),
    "yes-or-no": mistake(
        "You have 1 where α is exceeded and 0 elsewhere. The feature is *how much* it is exceeded "
        "by: product − α.",
        half=lambda p, threshold: (p > threshold).float(),
    ),
    "threshold-missing": mistake(
        "The threshold is missing: you only split the products by sign.",
        half=lambda p, threshold: p.relu(),
    ),
    "relu-first": mistake(
        "You applied the ReLU first and subtracted α behind it, so numbers below 0 come out. "
        "Subtract α first; then nothing falls below 0.",
        half=lambda p, threshold: p.relu() - threshold,
    ),
    "no-relu": mistake(
        "Nothing stops at 0: numbers below 0 come out. Take max(0, …), a ReLU, in both halves.",
        half=lambda p, threshold: p - threshold,
    ),
    "threshold-multiplied": mistake(
        "You multiplied by α. It is subtracted: max(0, product − α).",
        half=lambda p, threshold: (p * threshold).relu(),
    ),
    "threshold-divided": mistake(
        "You divided by α. It is subtracted: max(0, product − α).",
        half=lambda p, threshold: (p / threshold).relu(),
    ),
    "added-in-second": mistake(
        "You added α in the second half. It is −product − α: small ones vanish on both sides.",
        second=lambda p, threshold: (-p + threshold).relu(),
    ),
    "added": mistake(
        "You added α to the products. Subtract it: what is small must vanish.",
        half=lambda p, threshold: (p + threshold).relu(),
    ),
    "second-not-turned": mistake(
        "Your second half is max(0, product + α): you turned the sign of α and not that of the "
        "product. It is max(0, −product − α).",
        second=lambda p, threshold: (p + threshold).relu(),
    ),
    "second-is-first": mistake(
        "Both halves are the same: the second one belongs to the *negative* products, "
        "max(0, −product − α).",
        second=lambda p, threshold: (p - threshold).relu(),
    ),
    "magnitude-in-both": mistake(
        "You took magnitudes first, so both halves are the same and the sign is lost. The first "
        "half starts from the product, the second from its negative.",
        half=lambda p, threshold: (p.abs() - threshold).relu(),
    ),
    "halves-exchanged": mistake(
        "Your halves have changed places: positive parts come first.",
        join=lambda a, b: torch.cat([b, a], 1),
    ),
    "signs-alternate": mistake(
        "Your signs alternate, atom by atom. First all positive parts, then all negative ones.",
        join=lambda a, b: torch.stack([a, b], 2).flatten(1),
    ),
    "appended-below": mistake(
        "You appended the negative patches below. Append their features at the right: (N, 2d).",
        join=lambda a, b: torch.cat([a, b]),
    ),
    "added-up": mistake(
        "You added everything over the patches already. The pool over quadrants comes later; here "
        "each patch keeps its row.",
        join=lambda a, b: torch.cat([a, b], 1).sum(0),
    ),
}
