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

from course_utils.sensing.operators import Gradient, Matrix, Operator, Wavelet

Prox = Callable[[Tensor, float], Tensor]
Lam = float | Sequence[float]  # λ, or one for each iteration


def soft_threshold(x: Tensor, threshold: float | Tensor) -> Tensor:
    """Pull every number towards 0 by `threshold`, and no further; complex ones keep their phase.

    The result has the shape of x; `threshold` may be one number, or broadcast against x.

    Examples
    --------
    >>> soft_threshold(torch.tensor([-3.0, 0.5, 2.0]), 1)
    tensor([-2.,  0.,  1.])
    """
    return torch.sgn(x) * (x.abs() - threshold).clamp(min=0)


def geometric_schedule(start: float, end: float, steps: int) -> list[float]:
    """`steps` values of λ from `start` down to `end`, each the same fraction of the one before.

    Raises
    ------
    ValueError
        If `end` is not more than 0 or above `start`.

    Examples
    --------
    >>> geometric_schedule(100, 1, 3)
    [100.0, 10.0, 1.0]
    """
    if not start >= end > 0:
        raise ValueError(f"need start >= end > 0, got {start} and {end}")
    return torch.logspace(math.log10(start), math.log10(end), steps).tolist()


def ista(
    operator: Operator, y: Tensor, lam: Lam, iterations: int = 200, *, prox: Prox = soft_threshold
) -> Tensor:
    """Minimise ½‖Ax − y‖² + λ‖x‖₁: step down the gradient, then shrink.

    Parameters
    ----------
    operator : Operator
        A: what was measured.
    y : Tensor
        (..., *operator.shape_out) measurements.
    lam : float or sequence of floats
        λ ≥ 0; a sequence (see `geometric_schedule`) gives one for each iteration.
    iterations : int
        Number of steps, unless λ is a sequence.
    prox : function of x and a threshold
        Other penalties' way of shrinking.

    Returns
    -------
    Tensor
        (..., *operator.shape_in).

    Raises
    ------
    ValueError
        If λ is negative, or measurements are infinite or not a number.

    References
    ----------
    Daubechies, Defrise and De Mol (2004), Comm. Pure Appl. Math. 57, 1413–1457.
    """
    require_finite(y)
    step = 1 / operator.norm**2
    x = torch.zeros_like(operator.adjoint(y))
    for lam_now in _schedule(lam, iterations):
        gradient = operator.adjoint(operator.forward(x) - y)
        x = prox(x - step * gradient, step * lam_now)
    return x


def fista(
    operator: Operator, y: Tensor, lam: Lam, iterations: int = 200, *, prox: Prox = soft_threshold
) -> Tensor:
    """Minimise what `ista` does, with momentum: the error falls as 1/k², not as 1/k.

    Parameters, errors and the result's shape are those of `ista`.

    References
    ----------
    Beck and Teboulle (2009), SIAM J. Imaging Sciences 2, 183–202.
    """
    require_finite(y)
    step, t = 1 / operator.norm**2, 1.0
    x = ahead = torch.zeros_like(operator.adjoint(y))
    for lam_now in _schedule(lam, iterations):
        gradient = operator.adjoint(operator.forward(ahead) - y)
        x, x_previous = prox(ahead - step * gradient, step * lam_now), x
        t, t_previous = (1 + math.sqrt(1 + 4 * t * t)) / 2, t
        ahead = x + (t_previous - 1) / t * (x - x_previous)
    return x


