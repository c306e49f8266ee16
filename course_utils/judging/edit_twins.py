"""One edit at two places that are alike, such as a line for the rows and one for the columns."""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Iterator

from course_utils.judging.edit_expressions import KINDS
from course_utils.judging.edit_places import Edit, Place, bodies, places


def twin_edits(tree: ast.Module) -> Iterator[tuple[Edit, Edit]]:
    """Make an edit of the same kind at two places that differ in names and numbers only.

    What is written for the rows is written for the columns once more, with its slip.
    """
    twins: dict[tuple[str, str, str], list[Place]] = {}
    for place in places(tree):
        alike = _nameless(place.parent), place.field, _nameless(place.node)
        twins.setdefault(alike, []).append(place)
    pairs = [tuple(group) for group in twins.values() if len(group) == 2]
    for kind in KINDS:
        for one, other in pairs:
            if one.node not in ast.walk(other.node) and other.node not in ast.walk(one.node):
                both = itertools.zip_longest(kind(one, tree), kind(other, tree))  # to their ends
                yield from ((first, second) for first, second in both if first and second)


def _nameless(node: ast.AST) -> str:
    """A node's own expressions as text, without its names and numbers."""
    own = copy.deepcopy(node)
    for part in ast.walk(own):
        if isinstance(part, ast.Name):
            part.id = ""
        elif isinstance(part, ast.Constant) and isinstance(part.value, int | float):
            part.value = 0
        elif isinstance(part, ast.stmt):
            for body in bodies(part):
                body.clear()
    return ast.dump(own)
