"""Measuring signals with few numbers and recovering them, and sparse codes as features.

`operators` measure, `solvers` recover, `phase` says when that succeeds, `decoder` needs no
training, `coates_ng` classifies images by sparse codes.

>>> from course_utils import datasets
>>> from course_utils.sensing.operators import DCT, Restriction
>>> from course_utils.sensing.solvers import fista, geometric_schedule, psnr
>>> image = datasets.photograph(size=64, gray=True)[0] / 255
>>> pixels, cosines = Restriction((64, 64), 0.3), DCT((64, 64))
>>> codes = fista(pixels @ cosines.H, pixels(image), geometric_schedule(1, 1e-2, 100))
>>> 20 < psnr(cosines.H(codes), image) < 30
True
"""

from course_utils import _torchvision  # noqa: F401  (makes a plain `import torchvision` work)
