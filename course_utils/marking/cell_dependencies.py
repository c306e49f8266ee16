"""Which cells of a submission have to run before its answers can be seen.

What a student wrote runs, and the exercises' cells. A cell of the lesson that is as it was given
runs only if something that runs later may need it: it binds a name that is read there, or touches
such a thing and may have changed it. Pictures, figures and trainings are thus left out unless an
answer depends on them; in doubt a cell runs.
"""

from __future__ import annotations

import builtins
import symtable
from collections.abc import Iterable
from typing import NamedTuple

from nbformat import NotebookNode

from course_utils.exercise import Exercise
from course_utils.marking.submissions import belongs

READS_ANYTHING = {"eval", "exec", "globals", "locals", "vars", "get_ipython"}


class Names(NamedTuple):
    """The notebook's names that a cell reads, and those it binds; some of these by an import."""

    read: set[str]
    bound: set[str]
    imported: set[str]


def names_in(source: str) -> Names:
    """The names of a cell; one that Python cannot parse, such as a magic, may read anything."""
    try:
        cell = symtable.symtable(source, "<cell>", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return Names(set(READS_ANYTHING), set(), set())
    symbols = cell.get_symbols()
    inner = [one for part in _within(cell) for one in part.get_symbols() if one.is_global()]
    read = {one.get_name() for one in [*symbols, *inner] if one.is_referenced()}
    bound = {one.get_name() for one in [*symbols, *inner] if one.is_assigned() or one.is_imported()}
    defined = {one.get_name() for one in symbols if one.is_namespace()}
    return Names(read - defined, bound, {one.get_name() for one in symbols if one.is_imported()})


def _within(table: symtable.SymbolTable) -> list[symtable.SymbolTable]:
    """The tables of all functions and classes in a cell."""
    return [part for child in table.get_children() for part in (child, *_within(child))]


def needed(
    cells: list[NotebookNode], lesson: NotebookNode, exercises: Iterable[Exercise]
) -> list[bool]:
    """Whether each cell of a submission has to run.

    Parameters
    ----------
    cells : a student's, from `submissions.cells_of`
    lesson : the workbook as it was given
    exercises : of the workbook
    """
    given = {cell.source.strip(): names_in(cell.source) for cell in lesson.cells}
    tools = set(dir(builtins)).union(*(names.imported for names in given.values()))
    exercises, wanted, runs = list(exercises), set(), []
    for cell in reversed(cells):
        names = given.get(cell.source.strip()) or names_in(cell.source)
        own = cell.source.strip() not in given or any(
            belongs(cell, "exercise", exercise) for exercise in exercises
        )
        touches = (names.read & wanted) - tools | (names.bound & wanted)
        run = cell.cell_type == "code" and bool(own or touches or wanted & READS_ANYTHING)
        wanted |= names.read if run else set()
        runs.append(run)
    return runs[::-1]
