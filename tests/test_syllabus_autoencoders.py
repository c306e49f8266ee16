"""The worked numbers of workbook 07, recomputed by code that shares nothing with its own.

Some of them answer exercises and so cannot be stored as outputs; they are kept here, with what
each is taken for. The last part trains what the prose makes claims about, with a margin.
"""

from __future__ import annotations

import json
from copy import deepcopy

import numpy as np
import pytest
import scipy.linalg
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import nn

from course_utils import datasets, models, training
from course_utils.figures.latent_space import LatentSpace
from course_utils.figures.network import unpack_tensor
from course_utils.workbooks import select_workbooks


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


def trained_on_digits(size):
    """The workbook's dense autoencoder with a code of this size."""
    images = datasets.load("digits").train_images
    torch.manual_seed(0)
    model = models.dense_autoencoder(size)
    how = {"epochs": 30, "batch_size": 100, "schedule": "one-cycle", "loss": F.mse_loss}
    training.fit(model, (images, images), optimizer=adamw(1e-2), **how)
    return model


@pytest.mark.usefixtures("few_threads")
@pytest.mark.training
def test_short_nonlinear_code_beats_pca():
    digits = datasets.load("digits")
    train, test = digits.train_images, digits.test_images
    ratio = {}
    for q in (4, 16, 32):
        model = trained_on_digits(q)
        error = F.mse_loss(training.predict(model, test), test / 255).item()
        ratio[q] = error / best_linear(train, test, q)
    assert ratio[4] < 0.9
    assert 1 < ratio[16] < 1.25
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


# The core's claims about its own cells ------------------------------------------------------------


def notebook_cells():
    """Sources of the core notebook's code cells, by id."""
    cells = json.loads(select_workbooks(["07"], further=False)[0].read_text("utf-8"))["cells"]
    return {cell["id"]: "".join(cell["source"]) for cell in cells}


def run_cells(names, **namespace):
    """Execute cells of the core notebook, one after the other; returns the names they bind."""
    cells = notebook_cells()
    namespace |= {"torch": torch, "nn": nn, "F": F, "models": models, "training": training}
    for name in names:
        exec(cells[name], namespace)
    return namespace


def errors_of(changed, clean):
    return (changed - clean).square().mean((1, 2, 3))


def test_move_costs_more_than_hole_in_nine_of_ten():
    clean = datasets.load("shapes").test_images[:300] / 255
    hole = clean.clone()
    hole[:, :, 12:20, 12:20] = clean.mean((2, 3), keepdim=True)
    moved = errors_of(clean.roll(1, dims=3), clean)
    assert 0.85 < (moved > errors_of(hole, clean)).float().mean() < 0.95
    assert errors_of((clean + 0.1).clamp(max=1), clean).mean() > 1.1 * moved.mean()


def test_moved_digit_is_farther_than_other_class():
    digits = datasets.load("digits")
    x, labels = digits.test_images.double() / 255, digits.test_labels
    moved = torch.cat([torch.zeros(len(x), 1, 8, 1), x[..., :-1]], dim=3)  # 0 comes in, not wraps
    moves = [(y - x).square().sum((1, 2, 3)) for y in (x.roll(1, dims=3), moved)]
    other = torch.cdist(x.flatten(1), x.flatten(1)) ** 2
    other[labels[:, None] == labels] = torch.inf
    for own in moves:
        assert (own > other.min(1).values).all()


def test_half_a_line_in_both_places_costs_least():
    guess, erased = (0.5 - 0.2) ** 2, (0.5 - 0.2) ** 2  # of each of ten pixels, per place
    half = 2 * (0.15**2)
    assert half == pytest.approx(erased / 2)
    assert half < erased < 2 * guess


@pytest.fixture(scope="module")
def trained(few_threads):
    """The notebook's convolutional autoencoder on the shapes, its images and PCA's parts."""
    data = datasets.load("shapes")
    train, test = data.train_images[:3000], data.test_images[:300]
    torch.manual_seed(0)
    model = models.autoencoder(first=models.Standardize.like(train))
    how = {"batch_size": 32, "schedule": "one-cycle", "loss": F.mse_loss, "progress": False}
    training.fit(model, (train, train), epochs=6, optimizer=adamw(5e-3), **how)
    pixels = train.flatten(1).float() / 255
    mean = pixels.mean(0)
    _, lengths, directions = torch.svd_lowrank(pixels - mean, 592, niter=4)
    return model, train, test, how, (mean, directions[:, :512], lengths[:512] ** 2 / len(train))


