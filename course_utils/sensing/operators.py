"""Linear measurements without their matrices: each operator knows A and its adjoint Aᴴ.

>>> pixels = RandomPixels((64, 64), 0.3, seed=0)
>>> y = pixels(image)                       # (..., 64, 64) -> (..., 1229)
>>> A = pixels @ DCT((64, 64)).H            # measures a picture given by its DCT coefficients
>>> A.adjoint(y)                            # (..., 64, 64): coefficients

Axes before the last ones are a batch. A test holds each to ⟨Ax, y⟩ = ⟨x, Aᴴy⟩.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pywt
import torch
from scipy import fft, sparse
from torch import Tensor


class Operator:
    """A linear map x -> Ax and its adjoint y -> Aᴴy; subclasses write `_forward`, `_adjoint`.

    `tight` says that AAᴴ = I: then Aᴴy is the shortest x with Ax = y. `orthonormal` says that
    AᴴA = I too: then Aᴴ is the inverse.
    """

    tight = orthonormal = False

    def __init__(self, shape_in: int | Sequence[int], shape_out: int | Sequence[int]):
        self.shape_in, self.shape_out = _shape(shape_in), _shape(shape_out)

    def forward(self, x: Tensor) -> Tensor:
        """(..., *shape_in) -> (..., *shape_out): measure. Also written A(x)."""
        return self._forward(_checked(x, self.shape_in, f"{type(self).__name__}.forward"))

    __call__ = forward

    def adjoint(self, y: Tensor) -> Tensor:
        """(..., *shape_out) -> (..., *shape_in): spread measurements back, Aᴴy."""
        return self._adjoint(_checked(y, self.shape_out, f"{type(self).__name__}.adjoint"))

    @cached_property
    def norm(self) -> float:
        """Largest singular value: known for tight operators, else by the power method."""
        if self.tight:
            return 1.0
        x = torch.randn(self.shape_in, generator=torch.Generator().manual_seed(0))
        for _ in range(100):
            x = self.adjoint(self.forward(x / x.norm()))
        return math.sqrt(x.norm())

    @property
    def H(self) -> Operator:  # noqa: N802  (as mathematics writes it)
        """The adjoint as an operator; of an orthonormal transform it is the inverse."""
        return _Adjoint(self)

    def __matmul__(self, other: Operator) -> Operator:
        return Compose(self, other)


class _Adjoint(Operator):
    def __init__(self, operator: Operator):
        super().__init__(operator.shape_out, operator.shape_in)
        self.operator, self.tight = operator, operator.orthonormal
        self.orthonormal = operator.orthonormal
        self._forward, self._adjoint = operator.adjoint, operator.forward

    @property
    def norm(self) -> float:
        return self.operator.norm

    @property
    def H(self) -> Operator:  # noqa: N802
        return self.operator


class Compose(Operator):
    """First `inner`, then `outer`; also written outer @ inner."""

    def __init__(self, outer: Operator, inner: Operator):
        if inner.shape_out != outer.shape_in:
            raise ValueError(
                f"{type(inner).__name__} gives {inner.shape_out}, but "
                f"{type(outer).__name__} takes {outer.shape_in}"
            )
        super().__init__(inner.shape_in, outer.shape_out)
        self.outer, self.inner = outer, inner
        self.tight = outer.tight and inner.tight
        self.orthonormal = outer.orthonormal and inner.orthonormal

    def _forward(self, x: Tensor) -> Tensor:
        return self.outer.forward(self.inner.forward(x))

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.inner.adjoint(self.outer.adjoint(y))


class Matrix(Operator):
    """Measure with a real matrix (m, n), or with a batch (..., m, n), one for each problem."""

    def __init__(self, matrix: Tensor):
        matrix = torch.as_tensor(matrix)
        self.matrix = matrix if matrix.is_floating_point() else matrix.float()
        super().__init__(matrix.shape[-1], matrix.shape[-2])

    def _forward(self, x: Tensor) -> Tensor:
        return (x[..., None, :] @ self.matrix.mT.to(x.dtype)).squeeze(-2)

    def _adjoint(self, y: Tensor) -> Tensor:
        return (y[..., None, :] @ self.matrix.to(y.dtype)).squeeze(-2)

    @cached_property
    def norm(self) -> float:
        """Largest singular value; of a batch the largest of all."""
        return torch.linalg.matrix_norm(self.matrix, 2).max().item()


class Gaussian(Matrix):
    """m random mixtures of n numbers: entries N(0, 1/m), so that columns have length about 1."""

    def __init__(self, m: int, n: int, *, batch: Sequence[int] = (), seed: int = 0):
        if not 1 <= m <= n:
            raise ValueError(f"take 1 to n = {n} measurements, not {m}")
        generator = torch.Generator().manual_seed(seed)
        super().__init__(torch.randn(*batch, m, n, generator=generator) / math.sqrt(m))


class RandomPixels(Operator):
    """Keep some pixels: those of a boolean mask, or a random fraction of a shape.

    >>> RandomPixels((64, 64), 0.3, seed=0).mask    # (64, 64), True where a pixel is kept
    """

    tight = True

    def __init__(self, shape: int | Sequence[int], fraction: float | Tensor, *, seed: int = 0):
        given = isinstance(fraction, Tensor)
        self.mask = fraction.bool() if given else random_mask(shape, fraction, seed=seed)
        if self.mask.shape != _shape(shape) or not self.mask.any():
            raise ValueError(f"mask {tuple(self.mask.shape)} is empty or not of shape {shape}")
        self.index = self.mask.flatten().nonzero().squeeze(-1)
        super().__init__(shape, len(self.index))

    def _forward(self, x: Tensor) -> Tensor:
        return x.flatten(-len(self.shape_in)).index_select(-1, self.index)

    def _adjoint(self, y: Tensor) -> Tensor:
        x = y.new_zeros(*y.shape[:-1], self.mask.numel())
        return x.index_copy(-1, self.index, y).unflatten(-1, self.shape_in)


class DCT(Operator):
    """Orthonormal cosine transform (DCT-II) over a signal's or an image's axes."""

    tight = orthonormal = True

    def __init__(self, shape: int | Sequence[int]):
        super().__init__(shape, shape)
        self.axes = tuple(range(-len(self.shape_in), 0))

    def _forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(fft.dctn(x.numpy(), axes=self.axes, norm="ortho"))

    def _adjoint(self, y: Tensor) -> Tensor:
        return torch.from_numpy(fft.idctn(y.numpy(), axes=self.axes, norm="ortho"))


class Wavelet(Operator):
    """Orthonormal wavelet transform of images, by PyWavelets.

    Coefficients stand in an image of the same size, the coarsest in its upper left corner. By
    default there are as many levels as the image is large enough for; sides must be multiples
    of 2**levels.
    """

    tight = orthonormal = True

    def __init__(self, shape: Sequence[int], name: str = "db2", levels: int | None = None):
        super().__init__(shape, shape)
        if not pywt.Wavelet(name).orthogonal:
            raise ValueError(f"{name} is not orthogonal; take 'haar', 'db2' or 'sym4'")
        most = pywt.dwt_max_level(min(self.shape_in), name)
        levels = most if levels is None else levels
        if not 1 <= levels <= most or any(side % 2**levels for side in self.shape_in):
            raise ValueError(f"{self.shape_in} is too small or odd for {levels} levels of {name}")
        self.options = {"wavelet": name, "mode": "periodization", "axes": (0, 1)}
        self.levels = levels
        empty = pywt.wavedec2(np.zeros(self.shape_in), level=levels, **self.options)
        self.boxes = pywt.coeffs_to_array(empty)[1]  # where each level's coefficients stand

    def _forward(self, x: Tensor) -> Tensor:
        parts = pywt.wavedec2(_images_last(x), level=self.levels, **self.options)
        return _images_first(pywt.coeffs_to_array(parts, axes=(0, 1))[0])

    def _adjoint(self, y: Tensor) -> Tensor:
        parts = pywt.array_to_coeffs(_images_last(y), self.boxes, output_format="wavedec2")
        return _images_first(pywt.waverec2(parts, **self.options))


class Fourier(Operator):
    """Orthonormal Fourier transform of images, real or complex; low frequencies in the middle."""

    tight = orthonormal = True

    def __init__(self, shape: Sequence[int]):
        super().__init__(shape, shape)

    def _forward(self, x: Tensor) -> Tensor:
        return torch.fft.fftshift(torch.fft.fft2(x, norm="ortho"), dim=(-2, -1))

    def _adjoint(self, y: Tensor) -> Tensor:
        return torch.fft.ifft2(torch.fft.ifftshift(y, dim=(-2, -1)), norm="ortho")


class SubsampledDCT(Compose):
    """Some of a signal's or an image's DCT coefficients: a random fraction, or those of a mask."""

    def __init__(self, shape: int | Sequence[int], fraction: float | Tensor, *, seed: int = 0):
        super().__init__(RandomPixels(shape, fraction, seed=seed), DCT(shape))


class KSpace(Compose):
    """Samples of an image's Fourier transform, where `mask` is True: what an MR scanner sees."""

    def __init__(self, mask: Tensor):
        super().__init__(RandomPixels(mask.shape, mask), Fourier(mask.shape))


