"""Students' notebooks are found, read and mended, whatever has become of them."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from course_utils.errors import UserError
from course_utils.exercises import all_exercises
from course_utils.marking import (
    assignment,
    downloads,
    exercise_cells,
    notebook_reader,
    reading,
    submissions,
)
from course_utils.marking.notebook_reader import parse_cells
from course_utils.marking.reading import NotebookReader, UnreadableError, lessons_of
from course_utils.workbooks import NOTEBOOKS

LESSON = NOTEBOOKS / "02_convolution.ipynb"
CONV2D, PIXELS = (next(e for e in all_exercises() if e.number == n) for n in ("2.5", "0.1"))
CORE = [e for e in all_exercises() if e.model.__module__.endswith(".convolution")]
FURTHER = [e for e in all_exercises() if e.model.__module__.endswith("convolution_further")]
NAME = LESSON.name
TAGS = {"tags": ["exercise", "ex-2.5"]}


def put(*parts, text="{}"):
    path = parts[0].joinpath(*parts[1:])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


# Where they lie -----------------------------------------------------------------------------------

ANSWERS = {
    "00": ["pixels = 784", "ex.pixels.check(pixels)"],
    "02": [f"{each.name} = 1" for each in CORE],
    "further-02": [f"{each.name} = 1" for each in FURTHER],
}


@pytest.fixture(scope="module")
def reader():
    """Reads in a process without a jail; that there is one is tested in test_mark."""
    with NotebookReader(lessons_of(assignment.assignments()), jailed=False) as opened:
        yield opened


def notebook(name="02", more=()):
    return written(*(new_code_cell(source) for source in [*ANSWERS.get(name, []), *more]))


def told(collection):
    """(student, assignment) → the notebook that is marked, or the status and the problem."""
    return {
        (s.student, s.assignment): s.path or f"{s.status}: {s.problem}"
        for s in collection.submissions
    }


def test_find_knows_notebooks_by_content(tmp_path, reader):
    paths = {
        ("ada", "02"): put(tmp_path, "ada", "02", NAME, text=notebook()),
        ("ada", "further-02"): put(
            tmp_path, "ada", "02 further", NAME, text=notebook("further-02")
        ),
        ("bob", "02"): put(tmp_path, "bob", "Lab 2", "final (1).ipynb", text=notebook()),
        ("eve", "02"): put(tmp_path, "eve", NAME, text=notebook()),
        ("joe", "02"): put(tmp_path, "joe", "00", "x.ipynb.txt", text="\ufeff" + notebook()),
    }
    put(tmp_path, "gradebook.db")
    put(tmp_path, "ada", ".ipynb_checkpoints", NAME, text=notebook())
    put(tmp_path, "eve", "progress.json")
    put(tmp_path, ".cache", "x")
    collection = submissions.find(tmp_path, reader)
    assert told(collection) == paths
    assert collection.summary() == "4 students, 4 found, 0 to look at"
    assert all(submission.digest for submission in collection.submissions)


def test_find_accepts_course_folder(tmp_path, reader):
    path = put(tmp_path, "submitted", "ada", "02", NAME, text=notebook())
    assert told(submissions.find(tmp_path, reader)) == {("ada", "02"): path}


def test_every_folder_gives_a_row(tmp_path, reader):
    put(tmp_path, "ada", NAME, text=notebook())
    (tmp_path / "empty").mkdir()
    put(tmp_path, "pdf", "homework.pdf", text="%PDF")
    put(tmp_path, "damaged", "2", "x.ipynb", text="{")
    put(tmp_path, "strange", "x.ipynb", text=written(new_code_cell("y = 1")))
    (tmp_path / "linked").symlink_to(tmp_path / "ada")
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / NAME).symlink_to(tmp_path / "ada" / NAME)
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(put(tmp_path, "pipe", "kept.txt").with_name("x.ipynb"))
    collection = submissions.find(tmp_path, reader)
    assert {student: words for (student, _), words in told(collection).items()} == {
        "ada": tmp_path / "ada" / NAME,
        "broken": "unreadable: broken is a link to another place, not a notebook.",
        "damaged": "unreadable: x.ipynb is damaged (no JSON).",
        "empty": "missing: Nothing was handed in.",
        "link": f"unreadable: {NAME} is a link to another place, not a notebook.",
        "linked": "unreadable: linked is a link to another place, not a notebook.",
        "pdf": "missing: Nothing was handed in.",
        "pipe": "unreadable: x.ipynb is not a file.",
        "strange": "unreadable: x.ipynb holds none of the exercises.",
    }
    assert {submission.assignment for submission in collection.submissions} == {"02"}
    assert collection.summary() == "9 students, 1 found, 8 to look at"


def dated(path, seconds):
    os.utime(path, (seconds, seconds))
    return path


def test_newest_with_answers_is_taken(tmp_path, reader):
    dated(put(tmp_path, "ada", "old.ipynb", text=notebook()), 10)
    newer = dated(put(tmp_path, "ada", "02", "new.ipynb", text=notebook(more=["y = 1"])), 20)
    dated(put(tmp_path, "ada", "02", NAME, text=LESSON.read_text("utf-8")), 30)
    dated(put(tmp_path, "ada", "scratch.ipynb", text=written(new_code_cell("conv2d = 3"))), 40)
    collection = submissions.find(tmp_path, reader)
    (submission,) = collection.submissions
    assert submission.path == newer
    assert submission.others == ("old.ipynb", "scratch.ipynb", f"02/{NAME}")
    (note,) = collection.notes
    assert note == f"ada, 02: 02/new.ipynb is marked, not old.ipynb, scratch.ipynb, 02/{NAME}"
    assert collection.summary() == "1 students, 1 found, 1 to look at"


def test_stray_notebook_is_its_students_alone(tmp_path, reader):
    for student in ("ada", "bob", "eve", "joe"):
        put(tmp_path, student, NAME, text=notebook())
    put(tmp_path, "joe", "mine.ipynb", text=notebook("00"))
    found = submissions.find(tmp_path, reader)
    assert [s.student for s in found.submissions if s.assignment == "00"] == ["joe"]
    found = submissions.find(tmp_path, reader, ["00"])
    assert [s.status for s in found.submissions] == ["missing"] * 3 + [""]


def test_many_files_do_not_slow_find(tmp_path, reader, monkeypatch):
    monkeypatch.setattr(submissions, "MOST_NOTEBOOKS", 3)
    for i in range(9):
        dated(put(tmp_path, "ada", f"{i}.ipynb", text=notebook() if i > 2 else "{"), i)
    (submission,) = submissions.find(tmp_path, reader).submissions
    assert submission.path == tmp_path / "ada" / "8.ipynb"
    assert submission.others == ("7.ipynb", "6.ipynb")


def test_notebooks_that_take_long_do_not_slow_find(tmp_path, reader, monkeypatch):
    monkeypatch.setattr(submissions, "MOST_SECONDS", 0)
    for i in range(5):
        dated(put(tmp_path, "ada", f"{i}.ipynb", text=notebook()), i)
    (submission,) = submissions.find(tmp_path, reader).submissions
    assert (submission.path, submission.others) == (tmp_path / "ada" / "4.ipynb", ())


def test_note_is_one_line(tmp_path, reader):
    dated(put(tmp_path, "ada", "a.ipynb\n0 to look at.ipynb", text=notebook()), 10)
    put(tmp_path, "ada", NAME, text=notebook())
    (note,) = submissions.find(tmp_path, reader).notes
    assert note == f"ada, 02: {NAME} is marked, not a.ipynb 0 to look at.ipynb"


def test_file_behind_a_link_is_not_read(tmp_path, reader):
    """A folder may be exchanged for a link to somebody else's between finding and marking."""
    put(tmp_path, "ada", "02", NAME, text=notebook())
    put(tmp_path, "eve", "02", NAME, text=notebook())
    collection = submissions.find(tmp_path, reader)
    path = {s.student: s.path for s in collection.submissions}["eve"]
    (tmp_path / "eve" / "02").rename(tmp_path / "eve" / "old")
    (tmp_path / "eve" / "02").symlink_to(tmp_path / "ada" / "02")
    assert path.exists()
    for read in (reader.recognize, lambda path: reader.read(path, "02")):
        with pytest.raises(UnreadableError, match="cannot be opened"):
            read(path)
    assert isinstance(reading.read_bytes(path), reading.NotNowError)


