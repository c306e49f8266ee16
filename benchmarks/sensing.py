"""Recovery from few measurements: own solvers beside libraries', on the same samples."""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Iterable

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.decomposition import MiniBatchDictionaryLearning, sparse_encode
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, orthogonal_mp_gram

from course_utils import datasets
from course_utils.sensing.coates_ng import sample_patches, zca
from course_utils.sensing.decoder import untrained_decoder
from course_utils.sensing.dictionaries import (
    DICTIONARIES,
    learn_dictionary,
    random_patches,
    sparse_codes,
)
from course_utils.sensing.masks import kspace_mask
from course_utils.sensing.operators import (
    DCT,
    Gaussian,
    KSpace,
    Matrix,
    Restriction,
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
    omp,
    psnr,
    total_variation,
)

FALL = {"start": 1, "end": 1e-3}  # of λ, for images in [0, 1]


def timed(function: Callable[[], object], times: int = 1) -> tuple[object, float]:
    """What a function gives, and its median time in seconds after one run to warm up."""
    result, durations = function() if times > 1 else None, []
    for _ in range(times):
        start = time.perf_counter()
        result = function()
        durations.append(time.perf_counter() - start)
    return result, statistics.median(durations)


def table(title: str, heads: str, rows: Iterable[Iterable[object]]) -> None:
    """Print a Markdown table."""
    columns = heads.split("|")
    print(f"\n{title}\n\n|{'|'.join(columns)}|\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |", flush=True)


def photograph(name: str, size: int) -> torch.Tensor:
    """(size, size) grey values in [0, 1]."""
    return datasets.photograph(name, size, gray=True)[0].float() / 255


def photo(quick: bool) -> None:
    """Half the pixels of a photograph: FISTA beside basis pursuit in several ways."""
    size = 12 if quick else 48
    image = photograph("china", size)
    pixels, cosines = Restriction(image.shape, 0.5), DCT(image.shape)
    operator, y = pixels @ cosines.H, pixels(image)
    codes, seconds = timed(lambda: fista(operator, y, geometric_schedule(**FALL, steps=80)), 7)
    rows = [["FISTA, 80 iterations, λ falling", codes, seconds]]
    alternating = timed(lambda: douglas_rachford(operator, y, 300), 3)
    rows.append(["Douglas–Rachford, 300 iterations", *alternating])
    rows += [[name, *result] for name, result in matrix_free(operator, y).items()]
    units = torch.eye(size * size).reshape(-1, size, size)
    matrix = operator(units).mT.double().numpy()  # the Kronecker product's kept rows
    if size <= 24:
        rows.append(["HiGHS, explicit matrix", *timed(lambda: basis_pursuit(matrix, y))])
    rows.append(["cvxpy, explicit matrix", *timed(lambda: by_cvxpy(matrix, y.double().numpy()))])
    table(
        f"Half the pixels of a {size}×{size} photograph",
        "solver|PSNR, dB|seconds|times as long",
        [
            [
                name,
                f"{psnr(cosines.H(x.reshape(image.shape)), image):.2f}",
                f"{t:.4f}",
                f"{t / seconds:,.1f}",
            ]
            for name, x, t in rows
        ],
    )


def matrix_free(operator, y) -> dict[str, tuple[torch.Tensor, float]]:
    """The same problem by libraries' solvers that need no matrix."""
    import pylops
    import spgl1

    size = operator.shape_in
    keep = pylops.Restriction(size[0] * size[1], operator.outer.index.numpy(), dtype="float32")
    composed = keep @ pylops.signalprocessing.DCT(dims=size, dtype="float32").H
    data, double = y.numpy(), y.double().numpy()

    def pylops_fista():
        options = {"niter": 300, "eps": 2e-3, "alpha": 1.0, "tol": 0}  # 200: 0.1 dB less
        return torch.from_numpy(pylops.optimization.sparsity.fista(composed, data, **options)[0])

    def spectral():
        solution = spgl1.spg_bp(composed, double, opt_tol=1e-4, bp_tol=1e-4)[0]
        return torch.from_numpy(solution).float()

    return {
        "PyLops' FISTA, 300 iterations": timed(pylops_fista, 5),
        "SPGL1, to 1e-4": timed(spectral, 5),
    }