@pytest.mark.training
def test_pca_wins_at_equal_code_and_loses_at_equal_parameters(trained):
    model, _, test, _, (mean, directions, _) = trained
    error = F.mse_loss(training.predict(model, test), test / 255).item()
    offset = (test / 255).flatten(1) - mean
    pca = {
        q: (offset - offset @ directions[:, :q] @ directions[:, :q].T).square().mean().item()
        for q in (6, 512)
    }
    assert 2 < error / pca[512] < 3
    assert 0.3 < error / pca[6] < 0.4


@pytest.mark.training
def test_denoiser_helps_itself_but_loses_to_tuned_baselines(trained):
    model, train, test, how, (mean, directions, variances) = trained
    namespace = {"variances": variances, "mean": mean, "directions": directions, "train": train}
    namespace["strength"] = 0.3
    names = run_cells(["noise-sigma-torch-randn-clean-shape-gene", "shrunk-pca"], **namespace)
    clean = test / 255
    noise = 0.3 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    denoiser = deepcopy(model)
    options = how | {"epochs": 3, "optimizer": adamw(3e-3)}
    training.fit(
        denoiser, (train, train), augment=lambda x: x + 0.3 * torch.randn_like(x), **options
    )
    plain, trained_on = (
        F.mse_loss(training.predict(net, clean + noise), clean).item() for net in (model, denoiser)
    )
    blurred = F.mse_loss(names["blur"](clean + noise, 1.4), clean).item()
    shrunk = F.mse_loss(names["shrunk_pca"](clean + noise), clean).item()
    assert 0.55 < trained_on / plain < 0.7
    assert shrunk < blurred < 0.95 * trained_on


@pytest.mark.training
def test_first_latent_directions_change_mean_colour(trained):
    model, _, test, _, _ = trained
    figure = LatentSpace(model, test[:40])
    center = unpack_tensor(figure.codes).mean(0)
    directions = unpack_tensor(figure.directions)
    shares = []
    for direction, spread in zip(directions, figure.spreads, strict=True):
        up, down = (figure.decoded(center + sign * 2 * spread * direction) for sign in (1, -1))
        change = up - down
        shares.append(32 * 32 * change.mean((1, 2)).square().sum() / change.square().sum())
    assert min(shares[:3]) > 0.85


@pytest.mark.training
def test_latent_space_opens_on_a_double_exposure(trained):
    model, _, test, _, _ = trained
    *lines, last = notebook_cells()["from-course-utils-figures-latent-space-i"].splitlines()
    bound = {"model": model, "test": test}
    exec("\n".join(lines), bound)
    figure = eval(last, bound)
    assert (figure.blend, figure.amounts) == (50, [0.0] * 6)
    first, last = (test[i] / 255 for i in (figure.a, figure.b))
    apart = figure.numbers()["apart"]  # decoded picture and blended pixels, root mean square
    assert apart < (first - last).square().mean().sqrt() / 3


@pytest.mark.usefixtures("few_threads")
@pytest.mark.training
def test_plane_of_codes_keeps_digits_together_better_than_pca():
    digits = datasets.load("digits")
    labels, x = digits.test_labels, digits.test_images.flatten(1).double() / 255
    mean = digits.train_images.flatten(1).double().mean(0) / 255
    known = digits.train_images.flatten(1).double() / 255 - mean
    axes = torch.linalg.svd(known, full_matrices=False)[2][:2].T
    planes = training.predict(trained_on_digits(2).encoder, digits.test_images), (x - mean) @ axes
    own, pca = (
        labels[torch.cdist(codes, codes).fill_diagonal_(torch.inf).argmin(1)] == labels
        for codes in planes
    )
    assert 0.58 < own.float().mean() < 0.74
    assert 0.5 < pca.float().mean() < 0.58
    twos = labels == 2
    assert own[twos].float().mean() > pca[twos].float().mean() + 0.2


