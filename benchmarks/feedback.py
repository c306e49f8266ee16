"""How long a student waits for a verdict: on a right answer, and on every mistake that is listed.

Seconds of processor time in one thread, so that other work on the machine hardly counts. `first`
is the first wrong answer after the kernel has started, when what every mistake gives is observed
once; `later` is any other. The search for one edit, up to a second and only where all else is
silent, is not part of it.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time

import torch

from course_utils.exercise import Exercise
from course_utils.exercises import all_exercises
from course_utils.judging import edits, judge, observe

GOAL_MS, LIMIT_MS = 20, 150


def _fresh(exercise: Exercise, answer: object) -> object:
    """An answer that is judged and not recognised as the course's own."""
    if exercise.kind == "function":
        return lambda *args: answer(*args)  # type: ignore[operator]
    if exercise.kind == "module" and isinstance(answer, type):
        return type(answer.__name__, (answer,), {})
    return answer


def _forget(exercise: Exercise) -> None:
    """Leave nothing drawn or predicted, as in a kernel that has just started."""
    exercise._mistaken.clear()
    observe._draw_cases.cache_clear()
    judge._expected.cache_clear()


def milliseconds(exercise: Exercise, answer: object) -> float:
    """The time of one verdict; garbage of those before is not collected in it, as in timeit."""
    gc.disable()
    try:
        start = time.process_time()
        exercise.judge(answer)
        return 1000 * (time.process_time() - start)
    finally:
        gc.enable()


def measure(exercise: Exercise) -> tuple[float, float, float, float]:
    """(right, first, later, largest) milliseconds: medians, and the largest of all."""
    exercise.judge(_fresh(exercise, exercise.answer))  # libraries that load at their first use
    _forget(exercise)
    right = [milliseconds(exercise, _fresh(exercise, exercise.answer)) for _ in range(5)]
    wrong = [_fresh(exercise, mistake.answer) for mistake in exercise.mistakes.values()]
    _forget(exercise)
    first = milliseconds(exercise, wrong[0])
    later = [milliseconds(exercise, answer) for answer in wrong]
    return statistics.median(right), first, statistics.median(later), max(*right, first, *later)


def main(argv: list[str]) -> int:
    """Print the table; 1 if a median or the largest is over its limit."""
    parser = argparse.ArgumentParser("course_utils bench feedback", description=__doc__)
    parser.add_argument("--only", default="", help="exercises whose number begins so")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    edits.SECONDS = 0.0
    exercises = [e for e in all_exercises() if e.number.startswith(args.only)]
    rows = {exercise.heading: measure(exercise) for exercise in exercises}
    print(f"{'exercise':44}{'right':>8}{'first':>8}{'later':>8}{'largest':>9}   ms")
    for heading, row in rows.items():
        print(f"{heading[:43]:44}" + "".join(f"{value:8.1f}" for value in row))
    medians = [statistics.median(column) for column in zip(*rows.values(), strict=True)]
    largest = max(row[3] for row in rows.values())
    print(f"{'median of all':44}" + "".join(f"{value:8.1f}" for value in medians[:3]))
    print(f"largest: {largest:.0f} ms (goals: medians {GOAL_MS} ms, largest {LIMIT_MS} ms)")
    return int(max(medians[:3]) > GOAL_MS or largest > LIMIT_MS)
