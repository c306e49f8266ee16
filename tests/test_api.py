"""What `course_utils` says of itself: docstrings that hold, examples that run, pages that build."""

import doctest
import importlib
import inspect
import io
import re
from pathlib import Path

import docutils.core
import pytest
import torch
from numpydoc.docscrape_sphinx import SphinxDocString
from numpydoc.validate import validate

import course_utils
from course_utils.publishing import api_pages

MODULES = [name for name in api_pages.public_modules() if "course_utils.exercises." not in name]
OBJECTS = {
    module: dict(api_pages.public_objects(importlib.import_module(module))) for module in MODULES
}
EVERY = pytest.mark.parametrize("module", MODULES)
CHECKS = {  # of numpydoc.validate
    *("GL01", "GL02", "GL03", "GL05", "GL06", "GL07", "GL08"),  # lines, and sections in order
    *("SS01", "SS03", "SS04"),  # a summary of one line with a full stop
    *("PR01", "PR02", "PR03"),  # parameters: all of them, no others, in the signature's order
    *("PR09", "PR10", "RT02", "RT03", "RT04", "RT05"),  # each one's form
}
ARRAY = re.compile(r"\b(Tensor|ndarray|ArrayLike)\b")
SHAPE = re.compile(r"\((?:[A-Za-z0-9*…]|\.\.\.)[^()]*,[^()]*\)|\bshape\b|\bscalar\b")


def test_every_module_has_a_page(tmp_path):
    api_pages.write_pages(tmp_path / "api")
    text = "\n".join(path.read_text("utf-8") for path in (tmp_path / "api").glob("*.rst"))
    folder = Path(course_utils.__file__).parent
    paths = (path.relative_to(folder.parent) for path in folder.rglob("*.py"))
    names = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths}
    public = {name for name in names if "._" not in name and name != "course_utils"}
    assert set(re.findall(r"^\.\. automodule:: (\S+)$", text, re.M)) == public


def test_pages_show_no_exercise(tmp_path):
    """Answers, oracles and mistakes are not for reading ahead."""
    api_pages.write_pages(tmp_path / "api")
    assert ":members:" in (tmp_path / "api" / "sensing.rst").read_text("utf-8")
    _, *modules = (tmp_path / "api" / "exercises.rst").read_text("utf-8").split("automodule:: ")
    for module in modules:
        assert (":members:" in module) == module.startswith("course_utils.exercises\n"), module


@EVERY
def test_examples_run(module):
    torch.manual_seed(0)
    report = io.StringIO()
    for test in doctest.DocTestFinder().find(importlib.import_module(module)):
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
        assert not runner.run(test, out=report.write).failed, report.getvalue()


def test_examples_are_there():
    """As many as to show the finder finds them, and so that nobody drops them unseen."""
    finder = doctest.DocTestFinder()
    tests = [test for name in MODULES for test in finder.find(importlib.import_module(name))]
    assert sum(len(test.examples) for test in tests) >= 20


@EVERY
@pytest.mark.filterwarnings("ignore:Widget:DeprecationWarning")  # validate looks at all members
def test_docstrings_pass_numpydoc(module):
    errors = {}
    for name, thing in OBJECTS[module].items():
        codes = {code for code, _ in validate(f"{module}.{name}")["errors"]} & CHECKS
        if "Parameters\n---" not in _docstring(thing):
            codes.discard("PR01")  # a summary may say enough
        if hasattr(thing, "class_traits"):
            codes -= {"PR01", "PR02"}  # a figure takes its traits as keywords
        errors |= {name: codes} if codes else {}
    assert errors == {}


def _docstring(thing) -> str:
    return inspect.getdoc(thing) or ""


@EVERY
def test_docstrings_tell_shapes_of_arrays(module):
    without = []
    for name, thing in OBJECTS[module].items():
        function = thing.__init__ if inspect.isclass(thing) else thing
        annotations = " ".join(map(str, getattr(function, "__annotations__", {}).values()))
        if ARRAY.search(annotations) and not SHAPE.search(_docstring(thing)):
            without.append(name)
    assert without == []


@EVERY
def test_docstrings_are_restructured_text(module):
    """What Sphinx warns of stops the site's build."""
    complaints = io.StringIO()
    settings = {"warning_stream": complaints, "report_level": 2, "default_role": "literal"}
    for thing in (importlib.import_module(module), *OBJECTS[module].values()):
        lines = api_pages.escape_marks(_docstring(thing).splitlines())
        text = str(SphinxDocString("\n".join(lines)))
        docutils.core.publish_doctree(text, settings_overrides=settings)
    from_sphinx = ("Unknown directive type", "No directive entry", "Trying")
    lines = [line for line in complaints.getvalue().splitlines() if line.startswith("<string>")]
    assert [line for line in lines if not any(words in line for words in from_sphinx)] == []
