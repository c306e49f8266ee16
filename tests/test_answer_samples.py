"""Answers shown without names; new mistakes made of them import, whatever students answered."""

import ast
import re
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


# Names of the class -------------------------------------------------------------------------------
CLASS = ["Ada Lovelace", "Max Löve", "Xavier Adam"]
NAMED = [  # wherever Python's syntax has room for a name, and for two that would become the same
    "a = 'by Ada', b'by Ada, 0171 555', b'L\\xc3\\xb6ve', b'L\\xf6ve', 'Lo\u0308ve'",
    "a = f'by Ada {1:Ada} {ada=} {b!r:{lovelace}}'",
    "import ada, os.ada.lovelace as lovelace",
    "from ada.lovelace import ada_1 as ada_2, lovelace",
    "def ada(ada, /, x, lovelace=1, *ada_1, ada_2, **ada_3):\n    return ada.lovelace.max",
    "async def ada(x: lovelace) -> 'Ada':\n    global ada, ada_1, x_1\n    ada = 1",
    "def f(ada, lovelace):\n    def g():\n        nonlocal ada, lovelace\n        ada = 1",
    "@ada\nclass AdaNet(lovelace.Base, ada=1, lovelace=2): LOVELACE = myAda = 1",
    "try: pass\nexcept Lovelace as ada: pass",
    "match ada:\n    case [ada, lovelace, *rest_of_ada] | [*rest_of_ada, lovelace, ada]: a = 1",
    "match 1:\n    case Ada(ada=1, lovelace=2) as x: a = 1",
    "match 1:\n    case {'Ada': 1, '...': 2, 'Lovelace': 3, **ada}: a = 1",
    "match 1:\n    case {b'Ada': 1, b'...': 2, b'Lovelace': 3}: a = 1",
    "a = [ada for ada in lovelace if (x := ada)], lambda ada, lovelace: b.ada",
    "for i in a:\n    'Ada'\nelse:\n    'Lovelace'",
    "with ada as lovelace, a as x.ada: del ada[lovelace:ada]",
]
if sys.version_info >= (3, 12):
    NAMED += [
        "type Ada[lovelace: int, *ada, **ada_1] = lovelace",
        "def ada[lovelace, x, ada](a: ada): pass\nclass Ada[lovelace]: pass",
    ]
if sys.version_info >= (3, 14):
    NAMED += ["a = t'by Ada {ada.lovelace:Ada} {\"Ada\"}'"]
# no text of a cell gets there, nor to any type_comment
EMPTY = {"TypeIgnore.tag", "Constant.kind", "MatchSingleton.value"}


def anonymized(source):
    return answer_samples.anonymize(source, convolution.conv2d, CLASS)


@pytest.mark.parametrize("source", NAMED)
def test_names_of_the_class_stay_nowhere(source):
    compile(source, "cell", "exec")
    shown = anonymized(source)
    compile(shown, "shown", "exec")
    assert shown
    assert not re.search(r"ada|lovelace|l(ö|\\xc3\\xb6|\\xf6|o\u0308)ve", shown.casefold())


def test_names_are_tried_wherever_syntax_has_room():
    """A new Python's syntax is to get a line above."""
    fields = set()
    kinds = [ast.AST]
    for kind in kinds:
        kinds += kind.__subclasses__()
        if (kind.__doc__ or "").startswith(kind.__name__ + "("):
            texts = re.findall(r"(?:identifier|string|constant)[?*]? (\w+)", kind.__doc__)
            fields |= {f"{kind.__name__}.{field}" for field in texts if field != "type_comment"}
    tried = {
        f"{type(node).__name__}.{field}"
        for source in NAMED
        for node in ast.walk(ast.parse(source))
        for field, value in ast.iter_fields(node)
        for part in (value if isinstance(value, list) else [value])
        if not isinstance(part, ast.AST) and "ada" in str(part).casefold()
    }
    assert {"Name.id", "Global.names", "Constant.value"} < tried
    assert tried == fields - EMPTY


@pytest.mark.parametrize(
    "source",
    [
        "a = torch.max(b).max(max=np.max(c), dim=max(1, 2))",
        "from torch import max, max_pool2d",
        "a = [nn.MaxPool2d(2), F.max_pool2d(b, 2), torch.optim.Adam]",
        "nn.init.xavier_uniform_(a).b = 1",
        "a = adapt(maximum, b'adapt', 'adapt', 'Adapt')",
        "a = 30171555",
    ],
)
def test_words_of_libraries_stay(source):
    assert anonymized(source) == source


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("max = 1\na = max", "x = 1\na = x"),
        ("import a as max", "import a as x"),
        *[
            (source.format("max"), source.format("x"))
            for source in (
                "match a:\n    case {{1: 2, **{0}}}:\n        b = {0}",
                "match a:\n    case [*{0}]:\n        b = {0}",
                "try:\n    pass\nexcept a as {0}:\n    b = {0}",
                "def f({0}):\n    return {0}",
            )
        ],
        ("a = Max, b.max_of, by_tan.max", "a = (x, b.x_of, by_tan.max)"),
        ("x = ada, Ada, AdaNet, ada", "x = (xx, xxx, xNet, xx)"),
        ("a = 'Ada', 'Lovelace', 'Ada', b'Ada'", "a = ('...', '....', '...', b'...')"),
        ("if a:\n    'text'", "if a:\n    pass"),
    ],
)
def test_every_name_becomes_one_other(source, shown):
    assert anonymized(source) == shown


def test_future_stays():
    source = "from __future__ import annotations\nannotations = 1"
    shown = answer_samples.anonymize(source, convolution.conv2d, ["Annotations"])
    assert shown == source


def test_number_of_a_student_stays_nowhere():
    source = "a = 'no. 123456'\nb_123456 = 1\nc = 123456 + 123456.0 + 0x1E240 + 1234567 + 10**400"
    shown = answer_samples.anonymize(source, convolution.conv2d, ["123456"])
    assert shown.splitlines()[-1] == "c = 111111 + 111111.0 + 111111 + 1234567 + 10 ** 400"
    assert shown.count("123456") == 1  # of another number


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Zoë Ngô", "Zoe ZOË zoe_x ngo"),
        ("Müller", "Mueller Muller MULLER Müller"),
        ("Łukasz Sørensen", "Lukasz lukasz Soerensen Sorensen"),
        ("O'Hara", "Ohara OHara O'Hara"),
        ("Jean-Luc", "jeanluc JeanLuc jean"),
        ("Ada Lovelace", "alovelace lovelaceada adalovelace Ada.Lovelace@uni.edu myLovelace"),
        ("Kim Lee", "kimlee leekim"),
        ("王伟", "王伟 王伟_x"),
    ],
)
def test_names_are_known_however_they_are_written(name, written):
    shown = answer_samples.anonymize(f"a = {written.split()!r}", convolution.conv2d, [name])
    values = ast.literal_eval(shown.removeprefix("a = "))
    assert {value.strip(".") for value in values} == {""}


def test_code_that_warns_says_nothing(recwarn):
    source = "a = 1 is 1\n" * 100 + "b = '\\d'"
    assert answer_samples.anonymize(source, convolution.conv2d, ["Ada"])
    assert not recwarn.list
