"""A copy of `course_utils` for the jail, without answers, oracles, mistakes and hints.

In place of each module of exercises stands one with the same names, and behind them nothing. It
keeps only the functions that observe an answer or belong to an exercise's inputs, and what these
need in turn; the same goes for whatever lies beside them.
"""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import io
import itertools
import os
import pickle
import shutil
import stat
import symtable
import types
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib import font_manager
from matplotlib.font_manager import FontEntry

from course_utils.errors import UserError
from course_utils.exercises import all_exercises
from course_utils.marking.shown_places import visible_places
from course_utils.workbooks import ROOT

PACKAGE = ROOT / "course_utils"
EXERCISES = "course_utils.exercises"
WORKER_MODULES = (
    "__init__.py",
    "control_groups.py",
    "jail.py",
    "serialization.py",
    "shown_places.py",
    "syscall_filter.py",
    "warm_python.py",
    "warm_start.py",
    "watch.py",
    "worker.py",
)  # of marking/
READER_FILES = (
    "__init__.py",
    "errors.py",
    "workbooks.py",
    "marking/__init__.py",
    "marking/cell_dependencies.py",
    "marking/control_groups.py",
    "marking/exercise_cells.py",
    "marking/highlighting.py",
    "marking/jail.py",
    "marking/notebook_reader.py",
    "marking/shown_places.py",
    "marking/syscall_filter.py",
    "marking/warm_python.py",
    "marking/warm_start.py",
    "marking/watch.py",
)  # what looks through a notebook
LEFT_OUT = ("publishing", "student.py", "developer.py", "__main__.py", "jupyter")
HEADER = '"""A stand-in: nothing is judged here."""\n'


class ReferenceRecorder(pickle.Pickler):
    """Records which functions and classes of the exercises' modules a pickle refers to."""

    def __init__(self, file):
        super().__init__(file)
        self.references: set[tuple[str, str]] = set()

    def reducer_override(self, value):
        """Note what is pickled by its name; pickle's own hook, which it asks for each object."""
        module = getattr(value, "__module__", None) or ""
        if isinstance(value, types.FunctionType | type) and module.startswith(EXERCISES):
            self.references.add((module, value.__qualname__))
        return NotImplemented


def pickle_specs(specs: object) -> tuple[bytes, set[tuple[str, str]]]:
    """Pickle what is sent in; also return the (module, name) of the exercises' code it needs.

    Raises
    ------
    pickle.PicklingError
        If an observer or an input is a lambda, which cannot be sent.
    """
    file = io.BytesIO()
    pickler = ReferenceRecorder(file)
    pickler.dump(specs)
    return file.getvalue(), pickler.references


def write_package(folder: Path, references: Iterable[tuple[str, str]]) -> None:
    """Write the redacted package into an empty folder, with Matplotlib's list of fonts.

    Parameters
    ----------
    folder : where `course_utils` will lie
    references : (module, name) of what the exercises' modules are to keep
    """
    target = folder / "course_utils"
    hidden = shutil.ignore_patterns("exercises", "marking", "__pycache__", *LEFT_OUT)
    shutil.copytree(PACKAGE, target, ignore=hidden)
    (target / "marking").mkdir()
    for name in WORKER_MODULES:
        shutil.copy(PACKAGE / "marking" / name, target / "marking")
    (target / "exercises").mkdir()
    (target / "exercises" / "__init__.py").write_text(HEADER, "utf-8")
    statements = _closure(references)
    names: dict[str, list[str]] = {}
    for exercise in all_exercises():
        names.setdefault(exercise.model.__module__, []).append(exercise.name)
    for module in names.keys() | statements.keys():
        text = _module(names.get(module, []), statements.get(module, []))
        (target / "exercises" / f"{module.rpartition('.')[2]}.py").write_text(text, "utf-8")
    (folder / "fonts").mkdir()
    _write_fonts(folder / "fonts")
    _make_readable(folder)


