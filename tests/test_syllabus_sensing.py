"""The worked numbers of workbook 08, recomputed by code that shares nothing with its own.

Some of them answer exercises and so cannot be stored as outputs; they are kept here, with what
each is taken for. Recoveries are held to thresholds, with a margin, over several masks.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy import fft, optimize
from sklearn.linear_model import Lasso, QuantileRegressor, Ridge, orthogonal_mp
from turns import daily_share

from course_utils import datasets
from course_utils.exercises import compressive as ex
from course_utils.figures.recovery_camera import PRIORS, RecoveryCamera
from course_utils.sensing.decoder import DeepDecoder, untrained_decoder
from course_utils.sensing.masks import kspace_mask
from course_utils.sensing.operators import DCT, KSpace, Restriction, Wavelet
from course_utils.sensing.solvers import (
    cycle_spin,
    fista,
    geometric_schedule,
    ista,
    psnr,
    total_variation,
)

M = np.array(
    [
        [4, 0, 0, -2, 0, 0],
        [0, 0, -1, 0, 3, 0],
        [0, 5, 0, 0, 0, 0],
        [1, 0, 0, -1, 0, -4],
        [1, 0, 0, 0, -5, 0],
    ]
)
X = np.array([2, 3, -2, -5, 1, 4])
B = np.array(
    [
        [3, -1, 2, -5, 4, 1],
        [4, 2, -3, -1, 1, 3],
        [-1, 5, 4, 2, -3, -2],
        [3, 1, 2, -3, 0, -3],
        [-5, 4, -2, 2, -5, -1],
    ]
)
H = np.array([0, 2, 0, 0, -3, 0])
Y = np.array([-14, 1, 19, 2, 23])


def rank(matrix) -> int:
    """Rank of a matrix of whole numbers, by exact elimination."""
    rows, found = [[Fraction(int(entry)) for entry in row] for row in matrix], 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(found, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        for i in range(found + 1, len(rows)):
            factor = rows[i][column] / rows[found][column]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[found], strict=True)]
        found += 1
    return found


def smallest_l1(matrix, y):
    """Basis pursuit by bounds t ≥ |x|, another programme than the workbook's."""
    m, n = matrix.shape
    bounds = np.block([[np.eye(n), -np.eye(n)], [-np.eye(n), -np.eye(n)]])
    solved = optimize.linprog(
        np.r_[np.zeros(n), np.ones(n)],
        A_ub=bounds,
        b_ub=np.zeros(2 * n),
        A_eq=np.hstack([matrix, np.zeros((m, n))]),
        b_eq=y,
        bounds=(None, None),
    )
    return solved.x[:n]


# (7.46) and (7.47) --------------------------------------------------------------------------------


def test_lecture_examples_and_sparsity():
    assert (M @ X).tolist() == [18, 5, 15, -9, -3]
    assert (B @ H == Y).all()
    assert [np.count_nonzero(part) for part in (M, X, B, H)] == [10, 6, 29, 2]


def test_rank_spark_and_coherence():
    assert (rank(B), rank(M)) == (5, 5)
    dependent = [
        len(c) for k in range(1, 7) for c in combinations(range(6), k) if rank(B[:, c]) < len(c)
    ]
    assert min(dependent) == 6 > 2 * 2
    lengths = np.sqrt((B**2).sum(0))
    pairs = [abs(B[:, i] @ B[:, j]) / lengths[i] / lengths[j] for i, j in combinations(range(6), 2)]
    assert round(max(pairs), 3) == 0.795
    assert 1 < (1 + 1 / max(pairs)) / 2 < 2
    assert round((1 + 1 / max(pairs)) / 2, 2) == 1.13


def test_l1_finds_sparse_code_l2_does_not():
    shortest = B.T @ np.linalg.solve((B @ B.T).astype(float), Y)
    assert np.allclose(B @ shortest, Y)
    assert round(abs(shortest).sum(), 2) == 6.07
    assert abs(shortest).min() > 0.2
    assert (shortest**2).sum() < 13 == (H**2).sum()
    found = smallest_l1(B, Y)
    assert np.allclose(found, H, atol=1e-7)
    assert abs(found).sum() == pytest.approx(5)


