"""Each stage of Coates and Ng against what it is said to be, and the whole on small images."""

from __future__ import annotations

import importlib.util
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from sklearn.decomposition import MiniBatchDictionaryLearning, sparse_encode
from sklearn.svm import LinearSVC

from course_utils import datasets
from course_utils.sensing import coates_ng as whole
from course_utils.sensing import svm
from course_utils.sensing.coates_ng import (
    CS,
    THRESHOLDS,
    coates_ng,
    encode,
    normalize_patches,
    quarters,
    sample_patches,
    signed_sums,
    zca,
)
from course_utils.sensing.dictionaries import (
    DICTIONARIES,
    learn_dictionary,
    random_patches,
    sparse_codes,
)
from course_utils.sensing.operators import Matrix
from course_utils.sensing.solvers import fista, omp
from course_utils.sensing.svm import StandardizedFeatures, l2_svm


@pytest.fixture(scope="module")
def data():
    return datasets.load("shapes")


@pytest.fixture(scope="module")
def white_patches(data):
    patches = sample_patches(data.train_images[:300], 3000)
    mean, matrix = zca(patches)
    return (patches - mean) @ matrix


def test_normalize_patches_standardises_each_patch(data):
    images = data.train_images[:2]
    patches = normalize_patches(images, stride=4)
    assert patches.shape == (2, 49, 108)
    patch = images[1, :, 4:10, 8:14].float().flatten()
    expected = (patch - patch.mean()) / (patch.var() + 10).sqrt()
    assert torch.allclose(patches[1, 7 * 1 + 2], expected, atol=1e-5)


def test_normalize_patches_keeps_flat_ones_flat():
    assert (normalize_patches(torch.full((1, 3, 8, 8), 200, dtype=torch.uint8)) == 0).all()


def test_sample_patches_come_from_images(data):
    images = data.train_images[:3]
    patches = sample_patches(images, 50)
    every = normalize_patches(images).flatten(0, 1)
    assert patches.shape == (50, 108)
    assert torch.cdist(patches, every).min(1).values.max() < 0.01
    assert len(patches.unique(dim=0)) >= 45
    assert torch.equal(patches, sample_patches(images, 50))


def test_zca_whitens(white_patches):
    """Up to the floor, which keeps directions without variance from becoming noise."""
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    exact = torch.randn(500, 6, generator=generator, dtype=torch.float64) @ mixed + 3
    mean, matrix = zca(exact, floor=0)
    assert torch.allclose(torch.cov(((exact - mean) @ matrix).mT), torch.eye(6).double())
    assert torch.allclose(matrix, matrix.mT)  # zero-phase: no rotation
    assert white_patches.mean(0).abs().max() < 1e-3
    assert torch.cov(white_patches.mT).diagonal().max() < 1.01


@pytest.mark.parametrize("name", DICTIONARIES)
def test_dictionaries_are_seeded_unit_atoms(name, white_patches):
    less = {"SAE": {"steps": 5}, "SC": {"rounds": 2}, "OMP-10": {"rounds": 2}}.get(name, {})
    first, again, other = (
        DICTIONARIES[name](white_patches, 40, seed=seed, **less) for seed in (0, 0, 1)
    )
    assert first.shape == (108, 40)
    assert torch.allclose(first.norm(dim=0), torch.ones(40))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


@pytest.mark.parametrize(("atoms", "gain"), [(1, 1.0), (4, 1.05)])
def test_learn_dictionary_lowers_coding_error(atoms, gain, white_patches):
    def error(dictionary):
        return (
            (omp(dictionary, white_patches, atoms) @ dictionary.mT - white_patches).square().sum()
        )

    def encoder(dictionary, patches):
        return omp(dictionary, patches, atoms)

    start = random_patches(white_patches, 40)
    once, often = (learn_dictionary(white_patches, 40, encoder, rounds) for rounds in (1, 6))
    assert error(often) < error(once) < error(start)
    assert error(often) * gain < error(start)


def test_omp1_equals_gain_shape_vq(white_patches):
    """A round of OMP-1 makes each atom the mean of its patches, weighted by their products."""
    start = random_patches(white_patches, 30)
    products = white_patches @ start
    nearest = products.abs().argmax(1)
    expected = torch.stack(
        [(products[nearest == j, j, None] * white_patches[nearest == j]).sum(0) for j in range(30)]
    )
    dictionary = learn_dictionary(white_patches, 30, lambda d, x: omp(d, x, 1), 1)
    assert torch.allclose(dictionary.mT, expected / expected.norm(dim=1, keepdim=True), atol=1e-4)


