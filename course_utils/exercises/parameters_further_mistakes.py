"""Wrong answers to the exercises of further/04 whose answer is a value."""

from __future__ import annotations

from course_utils.exercise import mistake
from course_utils.judging.observation import numbers

# --- 4.8 ----------------------------------------------------------------------------------------
SEPARABLE = {
    "ordinary": mistake(
        "147,456 is the ordinary 3×3 convolution that you want to replace; the two parts "
        "multiplied give it too. Add them.",
        128 * 128 * 9,
    ),
    "depthwise-only": mistake(
        "1,152 is the depthwise part alone. Add the 1×1 convolution that mixes the channels.",
        128 * 9,
    ),
    "pointwise-only": mistake(
        "16,384 is the 1×1 part alone. Add one 3×3 slice for each channel.", 128 * 128
    ),
    "full-kernels-first": mistake(
        "163,840 has full kernels in the first part. There, each filter sees one channel only.",
        128 * 128 * 9 + 128 * 128,
    ),
    "pointwise-of-nine": mistake(
        "You gave the 1×1 convolution kernels of 3×3, and then nothing is saved. Its kernels have "
        "one weight for each pair of channels: 128 · 128.",
        128 * 9 + 128 * 128 * 9,
    ),
    "table-channels": mistake(
        "You counted 64 channels, as in the table. Here both layers have 128.", 64 * 9 + 64 * 64
    ),
    "biases": mistake(
        "You counted biases. Both layers go without here.", 128 * 9 + 128 * 128 + 256
    ),
    "biases-of-one": mistake(
        "You counted the biases of one of the two layers. Both go without here.",
        128 * 9 + 128 * 128 + 128,
    ),
    "one-kernel-for-all": mistake(
        "One kernel is not enough for all channels: each of the 128 has a 3×3 slice of its own.",
        9 + 128 * 128,
    ),
    "multiplied": mistake(
        "You multiplied the weights of the two layers. They stand one behind the other: "
        "add them up.",
        128 * 9 * 128 * 128,
    ),
    "kernel-not-squared": mistake(
        "You count 3 weights for a 3×3 slice. It has 3 · 3 = 9.", 128 * 3 + 128 * 128
    ),
    "pointwise-not-mixing": mistake(
        "Your 1×1 convolution has one weight for each channel. It mixes the channels, so every "
        "output has a weight for each of the inputs: 128 · 128.",
        128 * 9 + 128,
    ),
    "two-depthwise": mistake(
        "You counted the depthwise layer twice. The second layer is a 1×1 convolution that mixes "
        "the channels: 128 inputs for each of 128 outputs.",
        2 * 128 * 9,
    ),
    "depthwise-doubled": mistake(
        "You counted 3×3 slices for inputs and outputs, which is twice as many. "
        "The depthwise layer has one slice for each of the 128 channels.",
        2 * 128 * 9 + 128 * 128,
    ),
    "rows-and-columns": mistake(
        "That separates rows from columns: a 3×1 kernel, then a 1×3. *Depthwise* separable means "
        "one 3×3 slice for each channel, then a 1×1 convolution.",
        2 * 128 * 128 * 3,
    ),
    "one-row-kernel": mistake(
        "Your first layer has kernels of 3 weights on all channels. A depthwise layer has one "
        "3×3 slice for each channel.",
        128 * 128 * 3 + 128 * 128,
    ),
    "half": mistake(
        "Half of the ordinary one is a guess. Count: one 3×3 slice for each channel, "
        "and add the 1×1 convolution.",
        128 * 128 * 9 // 2,
    ),
    "saving": mistake(
        "That is the saving, how many weights fewer it has. "
        "The question is how many it has itself.",
        128 * 128 * 9 - (128 * 9 + 128 * 128),
    ),
    "work": mistake(
        "You multiplied by the 28 × 28 places of the map, which gives the work. "
        "The question is for the number of weights.",
        28 * 28 * (128 * 9 + 128 * 128),
    ),
    "share": mistake(
        "That is its share of the ordinary one. The question is for the number of weights.",
        (128 * 9 + 128 * 128) / (128 * 128 * 9),
    ),
    "ratio": mistake(
        "That is how many times smaller it is. The question is for the number of weights.",
        128 * 128 * 9 / (128 * 9 + 128 * 128),
    ),
}

