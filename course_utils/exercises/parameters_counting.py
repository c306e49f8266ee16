"""Counts of parameters and of work with a slip in them, as switches: exercises 4.5 and 4.7."""

from __future__ import annotations

from collections.abc import Callable

from course_utils.exercise import mistake


# --- 4.5 -----------------------------------------------------------------------------------------
def _collected(layers, counts, collect):
    """What is made of the counts of all layers; see `count_parameters_with`."""
    own = [c for layer, c in zip(layers, counts, strict=True) if layer[0] in ("conv", "dense")]
    if collect == "list":
        return own
    if collect == "how many":
        return len(own)
    kinds = [layer[0] for layer in layers]
    if collect.startswith("to "):  # without such a layer nothing is returned
        return sum(counts[: kinds.index(collect[3:]) + 1]) if collect[3:] in kinds else None
    chosen = {"round": counts[:1], "last": counts[-1:], "first": own[:1], "own last": own[-1:]}
    return sum(chosen.get(collect, counts))


def count_parameters_with(
    conv_bias="filter", dense_bias="output", kernel="square", inputs=True, filters=True,
    dense="product", pool="nothing", kinds=("conv", "dense", "pool"), collect="sum",
) -> Callable:  # fmt: skip
    """Make a count_parameters with these decisions in it.

    Parameters
    ----------
    conv_bias, dense_bias : one bias for each "filter" or "output", "pair", "input", "layer",
        or "none"
    kernel : its weights in a slice: "square", "once" (k), "twice" (2 k), "five" (25 always)
    inputs, filters : whether a filter has a slice for every input channel, and all are counted
    dense : inputs and outputs of a dense layer make a "product", or a "sum"
    pool : "nothing", "square" or "once"
    kinds : of layer that are counted
    collect : the "sum"; or the "first" or "own last" of those that have parameters;
        up "to dense" or "to conv", the first of its kind; only the first "round" of the loop, or
        its "last"; all in a "list", or "how many"
    """

    def count(layer):
        kind, *sizes = layer
        if kind not in kinds or kind not in ("conv", "dense", "pool"):
            return 0
        if kind == "pool":
            return {"square": sizes[0] ** 2, "once": sizes[0]}.get(pool, 0)
        start, outputs, *rest = sizes
        slices = start if inputs or kind == "dense" else 1
        if kind == "conv":
            k = rest[0]
            slices *= {"once": k, "twice": 2 * k, "five": 25}.get(kernel, k * k)
        bias = conv_bias if kind == "conv" else dense_bias
        if kind == "dense" and dense == "sum":
            return start + outputs
        weights = slices * (outputs if filters or kind == "dense" else 1)
        return weights + {
            "none": 0, "layer": 1, "input": start, "pair": outputs * start,
        }.get(bias, outputs)  # fmt: skip

    def count_parameters(layers):
        return _collected(layers, [count(layer) for layer in layers], collect)

    return count_parameters


