"""One edit away: the single change of the student's own code that makes it pass everything.

If there is one, the place of the mistake is known. The message names the line and the kind of
change; the change itself is kept for the last hint. Where changes at different places all mend the
code, the message says so, and beyond two places nothing is claimed.
"""

from __future__ import annotations

import ast
import copy
import inspect
import itertools
import time
import warnings
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import torch

from course_utils.judging import guard, source
from course_utils.judging.edit_expressions import expression_edits
from course_utils.judging.edit_statements import statement_edits
from course_utils.judging.evidence import Evidence

SECONDS = 1.0  # for the whole search
SECONDS_EACH = 0.2  # for one edited answer; it may have become a loop without end
MOST_LINES = 60


class Mend(NamedTuple):
    """A change that makes the answer pass: its line, what it does, and the line as it should be."""

    line: int
    text: str
    words: str
    fix: str


class Suggestion(NamedTuple):
    """What the search says: words for the message, and the change itself."""

    words: str
    fix: str


def search(evidence: Evidence) -> Suggestion | None:
    """Look for single edits of the student's source after which every case is right."""
    parsed = _parse(evidence.answer)
    if parsed is None:
        return None
    try:
        mends = list(_mends(evidence, *parsed, deadline=time.perf_counter() + SECONDS))
    finally:
        guard.restore()  # what an edited answer may have patched; once, as it takes a millisecond
    by_line: dict[int, list[Mend]] = {}
    for mend in mends:
        by_line.setdefault(mend.line, []).append(mend)
    if not by_line or len(by_line) > 2:
        return None
    places = [group[0] for group in by_line.values()]
    words = " Or ".join(_place(mend, i) for i, mend in enumerate(places))
    if len(places) > 1:
        words = f"One change mends it, at either of two places. {words}"
    return Suggestion(words, places[0].fix)


def _place(mend: Mend, index: int) -> str:
    lead = "Look at" if index == 0 else "look at"
    return f"{lead} `{mend.text}`: {mend.words}."


def _parse(answer: object) -> tuple[ast.Module, list[str], str, dict] | None:
    """(tree, lines, name, globals) of a function or class; None where its source is not at hand."""
    if not (inspect.isfunction(answer) or inspect.isclass(answer)):
        return None
    try:
        text = source.text_of(answer)
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError):
        return None
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef | ast.ClassDef):
        return None
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        return None
    definition.decorator_list = []
    names = _globals_of(answer)
    return None if names is None else (tree, lines, definition.name, names)


def _globals_of(answer) -> dict | None:
    if inspect.isfunction(answer):
        return None if answer.__closure__ else answer.__globals__
    methods = [part for part in vars(answer).values() if inspect.isfunction(part)]
    return methods[0].__globals__ if methods else None


def _mends(
    evidence: Evidence, tree: ast.Module, lines: list[str], name: str, names: dict, deadline: float
) -> Iterator[Mend]:
    for edit in itertools.chain(statement_edits(tree), expression_edits(tree)):
        if time.perf_counter() > deadline:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an edit may be odd: it is only tried
                code = compile(ast.fix_missing_locations(tree), "<edited>", "exec")
        except (SyntaxError, ValueError, TypeError, RecursionError):
            continue
        if _passes(evidence, code, name, names, deadline):
            line = lines[edit.line - 1].strip() if edit.line <= len(lines) else ""
            yield Mend(edit.line, line, edit.words, edit.fix())


def _passes(evidence: Evidence, code, name: str, names: dict, deadline: float) -> bool:
    """Whether the edited answer is right in every case; the failing ones are tried first."""
    order = sorted(range(len(evidence.cases)), key=lambda i: evidence.correct[i])
    scope: dict = {}

    def run(case: tuple):
        if not scope:  # within the first case's guard: to guard takes as long as to run
            scope.update(names)
            exec(code, scope)
        torch.default_generator.manual_seed(0)  # cheaper: one for every edit and case
        return evidence.exercise.observe(scope[name], case)

    for i in order:
        args = copy.deepcopy(evidence.cases[i])
        seconds = min(SECONDS_EACH, deadline - time.perf_counter())
        outcome = guard.guarded(partial(run, args), seconds, undo=list)
        if not evidence.is_right(outcome.value, i):
            return False
    return True
