"""What is said of an answer that nobody listed: probes, edits, formulas, errors, and facts."""

import ast
import inspect
import math
import re
import textwrap

import pytest
import torch
from cell_runner import run_cell

from course_utils.exercise import REGISTRY, exercise, mistake
from course_utils.exercises import all_exercises
from course_utils.judging import edits, formula, guard, pairs, plain_errors, source_notes
from course_utils.judging.evidence import Demand, Evidence, explains
from course_utils.judging.observation import Stopped

ALL = all_exercises()


@pytest.fixture(autouse=True)
def _empty_registry(monkeypatch):
    monkeypatch.setattr("course_utils.exercise.REGISTRY", {})


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch):
    """A busy machine tries as many edits as a quiet one."""
    monkeypatch.setattr(edits, "SECONDS", 10.0)
    monkeypatch.setattr(edits, "SECONDS_EACH", 1.0)


def images(rng):
    for shape in ((2, 3, 4), (3, 2, 5), (4, 5, 3)):
        yield 1 + torch.rand(shape, generator=rng), float(shape[0])
    yield 1 + torch.rand(1, 2, 3, generator=rng), 7.0, 2


def make(**options):
    @exercise(
        "99.1",
        "Scale",
        **{
            "minutes": 1,
            "oracle": lambda image, factor, power=1: image * factor**power,
            "cases": images,
            "mistakes": {"halved": mistake("You halved it.", lambda i, f, p=1: i * f**p / 2)},
            "hints": ["first", "second"],
        }
        | options,
    )
    def scale(image, factor, power=1):
        """(C, H, W), number -> (C, H, W): every number times the factor to the power."""
        return image * factor**power

    return scale


def right(image, factor, power=1):
    return image * factor**power


def typed(code, name="scale", **names):
    """A function as a student types it in a cell."""
    scope = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional} | names
    run_cell(textwrap.dedent(code), scope)
    return scope[name]


# Evidence -----------------------------------------------------------------------------------------


def test_nan_alone_explains_nothing():
    nan, one = torch.tensor([float("nan")] * 2), torch.ones(2)
    assert not explains([nan], [nan], [one], 1e-5)
    mixed = torch.tensor([float("nan"), 3.0])
    assert explains([mixed], [mixed], [one], 1e-5)


def test_error_explains_identical_error_only():
    one, error = torch.ones(2), Stopped("RuntimeError", "shapes (2, 3)")
    assert explains([error], [error], [one], 1e-5)
    assert not explains([error], [Stopped("RuntimeError", "another")], [one], 1e-5)


def test_prediction_holds_in_every_case():
    half_in_first = lambda i, f, p=1: i * f**p / (2 if p == 1 else 1)  # noqa: E731
    assert "halved" not in make().judge(half_in_first).findings


def test_two_equal_explanations_are_both_offered():
    twins = {"a": mistake("First cause.", lambda i, f, p=1: i + f),
             "b": mistake("Second cause.", lambda i, f, p=1: f + i)}  # fmt: skip
    verdict = make(mistakes=twins).judge(lambda i, f, p=1: i + f)
    assert verdict.findings == ("a", "b")
    assert "First cause." in verdict.message
    assert "Second cause." in verdict.message


def test_predicate_holds_in_every_failing_case():
    small = {"small": mistake("Small.", when=lambda seen: len(seen) < 3, example=lambda *a: a[0])}
    verdict = make(mistakes=small).judge(lambda i, f, p=1: i * f**p + 3)
    assert verdict.findings != ("small",)


def test_pairs_of_switches_are_tried():
    def answer(sign=1, shift=0):
        return lambda image, factor, power=1: sign * image * factor**power + shift

    listed = {"sign": mistake("Wrong sign.", sign=-1), "shift": mistake("Shifted by 3.", shift=3)}
    scale = make(switches=answer, mistakes=listed)
    assert scale.judge(lambda i, f, p=1: 3 - i * f**p).findings == ("sign+shift",)
    assert scale.judge(lambda i, f, p=1: 3 + i * f**p).findings == ("shift",)


def test_of_two_slips_neither_calls_the_rest_right():
    listed = {
        "sign": mistake("The shape is right, but the sign is wrong.", sign=-1),
        "shift": mistake("Right order, but shifted by 3.", shift=3),
    }

    def answer(sign=1, shift=0):
        return lambda image, factor, power=1: sign * image * factor**power + shift

    scale = make(switches=answer, mistakes=listed)
    assert "The shape is right" in scale.judge(lambda i, f, p=1: -i * f**p).message
    message = scale.judge(lambda i, f, p=1: 3 - i * f**p).message
    assert message == "Two slips at once. First: The sign is wrong. Second: Shifted by 3."


def make_scaled(**slips):
    def answer(**settings):
        return lambda x: sum(settings.values()) + 0 * x + x

    @exercise(
        "99.8",
        "Sum",
        minutes=1,
        cases=lambda rng: [(2.5,), (3.7,)],
        oracle=lambda x: x,
        switches=answer,
        mistakes={name: mistake(f"Slip {name}.", **{name: by}) for name, by in slips.items()},
    )
    def same_number(x):
        """Number -> the same number."""
        return 1.0 * x

    return same_number


def test_alternative_pairs_are_both_offered():
    message = make_scaled(a=10.0, b=0.25, c=0.25 + 1e-9).judge(lambda x: x + 10.25).message
    assert message == "Two slips at once. First: Slip a. Second, either: Slip b. Or: Slip c."


def test_many_pairs_name_only_what_they_share():
    exercise = make_scaled(a=10.0, b=0.25, c=0.25 + 1e-9, d=0.25 + 2e-9)
    verdict = exercise.judge(lambda x: x + 10.25)
    assert verdict.findings == ("a",)
    assert "something else is wrong as well" in verdict.message