def test_names_in_a_folder_behind_a_link_are_not_read(tmp_path, reader, monkeypatch):
    """Also where the folder was none a moment ago, and wherever the link stands on the way."""
    (tmp_path / "private" / "inner").mkdir(parents=True)
    (tmp_path / "private" / "needle.ipynb").write_text("{")
    (tmp_path / "class" / "eve").mkdir(parents=True)
    (tmp_path / "class" / "eve" / "w").symlink_to(tmp_path / "private")
    entries = downloads.entries_in(tmp_path / "private", 9)
    assert sorted(entry.path.name for entry in entries) == ["inner", "needle.ipynb"]
    assert downloads.entries_in(tmp_path / "class" / "eve" / "w", 9) is None
    assert downloads.entries_in(tmp_path / "class" / "eve" / "w" / "inner", 9) is None
    monkeypatch.setattr(downloads.Entry, "is_link", False)  # as it was a moment ago
    monkeypatch.setattr(downloads.Entry, "is_folder", True)
    assert "needle" not in str(submissions.find(tmp_path / "class", reader))


@pytest.mark.parametrize("o_path", [True, False])
def test_link_itself_is_told_from_one_on_the_way(o_path, tmp_path, monkeypatch):
    if not o_path:  # as on macOS
        monkeypatch.delattr(os, "O_PATH", raising=False)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x")
    (tmp_path / "link").symlink_to("folder")
    assert downloads.read_regular(tmp_path / "folder" / "file", 9) == b"x"
    for path, words in (("link", "link is a link"), ("link/file", "file cannot be opened")):
        error = reading.read_bytes(tmp_path / path)
        assert words in str(error)
        assert error.is_final == (path == "link")


