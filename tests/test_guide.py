"""The tutor's guide keeps up with the workbooks: plans, names, numbers, commands and links."""

import re
import shutil

import nbformat
import pytest

from course_utils.__main__ import COMMANDS
from course_utils.exercise import progress_table
from course_utils.exercises import all_exercises
from course_utils.judging import feedback
from course_utils.publishing.pages import title
from course_utils.workbooks import NOTEBOOKS, ROOT, exercise_number, select_workbooks

DOCS = ROOT / "docs"
LESSONS = (DOCS / "lessons.md").read_text("utf-8")
PAGES = sorted(DOCS.glob("*.md"))
CORE = select_workbooks([], further=False)
FIGURES = {
    name
    for path in (ROOT / "course_utils" / "figures").glob("*.py")
    for name in re.findall(r"^class (\w+)\(Figure\)", path.read_text("utf-8"), re.MULTILINE)
}
MINUTES, MOST_LINES = 60, 45
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
EXERCISE = re.compile(r"\*\*(\d\.\d+)\*\*")  # bold
SECTION = re.compile(r"(?<!\*)\*([^*]+)\*(?!\*)")  # in italics, in the table or "At home"
FIGURE = re.compile(r"`([A-Z][a-z]+[A-Z]\w+)`")
ROW = re.compile(r"^\| (\d+) \| (.+) \|$", re.MULTILINE)
HOME = re.compile(r"^At home: .+?(?=\n\n)", re.MULTILINE | re.DOTALL)
PARTS = ("**Ask.**", "**Expect.**", "**Check yourself**")
COMMAND = re.compile(r"(?:start\.py|-m course_utils) ([a-z]+)")
LINK = re.compile(r"\]\(([^)]+)\)")


