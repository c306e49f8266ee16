"""The exercise engine: order of diagnosis, hostile answers, hints, progress, switches."""

import builtins
import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from cell_runner import run_cell
from torch import nn

from course_utils import progress
from course_utils.exercise import exercise, mistake
from course_utils.exercises import classification
from course_utils.judging import feedback, guard, scene, source
from course_utils.judging.observation import NOT_COMPARED, Stopped, numbers

number = iter(range(1, 1000))
ADDED = "You added the factor. Multiply by it."


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("COURSE_EXPECT", raising=False)
    monkeypatch.delenv("COURSE_SEED", raising=False)


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch):
    monkeypatch.setattr("course_utils.exercise.REGISTRY", {})


def pairs(rng):
    for shape in [(2, 3), (3, 4)]:
        yield torch.rand(shape, generator=rng), 2.0 + shape[0]


def make_scale(**options):
    settings = {
        "minutes": 1,
        "oracle": lambda image, factor: torch.mul(image, factor),
        "cases": pairs,
        "mistakes": {"added": mistake(ADDED, lambda image, factor: image + factor)},
        "hints": ["first hint", "second hint"],
        "seconds": 0.5,
    }

    @exercise(f"99.{next(number)}", "Scale an image", **(settings | options))
    def scale(image, factor):
        """(H, W), number -> (H, W), every pixel times the factor."""
        return image * factor

    return scale


# Order of diagnosis ------------------------------------------------------------------------------


def untouched(image, factor):
    """(H, W), number -> (H, W), every pixel times the factor."""
    ...  # your code  # noqa: PIE790


@pytest.mark.parametrize("answer", [..., None, untouched, lambda image, factor: None])
def test_untouched_is_not_attempted(answer):
    assert make_scale().check(answer).status == "todo"


def test_untouched_says_what_to_do():
    assert "assign the value itself" in make_sizes().check(None).message
    assert "still the given code" in make_scale(start=given).check(given).message


def test_another_right_way_passes():
    def by_rows(picture, times):
        return torch.stack([torch.stack([x * times for x in row]) for row in picture])

    assert make_scale().check(by_rows).status == "ok"


def test_view_passes():
    @exercise("99.0", "Turn", minutes=1, cases=pairs, oracle=lambda x, _: x.clone().T.contiguous())
    def turn(image, factor):
        """(H, W) -> (W, H)."""
        return image.T

    assert turn.check(lambda image, factor: image.T).status == "ok"


def test_mistake_is_named_in_any_type():
    scale = make_scale()
    for wrong in (
        lambda image, factor: image + factor,
        lambda image, factor: image.double() + factor,
        lambda image, factor: (image + factor).numpy(),
        lambda image, factor: (image + factor).tolist(),
    ):
        assert scale.check(wrong).message == "You added the factor. Multiply by it."


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda out: out.double(), "float64"),
        (lambda out: out.numpy(), "NumPy"),
        (lambda out: out.tolist(), "a list"),
    ],
)
def test_right_numbers_in_the_wrong_type(change, says):
    verdict = make_scale().check(lambda image, factor: change(image * factor))
    assert verdict.status == "type"
    assert says in verdict.message
    assert "numbers are right" in verdict.message


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (lambda image, factor: "a text", "a text"),
        (lambda image, factor: torch.zeros(5, 7) + image.sum(), "shape"),
        (lambda image, factor: object(), "object"),
        (lambda image, factor: (x for x in image), "generator"),
        (lambda image, factor: 3, "whole number"),
        (lambda image, factor: {"image": image}, "dictionary"),
    ],
)
def test_wrong_types_and_shapes_are_told(result, says):
    verdict = make_scale().check(result)
    assert verdict.status == "type"
    assert says in verdict.message


def test_smallest_failing_case_is_shown():
    verdict = make_scale().check(lambda image, factor: image * factor + (image.numel() > 6))
    assert verdict.status == "wrong"
    assert verdict.case["image"].shape == (3, 4)
    assert "12 of 12 numbers differ" in verdict.message
    assert "yours" in str(verdict)
    assert "expected" in str(verdict)


def test_nan_does_not_pass():
    verdict = make_scale().check(lambda image, factor: image * factor * float("nan"))
    assert verdict.status == "wrong"


