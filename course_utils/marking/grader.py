"""Grade submissions: observe them in a jail, compare outside with what is right.

The jail is sent a submission's cells and, for each exercise, inputs drawn from a fresh seed. It
sends back what the answers gave. What is right never enters it, and a mark never leaves it.
"""

from __future__ import annotations

import contextlib
import copy
import pickle
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from course_utils.exercise import Exercise
from course_utils.judging import feedback
from course_utils.judging.observation import signature
from course_utils.judging.observe import make_cases
from course_utils.judging.verdict import Status, Verdict
from course_utils.marking import bounded, jail, redacted_package, serialization, worker
from course_utils.marking.reading import Reading

START_WORKER = "from course_utils.marking import worker; worker.main()"
WARM_MODULES = (  # what the worker and most notebooks import
    "torch",
    "torch._dynamo",  # with the first optimiser, a second within an answer's own time
    "matplotlib.pyplot",
    "IPython.core.interactiveshell",
    "course_utils.exercise",
    "course_utils.marking.serialization",
    "course_utils.marking.worker",
)
TIME_FACTOR = 2  # times an exercise's own limit: several submissions share the machine
# what the jail may say itself: it earns nothing
SELF_REPORTED = (Status.TODO, Status.TYPE, Status.ERROR, Status.OWN)
LIMIT_MESSAGES = {
    "time": "Your notebook was stopped after {seconds:g} seconds, before it reached this exercise. "
    "Is there a loop that never ends?",
    "memory": "Your notebook used too much memory and was stopped before it reached this exercise.",
    "scarce": "Your notebook left too little of the machine's memory and was stopped before it "
    "reached this exercise.",
    "output": "Your notebook wrote too much and was stopped before it reached this exercise.",
}
DIED = "Your notebook ended Python before it reached this exercise."
SPOILED = "Your notebook spoiled what it was to send, before it reached this exercise."
TOO_LONG = "What your answer gave cannot be compared: {}."
LAST_CELL = " The last cell that ran begins `{}`."
MOST_SHOWN, MOST_WORDS = 2_000_000, 5_000  # characters of a scene and of a message
LINE_WIDTH = 60  # characters of a cell's first line that are quoted


class Observed(NamedTuple):
    """What came out of a submission's run, its steps, and what was read of it."""

    result: jail.RunResult
    steps: list[tuple[str, str]]
    reading: Reading


class NotReached(Verdict):
    """The verdict on an exercise to which a run did not come: the whole notebook was stopped."""


class Sent(NamedTuple):
    """What a jail has sent.

    Attributes
    ----------
    messages : number of an exercise → the first message on it
    step : the last that was begun, or -1
    is_damaged : whether there was something else
    """

    messages: dict[str, dict]
    step: int
    is_damaged: bool


