"""The race's twin against torch.optim, its script against the twin, and what its traits refuse."""

import itertools
import math
import random
from types import SimpleNamespace

import pytest
import torch
import traitlets
from scripts import numbers_in_javascript

from course_utils.figures.optimizer_race import (
    BEST_RATES,
    NEAR,
    RUNNERS,
    STEPS,
    SURFACES,
    OptimizerRace,
    runner_path,
)

SETTINGS = {"alpha": 0.9, "beta1": 0.8, "beta2": 0.99, "rho": 0.95}
T = torch.linspace(-0.9, 0.9, 28, dtype=torch.float64)


def by_gabor(x, y):
    target = torch.sin(16.6 * T) * torch.exp(-((16.6 * T) ** 2) / 32)
    u = x + y * T
    return ((torch.sin(u) * torch.exp(-(u**2) / 32) - target) ** 2).sum() / 2


BY_TORCH = {
    "valley": lambda x, y: 0.1 * x**2 + 12.5 * y**2,
    "saddle": lambda x, y: x**2 - y**2 + y**4 / 2,
    "Rosenbrock": lambda x, y: (1 - x) ** 2 + 5 * (y - x**2) ** 2,
    "plateau": lambda x, y: 1 - 1 / (1 + (x**2 + y**2) ** 2),
    "Gabor model": by_gabor,
}
OPTIMIZERS = {
    "SGD": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "Nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "AdaGrad": (torch.optim.Adagrad, {"eps": 1e-8}),
    "RMSprop": (torch.optim.RMSprop, {"alpha": 0.95}),
    "Adam": (torch.optim.Adam, {"betas": (0.8, 0.99)}),
}


def state_of(figure):
    return {name: getattr(figure, name) for name in OptimizerRace.class_own_traits(sync=True)}


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_runner_path_equals_torch_optimizer(surface, name):
    kind, options = OPTIMIZERS[name]
    own = SURFACES[surface]
    weights = torch.tensor(own.start, dtype=torch.float64, requires_grad=True)
    optimizer = kind([weights], lr=own.eta, **options)
    race = runner_path(own, RUNNERS[name], own.start, eta=own.eta, **SETTINGS)
    for place in itertools.islice(race, 80):
        torch.testing.assert_close(
            torch.tensor(place, dtype=torch.float64), weights.detach(), rtol=1e-6, atol=1e-6
        )
        optimizer.zero_grad()
        loss = BY_TORCH[surface](*weights)
        assert own.loss(*place) == pytest.approx(loss.item(), abs=1e-9)
        loss.backward()
        optimizer.step()


@pytest.mark.parametrize("surface", SURFACES)
def test_lowest_points_are_flat_minima(surface):
    own = SURFACES[surface]
    places = itertools.product(*map(torch.linspace, own.low, own.high, (41, 41)))
    least = min(own.loss(float(x), float(y)) for x, y in places)
    for place in own.lowest:
        assert own.loss(*place) <= least + 1e-12
        assert own.loss(*place) == own.loss(*own.lowest[0])
        assert own.gradient(*place) == pytest.approx((0, 0))


def random_states(surfaces, count):
    """States all over the maps, with learning rates from far too small to far too large."""
    choose = random.Random(6)
    for _ in range(count):
        surface = choose.choice(surfaces)
        low, high = SURFACES[surface].low, SURFACES[surface].high
        yield OptimizerRace(
            surface,
            start=[choose.uniform(a, b) for a, b in zip(low, high, strict=True)],
            rates=choose.choice(["each its best", "one for all"]),
            eta=10 ** choose.uniform(-3, 0.5),
            alpha=choose.uniform(0, 0.99),
            beta1=choose.uniform(0, 0.99),
            beta2=choose.choice([0, 0.9, 0.999]),
            rho=choose.uniform(0, 0.99),
            shown=choose.sample([*RUNNERS], 5),
            step=choose.randint(0, STEPS),
        )


def test_browser_numbers_equal_twin_exactly():
    """Sums, products, quotients and roots are exact everywhere, so even chaos agrees."""
    races = [*random_states(["valley", "saddle", "Rosenbrock", "plateau"], 120)]
    shown = numbers_in_javascript(OptimizerRace, [state_of(race) for race in races])
    assert shown == [race.numbers() for race in races]
    runners = [runner for numbers in shown for runner in numbers["runners"].values()]
    assert sum(runner["left"] is not None for runner in runners) > 50
    assert sum(runner["arrived"] is not None for runner in runners) > 50


