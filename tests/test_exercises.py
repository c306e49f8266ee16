"""The proof of exercises: every one in the registry, so a new one is proved by being declared.

What is judged on drawn cases is judged on those of one seed, another one for each exercise; with
`-m weekly`, on those of the others.
"""

import math
import zlib

import numpy as np
import pytest
import torch
from cell_runner import run_cell

from course_utils.exercises import all_exercises
from course_utils.judging import formula, judge, observe
from course_utils.judging.observation import same
from course_utils.judging.observe import make_cases, observe_trusted

SEEDS = (0, 1, 7)
ALL = all_exercises()
MUTANTS = ("zeros", "negated", "shifted", "rolled", "transposed", "dtype", "none", "input")


def each(exercises=ALL):
    return pytest.mark.parametrize("exercise", exercises, ids=lambda e: f"{e.number}-{e.name}")


def each_with_seed(exercises=ALL):
    """Every exercise with every seed; all seeds but its own are for the weekly run."""
    cases = []
    for exercise in exercises:
        own = SEEDS[zlib.crc32(exercise.number.encode()) % len(SEEDS)]
        for seed in SEEDS:
            marks = () if seed == own else pytest.mark.weekly
            name = f"{seed}-{exercise.number}-{exercise.name}"
            cases.append(pytest.param(exercise, seed, marks=marks, id=name))
    return pytest.mark.parametrize(("exercise", "seed"), cases)


def as_answer(exercise, function_or_value):
    """A fresh object, so that it is judged and not recognised as the model answer itself."""
    if exercise.kind != "function":
        return function_or_value
    return lambda *arguments: function_or_value(*arguments)


def stub(exercise):
    names = {"torch": torch, "nn": torch.nn, "np": np}
    run_cell(exercise.stub_source(), names)
    return names[exercise.name]


def test_registry_is_not_empty():
    assert len(ALL) >= 6


@each()
def test_stub_is_not_attempted(exercise):
    assert exercise.judge(stub(exercise)).status == "todo"


@each_with_seed()
def test_model_answer_passes(exercise, seed):
    answer = exercise.answer
    if exercise.kind == "module":
        answer = type(answer.__name__, (answer,), {})
    verdict = exercise.judge(as_answer(exercise, answer), seed)
    assert verdict.status == "ok", verdict


@each_with_seed([e for e in ALL if e.oracle])
def test_oracle_passes(exercise, seed):
    answer = exercise.oracle() if exercise.is_value else exercise.oracle
    verdict = exercise.judge(as_answer(exercise, answer), seed)
    assert verdict.status == "ok", verdict


@each_with_seed()
def test_each_mistake_gets_its_own_message(exercise, seed):
    assert exercise.mistakes, "an exercise without known mistakes diagnoses nothing"
    for name, mistake in exercise.mistakes.items():
        verdict = exercise.judge(as_answer(exercise, mistake.answer), seed)
        told = (verdict.status, verdict.findings, verdict.message)
        assert told == ("mistake", (name,), mistake.words)


def test_last_place_of_numbers_chooses_no_atom():
    """8.6: where nothing is left of y, rounding chose which atom one too many is."""
    exercise = next(e for e in ALL if e.number == "8.6")
    cases = make_cases(exercise, 0)
    for name, mistake in exercise.mistakes.items():
        observed = observe_trusted(exercise, mistake.answer, cases)
        for factor in (1 - 2e-7, 1 + 2e-7):
            rounded = [(D, y * torch.linspace(1, factor, len(y)), q) for D, y, q in cases]
            again = observe_trusted(exercise, mistake.answer, rounded)
            assert same(observed, again, 1e-3), name


def with_part(right, part, number):
    """An answer whose one part is another number."""
    return (*right[:part], number, *right[part + 1 :]) if isinstance(right, tuple) else number


@each([e for e in ALL if e.formula])
def test_likely_slips_in_formula_are_told_apart(exercise):
    for part, text in enumerate(exercise.formula):
        slips: dict[float, set[str]] = {}
        for number, words in formula.variants(text, tuple(exercise.quantities.items()), 1):
            if formula.LIKELY.search(words):
                rounding = 0 if isinstance(number, int) else 1e-4  # as in `near_miss`
                near = next((n for n in slips if math.isclose(n, number, rel_tol=rounding)), number)
                slips.setdefault(near, set()).add(words)
        unexplained = []
        for number, causes in slips.items():
            verdict = exercise.judge(with_part(exercise.answer, part, number))
            if "formula" in verdict.findings:  # it is the only cause that is named, or both are
                assert all(words in verdict.message for words in causes), (number, causes)
            elif verdict.status != "mistake":
                unexplained.append((number, causes))
        assert all(len(causes) > 2 for _, causes in unexplained), unexplained
        assert len(unexplained) <= 2, "choose other numbers: too many slips meet"


