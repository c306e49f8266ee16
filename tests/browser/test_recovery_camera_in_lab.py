"""The recovery camera in JupyterLab: its controls, its charts, and the picture it draws."""

import pytest
from test_figures_in_lab import figure  # noqa: F401  (the fixture)

ONLY = pytest.mark.parametrize("name", ["recovery_camera"])
GREYS = """(canvas, places) => {
    const context = canvas.getContext("2d");
    return places.map(([row, column]) => [...context.getImageData(column, row, 1, 1).data]);
}"""


def slide(root, label, value):
    """Move a slider as the keyboard would, to one of its steps."""
    root.get_by_label(label, exact=True).fill(str(value))


@ONLY
def test_controls_change_every_setting(figure):  # noqa: F811
    root = figure.root
    root.get_by_label("pattern", exact=True).select_option("whole rows")
    for label, value in (("sampled", 45), ("λ", 5), ("noise", 20)):
        slide(root, label, value)
    root.get_by_role("button", name="Another pattern").click()
    for prior in ("total variation", "Haar wavelets, ℓ₁", "none"):
        root.get_by_label("prior", exact=True).select_option(prior)
        assert figure.agrees()
    assert figure.read("state") == {
        "prior": "none",
        "pattern": "whole rows",
        "sampled": 45,
        "strength": 20,
        "noise": 20,
        "seed": 1,
    }
    assert root.get_by_label("λ", exact=True).get_attribute("aria-valuetext") == "20"
    figure.press("3")
    assert root.get_by_label("prior", exact=True).input_value() == "total variation"


@ONLY
def test_charts_choose_share_and_strength(figure):  # noqa: F811
    for end, sampled in ((0.5, 58), (0, 1), (0.99, 99)):
        figure.drag((0.3, 0.5), (end, 0.5), surface=0)
        assert figure.read("state")["sampled"] == pytest.approx(sampled, abs=1)
    for end, strength in ((0.08, 0.5), (0.335, 2), (0.84, 50)):
        figure.drag((0.5, 0.5), (end, 0.2), surface=1)
        assert figure.read("state")["strength"] == strength
    assert figure.agrees()


@ONLY
def test_charts_fill_in_when_idle(figure):  # noqa: F811
    figure.press("ArrowRight")
    chart = figure.root.locator(".course-chart").first
    figure.page.wait_for_function(
        "(chart) => [...chart.querySelectorAll('polyline')]"
        ".filter((line) => line.points.length >= 19).length === 4",
        arg=chart.element_handle(),
    )
    names = chart.locator("text").all_text_contents()
    for name in ("● DCT", "■ Haar", "▲ TV"):
        assert name in [words.strip() for words in names]


@ONLY
def test_pictures_show_measured_and_recovered(figure):  # noqa: F811
    numbers = figure.twin()
    canvases = figure.root.locator("canvas")
    assert canvases.count() == 3
    places = [[3 * 16 * i + 1, 3 * 16 * j + 1] for i, j in ((1, 2), (3, 1), (2, 3), (1, 1))]
    drawn = canvases.nth(2).evaluate(GREYS, places)
    expected = [round(min(max(value, 0), 255)) for value in numbers["pixels"]]
    assert drawn == [[grey] * 3 + [255] for grey in expected]
    everywhere = [[3 * i + 1, 3 * j + 1] for i in range(64) for j in range(64)]
    measured = canvases.nth(1).evaluate(GREYS, everywhere)
    grey = sum(red == green == blue for red, green, blue, _ in measured)
    assert grey == numbers["measured"]


@ONLY
def test_status_line_tells_psnr(figure):  # noqa: F811
    figure.press("3")
    numbers = figure.twin()
    says = figure.root.locator(".course-status").inner_text()
    assert f"Total variation with λ = 1 gives {numbers['psnr']:.1f} dB" in says
    assert f"{numbers['psnr'] - numbers['psnr_none']:.1f} dB more than no prior" in says
    facts = figure.root.locator(".course-facts b").all_inner_texts()
    assert facts == [f"{numbers['psnr']:.1f} dB", f"{numbers['psnr_none']:.1f} dB", "30.0 %"]
    figure.press("0")
    assert "Without a prior the rest stays 0" in figure.root.locator(".course-status").inner_text()
