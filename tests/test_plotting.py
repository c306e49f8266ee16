"""Pictures: never without words, closed after use, one style, the right numbers on them."""

import base64
import io
import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import matplotlib.style
import numpy as np
import pytest
import torch
from PIL import Image

from course_utils import legible, plotting


@pytest.fixture
def shown(monkeypatch):
    """Collect what would be displayed; find no figure open, and leave none."""
    plt.close("all")
    bundles = []
    monkeypatch.setattr(plotting, "display", lambda data, raw: bundles.append(data))
    yield bundles
    plt.close("all")


@pytest.mark.parametrize("alt", ["", "  \n", None])
def test_show_refuses_empty_alt(alt, shown):
    figure, _ = plt.subplots()
    with pytest.raises(ValueError, match="needs an alt text"):
        plotting.show(figure, alt=alt)
    with pytest.raises(TypeError, match="alt"):
        plotting.show(figure)
    assert shown == []


def test_show_refuses_removed_axes(shown):
    _, ax = plt.subplots()
    ax.remove()
    with pytest.raises(ValueError, match="removed"):
        plotting.show(ax, alt="nothing")


def test_show_keeps_alt_and_closes_figure(shown):
    _, ax = plt.subplots(figsize=(4, 2))
    ax.plot([1, 3, 2])
    plotting.show(ax, alt='A "peak" <in>\n the middle')
    assert plt.get_fignums() == []
    (bundle,) = shown
    assert bundle["text/plain"] == '[picture] A "peak" <in>\n the middle'
    html = bundle["text/html"]
    assert 'alt="A &quot;peak&quot; &lt;in&gt; the middle"' in html
    data = html.partition("base64,")[2].partition('"')[0]
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    width = int(html.partition('width="')[2].partition('"')[0])
    assert width == pytest.approx(400, abs=20)  # 100 px an inch on the page …
    assert picture.width > 1.5 * width  # … of finer pixels
    assert np.asarray(picture.convert("L")).min() < 128  # something is drawn


def test_style_sets_petroff6_and_gray():
    petroff = mpl.style.library["petroff6"]["axes.prop_cycle"]
    assert plt.rcParams["axes.prop_cycle"] == petroff
    assert plt.rcParams["image.cmap"] == "gray"


@pytest.mark.parametrize(
    ("batch", "shape"),
    [
        (torch.zeros(5, 3, 8, 8, dtype=torch.uint8), (8, 8, 3)),
        (np.zeros((5, 1, 8, 6)), (8, 6)),
        (torch.zeros(5, 8, 8, requires_grad=True), (8, 8)),
    ],
)
def test_images_lays_out_batch(batch, shape):
    figure = plotting.images(batch, titles=list("abcde"), columns=3)
    assert len(figure.axes) == 6
    drawn = [ax.images[0].get_array().shape for ax in figure.axes if ax.images]
    assert drawn == [shape] * 5
    assert [ax.get_title(loc="center") for ax in figure.axes] == [*"abcde", ""]
    plt.close(figure)


def test_images_shows_bytes_like_floats():
    grey = torch.tensor([[[0, 51], [255, 102]]], dtype=torch.uint8)
    for batch in (grey, grey / 255):
        figure = plotting.images(batch)
        (drawn,) = figure.axes[0].images
        np.testing.assert_allclose(drawn.norm(drawn.get_array()), [[0, 0.2], [1, 0.4]], rtol=1e-6)
        plt.close(figure)


@pytest.mark.parametrize("shape", [(3, 3), (2, 2, 8, 8), (0, 3, 8, 8)])
def test_images_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match=r"batch must be \(N, C, H, W\)"):
        plotting.images(torch.zeros(shape))


def test_images_refuses_missing_titles():
    with pytest.raises(ValueError, match="2 images but 1 titles"):
        plotting.images(torch.zeros(2, 4, 4), titles=["a"])


def test_grid_writes_numbers_and_box():
    ax = plotting.grid([[1, -2, 0.125], [3, 4, 1000]], title="input", box=(0, 1, 2, 2))
    words = [text.get_text() for text in ax.texts]
    assert words == ["1", "−2", "0.125", "3", "4", "1000"]
    (box,) = [patch for patch in ax.patches if not patch.get_fill()]
    assert (box.get_xy(), box.get_width(), box.get_height()) == ((0.5, -0.5), 2, 2)
    assert ax.get_title(loc="left") == "input"
    plt.close(ax.figure)


@pytest.mark.parametrize("draw", [plotting.signed_map, lambda m: plotting.grid(m, signed=True)])
def test_signed_map_is_centred_on_zero(draw):
    ax = draw(torch.tensor([[-1.0, 0.0], [2.0, 5.0]]))
    drawn = ax.images[0]
    assert drawn.cmap.name == "PuOr"
    assert drawn.norm(0) == 0.5
    plt.close(ax.figure)


def test_signed_map_draws_zeros():
    ax = plotting.signed_map(torch.zeros(2, 2))
    assert ax.images[0].norm(0) == 0.5
    plt.close(ax.figure)


def test_wide_picture_has_text_for_a_slide():
    figure, ax = plt.subplots(figsize=(11, 3))
    ax.plot([1, 3, 2])
    ax.set_title("wide")
    legible.enlarge_text(figure)
    assert 22 <= legible.smallest_text(figure) * legible.SLIDE / 1100 <= 22.5
    plt.close(figure)


def test_text_grows_only_until_it_covers_another():
    figure = plotting.images(torch.zeros(5, 8, 8), ["so-long-it-has-no-room"] * 5, size=2.2)
    figure.draw_without_rendering()
    before = legible.smallest_text(figure)
    legible.enlarge_text(figure)
    assert before < legible.smallest_text(figure) < 22 * 1100 / legible.SLIDE
    boxes = sorted(
        (title.x0, title.x1) for title in (ax.title.get_window_extent() for ax in figure.axes)
    )
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(boxes))
    plt.close(figure)


def test_words_take_more_lines_and_ticks_are_thinned_out():
    figure, panels = plt.subplots(1, 3, figsize=(12, 3))
    for panel in panels:
        panel.plot([0.0321, 0.0322, 0.0323], [1, 2, 3])
        panel.set(title="so many words that no panel holds them all", xlabel="rate", xscale="log")
        panel.set_xlim(1e-7, 10)
    legible.enlarge_text(figure)
    assert legible.smallest_text(figure) * legible.SLIDE / 1200 >= 22
    assert all("\n" in panel.get_title("left") for panel in panels)
    assert not legible._collisions(figure)
    plt.close(figure)


def test_text_of_tall_picture_can_be_read():
    figure, _ = plt.subplots(figsize=(6, 9))
    legible.enlarge_text(figure)
    assert legible.smallest_text(figure) * legible.HIGH / 900 >= 22
    plt.close(figure)


def test_show_says_how_large_its_text_is(shown):
    _, ax = plt.subplots(figsize=(4, 2))
    ax.text(0.1, 0.5, "small", fontsize=7.2)
    plotting.show(ax, alt="a word")
    ax = plt.subplots(figsize=(4, 2))[1]
    ax.axis("off")
    plotting.show(ax, alt="nothing")
    sizes = [bundle["text/html"].partition('data-text="')[2].partition('"')[0] for bundle in shown]
    assert sizes == ["10.0", "0.0"]
