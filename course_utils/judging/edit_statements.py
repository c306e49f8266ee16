"""Single edits of statements: one dropped, moved, kept, exchanged with the next, or returned."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from course_utils.judging.edit_places import LOOPS, Edit, bodies, is_docstring, text_of


def statement_edits(tree: ast.Module) -> Iterator[Edit]:
    """Make one edit after the other of whole statements."""
    for definition in list(ast.walk(tree)):
        for body in list(bodies(definition)):
            if definition is not tree and not isinstance(definition, ast.ClassDef):
                yield from dropped(body)
                yield from _exchanged(body)
                yield from _kept_results(body)
                yield from _augmented(body)
                yield from _returned(body, definition)
            yield from _moved_out(body)
            yield from _moved_in(body)


def _restoring(body: list[ast.stmt], changed: list[ast.stmt], edit: Edit) -> Iterator[Edit]:
    before = list(body)
    body[:] = changed
    try:
        yield edit
    finally:
        body[:] = before


def dropped(body: list[ast.stmt]) -> Iterator[Edit]:
    """Leave out one statement."""
    for i, statement in enumerate(body):
        if len(body) > 1 and not isinstance(statement, ast.Return) and not is_docstring(statement):
            words = "it passes without this line"
            rest = body[:i] + body[i + 1 :]
            yield from _restoring(
                body, rest, Edit(statement.lineno, words, lambda: "(no such line)")
            )


def _exchanged(body: list[ast.stmt]) -> Iterator[Edit]:
    for i, (first, second) in enumerate(itertools.pairwise(body)):
        if is_docstring(first) or (isinstance(second, ast.Return) and isinstance(first, LOOPS)):
            continue
        words = f"it has to come after the next line, `{text_of(second)}`"
        order = [*body[:i], second, first, *body[i + 2 :]]

        def fix(first=first, second=second) -> str:
            return f"{text_of(second)}, then {text_of(first)}"

        yield from _restoring(body, order, Edit(first.lineno, words, fix))


def _moved_out(body: list[ast.stmt]) -> Iterator[Edit]:
    """Take the last statement of a block out behind it, or the first out before it."""
    for i, block in enumerate(body):
        if not isinstance(block, (*LOOPS, ast.If, ast.With)) or len(block.body) < 2:
            continue
        kind = {ast.If: "the `if`", ast.With: "the `with`"}.get(type(block), "the loop")
        inner = block.body
        for statement, rest, order in (
            (inner[-1], inner[:-1], [*body[: i + 1], inner[-1], *body[i + 1 :]]),
            (inner[0], inner[1:], [*body[:i], inner[0], *body[i:]]),
        ):
            side = "after" if statement is inner[-1] else "before"
            words = f"it stands inside {kind} and belongs {side} it"

            def fix(statement=statement, side=side, kind=kind) -> str:
                return f"{text_of(statement)} ({side} {kind})"

            block.body = rest
            yield from _restoring(body, order, Edit(statement.lineno, words, fix))
            block.body = inner


def _moved_in(body: list[ast.stmt]) -> Iterator[Edit]:
    """Take a statement beside a loop into it, to its start or its end."""
    for i, block in enumerate(body):
        if not isinstance(block, (*LOOPS, ast.With)):
            continue
        kind = "the `with`" if isinstance(block, ast.With) else "the loop"
        inner = block.body
        moves = [(k, [body[k], *inner]) for k in range(i) if not is_docstring(body[k])]
        moves += [(k, [*inner, body[k]]) for k in range(i + 1, min(i + 3, len(body)))]
        for k, filled in moves:
            words = f"it stands {'before' if k < i else 'after'} {kind} and belongs inside it"

            def fix(statement=body[k], kind=kind) -> str:
                return f"{text_of(statement)} (inside {kind})"

            block.body = filled
            rest = body[:k] + body[k + 1 :]
            yield from _restoring(body, rest, Edit(body[k].lineno, words, fix))
            block.body = inner


def _kept_results(body: list[ast.stmt]) -> Iterator[Edit]:
    """`x.method()` whose result is dropped becomes `x = x.method()`."""
    for i, statement in enumerate(body):
        call = statement.value if isinstance(statement, ast.Expr) else None
        target = call.func.value if _is_method(call) else None  # type: ignore[union-attr]
        if isinstance(target, ast.Name) and call is not None:
            assignment = ast.Assign([ast.Name(target.id, ast.Store())], call)
            ast.copy_location(assignment, statement)
            words = "the result of this call is dropped; nothing changes"

            def fix(assignment=assignment) -> str:
                return text_of(assignment)

            changed = [*body[:i], assignment, *body[i + 1 :]]
            yield from _restoring(body, changed, Edit(statement.lineno, words, fix))


def _is_method(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)


def _augmented(body: list[ast.stmt]) -> Iterator[Edit]:
    """`=` for `+=` and back."""
    for i, statement in enumerate(body):
        changed: ast.stmt
        if isinstance(statement, ast.Assign) and isinstance(
            statement.targets[0], ast.Name | ast.Subscript
        ):
            target = statement.targets[0]
            changed = ast.AugAssign(target, ast.Add(), statement.value)
            words = "this replaces the former value where it should add to it"
        elif isinstance(statement, ast.AugAssign):
            changed = ast.Assign([statement.target], statement.value)
            words = "this adds to the former value where it should replace it"
        else:
            continue
        ast.copy_location(changed, statement)

        def fix(changed=changed) -> str:
            return text_of(changed)

        order = [*body[:i], changed, *body[i + 1 :]]
        yield from _restoring(body, order, Edit(statement.lineno, words, fix))
    for statement in body:
        if isinstance(statement, ast.AugAssign):
            yield from _other_sign(statement)


def _other_sign(statement: ast.AugAssign) -> Iterator[Edit]:
    other = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
    before = statement.op
    if type(before) in other:
        statement.op = other[type(before)]()
        yield Edit(statement.lineno, "the operator is the wrong one", lambda: text_of(statement))
        statement.op = before


def _returned(body: list[ast.stmt], definition: ast.AST) -> Iterator[Edit]:
    """A last statement that computes and does not return."""
    last = body[-1]
    if not isinstance(definition, ast.FunctionDef) or body is not definition.body:
        return
    value: ast.expr | None = None
    words = "the function ends without a `return`"
    if isinstance(last, ast.Expr) and not is_docstring(last):
        value = last.value
        if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "print" and value.args:
            value = value.args[0]
            words = "`print` only shows the result; the function has to return it"
        order = [*body[:-1], ast.copy_location(ast.Return(value), last)]
    elif isinstance(last, ast.Assign | ast.AugAssign | ast.For | ast.With):
        names = [n for n in ast.walk(last) if isinstance(n, ast.Name)]
        stored = [n.id for n in names if isinstance(n.ctx, ast.Store)]
        stored += [
            n.value.id
            for n in ast.walk(last)
            if isinstance(n, ast.Subscript) and isinstance(n.value, ast.Name)
        ]
        if not stored:
            return
        value = ast.Name(stored[-1], ast.Load())
        order = [*body, ast.copy_location(ast.Return(value), last)]
    else:
        return

    def fix() -> str:
        return text_of(order[-1])

    yield from _restoring(body, order, Edit(last.lineno, words, fix))
