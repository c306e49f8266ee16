"""See every curvature of a least-squares problem shrink or grow under descent (workbook 06)."""

from __future__ import annotations

import cmath

import torch
import traitlets
from torch import Tensor

from course_utils.figures import Figure, Numbers

STEPS = 200  # the length of a run
MOST_DIRECTIONS = 64
GONE = 1e9  # a run ends where the loss is this many times as high as at the start
FLOOR = 1e-12  # below this share of the start, rounding shows in the measured factor


def factor_per_step(curvature: float, eta: float, alpha: float) -> float:
    """Factor by which the distance along a direction changes per step, in the long run.

    One step of momentum is a 2×2 matrix that acts on distance and velocity; the factor is the
    larger root, by magnitude, of z² − (1 + α − ηa) z + α.
    """
    half = (1 + alpha - eta * curvature) / 2
    root = cmath.sqrt(half * half - alpha)
    return max(abs(half + root), abs(half - root))


class SpectrumDesk(Figure):
    """Run gradient descent with momentum on least squares, beside what its curvatures predict.

    The loss is the mean of (features · w − targets)²/2 plus penalty · |w|²/2. It is quadratic, so
    the eigenvalues of its matrix are all its curvatures. The run starts at w = 0.

    Parameters
    ----------
    features : (N, n) numbers, n at most 64.
    targets : (N,) numbers.
    penalty : added to each of the curvatures.
    eta, alpha : learning rate and momentum.

    Raises
    ------
    traitlets.TraitError
        If shapes do not fit, a curvature is not positive or a number lies outside its range.
    """

    tolerance = 1e-6  # long sums, in another order than in the browser

    matrix = Numbers(axes=2).tag(sync=True)
    moments = Numbers(axes=1).tag(sync=True)
    lowest = Numbers(axes=1).tag(sync=True)
    curvatures = Numbers(axes=1).tag(sync=True)
    eta = traitlets.Float(0.18, min=0.001, max=10).tag(sync=True)
    alpha = traitlets.Float(0.0, min=0, max=0.99).tag(sync=True)

    def __init__(self, features, targets, penalty: float = 0.01, **traits):
        X = torch.as_tensor(features, dtype=torch.float64)
        y = torch.as_tensor(targets, dtype=torch.float64)
        if X.ndim != 2 or y.shape != X.shape[:1] or X.shape[1] > MOST_DIRECTIONS:
            raise traitlets.TraitError(
                f"features must be (N, n) with n at most {MOST_DIRECTIONS} and targets (N,), "
                f"got {tuple(X.shape)} and {tuple(y.shape)}"
            )
        matrix = X.T @ X / len(X) + penalty * torch.eye(X.shape[1], dtype=torch.float64)
        curvatures = torch.linalg.eigvalsh(matrix).flip(0)
        if curvatures[-1] <= 1e-9 * curvatures[0]:
            raise traitlets.TraitError("a curvature is 0: the penalty must be larger")
        moments = X.T @ y / len(X)
        lowest = torch.linalg.solve(matrix, moments)
        super().__init__(
            matrix=matrix, moments=moments, lowest=lowest, curvatures=curvatures, **traits
        )

    def _run(self) -> list[float]:
        """Loss above the lowest at every step, as a share of the first."""
        matrix, moments, lowest = (
            torch.tensor(values, dtype=torch.float64)
            for values in (self.matrix, self.moments, self.lowest)
        )
        w, v = torch.zeros_like(moments), torch.zeros_like(moments)
        excess: list[Tensor] = []
        while len(excess) <= STEPS and (not excess or excess[-1] <= GONE * excess[0]):
            gradient = matrix @ w - moments
            excess.append(gradient @ (w - lowest) / 2)
            v = self.alpha * v - self.eta * gradient
            w = w + v
        return [(value / excess[0]).item() for value in excess]

    def numbers(self) -> dict:
        """Every direction's factor, and what is left of the loss at every step of a run."""
        factors = [factor_per_step(a, self.eta, self.alpha) for a in self.curvatures]
        excess = self._run()
        quarter = max(1, (len(excess) - 1) // 4)
        early, late = excess[-1 - quarter], excess[-1]
        measured = (late / early) ** (0.5 / quarter) if late > FLOOR else None
        return {
            "factors": factors,
            "growing": sum(factor > 1 + 1e-9 for factor in factors),
            "largest": max(factors),
            "limit": 2 * (1 + self.alpha) / self.curvatures[0],
            "excess": excess,
            "measured": measured,
        }

    @classmethod
    def example(cls) -> SpectrumDesk:
        """Build a desk with two directions, of curvatures 10 and 0.1."""
        return cls([[20**0.5, 0], [0, 0.18**0.5]], [1, 1], alpha=0.5)
