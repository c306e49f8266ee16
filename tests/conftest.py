"""What every test shares: it draws no window and leaves a student's progress alone."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("MPLBACKEND", "agg")


@pytest.fixture(autouse=True)
def _own_progress(tmp_path, monkeypatch):
    """Keep progress in the test's folder, and no switch of the surroundings in force."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    for name in ("COURSE_EXPECT", "COURSE_SEED", "COURSE_DATASET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the checkout."""
    return ROOT
