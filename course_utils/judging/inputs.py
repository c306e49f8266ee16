"""Probes of inputs: what the right answer gives on arguments ignored, frozen or exchanged."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from itertools import combinations

import torch

from course_utils.judging.comparison import align
from course_utils.judging.evidence import Evidence, Finding
from course_utils.judging.observation import Stopped, freeze, numbers, same
from course_utils.judging.observe import observe_trusted

Case = tuple
Change = Callable[[Case], Case | None]


def changed_inputs(evidence: Evidence) -> list[Finding]:
    """The changes of the inputs under which the right answer gives what was seen.

    Those of the first kind that explains it at all: an argument ignored; two exchanged; changed.
    """
    if evidence.exercise.is_value or evidence.exercise.accept or _same_error(evidence):
        return []
    for kind in (_ignored, _exchanged, _changed):
        explaining = {f.id: f for f, change in kind(evidence) if _explains(evidence, change)}
        if explaining:
            return list(explaining.values())
    return []


def _same_error(evidence: Evidence) -> bool:
    """Whether every failing case ends in one error, which then tells nothing of its inputs."""
    pairs = zip(evidence.observed, evidence.correct, strict=True)
    failing = [observed for observed, is_right in pairs if not is_right]
    errors = {observed.text for observed in failing if isinstance(observed, Stopped)}
    return len(errors) == 1 and all(isinstance(observed, Stopped) for observed in failing)


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


Changes = Iterator[tuple[Finding, Change]]


def _arguments(evidence: Evidence) -> Iterator[tuple[int, str, list, object]]:
    """(place, name, value in every case, default) of each argument."""
    defaults = _defaults(evidence)
    longest = max(len(case) for case in evidence.cases)
    for i, name in evidence.named_arguments:
        if i >= longest:
            break
        default = defaults.get(name)
        values = [freeze(case[i]) if len(case) > i else default for case in evidence.cases]
        yield i, name, values, default


def _ignored(evidence: Evidence) -> Changes:
    for i, name, values, default in _arguments(evidence):
        if all(isinstance(value, int | float) for value in values) and len(set(values)) > 1:
            for value in dict.fromkeys([default, *values, 0, 1]):
                if isinstance(value, int | float):
                    words = f"`{name}` is ignored: your code works as if it were always {value:g}."
                    yield Finding(f"ignores-{name}", words), _put(i, lambda _, value=value: value)
        elif all(isinstance(value, torch.Tensor) for value in values):
            if len(values) < 2 or len({tuple(value.shape) for value in values}) > 1:
                continue
            words = f"`{name}` is ignored: every case gives what the first one does."
            yield Finding(f"ignores-{name}", words), _put(i, lambda _, v=values: v[0].clone())


def _exchanged(evidence: Evidence) -> Changes:
    longest = max(len(case) for case in evidence.cases)
    arguments = [(i, name) for i, name in evidence.named_arguments if i < longest]
    for (i, first), (j, second) in combinations(arguments, 2):
        words = f"Your code uses `{first}` and `{second}` the wrong way round."
        yield Finding("arguments-exchanged", words), _exchange(i, j)


def _changed(evidence: Evidence) -> Changes:
    for i, name, values, _ in _arguments(evidence):
        if all(isinstance(value, int | float) for value in values):
            for kind, words, change in SCALAR_CHANGES:
                yield Finding(f"{kind}-{name}", words.format(name, name)), _put(i, change)
        elif all(isinstance(value, torch.Tensor) for value in values):
            yield from _tensor_changes(i, name, values)


def _defaults(evidence: Evidence) -> dict[str, object]:
    if inspect.isclass(evidence.exercise.model) or evidence.exercise.argument_names:
        return {}
    parameters = inspect.signature(evidence.exercise.model).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


SCALAR_CHANGES: list[tuple[str, str, Callable]] = [
    ("plus-one", "Your code works as if `{}` were one larger.", lambda v: v + 1),
    ("minus-one", "Your code works as if `{}` were one smaller.", lambda v: v - 1),
    ("negative", "Your code uses `{}` with the wrong sign.", lambda v: -v),
    ("doubled", "Your code uses `{}` twice over.", lambda v: 2 * v),
    ("halved", "Your code uses half of `{}`.", lambda v: v / 2),
    ("squared", "Your code uses the square of `{}`.", lambda v: v**2),
    ("root", "Your code uses the root of `{}`.", lambda v: v**0.5),
    ("complement", "Your code uses 1 − `{}` where `{}` itself belongs.", lambda v: 1 - v),
]
TENSOR_CHANGES: list[tuple[str, str, Callable]] = [
    ("negative", "Your code uses `{}` with the wrong sign.", lambda v: -v),
    ("abs", "Your code works as if `{}` had no negative numbers.", lambda v: v.abs()),
    ("zero", "`{}` has no effect: your code works as if it were all 0.", lambda v: v * 0),
    ("ones", "`{}` has no effect: your code works as if it were all 1.", lambda v: v * 0 + 1),
    ("squared", "Your code uses the square of `{}`.", lambda v: v**2),
]


def _tensor_changes(i: int, name: str, values: list[torch.Tensor]) -> Changes:
    rank = min(value.ndim for value in values)
    if all(numbers(value) is not None and value.dtype != torch.bool for value in values):
        for kind, words, change in TENSOR_CHANGES:
            yield Finding(f"{kind}-{name}", words.format(name)), _put(i, change)
    for axis in range(min(rank, 3)):
        words = f"Your code reads `{name}` backwards along axis {axis}."
        yield Finding(f"backwards-{name}", words), _put(i, lambda v, axis=axis: v.flip(axis))
    if rank >= 2:
        words = f"Your code reads `{name}` backwards along its last two axes."
        yield Finding(f"backwards-{name}", words), _put(i, lambda v: v.flip(-1, -2))
        words = f"Your code reads rows of `{name}` as columns."
        yield Finding(f"transposed-{name}", words), _put(i, lambda v: v.transpose(-1, -2))
    if rank >= 3:
        words = f"Your code regroups the first two axes of `{name}`: `reshape` and `view` keep the "
        words += "order of the numbers, so pieces of several entries are mixed. `transpose` or "
        words += "`permute` makes axes change places."
        yield Finding(f"regrouped-{name}", words), _put(i, _regroup)
    if rank >= 1:
        words = f"Your code uses the first entry of `{name}` only, and ignores the others."
        yield Finding(f"first-of-{name}", words), _put(i, _repeat_first)


def _regroup(value: torch.Tensor) -> torch.Tensor:
    """Exchange the first two lengths by a reshape, and back by a transpose."""
    images, channels, *rest = value.shape
    return value.reshape(channels, images, *rest).transpose(0, 1)


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
