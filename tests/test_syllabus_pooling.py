"""The worked numbers of workbook 03, recomputed by code that shares nothing with its own.

Some of them answer exercises and so cannot be stored as outputs; they are kept here, with what
each is taken for.
"""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage

INPUT = [[2, 3, 5, 0], [1, 5, 7, -9], [-5, 2, 1, 1], [2, 0, -2, 4]]
DUMOULIN = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
GRID = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]
STRIDE_1, STRIDE_2 = [[5, 7, 7], [5, 7, 7], [2, 2, 4]], [[5, 7], [2, 4]]


def windows(grid, size, stride=1):
    """(row, column) of each output → [(row, column, number)] of its window."""
    rows, columns = ((n - size) // stride + 1 for n in (len(grid), len(grid[0])))
    return {
        (i, j): [
            (a, b, grid[a][b])
            for a in range(i * stride, i * stride + size)
            for b in range(j * stride, j * stride + size)
        ]
        for i in range(rows)
        for j in range(columns)
    }


def pooled(grid, size, stride, keep):
    """Rows of what `keep` makes of the numbers of each window."""
    values = {at: keep([x for *_, x in seen]) for at, seen in windows(grid, size, stride).items()}
    last_row, last_column = max(values)
    return [[values[i, j] for j in range(last_column + 1)] for i in range(last_row + 1)]


def mean(numbers):
    return Fraction(sum(numbers), len(numbers))


def norm(numbers):
    return math.sqrt(sum(x * x for x in numbers))


def sent_back(grid, size, stride, tied):
    """Gradient of the summed maxima; `tied` gives each of n winners in a window its share."""
    gradient = [[Fraction(0)] * len(grid[0]) for _ in grid]
    for seen in windows(grid, size, stride).values():
        best = max(x for *_, x in seen)
        winners = [(a, b) for a, b, x in seen if x == best]
        for (a, b), share in zip(winners, tied(len(winners)), strict=True):
            gradient[a][b] += share
    return gradient


def first(n):
    return [Fraction(1)] + [Fraction(0)] * (n - 1)


def shared(n):
    return [Fraction(1, n)] * n


def each(n):
    return [Fraction(1)] * n


def by_autograd(pool, grid):
    image = torch.tensor(grid, dtype=torch.float64, requires_grad=True)
    pool(image[None, None]).sum().backward()
    return image.grad.tolist()


def amax(images):
    return images.unfold(2, 2, 1).unfold(3, 2, 1).amax((4, 5))


# The tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stride", "expected"), [(1, STRIDE_1), (2, STRIDE_2)])
def test_worked_4x4_pooling(stride, expected):
    assert pooled(INPUT, 2, stride, max) == expected
    images = torch.tensor([[INPUT]], dtype=torch.float64)
    assert F.max_pool2d(images, 2, stride)[0, 0].tolist() == expected


def test_first_window_and_near_misses():
    numbers = [x for *_, x in windows(INPUT, 2)[0, 0]]
    assert numbers == [2, 3, 1, 5]
    assert (max(numbers), sum(numbers), mean(numbers)) == (5, 11, Fraction(11, 4))


def test_convolution_is_no_max_pool():
    sums = pooled(INPUT, 2, 1, sum)
    assert sums == [[11, 20, 3], [3, 15, 0], [-1, 1, 4]]
    assert sums != STRIDE_1
    negated = [[-x for x in row] for row in INPUT]
    assert pooled(negated, 2, 1, sum) == [[-x for x in row] for row in sums]
    assert pooled(negated, 2, 1, max) != [[-x for x in row] for row in STRIDE_1]
    assert list(torch.nn.MaxPool2d(2).parameters()) == []


def test_dumoulin_visin_pooling_grids():
    average = [[round(float(x), 1) for x in row] for row in pooled(DUMOULIN, 3, 1, mean)]
    assert average == [[1.7, 1.7, 1.7], [1.0, 1.2, 1.8], [1.1, 0.8, 1.3]]
    assert pooled(DUMOULIN, 3, 1, max) == [[3, 3, 3], [3, 3, 3], [3, 2, 3]]
    by_scipy = ndimage.maximum_filter(torch.tensor(DUMOULIN).numpy(), size=3)[1:-1, 1:-1]
    assert by_scipy.tolist() == pooled(DUMOULIN, 3, 1, max)


def test_misplaced_grid_is_a_convolution():
    slid = ndimage.correlate(torch.tensor(DUMOULIN).numpy(), torch.tensor(GRID).numpy())[1:-1, 1:-1]
    assert slid.tolist() == [[12, 12, 17], [10, 17, 19], [9, 6, 14]]
    assert slid.tolist() not in (pooled(DUMOULIN, 3, 1, mean), pooled(DUMOULIN, 3, 1, max))


# Sizes and channels -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "outputs"), [(13, 3, 2, 6), (55, 3, 2, 27), (27, 3, 2, 13)]
)
def test_sizes_of_pooled_rows(length, kernel, stride, outputs):
    assert len(range(0, length - kernel + 1, stride)) == outputs
    assert F.max_pool1d(torch.zeros(1, 1, length), kernel, stride).shape[-1] == outputs


def test_pooled_size_and_near_misses():
    assert math.ceil(Fraction(13, 2)) == 7
    assert (13 - 3) // 2 == 5
    assert F.max_pool1d(torch.zeros(1, 1, 13), 3, 1).shape[-1] == 11
    assert F.max_pool1d(torch.zeros(1, 1, 13), 3).shape[-1] == 4


def test_pooling_keeps_channels():
    images = torch.randn(24, 20, 36, generator=torch.Generator().manual_seed(0))
    together = torch.nn.MaxPool2d(2)(images)
    assert together.shape == (24, 10, 18)
    apart = torch.cat([F.max_pool2d(images[c : c + 1], 2) for c in range(24)])
    assert torch.equal(together, apart)


