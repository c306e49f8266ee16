"""Where a student's code can be edited, and what one edit is.

Every generator of edits changes the tree in place, yields, and undoes the change when resumed.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from typing import NamedTuple

LOOPS = (ast.For, ast.While)
SCOPES = (ast.FunctionDef, ast.ClassDef)


class Edit(NamedTuple):
    """`line` of the change, `words` on its kind, and `fix()`: the changed statement as text."""

    line: int
    words: str
    fix: Callable[[], str]


class Place(NamedTuple):
    """Where an expression stands: `parent.field`, or an element of that list."""

    parent: ast.AST
    field: str
    index: int | None  # type: ignore[assignment]  # hides a tuple's own `index`
    node: ast.expr
    statement: ast.stmt

    def put(self, node: ast.expr) -> None:
        """Put another expression here."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def places(tree: ast.Module) -> Iterator[Place]:
    """All expressions of the bodies; not defaults, annotations, decorators or docstrings."""
    for definition in ast.walk(tree):
        for body in bodies(definition):
            for statement in body:
                if not is_docstring(statement) and not isinstance(statement, SCOPES):
                    yield from _expressions(statement, statement)


def _expressions(parent: ast.AST, statement: ast.stmt) -> Iterator[Place]:
    for field, value in ast.iter_fields(parent):
        if isinstance(value, ast.expr):
            yield Place(parent, field, None, value, statement)
            yield from _expressions(value, statement)
        elif isinstance(value, list):
            for i, item in enumerate(value):
                if isinstance(item, ast.expr):
                    yield Place(parent, field, i, item, statement)
                    yield from _expressions(item, statement)
                elif isinstance(item, ast.keyword | ast.comprehension):
                    yield from _expressions(item, statement)


def bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The lists of statements that a node holds."""
    for field in ("body", "orelse", "finalbody"):
        body = getattr(node, field, None)
        if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
            yield body


def is_docstring(statement: ast.stmt) -> bool:
    """Whether a statement is a constant that stands alone."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def replaced(place: Place, node: ast.expr, words: str) -> Iterator[Edit]:
    """Put `node` in the place of an expression, yield, and put the old one back."""
    ast.copy_location(node, place.node)
    place.put(node)
    try:
        yield Edit(place.node.lineno, words, lambda: text_of(place.statement))
    finally:
        place.put(place.node)


def located(node: ast.expr, like: ast.expr) -> ast.expr:
    """Give a new node the lines of another."""
    return ast.copy_location(node, like)


def text_of(statement: ast.stmt) -> str:
    """The first line of a statement."""
    return source_of(statement).splitlines()[0]


def source_of(node: ast.AST) -> str:
    """A node as Python; an f-string that `ast` cannot write, for a backslash, without its parts."""
    node = ast.fix_missing_locations(node)
    try:
        return ast.unparse(node)
    except ValueError:
        return ast.unparse(_FoldedStrings().visit(copy.deepcopy(node)))


class _FoldedStrings(ast.NodeTransformer):
    def visit_JoinedStr(self, node):
        return located(ast.Name("f'…'"), node)
