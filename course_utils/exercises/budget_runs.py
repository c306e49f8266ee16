"""Exercise 4.12: what is wrong with two runs of the budget board."""

from __future__ import annotations

from typing import Any

from course_utils.exercise import Mistake, mistake
from course_utils.judging.board_runs import (
    ACCURACY,
    NUMBERS,
    OPENING_WORK,
    PARAMETERS,
    SHAPE,
    with_checksum,
)
from course_utils.judging.evidence import Demand
from course_utils.judging.page_answers import Catalogue

CHANNELS, SIDE, CLASSES = 3, 32, 10  # of its images
ORDINALS = ("first", "second")
FIGURES = ("accuracy", "parameters", "multiply-adds")


def costs_of(run: dict[str, Any]) -> tuple[int, int]:
    """(parameters, multiply-adds) of a run's network, counted from its layers."""
    parameters = work = 0
    inputs, side, bias = CHANNELS, SIDE, int(run["bias"])
    for filters, kernel, stride, padding, pool, pool_stride in run["convolutions"]:
        side = (side + 2 * padding - kernel) // stride + 1
        weights = inputs * kernel**2
        parameters, work = (
            parameters + filters * (weights + bias),
            work + filters * side**2 * weights,
        )
        side, inputs = (side - pool) // pool_stride + 1 if pool else side, filters
    inputs *= 1 if run["head"] == "global average" else side**2
    for width in (*run["dense"], CLASSES):
        parameters, work, inputs = (
            parameters + width * (inputs + bias),
            work + width * inputs,
            width,
        )
    return parameters, work


def observe_runs(answer: Any, _case: Any) -> dict[str, Any]:
    """Accuracy, parameters and work of both runs; only what they are where they are no runs."""
    runs = list(answer) if isinstance(answer, tuple | list) else [answer]
    names = {*SHAPE, *NUMBERS}
    if any(isinstance(run, str) for run in runs):
        return {"text": len(runs)}
    if len(runs) != 2 or not all(isinstance(run, dict) and names <= run.keys() for run in runs):
        return {"not two runs": ", ".join(type(run).__name__ for run in runs[:3])}
    observation: dict[str, Any] = {}
    changed = []
    for ordinal, run in zip(ORDINALS, runs, strict=True):
        parameters, work = costs_of(run)
        observation |= {
            f"{ordinal} run's accuracy": float(run["accuracy"]),
            f"{ordinal} run's parameters": parameters,
            f"{ordinal} run's multiply-adds": work,
        }
        if run.get("checksum") != with_checksum(run)["checksum"]:
            changed.append(ordinal)
    return observation | ({"changed runs": " or the ".join(changed)} if changed else {})


def problem(observation: dict[str, Any]) -> str:
    """The id of what is wrong; nothing if both goals are reached."""
    for fact, name in (("text", "text"), ("not two runs", "no-runs")):
        if fact in observation:
            return name
    if max(observation[f"{ordinal} run's accuracy"] for ordinal in ORDINALS) <= 1:
        return "share-for-percent"
    if "changed runs" in observation:
        return "changed-by-hand"
    first, second = (_misses(observation, ordinal) for ordinal in ORDINALS)
    if not first - {"too-much-work"} and second == {"too-much-work"}:
        return "exchanged" if not first else "second-too-much-work"
    if first - {"too-much-work"}:
        both = {"inaccurate", "too-large"} <= first
        return "first-misses-both" if both else f"first-{min(first - {'too-much-work'})}"
    return f"second-{min(second)}" if second else ""


def _misses(observation: dict[str, Any], ordinal: str) -> set[str]:
    """Which limits of goal 2 a run misses; the first two are those of goal 1."""
    accuracy, parameters, work = _figures(observation, ordinal)
    limits = {
        "inaccurate": not ACCURACY < accuracy <= 100,  # so NaN reaches nothing
        "too-large": not parameters < PARAMETERS,
        "too-much-work": not 10 * work <= OPENING_WORK,
    }
    return {name for name, is_missed in limits.items() if is_missed}


