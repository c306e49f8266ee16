"""Answers to the exercises of further/05 that make a mistake: each from settings."""

import math

import torch

from course_utils.exercise import mistake


# --- 5.7 ----------------------------------------------------------------------------------------
def _index_add(place, amounts, bins):
    return torch.zeros(bins).index_add(0, place, amounts)


def _last_counts(place, amounts, bins):
    histogram = torch.zeros(bins)
    for index, amount in zip(place.tolist(), amounts, strict=True):
        histogram[index] = amount
    return histogram


def _without_empty_end(place, amounts, _bins):
    return torch.bincount(place, amounts)


def _means(place, amounts, bins):
    counts = torch.bincount(place, minlength=bins).clamp(min=1)
    return _index_add(place, amounts, bins) / counts


def _largest(place, amounts, bins):
    return torch.zeros(bins).scatter_reduce(0, place, amounts, "amax")


def _half_circle(dy, dx):
    return torch.atan2(dy, dx) % math.pi


def _between_extremes(angles, bins):
    low, high = angles.min(), angles.max()
    return ((angles - low) / (high - low) * bins).long()


def histogram_with(
    angle=_half_circle,
    turn=math.pi,
    place=None,
    weights=torch.hypot,
    add=_index_add,
    scale=torch.linalg.vector_norm,
    give=lambda histogram, length: histogram / length,
):
    """An answer to 5.7 from settings: each step of the way is one of them."""

    def orientation_histogram(dx, dy, bins):
        angles = angle(dy, dx)
        index = place(angles, bins) if place else (angles / turn * bins).long()
        index = index.clamp(0, bins - 1).flatten()
        totals = add(index, weights(dx, dy).flatten(), bins)
        return give(totals, scale(totals))

    return orientation_histogram


