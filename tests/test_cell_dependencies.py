"""What of a lesson runs before an answer is seen: all that it may need, and little else."""

import builtins

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from course_utils.exercises import all_exercises
from course_utils.marking import assignment
from course_utils.marking.cell_dependencies import cells_to_run, names_in
from course_utils.workbooks import NOTEBOOKS, discover, exercise_number

CONV2D = next(exercise for exercise in all_exercises() if exercise.name == "conv2d")
LESSON = [
    "import torch\nfrom torch import nn",
    "size = 3",
    "grid = torch.ones(size)",
    "grid.add_(1)",
    "print(torch.ones(2), len([1]))",
    "other = nn.Linear(2, 2)",
    "def helper(x):\n    return x * size",
    "conv2d = ...",
    "ex.conv2d.check(conv2d)",
    "late = grid + 1",
]


def run_with(answer, *more, lesson=LESSON):
    """The numbers of the lesson's cells that run when this is the answer."""
    cells = [new_code_cell(answer if source == "conv2d = ..." else source) for source in lesson]
    whole = [new_code_cell(source) for source in lesson]
    cells += [new_code_cell(source) for source in more]
    runs = cells_to_run(cells, whole, [CONV2D])
    assert len(runs) == len(cells)
    assert all(runs[len(lesson) :]), "what a student adds runs"
    return [i for i, run in enumerate(runs[: len(lesson)]) if run]


@pytest.mark.parametrize(
    ("answer", "cells"),
    [
        ("conv2d = 3", [7]),
        ("conv2d = len([1])", [7]),
        ("def conv2d(grid):\n    return grid + 1", [7]),
        ("def conv2d(x):\n    size = 2\n    return x * size", [7]),
        ("def conv2d(x):\n    return torch.relu(x)", [0, 7]),
        ("def conv2d(x):\n    return [size for _ in x]", [1, 2, 6, 7]),
        ("conv2d = helper", [1, 2, 6, 7]),
        ("conv2d = grid.sum()", [0, 1, 2, 3, 7]),
        ("class conv2d(nn.Module):\n    k = other", [0, 5, 7]),
        ("conv2d = f'{other}'", [0, 5, 7]),
        ("conv2d = eval('other')", [*range(8)]),
        ("%time conv2d = 3", [*range(8)]),
    ],
)
def test_cells_to_run_selects_dependencies(answer, cells):
    assert set(run_with(answer)) >= set(cells)
    assert len(run_with(answer)) <= len(cells) + 2


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("x = 1\nx", ""),
        ("x = 1\ndef f():\n    return x", ""),
        ("a, (b, *c) = t\na + b + c", "t"),
        ("import os\nos.path", "os"),
        ("x\nx = 1", "x"),
        ("x = x + 1", "x"),
        ("x += 1\nx = 1", "x"),
        ("del x\nx = 1", "x"),
        ("x.y = 1\nx = 2", "x"),
        ("def f():\n    return x\nx = 1", "x"),
        ("def f():\n    x = 0\n    x += 1\n    del x", ""),
        ("if c:\n    x = 1\nx", "c x"),
        ("for x in y:\n    pass\nx", "x y"),
        ("c and (x := 1)\nx", "c x"),
        ("x: int\nx", "int x"),
    ],
)
def test_cell_reads_what_it_does_not_bind_first(source, read):
    assert names_in(source).read == {*read.split()}


def test_name_that_an_answer_binds_itself_is_not_made_before():
    assert run_with("size = 5\nconv2d = size") == [7]
    assert 1 in run_with("conv2d = size\nsize = 5")
    assert 1 in run_with("size += 5\nconv2d = size")
    assert 1 in run_with("def conv2d(x):\n    global size\n    size += x")


@pytest.mark.parametrize(
    "cells",
    [
        ["def f(): return n", "n = 7", "conv2d = f()"],
        ["f = lambda: n", "n = 7", "conv2d = f()"],
        ["class C:\n    def f(self): return n", "n = 7", "conv2d = C().f()"],
        ["def f(): return g()", "def g(): return n", "n = 7", "conv2d = f()"],
        ["def f(): return globals()['n']", "n = 7", "conv2d = f()"],
        ["n = 3\ndef f(): return n", "n = 7", "conv2d = f()"],
        ["n = 7", "class C:\n    n = n", "conv2d = C.n"],
    ],
)
def test_answer_is_as_if_all_had_run(cells):
    """Where the lesson's `n = 7` runs, and what is above it is the student's or the lesson's."""
    for of_lesson in (["n = 7"], cells[:-1]):
        code = [new_code_cell(source) for source in cells]
        lesson = [new_code_cell(source) for source in of_lesson]
        runs = cells_to_run(code, lesson, [CONV2D])
        whole, chosen = {}, {}
        for source, run in zip(cells, runs, strict=True):
            exec(source, whole)
            if run:
                exec(source, chosen)
        assert chosen["conv2d"] == whole["conv2d"], runs


def test_nothing_runs_after_the_last_answer():
    assert run_with("def conv2d(x):\n    return x + late") == [7]


def test_answer_alone_runs_alone():
    assert run_with("def conv2d(image):\n    return image") == [7]


def test_own_cell_brings_its_dependencies():
    assert set(run_with("conv2d = 3", "print(late)")) >= {2, 3, 7, 9}
    assert 9 not in run_with("conv2d = 3")


def test_changed_lesson_cell_runs():
    cells = [new_code_cell(source) for source in LESSON]
    cells[5].source = "other = 5"
    whole = [new_code_cell(source) for source in LESSON]
    assert cells_to_run(cells, whole, [CONV2D])[5]


@pytest.mark.parametrize("source", ["-" * 10_000 + "1", "(" * 500, "\ud800", "x\0"])
def test_unreadable_cell_may_read_anything(source):
    assert run_with("conv2d = 3", source)[:1] == [0]


def test_markdown_never_runs():
    cells = [new_markdown_cell("size = 3"), new_code_cell("conv2d = size")]
    assert cells_to_run(cells, [], [CONV2D]) == [False, True]


def test_names_in_ignores_function_locals():
    names = names_in("import a.b as c\ndef f(x):\n    global g\n    g = y = x + h\n    return c")
    assert names.read == {"h", "c"}
    assert names.bound == {"c", "f", "g"}
    assert names.imported == {"c"}


@pytest.mark.parametrize(
    "path", discover(), ids=lambda path: path.relative_to(NOTEBOOKS).as_posix()
)
def test_solved_workbook_runs_few_cells(path):
    """The saving is why this module is there, and no name may be missing for it."""
    lesson = nbformat.read(path, as_version=4)
    exercises, cells = assignment.exercises_in(lesson), nbformat.read(path, as_version=4).cells
    for cell in cells:
        if number := exercise_number(cell):
            cell.source = exercises[number].solution_source()
    runs = cells_to_run(cells, lesson.cells, exercises.values())
    assert sum(runs) <= len(exercises) + 4
    bound = set(dir(builtins))
    for cell, run in zip(cells, runs, strict=True):
        if run:
            names = names_in(cell.source)
            assert names.read <= bound | names.bound
            bound |= names.bound
