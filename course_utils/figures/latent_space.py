"""Move through the code of an autoencoder and watch what it decodes to (workbook 07)."""

from __future__ import annotations

import torch
import traitlets
from torch import Tensor, nn

from course_utils.figures import Figure, check_index
from course_utils.figures.network import export_layers, layer_outputs, pack_tensor, unpack_tensor

MAX_IMAGES = 100  # images; each travels with its code
DIRECTIONS = 6
MAX_AMOUNT = 4.0  # standard deviations that one direction may add
PROBES = ((1, 2), (3, 1), (2, 3), (1, 1))  # pixels told in `numbers`, in quarters of the image


class LatentSpace(Figure):
    """Blend the codes of two images, push the result along latent directions, and decode it.

    The latent directions are the principal directions of the images' codes, each measured in its
    standard deviations σ. The decoder runs in the browser; codes and directions come from Python.

    Parameters
    ----------
    model : its `encoder` takes (N, C, H, W) floats in [0, 1], its `decoder` gives them back; the
        decoder is an nn.Sequential of layers that `network.export_layers` knows.
    images : (N, C, H, W) uint8 or floats in [0, 1]; 3 to 100 of them, of 1 or 3 channels.
    a, b : numbers of the two images.
    blend : how far from a to b, in per cent.
    horizontal, vertical : the two directions of the map, counted from 1.
    amounts : how far to go along each direction, in σ, -4 to 4.

    Raises
    ------
    ValueError
        If the images have another form, the codes are all the same, or the browser cannot run the
        decoder.
    traitlets.TraitError
        If a number is out of range, or both axes of the map are the same direction.
    """

    tolerance = 1e-9  # sums in another order, in double precision

    images = traitlets.Dict(read_only=True).tag(sync=True)
    codes = traitlets.Dict(read_only=True).tag(sync=True)
    code_shape = traitlets.List(traitlets.Int(), read_only=True).tag(sync=True)
    directions = traitlets.Dict(read_only=True).tag(sync=True)
    spreads = traitlets.List(traitlets.Float(), read_only=True).tag(sync=True)
    shares = traitlets.List(traitlets.Float(), read_only=True).tag(sync=True)
    decoder = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)

    a = traitlets.Int(0).tag(sync=True)
    b = traitlets.Int(1).tag(sync=True)
    blend = traitlets.Int(0, min=0, max=100).tag(sync=True)
    horizontal = traitlets.Int(1).tag(sync=True)
    vertical = traitlets.Int(2).tag(sync=True)
    amounts = traitlets.List(traitlets.Float(min=-MAX_AMOUNT, max=MAX_AMOUNT)).tag(sync=True)

    def __init__(self, model: nn.Module, images: Tensor, **traits):
        images = to_uint8(images)
        codes = encode_images(model, images)
        flat = codes.flatten(1)
        directions, spreads, shares = principal_directions(flat)
        super().__init__()
        parts = {
            "images": pack_tensor(images),
            "codes": pack_tensor(flat),
            "code_shape": [*codes.shape[1:]],
            "directions": pack_tensor(directions),
            "spreads": spreads.tolist(),
            "shares": shares.tolist(),
            "decoder": export_layers(model.get_submodule("decoder")),
        }
        for name, value in parts.items():
            self.set_trait(name, value)
        self.set(**{"amounts": [0.0] * len(spreads)} | traits)

    @traitlets.validate("a", "b")
    def _check_image(self, proposal):
        return check_index(proposal, self.images["shape"][0], "the images ")

    @traitlets.validate("horizontal", "vertical")
    def _check_axes(self, proposal):
        count = len(self.spreads)
        if not 1 <= proposal.value <= count:
            raise traitlets.TraitError(
                f"{proposal.trait.name} {proposal.value} is none of the directions 1 to {count}"
            )
        other = self.vertical if proposal.trait.name == "horizontal" else self.horizontal
        if proposal.value == other:
            raise traitlets.TraitError(f"both axes of the map would be direction {other}")
        return proposal.value

    @traitlets.validate("amounts")
    def _check_amounts(self, proposal):
        if len(proposal.value) != len(self.spreads):
            raise traitlets.TraitError(
                f"amounts must have {len(self.spreads)} numbers, got {len(proposal.value)}"
            )
        return proposal.value

    def code(self) -> Tensor:
        """(D,) float64: the blend of both codes, moved along the directions."""
        codes, directions = unpack_tensor(self.codes), unpack_tensor(self.directions)
        steps = float64(self.amounts) * float64(self.spreads)
        return interpolate(codes[self.a], codes[self.b], self.blend) + steps @ directions

    def decoded(self, code: Tensor) -> Tensor:
        """(D,) -> (C, H, W) float64, by the decoder."""
        return layer_outputs(self.decoder, code.reshape(self.code_shape))[-1]

    def numbers(self) -> dict:
        """Where the code lies, what it decodes to, and how far that is from blended pixels."""
        codes, images = unpack_tensor(self.codes), unpack_tensor(self.images).double() / 255
        code = self.code()
        decoded = self.decoded(code)
        places = (code - codes.mean(0)) @ unpack_tensor(self.directions).T
        quarters = [side // 4 for side in decoded.shape[1:]]
        ends = [root_mean_square(self.decoded(codes[i]) - images[i]) for i in (self.a, self.b)]
        return {
            "places": (places / float64(self.spreads)).tolist(),
            "length": code.norm().item(),
            "pixels": [decoded[:, quarters[0] * i, quarters[1] * j].tolist() for i, j in PROBES],
            "mean": decoded.mean((1, 2)).tolist(),
            "apart": root_mean_square(
                decoded - interpolate(images[self.a], images[self.b], self.blend)
            ),
            "errors": ends,
        }

    @classmethod
    def example(cls) -> LatentSpace:
        """Build an untrained autoencoder of the workshop's sizes, over 12 shapes."""
        from course_utils.datasets import shapes

        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = nn.Module()
            downs = [nn.Conv2d(*sizes, 4, 2, 1) for sizes in ((3, 8), (8, 16), (16, 32))]
            model.encoder = nn.Sequential(*(part for conv in downs for part in (conv, nn.ReLU())))
            ups = [nn.ConvTranspose2d(*sizes, 4, 2, 1) for sizes in ((32, 16), (16, 8), (8, 3))]
            model.decoder = nn.Sequential(
                ups[0], nn.ReLU(), ups[1], nn.ReLU(), ups[2], nn.Sigmoid()
            )
        with torch.no_grad():
            for weights in model.parameters():
                weights.mul_(2)  # else everything decodes to nearly the same grey
        return cls(model, shapes.make_shapes(train=12, test=1).train_images)


def to_uint8(images: Tensor) -> Tensor:
    """(N, C, H, W) uint8 of images that are bytes or floats in [0, 1]; refuses other forms."""
    images = torch.as_tensor(images)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not 3 <= len(images) <= MAX_IMAGES:
        raise ValueError(
            f"images must have shape (N, 1 or 3, H, W) with N from 3 to {MAX_IMAGES}, "
            f"got {tuple(images.shape)}"
        )
    if images.is_floating_point():
        images = (images * 255).round()
    if images.min() < 0 or images.max() > 255:
        raise ValueError(
            "images must be bytes or floats in [0, 1], got values up to "
            f"{images.max():g} after scaling"
        )
    return images.to(torch.uint8)


def encode_images(model: nn.Module, images: Tensor) -> Tensor:
    """(N, C, H, W) uint8 -> codes, by the encoder as it answers in `eval()`."""
    encoder = model.get_submodule("encoder")
    training = encoder.training
    parameter = next(encoder.parameters())
    try:
        with torch.no_grad():
            return encoder.eval()(images.to(parameter) / 255).cpu()
    finally:
        encoder.train(training)


def principal_directions(codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(N, D) codes -> (K, D) directions, (K,) standard deviations, (K,) shares of the variance.

    The directions are orthonormal, the widest first; the largest entry of each is positive.
    """
    centered = codes.double() - codes.double().mean(0)
    _, sizes, directions = torch.linalg.svd(centered, full_matrices=False)
    count = min(DIRECTIONS, int((sizes > 1e-6 * sizes[0]).sum())) if sizes[0] > 0 else 0
    if count < 2:
        raise ValueError("the images' codes spread along fewer than two directions")
    directions = directions[:count]
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    spreads = sizes[:count] / (len(codes) - 1) ** 0.5
    return directions * largest.sign(), spreads, sizes[:count] ** 2 / (sizes**2).sum()


def interpolate(start: Tensor, end: Tensor, per_cent: int) -> Tensor:
    """Go that share of the way from start to end, two tensors of one shape."""
    return start + per_cent / 100 * (end - start)


def float64(values: list[float]) -> Tensor:
    """(n,) in double precision: `torch.tensor` alone would round to single, the browser not."""
    return torch.tensor(values, dtype=torch.float64)


def root_mean_square(difference: Tensor) -> float:
    """Root of the mean square over all axes, whatever the shape."""
    return difference.square().mean().sqrt().item()
