"""The source of model answers and stubs, and whether two pieces of code are the same."""

import ast
import dis
import inspect
import linecache
import textwrap
from typing import Any


def text_of(thing) -> str:
    """The source of a function or class, also of a class that a notebook's cell defines.

    Raises
    ------
    OSError, TypeError
        If it is not at hand.
    """
    if not inspect.isclass(thing):
        return textwrap.dedent(inspect.getsource(thing))
    methods = [part for part in vars(thing).values() if inspect.isfunction(part)]
    if not methods:
        return textwrap.dedent(inspect.getsource(thing))
    code = methods[0].__code__  # `inspect` looks classes up by module, and a cell is none
    lines = linecache.getlines(code.co_filename)
    for node in ast.walk(ast.parse("".join(lines))):
        if not isinstance(node, ast.ClassDef) or node.name != thing.__name__:
            continue
        if node.lineno <= code.co_firstlineno <= (node.end_lineno or 0):
            return textwrap.dedent("".join(lines[node.lineno - 1 : node.end_lineno]))
    raise OSError(f"the source of {thing.__name__} is not at hand")


def _tree(thing) -> tuple[Any, list[str]]:
    text = text_of(thing)
    return ast.parse(text).body[0], text.splitlines()


def definition(thing, name: str) -> str:
    """Source of a function or class without its decorators, under `name`."""
    node, lines = _tree(thing)
    lines = lines[node.lineno - 1 : node.end_lineno]
    return "\n".join([lines[0].replace(thing.__name__, name, 1), *lines[1:]])


def stub(thing) -> str:
    """Signature and docstring of a function, or of a class's methods, then `...  # your code`."""
    node, lines = _tree(thing)
    if isinstance(node, ast.FunctionDef):
        return _stub_lines(node, lines)
    head = "\n".join(lines[node.lineno - 1 : node.body[0].lineno - 1])
    docstring = _is_docstring(node.body[0])
    if docstring:
        head += "\n" + "\n".join(lines[node.body[0].lineno - 1 : node.body[0].end_lineno]) + "\n"
    methods = [_stub_lines(part, lines) for part in node.body if isinstance(part, ast.FunctionDef)]
    return head + "\n" + "\n\n".join(methods)


def _stub_lines(node: ast.FunctionDef, lines: list[str]) -> str:
    first = node.body[0]
    end = first.end_lineno if _is_docstring(first) else first.lineno - 1
    indent = " " * first.col_offset
    return "\n".join([*lines[node.lineno - 1 : end], f"{indent}...  # your code"])


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def assignment(function, name: str) -> str:
    """The body of a function without arguments, with `return x` turned into `name = x`."""
    node, lines = _tree(function)
    body = node.body[1:] if _is_docstring(node.body[0]) else node.body
    text = textwrap.dedent("\n".join(lines[body[0].lineno - 1 : body[-1].end_lineno]))
    head, _, value = text.rpartition("return ")
    return f"{head}{name} = {value}"


def same_code(answer, text: str) -> bool:
    """Whether a function or class says what a definition in `text` does.

    Layout, comments, docstrings and decorators are free. False where the source is not at hand.
    """
    try:
        tree = _tree(answer)[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return False
    return _dump(tree) == _dump(ast.parse(text).body[0])


def _dump(definition: ast.AST) -> str:
    for node in ast.walk(definition):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            node.name = node.name if node is not definition else ""
            node.decorator_list = []
            if len(node.body) > 1 and _is_docstring(node.body[0]):
                del node.body[0]
    return ast.dump(definition)


def is_empty(function) -> bool:
    """Whether the body is nothing but `...`, `pass` or `return None`."""
    skip = {"RESUME", "NOP", "COPY_FREE_VARS", "MAKE_CELL", "RETURN_VALUE"}
    steps = [step for step in dis.get_instructions(function) if step.opname not in skip]
    return all(
        step.opname in ("LOAD_CONST", "RETURN_CONST") and step.argval is None for step in steps
    )
