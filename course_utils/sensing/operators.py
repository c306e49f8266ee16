"""Linear measurements without their matrices: each operator knows A and its adjoint Aᴴ.

>>> pixels = Restriction((64, 64), 0.3, seed=0)
>>> y = pixels(torch.ones(5, 64, 64))       # 30 % of the pixels of five images
>>> y.shape
torch.Size([5, 1229])
>>> A = pixels @ DCT((64, 64)).H            # measures an image given by its DCT coefficients
>>> A.adjoint(y).shape                      # coefficients
torch.Size([5, 64, 64])

Axes before the last ones are a batch. A test holds each to ⟨Ax, y⟩ = ⟨x, Aᴴy⟩.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pywt
import torch
import torch.nn.functional as F
from scipy import fft, sparse
from torch import Tensor

from course_utils.sensing.masks import Shape, as_shape, random_mask


class Operator(ABC):
    """A linear map x -> Ax and its adjoint y -> Aᴴy; subclasses write `_forward`, `_adjoint`.

    Attributes
    ----------
    shape_in, shape_out : tuple of int
        Shapes of one x and of one y; axes before these are a batch.
    tight : bool
        Whether AAᴴ = I: then Aᴴy is the shortest x with Ax = y.
    orthonormal : bool
        Whether AᴴA = I too: then Aᴴ is the inverse.
    """

    tight = orthonormal = False

    def __init__(self, shape_in: Shape, shape_out: Shape):
        self.shape_in, self.shape_out = as_shape(shape_in), as_shape(shape_out)

    @abstractmethod
    def _forward(self, x: Tensor) -> Tensor:
        """(..., *shape_in) -> (..., *shape_out), of an x that was checked."""

    @abstractmethod
    def _adjoint(self, y: Tensor) -> Tensor:
        """(..., *shape_out) -> (..., *shape_in), of a y that was checked."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., *shape_in) -> (..., *shape_out): measure. Also written A(x).

        Raises
        ------
        ValueError
            If x has another shape or does not hold floating-point numbers.
        """
        _check_input(x, self.shape_in, f"{type(self).__name__}.forward")
        return self._forward(x)

    __call__ = forward

    def adjoint(self, y: Tensor) -> Tensor:
        """(..., *shape_out) -> (..., *shape_in): spread measurements back, Aᴴy.

        Raises
        ------
        ValueError
            If y has another shape or does not hold floating-point numbers.
        """
        _check_input(y, self.shape_out, f"{type(self).__name__}.adjoint")
        return self._adjoint(y)

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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shape_in} -> {self.shape_out})"


class _Adjoint(Operator):
    """What `operator.H` is: `forward` and `adjoint` exchanged."""

    def __init__(self, operator: Operator):
        super().__init__(operator.shape_out, operator.shape_in)
        self.H = operator
        self.tight = self.orthonormal = operator.orthonormal

    @cached_property
    def norm(self) -> float:
        return self.H.norm

    def _forward(self, x: Tensor) -> Tensor:
        return self.H.adjoint(x)

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.H.forward(y)


class Compose(Operator):
    """First `inner`, then `outer`; also written outer @ inner.

    Raises
    ------
    ValueError
        If `outer` does not take what `inner` gives.
    """

    def __init__(self, outer: Operator, inner: Operator):
        if inner.shape_out != outer.shape_in:
            raise ValueError(
                f"cannot compose: inner gives {inner.shape_out}, outer takes {outer.shape_in}"
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
    """m random mixtures of n numbers: entries N(0, 1/m), so that columns have length about 1.

    `batch` is the shape of a batch of such matrices, one for each problem.

    Raises
    ------
    ValueError
        If m is not from 1 to n.
    """

    def __init__(self, m: int, n: int, *, batch: Sequence[int] = (), seed: int = 0):
        if not 1 <= m <= n:
            raise ValueError(f"m must be from 1 to n = {n}, got {m}")
        generator = torch.Generator().manual_seed(seed)
        super().__init__(torch.randn(*batch, m, n, generator=generator) / math.sqrt(m))


class Restriction(Operator):
    """Keep some numbers: a random fraction, or those where a boolean mask is True.

    Attributes
    ----------
    mask : Tensor
        Boolean, of the signal's shape, True where a number is kept.

    Raises
    ------
    ValueError
        If the fraction is not in (0, 1], or the mask keeps nothing or has another shape.

    Examples
    --------
    >>> Restriction((64, 64), 0.3, seed=0)
    Restriction((64, 64) -> (1229,))
    """

    tight = True

    def __init__(self, shape: Shape, fraction: float | Tensor, *, seed: int = 0):
        if isinstance(fraction, Tensor):
            self.mask = fraction.bool()
        else:
            self.mask = random_mask(shape, fraction, seed=seed)
        if self.mask.shape != as_shape(shape) or not self.mask.any():
            raise ValueError(f"mask of {tuple(self.mask.shape)} is empty or not of shape {shape}")
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
        self.axes = tuple(range(-len(self.shape_in), 0))

    def _forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(fft.dctn(x.numpy(), axes=self.axes, norm="ortho"))

    def _adjoint(self, y: Tensor) -> Tensor:
        return torch.from_numpy(fft.idctn(y.numpy(), axes=self.axes, norm="ortho"))


class Wavelet(Operator):
    """Orthonormal wavelet transform of images, by PyWavelets.

    Coefficients stand in an image of the same size, the coarsest in its upper left corner.

    Parameters
    ----------
    shape : (height, width)
    name : str
        An orthogonal wavelet that PyWavelets knows, such as "haar", "db2" or "sym4".
    levels : int, optional
        By default as many as the image is large enough for.

    Raises
    ------
    ValueError
        If the wavelet is not orthogonal, or a side is no multiple of 2**levels.
    """

    tight = orthonormal = True

    def __init__(self, shape: Sequence[int], name: str = "db2", levels: int | None = None):
        super().__init__(shape, shape)
        if not pywt.Wavelet(name).orthogonal:
            raise ValueError(f"{name} is not orthogonal; take 'haar', 'db2' or 'sym4'")
        max_levels = pywt.dwt_max_level(min(self.shape_in), name)
        self.levels = max_levels if levels is None else levels
        if not 1 <= self.levels <= max_levels or any(n % 2**self.levels for n in self.shape_in):
            raise ValueError(f"{self.shape_in} does not divide into {self.levels} levels of {name}")
        self.options = {"wavelet": name, "mode": "periodization", "axes": (0, 1)}
        empty = pywt.wavedec2(np.zeros(self.shape_in), level=self.levels, **self.options)
        self.boxes = pywt.coeffs_to_array(empty)[1]  # where each level's coefficients stand

    def _forward(self, x: Tensor) -> Tensor:
        images = x.movedim((-2, -1), (0, 1)).numpy()
        parts = pywt.wavedec2(images, level=self.levels, **self.options)
        coefficients = torch.from_numpy(pywt.coeffs_to_array(parts, axes=(0, 1))[0])
        return coefficients.movedim((0, 1), (-2, -1))

    def _adjoint(self, y: Tensor) -> Tensor:
        stacked = y.movedim((-2, -1), (0, 1)).numpy()
        parts = pywt.array_to_coeffs(stacked, self.boxes, output_format="wavedec2")
        images = torch.from_numpy(pywt.waverec2(parts, **self.options))
        return images.movedim((0, 1), (-2, -1))


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
    """Some of a signal's or an image's DCT coefficients: a random fraction, or those of a mask.

    A mask is a boolean tensor of that shape, True where a coefficient is measured.
    """

    def __init__(self, shape: Shape, fraction: float | Tensor, *, seed: int = 0):
        super().__init__(Restriction(shape, fraction, seed=seed), DCT(shape))


class KSpace(Compose):
    """Samples of an image's Fourier transform, where `mask` (H, W) is True: as in an MR scanner."""

    def __init__(self, mask: Tensor):
        super().__init__(Restriction(mask.shape, mask), Fourier(mask.shape))