def admm(
    matrix: Matrix, y: Tensor, lam: float, iterations: int = 20, *, rho: float = 1 / 8
) -> Tensor:
    """Minimise what `ista` does, for one matrix with few rows, sooner than `fista`.

    Each iteration fits the measurements with an inverse of m × m, where `fista` takes short steps.

    Parameters
    ----------
    matrix : Matrix
        (m, n).
    y : Tensor
        (..., m).
    lam : float
        λ ≥ 0.
    iterations : int
        Number of steps.
    rho : float
        ρ > 0, in units of ‖A‖²; it changes how soon, not where, the iteration ends.

    Returns
    -------
    Tensor
        (..., n).

    Raises
    ------
    ValueError
        If ρ is not more than 0, there is a batch of matrices, or measurements are infinite or
        not a number.

    References
    ----------
    Boyd, Parikh, Chu, Peleato and Eckstein (2011), Foundations and Trends in Machine Learning 3,
    1–122: section 6.4, over-relaxed as in 3.4.3.
    """
    require_finite(y)
    rows = matrix.matrix.to(y.dtype)
    if not rho > 0 or rows.ndim > 2:
        raise ValueError(f"need rho > 0 and one matrix, got {rho} and {tuple(rows.shape)}")
    gram = rows @ rows.mT
    rho = rho * torch.linalg.eigvalsh(gram)[-1].item()
    inverse = Matrix(torch.linalg.solve(gram + rho * torch.eye(len(rows)).to(rows), rows))
    solutions = []
    for batch in y.reshape(-1, y.shape[-1]).split(500):  # whose codes stay in the cache
        x = state = torch.zeros_like(matrix.adjoint(batch))
        for _ in range(iterations):
            mirrored = torch.lerp(state, x, 2)  # 2x − state, in one pass
            fitted = mirrored - inverse.adjoint(matrix.forward(mirrored) - batch)
            state = torch.add(state, fitted - x, alpha=1.8)  # over-relaxed: 1 would be plain ADMM
            x = F.softshrink(state, lam / rho)
        solutions.append(x)
    return torch.cat(solutions).reshape(*y.shape[:-1], *matrix.shape_in)


def cycle_spin(transform: Wavelet, *, shifts: int = 1, seed: int = 0) -> Prox:
    """Make a `prox` that shrinks wavelets of images, (..., H, W), shifted at random each time.

    A wavelet transform sees edges differently at each place; averaged over shifts, `shifts` of them
    in a step, it does not (Coifman and Donoho, 1995). The coarsest means stay as they are.
    """
    generator = torch.Generator().manual_seed(seed)
    means = transform.boxes[0]

    def shrink(image: Tensor, threshold: float) -> Tensor:
        down, right = torch.randint(0, 64, (2,), generator=generator).tolist()
        coefficients = transform.forward(torch.roll(image, (down, right), dims=(-2, -1)))
        shrunk = soft_threshold(coefficients, threshold)
        shrunk[..., *means] = coefficients[..., *means]
        return torch.roll(transform.adjoint(shrunk), (-down, -right), dims=(-2, -1))

    return lambda image, t: torch.stack([shrink(image, t) for _ in range(shifts)]).mean(0)


