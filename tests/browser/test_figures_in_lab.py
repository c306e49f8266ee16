"""Figures in JupyterLab: moved by hand, they show the numbers of their twin in Python."""

import json

import pytest
from conftest import SHOWN, Shown
from scripts import same
from turns import daily_share

from course_utils.figures import all_figures

FIGURES = {figure.__module__.rpartition(".")[2]: figure for figure in all_figures()}
EVERY = pytest.mark.parametrize("name", FIGURES)
WAYS = ("keys", "mouse", "python")


def moved_by(way):
    """Each figure is moved daily in one of the ways, and weekly in all of them."""
    names = daily_share(FIGURES, len(WAYS), first=WAYS.index(way))
    return pytest.mark.parametrize("name", names)


class Live(Shown):
    """A figure of the gallery, with its twin in the kernel."""

    def __init__(self, workbook, name):
        super().__init__(workbook.page, workbook.page.locator(f'[data-figure="{name}"]'))
        self.workbook, self.name = workbook, name

    def python(self, expression):
        """Return the value of a Python expression in the kernel."""
        return json.loads(self.workbook.python(f"import json; print(json.dumps({expression}))"))

    def wait_until_heard(self):
        """Wait until the browser's state has reached the kernel."""
        state = self.read("state")
        self.wait_for_python(
            f"{{name: getattr({self.name}, name) for name in {list(state)}}}", state
        )

    def twin(self):
        """Return the numbers of the twin, once the browser's state has reached the kernel."""
        self.wait_until_heard()
        return self.python(f"{self.name}.numbers()")

    def wait_for_python(self, expression, value):
        """Wait until an expression has a value in the kernel, which hears of a change later."""
        for _ in range(50):
            if (in_kernel := self.python(expression)) == value:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"in the kernel, {expression} is {in_kernel}, not {value}")

    def agrees(self):
        """Whether the browser shows the numbers of the twin."""
        return same(self.read("numbers"), self.twin(), FIGURES[self.name].tolerance)


@pytest.fixture
def figure(shown_gallery, name):
    """Return the figure in the gallery, put back to its example's state afterwards."""
    live = Live(shown_gallery, name)
    before = live.read("state")
    yield live
    put_back(live, before)


def put_back(live, state):
    """Set the state from Python and wait until the browser shows it."""
    live.wait_until_heard()  # a change still on its way would undo it
    live.workbook.python(f"{live.name}.set(**{state!r})")
    live.page.wait_for_function(
        """([name, state]) =>
            document.querySelector(`[data-figure=${name}]`).dataset.state === state""",
        arg=[live.name, json.dumps(state, separators=(",", ":"), ensure_ascii=False)],
    )


@EVERY
def test_figure_shows_twin_numbers(figure):
    assert figure.agrees()
    assert figure.root.locator(".course-status").inner_text().strip()


@moved_by("keys")
def test_arrow_keys_move_figure(figure):
    active = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    figure.stage.focus()
    cell = figure.page.evaluate(active)
    for key in ("ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft"):
        before = figure.read("numbers")
        figure.press(key)
        assert figure.agrees()
        assert figure.read("numbers") != before
    assert figure.page.evaluate(active) == cell  # JupyterLab did not take the keys


@moved_by("mouse")
def test_dragging_moves_figure(figure):
    surfaces = figure.root.locator(".course-drag").count()
    assert surfaces
    for surface in range(surfaces):
        figure.drag((0.05, 0.05), (0.05, 0.05), surface)
        before = figure.read("state")
        figure.drag((0.05, 0.05), (0.9, 0.95), surface)
        assert figure.read("state") != before
        assert figure.agrees()


@moved_by("python")
def test_python_moves_figure(figure):
    before = figure.read("state")
    figure.press("ArrowDown")
    assert figure.read("state") != before
    put_back(figure, before)
    assert figure.agrees()


def test_same_sees_every_difference():
    twin = {"a": [1, {"b": 0.5}], "c": None}
    assert same({"a": [1, {"b": 0.5}], "c": None}, twin)
    assert same({"a": [1, {"b": 0.50004}], "c": None}, twin, 1e-4)
    for shown in (
        {"a": [1, {"b": 0.5002}], "c": None},
        {"a": [1, {"b": None}], "c": None},
        {"a": [1.00004, {"b": 0.5}], "c": None},
        {"a": [1, {"b": 0.5}, 2], "c": None},
        {"a": [1, {"b": 0.5}]},
        {"a": [1, {"b": 0.5, "d": 0}], "c": None},
        {"a": {"b": 0.5}, "c": None},
    ):
        assert not same(shown, twin, 1e-4)