COUNT_PARAMETERS = {
    "no-biases": mistake(
        "Your count has no biases. Every filter and every dense output has one.",
        conv_bias="none",
        dense_bias="none",
    ),
    "conv-biases-missing": mistake(
        "The convolutions' biases are missing: one for each filter.", conv_bias="none"
    ),
    "dense-biases-missing": mistake(
        "The dense layers' biases are missing: one for each output.", dense_bias="none"
    ),
    "one-bias-a-layer": mistake(
        "You count one bias for each layer. Every filter and every dense output has its own.",
        conv_bias="layer",
        dense_bias="layer",
    ),
    "one-bias-a-convolution": mistake(
        "You count one bias for each convolution. Every filter has its own.", conv_bias="layer"
    ),
    "one-bias-a-dense-layer": mistake(
        "You count one bias for each dense layer. Every output has its own.", dense_bias="layer"
    ),
    "bias-for-each-input": mistake(
        "You count a bias for each input. It belongs to the output.",
        conv_bias="input",
        dense_bias="input",
    ),
    "conv-bias-for-each-input": mistake(
        "You count a bias for each input channel of a convolution. It belongs to the filter.",
        conv_bias="input",
    ),
    "dense-bias-for-each-input": mistake(
        "You count a bias for each input of a dense layer. It belongs to the output.",
        dense_bias="input",
    ),
    "bias-for-each-pair": mistake(
        "You count a bias for each pair of channels. A filter has one.", conv_bias="pair"
    ),
    "input-channels-missing": mistake(
        "The input channels are forgotten. A kernel has one slice for each of them.", inputs=False
    ),
    "one-filter-only": mistake(
        "You count the weights of one filter in each convolution. Multiply by the outputs: "
        "there is a filter for each of them.",
        filters=False,
    ),
    "dense-added": mistake(
        "You add inputs and outputs of a dense layer. "
        "Every output has a weight for every input, and a bias: multiply.",
        dense="sum",
    ),
    "kernel-not-squared": mistake(
        "A kernel of size k is a square: it has k · k weights in each slice, not k.", kernel="once"
    ),
    "kernel-doubled": mistake(
        "You count twice k for a kernel of size k. It is a square, with k · k weights in each "
        "slice.",
        kernel="twice",
    ),
    "kernel-5-written-in": mistake(
        "You count 25 weights for every kernel, as if its size were always 5. "
        "The size stands in the layer's tuple, after inputs and outputs.",
        kernel="five",
    ),
    "pool-squared": mistake("You count k² for a pool. It has no weights at all.", pool="square"),
    "pool-counted": mistake("You count k for a pool. It has no weights at all.", pool="once"),
    "first-layer-only": mistake(
        "Only the first layer is counted, as when a function returns inside the loop. "
        "Add up first, return at the end.",
        collect="round",
    ),
    "first-counted-only": mistake(
        "Only the first layer with parameters is counted, as when a function returns inside the "
        "loop. Add up first, return at the end.",
        collect="first",
    ),
    "stops-at-dense": mistake(
        "Nothing behind the first dense layer is counted: does `return` stand in its branch, "
        "inside the loop? Add up first, return at the end.",
        collect="to dense",
    ),
    "stops-at-convolution": mistake(
        "Nothing behind the first convolution is counted: does `return` stand in its branch, "
        "inside the loop? Add up first, return at the end.",
        collect="to conv",
    ),
    "last-layer-only": mistake(
        "Only the last layer is counted. Add each layer to a running total.", collect="last"
    ),
    "total-replaced": mistake(
        "Only the last layer with parameters is counted: each one replaces the total. "
        "Add to it: total += …",
        collect="own last",
    ),
    "list-of-counts": mistake(
        "Your function gives a list of counts. Add them up: one number is wanted.", collect="list"
    ),
    "how-many-layers": mistake(
        "You count how many layers have parameters. Add up the number of parameters of each.",
        collect="how many",
    ),
    "dense-layers-missing": mistake(
        "The dense layers are left out of your count. "
        'Their tuples begin with the text "dense", then come inputs and outputs.',
        kinds=("conv", "pool"),
    ),
    "convolutions-missing": mistake(
        "The convolutions are left out of your count. "
        'Their tuples begin with the text "conv", then come inputs, outputs and kernel size.',
        kinds=("dense", "pool"),
    ),
    "nothing-counted": mistake(
        "Your function gives 0 for every list, so no layer is recognised. The first entry of each "
        'tuple, layer[0], is the name to compare with "conv" and "dense".',
        kinds=(),
    ),
}


