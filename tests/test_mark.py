"""Marks come from comparing outside what a jail has only observed."""

import contextlib
import gc
import html
import importlib.util
import pickle
import re
import socket
import threading
import time
import warnings
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook
from turns import daily_share

from course_utils.__main__ import main as run_command
from course_utils.errors import UserError
from course_utils.exercise import REGISTRY
from course_utils.exercises import all_exercises
from course_utils.judging.judge import expected
from course_utils.judging.observe import make_cases
from course_utils.judging.verdict import Status, Verdict
from course_utils.marking import (
    assignment,
    gradebook,
    jail,
    mark,
    marker,
    marks,
    notebook_reader,
    serialization,
    submissions,
    worker,
)
from course_utils.marking.grader import START_WORKER, NotReached, SubmissionGrader
from course_utils.marking.marks import Mark
from course_utils.marking.reading import (
    NotebookReader,
    NotNowError,
    Reading,
    ScarceMachineError,
    UnreadableError,
    lessons_of,
    read_bytes,
)
from course_utils.marking.records import Marking
from course_utils.workbooks import NOTEBOOKS, ROOT, exercise_number

LESSON = NOTEBOOKS / "02_convolution.ipynb"
KNOWN = {exercise.number: exercise for exercise in all_exercises()}
NUMBERS = ("2.1", "2.2", "2.3", "2.4", "2.5", "2.11", "2.12", "2.13")
LIMITS = jail.Limits(memory=1800 * 2**20)  # a bomb's 64 copies of torch's process hold 1.2 GB
FLIPPED = next(iter(KNOWN["2.5"].mistakes))
ROWS = [
    Mark("ada", "02", "2.5", 15, 15, "ok"),
    Mark("bob, jr.", "02", "2.10", 0, 7.5, "mistake", 'You said "flip",\nand did not.'),
]


def test_marks_table_round_trips(tmp_path):
    marks.write(ROWS, tmp_path / marks.FILENAME)
    assert marks.read(tmp_path / marks.FILENAME) == ROWS
    first = (tmp_path / marks.FILENAME).read_text("utf-8-sig").splitlines()[0]
    assert first.startswith("student,assignment,exercise,points,maximum,status,misconception,")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs student, assignment"),
        ("name,points\nada,3\n", "needs student, assignment"),
        (",".join(Mark._fields) + "\nada,02,2.5,many,15,ok,\n", "line 2"),
        (",".join(Mark._fields) + "\nada,02\n", "line 2"),
    ],
)
def test_read_refuses_other_tables(tmp_path, text, said):
    (tmp_path / "other.csv").write_text(text)
    with pytest.raises(UserError, match=said):
        marks.read(tmp_path / "other.csv")


# A class of thirty ------------------------------------------------------------------------------
FORGED = """import os
from course_utils.marking import serialization
for number in ("2.4", "2.5"):
    message = serialization.pack({"number": number, "status": "ok", "message": "15/15"})
    for place in range(3, 32):
        try:
            os.write(place, message)
        except OSError:
            pass"""
READS = """import glob, os, socket
stolen = glob.glob("/tmp/**/*.db", recursive=True) + glob.glob("/tmp/**/*.ipynb", recursive=True)
for path in ({gradebook!r}, {other!r}):
    try:
        stolen.append(open(path).read())
        open(path, "w").write("stolen")
    except OSError:
        pass
try:
    stolen.append(socket.create_connection(("127.0.0.1", {port}), 1))
except OSError:
    pass"""
HARD_CODED = """
table = conv2d
def conv2d(image, kernel, stride=1, padding=0):
    return table.get(image.numpy().tobytes(), image[0])"""


LEAVES = "import os\nos._exit(0)"
HUGE = "import torch\nfeature_map = torch.zeros(5_000_000)"


