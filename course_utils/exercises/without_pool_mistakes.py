"""Wrong answers to 4.4 and 4.11: a network without its pool, and three kinds of layers."""

from __future__ import annotations

from course_utils.exercise import mistake

# --- 4.4 ----------------------------------------------------------------------------------------
SAME, VALID = 5087, 3167


def _in_both(name: str, words: str, same: int, valid: int) -> dict[str, object]:
    """A mistake that is made in both numbers, or in one of them only."""
    return {
        name: mistake(words, (same, valid)),
        f"{name}-in-same": mistake(f"'Valid' is right; 'same' is not. {words}", (same, VALID)),
        f"{name}-in-valid": mistake(f"'Same' is right; 'valid' is not. {words}", (SAME, valid)),
    }


WITHOUT_POOL = {
    "still-pooled": mistake(
        "767 still holds the pool. Without it the maps keep their size.",
        when=lambda answer: 767 in answer,
        example=(767, 767),
    ),
    "exchanged": mistake(
        "Your two numbers have changed places, and the order counts: 'same' first. "
        "'Same' keeps 9×9 pixels, 'valid' loses an edge.",
        (VALID, SAME),
    ),
    **_in_both(
        "one-map-passed-on",
        "You passed one map on to the dense layer. All three of them are flattened.",
        27 + 81 * 20 + 200,
        27 + 49 * 20 + 200,
    ),
    **_in_both(
        "with-biases",
        "You counted the biases. This example leaves them out.",
        SAME + 33,
        VALID + 33,
    ),
    **_in_both(
        "with-dense-biases",
        "You counted the biases of the two dense layers. This example leaves all biases out.",
        SAME + 30,
        VALID + 30,
    ),
    **_in_both(
        "with-filter-biases",
        "You counted the biases of the filters. This example leaves all biases out.",
        SAME + 3,
        VALID + 3,
    ),
    **_in_both(
        "filters-missing",
        "You left out the filters themselves: three kernels of 3×3 weights.",
        SAME - 27,
        VALID - 27,
    ),
    **_in_both(
        "one-filter-only",
        "You counted the weights of one filter, 9. There are three filters.",
        SAME - 18,
        VALID - 18,
    ),
    **_in_both(
        "filters-on-three-channels",
        "You counted filters that see three channels. The picture is grey, with one input channel: "
        "a filter has 3 · 3 weights.",
        SAME + 54,
        VALID + 54,
    ),
    **_in_both(
        "last-layer-missing",
        "You left out the last dense layer, from the hidden outputs to the ten classes.",
        SAME - 200,
        VALID - 200,
    ),
    **_in_both(
        "middle-layer-only",
        "You counted the first dense layer only. The whole network is wanted: "
        "the filters and the last layer have weights too.",
        3 * 81 * 20,
        3 * 49 * 20,
    ),
    **_in_both(
        "last-layer-from-maps",
        "Your last layer takes the flattened maps. It stands behind the dense layer of 20 outputs, "
        "so it has 20 · 10 weights.",
        27 + 243 * 20 + 243 * 10,
        27 + 147 * 20 + 147 * 10,
    ),
    **_in_both(
        "numbers-that-arrive",
        "You counted the numbers that arrive at the dense layer. "
        "Each of them has a weight for every one of the 20 hidden outputs; count the weights.",
        3 * 81,
        3 * 49,
    ),
    "dense-network": mistake(
        "1,820 belongs to the dense network without filters, where one picture of 81 pixels "
        "arrives. Here three filters come first, and three maps arrive.",
        (1820, 1820),
    ),
    "valid-8": mistake(
        "The 'valid' map is not 8×8. A 3×3 kernel fits into 9 pixels at 9 − 3 + 1 places.",
        (SAME, 27 + 3 * 64 * 20 + 200),
    ),
    "valid-6": mistake(
        "The 'valid' map is not 6×6. A kernel of size k takes away k − 1 pixels, "
        "one on either side.",
        (SAME, 27 + 3 * 36 * 20 + 200),
    ),
    "valid-as-same": mistake(
        "You gave 'valid' the maps of 'same', 9×9. Without padding the kernel does not reach "
        "over the edge, so the map is smaller.",
        (SAME, SAME),
    ),
}

# --- 4.11 ---------------------------------------------------------------------------------------
PLACES, PIXELS, WINDOW = 24 * 24, 28 * 28, 5 * 5


def _three(outputs: int = 6 * PLACES, dense: int = PIXELS + 1, local: int = WINDOW + 1):
    """(dense, local, shared) from the number of outputs and the numbers that each owns."""
    return outputs * dense, outputs * local, 6 * local


THREE_LAYERS = {
    "no-biases": mistake(
        "You counted the weights only. Every output of the first two layers has a bias of its "
        "own, and every filter of the third.",
        _three(dense=PIXELS, local=WINDOW),
    ),
    "bias-for-each-map": mistake(
        "You gave the dense and the local layer one bias for each map. Without sharing every "
        "output has its own.",
        (6 * PLACES * PIXELS + 6, 6 * PLACES * WINDOW + 6, 6 * (WINDOW + 1)),
    ),
    "outputs-of-the-image": mistake(
        "You counted 28 × 28 outputs for each map. Without padding a 5×5 window fits at "
        "24 × 24 places.",
        _three(6 * PIXELS),
    ),
    "one-map": mistake(
        "You counted a single map. The layer makes six, each with weights of its own.",
        (PLACES * (PIXELS + 1), PLACES * (WINDOW + 1), WINDOW + 1),
    ),
    "local-shares-between-maps": mistake(
        "Your local layer has one window of weights for a place, used for all six maps. Every "
        "output has its own, so multiply by the six maps as well.",
        (6 * PLACES * (PIXELS + 1), PLACES * (WINDOW + 1), 6 * (WINDOW + 1)),
    ),
    "not-shared": mistake(
        "Your shared layer still has a kernel for every place. One kernel serves a whole map, so "
        "its places are not counted.",
        (6 * PLACES * (PIXELS + 1), 6 * PLACES * (WINDOW + 1), 6 * PLACES * (WINDOW + 1)),
    ),
    "reversed": mistake(
        "The three numbers stand in reverse order: dense first, then local, then shared.",
        _three()[::-1],
    ),
    "dense-to-six": mistake(
        "Your dense layer has six outputs. It should give as many numbers as the convolution: "
        "six maps of 24 × 24.",
        (6 * (PIXELS + 1), 6 * PLACES * (WINDOW + 1), 6 * (WINDOW + 1)),
    ),
    "example-of-the-text": mistake(
        "These are the numbers of the layer in the text. Do the same for LeNet's first layer: "
        "1×28×28 to 6×24×24, with 5×5 windows.",
        (25_174_016, 229_376, 224),
    ),
}
