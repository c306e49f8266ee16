"""Solvers against Goodfellow's example, scikit-learn, SciPy, cvxpy and what they minimise."""

from __future__ import annotations

import importlib.util
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from scipy.stats import norm
from sklearn.linear_model import Lasso, OrthogonalMatchingPursuit

from course_utils import datasets
from course_utils.sensing.decoder import DeepDecoder, untrained_decoder
from course_utils.sensing.masks import kspace_mask
from course_utils.sensing.operators import (
    DCT,
    Gaussian,
    KSpace,
    Matrix,
    Radon,
    Restriction,
    SubsampledDCT,
    Wavelet,
)
from course_utils.sensing.phase import donoho_tanner, is_recovered, sparse_signals
from course_utils.sensing.solvers import (
    admm,
    basis_pursuit,
    cycle_spin,
    douglas_rachford,
    fista,
    geometric_schedule,
    ista,
    omp,
    psnr,
    soft_threshold,
    total_variation,
)

B = torch.tensor(  # (7.47) of Goodfellow, Bengio and Courville, Deep Learning
    [
        [3, -1, 2, -5, 4, 1],
        [4, 2, -3, -1, 1, 3],
        [-1, 5, 4, 2, -3, -2],
        [3, 1, 2, -3, 0, -3],
        [-5, 4, -2, 2, -5, -1],
    ],
    dtype=torch.float64,
)
H = torch.tensor([0, 2, 0, 0, -3, 0], dtype=torch.float64)
Y = torch.tensor([-14, 1, 19, 2, 23], dtype=torch.float64)


def problem(m=20, n=50, k=4, count=6):
    """A Gaussian matrix, sparse signals and their measurements, in double precision."""
    operator = Matrix(Gaussian(m, n, seed=1).matrix.double())
    signals = sparse_signals(count, n, k, seed=2).double()
    return operator, signals, operator(signals)


def objective(operator, y, x, lam):
    return 0.5 * (operator(x) - y).square().sum(-1) + lam * x.abs().sum(-1)


# The lecture's example


def test_lecture_representation_gives_measurements():
    assert torch.equal(B @ H, Y)
    assert torch.linalg.matrix_rank(B) == 5
    unit = B / B.norm(dim=0)
    assert (unit.mT @ unit - torch.eye(6)).abs().max().item() == pytest.approx(0.795, abs=5e-4)
    for without in range(6):  # spark 6: any five columns are independent
        assert torch.linalg.matrix_rank(B[:, torch.arange(6) != without]) == 5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_basis_pursuit_finds_lecture_representation(dtype):
    matrix, y, h = B.to(dtype), Y.to(dtype), H.to(dtype)
    for solution in (
        basis_pursuit(matrix, y),
        omp(matrix, y, 2),
        omp(matrix, y, 5),
        douglas_rachford(Matrix(matrix), y, 500),
    ):
        assert solution.dtype == dtype
        assert torch.allclose(solution, h, atol=1e-5)
    assert basis_pursuit(matrix, y).abs().sum().item() == pytest.approx(5)


def test_least_norm_representation_is_dense():
    shortest = torch.linalg.pinv(B) @ Y
    assert (shortest.abs() > 0.2).all()
    assert shortest.abs().sum().item() == pytest.approx(6.07, abs=5e-3)
    assert torch.allclose(fista(Matrix(B), Y, 0, 5000), shortest, atol=1e-3)  # λ = 0, from 0


# Shrinking


def test_soft_threshold_keeps_phases():
    x = torch.tensor([-3.0, -0.5, 0, 0.5, 3])
    assert torch.equal(soft_threshold(x, 1), torch.tensor([-2.0, 0, 0, 0, 2]))
    shrunk = soft_threshold(torch.tensor([3 + 4j, 0.1j, 0]), 2.5)
    assert torch.allclose(shrunk, torch.tensor([1.5 + 2j, 0, 0]))


