"""Coates and Ng: small patches, a dictionary, an encoder, four sums and a linear classifier.

Coates and Ng (2011), "The importance of encoding versus training with sparse coding and vector
quantization", ICML.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from course_utils.sensing.dictionaries import DICTIONARIES, ROWS, sparse_codes
from course_utils.sensing.svm import StandardizedFeatures, l2_svm

PATCH = 6  # pixels a side
CONTRAST = 10.0  # grey levels² added to a patch's variance
THRESHOLDS = (0.25, 0.5, 1.0)
CS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
CACHED = 400_000  # products at once, which stay in the processor's cache
FEW = 5000  # images that choose the threshold


class Result(NamedTuple):
    """Accuracies in [0, 1]; (36 C, atoms), the atoms as patches before whitening; the choices."""

    test_accuracy: float
    train_accuracy: float
    atoms: Tensor
    threshold: float
    C: float


def normalize_patches(images: Tensor, stride: int = 1) -> Tensor:
    """(N, C, H, W) uint8 -> (N, places, 36 C): every patch with mean 0 and deviation about 1.

    A variance of 10 grey levels² is added, so that flat patches do not turn into noise.
    """
    return _normalize(F.unfold(images.float(), PATCH, stride=stride), 1).mT


def _normalize(patches: Tensor, dim: int) -> Tensor:
    centred = patches - patches.mean(dim, keepdim=True)
    variance = centred.square().sum(dim, keepdim=True) / (patches.shape[dim] - 1)
    return centred * (variance + CONTRAST).rsqrt()


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
    return _normalize(torch.cat(patches)[:count].flatten(1).float(), 1)


def zca(patches: Tensor, floor: float = 0.1) -> tuple[Tensor, Tensor]:
    """(N, m) patches -> (m,) mean and (m, m) matrix: (patches − mean) @ matrix is white.

    `floor` is added to the covariance's eigenvalues, so that fine noise is not blown up.

    References
    ----------
    Bell and Sejnowski (1997), Vision Research 37, 3327–3338.
    """
    values, vectors = torch.linalg.eigh(torch.cov(patches.mT))
    return patches.mean(0), (vectors / (values + floor).sqrt()) @ vectors.mT


def quarters(images: Tensor, stride: int = 1) -> list[Tensor]:
    """(N, C, H, W) square images -> the four parts of them from which a quadrant's patches come.

    Of an odd number of places, the first halves have one more.
    """
    starts = torch.arange(0, images.shape[-1] - PATCH + 1, stride)
    spans = [slice(int(half[0]), int(half[-1]) + PATCH) for half in starts.chunk(2)]
    return [images[..., rows, columns] for rows in spans for columns in spans]


def signed_sums(products: Tensor, threshold: float = 0) -> Tensor:
    """(N, places, d) -> (N, 2d): sums of what lies above the threshold, and below minus it."""
    above, below = products.clamp(min=threshold).sum(1), products.clamp(max=-threshold).sum(1)
    return torch.cat([above, -below], -1) - threshold * products.shape[1]


def encode(
    images: Tensor,
    whitening: tuple[Tensor, Tensor],
    dictionary: Tensor,
    encoder: str,
    *,
    threshold: float,
    stride: int = 1,
) -> Tensor:
    """(N, C, H, W) uint8 -> (N, 8d) float16 features, a few images at a time; see `coates_ng`."""
    device, (mean, matrix) = dictionary.device, whitening
    features = torch.empty(len(images), 8 * dictionary.shape[1], dtype=torch.float16, device=device)
    rows = CACHED // dictionary.shape[1] if encoder == "T" else ROWS
    batch_size = max(1, rows * 4 * stride**2 // images.shape[-1] ** 2)
    filters, bias = (matrix @ dictionary).mT, (-mean @ matrix @ dictionary)[:, None]
    batches = list(zip(images.split(batch_size), features.split(batch_size), strict=True))
    for batch, out in tqdm(batches, "features", disable=None, leave=False):
        sums = []
        for quarter in quarters(batch.to(device), stride):
            patches = normalize_patches(quarter, stride)
            if encoder == "T":
                products = (filters @ patches.mT).add_(bias).mT
            else:
                products = sparse_codes(dictionary, (patches - mean) @ matrix, threshold)
            sums.append(signed_sums(products, threshold if encoder == "T" else 0))
        out[:] = torch.cat(sums, -1)
    return features


def coates_ng(
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    dictionary: str = "OMP-1",
    encoder: str = "T",
    atoms: int = 1600,
    *,
    patches: int = 40_000,
    threshold: Sequence[float] = THRESHOLDS,
    stride: int = 1,
    C: Sequence[float] = CS,
    seed: int = 0,
    device: str = "cpu",
    run: Callable[[partial[Tensor], Tensor], Tensor] = lambda code, images: code(images),
) -> Result:
    """Learn a dictionary from patches, describe images by it, classify them.

    Threshold and C are chosen as the paper does, on a fifth of the training images held out: the
    threshold with up to 5,000 images, each time with the best C, then C with all. The classifier
    then learns from all training images; test images choose nothing.

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
    threshold : sequence of floats
        Thresholds of T, or values of λ of SC, to choose from; one is taken as it is.
    stride : int
        Pixels between two patches of an image that is described.
    C : sequence of floats
        The SVM's, to choose from: how much errors count.
    seed : int
        Decides the patches, the first atoms, random weights and which images are held out.
    device : str
        Where all of it is computed.
    run : function of `encode` with all settings, and images
        Gives features (N, 8 · atoms); may keep them for a run that is started again.

    Returns
    -------
    Result
        Test accuracy, training accuracy, the atoms, and the threshold and C that were chosen.

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
    order = torch.randperm(len(train[0]), generator=torch.Generator().manual_seed(seed))
    images, labels = train[0][order], train[1][order].to(device)
    sample = sample_patches(train[0], patches, seed=seed).to(device)
    mean, matrix = whitening = zca(sample)
    learned = DICTIONARIES[dictionary]((sample - mean) @ matrix, atoms, seed=seed)

    def describe(images: Tensor, threshold: float) -> Tensor:
        code = partial(encode, whitening=whitening, dictionary=learned, encoder=encoder)
        return run(partial(code, threshold=threshold, stride=stride), images)

    chosen, features = _choose_threshold(describe, images[:FEW], labels[:FEW], threshold, C)
    if len(images) > FEW:
        features = torch.cat([features, describe(images[FEW:], chosen)])
    best_C = list(C)[_held_out_accuracies(features, labels, C).argmax()] if len(C) > 1 else C[0]
    train_features = StandardizedFeatures(features)
    weights = l2_svm(train_features, labels, best_C)
    test_features = StandardizedFeatures(describe(test[0], chosen), like=train_features)
    return Result(
        test_accuracy=_accuracy(test_features(weights), test[1].to(device)).item(),
        train_accuracy=_accuracy(train_features(weights), labels).item(),
        atoms=torch.linalg.solve(matrix, learned),
        threshold=chosen,
        C=best_C,
    )


def _choose_threshold(
    describe: Callable[[Tensor, float], Tensor],
    images: Tensor,
    labels: Tensor,
    thresholds: Sequence[float],
    Cs: Sequence[float],
) -> tuple[float, Tensor]:
    """Return the threshold by which, with the best C, most images held out are known; features."""
    tried = [(threshold, describe(images, threshold)) for threshold in thresholds]
    if len(tried) == 1:
        return tried[0]
    return max(tried, key=lambda pair: _held_out_accuracies(pair[1], labels, Cs).max().item())


def _held_out_accuracies(features: Tensor, labels: Tensor, Cs: Sequence[float]) -> Tensor:
    """(N, F) features, (N,) labels -> (len(Cs),): trained on four fifths, tested on the last."""
    cut = len(features) * 4 // 5
    known = StandardizedFeatures(features[:cut])
    weights = l2_svm(known, labels[:cut], Cs)
    return _accuracy(StandardizedFeatures(features[cut:], like=known)(weights), labels[cut:])


def _accuracy(scores: Tensor, labels: Tensor) -> Tensor:
    """(..., classes, N) scores, (N,) labels -> (...): share of labels with the largest score."""
    return (scores.argmax(-2) == labels).double().mean(-1)
