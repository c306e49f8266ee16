"""Answers to 5.2, the CNN's forward, that make a mistake: each from settings."""

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.exercise import mistake
from course_utils.exercises.network_observers import RANDOM


# --- 5.2 ----------------------------------------------------------------------------------------
class GivenCNN(nn.Module):
    """Conv, ReLU, pool; conv, ReLU, pool; dense."""

    def __init__(self):
        super().__init__()
        self.conv1, self.pool1 = nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(4)
        self.conv2, self.pool2 = nn.Conv2d(8, 32, 5, padding=2), nn.MaxPool2d(2)
        self.dense = nn.Linear(32 * 4 * 4, 10)

    def forward(self, x):
        """(N, 3, 32, 32) images -> (N, 10) scores: two blocks, flatten, dense."""
        ...  # your code


def network(forward):
    """A class like the given one with this forward."""
    return type("CNN", (GivenCNN,), {"forward": forward})


def network_with(
    first=F.relu,
    second=F.relu,
    pool1="pool1",
    pool2="pool2",
    flatten=lambda maps: maps.flatten(1),
    end=lambda net, scores: scores,
    begin=lambda images: images,
    drop=lambda features: features,
):
    """A class like the given one, whose forward is made from settings.

    Parameters
    ----------
    first, second : what follows the two convolutions
    pool1, pool2 : names of the pools, or functions in their place
    begin, flatten, drop, end : what happens to images, maps, features and scores
    """

    def forward(net, x):
        pools = [getattr(net, p) if isinstance(p, str) else p for p in (pool1, pool2)]
        x = pools[0](first(net.conv1(begin(x))))
        x = pools[1](second(net.conv2(x)))
        return end(net, net.dense(drop(flatten(x))))

    return network(forward)


def unassigned(net, x):
    """Call every layer and keep nothing."""
    net.pool1(F.relu(net.conv1(x)))
    net.pool2(F.relu(net.conv2(x)))
    return net.dense(x.flatten(1))


def new_layers(_net, x):
    """Make layers anew in every call."""
    x = F.max_pool2d(F.relu(nn.Conv2d(3, 8, 3, padding=1)(x)), 4)
    x = F.max_pool2d(F.relu(nn.Conv2d(8, 32, 5, padding=2)(x)), 2)
    return nn.Linear(512, 10)(x.flatten(1))


def _ends_in(function):
    """Settings of a network whose scores go through a function."""
    return {"end": lambda _net, scores: function(scores)}


