"""The long recipe: whitened patches, schedule, augmentation, averages, and its benchmark."""

from __future__ import annotations

import importlib.util

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils.workbooks import ROOT

spec = importlib.util.spec_from_file_location("long_recipe", ROOT / "benchmarks" / "long_recipe.py")
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)
TINY = bench.LongRecipe(widths=(2, 2, 2), epochs=1, batch_size=20)


def smooth_images(count=60, side=12):
    """Images whose neighbouring pixels and channels go together."""
    noise = torch.randn(count, 3, side + 2, side + 2)
    noise[:, 1] += 2 * noise[:, 0]
    return F.avg_pool2d(noise, 3, stride=1) * torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)


def byte_images(count=40, side=16):
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)


@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_whitening_makes_covariance_identity(kernel):
    images = smooth_images().double()  # some patches hardly vary: float32 would show its rounding
    outputs = F.conv2d(images, bench.whitening_filters(images, kernel)).transpose(0, 1).flatten(1)
    covariance = torch.cov(outputs)
    off_diagonal = covariance - covariance.diag().diag()
    assert off_diagonal.abs().max() < 1e-9
    variances = torch.linalg.eigvalsh(
        torch.cov(F.unfold(images, kernel).transpose(0, 1).flatten(1))
    )
    expected = (variances / (variances + 5e-4)).flip(0)  # nearly 1
    torch.testing.assert_close(covariance.diag(), expected, rtol=1e-9, atol=0)


def test_whitening_conv_has_both_signs():
    images = smooth_images()
    conv = bench.whitening_conv(images, 2)
    positive, negative = conv(images).chunk(2, dim=1)
    assert torch.equal(positive, -negative)
    assert not conv.weight.requires_grad
    assert conv.bias is None


def test_dirac_convolutions_pass_their_inputs():
    images = byte_images()
    network = bench.whitened_convnet(images, (30, 30))
    x = torch.randn(2, 24, 5, 5)
    torch.testing.assert_close(network.conv1a(x)[:, :24], x)
    random = bench.whitened_convnet(images, (30, 30), dirac=False)
    assert not torch.allclose(random.conv1a(x)[:, :24], x, atol=0.1)


def test_whitened_convnet_takes_any_side():
    network = bench.whitened_convnet(byte_images(), (2, 3), classes=7)
    for side in (10, 24, 32):
        assert network(torch.rand(2, 3, side, side)).shape == (2, 7)


def test_unwhitened_first_layer_is_trained():
    network = bench.whitened_convnet(byte_images(), (2, 2), whitened=False, activation=nn.ReLU)
    assert network.whiten.weight.requires_grad
    assert not any(isinstance(layer, nn.GELU) for layer in network)
    assert (
        network.whiten.out_channels
        == bench.whitened_convnet(byte_images(), (2, 2)).whiten.out_channels
    )


def test_triangle_end_points():
    assert bench.triangle(0.0, start=0.3, peak_at=0.25, end=0.1) == pytest.approx(0.3)
    assert bench.triangle(0.25, start=0.3, peak_at=0.25, end=0.1) == pytest.approx(1)
    assert bench.triangle(1.0, start=0.3, peak_at=0.25, end=0.1) == pytest.approx(0.1)
    assert bench.triangle(0.125, start=0.3, peak_at=0.25) == pytest.approx(0.65)


def scheduler(recipe, steps, model=None):
    model = model or recipe.build(byte_images())
    return bench.RecipeScheduler(recipe, model, recipe.optimizer(model), steps)


def test_scheduler_follows_the_triangle():
    recipe = TINY._replace(rate=0.5, bias_rate=4.0)
    plan = scheduler(recipe, steps=10)
    rates = []
    for _ in range(10):
        rates.append([group["lr"] for group in plan.optimizer.param_groups])
        plan.step()
    rates.append([group["lr"] for group in plan.optimizer.param_groups])
    for done, (weights, biases) in enumerate(rates):
        assert weights == pytest.approx(0.5 * bench.triangle(done / 10))
        assert biases == pytest.approx(4 * weights)


