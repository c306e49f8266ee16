"""Build an architecture, see where its parameters and its work are, train it (workbook 04)."""

from __future__ import annotations

from typing import Any

import torch
import traitlets
from torch import nn

from course_utils.figures import Figure, check_index
from course_utils.figures.budget_board import RECORDED, BoardTrainer, goals_reached
from course_utils.models import Ledger, ledger, named_sequential
from course_utils.models.costs import MARKS

# One convolution: filters, kernel, stride, padding, then its pool's window (0: none) and stride.
CONV = ("filters", "kernel", "stride", "padding", "pool", "pool stride")
LIMITS = {
    "filters": (1, 1024),
    "kernel": (1, 15),
    "stride": (1, 8),
    "padding": (0, 8),
    "pool": (0, 8),
    "pool stride": (1, 8),
}
MAX_WIDTH = 1_000_000
HEADS = ("flatten", "global average")


def preset(channels: int, size: int, convolutions, dense, **more) -> dict:
    """State of the figure for one architecture."""
    traits = {"classes": 10, "head": "flatten", "bias": True, "row": 0} | more
    return {
        "channels": channels,
        "size": size,
        "convolutions": [[*map(int, convolution)] for convolution in convolutions],
        "dense": [*dense],
        **traits,
    }


ALEX = [
    (64, 11, 4, 2, 3, 2),
    (192, 5, 1, 2, 3, 2),
    (384, 3, 1, 1, 0, 2),
    (256, 3, 1, 1, 0, 2),
    (256, 3, 1, 1, 3, 2),
]
PRESETS = {
    "LeNet variant": preset(1, 28, [(6, 5, 1, 0, 2, 2), (16, 5, 1, 0, 2, 2)], [84]),
    "MLPNet": preset(1, 28, [], [256, 84]),
    "logistic regression, CIFAR-10": preset(3, 32, [], []),
    "workshop convnet": preset(3, 32, [(8, 5, 1, 0, 2, 2), (16, 5, 1, 0, 2, 2)], [256]),
    "workshop MLP": preset(3, 32, [], [256, 100]),
    "MEML model 1": preset(1, 28, [], [200, 100]),
    "MEML model 2": preset(1, 28, [(8, 5, 1, 0, 2, 2), (16, 3, 1, 0, 2, 2)], []),
    "Keras model": preset(1, 28, [(32, 3, 1, 0, 2, 2), (64, 3, 1, 0, 2, 2)], []),
    "9×9, dense": preset(1, 9, [], [20], bias=False),
    "9×9, three filters, pooled": preset(1, 9, [(3, 3, 1, 1, 3, 3)], [20], bias=False),
    "9×9, three filters, no pool": preset(1, 9, [(3, 3, 1, 1, 0, 3)], [20], bias=False),
    "half the course's CNN": preset(3, 32, [(8, 5, 1, 2, 2, 2), (16, 5, 1, 2, 2, 2)], []),
    "AlexNet (torchvision)": preset(3, 224, ALEX, [4096, 4096], classes=1000),
    "AlexNet, global average": preset(3, 224, ALEX, [], classes=1000, head="global average"),
}
GEOMETRY = ("size", "channels", "convolutions", "dense", "classes", "head", "bias")


