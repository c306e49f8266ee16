"""Single edits of expressions: operators, calls, numbers, indices and names.

With `edit_statements`, all the edits that are tried on a student's code; each has words for what
kind it is.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from course_utils.judging.edit_brackets import SIGNS, bracketed, has_brackets
from course_utils.judging.edit_places import (
    Edit,
    Place,
    located,
    places,
    replaced,
    source_of,
    text_of,
)


def expression_edits(tree: ast.Module) -> Iterator[Edit]:
    """Make one edit after the other of the expressions in a function's or class's bodies."""
    everywhere = list(places(tree))
    for kind in KINDS:
        for place in everywhere:
            yield from kind(place, tree)


# Operators ----------------------------------------------------------------------------------------

COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
}  # fmt: skip
ARITHMETIC: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub, ast.Mult), ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add, ast.Pow, ast.MatMult),
    ast.Div: (ast.Mult, ast.FloorDiv), ast.FloorDiv: (ast.Div,), ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,), ast.BitXor: (ast.Pow,), ast.Mod: (ast.FloorDiv,),
    ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,),
}  # fmt: skip


def _operators(place: Place, _tree: ast.Module) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, ast.Compare):
        before = node.ops[0]
        for kind in COMPARISONS.get(type(before), ()):
            node.ops[0] = kind()
            words = f"the comparison in `{source_of(node.left)[:40]} …` lets the wrong ones through"
            yield Edit(node.lineno, words, lambda: text_of(place.statement))
            node.ops[0] = before
    elif isinstance(node, ast.BinOp):
        yield from _binary(place, node)
        yield from bracketed(place, node)
        yield from _taken_into_call(place, node)
    elif isinstance(node, ast.UnaryOp):
        words = f"the `{'not' if isinstance(node.op, ast.Not) else '-'}` before "
        words += f"`{source_of(node.operand)}` is one too many"
        yield from replaced(place, node.operand, words)


def _binary(place: Place, node: ast.BinOp) -> Iterator[Edit]:
    before, sign = node.op, SIGNS.get(type(node.op), "")
    if isinstance(before, ast.BitXor):
        words = "in Python `^` is not a power; a power is `**`"
    else:
        words = f"`{sign}` is the wrong operator in `{source_of(node)}`"
    for kind in ARITHMETIC.get(type(before), ()):
        node.op = kind()
        yield Edit(node.lineno, words, lambda: text_of(place.statement))
        node.op = before
    left, right = node.left, node.right
    yield from replaced(place, left, f"`{sign} {source_of(right)}` is too much here")
    yield from replaced(place, right, f"`{source_of(left)} {sign}` is too much here")
    if not isinstance(before, ast.Add | ast.Mult):
        words = f"the two sides of `{sign}` are the wrong way round in `{source_of(node)}`"
        yield from replaced(place, ast.BinOp(right, before, left), words)
    words = f"brackets group `{source_of(node)}` differently from what is wanted"
    if isinstance(left, ast.BinOp) and has_brackets(left, node, 0):
        turned = ast.BinOp(left.left, left.op, located(ast.BinOp(left.right, before, right), node))
        yield from replaced(place, turned, words)
    if isinstance(right, ast.BinOp) and has_brackets(right, node, 1):
        turned = ast.BinOp(
            located(ast.BinOp(left, before, right.left), node), right.op, right.right
        )
        yield from replaced(place, turned, words)


def _taken_into_call(place: Place, node: ast.BinOp) -> Iterator[Edit]:
    """Take a sum's second part into the brackets of the call before it: `f(a) - b`, `f(a - b)`."""
    call = node.left
    if isinstance(call, ast.Call) and len(call.args) == 1 and not call.keywords:
        inner = located(ast.BinOp(call.args[0], node.op, node.right), node)
        words = f"the brackets of `{source_of(call.func)}(…)` close too early"
        yield from replaced(place, ast.Call(call.func, [inner], []), words)


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