# --- 4.9 ----------------------------------------------------------------------------------------
ALEXNET = 61_100_840
BYTES = 16 * ALEXNET


def _rounded(answer) -> bool:
    return answer % 100_000 == 0 and 0 < abs(answer - BYTES) < 5_000_000


def _whole_multiple(answer) -> bool:
    return answer > 0 and answer % ALEXNET == 0


TRAINING_BYTES = {
    "weights-only": mistake(
        "You multiplied by 4 once: that is the weights alone in bytes. Training keeps "
        "three more numbers beside each weight, and every number takes 4 bytes.",
        4 * ALEXNET,
    ),
    "adam-missing": mistake(
        "You left out what Adam keeps: two running means for each weight.", 8 * ALEXNET
    ),
    "one-number-missing": mistake(
        "You counted three numbers for each weight. There are the weight itself, its gradient, "
        "and *two* running means in Adam: of the gradient and of its square.",
        12 * ALEXNET,
    ),
    "five-numbers": mistake(
        "You counted five numbers for each weight. Adam keeps two running means beside the weight "
        "and its gradient, of the gradient and of its square.",
        20 * ALEXNET,
    ),
    "six-numbers": mistake(
        "You counted six numbers for each weight, as if the two means were kept twice. "
        "There is the weight, its gradient, and Adam's two means.",
        24 * ALEXNET,
    ),
    "float64": mistake(
        "You have twice too much: 8 bytes a number, as in float64. A float32 takes 4 bytes.",
        32 * ALEXNET,
    ),
    "number-of-weights": mistake(
        "That is the number of weights. Each needs four numbers in training, "
        "and every number takes 4 bytes.",
        ALEXNET,
    ),
    "bits": mistake("You counted bits. Eight of them make a byte.", 8 * BYTES),
    "kilobytes": mistake("That is in kilobytes. The question is for bytes.", BYTES / 1e3),
    "megabytes": mistake("That is in megabytes. The question is for bytes.", BYTES / 1e6),
    "gigabytes": mistake("That is in gigabytes. The question is for bytes.", BYTES / 1e9),
    "kibibytes": mistake(
        "That is in units of 1,024 bytes. The question is for bytes.", BYTES / 1024
    ),
    "mebibytes": mistake(
        "That is in units of 1,024² bytes (MiB). The question is for bytes.", BYTES / 1024**2
    ),
    "gibibytes": mistake(
        "That is in units of 1,024³ bytes (GiB). The question is for bytes.", BYTES / 1024**3
    ),
    "power": mistake(
        "You raised the number of weights to the fourth power. "
        "Four numbers of four bytes each: multiply.",
        ALEXNET**4,
    ),
    "rounded": mistake(
        "Nearly, but rounded. Write the product and let Python work it out.",
        when=_rounded,
        example=978_000_000,
    ),
    "other-multiple": mistake(
        "Your number is a whole multiple of the weights, but not the right one. List the numbers "
        "that belong to one weight in training, and the bytes that each of them takes.",
        when=_whole_multiple,
        example=7 * ALEXNET,
    ),
    "more-than-asked": mistake(
        "Your number is a little more than weights, gradients and means take. Whatever else "
        "training keeps, such as the activations, is left out here.",
        when=lambda answer: BYTES < answer < 1.5 * BYTES,
        example=BYTES + 4_600_000,
    ),
}

