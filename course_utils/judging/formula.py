"""The right formula, slightly wrong: the variant of it that gives the number a student found.

An exercise declares its answer as an expression over named quantities. Terms are dropped, signs
turned, quantities exchanged and so on; the variant that alone gives the number is the message.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterator
from functools import cache

from course_utils.judging.comparison import align
from course_utils.judging.evidence import Evidence, Finding
from course_utils.judging.observation import same

# slips that students make more often than the others: these are said first
LIKELY = re.compile("left out|sign is turned|added|subtracted|exchanged|rounded|multiplied")
TELLING = 1000  # two edits reach almost every smaller number
PLAIN = re.compile("left out|sign is turned|rounded|counted")
Variant = tuple[ast.expr, str]  # an expression, and words for what is wrong with it
FUNCTIONS: dict[str, Callable] = {
    "sqrt": math.sqrt,
    "ceil": math.ceil,
    "log2": math.log2,
    "round": round,
    "abs": abs,
}


def near_miss(evidence: Evidence, part: int | None = None) -> Finding | None:
    """The one variant of the exercise's formula that gives the student's number.

    Parameters
    ----------
    evidence : what was seen of a wrong value
    part : which of several numbers; None where the answer is one number
    """
    exercise = evidence.exercise
    formulas = exercise.formula
    if not formulas or (part is None) != (len(formulas) == 1):
        return None
    answer = align(evidence.expected[0], evidence.observed[0])
    if part is not None:
        if not isinstance(answer, tuple | list):
            return None
        answer = answer[part]
    if not isinstance(answer, int | float):
        return None
    for depth in (1, 2) if abs(answer) >= TELLING else (1,):
        ordered = _likeliest(_words_for(answer, exercise, part or 0, depth))
        if depth == 2:  # thousands of variants: only plain slips say something
            plain = [w for w in ordered if all(map(PLAIN.search, w.split(" and ")))]
            ordered = [w for w in plain if LIKELY.search(w)]
        if 1 <= len(ordered) <= 2:
            return _finding("Your number comes", ordered)
        if ordered:
            return None
    return None


def shared_near_miss(evidence: Evidence) -> Finding | None:
    """The one edit, made in every formula that allows it, that gives every number of an answer."""
    exercise, answers = evidence.exercise, _answers(evidence)
    pairs = zip(evidence.expected[0], answers, strict=True) if answers else ()
    wrong = [i for i, pair in enumerate(pairs) if not _fits(*pair, exercise)]
    if len(wrong) < 2:
        return None
    words = set.intersection(*(_words_for(answers[i], exercise, i, 1) for i in wrong))
    quantities = tuple(exercise.quantities.items())
    for i in set(range(len(answers))) - set(wrong):  # there it would have done harm as well
        words -= {more for _, more in variants(exercise.formula[i], quantities, 1)}
    return _numbers_come_out(_likeliest(words))


def changed_quantity(evidence: Evidence) -> Finding | None:
    """The one quantity that, changed wherever it stands, gives every number of an answer."""
    exercise, answers = evidence.exercise, _answers(evidence)
    words = [
        how
        for how, numbers in (changed_quantities(exercise) if answers else ())
        if all(_fits(*pair, exercise) for pair in zip(numbers, answers, strict=True))
    ]
    return _numbers_come_out(words)


def changed_quantities(exercise) -> Iterator[tuple[str, list[float]]]:
    """What the formulas give when one quantity is changed wherever it stands, and how it is."""
    trees = [ast.parse(text, mode="eval").body for text in exercise.formula]
    for name, value in exercise.quantities.items():
        for changed, how in (
            (1, "is taken to be 1"), (value + 1, "is taken one larger"), (2 * value, "is doubled"),
            (value - 1, "is taken one smaller"), (value / 2, "is halved"),
            (value**2, "is squared"),
        ):  # fmt: skip
            if isinstance(value, int) and changed != int(changed):
                continue  # half a pixel is no slip
            values = exercise.quantities | {name: changed}
            try:
                yield _as_told(f"`{name}` {how}"), [evaluate(tree, values) for tree in trees]
            except (ArithmeticError, ValueError):
                continue


def _answers(evidence: Evidence) -> tuple:
    """The numbers of an answer to several formulas; empty where they are not all there."""
    answers = align(evidence.expected[0], evidence.observed[0])
    count = len(evidence.exercise.formula)
    if count < 2 or not isinstance(answers, tuple | list) or len(answers) != count:
        return ()
    return tuple(answers) if all(isinstance(each, int | float) for each in answers) else ()


def _numbers_come_out(words: list[str]) -> Finding | None:
    if not 1 <= len(words) <= 2:
        return None
    return _finding("Your numbers come", words)


def _finding(lead: str, words: list[str]) -> Finding:
    """One or two variants in a sentence."""
    return Finding("formula", f"{lead} out if {', and also if '.join(words)}.")


def _as_told(words: str) -> str:
    """The words of a variant; `k_b`, the k of part (b), is called so."""

    def told(match: re.Match) -> str:
        parts = {name[-1] for name in re.findall(r"\b[a-z]_[a-z]\b", match[1])}
        if len(parts) != 1:
            return match[0]
        plain = re.sub(r"_[a-z]\b", "", match[1])
        return f"`{plain}` of ({parts.pop()})"

    return re.sub(r"`([^`]+)`", told, words)


def _words_for(answer: float, exercise, part: int, depth: int) -> set[str]:
    """Words of every variant of a part's formula that gives this number."""
    quantities = tuple(exercise.quantities.items())
    near = variants(exercise.formula[part], quantities, depth)
    return {words for value, words in near if _fits(value, answer, exercise)}


