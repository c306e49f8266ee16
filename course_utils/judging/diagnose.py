"""Turn a difference into words: the first cause that explains all of the evidence.

In this order: the listed mistakes, alone or two together; probes, which need no declaration; one
edit of the student's code, or of the right formula; an error in plain words; and at last which
parts are right, and where. A cause is said only if it predicts what was seen in every case; where
two explain it equally, both are offered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from course_utils.judging import (
    conditions,
    edits,
    formula,
    inputs,
    layout,
    plain_errors,
    probes,
    source_notes,
)
from course_utils.judging.comparison import align, name_of
from course_utils.judging.evidence import Column, Evidence, Finding
from course_utils.judging.observation import (
    Other,
    Stopped,
    is_not_compared,
    numbers,
    rank,
    same,
)
from course_utils.judging.observe import observe
from course_utils.judging.pairs import mistakes_together
from course_utils.judging.verdict import Status

# What a mistake's words say of the other parts holds only where it explains the whole answer.
OTHERS_RIGHT = re.compile(r"^[\w' ]+ (is|are) right([;,] [\w' ]+ is not)?\. ")
SECONDS_AGAIN = 1.0  # for an answer that is called once more
IN_WORDS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


@dataclass(frozen=True)
class Diagnosis:
    """Status, words, ids of what they name, and a change that mends the answer."""

    status: Status
    message: str
    findings: tuple[str, ...] = ()
    fix: str = ""


def diagnose(evidence: Evidence) -> Diagnosis:
    """Name the cause of a wrong answer as closely as the evidence allows."""
    for explain in (listed_mistakes, mistakes_together):
        if findings := explain(evidence):
            mended = _one_edit(evidence) if _only_beyond_the_end(evidence) else None
            return mended or _named(findings)
    if words := _wrong_type(evidence):
        return Diagnosis(Status.TYPE, words, ("type",))
    for explain in (exchanged_parts, mistakes_by_part, general_causes):
        if findings := explain(evidence):
            named = _named(findings)
            return replace(named, message=_joined(named.message, _source_words(evidence, 1)))
    if partly := _partly_stopped(evidence):
        return partly
    stopped = evidence.stopped
    if stopped is not None and stopped.kind in plain_errors.LIMITS:
        return Diagnosis(Status.LIMIT, plain_errors.limit(stopped, evidence.exercise.seconds))
    if mended := _one_edit(evidence):
        return mended
    error = plain_errors.explain(stopped) if stopped is not None else ""
    if words := _other_result_again(evidence):
        words = _joined(words, error, conditions.failing_cases(evidence))
        return Diagnosis(Status.MISTAKE, words, ("other-result-again",))
    if stopped is not None:
        words = _joined(error, conditions.failing_cases(evidence))
        return Diagnosis(Status.ERROR, words, plain_errors.ids(stopped))
    return _general(evidence)


def _other_result_again(evidence: Evidence) -> str:
    """Of an answer that is called on the same inputs once more: that it gives something else."""
    exercise, answer = evidence.exercise, evidence.answer
    if answer is None or exercise.is_value or exercise.accept:
        return ""
    again = observe(exercise, answer, evidence.seed, SECONDS_AGAIN).results
    if any(map(_reached_limit, [*again, *evidence.observed])):
        return ""
    if len(again) != len(evidence.observed) or same(again, evidence.observed, evidence.near):
        return ""
    return (
        "Called on the same inputs once more, your code gives something else. Something is kept "
        "from one call to the next (a default argument, such as a list, is made once and not for "
        "every call, and so is what stands outside of the function), or drawn at random, or never "
        "filled, as places of `torch.empty` are."
    )


def _reached_limit(observed: object) -> bool:
    return isinstance(observed, Stopped) and observed.kind in plain_errors.LIMITS


def _one_edit(evidence: Evidence) -> Diagnosis | None:
    """The single change of the student's code that mends it, if there is one."""
    suggestion = edits.search(evidence)
    if suggestion is None:
        return None
    error = plain_errors.explain(evidence.stopped) if evidence.stopped is not None else ""
    words = _joined(error, suggestion.words)
    return Diagnosis(Status.MISTAKE, words, ("edit",), suggestion.fix)


