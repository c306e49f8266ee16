"""The benchmark of training: its table, its verdicts and the clock that its ratios rest on."""

from __future__ import annotations

import importlib.util
import math
import time

import pytest
import torch
from torch import nn

from course_utils.workbooks import ROOT


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench", ROOT / "benchmarks" / "training.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def few_steps(bench, monkeypatch):
    """Shapes, and every recipe small enough for a test."""
    monkeypatch.setenv("COURSE_DATASET", "shapes")
    for name, recipe in bench.RECIPES.items():
        network = recipe.network | ({} if name == "logistic" else {"width": 2})
        small = recipe._replace(network=network, options=recipe.options | {"epochs": 1})
        monkeypatch.setitem(bench.RECIPES, name, small)


def table(capsys):
    """Cells of the printed table, below its head."""
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert lines[0].split("|")[1:-1] == [" what ", " median ", " goal ", " "]
    assert set(lines[1]) == {"|", "-"}
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


@pytest.mark.training
def test_every_part_writes_rows(bench, capsys):
    bench.main(["--images", "60", "--runs", "1", "--threads", "1"])
    rows = table(capsys)
    assert {len(row) for row in rows} == {4}
    words = [
        "tutorial set-up's two epochs",
        "plain loop",
        "itself from one float tensor",
        "time to 60, 65 and 70 %",
        "images a second",
        "matrix product",
        "course recipe − logistic",
        "course recipe, accuracy",
        "course recipe, time",
        "shapes, logistic",
        "shapes, the course's CNN",
    ]
    assert len(rows) == len(words)
    assert all(word in row[0] for word, row in zip(words, rows, strict=True))
    assert float(rows[2][1]) > 0
    assert 0 < float(rows[5][1].rstrip("%")) < 150
    goals = [row[2] for row in rows]
    assert goals == [""] * 9 + ["≤ 45 %", "≥ 85 %"]  # the others are for CIFAR-10


@pytest.mark.training
def test_missed_goal_returns_one(bench, capsys, monkeypatch):
    arguments = ["--images", "60", "--threads", "1", "--part", "shapes"]
    assert bench.main(arguments) == 1
    logistic, convnet = table(capsys)
    assert logistic[3] == "met"
    assert convnet[3] == "MISSED"
    scores = iter([0.3] * 5 + [0.9] * 5)
    Score = type("Score", (), {"__init__": lambda self: setattr(self, "accuracy", next(scores))})
    monkeypatch.setattr(bench, "evaluate", lambda model, data: Score())
    assert bench.main(arguments) == 0
    assert [row[1:] for row in table(capsys)] == [
        ["30.0%", "≤ 45 %", "met"],
        ["90.0%", "≥ 85 %", "met"],
    ]


def task(bench, accuracy_goals=True, count=60):
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8)
    data = images, torch.randint(0, 10, (count,))
    return bench.Task("cifar10" if accuracy_goals else "shapes", data, data, 3, "course")


@pytest.mark.parametrize(
    ("accuracy", "seconds", "met"),
    [(0.40, 13.0, True), (0.40, 11.0, False), (0.12, 50.0, False)],
)
def test_tutorial_ratio_verdict(bench, monkeypatch, accuracy, seconds, met):
    """Its median counts, and an accuracy that guessing nearly gives proves nothing."""
    monkeypatch.setattr(
        bench, "tutorial", lambda task, seed, batches=None: (seconds + 100 * (seed == 2), accuracy)
    )
    monkeypatch.setattr(bench, "time_by_fit", lambda *_: {accuracy: 1.0})
    monkeypatch.setattr(bench, "time_by_plain_loop", lambda *_: {accuracy: 1.5})
    first, fair, loading = bench.against_tutorial(task(bench))
    assert first.value == f"{seconds:.1f}"
    assert first.met is met
    assert (fair.value, loading.value) == ("1.50", "1.0")
    assert bench.against_tutorial(task(bench, accuracy_goals=False))[0].met is None


def test_unreached_accuracy_fails(bench, monkeypatch):
    monkeypatch.setattr(bench, "tutorial", lambda task, seed, batches=None: (30.0, 0.5))
    monkeypatch.setattr(bench, "time_by_fit", lambda *_: {})
    monkeypatch.setattr(bench, "time_by_plain_loop", lambda *_: {0.5: 2.0})
    row = bench.against_tutorial(task(bench))[0]
    assert row.met is False
    assert "never" in row.what
    assert [row.value for row in bench.targets(task(bench))] == ["never"] * 3


@pytest.mark.parametrize(
    ("gain", "seconds", "recipe", "verdicts"),
    [
        (0.25, 50, "course", [True, None, True]),
        (0.15, 70, "course", [False, None, False]),
    ],
)
def test_verdicts_on_the_recipes(bench, monkeypatch, gain, seconds, recipe, verdicts):
    scores = iter([0.40, 0.40 + gain] * 3)
    result = type("Result", (), {"seconds": seconds})
    monkeypatch.setattr(bench, "fit", lambda *_, **__: result)
    monkeypatch.setattr(bench, "evaluate", lambda *_: type("Score", (), {"accuracy": next(scores)}))
    rows = bench.comparison(task(bench)._replace(recipe=recipe))
    assert [row.met for row in rows] == verdicts


def test_clock_excludes_evaluation(bench, monkeypatch):
    accuracies = iter([0.3, 0.55, 0.8])

    def slow_look(model, data):
        time.sleep(0.2)
        return type("Score", (), {"accuracy": next(accuracies)})

    monkeypatch.setattr(bench, "evaluate", slow_look)
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.ConstantLR(optimizer, total_iters=99)
    schedule.total_steps = 99
    optimizer.step()
    clock = bench.Clock(task(bench), None, [0.7, 0.5], 2, schedule)
    for step in range(1, 7):
        time.sleep(0.01)
        if step < 6:
            clock.step()
    assert list(clock.passed) == [0.5]
    with pytest.raises(KeyboardInterrupt):
        clock.step()
    assert clock.steps == 6
    assert 0.03 < clock.passed[0.5] < clock.passed[0.7] < 0.2


def test_plain_loop_trains_like_fit(bench):
    """The same network, images, optimiser and number of steps; both stop at the accuracy."""
    small = task(bench, count=130)
    recipe = bench.RECIPES["quick"]
    recipe = bench.Recipe(recipe.network, recipe.options | {"epochs": 3, "batch_size": 32})
    for by in (bench.time_by_fit, bench.time_by_plain_loop):
        assert by(small, recipe, [1.01], 0) == {}
        assert list(by(small, recipe, [0.0], 0)) == [0.0]
        assert by(small, recipe, [0.0], 0)[0.0] < math.inf


def test_help_lists_options(bench, capsys):
    with pytest.raises(SystemExit, match="0"):
        bench.main(["--help"])
    text = capsys.readouterr().out
    assert all(option in text for option in ("--part", "--recipe", "--runs", "--images"))
