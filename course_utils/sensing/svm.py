"""A linear classifier on very many features, trained to the end."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from course_utils.sensing.operators import Operator

ROWS = 256  # examples brought to float32 at once
RANK = 300  # directions that the preconditioner knows


class StandardizedFeatures(Operator):
    """Linear scores of examples: weights (..., F + 1) -> (..., N), the last weight for a 1.

    On the way the features are brought to mean 0 and deviation 1.

    Parameters
    ----------
    features : Tensor
        (N, F), which may be kept as float16.
    like : StandardizedFeatures, optional
        Training features, whose means and deviations are taken instead of these features' own.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, features: Tensor, like: "StandardizedFeatures | None" = None):
        super().__init__(features.shape[1] + 1, features.shape[0])
        self.parts = features.split(ROWS)
        if like is not None:
            self.mean, self.scale = like.mean, like.scale
            return
        mean = torch.zeros(features.shape[1], dtype=torch.double, device=features.device)
        for part in self.parts:
            mean += part.double().sum(0) / len(features)
        variance = torch.zeros_like(mean)
        for part in self.parts:
            variance += (part - mean).square().sum(0) / len(features)
        self.mean = mean.float()
        self.scale = (variance.float() + 1e-6).sqrt()  # a constant feature has no deviation

    def _forward(self, x: Tensor) -> Tensor:
        weights = x[..., :-1] / self.scale
        scores = torch.cat([weights @ part.float().mT for part in self.parts], -1)
        return scores + x[..., -1:] - (weights @ self.mean)[..., None]

    def _adjoint(self, y: Tensor) -> Tensor:
        total = y.sum(-1, keepdim=True)
        products = y.new_zeros(*y.shape[:-1], len(self.mean))
        for weights, part in zip(y.split(ROWS, -1), self.parts, strict=True):
            products += weights @ part.float()
        return torch.cat([(products - total * self.mean) / self.scale, total], -1)


def l2_svm(
    scores: Operator, labels: Tensor, C: float | Sequence[float], tolerance: float = 1e-3
) -> Tensor:
    """Train one-against-the-rest classifiers: min ½‖w‖² + C Σ max(0, 1 − ±score)² for each.

    Newton's method for all classes and all C at once, so that each pass over the examples serves
    them all; every step is solved by preconditioned conjugate gradients.

    Parameters
    ----------
    scores : Operator
        (classes, features) weights -> (classes, N) scores; see `StandardizedFeatures`.
    labels : Tensor
        (N,) int64.
    C : float or sequence of floats
        More than 0: how much errors count against the length of w, as in scikit-learn's LinearSVC.
    tolerance : float
        Longest gradient at the end, as a share of the first one.

    Returns
    -------
    Tensor
        (classes, features), or (len(C), classes, features) where C is a sequence.

    Raises
    ------
    ValueError
        If a C is not more than 0.
    RuntimeError
        If a hundred steps are not enough.

    References
    ----------
    Keerthi and DeCoste (2005), JMLR 6, 341–361.
    """
    path = list(C) if isinstance(C, Sequence) else [C]
    if not path or not min(path) > 0:
        raise ValueError(f"C must be more than 0, got {C}")
    signs = 2.0 * F.one_hot(labels).mT - 1
    first = scores.adjoint(signs).norm(dim=-1)
    weight = 2 * torch.tensor(path).to(signs).repeat_interleave(len(signs))[:, None]
    small = tolerance * weight[:, 0] * first.repeat(len(path))
    signs = signs.repeat(len(path), 1)  # (len(C) · classes, N) from here on
    near = _Nystrom.of(scores, signs)
    w, margins = torch.zeros(len(signs), *scores.shape_in).to(signs), torch.zeros_like(signs)
    for _ in tqdm(range(100), desc="classifier", disable=None, leave=False):
        slack = (1 - margins).clamp(min=0)
        gradient = w - weight * scores.adjoint(signs * slack)
        on = (gradient.norm(dim=-1) > small).nonzero()[:, 0]  # rows that are not there yet
        if not len(on):
            return w.unflatten(0, (len(path), -1)) if isinstance(C, Sequence) else w
        step = _newton_step(scores, slack[on] > 0, weight[on], gradient[on], near)
        change = signs[on] * scores(step)
        length = _best_length(w[on], step, margins[on], change, weight[on])
        w[on] += length * step
        margins[on] += length * change
    raise RuntimeError(f"the classifier has not converged for C = {C}")


