"""Shift a digit and watch the accuracy behind a pool rise and fall (workbook 03)."""

from __future__ import annotations

import itertools
import json
from functools import cache
from pathlib import Path
from typing import Any

import traitlets

from course_utils.figures import Figure, Numbers

POOLS = ("max", "mean", "blur")
SIZES = ("2", "4")
HEADS = ("flatten", "global average")
SETTINGS = [*itertools.product(POOLS, SIZES, HEADS)]
SHIFTS = 9  # 0 to 8 pixels: four periods of a pool of 2, two of a pool of 4
HEIGHT, WIDTH = 20, 32  # of the frame
TOP, LEFT = 6, 8  # of the digit in it, before it moves
THRESHOLD = 0.3  # of a filter's answer; what is weaker is cut off
TRAINED, TESTED, FILTERS = 1000, 400, 32
SHOWN = 0  # the filter whose map is drawn
FILE = Path(__file__).with_suffix(".json")
RECORDED = json.loads(FILE.read_text(encoding="utf-8"))


# ------------------------------------------------------------------------- how it was recorded
def _frame(images: Any) -> Any:
    """(N, 1, 8, 8) uint8 -> (N, 1, HEIGHT, WIDTH) from 0 to 1, the digit at its place."""
    import torch.nn.functional as F

    right, bottom = WIDTH - LEFT - 8, HEIGHT - TOP - 8
    return F.pad(images.float() / 255, (LEFT, right, TOP, bottom))


def choose_filters(seed: int = 0) -> Any:
    """(FILTERS, 1, 5, 5) pieces of training digits, each with mean 0 and a norm of almost 1."""
    import torch
    import torch.nn.functional as F

    from course_utils import datasets

    digits = datasets.load("digits").train_images.float() / 255
    pieces = F.unfold(digits, 5).transpose(1, 2).reshape(-1, 25)
    pieces = pieces - pieces.mean(1, keepdim=True)
    chosen = torch.randperm(len(pieces), generator=torch.Generator().manual_seed(seed))[:FILTERS]
    norms = pieces.norm(dim=1, keepdim=True)
    return (pieces / (norms + 0.1))[chosen].reshape(-1, 1, 5, 5)


def pool_maps(maps: Any, pool: str, size: int) -> Any:
    """(N, C, H, W) -> (N, C, H / size, W / size) with windows of size × size.

    The blur pool takes the maximum at every place, blurs with 1 2 1 (size 2) or 1 2 3 4 3 2 1
    (size 4) along each axis, and keeps one value in `size`. Such a blur is a mean taken twice.
    """
    import torch.nn.functional as F

    if pool == "max":
        return F.max_pool2d(maps, size)
    if pool == "mean":
        return F.avg_pool2d(maps, size)
    framed = F.pad(maps, (size - 1, 2 * size - 2) * 2)  # zeros, which win over no map after a ReLU
    return F.avg_pool2d(F.avg_pool2d(F.max_pool2d(framed, size, 1), size, 1), size)


def _fit(features: Any, labels: Any) -> Any:
    """Least squares with a small ridge; returns features -> class."""
    import torch
    import torch.nn.functional as F

    targets = F.one_hot(labels, 10).float()
    centre, middle = features.mean(0), targets.mean(0)
    gram = (features - centre) @ (features - centre).T
    ridge = 1e-3 * gram.diagonal().mean() * torch.eye(len(gram))
    weights = (features - centre).T @ torch.linalg.solve(gram + ridge, targets - middle)
    return lambda new: ((new - centre) @ weights).add(middle).argmax(1)


@cache
def _maps() -> Any:
    """Maps of the training and of the test digits, at their place."""
    import torch.nn.functional as F

    from course_utils import datasets

    digits = datasets.load("digits")
    images = (digits.train_images[:TRAINED], digits.test_images[:TESTED])
    filters = choose_filters()
    return [F.relu(F.conv2d(_frame(part), filters, padding=2) - THRESHOLD) for part in images]


def predictions(pool: str, size: int, head: str) -> Any:
    """(SHIFTS, TESTED) classes that one setting reads in the test digits, shift by shift.

    The head is fitted by least squares to training digits that stand at their place. The maps
    are moved in place of the digits: in so wide a frame a convolution gives the same.
    """
    import torch

    from course_utils import datasets

    def features(maps: Any) -> Any:
        pooled = pool_maps(maps, pool, size)
        return pooled.flatten(1) if head == "flatten" else pooled.mean((2, 3))

    train, test = _maps()
    read = _fit(features(train), datasets.load("digits").train_labels[:TRAINED])
    return torch.stack([read(features(test.roll(shift, 3))) for shift in range(SHIFTS)])


def record() -> dict:
    """What pooling_saw.json holds: curves of all settings, ten digits, and one filter.

    ``FILE.write_text(json.dumps(record()))`` records it anew.
    """
    from course_utils import datasets

    digits = datasets.load("digits")
    labels = digits.test_labels[:TESTED]
    samples = [int((labels == digit).nonzero()[1]) for digit in range(10)]
    accuracies, answers = [], []
    for pool, size, head in SETTINGS:
        classes = predictions(pool, int(size), head)
        shares = (classes == labels).float().mean(1)
        accuracies.append([round(100 * share, 1) for share in shares.tolist()])
        answers.append(classes[:, samples].tolist())
    return {
        "digits": digits.test_images[samples, 0].tolist(),
        "kernel": [[round(x, 3) for x in row] for row in choose_filters()[SHOWN, 0].tolist()],
        "accuracies": accuracies,
        "answers": answers,
    }


