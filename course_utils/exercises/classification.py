"""Exercises of workbook 05: train a classifier, build a CNN, and compare models fairly."""

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.exercise import exercise, mistake
from course_utils.exercises import watching


# --- 5.1 ----------------------------------------------------------------------------------------
def _epoch(step, train=True, test=True, record=False):
    """An answer to 5.1 with another inner step, or without a switch."""

    def train_and_test(model, optimizer, batches, images, labels):
        model.train(train)
        for x, y in batches:
            step(model, optimizer, x, y)
        model.train(not test)
        with torch.set_grad_enabled(record):
            return (model(images).argmax(1) == labels).float().mean().item()

    return train_and_test


def _steps(clear_first=True, loss=F.cross_entropy, order="loss backward step"):
    def step(model, optimizer, x, y):
        if clear_first:
            optimizer.zero_grad()
        for name in order.split():
            if name == "loss":
                value = loss(model(x), y)
            elif name == "backward":
                value.backward()
            elif name == "step":
                optimizer.step()
            else:
                optimizer.zero_grad()

    return step


def _given_epoch(model, optimizer, batches, images, labels):
    """Train once on every batch (x, y); return the accuracy on the test images, from 0 to 1."""
    ...  # your code: one step for every batch
    return (model(images).argmax(1) == labels).float().mean().item()


def _first_batch_only(model, optimizer, batches, images, labels):
    return _epoch(_steps())(model, optimizer, batches[:1], images, labels)


