"""What a network costs, line by line, as text, table and picture."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import NamedTuple

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from course_utils import plotting  # noqa: F401  (its style)

FUNCTION = "function"  # type of the rows that no layer, but a function between layers makes
MARKS = {"parameters": "▲", "multiply_adds": "●"}  # beside the largest number of each


class Row(NamedTuple):
    """One line of a ledger: a layer, or a function called between layers.

    `shape` is that of the output for one example, or None if the layer was never called;
    `memory` is what that output newly occupies, in bytes.
    """

    name: str
    type: str
    shape: tuple[int, ...] | None
    parameters: int
    multiply_adds: int
    memory: int


@dataclass(frozen=True)
class Ledger:
    """What a network costs, line by line: print it, or let a notebook show it as a table.

    `buffers` counts numbers that are kept but not trained, such as running means.
    """

    rows: tuple[Row, ...]
    buffers: int

    @property
    def parameters(self) -> int:
        """Trainable numbers, each counted once."""
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """Multiplications, each with its addition, for one example forwards."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def memory(self) -> int:
        """Bytes of one example's input and of all outputs."""
        return sum(row.memory for row in self.rows)

    def most(self, column: str) -> Row:
        """Row with the largest number in `column`: parameters, multiply_adds or memory."""
        return max(self.rows, key=lambda row: getattr(row, column))

    def share(self, column: str, *types: str) -> float:
        """Share, from 0 to 1, of layers of these types ("Linear", …) in the total of `column`."""
        part = sum(getattr(row, column) for row in self.rows if row.type in types)
        return part / (getattr(self, column) or 1)

    def picture(self) -> Figure:
        """Bars for each row's share of parameters, multiply-adds and memory, in %.

        Rows with less than half a percent of each are left out; the longest bars are marked.
        """
        columns = ("parameters", "multiply_adds", "memory")
        kept = {
            row: [100 * getattr(row, column) / (getattr(self, column) or 1) for column in columns]
            for row in reversed(self.rows)
        }
        kept = {row: shares for row, shares in kept.items() if max(shares) >= 0.5}
        figure, panels = plt.subplots(1, 3, figsize=(10, 0.8 + 0.28 * len(kept)), sharey=True)
        for i, (panel, column) in enumerate(zip(panels, columns, strict=True)):
            shares = [values[i] for values in kept.values()]
            bars = panel.barh(range(len(kept)), shares, color=f"C{i}")
            labels = [f"{share:.0f} %" if share == max(shares) else "" for share in shares]
            panel.bar_label(bars, labels, padding=3)
            total = getattr(self, column)
            written = size(total) if column == "memory" else f"{total:,}"
            panel.set(title=f"{column.replace('_', '-')}: {written}", xlabel="share of total, %")
            panel.set_xlim(0, 1.25 * max(shares) or 1)
        panels[0].set_yticks(range(len(kept)), [f"{row.name}  {row.type}" for row in kept])
        return figure

    def _lines(self) -> list[list[str]]:
        """Head, rows and total, every cell as text."""
        heads = [
            "layer",
            "type",
            "output",
            "parameters",
            "share",
            "multiply-adds",
            "share",
            "memory",
        ]
        lines = [heads]
        for row in self.rows:
            shape = "not called" if row.shape is None else "×".join(map(str, row.shape)) or "1"
            line = [row.name, row.type, shape]
            for column, mark in MARKS.items():
                value, total = getattr(row, column), getattr(self, column)
                sign = f"{mark} " if value and row is self.most(column) else ""
                line += [f"{sign}{value:,}", f"{value / total:.1%}"] if value else ["", ""]
            lines.append([*line, size(row.memory) if row.memory else ""])
        totals = [f"{self.parameters:,}", "", f"{self.multiply_adds:,}", "", size(self.memory)]
        return [*lines, ["total", "", "", *totals]]

    def _key(self) -> str:
        kept = f"   buffers, not trained: {self.buffers:,}" if self.buffers else ""
        return f"▲ most parameters   ● most multiply-adds{kept}"

    def __str__(self) -> str:
        lines = self._lines()
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        sides = "<<<>>>>>"
        text = [
            "  ".join(f"{c:{side}{w}}" for c, side, w in zip(line, sides, widths, strict=True))
            for line in lines
        ]
        return "\n".join([*(line.rstrip() for line in text), self._key()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        sides = ["left"] * 3 + ["right"] * 5

        def line(cells: list[str], tags: list[str]) -> str:
            each = zip(cells, tags, sides, strict=True)
            made = [
                f'<{tag} style="text-align:{side}">{html.escape(cell)}</{tag[:2]}>'
                for cell, tag, side in each
            ]
            return f"<tr>{''.join(made)}</tr>"

        head, *rows, total = self._lines()
        columns, named = ['th scope="col"'] * 8, 'th scope="row"'
        body = "".join(line(cells, [named] + ["td"] * 7) for cells in rows)
        foot = line(total, [named] + ["th"] * 7)
        table = f"<thead>{line(head, columns)}</thead><tbody>{body}</tbody><tfoot>{foot}</tfoot>"
        return f"<table>{table}</table><p>{self._key()}</p>"


def size(count: int) -> str:
    """Bytes as people write them, in steps of a thousand: 38.4 GB."""
    power = min(int(math.log10(max(count, 1)) // 3), 4)
    return f"{count / 1000**power:.{min(power, 1)}f} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"
