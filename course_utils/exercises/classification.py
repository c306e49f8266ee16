"""Exercises of workbook 05: train a classifier, build a CNN, and compare models fairly."""

import bisect

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.exercise import exercise, mistake
from course_utils.exercises import classification_mistakes as wrong
from course_utils.exercises import classification_reading as reading
from course_utils.exercises import (
    network_mistakes,
    network_observers,
    training_loop_mistakes,
    training_loop_observers,
)


# --- 5.1 ----------------------------------------------------------------------------------------
def _given_epoch(model, optimizer, batches, images, labels):
    """Train once on every batch (x, y); return the accuracy on the test images, from 0 to 1."""
    ...  # your code: train on every batch, then switch to testing
    return (model(images).argmax(1) == labels).float().mean().item()


def _epoch_by_formula(model, optimizer, batches, images, labels):
    """Send back the gradient as it stands on paper, (p − one-hot) / N; test row by row."""
    model.train()
    for x, y in batches:
        scores = model(x)
        scores.backward((scores.detach().softmax(1) - F.one_hot(y, scores.shape[1])) / len(y))
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    with torch.inference_mode():
        right = [
            model(image[None])[0].argmax() == y for image, y in zip(images, labels, strict=True)
        ]
    return sum(map(int, right)) / len(labels)


@exercise(
    "5.1",
    "Write the training step",
    minutes=12,
    oracle=_epoch_by_formula,
    cases=training_loop_observers.small_tasks,
    observe=training_loop_observers.observe_epochs,
    start=_given_epoch,
    parts=training_loop_observers.PARTS,
    argument_names=("rows in the batches", "epochs", ""),
    mistakes=training_loop_mistakes.OF_THE_LOOP,
    tolerance=1e-4,  # sums in another order, over two epochs
    hints=[
        "For each batch: clear the old gradients, compute the loss, go backward, take a step. "
        "The model's outputs count as one line more.",
        "`F.cross_entropy(scores, y)` takes the scores as the model gives them.",
        "The other two switches stand outside the loop: `model.train()` before it, and after it "
        "`model.eval()` with `torch.no_grad()` for the test.",
    ],
)
def train_and_test(model, optimizer, batches, images, labels):
    """Train once on every batch (x, y); return the accuracy on the test images, from 0 to 1."""
    model.train()
    for x, y in batches:
        optimizer.zero_grad()
        scores = model(x)
        loss = F.cross_entropy(scores, y)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        return (model(images).argmax(1) == labels).float().mean().item()


