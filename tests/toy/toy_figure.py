"""Walk over a grid and add row and column: a toy figure."""

from __future__ import annotations

import traitlets

from course_utils.figures import Figure


class ToyFigure(Figure):
    """Point at a square of a grid of 4 × 4; read the sum of its row and its column."""

    row = traitlets.Int(1, min=0, max=3).tag(sync=True)
    column = traitlets.Int(1, min=0, max=3).tag(sync=True)

    def numbers(self) -> dict:
        """Position and sum."""
        return {"position": [self.row, self.column], "sum": self.row + self.column}

    @classmethod
    def example(cls) -> ToyFigure:
        """Build a figure that points at the square (1, 2)."""
        return cls(row=1, column=2)
