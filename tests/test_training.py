"""Training against PyTorch's own loop, its promises one by one, and bad data."""

from __future__ import annotations

import itertools
import math
import os
import signal
import subprocess
import sys
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import datasets, models
from course_utils.training import History, evaluate, fit, loop, predict, repeat


def toy(count=60, seed=1, size=8):
    """Images (N, 3, size, size) uint8 whose label, 0 to 2, is their brightest channel."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 200, (count, 3, size, size), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 3, (count,), generator=generator)
    images[torch.arange(count), labels] += 30
    return images, labels


def linear(size=8):
    torch.manual_seed(5)
    return models.logistic_regression((3, size, size), classes=3)


def convnet(dropout=0.0):
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(6 * 4 * 4, 3),
    )


def weights(model):
    return torch.cat([value.double().flatten() for value in model.state_dict().values()])


def sgd(rate, **options):
    return lambda parameters: torch.optim.SGD(parameters, lr=rate, **options)


# ------------------------------------------------------------ the step


def test_fit_equals_plain_loop():
    """Full batches, so that order does not matter: momentum, schedule and all, step by step."""
    images, labels = toy()
    model, plain = convnet(), convnet()
    history = fit(
        model,
        (images, labels),
        epochs=6,
        batch_size=60,
        optimizer=sgd(0.1, momentum=0.9, weight_decay=0.01),
        schedule=lambda optimizer, steps: torch.optim.lr_scheduler.StepLR(optimizer, steps // 2),
    )
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    losses = []
    for step in range(6):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 if step < 3 else 0.01
        optimizer.zero_grad()
        loss = F.cross_entropy(plain(images / 255), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    torch.testing.assert_close(weights(model), weights(plain), rtol=1e-4, atol=1e-5)
    assert history.step_loss == pytest.approx(losses, abs=1e-5)
    assert history.train_loss == history.step_loss


def test_fit_shuffles_every_epoch():
    batches = []

    class Spy(nn.Linear):
        def forward(self, x):
            if self.training:
                batches.append((255 * x[:, 0, 0, 0]).round().long().tolist())
            return super().forward(x.flatten(1))

    images = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1)
    history = fit(Spy(1, 2), (images, torch.zeros(10).long()), epochs=2, batch_size=4)
    assert [len(batch) for batch in batches] == [4, 4, 2] * 2
    first, second = (
        [row for batch in three for row in batch] for three in (batches[:3], batches[3:])
    )
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert first != list(range(10))
    assert len(history.step_loss) == 6


def test_fit_sets_model_modes():
    modes = []

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = linear()

        def forward(self, x):
            modes.append((self.training, torch.is_grad_enabled(), len(x)))
            return self.layer(x)

    model = Spy().eval()
    fit(model, toy(60), toy(30, seed=2), epochs=2, batch_size=60)
    assert [mode for mode in modes if mode[2] == 60] == [(True, True, 60)] * 2
    assert [mode for mode in modes if mode[2] == 30] == [(False, False, 30)] * 2
    assert not model.training


def test_last_batch_is_weighted_by_size():
    images, labels = toy(50)
    model = linear()
    before = evaluate(model, (images, labels))
    history = fit(model, (images, labels), batch_size=40, epochs=1, optimizer=sgd(0.0))
    assert history.train_loss == pytest.approx([before.loss], abs=1e-6)
    assert history.train_accuracy == pytest.approx([before.accuracy], abs=1e-6)


def test_default_optimizer_is_adamw():
    model, other = linear(), linear()
    fit(model, toy(), epochs=2)
    fit(other, toy(), epochs=2, optimizer=lambda p: torch.optim.AdamW(p, lr=0.002))
    torch.testing.assert_close(weights(model), weights(other))


# ------------------------------------------------------------ schedules, optimisers, augmentation


def test_one_cycle_rises_then_falls():
    rates = []

    class Recorder(torch.optim.SGD):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    fit(
        linear(),
        toy(),
        epochs=10,
        batch_size=6,
        optimizer=lambda p: Recorder(p, lr=0.5),
        schedule="one-cycle",
    )
    top = rates.index(max(rates))
    assert len(rates) == 100
    assert max(rates) == pytest.approx(0.5, rel=0.01)
    assert 20 < top < 40
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[0] < 0.03
    assert rates[-1] < 1e-3


@pytest.mark.parametrize("schedule", [None, "one-cycle"])
def test_optimizer_can_be_reused(schedule):
    model = linear()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.25)
    fit(model, toy(), epochs=2, optimizer=optimizer, schedule=schedule)
    assert optimizer.param_groups[0]["lr"] == 0.25
    before = weights(model)
    fit(model, toy(), epochs=2, optimizer=optimizer, schedule=schedule)
    assert not torch.equal(weights(model), before)


def test_one_cycle_takes_single_step():
    assert fit(linear(), toy(), epochs=1, schedule="one-cycle").epochs == 1


def test_fit_refuses_other_models_optimizer():
    optimizer = torch.optim.SGD(linear().parameters(), lr=0.1)
    with pytest.raises(ValueError, match="holds no parameter of this model"):
        fit(linear(), toy(), optimizer=optimizer)


def test_augment_changes_training_images_only():
    inputs = []

    def dark(batch):
        inputs.append((batch.shape, batch.dtype, batch.max().item()))
        return batch * 0

    model = linear()
    history = fit(model, toy(60), toy(20), epochs=1, batch_size=30, augment=dark)
    assert [(shape, kind) for shape, kind, _ in inputs] == [((30, 3, 8, 8), torch.float32)] * 2
    assert all(0.5 < largest <= 1 for *_, largest in inputs)
    assert model.dense.weight.grad.abs().sum() == 0
    assert history.valid_loss != history.train_loss


# ------------------------------------------------------------ early stopping


def overfitting(patience, epochs=60, **options):
    """A model that learns twelve noisy images by heart."""
    model = convnet()
    train = (toy(12)[0], torch.randint(0, 3, (12,), generator=torch.Generator().manual_seed(3)))
    states = []

    class Watch:  # a schedule of one step an epoch
        def step(self):
            states.append({name: value.clone() for name, value in model.state_dict().items()})

    history = fit(
        model,
        train,
        toy(40, seed=2),
        epochs=epochs,
        batch_size=12,
        optimizer=sgd(0.3),
        patience=patience,
        schedule=lambda optimizer, steps: Watch(),
        **options,
    )
    return model, history, states


def test_early_stopping_restores_best_weights():
    model, history, states = overfitting(patience=4)
    assert history.epochs == history.best_epoch + 4 < 60
    assert history.stopped == "no lower validation loss for 4 epochs"
    assert history.valid_loss[history.best_epoch - 1] == min(history.valid_loss)
    best = states[history.best_epoch - 1]
    assert all(torch.equal(value, best[name]) for name, value in model.state_dict().items())
    again = evaluate(model, toy(40, seed=2))
    assert again.loss == pytest.approx(min(history.valid_loss), abs=1e-6)


def test_without_patience_last_weights_stay():
    model, history, states = overfitting(patience=None, epochs=20)
    assert history.epochs == 20 > history.best_epoch
    assert history.stopped == ""
    assert all(torch.equal(value, states[-1][name]) for name, value in model.state_dict().items())


def test_best_weights_return_after_last_epoch():
    _, history, _ = overfitting(patience=4)
    model, short, states = overfitting(patience=4, epochs=history.best_epoch + 2)
    assert short.stopped == ""
    best = states[short.best_epoch - 1]
    assert all(torch.equal(value, best[name]) for name, value in model.state_dict().items())


# ------------------------------------------------------------ random numbers


def test_same_seed_gives_same_weights():
    runs = [convnet(dropout=0.3) for _ in range(3)]
    for model, seed in zip(runs, (0, 0, 1), strict=True):
        torch.rand(int(model[0].weight.abs().sum()))  # whatever was drawn before
        fit(model, toy(), epochs=2, batch_size=16, seed=seed)
    assert torch.equal(weights(runs[0]), weights(runs[1]))
    assert not torch.allclose(weights(runs[0]), weights(runs[2]))


def test_training_keeps_global_random_state():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    model = convnet(dropout=0.3)
    torch.manual_seed(3)
    fit(model, toy(), toy(), epochs=1)
    repeat(linear_anew, toy(), seeds=[1], epochs=1)
    evaluate(model, toy())
    assert torch.equal(torch.rand(4), expected)


def linear_anew():
    return models.logistic_regression((3, 8, 8), classes=3)


def test_repeat_seeds_weights_and_order():
    runs = repeat(linear_anew, toy(), toy(20), seeds=[3, 4, 3], epochs=2, batch_size=16)
    (model, first), (other, second), (same, third) = runs
    assert torch.equal(weights(model), weights(same))
    assert first.step_loss == third.step_loss != second.step_loss
    assert not torch.allclose(weights(model), weights(other))
    torch.manual_seed(4)
    by_hand = linear_anew()
    fit(by_hand, toy(), epochs=2, batch_size=16, seed=4)
    assert torch.equal(weights(by_hand), weights(other))
    assert all(len(history.valid_loss) == 2 for _, history in runs)


def test_repeat_refuses_shared_optimizer():
    optimizer = torch.optim.SGD(linear().parameters(), lr=0.1)
    with pytest.raises(ValueError, match="holds no parameter of this model"):
        repeat(linear_anew, toy(), optimizer=optimizer)


# ------------------------------------------------------------ interruption and divergence


def interrupting(step):
    """A schedule that presses the stop button after some steps."""

    def schedule(optimizer, steps):
        class Stop:
            count = 0

            def step(self):
                self.count += 1
                if self.count == step:
                    raise KeyboardInterrupt

        return Stop()

    return schedule


def test_interrupted_fit_returns_history():
    model = convnet()
    history = fit(model, toy(), toy(20), epochs=50, batch_size=20, schedule=interrupting(8))
    assert history.interrupted
    assert history.stopped == "interrupted in epoch 3"
    assert (history.epochs, len(history.valid_loss), len(history.step_loss)) == (2, 2, 7)
    assert "2 epochs in" in repr(history)
    assert not model.training
    assert evaluate(model, toy(20)).loss < 2
    assert fit(model, toy(), epochs=1).epochs == 1


def test_interrupted_fit_restores_best_weights():
    stop = 3 * 30 + 1
    model = convnet()
    data, valid = (toy(12)[0], toy(12, seed=9)[1]), toy(40, seed=2)
    options = {"batch_size": 4, "optimizer": sgd(0.3), "patience": 100}
    history = fit(model, data, valid, epochs=50, schedule=interrupting(stop), **options)
    assert history.interrupted
    assert history.best_epoch < history.epochs
    assert evaluate(model, valid).loss == pytest.approx(min(history.valid_loss), abs=1e-6)


def test_sigint_ends_fit_and_repeat():
    steps, is_going, is_over = itertools.count(), threading.Event(), threading.Event()

    def make():
        model = convnet()
        model.register_forward_hook(lambda *_: is_going.set() if next(steps) > 20 else None)
        return model

    def press():  # again and again: Python drops an interrupt that falls into a finaliser
        is_going.wait()
        while not is_over.is_set():
            os.kill(os.getpid(), signal.SIGINT)
            is_over.wait(1.0)

    threading.Thread(target=press, daemon=True).start()
    try:
        runs = repeat(make, toy(600), seeds=range(1000), epochs=20, batch_size=4)
    finally:
        is_over.set()
    assert runs[-1][1].interrupted
    assert not any(history.interrupted for _, history in runs[:-1])
    assert sum(len(history.step_loss) for _, history in runs) > 10


def test_interrupted_repeat_keeps_finished_runs():
    def make():
        if next(draws):
            raise KeyboardInterrupt
        return linear()

    draws = itertools.count()
    runs = repeat(make, toy(), epochs=1)
    assert [history.epochs for _, history in runs] == [1]
    with pytest.raises(KeyboardInterrupt):  # nothing there yet to be kept
        repeat(make, toy(), epochs=1)


@pytest.mark.parametrize("valid", [None, toy(20)])
def test_infinite_loss_ends_training(valid):
    history = fit(linear(), toy(), valid, epochs=1000, batch_size=20, optimizer=sgd(1e38))
    assert history.epochs <= 3
    assert not math.isfinite(history.step_loss[-1])
    assert all(math.isfinite(loss) for loss in history.step_loss[:-1])
    assert f"at step {len(history.step_loss)}: take a smaller learning rate" in history.stopped
    assert not history.interrupted
    assert history.stopped in repr(history)


# ------------------------------------------------------------ what it says


def test_history_repr():
    history = fit(linear(), toy(), toy(20), epochs=3)
    assert (history.epochs, history.device) == (3, "cpu")
    assert 0 < history.seconds < 60
    text = repr(history)
    assert text.startswith("3 epochs in ")
    assert f"valid loss {history.valid_loss[-1]:.3f}, accuracy" in text
    assert History(valid_loss=[2.0, math.nan, 1.0, 3.0]).best_epoch == 3
    assert History().best_epoch is None
    assert repr(History()) == "0 epochs in 0.0 s on cpu"


def test_progress_bar_is_shown_on_request(capsys):
    fit(linear(), toy(), epochs=2, batch_size=20, progress=True)
    shown = capsys.readouterr()
    assert "| 0/6 [" in shown.err
    assert shown.out == ""
    fit(linear(), toy(), epochs=9, optimizer=sgd(1e38), progress=True)
    assert "take a smaller learning rate" in capsys.readouterr().out
    fit(linear(), toy(), epochs=9, optimizer=sgd(1e38))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("terminal", "kernel", "variable", "shown"),
    [
        (True, False, None, True),
        (False, True, None, True),
        (False, False, None, False),
        (True, True, "CI", False),
        (True, True, "COURSE_EXPECT", False),
    ],
)
def test_progress_bar_needs_an_onlooker(monkeypatch, terminal, kernel, variable, shown):
    for name in ("CI", "COURSE_EXPECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel.zmqshell", raising=False)
    if kernel:
        monkeypatch.setitem(sys.modules, "ipykernel.zmqshell", loop)
    if variable:
        monkeypatch.setenv(variable, "1")
    assert loop._show_progress() is shown


# ------------------------------------------------------------ evaluate, predict


def test_evaluate_and_predict_equal_plain_arithmetic():
    images, labels = toy(50)
    model = convnet(dropout=0.5)
    fit(model, (images, labels), epochs=2)
    model.train()
    scores = predict(model, images, batch_size=7)
    assert model.training
    model.eval()
    with torch.no_grad():
        expected = model(images / 255)
    torch.testing.assert_close(scores, expected)
    loss, accuracy = evaluate(model, (images, labels), batch_size=7)
    assert loss == pytest.approx(F.cross_entropy(expected, labels).item(), abs=1e-6)
    right = sum(int(row.argmax()) == label for row, label in zip(expected, labels, strict=True))
    assert accuracy == pytest.approx(right / 50)
    assert not model.training
    assert not scores.requires_grad


def test_bytes_and_floats_train_alike():
    images, labels = toy()
    runs = [linear(), linear()]
    fit(runs[0], (images, labels), epochs=2)
    fit(runs[1], (images / 255, labels), epochs=2)
    assert torch.equal(weights(runs[0]), weights(runs[1]))


def test_images_are_channels_last_where_possible():
    flags = []

    class Viewing(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.dense = nn.Conv2d(3, 4, 3), nn.Linear(4 * 36, 3)

        def forward(self, x):
            flags.append(x.is_contiguous())
            x = self.conv(x)
            return self.dense(x.view(len(x), -1))

    fit(Viewing(), toy(), toy(20), epochs=1)
    assert flags[-1]
    assert evaluate(Viewing(), toy()).accuracy < 1
    layouts = []
    model = convnet()
    model[0].register_forward_pre_hook(
        lambda _, x: layouts.append(x[0].is_contiguous(memory_format=torch.channels_last))
    )
    fit(model, toy(), epochs=1)
    assert all(layouts)


def test_fit_takes_images_as_targets():
    images = toy(20)[0]
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Sigmoid())
    history = fit(model, (images, images), (images, images), epochs=3, loss=F.mse_loss)
    assert history.train_accuracy == history.valid_accuracy == []
    assert max(history.step_loss) < 1  # targets run from 0 to 1, too
    result = evaluate(model, (images, images), loss=F.mse_loss)
    assert result.accuracy is None
    expected = F.mse_loss(model(images / 255), images / 255).item()
    assert result.loss == pytest.approx(expected, abs=1e-6)


def test_fit_takes_byte_labels_and_vectors():
    images, labels = toy()
    model, other = linear(), linear()
    fit(model, (images, labels), epochs=1)
    fit(other, (images, labels.to(torch.uint8)), epochs=1)
    assert torch.equal(weights(model), weights(other))
    x = torch.linspace(-1, 1, 40)[:, None]
    line = nn.Linear(1, 1)
    history = fit(line, (x, 3 * x), epochs=200, optimizer=sgd(0.3), loss=F.mse_loss)
    assert line.weight.item() == pytest.approx(3, abs=0.01)
    assert history.train_accuracy == []


def test_fit_takes_lazy_layers():
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
    assert fit(model, toy(), epochs=1).epochs == 1
    assert model[1].in_features == 192


# ------------------------------------------------------------ bad data


IMAGES, LABELS = toy(20)
TWENTY = "20 images and 19 labels"


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (IMAGES, TypeError, r"two tensors, \(images, labels\), got \(Tensor\)"),
        ((IMAGES.numpy(), LABELS.numpy()), TypeError, r"got \(ndarray, ndarray\)"),
        ((IMAGES, LABELS.tolist()), TypeError, r"got \(Tensor, list\)"),
        ((IMAGES, LABELS, LABELS), TypeError, r"got \(Tensor, Tensor, Tensor\)"),
        ((IMAGES.double(), LABELS), TypeError, r"uint8 or float32, got torch.float64"),
        ((IMAGES.long(), LABELS), TypeError, r"uint8 or float32, got torch.int64"),
        ((IMAGES, LABELS[1:]), ValueError, TWENTY),
        ((IMAGES[:0], LABELS[:0]), ValueError, "0 images and 0 labels"),
        ((IMAGES, LABELS + 1), ValueError, "label 3, but the model has 3 logits"),
        ((IMAGES, LABELS - 1), ValueError, "label -1, but the model has 3 logits"),
        ((IMAGES[:, :2], LABELS), RuntimeError, "mat1 and mat2 shapes"),
    ],
)
def test_bad_data_raise_error(data, error, words):
    for call in (
        lambda: fit(linear(), data, epochs=1),
        lambda: fit(linear(), toy(), data, epochs=1),
        lambda: evaluate(linear(), data),
    ):
        with pytest.raises(error, match=words):
            call()


def test_error_names_the_bad_set():
    with pytest.raises(ValueError, match=f"^train: {TWENTY}"):
        fit(linear(), (IMAGES, LABELS[1:]))
    with pytest.raises(ValueError, match=f"^valid: {TWENTY}"):
        fit(linear(), toy(), (IMAGES, LABELS[1:]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number from 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number from 1, got 2.5"),
        ({"epochs": 0}, "epochs must be a whole number from 1, got 0"),
        ({"epochs": True}, "epochs must be a whole number from 1, got True"),
        ({"patience": 0}, "patience must be a whole number from 1, got 0"),
        ({"patience": 3}, "pass valid as well"),
        ({"schedule": "onecycle"}, "\"one-cycle\" or a function, got 'onecycle'"),
    ],
)
def test_bad_options_raise_value_error(options, words):
    with pytest.raises(ValueError, match=words):
        fit(linear(), toy(), **options)


def test_fit_refuses_model_class():
    with pytest.raises(TypeError, match=r"trains an nn.Module, .* got <class"):
        fit(models.MLPNet, toy())


# ------------------------------------------------------------ it learns, and costs little


@pytest.mark.training
def test_convnet_beats_logistic_regression_on_shapes():
    data = datasets.load("shapes")
    train = data.train_images[:2000], data.train_labels[:2000]
    test = data.test_images, data.test_labels
    torch.manual_seed(0)
    layers = models.Standardize.like(train[0]), models.course_convnet(8, batch_norm=True)
    options = {"epochs": 4, "batch_size": 32, "schedule": "one-cycle"}
    fast = {"optimizer": lambda p: torch.optim.AdamW(p, lr=5e-3)}
    convnet = fit(nn.Sequential(*layers), train, test, **options, **fast)
    linear = fit(models.logistic_regression(), train, test, **options)
    assert convnet.valid_accuracy[-1] > 0.5
    assert linear.valid_accuracy[-1] < 0.35


@pytest.mark.training
def test_fit_copies_no_images_to_float():
    """8,000 colour images take 25 MB as bytes and 98 MB as floats."""
    code = """
import resource, torch
from torch import nn
from course_utils import models, training
torch.set_num_threads(1)
images = torch.zeros(8_000, 3, 32, 32, dtype=torch.uint8)
labels = torch.zeros(8_000, dtype=torch.int64)
training.fit(models.logistic_regression(), (images[:500], labels[:500]), epochs=1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
valid = images[:1000], labels[:1000]
training.fit(models.logistic_regression(), (images, labels), valid, epochs=1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    if sys.platform != "linux":
        pytest.skip("ru_maxrss counts kilobytes on Linux only")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 80_000
