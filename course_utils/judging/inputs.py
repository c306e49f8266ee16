"""Probes of inputs: what the right answer gives when an argument is ignored, frozen or exchanged."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator

import torch

from course_utils.judging.comparison import align
from course_utils.judging.evidence import Evidence, Finding
from course_utils.judging.observation import freeze, numbers, same
from course_utils.judging.observe import observe_trusted

Case = tuple
Change = Callable[[Case], Case | None]


def changed_inputs(evidence: Evidence) -> list[Finding]:
    """Every change of the inputs under which the right answer gives what was seen."""
    if evidence.exercise.is_value or evidence.exercise.accept:
        return []
    found: dict[str, Finding] = {}
    for finding, change in _changes(evidence):
        if finding.id not in found and _explains(evidence, change):
            found[finding.id] = finding
        if len(found) > 2:
            break
    return list(found.values())


def _explains(evidence: Evidence, change: Change) -> bool:
    """Whether the model answer on changed cases gives what was seen; the failing case first."""
    first = evidence.first_wrong
    order = [first, *(i for i in range(len(evidence.cases)) if i != first)]
    predicted: list = [None] * len(order)
    for i in order:
        try:
            case = change(copy.deepcopy(evidence.cases[i]))
        except Exception:  # the change makes no sense for these arguments
            return False
        if case is None:
            predicted[i] = evidence.expected[i]
        else:
            predicted[i] = observe_trusted(evidence.exercise, evidence.exercise.model, [case])[0]
        guess = align(evidence.expected[i], predicted[i])
        if not same(guess, evidence.aligned[i], evidence.exercise.tolerance):
            return False
    return evidence.explains(predicted)


def _changes(evidence: Evidence) -> Iterator[tuple[Finding, Change]]:
    """The changes worth trying, each with what it says of an answer that it explains."""
    names = evidence.arguments
    longest = max(len(case) for case in evidence.cases)
    defaults = _defaults(evidence)
    for i, name in enumerate(names[:longest]):
        values = [
            freeze(case[i]) if len(case) > i else defaults.get(name) for case in evidence.cases
        ]
        if all(isinstance(value, int | float | bool) for value in values):
            yield from _scalar_changes(i, name, values, defaults.get(name))
        elif all(isinstance(value, torch.Tensor) for value in values):
            yield from _tensor_changes(i, name, values)
    for i in range(longest):
        for j in range(i + 1, longest):
            words = f"Your code uses `{names[i]}` and `{names[j]}` the wrong way round."
            yield Finding("arguments-exchanged", words), _exchange(i, j)


def _defaults(evidence: Evidence) -> dict[str, object]:
    if inspect.isclass(evidence.exercise.model) or evidence.exercise.argument_names:
        return {}
    parameters = inspect.signature(evidence.exercise.model).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _scalar_changes(i: int, name: str, values: list, default: object):
    if len(set(values)) > 1:
        for value in dict.fromkeys([default, values[0], 0, 1]):
            if isinstance(value, int | float):
                words = f"`{name}` is ignored: your code works as if it were always {value:g}."
                yield Finding(f"ignores-{name}", words), _put(i, lambda _, value=value: value)
    changes = [
        ("plus-one", f"Your code works as if `{name}` were one larger.", lambda v: v + 1),
        ("minus-one", f"Your code works as if `{name}` were one smaller.", lambda v: v - 1),
        ("negative", f"Your code uses `{name}` with the wrong sign.", lambda v: -v),
        ("doubled", f"Your code uses `{name}` twice over.", lambda v: 2 * v),
        ("halved", f"Your code uses half of `{name}`.", lambda v: v / 2),
        ("squared", f"Your code uses the square of `{name}`.", lambda v: v**2),
        ("root", f"Your code uses the root of `{name}`.", lambda v: v**0.5),
        ("complement", f"Your code uses 1 − {name} where {name} belongs.", lambda v: 1 - v),
    ]
    for kind, words, change in changes:
        yield Finding(f"{kind}-{name}", words), _put(i, change)


def _tensor_changes(i: int, name: str, values: list[torch.Tensor]):
    rank = min(value.ndim for value in values)
    number = all(numbers(value) is not None and value.dtype != torch.bool for value in values)
    if len(values) > 1 and len({tuple(value.shape) for value in values}) == 1:
        words = f"`{name}` is ignored: every case gives what the first one does."
        yield Finding(f"ignores-{name}", words), _put(i, lambda _: values[0].clone())
    if number:
        yield (
            Finding(f"negative-{name}", f"Your code uses `{name}` with the wrong sign."),
            _put(i, lambda v: -v),
        )
        yield (
            Finding(f"abs-{name}", f"Your code works as if `{name}` had no negative numbers."),
            _put(i, lambda v: v.abs()),
        )
        yield (
            Finding(
                f"zero-{name}", f"`{name}` has no effect: your code works as if it were all 0."
            ),
            _put(i, lambda v: v * 0),
        )
        yield (
            Finding(
                f"ones-{name}", f"`{name}` has no effect: your code works as if it were all 1."
            ),
            _put(i, lambda v: v * 0 + 1),
        )
        yield (
            Finding(f"squared-{name}", f"Your code uses the square of `{name}`."),
            _put(i, lambda v: v**2),
        )
    for axis in range(min(rank, 3)):
        words = f"Your code reads `{name}` backwards along axis {axis}."
        yield Finding(f"backwards-{name}", words), _put(i, lambda v, axis=axis: v.flip(axis))
    if rank >= 2:
        words = f"Your code reads `{name}` backwards along its last two axes."
        yield Finding(f"backwards-{name}", words), _put(i, lambda v: v.flip(-1, -2))
        words = f"Your code reads rows of `{name}` as columns."
        yield Finding(f"transposed-{name}", words), _put(i, lambda v: v.transpose(-1, -2))
    if rank >= 1:
        words = f"Your code uses the first entry of `{name}` only."
        yield Finding(f"first-of-{name}", words), _put(i, _repeat_first)


def _repeat_first(value: torch.Tensor) -> torch.Tensor:
    return value[:1].expand_as(value).clone()


def _put(i: int, change: Callable) -> Change:
    def on_case(case: Case) -> Case | None:
        if len(case) <= i:
            return None
        return (*case[:i], change(case[i]), *case[i + 1 :])

    return on_case


def _exchange(i: int, j: int) -> Change:
    def on_case(case: Case) -> Case | None:
        if len(case) <= j:
            return None
        args = list(case)
        args[i], args[j] = args[j], args[i]
        return tuple(args)

    return on_case
