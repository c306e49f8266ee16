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
from statistics import fmean
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim
from tqdm.auto import tqdm

from course_utils import _torchvision  # noqa: F401  (makes a plain `import torchvision` work)

Pair = tuple[Tensor, Tensor]


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
    seconds: float = 0.0  # validation included
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
        text = f"{self.epochs} epochs in {self.seconds:.1f} s on {self.device}"
        for name in ("train", "valid"):
            losses, shares = getattr(self, f"{name}_loss"), getattr(self, f"{name}_accuracy")
            text += f"; {name} loss {losses[-1]:.3f}" if losses else ""
            text += f", accuracy {shares[-1]:.1%}" if shares else ""
        return f"{text}; {self.stopped}" if self.stopped else text

    def _write(self, name: str, loss: float, accuracy: float | None) -> None:
        getattr(self, f"{name}_loss").append(loss)
        getattr(self, f"{name}_accuracy").extend([] if accuracy is None else [accuracy])


def fit(
    model: nn.Module,
    train: Pair,
    valid: Pair | None = None,
    *,
    epochs: int = 10,
    batch_size: int = 128,
    optimizer: optim.Optimizer | Callable | None = None,
    schedule: str | Callable | None = None,
    augment: Callable[[Tensor], Tensor] | None = None,
    patience: int | None = None,
    loss: Callable = F.cross_entropy,
    seed: int = 0,
    device: str | torch.device | None = None,
    progress: bool | None = None,
) -> History:  # long: set-up, loop and putting back
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
    _check_options(model, valid, epochs, batch_size, patience)
    home, started, best, rates = _device(model), time.perf_counter(), None, []
    device = torch.device(device or torch.accelerator.current_accelerator(True) or "cpu")
    history, shown = History(device=device.type), _watched() if progress is None else progress
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            model.to(device)
            train = _ready(model, train, "train")
            valid = None if valid is None else _ready(model, valid, "valid")
            optimizer = _optimizer(optimizer, model)
            rates = [(group, group["lr"]) for group in optimizer.param_groups]
            steps = epochs * math.ceil(len(train[0]) / batch_size)
            scheduler = _scheduler(schedule, optimizer, steps)
            with tqdm(total=steps, leave=False, disable=not shown) as bar:
                while history.epochs < epochs and not history.stopped:
                    batches = _batches(*train, batch_size, shuffle=True, augment=augment)
                    trained = _epoch(model, batches, loss, optimizer, scheduler, history, bar)
                    if valid:
                        history._write("valid", *evaluate(model, valid[:2], loss=loss))
                    history._write("train", *trained)
                    bar.set_postfix_str(f"loss {trained[0]:.3f}")
                    if patience and history.best_epoch == history.epochs:
                        best = {name: value.clone() for name, value in model.state_dict().items()}
                    elif patience and history.epochs - (history.best_epoch or 0) >= patience:
                        history.stopped = f"no lower validation loss for {patience} epochs"
    except FloatingPointError as error:
        history.stopped = str(error)
    except KeyboardInterrupt:
        history.interrupted, history.stopped = True, f"interrupted in epoch {history.epochs + 1}"
    finally:
        if best:
            model.load_state_dict(best)
        for group, rate in rates:
            group["lr"] = rate  # whatever the schedule made of it
        model.to(home).eval()
        history.seconds = time.perf_counter() - started
    if shown and history.stopped:
        print(history)
    return history


def _epoch(model, batches, loss, optimizer, scheduler, history, bar):
    """The training step, once for every batch; mean loss and accuracy."""
    model.train()
    done = []
    for x, y in batches:
        scores = model(x)
        step_loss = loss(scores, y)
        optimizer.zero_grad()
        step_loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
        bar.update()
        history.step_loss.append(step_loss.item())
        done.append((step_loss.item(), _accuracy(scores, y), len(y)))
        if not math.isfinite(value := history.step_loss[-1]):
            where = f"step {len(history.step_loss)}"
            raise FloatingPointError(f"loss {value} at {where}: take a smaller learning rate")
    losses, shares, sizes = zip(*done, strict=True)
    return fmean(losses, sizes), None if None in shares else fmean(shares, sizes)


def evaluate(model: nn.Module, data: Pair, *, batch_size=500, loss=F.cross_entropy) -> Evaluation:
    """Mean loss and accuracy in evaluation mode, without gradients; the mode is put back."""
    images, targets, layout = _ready(model, data, "data")
    scores, targets = _scores(model, images, layout, batch_size), _floats(targets)
    return Evaluation(loss(scores, targets).item(), _accuracy(scores, targets))


def predict(model: nn.Module, images: Tensor, *, batch_size: int = 500) -> Tensor:
    """(N, C, H, W) images, uint8 or float32 -> (N, K) scores on the CPU, without gradients."""
    images, _, layout = _ready(model, (images, images), "images")
    return _scores(model, images, layout, batch_size).cpu()


