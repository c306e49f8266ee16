"""Exercises: wrong answers are code.

An exercise is declared once, by decorating its model answer (see CONTRIBUTING.md):

    @exercise("2.4", "Write conv2d", minutes=15, oracle=..., cases=..., mistakes={...}, hints=[...])
    def conv2d(image, kernel, stride=1, padding=0): ...

In the notebook, `ex.conv2d.check(conv2d)` tells whether an answer is right or which mistake it
makes. `course_utils.judging` holds the machinery.
"""

import inspect
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

from course_utils import cells, progress
from course_utils.judging import feedback, guard, source
from course_utils.judging import judge as judging
from course_utils.judging.evidence import Demand, meets_all
from course_utils.judging.observation import digest
from course_utils.judging.observe import early_verdict, observe, observe_trusted, restored_note
from course_utils.judging.page_answers import Catalogue, Computation
from course_utils.judging.verdict import Status, Verdict, of_former_answer, own_fault

TRIES_BEFORE_SOLUTION = 3
KINDS = ("function", "value", "choice", "module")
REGISTRY: dict[str, "Exercise"] = {}  # by number; `all_exercises` fills it
cells.watch()


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A mistake students make: what is said of it, and how it is known.

    Attributes
    ----------
    words : what the answer did, what was wanted, what to try
    answer : an answer that makes exactly this mistake
    when : predicate on an observation, where many answers make the mistake; `answer` is an example
    switch : settings of the exercise's `switches` that make the mistake, so that it can be tried
        together with others
    """

    words: str
    answer: object = None
    when: Callable[[Any], bool] | None = None
    switch: dict[str, object] = field(default_factory=dict)


def mistake(
    words: str,
    answer: object = None,
    *,
    when: Callable[[Any], bool] | None = None,
    example: object = None,
    **switch: object,
) -> Mistake:
    """A mistake of an exercise, to stand in `mistakes=` under its id.

    Give an answer that makes it; or `when=` and an `example=`; or settings of the exercise's
    `switches=`.
    """
    return Mistake(
        words=words, answer=example if when is not None else answer, when=when, switch=switch
    )


def _call(answer, case):
    """Call the answer on a case's arguments."""
    return answer(*case)


def _take(answer, _case):
    """A value is observed as it is."""
    return answer


