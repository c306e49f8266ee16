"""Students' notebooks are found, read and mended, whatever has become of them."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.errors import UserError
from course_utils.exercises import all_exercises
from course_utils.marking import assignment, submissions
from course_utils.marking.submissions import Submission, UnreadableError
from course_utils.workbooks import NOTEBOOKS

LESSON = NOTEBOOKS / "02_convolution.ipynb"
CONV2D = next(exercise for exercise in all_exercises() if exercise.name == "conv2d")
NAME = LESSON.name


def put(*parts, text="{}"):
    path = parts[0].joinpath(*parts[1:])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


# Where they lie -----------------------------------------------------------------------------------


def test_find_reads_nbgrader_layout(tmp_path):
    ada = put(tmp_path, "ada", "02", NAME)
    further = put(tmp_path, "ada", "further-02", NAME)
    put(tmp_path, "gradebook.db")
    put(tmp_path, "ada", "holiday", "pictures.ipynb")
    (tmp_path / "bob" / "02").mkdir(parents=True)
    expected = [
        Submission("ada", "02", ada),
        Submission("ada", "further-02", further),
        Submission("bob", "02", tmp_path / "bob" / "02" / NAME),
    ]
    assert submissions.find(tmp_path) == expected


def test_find_accepts_course_folder(tmp_path):
    path = put(tmp_path, "submitted", "ada", "02", NAME)
    assert submissions.find(tmp_path) == [Submission("ada", "02", path)]


def test_find_accepts_flat_core_workbooks(tmp_path):
    path = put(tmp_path, "ada", NAME)
    assert submissions.find(tmp_path) == [Submission("ada", "02", path)]


@pytest.mark.parametrize("folder", ["2", "02", "further-2", "further-02", "2 further"])
def test_find_accepts_every_spelling(tmp_path, folder):
    path = put(tmp_path, "ada", folder, NAME)
    name = "further-02" if "further" in folder else "02"
    assert submissions.find(tmp_path) == [Submission("ada", name, path)]


def test_find_explains_layout(tmp_path):
    put(tmp_path, "ada", "homework", NAME)
    with pytest.raises(UserError, match=r"ada/02/02_convolution.ipynb; the assignments are 00, 01"):
        submissions.find(tmp_path)
    with pytest.raises(UserError, match="There is no folder"):
        submissions.find(tmp_path / "elsewhere")


# How they are read --------------------------------------------------------------------------------


def written(*cells):
    return nbformat.writes(new_notebook(cells=[*cells]))


def test_parse_cells_drops_outputs_and_ids():
    cell = new_code_cell(
        "x = 1", metadata={"tags": ["a"], "nbgrader": {"grade_id": "b", "points": 9}}
    )
    cell.outputs = [nbformat.v4.new_output("stream", text="15")]
    (read,) = submissions.parse_cells(written(cell))
    assert (read.source, read.outputs) == ("x = 1", [])
    assert read.metadata == {"tags": ["a"], "nbgrader": {"grade_id": "b"}}
    assert read.id != cell.id


ODD = [
    {},
    {"metadata": None},
    {"metadata": {"tags": 3 * [None], "nbgrader": "15"}},
    {"metadata": {"nbgrader": {"grade_id": 7}}},
    {"source": ["x ", "= 1"]},
    {"id": 5, "outputs": "none"},
]


@pytest.mark.parametrize("odd", ODD)
def test_parse_cells_accepts_odd_cells(odd):
    cell = {"cell_type": "code", "source": "x = 1"} | odd
    text = json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": [cell]})
    (read,) = submissions.parse_cells(text)
    assert read.source == "x = 1"


BROKEN = ["", "{", "[]", "null", '{"nbformat": 3}', '{"nbformat": 4}', "[" * 100_000]
BROKEN += ['{"nbformat": 4, "cells": [5]}', '{"nbformat": 4, "cells": 5}']
BROKEN += ['{"nbformat": 4, "cells": [{"cell_type": "code", "source": 5}]}']
BROKEN += ['{"nbformat": 4, "cells": [{"cell_type": [], "source": "x"}]}']


@pytest.mark.parametrize("text", BROKEN)
def test_read_refuses_other_files(tmp_path, text):
    with pytest.raises(UnreadableError, match="is damaged, or not a notebook"):
        submissions.read(put(tmp_path, NAME, text=text))


def test_read_refuses_binary(tmp_path):
    (tmp_path / NAME).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableError, match="is damaged"):
        submissions.read(tmp_path / NAME)


def test_read_refuses_missing_linked_huge(tmp_path, monkeypatch):
    with pytest.raises(UnreadableError, match="There is no 02_convolution"):
        submissions.read(tmp_path / NAME)
    other = put(tmp_path, "bob", "02", NAME, text=written())
    (tmp_path / NAME).symlink_to(other)
    (tmp_path / "ada").symlink_to(tmp_path / "bob")
    for path in (tmp_path / NAME, tmp_path / "ada" / "02" / NAME):
        with pytest.raises(UnreadableError, match="a link to another place"):
            submissions.read(path)
    monkeypatch.setattr(submissions, "MAX_BYTES", 10)
    with pytest.raises(UnreadableError, match="larger than"):
        submissions.read(other)


# Which cells belong to an exercise ----------------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    [
        new_code_cell("", metadata={"tags": ["exercise", "ex-2.5"]}),
        new_code_cell("", metadata={"nbgrader": {"grade_id": "exercise-2-5"}}),
        new_code_cell("def conv2d(image): ..."),
        new_code_cell("x = 1\nconv2d = lambda image: image"),
        new_code_cell("conv2d: object = print"),
        new_code_cell("conv2d, y = print, 1"),
    ],
)
def test_exercise_cell_is_recognized(cell):
    assert submissions.is_exercise_cell(cell, "exercise", CONV2D)
    assert not submissions.is_exercise_cell(cell, "check", CONV2D)


@pytest.mark.parametrize(
    "cell",
    [
        new_markdown_cell("conv2d = 3", metadata={"tags": ["exercise", "ex-2.5"]}),
        new_code_cell("", metadata={"tags": ["exercise", "ex-2.4"]}),
        new_code_cell("y = conv2d == 3\nconv2d_ok = 5\nconv2d.x = 3"),
        new_code_cell("conv2d == 3"),
        new_code_cell("def f():\n    conv2d = 3"),
    ],
)
def test_other_cell_is_not_recognized(cell):
    assert not submissions.is_exercise_cell(cell, "exercise", CONV2D)


def test_grading_position_is_last_cell():
    cells = [new_code_cell(s) for s in ("conv2d = 1", "x = 1", "ex.conv2d.check(conv2d)", "y = 2")]
    assert submissions.grading_position(cells, CONV2D) == 2
    assert submissions.grading_position(cells[::-1], CONV2D) == 3
    assert submissions.grading_position(cells[3:], CONV2D) == 0
    assert submissions.grading_position([], CONV2D) == -1


# Mended -------------------------------------------------------------------------------------------


def graded(cells):
    return [c.metadata.nbgrader.grade_id for c in cells if "nbgrader" in c.metadata]


@pytest.fixture(scope="module")
def workbook():
    return assignment.source_notebook(LESSON)


@pytest.fixture
def cells():
    return submissions.parse_cells(LESSON.read_text("utf-8"))


def test_restore_keeps_whole_submission(workbook, cells):
    mended = submissions.restore_grade_cells(cells, workbook)
    assert [cell.source for cell in mended] == [cell.source for cell in cells]
    assert graded(mended) == graded(workbook.cells)


@pytest.mark.parametrize("lost", ["metadata", "checks", "order", "everything", "twice"])
def test_restore_adds_each_grade_cell_once(workbook, cells, lost):
    if lost == "metadata":
        for cell in cells:
            cell.metadata = nbformat.NotebookNode()
    elif lost == "checks":
        cells = [cell for cell in cells if ".check(" not in cell.source]
    elif lost == "order":
        cells = cells[::-1]
    elif lost == "twice":
        cells = [*cells, *cells]
    else:
        cells = []
    names = graded(submissions.restore_grade_cells(cells, workbook))
    checks = [name for name in names if name.startswith("check-")]
    assert sorted(checks) == sorted(n for n in graded(workbook.cells) if n.startswith("check-"))
    assert len(set(names)) == len(names)


def test_restore_keeps_answer_beside_check(workbook):
    cell = new_code_cell("def conv2d(image): return 5\nex.conv2d.check(conv2d)")
    mended = submissions.restore_grade_cells([cell], workbook)
    assert mended[0].source == cell.source
    assert mended[0].metadata.nbgrader.grade_id == "exercise-2-5"
    assert mended[1].metadata.nbgrader.grade_id == "check-2-5"


def test_restore_is_idempotent(workbook, cells):
    for subset in (cells, cells[10:20], []):
        once = submissions.restore_grade_cells(subset, workbook)
        again = submissions.restore_grade_cells(once, workbook)
        assert [(c.source, c.metadata) for c in again] == [(c.source, c.metadata) for c in once]