def _figures(observation: dict[str, Any], ordinal: str) -> list[float]:
    """Accuracy, parameters and multiply-adds of the first or second run."""
    return [observation[f"{ordinal} run's {name}"] for name in FIGURES]


def demands_of_runs(observation: dict[str, Any], _case: Any = None) -> dict[str, Demand]:
    """What each run has to reach, and that the board wrote both."""
    if "not two runs" in observation or "text" in observation:
        return {"two runs of the board": Demand("something else", "two runs", False)}
    demands = {}
    for ordinal in ORDINALS:
        accuracy, parameters, work = _figures(observation, ordinal)
        misses = _misses(observation, ordinal)
        wanted = {
            "accuracy": (f"{accuracy:g} %", f"more than {ACCURACY} %", "inaccurate"),
            "parameters": (f"{parameters:,}", f"fewer than {PARAMETERS:,}", "too-large"),
            "multiply-adds": (f"{work:,}", f"at most {OPENING_WORK // 10:,}", "too-much-work"),
        }
        for name in FIGURES[: 2 if ordinal == "first" else 3]:
            yours, words, miss = wanted[name]
            demands[f"{ordinal} run: {name}"] = Demand(yours, words, miss not in misses)
    changed = observation.get("changed runs")
    yours = f"not the {changed}" if changed else "both"
    return demands | {"as the board wrote it": Demand(yours, "both", changed is None)}


def make_run(*convolutions: list[int], accuracy: float, head: str = "flatten") -> dict[str, Any]:
    """Write a run as the board does."""
    run: dict[str, Any] = {"convolutions": [*convolutions], "dense": [], "head": head, "bias": True}
    parameters, work = costs_of(run)
    run |= {"parameters": parameters, "multiply_adds": work, "accuracy": accuracy}
    return with_checksum(run)


SMALL = make_run([8, 3, 1, 1, 2, 2], [12, 3, 1, 1, 2, 2], [16, 3, 1, 1, 2, 2], accuracy=85.8)
QUICK = make_run([7, 3, 2, 1, 2, 2], [20, 3, 1, 1, 2, 2], accuracy=78.5)
OPENING = make_run([8, 5, 1, 2, 2, 2], [16, 5, 1, 2, 2, 2], accuracy=83.5)
AVERAGE = make_run([8, 5, 1, 2, 2, 2], [16, 5, 1, 2, 2, 2], accuracy=37.0, head="global average")
POOR = make_run([8, 3, 2, 1, 0, 2], [10, 3, 2, 1, 0, 2], accuracy=56.0)  # large as well
WIDE = make_run([8, 3, 2, 1, 2, 2], [16, 3, 1, 1, 0, 2], accuracy=76.3)  # quick, but large
BEHIND = [16, 3, 1, 1, 2, 2]  # a second convolution that many have
TRAINED = (  # for pages, where nothing is trained; a weekly test trains them again
    OPENING,
    AVERAGE,
    make_run([4, 5, 1, 2, 2, 2], [8, 5, 1, 2, 2, 2], accuracy=74.2),
    make_run([8, 3, 1, 1, 2, 2], BEHIND, accuracy=79.7),
    SMALL,
    make_run(*SMALL["convolutions"], head="global average", accuracy=66.3),
    make_run([4, 3, 1, 1, 2, 2], [8, 3, 1, 1, 2, 2], [12, 3, 1, 1, 2, 2], accuracy=80.7),
    make_run([8, 5, 2, 2, 2, 2], [16, 5, 1, 2, 2, 2], accuracy=80.8),
    make_run([8, 5, 2, 2, 2, 2], BEHIND, accuracy=79.2),
    QUICK,
    make_run([8, 3, 2, 1, 2, 2], BEHIND, accuracy=77.3),
    WIDE,
    POOR,
    make_run([8, 5, 4, 2, 0, 2], BEHIND, accuracy=66.2),
    make_run([6, 3, 2, 1, 0, 2], [12, 3, 2, 1, 2, 2], BEHIND, accuracy=69.1),
    make_run([8, 5, 1, 2, 4, 4], BEHIND, accuracy=82.7),
    make_run([8, 5, 1, 2, 4, 4], accuracy=72.1),
)


