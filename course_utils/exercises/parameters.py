"""Exercises of workbook 04: counting parameters."""

import torch
from torch import nn

from course_utils.exercise import exercise, mistake


def _numbers_in(layer):
    return sum(parameter.numel() for parameter in layer.parameters())


# --- 4.1 ----------------------------------------------------------------------------------------
@exercise(
    "4.1",
    "The first dense layer",
    minutes=3,
    kind="value",
    oracle=lambda: _numbers_in(nn.Linear(28 * 28, 256)),
    mistakes={
        "38-400-stands": mistake(
            "38,400 stands in print for this layer, but it is a slip: multiply 784 by 256 again, "
            "then add the biases.",
            38_400,
        ),
        "200-704-counts": mistake(
            "200,704 counts the weights only. Every output has a bias too: add one for each.",
            200_704,
        ),
        "added-bias-input": mistake(
            "You added one bias for each input. A bias belongs to an output, so there are 256.",
            784 * 256 + 784,
        ),
        "added-inputs-outputs": mistake(
            "You added inputs and outputs. Every output has a weight for every input: multiply.",
            784 + 256,
        ),
        "used-28-inputs": mistake(
            "You used 28 inputs. The image is flattened first, so all 28 × 28 pixels come in.",
            28 * 256 + 256,
        ),
    },
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
_OVER_THE_MAP = {n * sides for n in (2416, 2400) for sides in (8 * 8, 12 * 12)}


@exercise(
    "4.2",
    "A convolution and its pool",
    minutes=4,
    kind="value",
    oracle=lambda: (_numbers_in(nn.Conv2d(6, 16, 5)), _numbers_in(nn.MaxPool2d(2))),
    mistakes={
        "416-forgets-input": mistake(
            "416 forgets the input channels. Each kernel has one 5×5 slice for each of the 6.",
            (
                416,
                0,
            ),
        ),
        "2-400-biases": mistake("2,400 has no biases. Each of the 16 filters has one.", (2400, 0)),
        "2-496-bias": mistake(
            "2,496 has a bias for each pair of channels. The six slices are added up first, "
            "so a filter needs one bias.",
            (2496, 0),
        ),
        "496-uses-5": mistake(
            "496 uses 5 weights for a 5×5 kernel. Square the kernel size.", (16 * (6 * 5 + 1), 0)
        ),
        "multiplied-size-map": mistake(
            "You multiplied by the size of the map. The same weights are used at every place, "
            "so the image's size does not matter.",
            when=lambda answer: answer[0] in _OVER_THE_MAP,
            example=(2416 * 8 * 8, 0),
        ),
        "pool-weights-picks": mistake(
            "A pool has no weights: it picks the largest value of each window. "
            "There is nothing to learn in it.",
            when=lambda answer: answer[1] in (2 * 2, 16 * 2 * 2, 2 * 2 + 1, 16 * (2 * 2 + 1)),
            example=(2416, 4),
        ),
    },
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
    mistakes={
        "1-600-forgets": mistake(
            "1,600 forgets the second pool. It halves both sides once more.", 16 * 10 * 10
        ),
        "1-936-forgets": mistake(
            "1,936 forgets the first pool. It halves both sides before the second convolution.",
            16 * 11 * 11,
        ),
        "7-744-forgets": mistake(
            "7,744 forgets both pools. Each of them halves both sides.", 16 * 22 * 22
        ),
        "784-uses-padding": mistake(
            "784 uses padding that keeps the sides. Here there is none: "
            "a kernel of size k makes each side k − 1 shorter.",
            16 * 7 * 7,
        ),
        "25-map-16": mistake("25 is one map. There are 16 of them, one for each filter.", 5 * 5),
        "multiplied-numbers-filters": mistake(
            "You multiplied by both numbers of filters. The second convolution adds up its 8 inputs, "
            "so 16 maps are left.",
            8 * 16 * 5 * 5,
        ),
    },
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
    mistakes={
        "767-holds-pool": mistake(
            "767 still holds the pool. Without it the maps keep their size.",
            when=lambda answer: 767 in answer,
            example=(767, 767),
        ),
        "two-numbers-changed": mistake(
            "Your two numbers have changed places. 'Same' keeps 9×9 pixels, 'valid' loses an edge.",
            (
                3167,
                5087,
            ),
        ),
        "passed-map-dense": mistake(
            "You passed one map on to the dense layer. All three of them are flattened.",
            (
                27 + 81 * 20 + 200,
                27 + 49 * 20 + 200,
            ),
        ),
        "counted-biases-example": mistake(
            "You counted the biases. This example leaves them out.", (5087 + 33, 3167 + 33)
        ),
        "valid-map-8": mistake(
            "The 'valid' map is not 8×8. A 3×3 kernel fits into 9 pixels at 9 − 3 + 1 places.",
            (
                5087,
                27 + 3 * 64 * 20 + 200,
            ),
        ),
    },
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

    inputs, filters, more, kernel = draw(2, 5), draw(5, 9), draw(10, 20), draw(2, 6)
    yield ([("dense", inputs, filters), ("relu",)],)
    yield ([("conv", inputs, filters, kernel), ("pool", 3), ("relu",), ("pool", 2)],)
    yield (
        [
            *[("conv", 3, filters, kernel), ("relu",), ("pool", 2)],
            *[("conv", filters, more, 3), ("relu",), ("pool", 2), ("flatten",)],
            *[("dense", more * 25, 100), ("relu",), ("dense", 100, 10)],
        ],
    )


def _counting(conv, dense, pool=lambda k: 0):
    """A count_parameters with these formulas."""
    formulas = {"conv": conv, "dense": dense, "pool": pool}
    return lambda layers: sum(formulas[kind](*sizes) for kind, *sizes in layers if kind in formulas)


def _conv(inputs, outputs, k):
    return outputs * (inputs * k * k + 1)


def _dense(inputs, outputs):
    return outputs * (inputs + 1)


@exercise(
    "4.5",
    "Write count_parameters",
    minutes=8,
    oracle=_by_torch,
    cases=_stacks,
    mistakes={
        "count-biases-filter": mistake(
            "Your count has no biases. Every filter and every dense output has one.",
            _counting(
                lambda inputs, outputs, k: outputs * inputs * k * k,
                lambda inputs, outputs: inputs * outputs,
            ),
        ),
        "convolutions-biases-missing": mistake(
            "The convolutions' biases are missing: one for each filter.",
            _counting(lambda inputs, outputs, k: outputs * inputs * k * k, _dense),
        ),
        "dense-layers-biases": mistake(
            "The dense layers' biases are missing: one for each output.",
            _counting(_conv, lambda inputs, outputs: inputs * outputs),
        ),
        "input-channels-forgotten": mistake(
            "The input channels are forgotten. A kernel has one slice for each of them.",
            _counting(lambda inputs, outputs, k: outputs * (k * k + 1), _dense),
        ),
        "kernel-size-k": mistake(
            "A kernel of size k is a square: it has k · k weights in each slice, not k.",
            _counting(lambda inputs, outputs, k: outputs * (inputs * k + 1), _dense),
        ),
        "count-bias-pair": mistake(
            "You count a bias for each pair of channels. A filter has one.",
            _counting(lambda inputs, outputs, k: outputs * inputs * (k * k + 1), _dense),
        ),
        "count-bias-input": mistake(
            "You count a bias for each input. It belongs to the output.",
            _counting(
                lambda inputs, outputs, k: outputs * inputs * k * k + inputs,
                lambda inputs, outputs: inputs * outputs + inputs,
            ),
        ),
        "count-k-pool": mistake(
            "You count k² for a pool. It has no weights at all.",
            _counting(_conv, _dense, lambda k: k * k),
        ),
        "first-layer-counted": mistake(
            "Only the first layer is counted: your function returns inside the loop. "
            "Add up first, return at the end.",
            lambda layers: _by_torch(layers[:1]),
        ),
        "last-layer-counted": mistake(
            "Only the last layer is counted. Add each layer to a running total.",
            lambda layers: _by_torch(layers[-1:]),
        ),
    },
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


def _observe_head(build, case):
    """(parameters with the features, output shape, places differ, channels differ) of a head."""
    make = (lambda: build) if isinstance(build, nn.Module) else build
    with torch.device("meta"):
        head = make()
    if not isinstance(head, nn.Module):
        raise TypeError(f"small_head() gives {head!r}, not an nn.Module; is there a return?")
    total = FEATURES + _numbers_in(head)
    if total >= 10 * LIMIT:  # do not allocate what is far too large
        return total, case, True, True
    maps = torch.rand(case)
    with torch.no_grad():
        head = make().eval()
        scores = head(maps)
        swapped = head(maps.flip(1))
        try:
            any_size = head(torch.rand(2, 256, 9, 9)).shape == (2, 1000)
        except (RuntimeError, ValueError):
            any_size = False
    return total, tuple(scores.shape), any_size, not torch.allclose(scores, swapped, atol=1e-6)


def _is_a_small_head(seen, *case):
    total, shape, _, tells_apart = seen
    return type(total) is int and total < LIMIT and shape == (case[0], 1000) and tells_apart is True


def _too_large(seen):
    return type(seen[0]) is int and seen[0] >= LIMIT


@exercise(
    "4.6",
    "Shrink AlexNet's head",
    minutes=8,
    cases=lambda rng: [(2, 256, 6, 6), (3, 256, 6, 6)],
    observe=_observe_head,
    accept=_is_a_small_head,
    mistakes={
        "3-m-first": mistake(
            "More than 3 M in all. Your first dense layer still sees all 6×6 places of every map: "
            "average each map to one number first.",
            when=lambda seen: _too_large(seen) and (not seen[2] or seen[0] >= 10 * LIMIT),
            example=lambda: nn.Sequential(nn.Flatten(), nn.Linear(256 * 6 * 6, 1000)),
        ),
        "3-m-although": mistake(
            "More than 3 M in all, although you average. The hidden layers cost too much: "
            "leave them out, or make them narrow.",
            when=_too_large,
            example=lambda: nn.Sequential(
                *[nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 4096), nn.ReLU()],
                nn.Linear(4096, 1000),
            ),
        ),
        "nothing-learn-head": mistake(
            "There is nothing to learn in your head. "
            "Scores need weights: a dense layer from the averages to the classes.",
            when=lambda seen: seen[0] == FEATURES,
            example=lambda: nn.Sequential(nn.Flatten(), nn.MaxPool1d(9)),
        ),
        "scores-another-shape": mistake(
            "The scores have another shape than (N, 1000). Flatten after averaging, "
            "and end with one score for each class.",
            when=lambda seen: type(seen[0]) is int and seen[1][1:] != (1000,),
            example=lambda: nn.Sequential(nn.Conv2d(256, 1000, 1), nn.AdaptiveAvgPool2d(1)),
        ),
        "head-cannot-tell": mistake(
            "Your head cannot tell the 256 maps apart: you averaged over them. "
            "Average over rows and columns only.",
            when=lambda seen: seen[3] is False,
            example=lambda: nn.Sequential(_MeanOverChannels(), nn.Linear(36, 1000)),
        ),
        "shapes-fit-together": mistake(
            "The shapes do not fit together. Behind the average the maps are (N, 256, 1, 1): "
            "flatten them, and give the dense layer 256 inputs.",
            lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Linear(256, 1000)),
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


class _MeanOverChannels(nn.Module):
    def forward(self, maps):
        return maps.mean(1).flatten(1)
