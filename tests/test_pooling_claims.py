"""What workbook 03 and its further part say of their own measurements, cell by cell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F

from course_utils.figures.pooling_window import PoolingWindow
from course_utils.workbooks import select_workbooks


def cells_of(further: bool) -> dict[str, dict]:
    paths = {path.parts[-2] == "further": path for path in select_workbooks(["03"])}
    cells = json.loads(paths[further].read_text("utf-8"))["cells"]
    return {cell["id"]: cell for cell in cells}


CORE, FURTHER = cells_of(further=False), cells_of(further=True)


def source(cell: dict) -> str:
    return "".join(cell["source"])


def after(cells: dict, *ids: str, **names) -> dict:
    """The names that these cells leave behind, after the workbook's imports."""
    for name in ("import-matplotlib-pyplot-as-plt", *ids):
        exec(compile(source(cells[name]), name, "exec"), names)
    return names


def prose(cells: dict) -> str:
    return "\n".join(source(cell) for cell in cells.values() if cell["cell_type"] == "markdown")


# ------------------------------------------------------------------------------- the core, in order


def test_details_hold_pooled_maps_of_a():
    names = after(CORE, "a-torch-tensor-2-3-5-0-1-5-7-9-5-2-1-1-2", "slide-max-of-x")
    text = source(CORE["pooled-maps-of-a"])
    stride_1, stride_2 = (
        [[int(x) for x in row.split()] for row in part.split("/")]
        for part in re.search(r"Stride 1: (.+?)\. Stride 2: (.+?)\.", text).groups()
    )
    assert stride_1 == names["slide_max"](names["A"], 2).tolist()
    assert stride_2 == F.max_pool2d(names["A"][None].float(), 2)[0].tolist()


def printed() -> Iterator[str]:
    """What the stored outputs of the core say, without spaces."""
    for cell in CORE.values():
        for output in cell.get("outputs", []):
            yield re.sub(r"\s", "", "".join(output["text"]))


@pytest.mark.parametrize(
    "answer", ["[5,7,7]", "=5", "13pixels", "[0,2,4,0]", "[0.0,2.0,4.0,0.0]", "[5,7]"]
)
def test_no_stored_output_prints_an_answer(answer):
    assert not any(answer in text for text in printed())


def test_window_figure_opens_without_tie_and_gradients():
    names = after(CORE, "slide-max-of-x", "nbval-check-output-3", PoolingWindow=PoolingWindow)
    figure = eval(source(CORE["poolingwindow-b"]), names)
    numbers = figure.numbers()
    assert (figure.size, figure.gradients, figure.sent) == (3, False, [])
    assert numbers["tied"] == 1
    assert numbers["value"] > 2.5 * sum(numbers["window"]) / 9
    assert source(CORE["poolingwindow-b"]) == "PoolingWindow(B, size=3, row=2, gradients=False)"


def test_maximum_and_mean_differ_most_at_one_zero():
    names = after(CORE, "slide-max-of-x", "nbval-check-output-3")
    difference = names["largest"] - names["mean"]
    row, column = divmod(difference.argmax().item(), 3)
    assert (difference == difference.max()).sum() == 1
    text = f"At output ({row}, {column}): one 3 stands among small numbers, so the maximum is "
    maximum, mean = names["largest"][row, column], names["mean"][row, column]
    assert f"{text}{maximum} and the mean {mean:g}." in source(CORE["move-the-window"])


def test_gradient_figure_opens_on_the_tie():
    names = after(CORE, "a-torch-tensor-2-3-5-0-1-5-7-9-5-2-1-1-2", PoolingWindow=PoolingWindow)
    figure = eval(source(CORE["poolingwindow-a-row-2"]), names)
    numbers = figure.numbers()
    assert (figure.gradients, numbers["tied"]) == (True, 2)
    assert numbers["gradient"] == [[0] * 4, [0] * 4, [0, 1, 0, 0], [0] * 4]


