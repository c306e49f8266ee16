"""Grade submissions: observe them in a jail, compare outside with what is right.

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
from course_utils.judging.observation import signature
from course_utils.judging.observe import make_cases
from course_utils.judging.verdict import Status, Verdict
from course_utils.marking import jail, redacted_package, serialization, worker
from course_utils.marking.cell_dependencies import cells_to_run
from course_utils.marking.submissions import grading_position

START_WORKER = "from course_utils.marking import worker; worker.main()"
TIME_FACTOR = 2  # times an exercise's own limit: several submissions share the machine
# what the jail may say itself: it earns nothing
SELF_REPORTED = (Status.TODO, Status.TYPE, Status.ERROR, Status.OWN)
STOP_MESSAGES = {
    "time": "Your notebook was stopped after {seconds:g} seconds, before it reached this exercise. "
    "Is there a loop that never ends?",
    "memory": "Your notebook used too much memory and was stopped before it reached this exercise.",
    "output": "Your notebook wrote too much and was stopped before it reached this exercise.",
    "died": "Your notebook ended Python before it reached this exercise.",
    "": "Your notebook did not get as far as this exercise.",
}


class SubmissionGrader:
    """Grades notebooks on the inputs of one seed; a context manager.

    Parameters
    ----------
    exercises : those that will be met
    seed : of their inputs
    jailed : False runs the code in a process without a jail
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
        self.exercises = {exercise.number: _with_more_time(exercise) for exercise in exercises}
        self.seed, self.jailed, self.limits = seed, jailed, limits

    def __enter__(self) -> SubmissionGrader:
        if self.jailed:
            jail.check()
        specs = {number: self._spec(exercise) for number, exercise in self.exercises.items()}
        self.specs, references = redacted_package.pickle_specs(specs)
        self.folder = tempfile.TemporaryDirectory(prefix="course-input-")
        redacted_package.write_package(Path(self.folder.name), references)
        return self

    def __exit__(self, *exception) -> None:
        self.folder.cleanup()

    def _spec(self, exercise: Exercise) -> worker.SentExercise:
        return worker.SentExercise(
            number=exercise.number,
            name=exercise.name,
            kind=exercise.kind,
            stub=exercise.stub_source(),
            start_source=exercise.start_source,
            observe=exercise.observe,
            inputs=make_cases(exercise, self.seed),
            seconds=exercise.seconds,
        )

    def observe(
        self, cells: list[NotebookNode], lesson: NotebookNode, numbers: Iterable[str]
    ) -> jail.RunResult:
        """Run a submission's cells and observe these exercises; threads may call it together.

        Parameters
        ----------
        cells : a student's, from `submissions.parse_cells`
        lesson : the workbook as it was given: what of it no answer needs is left out
        numbers : of the exercises

        Raises
        ------
        jail.JailError
            If Python does not even start: that is not the student's fault.
        """
        job = worker.Job(
            self._steps(cells, lesson, list(numbers)), self.specs, self.limits, self.jailed
        )
        folder = Path(self.folder.name)
        result = jail.run(START_WORKER, pickle.dumps(job), folder, self.limits, self.jailed)
        if not result.output and result.stop_reason in ("", "died"):
            raise jail.JailError(f"Python does not start in the jail:\n{result.stderr}")
        return result

    def _steps(self, cells, lesson, numbers) -> list[tuple[str, str]]:
        runs = cells_to_run(cells, lesson, (self.exercises[number] for number in numbers))
        positions = {n: grading_position(cells, self.exercises[n]) for n in numbers}
        steps = [("observe", number) for number in positions if not cells]
        for i, cell in enumerate(cells):
            if runs[i]:
                steps.append(("run", cell.source))
            steps += [("observe", n) for n, position in positions.items() if position == i]
        return steps

    def verdicts(self, result: jail.RunResult, numbers: Iterable[str]) -> dict[str, Verdict]:
        """Compare the observations with what is right; number → verdict."""
        messages: dict[str, dict] = {}
        for message in serialization.unpack(result.output, self.limits.output):
            messages.setdefault(str(message.get("number")), message)
        return {n: self._verdict(n, messages.get(n), result.stop_reason) for n in numbers}

    def _verdict(self, number: str, message: dict | None, stop_reason: str) -> Verdict:
        exercise = self.exercises[number]
        if message is None:
            words = STOP_MESSAGES[stop_reason].format(seconds=self.limits.seconds)
            return Verdict(Status.LIMIT, exercise.heading, words)
        status, words = message.get("status"), message.get("message", "")
        if status in SELF_REPORTED and isinstance(words, str):
            return Verdict(Status(status), exercise.heading, words[:500])
        try:
            observations = list(message["observations"])
            verdict = exercise.compare(observations, self.seed)
            verdict = replace(verdict, signature=signature(observations))
        except Exception as error:  # data of a form that no honest observation has
            words = f"What your answer gave cannot be read ({type(error).__name__})."
            return Verdict(Status.ERROR, exercise.heading, words)
        return _with_notes(verdict, message)


def _with_more_time(exercise: Exercise) -> Exercise:
    longer = copy.copy(exercise)
    longer.seconds = TIME_FACTOR * exercise.seconds
    return longer


def _with_notes(verdict: Verdict, message: dict) -> Verdict:
    """Add the jail's notes, which decide nothing, and what the answer printed."""
    notes = message.get("notes")
    notes = tuple(str(words)[:500] for words in notes[:5]) if isinstance(notes, list) else ()
    return replace(verdict, notes=notes, printed=str(message.get("printed", ""))[:2000])
