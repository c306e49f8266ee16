"""Drive a real JupyterLab in a real browser: for the screenshots and for the browser tests."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from course_utils.errors import UserError
from course_utils.workbooks import NOTEBOOKS, ROOT

CHROMIUM_NAMES = (  # the first has no windows, and takes less time
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
)
SETTINGS: dict[str, dict[str, str | bool]] = {
    "apputils-extension/notification.jupyterlab-settings": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
    "notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"},
    "apputils-extension/themes.jupyterlab-settings": {"theme": "JupyterLab Light"},
}
READY = """async (notebook) => {
    const app = window.jupyterapp;
    await app.restored;
    const end = Date.now() + 60000;
    const panel = () => app.shell.currentWidget;
    while (panel()?.context?.path !== notebook) {
        if (Date.now() > end) throw new Error(`${notebook} did not open`);
        await new Promise((again) => setTimeout(again, 100));
    }
    await panel().context.ready;
    while (!panel().sessionContext.isReady || !panel().sessionContext.session?.kernel) {
        if (Date.now() > end) throw new Error(`${notebook} has no kernel; does it name one?`);
        await new Promise((again) => setTimeout(again, 100));
    }
    await panel().sessionContext.session.kernel.info;
}"""
ERRORS = """() => window.jupyterapp.shell.currentWidget.content.widgets.flatMap((cell, number) =>
    (cell.model.outputs?.toJSON() ?? [])
        .filter((output) => output.output_type === "error")
        .map((output) => `cell ${number}: ${output.ename}: ${output.evalue}`))"""
IDLE = """() => {
    const { content, sessionContext } = window.jupyterapp.shell.currentWidget;
    const running = content.widgets.some((cell) => cell.prompt === "*");
    return !running && sessionContext.session.kernel.status === "idle";
}"""
PYTHON = """async (code) => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const asked = kernel.requestExecute({ code, store_history: false });
    let text = "";
    asked.onIOPub = ({ content }) => {
        text += content.text ?? content.traceback?.join("\\n") ?? "";
    };
    const reply = await asked.done;
    return [reply.content.status, text];
}"""


def chromium() -> str | None:
    """Path of the browser: COURSE_CHROMIUM, one on PATH, or None for Playwright's own."""
    named = os.environ.get("COURSE_CHROMIUM")
    return named or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


@contextmanager
def browser() -> Iterator:
    """Start headless Chromium through Playwright's sync API; yields its Browser."""
    from playwright.sync_api import sync_playwright

    flags = ["gpu", "quic", "background-networking", "component-update", "sync"]
    arguments = [*(f"--disable-{flag}" for flag in flags), "--no-first-run"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses root with its sandbox on
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        try:
            yield started
        finally:
            started.close()


def find_chromium() -> None:
    """Make sure that a Chromium starts: COURSE_CHROMIUM, one on PATH, or Playwright's own.

    Raises
    ------
    UserError
        If there is none and Playwright cannot fetch or start its own.
    """
    from playwright.sync_api import Error

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


class Lab:
    """A JupyterLab server with settings of its own over a folder.

    Parameters
    ----------
    folder : the folder that JupyterLab serves and the kernels start in.
    dark : start in the dark theme.
    env : further environment variables for the kernels.

    Raises
    ------
    RuntimeError
        If the server does not answer within 60 seconds; the message holds its log's end.
    """

    def __init__(self, folder: Path, *, dark: bool = False, env: dict[str, str] | None = None):
        self.folder, self.dark, self.env = Path(folder), dark, env or {}

    def __enter__(self) -> Lab:  # long: all that JupyterLab has to be told
        self.home = Path(tempfile.mkdtemp(prefix="course-lab-"))
        for name, values in SETTINGS.items():
            if self.dark and "theme" in values:
                values = {"theme": "JupyterLab Dark"}
            file = self.home / "settings" / "@jupyterlab" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.token = secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{port}"
        options = {
            "ServerApp.port": port,
            "ServerApp.port_retries": 0,
            "ServerApp.open_browser": False,
            "ServerApp.root_dir": self.folder,
            "ServerApp.allow_root": True,
            "IdentityProvider.token": self.token,
            "LabApp.expose_app_in_browser": True,
            "LabApp.user_settings_dir": self.home / "settings",
            "LabApp.workspaces_dir": self.home / "workspaces",
        }
        own = {f"JUPYTER_{kind}_DIR": str(self.home / kind) for kind in ("CONFIG", "RUNTIME")}
        own |= {
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "IPYTHONDIR": str(self.home / "ipython"),
        }
        self.log = self.home / "log.txt"
        with self.log.open("w") as log:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *(f"--{k}={v}" for k, v in options.items())],
                env=os.environ | own | self.env,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait(self) -> None:
        """Wait until the server answers."""
        for _ in range(240):
            if self.server.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"{self.url}/api?token={self.token}", timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.25)
        raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text()[-2000:]}")

    def __exit__(self, *exception) -> None:
        self.server.terminate()  # JupyterLab ends its kernels too
        try:
            self.server.wait(20)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def open(self, page, notebook: str) -> Workbook:
        """Open a notebook (path relative to the folder) in a Playwright page, kernel ready."""
        place = f"/lab/workspaces/{secrets.token_hex(4)}/tree/{notebook}"
        page.goto(f"{self.url}{place}?token={self.token}&reset")
        page.wait_for_function("() => Boolean(window.jupyterapp)", timeout=60_000)
        page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=60_000)
        page.evaluate(READY, notebook)
        return Workbook(page)


