"""How fast the course trains: ratios, both sides in turn in one run. Goals are for two CPU cores.

On CIFAR-10 where it is on disk (or in COURSE_DATA), else on shapes, where most goals do not apply.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import time
from statistics import median
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils import data as torch_data

from course_utils import datasets
from course_utils.models import Standardize, course_convnet, ledger, logistic_regression
from course_utils.training import evaluate, fit


def adamw(rate: float):
    """Make AdamW with this learning rate; fused, it is one call a step."""
    return lambda parameters: torch.optim.AdamW(parameters, lr=rate, fused=True)


class Recipe(NamedTuple):
    """A network, what `fit` is told, and which share of the images it needs."""

    network: dict
    options: dict
    share: float = 1.0

    def build(self, images: Tensor, seed: int) -> nn.Module:
        """Build the network for these images."""
        torch.manual_seed(seed)
        kind = dict(self.network)
        make = kind.pop("make", course_convnet)
        return nn.Sequential(Standardize.like(images), make(**kind))

    def subset(self, data: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Take the recipe's share of images and labels."""
        count = math.ceil(self.share * len(data[0]))
        return data[0][:count], data[1][:count]


CYCLE = {"batch_size": 64, "optimizer": adamw(5e-3), "schedule": "one-cycle"}
RECIPES = {
    "logistic": Recipe(
        {"make": logistic_regression}, CYCLE | {"epochs": 6, "optimizer": adamw(1e-3)}
    ),
    "quick": Recipe(
        {"width": 8, "batch_norm": True}, CYCLE | {"epochs": 1, "batch_size": 32}, share=0.5
    ),
    "course": Recipe({"width": 16, "batch_norm": True}, CYCLE | {"epochs": 4}),
    "deeper": Recipe({"width": 16, "batch_norm": True, "blocks": 3}, CYCLE | {"epochs": 6}),
}


class Row(NamedTuple):
    """A line of the table; `met` is None where there is no goal."""

    what: str
    value: str
    goal: str = ""
    met: bool | None = None

    def __str__(self) -> str:
        verdict = {None: "", True: "met", False: "MISSED"}[self.met]
        return f"| {self.what} | {self.value} | {self.goal} | {verdict} |"


class Task(NamedTuple):
    """Images and labels to train on and to judge by, and how often everything is run."""

    name: str
    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    runs: int
    recipe: str

    @property
    def real(self) -> bool:
        """Whether the goals for CIFAR-10 apply."""
        return self.name == "cifar10"


# ---------------------------------------------------------------- time to an accuracy


class Clock:
    """A schedule that stops training at a test accuracy; its own work is not counted.

    `fit` steps it after every batch. `passed` holds, for each accuracy reached, the seconds that
    the training itself took until then.
    """

    def __init__(self, task: Task, model: nn.Module, goals: list[float], every: int, scheduler):
        self.task, self.model, self.every, self.scheduler = task, model, every, scheduler
        self.goals, self.passed, self.steps = sorted(goals), {}, 0
        self.started, self.outside = time.perf_counter(), 0.0

    def step(self) -> None:
        """Step the real schedule, and look from time to time; stop at the last goal."""
        self.scheduler.step()
        self.steps += 1
        if self.steps % self.every and self.steps != self.scheduler.total_steps:
            return
        now = time.perf_counter()
        accuracy = evaluate(self.model, self.task.test).accuracy
        for goal in [goal for goal in self.goals if goal <= accuracy and goal not in self.passed]:
            self.passed[goal] = now - self.started - self.outside
        self.outside += time.perf_counter() - now
        if len(self.passed) == len(self.goals):
            raise KeyboardInterrupt  # as a reader would, by the stop button


def one_cycle(optimizer, steps: int):
    """What `fit` does for "one-cycle"."""
    rates = [group["lr"] for group in optimizer.param_groups]
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, steps, cycle_momentum=False)