def test_junction_counts_as_a_link(tmp_path, monkeypatch):
    status = SimpleNamespace(st_mode=stat.S_IFDIR, st_mtime=0.0, st_reparse_tag=downloads.JUNCTION)
    assert downloads._entry(tmp_path, lambda: status).is_link


def make(kind, path):
    if kind == "file":
        path.write_text("")
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("elsewhere")


def test_nobody_is_told_what_lies_behind_a_link_put_there_meanwhile(tmp_path, reader, monkeypatch):
    """A folder is exchanged for a link to a private one just as it is listed."""
    told, scandir = {}, os.scandir
    for kind in ("nothing", "file", "folder", "link"):
        private, folder = tmp_path / kind / "private", tmp_path / kind / "class" / "eve" / "w"
        put(tmp_path / kind / "class", "ada", NAME, text=notebook())
        for place in (private, folder):
            place.mkdir(parents=True)
        for name in ("x", "y.ipynb"):
            make(kind, private / name)
            make("file", folder / name)

        def exchange(listed, private=private, folder=folder):
            if not folder.is_symlink() and os.path.samestat(os.stat(listed), folder.stat()):
                folder.rename(folder.with_name("old"))
                folder.symlink_to(private)
            return scandir(listed)

        monkeypatch.setattr("os.scandir", exchange)
        found = submissions.find(tmp_path / kind / "class", reader, jobs=1).submissions
        assert folder.is_symlink()
        told[kind] = {each.student: each.problem for each in found}
    assert {str(each) for each in told.values()} == {str(told["nothing"])}, told


@pytest.mark.parametrize("target", ["private", "private/needle.ipynb", "nowhere"])
@pytest.mark.parametrize("place", ["eve", "eve/w", "eve/w.ipynb"])
def test_nobody_is_told_where_a_link_leads(place, target, tmp_path, reader):
    """Not even whether anything is there: links may point to any place of the tutor's."""
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "needle.ipynb").write_text("{")
    link = tmp_path / "class" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / target)
    put(tmp_path / "class", "ada", NAME, text=notebook())
    told = {s.student: s.problem for s in submissions.find(tmp_path / "class", reader).submissions}
    assert told == {"ada": "", "eve": f"{link.name} is a link to another place, not a notebook."}


