"""Exercises of workbook 04: counting parameters."""

import torch
from torch import nn

from course_utils.exercise import exercise
from course_utils.exercises import budget_runs
from course_utils.exercises.head_mistakes import HEAD, demands_of_a_head, observe_head
from course_utils.exercises.parameters_counting import COUNT_PARAMETERS, count_parameters_with
from course_utils.exercises.parameters_mistakes import CONV_AND_POOL, FIRST_DENSE, FLAT_SIZE
from course_utils.exercises.without_pool_mistakes import THREE_LAYERS, WITHOUT_POOL, three_with


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
    minutes=3,
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
    minutes=3,
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
    minutes=4,
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
    minutes=6,
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
@exercise(
    "4.6",
    "Shrink AlexNet's head",
    minutes=6,
    cases=lambda rng: [(1, 256, 6, 6), (2, 256, 6, 6), (3, 256, 6, 6)],
    observe=observe_head,
    demands=demands_of_a_head,
    argument_names=("images", "maps", "rows", "columns"),
    mistakes=HEAD,
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


# --- 4.11 ---------------------------------------------------------------------------------------
def _three_layers_by_torch():
    convolution = nn.Conv2d(1, 6, 5)
    places = convolution(torch.zeros(1, 1, 28, 28))[0, 0].numel()
    with torch.device("meta"):
        dense = nn.Linear(28 * 28, 6 * places)
    return _numbers_in(dense), places * _numbers_in(convolution), _numbers_in(convolution)


@exercise(
    "4.11",
    "Dense, local, shared",
    minutes=4,
    kind="value",
    oracle=_three_layers_by_torch,
    parts=("dense", "local", "shared"),
    formula=(
        "filters * (side - k + 1) ** 2 * (inputs * side ** 2 + 1)",
        "filters * (side - k + 1) ** 2 * (inputs * k ** 2 + 1)",
        "filters * (inputs * k ** 2 + 1)",
    ),
    quantities={"filters": 6, "side": 28, "k": 5, "inputs": 1},
    switches=three_with,
    mistakes=THREE_LAYERS,
    hints=[
        "How many outputs does the layer have in all? There are six maps of 24 rows of 24.",
        "How many numbers does a single output see, in each of the three layers? "
        "It has a weight for each of them, and a bias.",
        "Dense: 6 · 24 · 24 outputs with 28 · 28 weights and a bias each.",
    ],
)
def three_layers():
    """Parameters of LeNet's conv1 as a dense layer, as a local layer, and as it is."""
    return 6 * 24 * 24 * (28 * 28 + 1), 6 * 24 * 24 * (5 * 5 + 1), 6 * (5 * 5 + 1)


# --- 4.12 ---------------------------------------------------------------------------------------
@exercise(
    "4.12",
    "Two networks on a budget",
    minutes=6,
    kind="value",
    observe=budget_runs.observe_runs,
    demands=budget_runs.demands_of_runs,
    parts=("for goal 1", "for goal 2"),
    mistakes=budget_runs.RUNS,
    page=budget_runs.CATALOGUE,
    exempt={"shifted": "a hundredth more reaches the goals as well"},
    hints=[
        "Goal 1: the dense layer holds most parameters. "
        "What would make fewer numbers arrive there?",
        "Goal 2: the first convolution works at 32 × 32 places. How could it work at fewer?",
        "Stride 2 and a pool in the first convolution; then one more convolution and a pool.",
    ],
)
def on_budget():
    """Two of `board.runs`: one that reaches goal 1, and one that reaches goal 2."""
    return (
        {
            "convolutions": [[8, 3, 1, 1, 2, 2], [12, 3, 1, 1, 2, 2], [16, 3, 1, 1, 2, 2]],
            "dense": [],
            "head": "flatten",
            "bias": True,
            "parameters": 5_414,
            "multiply_adds": 555_520,
            "accuracy": 85.8,
            "checksum": "300318df",
        },
        {
            "convolutions": [[7, 3, 2, 1, 2, 2], [20, 3, 1, 1, 2, 2]],
            "dense": [],
            "head": "flatten",
            "bias": True,
            "parameters": 4_686,
            "multiply_adds": 132_224,
            "accuracy": 78.5,
            "checksum": "c4ab77b3",
        },
    )