def test_pairs_keep_to_their_time(monkeypatch):
    monkeypatch.setattr(pairs, "SECONDS", -1.0)
    assert make_scaled(a=10.0, b=0.25).judge(lambda x: x + 10.25).findings == ()


# Probes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finding", "answer"),
    [
        ("returns-nothing", lambda *case: print()),
        ("returns-image", lambda image, *rest: image),
        ("all-zeros", lambda image, *rest: image * 0),
        ("sign", lambda *case: -right(*case)),
        ("factor-2", lambda *case: 2 * right(*case)),
        ("percent", lambda *case: 100 * right(*case)),
        ("factor", lambda *case: 16 * right(*case)),
        ("factor-size", lambda *case: right(*case) * case[0].shape[1]),
        ("divided-by-size", lambda *case: right(*case) / case[0].numel()),
        ("constant-for-size", lambda *case: right(*case) * case[0].numel() / 25),
        ("constant-for-size", lambda *case: right(*case) / case[0].numel() * 25),
        ("off-by-one", lambda *case: right(*case) + 1),
        ("off-by-size", lambda *case: right(*case) - case[0].shape[2]),
        ("square", lambda *case: right(*case) ** 2),
        ("reciprocal", lambda *case: 1 / right(*case)),
        ("rounded-down", lambda *case: right(*case).floor()),
        ("permuted-0-2-1", lambda *case: right(*case).transpose(1, 2)),
        ("flipped", lambda *case: right(*case).flip(2)),
        ("rolled", lambda *case: right(*case).roll(1, 1)),
        ("reshaped", lambda *case: right(*case).transpose(1, 2).reshape(case[0].shape)),
        ("cropped", lambda *case: right(*case)[:, 1:]),
        ("axis-of-one", lambda *case: right(*case)[None]),
        ("only-first", lambda *case: right(*case)[:, 0]),
        ("reduced-sum", lambda *case: right(*case).sum(1)),
        ("reduced-mean", lambda *case: right(*case).mean()),
        ("unreduced-sum", lambda *case: torch.stack([right(*case) / 2] * 2)),
        ("regrouped", lambda *case: right(*case).flatten(0, 1)),
        ("too-large", lambda *case: torch.nn.functional.pad(right(*case), (0, 3, 0, 2))),
        ("straight-line-of-image", lambda image, *rest: 3 * image - 2),
        ("ignores-power", lambda image, factor, power=1: image * factor),
        ("ignores-factor", lambda image, factor, power=1: image * 2.0**power),
    ],
)
def test_probe_names_cause(finding, answer):
    if finding == "cropped":  # the case with two rows would lose half of them
        answer = lambda *case: right(*case)[:, :, 1:]  # noqa: E731
    assert finding in make().judge(answer).findings


def signed(rng):
    for size in (3, 5, 6):
        x = torch.randn(size, generator=rng)
        x[1] = 0.0
        yield (x,)


def make_signs():
    @exercise("99.7", "Signs", minutes=1, oracle=torch.sign, cases=signed)
    def signs(x):
        """(N,) -> (N,): 1, -1 or 0."""
        return x.sign()

    return signs


@pytest.mark.parametrize(
    ("finding", "answer"),
    [
        ("nan-at-zero", lambda x: x / x.abs()),
        ("zeros-left-out", lambda x: x[x != 0].sign()),
    ],
)
def test_probe_names_what_happens_at_zero(finding, answer):
    assert make_signs().judge(answer).findings == (finding,)


def test_reshape_of_input_is_told():
    def sums(image, factor, power=1):
        return right(image, factor, power).sum(2)

    def mixed(image, factor, power=1):
        turned = image.reshape(image.shape[1], image.shape[0], -1)
        return right(turned, factor, power).sum(2).T

    exercise = make(oracle=sums)
    exercise.model = sums  # the probe asks the model answer
    verdict = exercise.judge(mixed)
    assert verdict.findings == ("regrouped-image",)


def test_texts_for_numbers_are_told():
    near = make_size(formula=(), accept=lambda number: number > 16)
    verdict = near.judge("17")
    assert verdict.status == "type"
    assert "quotes" in verdict.message


def test_regrouped_names_merged_axes():
    message = make().judge(lambda *case: right(*case).flatten(0, 1)).message
    assert "merges the axes 0 and 1 of `image`" in message


@pytest.mark.parametrize(("number", "size"), [(170.0, "too large"), (0.017, "too small")])
def test_decimal_point_is_named(number, size):
    verdict = make_size(formula=()).judge(number)
    assert verdict.findings == ("decimal-point",)
    assert size in verdict.message


def test_unexplained_number_tells_no_direction():
    too_large, too_small = (make_size(formula=()).judge(n).message for n in (23, 5))
    assert too_large == too_small


def test_size_written_in_is_told():
    def fixed(image, factor, power=1):
        return image.mean() * torch.ones(2, 7, image.shape[2])

    assert "2 along axis 0 in every case" in make().judge(fixed).message


def test_parts_have_separate_near_misses():
    """Both are formulas slightly wrong, but not in the same way."""

    @exercise("99.4", "Pair", kind="value", minutes=1, parts=("sum", "product"), hints=["", ""],
              formula=("n * k + s", "n * s + k"), quantities={"n": 7, "k": 5, "s": 3})  # fmt: skip
    def pair():
        """Two numbers."""
        return 38, 26

    words = pair.judge((35, 16)).message
    assert "sum: Your number comes out if `s` is left out." in words
    assert "product: Your number comes out if `k` is subtracted." in words


