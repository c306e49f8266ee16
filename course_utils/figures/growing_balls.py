"""Let the balls of two norms grow until they touch a line of solutions (workbook 08)."""

from __future__ import annotations

import math

import traitlets

from course_utils.figures import Figure

DISTANCE = 2.0  # of the line from the origin
EDGE = 1e-9  # two factors as near as this are equal


class GrowingBalls(Figure):
    """One measurement of two numbers leaves a line; each norm takes its point that is nearest to 0.

    The measurement is cos(angle)·h₁ + sin(angle)·h₂ = 2. The balls ‖h‖₁ ≤ r and ‖h‖₂ ≤ r grow until
    they touch the line, each to a radius of its own.

    Parameters
    ----------
    grown : how far the balls have grown, in per cent of the radius at which they touch.
    angle : of the line's normal, 0 to 180 degrees.

    Raises
    ------
    traitlets.TraitError
        If a number lies outside its range.
    """

    tolerance = 1e-9  # sines and cosines

    grown = traitlets.Int(100, min=0, max=100).tag(sync=True)
    angle = traitlets.Int(65, min=0, max=180).tag(sync=True)

    def numbers(self) -> dict:
        """Both radii, and for each norm the ends of what touches the line: a point or an edge."""
        across, up = (f(math.radians(self.angle)) for f in (math.cos, math.sin))
        steepest = max(abs(across), abs(up))
        corners = [
            [DISTANCE / across if i == 0 else 0.0, DISTANCE / up if i == 1 else 0.0]
            for i, factor in enumerate((across, up))
            if abs(factor) > steepest - EDGE
        ]
        touching = [corners, [[DISTANCE * across, DISTANCE * up]]]
        radii = [DISTANCE / steepest, DISTANCE]
        return {
            "radii": [self.grown / 100 * radius for radius in radii],
            "touching": touching if self.grown == 100 else [[], []],
        }

    @classmethod
    def example(cls) -> GrowingBalls:
        """Build balls that do not touch the line yet."""
        return cls(grown=60)
