"""The latent space in JupyterLab: its controls, its map, and the pictures it decodes."""

import pytest
from test_figures_in_lab import figure  # noqa: F401  (the fixture)

ONLY = pytest.mark.parametrize("name", ["latent_space"])
COLOURS = """(canvas, places) => {
    const context = canvas.getContext("2d");
    return places.map(([row, column]) => [...context.getImageData(column, row, 1, 1).data]);
}"""
PLACES = [[8 * i, 8 * j] for i, j in ((1, 2), (3, 1), (2, 3), (1, 1))]  # those of `numbers`


@ONLY
def test_controls_change_blend_and_directions(figure):  # noqa: F811
    root = figure.root
    for label, value in (("image A", 4), ("image B", 9)):
        root.get_by_label(label).fill(str(value))
        root.get_by_label(label).press("Tab")
    root.get_by_label("blend A to B").fill("35")
    assert figure.agrees()
    across, up = (root.get_by_label(f"direction {way}") for way in ("across", "up"))
    across.select_option(index=1)  # the other axis has it: they change places
    assert (figure.read("state")["horizontal"], figure.read("state")["vertical"]) == (2, 1)
    up.select_option(index=4)
    figure.press("ArrowUp", "ArrowUp", "ArrowRight")
    state = figure.read("state")
    assert (state["a"], state["b"], state["blend"]) == (4, 9, 35)
    assert state["amounts"] == [0, 0.25, 0, 0, 0.5, 0]
    assert figure.agrees()
    says = root.locator(".course-status").inner_text()
    assert "35 % of the way from image 4 to image 9" in says
    assert "+0.25 σ along direction 2, +0.5 σ along direction 5" in says
    root.get_by_role("button", name="Back to the blend").click()
    assert figure.read("state")["amounts"] == [0] * 6


@ONLY
def test_keys_take_next_images(figure):  # noqa: F811
    figure.press("a", "a", "b", "ArrowLeft", "0")
    state = figure.read("state")
    assert (state["a"], state["b"], state["amounts"]) == (2, 2, [0] * 6)
    assert figure.agrees()


@ONLY
def test_map_point_follows_pointer(figure):  # noqa: F811
    figure.drag((0.5, 0.5), (0.75, 0.25), surface=0)
    places = figure.twin()["places"]
    assert places[:2] == pytest.approx([1.6, 1.6], abs=0.05)  # half way to the edge at 3.2 σ
    circle = figure.root.locator("circle").last
    assert float(circle.get_attribute("cx")) == pytest.approx(225, abs=2)
    assert float(circle.get_attribute("cy")) == pytest.approx(75, abs=2)


@ONLY
@pytest.mark.parametrize("strip", [1, 2])
def test_strip_chooses_blend(figure, strip):  # noqa: F811
    for end, blend in ((0.5, 50), (0.02, 0), (0.98, 100)):
        figure.drag((0.3, 0.5), (end, 0.5), surface=strip)
        assert figure.read("state")["blend"] == pytest.approx(blend, abs=1)
    assert figure.agrees()


@ONLY
def test_pictures_equal_twin_pixels(figure):  # noqa: F811
    figure.press("a", "ArrowUp", "ArrowRight", "ArrowRight")
    figure.root.get_by_label("blend A to B").fill("50")
    numbers = figure.twin()
    canvases = figure.root.locator("canvas")
    assert canvases.count() == 5  # the map, two pictures, two strips
    drawn = canvases.nth(1).evaluate(COLOURS, PLACES)
    for colours, expected in zip(drawn, numbers["pixels"], strict=True):
        assert colours[:3] == pytest.approx([255 * value for value in expected], abs=1)
    images = figure.python(
        "__import__('course_utils.figures.network').figures.network"
        f".unpack_tensor({figure.name}.images)[[1, 1]].tolist()"
    )
    faded = canvases.nth(2).evaluate(COLOURS, PLACES)
    strip = canvases.nth(4).evaluate(COLOURS, [[i, j + 3 * 34] for i, j in PLACES])
    for (i, j), *colours in zip(PLACES, faded, strip, strict=True):
        mean = [(images[0][part][i][j] + images[1][part][i][j]) / 2 for part in range(3)]
        assert all(colour[:3] == pytest.approx(mean, abs=1) for colour in colours)


@ONLY
def test_strip_ends_are_decoded_images(figure):  # noqa: F811
    canvases = figure.root.locator("canvas")
    for blend, frame in (("0", 0), ("100", 6)):
        figure.root.get_by_label("blend A to B").fill(blend)
        alone = canvases.nth(1).evaluate(COLOURS, PLACES)
        places = [[i, j + frame * 34] for i, j in PLACES]
        assert canvases.nth(3).evaluate(COLOURS, places) == alone
