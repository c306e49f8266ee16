"""A class marked on a Dask cluster, of which one worker is killed in the middle."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing

import pytest

from course_utils.errors import UserError
from course_utils.marking import cluster, jail, marker, marks
from course_utils.marking import mark as marking
from course_utils.marking.grader import SubmissionGrader
from course_utils.marking.records import Marking
from course_utils.marking.submissions import Submission
from course_utils.workbooks import ROOT

pytest.importorskip("distributed")
STUDENTS = 6


def start(temporary, module, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__WORKER__DAEMON": "0"}
    environment["TMPDIR"] = str(temporary)  # whoever is killed leaves its folders
    command = [sys.executable, "-W", "ignore", "-m", f"distributed.cli.{module}", *arguments]
    return subprocess.Popen(
        [*command, "--no-dashboard"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def dask(tmp_path):
    """A scheduler and two workers: its address and the workers' processes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    processes = [start(tmp_path, "dask_scheduler", "--host", "127.0.0.1", "--port", str(port))]
    processes += [
        start(tmp_path, "dask_worker", address, "--nthreads=1", "--no-nanny") for _ in range(2)
    ]
    yield address, processes[1:]
    for process in processes:
        process.kill()
        process.wait()


def handed_in(folder):
    """Notebooks of workbook 00, one of them wrong and one damaged."""
    names = [f"student-{i}" for i in range(STUDENTS)]
    sources = dict.fromkeys(names, "pixels = 784") | {"student-1": "pixels = 28"}
    for name, source in sources.items():
        path = folder / name / "00" / "00_start_here.ipynb"
        path.parent.mkdir(parents=True)
        cell = f'{{"cell_type": "code", "metadata": {{}}, "outputs": [], "source": "{source}"}}'
        path.write_text(
            f'{{"nbformat": 4, "nbformat_minor": 5, "metadata": {{}}, "cells": [{cell}]}}'
        )
    (folder / "student-2" / "00" / "00_start_here.ipynb").write_text("{")
    return [
        Submission(name, "00", folder / name / "00" / "00_start_here.ipynb", digest=name)
        for name in names
    ]


@pytest.mark.weekly
@pytest.mark.usefixtures("jailed")
def test_cluster_marks_everything_although_a_worker_is_killed(dask, tmp_path, monkeypatch):
    address, workers = dask
    submissions = handed_in(tmp_path / "submitted")
    here = marking.mark(submissions[:2], Marking(tmp_path / "here", 7))
    keep, kept = marker.JudgedSubmission.keep, []

    def keep_and_kill(judged, folder, seed):
        keep(judged, folder, seed)
        kept.append(judged.record.student)
        if len(kept) == 1:
            workers[0].send_signal(signal.SIGKILL)

    monkeypatch.setattr(marker.JudgedSubmission, "keep", keep_and_kill)
    records = marking.mark(submissions, Marking(tmp_path / "there", 7), scheduler=address)
    assert workers[0].wait(10) == -signal.SIGKILL
    assert len(kept) == STUDENTS
    statuses = {record.student: record.marks[0].status for record in records}
    expected = dict.fromkeys(statuses, "ok") | {"student-1": "mistake"}
    assert statuses == expected | {"student-2": marks.UNREADABLE}
    by_student = {record.student: record for record in records}
    assert [by_student[record.student].marks for record in here] == [r.marks for r in here]
    for folder in ("feedback", "submitted"):
        assert len([*(tmp_path / "there" / folder).glob("*/00/00_*")]) == STUDENTS


@pytest.mark.weekly
@pytest.mark.usefixtures("jailed")
def test_two_markings_share_a_cluster(dask, tmp_path, monkeypatch):
    """The second begins and ends while the first lasts; neither leaves anything on a worker."""
    from distributed import Client

    submissions = handed_in(tmp_path / "submitted")
    keep, second = marker.JudgedSubmission.keep, []

    def keep_and_mark(judged, folder, seed):
        keep(judged, folder, seed)
        if not second:
            second.append(None)
            other = Marking(tmp_path / "second", 8)
            second[:] = marking.mark(submissions[:1], other, scheduler=dask[0])

    monkeypatch.setattr(marker.JudgedSubmission, "keep", keep_and_mark)
    records = marking.mark(submissions, Marking(tmp_path / "first", 7), scheduler=dask[0])
    assert [record.marks[0].status for record in second] == ["ok"]
    statuses = {record.student: record.marks[0].status for record in records}
    expected = dict.fromkeys(statuses, "ok") | {"student-1": "mistake"}
    assert statuses == expected | {"student-2": marks.UNREADABLE}
    with Client(dask[0], set_as_default=False) as client:
        names = client.run(lambda dask_worker: [*dask_worker.plugins]).values()
    assert not any(name.startswith("course-marking") for each in names for name in each)


@pytest.mark.usefixtures("jailed")
def test_cluster_refuses_another_edition(dask, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "edition", lambda: "another")
    submissions = handed_in(tmp_path / "submitted")
    with pytest.raises(UserError, match="another edition"):
        marking.mark(submissions, Marking(tmp_path / "there", 7), scheduler=dask[0])


def test_what_ran_while_memory_was_short_is_judged_again_alone(tmp_path, monkeypatch):
    """Each worker says so of two submissions, also of the last."""
    from distributed import LocalCluster

    from course_utils.marking import cluster_worker, reading

    running = []

    def judge(_plugin, submission, _notebook, is_alone):
        running.append(submission.student)
        time.sleep(0.05)
        together, short = len(running), submission.student in ("student-1", "student-5")
        running.remove(submission.student)
        if short and not is_alone:
            raise reading.ScarceMachineError("It was run while memory was short.")
        return submission.student, together if is_alone else 0

    monkeypatch.setattr(cluster_worker, "judge", judge)
    submissions = handed_in(tmp_path / "submitted")
    with LocalCluster(
        n_workers=1, threads_per_worker=3, processes=False, dashboard_address=None
    ) as dask:
        asked = marker.Assignments(["00"]), 7, jail.LIMITS
        judged = dict(cluster.judge(dask.scheduler_address, submissions, *asked))
    assert judged == dict.fromkeys(judged, 0) | {"student-1": 1, "student-5": 1}
    assert len(judged) == STUDENTS


@pytest.mark.weekly
@pytest.mark.usefixtures("jailed")
def test_notebook_that_cannot_be_opened_for_a_moment_is_tried_anew(dask, tmp_path):
    (submission, *_) = handed_in(tmp_path / "submitted")
    aside = submission.path.rename(tmp_path / "aside")
    folder = tmp_path / "marked"
    for is_there, status in ((False, marks.UNREADABLE), (True, "ok")):
        if is_there:
            aside.rename(submission.path)
        with closing(Marking(folder, 7)) as opened:
            (record,) = marking.mark([submission], opened, scheduler=dask[0])
        assert record.marks[0].status == status
        assert ("cannot be opened" in record.marks[0].reason) != is_there


def test_missing_scheduler_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    submissions = handed_in(tmp_path / "submitted")
    started = time.monotonic()
    with pytest.raises(UserError, match="no scheduler at tcp"):
        marking.mark(submissions, Marking(tmp_path / "x", 7), scheduler="tcp://127.0.0.1:1")
    assert time.monotonic() - started < 60


@pytest.mark.usefixtures("jailed")
def test_grader_starts_a_warm_python():
    """What it imports must be importable outside of a jail; else every start would be cold."""
    with SubmissionGrader([], 1) as grader:
        assert grader.warm.is_ready