@pytest.mark.usefixtures("few_threads")
@pytest.mark.training
def test_code_reads_digits_no_better_than_pixels():
    digits = datasets.load("digits")
    small, probe = digits.train_images, digits.test_images
    networks = {size: [trained_on_digits(size)] for size in (8, 32)}
    mean = (small / 255).flatten(1).mean(0)
    axes = scipy.linalg.svd(((small / 255).flatten(1) - mean).numpy(), full_matrices=False)[2]
    namespace = {
        "digits": digits,
        "labels": digits.test_labels,
        "small": small,
        "probe": probe,
        "scans": probe / 255,
        "networks": networks,
        "small_mean": mean,
        "axes": torch.tensor(axes[:32].T),
    }
    names = run_cells(["read-digits", "reading-table"], **namespace)
    share = {name: names["percent_read"](*features) for name, features in names["rows"].items()}
    assert abs(share["code of 32"] - share["64 pixels"]) < 3
    assert abs(share["PCA, 32 numbers"] - share["64 pixels"]) < 2
    assert share["PCA, each scaled"] < share["64 pixels"] - 15
    for name in ("code of 8", "PCA, 8 numbers"):
        assert share["64 pixels"] - 5 < share[name] < share["64 pixels"]


@pytest.fixture(scope="module")
def bends(few_threads):
    """What the notebook's cells about the turning bar bind, the figure included."""
    how = {"batch_size": 32, "schedule": "one-cycle", "loss": F.mse_loss}
    names = ["turning-bar", "bending-net", "train-bends"]
    bound = run_cells(names, how=how, adamw=adamw)
    *lines, last = notebook_cells()["code-bend"].splitlines()
    exec("\n".join(lines), bound)
    return bound | {"figure": eval(last, bound)}


def straight_errors(pictures):
    pixels = pictures.flatten(1).double().numpy()
    lengths = scipy.linalg.svd(pixels - pixels.mean(0), compute_uv=False) ** 2
    return [lengths[q:].sum() / pixels.size for q in (1, 2, 3)]


@pytest.mark.training
def test_bend_opens_where_the_line_leaves_the_pictures(bends):
    figure = bends["figure"]
    errors = figure.numbers()["errors"]
    assert (figure.run, figure.code) == (0, 50)
    assert errors["line"] > 10 * errors["network"]
    for code in range(0, 101, 10):
        figure.code = code
        assert figure.numbers()["errors"]["network"] < 0.002
    figure.code = 50


@pytest.mark.training
def test_one_bent_number_beats_three_straight_ones_on_the_arc(bends):
    _, pictures, net = bends["bends"]["by 120°"]
    error = F.mse_loss(training.predict(net, pictures), pictures).item()
    assert error < straight_errors(pictures)[2] / 2


@pytest.mark.training
def test_ring_tears_and_two_numbers_mend_it(bends):
    _, ring, net = bends["bends"]["all the way round"]
    codes = training.predict(net.encoder, ring)[:, 0]
    jumps = (codes.roll(-1) - codes).abs() / (codes.max() - codes.min())
    assert jumps.topk(2).values.min() > 0.3
    assert jumps.topk(3).values.min() < 0.25
    between = errors_of(ring, ring.roll(-1, 0))
    assert between.max() < 1.2 * between.mean()
    torch.manual_seed(0)
    wider = bends["bending_net"](2)
    training.fit(wider, (ring, ring), optimizer=adamw(5e-3), **bends["bend_how"])
    errors = [F.mse_loss(training.predict(n, ring), ring).item() for n in (net, wider)]
    assert errors[1] < errors[0] / 2


# The further workbook's claims --------------------------------------------------------------------