def test_error_names_kind_and_line():
    verdict = make_scale().check(lambda image, factor: image @ image)
    assert verdict.status == "error"
    assert "RuntimeError" in verdict.message


def test_student_line_is_quoted():
    names = run_cell("def scale(image, factor):\n    return image.nonsense\n")
    assert "`return image.nonsense`" in make_scale().check(names["scale"]).message


def test_call_instead_of_function_is_told():
    verdict = make_scale().check(torch.ones(2, 3))
    assert verdict.status == "type"
    assert "itself" in verdict.message


def test_model_answer_is_not_counted():
    scale = make_scale()
    assert scale.check(scale.answer).status == "own"
    assert scale.check(scale).status == "own"
    assert progress.load() == {}


# Kinds -------------------------------------------------------------------------------------------


def make_sizes():
    @exercise(
        f"99.{next(number)}",
        "Sizes",
        minutes=1,
        kind="value",
        mistakes={
            "rounded-up": mistake("rounded up", (4, 32)),
            "padding-once": mistake("padding once", (3, 30)),
            "not-whole": mistake("not whole", when=_halves, example=(3.5, 32)),
        },
    )
    def sizes():
        """Two sizes."""
        return (8 - 3) // 2 + 1, 32

    return sizes


def _halves(observation):
    return any(x % 1 for x in observation)


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        ((3, 32), "ok", ""),
        ([3, 32], "ok", ""),
        ((4, 32), "mistake", "rounded up"),
        ((4, 31), "mistake", "rounded up"),
        ((9, 30), "mistake", "padding once"),
        ((3.5, 32), "mistake", "not whole"),
        ((3, 33), "mistake", "Right: first number"),
        ((9, 31), "mistake", "That does not explain first number"),
        ((17, 57), "wrong", "No part"),
        ((..., ...), "todo", ""),
        ((3, ...), "type", "still"),
        (3, "type", "two are wanted"),
        (((3, 32),), "type", "in brackets of their own: give all 2 in one row"),
        (torch.tensor([[3, 32]]), "type", "in brackets of their own"),
        ([[4, 32]], "mistake", "rounded up"),
        (((3, 32), 1), "wrong", "No part"),
        ("3, 32", "type", "text"),
    ],
)
def test_values_of_several_parts(answer, status, says):
    verdict = make_sizes().check(answer)
    assert (verdict.status, says in verdict.message) == (status, True), verdict


def test_wrong_value_hides_right_one():
    @exercise("99.0", "Count", minutes=1, kind="value", mistakes={"halved": mistake("halved", 62)})
    def count():
        """A count."""
        return 124

    for wrong in (62, 7, "7", 125.5, 125.0, [12, 1], torch.tensor([7]), None):
        for text in (str(count.check(wrong)), count.check(wrong)._repr_mimebundle_()["text/html"]):
            assert "124" not in text
    assert count.check("124").status == "type"
    for right in (124, 124.0, torch.tensor(124), torch.tensor(124.0), np.int64(124), np.array(124)):
        assert count.check(right).status == "ok"


def test_grid_passes_as_list_or_tensor():
    @exercise(
        "99.0",
        "Grid",
        minutes=1,
        kind="value",
        mistakes={"flipped": mistake("flipped", [[4, 3], [2, 1]])},
    )
    def table():
        """A grid."""
        return [[1, 2], [3, 4]]

    assert table.check([[1, 2], [3, 4]]).status == "ok"
    assert table.check(torch.tensor([[1.0, 2], [3, 4]])).status == "ok"
    assert table.check(torch.tensor([[1.0, 2], [3, 4.5]])).status == "wrong"
    assert table.check(np.array([[1, 2], [3, 4]])).status == "ok"
    assert table.check([[1, 2], [3]]).status == "type"
    assert table.check([[4, 3], [2, 1]]).message == "flipped"
    assert table.check([[1, 2], [3, 5]]).status == "wrong"


CHOICE = {"minutes": 1, "kind": "choice", "choices": {"a": "one", "b": "two"}}


def make_choice():
    @exercise("99.0", "Choose", mistakes={"two": mistake("not two", "b")}, **CHOICE)
    def pick():
        """Which."""
        return "a"

    return pick


def test_choices_ignore_case():
    statuses = [make_choice().check(answer).status for answer in ("a", " A ", "(a)", "b", "c", 3)]
    assert statuses == ["ok", "ok", "ok", "mistake", "type", "type"]