class ArchitectureBuilder(Figure):
    """Change layers; read parameters, multiply-adds and memory of each, and where most of it is.

    Parameters
    ----------
    size, channels : side of the square input and number of its channels.
    convolutions : up to six of [filters, kernel, stride, padding, pool, pool stride]; pool 0 means
        that no pool follows.
    dense : up to three widths of hidden dense layers.
    classes : number of scores.
    head : "flatten" or "global average", what stands between maps and dense layers.
    bias : whether layers have biases.
    row : the line of the table that is chosen.
    board : whether networks can be trained: each becomes a dot of accuracy against parameters.
    runs : the trained networks, each with its numbers; those that come with the course first.
    training : what the board does now, {"share": 0.4}, or has to say, {"note": "Cancelled"}.

    Raises
    ------
    traitlets.TraitError
        If a number is out of range, a kernel or pool does not fit, or the row does not exist.
    """

    size = traitlets.Int(28, min=1, max=512).tag(sync=True)
    channels = traitlets.Int(1, min=1, max=16).tag(sync=True)
    convolutions = traitlets.List(traitlets.List(traitlets.Int()), maxlen=6).tag(sync=True)
    dense = traitlets.List(traitlets.Int(min=1, max=MAX_WIDTH), maxlen=3).tag(sync=True)
    classes = traitlets.Int(10, min=1, max=MAX_WIDTH).tag(sync=True)
    head = traitlets.Enum(HEADS, "flatten").tag(sync=True)
    bias = traitlets.Bool(True).tag(sync=True)
    row = traitlets.Int(0, min=0).tag(sync=True)
    presets = traitlets.Dict(PRESETS, read_only=True).tag(sync=True)
    board = traitlets.Bool(False).tag(sync=True)
    runs = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)
    training = traitlets.Dict(read_only=True).tag(sync=True)

    def __init__(self, architecture: str = "LeNet variant", **traits):
        if architecture not in PRESETS:
            raise traitlets.TraitError(
                f"no architecture {architecture!r}; available: {', '.join(PRESETS)}"
            )
        super().__init__(**PRESETS[architecture] | traits)
        self.set_trait("runs", RECORDED)
        self.trainer = BoardTrainer(self)
        self.on_msg(self._follow_button)

    def train(self) -> None:
        """Train the network as it is, in the background; at the end it is one of `runs`."""
        self.trainer.start()

    def cancel(self) -> None:
        """End the training that is going on; it makes no dot then."""
        self.trainer.cancel()

    def _follow_button(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        """Do what a button of the board asks for, with the network that the page shows."""
        if content.get("action") == "cancel":
            self.cancel()
        elif content.get("action") == "train":
            self.set(**{name: content[name] for name in GEOMETRY})
            self.train()

    @traitlets.validate(*GEOMETRY)
    def _check_fit(self, proposal):
        state = {name: getattr(self, name) for name in GEOMETRY}
        state[proposal.trait.name] = proposal.value
        side = state["size"]
        for number, values in enumerate(state["convolutions"], 1):
            if len(values) != len(CONV):
                raise traitlets.TraitError(f"a convolution is [{', '.join(CONV)}], got {values}")
            for (name, (low, high)), value in zip(LIMITS.items(), values, strict=True):
                if not low <= value <= high:
                    raise traitlets.TraitError(f"{name} {value} lies outside {low} to {high}")
            _, kernel, stride, padding, pool, pool_stride = values
            if side + 2 * padding < kernel:
                raise traitlets.TraitError(
                    f"the kernel of conv{number}, {kernel} × {kernel}, does not fit into "
                    f"{side + 2 * padding} × {side + 2 * padding}; add padding"
                )
            side = (side + 2 * padding - kernel) // stride + 1
            if pool > side:
                raise traitlets.TraitError(
                    f"pool{number}, {pool} × {pool}, does not fit into {side} × {side}"
                )
            side = (side - pool) // pool_stride + 1 if pool else side
        return proposal.value

    @traitlets.validate("row")
    def _check_row(self, proposal):
        return check_index(proposal, self.last_row + 1)

    @traitlets.observe(*GEOMETRY)
    def _clamp_position(self, change):
        self.row = min(self.row, self.last_row)

    @property
    def last_row(self) -> int:
        """Number of the last row: input, convolutions, their pools, head, dense layers, scores."""
        pools = sum(values[CONV.index("pool")] > 0 for values in self.convolutions)
        heads = 1 + (self.head == "global average")
        return len(self.convolutions) + pools + heads + len(self.dense) + 1

    def layers(self, activations: bool = False) -> nn.Sequential:
        """Build the network on the meta device.

        ReLUs, which cost nothing in place, are left out unless `activations` asks for them.
        """
        layers: dict[str, nn.Module] = {}
        inputs, side = self.channels, self.size
        with torch.device("meta"):
            for number, values in enumerate(self.convolutions, 1):
                filters, kernel, stride, padding, pool, pool_stride = values
                layers[f"conv{number}"] = nn.Conv2d(
                    inputs, filters, kernel, stride, padding, bias=self.bias
                )
                side = (side + 2 * padding - kernel) // stride + 1
                if activations:
                    layers[f"relu{number}"] = nn.ReLU(inplace=True)
                if pool:
                    layers[f"pool{number}"] = nn.MaxPool2d(pool, pool_stride)
                    side = (side - pool) // pool_stride + 1
                inputs = filters
            if self.head == "global average":
                layers["average"], side = nn.AdaptiveAvgPool2d(1), 1
            layers["flatten"], inputs = nn.Flatten(), inputs * side * side
            for number, width in enumerate(self.dense, 1):
                layers[f"dense{number}"] = nn.Linear(inputs, width, bias=self.bias)
                if activations:
                    layers[f"relu_dense{number}"] = nn.ReLU(inplace=True)
                inputs = width
            layers["scores"] = nn.Linear(inputs, self.classes, bias=self.bias)
        return named_sequential(**layers)

    def costs(self) -> Ledger:
        """Count what the network costs, layer by layer."""
        return ledger(self.layers(), (self.channels, self.size, self.size))

    def numbers(self) -> dict:
        """Write the ledger's rows and totals, which rows hold most, and what the runs reached."""
        costs = self.costs()
        return {
            "rows": [[row.name, row.type, list(row.shape or ()), *row[3:]] for row in costs.rows],
            "parameters": costs.parameters,
            "multiply_adds": costs.multiply_adds,
            "memory": costs.memory,
            **{f"most_{name}": costs.rows.index(costs.largest(name)) for name in MARKS},
            "chosen": costs.rows[self.row].name,
            "goals": [goals_reached(run) for run in self.runs] if self.board else [],
        }

    @classmethod
    def example(cls) -> ArchitectureBuilder:
        """Build the LeNet variant."""
        return cls()
