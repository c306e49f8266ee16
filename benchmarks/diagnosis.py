"""What the feedback says to banks of students' answers that were written without sight of it.

Each file of `tests/students` and its folders belongs to one workbook and holds answers as TOML: the
exercise, a label, whether the answer is right, its code, and for a wrong one `says`: patterns of
which every one has to stand in a message that names its true cause. A folder is a bank of its own;
to add one is to add a folder.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import linecache
import re
import sys
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest import mock

import matplotlib as mpl
import matplotlib.pyplot as plt
import nbformat

from course_utils import cells, plotting
from course_utils.exercise import Exercise
from course_utils.exercises import all_exercises
from course_utils.judging import feedback
from course_utils.judging.verdict import Status, Verdict

ROOT = Path(__file__).resolve().parent.parent
BANK = ROOT / "tests" / "students"
KINDS = ("named", "by edit", "generic", "empty", "misleading", "passes")


@dataclass(frozen=True)
class Answer:
    """A student's answer: what stands in the exercise's cell, and what is true of it."""

    workbook: str
    exercise: str
    label: str
    right: bool
    code: str
    says: tuple[str, ...] = ()
    bank: str = ""

    @property
    def id(self) -> str:
        """Exercise and label."""
        return f"{self.exercise}: {self.label}"


def read_banks(folder: Path = BANK) -> list[Answer]:
    """Every answer of a folder and of the folders in it, in the order of files."""
    answers = []
    for file in sorted(folder.rglob("*.toml")):
        bank = "first" if file.parent == BANK else file.parent.name
        for entry in tomllib.loads(file.read_text("utf-8"))["answer"]:
            entry["says"] = tuple(entry.get("says", ()))
            answers.append(Answer(workbook=file.stem, bank=bank, **entry))
    return answers


@cache
def _cells(workbook: str) -> tuple:
    _folder, _, name = workbook.rpartition("further_")
    path = ROOT / "notebooks" / ("further" if "further_" in workbook else "") / f"{name}.ipynb"
    return tuple(nbformat.read(path, as_version=4).cells)


def _close(figure, *, alt: str) -> None:
    plt.close(figure.get_figure(root=True))


@cache
def _names_before(workbook: str, positions: tuple[int, ...]) -> dict:
    """The names that these cells of a workbook make."""
    names: dict = {"__name__": "__main__"}
    unseen = mock.patch.object(plotting, "show", _close)  # to draw would take most of the time
    with unseen, contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a lesson's cells warn as they do for a student
        for i in positions:
            exec(compile(_cells(workbook)[i].source, f"<{workbook} cell {i}>", "exec"), names)
    return names


def define(answer: Answer, exercise: Exercise) -> object:
    """Run an answer's cell after the cells of the lesson that it needs; return what it defines."""
    from course_utils.marking.cell_dependencies import cells_to_run

    lesson_cells = list(_cells(answer.workbook))
    tags = {"exercise", f"ex-{answer.exercise}"}
    place = next(i for i, cell in enumerate(lesson_cells) if tags <= _tags(cell))
    changed = [nbformat.from_dict(cell) for cell in lesson_cells[: place + 1]]
    changed[place].source = answer.code
    runs = cells_to_run(changed, lesson_cells, [exercise])
    positions = tuple(i for i in range(place) if runs[i] and not _is_check(lesson_cells[i]))
    names = dict(_names_before(answer.workbook, positions))
    source = f"<cell {answer.exercise} {abs(hash(answer.code))}>"
    linecache.cache[source] = (len(answer.code), None, answer.code.splitlines(True), source)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(answer.code, source, "exec"), names)
    return names.get(exercise.name)


def _tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", []))


def _is_check(cell) -> bool:
    return "check" in _tags(cell)


def judge(answer: Answer, exercise: Exercise, seed: int = 0) -> Verdict:
    """The verdict on an answer; where its own cell raises, what the kernel says of the error."""
    try:
        value = define(answer, exercise)
    except Exception as error:
        name = getattr(error, "name", None) or ""
        words = cells.explain_name(name) if isinstance(error, NameError) else ""
        return Verdict(Status.ERROR, exercise.heading, f"{error} {words}".strip())
    return exercise.judge(value, seed)


def kind_of(answer: Answer, verdict) -> str:
    """What a verdict is worth: "right", "rejected" or one of `KINDS`."""
    if answer.right:
        return "right" if verdict.status == "ok" else "rejected"
    if verdict.status == "ok":
        return "passes"
    words = feedback.headline(verdict)
    if all(re.search(pattern, words, re.IGNORECASE) for pattern in answer.says):
        return "named"
    if not words.strip():
        return "empty"
    if verdict.findings == ("edit",):
        return "by edit"  # proved by running it: this change at this place mends the answer
    return "misleading" if verdict.status == "mistake" else "generic"


def run(answers: list[Answer], seed: int = 0) -> Iterator[tuple[Answer, Verdict, str]]:
    """(answer, verdict, kind) for every answer."""
    mpl.use("agg")
    known = {exercise.number: exercise for exercise in all_exercises()}
    for answer in answers:
        verdict = judge(answer, known[answer.exercise], seed)
        yield answer, verdict, kind_of(answer, verdict)


def table(results: list[tuple[Answer, Verdict, str]]) -> str:
    """The shares by workbook, as text."""
    lines = [f"{'workbook':28}{'wrong':>7}" + "".join(f"{kind:>12}" for kind in KINDS)
             + f"{'right':>9}{'rejected':>10}"]  # fmt: skip
    workbooks = sorted({answer.workbook for answer, *_ in results})
    for workbook in [*workbooks, "all"]:
        counts = Counter(
            kind for answer, _, kind in results if workbook in (answer.workbook, "all")
        )
        wrong = sum(counts[kind] for kind in KINDS) or 1
        shares = "".join(f"{counts[kind]:>5} {counts[kind] / wrong:>5.0%}" + " " for kind in KINDS)
        lines.append(
            f"{workbook:28}{wrong:>7} {shares}{counts['right']:>8}{counts['rejected']:>10}"
        )
    return "\n".join(lines)


def main(argv: list[str]) -> int:
    """Judge the bank and print the table; with --show also what was said."""
    parser = argparse.ArgumentParser("course_utils bench diagnosis", description=__doc__)
    parser.add_argument("--bank", type=Path, default=BANK, help="folder of TOML files, or of banks")
    parser.add_argument("--only", default="", help="exercises whose number begins so")
    parser.add_argument("--show", nargs="*", choices=[*KINDS, "right", "rejected"], default=[])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    answers = [a for a in read_banks(args.bank) if a.exercise.startswith(args.only)]
    results = list(run(answers, args.seed))
    for answer, verdict, kind in results:
        if kind in args.show:
            print(f"[{kind}] {answer.id}\n{answer.code.rstrip()}")
            print(f"    wanted: {answer.says}\n    {verdict.status}: {verdict.message}\n")
    for bank in dict.fromkeys(answer.bank for answer in answers):
        print(f"The {bank} bank")
        print(table([result for result in results if result[0].bank == bank]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
