"""Move a pooling window over numbers and send gradients back through it (workbook 03)."""

from __future__ import annotations

import math

import traitlets

from course_utils.figures import Figure, Numbers, check_index

POOLS = ("max", "average", "L2")
FIRST, SHARED = "first takes all", "shared"  # as max_pool2d does, as amax does
GEOMETRY = ("image", "size", "stride")


class PoolingWindow(Figure):
    """Pool a table of numbers; choose outputs and see which inputs receive their gradients.

    Every chosen output sends back a gradient of 1. What arrives at an input is added up.

    Parameters
    ----------
    image : (H, W) numbers, up to 12 × 12.
    pool : "max", "average" or "L2" (root of the sum of squares).
    size, stride : of the window, in pixels, the same along both axes.
    ties : who receives the gradient of a maximum that several inputs share.
    row, column : the window, counted in outputs.
    sent : [row, column] of the outputs that send a gradient.
    gradients : whether there is anything to see and to do for gradients.

    Raises
    ------
    traitlets.TraitError
        If the numbers are not rectangular or too many, the window does not fit, or it or an
        output that sends lies outside.
    """

    image = Numbers(axes=2).tag(sync=True)
    pool = traitlets.Enum(POOLS, "max").tag(sync=True)
    size = traitlets.Int(2, min=1, max=6).tag(sync=True)
    stride = traitlets.Int(1, min=1, max=6).tag(sync=True)
    ties = traitlets.Enum((FIRST, SHARED), FIRST).tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)
    sent = traitlets.List(traitlets.List(traitlets.Int(), minlen=2, maxlen=2)).tag(sync=True)
    gradients = traitlets.Bool(True).tag(sync=True)

    def __init__(self, image, **traits):
        super().__init__(image=image, **traits)

    def _output_size(self, **changed) -> tuple[int, int]:
        """(H', W') of the output, zero or less where the window does not fit."""
        image, size, stride = (changed.get(name, getattr(self, name)) for name in GEOMETRY)
        return tuple((n - size) // stride + 1 for n in (len(image), len(image[0])))

    @property
    def output_size(self) -> tuple[int, int]:
        """(H', W') of the output."""
        return self._output_size()

    @traitlets.validate(*GEOMETRY)
    def _check_fit(self, proposal):
        changed = {proposal.trait.name: proposal.value}
        image, size, _ = (changed.get(name, getattr(self, name)) for name in GEOMETRY)
        if max(len(image), len(image[0])) > 12:
            raise traitlets.TraitError(
                f"the image is {len(image)} × {len(image[0])}; at most 12 × 12 are shown"
            )
        if min(self._output_size(**changed)) < 1:
            raise traitlets.TraitError(
                f"a window of {size} × {size} does not fit into {len(image)} × {len(image[0])}"
            )
        return proposal.value

    @traitlets.validate("row", "column")
    def _check_window(self, proposal):
        size = self.output_size[proposal.trait.name == "column"]
        return check_index(proposal, size, "the outputs ")

    @traitlets.validate("sent")
    def _check_sent(self, proposal):
        for place in proposal.value:
            if not self._is_output(place):
                rows, columns = self.output_size
                raise traitlets.TraitError(f"{place} is none of the {rows} × {columns} outputs")
        return proposal.value

    @traitlets.observe(*GEOMETRY)
    def _clamp_position(self, change):
        rows, columns = self.output_size
        self.row, self.column = min(self.row, rows - 1), min(self.column, columns - 1)
        self.sent = [place for place in self.sent if self._is_output(place)]

    def _is_output(self, place: list[int]) -> bool:
        return all(0 <= at < size for at, size in zip(place, self.output_size, strict=True))

    def _window(self, row: int, column: int) -> list[float]:
        """(size²,) inputs that output (row, column) sees, line by line."""
        top, left = row * self.stride, column * self.stride
        return [x for line in self.image[top : top + self.size] for x in line[left:][: self.size]]

    def _pool_window(self, window: list[float]) -> float:
        if self.pool == "max":
            return max(window)
        if self.pool == "average":
            return sum(window) / len(window)
        return math.sqrt(sum(x * x for x in window))

    def _window_gradient(self, window: list[float]) -> list[float]:
        """(size²,) derivative of the output with respect to each input of its window."""
        value = self._pool_window(window)
        if self.pool == "average":
            return [1 / len(window)] * len(window)
        if self.pool == "L2":
            return [x / value if value else 0 for x in window]
        winners = [at for at, x in enumerate(window) if x == value]
        winners = winners[:1] if self.ties == FIRST else winners
        return [(at in winners) / len(winners) for at in range(len(window))]

    def numbers(self) -> dict:
        """Output, the window with its share of the gradient, and what all inputs receive."""
        rows, columns = self.output_size
        gradient = [[0] * len(self.image[0]) for _ in self.image]
        for row, column in self.sent:
            for at, share in enumerate(self._window_gradient(self._window(row, column))):
                i, j = divmod(at, self.size)
                gradient[row * self.stride + i][column * self.stride + j] += share
        window = self._window(self.row, self.column)
        value = self._pool_window(window)
        return {
            "output_size": [rows, columns],
            "corner": [self.row * self.stride, self.column * self.stride],
            "window": window,
            "value": value,
            "tied": window.count(value) if self.pool == "max" else 1,
            "share": self._window_gradient(window),
            "output": [
                [self._pool_window(self._window(i, j)) for j in range(columns)] for i in range(rows)
            ],
            "gradient": gradient,
        }

    @classmethod
    def example(cls) -> PoolingWindow:
        """Build the lecture's 4 × 4 input under a 2 × 2 window."""
        return cls([[2, 3, 5, 0], [1, 5, 7, -9], [-5, 2, 1, 1], [2, 0, -2, 4]])