def _only_beyond_the_end(evidence: Evidence) -> bool:
    """Whether all failing cases end in an index too large: many slips lead to the same words."""
    pairs = zip(evidence.observed, evidence.correct, strict=True)
    failing = [observed for observed, is_right in pairs if not is_right]
    return all(isinstance(each, Stopped) and each.kind == "IndexError" for each in failing)


def _partly_stopped(evidence: Evidence) -> Diagnosis | None:
    """Where some cases end in an error: what explains the others, and what the error means."""
    rest = evidence.where_it_returned()
    stopped = [observed for observed in evidence.observed if isinstance(observed, Stopped)]
    if rest is None or stopped[0].kind in plain_errors.LIMITS:
        return None
    for explain in (listed_mistakes, mistakes_together, mistakes_by_part, general_causes):
        if findings := explain(rest):
            named = _named(findings)
            error = f"And in another case it stops: {plain_errors.explain_briefly(stopped[0])}"
            ids = (*named.findings, *plain_errors.ids(stopped[0]))
            return Diagnosis(Status.MISTAKE, _joined(named.message, error), ids)
    return None


def _wrong_type(evidence: Evidence) -> str:
    """What is off where the numbers are right, or where there are none to look at."""
    exercise = evidence.exercise
    if exercise.accept:
        few = exercise.is_value and rank(evidence.expected[0]) == 1
        counted = _wrong_count(evidence.expected[0], evidence.observed[0]) if few else ""
        return _texts_for_numbers(evidence) or counted
    if exercise.is_choice:
        *others, last = map(repr, exercise.choices)
        return f"Answer with one letter in quotes: {', '.join(others)} or {last}."
    if exercise.is_value and (words := _wrong_count(evidence.expected[0], evidence.observed[0])):
        return words
    pairs = list(zip(evidence.expected, evidence.observed, strict=True))
    differences = [evidence.difference(*pair) for pair in pairs]
    if not all(difference is None or difference.type_only for difference in differences):
        return ""
    first = next(i for i, difference in enumerate(differences) if difference is not None)
    _expected, observed = pairs[first]
    words = differences[first].words
    if isinstance(observed, Other):
        return _joined(words, plain_errors.layer_for_function(observed.type_name))
    pairs = [
        pair for pair, difference in zip(pairs, differences, strict=True) if difference is not None
    ]
    right = all(same(e, align(e, o), evidence.near) for e, o in pairs)
    return words if right or all(_holds_no_numbers(exercise, *pair) for pair in pairs) else ""


def _texts_for_numbers(evidence: Evidence) -> str:
    """Of a value of which many are right: that it is written as text, where numbers are wanted."""
    wanted, got = evidence.expected[0], evidence.observed[0]
    entries = got if isinstance(got, list | tuple) else [got]
    is_text = evidence.exercise.is_value and any(isinstance(entry, str) for entry in entries)
    if numbers(wanted) is None or not is_text:
        return ""
    return "Your answer is text, because it stands in quotes. Write numbers, without quotes."


def _holds_no_numbers(exercise, expected: Any, observed: Any) -> bool:
    """Whether what is wrong of an observation is something other than numbers or nothing."""
    sequences = isinstance(expected, list | tuple) and isinstance(observed, list | tuple)
    if sequences and not exercise.is_value and len(expected) == len(observed):
        wrong = [p for p in zip(expected, observed, strict=True) if not same(*p)]
        return all(_holds_no_numbers(exercise, *pair) for pair in wrong)
    return observed is not None and (numbers(observed) is None or isinstance(observed, str))