def test_geometric_schedule_has_constant_ratio():
    lam = geometric_schedule(1, 1e-3, 4)
    assert np.allclose(lam, [1, 0.1, 0.01, 0.001])


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.5])
def test_total_variation_minimises_its_objective(threshold, dtype):
    """No nearby image has a smaller ½‖x − image‖² + threshold·TV(x)."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(9, 7, dtype=dtype, generator=generator)

    def value(x):
        below = torch.diff(x, dim=0, append=x[-1:]).abs().square()
        right = torch.diff(x, dim=1, append=x[:, -1:]).abs().square()
        return 0.5 * (x - image).abs().square().sum() + threshold * (below + right).sqrt().sum()

    solution = total_variation(image, threshold, 1000)
    for _ in range(50):
        other = solution + 0.01 * torch.randn(9, 7, dtype=dtype, generator=generator)
        assert value(solution) < value(other)
    assert value(solution) <= value(total_variation(image, threshold, 10)) + 1e-12


def test_total_variation_batch_equals_single_images():
    images = torch.rand(3, 2, 8, 8, dtype=torch.float64)
    each = torch.stack([torch.stack([total_variation(i, 0.1) for i in pair]) for pair in images])
    assert torch.allclose(total_variation(images, 0.1), each)


# Lasso


@pytest.mark.parametrize(("solver", "iterations"), [(ista, 5000), (fista, 1000), (admm, 2000)])
def test_lasso_equals_scikit_learn(solver, iterations):
    operator, _, y = problem()
    lam = 0.05
    solutions = solver(operator, y, lam, iterations)
    for own, measured in zip(solutions, y, strict=True):
        theirs = Lasso(alpha=lam / len(measured), fit_intercept=False, tol=1e-12, max_iter=100_000)
        theirs.fit(operator.matrix, measured)
        assert np.allclose(own, theirs.coef_, atol=1e-6)


def test_ista_descends_slower_than_fista():
    operator, _, y = problem()
    values = [objective(operator, y, ista(operator, y, 0.05, n), 0.05) for n in range(0, 60, 5)]
    assert all((after <= before).all() for before, after in pairwise(values))
    assert (objective(operator, y, fista(operator, y, 0.05, 55), 0.05) < values[-1]).all()


@pytest.mark.parametrize("rho", [0.02, 0.1, 0.5])
def test_admm_result_ignores_rho(rho):
    operator, _, y = problem()
    assert torch.allclose(
        admm(operator, y, 0.05, 3000, rho=rho), fista(operator, y, 0.05, 3000), atol=1e-6
    )


def test_admm_batch_equals_single_problems():
    operator = Gaussian(10, 30, seed=1)
    y = torch.randn(2, 301, 10, generator=torch.Generator().manual_seed(0))
    together = admm(operator, y, 0.1)
    assert together.shape == (2, 301, 30)
    assert torch.allclose(together[1, 300], admm(operator, y[1, 300], 0.1), atol=1e-5)
    assert (together != 0).any(-1).all()
    assert admm(operator, y[:0], 0.1).shape == (0, 301, 30)


def test_fista_takes_penalty_per_problem():
    operator, _, y = problem()
    lam = torch.linspace(0.01, 0.3, len(y), dtype=torch.float64)
    together = fista(operator, y, lam[:, None], 300)
    alone = [fista(operator, v, p.item(), 300) for v, p in zip(y, lam, strict=True)]
    assert torch.allclose(together, torch.stack(alone), atol=1e-12)


def test_penalty_sequence_sets_iterations():
    operator, _, y = problem()
    once = ista(operator, y, [0.3])
    expected = soft_threshold(operator.adjoint(y) / operator.norm**2, 0.3 / operator.norm**2)
    assert torch.allclose(once, expected)
    assert torch.equal(ista(operator, y, [0.1] * 7), ista(operator, y, 0.1, 7))


def test_fista_finds_complex_coefficients():
    matrix = DCT(40)
    x = sparse_signals(1, 40, 3, seed=1)[0].double() * torch.exp(1j * torch.arange(40).double())
    operator = Matrix(Gaussian(20, 40, seed=3).matrix.double())
    solution = fista(operator, operator(x), geometric_schedule(1, 1e-6, 2000))
    assert torch.allclose(solution, x, atol=1e-4)
    assert matrix.norm == 1


# Orthogonal matching pursuit


@pytest.mark.parametrize("own_dictionaries", [False, True])
def test_omp_equals_scikit_learn(own_dictionaries):
    batch = (30,) if own_dictionaries else ()
    dictionary = Gaussian(16, 40, batch=batch, seed=4).matrix.double()
    dictionary = dictionary / dictionary.norm(dim=-2, keepdim=True)
    signals = torch.randn(30, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    codes = omp(dictionary, signals, 5)
    for code, signal, atoms in zip(codes, signals, dictionary.expand(30, -1, -1), strict=True):
        theirs = OrthogonalMatchingPursuit(n_nonzero_coefs=5, fit_intercept=False)
        assert np.allclose(code, theirs.fit(atoms, signal).coef_)


def test_omp_ignores_atom_lengths():
    lengths = torch.linspace(0.1, 10, 40)
    dictionary, signals = Gaussian(16, 40).matrix, torch.randn(3, 5, 16)
    codes = omp(dictionary, signals, 4)
    assert codes.shape == (3, 5, 40)
    assert torch.allclose(omp(dictionary * lengths, signals, 4) * lengths, codes, atol=1e-4)


def test_omp_stops_at_zero_residual():
    operator, signals, y = problem(k=2)
    codes = omp(operator.matrix, torch.cat([y, 0 * y]), 20)
    assert torch.allclose(codes[:6], signals)
    assert (codes[:6] != 0).sum() == (signals != 0).sum()
    assert (codes[6:] == 0).all()


# Basis pursuit


def test_basis_pursuit_equals_bounded_linear_programme():
    """Bounds |x| ≤ t instead of two halves."""
    operator, _, y = problem(k=12)  # too many for exact recovery
    for measured in y[:3]:
        m, n = operator.matrix.shape
        eye, a = np.eye(n), operator.matrix.numpy()
        other = linprog(
            np.r_[np.zeros(n), np.ones(n)],
            A_ub=np.block([[eye, -eye], [-eye, -eye]]),
            b_ub=np.zeros(2 * n),
            A_eq=np.hstack([a, np.zeros((m, n))]),
            b_eq=measured.numpy(),
            bounds=(None, None),
        )
        assert np.allclose(basis_pursuit(operator.matrix, measured), other.x[:n], atol=1e-7)


def test_basis_pursuit_equals_cvxpy():
    cvxpy = pytest.importorskip("cvxpy", reason="cvxpy is in the extra `bench`")
    operator, _, y = problem(k=12)
    x = cvxpy.Variable(operator.matrix.shape[1])
    fits = operator.matrix.numpy() @ x == y[0].numpy()
    cvxpy.Problem(cvxpy.Minimize(cvxpy.norm1(x)), [fits]).solve(solver="CLARABEL")
    assert np.allclose(basis_pursuit(operator.matrix, y[0]), x.value, atol=1e-5)


def test_douglas_rachford_equals_basis_pursuit():
    operator, _, y = problem(k=12)
    solution = douglas_rachford(operator, y, 5000)
    each = torch.stack([basis_pursuit(operator.matrix, measured) for measured in y])
    assert torch.allclose(solution, each, atol=1e-3)
    assert torch.allclose(operator(solution), y)


def test_douglas_rachford_takes_tight_operator():
    operator = SubsampledDCT(64, 0.5, seed=1)
    signal = sparse_signals(2, 64, 4, seed=5).double()
    assert torch.allclose(douglas_rachford(operator, operator(signal), 2000), signal, atol=1e-6)


def test_douglas_rachford_result_ignores_threshold():
    operator, _, y = problem(k=12)
    ends = [douglas_rachford(operator, y, 3000, threshold=t).abs().sum(-1) for t in (0.5, 2)]
    assert torch.allclose(*ends, rtol=2e-3)


# The phase diagram


def test_donoho_tanner_equals_parametric_form():
    """Where the formula's maximum lies, δ and ρ are known functions of z."""
    for z in (0.3, 0.8, 1.5, 2.5):
        phi, tail = norm.pdf(z), norm.cdf(-z)
        delta = 2 * phi / (z + 2 * (phi - z * tail))
        assert donoho_tanner(delta) == pytest.approx(1 - z * tail / phi, abs=1e-5)
    assert donoho_tanner(0.5) == pytest.approx(0.386, abs=5e-4)
    rising = [donoho_tanner(d) for d in np.linspace(0.02, 0.98, 30)]
    assert rising == sorted(rising)