def plans(text):
    """Heading → plan, for every lesson."""
    parts = HEADING.split(text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def troubles(path, text=LESSONS):  # long: all that can go stale
    """What is wrong with the plan of a workbook, one line each."""
    notebook = nbformat.read(path, as_version=4)
    plan, source = plans(text)[title(notebook)], "\n".join(cell.source for cell in notebook.cells)
    problems = []
    if (minutes := sum(int(row) for row, _ in ROW.findall(plan))) != MINUTES:
        problems.append(f"{minutes} minutes")
    if len(plan.strip().splitlines()) >= MOST_LINES:
        problems.append("longer than a page")
    problems += [f"lacks {part}" for part in PARTS if part not in plan]
    headings = re.findall(r"^## (.+)$", source, re.MULTILINE)
    where = " ".join([*(what for _, what in ROW.findall(plan)), *HOME.findall(plan)])
    sections = [" ".join(name.split()) for name in SECTION.findall(where)]
    problems += [f"no section {name!r}" for name in sections if name not in headings]
    taught = headings[: headings.index("Summary")] if "Summary" in headings else []
    problems += [
        f"forgets {name!r}"
        for name in taught
        if not name.startswith("Exercise") and name not in sections and path != CORE[0]
    ]
    figures = FIGURE.findall(plan)
    problems += [f"no figure {name}" for name in figures if name not in FIGURES]
    problems += [f"forgets {name}" for name in FIGURES if name in source and name not in figures]
    named = set(EXERCISE.findall(plan))
    mine = {number for cell in notebook.cells if (number := exercise_number(cell))}
    known = {exercise.number for exercise in all_exercises() if exercise.workbook == path.name[:2]}
    problems += [f"forgets {number}" for number in sorted(mine - named)]
    return problems + [f"no exercise {number} here" for number in sorted(named - known)]


def test_every_workbook_has_a_plan():
    assert list(plans(LESSONS)) == [title(nbformat.read(path, as_version=4)) for path in CORE]


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_plan_matches_workbook(path):
    assert troubles(path) == []


@pytest.mark.parametrize(
    ("was", "becomes", "trouble"),
    [
        ("| 15 | Inst", "| 14 | Inst", "59 minutes"),
        ("*Run a cell*", "*Run a call*", "no section 'Run a call'"),
        ("**Expect.** In **0.1**", "In **0.1**", "lacks **Expect.**"),
        ("**0.1**", "**0.2**", "forgets 0.1"),
        ("**0.1**", "**0.2**", "no exercise 0.2 here"),
        ("`KernelScrubber`", "`KernelScrabble`", "no figure KernelScrabble"),
        ("## 1 ·", "\n" * MOST_LINES + "x\n## 1 ·", "longer than a page"),
    ],
)
def test_stale_plan_is_reported(was, becomes, trouble):
    assert was in LESSONS
    assert trouble in troubles(CORE[0], LESSONS.replace(was, becomes))


def test_forgotten_section_is_reported():
    text = LESSONS.replace("*From two axes to four*", "").replace("`PixelPicker`", "")
    assert troubles(CORE[1], text) == ["forgets 'From two axes to four'", "forgets PixelPicker"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_guide_commands_and_links_exist(page):
    text = page.read_text("utf-8")
    commands = set(COMMAND.findall(text))
    assert commands
    assert commands <= set(COMMANDS)
    for link in LINK.findall(text):
        if not link.startswith("https://"):
            name, _, place = link.partition("#")
            target = page.parent / name if name else page
            assert target.exists(), link
            assert not place or place in anchors(target), link


def anchors(page):
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_guide_covers_tutor_commands():
    guide = "".join(page.read_text("utf-8") for page in PAGES)
    for name, command in COMMANDS.items():
        if command.module.startswith(("marking.", "publishing.")) and name not in (
            "tidy",
            "screenshots",
        ):
            assert f"start.py {name}" in guide


def start_cell(name):
    """The text of a cell of workbook 00."""
    cells = nbformat.read(CORE[0], as_version=4).cells
    return next(cell.source for cell in cells if cell.id == name)


def test_start_lists_the_workbooks_titles():
    rows = re.findall(r"^\| \[(.+?)\]\((.+?)\) \|", start_cell("the-way-through"), re.MULTILINE)
    assert rows == [(title(nbformat.read(path, as_version=4)), path.name) for path in CORE[1:]]


def test_progress_table_has_the_same_titles():
    lines = str(progress_table(NOTEBOOKS)).splitlines()
    shown = [line.rpartition(": ")[0] for line in lines]
    listed = re.findall(r"^\| \[(.+?)\]", start_cell("the-way-through"), re.MULTILINE)
    assert [line for line in shown if not line.startswith(("0 ", "Further "))] == listed


def test_progress_table_names_damaged_notebook(tmp_path):
    (tmp_path / "02_convolution.ipynb").write_text("<<<<<<< HEAD")
    shutil.copy(CORE[1], tmp_path)
    assert [line.rpartition(": ")[0] for line in str(progress_table(tmp_path)).splitlines()] == [
        "1 · How is data represented in a neural net?",
        "02_convolution.ipynb: damaged",
    ]


def test_start_lists_the_openings_of_verdicts():
    start = nbformat.read(NOTEBOOKS / "00_start_here.ipynb", as_version=4)
    table = next(cell.source for cell in start.cells if "| It says |" in cell.source)
    listed = {
        re.sub(r", with.*", "", opening).strip()
        for line in table.splitlines()[4:]
        for opening in re.split(r", (?=✗)", line.split("|")[1])
    }
    said = {opening.rstrip(".:") for opening in feedback._OPENING.values()}
    assert listed == said - {"○ Not counted"}  # the course's own fault


def test_start_instructs_before_first_code():
    cells = nbformat.read(CORE[0], as_version=4).cells
    first = [cell.cell_type for cell in cells].index("code")
    assert any("press **Shift + Enter**" in cell.source for cell in cells[:first])


@pytest.mark.parametrize("message", ["NameError: name 'ex' is not defined", "model not found"])
def test_start_knows_what_to_do(message):
    assert message in start_cell("when-you-are-stuck")


def test_guide_matches_progress_export():
    export = 'progress.export("progress.csv")'
    assert export in (DOCS / "tutors.md").read_text("utf-8")
    start = nbformat.read(NOTEBOOKS / "00_start_here.ipynb", as_version=4)
    assert any(export in cell.source for cell in start.cells)
