"""The single edits that are tried on a student's code, each with words for what kind it is.

Every generator changes the tree in place, yields, and undoes the change when it is resumed.
"""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

LOOPS = (ast.For, ast.While)
SCOPES = (ast.FunctionDef, ast.ClassDef)


class Edit(NamedTuple):
    """`line` of the change, `words` on its kind, and `fix()`: the changed statement as text."""

    line: int
    words: str
    fix: Callable[[], str]


def edits_of(tree: ast.Module) -> Iterator[Edit]:
    """Make one edit after the other in the tree; it is as before when the iterator ends."""
    yield from _statement_edits(tree)
    places = list(_places(tree))
    for kind in (_operators, _calls, _constants, _subscripts, _names, _wrapped):
        for place in places:
            yield from kind(place, tree)


# Places -------------------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where an expression stands: `parent.field`, or an element of that list."""

    parent: ast.AST
    field: str
    index: int | None
    node: ast.expr
    statement: ast.stmt

    def put(self, node: ast.expr) -> None:
        """Put another expression here."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def _places(tree: ast.Module) -> Iterator[Place]:
    """All expressions of the bodies; not defaults, annotations, decorators or docstrings."""
    for definition in ast.walk(tree):
        for body in _bodies(definition):
            for statement in body:
                if not _is_docstring(statement) and not isinstance(statement, SCOPES):
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


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for field in ("body", "orelse", "finalbody"):
        body = getattr(node, field, None)
        if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
            yield body


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _replaced(place: Place, node: ast.expr, words: str) -> Iterator[Edit]:
    """Put `node` in the place of an expression, yield, and put the old one back."""
    ast.copy_location(node, place.node)
    place.put(node)
    try:
        yield Edit(place.node.lineno, words, lambda: _text(place.statement))
    finally:
        place.put(place.node)


def _text(statement: ast.stmt) -> str:
    """The first line of a statement."""
    return ast.unparse(ast.fix_missing_locations(statement)).splitlines()[0]


def _source(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(node))


# Statements ---------------------------------------------------------------------------------------


def _statement_edits(tree: ast.Module) -> Iterator[Edit]:
    for definition in list(ast.walk(tree)):
        for body in list(_bodies(definition)):
            if definition is not tree and not isinstance(definition, ast.ClassDef):
                yield from _dropped(body)
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


def _dropped(body: list[ast.stmt]) -> Iterator[Edit]:
    for i, statement in enumerate(body):
        if len(body) > 1 and not isinstance(statement, ast.Return) and not _is_docstring(statement):
            words = "it passes without this line"
            rest = body[:i] + body[i + 1 :]
            yield from _restoring(
                body, rest, Edit(statement.lineno, words, lambda: "(no such line)")
            )


def _exchanged(body: list[ast.stmt]) -> Iterator[Edit]:
    for i, (first, second) in enumerate(itertools.pairwise(body)):
        if _is_docstring(first) or (isinstance(second, ast.Return) and isinstance(first, LOOPS)):
            continue
        words = f"it has to come after the next line, `{_text(second)}`"
        order = [*body[:i], second, first, *body[i + 2 :]]

        def fix(first=first, second=second) -> str:
            return f"{_text(second)}, then {_text(first)}"

        yield from _restoring(body, order, Edit(first.lineno, words, fix))


def _moved_out(body: list[ast.stmt]) -> Iterator[Edit]:
    """Take the last or first statement out of a loop or an `if`; the last behind, the first before."""
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
                return f"{_text(statement)} ({side} {kind})"

            block.body = rest
            yield from _restoring(body, order, Edit(statement.lineno, words, fix))
            block.body = inner


def _moved_in(body: list[ast.stmt]) -> Iterator[Edit]:
    """Take a statement beside a loop into it: the one before to its start, one behind to its end."""
    for i, block in enumerate(body):
        if not isinstance(block, (*LOOPS, ast.With)):
            continue
        kind = "the `with`" if isinstance(block, ast.With) else "the loop"
        inner = block.body
        moves = [(k, [body[k], *inner]) for k in range(i) if not _is_docstring(body[k])]
        moves += [(k, [*inner, body[k]]) for k in range(i + 1, min(i + 3, len(body)))]
        for k, filled in moves:
            words = f"it stands {'before' if k < i else 'after'} {kind} and belongs inside it"

            def fix(statement=body[k], kind=kind) -> str:
                return f"{_text(statement)} (inside {kind})"

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
            kept = ast.Assign([ast.Name(target.id, ast.Store())], call)
            ast.copy_location(kept, statement)
            words = "the result of this call is dropped; nothing changes"

            def fix(kept=kept) -> str:
                return _text(kept)

            changed = [*body[:i], kept, *body[i + 1 :]]
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
            return _text(changed)

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
        yield Edit(statement.lineno, "the operator is the wrong one", lambda: _text(statement))
        statement.op = before


def _returned(body: list[ast.stmt], definition: ast.AST) -> Iterator[Edit]:
    """A last statement that computes and does not return."""
    last = body[-1]
    if not isinstance(definition, ast.FunctionDef) or body is not definition.body:
        return
    value: ast.expr | None = None
    words = "the function ends without a `return`"
    if isinstance(last, ast.Expr) and not _is_docstring(last):
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
        return _text(order[-1])

    yield from _restoring(body, order, Edit(last.lineno, words, fix))


# Operators ----------------------------------------------------------------------------------------

COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
}  # fmt: skip
ARITHMETIC: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub, ast.Mult), ast.Sub: (ast.Add,), ast.Mult: (ast.Div, ast.Add, ast.Pow, ast.MatMult),
    ast.Div: (ast.Mult, ast.FloorDiv), ast.FloorDiv: (ast.Div,), ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,), ast.BitXor: (ast.Pow,), ast.Mod: (ast.FloorDiv,),
    ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,),
}  # fmt: skip
SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//",
         ast.Pow: "**", ast.MatMult: "@", ast.BitXor: "^", ast.Mod: "%", ast.BitAnd: "&",
         ast.BitOr: "|"}  # fmt: skip


def _operators(place: Place, _tree: ast.Module) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, ast.Compare):
        before = node.ops[0]
        for kind in COMPARISONS.get(type(before), ()):
            node.ops[0] = kind()
            words = f"the comparison in `{_source(node.left)[:40]} …` lets the wrong ones through"
            yield Edit(node.lineno, words, lambda: _text(place.statement))
            node.ops[0] = before
    elif isinstance(node, ast.BinOp):
        yield from _binary(place, node)
    elif isinstance(node, ast.UnaryOp):
        words = f"the `{'not' if isinstance(node.op, ast.Not) else '-'}` before "
        words += f"`{_source(node.operand)}` is one too many"
        yield from _replaced(place, node.operand, words)


def _binary(place: Place, node: ast.BinOp) -> Iterator[Edit]:
    before, sign = node.op, SIGNS.get(type(node.op), "")
    if isinstance(before, ast.BitXor):
        words = "in Python `^` is not a power; a power is `**`"
    else:
        words = f"`{sign}` is the wrong operator in `{_source(node)}`"
    for kind in ARITHMETIC.get(type(before), ()):
        node.op = kind()
        yield Edit(node.lineno, words, lambda: _text(place.statement))
        node.op = before
    left, right = node.left, node.right
    yield from _replaced(place, left, f"`{sign} {_source(right)}` is too much here")
    yield from _replaced(place, right, f"`{_source(left)} {sign}` is too much here")
    if not isinstance(before, ast.Add | ast.Mult):
        words = f"the two sides of `{sign}` are the wrong way round in `{_source(node)}`"
        yield from _replaced(place, ast.BinOp(right, before, left), words)
    words = f"brackets group `{_source(node)}` differently from what is wanted"
    if isinstance(left, ast.BinOp):
        turned = ast.BinOp(left.left, left.op, _located(ast.BinOp(left.right, before, right), node))
        yield from _replaced(place, turned, words)
    if isinstance(right, ast.BinOp):
        turned = ast.BinOp(
            _located(ast.BinOp(left, before, right.left), node), right.op, right.right
        )
        yield from _replaced(place, turned, words)


def _located(node: ast.expr, like: ast.expr) -> ast.expr:
    return ast.copy_location(node, like)


# Calls --------------------------------------------------------------------------------------------

TWINS = [
    {"sum", "mean", "prod"}, {"max", "min"}, {"amax", "amin"}, {"argmax", "argmin"},
    {"floor", "ceil", "round"}, {"var", "std"}, {"zeros", "ones"}, {"zeros_like", "ones_like"},
    {"softmax", "log_softmax", "sigmoid"}, {"mse_loss", "l1_loss"}, {"rows", "columns"},
    {"maximum", "minimum"}, {"max_pool2d", "avg_pool2d"}, {"relu", "sigmoid", "tanh"},
    {"train", "eval"}, {"cumsum", "sum"}, {"sqrt", "square"}, {"exp", "log"},
    {"ConvTranspose2d", "Conv2d"}, {"MaxPool2d", "AvgPool2d"}, {"any", "all"},
    {"randn", "rand"}, {"reshape", "permute"}, {"sin", "cos"}, {"flatten", "ravel"},
]  # fmt: skip


def _calls(place: Place, _tree: ast.Module) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
        yield from _twin_names(place, node)
    if isinstance(node, ast.Call):
        yield from _unwrapped(place, node)
        yield from _arguments(place, node)
        yield from _keywords(place, node)
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT", "data", "real"):
        yield from _replaced(place, node.value, f"`.{node.attr}` is too much here")


def _twin_names(place: Place, node: ast.Attribute | ast.Name) -> Iterator[Edit]:
    field = "attr" if isinstance(node, ast.Attribute) else "id"
    name = getattr(node, field)
    for twin in sorted(set().union(*(group for group in TWINS if name in group)) - {name}):
        setattr(node, field, twin)
        yield Edit(node.lineno, f"`{name}` is not the one that is wanted",
                   lambda: _text(place.statement))  # fmt: skip
        setattr(node, field, name)


def _unwrapped(place: Place, node: ast.Call) -> Iterator[Edit]:
    name = _source(node.func)
    if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
        yield from _replaced(place, node.func.value, f"`.{node.func.attr}(…)` is too much here")
    if node.args:
        yield from _replaced(place, node.args[0], f"`{name}(…)` is too much here")


def _is_module(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("torch", "F", "nn", "np", "math", "fft")


def _arguments(place: Place, node: ast.Call) -> Iterator[Edit]:
    args = node.args
    for i in range(len(args) - 1):
        node.args = [*args[:i], args[i + 1], args[i], *args[i + 2 :]]
        words = (
            f"`{_source(args[i])}` and `{_source(args[i + 1])}` are the wrong way round in the call"
        )
        yield Edit(node.lineno, words, lambda: _text(place.statement))
        node.args = args
    if len(args) > 1:
        node.args = args[:-1]
        yield Edit(node.lineno, f"`{_source(args[-1])}` is too much in the call",
                   lambda: _text(place.statement))  # fmt: skip
        node.args = args


def _keywords(place: Place, node: ast.Call) -> Iterator[Edit]:
    keywords = node.keywords
    for i, keyword in enumerate(keywords):
        node.keywords = keywords[:i] + keywords[i + 1 :]
        words = f"`{keyword.arg}={_source(keyword.value)}` is too much"
        yield Edit(node.lineno, words, lambda: _text(place.statement))
        node.keywords = keywords
    if any(keyword.arg is None for keyword in keywords):
        return
    given = {keyword.arg for keyword in keywords}
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    for option, value in OPTIONS.get(name, ()):
        if option not in given:
            added = ast.keyword(option, _located(ast.Constant(value), node))
            node.keywords = [*keywords, added]
            words = f"`{name}` needs an option here (`{option}`)"
            yield Edit(node.lineno, words, lambda: _text(place.statement))
            node.keywords = keywords


_REDUCTION = (("keepdim", True), ("dim", 0), ("dim", 1), ("dim", -1))
OPTIONS: dict[str, tuple] = {
    **dict.fromkeys(("sum", "mean", "amax", "amin", "argmax", "argmin", "softmax"), _REDUCTION),
    "std": (*_REDUCTION, ("unbiased", False)),
    "var": (*_REDUCTION, ("unbiased", False)),
    "flatten": (("start_dim", 1),),
    "sort": (("descending", True),),
    "argsort": (("descending", True),),
    "topk": (("largest", False),),
    "clamp": (("min", 0), ("max", 1)),
    "Conv2d": (("bias", False), ("padding", 1)),
    "Linear": (("bias", False),),
    "cross_entropy": (("reduction", "sum"),),
}


# Numbers, indices, names --------------------------------------------------------------------------


def _constants(place: Place, tree: ast.Module) -> Iterator[Edit]:
    node = place.node
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    words = f"`{value}` is not the right {'number' if not isinstance(value, bool) else 'switch'}"
    others: list = []
    if isinstance(value, bool):
        others = [not value]
    elif isinstance(value, int):
        others = [value + 1, value - 1, *([-value] if value else []), *({0, 1, 2} - {value})]
    elif isinstance(value, float):
        others = [-value, 1 - value, 1.0, value * 2, value / 2]
    for other in others:
        yield from _replaced(place, ast.Constant(other), words)
    if isinstance(value, int | float) and not isinstance(value, bool):
        for name in _parameters(tree):
            yield from _replaced(
                place, ast.Name(name, ast.Load()), f"{words}; is it always the same?"
            )


def _subscripts(place: Place, _tree: ast.Module) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        index = _source(node)[len(_source(node.value)) :]
        yield from _replaced(place, node.value, f"`{index}` is too much here")
    if isinstance(node, ast.Tuple) and len(node.elts) > 1:
        elements = node.elts
        for i in range(len(elements) - 1):
            node.elts = [*elements[:i], elements[i + 1], elements[i], *elements[i + 2 :]]
            words = (
                f"`{_source(elements[i])}` and `{_source(elements[i + 1])}` are the wrong way round"
            )
            yield Edit(node.lineno, words, lambda: _text(place.statement))
            node.elts = elements
    if isinstance(node, ast.Slice):
        for field in ("lower", "upper", "step"):
            bound = getattr(node, field)
            if bound is not None:
                setattr(node, field, None)
                yield Edit(place.statement.lineno, f"`{_source(bound)}` is too much in the slice",
                           lambda: _text(place.statement))  # fmt: skip
                setattr(node, field, bound)


def _names(place: Place, tree: ast.Module) -> Iterator[Edit]:
    node = place.node
    if not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)):
        return
    if isinstance(place.parent, ast.Call) and place.field == "func":
        return
    for name in _variables(tree):
        if name != node.id:
            words = f"`{node.id}` is not the value that is wanted here"
            yield from _replaced(place, ast.Name(name, ast.Load()), words)


def _parameters(tree: ast.Module) -> list[str]:
    names = [a.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) for a in node.args]
    return [name for name in dict.fromkeys(names) if name != "self"]


def _variables(tree: ast.Module) -> list[str]:
    stored = [
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    return list(dict.fromkeys([*_parameters(tree), *stored]))[:12]


# Something added ----------------------------------------------------------------------------------

METHODS = ("abs", "sqrt", "square", "sum", "mean", "T", "float", "long", "clone", "detach")


def _wrapped(place: Place, _tree: ast.Module) -> Iterator[Edit]:
    """Add a sign, a one or a call to an expression that is computed and stored, or returned."""
    node = place.node
    operand = isinstance(
        place.parent, ast.BinOp | ast.Return | ast.Assign | ast.AugAssign | ast.Call
    )
    if (
        not operand
        or isinstance(node, ast.Constant | ast.Starred)
        or place.field in ("func", "targets", "target")
    ):
        return
    text = _source(node)
    short = text if len(text) <= 40 else text[:37] + " …"
    words = f"`{short}` needs something more"
    copied = copy.copy(node)
    yield from _replaced(place, ast.UnaryOp(ast.USub(), copied), f"the sign of `{short}` is wrong")
    for sign, kind in ((1, ast.Add), (1, ast.Sub)):
        off = ast.BinOp(copied, kind(), _located(ast.Constant(sign), node))
        yield from _replaced(place, off, f"`{short}` is off by one")
    if isinstance(place.parent, ast.Return | ast.Assign | ast.BinOp | ast.Call):
        for method in METHODS:
            attribute = _located(ast.Attribute(copied, method, ast.Load()), node)
            call = attribute if method == "T" else ast.Call(attribute, [], [])
            yield from _replaced(place, call, f"{words} (a call)")
        squared = ast.BinOp(copied, ast.Pow(), _located(ast.Constant(2), node))
        yield from _replaced(place, squared, f"`{short}` has to be squared")
