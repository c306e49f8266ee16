"""What students get wrong in workbook 01: answers with a setting for every decision."""

from course_utils.exercise import mistake

# --- 1.1: numbers of brackets of (2, 5, 7) and (6,) ---------------------------------------------
_SIZES = "Sizes do not matter: a bracket opens once per axis."
BRACKETS = {
    "sizes-of-first-axes": mistake(
        "You gave the sizes of the first axes. A bracket opens once per axis.", (2, 6)
    ),
    "sizes-of-last-axes": mistake(
        "You gave the sizes of the last axes. A bracket opens once per axis.", (7, 6)
    ),
    "numbers-inside": mistake(
        "You counted the numbers inside. A bracket opens once per axis.", (70, 6)
    ),
    "sizes-added": mistake("You added the sizes in the shape. Count the axes instead.", (14, 6)),
    "one-too-many": mistake(
        "That is one too many each. There are as many brackets as axes; "
        "the round one of `tensor(` does not count.",
        (4, 2),
    ),
    "one-too-few": mistake(
        "That is one too few each. The innermost bracket, round a row, stands for an axis too.",
        (2, 0),
    ),
    "opening-and-closing": mistake(
        "You counted opening and closing brackets. Only the opening ones are asked for.", (6, 2)
    ),
    "whole-print": mistake(
        "You counted every opening bracket of the whole printout. "
        "Only those before the first number are asked for.",
        (13, 1),
    ),
    "exchanged": mistake(
        "The two numbers are in the wrong order. First comes the one for shape (2, 5, 7).", (1, 3)
    ),
    "exchanged-one-too-many": mistake(
        "The order is exchanged, and each number is one too many. "
        "First comes shape (2, 5, 7); there are as many brackets as axes.",
        (2, 4),
    ),
    "exchanged-one-too-few": mistake(
        "The order is exchanged, and each number is one too few. "
        "First comes shape (2, 5, 7); the innermost bracket stands for an axis too.",
        (0, 2),
    ),
    # Half of the pair wrong; with another wrong half, each is told by itself.
    "first-one-too-many": mistake(
        "4 is one too many. Count the axes of the shape: no batch axis is added in front.", (4, 1)
    ),
    "first-one-too-few": mistake(
        f"2 is one too few; it is also the size of the first axis. {_SIZES}", (2, 1)
    ),
    "first-one": mistake("1 is for a single list of numbers. (2, 5, 7) has more axes.", (1, 1)),
    "first-last-size": mistake(f"7 is the size of the last axis. {_SIZES}", (7, 1)),
    "first-middle-size": mistake(f"5 is the size of the middle axis. {_SIZES}", (5, 1)),
    "first-numbers-inside": mistake(f"70 is how many numbers there are. {_SIZES}", (70, 1)),
    "first-rows": mistake(
        "10 is how many rows the whole printout has. "
        "Only brackets before the first number count, one per axis.",
        (10, 1),
    ),
    "first-numbers-of-plane": mistake(f"35 is how many numbers a plane has. {_SIZES}", (35, 1)),
    "first-sum": mistake("14 is the sum of the sizes. Count the axes instead.", (14, 1)),
    "first-both-sides": mistake(
        "6 counts the closing brackets too. Only those before the first number count.", (6, 1)
    ),
    "second-size": mistake(f"6 is the size of the only axis. {_SIZES}", (3, 6)),
    "second-none": mistake("One axis opens one bracket: a list prints as `[…]`.", (3, 0)),
    "second-two": mistake(
        "2 is one too many. (6,) is a single list of numbers; the comma adds no axis.", (3, 2)
    ),
    "second-as-first": mistake(
        "3 belongs to the other shape. (6,) is a single list of numbers.", (3, 3)
    ),
}

