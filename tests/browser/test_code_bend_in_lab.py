"""The code bend in JupyterLab: slider, menu and view change it, and its pictures are the twin's."""

import pytest
from test_figures_in_lab import figure  # noqa: F401  (the fixture)

ONLY = pytest.mark.parametrize("name", ["code_bend"])
GREYS = """(canvas) => {
    const { width, height } = canvas;
    const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
    return [...pixels].filter((_, at) => at % 4 === 0);
}"""


@ONLY
def test_slider_and_menu_change_code_and_run(figure):  # noqa: F811
    figure.root.get_by_role("slider", name="code").fill("80")
    assert figure.read("state")["code"] == 80
    assert figure.agrees()
    figure.root.get_by_label("the bar turns").select_option("around")
    assert figure.read("state")["run"] == 1
    assert figure.agrees()
    assert "80 % of the way" in figure.root.locator(".course-status").inner_text()


@ONLY
def test_points_and_marks_are_drawn(figure):  # noqa: F811
    points = figure.root.locator(".course-space g circle")
    assert points.count() == 12
    radii = [float(points.nth(i).get_attribute("r")) for i in range(12)]
    codes = figure.python(f"{figure.name}.runs[0]['codes']")
    order = sorted(range(12), key=codes.__getitem__)
    assert sorted(range(12), key=radii.__getitem__) == order
    circle = figure.root.locator(".course-network")
    before = circle.get_attribute("cx"), circle.get_attribute("cy")
    figure.press("ArrowRight", "ArrowRight", "ArrowRight")
    assert (circle.get_attribute("cx"), circle.get_attribute("cy")) != before


@ONLY
def test_pictures_equal_twin_pixels(figure):  # noqa: F811
    numbers = figure.twin()
    greys = [figure.root.locator("canvas").nth(i).evaluate(GREYS) for i in range(3)]
    real = figure.python(
        "__import__('course_utils.figures.network').figures.network.unpack_tensor("
        f"{figure.name}.runs[0]['pictures'])[{numbers['nearest']['network']}].flatten().tolist()"
    )
    assert greys[1] == pytest.approx([255 * value for value in real], abs=1)
    between = [(a - b) ** 2 / 255**2 for a, b in zip(greys[0], greys[1], strict=True)]
    assert sum(between) / len(between) == pytest.approx(numbers["errors"]["network"], abs=0.01)
    assert greys[0] != greys[2]


@ONLY
def test_sliders_turn_view_only(figure):  # noqa: F811
    before = figure.read("numbers")
    figure.root.get_by_role("slider", name="turn the view").fill("-90")
    figure.root.get_by_role("slider", name="tilt the view").fill("10")
    after = figure.read("numbers")
    assert (figure.read("state")["turn"], figure.read("state")["tilt"]) == (-90, 10)
    assert after["seen"] != before["seen"]
    assert after["places"] == before["places"]
    assert figure.agrees()
