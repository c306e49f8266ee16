"""What every test shares: it draws no window and leaves a student's progress alone."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
EDITIONS = ("student", "tutor")

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
def _executed(tmp_path_factory):
    """Execute both editions under nbval side by side, once in a session."""
    from course_utils.tutor import executed  # here: most tests need no notebook

    out = tmp_path_factory.mktemp("build")
    with ThreadPoolExecutor() as pool:
        yield {edition: pool.submit(executed.run, edition, out=out) for edition in EDITIONS}


@pytest.fixture(scope="session")
def executed_student(_executed) -> Path:
    """Return the folder of the student edition as nbval executed it."""
    return _executed["student"].result()


@pytest.fixture(scope="session")
def executed_tutor(_executed) -> Path:
    """Return the folder of the tutor edition as nbval executed it."""
    return _executed["tutor"].result()


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the checkout."""
    return ROOT
