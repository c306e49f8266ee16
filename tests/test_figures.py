"""The figures' twins in Python against PyTorch, and what their traits refuse."""

import json
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts import evaluate, run_node

from course_utils.figures import HERE, STYLE, Figure, Numbers, all_figures, join_modules
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


def modules_of(script):
    """The names of a module and of all that it imports, each after what it needs."""
    names = re.findall(r'from "\./(\w+)\.mjs";', script.read_text("utf-8"))
    needed = [name for module in names for name in modules_of(script.with_name(f"{module}.mjs"))]
    return [*dict.fromkeys([*needed, script.stem])]


def test_scripts_all_belong_to_figures():
    used = {name for figure in all_figures() for name in modules_of(figure.script_path())}
    assert used == {path.stem for path in HERE.glob("*.mjs")}
    assert {KernelScrubber, PixelPicker} <= set(all_figures())


@EVERY
def test_script_is_its_modules_joined(figure, tmp_path):
    joined = figure.example()._esm
    assert not re.search(r"^import\b", joined, re.MULTILINE)
    for name in modules_of(figure.script_path()):
        text = (HERE / f"{name}.mjs").read_text("utf-8")
        for defined in re.findall(r"^(?:export )?(?:function|class) \w+", text, re.MULTILINE):
            definition = rf"^{defined.removeprefix('export ')}\b"
            assert len(re.findall(definition, joined, re.MULTILINE)) == 1
    module = tmp_path / "joined.mjs"
    module.write_text(joined, encoding="utf-8")
    code = f"import joined from {json.dumps(module.as_uri())}; console.log(typeof joined.render);"
    assert run_node(code) == "function\n"


@EVERY
def test_style_is_shared_and_own(figure):
    own = figure.script_path().with_suffix(".css")
    assert figure.example()._css == STYLE + (own.read_text("utf-8") if own.exists() else "")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('import { a as b } from "./other.mjs";', "renames what it imports from other.mjs"),
        ('import * as other from "./other.mjs";', "cannot be joined: import"),
        ('import other from "./other.mjs";', "cannot be joined: import"),
        ('import { a } from "https://example.org/other.mjs";', "cannot be joined: import"),
        ('export { a } from "./other.mjs";', "cannot be joined: export"),
    ],
)
def test_join_modules_refuses_other_imports(tmp_path, line, message):
    script = tmp_path / "script.mjs"
    script.write_text(f"{line}\nexport default 1;\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        join_modules(script)


@EVERY
def test_numbers_are_plain_json(figure):
    numbers = figure.example().numbers()
    assert json.loads(json.dumps(numbers)) == numbers
    assert numbers


@EVERY
def test_set_refuses_unknown_name_atomically(figure):
    example = figure.example()
    before = example.get_state()
    name = next(key for key, value in before.items() if type(value) in (int, float))
    with pytest.raises(traitlets.TraitError, match="has no kolumn"):
        example.set(**{name: before[name] + 1, "kolumn": 1})
    assert example.get_state() == before


def test_figure_without_script_is_refused():
    with pytest.raises(FileNotFoundError):
        type("Bare", (Figure,), {"__module__": __name__})


def test_numbers_trait_takes_tensors_arrays_lists():
    class Box(traitlets.HasTraits):
        values = Numbers(axes=2)

    for values in (torch.tensor([[1.0, 2.5]]), np.array([[1.0, 2.5]]), ((1, 2.5),)):
        stored = Box(values=values).values
        assert stored == [[1, 2.5]]
        assert [type(value) for value in stored[0]] == [int, float]


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
def test_feature_map_equals_conv2d(geometry):
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


def test_lecture_example_feature_map():
    figure = filled(KernelScrubber.example())
    assert figure.numbers()["feature_map"] == [[-3, -4, 14], [-1, 4, 6], [-5, 4, -3]]
    filled(figure).set(stride=2)
    assert filled(figure).numbers()["feature_map"] == [[-3, 14], [-5, -3]]


def test_feature_map_fills_in_when_visited():
    figure = KernelScrubber(LECTURE)
    assert figure.numbers()["feature_map"] == [[-3, None, None], [None] * 3, [None] * 3]
    figure.row = 2
    assert figure.numbers()["feature_map"] == [[-3, None, None], [None] * 3, [-5, None, None]]
    figure.kernel = PRESETS["blur"]  # another question: begin again
    assert figure.numbers()["feature_map"] == [[None, None], [18, None]]
    assert (figure.row, figure.column, figure.visited) == (1, 0, [2])


def test_photograph_omits_feature_map():
    image = torch.arange(PHOTO * 3).reshape(3, PHOTO)
    numbers = KernelScrubber(image, PRESETS["identity"]).numbers()
    assert numbers["feature_map"] is None
    assert numbers["sum"] == PHOTO + 1
    assert KernelScrubber(image[:, 1:], PRESETS["identity"]).numbers()["feature_map"] is not None


def test_photo_size_equals_browsers():
    assert evaluate("convolution", "script.PHOTO", None) == PHOTO


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"kernel": [[1, 2], [3]]}, "kernel is not rectangular: lengths 2 and 1"),
        ({"kernel": []}, "kernel must have 2 axes of numbers"),
        ({"kernel": [1, 2]}, "must have 2 axes of numbers, got 1"),
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
def test_scrubber_refuses_invalid_traits(traits, message):
    figure = KernelScrubber(LECTURE, column=1)
    before = figure.get_state()
    with pytest.raises(traitlets.TraitError, match=message):
        figure.set(**traits)
    assert figure.get_state() == before
    with pytest.raises(traitlets.TraitError, match=message):
        KernelScrubber(**{"image": LECTURE} | traits)


