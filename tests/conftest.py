"""What every test shares: its seed, no window to draw in, a student's progress left alone."""

import gc
import json
import os
import random
import signal
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("MPLBACKEND", "agg")
if "COURSE_DATA" in os.environ:  # kernels run in other folders
    os.environ["COURSE_DATA"] = str(Path(os.environ["COURSE_DATA"]).resolve())
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs behind it
    signal.signal(signal.SIGINT, signal.default_int_handler)
# One process works on each core; tests compute little, and two threads would wait for their turns.
os.environ.setdefault("OMP_NUM_THREADS", "1")
LONG = ("test_exercises.py", "test_mark.py", "test_mark_hostile.py", "test_students.py")
FIXTURES = {  # mark → fixtures that do what it says
    "executed": {"executed_student", "executed_tutor", "built"},
    "marking": {"jailed", "reader", "marked", "batch", "told", "graded", "scores", "dask"},
    "training": {"contest"},
}


def pytest_collection_modifyitems(items):
    """Mark tests by what they need, and begin with the files that take longest.

    A file is one process's work. The one that waits for the notebooks comes first: meanwhile the
    other process drives the browser, and none of the long ones is left to the end. Within a rank,
    the order is that of pytest-randomly.
    """
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.browser)
        for mark, fixtures in FIXTURES.items():
            if not fixtures.isdisjoint(item.fixturenames):
                item.add_marker(mark)
    kinds = {}
    for item in items:
        kinds.setdefault(item.path, set()).update(mark.name for mark in item.iter_markers())
    items.sort(key=lambda item: _rank(item.path.name, kinds[item.path]))


def pytest_collection_finish():
    """Let the garbage collector look no more at what there is now, a million objects."""
    gc.collect()
    gc.freeze()


def _rank(name: str, marks: set[str]) -> int:
    """Order of a file: executed, browser, both, the long ones, the rest."""
    if not marks.isdisjoint({"executed", "browser"}):
        order = ({"executed"}, {"browser"}, {"executed", "browser"})
        return order.index(marks & {"executed", "browser"})
    return 3 if name in LONG else 4


def seed_generators(config: pytest.Config, name: str) -> None:
    """Seed what draws numbers: by the run's seed, which pytest-randomly prints, and by a name."""
    import torch  # here: the process that only hands tests out does without

    run = getattr(config.option, "randomly_seed", 0)  # 0 under `-p no:randomly`
    seed = (run + zlib.crc32(name.encode())) % 2**32
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (code under test may draw from it)
    torch.default_generator.manual_seed(seed)  # `torch.manual_seed` writes down the stack, in 5 ms


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    """Let a fixture draw the same numbers whichever test is the first to ask for it."""
    seed_generators(request.config, f"{request.node.nodeid}::{fixturedef.argname}")
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_runtest_call(item):
    """Let a test draw the same numbers whatever ran before it."""
    seed_generators(item.config, item.nodeid)


@pytest.fixture(autouse=True)
def _own_progress(tmp_path, monkeypatch):
    """Keep progress in the test's folder, and no switch of the surroundings in force."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    for name in ("COURSE_EXPECT", "COURSE_SEED", "COURSE_DATASET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    """Return a folder for what is made once for all processes of a test run."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def _executed(shared, request) -> dict[str, Path]:
    """Execute both editions under nbval side by side, once for all processes of a test run.

    All of the student's, which pages are made of; of the tutor's what this run asks for.
    """
    from course_utils.publishing import run_notebooks  # here: most tests need no notebook
    from course_utils.workbooks import NOTEBOOKS

    parameters = [
        item.callspec.params for item in request.session.items if hasattr(item, "callspec")
    ]
    of_tutor = [each for each in parameters if each.get("edition") == "tutor"]
    names = {each.get("name", "00_start_here.ipynb") for each in of_tutor}
    wanted = {"student": None} | ({"tutor": [NOTEBOOKS / name for name in names]} if names else {})
    done = shared / "executed.json"
    with FileLock(shared / "executed.lock"):
        if not done.exists():
            run = partial(run_notebooks.run, out=shared / "build")
            with ThreadPoolExecutor() as pool:
                folders = map(str, pool.map(run, wanted, wanted.values()))
                done.write_text(json.dumps(dict(zip(wanted, folders, strict=True))), "utf-8")
    return {edition: Path(path) for edition, path in json.loads(done.read_text("utf-8")).items()}


@pytest.fixture(scope="session")
def executed_student(_executed) -> Path:
    """Return the folder of the student edition as nbval executed it."""
    return _executed["student"]


@pytest.fixture(scope="session")
def executed_tutor(_executed) -> Path:
    """Return the folder of the tutor edition as nbval executed it."""
    return _executed["tutor"]


@pytest.fixture(scope="session")
def jailed() -> None:
    """Skip what needs a jail where there is none."""
    from course_utils.marking import jail

    try:
        jail.check()
    except jail.JailError as error:
        pytest.skip(str(error).splitlines()[0])


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the checkout."""
    return ROOT