def test_choices_need_every_mistake():
    with pytest.raises(ValueError, match="wrong choice"):
        exercise("99.9", "Choose", mistakes={}, **CHOICE)(make_choice().model)


def given(image, factor):
    return image + factor  # to be repaired


def test_repair_is_not_attempted_while_unchanged():
    scale = make_scale(start=given)
    assert scale.check(given).status == "todo"
    assert scale.stub_source().startswith("def scale(image, factor):")
    assert "to be repaired" in scale.stub_source()
    same = run_cell("def scale(image, factor):\n    # a comment\n    return (image + factor)\n")
    assert scale.check(same["scale"]).status == "todo"
    assert scale.check(lambda image, factor: image * factor).status == "ok"


def test_optimizer_needs_no_restore():
    code = (
        "import torch\nfrom course_utils.judging import guard\n"
        "torch.optim.SGD([torch.zeros(2, requires_grad=True)], lr=1)\nprint(guard.restore())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


class Given(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(2, 2)

    def forward(self, x):
        """To be written."""
        return


@pytest.mark.parametrize("lead", ["", "from torch import nn\n\n"])
def test_same_code_ignores_imports(lead):
    text = source.definition(Given, "Mine")
    assert source.same_code(run_cell(lead + text, {"nn": nn})["Mine"], text)
    changed = lead + text.replace("Linear(2, 2)", "Linear(2, 3)")
    assert not source.same_code(run_cell(changed, {"nn": nn})["Mine"], text)


def test_accept_takes_many_answers():
    @exercise(
        "99.0",
        "Two rows",
        minutes=1,
        cases=pairs,
        accept=lambda observation, image, factor: observation.sum().item() == pytest.approx(factor),
        mistakes={
            "zeros": mistake(
                "nothing but zeros",
                when=lambda observation: not observation.any(),
                example=lambda i, f: i * 0,
            )
        },
    )
    def weights(image, factor):
        """Any tensor whose sum is the factor."""
        return torch.tensor([factor])

    assert (
        weights.check(lambda image, factor: torch.tensor([factor / 2, factor / 2])).status == "ok"
    )
    assert weights.check(lambda image, factor: torch.zeros(3)).message == "nothing but zeros"
    verdict = weights.check(lambda image, factor: torch.ones(3))
    assert verdict.status == "wrong"
    assert not verdict.reveal
    assert weights.check(lambda image, factor: "text").status == "wrong"


def test_modules_are_observed():
    def shape_and_size(answer, case):
        net = answer() if isinstance(answer, type) else answer
        return tuple(net(*case).shape), sum(p.numel() for p in net.parameters())

    class TwoLayers(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))

        def forward(self, x):
            return self.layers(x)

    @exercise(
        "99.0",
        "Net",
        minutes=1,
        kind="module",
        observe=shape_and_size,
        oracle=nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)),
        cases=lambda rng: [(torch.rand(n, 4, generator=rng),) for n in (2, 3)],
        mistakes={"one-layer": mistake("one layer", nn.Linear(4, 2))},
    )
    class Net(nn.Module):
        """(N, 4) -> (N, 2) through 3."""

        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(4, 3), nn.Linear(3, 2)

        def forward(self, x):
            """Go through both."""
            return self.last(self.first(x))

    assert Net.check(TwoLayers).status == "ok"
    assert Net.check(TwoLayers()).status == "ok"
    assert Net.check(nn.Linear(4, 2)).message == "one layer"
    names = {"nn": nn}
    exec(Net.stub_source(), names)
    assert Net.check(names["Net"]).status == "todo"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kind": "essay"}, "expected one of"),
        ({"cases": None}, "needs cases"),
        ({"oracle": None}, "oracle"),
    ],
)
def test_incomplete_declarations_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        make_scale(**options)


def test_number_is_given_once():
    exercise("99.0", "One", minutes=1, kind="value")(make_sizes().model)

    def other():
        return 3

    with pytest.raises(ValueError, match="already"):
        exercise("99.0", "Two", minutes=1, kind="value")(other)


# Hostile answers ---------------------------------------------------------------------------------


def for_ever(image, factor):
    while True:
        pass