OF_THE_HISTOGRAM = {
    "pixels-counted": mistake(
        "You counted pixels. A strong gradient should weigh more: add up magnitudes.",
        weights=lambda dx, dy: torch.ones_like(dx),
    ),
    "squared-magnitudes": mistake(
        "You added squared magnitudes. Take the square root for each pixel first.",
        weights=lambda dx, dy: dx**2 + dy**2,
    ),
    "absolute-values-added": mistake(
        "You took |dx| + |dy| for the length of the gradient. It is the root of dx² + dy².",
        weights=lambda dx, dy: dx.abs() + dy.abs(),
    ),
    "larger-of-two": mistake(
        "You took the larger of |dx| and |dy| for the length of the gradient. It is the root of "
        "dx² + dy².",
        weights=lambda dx, dy: torch.maximum(dx.abs(), dy.abs()),
    ),
    "dx-alone": mistake(
        "You added up |dx| alone. The length of the gradient is the root of dx² + dy².",
        weights=lambda dx, dy: dx.abs(),
    ),
    "dy-alone": mistake(
        "You added up |dy| alone. The length of the gradient is the root of dx² + dy².",
        weights=lambda dx, dy: dy.abs(),
    ),
    "whole-circle": mistake(
        "Your bins run round the whole circle. From light to dark or from dark to light, an edge "
        "has one direction: take the angle modulo π and divide 0 to π.",
        angle=lambda dy, dx: torch.atan2(dy, dx) % (2 * math.pi),
        turn=2 * math.pi,
    ),
    "circle-halved": mistake(
        "Your angles go round the whole circle and are squeezed into 0 to π, so opposite "
        "directions fall into different bins. Take the angle modulo π instead.",
        angle=lambda dy, dx: (torch.atan2(dy, dx) + math.pi) / 2,
    ),
    "negative-into-first": mistake(
        "All negative angles land in the first bin. An angle and the one half a turn (π) further "
        "are the same direction: take the angle modulo π.",
        angle=lambda dy, dx: torch.atan2(dy, dx),
    ),
    "sign-of-angle-lost": mistake(
        "You took the absolute value of the angle. The opposite direction is half a turn further: "
        "take the angle modulo π.",
        angle=lambda dy, dx: torch.atan2(dy, dx).abs(),
    ),
    "angle-of-quotient": mistake(
        "You took `atan` of the quotient, which gives angles from −π/2 to π/2, and the negative "
        "ones fell into the first bin. Bring them into 0 to π with `% torch.pi`.",
        angle=lambda dy, dx: torch.atan(dy / (dx + 1e-9)),
    ),
    "dx-dy-exchanged": mistake(
        "dx and dy have changed places in the angle: it is atan2(dy, dx).",
        angle=lambda dy, dx: torch.atan2(dx, dy) % math.pi,
    ),
    "quarter-turn": mistake(
        "Your angles are a quarter of a turn (π/2) off: that is the direction along the edge. Take "
        "the angle of the gradient, atan2(dy, dx).",
        angle=lambda dy, dx: torch.atan2(dx, -dy) % math.pi,
    ),
    "mirrored": mistake(
        "Your histogram is mirrored: either dx or dy has the wrong sign (a minus too many), so the "
        "angle turns the other way. Pass both as they come.",
        angle=lambda dy, dx: torch.atan2(-dy, dx) % math.pi,
    ),
    "degrees": mistake(
        "All pixels land in the first bin. The angles are in radians, from 0 to π: divide them by "
        "π, and by 180 only if they are degrees.",
        turn=180,
    ),
    "turn-doubled": mistake(
        "Your bins divide 0 to 2π, but the angles only go from 0 to π, so the upper half of the "
        "bins stays empty. Divide by π.",
        turn=2 * math.pi,
    ),
    "bins-between-extremes": mistake(
        "Your bins run from the smallest angle to the largest one. The range is always 0 to π, "
        "whatever angles occur.",
        place=_between_extremes,
    ),
    "rounded-to-nearest": mistake(
        "You rounded to the nearest bin. A bin holds all angles from its left edge on: round down.",
        place=lambda angles, bins: (angles / math.pi * bins).round().long(),
    ),
    "bins-minus-one": mistake(
        "You cut 0 to π into bins − 1 pieces. There are as many pieces as bins.",
        place=lambda angles, bins: (angles / math.pi * (bins - 1)).long(),
    ),
    "last-pixel-counts": mistake(
        "Of several pixels in the same bin only the last one counts: `h[place] = …` and "
        "`h[place] += …` write each entry once. Add them all up, as `index_add` does.",
        add=_last_counts,
    ),
    "empty-bins-missing": mistake(
        "Your histogram ends at the last bin that is not empty. It has `bins` entries always: "
        "bincount takes `minlength=bins`.",
        add=_without_empty_end,
    ),
    "mean-for-sum": mistake(
        "You average the lengths in each bin. Add them up: a direction that many pixels have "
        "should weigh more.",
        add=_means,
    ),
    "largest-for-sum": mistake(
        "You take the largest length in each bin. Add them up.", add=_largest
    ),
    "not-normalised": mistake(
        "The histogram is not normalised. Divide it by its length.", scale=torch.ones_like
    ),
    "divided-by-sum": mistake(
        "You divided by the sum, so the entries add up to 1. Their squares should: "
        "divide by the length √(Σ h²).",
        scale=torch.sum,
    ),
    "divided-by-largest": mistake(
        "You divided by the largest entry. Divide by the length √(Σ h²).", scale=torch.amax
    ),
    "divided-by-square": mistake(
        "You divided by the sum of the squares. Its root is missing: divide by √(Σ h²).",
        scale=lambda totals: (totals**2).sum(),
    ),
    "divided-by-mean": mistake(
        "You divided by the mean of the entries. Divide by the length √(Σ h²).", scale=torch.mean
    ),
    "divided-by-bins": mistake(
        "You divided by the number of bins. Divide by the length √(Σ h²).", scale=len
    ),
    "length-returned": mistake(
        "You return the length of the histogram, one number. Divide the histogram by it, and "
        "return all bins.",
        give=lambda histogram, length: length,
    ),
    "softmax": mistake(
        "You normalised by a softmax. Divide by the length √(Σ h²).",
        give=lambda histogram, length: histogram.softmax(0),
    ),
}


# --- 5.9 ----------------------------------------------------------------------------------------
def stop_with(
    new_lowest=lambda loss, best, before: loss < best,
    limit=lambda patience: patience,
    kept=lambda best, epoch, losses: best,
    trained=lambda best, epoch, patience, losses: epoch + 1,
    remember=True,
    reset=True,
):
    """An answer to 5.9 from settings.

    Parameters
    ----------
    new_lowest : whether a loss counts as progress, from the best one and the one before
    limit : after how many epochs without progress training stops
    kept, trained : the two results
    remember : whether the lowest loss is updated
    reset : whether the waiting starts afresh with every new lowest loss
    """

    def stop_early(valid_loss, patience):
        losses, waited, best, lowest = valid_loss.tolist(), 0, 0, valid_loss[0].item()
        for epoch, loss in enumerate(losses):
            if epoch and new_lowest(loss, lowest, losses[epoch - 1]):
                best, waited = epoch, 0 if reset else waited
                lowest = loss if remember else lowest
            elif epoch:
                waited += 1
            if waited >= limit(patience):
                break
        return kept(best, epoch, losses), trained(best, epoch, patience, losses)

    return stop_early


