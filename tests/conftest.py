"""What every test shares: it draws no window and leaves a student's progress alone."""

import os
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("MPLBACKEND", "agg")
if "COURSE_DATA" in os.environ:  # kernels run in other folders
    os.environ["COURSE_DATA"] = str(Path(os.environ["COURSE_DATA"]).resolve())
torch.set_num_threads(1)  # tests compute little, and two threads on a busy machine wait for turns


@pytest.fixture(autouse=True)
def _own_progress(tmp_path, monkeypatch):
    """Keep progress in the test's folder, and no switch of the surroundings in force."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    for name in ("COURSE_EXPECT", "COURSE_SEED", "COURSE_DATASET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def executed_student(tmp_path_factory) -> Path:
    """Return the folder of the student edition as nbval executed it, once in a session."""
    return _executed("student", tmp_path_factory)


@pytest.fixture(scope="session")
def executed_tutor(tmp_path_factory) -> Path:
    """Return the folder of the tutor edition as nbval executed it, once in a session."""
    return _executed("tutor", tmp_path_factory)


def _executed(edition: str, tmp_path_factory) -> Path:
    from course_utils.tutor import executed  # here: most tests need no notebook

    return executed.run(edition, out=tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the checkout."""
    return ROOT
