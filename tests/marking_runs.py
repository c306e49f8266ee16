"""The command `mark` as a tutor starts it: by this user or another, and killed on the way."""

import shutil
import signal
import subprocess
import sys
import time
from typing import NamedTuple

import matplotlib
import users

# The command, started by somebody who ignores and blocks signals; it then tells the most memory
# that its process has held.
MARK = """
import signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGXCPU, signal.SIGCHLD})
from pathlib import Path
from course_utils.__main__ import main
status = main(["mark", *sys.argv[1:]])
(peak,) = [l for l in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in l]
print("peak", peak.split()[1])
sys.exit(status)
"""


class Finished(NamedTuple):
    """What a marking printed; the records that killed ones had left, by when each was written."""

    printed: str
    resumed: dict[str, int]


def records(out):
    """Path → when it was written, of all that has been judged."""
    return {path.as_posix(): path.stat().st_mtime_ns for path in out.glob("judged/*/*.json")}


def mark(place, folder, out, user, kills=(), options=()):
    """Mark a folder; a marking is killed as soon as one of `kills` is true, and begun again."""
    temporary, fonts = place / "tmp", place / "fonts"
    temporary.mkdir(exist_ok=True)
    ignored = shutil.ignore_patterns("t*")
    shutil.copytree(matplotlib.get_cachedir(), fonts, ignore=ignored, dirs_exist_ok=True)
    for path in (place, temporary, fonts):
        path.chmod(0o777)
    arguments = [str(folder), "--out", str(out), "--jobs", "2", *options]
    command, environment = users.as_user(user, [sys.executable, "-c", MARK, *arguments])
    environment |= {"TMPDIR": str(temporary), "MPLCONFIGDIR": str(fonts)}
    start = {"env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    resumed = {}
    for reached in kills:
        with subprocess.Popen(command, **start) as process:
            _kill_when(process, reached)
        resumed |= records(out)
    with subprocess.Popen(command, **start) as process:
        printed, errors = (text.decode() for text in process.communicate())
    assert process.returncode == 0, errors
    assert list(temporary.iterdir()) == []
    return Finished(printed, resumed)


def _kill_when(process, reached):
    while not reached() and process.poll() is None:
        time.sleep(0.02)
    assert process.poll() is None, "it was to be killed before its end"
    process.send_signal(signal.SIGKILL)
    process.wait()
