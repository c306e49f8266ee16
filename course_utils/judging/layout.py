"""Probes of layout: the right numbers in other places, and some of them missing or reduced."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from course_utils.judging.evidence import Column, Evidence, Finding
from course_utils.judging.observation import close, freeze, numbers

Array = np.ndarray
Pairs = list[tuple[Array, Array]]  # (expected, observed), one pair a case


def all_arrays(column: Column) -> Pairs:
    """(expected, observed) of every case as numbers; empty if a case has something else."""
    pairs = list(column.arrays())
    return pairs if len(pairs) == len(column.expected) else []


def same_shapes(column: Column) -> Pairs:
    """(expected, observed) of every case, where all have the expected shape; else empty."""
    pairs = all_arrays(column)
    return pairs if all(e.shape == o.shape and e.size for e, o in pairs) else []


def explained(column: Column, predicted: list[Array]) -> bool:
    """Whether a prediction, an array a case, explains a part of the result."""
    return column.explained_by([p.item() if p.ndim == 0 else p for p in predicted])


def _predicts(column: Column, pairs: Pairs, change: Callable[[Array], Array]) -> bool:
    """Whether a change of what is right gives what was seen."""
    if any(change(wanted).shape != got.shape for wanted, got in pairs):
        return False
    return explained(column, [np.asarray(change(wanted)) for wanted, _ in pairs])


def _recovers(column: Column, pairs: Pairs, change: Callable[[Array], Array]) -> bool:
    """Whether a change of what was seen gives what is right."""
    changed = [(wanted, np.asarray(change(got))) for wanted, got in pairs]
    return all(w.shape == c.shape and close(w, c, column.tolerance).all() for w, c in changed)


# The right numbers in other places ----------------------------------------------------------------


def arrangements(column: Column, _evidence: Evidence) -> Iterator[Finding]:
    """Axes in another order, turned, rolled, or cut anew."""
    pairs = all_arrays(column)
    ranks = {wanted.ndim for wanted, _ in pairs}
    if len(ranks) != 1 or not 1 <= min(ranks) <= 4:
        return
    rank = ranks.pop()
    for name, words, move in moves(rank):
        if _predicts(column, pairs, move):
            yield Finding(name, words)
            return


def holds_the_right_numbers(column: Column) -> bool:
    """Whether a part has the right numbers and some of them in the wrong places."""
    pairs = all_arrays(column)
    return bool(pairs) and all(
        w.size == g.size > 2 and _same_multiset(w, g, column.tolerance) for w, g in pairs
    )


def _same_multiset(wanted: Array, got: Array, tolerance: float) -> bool:
    if wanted.dtype.kind == "c" or got.dtype.kind == "c":
        return False
    return bool(close(np.sort(wanted.ravel()), np.sort(got.ravel()), tolerance).all())


Move = tuple[str, str, Callable[[Array], Array]]


def moves(rank: int) -> Iterator[Move]:
    """(id, words, what it does) of every way to put an array's numbers into other places."""
    yield from _moves(rank)
    yield from _reshapes(rank)


def _moves(rank: int) -> Iterator[Move]:
    for order in itertools.permutations(range(rank)):
        if list(order) != sorted(order):
            name = "transposed" if rank == 2 else f"permuted-{'-'.join(map(str, order))}"
            words = "Your result is transposed: rows and columns have changed places."
            if rank > 2:
                words = f"The axes of your result are in another order: {order} of the right one."
            yield name, words, partial(np.transpose, axes=order)
    for count in range(1, min(rank, 2) + 1):
        for axes in itertools.combinations(range(rank), count):
            words = f"Your result runs backwards along {_axes(axes, rank)}."
            yield "flipped", words, partial(np.flip, axis=axes)
    for axis, step in itertools.product(range(rank), (1, -1)):
        words = f"Your result is shifted by one place along {_axes((axis,), rank)}, and what falls "
        words += "off comes back at the other end."
        yield "rolled", words, partial(np.roll, shift=step, axis=axis)


def _read_in_order(x: Array, order: tuple[int, ...]) -> Array:
    return x.transpose(order).reshape(x.shape)


def _reshapes(rank: int) -> Iterator[Move]:
    words = (
        "Your result has the right shape and the right numbers, but in the wrong order: `reshape` "
        "and `view` keep the order of the numbers, and axes must change places."
    )
    for order in itertools.permutations(range(rank)):
        if list(order) != sorted(order):
            yield "reshaped", words, partial(_read_in_order, order=order)


