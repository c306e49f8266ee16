"""Training: the five lines of the step, and around them what every experiment needs.

>>> model = models.course_convnet()
>>> history = fit(model, (images, labels), (valid_images, valid_labels), epochs=5)
>>> evaluate(model, (test_images, test_labels)).accuracy

Images stay uint8 tensors on the device; one batch at a time becomes float32 from 0 to 1. No copies,
no worker processes, a quarter of the memory.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import OneCycleLR
from tqdm.auto import tqdm

from course_utils import _torchvision  # noqa: F401  (makes a plain `import torchvision` work)

Data = tuple[Tensor, Tensor]


class Evaluation(NamedTuple):
    """Mean loss, and share of right answers from 0 to 1 (None where targets are no labels)."""

    loss: float
    accuracy: float | None


@dataclass
class History:
    """What happened in a training: one entry for every finished epoch, counted from 1.

    Training numbers are means over the epoch, while the weights were moving, dropout and
    augmentation included; validation numbers belong to the weights at the epoch's end.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_accuracy: list[float] = field(default_factory=list)
    step_loss: list[float] = field(default_factory=list)  # one entry for every batch
    seconds: float = 0.0
    device: str = "cpu"
    interrupted: bool = False
    stopped: str = ""  # why it ended before its last epoch, in words

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self.train_loss)

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the lowest validation loss; None without validation."""
        finite = [loss for loss in self.valid_loss if math.isfinite(loss)]
        return self.valid_loss.index(min(finite)) + 1 if finite else None

    def __repr__(self) -> str:
        parts = [f"{self.epochs} epochs in {self.seconds:.1f} s on {self.device}"]
        for name in ("train", "valid"):
            losses, shares = getattr(self, f"{name}_loss"), getattr(self, f"{name}_accuracy")
            share = f", accuracy {shares[-1]:.1%}" if shares else ""
            parts += [f"{name} loss {losses[-1]:.3f}{share}"] if losses else []
        return "; ".join(parts + [self.stopped] * bool(self.stopped))

    def _write(self, name: str, result: Evaluation) -> None:
        getattr(self, f"{name}_loss").append(result.loss)
        if result.accuracy is not None:
            getattr(self, f"{name}_accuracy").append(result.accuracy)


class _DivergedError(Exception):
    """The loss is no finite number any more."""


def fit(
    model: nn.Module,
    train: Data,
    valid: Data | None = None,
    *,
    epochs: int = 10,
    batch_size: int = 128,
    optimizer: Optimizer | Callable | None = None,
    schedule: str | Callable | None = None,
    augment: Callable[[Tensor], Tensor] | None = None,
    patience: int | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    seed: int = 0,
    device: str | torch.device | None = None,
    progress: bool | None = None,
) -> History:
    """Train `model` in place and return what happened.

    Interrupting the kernel returns the history so far. The model comes back in evaluation mode,
    to the device where it was. `seed` decides order, dropout and augmentation; the random numbers
    outside go on as if none had been drawn. (Initial weights are drawn when a model is built: seed
    before that, or use `repeat`.)

    Parameters
    ----------
    model : any network.
    train, valid : images and targets, N rows each. Images are uint8 (0 to 255, which the model
        sees as 0 to 1) or float32. Targets are whole numbers, one for each image; or for another
        `loss` any tensor, uint8 again seen as 0 to 1.
    epochs, batch_size : the last batch of an epoch holds what is left.
    optimizer : an Optimizer of the model's parameters; or a function that makes one of them; by
        default AdamW with learning rate 0.002.
    schedule : "one-cycle" (up to the optimiser's learning rate, then down to nothing), or a
        function (optimizer, total_steps) -> scheduler; it steps after every batch.
    augment : changes a batch of training images, (N, C, H, W) float32.
    patience : stop after so many epochs without a lower validation loss, and put the weights of
        the best epoch back.
    loss : function (scores, targets) -> mean over the batch.
    device : by default CUDA or MPS where there is one, else the CPU; `history.device` says which.
    progress : show a bar; by default in a notebook or a terminal, and not in tests.

    Raises
    ------
    TypeError, ValueError
        If data, model and options do not fit together; says what was given.
    """
    _check_options(epochs, batch_size, patience, valid)
    train, valid = _checked(train, "train"), valid and _checked(valid, "valid")
    home, device = _device(model), torch.device(device or _best_device())
    history, best, started = History(device=device.type), None, time.perf_counter()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        try:
            model.to(device)
            train, valid = _moved(train, device), valid and _moved(valid, device)
            _check_model(model, train, valid)
            optimizer = _optimizer(optimizer, model)
            steps = epochs * math.ceil(len(train[0]) / batch_size)
            scheduler = _scheduler(schedule, optimizer, steps)
            with tqdm(total=steps, leave=False, disable=not _watched(progress)) as bar:
                for _ in range(epochs):
                    batches = _batches(train, batch_size, shuffle=True)
                    _epoch(model, batches, augment, loss, optimizer, scheduler, history, bar)
                    if valid:
                        history._write("valid", evaluate(model, valid, loss=loss))
                    if patience and history.best_epoch == history.epochs:
                        best = {name: value.clone() for name, value in model.state_dict().items()}
                    if patience and history.epochs - (history.best_epoch or 0) >= patience:
                        history.stopped = f"no lower validation loss for {patience} epochs"
                        break
        except _DivergedError as error:
            history.stopped = str(error)
        except KeyboardInterrupt:
            history.interrupted, history.stopped = True, "interrupted"
        finally:
            if best:
                model.load_state_dict(best)
            model.to(home).eval()
            history.seconds = time.perf_counter() - started
    return history


def _epoch(model, batches, augment, loss, optimizer, scheduler, history, bar) -> None:
    """Take one step for every batch."""
    model.train()
    total = _Mean()
    for x, y in batches:
        optimizer.zero_grad()
        scores = model(augment(x) if augment else x)
        step_loss = loss(scores, y)
        step_loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
        total.add(step_loss, scores, y)
        history.step_loss.append(step_loss.item())
        if not math.isfinite(history.step_loss[-1]):
            step, rate = len(history.step_loss), optimizer.param_groups[0]["lr"]
            raise _DivergedError(
                f"the loss was {history.step_loss[-1]} at step {step}, learning rate {rate:.3g}: "
                "try a smaller one"
            )
        bar.update()
    history._write("train", total.result())


def evaluate(
    model: nn.Module,
    data: Data,
    *,
    batch_size: int = 500,
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
) -> Evaluation:
    """Mean loss and accuracy in evaluation mode, without gradients; the mode is put back."""
    data = _moved(_checked(data, "data"), _device(model))
    total = _Mean()
    for scores, y in _scores(model, data, batch_size):
        total.add(loss(scores, y), scores, y)
    return total.result()


def predict(model: nn.Module, images: Tensor, *, batch_size: int = 500) -> Tensor:
    """(N, C, H, W) images, uint8 or float32 -> (N, K) scores on the CPU, without gradients."""
    data = _moved(_checked((images, torch.zeros(len(images))), "images"), _device(model))
    return torch.cat([scores.cpu() for scores, _ in _scores(model, data, batch_size)])


def repeat(
    make: Callable[[], nn.Module],
    train: Data,
    valid: Data | None = None,
    *,
    seeds=range(5),
    **fit_options,
) -> list[tuple[nn.Module, History]]:
    """Build a model with `make()` and fit it, once for every seed; returns (model, history) pairs.

    The seed decides the initial weights and the order of the batches. An interruption ends the
    series; what is there so far is returned.
    """
    if isinstance(fit_options.get("optimizer"), Optimizer):
        raise TypeError("every model needs its own optimiser: give a function that makes one")
    runs = []
    for seed in seeds:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = make()
        runs.append((model, fit(model, train, valid, seed=seed, **fit_options)))
        if runs[-1][1].interrupted:
            break
    return runs


class _Mean:
    """Mean loss and accuracy over batches."""

    def __init__(self):
        self.loss, self.hits, self.count, self.labels = 0.0, 0, 0, True

    def add(self, loss: Tensor, scores: Tensor, y: Tensor) -> None:
        self.loss += loss.item() * len(y)
        self.count += len(y)
        self.labels = _are_labels(y) and scores.ndim == 2
        if self.labels:
            self.hits += (scores.argmax(1) == y).sum()

    def result(self) -> Evaluation:
        accuracy = int(self.hits) / self.count if self.labels else None
        return Evaluation(self.loss / self.count, accuracy)


def _scores(model: nn.Module, data: Data, batch_size: int) -> Iterator[Data]:
    """Scores and targets, batch by batch, in evaluation mode and without gradients."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for x, y in _batches(data, batch_size):
                yield model(x), y
    finally:
        model.train(training)


def _batches(data: Data, size: int, shuffle: bool = False) -> Iterator[Data]:
    """Pairs of float32 images, channels last, and targets."""
    images, targets = data
    order = torch.randperm(len(images)) if shuffle else torch.arange(len(images))
    for rows in order.to(images.device).split(size):
        yield _floats(images[rows]), _floats(targets[rows])


def _floats(batch: Tensor) -> Tensor:
    """Bytes from 0 to 255 become float32 from 0 to 1; images lie in memory channels last."""
    layout = torch.channels_last if batch.ndim == 4 else torch.contiguous_format
    if batch.dtype == torch.uint8:
        return batch.to(torch.float32, memory_format=layout).div_(255)
    return batch.contiguous(memory_format=layout)


def _are_labels(targets: Tensor) -> bool:
    return targets.ndim == 1 and not targets.is_floating_point()


def _checked(data: Data, name: str) -> Data:
    """`data` if it is a pair of tensors that go together."""
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError(f"{name} is a pair (images, labels), not {type(data).__name__}")
    for part in data:
        if not isinstance(part, Tensor):
            raise TypeError(f"{name} holds a {type(part).__name__}: make it a tensor first")
    images, targets = data
    if images.dtype not in (torch.uint8, torch.float32):
        raise TypeError(f"{name} images are {images.dtype}: make them uint8, or float32 (.float())")
    if len(images) != len(targets) or not len(images):
        raise ValueError(f"{name} has {len(images)} images and {len(targets)} labels")
    return images, targets.long() if _are_labels(targets) else targets


def _moved(data: Data, device: torch.device) -> Data:
    return data[0].to(device), data[1].to(device)


def _check_options(epochs, batch_size, patience, valid) -> None:
    for name, value in {"epochs": epochs, "batch_size": batch_size, "patience": patience}.items():
        least = 0 if name == "epochs" else 1
        if value is not None and (type(value) is not int or value < least):
            raise ValueError(f"{name} is a whole number from {least}, not {value!r}")
    if patience and valid is None:
        raise ValueError("patience watches the validation loss: give `valid` too")


def _check_model(model: nn.Module, *sets: Data | None) -> None:
    """Send one image through the model: its form, and a score for every label."""
    for images, targets in filter(None, sets):
        one = (images[:1], targets[:1])
        ((scores, _),) = _scores(model, one, 1)
        if _are_labels(targets) and scores.ndim == 2:
            least, largest = targets.min().item(), targets.max().item()
            if least < 0 or largest >= scores.shape[1]:
                wrong = least if least < 0 else largest
                raise ValueError(f"label {wrong} has no score: the model gives {scores.shape[1]}")


def _optimizer(given, model: nn.Module) -> Optimizer:
    made = given or (lambda parameters: AdamW(parameters, lr=2e-3))
    made = made if isinstance(made, Optimizer) else made(model.parameters())
    held = {id(one) for group in made.param_groups for one in group["params"]}
    if not held & {id(one) for one in model.parameters()}:
        raise ValueError("the optimiser holds no parameter of this model")
    return made


def _scheduler(schedule, optimizer: Optimizer, steps: int):
    if schedule == "one-cycle":
        rates = [group["lr"] for group in optimizer.param_groups]
        return OneCycleLR(optimizer, max_lr=rates, total_steps=steps)
    if isinstance(schedule, str):
        raise ValueError(f'schedule is "one-cycle" or a function, not {schedule!r}')
    return schedule and schedule(optimizer, steps)


def _device(model: nn.Module) -> torch.device:
    """Where the model lives."""
    return next((one.device for one in model.parameters()), torch.device("cpu"))


def _best_device() -> torch.device:
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


def _watched(progress: bool | None) -> bool:
    """Whether somebody looks at a progress bar: in a terminal or notebook, and not in a test."""
    if progress is not None:
        return progress
    if any(os.environ.get(name) for name in ("CI", "COURSE_EXPECT")):
        return False
    return sys.stderr.isatty() or "ipykernel.zmqshell" in sys.modules
