"""The house keeps its order: who imports whom, how long things are, what an import costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_utils.publishing.tidy import read
from course_utils.workbooks import ROOT, discover

PACKAGE = ROOT / "course_utils"
MODULES = sorted(PACKAGE.rglob("*.py"))
LAYERS = [  # a module imports from its own part of the package and from the layers before
    {"errors", "surroundings", "_torchvision"},
    {"cells"},
    {"workbooks", "legible"},
    {"datasets", "plotting", "progress"},
    {"models", "sensing"},
    {"training"},
    {"judging"},
    {"exercise"},
    {"exercises", "figures"},
    {"marking", "publishing"},
    {"student", "developer"},
    {"__main__"},
]
NOT_FOR_NOTEBOOKS = {"marking", "publishing", "student", "developer", "__main__"}
# judging is how, and not what, is checked; the others set up, start, set text, mark and publish
SET_UP = {"errors", "surroundings", "workbooks", "cells", "legible"}
NOT_FOR_READING = NOT_FOR_NOTEBOOKS | SET_UP | {"exercises", "figures", "judging"}
MODULE_LINES, FUNCTION_LINES, READABLE_LINES = 400, 30, 2500
HEAVY = ("torch", "numpy", "matplotlib", "IPython", "ipywidgets", "anywidget", "sklearn", "scipy")


def part(path: Path) -> str:
    """The part of the package that a module belongs to: "figures", "plotting", …."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def layer(name: str) -> int:
    """Which layer a part of the package belongs to; a part that no layer names is an error."""
    return next(number for number, names in enumerate(LAYERS) if name in names)


def imported(tree: ast.AST) -> Iterator[str]:
    """The parts of course_utils that some code imports, anywhere in it."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [word.value for word in node.args if isinstance(word, ast.Constant)]
        for name in names:
            if name.startswith("course_utils."):
                yield name.split(".")[1]


def out_of_order(name: str, source: str) -> list[str]:
    """The parts that a part imports although they are of its layer or come after it."""
    imports = imported(ast.parse(source))
    return [other for other in imports if other != name and layer(other) >= layer(name)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_module_imports_only_earlier_layers(path):
    if path == PACKAGE / "__init__.py":
        assert list(imported(ast.parse(path.read_text("utf-8")))) == []
    else:
        assert out_of_order(part(path), path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "from course_utils.publishing import pages",
        "import course_utils.publishing",
        "def f():\n    from course_utils import publishing",
        'importlib.import_module("course_utils.publishing")',
    ],
)
def test_out_of_order_reports_later_layer(source):
    assert out_of_order("figures", source) == ["publishing"]
    assert out_of_order("marking", source) == ["publishing"]
    assert out_of_order("publishing", source) == []
    assert out_of_order("__main__", source) == []


@pytest.mark.parametrize("path", discover(), ids=lambda path: path.name)
def test_notebook_imports_no_tutor_module(path):
    cells = read(path.read_text("utf-8")).cells
    trees = [ast.parse(cell.source) for cell in cells if cell.cell_type == "code"]
    parts = {name for tree in trees for name in imported(tree)}
    assert parts
    assert not parts & NOT_FOR_NOTEBOOKS


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_modules_are_short():
    assert {path.name: lines(path) for path in MODULES if lines(path) > MODULE_LINES} == {}


def long_functions(source: str) -> list[str]:
    """Functions with more than 30 lines after the docstring and no comment `# long: reason`."""
    rows, names = source.splitlines(), []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            first = (
                node.body[min(1, len(node.body) - 1)] if ast.get_docstring(node) else node.body[0]
            )
            reason = re.search(r"# long: \S+", "\n".join(rows[node.lineno - 1 : first.lineno]))
            if node.end_lineno - first.lineno >= FUNCTION_LINES and not reason:
                names.append(node.name)
    return names


def test_long_functions_say_why():
    long = {path.name: long_functions(path.read_text("utf-8")) for path in MODULES}
    assert {name: names for name, names in long.items() if names} == {}


def test_long_function_needs_reason():
    body = "    x = 1\n" * 31
    assert long_functions(f"def f():\n{body}") == ["f"]
    assert long_functions(f'def f():\n    """Words."""\n{body}') == ["f"]
    assert long_functions(f"def f():  # long: a table\n{body}") == []
    assert long_functions(f"def f():\n{body[: -len('    x = 1 ')]}") == []


def code_lines(source: str) -> int:
    """Lines of code: neither blank, nor comments, nor docstrings."""
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            docstrings.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    rows = [row for n, row in enumerate(source.splitlines(), start=1) if n not in docstrings]
    return sum(bool(row.strip()) and not row.lstrip().startswith("#") for row in rows)


def test_code_lines_are_counted():
    source = (
        '"""Words.\n\nMore."""\n\n# why\nx = 1  # what\n\ndef f():\n    """Words."""\n    pass\n'
    )
    assert code_lines(source) == 3


def test_student_readable_code_is_short():
    readable = [path for path in MODULES if part(path) not in NOT_FOR_READING]
    assert sum(code_lines(path.read_text("utf-8")) for path in readable) <= READABLE_LINES


def modules_after(statement: str) -> set[str]:
    """The modules that a fresh Python holds after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_importing_package_does_no_work():
    """Nothing beyond itself is imported, so it costs what reading one small file costs."""
    more = modules_after("import course_utils") - modules_after("")
    assert more == {"course_utils"}


def test_commands_start_without_heavy_packages():
    more = modules_after("import course_utils.__main__")
    assert not more & set(HEAVY)
    assert "torch" in modules_after("import course_utils.exercise")  # what this test would see
