"""The architecture builder in JupyterLab: every control, and every preset against the twin."""

import pytest
from test_figures_in_lab import figure  # noqa: F401  (a fixture)

from course_utils.figures.architecture_builder import PRESETS

BUILDER = pytest.mark.parametrize("name", ["architecture_builder"])


def fill(root, label, value):
    field = root.get_by_label(label, exact=True)
    field.fill(str(value))
    field.press("Tab")


@BUILDER
def test_preset_shows_twin_numbers(figure):  # noqa: F811
    menu = figure.root.get_by_label("architecture", exact=True)
    for name in PRESETS:
        menu.select_option(name)
        numbers = figure.twin()
        assert figure.read("numbers") == numbers
        assert menu.input_value() == name
        assert f"{numbers['parameters']:,}" in figure.root.locator("tfoot").inner_text()


@BUILDER
def test_controls_change_chosen_layer(figure):  # noqa: F811
    root = figure.root
    figure.press("ArrowDown")
    for place, (label, value) in enumerate(
        [("filters", 12), ("kernel", 3), ("stride", 2), ("padding", 1), ("pool", 3)]
    ):
        fill(root, label, value)
        shown = []  # the kernel answers each change, and nobody types the next before it
        while len(shown) < 100 and shown[-8:] != [value] * 8:
            root.page.wait_for_timeout(50)
            shown.append(figure.read("state")["convolutions"][0][place])
    fill(root, "pool stride", 1)
    assert figure.read("state")["convolutions"][0] == [12, 3, 2, 1, 3, 1]
    fill(root, "channels", 3)
    fill(root, "input size", 64)
    fill(root, "classes", 7)
    root.get_by_label("head").select_option("global average")
    root.get_by_label("biases").select_option("without")
    assert figure.read("numbers") == figure.twin()
    assert root.get_by_label("architecture").input_value() == "your own"
    root.get_by_role("button", name="Add dense layer").click()
    fill(root, "width", 500)
    numbers = figure.twin()
    assert figure.read("numbers") == numbers
    assert numbers["chosen"] == "dense2"
    assert numbers["rows"][-2][3] == 84 * 500
    assert "500·(84) = 42,000 parameters" in root.inner_text()


@BUILDER
def test_buttons_add_and_remove_layers(figure):  # noqa: F811
    root = figure.root
    root.get_by_role("button", name="Add convolution").click()
    assert figure.twin()["chosen"] == "conv3"
    root.get_by_role("button", name="Remove conv3").click()
    figure.press("ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp")
    names = [row[0] for row in figure.twin()["rows"]]
    assert "conv3" not in names
    while figure.read("numbers")["chosen"] != "pool1":
        figure.press("ArrowUp" if figure.read("state")["row"] > 2 else "ArrowDown")
    root.get_by_role("button", name="Remove pool1").click()
    assert "pool1" not in [row[0] for row in figure.twin()["rows"]]
    assert figure.read("numbers") == figure.twin()


@BUILDER
def test_oversized_kernel_is_refused(figure):  # noqa: F811
    before = figure.read("state")
    fill(figure.root, "input size", 9)
    assert "Refused: the kernel of conv2" in figure.root.locator(".course-status").inner_text()
    assert figure.read("state") == before


@BUILDER
def test_largest_layers_are_marked(figure):  # noqa: F811
    rows = figure.root.locator("tbody tr")
    numbers = figure.read("numbers")
    signs = {"▲ most": "parameters", "● most": "multiply_adds", "■ most": "memory"}
    for sign, column in signs.items():
        marked = [i for i in range(rows.count()) if sign in rows.nth(i).inner_text()]
        assert marked == [numbers[f"most_{column}"]]
    figure.press("ArrowDown")  # clears what another test was refused
    says = figure.root.locator(".course-status").inner_text()
    assert says.startswith("25,010 parameters, most in dense1 (86.3 %); 262,344 multiply-adds")


BOARD = "half the course's CNN"
CUT_CELLS = """(root) => {
    root.style.width = "976px";  // what a notebook has in a window of 1366
    const cut = [...root.querySelectorAll("td, th")].filter((cell) => {
        if (!cell.textContent.trim()) return false;
        const words = document.createRange();
        words.selectNodeContents(cell);
        const { left, right } = cell.getBoundingClientRect();
        const inside = words.getBoundingClientRect();
        return inside.left < left || inside.right > right;
    });
    root.style.width = "";
    return cut.map((cell) => cell.textContent);
}"""


@BUILDER
def test_board_trains_and_cancels(figure):  # noqa: F811
    """One small network by keyboard: the kernel answers meanwhile, a dot comes, and it stays."""
    root, line = figure.root, figure.root.locator(".course-board-line")
    assert not root.locator(".course-board").is_visible()
    figure.workbook.python(f"{figure.name}.set(board=True, classes=10)")
    assert "3 channels of 32 × 32" in line.inner_text()
    assert root.get_by_role("button", name="Train").is_disabled()
    root.get_by_label("architecture", exact=True).select_option(BOARD)
    figure.press("ArrowDown")
    assert root.evaluate(CUT_CELLS) == []
    for label, value in [("filters", 2), ("kernel", 8), ("stride", 8), ("padding", 0)]:
        fill(root, label, value)
    runs = figure.python(f"len({figure.name}.runs)")
    dots = root.locator(".course-dot")
    before = dots.count()
    train = root.get_by_role("button", name="Train")
    train.focus()
    figure.page.keyboard.press("Enter")
    cancel = root.get_by_role("button", name="Cancel")
    cancel.wait_for(timeout=60_000)
    assert figure.python("1 + 1") == 2
    cancel.press("Enter")
    figure.page.wait_for_function(
        "line => line.textContent === 'Cancelled: no dot.'", arg=line.element_handle()
    )
    assert figure.python(f"len({figure.name}.runs)") == runs
    train.press("Enter")
    figure.page.wait_for_function(
        "line => line.textContent.startsWith('Network')",
        arg=line.element_handle(),
        timeout=120_000,
    )
    assert dots.count() == before + 1
    run = figure.python(f"{figure.name}.runs[-1]")
    assert f"{run['accuracy']:.1f} %" in line.inner_text()
    assert figure.agrees()
    recorded = root.get_by_role("button", name="109,050 parameters")
    recorded.press("Enter")
    assert figure.twin()["parameters"] == 109_050
    assert figure.agrees()
