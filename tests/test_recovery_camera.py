"""The recovery camera: its twin against other solvers, and its script against the twin."""

import numpy as np
import pytest
import torch
import traitlets
from scipy.fft import dctn
from scripts import numbers_in_javascript
from sklearn.linear_model import Lasso

from course_utils.datasets import photograph
from course_utils.figures import recovery_camera
from course_utils.figures.recovery_camera import (
    LEVELS,
    PATTERNS,
    PRIORS,
    STRENGTHS,
    RecoveryCamera,
    dct_matrix,
    hash_numbers,
    psnr,
    shrink_dct,
    shrink_haar,
)

NONE, DCT, HAAR, VARIATION = PRIORS
SMALL = photograph(size=16, gray=True)
STATE = ("image", "prior", "pattern", "sampled", "strength", "noise", "seed")


def picture(side: int) -> np.ndarray:
    return np.random.default_rng(side).normal(100, 40, (side, side))


# -------------------------------------------------------------------------------------- the camera


@pytest.mark.parametrize("pattern", PATTERNS)
def test_larger_share_extends_mask(pattern):
    camera = RecoveryCamera(SMALL, pattern=pattern, seed=3)
    before = np.zeros((16, 16))
    for sampled in range(1, 100):
        camera.sampled = sampled
        mask = camera.mask()
        assert (mask >= before).all()
        places = 16 if pattern == "whole rows" else 256
        assert mask.sum() == max(1, np.floor(sampled / 100 * places + 0.5)) * 256 / places
        before = mask


def test_patterns_sample_rows_or_pixels():
    camera = RecoveryCamera(SMALL, pattern="whole rows", sampled=50)
    assert sorted(camera.mask().sum(1)) == [0] * 8 + [16] * 8
    camera.pattern = "random pixels"
    assert 0 < camera.mask().sum(1).min() < camera.mask().sum(1).max() < 16


@pytest.mark.parametrize("side", [16, 64])
def test_even_grid_takes_every_fourth_pixel(side):
    camera = RecoveryCamera(photograph(size=side, gray=True), pattern="even grid", sampled=25)
    rows, columns = np.nonzero(camera.mask())
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == {
        (row, column) for row in range(0, side, 2) for column in range(0, side, 2)
    }
    camera.sampled = 50
    rows, columns = np.nonzero(camera.mask())
    assert len(rows) == side**2 / 2
    assert not ((rows + columns) % 2).any()  # as on a chessboard


def test_seed_changes_pattern_and_noise():
    first, second = (RecoveryCamera(SMALL, seed=seed, noise=20, sampled=99) for seed in (0, 1))
    both = (first.mask() * second.mask()) > 0
    assert 240 <= both.sum() < 256
    assert (first.measurements() != second.measurements())[both].all()


def test_hash_numbers_equals_murmurhash():
    assert hash_numbers(np.array([0, 1]), 0).tolist() == [0, 0x514E28B7]
    spread = hash_numbers(np.arange(10_000), 5) / 2**32
    assert np.histogram(spread, 10, (0, 1))[0] == pytest.approx([1000] * 10, rel=0.1)


def test_noise_is_normal_where_measured():
    camera = RecoveryCamera(photograph(size=128, gray=True), sampled=60, noise=20)
    difference = camera.measurements() - np.array(camera.image) * camera.mask()
    assert (difference[camera.mask() == 0] == 0).all()
    noise = difference[camera.mask() == 1] / 20
    assert [np.mean(noise**power) for power in range(1, 5)] == pytest.approx([0, 1, 0, 3], abs=0.15)
    camera.noise = 0
    exact = np.array(camera.image) * camera.mask()
    assert (camera.measurements() == exact).all()


def test_no_prior_gives_minimum_norm():
    camera = RecoveryCamera(SMALL, prior=NONE, sampled=30)
    rows = np.diag(camera.mask().ravel())[camera.mask().ravel() > 0]
    values = (np.array(camera.image) * camera.mask())[camera.mask() > 0]
    smallest = np.linalg.lstsq(rows, values)[0].reshape(16, 16)
    np.testing.assert_allclose(camera.recovered(), smallest, atol=1e-9)
    numbers = camera.numbers()
    assert numbers["psnr"] == numbers["psnr_none"]
    assert numbers["measured"] == len(values)