class Workbook:
    """A notebook that is open in JupyterLab."""

    def __init__(self, page):
        self.page = page

    def command(self, name: str) -> None:
        """Run one of JupyterLab's commands and wait for its end."""
        self.page.evaluate("(name) => window.jupyterapp.commands.execute(name)", name)

    def collapse_side_bars(self) -> None:
        """Give the whole width to the notebook."""
        self.page.evaluate(
            "() => { const { shell } = jupyterapp; shell.collapseLeft(); shell.collapseRight(); }"
        )

    def close(self) -> None:
        """Shut the kernel down, so that the next notebook has the machine to itself."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")

    def run_all(self) -> list[str]:
        """Run every cell; returns the errors, one line each."""
        self.command("notebook:run-all-cells")
        self.page.wait_for_timeout(300)  # outputs that still arrive
        return self.errors()

    def errors(self) -> list[str]:
        """Every error output in the notebook, one line each."""
        return self.page.evaluate(ERRORS)

    def python(self, code: str) -> str:
        """Run code in the kernel, outside the notebook; returns what it prints.

        Raises
        ------
        RuntimeError
            If the code raises; the message holds the traceback.
        """
        status, text = self.page.evaluate(PYTHON, code)
        if status != "ok":
            raise RuntimeError(text)
        return text

    def answer(self, number: str, source: str) -> tuple[str, str]:
        """Type an answer into an exercise's cell, run it and its check as a student does.

        Returns
        -------
        (str, str)
            The verdict's status and the text of the feedback.
        """
        cell, check = (self.cell(role, f"ex-{number}") for role in ("exercise", "check"))
        cell.locator(".cm-content").click()
        keyboard = self.page.keyboard
        keyboard.press("ControlOrMeta+A")
        keyboard.insert_text(source)
        keyboard.press("Shift+Enter")
        keyboard.press("Shift+Enter")
        self.page.wait_for_function(IDLE)
        verdict = check.locator(".course-verdict")
        verdict.wait_for()
        return verdict.get_attribute("data-status"), verdict.inner_text()

    def cell(self, *tags: str):
        """Playwright locator of the first cell that carries all the tags."""
        number = self.page.evaluate(
            """(tags) => window.jupyterapp.shell.currentWidget.content.widgets.findIndex((cell) =>
                tags.every((tag) => (cell.model.getMetadata("tags") ?? []).includes(tag)))""",
            tags,
        )
        if number < 0:
            raise LookupError(f"no cell is tagged {tags}")
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)


@contextmanager
def working_copy(dark: bool = False) -> Iterator[Lab]:
    """Serve a temporary copy of the workbooks, with progress kept in it."""
    with tempfile.TemporaryDirectory(prefix="course-workbooks-") as folder:
        copy = Path(folder) / "my_work"
        shutil.copytree(NOTEBOOKS, copy, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        env = {"COURSE_PROGRESS": str(Path(folder) / "progress.json"), "PYTHONPATH": path}
        with Lab(copy, dark=dark, env=env) as lab:
            yield lab
