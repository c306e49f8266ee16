"""The figures' twins in Python against PyTorch, and what their traits refuse."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.figures import BASE, HERE, Figure, Numbers, all_figures
from course_utils.figures.kernel_scrubber import PHOTO, PRESETS, KernelScrubber
from course_utils.figures.pixel_picker import PixelPicker

LECTURE = [[2, 3, 5, 0], [1, 5, 7, -9], [-5, 2, 1, 1], [2, 0, -2, 4]]
EVERY = pytest.mark.parametrize("figure", all_figures(), ids=lambda figure: figure.__name__)


def filled(figure: KernelScrubber) -> KernelScrubber:
    """Visit every output."""
    rows, columns = figure.output_size
    figure.visited = list(range(rows * columns))
    return figure


# ------------------------------------------------------------------------------------- every figure


def test_every_script_belongs_to_a_figure_and_the_other_way_round():
    shared = {"base", "network"}
    assert all({*figure.pieces} <= shared for figure in all_figures())
    scripts = {path.stem for path in HERE.glob("*.mjs")} - shared
    assert scripts == {figure.__module__.rpartition(".")[2] for figure in all_figures()}
    assert {KernelScrubber, PixelPicker} <= set(all_figures())


@EVERY
def test_the_script_is_the_base_its_pieces_and_the_figures_own(figure):
    names = (*figure.pieces, figure.__module__.rpartition(".")[2])
    scripts = [(HERE / f"{name}.mjs").read_text(encoding="utf-8") for name in names]
    assert figure.example()._esm == "".join([BASE, *scripts])


@EVERY
def test_numbers_are_plain_json(figure):
    numbers = figure.example().numbers()
    assert json.loads(json.dumps(numbers)) == numbers
    assert numbers


@EVERY
def test_set_refuses_an_unknown_name_and_changes_nothing(figure):
    example = figure.example()
    before = example.get_state()
    name = next(key for key, value in before.items() if type(value) is int)
    with pytest.raises(traitlets.TraitError, match="has no kolumn"):
        example.set(**{name: before[name] + 1, "kolumn": 1})
    assert example.get_state() == before


def test_a_figure_without_a_script_is_refused():
    with pytest.raises(FileNotFoundError):
        type("Bare", (Figure,), {"__module__": __name__})


def test_numbers_take_tensors_arrays_and_lists():
    class Box(traitlets.HasTraits):
        values = Numbers(axes=2)

    for values in (torch.tensor([[1.0, 2.5]]), np.array([[1.0, 2.5]]), ((1, 2.5),)):
        kept = Box(values=values).values
        assert kept == [[1, 2.5]]
        assert [type(value) for value in kept[0]] == [int, float]


# ---------------------------------------------------------------------------------- kernel scrubber


@st.composite
def geometries(draw):
    """An image, a kernel that fits, stride, padding and dilation."""
    side, number = st.integers(1, 9), st.integers(-9, 9)
    (height, width), (tall, wide) = (
        draw(st.tuples(side, side)),
        draw(st.tuples(st.integers(1, 4), st.integers(1, 4))),
    )
    stride, padding, dilation = (draw(st.integers(low, 3)) for low in (1, 0, 1))
    fits = all(
        n + 2 * padding >= dilation * (k - 1) + 1 for n, k in ((height, tall), (width, wide))
    )
    image = draw(
        st.lists(st.lists(number, min_size=width, max_size=width), min_size=height, max_size=height)
    )
    kernel = draw(
        st.lists(st.lists(number, min_size=wide, max_size=wide), min_size=tall, max_size=tall)
    )
    return image, kernel, {"stride": stride, "padding": padding, "dilation": dilation}, fits


@settings(max_examples=150, deadline=None)
@given(geometries())
def test_the_feature_map_is_torchs(geometry):
    image, kernel, options, fits = geometry
    if not fits:
        with pytest.raises(traitlets.TraitError, match="does not fit"):
            KernelScrubber(image, kernel, **options)
        return
    figure = filled(KernelScrubber(image, kernel, **options))
    expected = F.conv2d(
        torch.tensor([[image]], dtype=torch.float64),
        torch.tensor([[kernel]], dtype=torch.float64),
        **options,
    )[0, 0]
    numbers = figure.numbers()
    assert numbers["feature_map"] == expected.tolist()
    assert numbers["output_size"] == list(expected.shape)
    rows, columns = figure.output_size
    figure.set(row=rows - 1, column=columns - 1)
    numbers = figure.numbers()
    products = torch.tensor(numbers["window"]) * torch.tensor(kernel)
    assert numbers["products"] == products.tolist()
    assert numbers["running"] == products.flatten().cumsum(0).tolist()
    assert numbers["sum"] == expected[-1, -1]


def test_the_lectures_example():
    figure = filled(KernelScrubber.example())
    assert figure.numbers()["feature_map"] == [[-3, -4, 14], [-1, 4, 6], [-5, 4, -3]]
    filled(figure).set(stride=2)
    assert filled(figure).numbers()["feature_map"] == [[-3, 14], [-5, -3]]


def test_the_feature_map_fills_in_as_it_is_visited():
    figure = KernelScrubber(LECTURE)
    assert figure.numbers()["feature_map"] == [[-3, None, None], [None] * 3, [None] * 3]
    figure.row = 2
    assert figure.numbers()["feature_map"] == [[-3, None, None], [None] * 3, [-5, None, None]]
    figure.kernel = PRESETS["blur"]  # another question: begin again
    assert figure.numbers()["feature_map"] == [[None, None], [18, None]]
    assert (figure.row, figure.column, figure.visited) == (1, 0, [2])


def test_photographs_keep_their_map_to_themselves():
    image = torch.arange(PHOTO * 3).reshape(3, PHOTO)
    numbers = KernelScrubber(image, PRESETS["identity"]).numbers()
    assert numbers["feature_map"] is None
    assert numbers["sum"] == PHOTO + 1
    assert KernelScrubber(image[:, 1:], PRESETS["identity"]).numbers()["feature_map"] is not None


def test_the_browser_draws_photographs_from_the_same_size_on():
    assert f"const PHOTO = {PHOTO};" in KernelScrubber.example()._esm


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"kernel": [[1, 2], [3]]}, "kernel is not rectangular: lengths 2 and 1"),
        ({"kernel": []}, "kernel wants 2 axes of numbers"),
        ({"kernel": [1, 2]}, "wants 2 axes of numbers; here is 1 instead"),
        ({"kernel": [["1"]]}, "'1' is not a number"),
        ({"kernel": [[True]]}, "True is not a number"),
        ({"kernel": [[float("nan")]]}, "nan is not finite"),
        ({"kernel": [[[1]]]}, r"\[1\] is not a number"),
        ({"kernel": torch.ones(5, 5)}, r"5 × 5 .* does not fit into 4 × 4 with padding 0"),
        ({"dilation": 4}, "dilation 4 does not fit"),
        ({"stride": 0}, "stride"),
        ({"padding": -1}, "padding"),
        ({"row": 3}, "row 3 lies outside the outputs 0 to 2"),
        ({"column": -1}, "column -1 lies outside"),
        ({"image": [[1]]}, "does not fit into 1 × 1"),
    ],
)
def test_the_scrubber_refuses(traits, message):
    figure = KernelScrubber(LECTURE, column=1)
    before = figure.get_state()
    with pytest.raises(traitlets.TraitError, match=message):
        figure.set(**traits)
    assert figure.get_state() == before
    with pytest.raises(traitlets.TraitError, match=message):
        KernelScrubber(**{"image": LECTURE} | traits)


def test_traits_that_only_fit_together_are_checked_together():
    figure = KernelScrubber(LECTURE)
    figure.set(kernel=torch.ones(5, 5), padding=1)
    assert figure.numbers()["output_size"] == [2, 2]


# ------------------------------------------------------------------------------------- pixel picker


@given(
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=30, deadline=None)
def test_the_index_finds_the_value_in_the_flat_vector(size, seed):
    image = torch.randint(0, 256, (3, *size), generator=torch.Generator().manual_seed(seed))
    flat, flat_hwc = image.flatten(), image.permute(1, 2, 0).flatten()
    figure = PixelPicker(image)
    seen = set()
    for channel, row, column in np.ndindex(*image.shape):
        figure.set(channel=channel, row=row, column=column)
        numbers = figure.numbers()
        assert numbers["value"] == image[channel, row, column]
        assert numbers["value"] == flat[numbers["index_nchw"]]
        assert numbers["value"] == flat_hwc[numbers["index_hwc"]]
        assert numbers["planes"] == image[:, row, column].tolist()
        seen.add((numbers["index_nchw"], numbers["index_hwc"]))
    assert len(seen) == image.numel()


def test_strides_are_those_of_a_batch_of_cifar_images():
    numbers = PixelPicker(torch.zeros(3, 32, 32, dtype=torch.uint8), 2, 31, 31).numbers()
    assert numbers["strides_nchw"] == list(torch.zeros(8, 3, 32, 32).stride())
    assert numbers["strides_hwc"] == list(torch.zeros(32, 32, 3).stride())
    assert numbers["index_nchw"] == 3 * 32 * 32 - 1


def test_float_images_are_scaled_to_whole_numbers():
    image = torch.full((3, 2, 2), 93 / 255)
    numbers = PixelPicker(image).numbers()
    assert numbers["value"] == 93
    assert numbers["scaled"] == pytest.approx(0.3647, abs=5e-5)


@pytest.mark.parametrize(
    ("image", "position", "message"),
    [
        (torch.zeros(1, 4, 4, dtype=torch.uint8), {}, r"wants shape \(3, H, W\), got \(1, 4, 4\)"),
        (torch.zeros(4, 4, 3, dtype=torch.uint8), {}, r"got \(4, 4, 3\)"),
        (torch.zeros(4, 4, dtype=torch.uint8), {}, "image wants 3 axes of numbers; here is 0"),
        (torch.full((3, 2, 2), 256), {}, "whole numbers from 0 to 255"),
        (torch.full((3, 2, 2), 1.5), {}, "whole numbers from 0 to 255"),
        (torch.zeros(3, 2, 4), {"row": 2}, "row 2 lies outside 0 to 1"),
        (torch.zeros(3, 2, 4), {"column": 4}, "column 4 lies outside 0 to 3"),
        (torch.zeros(3, 2, 4), {"channel": 3}, "channel 3 lies outside 0 to 2"),
        (torch.zeros(3, 2, 4), {"row": -1}, "row -1 lies outside"),
    ],
)
def test_the_picker_refuses(image, position, message):
    with pytest.raises(traitlets.TraitError, match=message):
        PixelPicker(image, **position)


def test_a_smaller_image_pulls_the_pixel_inside():
    figure = PixelPicker(torch.zeros(3, 8, 8, dtype=torch.uint8), row=7, column=7)
    figure.image = torch.zeros(3, 4, 5, dtype=torch.uint8)
    assert (figure.row, figure.column) == (3, 4)
