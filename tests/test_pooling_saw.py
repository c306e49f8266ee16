"""The pooling saw: its arithmetic against PyTorch, its recording made again, its claims."""

from __future__ import annotations

import json

import pytest
import torch
import torch.nn.functional as F
import traitlets
from scripts import evaluate, numbers_in_javascript, same

from course_utils import datasets
from course_utils.figures import pooling_saw
from course_utils.figures.pooling_saw import HEADS, POOLS, RECORDED, SETTINGS, SHIFTS, PoolingSaw
from course_utils.workbooks import select_workbooks

NAMES = ["digit", "shift", "pool", "size", "head", "visited", *RECORDED]
CURVES = dict(zip(SETTINGS, RECORDED["accuracies"], strict=True))
EVERY_POOL = pytest.mark.parametrize(
    ("pool", "size"), [(pool, size) for pool in POOLS for size in pooling_saw.SIZES]
)


def maps_by_torch(figure: PoolingSaw) -> torch.Tensor:
    """(1, 1, H, W) the filter's map of the moved digit."""
    digit = torch.tensor(figure.digits[figure.digit], dtype=torch.float64)[None, None] / 255
    left, top = pooling_saw.LEFT + figure.shift, pooling_saw.TOP
    right, bottom = pooling_saw.WIDTH - left - 8, pooling_saw.HEIGHT - top - 8
    kernel = torch.tensor(figure.kernel, dtype=torch.float64)[None, None]
    answers = F.conv2d(F.pad(digit, (left, right, top, bottom)), kernel, padding=2)
    return F.relu(answers - pooling_saw.THRESHOLD)


@EVERY_POOL
def test_pooled_map_equals_torch(pool, size):
    for shift in (0, 1, 8):
        figure = PoolingSaw(digit=shift, shift=shift, pool=pool, size=size)
        expected = pooling_saw.pool_maps(maps_by_torch(figure), pool, int(size))[0, 0]
        numbers = figure.numbers()
        torch.testing.assert_close(torch.tensor(numbers["pooled"]).double(), expected)
        assert numbers["mean"] == pytest.approx(expected.mean().item())


