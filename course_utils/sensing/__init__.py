"""Measuring images with few numbers, and recovering them: operators, solvers, dictionaries.

>>> pixels = RandomPixels((64, 64), 0.3, seed=0)
>>> cosines = DCT((64, 64))
>>> found = fista(pixels @ cosines.H, pixels(image), falling(1, 1e-3, 100))
>>> psnr(cosines.H(found), image)
"""

from course_utils.sensing.decoder import deep_decoder, untrained_decoder
from course_utils.sensing.operators import (
    DCT,
    Fourier,
    Gaussian,
    KSpace,
    Matrix,
    Operator,
    RandomPixels,
    SubsampledDCT,
    Tomography,
    Wavelet,
    kspace_mask,
    random_mask,
)
from course_utils.sensing.phase import donoho_tanner, recovered, sparse_signals
from course_utils.sensing.solvers import (
    basis_pursuit,
    douglas_rachford,
    falling,
    fista,
    ista,
    omp,
    psnr,
    shifting,
    soft_threshold,
    total_variation,
)

__all__ = [
    "DCT",
    "Fourier",
    "Gaussian",
    "KSpace",
    "Matrix",
    "Operator",
    "RandomPixels",
    "SubsampledDCT",
    "Tomography",
    "Wavelet",
    "basis_pursuit",
    "deep_decoder",
    "donoho_tanner",
    "douglas_rachford",
    "falling",
    "fista",
    "ista",
    "kspace_mask",
    "omp",
    "psnr",
    "random_mask",
    "recovered",
    "shifting",
    "soft_threshold",
    "sparse_signals",
    "total_variation",
    "untrained_decoder",
]