# --- 4.10 ---------------------------------------------------------------------------------------
EVERY_BEND = "One hidden layer needs a unit for every bend, and bends lie between the pieces."
FOLDS = {
    "two-added-a-fold": mistake(
        "16 pieces would come from adding 2 with each fold. Each fold doubles them.", (16, 255)
    ),
    "squared": mistake(
        "64 is 8 squared, or the pieces of six folds. Each of the eight doubles them: 2, 4, 8, …",
        (64, 255),
    ),
    "squared-both": mistake(
        "Your units fit your pieces, but 64 is 8 squared, or the pieces of six folds. Each of the "
        "eight doubles them: 2, 4, 8, …",
        (64, 63),
    ),
    "one-added-a-fold": mistake(
        "9 pieces would come from adding 1 with each fold. Each fold doubles them: 2, 4, 8, …",
        (9, 255),
    ),
    "one-added-both": mistake(
        "9 pieces and 8 bends would come from adding 1 with each fold. "
        "Each fold doubles the pieces: 2, 4, 8, …",
        (9, 8),
    ),
    "folds-for-pieces": mistake(
        "8 is the number of folds. Each of them doubles the pieces: 2, 4, 8, …", (8, 255)
    ),
    "folds-for-pieces-both": mistake(
        "8 is the number of folds, and 7 bends would belong to 8 pieces. Each fold doubles the "
        "pieces: 2, 4, 8, …",
        (8, 7),
    ),
    "one-fold-short": mistake(
        "128 stops one fold too early. The first fold makes 2 pieces already.", (128, 255)
    ),
    "one-fold-short-both": mistake(
        "128 pieces stop one fold too early, and 127 bends belong to them. "
        "The first fold makes 2 pieces already.",
        (128, 127),
    ),
    "one-fold-more": mistake(
        "512 is one fold too many: the first fold makes 2 pieces, the second 4.", (512, 255)
    ),
    "one-fold-more-both": mistake(
        "512 pieces are one fold too many, and 511 bends belong to them. "
        "The first fold makes 2 pieces, the second 4.",
        (512, 511),
    ),
    "threefold": mistake(
        "You tripled the pieces with each fold. A fold lays the line double: 2, 4, 8, …",
        (3**8, 255),
    ),
    "threefold-both": mistake(
        "You tripled the pieces with each fold. A fold lays the line double: 2, 4, 8, …",
        (3**8, 3**8 - 1),
    ),
    "bends-for-pieces": mistake(
        "255 is the number of bends. Between the bends and at both ends lie the pieces: "
        "one more than bends.",
        (255, 255),
    ),
    "unit-for-each-piece": mistake(
        "One unit too many: a line without any bend is one piece already, "
        "and each unit adds one bend.",
        (256, 256),
    ),
    "one-more-than-pieces": mistake(
        f"257 units are two too many: one more than there are pieces. {EVERY_BEND}", (256, 257)
    ),
    "ends-counted-too": mistake(
        f"258 units would bend the line at its two ends too, and more. {EVERY_BEND}", (256, 258)
    ),
    "one-unit-short": mistake(
        "254 units leave one bend out. 256 pieces have one bend fewer than pieces between them.",
        (256, 254),
    ),
    "more-units-than-ends": mistake(
        "That is more units than it takes. In one hidden layer each unit adds one bend at most, "
        "and a bend is where two pieces meet: there are fewer of these than pieces.",
        when=lambda answer: (
            numbers(answer).size == 2 and numbers(answer)[0] == 256 and numbers(answer)[1] > 258
        ),
        example=(256, 512),
    ),
    "half-the-units": mistake(
        "128 units make 128 bends. Each unit adds one bend only, not two.", (256, 128)
    ),
    "units-of-one-fold": mistake(
        "8 units give at most 9 pieces in one hidden layer: every bend needs a unit.", (256, 8)
    ),
    "units-of-deep-network": mistake(
        "16 units in all is the deep network. One hidden layer needs a unit for every bend.",
        (256, 16),
    ),
    "parameters": mistake(
        "These are the parameters of the two networks. "
        "The question is for pieces, and for hidden units.",
        (49, 766),
    ),
    "exchanged": mistake(
        "Your two numbers are exchanged: the pieces come first, then the units.", (255, 256)
    ),
    "one-number": mistake(
        "You gave one number. Two are wanted: (a) the pieces, and (b) the hidden units.",
        when=lambda answer: numbers(answer).size == 1,
        example=256,
    ),
}
