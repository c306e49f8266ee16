"""The form of a workbook, as rules: each takes a page and lists what it finds wrong, in words."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from cell_runner import run_cell

from course_utils.publishing import tidy
from course_utils.workbooks import NBVAL_TAG, NOTEBOOKS, exercise_number, fold_line, tags

CELLS, MEDIAN_LINES, MOST_LINES, MOST_WORDS = 30, 6, 25, 180
WORDS, SITTING, EXERCISES = (1000, 3500), (45, 60), (3, 9)
READING = 150  # words a minute
RUNNING = 0.25  # minutes to run a code cell and look at what it gives
VERBS = {"Build", "Compare", "Count", "Find", "Race", "Recover", "See", "Squeeze", "Start", "Train"}
CLOSING = ["Summary", "Check yourself", "Further reading", "Next"]
FOR_TUTORS = ("course_utils.marking.", "course_utils.publishing.")
OWN_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
COMPREHENSION = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass
class Page:
    """A notebook with what its rules need to know: where it lies and which exercises there are."""

    text: str
    path: Path
    exercises: dict = field(default_factory=dict)

    @cached_property
    def cells(self) -> list:
        return tidy.read(self.text).cells

    @property
    def is_start(self) -> bool:
        return self.path.name.startswith("00")

    @property
    def is_further(self) -> bool:
        return self.path.parent.name == "further"

    @property
    def code(self) -> list:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def prose(self) -> list:
        return [cell for cell in self.cells if cell.cell_type == "markdown"]

    @cached_property
    def stands(self) -> list[tuple[int, str]]:
        """(position, number) of every exercise cell."""
        numbers = ((i, exercise_number(cell)) for i, cell in enumerate(self.cells))
        return [(i, number) for i, number in numbers if number]


RULES: dict[str, Callable[[Page], Iterator[str]]] = {}


def rule(check: Callable[[Page], Iterator[str]]) -> Callable[[Page], Iterator[str]]:
    RULES[check.__name__] = check
    return check


def plain(markdown: str) -> str:
    """The words a reader sees: no code, formulas, pictures, tags or addresses."""
    text = re.sub(r"(?s)```.*?```|\$\$.*?\$\$|<!--.*?-->", " ", markdown)
    text = re.sub(r"`[^`]*`|\$[^$]*\$|!\[[^\]]*\]\([^)]*\)|<[^>]+>", " ", text)
    return re.sub(r"\]\([^)]*\)", "]", text)


def words(markdown: str) -> int:
    return len(re.findall(r"\w+(?:[-’'.,]\w+)*", plain(markdown)))


def trees(page: Page) -> Iterator[tuple]:
    """(cell, its syntax tree) of every code cell that is Python; `imports` reports the others."""
    for cell in page.code:
        try:
            yield cell, ast.parse(cell.source)
        except SyntaxError:
            continue


def headings(source: str) -> list[str]:
    """Headings of a Markdown text, each with its hashes."""
    return re.findall(r"(?m)^#{1,6} .*$", re.sub(r"(?s)```.*?```", "", source))


@rule
def title(page: Page) -> Iterator[str]:
    """`# 2 · How …?`, or `# Further 2 · How …?`: a question or an imperative, and its number."""
    first, form = page.cells[0], "# Further N · Title" if page.is_further else "# N · Title"
    match = re.match(form.replace("N", r"(\d+)").replace("Title", "(.+)"), first.source)
    if first.cell_type != "markdown" or not match:
        yield f"the first cell does not start with `{form}`"
    elif int(match[1]) != int(page.path.name[:2]):
        yield f"the title counts {match[1]}, the file {page.path.name[:2]}"
    elif not match[2].strip().endswith("?") and match[2].split()[0] not in VERBS:
        yield f"the title {match[2]!r} is no question and starts with no known verb"
    if sum(line.startswith("# ") for cell in page.prose for line in headings(cell.source)) > 1:
        yield "there is more than one heading of the first level"


@rule
def opening(page: Page) -> Iterator[str]:
    """What you will be able to do, how long it takes, what comes before."""
    text = page.cells[0].source
    goals = text.partition("You will be able to")[2]
    if not 3 <= len(re.findall(r"(?m)^[-*] ", goals)) <= 5:
        yield "the opening lacks 'You will be able to' with three to five points"
    if minutes(page) is None:
        yield "the opening names no minutes"
    if not re.search(r"(?i)\bbefore\b|prerequisite", text):
        yield "the opening does not say what comes before"


def minutes(page: Page) -> int | None:
    """The most minutes that the opening names."""
    match = re.search(r"(?:(\d+)\s*[-–]\s*)?(\d+)[ \u00a0]minutes", page.cells[0].source)
    return int(match[2]) if match else None


@rule
def setup(page: Page) -> Iterator[str]:
    """The first code cell imports, in eight lines at most, and does nothing else."""
    first = next(iter(trees(page)), None)
    if first is None:
        yield "there is no setup cell"
        return
    cell, tree = first
    if len(cell.source.splitlines()) > 8:
        yield "the setup cell has more than eight lines"
    if not all(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body):
        yield "the setup cell does more than import"


@rule
def imports(page: Page) -> Iterator[str]:
    """Plain Python: no magics, no stars, no other working folder, nothing of the tutor's side."""
    parsed = {cell.id for cell, _ in trees(page)}
    yield from (f"{cell.id}: not plain Python" for cell in page.code if cell.id not in parsed)
    for cell, tree in trees(page):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                yield f"{cell.id}: star import"
            names = [alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")]
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{name}" for name in names]
            if any(f"{name}.".startswith(FOR_TUTORS) for name in names):
                yield f"{cell.id}: imports the tutor's side"
            if ast.unparse(node) == "os.chdir" or "os.chdir" in names:
                yield f"{cell.id}: changes the working folder"


@rule
def closing(page: Page) -> Iterator[str]:
    """Summary, Check yourself, Further reading, Next: the last headings, in this order."""
    titles = [
        line[3:] for cell in page.prose for line in headings(cell.source) if line[:3] == "## "
    ]
    if not page.is_start and titles[-len(CLOSING) :] != CLOSING:
        yield f"the last headings are {titles[-len(CLOSING) :]}, not {CLOSING}"


@rule
def stored_form(page: Page) -> Iterator[str]:
    """What `tidy` would write: unique ids, outputs only where tagged, nothing an editor left."""
    ids = [cell.get("id") for cell in page.cells]
    if len(set(ids)) < len(ids):
        yield "two cells have one id"
    try:
        if tidy.tidy(tidy.read(page.text)) != page.text:
            yield "not in the stored form: run `python -m course_utils tidy`"
    except tidy.TidyError as error:
        yield str(error)


@rule
def compared_cells_print(page: Page) -> Iterator[str]:
    """A cell whose output is compared holds one, and prints it: it ends in no bare expression."""
    for cell, tree in trees(page):
        if NBVAL_TAG not in tags(cell):
            continue
        if not cell.outputs or cell.execution_count is None:
            yield f"{cell.id}: nothing to compare with; run `tidy --run`"
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        if not any(isinstance(call, ast.Name) and call.id == "print" for call in calls):
            yield f"{cell.id}: compared, but prints nothing"
        last = tree.body[-1]
        if isinstance(last, ast.Expr) and not ast.unparse(last).startswith("print("):
            yield f"{cell.id}: compared, but ends in a bare expression"


@rule
def budget(page: Page) -> Iterator[str]:
    """Cells that are read at a glance, and as many words as a sitting holds."""
    visible = [cell for cell in page.code if fold_line(cell) is None]
    lines = [len(cell.source.splitlines()) for cell in visible]
    if not page.is_start and len(page.cells) < CELLS:
        yield f"{len(page.cells)} cells, fewer than {CELLS}"
    if statistics.median(lines) > MEDIAN_LINES:
        yield f"code cells have a median of {statistics.median(lines)} lines, over {MEDIAN_LINES}"
    for cell in visible:
        if len(cell.source.splitlines()) > MOST_LINES:
            yield f"{cell.id}: {len(cell.source.splitlines())} lines, over {MOST_LINES}"
    for cell in page.prose:
        if words(cell.source) > MOST_WORDS:
            yield f"{cell.id}: {words(cell.source)} words, over {MOST_WORDS}"
    total, least = (
        sum(words(cell.source) for cell in page.prose),
        800 if page.is_start else WORDS[0],
    )
    if not least <= total <= WORDS[1]:
        yield f"{total} words of prose, not {least} to {WORDS[1]}"


@rule
def folding(page: Page) -> Iterator[str]:
    """A folded cell says in its first line what it draws; no exercise is folded."""
    for cell in page.code:
        line = fold_line(cell)
        if line is not None and (not cell.source.startswith("# ") or len(line.split()) < 3):
            yield f"{cell.id}: folded, and no comment says in its first line what it draws"
        if line is not None and {"exercise", "check"} & {*tags(cell)}:
            yield f"{cell.id}: an exercise, folded"


@rule
def timing(page: Page) -> Iterator[str]:
    """The stated time is a sitting and holds the exercises and the reading."""
    stated = minutes(page)
    if stated is None:  # `opening` reports it
        return
    work = sum(page.exercises[n].minutes for _, n in page.stands if n in page.exercises)
    # A folded cell draws what the others made; an exercise's cells are run within its minutes.
    exercise_tags = {"exercise", "check"}
    runs = sum(fold_line(cell) is None and not exercise_tags & {*tags(cell)} for cell in page.code)
    reading = sum(words(cell.source) for cell in page.prose) / READING + RUNNING * runs
    if work + reading > stated:
        yield f"{work} minutes of exercises and {reading:.0f} of reading do not fit into {stated}"
    if not (page.is_start or page.is_further) and not SITTING[0] <= stated <= SITTING[1]:
        yield f"{stated} minutes are no sitting of {SITTING[0]} to {SITTING[1]}"


@rule
def tone(page: Page) -> Iterator[str]:
    """Plain words: no exclamation marks, nothing that is said to be easy."""
    for cell in page.prose:
        for words in re.findall(r"(?i)!|\bsimply\b|\bobviously\b", plain(cell.source)):
            yield f"{cell.id}: {words!r} in prose"


@rule
def alternatives(page: Page) -> Iterator[str]:
    """Every picture says in words what it shows."""
    for cell in page.prose:
        if re.search(r"!\[\s*\]\(", cell.source):
            yield f"{cell.id}: a picture without alt text"
        if any(
            not re.search(r"alt=\"[^\"]+\"", tag) for tag in re.findall(r"<img[^>]*>", cell.source)
        ):
            yield f"{cell.id}: an <img> without alt text"
    for cell, tree in trees(page):
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func)
            if name == "plt.show":
                yield f"{cell.id}: plt.show() gives no alt text; use show(figure, alt=…)"
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            if name in ("show", "plotting.show") and options.get("alt", "''") in ("''", "None"):
                yield f"{cell.id}: show(…) without alt="


