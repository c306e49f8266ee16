"""The package that enters the jail holds nothing of what is right."""

import copy
import inspect
import os
import types

import matplotlib
import pytest
from matplotlib import font_manager
from matplotlib.font_manager import FontEntry

from course_utils.exercises import all_exercises
from course_utils.judging import judge
from course_utils.judging.observation import freeze, numbers, same
from course_utils.judging.observe import make_cases, observe_trusted
from course_utils.marking import redacted_package
from course_utils.marking.worker import HiddenExercise


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


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_list_of_fonts_names_only_visible_places(tmp_path, monkeypatch):
    """Also where Matplotlib could keep none: without it, one is made where all fonts are seen."""
    shown = tmp_path / "shown"
    monkeypatch.setattr(redacted_package, "visible_places", lambda: [str(shown)])
    monkeypatch.setattr(matplotlib, "get_cachedir", lambda: str(tmp_path / "full"))
    own = f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf"
    (tmp_path / "hidden").mkdir()
    shown.mkdir()
    shown.chmod(0o755)
    (shown / "link").symlink_to(tmp_path / "hidden")
    for name in ("b.ttf", "private/d.ttf", "e.ttf", "../hidden/c.ttf"):
        (shown / name).parent.mkdir(exist_ok=True)
        (shown / name).write_bytes(b"")
    hidden = [str(tmp_path / "c.ttf"), f"{shown}/../c.ttf", f"{shown}/link/c.ttf"]
    monkeypatch.setattr("os.geteuid", lambda: 0)  # whose jail reads as another user
    (shown / "private").chmod(0o700)
    (shown / "e.ttf").chmod(0o600)
    hidden += [f"{shown}/private/d.ttf", f"{shown}/e.ttf", f"{shown}/gone.ttf"]
    fonts = copy.copy(font_manager.fontManager)
    fonts.ttflist = [FontEntry(fname) for fname in (own, *hidden, f"{shown}/b.ttf")]
    fonts.afmlist = [FontEntry(fname) for fname in hidden]
    monkeypatch.setattr(font_manager, "fontManager", fonts)
    (tmp_path / "package").mkdir()
    redacted_package.write_package(tmp_path / "package", [])
    (file,) = (tmp_path / "package" / "fonts").iterdir()
    written = font_manager.json_load(file)
    assert [font.fname for font in written.ttflist] == [own, f"{shown}/b.ttf"]
    assert written.afmlist == []
    assert len(fonts.ttflist) == 8
    (tmp_path / "fresh").mkdir()
    monkeypatch.setattr(matplotlib, "get_cachedir", lambda: str(tmp_path / "fresh"))
    font_manager._load_fontmanager(try_read_cache=False)
    assert file.name in {path.name for path in (tmp_path / "fresh").iterdir()}  # where it is sought


@pytest.fixture(scope="module")
def kept(package):
    """What the modules of exercises keep: (name, thing), and what each holds in turn."""
    things = []
    for path in sorted((package / "exercises").glob("*.py")):
        module = types.ModuleType(path.stem)
        exec(compile(path.read_text("utf-8"), str(path), "exec"), vars(module))
        for name, thing in vars(module).items():
            if not (name.startswith("__") or isinstance(thing, HiddenExercise | types.ModuleType)):
                things += [(f"{path.stem}.{name}", each) for each in (thing, *_parts(thing))]
    return things


def _parts(thing):
    if isinstance(thing, dict):
        return [*thing, *thing.values()]
    return list(thing) if isinstance(thing, list | tuple | set | frozenset) else []


def _tells(thing):
    """Whether a value says more than a small number, or a word, that may be anything."""
    array = None if isinstance(thing, str) else numbers(freeze(thing))
    return isinstance(thing, dict) or (array is not None and (abs(array) > 99).any())


def _arguments(thing):
    """How many arguments a function takes; -1 for what is none."""
    try:
        return len(inspect.signature(thing).parameters)
    except (TypeError, ValueError):
        return -1


VALUES = [exercise for exercise in all_exercises() if exercise.is_value]
FUNCTIONS = [exercise for exercise in all_exercises() if not exercise.is_value]


@pytest.mark.parametrize("exercise", VALUES, ids=lambda exercise: exercise.number)
def test_package_keeps_no_part_of_a_value(kept, exercise):
    answers = [part for part in (exercise.answer, *_parts(exercise.answer)) if _tells(part)]
    found = [name for name, thing in kept for part in answers if same(freeze(thing), freeze(part))]
    assert found == []


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=lambda exercise: exercise.number)
def test_package_keeps_nothing_that_answers(kept, exercise):
    takes = _arguments(exercise.model)
    tried = [(name, thing) for name, thing in kept if _arguments(thing) == takes]
    right, cases = judge.expected(exercise, 0), make_cases(exercise, 0)
    seen = [(name, observe_trusted(exercise, thing, cases)) for name, thing in tried]
    assert [name for name, each in seen if judge.passes(exercise, each, right, 0)] == []


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
