"""The stride dial against NumPy's and PyTorch's as_strided, in Python and in JavaScript."""

from __future__ import annotations

import json
import random
import re

import numpy as np
import pytest
import torch
import traitlets
from numpy.lib.stride_tricks import as_strided
from scripts import evaluate, numbers_in_javascript, same

from course_utils.figures.stride_dial import PARTS, StrideDial, presets
from course_utils.workbooks import select_workbooks

LETTER = StrideDial.example().picture
BUTTONS = presets(4, 3)
OPERATIONS = {
    "as it is": lambda picture: picture,
    "transpose": lambda picture: picture.T,
    "mirror": lambda picture: picture.flip(1),  # PyTorch copies; NumPy's view is tested below
    "broadcast": lambda picture: picture[:, :1].expand(*picture.shape),
    "every second": lambda picture: picture[::2],
    "diagonal": lambda picture: picture.diagonal()[None],
    "windows of 3": lambda picture: picture.flatten().unfold(0, 3, 1),
}


def states(count: int, seed: int = 1) -> list[dict]:
    """Shapes, strides and offsets; about half of them stay inside the memory."""
    draw = random.Random(seed)
    return [
        {
            "rows": draw.randint(1, 4),
            "columns": draw.randint(1, 4),
            "row_stride": draw.randint(-4, 4),
            "column_stride": draw.randint(-2, 3),
            "offset": draw.randint(0, 11),
        }
        for _ in range(count)
    ]


def by_numpy(rows, columns, row_stride, column_stride, offset):
    """The same view, made by NumPy over the same line of memory."""
    memory = np.array(LETTER, dtype=np.int64).reshape(-1)
    strides = (8 * row_stride, 8 * column_stride)
    return as_strided(memory[offset:], (rows, columns), strides).tolist()


def test_values_equal_as_strided():
    counts = {"negative": 0, "inside": 0, "outside": 0}
    for state in states(600):
        numbers = StrideDial(LETTER, **state).numbers()
        flat = [at for line in numbers["positions"] for at in line]
        assert numbers["outside"] == sum(not 0 <= at < 12 for at in flat)
        view = (
            torch.tensor(LETTER).flatten(),
            *(
                [state["rows"], state["columns"]],
                [state["row_stride"], state["column_stride"]],
                state["offset"],
            ),
        )
        negative = min(view[2]) < 0
        if numbers["outside"]:
            counts["outside"] += 1
            if not negative:
                with pytest.raises(RuntimeError, match="out of bounds"):
                    torch.as_strided(*view)
            continue
        counts["inside"] += 1
        counts["negative"] += negative
        assert numbers["values"] == by_numpy(**state)
        if not negative:
            strided = torch.as_strided(*view)
            assert numbers["values"] == strided.tolist()
            assert numbers["contiguous"] == strided.is_contiguous()
    assert min(counts.values()) > 50


def test_browser_computes_the_same():
    figures = [StrideDial(LETTER, **state) for state in [*states(60, seed=2), *BUTTONS.values()]]
    for figure in figures:
        figure.set(row=figure.rows - 1, column=figure.columns - 1)
    names = ["picture", *PARTS, "row", "column"]
    shown = numbers_in_javascript(
        StrideDial, [{name: getattr(figure, name) for name in names} for figure in figures]
    )
    for figure, numbers in zip(figures, shown, strict=True):
        assert same(numbers, figure.numbers())


@pytest.mark.parametrize("size", [(4, 3), (3, 4), (1, 12), (12, 1), (2, 2)])
def test_presets_fit_every_picture(size):
    for state in presets(*size).values():
        figure = StrideDial(torch.arange(size[0] * size[1]).reshape(size), **state)
        assert figure.numbers()["outside"] == 0


@pytest.mark.parametrize("name", BUTTONS)
def test_preset_is_its_operation(name):
    figure = StrideDial(LETTER, **BUTTONS[name])
    picture = torch.tensor(LETTER)
    result = OPERATIONS[name](picture)
    numbers = figure.numbers()
    assert numbers["values"] == result.tolist()
    assert numbers["preset"] == name
    if name != "mirror":
        assert result.data_ptr() == picture.data_ptr() + 8 * figure.offset
        strides = (figure.row_stride, figure.column_stride)
        assert result.stride()[-1] == strides[1]
        assert figure.rows == 1 or result.stride() == strides


