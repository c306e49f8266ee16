"""Growing balls: where norms are smallest on a line, by another solver, and both scripts."""

from __future__ import annotations

import json

import numpy as np
import pytest
import traitlets
from scripts import evaluate, numbers_in_javascript, same

from course_utils.figures.growing_balls import GrowingBalls
from course_utils.workbooks import select_workbooks

ANGLES = range(0, 181, 5)


def line(angle: int) -> np.ndarray:
    """(20001, 2) points of the line of solutions, its corners on the axes included."""
    across, up = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    along = np.linspace(-40, 40, 20_001)
    points = [[2 * across - t * up, 2 * up + t * across] for t in along]
    axes = [[2 / across, 0]] if abs(across) > 1e-9 else []
    axes += [[0, 2 / up]] if abs(up) > 1e-9 else []
    return np.array(points + axes)


@pytest.mark.parametrize("angle", ANGLES)
def test_balls_touch_where_norm_is_smallest(angle):
    numbers = GrowingBalls(angle=angle).numbers()
    points = line(angle)
    for p, radius, touching in zip((1, 2), *numbers.values(), strict=True):
        norms = np.linalg.norm(points, ord=p, axis=1)
        assert norms.min() == pytest.approx(radius, abs=1e-9)
        for point in touching:
            assert np.linalg.norm(point, ord=p) == pytest.approx(radius)
            assert abs(points - point).max(1).min() < 0.003


@pytest.mark.parametrize("angle", ANGLES)
def test_l1_touches_in_a_corner_unless_line_is_parallel_to_an_edge(angle):
    corners, ((across, up),) = GrowingBalls(angle=angle).numbers()["touching"]
    assert len(corners) == (2 if angle in (45, 135) else 1)
    assert all(0 in corner for corner in corners)
    assert (min(abs(across), abs(up)) < 1e-9) == (angle % 90 == 0)


def test_balls_touch_only_when_grown():
    numbers = GrowingBalls(grown=60, angle=20).numbers()
    full = GrowingBalls(grown=100, angle=20).numbers()
    assert numbers["touching"] == [[], []]
    assert numbers["radii"] == pytest.approx([0.6 * radius for radius in full["radii"]])


def test_notebook_opens_where_l1_finds_a_zero_and_l2_none():
    cells = json.loads(select_workbooks(["08"], further=False)[0].read_text("utf-8"))["cells"]
    (source,) = ("".join(cell["source"]) for cell in cells if cell["id"] == "growing-balls")
    *lines, last = source.splitlines()
    namespace: dict = {}
    exec("\n".join(lines), namespace)
    (corner,), (nearest,) = eval(last, namespace).numbers()["touching"]
    assert corner[0] == 0
    assert min(map(abs, nearest)) > 0.5


def test_browser_computes_the_same():
    states = [{"grown": grown, "angle": angle} for angle in ANGLES for grown in (0, 37, 100)]
    for state, numbers in zip(states, numbers_in_javascript(GrowingBalls, states), strict=True):
        assert same(numbers, GrowingBalls(**state).numbers(), GrowingBalls.tolerance)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"grown": 50, "angle": 65}, "r = 1.1, ℓ₂ ball: r = 1. Neither touches the line yet."),
        ({"grown": 100, "angle": 65}, "ℓ₁ touches the line in (0; 2.21), ℓ₂ in (0.85; 1.81)"),
        ({"grown": 100, "angle": 45}, "along an edge, (2.83; 0) to (0; 2.83)"),
    ],
)
def test_summary_tells_where_balls_touch(state, words):
    expression = "script.figure.summary(inputs, script.figure.numbers(inputs))"
    assert words in evaluate("growing_balls", expression, state)


@pytest.mark.parametrize("state", [{"grown": 101}, {"angle": -5}])
def test_figure_refuses_invalid_settings(state):
    with pytest.raises(traitlets.TraitError, match=next(iter(state))):
        GrowingBalls(**state)
