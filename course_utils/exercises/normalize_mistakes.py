"""What students get wrong about mean and spread, in 1.5: a setting for every decision."""

import math

import torch

from course_utils.exercise import mistake

AXES = (0, 2, 3)
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CENTRES = {
    "mean": lambda x, axes, keep: x.mean(axes, keepdim=keep),
    "lowest": lambda x, axes, keep: x.amin(axes, keepdim=keep),
    "half": lambda *_: 0.5,
    "none": lambda *_: 0.0,
    "imagenet": lambda *_: torch.tensor(IMAGENET[0]).reshape(3, 1, 1),
}


def _variance(x, axes, keep, correction):
    """By hand, as PyTorch's own warns where a single number is left."""
    squares = (x - x.mean(axes, keepdim=True)).square()
    return squares.sum(axes, keepdim=keep) / (_count(x, axes) - correction)


def _count(x, axes):
    return math.prod(x.shape[axis] for axis in axes)


_SPREADS = {
    "std": lambda x, axes, keep, n: _variance(x, axes, keep, n).sqrt(),
    "variance": _variance,
    "range": lambda x, axes, keep, _: x.amax(axes, keepdim=keep) - x.amin(axes, keepdim=keep),
    "largest": lambda x, axes, keep, _: x.amax(axes, keepdim=keep),
    "rms": lambda x, axes, keep, _: x.square().mean(axes, keepdim=keep).sqrt(),
    "deviation": lambda x, axes, keep, _: (
        (x - x.mean(axes, keepdim=keep)).abs().mean(axes, keepdim=keep)
    ),
    "centred": lambda x, axes, _keep, n: _variance(
        x - x.mean(axes, keepdim=True), (0, 1, 2, 3), True, n
    ).sqrt(),
    "image": lambda x, _axes, _keep, n: _variance(x, (2, 3), True, n).sqrt().mean(0),
    "mean": lambda x, axes, keep, _: x.mean(axes, keepdim=keep),
    "length": lambda x, axes, keep, _: x.square().sum(axes, keepdim=keep).sqrt(),
    "unrooted": lambda x, axes, keep, _: (
        (x - x.mean(axes, keepdim=keep)).square().sum(axes, keepdim=keep).sqrt()
    ),
    "none": lambda *_: 1.0,
    "half": lambda *_: 0.5,
    "255": lambda *_: 255.0,
    "imagenet": lambda *_: torch.tensor(IMAGENET[1]).reshape(3, 1, 1),
}


def normalized(
    axes=AXES, mean_axes=None, std_axes=None, keep=True, centre="mean", spread="std",
    correction=1, source=slice(None), sign=1, combine="divide", filled=None, rest=0.0,
    regroup=False,
):  # fmt: skip
    """An answer to 1.5: over which axes the mean and the spread are taken, and what is done."""

    def normalize_channels(images):
        chosen = images[source]
        middle = _CENTRES[centre](chosen, mean_axes or axes, keep)
        scale = _SPREADS[spread](chosen, std_axes or axes, keep, correction)
        if combine == "precedence":
            return images - middle / scale
        if combine == "divide first":
            return images / scale - middle
        centred = images + middle if sign == 0 else sign * (images - middle)
        result = centred * scale if combine == "multiply" else centred / scale
        if regroup:
            return result.transpose(0, 1).reshape(images.shape)
        if filled is None:
            return result
        whole = images * rest
        whole[:, :filled] = result[:, :filled]
        return whole

    return normalize_channels


def _images_for_channels(images):
    result = images.clone()
    for c in range(images.shape[1]):
        result[c] = (images[c] - images[c].mean()) / images[c].std()
    return result