def test_only_plain_files_are_opened(tmp_path, monkeypatch):
    """To open a device may do harm, and what a link leads to is not a student's."""
    (tmp_path / "notebook").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "notebook")
    (tmp_path / "folder").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    opened, open_file = [], os.open

    def note(path, flags, *args, **options):
        opened.append((path, flags & os.O_PATH))
        return open_file(path, flags, *args, **options)

    monkeypatch.setattr(os, "open", note)
    assert downloads.read_regular(tmp_path / "notebook", 9) == b"{}"
    opened.clear()
    for name in ("link", "folder/notebook", "pipe", "folder", "nothing", "notebook/x"):
        assert downloads.read_regular(tmp_path / name, 9) is None, name
    assert all(only_named for _, only_named in opened)


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
def test_file_with_a_lease_is_not_waited_for(tmp_path, reader):
    """Its owner may hold one; Linux waits 45 s for its end, at each look."""
    import fcntl  # not on Windows

    path = put(tmp_path, "class", "ada", "02", NAME, text=notebook())
    handler = signal.signal(signal.SIGIO, signal.SIG_IGN)  # by which the owner is told
    begun = time.monotonic()
    try:
        with open(path, "r+") as file:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            assert downloads.read_regular(path, 9) is None
            with pytest.raises(reading.NotNowError, match=f"{NAME} cannot be opened"):
                reader.read(path, "02")
    finally:
        signal.signal(signal.SIGIO, handler)
    assert time.monotonic() - begun < 20
    assert reader.read(path, "02").cells


def test_class_called_submitted_by_a_link_is_not_taken(tmp_path, reader):
    """It may lead to the same folder, or out of it."""
    path = put(tmp_path, "class", "ada", "02", NAME, text=notebook())
    (tmp_path / "class" / "submitted").symlink_to(tmp_path)
    found = told(submissions.find(tmp_path / "class", reader))
    assert found.pop(("ada", "02")) == path
    assert {student for student, _ in found} <= {"submitted"}


def test_class_may_lie_behind_a_link(tmp_path, reader):
    put(tmp_path, "class", "ada", "02", NAME, text=notebook())
    (tmp_path / "link").symlink_to("class")
    (submission,) = submissions.find(tmp_path / "link", reader).submissions
    assert reader.read(submission.path, "02").cells


@pytest.mark.skipif(os.name == "nt", reason="Windows has shorter paths")
def test_notebook_is_found_where_its_path_is_too_long_to_be_opened(tmp_path, reader, monkeypatch):
    monkeypatch.chdir(put(tmp_path, "ada", "x").parent)
    for _ in range(25):
        os.mkdir("a" * 200)
        os.chdir("a" * 200)
    with open(NAME, "w", encoding="utf-8") as file:
        file.write(notebook())
    try:
        (submission,) = submissions.find(tmp_path, reader).submissions
        assert len(os.fspath(submission.path)) > 4096
        assert reader.read(submission.path, "02").cells
    finally:
        subprocess.run(["rm", "-r", tmp_path / "ada"], check=True)  # pytest cannot


def test_find_explains_layout(tmp_path, reader):
    (tmp_path / "ada").mkdir()
    with pytest.raises(UserError, match=r"ada/02/02_convolution.ipynb; the assignments are 00, 01"):
        submissions.find(tmp_path, reader)
    with pytest.raises(UserError, match="There is no folder"):
        submissions.find(tmp_path / "elsewhere", reader)


@pytest.mark.parametrize("name", ["ada", "Zoë O'Hara", "李雷", "a.b-c_d@e", "Doe, Jane"])
def test_nbgrader_id_keeps_plain_names(name):
    assert submissions.nbgrader_id(name) == name


ODD_NAMES = ["[glob]*", "--help", "a+b", "a?", "x\ny", ".hidden", "~", "~7E", "$(id)", "a" * 300]


def test_long_names_differ_by_a_long_digest():
    """One of 32 bits is the same for two names that are found within seconds."""
    first, second = (submissions.nbgrader_id("x" * 200 + end) for end in "ab")
    assert first.partition("~")[0] == second.partition("~")[0] == "x" * submissions.NAME_LENGTH
    digests = [name.partition("~")[2] for name in (first, second)]
    assert [len(digest) for digest in digests] == [32, 32]
    assert digests[0] != digests[1]


