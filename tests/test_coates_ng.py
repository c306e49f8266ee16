"""Each stage of Coates and Ng against what it is said to be, and the whole on small images."""

from __future__ import annotations

import importlib.util
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.decomposition import MiniBatchDictionaryLearning, sparse_encode

from course_utils import datasets
from course_utils.sensing import coates_ng as whole
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


@pytest.mark.training
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


# The whole


def script(root, name):
    spec = importlib.util.spec_from_file_location(name, root / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def table(root):
    return script(root, "coates_ng")


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


@pytest.mark.training
def test_factors_benchmark_prints_rows(root, capsys, monkeypatch):
    monkeypatch.setenv("COURSE_DATASET", "shapes")
    factors = script(root, "factors")
    few = ["--images", "60", "--atoms", "8", "--threads", "1"]
    assert factors.main(few) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(rows) > 20
    assert {line.count("|") for line in rows} == {6}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda d: coates_ng(d, d, "DBN"), "'DBN' and 'T'"),
        (lambda d: coates_ng(d, d, "RP", "X"), "'RP' and 'X'"),
        (lambda d: coates_ng(d, d, "RP", atoms=900, patches=500), "500 patches cannot give 900"),
    ],
)
def test_bad_input_raises_value_error(wrong, said, data):
    with pytest.raises(ValueError, match=said):
        wrong((data.train_images[:20], data.train_labels[:20]))
