"""The mistakes of 5.1, the training step, and what is said of them."""

import torch
import torch.nn.functional as F

from course_utils.exercise import mistake
from course_utils.exercises.training_loop_answers import (
    epoch_with,
    only_tests,
    returns_loss,
    scales_again,
    softmax_first,
    squared_error,
    tests_first,
    trains_by_turns,
    with_sigmoids,
)


def _loop(words, **settings):
    return mistake(words, epoch_with(**settings))


OF_THE_LOOP = {
    "never-cleared": _loop(
        "Nothing clears the gradients, so they pile up: each step uses the sum of all batches "
        "so far. Call zero_grad() once for each batch.",
        order="loss backward step",
    ),
    "cleared-once": _loop(
        "The gradients are cleared once, before the loop, so within an epoch they pile up: each "
        "step uses the sum of all batches so far. Call zero_grad() inside the loop.",
        before="zero",
        order="loss backward step",
    ),
    "softmax-twice": _loop(
        "You applied softmax before cross_entropy. F.cross_entropy does it itself and wants the "
        "scores as they are; with softmax twice the gradients are small and learning crawls.",
        loss=softmax_first,
    ),
    "summed-loss": _loop(
        "You summed the loss over the batch. With the mean, the default, a step has the same size "
        "for small and large batches.",
        loss=lambda scores, y: F.cross_entropy(scores, y, reduction="sum"),
    ),
    "scaled-loss": _loop(
        "Your loss is a multiple of the mean cross-entropy: it is multiplied or divided by "
        "something, so the steps have another size. Take the loss as it is.",
        loss=lambda scores, y: F.cross_entropy(scores, y) / 3,
    ),
    "negative-loss": _loop(
        "The loss has a minus before it, so every step climbs: the loss grows. Leave its sign as "
        "it is.",
        loss=lambda scores, y: -F.cross_entropy(scores, y),
    ),
    "nll-of-scores": _loop(
        "F.nll_loss wants logarithms of probabilities and gets scores. F.cross_entropy takes the "
        "scores and does both.",
        loss=F.nll_loss,
    ),
    "nll-of-softmax": _loop(
        "F.nll_loss wants *logarithms* of probabilities, and a softmax gives probabilities. "
        "F.cross_entropy takes the scores and does both.",
        loss=lambda scores, y: F.nll_loss(scores.softmax(1), y),
    ),
    "squared-error": _loop(
        "Your loss is a squared error. The loss for classes here is F.cross_entropy of the scores.",
        loss=squared_error,
    ),
    "squared-error-of-softmax": _loop(
        "Your loss is a squared error of probabilities. The loss for classes here is "
        "F.cross_entropy of the scores.",
        loss=lambda scores, y: squared_error(scores.softmax(1), y),
    ),
    "binary-loss": _loop(
        "Your loss asks yes or no for each class by itself (binary cross-entropy). Of several "
        "classes one is right: F.cross_entropy of the scores.",
        loss=with_sigmoids,
    ),
    "another-loss": _loop(
        "The gradient that comes back to the scores is not that of the mean cross-entropy: the "
        "loss, or what it is compared with, is another one. Use F.cross_entropy(scores, y).",
        loss=F.multi_margin_loss,
    ),
    "step-first": _loop(
        "step() comes before backward(), and the gradients are cleared before it: "
        "the weights never move.",
        order="zero loss step backward",
    ),
    "step-of-batch-before": _loop(
        "step() comes before backward(), so each step uses the gradient of the batch before. "
        "First the gradient, then the step.",
        order="loss step zero backward",
    ),
    "cleared-before-step": _loop(
        "The gradients are cleared between backward() and step(), so the weights never move. "
        "Clear them before backward() or after step().",
        order="loss backward zero step",
    ),
    "backward-missing": _loop(
        "backward() is missing: there are no gradients, so the weights never move.",
        order="zero loss step",
    ),
    "step-missing": _loop(
        "step() is missing: gradients are computed, but the weights never move.",
        order="zero loss backward",
    ),
    "backward-and-step-missing": _loop(
        "Neither backward() nor step() is called: there are no gradients, and the weights never "
        "move.",
        order="zero loss",
    ),
    "own-optimizer": _loop(
        "The optimizer that is handed over takes no step, though the weights move: another one is "
        "at work. Use `optimizer`, which knows the learning rate.",
        make=lambda parameters: torch.optim.SGD(parameters, lr=0.01),
    ),
    "gradient-changed": _loop(
        "step() does not get the batch's own gradient: something between backward() and step() "
        "changes it, or gradients of several batches are mixed. Clear, backward(), step(), and "
        "nothing else.",
        order="zero loss backward clip step",
    ),
    "step-after-loop": _loop(
        "step() stands behind the loop: all batches send gradients back, and only the last one's "
        "are used. Every batch needs its own step, inside the loop.",
        order="zero loss backward",
        after="step",
    ),
    "one-step-for-all": _loop(
        "The gradients of all batches are added up for a single step behind the loop. Every batch "
        "needs its own step, inside the loop.",
        before="zero",
        order="loss backward",
        after="step",
    ),
    "last-batch-only": _loop(
        "Only the last batch is learned from: loss, backward() and step() stand behind the loop. "
        "Indent them, so that they run for every batch.",
        order="zero",
        after="loss backward step",
    ),
    "first-batch-only": _loop(
        "Only the first batch is learned from: your function returns, or breaks, inside the loop, "
        "or has no loop over the batches.",
        pick=lambda batches, _test: batches[:1],
    ),
    "some-batches": _loop(
        "Some batches are left out, or count more often than others. Learn from every batch once.",
        pick=lambda batches, _test: batches[1:],
    ),
    "several-epochs": _loop(
        "You go through the batches several times in one call. Each call is one epoch: every batch "
        "once.",
        pick=lambda batches, _test: 3 * batches,
    ),
    "two-steps": _loop(
        "step() runs more than once for each batch. One step a batch is wanted.",
        order="zero loss backward step step",
    ),
    "learns-test-images": _loop(
        "You train on the test images, once for each batch. Learn from x and y of the batch; the "
        "test images only test.",
        pick=lambda batches, test: [test] * len(batches),
    ),
    "learns-test-images-too": _loop(
        "You train on the test images as well. Learn from the batches alone: the test images only "
        "test.",
        pick=lambda batches, test: [*batches, test],
    ),
    "images-scaled-again": mistake(
        "You change the images before the model sees them, as by dividing by 255 once more. They "
        "come ready: pass x and images as they are.",
        scales_again,
    ),
    "learns-changed-images": mistake(
        "You change x before the model sees it, as by dividing by 255 once more. The batches come "
        "ready: pass x as it is.",
        lambda model, optimizer, batches, images, labels: epoch_with()(
            model, optimizer, [(x / 255, y) for x, y in batches], images, labels
        ),
    ),
    "no-training": mistake(
        "Nothing is trained: the model runs on the test images alone. Learn from every batch.",
        only_tests,
    ),
    "train-missing": _loop(
        "Training runs in evaluation mode from the second epoch on, as the test before it has "
        "switched to it. Call model.train() before the loop.",
        train=None,
    ),
    "eval-before-training": _loop(
        "Training runs in evaluation mode: model.eval() is called before the loop. Call "
        "model.train() there.",
        train=False,
    ),
    "modes-exchanged": _loop(
        "The two modes are exchanged: you train in evaluation mode and test in training mode. Call "
        "model.train() before the loop and model.eval() before the test.",
        train=False,
        evaluate=False,
    ),
    "eval-in-loop": _loop(
        "model.eval() stands inside the loop, so every batch but the first is learned in "
        "evaluation mode. Call it once, after the loop.",
        order="zero loss backward step eval",
    ),
    "modes-mixed": mistake(
        "Some batches are learned in evaluation mode and others in training mode. Call "
        "model.train() once before the loop, and model.eval() once after it.",
        trains_by_turns,
    ),
    "eval-missing": _loop(
        "The test runs in training mode: dropout drops, and batch norm uses the batch's own mean. "
        "Call model.eval() before the test.",
        evaluate=None,
    ),
    "test-records-gradients": _loop(
        "The test records gradients, which costs memory and time and is of no use there. Put it "
        "under `with torch.no_grad():`.",
        record=True,
    ),
    "eval-and-no-grad-missing": _loop(
        "The test runs in training mode, and it records gradients. Call model.eval() before it, "
        "and put it under `with torch.no_grad():`.",
        evaluate=None,
        record=True,
    ),
    "tests-training-images": _loop(
        "You test on images of the last training batch. The accuracy on the test images is wanted: "
        "`images` and `labels`.",
        test=lambda _images, _labels, batch: batch,
    ),
    "tests-changed-images": mistake(
        "You change the test images before the model sees them. They come ready: pass `images` as "
        "they are.",
        lambda model, optimizer, batches, images, labels: epoch_with()(
            model, optimizer, batches, images / 255, labels
        ),
    ),
    "tests-some-images": _loop(
        "You test on a part of the test images only. All of them count.",
        test=lambda images, labels, _batch: (images[:5], labels[:5]),
    ),
    "tests-first": mistake(
        "You test before the training, so the accuracy is that of the epoch before. Test after the "
        "loop.",
        tests_first,
    ),
    "percent": _loop(
        "You return a percentage. A share from 0 to 1 is wanted: leave out the 100.",
        result=lambda right: 100 * right.float().mean().item(),
    ),
    "count-for-share": _loop(
        "You return the number of test images that are right. Divide it by how many there are: a "
        "share from 0 to 1 is wanted.",
        result=lambda right: right.sum().item(),
    ),
    "share-of-wrong": _loop(
        "You return the share of test images that are *wrong*. The share that is right is wanted.",
        result=lambda right: 1 - right.float().mean().item(),
    ),
    "truth-values": _loop(
        "You return one entry for each test image. Average them: one share from 0 to 1 is wanted.",
        result=lambda right: right,
    ),
    "loss-for-accuracy": mistake(
        "You return the loss on the test images. The accuracy is wanted: the share that is right.",
        returns_loss,
    ),
    "returns-nothing": _loop(
        "Your function returns nothing (`None`). End it with `return` and the accuracy; `print` "
        "only shows it.",
        result=lambda right: None,
    ),
    "another-number": _loop(
        "Learning and test are right, but the number that comes back is not the share of test "
        "images that are right. Compare argmax(1) with the labels, and average.",
        result=lambda right: right.float().mean().item() / 2,
    ),
}