def test_nbgrader_ids_are_plain_and_differ():
    ids = [submissions.nbgrader_id(name) for name in [*ODD_NAMES, "ä" * 120, "ä" * 121]]
    assert len({*ids}) == len(ids)
    assert all(re.fullmatch(r"[\w~][\w~.-]*", name) for name in ids)
    assert max(len(name.encode()) for name in ids) < 140


# How they are read --------------------------------------------------------------------------------


def written(*cells):
    return nbformat.writes(new_notebook(cells=[*cells]))


def parse(text):
    return parse_cells(text.encode("utf-8", "surrogatepass"))


def test_parse_cells_drops_outputs_and_ids():
    cell = new_code_cell(
        "x = 1", metadata={"tags": ["a"], "nbgrader": {"grade_id": "b", "points": 9}}
    )
    cell.outputs = [nbformat.v4.new_output("stream", text="15")]
    metadata = {"tags": ["a"], "nbgrader": {"grade_id": "b"}}
    assert parse(written(cell)) == [("code", "x = 1", metadata)]


def test_cell_keeps_few_tags():
    """formgrader shows each; those of a lesson come first."""
    tags = ["exercise", "ex-2.5", *(f"own-{i}" for i in range(50))]
    ((_, _, metadata),) = parse(as_json(new_code_cell("x = 1", metadata={"tags": tags})))
    assert metadata == {"tags": tags[:6]}


ODD = [
    {},
    {"metadata": None},
    {"metadata": {"tags": [None, "<b>", ["x"]], "nbgrader": "15"}},
    {"metadata": {"nbgrader": {"grade_id": 7}}},
    {"source": ["x ", "= 1"]},
    {"id": 5, "outputs": "none"},
]


def as_json(*cells):
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": cells})


@pytest.mark.parametrize("odd", ODD)
def test_parse_cells_accepts_odd_cells(odd):
    cell = {"cell_type": "code", "source": "x = 1"} | odd
    assert parse(as_json(cell)) == [("code", "x = 1", {"tags": []})]


@pytest.mark.parametrize("kind", ["code", "markdown"])
def test_parse_cells_mends_text(kind):
    ((_, source, _),) = parse(as_json({"cell_type": kind, "source": "x\ud83d = '\0ä'"}))
    assert source == "x? = '\ufffdä'"


def test_parse_cells_reads_other_encodings():
    text = as_json({"cell_type": "code", "source": "ä"})
    for encoding in ("utf-8-sig", "utf-16", "utf-32-be"):
        assert parse_cells(text.encode(encoding))[0].source == "ä"


BROKEN = {
    "": "is empty",
    " \n": "is empty",
    "{": "damaged",
    "[]": "is not a notebook",
    "null": "is not a notebook",
    '{"nbformat": 3}': "format 4",
    '{"nbformat": [4]}': "format 4",
    '{"nbformat": 4}': "no cells",
    "[" * 100_000: "damaged",
    "1" * 100_000: "damaged",
    '{"nbformat": 4, "cells": [5]}': "a cell is not",
    '{"nbformat": 4, "cells": 5}': "no cells",
    as_json({"cell_type": "code", "source": 5}): "a cell is not",
    as_json({"cell_type": "code", "source": [5]}): "a cell is not",
    as_json({"cell_type": "code", "source": "x", "metadata": 5}): "a cell is not",
    as_json(*[{"cell_type": "code", "source": "x"}] * 2001): "2000 are the most",
    as_json({"cell_type": "code", "source": "a;" * 600_000}): "characters of code",
}


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_parse_cells_refuses_others(text):
    with pytest.raises(ValueError, match=BROKEN[text]):
        parse(text)


def test_parse_cells_refuses_binary():
    with pytest.raises(ValueError, match="damaged"):
        parse_cells(b"\xff\xfe\x00")