def _wrong_count(expected: object, observed: object) -> str:
    """Of a value: how many numbers came, and how many are wanted, where that differs."""
    wanted, got = numbers(expected), numbers(observed)
    if wanted is None or got is None or wanted.size == got.size:
        return ""
    if wanted.size == 1:
        return f"This is {name_of(observed)}, which holds {got.size} numbers; one number is wanted."
    many = IN_WORDS.get(wanted.size, wanted.size)
    if got.size == 1:
        return f"This is one number; {many} are wanted."
    if wanted.ndim == 1:
        return f"These are {IN_WORDS.get(got.size, got.size)} numbers; {many} are wanted."
    return ""


def _named(findings: list[Finding]) -> Diagnosis:
    """One finding in its own words; of two that explain equally well, both."""
    ids = tuple(finding.id for finding in findings)
    fix = findings[0].fix if len(findings) == 1 else ""
    return Diagnosis(Status.MISTAKE, either([finding.words for finding in findings]), ids, fix)


def either(words: list[str]) -> str:
    """Offer what explains equally well."""
    if len(words) == 1:
        return words[0]
    return "Two slips lead to exactly this. Either: " + " Or: ".join(words)


# Listed mistakes ----------------------------------------------------------------------------------


def listed_mistakes(evidence: Evidence) -> list[Finding]:
    """The exercise's mistakes that explain everything that was seen; at most two."""
    exact, by_predicate = [], []
    for name, mistake in evidence.exercise.mistakes.items():
        if mistake.when is not None:
            if _predicate_holds(mistake.when, evidence):
                by_predicate.append(Finding(name, mistake.words))
        elif evidence.may_be(name) and evidence.explains(evidence.predicted(name)):
            exact.append(Finding(name, mistake.words))
    return (exact or by_predicate[:1])[:2]


def _predicate_holds(predicate, evidence: Evidence) -> bool:
    """Whether a predicate holds in every failing case, on something it can read."""
    if evidence.exercise.is_value and not evidence.exercise.accept and _has_no_numbers(evidence):
        return False
    for observed, is_right in zip(evidence.aligned, evidence.correct, strict=True):
        if is_right:
            continue
        try:
            if not predicate(observed):
                return False
        except Exception:  # an observation of another form than the predicate reads
            return False
    return True


def _has_no_numbers(evidence: Evidence) -> bool:
    """Whether numbers are wanted and something else, such as None, is among what was given."""
    wanted, given = numbers(evidence.expected[0]), numbers(evidence.aligned[0])
    return wanted is not None and given is None


def exchanged_parts(evidence: Evidence) -> list[Finding]:
    """The right parts in another order."""
    finding = None if evidence.exercise.accept else probes.exchanged_parts(evidence)
    return [finding] if finding else []


def mistakes_by_part(evidence: Evidence) -> list[Finding]:
    """Of a result of several parts: a cause for each wrong part, where every one has one."""
    columns = evidence.columns
    if len(columns) < 2:
        return []
    wrong = [
        (i, column)
        for i, column in enumerate(columns)
        if not (column.is_right or is_not_compared(column.observed[evidence.first_wrong]))
    ]
    own = [_cause_of_part(i, column, evidence) for i, column in wrong]
    shared = formula.shared_near_miss(evidence)  # one slip is simpler than one for each part
    if shared is None and None in own:
        shared = formula.changed_quantity(evidence)
    causes: dict[Finding, list[str]] = {}
    unexplained: list[str] = []
    for (_, column), cause in zip(wrong, own, strict=True):
        if finding := shared or cause:
            causes.setdefault(finding, []).append(column.name)
        else:
            unexplained.append(column.name)
    if not causes:
        return []
    right = [column.name for column in columns if column.is_right]
    lead = f"Right: {', '.join(right)}. " if right else ""
    words = [f"{', '.join(names)}: {finding.words}" for finding, names in causes.items()]
    if unexplained:
        lead += "A part of it looks like a usual slip. "
        words.append(f"That does not explain {', '.join(unexplained)}, wrong as well.")
    return [Finding("+".join(finding.id for finding in causes), lead + " ".join(words))]