def for_ever_swallowing(image, factor):
    while True:
        try:
            try:  # noqa: SIM105
                time.sleep(10)
            except BaseException:
                pass
        except BaseException:
            pass


def recurse(image, factor):
    return recurse(image, factor)


def leave(image, factor):
    sys.exit(0)


def raise_odd(image, factor):
    class Odd(BaseException):
        def __str__(self):
            raise RuntimeError

    raise Odd


def allocate(image, factor):
    return torch.zeros(10 * 2**30 // 4)


def warn(image, factor):
    warnings.warn("a warning", stacklevel=1)
    warnings.simplefilter("error")
    return image + 2 * factor


class Stubborn:
    def __del__(self):
        raise ValueError


def destroy(image, factor):
    stubborn = Stubborn()
    del stubborn
    return image


class Sly(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return torch.ones(()) > 0


class AlwaysEqual(str):
    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (for_ever, "limit"),
        (for_ever_swallowing, "limit"),
        (recurse, "error"),
        (leave, "error"),
        (raise_odd, "error"),
        (warn, "wrong"),
        (destroy, "mistake"),
        (lambda image, factor: AlwaysEqual("x"), "type"),
        (lambda image, factor: (image * 0).as_subclass(Sly), "mistake"),
        (lambda image, factor: image.to("meta"), "type"),
        (lambda: 3, "error"),
        (lambda image, factor: os.write(2, b"") or print("x" * 10_000_000), "mistake"),
    ],
)
def test_hostile_answers_fail_and_hurt_nothing(answer, status, capsys):
    before = sys.getrecursionlimit(), torch.is_grad_enabled(), sys.gettrace()
    verdict = make_scale().check(answer)  # one that never ended would meet the test's own limit
    assert verdict.status == status, verdict
    assert (sys.getrecursionlimit(), torch.is_grad_enabled(), sys.gettrace()) == before
    assert len(verdict.printed) < 3000
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""
    str(verdict), verdict._repr_mimebundle_()


@pytest.mark.skipif(sys.platform != "linux", reason="the address-space limit exists on Linux only")
@pytest.mark.parametrize(
    "answer", [allocate, lambda image, factor: bytearray(10 * 2**30), lambda i, f: np.ones(2**33)]
)
def test_ten_gigabytes_are_refused(answer):
    verdict = make_scale().check(answer)
    assert (verdict.status, "memory" in verdict.message) == ("limit", True)
    torch.zeros(2**20)  # and the session may allocate again


def test_time_limit_spans_all_cases():
    started = time.monotonic()
    make_scale(seconds=0.4, cases=lambda rng: [(torch.rand(2, i), 2.0) for i in range(2, 8)]).check(
        lambda image, factor: time.sleep(0.3)
    )
    assert time.monotonic() - started < 1.5


def test_limit_holds_without_timer_signals():
    outcomes = []
    thread = threading.Thread(
        target=lambda: outcomes.append(guard.guarded(lambda: for_ever(0, 0), 0.3))
    )
    thread.start()
    thread.join(20)
    assert outcomes[0].value == Stopped("TimeLimit")


def test_thread_guard_leaves_tracing_usable():
    thread = threading.Thread(target=lambda: guard.guarded(lambda: for_ever(0, 0), 0.1))
    thread.start()
    thread.join(20)
    code = """
def traced():
    return "returned"

sys.settrace(lambda *_: None)
print(traced())
"""
    namespace = {"sys": sys, "print": (results := []).append}
    outcome = guard.guarded(lambda: exec(code, namespace), 2)
    assert results == ["returned"], outcome


def test_guard_keeps_foreign_alarm():
    import signal

    if not hasattr(signal, "setitimer"):
        pytest.skip("no timer signals on this system")
    rang = []
    former = signal.signal(signal.SIGALRM, lambda *_: rang.append(1))
    outer = signal.setitimer(signal.ITIMER_REAL, 0.4)
    try:
        make_scale().check(lambda image, factor: image * factor)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
        time.sleep(0.6)
        assert rang == [1]
    finally:
        signal.signal(signal.SIGALRM, former)
        signal.setitimer(signal.ITIMER_REAL, *outer)


def test_changed_input_is_told():
    scale = make_scale()
    verdict = scale.check(lambda image, factor: image.mul_(factor))
    assert verdict.status == "ok"
    assert "in place" in verdict.notes[0]
    wrong = scale.check(lambda image, factor: image.zero_())
    assert wrong.findings == ("all-zeros",)
    assert wrong.expected.sum() > 0


