"""Compare what was observed of an answer with what is right: the second half of judging."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from course_utils.judging.diagnose import diagnose
from course_utils.judging.evidence import Demand, Evidence
from course_utils.judging.observation import NOT_COMPARED, freeze
from course_utils.judging.observe import default_seed, make_cases, observe_trusted
from course_utils.judging.settings import standard_settings
from course_utils.judging.verdict import Status, Verdict


@standard_settings()
def expected(exercise, seed: int | None) -> list:
    """What the oracle gives, case by case; it is observed once for each seed."""
    return list(_expected(exercise, default_seed() if seed is None else seed))


@lru_cache(maxsize=64)
def _expected(exercise, seed: int) -> list:
    oracle = exercise.oracle or exercise.model
    answer = oracle() if exercise.is_value else oracle
    return observe_trusted(exercise, answer, make_cases(exercise, seed))


@standard_settings()
def compare(
    exercise,
    observations: list,
    right: list,
    seed: int | None,
    answer: object = None,
    printed: str = "",
) -> Verdict:
    """The verdict: passes, or what is wrong, with the smallest failing case.

    Parameters
    ----------
    exercise : with all that is needed to say what is wrong
    observations, right : of the answer and of the oracle, one a case
    seed : of the cases
    answer : the student's own; without it nothing is said of its source
    printed : what it printed
    """
    verdict, cases = Verdict(Status.OK, exercise.heading), make_cases(exercise, seed)
    if len(observations) != len(cases):
        words = f"{len(cases)} results are expected, {len(observations)} came."
        return replace(verdict, status=Status.WRONG, message=words)
    evidence = Evidence(exercise, cases, observations, right, answer, printed,
                        default_seed() if seed is None else seed)  # fmt: skip
    if all(evidence.correct):
        return verdict
    with np.errstate(all="ignore"):  # whatever huge numbers an answer has, no warning is ours
        diagnosis = diagnose(evidence)
    return replace(
        verdict,
        status=diagnosis.status,
        message=diagnosis.message,
        findings=diagnosis.findings,
        fix=diagnosis.fix,
        **_failing_case(evidence),
    )


@standard_settings()
def passes(exercise, observations: list, right: list, seed: int | None) -> bool:
    """Whether observations are right in every case."""
    cases = make_cases(exercise, seed)
    if len(observations) != len(cases):
        return False
    return all(Evidence(exercise, cases, observations, right).correct)


def _demands(evidence: Evidence) -> dict[str, Demand]:
    """What the smallest failing case has to fulfil, by name; empty where nothing is to be told."""
    exercise, first = evidence.exercise, evidence.first_wrong
    if exercise.demands is None:
        return {}
    try:
        return exercise.demands(evidence.observed[first], *evidence.cases[first])
    except Exception:  # nothing came, or something of another form
        return {}


def _failing_case(evidence: Evidence) -> dict:
    """Arguments, yours and expected of the smallest failing case, and which parts are right."""
    exercise, first = evidence.exercise, evidence.first_wrong
    yours, right = evidence.observed[first], evidence.expected[first]
    columns = evidence.columns if not exercise.accept else []
    parts = {column.name: column.is_right for column in columns if len(columns) > 1}
    case = evidence.cases[first]
    arguments = {name: freeze(case[i]) for i, name in evidence.named_arguments if i < len(case)}
    if demands := _demands(evidence):
        return {
            "case": {} if exercise.is_value else arguments,
            "yours": tuple(NOT_COMPARED if d.is_met is None else d.yours for d in demands.values()),
            "expected": tuple(demand.wanted for demand in demands.values()),
            "reveal": True,
            "parts": {name: demand.is_met is True for name, demand in demands.items()},
        }
    if exercise.is_value:
        # where many answers are right, that of the course marks nothing as wrong
        return {"yours": yours, "expected": None if exercise.accept else right, "parts": parts}
    return {
        "case": arguments,
        "yours": yours,
        "expected": right,
        "reveal": exercise.accept is None,
        "parts": parts,
    }