def make_pair(formulas=("n * k + 2 * p", "n * s + 2 * p"), **quantities):
    numbers = {"n": 7, "k": 5, "s": 3, "p": 2} | quantities

    @exercise("99.4", "Pair", kind="value", minutes=1, parts=("wide", "high"), hints=["", ""],
              formula=formulas, quantities=numbers)  # fmt: skip
    def pair():
        """Two numbers."""
        return tuple(formula.evaluate(ast.parse(text, mode="eval").body, numbers)
                     for text in formulas)  # fmt: skip

    return pair


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((35, 21), "wide, high: Your numbers come out if `2 * p` is left out."),
        ((31, 17), "wide, high: Your numbers come out if `2 * p` is subtracted."),
        ((3900, 2500), "wide, high: The digits are right, but the number is 100 times too large"),
        ((35, 32), "high: Your number comes out if `s` is taken one larger."),
        ((35, 77), "wide: Your number comes out if `2 * p` is left out. That does not explain"),
    ],
)
def test_shared_slip_is_told_once(answer, words):
    message = make_pair().judge(answer).message
    assert words in message
    assert message.count("wide") == 1


def test_slip_goes_where_it_could_be_made():
    """Only one formula holds the padding, but the quantity stands in both."""
    pair = make_pair(("n * k + p", "n + k"))
    words = "wide, high: Your numbers come out if `k` is taken one larger."
    assert words in pair.judge((44, 13)).message
    assert "Right: high. wide: " in pair.judge((44, 12)).message


def test_mistake_of_a_part_says_nothing_of_others():
    @exercise("99.5", "Pair", kind="value", minutes=1, parts=("wide", "high"), hints=["", ""],
              mistakes={"doubled": mistake("The height is right. You doubled it.", (62, 41))},
              )  # fmt: skip
    def pair():
        """Two numbers."""
        return 31, 41

    assert pair.judge((62, 41)).message == "The height is right. You doubled it."
    message = pair.judge((62, 17)).message
    assert "wide: You doubled it. That does not explain high, wrong as well." in message
    assert "is right" not in message


def test_unpacking_in_a_loop_is_told_without_an_equals_sign():
    @exercise("99.7", "Total", minutes=1, hints=["", ""], oracle=lambda pairs: 3.0,
              cases=lambda rng: [([(1, 2), (3,)],), ([(3,), (0, 4)],)])  # fmt: skip
    def total(pairs):
        """Pairs -> number."""
        return 3.0

    def unpacks(pairs):
        return float(sum(b for a, b in pairs))

    words = total.judge(unpacks).message
    assert "unpacks into 2 names, and the number of values is 1" in words


def test_huge_integer_is_wrong():
    @exercise("99.5", "Size", kind="value", minutes=1, hints=["", ""])
    def size():
        """One number."""
        return 40

    assert size.judge(10**400).status == "wrong"


def test_error_without_shapes_omits_inputs():
    """`math.exp` of a tensor stops as exchanged arguments do."""

    @exercise("99.7", "Grow", minutes=1, hints=["", ""],
              oracle=lambda image, size: image * math.exp(size),
              cases=lambda rng: [(torch.rand(4, generator=rng), n) for n in (2, 3)])  # fmt: skip
    def grow(image, size):
        """(N,), number -> (N,)."""
        return image * math.exp(size)

    assert grow.judge(lambda image, size: size * math.exp(image)).status == "error"


def test_fraction_is_no_near_miss_of_a_large_number():
    @exercise("99.8", "Cube", kind="value", minutes=1, hints=["", ""],
              formula="side ** 3 + side", quantities={"side": 26})  # fmt: skip
    def cube():
        """One number."""
        return 17602

    assert cube.judge(9344.5).findings == ()


def test_whole_number_beside_a_near_miss_is_none():
    @exercise("99.8", "Cube", kind="value", minutes=1, hints=["", ""],
              formula="side ** 3 + side", quantities={"side": 26})  # fmt: skip
    def cube():
        """One number."""
        return 17602

    assert "comes out if" in cube.judge(17576).message
    assert "comes out if" not in cube.judge(17577).message


@pytest.mark.parametrize("answer", [max, [].append, lambda: 17602])
def test_function_instead_of_its_result_is_told(answer):
    @exercise("99.8", "Cube", kind="value", minutes=1, hints=["", ""])
    def cube():
        """One number."""
        return 17602

    assert "a function that was not called" in cube.judge(answer).message


def test_zero_is_no_reciprocal_of_a_large_number():
    @exercise("99.9", "Count", kind="value", minutes=1, hints=["", ""])
    def count():
        """One number."""
        return 17602

    assert count.judge(0).findings == ()


def test_caret_for_power_is_named():
    @exercise("99.6", "Square", kind="value", minutes=1, hints=["", ""],
              formula="side ** 2 * outputs", quantities={"side": 28, "outputs": 5})  # fmt: skip
    def square():
        """One number."""
        return 3920

    assert "`**`" in square.judge(eval("28 ^ 2 * 5")).message


def test_exchanged_parts_are_named():
    @exercise(
        "99.2",
        "Both",
        minutes=1,
        cases=images,
        oracle=lambda i, f, p=1: (i.amin().item(), i.amax().item()),
        parts=("smallest", "largest"),
        mistakes={"twice": mistake("The same twice.", lambda i, f, p=1: (i.min(), i.min()))},
    )
    def both(image, factor, power=1):
        """Smallest and largest number."""
        return image.min().item(), image.max().item()

    verdict = both.judge(lambda i, f, p=1: (i.max(), i.min()))
    assert verdict.findings == ("parts-exchanged",)
    verdict = both.judge(lambda i, f, p=1: (i.min(), -i.max()))
    assert "Right: smallest." in verdict.message
    assert verdict.parts == {"smallest": True, "largest": False}