def test_learn_dictionary_beats_scikit_learn(white_patches):
    """By the Lasso's objective on patches that neither has seen, ten rounds beside ten passes."""
    known, fresh = white_patches[:2000], white_patches[2000:]

    def objective(dictionary):
        unit = Matrix(F.normalize(dictionary, dim=0))
        codes = fista(unit, fresh, 1.0, 200)
        return ((unit(codes) - fresh).square().sum(-1) / 2 + codes.abs().sum(-1)).mean()

    theirs = MiniBatchDictionaryLearning(
        40, alpha=1.0, batch_size=500, max_iter=10, fit_algorithm="cd", random_state=0
    ).fit(known.double().numpy())
    ours = learn_dictionary(known, 40, sparse_codes, 10)
    start = objective(random_patches(known, 40))
    assert objective(ours) < objective(torch.from_numpy(theirs.components_.T).float())
    assert objective(ours) < 0.97 * start


def test_unused_atom_becomes_patch():
    patches = torch.eye(4).repeat(5, 1)
    dictionary = learn_dictionary(patches, 6, lambda d, x: omp(d[:, :3], x, 1) @ torch.eye(3, 6), 2)
    assert torch.isfinite(dictionary).all()
    assert (dictionary[:, 3:].norm(dim=0) > 0.99).all()


def test_sparse_codes_equal_scikit_learn(white_patches):
    dictionary, patches = random_patches(white_patches, 40).double(), white_patches[:20].double()
    codes = sparse_codes(dictionary, patches, 1.0)
    options = {"algorithm": "lasso_cd", "alpha": 1.0, "max_iter": 10_000}
    theirs = sparse_encode(patches.numpy(), dictionary.mT.numpy(), **options)
    assert np.allclose(codes, theirs, atol=0.05)
    assert np.abs(theirs).max() > 1


def test_sparse_codes_beat_thirty_fista_iterations(white_patches):
    dictionary, patches = random_patches(white_patches, 300), white_patches[1000:1100]

    def objective(codes):
        return (codes @ dictionary.mT - patches).square().sum() / 2 + codes.abs().sum()

    matrix, short = Matrix(dictionary), objective(sparse_codes(dictionary, patches))
    least, long = (objective(fista(matrix, patches, 1.0, count)) for count in (2000, 30))
    assert least < short < long
    assert short < 1.02 * least


@pytest.mark.parametrize("threshold", [0.0, 0.4])
def test_signed_sums_split_signs(threshold):
    products = torch.randn(2, 25, 3)
    sums = signed_sums(products, threshold).reshape(2, 2, 3)
    codes = F.softshrink(products, threshold)
    assert torch.allclose(sums[:, 0], codes.clamp(min=0).sum(1), atol=1e-5)
    assert torch.allclose(sums[:, 1], (-codes).clamp(min=0).sum(1), atol=1e-5)


@pytest.mark.parametrize(("side", "stride"), [(32, 1), (32, 2), (32, 7), (9, 1), (12, 5)])
def test_quarters_hold_each_patch_once(side, stride):
    """The first half of an odd number of places has one more."""
    images = torch.randint(256, (2, 3, side, side), dtype=torch.uint8)
    places = (side - 6) // stride + 1
    grid = normalize_patches(images, stride).unflatten(1, (places, places))
    cut = (places + 1) // 2
    expected = [
        grid[:, rows, columns].flatten(1, 2)
        for rows in (slice(cut), slice(cut, None))
        for columns in (slice(cut), slice(cut, None))
    ]
    for quarter, patches in zip(quarters(images, stride), expected, strict=True):
        assert torch.allclose(normalize_patches(quarter, stride), patches, atol=1e-6)


def test_encode_sums_thresholded_products(data):
    images = data.train_images[:5]
    patches = normalize_patches(images)
    white = zca(patches.flatten(0, 1))
    dictionary = random_patches(patches.flatten(0, 1), 10)
    products = (patches - white[0]) @ white[1] @ dictionary
    grid = products.reshape(5, 27, 27, 10)[:, 14:, :14].flatten(1, 2)  # lower left
    expected = (-grid - 0.3).clamp(min=0).sum(1)
    features = encode(images, white, dictionary, "T", threshold=0.3).reshape(5, 4, 2, 10)
    assert torch.allclose(features[:, 2, 1].float(), expected, rtol=2e-3, atol=0.05)
    assert encode(images, white, dictionary, "SC", threshold=1.0, stride=7).shape == (5, 80)


# The classifier


def features(n=400, count=30, classes=3):
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(classes, (n,), generator=generator)
    centres = torch.randn(classes, count, generator=generator)
    spread = torch.logspace(-1, 2, count)
    x = (centres[labels] + 2 * torch.randn(n, count, generator=generator)) * spread + 5
    return x, labels