def test_long_text_is_cut_not_refused():
    cells = parse(as_json({"cell_type": "markdown", "source": "x" * 10**6}))
    assert len(cells[0].source) < 2 * notebook_reader.MAX_TEXT


def test_all_text_is_cut_not_refused():
    """Every line of it becomes one of a comment, which takes ten times as much."""
    text = [{"cell_type": "markdown", "source": "\n" * 20_000} for _ in range(100)]
    code = {"cell_type": "code", "source": "x = 1"}
    cells = parse(as_json(*text, code))
    assert len(cells) == 101
    assert cells[-1].source == "x = 1"
    assert sum(len(cell.source) for cell in cells[:-1]) == notebook_reader.MAX_TEXTS


def test_reader_refuses_huge_file(tmp_path, reader, monkeypatch):
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    with pytest.raises(UnreadableError, match="larger than"):
        reader.recognize(put(tmp_path, NAME, text=notebook()))


def test_reader_is_stopped_at_its_memory(reader):
    with pytest.raises(UnreadableError, match="takes more than 1 GB to be read"):
        reader.recognize(b"[" + b"{}," * 16_000_000 + b"{}]")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (new_markdown_cell("conv2d = 3"), "is a Markdown cell"),
        (new_raw_cell("x", metadata=TAGS), "is a raw cell"),
        (new_code_cell("print(3)", metadata=TAGS), "makes no `conv2d`"),
        (new_code_cell("# none", metadata=TAGS), ""),
        (new_code_cell("", metadata=TAGS), ""),
        (new_code_cell("conv2d = 3", metadata=TAGS), ""),
        (new_code_cell(CONV2D.stub_source(), metadata=TAGS), ""),
    ],
)
def test_answer_that_is_none_is_explained(reader, cell, words):
    remark = reader.read(written(cell).encode(), "02").remarks["2.5"]
    assert words in remark
    assert bool(remark) == bool(words)


# Which cells belong to an exercise ----------------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    [
        new_code_cell("", metadata={"tags": ["exercise", "ex-2.5"]}),
        new_code_cell("", metadata={"nbgrader": {"grade_id": "exercise-2-5"}}),
        new_code_cell("def conv2d(image): ..."),
        new_code_cell("x = 1\nconv2d = lambda image: image"),
        new_code_cell("conv2d: object = print"),
        new_code_cell("conv2d, y = print, 1"),
    ],
)
def test_exercise_cell_is_recognized(cell):
    assert exercise_cells.is_exercise_cell(cell, "exercise", CONV2D)
    assert not exercise_cells.is_exercise_cell(cell, "check", CONV2D)


@pytest.mark.parametrize(
    "cell",
    [
        new_markdown_cell("conv2d = 3", metadata={"tags": ["exercise", "ex-2.5"]}),
        new_code_cell("", metadata={"tags": ["exercise", "ex-2.4"]}),
        new_code_cell("y = conv2d == 3\nconv2d_ok = 5\nconv2d.x = 3"),
        new_code_cell("conv2d == 3"),
        new_code_cell("def f():\n    conv2d = 3"),
    ],
)
def test_other_cell_is_not_recognized(cell):
    assert not exercise_cells.is_exercise_cell(cell, "exercise", CONV2D)


def test_grading_position_is_last_cell():
    cells = [new_code_cell(s) for s in ("conv2d = 1", "x = 1", "ex.conv2d.check(conv2d)", "y = 2")]
    assert exercise_cells.grading_position(cells, CONV2D, "") == 2
    assert exercise_cells.grading_position(cells[::-1], CONV2D, "") == 3
    assert exercise_cells.grading_position(cells[3:], CONV2D, "") == 0
    assert exercise_cells.grading_position([], CONV2D, "") == -1


STUB, CHECK = "pixels = ...", "ex.pixels.check(pixels)"