def _cause_of_part(index: int, column: Column, evidence: Evidence) -> Finding | None:
    """The cause of one wrong part by itself."""
    exercise = evidence.exercise
    for name, mistake in exercise.mistakes.items():
        if mistake.when is not None or not _part_may_be(index, name, evidence):
            continue
        whole = evidence.predicted(name)
        if not all(isinstance(w, list | tuple) and len(w) == len(evidence.columns) for w in whole):
            continue
        if column.explained_by([w[index] for w in whole]) and _others_follow(
            index, whole, evidence
        ):
            return Finding(name, OTHERS_RIGHT.sub("", mistake.words))
    if finding := formula.near_miss(evidence, index):
        return finding
    findings = probes.first_findings(column, evidence)
    return findings[0] if len(findings) == 1 else None


def _part_may_be(index: int, name: str, evidence: Evidence) -> bool:
    """Whether a mistake gives what was seen of a part on the smallest failing case."""
    first = evidence.first_wrong
    whole, seen = evidence.predicted_on(name, first), evidence.aligned[first]
    is_whole = isinstance(whole, list | tuple) and len(whole) == len(seen)
    right = evidence.expected[first][index]
    return is_whole and same(align(right, whole[index]), seen[index], evidence.near)


def _others_follow(index: int, whole: list, evidence: Evidence) -> bool:
    """Whether a mistake leaves every other part either right, or as it was seen."""
    tolerance = evidence.exercise.tolerance
    for predicted, observed, right in zip(whole, evidence.aligned, evidence.expected, strict=True):
        for k in range(len(predicted)):
            parts = predicted[k], right[k], observed[k]
            if k != index and not (
                same(parts[0], parts[1], tolerance) or same(parts[0], parts[2], tolerance)
            ):
                return False
    return True


# Causes that nobody lists -------------------------------------------------------------------------


def general_causes(evidence: Evidence) -> list[Finding]:
    """Probes of the result and of the inputs, and near misses of the right formula."""
    exercise = evidence.exercise
    if exercise.accept or exercise.is_choice:
        return _only_nothing(evidence)
    if finding := formula.near_miss(evidence):
        return [finding]
    if evidence.stopped is not None:
        return inputs.changed_inputs(evidence)[:2] if not exercise.is_value else []
    columns = evidence.columns
    findings = probes.first_findings(columns[0], evidence) if len(columns) == 1 else []
    if not findings or findings[0].id == "constant":
        findings = inputs.changed_inputs(evidence) or findings
    return findings if len(findings) <= 2 else []


def _only_nothing(evidence: Evidence) -> list[Finding]:
    if evidence.exercise.is_value:
        return []
    column = Column("", evidence.observed, evidence.expected or [0], 0.0, 0.0)
    return list(probes.nothing(column, evidence))


# Where nothing explains all -----------------------------------------------------------------------


def _general(evidence: Evidence) -> Diagnosis:
    """Facts that hold whatever the cause is, and a next step."""
    exercise, first = evidence.exercise, evidence.first_wrong
    facts = [] if exercise.accept else conditions.facts(evidence)
    wrong = [column for column in evidence.columns if not column.is_right]
    if not exercise.accept and wrong and layout.holds_the_right_numbers(wrong[0]):
        facts.append("All the right numbers are there, but not all in the right places.")
    words = _joined(*facts, _source_words(evidence, 2), exercise.next_step)
    shown = (
        None
        if exercise.accept
        else evidence.difference(evidence.expected[first], evidence.observed[first])
    )
    return Diagnosis(Status.TYPE if shown is not None and shown.type_only else Status.WRONG, words)


def _source_words(evidence: Evidence, most: int) -> str:
    notes = source_notes.notes(evidence.answer)
    return " ".join(note.words for note in notes[:most])


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)