def test_redefined_builtins_are_restored():
    def vandal(image, factor):
        builtins.sum = builtins.len = builtins.isinstance = lambda *_: True
        return image * 0

    verdict = make_scale().check(vandal)
    assert verdict.findings == ("all-zeros",)
    assert sum([1, 2]) == 3
    assert "sum" in verdict.notes[0]


def test_patched_torch_passes_nothing():
    def patch():
        torch.mul = torch.Tensor.mul = torch.Tensor.__mul__ = lambda *_: torch.zeros(2, 3)
        torch.allclose = torch.equal = F.conv2d = lambda *_, **__: True
        torch.Tensor.__eq__ = lambda *_: True
        np.isclose = lambda a, b, **_: np.ones(a.shape, bool)

    def wrong(image, factor):
        patch()
        return torch.zeros(2, 3)

    scale = make_scale()
    assert scale.check(wrong).status in ("wrong", "type", "mistake")
    patch()  # in a cell of its own, before the check
    verdict = scale.check(lambda image, factor: torch.zeros(2, 3))
    assert verdict.status in ("wrong", "type", "mistake")
    assert any("torch.mul" in note for note in verdict.notes)
    assert torch.mul(torch.ones(1), 3.0).item() == 3


def test_interrupting_a_check_is_survived():
    def interrupted(image, factor):
        raise KeyboardInterrupt

    assert "interrupted" in make_scale().check(interrupted).message


def test_random_state_and_default_dtype_survive():
    def careless(image, factor):
        torch.manual_seed(1)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        sys.setrecursionlimit(5000)
        return image * factor

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    assert make_scale().check(careless).status == "ok"
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()


@pytest.mark.skipif(os.name == "nt", reason="Windows blocks no signals")
def test_limit_rings_although_its_signal_is_blocked():
    """As in a process that another library has told to block it; some thread then gets the ring."""
    is_cut = []

    def sleep_long(image, factor):
        started = time.monotonic()
        try:
            time.sleep(20)
        finally:
            is_cut.append(time.monotonic() - started < 19)

    other = threading.Thread(target=time.sleep, args=(20,), daemon=True)
    other.start()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    try:
        verdict = make_scale().check(sleep_long)
        assert signal.SIGALRM in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    assert (verdict.status, is_cut) == ("limit", [True])