def test_failing_cases_share_a_condition():
    verdict = make().judge(lambda i, f, p=1: i * f**p + (i.exp() if p > 1 else 0))
    assert "right where `power` is 1" in verdict.message


def make_scaling(shapes):
    """An exercise that doubles a picture, on pictures of these shapes."""

    @exercise("99.5", "Double", minutes=1, cases=lambda rng: [(torch.rand(s),) for s in shapes],
              oracle=lambda picture: 2 * picture, hints=["", ""],
              mistakes={"tripled": mistake("Three.", lambda picture: 3 * picture)})  # fmt: skip
    def double(picture):
        """(H, W) -> twice the picture."""
        return 2 * picture

    return double


def wrong_where(condition):
    def answer(picture):
        return 2 + torch.sin(9 * picture) if condition(picture) else 2 * picture

    return answer


def test_coincidence_on_one_case_is_no_lead():
    double = make_scaling([(2, 3), (3, 5), (4, 2), (5, 4)])
    for right in ((2, 3), (3, 5), (4, 2), (5, 4)):
        message = double.judge(wrong_where(lambda p, right=right: p.shape != right)).message
        assert "right in 1 of 4 cases" in message
        assert "right where" not in message
        message = double.judge(wrong_where(lambda p, right=right: p.shape == right)).message
        assert "right in 3 of 4 cases" in message


def test_two_properties_that_part_alike_are_no_lead():
    """Square pictures are those of two rows as well: which of the two matters?"""
    double = make_scaling([(2, 2), (3, 5), (2, 2), (4, 5)])
    message = double.judge(wrong_where(lambda picture: picture.shape[0] == 2)).message
    assert "right in 2 of 4 cases" in message


def test_property_that_parts_alone_is_a_lead():
    double = make_scaling([(6, 5), (7, 3), (3, 5), (2, 3), (4, 5)])
    message = double.judge(wrong_where(lambda picture: picture.shape[1] == 3)).message
    assert "`picture.shape[1]` is 3" in message


def test_unnamed_argument_is_not_spoken_of():
    verdict = make(argument_names=("image", "", "power")).judge(
        lambda image, factor, power=1: right(image, factor, power) * (factor < 4)
    )
    assert "``" not in verdict.message
    assert list(verdict.case) == ["image", "power"]


def test_printing_instead_of_returning_is_told():
    def printed(image, factor, power=1):
        print(right(image, factor, power))

    words = make().judge(printed).message
    assert "prints something and returns nothing" in words
    assert words.count("`return` hands it over") == 1
    assert "prints something and returns nothing" in make().judge(print).message


def test_mistake_and_error_are_both_told():
    def halved_or_stopped(image, factor, power=1):
        return image * factor**power / 2 if len(image) < 4 else image.nonsense

    verdict = make().judge(halved_or_stopped)
    assert verdict.findings == ("halved", "error-attribute-unknown")
    assert "You halved it." in verdict.message
    assert "nothing called `nonsense`" in verdict.message


# One edit away ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "line", "words"),
    [
        ("return image + factor**power", "return image + factor**power", "wrong operator"),
        ("return image * factor ^ power", "return image * factor ^ power", "wrong operator|power"),
        ("x = image * factor**power\n    return x + x * x", "return x + x * x", "too much"),
        ("x = factor**power\n    x.bit_length\n    return image", "return image", ""),
    ],
)
def test_one_edit_names_line_and_kind(code, line, words):
    answer = typed(f"def scale(image, factor, power=1):\n    {code}\n")
    verdict = make(mistakes={"x": mistake("x", lambda *case: case[0] * 0)}).judge(answer)
    if "edit" in verdict.findings:
        assert f"`{line}`" in verdict.message
        assert verdict.fix


@pytest.mark.parametrize(
    "line",
    [
        "return image + factor; print({})",
        "image.clamp(max=len({})); return image",
        "return image * (2 ^ len({}))",
        "note = {}.join(['x']); return image",
        "x = [[1] * len({})] * 2; x[0][0] = 2; return image",
        "return image * (len({}) > 1 == 2 > 1)",
    ],
)
def test_notes_survive_an_f_string_that_ast_cannot_write(line):
    text = "f\"{'a\u00a0b'}\""
    answer = typed(f"def scale(image, factor, power=1):\n    {line.format(text)}\n")
    assert make().judge(answer).status in ("wrong", "mistake")


def test_edit_is_found_beside_an_f_string_that_ast_cannot_write():
    """As with a space that does not break, in a text within it."""
    note = "    note = f\"{dict()} {'a\u00a0b'}\"\n"
    answer = typed(f"def scale(image, factor, power=1):\n{note}    return image + factor**power\n")
    verdict = make().judge(answer)
    assert "`+` is the wrong operator" in verdict.message


def test_edit_search_takes_a_parameter_from_one():
    def shares(rng):
        for rate in (0.25, 0.5):
            yield torch.rand(4, generator=rng), rate

    @exercise(
        "99.2", "Rest", minutes=1, cases=shares, oracle=lambda x, rate: x.mean() * rate + 1 - rate
    )
    def rest(x, rate):
        """A step of this size from 1 to the mean."""
        return rate * x.mean() + (1 - rate)

    answer = typed("def rest(x, rate):\n    m = x.sum() / 4\n    return rate * m + 0.75\n", "rest")
    verdict = rest.judge(answer)
    assert verdict.findings == ("edit",)
    assert "1 - rate" in verdict.fix


def totals(rng):
    for length in (3, 4, 6):
        yield (torch.rand(length, generator=rng) + torch.arange(length),)


