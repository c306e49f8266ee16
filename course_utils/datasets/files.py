"""Image sets kept as .npz files: where they lie, and how one is read and checked."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from course_utils.errors import UserError

KEYS = ("train_images", "train_labels", "test_images", "test_labels", "classes")
HELP = "data/README.md describes the form and how to write it."


class DataError(UserError):
    """An image set that cannot be had; the message says why and what to do."""


@dataclass(frozen=True, repr=False)
class Dataset:
    """Images with their labels, split once and for all into training and test images.

    Attributes
    ----------
    name : str
    train_images, test_images : Tensor
        (N, C, H, W) uint8, 0 to 255, C being 1 (grey) or 3 (red, green, blue).
    train_labels, test_labels : Tensor
        (N,) int64, indices into `classes`.
    classes : tuple of str
    source : str
        One sentence: what it is and where it comes from.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: tuple[str, ...]
    source: str

    def __repr__(self) -> str:
        channels, height, width = self.train_images.shape[1:]
        return (
            f"{self.name}: {len(self.train_images):,} training and {len(self.test_images):,} test "
            f"images of {channels}×{height}×{width}, {len(self.classes)} classes"
        )


def data_dir(root: str | Path | None = None) -> Path:
    """Return the folder of image sets: `root`, else $COURSE_DATA, else the course's data/."""
    if named := root or os.environ.get("COURSE_DATA"):
        return Path(named).expanduser().absolute()
    course = Path(__file__).parents[2]  # the checkout, unless the package was installed by itself
    return (course if (course / "pyproject.toml").is_file() else Path.cwd()) / "data"


def list_names(root: str | Path | None = None) -> list[str]:
    """Return the names of the sets in the folder."""
    return sorted(path.stem for path in data_dir(root).glob("*.npz"))


def read(path: Path, source: str | None = None) -> Dataset:
    """Read one .npz file; the images stay uint8 and are never held twice.

    Raises
    ------
    DataError
        If the file is missing, damaged, holds pickled objects, or is not in the form that
        data/README.md describes; the message names the file, the fault and the remedy.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {key: _read_array(archive, key, path) for key in KEYS}
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"There is no file {path}. Check its name and folder.") from None
    except Exception as error:  # a damaged file can make zipfile, zlib and NumPy raise anything
        if isinstance(error, OSError) and error.strerror:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        raise DataError(
            f"{path} is damaged, or no .npz file ({error}). Download or save it again."
        ) from error
    _validate(arrays, path)
    return Dataset(
        name=path.stem,
        train_images=_channels_first(arrays.pop("train_images")),
        train_labels=torch.from_numpy(arrays["train_labels"].astype(np.int64)),
        test_images=_channels_first(arrays.pop("test_images")),
        test_labels=torch.from_numpy(arrays["test_labels"].astype(np.int64)),
        classes=tuple(map(str, arrays["classes"])),
        source=source or f"Your own images, read from {path}.",
    )


def write(dataset: Dataset, path: Path) -> None:
    """Write `dataset` in the form `read` reads, and wait until it is on the disk."""
    with open(path, "wb") as file:
        np.savez(
            file,
            train_images=dataset.train_images.permute(0, 2, 3, 1).numpy(),
            train_labels=dataset.train_labels.numpy(),
            test_images=dataset.test_images.permute(0, 2, 3, 1).numpy(),
            test_labels=dataset.test_labels.numpy(),
            classes=np.array(dataset.classes),
        )
        file.flush()
        os.fsync(file.fileno())


def _read_array(archive: zipfile.ZipFile, key: str, path: Path) -> np.ndarray:
    """Read one array of the archive, to its last byte, where zipfile compares the checksum."""
    keys = [name.removesuffix(".npy") for name in archive.namelist()]
    if key not in keys:
        raise DataError(f"{path} lacks {key!r}; it holds {', '.join(keys) or 'nothing'}. {HELP}")
    with archive.open(f"{key}.npy") as member:
        try:
            array: np.ndarray = np.lib.format.read_array(member, allow_pickle=False)
        except ValueError as error:
            if "allow_pickle" not in str(error):
                raise
            raise DataError(
                f"{path}: {key!r} holds pickled Python objects, which are never loaded, as they "
                f"may run any program. Save it as a plain array: np.array(…, dtype=…). {HELP}"
            ) from None
        if member.read(1):
            raise DataError(f"{path}: bytes follow the array {key!r}. The file is damaged.")
    return array


def _validate(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Raise DataError unless the arrays are in the form that data/README.md describes."""

    def require(condition: bool, key: str, expected: str) -> None:
        if not condition:
            actual = f"{arrays[key].dtype} of shape {arrays[key].shape}"
            raise DataError(f"{path}: {key!r} should be {expected}, and is {actual}. {HELP}")

    classes = arrays["classes"]
    are_names = classes.dtype.kind == "U" and classes.ndim == 1 and len(classes) > 0
    require(are_names, "classes", "one string per class")
    for split in ("train", "test"):
        key, labels = f"{split}_images", arrays[f"{split}_labels"]
        images = arrays[key]
        require(images.dtype == np.uint8, key, "uint8, 0 to 255")
        are_images = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3))
        expected = "(N, H, W) grey or (N, H, W, 3) colour, channels last"
        require(are_images and images.size > 0, key, expected)
        same_size = images.shape[1:] == arrays["train_images"].shape[1:]
        require(same_size, key, f"of the training images' size {arrays['train_images'].shape[1:]}")
        are_labels = labels.dtype.kind in "iu" and labels.shape == images.shape[:1]
        require(are_labels, f"{split}_labels", f"one integer for each of {len(images)} images")
        low, high = labels.min(), labels.max()
        if low < 0 or high >= len(classes):
            raise DataError(
                f"{path}: '{split}_labels' run from {low} to {high}; with {len(classes)} classes "
                f"they must lie from 0 to {len(classes) - 1}. {HELP}"
            )


def _channels_first(images: np.ndarray) -> Tensor:
    """(N, H, W[, C]) -> (N, C, H, W), rearranged in its own memory, 1,000 images at a time."""
    images = images if images.ndim == 4 else images[..., None]
    count, height, width, channels = images.shape
    rows = images.reshape(count, -1)
    for start in range(0, count, 1000):
        part = images[start : start + 1000].transpose(0, 3, 1, 2)
        rows[start : start + 1000] = part.reshape(len(part), -1)
    return torch.from_numpy(rows.reshape(count, channels, height, width))
