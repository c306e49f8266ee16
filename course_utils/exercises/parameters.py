"""Exercises of workbook 04: counting parameters."""

import copy

import torch
from torch import nn

from course_utils.exercise import exercise, mistake
from course_utils.exercises.parameters_counting import COUNT_PARAMETERS, count_parameters_with
from course_utils.exercises.parameters_mistakes import (
    CONV_AND_POOL,
    FIRST_DENSE,
    FLAT_SIZE,
    WITHOUT_POOL,
)


def _numbers_in(layer):
    return sum(parameter.numel() for parameter in layer.parameters())


# --- 4.1 ----------------------------------------------------------------------------------------
@exercise(
    "4.1",
    "The first dense layer",
    minutes=3,
    kind="value",
    oracle=lambda: _numbers_in(nn.Linear(28 * 28, 256)),
    formula="side ** 2 * outputs + biases",
    quantities={"side": 28, "outputs": 256, "biases": 256},
    mistakes=FIRST_DENSE,
    hints=[
        "How many inputs does the layer have once the image is flattened?",
        "Each of the 256 outputs is one neuron. How many numbers does one neuron own?",
        "One neuron owns 784 weights and 1 bias.",
    ],
)
def first_dense():
    """Parameters of the dense layer from a 28×28 image to 256 outputs, with biases."""
    return 784 * 256 + 256


# --- 4.2 ----------------------------------------------------------------------------------------
@exercise(
    "4.2",
    "A convolution and its pool",
    minutes=4,
    kind="value",
    oracle=lambda: (_numbers_in(nn.Conv2d(6, 16, 5)), _numbers_in(nn.MaxPool2d(2))),
    parts=("convolution", "pool"),
    formula=("filters * (inputs * k ** 2 + 1)", "0"),
    quantities={"filters": 16, "inputs": 6, "k": 5},
    mistakes=CONV_AND_POOL,
    hints=[
        "Count one filter first. Its kernel has as many slices as the input has channels.",
        "One filter has 6 · 5 · 5 weights and one bias. How many filters are there?",
        "What would gradient descent change in a pool?",
    ],
)
def conv_and_pool():
    """Parameters of Conv2d(6, 16, 5) and of MaxPool2d(2)."""
    return 16 * (6 * 5 * 5 + 1), 0


# --- 4.3 ----------------------------------------------------------------------------------------
def _flat_by_torch():
    stack = nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.MaxPool2d(2), nn.Flatten()
    )
    return stack(torch.zeros(1, 1, 28, 28)).shape[1]


@exercise(
    "4.3",
    "What arrives at the dense layer",
    minutes=4,
    kind="value",
    oracle=_flat_by_torch,
    formula="maps * (((side - k1 + 1) // pool1 - k2 + 1) // pool2) ** 2",
    quantities={"maps": 16, "side": 28, "k1": 5, "pool1": 2, "k2": 3, "pool2": 2},
    mistakes=FLAT_SIZE,
    hints=[
        "Write down one side after each of the four layers: 28 → … → … → … → …",
        "28 → 24 → 12 → 10 → … The last pool halves 10.",
        "Rows times columns times maps.",
    ],
)
def flat_size():
    """Inputs of the dense layer behind conv 5×5, pool, conv 3×3, pool on a 28×28 image."""
    return 16 * 5 * 5


# --- 4.4 ----------------------------------------------------------------------------------------
def _larson(padding):
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=padding, bias=False), nn.Flatten(), nn.LazyLinear(20, bias=False)
    )
    net(torch.zeros(1, 1, 9, 9))
    return _numbers_in(net) + _numbers_in(nn.Linear(20, 10, bias=False))


@exercise(
    "4.4",
    "Leave out the pool",
    minutes=5,
    kind="value",
    oracle=lambda: (_larson("same"), _larson("valid")),
    parts=("same", "valid"),
    formula=(
        "filters * k ** 2 + filters * side ** 2 * hidden + hidden * classes",
        "filters * k ** 2 + filters * (side - k + 1) ** 2 * hidden + hidden * classes",
    ),
    quantities={"filters": 3, "k": 3, "side": 9, "hidden": 20, "classes": 10},
    mistakes=WITHOUT_POOL,
    hints=[
        "The filters cost 27 either way, and the last layer 20 · 10. "
        "Only the layer between them changes.",
        "'Same': three maps of 9×9 pixels. 'Valid': three maps of 7×7 pixels.",
        "'Same': 27 + (3 · 81) · 20 + 200.",
    ],
)
def without_pool():
    """Parameters of the 9×9 example without its pool: padding 'same', then 'valid'."""
    return 27 + 3 * 9 * 9 * 20 + 20 * 10, 27 + 3 * 7 * 7 * 20 + 20 * 10


# --- 4.5 ----------------------------------------------------------------------------------------
def _by_torch(layers):
    made = {
        "conv": nn.Conv2d,
        "dense": nn.Linear,
        "pool": nn.MaxPool2d,
        "relu": nn.ReLU,
        "flatten": nn.Flatten,
    }
    with torch.device("meta"):
        return sum(_numbers_in(made[kind](*sizes)) for kind, *sizes in layers)


def _stacks(rng):
    def draw(low, high):
        return int(torch.randint(low, high, (), generator=rng))

    inputs, filters, more, kernel = draw(2, 5), draw(6, 9), draw(10, 20), draw(2, 5)
    yield ([("flatten",), ("dense", inputs, filters), ("relu",)],)
    yield ([("dense", inputs, inputs), ("relu",), ("dense", inputs, inputs)],)  # two equal layers
    yield ([("conv", inputs, filters, kernel), ("pool", 3), ("relu",), ("pool", 4)],)
    yield (
        [
            *[("conv", 3, filters, kernel), ("relu",), ("pool", 2)],
            *[("conv", filters, more, 3), ("relu",), ("pool", 2), ("flatten",)],
            *[("dense", more * 25, 100), ("relu",), ("dense", 100, 10)],
        ],
    )