@dataclass(kw_only=True, eq=False)
class Exercise:
    """One exercise, made by the decorator `exercise`, which has the same parameters.

    Attributes
    ----------
    number, title, minutes : as the student sees them; the number begins with the workbook's
    kind : "function", "value" (a function without arguments that returns it), "choice" or "module"
    oracle : gives the right result independently of the model answer
    cases : seeded generator of tuples of arguments: asymmetric, never constant, two to eight
    mistakes : id → `mistake(words, …)`; ids are stable, words may change
    switches : makes an answer from settings; mistakes that are settings are tried in pairs too
    hints : from gentle to plain; one unlocks per distinct wrong answer
    observe : (answer, case) → what is compared; by default the answer called on the case
    accept : (observation, *case) → True, where many answers are right
    demands : (observation, *case) → name → `Demand`: in place of `accept`, and shown as a table
    weights : of numbers that are judged together, by their weighted sum; of a grid it decides alone
    page : how pages ask and judge where digests of numbers cannot
    start : a function or class given to be completed or repaired
    choices : letter → text, for kind "choice"
    parts : names of the parts of a result that is a tuple
    argument_names : names of a case's parts, where they are not the model answer's parameters;
        "" for one that no student knows, such as a seed
    formula : for a value: an expression over `quantities`, one for each number of the answer
    quantities : name → number
    exempt : generic mutant → reason why the proof of exercises leaves it out
    seconds, tolerance : time for all cases together; largest difference, relative and absolute
    """

    model: Callable
    number: str
    title: str
    minutes: float
    kind: str = "function"
    oracle: Callable | None = None
    cases: Callable[[torch.Generator], Iterable] | None = None
    mistakes: dict[str, Mistake] = field(default_factory=dict)
    switches: Callable[..., object] | None = None
    hints: Sequence[str] = ()
    observe: Callable[[Any, Any], object] = _call
    accept: Callable[..., bool] | None = None
    demands: Callable[..., dict[str, Demand]] | None = None
    weights: torch.Tensor | None = None
    page: Catalogue | Computation | None = None
    start: object = None
    choices: dict[str, str] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    argument_names: tuple[str, ...] = ()
    formula: str | tuple[str, ...] = ()
    quantities: dict[str, float] = field(default_factory=dict)
    exempt: dict[str, str] = field(default_factory=dict)
    seconds: float = 5.0
    tolerance: float = 1e-5

    def __post_init__(self):
        self.name, self.doc = self.model.__name__, inspect.getdoc(self.model) or ""
        self.hints = tuple(self.hints)
        self.formula = (self.formula,) if isinstance(self.formula, str) else tuple(self.formula)
        if self.is_value and self.observe is _call:
            self.observe = _take
        if self.demands is not None:
            self.accept = partial(meets_all, self.demands)
        self.mistakes = {name: self._complete(mistake) for name, mistake in self.mistakes.items()}
        self._mistaken: dict[tuple, object] = {}
        if problem := self._problem():
            raise ValueError(f"exercise {self.number}: {problem}")

    def _complete(self, mistake: Mistake) -> Mistake:
        """Make the answer of a mistake that is given as settings."""
        if mistake.switch and self.switches is not None:
            return replace(mistake, answer=self.switches(**mistake.switch))
        return mistake

    def _problem(self) -> str | None:
        if self.kind not in KINDS:
            return f"kind is {self.kind!r}; expected one of {', '.join(KINDS)}"
        if not self.is_value and self.cases is None:
            return f"a {self.kind} needs cases="
        if not self.is_value and self.oracle is None and self.accept is None:
            return "give an oracle= that is independent of the model answer, or accept="
        if any(mistake.switch for mistake in self.mistakes.values()) and self.switches is None:
            return "mistakes given as settings need switches="
        if self.kind == "choice" and self.answer not in self.choices:
            return f"the right choice {self.answer!r} is not among {list(self.choices)}"
        told = {str(each.answer) for each in self.mistakes.values()} if self.is_choice else None
        if told is not None and told != set(self.choices) - {self.answer}:
            return f"every wrong choice needs a mistake of its own; told are {sorted(told)}"
        return None

    @property
    def is_value(self) -> bool:
        """Whether the answer is a value (or a choice) and not something to run."""
        return self.kind in ("value", "choice")

    @property
    def is_choice(self) -> bool:
        """Whether the answer is one of several letters."""
        return self.kind == "choice"

    @property
    def start_source(self) -> str:
        """The code that is given to be completed or repaired; empty if there is none."""
        return "" if self.start is None else source.definition(self.start, self.name)

    @property
    def heading(self) -> str:
        """Number and title, such as "2.4 Write conv2d"."""
        return f"{self.number} {self.title}"

    @property
    def workbook(self) -> str:
        """The workbook's two digits, such as "02"."""
        return self.number.split(".")[0].zfill(2)

    @property
    def answer(self) -> Any:
        """The model answer: the function, the class or the value itself."""
        return self.model() if self.is_value else self.model

    @property
    def next_step(self) -> str:
        """What to do where nothing explains a wrong answer."""
        if self.is_value:
            return "Write down each step of your way to it, and check them one by one."
        if self.accept:
            return "Read the task once more, point by point, and try your answer on an example."
        return "Work through the small case below by hand, line by line, and compare."

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
        try:
            verdict, observations = self._judge(answer, None)
        except Exception as fault:
            return own_fault(self.heading, fault)
        if wanted := os.environ.get("COURSE_EXPECT"):
            if verdict.status != wanted:
                raise AssertionError(f"COURSE_EXPECT is {wanted}, but the verdict is:\n{verdict}")
            return verdict
        if verdict.status is Status.OWN:
            return verdict
        if stale := cells.stale_answer(self.name, f"ex-{self.number}"):
            verdict = of_former_answer(verdict, stale, cells.has_failed(self.name))
        mark = digest([str(verdict.status), verdict.message, *observations])
        try:
            entry = progress.record(
                self.number, self.name, str(verdict.status), verdict.message, mark, verdict.findings
            )
        except OSError as error:
            note = f"Your progress was not saved ({error}). Your notebook is not affected."
            return replace(verdict, notes=(*verdict.notes, note))
        if verdict.status in (Status.OK, Status.TODO):
            return replace(verdict, fix="")
        tries = len(entry["tries"])
        hints = (*self.hints[:tries], *([verdict.fix] if verdict.fix and tries > 1 else []))
        return replace(verdict, hints=hints)

    def carry_on(self, answer):
        """Return `answer` if it passes, else the model answer, and say which."""
        observations = observe(self, answer, None) if early_verdict(self, answer) is None else None
        own = answer is self or (not self.is_value and answer is self.model)
        passes = observations is not None and self.passes(observations.results)
        if own or passes:
            print(f"Going on with your own {self.name}.")
            return answer
        print(f"Going on with the course's {self.name}; run this again once yours passes.")
        return self.answer

    def solution(self, now: bool = False) -> feedback.Shown:
        """Show the model answer: after a pass, after three distinct tries, or with `now=True`."""
        entry = progress.load().get(self.number)
        tries_left = TRIES_BEFORE_SOLUTION - (len(entry["tries"]) if entry else 0)
        if now or (entry and entry["passed"]) or tries_left <= 0:
            return feedback.code(f"{self.heading}: one way to do it", self.solution_source())
        return feedback.note(
            f"The solution opens once your answer passes, or after {tries_left} more different "
            f"{'try' if tries_left == 1 else 'tries'}. To see it at once: .solution(now=True)"
        )

    # Judging in two halves -----------------------------------------------------------------------

    def judge(self, answer, seed: int | None = None) -> Verdict:
        """Judge `answer` without progress, hints or switches; raises only the course's faults."""
        return self._judge(answer, seed)[0]

    def _judge(self, answer, seed) -> tuple[Verdict, list]:
        changed = guard.restore()  # what an earlier cell may have patched
        if early := early_verdict(self, answer):
            return early, []
        expected = judging.expected(self, seed)  # before the answer runs
        observed = observe(self, answer, seed)
        notes = [*observed.notes, *([restored_note(changed)] if changed else [])]
        verdict = judging.compare(
            self, observed.results, expected, seed, answer=answer, printed=observed.printed
        )
        return replace(verdict, notes=tuple(notes), printed=observed.printed), observed.results

    def observe_all(self, answer, seed: int | None = None) -> list:
        """Run `answer` on the cases of `seed`; plain data, one observation a case."""
        return observe(self, answer, seed).results

    def compare(self, observations: list, seed: int | None = None) -> Verdict:
        """Judge observations that were made with the same seed."""
        return judging.compare(self, observations, judging.expected(self, seed), seed)

    def passes(self, observations: list, seed: int | None = None) -> bool:
        """Whether observations that were made with the same seed are right; says nothing more."""
        return judging.passes(self, observations, judging.expected(self, seed), seed)

    def mistaken_observation(self, name: str, cases: list[tuple], seed: int, index: int) -> Any:
        """What the listed mistake `name` gives on a case of a seed; kept for the next answer.

        Two names joined by "+" are two settings of `switches` made together.
        """
        if (name, seed, index) not in self._mistaken:
            made = [self.mistakes[each] for each in name.split("+")]
            switch = {key: value for each in made for key, value in each.switch.items()}
            answer = self.switches(**switch) if made[1:] else made[0].answer  # type: ignore[misc]
            self._mistaken[name, seed, index] = observe_trusted(self, answer, [cases[index]])[0]
        return self._mistaken[name, seed, index]

    def findings_of(self, attempt: dict) -> tuple[str, ...]:
        """The ids of the mistakes of a stored try; of one from before there were ids, by its words.

        Parameters
        ----------
        attempt : holds "message" and, since the second edition, "findings"
        """
        if findings := attempt.get("findings"):
            return tuple(findings)
        message = str(attempt.get("message", "")).strip()
        known = {mistake.words: name for name, mistake in self.mistakes.items()}
        known |= _first_edition().get(self.number, {})
        return (known[message],) if message in known else ()

    # Editions ------------------------------------------------------------------------------------

    def stub_source(self) -> str:
        """Return the notebook cell a student starts from."""
        if self.start_source:
            return self.start_source
        if self.is_value:
            blanks = ["..."] * (len(self.answer) if isinstance(self.answer, tuple) else 1)
            return f"{self.name} = {', '.join(blanks)}  # your answer"
        return source.stub(self.model)

    def solution_source(self) -> str:
        """Return the same cell with the model answer in it."""
        if self.is_value:
            return source.assignment(self.model, self.name)
        return source.definition(self.model, self.name)


