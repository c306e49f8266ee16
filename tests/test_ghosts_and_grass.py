"""Ghosts and grass: exact copies, a threshold that mows, another solver, and both scripts."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import traitlets
from scripts import evaluate, numbers_in_javascript, same
from sklearn.linear_model import Lasso

from course_utils.figures.ghosts_and_grass import SAMPLES, SIZE, SPIKES, STEPS, GhostsAndGrass
from course_utils.workbooks import select_workbooks

NAMES = ["samples", "steps", "spikes", "seed"]


def notebook_figure() -> GhostsAndGrass:
    """The figure as the workbook opens it."""
    cells = json.loads(select_workbooks(["08"], further=False)[0].read_text("utf-8"))["cells"]
    (source,) = ("".join(cell["source"]) for cell in cells if cell["id"] == "ghosts-and-grass")
    *lines, last = source.splitlines()
    namespace: dict = {}
    exec("\n".join(lines), namespace)
    return eval(last, namespace)


def sides(**state) -> list[dict]:
    """Both sides' numbers, apart."""
    numbers = GhostsAndGrass(**state).numbers()
    return [{name: values[side] for name, values in numbers.items()} for side in (0, 1)]


def measurement(mask) -> np.ndarray:
    """Real rows that measure what the mask's coefficients tell, at right angles and of length 1."""
    waves = np.exp(-2j * np.pi * np.outer(np.flatnonzero(mask), np.arange(SIZE)) / SIZE)
    _, strengths, rows = np.linalg.svd(np.vstack([waves.real, waves.imag]), full_matrices=False)
    return rows[strengths > 1e-6]


@pytest.mark.parametrize("samples", SAMPLES)
def test_both_patterns_hold_as_many_samples(samples):
    for seed in range(20):
        even, drawn = GhostsAndGrass(samples=samples, seed=seed).masks()
        assert even.sum() == drawn.sum() == samples
        for mask in (even, drawn):
            assert (mask[1:] == mask[:0:-1]).all()  # a real signal's samples come in pairs
            assert len(measurement(mask)) == samples


def test_spikes_cast_ghosts_apart():
    assert len(SPIKES) == 16 == len({place % 16 for place, _ in SPIKES})


@pytest.mark.parametrize("samples", SAMPLES)
@pytest.mark.parametrize("steps", [0, 50, STEPS])
def test_equispaced_samples_repeat_every_spike_exactly(samples, steps):
    bars = np.array(sides(samples=samples, steps=steps)[0]["bars"])
    copies = bars.reshape(-1, samples)  # a row for each stretch of as many places
    assert len(copies) == SIZE // samples
    assert np.ptp(copies, axis=0).max() < 1e-15
    assert (abs(copies[0]) > 0.1 * abs(bars).max()).sum() == 4


def test_notebook_opens_on_ghosts_and_grass():
    figure = notebook_figure()
    assert (figure.samples, figure.steps, figure.spikes) == (64, 0, 4)
    even, drawn = np.array(figure.numbers()["bars"])
    assert (abs(even) > 1e-9).sum() == 16
    assert (abs(drawn) > 1e-3).sum() > 240
    assert abs(drawn[figure.signal() == 0]).max() < 0.5 * abs(drawn).max()


@pytest.mark.parametrize("seed", range(20))
def test_threshold_mows_grass_and_no_ghost(seed):
    even, drawn = sides(steps=STEPS, seed=seed)
    assert even["off"] == pytest.approx(0.75**0.5, abs=1e-3)
    assert even["standing"] == 16
    assert drawn["off"] < 0.005
    middle = sides(steps=STEPS // 2, seed=seed)
    assert middle[0]["off"] == pytest.approx(even["off"], abs=2e-3)  # for ever
    assert drawn["off"] < middle[1]["off"] < 0.2


def test_estimate_equals_lasso():
    figure = GhostsAndGrass(steps=STEPS, spikes=6, seed=3)
    rows, signal = measurement(figure.masks()[1]), figure.signal()
    numbers = figure.numbers()
    bars, lam = np.array(numbers["bars"][1]), numbers["thresholds"][1]
    estimate = np.sign(bars) * np.maximum(abs(bars) - lam, 0)
    lasso = Lasso(alpha=lam / len(rows), fit_intercept=False, tol=1e-10, max_iter=10**6)
    lasso.fit(rows, rows @ signal)
    assert np.allclose(lasso.coef_, estimate, atol=0.01)


def test_browser_computes_the_same():
    draw = random.Random(8)
    states = [
        dict(
            zip(
                NAMES,
                (
                    draw.choice(SAMPLES),
                    draw.randint(0, STEPS),
                    draw.randint(1, 16),
                    draw.randint(0, 99),
                ),
                strict=True,
            )
        )
        for _ in range(25)
    ]
    shown = numbers_in_javascript(GhostsAndGrass, states)
    for state, numbers in zip(states, shown, strict=True):
        twin = GhostsAndGrass(**state).numbers()
        assert same(numbers["bars"], twin["bars"], GhostsAndGrass.tolerance)
        assert same(numbers, twin, GhostsAndGrass.tolerance)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"steps": 0}, "64 of 256 samples of 4 spikes, after 0 steps; equispaced: 100 % off"),
        ({"steps": 300}, "equispaced: 87 % off, 16 above the threshold; at random: 0.3 % off, 4"),
        ({"spikes": 1}, "samples of 1 spike,"),
    ],
)
def test_summary_tells_how_far_off(state, words):
    inputs = {name: getattr(GhostsAndGrass(**state), name) for name in NAMES}
    expression = "script.figure.summary(inputs, script.figure.numbers(inputs))"
    assert words in evaluate("ghosts_and_grass", expression, inputs)


@pytest.mark.parametrize("state", [{"samples": 48}, {"steps": 301}, {"spikes": 17}, {"seed": -1}])
def test_figure_refuses_invalid_settings(state):
    with pytest.raises(traitlets.TraitError, match=next(iter(state))):
        GhostsAndGrass(**state)
