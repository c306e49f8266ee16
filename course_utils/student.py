"""What a student runs: `lab` copies the workbooks and opens JupyterLab; `fresh` copies one anew."""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from course_utils import surroundings
from course_utils.errors import UserError
from course_utils.workbooks import ROOT, select_workbooks, workbook_name, write_atomic

START = "00_start_here.ipynb"
# in JupyterLab's list of files: its own choice, and the lessons, where nobody is to work by mistake
HIDDEN = ("__pycache__", "*.pyc", "*.pyo", ".DS_Store", "*~", "notebooks")


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
        """Copy what is not there yet; return the new copies and the notebooks that have changed.

        Raises
        ------
        UserError
            If they cannot be written.
        """
        with self._writing():
            return self._copy_absent()

    def _copy_absent(self) -> tuple[list[Path], list[Path]]:
        copied = self._read_record()
        lessons = {name: self.read_lesson(name) for name in self.names()}
        absent = [name for name in lessons if not (self.work / name).exists()]
        for name in absent:
            write_atomic(self.work / name, lessons[name])
        changed = []
        for name, content in lessons.items():
            fingerprint = sha256(content)
            if name in absent or name.as_posix() not in copied:
                copied[name.as_posix()] = fingerprint
            elif copied[name.as_posix()] != fingerprint and name.suffix == ".ipynb":
                changed.append(name)
        self._write_record(copied)
        return absent, changed

    def fresh(self, name: Path) -> Path:
        """Copy a notebook beside the student's, under the first free name; return its path."""
        content = self.read_lesson(name)
        target, number = self.work / name, 1
        while target.exists():
            number += 1
            target = self.work / name.with_stem(f"{name.stem}_{number}")
        with self._writing():
            write_atomic(target, content)
            self._write_record(self._read_record() | {name.as_posix(): sha256(content)})
        return target

    def read_lesson(self, name: Path) -> bytes:
        """Read a file of the lessons.

        Raises
        ------
        UserError
            If it is a notebook and no valid JSON, as after an update that met changes.
        """
        content = (self.source / name).read_bytes()
        if name.suffix == ".ipynb":
            check_notebook(content, f"{self.source.name}/{name.as_posix()}")
        return content

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say in one sentence why the copies cannot be written."""
        try:
            yield
        except OSError as error:
            folders = (self.work, *(self.work / name.parent for name in self.names()))
            blocked = next((path for path in folders if path.exists() and not path.is_dir()), None)
            if blocked is not None:
                raise UserError(
                    f"{blocked} is a file, and your workbooks need a folder of that name. Move "
                    "the file elsewhere or rename it, and start again."
                ) from None
            raise UserError(
                f"Your workbooks cannot be written to {self.work} ({error.strerror or error}). "
                "Make room there, or the folder yours, and start again."
            ) from None

    def _read_record(self) -> dict[str, str]:
        try:
            record = json.loads(self.record.read_text("utf-8"))
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, ValueError):
            record = None
        return record if isinstance(record, dict) else {}  # none yet, or damaged: begin again

    def _write_record(self, copied: dict[str, str]) -> None:
        write_atomic(self.record, json.dumps(copied, indent=1))


def check_notebook(content: bytes, name: str) -> None:
    """Raise UserError, which says what to do, if a lesson's notebook is no valid JSON."""
    try:
        if isinstance(json.loads(content), dict):
            return
    except ValueError:
        pass
    if any(line.startswith((b"<<<<<<< ", b">>>>>>> ")) for line in content.splitlines()):
        raise UserError(
            f"{name} holds conflict markers (<<<<<<<, >>>>>>>): an update of the course met "
            "changes of yours in it. To take the course's version, without your changes, run "
            f"`git checkout FETCH_HEAD -- {name}`, then `git commit --no-edit`, and start again. "
            "Your workbooks in my_work stay as they are."
        )
    raise UserError(
        f"{name} is damaged: it is no valid JSON. To take the course's version run "
        f"`git checkout HEAD -- {name}` and start again. Your workbooks in my_work stay as they "
        "are."
    )