# --- 1.2: position of channel 1, row 2, column 3 in (3, 32, 32) ---------------------------------
PLANE = 32 * 32
_FROM_ZERO = "Indices and positions start at 0."
FLAT_INDEX = {
    "channel-last": mistake(
        "That is the order (H, W, C), with the channel last. Here the channel comes first.",
        2 * 32 * 3 + 3 * 3 + 1,
    ),
    "column-row-channel": mistake(
        "That is the order (W, H, C), with the channel last. Here the channel comes first, "
        "and a column is the smallest step.",
        3 * 32 * 3 + 2 * 3 + 1,
    ),
    "row-column-swapped": mistake(
        "Row and column are swapped. One step down skips a whole row of 32 numbers.",
        PLANE + 3 * 32 + 2,
    ),
    "channel-row-swapped": mistake(
        "Channel and row are swapped. The channel takes the largest step, a whole plane.",
        2 * PLANE + 1 * 32 + 3,
    ),
    "counted-from-one": mistake(
        "You counted from 1. Channel 1 is the second one, as indices start at 0.", 0 + 1 * 32 + 2
    ),
    "indices-one-too-large": mistake(
        f"You added 1 to every index. {_FROM_ZERO} So channel 1 is used as it stands.",
        2 * PLANE + 3 * 32 + 4,
    ),
    "row-and-column-from-one": mistake(
        f"Row and column are one too small, the channel is right. {_FROM_ZERO} So nothing is taken "
        "off any index.",
        PLANE + 1 * 32 + 2,
    ),
    "row-from-one": mistake(
        f"The row is one too small. {_FROM_ZERO} Two rows lie before row 2.", PLANE + 1 * 32 + 3
    ),
    "row-and-column-too-large": mistake(
        f"You added 1 to the row and to the column. {_FROM_ZERO} They are used as they stand.",
        PLANE + 3 * 32 + 4,
    ),
    "pixels-of-three": mistake(
        "You mixed two orders: the channel steps over a plane, as here, and each pixel over three "
        "numbers, as with the channel last. In (C, H, W) a pixel's column has the step 1.",
        PLANE + (2 * 32 + 3) * 3,
    ),
    "two-planes-skipped": mistake(
        "You skipped two planes. Only channel 0 lies before channel 1, as channels start at 0.",
        2 * PLANE + 2 * 32 + 3,
    ),
    "position-from-one": mistake(f"That is one too many. {_FROM_ZERO}", PLANE + 2 * 32 + 4),
    "position-one-less": mistake(
        f"That is one too few. {_FROM_ZERO} So nothing is taken off.", PLANE + 2 * 32 + 2
    ),
    "swapped-and-from-one": mistake(
        "Row and column are swapped and you counted positions from 1, or only the row is one too "
        "large. One row down is a step of 32; rows and positions start at 0.",
        PLANE + 3 * 32 + 2 + 1,
    ),
    "no-strides": mistake(
        "You added the indices, or multiplied them, without their strides. "
        "Each axis has a step of its own.",
        1 + 2 + 3,
    ),
    "channel-left-out": mistake(
        "The channel is left out. Before channel 1 lies the whole of channel 0.", 2 * 32 + 3
    ),
    "row-left-out": mistake("The row is left out. Two rows lie before row 2.", PLANE + 3),
    "column-left-out": mistake(
        "The column is left out. You found the place where the row begins.", PLANE + 2 * 32
    ),
    "small-example-strides": mistake(
        "12 and 4 are the strides of the small example. An image of shape (3, 32, 32) has others.",
        12 * 1 + 4 * 2 + 3,
    ),
    "small-example-channel": mistake(
        "Your channel steps over 12, as in the small example. Here a channel is a plane of 32 rows "
        "of 32.",
        12 * 1 + 2 * 32 + 3,
    ),
    "small-example-row": mistake(
        "Your row steps over 4, as in the small example. Here a row holds 32 numbers.",
        PLANE + 2 * 4 + 3,
    ),
    "strides-reversed": mistake(
        "The strides are in reverse order. The last axis, the column, has the step 1.",
        1 + 2 * 32 + 3 * PLANE,
    ),
    "channel-steps-a-row": mistake(
        "The channel steps over one row only. It has to skip a whole plane, 32 rows of 32.",
        32 + 2 * 32 + 3,
    ),
    "channel-steps-the-image": mistake(
        "You multiplied the channel by the whole image, 3 planes. One channel is one plane.",
        3 * PLANE + 2 * 32 + 3,
    ),
    "channel-steps-three-rows": mistake(
        "Your strides are taken from the shape, 3 and 32. Or the channel steps over 3 rows only; "
        "a channel is a plane of 32 rows of 32.",
        3 * 32 + 2 * 32 + 3,
    ),
    "row-of-31": mistake(
        "You took 31 numbers for a row. The last column is number 31, and a row holds 32.",
        PLANE + 2 * 31 + 3,
    ),
    "plane-of-31": mistake(
        "You took 31 for 32. The last index is 31, and an axis holds 32 numbers.",
        31 * 31 + 2 * 31 + 3,
    ),
    "row-not-multiplied": mistake(
        "The row is not multiplied. One row down skips a row of 32 numbers.", PLANE + 2 + 3
    ),
    "row-steps-three": mistake(
        "Your row steps over 3 numbers, the channels. One row down skips a row of 32.",
        PLANE + 2 * 3 + 3,
    ),
    "row-steps-a-plane": mistake(
        "Your row steps over a whole plane. One row down skips a row of 32 numbers.",
        PLANE + 2 * PLANE + 3,
    ),
    "columns-step-a-row": mistake(
        "Your column steps over a row of 32 too. One column further is the next number.",
        PLANE + 2 * 32 + 3 * 32,
    ),
    "strides-shifted": mistake(
        "Your strides are shifted by one axis: the row steps over a plane and the column over a "
        "row. The last axis, the column, has the step 1.",
        PLANE + 2 * PLANE + 3 * 32,
    ),
    "image-size": mistake("That is how many numbers the whole image has.", 3 * PLANE),
    "channel-begins": mistake(
        "That is where channel 1 begins. Two rows and three columns come on top.", PLANE
    ),
    "in-channel-0": mistake(
        "At your position stands a number of channel 0, which holds the first 32 rows of 32. "
        "Before channel 1 lies the whole of it.",
        when=lambda position: 0 <= position < PLANE,
        example=3 + 2 * 32 + 3,
    ),
    "in-channel-2": mistake(
        "At your position stands a number of channel 2. Only channel 0 lies before channel 1: "
        "32 rows of 32 numbers.",
        when=lambda position: 2 * PLANE <= position < 3 * PLANE,
        example=2 * PLANE + 5,
    ),
    "in-another-row": mistake(
        "At your position stands a number of channel 1, as it should, but in another row. "
        "Two rows of 32 lie before row 2.",
        when=lambda position: PLANE <= position < 2 * PLANE and (position - PLANE) // 32 != 2,
        example=PLANE + 4 * 32 + 3,
    ),
    "outside-the-image": mistake(
        "Your position lies outside the image, which has 3 · 32 · 32 numbers, counted from 0.",
        when=lambda position: not 0 <= position < 3 * PLANE,
        example=3 * 32**3,
    ),
    "indices-given": mistake(
        "Those are the three indices. One number is wanted: the position, "
        "a sum of the indices times their strides.",
        (1, 2, 3),
    ),
    "products-given": mistake(
        "Those are the three products. One number is wanted: their sum.", (PLANE, 2 * 32, 3)
    ),
    "strides-given": mistake(
        "Those are the strides. Multiply each index by its stride, and add.", (PLANE, 32, 1)
    ),
}


