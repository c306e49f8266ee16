"""Exercises of workbook 01: tensors."""

import torch
import torch.nn.functional as F

from course_utils.exercise import exercise
from course_utils.exercises import channels_mistakes, normalize_mistakes, strides_mistakes
from course_utils.exercises import tensors_mistakes as mistakes


@exercise(
    "1.1",
    "Count the brackets",
    minutes=2,
    kind="value",
    parts=("shape (2, 5, 7)", "shape (6,)"),
    mistakes=mistakes.BRACKETS,
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
    formula="channel * height * width + row * width + column",
    quantities={"channel": 1, "row": 2, "column": 3, "height": 32, "width": 32},
    mistakes=mistakes.FLAT_INDEX,
    hints=[
        "How many numbers lie before channel 1 begins?",
        "Then skip two whole rows of that channel, then three numbers.",
    ],
)
def flat_index():
    """Position of channel 1, row 2, column 3 in a flattened (3, 32, 32) image."""
    return 1 * 32 * 32 + 2 * 32 + 3


def _batches(rng):
    # Small enough to redo by hand, a batch of one, and the worked example's own size.
    for shape in [(2, 2, 1, 3), (1, 3, 2, 4), (3, 1, 5, 2), (2, 3, 2, 4), (8, 3, 32, 32)]:
        yield torch.randint(-99, 100, shape, generator=rng).float()


def _flat_by_concatenation(images):
    return torch.stack([torch.cat([row for plane in image for row in plane]) for image in images])


@exercise(
    "1.3",
    "Flatten a batch",
    minutes=5,
    oracle=_flat_by_concatenation,
    cases=_batches,
    switches=mistakes.flattened,
    mistakes=mistakes.FLATTEN_BATCH,
    hints=[
        "The first axis counts images and stays. What is the product of the other three?",
        "`reshape` accepts one -1, and `torch.flatten` accepts the axis to start from.",
    ],
)
def flatten_batch(images):
    """(N, C, H, W) -> (N, C*H*W), channel by channel, row by row."""
    return images.reshape(len(images), -1)


def _photos(rng):
    # Three channels as in most files; four, with transparency, tell who took three for granted.
    for shape in [(1, 4, 3), (2, 3, 3), (3, 2, 4), (4, 5, 3)]:
        yield torch.randint(0, 256, shape, generator=rng, dtype=torch.uint8)


@exercise(
    "1.4",
    "Put the channels first",
    minutes=5,
    oracle=lambda image: torch.stack([image[..., c] for c in range(image.shape[2])]),
    cases=_photos,
    switches=channels_mistakes.moved,
    mistakes=channels_mistakes.CHANNELS_FIRST,
    hints=[
        "The old axes are 0 (rows), 1 (columns) and 2 (channels). In which order do you want them?",
        "`permute` takes the old axes' numbers in their new order.",
    ],
)
def channels_first(image):
    """(H, W, C) -> (C, H, W), every pixel where it was."""
    return image.permute(2, 0, 1)


def _bright_batches(rng):
    # Columns are as many as channels in two of them: there a mean without keepdim fits, wrongly.
    for shape in [(2, 3, 1, 2), (4, 3, 2, 3), (3, 4, 3, 4), (5, 3, 6, 7)]:
        brightness = torch.tensor([4.0, -1.0, 7.0, 2.0])[: shape[1]].reshape(-1, 1, 1)
        contrast = torch.tensor([1.0, 3.0, 2.0, 5.0])[: shape[1]].reshape(-1, 1, 1)
        images = torch.rand(shape, generator=rng) * contrast + brightness
        yield (images * (1 + torch.rand(shape[0], 1, 1, 1, generator=rng))).mul(10).round() / 10


def _up_to_divisor(answer, case):
    """Bring a standard deviation that divides by n − 1 to one that divides by n; both are right."""
    result = answer(*case)
    if not (isinstance(result, torch.Tensor) and result.is_floating_point() and result.ndim == 4):
        return result
    count = result[:, 0].numel()
    power = result.square().mean((0, 2, 3), keepdim=True)
    centred = result.mean((0, 2, 3), keepdim=True).abs() < 1e-3
    by_one_less = centred & ((power - (count - 1) / count).abs() < 1e-3)
    return torch.where(by_one_less, result * (count / (count - 1)) ** 0.5, result)


@exercise(
    "1.5",
    "Normalise each channel",
    minutes=8,
    tolerance=1e-3,  # a small number added to the standard deviation, against 0/0, is right too
    oracle=lambda images: F.batch_norm(images, None, None, training=True, eps=1e-9),
    cases=_bright_batches,
    observe=_up_to_divisor,
    switches=normalize_mistakes.normalized,
    mistakes=normalize_mistakes.NORMALIZE,
    hints=[
        "Which of the four axes should survive in the mean? The other three go into `dim`.",
        "With `keepdim=True` the mean has shape (1, 3, 1, 1) and broadcasts over the batch.",
    ],
)
def normalize_channels(images):
    """(N, C, H, W) -> same shape; every channel has mean 0 and standard deviation 1."""
    mean = images.mean((0, 2, 3), keepdim=True)
    return (images - mean) / images.std((0, 2, 3), keepdim=True)


@exercise(
    "1.6",
    "Turn the letter upside down",
    minutes=5,
    kind="value",
    parts=("row stride", "column stride", "offset"),
    formula=("-width", "1", "(height - 1) * width"),
    quantities={"height": 4, "width": 3},
    mistakes=strides_mistakes.UPSIDE_DOWN,
    hints=[
        "Which number of the memory has to stand at the top left? Its position is the offset.",
        "From there, how far is it to the number below, and to the number on the right?",
    ],
)
def upside_down():
    """Row stride, column stride and offset that show the letter upside down."""
    return -3, 1, 9


@exercise(
    "1.7",
    "Find the strides of a broadcast",
    minutes=3,
    kind="value",
    parts=("images", "channels", "rows", "columns"),
    mistakes=strides_mistakes.BROADCAST_STRIDES,
    hints=[
        "Three numbers lie in memory, side by side. Which axis has to walk from one to the next?",
        "What does a step along an axis do that is only repeated?",
    ],
)
def broadcast_strides():
    """Strides of a tensor of shape (3, 1, 1), broadcast to (16, 3, 32, 32)."""
    return 0, 1, 0, 0


@exercise(
    "1.8",
    "Tell the copy from the views",
    minutes=2,
    kind="choice",
    choices={
        "a": "table.T",
        "b": "table[::2]",
        "c": "table.T.reshape(-1)",
        "d": "table.reshape(-1)",
    },
    mistakes=strides_mistakes.COPY,
    hints=[
        "Strides can describe a transposed table and every second row. No number has to move.",
        "For which of them is there no single stride that reads the memory in the order wanted?",
    ],
)
def copied():
    """The letter of the result that does not share memory with the table."""
    return "c"


@exercise(
    "1.9",
    "Name the operation",
    minutes=3,
    kind="choice",
    choices={
        "a": "letter.flip(0).reshape(3, 4)",
        "b": "letter.T.flip(0)",
        "c": "letter.flip(0).T",
        "d": "letter.flip(0).T.flip(0)",
    },
    mistakes=strides_mistakes.OPERATION,
    hints=[
        "Take one row of the picture. Is it a row of the letter, or a column, and which way does "
        "it run?",
        "The picture's first row is the letter's first column from the bottom up. What turns "
        "columns into rows, and what puts the last row on top?",
    ],
)
def operation():
    """The letter of the operation that made the third picture."""
    return "c"
