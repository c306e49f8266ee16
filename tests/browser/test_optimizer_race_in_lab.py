"""The race in JupyterLab: it runs when asked, its controls work, and it says who was lost."""

import pytest
from test_figures_in_lab import figure  # noqa: F401  (a fixture)

from course_utils.figures.optimizer_race import RUNNERS, STEPS, SURFACES

RACE = pytest.mark.parametrize("name", ["optimizer_race"])


def press(figure, name):  # noqa: F811
    figure.root.get_by_role("button", name=name, exact=True).click()


def slide(figure, label, value):  # noqa: F811
    """Move a slider to a value, as the mouse does."""
    figure.root.get_by_label(label, exact=True).fill(str(value))


def one_rate_for_all(figure):  # noqa: F811
    figure.root.get_by_label("learning rates").select_option("one for all")


def wait_for_step(figure, condition, value):  # noqa: F811
    """Wait until the race's step fulfils a condition, such as "> 3"."""
    figure.page.wait_for_function(
        "(value) => JSON.parse(document.querySelector('[data-figure=optimizer_race]')"
        f".dataset.state).step {condition} value",
        arg=value,
    )


@RACE
def test_play_runs_without_kernel(figure):  # noqa: F811
    figure.page.wait_for_timeout(300)
    assert figure.read("state")["step"] == 40
    press(figure, "Reset")
    figure.wait_for_python("optimizer_race.step", 0)
    press(figure, "Play")
    wait_for_step(figure, ">", 0)
    assert figure.read("state")["step"] < STEPS
    assert figure.root.locator(".course-status").get_attribute("aria-live") == "off"
    assert figure.python("optimizer_race.step") == 0
    press(figure, "Pause")
    step = figure.read("state")["step"]
    assert figure.agrees()
    assert figure.python("optimizer_race.step") == step
    figure.page.wait_for_timeout(300)
    assert figure.read("state")["step"] == step
    press(figure, "Play")  # goes on from there
    wait_for_step(figure, ">", step)
    press(figure, "Reset")
    figure.page.wait_for_timeout(300)
    assert figure.read("state")["step"] == 0
    assert figure.root.locator(".course-status").get_attribute("aria-live") == "polite"
    assert figure.agrees()


@RACE
def test_race_stops_at_end(figure):  # noqa: F811
    slide(figure, "step", STEPS - 5)
    press(figure, "Play")
    figure.root.get_by_role("button", name="Play", exact=True).wait_for()
    wait_for_step(figure, "===", STEPS)
    assert figure.agrees()


@RACE
def test_reduced_motion_skips_to_end(figure):  # noqa: F811
    figure.page.emulate_media(reduced_motion="reduce")
    try:
        press(figure, "Play")
        assert figure.read("state")["step"] == STEPS
        assert figure.agrees()
    finally:
        figure.page.emulate_media(reduced_motion="no-preference")


@RACE
def test_button_and_keys_step(figure):  # noqa: F811
    press(figure, "Step")
    assert figure.read("state")["step"] == 41
    figure.press(",", ",", ".", ",")
    assert figure.read("state")["step"] == 39
    assert figure.agrees()
    figure.press("Home", ",")
    assert figure.read("state")["step"] == 0
    figure.press("End", ".")
    assert figure.read("state")["step"] == STEPS
    assert figure.agrees()


@RACE
@pytest.mark.parametrize("surface", SURFACES)
def test_surface_shows_twin_numbers(figure, surface):  # noqa: F811
    figure.root.get_by_label("surface").select_option(surface)
    slide(figure, "step", 120)
    assert figure.agrees()
    state = figure.read("state")
    assert state["start"] == list(SURFACES[surface].start)
    assert state["eta"] == SURFACES[surface].eta
    figure.press("ArrowRight")
    assert figure.agrees()


@RACE
def test_map_repaints_only_for_new_surface(figure):  # noqa: F811
    count = "() => window.painted ?? 0"
    figure.page.evaluate(
        """() => {
            const { prototype } = CanvasRenderingContext2D;
            const put = prototype.putImageData;
            prototype.putImageData = function (...all) {
                window.painted = (window.painted ?? 0) + 1;
                return put.apply(this, all);
            };
        }"""
    )
    one_rate_for_all(figure)
    figure.press("ArrowRight", ".")
    slide(figure, "η", -2)
    assert figure.page.evaluate(count) == 0
    figure.root.get_by_label("surface").select_option("saddle")
    assert figure.page.evaluate(count) == 1
    assert figure.agrees()


@RACE
def test_divergence_is_told_in_words(figure):  # noqa: F811
    one_rate_for_all(figure)
    slide(figure, "η", -1)
    assert figure.read("state")["eta"] == 0.1
    numbers = figure.twin()
    left = numbers["runners"]["SGD"]["left"]
    assert f"SGD left the map at step {left}." in figure.root.locator(".course-status").inner_text()
    row = figure.root.locator("tbody tr").first
    assert f"left the map at step {left}" in row.inner_text()
    slide(figure, "step", left - 1)
    assert "SGD left" not in figure.root.inner_text()
    assert figure.agrees()


@RACE
def test_checkboxes_choose_shown_runners(figure):  # noqa: F811
    figure.root.get_by_label("SGD", exact=True).uncheck()
    figure.root.get_by_label("Adam, as printed", exact=True).check()
    names = [name for name in RUNNERS if name not in ("SGD", "momentum, as printed")]
    assert figure.read("state")["shown"] == names
    assert figure.agrees()
    labels = figure.root.locator(".course-map text:visible")
    assert set(labels.all_text_contents()) == set(names)


@RACE
def test_sliders_reach_twin(figure):  # noqa: F811
    for label, value in [
        ("α, momentum", 0.5),
        ("β₁, Adam", 0.3),
        ("β₂, Adam", 2),
        ("ρ, RMSprop", 0.7),
    ]:
        slide(figure, label, value)
        assert figure.agrees()
    state = figure.read("state")
    assert [state[name] for name in ("alpha", "beta1", "beta2", "rho")] == [0.5, 0.3, 0.9, 0.7]


@RACE
def test_switch_gives_all_one_rate(figure):  # noqa: F811
    slider = figure.root.get_by_label("η", exact=True)
    assert not slider.is_visible()
    runners = figure.read("numbers")["runners"]
    assert len({runner["eta"] for runner in runners.values()}) > 3
    one_rate_for_all(figure)
    assert slider.is_visible()
    assert figure.agrees()
    runners = figure.read("numbers")["runners"]
    assert {runner["eta"] for runner in runners.values()} == {figure.read("state")["eta"]}
