"""What workbook 05 observes of a training loop: every pass, every update, what comes back.

A loop is judged by what it does and not by how it is written: rows are recognised wherever they
turn up, so batches and test images may be split in any way. What is seen is told in words that a
student can read; numbers are compared only where all the rest is right.
"""

from collections import Counter
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn

from course_utils import _torchvision  # noqa: F401  (plain `import torchvision` must work)
from course_utils.judging.observation import NOT_COMPARED

FEATURES, CLASSES, RATE, TESTED = 4, 3, 1.0, 12
TEST, UNKNOWN = -1, -2  # owners of rows that belong to no batch
PARTS = (
    "learned from", "loss", "gradient in step()", "updates", "mode while learning", "tested on",
    "mode in the test", "gradients in the test", "returned", "distance moved", "accuracy",
)  # fmt: skip
Array = torch.Tensor


@dataclass
class Pass:
    """One call of the model: whose rows, in which mode, with gradients or not."""

    epoch: int
    owners: list[int]
    training: bool
    gradients: bool
    learned: bool = False
    losses: tuple[str, ...] = ()


@dataclass
class Task:
    """Epochs, first weights (the last column is the bias), batches, and the test images."""

    epochs: int
    weights: Array
    batches: list[tuple[Array, Array]]
    images: Array
    labels: Array
    owners: dict[bytes, tuple[int, int]] = field(default_factory=dict)  # row → owner, label

    def __post_init__(self):
        sets = [*enumerate(self.batches), (TEST, (self.images, self.labels))]
        for owner, (x, y) in sets:
            self.owners |= {_key(row): (owner, int(label)) for row, label in zip(x, y, strict=True)}

    def size(self, owner: int) -> int:
        """How many rows belong to an owner."""
        return len(self.labels) if owner == TEST else len(self.batches[owner][1])


def _key(row: Array) -> bytes:
    return row.detach().contiguous().numpy().tobytes()


def make_task(sizes: list[int], epochs: int, seed: int) -> Task:
    """Batches of points round a centre for each class, other points to test, first weights."""
    rng = torch.Generator().manual_seed(seed)
    centres = 2 * torch.randn(CLASSES, FEATURES, generator=rng)
    parts = []
    for size in (*sizes, TESTED):
        y = torch.randint(CLASSES, (size,), generator=rng)
        parts.append((centres[y] + 2 * torch.randn(size, FEATURES, generator=rng), y))
    *batches, (images, labels) = parts
    return Task(epochs, torch.randn(CLASSES, FEATURES + 1, generator=rng), batches, images, labels)


class RecordingModel(nn.Module):
    """Logistic regression that records its passes, and the gradients that come back to it."""

    def __init__(self, task: Task):
        super().__init__()
        self.dense = nn.Linear(FEATURES, CLASSES)
        with torch.no_grad():
            self.dense.weight.copy_(task.weights[:, :-1])
            self.dense.bias.copy_(task.weights[:, -1])
        self.task, self.passes, self.events = task, [], []
        self.epoch = 0
        zero = torch.zeros(CLASSES, FEATURES)
        self.by_owner: dict[int, Array] = {}  # gradients since the last step
        self.of_epoch, self.of_all = zero, zero

    def start_epoch(self, epoch: int):
        """Begin a new epoch: what belongs to one alone starts afresh."""
        self.epoch, self.of_epoch = epoch, torch.zeros(CLASSES, FEATURES)

    def forward(self, x):  # noqa: D102
        scores = self.dense(x)
        rows = [self.task.owners.get(_key(row), (UNKNOWN, 0)) for row in x]
        owners = [owner for owner, _ in rows]
        seen = Pass(self.epoch, owners, self.training, torch.is_grad_enabled())
        self.passes.append(seen)
        if scores.requires_grad:
            y = torch.tensor([label for _, label in rows])
            inputs, values = x.detach().clone(), scores.detach().clone()
            scores.register_hook(lambda grad: self._learn(seen, inputs, values, y, grad.detach()))
        return scores

    def _learn(self, seen: Pass, x: Array, scores: Array, y: Array, gradient: Array):
        seen.learned = True
        seen.losses = losses_that_fit(self.task, seen.owners, scores, y, gradient)
        self.events.append("backward")
        of_weights, owner = gradient.T @ x, seen.owners[0]
        self.by_owner[owner] = self.by_owner.get(owner, 0) + of_weights
        self.of_epoch, self.of_all = self.of_epoch + of_weights, self.of_all + of_weights


