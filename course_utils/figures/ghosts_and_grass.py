"""Sample few Fourier coefficients, evenly or at random, and recover the spikes (workbook 08)."""

from __future__ import annotations

import numpy as np
import traitlets
from numpy import ndarray

from course_utils.figures import Figure
from course_utils.figures.recovery_camera import hash_numbers, soft_threshold

SIZE = 256
STEPS = 300
SAMPLES = (16, 32, 64, 128, 256)
FALL = 0.98  # the threshold of a step, as a share of the one before
# (place, height) of the spikes. Places differ modulo 16, so that no two ghosts fall together.
# fmt: off
SPIKES = (
    (20, 1.0), (101, -0.85), (182, 0.7), (199, -0.55), (41, 0.8), (78, -0.95),
    (139, 0.6), (209, -0.75), (163, -0.65), (61, 0.9), (124, -0.5), (191, 0.85),
    (34, 0.75), (88, -0.6), (154, -0.9), (240, 0.65),
)
# fmt: on


class GhostsAndGrass(Figure):
    """Two ways to take few of a signal's Fourier coefficients, and what a threshold makes of each.

    The signal x has 256 places and a few spikes. Above, its samples are equispaced; below, as many
    stand at random places (0, 128, and pairs ±k, since x is real). Both begin with x̂ = 0 and repeat
    v = x̂ + Aᵀ(y − A x̂), then x̂ = soft threshold of v, with a threshold that falls by 2 % a step
    from the largest |v|. The figure draws v and the threshold.

    Parameters
    ----------
    samples : how many coefficients are taken, one of 16, 32, 64, 128, 256.
    steps : how often v has been shrunk, 0 to 300.
    spikes : how many places are not 0, 1 to 16.
    seed : which random samples are taken.

    Raises
    ------
    traitlets.TraitError
        If a setting is none of those.

    References
    ----------
    Lustig, Donoho, Santos and Pauly (2008), IEEE Signal Processing Magazine 25, 72–82: figure 3.
    """

    tolerance = 1e-6  # the browser convolves where Python takes Fourier transforms

    samples = traitlets.Enum(SAMPLES, 64).tag(sync=True)
    steps = traitlets.Int(0, min=0, max=STEPS).tag(sync=True)
    spikes = traitlets.Int(4, min=1, max=16).tag(sync=True)
    seed = traitlets.Int(0, min=0, max=999).tag(sync=True)

    def signal(self) -> ndarray:
        """(256,) the spikes."""
        signal = np.zeros(SIZE)
        places, heights = zip(*SPIKES[: self.spikes], strict=True)
        signal[list(places)] = heights
        return signal

    def masks(self) -> ndarray:
        """(2, 256) True where a coefficient is taken: equispaced, then at random."""
        masks = np.zeros((2, SIZE), dtype=bool)
        masks[0, :: SIZE // self.samples] = True
        order = np.argsort(hash_numbers(np.arange(1, SIZE // 2), self.seed), kind="stable")
        chosen = 1 + order[: self.samples // 2 - 1]
        masks[1, np.concatenate([[0, SIZE // 2], chosen, -chosen])] = True
        return masks

    def numbers(self) -> dict:
        """What stands before the threshold, the thresholds, and how far off the result is."""
        signal, masks = self.signal(), self.masks()
        estimate, off = np.zeros((2, SIZE)), []
        thresholds: np.ndarray = np.zeros(2)
        for step in range(self.steps + 1):
            missing = np.fft.fft(signal - estimate) * masks
            bars = estimate + np.fft.ifft(missing).real
            thresholds = abs(bars).max(1) if step == 0 else FALL * thresholds
            off.append(np.linalg.norm(estimate - signal, axis=1) / np.linalg.norm(signal))
            if step < self.steps:
                estimate = soft_threshold(bars, thresholds[:, None])
        return {
            "bars": bars.tolist(),
            "thresholds": thresholds.tolist(),
            "off": off[-1].tolist(),
            "standing": (abs(bars) > thresholds[:, None] * (1 + 1e-9)).sum(1).tolist(),
        }

    @classmethod
    def example(cls) -> GhostsAndGrass:
        """Build the figure as the workbook opens it."""
        return cls()
