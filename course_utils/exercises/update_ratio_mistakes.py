"""The mistakes of 6.14 and 6.15: update ÷ weight, and the rate that lowers a noise floor."""

import math

import torch

from course_utils.exercise import mistake


# --- 6.14 ---------------------------------------------------------------------------------------
def length(x):
    """Root of the sum of all squares."""
    return x.square().sum().sqrt()


def ratios_with(
    change=lambda old, new: new - old,
    size=length,
    reference=lambda old, new: old,
    ratio=lambda update, weights: update / weights,
    layers=lambda before, after: zip(before, after, strict=True),
    collect=list,
):
    """An answer to 6.14 from settings.

    Parameters
    ----------
    change, reference : the tensors whose lengths are compared, from a layer's old and new weights
    size : tensor -> its length
    ratio : two lengths -> their share
    layers : both lists -> pairs of tensors
    collect : shares of all layers -> result
    """

    def update_ratios(before, after):
        return collect(
            [
                ratio(size(change(old, new)), size(reference(old, new)))
                for old, new in layers(before, after)
            ]
        )

    return update_ratios


def _in_one(before, after):
    """All layers as a single one."""
    return [tuple(torch.cat([x.flatten() for x in layers]) for layers in (before, after))]


def _changed_length(before, after):
    pairs = zip(before, after, strict=True)
    return [(length(new) - length(old)) / length(old) for old, new in pairs]


def _each_by_its_own(join):
    """Every number's change is divided by that number, then joined for the layer."""
    return lambda before, after: [
        join((new - old) / old) for old, new in zip(before, after, strict=True)
    ]


OF_RATIOS = {
    "update-not-subtracted": mistake(
        "You compared the new weights with the old ones, so every share is near 1. The update is "
        "their difference: subtract first.",
        change=lambda old, new: new,
    ),
    "new-weights-below": mistake(
        "You divided by the length of the weights after the update. Divide by that of the weights "
        "before it.",
        reference=lambda old, new: new,
    ),
    "lengths-subtracted": mistake(
        "You subtracted the two lengths. An update can turn the weights and leave their length "
        "as it is: subtract the weights, then take the length.",
        _changed_length,
    ),
    "lengths-subtracted-positive": mistake(
        "You subtracted the two lengths and dropped the sign. An update can turn the weights and "
        "leave their length as it is: subtract the weights, then take the length.",
        lambda before, after: [abs(share) for share in _changed_length(before, after)],
    ),
    "inverted": mistake(
        "Your fraction is upside down: the update stands above, the weights below.",
        ratio=lambda update, weights: weights / update,
    ),
    "not-divided": mistake(
        "This is the length of the update alone. Divide it by the length of the weights before.",
        ratio=lambda update, weights: update,
    ),
    "root-missing": mistake(
        "The root is missing: you divided sums of squares, which gives the square of the share.",
        size=lambda x: x.square().sum(),
    ),
    "root-missing-above": mistake(
        "The root is missing above: the update's sum of squares is divided by a length.",
        lambda before, after: [
            (new - old).square().sum() / length(old) for old, new in zip(before, after, strict=True)
        ],
    ),
    "root-missing-below": mistake(
        "The root is missing below: the update's length is divided by a sum of squares.",
        lambda before, after: [
            length(new - old) / old.square().sum() for old, new in zip(before, after, strict=True)
        ],
    ),
    "absolute-values": mistake(
        "You compared sums or means of absolute values. A length is the root of the sum of the "
        "squares.",
        size=lambda x: x.abs().sum(),
    ),
    "largest-entries": mistake(
        "You compared the largest entries. A length takes all of them: the root of the sum of the "
        "squares.",
        size=lambda x: x.abs().max(),
    ),
    "signed-sums": mistake(
        "You compared sums or means with their signs, so that entries cancel. A length is the "
        "root of the sum of the squares.",
        size=lambda x: x.sum(),
    ),
    "counted": mistake(
        "You compared how many entries the tensors have, as `len` does, and those are equal. "
        "The length of a tensor is the root of the sum of its squares.",
        size=lambda x: torch.tensor(float(x.numel())),
    ),
    "deviations": mistake(
        "You compared standard deviations. They leave out the mean; a length is the root of the "
        "sum of the squares.",
        size=lambda x: x.std(),
    ),
    "divided-by-count": mistake(
        "You divided by how many weights the layer has. Divide by their length.",
        lambda before, after: [
            length(new - old) / old.numel() for old, new in zip(before, after, strict=True)
        ],
    ),
    "each-by-its-own-length": mistake(
        "You divided each weight's change by that weight and took the length of the result, so "
        "tiny weights count most. Take both lengths first, and divide once for each layer.",
        _each_by_its_own(length),
    ),
    "each-by-its-own-mean": mistake(
        "You divided each weight's change by that weight and averaged, so tiny weights count "
        "most. Take both lengths first, and divide once for each layer.",
        _each_by_its_own(lambda x: x.abs().mean()),
    ),
    "each-by-its-own": mistake(
        "You divided each weight's change by that weight and gave back all these numbers. Take "
        "both lengths first: one number for each layer.",
        _each_by_its_own(lambda x: x),
    ),
    "percent": mistake(
        "You gave percent. Give the share: 0.01, not 1.",
        ratio=lambda update, weights: 100 * update / weights,
    ),
    "one-layer-of-all": mistake(
        "You joined all layers into one, so a slow layer hides behind the others. Give a number "
        "for each layer.",
        layers=_in_one,
        collect=lambda shares: shares[0],
    ),
    "mean-of-layers": mistake(
        "You gave one number, the mean over the layers. Give a list with a number for each layer.",
        collect=lambda shares: sum(shares) / len(shares),
    ),
    "first-layer-only": mistake(
        "You gave the share of the first layer alone. If `return` stands inside the loop, it ends "
        "the loop in its first round: collect all shares in a list, and return that.",
        collect=lambda shares: shares[0],
    ),
    "list-of-the-first-layer": mistake(
        "Your list holds the share of the first layer alone. If `return` stands inside the loop, "
        "it ends the loop in its first round: go through all layers, and return after the loop.",
        collect=lambda shares: shares[:1],
    ),
    "list-of-the-last-layer": mistake(
        "Your list holds the share of the last layer alone. Collect the shares of all layers in "
        "one list: append inside the loop, return after it.",
        collect=lambda shares: shares[-1:],
    ),
    "last-layer-only": mistake(
        "You gave the share of the last layer alone. Collect the shares of all layers in a list, "
        "and return that.",
        collect=lambda shares: shares[-1],
    ),
    "sorted": mistake("You sorted the shares. Keep the order of the layers.", collect=sorted),
    "sorted-falling": mistake(
        "You sorted the shares, the largest first. Keep the order of the layers.",
        collect=lambda shares: sorted(shares, reverse=True),
    ),
    "layers-reversed": mistake(
        "You gave the layers in the reverse order. Keep that of the lists.",
        collect=lambda shares: shares[::-1],
    ),
}