def make_total():
    @exercise(
        "99.3",
        "Total",
        minutes=1,
        cases=totals,
        oracle=lambda x: float(sum(v**2 for v in x.tolist())),
        mistakes={"sum": mistake("No squares.", lambda x: x.sum().item())},
    )
    def total(x):
        """Sum of squares."""
        return (x**2).sum().item()

    return total


LOOP = """
def total(x):
    result = 0.0
    for value in x:
        {body}
    return result
"""


@pytest.mark.parametrize(
    ("body", "quoted", "words"),
    [
        ("result = value ** 2", "result = value ** 2", "replaces the former value"),
        ("result += value ** 3", "result += value ** 3", "`3` is not the right number"),
        ("result += value ** 2\n        return result", "return result", "inside the loop|without"),
        ("result -= value ** 2", "result -= value ** 2", "operator|sign"),
    ],
)
def test_edit_search_finds_place_in_loop(body, quoted, words):
    verdict = make_total().judge(typed(LOOP.format(body=body), "total"))
    if verdict.findings == ("edit",):
        assert f"`{quoted}`" in verdict.message
    assert verdict.message
    assert verdict.status == "mistake"


def suggested(code, oracle, shapes=((4, 5), (5, 3), (6, 7))):
    """What the search for edits says of a function of a table, typed as `total`."""

    @exercise("99.3", "Total", minutes=1, cases=lambda rng: [], oracle=oracle)
    def total(x):
        """(H, W) -> a result."""
        return oracle(x)

    answer, rng = typed(code, "total"), torch.Generator().manual_seed(0)
    cases = [(4 * torch.randn(shape, generator=rng),) for shape in shapes]
    got, right = ([function(*case) for case in cases] for function in (answer, oracle))
    return edits.search(Evidence(total, cases, got, right, answer))


WINDOWS = """
def total(x):
    rows = []
    for i in range(0, x.shape[0] - 2{rows}):
        row = []
        for j in range(0, x.shape[1] - 2{columns}):
            row.append(x[i : i + 2, j : j + 2].sum())
        rows.append(torch.stack(row))
    return torch.stack(rows)
"""


def sums_of_windows(x):
    return 4 * torch.nn.functional.avg_pool2d(x[None], 2, 1)[0]


def test_same_slip_at_two_places_is_found():
    suggestion = suggested(WINDOWS.format(rows="", columns=""), sums_of_windows)
    assert "2):`: `2` is not the right number, and at `for j in" in suggestion.words
    assert suggestion.words.endswith(" - 2):`: `2` is not the right number.")
    assert suggestion.fix.count(" - 1):") == 2


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("return x[0:, 0:].sum() + 0 * x.sum()", "`0` is not the right number, twice."),
        ("n = 0\n    n += 2\n    x = x + n\n    n += 2\n    return (x + n).sum()", "line like it."),
    ],
)
def test_twins_that_say_the_same_say_it_once(code, words):
    def oracle(x):
        return x[1:, 1:].sum() if "0:" in code else (x + 3 + 6).sum()

    assert suggested(f"def total(x):\n    {code}\n", oracle).words.endswith(words)


def test_argument_without_axes_is_no_model_for_another():
    code = "def total(x):\n    return (x.clamp(0) + 1).prod().sum().item()\n"
    suggestion = suggested(code, lambda x: (x.clamp(0) + 1).prod(0).sum().item())
    assert suggestion is None or "has no axes" not in suggestion.words


def test_praise_of_one_slip_is_left_out_of_two():
    """What remains of a mistake's words says of nothing that it is right, but as what is wanted."""
    meant = re.compile("minus the right one|not the right|has the right|right (angles|only|for)")
    for each in ALL:
        for listed in each.mistakes.values() if each.switches else ():
            words = pairs.PRAISE.sub("", listed.words) if listed.switch else ""
            claims = re.findall(r"[^.;:]*\b(?:is|are) right\b[^.;:]*", words)
            assert not [c for c in claims if not meant.search(c)], (each.number, words)


def test_slip_at_one_of_two_places_is_not_called_twice():
    suggestion = suggested(WINDOWS.format(rows=" + 1", columns=""), sums_of_windows)
    assert "x.shape[1] - 2" in suggestion.words
    assert "x.shape[0]" not in suggestion.words


@pytest.mark.parametrize(
    ("body", "oracle", "words"),
    [
        (
            "torch.where(x < 2.5, 0 * x, x ** 2).sum().item()",
            lambda x: torch.where(x < -2.5, 0 * x, x**2).sum().item(),
            "`2.5` is not the right number",
        ),
        (
            "torch.where(x < len(x), 0 * x, x ** 2).sum().item()",
            lambda x: torch.where(x < -len(x), 0 * x, x**2).sum().item(),
            "the sign of `len(x)` is wrong",
        ),
        (
            "((x - x.mean((0, 2), keepdim=True)) / x.std()).abs().sum().item()",
            lambda x: sum(((c - c.mean()) / c.std()).abs().sum().item() for c in x.unbind(1)),
            "`.std()` has no axes, and `.mean((0, 2), keepdim=True)` has",
        ),
        (
            "x[1:].square().sum().item()",
            lambda x: x[:, 1:].square().sum().item(),
            "`[1:]` begins with axis 0, and it belongs one axis further",
        ),
    ],
)
def test_edit_of_sign_options_and_axis_is_found(body, oracle, words):
    shapes = ((4, 5, 2), (5, 3, 3), (6, 7, 2)) if "(0, 2)" in body else ((4, 5), (5, 3), (6, 7))
    assert words in suggested(f"def total(x):\n    return {body}\n", oracle, shapes).words


