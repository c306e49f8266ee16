"""What students get wrong in filters (2.11), a 1×1 convolution (2.12) and a wish (2.13)."""

import torch
import torch.nn.functional as F

from course_utils.exercise import mistake

# --- 2.11 ---------------------------------------------------------------------------------------


def filtering(kernels="own", filters="all", bias="own", channels="sum", layout="maps"):
    """An answer to 2.11, with a setting for every decision it takes."""

    def conv_layer(image, weight, offsets):
        weight = {
            "own": weight,
            "flipped": weight.flip(2, 3),
            "transposed": weight.transpose(2, 3),
        }[kernels]
        maps = _maps(image, weight, channels)
        maps = {
            "all": maps,
            "first": maps[:1].expand_as(maps),
            "last": maps[-1:].expand_as(maps),
            "only": torch.cat([maps[:1], torch.zeros_like(maps[1:])]),
            "reversed": maps.flip(0),
            "running": maps.cumsum(0),
        }[filters]
        return _laid_out(maps + _offsets(bias, offsets, maps, weight), layout)

    return conv_layer


def _maps(image, weight, channels):
    if channels == "sum":
        return F.conv2d(image[None], weight)[0]
    apart = torch.stack([
        F.conv2d(image[None], kernel[:, None], groups=len(image))[0] for kernel in weight
    ])  # fmt: skip
    return {"mean": apart.mean(1), "first": apart[:, 0], "last": apart[:, -1]}[channels]


def _offsets(bias, offsets, maps, weight):
    """What is added to (out, H', W') maps: a number for each map, if it is right."""
    each = offsets.reshape(-1, 1, 1)
    products = weight[0].numel()
    if bias in ("columns", "rows"):
        axis = {"columns": -1, "rows": -2}[bias]
        shape = [1, 1, 1]
        shape[axis] = -1
        return offsets.reshape(shape)  # an error unless there are as many columns or rows
    return {
        "own": each,
        "none": 0 * each,
        "first": each[:1],
        "last": each[-1:],
        "all": each.sum(),
        "mean": each.mean(),
        "subtracted": -each,
        "for each product": products * each,
        "for each channel": weight.shape[1] * each,
        "running": each.cumsum(0),
        "factor": maps * (each - 1),
        "scaled": products**-1 * each,
    }[bias]


def _laid_out(maps, layout):
    return {
        "maps": lambda: maps,
        "last": lambda: maps.permute(1, 2, 0),
        "batch": lambda: maps[None],
        "flat": lambda: maps.flatten(),
        "added": lambda: maps.sum(0),
        "averaged": lambda: maps.mean(0),
        "first": lambda: maps[0],
        "last map": lambda: maps[-1],
        "last in list": lambda: maps[-1:],
        "relu": maps.relu,
        "swapped": lambda: maps.transpose(1, 2),
        "numbers": lambda: maps.sum((1, 2)),
        "rows": lambda: maps.flatten(1),
    }[layout]()


def axes_exchanged(image, weight, bias):
    """Take weight[:, o] for filter o: right where it fits, for as many outputs as channels."""
    return filtering()(image, weight.transpose(0, 1), bias)


def padded(frame):
    """Put zeros around the image first, as many as `frame` says for a kernel's width."""
    return lambda image, weight, bias: F.conv2d(
        image[None], weight, bias, padding=tuple(map(frame, weight.shape[2:]))
    )[0]


