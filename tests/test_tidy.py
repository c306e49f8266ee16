"""Notebooks in their stored form; the editions derived from it."""

from __future__ import annotations

import json

import nbformat
import pytest
import toy_workbook
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils import exercises, workbooks
from course_utils.errors import UserError
from course_utils.publishing import editions, tidy
from course_utils.workbooks import NBVAL_TAG


def untidy():
    """A notebook as an editor leaves it: outputs, widget state, marks of all kinds."""
    printed = [new_output("stream", name="stdout", text="1\n")]
    printed.append(new_output("stream", name="stderr", text="warned"))
    printed.append(new_output("stream", name="stdout", text="2\n"))
    printed.append(new_output("execute_result", data={"text/plain": "3"}, execution_count=9))
    cells = [
        new_markdown_cell("# A title", id="kept-id"),
        new_code_cell("print(1)\nprint(2)", id="compared", execution_count=9, outputs=printed),
        new_code_cell("2 + 2", id="loose", execution_count=10, outputs=printed[-1:]),
    ]
    cells[0].metadata = {"slideshow": {"slide_type": "slide"}, "editable": True, "tags": []}
    cells[1].metadata = {
        "tags": [NBVAL_TAG],
        "scrolled": True,
        "ExecuteTime": {"start_time": "now"},
        "jupyter": {"source_hidden": True, "outputs_hidden": True},
    }
    cells[2].metadata = {"tags": ["exercise", "ex-2.3"], "jupyter": {"outputs_hidden": True}}
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    return new_notebook(cells=cells, metadata={"widgets": widgets, "toc": {"base_numbering": 1}})


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "some.ipynb"
    nbformat.write(untidy(), path)
    return path


def content(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_tidy_writes_stored_form(stored, capsys):
    assert tidy.main([str(stored)]) == 0
    assert capsys.readouterr().out == f"{stored}: tidied\n"
    notebook = content(stored)
    title, compared, loose = notebook["cells"]
    assert title["metadata"] == {"slideshow": {"slide_type": "slide"}}
    assert compared["outputs"] == [
        {"name": "stdout", "output_type": "stream", "text": ["1\n", "2\n"]}
    ]
    assert compared["metadata"] == {"jupyter": tidy.FOLDED, "tags": [NBVAL_TAG]}
    assert (compared["execution_count"], loose["execution_count"]) == (1, None)
    assert loose["metadata"] == {"tags": ["exercise", "ex-2.3"]}
    assert loose["outputs"] == []
    assert [cell["id"] for cell in notebook["cells"]] == ["kept-id", "compared", "loose"]
    assert notebook["metadata"] == tidy.METADATA


def test_tidy_is_idempotent(stored, capsys):
    tidy.main([str(stored)])
    first, place = stored.read_bytes(), stored.stat().st_ino
    capsys.readouterr()
    assert tidy.main([str(stored)]) == 0
    assert capsys.readouterr().out == ""
    assert (stored.read_bytes(), stored.stat().st_ino) == (first, place)


def test_check_lists_untidy_files(stored, capsys):
    before = stored.read_bytes()
    assert tidy.main(["--check", str(stored)]) == 1
    assert capsys.readouterr().out == f"{stored}: not tidy\n"
    assert stored.read_bytes() == before
    tidy.main([str(stored)])
    assert tidy.main(["--check", str(stored)]) == 0


@pytest.mark.parametrize("options", [[], ["--check"]])
def test_missing_output_is_named(stored, capsys, options):
    notebook = untidy()
    notebook.cells[1].outputs = []
    stored.write_text(tidy.tidy(notebook), encoding="utf-8")
    assert tidy.main([*options, str(stored)]) == 1
    said = capsys.readouterr().out
    assert said == f"{stored}: cell 'compared' has no output to compare; run `tidy --run`\n"


@pytest.mark.executed
def test_run_stores_compared_outputs(stored, capsys):
    tidy.main([str(stored)])
    notebook = content(stored)
    notebook["cells"][1]["source"] = ["print(1 + 1)"]
    stored.write_text(json.dumps(notebook), encoding="utf-8")
    assert tidy.main(["--run", str(stored)]) == 0
    _, compared, loose = content(stored)["cells"]
    assert [output["text"] for output in compared["outputs"]] == [["2\n"]]
    assert (loose["outputs"], loose["execution_count"]) == ([], None)
    assert tidy.main(["--run", "--check", str(stored)]) == 0
    assert tidy.tidy(tidy.read(stored.read_text("utf-8"))) == stored.read_text("utf-8")


@pytest.mark.executed
def test_failing_cell_keeps_file(stored, capsys):
    notebook = untidy()
    notebook.cells[2].source = "1 / 0"
    stored.write_text(tidy.tidy(notebook), encoding="utf-8")
    before = stored.read_bytes()
    assert tidy.main(["--run", str(stored)]) == 2
    said = capsys.readouterr().err
    assert f"{stored}: a cell fails" in said
    assert "ZeroDivisionError" in said
    assert stored.read_bytes() == before


def test_bad_ids_become_stable_slugs(tmp_path):
    notebook = untidy()
    notebook.cells += [
        new_markdown_cell("## How far? §3", id="kept-id"),
        new_code_cell("f(x)", id="x"),
        new_code_cell("...", id="y"),
    ]
    notebook.cells[4].metadata["tags"] = ["check", "ex-2.3"]
    text = nbformat.v4.writes(notebook)
    raw = json.loads(text)
    del raw["cells"][4]["id"]
    raw["cells"][5]["id"] = "not allowed"
    copies = [json.loads(tidy.tidy(tidy.read(json.dumps(raw)))) for _ in range(2)]
    assert copies[0] == copies[1]
    ids = [cell["id"] for cell in copies[0]["cells"]]
    assert ids == ["kept-id", "compared", "loose", "how-far-3", "check-ex-2-3", "cell"]


def test_older_minor_format_is_updated():
    raw = json.loads(nbformat.v4.writes(untidy()))
    raw["nbformat_minor"] = 2
    for cell in raw["cells"]:
        del cell["id"]
    notebook = json.loads(tidy.tidy(tidy.read(json.dumps(raw))))
    assert notebook["nbformat_minor"] == 5
    assert [cell["id"] for cell in notebook["cells"]] == ["a-title", "print-1", "exercise-ex-2-3"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"cells": [', "broken JSON"),
        ("[1, 2]", "not a notebook"),
        ('{"rows": []}', "not a notebook"),
        ('{"cells": [], "nbformat": 3}', "notebook format 3"),
        ('{"cells": [7], "nbformat": 4}', "not a notebook"),
        ('{"cells": [{"source": ""}], "nbformat": 4}', "not a notebook"),
        ('{"cells": [{"cell_type": "song", "source": ""}], "nbformat": 4}', "not a valid notebook"),
        ('{"cells": [{"cell_type": "code"}], "nbformat": 4}', "not a valid notebook"),
    ],
)
def test_tidy_refuses_other_files(tmp_path, capsys, text, reason):
    path, good = tmp_path / "bad.ipynb", tmp_path / "good.ipynb"
    path.write_text(text, encoding="utf-8")
    nbformat.write(untidy(), good)
    assert tidy.main([str(path), str(good)]) == 2
    caught = capsys.readouterr()
    assert caught.err.startswith(f"{path}: {reason}")
    assert len(caught.err.splitlines()) == 1
    assert path.read_text(encoding="utf-8") == text
    assert caught.out == f"{good}: tidied\n"  # one bad file does not stop the others


def test_tidy_names_absent_file(tmp_path, capsys):
    assert tidy.main([str(tmp_path / "none.ipynb")]) == 2
    assert "none.ipynb" in capsys.readouterr().err


def test_failed_write_keeps_file(stored, monkeypatch, capsys):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workbooks.os, "replace", full)
    before = stored.read_bytes()
    assert tidy.main([str(stored)]) == 2
    assert "No space left" in capsys.readouterr().err
    assert stored.read_bytes() == before
    assert list(stored.parent.iterdir()) == [stored]