def load_bench():
    spec = importlib.util.spec_from_file_location("marking", ROOT / "benchmarks" / "marking.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BENCH = load_bench()


def solved(**other):
    """A perfect notebook; other sources by number, such as _2_5="conv2d = 3"."""
    sources = {number: KNOWN[number].solution_source() for number in NUMBERS}
    sources |= {name[1:].replace("_", "."): text for name, text in other.items()}
    lesson = nbformat.read(LESSON, as_version=4)
    return BENCH.planted(lesson, {n: text for n, text in sources.items() if text is not None})


def at_top(source, notebook):
    notebook.cells.insert(0, new_code_cell(source))
    return notebook


def after(number, source, notebook):
    at = next(i for i, c in enumerate(notebook.cells) if exercise_number(c, "check") == number)
    notebook.cells.insert(at + 1, new_code_cell(source))
    return notebook


def with_checks(change, notebook):
    notebook.cells = [
        changed
        for cell in notebook.cells
        if (changed := change(cell) if exercise_number(cell, "check") else cell)
    ]
    return notebook


def bare(notebook):
    for cell in notebook.cells:
        cell.metadata = {}
    return notebook


def hard_coded():
    """An answer that knows what comes out of the inputs of seed 0."""
    cases, right = make_cases(KNOWN["2.5"], 0), expected(KNOWN["2.5"], 0)
    table = {
        case[0].numpy().tobytes(): observation
        for case, observation in zip(cases, right, strict=True)
    }
    return BENCH.by_value(KNOWN["2.5"], table) + HARD_CODED


def edited(cell):
    cell.source = "print('right')\n15"
    return cell


AWKWARD = (
    *("perfect", "empty", "eve & co", "forks", "reads", "no-checks", "edits-checks"),
    *("redefines-check", "patches-torch", "hard-codes", "no-metadata", "damaged", "prints"),
    *("hogs", "crashes", "own", "forges"),
)
CLASSES = [pytest.param(22, id="class"), pytest.param(30, id="thirty", marks=pytest.mark.weekly)]


def awkward(gradebook, other, port):  # long: a class of students
    """Student → (notebook or text, the statuses that differ from "ok")."""
    reads = READS.format(gradebook=str(gradebook), other=str(other), port=port)
    nothing = dict.fromkeys(NUMBERS, "todo")
    flipped = BENCH.source(KNOWN["2.5"], FLIPPED)
    forged_check = "from course_utils.exercise import Exercise\nExercise.check = print"
    patched = "import torch\ntorch.equal = torch.allclose = torch.isclose = lambda *a, **k: True"
    patched += "\ntorch.Tensor.__eq__ = torch.Tensor.eq = lambda *a: torch.tensor(True)"
    hog = "hog = []\nwhile True:\n    hog.append(b'1' * 10**8)"
    later = NUMBERS[1:]
    return {
        "perfect": (solved(), {}),
        "empty": (nbformat.read(LESSON, as_version=4), nothing),
        "eve & co": (
            solved(_2_5="def conv2d(image, kernel, stride=1, padding=0):\n    while True: pass"),
            {"2.5": "limit"},
        ),
        "forks": (at_top("import os\nwhile True:\n    os.fork()", solved()), {}),
        "reads": (at_top(reads, solved(_2_2="blurred_pixel = str(stolen) if stolen else 28")), {}),
        "no-checks": (with_checks(lambda c: None, solved(_2_5=flipped)), {"2.5": "mistake"}),
        "edits-checks": (with_checks(edited, nbformat.read(LESSON, as_version=4)), nothing),
        "redefines-check": (at_top(forged_check, solved(_2_5=flipped)), {"2.5": "mistake"}),
        "patches-torch": (at_top(patched, solved(_2_5=flipped)), {"2.5": "mistake"}),
        "hard-codes": (solved(_2_5=hard_coded()), {"2.5": "type"}),
        "no-metadata": (bare(solved()), {}),
        "damaged": ("{", dict.fromkeys(NUMBERS, "unreadable")),
        "prints": (
            at_top("for i in range(60):\n    print('x' * 10**7)", solved(_2_1=HUGE)),
            {"2.1": "type"},
        ),
        "hogs": (after("2.1", hog, solved()), dict.fromkeys(later, "limit")),
        "crashes": (after("2.1", LEAVES, solved()), dict.fromkeys(later, "error")),
        "own": (solved(_2_5="conv2d = ex.conv2d"), {"2.5": "own"}),
        "forges": (at_top(FORGED, solved()), {"2.4": "error", "2.5": "error"}),
    }


class Class(NamedTuple):
    """What was handed in, what was planted, and what came of it."""

    folder: Path
    out: Path
    before: dict[str, bytes]
    statuses: dict[str, dict[str, str]]
    planned: dict[str, dict[str, str]]
    rows: list[Mark]


@pytest.fixture(scope="module", params=CLASSES)
def marked(request, jailed, tmp_path_factory):
    """A class's submissions of one workbook, marked in one go."""
    folder, out = tmp_path_factory.mktemp("submitted"), tmp_path_factory.mktemp("out")
    folder.joinpath("gradebook.db").write_text("private")
    planned = BENCH.plan({n: KNOWN[n] for n in NUMBERS}, request.param - len(AWKWARD) - 1, seed=3)
    BENCH.write_class(LESSON, planned, folder)
    with socket.create_server(("127.0.0.1", 0)) as server:
        other = folder / "student-01" / "02" / LESSON.name
        handed_in = awkward(folder / "gradebook.db", other, server.getsockname()[1])
        for student, (notebook, _) in handed_in.items():
            target = folder / student / "02" / LESSON.name
            target.parent.mkdir(parents=True)
            text = notebook if isinstance(notebook, str) else nbformat.writes(notebook)
            target.write_text(text, "utf-8")
        (folder / "links" / "02").mkdir(parents=True)
        (folder / "links" / "02" / LESSON.name).symlink_to(other)
        before = everything(folder)
        with NotebookReader(lessons_of(["00", "02"])) as reader:
            collection = submissions.find(folder, reader)
        marking = Marking(out, 20)
        records = mark.mark(collection.submissions, marking, limits=LIMITS)
        rows = [row for record in records for row in record.marks]
    right = dict.fromkeys(NUMBERS, "ok")
    statuses = {student: right | different for student, (_, different) in handed_in.items()}
    statuses["links"] = dict.fromkeys(NUMBERS, "unreadable")
    return Class(folder, out, before, statuses, planned, rows)


def everything(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def of(marked, student):
    return [row for row in marked.rows if row.student == student]


def mark_of(marked, student, number):
    return next(row for row in of(marked, student) if row.exercise == number)


def test_mark_grades_whole_class(marked):
    students = {*AWKWARD, "links", *marked.planned}
    assert {row.student for row in marked.rows} == students
    assert len(marked.rows) == len(students) * len(NUMBERS)
    assert marks.read(marked.out / marks.FILENAME) == marked.rows


@pytest.mark.parametrize("student", daily_share([*AWKWARD, "links"], 2))
def test_points_are_what_answers_earn(marked, student):
    assert {row.exercise: row.status for row in of(marked, student)} == marked.statuses[student]
    for row in of(marked, student):
        assert row.maximum == KNOWN[row.exercise].minutes
        assert row.points == (row.maximum if row.status == "ok" else 0)


def test_marks_match_planted_answers(marked):
    theirs = [row for row in marked.rows if row.student in marked.planned]
    assert len(theirs) == len(marked.planned) * len(NUMBERS)
    assert BENCH.misses(marked.planned, theirs) == []


def test_misses_reports_wrong_mark(marked):
    theirs = [row for row in marked.rows if row.student in marked.planned]
    at = next(i for i, row in enumerate(theirs) if row.status == "mistake")
    told = theirs[at]._replace(status="ok", misconception="", findings="")
    misses = BENCH.misses(marked.planned, [*theirs[:at], told, *theirs[at + 1 :]])
    assert len(misses) == 3, "the mark, its points, and the count of the misconception"
    assert len(BENCH.misses(marked.planned, theirs[1:])) >= 1


@pytest.mark.parametrize("student", ["no-checks", "redefines-check", "patches-torch"])
def test_mistake_is_named_despite_altered_cells(marked, student):
    assert mark_of(marked, student, "2.5").findings == FLIPPED


def test_hard_coded_answer_fails_other_seed(marked):
    names = {}
    exec("import torch\n" + hard_coded(), names)
    assert KNOWN["2.5"].judge(names["conv2d"], 0).status == "ok"
    assert mark_of(marked, "hard-codes", "2.5").points == 0


def test_mark_leaves_submissions_unchanged(marked):
    assert everything(marked.folder) == marked.before


def test_gradebook_equals_marks_table(marked):
    book = f"sqlite:///{marked.out}/gradebook.db"
    with warnings.catch_warnings(action="ignore"), Gradebook(book, "convolution") as opened:
        scores = {
            submission.student.id: submission.score
            for submission in opened.assignment_submissions("02")
        }
        needed = [
            submission.student.id
            for submission in opened.assignment_submissions("02")
            if submission.needs_manual_grade
        ]
    ids = {submissions.nbgrader_id(row.student): row.student for row in marked.rows}
    total = {name: sum(row.points for row in of(marked, ids[name])) for name in scores}
    assert scores == total
    assert len(scores) == len({row.student for row in marked.rows})
    assert needed == []


@pytest.mark.parametrize("student", ["no-checks", "edits-checks", "no-metadata", "damaged"])
def test_gradebook_restores_every_check(marked, student):
    path = marked.out / "autograded" / student / "02" / LESSON.name
    cells = nbformat.read(path, as_version=4).cells
    checks = [c for c in cells if c.metadata.get("nbgrader", {}).get("grade")]
    for cell, number in zip(checks, NUMBERS, strict=True):
        assert cell.source == f"ex.{KNOWN[number].name}.check({KNOWN[number].name})"
        assert cell.outputs[-1].data["text/plain"] in ("0", str(KNOWN[number].minutes))


# Feedback -----------------------------------------------------------------------------------------


def page_of(marked, student):
    student = submissions.nbgrader_id(student)
    return (marked.out / "feedback" / student / "02" / "02_convolution.html").read_text("utf-8")


def test_feedback_shows_verdicts_and_points(marked):
    text = page_of(marked, "no-checks")
    minutes = [KNOWN[number].minutes for number in NUMBERS]
    assert f"{sum(minutes) - KNOWN['2.5'].minutes} of {sum(minutes)} points" in text
    assert "2.5 Write conv2d" in text
    assert "You flipped the kernel." in text
    assert "a usual mistake" in text
    assert page_of(marked, "perfect").count("✓ Right.") == len(NUMBERS)


def test_feedback_explains_unreadable_submission(marked):
    assert "02_convolution.ipynb is damaged" in page_of(marked, "damaged")
    assert "is a link to another place" in page_of(marked, "links")
    assert "cannot be read" in page_of(marked, "links")


def test_notebook_that_ended_python_says_so(marked):
    (reason,) = {row.reason for row in of(marked, "crashes") if row.status == "error"}
    assert reason.startswith("Your notebook ended Python before it reached this exercise.")
    assert "begins `import os`" in reason


@pytest.mark.parametrize("student", [*AWKWARD, "links"])
def test_feedback_loads_no_script(marked, student):
    text = page_of(marked, student)
    assert "default-src 'none'" in text
    assert not re.findall(r"<script|<b>eve|(?:src|href)=\"(?!data:|#)", text)
    assert html.escape(student) in text


# One by one ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(jailed, request):
    """Number → the messages told for each known mistake, all observed in one jail."""
    tests = [item for item in request.session.items if "told" in item.fixturenames]
    exercises = [KNOWN[test.callspec.params["number"]] for test in tests]
    grader = SubmissionGrader(exercises, seed=41)
    steps = [
        step
        for number, exercise in grader.exercises.items()
        for what in (BENCH.RIGHT, *exercise.mistakes)
        for step in (("run", SETUP), ("run", BENCH.source(exercise, what)), ("observe", number))
    ]
    with grader:
        job = worker.Job(steps, grader.specs, grader.limits, True)
        result = jail.run(START_WORKER, pickle.dumps(job), Path(grader.folder.name), grader.limits)
        told = {}
        for message in serialization.unpack(result.output):
            if not (number := message.get("number")):
                continue
            verdict = grader._verdict(number, message)
            told.setdefault(number, []).append(" ".join(verdict.findings) or verdict.status)
    return told


SETUP = "import math, torch, numpy as np, torch.nn.functional as F\nfrom torch import nn"


@pytest.mark.parametrize("number", daily_share(KNOWN, 3))
def test_jail_names_each_known_mistake(told, number):
    assert told[number] == ["ok", *KNOWN[number].mistakes]


@pytest.fixture(scope="module")
def graded(jailed):
    """A function from the sources of a notebook's cells to its verdicts, by one warm Python."""
    exercises = [KNOWN[number] for number in ("2.2", "2.5")]
    lesson = notebook_reader.as_lesson([], exercises)
    with NotebookReader({"x": lesson}) as reader, SubmissionGrader(exercises, seed=5) as grader:

        def verdicts(*sources, **limits):
            cells = [new_code_cell(source) for source in sources]
            grader.limits = LIMITS._replace(**limits)
            reading = reader.read(nbformat.writes(new_notebook(cells=cells)).encode(), "x")
            return grader.verdicts(grader.observe(reading))

        yield verdicts


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("blurred_pixel = (28", "SyntaxError"),
        ("from helpers import answer\nblurred_pixel = answer", "ModuleNotFoundError"),
        ("blurred_pixel = input()", "Error"),
        ("blurred_pixel = c", "NameError: name 'c' is not defined"),
        ("Blurred_Pixel = 28", "`Blurred_Pixel` was found"),
        ("blurred_pixel = print(28)", "`blurred_pixel` is `None`. `print(…)` only shows"),
    ],
)
def test_failed_answer_cell_is_error(graded, cell, words):
    verdict = graded(cell)["2.2"]
    assert verdict.status == "error"
    assert words in verdict.message