def test_constant_rate_without_schedule():
    plan = scheduler(TINY._replace(scheduled=False), steps=3)
    before = [group["lr"] for group in plan.optimizer.param_groups]
    plan.step()
    assert [group["lr"] for group in plan.optimizer.param_groups] == before


def test_optimizer_groups_hold_what_is_trained():
    model = TINY.build(byte_images())
    weights, biases = TINY.optimizer(model).param_groups
    assert {parameter.ndim for parameter in weights["params"]} == {2, 4}
    assert len(weights["params"]) == 6 + 1
    assert len(biases["params"]) == 6
    assert biases["lr"] * biases["weight_decay"] == pytest.approx(
        weights["lr"] * weights["weight_decay"]
    )
    assert weights["nesterov"]


@pytest.mark.parametrize("averaging", [0.0, 0.5])
def test_last_step_puts_the_average_into_the_network(averaging):
    model = nn.Linear(1, 1, bias=False)
    recipe = TINY._replace(averaging=averaging)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    plan = bench.RecipeScheduler(recipe, model, optimizer, 4)
    expected = None
    for done, value in enumerate((1.0, 2.0, 4.0, 8.0), start=1):
        nn.init.constant_(model.weight, value)
        plan.step()
        decay = min(averaging, done / (done + 9))
        expected = value if expected is None else decay * expected + (1 - decay) * value
    assert model.weight.item() == pytest.approx(expected)
    assert (expected == 8) == (averaging == 0)


def test_images_are_small_at_first():
    plan = scheduler(TINY._replace(small_side=10, small_until=0.5), steps=4)
    sides = []
    for _ in range(4):
        sides.append(plan.augment(torch.rand(2, 3, 16, 16)).shape[-1])
        plan.step()
    assert sides == [10, 10, 16, 16]
    assert (
        scheduler(TINY._replace(small_side=0), 4).augment(torch.rand(1, 3, 16, 16)).shape[-1] == 16
    )


def test_flip_and_shift_moves_and_mirrors():
    torch.manual_seed(0)
    batch = torch.rand(40, 3, 12, 12)
    moved = bench.flip_and_shift(batch, max_shift=2)
    assert moved.shape == batch.shape
    mirrored = []
    for before, after in zip(batch, moved, strict=True):
        inner = after[:, 2:-2, 2:-2]
        places = [
            (mirror, image[:, row : row + 8, column : column + 8])
            for mirror, image in enumerate((before, before.flip(2)))
            for row in range(5)
            for column in range(5)
        ]
        matches = [mirror for mirror, place in places if torch.equal(inner, place)]
        assert len(matches) == 1
        mirrored += matches
    assert 0 < sum(mirrored) < 40
    assert not torch.equal(moved, batch)
    assert torch.equal(bench.flip_and_shift(batch, max_shift=0, mirror=False), batch)


class Corner(nn.Module):
    """Logits from the pixels of one corner: they change when an image moves or is mirrored."""

    def forward(self, x):
        return 5 * x[:, 0, :2, :2].flatten(1)


def test_test_time_average_means_probabilities():
    x = torch.rand(3, 1, 6, 6)
    down = torch.cat([x[:, :, 1:2], x[:, :, :-1]], dim=2)  # by one row; the border is mirrored
    views = [x, x.flip(3), down, down.flip(3)]
    expected = torch.stack([Corner()(view).softmax(1) for view in views]).mean(0)
    averaged = bench.TestTimeAverage(Corner(), shifts=((0, 0), (1, 0)))(x).exp()
    torch.testing.assert_close(averaged, expected)
    torch.testing.assert_close(averaged.sum(1), torch.ones(3))


def test_test_time_average_ignores_mirroring():
    x = torch.rand(3, 1, 6, 6)
    average = bench.TestTimeAverage(Corner())
    torch.testing.assert_close(average(x), average(x.flip(3)))
    assert not torch.allclose(Corner()(x), Corner()(x.flip(3)))