class _Nystrom(NamedTuple):
    """The largest eigenvalues of AᵀA and their vectors, about, for an operator A.

    References
    ----------
    Frangella, Tropp and Udell (2023), SIAM J. Matrix Anal. Appl. 44, 718–752.
    """

    vectors: Tensor  # (features, rank), orthonormal
    values: Tensor  # (rank,), the largest eigenvalues of AᵀA, falling

    @classmethod
    def of(cls, scores: Operator, like: Tensor) -> "_Nystrom":
        """Sketch AᵀA by one pass over the examples with `RANK` random directions."""
        count = scores.shape_in[-1]
        noise = torch.randn(count, min(RANK, count), generator=torch.Generator().manual_seed(0))
        probes = torch.linalg.qr(noise)[0].to(like)
        sketch = scores.adjoint(scores(probes.mT)).mT.double()
        probes = probes.double()
        shift = 3e-6 * sketch.norm()  # above float32's rounding, or the next line finds no root
        sketch += shift * probes
        root = torch.linalg.cholesky(probes.mT @ sketch)
        half = torch.linalg.solve_triangular(root, sketch.mT, upper=False).mT
        vectors, singular, _ = torch.linalg.svd(half, full_matrices=False)
        return cls(vectors.to(like), (singular**2 - shift).clamp(min=0).to(like))

    def solve(self, residual: Tensor, weight: Tensor) -> Tensor:
        """(I + weight · AᵀA)⁻¹ residual, about; beyond the known directions as for the last."""
        known, rest = 1 / (1 + weight * self.values), 1 / (1 + weight * self.values[-1])
        return rest * residual + ((known - rest) * (residual @ self.vectors)) @ self.vectors.mT


def _newton_step(
    scores: Operator, active: Tensor, weight: Tensor, gradient: Tensor, near: _Nystrom
) -> Tensor:
    """Solve (I + weight · Aᵀ·active·A) step = −gradient to a third, by conjugate gradients."""
    shrunk = weight * active.to(weight).mean(-1, keepdim=True)
    step, residual, small = torch.zeros_like(gradient), -gradient, gradient.norm(dim=-1) / 3
    direction = near.solve(residual, shrunk)
    squared = (residual * direction).sum(-1, keepdim=True)
    on = torch.arange(len(gradient), device=gradient.device)
    while len(on):
        along = direction[on]
        product = along + weight[on] * scores.adjoint(active[on] * scores(along))
        length = squared[on] / (along * product).sum(-1, keepdim=True)
        step[on] += length * along
        residual[on] -= length * product
        on = on[residual[on].norm(dim=-1) > small[on]]
        solved = near.solve(residual[on], shrunk[on])
        previous, squared[on] = squared[on], (residual[on] * solved).sum(-1, keepdim=True)
        direction[on] = solved + squared[on] / previous * direction[on]
    return step


def _best_length(
    w: Tensor, step: Tensor, margins: Tensor, change: Tensor, weight: Tensor
) -> Tensor:
    """Of 1, 1/2, … 1/128, what lowers each row's objective most, (rows, 1): 1 may overshoot."""
    lengths = 0.5 ** torch.arange(8.0).to(w)
    values = [
        (w + length * step).square().sum(-1)
        + (weight * (1 - margins - length * change).clamp(min=0).square()).sum(-1)
        for length in lengths
    ]
    return lengths[torch.stack(values).argmin(0)][:, None]
