"""What students get wrong about the order of axes, in 1.4: a setting for every decision."""

from course_utils.exercise import mistake


def moved(
    order=(2, 0, 1), flip=(), channels=slice(None), regroup=False, filled=None, backwards=False
):
    """An answer to 1.4: the order of axes, what is mirrored, and which channels are taken."""

    def channels_first(image):
        image = image[..., channels]
        if channels == 0:
            return image
        image = image.flip((*flip, *((2,) if backwards else ())))
        if filled is not None:
            image = image.clone()
            image[..., filled:] = 0
        if regroup:
            return image.reshape([image.shape[axis] for axis in order])
        return image.permute(order)

    return channels_first


CHANNELS_FIRST = {
    "regrouped": mistake(
        "The picture is scrambled: `reshape` and `view` keep the order of the numbers. "
        "The axes must change places.",
        regroup=True,
    ),
    "lies-on-its-side": mistake(
        "Rows and columns changed places as well: the picture lies on its side.", order=(2, 1, 0)
    ),
    "inverse-order": mistake(
        "That is the order for the other direction, from (C, H, W) to (H, W, C); here it gives "
        "(W, C, H). Name the old axes in the order in which you want them.",
        order=(1, 2, 0),
    ),
    "rows-columns-exchanged": mistake(
        "Rows and columns changed places, and the channels are still last. "
        "The channels must come first.",
        order=(1, 0, 2),
    ),
    "channels-in-the-middle": mistake(
        "Columns and channels changed places, so the channels are in the middle, (H, C, W). "
        "They must come first.",
        order=(0, 2, 1),
    ),
    "nothing-moved": mistake("Nothing moved: the channels are still last.", order=(0, 1, 2)),
    "upside-down": mistake(
        "The axes are right, and the picture is upside down: its rows are flipped.", flip=(0,)
    ),
    "mirrored": mistake(
        "The axes are right, and the picture is mirrored: left and right are exchanged.", flip=(1,)
    ),
    "turned-half": mistake(
        "The axes are right, and the picture is turned upside down and mirrored.", flip=(0, 1)
    ),
    "colours-reversed": mistake(
        "The order of the channels is reversed (RGB to BGR): the first is now the last. "
        "Leave it as it is.",
        backwards=True,
    ),
    "three-channels-taken": mistake(
        "Your code takes three channels for granted, and not every picture has three. "
        "Take their number from the shape.",
        channels=slice(0, 3),
    ),
    "three-channels-filled": mistake(
        "Only the first three channels are filled, and not every picture has three. "
        "Take their number from the shape.",
        filled=3,
    ),
    "one-channel-filled": mistake(
        "Only the first channel is filled; the others are all 0.", filled=1
    ),
    "first-channel-only": mistake(
        "Only the first channel comes back, as an axis of length 1.", channels=slice(0, 1)
    ),
    "first-channel-alone": mistake(
        "Only the first channel comes back, and its axis is gone.", channels=0
    ),
    "size-fixed": mistake(
        "This works for pictures of 32×32 only, and `reshape` and `view` would keep the order of "
        "the numbers. The axes must change places.",
        lambda image: image.reshape(3, 32, 32),
    ),
}
