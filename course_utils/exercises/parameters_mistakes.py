"""Wrong answers to the exercises of workbook 04 whose answer is a value."""

from __future__ import annotations

from course_utils.exercise import mistake

# --- 4.1 ----------------------------------------------------------------------------------------
FIRST_DENSE = {
    "printed-slip": mistake(
        "38,400 stands in print for this layer, but it is a slip: multiply 784 by 256 again, "
        "then add the biases.",
        38_400,
    ),
    "printed-slip-with-biases": mistake(
        "You added the biases to 38,400, which stands in print for the product but is a slip. "
        "Multiply 784 by 256 again.",
        38_400 + 256,
    ),
    "no-biases": mistake(
        "200,704 counts the weights only. Every output has a bias too: add one for each.", 200_704
    ),
    "bias-for-each-input": mistake(
        "You added one bias for each input. A bias belongs to an output, so there are 256.",
        784 * 256 + 784,
    ),
    "one-bias": mistake(
        "You added a single bias for the whole layer. Every output has one of its own.",
        784 * 256 + 1,
    ),
    "biases-of-both": mistake(
        "You added a bias for every input and for every output. Only outputs have one.",
        784 * 256 + 784 + 256,
    ),
    "bias-for-each-weight": mistake(
        "You doubled the weights, as with brackets round 256 + 256. Each output has one bias, "
        "added once after the multiplication.",
        784 * (256 + 256),
    ),
    "inputs-plus-outputs": mistake(
        "You added inputs and outputs. Every output has a weight for every input: multiply.",
        784 + 256,
    ),
    "outputs-squared": mistake(
        "You multiplied by the 256 outputs twice. Each of them has one weight for each input, and "
        "one bias.",
        784 * 256 * 256,
    ),
    "outputs-squared-with-biases": mistake(
        "You multiplied by the 256 outputs twice; the biases are right. Each output has one weight "
        "for each input.",
        784 * 256 * 256 + 256,
    ),
    "inputs-only": mistake(
        "784 is the number of inputs. Each of the 256 outputs has a weight for every one of them.",
        784,
    ),
    "outputs-only": mistake(
        "256 is the number of outputs, and of biases. "
        "Every output also has a weight for each of the inputs.",
        256,
    ),
    "one-side": mistake(
        "You used 28 inputs. The image is flattened first, so all 28 × 28 pixels come in.",
        28 * 256 + 256,
    ),
    "side-doubled": mistake(
        "You doubled the side, 28 · 2. The image is a square of 28 · 28 pixels.",
        28 * 2 * 256 + 256,
    ),
    "three-channels": mistake(
        "You counted three colour channels. The image is grey: 28 × 28 numbers.",
        3 * 784 * 256 + 256,
    ),
    "whole-network": mistake(
        "You counted all three layers of the network. "
        "The question is for the first one only, from the image to 256 outputs.",
        784 * 256 + 256 + 256 * 84 + 84 + 84 * 10 + 10,
    ),
    "next-layer": mistake(
        "You counted the next dense layer, from 256 to 84. The first one takes the 28 × 28 pixels.",
        256 * 84 + 84,
    ),
    "bias-for-each-pair": mistake(
        "You gave every output 256 biases, as with brackets round 784 + 256. "
        "Each output has 784 weights and one bias.",
        (784 + 256) * 256,
    ),
    "other-biases": mistake(
        "Your number is 784 · 256 and a little more, so the weights fit, but not what you add for "
        "the biases. Each of the outputs has one.",
        when=lambda number: 0 < number - 784 * 256 < 2000,
        example=784 * 256 + 84,
    ),
    "caret-for-power": mistake(
        "In Python `^` is not a power: `28 ^ 2` compares bits and gives 30. A power is `**`.",
        (28 ^ 2) * 256 + 256,
    ),
    "bytes": mistake(
        "You multiplied by 4, which gives the bytes of memory. "
        "The question is for the number of parameters.",
        4 * (784 * 256 + 256),
    ),
}

