"""Exercises of workbook 01: tensors."""

import torch
import torch.nn.functional as F

from course_utils.exercise import exercise, mistake


@exercise(
    "1.1",
    "Count the brackets",
    minutes=2,
    kind="value",
    mistakes={
        "gave-sizes-first": mistake(
            "You gave the sizes of the first axes. A bracket opens once per axis.", (2, 6)
        ),
        "gave-sizes-last": mistake(
            "You gave the sizes of the last axes. A bracket opens once per axis.", (7, 6)
        ),
        "counted-numbers-inside": mistake(
            "You counted the numbers inside. A bracket opens once per axis.", (70, 6)
        ),
        "bracket-many-outermost": mistake(
            "One bracket too many each. The outermost already stands for the first axis.", (4, 2)
        ),
        "bracket-few-innermost": mistake(
            "One bracket too few each. The innermost bracket stands for an axis too.", (2, 0)
        ),
    },
    hints=[
        "A list of numbers is one axis and prints one pair of brackets.",
        "Count how many sizes stand in each shape, not how large they are.",
    ],
)
def brackets():
    """Opening brackets before the first number of tensors shaped (2, 5, 7) and (6,)."""
    return 3, 1


@exercise(
    "1.2",
    "Find the flat index",
    minutes=3,
    kind="value",
    mistakes={
        "order-h-w": mistake(
            "That is the order (H, W, C), with the channel last. Here the channel comes first.",
            2 * 32 * 3 + 3 * 3 + 1,
        ),
        "row-column-swapped": mistake(
            "Row and column are swapped. One step down skips a whole row of 32 numbers.",
            1 * 32 * 32 + 3 * 32 + 2,
        ),
        "counted-1-channel": mistake(
            "You counted from 1. Channel 1 is the second one, as indices start at 0.",
            0 * 32 * 32 + 1 * 32 + 2,
        ),
        "added-indices-without": mistake(
            "You added the indices without their strides. Each axis has a step of its own.",
            1 + 2 + 3,
        ),
    },
    hints=[
        "How many numbers lie before channel 1 begins?",
        "Then skip two whole rows of that channel, then three numbers.",
    ],
)
def flat_index():
    """Position of channel 1, row 2, column 3 in a flattened (3, 32, 32) image."""
    return 1 * 32 * 32 + 2 * 32 + 3


def _batches(rng):
    for shape in [(2, 3, 2, 4), (3, 1, 5, 2), (8, 3, 32, 32)]:
        yield torch.rand(shape, generator=rng)


def _flat_by_concatenation(images):
    return torch.stack([torch.cat([row for plane in image for row in plane]) for image in images])


@exercise(
    "1.3",
    "Flatten a batch",
    minutes=5,
    oracle=_flat_by_concatenation,
    cases=_batches,
    mistakes={
        "batch-gone-made": mistake(
            "The batch is gone: you made one long vector of all images. Keep the first axis.",
            lambda images: images.reshape(-1),
        ),
        "channel-axis-own": mistake(
            "Each channel is still an axis of its own. Flatten channels, rows and columns together.",
            lambda images: images.flatten(start_dim=2),
        ),
        "works-size-take": mistake(
            "This works for one size only. Take the sizes from `images.shape`, or use -1.",
            lambda images: images.reshape(8, 3072),
        ),
        "colours-pixel-lie": mistake(
            "The colours of each pixel lie side by side. The whole first channel should come first.",
            lambda images: images.permute(0, 2, 3, 1).flatten(start_dim=1),
        ),
        "flattened-batch-axis": mistake(
            "You flattened the batch axis into the features: one column per image.",
            lambda images: images.reshape(len(images), -1).T,
        ),
    },
    hints=[
        "The first axis counts images and stays. What is the product of the other three?",
        "`reshape` accepts one -1, and `torch.flatten` accepts the axis to start from.",
    ],
)
def flatten_batch(images):
    """(N, C, H, W) -> (N, C*H*W), channel by channel, row by row."""
    return images.reshape(len(images), -1)


