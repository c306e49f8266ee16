"""The package that enters the jail holds nothing of what is right."""

import pytest

from course_utils.exercises import all_exercises
from course_utils.marking import redacted_package


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The redacted package for all exercises."""
    observers = {exercise.number: exercise.observe for exercise in all_exercises()}
    folder = tmp_path_factory.mktemp("redacted")
    redacted_package.write_package(folder, redacted_package.pickle_specs(observers)[1])
    return folder / "course_utils"


@pytest.mark.parametrize("exercise", all_exercises(), ids=lambda exercise: exercise.number)
def test_package_holds_no_answer(package, exercise):
    text = "".join(path.read_text("utf-8") for path in (package / "exercises").glob("*.py"))
    assert f"{exercise.name} = HiddenExercise({exercise.name!r})" in text
    assert not [each.words for each in exercise.mistakes.values() if each.words[:40] in text]
    assert not [hint for hint in exercise.hints if hint[:40] in text]
    lines = [line.strip() for line in exercise.solution_source().splitlines()]
    body = [
        line for line in lines if len(line) > 20 and not line.startswith(("def", '"""', "class"))
    ]
    assert not body or not all(line in text for line in body)


def test_package_holds_no_oracle(package):
    names = {e.oracle.__name__ for e in all_exercises() if e.oracle} - {"<lambda>"}
    text = "".join(path.read_text("utf-8") for path in (package / "exercises").glob("*.py"))
    assert len(names) > 20
    assert not [name for name in names if f"\ndef {name}(" in text]


def test_package_holds_worker_modules_only(package):
    assert not (package / "__main__.py").exists()
    assert {path.name for path in (package / "marking").iterdir()} == {
        *redacted_package.WORKER_MODULES
    }
    assert not list(package.rglob("__pycache__"))