def test_number_of_many_digits_costs_itself_alone(graded):
    verdicts = graded("blurred_pixel = 10**5000")
    assert verdicts["2.2"].status == "wrong"
    assert verdicts["2.5"].status == "todo"


def test_what_cannot_be_sent_is_told():
    packed = worker._packed({"number": "2.2", "observations": [np.array([object()])]})
    (message,) = serialization.unpack(packed)
    assert (message["number"], message["status"]) == ("2.2", "error")
    assert "cannot be sent (ValueError)" in message["message"]


@pytest.mark.parametrize(
    ("source", "words"),
    [("x = 1", "There is no"), ("blurred_pixel = ...", "is still `...`"), ("del x", "There is no")],
)
def test_untouched_answer_is_not_attempted(graded, source, words):
    verdict = graded(source)["2.2"]
    assert verdict.status == "todo"
    assert words in verdict.message


@pytest.mark.parametrize(
    "source",
    [
        "!pip install numpy\nfiles = !ls\nblurred_pixel = 28 + len(files)",
        "%pip install numpy\nblurred_pixel = 28",
        "from torch.utils.data import DataLoader\n"
        "loader = DataLoader(range(28), 7, num_workers=2, persistent_workers=True, timeout=9)\n"
        "blurred_pixel = sum(len(batch) for batch in loader)",
        "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.model_selection import cross_val_score\n"
        "x, y = np.arange(56.0).reshape(28, 2), np.arange(28) // 14\n"
        "blurred_pixel = 28 * (cross_val_score(LogisticRegression(), x, y, n_jobs=-1).size == 5)",
    ],
    ids=["commands", "magic", "loader", "joblib"],
)
def test_what_asks_for_processes_goes_on_without(graded, source):
    assert graded(SETUP, source)["2.2"].status == "ok"


