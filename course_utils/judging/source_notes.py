"""What the student's source shows: observations, said beside a message and never as its ground."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from course_utils.judging import source
from course_utils.judging.edit_places import source_of

OUT_OF_PLACE = {
    "abs", "clamp", "clip", "clone", "cpu", "detach", "double", "exp", "expand", "flatten", "flip",
    "float", "int", "log", "long", "masked_fill", "mean", "permute", "pow", "relu", "repeat",
    "reshape", "roll", "sigmoid", "softmax", "sqrt", "squeeze", "sum", "tanh", "t", "to",
    "transpose", "unsqueeze", "view",
}  # fmt: skip


class Note(NamedTuple):
    """An observation on the source: its stable id and its words."""

    id: str
    words: str


def notes(answer: object) -> list[Note]:
    """Observations on the source of a function or class; none where it is not at hand."""
    tree = _tree(answer)
    if tree is None:
        return []
    notes: list[Note] = []
    for look in (_fresh_layers, _powers, _dropped_results, _return_in_loop, _unused,
                 _missing_brackets, _printed, _unreachable, _shadowed, _one_row):  # fmt: skip
        notes += look(tree, answer)
    return list({note.id: note for note in notes}.values())


def _tree(answer: object) -> ast.FunctionDef | ast.ClassDef | None:
    if not (inspect.isfunction(answer) or inspect.isclass(answer)):
        return None
    try:
        definition = ast.parse(source.text_of(answer)).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None
    return definition if isinstance(definition, ast.FunctionDef | ast.ClassDef) else None


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


WITH_WEIGHTS = re.compile(r"(?:(?:torch\.)?nn\.)?(Conv[123]d|ConvTranspose2d|Linear)")


def _fresh_layers(tree, _answer) -> Iterator[Note]:
    """A layer that a function makes for itself, and whose weights it leaves as they are drawn."""
    if not isinstance(tree, ast.FunctionDef):
        return
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    if attributes & {"weight", "parameters", "load_state_dict"}:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and WITH_WEIGHTS.fullmatch(source_of(node.func)):
            words = f"`{source_of(node.func)}` makes a new layer with random weights of its own."
            yield Note("fresh-layer", words)


def _powers(tree, _answer) -> Iterator[Note]:
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
            words = (
                f"In Python `^` is no power: `{source_of(node)}` compares bits. A power is `**`."
            )
            yield Note("caret", words)


def _dropped_results(tree, _answer) -> Iterator[Note]:
    for node in ast.walk(tree):
        call = node.value if isinstance(node, ast.Expr) else None
        method = call.func if isinstance(call, ast.Call) else None
        if call and isinstance(method, ast.Attribute) and method.attr in OUT_OF_PLACE:
            words = f"`{source_of(call)}` computes something and the result is dropped: the "
            words += "tensor itself stays as it is."
            yield Note("dropped-result", words)


def _return_in_loop(tree, _answer) -> Iterator[Note]:
    for function in _functions(tree):
        for loop in ast.walk(function):
            if isinstance(loop, ast.For | ast.While) and isinstance(loop.body[-1], ast.Return):
                words = "`return` stands inside the loop, so the loop ends in its first round."
                yield Note("return-in-loop", words)


def _unused(tree, answer) -> Iterator[Note]:
    """A parameter that is never read, and names of the notebook that are read instead."""
    if not isinstance(tree, ast.FunctionDef):
        return
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    stored = {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    parameters = [argument.arg for argument in tree.args.args]
    unused = [name for name in parameters if name not in read]
    scope = getattr(answer, "__globals__", {})
    foreign = sorted(
        name
        for name in read - stored - set(parameters)
        if name in scope and not callable(scope[name]) and not inspect.ismodule(scope[name])
    )
    quoted = ", ".join(f"`{name}`" for name in foreign)
    if foreign and unused:
        words = f"Your function never uses its argument `{unused[0]}`; it reads {quoted} from the "
        yield Note("notebook-value", words + "notebook instead.")
    elif foreign:
        yield Note(
            "notebook-value", f"Your function reads {quoted} from the notebook, outside itself."
        )
    elif unused:
        words = f"Your function never uses its argument{'s' if len(unused) > 1 else ''} "
        yield Note("unused", words + ", ".join(f"`{name}`" for name in unused) + ".")


def _missing_brackets(tree, _answer) -> Iterator[Note]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.Add | ast.Sub)
            and isinstance(node.left, ast.BinOp)
            and isinstance(node.left.op, ast.Div | ast.FloorDiv)
            and isinstance(node.left.right, ast.Constant)
            and node.left.right.value == 1
        ):
            words = f"Python reads `{source_of(node)}` as `({source_of(node.left)})` first: "
            yield Note("brackets", words + "dividing by 1 changes nothing. Are brackets missing?")


def _printed(tree, _answer) -> Iterator[Note]:
    for function in _functions(tree):
        returns = any(isinstance(n, ast.Return) and n.value for n in ast.walk(function))
        prints = any(
            isinstance(n, ast.Call) and getattr(n.func, "id", "") == "print"
            for n in ast.walk(function)
        )
        if prints and not returns:
            yield Note("print-for-return", "`print` shows a value; `return` hands it over.")


def _unreachable(tree, _answer) -> Iterator[Note]:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            for i, statement in enumerate(body[:-1]):
                if isinstance(statement, ast.Return | ast.Break | ast.Continue):
                    word = type(statement).__name__.lower()
                    words = f"Nothing after `{word}` is reached: `{source_of(body[i + 1])[:60]}`."
                    yield Note("unreachable", words)


def _shadowed(tree, _answer) -> Iterator[Note]:
    """A parameter that gets another value before it is read."""
    for function in _functions(tree):
        parameters = {argument.arg for argument in function.args.args} - {"self"}
        statements = [s for s in function.body if not isinstance(s, ast.Expr)]
        if not statements or not isinstance(statements[0], ast.Assign):
            continue
        first = statements[0]
        read = {n.id for n in ast.walk(first.value) if isinstance(n, ast.Name)}
        for target in first.targets:
            if isinstance(target, ast.Name) and target.id in parameters - read:
                words = (
                    f"`{target.id}` is given a new value before it is used, so what is passed in "
                )
                yield Note("overwritten", words + "is lost.")


def _one_row(tree, _answer) -> Iterator[Note]:
    """A list whose rows are one and the same, and stay so, of which a row is written to."""
    stored = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
    ]
    written = {_subscripted(value) for value in stored if isinstance(value, ast.Subscript)}
    replaced = {value.id for value in stored if isinstance(value, ast.Name)}  # row by row
    bound = Counter(
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _repeats_an_object(node.value):
            names = {n.id for n in node.targets if isinstance(n, ast.Name) and bound[n.id] == 1}
            for name in names & written - replaced:
                words = f"`{source_of(node.value)}` repeats one row, not copies of it: what is "
                yield Note("one-row", words + f"written into one row of `{name}` is in all.")


def _subscripted(value: ast.expr) -> str:
    """The name `t` of `t[i][j]`; "" where it is none."""
    while isinstance(value, ast.Subscript):
        value = value.value
    return value.id if isinstance(value, ast.Name) else ""


def _repeats_an_object(value: ast.expr) -> bool:
    """Whether it is `[row] * count` or `count * [row]`, with a row that can be written to."""
    if not (isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult)):
        return False
    rows = [each.elts[0] for each in (value.left, value.right)
            if isinstance(each, ast.List) and each.elts]  # fmt: skip
    plain = ast.Constant, ast.Name, ast.Tuple, ast.UnaryOp, ast.Attribute
    return bool(rows) and not isinstance(rows[0], plain)
