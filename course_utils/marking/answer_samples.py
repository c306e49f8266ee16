"""One student's wrong answer, told without who wrote it; and new mistakes made of such answers."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

import nbformat

from course_utils.exercise import Exercise
from course_utils.marking.exercise_cells import grade_id
from course_utils.marking.submissions import nbgrader_id

MAX_SOURCE = 4000  # characters of a cell that are looked at
MAX_LINES = 24  # of an answer that is shown
WORD = re.compile(r"[^\W\d_]{3,}")  # of a name; shorter ones are words of every program
HEADER = '''"""Wrong answers of a class that no mistake explains, the most frequent first.

Students wrote this code: read it before you run it. What an answer takes from other cells of its
notebook is missing, and one that Python does not take as a function is a comment. Give each entry
an id and words (what the answer did, what was wanted, what to try), and move it to the `mistakes=`
of its exercise.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.exercise import mistake
'''
ENTRY = '''

def new_mistake_{count}():
    """{heading}: {students} answers do this."""
{source}
    return {name}


# of exercise {number}:
#     "an-id": mistake("What it did. What was wanted. What to try.", new_mistake_{count}()),
'''

COMMENT = """

# {heading}: {students} answers do this. Python does not take it as a function:
{source}
"""
COMPILE_SECONDS = 10  # for one entry; a processor's time is limited to one second
COMPILE = """
import contextlib, marshal, sys
with contextlib.suppress(ImportError, OSError, ValueError):  # Windows has no limits, macOS not all
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
    resource.setrlimit(resource.RLIMIT_AS, (500_000_000, 500_000_000))
code = compile(sys.stdin.buffer.read(), "entry", "exec")
sys.exit(len(marshal.dumps(code)) > 200_000)
"""


def source_of(folder: Path, student: str, exercise: Exercise) -> str:
    """Return the cell with a student's answer, as marking has stored it; "" where there is none."""
    for path in sorted(folder.glob(f"submitted/{nbgrader_id(student)}/*/*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            nbgrader = cell.metadata.get("nbgrader", {})
            if nbgrader.get("grade_id") == grade_id("exercise", exercise.number):
                return cell.source
    return ""


def anonymize(source: str, exercise: Exercise, students: Iterable[str]) -> str:
    """Return an answer's code without comments, docstrings, output and the names of the class.

    Parameters
    ----------
    source : of the cell
    exercise : that it answers; its own names stay
    students : everybody's names

    Returns
    -------
    str
        "" where Python cannot read it.
    """
    try:
        tree = ast.parse(source[:MAX_SOURCE])
        # what only prints or checks tells nothing of the answer
        body = [node for node in tree.body if not isinstance(node, ast.Expr)]
        words = {word.casefold() for student in students for word in WORD.findall(student)}
        cleaned = _Anonymizer(words, _own_names(exercise), tree).visit(ast.Module(body, []))
        return ast.unparse(ast.fix_missing_locations(cleaned))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # of somebody's code, anything
        return ""


def _own_names(exercise: Exercise) -> set[str]:
    if exercise.is_value or inspect.isclass(exercise.model):
        return {exercise.name}
    return {exercise.name, *inspect.signature(exercise.model).parameters}


class _Anonymizer(ast.NodeTransformer):
    """Takes names of people out of strings, and out of names that the code itself makes."""

    def __init__(self, words: set[str], kept: set[str], tree: ast.AST):
        self.words = words
        made = {getattr(node, "name", None) for node in ast.walk(tree)}
        made |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        stored = (node for node in ast.walk(tree) if isinstance(node, ast.Name | ast.Attribute))
        made |= {_name(node) for node in stored if isinstance(node.ctx, ast.Store)}
        self.made = {name for name in made if isinstance(name, str)} - kept

    def _clean(self, name: str) -> str:
        if name not in self.made or not self._tells(name):
            return name
        return WORD.sub(lambda word: "x" if word[0].casefold() in self.words else word[0], name)

    def _tells(self, text: str) -> bool:
        return any(word.casefold() in self.words for word in WORD.findall(text))

    def visit_Name(self, node):
        node.id = self._clean(node.id)
        return node

    def visit_Attribute(self, node):
        node.attr = self._clean(node.attr)
        return self.generic_visit(node)

    def visit_arg(self, node):
        node.arg = self._clean(node.arg)
        return self.generic_visit(node)

    def visit_Constant(self, node):
        if isinstance(node.value, str) and self._tells(node.value):
            node.value = "..."
        return node

    def visit_FunctionDef(self, node):
        node.name = self._clean(node.name)
        rest = [part for part in node.body if not _is_text(part)]
        node.body = rest or [ast.Pass()]
        return self.generic_visit(node)

    visit_ClassDef = visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 (ast's naming)


def _name(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a text standing alone: a docstring, or a comment in disguise."""
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def shortened(source: str) -> str:
    """Return the first lines of an answer, and how many follow."""
    lines = source.splitlines()
    rest = len(lines) - MAX_LINES
    return source if rest <= 0 else "\n".join([*lines[:MAX_LINES], f"… and {rest} lines more"])


def entry(exercise: Exercise, source: str, students: int, count: int) -> str:
    """Return a function that makes this wrong answer, and the line that belongs to `mistakes=`.

    Where Python would not import that, it is all comments.
    """
    values = {
        "count": count,
        "heading": exercise.heading,
        "students": students,
        "source": textwrap.indent(source, "    "),
        "name": exercise.name,
        "number": exercise.number,
    }
    text = ENTRY.format(**values)
    if _compiles(text):
        return text
    values["source"] = textwrap.indent(source, "#     ", lambda _line: True)
    return COMMENT.format(**values)


def _compiles(text: str) -> bool:
    """Whether Python takes this code, and soon: in another process, as some is made to take long.

    Code of a few lines can be compiled to gigabytes, so what comes out is bounded, too.
    """
    command = [sys.executable, "-I", "-W", "ignore", "-c", COMPILE]
    try:
        result = subprocess.run(
            command, input=text.encode(), capture_output=True, timeout=COMPILE_SECONDS
        )
    except subprocess.TimeoutExpired:
        return False
    return result.returncode == 0