def by_cvxpy(matrix: np.ndarray, y: np.ndarray) -> torch.Tensor:
    """Basis pursuit as cvxpy's users write it."""
    import cvxpy

    x = cvxpy.Variable(matrix.shape[1])
    cvxpy.Problem(cvxpy.Minimize(cvxpy.norm1(x)), [matrix @ x == y]).solve()
    return torch.from_numpy(x.value).float()


def large(quick: bool) -> None:
    """Half the pixels of a large photograph."""
    image = photograph("china", 64 if quick else 512)
    pixels, cosines = Restriction(image.shape, 0.5), DCT(image.shape)
    y = pixels(image)
    codes, seconds = timed(
        lambda: fista(pixels @ cosines.H, y, geometric_schedule(**FALL, steps=80)), 3
    )
    row = [tuple(image.shape), f"{psnr(cosines.H(codes), image):.2f}", f"{seconds:.2f}"]
    table("Half the pixels of a large photograph", "size|PSNR, dB|seconds", [row])


def slice_(quick: bool) -> None:
    """The MR slice from 30 % of k-space: three patterns, three priors, five seeds."""
    image = datasets.mr_slice()[0].float() / 255
    waves, seeds = Wavelet(image.shape), range(1 if quick else 5)
    lam, rows = geometric_schedule(0.1, 5e-4, 5 if quick else 60), []
    for pattern in ("lines", "radial", "points"):
        scores = {"zero-filling": [], "wavelets": [], "shifted wavelets": [], "variation": []}
        for seed in seeds:
            scan = KSpace(kspace_mask(image.shape, 0.3, pattern, seed=seed))
            y = scan(image)
            results = {
                "zero-filling": scan.adjoint(y),
                "wavelets": waves.H(fista(scan @ waves.H, y, lam)),
                "shifted wavelets": fista(scan, y, lam, prox=cycle_spin(waves)),
                "variation": fista(scan, y, lam, prox=total_variation),
            }
            for name, picture in results.items():
                scores[name].append(psnr(picture.abs(), image))
        rows.append([pattern, *(spread(values) for values in scores.values())])
    heads = "pattern|zero-filling, dB|wavelets|shifted wavelets|total variation"
    table("The MR slice from 30 % of k-space, mean (least to most) of five seeds", heads, rows)


def spread(values: list[float]) -> str:
    """Mean and range."""
    return f"{statistics.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def priors(quick: bool) -> None:
    """Four priors at 30 % of the pixels, over masks."""
    steps, rows = 5 if quick else 100, []
    for name in ("china", "flower"):
        image, scores, clock = photograph(name, 64), {}, {}
        for seed in range(1 if quick else 5):
            pixels = Restriction(image.shape, 0.3, seed=seed)
            for way, recover in ways_to_fill(pixels, pixels(image), steps).items():
                picture, seconds = timed(recover)
                scores.setdefault(way, []).append(psnr(picture, image))
                clock.setdefault(way, []).append(seconds)
        for way, values in scores.items():
            rows.append([name, way, spread(values), f"{statistics.median(clock[way]):.2f}"])
    heads = "photograph|prior|PSNR, dB|seconds"
    table("30 % of a 64×64 photograph's pixels, mean (least to most) of five masks", heads, rows)


def ways_to_fill(pixels, y, steps: int) -> dict[str, Callable[[], torch.Tensor]]:
    """Four ways from some pixels to all."""
    cosines, waves = DCT(pixels.shape_in), Wavelet(pixels.shape_in)
    far, near = geometric_schedule(**FALL, steps=steps), geometric_schedule(1, 1e-2, steps)
    return {
        "cosines": lambda: cosines.H(fista(pixels @ cosines.H, y, near)),
        "shifted wavelets": lambda: fista(pixels, y, near, prox=cycle_spin(waves)),
        "total variation": lambda: fista(pixels, y, far, prox=total_variation),
        "untrained decoder": lambda: untrained_decoder(pixels, y, 4 * steps),
    }