@pytest.mark.parametrize("line", ["x" + " + 0 * x" * 400, "x" + ".abs()" * 400])
def test_edit_search_gives_up_on_lines_too_deep(line):
    code = f"def total(x):\n    return ({line}).sum().item() + 17 * len(x) ** 2\n"
    assert suggested(code, lambda x: x.sum().item()) is None


def test_edit_search_ignores_many_places():
    answer = typed("def total(x):\n    return float((x ** 3).sum() + 17)\n", "total")
    assert make_total().judge(answer).findings != ("edit",)


def test_edit_search_keeps_to_its_time(monkeypatch):
    """However long an edited answer would run, it gets no more than is left of the second."""
    now, granted = [0.0], []

    def run(_function, seconds, **_options):
        granted.append(seconds)
        now[0] += seconds  # each ends when its time is up
        return guard.Outcome(None)

    monkeypatch.setattr(edits, "SECONDS", 1.0)
    monkeypatch.setattr(edits, "SECONDS_EACH", 0.3)
    monkeypatch.setattr(edits.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(edits.guard, "guarded", run)
    answer = typed("def scale(image, factor, power=1):\n    return image * factor * power")
    cases = [(torch.ones(2), 3.0, 2)]
    evidence = Evidence(make(), cases, [torch.ones(2)], [9 * torch.ones(2)], answer)
    assert edits.search(evidence) is None
    assert [seconds for seconds in granted if seconds > 1e-9] == pytest.approx([0.3] * 3 + [0.1])


def test_edit_search_survives_endless_loops():
    code = "def total(x):\n    i = 0\n    while i < len(x):\n        i += 1\n    return i * 3.7\n"
    verdict = make_total().judge(typed(code, "total"))
    assert verdict.status in ("wrong", "mistake")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("3 * x.sum() / x.numel() + 1.7", "brackets are missing"),
        ("3 * x.sum() / (x.numel()) + 1.7 - 0", "brackets are missing"),
        ("(3 * x).sum() / torch.as_tensor(x.numel() + 1.7)", ""),
    ],
)
def test_edit_search_inserts_brackets(code, words):
    @exercise("99.9", "Damped", minutes=1, cases=totals,
              oracle=lambda x: 3 * sum(x.tolist()) / (len(x) + 1.7))  # fmt: skip
    def damped(x):
        """Three times the sum, divided by the length and 1.7 more."""
        return 3 * x.sum() / (x.numel() + 1.7)

    verdict = damped.judge(typed(f"def damped(x):\n    return {code}\n", "damped"))
    if not words:
        assert verdict.status == "ok"
        return
    assert verdict.findings == ("edit",)
    assert words in verdict.message
    assert "+ 1.7)" in verdict.fix


@pytest.mark.parametrize(
    ("code", "words"),
    [("torch.sum(x) - 0.3", "close too early"), ("(x - 0.3).sum()", ""),
     ("torch.sum(x - 0.3) * 1", "")],
)  # fmt: skip
def test_edit_search_moves_end_of_call(code, words):
    @exercise("99.9", "Shifted", minutes=1, cases=totals,
              oracle=lambda x: sum(v - 0.3 for v in x.tolist()))  # fmt: skip
    def shifted(x):
        """Sum of what is left when 0.3 is taken off each number."""
        return (x - 0.3).sum()

    verdict = shifted.judge(typed(f"def shifted(x):\n    return {code}\n", "shifted"))
    assert (verdict.status, words in verdict.message) == ("mistake" if words else "ok", True)


def test_index_beyond_end_is_sought_in_code_first():
    listed = {"far": mistake("You walk too far.", lambda x: x[len(x)])}

    @exercise("99.9", "Last", minutes=1, cases=totals, mistakes=listed,
              oracle=lambda x: float(x.tolist()[-1]))  # fmt: skip
    def last(x):
        """The last number."""
        return x[-1].item()

    typed_answer = typed("def last(x):\n    n = len(x)\n    return x[n].item()\n", "last")
    assert last.judge(typed_answer).findings == ("edit",)
    assert last.judge(lambda x: x[len(x)]).findings == ("far",)


def test_edit_leaves_student_function_alone():
    answer = typed("def total(x):\n    return (x ** 3).sum().item()\n", "total")
    before = answer.__code__
    make_total().judge(answer)
    assert answer.__code__ is before
    assert edits._parse(answer)[2] == "total"


# The right formula --------------------------------------------------------------------------------


def make_size(**options):
    settings = {
        "formula": "(n - 1) * s + k - 2 * p",
        "quantities": {"n": 6, "k": 4, "s": 3, "p": 1},
    }

    @exercise("99.4", "Size", minutes=1, kind="value", **settings | options)
    def size():
        """Outputs of a transposed convolution."""
        return 17

    return size


@pytest.mark.parametrize(
    ("number", "words"),
    [(19, "`2 * p` is left out"), (13, "`k` is left out"), (20, "`- 1` is left out")],
)
def test_unique_variant_is_named(number, words):
    verdict = make_size().judge(number)
    assert verdict.findings == ("formula",)
    assert words in verdict.message
    assert "17" not in verdict.message


def test_ambiguous_number_is_not_explained():
    assert make_size().judge(1234).findings == ()


def test_formula_gives_the_right_value():
    for text, values in (("(n - 1) * s + k - 2 * p", {"n": 6, "k": 4, "s": 3, "p": 1}),):
        assert formula.evaluate(__import__("ast").parse(text, mode="eval").body, values) == 17


