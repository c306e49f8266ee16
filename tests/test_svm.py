"""The classifier of very many features: its objective, its passes, beside a library."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.svm import LinearSVC

from course_utils.sensing import svm
from course_utils.sensing.svm import StandardizedFeatures, l2_svm


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


def test_l2_svm_wants_positive_c():
    with pytest.raises(ValueError, match=r"got 0\.0"):
        l2_svm(StandardizedFeatures(torch.eye(3)), torch.arange(3), 0.0)


@pytest.mark.training
@pytest.mark.parametrize(("more", "heads"), [([], "passes"), (["--library"], "solver")])
def test_svm_benchmark_prints_table(more, heads, root, capsys, monkeypatch):
    monkeypatch.setenv("COURSE_DATASET", "shapes")
    path = root / "benchmarks" / "svm.py"
    spec = importlib.util.spec_from_file_location("svm_bench", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main(["--rows", "300", "--atoms", "8", "--threads", "1", *more]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert heads in lines[0]
    assert len({line.count("|") for line in lines}) == 1
