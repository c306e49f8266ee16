"""Exercises: wrong answers are code.

An exercise is declared once, by decorating its model answer (see CONTRIBUTING.md):

    @exercise("2.4", "Write conv2d", minutes=15, oracle=..., cases=..., mistakes={...}, hints=[...])
    def conv2d(image, kernel, stride=1, padding=0): ...

In the notebook, `ex.conv2d.check(conv2d)` tells whether the student's answer is right and, if it
is not, which mistake it makes. `course_utils.judging` holds the machinery.
"""

import importlib
import inspect
import json
import os
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import torch

from course_utils import progress
from course_utils.judging import feedback, guard, judge, source
from course_utils.judging.observation import digest
from course_utils.judging.verdict import Verdict

TRIES_BEFORE_SOLUTION = 3
when = judge.When
_REGISTRY: dict[str, "Exercise"] = {}


class Exercise:
    """One exercise: model answer, independent oracle, cases, mistakes and hints.

    Made by the decorator `exercise`, whose parameters it keeps as attributes.
    """

    def __init__(self, model, number, title, minutes, kind, options):
        self.model, self.number, self.title = model, number, title
        self.minutes, self.kind = minutes, kind
        self.name, self.doc = model.__name__, inspect.getdoc(model) or ""
        self.oracle, self.cases = options["oracle"], options["cases"]
        self.accept, self.start = options["accept"], options["start"]
        self.mistakes, self.hints = dict(options["mistakes"]), tuple(options["hints"])
        self.choices, self.exempt = dict(options["choices"]), dict(options["exempt"])
        self.seconds, self.tolerance = options["seconds"], options["tolerance"]
        self.observe = options["observe"] or (_take if self.is_value else _call)
        if problem := self._problem():
            raise ValueError(f"exercise {number}: {problem}")

    def _problem(self) -> str | None:
        kinds = ("function", "value", "choice", "module")
        if self.kind not in kinds:
            return f"kind is {self.kind!r}; expected one of {', '.join(kinds)}"
        if not self.is_value and self.cases is None:
            return f"a {self.kind} needs cases="
        if not self.is_value and self.oracle is None and self.accept is None:
            return "give an oracle= that is independent of the model answer, or accept="
        if self.kind == "choice" and self.answer not in self.choices:
            return f"the right choice {self.answer!r} is not among {list(self.choices)}"
        told = set(self.mistakes.values()) if self.kind == "choice" else None
        if told is not None and told != set(self.choices) - {self.answer}:
            return f"every wrong choice needs a mistake of its own; told are {sorted(told)}"
        return None

    @property
    def is_value(self) -> bool:
        """Whether the answer is a value (or a choice) and not something to run."""
        return self.kind in ("value", "choice")

    @property
    def heading(self) -> str:
        """Number and title, such as "2.4 Write conv2d"."""
        return f"{self.number} {self.title}"

    @property
    def workbook(self) -> str:
        """The workbook's two digits, such as "02"."""
        return self.number.split(".")[0].zfill(2)

    @property
    def answer(self):
        """The model answer: the function, the class or the value itself."""
        return self.model() if self.is_value else self.model

    def __call__(self, *args, **kwargs):
        """Call the model answer, so that one exercise can build on another."""
        return self.model(*args, **kwargs)

    def __repr__(self):
        return f"<exercise {self.heading}: {self.name}.check(your answer)>"

    # What a student calls ------------------------------------------------------------------------

    def check(self, answer) -> Verdict:
        """Tell whether `answer` is right and, if not, which mistake it makes.

        It never raises, whatever the answer does. One more hint unlocks with each distinct wrong
        answer. Prints and warnings of the answer are held back.

        Raises
        ------
        AssertionError
            Only where `COURSE_EXPECT` (todo or ok) is set, as in CI, and the verdict is another.
        """
        verdict, seen = self._judge(answer, None)
        if wanted := os.environ.get("COURSE_EXPECT"):
            if verdict.status != wanted:
                raise AssertionError(
                    f"COURSE_EXPECT is {wanted}, but this is the verdict:\n{verdict}"
                )
            return verdict
        if verdict.status == "own":
            return verdict
        mark = digest([verdict.status, verdict.message, *seen])
        try:
            kept = progress.record(self.number, self.name, verdict.status, verdict.message, mark)
        except OSError as error:
            note = f"Your progress was not saved ({error}). Your notebook is not affected."
            return replace(verdict, notes=(*verdict.notes, note))
        unlocked = 0 if verdict.status in ("ok", "todo") else len(kept["tries"])
        return replace(verdict, hints=self.hints[:unlocked])

    def carry_on(self, answer):
        """Return `answer` if it passes, else the model answer, and say which."""
        verdict = self.judge(answer)
        if verdict.status in ("ok", "own"):
            print(f"Going on with your own {self.name}.")
            return answer
        print(f"Going on with the course's {self.name}; run this again once yours passes.")
        return self.answer

    def solution(self, now: bool = False) -> feedback.Shown:
        """Show the model answer: after a pass, after three distinct tries, or with `now=True`."""
        kept = progress.load().get(self.number, {"passed": False, "tries": []})
        left = TRIES_BEFORE_SOLUTION - len(kept["tries"])
        if now or kept["passed"] or left <= 0:
            return feedback.code(f"{self.heading}: one way to do it", self.solution_source())
        return feedback.note(
            f"The solution opens once your answer passes, or after {left} more different "
            f"{'try' if left == 1 else 'tries'}. To see it at once: .solution(now=True)"
        )

    # Judging in two halves -----------------------------------------------------------------------

    def judge(self, answer, seed: int | None = None) -> Verdict:
        """Judge `answer` without progress, hints or switches; never raises."""
        return self._judge(answer, seed)[0]

    def _judge(self, answer, seed) -> tuple[Verdict, list]:
        changed = guard.restore()  # what an earlier cell may have patched
        if early := judge.not_an_answer(self, answer):
            return early, []
        right = judge.expected(self, seed)  # before the answer runs
        seen, notes, printed = judge.observe(self, answer, seed)
        if changed:
            notes.append(judge.put_back(changed))
        verdict = judge.compare(self, seen, right, seed)
        return replace(verdict, notes=tuple(notes), printed=printed), seen

    def observe_all(self, answer, seed: int | None = None) -> list:
        """Run `answer` on the cases of `seed`; plain data, one observation a case."""
        return judge.observe(self, answer, seed)[0]

    def compare(self, observations: list, seed: int | None = None) -> Verdict:
        """Judge observations that were made with the same seed."""
        return judge.compare(self, observations, judge.expected(self, seed), seed)

    # Editions ------------------------------------------------------------------------------------

    def stub_source(self) -> str:
        """Return the notebook cell a student starts from."""
        if self.start is not None:
            return source.definition(self.start, self.name)
        if self.is_value:
            blanks = ["..."] * (len(self.answer) if isinstance(self.answer, tuple) else 1)
            return f"{self.name} = {', '.join(blanks)}  # your answer"
        return source.stub(self.model)

    def solution_source(self) -> str:
        """Return the same cell with the model answer in it."""
        if self.is_value:
            return source.assignment(self.model, self.name)
        return source.definition(self.model, self.name)


