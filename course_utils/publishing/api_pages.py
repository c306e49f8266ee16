"""The site's pages about `course_utils` itself: every public module, made from its docstrings."""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import course_utils

SETTINGS = {  # for Sphinx
    "autodoc_member_order": "bysource",
    "autodoc_preserve_defaults": True,  # as written: no address or path of this computer
    "add_module_names": False,
    "numpydoc_show_class_members": False,  # autodoc lists them below the class
    "default_role": "literal",  # docstrings write `name` for code
}
EXTENSIONS = ["sphinx.ext.autodoc", "numpydoc"]
FIRST = "course_utils"  # the page of the modules that lie in no folder


def public_modules() -> list[str]:
    """List every module of the package whose path has no leading underscore, sorted by name."""
    modules = pkgutil.walk_packages(course_utils.__path__, "course_utils.")
    names = [module.name for module in modules]
    return sorted(name for name in names if not any(p.startswith("_") for p in name.split(".")))


def public_objects(module) -> Iterator[tuple[str, object]]:
    """Yield name and object of each public function, class and method that a module defines."""
    for name, thing in vars(module).items():
        own = getattr(thing, "__module__", None) == module.__name__
        if not own or name.startswith("_") or not callable(thing):
            continue
        yield name, thing
        if inspect.isclass(thing):
            for method, function in vars(thing).items():
                if inspect.isfunction(function) and not method.startswith("_"):
                    yield f"{name}.{method}", function


def write_pages(folder: Path) -> list[str]:
    """Write Sphinx's source of a page for each folder of the package; return their names."""
    pages: dict[str, list[str]] = {}
    for module in public_modules():
        name = module.split(".")[1]
        is_folder = Path(course_utils.__path__[0], name).is_dir()
        pages.setdefault(name if is_folder else FIRST, []).append(module)
    folder.mkdir(parents=True)
    for title, modules in pages.items():
        sections = [f"{title}\n{'=' * len(title)}", *map(_section, modules)]
        (folder / f"{title}.rst").write_text("\n\n".join(sections), encoding="utf-8")
    return sorted(pages, key=lambda title: (title != FIRST, title))


def _section(module: str) -> str:
    """Write the section of one module."""
    lines = [module, "-" * len(module), "", f".. automodule:: {module}"]
    if not module.startswith("course_utils.exercises."):  # the answers are not for reading ahead
        lines += ["   :members:", "   :ignore-module-all:"]  # what a folder hands on stands below
    return "\n".join(lines)


def escape_marks(lines: list[str]) -> list[str]:
    """Let asterisks and bars stand for themselves, as in (*, H, W) and ‖A x‖ or |x|.

    Code between backticks and examples stay as they are.
    """
    return [
        line
        if line.lstrip().startswith((">>>", "..."))
        else re.sub(r"(`[^`]*`)|([*|])", lambda mark: mark[1] or "\\" + mark[2], line)
        for line in lines
    ]


def connect(app) -> None:
    """Connect what prepares docstrings to a Sphinx application."""

    def escape(app, what, name, obj, options, lines):
        lines[:] = escape_marks(lines)

    app.connect("autodoc-process-docstring", escape, priority=400)  # numpydoc comes at 500
    app.connect("autodoc-skip-member", skip_field_numbers)


def skip_field_numbers(app, what, name, obj, skip, options) -> bool | None:
    """Leave out what Python says of a NamedTuple's fields; a handler of autodoc's event."""
    return True if (getattr(obj, "__doc__", "") or "").startswith("Alias for field") else None