def test_blur_weighs_like_its_kernel():
    """A mean taken twice is the blur 1 2 1; and so for a size of 4."""
    for size, line in ((2, [1, 2, 1]), (4, [1, 2, 3, 4, 3, 2, 1])):
        maps = torch.rand(1, 1, 8, 12, generator=torch.Generator().manual_seed(1))
        weights = torch.tensor(line, dtype=torch.float32) / size**2
        framed = F.pad(maps, (size - 1, 2 * size - 2) * 2)
        dense = F.max_pool2d(framed, size, 1)
        kernel = (weights[:, None] * weights)[None, None]
        expected = F.conv2d(dense, kernel, stride=size)[..., : 8 // size, : 12 // size]
        torch.testing.assert_close(pooling_saw.pool_maps(maps, "blur", size), expected)


def test_browser_computes_the_same():
    figures = [
        PoolingSaw(digit=shift, shift=shift, pool=pool, size=size, head=head)
        for (pool, size, head), shift in zip(SETTINGS, [0, 1, 2, 3, 5, 8] * 2, strict=True)
    ]
    shown = numbers_in_javascript(
        PoolingSaw, [{name: getattr(figure, name) for name in NAMES} for figure in figures]
    )
    for figure, numbers in zip(figures, shown, strict=True):
        assert same(numbers, figure.numbers(), PoolingSaw.tolerance)


@pytest.mark.parametrize(
    "setting",
    [
        ("max", "2", "global average"),
        ("max", "4", "global average"),
        ("blur", "2", "global average"),
        ("mean", "4", "flatten"),
    ],
)
@pytest.mark.training
def test_recorded_curve_is_reproduced(setting):
    pool, size, head = setting
    classes = pooling_saw.predictions(pool, int(size), head)
    labels = datasets.load("digits").test_labels[: pooling_saw.TESTED]
    shares = 100 * (classes == labels).float().mean(1)
    assert shares.tolist() == pytest.approx(CURVES[setting], abs=1.5)


def test_recorded_digits_and_kernel_are_the_data_sets():
    digits = datasets.load("digits")
    images, labels = digits.test_images[: pooling_saw.TESTED], digits.test_labels
    for digit, image in enumerate(RECORDED["digits"]):
        same_image = (images[:, 0] == torch.tensor(image)).all((1, 2))
        assert labels[int(same_image.nonzero()[0])] == digit
    kernel = torch.tensor(RECORDED["kernel"])
    assert torch.allclose(kernel, pooling_saw.choose_filters()[pooling_saw.SHOWN, 0], atol=6e-4)


# What the workbook says of the curves -------------------------------------------------------------


def test_period_of_max_pool_is_its_size():
    for size in ("2", "4"):
        curve = CURVES["max", size, "global average"]
        for shift in range(SHIFTS):
            assert (curve[shift] == curve[0]) == (shift % int(size) == 0)


def test_blur_and_mean_pools_lie_flat():
    for pool in ("mean", "blur"):
        for size in ("2", "4"):
            curve = CURVES[pool, size, "global average"]
            assert max(curve) - min(curve) < 0.6
            assert min(curve) > 92


def test_mean_does_best_on_thin_strokes():
    for size in ("2", "4"):
        others = CURVES["max", size, "global average"] + CURVES["blur", size, "global average"]
        assert min(CURVES["mean", size, "global average"]) > max(others)


def test_flatten_forgets_moved_digits():
    for pool in POOLS:
        for size in ("2", "4"):
            curve = CURVES[pool, size, "flatten"]
            assert curve[0] > 97
            assert max(curve[3:]) < 25


def test_blur_weighs_every_place_alike():
    """Wherever a value lies between the cuts, it gives the same to the sum of all outputs."""
    line = {2: [1, 2, 1], 4: [1, 2, 3, 4, 3, 2, 1]}
    for size, weights in line.items():
        shares = [sum(weights[start::size]) / size**2 for start in range(size)]
        assert shares == [1 / size] * size
        for place in range(12, 16):
            spot = torch.zeros(1, 1, 20, 32)
            spot[..., 10, place] = 1
            share = pooling_saw.pool_maps(spot, "blur", size).sum().item()
            assert share == pytest.approx(1)  # size² windows have the spot as their maximum


def test_figure_opens_on_a_misread_digit():
    """The workbook opens the figure one pixel away from where the digit is read correctly."""
    cells = json.loads(select_workbooks(["03"], further=False)[0].read_text("utf-8"))["cells"]
    (source,) = ("".join(cell["source"]) for cell in cells if cell["id"] == "pooling-saw")
    figure = eval(source.splitlines()[-1], {"PoolingSaw": PoolingSaw})
    assert figure.numbers() == PoolingSaw.example().numbers()
    before = PoolingSaw(digit=figure.digit, shift=0).numbers()
    numbers = figure.numbers()
    assert (figure.pool, figure.size, figure.head) == ("max", "2", "global average")
    assert before["answer"] == figure.digit != numbers["answer"]
    assert before["accuracy"] - numbers["accuracy"] > 20
    assert abs(numbers["change"]) > 5
    assert [at for at, value in enumerate(numbers["curve"]) if value is not None] == [0, 1]


def test_curve_fills_in_as_it_is_visited():
    figure = PoolingSaw(shift=1)
    figure.set(shift=3)
    seen = [at for at, value in enumerate(figure.numbers()["curve"]) if value is not None]
    assert seen == [0, 1, 3]
    figure.set(pool="blur")
    seen = [at for at, value in enumerate(figure.numbers()["curve"]) if value is not None]
    assert seen == [0, 3]


def test_summary_says_what_is_read():
    figure = PoolingSaw.example()
    state = {name: getattr(figure, name) for name in NAMES}
    words = evaluate(
        "pooling_saw", "script.figure.summary(inputs, script.figure.numbers(inputs))", state
    )
    assert f"this {figure.digit} is read as {figure.numbers()['answer']}, wrongly" in words
    assert "68 % of all test digits" in words


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"digit": 10}, "digit"),
        ({"shift": SHIFTS}, "shift"),
        ({"size": 2}, "size"),
        ({"head": HEADS}, "head"),
        ({"visited": [len(SETTINGS) * SHIFTS]}, "visited 108 lies outside the recorded curves"),
        ({"digits": [[[0]]]}, "read-only"),
    ],
)
def test_saw_refuses_invalid_traits(traits, message):
    with pytest.raises(traitlets.TraitError, match=message):
        PoolingSaw(**traits)