@pytest.mark.training
def test_reach_decides_how_pca_survives_few_bits(trained):
    model, train, test, _, (mean, directions, _) = trained
    namespace = {"torch": torch}
    path = select_workbooks(["further/07"])[0]
    cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]}
    exec(cells["pixels-train-flatten-1-float-div-255"], namespace)
    clean = test / 255
    known, code = ((x.flatten(1) / 255 - mean) @ directions for x in (train, test))

    def error(bits, reach):
        few_levels = namespace["rounded"](code, known, bits, reach)
        return (few_levels @ directions.T + mean - clean.flatten(1)).square().mean().item()

    assert error(1, 0.8) < error(1, 99) / 10
    network = F.mse_loss(training.predict(model, test), clean).item()
    assert error(3, 2.2) < network  # whatever bits the network takes
    hidden = [training.predict(model.encoder, x) for x in (train, test)]
    coarse = namespace["rounded"](hidden[1], hidden[0], 1, 1.2)
    assert F.mse_loss(training.predict(model.decoder, coarse), clean) < 0.9 * error(1, 0.8)


def test_enlarging_then_convolving_keeps_a_constant():
    for seed in range(20):
        torch.manual_seed(seed)
        spreads = [
            layer(torch.ones(1, 8, 8, 8))[0, 0, 2:-2, 2:-2].std().item()
            for layer in (
                nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1),
                nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1),
                nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(8, 1, 3)),
            )
        ]
        assert min(spreads[:2]) > 0.02
        assert spreads[2] < 1e-6


@pytest.mark.usefixtures("few_threads")
@pytest.mark.training
def test_no_number_of_pca_coordinates_finds_strangers_as_well():
    scans = datasets.load("digits")
    known = scans.train_images[scans.train_labels < 5]
    inside, outside = (scans.test_images[(scans.test_labels < 5) == side] for side in (True, False))
    truth = [0] * len(inside) + [1] * len(outside)
    x = known.flatten(1).double() / 255
    mean = x.mean(0)
    axes = torch.linalg.svd(x - mean, full_matrices=False)[2]

    def area(error):
        return roc_auc_score(truth, torch.cat([error(inside), error(outside)]))

    def pca(q):
        def error(images):
            offset = images.flatten(1).double() / 255 - mean
            return (offset - offset @ axes[:q].T @ axes[:q]).square().mean(1)

        return error

    torch.manual_seed(1)
    net = models.dense_autoencoder(8)
    how = {"epochs": 60, "batch_size": 50, "schedule": "one-cycle", "loss": F.mse_loss}
    training.fit(net, (known, known), optimizer=adamw(1e-2), **how)
    network = area(lambda x: (training.predict(net, x) - x / 255).square().flatten(1).mean(1))
    assert 0.9 < area(pca(8)) < 0.92
    assert max(area(pca(q)) for q in range(2, 41)) < 0.935 < network


@pytest.mark.training
def test_search_by_code_finds_the_same_digit():
    """Share of the five nearest with the same label: by 64 pixels, 8 of PCA's numbers, a code."""
    digits = datasets.load("digits")
    stored, asked = digits.train_images, digits.test_images
    old, new = (images.flatten(1) / 255 for images in (stored, asked))

    def share(known, unseen):
        nearest = torch.cdist(unseen, known).topk(5, largest=False).indices
        return (digits.train_labels[nearest] == digits.test_labels[:, None]).float().mean().item()

    axes = torch.linalg.svd(old - old.mean(0), full_matrices=False).Vh[:8].T
    assert share(old, new) == pytest.approx(0.94, abs=0.005)
    assert share(old @ axes, new @ axes) == pytest.approx(0.886, abs=0.01)
    assert share(old, asked.roll(1, dims=3).flatten(1) / 255) == pytest.approx(0.52, abs=0.01)
    options = {"batch_size": 100, "epochs": 30, "schedule": "one-cycle"}
    for seed in range(3):
        ((net, _),) = training.repeat(
            lambda: models.dense_autoencoder(8),
            (stored, stored),
            seeds=[seed],
            loss=torch.nn.functional.mse_loss,
            optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=1e-2),
            **options,
        )
        images = stored, asked, asked.roll(1, dims=3)
        codes, unseen, moved = (training.predict(net.encoder, batch) for batch in images)
        assert 0.84 < share(codes, unseen) < 0.92
        assert 0.35 < share(codes, moved) < 0.5