@EVERY
def test_controls_have_names_and_keys(figure):
    controls = figure.root.locator("input, select, [tabindex='0']")
    assert controls.count() > 0
    for i in range(controls.count()):
        assert controls.nth(i).get_attribute("aria-label")
        assert controls.nth(i).get_attribute("data-lm-suppress-shortcuts") == "true"


@pytest.mark.parametrize("name", ["pixel_picker"])
def test_pixel_picker_writes_its_numbers(figure):
    figure.press("2", "ArrowRight")
    numbers = figure.twin()
    assert numbers["position"] == [2, 2, 4]
    words = figure.root.inner_text()
    assert f"2·35 + 2·7 + 4·1 = {numbers['index_nchw']}" in words.replace("\n", " ")
    assert f"2·21 + 4·3 + 2·1 = {numbers['index_hwc']}" in words.replace("\n", " ")
    assert figure.root.locator("output").all_inner_texts() == [str(v) for v in numbers["planes"]]
    figure.root.get_by_label("channel 0, red").check()
    assert figure.twin()["position"] == [0, 2, 4]


@pytest.mark.parametrize("name", ["stride_dial"])
def test_dial_buttons_keep_memory(figure):
    root = figure.root
    line = root.locator(".course-memory text")
    memory = line.all_text_contents()
    for button in ("transpose", "mirror", "broadcast", "every second", "diagonal", "windows of 3"):
        root.get_by_role("button", name=button).press("Enter")
        assert root.get_by_role("button", name=button).get_attribute("aria-pressed") == "true"
        assert figure.read("numbers")["preset"] == button
        assert figure.agrees()
        assert line.all_text_contents() == memory
    drawn = root.locator(".course-stage text").all_text_contents()
    values = [value for row in figure.read("numbers")["values"] for value in row]
    assert [float(text) for text in drawn if text] == values


@pytest.mark.parametrize("name", ["stride_dial"])
def test_dial_says_what_lies_outside(figure):
    root = figure.root
    for label, value in (("row stride", "-3"), ("offset", "9")):
        before = root.locator(".course-status").inner_text()
        root.get_by_label(label).fill(value)
        root.get_by_label(label).press("Tab")
        assert root.locator(".course-status").inner_text() != before
        if label == "row stride":
            assert "9 places lie outside the memory" in root.locator(".course-status").inner_text()
    assert figure.read("numbers")["values"][0] == [97, 14, 15]
    assert figure.agrees()


@pytest.mark.parametrize("name", ["spectrum_desk"])
def test_desk_marks_growth_exactly_above_limit(figure):
    root = figure.root
    bars, curve = root.locator(".course-bar"), root.locator(".course-curve")
    for share, growing in (("0.98", [False, False]), ("1.02", [True, False])):
        root.get_by_role("button", name=f"{share} × limit").press("Enter")
        assert figure.agrees()
        classes = [bars.nth(i).get_attribute("class") for i in range(bars.count())]
        assert ["course-growing" in kind for kind in classes] == growing
        assert ("course-growing" in curve.get_attribute("class")) == any(growing)
        first = "1 of 2 factors is above 1" if any(growing) else "none of 2 factors is above 1"
        assert first in root.locator(".course-status").inner_text()
        numbers = figure.read("numbers")
        assert (numbers["excess"][-1] > 1) == any(growing)
        points = curve.get_attribute("points").split()
        assert len(points) == len(numbers["excess"])


@pytest.mark.parametrize("name", ["spectrum_desk"])
def test_desk_sliders_set_rate_and_momentum(figure):
    figure.root.get_by_label("η, learning rate").fill("-1")
    figure.root.get_by_label("α, momentum").fill("0.9")
    assert figure.read("state") == {"eta": 0.1, "alpha": 0.9}
    assert figure.agrees()


@pytest.mark.parametrize("name", ["kernel_scrubber"])
def test_scrubber_controls_change_kernel_and_size(figure):
    root = figure.root
    root.get_by_label("padding p").fill("1")
    root.get_by_label("padding p").press("Tab")
    assert figure.read("numbers")["output_size"] == [5, 5]
    root.get_by_label("kernel", exact=True).select_option("Sobel x")
    root.get_by_label("stride s").fill("2")
    root.get_by_label("stride s").press("Tab")
    root.get_by_label("kernel, row 1, column 1").fill("0.5")
    root.get_by_label("kernel, row 1, column 1").press("Tab")
    assert root.get_by_label("kernel", exact=True).input_value() == "your own"
    root.get_by_role("button", name="Fill all").click()
    numbers = figure.twin()
    assert figure.read("numbers") == numbers
    assert numbers["output_size"] == [2, 2]
    feature_map = [value for line in numbers["feature_map"] for value in line]
    assert None not in feature_map
    texts = root.locator("svg").nth(-1).locator("text").all_text_contents()
    drawn = [float(text.replace("−", "-")) for text in texts if text]
    assert drawn == pytest.approx(feature_map, abs=0.005)
    assert "⌊(4 + 2·1 − 1·(3 − 1) − 1) / 2⌋ + 1 = 2" in root.inner_text()


