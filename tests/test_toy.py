"""A workbook is added by one notebook, one module of exercises and one figure, and nothing else.

The toy of tests/toy is added to a copy of the course, where the course's own tests must accept it;
and must refuse it once it is broken.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import toy_workbook

from course_utils.publishing import tidy
from course_utils.workbooks import ROOT, discover

pytestmark = pytest.mark.timeout(600)

LEFT_OUT = (".git", ".venv", "node_modules", "build", "my_work", "__pycache__", ".*cache", "*.npz")
PROOF = ["test_exercises", "test_figures", "test_figure_rules", "test_notebooks", "test_layers"]
ABOUT_TOY = "9. or toy or ToyFigure or scripts_all_belong or exactly_one_notebook"


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """A copy of the course with the toy added; nbval finds no other workbook than the toy."""
    copy = tmp_path_factory.mktemp("course") / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    before = {path for path in copy.rglob("*") if path.is_file()}
    added = toy_workbook.add_to(copy)
    assert {path for path in copy.rglob("*") if path.is_file()} == before | set(added)
    assert len(added) == 4
    return copy


def outcome(course: Path, files: list[str], about: str) -> tuple[set[str], int]:
    """Run those tests of the copy whose names say `about`: files with a failure, tests passed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COURSE_"))}
    environment["PYTHONPATH"] = str(course)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no"]
    command += ["-m", "", "-k", about, *(f"tests/{name}.py" for name in files)]
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True)
    assert done.returncode in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    return set(re.findall(r"(?m)^FAILED tests/(\w+)", done.stdout)), int(passed[1]) if passed else 0


@pytest.fixture(scope="module")
def alone(course) -> Path:
    """Another copy without other workbooks: running them proves nothing about the toy."""
    copy = course.with_name("alone")
    shutil.copytree(course, copy)
    for path in discover(copy / "notebooks"):
        if path.name != toy_workbook.NAME:
            path.unlink()
    return copy


@pytest.mark.weekly
def test_own_tests_accept_toy(course):
    failed, passed = outcome(course, PROOF, ABOUT_TOY)
    assert failed == set()
    assert passed > 60


@pytest.mark.executed
def test_nbval_runs_both_toy_editions(alone):
    failed, passed = outcome(alone, ["test_nbval"], "09_toy")
    assert failed == set()
    assert passed >= 5  # both editions run; answers, alternative texts and figures stand right


@pytest.mark.weekly
@pytest.mark.executed
def test_broken_toy_is_refused(alone, tmp_path):
    alone = shutil.copytree(alone, tmp_path / "broken")  # the other tests need theirs whole
    package = alone / "course_utils"
    broken = {
        package / "exercises" / "toy.py": ("return 2 * 24", "return 2 + 24"),
        package / "figures" / "toy_figure.py": ('"sum": self.row', '"sum": object()'),
        alone / "notebooks" / toy_workbook.NAME: (r'"6\n"', r'"7\n"'),
    }
    for path, (old, new) in broken.items():
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")
    files = ["test_exercises", "test_figures", "test_nbval"]
    assert outcome(alone, files, "9.3 or ToyFigure or student-09_toy")[0] == set(files)


def test_toy_is_in_stored_form():
    text = tidy.tidy(toy_workbook.stored())
    assert tidy.tidy(tidy.read(text)) == text