class RecordingSGD(torch.optim.SGD):
    """Gradient descent that records its steps, and whose gradient each of them uses."""

    def __init__(self, model: RecordingModel, rate: float):
        super().__init__(model.parameters(), lr=rate)
        self.model = model
        self.used: list[set[str]] = []

    def step(self, closure=None):  # noqa: D102
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        model, weight = self.model, self.model.dense.weight
        got = torch.zeros_like(weight) if weight.grad is None else weight.grad
        own = model.by_owner
        whole = sum(own.values(), torch.zeros_like(weight))
        last = model.passes[-1] if model.passes else None
        waits = last is not None and last.gradients and last.owners[0] not in {TEST, *own}
        choices = {
            "the batch alone": whole if own and not waits else None,
            "the last batch alone": own[[*own][-1]] if len(own) > 1 else None,
            "all batches of the epoch so far": model.of_epoch,
            "all batches so far": model.of_all,
            "the batch before": whole if waits else None,
        }
        self.used.append({
            name for name, value in choices.items()
            if value is not None and _near(got, value, 1e-4, 1e-5)
        })  # fmt: skip
        model.events.append("step" if got.any() else "empty step")
        model.by_owner = {}
        super().step()
        return loss


def diagnose_no_update(events: list[str]) -> str:
    """Why the weights have not moved."""
    backward = "backward" in events
    if not any("step" in event for event in events):
        return "step() never ran" if backward else "neither backward() nor step() ran"
    if not backward:
        return "backward() never ran"
    first = next(i for i, event in enumerate(events) if "step" in event)
    if events.index("backward") > first:
        return "step() came before backward()"
    return "the gradients were cleared between backward() and step()"


def small_tasks(rng):
    """Sizes of the batches, epochs, and a seed from which the data are made.

    One epoch and two batches show most slips, and every listed mistake runs on them.
    """
    for sizes, epochs in (([3, 2], 1), ([4, 4, 4, 2], 2)):
        yield sizes, epochs, int(torch.randint(10**6, (), generator=rng))


def observe_epochs(answer, case):
    """What a loop does in its epochs, part by part; see `PARTS`."""
    task = make_task(*case)
    model = RecordingModel(task)
    optimizer = RecordingSGD(model, RATE)
    returned, moved, accuracy = [], [], []
    for epoch in range(task.epochs):
        before = torch.cat([p.detach().flatten() for p in model.parameters()])
        at_first = _share(model, task.images, task.labels)
        model.start_epoch(epoch)
        batches = [(x.clone(), y.clone()) for x, y in task.batches]
        value = answer(model, optimizer, batches, task.images.clone(), task.labels.clone())
        returned.append(returned_in_words(model, value, at_first))
        after = torch.cat([p.detach().flatten() for p in model.parameters()])
        moved.append((after - before).norm().item())
        accuracy.append(_share(model, task.images, task.labels))
    facts = (
        *_learning_in_words(model, optimizer, moved),
        *_test_in_words(model),
        next((words for words in returned if words != RIGHT[-1]), RIGHT[-1]),
    )
    return (
        (*facts, tuple(moved), tuple(accuracy))
        if facts == RIGHT
        else (*facts, NOT_COMPARED, NOT_COMPARED)
    )


RIGHT = (
    "every batch, once an epoch", "mean cross-entropy of the scores", "of the batch alone",
    "one for each batch", "training", "the test images", "evaluation", "off",
    "the share of test images that are right",
)  # fmt: skip