def phase(quick: bool) -> None:
    """Where half of the problems succeed, beside theory."""
    n, trials = (40, 10) if quick else (400, 100)
    rows = []
    for delta in (0.3, 0.5, 0.7):
        m, rho = round(delta * n), donoho_tanner(delta)
        start, ks, shares = time.perf_counter(), [], []
        for offset in np.arange(-0.08, 0.081, 0.02):
            ks.append(round((rho + offset) * m))
            operator = Gaussian(m, n, batch=(trials,), seed=ks[-1])
            signals = sparse_signals(trials, n, ks[-1], seed=m)
            shares.append(is_recovered(operator, signals).double().mean().item())
        crossing = half(np.array(ks) / m, np.array(shares))
        seconds = time.perf_counter() - start
        numbers = f"{rho:.3f}", f"{crossing:.3f}", f"{crossing - rho:+.3f}"
        rows.append([delta, *numbers, len(ks) * trials, f"{seconds:.0f}"])
    heads = "δ = m/n|theory, ρ|half succeed at ρ|difference|problems|seconds"
    table(f"The phase diagram at n = {n}, {trials} Gaussian problems a point", heads, rows)


def half(rho: np.ndarray, share: np.ndarray) -> float:
    """Where a line through the points that are neither certain nor hopeless crosses one half."""
    between = (share > 0.02) & (share < 0.98)
    if between.sum() < 2:
        return float(np.interp(0.5, share[::-1], rho[::-1]))
    logit = np.log(share[between] / (1 - share[between]))
    slope, height = np.polyfit(rho[between], logit, 1)
    return float(-height / slope)


def pursuit(quick: bool) -> None:
    """Batched orthogonal matching pursuit beside scikit-learn's."""
    signals_count, atoms, taken = (50, 30, 3) if quick else (5000, 400, 10)
    dictionary = Gaussian(108, 400).matrix[:, :atoms]
    dictionary = dictionary / dictionary.norm(dim=0)
    signals = torch.randn(signals_count, 108, generator=torch.Generator().manual_seed(1))
    d, x = dictionary.double().numpy(), signals.double().numpy()
    options = {"algorithm": "omp", "n_nonzero_coefs": taken, "n_jobs": 2}
    ways = {
        "own, all at once": lambda: omp(dictionary, signals, taken).numpy(),
        "orthogonal_mp_gram": lambda: (
            orthogonal_mp_gram(d.T @ d, d.T @ x.T, n_nonzero_coefs=taken).T
        ),
        "sparse_encode, two jobs": lambda: sparse_encode(x, d.T, **options),
    }
    results = {name: timed(way, 3) for name, way in ways.items()}
    reference, seconds = results["own, all at once"]
    rows = [
        [
            name,
            f"{t:.2f}",
            f"{t / seconds:.1f}",
            f"{((c != 0) == (reference != 0)).all(1).mean():.2%}",
        ]
        for name, (c, t) in results.items()
    ]
    heads = "solver|seconds|times as long|equal supports"
    table(f"OMP: {signals_count} signals, 108×{atoms}, {taken} atoms", heads, rows)


def white_patches(images: torch.Tensor, count: int) -> torch.Tensor:
    """(N, C, H, W) uint8 -> (count, 36 C): random patches, whitened by their own statistics."""
    patches = sample_patches(images, count)
    mean, matrix = zca(patches)
    return (patches - mean) @ matrix


def objective(operator: Matrix, y: torch.Tensor, x: torch.Tensor, lam: float) -> float:
    """½‖Ax − y‖² + λ‖x‖₁, mean of all problems."""
    return ((operator(x) - y).square().sum(-1) / 2 + lam * x.abs().sum(-1)).mean().item()


def lassos(
    title: str,
    operator: Matrix,
    y: torch.Tensor,
    lam: float,
    ways: dict[str, Callable[[], torch.Tensor]],
) -> None:
    """Print each way's objective and median time, as a multiple of the first way's."""
    results = {name: timed(way, 3) for name, way in ways.items()}
    first = next(iter(results.values()))[1]
    rows = [
        [name, f"{objective(operator, y, x, lam):.5f}", f"{t:.2f}", f"{t / first:.1f}"]
        for name, (x, t) in results.items()
    ]
    table(f"{title}, λ = {lam}", "solver|objective|seconds|times as long", rows)


