"""The pooling saw in JupyterLab: keys, menus and buttons move it and draw its curves."""

import pytest
from test_figures_in_lab import figure  # noqa: F401  (the fixture)

ONLY = pytest.mark.parametrize("name", ["pooling_saw"])


def points(figure):  # noqa: F811
    """Return the shifts whose accuracy is shown for the present setting."""
    curve = figure.read("numbers")["curve"]
    return [shift for shift, percent in enumerate(curve) if percent is not None]


@ONLY
def test_arrows_move_digit_and_fill_curve(figure):  # noqa: F811
    assert points(figure) == [0, 1]
    figure.press("ArrowRight", "ArrowRight")
    assert points(figure) == [0, 1, 2, 3]
    assert figure.agrees()
    assert "this 7 is read as 2, wrongly" in figure.root.locator(".course-status").inner_text()
    figure.press("ArrowLeft")
    assert "this 7 is read as 7, correctly" in figure.root.locator(".course-status").inner_text()


@ONLY
def test_menus_and_buttons_draw_curves(figure):  # noqa: F811
    root = figure.root
    root.get_by_label("size").select_option("4")
    assert points(figure) == [0, 1]
    root.get_by_role("button", name="Draw the curve").press("Enter")
    assert points(figure) == list(range(9))
    assert figure.agrees()
    names = root.locator(".course-chart text").all_text_contents()
    assert {"● max 2", "● max 4"} <= {name.strip() for name in names}
    root.get_by_label("pool").select_option("blur")
    root.get_by_label("head").select_option("flatten")
    assert figure.agrees()
    root.get_by_role("button", name="Clear").press("Enter")
    assert points(figure) == [0, 1]


@ONLY
def test_slider_moves_digit(figure):  # noqa: F811
    slider = figure.root.get_by_label("shift")
    slider.focus()
    slider.press("End")
    assert figure.read("state")["shift"] == 8
    assert figure.agrees()