@pytest.mark.parametrize(
    ("sources", "answer", "graded"),
    [
        ((STUB, CHECK), 0, 1),
        (("pixels = 784", CHECK, "pixels = 12\nplt.plot(range(pixels))"), 0, 1),
        (("pixels = 783", CHECK, "pixels = 784", CHECK), 2, 3),
        (("pixels = 783", "pixels = 784", CHECK, "pixels = 12"), 1, 2),
        ((STUB, CHECK, "pixels = 784"), 2, 2),  # answered below
        ((STUB, CHECK, "pixels = 784\nex.pixels.check(pixels)", "x = 1", CHECK), 2, 4),
        (("pixels = ...  # 28 · 28?", CHECK, "pixels = 784"), 2, 2),
        (("# hm\npixels = None", CHECK, "pixels = 784"), 2, 2),
        (("pixels = 784", CHECK, "pixels = 12\n# ex.pixels.check(pixels)"), 0, 1),
        (("pixels = 784",), 0, 0),
        ((CHECK, "x = 1"), None, 0),
        (("x = 1", "y = 1"), None, 1),
    ],
)
def test_answer_that_counts_is_the_one_that_its_check_sees(sources, answer, graded):
    """A name that is used again further down, as for a plot's axes, is no new answer."""
    cells = [new_code_cell(source) for source in sources]
    assert exercise_cells.answer_position(cells, PIXELS, STUB) == answer
    assert exercise_cells.grading_position(cells, PIXELS, STUB) == graded


def test_function_that_is_written_anew_counts():
    sources = ("def conv2d():\n    return 1", "ex.conv2d.check(conv2d)", "conv2d = mine")
    cells, stub = [new_code_cell(source) for source in sources], "def conv2d():\n    ..."
    assert exercise_cells.answer_position(cells, CONV2D, stub) == 2


def test_answer_that_is_labelled_counts_where_it_stands():
    label = {"tags": ["exercise", "ex-0.1"]}
    cells = [new_code_cell(source) for source in ("pixels = 1", CHECK, "pixels = 784")]
    cells[2].metadata = label
    assert exercise_cells.answer_position(cells, PIXELS, STUB) == 2


# Mended -------------------------------------------------------------------------------------------


def graded(cells):
    return [c.metadata.nbgrader.grade_id for c in cells if "nbgrader" in c.metadata]


@pytest.fixture(scope="module")
def workbook():
    return assignment.source_notebook(LESSON)


@pytest.fixture
def cells():
    return nbformat.read(LESSON, as_version=4).cells


def test_restore_keeps_whole_submission(workbook, cells):
    mended = submissions.restore_grade_cells(cells, workbook)
    assert [cell.source for cell in mended] == [cell.source for cell in cells]
    assert graded(mended) == graded(workbook.cells)


@pytest.mark.parametrize("lost", ["metadata", "checks", "order", "everything", "twice"])
def test_restore_adds_each_grade_cell_once(workbook, cells, lost):
    if lost == "metadata":
        for cell in cells:
            cell.metadata = nbformat.NotebookNode()
    elif lost == "checks":
        cells = [cell for cell in cells if ".check(" not in cell.source]
    elif lost == "order":
        cells = cells[::-1]
    elif lost == "twice":
        cells = [*cells, *cells]
    else:
        cells = []
    names = graded(submissions.restore_grade_cells(cells, workbook))
    checks = [name for name in names if name.startswith("check-")]
    assert sorted(checks) == sorted(n for n in graded(workbook.cells) if n.startswith("check-"))
    assert len(set(names)) == len(names)


def test_restore_keeps_answer_beside_check(workbook):
    cell = new_code_cell("def conv2d(image): return 5\nex.conv2d.check(conv2d)")
    mended = submissions.restore_grade_cells([cell], workbook)
    assert mended[0].source == cell.source
    assert mended[0].metadata.nbgrader.grade_id == "exercise-2-5"
    assert mended[1].metadata.nbgrader.grade_id == "check-2-5"


@pytest.mark.parametrize("place", ["label", "comment"])
def test_restore_shows_what_only_looks_like_a_check(workbook, cells, place):
    source = "globals().update(conv2d=lambda *_: 5)" + "  # conv2d.check(" * (place == "comment")
    tags = ["check", "ex-2.5"] if place == "label" else []
    hidden = new_code_cell(source, metadata={"tags": tags})
    shown = [cell.source for cell in submissions.restore_grade_cells([*cells, hidden], workbook)]
    assert source in shown
    assert len(shown) == len(cells) + 1