_ONE_SPREAD = "Your standard deviation runs over all channels. Each channel has its own."
_WHOLE_BATCH = "Mean and spread run over all images, rows and columns: one pair per channel."
_NOT_MEASURED = "Measure mean and standard deviation of these images, one pair per channel."
_DECISIONS: dict[str, tuple[str, dict]] = {
    "one-pair-for-all": (
        "You took one mean and one standard deviation over all channels. "
        "Each channel has a pair of its own.",
        {"axes": (0, 1, 2, 3)},
    ),
    "regrouped": (
        "Images and channels are scrambled: `reshape` and `view` keep the order of the numbers. "
        "Let the axes change places again.",
        {"regroup": True},
    ),
    "per-image-and-channel": (
        f"You normalised every channel of every image by itself. {_WHOLE_BATCH}",
        {"axes": (2, 3)},
    ),
    "per-image": (
        f"You normalised every image by itself, over its channels too. {_WHOLE_BATCH}",
        {"axes": (1, 2, 3)},
    ),
    "per-pixel": (
        "You normalised every pixel over the batch. Rows and columns belong to the mean too.",
        {"axes": (0,)},
    ),
    "per-pixel-and-channel": (
        "You took the mean over the channels, pixel by pixel. Each channel keeps its own: "
        "axis 1 must survive.",
        {"axes": (1,)},
    ),
    "channels-last-axes": (
        "Your axes (0, 1, 2) fit pictures with the channels last; here they leave one mean per "
        "column. The channel is axis 1.",
        {"axes": (0, 1, 2)},
    ),
    "per-row": (
        "Your axes (0, 1, 3) leave one mean per row. The channel is axis 1, so it must survive.",
        {"axes": (0, 1, 3)},
    ),
    "columns-left-out": (
        "Your mean leaves the columns out: one per channel and column. Add axis 3.",
        {"axes": (0, 2)},
    ),
    "rows-left-out": (
        "Your mean leaves the rows out: one per channel and row. Add axis 2.",
        {"axes": (0, 3)},
    ),
    "per-place": (
        "Your mean runs over images and channels: one per place in the picture. "
        "The channel is axis 1, so it must survive.",
        {"axes": (0, 1)},
    ),
    "keepdim-missing": (
        "The mean lost its axes, so it meets the wrong one: the last, the columns. "
        "Keep its axes with `keepdim=True`.",
        {"keep": False},
    ),
    "mean-over-all": (
        "The standard deviation is right, but your mean runs over all channels. "
        "Each channel has a mean of its own.",
        {"mean_axes": (0, 1, 2, 3)},
    ),
    "mean-per-image": (
        "Right standard deviation, but your mean is per image. Take it over the batch.",
        {"mean_axes": (2, 3)},
    ),
    "std-over-all": (_ONE_SPREAD, {"std_axes": (0, 1, 2, 3)}),
    "std-of-all-centred": (_ONE_SPREAD, {"spread": "centred"}),
    "std-per-image": (
        "Your standard deviation is taken per image. Take it over the whole batch.",
        {"std_axes": (2, 3)},
    ),
    "std-averaged": (
        "You averaged the standard deviations of the single images. Take one over the whole batch.",
        {"spread": "image"},
    ),
    "not-centred": (
        "You divided by the standard deviation and did not subtract the mean.",
        {"centre": "none"},
    ),
    "variance": (
        "You divided by the variance. The standard deviation is its square root.",
        {"spread": "variance"},
    ),
    "first-image-only": (
        "Mean and standard deviation come from the first image. Take them from the whole batch.",
        {"source": slice(0, 1)},
    ),
    "sign-turned": (
        "The sign is turned round: you subtracted the images from the mean.",
        {"sign": -1},
    ),
    "mean-added": ("You added the mean. Subtract it.", {"sign": 0}),
    "multiplied": (
        "You multiplied by the standard deviation. Divide by it.",
        {"combine": "multiply"},
    ),
    "brackets-missing": (
        "Brackets are missing: `images - mean / std` divides only the mean. "
        "Subtract first, then divide.",
        {"combine": "precedence"},
    ),
    "three-channels-filled": (
        "Only the first three channels are normalised; the others stay 0. "
        "Take the number of channels from the shape.",
        {"filled": 3},
    ),
    "three-channels-changed": (
        "Only the first three channels are normalised; the others stay as they were. "
        "Take the number of channels from the shape.",
        {"filled": 3, "rest": 1.0},
    ),
    "first-channel-filled": (
        "Only the first channel is normalised; the others stay 0.", {"filled": 1}
    ),
    "first-channel-changed": (
        "Only the first channel is normalised; the others stay as they were.",
        {"filled": 1, "rest": 1.0},
    ),
}  # fmt: skip
_MEASURES: dict[str, tuple[str, dict]] = {
    "mean-only": (
        "The mean is 0 now, but the spread is not 1 yet: divide by the standard deviation.",
        {"spread": "none"},
    ),
    "minimum-to-maximum": (
        "You brought each channel into the range 0 to 1, by its minimum and maximum. "
        "Mean 0 and standard deviation 1 are wanted.",
        {"centre": "lowest", "spread": "range"},
    ),
    "divided-by-range": (
        "You divided by the range, maximum minus minimum. Divide by the standard deviation.",
        {"spread": "range"},
    ),
    "minimum-subtracted": ("You subtracted the minimum. Subtract the mean.", {"centre": "lowest"}),
    "divided-by-largest": (
        "You divided by the largest number. Divide by the standard deviation.",
        {"spread": "largest"},
    ),
    "divided-by-mean": (
        "You divided by the mean. Divide by the standard deviation.", {"spread": "mean"}
    ),
    "root-mean-square": (
        "You divided by the root of the mean square, without taking the mean off first. "
        "The standard deviation is measured from the mean.",
        {"spread": "rms"},
    ),
    "mean-deviation": (
        "You divided by the mean absolute deviation. The standard deviation squares first.",
        {"spread": "deviation"},
    ),
    "sum-for-mean": (
        "You divided by the root of the *sum* of squares. The standard deviation takes their mean.",
        {"spread": "unrooted"},
    ),
    "divided-by-255": (
        "You divided by 255. Subtract each channel's mean, then divide by its standard deviation.",
        {"centre": "none", "spread": "255"},
    ),
    "half-and-half": (
        f"0.5 and 0.5 are fixed constants. {_NOT_MEASURED}", {"centre": "half", "spread": "half"}
    ),
    "imagenet": (
        f"Those are the fixed constants of ImageNet, another data set. {_NOT_MEASURED}",
        {"centre": "imagenet", "spread": "imagenet"},
    ),
    "unit-length-channel": (
        "You divided each channel by its length (norm). Subtract its mean, then divide by its "
        "standard deviation.",
        {"centre": "none", "spread": "length"},
    ),
}  # fmt: skip
_SAME_WITH_N = {"filled", "sign"}  # what these leave is brought to one spread by the observer
NORMALIZE = {
    **{name: mistake(words, **switch) for name, (words, switch) in _DECISIONS.items()},
    # The same with n in place of n − 1: both are right, so both have to be known.
    **{
        f"{name}-n": mistake(words, normalized(**switch, correction=0))
        for name, (words, switch) in _DECISIONS.items()
        if not _SAME_WITH_N & set(switch) or switch.get("sign") == 0
    },
    **{name: mistake(words, **switch) for name, (words, switch) in _MEASURES.items()},
    **{
        f"divided-first{suffix}": mistake(
            "You divided the images, but then subtracted the mean of the undivided ones. "
            "Subtract first, then divide.",
            normalized(correction=correction, combine="divide first"),
        )
        for suffix, correction in (("", 1), ("-n", 0))
    },
    "divided-by-largest-only": mistake(
        "You divided by the largest number of the batch. Subtract each channel's mean, then divide "
        "by its standard deviation.",
        lambda images: images / images.max(),
    ),
    "minimum-to-maximum-of-all": mistake(
        "You brought the whole batch into the range 0 to 1, by its minimum and maximum. "
        "Mean 0 and standard deviation 1 are wanted, for each channel.",
        lambda images: (images - images.min()) / (images.max() - images.min()),
    ),
    "unit-length-pixel": mistake(
        "`F.normalize` gives every pixel's colours the length 1; it is about norms. Subtract each "
        "channel's mean, then divide by its standard deviation.",
        lambda images: torch.nn.functional.normalize(images, dim=1),
    ),
    "unit-length-centred": mistake(
        "You subtracted the mean and then `F.normalize` gave every pixel's colours the length 1. "
        "Divide by the standard deviation of each channel instead.",
        lambda images: torch.nn.functional.normalize(
            images - images.mean((0, 2, 3), keepdim=True), dim=1
        ),
    ),
    "minus-one-to-one": mistake(
        "You brought each channel into the range −1 to 1, by its minimum and maximum. "
        "Mean 0 and standard deviation 1 are wanted.",
        lambda images: 2 * normalized(centre="lowest", spread="range")(images) - 1,
    ),
    "images-for-channels": mistake(
        "`images[c]` is image number c, not a channel. Channel c of all images is `images[:, c]`.",
        _images_for_channels,
    ),
}

# Pairs with these are not tried: they seldom come with another slip, and a verdict must be quick.
for _name in (
    "per-pixel-and-channel", "per-row", "rows-left-out", "columns-left-out", "per-place",
    "first-channel-filled", "first-channel-changed", "divided-by-mean",
    "mean-deviation", "half-and-half", "imagenet", "divided-by-255", "unit-length-channel",
):  # fmt: skip
    NORMALIZE[_name] = mistake(NORMALIZE[_name].words, normalized(**NORMALIZE[_name].switch))
