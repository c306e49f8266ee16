"""The sharing ladder: its networks, its twin, its recorded runs, and what the workbook says."""

import json

import pytest
import torch
import traitlets
from scripts import evaluate, numbers_in_javascript, same
from torch import nn

from course_utils.exercises import classification as ex
from course_utils.figures import ladder_runs
from course_utils.figures.sharing_ladder import (
    CHECKPOINTS,
    PIXELS,
    PLACES,
    RECORDED,
    SharingLadder,
    count_parameters,
)
from course_utils.models.ladder import RUNGS, LocalConv2d, ladder_network
from course_utils.workbooks import select_workbooks

NAMES = [*SharingLadder.class_own_traits(sync=True)]
EVERY_RUNG = pytest.mark.parametrize("rung", range(len(RUNGS)))
PLAIN, SHUFFLED = (
    {name: order[rung][-1] for rung, name in enumerate(RUNGS)} for order in RECORDED["accuracies"]
)


def state_of(figure):
    return {name: getattr(figure, name) for name in NAMES}


# Networks -----------------------------------------------------------------------------------------


def test_local_layer_with_one_kernel_is_convolution():
    torch.manual_seed(0)
    conv, local = nn.Conv2d(3, 5, 3, padding=1), LocalConv2d(3, 5, 3, size=8)
    with torch.no_grad():
        local.weight.copy_(conv.weight.flatten(1).expand_as(local.weight))
        local.bias.copy_(conv.bias[:, None].expand_as(local.bias))
        x = torch.randn(4, 3, 8, 8)
        assert torch.allclose(local(x), conv(x), atol=1e-5)
        local.weight[11] = 0  # of row 1, column 3 alone
        assert ((local(x) - conv(x)).abs() > 1e-4).any(1).nonzero()[:, 1:].unique(
            dim=0
        ).tolist() == [[1, 3]]


@EVERY_RUNG
def test_parameters_equal_network(rung):
    layers = [
        sum(p.numel() for p in layer.parameters())
        for layer in ladder_network(rung)
        if any(True for _ in layer.parameters())
    ]
    assert count_parameters(rung) == layers


def test_rungs_have_as_many_units():
    shapes = set()
    for rung in range(len(RUNGS)):
        x, seen = torch.zeros(1, 3, 16, 16), []
        for layer in ladder_network(rung):
            x = layer(x)
            seen += [tuple(x.shape)] if isinstance(layer, nn.ReLU) else []
        shapes.add(tuple(seen))
    assert shapes == {((1, 8, 16, 16), (1, 16, 8, 8))}


# Twin and script ----------------------------------------------------------------------------------


def test_browser_computes_the_same():
    figures = [
        SharingLadder(rung=rung, pixels=pixels, checkpoint=at % len(CHECKPOINTS), unit=at % PLACES)
        for at, (rung, pixels) in enumerate((r, p) for r in range(4) for p in PIXELS)
    ]
    shown = numbers_in_javascript(SharingLadder, [state_of(figure) for figure in figures])
    for figure, numbers in zip(figures, shown, strict=True):
        assert same(numbers, figure.numbers(), SharingLadder.tolerance)


def test_links_follow_from_layers():
    for unit in (0, 4, 8):
        dense, local, shared = (
            SharingLadder(rung=rung, unit=unit).numbers()["links"][0] for rung in (0, 1, 3)
        )
        assert len(dense) == PLACES
        assert [place for place, _ in local] == [place for place, _ in shared]
        assert len(local) == (3 if unit == 4 else 2)
    weights = [
        {weight for unit in range(PLACES) for _, weight in
         SharingLadder(rung=rung, unit=unit).numbers()["links"][0]}
        for rung in (0, 1, 3)
    ]  # fmt: skip
    assert [len(names) for names in weights] == [81, 25, 3]


def test_bars_appear_as_rungs_are_visited():
    figure = SharingLadder()
    assert [bar is None for bar in figure.numbers()["bars"]] == [False, True, True, True]
    figure.set(rung=2)
    assert [bar is None for bar in figure.numbers()["bars"]] == [False, True, False, True]
    figure.set(pixels="shuffled")
    assert [bar is None for bar in figure.numbers()["bars"]] == [True, True, False, True]


def test_summary_says_what_is_seen():
    figure = SharingLadder(rung=3)
    words = evaluate(
        "sharing_ladder",
        "script.figure.summary(inputs, script.figure.numbers(inputs))",
        state_of(figure),
    )
    assert "all shared, pixels as they are: 3,962 parameters; after 24 epochs" in words
    assert f"{PLAIN['all shared'][1]:.0f} % of the test images" in words


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"rung": 4}, "rung"),
        ({"pixels": "mirrored"}, "pixels"),
        ({"checkpoint": len(CHECKPOINTS)}, "checkpoint"),
        ({"unit": PLACES}, "unit"),
        ({"visited": [8]}, "visited 8 is no rung"),
        ({"accuracies": [[[[0]]]]}, "read-only"),
    ],
)
def test_ladder_refuses_invalid_traits(traits, message):
    with pytest.raises(traitlets.TraitError, match=message):
        SharingLadder(**traits)


# What was recorded, and what the workbook says of it ----------------------------------------------


@pytest.mark.weekly
@pytest.mark.training
def test_recorded_accuracy_is_reproduced():
    train, test = ladder_runs.climb(3, PIXELS[0], seed=0)[-1]
    assert train == pytest.approx(PLAIN["all shared"][0], abs=5)
    assert test == pytest.approx(PLAIN["all shared"][1], abs=6)


def test_every_rung_learns_its_training_images():
    assert min(train for train, _ in PLAIN.values()) > 95


def test_sharing_brings_gain_in_test_accuracy():
    dense, local, first, shared = (test for _, test in PLAIN.values())
    assert abs(local - dense) < 5
    assert first - local > 10
    assert shared >= first - 1
    assert ex.what_pays.answer == "b"


def test_shuffled_ladder_gains_nothing():
    dense, *others = (test for _, test in SHUFFLED.values())
    assert max(others) < dense + 3
    assert SHUFFLED["all shared"][1] < PLAIN["all shared"][1] - 20


def test_dense_rung_does_not_notice_shuffle():
    assert SHUFFLED["dense"][1] == pytest.approx(PLAIN["dense"][1], abs=4)


def test_workbook_opens_on_the_lowest_rung():
    """The other bars are hidden, so that the step can be predicted."""
    cells = json.loads(select_workbooks(["05"], further=False)[0].read_text("utf-8"))["cells"]
    (source,) = ("".join(cell["source"]) for cell in cells if cell["id"] == "sharing-ladder")
    figure = eval(source.splitlines()[-1], {"SharingLadder": SharingLadder})
    assert figure.rung == 0
    assert [bar is None for bar in figure.numbers()["bars"]] == [False, True, True, True]
