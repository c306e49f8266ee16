"""The banks of students' answers: right passes, wrong never does, and what is said is true.

`tests/students` and its folders were written from the notebooks alone; a folder that is added is
judged like the others. Of the answers one in five is diagnosed daily, on the cases of a seed that
differs from answer to answer; `python -m pytest -m weekly tests/test_students.py` diagnoses all of
them on all seeds: run it when you have changed what is said.
"""

import zlib
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location

import pytest
from turns import is_daily

from course_utils.exercises import all_exercises
from course_utils.judging import edits, guard
from course_utils.workbooks import ROOT

spec = spec_from_file_location("diagnosis", ROOT / "benchmarks" / "diagnosis.py")
bank = module_from_spec(spec)
__import__("sys").modules["diagnosis"] = bank
spec.loader.exec_module(bank)

SEEDS = (0, 1, 7)
NAMED = 0.9
DAILY = 8  # one in so many answers
KNOWN = {exercise.number: exercise for exercise in all_exercises()}
ANSWERS = bank.read_banks()
WORKBOOKS = sorted({answer.workbook for answer in ANSWERS})


def own_seed(answer):
    return SEEDS[zlib.crc32(answer.id.encode()) % len(SEEDS)]


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch):
    """A busy machine tries as many edits as a quiet one."""
    monkeypatch.setattr(edits, "SECONDS", 4.0)
    monkeypatch.setattr(edits, "SECONDS_EACH", 1.0)


@pytest.mark.bank
@pytest.mark.parametrize("workbook", WORKBOOKS)
def test_bank_is_told_the_truth(workbook):
    faults, kinds = [], Counter()
    for answer in ANSWERS:
        if answer.workbook != workbook or not is_daily(f"daily {answer.id}", DAILY):
            continue
        exercise = KNOWN[answer.exercise]
        verdict = bank.judge(answer, exercise, own_seed(answer))
        kind = bank.kind_of(answer, verdict)
        kinds[kind] += 1
        if kind in ("passes", "rejected", "misleading", "empty"):
            faults.append(f"{kind}: {answer.bank}, {answer.id}\n    {verdict}")
    wrong = sum(kinds[kind] for kind in bank.KINDS)
    assert not faults, "\n".join(faults)
    assert kinds["named"] + kinds["by edit"] >= NAMED * wrong > 0, kinds


@pytest.mark.weekly
@pytest.mark.parametrize("seed", SEEDS)
def test_bank_hears_only_truth(seed):
    results = list(bank.run(ANSWERS, seed))
    kinds = Counter(kind for _, _, kind in results)
    wrong = sum(kinds[kind] for kind in bank.KINDS)
    assert kinds["named"] + kinds["by edit"] >= NAMED * wrong, kinds
    faults = [f"{kind}: {answer.id}" for answer, _, kind in results
              if kind in ("passes", "rejected", "misleading", "empty")]  # fmt: skip
    assert not faults, "\n".join(faults)


def test_bank_is_wide():
    for number, exercise in KNOWN.items():
        right = [a for a in ANSWERS if a.exercise == number and a.right]
        wrong = [a for a in ANSWERS if a.exercise == number and not a.right]
        assert len(right) >= 4, exercise.heading
        assert len(wrong) >= (5 if exercise.is_choice else 12), exercise.heading
        assert len({(a.bank, a.label) for a in right + wrong}) == len(right + wrong)


def test_judging_leaves_tools_alone():
    assert guard.restore() == []
