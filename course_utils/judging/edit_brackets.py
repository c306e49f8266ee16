"""Brackets that are missing: round each piece of a sum or product as it stands in the line."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from course_utils.judging.edit_places import Edit, Place, located, replaced, source_of

SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//",
         ast.Pow: "**", ast.MatMult: "@", ast.BitXor: "^", ast.Mod: "%", ast.BitAnd: "&",
         ast.BitOr: "|"}  # fmt: skip
PRECEDENCE: dict[type, int] = {
    ast.Pow: 4, ast.Mult: 3, ast.Div: 3, ast.FloorDiv: 3, ast.Mod: 3, ast.MatMult: 3,
    ast.Add: 2, ast.Sub: 2,
}  # fmt: skip
MOST_OPERANDS = 8


def _chain(node: ast.expr) -> tuple[list[ast.expr], list[ast.operator]]:
    """Operands and operators as they stand in the line, as far as no brackets part them."""
    if not isinstance(node, ast.BinOp) or type(node.op) not in PRECEDENCE:
        return [node], []
    (left, first), (right, second) = (
        ([side], []) if has_brackets(side, node, place) else _chain(side)
        for place, side in enumerate((node.left, node.right))
    )
    return [*left, *right], [*first, node.op, *second]


def has_brackets(side: ast.expr, node: ast.BinOp, place: int) -> bool:
    """Whether the left (0) or right (1) side of an operation stands in brackets."""
    if not isinstance(side, ast.BinOp):
        return False
    inner, own = (PRECEDENCE.get(type(op), 0) for op in (side.op, node.op))
    needs_more = 1 - place if isinstance(node.op, ast.Pow) else place  # a - (b - c), (a**b)**c
    return inner < own + needs_more


def bracketed(place: Place, node: ast.BinOp) -> Iterator[Edit]:
    """Put brackets round a piece of a sum or product that has none."""
    parent = place.parent
    if (
        isinstance(parent, ast.BinOp)
        and type(parent.op) in PRECEDENCE
        and not has_brackets(node, parent, 0 if parent.left is node else 1)
    ):
        return  # it is tried as a piece of the whole line
    operands, operators = _chain(node)
    if not 3 <= len(operands) <= MOST_OPERANDS:
        return
    names = [f"_{i}" for i in range(len(operands))]
    signs = [f" {SIGNS[type(operator)]} " for operator in operators]
    whole = ast.dump(_rebuilt(names, signs, None))
    for first in range(len(operands)):
        for last in range(first + 1, len(operands) - (first == 0)):
            changed = _rebuilt(names, signs, (first, last))
            if ast.dump(changed) == whole:
                continue
            words = f"brackets are missing in `{source_of(node)}`"
            filled = _Filled(dict(zip(names, operands, strict=True))).visit(changed)
            yield from replaced(place, ast.fix_missing_locations(located(filled, node)), words)


def _rebuilt(names: list[str], signs: list[str], piece: tuple[int, int] | None) -> ast.expr:
    """The expression of a chain, with brackets from one operand to another."""
    words = list(names)
    if piece is not None:
        words[piece[0]] = "(" + words[piece[0]]
        words[piece[1]] += ")"
    text = words[0] + "".join(s + w for s, w in zip(signs, words[1:], strict=True))
    return ast.parse(text, mode="eval").body


class _Filled(ast.NodeTransformer):
    """Put operands in the place of their numbers."""

    def __init__(self, operands: dict[str, ast.expr]):
        self.operands = operands

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.operands[node.id]
