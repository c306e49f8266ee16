"""The spectrum desk: factors against eigenvalues, the run against a plain one, and both scripts."""

from __future__ import annotations

import json
import random

import pytest
import torch
import traitlets
from scripts import evaluate, numbers_in_javascript, same

from course_utils import datasets
from course_utils.figures.spectrum_desk import STEPS, SpectrumDesk, factor_per_step
from course_utils.workbooks import select_workbooks

NAMES = ["matrix", "moments", "lowest", "curvatures", "eta", "alpha"]


@pytest.fixture
def desk():
    """The desk as the workbook opens it, on the digits as an earlier cell prepares them."""
    cells = json.loads(select_workbooks(["06"], further=False)[0].read_text("utf-8"))["cells"]
    sources = {cell["id"]: "".join(cell["source"]).splitlines() for cell in cells}
    digits = datasets.load("digits")
    namespace = {"torch": torch, "digits": digits, "labels": digits.train_labels}
    exec("\n".join(sources["four-runs"][:2]), namespace)  # X and y
    *lines, last = sources["spectrum-desk"]
    exec("\n".join(lines), namespace)
    return eval(last, namespace)


def at(desk, share, alpha):
    """The desk's numbers at a share of the largest stable rate."""
    desk.set(alpha=alpha, eta=share * 2 * (1 + alpha) / desk.curvatures[0])
    return desk.numbers()


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9, 0.99])
def test_factor_equals_largest_eigenvalue(alpha):
    for product in (0.001, 0.1, 0.5, 1.0, 1.9, 2.5, 3.7, 4.1):
        step = torch.tensor([[1 - product, alpha], [-product, alpha]], dtype=torch.float64)
        largest = torch.linalg.eigvals(step).abs().max().item()
        assert factor_per_step(10.0, product / 10, alpha) == pytest.approx(largest, abs=1e-7)


def test_curvatures_are_eigenvalues_of_gram_matrix():
    X = torch.randn(40, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    desk = SpectrumDesk(X, X[:, 0] + 1, penalty=0.3)
    singular = torch.linalg.svdvals(X)
    assert desk.curvatures == pytest.approx((singular**2 / 40 + 0.3).tolist())
    padded = torch.cat([X, (40 * 0.3) ** 0.5 * torch.eye(6, dtype=torch.float64)])
    targets = torch.cat([X[:, 0] + 1, torch.zeros(6, dtype=torch.float64)])
    assert desk.lowest == pytest.approx(torch.linalg.lstsq(padded, targets).solution.tolist())


@pytest.mark.parametrize("alpha", [0.0, 0.9])
def test_run_equals_sgd_of_torch(alpha):
    X = torch.randn(40, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = X.sum(1) + 1
    desk = SpectrumDesk(X, y, penalty=0.1, eta=0.2, alpha=alpha)
    w = torch.zeros(6, dtype=torch.float64, requires_grad=True)

    def loss(w):
        return (X @ w - y).square().mean() / 2 + 0.1 * w.square().sum() / 2

    lowest = loss(torch.tensor(desk.lowest, dtype=torch.float64)).item()
    optimizer = torch.optim.SGD([w], lr=0.2, momentum=alpha)
    excess = []
    for _ in range(60):
        optimizer.zero_grad()
        value = loss(w)
        excess.append(value.item() - lowest)
        value.backward()
        optimizer.step()
    shares = [value / excess[0] for value in excess]
    assert desk.numbers()["excess"][:60] == pytest.approx(shares, abs=1e-9)


def test_desk_holds_all_digits_curvatures(desk):
    assert len(desk.curvatures) == 64
    assert desk.curvatures[-1] == pytest.approx(0.01)
    assert 1000 < desk.curvatures[0] / desk.curvatures[-1] < 1100


def test_notebook_opens_just_below_limit(desk):
    assert desk.alpha == 0
    numbers = desk.numbers()
    assert numbers["growing"] == 0
    assert 0.9 < desk.eta / numbers["limit"] < 1
    assert numbers["excess"][-1] < 0.02
    assert sum(factor > 0.9 for factor in numbers["factors"][1:]) >= 60


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.6, 0.9, 0.95])
def test_first_bar_grows_exactly_when_loss_does(desk, alpha):
    below, above = at(desk, 0.98, alpha), at(desk, 1.02, alpha)
    assert (below["growing"], above["growing"]) == (0, 1)
    assert below["excess"][-1] < below["excess"][0]
    assert above["excess"][-1] > above["excess"][0]
    assert above["factors"][0] == above["largest"] > 1
    assert above["measured"] == pytest.approx(above["largest"], rel=1e-3)


def test_browser_computes_the_same(desk):
    draw = random.Random(6)
    states = [(10 ** draw.uniform(-2.5, 0.3), draw.uniform(0, 0.99)) for _ in range(25)]
    figures = []
    for eta, alpha in states:
        desk.set(eta=eta, alpha=alpha)
        figures.append({name: getattr(desk, name) for name in NAMES} | {"twin": desk.numbers()})
    shown = numbers_in_javascript(SpectrumDesk, figures)
    lengths = set()
    for figure, numbers in zip(figures, shown, strict=True):
        assert same(numbers, figure["twin"], SpectrumDesk.tolerance)
        lengths.add(len(numbers["excess"]))
    assert len(lengths) > 3
    assert STEPS + 1 in lengths


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.98, "none of 64 factors is above 1"), (1.02, "1 of 64 factors is above")],
)
def test_summary_tells_whether_a_bar_grows(desk, share, words):
    at(desk, share, 0.5)
    state = {name: getattr(desk, name) for name in NAMES}
    expression = "script.figure.summary(inputs, script.figure.numbers(inputs))"
    assert words in evaluate("spectrum_desk", expression, state)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(5, 3), torch.zeros(4)), r"got \(5, 3\) and \(4,\)"),
        ((torch.zeros(5, 65), torch.zeros(5)), "at most 64"),
        ((torch.zeros(5), torch.zeros(5)), "features must be"),
        ((torch.eye(3)[:, :2], torch.ones(3), 0.0, {"eta": 20}), "eta"),
        ((torch.ones(3, 2), torch.ones(3), 0.0), "a curvature is 0"),
    ],
)
def test_desk_refuses_invalid_arguments(arguments, message):
    *values, traits = arguments if isinstance(arguments[-1], dict) else (*arguments, {})
    with pytest.raises(traitlets.TraitError, match=message):
        SpectrumDesk(*values, **traits)