@pytest.mark.training
def test_recipe_learns_where_the_light_is():
    """Bright in the upper or in the lower half: moving and mirroring change nothing about it."""
    torch.manual_seed(0)
    images, labels = byte_images(400) // 2, torch.arange(400) % 2
    images[labels == 0, :, :8] += 60
    images[labels == 1, :, 8:] += 60
    recipe = TINY._replace(widths=(8, 8), epochs=4, small_side=12)
    model, history = recipe.train((images, labels), progress=False)
    assert history.epochs == 4
    assert isinstance(model, bench.TestTimeAverage)
    guesses = model(images.float() / 255).argmax(1)
    assert (guesses == labels).float().mean() > 0.9


def test_seed_decides_the_training():
    data = byte_images(), torch.randint(0, 10, (40,))
    losses = [
        TINY._replace(small_side=12).train(data, seed, progress=False)[1].step_loss
        for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]


# ---------------------------------------------------------------- its benchmark


@pytest.fixture
def tiny_recipe(monkeypatch):
    """Shapes, and a recipe small enough for a test."""
    monkeypatch.setenv("COURSE_DATASET", "shapes")
    monkeypatch.setattr(bench, "LongRecipe", lambda **options: TINY._replace(**options))


def rows_of(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def test_bench_prints_accuracy_and_time(tiny_recipe, capsys):
    assert bench.main(["--images", "40", "--threads", "1"]) == 0
    accuracy, seconds, processor = rows_of(capsys.readouterr().out)
    assert "accuracy" in accuracy[0]
    assert 0 <= float(accuracy[1].rstrip("%")) <= 100
    assert [row[2:] for row in (accuracy, seconds, processor)] == [["", ""]] * 3  # not CIFAR-10


@pytest.mark.parametrize(
    ("accuracy", "seconds", "met"), [(0.81, 250, True), (0.79, 250, False), (0.81, 310, False)]
)
def test_bench_verdict(monkeypatch, capsys, accuracy, seconds, met):
    monkeypatch.setattr(bench, "run", lambda *_: bench.Result(accuracy, seconds, 500))
    assert bench.judge(TINY, None, None, 3, real=True) is met
    verdicts = [row[3] for row in rows_of(capsys.readouterr().out)]
    assert verdicts == [
        "met" if accuracy > 0.8 else "MISSED",
        "met" if seconds < 300 else "MISSED",
        "",
    ]
    assert bench.judge(TINY, None, None, 3, real=False)


def test_unknown_factor_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        bench.main(["--factors", "luck"])
    assert "label smoothing" in capsys.readouterr().err


def test_bench_leaves_factors_out(tiny_recipe, capsys):
    assert bench.main(["--images", "50", "--threads", "1", "--factors", "mirrored images"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert [row[0] for row in rows] == ["(the whole recipe)", "mirrored images"]


def test_factors_are_judged_on_held_out_images(monkeypatch, capsys):
    calls = []

    def run(recipe, train, test, seed):
        calls.append((recipe, train, test))
        return bench.Result(0.8 if recipe == TINY else 0.75, 10.0, 20.0)

    monkeypatch.setattr(bench, "run", run)
    images, labels = torch.arange(50), torch.arange(50)
    bench.factor_table(TINY, (images, labels), 2, ["label smoothing", "mirrored images"])
    rows = rows_of(capsys.readouterr().out)
    assert [row[0] for row in rows] == ["(the whole recipe)", "label smoothing", "mirrored images"]
    assert [row[3] for row in rows] == ["0.0", "5.0", "5.0"]
    assert len(calls) == 6
    assert {len(train[0]) for _, train, _ in calls} == {40}
    assert all(torch.equal(test[0], images[40:]) for *_, test in calls)


def test_every_factor_changes_the_recipe():
    for name, change in bench.FACTORS.items():
        assert bench.LongRecipe()._replace(**change) != bench.LongRecipe(), name
