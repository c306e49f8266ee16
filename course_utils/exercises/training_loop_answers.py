"""Answers to 5.1, the training step, that make a mistake: each from settings."""

import torch
import torch.nn.functional as F
from torch import nn


# --- 5.1 ----------------------------------------------------------------------------------------
class _Steps:
    """The calls of a training loop by name, on the batch at hand."""

    def __init__(self, model, optimizer, loss):
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self.batch = self.value = None

    def do(self, names):
        """Make these calls, one after the other."""
        for name in names.split():
            if name == "loss":
                x, y = self.batch
                self.value = self.loss(self.model(x), y)
            elif name == "backward":
                self.value.backward()
            elif name in ("train", "eval"):
                self.model.train(name == "train")
            elif name == "clip":
                nn.utils.clip_grad_norm_(self.model.parameters(), 0.1)
            else:
                {"zero": self.optimizer.zero_grad, "step": self.optimizer.step}[name]()


def epoch_with(
    order="zero loss backward step",
    before="",
    after="",
    loss=F.cross_entropy,
    pick=lambda batches, _test: batches,
    train=True,
    evaluate=True,
    record=False,
    test=lambda x, y, _batch: (x, y),
    result=lambda right: right.float().mean().item(),
    make=None,
):
    """An answer to 5.1 from settings.

    Parameters
    ----------
    order, before, after : what is called in the loop, before and after it
    pick : what is trained on, from the batches and the test set
    train, evaluate : mode before the loop and before the test; None calls nothing
    record : whether the test records gradients
    test : what is tested, from the test set and the last batch
    result : what comes back, from which images are right
    make : a new optimiser in place of the given one
    """

    def train_and_test(model, optimizer, batches, images, labels):
        optimizer = make(model.parameters()) if make else optimizer
        run = _Steps(model, optimizer, loss)
        if train is not None:
            model.train(train)
        run.do(before)
        for batch in pick(batches, (images, labels)):
            run.batch = batch
            run.do(order)
        run.do(after)
        if evaluate is not None:
            model.train(not evaluate)
        x, y = test(images, labels, batches[-1])
        with torch.set_grad_enabled(record):
            return result(model(x).argmax(1) == y)

    return train_and_test


def softmax_first(scores, y):
    """A cross-entropy that applies softmax twice."""
    return F.cross_entropy(scores.softmax(1), y)


def squared_error(scores, y):
    """The mean squared distance to one-hot labels."""
    return F.mse_loss(scores, F.one_hot(y, scores.shape[1]).float())


def with_sigmoids(scores, y):
    """A yes or no for every class by itself."""
    one_hot = F.one_hot(y, scores.shape[1]).float()
    return F.binary_cross_entropy_with_logits(scores, one_hot)


def returns_loss(model, optimizer, batches, images, labels):
    """Return the loss of the test in place of its accuracy."""
    epoch_with()(model, optimizer, batches, images, labels)
    with torch.no_grad():
        return F.cross_entropy(model(images), labels).item()


def tests_first(model, optimizer, batches, images, labels):
    """Test before the training."""
    model.eval()
    with torch.no_grad():
        share = (model(images).argmax(1) == labels).float().mean().item()
    model.train()
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return share


def scales_again(model, optimizer, batches, images, labels):
    """Divide all images by 255 once more."""
    batches = [(x / 255, y) for x, y in batches]
    return epoch_with()(model, optimizer, batches, images / 255, labels)


def trains_by_turns(model, optimizer, batches, images, labels):
    """Train every other batch in evaluation mode."""
    for i, batch in enumerate(batches):
        share = epoch_with(train=i % 2 == 1)(model, optimizer, [batch], images, labels)
    return share


def only_tests(model, _optimizer, _batches, images, labels):
    """Train on nothing."""
    model.eval()
    with torch.no_grad():
        return (model(images).argmax(1) == labels).float().mean().item()
