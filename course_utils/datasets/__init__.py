"""The course's images: sets with labels to classify, two photographs and a slice of a head.

>>> data = load("shapes")              # load() takes CIFAR-10 where it is on disk
>>> data.train_images.shape            # (N, C, H, W), uint8
torch.Size([5000, 3, 32, 32])
>>> data
shapes: 5,000 training and 1,000 test images of 3×32×32, 10 classes

Images stay uint8, four times smaller than float32: normalise one batch at a time.
"""

import os
from collections.abc import Callable, Iterable
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from course_utils import _torchvision  # noqa: F401
from course_utils.datasets import files, shapes
from course_utils.datasets.files import DataError, Dataset
from course_utils.errors import suggest

__all__ = ["DataError", "Dataset", "available", "load", "mr_slice", "photograph", "resize"]

DOWNLOADS = {  # what `python -m course_utils data` fetches, and the sentence it is described by
    "cifar10": "CIFAR-10: photographs of ten kinds of things, 32×32 pixels (Krizhevsky, 2009).",
    "mnist": "MNIST: handwritten digits, 28×28 pixels (LeCun, Cortes and Burges).",
}


def _of_scikit_learn(name: str) -> str:
    """Path of a data file of its: to import sklearn.datasets takes 45 MB and most of a second."""
    return str(distribution("scikit-learn").locate_file(f"sklearn/datasets/{name}"))


def _digits() -> Dataset:
    table = torch.from_numpy(np.loadtxt(_of_scikit_learn("data/digits.csv.gz"), delimiter=","))
    # the scans run from 0 to 16
    images = (table[:, :-1].reshape(-1, 1, 8, 8) * (255 / 16)).round().to(torch.uint8)
    labels = table[:, -1].long()
    return Dataset(
        name="digits",
        train_images=images[:1000],
        train_labels=labels[:1000],
        test_images=images[1000:],
        test_labels=labels[1000:],
        classes=tuple(str(digit) for digit in range(10)),
        source="Digits: 1,797 scans of handwritten digits, 8×8 pixels (scikit-learn, from UCI).",
    )


BUILT_IN: dict[str, Callable[[], Dataset]] = {"shapes": shapes.make_shapes, "digits": _digits}


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

    Returns
    -------
    Dataset
        Training and test images (N, C, H, W) uint8, their labels and the names of the classes.

    Raises
    ------
    DataError
        If there is no such set, or its file is damaged or in another form; says what to do.
    """
    if name is None or name == "auto":
        default = "cifar10" if available(root)["cifar10"] else "shapes"
        name = os.environ.get("COURSE_DATASET") or default
    if isinstance(name, Path) or name.endswith(".npz") or os.sep in name:
        return files.read(Path(os.path.abspath(Path(name).expanduser())))
    if name in BUILT_IN:
        return BUILT_IN[name]()
    known = available(root)
    path = files.data_dir(root) / f"{name}.npz"
    if known.get(name):
        return files.read(path, source=DOWNLOADS.get(name))
    if name in DOWNLOADS:
        raise DataError(
            f"{name} is not in {path.parent}. Run `python -m course_utils data {name}` to "
            f"download it, or take load({'digits' if name == 'mnist' else 'shapes'!r}) instead."
        )
    raise DataError(f"{unknown(name, known)} Your own goes to {path}. {files.HELP}")


def available(root: str | Path | None = None) -> dict[str, bool]:
    """Return every known set's name, and whether `load` can give it without a download."""
    on_disk = files.list_names(root)
    return (
        dict.fromkeys(BUILT_IN, True)
        | {name: name in on_disk for name in DOWNLOADS}
        | dict.fromkeys(on_disk, True)
    )


def unknown(name: str, known: Iterable[str]) -> str:
    """Say that there is no such set, which one may be meant, and which there are."""
    names = list(known)
    parts = [f"There is no data set {name!r}.", suggest(name, names), f"Known: {', '.join(names)}."]
    return " ".join(filter(None, parts))


def resize(images: Tensor, size: int | tuple[int, int]) -> Tensor:
    """(N, C, H, W) uint8 -> (N, C, size, size) or (N, C, *size) uint8, smoothly interpolated.

    Examples
    --------
    >>> resize(load("digits").train_images, 28).shape  # 8×8 scans at the size of MNIST
    torch.Size([1000, 1, 28, 28])
    """
    height, width = (size, size) if isinstance(size, int) else size
    return interpolate(images, size=(height, width), mode="bilinear", antialias=True)


def photograph(
    name: str = "china", size: int | tuple[int, int] | None = None, gray: bool = False
) -> Tensor:
    """Return one of scikit-learn's two photographs.

    Parameters
    ----------
    name : {"china", "flower"}
    size : int or (height, width), optional
        The largest middle part of that form, brought to that size; by default all 427×640.
    gray : bool
        Luminance (ITU-R BT.601) instead of colour.

    Returns
    -------
    Tensor
        (3, H, W) uint8, or (1, H, W) if gray.

    Raises
    ------
    DataError
        If there is no photograph of that name.

    Examples
    --------
    >>> photograph("flower", size=64, gray=True).shape
    torch.Size([1, 64, 64])
    """
    if name not in ("china", "flower"):
        raise DataError(f"There is no photograph {name!r}. Take 'china' or 'flower'.")
    from PIL import Image

    with Image.open(_of_scikit_learn(f"images/{name}.jpg")) as file:
        picture = torch.from_numpy(np.array(file)).permute(2, 0, 1).contiguous()
    if size is not None:
        height, width = (size, size) if isinstance(size, int) else size
        rows = min(picture.shape[1], round(picture.shape[2] * height / width))
        columns = min(picture.shape[2], round(picture.shape[1] * width / height))
        top, left = (picture.shape[1] - rows) // 2, (picture.shape[2] - columns) // 2
        picture = picture[:, top : top + rows, left : left + columns]
        picture = resize(picture[None], (height, width))[0]
    if gray:
        weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
        picture = (picture * weights).sum(0, keepdim=True).round().to(torch.uint8)
    return picture


def mr_slice() -> Tensor:
    """Return a slice through a head by magnetic resonance, (1, 256, 256) uint8, 0 to 215."""
    import gzip

    import numpy as np
    from matplotlib.cbook import get_sample_data

    with gzip.open(str(get_sample_data("s1045.ima.gz", asfileobj=False))) as file:
        pixels = np.frombuffer(file.read(), dtype=">u2").reshape(1, 256, 256)
    return torch.from_numpy(pixels.astype(np.uint8))