def test_omp_takes_two_steps():
    lengths = np.sqrt((B**2).sum(0))
    for atoms, misses in ((1, 8.98), (2, 0)):
        code = orthogonal_mp(B / lengths, Y.astype(float), n_nonzero_coefs=atoms) / lengths
        assert round(float(np.linalg.norm(B @ code - Y)), 2) == misses
    alone = [np.linalg.norm(Y - b * (b @ Y) / (b @ b)) for b in B.T.astype(float)]
    assert round(min(alone), 2) == 8.98  # no single column does better


def test_sparse_matrix_needs_sparse_unknowns():
    found = smallest_l1(M, M @ X)
    assert np.allclose(found, [4.5, 3, -0.5, 0, 1.5, 3.375], atol=1e-7)
    assert abs(found).sum() < abs(X).sum()


def test_how_many_rows_are_enough():
    hits = [
        sum(np.allclose(smallest_l1(B[list(r)], Y[list(r)]), H, atol=1e-6) for r in rows)
        for rows in (list(combinations(range(5), m)) for m in range(1, 6))
    ]
    assert hits == [0, 4, 9, 5, 1]
    assert [math.comb(5, m) for m in range(1, 6)] == [5, 10, 10, 5, 1]


def test_l1_minimum_is_at_kink():
    v = np.linalg.svd(B)[2][5]
    v = v * np.sign(v[0])
    assert np.allclose(B @ v, 0)
    t = np.linspace(-8, 8, 16_001)
    line = H + t[:, None] * v
    assert t[abs(line).sum(1).argmin()] == 0
    assert t[(line**2).sum(1).argmin()] == pytest.approx(-1.5, abs=0.02)
    assert sorted(round(-a / b, 1) for a, b in zip(H, v, strict=True) if a) == [-4.1, 5.7]


@pytest.mark.parametrize(("price", "budget"), [(1, 4.98), (10, 4.77), (100, 2.67)])
def test_penalty_equals_constraint(price, budget):
    lasso = Lasso(alpha=price / 5, fit_intercept=False, tol=1e-12, max_iter=10**6).fit(B, Y)
    assert round(abs(lasso.coef_).sum(), 2) == budget
    assert np.flatnonzero(abs(lasso.coef_) > 1e-6).tolist() == [1, 4]


# Lines, and pictures as codes ---------------------------------------------------------------------


def test_outliers_move_l2_line_only():
    random = np.random.default_rng(0)
    points = [(x, 3 + 0.2 * x + 0.1 * random.standard_normal()) for x in random.uniform(0, 10, 15)]
    slopes = []
    for extra in ([], [(2, 7), (9, 2)]):
        x, y = np.array(points + extra).T
        absolute = QuantileRegressor(quantile=0.5, alpha=0).fit(x[:, None], y)
        slopes.append((absolute.coef_[0], np.polyfit(x, y, 1)[0]))
    assert slopes[0] == pytest.approx((0.2, 0.2), abs=0.02)
    assert slopes[1][0] == pytest.approx(0.2, abs=0.02)
    assert slopes[1][1] < 0.12


def contrast(values) -> np.ndarray:
    """Share of the sum of squares that the largest numbers hold, from few to all."""
    squares = np.sort(np.ravel(values) ** 2)[::-1]
    return squares.cumsum() / squares.sum()


def test_only_ordered_photograph_is_compressible():
    photo = datasets.photograph("flower", size=128, gray=True)[0].double().numpy() / 255
    waves = fft.dctn(photo, norm="ortho")
    kept = np.where(abs(waves) >= np.quantile(abs(waves), 0.95), waves, 0)
    error = ((fft.idctn(kept, norm="ortho") - photo) ** 2).mean()
    assert round(-10 * math.log10(error), 1) == 27.7
    centred = photo - photo.mean()
    mixed = np.random.default_rng(1).permutation(centred.ravel()).reshape(photo.shape)
    at = round(0.05 * photo.size) - 1
    shares = [contrast(v)[at] for v in (fft.dctn(centred), centred, fft.dctn(mixed))]
    assert shares == pytest.approx([0.97, 0.19, 0.28], abs=0.01)


