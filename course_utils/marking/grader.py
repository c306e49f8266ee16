"""Judge submissions: observe them in a jail, compare outside with what is right.

The jail is sent a submission's cells and, for each exercise, inputs drawn from a fresh seed. It
sends back what the answers gave. What is right never enters it, and a mark never leaves it.
"""

from __future__ import annotations

import copy
import pickle
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from nbformat import NotebookNode

from course_utils.exercise import Exercise
from course_utils.judging.observe import make_cases
from course_utils.judging.verdict import Verdict
from course_utils.marking import jail, redacted_package, serialization, worker
from course_utils.marking.cell_dependencies import needed
from course_utils.marking.submissions import place_of

START = "from course_utils.marking import worker; worker.main()"
PATIENCE = 2  # times an exercise's own limit: several submissions share the machine
FROM_INSIDE = ("todo", "type", "error", "own")  # what the jail may say itself: it earns nothing
ENDED = {
    "time": "Your notebook was stopped after {seconds:g} seconds, before this exercise was seen. "
    "Is there a loop that never ends?",
    "memory": "Your notebook was stopped before this exercise was seen: it held too much memory.",
    "output": "Your notebook was stopped before this exercise was seen: it gave too much.",
    "died": "Your notebook ended Python before this exercise was seen.",
    "": "Your notebook did not get as far as this exercise.",
}


class Judge:
    """Judges notebooks on the inputs of one seed; a context manager.

    Parameters
    ----------
    exercises : those that will be met
    seed : of their inputs
    jailed : False runs the code in a process without walls
    limits : of one notebook's run

    Raises
    ------
    jail.JailError
        On entering, if there is no jail here.
    """

    def __init__(
        self,
        exercises: Iterable[Exercise],
        seed: int,
        jailed: bool = True,
        limits: jail.Limits = jail.LIMITS,
    ):
        self.exercises = {one.number: _patient(one) for one in exercises}
        self.seed, self.jailed, self.limits = seed, jailed, limits

    def __enter__(self) -> Judge:
        if self.jailed:
            jail.check()
        asked = {number: self._question(one) for number, one in self.exercises.items()}
        self.questions, needed = redacted_package.pickled(asked)
        self.folder = tempfile.TemporaryDirectory(prefix="course-given-")
        redacted_package.write(Path(self.folder.name), needed)
        return self

    def __exit__(self, *exception) -> None:
        self.folder.cleanup()

    def _question(self, one: Exercise) -> worker.Question:
        inputs, has_start = make_cases(one, self.seed), one.start is not None
        return worker.Question(
            one.number, one.name, one.kind, one.stub_source(), has_start, one.observe, inputs,
            one.seconds,
        )  # fmt: skip

    def observe(
        self, cells: list[NotebookNode], lesson: NotebookNode, numbers: Iterable[str]
    ) -> jail.Ended:
        """Run a submission's cells and see these exercises; may be called from several threads.

        Parameters
        ----------
        cells : a student's, from `submissions.cells_of`
        lesson : the workbook as it was given: what of it no answer needs is left out
        numbers : of the exercises

        Raises
        ------
        jail.JailError
            If Python does not even start: that is not the student's fault.
        """
        job = worker.Job(
            self._steps(cells, lesson, list(numbers)), self.questions, self.limits, self.jailed
        )
        given = Path(self.folder.name)
        ended = jail.run(START, pickle.dumps(job), given, self.limits, self.jailed)
        if not ended.output and ended.why in ("", "died"):
            raise jail.JailError(f"Python does not start in the jail:\n{ended.complaint}")
        return ended

    def _steps(self, cells, lesson, numbers) -> list[tuple[str, str]]:
        runs = needed(cells, lesson, (self.exercises[number] for number in numbers))
        places = {number: place_of(cells, self.exercises[number]) for number in numbers}
        steps = [("see", number) for number in places if not cells]
        for i, cell in enumerate(cells):
            if runs[i]:
                steps.append(("run", cell.source))
            steps += [("see", number) for number, place in places.items() if place == i]
        return steps

    def verdicts(self, ended: jail.Ended, numbers: Iterable[str]) -> dict[str, Verdict]:
        """Compare what was seen with what is right; number → verdict."""
        said: dict[str, dict] = {}
        for message in serialization.unpack(ended.output, self.limits.output):
            said.setdefault(str(message.get("number")), message)
        return {number: self._verdict(number, said.get(number), ended.why) for number in numbers}

    def _verdict(self, number: str, said: dict | None, why: str) -> Verdict:
        exercise = self.exercises[number]
        if said is None:
            words = ENDED[why].format(seconds=self.limits.seconds)
            return Verdict("limit", exercise.heading, words)
        status, message = said.get("status"), said.get("message", "")
        if status in FROM_INSIDE and isinstance(message, str):
            return Verdict(status, exercise.heading, message[:500])
        try:
            seen = list(said["seen"])
            verdict = exercise.compare(seen, self.seed)
        except Exception as error:  # data of a form that no honest observation has
            words = f"What your answer gave cannot be read ({type(error).__name__})."
            return Verdict("error", exercise.heading, words)
        return _with_remarks(verdict, said)


def _patient(exercise: Exercise) -> Exercise:
    patient = copy.copy(exercise)
    patient.seconds = PATIENCE * exercise.seconds
    return patient


def _with_remarks(verdict: Verdict, said: dict) -> Verdict:
    """The verdict with the jail's notes, which decide nothing, and what the answer printed."""
    notes = said.get("notes")
    notes = tuple(str(words)[:500] for words in notes[:5]) if isinstance(notes, list) else ()
    return replace(verdict, notes=notes, printed=str(said.get("printed", ""))[:2000])
