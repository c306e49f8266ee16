"""The source of model answers and stubs, and whether two pieces of code are the same."""

import ast
import dis
import inspect
import re
import textwrap

_NULL = re.compile(r"NULL(\|self)? \+ | \+ NULL(\|self)?")  # a mark for calls in bytecode


def _tree(thing) -> tuple[ast.AST, list[str]]:
    text = textwrap.dedent(inspect.getsource(thing))
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


def same_code(a, b) -> bool:
    """Whether two functions or classes compile to the same code; layout and docstring are free."""
    if inspect.isclass(a) != inspect.isclass(b):
        return False
    if not inspect.isclass(a):
        return _key(a) == _key(b)
    methods = [
        {name: _key(part) for name, part in vars(one).items() if inspect.isfunction(part)}
        for one in (a, b)
    ]
    return methods[0] == methods[1]


def _key(function):
    code = getattr(function, "__code__", None)
    return _code_key(code, function.__doc__) if code else function


def _code_key(code, doc=None):
    """What code does, whether or not `module.function()` sees the module's import.

    The compiler writes such a call in two ways.
    """
    consts = code.co_consts[1:] if doc and code.co_consts[:1] == (doc,) else code.co_consts
    parts = tuple(_code_key(part) if inspect.iscode(part) else repr(part) for part in consts)
    steps = [
        (step.opname.replace("LOAD_METHOD", "LOAD_ATTR"), _NULL.sub("", step.argrepr))
        for step in dis.get_instructions(code)
        if step.opname not in ("PRECALL", "PUSH_NULL")
        and (step.opname != "LOAD_CONST" or not inspect.iscode(step.argval))
    ]
    return tuple(steps), parts, code.co_varnames


def is_empty(function) -> bool:
    """Whether the body is nothing but `...`, `pass` or `return None`."""
    skip = {"RESUME", "NOP", "COPY_FREE_VARS", "MAKE_CELL", "RETURN_VALUE"}
    left = [step for step in dis.get_instructions(function) if step.opname not in skip]
    return all(
        step.opname in ("LOAD_CONST", "RETURN_CONST") and step.argval is None for step in left
    )
