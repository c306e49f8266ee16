"""Every operator against its adjoint, and against what it is said to measure."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import fft

from course_utils.sensing import operators
from course_utils.sensing.masks import kspace_mask, random_mask
from course_utils.sensing.operators import (
    DCT,
    Fourier,
    Gaussian,
    Gradient,
    KSpace,
    Matrix,
    Operator,
    Radon,
    Restriction,
    SubsampledDCT,
    Wavelet,
)

LINES = kspace_mask((16, 12), 0.4)
OPERATORS = {
    "random pixels": Restriction((6, 8), 0.4, seed=1),
    "given pixels": Restriction((6, 8), torch.eye(6, 8) > 0),
    "samples of a signal": Restriction(20, 0.5),
    "a matrix": Matrix(torch.arange(12.0).reshape(3, 4) % 5),
    "gaussian": Gaussian(5, 9),
    "a gaussian each": Gaussian(5, 9, batch=(3,)),
    "subsampled dct of a signal": SubsampledDCT(11, 0.5),
    "subsampled dct": SubsampledDCT((4, 6), 0.5),
    "k-space": KSpace(LINES),
    "tomography": Radon(9, range(0, 180, 20)),
    "dct": DCT((5, 7)),
    "wavelet": Wavelet((16, 24)),
    "slopes": Gradient((5, 7)),
    "haar": Wavelet((8, 16), "haar", 2),
    "fourier": Fourier((5, 8)),
    "adjoint": Radon(9, (0, 30)).H,
    "pixels of dct": Restriction((6, 8), 0.4) @ DCT((6, 8)).H,
    "k-space of wavelets": KSpace(LINES) @ Wavelet((16, 12), "haar", 2).H,
    "some slopes": Restriction((2, 5, 7), 0.5) @ Gradient((5, 7)),
    "rays of dct": Radon(9, (0, 30, 70)) @ DCT((9, 9)).H,
}
COMPLEX = {"k-space", "fourier", "k-space of wavelets"}

every = pytest.mark.parametrize("name", OPERATORS)


def random_pair(name):
    """An operator and three random x and y, complex where the measurements are."""
    operator, generator = OPERATORS[name], torch.Generator().manual_seed(3)
    dtype = torch.complex128 if name in COMPLEX else torch.float64
    return operator, *(
        torch.randn(3, *shape, dtype=dtype, generator=generator)
        for shape in (operator.shape_in, operator.shape_out)
    )


def dense(operator, dtype=torch.float64):
    """The operator's matrix: its answers to every unit vector."""
    count = math.prod(operator.shape_in)
    units = torch.eye(count, dtype=dtype).reshape(count, *operator.shape_in)
    return operator(units).reshape(count, -1).mT


@every
def test_adjoint_satisfies_dot_product(name):
    operator, x, y = random_pair(name)
    measured, back = operator(x), operator.adjoint(y)
    assert measured.shape == y.shape
    assert back.shape == x.shape
    left, right = (
        torch.vdot(measured.flatten(), y.flatten()),
        torch.vdot(x.flatten(), back.flatten()),
    )
    assert abs(left) > 1e-3
    assert torch.allclose(left, right, rtol=1e-10)


def test_wrong_adjoint_fails_dot_product():
    class Wrong(DCT):
        def _adjoint(self, y):
            return self._forward(y)

    x, y = torch.randn(2, 7, dtype=torch.float64)
    wrong = Wrong(7)
    assert not torch.allclose(wrong(x) @ y, x @ wrong.adjoint(y), rtol=1e-6)


@every
def test_batch_equals_single_measurements(name):
    operator, x, y = random_pair(name)
    if name == "a gaussian each":
        stacked, back = (
            torch.stack([Matrix(a)(v) for a, v in zip(operator.matrix, x, strict=True)]),
            torch.stack([Matrix(a).adjoint(v) for a, v in zip(operator.matrix, y, strict=True)]),
        )
    else:
        stacked, back = torch.stack([*map(operator, x)]), torch.stack([*map(operator.adjoint, y)])
    assert torch.allclose(operator(x), stacked)
    assert torch.allclose(operator.adjoint(y), back)
    if name != "a gaussian each":
        assert torch.allclose(operator(x[:, None])[:, 0], stacked)


@every
def test_norm_is_largest_singular_value(name):
    if name == "a gaussian each":
        values = torch.linalg.svdvals(OPERATORS[name].matrix.double())
    else:
        dtype = torch.complex128 if name in COMPLEX else torch.float64
        values = torch.linalg.svdvals(dense(OPERATORS[name], dtype))
    assert OPERATORS[name].norm == pytest.approx(values.max().item(), rel=1e-3)


@every
def test_tight_and_orthonormal_flags_hold(name):
    operator, x, y = random_pair(name)
    assert torch.allclose(operator(operator.adjoint(y)), y) == operator.tight
    assert torch.allclose(operator.adjoint(operator(x)), x) == operator.orthonormal


@every
def test_operators_keep_dtype(name):
    operator, x, y = random_pair(name)
    x, y = (v.to(torch.complex64 if v.is_complex() else torch.float32) for v in (x, y))
    assert operator(x).dtype == y.dtype
    assert operator.adjoint(y).dtype == x.dtype