# --- 4.7 ----------------------------------------------------------------------------------------
def conv_cost_with(
    frame="both", fits=True, strided=True, one=True, rounding="down", kernel="square",
    bias="filter", inputs=("parameters", "work"), groups=("parameters", "work"),
    work="places", filters=True, swapped=False,
) -> Callable:  # fmt: skip
    """Make a conv_cost with these decisions in it.

    Parameters
    ----------
    frame, fits, strided, one : whether the side of the output counts the padding on "both" sides,
        "once" or not at all ("none"), subtracts the kernel, divides by the stride, and adds 1
    rounding : of the steps: "down", "up" or "none"; or "input", the side that comes in
    kernel : its weights in a slice: "square", or "once" (k)
    bias : one for each "filter", "input", "pair"; "one" in all, or "none"
    inputs, groups : in which of the two numbers they are counted
    work : weights used at all "places", "once", along one "row"; "biases" counted, "double"
    filters : whether the work is that of all filters
    swapped : whether the two numbers change places
    """

    def conv_cost(c_in, c_out, k, size, stride=1, padding=0, parts=1):
        padded = size + {"none": 0, "once": padding}.get(frame, 2 * padding)
        steps = (padded - (k if fits else 0)) / (stride if strided else 1)
        steps = {"up": -int(-steps // 1), "none": steps}.get(rounding, int(steps // 1))
        length = size if rounding == "input" else steps + one
        slices = {"once": k}.get(kernel, k * k)
        seen = {
            part: (c_in // (parts if part in groups else 1) if part in inputs else 1) * slices
            for part in ("parameters", "work")
        }
        biases = {"input": c_in, "pair": c_in * c_out, "one": 1, "none": 0}.get(bias, c_out)
        places = {"once": 1, "row": length, "twice the side": 2 * length}.get(work, length**2)
        total = (c_out if filters else 1) * seen["work"] * places
        total = {"biases": total + c_out * places, "double": 2 * total}.get(work, total)
        both = c_out * seen["parameters"] + biases, total
        return both[::-1] if swapped else both

    return conv_cost


CONV_COST = {
    "weights-used-once": mistake(
        "Your multiply-adds are the weights, used once. "
        "Every weight is used again at every place of the output.",
        work="once",
    ),
    "places-of-input": mistake(
        "You count places of the input. The kernel stops once for each place of the output.",
        rounding="input",
    ),
    "padding-missing": mistake("The padding is missing in the size of the output.", frame="none"),
    "padding-once": mistake(
        "The padding is counted once in the size of the output. It lies on both sides: "
        "2 · padding.",
        frame="once",
    ),
    "stride-missing": mistake("The stride is missing in the size of the output.", strided=False),
    "one-missing": mistake(
        "The output's side is one short. There is one place more than there are steps: add 1 "
        "after the division.",
        one=False,
    ),
    "rounded-up": mistake(
        "You rounded the side of the output up. Where the last window does not fit, it is left "
        "out: use //.",
        rounding="up",
        one=True,  # not together with a missing 1, which would be `size` one smaller
    ),
    "not-rounded": mistake(
        "The side of your output is a fraction where the stride does not come out even. "
        "Only whole places count: use // for the division.",
        rounding="none",
    ),
    "kernel-not-subtracted": mistake(
        "The kernel is not subtracted in the size of the output. It has to fit into the image: "
        "size + 2 · padding − kernel.",
        fits=False,
    ),
    "side-doubled": mistake(
        "You double the side of the output. A map has rows times columns: square its side.",
        work="twice the side",
    ),
    "one-row": mistake(
        "You count a map as one row. It has rows times columns: square its side.", work="row"
    ),
    "biases-in-work": mistake(
        "You count biases as multiply-adds. A bias is only added.", work="biases"
    ),
    "operations": mistake(
        "Twice too many: you count a multiplication and its addition as two. "
        "That is the number of operations (FLOPs).",
        work="double",
    ),
    "one-filter-works": mistake(
        "Your multiply-adds are those of one filter. Every filter makes a map of its own.",
        filters=False,
    ),
    "exchanged": mistake(
        "The two numbers have changed places: parameters first, then multiply-adds.", swapped=True
    ),
    "no-biases": mistake(
        "The biases are missing among the parameters: one for each filter.", bias="none"
    ),
    "one-bias": mistake(
        "You added a single bias to the parameters. Every filter has one of its own.", bias="one"
    ),
    "bias-for-each-input": mistake(
        "You added a bias for each input channel to the parameters. A bias belongs to a filter.",
        bias="input",
    ),
    "bias-for-each-pair": mistake(
        "You added a bias for each pair of channels to the parameters. A filter has one.",
        bias="pair",
    ),
    "kernel-not-squared": mistake(
        "A kernel of size k is a square: it has k · k weights in each slice, not k.",
        kernel="once",
    ),
    "groups-missing": mistake(
        "The groups are missing. A filter sees only inputs / groups channels.", groups=()
    ),
    "groups-missing-in-work": mistake(
        "Your parameters heed the groups and your multiply-adds do not. "
        "A filter sees only inputs / groups channels, in both.",
        groups=("parameters",),
    ),
    "groups-missing-in-parameters": mistake(
        "Your multiply-adds heed the groups and your parameters do not. "
        "A filter sees only inputs / groups channels, in both.",
        groups=("work",),
    ),
    "inputs-missing": mistake(
        "The input channels are missing. A kernel has a slice for each one it sees.", inputs=()
    ),
    "inputs-missing-in-work": mistake(
        "The input channels are missing in the multiply-adds. "
        "At every place, a filter multiplies one slice for each channel it sees.",
        inputs=("parameters",),
    ),
    "inputs-missing-in-parameters": mistake(
        "The input channels are missing in the parameters. "
        "A kernel has a slice for each one it sees.",
        inputs=("work",),
    ),
    "numbers-written-in": mistake(
        "Your function gives the cost of AlexNet's second convolution, whatever is passed in: "
        "its 64, 192 and 27 are written in. Use the function's arguments.",
        lambda *case: (64 * 192 * 25 + 192, 64 * 192 * 25 * 27 * 27),
    ),
}
