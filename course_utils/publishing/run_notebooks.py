"""Run an edition once under nbval, and keep what ran.

As a pytest plugin (`-p course_utils.publishing.run_notebooks --executed-dir DIR`) it saves every
notebook that nbval executes: outputs, execution counts, widget state, and in `metadata.course` the
seconds its cells took, the kernel's peak memory and whatever failed. `run` starts such a session
for an edition. Pages, benchmarks and tests read the saved files, so nothing is executed twice.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from course_utils.publishing.editions import write
from course_utils.workbooks import BUILD, ROOT, discover

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbval.plugin import IPyNbCell, IPyNbFile  # a session of nbval has them already

EXPECTED = {"student": "todo", "tutor": "ok"}  # the only verdict a check may reach in an edition
CELL_SECONDS = 300  # a cell hangs that takes longer, also on a machine that is busy
REPORT = "course_utils.publishing.kernel_report"  # light: what it imports counts as the notebook's
WIDGETS = "application/vnd.jupyter.widget-state+json"
DROPPED_VARIABLES = ("PYTEST_", "COURSE_EXPECT", "COURSE_SEED", "COURSE_PROGRESS", "MPLBACKEND")


def run(
    edition: str, notebooks: list[Path] | None = None, out: Path = BUILD, show: bool = False
) -> Path:
    """Execute an edition ("student" or "tutor") of all notebooks, or of those named.

    With `show`, nbval's progress is printed.

    Returns
    -------
    Path
        Folder `out/executed/EDITION` of the executed notebooks. What went wrong in a notebook
        stands in it: see `failures`.

    Raises
    ------
    RuntimeError
        If nbval itself could not run.
    """
    folder = Path(out) / edition
    shutil.rmtree(folder, ignore_errors=True)
    write(folder, edition, notebooks)
    return execute(folder, Path(out) / "executed" / edition, EXPECTED[edition], show)


def execute(folder: Path, out: Path, expect: str | None = None, show: bool = False) -> Path:
    """Execute the notebooks in `folder` where they lie and save them below `out`, emptied first.

    With `expect` ("todo" or "ok") a check that reaches any other verdict is an error.

    Raises
    ------
    RuntimeError
        If nbval itself could not run.
    """
    folder, out = Path(folder).resolve(), Path(out).resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        settings = Path(scratch) / "pytest.ini"
        settings.write_text("[pytest]\n", encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--no-header",
            "--tb=no",
            "-c",
            str(settings),
            "--color=no",
        ]
        command += [f"--rootdir={folder}", "-p", "no:cacheprovider", "-p", "nbval.plugin"]
        command += ["-p", __name__, f"--executed-dir={out}", "--nbval-lax", "--nbval-current-env"]
        command += [f"--nbval-cell-timeout={CELL_SECONDS}", *map(str, discover(folder))]
        environment = _environment(Path(scratch), expect)
        nbval = subprocess.run(
            command, env=environment, cwd=folder, capture_output=not show, text=True
        )
    if nbval.returncode not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        log = "" if show else f":\n{nbval.stdout}{nbval.stderr}"
        raise RuntimeError(f"nbval could not run {folder}{log}")
    return out


def failures(notebook: Path) -> list[str]:
    """Return one text for every cell of an executed notebook that did anything but pass."""
    return list(nbformat.read(notebook, as_version=4).metadata.course.failures)


def print_failures(folder: Path) -> int:
    """Print what went wrong in the executed notebooks of a folder; 1 if anything did, else 0."""
    failed = [(path, text) for path in discover(folder) for text in failures(path)]
    for path, text in failed:
        print(f"{path.relative_to(folder)}: {text}", file=sys.stderr)
    return int(bool(failed))


def _environment(scratch: Path, expect: str | None) -> dict[str, str]:
    """Copy this process's environment, fit for kernels that run elsewhere and leave nothing."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(DROPPED_VARIABLES)}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    python_path = filter(None, [str(ROOT), environment.get("PYTHONPATH")])
    environment["PYTHONPATH"] = os.pathsep.join(python_path)
    environment["COURSE_PROGRESS"] = str(scratch / "progress.json")
    environment["IPYTHONDIR"] = str(scratch / "ipython")
    if expect is not None:
        environment["COURSE_EXPECT"] = expect
    return environment


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the folder of the executed notebooks."""
    parser.addoption("--executed-dir", type=Path, help="save what nbval executes in this folder")


def pytest_configure(config: pytest.Config) -> None:
    """Record the session where the option asks for it."""
    out = config.getoption("--executed-dir")
    if out is not None:
        if os.name == "posix":
            _give_kernels_sockets(config)
        config.pluginmanager.register(Recorder(out, config.rootpath), "executed-notebooks")


def _give_kernels_sockets(config: pytest.Config) -> None:
    """Let nbval reach its kernels by files of their own.

    Of numbers of ports, some other program may take the one that was free a second ago, when it was
    chosen for a kernel; then the kernel ends at once.
    """
    import zmq  # here: only a session of nbval has them
    from nbval import kernel as kernels

    manager, folder = kernels.KernelManager, tempfile.mkdtemp()
    count = itertools.count()

    def with_sockets(**options: Any) -> Any:
        file = Path(folder, f"{next(count)}.json")
        made = manager(transport="ipc", connection_file=str(file), **options)
        made.client = partial(with_room, made.client)
        return made

    def with_room(connect: Callable[[], Any]) -> Any:
        # nbval reads only once a cell has ended: of more than a thousand messages until then, as a
        # bar of progress makes, some would be lost, and the last among them waited for in vain
        client = connect()
        client.context.setsockopt(zmq.RCVHWM, 0)
        return client

    def put_back() -> None:
        kernels.KernelManager = manager
        shutil.rmtree(folder, ignore_errors=True)

    kernels.KernelManager = with_sockets
    config.add_cleanup(put_back)


class Recorder:
    """Collects what nbval's cells did and writes each notebook before its kernel is stopped."""

    def __init__(self, out: Path, root: Path) -> None:
        self.out, self.root = out, root
        self.seconds = 0.0
        self.failures: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: IPyNbCell) -> Any:
        """Add up the seconds of a notebook and keep what did not pass."""
        report = yield
        if report.when == "call":
            self.seconds += report.duration
        if report.outcome != "passed":  # xfail too: nbval hides what follows a time-out behind it
            self.failures.append(f"cell {item.cell.id!r}: {report.longrepr}")
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: IPyNbCell, nextitem: pytest.Item | None) -> None:
        """Put what the cell did into the notebook; save it after its last cell."""
        item.cell.outputs = item.test_outputs or []
        item.cell.execution_count = item.cell_num + 1
        if nextitem is None or nextitem.parent is not item.parent:
            self.save(item.parent)
            self.seconds, self.failures = 0.0, []

    def save(self, file: IPyNbFile) -> None:
        """Write the executed notebook, with what its kernel reports, to its place below `out`."""
        peak, metadata = None, file.nb.metadata
        if file.kernel.is_alive():
            report = _ask(file.kernel.kc, f"from {REPORT} import print_report; print_report()")
            peak = round(report["peak_mb"])
            if report["widgets"] and report["widgets"]["state"]:
                metadata["widgets"] = {WIDGETS: report["widgets"]}
        seconds = round(self.seconds, 2)
        metadata["course"] = {"seconds": seconds, "peak_mb": peak, "failures": self.failures}
        target = self.out / file.path.relative_to(self.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(file.nb, target)


def _ask(client: Any, code: str) -> dict[str, Any]:
    """Run code in a kernel and return the JSON that it prints."""
    printed: list[str] = []

    def listen(message: dict[str, Any]) -> None:
        if message["content"].get("name") == "stdout":
            printed.append(message["content"]["text"])

    options = {"store_history": False, "timeout": CELL_SECONDS, "output_hook": listen}
    client.execute_interactive(code, **options)
    return json.loads("".join(printed))
