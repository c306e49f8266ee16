"""The architecture builder's twin: the lectures' networks, PyTorch's sizes, and what it refuses."""

import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts import evaluate
from torch import nn

from course_utils import models
from course_utils.figures.architecture_builder import (
    HEADS,
    LIMITS,
    PRESETS,
    ArchitectureBuilder,
)
from course_utils.models import ledger

import torchvision  # isort: skip  (works once course_utils.models is there)


def counted(model):
    return sum(parameter.numel() for parameter in model.parameters())


COUNTS = {
    "LeNet variant": counted(models.lenet()),
    "MLPNet": counted(models.MLPNet()),
    "logistic regression, CIFAR-10": counted(nn.Linear(3072, 10)),
    "workshop convnet": counted(models.workshop_convnet()),
    "workshop MLP": counted(models.workshop_mlp()),
    "MEML model 1": counted(models.meml_mlp()),
    "MEML model 2": counted(models.meml_convnet()),
    "Keras model": counted(models.keras_convnet()),
    "9×9, dense": 1_820,
    "9×9, three filters, pooled": 767,
    "9×9, three filters, no pool": 5_087,
    "half the course's CNN": counted(models.course_convnet(width=8)),
    "AlexNet (torchvision)": 61_100_840,
    "AlexNet, global average": 2_726_696,
}


GRAY, COLOR = (1, 28, 28), (3, 32, 32)
LEDGERS = {  # with the bytes of activations that do not work in place
    "LeNet variant": (models.lenet(), GRAY, 0),
    "MLPNet": (models.MLPNet(), GRAY, 0),
    "workshop convnet": (models.workshop_convnet(), COLOR, 0),
    "workshop MLP": (models.workshop_mlp(), COLOR, 0),
    "MEML model 1": (models.meml_mlp(), GRAY, 4 * 100),  # its tanh
    "MEML model 2": (models.meml_convnet(), GRAY, 0),
    "Keras model": (models.keras_convnet(), GRAY, 0),
}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_lecture_parameter_counts(name):
    assert ArchitectureBuilder(name).numbers()["parameters"] == COUNTS[name]


def test_alexnet_equals_torchvision_ledger():
    with torch.device("meta"):
        costs = ledger(torchvision.models.alexnet(), (3, 224, 224))
    numbers = ArchitectureBuilder("AlexNet (torchvision)").numbers()
    assert numbers["multiply_adds"] == costs.multiply_adds
    assert numbers["rows"][numbers["most_parameters"]][0] == "dense1"
    assert numbers["rows"][numbers["most_multiply_adds"]][0] == "conv2"
    assert numbers["rows"][numbers["most_memory"]][0] == "conv1"
    assert costs.largest("memory").name == "features.0"
    assert costs.memory - numbers["memory"] == 4 * 256 * 6 * 6  # the average pool to 6×6


@pytest.mark.parametrize("name", LEDGERS)
def test_memory_equals_ledgers(name):
    model, shape, activation = LEDGERS[name]
    figure, costs = ArchitectureBuilder(name).numbers(), ledger(model, shape)
    assert costs.memory - activation == figure["memory"]
    assert costs.largest("memory").memory == figure["rows"][figure["most_memory"]][-1]


@st.composite
def architectures(draw):
    """Any state, whether its kernels fit or not."""
    convolutions = [
        [draw(st.integers(low, min(high, 6))) for low, high in LIMITS.values()]
        for _ in range(draw(st.integers(0, 3)))
    ]
    return {
        "size": draw(st.integers(1, 20)),
        "channels": draw(st.integers(1, 3)),
        "convolutions": convolutions,
        "dense": draw(st.lists(st.integers(1, 9), max_size=3)),
        "classes": draw(st.integers(1, 5)),
        "head": draw(st.sampled_from(HEADS)),
        "bias": draw(st.booleans()),
    }


def by_torch(state):
    """Parameters of the same network with lazy layers, which find their sizes themselves."""
    layers = []
    for filters, kernel, stride, padding, pool, pool_stride in state["convolutions"]:
        layers.append(nn.LazyConv2d(filters, kernel, stride, padding, bias=state["bias"]))
        layers += [nn.ReLU(), *([nn.MaxPool2d(pool, pool_stride)] if pool else [])]
    layers += [nn.AdaptiveAvgPool2d(1)] if state["head"] == "global average" else []
    layers.append(nn.Flatten())
    layers += [nn.LazyLinear(w, bias=state["bias"]) for w in [*state["dense"], state["classes"]]]
    model = nn.Sequential(*layers)
    model(torch.zeros(1, state["channels"], state["size"], state["size"]))
    return counted(model)


@settings(max_examples=60, deadline=None)
@given(architectures())
def test_parameters_equal_torch_or_refused(state):
    try:
        expected = by_torch(state)
    except RuntimeError:
        with pytest.raises(traitlets.TraitError, match="does not fit into"):
            ArchitectureBuilder(**state)
        return
    figure = ArchitectureBuilder(**state)
    numbers = figure.numbers()
    assert numbers["parameters"] == expected
    assert figure.last_row == len(numbers["rows"]) - 1
    assert numbers["memory"] == sum(row[-1] for row in numbers["rows"])
    figure.row = figure.last_row
    assert figure.numbers()["chosen"] == "scores"


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"size": 3}, "kernel of conv1, 5 × 5, does not fit into 3 × 3; add padding"),
        ({"convolutions": [[8, 5, 1, 0, 2, 2], [8, 5, 8, 0, 3, 2]]}, "pool2, 3 × 3, does not fit"),
        ({"convolutions": [[8, 5]]}, r"a convolution is \[filters, kernel.*got \[8, 5\]"),
        ({"convolutions": [[8, 5, 0, 0, 2, 2]]}, "stride 0 lies outside 1 to 8"),
        ({"convolutions": [[2000, 5, 1, 0, 2, 2]]}, "filters 2000 lies outside 1 to 1024"),
        ({"convolutions": [[8, 1, 1, 0, 0, 1]] * 7}, "convolutions"),
        ({"dense": [1, 2, 3, 4]}, "dense"),
        ({"head": "none"}, "head"),
        ({"classes": 0}, "classes"),
        ({"row": 8}, "row 8 lies outside 0 to 7"),
        ({"row": -1}, "row"),
        ({"row": 7, "size": 3}, "does not fit into 3 × 3"),
    ],
)
def test_invalid_traits_are_refused(traits, message):
    figure = ArchitectureBuilder(row=2)
    before = figure.get_state()
    with pytest.raises(traitlets.TraitError, match=message):
        figure.set(**traits)
    assert figure.get_state() == before


def test_unknown_architecture_is_refused():
    with pytest.raises(
        traitlets.TraitError, match="no architecture 'LeNet-5'; available: LeNet variant, MLPNet"
    ):
        ArchitectureBuilder("LeNet-5")


def test_fewer_layers_clamp_row():
    figure = ArchitectureBuilder(row=7)
    figure.dense = []
    assert (figure.row, figure.numbers()["chosen"]) == (6, "scores")


def test_convolution_limits_equal_browsers():
    knows = "[script.CONV, script.CONV_LIMITS, script.MAX_CONVOLUTIONS, script.MAX_DENSE]"
    names, limits, convolutions, dense = evaluate("architecture_ledger", knows, None)
    assert dict(zip(names, map(tuple, limits), strict=True)) == LIMITS
    traits = ArchitectureBuilder.class_traits()
    assert (convolutions, dense) == (traits["convolutions"]._maxlen, traits["dense"]._maxlen)
