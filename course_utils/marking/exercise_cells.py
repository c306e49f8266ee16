"""Which cells of a notebook belong to an exercise; a cell may be nbformat's or a plain `Cell`.

Only the standard library is needed here: students' notebooks are looked through in the jail.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from course_utils.workbooks import exercise_number

if TYPE_CHECKING:
    from course_utils.exercise import Exercise
    from course_utils.marking.notebook_reader import Asked

ROLES = ("exercise", "check")
WRITES = r"^(?:async +)?(?:def|class) +{name}\b"
DEFINES = WRITES + r"|^{name} *(?::[^=\n]+)?=(?!=)|^{name} *,"
CHECKS = r"^[^#\n]*\b{name}\.check\("
NOTHING = r"(?:\.\.\.|None)"
UNANSWERED = rf"{{name}} *(?::[^=\n]+)?= *\(?{NOTHING}(?: *, *{NOTHING})*,?\)?"


def grade_id(role: str, number: str) -> str:
    """Return the name by which nbgrader knows an exercise's cell ("exercise" or "check")."""
    return f"{role}-{number.replace('.', '-')}"


def number_of(grade_id: str) -> str:
    """Return the number of the exercise whose cell nbgrader knows by this name."""
    return grade_id.partition("-")[2].replace("-", ".")


def is_labelled(cell: Any, role: str, exercise: Exercise | Asked) -> bool:
    """Whether a cell is an exercise's "exercise" or "check" by nbgrader's name or its tags."""
    if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id(role, exercise.number):
        return True
    return exercise_number(cell, role) == exercise.number


def is_exercise_cell(cell: Any, role: str, exercise: Exercise | Asked) -> bool:
    """Whether a cell is an exercise's "exercise" or "check": by its label or its code."""
    if cell.cell_type != "code":
        return False
    if is_labelled(cell, role, exercise):
        return True
    if exercise.name not in cell.source:
        return False
    pattern = DEFINES if role == "exercise" else CHECKS
    return re.search(pattern.format(name=exercise.name), cell.source, re.MULTILINE) is not None


def last_position(cells: Sequence, exercise: Exercise | Asked, roles: Sequence[str]) -> int | None:
    """Where the last cell of an exercise stands; None if there is none."""
    for i in reversed(range(len(cells))):
        if any(is_exercise_cell(cells[i], role, exercise) for role in roles):
            return i
    return None


def answer_position(cells: Sequence, exercise: Exercise | Asked, stub: str) -> int | None:
    """Where the answer stands that counts; None if there is none.

    It is the last one, but for a value's name that a plot below its check happens to use as well.
    """
    last, check = (last_position(cells, exercise, [role]) for role in ROLES)
    if last is None or check is None or last <= check:
        return last
    writes_code = re.search(WRITES.format(name=exercise.name), stub, re.MULTILINE)
    if writes_code or is_labelled(cells[last], ROLES[0], exercise):
        return last
    checked = last_position(cells[: check + 1], exercise, ROLES[:1])
    if checked is None or _is_unanswered(cells[checked].source, exercise.name, stub):
        return last  # it was answered below
    return checked


def _is_unanswered(source: str, name: str, stub: str) -> bool:
    """Whether a cell is as it was given, or binds a value's name to nothing; comments aside."""
    code, given = ("\n".join(_code_lines(text)) for text in (source, stub))
    return code == given or re.fullmatch(UNANSWERED.format(name=name), code) is not None


def _code_lines(source: str) -> list[str]:
    lines = (line.partition(" #")[0].rstrip() for line in source.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def grading_position(cells: Sequence, exercise: Exercise | Asked, stub: str) -> int:
    """Where an exercise is judged: after its answer and the checks of that, else after all."""
    answer = answer_position(cells, exercise, stub)
    if answer is None:
        check = last_position(cells, exercise, ROLES)
        return len(cells) - 1 if check is None else check
    following = range(answer + 1, len(cells))
    again = (i for i in following if is_exercise_cell(cells[i], ROLES[0], exercise))
    own = cells[: next(again, len(cells))]
    check = last_position(own, exercise, ROLES[1:])
    return answer if check is None else max(answer, check)
