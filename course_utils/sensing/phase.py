"""How few measurements are enough: hundreds of small problems at once, and what theory says."""

import numpy as np
import torch
from scipy.stats import norm
from torch import Tensor

from course_utils.sensing.operators import Operator
from course_utils.sensing.solvers import douglas_rachford


def sparse_signals(count: int, n: int, k: int, *, seed: int = 0) -> Tensor:
    """(count, n) signals with k numbers from N(0, 1) at random places, else 0.

    Raises
    ------
    ValueError
        If k is not from 0 to n.

    Examples
    --------
    >>> (sparse_signals(3, 10, 2) != 0).sum(1)
    tensor([2, 2, 2])
    """
    if not 0 <= k <= n:
        raise ValueError(f"k must be from 0 to n = {n}, got {k}")
    generator = torch.Generator().manual_seed(seed)
    indices = torch.rand(count, n, generator=generator).argsort(-1)[:, :k]
    values = torch.randn(count, k, generator=generator)
    return torch.zeros(count, n).scatter(-1, indices, values)


def is_recovered(operator: Operator, signals: Tensor, iterations: int = 1000) -> Tensor:
    """(..., n) signals -> (...) boolean: whether basis pursuit finds each from its measurements.

    Found means: with a relative error of 0.001 or less.
    """
    estimates = douglas_rachford(operator, operator(signals), iterations)
    return (estimates - signals).norm(dim=-1) <= 1e-3 * signals.norm(dim=-1)


def donoho_tanner(delta: float) -> float:
    """Non-zeros per measurement, k/m, up to which basis pursuit mostly succeeds at δ = m/n.

    The curve for large n and Gaussian measurements ("weak" threshold of the cross-polytope): half
    of the problems on it succeed.

    Raises
    ------
    ValueError
        If δ does not lie between 0 and 1.

    References
    ----------
    Donoho and Tanner (2009), Phil. Trans. R. Soc. A 367, 4273–4293; this formula: Donoho, Maleki
    and Montanari (2009), PNAS 106, 18914–18919.

    Examples
    --------
    >>> round(donoho_tanner(0.5), 3)
    0.386
    """
    if not 0 < delta < 1:
        raise ValueError(f"δ = m/n must lie between 0 and 1, got {delta}")
    z = np.linspace(0.001, 8, 8000)
    tail = 2 * ((1 + z**2) * norm.cdf(-z) - z * norm.pdf(z))
    return float(((1 - tail / delta) / (1 + z**2 - tail)).max())