def _in_words(filters: int, kernel: int, stride: int, _padding: int, pool: int, _step: int) -> str:
    strides = f", stride {stride}" if stride > 1 else ""
    return f"{filters} of {kernel}×{kernel}{strides}" + (f", pool {pool}" if pool else "")


CATALOGUE = Catalogue(
    note="On this page nothing is trained. The networks below were trained before, as the board "
    "does it. Each convolution has the padding that keeps the size at stride 1. Choose a network "
    "for each goal; the figure above counts what it costs.",
    head=("convolutions", "head", "accuracy"),
    rows=tuple(
        (
            (
                " → ".join(_in_words(*layer) for layer in run["convolutions"]),
                run["head"],
                f"{run['accuracy']} %",
            ),
            run,
        )
        for run in TRAINED
    ),
)

_WORDS: dict[str, tuple[str, Any]] = {
    "no-runs": (
        "Your answer is not two runs of the board. `board.runs[3]` shows the run of network 4, "
        "with its layers and its numbers: copy one for each goal.",
        (4, 5),
    ),
    "text": (
        "A run of your answer stands in quotes, which makes it text. Copy it without quotes, from "
        "{ to }.",
        (str(SMALL), str(QUICK)),
    ),
    "changed-by-hand": (
        "One of your runs is not as the board wrote it: its checksum is missing or does not belong "
        "to its layers and numbers. Train the network, and copy all of what `board.runs` shows of "
        "it, by hand nothing.",
        (SMALL | {"accuracy": 95.0}, QUICK),
    ),
    "share-for-percent": (
        "The accuracies of your runs are 1 or less. The board counts in percent, so take its runs "
        "as they are.",
        (SMALL | {"accuracy": 0.858}, QUICK | {"accuracy": 0.785}),
    ),
    "exchanged": (
        "The two runs are exchanged: the second reaches goal 1, but it does more work than goal 2 "
        "allows, and the first reaches both. Give the quick one last.",
        (QUICK, SMALL),
    ),
    "first-misses-both": (
        "Your first run misses both halves of goal 1: it is not above 75 %, and it has 6,000 "
        "parameters or more. One more convolution with a pool makes the maps smaller before the "
        "dense layer.",
        (POOR, QUICK),
    ),
    "first-inaccurate": (
        "Your first run is small enough, but its accuracy is not above 75 %. Keep some places of "
        "the maps (flatten instead of a global average), or try more filters.",
        (AVERAGE, QUICK),
    ),
    "first-too-large": (
        "Your first run is good enough, but it has 6,000 parameters or more. Look at the line "
        "with ▲: what would make fewer numbers arrive there?",
        (OPENING, QUICK),
    ),
    "second-inaccurate": (
        "The accuracy of your second run is not above 75 %, which goal 2 asks for as well. Spend "
        "what is left of the parameters on filters behind the first pool.",
        (SMALL, AVERAGE),
    ),
    "second-too-large": (
        "Your second run has 6,000 parameters or more: goal 2 keeps the limit of goal 1. A pool "
        "before the dense layer makes fewer numbers arrive there.",
        (SMALL, WIDE),
    ),
    "second-too-much-work": (
        "Your second run does too much work: a tenth of 1,443,840 is 144,384 multiply-adds. The "
        "first convolution works at the most places, and a stride of 2 leaves it a quarter of "
        "them.",
        (SMALL, SMALL),
    ),
}


def _mistake(name: str, words: str, example: Any) -> Mistake:
    return mistake(words, when=lambda seen: problem(seen) == name, example=example)


RUNS = {name: _mistake(name, *pair) for name, pair in _WORDS.items()}
