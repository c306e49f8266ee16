"""A camera that measures few pixels: recover the rest under a prior (workbook 08)."""

from __future__ import annotations

import numpy as np
import traitlets
from numpy import ndarray

from course_utils.figures import Figure, Numbers

PRIORS = ("none", "DCT, ℓ₁", "Haar wavelets, ℓ₁", "total variation")
PATTERNS = ("random pixels", "whole rows", "even grid")
STRENGTHS = (0.5, 1, 2, 5, 10, 20, 50)  # λ, in grey levels
SIDES = (16, 32, 64, 128)
STEPS = {"ℓ₁": 30, "total variation": 80}
DECAY_SHARE = 0.75  # the share of the steps over which the threshold comes down to λ
LEVELS = 3  # of the wavelets; what is coarser is not penalised
PROBES = ((1, 2), (3, 1), (2, 3), (1, 1))  # pixels told in `numbers`, in quarters of the side


class RecoveryCamera(Figure):
    """Measure some of a photograph's pixels; recover all of them; read how well it went.

    The picture x̂ makes ½‖M(x̂ − y)‖² + λ·R(x̂) small, where M keeps the measured pixels and the
    prior R is the ℓ₁ norm of the DCT, that of shifted Haar wavelets, or the total variation.
    Without a prior x̂ is the solution of smallest norm: 0 wherever nothing was measured.

    Parameters
    ----------
    image : (side, side) or (1, side, side) grey levels 0 to 255, or floats in [0, 1]; the side is
        16, 32, 64 or 128 pixels.
    prior : "none", "DCT, ℓ₁", "Haar wavelets, ℓ₁" or "total variation".
    pattern : "random pixels", "whole rows" or "even grid", which at 25 % is every fourth pixel. A
        larger share adds pixels and moves none.
    sampled : the share that is measured, in per cent.
    strength : λ in grey levels, one of 0.5, 1, 2, 5, 10, 20, 50.
    noise : standard deviation of the noise on each measurement, in grey levels.
    seed : which pixels come first, and which noise.

    Raises
    ------
    traitlets.TraitError
        If the image has another form or range, or a setting is none of those.

    References
    ----------
    Beck and Teboulle (2009), FISTA; Hale, Yin and Zhang (2008), falling thresholds; Coifman and
    Donoho (1995), shifted wavelets; Chambolle and Pock (2011), total variation.
    """

    tolerance = 1e-6  # another fast transform, other roundings
    max_latency_ms = 100.0  # every change is a recovery of its own

    image = Numbers(axes=2).tag(sync=True)
    prior = traitlets.Enum(PRIORS, PRIORS[1]).tag(sync=True)
    pattern = traitlets.Enum(PATTERNS, PATTERNS[0]).tag(sync=True)
    sampled = traitlets.Int(30, min=1, max=99).tag(sync=True)
    strength = traitlets.Enum(STRENGTHS, 1).tag(sync=True)
    noise = traitlets.Int(0, min=0, max=50).tag(sync=True)
    seed = traitlets.Int(0, min=0, max=999).tag(sync=True)

    def __init__(self, image, **traits):
        if "float" in str(getattr(image, "dtype", "")) and image.max() <= 1:
            image = (image * 255).round()
        if getattr(image, "ndim", 2) == 3 and len(image) == 1:
            image = image[0]
        super().__init__(image=image, **traits)

    @traitlets.validate("image")
    def _check_image(self, proposal):
        image = np.array(proposal.value, dtype=float)
        if image.shape[0] != image.shape[1] or image.shape[0] not in SIDES:
            raise traitlets.TraitError(
                f"image must have a side of 16, 32, 64 or 128 pixels, got {image.shape}; "
                "try datasets.photograph(size=64, gray=True)"
            )
        if image.min() < 0 or image.max() > 255:
            raise traitlets.TraitError(
                f"image must hold grey levels 0 to 255, got {image.min():g} to {image.max():g}"
            )
        return proposal.value

    def mask(self) -> ndarray:
        """(side, side) ones where a pixel is measured, zeros elsewhere."""
        side = len(self.image)
        places = side if self.pattern == "whole rows" else side * side
        count = max(1, (self.sampled * places + 50) // 100)
        even = self.pattern == "even grid"
        ranks = grid_ranks(side) if even else hash_numbers(np.arange(places), 2 * self.seed)
        first = np.argsort(ranks, kind="stable")[:count]
        mask = np.zeros(places)
        mask[first] = 1
        return np.broadcast_to(mask.reshape(side, -1), (side, side))

    def measurements(self) -> ndarray:
        """(side, side) measured grey levels with their noise, zeros elsewhere."""
        side = len(self.image)
        first, second = hash_numbers(np.arange(2 * side * side), 2 * self.seed + 1).reshape(
            2, side, side
        )
        radius = np.sqrt(-2 * np.log((first + 1) / 2**32))
        normal = radius * np.cos(2 * np.pi * second / 2**32)
        return self.mask() * (np.array(self.image, dtype=float) + self.noise * normal)

    def recovered(self) -> ndarray:
        """(side, side) recovered grey levels."""
        mask, measured = self.mask(), self.measurements()
        if self.prior == "none":
            return measured
        if self.prior == "total variation":
            return solve_by_variation(mask, measured, self.strength)
        transform = shrink_dct if self.prior.startswith("DCT") else shrink_haar
        return solve_by_fista(mask, measured, self.strength, transform)

    def numbers(self) -> dict:
        """Pixels measured, both PSNRs in dB, and some recovered pixels."""
        image, quarter = np.array(self.image, dtype=float), len(self.image) // 4
        recovered = self.recovered()
        return {
            "measured": int(self.mask().sum()),
            "psnr": psnr(recovered, image),
            "psnr_none": psnr(self.measurements(), image),
            "pixels": [float(recovered[quarter * i, quarter * j]) for i, j in PROBES],
        }

    @classmethod
    def example(cls) -> RecoveryCamera:
        """Build a camera before a photograph of 64 × 64 pixels."""
        from course_utils.datasets import photograph

        return cls(photograph(size=64, gray=True))


def hash_numbers(numbers: ndarray, seed: int) -> ndarray:
    """Spread whole numbers, of any shape, over 0 … 2³² − 1, as the browser does.

    This is the finaliser of MurmurHash3.
    """
    mixed = (numbers + seed * 0x9E3779B9).astype(np.uint64) & 0xFFFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        mixed = (mixed ^ (mixed >> shift)) * factor & 0xFFFFFFFF
    return mixed ^ (mixed >> 16)


def grid_ranks(side: int) -> ndarray:
    """(side²,) the order in which pixels keep an even grid: by halves in both directions."""
    row, column = np.divmod(np.arange(side * side), side)
    ranks = np.zeros(side * side, dtype=int)
    for level in range(int(side).bit_length() - 1):
        down, across = row >> level & 1, column >> level & 1
        ranks = 4 * ranks + 2 * (down ^ across) + down
    return ranks


def psnr(picture: ndarray, reference: ndarray) -> float:
    """(H, W), (H, W) -> peak signal-to-noise ratio in dB, for grey levels to 255; 100 at most."""
    return float(-10 * np.log10(max(np.mean(((picture - reference) / 255) ** 2), 1e-10)))


def soft_threshold(values: ndarray, threshold: float | ndarray) -> ndarray:
    """Move values, of any shape, towards 0 by the threshold, and no further."""
    return np.sign(values) * np.maximum(np.abs(values) - threshold, 0)


def dct_matrix(side: int) -> ndarray:
    """(side, side) orthonormal: row k is the cosine of frequency k."""
    angles = np.pi * np.outer(np.arange(side), 2 * np.arange(side) + 1) / (2 * side)
    matrix = np.sqrt(2 / side) * np.cos(angles)
    matrix[0] /= np.sqrt(2)
    return matrix


def shrink_dct(picture: ndarray, step: int, threshold: float) -> tuple[ndarray, float]:
    """(side, side) -> with its DCT soft-thresholded; also its largest coefficient but the mean."""
    matrix = dct_matrix(len(picture))
    values = matrix @ picture @ matrix.T
    largest = np.abs(values).ravel()[1:].max()
    return matrix.T @ soft_threshold(values, threshold) @ matrix, largest


def shrink_haar(picture: ndarray, step: int, threshold: float) -> tuple[ndarray, float]:
    """(side, side) -> with its Haar wavelets soft-thresholded; also the largest coefficient.

    The picture is shifted another way at each step, and back, which spares it the wavelets'
    squares. The coarsest means are kept.
    """
    shift = (5 * step % 8, (3 * step + step // 8) % 8)
    mean, details, largest = np.roll(picture, shift, axis=(0, 1)), [], 0.0
    for _ in range(LEVELS):
        a, b = mean[::2, ::2], mean[::2, 1::2]
        c, d = mean[1::2, ::2], mean[1::2, 1::2]
        mean = (a + b + c + d) / 2
        detail = np.stack([a - b + c - d, a + b - c - d, a - b - c + d]) / 2
        largest = max(largest, np.abs(detail).max())
        details.append(soft_threshold(detail, threshold))
    for across, down, both in reversed(details):
        finer = np.empty((2 * len(mean), 2 * len(mean)))
        finer[::2, ::2] = (mean + across + down + both) / 2
        finer[::2, 1::2] = (mean - across + down - both) / 2
        finer[1::2, ::2] = (mean + across - down - both) / 2
        finer[1::2, 1::2] = (mean - across - down + both) / 2
        mean = finer
    return np.roll(mean, (-shift[0], -shift[1]), axis=(0, 1)), largest


def solve_by_fista(mask: ndarray, measured: ndarray, strength: float, shrink) -> ndarray:
    """FISTA: a step towards the measurements, a threshold, and a push onwards.

    Mask, measurements and result are (side, side). The threshold begins at the largest coefficient
    and falls geometrically to `strength`.
    """
    steps = STEPS["ℓ₁"]
    excess = max(1, shrink(measured, 0, np.inf)[1] / strength)
    old = ahead = measured
    pace = 1.0
    for step in range(steps):
        threshold = strength * excess ** max(0, 1 - step / (DECAY_SHARE * steps))
        new, _ = shrink(ahead + mask * (measured - ahead), step, threshold)
        faster = (1 + np.sqrt(1 + 4 * pace**2)) / 2
        ahead = new + (pace - 1) / faster * (new - old)
        old, pace = new, faster
    return old


def solve_by_variation(mask: ndarray, measured: ndarray, strength: float) -> ndarray:
    """(side, side) recovered by Chambolle and Pock's steps, from the measured pixels' mean."""
    picture = np.where(mask, measured, measured.sum() / mask.sum())
    ahead, down, across = picture, np.zeros_like(picture), np.zeros_like(picture)
    primal, dual = 8 / strength, strength / 64  # their product is 1/8, the largest that converges
    for _ in range(STEPS["total variation"]):
        down[:-1] += dual * np.diff(ahead, axis=0)
        across[:, :-1] += dual * np.diff(ahead, axis=1)
        excess = np.maximum(1, np.hypot(down, across) / strength)
        down, across = down / excess, across / excess
        slopes = np.diff(down, axis=0, prepend=0) + np.diff(across, axis=1, prepend=0)
        new = (picture + primal * (slopes + mask * measured)) / (1 + primal * mask)
        picture, ahead = new, 2 * new - picture
    return picture
