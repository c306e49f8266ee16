"""Climb from a dense network to a convolution, and see what each rung is worth (workbook 05)."""

from __future__ import annotations

import json
from pathlib import Path

import traitlets

from course_utils.figures import Figure, Numbers
from course_utils.figures.ladder_runs import CHECKPOINTS, PIXELS
from course_utils.models.ladder import CHANNELS, CLASSES, KINDS, RUNGS, SIDE

PLACES = 9  # of the drawing, which has one row of pixels and one map in each layer
FILE = Path(__file__).with_suffix(".json")
RECORDED = json.loads(FILE.read_text(encoding="utf-8"))


def count_parameters(rung: int) -> list[int]:
    """Weights and biases of the first, the second and the last layer."""
    counts = []
    for layer, kind in enumerate(KINDS[rung]):
        inputs, filters = CHANNELS[layer], CHANNELS[layer + 1]
        places = (SIDE // 2**layer) ** 2
        if kind == "dense":
            counts.append((inputs * places + 1) * filters * places)
        elif kind == "local":
            counts.append((9 * inputs + 1) * filters * places)
        else:
            counts.append((9 * inputs + 1) * filters)
    return [*counts, (CHANNELS[-1] * (SIDE // 4) ** 2 + 1) * CLASSES]


def draw_links(kind: str, unit: int) -> list[list[int]]:
    """[input, weight] of every link into a unit of the drawing; a weight's number is its name."""
    if kind == "dense":
        return [[place, PLACES * unit + place] for place in range(PLACES)]
    inputs = [place for place in range(unit - 1, unit + 2) if 0 <= place < PLACES]
    first = 3 * unit if kind == "local" else 0
    return [[place, first + place - unit + 1] for place in inputs]


class SharingLadder(Figure):
    """Climb from a dense network to a convolution; see weights, accuracy and what is shared.

    Four networks with the same layers: dense, local with a kernel of its own at every place, the
    first layer shared, all shared. Their accuracies were recorded (see `ladder_runs`); parameters
    and links are computed.

    Parameters
    ----------
    rung : 0 to 3, which network; it is visited then.
    pixels : "as they are" or "shuffled", the images on which it was trained and tested.
    checkpoint : which of the recorded epochs, counted from 0.
    unit : 0 to 8, the unit of the drawing whose links are shown.
    visited : rungs whose accuracy has been seen, 4 to an order of the pixels.

    Raises
    ------
    traitlets.TraitError
        If a number or a name is none of these.
    """

    tolerance = 1e-9

    rung = traitlets.Int(0, min=0, max=len(RUNGS) - 1).tag(sync=True)
    pixels = traitlets.Enum(PIXELS, PIXELS[0]).tag(sync=True)
    checkpoint = traitlets.Int(len(CHECKPOINTS) - 1, min=0, max=len(CHECKPOINTS) - 1).tag(sync=True)
    unit = traitlets.Int(4, min=0, max=PLACES - 1).tag(sync=True)
    visited = traitlets.List(traitlets.Int()).tag(sync=True)
    accuracies = Numbers(RECORDED["accuracies"], axes=4, read_only=True).tag(sync=True)

    def __init__(self, **traits):
        super().__init__(**traits)
        self._mark_visited(None)

    @property
    def place(self) -> int:
        """Rung and order of the pixels as one number."""
        return PIXELS.index(self.pixels) * len(RUNGS) + self.rung

    @traitlets.validate("visited")
    def _check_visited(self, proposal):
        for place in proposal.value:
            if not 0 <= place < len(PIXELS) * len(RUNGS):
                raise traitlets.TraitError(f"visited {place} is no rung")
        return proposal.value

    @traitlets.observe("rung", "pixels")
    def _mark_visited(self, change):
        if self.place not in self.visited:
            self.visited = [*self.visited, self.place]

    def numbers(self) -> dict:
        """Parameters, links of the marked unit, and the recorded accuracies seen so far."""
        order = PIXELS.index(self.pixels)
        visited = {*self.visited, self.place}
        bars = [
            self.accuracies[order][rung][self.checkpoint]
            if order * len(RUNGS) + rung in visited
            else None
            for rung in range(len(RUNGS))
        ]
        counts = count_parameters(self.rung)
        return {
            "epoch": CHECKPOINTS[self.checkpoint],
            "parameters": counts,
            "total": sum(counts),
            "links": [draw_links(kind, self.unit) for kind in KINDS[self.rung]],
            "bars": bars,
        }

    @classmethod
    def example(cls) -> SharingLadder:
        """Build the figure on its second rung, with the first one visited."""
        return cls(rung=1, visited=[0])
