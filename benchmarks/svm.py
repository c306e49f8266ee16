"""The l2-SVM at full size on made-up features, and beside scikit-learn's LinearSVC.

python -m course_utils bench svm --rows 50000 --atoms 1600     # five C
python -m course_utils bench svm --rows 3000 --library
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import torch
from sklearn.svm import LinearSVC
from torch import Tensor

from course_utils import datasets
from course_utils.developer import peak_gigabytes
from course_utils.sensing.coates_ng import CS, encode, sample_patches, zca
from course_utils.sensing.dictionaries import random_patches
from course_utils.sensing.svm import StandardizedFeatures, l2_svm


class Counted(StandardizedFeatures):
    """Scores that know how many rows of weights went over the examples, and how often."""

    passes = 0
    products = 0

    def _forward(self, x: Tensor) -> Tensor:
        self.count(x)
        return super()._forward(x)

    def _adjoint(self, y: Tensor) -> Tensor:
        self.count(y)
        return super()._adjoint(y)

    def count(self, x: Tensor) -> None:
        """Count one pass for each of x's rows."""
        self.passes += 1
        self.products += x.shape[:-1].numel()


def made_up(rows: int, atoms: int, images: int = 2000) -> tuple[Tensor, Tensor]:
    """(rows, 8 · atoms) float16 features and labels: mixed from two images of a class, and noise.

    Few images are described, and each row is a mixture of its own.
    """
    data = datasets.load()
    sample = sample_patches(data.train_images, max(5000, 4 * atoms))
    mean, matrix = zca(sample)
    dictionary = random_patches((sample - mean) @ matrix, atoms)
    known = encode(data.train_images[:images], (mean, matrix), dictionary, "T", threshold=0.25)
    classes = data.train_labels[:images]
    members = [(classes == label).nonzero()[:, 0] for label in classes.unique()]
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(len(members), (rows,), generator=generator)
    noise = 0.5 * known.float().std(0)
    features = torch.empty(rows, known.shape[1], dtype=torch.float16)
    for some, out in zip(labels.split(200), features.split(200), strict=True):
        pairs = torch.stack(
            [members[k][torch.randint(len(members[k]), (2,), generator=generator)] for k in some]
        )
        first, second = known[pairs].float().unbind(1)
        mixed = torch.lerp(first, second, torch.rand(len(some), 1, generator=generator))
        out[:] = mixed + noise * torch.randn(mixed.shape, generator=generator)
    return features, labels


def objective(design: np.ndarray, labels: Tensor, weights: np.ndarray, C: float) -> float:
    """½‖w‖² + C Σ max(0, 1 − ±score)², summed over all classes."""
    signs = 2.0 * (labels.numpy()[:, None] == np.arange(len(weights))) - 1
    slack = np.maximum(0, 1 - signs * (design @ weights.T))
    return float(0.5 * (weights**2).sum() + C * (slack**2).sum())


def beside_library(features: Tensor, labels: Tensor, C: float) -> None:
    """Print the objective that each reaches, and the seconds of processor time it takes."""
    scores, start = StandardizedFeatures(features), time.process_time()
    ours = l2_svm(scores, labels, C)
    seconds = {"own": time.process_time() - start}
    design = ((features.float() - scores.mean) / scores.scale).double().numpy()
    library, start = LinearSVC(C=C, dual=False, tol=1e-3), time.process_time()
    library.fit(design, labels.numpy())
    seconds["`LinearSVC`"] = time.process_time() - start
    design = np.c_[design, np.ones(len(design))]
    weights = {
        "own": ours.double().numpy(),
        "`LinearSVC`": np.c_[library.coef_, library.intercept_],
    }
    print("| solver | objective | seconds of CPU | times as long |", "|---" * 4 + "|", sep="\n")
    for name, w in weights.items():
        value, ratio = objective(design, labels, w, C), seconds[name] / seconds["own"]
        print(f"| {name} | {value:.4f} | {seconds[name]:.1f} | {ratio:.1f} |")


def main(argv: list[str]) -> int:
    """Print one row: how long all C took together."""
    parser = argparse.ArgumentParser(prog="course_utils bench svm", description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--atoms", type=int, default=100, help="features are eight times as many")
    parser.add_argument("--C", type=float, nargs="+", default=CS)
    parser.add_argument("--library", action="store_true", help="beside LinearSVC, the middle C")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    features, labels = made_up(args.rows, args.atoms)
    if args.library:
        beside_library(features, labels, sorted(args.C)[len(args.C) // 2])
        return 0
    start, cpu = time.perf_counter(), time.process_time()
    scores = Counted(features)
    l2_svm(scores, labels, args.C)
    cells = [
        f"{args.rows:,} × {features.shape[1]:,}",
        len(args.C),
        scores.passes,
        f"{scores.products:,}",
        f"{time.perf_counter() - start:.0f}",
        f"{time.process_time() - cpu:.0f}",
        f"{peak_gigabytes():.1f}",
    ]
    print("| features | C | passes | rows of weights | seconds | of CPU | peak, GB |")
    print("|---" * 7 + "|", f"| {' | '.join(map(str, cells))} |", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
