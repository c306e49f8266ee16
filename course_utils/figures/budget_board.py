"""The budget board's runs: networks trained in the background, as dots of accuracy and cost."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import torch

from course_utils.figures.budget_training import CancelledError, train_on_board
from course_utils.judging.board_runs import (
    ACCURACY,
    OPENING_WORK,
    PARAMETERS,
    SHAPE,
    with_checksum,
)

if TYPE_CHECKING:
    from course_utils.figures.architecture_builder import ArchitectureBuilder

MOST_WORK = 1_500_000  # what is trained in some seconds on two cores
INPUT = {"size": 32, "channels": 3, "classes": 10}  # "shapes", on which networks are trained
REPORT_EVERY = 0.2  # seconds
_RECORDED = [  # checked by a test; the second is the workshop's CNN
    {
        "convolutions": [[8, 5, 1, 2, 2, 2], [16, 5, 1, 2, 2, 2]],
        "dense": [],
        "head": "flatten",
        "bias": True,
        "recorded": True,
        "parameters": 14_074,
        "multiply_adds": OPENING_WORK,
        "accuracy": 83.5,
    },
    {
        "convolutions": [[8, 5, 1, 0, 2, 2], [16, 5, 1, 0, 2, 2]],
        "dense": [256],
        "head": "flatten",
        "bias": True,
        "recorded": True,
        "parameters": 109_050,
        "multiply_adds": 895_360,
        "accuracy": 86.9,
    },
    {
        "convolutions": [[8, 5, 1, 2, 2, 2], [16, 5, 1, 2, 2, 2]],
        "dense": [],
        "head": "global average",
        "bias": True,
        "recorded": True,
        "parameters": 3_994,
        "multiply_adds": 1_433_760,
        "accuracy": 37.0,
    },
]
RECORDED = [with_checksum(run) for run in _RECORDED]


def goals_reached(run: dict[str, Any]) -> int:
    """Count the goals a run reaches: 1 if it is small and good, 2 if it is quick as well."""
    if run["accuracy"] <= ACCURACY or run["parameters"] >= PARAMETERS:
        return 0
    return 2 if 10 * run["multiply_adds"] <= OPENING_WORK else 1


def reason_not_to_train(figure: ArchitectureBuilder, multiply_adds: int) -> str:
    """Say why a network cannot be trained on the board; nothing if it can."""
    if any(getattr(figure, name) != value for name, value in INPUT.items()):
        return "The board trains networks for 3 channels of 32 × 32 and 10 classes."
    if multiply_adds > MOST_WORK:
        return f"The board trains networks of at most {MOST_WORK:,} multiply-adds."
    return ""


class BoardTrainer:
    """Trains the network of a figure in a thread of its own, so that nothing has to wait.

    Parameters
    ----------
    figure : ArchitectureBuilder
        Gets `training`, what is going on, and at the end one more of `runs`.
    """

    def __init__(self, figure: ArchitectureBuilder):
        self.figure = figure
        self.stop = threading.Event()
        self.thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether a network is being trained."""
        return self.thread is not None and self.thread.is_alive()

    def start(self) -> None:
        """Train the figure's network as it is now; do nothing if one is being trained."""
        if self.is_running:
            return
        costs = self.figure.costs()
        if reason := reason_not_to_train(self.figure, costs.multiply_adds):
            self.figure.set_trait("training", {"note": reason})
            return
        run = {name: getattr(self.figure, name) for name in SHAPE}
        run |= {"parameters": costs.parameters, "multiply_adds": costs.multiply_adds}
        self.stop.clear()
        self.figure.set_trait("training", {"share": 0.0})
        self.thread = threading.Thread(target=self._train, args=(run,), daemon=True)
        self.thread.start()

    def cancel(self, wait: bool = False) -> None:
        """End the training, which makes no dot then."""
        self.stop.set()
        if wait and self.thread:
            self.thread.join()

    def _train(self, run: dict[str, Any]) -> None:
        latest = time.monotonic()

        def report(share: float) -> bool:
            nonlocal latest
            if time.monotonic() - latest > REPORT_EVERY:
                latest = time.monotonic()
                self.figure.set_trait("training", {"share": round(share, 2)})
            return not self.stop.is_set()

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # of this thread: two would wait for each other on a busy machine
        try:
            accuracy = train_on_board(self.figure.layers(activations=True), report)
        except CancelledError:
            self.figure.set_trait("training", {"note": "Cancelled: no dot."})
            return
        except Exception as error:  # the thread has nobody else to tell
            self.figure.set_trait("training", {"note": f"{type(error).__name__}: {error}"})
            return
        finally:
            torch.set_num_threads(threads)
        run["accuracy"] = round(accuracy, 1)
        self.figure.set_trait("runs", [*self.figure.runs, with_checksum(run)])
        self.figure.set_trait("training", {})