def test_norm_of_the_window_in_prose():
    assert pytest.approx(26**0.5, abs=0.05) == 5.1
    assert "\\sqrt{9 + 1 + 0 + 16} \\approx 5.1" in prose(CORE)


def test_flower_grows_brighter():
    sizes = [after(CORE)["datasets"].photograph("flower", size=(160, 240)).float() / 255]
    for _ in range(3):
        sizes.append(F.max_pool2d(sizes[-1], 2))
    for measure in (torch.mean, torch.min):
        brightness = [measure(picture).item() for picture in sizes]
        assert brightness == sorted(brightness)


def test_thirty_dots_survive_maximum_and_mean():
    names = after(CORE, "thirty-dots-three-ways")
    maximum, mean, stride = (way(names["present"]) for way in names["ways"].values())
    assert names["present"].sum() == 30
    assert maximum.unique().tolist() == [0, 1]
    assert mean.unique().tolist() == [0, 1 / 16]
    assert (maximum.sum(), mean.count_nonzero()) == (30, 30)
    assert stride.sum() <= 5


def test_maximum_finds_one_pixel_and_mean_a_weak_response():
    """97 to 99 % and about 90 % for the maximum, more than 99 % for the mean: twenty runs."""
    names = after(CORE, "thirty-dots-three-ways", "def-told-apart-pool-pattern")
    for seed in range(20):
        names["generator"].manual_seed(seed)
        maximum, mean, stride = (
            [names["told_apart"](way, pattern) for pattern in (names["one_pixel"], 1)]
            for way in names["ways"].values()
        )
        assert 0.97 <= maximum[0] <= 0.99
        assert 0.88 <= maximum[1] <= 0.92
        assert mean[1] > 0.99
        assert mean[0] < maximum[0]
        assert stride[0] < 0.56


def test_real_maps_lie_between_the_kinds():
    names = after(CORE, "sobel-torch-tensor-1-0-0-1-2-0-2-1-0-1")
    assert 1 / 16 < 0.25 < names["share"] < 0.4 < 1
    assert 6 < names["active"] < 10


def test_changes_of_pooled_maps():
    """88, 59 and 15 % in place; back in their places only after shifts by the stride."""
    names = after(
        CORE,
        *("sobel-torch-tensor-1-0-0-1-2-0-2-1-0-1", "views-and-their-change", "changes-in-place"),
        "def-after-moving-back-old-new",
    )
    changes = names["changes"]
    one_pixel = [changes["photograph", size][0] for size in (1, 2, 8)]
    assert one_pixel == pytest.approx([88, 59, 15], abs=0.6)
    for scene in names["scenes"]:
        for shift in range(3):
            ordered = [changes[scene, size][shift] for size in (8, 4, 2, 1)]
            assert ordered == sorted(ordered)
    for size in (1, 2, 4):
        unmoved, *moved = (names["pooled_edges"](names["china"], s, size) for s in range(5))
        left = [names["after_moving_back"](unmoved, maps) for maps in moved]
        assert all((part < 1e-3) == (shift % size == 0) for shift, part in enumerate(left, 1))
        assert size != 2 or left[0] == pytest.approx(59, abs=0.6)


@pytest.mark.weekly
@pytest.mark.training
def test_four_trained_networks():
    """The ranges of twenty runs, here in one; another seed than the workbook's own."""
    cells = ("def-network-halve-averaged", "four-networks", "train-four-networks")
    names = after(CORE)
    names["digits"] = names["datasets"].load("digits")
    for cell in cells:
        exec(source(CORE[cell]).replace("manual_seed(0)", "manual_seed(5)"), names)
    largest, mean, strided, averaged = names["curves"].values()
    assert 94 <= round(largest[0]) <= 97
    assert 93 <= round(strided[0]) <= 96
    assert 88 <= round(mean[0]) <= 93
    assert 30 <= round(largest[2]) <= 51
    assert 4 <= round(strided[2]) <= 20
    assert max(largest[4], mean[4], strided[4]) < 35
    assert 9 <= averaged[0] - averaged[1] <= 48
    assert abs(averaged[4] - averaged[0]) < 1


