"""Exercise 4.6: what is seen of a head for AlexNet, and what may be wrong with it."""

import copy

import torch
from torch import nn

from course_utils.exercise import mistake
from course_utils.exercises.calling import needs_weights
from course_utils.judging.evidence import Demand

FEATURES = 2_469_696  # parameters of AlexNet's convolutions in torchvision
LIMIT = 3_000_000
MAPS = 256


def _numbers_in(layer):
    return sum(parameter.numel() for parameter in layer.parameters())


def _first_weights(head):
    """(type, shape of the weights) of the head's first layer that has any; ("", ()) if none."""
    for layer in head.modules():
        weight = getattr(layer, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.ndim > 1:
            return type(layer).__name__, tuple(weight.shape)
    return "", ()


def _is_lazy(head):
    return any(isinstance(p, nn.parameter.UninitializedParameter) for p in head.parameters())


def observe_head(build, case):
    """What is seen of a head on maps of one shape: sizes, and whether it tells the maps apart."""
    make = (lambda: build) if isinstance(build, nn.Module) else build
    with torch.device("meta"):  # allocates nothing, however large it is
        head = make()
    if not isinstance(head, nn.Module):
        return None if head is None else {"type": type(head).__name__}
    maps = torch.rand(case)
    if _is_lazy(head):  # a lazy layer has its sizes after the first call
        head = copy.deepcopy(make())
        head(maps)
    seen = {"parameters in all": FEATURES + _numbers_in(head), "images": case[0]}
    seen["first layer"], seen["its weights"] = _first_weights(head)
    if seen["parameters in all"] >= LIMIT:  # do not allocate and run what is too large anyway
        return seen
    with torch.no_grad():
        head = copy.deepcopy(make()).eval()  # a network made outside stays as it is
        scores = head(maps)
        seen["parameters in all"] = FEATURES + _numbers_in(head)  # of what runs, not of a plan
        swapped = head(maps.flip(1))
    seen["shape of the scores"] = tuple(scores.shape)
    seen["finite"] = bool(scores.isfinite().all())
    if not seen["finite"]:
        return seen
    seen["tells maps apart"] = not torch.allclose(scores, swapped, atol=1e-6)
    seen["by weights alone"] = needs_weights(head, maps, torch.rand(case), atol=1e-6)
    return seen


def demands_of_a_head(seen, *case):
    """How large a head may be, and what its scores have to be."""
    total, shape = seen["parameters in all"], seen.get("shape of the scores")
    apart, learns = seen.get("tells maps apart"), seen.get("by weights alone")
    wanted = case[0], 1000
    fits, finite = None if shape is None else shape == wanted, seen.get("finite")
    return {
        "parameters in all": Demand(f"{total:,}", f"fewer than {LIMIT:,}", total < LIMIT),
        "shape of the scores": Demand(str(shape), str(wanted), fits),
        "scores are finite": Demand("yes" if finite else "no", "yes", finite),
        "tells maps apart": Demand("yes" if apart else "no", "yes", apart),
        "scores come from weights": Demand("yes" if learns else "no", "yes", learns),
    }


def _too_large(seen, layer):
    return seen["parameters in all"] >= LIMIT and seen["first layer"] == layer


class _MeanOver(nn.Module):
    """Averages over the wrong axes before its dense layer."""

    def __init__(self, axes, inputs=MAPS):
        super().__init__()
        self.axes, self.dense = axes, nn.Linear(inputs, 1000)

    def forward(self, maps):
        mean = maps.mean(self.axes)
        return self.dense(mean.flatten(1) if mean.ndim > 1 else mean)


class _PastTheWeights(nn.Module):
    """Adds the largest numbers of the maps to its scores."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(MAPS, 1000)

    def forward(self, maps):
        largest = nn.functional.adaptive_max_pool1d(maps.flatten(1), 1000)
        return self.dense(maps.mean((2, 3))) + largest


class _Logarithm(nn.Module):
    """Takes the logarithm of scores, of which some are negative."""

    def forward(self, scores):
        return scores.log()


class _Squeezing(nn.Module):
    """Drops the axis of the images where there is one image."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(MAPS, 1000)

    def forward(self, maps):
        return self.dense(nn.functional.avg_pool2d(maps, 6).squeeze())


HEAD = {
    "too-large-places": mistake(
        "The network has more than 3 million parameters in all. Your first dense layer has "
        "more than 256 inputs, so it sees several places of every map: average each map to "
        "one number first.",
        when=lambda seen: _too_large(seen, "Linear") and seen["its weights"][1] > MAPS,
        example=lambda: nn.Sequential(nn.Flatten(), nn.Linear(256 * 6 * 6, 1000)),
    ),
    "too-large-hidden": mistake(
        "The network has more than 3 million parameters in all, although every map comes in "
        "as one number. The hidden layers cost too much: leave them out, or make them narrow.",
        when=lambda seen: _too_large(seen, "Linear") and seen["its weights"][1] == MAPS,
        example=lambda: nn.Sequential(
            *[nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 4096), nn.ReLU()],
            nn.Linear(4096, 1000),
        ),
    ),
    "too-large-kernel": mistake(
        "The network has more than 3 million parameters in all. Your convolution has a whole "
        "kernel of weights for every map and filter; a 1×1 kernel, or a dense layer behind an "
        "average, needs one.",
        when=lambda seen: _too_large(seen, "Conv2d") and seen["its weights"][-1] > 1,
        example=lambda: nn.Sequential(
            nn.Conv2d(256, 1000, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        ),
    ),
    "too-large": mistake(
        "The network has more than 3 million parameters in all. "
        "Count your layers one by one: which of them costs most?",
        when=lambda seen: seen["parameters in all"] >= LIMIT,
        example=lambda: nn.Sequential(
            *[nn.Conv2d(256, 1000, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()],
            nn.Linear(1000, 1000),
        ),
    ),
    "no-module": mistake(
        "Your function returns something other than a module. "
        "Put the layers into nn.Sequential(…), one after the other, and return that.",
        when=lambda seen: "type" in seen,
        example=lambda: (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 1000)),
    ),
    "nothing-to-learn": mistake(
        "There is nothing to learn in your head. Scores need weights: a dense layer from the "
        "averages to the classes. (Layers in a plain list do not count: put them into "
        "nn.Sequential.)",
        when=lambda seen: seen["parameters in all"] == FEATURES,
        example=lambda: nn.Sequential(nn.Flatten(), nn.MaxPool1d(9)),
    ),
    "batch-of-one-squeezed": mistake(
        "With a single image your head loses the axis of the images, as squeeze() and "
        "flatten(0) do. Use flatten(1), which keeps the first axis.",
        when=lambda seen: seen["shape of the scores"] == (1000,) and seen["images"] == 1,
        example=lambda: _Squeezing(),
    ),
    "images-averaged": mistake(
        "Your head gives one set of 1,000 scores for the whole batch: the axis of the images "
        "is gone. Average over rows and columns only, axes 2 and 3.",
        when=lambda seen: seen["shape of the scores"] == (1000,),
        example=lambda: _MeanOver((0, 2, 3)),
    ),
    "score-for-each-place": mistake(
        "Your head gives 36,000 scores for each image: 1,000 for each of the 36 places of a map. "
        "Average over the places (rows and columns) before you flatten.",
        when=lambda seen: seen["shape of the scores"] == (seen["images"], 36_000),
        example=lambda: nn.Sequential(nn.Conv2d(256, 1000, 1), nn.Flatten()),
    ),
    "another-number-of-scores": mistake(
        "Your head gives another number of scores than 1,000 for each image. "
        "The last layer has one output for each class.",
        when=lambda seen: (
            seen["shape of the scores"] != (seen["images"], 1000)
            and seen["shape of the scores"][:-1] == (seen["images"],)
        ),
        example=lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10)),
    ),
    "another-shape": mistake(
        "The scores have another shape than (N, 1000). Flatten after averaging, "
        "and end with one score for each class.",
        when=lambda seen: seen["shape of the scores"] != (seen["images"], 1000),
        example=lambda: nn.Sequential(nn.Conv2d(256, 1000, 1), nn.AdaptiveAvgPool2d(1)),
    ),
    "not-finite": mistake(
        "Some of your scores are NaN or infinite, as after a logarithm or a root of a negative "
        "number, a division by 0, or exp of something large. Leave out what makes them so.",
        when=lambda seen: seen["finite"] is False,
        example=lambda: nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 1000), _Logarithm()
        ),
    ),
    "maps-averaged": mistake(
        "Your head cannot tell the 256 maps apart, as after an average over them. "
        "Average over rows and columns only.",
        when=lambda seen: seen["tells maps apart"] is False,
        example=lambda: _MeanOver(1, 36),
    ),
    "scores-without-weights": mistake(
        "Some of what the maps add to your scores goes past all weights that training changes. "
        "Every score is made by a layer with weights, from the averages of the maps.",
        when=lambda seen: seen["by weights alone"] is False,
        example=lambda: _PastTheWeights(),
    ),
    "not-flattened": mistake(
        "The shapes do not fit together. Behind the average the maps are (N, 256, 1, 1): "
        "flatten them, and give the dense layer 256 inputs.",
        lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Linear(256, 1000)),
    ),
    "dense-on-maps": mistake(
        "The shapes do not fit together: your dense layer meets the maps as they are and takes "
        "the 6 columns for its inputs. Average each map to one number and flatten first.",
        lambda: nn.Linear(256, 1000),
    ),
    "features-in-head": mistake(
        "The first convolution in your head does not take 256 channels, as the convolutions "
        "of the network itself do not. The head gets their maps, (N, 256, 6, 6), and holds "
        "only what comes behind them.",
        lambda: nn.Sequential(nn.Conv2d(3, 64, 11), nn.Flatten()),
    ),
}