def test_large_photograph_matrix_size():
    assert round(0.3 * 512**2) * 512**2 * 4 / 1e9 == pytest.approx(82, abs=0.5)


# Exercises, and what each is taken for ------------------------------------------------------------


def test_least_norm_is_zero_filling():
    keep = np.eye(5)[[0, 2, 4]]
    assert np.allclose(np.linalg.pinv(keep) @ [7, 2, 6], ex.shortest_row.answer)
    blurry, mean = (7, 4.5, 2, 4, 6), (7, 5, 2, 5, 6)
    assert [(7 + 2) / 2, (2 + 6) / 2, (7 + 2 + 6) / 3] == [4.5, 4, 5]
    squares = [sum(n * n for n in row) for row in (ex.shortest_row.answer, blurry, mean)]
    assert squares[0] == 49 + 4 + 36 == min(squares)


def test_soft_threshold_minimises():
    x = torch.linspace(-5, 5, 100_001, dtype=torch.float64)
    for v in (-2.5, -0.4, 0.0, 0.7, 3.0):
        cost = (x - v) ** 2 / 2 + 0.8 * x.abs()
        expected = ex.soft_threshold.model(torch.tensor([v]), 0.8).item()
        assert x[cost.argmin()].item() == pytest.approx(expected, abs=1e-4)


def test_ista_reaches_lasso():
    random = np.random.default_rng(3)
    matrix, y = random.standard_normal((6, 9)), random.standard_normal(6)
    lasso = Lasso(alpha=0.3 / 6, fit_intercept=False, tol=1e-12, max_iter=10**6).fit(matrix, y)
    operator = ex.Matrix(torch.from_numpy(matrix))
    x = torch.zeros(9, dtype=torch.float64)
    for _ in range(5_000):
        x = ex.ista_step.model(x, torch.from_numpy(y), operator, 0.3, ex.soft_threshold.model)
    assert np.allclose(x, lasso.coef_, atol=1e-6)


def half_of_china():
    """(48, 48) photograph, its cosines as columns, a mask of half of it; for two masks."""
    tiny = datasets.photograph("china", size=48, gray=True)[0].double() / 255
    cosines = ex.cosine_pictures(48)
    for seed in (0, 1):
        half = torch.rand(tiny.numel(), generator=torch.Generator().manual_seed(seed)) < 0.5
        yield tiny.flatten(), cosines, half


def test_lost_intercept_costs_decibels():
    for tiny, cosines, half in half_of_china():
        as_met = ex.lasso_picture.start(cosines, half, tiny[half])
        repaired = ex.lasso_picture.model(cosines, half, tiny[half])
        assert psnr(as_met, tiny) < 5.5
        assert psnr(repaired, tiny) > 22
        assert psnr(repaired, tiny) - psnr(as_met, tiny) > 17
        assert abs(as_met.mean()) < 0.02 < tiny.mean()
        ridge = Ridge(alpha=0.01).fit(cosines[half], tiny[half])
        picture = cosines @ torch.from_numpy(ridge.coef_) + ridge.intercept_
        assert picture[~half].std() < 0.02
        assert picture[~half].mean().item() == pytest.approx(tiny[half].mean().item(), abs=0.02)
        assert psnr(picture, tiny) < 14


def test_noise_needs_larger_lambda():
    photo = datasets.photograph("flower", size=64, gray=True)[0].float() / 255
    cosine, tried = DCT(photo.shape), [0.01, 0.03, 0.1, 0.2, 0.4]
    for seed in (0, 1):
        pixels = Restriction(photo.shape, 0.3, seed=seed)
        noise = torch.randn(pixels.shape_out, generator=torch.Generator().manual_seed(seed))
        best = []
        for sigma in (0.01, 0.1, 0.2):
            noisy = pixels(photo) + sigma * noise
            codes = [
                fista(pixels @ cosine.H, noisy, geometric_schedule(1, lam, 60)) for lam in tried
            ]
            scores = [psnr(cosine.H(code), photo) for code in codes]
            best.append(tried[scores.index(max(scores))])
        assert best[0] < best[1] <= best[2]
        assert scores[0] < max(scores) - 2
    assert ex.noisier.answer == "d"


