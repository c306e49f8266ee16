"""New mistakes made of a class's answers: the written file imports, whatever students answered."""

import subprocess
import sys

import pytest

from course_utils.exercises import convolution
from course_utils.marking import answer_samples

CONV = "def conv2d(image, kernel, stride=1, padding=0):\n    return image\n"
FORS = "".join(" " * depth + "for i in a:\n" for depth in range(60)) + " " * 60 + "a = 1\n"
NOT_IN_A_FUNCTION = {  # what stands in a cell and not in a function, or nowhere
    "import": "from math import *\n" + CONV,
    "future": "from __future__ import annotations\n" + CONV,
    "nonlocal": "nonlocal x\n" + CONV,
    "nonlocal within": "def f():\n    nonlocal x\n" + CONV,
    "break": "break\n" + CONV,
    "continue": CONV + "continue\n",
    "await": "a = await x()\n" + CONV,
    "await each": "async for i in x: pass\n" + CONV,
    "stars": "*a, *b = 1, 2\n" + CONV,
    "arguments": "def f(a, a): pass\n" + CONV,
    "global": "x = 1\nglobal x\n" + CONV,
    "comprehension": CONV + "b = [a := 1 for a in [1]]\n",
    "debug": "__debug__ = 1\n" + CONV,
    "blocks": FORS + CONV,
    "return": "class A:\n    return 1\n" + CONV,
    "yield": "class A:\n    a = yield\n" + CONV,
    "yield and return": "async def f():\n    a = yield\n    return 1\n" + CONV,
    "names": "match 1:\n    case x: a = 1\n    case y: a = 2\n" + CONV,
    "lines": "break\na = f'''{1}\nimport os\n\x0b\u2028import os\x0c\n'''\n" + CONV,
    "half a character": "break\na = f'{1}\\ud800\\0'\n" + CONV,
}
IN_A_FUNCTION = {  # what looks as if it ended the function, or the file
    "return": "return 5\n" + CONV,
    "yield": "a = yield\n" + CONV,
    "f-string": CONV + "a = f'''x\n\"\"\"\n\nimport os; os.system('id')\n{1}'''\n",
    "quotes": CONV + 'a = \'x\\n"""\\n\'\n',
    "form feed": CONV + "a = f'''\f\nimport os\n{1}'''",
    "line separator": CONV + "a = f'''\u2028import os{1}'''",
    "carriage return": CONV + "a = f'''a\\rb{1}'''",
    "half a character": CONV + "a = f'{1}\\ud800\\0'\n",
    "braces": CONV + "a = '{count}{0}'\n",
    "parentheses": "x = " + "(" * 80 + "1" + ")" * 80 + "\n" + CONV,
    "a name": "conv2d = 1\n",
    "decorator": "@(lambda f: f)\n" + CONV,
    "default": "def conv2d(image=print('run')): pass\n",
}


def doubled(times):
    """Code that Python compiles 2 to the `times` times: whatever stands in a `finally` twice."""
    nested = (f"{' ' * depth}try: pass\n{' ' * depth}finally:\n" for depth in range(times))
    return "".join(nested) + " " * times + "a = 1\n"


def entry(source, count):
    shown = answer_samples.anonymize(source, convolution.conv2d, ["Ada"])
    assert shown
    return answer_samples.entry(convolution.conv2d, shown, 2, count)


def is_comment(text):
    return all(line.startswith("#") for line in text.splitlines() if line)


def test_new_mistakes_always_import(tmp_path):
    sources = [*NOT_IN_A_FUNCTION.values(), *IN_A_FUNCTION.values()]
    entries = [entry(source, count) for count, source in enumerate(sources)]
    text = answer_samples.HEADER + "".join(entries)
    (tmp_path / "new.py").write_text(text, encoding="utf-8")
    code = "import new; print(*(name for name in dir(new) if 'new_' in name))"
    run = [sys.executable, "-c", code]
    result = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    working = sorted(f"new_mistake_{i}" for i in range(len(NOT_IN_A_FUNCTION), len(sources)))
    assert (result.stdout.split(), result.stderr) == (working, "")


@pytest.mark.parametrize("name", NOT_IN_A_FUNCTION)
def test_entry_that_is_no_function_is_a_comment(name):
    text = entry(NOT_IN_A_FUNCTION[name], 1)
    assert is_comment(text)
    assert "#     def conv2d(image, kernel, stride=1, padding=0):" in text
    assert "2 answers do this" in text


@pytest.mark.parametrize("times", [13, 18])  # into half a megabyte, and a gigabyte at work
def test_entry_with_too_much_code_is_a_comment(times):
    assert not is_comment(entry(doubled(3) + CONV, 1))
    assert is_comment(entry(doubled(times) + CONV, 1))


@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows have not all limits")
def test_compiling_stays_small():
    run = [sys.executable, "-I", "-c", answer_samples.COMPILE]
    result = subprocess.run(run, input=doubled(18).encode(), capture_output=True)
    assert b"MemoryError" in result.stderr or result.returncode < 0


def test_entry_that_takes_too_long_is_a_comment(monkeypatch):
    monkeypatch.setattr(answer_samples, "COMPILE_SECONDS", 0.001)
    assert is_comment(entry(CONV, 1))


def test_entry_runs_nothing(tmp_path, monkeypatch):
    """Nor does what lies in the folder where the command is given."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resource.py").write_text("open('ran', 'w')")
    assert not is_comment(entry("open('ran', 'w').close()\nx = open('ran', 'w')\n" + CONV, 1))
    assert not (tmp_path / "ran").exists()