OF_STOPPING = {
    "first-rise": mistake(
        "You stop at the first rise. Losses wobble: wait `patience` epochs for a new lowest.",
        limit=lambda patience: 1,
    ),
    "one-too-patient": mistake(
        "You wait one epoch too long. Stop as soon as `patience` epochs brought nothing.",
        limit=lambda patience: patience + 1,
    ),
    "one-too-impatient": mistake(
        "You stop one epoch too early. Wait until `patience` epochs in a row brought nothing.",
        limit=lambda patience: max(patience - 1, 1),
    ),
    "never-stops": mistake(
        "You never stop. Return as soon as `patience` epochs in a row brought no new lowest.",
        limit=lambda patience: 10**6,
    ),
    "tie-counts": mistake(
        "An equal loss counts as a new lowest in your code. A tie is no progress: compare with "
        "`<`, not `<=`.",
        new_lowest=lambda loss, best, before: loss <= best,
    ),
    "compared-with-before": mistake(
        "You compare with the epoch before. An epoch is an improvement only if it beats the "
        "lowest loss so far.",
        new_lowest=lambda loss, best, before: loss < before,
        kept=lambda best, epoch, losses: losses.index(min(losses[: epoch + 1])),
    ),
    "compared-with-before-kept": mistake(
        "You compare with the epoch before, and keep the last epoch that fell. An epoch is an "
        "improvement only if it beats the lowest loss so far.",
        new_lowest=lambda loss, best, before: loss < before,
    ),
    "highest-loss": mistake(
        "You look for the highest loss. The smaller the loss, the better: keep the lowest.",
        new_lowest=lambda loss, best, before: loss > best,
    ),
    "lowest-not-updated": mistake(
        "Your lowest loss stays that of the first epoch, so later ones need not beat the best so "
        "far. Update it with every new lowest.",
        remember=False,
    ),
    "lowest-starts-at-0": mistake(
        "Your code never finds a new lowest loss: it keeps epoch 0 and stops after `patience` "
        "epochs. No loss is below 0, so let the lowest start as the first loss, or as inf.",
        lambda valid_loss, patience: (0, min(patience, len(valid_loss))),
    ),
    "no-new-lowest": mistake(
        "Your code never finds a new lowest loss after the first: it keeps epoch 0 always. Compare "
        "each loss with the lowest so far.",
        lambda valid_loss, patience: (0, min(patience + 1, len(valid_loss))),
    ),
    "waiting-not-reset": mistake(
        "The epochs without progress are counted over the whole training. They have to be in a "
        "row: start again from 0 with every new lowest.",
        reset=False,
    ),
    "last-epoch-kept": mistake(
        "You keep the last epoch's weights. The ones to keep had the lowest loss.",
        kept=lambda best, epoch, losses: epoch,
    ),
    "lowest-of-all": mistake(
        "You take the lowest loss of the whole list. After the stop nobody trained on, "
        "so those losses would not exist.",
        kept=lambda best, epoch, losses: losses.index(min(losses)),
    ),
    "kept-from-1": mistake(
        "The epoch to keep counts from 0 here, like an index into the list.",
        kept=lambda best, epoch, losses: best + 1,
    ),
    "loss-for-index": mistake(
        "You return the lowest loss in place of its index. Which epoch was it?",
        kept=lambda best, epoch, losses: losses[best],
    ),
    "trained-from-0": mistake(
        "You return the index of the last epoch. The number of epochs trained is one more, since "
        "the first index is 0.",
        trained=lambda best, epoch, patience, losses: epoch,
    ),
    "trained-one-too-many": mistake(
        "Your number of epochs trained is one too many: the epoch in which you stop is the last.",
        trained=lambda best, epoch, patience, losses: epoch + 2,
    ),
    "trained-to-kept": mistake(
        "You count the epochs up to the one that is kept. Training ran on after it, while you "
        "waited: those epochs were trained too.",
        trained=lambda best, epoch, patience, losses: best + 1,
    ),
    "kept-plus-patience": mistake(
        "You take it that training always runs `patience` epochs past the best. Where the losses "
        "end first, the number of epochs is the length of the list.",
        trained=lambda best, epoch, patience, losses: best + patience + 1,
    ),
    "length-for-trained": mistake(
        "You return the length of the list. Epochs after the stop were never trained.",
        trained=lambda best, epoch, patience, losses: len(losses),
    ),
    "epoch-alone": mistake(
        "You return one number. Two are wanted: the epoch to keep, and how many were trained.",
        lambda valid_loss, patience: stop_with()(valid_loss, patience)[0],
    ),
    "trained-alone": mistake(
        "You return only how many epochs were trained. Two numbers are wanted: before it, the "
        "epoch to keep.",
        lambda valid_loss, patience: stop_with()(valid_loss, patience)[1],
    ),
}
