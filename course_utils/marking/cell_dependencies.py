"""Which cells of a submission have to run before its answers can be observed.

What a student wrote runs, and the exercises' cells. A cell of the lesson that is as it was given
runs only if something that runs later may need it: it binds a name that is read there, or touches
such a thing and may have changed it. Pictures, figures and trainings are thus left out unless an
answer depends on them; in doubt a cell runs.
"""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from course_utils.marking.exercise_cells import is_exercise_cell

if TYPE_CHECKING:
    from course_utils.exercise import Exercise
    from course_utils.marking.notebook_reader import Asked

READS_ANYTHING = frozenset({"eval", "exec", "globals", "locals", "vars", "get_ipython"})


class Names(NamedTuple):
    """What a cell has to do with the notebook's names.

    Attributes
    ----------
    read : what it reads of the cells before, its functions included
    bound : what it binds
    imported : what of that it imports
    late : what its functions read whenever they are called, also of later cells
    """

    read: frozenset[str]
    bound: frozenset[str]
    imported: frozenset[str]
    late: frozenset[str]


@lru_cache(maxsize=1024)  # cells of a workbook stand in every submission
def names_in(source: str) -> Names:
    """The names of a cell; one that Python cannot parse, such as a magic, may read anything."""
    try:
        cell = symtable.symtable(source, "<cell>", "exec")
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Names(READS_ANYTHING, frozenset(), frozenset(), frozenset())
    symbols, tables = cell.get_symbols(), _nested_tables(cell)
    nested = [symbol for table in tables for symbol in table.get_symbols()]
    late = frozenset(s.get_name() for s in nested if s.is_global() and s.is_referenced())
    every = [*symbols, *(symbol for symbol in nested if symbol.is_global())]
    # in a class, `n = n` reads the notebook's
    classes = (table for table in tables if table.get_type() == "class")
    every += [symbol for table in classes for symbol in table.get_symbols() if symbol.is_local()]
    read = frozenset(symbol.get_name() for symbol in every if symbol.is_referenced())
    read |= {symbol.get_name() for symbol in every} & {*_changed(tree)}
    bound = frozenset(s.get_name() for s in every if s.is_assigned() or s.is_imported())
    defined = {symbol.get_name() for symbol in symbols if symbol.is_namespace()}
    imported = frozenset(symbol.get_name() for symbol in symbols if symbol.is_imported())
    return Names(read - defined - _bound_before_read(tree), bound, imported, late)


def _bound_before_read(cell: ast.Module) -> set[str]:
    """The names that a cell certainly binds before it reads them, if it does."""
    bound: set[str] = set()
    read: set[str] = set()
    for statement in cell.body:
        names = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
        read |= {node.id for node in names if isinstance(node.ctx, ast.Load)}
        read.update(_changed(statement))
        bound |= {*_certainly_bound(statement)} - read
    return bound


def _changed(tree: ast.AST) -> Iterator[str]:
    """The names that are there before, as in `x += 1` and `del x`; symtable does not say so."""
    for node in ast.walk(tree):
        targets: list[ast.expr] = [node.target] if isinstance(node, ast.AugAssign) else []
        targets += node.targets if isinstance(node, ast.Delete) else []
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def _certainly_bound(statement: ast.stmt) -> Iterator[str]:
    """The names that an assignment binds; no module's, to which other imports may have added."""
    targets = [*statement.targets] if isinstance(statement, ast.Assign) else []
    while targets:
        target = targets.pop()
        if isinstance(target, ast.Tuple | ast.List):
            targets += target.elts
        elif isinstance(target, ast.Starred):
            targets.append(target.value)
        elif isinstance(target, ast.Name):
            yield target.id


def _nested_tables(table: symtable.SymbolTable) -> list[symtable.SymbolTable]:
    """The tables of all functions and classes in a cell."""
    return [part for child in table.get_children() for part in (child, *_nested_tables(child))]


def cells_to_run(
    cells: Sequence, lesson: Iterable, exercises: Iterable[Exercise | Asked]
) -> list[bool]:
    """Whether each cell of a submission has to run.

    Parameters
    ----------
    cells : a student's, from `notebook_reader.parse_cells`
    lesson : the cells of the workbook as it was given
    exercises : of the workbook
    """
    of_lesson = {cell.source.strip(): names_in(cell.source) for cell in lesson}
    tools = set(dir(builtins)).union(*(names.imported for names in of_lesson.values()))
    exercises = list(exercises)
    code = [cell for cell in cells if cell.cell_type == "code"]
    names = [of_lesson.get(cell.source.strip()) or names_in(cell.source) for cell in code]
    own = [
        cell.source.strip() not in of_lesson
        or any(is_exercise_cell(cell, "exercise", exercise) for exercise in exercises)
        for cell in code
    ]
    runs, before = own, None
    while runs != before:  # what runs has functions, which may read what else is to run
        before, runs = runs, _needed(names, own, runs, tools)
    in_order = iter(runs)
    return [cell.cell_type == "code" and next(in_order) for cell in cells]


def _needed(names: list[Names], own: list[bool], runs: list[bool], tools: set[str]) -> list[bool]:
    """Tell of each code cell whether it has to run, where at least those that run so far do."""
    late_from: dict[str, int] = {}  # name → the first cell that runs with a function that reads it
    for i in range(len(names)):
        if runs[i]:
            late_from = dict.fromkeys(names[i].late, i) | late_from
    needed: list[bool] = []
    read_later: set[str] = set()
    for i in reversed(range(len(names))):
        each, is_followed = names[i], any(needed)  # else nothing may call a function any more
        wanted = {
            name
            for name in each.read | each.bound | READS_ANYTHING
            if name in read_later or (is_followed and late_from.get(name, i) < i)
        }
        is_needed = (each.read & wanted) - tools | (each.bound & wanted) | (wanted & READS_ANYTHING)
        needed.append(own[i] or bool(is_needed))
        if needed[-1]:
            read_later |= each.read
    return needed[::-1]