def test_recovery_follows_donoho_tanner():
    m, n = 50, 100
    rho = donoho_tanner(m / n)
    measure = Gaussian(m, n, batch=(20,), seed=1)
    inside, outside = (sparse_signals(20, n, round(r * m), seed=2) for r in (rho / 2, 1.6 * rho))
    assert is_recovered(measure, inside).float().mean() >= 0.95
    assert is_recovered(measure, outside).float().mean() <= 0.05


def test_coherent_measurements_miss_sparse_signals():
    """Coherence: a signal with few DCT coefficients is in few rows of the DCT."""
    codes = sparse_signals(20, 100, 5, seed=3)
    rows = SubsampledDCT(100, 0.5, seed=1) @ DCT(100).H
    pixels = Restriction(100, 0.5, seed=1) @ DCT(100).H
    assert is_recovered(rows, codes).float().mean() <= 0.2
    assert is_recovered(pixels, codes).float().mean() >= 0.95


def test_sparse_signals_have_k_nonzeros():
    signals = sparse_signals(5, 30, 7)
    assert ((signals != 0).sum(-1) == 7).all()
    assert len({tuple(row.nonzero().flatten().tolist()) for row in signals}) == 5
    assert not torch.equal(signals, sparse_signals(5, 30, 7, seed=1))