def is_steady(race, name):
    """Whether a runner ends where it does from starts that are up to 1e-11 away."""
    (x, y), shown = race.start, race.shown
    race.shown, standings = [name], []
    for by in (0, 1e-12, -1e-12, 1e-11, -1e-11):
        low, high = SURFACES[race.surface].low, SURFACES[race.surface].high
        race.start = [min(max(x + by, low[0]), high[0]), min(max(y + by, low[1]), high[1])]
        standings.append(race.numbers()["runners"][name])
    race.start, race.shown = [x, y], shown
    first = standings[0]
    if first["position"] is None:
        return all(standing["left"] == first["left"] for standing in standings)
    return all(
        standing["position"] and math.dist(standing["position"], first["position"]) < 1e-8
        for standing in standings
    )


@pytest.mark.training
def test_browser_gabor_race_equals_twin():
    """Exponentials may differ in the last bit, so races that magnify that are left out."""
    races = [*random_states(["Gabor model"], 30)]
    shown = numbers_in_javascript(OptimizerRace, [state_of(race) for race in races])
    compared, total = 0, 0
    for numbers, race in zip(shown, races, strict=True):
        for name, runner in race.numbers()["runners"].items():
            total += 1
            if is_steady(race, name):
                compared += 1
                assert numbers["runners"][name]["left"] == runner["left"]
                assert numbers["runners"][name]["position"] == pytest.approx(
                    runner["position"], abs=1e-5
                )
    assert compared > 0.8 * total


def journey(rule, steps=400, **p):
    """Where a rule goes from 0 while the gradient is 1."""
    memory, w, places = SimpleNamespace(v=0.0, m=0.0, r=0.0), 0.0, [0.0]
    for t in range(1, steps + 1):
        now = SimpleNamespace(eta=0.1, **p, rise1=1 - 0.9**t, rise2=1 - 0.999**t)
        w = rule(w, 1.0, memory, now)
        places.append(w)
    return places


def test_adam_as_printed_stops_early():
    places = journey(RUNNERS["Adam, as printed"], beta1=0.9, beta2=0.999)
    assert places[1] == pytest.approx(-0.1)
    assert -places[-1] / 0.1 == pytest.approx(1.288, abs=0.001)


def test_momentum_as_printed_doubles_gradient():
    places = journey(RUNNERS["momentum, as printed"], alpha=0.9)
    assert places[1:4] == pytest.approx([-0.2, -0.49, -0.861])
    assert (places[-2] - places[-1]) / 0.1 == pytest.approx(11)


@pytest.mark.parametrize(
    ("name", "limit"),
    [("SGD", 2), ("momentum", 3.8), ("Nesterov", 3.8 / 2.8), ("momentum, as printed", 1.31)],
)
def test_runners_diverge_at_theoretical_rate(name, limit):
    """Its larger curvature is 25; the run is long, so that slow growth is seen."""
    for share, stays in ((0.99, True), (1.01, False)):
        eta = share * limit / 25
        race = runner_path(SURFACES["valley"], RUNNERS[name], (0, 0.1), eta=eta, **SETTINGS)
        last = next(itertools.islice(race, 3000, None))
        assert (last is not None) == stays


def test_divergence_step_is_reported():
    race = OptimizerRace(eta=0.09, rates="one for all", shown=["SGD", "Adam"])
    sgd, adam = (race.numbers()["runners"][name] for name in ("SGD", "Adam"))
    assert sgd["position"] is None
    assert sgd["loss"] is None
    assert sgd["left"] == math.ceil(math.log(4.5) / math.log(1.25))
    assert adam["left"] is None
    race.step = sgd["left"] - 1
    assert race.numbers()["runners"]["SGD"]["left"] is None