def _learning_in_words(model: RecordingModel, optimizer: RecordingSGD, moved: list) -> tuple:
    """The first five parts."""
    learned = [seen for seen in model.passes if seen.learned]
    sources = [_source_of([p for p in learned if p.epoch == epoch], model.task)
               for epoch in range(model.task.epochs)]  # fmt: skip
    fits = [words for words in LOSSES if all(words in seen.losses for seen in learned)]
    loss = (fits or ["another loss"])[0] if learned else "none"
    on_batches = [p for p in model.passes if not p.learned and max(p.owners) >= 0 and p.gradients]
    return (
        sources[0] if len(set(sources)) == 1 else f"{sources[0]}; then {sources[1]}",
        loss,
        _gradient_in_words(model, optimizer),
        _updates_in_words(model, optimizer, any(moved)),
        _mode_in_words(learned or on_batches),
    )


def _source_of(passes: list[Pass], task: Task) -> str:
    """Which rows an epoch learned from."""
    owners = Counter(owner for seen in passes for owner in seen.owners)
    if not owners:
        return "nothing"
    if UNKNOWN in owners:
        return "images that were changed"
    if TEST in owners:
        return "the test images" if len(owners) == 1 else "the batches and the test images"
    times = [owners[i] / task.size(i) for i in range(len(task.batches))]
    if set(times) == {1}:
        return "every batch, once an epoch"
    if len(set(times)) == 1:
        return "every batch, several times an epoch"
    whole = [i for i, count in enumerate(times) if count == 1]
    if len(owners) == len(whole) == 1 and whole[0] in (0, len(times) - 1):
        return "the first batch only" if whole[0] == 0 else "the last batch only"
    return "some batches or rows only, or not all equally often"


def _gradient_in_words(model: RecordingModel, optimizer: RecordingSGD) -> str:
    if not any(event == "step" for event in model.events):
        return "none"
    for name in ("the batch alone", "the last batch alone", "all batches of the epoch so far",
                 "all batches so far", "the batch before"):  # fmt: skip
        if all(name in names for names in optimizer.used):
            return f"of {name}"
    return "none of the batch's own: it was changed, or mixed with others"


def _updates_in_words(model: RecordingModel, optimizer: RecordingSGD, moved: bool) -> str:
    steps, batches = len(optimizer.used) / model.task.epochs, len(model.task.batches)
    if not moved:
        return f"none: {diagnose_no_update(model.events)}"
    if not steps:
        return "not by the optimizer: its step() never ran"
    if steps in (1, batches):
        return "one for each batch" if steps == batches else "one an epoch"
    return "more than one for each batch" if steps > batches else "fewer than one for each batch"


def _mode_in_words(passes: list[Pass]) -> str:
    epochs = [[p.training for p in passes if p.epoch == epoch]
              for epoch in sorted({p.epoch for p in passes})]  # fmt: skip
    flags = [flag for epoch in epochs for flag in epoch]
    if not flags:
        return "no pass"
    if len(set(flags)) == 1:
        return "training" if flags[0] else "evaluation"
    if flags[0] and not any(flag for epoch in epochs for flag in epoch[1:]):
        return "evaluation after the first batch"
    if all(epochs[0]) and not any(any(epoch) for epoch in epochs[1:]):
        return "evaluation from the second epoch on"
    return "now training, now evaluation"


def _test_in_words(model: RecordingModel) -> tuple[str, str, str]:
    """Images, mode and gradients of the test: of the passes that nothing was learned from."""
    others = [seen for seen in model.passes if not seen.learned]
    passes, words = others, "training images, not the test images"
    for owner, name in ((UNKNOWN, "images that were changed"), (TEST, "the test images")):
        if of_owner := [seen for seen in others if owner in seen.owners]:
            passes, words = of_owner, name
    if not passes:
        return "nothing", "no pass", "no pass"
    if words == RIGHT[5] and any(
        sum(p.owners.count(TEST) for p in passes if p.epoch == epoch) < TESTED
        for epoch in range(model.task.epochs)
    ):
        words = "a part of the test images"
    flags = {seen.gradients for seen in passes}
    gradients = (
        "off in some passes, on in others" if len(flags) == 2 else "on" if flags.pop() else "off"
    )
    return words, _mode_in_words(passes), gradients


