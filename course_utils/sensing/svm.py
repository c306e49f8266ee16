"""A linear classifier on very many features, trained to the end."""

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from course_utils.sensing.operators import Operator

ROWS = 256  # examples brought to float32 at once


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


def l2_svm(scores: Operator, labels: Tensor, C: float, tolerance: float = 1e-3) -> Tensor:
    """Train one-against-the-rest classifiers: min ½‖w‖² + C Σ max(0, 1 − ±score)² for each.

    Newton's method for all classes at once, every step solved by conjugate gradients.

    Parameters
    ----------
    scores : Operator
        (classes, features) weights -> (classes, N) scores; see `StandardizedFeatures`.
    labels : Tensor
        (N,) int64.
    C : float
        More than 0: how much errors count against the length of w, as in scikit-learn's LinearSVC.
    tolerance : float
        Longest gradient at the end, as a share of the first one.

    Returns
    -------
    Tensor
        (classes, features).

    Raises
    ------
    ValueError
        If C is not more than 0.
    RuntimeError
        If a hundred steps are not enough.

    References
    ----------
    Keerthi and DeCoste (2005), JMLR 6, 341–361.
    """
    if not C > 0:
        raise ValueError(f"C must be more than 0, got {C}")
    signs = 2.0 * F.one_hot(labels).mT - 1
    w, margins = torch.zeros(len(signs), *scores.shape_in).to(signs), torch.zeros_like(signs)
    small = tolerance * 2 * C * scores.adjoint(signs).norm(dim=-1)
    for _ in tqdm(range(100), desc="classifier", disable=None, leave=False):
        slack = (1 - margins).clamp(min=0)
        gradient = w - 2 * C * scores.adjoint(signs * slack)
        if (gradient.norm(dim=-1) <= small).all():
            return w
        step = _newton_step(scores, slack > 0, C, gradient)
        # line search: a whole step may overshoot; the best of 1, 1/2, … 1/128 is taken, by class
        change, lengths = signs * scores(step), 0.5 ** torch.arange(8.0)[:, None, None].to(w)
        values = (w + lengths * step).square().sum(-1) / 2
        values += C * (1 - margins - lengths * change).clamp(min=0).square().sum(-1)
        best = lengths[values.argmin(0), 0]
        w, margins = w + best * step, margins + best * change
    raise RuntimeError(f"the classifier has not converged for C = {C}")


def _newton_step(scores: Operator, active: Tensor, C: float, gradient: Tensor) -> Tensor:
    """Solve (I + 2C Aᵀ·active·A) step = −gradient to a tenth, by conjugate gradients."""
    step, residual = torch.zeros_like(gradient), -gradient
    direction, squared = residual, residual.square().sum(-1, keepdim=True)
    small = 0.01 * squared
    while (squared > small).any():
        product = direction + 2 * C * scores.adjoint(active * scores(direction))
        length = squared / (direction * product).sum(-1, keepdim=True).clamp(min=1e-30)
        step, residual = step + length * direction, residual - length * product
        previous, squared = squared, residual.square().sum(-1, keepdim=True)
        direction = residual + squared / previous.clamp(min=1e-30) * direction
    return step
