"""Cases tell apart: small changes of every model answer's own source are rejected.

Changed are comparison and arithmetic operators, whole numbers by one, neighbouring arguments,
indices and axes, statements (dropped), and parameters (a constant in their place). A change that
passes is listed in `SURVIVORS` with the reason why it cannot be told from the answer.
"""

import ast
import linecache
import re
import sys
import warnings
from collections.abc import Iterator

import pytest
from turns import daily_share

from course_utils.exercises import all_exercises
from course_utils.judging import edit_expressions, edit_statements, guard, judge
from course_utils.judging.edit_places import Edit, Place, bodies, places, replaced, text_of
from course_utils.judging.observe import observe

SEEDS = (0, 1)
CODE = {exercise.number: exercise for exercise in all_exercises() if not exercise.is_value}

# exercise → pattern of the changed line → why it does what the answer does
ROOM = "more room round the image than is needed changes no window that is read"
ONLY_ONE = "the batch or channel that is taken is the only one"
ANY_ORDER = "axes are reduced together, in whatever order they are named"
SURVIVORS: dict[str, dict[str, str]] = {
    "1.5": {r"exchanged: .*\((2, 0, 3|0, 3, 2)\), keepdim": ANY_ORDER},
    "2.5": {r"padded = image.new_zeros": ROOM},
    "3.4": {
        r"padded = image.new_full": "slices end at the edge, and -inf never wins: " + ROOM,
        r"amax\(\(2, 1\)\)": ANY_ORDER,
    },
    "3.8": {r"\[-1\]$": ONLY_ONE},
    "3.9": {r"\[-1, 0\]$|\[0, -1\]$": ONLY_ONE},
    "3.10": {r"\[-1\]$": ONLY_ONE},
    "3.12": {r"dim=\(3, 2\)": ANY_ORDER},
    "4.7": {r"\(inputs / groups\)": "groups divide the channels, so / and // give the same number"},
    "5.7": {r"hypot\(dy, dx\)": "a length does not depend on the order of its two sides"},
    "6.10": {
        r"25000[01]|249999": "a millionth of the start is below what a schedule is compared to",
        r"step < top": "both halves give the peak where they meet",
    },
    "6.11": {r"V\.mT \* back": "the network has one output: a column times a row is their product"},
    "6.14": {r"strict=False": "both lists have a tensor for every layer"},
    "7.3": {r"exchanged: .*nn\.ReLU\(\)": "a decoder bends wherever its ReLUs stand"},
    "7.6": {r"mse_loss\(images, model": "a squared difference has no sign"},
    "8.6": {r"solution\[:, -1\]": "there is one right-hand side"},
}


def mutants(tree: ast.Module) -> Iterator[Edit]:
    """Make one change after the other in a model answer's tree."""
    for definition in list(ast.walk(tree)):
        for body in list(bodies(definition)):
            if not isinstance(definition, ast.Module | ast.ClassDef):
                yield from edit_statements.dropped(body)
    for place in list(places(tree)):
        yield from operators(place)
        yield from numbers(place)
        yield from exchanges(place)
        yield from constants_for_parameters(place, tree)


def operators(place: Place) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, ast.Compare):
        holder, kinds = node.ops, edit_expressions.COMPARISONS.get(type(node.ops[0]), ())
        before = holder[0]
        for kind in kinds:
            holder[0] = kind()
            yield Edit(node.lineno, "comparison", lambda: text_of(place.statement))
            holder[0] = before
    elif isinstance(node, ast.BinOp):
        before = node.op
        for kind in edit_expressions.ARITHMETIC.get(type(before), ()):
            node.op = kind()
            yield Edit(node.lineno, "operator", lambda: text_of(place.statement))
            node.op = before


def numbers(place: Place) -> Iterator[Edit]:
    value = getattr(place.node, "value", None)
    if isinstance(place.node, ast.Constant) and type(value) is int:
        for other in (value + 1, value - 1):
            yield from replaced(place, ast.Constant(other), f"{value} to {other}")
    if isinstance(place.node, ast.Constant) and type(value) is bool:
        yield from replaced(place, ast.Constant(not value), "switch")


def exchanges(place: Place) -> Iterator[Edit]:
    node = place.node
    field = {ast.Call: "args", ast.Tuple: "elts"}.get(type(node))
    items = getattr(node, field) if field else []
    for i in range(len(items) - 1):
        if ast.dump(items[i]) != ast.dump(items[i + 1]):
            setattr(node, field, [*items[:i], items[i + 1], items[i], *items[i + 2 :]])
            yield Edit(node.lineno, "exchanged", lambda: text_of(place.statement))
            setattr(node, field, items)


def constants_for_parameters(place: Place, tree: ast.Module) -> Iterator[Edit]:
    definition, node = tree.body[0], place.node
    if not isinstance(definition, ast.FunctionDef) or not isinstance(node, ast.Name):
        return
    names = [argument.arg for argument in definition.args.args]
    if node.id not in names or not isinstance(node.ctx, ast.Load):
        return
    defaults = dict(zip(names[::-1], definition.args.defaults[::-1], strict=False))
    default = defaults.get(node.id)
    values = {0, 1} | ({default.value} if isinstance(default, ast.Constant) else set())
    for value in sorted(values):
        yield from replaced(place, ast.Constant(value), f"{node.id} is always {value}")


def passes(exercise, code, scope, expected) -> bool:
    outcome = guard.guarded(lambda: exec(code, scope), 5, undo=list)
    if outcome.value is not None:
        return False
    for seed in SEEDS:
        observed = observe(exercise, scope[exercise.name], seed)
        if not judge.passes(exercise, observed.results, expected[seed], seed):
            return False
    return True


def surviving(exercise) -> list[str]:
    """The changed lines of those mutants that pass on all seeds."""
    source = exercise.solution_source()
    tree, names = ast.parse(source), vars(sys.modules[exercise.model.__module__])
    expected = {seed: judge.expected(exercise, seed) for seed in SEEDS}
    survivors = []
    for edit in mutants(tree):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a mutant may be odd
            try:
                code = compile(ast.fix_missing_locations(tree), "<mutant>", "exec")
            except (SyntaxError, ValueError, TypeError):
                continue
        linecache.cache["<mutant>"] = (len(source), None, source.splitlines(True), "<mutant>")
        if passes(exercise, code, dict(names), expected):
            survivors.append(f"{edit.words}: {edit.fix()}")
    return survivors


@pytest.mark.bank
@pytest.mark.parametrize("number", daily_share(CODE, 3))
def test_mutants_are_rejected(number):
    reasons = SURVIVORS.get(number, {})
    survivors = surviving(CODE[number])
    told = [line for line in survivors if not any(re.search(p, line) for p in reasons)]
    assert not told, "\n".join(told)
    needless = [p for p in reasons if not any(re.search(p, line) for line in survivors)]
    assert not needless, f"no mutant survives here any more: {needless}"
    assert all(len(reason) > 15 for reason in reasons.values()), "a survivor needs its reason"