# Editions -----------------------------------------------------------------------------------------


@pytest.fixture
def toy_registry(monkeypatch):
    toys = list(toy_workbook.exercises().values())
    monkeypatch.setattr(exercises, "all_exercises", lambda: toys)
    return {toy.number: toy for toy in toys}


def test_tutor_edition_keeps_ids(toy_registry):
    student = toy_workbook.stored()
    tutor = editions.tutor_edition(student)
    cells = [cell for cell in tutor.cells if editions.MISTAKES not in editions.tags(cell)]
    assert len(tutor.cells) == len(cells) + len(toy_registry)
    assert [cell.id for cell in cells] == [cell.id for cell in student.cells]
    changed = [cell.source for cell, old in zip(cells, student.cells, strict=True) if cell != old]
    assert changed == [toy.solution_source() for toy in toy_registry.values()]
    assert student == toy_workbook.stored()


def test_tutor_edition_keeps_compared_outputs(toy_registry):
    student = toy_workbook.stored()
    code = [cell for cell in student.cells if cell.cell_type == "code"]
    for cell in code:
        cell.outputs, cell.execution_count = [new_output("stream", text="6\n")], 3
    ids = [cell.id for cell in editions.tutor_edition(student).cells if cell.get("outputs")]
    assert ids == [cell.id for cell in code if NBVAL_TAG in editions.tags(cell)]


def test_tutor_edition_names_undeclared_exercise(monkeypatch):
    monkeypatch.setattr(exercises, "all_exercises", list)
    with pytest.raises(UserError, match=r"course_utils/exercises holds no 9\.1"):
        editions.tutor_edition(toy_workbook.stored())


def test_write_keeps_folders_and_source(tmp_path, monkeypatch, toy_registry):
    monkeypatch.setattr(editions, "NOTEBOOKS", tmp_path / "notebooks")
    source = tmp_path / "notebooks" / "further" / "09_toy.ipynb"
    elsewhere = tmp_path / "elsewhere.ipynb"
    source.parent.mkdir(parents=True)
    for path in (source, elsewhere):
        nbformat.write(toy_workbook.stored(), path)
    before = source.read_bytes()
    written = editions.write(tmp_path / "out", notebooks=[source, elsewhere])
    assert written == [tmp_path / "out/further/09_toy.ipynb", tmp_path / "out/elsewhere.ipynb"]
    assert source.read_bytes() == before
    answer = toy_registry["9.3"].solution_source()
    for path in written:
        assert answer in [cell.source for cell in nbformat.read(path, as_version=4).cells]


def test_discover_skips_checkpoints(tmp_path):
    for name in ("b.ipynb", "further/a.ipynb", "a.ipynb", ".ipynb_checkpoints/a.ipynb", "a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [path.relative_to(tmp_path).as_posix() for path in editions.discover(tmp_path)]
    assert names == ["a.ipynb", "b.ipynb", "further/a.ipynb"]