@pytest.mark.weekly
def test_mean_pool_stays_behind_after_four_times_the_training():
    names = after(CORE)
    names["digits"] = names["datasets"].load("digits")
    for cell in ("def-network-halve-averaged", "four-networks"):
        exec(source(CORE[cell]), names)
    for name in ("strided convolution", "max pool, global average"):
        del names["networks"][name]
    exec(source(CORE["train-four-networks"]).replace('"epochs": 15', '"epochs": 60'), names)
    largest, mean = (curve[0] for curve in names["curves"].values())
    assert 2 <= round(largest - mean) <= 4


def test_strided_convolution_learns_more_numbers():
    names = after(CORE, "def-network-halve-averaged")
    names["digits"] = names["datasets"].load("digits")
    exec(source(CORE["four-networks"]), names)
    counts = {
        name: sum(weights.numel() for weights in names["network"](*kind).parameters())
        for name, kind in names["networks"].items()
    }
    assert counts["strided convolution"] - counts["max pool"] == 5168
    assert counts["max pool"] == counts["mean pool"]


# --------------------------------------------------------------------------------- the further part


def test_blur_pool_of_the_shifted_row(capsys):
    from course_utils.exercises import pooling_further

    names = after(FURTHER, blur_pool2d=pooling_further.blur_pool2d.answer)
    exec(source(FURTHER["row-torch-tensor-0-0-0-0-5-1-0-0-3-0-2-0"]), names)
    rows = re.findall(r"shift \d: max pool (\[.*?\])  blur pool (\[.*?\])", capsys.readouterr().out)
    plain, blurred = ([json.loads(row[k]) for row in rows] for k in (0, 1))
    assert [sum(row) for row in plain] == [11, 10, 11]
    assert [sum(row) for row in blurred] == [10.5] * 3
    assert (blurred[0][1:3], blurred[1][2:4]) == ([3.75, 1.75], [4, 1])
    for rows in (plain, blurred):
        assert rows[2][1:] == rows[0][:-1]


def test_blur_pool_changes_less():
    from course_utils.exercises import pooling_further

    names = after(FURTHER)
    names["blur_pool2d_ok"] = pooling_further.blur_pool2d.answer
    for cell in ("def-blur2-maps", "def-changes-images-pool-shift"):
        exec(source(FURTHER[cell]), names)
    expected = {"photograph": (50, 52, 34), "digits": (58, 63, 43)}
    for scene, numbers in expected.items():
        for pool, percent in zip(names["pools"].values(), numbers, strict=True):
            in_place, back = names["changes"](names["scenes"][scene], pool, 1)
            assert in_place == pytest.approx(percent, abs=0.6)
            assert in_place - 6 < back <= in_place
            assert names["changes"](names["scenes"][scene], pool, 2)[1] < 1e-3


def test_ties_after_a_relu():
    names = after(FURTHER, "photo-datasets-photograph-china-size-128", "two-rules-one-gradient")
    assert names["tie"].float().mean() == pytest.approx(0.23, abs=0.02)
    assert names["at_zero"] == pytest.approx(0.73, abs=0.03)
    assert torch.allclose(names["first"], names["shared"], rtol=1e-3)
    assert torch.allclose(names["first"], names["swapped"], rtol=1e-3)


def test_only_the_gaussian_leaves_even_grey():
    from course_utils.exercises import pooling_further

    names = after(FURTHER, gaussian_pool2d=pooling_further.gaussian_pool2d.answer)
    exec(source(FURTHER["gaussian-pool2d-ok-ex-gaussian-pool2d-ca"]), names)
    edges = [small[0][:, -8:].std().item() for small in names["smaller"].values()]
    stride, _, mean, gaussian = edges
    assert stride > 0.3 > 0.1 > mean > 0.01 > gaussian
    assert names["smaller"]["maximum 4"][0][:, -8:].mean() > 0.95
