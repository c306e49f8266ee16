"""What a student's computer may hold round the course: each just works, or is one sentence."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from course_utils import progress, student, surroundings
from course_utils.errors import UserError

RECORD = (
    "import sys; from course_utils import progress\n"
    "for k in range(25): progress.record(f'{sys.argv[1]}.{k}', 'a', 'ok', '', '')"
)


@pytest.fixture
def home(tmp_path):
    """Return a home folder and the environment of a shell that knows nothing else."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder, {"HOME": str(folder)}


def test_usual_home_keeps_its_folders(home, tmp_path):
    folder, environment = home
    assert surroundings.prepare(tmp_path / "own", environment)
    assert "JUPYTER_DATA_DIR" not in environment
    settings = str(folder / ".jupyter" / "lab" / "user-settings")
    assert environment["JUPYTERLAB_SETTINGS_DIR"] == settings


@pytest.mark.parametrize("blocked", ["home", ".local", ".ipython", ".config", ".jupyter"])
def test_blocked_folder_has_a_substitute(home, tmp_path, blocked):
    folder, environment = home
    if blocked == "home":
        folder.rmdir()
        folder.write_text("a file, so that nothing can be put below, not even by root")
    else:
        (folder / blocked).write_text("a file")
    usual = surroundings.prepare(tmp_path / "own", environment)
    assert usual == (blocked == ".jupyter")
    for name, place in surroundings.HOMES.items():
        assert surroundings.is_writable(folder / place) != (name in environment)
        assert surroundings.is_writable(type(folder)(environment.get(name, folder / place)))


def test_configuration_of_another_jupyter_has_no_say(home, tmp_path):
    folder, environment = home
    (folder / ".jupyter").mkdir()
    (folder / ".jupyter" / "jupyter_server_config.py").write_text("c.ServerApp.port = (")
    surroundings.prepare(tmp_path / "own", environment)
    assert environment["JUPYTER_CONFIG_DIR"] == str(tmp_path / "own" / "config")
    own = environment | {"JUPYTER_CONFIG_DIR": str(tmp_path / "chosen")}
    surroundings.prepare(tmp_path / "own", own)
    assert own["JUPYTER_CONFIG_DIR"] == str(tmp_path / "chosen")  # who names one, means it


def test_kernel_ignores_switches_of_the_shell(tmp_path, monkeypatch):
    for name, value in (("MPLBACKEND", "Agg"), ("PYTHONWARNINGS", "error")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("JUPYTER_PATH", str(student.install_kernel_spec(tmp_path)))
    spec = KernelSpecManager().get_kernel_spec("python3")
    code = (
        "import warnings, matplotlib; warnings.warn('w'); assert not sys.flags.optimize; "
        "print(matplotlib.get_backend())"
    )
    environment = os.environ | spec.env
    asked = [sys.executable, "-c", "import sys; " + code]
    shown = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True)
    assert "inline" in shown.stdout


@pytest.mark.parametrize("name", ["torch", "numpy", "random", "matplotlib"])
def test_own_file_does_not_hide_a_library(name, tmp_path):
    (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong one')")
    (tmp_path / "helpers.py").write_text("value = 3")
    code = (
        "import sys; from course_utils import surroundings; sys.path.insert(0, '')\n"
        "surroundings.put_own_folder_last()\n"
        f"import importlib.util as u; print(u.find_spec({name!r}).origin)\n"
        "import helpers; print(helpers.value)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONSAFEPATH": "1"},
    )  # fmt: skip
    origin, value = shown.stdout.split()
    assert not origin.startswith(str(tmp_path))
    assert value == "3"


@pytest.mark.parametrize("blocked", ["my_work", "my_work/further"])
def test_file_in_place_of_folder_is_one_sentence(tmp_path, blocked):
    lesson = tmp_path / "notebooks" / "further" / "02_a.ipynb"
    lesson.parent.mkdir(parents=True)
    lesson.write_text("{}")
    (tmp_path / blocked).parent.mkdir(exist_ok=True)
    (tmp_path / blocked).write_text("mine")
    workbooks = student.Workbooks(tmp_path)
    for write in (
        workbooks.copy_absent,
        lambda: workbooks.fresh(lesson.relative_to(workbooks.source)),
    ):
        with pytest.raises(UserError, match="is a file") as caught:
            write()
        assert "\n" not in str(caught.value)
    assert (tmp_path / blocked).read_text() == "mine"


def test_full_disk_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "02_a.ipynb").write_text("{}")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(student, "write_atomic", full)
    with pytest.raises(UserError, match="No space left"):
        student.Workbooks(tmp_path).copy_absent()


def test_kernels_note_progress_daily_share(tmp_path):
    environment = os.environ | {"COURSE_PROGRESS": str(tmp_path / "progress.json")}

    def write(kernel):
        subprocess.run([sys.executable, "-c", RECORD, kernel], env=environment, check=True)

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, "789"))
    assert len(progress.load()) == 75
    assert [path.name for path in tmp_path.glob("*damaged*")] == []


def test_progress_in_place_of_a_folder_is_no_progress(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "progress.json"):
        monkeypatch.setenv("COURSE_PROGRESS", str(path))
        assert progress.load() == {}
