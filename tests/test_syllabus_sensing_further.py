"""The worked numbers of further/08, and what its prose claims, recomputed by other code."""

from __future__ import annotations

import itertools
import math

import nbformat
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import orthogonal_mp
from sklearn.svm import LinearSVC
from turns import daily_share

from course_utils import datasets
from course_utils.exercises import compressive_further as ex
from course_utils.sensing import operators, phase, solvers
from course_utils.sensing.coates_ng import coates_ng, normalize_patches, sample_patches, zca
from course_utils.sensing.dictionaries import DICTIONARIES
from course_utils.workbooks import NOTEBOOKS

B = ex.GOODFELLOW.double()
Y = torch.tensor([-14.0, 1, 19, 2, 23]).double()
CODE = torch.tensor([0.0, 2, 0, 0, -3, 0]).double()


# A · OMP -----------------------------------------------------------------------------------------


def test_example_7_47_equals_book():
    columns = ((3, 4, -1, 3, -5), (-1, 2, 5, 1, 4), (2, -3, 4, 2, -2))
    columns += ((-5, -1, 2, -3, 2), (4, 1, -3, 0, -5), (1, 3, -2, -3, -1))
    assert torch.equal(B.mT, torch.tensor(columns).double())
    assert torch.equal(B @ CODE, Y)
    assert torch.linalg.matrix_rank(B) == 5
    five = itertools.combinations(range(6), 5)
    assert all(abs(np.linalg.det(B[:, list(some)].numpy())) > 1e-6 for some in five)  # spark 6


def test_omp_solves_example_7_47():
    match = Y @ B / B.norm(dim=0)
    assert match.tolist() == pytest.approx([-21.4, 29.9, 0.5, 22.4, -31.8, -15.9], abs=0.05)
    one = torch.from_numpy(orthogonal_mp((B / B.norm(dim=0)).numpy(), Y.numpy(), n_nonzero_coefs=1))
    assert (one / B.norm(dim=0))[4].item() == pytest.approx(-4.45, abs=0.005)
    two = torch.from_numpy(orthogonal_mp((B / B.norm(dim=0)).numpy(), Y.numpy(), n_nonzero_coefs=2))
    assert torch.allclose(two / B.norm(dim=0), CODE)
    assert torch.allclose(ex.omp(B.float(), Y.float(), 2), CODE.float(), atol=1e-4)


def test_example_7_47_needs_refit():
    unit, left, h = B / B.norm(dim=0), Y.clone(), torch.zeros(6).double()
    for _ in range(2):  # matching pursuit
        best = (unit.mT @ left).abs().argmax()
        h[best] += (unit.mT @ left)[best] / B.norm(dim=0)[best]
        left = Y - B @ h
    assert h[4].item() == pytest.approx(-4.45, abs=0.005)
    assert left.norm() > 6
    assert (Y @ unit).argmax() == 1


def shares(flat, seed, counts=(4, 8)):
    """Shares found by basis pursuit, OMP and one look, for each number of non-zeros."""
    D = F.normalize(operators.Gaussian(40, 100, seed=seed).matrix, dim=0)
    found = []
    for q in counts:
        truth = phase.sparse_signals(60, 100, q, seed=seed)
        truth = truth.sign() if flat else truth
        y = truth @ D.mT
        looked = torch.zeros_like(truth)
        for row, signal in zip(looked, y, strict=True):
            best = (D.mT @ signal).abs().topk(q).indices
            row[best] = torch.linalg.lstsq(D[:, best], signal[:, None]).solution[:, 0]
        codes = solvers.douglas_rachford(operators.Matrix(D), y, 300), solvers.omp(D, y, q), looked
        right = [(h - truth).norm(dim=1) < 1e-3 * truth.norm(dim=1) for h in codes]
        found.append([share.float().mean().item() for share in right])
    return found


@pytest.mark.parametrize("seed", range(3))
def test_omp_fails_on_flat_signals(seed):
    (pursuit, greedy, look), (pursuit8, greedy8, _) = shares(False, seed)
    assert min(pursuit, greedy, pursuit8) > 0.9
    assert greedy8 > 0.75
    assert look < 0.2
    _, (pursuit8, greedy8, look8) = shares(True, seed)
    assert pursuit8 > 0.9
    assert greedy8 < 0.75
    assert look8 < 0.1


def test_number_of_supports():
    assert math.comb(6, 2) == 15
    assert round(math.comb(100, 10) / 1e12) == 17


# B · Cameras -------------------------------------------------------------------------------------


def recovery(camera, atoms, q, seed):
    signals = phase.sparse_signals(40, 128, q, seed=seed)
    found = phase.is_recovered(operators.Matrix(camera @ atoms.mT), signals, 300)
    return found.float().mean().item()


