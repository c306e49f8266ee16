"""The ladder's runs: four networks that differ only in what is local and shared (workbook 05)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from course_utils import datasets
from course_utils.models.ladder import RUNGS, SIDE, ladder_network
from course_utils.training.batches import to_float

PIXELS = ("as they are", "shuffled")
CHECKPOINTS = (1, 2, 4, 7, 11, 16, 24)  # epochs after which accuracies are recorded
IMAGES, TESTED, BATCH, SEED = 2000, 1000, 64, 0
RATES = (0.001, 0.01, 0.01, 0.01)  # by rung; 0.003 and 0.01 give dense the same, 0.03 local less


def images_and_labels(pixels: str) -> list[tuple[Any, Any]]:
    """(N, 3, 16, 16) training and test shapes from -2 to 2, in one fixed order if shuffled."""
    data = datasets.load("shapes")
    order = torch.arange(SIDE**2)
    if pixels == "shuffled":
        order = torch.randperm(SIDE**2, generator=torch.Generator().manual_seed(0))

    def ready(images: torch.Tensor) -> torch.Tensor:
        small = 4 * to_float(datasets.resize(images, SIDE)) - 2
        return small.flatten(2)[:, :, order].reshape(small.shape)

    return [
        (ready(data.train_images[:IMAGES]), data.train_labels[:IMAGES]),
        (ready(data.test_images[:TESTED]), data.test_labels[:TESTED]),
    ]


@torch.no_grad()
def _percent(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    answers = torch.cat([model(part).argmax(1) for part in images.split(200)])
    return 100 * (answers == labels).float().mean().item()


def climb(rung: int, pixels: str, seed: int = SEED, rate: float | None = None) -> list[list[float]]:
    """Train one rung; return [training, test] accuracy in % at each of the checkpoints."""
    train, test = images_and_labels(pixels)
    torch.manual_seed(seed)
    model = ladder_network(rung)
    steps = CHECKPOINTS[-1] * -(-IMAGES // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate or RATES[rung], steps, cycle_momentum=False
    )
    shares = []
    for epoch in range(1, CHECKPOINTS[-1] + 1):
        for rows in torch.randperm(IMAGES).split(BATCH):
            optimizer.zero_grad()
            F.cross_entropy(model(train[0][rows]), train[1][rows]).backward()
            optimizer.step()
            schedule.step()
        if epoch in CHECKPOINTS:
            shares.append([_percent(model, *train), _percent(model, *test)])
    return shares


def record() -> dict:
    """What sharing_ladder.json holds: accuracies in %, rounded.

    Axes: as they are or shuffled, rung, checkpoint, training or test.
    ``FILE.write_text(json.dumps(record()))`` in sharing_ladder.py records it anew.
    """
    runs = [[climb(rung, pixels) for rung in range(len(RUNGS))] for pixels in PIXELS]
    return {"accuracies": torch.tensor(runs).round().int().tolist()}