def sha256(content: bytes) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def lab(argv: list[str]) -> int:
    """Copy absent workbooks, then serve JupyterLab; arguments are passed on to it."""
    if {"-h", "--help"} & set(argv):
        print("Arguments are passed on to JupyterLab: --port 8889, --no-browser, --ip 0.0.0.0, …")
        return 0
    absent, changed = Workbooks().copy_absent()
    if absent:
        print(f"Copied to my_work: {', '.join(name.as_posix() for name in absent)}")
    for name in changed:
        print(
            f"A newer {name.as_posix()} is out. Yours stays as it is; this puts the new one beside "
            f"it: python3 start.py fresh {workbook_name(name, Path())}"
        )
    check_port(argv)
    serve(argv)
    return 0


def check_port(argv: list[str]) -> None:
    """Raise UserError if a port is asked for and cannot be had."""
    parser = argparse.ArgumentParser("course_utils lab", add_help=False, allow_abbrev=False)
    parser.add_argument("--port", "--ServerApp.port", type=int)
    parser.add_argument("--ip", "--ServerApp.ip", default="localhost")
    args, _ = parser.parse_known_args(argv)
    if not args.port:
        return
    from tornado.netutil import bind_sockets

    try:
        sockets = bind_sockets(args.port, args.ip)
    except OSError as error:
        raise UserError(
            f"Port {args.port} cannot be used ({error.strerror}). Perhaps JupyterLab is already "
            f"running there: look at http://localhost:{args.port}. Otherwise choose another port, "
            f"such as --port {args.port + 1}, or leave --port out."
        ) from None
    for socket in sockets:
        socket.close()


def serve(argv: list[str]) -> None:
    """Run JupyterLab until it is stopped. It asks nothing of the network."""
    if not surroundings.prepare(Workbooks().work / ".jupyter"):
        print("Your home folder cannot be written to; settings are kept in my_work/.jupyter.")
    settings = Path(__file__).parent / "jupyter"
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(
        [str(settings), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    )
    # before all others, so that "Python 3" is this Python and no other's
    os.environ["JUPYTER_PATH"] = os.pathsep.join(
        [str(install_kernel_spec()), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    )
    # in JupyterLab's terminal, `python` is to be the course's
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    from jupyterlab.labapp import LabApp

    port_given = any(a.startswith(("--port", "--ServerApp.port")) for a in argv)
    LabApp.launch_instance(
        [
            f"--ServerApp.root_dir={ROOT}",
            f"--FileContentsManager.preferred_dir={ROOT / 'my_work'}",  # where files are listed
            *(f"--ContentsManager.hide_globs={name}" for name in HIDDEN),
            f"--LabApp.default_url=/lab/tree/my_work/{START}",
            "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
            "--LabApp.extension_manager=readonly",
            "--ServerApp.allow_root=True",  # a container's only user is often root
            *(["--ServerApp.port_retries=0"] if port_given else []),
            *argv,
        ]
    )


def install_kernel_spec(folder: Path | None = None) -> Path:
    """Write the course's "Python 3" kernel; return the folder to put first in JUPYTER_PATH.

    It is the Python that runs now, and it explains names that are missing from the first cell on.
    """
    folder = folder or Path(sys.prefix) / "share" / "course"
    module = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
    extension = "--InteractiveShellApp.extensions=course_utils.cells"
    spec = {
        "argv": [sys.executable, *module, extension],
        "display_name": "Python 3",
        "language": "python",
        "env": surroundings.KERNEL_SWITCHES,
        "metadata": {"debugger": True},
    }
    target = folder / "kernels" / "python3" / "kernel.json"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, json.dumps(spec, indent=1))
    except OSError:  # an environment that may not be written to
        if folder == (spare := Path(tempfile.gettempdir()) / f"course-{os.getuid()}"):
            raise
        return install_kernel_spec(spare)
    return folder


def fresh(argv: list[str]) -> int:
    """Put a clean copy of a workbook beside the student's."""
    parser = argparse.ArgumentParser("course_utils fresh", description=fresh.__doc__)
    parser.add_argument("names", nargs="+", metavar="NN", help="2 or 02, further/02 or 02 further")
    args = parser.parse_args(argv)
    workbooks = Workbooks()
    for path in select_workbooks(args.names, further=False, folder=workbooks.source):
        target = workbooks.fresh(path.relative_to(workbooks.source))
        print(f"A clean copy is in {target.relative_to(ROOT)}.")
    return 0
