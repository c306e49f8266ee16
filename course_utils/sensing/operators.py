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
import torch.nn.functional as F
from scipy import fft, sparse
from torch import Tensor

Shape = int | Sequence[int]


class Operator:
    """A linear map x -> Ax and its adjoint y -> Aᴴy; subclasses write `_forward`, `_adjoint`.

    `tight` says that AAᴴ = I: then Aᴴy is the shortest x with Ax = y. `orthonormal` says that
    AᴴA = I too: then Aᴴ is the inverse.
    """

    tight = orthonormal = False

    def __init__(self, shape_in: Shape, shape_out: Shape):
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

    @cached_property
    def H(self) -> Operator:  # noqa: N802  (as mathematics writes it)
        """The adjoint as an operator; of an orthonormal transform it is the inverse."""
        return _Adjoint(self)

    def __matmul__(self, other: Operator) -> Operator:
        return Compose(self, other)


class _Adjoint(Operator):
    norm = property(lambda self: self.H.norm)

    def __init__(self, operator: Operator):
        super().__init__(operator.shape_out, operator.shape_in)
        self.H, self._forward, self._adjoint = operator, operator.adjoint, operator.forward
        self.tight = self.orthonormal = operator.orthonormal


class Compose(Operator):
    """First `inner`, then `outer`; also written outer @ inner."""

    def __init__(self, outer: Operator, inner: Operator):
        if inner.shape_out != outer.shape_in:
            raise ValueError(f"{inner.shape_out} numbers come where {outer.shape_in} are measured")
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
    """Keep some numbers: a random fraction, or those where a boolean mask is True.

    >>> RandomPixels((64, 64), 0.3, seed=0).mask    # (64, 64), True where a pixel is kept
    """

    tight = True

    def __init__(self, shape: Shape, fraction: float | Tensor, *, seed: int = 0):
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

    def __init__(self, shape: Shape):
        super().__init__(shape, shape)
        self.options = {"axes": tuple(range(-len(self.shape_in), 0)), "norm": "ortho"}

    def _forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(fft.dctn(x.numpy(), **self.options))

    def _adjoint(self, y: Tensor) -> Tensor:
        return torch.from_numpy(fft.idctn(y.numpy(), **self.options))


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
        self.levels = most if levels is None else levels
        if not 1 <= self.levels <= most or any(n % 2**self.levels for n in self.shape_in):
            raise ValueError(f"{self.shape_in} does not divide into {self.levels} levels of {name}")
        self.options = {"wavelet": name, "mode": "periodization", "axes": (0, 1)}
        empty = pywt.wavedec2(np.zeros(self.shape_in), level=self.levels, **self.options)
        self.boxes = pywt.coeffs_to_array(empty)[1]  # where each level's coefficients stand

    def _forward(self, x: Tensor) -> Tensor:
        images = x.movedim((-2, -1), (0, 1)).numpy()
        parts = pywt.wavedec2(images, level=self.levels, **self.options)
        found = torch.from_numpy(pywt.coeffs_to_array(parts, axes=(0, 1))[0])
        return found.movedim((0, 1), (-2, -1))

    def _adjoint(self, y: Tensor) -> Tensor:
        stacked = y.movedim((-2, -1), (0, 1)).numpy()
        parts = pywt.array_to_coeffs(stacked, self.boxes, output_format="wavedec2")
        found = torch.from_numpy(pywt.waverec2(parts, **self.options))
        return found.movedim((0, 1), (-2, -1))


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

    def __init__(self, shape: Shape, fraction: float | Tensor, *, seed: int = 0):
        super().__init__(RandomPixels(shape, fraction, seed=seed), DCT(shape))


class KSpace(Compose):
    """Samples of an image's Fourier transform, where `mask` is True: what an MR scanner sees."""

    def __init__(self, mask: Tensor):
        super().__init__(RandomPixels(mask.shape, mask), Fourier(mask.shape))


class Slopes(Operator):
    """Differences to the pixels below and to the right, 0 at the last: (..., 2, H, W)."""

    def __init__(self, shape: Sequence[int]):
        super().__init__(shape, (2, *shape))
        self.norm = 2 * math.hypot(*(math.cos(math.pi / (2 * n)) for n in shape))

    def _forward(self, x: Tensor) -> Tensor:
        down = torch.diff(x, dim=-2, append=x[..., -1:, :])
        return torch.stack([down, torch.diff(x, dim=-1, append=x[..., -1:])], -3)

    def _adjoint(self, y: Tensor) -> Tensor:
        down, right = F.pad(y[..., 0, :-1, :], (0, 0, 1, 1)), F.pad(y[..., 1, :, :-1], (1, 1))
        return -torch.diff(down, dim=-2) - torch.diff(right, dim=-1)