@exercise(
    "4.5",
    "Write count_parameters",
    minutes=8,
    oracle=_by_torch,
    cases=_stacks,
    switches=count_parameters_with,
    mistakes=COUNT_PARAMETERS,
    hints=[
        "Start with `total = 0` and loop: `for kind, *sizes in layers:`.",
        "For a dense layer: each output has a weight for every input, and a bias.",
        "For a convolution: each filter has inputs · k · k weights, and a bias. "
        "All other layers add nothing.",
    ],
)
def count_parameters(layers):
    """[("conv", inputs, outputs, k), ("dense", inputs, outputs), ("pool", k), …] -> number."""
    total = 0
    for kind, *sizes in layers:
        if kind == "conv":
            inputs, outputs, k = sizes
            total += outputs * (inputs * k * k + 1)
        elif kind == "dense":
            inputs, outputs = sizes
            total += outputs * (inputs + 1)
    return total


# --- 4.6 ----------------------------------------------------------------------------------------
FEATURES = 2_469_696  # parameters of AlexNet's convolutions in torchvision
LIMIT = 3_000_000
MAPS = 256


def _first_weights(head):
    """(type, shape of the weights) of the head's first layer that has any; ("", ()) if none."""
    for layer in head.modules():
        weight = getattr(layer, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.ndim > 1:
            return type(layer).__name__, tuple(weight.shape)
    return "", ()


def _is_lazy(head):
    return any(isinstance(p, nn.parameter.UninitializedParameter) for p in head.parameters())


def _observe_head(build, case):
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
    if seen["parameters in all"] >= 10 * LIMIT:  # do not allocate what is far too large
        return seen
    with torch.no_grad():
        head = copy.deepcopy(make()).eval()  # a network made outside stays as it is
        scores = head(maps)
        swapped = head(maps.flip(1))
    seen["shape of the scores"] = tuple(scores.shape)
    seen["tells maps apart"] = not torch.allclose(scores, swapped, atol=1e-6)
    return seen


def _is_a_small_head(seen, *case):
    fits = seen["parameters in all"] < LIMIT and seen["shape of the scores"] == (case[0], 1000)
    return fits and seen["tells maps apart"] is True


def _too_large(seen, layer):
    return seen["parameters in all"] >= LIMIT and seen["first layer"] == layer


@exercise(
    "4.6",
    "Shrink AlexNet's head",
    minutes=8,
    cases=lambda rng: [(1, MAPS, 6, 6), (2, MAPS, 6, 6), (3, MAPS, 6, 6)],
    observe=_observe_head,
    accept=_is_a_small_head,
    argument_names=("images", "maps", "rows", "columns"),
    mistakes={
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
            "There is nothing to learn in your head. "
            "Scores need weights: a dense layer from the averages to the classes.",
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
        "another-number-of-scores": mistake(
            "Your head gives another number of scores than 1,000 for each image. "
            "The last layer has one output for each class.",
            when=lambda seen: (
                seen["shape of the scores"] != (seen["images"], 1000)
                and seen["shape of the scores"][:-1] == (seen["images"],)
            ),
            example=lambda: nn.Sequential(
                nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10)
            ),
        ),
        "another-shape": mistake(
            "The scores have another shape than (N, 1000). Flatten after averaging, "
            "and end with one score for each class.",
            when=lambda seen: seen["shape of the scores"] != (seen["images"], 1000),
            example=lambda: nn.Sequential(nn.Conv2d(256, 1000, 1), nn.AdaptiveAvgPool2d(1)),
        ),
        "maps-averaged": mistake(
            "Your head cannot tell the 256 maps apart: you averaged over them. "
            "Average over rows and columns only.",
            when=lambda seen: seen["tells maps apart"] is False,
            example=lambda: _MeanOver(1, 36),
        ),
        "not-flattened": mistake(
            "The shapes do not fit together. Behind the average the maps are (N, 256, 1, 1): "
            "flatten them, and give the dense layer 256 inputs.",
            lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Linear(256, 1000)),
        ),
        "features-in-head": mistake(
            "The first convolution in your head does not take 256 channels, as the convolutions "
            "of the network itself do not. The head gets their maps, (N, 256, 6, 6), and holds "
            "only what comes behind them.",
            lambda: nn.Sequential(nn.Conv2d(3, 64, 11, device="meta"), nn.Flatten()),
        ),
    },
    hints=[
        "How many numbers arrive at the first dense layer now, and how many would arrive "
        "if each of the 256 maps were one number?",
        "`nn.AdaptiveAvgPool2d(1)` averages each map, whatever its size. Flatten behind it.",
        "256 · 1000 + 1000 parameters are enough for the whole head.",
    ],
)
def small_head():
    """() -> nn.Module that turns AlexNet's maps, (N, 256, 6, 6), into scores, (N, 1000)."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 1000))


class _MeanOver(nn.Module):
    """Averages over the wrong axes before its dense layer."""

    def __init__(self, axes, inputs=MAPS):
        super().__init__()
        self.axes, self.dense = axes, nn.Linear(inputs, 1000)

    def forward(self, maps):
        mean = maps.mean(self.axes)
        return self.dense(mean.flatten(1) if mean.ndim > 1 else mean)


class _Squeezing(nn.Module):
    """Drops the axis of the images where there is one image."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(MAPS, 1000)

    def forward(self, maps):
        return self.dense(nn.functional.avg_pool2d(maps, 6).squeeze())