class Tomography(Operator):
    """Sums along parallel rays through a square image: (..., n, n) -> (..., angles, detectors).

    Each pixel's value falls on the detector at its centre's distance from the axis, shared
    between the two nearest cells. Detector cells are as wide as a pixel.
    """

    def __init__(self, size: int, angles: Sequence[float]):
        if not len(angles):
            raise ValueError("take one angle, in degrees, or more: none were given")
        radians = torch.deg2rad(torch.as_tensor(angles, dtype=torch.float64))
        cells = math.ceil(size * math.sqrt(2)) + 2
        super().__init__((size, size), (len(radians), cells))
        centre = torch.arange(size) - (size - 1) / 2
        across = (
            centre * radians.cos()[:, None, None] - centre[:, None] * radians.sin()[:, None, None]
        )
        place = (across + (cells - 1) / 2).flatten(1)
        left = place.floor()
        row = left.long() + cells * torch.arange(len(radians))[:, None]
        share = place - left
        rows, shares = torch.stack([row, row + 1]).flatten(), torch.stack([1 - share, share])
        columns = torch.arange(size * size).expand(2, len(radians), -1).flatten()
        self.matrix = sparse.csr_array(
            (shares.flatten().float(), (rows, columns)), shape=(len(radians) * cells, size * size)
        )

    def _forward(self, x: Tensor) -> Tensor:
        return _times(self.matrix, x.flatten(-2)).unflatten(-1, self.shape_out)

    def _adjoint(self, y: Tensor) -> Tensor:
        return _times(self.matrix.T, y.flatten(-2)).unflatten(-1, self.shape_in)


