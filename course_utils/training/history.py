"""What a training leaves behind."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple


class Evaluation(NamedTuple):
    """Mean loss, and share of right answers from 0 to 1 (None where targets are no labels)."""

    loss: float
    accuracy: float | None


@dataclass
class History:
    """What happened in a training: one entry for every finished epoch, counted from 1.

    Attributes
    ----------
    train_loss, train_accuracy : list of float
        Means over the epoch, while the weights were moving, dropout and augmentation included.
    valid_loss, valid_accuracy : list of float
        Those of the weights at the epoch's end. Accuracies are empty where targets are no labels.
    step_loss : list of float
        One entry for every batch.
    seconds : float
        Duration, validation included.
    device : str
        Where the model was trained: "cpu", "cuda" or "mps".
    interrupted : bool
        Whether the kernel was interrupted.
    stopped : str
        Why it ended before its last epoch, in words.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_accuracy: list[float] = field(default_factory=list)
    step_loss: list[float] = field(default_factory=list)
    seconds: float = 0.0
    device: str = "cpu"
    interrupted: bool = False
    stopped: str = ""

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

    def _append(self, name: str, result: Evaluation) -> None:
        getattr(self, f"{name}_loss").append(result.loss)
        if result.accuracy is not None:
            getattr(self, f"{name}_accuracy").append(result.accuracy)
