"""What runs on the workers of a Dask cluster; needs `distributed`. See `cluster`."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from uuid import uuid4

from distributed import WorkerPlugin, get_worker

from course_utils.errors import UserError
from course_utils.marking import jail
from course_utils.marking.cluster import edition
from course_utils.marking.marker import JudgedSubmission, Marker, open_marker
from course_utils.marking.reading import UnreadableError
from course_utils.marking.submissions import Submission

OTHER_EDITION = "A worker of the cluster has another edition of the course: install this one there."


class MarkingPlugin(WorkerPlugin):
    """What a worker keeps between submissions: made with the first, closed when it leaves.

    Dask gives it to workers that come later, too. Its name is that of one marking: others may use
    the same cluster at the same time.
    """

    def __init__(self, names: list[str], seed: int, limits: jail.Limits, digest: str):
        self.name = f"course-marking-{uuid4().hex}"
        self.options = names, seed, limits
        self.digest = digest

    def setup(self, worker) -> None:
        """Prepare a worker."""
        self.stack, self.lock = ExitStack(), threading.Lock()
        self.marker: Marker | None = None

    def teardown(self, worker) -> None:
        """End what was started."""
        self.stack.close()

    def judge(
        self, submission: Submission, notebook: bytes | UnreadableError | None, is_alone: bool
    ) -> JudgedSubmission:
        """Judge a submission, of which the client has read the notebook, or why it could not.

        Raises
        ------
        UserError
            If there is no jail on this machine, or another edition of the course.
        ScarceMachineError
            If the machine was short of memory or of processors meanwhile, and other submissions
            were judged, too.
        """
        with self.lock:
            if self.marker is None:
                if edition() != self.digest:
                    raise UserError(OTHER_EDITION)
                self.marker = self.stack.enter_context(open_marker(*self.options))
        return self.marker.judge(submission, notebook, is_alone)


def judge(
    name: str, submission: Submission, notebook: bytes | UnreadableError | None, is_alone: bool
) -> JudgedSubmission:
    """Judge a submission on the worker on which this is called, by the plugin of this name."""
    plugin = get_worker().plugins[name]
    assert isinstance(plugin, MarkingPlugin)  # nothing else has this name
    return plugin.judge(submission, notebook, is_alone)
