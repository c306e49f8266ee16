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
from course_utils.sensing.svm import Standardised, l2_svm

PATCH = 6  # pixels a side


class Result(NamedTuple):
    """Accuracies in [0, 1], and (36 C, atoms): the atoms as patches before whitening."""

    test_accuracy: float
    train_accuracy: float
    atoms: Tensor


def normalised_patches(images: Tensor, stride: int = 1) -> Tensor:
    """(N, C, H, W) uint8 -> (N, places, 36 C): every patch with mean 0 and deviation about 1.

    A variance of 10 grey levels² is added, so that flat patches do not turn into noise.
    """
    return _even(F.unfold(images.float(), PATCH, stride=stride).mT)


def _even(patches: Tensor) -> Tensor:
    variance, mean = torch.var_mean(patches, -1, keepdim=True)
    return (patches - mean) / (variance + 10).sqrt()


def sample_patches(images: Tensor, count: int, *, seed: int = 0) -> Tensor:
    """(N, C, H, W) uint8 -> (count, 36 C): normalised patches at random places of the images."""
    generator = torch.Generator().manual_seed(seed)
    each, found = math.ceil(count / len(images)), []
    order = torch.randperm(len(images), generator=generator)
    for some in order[: math.ceil(count / each)].split(20):
        windows = images[some].unfold(2, PATCH, 1).unfold(3, PATCH, 1)
        rows, columns = windows.shape[2:4]
        places = torch.rand(len(some), rows * columns, generator=generator).argsort(1)[:, :each]
        pictures = torch.arange(len(some))[:, None]
        found.append(windows[pictures, :, places // columns, places % columns].flatten(0, 1))
    return _even(torch.cat(found)[:count].flatten(1).float())


def zca(patches: Tensor, floor: float = 0.1) -> tuple[Tensor, Tensor]:
    """(N, m) patches -> (m,) mean and (m, m) matrix: (patches − mean) @ matrix is white."""
    values, vectors = torch.linalg.eigh(torch.cov(patches.mT))
    return patches.mean(0), (vectors / (values + floor).sqrt()) @ vectors.mT


def quadrant_sums(codes: Tensor) -> Tensor:
    """(N, side², d) codes of all patches -> (N, 8d): sums of positive and of negative parts."""
    side = math.isqrt(codes.shape[1])
    first = torch.arange(side, device=codes.device) < (side + 1) // 2
    halves = torch.stack([first, ~first]).to(codes)
    quadrants = torch.einsum("ai,bj->abij", halves, halves).reshape(4, -1)
    total, size = quadrants @ codes, quadrants @ codes.abs()
    return torch.cat([size + total, size - total], -1).flatten(1) / 2


def encode(
    images: Tensor, white: tuple[Tensor, Tensor], dictionary: Tensor, encoder: str, **options: float
) -> Tensor:
    """(N, C, H, W) uint8 -> (N, 8d) float16 features, a few images at a time; see `coates_ng`."""
    device, stride = dictionary.device, options.get("stride", 1)
    features = torch.empty(len(images), 8 * dictionary.shape[1], dtype=torch.float16, device=device)
    few = max(1, ROWS // normalised_patches(images[:1], stride).shape[1])
    pairs = list(zip(images.split(few), features.split(few), strict=True))
    for some, out in tqdm(pairs, "features", disable=None, leave=False):
        patches = (normalised_patches(some.to(device), stride) - white[0]) @ white[1]
        if encoder == "T":
            codes = F.softshrink(patches @ dictionary, options.get("threshold", 0.25))
        else:
            codes = sparse_codes(dictionary, patches, options.get("threshold", 1.0))
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
    strength: float = 3e-4,
    seed: int = 0,
    device: str = "cpu",
    **options: float,
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
    patches : int
        How many the dictionary is learned from.
    strength : float
        The SVM's C.
    **options
        `threshold` of T or λ of SC, by default 0.25 and 1; `stride` between patches, by default 1.
    """
    if dictionary not in DICTIONARIES or encoder not in ("T", "SC"):
        raise ValueError(f"no {dictionary}/{encoder}: {', '.join(DICTIONARIES)} go with T or SC")
    some = sample_patches(train[0], patches, seed=seed).to(device)
    white = zca(some)
    learned = DICTIONARIES[dictionary]((some - white[0]) @ white[1], atoms, seed=seed)
    features = Standardised(encode(train[0], white, learned, encoder, **options))
    weights = l2_svm(features, train[1].to(device), strength)
    tested = Standardised(encode(test[0], white, learned, encoder, **options), like=features)
    right = [
        (scores(weights).argmax(0).cpu() == labels).double().mean().item()
        for scores, labels in ((tested, test[1]), (features, train[1]))
    ]
    return Result(*right, torch.linalg.solve(white[1], learned))
