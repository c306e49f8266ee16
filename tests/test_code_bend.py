"""The code bend: its twin against plain arithmetic, its script, and the state it opens in."""

import json

import pytest
import torch
import traitlets
from scripts import evaluate, numbers_in_javascript, same
from sklearn.decomposition import PCA
from torch import nn

from course_utils import models
from course_utils.figures.code_bend import STEPS, CodeBend
from course_utils.figures.network import unpack_tensor

NAMES = ["runs", "run", "code", "turn", "tilt"]
ANGLES = torch.arange(0, 360, 30.0)


def pictures(seed=0):
    return torch.rand(12, 1, 6, 6, generator=torch.Generator().manual_seed(seed))


def network(seed=0):
    torch.manual_seed(seed)
    return models.dense_autoencoder(1, side=6, hidden=8)


@pytest.fixture
def random_bend():
    return CodeBend({"random": (ANGLES, pictures(), network())})


def state_of(bend):
    return {name: getattr(bend, name) for name in NAMES}


def test_places_equal_sklearn_pca(random_bend):
    pixels = pictures().flatten(1).double().numpy()
    expected = torch.tensor(PCA(3).fit_transform(pixels))
    places = torch.tensor(random_bend.runs[0]["places"], dtype=torch.float64)
    torch.testing.assert_close(places.abs(), expected.abs(), atol=1e-6, rtol=0)
    assert (places[-1] >= places[0]).all()


def test_slider_runs_over_codes_and_line(random_bend):
    model, pixels = network(), pictures().flatten(1).double()
    with torch.no_grad():
        codes = model.encoder(pictures())[:, 0]
    run = random_bend.runs[0]
    mean, axes = (unpack_tensor(run[name]) for name in ("mean", "axes"))
    along = (pixels - mean) @ axes[0]
    for share, pick in ((0, min), (100, max)):
        random_bend.code = share
        numbers = random_bend.numbers()
        ends = (
            pick(codes.tolist())
            if codes[0] <= codes[-1]
            else (max, min)[pick is max](codes.tolist())
        )
        assert numbers["code"] == pytest.approx(ends)
        assert numbers["places"]["line"][0] == pytest.approx(pick(along.tolist()), abs=1e-6)
        assert numbers["places"]["line"][1:] == pytest.approx([0, 0], abs=1e-6)
        with torch.no_grad():
            decoded = model.decoder(torch.tensor([[ends]])).flatten().double()
        differences = (pixels - decoded).square().mean(1)
        assert numbers["nearest"]["network"] == differences.argmin()
        assert numbers["errors"]["network"] == pytest.approx(differences.min().item(), rel=1e-4)
        place = ((decoded - mean) @ axes.T).tolist()
        assert numbers["places"]["network"] == pytest.approx(place, abs=1e-5)
        assert numbers["curve"][0 if share == 0 else STEPS] == numbers["places"]["network"]


def test_view_turns_without_stretching(random_bend):
    place = random_bend.numbers()["places"]["network"]
    for turn, tilt, expected in ((0, 90, place[:2]), (0, 0, [place[0], place[2]])):
        random_bend.set(turn=turn, tilt=tilt)
        assert random_bend.numbers()["seen"]["network"] == pytest.approx(expected)
    random_bend.set(turn=-70, tilt=90)
    across, up = random_bend.numbers()["seen"]["network"]
    assert across**2 + up**2 == pytest.approx(place[0] ** 2 + place[1] ** 2)


def test_browser_computes_the_same():
    bend, states = CodeBend.example(), []
    for run, code, turn, tilt in (
        (0, 0, 0, 0),
        (1, 37, -50, 20),
        (0, 100, 180, 90),
        (1, 62, 5, 45),
    ):
        bend.set(run=run, code=code, turn=turn, tilt=tilt)
        states.append(state_of(bend) | {"twin": bend.numbers()})
    for state, shown in zip(states, numbers_in_javascript(CodeBend, states), strict=True):
        assert same(shown, state["twin"], CodeBend.tolerance)


def test_summary_says_both_differences(random_bend):
    expression = "script.figure.summary(inputs, script.figure.numbers(inputs))"
    text = evaluate("code_bend", expression, state_of(random_bend))
    errors = random_bend.numbers()["errors"]
    assert f"network {errors['network']:.4f}, PCA {errors['line']:.4f}" in text


def two_numbers():
    return models.dense_autoencoder(2, side=6, hidden=8)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ((ANGLES, pictures()[:, 0], network()), r"must be \(N, 1, S, S\).* got \(12, 6, 6\)"),
        ((ANGLES[:3], pictures()[:3], network()), "N from 4 to 100"),
        ((ANGLES[:5], pictures(), network()), "12 pictures but 5 angles"),
        ((ANGLES, pictures(), two_numbers()), r"must be one number, got \(2,\)"),
    ],
)
def test_invalid_run_is_refused(run, message):
    with pytest.raises(ValueError, match=f"bad: .*{message}"):
        CodeBend({"bad": run})


def test_empty_runs_and_unknown_layer_are_refused():
    with pytest.raises(ValueError, match="at least one run"):
        CodeBend({})
    model = network()
    model.decoder.append(nn.Softplus())
    with pytest.raises(ValueError, match="cannot run Softplus"):
        CodeBend({"bad": (ANGLES, pictures(), model)})


@pytest.mark.parametrize("traits", [{"run": 1}, {"run": -1}, {"code": 101}, {"tilt": -1}])
def test_invalid_traits_are_refused(random_bend, traits):
    before = random_bend.get_state()
    with pytest.raises(traitlets.TraitError):
        random_bend.set(**traits)
    assert random_bend.get_state() == before


def test_browser_refuses_unknown_run(random_bend):
    expression = """(() => { try { return base.normalize(script.figure, inputs, {run: 3}); }
        catch (error) { return error.message; } })()"""
    text = evaluate("code_bend", expression, json.loads(json.dumps(state_of(random_bend))))
    assert text == "Refused: run 3 lies outside 0 to 0."