def _calls(place: Place, tree: ast.Module) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
        yield from _twin_names(place, node)
    if isinstance(node, ast.Call):
        yield from _unwrapped(place, node)
        yield from _arguments(place, node)
        yield from _keywords(place, node)
        yield from _options_of_others(place, node, tree)
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT", "data", "real"):
        yield from replaced(place, node.value, f"`.{node.attr}` is too much here")


def _twin_names(place: Place, node: ast.Attribute | ast.Name) -> Iterator[Edit]:
    field = "attr" if isinstance(node, ast.Attribute) else "id"
    name = getattr(node, field)
    for twin in sorted(set().union(*(group for group in TWINS if name in group)) - {name}):
        setattr(node, field, twin)
        yield Edit(node.lineno, f"`{name}` is not the one that is wanted",
                   lambda: text_of(place.statement))  # fmt: skip
        setattr(node, field, name)


def _unwrapped(place: Place, node: ast.Call) -> Iterator[Edit]:
    name = source_of(node.func)
    if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
        yield from replaced(place, node.func.value, f"`.{node.func.attr}(…)` is too much here")
    if node.args:
        yield from replaced(place, node.args[0], f"`{name}(…)` is too much here")
    first = node.args[0] if len(node.args) == 1 and not node.keywords else None
    if isinstance(first, ast.BinOp):
        call = located(ast.Call(node.func, [first.left], []), node)
        words = f"the brackets of `{name}(…)` close too late"
        yield from replaced(place, ast.BinOp(call, first.op, first.right), words)