def total_variation(image: Tensor, threshold: float, iterations: int = 10) -> Tensor:
    """Smooth images, (..., H, W), between their edges: minimise ½‖x − image‖² + threshold·TV(x).

    TV sums the lengths of all pixels' gradients; `prox=total_variation` makes it the penalty of
    `fista`. The dual problem, solved here, fits vectors p, |p| ≤ 1: x = image − threshold·Gᵀp.

    Raises
    ------
    ValueError
        If the threshold is negative or not a number.

    References
    ----------
    Beck and Teboulle (2009), IEEE Trans. Image Processing 18, 2419–2434.
    """
    if threshold == 0:
        return image
    if not threshold > 0:
        raise ValueError(f"threshold must be 0 or more, got {threshold}")

    def project(p: Tensor, _: float) -> Tensor:
        return p / p.norm(dim=-3, keepdim=True).clamp(min=1)

    gradient = Gradient(image.shape[-2:])
    p = fista(gradient.H, image / threshold, 0.0, iterations, prox=project)
    return image - threshold * gradient.adjoint(p)


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

    Raises
    ------
    ValueError
        If `atoms` is not from 1 to m, the signals have another length than the atoms, an atom is
        0, or a number is infinite or missing.

    References
    ----------
    Pati, Rezaiifar and Krishnaprasad (1993), Asilomar; by QR, as in Blumensath and Davies (2007).
    """
    m, n = dictionary.shape[-2:]
    if not 1 <= atoms <= m or signals.shape[-1] != m:
        raise ValueError(f"cannot take {atoms} atoms of {m} numbers for {tuple(signals.shape)}")
    require_finite(signals)
    lengths = dictionary.norm(dim=-2)
    if not (lengths > 0).all():  # NaN neither
        raise ValueError("an atom (column) of the dictionary is 0 or not a number")
    unit = Matrix(dictionary / lengths[..., None, :])
    rows = unit.matrix.mT.expand(*signals.shape[:-1], n, m)
    residual = signals
    indices: list[Tensor] = []
    basis: list[Tensor] = []  # the atoms taken, made orthonormal
    tolerance = 100 * torch.finfo(signals.dtype).eps * signals.norm(dim=-1, keepdim=True)
    for _ in range(atoms):
        indices.append(unit.adjoint(residual).abs().argmax(-1, keepdim=True))
        new = torch.take_along_dim(rows, indices[-1][..., None], -2).squeeze(-2)
        for old in basis * 2:  # Gram–Schmidt, twice because of rounding
            new = new - (new * old).sum(-1, keepdim=True) * old
        unmatched = residual.norm(dim=-1, keepdim=True) > tolerance
        new = torch.where(unmatched, new / new.norm(dim=-1, keepdim=True), 0)
        residual = residual - (new * residual).sum(-1, keepdim=True) * new
        basis.append(new)
    index, q = torch.cat(indices, -1), torch.stack(basis, -2)
    r = q @ torch.take_along_dim(rows, index[..., None], -2).mT
    r = r + torch.diag_embed((r.diagonal(dim1=-2, dim2=-1) == 0).to(r))  # where none was taken
    weights = torch.linalg.solve_triangular(r, q @ signals[..., None], upper=True)
    coefficients = signals.new_zeros(*signals.shape[:-1], n)
    return coefficients.scatter_add(-1, index, weights.squeeze(-1)) / lengths


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
        If no x gives y, y has another length than the matrix has rows, or measurements are
        infinite or not a number.

    References
    ----------
    Chen, Donoho and Saunders (1998), SIAM J. Scientific Computing 20, 33–61.
    """
    require_finite(y)
    if y.shape != matrix.shape[:1]:
        raise ValueError(f"{tuple(matrix.shape)} matrix, but {tuple(y.shape)} measurements")
    A, b = np.asarray(matrix, dtype=float), y.double().numpy()
    A_eq = np.hstack([A, -A])
    result = linprog(np.ones(A_eq.shape[1]), A_eq=A_eq, b_eq=b, method="highs")
    if not result.success:
        raise ValueError(f"no x gives these measurements: {result.message}")
    u, v = np.split(np.asarray(result.x), 2)
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
    y : Tensor
        (..., *operator.shape_out) measurements.
    iterations : int
        Number of steps.
    threshold : float
        In units of the mean of |Aᴴy|; it changes how soon, not where, the iteration ends.

    Returns
    -------
    Tensor
        (..., *operator.shape_in).

    Raises
    ------
    ValueError
        If AAᴴ is not I, or measurements are infinite or not a number.

    References
    ----------
    Combettes and Pesquet (2007), IEEE J. Selected Topics in Signal Processing 1, 564–574.
    """
    require_finite(y)
    if isinstance(operator, Matrix):
        operator, y = _tighten(operator, y)
    elif not operator.tight:
        raise ValueError(f"{type(operator).__name__} has not AAᴴ = I; take fista with a small λ")
    z = shortest = operator.adjoint(y)
    axes = tuple(range(-len(operator.shape_in), 0))
    size = threshold * shortest.abs().mean(axes, keepdim=True)
    for _ in range(iterations):
        fitted = z + shortest - operator.adjoint(operator.forward(z))
        z = z + soft_threshold(2 * fitted - z, size) - fitted
    return z + shortest - operator.adjoint(operator.forward(z))


def _tighten(operator: Matrix, y: Tensor) -> tuple[Matrix, Tensor]:
    """Matrix with orthonormal rows, and measurements, that the same x fulfil."""
    q, r = torch.linalg.qr(operator.matrix.to(y.dtype).mT)
    rows = Matrix(q.mT)
    rows.tight = True
    return rows, torch.linalg.solve_triangular(r.mT, y[..., None], upper=False).squeeze(-1)


def psnr(image: Tensor, reference: Tensor) -> float:
    """Peak signal-to-noise ratio of images in [0, 1], in dB; 300 dB of equal ones.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> round(psnr(torch.full((4, 4), 0.6), torch.full((4, 4), 0.5)), 3)
    20.0
    """
    if image.shape != reference.shape:
        raise ValueError(f"shapes differ: {tuple(image.shape)} and {tuple(reference.shape)}")
    return -10 * math.log10((image - reference).abs().double().square().mean() or 1e-30)


def require_finite(y: Tensor) -> None:
    """Raise ValueError if some measurements, of any shape, are infinite or not a number."""
    if not y.isfinite().all():
        raise ValueError(f"{(~y.isfinite()).sum()} measurements are infinite or not a number")


def _schedule(lam: Lam, iterations: int) -> Sequence[float]:
    """One λ for each iteration."""
    schedule = [lam] * iterations if isinstance(lam, (int, float, Tensor)) else lam
    for value in schedule:
        if not (torch.as_tensor(value) >= 0).all():  # NaN neither
            raise ValueError(f"λ must be 0 or more, got {value}")
    return schedule