class Tomography(Operator):
    """Sums along parallel rays through a square image: (..., n, n) -> (..., angles, detectors).

    Angles are in degrees. A pixel's value falls on the two detectors next to its centre's
    shadow, in shares; detectors are as wide as pixels.
    """

    def __init__(self, size: int, angles: Sequence[float]):
        if not len(angles):
            raise ValueError("take one angle, in degrees, or more: none were given")
        count, cells = len(angles), math.ceil(size * math.sqrt(2)) + 2
        super().__init__((size, size), (count, cells))
        middle, turn = np.arange(size) - (size - 1) / 2, np.deg2rad(angles)[:, None, None]
        shadow = middle * np.cos(turn) - middle[:, None] * np.sin(turn) + (cells - 1) / 2
        left, share = np.divmod(shadow.reshape(count, -1), 1)
        rows = left.astype(int) + cells * np.arange(count)[:, None]
        entries = np.concatenate([1 - share, share], axis=None).astype(np.float32)
        columns = np.tile(np.arange(size**2), 2 * count)
        place = (np.concatenate([rows, rows + 1], axis=None), columns)
        self.matrix = sparse.csr_array((entries, place), shape=(count * cells, size**2))

    def _forward(self, x: Tensor) -> Tensor:
        rays = torch.from_numpy(self.matrix @ x.reshape(-1, self.matrix.shape[1]).numpy().T)
        return rays.mT.reshape(*x.shape[:-2], *self.shape_out)

    def _adjoint(self, y: Tensor) -> Tensor:
        image = torch.from_numpy(self.matrix.T @ y.reshape(-1, self.matrix.shape[0]).numpy().T)
        return image.mT.reshape(*y.shape[:-2], *self.shape_in)


def random_mask(shape: Shape, fraction: float, *, seed: int = 0) -> Tensor:
    """Boolean tensor of that shape, True at random in a fraction (0, 1] of the places."""
    chance = torch.rand(_shape(shape), generator=torch.Generator().manual_seed(seed))
    return _largest(chance, fraction)


def kspace_mask(
    shape: tuple[int, int], fraction: float, pattern: str = "lines", *, seed: int = 0
) -> Tensor:
    """(H, W) boolean, the samples of k-space to take: more in the middle, of low frequencies.

    "lines" takes whole rows, "points" single samples, "radial" spokes through the middle.
    `fraction`, in (0, 1], is the share of samples taken.
    """
    down, right = (torch.arange(n) / n - 0.5 for n in shape)
    far = torch.hypot(down[:, None], right)
    if pattern == "radial":
        turn = torch.atan2(down[:, None] * shape[0], right * shape[1])
        spokes = math.pi / max(1, round(1.1 * fraction * min(shape)))
        return _largest(-far * ((turn + spokes / 2) % spokes - spokes / 2).sin().abs(), fraction)
    if pattern not in ("lines", "points"):
        raise ValueError(f"pattern must be lines, points or radial, not {pattern!r}")
    far = down.abs() if pattern == "lines" else far
    chance = torch.rand(far.shape, generator=torch.Generator().manual_seed(seed)).log()
    weight = torch.where(far < 0.02, torch.inf, (1 - far / 0.75) ** 6)
    mask = _largest(chance / weight, fraction)
    return mask if pattern == "points" else mask[:, None].expand(shape)


def _largest(values: Tensor, fraction: float) -> Tensor:
    """True where the largest values stand, in a fraction of the places."""
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be over 0 and at most 1, not {fraction}")
    places = values.flatten().topk(max(1, round(fraction * values.numel()))).indices
    mask = torch.zeros(values.numel(), dtype=torch.bool)
    return mask.index_fill(0, places, True).reshape(values.shape)


def _shape(shape: Shape) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _checked(x: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
    if x.shape[-len(shape) :] != shape:
        raise ValueError(f"{name} takes (..., {', '.join(map(str, shape))}), not {tuple(x.shape)}")
    if not (x.is_floating_point() or x.is_complex()):
        raise ValueError(f"{name} takes floating-point numbers, not {x.dtype}: divide by 255 first")
    return x