def regrouped(column: Column, evidence: Evidence) -> Iterator[Finding]:
    """The right numbers in the right order, in another shape."""
    pairs = all_arrays(column)
    if not pairs or any(w.size != g.size or w.ndim == 0 or g.ndim == 0 for w, g in pairs):
        return
    other = [w.shape != g.shape for w, g in pairs]
    if not any(other) or not _recovers(column, [(w.ravel(), g.ravel()) for w, g in pairs], _same):
        return
    wanted, got = pairs[other.index(True)]
    words = f"The numbers are right and in the right order, in the shape {got.shape} instead of "
    words += f"{wanted.shape}"
    shapes = [g.shape for _, g in pairs]
    reason = _shape_of_an_argument(shapes, evidence)
    if not reason and (axes := _merged_axes(shapes, [w.shape for w, _ in pairs])):
        reason = f": its axes {axes} are joined to one"
    plain = ", as a plain list" if isinstance(column.observed[0], list) else ""
    yield Finding("regrouped", f"{words}{reason}{plain}.")


def _same(x: Array) -> Array:
    return x


def _shape_of_an_argument(shapes: list[tuple], evidence: Evidence) -> str:
    """How the shapes of results follow from those of an argument; empty if they do not."""
    for i, name in evidence.named_arguments:
        arrays = [numbers(freeze(case[i])) if len(case) > i else None for case in evidence.cases]
        inputs = [array.shape for array in arrays if array is not None]
        if len(inputs) < len(shapes) or len({len(shape) for shape in inputs}) > 1:
            continue
        if inputs == shapes:
            return f": the axes of `{name}` are as they were"
        if all(shape == tuple(n for n in whole if n > 1)
               for shape, whole in zip(shapes, inputs, strict=True)):  # fmt: skip
            return f": of the axes of `{name}` only those of length 1 are gone"
        if axes := _merged_axes(shapes, inputs):
            return f": it merges the axes {axes} of `{name}`"
    return ""


def _merged_axes(shapes: list[tuple], wholes: list[tuple]) -> str:
    """Which axes of some shapes are merged to one in the others, in every case; empty if none."""
    if len({len(whole) for whole in wholes}) > 1:
        return ""
    for first, last in itertools.combinations(range(len(wholes[0])), 2):
        merged = [
            (*whole[:first], int(np.prod(whole[first : last + 1])), *whole[last + 1 :])
            for whole in wholes
        ]
        if merged == shapes:
            return join_words([str(axis) for axis in range(first, last + 1)])
    return ""


# Some of the right numbers ------------------------------------------------------------------------


def crops(column: Column, _evidence: Evidence) -> Iterator[Finding]:
    """A first or last slice too few or too many, or an axis of length 1."""
    pairs = all_arrays(column)
    if not pairs:
        return
    if pairs[0][0].shape != pairs[0][1].shape and _recovers_squeezed(column, pairs):
        more = "many" if pairs[0][1].ndim > pairs[0][0].ndim else "few"
        shapes = f"{pairs[0][1].shape} instead of {pairs[0][0].shape}"
        words = f"The numbers are right, with an axis of length 1 too {more}: {shapes}."
        yield Finding("axis-of-one", words)
        return
    yield from _gaps(column, pairs)
    ranks = {array.ndim for pair in pairs for array in pair}
    if len(ranks) != 1 or max(ranks) not in (1, 2, 3):
        return
    if _recovers_corner(column, pairs):
        wanted, got = next(pair for pair in pairs if pair[0].shape != pair[1].shape)
        words = "Your result begins with the right numbers and is too large: the shape is "
        yield Finding("too-large", f"{words}{got.shape}, and {wanted.shape} is wanted.")
        return
    for bounds in itertools.product([(0, 0), (1, 0), (0, 1), (1, 1)], repeat=max(ranks)):
        if any(map(any, bounds)):
            yield from _crop_findings(column, pairs, bounds)


def _recovers_corner(column: Column, pairs: Pairs) -> bool:
    """Whether results are larger than wanted by more than one, and right where they begin."""
    if not all(all(g >= w for w, g in zip(want.shape, got.shape, strict=True))
               for want, got in pairs):  # fmt: skip
        return False
    if not any(g > w + 1 for want, got in pairs
               for w, g in zip(want.shape, got.shape, strict=True)):  # fmt: skip
        return False  # one too many is told by the place where it is too much
    corners = [(want, got[tuple(map(slice, want.shape))]) for want, got in pairs]
    return all(close(want, corner, column.tolerance).all() for want, corner in corners)


def _gaps(column: Column, pairs: Pairs) -> Iterator[Finding]:
    """Numbers that are 0 left out of the result instead of being 0 in it."""
    if not any((want == 0).any() for want, _ in pairs):
        return
    kept = [(want[want != 0], got) for want, got in pairs]
    fits = [w.shape == g.shape and close(w, g, column.tolerance).all() for w, g in kept]
    if all(fits):
        words = "The numbers that should be 0 are left out of your result, so that it is shorter; "
        yield Finding("zeros-left-out", words + "every place has to stay.")