def test_standardized_features_are_an_operator():
    x, _ = features(n=600)
    scores = StandardizedFeatures(x)
    v, u = torch.randn(4, 31), torch.randn(4, 600)
    exact = (x.double() - scores.mean) / scores.scale
    expected = v[:, :-1].double() @ exact.mT + v[:, -1:]
    # each score adds some 60 products: rounding errs by as many units in the last place of these
    parts = (v[:, :-1] / scores.scale).abs() @ (x.abs() + scores.mean.abs()).mT + v[:, -1:].abs()
    rounding = 64 * torch.finfo(torch.float32).eps * parts
    assert ((scores(v) - expected).abs() <= rounding).all()
    assert rounding.max() < 1e-3 * expected.abs().max()
    apart = (scores(v) * u).sum() - (v * scores.adjoint(u)).sum()
    assert apart.abs() <= (rounding * u.abs()).sum()
    like = StandardizedFeatures(x[:7], like=scores)
    assert ((like(v) - scores(v)[:, :7]).abs() <= rounding[:, :7]).all()


def test_standardized_features_have_unit_deviation():
    x, _ = features(n=600)
    scores = StandardizedFeatures(x)
    torch.testing.assert_close(scores.mean, x.double().mean(0).float())
    torch.testing.assert_close(
        scores.scale, x.double().std(0, unbiased=False).float(), rtol=1e-4, atol=0
    )


@pytest.mark.parametrize("C", [1e-3, 1e-1])
def test_l2_svm_minimises_its_objective(C):
    x, labels = features()
    scores = StandardizedFeatures(x)
    weights = l2_svm(scores, labels, C, tolerance=1e-5).double().numpy()
    design = np.c_[((x - scores.mean) / scores.scale).double().numpy(), np.ones(len(x))]
    for label, w in enumerate(weights):
        signs = np.where(labels.numpy() == label, 1, -1)

        def objective(v, signs=signs):
            slack = np.maximum(0, 1 - signs * (design @ v))
            gradient = v - 2 * C * design.T @ (signs * slack)
            return 0.5 * v @ v + C * slack @ slack, gradient

        best = minimize(objective, 0 * w, jac=True, options={"gtol": 1e-9})
        assert np.allclose(w, best.x, atol=1e-3)


def test_l2_svm_equals_scikit_learn():
    x, labels = features()
    scores = StandardizedFeatures(x)
    ours = l2_svm(scores, labels, 0.01, tolerance=1e-5)
    theirs = LinearSVC(C=0.01, tol=1e-8, max_iter=100_000, dual=False, intercept_scaling=1)
    theirs.fit(((x - scores.mean) / scores.scale).numpy(), labels.numpy())
    assert np.allclose(ours[:, :-1], theirs.coef_, atol=1e-3)
    assert np.allclose(ours[:, -1], theirs.intercept_, atol=1e-3)


def test_l2_svm_path_equals_single_fits():
    x, labels = features()
    scores, path = StandardizedFeatures(x), [1e-3, 1e-2, 1e-1]
    together = l2_svm(scores, labels, path, tolerance=1e-6)
    assert together.shape == (3, 3, 31)
    for C, weights in zip(path, together, strict=True):
        assert torch.allclose(weights, l2_svm(scores, labels, C, tolerance=1e-6), atol=1e-3)


def test_l2_svm_sketch_saves_passes(monkeypatch):
    """On features of very unequal variance in common directions, as sums over quadrants are."""

    class Counted(StandardizedFeatures):
        passes = 0

        def _forward(self, x):
            self.passes += 1
            return super()._forward(x)

    generator = torch.Generator().manual_seed(0)
    strong = torch.randn(1000, 8, generator=generator) @ torch.randn(8, 200, generator=generator)
    x, labels = features(1000, 200)
    x = x / x.std(0) + 10 * strong

    def passes(rank):
        monkeypatch.setattr(svm, "RANK", rank)
        scores = Counted(x)
        l2_svm(scores, labels, [1e-3, 1e-2])
        return scores.passes

    assert passes(50) < passes(1) / 2


def test_l2_svm_tolerates_half_precision():
    x, labels = features()
    full, half = (
        l2_svm(s, labels, 0.01) @ torch.ones(31)
        for s in (StandardizedFeatures(x), StandardizedFeatures(x.half()))
    )
    assert torch.allclose(full, half, atol=0.02)


# The whole


