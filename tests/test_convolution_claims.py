"""What workbook 02 says in prose and by its figures, measured."""

from __future__ import annotations

import re

import nbformat
import pytest
import torch
import torch.nn.functional as F
from cell_runner import run_cell
from scripts import numbers_in_javascript, same
from test_further_parts import parts_of, path_of

from course_utils import datasets
from course_utils.figures import kernel_scrubber, paint_kernel
from course_utils.figures.kernel_scrubber import POINTERS, PRESETS, KernelScrubber
from course_utils.figures.paint_kernel import PaintKernel
from course_utils.workbooks import exercise_number, select_workbooks

CELLS = nbformat.read(select_workbooks(["02"], further=False)[0], as_version=4).cells
SOURCES = {cell.id: cell.source for cell in CELLS}
SOBEL = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
KERNEL = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]
IMAGE = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]


def correlate(image, kernel, **options):
    return F.conv2d(image[None, None], kernel[None, None], **options)[0, 0]


def namespace() -> dict:
    """What the cells of the workbook use."""
    names = {"torch": torch, "F": F, "datasets": datasets, "sobel": SOBEL, "slide": correlate}
    names |= {"kernel_scrubber": kernel_scrubber, "paint_kernel": paint_kernel}
    names["grey"] = datasets.photograph("china", size=(160, 240), gray=True).float() / 255
    return names


@pytest.fixture(scope="module")
def painted() -> PaintKernel:
    """Return the figure of the workbook, as it opens."""
    names = namespace()
    run_cell(SOURCES["wishes-on-the-photograph"], names)
    return eval(SOURCES["paint-kernel"], names)


def left_over(figure: PaintKernel, wish: list, size: int = 3) -> float:
    return PaintKernel(figure.image, painted=wish, size=size).numbers()["left_over"]


# ------------------------------------------------------------------------------ the painted kernel


def test_figure_opens_on_kernel_like_sobels(painted):
    numbers = painted.numbers()
    assert painted.painted == painted.examples["one kind of edge +, the other −"]
    assert numbers["counts"] == {"+": 40, "0": 40, "-": 40}
    assert round(100 * numbers["left_over"]) == 3
    image, kernel = torch.tensor(painted.image), torch.tensor(numbers["kernel"])
    assert (kernel[:, 0] < -0.2).all()
    assert (kernel[:, 2] > 0.7).all()
    maps = torch.stack([correlate(image, kernel).flatten(), correlate(image, SOBEL).flatten()])
    assert torch.corrcoef(maps)[0, 1] > 0.98


def test_both_kinds_of_edge_are_left_over(painted):
    wish = painted.examples["every upright edge +"]
    assert {mark[2] for mark in wish} == {0, 1}
    assert left_over(painted, wish) > 0.5
    assert left_over(painted, wish, 7) > 0.3


def test_roof_kernel_answers_lake_as_well(painted):
    wish = painted.examples["sky +, roof 0"]
    figure = PaintKernel(painted.image, painted=wish)
    numbers = figure.numbers()
    assert numbers["left_over"] < 0.1
    answers = correlate(torch.tensor(painted.image), torch.tensor(numbers["kernel"]), padding=1)
    means = {
        name: answers[area].mean()
        for name, area in {
            "sky": (slice(1, 12), slice(1, 9)),
            "roof": (slice(7, 11), slice(14, 24)),
            "lake": (slice(24, 29), slice(32, 52)),
        }.items()
    }
    assert means["lake"] > 0.7 * means["sky"]
    assert means["roof"] < 0.4 * means["lake"]


def test_third_is_left_over_for_lake(painted):
    wish = painted.examples["sky +, lake 0"]
    shares = [left_over(painted, wish, size) for size in (3, 5, 7)]
    assert shares[0] == pytest.approx(1 / 3, abs=0.04)
    assert shares[0] > shares[1] > shares[2] > 0.1


