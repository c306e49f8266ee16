"""Coates and Ng: small patches, a dictionary, an encoder, four sums and a linear classifier.

Coates and Ng (2011), "The importance of encoding versus training with sparse coding and vector
quantization", ICML.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from course_utils.sensing.dictionaries import DICTIONARIES, ROWS, sparse_codes
from course_utils.sensing.svm import StandardizedFeatures, l2_svm

PATCH = 6  # pixels a side


class Result(NamedTuple):
    """Accuracies in [0, 1], and (36 C, atoms): the atoms as patches before whitening."""

    test_accuracy: float
    train_accuracy: float
    atoms: Tensor


def normalize_patches(images: Tensor, stride: int = 1) -> Tensor:
    """(N, C, H, W) uint8 -> (N, places, 36 C): every patch with mean 0 and deviation about 1.

    A variance of 10 grey levels² is added, so that flat patches do not turn into noise.
    """
    return _normalize(F.unfold(images.float(), PATCH, stride=stride).mT)


def _normalize(patches: Tensor) -> Tensor:
    variance, mean = torch.var_mean(patches, -1, keepdim=True)
    return (patches - mean) / (variance + 10).sqrt()


def sample_patches(images: Tensor, count: int, *, seed: int = 0) -> Tensor:
    """(N, C, H, W) uint8 -> (count, 36 C): normalised patches at random places of the images."""
    generator = torch.Generator().manual_seed(seed)
    per_image, patches = math.ceil(count / len(images)), []
    order = torch.randperm(len(images), generator=generator)
    for batch in order[: math.ceil(count / per_image)].split(20):
        windows = images[batch].unfold(2, PATCH, 1).unfold(3, PATCH, 1)
        rows, columns = windows.shape[2:4]
        draws = torch.rand(len(batch), rows * columns, generator=generator)
        places = draws.argsort(1)[:, :per_image]
        index = torch.arange(len(batch))[:, None]
        patches.append(windows[index, :, places // columns, places % columns].flatten(0, 1))
    return _normalize(torch.cat(patches)[:count].flatten(1).float())


def zca(patches: Tensor, floor: float = 0.1) -> tuple[Tensor, Tensor]:
    """(N, m) patches -> (m,) mean and (m, m) matrix: (patches − mean) @ matrix is white.

    `floor` is added to the covariance's eigenvalues, so that fine noise is not blown up.

    References
    ----------
    Bell and Sejnowski (1997), Vision Research 37, 3327–3338.
    """
    values, vectors = torch.linalg.eigh(torch.cov(patches.mT))
    return patches.mean(0), (vectors / (values + floor).sqrt()) @ vectors.mT


def quadrant_sums(codes: Tensor) -> Tensor:
    """(N, side², d) codes of all patches -> (N, 8d): sums of positive and of negative parts."""
    side = math.isqrt(codes.shape[1])
    first = torch.arange(side, device=codes.device) < (side + 1) // 2
    halves = torch.stack([first, ~first]).to(codes)
    quadrants = torch.einsum("ai,bj->abij", halves, halves).reshape(4, -1)
    signed, magnitude = quadrants @ codes, quadrants @ codes.abs()
    return torch.cat([magnitude + signed, magnitude - signed], -1).flatten(1) / 2


def encode(
    images: Tensor,
    whitening: tuple[Tensor, Tensor],
    dictionary: Tensor,
    encoder: str,
    *,
    threshold: float | None = None,
    stride: int = 1,
) -> Tensor:
    """(N, C, H, W) uint8 -> (N, 8d) float16 features, a few images at a time; see `coates_ng`."""
    device, (mean, matrix) = dictionary.device, whitening
    features = torch.empty(len(images), 8 * dictionary.shape[1], dtype=torch.float16, device=device)
    batch_size = max(1, ROWS // normalize_patches(images[:1], stride).shape[1])
    batches = list(zip(images.split(batch_size), features.split(batch_size), strict=True))
    for batch, out in tqdm(batches, "features", disable=None, leave=False):
        patches = (normalize_patches(batch.to(device), stride) - mean) @ matrix
        if encoder == "T":
            codes = F.softshrink(patches @ dictionary, 0.25 if threshold is None else threshold)
        else:
            codes = sparse_codes(dictionary, patches, 1.0 if threshold is None else threshold)
        out[:] = quadrant_sums(codes)
    return features


def coates_ng(
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    dictionary: str = "OMP-1",
    encoder: str = "T",
    atoms: int = 1600,
    *,
    patches: int = 40_000,
    threshold: float | None = None,
    stride: int = 1,
    C: float = 3e-4,
    seed: int = 0,
    device: str = "cpu",
) -> Result:
    """Learn a dictionary from patches, describe images by it, classify them.

    Parameters
    ----------
    train, test : pairs of Tensors
        (N, C, H, W) uint8 square images and (N,) labels.
    dictionary : {"RP", "R", "OMP-1", "OMP-10", "SC", "SAE"}
        Random patches, random weights, or learned; see `dictionaries`.
    encoder : {"T", "SC"}
        Soft threshold of the atoms' products with a patch, or the Lasso's codes. The positive and
        the negative parts are features of their own.
    atoms : int
        Columns of the dictionary.
    patches : int
        How many the dictionary is learned from.
    threshold : float, optional
        The threshold of T, by default 0.25, or λ of SC, by default 1.
    stride : int
        Pixels between two patches of an image that is described.
    C : float
        The SVM's: how much errors count.
    seed : int
        Decides the patches, the first atoms and random weights.
    device : str
        Where all of it is computed.

    Returns
    -------
    Result
        Test accuracy, training accuracy and the atoms.

    Raises
    ------
    ValueError
        If there is no such dictionary or encoder.
    """
    if dictionary not in DICTIONARIES or encoder not in ("T", "SC"):
        raise ValueError(
            f"dictionary must be one of {', '.join(DICTIONARIES)} and encoder T or SC, "
            f"got {dictionary!r} and {encoder!r}"
        )
    sample = sample_patches(train[0], patches, seed=seed).to(device)
    mean, matrix = zca(sample)
    learned = DICTIONARIES[dictionary]((sample - mean) @ matrix, atoms, seed=seed)

    def describe(images: Tensor) -> Tensor:
        return encode(images, (mean, matrix), learned, encoder, threshold=threshold, stride=stride)

    train_features = StandardizedFeatures(describe(train[0]))
    weights = l2_svm(train_features, train[1].to(device), C)
    test_features = StandardizedFeatures(describe(test[0]), like=train_features)
    return Result(
        test_accuracy=_accuracy(test_features(weights), test[1]),
        train_accuracy=_accuracy(train_features(weights), train[1]),
        atoms=torch.linalg.solve(matrix, learned),
    )


def _accuracy(scores: Tensor, labels: Tensor) -> float:
    """(classes, N) scores, (N,) labels -> share of labels with the largest score."""
    return (scores.argmax(0).cpu() == labels).double().mean().item()
