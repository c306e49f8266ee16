"""What Coates and Ng's table hangs on: one factor changed at a time, on CIFAR-10.

COURSE_DATA=FOLDER python benchmarks/factors.py --atoms 400

Each classifier learns from four fifths of the training images, C is the one that is best on the
fifth held out, and the test images are only looked at.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from course_utils import datasets
from course_utils.sensing import coates_ng
from course_utils.sensing.coates_ng import encode, sample_patches, zca
from course_utils.sensing.dictionaries import learn_dictionary, random_patches
from course_utils.sensing.solvers import omp
from course_utils.sensing.svm import StandardizedFeatures, l2_svm

CS = (3e-4, 1e-3, 3e-3, 1e-2)


class Settings(NamedTuple):
    """All that features depend on."""

    threshold: float = 0.25
    patches: int = 25  # for each atom
    sources: int = 20_000  # images that give patches
    contrast: float = 10.0
    floor: float = 0.1
    mean: bool = True  # taken from patches before they are whitened
    kind: str = "OMP-1"
    rounds: int = 10
    quality: int | None = None  # JPEG once more
    chroma: int = 2  # 4:2:0; 0 is 4:4:4


class Split(NamedTuple):
    """Images to learn from, to choose on and to look at: (images, labels) each."""

    known: tuple[Tensor, Tensor]
    held_out: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


class WithoutBias(StandardizedFeatures):
    """Scores without the weight for a 1."""

    def _forward(self, x: Tensor) -> Tensor:
        return super()._forward(F.pad(x[..., :-1], (0, 1)))

    def _adjoint(self, y: Tensor) -> Tensor:
        return F.pad(super()._adjoint(y)[..., :-1], (0, 1))


def compress(images: Tensor, quality: int, chroma: int) -> Tensor:
    """(N, 3, H, W) uint8 -> what JPEG of that quality leaves of them."""
    results = []
    for image in images.permute(0, 2, 3, 1).numpy():
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling=chroma)
        results.append(np.asarray(Image.open(file)))
    return torch.from_numpy(np.stack(results)).permute(0, 3, 1, 2).contiguous()


def k_means(patches: Tensor, atoms: int, rounds: int) -> Tensor:
    """(N, m) -> (m, atoms): centres of Lloyd's algorithm, brought to unit length."""
    centres = random_patches(patches, atoms).mT * patches.norm(dim=1).mean()
    for _ in range(rounds):
        sums, counts = torch.zeros_like(centres), torch.zeros(atoms, 1)
        for some in patches.split(2000):
            nearest = F.one_hot(torch.cdist(some, centres).argmin(1), atoms).to(some)
            sums += nearest.mT @ some
            counts += nearest.sum(0)[:, None]
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
    return F.normalize(centres, dim=1).mT


def features(settings: Settings, split: Split, atoms: int) -> list[Tensor]:
    """Features of the three parts: (N, 8 · atoms) each."""
    parts = [images for images, _ in split]
    if settings.quality is not None:
        parts = [compress(images, settings.quality, settings.chroma) for images in parts]
    coates_ng.CONTRAST = settings.contrast
    sample = sample_patches(parts[0][: settings.sources], settings.patches * atoms)
    mean, matrix = zca(sample, settings.floor)
    if not settings.mean:
        mean = torch.zeros_like(mean)
    white = (sample - mean) @ matrix
    if settings.kind == "k-means":
        dictionary = k_means(white, atoms, settings.rounds)
    elif settings.kind == "RP":
        dictionary = random_patches(white, atoms)
    else:
        dictionary = learn_dictionary(white, atoms, partial(omp, atoms=1), settings.rounds)
    code = partial(encode, whitening=(mean, matrix), dictionary=dictionary, encoder="T")
    return [code(images, threshold=settings.threshold) for images in parts]


def judge(
    parts: Sequence[Tensor],
    split: Split,
    Cs: Sequence[float] = CS,
    constant: float = 0.0,
    scores: type[StandardizedFeatures] = StandardizedFeatures,
) -> str:
    """Return the best C, accuracies on held-out and on test images, as cells of a table."""
    known = scores(parts[0])
    known.scale = (known.scale.square() + constant).sqrt()
    weights = l2_svm(known, split.known[1], Cs)
    held_out, test = (
        100 * (scores(part, like=known)(weights).argmax(-2) == labels).double().mean(-1)
        for part, (_, labels) in zip(parts[1:], split[1:], strict=True)
    )
    best = held_out.argmax()
    return f"{Cs[best]:g} | {held_out[best]:.1f} | {test[best]:.1f}"