@rule
def links(page: Page) -> Iterator[str]:
    """Every relative link leads to a file, and every anchor to a heading in it."""
    for cell in page.prose:
        for target in re.findall(r"\]\(([^)\s]+)|(?:href|src)=\"([^\"]+)\"", cell.source):
            address = target[0] or target[1]
            if re.match(r"[a-z]+:", address):
                continue
            name, _, anchor = unquote(address).partition("#")
            file = (page.path.parent / name).resolve() if name else page.path
            if name and not file.exists():
                yield f"{cell.id}: {address} leads nowhere"
            elif anchor and anchor not in anchors(
                page.text if not name else file.read_text("utf-8")
            ):
                yield f"{cell.id}: {address} names no heading"


def anchors(text: str) -> set[str]:
    """The anchors of a notebook, as JupyterLab and nbconvert make them."""
    sources = [cell.source for cell in tidy.read(text).cells]
    lines = [line for source in sources for line in headings(source)]
    return {re.sub(r"[*`]", "", line.lstrip("# ")).strip().replace(" ", "-") for line in lines}


@rule
def exercise_cells(page: Page) -> Iterator[str]:
    """The exercise's cell with the stub as declared, then at once the cell that checks it."""
    checks = [exercise_number(cell, "check") for cell in page.cells]
    core = not (page.is_start or page.is_further)
    if core and not EXERCISES[0] <= len(page.stands) <= EXERCISES[1]:
        yield f"{len(page.stands)} exercises, not {EXERCISES[0]} to {EXERCISES[1]}"
    numbers = [number for _, number in page.stands]
    if sorted(filter(None, checks)) != sorted(numbers):
        yield f"exercises {numbers} and checks {list(filter(None, checks))} do not pair up"
    for position, number in page.stands:
        if number not in page.exercises:
            yield f"no exercise {number} is declared"
            continue
        exercise = page.exercises[number]
        call = f"ex.{exercise.name}.check({exercise.name})"
        if checks[position + 1 : position + 2] != [number]:
            yield f"{number}: its check does not follow at once"
        elif page.cells[position + 1].source.splitlines()[-1:] != [call]:
            yield f"{number}: the check does not end in {call}"
        yield from stub_problems(page, position, exercise)


