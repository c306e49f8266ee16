"""What a network costs, line by line, as text, table and picture."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import NamedTuple

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from course_utils import plotting  # noqa: F401  (its style)

FUNCTION = "function"  # type of the rows of functions called between layers
MARKS = {
    "parameters": "▲",
    "multiply_adds": "●",
    "memory": "■",
}  # beside the largest number of each


class Row(NamedTuple):
    """One line of a ledger: a layer, or a function called between layers.

    Attributes
    ----------
    name, type : str
        Its path in the model and its class, such as "conv1" and "Conv2d".
    shape : tuple of int or None
        Of the output for one example; None if the layer was never called.
    parameters : int
        Trainable numbers that no earlier row holds.
    multiply_adds : int
        Multiplications, each with its addition, for one example.
    memory : int
        What the output newly occupies, in bytes.
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

    Attributes
    ----------
    rows : tuple of Row
    buffers : int
        Numbers that are kept but not trained, such as running means.
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

    def largest(self, column: str) -> Row:
        """Row with the largest number in `column`: parameters, multiply_adds or memory."""
        return max(self.rows, key=lambda row: getattr(row, column))

    def share(self, column: str, *types: str) -> float:
        """Share, from 0 to 1, of layers of these types ("Linear", …) in the total of `column`."""
        part = sum(getattr(row, column) for row in self.rows if row.type in types)
        return part / (getattr(self, column) or 1)

    def plot(self) -> Figure:
        """Bars for each row's share of parameters, multiply-adds and memory, in %.

        Rows with less than half a percent of each are left out; the longest bars are marked.
        """
        columns = ("parameters", "multiply_adds", "memory")
        percentages = {
            row: [100 * getattr(row, column) / (getattr(self, column) or 1) for column in columns]
            for row in reversed(self.rows)
        }
        shown = {row: shares for row, shares in percentages.items() if max(shares) >= 0.5}
        figure, panels = plt.subplots(1, 3, figsize=(10, 0.8 + 0.28 * len(shown)), sharey=True)
        for i, (panel, column) in enumerate(zip(panels, columns, strict=True)):
            shares = [values[i] for values in shown.values()]
            bars = panel.barh(range(len(shown)), shares, color=f"C{i}")
            labels = [f"{share:.0f} %" if share == max(shares) else "" for share in shares]
            panel.bar_label(bars, labels, padding=3)
            total = getattr(self, column)
            total_text = format_bytes(total) if column == "memory" else f"{total:,}"
            panel.set(title=f"{column.replace('_', '-')}: {total_text}", xlabel="share of total, %")
            panel.set_xlim(0, 1.25 * max(shares) or 1)
        panels[0].set_yticks(range(len(shown)), [f"{row.name}  {row.type}" for row in shown])
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
                sign = f"{mark} " if value and row is self.largest(column) else ""
                if column == "memory":
                    line.append(f"{sign}{format_bytes(value)}" if value else "")
                else:
                    line += [f"{sign}{value:,}", f"{value / total:.1%}"] if value else ["", ""]
            lines.append(line)
        totals = [
            f"{self.parameters:,}",
            "",
            f"{self.multiply_adds:,}",
            "",
            format_bytes(self.memory),
        ]
        return [*lines, ["total", "", "", *totals]]

    def _legend(self) -> str:
        buffers = f"   buffers, not trained: {self.buffers:,}" if self.buffers else ""
        return f"▲ most parameters   ● most multiply-adds   ■ most memory{buffers}"

    def __str__(self) -> str:
        lines = self._lines()
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        alignments = "<<<>>>>>"
        text = [
            "  ".join(f"{c:{side}{w}}" for c, side, w in zip(line, alignments, widths, strict=True))
            for line in lines
        ]
        return "\n".join([*(line.rstrip() for line in text), self._legend()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        sides = ["left"] * 3 + ["right"] * 5

        def line(cells: list[str], tags: list[str]) -> str:
            elements = [
                f'<{tag} style="text-align:{side}">{html.escape(cell)}</{tag[:2]}>'
                for cell, tag, side in zip(cells, tags, sides, strict=True)
            ]
            return f"<tr>{''.join(elements)}</tr>"

        head, *rows, total = self._lines()
        column_heads, row_head = ['th scope="col"'] * 8, 'th scope="row"'
        thead = line(head, column_heads)
        tbody = "".join(line(cells, [row_head] + ["td"] * 7) for cells in rows)
        tfoot = line(total, [row_head] + ["th"] * 7)
        table = f"<thead>{thead}</thead><tbody>{tbody}</tbody><tfoot>{tfoot}</tfoot>"
        return f"<table>{table}</table><p>{self._legend()}</p>"


def format_bytes(count: int) -> str:
    """Bytes as people write them, in steps of a thousand.

    Examples
    --------
    >>> format_bytes(38_400_000_000)
    '38.4 GB'
    """
    power = min(int(math.log10(max(count, 1)) // 3), 4)
    return f"{count / 1000**power:.{min(power, 1)}f} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"