# ------------------------------------------------------------------------------------ the figure
class PoolingSaw(Figure):
    """Move a digit in its frame; see what a pool makes of one map, and how accuracy follows.

    Behind the pool stands a classifier that was fitted to unmoved digits. Its accuracies were
    recorded (see `record`); the map and the pooled map are computed.

    Parameters
    ----------
    digit : 0 to 9, which one is shown.
    shift : 0 to 8 pixels to the right.
    pool : "max", "mean" or "blur" (maximum at every place, blur, then every second value).
    size : "2" or "4", of the pool's window and its stride.
    head : "flatten" (a weight for every place) or "global average" (one for every channel).
    visited : settings and shifts whose accuracy has been seen, 9 to a setting.

    Raises
    ------
    traitlets.TraitError
        If a number or a name is none of these.
    """

    tolerance = 1e-9

    digit = traitlets.Int(3, min=0, max=9).tag(sync=True)
    shift = traitlets.Int(0, min=0, max=SHIFTS - 1).tag(sync=True)
    pool = traitlets.Enum(POOLS, "max").tag(sync=True)
    size = traitlets.Enum(SIZES, "2").tag(sync=True)
    head = traitlets.Enum(HEADS, "global average").tag(sync=True)
    visited = traitlets.List(traitlets.Int()).tag(sync=True)
    digits = Numbers(RECORDED["digits"], axes=3, read_only=True).tag(sync=True)
    kernel = Numbers(RECORDED["kernel"], axes=2, read_only=True).tag(sync=True)
    accuracies = Numbers(RECORDED["accuracies"], axes=2, read_only=True).tag(sync=True)
    answers = Numbers(RECORDED["answers"], axes=3, read_only=True).tag(sync=True)

    def __init__(self, **traits):
        super().__init__(**traits)
        self._mark_visited(None)

    @property
    def setting(self) -> int:
        """Which of all combinations of pool, size and head is chosen."""
        return SETTINGS.index((self.pool, self.size, self.head))

    @traitlets.validate("visited")
    def _check_visited(self, proposal):
        for place in proposal.value:
            if not 0 <= place < len(SETTINGS) * SHIFTS:
                raise traitlets.TraitError(f"visited {place} lies outside the recorded curves")
        return proposal.value

    @traitlets.observe("shift", "pool", "size", "head")
    def _mark_visited(self, change):
        first = self.setting * SHIFTS  # where every curve begins
        places = {first: None, first + self.shift: None}  # in this order, each once
        if not places.keys() <= {*self.visited}:
            self.visited = [*self.visited, *(at for at in places if at not in self.visited)]

    def _map(self, shift: int) -> list[list[float]]:
        """(HEIGHT, WIDTH) the filter's answers to the moved digit, above the threshold."""
        digit = self.digits[self.digit]
        left = LEFT + shift

        def pixel(row: int, column: int) -> float:
            inside = 0 <= row - TOP < 8 and 0 <= column - left < 8
            return digit[row - TOP][column - left] / 255 if inside else 0

        def answer(row: int, column: int) -> float:
            total = 0.0
            for i in range(5):
                for j in range(5):
                    total += pixel(row + i - 2, column + j - 2) * self.kernel[i][j]
            return max(total - THRESHOLD, 0)

        return [[answer(row, column) for column in range(WIDTH)] for row in range(HEIGHT)]

    def _pool_map(self, values: list[list[float]]) -> list[list[float]]:
        """(HEIGHT / size, WIDTH / size) what the pool makes of a map."""
        size = int(self.size)
        rows, columns = range(0, HEIGHT, size), range(0, WIDTH, size)
        if self.pool == "blur":
            return [[_blurred(values, row, column, size) for column in columns] for row in rows]
        windows = [[_window(values, row, column, size) for column in columns] for row in rows]
        if self.pool == "max":
            return [[max(window) for window in line] for line in windows]
        return [[sum(window) / size**2 for window in line] for line in windows]

    def numbers(self) -> dict:
        """The pooled map, its mean now and before any shift, and what was recorded."""
        pooled, unmoved = (self._pool_map(self._map(shift)) for shift in (self.shift, 0))
        recorded, first = self.accuracies[self.setting], self.setting * SHIFTS
        visited = {*self.visited, first, first + self.shift}
        mean, start = _mean(pooled), _mean(unmoved)
        return {
            "pooled": pooled,
            "mean": mean,
            "change": 100 * (mean - start) / start,
            "accuracy": recorded[self.shift],
            "answer": self.answers[self.setting][self.shift][self.digit],
            "curve": [
                recorded[shift] if first + shift in visited else None for shift in range(SHIFTS)
            ],
        }

    @classmethod
    def example(cls) -> PoolingSaw:
        """Build the figure as the workbook opens it: a 7, one pixel away from where it was."""
        return cls(digit=7, shift=1)


def _mean(values: list[list[float]]) -> float:
    return sum(map(sum, values)) / len(values) / len(values[0])


def _window(values: list[list[float]], row: int, column: int, size: int) -> list[float]:
    """Numbers of a window, line by line; what lies outside the map is left out."""
    lines = values[max(row, 0) : row + size]
    return [x for line in lines for x in line[max(column, 0) : column + size]]


def _blurred(values: list[list[float]], row: int, column: int, size: int) -> float:
    """One output of the blur pool: the window's maxima around (row, column), weighted 1 2 1."""
    weights = [size - abs(step) for step in range(1 - size, size)]
    total = 0.0
    for i, down in enumerate(weights):
        for j, across in enumerate(weights):
            window = _window(values, row + i - size + 1, column + j - size + 1, size)
            total += down * across * max(window, default=0)
    return total / size**4