@pytest.mark.parametrize(
    "line",
    [
        *(f"%{how} {what}" for how in ("matplotlib", "pylab", "gui") for what in ("inline", "qt")),
        "%matplotlib widget",
        "import matplotlib\nmatplotlib.use('TkAgg')",
        "import matplotlib.pyplot as plt\nplt.switch_backend('QtAgg')",
        *("%autosave 60", "%clear", "quit()", "exit"),
        "import torch\ntorch.compile(torch.nn.Linear(2, 2))(torch.ones(1, 2))",
    ],
)
def test_cell_that_asks_for_a_screen_or_a_kernel_goes_on(graded, line):
    """What works where a student sits, as the first line of a notebook."""
    draws = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
    assert graded(f"{line}\n{draws}\nblurred_pixel = 28")["2.2"].status == "ok"


@pytest.mark.parametrize(
    "cell",
    [
        "import not_installed as no\nimport numpy as np",
        "import not_installed, also_not; from not_installed.parts import all\nimport numpy as np",
        "%matplotlib inline\nfrom not_installed import (\n  one,\n  two,\n)\nimport numpy as np",
        "try:\n    import not_installed\nexcept ImportError:\n    import numpy as np",
        "import math, not_installed as no, numpy as np",
        "%load_ext not_installed\n%no_such_magic\nimport numpy as np",
        "é = 1; import not_installed ; é += 1\nf\"{ {'a\u00a0b': é} }\"; import numpy as np",
        "import not_installed; \\\n    x = 1\nimport numpy as np",
        "import not_installed as f, numpy as np\nf\"{'a\u00a0b'}\".join([])",
        "import not_installed  # é\r\n@print\ndef f(): return '''a\x0c\n b'''\nimport numpy as np",
    ],
)
def test_library_that_is_missing_costs_what_needs_it(graded, cell):
    assert graded(cell, "blurred_pixel = np.int64(28)")["2.2"].status == "ok"
    assert graded(f"{cell}\nblurred_pixel = np.int64(28)")["2.2"].status == "ok"


