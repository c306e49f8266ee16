"""The solved edition: what it adds to a workbook, and the command that writes it."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.__main__ import main as run_command
from course_utils.exercises import all_exercises
from course_utils.publishing import editions, run_notebooks, solutions


@pytest.mark.parametrize("exercise", all_exercises(), ids=lambda exercise: exercise.number)
def test_tutor_edition_lists_every_mistake(exercise):
    tag = f"ex-{exercise.number}"
    cells = [
        new_code_cell(exercise.stub_source(), metadata={"tags": ["exercise", tag]}),
        new_code_cell("check", metadata={"tags": ["check", tag]}),
        new_markdown_cell("after"),
    ]
    stub, _, usual, after = editions.tutor_edition(new_notebook(cells=cells)).cells
    assert stub.source == exercise.solution_source()
    assert after.source == "after"
    listed = [line for line in usual.source.splitlines() if line.startswith("- ")]
    assert len(listed) == len(exercise.mistakes)
    for line, mistake in zip(listed, exercise.mistakes.values(), strict=True):
        assert line.endswith(mistake.words)


def test_wrong_value_precedes_its_message():
    exercise = next(exercise for exercise in all_exercises() if exercise.name == "flat_index")
    mistake = next(iter(exercise.mistakes.values()))
    cell = editions.usual_mistakes(exercise)
    assert f"- `{mistake.answer}`: {mistake.words}" in cell.source


@pytest.mark.executed
def test_tutor_writes_executed_notebooks(tmp_path, capfd):
    assert solutions.main(["00", "--out", str(tmp_path / "out")]) == 0
    (written,) = (tmp_path / "out").rglob("*.ipynb")
    notebook = nbformat.read(written, as_version=4)
    ran = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in ran)
    assert any("usual-mistakes" in cell.metadata.get("tags", []) for cell in notebook.cells)
    assert "100%" in capfd.readouterr().out


def test_tutor_refuses_wrong_arguments(tmp_path, capsys):
    assert run_command(["tutor", "97", "--out", str(tmp_path / "new")]) == 2
    assert "no workbook '97'" in capsys.readouterr().err
    (tmp_path / "kept.txt").write_text("kept")
    assert run_command(["tutor", "00", "--out", str(tmp_path)]) == 2
    assert "not an empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_print_failures_names_cell(tmp_path, capsys):
    notebook = new_notebook(metadata={"course": {"failures": ["cell 'a': ValueError"]}})
    nbformat.write(notebook, tmp_path / "01_a.ipynb")
    assert run_notebooks.print_failures(tmp_path) == 1
    assert "01_a.ipynb: cell 'a': ValueError" in capsys.readouterr().err
