"""The commands: ``python -m course_utils COMMAND``, or ``python3 start.py COMMAND``.

Importing this module needs the standard library only: start.py reads the table before anything is
installed.
"""

import os
import sys

if __name__ == "__main__":  # modules are sought where one stands, too: maybe among students' files
    checkout, here = os.path.dirname(os.path.dirname(os.path.abspath(__file__))), os.getcwd()
    parts = os.environ.get("PYTHONPATH", "").split(os.pathsep)  # an empty part is where one stands
    there = [here, *(os.path.abspath(part) for part in parts if not os.path.isabs(part))]
    sys.path[:] = [p for p in sys.path if (os.path.isabs(p) and p not in there) or here == checkout]

import contextlib
import errno
import importlib
import io
from pathlib import Path
from typing import NamedTuple

from course_utils.errors import UserError, printable, suggest
from course_utils.workbooks import ROOT


class Command(NamedTuple):
    """Where a command lives, its line of help, and the extra of pyproject.toml it needs."""

    module: str
    function: str
    help: str
    extra: str = ""


COMMANDS = {
    "lab": Command("student", "lab", "copy the workbooks to my_work and open JupyterLab there"),
    "fresh": Command("student", "fresh", "put a clean copy of a workbook beside yours"),
    "data": Command("datasets.download", "main", "download CIFAR-10 or MNIST"),
    "test": Command("developer", "test", "run every test", extra="test"),
    "bench": Command(
        "developer", "bench", "run the benchmarks and print their tables", extra="bench"
    ),
    "tutor": Command(
        "publishing.solutions", "main", "write the solved workbooks, executed", extra="test"
    ),
    "slides": Command("publishing.slides", "main", "write the workbooks as slides", extra="test"),
    "site": Command("publishing.site", "main", "write the course as a web site", extra="test"),
    "assignment": Command(
        "marking.assignment", "main", "write workbooks as assignments of nbgrader", extra="tutor"
    ),
    "mark": Command("marking.mark", "main", "mark a class's submissions in a jail", extra="tutor"),
    "export": Command(
        "marking.export", "main", "write marks and feedback for a learning platform", extra="tutor"
    ),
    "report": Command("marking.report", "main", "show what the class got wrong"),
    "tidy": Command("publishing.tidy", "main", "bring notebooks into the form that is committed"),
    "screenshots": Command(
        "publishing.screenshots", "main", "picture every workbook", extra="test"
    ),
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
        if isinstance(stream, io.TextIOWrapper):
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
        print(printable(str(error)), file=sys.stderr)
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
    for variable in {"PATH", "PYTHONPATH"} & set(os.environ):  # an empty part is where one stands
        parts = os.environ[variable].split(os.pathsep)
        os.environ[variable] = os.pathsep.join([part for part in parts if os.path.isabs(part)])
    if folder := os.environ.get("COURSE_DATA"):  # kernels run in other folders
        os.environ["COURSE_DATA"] = str(Path(folder).expanduser().resolve())
    # else PyTorch's threads wait spinning, and beside other work train at a fifth of the speed
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def load(command: Command):
    """Import a command's function, away from where one stands: Matplotlib reads settings there."""
    with contextlib.chdir(ROOT):
        return getattr(importlib.import_module(f"course_utils.{command.module}"), command.function)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
