"""Nbgrader's course is made of the same notebooks, and its commands work in it."""

import os
import subprocess
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from course_utils.__main__ import main as run_command
from course_utils.errors import UserError
from course_utils.exercises import all_exercises
from course_utils.marking import assignment, nbgrader_preprocessors
from course_utils.workbooks import NOTEBOOKS, ROOT, discover, exercise_number

NAMES = {
    "00": "00_start_here.ipynb",
    "02": "02_convolution.ipynb",
    "further-02": "02_convolution.ipynb",
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The course of two core workbooks and one further part, as the command makes it."""
    out = tmp_path_factory.mktemp("made") / "course"
    assert assignment.main(["00", "02", "further/02", "--out", str(out)]) == 0
    return out


def nbgrader(folder, *command, **environment):
    """Run nbgrader as a tutor does, in the course's folder with the environment activated."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    python = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "nbgrader", *command],
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": python} | environment,
        capture_output=True,
        text=True,
    )


def read(course, step, name):
    return nbformat.read(course / step / name / NAMES[name], as_version=4)


def test_assignment_names_are_unique():
    names = assignment.assignments()
    assert len(names) == len(discover())
    assert names["further-02"] == NOTEBOOKS / "further" / "02_convolution.ipynb"
    assert names["02"] == NOTEBOOKS / "02_convolution.ipynb"


@pytest.mark.parametrize("name", NAMES)
def test_release_holds_stubs(course, name):
    released, lesson = read(course, "release", name), assignment.assignments()[name]
    lesson = nbformat.read(lesson, as_version=4)
    assert len(released.cells) == len(lesson.cells)
    for cell, original in zip(released.cells, lesson.cells, strict=True):
        assert cell.source.rstrip() == original.source.rstrip()
        assert cell.metadata.get("tags") == original.metadata.get("tags")


@pytest.mark.parametrize("name", NAMES)
def test_release_holds_no_answer(course, name):
    text = "\n".join(cell.source for cell in read(course, "release", name).cells)
    assert "SOLUTION" not in text
    for exercise in assignment.exercises_in(read(course, "release", name)).values():
        assert exercise.solution_source() not in text
        assert exercise.solution_source() in "\n".join(
            c.source for c in read(course, "source", name).cells
        )


@pytest.mark.parametrize("name", NAMES)
def test_source_locks_checks_with_points(course, name):
    numbers_by_role = {"exercise": [], "check": []}
    for cell in read(course, "release", name).cells:
        for role, numbers in numbers_by_role.items():
            if number := exercise_number(cell, role):
                numbers.append(number)
                about = cell.metadata.nbgrader
                assert about.grade_id == assignment.grade_id(role, number)
                assert (about.solution, about.grade, about.locked) == (
                    (True, False, False) if role == "exercise" else (False, True, True)
                )
                assert cell.metadata.get("editable", True) is (role == "exercise")
                assert about.get("points", 0) == (
                    0 if role == "exercise" else known()[number].minutes
                )
    assert numbers_by_role["exercise"] == numbers_by_role["check"] != []


def known():
    return {exercise.number: exercise for exercise in all_exercises()}


def test_source_runs_to_answers(course):
    """The solution stands below the stub, so it is the one that counts."""
    cell = next(c for c in read(course, "source", "02").cells if exercise_number(c) == "2.2")
    names = {}
    exec(cell.source, names)
    assert known()["2.2"].judge(names["blurred_pixel"]).status == "ok"


@contextmanager
def gradebook(course):
    book = f"sqlite:///{course}/gradebook.db"
    with warnings.catch_warnings(action="ignore"), Gradebook(book, "convolution") as opened:
        yield opened


def test_gradebook_lists_assignments_and_points(course):
    with gradebook(course) as book:
        most = {each.name: each.max_score for each in book.assignments}
    assert most == {
        name: sum(
            exercise.minutes
            for exercise in assignment.exercises_in(read(course, "release", name)).values()
        )
        for name in NAMES
    }


@pytest.mark.marking
def test_nbgrader_regenerates_release(course):
    again = nbgrader(course, "generate_assignment", "00", "--force")
    assert again.returncode == 0, again.stderr
    assert "SOLUTION" not in str(read(course, "release", "00"))


ANSWERS = {
    "right": ("pixels = 28 * 28", 1),
    "wrong": ("pixels = 56", 0),
    "stub": ("pixels = ...", 0),
}


@pytest.fixture(scope="module")
def scores(jailed, course):
    """Student → score, after `nbgrader autograde` on notebooks without their check cells."""
    for student, (answer, _) in ANSWERS.items():
        notebook = read(course, "release", "00")
        cells = [cell for cell in notebook.cells if exercise_number(cell)]
        cells[0].source = f"print('15'); {answer}"
        notebook.cells = cells
        target = course / "submitted" / student / "00" / NAMES["00"]
        target.parent.mkdir(parents=True)
        nbformat.write(notebook, target)
    graded = nbgrader(course, "autograde", "00")
    assert graded.returncode == 0, graded.stderr
    with gradebook(course) as book:
        return {student: book.find_submission("00", student).score for student in ANSWERS}


@pytest.mark.parametrize("student", ANSWERS)
def test_autograde_uses_jail(scores, student):
    """Its usual way would give full marks for whatever a check displays."""
    assert scores[student] == ANSWERS[student][1]


# Wrong arguments ----------------------------------------------------------------------------------


def test_assignment_refuses_wrong_arguments(tmp_path, capsys):
    assert run_command(["assignment", "97", "--out", str(tmp_path / "new")]) == 2
    assert "no workbook '97'" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    (tmp_path / "kept.txt").write_text("kept")
    assert run_command(["assignment", "00", "--out", str(tmp_path)]) == 2
    assert "not an empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_open_course_refuses_other_folder(tmp_path):
    with pytest.raises(UserError, match="is not a course"), assignment.open_course(tmp_path):
        pass


def test_config_replaces_execute_step(course):
    with assignment.open_course(course) as (settings, _):
        assert nbgrader_preprocessors.JailedAutograder in settings.Autograde.autograde_preprocessors
        names = [step.__name__ for step in settings.Autograde.autograde_preprocessors]
    assert "Execute" not in names, "a check's output in the student's kernel must not count"


def test_unknown_assignment_lists_available():
    with pytest.raises(UserError, match=r"no assignment 'hw1'; available: 00, 01"):
        assignment.find_workbook("hw1")