def _fits(value: float, answer: float, exercise) -> bool:
    """Whether a student's number is this value; who gives decimals may have rounded them."""
    rounding = 0 if isinstance(answer, int) else 1e-4
    return math.isclose(value, answer, rel_tol=rounding, abs_tol=exercise.tolerance)


def _likeliest(words: set[str]) -> list[str]:
    return sorted(w for w in words if LIKELY.search(w)) or sorted(words)


@cache
def variants(text: str, quantities: tuple, depth: int) -> tuple[tuple[float, str], ...]:
    """(value, words) of every variant that is `depth` edits away and gives another value."""
    values = dict(quantities)
    tree = ast.parse(text, mode="eval").body
    right = evaluate(tree, values)
    results: dict[tuple[float, str], None] = {}
    if depth == 1 and "**" in text:
        caret = ast.parse(text.replace("**", "^"), mode="eval").body
        _note(results, caret, "`^` is written for a power, which in Python is `**`", values, right)
    names = tuple(name for name in values if re.search(rf"\b{name}\b", text))
    for variant, words in edits(tree, tuple(values), names):
        if isinstance(variant, ast.Constant):
            continue  # that a number of the formula stands alone says nothing
        if depth == 1:
            _note(results, variant, words, values, right)
            continue
        for second, more in edits(variant, tuple(values), names):
            if more != words:
                both = " and ".join(sorted((words, more)))
                _note(results, second, both, values, right)
    return tuple(results)


def _note(results: dict, tree: ast.expr, words: str, values: dict, right: float) -> None:
    try:
        value = evaluate(tree, values)
    except (ArithmeticError, ValueError, TypeError):
        return
    if isinstance(value, int | float) and not same(value, right, 1e-9):
        results[value, _as_told(words)] = None