# Recoveries ---------------------------------------------------------------------------------------


def test_photograph_from_third_of_pixels():
    photo = datasets.photograph("flower", size=128, gray=True)[0].float() / 255
    mask = torch.rand(photo.shape, generator=torch.Generator().manual_seed(0)) < 0.3
    pixels, cosine = Restriction(photo.shape, mask), DCT(photo.shape)

    def score(solver, lams, steps=0):
        return psnr(cosine.H(solver(pixels @ cosine.H, pixels(photo), lams, steps)), photo)

    assert psnr(photo * mask, photo) < 11
    assert score(fista, geometric_schedule(1, 0.01, 50)) > 24.5
    assert score(fista, 0.01, 60) > 24.5
    assert score(ista, 0.01, 100) < 21
    assert score(ista, 0.01, 200) < score(fista, 0.01, 200)


@pytest.mark.parametrize("pattern", ["lines", "radial", "points"])
def test_slice_from_third_of_kspace(pattern):
    head = datasets.mr_slice()[0].float() / 215
    for seed in (0, 1):
        scanner = KSpace(kspace_mask(head.shape, 0.3, pattern, seed=seed))
        assert scanner.outer.mask.double().mean().item() == pytest.approx(0.3, abs=0.01)
        shrink = cycle_spin(Wavelet(head.shape, "db4"), seed=seed)

        def real(picture, threshold, shrink=shrink):
            return shrink(picture.real, threshold).to(picture.dtype)

        seen = scanner(head)
        found = fista(scanner, seen, geometric_schedule(0.1, 1e-3, 40), prox=real).real
        zero_filled = scanner.adjoint(seen).real
        assert psnr(found, head) > psnr(zero_filled, head) + 4
        if pattern == "points":
            assert psnr(zero_filled, head) > 35


@pytest.mark.parametrize("name", daily_share(["flower", "china"], 2))
@pytest.mark.training
def test_variation_and_decoder_lead_by_little(name):
    photo = datasets.photograph(name, size=64, gray=True)[0].float() / 255
    cosine, wavelet = DCT(photo.shape), Wavelet(photo.shape, "haar", levels=3)
    rows = []
    for seed in (0, 1):
        A = Restriction(photo.shape, 0.3, seed=seed)
        y, slow = A(photo), geometric_schedule(1, 1e-3, 40)
        haar = cycle_spin(wavelet, shifts=4, seed=seed)
        waves = cosine.H(fista(A @ cosine.H, y, geometric_schedule(1, 0.01, 60)))
        pictures = (
            fista(A, y, slow, prox=total_variation),
            untrained_decoder(A, y, 400, seed=seed),
            fista(A, y, geometric_schedule(1, 0.004, 40), prox=haar),
            waves,
        )
        rows.append([psnr(picture, photo) for picture in pictures])
    smooth, drawn, wavelets, waves = np.mean(rows, axis=0)
    assert min(smooth, drawn) > max(wavelets, waves) + 0.5
    assert max(smooth, drawn) < min(wavelets, waves) + 4.2
    weights = sum(p.numel() for p in DeepDecoder().parameters())
    assert weights == 853 < len(y) == 1_229 < photo.numel()


def test_missing_rows_cost_decibels():
    photo = datasets.photograph("flower", size=64, gray=True)
    for prior in PRIORS[1:]:
        scores = {
            pattern: RecoveryCamera(photo, prior=prior, pattern=pattern).numbers()["psnr"]
            for pattern in ("random pixels", "whole rows")
        }
        assert scores["whole rows"] < scores["random pixels"] - 5
