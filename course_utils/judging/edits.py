"""One edit away: a change of the student's own code that makes it pass everything.

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
from course_utils.judging.edit_places import Edit
from course_utils.judging.edit_statements import statement_edits
from course_utils.judging.edit_twins import twin_edits
from course_utils.judging.evidence import Evidence

SECONDS = 2.0  # for the whole search; whoever waits is told nothing without it
SECONDS_EACH = 0.2  # for one edited answer; it may have become a loop without end
MOST_LINES = 60


class Mend(NamedTuple):
    """A change that makes the answer pass: its lines, what it does, and how they should be."""

    lines: tuple[int, ...]
    words: str
    fix: str


class Suggestion(NamedTuple):
    """What the search says: words for the message, and the change itself."""

    words: str
    fix: str


def search(evidence: Evidence) -> Suggestion | None:
    """Look for edits of the student's source after which every case is right.

    One edit at one place; where there is none, the same one at two places that are alike.
    """
    parsed = _parse(evidence.answer)
    if parsed is None:
        return None
    tree, *_ = parsed
    deadline = time.perf_counter() + SECONDS
    single = ((edit,) for edit in itertools.chain(statement_edits(tree), expression_edits(tree)))
    try:
        mends = list(_mends(evidence, single, *parsed, deadline))
        twice = not mends
        if twice:
            mends = list(_mends(evidence, twin_edits(tree), *parsed, deadline))
    except RecursionError:  # a line of hundreds of terms
        return None
    finally:
        guard.restore()  # what an edited answer may have patched; once, as it takes a millisecond
    by_lines: dict[tuple[int, ...], Mend] = {}
    for mend in mends:
        by_lines.setdefault(mend.lines, mend)
    if not by_lines or len(by_lines) > 2 - twice:
        return None
    places = list(by_lines.values())
    words = " Or ".join(f"{'Ll'[i > 0]}ook at {mend.words}" for i, mend in enumerate(places))
    if len(places) > 1:
        words = f"One change mends it, at either of two places. {words}"
    return Suggestion(words, places[0].fix)


def _parse(answer: object) -> tuple[ast.Module, list[str], str, dict] | None:
    """(tree, lines, name, globals) of a function or class; None where its source is not at hand."""
    if not (inspect.isfunction(answer) or inspect.isclass(answer)):
        return None
    try:
        text = source.text_of(answer)
        tree = ast.parse(text)
    except (OSError, TypeError, SyntaxError, RecursionError):
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
    evidence: Evidence, edits: Iterator[tuple[Edit, ...]],
    tree: ast.Module, lines: list[str], name: str, names: dict, deadline: float,
) -> Iterator[Mend]:  # fmt: skip
    for together in edits:
        if time.perf_counter() > deadline:
            return
        try:
            code = _compiled(tree)
        except (SyntaxError, ValueError, TypeError, RecursionError):
            continue
        if _passes(evidence, code, name, names, deadline):
            yield _mend(together, lines)


def _compiled(tree: ast.Module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an edit may be odd: it is only tried
        try:
            return compile(tree, "<edited>", "exec")
        except (ValueError, TypeError):  # such as a new node without its line
            return compile(ast.fix_missing_locations(tree), "<edited>", "exec")


def _mend(edits: tuple[Edit, ...], lines: list[str]) -> Mend:
    """What an edit says, or two: of twins that say the same, it is said once."""
    first, *others = edits
    at = [lines[e.line - 1].strip() if e.line <= len(lines) else "" for e in edits]
    words = f"`{at[0]}`: {first.words}"
    for place, other in zip(at[1:], others, strict=True):
        if (place, other.words) == (at[0], first.words):
            words += ", twice" if other.line == first.line else ", also in the other line like it"
        elif other.line == first.line:
            words += f", and {other.words}"
        else:
            words += f", and at `{place}`: {other.words}"
    fixes = list(dict.fromkeys(edit.fix() for edit in edits))
    return Mend(tuple(edit.line for edit in edits), f"{words}.", " and ".join(fixes))


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
