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


def three_with(
    outputs=6 * PLACES, pixels=PIXELS, window=WINDOW, filters=6, bias="output",
    dense_bias="", local_bias="", shared_bias="",
) -> tuple[int, ...]:  # fmt: skip
    """(dense, local, shared) parameters with these decisions in them.

    Parameters
    ----------
    outputs : of the layers that share nothing
    pixels, window : how many numbers an output sees in a dense layer, and in the other two
    filters : of the convolution
    bias : one for each "output", "map" or "layer", or "none"; of one layer by its own name
    """
    shares = (
        (outputs, pixels, dense_bias), (outputs, window, local_bias), (filters, window, shared_bias)
    )  # fmt: skip
    return tuple(
        count * weights + {"none": 0, "layer": 1, "map": 6}.get(own or bias, count)
        for count, weights, own in shares
    )


_RIGHT = three_with()
_OWN = "Without sharing, every output has weights and a bias of its own."
THREE_LAYERS = {
    "no-biases": mistake(
        "You counted the weights only. Every output of the first two layers has a bias of its "
        "own, and every filter of the third.",
        bias="none",
    ),
    "one-bias-a-layer": mistake(
        "You counted one bias for a whole layer. Every output of the first two layers has a bias "
        "of its own, and every filter of the third.",
        bias="layer",
    ),
    "bias-for-each-map": mistake(
        "You gave the dense and the local layer one bias for each map. Without sharing every "
        "output has its own.",
        bias="map",
    ),
    "dense-biases-missing": mistake(
        "The biases of the dense layer are missing: one for each output.", dense_bias="none"
    ),
    "local-biases-missing": mistake(
        "The biases of the local layer are missing: one for each output.", local_bias="none"
    ),
    "local-bias-for-each-map": mistake(
        f"You gave the local layer one bias for each map, as a convolution has. {_OWN}",
        local_bias="map",
    ),
    "shared-biases-missing": mistake(
        "The biases of the shared layer are missing: one for each filter.", shared_bias="none"
    ),
    "outputs-of-the-image": mistake(
        "You counted 28 × 28 outputs for each map. Without padding a 5×5 window fits at "
        "24 × 24 places.",
        outputs=6 * PIXELS,
    ),
    "local-outputs-of-the-image": mistake(
        "Your local layer has 28 × 28 outputs for each map. Without padding a 5×5 window fits at "
        "24 × 24 places.",
        (_RIGHT[0], 6 * PIXELS * (WINDOW + 1), _RIGHT[2]),
    ),
    "places-one-short": mistake(
        "You counted 23 × 23 outputs for each map: 28 − 5 steps. There is one place more than "
        "there are steps.",
        outputs=6 * 23**2,
    ),
    "places-one-more": mistake(
        "You counted 25 × 25 outputs for each map. The maps are 24×24.", outputs=6 * 25**2
    ),
    "one-row": mistake(
        "You counted the outputs of one row in each map. A map has rows times columns.",
        outputs=6 * 24,
    ),
    "one-map": mistake(
        "You counted a single map. The layer makes six, each with weights of its own.",
        outputs=PLACES,
        filters=1,
    ),
    "one-map-where-nothing-is-shared": mistake(
        "You counted the outputs of a single map in the dense and the local layer. There are six "
        f"maps. {_OWN}",
        outputs=PLACES,
    ),
    "dense-sees-a-map": mistake(
        "Each output of your dense layer sees 24 × 24 numbers, a map that comes out. It sees the "
        "whole input.",
        pixels=PLACES,
    ),
    "dense-sees-all-maps": mistake(
        "Each output of your dense layer sees the six maps that come out. It sees the whole input.",
        pixels=6 * PLACES,
    ),
    "dense-sees-a-row": mistake(
        "Each output of your dense layer sees one row of the image. It sees all rows.", pixels=28
    ),
    "window-not-squared": mistake(
        "You counted 5 weights for a window. It has 5 rows of 5: square its side.", window=5
    ),
    "window-of-three": mistake(
        "You counted the 3×3 windows of the text's layer. LeNet's are 5×5.", window=9
    ),
    "windows-of-all-maps": mistake(
        "Your windows have a slice for each of the six maps. They look at the image that comes in, "
        "which has one channel.",
        window=6 * WINDOW,
    ),
    "three-channels": mistake(
        "Your windows have three channels, as for a colour image. Here one channel comes in.",
        window=3 * WINDOW,
    ),
    "three-channels-dense": mistake(
        "Your dense layer sees three channels, as of a colour image. Here one channel comes in.",
        pixels=3 * PIXELS,
    ),
    "local-shares-between-maps": mistake(
        "Your local layer has one window of weights for a place, used for all six maps. Every "
        "output has its own, so multiply by the six maps as well.",
        (_RIGHT[0], PLACES * (WINDOW + 1), _RIGHT[2]),
    ),
    "not-shared": mistake(
        "Your shared layer still has a kernel for every place. One kernel serves a whole map, so "
        "its places are not counted.",
        filters=6 * PLACES,
    ),
    "reversed": mistake(
        "The three numbers stand in reverse order: dense first, then local, then shared.",
        _RIGHT[::-1],
    ),
    "dense-to-six": mistake(
        "Your dense layer has six outputs. It should give as many numbers as the convolution: "
        "six maps of 24 × 24.",
        (6 * (PIXELS + 1), *_RIGHT[1:]),
    ),
    "savings": mistake(
        "These are quotients, how often one count goes into another. Answer with the three counts "
        "themselves.",
        (_RIGHT[0] / _RIGHT[1], _RIGHT[1] / _RIGHT[2], 1),
    ),
    "example-of-the-text": mistake(
        "These are the numbers of the layer in the text. Do the same for LeNet's first layer: "
        "1×28×28 to 6×24×24, with 5×5 windows.",
        (25_174_016, 229_376, 224),
    ),
}
