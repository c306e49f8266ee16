"""`fit` and its helpers: the training step, and around it what every experiment needs."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from statistics import fmean
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim
from tqdm.auto import tqdm

from course_utils.training.batches import (
    Data,
    Pair,
    accuracy,
    device_of,
    iterate_batches,
    logits_of,
    prepare,
    to_float,
)
from course_utils.training.history import Evaluation, History

Loss = Callable[[Tensor, Tensor], Tensor]
MakeOptimizer = Callable[[Iterator[nn.Parameter]], optim.Optimizer]


class Scheduler(Protocol):
    """What steps after every batch; PyTorch's learning-rate schedulers do."""

    def step(self) -> None:
        """Take the next learning rate."""


def fit(
    model: nn.Module,
    train: Pair,
    valid: Pair | None = None,
    *,
    epochs: int = 10,
    batch_size: int = 128,
    optimizer: optim.Optimizer | MakeOptimizer | None = None,
    schedule: str | Callable[[optim.Optimizer, int], Scheduler] | None = None,
    augment: Callable[[Tensor], Tensor] | None = None,
    patience: int | None = None,
    loss: Loss = F.cross_entropy,
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
    model : nn.Module
        Any network.
    train, valid : pair of Tensors
        Images and targets, N rows each. Images are uint8 (0 to 255, which the model sees as 0 to
        1) or float32. Targets are whole numbers, one for each image; or for another `loss` any
        tensor, uint8 again seen as 0 to 1.
    epochs : int
        How often every image is seen.
    batch_size : int
        Images a step; the last batch of an epoch holds the rest.
    optimizer : Optimizer or function, optional
        An Optimizer of the model's parameters; or a function that makes one of them; by default
        AdamW with learning rate 0.002.
    schedule : str or function, optional
        "one-cycle" (up to the optimiser's learning rate, then down to nothing), or a function
        (optimizer, total_steps) -> scheduler; it steps after every batch.
    augment : function, optional
        Changes a batch of training images, (N, C, H, W) float32.
    patience : int, optional
        Stop after so many epochs without a lower validation loss, and put the weights of the best
        epoch back.
    loss : function
        (logits, targets) -> mean over the batch.
    seed : int
        Of the random numbers drawn while training.
    device : str or torch.device, optional
        By default CUDA or MPS where there is one, else the CPU; `history.device` says which.
    progress : bool, optional
        Show a bar; by default in a notebook or a terminal, and not in tests.

    Returns
    -------
    History
        Losses and accuracies, epoch by epoch, and why it ended.

    Raises
    ------
    TypeError, ValueError
        If data, model and options do not fit together; says what was given.
    """
    _check_options(model, valid, epochs, batch_size, patience)
    started, original_device = time.perf_counter(), device_of(model)
    run_device = torch.device(device or torch.accelerator.current_accelerator(True) or "cpu")
    history = History(device=run_device.type)
    shown = _show_progress() if progress is None else progress
    best_weights = _BestWeights(model, patience)
    initial_rates: list[tuple[dict[str, Any], float]] = []
    try:
        with torch.random.fork_rng([run_device] if run_device.type == "cuda" else []):
            torch.manual_seed(seed)
            model.to(run_device)
            train_data = prepare(model, train, "train")
            valid_data = None if valid is None else prepare(model, valid, "valid")
            stepper = _make_optimizer(optimizer, model)
            initial_rates = [(group, group["lr"]) for group in stepper.param_groups]
            steps = epochs * math.ceil(len(train_data.images) / batch_size)
            scheduler = _make_scheduler(schedule, stepper, steps)
            with tqdm(total=steps, leave=False, disable=not shown) as bar:
                while history.epochs < epochs and not history.stopped:
                    batches = iterate_batches(train_data, batch_size, shuffle=True, augment=augment)
                    result = _train_epoch(model, batches, loss, stepper, scheduler, history, bar)
                    if valid_data:  # first, as `history.epochs` counts the training losses
                        history._append("valid", _evaluate(model, valid_data, loss))
                    history._append("train", result)
                    bar.set_postfix_str(f"loss {result.loss:.3f}")
                    best_weights.update(history)
    except FloatingPointError as error:
        history.stopped = str(error)
    except KeyboardInterrupt:
        history.interrupted, history.stopped = True, f"interrupted in epoch {history.epochs + 1}"
    finally:
        best_weights.restore()
        for group, rate in initial_rates:
            group["lr"] = rate  # whatever the schedule made of it
        model.to(original_device).eval()
        history.seconds = time.perf_counter() - started
    if shown and history.stopped:
        print(history)
    return history


class _BestWeights:
    """Early stopping: the weights of the epoch with the lowest validation loss."""

    def __init__(self, model: nn.Module, patience: int | None):
        self.model, self.patience = model, patience
        self.state: dict[str, Tensor] | None = None

    def update(self, history: History) -> None:
        """Copy the weights if the last epoch is the best so far; stop where patience ends."""
        if not self.patience:
            return
        if history.best_epoch == history.epochs:
            self.state = {name: v.clone() for name, v in self.model.state_dict().items()}
        elif history.epochs - (history.best_epoch or 0) >= self.patience:
            history.stopped = f"no lower validation loss for {self.patience} epochs"

    def restore(self) -> None:
        """Put the best weights back, if any were kept."""
        if self.state:
            self.model.load_state_dict(self.state)


def _train_epoch(
    model: nn.Module,
    batches: Iterator[Pair],
    loss: Loss,
    optimizer: optim.Optimizer,
    scheduler: Scheduler | None,
    history: History,
    bar: tqdm,
) -> Evaluation:
    """The training step, once for every batch; mean loss and accuracy."""
    model.train()
    losses, accuracies, sizes = [], [], []
    for x, y in batches:
        logits = model(x)
        step_loss = loss(logits, y)
        optimizer.zero_grad()
        step_loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
        bar.update()
        losses.append(step_loss.item())
        history.step_loss.append(losses[-1])
        accuracies.append(accuracy(logits, y))
        sizes.append(len(y))
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(
                f"loss {losses[-1]} at step {len(history.step_loss)}: take a smaller learning rate"
            )
    return Evaluation(fmean(losses, sizes), _mean_accuracy(accuracies, sizes))


def evaluate(
    model: nn.Module, data: Pair, *, batch_size: int = 100, loss: Loss = F.cross_entropy
) -> Evaluation:
    """Mean loss and accuracy in evaluation mode, without gradients; the mode is put back.

    Parameters
    ----------
    model : nn.Module
        Any network; the data go to its device.
    data : pair of Tensors
        Images and targets, as for `fit`.
    batch_size : int
        Images at a time; changes nothing but memory and speed.
    loss : function
        (logits, targets) -> mean over all.

    Returns
    -------
    Evaluation
        Loss and accuracy, from 0 to 1; no accuracy where targets are no labels.

    Raises
    ------
    TypeError, ValueError
        If the data do not fit the model; says what was given.
    """
    return _evaluate(model, prepare(model, data, "data"), loss, batch_size)


def _evaluate(model: nn.Module, data: Data, loss: Loss, batch_size: int = 100) -> Evaluation:
    logits, targets = logits_of(model, data, batch_size), to_float(data.targets)
    return Evaluation(loss(logits, targets).item(), accuracy(logits, targets))


def predict(model: nn.Module, images: Tensor, *, batch_size: int = 100) -> Tensor:
    """(N, C, H, W) images, uint8 or float32 -> (N, K) logits on the CPU, without gradients.

    Raises
    ------
    TypeError, ValueError
        If the images do not fit the model; says what was given.
    """
    return logits_of(model, prepare(model, (images, images), "images"), batch_size).cpu()


def repeat(
    make_model: Callable[[], nn.Module],
    train: Pair,
    valid: Pair | None = None,
    *,
    seeds: Iterable[int] = range(5),
    **fit_options: Any,
) -> list[tuple[nn.Module, History]]:
    """Build a model with `make_model()` and fit it, once for every seed.

    The seed decides the initial weights and what `fit` draws. An interruption ends the series;
    what is there so far is returned.

    Parameters
    ----------
    make_model : function
        Takes nothing and returns a new network.
    train, valid : pair of Tensors
        Images and targets, as for `fit`.
    seeds : iterable of int
        One training for each.
    **fit_options
        Passed on to `fit`.

    Returns
    -------
    list of (nn.Module, History)
        One pair for each seed.

    Raises
    ------
    TypeError, ValueError
        As `fit` does.
    """
    runs: list[tuple[nn.Module, History]] = []
    for seed in seeds:
        try:
            with torch.random.fork_rng([]):
                torch.manual_seed(seed)
                model = make_model()
        except KeyboardInterrupt:
            if not runs:
                raise
            break
        runs.append((model, fit(model, train, valid, seed=seed, **fit_options)))
        if runs[-1][1].interrupted:
            break
    return runs


def _mean_accuracy(accuracies: list[float | None], sizes: list[int]) -> float | None:
    known = [accuracy for accuracy in accuracies if accuracy is not None]
    return fmean(known, sizes) if len(known) == len(sizes) else None


def _make_optimizer(
    optimizer: optim.Optimizer | MakeOptimizer | None, model: nn.Module
) -> optim.Optimizer:
    if optimizer is None:
        return optim.AdamW(model.parameters(), lr=2e-3, fused=True)
    if not isinstance(optimizer, optim.Optimizer):
        optimizer = optimizer(model.parameters())
    optimized = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if optimized.isdisjoint(map(id, model.parameters())):
        raise ValueError("the optimiser holds no parameter of this model")
    return optimizer


def _make_scheduler(
    schedule: str | Callable[[optim.Optimizer, int], Scheduler] | None,
    optimizer: optim.Optimizer,
    steps: int,
) -> Scheduler | None:
    if schedule == "one-cycle":
        rates = [group["lr"] for group in optimizer.param_groups]
        return optim.lr_scheduler.OneCycleLR(optimizer, rates, steps, cycle_momentum=False)
    if isinstance(schedule, str):
        raise ValueError(f'schedule must be "one-cycle" or a function, got {schedule!r}')
    return schedule(optimizer, steps) if schedule else None


def _check_options(
    model: nn.Module, valid: Pair | None, epochs: int, batch_size: int, patience: int | None
) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"fit trains an nn.Module, such as nn.Linear(2, 3), got {model!r}")
    for name, value in {"epochs": epochs, "batch_size": batch_size, "patience": patience}.items():
        if value is not None and (type(value) is not int or value < 1):
            raise ValueError(f"{name} must be a whole number from 1, got {value!r}")
    if patience and valid is None:
        raise ValueError("patience needs a validation loss: pass valid as well")


def _show_progress() -> bool:
    """Whether somebody looks at a progress bar: in a terminal or notebook, and not in a test."""
    in_test = any(os.environ.get(name) for name in ("CI", "COURSE_EXPECT"))
    return not in_test and (sys.stderr.isatty() or "ipykernel.zmqshell" in sys.modules)
