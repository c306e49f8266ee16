"""From few measurements back to the signal: ISTA, FISTA, ADMM, OMP, basis pursuit, variation.

Everything solved by `ista`, `fista` or `admm` minimises ½‖Ax − y‖² + λ·penalty(x), for a batch of
problems at once: axes of y before those of `operator.shape_out` are problems of their own.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linprog
from torch import Tensor

from course_utils.sensing.operators import Matrix, Operator, Slopes

Prox = Callable[[Tensor, float], Tensor]


def soft_threshold(x: Tensor, threshold: float | Tensor) -> Tensor:
    """Pull every number towards 0 by `threshold`, and no further; complex ones keep their phase."""
    return torch.sgn(x) * (x.abs() - threshold).clamp(min=0)


def falling(start: float, end: float, steps: int) -> list[float]:
    """`steps` values of λ from `start` down to `end`, each the same fraction of the one before."""
    if not start >= end > 0:
        raise ValueError(f"λ must fall to more than 0, not from {start} to {end}")
    return torch.logspace(math.log10(start), math.log10(end), steps).tolist()


def ista(
    operator: Operator, y: Tensor, lam: float, iterations: int = 200, *, prox: Prox = soft_threshold
) -> Tensor:
    """Minimise ½‖Ax − y‖² + λ‖x‖₁: step down the gradient, then shrink.

    Parameters
    ----------
    operator : Operator
        A: what was measured.
    y : Tensor
        (..., *operator.shape_out) measurements.
    lam : float or sequence of floats
        λ ≥ 0; a sequence (see `falling`) gives one for each iteration, whatever `iterations` says.
    prox : function of x and a threshold
        Other penalties' way of shrinking.

    Returns
    -------
    Tensor
        (..., *operator.shape_in).

    References
    ----------
    Daubechies, Defrise and De Mol (2004), Comm. Pure Appl. Math. 57, 1413–1457.
    """
    step = 1 / operator.norm**2
    x = torch.zeros_like(operator.adjoint(checked_measurements(y)))
    for lam_now in _each(lam, iterations):
        gradient = operator.adjoint(operator.forward(x) - y)
        x = prox(x - step * gradient, step * lam_now)
    return x


def fista(
    operator: Operator, y: Tensor, lam: float, iterations: int = 200, *, prox: Prox = soft_threshold
) -> Tensor:
    """Minimise what `ista` does, with momentum: the error falls as 1/k², not as 1/k.

    Parameters and result are those of `ista`. A falling λ and a hundred iterations recover a
    photograph.

    References
    ----------
    Beck and Teboulle (2009), SIAM J. Imaging Sciences 2, 183–202.
    """
    step, t = 1 / operator.norm**2, 1.0
    x = ahead = torch.zeros_like(operator.adjoint(checked_measurements(y)))
    for lam_now in _each(lam, iterations):
        gradient = operator.adjoint(operator.forward(ahead) - y)
        x, before = prox(ahead - step * gradient, step * lam_now), x
        t, t_before = (1 + math.sqrt(1 + 4 * t * t)) / 2, t
        ahead = x + (t_before - 1) / t * (x - before)
    return x


def admm(
    matrix: Matrix, y: Tensor, lam: float, iterations: int = 20, *, rho: float = 1 / 8
) -> Tensor:
    """Minimise what `ista` does, for one matrix with few rows, sooner than `fista`.

    Each iteration fits the measurements with an inverse of m × m, made once, where `fista` takes a
    step no longer than the largest singular value allows. For dictionaries of patches a third of
    the iterations will do.

    Parameters
    ----------
    matrix : Matrix
        (m, n).
    y : Tensor
        (..., m).
    lam : float
        λ ≥ 0.
    rho : float
        ρ > 0, in units of ‖A‖²; it changes how soon, not where, the iteration ends.

    Returns
    -------
    Tensor
        (..., n).

    References
    ----------
    Boyd, Parikh, Chu, Peleato and Eckstein (2011), Foundations and Trends in Machine Learning 3,
    1–122: section 6.4, over-relaxed as in 3.4.3.
    """
    rows = matrix.matrix.to(checked_measurements(y).dtype)
    if not rho > 0 or rows.ndim > 2:
        raise ValueError(f"need rho > 0 and one matrix, not {rho} and {tuple(rows.shape)}")
    squared = rows @ rows.mT
    rho = rho * torch.linalg.eigvalsh(squared)[-1].item()
    undo = Matrix(torch.linalg.solve(squared + rho * torch.eye(len(rows)).to(rows), rows))
    found = []
    for some in y.reshape(-1, y.shape[-1]).split(500):  # whose codes stay near the processor
        x = state = torch.zeros_like(matrix.adjoint(some))
        for _ in range(iterations):
            mirrored = torch.lerp(state, x, 2)  # 2x − state, in one pass
            fits = mirrored - undo.adjoint(matrix.forward(mirrored) - some)
            state = torch.add(state, fits - x, alpha=1.8)
            x = F.softshrink(state, lam / rho)
        found.append(x)
    return torch.cat(found).reshape(*y.shape[:-1], *matrix.shape_in)


def shifting(transform: Operator, *, seed: int = 0) -> Prox:
    """Shrink an image's coefficients, shifted at random each time ("cycle spinning").

    A wavelet transform sees edges differently at each place; averaged over shifts it does not.

    References
    ----------
    Coifman and Donoho (1995), Translation-invariant de-noising.
    """
    generator = torch.Generator().manual_seed(seed)

    def prox(image: Tensor, threshold: float) -> Tensor:
        down, right = torch.randint(0, 64, (2,), generator=generator).tolist()
        moved = torch.roll(image, (down, right), dims=(-2, -1))
        shrunk = transform.adjoint(soft_threshold(transform.forward(moved), threshold))
        return torch.roll(shrunk, (-down, -right), dims=(-2, -1))

    return prox


def total_variation(image: Tensor, threshold: float, iterations: int = 10) -> Tensor:
    """Smooth images, (..., H, W), between their edges: minimise ½‖x − image‖² + threshold·TV(x).

    TV sums the lengths of the slopes at all pixels. As `prox=total_variation` it is the penalty
    of `ista` and `fista`. The dual problem, solved here, fits bounded arrows p by FISTA once more:
    x = image − threshold·Gᵀp.

    References
    ----------
    Beck and Teboulle (2009), IEEE Trans. Image Processing 18, 2419–2434.
    """
    if threshold == 0:
        return image
    if not threshold > 0:
        raise ValueError(f"threshold must be 0 or more, not {threshold}")

    def shortened(arrows: Tensor, _: float) -> Tensor:
        return arrows / arrows.norm(dim=-3, keepdim=True).clamp(min=1)

    slopes = Slopes(image.shape[-2:])
    arrows = fista(slopes.H, image / threshold, 0.0, iterations, prox=shortened)
    return image - threshold * slopes.adjoint(arrows)


def omp(dictionary: Tensor, signals: Tensor, atoms: int) -> Tensor:
    """Orthogonal matching pursuit for all signals at once.

    Each step takes the atom (column) most aligned with what is left of a signal, then fits the
    signal anew with all atoms taken so far. A signal that is already matched takes no more.

    Parameters
    ----------
    dictionary : Tensor
        (m, n), or (..., m, n): one for each signal. Columns may have any length but 0.
    signals : Tensor
        (..., m).
    atoms : int
        How many atoms to take at most, 1 to m.

    Returns
    -------
    Tensor
        (..., n) coefficients, at most `atoms` of each signal's not 0.

    References
    ----------
    Pati, Rezaiifar and Krishnaprasad (1993), Asilomar; by QR, as in Blumensath and Davies (2007).
    """
    m, n = dictionary.shape[-2:]
    if not 1 <= atoms <= m or signals.shape[-1] != m:
        raise ValueError(f"cannot take {atoms} atoms of {m} numbers for {tuple(signals.shape)}")
    lengths = dictionary.norm(dim=-2)
    if not (lengths > 0).all():  # NaN neither
        raise ValueError("an atom (column) of the dictionary is 0 or not a number")
    unit = Matrix(dictionary / lengths[..., None, :])
    rows = unit.matrix.mT.expand(*signals.shape[:-1], n, m)
    left, taken, basis = checked_measurements(signals), [], []
    matched = 100 * torch.finfo(signals.dtype).eps * signals.norm(dim=-1, keepdim=True)
    for _ in range(atoms):
        taken.append(unit.adjoint(left).abs().argmax(-1, keepdim=True))
        fresh = torch.take_along_dim(rows, taken[-1][..., None], -2).squeeze(-2)
        for old in basis * 2:  # twice, for rounding
            fresh = fresh - (fresh * old).sum(-1, keepdim=True) * old
        wanted = left.norm(dim=-1, keepdim=True) > matched
        fresh = torch.where(wanted, fresh / fresh.norm(dim=-1, keepdim=True), 0)
        left = left - (fresh * left).sum(-1, keepdim=True) * fresh
        basis.append(fresh)
    index, basis = torch.cat(taken, -1), torch.stack(basis, -2)
    triangle = basis @ torch.take_along_dim(rows, index[..., None], -2).mT
    triangle = triangle + torch.diag_embed((triangle.diagonal(dim1=-2, dim2=-1) == 0).to(triangle))
    weights = torch.linalg.solve_triangular(triangle, basis @ signals[..., None], upper=True)
    found = signals.new_zeros(*signals.shape[:-1], n)
    return found.scatter_add(-1, index, weights.squeeze(-1)) / lengths


def basis_pursuit(matrix: Tensor, y: Tensor) -> Tensor:
    """Among all x with Ax = y the one with the smallest ‖x‖₁, exactly, as a linear programme.

    x = u − v with u, v ≥ 0 makes ‖x‖₁ = Σ(u + v) linear; SciPy's HiGHS solves it, for one problem
    of up to some thousand unknowns. `douglas_rachford` takes many or large ones.

    Parameters
    ----------
    matrix : Tensor
        (m, n).
    y : Tensor
        (m,).

    Raises
    ------
    ValueError
        If no x gives y.

    References
    ----------
    Chen, Donoho and Saunders (1998), SIAM J. Scientific Computing 20, 33–61.
    """
    matrix, b = np.asarray(matrix, dtype=float), checked_measurements(y).double().numpy()
    if b.shape != matrix.shape[:1]:
        raise ValueError(f"a matrix of {matrix.shape} does not give {b.shape} measurements")
    halves = np.hstack([matrix, -matrix])
    solved = linprog(np.ones(halves.shape[1]), A_eq=halves, b_eq=b, method="highs")
    if not solved.success:
        raise ValueError(f"no x gives these measurements: {solved.message}")
    u, v = np.split(solved.x, 2)
    return torch.from_numpy(u - v).to(y.dtype)


def douglas_rachford(
    operator: Operator, y: Tensor, iterations: int = 1000, *, threshold: float = 1.0
) -> Tensor:
    """Basis pursuit without a linear programme, for a batch of problems: min ‖x‖₁ with Ax = y.

    Each iteration goes to the nearest x that fits the measurements, and shrinks its mirror image.

    Parameters
    ----------
    operator : Operator
        A with AAᴴ = I (see `Operator.tight`), or a `Matrix`, whose rows are first made so.
    threshold : float
        In units of the mean of |Aᴴy|; it changes how soon, not where, the iteration ends.

    References
    ----------
    Combettes and Pesquet (2007), IEEE J. Selected Topics in Signal Processing 1, 564–574.
    """
    if isinstance(operator, Matrix):
        operator, y = _tightened(operator, y)
    elif not operator.tight:
        raise ValueError(f"{type(operator).__name__} has not AAᴴ = I; take fista with a small λ")
    z = shortest = operator.adjoint(checked_measurements(y))
    axes = tuple(range(-len(operator.shape_in), 0))
    size = threshold * shortest.abs().mean(axes, keepdim=True)
    for _ in range(iterations):
        fits = z + shortest - operator.adjoint(operator.forward(z))
        z = z + soft_threshold(2 * fits - z, size) - fits
    return z + shortest - operator.adjoint(operator.forward(z))


def _tightened(operator: Matrix, y: Tensor) -> tuple[Matrix, Tensor]:
    """Matrix with orthonormal rows, and measurements, that the same x fulfil."""
    q, r = torch.linalg.qr(operator.matrix.to(y.dtype).mT)
    rows = Matrix(q.mT)
    rows.tight = True
    return rows, torch.linalg.solve_triangular(r.mT, y[..., None], upper=False).squeeze(-1)


def psnr(image: Tensor, reference: Tensor) -> float:
    """Peak signal-to-noise ratio of images in [0, 1], in dB: an error of 0.1 is 20 dB."""
    if image.shape != reference.shape:
        raise ValueError(f"compare images of one shape, not {image.shape} and {reference.shape}")
    return -10 * math.log10((image - reference).abs().double().square().mean() or 1e-30)


def checked_measurements(y: Tensor) -> Tensor:
    """The same y, unless some of it is no number."""
    if not y.isfinite().all():
        raise ValueError(f"{(~y.isfinite()).sum()} measurements are infinite or not a number")
    return y


def _each(lam: float | Sequence[float], iterations: int) -> Sequence[float]:
    each = [lam] * iterations if isinstance(lam, (int, float, Tensor)) else lam
    for value in each:
        if not (torch.as_tensor(value) >= 0).all():  # NaN neither
            raise ValueError(f"λ must be 0 or more, not {value}")
    return each