def random_mask(shape: int | Sequence[int], fraction: float, *, seed: int = 0) -> Tensor:
    """Boolean tensor of that shape, True at random in a fraction (0, 1] of the places."""
    size = math.prod(_shape(shape))
    kept = max(1, round(_fraction(fraction) * size))
    mask = torch.zeros(size, dtype=torch.bool)
    mask[torch.randperm(size, generator=torch.Generator().manual_seed(seed))[:kept]] = True
    return mask.reshape(_shape(shape))


def kspace_mask(
    shape: tuple[int, int], fraction: float, pattern: str = "lines", *, seed: int = 0
) -> Tensor:
    """Which samples of k-space to take, (H, W) boolean: more of the low frequencies, in the middle.

    "lines" takes whole rows, "points" single samples, "uniform" points without preferring the
    middle, "radial" spokes through it. `fraction`, in (0, 1], is the share of samples taken.
    """
    height, width = shape
    rows, columns = (2 * torch.arange(n) / n - 1 for n in (height, width))
    if pattern == "radial":
        return _spokes(shape, _fraction(fraction))
    if pattern == "uniform":
        return random_mask(shape, fraction, seed=seed)
    if pattern not in ("lines", "points"):
        raise ValueError(f"pattern must be lines, points, uniform or radial, not {pattern!r}")
    far = rows.abs() if pattern == "lines" else torch.hypot(rows[:, None], columns).flatten()
    weight = torch.where(far < 0.04, torch.inf, (1 - far / 1.5) ** 6)
    chance = torch.rand(len(far), generator=torch.Generator().manual_seed(seed))
    taken = (chance.log() / weight).topk(max(1, round(_fraction(fraction) * len(far)))).indices
    mask = torch.zeros(len(far), dtype=torch.bool).index_fill(0, taken, True)
    return mask[:, None].expand(shape) if pattern == "lines" else mask.reshape(shape)


def _spokes(shape: tuple[int, int], fraction: float) -> Tensor:
    """Samples at most half a pixel from one of as many lines through the middle as it takes."""
    down, right = (torch.arange(n) - n // 2.0 for n in shape)
    far, angle = torch.hypot(down[:, None], right), torch.atan2(down[:, None], right)
    lines, mask = int(fraction * min(shape) / 2), torch.zeros(shape, dtype=torch.bool)
    while mask.float().mean() < fraction:
        lines += 1
        between = math.pi / lines
        off = torch.remainder(angle + between / 2, between) - between / 2  # from the nearest line
        mask = far * off.sin().abs() <= 0.5
    return mask


def _shape(shape: int | Sequence[int]) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _fraction(fraction: float) -> float:
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be over 0 and at most 1, not {fraction}")
    return fraction


def _checked(x: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
    if tuple(x.shape[-len(shape) :]) != shape:
        raise ValueError(f"{name} takes (..., {', '.join(map(str, shape))}), not {tuple(x.shape)}")
    if not (x.is_floating_point() or x.is_complex()):
        raise ValueError(f"{name} takes floating-point numbers, not {x.dtype}: divide by 255 first")
    return x


def _images_last(x: Tensor) -> np.ndarray:
    return x.movedim((-2, -1), (0, 1)).numpy()


def _images_first(x: np.ndarray) -> Tensor:
    return torch.from_numpy(x).movedim((0, 1), (-2, -1))


def _times(matrix: sparse.csr_array, x: Tensor) -> Tensor:
    """(M, N) sparse, (..., N) -> (..., M)."""
    rows = matrix @ x.flatten(0, -2).numpy().T if x.ndim > 1 else matrix @ x.numpy()
    return (
        torch.from_numpy(rows.T.copy()).unflatten(0, x.shape[:-1])
        if x.ndim > 1
        else torch.from_numpy(rows)
    )
