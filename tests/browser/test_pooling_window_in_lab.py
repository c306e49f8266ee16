"""The pooling window in JupyterLab: outputs chosen by mouse and keys send their gradients."""

import pytest
from test_figures_in_lab import figure  # noqa: F401  (the fixture)

ONLY = pytest.mark.parametrize("name", ["pooling_window"])


def table(figure, at):  # noqa: F811
    """Return every text of one of the two tables."""
    return figure.root.locator("svg").nth(at).locator("text").all_text_contents()


@ONLY
def test_enter_and_space_toggle_gradient(figure):  # noqa: F811
    figure.press("ArrowDown", "ArrowDown", "Enter")
    numbers = figure.twin()
    assert figure.read("numbers") == numbers
    assert numbers["gradient"] == [[0] * 4, [0] * 4, [0, 1, 0, 0], [0] * 4]
    assert table(figure, 0).count("tie") == 2
    assert "2 inputs tie: the first takes the gradient" in figure.root.inner_text()
    figure.press("Space")
    assert sum(map(sum, figure.twin()["gradient"])) == 0


@ONLY
def test_click_on_output_sends_gradient(figure):  # noqa: F811
    box = figure.root.locator("svg").nth(1).bounding_box()
    place = {"x": 0.17 * box["width"], "y": 0.83 * box["height"]}
    figure.root.locator("svg").nth(1).click(position=place)
    assert figure.read("state")["sent"] == [[2, 0]]
    figure.root.get_by_label("ties").select_option("shared")
    assert figure.twin()["gradient"][2:] == [[0, 0.5, 0, 0], [0.5, 0, 0, 0]]
    assert table(figure, 0).count("+½") == 2
    figure.root.locator("svg").nth(1).click(position=place)
    assert figure.read("state")["sent"] == []


@ONLY
def test_controls_change_pool_and_size(figure):  # noqa: F811
    root = figure.root
    root.get_by_role("button", name="Send from all").click()
    assert figure.twin()["gradient"][1] == [0, 2, 4, 0]
    for pool, value in (("average", 2.75), ("L2", 39**0.5)):
        root.get_by_label("pool", exact=True).select_option(pool)
        assert figure.read("numbers") == figure.twin()
        assert figure.read("numbers")["value"] == pytest.approx(value)
    for label, value in (("size k", "3"), ("stride s", "2")):
        root.get_by_label(label).fill(value)
        root.get_by_label(label).press("Tab")
    assert figure.twin()["output_size"] == [1, 1]
    assert figure.read("state")["sent"] == [[0, 0]]
    root.get_by_role("button", name="Clear").click()
    assert figure.read("state")["sent"] == []
