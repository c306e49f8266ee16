"""The worked numbers of workbook 07, recomputed by code that shares nothing with its own.

Some of them answer exercises and so cannot be stored as outputs; they are kept here, with what
each is taken for. The last part trains what the prose makes claims about, with a margin.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import nn

from course_utils import datasets, models, training


def shrunk(n, k, s, p):
    """Places at which a window fits: counted, not calculated."""
    return len(range(0, n + 2 * p - k + 1, s))


def grown(n, k, s, p, extra=0):
    """Length that n stamps cover, cut at both ends."""
    covered = {start * s + offset for start in range(n) for offset in range(k)}
    return max(covered) + 1 - 2 * p + extra


# Sizes and counts ---------------------------------------------------------------------------------


def test_code_size_and_near_misses():
    side = shrunk(shrunk(shrunk(32, 4, 2, 1), 4, 2, 1), 4, 2, 1)
    assert side == 4
    assert 32 * side**2 == 512 == 3 * 32 * 32 / 6
    assert (32 * 8 * 8, 32 * 16 * 16) == (2048, 8192)
    bare = shrunk(shrunk(shrunk(32, 4, 2, 0), 4, 2, 0), 4, 2, 0)
    assert (shrunk(32, 4, 2, 0), shrunk(15, 4, 2, 0), bare) == (15, 6, 2)
    assert 32 * bare**2 == 128 == 32 * 4


def test_encoder_and_decoder_parameters():
    there, back = [(3, 8), (8, 16), (16, 32)], [(32, 16), (16, 8), (8, 3)]
    counts = [sum(16 * a * b + b for a, b in half) for half in (there, back)]
    assert counts == [10_680, 10_651]
    model = models.autoencoder()
    halves = (model.encoder, model.decoder)
    assert [sum(p.numel() for p in half.parameters()) for half in halves] == counts
    in_words = [(32, 32), (32, 16), (16, 8)]
    assert sum(16 * a * b + b for a, b in in_words) == 26_680


@pytest.mark.parametrize(
    ("n", "k", "s", "p", "extra", "o"),
    [
        *[(4, 3, 2, 1, 0, 7), (4, 3, 2, 1, 1, 8), (7, 3, 2, 1, 0, 13), (13, 3, 2, 1, 0, 25)],
        *[(4, 4, 2, 1, 0, 8), (8, 4, 2, 1, 0, 16), (16, 4, 2, 1, 0, 32)],
        *[(4, 4, 2, 0, 0, 10), (10, 4, 2, 0, 0, 22), (22, 4, 2, 0, 0, 46)],
    ],
)
def test_sizes_of_transposed_convolutions(n, k, s, p, extra, o):
    by_torch = nn.ConvTranspose1d(1, 1, k, s, p, output_padding=extra)(torch.zeros(1, 1, n))
    assert grown(n, k, s, p, extra) == (n - 1) * s - 2 * p + k + extra == by_torch.shape[-1] == o


def test_transposed_sizes_and_near_misses():
    assert grown(4, 3, 2, 0) == 9
    assert shrunk(4, 3, 2, 1) == 2
    assert [shrunk(n, 3, 2, 1) for n in (7, 8)] == [4, 4]
    assert {n: shrunk(n, 4, 2, 1) for n in (8, 16, 32)} == {8: 4, 16: 8, 32: 16}


def test_sum_and_mean_losses():
    off = np.full((3, 32, 32), 0.1)
    assert (off**2).mean() == pytest.approx(0.01)
    assert (off**2).sum() == pytest.approx(30.72)
    assert round(0.01 * 32 * 32, 9) == 10.24


def test_pca_matches_parameters():
    count = 10_680 + 10_651
    assert abs((6 + 1) * 3072 - count) < abs((5 + 1) * 3072 - count) < 3072
    assert 513 * 3072 == 1_575_936


def test_code_bits():
    assert 3072 * 8 / (512 * 32) == 1.5
    assert 512 * 8 / 32**2 == 4


# Transposed convolution ---------------------------------------------------------------------------


def test_transposed_convolution_adds_stamps():
    numbers, stamp = [1, 2, 3], [1, 10, 100]
    expected = {3: "1 10 100 2 20 200 3 30 300", 2: "1 10 102 20 203 30 300", 1: "1 12 123 230 300"}
    for stride, text in expected.items():
        canvas = [0] * grown(3, 3, stride, 0)
        for i, number in enumerate(numbers):
            for j, weight in enumerate(stamp):
                canvas[i * stride + j] += number * weight
        assert " ".join(map(str, canvas)) == text


def test_transposed_convolution_is_no_inverse():
    kernel = torch.tensor([1.0, 2, 3, 4], dtype=torch.float64)
    matrix = np.zeros((4, 10))
    for row in range(4):
        matrix[row, 2 * row : 2 * row + 4] = kernel
    matrix = matrix[:, 1:-1]  # padding 1: the frame's columns meet zeros only
    x = torch.tensor([[5.0, -1, 0, 2, 7, 3, -4, 1]], dtype=torch.float64)
    down = F.conv1d(x[None], kernel[None, None], stride=2, padding=1)[0, 0]
    assert np.allclose(matrix @ x[0].numpy(), down)
    up = F.conv_transpose1d(down[None, None], kernel[None, None], stride=2, padding=1)[0, 0]
    assert np.allclose(matrix.T @ down.numpy(), up)
    assert np.linalg.matrix_rank(matrix) == 4
    assert not np.allclose(matrix.T @ matrix, np.eye(8))


def test_stamp_counts_per_pixel():
    for k, inner in ((3, {1, 2, 4}), (4, {4})):
        stamps = F.conv_transpose2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1, k, k), stride=2)
        middle = stamps[0, 0, 2:-2, 2:-2]
        assert {int(value) for value in middle.flatten()} == inner


# Claims about training ----------------------------------------------------------------------------


def adamw(rate):
    return lambda parameters: torch.optim.AdamW(parameters, lr=rate)


def best_linear(train, test, q):
    """Mean squared error on `test` of the best q directions of `train`."""
    x, probe = (images.flatten(1).double().numpy() / 255 for images in (train, test))
    mean = x.mean(0)
    basis = scipy.linalg.svd(x - mean, full_matrices=False)[2][:q].T
    rest = probe - mean
    return ((rest - rest @ basis @ basis.T) ** 2).mean()


@pytest.fixture(scope="module")
def few_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("few_threads")
@pytest.mark.training
def test_short_nonlinear_code_beats_pca():
    digits = datasets.load("digits")
    train, test = digits.train_images, digits.test_images
    ratio = {}
    for q in (4, 32):
        torch.manual_seed(0)
        model = models.dense_autoencoder(q)
        how = {"epochs": 30, "batch_size": 100, "schedule": "one-cycle", "loss": F.mse_loss}
        training.fit(model, (train, train), optimizer=adamw(1e-2), **how)
        error = F.mse_loss(training.predict(model, test), test / 255).item()
        ratio[q] = error / best_linear(train, test, q)
    assert ratio[4] < 0.9
    assert ratio[32] > 2


@pytest.mark.usefixtures("few_threads")
@pytest.mark.training
def test_linear_autoencoder_finds_pca_subspace():
    x = datasets.load("digits").train_images.flatten(1).float() / 255
    x = x - x.mean(0)
    axes = scipy.linalg.svd(x.numpy(), full_matrices=False)[2][:6].T
    torch.manual_seed(1)
    encode, decode = nn.Linear(64, 6, bias=False), nn.Linear(6, 64, bias=False)
    optimizer = torch.optim.Adam([*encode.parameters(), *decode.parameters()], lr=1e-2)
    for _ in range(1000):
        optimizer.zero_grad()
        F.mse_loss(decode(encode(x)), x).backward()
        optimizer.step()
    found = decode.weight.detach().numpy()
    assert np.degrees(scipy.linalg.subspace_angles(axes, found)).max() < 0.5
    cosines = abs(axes.T @ (found / np.linalg.norm(found, axis=0)))
    assert cosines.max(axis=0).min() < 0.9


def test_roc_area_is_share_of_pairs():
    inside, outside = [0.1, 0.2, 0.2, 0.5], [0.2, 0.4, 0.9]
    pairs = [(a < b) + (a == b) / 2 for a in inside for b in outside]
    area = roc_auc_score([0] * 4 + [1] * 3, inside + outside)
    assert sum(pairs) / len(pairs) == pytest.approx(area)