def changed() -> Iterator[tuple[str, str, Settings]]:
    """Factors for which features are made anew: name, from → to, settings."""
    base = Settings()
    for quality in (75, 50, 25):
        yield "JPEG once more", f"→ quality {quality}", base._replace(quality=quality)
    yield "JPEG once more", "→ quality 50, all colour", base._replace(quality=50, chroma=0)
    for threshold in (0.125, 0.5, 1.0):
        yield "threshold", f"0.25 → {threshold:g}", base._replace(threshold=threshold)
    yield "whitening's floor", "0.1 → 0.01", base._replace(floor=0.01)
    yield "whitening's floor", "0.1 → 1", base._replace(floor=1.0)
    yield "contrast's constant", "10 → 1", base._replace(contrast=1.0)
    yield "contrast's constant", "10 → 100", base._replace(contrast=100.0)
    yield "patches an atom", "25 → 250", base._replace(patches=250)
    yield "patches from", "all images → 1,000", base._replace(sources=1000)
    yield "rounds", "10 → 50", base._replace(rounds=50)
    yield "dictionary", "OMP-1 → k-means", base._replace(kind="k-means")
    yield "dictionary", "OMP-1 → random patches", base._replace(kind="RP")
    yield "patches' mean", "taken off → left", base._replace(mean=False)


def factors(split: Split, atoms: int) -> Iterator[tuple[str, str, Callable[[], str]]]:
    """All factors: name, from → to, a function that judges; first those behind the features."""
    base = cache(lambda: features(Settings(), split, atoms))
    yield "none", "", lambda: judge(base(), split)
    yield "C", "best → 3e-4", lambda: judge(base(), split, CS[:1])
    yield "standardisation", "1e-6 → 0.01", lambda: judge(base(), split, constant=0.01)
    yield "standardisation", "1e-6 → 100", lambda: judge(base(), split, constant=100.0)
    yield "SVM's bias", "one → none", lambda: judge(base(), split, scores=WithoutBias)
    yield "polarity", "split → one sum", lambda: judge(unsigned(base()), split)
    yield "quadrants", "4 → 1", lambda: judge(whole(base()), split)
    for share in (2, 4):
        text = f"{len(split.known[0]):,} → {len(split.known[0]) // share:,}"
        yield "training images", text, lambda share=share: judge_fewer(base(), split, share)
    for name, change, settings in changed():
        yield name, change, lambda some=settings: judge(features(some, split, atoms), split)


def unsigned(parts: Sequence[Tensor]) -> list[Tensor]:
    """Features without the split: sums of positive and of negative parts, taken from each other."""
    pairs = [part.unflatten(1, (4, 2, -1)) for part in parts]
    return [(pair[:, :, 0] - pair[:, :, 1]).flatten(1) for pair in pairs]


def whole(parts: Sequence[Tensor]) -> list[Tensor]:
    """Features of the whole image: means over the quadrants."""
    return [part.unflatten(1, (4, -1)).float().mean(1) for part in parts]


def judge_fewer(parts: Sequence[Tensor], split: Split, share: int) -> str:
    """`judge` with one training image in `share`."""
    count = len(split.known[0]) // share
    fewer = split._replace(known=(split.known[0][:count], split.known[1][:count]))
    return judge([parts[0][:count], *parts[1:]], fewer)


def main(argv: list[str]) -> int:
    """Print one row for each factor, each as soon as it is known."""
    parser = argparse.ArgumentParser(prog="course_utils bench factors", description=__doc__)
    parser.add_argument("--atoms", type=int, default=400)
    parser.add_argument("--factor", action="append", help="a name of the table; default: all")
    parser.add_argument("--images", type=int, help="default: all training images")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    data, some = datasets.load(), slice(args.images)
    images, labels = data.train_images[some], data.train_labels[some]
    cut = len(images) * 4 // 5
    test = data.test_images[some], data.test_labels[some]
    split = Split((images[:cut], labels[:cut]), (images[cut:], labels[cut:]), test)
    print(f"\n{data.source} {cut} to learn from, {len(images) - cut} held out, {len(test[0])}.\n")
    print("| factor | from → to | C | held out, % | test, % |", "|---" * 5 + "|", sep="\n")
    for name, change, judged in factors(split, args.atoms):
        if not args.factor or name in args.factor:
            print(f"| {name} | {change} | {judged()} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