def test_adjoint_of_adjoint_is_operator():
    assert OPERATORS["tomography"].H.H is OPERATORS["tomography"]
    assert OPERATORS["tomography"].H.norm == OPERATORS["tomography"].norm


def test_restriction_keeps_masked_pixels():
    pixels = Restriction((10, 10), 0.37, seed=5)
    image = torch.rand(10, 10)
    assert pixels.mask.sum() == 37 == pixels.shape_out[0]
    assert torch.equal(pixels(image), image[pixels.mask])
    assert torch.equal(pixels.adjoint(pixels(image)), image * pixels.mask)
    assert not torch.equal(pixels.mask, random_mask((10, 10), 0.37, seed=6))


def test_restriction_passes_gradients():
    image = torch.rand(4, 4, requires_grad=True)
    pixels = Restriction((4, 4), 0.5)
    pixels(image).sum().backward()
    assert torch.equal(image.grad, pixels.mask.float())


def test_dct_equals_scipy():
    image = torch.rand(6, 8, dtype=torch.float64)
    assert np.allclose(DCT((6, 8))(image), fft.dctn(image.numpy(), norm="ortho"))
    assert DCT((6, 8))(image)[0, 0].item() == pytest.approx(image.mean().item() * math.sqrt(48))


def test_wavelet_of_constant_fills_corner():
    coefficients = Wavelet((16, 16), "haar", 2)(torch.ones(16, 16, dtype=torch.float64))
    assert torch.allclose(coefficients[:4, :4], torch.full((4, 4), 4.0, dtype=torch.float64))
    assert coefficients.abs().sum() == pytest.approx(64)


def test_fourier_centres_the_mean():
    coefficients = Fourier((8, 6))(torch.ones(8, 6))
    assert coefficients[4, 3].real.item() == pytest.approx(math.sqrt(48))
    assert coefficients.abs().sum().item() == pytest.approx(math.sqrt(48), rel=1e-5)


def test_radon_sums_rows_and_columns():
    image = torch.rand(8, 8)
    across, along = Radon(8, (0, 90))(image)
    assert across.sum().item() == pytest.approx(image.sum().item(), rel=1e-5)
    assert torch.allclose(across[across > 1e-6], image.sum(0))
    assert torch.allclose(along[along > 1e-6].flip(0), image.sum(1), atol=1e-5)


def test_radon_of_disc_ignores_angle():
    away = torch.arange(32) - 15.5
    disc = (torch.hypot(away[:, None], away) < 10).float()
    shadows = Radon(32, range(0, 180, 15))(disc)
    assert shadows.sum(-1).std() < 1e-3
    assert (shadows - shadows.mean(0)).abs().max() < 4  # of a chord of 20 pixels


@pytest.mark.parametrize("pattern", ["lines", "points", "radial"])
def test_kspace_mask_takes_fraction(pattern):
    mask = kspace_mask((64, 48), 0.3, pattern, seed=2)
    assert mask.shape == (64, 48)
    assert mask.float().mean() == pytest.approx(0.3, abs=0.01)
    assert mask[32, 24]  # the middle
    assert mask[16:48, 12:36].float().mean() > 0.4
    if pattern == "lines":
        assert (mask.all(1) | ~mask.any(1)).all()
    assert kspace_mask((64, 48), 1.0, pattern).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Restriction((4, 4), 0), "got 0"),
        (lambda: Restriction((4, 4), 1.5), "got 1.5"),
        (lambda: Restriction((4, 4), float("nan")), "got nan"),
        (lambda: Restriction((4, 4), torch.ones(3, 4)), r"\(3, 4\)"),
        (lambda: Restriction((4, 4), torch.zeros(4, 4)), "empty"),
        (lambda: kspace_mask((8, 8), -0.1), "got -0.1"),
        (lambda: kspace_mask((8, 8), 0.3, "spiral"), "'spiral'"),
        (lambda: Gaussian(9, 5), "got 9"),
        (lambda: Wavelet((10, 16), "haar", 2), r"\(10, 16\)"),
        (lambda: Wavelet((8, 8), "db4", 3), "3 levels of db4"),
        (lambda: Wavelet((16, 16), "bior2.2"), "not orthogonal"),
        (lambda: Radon(8, ()), "angle"),
        (lambda: DCT((4, 4)) @ DCT((4, 5)), r"\(4, 5\)"),
        (lambda: DCT((4, 4))(torch.rand(4, 5)), r"DCT.forward .*\(4, 5\)"),
        (lambda: DCT((4, 4)).adjoint(torch.rand(4)), r"DCT.adjoint .*\(4,\)"),
        (lambda: DCT((4, 4))(torch.ones(4, 4, dtype=torch.uint8)), "uint8.*255"),
    ],
)
def test_bad_input_raises_value_error(wrong, said):
    with pytest.raises(ValueError, match=said):
        wrong()


def test_every_operator_has_example():
    kinds = {
        kind
        for kind in vars(operators).values()
        if isinstance(kind, type) and issubclass(kind, Operator) and kind is not Operator
    }
    assert kinds <= {type(operator) for operator in OPERATORS.values()}
    assert Radon in kinds


def test_operator_needs_forward_and_adjoint():
    class OneWay(operators.Operator):
        def _forward(self, x):
            return x

    with pytest.raises(TypeError, match="_adjoint"):
        OneWay(3, 3)
