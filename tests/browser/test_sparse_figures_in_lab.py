"""Ghosts and grass, and growing balls, in JupyterLab: what their controls draw."""

import pytest
from test_figures_in_lab import figure  # noqa: F401  (the fixture)


@pytest.mark.parametrize("name", ["ghosts_and_grass"])
def test_steps_mow_grass_and_leave_ghosts(figure):  # noqa: F811
    root = figure.root
    high, threshold = root.locator(".course-high"), root.locator(".course-threshold")
    start = threshold.first.get_attribute("d")
    assert [path.get_attribute("d") for path in high.all()] == ["", ""]
    root.get_by_label("steps", exact=True).fill("300")
    assert figure.agrees()
    assert [path.get_attribute("d").count("M") for path in high.all()] == [16, 4]
    assert threshold.first.get_attribute("d") != start
    assert "equispaced: 87 % off" in root.locator(".course-status").inner_text()
    figure.press("ArrowDown", "ArrowLeft")
    assert figure.read("state")["samples"] == 32
    assert figure.read("state")["steps"] == 290
    assert root.locator(".course-taken").first.get_attribute("d").count("M") == 32
    assert figure.agrees()


@pytest.mark.parametrize("name", ["growing_balls"])
def test_balls_grow_until_they_touch(figure):  # noqa: F811
    root = figure.root
    touch = root.locator(".course-touch")
    assert [path.get_attribute("d") for path in touch.all()] == ["", ""]
    root.get_by_label("grown", exact=True).fill("100")
    assert all(path.get_attribute("d") for path in touch.all())
    assert figure.agrees()
    root.get_by_label("tilt", exact=True).fill("45")
    ends = touch.first.get_attribute("d").removeprefix("M ").split(" L ")
    assert ends[0] != ends[1]  # a whole edge
    assert figure.agrees()