def _share(model: RecordingModel, x: Array, y: Array) -> float:
    with torch.no_grad():
        scores = F.linear(x, model.dense.weight, model.dense.bias)
    return (scores.argmax(1) == y).double().mean().item()


def returned_in_words(model: RecordingModel, value: object, at_first: float) -> str:
    """What the number is that came back."""
    task = model.task
    if isinstance(value, torch.Tensor):
        value = value.detach()
        if value.shape == task.labels.shape:
            return "one entry for each test image"
        value = value.item() if value.ndim == 0 else value
    if value is None:
        return "nothing (None)"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"of type {type(value).__name__}, no number"
    share = _share(model, task.images, task.labels)
    rows = torch.cat([x for x, _ in task.batches]), torch.cat([y for _, y in task.batches])
    with torch.no_grad():
        scores = F.linear(task.images, model.dense.weight, model.dense.bias)
        loss = F.cross_entropy(scores, task.labels).item()
    choices = {
        RIGHT[-1]: share,
        "a percentage": 100 * share,
        "the number of test images that are right": TESTED * share,
        "the share of test images that are wrong": 1 - share,
        "the loss on the test images": loss,
        "the share of the last batch that is right": _share(model, *task.batches[-1]),
        "the share of the training images that are right": _share(model, *rows),
        "the share that was right before the training": at_first,
    }
    return next((words for words, number in choices.items() if abs(number - value) < 1e-4),
                "another number")  # fmt: skip


# The loss, known by the gradient that comes back to the scores ------------------------------------


NEGATIVE = "the negative of a loss, so that the steps climb"
OTHER_LOSSES = {
    "a multiple of the mean cross-entropy": F.cross_entropy,
    "cross-entropy of a softmax of the scores": lambda s, y: F.cross_entropy(s.softmax(1), y),
    "nll_loss of the scores": F.nll_loss,
    "nll_loss of a softmax": lambda s, y: F.nll_loss(s.softmax(1), y),
    "squared error": lambda s, y: F.mse_loss(s, _one_hot(y)),
    "squared error of a softmax": lambda s, y: F.mse_loss(s.softmax(1), _one_hot(y)),
    "binary cross-entropy": lambda s, y: F.binary_cross_entropy_with_logits(s, _one_hot(y)),
}
LOSSES = (
    RIGHT[1], "summed cross-entropy of the scores", *OTHER_LOSSES, NEGATIVE, "of changed images",
)  # fmt: skip


def _one_hot(y: Array) -> Array:
    return F.one_hot(y, CLASSES).float()


def losses_that_fit(
    task: Task, owners: list[int], scores: Array, y: Array, gradient: Array
) -> tuple[str, ...]:
    """Which losses send this gradient back; a part of a batch has to count as a part."""
    if UNKNOWN in owners:
        return ("of changed images",)
    sizes = torch.tensor([task.size(owner) for owner in owners])[:, None]
    summed = scores.softmax(1) - _one_hot(y)
    fits = [RIGHT[1]] if _near(gradient, summed / sizes, 1e-3, 1e-6) else []
    if _near(gradient, summed, 1e-3, 1e-6):
        fits.append("summed cross-entropy of the scores")
    others = {} if fits else OTHER_LOSSES  # none of them sends back a multiple of the right one
    for words, loss in others.items():
        candidate = _gradient_of(lambda s, loss=loss: loss(s, y), scores)
        factor = (gradient * candidate).sum() / (candidate * candidate).sum().clamp(min=1e-20)
        near = 1e-5 * float(factor.abs()) + 1e-7
        if _near(gradient, factor * candidate, 1e-3, near):
            fits.append(NEGATIVE if factor < 0 else words)
    return tuple(fits)


def _near(a: Array, b: Array, relative: float, absolute: float) -> bool:
    """`torch.allclose` without its checks, which take longer than a few numbers do."""
    return bool(((a - b).abs() <= absolute + relative * b.abs()).all())


def _gradient_of(loss, scores: Array) -> Array:
    with torch.enable_grad():
        leaf = scores.clone().requires_grad_()
        return torch.autograd.grad(loss(leaf), leaf)[0]