@pytest.fixture
def table(root):
    spec = importlib.util.spec_from_file_location("table", root / "benchmarks" / "coates_ng.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_coates_ng_classifies_shapes(data):
    few, some = slice(0, 500), slice(0, 200)
    train = data.train_images[few], data.train_labels[few]
    test = data.test_images[some], data.test_labels[some]
    result = coates_ng(train, test, "RP", atoms=40, patches=2000, stride=3)
    assert result.atoms.shape == (108, 40)
    assert result.test_accuracy >= 0.2  # 0.1 by chance
    assert result.train_accuracy > result.test_accuracy
    assert result.threshold in THRESHOLDS
    assert result.C in CS
    coded = coates_ng(train, test, "RP", "SC", atoms=40, patches=2000, stride=7, threshold=[1.0])
    assert coded.test_accuracy >= 0.15


def test_coates_ng_chooses_on_held_out_training_images(data, monkeypatch):
    """Test images choose nothing, and of all pairs that were tried the best one is taken."""
    train = data.train_images[:300], data.train_labels[:300]
    judged = []
    real = whole._held_out_accuracies

    def spy(features, labels, Cs):
        judged.append(real(features, labels, Cs))
        return judged[-1]

    monkeypatch.setattr(whole, "_held_out_accuracies", spy)
    options = {
        "atoms": 20,
        "patches": 1000,
        "stride": 4,
        "threshold": (0.1, 8.0),
        "C": (1e-9, 1e-3),
    }
    result, other = (
        coates_ng(train, (data.test_images[some], data.test_labels[some]), "RP", **options)
        for some in (slice(0, 50), slice(50, 100))
    )
    assert (result.threshold, result.C) == (other.threshold, other.C)
    first, second, last = judged[:3]
    assert result.threshold == (0.1 if first.max() >= second.max() else 8.0)
    assert (1e-9, 1e-3)[last.argmax()] == result.C
    assert result.C == 1e-3  # the other one hardly learns


def test_coates_ng_describes_each_image_once(data, monkeypatch):
    """With the threshold that is chosen: the first images are not described again."""
    train = data.train_images[:120], data.train_labels[:120]
    test = data.test_images[:30], data.test_labels[:30]
    monkeypatch.setattr(whole, "FEW", 80)
    described = []

    def run(code, images):
        described.append((code.keywords["threshold"], len(images)))
        return code(images)

    options = {"atoms": 10, "patches": 500, "stride": 7, "threshold": [0.3, 0.6], "C": [1e-3]}
    result = coates_ng(train, test, "RP", **options, run=run)
    assert described[:2] == [(0.3, 80), (0.6, 80)]
    assert described[2:] == [(result.threshold, 40), (result.threshold, 30)]


def test_coates_ng_resumes_from_its_features(data, tmp_path, monkeypatch, table):
    train = data.train_images[:300], data.train_labels[:300]
    test = data.test_images[:100], data.test_labels[:100]
    monkeypatch.setattr(table, "CHUNK", 50)
    cached = partial(table.encode_cached, cache=tmp_path)
    options = {"atoms": 10, "patches": 500, "stride": 7, "threshold": [0.5], "C": [1e-3]}
    plain = coates_ng(train, test, "RP", **options)
    encode, calls = whole.encode, []

    def killed(*args, **keywords):
        calls.append(len(args[0]))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return encode(*args, **keywords)

    monkeypatch.setattr(whole, "encode", killed)
    with pytest.raises(KeyboardInterrupt):
        coates_ng(train, test, "RP", **options, run=cached)
    assert len(list(tmp_path.iterdir())) == 3
    resumed = coates_ng(train, test, "RP", **options, run=cached)
    assert resumed.test_accuracy == plain.test_accuracy
    assert calls == [50] * (4 + 3 + 2)  # three of the six training chunks were there already
    coates_ng(train, test, "RP", **{**options, "threshold": [0.6]}, run=cached)
    assert len(calls) == 9 + 8  # other settings share nothing


def test_coates_ng_classifies_small_grey_images():
    digits = datasets.load("digits")
    train, test = (
        (datasets.resize(images[:200], 12), labels[:200])
        for images, labels in (
            (digits.train_images, digits.train_labels),
            (digits.test_images, digits.test_labels),
        )
    )
    assert coates_ng(train, test, "OMP-1", atoms=20, patches=1000).test_accuracy >= 0.6


def test_coates_ng_benchmark_prints_row(table, capsys, monkeypatch):
    monkeypatch.setenv("COURSE_DATASET", "shapes")
    few = ["--images", "60", "--atoms", "8", "--stride", "7", "--patches", "300"]
    assert table.main([*few, "--threads", "1", "--device", "cpu", "--row", "OMP-1/T"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0].startswith("Shapes")
    assert lines[-1].startswith("| OMP-1/T | 8 |")
    assert lines[-1].count("|") == lines[-3].count("|")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda d: coates_ng(d, d, "DBN"), "'DBN' and 'T'"),
        (lambda d: coates_ng(d, d, "RP", "X"), "'RP' and 'X'"),
        (lambda d: coates_ng(d, d, "RP", atoms=900, patches=500), "500 patches cannot give 900"),
        (lambda d: l2_svm(Matrix(torch.eye(3)), torch.arange(3), 0.0), "got 0.0"),
    ],
)
def test_bad_input_raises_value_error(wrong, said, data):
    with pytest.raises(ValueError, match=said):
        wrong((data.train_images[:20], data.train_labels[:20]))