def test_nothing_above_a_missing_library_runs_twice(graded):
    cell = "n = 27; import math; n += 1; import not_installed; blurred_pixel = n"
    assert graded(cell)["2.2"].status == "ok"
    within = "n = 27; import math; n += 1; exec('import not_installed'); blurred_pixel = n"
    assert graded(within)["2.2"].status == "error"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "import not_installed as no\nblurred_pixel = no.number",
            "No module named 'not_installed'",
        ),
        ("def f():\n    import not_installed\n\nf()\nblurred_pixel = 28", "No module named"),
        ("if True:\n    import not_installed\nblurred_pixel = 28", "No module named"),
    ],
)
def test_answer_that_needs_a_missing_library_says_so(graded, source, words):
    verdict = graded(source)["2.2"]
    assert verdict.status == "error"
    assert words in verdict.message


def test_cell_that_needs_a_program_fails_alone(graded):
    assert graded("%%bash\necho 28 > n", "blurred_pixel = 28")["2.2"].status == "ok"


def test_endless_cell_is_skipped(graded):
    verdicts = graded("while True: pass", "blurred_pixel = 28", cell=1.5)
    assert verdicts["2.2"].status == "ok"


def test_uninterruptible_cell_is_killed(graded):
    loop = "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass"
    verdict = graded(loop, "blurred_pixel = 28", cell=1, seconds=4)["2.2"]
    assert verdict.status == "limit"
    assert "stopped after 4 seconds" in verdict.message


def test_failing_answers_get_verdicts(graded):
    sources = (
        "def conv2d(*rest):\n    print('hello')\n    return rest[7]",
        "blurred_pixel = 3 + None",
    )
    verdicts = graded(*sources)
    assert verdicts["2.2"].status == "error"
    assert "TypeError" in verdicts["2.2"].message
    assert verdicts["2.5"].status == "error"
    assert "IndexError" in verdicts["2.5"].message
    assert verdicts["2.5"].printed.startswith("hello")


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"status": "ok"},
        {"status": "mistake", "message": "no"},
        {"status": "observed"},
        {"status": "observed", "observations": 5},
        {"status": "observed", "observations": []},
        {"status": "observed", "observations": [{"a": 10**400}, 10**400]},
        {"status": "observed", "observations": [[[[]]]], "notes": "none", "printed": 5},
        {"status": ["todo"], "message": {"a": 1}},
        {"status": "todo", "message": ["ok"]},
        {"status": np.zeros(3)},
        {"status": "todo", "message": np.zeros(3)},
        {"status": "observed", "observations": {}, "notes": np.zeros(3), "printed": np.zeros(3)},
    ],
)
@pytest.mark.parametrize("number", ["2.1", "2.2", "2.3", "2.4", "2.5", "4.6", "5.1", "7.3"])
def test_forged_message_never_passes(said, number):
    verdict = SubmissionGrader([KNOWN[number]], seed=5)._verdict(number, said)
    assert verdict.status in ("error", "wrong", "type", "mistake", "todo")
    assert "✗" in str(verdict) or verdict.status == "todo"


class Breaks:
    """Stands for a reader and a grader of which one raises."""

    def __init__(self, error):
        self.error, self.stop = error, threading.Event()

    def read(self, path, name):
        raise self.error