_EACH = "Filter o, weight[o] of shape (C, kH, kW), makes map o, and bias[o] is added to all of it."
CONV_LAYER = {
    "bias-forgotten": mistake(
        f"The maps are right, but the bias is missing. {_EACH}", bias="none"
    ),
    "bias-first-only": mistake(
        f"Every map gets the first bias, bias[0]. {_EACH}", bias="first"
    ),
    "bias-last-only": mistake(f"Every map gets the last bias. {_EACH}", bias="last"),
    "bias-summed": mistake(f"Every map gets the sum of all biases. {_EACH}", bias="all"),
    "bias-averaged": mistake(f"Every map gets the mean of all biases. {_EACH}", bias="mean"),
    "bias-subtracted": mistake(f"You subtracted the bias. {_EACH}", bias="subtracted"),
    "bias-for-each-product": mistake(
        "The bias is added to every product, before the sum. Add it once to each output.",
        bias="for each product",
    ),
    "bias-for-each-channel": mistake(
        "The bias is added once for every channel. Add it once to each output, after the channels "
        "are summed.",
        bias="for each channel",
    ),
    "bias-runs-on": mistake(
        f"Your biases add up from filter to filter. {_EACH}", bias="running"
    ),
    "bias-multiplied": mistake(f"You multiplied by the bias. {_EACH}", bias="factor"),
    "bias-along-columns": mistake(
        "The bias runs along the columns: broadcasting compares shapes from the last axis. "
        "Give it the shape (out, 1, 1).",
        bias="columns",
    ),
    "bias-along-rows": mistake(
        "The bias runs along the rows of each map. Give it the shape (out, 1, 1).", bias="rows"
    ),
    "first-filter-for-all": mistake(
        f"Every map comes from the first filter, weight[0]. {_EACH}", filters="first"
    ),
    "last-filter-for-all": mistake(
        f"Every map comes from the last filter. {_EACH}", filters="last"
    ),
    "filters-run-on": mistake(
        "Your maps add up from filter to filter. Start every map anew.", filters="running"
    ),
    "filters-reversed": mistake(f"The maps are in reverse order. {_EACH}", filters="reversed"),
    "maps-added": mistake(
        "You added the maps up to one. The channels are summed inside a filter; the maps of "
        "different filters stay apart.",
        layout="added",
    ),
    "maps-averaged": mistake(
        "You averaged the maps. The maps of different filters stay apart.", layout="averaged"
    ),
    "first-map-returned": mistake(
        "You return the first map alone. Does `return` stand inside the loop over the filters?",
        layout="first",
    ),
    "last-map-returned": mistake(
        "You return the last map alone. Collect the maps in a list and stack them.",
        layout="last map",
    ),
    "only-last-map-in-list": mistake(
        "Only the last filter's map is left: each one replaces the one before. Collect the maps "
        "in a list inside the loop, and stack them behind it.",
        layout="last in list",
    ),
    "maps-last": mistake(
        "Your maps lie along the last axis, (H', W', out). The maps come first: torch.stack puts "
        "its new axis in front.",
        layout="last",
    ),
    "batch-axis": mistake(
        "Your result has an extra axis of length 1 in front. Take [0] of what F.conv2d gives.",
        layout="batch",
    ),
    "flattened": mistake("You flattened the maps. Keep (out, H', W').", layout="flat"),
    "map-rows-flattened": mistake(
        "Each map is one long row. Keep its rows and columns: (out, H', W').", layout="rows"
    ),
    "outputs-added": mistake(
        "You summed each map up to one number. Every window gives an output of its own.",
        layout="numbers",
    ),
    "maps-transposed": mistake(
        "Height and width are swapped in every map. Rows come first: (out, H', W').",
        layout="swapped",
    ),
    "negative-outputs-lost": mistake(
        "The negative outputs are 0 in yours, as after a ReLU. A convolution keeps them.",
        layout="relu",
    ),
    "padded-by-one": mistake(
        "You padded the image by 1, so your maps are too large. No padding is wanted here.",
        padded(lambda width: 1),
    ),
    "padded-to-same": mistake(
        "You padded the image by half a kernel (as padding='same' does), so your maps are as large "
        "as the image. No padding is wanted here.",
        padded(lambda width: width // 2),
    ),
    "filter-axes-exchanged": mistake(
        "You took weight[:, o] for filter o. The first axis counts the filters: weight[o].",
        axes_exchanged,
    ),
    "kernels-flipped": mistake(
        "You flipped the kernels. PyTorch slides them as they are.", kernels="flipped"
    ),
    "kernels-transposed": mistake(
        "Height and width of the kernels are swapped: weight has the shape (out, C, kH, kW).",
        kernels="transposed",
    ),
    "channels-averaged": mistake(
        "You averaged over the channels. Add them.", channels="mean"
    ),
    "first-channel-only": mistake(
        "Only the first channel counts in your maps. Add all channels.", channels="first"
    ),
    "last-channel-only": mistake(
        "Only the last channel counts in your maps. Add all channels.", channels="last"
    ),
    "only-first-filled": mistake(
        "Only the first map is filled, the others hold their bias alone. Loop over all filters.",
        filters="only",
    ),
}  # fmt: skip

# --- 2.12: a 1×1 convolution; row 0 is red − green, row 1 the mean of red and blue ----------------


def _weight(first, second):
    return torch.tensor([first, second], dtype=torch.float64)


def mixed(difference=(1, -1, 0), mean=(0.5, 0, 0.5), layout="table"):
    """An answer to 2.12: the row of each map, and how the two lie."""
    rows = _weight(difference, mean)
    return {
        "table": lambda: rows,
        "exchanged": lambda: rows.flip(0),
        "flat": rows.flatten,
        "turned": lambda: rows.T,
        "regrouped": lambda: rows.reshape(3, 2),
        "axes in front": lambda: rows[None, None],
        "two channels": lambda: torch.tensor([[1, -1], [0.5, 0.5]], dtype=torch.float64),
        "centred": lambda: F.pad(rows[..., None, None], (1, 1, 1, 1)),
    }[layout]()


RIGHT = mixed()


def _only_sizes_off(answer):
    """Whether every channel has the right sign in each map, and not the right weight."""
    same_form = torch.is_tensor(answer) and answer.shape == RIGHT.shape
    return same_form and bool((answer.sign() == RIGHT.sign()).all())


_ROWS = "Row o, column c says how much of channel c goes into map o."
MIXING = {
    "flat": mistake(
        "Your six numbers lie in one row. Write two rows of three, one a map.",
        layout="flat",
    ),
    "channels-as-rows": mistake(
        f"Your table has a row for each channel. It needs a row for each map. {_ROWS}",
        layout="turned",
    ),
    "regrouped": mistake(
        "Your six numbers stand in three rows of two. Write two rows of three, one a map.",
        layout="regrouped",
    ),
    "axes-of-one-in-front": mistake(
        "Axes of length 1 stand in front of your table. They are kH and kW and come last.",
        layout="axes in front",
    ),
    "maps-exchanged": mistake(
        "The two maps are exchanged: map 0 is red minus green, map 1 the mean of red and blue.",
        layout="exchanged",
    ),
    "channels-backwards": mistake(
        "Your first row is blue minus green, as if the channels stood in the order blue, green, "
        "red. Channel 0 is red, 1 green and 2 blue.",
        difference=(0, -1, 1),
    ),
    "sum-for-mean": mistake(
        "Map 1 adds red and blue; their mean is half of that.",
        mean=(1, 0, 1),
    ),
    "third-for-half": mistake(
        "In map 1 you divided by 3, but the mean is of two channels.",
        mean=(1 / 3, 0, 1 / 3),
    ),
    "mean-of-three": mistake(
        "Map 1 is the mean of all three channels; green should not count.",
        mean=(1 / 3, 1 / 3, 1 / 3),
    ),
    "mean-of-first-two": mistake(
        "Map 1 is the mean of red and green; channel 2 is blue.",
        mean=(0.5, 0.5, 0),
    ),
    "mean-of-last-two": mistake(
        "Map 1 is the mean of green and blue; channel 0 is red.",
        mean=(0, 0.5, 0.5),
    ),
    "difference-for-mean": mistake(
        "Map 1 is half the difference of red and blue; a mean adds them.",
        mean=(0.5, 0, -0.5),
    ),
    "sign-turned": mistake("Map 0 is green minus red.", difference=(-1, 1, 0)),
    "sum-for-difference": mistake(
        "Map 0 adds red and green; green has to be subtracted.",
        difference=(1, 1, 0),
    ),
    "red-minus-blue": mistake(
        "Map 0 is red minus blue; channel 1 is green.",
        difference=(1, 0, -1),
    ),
    "red-minus-both": mistake(
        "Map 0 subtracts blue as well; only green should be subtracted.",
        difference=(1, -1, -1),
    ),
    "half-difference": mistake(
        "Map 0 is half of red minus green.",
        difference=(0.5, -0.5, 0),
    ),
    "channels-not-mixed": mistake(
        "Your maps are red and green as they were. The weights have to mix the channels.",
        _weight([1, 0, 0], [0, 1, 0]),
    ),
    "kernels-of-three": mistake(
        "Your kernels are 3×3 with the numbers in the centre. That mixes as wanted with a frame of "
        "zeros around the image, but a 1×1 kernel is asked for.",
        layout="centred",
    ),
    "two-channels": mistake(
        "Your rows have two entries. A colour image has three channels, so every row needs a "
        "weight for red, green and blue; a channel that does not count gets 0.",
        layout="two channels",
    ),
    "sizes": mistake(
        "Every channel stands in the right place with the right sign; only the sizes are not right "
        "yet. How much of a channel does a plain difference take, and what share of each does a "
        "mean of two take?",
        when=_only_sizes_off,
        example=_weight([1, -1, 0], [50, 0, 50]),
    ),
}

# --- 2.13 ---------------------------------------------------------------------------------------
IMPOSSIBLE_WISH = {
    "one-kind-of-edge": mistake(
        "Not (a). One kind of edge gets + and the other −, and so does right minus left: "
        "a Sobel kernel answers like this.",
        "a",
    ),
    "brightness": mistake(
        "Not (b). White should give a high answer and black 0. A blur with positive weights does "
        "that.",
        "b",
    ),
    "stands-out": mistake(
        "Not (d). A pixel minus the mean of its neighbours is a sum with weights, so one kernel "
        "can compute it.",
        "d",
    ),
}