OF_THE_NETWORK = {
    "flattened-early": mistake(
        "You flatten too early. A convolution and a pool need rows and columns; "
        "flatten once, just before the dense layer.",
        network(lambda net, x: net.dense(net.conv2(net.conv1(x.flatten(1))))),
    ),
    "pool-missing": mistake(
        "More than 512 numbers arrive at the dense layer: a pool is missing.",
        network_with(pool2=lambda maps: maps),
    ),
    "pooled-too-much": mistake(
        "Fewer than 512 numbers arrive at the dense layer: the maps are pooled too much. "
        "`pool1` belongs behind `conv1` and `pool2` behind `conv2`, each once.",
        network_with(pool2="pool1"),
    ),
    "not-flattened": mistake(
        "The maps arrive at the dense layer as they are. Flatten them first: "
        "x.flatten(1) keeps the images apart.",
        network_with(flatten=lambda maps: maps),
    ),
    "images-mixed": mistake(
        "Your rows have 512 numbers each, but not of one image: `view` and `reshape` deal the "
        "batch out anew. The first axis counts the images and stays first: `x.flatten(1)`.",
        flatten=lambda maps: maps.reshape(512, -1).T,
    ),
    "batch-flattened": mistake(
        "You flattened the whole batch into one row. x.flatten(1) begins at axis 1 "
        "and keeps the images apart.",
        network_with(flatten=lambda maps: maps.flatten()),
    ),
    "first-image-only": mistake(
        "Only the first image of the batch gets scores. Take all images through, and flatten with "
        "x.flatten(1), which keeps them apart.",
        network_with(flatten=lambda maps: maps[0].flatten()),
    ),
    "images-at-conv2": mistake(
        "`conv2` gets the images themselves, with 3 channels, where it takes `conv1`'s 8 maps. "
        "A layer returns its result and leaves x as it is: assign it, `x = …`.",
        network(unassigned),
    ),
    "order-of-convolutions": mistake(
        "Maps arrive at `conv1`, which takes the images with their 3 channels. Begin with `conv1`.",
        network(lambda net, x: net.dense(net.conv1(net.conv1(x)).flatten(1))),
    ),
    "pools-exchanged": mistake(
        "The sizes fit, but the two pools have changed places: the first halves twice.",
        network_with(pool1="pool2", pool2="pool1"),
    ),
    "no-relu": mistake(
        "There is no ReLU. Without it two convolutions are one.",
        network_with(first=lambda maps: maps, second=lambda maps: maps),
    ),
    "first-relu-missing": mistake(
        "The first ReLU is missing: one after each convolution.", first=lambda maps: maps
    ),
    "second-relu-missing": mistake(
        "The second ReLU is missing: one after each convolution.", second=lambda maps: maps
    ),
    "sigmoid-for-relu": mistake(
        "You used a sigmoid in the blocks. The blocks here have a ReLU.",
        network_with(first=torch.sigmoid, second=torch.sigmoid),
    ),
    "tanh-for-relu": mistake(
        "You used tanh in the blocks. The blocks here have a ReLU.",
        network_with(first=torch.tanh, second=torch.tanh),
    ),
    "leaky-relu": mistake(
        "You used a leaky ReLU in the blocks. The blocks here have a plain ReLU.",
        network_with(first=F.leaky_relu, second=F.leaky_relu),
    ),
    "mean-pool-first": mistake(
        "Your first pool takes the mean of its window. The given `pool1` takes the largest value.",
        pool1=lambda maps: F.avg_pool2d(maps, 4),
    ),
    "mean-pool-second": mistake(
        "Your second pool takes the mean of its window. The given `pool2` takes the largest value.",
        pool2=lambda maps: F.avg_pool2d(maps, 2),
    ),
    "mean-pools": mistake(
        "Both of your pools take the mean of their windows. The given ones take the largest value.",
        network_with(
            pool1=lambda maps: F.avg_pool2d(maps, 4), pool2=lambda maps: F.avg_pool2d(maps, 2)
        ),
    ),
    "axes-turned": mistake(
        "Rows and columns, or maps, changed places before the dense layer. Flatten the maps in the "
        "order they have: x.flatten(1).",
        network_with(flatten=lambda maps: maps.mT.flatten(1)),
    ),
    "channels-last": mistake(
        "You put the channels last before you flattened, so each weight of the dense layer meets "
        "another number. Flatten the maps in the order they have: x.flatten(1).",
        network_with(flatten=lambda maps: maps.permute(0, 2, 3, 1).flatten(1)),
    ),
    "relu-behind-dense": mistake(
        "There is a ReLU behind the dense layer. Scores may be negative: "
        "leave them as they are.",
        **_ends_in(F.relu),
    ),
    "softmax-at-end": mistake(
        "You end with a softmax. The loss applies it: return the scores.",
        **_ends_in(lambda scores: scores.softmax(1)),
    ),
    "log-softmax-at-end": mistake(
        "You end with a log-softmax. The loss applies it: return the scores.",
        **_ends_in(lambda scores: scores.log_softmax(1)),
    ),
    "sigmoid-at-end": mistake(
        "You end with a sigmoid. The loss wants scores as the dense layer gives them.",
        **_ends_in(torch.sigmoid),
    ),
    "softmax-over-batch": mistake(
        "You end with a softmax over the batch. The loss applies softmax, over the classes: return "
        "the scores.",
        network_with(**_ends_in(lambda scores: scores.softmax(0))),
    ),
    "softmax-in-test": mistake(
        "In evaluation mode your network ends with a softmax. The scores are wanted in both modes.",
        network_with(
            end=lambda net, scores: scores if net.training else scores.softmax(1)
        ),
    ),
    "softmax-in-training": mistake(
        "In training mode your network ends with a softmax. The scores are wanted in both modes.",
        network_with(
            end=lambda net, scores: scores.softmax(1) if net.training else scores
        ),
    ),
    "class-for-scores": mistake(
        "You return the number of the best class for each image (an argmax). The ten scores are "
        "wanted: the loss needs all of them.",
        network_with(**_ends_in(lambda scores: scores.argmax(1))),
    ),
    "scaled-again": mistake(
        "You divide the images by 255. They are scaled already: take x as it comes.",
        begin=lambda images: images / 255,
    ),
    "new-layers": mistake(
        "Your scores come from new layers that forward makes in every call, with random weights "
        "that nothing trains. Use the given ones: `self.conv1`, `self.pool1`, …",
        network(new_layers),
    ),
    "dropout-added": mistake(
        "Your scores are random: the same images get other ones in a second run, as from a "
        "dropout. The network here has none.",
        when=lambda parts: len(parts) == 5 and parts[4] == RANDOM,
        example=network_with(drop=F.dropout),
    ),
    "returns-nothing": mistake(
        "forward returns nothing. End it with `return`.", network(lambda _net, _x: None)
    ),
}  # fmt: skip