def judge_with(error, folder, *students):
    """Judge submissions with a reader that raises; return the marking and its grader."""
    marking, broken = Marking(folder, 1), Breaks(error)
    judge = marker.Marker(marker.Assignments({"00"}), broken, broken)
    handed_in = [submissions.Submission(name, "00", Path("x"), digest="d") for name in students]
    with contextlib.suppress(KeyboardInterrupt):
        for judged in marker.judge_here(judge, handed_in, 1):
            judged.keep(marking, 1)
    return marking, broken


def test_no_reason_is_obeyed_by_a_terminal(tmp_path):
    marking, _ = judge_with(ValueError("\x1b[2Jred \u202eof all\a"), tmp_path / "out", "ada")
    (record,) = marking.records()
    assert "\ufffd[2Jred \ufffdof all\ufffd" in record.marks[0].reason


@pytest.mark.parametrize("error", [MemoryError("no room"), ValueError("no <b>sense</b>")])
def test_whatever_goes_wrong_is_one_row(tmp_path, error):
    marking, _ = judge_with(error, tmp_path / "out", "ada", "bob")
    for record in marking.records():
        (row,) = record.marks
        assert (row.status, row.points) == ("unreadable", 0)
        assert f"{type(error).__name__}: no " in row.reason
        assert record.identity == ""  # the next marking tries it anew
    page = marking.folder / "feedback" / "bob" / "00" / "00_start_here.html"
    assert "It could not be marked" in page.read_text("utf-8")
    assert "<b>" not in page.read_text("utf-8")


def test_what_was_not_read_for_a_moment_is_tried_anew(tmp_path):
    """A cluster's machines are told why the client could not read it."""
    judge = marker.Marker(marker.Assignments({"00"}), Breaks(None), Breaks(None))
    handed_in = submissions.Submission("ada", "00", tmp_path / "x.ipynb", digest="d")
    judged = judge.judge(handed_in, read_bytes(handed_in.path))
    assert "x.ipynb cannot be opened" in judged.record.marks[0].reason
    assert judged.record.identity == ""
    handed_in.path.symlink_to("elsewhere")
    judged = judge.judge(handed_in, read_bytes(handed_in.path))
    assert "x.ipynb is a link" in judged.record.marks[0].reason
    assert judged.record.identity


def test_student_puts_no_words_on_the_last_line():
    words = "Your notebook was stopped: call 0900"
    own, courses = Verdict(Status.ERROR, "2.2", words), NotReached(Status.LIMIT, "2.2", "Stopped.")
    assert [marker._why_look({"2.2": each}) for each in (own, courses)] == ["", "Stopped."]


@pytest.mark.parametrize("error", [UnreadableError("x"), NotNowError("x")])
def test_what_the_machine_may_be_to_blame_for_is_tried_anew(tmp_path, error):
    marking, _ = judge_with(error, tmp_path / "out", "ada")
    (record,) = marking.records()
    assert (record.marks[0].status, bool(record.identity)) == ("unreadable", error.is_final)


def test_short_memory_while_reading_is_no_fault_of_the_notebook(monkeypatch):
    lesson = notebook_reader.as_lesson([], [])
    with NotebookReader({"x": lesson}, jailed=False) as reader:
        monkeypatch.setattr(jail, "run", lambda *_, **__: jail.RunResult(b"", "scarce"))
        with pytest.raises(ScarceMachineError):
            reader.recognize(b"{}")


@pytest.mark.parametrize("waited", [0.5, 8.0])
@pytest.mark.parametrize(
    ("status", "words", "out_of_time"),
    [
        (Status.LIMIT, "It was stopped after 10 seconds.", True),
        (Status.ERROR, "There is no `helper`, which a cell above makes.", True),
        (Status.ERROR, "The cell of your answer stopped with an error (ValueError).", False),
        (Status.WRONG, "Too small.", False),
    ],
)
def test_what_waited_for_a_processor_is_judged_again(status, words, out_of_time, waited):
    """Threads of another submission may leave it none; who sleeps is judged again for nothing."""
    reading = Reading("x", [], [], {"0.1": 0}, {"0.1": ""})
    result = jail.RunResult(b"", "", waited=waited)
    verdicts = {"0.1": Verdict(status, "0.1", words)}
    reader = SimpleNamespace(read=lambda *_: reading)
    grader = SimpleNamespace(
        observe=lambda _: SimpleNamespace(result=result),
        verdicts=lambda _: verdicts,
        has_timed_out=lambda _: "helper" in words,
    )
    judging = marker.Marker(marker.Assignments({"00"}), reader, grader)
    submission = submissions.Submission("ada", "00", Path("x"))
    if out_of_time and waited > 3:
        with pytest.raises(ScarceMachineError):
            judging.judge(submission, b"{}")
    else:
        assert judging.judge(submission, b"{}").record.marks[0].reason or status == Status.WRONG
    assert judging.judge(submission, b"{}", is_alone=True).record.marks[0].status == status.value


