"""What a figure's state may be: Python's traits and the browser's script allow the same.

The rules stand once in each language: in the traits of NAME.py; in `limits`, `choices` and
`normalizeState` of NAME.mjs.
"""

from __future__ import annotations

import copy
import math
import random

import pytest
import traitlets
from scripts import evaluate, normalized_in_javascript, script_name

from course_utils.figures import Figure, all_figures
from course_utils.figures.architecture_builder import LIMITS as CONVOLUTION
from course_utils.figures.optimizer_race import RUNNERS

EVERY = pytest.mark.parametrize("figure", all_figures(), ids=lambda figure: figure.__name__)
DESCRIPTION = "(({ traits, large, limits, choices }) => ({ traits, large, limits, choices }))"


def own_traits(figure: type[Figure]) -> dict[str, traitlets.TraitType]:
    return figure.class_own_traits(sync=True)


def state_of(figure: type[Figure], example: Figure) -> dict:
    return {name: copy.deepcopy(getattr(example, name)) for name in own_traits(figure)}


def described(figure: type[Figure]) -> dict:
    """What the script says of its state."""
    return evaluate(script_name(figure), f"{DESCRIPTION}(script.figure)", None)


def is_finite(limit) -> bool:
    return limit is not None and math.isfinite(limit)


# ------------------------------------------------------------------------------ one trait at a time


@EVERY
def test_script_reads_every_trait(figure):
    assert set(described(figure)["traits"]) == set(own_traits(figure))


@EVERY
def test_limits_equal_traits(figure):
    expected = {
        name: [trait.min, trait.max]
        for name, trait in own_traits(figure).items()
        if isinstance(trait, traitlets.Int | traitlets.Float) and is_finite(trait.max)
    }
    assert described(figure).get("limits", {}) == expected


@EVERY
def test_choices_equal_traits(figure):
    expected = {
        name: list(trait.values)
        for name, trait in own_traits(figure).items()
        if isinstance(trait, traitlets.Enum)
    }
    assert described(figure).get("choices", {}) == expected


# -------------------------------------------------------------------------- traits that go together


def matrix(draw: random.Random) -> list[list[int]]:
    rows, columns = draw.randint(1, 6), draw.randint(1, 6)
    return [[draw.randint(-2, 2) for _ in range(columns)] for _ in range(rows)]


def convolutions(draw: random.Random) -> list[list[int]]:
    """Mostly small ones, so that some fit; now and then a number out of its range."""
    return [
        [
            draw.choice([low - 1, high + 1])
            if draw.random() < 0.02
            else draw.randint(low, min(high, 5))
            for low, high in CONVOLUTION.values()
        ]
        for _ in range(draw.choice([0, 1, 1, 2, 2, 3, 7]))
    ]


VALUES = {
    "kernel": matrix,
    "sent": lambda draw: [
        [draw.randint(-1, 3), draw.randint(-1, 3)] for _ in range(draw.randint(0, 3))
    ],
    "convolutions": convolutions,
    "dense": lambda draw: [draw.randint(0, 40) for _ in range(draw.randint(0, 4))],
    "bias": lambda draw: draw.random() < 0.5,
    "board": lambda draw: draw.random() < 0.5,
    "gradients": lambda draw: draw.random() < 0.5,
    "start": lambda draw: [draw.uniform(-4, 4), draw.uniform(-4, 20)],
    "shown": lambda draw: draw.sample([*RUNNERS, "Muon"], draw.randint(0, 4)),
    "amounts": lambda draw: [draw.uniform(-4.2, 4.2) for _ in range(draw.choice([5, 6, 6, 6, 7]))],
    "stage": lambda draw: draw.choice(["ReLU 1", "ReLU 2", "pool 1", "pool 2", "pool 3"]),
    "painted": lambda draw: [
        [draw.randint(0, 10), draw.randint(-1, 13), draw.choice([-1, 0, 0, 1, 1, 2])]
        for _ in range(draw.choice([0, 1, 2, 3]))
    ],
    "visited": None,  # the browser's own memory: no rule
}


def propose(trait: traitlets.TraitType, draw: random.Random):
    """A value of the trait's type, allowed or just not."""
    if trait.name in VALUES:
        return VALUES[trait.name](draw)
    if isinstance(trait, traitlets.Enum):
        return draw.choice([*trait.values, "none of them"])
    if is_finite(trait.max):
        allowed = draw.uniform(trait.min, trait.max)
        if isinstance(trait, traitlets.Int):
            allowed = round(allowed)
        return draw.choice([trait.min, trait.max, allowed, allowed, trait.min - 1, trait.max + 1])
    return draw.randint(-1, draw.choice([2, 7, 33]))  # an index


def proposals(figure: type[Figure], count: int) -> list[dict]:
    """Changes of one, two or three traits at once."""
    draw = random.Random(13)
    large = {*described(figure).get("large", [])}
    names = [
        name
        for name, trait in own_traits(figure).items()
        if name not in large and VALUES.get(name, propose) and not trait.read_only
    ]
    return [
        {
            name: propose(own_traits(figure)[name], draw)
            for name in draw.sample(names, draw.randint(1, min(3, len(names))))
        }
        for _ in range(count)
    ]


def accepted(example: Figure, changes: dict) -> bool:
    """Whether Python takes the changes; they are made then."""
    try:
        example.set(**changes)
    except traitlets.TraitError:
        return False
    return True


@EVERY
def test_python_and_javascript_accept_the_same(figure):
    """What Python takes, the browser leaves as it is; the rest it refuses or brings into bounds."""
    example, counts = figure.example(), {True: 0, False: 0}
    start, changes = state_of(figure, example), proposals(figure, 100)
    large = {*described(figure).get("large", [])}
    results = normalized_in_javascript(figure, [(start, change) for change in changes])
    for change, result in zip(changes, results, strict=True):
        example.set(**{name: start[name] for name in start if name not in large})
        is_accepted = accepted(example, change)
        counts[is_accepted] += 1
        state = result.get("state", {})
        if is_accepted:
            assert state == state_of(figure, example), change
            continue
        assert any(state.get(name, "refused") != value for name, value in change.items()), change
        if state:
            small = {name: state[name] for name in state if name not in large}
            assert accepted(example, small), (change, state)
    assert min(counts.values()) > 15