def test_lone_process_survives_worst(tmp_path):
    """The same in a fresh interpreter, where no test runner catches what leaks."""
    code = """
import sys
sys.path.insert(0, "tests")
import test_exercise as t
scale = t.make_scale()
bad = [t.for_ever, t.recurse, t.leave, t.raise_odd, t.allocate, t.for_ever_swallowing]
print([scale.check(answer).status for answer in bad])
print(scale.check(lambda image, factor: factor * image).status)
"""
    environment = os.environ | {"COURSE_PROGRESS": str(tmp_path / "p.json")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "ok" not in lines[0]
    assert lines[1] == "ok"


# Hints, solution, progress, carrying on ----------------------------------------------------------


def test_distinct_wrong_answer_unlocks_hint():
    scale = make_scale()
    assert scale.check(lambda image, factor: image + 1).hints == ("first hint",)
    assert scale.check(lambda image, factor: 1 + image).hints == ("first hint",)  # the same again
    assert scale.check(lambda image, factor: image + 2).hints == ("first hint", "second hint")
    assert scale.check(lambda image, factor: image + 3).hints == ("first hint", "second hint")
    assert scale.check(untouched).hints == ()
    html = scale.check(lambda image, factor: image + 4)._repr_mimebundle_()["text/html"]
    assert html.count("<details>") == 2
    assert scale.check(lambda image, factor: image * factor).hints == ()


def test_solution_opens_after_three_tries():
    scale = make_scale()
    assert "return image * factor" in str(scale.solution(now=True))
    for i in range(3):
        assert "return" not in str(scale.solution())
        scale.check(lambda image, factor, i=i: image + i)
    assert "return image * factor" in str(scale.solution())
    passed = make_scale()
    passed.check(lambda image, factor: image * factor)
    assert "return image * factor" in passed.solution()._repr_mimebundle_()["text/html"]


def test_progress_keeps_pass_and_tries():
    scale = make_scale()
    scale.check(lambda image, factor: image + factor)
    scale.check(lambda image, factor: image * factor)
    scale.check(lambda image, factor: image - factor)
    entry = progress.load()[scale.number]
    assert entry["passed"]
    assert entry["verdict"] == "wrong"
    assert [attempt["verdict"] for attempt in entry["tries"]] == ["mistake", "wrong"]


def test_progress_is_exported(tmp_path):
    make_scale().check(lambda image, factor: image + factor)
    rows = progress.export(tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert "You added the factor" in rows[1]


def test_progress_survives_damage(tmp_path):
    scale = make_scale()
    progress.path().write_text("{ damaged")
    assert progress.load() == {}
    assert (tmp_path / "progress.damaged.json").read_text() == "{ damaged"
    scale.check(lambda image, factor: image * factor)
    assert json.loads(progress.path().read_text())[scale.number]["passed"]


def test_full_disk_loses_nothing(monkeypatch):
    scale = make_scale()
    scale.check(lambda image, factor: image * factor)
    before = progress.path().read_text()

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    verdict = scale.check(lambda image, factor: image + factor)
    assert verdict.status == "mistake"
    assert "No space left" in verdict.notes[0]
    assert progress.path().read_text() == before
    files = {file.name for file in progress.path().parent.iterdir()}
    assert files <= {"progress.json", ".progress.json.lock"}


def test_carry_on_names_its_answer(capsys):
    scale = make_scale()

    def mine(image, factor):
        return factor * image

    assert scale.carry_on(mine) is mine
    assert "your own" in capsys.readouterr().out
    assert scale.carry_on(untouched) is scale.answer
    assert "the course's" in capsys.readouterr().out
    sizes = make_sizes()
    assert sizes.carry_on((4, 32)) == (3, 32)
    assert progress.load() == {}


# Switches ----------------------------------------------------------------------------------------


def test_expect_turns_other_verdicts_into_errors(monkeypatch):
    scale = make_scale()
    monkeypatch.setenv("COURSE_EXPECT", "todo")
    assert scale.check(untouched).status == "todo"
    with pytest.raises(AssertionError, match="COURSE_EXPECT"):
        scale.check(lambda image, factor: image * factor)
    monkeypatch.setenv("COURSE_EXPECT", "ok")
    assert scale.check(lambda image, factor: image * factor).status == "ok"
    with pytest.raises(AssertionError, match="You added the factor"):
        scale.check(lambda image, factor: image + factor)
    assert progress.load() == {}


def test_seed_makes_hidden_cases(monkeypatch):
    scale = make_scale()
    known = [image * factor for image, factor in pairs(torch.Generator().manual_seed(0))]

    def hard_coded(image, factor):
        return next(out for out in known if out.shape == image.shape)

    assert scale.check(hard_coded).status == "ok"
    monkeypatch.setenv("COURSE_SEED", "7")
    assert scale.check(hard_coded).status == "wrong"


def test_own_fault_is_admitted(monkeypatch):
    def broken(evidence):
        raise ZeroDivisionError("in a probe of the course")

    monkeypatch.setattr("course_utils.judging.judge.diagnose", broken)
    scale = make_scale()
    verdict = scale.check(lambda image, factor: image)
    assert "The fault is its own and not yours" in verdict.message
    assert "in a probe of the course" in verdict.details
    assert "<details>" in verdict._repr_mimebundle_()["text/html"]
    with pytest.raises(ZeroDivisionError):
        scale.judge(lambda image, factor: image)


def test_parts_stand_in_a_table():
    verdict = make_sizes().check((4, 32))
    html, text = verdict._repr_mimebundle_()["text/html"], str(verdict)
    assert '<th scope="col"' in html
    assert "✗ first number</td>" in html
    assert "✓ second number</td>" in html
    assert "✗ first number: yours 4" in text


def test_missing_part_is_called_nothing():
    class Silent(classification.CNN.answer):
        def forward(self, x):
            self.conv1(x)

    text = str(classification.CNN.judge(Silent))
    assert "scores in training mode: yours nothing, expected below" in text
    assert "None" not in text


def test_scene_holds_thirty_numbers():
    def cases(rng):
        for n in (5, 4):
            yield torch.rand(n, 4, generator=rng), torch.rand(n, 3, generator=rng)

    @exercise("99.0", "Both", minutes=1, cases=cases, parts=("a", "b"),
              oracle=lambda a, b: (a, b))  # fmt: skip
    def both(a, b):
        """Two tensors -> the same."""
        return a, b

    verdict = both.judge(lambda a, b: (a.cos() + b.sum(), b.exp() - a.sum()))
    rows = scene.rows(verdict)
    shown = [numbers(row.value) for row in rows]
    assert sum(array.size for array in shown if array is not None) <= 32
    assert [row.name for row in rows] == ["a", "b", "a: yours", "a: expected"]
    assert "numbers of shape (4, 4)" in str(verdict)


def test_judging_halves_agree():
    scale = make_scale()
    for answer in (lambda i, f: i * f, lambda i, f: i + f, lambda i, f: 1 / 0):
        observations = scale.observe_all(answer, seed=3)
        assert scale.compare(observations, seed=3).message == scale.judge(answer, seed=3).message
    assert scale.compare([], seed=3).status == "wrong"


# Feedback ----------------------------------------------------------------------------------------


def test_marked_words_are_code_and_emphasis():
    words = feedback.with_marks("Add *two* means, `a*b*c`, 2 * 3 * 4 and <b>; 5*6*7 stays.")
    assert words == (
        "Add <em>two</em> means, <code>a*b*c</code>, 2 * 3 * 4 and &lt;b&gt;; 5*6*7 stays."
    )


def test_feedback_is_escaped_and_plain():
    verdict = make_scale().check(lambda image, factor: print("<b>hello</b>"))
    assert verdict.findings == ("returns-nothing",)
    bundle = verdict._repr_mimebundle_()
    assert "&lt;b&gt;hello" in bundle["text/html"]
    assert "<b>hello" not in bundle["text/html"]
    assert "<b>hello</b>" in bundle["text/plain"]
    assert 'data-status="mistake"' in bundle["text/html"]


def test_images_are_shown_with_words():
    verdict = make_scale(
        cases=lambda rng: [(torch.rand(n, 20, generator=rng), 2.0) for n in (16, 17)]
    ).check(lambda image, factor: image - factor)
    html = verdict._repr_mimebundle_()["text/html"]
    assert html.count('src="data:image/png;base64,') == 3
    assert html.count("<img alt=") == 3


def test_many_right_answers_mark_nothing():
    @exercise("99.1", "Pair", minutes=1, kind="value", accept=lambda pair: pair[0] > 1,
              hints=["a", "b"])  # fmt: skip
    def pair():
        """Two numbers, the first above 1."""
        return 2.0, 3.0

    verdict = pair.check((1.0, 3.0))
    assert verdict.status == "wrong"
    assert "≠" not in str(verdict)


def test_part_not_compared_is_neither_right_nor_wrong():
    def result(factor, rest):
        return lambda image, *_: (image * factor, rest)

    halves = make_scale(oracle=result(2, torch.ones(2)), mistakes={}, parts=("image", "rest"))
    verdict = halves.check(result(3, NOT_COMPARED))
    assert f"– rest: yours {NOT_COMPARED}\n" in str(verdict)
    assert "rest: expected" not in str(verdict)
    assert "image: expected" in str(verdict)


def test_verdict_comes_into_view_only_while_new():
    scale = make_scale()
    shown = {
        factor: scale.check(lambda image, f, k=factor: image * f * k)._repr_mimebundle_()[
            "text/html"
        ]
        for factor in (1, 3)
    }
    assert "scrollIntoView" not in shown[1]
    assert "scrollIntoView" in shown[3]
    assert "<script" not in feedback.as_html(scale.check(lambda image, f: image))


def test_stale_cell_is_all_that_is_said_of_an_untouched_answer(monkeypatch):
    monkeypatch.setattr("course_utils.cells.stale_answer", lambda *_: "That cell stopped.")
    scale = make_scale()
    assert scale.check(untouched).message == "That cell stopped."
    assert scale.check(lambda image, f: image + f).message == f"That cell stopped. {ADDED}"


def test_planes_stand_side_by_side():
    html = scene.as_html(scene.Row("x", torch.zeros(2, 3, 1, 2)), [])
    assert html.count("display: flex") == 2
    assert html.count("<table") == 6