@pytest.mark.marking
@pytest.mark.parametrize("source", ["import time; time.sleep(60)", "1 / 0"])
def test_cell_that_was_stopped_for_time_is_told(source):
    limits = jail.LIMITS._replace(cell=1.0)
    exercises = [each for each in all_exercises() if each.number == "0.1"]
    cells = [new_code_cell(source), new_code_cell("pixels = 28 * 28")]
    reading = Reading("x", cells, [True, True], {"0.1": 1}, {"0.1": ""})
    with SubmissionGrader(exercises, 0, jailed=False, limits=limits) as grader:
        observed = grader.observe(reading)
        assert grader.has_timed_out(observed) == ("sleep" in source)
        assert grader.verdicts(observed)["0.1"].status == "ok"


def test_notebook_is_read_again_that_waited_for_a_processor(monkeypatch):
    lesson = notebook_reader.as_lesson([], [])
    with NotebookReader({"x": lesson}, jailed=False) as reader:
        for waited, error in ((9.0, ScarceMachineError), (0.1, UnreadableError)):
            result = jail.RunResult(b"", "time", waited=waited)
            monkeypatch.setattr(jail, "run", lambda *_, result=result, **__: result)
            with pytest.raises(error) as caught:
                reader.read(b"{}", "x")
            assert caught.type is error


class Scarce:
    """Stands for a marker on a machine that runs short of memory by what one student wrote."""

    def __init__(self):
        self.running, self.alone = 0, []

    def judge(self, submission, _source, is_alone=False):
        self.running += 1
        time.sleep(0.05)
        if is_alone:
            assert self.running == 1
            self.alone.append(submission.student)
        self.running -= 1
        if submission.student != "zoe" and not is_alone:
            raise ScarceMachineError
        return submission.student


def test_what_ran_while_memory_was_short_is_judged_again_alone():
    judge = Scarce()
    handed_in = [submissions.Submission(name, "00", Path("x")) for name in ("ada", "bob", "zoe")]
    assert sorted(marker.judge_here(judge, handed_in, 3)) == ["ada", "bob", "zoe"]
    assert sorted(judge.alone) == ["ada", "bob"]


def test_what_was_judged_is_not_kept_in_memory():
    """A class may have thousands of notebooks."""

    class Judged:
        pass

    alive = weakref.WeakSet()

    class Judge:
        grader = SimpleNamespace(stop=threading.Event())

        def judge(self, submission, _source):
            judged = Judged()
            alive.add(judged)
            return judged

    handed_in = [submissions.Submission(str(i), "00", Path("x")) for i in range(50)]
    judged = marker.judge_here(Judge(), handed_in, 1)
    for _ in handed_in[1:]:
        next(judged)
    gc.collect()
    assert len(alive) <= 2
    judged.close()


def test_interrupted_marking_keeps_nothing_half(tmp_path):
    marking, broken = judge_with(KeyboardInterrupt(), tmp_path / "out", "ada", "bob")
    assert broken.stop.is_set()
    assert [*marking.records()] == []


def test_no_settings_are_run_from_where_one_stands(tmp_path, monkeypatch):
    """alembic, which makes the gradebook, reads pyproject.toml there: in a class, a student's."""
    folder, ran, course = tmp_path / "class", tmp_path / "ran", tmp_path / "course"
    (folder / "eve").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[tool.alembic]\nversion_locations = ["eve"]\n')
    names = "revision, down_revision, branch_labels, depends_on = 'a', None, None, None"
    (folder / "eve" / "a.py").write_text(f"open({str(ran)!r}, 'w')\n{names}")
    course.mkdir()
    assignment.write_config(course)
    monkeypatch.chdir(folder)
    with assignment.open_course(Path("../course")), Gradebook(f"sqlite:///{course}/book.db"):
        pass
    assert not ran.exists()
    assert Path.cwd() == folder


