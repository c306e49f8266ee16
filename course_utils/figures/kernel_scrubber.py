"""Slide a kernel over numbers or over a photograph and watch the feature map (workbook 02)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import traitlets

from course_utils.figures import Figure, Numbers, check_index

PRESETS = {
    "difference": [[1, 0], [0, -1]],
    "blur": [[1, 2, 1], [2, 4, 2], [1, 2, 1]],
    "cross": [[1, 0, 1], [0, 1, 0], [1, 0, 1]],
    "cross of ±1": [[1, -1, 1], [-1, 1, -1], [1, -1, 1]],
    "diagonal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "anti-diagonal": [[0, 0, 1], [0, 1, 0], [1, 0, 0]],
    "Sobel x": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "Sobel y": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
}
PHOTO = 13  # from this many pixels on, along either axis, the input is drawn as a photograph
GEOMETRY = ("image", "kernel", "stride", "padding", "dilation")
POINTERS = ("output", "weight", "pixel")


class KernelScrubber(Figure):
    """Move a kernel over an image; read the products, their sum and the feature map.

    Up to 12 × 12 the input is a table of numbers and the feature map fills in as it is visited;
    from 13 pixels on it is a photograph and the whole response map is drawn.

    Parameters
    ----------
    image : (H, W) numbers.
    kernel : (kH, kW) numbers.
    stride, padding, dilation : in pixels, the same along both axes.
    row, column : the window, counted in outputs.
    point_at : what the arrow keys move: "output" (the window), "weight" or "pixel".
    weight_row, weight_column : a place of the kernel; `numbers` says which pixels it touches.
    pixel_row, pixel_column : a place of the image; `numbers` says which outputs it reaches.

    Raises
    ------
    traitlets.TraitError
        If the numbers are not rectangular, the kernel does not fit, or a place lies outside.
    """

    image = Numbers(axes=2).tag(sync=True)
    kernel = Numbers(axes=2).tag(sync=True)
    stride = traitlets.Int(1, min=1, max=8).tag(sync=True)
    padding = traitlets.Int(0, min=0, max=8).tag(sync=True)
    dilation = traitlets.Int(1, min=1, max=8).tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)
    point_at = traitlets.Enum(POINTERS, "output").tag(sync=True)
    weight_row = traitlets.Int(0).tag(sync=True)
    weight_column = traitlets.Int(0).tag(sync=True)
    pixel_row = traitlets.Int(0).tag(sync=True)
    pixel_column = traitlets.Int(0).tag(sync=True)
    visited = traitlets.List(traitlets.Int(), [0]).tag(sync=True)
    presets = traitlets.Dict(PRESETS, read_only=True).tag(sync=True)

    def __init__(self, image, kernel=PRESETS["difference"], **traits):
        super().__init__(image=image, kernel=kernel, **traits)

    def _size(self, **changed) -> tuple[int, int]:
        """(H', W') of the output, zero or less where the kernel does not fit."""
        image, kernel, stride, padding, dilation = (
            changed.get(name, getattr(self, name)) for name in GEOMETRY
        )
        sides = ((len(image), len(kernel)), (len(image[0]), len(kernel[0])))
        return tuple((n + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for n, k in sides)

    @property
    def output_size(self) -> tuple[int, int]:
        """(H', W') of the feature map."""
        return self._size()

    @traitlets.validate(*GEOMETRY)
    def _check_fit(self, proposal):
        changed = {proposal.trait.name: proposal.value}
        if min(self._size(**changed)) < 1:
            image, kernel, _, padding, dilation = (
                changed.get(name, getattr(self, name)) for name in GEOMETRY
            )
            raise traitlets.TraitError(
                f"a kernel of {len(kernel)} × {len(kernel[0])} with dilation {dilation} does not "
                f"fit into {len(image)} × {len(image[0])} with padding {padding}; add padding"
            )
        return proposal.value

    @traitlets.validate("row", "column")
    def _check_window(self, proposal):
        size = self.output_size[proposal.trait.name == "column"]
        return check_index(proposal, size, "the outputs ")

    @traitlets.validate("weight_row", "weight_column", "pixel_row", "pixel_column")
    def _check_pointer(self, proposal):
        table, _, axis = proposal.trait.name.partition("_")
        lines = self.kernel if table == "weight" else self.image
        return check_index(proposal, len(lines if axis == "row" else lines[0]))

    @traitlets.observe(*GEOMETRY)
    def _reset_visited(self, change):
        rows, columns = self.output_size
        self.row, self.column = min(self.row, rows - 1), min(self.column, columns - 1)
        self.visited = [self.row * columns + self.column]
        for table, lines in (("weight", self.kernel), ("pixel", self.image)):
            for axis, length in (("row", len(lines)), ("column", len(lines[0]))):
                name = f"{table}_{axis}"
                setattr(self, name, min(getattr(self, name), length - 1))

    @traitlets.observe("row", "column")
    def _mark_visited(self, change):
        here = self.row * self.output_size[1] + self.column
        if here not in self.visited:
            self.visited = [*self.visited, here]

    def _pixel(self, row: int, column: int) -> float:
        """Read the input at (row, column); 0 in the padding."""
        is_inside = 0 <= row < len(self.image) and 0 <= column < len(self.image[0])
        return self.image[row][column] if is_inside else 0

    def _window(self, row: int, column: int) -> list[list[float]]:
        """(kH, kW) pixels that output (row, column) sees."""
        top, left = row * self.stride - self.padding, column * self.stride - self.padding
        return [
            [
                self._pixel(top + i * self.dilation, left + j * self.dilation)
                for j in range(len(self.kernel[0]))
            ]
            for i in range(len(self.kernel))
        ]

    def _products(self, row: int, column: int) -> list[list[float]]:
        """(kH, kW) products of the window at (row, column) with the kernel."""
        pairs = zip(self._window(row, column), self.kernel, strict=True)
        return [[x * k for x, k in zip(xs, ks, strict=True)] for xs, ks in pairs]

    def _links(self) -> Iterator[tuple[list[int], list[int], list[int]]]:
        """(output, weight, pixel) of every product, but for those with the padding."""
        rows, columns = self.output_size
        places = (range(rows), range(columns), range(len(self.kernel)), range(len(self.kernel[0])))
        for row, column, i, j in itertools.product(*places):
            y = row * self.stride - self.padding + i * self.dilation
            x = column * self.stride - self.padding + j * self.dilation
            if 0 <= y < len(self.image) and 0 <= x < len(self.image[0]):
                yield [row, column], [i, j], [y, x]

    def _linked(self) -> dict[str, list[list[int]]]:
        """Pixels and outputs that belong to what is pointed at, each once and in order."""
        place = {
            "output": [self.row, self.column],
            "weight": [self.weight_row, self.weight_column],
            "pixel": [self.pixel_row, self.pixel_column],
        }[self.point_at]
        which = POINTERS.index(self.point_at)
        links = [link for link in self._links() if link[which] == place]
        return {
            "outputs": sorted({tuple(output): output for output, _, _ in links}.values()),
            "pixels": sorted({tuple(pixel): pixel for _, _, pixel in links}.values()),
        }

    def numbers(self) -> dict:
        """Window, products, running sum, what is linked, and the map as far as it is visited."""
        rows, columns = self.output_size
        products = self._products(self.row, self.column)
        running: list[float] = []
        total: float = 0
        for product in (p for line in products for p in line):
            total += product
            running.append(total)
        small = max(len(self.image), len(self.image[0])) < PHOTO
        visited = {*self.visited, self.row * columns + self.column}
        return {
            "output_size": [rows, columns],
            "corner": [
                self.row * self.stride - self.padding,
                self.column * self.stride - self.padding,
            ],
            "window": self._window(self.row, self.column),
            "products": products,
            "running": running,
            "sum": total,
            "linked": self._linked() if small else None,
            "feature_map": [
                [
                    sum(map(sum, self._products(i, j))) if i * columns + j in visited else None
                    for j in range(columns)
                ]
                for i in range(rows)
            ]
            if small
            else None,
        }

    @classmethod
    def example(cls) -> KernelScrubber:
        """Build the lecture's 4 × 4 input and 2 × 2 kernel."""
        return cls([[2, 3, 5, 0], [1, 5, 7, -9], [-5, 2, 1, 1], [2, 0, -2, 4]])