# --- 6.15 ---------------------------------------------------------------------------------------
RATE, STEPS, FLOOR, TARGET = 0.08, 300, 0.012, 0.003
_SHARE = TARGET / FLOOR


def floor_with(rate=_SHARE, steps=1 / _SHARE):
    """An answer to 6.15: the factors by which the rate and the number of steps change."""
    return RATE * rate, round(STEPS * steps, 9)


OF_FLOOR = {
    "steps-shrink": mistake(
        "Your number of steps falls with the rate. Smaller steps need more of them to get as far.",
        steps=_SHARE,
    ),
    "steps-stay": mistake(
        "You left the number of steps as it was. Smaller steps need more of them to get as far.",
        steps=1,
    ),
    "rate-root-followed": mistake(
        "Your steps fit your rate, but the rate falls like the root of the floor only. The floor "
        "is proportional to η itself.",
        (RATE * math.sqrt(_SHARE), round(STEPS / math.sqrt(_SHARE), 9)),
    ),
    "rate-squared-followed": mistake(
        "Your steps fit your rate, but the rate falls like the square of the floor. The floor is "
        "proportional to η itself.",
        (RATE * _SHARE**2, round(STEPS / _SHARE**2, 9)),
    ),
    "rate-grows-followed": mistake(
        "Your steps fit your rate, but the rate grows. A larger rate has a higher floor: the floor "
        "is proportional to η.",
        (RATE / _SHARE, STEPS * _SHARE),
    ),
    "steps-root": mistake(
        "Your number of steps grows like the root of what the floor falls by. The rate falls as "
        "the floor does, and a step that is k times smaller needs k times as many.",
        steps=math.sqrt(1 / _SHARE),
    ),
    "steps-squared": mistake(
        "Your number of steps grows like the square of what the floor falls by. The rate falls as "
        "the floor does, and a step that is k times smaller needs k times as many.",
        steps=_SHARE**-2,
    ),
    "steps-added": mistake(
        "You counted the steps of both runs. The new run begins at the start: how many steps does "
        "it need for itself?",
        steps=1 / _SHARE + 1,
    ),
    "rate-root": mistake(
        "Your rate falls like the root of the floor. The floor is proportional to η itself.",
        rate=math.sqrt(_SHARE),
    ),
    "rate-squared": mistake(
        "Your rate falls like the square of the floor. The floor is proportional to η itself.",
        rate=_SHARE**2,
    ),
    "rate-grows": mistake(
        "Your rate grows. A larger rate has a higher floor: the floor is proportional to η.",
        rate=1 / _SHARE,
    ),
    "rate-stays": mistake(
        "You left the rate as it was. Its floor stays however long it runs: only a smaller rate "
        "lowers it.",
        rate=1,
    ),
    "floor-as-rate": mistake(
        "You gave the wanted floor for the rate. The floor is a loss; ask what η has to be for it.",
        rate=TARGET / RATE,
    ),
    "factors": mistake(
        "You gave the factors. Give the new rate itself and the number of steps itself.",
        (_SHARE, 1 / _SHARE),
    ),
    "exchanged": mistake(
        "Your two numbers have changed places: first the rate, then the steps.",
        (STEPS / _SHARE, RATE * _SHARE),
    ),
    "a-tenth": mistake(
        "Rate and steps fit together, but you went down by ten. By which factor has the floor to "
        "fall here?",
        (RATE / 10, STEPS * 10),
    ),
    "not-a-pair": mistake(
        "You gave the rate alone, or one number for both. Give a pair: the rate, and the steps.",
        when=lambda answer: isinstance(answer, int | float),
        example=0.02,
    ),
}
