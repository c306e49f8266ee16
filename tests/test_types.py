"""mypy reads the whole package and finds nothing, and would find an error in any part of it."""

import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest


@pytest.fixture
def mypy(root):
    """Return a function that runs mypy with the project's settings and more arguments."""

    def run(*arguments) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "mypy", *map(str, arguments)]
        return subprocess.run(command, cwd=root, capture_output=True, text=True)

    return run


def largest_modules(root: Path) -> dict[str, Path]:
    """The largest module of each package that the settings do not leave out, by its dotted name."""
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"]
    ignored = [
        pattern
        for override in settings["overrides"]
        if override.get("ignore_errors")
        for pattern in override["module"]
    ]
    modules = {}
    for package in sorted((root / "course_utils").rglob("__init__.py")):
        path = max(package.parent.glob("*.py"), key=lambda path: path.stat().st_size)
        name = ".".join(path.relative_to(root).with_suffix("").parts)
        if not any(fnmatch(name, pattern) for pattern in ignored):
            modules[name] = path.relative_to(root)
    return modules


def test_package_has_no_type_error(mypy):
    result = mypy()
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.weekly
def test_planted_type_errors_are_reported(mypy, root, tmp_path):
    modules, arguments = largest_modules(root), []
    for name, path in modules.items():
        shadow = tmp_path / f"{name}.py"
        planted = (root / path).read_text("utf-8") + "\n_planted: int = 'text'\n"
        shadow.write_text(planted, "utf-8")
        arguments += ["--shadow-file", path, shadow]
    result = mypy(*arguments)
    assert len(modules) >= 5
    assert f"Found {len(modules)} errors in {len(modules)} files" in result.stdout
    assert all(f"{path.as_posix()}:" in result.stdout for path in modules.values())
