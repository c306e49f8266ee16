"""Ten kinds of small colour picture, made by formula, so that the course needs no download.

An outline is a signed distance: negative inside, positive outside, in units of the radius. Where
a shape sits, how large and how turned it is, both colours and the textures are drawn at random,
whatever the class, so that only the outline tells the classes apart.
"""

import functools
import math
from dataclasses import replace

import torch
from torch import Tensor

from course_utils.datasets.files import Dataset

CLASSES = (
    "disc", "ring", "crescent", "heart", "triangle", "square", "star", "cross", "arrow", "stripes",
)  # fmt: skip
SIZE = 32  # pixels a side
RADIUS = 8.5, 12.5  # pixels
TURN = 0.5  # radians to either side
BACKGROUND, INSIDE, NOISE = 0.2, 0.08, 0.03  # strengths of both textures and of the grain, of 1
LIGHTER = 0.6  # how much a shape leans to colours lighter than what is behind it


def _box(x: Tensor, y: Tensor, width: float, height: float) -> Tensor:
    return torch.maximum(x.abs() - width, y.abs() - height)


def _wedge(x: Tensor, y: Tensor, top: float, bottom: float, slope: float) -> Tensor:
    """A triangle standing on y = bottom, its tip at y = top, `slope` wide per unit of height."""
    side = (x.abs() - slope * (y - top)) / math.hypot(1, slope)
    return torch.maximum(side, y - bottom)


def _star(x: Tensor, y: Tensor) -> Tensor:
    """Five points at radius 1, notches at 0.38: one edge, folded ten times around the centre."""
    fifth = 2 * math.pi / 5
    angle = torch.remainder(torch.atan2(x, -y) + fifth / 2, fifth) - fifth / 2
    radius = torch.hypot(x, y)
    return radius * (0.306 * torch.cos(angle) + 0.952 * torch.sin(angle.abs())) - 0.306


def _heart(x: Tensor, y: Tensor) -> Tensor:
    x, y = x.abs(), y + 0.1
    lobe = torch.hypot(x - 0.45, y + 0.3) - 0.52
    tip = torch.maximum((x + y - 1.0) / math.sqrt(2), -y - 0.3)
    return torch.minimum(lobe, torch.maximum(tip, x - 1))


OUTLINES = {
    "disc": lambda x, y: torch.hypot(x, y) - 0.85,
    "ring": lambda x, y: (torch.hypot(x, y) - 0.72).abs() - 0.2,
    "crescent": lambda x, y: torch.maximum(
        torch.hypot(x, y) - 0.95, 0.75 - torch.hypot(x - 0.5, y)
    ),
    "heart": _heart,
    "triangle": lambda x, y: _wedge(x, y, -1.0, 0.65, 0.6),
    "square": lambda x, y: _box(x, y, 0.75, 0.75),
    "star": _star,
    "cross": lambda x, y: torch.minimum(_box(x, y, 0.95, 0.27), _box(x, y, 0.27, 0.95)),
    "arrow": lambda x, y: torch.minimum(
        _wedge(x, y, -1.0, 0.1, 0.8), torch.maximum(_box(x, y, 0.22, 1.0), -y)
    ),
    "stripes": lambda x, y: torch.maximum(
        _box(x, y, 0.9, 0.9), (torch.remainder(y + 0.3, 0.6) - 0.3).abs() - 0.17
    ),
}


class _Dice:
    """Random numbers for `count` pictures, from one seeded generator."""

    def __init__(self, generator: torch.Generator, count: int):
        self.generator, self.count = generator, count

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """(count, *shape) numbers between `low` and `high`; (count, 1, 1) by default."""
        shape = (self.count, *(shape or (1, 1)))
        return low + (high - low) * torch.rand(shape, generator=self.generator)

    def grain(self, picture: Tensor) -> Tensor:
        return torch.randn(picture.shape, generator=self.generator)


def _grid() -> tuple[Tensor, Tensor]:
    return torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")


def _cover(labels: Tensor, dice: _Dice) -> Tensor:
    """(N,) class numbers -> (N, 1, 32, 32): the share of each pixel that the shape covers."""
    radius, turn = dice.uniform(*RADIUS), dice.uniform(-TURN, TURN)
    rows, columns = (
        (axis - (SIZE - 1) / 2 - (SIZE / 2 - radius) * dice.uniform(-1, 1)) / radius
        for axis in _grid()
    )
    x = columns * torch.cos(turn) + rows * torch.sin(turn)
    y = rows * torch.cos(turn) - columns * torch.sin(turn)
    distance = torch.empty(len(labels), SIZE, SIZE)
    for number, name in enumerate(CLASSES):
        mine = labels == number
        distance[mine] = OUTLINES[name](x[mine], y[mine])
    return (0.5 - distance * radius).clamp(0, 1)[:, None]


def _texture(waves: int, dice: _Dice) -> Tensor:
    """(N, 3, 32, 32): gratings of random direction, pitch and colour, about -1 to 1."""
    rows, columns = _grid()
    total = torch.zeros(dice.count, 3, SIZE, SIZE)
    for _ in range(waves):
        turn, pitch = dice.uniform(0, math.pi), dice.uniform(3, 16)
        cycles = (rows * torch.sin(turn) + columns * torch.cos(turn)) / pitch
        wave = torch.sin(2 * math.pi * (cycles + dice.uniform(0, 1)))
        total += dice.uniform(-1, 1, 3, 1, 1) * wave[:, None]
    return total / math.sqrt(waves)


def _colours(dice: _Dice) -> tuple[Tensor, Tensor]:
    """Two (N, 3, 1, 1) colours well apart: of the ground, and of the shape on it."""
    ground, offers = dice.uniform(0.15, 0.85, 3), dice.uniform(0, 1, 4, 3)
    gap = offers - ground[:, None]
    best = (gap.square() + LIGHTER * gap).sum(2).argmax(1)
    paint = offers[torch.arange(dice.count), best]
    return ground[..., None, None], paint[..., None, None]


def render(labels: Tensor, seed: int) -> Tensor:
    """(N,) class numbers -> (N, 3, 32, 32) uint8 pictures, the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    pictures = []
    for part in labels.split(250):  # a few megabytes of float32 at a time
        dice = _Dice(generator, len(part))
        cover = _cover(part, dice)
        ground, paint = _colours(dice)
        ground = ground + BACKGROUND * _texture(2, dice)
        paint = paint + INSIDE * _texture(1, dice)
        picture = ground + cover * (paint - ground)
        picture += NOISE * dice.grain(picture)
        pictures.append((picture.clamp(0, 1) * 255).round().to(torch.uint8))
    return torch.cat(pictures)


@functools.cache
def _made(seed: int, train: int, test: int) -> Dataset:
    order = torch.randperm(train + test, generator=torch.Generator().manual_seed(seed))
    labels = order % len(CLASSES)
    images = render(labels, seed)
    return Dataset(
        name="shapes",
        train_images=images[:train],
        train_labels=labels[:train],
        test_images=images[train:],
        test_labels=labels[train:],
        classes=CLASSES,
        source="Shapes: ten kinds of 32×32 colour pictures, generated by course_utils.",
    )


def dataset(seed: int = 0, train: int = 5000, test: int = 1000) -> Dataset:
    """Return shapes in random order; made once per process, copied for each caller."""
    made = _made(seed, train, test)
    images = {
        key: getattr(made, key).clone()
        for key in ("train_images", "test_images", "train_labels", "test_labels")
    }
    return replace(made, **images)