@pytest.mark.parametrize("seed", range(3))
def test_random_sampling_needs_incoherence(seed):
    spikes = torch.eye(128)
    cosines = operators.DCT(128).H(spikes)
    drawn = torch.randperm(128, generator=torch.Generator().manual_seed(seed))[:40]
    mixtures = operators.Gaussian(40, 128, seed=seed).matrix
    assert recovery(mixtures, cosines, 4, seed) > 0.9
    assert recovery(mixtures, spikes, 4, seed) > 0.9
    assert recovery(spikes[drawn], cosines, 4, seed) > 0.9
    assert recovery(cosines[drawn], cosines, 4, seed) < 0.15
    assert recovery(spikes[drawn], spikes, 4, seed) < 0.15
    assert recovery(cosines[drawn], spikes, 4, seed) > 0.9
    assert recovery(spikes[:40], cosines, 8, seed) < recovery(spikes[drawn], cosines, 8, seed) - 0.2


@pytest.mark.parametrize("seed", range(6))
def test_coherence_warns_of_each_camera_that_fails(seed):
    spikes = torch.eye(128)
    cosines = operators.DCT(128).H(spikes)
    drawn = torch.randperm(128, generator=torch.Generator().manual_seed(seed))[:40]

    def look(camera, atoms):
        """Atoms that are not seen, and the largest cosine between two that are."""
        columns = camera @ atoms.mT
        unseen = columns.norm(dim=0) < 1e-4
        unit = F.normalize(columns[:, ~unseen], dim=0)
        return int(unseen.sum()), (unit.mT @ unit).fill_diagonal_(0).abs().max().item()

    mixtures = operators.Gaussian(40, 128, seed=seed).matrix
    for camera, atoms in ((mixtures, cosines), (mixtures, spikes), (spikes[drawn], cosines)):
        unseen, coherence = look(camera, atoms)
        assert unseen == 0
        assert coherence < 0.75
    assert look(cosines[drawn], cosines)[0] == look(spikes[drawn], spikes)[0] == 88
    assert look(spikes[:40], cosines)[1] == pytest.approx(0.99, abs=0.005)


def test_four_cosines_are_seldom_among_the_measured():
    assert math.comb(124, 36) / math.comb(128, 40) == pytest.approx(0.01, abs=0.002)


# C · The curve -----------------------------------------------------------------------------------


def test_exercise_point_on_phase_curve():
    assert phase.donoho_tanner(0.3) == pytest.approx(0.29, abs=0.005)
    assert ex.most_nonzeros.answer == 87


@pytest.mark.parametrize("delta", [0.3, 0.5, 0.7])
def test_small_problems_follow_phase_curve(delta):
    m = round(100 * delta)
    for offset, low, high in ((-0.12, 0.75, 1), (0.15, 0, 0.25)):
        q = round((phase.donoho_tanner(delta) + offset) * m)
        camera = operators.Gaussian(m, 100, batch=(40,), seed=q)
        share = phase.is_recovered(camera, phase.sparse_signals(40, 100, q, seed=q), 300)
        assert low <= share.float().mean().item() <= high


# D · Radon ----------------------------------------------------------------------------------


@pytest.mark.training
def test_total_variation_beats_least_squares():
    scanner = operators.Radon(64, torch.arange(0, 180, 9).tolist())
    assert scanner.shape_out == (20, 93)
    blocks = torch.zeros(64, 64)
    blocks[8:56, 12:52], blocks[16:30, 20:30], blocks[36:48, 30:46] = 1, 0.3, 0.6
    head = F.avg_pool2d(datasets.mr_slice()[None].float() / 255, 4)[0, 0]
    gains = []
    for image in (blocks, head):
        rays = scanner(image)
        fitted = solvers.fista(scanner, rays, 0.0, 50)
        lam = solvers.geometric_schedule(3, 0.03, 100)
        smooth = solvers.fista(scanner, rays, lam, prox=solvers.total_variation)
        psnrs = [solvers.psnr(picture.clamp(0, 1), image) for picture in (smooth, fitted)]
        gains.append(psnrs[0] - psnrs[1])
    assert gains[0] > 5
    assert 0.7 < gains[1] < gains[0] - 2


@pytest.mark.weekly
@pytest.mark.training
def test_shifted_haar_fits_both_slices():
    scanner = operators.Radon(64, torch.arange(0, 180, 9).tolist())
    path = NOTEBOOKS / "further" / "08_compressive_sensing.ipynb"
    cells = {cell.id: cell.source for cell in nbformat.read(path, as_version=4).cells}
    namespace = {"torch": torch, "operators": operators, "solvers": solvers}
    for name in ("def-phantom-side-64", "ways-back", "ways-back-listed"):
        exec(cells[name], namespace)
    head = F.avg_pool2d(datasets.mr_slice()[None].float() / 255, 4)[0, 0]
    ways = {
        "fixed": namespace["on_fixed_grid"],
        "shifted": solvers.cycle_spin(namespace["haar"]),
        "variation": solvers.total_variation,
    }
    for image, gain in ((namespace["phantom"](), 9), (head, 1)):
        rays = scanner(image)

        def best(prox, image=image, rays=rays):
            lams = [solvers.geometric_schedule(3, lam, 100) for lam in (0.03, 0.1, 0.3)]
            found = [solvers.fista(scanner, rays, lam, prox=prox).clamp(0, 1) for lam in lams]
            return max(solvers.psnr(picture, image) for picture in found)

        scores = {name: best(prox) for name, prox in ways.items()}
        least = solvers.psnr(solvers.fista(scanner, rays, 0.0, 50).clamp(0, 1), image)
        assert scores["variation"] - least > gain
        assert scores["shifted"] > scores["variation"] - 0.2
        assert scores["fixed"] < scores["shifted"] - 2
    assert scores["fixed"] < least  # on the head