class SubmissionGrader:
    """Grades notebooks on the inputs of one seed; a context manager.

    Parameters
    ----------
    exercises : those that will be met
    seed : of their inputs
    jailed : False runs the code in a process without a jail
    limits : of one notebook's run
    folder : where its files are kept meanwhile

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
        folder: Path | None = None,
    ):
        self.exercises = {exercise.number: _with_more_time(exercise) for exercise in exercises}
        self.seed, self.jailed, self.limits, self.parent = seed, jailed, limits, folder
        self.stop = threading.Event()  # once it is set, whatever runs ends
        self.compare = bounded.BoundedCalls(self._call)

    def __enter__(self) -> SubmissionGrader:
        if self.jailed:
            jail.check()
        specs = {number: self._spec(exercise) for number, exercise in self.exercises.items()}
        self.specs, references = redacted_package.pickle_specs(specs)
        self.folder = tempfile.TemporaryDirectory(prefix="course-input-", dir=self.parent)
        redacted_package.write_package(Path(self.folder.name), references)
        if self.jailed:
            self.compare.__enter__()
        modules = WARM_MODULES if self.jailed else ()
        self.warm = jail.warm_python(Path(self.folder.name), modules).__enter__()
        return self

    def __exit__(self, *exception) -> None:
        self.warm.__exit__(*exception)
        if self.jailed:
            self.compare.__exit__(*exception)
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

    def observe(self, reading: Reading) -> Observed:
        """Run a submission's cells and observe its exercises; threads may call it together.

        Raises
        ------
        RuntimeError
            If Python does not even start: that is not the student's fault.
        """
        steps = _steps(reading)
        result = self._run(steps)
        if not result.output and result.stop_reason in ("", "died"):
            probe = self._run([])
            if not probe.output:
                raise RuntimeError(f"Python does not start in the jail: {probe.stderr}")
        return Observed(result, steps, reading)

    def _run(self, steps: list[tuple[str, str]]) -> jail.RunResult:
        job = worker.Job(steps, self.specs, self.limits, self.jailed)
        return jail.run(
            START_WORKER,
            pickle.dumps(job),
            Path(self.folder.name),
            self.limits,
            self.jailed,
            self.stop,
            self.warm,
        )

    def verdicts(self, observed: Observed) -> dict[str, Verdict]:
        """Compare the observations with what is right; number → verdict."""
        reading = observed.reading
        limit = LIMIT_MESSAGES.get(observed.result.stop_reason)
        try:
            sent = self._apart("_sent", observed.result.output, {*reading.positions})
        except bounded.LimitError:
            sent = Sent({}, -1, True)
        words = limit or (SPOILED if sent.is_damaged else DIED)
        words = words.format(seconds=self.limits.seconds)
        words += _quoted(observed.steps[sent.step : sent.step + 1] if sent.step >= 0 else [])
        status = Status.LIMIT if limit else Status.ERROR
        verdicts = {}
        for number in reading.positions:
            if number in sent.messages:
                remark = reading.remarks[number]
                verdicts[number] = self._compared(number, sent.messages[number], remark)
            else:
                verdicts[number] = NotReached(status, self.exercises[number].heading, words)
        return verdicts

    def has_timed_out(self, observed: Observed) -> bool:
        """Whether a cell was stopped because its time was up."""
        with contextlib.suppress(bounded.LimitError):
            return bool(self._apart("_timed_out", observed.result.output))
        return False

    def _timed_out(self, stream: bytes) -> bool:
        return any(worker.TIMED_OUT in message for message in serialization.unpack(stream))

    def _apart(self, method: str, *args: Any) -> Any:
        """Call a method on what a jail has sent, which may be made to take long."""
        return self.compare(method, *args) if self.jailed else self._call(method, *args)

    def _call(self, method: str, *args: Any) -> Any:
        return getattr(self, method)(*args)

    def _sent(self, stream: bytes, numbers: set[str]) -> Sent:
        messages: dict[str, dict] = {}
        step, is_damaged = -1, False
        for message in serialization.unpack(stream):
            if isinstance(message.get("step"), int):
                step = message["step"]
            elif str(message.get("number")) in numbers:
                messages.setdefault(str(message["number"]), message)
            is_damaged |= serialization.DAMAGED in message
        return Sent(messages, step, is_damaged)

    def _compared(self, number: str, message: dict, remark: str) -> Verdict:
        try:
            return self._apart("_verdict", number, message, remark)
        except bounded.LimitError as error:
            heading, words = self.exercises[number].heading, TOO_LONG.format(error)
            return Verdict(Status.LIMIT, heading, words)

    def _verdict(self, number: str, message: dict, remark: str = "") -> Verdict:
        exercise = self.exercises[number]
        try:
            return _rendered(self._judge(exercise, message, remark))
        except Exception as error:  # data of a form that no honest observation has
            words = f"What your answer gave cannot be read ({type(error).__name__})."
            return Verdict(Status.ERROR, exercise.heading, words)

    def _judge(self, exercise: Exercise, message: dict, remark: str) -> Verdict:
        status, words = message.get("status"), message.get("message", "")
        if isinstance(status, str) and isinstance(words, str) and status in SELF_REPORTED:
            if status == Status.TODO and remark:
                return Verdict(Status.ERROR, exercise.heading, remark)
            return Verdict(Status(status), exercise.heading, words[:500])
        observations = [*message["observations"]]
        verdict = exercise.compare(observations, self.seed)
        return _with_notes(replace(verdict, signature=signature(observations)), message)


def _steps(reading: Reading) -> list[tuple[str, str]]:
    """List what the worker is to do with a notebook: run its cells, observe where they end."""
    positions = reading.positions.items()
    steps = [("observe", number) for number, _ in positions if not reading.cells]
    for i, cell in enumerate(reading.cells):
        if reading.runs[i]:
            steps.append(("run", cell.source))
        steps += [("observe", number) for number, position in positions if position == i]
    return steps


def _quoted(steps: list[tuple[str, str]]) -> str:
    """Say with which line a cell begins; nothing where there is none."""
    lines = [line.strip() for _, source in steps for line in source.splitlines() if line.strip()]
    return LAST_CELL.format(lines[0][:LINE_WIDTH].replace("`", "'")) if lines else ""


def _with_more_time(exercise: Exercise) -> Exercise:
    longer = copy.copy(exercise)
    longer.seconds = TIME_FACTOR * exercise.seconds
    return longer


def _rendered(verdict: Verdict) -> Verdict:
    """Render what is shown of an answer here, where time and memory are bounded, and drop it."""
    scene = feedback.render_scene(verdict)
    if len(scene.html) + sum(map(len, scene.parts + scene.values)) > MOST_SHOWN:
        words = "What your answer gave is too long to be shown."
        scene = feedback.Scene(f"<p>{words}</p>", (), (f"  {words}",))
    slim = replace(verdict, parts={}, case={}, yours=None, expected=None)
    return replace(slim, message=verdict.message[:MOST_WORDS], scene=scene)


def _with_notes(verdict: Verdict, message: dict) -> Verdict:
    """Add the jail's notes, which decide nothing, and what the answer printed."""
    notes = message.get("notes")
    notes = tuple(str(words)[:500] for words in notes[:5]) if isinstance(notes, list) else ()
    return replace(verdict, notes=notes, printed=str(message.get("printed", ""))[:2000])
