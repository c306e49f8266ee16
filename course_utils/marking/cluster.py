"""Judge submissions on a Dask cluster: `mark … --scheduler ADDRESS`.

Each machine of the cluster has the same edition of the course, and bubblewrap. Its workers judge in
jails as one machine does; what comes of a submission is written where `mark` was started. If a
worker dies, another takes over what it had begun.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from course_utils.errors import UserError
from course_utils.marking import jail, reading
from course_utils.marking.submissions import Submission
from course_utils.workbooks import NOTEBOOKS, ROOT

if TYPE_CHECKING:
    from course_utils.marking.marker import Assignments, JudgedSubmission

NO_DASK = (
    "--scheduler needs Dask: `{pip} install -c constraints.txt -e '.[cluster]'`, here and on every "
    "machine of the cluster."
)
QUEUE = 3  # submissions that wait at each thread of the cluster
CONNECT_SECONDS = 20
AGAIN = "The same command, started again, tries it anew."
FAILED = f"It could not be marked: workers of the cluster ended over it. {AGAIN}"


def edition() -> str:
    """Return a digest of the course: whoever marks with another one gives other marks."""
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / "course_utils").rglob("*.py"), *NOTEBOOKS.rglob("*.ipynb")]):
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def judge(
    address: str,
    pending: list[Submission],
    assignments: Assignments,
    seed: int,
    limits: jail.Limits,
) -> Iterator[JudgedSubmission]:  # long: one client, from its start to its end
    """Judge submissions on a cluster, and yield what comes of each as soon as it is there.

    Those that ran while a machine was short of memory, or that ran out of time while its processors
    were busy, are judged once more, one by one.

    Raises
    ------
    UserError
        If there is no such scheduler, or no Dask, or if a worker cannot judge.
    """
    from course_utils.marking.marker import blank

    try:
        from distributed import Client, KilledWorker, as_completed

        from course_utils.marking import cluster_worker
    except ModuleNotFoundError:
        raise UserError(NO_DASK.format(pip="pip")) from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError(f"There is no scheduler at {address} ({error}).") from None
    with client, contextlib.ExitStack() as registered:
        plugin = cluster_worker.MarkingPlugin([*assignments.paths], seed, limits, edition())
        client.register_plugin(plugin)
        registered.callback(client.unregister_worker_plugin, plugin.name)  # ends what it started
        submitted, again = {}, []
        waiting = iter(pending)

        def submit(submission, is_alone=False):
            notebook = reading.read_bytes(submission.path) if submission.path else None
            task = cluster_worker.judge, plugin.name, submission, notebook, is_alone
            future = client.submit(*task, pure=False)
            submitted[future] = submission
            return future

        def submit_next():
            return map(submit, itertools.islice(waiting, 1))

        def result_of(future, submission):
            try:
                return future.result()
            except KilledWorker:
                return blank(assignments, submission, FAILED, is_final=False)

        threads = max(1, sum(client.nthreads().values()))
        first = [future for _ in range(QUEUE * threads) for future in submit_next()]
        queue = as_completed(first, loop=client.loop)
        for future in queue:
            submission = submitted.pop(future)
            queue.update(submit_next())
            try:
                yield result_of(future, submission)
            except reading.ScarceMachineError:
                again.append(submission)
        for submission in again:
            yield result_of(submit(submission, is_alone=True), submission)
