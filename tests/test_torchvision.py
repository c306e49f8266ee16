"""The torchvision shim: a mismatched pair imports, a matching pair is left alone."""

import ast
import importlib.util
import subprocess
import sys
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import torch

from course_utils import _torchvision

ROOT = Path(__file__).resolve().parent.parent
MISMATCHED = torch.version.cuda is None and _torchvision.built_for_cuda()


def python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def pretend_installed(monkeypatch, folder, version: str | None) -> None:
    """Make `find_spec("torchvision")` point at a folder whose version.py says `version`."""
    if version is not None:
        (folder / "version.py").write_text(f"__version__ = '{version}'\n", encoding="utf-8")
    spec = ModuleSpec("torchvision", None, origin=str(folder / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)


@pytest.fixture
def defined(monkeypatch) -> list[str]:
    """Names the shim would define, in a process where no operator of torchvision exists."""
    names = []
    monkeypatch.setattr(torch.library, "define", lambda name, schema: names.append(name))
    monkeypatch.setattr(torch, "ops", type("Ops", (), {"torchvision": object()}))
    return names


def test_torchvision_imports_after_failed_try():
    done = python(
        "try: import torchvision\nexcept RuntimeError: pass\n"
        "import course_utils.datasets, torch, torchvision\n"
        "print(tuple(torchvision.transforms.functional.hflip(torch.ones(3, 4, 5)).shape))"
    )
    assert (done.returncode, done.stdout.strip()) == (0, "(3, 4, 5)"), done.stderr


def test_shim_is_needed_for_mismatched_pair():
    done = python("import torchvision")
    assert (done.returncode != 0) == MISMATCHED, done.stderr
    assert ("torchvision::nms does not exist" in done.stderr) == MISMATCHED


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Full names of what a module's file imports at its top, its packages' own files included."""
    imports = {".".join(path.relative_to(ROOT).parts[:-1])} | {"course_utils"}
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imports |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(imports)


def all_imports(path: Path) -> set[str]:
    """The same, followed through the modules of the course."""
    imports, visited, waiting = set(), {path}, [path]
    while waiting:
        names = imports_of(waiting.pop())
        imports |= names
        for name in names:
            base = ROOT.joinpath(*name.split("."))
            for file in (base.with_suffix(".py"), base / "__init__.py"):
                if name.startswith("course_utils") and file.is_file() and file not in visited:
                    visited.add(file)
                    waiting.append(file)
    return imports


TORCH_USERS = [
    path
    for path in sorted((ROOT / "course_utils").rglob("*.py"))
    if "torch" in imports_of(path) and path.name != "_torchvision.py"
]


@pytest.mark.parametrize("path", TORCH_USERS, ids=lambda path: path.stem)
def test_torch_modules_import_shim(path):
    assert "course_utils._torchvision" in all_imports(path)


def test_torchvision_imports_after_reloaded_shim():
    done = python(
        "import importlib, sys, course_utils._torchvision as shim, course_utils.datasets\n"
        "print('torchvision' in sys.modules)\n"
        "importlib.reload(shim)\n"
        "print(shim.define_missing_operators())  # nothing twice\n"
        "import torch, torchvision\n"
        "print(tuple(torchvision.transforms.functional.hflip(torch.ones(3, 4, 5)).shape))"
    )
    assert (done.returncode, done.stdout) == (0, "False\n[]\n(3, 4, 5)\n"), done.stderr


@pytest.mark.parametrize(
    ("torchvision", "cuda"),
    [
        ("0.28.0+cpu", None),
        ("0.28.0", None),
        ("0.28.0+cu130", "13.0"),
        ("0.28.0+cpu", "13.0"),
        (None, None),
    ],
)
def test_matching_builds_define_nothing(monkeypatch, tmp_path, defined, torchvision, cuda):
    monkeypatch.setattr(torch.version, "cuda", cuda)
    pretend_installed(monkeypatch, tmp_path, torchvision)
    assert _torchvision.define_missing_operators() == [] == defined


def test_mismatched_pair_defines_both_schemas(monkeypatch, tmp_path, defined):
    monkeypatch.setattr(torch.version, "cuda", None)
    pretend_installed(monkeypatch, tmp_path, "0.28.0+cu130")
    assert _torchvision.define_missing_operators() == ["nms", "qnms"]
    assert defined == ["torchvision::nms", "torchvision::qnms"]


def test_absent_torchvision_defines_nothing(monkeypatch, defined):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert _torchvision.define_missing_operators() == [] == defined


def test_registered_operators_are_kept(monkeypatch, tmp_path, defined):
    genuine = type("Namespace", (), {"nms": object(), "qnms": object()})
    monkeypatch.setattr(torch, "ops", type("Ops", (), {"torchvision": genuine}))
    monkeypatch.setattr(torch.version, "cuda", None)
    pretend_installed(monkeypatch, tmp_path, "0.28.0+cu130")
    assert _torchvision.define_missing_operators() == [] == defined
