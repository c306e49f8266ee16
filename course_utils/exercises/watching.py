"""What workbook 05 sees of a training loop and of a network: cases and observers."""

import inspect

import torch
import torch.nn.functional as F
from torch import nn

from course_utils import _torchvision  # noqa: F401  (plain `import torchvision` must work)

EPOCHS, FEATURES, CLASSES, RATE = 2, 6, 4, 1.0
MOVED, NO_STEP, NO_BACKWARD, STEP_FIRST, CLEARED = range(5)


class Watched(nn.Module):
    """Logistic regression that notes in which mode it is called, and whether for training."""

    def __init__(self, weights, first_test_row):
        super().__init__()
        self.dense = nn.Linear(FEATURES, CLASSES)
        with torch.no_grad():
            self.dense.weight.copy_(weights[:, :-1])
            self.dense.bias.copy_(weights[:, -1])
        self.first_test_row, self.log = first_test_row, []
        self.trained_in_eval = self.tested_in_train = self.tested_with_gradients = False

    def forward(self, x):  # noqa: D102
        scores = self.dense(x)
        if any(torch.equal(row, self.first_test_row) for row in x):
            self.tested_in_train |= self.training
            self.tested_with_gradients |= torch.is_grad_enabled()
        else:
            self.trained_in_eval |= not self.training
            if scores.requires_grad:
                scores.register_hook(lambda _: self.log.append("backward"))
        return scores


class Noted(torch.optim.SGD):
    """Gradient descent that notes its steps where the model notes its backward passes."""

    def __init__(self, model, rate):
        super().__init__(model.parameters(), lr=rate)
        self.log = model.log

    def step(self, closure=None):  # noqa: D102
        self.log.append("step")
        return super().step(closure)


def why_still(log) -> int:
    """Why the weights have not moved."""
    if "step" not in log:
        return NO_STEP
    if "backward" not in log:
        return NO_BACKWARD
    return STEP_FIRST if log.index("step") < log.index("backward") else CLEARED


def observe_epochs(answer, case):
    """Accuracies and weights after each epoch, three modes, and why no weight has moved."""
    weights, rate, batches, images, labels = case
    model = Watched(weights, images[0])
    optimizer, results, after = Noted(model, rate), [], []
    for _ in range(EPOCHS):
        results.append(answer(model, optimizer, batches, images, labels))
        after.append(torch.cat([p.detach().flatten().clone() for p in model.parameters()]))
    moved = not torch.equal(model.dense.weight, weights[:, :-1])
    modes = model.trained_in_eval, model.tested_in_train, model.tested_with_gradients
    return (*results, *after, *modes, MOVED if moved else why_still(model.log))


def small_tasks(rng):
    """Batches of points round four centres, test points from elsewhere, and first weights."""
    for sizes in ((5, 4, 5), (8, 8, 8, 3)):
        centres = 2 * torch.randn(CLASSES, FEATURES, generator=rng)
        batches = []
        for size in (*sizes, 40):
            y = torch.randint(CLASSES, (size,), generator=rng)
            batches.append((centres[y] + 1.5 * torch.randn(size, FEATURES, generator=rng), y))
        *batches, (images, labels) = batches
        weights = torch.randn(CLASSES, FEATURES + 1, generator=rng)  # the last column: biases
        yield weights, RATE, batches, images, labels


def by_formula(model, optimizer, batches, images, labels):
    """Gradient descent with the gradient of logistic regression on paper: (p − one-hot) xᵀ / N."""
    weight, bias = model.dense.weight, model.dense.bias
    with torch.no_grad():
        for x, y in batches:
            scores = x @ weight.T + bias
            error = (scores.softmax(1) - F.one_hot(y, CLASSES)) / len(y)
            weight -= RATE * error.T @ x
            bias -= RATE * error.sum(0)
        right = (images @ weight.T + bias).argmax(1) == labels
    return right.sum().item() / len(labels)


# Networks -----------------------------------------------------------------------------------------
FITS, FLAT_TOO_EARLY, NO_FLATTEN, POOL_MISSING, BATCH_FLAT = range(5)


def observe_network(answer, case):
    """(scores, what does not fit) of a network with seeded weights."""
    images, seed = case
    network = answer() if inspect.isclass(answer) else answer
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for one in network.parameters():
            fan_in = max(one[0].numel(), 4)
            one.copy_(torch.randn(one.shape, generator=rng) / fan_in**0.5)
    arrived: dict = {}

    def note(layer, given):
        arrived.setdefault(type(layer), given[0].shape)

    hooks = [layer.register_forward_pre_hook(note) for layer in network.children()]
    try:
        with torch.no_grad():
            return network(images), FITS
    except RuntimeError:
        fault = what_does_not_fit(arrived, len(images))
        if fault is None:
            raise
        return torch.zeros(len(images), 10), fault
    finally:
        for hook in hooks:
            hook.remove()


def what_does_not_fit(arrived: dict, batch: int) -> int | None:
    """Why a network stopped, from the shapes that arrived at its layers first."""
    at_dense = arrived.get(nn.Linear)
    if at_dense is None:
        spatial = [shape for kind, shape in arrived.items() if kind is not nn.Linear]
        return FLAT_TOO_EARLY if any(len(shape) < 3 for shape in spatial) else None
    if len(at_dense) == 1:
        return BATCH_FLAT
    if len(at_dense) > 2:
        return NO_FLATTEN
    return POOL_MISSING if at_dense[0] == batch and at_dense[1] > 512 else None


def pictures(rng):
    for count in (2, 3):
        yield torch.rand(count, 3, 32, 32, generator=rng), count
