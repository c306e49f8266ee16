"""No exercise's answer stands before its check: what counts as an answer, and where it is sought.

The rule, in one paragraph. Sought is in every cell before the check: its source, its prose, the
code inside its prose, its outputs. **Code** (functions, modules, and the sums that make a value):
the model answer is cut into the expressions its statements compute, without those its stub gives;
names are replaced by their order of appearance, so other names do not hide it; if expressions that
make half of the model's length or more have been shown, the answer was shown. **Values**: a number
of three digits or more may not appear at all, rounded or not; several numbers may not appear as a
list of exactly these, nor four or more of them, or a whole row of three, inside a longer list.
Shorter numbers, words and choices are everywhere, so they are only forbidden in the exercise's own
section, and there in phrases that give them as a result (`= 8`, `→ 8`, `is 8`, `gives 8`, "the
answer is b"); a number of two digits may not stand in that section's outputs either. And no code
asks for the solution before the check, by `.answer`, `.model` or `.solution(…)` of the exercise.
"""

from __future__ import annotations

import ast
import builtins
import copy
import re
from collections.abc import Iterator
from functools import cache

import torch
from notebook_rules import Page, rule

SHORTEST = 10  # characters of an expression that says something
GIVEN_AWAY = 0.5  # share of the model's expressions
NUMBER = re.compile(r"(?<![\w.)\]])-?\d+(?:\.\d+)?")
RESULT = r"(?:==?|→|->|≈|\bis|\bgives|\bmakes|\bequals|\banswer:)\s*[*`(\[]*{}(?![\w×]|\.\d)"


class _Renamed(ast.NodeTransformer):
    """Names replaced by their order of appearance; Python's own names stay."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if hasattr(builtins, node.id):
            return node
        return ast.Name(self.seen.setdefault(node.id, f"x{len(self.seen)}"), node.ctx)


def normal(node: ast.AST) -> str:
    """Text of an expression, the same whatever its names and its layout are."""
    return ast.unparse(_Renamed().visit(copy.deepcopy(node)))


def shown(tree: ast.AST) -> set[str]:
    """Every expression in some code, and every assignment into a part of something."""
    kinds = (ast.Subscript, ast.Attribute)
    parts = {normal(node) for node in ast.walk(tree) if isinstance(node, ast.expr)}
    assigned = (node for node in ast.walk(tree) if isinstance(node, ast.Assign))
    return parts | {normal(node) for node in assigned if isinstance(node.targets[0], kinds)}


def computed(tree: ast.AST) -> Iterator[str]:
    """What the statements of some code compute, as text long enough to say something."""
    for node in ast.walk(tree):
        parts = [node.value] if isinstance(node, ast.Return | ast.AugAssign) and node.value else []
        if isinstance(node, ast.Assign):
            into = isinstance(node.targets[0], ast.Subscript | ast.Attribute)
            parts = [node if into else node.value]
        elif isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
            parts = [node.value]
        elif isinstance(node, ast.For):
            parts = [node.iter]
        elif isinstance(node, ast.If | ast.While):
            parts = [node.test]
        yield from (text for text in map(normal, parts) if len(text) >= SHORTEST)


def characteristic(exercise) -> set[str]:
    """The expressions that make the model answer and do not stand in its stub."""
    in_stub = shown(ast.parse(exercise.stub_source()))
    return set(computed(ast.parse(exercise.solution_source()))) - in_stub


@cache
def shown_in(cell_type: str, source: str) -> set[str]:
    """Every expression in the code of a cell."""
    return set().union(*map(shown, code_in(cell_type, source)))


def code_in(cell_type: str, source: str) -> Iterator[ast.AST]:
    """The code of a cell: its source, or the pieces of code in its prose."""
    pieces = [source]
    if cell_type == "markdown":
        pieces = re.findall(r"(?s)```\w*\n(.*?)```|`([^`\n]+)`", source)
        pieces = [block or inline for block, inline in pieces]
    for piece in pieces:
        try:
            yield ast.parse(piece)
        except SyntaxError:
            continue


def outputs_of(cell) -> str:
    """The text that a cell's outputs show."""
    texts = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        html = re.sub(r"(?s)<(style|script).*?</\1>|<[^>]+>", " ", data.get("text/html", ""))
        texts += [output.get("text", ""), data.get("text/plain", ""), html]
    return "\n".join(texts)


def cleaned(text: str) -> str:
    """Text with plain minus signs and without separators of thousands."""
    text = text.replace("−", "-").replace("\u202f", "")
    return re.sub(r"(?<![\d,])\d{1,3}(?:,\d{3})+(?![\d,])", lambda m: m[0].replace(",", ""), text)


def comments_and_results(cell) -> str:
    """What a cell says rather than does: prose, comments and comparisons."""
    if cell.cell_type == "markdown":
        return cell.source
    return "\n".join(re.findall(r"#.*|==[^\n]*", cell.source))


def gives_code(page: Page, before: list, exercise) -> bool:
    """Whether half of the model answer or more was shown."""
    wanted = characteristic(exercise)
    if not wanted:
        return False
    shown_before = set().union(*(shown_in(cell.cell_type, cell.source) for cell in before))
    return sum(map(len, wanted & shown_before)) >= GIVEN_AWAY * sum(map(len, wanted))