# E · Coates and Ng -------------------------------------------------------------------------------


def test_omp1_equals_gain_shape_vq():
    generator = torch.Generator().manual_seed(0)
    D = F.normalize(torch.randn(20, 30, generator=generator), dim=0)
    x = torch.randn(50, 20, generator=generator)
    codes = ex.gain_shape(D, x)
    assert torch.allclose(codes, solvers.omp(D, x, 1), atol=1e-5)
    weights = x @ D
    errors = (x[:, :, None] - weights[:, None] * D).square().sum(1)  # every patch, every atom
    assert torch.equal(errors.argmin(1), codes.abs().argmax(1))
    assert torch.equal(ex.gain_shape(D, -x), -codes)


def test_dictionary_step_is_best_for_omp1():
    generator = torch.Generator().manual_seed(1)
    D = F.normalize(torch.randn(10, 6, generator=generator), dim=0)
    x = torch.randn(200, 10, generator=generator)
    codes = ex.gain_shape(D, x)
    by_hand = x.mT @ codes
    fitted = torch.linalg.lstsq(codes, x).solution.mT
    assert torch.allclose(F.normalize(by_hand, dim=0), F.normalize(fitted, dim=0), atol=1e-4)


def test_encoder_t_equals_biased_convolution():
    generator = torch.Generator().manual_seed(2)
    image = torch.randn(2, 3, 12, 12, generator=generator)
    D = F.normalize(torch.randn(108, 5, generator=generator), dim=0)
    maps = F.conv2d(image, D.mT.reshape(5, 3, 6, 6), torch.full((5,), -0.25)).relu()
    patches = F.unfold(image, 6).mT
    codes = ex.encode(D, patches.flatten(0, 1), 0.25)[:, :5]
    assert torch.allclose(maps.flatten(2).mT.flatten(0, 1), codes, atol=1e-5)


def test_feature_counts():
    assert (32 - 6 + 1) ** 2 == 729
    assert ex.features.answer == 12_800
    assert 6 * 6 * 3 == 108


def accuracy(code, images, labels, others, truth, white):
    """Share right by scikit-learn's classifier, on sums over quadrants of codes at stride 4."""

    def described(batch):
        x = (normalize_patches(batch, 4) - white[0]) @ white[1]
        maps = code(x.flatten(0, 1)).reshape(len(batch), 7, 7, -1)
        parts = [maps[:, a, b] for a in (slice(4), slice(4, 7)) for b in (slice(4), slice(4, 7))]
        return torch.cat([part.sum((1, 2)) for part in parts], 1).numpy()

    known, new = described(images), described(others)
    mean, spread = known.mean(0), known.std(0) + 1e-3
    machine = LinearSVC(C=3e-4, dual=True, max_iter=5000, random_state=0)
    machine.fit((known - mean) / spread, labels)
    return machine.score((new - mean) / spread, truth)


@pytest.mark.parametrize("seed", daily_share([3, 4], 2))
@pytest.mark.training
def test_encoders_keep_order_on_shapes(seed):
    data = datasets.load("shapes")
    some = torch.randperm(5000, generator=torch.Generator().manual_seed(seed))[:1000]
    images, labels = data.train_images[some], data.train_labels[some]
    sample = sample_patches(images[:300], 4000, seed=seed)
    white = zca(sample)
    x = (sample - white[0]) @ white[1]
    sets = images, labels, data.test_images[:1000], data.test_labels[:1000], white
    made = {name: DICTIONARIES[name](x, 64, seed=seed) for name in ("R", "RP", "OMP-1")}
    with_t = {k: accuracy(lambda x, d=d: ex.encode(d, x, 0.25), *sets) for k, d in made.items()}
    assert with_t["R"] + 0.05 < with_t["RP"]
    assert with_t["RP"] + 0.01 < with_t["OMP-1"]
    D = made["OMP-1"]
    one = accuracy(lambda x: ex.encode(torch.eye(64), ex.gain_shape(D, x), 0.0), *sets)
    linear = accuracy(lambda x: x @ D, *sets)
    assert linear + 0.1 < one
    assert one + 0.005 < with_t["OMP-1"]


@pytest.mark.training
def test_coates_ng_equals_table_row():
    data = datasets.load("shapes")
    train = data.train_images[:1000], data.train_labels[:1000]
    test = data.test_images[:1000], data.test_labels[:1000]
    options = {"atoms": 64, "patches": 2000, "stride": 4}
    result = coates_ng(train, test, "OMP-1", "T", **options, threshold=[0.25], C=[3e-4])
    assert 0.34 < result.test_accuracy < 0.50