def arrival(surface, name, eta):
    """Step from which a runner is near the end, or 201; and its loss after 200 steps."""
    own = SURFACES[surface]
    settings = {"alpha": 0.9, "beta1": 0.9, "beta2": 0.999, "rho": 0.9}
    path = runner_path(own, RUNNERS[name], own.start, eta=eta, **settings)
    lowest = own.loss(*own.lowest[0])
    enough = lowest + NEAR * (own.loss(*own.start) - lowest)
    losses = [own.loss(*w) if w else math.inf for w in itertools.islice(path, STEPS + 1)]
    far = [step + 1 for step, loss in enumerate(losses) if loss > enough]
    return (far[-1] if far else 0), losses[-1]


@pytest.mark.parametrize("surface", SURFACES)
def test_best_rates_beat_a_grid(surface):
    rates = [float(f"{10 ** (-3 + power / 5):.2g}") for power in range(21)]
    for name, best in zip(RUNNERS, BEST_RATES[surface], strict=True):
        assert 0.001 < best < 10
        others = [arrival(surface, name, eta) for eta in rates]
        arrived, loss = arrival(surface, name, best)
        if arrived <= STEPS:
            assert arrived <= min(step for step, _ in others), name
        else:
            assert loss <= min(loss for _, loss in others) + 1e-9, name


def arrivals(race):
    race.step = STEPS
    runners = race.numbers()["runners"]
    return {name: runner["arrived"] or STEPS + 1 for name, runner in runners.items()}


def test_opening_race_shows_each_at_its_best():
    """AdaGrad is first and plain descent last; with one rate for all AdaGrad never arrives."""
    race = OptimizerRace()
    runners = race.numbers()["runners"]
    assert race.rates == "each its best"
    assert all(runner["left"] is None for runner in runners.values())
    assert runners["SGD"]["arrived"] is None
    steps = arrivals(race)
    assert min(steps, key=steps.get) == "AdaGrad"
    assert max(steps, key=steps.get) == "SGD"
    race.rates = "one for all"
    assert max(arrivals(race), key=arrivals(race).get) == "AdaGrad"
    assert arrivals(race)["AdaGrad"] > STEPS


@pytest.mark.parametrize("surface", SURFACES)
def test_adagrad_is_first_from_every_own_start(surface):
    """On the plateau together with RMSprop; Adam is nowhere first."""
    steps = arrivals(OptimizerRace(surface))
    first = {name for name, step in steps.items() if step == min(steps.values())}
    assert first == ({"AdaGrad", "RMSprop"} if surface == "plateau" else {"AdaGrad"})


def test_momentum_escapes_some_gabor_minima():
    race = OptimizerRace("Gabor model", step=STEPS)
    runners = race.numbers()["runners"]
    assert runners["momentum"]["loss"] < 1e-6 < 1 < runners["SGD"]["loss"]
    race.rates = "one for all"
    runners = race.numbers()["runners"]
    assert runners["momentum"]["loss"] < 1e-6 < 1 < runners["SGD"]["loss"]
    race.start = [5, 10]
    assert race.numbers()["runners"]["momentum"]["loss"] > 1


def test_surface_sets_start_and_eta():
    race = OptimizerRace(start=(1, 1), eta=1)
    race.set(surface="Rosenbrock")
    assert (race.start, race.eta) == ([-1.5, 1.5], 0.02)
    race.set(surface="Gabor model", start=(-3, 9))
    assert (race.start, race.eta) == ([-3, 9], 0.2)
    with pytest.raises(traitlets.TraitError, match="is not on the map"):
        race.surface = "valley"


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"surface": "hill"}, "surface"),
        (
            {"start": [2.1, 0]},
            r"start \[2.1, 0.0\] is not on the map from \(-2, -1.5\) to \(2, 1.5\)",
        ),
        ({"start": [0]}, "start"),
        ({"eta": 0}, "eta"),
        ({"alpha": 1.1}, "alpha"),
        ({"beta2": 1}, "beta2"),
        ({"shown": ["Adam", "Muon"]}, "shown"),
        ({"step": 201}, "step"),
    ],
)
def test_invalid_traits_are_refused(traits, message):
    race = OptimizerRace(step=3)
    before = race.get_state()
    with pytest.raises(traitlets.TraitError, match=message):
        race.set(**traits)
    assert race.get_state() == before
    with pytest.raises(traitlets.TraitError, match=message):
        OptimizerRace(**traits)
