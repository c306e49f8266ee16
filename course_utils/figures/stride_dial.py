"""Turn shape, strides and offset over one line of memory (workbook 01)."""

from __future__ import annotations

import traitlets

from course_utils.figures import Figure, Numbers, check_index

LENGTH, STRIDE = 12, 24  # longest axis, and most numbers in memory; longest stride
PARTS = ("rows", "columns", "row_stride", "column_stride", "offset")
WINDOW = 3


def presets(height: int, width: int) -> dict[str, dict[str, int]]:
    """What the buttons set, for a picture of height × width that lies in memory row by row."""
    states = {
        "as it is": (height, width, width, 1, 0),
        "transpose": (width, height, 1, width, 0),
        "mirror": (height, width, width, -1, width - 1),
        "broadcast": (height, width, width, 0, 0),
        "every second": ((height + 1) // 2, width, 2 * width, 1, 0),
        "diagonal": (1, min(height, width), 0, width + 1, 0),
        f"windows of {WINDOW}": (height * width - WINDOW + 1, WINDOW, 1, 1, 0),
    }
    return {name: dict(zip(PARTS, state, strict=True)) for name, state in states.items()}


class StrideDial(Figure):
    """Read a picture's numbers in another order, without moving any of them in memory.

    The place (row, column) of the tensor reads the memory at
    offset + row · row_stride + column · column_stride.

    Parameters
    ----------
    picture : (H, W) numbers, 3 to 12 in all; they lie in memory row by row and stay there.
    rows, columns : shape of the tensor that is read.
    row_stride, column_stride : how far one step along each axis walks in memory; 0 and negative
        numbers are strides too. By default those of the picture.
    offset : where place (0, 0) lies.
    row, column : the place that is picked.

    Raises
    ------
    traitlets.TraitError
        If the picture is too small or too large, or a number lies outside its range.
    """

    picture = Numbers(axes=2).tag(sync=True)
    rows = traitlets.Int(1, min=1, max=LENGTH).tag(sync=True)
    columns = traitlets.Int(1, min=1, max=LENGTH).tag(sync=True)
    row_stride = traitlets.Int(0, min=-STRIDE, max=STRIDE).tag(sync=True)
    column_stride = traitlets.Int(0, min=-STRIDE, max=STRIDE).tag(sync=True)
    offset = traitlets.Int(0, min=0, max=LENGTH - 1).tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)

    def __init__(self, picture, **traits):
        super().__init__(picture=picture)
        height, width = len(self.picture), len(self.picture[0])
        self.set(**presets(height, width)["as it is"] | traits)

    @property
    def memory(self) -> list[float]:
        """The picture's numbers, row by row."""
        return [value for line in self.picture for value in line]

    @traitlets.validate("picture")
    def _check_picture(self, proposal):
        size = len(proposal.value) * len(proposal.value[0])
        if not WINDOW <= size <= LENGTH:
            raise traitlets.TraitError(
                f"picture must hold {WINDOW} to {LENGTH} numbers, got {size}"
            )
        return proposal.value

    @traitlets.validate("row", "column")
    def _check_place(self, proposal):
        return check_index(proposal, getattr(self, f"{proposal.trait.name}s"))

    @traitlets.observe("rows", "columns")
    def _clamp_place(self, change):
        self.row, self.column = min(self.row, self.rows - 1), min(self.column, self.columns - 1)

    def _position(self, row: int, column: int) -> int:
        return self.offset + row * self.row_stride + column * self.column_stride

    def numbers(self) -> dict:
        """Where every place of the tensor lies in memory, and what it holds; None if outside."""
        memory = self.memory
        positions = [[self._position(i, j) for j in range(self.columns)] for i in range(self.rows)]
        values = [
            [memory[at] if 0 <= at < len(memory) else None for at in line] for line in positions
        ]
        flat = [at for line in positions for at in line]
        position = self._position(self.row, self.column)
        state = {name: getattr(self, name) for name in PARTS}
        known = presets(len(self.picture), len(self.picture[0]))
        return {
            "positions": positions,
            "values": values,
            "position": position,
            "value": values[self.row][self.column],
            "readers": flat.count(position),
            "outside": sum(value is None for line in values for value in line),
            "read": len({at for at in flat if 0 <= at < len(memory)}),
            "contiguous": (self.columns == 1 or self.column_stride == 1)
            and (self.rows == 1 or self.row_stride == self.columns),
            "preset": next((name for name in known if known[name] == state), ""),
        }

    @classmethod
    def example(cls) -> StrideDial:
        """Build a letter F of 4 × 3 numbers: 91 to 97 are ink, 11 to 15 are paper."""
        return cls([[91, 92, 93], [94, 11, 12], [95, 96, 13], [97, 14, 15]])
