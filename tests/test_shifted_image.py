"""The shifted image's twin against PyTorch, its script against the twin, and what it refuses."""

import random

import pytest
import torch
import torch.nn.functional as F
import traitlets
from scripts import numbers_in_javascript, same
from torch import nn

from course_utils.figures.shifted_image import FILLS, ShiftedImage, map_stages, shift_image
from course_utils.models import Standardize, course_convnet, logistic_regression, named_sequential

IMAGES = torch.randint(0, 256, (4, 3, 32, 32), generator=torch.Generator().manual_seed(3)).byte()
LABELS, CLASSES = [1, 0, 2, 1], ["car", "cat", "ship"]


def models(batch_norm=False):
    """A linear model and a small CNN with random weights, standardising their input."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        linear = named_sequential(
            standardize=Standardize.like(IMAGES), net=logistic_regression(classes=3)
        )
        convnet = course_convnet(3, classes=3, batch_norm=batch_norm)
        with torch.no_grad():
            for values in convnet.buffers():
                if values.is_floating_point():
                    values.uniform_(0.5, 2)
        return {
            "linear": linear.eval(),
            "CNN": named_sequential(standardize=Standardize.like(IMAGES), net=convnet).eval(),
        }


def state_of(figure):
    return {name: getattr(figure, name) for name in ShiftedImage.class_own_traits(sync=True)}


def by_padding(image, dy, dx, fill):
    """(C, H, W) -> (C, H, W) shifted: a framed image, and the right window of it."""
    mode = {"edge": "replicate", "wrap": "circular", "black": "constant"}[fill]
    framed = F.pad(image[None].float(), [16] * 4, mode=mode)[0]
    return framed[:, 16 - dy : 48 - dy, 16 - dx : 48 - dx]


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("place", [(0, 0), (3, -5), (-16, 16), (1, 0)])
def test_shift_image_equals_pad_and_crop(fill, place):
    moved = shift_image(IMAGES[0], *place, fill)
    assert torch.equal(moved.float(), by_padding(IMAGES[0], *place, fill))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_probabilities_equal_models(batch_norm):
    both = models(batch_norm)
    figure = ShiftedImage(IMAGES, LABELS, CLASSES, both, image=2, dy=4, dx=-7, fill="wrap")
    x = by_padding(IMAGES[2], 4, -7, "wrap")[None] / 255
    for name, shares in figure.numbers()["probabilities"].items():
        expected = both[name](x)[0].softmax(0)
        torch.testing.assert_close(torch.tensor(shares), expected, rtol=1e-4, atol=1e-5)


def test_browser_numbers_equal_twin():
    figure = ShiftedImage(IMAGES, LABELS, CLASSES, models(batch_norm=True))
    choose, states, twins = random.Random(1), [], []
    for _ in range(30):
        figure.stage = choose.choice(["ReLU 1", "pool 1", "ReLU 2", "pool 2"])
        figure.set(
            image=choose.randrange(4),
            dy=choose.randint(-16, 16),
            dx=choose.randint(-16, 16),
            fill=choose.choice(FILLS),
            channel=choose.randrange(3),
            row=choose.choice([0, 3, 7]),
            column=choose.randrange(8),
            part=0 if figure.stage.startswith("pool") else choose.randrange(3),
        )
        states.append(state_of(figure))
        twins.append(figure.numbers())
    for shown, twin in zip(numbers_in_javascript(ShiftedImage, states), twins, strict=True):
        assert same(shown, twin, ShiftedImage.tolerance)


@pytest.mark.parametrize("stage", ["ReLU 1", "pool 1", "ReLU 2", "pool 2"])
def test_receptive_field_equals_gradient_support(stage):
    figure = ShiftedImage(IMAGES, LABELS, CLASSES, models(), stage=stage, row=4, column=3)
    kinds = {nn.ReLU: nn.Identity(), nn.MaxPool2d: nn.AvgPool2d(2)}  # let everything through
    layers = list(models()["CNN"].net)[: map_stages(figure._mapped_layers)[stage]]
    smooth = nn.Sequential(*(kinds.get(type(layer), layer) for layer in layers))
    x = (IMAGES[:1] / 255).requires_grad_()
    smooth(x)[0, 0, 4, 3].backward()
    rows, columns = x.grad[0].abs().sum(0).nonzero().unbind(1)
    top, left, bottom, right = figure.numbers()["unit"]["field"]
    assert [rows.min(), rows.max() + 1] == [max(top, 0), bottom]
    assert [columns.min(), columns.max() + 1] == [max(left, 0), right]


def test_unit_value_follows_from_parts():
    figure = ShiftedImage(IMAGES, LABELS, CLASSES, models(), dy=2)
    for stage in ("ReLU 1", "ReLU 2"):
        figure.set(stage=stage, channel=2, row=0, column=7, part=1)
        unit = figure.numbers()["unit"]
        assert unit["value"] == pytest.approx(max(0, sum(unit["sums"]) + unit["bias"]))
        window, weights = torch.tensor(unit["window"]), torch.tensor(unit["weights"])
        assert (window * weights).sum() == pytest.approx(unit["sums"][1])
        assert window[:2].eq(0).all()  # padding
    figure.set(stage="pool 1", part=0)
    unit = figure.numbers()["unit"]
    assert unit["value"] == max(map(max, unit["window"]))


def test_default_unit_is_largest():
    figure = ShiftedImage(IMAGES, LABELS, CLASSES, models())
    assert (
        figure.numbers()["unit"]["value"] == figure._shifted_outputs(figure._mapped_layers)[3].max()
    )
    assert ShiftedImage(IMAGES, LABELS, CLASSES, models(), row=2).row == 2


def test_relu_after_pool_is_left_out():
    net = nn.Sequential(
        nn.Conv2d(3, 2, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 15 * 15, 3)
    )
    figure = ShiftedImage(IMAGES, LABELS, CLASSES, {"net": net}, stage="pool 1")
    assert list(map_stages(figure.networks[0]["layers"])) == ["pool 1"]
    (shown,) = numbers_in_javascript(ShiftedImage, [state_of(figure)])
    assert same(shown, figure.numbers(), ShiftedImage.tolerance)


def test_smaller_layer_clamps_unit():
    figure = ShiftedImage(IMAGES, LABELS, CLASSES, models(), row=31, column=30, part=2)
    figure.stage = "pool 2"
    assert (figure.row, figure.column, figure.part) == (7, 7, 0)


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"image": 4}, "image 4 lies outside 0 to 3"),
        ({"dy": 17}, "dy 17 lies outside -16 to 16"),
        ({"dx": -17}, "dx -17 lies outside"),
        ({"fill": "mirror"}, "fill"),
        ({"stage": "pool 3"}, "'pool 3' is none of ReLU 1, pool 1, ReLU 2, pool 2"),
        ({"channel": 3}, "channel 3 lies outside ReLU 1's 0 to 2"),
        ({"row": 32}, "row 32 lies outside"),
        ({"part": -1}, "part -1 lies outside"),
    ],
)
def test_invalid_traits_are_refused(traits, message):
    figure = ShiftedImage(IMAGES, LABELS, CLASSES, models())
    before = figure.get_state()
    with pytest.raises(traitlets.TraitError, match=message):
        figure.set(**traits)
    assert figure.get_state() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": IMAGES.float()}, r"must be \(N, 1 or 3, H, W\) uint8, got torch.float32"),
        ({"images": IMAGES[0]}, r"of shape \(3, 32, 32\)"),
        ({"labels": [0, 1]}, r"4 images need as many labels from 0 to 2, got \[0, 1\]"),
        ({"labels": [0, 1, 2, 3]}, "labels from 0 to 2"),
        ({"classes": ["a", "b", "c", "d"]}, r"linear gives \(3,\), not 4 scores"),
        ({"images": IMAGES[..., :28]}, r"linear does not take \(3, 32, 28\) images"),
        ({"models": {"linear": logistic_regression(classes=3)}}, "there are no maps"),
        ({"models": {}}, "there are no maps"),
    ],
)
def test_mismatched_inputs_are_refused(arguments, message):
    own = {"images": IMAGES, "labels": LABELS, "classes": CLASSES, "models": models()}
    with pytest.raises(traitlets.TraitError, match=message):
        ShiftedImage(**own | arguments)
