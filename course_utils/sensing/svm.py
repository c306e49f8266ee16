"""A linear classifier on very many features, trained to the end."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from course_utils.sensing.operators import Operator

ROWS = 256  # examples brought to float32 at once


class Standardised(Operator):
    """Linear scores of examples: weights (..., F + 1) -> (..., N), the last weight for a 1.

    Features may be kept as float16; they are brought to mean 0 and deviation 1 on the way, by
    their own mean and deviation or by those of `like`.
    """

    def __init__(self, features: Tensor, like: Standardised | None = None):
        super().__init__(features.shape[1] + 1, features.shape[0])
        self.parts = features.split(ROWS)
        if like is not None:
            self.mean, self.scale = like.mean, like.scale
            return
        self.mean = sum(part.double().sum(0) for part in self.parts) / len(features)
        spread = sum((part - self.mean).square().sum(0) for part in self.parts) / len(features)
        self.mean, self.scale = self.mean.float(), (spread.float() + 1e-6).sqrt()

    def _forward(self, x: Tensor) -> Tensor:
        weights = x[..., :-1] / self.scale
        scores = torch.cat([weights @ part.float().mT for part in self.parts], -1)
        return scores + x[..., -1:] - (weights @ self.mean)[..., None]

    def _adjoint(self, y: Tensor) -> Tensor:
        shares = zip(y.split(ROWS, -1), self.parts, strict=True)
        total, found = y.sum(-1, keepdim=True), sum(share @ part.float() for share, part in shares)
        return torch.cat([(found - total * self.mean) / self.scale, total], -1)


def l2_svm(
    scores: Operator,
    labels: Tensor,
    strength: float,
    *,
    start: Tensor | None = None,
    tolerance: float = 1e-3,
) -> Tensor:
    """Train one-against-the-rest classifiers: min ½‖w‖² + C Σ max(0, 1 − ±(score))² for each.

    Newton's method, every step solved by conjugate gradients, for all classes at once. It ends
    when each gradient is `tolerance` of the one at w = 0, so that two thorough solvers agree.

    Parameters
    ----------
    scores : Operator
        (classes, features) weights -> (classes, N) scores; see `Standardised`.
    labels : Tensor
        (N,) int64.
    strength : float
        C > 0: how much errors count against the length of w.
    start : Tensor, optional
        (classes, features) weights to begin with.

    Returns
    -------
    Tensor
        (classes, features).

    References
    ----------
    Keerthi and DeCoste (2005), JMLR 6, 341–361.
    """
    if not strength > 0:
        raise ValueError(f"C must be more than 0, not {strength}")
    signs = 2.0 * F.one_hot(labels).mT - 1
    first = 2 * strength * scores.adjoint(signs).norm(dim=-1, keepdim=True)
    w = torch.zeros(len(signs), *scores.shape_in).to(signs) if start is None else start
    margins = signs * scores(w)
    for _ in tqdm(range(100), desc=f"SVM, C = {strength:g}", disable=None, leave=False):
        slack = (1 - margins).clamp(min=0)
        gradient = w - 2 * strength * scores.adjoint(signs * slack)
        if (gradient.norm(dim=-1, keepdim=True) <= tolerance * first).all():
            return w
        step = _newton(scores, slack > 0, strength, gradient)
        moved = signs * scores(step)
        lengths = 0.5 ** torch.arange(8.0).to(w)
        lengths = lengths[_objective(w, step, margins, moved, strength, lengths).argmin(0)]
        w, margins = w + lengths[:, None] * step, margins + lengths[:, None] * moved
    raise RuntimeError(f"the classifier has not converged at C = {strength}")


def _newton(scores: Operator, active: Tensor, strength: float, gradient: Tensor) -> Tensor:
    """Solve (I + 2C Aᵀ·active·A) step = −gradient, roughly, by conjugate gradients."""
    step = torch.zeros_like(gradient)
    left = direction = -gradient
    size = enough = left.square().sum(-1, keepdim=True)
    for _ in range(100):
        turned = direction + 2 * strength * scores.adjoint(active * scores(direction))
        along = size / (direction * turned).sum(-1, keepdim=True).clamp(min=1e-30)
        step, left = step + along * direction, left - along * turned
        size, before = left.square().sum(-1, keepdim=True), size
        if (size <= 1e-2 * enough).all():
            break
        direction = left + size / before.clamp(min=1e-30) * direction
    return step


def _objective(w, step, margins, moved, strength, lengths) -> Tensor:
    """(lengths, classes) values of what is minimised, at each length of the step."""
    each = []
    for length in lengths:
        slack = (1 - margins - length * moved).clamp(min=0)
        each.append((w + length * step).square().sum(-1) / 2 + strength * slack.square().sum(-1))
    return torch.stack(each)
