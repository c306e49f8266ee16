"""What a student has written is shown by formgrader in a bounded time, whatever it is."""

import random
import signal
import time

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.preprocessors import HighlightMagicsPreprocessor
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell
from turns import daily_share

from course_utils.marking import assignment, highlighting, submissions
from course_utils.marking.exercise_cells import grade_id
from course_utils.marking.highlighting import MAX_MARKUP, SLOW
from course_utils.marking.notebook_reader import Cell, parse_cells
from course_utils.marking.reading import NotebookReader, lessons_of
from course_utils.workbooks import NOTEBOOKS

LESSON = NOTEBOOKS / "02_convolution.ipynb"
CELL_SECONDS, MAX_SECONDS = 0.1, 0.4  # a fifth of the usual ones
FACTOR = 4  # the same work at another time, on a busy machine
LENGTH = 30_000  # characters of each text, so that what is squared takes seconds
REPEATED = {
    "dots": ".",
    "stars": "*",
    "dotted name": "a.",
    "digits": "1",
    "digits, parted": "1_",
    "decorators": "@",
    "brackets": "(",
    "f-strings": 'f"{',
    "triple quotes": "'''\n\"\"\"\n",
    "raw triple quotes": "rb'''\n",
    "commands": "!",
    "questions": "a?",
    "backslashes": "\\",
    "name": "a",
    "percents": "%",
    "magics": "%a\n",
    "functions": "def \\ ",
    "lines of one space": " \n",
    "lines of tabs": "\t\n",
    "half a heading": "class ",
    "imports": "from . import ",
    "form feeds": "\f",
    "other letters": "é",
    "matrix products": "a@b",
    "unended strings": "'",
    "entities": "&<",
}
TEXTS = {name: (part * LENGTH)[:LENGTH] for name, part in REPEATED.items()} | {
    "percent and zeros": '"%' + "0" * LENGTH + '"',
    "percent and minuses": '"%' + "- " * (LENGTH // 2) + '"',
    "format, brackets": '"' + "{a[" * (LENGTH // 3) + '"',
    "format, dots": '"' + "{a." * (LENGTH // 3) + '"',
    "assigned command": "a" * LENGTH + " = !",
    "assigned magic": "a," * (LENGTH // 2) + "= %x",
    "a few thousand dots": "." * 8000,  # slow for IPython's lexer alone
    "cell magic": "%%" + "a" * LENGTH,
    "help": "%" * LENGTH + "?",
    "stars and a name": "*" * LENGTH + "a",
    "Python in an unknown magic": '%%unknown\n"%' + "0" * LENGTH + '"',
    "HTML": "%%html\n" + "<a " * (LENGTH // 3),
    "shell": "!" + "$((" * (LENGTH // 3) + "\n",
    "gap before code": "def f():" + " \n" * (LENGTH // 2) + "    return 1",
}


@pytest.fixture
def short_budget(monkeypatch):
    """Leave little time, and as much markup as there may be."""
    monkeypatch.setattr(highlighting, "MAX_MARKUP", 10**6)
    monkeypatch.setattr(highlighting, "CELL_SECONDS", CELL_SECONDS)
    monkeypatch.setattr(highlighting, "MAX_SECONDS", MAX_SECONDS)


@pytest.fixture(scope="module")
def workbook():
    return assignment.source_notebook(LESSON)


@pytest.fixture(scope="module")
def lesson():
    return [Cell(c.cell_type, c.source, {}) for c in nbformat.read(LESSON, as_version=4).cells]


@pytest.fixture(scope="module", params=["jailed", "unjailed"])
def reader(request):
    if request.param == "jailed":
        request.getfixturevalue("jailed")
    with NotebookReader(lessons_of(["02"]), jailed=request.param == "jailed") as opened:
        yield opened


def written(*cells):
    return nbformat.writes(new_notebook(cells=cells)).encode()


def shown(cells, lesson, workbook):
    """Return the cells that are stored for nbgrader; those from the lesson aside."""
    quick = highlighting.quick_cells(cells, lesson)
    made = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}
    nodes = [made[cell.cell_type](cell.source) for cell in cells]
    for i in {*range(len(cells))} - {*quick}:
        nodes[i].metadata[SLOW] = True
    return submissions.restore_grade_cells(nodes, workbook)[: len(cells)]


def page(cells, language):
    """Highlight the code of cells as nbconvert does; return it with the seconds that took."""
    start, to_html = time.process_time(), Highlight2HTML()
    html = "".join(to_html(c.source, language) for c in cells if c.cell_type == "code")
    return html, time.process_time() - start


@pytest.mark.usefixtures("short_budget")
@pytest.mark.parametrize("name", daily_share(TEXTS, 2))
def test_shown_code_is_highlighted_in_time(name, workbook):
    cells = shown([Cell("code", TEXTS[name], {})], [], workbook)
    for language in ("python", "ipython3"):
        assert page(cells, language)[1] < FACTOR * CELL_SECONDS


@pytest.mark.usefixtures("short_budget")
def test_random_repetitions_are_highlighted_in_time(workbook):
    tokens = [
        *"!\"#$%&'()*+,-./0:;<=>?@[\\]^_`{|}~ \n\tafrbux1é",
        "def ",
        "import ",
        "lambda",
        '"""',
    ]
    parts = ["".join(random.choices(tokens, k=random.randint(1, 4))) for _ in range(8)]
    texts = [(random.choice(["", '"', 'f"', "%%x\n"]) + part * LENGTH)[:LENGTH] for part in parts]
    cells = shown([Cell("code", text, {}) for text in texts], [], workbook)
    for language in ("python", "ipython3"):
        assert page(cells, language)[1] < FACTOR * MAX_SECONDS, parts


@pytest.mark.usefixtures("short_budget")
def test_many_cells_are_highlighted_in_time(workbook):
    cells = [Cell("code", f"x = f({i})\n" * 100, {}) for i in range(300)]
    stored = shown(cells, [], workbook)
    assert page(stored, "ipython3")[1] < FACTOR * MAX_SECONDS
    assert highlighting.EXCERPT not in stored[0].source
    assert highlighting.EXCERPT in stored[-1].source


@pytest.mark.parametrize("make", [new_markdown_cell, new_raw_cell])
def test_many_lines_are_not_shown(make, workbook, monkeypatch):
    """Each costs little to highlight and much to parse as HTML, as nbconvert does next."""
    monkeypatch.setattr(highlighting, "MAX_MARKUP", MAX_MARKUP // 4)
    cells = parse_cells(written(*[make("\n" * 2000 + str(i)) for i in range(10)]))
    stored = shown(cells, [], workbook)
    html, _ = page(stored, "python")
    excerpts = len(stored) * 3 * (highlighting.MAX_LINES + 3)
    assert len(BeautifulSoup(html, "html.parser").find_all(True)) < MAX_MARKUP // 4 + excerpts
    assert highlighting.EXCERPT not in stored[0].source


def test_no_cell_is_coloured_in_another_language(workbook):
    """Lexers of other languages are slow on texts of their own."""
    languages = HighlightMagicsPreprocessor()
    magics = [*languages.default_languages, "%%unknown"]
    cells = [Cell("code", f"{' ' * i}{magic} -x\nx = 1", {}) for i, magic in enumerate(magics)]
    for cell in shown(cells, [], workbook):
        assert languages.which_magic_language(cell.source) is None
        assert cell.source.endswith("\n# x = 1")
    cells = [Cell("code", f"{magic}\nx = 1", {}) for magic in ("%%time", "%%capture out", "%time")]
    assert [cell.source for cell in shown(cells, [], workbook)] == [c.source for c in cells]


def test_copies_of_lesson_are_counted(lesson, workbook):
    stored = shown(lesson * 9, lesson, workbook)
    assert not any(highlighting.EXCERPT in cell.source for cell in stored[: len(lesson) // 2])
    assert page(stored, "python")[0].count("</span>") < 0.7 * MAX_MARKUP
    markdown = [cell.source for cell in stored if cell.cell_type == "markdown"]
    assert markdown == [cell.source for cell in lesson if cell.cell_type == "markdown"]


def test_ordinary_notebooks_are_shown_whole():
    """All workbooks, as if every cell were the student's."""
    for path in NOTEBOOKS.rglob("*.ipynb"):
        cells = parse_cells(path.read_bytes())
        assert highlighting.quick_cells(cells, []) == [*range(len(cells))], path.name


def test_reading_marks_slow_cells_alone(reader, workbook):
    """The answer is read, and so judged, as it was; only what is shown of it changes."""
    answer = "def conv2d(image, kernel):\n    return 3\n"
    slow = answer + '"%' + "0" * LENGTH + '"'
    data = written(new_code_cell(slow), new_code_cell("x = 1"), new_markdown_cell("y " * 999))
    reading = reader.read(data, "02")
    assert [SLOW in cell.metadata for cell in reading.cells] == [True, False, False]
    assert (reading.cells[0].source, reading.runs[0]) == (slow, True)
    stored = submissions.restore_grade_cells(reading.cells, workbook)
    assert stored[0].metadata.nbgrader.grade_id == grade_id("exercise", "2.5")
    assert stored[0].source.splitlines()[1:3] == ["# def conv2d(image, kernel):", "#     return 3"]
    assert all(line.startswith("#") for line in stored[0].source.splitlines())
    assert not any(SLOW in cell.metadata for cell in stored)


def test_slow_cells_do_not_take_the_reading_long(reader):
    data = written(*[new_code_cell('"%' + "0" * 9000 + f'{i}"') for i in range(100)])
    reading = reader.read(data, "02")
    assert len([cell for cell in reading.cells if SLOW in cell.metadata]) > 90


def test_timer_is_put_back():
    before = signal.getsignal(signal.SIGPROF)
    highlighting.quick_cells([Cell("code", TEXTS["percent and zeros"], {})], [])
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
    assert signal.getsignal(signal.SIGPROF) == before
