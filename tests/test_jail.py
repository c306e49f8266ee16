"""What runs in the jail reaches nothing outside, and ends when it takes too much."""

import json
import os
import socket
import sys
import textwrap
import threading
import time

import psutil
import pytest

from course_utils.__main__ import main as run_command
from course_utils.exercises import all_exercises
from course_utils.marking import jail, redacted_package
from course_utils.marking.jail import Limits
from course_utils.workbooks import ROOT

SMALL = Limits(seconds=60, memory=300 * 2**20, file=2**20, output=2**20, processes=20)
TRY = """
import json, os, socket, sys
from pathlib import Path
from course_utils.marking import jail
job = json.load(sys.stdin)
jail.confine(jail.Limits(*job["limits"]), True)
outcomes = {}
for name, code in job["attempts"].items():
    me = os.getpid()
    try:
        exec(code, globals() | {"place": Path(job["place"]), "port": job["port"]})
        outcomes[name] = "it worked"
    except BaseException as error:
        outcomes[name] = f"{type(error).__name__}: {error}"
    if os.getpid() != me:
        os._exit(0)
print(json.dumps(outcomes))
"""
HOME = os.path.expanduser("~")
ATTEMPTS = {
    "read the gradebook": "print((place / 'gradebook.db').read_bytes())",
    "read another submission": "print((place / 'submitted/ada/02/n.ipynb').read_text())",
    "list the folder": "print(list(place.iterdir()))",
    "read the course's tests": f"print(open({str(ROOT / 'tests/test_jail.py')!r}).read())",
    "read the answers": f"open({str(ROOT / 'course_utils/exercises/convolution.py')!r}).read()",
    "import an answer": "from course_utils.exercises import convolution as c; c.conv2d.answer",
    "import an oracle": "from course_utils.exercises.convolution import _conv2d_by_torch",
    "import a mistake": "from course_utils.exercises import convolution as c; c.conv2d.mistakes",
    "import the tutor's side": "import course_utils.publishing.editions",
    "read the users": "print(open('/etc/passwd').read())",
    "list a home": f"assert sorted(os.listdir({HOME!r})) == {sorted(os.listdir(HOME))}",
    "write over the gradebook": "(place / 'gradebook.db').write_text('15/15')",
    "write beside it": "(place / 'new').write_text('x')",
    "write into Python": "open(sys.prefix + '/lib/x', 'w')",
    "write into the system": "open('/usr/x', 'w')",
    "write at the root": "open('/x', 'w')",
    "write into its input": "open('/input/course_utils/x', 'w')",
    "reach this computer": "socket.create_connection(('127.0.0.1', port), 5)",
    "reach the network": "socket.create_connection(('1.1.1.1', 53), 5)",
    "ask for a name": "socket.gethostbyname('pypi.org')",
    "see other processes": "assert len([p for p in os.listdir('/proc') if p.isdigit()]) > 5",
    "stop another process": f"os.kill({os.getpid()}, 9)",
    "become root": "os.setuid(0); open('/input/x', 'w')",
    "mount a folder": "import ctypes; c = ctypes.CDLL(None, use_errno=True); "
    "assert c.mount(b'none', b'/scratch', b'tmpfs', 0, None) == 0",
    "raise its limits": "import resource as r; r.setrlimit(r.RLIMIT_NPROC, (9999, 9999))",
    "take all memory": "bytearray(7 * 2**30)",
    "fill the disk": "open('/scratch/x', 'wb').write(bytes(2 * 2**20))",
    "start a hundred processes": "[os.fork() or os.pause() for i in range(100)]".replace(
        "os.pause()", "__import__('time').sleep(60)"
    ),
}


@pytest.fixture(scope="module")
def input_dir(jailed, tmp_path_factory):
    """What the jail may read; without one, the tests that need it are skipped."""
    folder = tmp_path_factory.mktemp("input")
    redacted_package.write_package(folder, [])
    return folder


def run(input_dir, code, limits=SMALL, job=b""):
    confined = "from course_utils.marking import jail\njail.confine(jail.Limits(*{}), True)\n{}"
    return jail.run(confined.format([*limits], textwrap.dedent(code)), job, input_dir, limits)