def _write_fonts(folder: Path) -> None:
    """Write Matplotlib's list of fonts, but for those that cannot be read in a jail.

    To make one takes seconds, and names whatever lies where it is made. The one in memory exists
    even where Matplotlib could not keep a file.
    """
    places = [os.path.realpath(each) for each in (matplotlib.get_data_path(), *visible_places())]

    def visible(fonts: list[FontEntry]) -> list[FontEntry]:
        paths = [Path(os.path.realpath(font.fname)) for font in fonts]
        return [
            font
            for font, path in zip(fonts, paths, strict=True)
            if any(path.is_relative_to(place) and _is_readable(path, place) for place in places)
        ]

    listed = copy.copy(font_manager.fontManager)
    listed.ttflist, listed.afmlist = visible(listed.ttflist), visible(listed.afmlist)
    path = str(folder / f"fontlist-v{font_manager.FontManager.__version__}.json")
    font_manager.json_dump(listed, path)
    try:
        font_manager.json_load(path)  # `json_dump` goes on where it could not write
    except (OSError, ValueError):
        raise UserError(f"{path} could not be written: is there room on the disk?") from None


def _is_readable(file: Path, place: str) -> bool:
    """Whether a jail may read a file of a place that it shows; root's does so as another user."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return True
    folders = (folder for folder in file.parents if folder.is_relative_to(place))
    try:
        is_open = all(os.stat(folder).st_mode & stat.S_IXOTH for folder in folders)
        return is_open and bool(os.stat(file).st_mode & stat.S_IROTH)
    except OSError:
        return False


def write_reader(folder: Path) -> None:
    """Write into a folder what `course_utils.marking.notebook_reader` needs in the jail."""
    for name in READER_FILES:
        target = folder / "course_utils" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE / name, target)
    _make_readable(folder)


def _make_readable(folder: Path) -> None:
    """Let others read a folder, and all in it: root's jail does so as another user."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _module(names: list[str], statements: list[str]) -> str:
    """Return the source of a redacted module: its statements, then the exercises' names."""
    lines = [HEADER, "from course_utils.marking.worker import HiddenExercise\n", *statements]
    return "\n".join([*lines, *(f"{name} = HiddenExercise({name!r})" for name in names), ""])


def _closure(references: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Module → source of the top-level statements that define what is needed, in their order."""
    pending = list(references)
    sources: dict[str, dict[tuple[int, str], str]] = {}
    while pending:
        module, name = pending.pop()
        statement = _definition(module, name)
        lines = sources.setdefault(module, {})
        # one statement may bind several names: it is kept once
        if statement is None or ast.unparse(statement) in lines.values():
            continue
        if isinstance(statement, ast.ImportFrom):
            source = statement.module or ""
            if source.startswith(EXERCISES):
                pending.append((source, statement.names[0].name))
        # by line, as a statement may use what the ones above it define; by name too, because an
        # import of several names is cut into one statement a name, all from the same line
        lines[statement.lineno, name] = ast.unparse(statement)
        pending += [(module, other) for other in _read_names(statement)]
    return {module: [lines[key] for key in sorted(lines)] for module, lines in sources.items()}


def _definition(module: str, name: str) -> ast.stmt | None:
    """Return the top-level statement that binds a name; None for an exercise and a builtin."""
    for statement in _statements(module):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                if name == (alias.asname or alias.name.split(".")[0]):
                    statement = copy.copy(statement)
                    statement.names = [alias]
                    return statement
        elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
            if statement.name == name:
                return None if _is_exercise(statement) else statement
        elif name in _assigned_names(statement):
            return statement
    return None


@cache
def _statements(module: str) -> list[ast.stmt]:
    """The top-level statements of a module, not to be changed."""
    return ast.parse(inspect.getsource(importlib.import_module(module))).body


def _is_exercise(statement: ast.FunctionDef | ast.ClassDef) -> bool:
    decorators = [getattr(node, "func", node) for node in statement.decorator_list]
    return any(isinstance(node, ast.Name) and node.id == "exercise" for node in decorators)


def _assigned_names(statement: ast.stmt) -> set[str]:
    """The module's names that a statement binds; what it counts with inside is none."""
    symbols = next(_scopes(statement)).get_symbols()
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned()}


def _read_names(statement: ast.stmt) -> set[str]:
    """The module's names, and the builtins, that a statement uses; no local ones."""
    symbols = itertools.chain.from_iterable(scope.get_symbols() for scope in _scopes(statement))
    return {symbol.get_name() for symbol in symbols if symbol.is_global()}


def _scopes(statement: ast.stmt) -> Iterator[symtable.SymbolTable]:
    """The scope of the module, then those within it."""
    pending = [symtable.symtable(ast.unparse(statement), "<statement>", "exec")]
    while pending:
        scope = pending.pop()
        yield scope
        pending += scope.get_children()
