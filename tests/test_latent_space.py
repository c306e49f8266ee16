"""The latent space: its twin against PyTorch and scikit-learn, its script against the twin."""

import numpy as np
import pytest
import torch
import traitlets
from scripts import numbers_in_javascript
from sklearn.decomposition import PCA
from torch import nn

from course_utils.datasets import load, shapes
from course_utils.figures import Figure
from course_utils.figures.latent_space import DIRECTIONS, LatentSpace, principal_directions
from course_utils.figures.network import unpack_tensor

IMAGES = shapes.make_shapes(train=12, test=1).train_images
DIGITS = load("digits").train_images[:20]
# Both sides compute in double precision from the same float32 weights and codes, whatever these
# are. They differ by the order of their sums: at most 512 products of at most 100 each, rounded to
# 1e-16 of it, divided by spreads of 0.5 or more, make less than 1e-11.
ROUNDING = 1e-11
STATE = set(LatentSpace.class_trait_names(sync=True)) - set(Figure.class_trait_names())


def dense(code: int = 10) -> nn.Module:
    """Build a small untrained autoencoder of scanned digits, with a normalising first layer."""
    torch.manual_seed(1)
    model = nn.Module()
    model.encoder = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(64, code))
    model.decoder = nn.Sequential(
        nn.Linear(code, 30), nn.Tanh(), nn.Linear(30, 64), nn.Sigmoid(), nn.Unflatten(1, (1, 8, 8))
    )
    return model


class Remembered(LatentSpace):
    """The example, with its model at hand."""

    _esm = LatentSpace._esm

    def __init__(self, model, images, **traits):
        super().__init__(model, images, **traits)
        self.model = model


@pytest.fixture(scope="module")
def example():
    """Return the example with its model, shared by the tests that put it back."""
    return Remembered.example()


@pytest.fixture
def figure(example):
    """Return the example in its first state."""
    example.set(a=0, b=1, blend=0, horizontal=1, vertical=2, amounts=[0.0] * DIRECTIONS)
    return example


def by_torch(figure, code):
    """Decode by the model itself, in its own single precision."""
    with torch.no_grad():
        return figure.model.decoder(code.float().reshape(1, *figure.code_shape))[0]


def codes_by_torch(figure):
    with torch.no_grad():
        return figure.model.encoder(IMAGES / 255).flatten(1)


# ------------------------------------------------------------------------------------------- codes


