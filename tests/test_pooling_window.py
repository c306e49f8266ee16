"""The pooling window's twin against PyTorch, and what its traits refuse."""

import pytest
import torch
import torch.nn.functional as F
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.figures.pooling_window import FIRST, SHARED, PoolingWindow

LECTURE = [[2, 3, 5, 0], [1, 5, 7, -9], [-5, 2, 1, 1], [2, 0, -2, 4]]


def everywhere(figure: PoolingWindow) -> PoolingWindow:
    """Let every output send its gradient."""
    rows, columns = figure.output_size
    figure.sent = [[i, j] for i in range(rows) for j in range(columns)]
    return figure


def by_torch(pool, ties, images, size, stride):
    """(1, H, W) -> (1, H', W') by functions whose gradients follow the figure's two rules."""
    if pool == "average":
        return F.avg_pool2d(images, size, stride)
    if pool == "L2":
        return F.lp_pool2d(images, 2, size, stride)
    if ties == FIRST:
        return F.max_pool2d(images, size, stride)
    return images.unfold(1, size, stride).unfold(2, size, stride).amax((3, 4))


@st.composite
def pools(draw):
    """An image with many ties, and a window that fits."""
    height, width = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    numbers = st.integers(-3, 3)
    line = st.lists(numbers, min_size=width, max_size=width)
    return draw(st.lists(line, min_size=height, max_size=height)), {
        "size": draw(st.integers(1, min(height, width, 6))),
        "stride": draw(st.integers(1, 4)),
        "pool": draw(st.sampled_from(["max", "average", "L2"])),
        "ties": draw(st.sampled_from([FIRST, SHARED])),
    }


@settings(max_examples=150, deadline=None)
@given(pools())
def test_output_and_gradient_equal_torch(pool):
    image, traits = pool
    numbers = everywhere(PoolingWindow(image, **traits)).numbers()
    leaf = torch.tensor([image], dtype=torch.float64, requires_grad=True)
    expected = by_torch(traits["pool"], traits["ties"], leaf, traits["size"], traits["stride"])
    expected.sum().backward()
    assert numbers["output_size"] == list(expected.shape[1:])
    torch.testing.assert_close(torch.tensor(numbers["output"]).double(), expected[0].detach())
    torch.testing.assert_close(torch.tensor(numbers["gradient"]).double(), leaf.grad[0])


def test_lecture_example_output_and_gradient():
    figure = everywhere(PoolingWindow.example())
    numbers = figure.numbers()
    assert numbers["output"] == [[5, 7, 7], [5, 7, 7], [2, 2, 4]]
    assert numbers["gradient"] == [[0, 0, 0, 0], [0, 2, 4, 0], [0, 2, 0, 0], [0, 0, 0, 1]]
    figure.ties = SHARED
    assert figure.numbers()["gradient"][2:] == [[0, 1.5, 0, 0], [0.5, 0, 0, 1]]


def test_tied_counts_shared_maximum():
    figure = PoolingWindow(LECTURE, row=2)
    numbers = figure.numbers()
    assert (numbers["window"], numbers["tied"]) == ([-5, 2, 2, 0], 2)
    assert numbers["share"] == [0, 1, 0, 0]
    figure.ties = SHARED
    assert figure.numbers()["share"] == [0, 0.5, 0.5, 0]
    figure.row = 0
    assert figure.numbers()["tied"] == 1


def test_larger_window_keeps_valid_outputs():
    figure = everywhere(PoolingWindow(LECTURE, row=2, column=2))
    figure.size = 3
    assert (figure.row, figure.column) == (1, 1)
    assert figure.sent == [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"size": 5}, "a window of 5 × 5 does not fit into 4 × 4"),
        ({"size": 0}, "size"),
        ({"stride": 0}, "stride"),
        ({"pool": "min"}, "pool"),
        ({"ties": "last"}, "ties"),
        ({"row": 3}, "row 3 lies outside the outputs 0 to 2"),
        ({"sent": [[0, 3]]}, r"\[0, 3\] is none of the 3 × 3 outputs"),
        ({"sent": [[0]]}, "sent"),
        ({"image": torch.ones(13, 4)}, "at most 12 × 12"),
        ({"image": [[1, 2], [3]]}, "not rectangular"),
    ],
)
def test_invalid_traits_are_refused(traits, message):
    figure = PoolingWindow(LECTURE)
    before = figure.get_state()
    with pytest.raises(traitlets.TraitError, match=message):
        figure.set(**traits)
    assert figure.get_state() == before
    with pytest.raises(traitlets.TraitError, match=message):
        PoolingWindow(**{"image": LECTURE} | traits)