def _recovers_squeezed(column: Column, pairs: Pairs) -> bool:
    squeezed = [(wanted.squeeze(), got.squeeze()) for wanted, got in pairs]
    return all(w.shape == g.shape and close(w, g, column.tolerance).all() for w, g in squeezed)


def _crop_findings(column: Column, pairs: Pairs, bounds: tuple) -> Iterator[Finding]:
    def cut(x: Array) -> Array:
        return x[tuple(slice(a, n - b) for (a, b), n in zip(bounds, x.shape, strict=True))]

    where = join_words([
        f"the {word} along {_axes((axis,), len(bounds))}"
        for axis, pair in enumerate(bounds)
        for side, word in enumerate(("first", "last"))
        if pair[side]
    ])  # fmt: skip
    if all(cut(wanted).size for wanted, _ in pairs) and _predicts(column, pairs, cut):
        yield Finding("cropped", f"Your result is right as far as it goes; missing: {where}.")
    elif _recovers(column, pairs, cut):
        yield Finding("too-long", f"Your result holds the right one and more; too much: {where}.")


def _reductions() -> list[tuple[str, Callable, str]]:
    return [("sum", np.sum, "added up"), ("mean", np.mean, "averaged"),
            ("largest", np.max, "reduced to its largest")]  # fmt: skip


def _reduce_whole(x: Array, reduce: Callable) -> Array:
    return np.asarray(reduce(x))


def reductions(column: Column, _evidence: Evidence) -> Iterator[Finding]:
    """An axis added up or averaged that should stay, or the other way round."""
    pairs = all_arrays(column)
    if not pairs or any(x.dtype.kind == "b" or not x.size for pair in pairs for x in pair):
        return
    if all(w.ndim > 0 and g.ndim == 0 for w, g in pairs):
        for name, reduce, done in _reductions():
            if _predicts(column, pairs, partial(_reduce_whole, reduce=reduce)):
                words = f"The right result is {done} to one number in yours; it should stay whole."
                yield Finding(f"reduced-{name}", words)
        return
    yield from _only_one(column, pairs)
    for name, reduce, done in _reductions():
        for axis in range(min(w.ndim for w, _ in pairs)):
            if _predicts(column, pairs, partial(reduce, axis=axis)):
                words = f"Axis {axis} of the right result is {done} in yours; it should stay."
                yield Finding(f"reduced-{name}", words)
        for axis in range(min(g.ndim for _, g in pairs)):
            if _recovers(column, pairs, partial(reduce, axis=axis)):
                words = f"Axis {axis} of your result is still there; it has to be {done}."
                yield Finding(f"unreduced-{name}", words)


def _only_one(column: Column, pairs: Pairs) -> Iterator[Finding]:
    """Of several entries along an axis only the first or the last is there."""
    for axis in range(min(w.ndim for w, _ in pairs)):
        if any(w.shape[axis] < 2 for w, _ in pairs):
            continue
        for index, word in ((0, "first"), (-1, "last")):
            for keep in ([index], index):
                if _predicts(column, pairs, partial(np.take, indices=keep, axis=axis)):
                    words = f"Only the {word} entry along axis {axis} comes back; all others are "
                    yield Finding(f"only-{word}", words + "missing.")


def other_steps(column: Column, _evidence: Evidence) -> Iterator[Finding]:
    """Results that come one step too early or too late along the first axis."""
    pairs = same_shapes(column)
    if not pairs or any(w.ndim == 0 or len(w) < 3 for w, _ in pairs) or column.is_right:
        return
    near = column.tolerance
    if all(close(wanted[:-1], got[1:], near).all() for wanted, got in pairs):
        words = "Your results come one step late: each is that of the step before."
        yield Finding("late-by-one", words)
    elif all(close(wanted[1:], got[:-1], near).all() for wanted, got in pairs):
        words = "Your results come one step early: each is that of the next step."
        yield Finding("early-by-one", words)


GROUPS = (arrangements, crops, reductions, regrouped, other_steps)


# Words --------------------------------------------------------------------------------------------


def _axes(axes: tuple[int, ...], rank: int) -> str:
    if rank == 1:
        return "its only axis"
    names = {rank - 2: " (its rows)", rank - 1: " (its columns)"}
    return join_words([f"axis {axis}{names.get(axis, '')}" for axis in axes])


def join_words(words: list[str]) -> str:
    """Words as a list in English."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