def test_set_checks_traits_together():
    figure = KernelScrubber(LECTURE)
    figure.set(kernel=torch.ones(5, 5), padding=1)
    assert figure.numbers()["output_size"] == [2, 2]


# ------------------------------------------------------------------------------------- pixel picker


@given(
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=30, deadline=None)
def test_index_finds_value_in_flat_vector(size, seed):
    image = torch.randint(0, 256, (3, *size), generator=torch.Generator().manual_seed(seed))
    flat, flat_hwc = image.flatten(), image.permute(1, 2, 0).flatten()
    figure = PixelPicker(image)
    places = set()
    for channel, row, column in np.ndindex(*image.shape):
        figure.set(channel=channel, row=row, column=column)
        numbers = figure.numbers()
        assert numbers["value"] == image[channel, row, column]
        assert numbers["value"] == flat[numbers["index_nchw"]]
        assert numbers["value"] == flat_hwc[numbers["index_hwc"]]
        assert numbers["planes"] == image[:, row, column].tolist()
        places.add((numbers["index_nchw"], numbers["index_hwc"]))
    assert len(places) == image.numel()


def test_strides_equal_cifar_batch_strides():
    numbers = PixelPicker(torch.zeros(3, 32, 32, dtype=torch.uint8), 2, 31, 31).numbers()
    assert numbers["strides_nchw"] == list(torch.zeros(8, 3, 32, 32).stride())
    assert numbers["strides_hwc"] == list(torch.zeros(32, 32, 3).stride())
    assert numbers["index_nchw"] == 3 * 32 * 32 - 1


def test_float_image_scales_to_integers():
    image = torch.full((3, 2, 2), 93 / 255)
    numbers = PixelPicker(image).numbers()
    assert numbers["value"] == 93
    assert numbers["scaled"] == pytest.approx(0.3647, abs=5e-5)


@pytest.mark.parametrize(
    ("image", "position", "message"),
    [
        (
            torch.zeros(1, 4, 4, dtype=torch.uint8),
            {},
            r"must have shape \(3, H, W\), got \(1, 4, 4\)",
        ),
        (torch.zeros(4, 4, 3, dtype=torch.uint8), {}, r"got \(4, 4, 3\)"),
        (torch.zeros(4, 4, dtype=torch.uint8), {}, "image must have 3 axes of numbers, got 0"),
        (torch.full((3, 2, 2), 256), {}, "whole numbers from 0 to 255"),
        (torch.full((3, 2, 2), 1.5), {}, "whole numbers from 0 to 255"),
        (torch.zeros(3, 2, 4), {"row": 2}, "row 2 lies outside 0 to 1"),
        (torch.zeros(3, 2, 4), {"column": 4}, "column 4 lies outside 0 to 3"),
        (torch.zeros(3, 2, 4), {"channel": 3}, "channel 3 lies outside 0 to 2"),
        (torch.zeros(3, 2, 4), {"row": -1}, "row -1 lies outside"),
    ],
)
def test_picker_refuses_invalid_image(image, position, message):
    with pytest.raises(traitlets.TraitError, match=message):
        PixelPicker(image, **position)


def test_smaller_image_clamps_pixel():
    figure = PixelPicker(torch.zeros(3, 8, 8, dtype=torch.uint8), row=7, column=7)
    figure.image = torch.zeros(3, 4, 5, dtype=torch.uint8)
    assert (figure.row, figure.column) == (3, 4)
