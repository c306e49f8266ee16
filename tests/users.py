"""Run a command as another user, for tests of what must hold whoever marks."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from course_utils.workbooks import ROOT

USERS = ["own user", "nobody"]
# Python may lie in a folder of root's own: in a namespace of mounts it is laid open for nobody.
AS_NOBODY = """
if [ -n "$TOP" ]; then
    kept=$(mktemp -d) && mount --rbind "$PYTHON" "$kept" && mount -t tmpfs -o mode=755 none "$TOP" \
        && mkdir -p "$PYTHON" && mount --rbind "$kept" "$PYTHON" \
        && umount --lazy "$kept" && rmdir "$kept" || exit
fi
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
"""


def skip_unless_possible(user):
    if user == "nobody" and (os.geteuid() or not shutil.which("setpriv")):
        pytest.skip("only root can become nobody")


def as_user(user, command):
    """Return the command line and the environment in which this user runs it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if user == "nobody":
        closed = [p for p in Path(sys.base_prefix).parents if not p.stat().st_mode & 0o001]
        environment |= {"TOP": str(closed[-1]) if closed else "", "PYTHON": sys.base_prefix}
        environment |= {"HOME": "/nonexistent", "TMPDIR": "/tmp"}
        command = ["unshare", "--mount", "sh", "-c", AS_NOBODY, "sh", *command]
    return command, environment