# --- 1.3 ------------------------------------------------------------------------------------------
def flattened(order=(1, 2, 3), which=slice(None), layout="rows"):
    """An answer to 1.3: which axis runs slowest, which images are taken, and how it is cut."""

    def flatten_batch(images):
        count = len(images)
        chosen = images[which].permute(0, *order)
        rows = chosen.flatten(1)
        return {
            "rows": lambda: rows,
            "one vector": lambda: rows.reshape(-1),
            "one row": lambda: rows.reshape(1, -1),
            "one column": lambda: rows.reshape(-1, 1),
            "planes": lambda: chosen.flatten(2),
            "rows of pixels": lambda: chosen.flatten(0, 1).flatten(1),
            "whole rows": lambda: chosen.flatten(1, 2),
            "long rows": lambda: chosen.flatten(0, 2),
            "columns": lambda: rows.T,
            "regrouped": lambda: rows.reshape(-1, count),
            "regrouped columns": lambda: rows.reshape(-1, count).T,
            "channels added": lambda: images.sum(1).flatten(1),
            "channels averaged": lambda: images.mean(1).flatten(1),
            "first channel": lambda: images[:, 0].flatten(1),
        }[layout]()

    return flatten_batch


_FIXED = "Take the sizes from `images.shape`, or use -1."
FLATTEN_BATCH = {
    "one-vector": mistake(
        "The batch is gone: you made one long vector of all images. Keep the first axis.",
        layout="one vector",
    ),
    "one-row": mistake(
        "You made one row for the whole batch. Keep the images apart: one row per image.",
        layout="one row",
    ),
    "one-column": mistake(
        "You made one column of all numbers. Keep the images apart: one row per image.",
        layout="one column",
    ),
    "channels-kept": mistake(
        "Each channel is still an axis of its own. Flatten channels, rows and columns together.",
        layout="planes",
    ),
    "channels-as-images": mistake(
        "Each channel became a row of its own. One row holds all the channels of an image.",
        layout="rows of pixels",
    ),
    "columns-kept": mistake(
        "The columns are still an axis of their own. Flatten rows and columns too.",
        layout="whole rows",
    ),
    "image-rows-apart": mistake(
        "Every row of every picture is a row of yours. One row holds a whole image.",
        layout="long rows",
    ),
    "images-as-columns": mistake(
        "Your result is transposed: one column per image. One row per image is wanted.",
        layout="columns",
    ),
    "images-regrouped": mistake(
        "You cut the numbers into as many columns as there are images, which mixes the images. "
        "`reshape` keeps the order, so the first axis has to stay first.",
        layout="regrouped",
    ),
    "images-regrouped-transposed": mistake(
        "The shape is right, but the images are mixed: `reshape` into columns and then a transpose "
        "deals the numbers out in turn. Keep the first axis first in `reshape`.",
        layout="regrouped columns",
    ),
    "colours-side-by-side": mistake(
        "The colours of each pixel lie side by side. The whole first channel should come first.",
        order=(2, 3, 1),
    ),
    "columns-colours": mistake(
        "You go column by column, with the colours of a pixel side by side. "
        "Channel by channel is wanted, and row by row.",
        order=(3, 2, 1),
    ),
    "column-by-column": mistake(
        "You go through each channel column by column. Row by row is wanted.", order=(1, 3, 2)
    ),
    "rows-before-channels": mistake(
        "You take a row of every channel, then the next row. The whole first channel comes first.",
        order=(2, 1, 3),
    ),
    "columns-before-channels": mistake(
        "You take a column of every channel, then the next column. The whole first channel comes "
        "first.",
        order=(3, 1, 2),
    ),
    "first-image-only": mistake(
        "Only the first image comes back. The whole batch is wanted, one row per image.",
        which=slice(0, 1),
    ),
    "last-image-only": mistake(
        "Only the last image comes back. The whole batch is wanted, one row per image.",
        which=slice(-1, None),
    ),
    "first-image-left-out": mistake(
        "The first image is missing. Images are counted from 0.", which=slice(1, None)
    ),
    "last-image-left-out": mistake(
        "The last image is missing. `range(n)` ends before n by itself.", which=slice(None, -1)
    ),
    "channels-added": mistake(
        "The channels are added up. They stay apart, one behind the other.",
        layout="channels added",
    ),
    "channels-averaged": mistake(
        "The channels are averaged. They stay apart, one behind the other.",
        layout="channels averaged",
    ),
    "first-channel-only": mistake(
        "Only the first channel comes back. All channels belong in the row, one behind the other.",
        layout="first channel",
    ),
    "first-image-alone": mistake(
        "Only the first image comes back, without its batch axis. The whole batch is wanted; "
        "does `return` stand inside the loop?",
        lambda images: images[0].flatten(),
    ),
    "channels-not-counted": mistake(
        "A row of yours has room for H·W numbers only. Each image has C·H·W of them.",
        lambda images: images.reshape(len(images), images.shape[2] * images.shape[3]),
    ),
    "sizes-added": mistake(
        "You added channels, rows and columns. A row holds their product, C·H·W.",
        lambda images: images.reshape(len(images), sum(images.shape[1:])),
    ),
    "size-fixed": mistake(
        f"You take 8 images of 3,072 numbers for granted. {_FIXED}",
        lambda images: images.reshape(8, 3072),
    ),
    "features-fixed": mistake(
        f"You take 3,072 numbers in each image for granted. {_FIXED}",
        lambda images: images.reshape(-1, 3072),
    ),
    "row-length-fixed": mistake(
        f"3,072 is the length of a row for one size of images. {_FIXED}",
        lambda images: images.reshape(len(images), 3072),
    ),
    "batch-fixed": mistake(
        f"You take 8 images for granted; a batch has any number of them. {_FIXED}",
        lambda images: images.reshape(8, -1),
    ),
}