# --- 5.2 ----------------------------------------------------------------------------------------
class _ByFunctions(network_mistakes.GivenCNN):
    """The oracle: unfolded windows and matrix products instead of layers."""

    def forward(self, x):
        for conv, side in ((self.conv1, 4), (self.conv2, 2)):
            k = conv.kernel_size[0]
            windows = F.unfold(x, k, padding=k // 2)
            maps = conv.weight.flatten(1) @ windows + conv.bias[:, None]
            size = x.shape[-1] // side
            blocks = maps.reshape(len(x), -1, size, side, size, side)
            x = blocks.amax((3, 5)).clamp(min=0)
        return x.reshape(len(x), -1) @ self.dense.weight.T + self.dense.bias


@exercise(
    "5.2",
    "Write the CNN's forward",
    minutes=8,
    kind="module",
    oracle=_ByFunctions,
    cases=network_observers.pictures,
    observe=network_observers.observe_network,
    start=network_mistakes.GivenCNN,
    parts=network_observers.PARTS,
    argument_names=("images", ""),
    switches=network_mistakes.network_with,
    mistakes=network_mistakes.OF_THE_NETWORK,
    hints=[
        "Follow the shape: 3×32×32 → conv1 → 8×32×32 → … → 32×4×4 → flatten → 512 → dense.",
        "A block is `x = self.pool1(F.relu(self.conv1(x)))`.",
        "After the second block: `x.flatten(1)`, then the dense layer.",
    ],
)
class CNN(nn.Module):
    """Conv, ReLU, pool; conv, ReLU, pool; dense."""

    def __init__(self):
        super().__init__()
        self.conv1, self.pool1 = nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(4)
        self.conv2, self.pool2 = nn.Conv2d(8, 32, 5, padding=2), nn.MaxPool2d(2)
        self.dense = nn.Linear(32 * 4 * 4, 10)

    def forward(self, x):
        """(N, 3, 32, 32) images -> (N, 10) scores: two blocks, flatten, dense."""
        x = self.pool1(F.relu(self.conv1(x)))
        x = self.pool2(F.relu(self.conv2(x)))
        return self.dense(x.flatten(1))


# --- 5.3 ----------------------------------------------------------------------------------------
def _widest(budget, inputs, classes):
    """The oracle: halve the range of widths and let PyTorch count."""

    def count(hidden):
        with torch.device("meta"):
            layers = nn.Linear(inputs, hidden), nn.Linear(hidden, classes)
        return sum(p.numel() for layer in layers for p in layer.parameters())

    return bisect.bisect_right(range(1, budget), budget, key=count)


def _budgets(rng):
    def draw(low, high):
        return int(torch.randint(low, high, (), generator=rng))

    # (inputs, classes, what is left over once the widest network is paid)
    for inputs, classes, over in (
        (2, 3, 0),  # exactly at the budget
        (2, 3, 1),  # rounding up would go over, to the nearest not
        (1, 5, 2),  # all of the classes' biases decide
        (7, 4, 11),  # nearly one unit more
        (3, 10, 8),  # rounding to the nearest would go over
        (2, 2, 3),  # wider than the others
        (768, 10, 400),
        (768, 10, 0),
    ):
        hidden = draw(20, 24) if inputs > 100 else draw(3, 40)
        hidden += 300 if over == 3 else 0
        yield (inputs + 1 + classes) * hidden + classes + over, inputs, classes


@exercise(
    "5.3",
    "Match the parameters",
    minutes=6,
    oracle=_widest,
    cases=_budgets,
    switches=wrong.width_with,
    mistakes=wrong.OF_THE_WIDTH,
    hints=[
        "How many numbers does one more hidden unit cost, on both of its sides?",
        "It costs its incoming weights, its bias, and one weight for each class.",
        "The biases of the output layer are paid before the first hidden unit.",
    ],
)
def hidden_units(budget, inputs, classes):
    """Most hidden units h for which a dense network inputs-h-classes keeps within the budget."""
    return (budget - classes) // (inputs + 1 + classes)


# --- 5.4 ----------------------------------------------------------------------------------------
@exercise(
    "5.4",
    "Who notices shuffled pixels?",
    minutes=3,
    kind="choice",
    choices={
        "a": "both get much worse",
        "b": "neither gets worse",
        "c": "the CNN gets much worse, logistic regression does not",
        "d": "logistic regression gets much worse, the CNN does not",
    },
    oracle=lambda: "c",
    mistakes={
        "both": mistake(
            "Not both. Logistic regression has a weight of its own for every pixel: what changes "
            "for it if pixel 7 is now called pixel 912, in every image?",
            "a",
        ),
        "neither": mistake(
            "Not neither. A 3×3 kernel looks at nine neighbours: are they neighbours still?", "b"
        ),
        "exchanged": mistake(
            "It is the other way round. Which of the two models knows which pixels are neighbours?",
            "d",
        ),
    },
    hints=[
        "Both models are trained anew on the shuffled images, with the same shuffle in the test.",
        "Write logistic regression as a sum over pixels. Does the order of a sum matter?",
        "What does a 3×3 kernel see when its nine pixels come from all over the image?",
    ],
)
def who_notices():
    """Who gets much worse when the pixels of all images are shuffled in one fixed order."""
    return "c"


# --- 5.5 ----------------------------------------------------------------------------------------
KEPT = (14, 57.8)


@exercise(
    "5.5",
    "Pick the epoch",
    minutes=4,
    kind="value",
    oracle=lambda: KEPT,
    parts=("epoch", "accuracy"),
    mistakes=wrong.OF_THE_EPOCH,
    hints=[
        "Three sets, three jobs: one to learn from, one to choose by, one to report.",
        "Find the highest number in the column `valid`; its row is the epoch.",
        "Then read the column `test` in the same row.",
    ],
)
def kept_epoch():
    """Epoch to keep, and the accuracy in % to report for it."""
    return 14, 57.8


# --- 5.12 ---------------------------------------------------------------------------------------
@exercise(
    "5.12",
    "Read train beside test",
    minutes=2,
    kind="value",
    oracle=lambda: reading.SUSPECTS,
    parts=("the mistake in the code", "the model that is too stiff", "images learned by heart"),
    mistakes=reading.OF_THE_RUNS,
    hints=[
        "Which run cannot even learn twenty images, though it saw them forty times?",
        "Too stiff means: not much better on the images it was trained on than on new ones.",
        "By heart means: everything right in training, and little of it in the test.",
    ],
)
def suspects():
    """Numbers of three runs: with a mistake in the code, too stiff, learned by heart."""
    return 4, 1, 3


# --- 5.13 ---------------------------------------------------------------------------------------
@exercise(
    "5.13",
    "What does each step buy?",
    minutes=2,
    kind="choice",
    choices=reading.STEPS,
    oracle=lambda: "b",
    mistakes=reading.OF_THE_STEPS,
    hints=[
        "Climb rung by rung and write down the test accuracy of each.",
        "The first step, from dense to local, adds locality alone. The other two add sharing.",
    ],
)
def what_pays():
    """Say which step of the ladder brings most of the gain in test accuracy."""
    return "b"
