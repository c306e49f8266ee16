"""What workbook 05 observes of a network whose forward pass is the answer."""

import copy
import inspect

import torch
from torch import nn

from course_utils import _torchvision  # noqa: F401  (plain `import torchvision` must work)

PARTS = (
    "scores in training mode", "scores in evaluation mode", "what fits", "layers", "second run",
)  # fmt: skip
FITS, FLAT_TOO_EARLY, NOT_FLAT = "all sizes", "rows and columns are gone", "maps at the dense layer"
TOO_MANY, TOO_FEW = "more than 512 numbers at the dense layer", "fewer than 512 at the dense layer"
BATCH_FLAT = "the whole batch in one row"
IMAGES_AT_CONV2, MAPS_AT_CONV1 = "the images arrive at conv2", "maps arrive at conv1"
GIVEN, OWN = "the given ones", "others, which are new in every call"
SAME, RANDOM = "the same scores", "other scores for the same images"


def pictures(rng):
    for count in (2, 3):
        yield torch.rand(count, 3, 32, 32, generator=rng), count


def observe_network(answer, case):
    """Scores of a network with seeded weights in both modes, and what does not fit; see `PARTS`."""
    images, seed = case
    network = answer() if inspect.isclass(answer) else copy.deepcopy(answer)  # its own stays
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in network.parameters():
            fan_in = max(weights[0].numel(), 4)
            weights.copy_(torch.randn(weights.shape, generator=rng) / fan_in**0.5)
    arrived: dict = {}

    def note(layer, args):
        name = next((name for name, other in network.named_children() if other is layer), "")
        arrived.setdefault(name, args[0].shape)

    hooks = [layer.register_forward_pre_hook(note) for layer in network.children()]
    try:
        with torch.no_grad():
            scores = network.train()(images)
            again = network(images)
            tested = network.eval()(images)
            return scores, tested, FITS, _layers_used(network, images), _repeats(scores, again)
    except RuntimeError:
        fault = what_does_not_fit(arrived, len(images))
        if fault is None:
            raise
        return None, None, fault, GIVEN, SAME
    finally:
        for hook in hooks:
            hook.remove()


def _layers_used(network: nn.Module, images) -> str:
    """Whether the scores come from the given layers: with these at 0 all images look alike."""
    for weights in network.parameters():
        weights.zero_()
    scores = network(images)
    if not isinstance(scores, torch.Tensor) or scores.ndim != 2:
        return GIVEN  # what it is instead is told by the scores
    return GIVEN if torch.allclose(scores, scores[:1].expand_as(scores)) else OWN


def _repeats(scores: object, again: object) -> str:
    if isinstance(scores, torch.Tensor) and isinstance(again, torch.Tensor):
        return SAME if torch.allclose(scores, again) else RANDOM
    return SAME


def what_does_not_fit(arrived: dict, batch: int) -> str | None:
    """Why a network stopped, from the shapes that arrived at its layers first."""
    at_dense = arrived.get("dense")
    if at_dense is None:
        if any(len(shape) < 3 for shape in arrived.values()):
            return FLAT_TOO_EARLY
        if arrived.get("conv2", (0, 8))[1] == 3:
            return IMAGES_AT_CONV2
        return MAPS_AT_CONV1 if arrived.get("conv1", (0, 3))[1] != 3 else None
    if len(at_dense) == 1:
        return BATCH_FLAT if at_dense[0] == batch * 512 else None
    if len(at_dense) > 2:
        return NOT_FLAT
    if at_dense[0] != batch:
        return None
    return TOO_MANY if at_dense[1] > 512 else TOO_FEW
