"""One student's wrong answer, told without who wrote it; and new mistakes made of such answers."""

from __future__ import annotations
import __future__

import ast
import builtins
import inspect
import keyword
import math
import re
import subprocess
import sys
import textwrap
import unicodedata
import warnings
from collections.abc import Iterable
from pathlib import Path

import nbformat
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.exercise import Exercise
from course_utils.marking.exercise_cells import grade_id
from course_utils.marking.submissions import nbgrader_id

MAX_SOURCE = 4000  # characters of a cell that are looked at
MAX_LINES = 24  # of an answer that is shown
# Of a name, or a student's number; shorter ones are words of every program, but in scripts whose
# names are short: Chinese, Japanese, Korean
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}|[^\W\d_]{3,}|(?<!\d)\d{5,}(?!\d)")
PART = re.compile(r"[^\W\d_][^\W\d_A-ZÀ-Þ]{2,}")  # of a word such as AdaNet
IDENTIFIER = re.compile(r"\w+")
LONG_NAME = 6  # letters: names as long as that are found within words, as in a user's name
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
BARRED = str.maketrans("øłđı", "oldi")  # accents that Unicode does not take off
LIBRARIES = (builtins, math, np, np.linalg, np.random, torch, nn, F, nn.init, torch.optim)
TYPES = (np.ndarray, torch.Tensor, nn.Module, *filter(inspect.isclass, vars(builtins).values()))
VOCABULARY = {name for owner in (*LIBRARIES, *TYPES) for name in dir(owner)}
VOCABULARY |= {"torch", "numpy", *keyword.kwlist, *sys.stdlib_module_names}
FUTURE = {"__future__", *__future__.all_feature_names}  # Python takes no others
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
        with warnings.catch_warnings(action="ignore"):  # of somebody's code, a thousand
            tree = ast.parse(source[:MAX_SOURCE])
        # what only prints or checks tells nothing of the answer
        body = [node for node in tree.body if not isinstance(node, ast.Expr)]
        answer = ast.Module(body, [])
        _Anonymizer(_words(students), _own_names(exercise) | FUTURE, tree).clean(answer)
        return ast.unparse(ast.fix_missing_locations(answer))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # of somebody's code, anything
        return ""


def _words(students: Iterable[str]) -> set[str]:
    """Return the parts of everybody's names and their numbers, however they may be written."""
    parts = unicodedata.normalize("NFKC", " ".join(students)).casefold().split()
    parts += ["".join(filter(str.isalpha, part)) for part in parts]  # O'Hara, Jean-Luc
    words = {word for part in parts for word in WORD.findall(part)}
    return {_folded(way) for word in words for way in (word, word.translate(UMLAUTS))}


def _folded(word: str) -> str:
    """Return a word in small letters, without accents."""
    letters = unicodedata.normalize("NFKD", word.casefold().translate(BARRED))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _own_names(exercise: Exercise) -> set[str]:
    if exercise.is_value or inspect.isclass(exercise.model):
        return {exercise.name}
    return {exercise.name, *inspect.signature(exercise.model).parameters}


def _made(tree: ast.AST) -> set[str | None]:
    """Return the names that code makes itself; what it imports or only reads is others'."""
    made: set[str | None] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.alias | ast.arg):
            made.add(node.asname if isinstance(node, ast.alias) else node.arg)
        elif not isinstance(node, ast.Name | ast.Attribute):
            made |= {getattr(node, "name", None), getattr(node, "rest", None)}
        elif isinstance(node.ctx, ast.Store):
            made.add(node.id if isinstance(node, ast.Name) else node.attr)
    return made


class _Anonymizer:
    """Takes names of people out of every text in code, in whatever field of whatever node.

    A text is a constant, or it consists of identifiers.
    """

    def __init__(self, words: set[str], kept: set[str], tree: ast.AST):
        self.words = words
        self.long_words = [word for word in words if len(word) >= LONG_NAME]
        self.kept = kept | (VOCABULARY - _made(tree))
        constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        self.taken = constants.union(IDENTIFIER.findall(ast.unparse(tree)))
        self.renamed: dict = {}

    def clean(self, tree: ast.AST) -> None:
        """Change the tree's texts in place, and leave out those that stand alone."""
        for node in ast.walk(tree):
            clean = self._constant if isinstance(node, ast.Constant) else self._identifiers
            for field, value in ast.iter_fields(node):
                if isinstance(value, list):
                    rest = [clean(part) for part in value if not _is_text(part)]
                    setattr(node, field, rest or [ast.Pass() for _ in value[:1]])
                else:
                    setattr(node, field, clean(value))

    def _constant(self, value):
        if type(value) in (int, float):
            digits = re.findall(r"\d+", repr(value) if abs(value) < 1e15 else "")
            known = [part for part in digits if part in self.words]
            return type(value)("1" * len(known[0])) if known else value
        if isinstance(value, bytes):
            text = " ".join(value.decode(code, "replace") for code in ("utf-8", "latin-1"))
        else:
            text = unicodedata.normalize("NFKC", value) if isinstance(value, str) else ""
        if self._nameless(text) == text:
            return value
        return self._renamed(value, b"..." if isinstance(value, bytes) else "...")

    def _identifiers(self, value):
        return IDENTIFIER.sub(self._identifier, value) if isinstance(value, str) else value

    def _identifier(self, match: re.Match) -> str:
        name = match[0]
        nameless = name if name in self.kept else self._nameless(name)
        return name if nameless == name else self._renamed(name, nameless)

    def _nameless(self, text: str) -> str:
        def other(match):
            return "x" if self._is_name(match[0]) else match[0]

        return PART.sub(other, WORD.sub(other, text))

    def _is_name(self, word: str) -> bool:
        word = _folded(word)
        parts = ((word[:i], word[i:]) for i in range(3, len(word) - 2))
        return (
            word in self.words
            or any(first in self.words and last in self.words for first, last in parts)
            or any(name in word for name in self.long_words)
        )

    def _renamed(self, old, new):
        """Return the same for the same old text, and another for any other: Python needs both."""
        key = old, new
        if key not in self.renamed:
            while new in self.taken:
                new += new[-1:]
            self.taken.add(new)
            self.renamed[key] = new
        return self.renamed[key]


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