def everything(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(scope="module")
def attempts(input_dir, tmp_path_factory):
    """Every attempt in one run: how each ended, and what lay outside before and after."""
    place = tmp_path_factory.mktemp("course")
    (place / "submitted/ada/02").mkdir(parents=True)
    for name in ("gradebook.db", "submitted/ada/02/n.ipynb"):
        (place / name).write_text("private")
        (place / name).chmod(0o666)
    place.chmod(0o777)
    before = everything(place), everything(input_dir)
    with socket.create_server(("127.0.0.1", 0)) as server:
        job = {"attempts": ATTEMPTS, "place": str(place), "port": server.getsockname()[1]}
        job["limits"] = [*SMALL]
        result = jail.run(TRY, json.dumps(job).encode(), input_dir, SMALL)
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()
    assert result.stop_reason == "", result
    return json.loads(result.output), before, (everything(place), everything(input_dir))


@pytest.mark.parametrize("name", ATTEMPTS)
def test_jail_refuses_attempt(attempts, name):
    assert attempts[0][name] != "it worked"
    assert "private" not in attempts[0][name]
    assert not attempts[0][name].startswith(("NameError", "SyntaxError")), "a slip in the attempt"


def test_jail_leaves_host_unchanged(attempts):
    _, before, after = attempts
    assert after == before


def test_attempts_succeed_without_jail(tmp_path):
    """What the attempts do is not refused for another reason, such as a wrong name."""
    (tmp_path / "gradebook.db").write_text("private")
    for name in (
        "read the gradebook",
        "list the folder",
        "write over the gradebook",
        "write beside it",
    ):
        exec(ATTEMPTS[name], {"place": tmp_path})
    assert (tmp_path / "gradebook.db").read_text() == "15/15"


def test_jail_offers_scratch_and_packages(input_dir):
    code = """
        import numpy, torch, matplotlib, sklearn, os, pathlib
        pathlib.Path("kept").write_text("x")
        print(os.getcwd(), os.path.exists("kept"), torch.ones(2).sum().item())
    """
    result = run(input_dir, code, Limits(seconds=100))
    assert (result.stop_reason, result.output) == ("", b"/scratch True 2.0\n"), result
    assert run(input_dir, "import os; print(os.listdir('.'))").output == b"[]\n"


@pytest.mark.parametrize(
    ("why", "code", "limits"),
    [
        ("time", "while True: pass", SMALL._replace(seconds=1.5)),
        ("time", "import signal, time\nwhile True: time.sleep(1)", SMALL._replace(seconds=1.5)),
        (
            "time",
            "import os, time\nos.fork() or os.setsid() or os.fork()\ntime.sleep(99)",
            SMALL._replace(seconds=1.5),
        ),
        ("memory", "x = b'1' * 400 * 2**20\nimport time; time.sleep(30)", SMALL),
        (
            "memory",
            "import os, time\nfor i in range(4):\n"
            "    if os.fork() == 0:\n        x = b'1' * 90 * 2**20\n        time.sleep(30)\n"
            "time.sleep(30)",
            SMALL,
        ),
        ("output", "while True: print('x' * 10000)", SMALL),
        ("died", "import os; os.kill(os.getpid(), 9)", SMALL),
        ("died", "raise SystemExit(3)", SMALL),
    ],
)
def test_run_stops_at_limit(input_dir, why, code, limits):
    started = time.monotonic()
    result = run(input_dir, code, limits)
    assert result.stop_reason == why, result
    assert len(result.output) <= limits.output
    assert time.monotonic() - started < 25


def test_run_kills_fork_bomb(input_dir):
    code = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    family = psutil.Process()
    before, most, done = {*family.children(recursive=True)}, 0, threading.Event()

    def count():
        nonlocal most
        while not done.wait(0.1):
            most = max(most, len({*family.children(recursive=True)} - before))

    counting = threading.Thread(target=count)
    counting.start()
    result = run(input_dir, code, SMALL._replace(seconds=2))
    done.set()
    counting.join()
    assert result.stop_reason == "time"
    assert 5 < most <= SMALL.processes + 4
    assert {*family.children(recursive=True)} <= before


def test_run_returns_stderr(input_dir):
    result = run(input_dir, "import a_module_that_is_not_there")
    assert result.stop_reason == "died"
    assert "a_module_that_is_not_there" in result.stderr


# No jail -----------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for bubblewrap")
@pytest.mark.parametrize("there", [False, True])
def test_mark_refuses_missing_jail(tmp_path, monkeypatch, capsys, there):
    """No bubblewrap, or one that may not make namespaces."""
    tools = tmp_path / "bin"
    tools.mkdir()
    if there:
        (tools / "bwrap").write_text("#!/bin/sh\necho no permission >&2\nexit 1\n")
        (tools / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/nowhere" if not there else f"{tools}:/bin")
    submitted = tmp_path / "submitted/ada/00"
    submitted.mkdir(parents=True)
    (submitted / "00_start_here.ipynb").write_text("{}")
    assert run_command(["mark", str(tmp_path / "submitted"), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert ("no permission" if there else "no `bwrap`") in said
    assert "apt install bubblewrap" in said
    assert "--unsafe" in said
    assert not (tmp_path / "out" / "marks.csv").exists()


# The redacted package ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The redacted package for all exercises."""
    observers = {exercise.number: exercise.observe for exercise in all_exercises()}
    folder = tmp_path_factory.mktemp("redacted")
    redacted_package.write_package(folder, redacted_package.pickle_specs(observers)[1])
    return folder / "course_utils"


@pytest.mark.parametrize("exercise", all_exercises(), ids=lambda exercise: exercise.number)
def test_package_holds_no_answer(package, exercise):
    text = "".join(path.read_text("utf-8") for path in (package / "exercises").glob("*.py"))
    assert f"{exercise.name} = HiddenExercise({exercise.name!r})" in text
    assert not [each.words for each in exercise.mistakes.values() if each.words[:40] in text]
    assert not [hint for hint in exercise.hints if hint[:40] in text]
    lines = [line.strip() for line in exercise.solution_source().splitlines()]
    body = [
        line for line in lines if len(line) > 20 and not line.startswith(("def", '"""', "class"))
    ]
    assert not body or not all(line in text for line in body)


def test_package_holds_no_oracle(package):
    names = {e.oracle.__name__ for e in all_exercises() if e.oracle} - {"<lambda>"}
    text = "".join(path.read_text("utf-8") for path in (package / "exercises").glob("*.py"))
    assert len(names) > 20
    assert not [name for name in names if f"\ndef {name}(" in text]


def test_package_holds_worker_modules_only(package):
    assert not (package / "__main__.py").exists()
    assert {path.name for path in (package / "marking").iterdir()} == {
        *redacted_package.WORKER_MODULES
    }
    assert not list(package.rglob("__pycache__"))


@pytest.mark.skipif(os.name == "nt", reason="bubblewrap is for Linux")
def test_jail_hides_installed_course(monkeypatch, tmp_path):
    (tmp_path / "course_utils").mkdir()
    monkeypatch.setattr(jail.site, "getsitepackages", lambda: [str(tmp_path)])
    args = jail.bwrap_args(tmp_path)
    at = args.index(str(tmp_path / "course_utils"))
    assert args[at - 1] == "--tmpfs"
    assert at > args.index(sys.prefix)
