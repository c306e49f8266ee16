"""Paint what a kernel should answer, and let it be solved for (workbook 02)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import traitlets

from course_utils.figures import Figure, Numbers, check_index

RIDGE = 0.001  # times the number of painted pixels: steadies the kernel, hardly pulls it to zero
BRUSHES = ("+", "0", "-", "erase")
SIZES, WIDTHS = (1, 3, 5, 7), (1, 3, 5)


def solve_positive(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> list[float]:
    """Solve a symmetric, positive definite system by Cholesky's factors."""
    size = len(vector)
    lower = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j] - sum(lower[i][m] * lower[j][m] for m in range(j))
            lower[i][j] = math.sqrt(rest) if i == j else rest / lower[j][j]
    half: list[float] = []
    for i in range(size):
        half.append((vector[i] - sum(lower[i][m] * half[m] for m in range(i))) / lower[i][i])
    solution = [0.0] * size
    for i in reversed(range(size)):
        rest = half[i] - sum(lower[m][i] * solution[m] for m in range(i + 1, size))
        solution[i] = rest / lower[i][i]
    return solution


class PaintKernel(Figure):
    """Paint +1, 0 and −1 on a photograph; the kernel that answers so is solved for at once.

    It minimises the sum of (answer − wish)² over the painted pixels, plus 0.001 · painted pixels ·
    the sum of squared weights (ridge regression). Beyond the edge the photograph counts as 0.

    Parameters
    ----------
    image : (H, W) numbers from 0 to 1.
    examples : dict
        Name → painted pixels, each a button; the first is painted at the start.
    painted : list of [row, column, wish], each place once; a wish is 1, 0 or −1.
    brush : "+", "0", "-" or "erase".
    width : side of the brush, in pixels: 1, 3 or 5.
    size : side of the kernel: 1, 3, 5 or 7.
    row, column : the brush's centre.

    Raises
    ------
    traitlets.TraitError
        If a painted place lies outside the image, is painted twice or has another wish.
    """

    tolerance = 1e-9  # two thousand products are added up

    image = Numbers(axes=2).tag(sync=True)
    examples = traitlets.Dict().tag(sync=True)
    painted: traitlets.List[list[int]] = traitlets.List().tag(sync=True)
    brush = traitlets.Enum(BRUSHES, "+").tag(sync=True)
    width = traitlets.Enum(WIDTHS, 3).tag(sync=True)
    size = traitlets.Enum(SIZES, 3).tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)

    def __init__(self, image, examples=None, **traits):
        super().__init__(image=image)
        self.examples = {name: _as_lists(places) for name, places in (examples or {}).items()}
        first: list[list[int]] = next(iter(self.examples.values()), [])
        middle = {"row": len(self.image) // 2, "column": len(self.image[0]) // 2}
        self.set(**{"painted": first} | middle | traits)

    @traitlets.validate("painted")
    def _check_painted(self, proposal):
        return self._checked(_as_lists(proposal.value), "painted")

    @traitlets.validate("examples")
    def _check_examples(self, proposal):
        for name, places in proposal.value.items():
            self._checked(places, name)
        return proposal.value

    def _checked(self, places: list[list[int]], name: str) -> list[list[int]]:
        for place in places:
            if len(place) != 3 or place[2] not in (-1, 0, 1):
                raise traitlets.TraitError(f"{name}: {place} is not [row, column, 1, 0 or -1]")
            if not (0 <= place[0] < len(self.image) and 0 <= place[1] < len(self.image[0])):
                raise traitlets.TraitError(f"{name}: {place} lies outside the image")
        if len({tuple(place[:2]) for place in places}) < len(places):
            raise traitlets.TraitError(f"{name}: a pixel is painted twice")
        return places

    @traitlets.validate("row", "column")
    def _check_place(self, proposal):
        lines = self.image if proposal.trait.name == "row" else self.image[0]
        return check_index(proposal, len(lines))

    def _window(self, row: int, column: int) -> list[float]:
        """The k·k pixels around a place, line by line; 0 beyond the edge."""
        half = self.size // 2
        height, width = len(self.image), len(self.image[0])
        return [
            self.image[y][x] if 0 <= y < height and 0 <= x < width else 0
            for y in range(row - half, row + half + 1)
            for x in range(column - half, column + half + 1)
        ]

    def _solve(self) -> list[float]:
        """The k·k weights of the ridge regression; zeros while nothing is painted."""
        count = self.size**2
        if not self.painted:
            return [0.0] * count
        matrix = [[0.0] * count for _ in range(count)]
        vector = [0.0] * count
        for row, column, wish in self.painted:
            window = self._window(row, column)
            for i, pixel in enumerate(window):
                vector[i] += wish * pixel
                for j in range(i + 1):
                    matrix[i][j] += pixel * window[j]
        for i in range(count):
            matrix[i][i] += RIDGE * len(self.painted)
        return solve_positive(matrix, vector)

    def numbers(self) -> dict:
        """Kernel, what it leaves unanswered, and the range and the place of its map."""
        weights = self._solve()

        def answer(row: int, column: int) -> float:
            return math.fsum(w * x for w, x in zip(weights, self._window(row, column), strict=True))

        wanted = sum(wish**2 for *_, wish in self.painted)
        missed = sum((answer(row, column) - wish) ** 2 for row, column, wish in self.painted)
        rows, columns = range(len(self.image)), range(len(self.image[0]))
        answers = [answer(i, j) for i in rows for j in columns]
        return {
            "kernel": [weights[i : i + self.size] for i in range(0, len(weights), self.size)],
            "counts": {
                brush: sum(wish == value for *_, wish in self.painted)
                for brush, value in (("+", 1), ("0", 0), ("-", -1))
            },
            "left_over": missed / wanted if wanted else None,
            "answer": answer(self.row, self.column),
            "lowest": min(answers),
            "highest": max(answers),
        }

    @classmethod
    def example(cls) -> PaintKernel:
        """Build a bright bar on dark ground; its left edge is painted +, its right one −."""
        bar = [
            [(0.9 if 4 <= x < 9 else 0.1) + (3 * y + 5 * x) % 7 / 100 for x in range(14)]
            for y in range(10)
        ]
        edges = [[row, column, wish] for row in (3, 6) for column, wish in ((4, 1), (8, -1))]
        flat = [[row, column, 0] for row in (2, 5) for column in (2, 6, 11)]
        both = [[row, column, 1] for row in (3, 6) for column in (3, 4, 8, 9)] + flat
        return cls(bar, {"left +, right −": edges + flat, "both sides +": both})


def _as_lists(places) -> list[list[int]]:
    """Painted pixels as lists of whole numbers; a TraitError where they are none."""
    try:
        return [[int(number) for number in place] for place in places]
    except (TypeError, ValueError):
        raise traitlets.TraitError(f"{places!r} is no list of [row, column, wish]") from None