def exercise(
    number: str,
    title: str,
    *,
    minutes: float,
    kind: str = "function",
    oracle: Callable | None = None,
    cases: Callable[[torch.Generator], Iterable[tuple]] | None = None,
    mistakes: dict[str, object] | None = None,
    hints: Iterable[str] = (),
    observe: Callable | None = None,
    accept: Callable[..., bool] | None = None,
    start: object = None,
    choices: dict[str, str] | None = None,
    exempt: dict[str, str] | None = None,
    seconds: float = 5.0,
    tolerance: float = 1e-5,
) -> Callable[[object], Exercise]:
    """Declare the decorated function, class or value as an exercise's model answer.

    Parameters
    ----------
    number, title, minutes : as the student sees them; the number begins with the workbook's
    kind : "function", "value" (a function without arguments that returns it), "choice" or "module"
    oracle : gives the right result independently of the model answer
    cases : seeded generator of tuples of arguments: asymmetric, never constant, two to six
    mistakes : message → an answer that makes exactly this mistake, or `when(predicate, example)`
    hints : from gentle to plain; one unlocks per distinct wrong answer
    observe : (answer, case) → what is compared; by default the answer called on the case
    accept : (observation, *case) → True, where many answers are right
    start : a function or class given to be completed or repaired
    choices : letter → text, for kind "choice"
    exempt : generic mutant → reason why the proof of exercises leaves it out
    seconds, tolerance : time for all cases together; largest difference, relative and absolute

    Raises
    ------
    ValueError
        If the declaration lacks something or another module has taken the number.
    """
    options = {
        "oracle": oracle,
        "cases": cases,
        "mistakes": mistakes or {},
        "hints": hints,
        "observe": observe,
        "accept": accept,
        "start": start,
        "choices": choices or {},
        "exempt": exempt or {},
        "seconds": seconds,
        "tolerance": tolerance,
    }

    def declare(model) -> Exercise:
        made = Exercise(model, number, title, minutes, kind, options)
        taken = _REGISTRY.get(number)
        if taken and (taken.model.__module__, taken.name) != (model.__module__, made.name):
            raise ValueError(f"exercise {number} is already {taken.model.__module__}.{taken.name}")
        _REGISTRY[number] = made
        return made

    return declare


def all_exercises() -> list[Exercise]:
    """Every exercise of `course_utils.exercises`, in order of number."""
    package = importlib.import_module("course_utils.exercises")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return sorted(_REGISTRY.values(), key=lambda one: [int(part) for part in one.number.split(".")])


def progress_table(folder: str | Path = ".") -> feedback.Shown:
    """Show how many exercises of each workbook in `folder` have passed, with links to them."""
    held, rows = progress.load(), []
    for file in sorted([*Path(folder).glob("0*.ipynb"), *Path(folder).glob("further/0*.ipynb")]):
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        tags = {tag for cell in cells for tag in cell["metadata"].get("tags", [])}
        numbers = [tag.removeprefix("ex-") for tag in tags if tag.startswith("ex-")]
        title = "".join(cells[0]["source"]).splitlines()[0].lstrip("# ")
        passed = sum(held.get(number, {}).get("passed", False) for number in numbers)
        rows.append((file.relative_to(folder).as_posix(), title, f"{passed} of {len(numbers)}"))
    return feedback.table(("Workbook", "Exercises passed"), rows)


def _call(answer, case):
    return answer(*case)


def _take(answer, _case):
    """A value is observed as it is; a grid typed by hand may be a list, or hold 3. for 3."""
    if isinstance(answer, list) and answer and isinstance(answer[0], list):
        answer = torch.tensor(answer)
    if isinstance(answer, torch.Tensor) and bool((answer == answer.round()).all()):
        answer = answer.long()
    return answer