def test_mirror_is_numpys_view():
    mirrored = np.array(LETTER)[:, ::-1]
    figure = StrideDial(LETTER, **BUTTONS["mirror"])
    assert figure.numbers()["values"] == mirrored.tolist()
    assert [8 * figure.row_stride, 8 * figure.column_stride] == list(mirrored.strides)


def test_exercise_turns_letter_upside_down():
    figure = StrideDial(LETTER, row_stride=-3, column_stride=1, offset=9)
    assert figure.numbers()["values"] == torch.tensor(LETTER).flip(0).tolist()
    assert figure.numbers()["preset"] == ""


def test_notebook_opens_as_it_is():
    cells = json.loads(select_workbooks(["01"], further=False)[0].read_text("utf-8"))["cells"]
    (source,) = ("".join(cell["source"]) for cell in cells if cell["id"] == "stride-dial")
    namespace = {"torch": torch, "StrideDial": StrideDial}
    *lines, last = source.splitlines()
    exec("\n".join(lines), namespace)
    figure = eval(last, namespace)
    assert figure.picture == LETTER
    assert figure.numbers()["preset"] == "as it is"
    assert figure.numbers()["contiguous"]


def test_mirror_in_torch_copies():
    picture = torch.tensor(LETTER)
    assert picture.flip(1).data_ptr() != picture.data_ptr()


def test_no_preset_moves_memory():
    figure = StrideDial.example()
    memory = figure.memory
    for state in BUTTONS.values():
        figure.set(**state)
        assert figure.memory == memory


def test_broadcast_cell_fills_a_row():
    figure = StrideDial(LETTER, **BUTTONS["broadcast"], row=2)
    numbers = figure.numbers()
    assert (numbers["readers"], numbers["read"]) == (3, 4)
    assert numbers["values"][2] == [95, 95, 95]


def test_summary_names_what_is_outside():
    state = {name: getattr(StrideDial(LETTER, rows=5), name) for name in (*PARTS, "row", "column")}
    state["picture"] = LETTER
    words = evaluate(
        "stride_dial", "script.figure.summary(inputs, script.figure.numbers(inputs))", state
    )
    assert "3 places lie outside the memory" in words


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"picture": torch.zeros(4, 4)}, "picture must hold 3 to 12 numbers, got 16"),
        ({"picture": [[1, 2]]}, "got 2"),
        ({"rows": 13}, "rows"),
        ({"column_stride": 25}, "column_stride"),
        ({"offset": -1}, "offset"),
        ({"row": 4}, "row 4 lies outside 0 to 3"),
        ({"column": 3}, "column 3 lies outside 0 to 2"),
    ],
)
def test_dial_refuses_invalid_traits(traits, message):
    with pytest.raises(traitlets.TraitError, match=message):
        StrideDial(**{"picture": LETTER} | traits)


def test_smaller_shape_clamps_place():
    figure = StrideDial(LETTER, row=3, column=2)
    figure.set(rows=2, columns=1)
    assert (figure.row, figure.column) == (1, 0)


def test_notebook_table_tells_the_presets():
    cells = json.loads(select_workbooks(["01"], further=False)[0].read_text("utf-8"))["cells"]
    (source,) = ("".join(c["source"]) for c in cells if c["id"] == "the-letter-turns")
    rows = re.findall(
        r"^\| ([\w ]+) \| `(.+?)`.*? \| (\(.+?\)) \| (\(.+?\)) \| (\d) \|$", source, re.M
    )
    assert {"as it is", *(name for name, *_ in rows)} == set(BUTTONS)
    for name, code, *numbers in rows:
        shape, strides, offset = (eval(text.replace("−", "-")) for text in numbers)
        state, result = BUTTONS[name], eval(code, {"letter": torch.tensor(LETTER)})
        figure = StrideDial(LETTER, **state)
        assert result.reshape(figure.rows, figure.columns).tolist() == figure.numbers()["values"]
        axes = slice(-len(shape), None)  # the diagonal is drawn as one row
        assert tuple(result.shape) == shape == (state["rows"], state["columns"])[axes]
        assert strides == (state["row_stride"], state["column_stride"])[axes]
        assert offset == state["offset"]
        if name != "mirror":
            assert result.stride() == strides
