"""Race the optimisers over a surface of two weights (workbook 06)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import NamedTuple

import traitlets

from course_utils.figures import Figure

STEPS = 200  # the length of a race
EPSILON = 1e-8  # as in PyTorch's Adam
NEAR = 0.001  # a runner has arrived while no more than this part of the way down is left


class Surface(NamedTuple):
    """A loss over two weights, with its gradient and the part of the plane that is drawn."""

    loss: Callable[[float, float], float]
    gradient: Callable[[float, float], tuple[float, float]]
    low: tuple[float, float]  # of the map: lower left corner
    high: tuple[float, float]  # upper right corner
    lowest: list[tuple[float, float]]  # where the loss is smallest
    start: tuple[float, float]
    eta: float


# ---------------------------------------------------------------------------------------- surfaces


def valley(x: float, y: float) -> float:
    """Stretch a bowl: curvature 0.2 along the valley, 25 across."""
    return (0.2 * x * x + 25 * y * y) / 2


def valley_gradient(x: float, y: float) -> tuple[float, float]:
    """Derivatives of `valley` by x and by y."""
    return 0.2 * x, 25 * y


def saddle(x: float, y: float) -> float:
    """Put a pass at the origin between two hollows, at y = −1 and y = 1."""
    return x * x - y * y + y * y * y * y / 2


def saddle_gradient(x: float, y: float) -> tuple[float, float]:
    """Derivatives of `saddle` by x and by y."""
    return 2 * x, 2 * y * y * y - 2 * y


def rosenbrock(x: float, y: float) -> float:
    """Bend a valley along y = x²; its floor falls gently to (1, 1). 5 stands for the usual 100."""
    across = y - x * x
    return (1 - x) * (1 - x) + 5 * across * across


def rosenbrock_gradient(x: float, y: float) -> tuple[float, float]:
    """Derivatives of `rosenbrock` by x and by y."""
    across = y - x * x
    return -2 * (1 - x) - 20 * x * across, 10 * across


def plateau(x: float, y: float) -> float:
    """Sink a hollow at the origin; away from it the gradient fades."""
    q = x * x + y * y
    return q * q / (1 + q * q)


def plateau_gradient(x: float, y: float) -> tuple[float, float]:
    """Derivatives of `plateau` by x and by y."""
    q = x * x + y * y
    slope = 4 * q / ((1 + q * q) * (1 + q * q))
    return slope * x, slope * y


# Inputs and targets of the Gabor model sin(u)·exp(−u²/32), u = x + y·t, with x = 0, y = 16.6.
INPUTS = [(2 * i - 27) * 0.9 / 27 for i in range(28)]
TARGETS = [math.sin(16.6 * t) * math.exp(-(16.6 * t) * (16.6 * t) / 32) for t in INPUTS]


def gabor(x: float, y: float) -> float:
    """Half the squared error of a Gabor model on 28 points: it has hollows beside the deepest."""
    total = 0.0
    for t, target in zip(INPUTS, TARGETS, strict=True):
        u = x + y * t
        error = math.sin(u) * math.exp(-u * u / 32) - target
        total += error * error
    return total / 2


def gabor_gradient(x: float, y: float) -> tuple[float, float]:
    """Derivatives of `gabor` by x and by y."""
    along, across = 0.0, 0.0
    for t, target in zip(INPUTS, TARGETS, strict=True):
        u = x + y * t
        envelope = math.exp(-u * u / 32)
        error = math.sin(u) * envelope - target
        slope = error * envelope * (math.cos(u) - u / 16 * math.sin(u))
        along += slope
        across += slope * t
    return along, across


SURFACES = {
    "valley": Surface(valley, valley_gradient, (-2, -1.5), (2, 1.5), [(0, 0)], (-1.8, 1), 0.05),
    "saddle": Surface(
        saddle, saddle_gradient, (-2, -1.5), (2, 1.5), [(0, -1), (0, 1)], (-1.5, 0.001), 0.05
    ),
    "Rosenbrock": Surface(
        rosenbrock, rosenbrock_gradient, (-2, -1), (2, 2), [(1, 1)], (-1.5, 1.5), 0.02
    ),
    "plateau": Surface(plateau, plateau_gradient, (-4, -3), (4, 3), [(0, 0)], (-2.5, 1.5), 0.1),
    "Gabor model": Surface(gabor, gabor_gradient, (-10, 5), (10, 20), [(0, 16.6)], (2.1, 5.6), 0.2),
}


# ----------------------------------------------------------------------------------------- runners
# Each moves one weight w, which has the gradient g. s is its memory: v, m and r, 0 at first;
# p holds η, α, β₁, β₂, ρ, and 1 − β₁ᵗ and 1 − β₂ᵗ at step t = 1, 2, …. They answer exercises
# of workbook 06, so none is public.


def _sgd(w, g, s, p):
    return w - p.eta * g


def _momentum(w, g, s, p):
    s.v = p.alpha * s.v - p.eta * g
    return w + s.v


def _nesterov(w, g, s, p):
    """Nesterov as PyTorch has it: the gradient is taken where the velocity will lead."""
    s.v = p.alpha * s.v - p.eta * g
    return w + (p.alpha * s.v - p.eta * g)


def _adagrad(w, g, s, p):
    s.r = s.r + g * g
    return w - p.eta * g / (math.sqrt(s.r) + EPSILON)


def _rmsprop(w, g, s, p):
    s.r = p.rho * s.r + (1 - p.rho) * g * g
    return w - p.eta * g / (math.sqrt(s.r) + EPSILON)


def _adam(w, g, s, p):
    s.m = p.beta1 * s.m + (1 - p.beta1) * g
    s.r = p.beta2 * s.r + (1 - p.beta2) * g * g
    return w - p.eta * (s.m / p.rise1) / (math.sqrt(s.r / p.rise2) + EPSILON)


def _momentum_as_printed(w, g, s, p):
    """Momentum with the gradient counted twice."""
    s.v = p.alpha * s.v - p.eta * g
    return w - p.eta * g + s.v


def _adam_as_printed(w, g, s, p):
    """Adam with the correction put into the memory itself, over and over."""
    s.m = (p.beta1 * s.m + (1 - p.beta1) * g) / p.rise1
    s.r = (p.beta2 * s.r + (1 - p.beta2) * g * g) / p.rise2
    return w - p.eta * s.m / (math.sqrt(s.r) + EPSILON)


RUNNERS = {
    "SGD": _sgd,
    "momentum": _momentum,
    "Nesterov": _nesterov,
    "AdaGrad": _adagrad,
    "RMSprop": _rmsprop,
    "Adam": _adam,
    "momentum, as printed": _momentum_as_printed,
    "Adam, as printed": _adam_as_printed,
}


# The rate, of 30 a decade from 0.001 to 10, with which each of RUNNERS is first near the end, from
# the surface's own start and with α, β₁, β₂ and ρ as they are by default; the middle one where
# several are equally fast. Where none gets there in 200 steps: the one that ends lowest.
BEST_RATES = {
    "valley": (0.074, 0.032, 0.05, 1.1, 0.014, 0.05, 0.046, 0.79),
    "saddle": (0.46, 0.2, 0.27, 0.93, 0.027, 0.074, 0.25, 1.0),
    "Rosenbrock": (0.046, 0.029, 0.014, 1.7, 0.022, 0.27, 0.013, 2.7),
    "plateau": (5.4, 2.7, 3.7, 1.4, 0.43, 0.5, 0.86, 1.2),
    "Gabor model": (1.0, 0.4, 0.4, 2.9, 0.1, 0.46, 0.37, 8.6),
}


def runner_path(surface: Surface, runner, start, *, eta, alpha, beta1, beta2, rho) -> Iterator:
    """Yield (x, y) at step 0, 1, …; None for ever from where the runner is one map away."""
    weights = [*start]
    memory = [SimpleNamespace(v=0.0, m=0.0, r=0.0) for _ in weights]
    power1 = power2 = 1.0
    while all(
        2 * low - high <= w <= 2 * high - low
        for w, low, high in zip(weights, surface.low, surface.high, strict=True)
    ):
        yield tuple(weights)
        power1, power2 = power1 * beta1, power2 * beta2
        p = SimpleNamespace(
            eta=eta, alpha=alpha, beta1=beta1, beta2=beta2, rho=rho,
            rise1=1 - power1, rise2=1 - power2,
        )  # fmt: skip
        gradient = surface.gradient(*weights)
        weights = [runner(*part, p) for part in zip(weights, gradient, memory, strict=True)]
    while True:
        yield None


class OptimizerRace(Figure):
    """Let optimisers descend a surface side by side, from one start.

    Parameters
    ----------
    surface : "valley", "saddle", "Rosenbrock", "plateau" or "Gabor model".
    start : (x, y) on the map; by default the surface's own, like eta.
    rates : "each its best", as in `BEST_RATES`, or "one for all", which is eta.
    eta, alpha, beta1, beta2, rho : learning rate, momentum, Adam's and RMSprop's averages.
    shown : names of the runners, out of `RUNNERS`.
    step : how many of the 200 steps are done.

    Raises
    ------
    traitlets.TraitError
        If a name is unknown, a number is out of range or the start is not on the map.
    """

    tolerance = 1e-5  # the Gabor model has exponentials; the other surfaces agree exactly

    surface = traitlets.Enum(tuple(SURFACES), "valley").tag(sync=True)
    start = traitlets.List(traitlets.Float(), minlen=2, maxlen=2).tag(sync=True)
    rates = traitlets.Enum(("each its best", "one for all"), "each its best").tag(sync=True)
    eta = traitlets.Float(min=1e-4, max=10).tag(sync=True)
    alpha = traitlets.Float(0.9, min=0, max=1).tag(sync=True)
    beta1 = traitlets.Float(0.9, min=0, max=0.9999).tag(sync=True)
    beta2 = traitlets.Float(0.999, min=0, max=0.9999).tag(sync=True)
    rho = traitlets.Float(0.9, min=0, max=0.9999).tag(sync=True)
    shown = traitlets.List(traitlets.Enum(tuple(RUNNERS)), [*RUNNERS][:6]).tag(sync=True)
    step = traitlets.Int(40, min=0, max=STEPS).tag(sync=True)

    def __init__(self, surface: str = "valley", start=None, eta=None, **traits):
        own = self._surface_defaults(surface)
        start, eta = own["start"] if start is None else start, own["eta"] if eta is None else eta
        super().__init__(surface=surface, start=[*start], eta=eta, **traits)

    @staticmethod
    def _surface_defaults(surface: str) -> dict:
        """Start and learning rate that a surface brings along; none for an unknown one."""
        chosen = SURFACES.get(surface, SURFACES["valley"])
        return {"start": [*chosen.start], "eta": chosen.eta}

    def set(self, **traits) -> None:
        """Change several traits at once; another surface brings its start and learning rate."""
        own = self._surface_defaults(traits["surface"]) if "surface" in traits else {}
        super().set(**own | traits)

    @traitlets.validate("start", "surface")
    def _check_start(self, proposal):
        is_start = proposal.trait.name == "start"
        start = proposal.value if is_start else self.start
        surface = SURFACES[self.surface if is_start else proposal.value]
        low, high = surface.low, surface.high
        if not all(a <= w <= b for a, w, b in zip(low, start, high, strict=True)):
            raise traitlets.TraitError(f"start {start} is not on the map from {low} to {high}")
        return proposal.value

    def _rate_of(self, name: str) -> float:
        """Learning rate of a runner: its own, or the one for all."""
        own = dict(zip(RUNNERS, BEST_RATES[self.surface], strict=True))
        return self.eta if self.rates == "one for all" else own[name]

    def _runner_places(self, name: str) -> list:
        """Positions of a runner from step 0 to the present one; None once it has left."""
        settings = {key: getattr(self, key) for key in ("alpha", "beta1", "beta2", "rho")}
        settings["eta"] = self._rate_of(name)
        places = runner_path(SURFACES[self.surface], RUNNERS[name], self.start, **settings)
        return list(itertools.islice(places, self.step + 1))

    def numbers(self) -> dict:
        """Position and loss of every runner, since when it is near the end, and when it left."""
        surface = SURFACES[self.surface]
        lowest = surface.loss(*surface.lowest[0])
        enough = lowest + NEAR * (surface.loss(*self.start) - lowest)
        runners = {}
        for name in self.shown:
            places = self._runner_places(name)
            losses = [surface.loss(*place) for place in places if place]
            far = [step for step, loss in enumerate(losses) if loss > enough]
            here = places[-1] is not None
            arrived = far[-1] + 1 if far else 0
            runners[name] = {
                "eta": self._rate_of(name),
                "position": [*places[-1]] if here else None,
                "loss": losses[-1] if here else None,
                "arrived": arrived if here and arrived <= self.step else None,
                "left": None if here else len(losses),
            }
        return {"step": self.step, "enough": enough, "runners": runners}

    @classmethod
    def example(cls) -> OptimizerRace:
        """Build the race in the valley."""
        return cls()