# Errors in plain words ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "finding", "words"),
    [
        ("return image @ image.flatten(1)", "", ""),
        ("return nn.ReLU(image).shape", "layer-for-function", "nn.ReLU()(x)"),
        ("if image > 1:\n        return image", "truth-of-tensor", "torch.where"),
        ("return image[9]", "index-range", "indices start at 0"),
        (
            "x, y = image[0], torch.arange(len(image[0]))\n    return F.cross_entropy(y, x)",
            "cross-entropy-arguments",
            "outputs first and the labels second",
        ),
        ("return image.reshape(7, 11)", "reshape", "cannot be arranged"),
        ("return image + torch.ones(97)", "shapes-broadcast", "do not fit together"),
        ("return imag * factor", "name-unknown", "`imag` is not known"),
        ("return image.shap", "attribute-unknown", "nothing called `shap`"),
        ("return image(0)", "tensor-called", "round brackets"),
        ("return range(image.shape[0] / 2)", "float-as-count", "whole numbers"),
        ("return torch.zeros(2, 3).view(image)", "", ""),
    ],
)
def test_errors_say_what_they_mean(line, finding, words):
    answer = typed(f"def scale(image, factor, power=1):\n    {line}\n")
    verdict = make().judge(answer)
    assert verdict.status in ("error", "mistake"), verdict
    assert words in verdict.message
    if finding and verdict.status == "error":
        assert verdict.findings == (f"error-{finding}",)
        assert "` has shape" in verdict.message or finding == "name-unknown"


def test_near_name_is_offered():
    code = "def scale(image, factor, power=1):\n    return imgae * factor"
    message = make().judge(typed(code)).message
    assert "`imgae` is not known here" in message
    assert "`imgae` is not there, but `image` is" in message


def test_missing_self_is_told():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.pool1 = torch.nn.Identity()

        def forward(self, x):
            """Pool."""
            return self.pool1(x)

    @exercise("99.9", "Net", minutes=1, kind="module", cases=totals,
              observe=lambda net, case: net()(*case), oracle=lambda: Net())  # fmt: skip
    class net(Net):  # noqa: N801
        """Pool."""

    code = """
    class net(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool1 = nn.Identity()

        def forward(self, x):
            x = pool1(x)
            return x
    """
    verdict = net.judge(typed(code, "net"))
    assert "write `self.pool1`" in verdict.message


def test_missing_key_is_told():
    answer = typed("def scale(image, factor, power=1):\n    return {1: 2}['conv']\n")
    assert "no entry under 'conv'" in make().judge(answer).message


def test_unknown_error_keeps_pythons_words():
    words = plain_errors.explain(Stopped("OddError", "something odd", "x = odd(y)", "`y` is 3"))
    assert "something odd" in words
    assert "`x = odd(y)`" in words
    assert "`y` is 3" in words


# What the source shows ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "note"),
    [
        ("def f(x):\n    return x ^ 2\n", "caret"),
        ("def f(x):\n    x.clamp(0)\n    return x\n", "dropped-result"),
        ("def f(x):\n    for v in x:\n        y = v\n        return y\n", "return-in-loop"),
        ("def f(x, k):\n    return x\n", "unused"),
        ("def f(x):\n    return x * factor\n", "notebook-value"),
        ("def f(m, b, t):\n    return m / 1 - b**t\n", "brackets"),
        ("def f(x):\n    print(x)\n", "print-for-return"),
        ("def f(x):\n    return x\n    x = 2\n", "unreachable"),
        ("def f(x):\n    x = 3\n    return x\n", "overwritten"),
        ("def f(x, k):\n    return nn.Conv2d(1, k, 3)(x)\n", "fresh-layer"),
        ("def f(n):\n    t = [[0] * n] * n\n    t[0][1] = 2\n    return t\n", "one-row"),
        ("def f(n):\n    t = [[[0] * n] * n] * n\n    t[0][1][1] = 2\n    return t\n", "one-row"),
        ("def f(n):\n    t = n * [torch.zeros(n)]\n    t[0][1] += 2\n    return t\n", "one-row"),
    ],
)
def test_source_note(code, note):
    assert note in [n.id for n in source_notes.notes(typed(code, "f", factor=3))]


def test_clean_source_has_no_notes():
    code = "def f(x, k=2):\n    y = x.clamp(0)\n    for v in y:\n        k = k + v\n    return k\n"
    filled = "def f(x, w):\n    c = nn.Linear(2, 2)\n    c.weight.data = w\n    return c(x)\n"
    fresh = "def f(n):\n    t = [[0] * n for _ in range(n)]\n    t[0][1] = 2\n    return t\n"
    whole = "def f(n):\n    t = [[0] * n] * n\n    t[0] = [1] * n\n    return t\n"
    anew = (
        "def f(n):\n    t = [[0] * n] * n\n    t = [*map(list, t)]\n    t[0][1] = 2\n    return t\n"
    )
    each = "def f(n):\n    t = [[0] * n] * n\n    t[0] = [0] * n\n    t[0][1] = 2\n"
    texts = code, filled, fresh, whole, anew, each
    assert [source_notes.notes(typed(text, "f")) for text in texts] == [[]] * len(texts)


# Values ------------------------------------------------------------------------------------------


def make_table():
    @exercise("99.5", "Table", minutes=1, kind="value")
    def table():
        """Six numbers in two rows."""
        return torch.tensor([[1, 2, 3], [4, 5, 6]])

    return table


def test_empty_result_is_judged():
    assert make().judge(lambda image, factor, power=1: image[:0]).status in ("wrong", "type")


def test_several_numbers_for_one_are_counted():
    message = make_size().judge((16, 17, 18)).message
    assert message == "This is a tuple, which holds 3 numbers; one number is wanted."


def test_one_number_for_several_is_told():
    assert make_table().judge(21).message == "This is one number; six are wanted."