# Pictures


@pytest.fixture(scope="module")
def picture():
    return datasets.photograph("china", 64, gray=True)[0].float() / 255


def test_psnr_counts_decibels():
    flat = torch.zeros(4, 4)
    assert psnr(flat + 0.1, flat) == pytest.approx(20, abs=1e-4)
    assert psnr(flat, flat) >= 200


def test_fista_inpainting_equals_basis_pursuit():
    image = datasets.photograph("china", 48, gray=True)[0].float() / 255
    pixels, cosines = Restriction(image.shape, 0.5), DCT(image.shape)
    operator, y = pixels @ cosines.H, pixels(image)
    quick = psnr(cosines.H(fista(operator, y, geometric_schedule(1, 1e-3, 100))), image)
    exact = psnr(cosines.H(douglas_rachford(operator, y, 2000)), image)
    assert quick == pytest.approx(exact, abs=0.1)
    assert quick > psnr(pixels.adjoint(y), image) + 12


def test_priors_beat_zero_filling(picture):
    pixels, cosines = Restriction(picture.shape, 0.3), DCT(picture.shape)
    y = pixels(picture)
    filled = psnr(pixels.adjoint(y), picture)
    images = {
        "cosines": cosines.H(fista(pixels @ cosines.H, y, geometric_schedule(1, 1e-2, 100))),
        "variation": fista(pixels, y, geometric_schedule(1, 1e-3, 60), prox=total_variation),
        "decoder": untrained_decoder(pixels, y, iterations=200),
    }
    assert all(image.shape == picture.shape for image in images.values())
    assert {name for name, image in images.items() if psnr(image, picture) > filled + 12} == {
        *images
    }
    assert psnr(images["variation"], picture) > psnr(images["cosines"], picture) + 0.5