@pytest.mark.parametrize("name", ["kernel_scrubber"])
def test_scrubber_keys_point_at_weight_and_pixel(figure):
    stage_table = figure.root.locator(".course-stage text")
    for words, expected in (("a weight", "touches 9 of 16"), ("a pixel", "reaches 4 of 9")):
        figure.root.get_by_label("arrow keys move", exact=True).select_option(words)
        figure.press("ArrowDown", "ArrowRight")
        assert figure.agrees()
        assert expected in figure.root.locator(".course-status").inner_text()
        marked = stage_table.evaluate_all(
            "texts => texts.filter(text => text.matches('.course-in')).length"
        )
        assert marked == len(figure.read("numbers")["linked"]["pixels"])


@pytest.mark.parametrize("name", ["kernel_scrubber"])
def test_scrubber_shows_what_lies_under_mouse(figure):
    before = figure.read("state")
    root, page = figure.root, figure.page
    root.get_by_label("kernel, row 1, column 0").hover()
    assert "Weight (1, 0) is 0. It touches 9 of 16 pixels" in root.inner_text()
    box = root.locator(".course-stage svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 8, box["y"] + box["height"] / 8)
    assert "Pixel (0, 0) is 2. It reaches 1 of 9 outputs" in root.inner_text()
    assert root.locator("rect.course-reached").count() == 1
    page.mouse.move(0, 0)
    assert root.locator("rect.course-reached").count() == 0
    assert figure.read("state") == before
    root.get_by_label("kernel, row 0, column 1").focus()  # the keyboard points as well
    assert "Weight (0, 1) is 0." in root.inner_text()


@pytest.mark.parametrize("name", ["paint_kernel"])
def test_painting_solves_kernel(figure):
    root = figure.root
    response = root.locator("canvas").nth(2)
    before, picture = figure.read("numbers"), response.screenshot()
    assert before["left_over"] < 0.05
    root.get_by_role("button", name="clear").press("Enter")
    assert figure.read("numbers")["kernel"] == [[0] * 3] * 3
    figure.press("+", " ", "-", *["ArrowRight"] * 4, "Enter")
    assert figure.agrees()
    numbers = figure.read("numbers")
    assert numbers["counts"] == {"+": 9, "0": 0, "-": 9}
    assert response.screenshot() != picture
    root.get_by_role("button", name="brush 0").click()
    figure.drag((0.1, 0.1), (0.1, 0.9))
    assert figure.agrees()
    assert figure.read("numbers")["counts"]["0"] > 9
    root.get_by_label("kernel size k").select_option("5")
    assert figure.agrees()
    assert len(figure.read("numbers")["kernel"]) == 5
    drawn = root.locator(".course-table text").all_text_contents()
    weights = [weight for line in figure.read("numbers")["kernel"] for weight in line]
    shown = [float(text.replace("−", "-")) for text in drawn if text]
    assert shown == pytest.approx(weights, abs=0.051)


@pytest.mark.parametrize("name", ["kernel_scrubber", "pooling_window"])
def test_oversized_window_is_refused(figure):
    before = figure.read("state")
    size = figure.root.get_by_label("size k")
    size.fill("5")
    size.press("Tab")
    assert "Refused" in figure.root.locator(".course-status").inner_text()
    assert figure.read("state") == before
    assert size.input_value() == "2"
    figure.press("ArrowRight")
    assert "Refused" not in figure.root.locator(".course-status").inner_text()


@pytest.mark.parametrize("name", ["kernel_scrubber"])
def test_photograph_shows_response_map(figure):
    figure.workbook.python(
        "import torch; example = kernel_scrubber.image; "
        "kernel_scrubber.image = torch.arange(40 * 30).reshape(40, 30) ** 2 % 256"
    )
    try:
        response = figure.root.locator("canvas").nth(1)
        response.wait_for()
        figure.drag((0.1, 0.1), (0.6, 0.5))
        assert figure.read("numbers") == figure.twin()
        before = response.screenshot()
        figure.root.get_by_label("kernel", exact=True).select_option("Sobel y")
        assert figure.read("numbers") == figure.twin()
        assert figure.root.locator("canvas").nth(1).screenshot() != before
    finally:
        figure.workbook.python("kernel_scrubber.image = example")
        figure.root.locator("canvas").first.wait_for(state="detached")


def test_alt_text_survives(shown_gallery):
    shown_gallery.page.get_by_alt_text(SHOWN).wait_for()