def _is_module(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("torch", "F", "nn", "np", "math", "fft")


def _arguments(place: Place, node: ast.Call) -> Iterator[Edit]:
    args = node.args
    for i in range(len(args) - 1):
        node.args = [*args[:i], args[i + 1], args[i], *args[i + 2 :]]
        pair = f"`{source_of(args[i])}` and `{source_of(args[i + 1])}`"
        words = f"{pair} are the wrong way round in the call"
        yield Edit(node.lineno, words, lambda: text_of(place.statement))
        node.args = args
    if len(args) > 1:
        node.args = args[:-1]
        yield Edit(node.lineno, f"`{source_of(args[-1])}` is too much in the call",
                   lambda: text_of(place.statement))  # fmt: skip
        node.args = args


def _keywords(place: Place, node: ast.Call) -> Iterator[Edit]:
    keywords = node.keywords
    for i, keyword in enumerate(keywords):
        node.keywords = keywords[:i] + keywords[i + 1 :]
        words = f"`{keyword.arg}={source_of(keyword.value)}` is too much"
        yield Edit(node.lineno, words, lambda: text_of(place.statement))
        node.keywords = keywords
    if any(keyword.arg is None for keyword in keywords):
        return
    used = {keyword.arg for keyword in keywords}
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    for option, value in OPTIONS.get(name, ()):
        if option not in used:
            added = ast.keyword(option, located(ast.Constant(value), node))
            node.keywords = [*keywords, added]
            words = f"`{name}` needs an option here (`{option}`)"
            yield Edit(node.lineno, words, lambda: text_of(place.statement))
            node.keywords = keywords


def _options_of_others(place: Place, node: ast.Call, tree: ast.Module) -> Iterator[Edit]:
    """Give a call without arguments those of another call: one mean has its axes, one has not."""
    if node.args or node.keywords or not isinstance(node.func, ast.Attribute):
        return
    if node.func.attr not in REDUCTIONS:
        return
    tried = set()
    for other in ast.walk(tree):
        if not (isinstance(other, ast.Call) and isinstance(other.func, ast.Attribute)):
            continue
        options = source_of(ast.Call(ast.Name("_", ast.Load()), other.args, other.keywords))[1:]
        with_axes = other.args or any(each.arg in ("dim", "axis") for each in other.keywords)
        if not with_axes or options in tried or other.func.attr not in REDUCTIONS:
            continue
        tried.add(options)
        call = ast.Call(node.func, other.args, other.keywords)
        words = f"`.{node.func.attr}()` has no axes, and `.{other.func.attr}{options}` has"
        yield from replaced(place, call, words)


REDUCTIONS = ("sum", "mean", "prod", "std", "var", "amax", "amin", "argmax", "argmin", "all", "any")
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
    words = f"`{value!s}` is not the right {'number' if not isinstance(value, bool) else 'switch'}"
    others: list = []
    if isinstance(value, bool):
        others = [not value]
    elif isinstance(value, int):
        others = [value + 1, value - 1, *([-value] if value else []), *({0, 1, 2} - {value})]
    elif isinstance(value, float):
        others = [-value, 1 - value, 1.0, value * 2, value / 2]
    for other in others:
        yield from replaced(place, ast.Constant(other), words)
    if isinstance(value, int | float) and not isinstance(value, bool):
        for name in _parameters(tree):
            variable: list[ast.expr] = [ast.Name(name, ast.Load())]
            if isinstance(value, float):  # 0.1 for 1 - rho
                variable.append(ast.BinOp(ast.Constant(1), ast.Sub(), ast.Name(name, ast.Load())))
            for other in variable:
                yield from replaced(place, other, f"{words}; the right one comes from an argument")


def _subscripts(place: Place, _tree: ast.Module) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        index = f"[{', '.join(map(source_of, parts))}]"
        yield from replaced(place, node.value, f"`{index}` is too much here")
        later = ast.Tuple([located(ast.Slice(), node), *parts], ast.Load())
        words = f"`{index}` begins with axis 0, and it belongs one axis further"
        if not isinstance(node.value, ast.Subscript):  # whose axis 0 is another
            yield from replaced(place, ast.Subscript(node.value, later, ast.Load()), words)
    if isinstance(node, ast.Tuple) and len(node.elts) > 1:
        elements = node.elts
        for i in range(len(elements) - 1):
            node.elts = [*elements[:i], elements[i + 1], elements[i], *elements[i + 2 :]]
            pair = f"`{source_of(elements[i])}` and `{source_of(elements[i + 1])}`"
            words = f"{pair} are the wrong way round"
            yield Edit(node.lineno, words, lambda: text_of(place.statement))
            node.elts = elements
    if isinstance(node, ast.Slice):
        for field in ("lower", "upper", "step"):
            bound = getattr(node, field)
            if bound is not None:
                setattr(node, field, None)
                yield Edit(place.statement.lineno, f"`{source_of(bound)}` is too much in the slice",
                           lambda: text_of(place.statement))  # fmt: skip
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
            yield from replaced(place, ast.Name(name, ast.Load()), words)


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
        place.parent,
        ast.BinOp | ast.Return | ast.Assign | ast.AugAssign | ast.Call | ast.Compare,
    )
    if (
        not operand
        or isinstance(node, ast.Constant | ast.Starred)
        or place.field in ("func", "targets", "target")
    ):
        return
    text = source_of(node)
    short = text if len(text) <= 40 else text[:37] + " …"
    words = f"`{short}` needs something more"
    copied = copy.copy(node)
    yield from replaced(place, ast.UnaryOp(ast.USub(), copied), f"the sign of `{short}` is wrong")
    for sign, kind in ((1, ast.Add), (1, ast.Sub)):
        off = ast.BinOp(copied, kind(), located(ast.Constant(sign), node))
        yield from replaced(place, off, f"`{short}` is off by one")
    if isinstance(place.parent, ast.Return | ast.Assign | ast.BinOp | ast.Call):
        for method in METHODS:
            attribute = located(ast.Attribute(copied, method, ast.Load()), node)
            call = attribute if method == "T" else ast.Call(attribute, [], [])
            yield from replaced(place, call, f"{words} (a call)")
        squared = ast.BinOp(copied, ast.Pow(), located(ast.Constant(2), node))
        yield from replaced(place, squared, f"`{short}` has to be squared")


KINDS = (_operators, _calls, _names, _constants, _subscripts, _wrapped)
