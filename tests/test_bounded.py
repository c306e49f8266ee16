"""Comparing outside the jail ends, whatever an answer was made to give."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import psutil
import pytest
import torch

from course_utils.exercise import Exercise
from course_utils.exercises import all_exercises
from course_utils.judging import feedback
from course_utils.judging.observe import make_cases
from course_utils.marking import bounded, jail, serialization
from course_utils.marking.bounded import BoundedCalls, LimitError
from course_utils.marking.grader import Observed, SubmissionGrader
from course_utils.marking.reading import Reading

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a jail"),
    pytest.mark.timeout(120),  # what is not ended never ends
]
KNOWN = {exercise.number: exercise for exercise in all_exercises()}
CALLS = []


def call(what):
    CALLS.append(what)
    if what == "native":
        while True:
            np.linalg.svd(np.ones((500, 500)))
    if what == "memory":
        return [bytes(2**28) for _ in range(20)]
    if what == "later":
        threading.Timer(0.05, os._exit, [0]).start()
    if what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    return os.getpid(), len(CALLS)


@pytest.mark.parametrize(
    ("what", "why"), [("native", "more than 1 s of a processor"), ("crash", "ends Python")]
)
def test_call_that_does_not_end_is_ended(what, why):
    with BoundedCalls(call, seconds=1) as calls:
        before = calls("x")
        with pytest.raises(LimitError, match=why):
            calls(what)
        after = calls("x"), calls("x")
    assert before[0] != after[0][0] == after[1][0], "a worker is kept while it is well"
    assert (before[1], after[0][1], after[1][1]) == (1, 1, 2)
    assert os.getpid() not in (before[0], after[0][0])
    assert CALLS == []


def test_worker_that_ends_between_calls_is_replaced():
    with BoundedCalls(call) as calls:
        first = psutil.Process(calls("later")[0])
        while first.is_running() and first.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        while len(os.listdir(f"/proc/{first.pid}/task")) > 1:  # until then it cannot be waited for
            time.sleep(0.01)
        assert calls("x" * 10**6)[1] == 1


def test_tensors_leave_no_file_and_no_thread(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    threads = threading.active_count()
    with BoundedCalls(lambda tensor: tensor + 1) as calls:
        assert calls(torch.ones(1000)).sum() == 2000
    assert threading.active_count() == threads
    assert [*tmp_path.iterdir()] == []


def test_arithmetic_of_several_threads_goes_on_in_the_fork():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        right = torch.ones(10**6).exp().sum()
        with BoundedCalls(lambda: torch.ones(10**6).exp().sum()) as calls:
            assert calls() == pytest.approx(right)
    finally:
        torch.set_num_threads(threads)


def test_time_of_several_calls_is_not_one():
    def work(seconds):
        until = time.process_time() + seconds
        while time.process_time() < until:
            pass
        return os.getpid()

    with BoundedCalls(work, seconds=1) as calls:
        assert len({calls(0.6) for _ in range(2)}) == 1


def test_memory_of_a_call_is_bounded():
    def size(what):
        try:
            return len(call(what))
        except MemoryError:
            return "too large"

    with BoundedCalls(size) as calls:
        assert calls("memory") == "too large"


def test_keeper_holds_no_file(tmp_path):
    """A folder that a killed marking had locked is free for the next."""
    (tmp_path / "file").touch()
    with open(tmp_path / "file") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        calls = BoundedCalls(call).__enter__()
        calls("x")
    with open(tmp_path / "file") as second:
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    calls.__exit__()


def test_worker_is_started_once_there_may_be_another_process(monkeypatch):
    """Threads of a jail count for whoever marks: at times they leave no process."""
    real, tries = os.fork, []

    def fork():
        tries.append(None)  # the first makes the keeper, in which this goes on
        if len(tries) in (2, 3):
            raise BlockingIOError("too many processes")
        return real()

    monkeypatch.setattr(os, "fork", fork)
    with BoundedCalls(call) as calls:
        assert calls("x")[1] == 1
    monkeypatch.setattr(bounded, "PATIENCE", 0)
    tries.clear()
    with BoundedCalls(call) as calls, pytest.raises(jail.JailError, match="has ended"):
        calls("x")


def test_nothing_outlives_a_killed_marking():
    code = "import os, sys; from course_utils.marking.bounded import BoundedCalls\n"
    code += "def loop():\n    while True: pass\n"
    code += "calls = BoundedCalls(loop, seconds=999).__enter__()\n"
    code += "print('started', flush=True); calls()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        root, family = psutil.Process(process.pid), []
        while len(family) < 2:  # the keeper and its worker
            family = root.children(recursive=True)
            time.sleep(0.02)
        process.kill()
    _, left = psutil.wait_procs(family, timeout=30)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    assert not left


def test_limit_does_not_depend_on_signals_of_the_marking():
    handler = signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGXCPU})
    try:
        with BoundedCalls(call, seconds=1) as calls, pytest.raises(LimitError, match="more than 1"):
            calls("native")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGXCPU, handler)


def test_messages_that_take_long_to_read_spoil_one_submission(monkeypatch):
    def read_for_ever(_stream):
        while True:
            pass

    monkeypatch.setattr(serialization, "unpack", read_for_ever)
    monkeypatch.setattr(bounded.BoundedCalls.__init__, "__defaults__", (1,))
    grader = SubmissionGrader([KNOWN["2.2"]], seed=5)
    reading = Reading("", [], [], {"2.2": 0}, {"2.2": ""})
    with grader.compare:
        verdicts = grader.verdicts(Observed(jail.RunResult(b"x", ""), [], reading))
    assert verdicts["2.2"].status == "error"
    assert "spoiled" in verdicts["2.2"].message


def test_nothing_is_judged_without_a_keeper():
    with BoundedCalls(call) as calls:
        os.kill(calls.keeper, signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(jail.JailError, match="Start the same command again"):
                calls("x")


def spin_if(is_meant):
    while is_meant:
        pass


@pytest.mark.parametrize("slow", ["compare", "render"])
def test_comparison_that_takes_long_costs_one_exercise(slow, monkeypatch):
    """The other exercises of the same notebook are judged; what an answer gave is shown there."""
    compare, render = Exercise.compare, feedback.render_scene

    def compare_slowly(self, observations, seed=None):
        spin_if(slow == "compare" and self.number == "2.2")
        return compare(self, observations, seed)

    def render_slowly(verdict):
        spin_if(slow == "render" and verdict.title.startswith("2.2"))
        return render(verdict)

    monkeypatch.setattr(Exercise, "compare", compare_slowly)
    monkeypatch.setattr(feedback, "render_scene", render_slowly)
    monkeypatch.setattr(bounded.BoundedCalls.__init__, "__defaults__", (1,))
    numbers = ["2.2", "2.3"]
    grader = SubmissionGrader([KNOWN[number] for number in numbers], seed=5)
    sent = [
        {"number": n, "status": "observed", "observations": [0] * len(make_cases(KNOWN[n], 5))}
        for n in numbers
    ]
    result = jail.RunResult(b"".join(map(serialization.pack, sent)), "")
    reading = Reading("", [], [], dict.fromkeys(numbers, 0), dict.fromkeys(numbers, ""))
    with grader.compare:
        verdicts = grader.verdicts(Observed(result, [], reading))
    assert verdicts["2.2"].status == "limit"
    assert "takes more than 1 s" in verdicts["2.2"].message
    assert verdicts["2.3"].status in ("wrong", "mistake", "type")
    assert verdicts["2.3"].yours is None  # what is left to be shown is text
    assert "yours = <code>0" in verdicts["2.3"].scene.html


def test_a_form_that_is_not_asked_for_is_not_rendered(monkeypatch):
    """A notebook asks for HTML and for text: each picture of a case is drawn once."""
    verdict = KNOWN["2.3"].compare([0], 5)
    drawn = []
    render = feedback.scene.as_html
    monkeypatch.setattr(feedback.scene, "as_html", lambda *row: drawn.append(1) or render(*row))
    verdict._repr_mimebundle_()
    assert len(drawn) == len(feedback.scene.rows(verdict)) > 0
