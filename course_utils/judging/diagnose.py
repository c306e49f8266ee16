"""Turn a difference into words: the first cause that explains all of the evidence.

In this order: the listed mistakes, alone or two together; probes, which need no declaration; one
edit of the student's code, or of the right formula; an error in plain words; and at last which
parts are right, and where. A cause is said only if it predicts what was seen in every case; where
two explain it equally, both are offered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

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
from course_utils.judging.observation import Other, Stopped, numbers, rank, same
from course_utils.judging.observe import observe_trusted
from course_utils.judging.verdict import Status

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
            return _named(findings)
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
    if suggestion := edits.search(evidence):
        words = suggestion.words
        if stopped is not None:
            words = f"{plain_errors.explain(stopped)} {words}"
        return Diagnosis(Status.MISTAKE, words, ("edit",), suggestion.fix)
    if stopped is not None:
        words = _joined(plain_errors.explain(stopped), conditions.failing_cases(evidence))
        return Diagnosis(Status.ERROR, words, plain_errors.ids(stopped))
    return _general(evidence)


def _partly_stopped(evidence: Evidence) -> Diagnosis | None:
    """Where some cases end in an error: what explains the others, and what the error means."""
    rest = evidence.where_it_returned()
    stopped = [observed for observed in evidence.observed if isinstance(observed, Stopped)]
    if rest is None or stopped[0].kind in plain_errors.LIMITS:
        return None
    for explain in (listed_mistakes, mistakes_together, mistakes_by_part, general_causes):
        if findings := explain(rest):
            named = _named(findings)
            error = f"And in another case it stops: {plain_errors.explain(stopped[0])}"
            ids = (*named.findings, *plain_errors.ids(stopped[0]))
            return Diagnosis(Status.MISTAKE, _joined(named.message, error), ids)
    return None


def _wrong_type(evidence: Evidence) -> str:
    """What is off where the numbers are right, or where there are none to look at."""
    exercise = evidence.exercise
    if exercise.accept:
        return ""
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
    no_numbers = numbers(observed) is None or isinstance(observed, str)
    return words if right or (no_numbers and observed is not None) else ""


def _wrong_count(expected: object, observed: object) -> str:
    """Of a value: one number came where several are wanted, or several for one."""
    wanted, got = numbers(expected), numbers(observed)
    if wanted is None or got is None or (wanted.size == 1) == (got.size == 1):
        return ""
    if wanted.size == 1:
        return f"This is {name_of(observed)}, which holds {got.size} numbers; one number is wanted."
    return f"This is one number; {IN_WORDS.get(wanted.size, wanted.size)} are wanted."


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
        elif evidence.explains(evidence.predicted(name)):
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


def mistakes_together(evidence: Evidence) -> list[Finding]:
    """Two listed mistakes made at once, where they are switches of one answer."""
    exercise = evidence.exercise
    switches = {name: m for name, m in exercise.mistakes.items() if m.switch}
    if exercise.switches is None or not switches or _explained_by_one_probe(evidence):
        return []
    for (first, earlier), (second, later) in combinations(switches.items(), 2):
        if set(earlier.switch) & set(later.switch):
            continue
        predicted = _predict_pair(evidence, first, second)
        if predicted is not None and evidence.explains(predicted):
            words = f"Two slips at once. First: {earlier.words} Second: {later.words}"
            return [Finding(f"{first}+{second}", words)]
    return []


def _explained_by_one_probe(evidence: Evidence) -> bool:
    """Whether one plain cause explains all, such as an input that comes back: simpler than two."""
    if evidence.exercise.accept or len(evidence.columns) != 1:
        return False
    findings = probes.first_findings(evidence.columns[0], evidence)
    return bool(findings) and findings[0].id != "constant"


def _predict_pair(evidence: Evidence, first: str, second: str) -> list | None:
    """What two mistakes make together; of a value it is computed once for all answers."""
    exercise = evidence.exercise
    if exercise.is_value and evidence.seed is not None:
        return exercise.mistaken_observations(f"{first}+{second}", evidence.cases, evidence.seed)
    earlier, later = exercise.mistakes[first], exercise.mistakes[second]
    assert exercise.switches is not None  # `mistakes_together` asks only then
    return _predict(evidence, exercise.switches(**earlier.switch, **later.switch))


def _predict(evidence: Evidence, answer: object) -> list | None:
    """What an answer of the course gives on all cases; None as soon as it is not what was seen."""
    predicted: list = [None] * len(evidence.cases)
    first = evidence.first_wrong
    for i in [first, *(k for k in range(len(predicted)) if k != first)]:
        predicted[i] = observe_trusted(evidence.exercise, answer, [evidence.cases[i]])[0]
        if not same(predicted[i], evidence.aligned[i], evidence.exercise.tolerance):
            return None
    return predicted


def exchanged_parts(evidence: Evidence) -> list[Finding]:
    """The right parts in another order."""
    finding = None if evidence.exercise.accept else probes.exchanged_parts(evidence)
    return [finding] if finding else []


def mistakes_by_part(evidence: Evidence) -> list[Finding]:
    """Of a result of several parts: a cause for each wrong part, where every one has one."""
    columns = evidence.columns
    if len(columns) < 2:
        return []
    causes: list[tuple[list[str], Finding]] = []
    unexplained: list[str] = []
    for i, column in enumerate(columns):
        if column.is_right:
            continue
        finding = _cause_of_part(i, column, evidence)
        if finding is None:
            unexplained.append(column.name)
            continue
        for names, known in causes:
            if known.words == finding.words:
                names.append(column.name)
                break
        else:
            causes.append(([column.name], finding))
    if not causes:
        return []
    right = [column.name for column in columns if column.is_right]
    lead = f"Right: {', '.join(right)}. " if right else ""
    words = [f"{', '.join(names)}: {finding.words}" for names, finding in causes]
    if unexplained:
        words.append(f"Not right either, for another reason: {', '.join(unexplained)}.")
    return [Finding("+".join(f.id for _, f in causes), lead + " ".join(words))]


def _cause_of_part(index: int, column: Column, evidence: Evidence) -> Finding | None:
    exercise = evidence.exercise
    for name, mistake in exercise.mistakes.items():
        if mistake.when is not None:
            continue
        whole = evidence.predicted(name)
        if not all(isinstance(w, list | tuple) and len(w) == len(evidence.columns) for w in whole):
            continue
        if column.explained_by([w[index] for w in whole]) and _others_follow(
            index, whole, evidence
        ):
            return Finding(name, mistake.words)
    if finding := formula.near_miss(evidence, index):
        return finding
    findings = probes.first_findings(column, evidence)
    return findings[0] if len(findings) == 1 else None


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
    column = Column("", evidence.observed, evidence.expected or [0], 0.0)
    return list(probes.nothing(column, evidence))


# Where nothing explains all -----------------------------------------------------------------------


def _general(evidence: Evidence) -> Diagnosis:
    """Facts that hold whatever the cause is, and a next step."""
    exercise, first = evidence.exercise, evidence.first_wrong
    columns = evidence.columns
    facts = [conditions.failing_cases(evidence)]
    if len(columns) > 1 and not exercise.accept and rank(columns[0].expected[0]) == 0:
        right = [column.name for column in columns if column.is_right]
        wrong = [column.name for column in columns if not column.is_right]
        lead = f"Right: {', '.join(right)}; wrong: {', '.join(wrong)}." if right else ""
        facts.insert(0, lead or "No part of the result is right yet.")
    elif not exercise.accept:
        shown = evidence.difference(evidence.expected[first], evidence.aligned[first])
        if shown is not None and (shown.type_only or not exercise.is_value):
            facts.append(shown.words)
        elif exercise.is_value:
            whole = Column("", evidence.aligned, evidence.expected, evidence.near)
            facts.append(conditions.wrong_entries(whole))
        if layout.holds_the_right_numbers(columns[0]):
            facts.append("All the right numbers are there, but not all in the right places.")
    if not exercise.is_value and not exercise.accept:
        wrong_columns = [column for column in columns if not column.is_right]
        facts.append(conditions.wrong_numbers(wrong_columns[0], evidence))
    facts.append(_source_words(evidence, 2))
    facts.append(exercise.next_step)
    shown = (
        None
        if exercise.accept
        else evidence.difference(evidence.expected[first], evidence.observed[first])
    )
    status = Status.TYPE if shown is not None and shown.type_only else Status.WRONG
    return Diagnosis(status, _joined(*facts))


def _source_words(evidence: Evidence, most: int) -> str:
    notes = source_notes.notes(evidence.answer)
    return " ".join(note.words for note in notes[:most])


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)