def lasso(quick: bool) -> None:
    """Many Lassos at once beside scikit-learn's coordinate descent."""
    count = 20 if quick else 500
    operator = Gaussian(100, 400)
    y = operator(sparse_signals(count, 400, 12))
    lam = 0.02
    a = operator.matrix.double().numpy()

    def coordinates():
        model = Lasso(alpha=lam / 100, fit_intercept=False)
        return torch.from_numpy(model.fit(a, y.double().numpy().T).coef_).float()

    ways = {
        "ADMM, 100 iterations": lambda: admm(operator, y, lam, 100, rho=1 / 32),
        "FISTA, 300 iterations": lambda: fista(operator, y, lam, 300),
        "Lasso": coordinates,
    }
    lassos(f"{count} Lassos, 100×400", operator, y, lam, ways)


def codes(quick: bool) -> None:
    """Patches' codes in a dictionary: ADMM beside FISTA and scikit-learn's coordinate descent."""
    count, atoms, rounds = (20, 40, 1) if quick else (2000, 1600, 5)
    white = white_patches(datasets.load().train_images[:1000], 20 * count)
    d, patches, lam = DICTIONARIES["OMP-1"](white, atoms, rounds=rounds), white[:count], 0.5
    matrix = Matrix(d)

    def coordinates():
        options = {"algorithm": "lasso_cd", "alpha": lam, "max_iter": 20_000, "n_jobs": 2}
        exact = patches.double().numpy(), d.mT.double().numpy()  # in float32 it never ends
        return torch.from_numpy(sparse_encode(*exact, **options)).float()

    ways = {
        "ADMM, 10 iterations": lambda: sparse_codes(d, patches, lam),
        "ADMM, 100 iterations": lambda: admm(matrix, patches, lam, 100),
        "FISTA, 30 iterations": lambda: fista(matrix, patches, lam, 30, prox=F.softshrink),
        "FISTA, 60 iterations": lambda: fista(matrix, patches, lam, 60, prox=F.softshrink),
        "sparse_encode, two jobs": coordinates,
    }
    lassos(f"Codes of {count} patches, {atoms} atoms", matrix, patches, lam, ways)


def dictionary(quick: bool) -> None:
    """Sparse-coding dictionaries beside scikit-learn's."""
    data = datasets.load()
    patches, atoms, rounds = (500, 20, 1) if quick else (5000, 200, 10)
    white, validation = white_patches(data.train_images[:500], 2 * patches).split(patches)

    def by_scikit_learn():
        options = {"alpha": 1.0, "batch_size": 500, "max_iter": 2 * rounds, "fit_algorithm": "cd"}
        model = MiniBatchDictionaryLearning(atoms, random_state=0, **options)
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # a few codes
            return torch.from_numpy(model.fit(white.double().numpy()).components_.T).float()

    def value(d):
        unit = Matrix(d / d.norm(dim=0))
        return objective(unit, validation, fista(unit, validation, 1.0, 200), 1.0)

    ways = {
        "random patches": lambda: random_patches(white, atoms),
        f"own, {rounds} rounds": lambda: learn_dictionary(white, atoms, sparse_codes, rounds),
        f"MiniBatchDictionaryLearning, {2 * rounds} passes": by_scikit_learn,
    }
    results = {name: timed(way) for name, way in ways.items()}
    rows = [[name, f"{value(d):.3f}", f"{t:.1f}"] for name, (d, t) in results.items()]
    heads = "dictionary|objective on other patches|seconds"
    table(f"{atoms} atoms for {patches} patches of {data.name}, λ = 1", heads, rows)


PARTS = {
    "photo": photo,
    "large": large,
    "slice": slice_,
    "priors": priors,
    "phase": phase,
    "omp": pursuit,
    "lasso": lasso,
    "codes": codes,
    "dictionary": dictionary,
}


def main(argv: list[str]) -> int:
    """Print the tables; needs the extra `bench`."""
    parser = argparse.ArgumentParser(prog="course_utils bench sensing", description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all")
    parser.add_argument("--quick", action="store_true", help="tiny problems, to see that it runs")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch; default: 2")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    for name in args.part or PARTS:
        PARTS[name](args.quick)
    return 0


if __name__ == "__main__":
    import sys

    sys.exit(main(sys.argv[1:]))