# --- 4.2 ----------------------------------------------------------------------------------------
_OVER_THE_MAP = {n * sides for n in (2416, 2400) for sides in (8 * 8, 12 * 12)}
NOTHING_IN_A_POOL = (
    "A pool has no weights: it picks the largest value of each window. "
    "There is nothing to learn in it."
)
CONV_AND_POOL = {
    "input-channels-missing": mistake(
        "416 forgets the input channels. Each kernel has one 5×5 slice for each of the 6.",
        (416, 0),
    ),
    "no-biases": mistake("2,400 has no biases. Each of the 16 filters has one.", (2400, 0)),
    "bias-for-each-pair": mistake(
        "2,496 has a bias for each pair of channels. The six slices are added up first, "
        "so a filter needs one bias.",
        (2496, 0),
    ),
    "bias-for-each-input": mistake(
        "You added a bias for each of the 6 input channels, or exchanged inputs and filters. "
        "A bias belongs to a filter, so there are 16.",
        (2406, 0),
    ),
    "one-bias": mistake(
        "You added a single bias. Each of the 16 filters has one of its own.", (2401, 0)
    ),
    "kernel-not-squared": mistake(
        "496 uses 5 weights for a 5×5 kernel. Square the kernel size.", (16 * (6 * 5 + 1), 0)
    ),
    "kernel-3": mistake(
        "You used a 3×3 kernel. The last number in Conv2d(6, 16, 5) is the kernel's size: 5×5.",
        (16 * (6 * 9 + 1), 0),
    ),
    "map-for-kernel": mistake(
        "You took the 8×8 map that comes out for the kernel. The kernel is 5×5, and the map's size "
        "does not matter.",
        (16 * (6 * 8 * 8 + 1), 0),
    ),
    "input-map-for-kernel": mistake(
        "You took the 12×12 map that comes in for the kernel. The kernel is 5×5, and the map's "
        "size does not matter.",
        (16 * (6 * 12 * 12 + 1), 0),
    ),
    "one-filter": mistake(
        "151 are the parameters of one filter. There are 16 of them.", (6 * 25 + 1, 0)
    ),
    "first-convolution": mistake(
        "156 belongs to the convolution before, with six filters on a grey image. "
        "This one takes 6 channels and has 16 filters.",
        (156, 0),
    ),
    "as-dense-layer": mistake(
        "You counted as in a dense layer, a weight for every pair of places. A convolution uses "
        "one small kernel at every place, so the size of the map does not matter.",
        (6 * 12 * 12 * 16 * 8 * 8, 0),
    ),
    "as-dense-layer-with-biases": mistake(
        "You counted as in a dense layer, a weight for every pair of places and a bias for every "
        "place. A convolution uses one small kernel at every place: the map's size has no say.",
        (6 * 12 * 12 * 16 * 8 * 8 + 16 * 8 * 8, 0),
    ),
    "output-sizes": mistake(
        "You gave the sizes of the outputs, how many numbers come out. The question is for the "
        "parameters, the numbers that are learned.",
        (16 * 8 * 8, 16 * 4 * 4),
    ),
    "multiplied-by-map": mistake(
        "You multiplied by the size of the map. The same weights are used at every place, "
        "so the image's size does not matter.",
        when=lambda answer: answer[0] in _OVER_THE_MAP and answer[1] == 0,
        example=(2416 * 8 * 8, 0),
    ),
    "pool-window": mistake(NOTHING_IN_A_POOL, (2416, 4)),
    "pool-has-parameters": mistake(
        "A pool has no parameters, and you gave it some. It picks the largest value of each "
        "window: there is nothing to learn in it.",
        when=lambda answer: answer[0] == 2416 and answer[1] != 0,
        example=(2416, 16),
    ),
}

# --- 4.3 ----------------------------------------------------------------------------------------
FLAT_SIZE = {
    "second-pool-missing": mistake(
        "1,600 forgets the second pool. It halves both sides once more.", 16 * 10 * 10
    ),
    "first-pool-missing": mistake(
        "1,936 forgets the first pool. It halves both sides before the second convolution.",
        16 * 11 * 11,
    ),
    "both-pools-missing": mistake(
        "7,744 forgets both pools. Each of them halves both sides.", 16 * 22 * 22
    ),
    "padded-or-image": mistake(
        "784 is the size of the image, and also what is left with padding: 16 maps of 7×7. "
        "Here there is none: a convolution with a kernel of size k makes each side k − 1 shorter.",
        16 * 7 * 7,
    ),
    "second-keeps-side": mistake(
        "576 is 16 maps of 6×6, as if the second convolution took nothing away. "
        "Without padding, a 3×3 kernel turns 12 pixels into 10.",
        16 * 6 * 6,
    ),
    "too-much-taken-away": mistake(
        "256 is 16 maps of 4×4: too much is taken away. The second kernel is 3×3, "
        "and a kernel of size k takes away k − 1, not k.",
        16 * 4 * 4,
    ),
    "brackets-missing": mistake(
        "Brackets are missing: `28 - 4 // 2` divides the 4 first. Each pool halves the whole side "
        "that is left, (28 − 4) // 2.",
        16 * 25 * 25,
    ),
    "half-way": mistake(
        "1,152 is what arrives half way, behind the first pool: 8 maps of 12×12. "
        "The second convolution and the second pool follow.",
        8 * 12 * 12,
    ),
    "one-map": mistake("25 is one map. There are 16 of them, one for each filter.", 5 * 5),
    "one-number-a-map": mistake(
        "16 is the number of maps. Each of them still has rows and columns.", 16
    ),
    "one-axis": mistake(
        "80 counts one row of each map. A map has rows and columns: 5 of each.", 16 * 5
    ),
    "first-filters": mistake(
        "200 uses the 8 filters of the first convolution. "
        "Behind the second one there are as many maps as it has filters.",
        8 * 5 * 5,
    ),
    "filters-multiplied": mistake(
        "You multiplied by both numbers of filters. The second convolution adds up its 8 inputs, "
        "so 16 maps are left.",
        8 * 16 * 5 * 5,
    ),
    "filters-added": mistake(
        "You added both numbers of filters. The second convolution turns its 8 inputs into "
        "16 maps; the 8 do not go on beside them.",
        (8 + 16) * 5 * 5,
    ),
    "parameters-behind": mistake(
        "4,010 are the parameters of a dense layer with ten outputs behind it. "
        "The question is how many numbers arrive there.",
        400 * 10 + 10,
    ),
    "not-whole-maps": mistake(
        "As many numbers arrive as 16 whole maps hold, and yours is no multiple of 16. "
        "Work out one map, rows times columns, and count it once for each filter.",
        when=lambda number: number % 16 != 0,
        example=10,
    ),
    "maps-not-square": mistake(
        "Your number divided by the 16 maps is no square. The image is as high as it is wide, "
        "so every map is a square too.",
        when=lambda number: round((number / 16) ** 0.5) ** 2 != number / 16,
        example=16 * 4 * 5,
    ),
    "parameters-before": mistake(
        "You counted the parameters of the two convolutions. "
        "The question is how many numbers come out of the last pool.",
        8 * 26 + 16 * 73,
    ),
}