def repeat(
    make: Callable, train: Pair, valid: Pair | None = None, *, seeds=range(5), **fit_options
) -> list[tuple[nn.Module, History]]:
    """Build a model with `make()` and fit it, once for every seed; returns (model, history) pairs.

    The seed decides the initial weights and what `fit` draws. An interruption ends the series;
    what is there so far is returned.
    """
    runs = []
    for seed in seeds:
        try:
            with torch.random.fork_rng([]):
                torch.manual_seed(seed)
                model = make()
        except KeyboardInterrupt:
            if not runs:
                raise
            break
        runs.append((model, fit(model, train, valid, seed=seed, **fit_options)))
        if runs[-1][1].interrupted:
            break
    return runs


def _accuracy(scores: Tensor, y: Tensor) -> float | None:
    return (scores.argmax(1) == y).float().mean().item() if y.dtype == torch.int64 else None


def _ready(model, data, name):
    """Images and targets on the model's device, and the layout its batches shall have in memory."""
    kinds = [type(part).__name__ for part in (data if isinstance(data, tuple) else [data])]
    if kinds != ["Tensor", "Tensor"]:
        raise TypeError(f"{name}: a pair of tensors, (images, labels), not ({', '.join(kinds)})")
    images, targets = (part.to(_device(model)) for part in data)
    if images.dtype not in (torch.uint8, torch.float32):
        raise TypeError(f"{name}: images are uint8 or float32, not {images.dtype}")
    if len(images) != len(targets) or not len(images):
        raise ValueError(f"{name}: {len(images)} images and {len(targets)} labels")
    if targets.ndim == 1 and not targets.is_floating_point():
        targets = targets.long()  # they are labels
    layout = torch.channels_last  # the fastest
    try:
        scores = _scores(model, images[:1], layout)
    except RuntimeError:  # no images, or a `view` in the model, which wants the channels first
        layout = torch.contiguous_format
        scores = _scores(model, images[:1], layout)
    if targets.dtype == torch.int64:
        wrong = targets[(targets < 0) | (targets >= scores.shape[1])]
        if len(wrong):
            raise ValueError(f"{name}: label {wrong[0]}, but {scores.shape[1]} scores")
    return images, targets, layout


def _batches(images, targets, layout, size, *, shuffle=False, augment=None) -> Iterator[Pair]:
    order = torch.randperm(len(images)) if shuffle else torch.arange(len(images))
    for rows in order.to(images.device).split(size):
        x, y = _floats(images[rows]), _floats(targets[rows])
        yield (augment(x) if augment else x).contiguous(memory_format=layout), y


def _floats(batch: Tensor) -> Tensor:
    """Bytes from 0 to 255 become float32 from 0 to 1; anything else stays what it is."""
    return batch.float() / 255 if batch.dtype == torch.uint8 else batch


def _scores(model, images, layout, size=1) -> Tensor:
    """What the model says of all images, in evaluation mode and without gradients."""
    training = model.training
    try:
        with torch.no_grad():
            batches = _batches(images, images[:, :0], layout, size)
            return torch.cat([model.eval()(x) for x, _ in batches])
    finally:
        model.train(training)


def _optimizer(given, model) -> optim.Optimizer:
    made = given or optim.AdamW(model.parameters(), lr=2e-3, fused=True)
    made = made if isinstance(made, optim.Optimizer) else made(model.parameters())
    held = {id(one) for group in made.param_groups for one in group["params"]}
    if held.isdisjoint(map(id, model.parameters())):
        raise ValueError("the optimiser holds no parameter of this model")
    return made


def _scheduler(schedule, optimizer, steps):
    if schedule == "one-cycle":
        rates = [group["lr"] for group in optimizer.param_groups]
        return optim.lr_scheduler.OneCycleLR(optimizer, rates, steps, cycle_momentum=False)
    if isinstance(schedule, str):
        raise ValueError(f'schedule: "one-cycle" or a function, not {schedule!r}')
    return schedule and schedule(optimizer, steps)


def _check_options(model, valid, epochs, batch_size, patience) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"fit trains an nn.Module, such as nn.Linear(2, 3), not {model!r}")
    for name, value in {"epochs": epochs, "batch_size": batch_size, "patience": patience}.items():
        if value is not None and (type(value) is not int or value < 1):
            raise ValueError(f"{name}: a whole number from 1, not {value!r}")
    if patience and valid is None:
        raise ValueError("patience watches the validation loss: give valid too")


def _device(model: nn.Module) -> torch.device:
    return next((one.device for one in model.parameters()), torch.device("cpu"))


def _watched() -> bool:
    """Whether somebody looks at a progress bar: in a terminal or notebook, and not in a test."""
    tested = any(os.environ.get(name) for name in ("CI", "COURSE_EXPECT"))
    return not tested and (sys.stderr.isatty() or "ipykernel.zmqshell" in sys.modules)
