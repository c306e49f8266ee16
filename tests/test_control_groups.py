"""A control group limits what runs in it, and is gone afterwards."""

import os
import subprocess
import sys

import pytest

from course_utils.marking import control_groups, jail
from course_utils.marking.control_groups import ControlGroup

MEGABYTE = 2**20
FIND = control_groups.available


@pytest.fixture(autouse=True)
def _found_anew():
    """Groups are looked for anew, whatever another test has made of the machine."""
    FIND.cache_clear()
    yield
    FIND.cache_clear()


@pytest.fixture
def kind():
    """The kind of group to be had here; without one there is nothing to test."""
    return control_groups.available() or pytest.skip("there are no control groups to be had")


def run(group, code):
    command = [*group.command, sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_group_limits_memory(kind):
    with ControlGroup(kind, 64 * MEGABYTE, 8, 1.0) as group:
        assert run(group, "print(len(bytes(1)))").stdout == "1\n"
        assert not group.ran_out_of_memory()
        assert run(group, "b'1' * 200 * 2**20").returncode != 0
        assert group.ran_out_of_memory() or kind == "systemd"


def test_group_limits_processes(kind):
    code = "import os\nfor i in range(30): os.fork() or __import__('time').sleep(2) or os._exit(0)"
    with ControlGroup(kind, 512 * MEGABYTE, 8, 1.0) as group:
        assert "BlockingIOError" in run(group, code + "\nprint('all')").stderr


@pytest.mark.skipif(not os.path.exists("/proc/self/cgroup"), reason="control groups are Linux's")
def test_group_limits_processors():
    if (kind := control_groups.available()) not in ("v1", "v2"):
        pytest.skip("the group's own files are not at hand")
    with ControlGroup(kind, 512 * MEGABYTE, 8, 0.1) as group:
        run(group, "import time\nend = time.monotonic() + 1\nwhile time.monotonic() < end: pass")
        text = (group.folders[0] / "cpu.stat").read_text()
    assert int(dict(line.split() for line in text.splitlines())["nr_throttled"]) > 0


def test_group_leaves_nothing(kind):
    with ControlGroup(kind, 512 * MEGABYTE, 8, 1.0) as group:
        folders = [*group.folders]
        command = [
            *group.command,
            sys.executable,
            "-c",
            "import time; print(1, flush=True); time.sleep(60)",
        ]
        program = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert program.stdout.readline()
    if folders:  # systemd's scope ends with its last process
        assert program.wait(20) == -9
    program.kill()
    program.communicate()
    assert not [folder for folder in folders if folder.exists()]


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A file system of version 2, whose group hands its limits down or not."""
    own = tmp_path / "user.slice/own.scope"
    own.mkdir(parents=True)
    monkeypatch.setattr(control_groups, "MOUNT", tmp_path)
    listing = tmp_path / "listing"
    listing.write_text("1:name=systemd:/x\n0::/user.slice/own.scope\n")
    monkeypatch.setattr(control_groups, "LISTING", listing)
    monkeypatch.setattr(control_groups, "_remove", lambda folder: None)
    return own


@pytest.mark.parametrize("handed_down", [True, False])
def test_group_of_version_2_is_written(tree, handed_down):
    (tree / "cgroup.subtree_control").write_text("cpu memory pids\n" if handed_down else "\n")
    with ControlGroup("v2", 64 * MEGABYTE, 8, 0.5) as group:
        (folder,) = group.folders
        assert folder.parent == (tree if handed_down else tree.parent)
        contents = {path.name: path.read_text() for path in folder.iterdir()}
        expected = {"memory.max": str(64 * MEGABYTE), "pids.max": "12", "cpu.max": "50000 100000"}
        assert contents == expected | {"memory.swap.max": "0", "memory.oom.group": "1"}
        (folder / "memory.events").write_text("oom 1\noom_kill 0\n")
        assert not group.ran_out_of_memory()
        (folder / "memory.events").write_text("oom 1\noom_kill 2\n")
        assert group.ran_out_of_memory()


def test_stale_groups_are_removed(tree, kind):
    (tree / "cgroup.subtree_control").write_text("memory pids\n")
    stale, used = tree / "course-jail-4194305-0", tree / f"course-jail-{os.getpid()}-x"
    stale.mkdir()
    used.mkdir()
    with ControlGroup("v2", MEGABYTE, 8, 1.0):
        assert not stale.exists()
        assert used.exists()


@pytest.mark.parametrize(
    ("kind", "words"), [("", "a watch"), ("v1", "control groups (v1)"), ("systemd", "(systemd)")]
)
def test_limits_in_force_are_said(monkeypatch, kind, words):
    monkeypatch.setattr(control_groups, "available", lambda: kind)
    line = jail.limits_in_force(jail.LIMITS)
    assert words in line
    assert "3.0 GB of memory, 64 threads" in line
    assert "\n" not in line


def test_systemd_command_bounds_all(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with ControlGroup("systemd", 80 * MEGABYTE, 8, 1.0) as group:
        line = " ".join(group.command)
    assert line.startswith("systemd-run --user --scope ")
    for setting in ("MemoryMax=104857600", "MemorySwapMax=0", "TasksMax=12", "CPUQuota=100%"):
        assert f"--property {setting}" in line