def extremes(scores: torch.Tensor, wish: int) -> list:
    """Paint the 40 largest scores of a 38 × 58 map of the 40 × 60 photograph."""
    places = scores.flatten().topk(40).indices.tolist()
    return [[at // 58 + 1, at % 58 + 1, wish] for at in places]


def test_other_wishes_can_be_fulfilled(painted):
    image = torch.tensor(painted.image)
    neighbours = correlate(image, torch.tensor([[-1.0] * 3, [-1, 8, -1], [-1] * 3]) / 8)
    inner = image[1:-1, 1:-1]
    wishes = {
        "a": painted.examples["one kind of edge +, the other −"],
        "b": extremes(inner, 1) + extremes(-inner, 0),
        "d": extremes(neighbours, 1) + extremes(-neighbours, -1) + extremes(-neighbours.abs(), 0),
    }
    for wish in wishes.values():
        assert left_over(painted, wish) < 0.06


@pytest.mark.parametrize("seed", range(5))
def test_negative_turns_sign_of_zero_sum_map(seed):
    draw = torch.Generator().manual_seed(seed)
    image = torch.rand(9, 11, generator=draw, dtype=torch.float64)
    kernel = torch.randn(5, 5, generator=draw, dtype=torch.float64)
    kernel -= kernel.mean()  # answers 0 where the picture is flat
    assert correlate(torch.ones(9, 11).double() * 0.3, kernel).abs().max() < 1e-12
    assert torch.allclose(correlate(1 - image, kernel), -correlate(image, kernel))


# ----------------------------------------------------------------------------- the kernel scrubber


def test_photograph_opens_on_strongest_edge():
    figure = eval(SOURCES["kernelscrubber-grey-0-2-2-tolist-kernel"], namespace())
    response = correlate(torch.tensor(figure.image), SOBEL)
    assert abs(figure.numbers()["sum"]) == pytest.approx(response.abs().max().item(), abs=1e-5)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
def test_links_equal_what_conv2d_touches(stride, padding, dilation):
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    figure = KernelScrubber(IMAGE, [[1, 2, 3], [4, 5, 6]], **options)
    ones = torch.ones(2, 3)
    for row in range(5):
        for column in range(5):
            figure.set(point_at="pixel", pixel_row=row, pixel_column=column)
            dot = torch.zeros(5, 5)
            dot[row, column] = 1
            reached = correlate(dot, ones, **options).nonzero().tolist()
            assert figure.numbers()["linked"]["outputs"] == reached
    for row in range(2):
        for column in range(3):
            figure.set(point_at="weight", weight_row=row, weight_column=column)
            image = torch.zeros(5, 5, requires_grad=True)
            weight = torch.zeros(2, 3)
            weight[row, column] = 1
            correlate(image, weight, **options).sum().backward()
            assert figure.numbers()["linked"]["pixels"] == image.grad.nonzero().tolist()


def test_browser_links_the_same():
    figures = [
        KernelScrubber(IMAGE, KERNEL, stride=s, padding=p, dilation=d, point_at=pointer,
                       weight_row=2, weight_column=1, pixel_row=3, pixel_column=4)
        for s, p, d in [(1, 0, 1), (2, 1, 1), (1, 2, 2)]
        for pointer in POINTERS
    ]  # fmt: skip
    names = list(KernelScrubber.class_own_traits(sync=True))
    shown = numbers_in_javascript(
        KernelScrubber, [{name: getattr(figure, name) for name in names} for figure in figures]
    )
    for figure, numbers in zip(figures, shown, strict=True):
        assert same(numbers, figure.numbers())


def test_only_padding_enlarges_the_map_of_the_figure():
    image, kernel = torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 3, 3)
    sides = {
        option: F.conv2d(image, kernel, **{option: value}).shape[2]
        for option, value in {"stride": 2, "padding": 1, "dilation": 2}.items()
    }
    assert sides == {"stride": 2, "padding": 5, "dilation": 1}  # 3 without any of them


def test_zeros_break_three_columns():
    tiles = (torch.arange(64.0) ** 2 % 11).reshape(1, 1, 8, 8)
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])[None, None]
    old, new = (F.conv2d(image, sobel, padding=1) for image in (tiles, tiles.roll(1, 3)))
    wrong = (new != old.roll(1, 3))[0, 0].sum(0)
    assert wrong.tolist() == [8, 8, 0, 0, 0, 0, 0, 8]


def test_weight_is_shared_by_all_windows():
    figure = KernelScrubber.example()
    rows, columns = figure.output_size
    for row in range(2):
        for column in range(2):
            figure.set(point_at="weight", weight_row=row, weight_column=column)
            assert len(figure.numbers()["linked"]["pixels"]) == rows * columns
    reached = []
    for place in ((0, 0), (1, 1), (2, 1), (3, 3)):
        figure.set(point_at="pixel", pixel_row=place[0], pixel_column=place[1])
        reached.append(len(figure.numbers()["linked"]["outputs"]))
    assert reached == [1, 4, 4, 1]


