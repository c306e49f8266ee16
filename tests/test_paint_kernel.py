"""The painted kernel against torch.linalg.lstsq, in Python and in JavaScript."""

from __future__ import annotations

import random

import pytest
import torch
import torch.nn.functional as F
import traitlets
from scripts import evaluate, numbers_in_javascript, same

from course_utils.figures.paint_kernel import RIDGE, SIZES, WIDTHS, PaintKernel

NAMES = ["image", "examples", "painted", "brush", "width", "size", "row", "column"]


def drawn(seed: int, size: int) -> PaintKernel:
    """A picture of random numbers, painted at random places, edges and corners among them."""
    draw = random.Random(seed)
    height, width = draw.randint(3, 9), draw.randint(3, 9)
    image = [[draw.randint(0, 8) / 8 for _ in range(width)] for _ in range(height)]
    places = [(row, column) for row in range(height) for column in range(width)]
    painted = [
        [row, column, draw.choice([1, 0, -1])]
        for row, column in draw.sample(places, draw.randint(1, len(places)))
    ]
    return PaintKernel(image, painted=painted, size=size, row=draw.randrange(height))


def by_lstsq(figure: PaintKernel) -> torch.Tensor:
    """Least squares over the painted windows, with a row of √(λn) for every weight."""
    size = figure.size
    image = torch.tensor(figure.image, dtype=torch.float64)
    columns = F.unfold(image[None, None], size, padding=size // 2)[0].T
    places = [row * image.shape[1] + column for row, column, _ in figure.painted]
    wishes = torch.tensor([wish for *_, wish in figure.painted], dtype=torch.float64)
    ridge = (RIDGE * len(places)) ** 0.5 * torch.eye(size * size, dtype=torch.float64)
    system = torch.cat([columns[places], ridge])
    wanted = torch.cat([wishes, torch.zeros(size * size, dtype=torch.float64)])
    return torch.linalg.lstsq(system, wanted[:, None]).solution.reshape(size, size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(6))
def test_kernel_equals_lstsq(seed, size):
    figure = drawn(seed, size)
    kernel, numbers = by_lstsq(figure), figure.numbers()
    assert torch.allclose(torch.tensor(numbers["kernel"]).double(), kernel, atol=1e-6)
    image = torch.tensor([[figure.image]], dtype=torch.float64)
    answers = F.conv2d(image, kernel[None, None], padding=size // 2)[0, 0]
    assert numbers["answer"] == pytest.approx(answers[figure.row, figure.column].item(), abs=1e-6)
    assert numbers["lowest"] == pytest.approx(answers.min().item(), abs=1e-6)
    assert numbers["highest"] == pytest.approx(answers.max().item(), abs=1e-6)
    missed = sum((answers[row, column] - wish) ** 2 for row, column, wish in figure.painted)
    wanted = sum(wish**2 for *_, wish in figure.painted)
    assert numbers["left_over"] == (
        pytest.approx((missed / wanted).item(), abs=1e-6) if wanted else None
    )


def test_browser_computes_the_same():
    figures = [drawn(seed, size) for seed in range(6, 12) for size in SIZES]
    figures += [PaintKernel.example(), PaintKernel([[0.5, 1]], painted=[])]
    shown = numbers_in_javascript(
        PaintKernel, [{name: getattr(figure, name) for name in NAMES} for figure in figures]
    )
    for figure, numbers in zip(figures, shown, strict=True):
        assert same(numbers, figure.numbers(), PaintKernel.tolerance)


def test_nothing_painted_is_zero_kernel():
    numbers = PaintKernel([[0.2, 0.4], [0.6, 0.8]]).numbers()
    assert numbers["kernel"] == [[0.0] * 3] * 3
    assert (numbers["left_over"], numbers["lowest"], numbers["highest"]) == (None, 0, 0)


def pressed(figure: PaintKernel, *keys: str) -> dict:
    """The state after some keys, as the browser's script has it."""
    expression = """inputs.keys.reduce((state, key) => {
        const arrow = { ArrowDown: [1, 0], ArrowRight: [0, 1] }[key];
        const { figure } = script;
        const changes = arrow ? figure.move(state, ...arrow) : figure.keys[key](state);
        return base.normalize(figure, state, changes);
    }, inputs.state)"""
    state = {name: getattr(figure, name) for name in NAMES}
    return evaluate("paint_kernel", expression, {"state": state, "keys": keys})


@pytest.mark.parametrize("width", WIDTHS)
def test_keys_paint_under_the_brush(width):
    figure = PaintKernel([[0.5] * 8] * 7, width=width, row=0, column=6)
    state = pressed(figure, "ArrowRight", "-", " ")
    reach = width // 2
    expected = {(y, x, -1) for y in range(reach + 1) for x in range(7 - reach, 8)}
    assert {tuple(mark) for mark in state["painted"]} == expected
    assert (state["row"], state["column"]) == (0, 7)
    figure.set(**{name: state[name] for name in NAMES})  # Python takes what the browser painted


def test_later_brush_replaces_earlier():
    figure = PaintKernel([[0.5] * 5] * 5, width=3)
    state = pressed(figure, "Enter", "0", "ArrowDown", "Enter", "e", "ArrowDown", "Enter")
    signs = {(row, column): wish for row, column, wish in state["painted"]}
    assert [signs.get((row, 2)) for row in range(5)] == [None, 1, 0, None, None]


def test_one_kernel_cannot_answer_both_edges():
    figure = PaintKernel.example()
    assert figure.painted == next(iter(figure.examples.values()))
    numbers = figure.numbers()
    assert numbers["left_over"] < 0.05
    both = figure.examples["both sides +"]
    figure.set(painted=both)
    assert figure.numbers()["left_over"] > 0.4


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"painted": [[0, 0, 2]]}, "is not \\[row, column, 1, 0 or -1\\]"),
        ({"painted": [[0, 0]]}, "is not"),
        ({"painted": [[0, 3, 1]]}, "lies outside the image"),
        ({"painted": [[-1, 0, 1]]}, "lies outside the image"),
        ({"painted": [[0, 0, 1], [0, 0, 0]]}, "a pixel is painted twice"),
        ({"painted": [5]}, "is no list of"),
        ({"examples": {"all": [[9, 9, 1]]}}, "all: \\[9, 9, 1\\] lies outside"),
        ({"row": 2}, "row 2 lies outside 0 to 1"),
        ({"size": 4}, "size"),
        ({"brush": "x"}, "brush"),
    ],
)
def test_figure_refuses_invalid_traits(traits, message):
    with pytest.raises(traitlets.TraitError, match=message):
        PaintKernel([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], **traits)
