"""The course's images: sets with labels to classify, two photographs and a slice of a head.

>>> data = load()                      # CIFAR-10 where it is on disk, else generated shapes
>>> data.train_images.shape            # (N, C, H, W), uint8
>>> print(data.source)

Images stay uint8, four times smaller than float32: normalise one batch at a time.
"""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from course_utils import _torchvision  # noqa: F401
from course_utils.datasets import files, shapes
from course_utils.datasets.files import DataError, Dataset

__all__ = ["DataError", "Dataset", "available", "load", "mr_slice", "photograph", "resized"]

DOWNLOADS = {  # what `python -m course_utils data` fetches, and the sentence it is described by
    "cifar10": "CIFAR-10: photographs of ten kinds of things, 32×32 pixels (Krizhevsky, 2009).",
    "mnist": "MNIST: handwritten digits, 28×28 pixels (LeCun, Cortes and Burges).",
}


def _digits() -> Dataset:
    from sklearn.datasets import load_digits

    scans = load_digits()
    images = torch.from_numpy(scans.images)[:, None] * (255 / 16)
    images, labels = images.round().to(torch.uint8), torch.from_numpy(scans.target).long()
    return Dataset(
        name="digits",
        train_images=images[:1000],
        train_labels=labels[:1000],
        test_images=images[1000:],
        test_labels=labels[1000:],
        classes=tuple(str(digit) for digit in range(10)),
        source="Digits: 1,797 scans of handwritten digits, 8×8 pixels (scikit-learn, from UCI).",
    )


BUILT_IN: dict[str, Callable[[], Dataset]] = {"shapes": shapes.dataset, "digits": _digits}


def load(name: str | Path | None = None, *, root: str | Path | None = None) -> Dataset:
    """Load a set of labelled images.

    Parameters
    ----------
    name : str or Path, optional
        "shapes", "digits", "mnist" or "cifar10"; the stem of an .npz file of your own in the
        folder; or the path of one anywhere. By default $COURSE_DATASET if it is set, else
        CIFAR-10 if it is on disk, else shapes; `source` of the result says which.
    root : str or Path, optional
        Folder of the .npz files; by default $COURSE_DATA, else the course's data/.

    Raises
    ------
    DataError
        If there is no such set, or its file is damaged or in another form; says what to do.
    """
    if name in (None, "auto"):
        default = "cifar10" if available(root)["cifar10"] else "shapes"
        name = os.environ.get("COURSE_DATASET") or default
    if isinstance(name, Path) or name.endswith(".npz") or os.sep in name:
        return files.read(Path(os.path.abspath(Path(name).expanduser())))
    if name in BUILT_IN:
        return BUILT_IN[name]()
    there = available(root)
    if there.get(name):
        return files.read(files.folder(root) / f"{name}.npz", source=DOWNLOADS.get(name))
    if name in DOWNLOADS:
        raise DataError(
            f"{name} is not in {files.folder(root)}. Run `python -m course_utils data {name}` to "
            f"download it, or take load({'digits' if name == 'mnist' else 'shapes'!r}) instead."
        )
    raise DataError(
        f"There is no data set {name!r}. {files.suggestion(name, list(there))}Known: "
        f"{', '.join(there)}. Your own goes to {files.folder(root) / f'{name}.npz'}. {files.HELP}"
    )


def available(root: str | Path | None = None) -> dict[str, bool]:
    """Return every known set's name, and whether `load` can give it without a download."""
    there = files.names(root)
    return (
        dict.fromkeys(BUILT_IN, True)
        | {name: name in there for name in DOWNLOADS}
        | dict.fromkeys(there, True)
    )


def resized(images: Tensor, size: int | tuple[int, int]) -> Tensor:
    """(N, C, H, W) uint8 -> (N, C, size, size) or (N, C, *size) uint8, smoothly interpolated.

    >>> resized(load("digits").train_images, 28)     # 8×8 scans at the size of MNIST
    """
    height, width = (size, size) if isinstance(size, int) else size
    return interpolate(images, size=(height, width), mode="bilinear", antialias=True)


def photograph(
    name: str = "china", size: int | tuple[int, int] | None = None, grey: bool = False
) -> Tensor:
    """Return one of scikit-learn's two photographs.

    Parameters
    ----------
    name : {"china", "flower"}
    size : int or (height, width), optional
        The largest middle part of that form, brought to that size; by default all 427×640.
    grey : bool
        Luminance (ITU-R BT.601) instead of colour.

    Returns
    -------
    Tensor
        (3, H, W) uint8, or (1, H, W) if grey.

    Raises
    ------
    DataError
        If there is no photograph of that name.
    """
    if name not in ("china", "flower"):
        raise DataError(f"There is no photograph {name!r}. Take 'china' or 'flower'.")
    from sklearn.datasets import load_sample_image

    picture = torch.tensor(load_sample_image(f"{name}.jpg")).permute(2, 0, 1).contiguous()
    if size is not None:
        height, width = (size, size) if isinstance(size, int) else size
        rows = min(picture.shape[1], round(picture.shape[2] * height / width))
        columns = min(picture.shape[2], round(picture.shape[1] * width / height))
        top, left = (picture.shape[1] - rows) // 2, (picture.shape[2] - columns) // 2
        picture = picture[:, top : top + rows, left : left + columns]
        picture = resized(picture[None], (height, width))[0]
    if grey:
        weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
        picture = (picture * weights).sum(0, keepdim=True).round().to(torch.uint8)
    return picture


def mr_slice() -> Tensor:
    """Return a slice through a head by magnetic resonance, (1, 256, 256) uint8, 0 to 215."""
    import numpy as np
    from matplotlib.cbook import get_sample_data

    with get_sample_data("s1045.ima.gz") as file:
        pixels = np.frombuffer(file.read(), dtype=">u2").reshape(1, 256, 256)
    return torch.from_numpy(pixels.astype(np.uint8))
