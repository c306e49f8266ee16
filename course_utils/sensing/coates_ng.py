"""Coates and Ng: small patches, a dictionary, an encoder, four sums and a linear classifier.

Coates and Ng (2011), "The importance of encoding versus training with sparse coding and vector
quantization", ICML.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from course_utils.sensing.dictionaries import DICTIONARIES, ROWS, sparse_codes
from course_utils.sensing.svm import Standardised, l2_svm

PATCH = 6  # pixels a side


@dataclass
class Result:
    """One row of the table: accuracies in [0, 1], seconds of each stage, and what was learned."""

    dictionary: str
    encoder: str
    atoms: int
    test_accuracy: float
    train_accuracy: float
    strength: float
    seconds: dict[str, float]
    columns: Tensor = field(repr=False)


def normalised_patches(images: Tensor, stride: int = 1) -> Tensor:
    """(N, C, H, W) uint8 -> (N, places, 36 C): every patch with its mean off and contrast 1.

    Contrasts far below √10 of 255 grey levels stay low, so that flat patches do not become noise.
    """
    patches = F.unfold(images.float(), PATCH, stride=stride).mT
    patches = patches - patches.mean(-1, keepdim=True)
    return patches / (patches.var(-1, keepdim=True) + 10).sqrt()


def zca(patches: Tensor, floor: float = 0.1) -> tuple[Tensor, Tensor]:
    """(N, m) patches -> (m,) mean and (m, m) matrix: (patches − mean) @ matrix is white."""
    mean = patches.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov(patches.mT))
    return mean, (vectors / (values + floor).sqrt()) @ vectors.mT


def quadrant_sums(codes: Tensor) -> Tensor:
    """(N, side², d) codes of all patches -> (N, 8d): positive and negative parts by quadrant."""
    side = round(codes.shape[1] ** 0.5)
    first = torch.arange(side, device=codes.device) < (side + 1) // 2
    halves = torch.stack([first, ~first]).to(codes)
    quadrants = torch.einsum("ai,bj->abij", halves, halves).reshape(4, -1)
    total, size = quadrants @ codes, quadrants @ codes.abs_()
    return torch.cat([size + total, size - total], -1).flatten(1) / 2


def columns(
    images: Tensor,
    dictionary: Tensor,
    white: tuple[Tensor, Tensor],
    *,
    encoder: str = "T",
    threshold: float = 0.25,
    stride: int = 1,
) -> Tensor:
    """(N, C, H, W) uint8 images -> (N, 8 atoms) float16 features, a few images at a time.

    Parameters
    ----------
    dictionary : Tensor
        (36 C, atoms).
    white : pair of Tensors
        Of `zca`.
    encoder : {"T", "SC"}
        Soft threshold of the atoms' products with the patch, or the Lasso's codes; of both the
        positive and the negative parts are features of their own.
    threshold : float
        Of "T"; λ of "SC".
    """
    if encoder not in ("T", "SC"):
        raise ValueError(f"encoder must be T or SC, not {encoder!r}")
    mean, matrix = white
    found = torch.empty(len(images), 8 * dictionary.shape[1], dtype=torch.float16)
    found = found.to(dictionary.device)
    places = normalised_patches(images[:1], stride).shape[1]
    batch = max(1, ROWS // places)
    for first in tqdm(range(0, len(images), batch), desc="features", disable=None, leave=False):
        some = images[first : first + batch].to(dictionary.device)
        patches = (normalised_patches(some, stride) - mean) @ matrix
        if encoder == "T":
            codes = F.softshrink(patches @ dictionary, threshold)
        else:
            codes = sparse_codes(dictionary, patches, threshold)
        found[first : first + batch] = quadrant_sums(codes)
    return found


def coates_ng(
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    *,
    dictionary: str = "OMP-1",
    encoder: str = "T",
    atoms: int = 1600,
    threshold: float | None = None,
    stride: int = 1,
    strengths: tuple[float, ...] = (1e-4, 3e-4, 1e-3),
    patches: int = 40_000,
    seed: int = 0,
    device: str = "cpu",
) -> Result:
    """Learn a dictionary from patches, describe images by it, classify them.

    Parameters
    ----------
    train, test : pairs of Tensors
        (N, C, H, W) uint8 images and (N,) labels.
    dictionary : {"RP", "R", "OMP-1", "OMP-10", "SC", "SAE"}
        Random patches, random weights, or learned; see `dictionaries`.
    encoder, threshold, stride
        See `columns`; by default the threshold is 0.25 for T and 1 for SC.
    strengths : floats
        Values of the SVM's C to choose from on the last fifth of the training images.
    """
    if dictionary not in DICTIONARIES:
        raise ValueError(f"dictionary must be one of {', '.join(DICTIONARIES)}, not {dictionary!r}")
    clock, seconds = time.perf_counter(), {}

    def lap(stage: str) -> None:
        nonlocal clock
        seconds[stage], clock = time.perf_counter() - clock, time.perf_counter()

    some = sample_patches(train[0], patches, seed=seed).to(device)
    white = zca(some)
    atoms_learned = DICTIONARIES[dictionary]((some - white[0]) @ white[1], atoms, seed=seed)
    lap("dictionary")
    threshold = threshold or {"T": 0.25, "SC": 1.0}.get(encoder)
    options = {"encoder": encoder, "threshold": threshold, "stride": stride}
    features = columns(train[0], atoms_learned, white, **options)
    lap("features")
    weights, strength, scaled = chosen_svm(features, train[1].to(device), strengths)
    accuracy = (scaled(weights).argmax(0) == train[1].to(device)).float().mean().item()
    lap("classifier")
    tested = Standardised(columns(test[0], atoms_learned, white, **options), like=scaled)
    right = (tested(weights).argmax(0) == test[1].to(device)).float().mean().item()
    lap("test")
    return Result(dictionary, encoder, atoms, right, accuracy, strength, seconds, atoms_learned)


def sample_patches(images: Tensor, count: int, *, seed: int = 0) -> Tensor:
    """(N, C, H, W) uint8 -> (count, 36 C): normalised patches at random places of the images."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=generator)
    each, found = math.ceil(count / len(images)), []
    for some in order[: math.ceil(count / each)].split(100):
        patches = normalised_patches(images[some])
        places = torch.rand(patches.shape[:2], generator=generator).argsort(1)[:, :each]
        found.append(torch.take_along_dim(patches, places[..., None], 1).flatten(0, 1))
    return torch.cat(found)[:count]


def chosen_svm(
    features: Tensor, labels: Tensor, strengths: Sequence[float]
) -> tuple[Tensor, float, Standardised]:
    """Train with that C which does best on the last fifth when trained on the others."""
    weights, strength = None, strengths[0]
    if len(strengths) > 1:
        kept = len(features) * 4 // 5
        fitted = Standardised(features[:kept])
        held, scores = Standardised(features[kept:], like=fitted), {}
        for strength in sorted(strengths):
            weights = l2_svm(fitted, labels[:kept], strength, start=weights)
            scores[strength] = (held(weights).argmax(0) == labels[kept:]).float().mean().item()
        strength = max(scores, key=scores.get)
    scaled = Standardised(features)
    return l2_svm(scaled, labels, strength), strength, scaled