def test_untrained_decoder_is_seeded(picture):
    pixels = Restriction(picture.shape, 0.3)
    y = pixels(picture)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = untrained_decoder(pixels, y, iterations=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(untrained_decoder(pixels, y, iterations=3), first)
    assert not torch.equal(untrained_decoder(pixels, y, iterations=3, seed=1), first)
    colour = untrained_decoder(pixels, torch.stack([y, y, y]), iterations=2)
    assert colour.shape == (3, 64, 64)
    assert DeepDecoder(32, out=2)().shape == (2, 32, 32)


@pytest.mark.parametrize("seed", range(3))
def test_cycle_spin_gains_decibels(seed):
    image = datasets.mr_slice()[0].float() / 255
    scan = KSpace(kspace_mask(image.shape, 0.3, seed=seed))
    y = scan(image)
    recovered = fista(
        scan, y, geometric_schedule(0.1, 5e-4, 60), prox=cycle_spin(Wavelet(image.shape))
    )
    gain = psnr(recovered.abs(), image) - psnr(scan.adjoint(y).abs(), image)
    assert gain >= 4


def test_few_radon_angles_recover_picture():
    image = torch.zeros(32, 32)
    image[6:20, 10:26], image[12:16, 14:18] = 0.8, 0.2
    rays = Radon(32, range(0, 180, 12))
    y = rays(image)
    recovered = fista(rays, y, geometric_schedule(30, 0.05, 100), prox=total_variation)
    least_squares = fista(rays, y, 0, 100)
    assert psnr(recovered, image) > psnr(least_squares, image) + 5


# The benchmark


@pytest.mark.training
def test_sensing_benchmark_prints_tables(root, capsys):
    for name in ("cvxpy", "pylops", "spgl1"):
        pytest.importorskip(name, reason=f"{name} is in the extra `bench`")
    spec = importlib.util.spec_from_file_location("sensing", root / "benchmarks" / "sensing.py")
    sensing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sensing)
    arguments = ["--quick", "--threads", "1", "--part"]
    for part, rows in {"photo": 6, "large": 1, "phase": 3, "omp": 3}.items():
        assert sensing.main([*arguments, part]) == 0
        lines = capsys.readouterr().out.strip().splitlines()
        assert len(lines) == rows + 4  # title, blank, heads, rule
        assert all(line.count("|") == lines[2].count("|") for line in lines[2:])


NAN = torch.tensor([math.nan] * 5)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: ista(Matrix(B), Y, -0.1), "-0.1"),
        (lambda: fista(Matrix(B), Y, math.nan), "nan"),
        (lambda: fista(Matrix(B), NAN, 0.1), "5 measurements"),
        (lambda: fista(Matrix(B), Y[:4], 0.1), r"\(4,\)"),
        (lambda: geometric_schedule(1, 0, 5), "got 1 and 0"),
        (lambda: geometric_schedule(1, 2, 5), "got 1 and 2"),
        (lambda: omp(B, Y, 6), "6 atoms"),
        (lambda: omp(B, Y, 0), "0 atoms"),
        (lambda: omp(B, Y[:4], 1), r"\(4,\)"),
        (lambda: omp(B * H, Y, 1), "0 or not a number"),
        (lambda: omp(B, NAN.double(), 1), "5 measurements"),
        (lambda: basis_pursuit(B, Y[:4]), r"\(4,\)"),
        (lambda: basis_pursuit(B, NAN), "5 measurements"),
        (lambda: basis_pursuit(torch.zeros(2, 3), torch.ones(2)), "nfeasible"),
        (lambda: douglas_rachford(Radon(4, [0]), torch.zeros(1, 8)), "Radon"),
        (lambda: psnr(B, Y), r"\(5, 6\)"),
        (lambda: donoho_tanner(1.2), "1.2"),
        (lambda: sparse_signals(1, 4, 5), "n = 4, got 5"),
        (
            lambda: untrained_decoder(Restriction((32, 32), 1.0), torch.full((1024,), math.nan)),
            "1024",
        ),
        (lambda: DeepDecoder(40), "40"),
        (lambda: total_variation(B, -1.0), "-1.0"),
        (lambda: admm(Matrix(B), Y, 0.1, rho=0), "need rho > 0 and one matrix, got 0"),
        (lambda: admm(Matrix(B[None]), Y, 0.1), r"one matrix, got .* \(1, 5, 6\)"),
        (lambda: admm(Matrix(B), torch.ones(2, 10).double(), 0.1), "10"),
    ],
)
def test_bad_input_raises_value_error(wrong, said):
    with pytest.raises(ValueError, match=said):
        wrong()