def evaluate(node: ast.expr, values: dict) -> float:
    """The value of an arithmetic expression over named quantities."""
    if isinstance(node, ast.Constant):
        return node.value  # type: ignore[return-value]  # a formula's constants are numbers
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.UnaryOp):
        return -evaluate(node.operand, values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return FUNCTIONS[node.func.id](*(evaluate(arg, values) for arg in node.args))
    if not isinstance(node, ast.BinOp):
        raise TypeError(f"a formula holds numbers, names and + - * / // **, not {ast.dump(node)}")
    left, right = evaluate(node.left, values), evaluate(node.right, values)
    if isinstance(node.op, ast.Pow):
        if abs(right) > 64:
            raise ValueError("a power too large")
        return left**right
    return OPERATIONS[type(node.op)](left, right)


OPERATIONS = {
    ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b, ast.FloorDiv: lambda a, b: a // b, ast.Mod: lambda a, b: a % b,
    ast.BitXor: lambda a, b: a ^ b,
}  # fmt: skip


def edits(tree: ast.expr, names: tuple[str, ...], used: tuple[str, ...]) -> Iterator[Variant]:
    """Every expression one edit away, with words that complete "Your number comes out if …".

    Any of `names` may stand where another belongs; only those that are `used` change places.
    """
    yield ast.UnaryOp(ast.USub(), tree), "the sign is turned"
    yield from _edits_of_node(tree, names)
    for i, first in enumerate(used):
        for second in used[i + 1 :]:
            swapped = _Swap(first, second).visit(_copy(tree))
            yield swapped, f"`{first}` and `{second}` are exchanged"


def _edits_of_node(node: ast.expr, names: tuple[str, ...]) -> Iterator[Variant]:
    if isinstance(node, ast.BinOp):
        yield from _edits_of_operation(node)
        for left, words in _edits_of_node(node.left, names):
            yield ast.BinOp(left, node.op, node.right), words
        for right, words in _edits_of_node(node.right, names):
            yield ast.BinOp(node.left, node.op, right), words
    elif isinstance(node, ast.Name):
        for sign, more in ((ast.Add(), "larger"), (ast.Sub(), "smaller")):
            yield ast.BinOp(node, sign, ast.Constant(1)), f"`{node.id}` is taken one {more}"
        yield ast.BinOp(node, ast.Pow(), ast.Constant(2)), f"`{node.id}` is squared"
        for name in names:
            if name != node.id:
                yield ast.Name(name), f"`{name}` stands where `{node.id}` belongs"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        yield node.args[0], f"`{node.func.id}` is left out"
        for argument, words in _edits_of_node(node.args[0], names):
            yield ast.Call(node.func, [argument, *node.args[1:]], []), words
    elif (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and node.value not in (0, 1)
    ):
        yield ast.Constant(node.value + 1), f"{node.value} is taken one larger"
        yield ast.Constant(node.value - 1), f"{node.value} is taken one smaller"


def _edits_of_operation(node: ast.BinOp) -> Iterator[Variant]:
    a, b = ast.unparse(node.left), ast.unparse(node.right)
    if isinstance(node.op, ast.Add | ast.Sub):
        yield from _edits_of_sum(node, a, b)
    elif isinstance(node.op, ast.Mult):
        yield node.left, f"`{b}` is left out"
        yield node.right, f"`{a}` is left out"
        words = f"`{a}` and `{b}` are added instead of multiplied"
        yield ast.BinOp(node.left, ast.Add(), node.right), words
        yield ast.BinOp(node.left, ast.Div(), node.right), f"`{a}` is divided by `{b}`"
    elif isinstance(node.op, ast.Div | ast.FloorDiv):
        yield from _edits_of_quotient(node, a, b)
    elif isinstance(node.op, ast.Pow):
        yield node.left, f"the power of {b} is left out"
        words = f"`{a}` is multiplied by {b} instead of raised to that power"
        yield ast.BinOp(node.left, ast.Mult(), node.right), words
    yield from _edits_of_brackets(node, a, b)


def _edits_of_sum(node: ast.BinOp, a: str, b: str) -> Iterator[Variant]:
    is_sum = isinstance(node.op, ast.Add)
    # of a number alone, such as 1, nobody would know which is meant
    last = f"{'+' if is_sum else '-'} {b}" if isinstance(node.right, ast.Constant) else b
    yield node.left, f"`{last}` is left out"
    yield node.right, f"`{a}` is left out"
    turned = ast.BinOp(node.left, ast.Sub() if is_sum else ast.Add(), node.right)
    yield turned, f"`{b}` is {'subtracted' if is_sum else 'added'}"
    if not is_sum:
        yield ast.BinOp(node.right, ast.Sub(), node.left), f"`{a}` is subtracted from `{b}`"


def _edits_of_quotient(node: ast.BinOp, a: str, b: str) -> Iterator[Variant]:
    yield node.left, f"nothing is divided by `{b}`"
    yield ast.BinOp(node.left, ast.Mult(), node.right), f"`{a}` is multiplied by `{b}`"
    yield (
        ast.BinOp(node.right, node.op, node.left),
        f"`{a}` and `{b}` are exchanged in the division",
    )
    if isinstance(node.op, ast.FloorDiv):
        quotient = ast.BinOp(node.left, ast.Div(), node.right)
        yield ast.Call(ast.Name("ceil"), [quotient], []), "the division is rounded up"
        yield quotient, "the division is not rounded"


def _edits_of_brackets(node: ast.BinOp, a: str, b: str) -> Iterator[Variant]:
    left, right = node.left, node.right
    products = (ast.Mult, ast.Div, ast.FloorDiv, ast.Pow)
    if _is_sum(left) and isinstance(node.op, products):
        inner = ast.BinOp(left.right, node.op, right)  # type: ignore[attr-defined]
        opened = ast.BinOp(left.left, left.op, inner)  # type: ignore[attr-defined]
        yield opened, f"the brackets round `{a}` are left out"
    if _is_sum(right) and isinstance(node.op, ast.Mult | ast.Sub):
        inner = ast.BinOp(left, node.op, right.left)  # type: ignore[attr-defined]
        opened = ast.BinOp(inner, right.op, right.right)  # type: ignore[attr-defined]
        yield opened, f"the brackets round `{b}` are left out"


def _is_sum(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)


class _Swap(ast.NodeTransformer):
    def __init__(self, first: str, second: str):
        self.names = {first: second, second: first}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def _copy(tree: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(tree), mode="eval").body