class Gradient(Operator):
    """Differences to the pixels below and to the right, 0 at the last: (..., 2, H, W)."""

    def __init__(self, shape: Sequence[int]):
        super().__init__(shape, (2, *shape))

    @cached_property
    def norm(self) -> float:
        """Largest singular value: of n differences in a row it is 2 cos(π / 2n)."""
        return 2 * math.hypot(*(math.cos(math.pi / (2 * n)) for n in self.shape_in))

    def _forward(self, x: Tensor) -> Tensor:
        down = torch.diff(x, dim=-2, append=x[..., -1:, :])
        return torch.stack([down, torch.diff(x, dim=-1, append=x[..., -1:])], -3)

    def _adjoint(self, y: Tensor) -> Tensor:
        down, right = F.pad(y[..., 0, :-1, :], (0, 0, 1, 1)), F.pad(y[..., 1, :, :-1], (1, 1))
        return -torch.diff(down, dim=-2) - torch.diff(right, dim=-1)


class Radon(Operator):
    """Sums along parallel rays through a square image: (..., n, n) -> (..., angles, detectors).

    A pixel's value falls on the two detectors next to its centre's shadow, in shares; detectors
    are as wide as pixels.

    Parameters
    ----------
    size : int
        n, pixels a side.
    angles : sequence of float
        Directions of the detectors' row, in degrees.

    Raises
    ------
    ValueError
        If there is no angle.
    """

    def __init__(self, size: int, angles: Sequence[float]):
        if not len(angles):
            raise ValueError("angles must hold at least one angle, in degrees")
        # the diagonal's shadow is the longest; two more hold its ends' shares
        count, detectors = len(angles), math.ceil(size * math.sqrt(2)) + 2
        super().__init__((size, size), (count, detectors))
        offset, angle = np.arange(size) - (size - 1) / 2, np.deg2rad(angles)[:, None, None]
        shadow = offset * np.cos(angle) - offset[:, None] * np.sin(angle) + (detectors - 1) / 2
        left, share = np.divmod(shadow.reshape(count, -1), 1)
        rows = left.astype(int) + detectors * np.arange(count)[:, None]
        entries = np.concatenate([1 - share, share], axis=None).astype(np.float32)
        columns = np.tile(np.arange(size**2), 2 * count)
        positions = (np.concatenate([rows, rows + 1], axis=None), columns)
        self.matrix = sparse.csr_array((entries, positions), shape=(count * detectors, size**2))

    def _forward(self, x: Tensor) -> Tensor:
        rays = torch.from_numpy(self.matrix @ x.reshape(-1, self.matrix.shape[1]).numpy().T)
        return rays.mT.reshape(*x.shape[:-2], *self.shape_out)

    def _adjoint(self, y: Tensor) -> Tensor:
        image = torch.from_numpy(self.matrix.T @ y.reshape(-1, self.matrix.shape[0]).numpy().T)
        return image.mT.reshape(*y.shape[:-2], *self.shape_in)


def _check_input(x: Tensor, shape: tuple[int, ...], name: str) -> None:
    if x.shape[-len(shape) :] != shape:
        expected = ", ".join(map(str, shape))
        raise ValueError(f"{name} takes (..., {expected}), got {tuple(x.shape)}")
    if not (x.is_floating_point() or x.is_complex()):
        raise ValueError(f"{name} takes floating-point numbers, got {x.dtype}: divide by 255 first")
