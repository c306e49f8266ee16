"""Shift an image; two models' probabilities and a CNN's feature maps follow (workbook 05)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import traitlets
from torch import Tensor, nn

from course_utils.figures import Figure, check_index
from course_utils.figures.network import export_layers, layer_outputs, pack_tensor, unpack_tensor
from course_utils.models import course_convnet, logistic_regression

FILLS = ("edge", "wrap", "black")  # what comes in from outside
STAGES = {"relu": "ReLU", "max_pool2d": "pool"}  # layers whose maps are shown
UNIT = ("stage", "channel", "row", "column", "part")


def shift_image(image: Tensor, dy: int, dx: int, fill: str) -> Tensor:
    """(C, H, W) -> (C, H, W), its content dy pixels further down and dx further right."""
    if fill == "wrap":
        return image.roll((dy, dx), (1, 2))
    _, height, width = image.shape
    rows, columns = torch.arange(height) - dy, torch.arange(width) - dx
    moved = image[:, rows.clamp(0, height - 1)][:, :, columns.clamp(0, width - 1)]
    if fill == "black":
        known = (rows == rows.clamp(0, height - 1))[:, None] & (
            columns == columns.clamp(0, width - 1)
        )
        moved = moved * known
    return moved


def map_stages(layers: list[dict]) -> dict[str, int]:
    """Layers whose maps are shown: "ReLU 1" -> its place; a ReLU right after a convolution only."""
    stages, block = {}, 0
    for at, layer in enumerate(layers):
        block += layer["kind"] == "conv2d"
        if layer["kind"] == "flatten":
            break
        summed = layer["kind"] != "relu" or layers[at - 1]["kind"] == "conv2d"
        if block and layer["kind"] in STAGES and summed:
            stages[f"{STAGES[layer['kind']]} {block}"] = at
    return stages


class ShiftedImage(Figure):
    """Shift an image under two models; see what they think of it, and how the maps follow.

    What lies outside the image is the nearest edge pixel, the opposite side, or black. The unit
    that is pointed at shows its receptive field on the image and the sum that made it.

    Parameters
    ----------
    images : (N, C, H, W) uint8, C = 1 or 3.
    labels : N class numbers.
    classes : names of the classes.
    models : name -> nn.Sequential that takes (1, C, H, W) in [0, 1] and gives a score for each
        class. The last one with convolutions shows its feature maps.
    image : number of the image shown.
    dy, dx : pixels to shift down and right, up to half a side.
    fill : "edge", "wrap" or "black".
    stage : the layer of the unit, such as "ReLU 1" or "pool 2".
    channel, row, column : the unit in the maps of its layer; at first the largest.
    part : the input channel whose products are shown.

    Raises
    ------
    ValueError
        If a model has a layer that no figure can run.
    traitlets.TraitError
        If shapes, labels or classes do not go together, or a number lies outside.
    """

    tolerance = 1e-6  # exponentials, and sums in another order
    max_latency_ms = 100.0  # two networks answer at every key press
    _known_shapes: tuple = (None, None)  # the networks, and the sizes of the mapped one's outputs

    images = traitlets.Dict().tag(sync=True)
    labels = traitlets.List(traitlets.Int()).tag(sync=True)
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    networks = traitlets.List(traitlets.Dict()).tag(sync=True)  # name and layers; order matters
    image = traitlets.Int(0).tag(sync=True)
    dy = traitlets.Int(0).tag(sync=True)
    dx = traitlets.Int(0).tag(sync=True)
    fill = traitlets.Enum(FILLS, "edge").tag(sync=True)
    stage = traitlets.Unicode("ReLU 1").tag(sync=True)
    channel = traitlets.Int(0).tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)
    part = traitlets.Int(0).tag(sync=True)

    def __init__(self, images, labels, classes, models: Mapping[str, nn.Module], **traits):
        images = torch.as_tensor(images)
        if images.ndim != 4 or images.dtype != torch.uint8 or images.shape[1] not in (1, 3):
            what = f"{images.dtype} of shape {tuple(images.shape)}"
            raise traitlets.TraitError(f"images must be (N, 1 or 3, H, W) uint8, got {what}")
        networks = [
            {"name": name, "layers": export_layers(model)} for name, model in models.items()
        ]
        labels = [int(label) for label in labels]
        self._check_inputs(images, labels, list(classes), networks)
        state = {"images": pack_tensor(images), "labels": labels, "classes": [*classes]}
        super().__init__(**state, networks=networks, **traits)
        if not traits.keys() & {*UNIT}:
            self._select_largest_unit()

    @staticmethod
    def _check_inputs(images, labels, classes, networks) -> None:
        """Refuse what does not fit: the labels, the models' inputs and their number of scores."""
        if len(labels) != len(images) or not set(labels) <= set(range(len(classes))):
            last = len(classes) - 1
            raise traitlets.TraitError(
                f"{len(images)} images need as many labels from 0 to {last}, got {labels}"
            )
        for network in networks:
            name = network["name"]
            try:
                scores = layer_outputs(network["layers"], images[0] / 255)[-1]
            except RuntimeError as error:
                shape = tuple(images.shape[1:])
                raise traitlets.TraitError(
                    f"{name} does not take {shape} images: {error}"
                ) from None
            if scores.shape != (len(classes),):
                got = tuple(scores.shape)
                raise traitlets.TraitError(f"{name} gives {got}, not {len(classes)} scores")
        if not any(map_stages(network["layers"]) for network in networks):
            raise traitlets.TraitError("no model has a convolution and a ReLU: there are no maps")

    @property
    def _mapped_layers(self) -> list[dict]:
        """Layers of the model whose maps are shown."""
        mapped = [network for network in self.networks if map_stages(network["layers"])]
        return mapped[-1]["layers"]

    def _shifted_outputs(self, layers: list[dict]) -> list[Tensor]:
        """Return the shifted image in [0, 1] and the output of every layer."""
        image = unpack_tensor(self.images)[self.image]
        x = shift_image(image, self.dy, self.dx, self.fill).double() / 255
        return [x, *layer_outputs(layers, x)]

    def _unit_limits(self, stage: str) -> dict[str, int]:
        """How many channels, rows and columns a layer has, and how many channels go into it."""
        layers = self._mapped_layers
        stages = map_stages(layers)
        if stage not in stages:
            raise traitlets.TraitError(f"stage {stage!r} is none of {', '.join(stages)}")
        if self._known_shapes[0] is not self.networks:  # sizes are the same for every image
            blank = torch.zeros(self.images["shape"][1:])
            shapes = [blank.shape, *(output.shape for output in layer_outputs(layers, blank))]
            self._known_shapes = self.networks, shapes
        shapes, at = self._known_shapes[1], stages[stage]
        parts = shapes[at - 1][0] if stage.startswith("ReLU") else 1
        return dict(zip(UNIT[1:], (*shapes[at + 1], parts), strict=True))

    @traitlets.validate("image", "dy", "dx")
    def _check_place(self, proposal):
        name, value = proposal.trait.name, proposal.value
        if name == "image":
            return check_index(proposal, len(self.labels))
        most = self.images["shape"][2 if name == "dy" else 3] // 2
        if abs(value) > most:
            raise traitlets.TraitError(f"{name} {value} lies outside {-most} to {most}")
        return value

    @traitlets.validate("stage")
    def _check_stage(self, proposal):
        self._unit_limits(proposal.value)
        return proposal.value

    @traitlets.validate(*UNIT[1:])
    def _check_unit(self, proposal):
        return check_index(
            proposal, self._unit_limits(self.stage)[proposal.trait.name], f"{self.stage}'s "
        )

    @traitlets.observe("stage")
    def _clamp_position(self, change):
        for name, size in self._unit_limits(self.stage).items():
            setattr(self, name, min(getattr(self, name), size - 1))

    def _select_largest_unit(self) -> None:
        """Point at the unit that answers most."""
        maps = self._shifted_outputs(self._mapped_layers)[
            map_stages(self._mapped_layers)[self.stage] + 1
        ]
        place = torch.unravel_index(maps.argmax(), maps.shape)
        self.set(**dict(zip(UNIT[1:4], map(int, place), strict=True)))

    def _receptive_field(self, at: int) -> list[int]:
        """[top, left, bottom, right] of the unit's receptive field, padding included."""
        top, left, bottom, right = self.row, self.column, self.row + 1, self.column + 1
        for layer in reversed(self._mapped_layers[: at + 1]):
            if layer["kind"] in ("conv2d", "max_pool2d"):
                size = layer.get("size") or layer["weight"]["shape"][2]
                wide = layer.get("size") or layer["weight"]["shape"][3]
                stride, padding = layer["stride"], layer.get("padding", 0)
                top, left = top * stride - padding, left * stride - padding
                bottom = (bottom - 1) * stride - padding + size
                right = (right - 1) * stride - padding + wide
        return [top, left, bottom, right]

    def _unit_numbers(self) -> dict:
        """Value of the unit, its receptive field, and the sum or maximum it comes from."""
        layers, outputs = self._mapped_layers, self._shifted_outputs(self._mapped_layers)
        at = map_stages(layers)[self.stage]
        unit = {
            "value": outputs[at + 1][self.channel, self.row, self.column].item(),
            "field": self._receptive_field(at),
        }
        layer = layers[at]
        if layer["kind"] == "max_pool2d":
            top, left = self.row * layer["stride"], self.column * layer["stride"]
            size = layer["size"]
            window = outputs[at][self.channel, top : top + size, left : left + size]
            return unit | {"window": window.tolist()}
        conv = layers[at - 1]
        weight, bias = (
            unpack_tensor(conv["weight"])[self.channel],
            unpack_tensor(conv["bias"])[self.channel],
        )
        padding, (_, tall, wide) = conv["padding"], weight.shape
        padded = nn.functional.pad(outputs[at - 1], [padding] * 4)
        top, left = self.row * conv["stride"], self.column * conv["stride"]
        window = padded[:, top : top + tall, left : left + wide]
        return unit | {
            "window": window[self.part].tolist(),
            "weights": weight[self.part].tolist(),
            "sums": (window * weight).sum((1, 2)).tolist(),
            "bias": bias.item(),
        }

    def numbers(self) -> dict:
        """Every model's probabilities, and the unit with what it was made of."""
        return {
            "probabilities": {
                network["name"]: self._shifted_outputs(network["layers"])[-1].softmax(0).tolist()
                for network in self.networks
            },
            "unit": self._unit_numbers(),
        }

    @classmethod
    def example(cls) -> ShiftedImage:
        """Build three images of the course's size under models that were never trained."""
        rows, columns = torch.arange(32)[:, None], torch.arange(32)
        places = (rows * 5 + columns * 3, rows * columns, (rows - 14) ** 2 + (columns - 18) ** 2)
        planes = torch.stack([(place * k) % 256 for place in places for k in (1, 2, 3)])
        with torch.random.fork_rng():
            torch.manual_seed(0)
            models = {
                "logistic regression": logistic_regression(classes=3),
                "CNN": course_convnet(classes=3),
            }
        names = ("stripes", "saddle", "rings")
        return cls(planes.view(3, 3, 32, 32).to(torch.uint8), range(3), names, models, image=2)