# --------------------------------------------------------------------------------------- the priors


@pytest.mark.parametrize("side", [16, 64])
def test_dct_matrix_equals_scipy(side):
    values = dct_matrix(side) @ picture(side) @ dct_matrix(side).T
    np.testing.assert_allclose(values, dctn(picture(side), norm="ortho"), atol=1e-9)


@pytest.mark.parametrize("step", [0, 1, 7, 8, 29])
@pytest.mark.parametrize("shrink", [shrink_dct, shrink_haar])
def test_larger_threshold_shrinks_more(shrink, step):
    values = picture(32)
    np.testing.assert_allclose(shrink(values, step, 0)[0], values, atol=1e-9)
    _, largest = shrink(values, step, 1.0)
    assert shrink(values, step, 0.9 * largest)[0].std() > shrink(values, step, largest)[0].std()
    assert shrink(values, step, largest)[0].std() >= shrink(values, step, largest + 1)[0].std()


@pytest.mark.parametrize("step", [0, 1, 7, 8, 29])
def test_shrink_haar_keeps_block_means(step):
    values = picture(32)
    means = shrink_haar(values, step, np.inf)[0]
    shift = (5 * step % 8, (3 * step + step // 8) % 8)
    blocks = np.roll(means, shift, (0, 1)).reshape(4, 8, 4, 8)
    assert 2**LEVELS == 8
    assert np.ptp(blocks, axis=(1, 3)).max() < 1e-9
    assert means.mean() == pytest.approx(values.mean())


def test_shrink_haar_is_orthonormal():
    """A little off every coefficient takes as much energy as there are coefficients."""
    values, threshold = picture(32), 1e-6
    moved = (values - shrink_haar(values, 3, threshold)[0]) / threshold
    assert (moved**2).sum() == pytest.approx(32 * 32 - 4 * 4, rel=1e-3)


def test_dct_prior_equals_lasso():
    """The same problem by scikit-learn's coordinate descent, with the matrix written out."""
    camera = RecoveryCamera(SMALL, prior=DCT, sampled=60, strength=10)
    mask = camera.mask().ravel() > 0
    atoms = np.kron(dct_matrix(16), dct_matrix(16)).T[mask]
    values = np.array(camera.image, dtype=float).ravel()[mask]
    lasso = Lasso(alpha=10 / mask.sum(), fit_intercept=False, max_iter=100_000, tol=1e-8)
    coefficients = lasso.fit(atoms, values).coef_

    def cost(h):
        return 0.5 * ((atoms @ h - values) ** 2).sum() + 10 * np.abs(h).sum()

    ours = dctn(camera.recovered(), norm="ortho").ravel()
    assert cost(coefficients) <= cost(ours) <= 1.005 * cost(coefficients)
    assert cost(np.zeros(256)) > 2 * cost(coefficients)


@pytest.mark.parametrize(("strength", "noise"), [(1, 0), (10, 25), (50, 0)])
def test_total_variation_has_converged(monkeypatch, strength, noise):
    camera = RecoveryCamera(
        photograph(size=32, gray=True), prior=VARIATION, strength=strength, noise=noise, sampled=40
    )
    mask, values = camera.mask(), camera.measurements()

    def cost(x):
        down, across = np.zeros_like(x), np.zeros_like(x)
        down[:-1], across[:, :-1] = np.diff(x, axis=0), np.diff(x, axis=1)
        return 0.5 * (mask * (x - values) ** 2).sum() + strength * np.hypot(down, across).sum()

    shown = cost(camera.recovered())
    monkeypatch.setitem(recovery_camera.STEPS, VARIATION, 4000)
    settled = camera.recovered()
    assert cost(settled) <= shown <= 1.03 * cost(settled)
    nudges = np.random.default_rng(0).normal(0, 1, (20, 32, 32))
    assert all(cost(settled + nudge) > cost(settled) for nudge in nudges)


@pytest.mark.parametrize("seed", range(5))
def test_priors_gain_many_decibels(seed):
    camera = RecoveryCamera.example()
    gains = {}
    for prior in PRIORS:
        camera.set(prior=prior, seed=seed)
        numbers = camera.numbers()
        gains[prior] = numbers["psnr"] - numbers["psnr_none"]
    assert gains[NONE] == 0
    assert min(gains[DCT], gains[HAAR]) > 16
    assert gains[VARIATION] > max(gains[DCT], gains[HAAR]) + 1


@pytest.mark.parametrize("prior", PRIORS[1:])
def test_more_noise_needs_more_strength(prior):
    def best(noise):
        camera = RecoveryCamera.example()
        camera.set(prior=prior, sampled=50, noise=noise)
        return max(STRENGTHS, key=lambda s: (camera.set(strength=s), camera.numbers()["psnr"])[1])

    assert best(0) < best(25) <= best(50)


def test_whole_rows_recover_worse():
    camera = RecoveryCamera.example()
    for prior in PRIORS[1:]:
        camera.set(prior=prior, pattern="random pixels")
        random = camera.numbers()["psnr"]
        camera.pattern = "whole rows"
        assert camera.numbers()["psnr"] < random - 3


# --------------------------------------------------------------------------- script, form, refusals


@pytest.mark.parametrize("side", [16, 32, 64, 128])
def test_browser_numbers_equal_twin(side):
    camera = RecoveryCamera(photograph("flower", size=side, gray=True))
    states, expected = [], []
    for prior in PRIORS:
        for changes in (
            {},
            {"pattern": "whole rows", "sampled": 45},
            {"noise": 25, "strength": 20, "sampled": 57, "seed": 999},
            {"strength": 50, "sampled": 1},
            {"strength": 0.5, "sampled": 99, "noise": 50},
        ):
            start = {"pattern": PATTERNS[0], "sampled": 30, "strength": 1, "noise": 0, "seed": 0}
            camera.set(**{"prior": prior, **start, **changes})
            states.append({name: getattr(camera, name) for name in STATE})
            expected.append(camera.numbers())
    for ours, twins in zip(numbers_in_javascript(RecoveryCamera, states), expected, strict=True):
        assert ours == {name: pytest.approx(value, abs=1e-8) for name, value in twins.items()}


def test_psnr_of_known_differences():
    assert psnr(picture(16), picture(16)) == 100
    assert psnr(picture(16) + 25.5, picture(16)) == pytest.approx(20)


def test_image_formats_agree():
    expected = RecoveryCamera(SMALL).image
    assert expected == SMALL[0].tolist()
    for image in (SMALL[0], SMALL / 255, SMALL[0].numpy(), SMALL[0].tolist(), SMALL.float()):
        assert RecoveryCamera(image).image == expected


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"image": torch.zeros(48, 48)}, r"a side of 16, 32, 64 or 128 pixels, got \(48, 48\)"),
        ({"image": torch.zeros(16, 32)}, r"got \(16, 32\)"),
        ({"image": torch.full((16, 16), 256)}, "grey levels 0 to 255, got 256 to 256"),
        ({"image": torch.full((16, 16), -1)}, "got -1 to -1"),
        ({"image": torch.zeros(3)}, "image must have 2 axes of numbers"),
        ({"prior": "ridge"}, "prior"),
        ({"pattern": "spiral"}, "pattern"),
        ({"sampled": 0}, "sampled"),
        ({"sampled": 100}, "sampled"),
        ({"strength": 3}, "strength"),
        ({"noise": 51}, "noise"),
        ({"seed": -1}, "seed"),
    ],
)
def test_invalid_traits_are_refused(traits, message):
    camera = RecoveryCamera(SMALL)
    before = camera.get_state()
    with pytest.raises(traitlets.TraitError, match=message):
        camera.set(**traits)
    assert camera.get_state() == before
    with pytest.raises(traitlets.TraitError, match=message):
        RecoveryCamera(**{"image": SMALL} | traits)


def test_colour_image_is_refused():
    with pytest.raises(traitlets.TraitError, match="is not a number"):
        RecoveryCamera(torch.zeros(3, 16, 16))