def stub_problems(page: Page, position: int, exercise) -> Iterator[str]:
    """What is wrong with an exercise's cell: not the declared stub, or not judged "todo"."""
    statements = {ast.dump(node) for node in ast.parse(page.cells[position].source).body}
    declared = {ast.dump(node) for node in ast.parse(exercise.stub_source()).body}
    if not declared <= statements:
        yield f"{exercise.number}: the cell does not hold the stub as declared"
        return
    namespace: dict = {}
    earlier = {cell.id for cell in page.cells[:position]}
    for cell, tree in trees(page):
        if cell.id in earlier:
            imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
            others = [node for node in imports if "course_utils" not in ast.unparse(node)]
            exec(compile(ast.Module(others, []), cell.id, "exec"), namespace)
    run_cell(page.cells[position].source, namespace)
    status = exercise.judge(namespace[exercise.name]).status
    if status != "todo":
        yield f"{exercise.number}: its stub is judged {status!r}, not 'todo'"


@rule
def own_names(page: Page) -> Iterator[str]:
    """What a student wrote keeps its name: no other cell binds it again."""
    cells = {page.cells[position].id: number for position, number in page.stands}
    names = {page.exercises[n].name: n for n in cells.values() if n in page.exercises}
    for cell, tree in trees(page):
        for name in sorted(bound(tree) & names.keys()):
            if cells.get(cell.id) != names[name]:
                yield f"{cell.id}: binds {name}, the answer to {names[name]}, again"


def bound(tree: ast.AST) -> set[str]:
    """The names that a cell binds or deletes in the notebook's own scope."""
    names: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, OWN_SCOPE):
            names |= {getattr(node, "name", "")}
            continue
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        if isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            names.add(node.name)
        names |= bound(node) if not isinstance(node, COMPREHENSION) else set()
    return names


def in_exactly_one(pages: list[Page], numbers: list[str]) -> list[str]:
    """What is wrong with how the declared exercises are spread over all pages."""
    stand = [number for page in pages for _, number in page.stands]
    return [
        f"exercise {number} stands in {stand.count(number)} notebooks"
        for number in numbers
        if stand.count(number) != 1
    ]


def page_of(path: Path, exercises: dict) -> Page:
    return Page(path.read_text(encoding="utf-8"), path, exercises)


def name_of(path: Path) -> str:
    return path.relative_to(NOTEBOOKS).as_posix()