@pytest.mark.parametrize(
    "out", ["class/marks", "class", "class/eve/marks", "course/submitted/x", "course/x"]
)
def test_marks_among_submissions_are_refused(tmp_path, monkeypatch, capsys, out):
    """A student's folder could be taken for that of the marks, its settings and marks included."""
    for folder in ("class/eve", "course/submitted/eve/00"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert run_command(["mark", out.partition("/")[0], "--out", out, "--unsafe"]) == 2
    assert "one of them may have taken its name. Choose --out outside" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_nbgrader_goes_on_after_one_it_cannot_take(tmp_path):
    marking, _ = judge_with(ValueError("x"), tmp_path / "out", "ada", "bob", "eve")
    (marking.folder / "submitted" / "bob" / "00" / "00_start_here.ipynb").write_text("{")
    assert [record.student for record in gradebook.fill(marking)] == ["bob"]
    with Gradebook(f"sqlite:///{marking.folder}/gradebook.db", "convolution") as book:
        assert {s.student.id for s in book.assignment_submissions("00")} >= {"ada", "eve"}


# The command --------------------------------------------------------------------------------------


def alone(folder, cells, name="00", file="00_start_here.ipynb"):
    target = folder / "ada" / name / file
    target.parent.mkdir(parents=True)
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    nbformat.write(notebook, target)
    return folder


@pytest.mark.marking
def test_unsafe_warns_and_marks(tmp_path, capfd):
    """It proves by the way that a solution is seen, and that a secret is in reach."""
    (tmp_path / "secret").write_text("784")
    source = f"pixels = int(open({str(tmp_path / 'secret')!r}).read())"
    folder = alone(tmp_path / "submitted", [source])
    out = tmp_path / "out"
    assert mark.main([str(folder), "--out", str(out), "--unsafe", "--seed", "7"]) == 0
    said = capfd.readouterr()
    assert "without a jail" in said.err
    assert "1 submissions, 100 % of all points, seed 7" in said.out
    assert marks.read(out / marks.FILENAME) == [Mark("ada", "00", "0.1", 1, 1, "ok")]


def test_ask_refuses_several_notebooks(tmp_path, capsys):
    folder = alone(tmp_path / "submitted", ["pixels = 784"])
    alone(folder, ["pixels = 28"], name="01", file="copy.ipynb")
    command = ["mark", str(folder), "--out", str(tmp_path / "out"), "--unsafe", "--ask"]
    assert run_command(command) == 2
    said = capsys.readouterr()
    assert said.out.startswith("1 students, 1 found, 1 to look at")
    assert "Several notebooks of one student:\nada, 00: " in said.err
    assert not (tmp_path / "out").exists()


def test_each_run_draws_new_seed(tmp_path, monkeypatch):
    seeds = []
    monkeypatch.setattr(
        mark, "mark", lambda submissions, marking, **rest: seeds.append(marking.seed) or []
    )
    monkeypatch.setattr(mark, "collect", lambda args, marking: [])
    folder = alone(tmp_path / "submitted", [])
    for i in range(3):
        assert mark.main([str(folder), "--out", str(tmp_path / f"out{i}")]) == 0
    assert mark.main([str(folder), "--out", str(tmp_path / "out"), "--seed", "7"]) == 0
    assert len(set(seeds)) == 4
    assert seeds[-1] == 7


def test_seeds_draw_different_inputs():
    answers = [make_cases(KNOWN["2.5"], seed)[0][0] for seed in (1, 2)]
    assert not answers[0].equal(answers[1])


@pytest.mark.parametrize(
    ("folder", "out", "said"),
    [
        ("elsewhere", "new", "There is no folder"),
        ("empty", "new", "There are no submissions"),
        ("submitted", "taken", "not an empty folder"),
    ],
)
def test_mark_refuses_wrong_arguments(tmp_path, capsys, folder, out, said):
    alone(tmp_path / "submitted", [])
    (tmp_path / "empty").mkdir()
    (tmp_path / "taken" / "notes").mkdir(parents=True)
    before = everything(tmp_path)
    assert run_command(["mark", str(tmp_path / folder), "--out", str(tmp_path / out)]) == 2
    assert said in capsys.readouterr().err
    assert everything(tmp_path) == before


@pytest.mark.parametrize(("gigabytes", "jobs"), [(2, 1), (8, 2), (16, 4), (64, 8)])
def test_notebooks_that_run_together_fit_into_memory(gigabytes, jobs, monkeypatch):
    memory = SimpleNamespace(total=gigabytes * 2**30)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    assert mark.parse(["submissions"]).jobs == jobs


@pytest.mark.marking
def test_feedback_tells_no_inputs_of_what_is_handed_in_again(tmp_path):
    """A notebook may hold all that feedback has shown: bob's was on the inputs that ada's was."""
    exercise = REGISTRY["5.3"]
    table = {case: exercise.model(*case) for case in make_cases(exercise, 7)}
    answers = {"wrong": "0", "told": f"{table}.get(numbers, 0)"}

    def hand_in(student, kind):
        notebook = nbformat.read(NOTEBOOKS / "05_classification.ipynb", 4)
        (cell,) = [c for c in notebook.cells if exercise_number(c, "exercise") == "5.3"]
        cell.source = f"def hidden_units(*numbers):\n    return {answers[kind]}"
        path = tmp_path / "class" / student / "05.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        notebook.cells = [cell]
        nbformat.write(notebook, path)

    def marked():
        command = ["mark", str(tmp_path / "class"), "--out", str(tmp_path / "out"), "--seed", "7"]
        assert run_command([*command, "--unsafe"]) == 0
        rows = marks.read(tmp_path / "out" / marks.FILENAME)
        return {row.student: row.status == marks.RIGHT for row in rows if row.exercise == "5.3"}

    hand_in("ada", "wrong")
    hand_in("bob", "told")
    assert marked() == {"ada": False, "bob": True}
    path = tmp_path / "class" / "ada" / "05.ipynb"
    path.rename(path.with_name("05_classification.ipynb"))
    path.with_name("05_classification.ipynb").write_text("damaged")
    assert not marked()["ada"]
    path.with_name("05_classification.ipynb").unlink()
    hand_in("ada", "told")
    assert marked() == {"ada": False, "bob": True}
    seeds = {record.student: record.seed for record in Marking(tmp_path / "out").records()}
    assert seeds["bob"] == 7 != seeds["ada"]