def test_zero_sum_kernels_leave_sky_near_zero():
    sky = (datasets.photograph("china", size=(160, 240), gray=True)[0] / 255)[::2, ::2][2:20, 80:]
    for name, kernel in PRESETS.items():
        weights = torch.tensor(kernel).float()
        answer = correlate(sky, weights).abs().mean()
        assert (answer < 0.1) == (weights.sum() == 0), name


# ------------------------------------------------------------------------------------------- prose


def test_flip_negates_only_some_kernels():
    difference = torch.tensor([[1, 0], [0, -1]])
    assert torch.equal(difference.flip(0, 1), -difference)
    kernel = torch.tensor(KERNEL)
    assert not torch.equal(kernel.flip(0, 1), -kernel)
    assert not torch.equal(kernel.flip(0, 1), kernel)


def test_one_pixel_reaches_six_sobel_outputs():
    dot = torch.zeros(9, 9)
    dot[4, 4] = 1
    assert (correlate(dot, SOBEL) != 0).sum() == 6


def test_gabor_weights_add_up_to_zero():
    names = namespace()
    run_cell(SOURCES["def-gabor-angle-wavelength-6-0-width-3-0"], names)
    for angle in (0.0, 0.7, 1.5, 2.3):
        assert names["gabor"](torch.tensor(angle)).sum().abs() < 1e-4


ANSWERS = {
    "2.1": r"-3, -4, 14|-1, 4, 6|-3, 14",
    "2.2": r"\b28\b",
    "2.3": r"all ones +scores 5|1, 1, 1",
    "2.4": r"8 +3 +2 \||32 +5 +1 \|",
}


@pytest.mark.parametrize("number", ANSWERS)
def test_no_output_tells_answer_unasked(number):
    """Between its check and the next exercise, or in any output at all where it is a whole map."""
    position = [exercise_number(cell, "check") for cell in CELLS].index(number) + 1
    behind = []
    for cell in CELLS[position:]:
        if exercise_number(cell) and number != "2.1":
            break
        behind += [output.text for output in cell.get("outputs", [])]
    assert behind
    assert [text for text in behind if re.search(ANSWERS[number], text)] == []


# ---------------------------------------------------------------------------------- further parts


def further_part(letter: str) -> dict:
    """The names that a part of further 02 leaves behind, without its pictures and its training."""
    opening, parts = parts_of(path_of("02"))
    names: dict = {}
    for source in [*opening, *parts[letter]]:
        if not source.startswith("# Draws") and "compare(start" not in source.partition("def ")[0]:
            run_cell(source, names)
    return names


@pytest.mark.training
def test_photograph_finds_kernel_later_than_noise():
    names = further_part("F")
    errors = {
        (name, steps): (names["learn"](image, steps)[0] - names["secret"]).abs().max()
        for name, image in names["inputs"].items()
        for steps in (100, 5000)
    }
    assert errors["noise", 100] < 1e-5
    assert errors["photograph", 100] > 0.3
    assert errors["photograph", 5000] < 1e-3


def test_zeros_and_far_side_make_edges():
    edges = further_part("J")["edges"]
    for picture in ("china", "flower"):
        photo = datasets.photograph(picture, size=(80, 120), gray=True).float() / 255
        rims = {
            mode: correlate(F.pad(photo[None], (1, 1, 1, 1), mode)[0, 0], SOBEL)[:, [0, -1]]
            for mode in edges
        }
        strength = {mode: rim.abs().mean() for mode, rim in rims.items()}
        inside = edges["reflect"][:, 1:-1].abs().mean()
        assert min(strength["constant"], strength["circular"]) > 1.5 * inside
        assert max(strength["replicate"], strength["reflect"]) < inside


@pytest.mark.weekly
@pytest.mark.training
@pytest.mark.parametrize("seed", [0, 1])
def test_cosines_are_a_head_start(seed, monkeypatch):
    monkeypatch.setenv("COURSE_DATASET", "shapes")
    names = further_part("G")
    shares = {
        (start, learning): names["compare"](start, learning, seed)
        for start in ("random", "cosines")
        for learning in (False, True)
    }
    early, late = ({key: pair[i] for key, pair in shares.items()} for i in (0, 1))
    assert min(early["cosines", False], early["cosines", True]) > early["random", True] + 0.05
    learned = [share for key, share in late.items() if key != ("random", False)]
    assert max(learned) - min(learned) < 0.07
    assert late["random", False] < min(learned) - 0.05
