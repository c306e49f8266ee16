"""Measuring signals with few numbers and recovering them, and sparse codes as features.

`operators` measure, `solvers` recover, `phase` says when that succeeds, `decoder` needs no
training, `coates_ng` classifies images by sparse codes.

>>> from course_utils.sensing.operators import DCT, RandomPixels
>>> from course_utils.sensing.solvers import falling, fista, psnr
>>> pixels, cosines = RandomPixels((64, 64), 0.3), DCT((64, 64))
>>> codes = fista(pixels @ cosines.H, pixels(image), falling(1, 1e-2, 100))
>>> psnr(cosines.H(codes), image)
"""

from course_utils import _torchvision  # noqa: F401  (makes a plain `import torchvision` work)