def _photos(rng):
    for shape in [(2, 3, 3), (4, 5, 3), (7, 4, 2)]:
        yield torch.randint(0, 256, shape, generator=rng, dtype=torch.uint8)


def _viewed(image):
    height, width, channels = image.shape
    return image.reshape(channels, height, width)


@exercise(
    "1.4",
    "Put the channels first",
    minutes=5,
    oracle=lambda image: torch.stack([image[..., c] for c in range(image.shape[2])]),
    cases=_photos,
    mistakes={
        "right-shape-scrambled": mistake(
            "Right shape, scrambled picture: `reshape` and `view` keep the order of the numbers. "
            "The axes must change places.",
            _viewed,
        ),
        "rows-columns-changed": mistake(
            "Rows and columns changed places as well: the picture lies on its side.",
            lambda image: image.permute(2, 1, 0),
        ),
        "channels-rows-changed": mistake(
            "Channels and rows changed places, but the columns must come last.",
            lambda image: image.transpose(0, 2).transpose(0, 1),
        ),
        "nothing-moved-channels": mistake(
            "Nothing moved: the channels are still last.", lambda image: image.clone()
        ),
    },
    hints=[
        "The old axes are 0 (rows), 1 (columns) and 2 (channels). In which order do you want them?",
        "`permute` takes the old axes' numbers in their new order.",
    ],
)
def channels_first(image):
    """(H, W, C) -> (C, H, W), every pixel where it was."""
    return image.permute(2, 0, 1)


def _bright_batches(rng):
    shift = torch.tensor([0.2, 0.5, -0.3]).reshape(1, 3, 1, 1)
    for shape in [(96, 3, 5, 3), (5, 3, 16, 18)]:
        spread = 1 + torch.rand(shape[0], 1, 1, 1, generator=rng)
        yield torch.rand(shape, generator=rng) * spread * (1 + shift) + shift


def _over(images, axes, keepdim=True):
    return (images - images.mean(axes, keepdim=keepdim)) / images.std(axes, keepdim=keepdim)


@exercise(
    "1.5",
    "Normalise each channel",
    minutes=8,
    tolerance=2e-3,  # with and without Bessel's correction both pass: 1,440 numbers a channel
    oracle=lambda images: F.batch_norm(images, None, None, training=True, eps=1e-9),
    cases=_bright_batches,
    mistakes={
        "took-mean-channels": mistake(
            "You took one mean over all channels. Each channel has a mean and a spread of its own.",
            lambda images: _over(images, (0, 1, 2, 3)),
        ),
        "normalised-image-itself": mistake(
            "You normalised every image by itself. The mean runs over the images as well.",
            lambda images: _over(images, (2, 3)),
        ),
        "mean-lost-axes": mistake(
            "The mean lost its axes, so it is subtracted along the wrong one. See `keepdim`.",
            lambda images: _over(images, (0, 2, 3), keepdim=False),
        ),
        "normalised-pixel-batch": mistake(
            "You normalised every pixel over the batch. Rows and columns belong to the mean too.",
            lambda images: _over(images, (0,)),
        ),
        "divided-variance-standard": mistake(
            "You divided by the variance. The standard deviation is its square root.",
            lambda images: (
                (images - images.mean((0, 2, 3), keepdim=True))
                / images.var((0, 2, 3), keepdim=True)
            ),
        ),
        "mean-0-now": mistake(
            "The mean is 0 now, but the spread is not 1 yet: divide by the standard deviation.",
            lambda images: images - images.mean((0, 2, 3), keepdim=True),
        ),
    },
    hints=[
        "Which of the four axes should survive in the mean? The other three go into `dim`.",
        "With `keepdim=True` the mean has shape (1, 3, 1, 1) and broadcasts over the batch.",
    ],
)
def normalize_channels(images):
    """(N, C, H, W) -> same shape; every channel has mean 0 and standard deviation 1."""
    mean = images.mean((0, 2, 3), keepdim=True)
    return (images - mean) / images.std((0, 2, 3), keepdim=True)
