"""A linear classifier on very many features, trained to the end."""

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from course_utils.sensing.operators import Operator

ROWS = 256  # examples brought to float32 at once


class Standardised(Operator):
    """Linear scores of examples: weights (..., F + 1) -> (..., N), the last weight for a 1.

    Features (N, F) may be kept as float16; on the way they are brought to mean 0 and deviation 1,
    by their own or by those of `like`.
    """

    def __init__(self, features: Tensor, like: "Standardised | None" = None):
        super().__init__(features.shape[1] + 1, features.shape[0])
        self.parts, count = features.split(ROWS), len(features)
        mean = sum(part.double().sum(0) for part in self.parts) / count if like is None else None
        if like is None:
            spread = sum((part - mean).square().sum(0) for part in self.parts) / count
        self.mean = mean.float() if like is None else like.mean
        self.scale = (spread.float() + 1e-6).sqrt() if like is None else like.scale

    def _forward(self, x: Tensor) -> Tensor:
        weights = x[..., :-1] / self.scale
        scores = torch.cat([weights @ part.float().mT for part in self.parts], -1)
        return scores + x[..., -1:] - (weights @ self.mean)[..., None]

    def _adjoint(self, y: Tensor) -> Tensor:
        pairs, total = zip(y.split(ROWS, -1), self.parts, strict=True), y.sum(-1, keepdim=True)
        found = sum(share @ part.float() for share, part in pairs)
        return torch.cat([(found - total * self.mean) / self.scale, total], -1)


def l2_svm(scores: Operator, labels: Tensor, strength: float, tolerance: float = 1e-3) -> Tensor:
    """Train one-against-the-rest classifiers: min ½‖w‖² + C Σ max(0, 1 − ±score)² for each.

    Newton's method for all classes at once, every step solved by conjugate gradients. It ends when
    no gradient is longer than `tolerance` times the one at w = 0.

    Parameters
    ----------
    scores : Operator
        (classes, features) weights -> (classes, N) scores; see `Standardised`.
    labels : Tensor
        (N,) int64.
    strength : float
        C > 0: how much errors count against the length of w.

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
    w, margins = torch.zeros(len(signs), *scores.shape_in).to(signs), torch.zeros_like(signs)
    enough = tolerance * 2 * strength * scores.adjoint(signs).norm(dim=-1)
    for _ in tqdm(range(100), desc="classifier", disable=None, leave=False):
        slack = (1 - margins).clamp(min=0)
        gradient = w - 2 * strength * scores.adjoint(signs * slack)
        if (gradient.norm(dim=-1) <= enough).all():
            return w
        step = _newton_step(scores, slack > 0, strength, gradient)
        moved, tries = signs * scores(step), 0.5 ** torch.arange(8.0)[:, None, None].to(w)
        values = (w + tries * step).square().sum(-1) / 2
        values += strength * (1 - margins - tries * moved).clamp(min=0).square().sum(-1)
        best = tries[values.argmin(0), 0]
        w, margins = w + best * step, margins + best * moved
    raise RuntimeError(f"the classifier has not converged for C = {strength}")


def _newton_step(scores: Operator, active: Tensor, strength: float, gradient: Tensor) -> Tensor:
    """Solve (I + 2C Aᵀ·active·A) step = −gradient to a tenth, by conjugate gradients."""
    step, left = torch.zeros_like(gradient), -gradient
    direction, size = left, left.square().sum(-1, keepdim=True)
    enough = 0.01 * size
    while (size > enough).any():
        turned = direction + 2 * strength * scores.adjoint(active * scores(direction))
        along = size / (direction * turned).sum(-1, keepdim=True).clamp(min=1e-30)
        step, left = step + along * direction, left - along * turned
        before, size = size, left.square().sum(-1, keepdim=True)
        direction = left + size / before.clamp(min=1e-30) * direction
    return step