@pytest.mark.parametrize("make", [new_markdown_cell, new_raw_cell])
def test_restore_shows_text_as_comments(workbook, make):
    """formgrader shows a Markdown cell as HTML, and a raw one as it is."""
    source = "<img src=x onerror=alert(1)>\n\n$$x$$\rconv2d = 3\u2028<script>"
    shown = submissions.restore_grade_cells([make(source)], workbook)[0]
    assert shown.cell_type == "code"
    lines = ["# <img src=x onerror=alert(1)>", "#", "# $$x$$", "# conv2d = 3", "# <script>"]
    assert shown.source.splitlines() == lines


def test_restore_is_idempotent(workbook, cells):
    for subset in (cells, cells[10:20], []):
        once = submissions.restore_grade_cells(subset, workbook)
        again = submissions.restore_grade_cells(once, workbook)
        assert [(c.source, c.metadata) for c in again] == [(c.source, c.metadata) for c in once]


# What platforms hand out --------------------------------------------------------------------------
LAYOUTS = {
    "moodle": {
        "Ada Lovelace_12_assignsubmission_file_/Lab 2 (final).ipynb": "Ada Lovelace (12)",
        "Ada Lovelace_13_assignsubmission_file_/02_convolution.ipynb": "Ada Lovelace (13)",
        "Zoë O'Hara_7_assignsubmission_file_/work/n.ipynb": "Zoë O'Hara (7)",
    },
    "canvas": {
        "lovelaceada_12_345_02_convolution.ipynb": "lovelaceada (12)",
        "oharazoe_LATE_7_346_02_convolution-1.ipynb": "oharazoe (7)",
    },
    "brightspace": {"12-345 - Ada Lovelace - Nov 3, 2026 1159 PM/n.ipynb": "Ada Lovelace (12)"},
    "plain folder": {"ada.ipynb": "ada", "zoë.ipynb": "zoë"},
    "folders": {"ada/n.ipynb": "ada", "s_123/02/02_convolution.ipynb": "s_123"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_find_reads_what_platforms_hand_out(tmp_path, layout, reader):
    for place in LAYOUTS[layout]:
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(NOTEBOOKS / "02_convolution.ipynb", path)
    (tmp_path / "grades.csv").write_text("no notebook")
    found = submissions.find(tmp_path, reader).submissions
    assert {(s.student, s.assignment): s.path for s in found} == {
        (student, "02"): tmp_path / place for place, student in LAYOUTS[layout].items()
    }


def test_stray_notebook_beside_folders_is_nobody(tmp_path, reader):
    for place in ("ada/n.ipynb", "solution.ipynb"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        shutil.copy(NOTEBOOKS / "02_convolution.ipynb", tmp_path / place)
    assert [s.student for s in submissions.find(tmp_path, reader).submissions] == ["ada"]


@pytest.mark.parametrize(
    ("place", "text", "timestamp"),
    [
        ("ada/02", "2026-11-02 15:58:23.948203 UTC", "2026-11-02 15:58:23.948203 UTC"),
        ("ada/02", "2026-11-02 15:58:23 +01:00", "2026-11-02 14:58:23+00:00"),
        ("ada/02", "soon", ""),
        ("ada/02", "1" * 1000, ""),
        ("ada/02", "9999-12-31 23:59:59 UTC", ""),  # there is no later day in another zone
        ("ada/02", "0001-01-01 00:00:00 UTC", ""),
        ("ada", "2026-11-02 15:58:23 UTC", ""),  # not where nbgrader writes it
        ("Ada_1_assignsubmission_file_/02", "2026-11-02 15:58:23 UTC", ""),  # a student's own
    ],
)
def test_timestamp_is_nbgraders_own(tmp_path, place, text, timestamp, reader):
    """Not one that a student has put beside a notebook, also in one of two folders."""
    (tmp_path / place).mkdir(parents=True)
    shutil.copy(NOTEBOOKS / "02_convolution.ipynb", tmp_path / place / "n.ipynb")
    (tmp_path / place / "timestamp.txt").write_text(text)
    (submission,) = submissions.find(tmp_path, reader).submissions
    assert submission.timestamp == timestamp