@each()
def test_it_teaches_by_hints(exercise):
    assert len(exercise.hints) >= 2
    assert exercise.minutes > 0
    assert exercise.doc


def mutate(observation, mutant, first_input):
    """The same change for every observation; None where it has no meaning for this one."""
    if mutant == "none":
        return (None,)
    if mutant == "input":
        return None if first_input is None else (first_input,)
    if isinstance(observation, dict):  # what has no such change stays
        parts = {name: mutate(part, mutant, None) for name, part in observation.items()}
        mutated = {name: part[0] for name, part in parts.items() if part is not None}
        return (observation | mutated,) if mutated else None
    if isinstance(observation, tuple | list):
        parts = [mutate(part, mutant, None) for part in observation]
        mutated = [part for part in parts if part is not None]
        return (type(observation)(p[0] for p in mutated),) if len(mutated) == len(parts) else None
    if isinstance(observation, str):
        return (observation + "?",) if mutant == "dtype" else None
    is_tensor = isinstance(observation, torch.Tensor)
    array = observation if is_tensor else torch.tensor(observation, dtype=torch.float64)
    if mutant == "dtype":
        wrong = observation.double().numpy() if is_tensor else str(observation)
        return (wrong,)
    if mutant == "zeros":
        out = array * 0
    elif mutant == "negated":
        out = ~array if array.dtype == torch.bool else -array.to(torch.float64).to(array.dtype)
    elif mutant == "shifted":
        out = array + 1e-2 if array.is_floating_point() else array + 1
    elif array.ndim == 0:
        return None
    elif mutant == "rolled":
        out = array.roll(1, -1)
    else:
        out = array.transpose(0, -1) if array.ndim > 1 else array.flip(0)
    return (out.to(array.dtype) if is_tensor else out.item(),)


@pytest.mark.parametrize(
    ("exercise", "mutant"),
    [
        pytest.param(exercise, mutant, id=f"{exercise.number}-{exercise.name}-{mutant}")
        for exercise in ALL
        for mutant in exercise.exempt
    ],
)
def test_exemption_gives_its_reason(exercise, mutant):
    assert mutant in MUTANTS
    assert len(exercise.exempt[mutant]) > 15


@pytest.mark.bank
@each_with_seed()
def test_generic_mutants_are_rejected(exercise, seed):
    cases = make_cases(exercise, seed)
    right = observe_trusted(exercise, exercise.answer, cases)
    tried = []
    for mutant in set(MUTANTS) - set(exercise.exempt):
        if mutant == "dtype" and exercise.is_value:  # a value is right in whatever type it comes
            continue
        pairs = [
            mutate(observation, mutant, case[0] if case else None)
            for observation, case in zip(right, cases, strict=True)
        ]
        if None in pairs:  # it has no meaning for what this exercise observes
            continue
        tried.append(mutant)
        mutants = [pair[0] for pair in pairs]
        assert exercise.compare(mutants, seed).status != "ok", f"{mutant} passes"
        if mutant not in ("none", "dtype"):
            assert not all(same(a, b) for a, b in zip(mutants, right, strict=True)), mutant
    assert "none" in tried or "none" in exercise.exempt


@each([e for e in ALL if not e.is_value])
def test_cases_are_seeded_and_never_constant(exercise):
    first = make_cases(exercise, 3)
    for wrong in [*exercise.mistakes.values()][:3]:
        exercise.judge(wrong.answer, 3)
    observe._draw_cases.cache_clear()
    again = make_cases(exercise, 3)
    assert 2 <= len(first) <= 8
    for case, twin in zip(first, again, strict=True):
        assert same([*case], [*twin]), "drawn otherwise, or changed by judging"
    expected = judge.expected(exercise, 3)
    assert not all(same(result, expected[0]) for result in expected[1:]), "one result for all cases"


@each([e for e in ALL if not e.is_value])
def test_results_change_with_the_seed(exercise):
    """Or an answer that gives the results of one seed in turn would be right for all."""
    first, second = (judge.expected(exercise, seed) for seed in (11, 22))
    is_same = len(first) == len(second) and all(map(same, first, second))
    assert is_same == (exercise.number in ("4.6", "7.3"))  # any network of the right kind


@each()
def test_stub_and_solution_share_name(exercise):
    names = {
        "torch": torch,
        "nn": torch.nn,
        "F": torch.nn.functional,
        "np": np,
        "math": __import__("math"),
    }
    exec(exercise.solution_source(), names)
    verdict = exercise.judge(names[exercise.name])
    assert verdict.status == "ok", verdict