def time_by_fit(task: Task, recipe: Recipe, goals: list[float], seed: int) -> dict[float, float]:
    """Seconds until `fit` reaches each accuracy."""
    clocks, model = [], recipe.build(task.train[0], seed)

    def schedule(optimizer, steps):
        every = max(1, steps // recipe.options["epochs"] // 8)
        clocks.append(Clock(task, model, goals, every, one_cycle(optimizer, steps)))
        return clocks[0]

    options = recipe.options | {"schedule": schedule, "seed": seed, "progress": False}
    fit(model, recipe.subset(task.train), **options)
    return clocks[0].passed


def time_by_plain_loop(task: Task, recipe: Recipe, goals, seed: int) -> dict[float, float]:
    """The same from float tensors made beforehand, in the loop that anyone would write."""
    model, options = recipe.build(task.train[0], seed), recipe.options
    images, labels = recipe.subset(task.train)
    images = images.float() / 255
    steps = options["epochs"] * math.ceil(len(images) / options["batch_size"])
    optimizer = options["optimizer"](model.parameters())
    every = max(1, steps // options["epochs"] // 8)
    clock = Clock(task, model, goals, every, one_cycle(optimizer, steps))
    torch.manual_seed(seed)
    try:
        for _ in range(options["epochs"]):
            model.train()
            for rows in torch.randperm(len(images)).split(options["batch_size"]):
                optimizer.zero_grad()
                F.cross_entropy(model(images[rows]), labels[rows]).backward()
                optimizer.step()
                clock.step()
    except KeyboardInterrupt:
        pass
    return clock.passed


# ---------------------------------------------------------------- the common tutorial


class Pictures(torch_data.Dataset):
    """Images as PIL pictures, each turned into a tensor when it is asked for."""

    def __init__(self, images: Tensor, labels: Tensor):
        from torchvision import transforms

        self.images, self.labels = images.permute(0, 2, 3, 1).contiguous().numpy(), labels.tolist()
        normalize = transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        self.transform = transforms.Compose([transforms.ToTensor(), normalize])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int):
        from PIL import Image

        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def tutorial_network() -> nn.Sequential:
    """Two small convolutions and three dense layers."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def tutorial(task: Task, seed: int, batches=None) -> tuple[float, float]:
    """Two epochs as tutorials have them: seconds, and the test accuracy they lead to."""
    torch.manual_seed(seed)
    model = tutorial_network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    if batches is None:
        workers = 2 if "fork" in multiprocessing.get_all_start_methods() else 0
        pictures = Pictures(*task.train)
        batches = torch_data.DataLoader(pictures, batch_size=4, shuffle=True, num_workers=workers)
    started = time.perf_counter()
    for _ in range(2):
        for images, labels in batches:
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
    seconds = time.perf_counter() - started
    images = [2 * part.float() / 255 - 1 for part in task.test[0].split(500)]
    with torch.no_grad():
        right = torch.cat([model(part).argmax(1) for part in images]) == task.test[1]
    return seconds, right.float().mean().item()


class InMemory:
    """The tutorial's batches of four, from one float tensor instead of PIL and workers."""

    def __init__(self, images: Tensor, labels: Tensor):
        self.images, self.labels = 2 * images.float() / 255 - 1, labels

    def __iter__(self):
        for rows in torch.randperm(len(self.images)).split(4):
            yield self.images[rows], self.labels[rows]


def against_tutorial(task: Task) -> list[Row]:
    """Time to the accuracy that the tutorial's two epochs reach: tutorial, plain loop, ours."""
    recipe, ratios, fair, loading, facts = RECIPES["quick"], [], [], [], []
    few = task._replace(train=tuple(part[:640] for part in task.train))
    for warm_up in (time_by_fit, time_by_plain_loop):  # PyTorch prepares what it meets first
        warm_up(few, recipe, [math.inf], 0)
    for seed in range(task.runs):
        tutorial_seconds, accuracy = tutorial(task, seed)
        our_seconds = time_by_fit(task, recipe, [accuracy], seed).get(accuracy, math.inf)
        plain = time_by_plain_loop(task, recipe, [accuracy], seed).get(accuracy, math.inf)
        ratios.append(tutorial_seconds / our_seconds)
        fair.append(plain / our_seconds if our_seconds < math.inf else 0.0)
        loading.append(tutorial_seconds / tutorial(task, seed, InMemory(*task.train))[0])
        facts.append((accuracy, tutorial_seconds, our_seconds))
    accuracy, tutorial_seconds, our_seconds = (
        median(column) for column in zip(*facts, strict=True)
    )
    ratio, learnt = median(ratios), accuracy >= 2 / 10  # twice what guessing gives
    goal = ("≥ 12", learnt and ratio >= 12) if task.real else ()
    times = f"{accuracy:.1%} in {tutorial_seconds:.1f} s against {seconds_or_never(our_seconds)}"
    return [
        Row(f"tutorial set-up's two epochs ÷ ours to its accuracy: {times}", f"{ratio:.1f}", *goal),
        Row(
            "plain loop over float tensors, same model and optimiser ÷ ours", f"{median(fair):.2f}"
        ),
        Row("tutorial set-up ÷ itself from one float tensor", f"{median(loading):.1f}"),
    ]


def seconds_or_never(seconds: float) -> str:
    """Seconds in words."""
    return f"{seconds:.1f} s" if seconds < math.inf else "never"


# ---------------------------------------------------------------- the other parts


def targets(task: Task) -> list[Row]:
    """Seconds of training until the test accuracy first passes 60, 65 and 70 %."""
    if not task.real:
        return [Row("time to 60, 65 and 70 %", "only on CIFAR-10")]
    goals = [0.60, 0.65, 0.70]
    runs = [time_by_fit(task, RECIPES["deeper"], goals, seed) for seed in range(task.runs)]
    times = {goal: median(run.get(goal, math.inf) for run in runs) for goal in goals}
    return [Row(f"time to {goal:.0%}", seconds_or_never(took)) for goal, took in times.items()]


def matrix_product(seconds: float = 0.5, side: int = 1024) -> float:
    """Multiply-adds a second of a square float32 matrix product."""
    a, b = torch.rand(2, side, side)
    a @ b
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        a @ b
        count += 1
    return count * side**3 / (time.perf_counter() - started)


def throughput(task: Task) -> list[Row]:
    """Images a second, and the share of what a matrix product does; three times the forward work.

    (Backwards, every layer but the first computes two products for each one forwards.)
    """
    recipe = RECIPES["course"]
    model = recipe.build(task.train[0], 0)
    work = 3 * ledger(model, tuple(task.train[0].shape[1:])).multiply_adds
    few = tuple(part[:5000] for part in task.train)
    rates, shares = [], []
    for seed in range(task.runs):
        best = matrix_product()
        history = fit(model, few, **recipe.options | {"epochs": 1, "seed": seed}, progress=False)
        rates.append(len(few[0]) / history.seconds)
        shares.append(rates[-1] * work / (best + matrix_product()) * 2)
    return [
        Row("images a second, the course's CNN", f"{median(rates):,.0f}"),
        Row("share of a matrix product's multiply-adds", f"{median(shares):.0%}"),
    ]


def comparison(task: Task) -> list[Row]:
    """The chosen recipe against logistic regression, and the seconds it takes."""
    gains, best, seconds = [], [], []
    for seed in range(task.runs):
        scores = {}
        for name in ("logistic", task.recipe):
            model = RECIPES[name].build(task.train[0], seed)
            history = fit(model, task.train, **RECIPES[name].options, seed=seed, progress=False)
            scores[name] = evaluate(model, task.test).accuracy
        gains.append(100 * (scores[task.recipe] - scores["logistic"]))
        best.append(scores[task.recipe])
        seconds.append(history.seconds)
    gain, accuracy, took = median(gains), median(best), median(seconds)
    rows = [
        (f"{task.recipe} recipe − logistic regression", f"{gain:.1f} points", "≥ 20", gain >= 20),
        (f"{task.recipe} recipe, accuracy", f"{accuracy:.1%}", "", None),
        (f"{task.recipe} recipe, time", f"{took:.0f} s", "≤ 60 s", took <= 60),
    ]
    return [Row(*row) if task.real else Row(*row[:2]) for row in rows]


def on_shapes(task: Task) -> list[Row]:
    """Logistic regression and the course's CNN on generated shapes, over five seeds."""
    data, count = datasets.load("shapes"), min(len(task.train[0]), 5000)
    train = data.train_images[:count], data.train_labels[:count]
    test = data.test_images, data.test_labels
    scores = {"logistic": [], "course": []}
    for name, seed in [(name, seed) for name in scores for seed in range(5)]:
        model = RECIPES[name].build(train[0], seed)
        fit(model, train, **RECIPES[name].options | {"epochs": 8, "seed": seed}, progress=False)
        scores[name].append(evaluate(model, test).accuracy)
    most, least = max(scores["logistic"]), min(scores["course"])
    return [
        Row("shapes, logistic regression, highest of 5", f"{most:.1%}", "≤ 45 %", most <= 0.45),
        Row("shapes, the course's CNN, lowest of 5", f"{least:.1%}", "≥ 85 %", least >= 0.85),
    ]


PARTS = {
    "tutorial": against_tutorial,
    "targets": targets,
    "throughput": throughput,
    "comparison": comparison,
    "shapes": on_shapes,
}


def main(argv: list[str]) -> int:
    """Run the parts and print the table; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="course_utils bench training", description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all of them")
    names = [name for name in RECIPES if name != "logistic"]
    parser.add_argument("--recipe", choices=names, default="course", help="for the comparison")
    parser.add_argument("--runs", type=int, default=3, help="medians over so many (default: 3)")
    parser.add_argument("--images", type=int, help="take only so many to train and test")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch (default: 2)")
    options = parser.parse_args(argv)
    before = torch.get_num_threads()
    torch.set_num_threads(options.threads)
    try:
        data = datasets.load()
        train = data.train_images[: options.images], data.train_labels[: options.images]
        test = data.test_images[: options.images], data.test_labels[: options.images]
        task = Task(data.name, train, test, options.runs, options.recipe)
        print(f"{data.name}, {len(train[0])} + {len(test[0])} images, {options.runs} runs\n")
        print("| what | median | goal | |\n|---|---|---|---|", flush=True)
        rows = []
        for name in options.part or PARTS:
            rows += (new := PARTS[name](task))
            print(*new, sep="\n", flush=True)
    finally:
        torch.set_num_threads(before)
    return int(any(row.met is False for row in rows))
