"""Coates and Ng's table at any size, on CIFAR-10 where it is on disk.

COURSE_DATA=FOLDER python benchmarks/coates_ng.py --atoms 1600     # every row
COURSE_DATA=FOLDER python benchmarks/coates_ng.py --atoms 6000 --row OMP-1/T
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from course_utils import datasets
from course_utils.developer import peak_gigabytes
from course_utils.sensing.coates_ng import CS, THRESHOLDS, coates_ng
from course_utils.workbooks import write_atomic

PAPER = {  # CIFAR-10, 1,600 atoms, 50,000 images: test accuracy in %; none is given for R and SAE
    "RP/T": 79.1,
    "R/T": None,
    "OMP-1/T": 79.4,
    "OMP-10/T": 80.1,
    "SC/T": 78.9,
    "SAE/T": None,
    "OMP-1/SC": 78.8,
    "SC/SC": 78.8,
}
CHUNK = 1000  # images whose features make one file of the cache
STRIDES = {"T": 1, "SC": 2}  # the paper takes patches at every place for both
# Thresholds or λ, and C, to choose from: SC's features ask for smaller ones
GRIDS = {"T": (THRESHOLDS, CS), "SC": ((0.125, 0.25, 0.5), (1e-5, 3e-5, 1e-4, 3e-4, 1e-3))}
RESULTS = ("test, %", "training, %", "paper, %", "minutes", "of CPU", "peak, GB")
HEADS = ("row", "atoms", "threshold", "C", *RESULTS)


def at_edge(value: float, grid: Sequence[float]) -> str:
    """Return a value that was chosen, and say so where a wider grid might have a better one."""
    edge = len(grid) > 1 and value in (min(grid), max(grid))
    return f"{value:g} (edge)" if edge else f"{value:g}"


def encode_cached(code: partial[Tensor], images: Tensor, cache: Path) -> Tensor:
    """Return code(images), kept by thousands under names made of all that it depends on."""
    settings = hashlib.sha256()
    for name, value in code.keywords.items():
        tensors = value if isinstance(value, tuple) else (value,)
        settings.update(name.encode())
        for part in tensors:
            settings.update(_bytes(part) if isinstance(part, Tensor) else repr(part).encode())
    features: list[Tensor] = []
    for some in images.split(CHUNK):
        key = settings.copy()
        key.update(_bytes(some))
        file = cache / f"{key.hexdigest()}.pt"
        if not file.is_file():
            buffer = io.BytesIO()
            torch.save(code(some).cpu(), buffer)
            write_atomic(file, buffer.getvalue())
        features.append(torch.load(file, mmap=True))
    return torch.cat(features)


def _bytes(tensor: Tensor) -> bytes:
    return tensor.cpu().contiguous().numpy().tobytes()


def main(argv: list[str]) -> int:
    """Print one row after the other as a table beside the paper's."""
    parser = argparse.ArgumentParser(prog="course_utils bench coates_ng", description=__doc__)
    parser.add_argument("--row", choices=PAPER, action="append", help="default: all")
    parser.add_argument("--atoms", type=int, default=100, help="the paper has 1600 and 6000")
    parser.add_argument("--images", type=int, help="default: all training images")
    parser.add_argument("--stride", type=int, help="between patches; default: 1, for SC 2")
    choices = "to choose from, on training images held out"
    parser.add_argument("--threshold", type=float, nargs="+", help=f"of T, λ of SC, {choices}")
    parser.add_argument("--patches", type=int, help="to learn from; default: 25 an atom")
    parser.add_argument("--C", type=float, nargs="+", help=f"the SVM's, {choices}")
    parser.add_argument("--cache", type=Path, help="a folder for features; a killed run goes on")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    data = datasets.load()
    subset = slice(args.images)
    train = data.train_images[subset], data.train_labels[subset]
    test = data.test_images[subset], data.test_labels[subset]
    print(f"\n{data.source} {len(train[0])} to train, {len(test[0])} to test; {args.device}.\n")
    cached = {"run": partial(encode_cached, cache=args.cache)} if args.cache else {}
    print(f"| {' | '.join(HEADS)} |", "|---" * len(HEADS) + "|", sep="\n", flush=True)
    for row in args.row or PAPER:
        dictionary, encoder = row.split("/")
        thresholds, costs = args.threshold or GRIDS[encoder][0], args.C or GRIDS[encoder][1]
        start, cpu = time.perf_counter(), time.process_time()
        result = coates_ng(
            train,
            test,
            dictionary,
            encoder,
            args.atoms,
            patches=args.patches or max(5000, 25 * args.atoms),
            threshold=thresholds,
            stride=args.stride or STRIDES[encoder],
            C=costs,
            device=args.device,
            **cached,
        )
        cells = [
            row,
            args.atoms,
            at_edge(result.threshold, thresholds),
            at_edge(result.C, costs),
            f"{100 * result.test_accuracy:.1f}",
            f"{100 * result.train_accuracy:.1f}",
            PAPER[row] or "",
            f"{(time.perf_counter() - start) / 60:.1f}",
            f"{(time.process_time() - cpu) / 60:.1f}",
            f"{peak_gigabytes():.1f}",
        ]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
