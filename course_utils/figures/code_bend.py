"""Follow one-number codes along a curve of pictures, beside a line of PCA (workbook 07)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import traitlets
from torch import Tensor, nn

from course_utils.figures import Figure
from course_utils.figures.network import export_layers, layer_outputs, pack_tensor, unpack_tensor

STEPS = 60  # pieces of the network's curve
AXES = 3  # directions of PCA that the figure can draw
MAX_PICTURES = 100
Run = tuple[Sequence[float] | Tensor, Tensor, nn.Module]


class CodeBend(Figure):
    """Draw pictures, a network's curve and PCA's line in the space of three PCA axes.

    Each run has pictures of one thing in one movement and an autoencoder with a code of one
    number. The slider moves that number from the first picture's end of the codes to the last
    one's, and PCA's first coordinate likewise. The decoder runs in the browser.

    Parameters
    ----------
    runs : dict of name -> (angles, pictures, model)
        (N,) degrees in order; (N, 1, S, S) floats from 0 to 1, N from 4 to 100; a trained model
        whose `encoder` makes (N, 1) codes and whose `decoder` turns them back, an nn.Sequential of
        layers that `network.export_layers` knows.
    run : which of the runs is shown, counted from 0.
    code : how far along the codes, in per cent.
    turn, tilt : where the three axes are seen from, in degrees.

    Raises
    ------
    ValueError
        If pictures, angles and codes have other forms, or the browser cannot run the decoder.
    traitlets.TraitError
        If a number is out of range.
    """

    tolerance = 1e-9  # sums in another order, in double precision

    runs = traitlets.List(traitlets.Dict(), read_only=True).tag(sync=True)
    run = traitlets.Int(0).tag(sync=True)
    code = traitlets.Int(50, min=0, max=100).tag(sync=True)
    turn = traitlets.Int(25, min=-180, max=180).tag(sync=True)
    tilt = traitlets.Int(35, min=0, max=90).tag(sync=True)

    def __init__(self, runs: Mapping[str, Run], **traits):
        exported = [export_run(name, *parts) for name, parts in runs.items()]
        if not exported:
            raise ValueError("runs must name at least one run")
        super().__init__()
        self.set_trait("runs", exported)
        self.set(**traits)

    @traitlets.validate("run")
    def _check_run(self, proposal):
        if not 0 <= proposal.value < len(self.runs):
            raise traitlets.TraitError(
                f"run {proposal.value} lies outside 0 to {len(self.runs) - 1}"
            )
        return proposal.value

    def numbers(self) -> dict:
        """Where both one-number pictures lie, and how far from the nearest real one."""
        shown = self.runs[self.run]
        pictures = unpack_tensor(shown["pictures"]).flatten(1)
        mean, axes = (unpack_tensor(shown[name]) for name in ("mean", "axes"))
        share = self.code / 100
        code, along = (_between(shown[ends], share) for ends in ("codes_between", "line_between"))
        decoded = _decode(shown, code)
        straight = mean + along * axes[0]
        ways = {"network": decoded, "line": straight}
        places = {name: ((pixels - mean) @ axes.T).tolist() for name, pixels in ways.items()}
        errors = {name: (pictures - pixels).square().mean(1) for name, pixels in ways.items()}
        curve = [
            ((_decode(shown, _between(shown["codes_between"], step / STEPS)) - mean) @ axes.T)
            for step in range(STEPS + 1)
        ]
        return {
            "code": code,
            "places": places,
            "nearest": {name: int(values.argmin()) for name, values in errors.items()},
            "errors": {name: values.min().item() for name, values in errors.items()},
            "curve": torch.stack(curve).tolist(),
            "seen": {name: self._project(place) for name, place in places.items()},
        }

    def _project(self, place: list[float]) -> list[float]:
        """Right and up of a place on the three axes, as it is seen."""
        turn, tilt = math.radians(self.turn), math.radians(self.tilt)
        x, y, z = place
        depth = x * math.sin(turn) + y * math.cos(turn)
        across = x * math.cos(turn) - y * math.sin(turn)
        return [across, depth * math.sin(tilt) + z * math.cos(tilt)]

    @classmethod
    def example(cls) -> CodeBend:
        """Build two runs of a bright spot, on a line and around, with untrained networks."""
        from course_utils.models import dense_autoencoder

        angles = torch.arange(0, 360, 30.0)
        turn = angles.deg2rad()
        rows, columns = torch.meshgrid(torch.arange(6.0), torch.arange(6.0), indexing="ij")
        spots = {
            "along a line": (1.5 + 0.25 * torch.arange(12), torch.full((12,), 2.5)),
            "around": (2.5 + 1.5 * turn.cos(), 2.5 + 1.5 * turn.sin()),
        }
        runs: dict[str, Run] = {}
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for name, (x, y) in spots.items():
                far = (rows - y[:, None, None]) ** 2 + (columns - x[:, None, None]) ** 2
                pictures = torch.exp(-far / 2)[:, None]
                runs[name] = (angles.tolist(), pictures, dense_autoencoder(1, side=6, hidden=8))
        return cls(runs)


def export_run(
    name: str, angles: Sequence[float] | Tensor, pictures: Tensor, model: nn.Module
) -> dict:
    """What travels to the browser of one run; refuses what the figure cannot show.

    `pictures` has the shape (N, 1, S, S), `angles` has N numbers in degrees.
    """
    pictures = _check_pictures(name, torch.as_tensor(pictures).detach().float())
    angles = [float(angle) for angle in angles]
    if len(angles) != len(pictures):
        raise ValueError(f"{name}: {len(pictures)} pictures but {len(angles)} angles")
    with torch.no_grad():
        codes = model.get_submodule("encoder")(pictures)
    if codes.shape != (len(pictures), 1):
        raise ValueError(f"{name}: the code must be one number, got {tuple(codes.shape[1:])}")
    pixels = pictures.flatten(1).double()
    mean = pixels.mean(0)
    axes = torch.linalg.svd(pixels - mean, full_matrices=False)[2][:AXES]
    places = (pixels - mean) @ axes.T
    sign = torch.where(places[-1] < places[0], -1.0, 1.0)  # each axis points to the last picture
    flat = codes.flatten().double()
    return {
        "name": name,
        "angles": angles,
        "pictures": pack_tensor(pictures),
        "codes": flat.tolist(),
        "codes_between": _ends(flat),
        "line_between": _ends(places[:, 0] * sign[0]),
        "mean": pack_tensor(mean),
        "axes": pack_tensor(axes * sign[:, None]),
        "places": (places * sign).tolist(),
        "decoder": export_layers(model.get_submodule("decoder")),
    }


def _check_pictures(name: str, pictures: Tensor) -> Tensor:
    """(N, 1, S, S) or a ValueError."""
    shape = tuple(pictures.shape)
    fits = len(shape) == 4 and shape[1] == 1 and shape[2] == shape[3]
    if not fits or not 4 <= shape[0] <= MAX_PICTURES:
        raise ValueError(
            f"{name}: pictures must be (N, 1, S, S) with N from 4 to {MAX_PICTURES}, got {shape}"
        )
    return pictures


def _ends(values: Tensor) -> list[float]:
    """Both extremes, that on the first picture's side first."""
    ends = [values.min().item(), values.max().item()]
    return ends if values[0] <= values[-1] else ends[::-1]


def _between(ends: list[float], share: float) -> float:
    return ends[0] + share * (ends[1] - ends[0])


def _decode(run: dict, code: float) -> Tensor:
    """One number -> (P,) pixels in double precision, by the run's decoder."""
    return layer_outputs(run["decoder"], torch.tensor([code], dtype=torch.float64))[-1].flatten()