def test_wrong_table_entries_are_located():
    message = make_table().judge([[1, 2, 3], [4, -5, 6]]).message
    assert message.startswith("5 of 6 numbers are right; compute again: row 2, column 2.")


def test_pairs_for_numbers_are_counted():
    @exercise("99.9", "Point", minutes=1, kind="value", hints=["", ""],
              accept=lambda point: sum(point) == 5)  # fmt: skip
    def point():
        """Two numbers with the sum 5."""
        return 2, 3

    assert "These are four numbers; two are wanted." in point.judge(((0, 5), (5, 0))).message


def test_demands_are_marked_one_by_one():
    def demands(numbers, image, *_rest):
        most, wanted = max(numbers), len(image)
        return {
            "largest": Demand(f"{most:g}", "below 10", most < 10),
            "how many": Demand(len(numbers), str(wanted), len(numbers) == wanted),
            "later": Demand(None, "yes", None if most >= 10 else True),
        }

    @exercise("99.8", "Small numbers", minutes=1, cases=images, demands=demands, hints=["", ""])
    def small_numbers(image, factor, power=1):
        """(C, H, W), number -> C numbers below 10."""
        return [1.0] * len(image)

    assert small_numbers.judge(lambda image, *_: [2.0] * len(image)).status == "ok"
    verdict = small_numbers.judge(lambda image, *_: [12.0] * len(image))
    assert verdict.parts == {"largest": False, "how many": True, "later": False}
    words = str(verdict)
    assert "✗ largest: yours 12, expected below 10" in words
    assert "✓ how many" in words
    assert "– later: yours not compared" in words
    assert small_numbers.judge(lambda *_: 0).status == "wrong"


def test_shape_of_a_table_is_told():
    message = make_table().judge([1, 2, 3, 4, 5, 6]).message
    assert message == (
        "The numbers are right and in the right order, in the shape (6,) instead of (2, 3): its "
        "axes 0 and 1 are joined to one, as a plain list."
    )
    message = make_table().judge([1, 2, 3, 4, 5, 7]).message
    assert message.startswith("The shape is (6,); (2, 3) is expected.")


def test_choice_without_letter_is_told():
    @exercise("99.6", "Pick", minutes=1, kind="choice", choices={"a": "1", "b": "2", "c": "3"},
              mistakes={"first": mistake("No.", "a"), "third": mistake("No!", "c")})  # fmt: skip
    def pick():
        """The second."""
        return "b"

    assert pick.judge(2).message == "Answer with one letter in quotes: 'a', 'b' or 'c'."


def scaled(sign=1, offset=0):
    return lambda image, factor, power=1: sign * (image * factor**power) + offset


def test_two_slips_are_named_together():
    exercise = make(
        switches=scaled,
        mistakes={
            "sign": mistake("The sign is wrong.", sign=-1),
            "offset": mistake("You added 3.", offset=3),
        },
    )
    verdict = exercise.judge(lambda image, factor, power=1: 3 - image * factor**power)
    assert verdict.findings == ("sign+offset",)


def test_one_probe_goes_before_two_slips():
    exercise = make(
        switches=scaled,
        mistakes={
            "lost": mistake("The image is lost.", sign=0),
            "zero": mistake("You added 3.", offset=3),
            "taken": mistake("You took 3 off.", offset=-3),
        },
    )
    assert exercise.judge(lambda image, factor, power=1: image).findings == ("returns-image",)


@pytest.mark.parametrize("order", [lambda a, b: a * b, lambda a, b: b * a])
def test_misfit_sizes_are_one_error(order):
    wrong = torch.zeros(7)
    exercise = make(mistakes={"row": mistake("One row.", lambda image, *_: image * wrong)})
    assert exercise.judge(lambda image, *_: order(wrong, image)).findings == ("row",)


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        ("7.13", (0.9, 0.45), "as if half of the line's ten pixels counted, or"),
        ("6.15", (0.04, 600), "Your steps fit your rate"),
        ("4.10", (64, 63), "Your units fit your pieces"),
    ],
)
def test_one_slip_is_not_told_as_two(number, answer, message):
    assert message in REGISTRY[number].judge(answer).message


@pytest.mark.parametrize(
    ("number", "other", "message"),
    [
        ("7.7", {"stride": 2}, "where `stride` and `padding` are given, and wrong where they are"),
        ("6.10", {"warm": 0.5}, "It is right where `warm` is given, and wrong where it is left"),
        ("6.9", {"eta": 1.0}, "wrong where they are left at the default"),
    ],
)
def test_other_default_is_told_by_what_is_left_out(number, other, message):
    model = REGISTRY[number].model

    def answer(*args):
        left_out = [*inspect.signature(model).parameters][len(args) :]
        return model(*args, **{name: value for name, value in other.items() if name in left_out})

    assert message in REGISTRY[number].judge(answer).message


def test_what_is_kept_from_call_to_call_is_named():
    """A default argument is made once; a right answer that keeps something is left alone."""

    def total_of(layers, total=[0]):  # noqa: B006  (that is the mistake)
        for layer in layers:
            total[0] += REGISTRY["4.5"].model([layer])
        return total[0]

    def remembering(layers, seen={}):  # noqa: B006
        return seen.setdefault(str(layers), REGISTRY["4.5"].model(layers))

    def wrong(layers):
        return REGISTRY["4.5"].model(layers) ** 2 % 1009

    assert REGISTRY["4.5"].judge(total_of).findings == ("other-result-again",)
    assert REGISTRY["4.5"].judge(remembering).status == "ok"
    assert REGISTRY["4.5"].judge(wrong).findings != ("other-result-again",)
