"""mypy reads the whole package and finds nothing, and would find an error if there were one."""

import subprocess
import sys

import pytest

PLANTED = ("course_utils/progress.py",)


@pytest.fixture
def mypy(root):
    """Return a function that runs mypy with the project's settings and more arguments."""

    def run(*arguments) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "mypy", *map(str, arguments)]
        return subprocess.run(command, cwd=root, capture_output=True, text=True)

    return run


def test_package_has_no_type_error(mypy):
    result = mypy()
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("module", PLANTED)
def test_planted_type_error_is_reported(mypy, root, tmp_path, module):
    shadow = tmp_path / "shadow.py"
    shadow.write_text((root / module).read_text("utf-8") + "\n_planted: int = 'text'\n", "utf-8")
    result = mypy("--shadow-file", module, shadow)
    assert result.returncode == 1
    assert module in result.stdout
    assert "Found 1 error" in result.stdout
