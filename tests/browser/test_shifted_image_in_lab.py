"""The shifted image in JupyterLab: shifted, exchanged, and asked how a unit came about."""

import pytest
from test_figures_in_lab import figure  # noqa: F401  (a fixture)

SHIFT = pytest.mark.parametrize("name", ["shifted_image"])
CLASSES = ["stripes", "saddle", "rings"]


def fill(figure, label, value):  # noqa: F811
    field = figure.root.get_by_label(label, exact=True)
    field.fill(str(value))
    field.press("Tab")


@SHIFT
def test_dragging_shifts_image(figure):  # noqa: F811
    figure.drag((0.5, 0.5), (0.5 + 3 / 32, 0.5 - 5 / 32))
    state = figure.read("state")
    assert (state["dx"], state["dy"]) == (3, -5)
    figure.drag((0.1, 0.1), (0.1 + 2 / 32, 0.1))
    assert figure.read("state")["dx"] == 5
    assert figure.agrees()
    assert "shifted 5 right and 5 up" in figure.root.locator(".course-status").inner_text()
    figure.root.get_by_role("button", name="Put back").click()
    state = figure.read("state")
    assert (state["dx"], state["dy"]) == (0, 0)
    figure.press("ArrowLeft", "Home")
    assert figure.read("state")["dx"] == 0
    assert figure.agrees()


@SHIFT
def test_shift_stops_at_half_side(figure):  # noqa: F811
    figure.drag((0.02, 0.5), (0.98, 0.5))
    assert figure.read("state")["dx"] == 16
    figure.press("ArrowRight")
    assert figure.read("state")["dx"] == 16
    for words in ("wrap", "black"):
        figure.root.get_by_label("from outside comes").select_option(words)
        assert figure.read("state")["fill"] == words
        assert figure.agrees()


@SHIFT
def test_table_tells_verdicts_in_words(figure):  # noqa: F811
    for at, key in ((2, None), (0, "."), (2, ",")):
        if key:
            figure.press(key)
        numbers = figure.twin()
        assert figure.read("state")["image"] == at
        heads = figure.root.locator(".course-bars thead th").all_inner_texts()
        for head, name in zip(heads, ("logistic regression", "CNN"), strict=True):
            shares = numbers["probabilities"][name]
            guess = shares.index(max(shares))
            verdict = "right" if guess == at else "wrong"
            assert head == f"{name} says {CLASSES[guess]}: {verdict}"
        names = figure.root.locator(".course-bars tbody th").all_inner_texts()
        assert names[at] == f"{CLASSES[at]} (true)"
        row = figure.root.locator(".course-bars tbody tr").nth(at).inner_text()
        assert f"{100 * numbers['probabilities']['CNN'][at]:.0f} %" in row
    figure.root.get_by_label("image", exact=True).select_option("1: saddle")
    assert figure.read("state")["image"] == 1
    assert figure.agrees()


@SHIFT
def test_click_on_map_shows_unit(figure):  # noqa: F811
    maps = figure.root.locator(".course-maps .course-picture-frame")
    box = maps.nth(0).bounding_box()
    at = (4 * 33 + 7.5) / (8 * 33 - 1), 20.5 / (2 * 33 - 1)  # map 4, row 20, column 7
    maps.nth(0).click(position={"x": at[0] * box["width"], "y": at[1] * box["height"]})
    state = figure.read("state")
    assert [state[key] for key in ("stage", "channel", "row", "column")] == ["ReLU 1", 4, 20, 7]
    fill(figure, "input channel", 2)
    unit = figure.twin()["unit"]
    assert unit["field"] == [18, 5, 23, 10]
    words = figure.root.locator(".course-formula").inner_text().replace("−", "-")
    for part in (*unit["sums"], unit["bias"], unit["value"]):
        assert f"{part:.3f}".rstrip("0").rstrip(".") in words
    tables = figure.root.locator(".course-unit svg")
    assert tables.count() == 3
    texts = [text for text in tables.nth(1).locator("text").all_text_contents() if text]
    drawn = [float(text.replace("−", "-")) for text in texts]
    assert drawn == pytest.approx([w for line in unit["weights"] for w in line], abs=0.006)
    box = maps.nth(1).bounding_box()
    maps.nth(1).click(position={"x": 2, "y": box["height"] - 2})
    assert figure.read("state")["stage"] == "pool 1"
    assert figure.agrees()
    assert "The largest of" in figure.root.locator(".course-formula").inner_text()


@SHIFT
def test_unit_controls_work_by_keyboard(figure):  # noqa: F811
    figure.root.get_by_label("maps and unit of").select_option("ReLU 2")
    for label, value in (("map", 31), ("row", 3), ("column", 4), ("input channel", 15)):
        fill(figure, label, value)
    state = figure.read("state")
    assert [state[key] for key in ("channel", "row", "column", "part")] == [31, 3, 4, 15]
    assert figure.agrees()
    fill(figure, "row", 99)
    assert figure.root.get_by_label("row", exact=True).input_value() == "15"
    titles = figure.root.locator(".course-maps .course-title").all_inner_texts()
    assert titles[0].startswith("ReLU 2: 32 maps of 16 × 16")
    assert titles[1].startswith("pool 2: 32 maps of 8 × 8")
    assert figure.agrees()


@SHIFT
def test_shift_repaints_maps_and_image(figure):  # noqa: F811
    canvases = figure.root.locator("canvas")
    before = [canvases.nth(i).evaluate("(c) => c.toDataURL()") for i in range(3)]
    figure.press("ArrowRight")
    after = [canvases.nth(i).evaluate("(c) => c.toDataURL()") for i in range(3)]
    assert all(a != b for a, b in zip(after, before, strict=True))
    assert figure.agrees()