def test_blend_ends_are_image_codes(figure):
    codes = codes_by_torch(figure)
    for blend, image in ((0, 3), (100, 7)):
        figure.set(a=3, b=7, blend=blend)
        torch.testing.assert_close(figure.code().float(), codes[image])
        pixels = by_torch(figure, codes[image])
        errors = (pixels - IMAGES[[3, 7]] / 255).square().mean((1, 2, 3)).sqrt()
        numbers = figure.numbers()
        where = [8 * torch.tensor(place) for place in ((1, 2), (3, 1), (2, 3), (1, 1))]
        expected = torch.stack([pixels[:, i, j] for i, j in where])
        torch.testing.assert_close(torch.tensor(numbers["pixels"]), expected, atol=1e-5, rtol=0)
        assert numbers["mean"] == pytest.approx(pixels.mean((1, 2)).tolist(), abs=1e-5)
        assert numbers["apart"] == pytest.approx(errors[blend // 100].item(), abs=1e-5)
        assert numbers["errors"][blend // 100] == pytest.approx(numbers["apart"], abs=1e-9)
        assert numbers["length"] == pytest.approx(codes[image].norm().item(), rel=1e-5)


def test_blend_interpolates_codes_not_pixels(figure):
    codes = codes_by_torch(figure)
    figure.set(a=2, b=5, blend=25)
    torch.testing.assert_close(figure.code().float(), 0.75 * codes[2] + 0.25 * codes[5])
    pixels = 0.75 * IMAGES[2] / 255 + 0.25 * IMAGES[5] / 255
    decoded = by_torch(figure, figure.code())
    expected = (decoded - pixels).square().mean().sqrt().item()
    assert figure.numbers()["apart"] == pytest.approx(expected, abs=1e-5)


def test_directions_equal_sklearn_pca(figure):
    codes = codes_by_torch(figure).double()
    pca = PCA(DIRECTIONS).fit(codes.numpy())
    directions = unpack_tensor(figure.directions)
    products = directions.numpy() @ pca.components_.T
    np.testing.assert_allclose(abs(products), np.eye(DIRECTIONS), atol=1e-5)
    np.testing.assert_allclose(figure.spreads, pca.explained_variance_**0.5, rtol=1e-5)
    np.testing.assert_allclose(figure.shares, pca.explained_variance_ratio_, rtol=1e-5)
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    assert (largest > 0).all()


def test_amounts_move_places_by_deviations(figure):
    figure.set(a=4, b=8, blend=60)
    before = figure.numbers()["places"]
    figure.set(amounts=[0, 1.5, 0, 0, -2.25, 0])
    moved = np.array(figure.numbers()["places"]) - before
    assert moved == pytest.approx([0, 1.5, 0, 0, -2.25, 0], abs=1e-5)


def test_image_places_are_standardised(figure):
    places = []
    for image in range(len(IMAGES)):
        figure.set(a=image)
        places.append(figure.numbers()["places"])
    assert np.mean(places, axis=0) == pytest.approx([0] * DIRECTIONS, abs=1e-5)
    assert np.std(places, axis=0, ddof=1) == pytest.approx([1] * DIRECTIONS, abs=1e-5)


def test_few_images_have_fewer_directions():
    figure = LatentSpace(dense(), DIGITS[:4])
    assert len(figure.spreads) == len(figure.amounts) == 3
    assert sum(figure.shares) == pytest.approx(1)
    directions, spreads, _ = principal_directions(torch.eye(9)[:, :4])
    assert len(directions) == len(spreads) == 4


# ------------------------------------------------------------------------------ script and refusals


@pytest.mark.parametrize("figure_of", [LatentSpace.example, lambda: LatentSpace(dense(), DIGITS)])
def test_browser_numbers_equal_twin(figure_of):
    figure = figure_of()
    states, expected = [], []
    for changes in (
        {},
        {"a": 5, "b": 2, "blend": 100},
        {"blend": 37, "horizontal": 3, "amounts": [1.5, -2, 0.25, 4, -4, 0.05]},
        {"a": 11, "b": 11, "vertical": 6},
    ):
        figure.set(**changes)
        state = figure.get_state()
        states.append({name: state[name] for name in STATE})
        expected.append(figure.numbers())
    for ours, twin in zip(numbers_in_javascript(LatentSpace, states), expected, strict=True):
        assert ours.keys() == twin.keys()
        for name, value in twin.items():
            np.testing.assert_allclose(
                ours[name], value, rtol=ROUNDING, atol=ROUNDING, err_msg=name
            )


def test_model_is_not_modified():
    model = dense().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    LatentSpace(model, DIGITS)
    assert model.encoder.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_uint8_and_float_images_agree():
    bytes_, floats = (LatentSpace(dense(), images) for images in (DIGITS, DIGITS / 255))
    assert bytes_.images == floats.images
    assert bytes_.codes == floats.codes


def test_example_model_has_workshop_sizes(figure):
    counts = [sum(p.numel() for p in part.parameters()) for part in figure.model.children()]
    assert counts == [10_680, 10_651]
    assert figure.code_shape == [32, 4, 4]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (DIGITS[:2], r"N from 3 to 100, got \(2, 1, 8, 8\)"),
        (DIGITS[0], r"got \(1, 8, 8\)"),
        (DIGITS.expand(-1, 2, -1, -1), r"\(N, 1 or 3, H, W\)"),
        (torch.full((3, 1, 8, 8), 1.5), "floats in"),
        (torch.full((3, 1, 8, 8), -1), "bytes or floats"),
        (DIGITS[:1].expand(4, -1, -1, -1), "fewer than two directions"),
    ],
)
def test_invalid_images_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        LatentSpace(dense(), images)


def test_unsupported_decoder_is_refused():
    model = dense()
    model.decoder.append(nn.Softplus())
    with pytest.raises(ValueError, match="cannot run Softplus"):
        LatentSpace(model, DIGITS)


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"a": 12}, "a 12 lies outside the images 0 to 11"),
        ({"b": -1}, "b -1 lies outside the images"),
        ({"blend": 101}, "blend"),
        ({"horizontal": 2}, "both axes of the map would be direction 2"),
        ({"vertical": 7}, "vertical 7 is none of the directions 1 to 6"),
        ({"horizontal": 0}, "horizontal 0 is none"),
        ({"amounts": [0.0] * 5}, "amounts must have 6 numbers, got 5"),
        ({"amounts": [4.5] + [0.0] * 5}, "amounts"),
        ({"spreads": [1.0]}, "spreads"),
    ],
)
def test_invalid_traits_are_refused(figure, traits, message):
    before = figure.get_state()
    with pytest.raises(traitlets.TraitError, match=message):
        figure.set(**traits)
    assert figure.get_state() == before


def test_map_axes_can_be_swapped(figure):
    figure.set(horizontal=2, vertical=1)
    assert (figure.horizontal, figure.vertical) == (2, 1)
