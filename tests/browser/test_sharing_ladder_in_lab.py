"""The sharing ladder in JupyterLab: keys, menus and the slider climb it."""

import pytest
from test_figures_in_lab import figure  # noqa: F401  (the fixture)

ONLY = pytest.mark.parametrize("name", ["sharing_ladder"])


def words(figure):  # noqa: F811
    return figure.root.locator(".course-status").inner_text()


@ONLY
def test_arrows_climb_and_uncover_bars(figure):  # noqa: F811
    assert [bar is None for bar in figure.read("numbers")["bars"]] == [False, False, True, True]
    figure.press("ArrowUp", "ArrowUp")
    assert None not in figure.read("numbers")["bars"]
    assert "all shared, pixels as they are: 3,962 parameters" in words(figure)
    assert figure.agrees()
    figure.press("ArrowRight")
    assert figure.read("state")["unit"] == 5
    signs = figure.root.locator(".course-links text").all_text_contents()
    assert signs.count("=") == 16
    assert {"a", "b", "c"} <= {*signs}


@ONLY
def test_menus_and_slider_change_runs(figure):  # noqa: F811
    root = figure.root
    root.get_by_label("pixels").select_option("shuffled")
    assert "pixels shuffled" in words(figure)
    slider = root.get_by_label("epochs")
    slider.focus()
    slider.press("Home")
    assert "after 1 epoch " in words(figure)
    root.get_by_label("rung").select_option("first layer shared")
    assert figure.read("state")["rung"] == 2
    assert figure.agrees()


@ONLY
def test_click_on_row_climbs(figure):  # noqa: F811
    chart = figure.root.locator(".course-ladder")
    box = chart.bounding_box()
    chart.click(position={"x": box["width"] / 2, "y": box["height"] / 8})
    assert figure.read("state")["rung"] == 3
    assert figure.agrees()