@exercise(
    "5.1",
    "Write the training step",
    minutes=12,
    oracle=watching.by_formula,
    cases=watching.small_tasks,
    observe=watching.observe_epochs,
    start=_given_epoch,
    mistakes={
        "nothing-clears-gradients": mistake(
            "Nothing clears the gradients, so they pile up: each step uses the sum of all batches "
            "so far. The loss explodes or crawls. Call zero_grad() once for each batch.",
            _epoch(_steps(clear_first=False)),
        ),
        "applied-softmax-before": mistake(
            "You applied softmax before cross_entropy. F.cross_entropy does it itself and wants the "
            "scores as they are; with softmax twice the gradients are small and learning crawls.",
            _epoch(_steps(loss=lambda scores, y: F.cross_entropy(scores.softmax(1), y))),
        ),
        "step-comes-before": mistake(
            "step() comes before backward(), and the gradients are cleared before it: "
            "the weights never move.",
            when=lambda seen: seen[-1] == watching.STEP_FIRST,
            example=_epoch(_steps(order="loss step backward")),
        ),
        "step-comes-before-backward": mistake(
            "step() comes before backward(), so each step uses the gradient of the batch before. "
            "First the gradient, then the step.",
            _epoch(_steps(clear_first=False, order="loss step zero backward")),
        ),
        "gradients-cleared-between": mistake(
            "The gradients are cleared between backward() and step(), so the weights never move. "
            "Clear them before backward() or after step().",
            when=lambda seen: seen[-1] == watching.CLEARED,
            example=_epoch(_steps(order="loss backward zero step")),
        ),
        "backward-missing-gradients": mistake(
            "backward() is missing: there are no gradients, so the weights never move.",
            when=lambda seen: seen[-1] == watching.NO_BACKWARD,
            example=_epoch(_steps(order="loss step")),
        ),
        "step-missing-gradients": mistake(
            "step() is missing: gradients are computed, but the weights never move.",
            when=lambda seen: seen[-1] == watching.NO_STEP,
            example=_epoch(_steps(order="loss backward")),
        ),
        "test-runs-training": mistake(
            "The test runs in training mode: dropout drops, and batch norm uses the batch's own mean. "
            "Call model.eval() before the test.",
            when=lambda seen: seen[-3] is True and seen[-4] is False and seen[-1] == watching.MOVED,
            example=_epoch(_steps(), test=False, record=True),
        ),
        "training-runs-evaluation": mistake(
            "Training runs in evaluation mode from the second epoch on, as the test before it has "
            "switched to it. Call model.train() before the loop.",
            when=lambda seen: seen[-4] is True,
            example=_epoch(_steps(), train=False),
        ),
        "everything-computed-rightly": mistake(
            "Everything is computed rightly, but the test records gradients too, which costs memory "
            "and time. Put the last line under `with torch.no_grad():`.",
            when=lambda seen: seen[-4:-1] == (False, False, True) and seen[-1] == watching.MOVED,
            example=_epoch(_steps(), record=True),
        ),
        "summed-loss-batch": mistake(
            "You summed the loss over the batch. With the mean, the default, a step has the same size "
            "for small and large batches.",
            _epoch(_steps(loss=lambda scores, y: F.cross_entropy(scores, y, reduction="sum"))),
        ),
        "first-batch-used": mistake(
            "Only the first batch is used: your function returns, or breaks, inside the loop.",
            _first_batch_only,
        ),
    },
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
class _GivenCNN(nn.Module):
    """Conv, ReLU, pool; conv, ReLU, pool; dense."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.pool1 = nn.MaxPool2d(4)
        self.conv2 = nn.Conv2d(8, 32, 5, padding=2)
        self.pool2 = nn.MaxPool2d(2)
        self.dense = nn.Linear(32 * 4 * 4, 10)

    def forward(self, x):
        """(N, 3, 32, 32) images -> (N, 10) scores: two blocks, flatten, dense."""
        ...  # your code


class _ByFunctions(_GivenCNN):
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


def _network(forward):
    """A class like the given one with this forward."""
    return type("CNN", (_GivenCNN,), {"forward": forward})


def _maps(net, x):
    x = net.pool1(F.relu(net.conv1(x)))
    return net.pool2(F.relu(net.conv2(x)))


@exercise(
    "5.2",
    "Write the CNN's forward",
    minutes=8,
    kind="module",
    oracle=_ByFunctions,
    cases=watching.pictures,
    observe=watching.observe_network,
    start=_GivenCNN,
    mistakes={
        "flatten-early-convolution": mistake(
            "You flatten too early. A convolution and a pool need rows and columns; "
            "flatten once, just before the dense layer.",
            when=lambda seen: seen[1] == watching.FLAT_TOO_EARLY,
            example=_network(lambda net, x: net.dense(net.conv2(net.conv1(x.flatten(1))))),
        ),
        "512-numbers-arrive": mistake(
            "More than 512 numbers arrive at the dense layer: a pool is missing.",
            when=lambda seen: seen[1] == watching.POOL_MISSING,
            example=_network(
                lambda net, x: net.dense(
                    F.relu(net.conv2(net.pool1(F.relu(net.conv1(x))))).flatten(1)
                )
            ),
        ),
        "maps-arrive-dense": mistake(
            "The maps arrive at the dense layer as they are. Flatten them first: "
            "x.flatten(1) keeps the images apart.",
            when=lambda seen: seen[1] == watching.NO_FLATTEN,
            example=_network(lambda net, x: net.dense(_maps(net, x))),
        ),
        "flattened-whole-batch": mistake(
            "You flattened the whole batch into one row. x.flatten(1) begins at axis 1 "
            "and keeps the images apart.",
            when=lambda seen: seen[1] == watching.BATCH_FLAT,
            example=_network(lambda net, x: net.dense(_maps(net, x).flatten())),
        ),
        "sizes-fit-two": mistake(
            "The sizes fit, but the two pools have changed places: the first halves twice.",
            _network(
                lambda net, x: net.dense(
                    net.pool1(F.relu(net.conv2(net.pool2(F.relu(net.conv1(x)))))).flatten(1)
                )
            ),
        ),
        "relu-without-two": mistake(
            "There is no ReLU. Without it two convolutions are one.",
            _network(
                lambda net, x: net.dense(net.pool2(net.conv2(net.pool1(net.conv1(x)))).flatten(1))
            ),
        ),
        "first-relu-missing": mistake(
            "The first ReLU is missing: one after each convolution.",
            _network(
                lambda net, x: net.dense(
                    net.pool2(F.relu(net.conv2(net.pool1(net.conv1(x))))).flatten(1)
                )
            ),
        ),
        "second-relu-missing": mistake(
            "The second ReLU is missing: one after each convolution.",
            _network(
                lambda net, x: net.dense(
                    net.pool2(net.conv2(net.pool1(F.relu(net.conv1(x))))).flatten(1)
                )
            ),
        ),
        "relu-behind-dense": mistake(
            "There is a ReLU behind the dense layer. Scores may be negative: "
            "leave them as they are.",
            _network(lambda net, x: F.relu(net.dense(_maps(net, x).flatten(1)))),
        ),
        "end-softmax-loss": mistake(
            "You end with a softmax. The loss applies it: return the scores.",
            _network(lambda net, x: net.dense(_maps(net, x).flatten(1)).softmax(1)),
        ),
        "forward-returns-nothing": mistake(
            "forward returns nothing. End it with `return`.",
            when=lambda seen: seen[0] is None,
            example=_network(lambda net, x: None),
        ),
    },
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
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.pool1 = nn.MaxPool2d(4)
        self.conv2 = nn.Conv2d(8, 32, 5, padding=2)
        self.pool2 = nn.MaxPool2d(2)
        self.dense = nn.Linear(32 * 4 * 4, 10)

    def forward(self, x):
        """(N, 3, 32, 32) images -> (N, 10) scores: two blocks, flatten, dense."""
        x = self.pool1(F.relu(self.conv1(x)))
        x = self.pool2(F.relu(self.conv2(x)))
        return self.dense(x.flatten(1))


# --- 5.3 ----------------------------------------------------------------------------------------
def _widest(budget, inputs, classes):
    """The oracle: add hidden units one by one and let PyTorch count."""
    hidden = 0
    while True:
        with torch.device("meta"):
            layers = nn.Linear(inputs, hidden + 1), nn.Linear(hidden + 1, classes)
        if sum(p.numel() for layer in layers for p in layer.parameters()) > budget:
            return hidden
        hidden += 1


def _budgets(rng):
    def draw(low, high):
        return int(torch.randint(low, high, (), generator=rng))

    for inputs, classes, hidden in ((2, 3, draw(20, 24)), (7, 4, draw(30, 40)), (768, 10, 20)):
        each = inputs + 1 + classes
        yield each * hidden + classes + each - 1, inputs, classes
        yield each * (hidden + 4) + classes + 1, inputs, classes
    yield 11 * draw(30, 40) + 2, 7, 4  # where it matters which layer's biases are forgotten


@exercise(
    "5.3",
    "Match the parameters",
    minutes=6,
    oracle=_widest,
    cases=_budgets,
    mistakes={
        "rounded-went-budget": mistake(
            "You rounded, and went over the budget. Round down: //.",
            lambda budget, inputs, classes: -(-(budget - classes) // (inputs + 1 + classes)),
        ),
        "hidden-units-come": mistake(
            "Hidden units come in whole numbers: divide with //.",
            lambda budget, inputs, classes: (budget - classes) / (inputs + 1 + classes),
        ),
        "hidden-units-biases": mistake(
            "The hidden units' biases are forgotten: each unit owns one more number.",
            lambda budget, inputs, classes: (budget - classes) // (inputs + classes),
        ),
        "output-s-biases": mistake(
            "The output's biases are forgotten. Take one for each class off the budget first.",
            lambda budget, inputs, classes: budget // (inputs + 1 + classes),
        ),
        "layers-biases-forgotten": mistake(
            "Both layers' biases are forgotten.",
            lambda budget, inputs, classes: budget // (inputs + classes),
        ),
        "counted-first-layer": mistake(
            "You counted the first layer only. Each hidden unit also has a weight for every class.",
            lambda budget, inputs, classes: budget // (inputs + 1),
        ),
    },
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
        "logistic-regression-weight": mistake(
            "Not both. Logistic regression has a weight of its own for every pixel: what changes for "
            "it if pixel 7 is now called pixel 912, in every image?",
            "a",
        ),
        "neither-3-3": mistake(
            "Not neither. A 3×3 kernel looks at nine neighbours: are they neighbours still?", "b"
        ),
        "other-way-round": mistake(
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
    mistakes={
        "epoch-17-best": mistake(
            "Epoch 17 is the best on the test set. Once the test set has chosen, it is a validation "
            "set, and its number is too good. Choose by the validation set.",
            when=lambda answer: answer[0] == 17,
            example=(17, 59.2),
        ),
        "epoch-18-best": mistake(
            "Epoch 18 is the best on the training set, which every model knows by heart in the end. "
            "Choose by images that were not trained on.",
            when=lambda answer: answer[0] == 18,
            example=(18, 56.6),
        ),
        "epoch-right-61": mistake(
            "The epoch is right. 61.2 is its validation accuracy: the highest of ten, so luck is in "
            "it. Report images that chose nothing.",
            (14, 61.2),
        ),
        "epoch-right-number": mistake(
            "The epoch is right. But the number belongs to another epoch: "
            "report that of the model you keep.",
            when=lambda answer: answer[0] == 14 and answer[1] in (59.2, 58.2, 56.6),
            example=(14, 59.2),
        ),
        "epoch-right-95": mistake(
            "The epoch is right. 95.7 is the training accuracy: of images it has seen.", (14, 95.7)
        ),
        "write-accuracy-percent": mistake(
            "Write the accuracy in percent, as in the table.", (14, 0.578)
        ),
    },
    hints=[
        "Three sets, three jobs: one to learn from, one to choose by, one to report.",
        "Find the highest number in the column `valid`; its row is the epoch.",
        "Then read the column `test` in the same row.",
    ],
)
def kept_epoch():
    """Epoch to keep, and the accuracy in % to report for it."""
    return 14, 57.8