def exercise(number: str, title: str, **options: Any) -> Callable[[Callable], Exercise]:
    """Declare the decorated function, class or value as an exercise's model answer.

    Parameters
    ----------
    number, title, **options : the attributes of `Exercise`; `minutes` is needed always

    Raises
    ------
    ValueError
        If the declaration lacks something or another module has taken the number.
    """

    def declare(model: Callable) -> Exercise:
        declared = Exercise(model=model, number=number, title=title, **options)
        taken = REGISTRY.get(number)
        if taken and (taken.model.__module__, taken.name) != (model.__module__, declared.name):
            raise ValueError(f"exercise {number} is already {taken.model.__module__}.{taken.name}")
        REGISTRY[number] = declared
        return declared

    return declare


@cache
def _first_edition() -> dict[str, dict[str, str]]:
    """Number of an exercise → the words of its mistakes in the first edition → their ids."""
    return json.loads((Path(__file__).parent / "exercises/first_edition.json").read_text("utf-8"))


def progress_table(folder: str | Path = ".") -> feedback.Shown:
    """Show how many exercises of each workbook in `folder` have passed, with links to them."""
    stored, rows = progress.load(), []
    for file in sorted([*Path(folder).glob("0*.ipynb"), *Path(folder).glob("further/0*.ipynb")]):
        place = file.relative_to(folder).as_posix()
        try:
            cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        except (ValueError, KeyError, TypeError):
            rows.append((place, place, "damaged: put a clean copy beside it with start.py fresh"))
            continue
        tags = {tag for cell in cells for tag in cell["metadata"].get("tags", [])}
        numbers = [tag.removeprefix("ex-") for tag in tags if tag.startswith("ex-")]
        title = "".join(cells[0]["source"]).splitlines()[0].lstrip("# ")
        passed = sum(number in stored and stored[number]["passed"] for number in numbers)
        rows.append((place, title, f"{passed} of {len(numbers)}"))
    return feedback.table(("Workbook", "Exercises passed"), rows)