def lists_of_numbers(text: str) -> Iterator[list[str]]:
    """The numbers of a text, cut wherever something other than a separator stands between."""
    for run in re.split(r"(?:(?!and\b)[^\d\s,;|()\[\]{}.\-])+", re.sub(r"\band\b", ",", text)):
        yield NUMBER.findall(run)


def stands_for(token: str, value: float) -> bool:
    """Whether a printed number is this value, or the value rounded to three digits or more."""
    places = len(token.partition(".")[2])
    digits = len(token.strip("-").replace(".", "").lstrip("0"))
    exact = float(token) == value
    return exact or (digits >= 3 and places > 0 and abs(float(token) - value) <= 0.5 / 10**places)


def flat(value: object) -> list | None:
    """The numbers of an answer in order; None if it is no number and holds something else."""
    if isinstance(value, torch.Tensor):
        return value.flatten().tolist()
    if isinstance(value, bool) or not isinstance(value, int | float | tuple | list):
        return None
    parts = [flat(part) for part in value] if isinstance(value, tuple | list) else [[value]]
    return None if None in parts else [number for part in parts for number in part]


def rows(value: object) -> list[list]:
    """The rows of a grid that say something: three different numbers or more."""
    grid = value.tolist() if isinstance(value, torch.Tensor) else value
    if not isinstance(grid, tuple | list) or not isinstance(grid[0], tuple | list):
        return []
    lines = [flat(row) for row in grid]
    return [line for line in lines if line and len(set(line)) >= 3]


def gives_list(text: str, numbers: list, part: bool) -> bool:
    """Whether a text lists exactly these numbers or, with `part`, these in a longer list."""
    for listed in lists_of_numbers(text):
        ends = range(len(numbers), len(listed) + 1) if part else [len(numbers)]
        if not part and len(listed) != len(numbers):
            continue
        for end in ends:
            window = listed[end - len(numbers) : end]
            if len(window) == len(numbers) and all(map(stands_for, window, numbers)):
                return True
    return False


def digits_of(number: float) -> int:
    return len(re.sub(r"\D", "", f"{abs(number):g}".lstrip("0.")))


def gives_value(before: list, section: list, value: object) -> bool:
    """Whether cells before the check give an exercise's value."""
    if isinstance(value, tuple) and all(isinstance(part, dict) for part in value):
        lists = [item for part in value for item in part.values() if len(flat(item) or []) > 2]
        return any(gives_value(before, section, item) for item in lists)
    numbers = flat(value)
    said = [cleaned(comments_and_results(cell)) for cell in section]
    printed = [cleaned(outputs_of(cell)) for cell in section]
    if numbers is None:
        return isinstance(value, str | bool) and says(said + printed, re.escape(str(value)))
    texts = [cleaned(text) for cell in before for text in (cell.source, outputs_of(cell))]
    if len(numbers) > 1:
        wide = texts if sum(map(digits_of, numbers)) > 4 else [*said, *printed]
        whole = any(gives_list(text, numbers, len(numbers) >= 4) for text in wide)
        return whole or any(gives_list(text, row, True) for text in texts for row in rows(value))
    number = numbers[0]
    if digits_of(number) >= 3:
        return any(stands_for(token, number) for text in texts for token in NUMBER.findall(text))
    short = re.escape(f"{number:g}") + r"(?:\.0+)?"
    two = digits_of(number) == 2
    if two and any(stands_for(t, number) for text in printed for t in NUMBER.findall(text)):
        return True
    return says(said + printed, short)


def says(texts: list[str], value: str) -> bool:
    """Whether a text gives the value as a result."""
    return any(re.search(RESULT.format(value), text) for text in texts)


def gives_choice(section: list, key: str) -> bool:
    """Whether a text calls a choice the right one."""
    calls = rf"(?i)\b(?:answer|right|correct)\b[^.\n]{{0,20}}[\s(*`\"']{re.escape(key)}\b"
    return any(re.search(calls, comments_and_results(cell)) for cell in section)


def section_of(page: Page, position: int, number: str) -> list:
    """The cells from the heading above the exercise, its own left out, to the exercise."""
    for start in range(position, -1, -1):
        cell = page.cells[start]
        headings = re.findall(r"(?m)^## .*", cell.source) if cell.cell_type == "markdown" else []
        if any("Exercise" not in heading and number not in heading for heading in headings):
            return page.cells[start : position + 1]
    return page.cells[: position + 1]


@rule
def answers_come_after(page: Page) -> Iterator[str]:
    """No exercise's answer stands in source, prose or output before its check."""
    for position, number in page.stands:
        exercise = page.exercises.get(number)
        if exercise is None:  # `exercise_cells` reports it
            continue
        before, section = page.cells[: position + 1], section_of(page, position, number)
        pattern = rf"\bex\.{exercise.name}\.(answer|model|solution)\b"
        pattern += rf"|\bfrom course_utils\.exercises\.\w+ import .*\b{exercise.name}\b"
        if any(cell.cell_type == "code" and re.search(pattern, cell.source) for cell in before):
            yield f"{number}: the solution is asked for before the check"
        if gives_code(page, before, exercise):
            yield f"{number}: its code stands before its check"
        if exercise.kind == "choice" and gives_choice(section, exercise.answer):
            yield f"{number}: the right choice is told before its check"
        if exercise.kind == "value" and gives_value(before, section, exercise.answer):
            yield f"{number}: its value stands before its check"