def test_max_pool_pads_minus_infinity():
    below = torch.tensor([[[-3.0, -1, -8], [-2, -4, -7], [-6, -9, -5]]])
    right = F.max_pool2d(F.pad(below, (1, 1, 1, 1), value=-math.inf), 2)
    assert torch.equal(F.max_pool2d(below, 2, padding=1), right)
    assert right.tolist() == [[[-3, -1], [-2, -4]]]
    zeros = F.max_pool2d(F.pad(below, (1, 1, 1, 1)), 2)
    assert int((zeros == 0).sum()) == 3


def test_pooling_widens_receptive_field():
    """Blocks of two 3×3 convolutions with a pool between, seen from one unit by its gradient."""
    for blocks, sees in ((1, 5), (2, 14), (3, 32), (4, 68)):
        line = torch.ones(1, 1, 200, requires_grad=True)
        values, ones = line, torch.ones(1, 1, 3)
        for block in range(blocks):
            values = F.avg_pool1d(values, 2) if block else values
            values = F.conv1d(F.conv1d(values, ones), ones)
        values[0, 0, values.shape[-1] // 2].backward()
        assert int((line.grad != 0).sum()) == sees
    assert 2 * 64**2 * 16 * 16 * 9 == 18_874_368 == 64 * 294_912


# Gradients ----------------------------------------------------------------------------------------


def test_max_pool_gradient_accumulates():
    expected = [[0, 0, 0, 0], [0, 2, 4, 0], [0, 2, 0, 0], [0, 0, 0, 1]]
    assert sent_back(INPUT, 2, 1, first) == expected
    assert by_autograd(lambda images: F.max_pool2d(images, 2, 1), INPUT) == expected
    mask = [[min(x, 1) for x in row] for row in expected]
    assert sum(map(sum, mask)) == 4 != sum(map(sum, expected)) == 9


def test_max_pool_ties_are_convention():
    tied = [row[:2] for row in INPUT[2:]]
    assert tied == [[-5, 2], [2, 0]]
    assert by_autograd(lambda images: F.max_pool2d(images, 2, 1), tied) == [[0, 1], [0, 0]]
    assert by_autograd(amax, tied) == [[0, 0.5], [0.5, 0]]
    assert sent_back(tied, 2, 1, first) == [[0, 1], [0, 0]]
    assert sent_back(tied, 2, 1, shared) == [[0, Fraction(1, 2)], [Fraction(1, 2), 0]]
    assert sent_back(tied, 2, 1, each) == [[0, 1], [1, 0]]


def test_tie_conventions_on_example():
    half = Fraction(1, 2)
    expected = [[0, 0, 0, 0], [0, 2, 4, 0], [0, 3 * half, 0, 0], [half, 0, 0, 1]]
    assert sent_back(INPUT, 2, 1, shared) == by_autograd(amax, INPUT) == expected
    assert sum(map(sum, sent_back(INPUT, 2, 1, each))) == 10


def test_overlapping_windows_example():
    grid = [[3, 1, 2], [0, 4, 1], [2, 5, 6]]
    assert sent_back(grid, 2, 1, first) == [[0, 0, 0], [0, 2, 0], [0, 1, 1]]


def test_pool_layer_by_hand():
    image = torch.tensor([[3.0, 1, 2], [0, 4, 1], [2, 5, 6]])
    kernel = torch.tensor([[1.0, 2], [0, -1]], requires_grad=True)
    output = F.conv2d(image[None, None], kernel[None, None])[0, 0]
    assert output.tolist() == [[1, 4], [3, 0]]
    output.relu().amax().backward()
    assert kernel.grad.tolist() == image[0:2, 1:3].tolist() == [[1, 2], [4, 1]]


# Sparse patterns, shifts and other pools ----------------------------------------------------------


def test_mean_dilutes_and_stride_misses():
    found, strength = {"max": 0, "stride": 0}, []
    for place in range(16):
        window = torch.zeros(1, 1, 4, 4)
        window[0, 0, place // 4, place % 4] = 1
        found["max"] += F.max_pool2d(window, 4).item()
        found["stride"] += window[0, 0, 0, 0].item()
        strength.append(F.avg_pool2d(window, 4).item())
    assert found == {"max": 16, "stride": 1}
    assert strength == [1 / 16] * 16


def test_pool_of_shifted_row():
    row = [0, 5, 1, 0, 0, 3, 0, 2]

    def pairs(line):
        return [max(line[i : i + 2]) for i in range(0, 8, 2)]

    assert pairs(row) == [5, 1, 3, 2]
    assert pairs([0, *row[:-1]]) == [0, 5, 0, 3]
    assert pairs([0, 0, *row[:-2]]) == [0, *pairs(row)[:-1]]


def test_lp_pool_equals_norms():
    tied = torch.tensor([[[-5.0, 2], [2, 0]]])
    assert F.lp_pool2d(tied, 2, 2).item() == pytest.approx(norm([-5, 2, 2, 0])) == math.sqrt(33)
    assert F.lp_pool2d(tied, 1, 2).item() == -1
    assert math.isnan(F.lp_pool2d(tied, 3, 2).item())
    powers = [(sum(x**p for x in (2, 3, 1, 5)) / 4) ** (1 / p) for p in (1, 2, 8, 32, 200)]
    assert powers[0] == 2.75
    assert powers[1] == pytest.approx(math.sqrt(39 / 4))
    assert powers == sorted(powers)
    assert powers[-1] == pytest.approx(5, abs=0.04)


def test_network_heads():
    assert 512 * 7 * 7 * 1000 + 1000 == 25_089_000
    assert 512 * 1000 + 1000 == 513_000
