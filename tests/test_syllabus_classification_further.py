"""The worked numbers of further/05, and what its prose claims, recomputed by other code."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import datasets, models, training
from course_utils.exercises import classification_further as ex

BEFORE = [1.3, 0.4, 0.5, 1.5, 3.2, 0.9]
MASK = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]


# The textbook's networks -------------------------------------------------------------------------


def test_meml_convnet_has_thirtieth_of_parameters():
    mlp, cnn = (
        sum(p.numel() for p in make().parameters())
        for make in (models.meml_mlp, models.meml_convnet)
    )
    assert (mlp, cnn) == (178_110, 5_386)
    assert 28 < mlp / cnn < 35


def test_softmax_before_cross_entropy_costs_loss():
    sure = torch.tensor([[50.0] + [0] * 9])
    twice = F.cross_entropy(sure.softmax(1), torch.tensor([0])).item()
    assert F.cross_entropy(sure, torch.tensor([0])).item() < 1e-6
    assert twice == pytest.approx(-math.log(math.e / (math.e + 9)), abs=1e-5)
    assert round(twice, 2) == 1.46


# Features by hand --------------------------------------------------------------------------------


def test_edge_direction_ignores_polarity():
    dx, dy = torch.tensor([[3.0, 0]]), torch.tensor([[0.0, 4]])
    histogram = ex.orientation_histogram(dx, dy, 4)
    assert histogram.tolist() == pytest.approx([0.6, 0, 0.8, 0])
    assert torch.allclose(ex.orientation_histogram(-dx, -dy, 4), histogram)
    assert torch.allclose(ex.orientation_histogram(7 * dx, 7 * dy, 4), histogram)


def test_normalised_histogram_example():
    h, other = torch.tensor([3.0, 0, 4, 0]), torch.tensor([0.0, 4, 0, 3])
    assert h.norm() == other.norm() == 5
    assert (h / 5).tolist() == pytest.approx([0.6, 0, 0.8, 0])
    assert 8 * (1 + 8 + 8) == 136


# Activations -------------------------------------------------------------------------------------


def test_unstable_forms_break_in_float32():
    for x in (-30.0, -2.0, 0.0, 2.0, 30.0):
        sigmoid = 1 / (1 + math.exp(-x))
        assert math.isclose(sigmoid, math.exp(x) / (math.exp(x) + 1))
        first = 2 / (1 + math.exp(-2 * x)) - 1
        second = 2 * math.exp(2 * x) / (math.exp(2 * x) + 1) - 1
        assert math.isclose(first, second, abs_tol=1e-12)
        assert math.isclose(first, math.tanh(x), abs_tol=1e-12)
    large = torch.tensor(100.0)
    assert (large.exp() / (large.exp() + 1)).isnan()
    assert 1 / (1 + (-large).exp()) == 1


def test_largest_slopes():
    x = torch.linspace(-8, 8, 1601, requires_grad=True)
    for act, top in ((torch.sigmoid, 0.25), (torch.tanh, 1.0), (torch.relu, 1.0)):
        (slope,) = torch.autograd.grad(act(x).sum(), x)
        assert slope.max().item() == pytest.approx(top, abs=1e-4)


def fade(act, seed, good_start):
    """Gradient over weights in the first and in the last of twenty hidden layers."""
    digits = datasets.load("digits")
    deep = digits.train_images[:200].float().flatten(1)
    deep = (deep - deep.mean()) / deep.std()
    torch.manual_seed(seed)
    layers = [nn.Linear(64, 64) for _ in range(20)] + [nn.Linear(64, 10)]
    for layer in layers[:20] if good_start else []:
        nn.init.kaiming_normal_(layer.weight)
    for layer in layers[:-1]:
        deep = act(layer(deep))
    F.cross_entropy(layers[-1](deep), digits.train_labels[:200]).backward()
    shares = [(layer.weight.grad.norm() / layer.weight.detach().norm()).item() for layer in layers]
    return shares[0], shares[19]


@pytest.mark.parametrize("seed", range(5))
def test_gradients_fade_with_depth(seed):
    first, last = fade(torch.sigmoid, seed, good_start=True)
    assert first < 1e-8 * last
    first, last = fade(torch.relu, seed, good_start=True)
    assert 0.1 < first / last < 10
    first, last = fade(torch.relu, seed, good_start=False)
    assert first < 1e-4 * last


def test_default_init_against_he():
    assert nn.Linear(64, 64).weight.std().item() == pytest.approx(1 / (8 * math.sqrt(3)), rel=0.1)
    assert math.sqrt(2 / 64) / (1 / (8 * math.sqrt(3))) == pytest.approx(2.4, abs=0.06)


def killed(act, seed, bias=-6.0):
    """Accuracy of a network whose first layer starts silent, after twenty epochs."""
    digits = datasets.load("digits")
    torch.manual_seed(seed)
    layers = [nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
    nn.init.constant_(layers[0].bias, bias)
    net = nn.Sequential(nn.Flatten(), *[part for layer in layers for part in (layer, act)][:-1])
    training.fit(
        net,
        (digits.train_images, digits.train_labels),
        epochs=20,
        batch_size=50,
        seed=seed,
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    )
    return training.evaluate(net, (digits.test_images, digits.test_labels)).accuracy


@pytest.mark.parametrize("seed", range(5))
def test_tanh_fades_least_with_default_weights(seed):
    shares = {
        act: (lambda first, last: first / last)(*fade(act, seed, good_start=False))
        for act in (torch.tanh, torch.relu, torch.sigmoid)
    }
    assert shares[torch.tanh] > 10 * max(shares[torch.relu], shares[torch.sigmoid])
    first, last = fade(torch.tanh, seed, good_start=True)
    assert 0.1 < first / last < 10


def dead_units(layers, images):
    """(3, 64): which units of the hidden layers give nothing for any image."""
    deep, dead = images, []
    for layer in layers[:-1]:
        deep = torch.relu(layer(deep))
        dead.append((deep <= 0).all(0))
    return torch.stack(dead)


@pytest.mark.parametrize("seed", range(2))
def test_dead_units_return_in_deeper_layers_only(seed):
    digits = datasets.load("digits")
    images, labels = digits.train_images.float().flatten(1) / 255, digits.train_labels
    torch.manual_seed(seed)
    layers = nn.ModuleList([nn.Linear(64, width) for width in (64, 64, 64, 10)])
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
    optimizer, before = torch.optim.SGD(layers.parameters(), lr=0.85), dead_units(layers, images)
    back = 0
    for _ in range(10):
        for rows in torch.randperm(1000).split(50):
            deep = images[rows]
            for layer in layers[:-1]:
                deep = torch.relu(layer(deep))
            optimizer.zero_grad()
            F.cross_entropy(layers[-1](deep), labels[rows]).backward()
            optimizer.step()
        now = dead_units(layers, images)
        back += (before & ~now).sum(1)
        before = now
    assert back[0] == 0
    assert min(back[1:]) > 5
    assert now.float().mean() > 0.3


@pytest.mark.parametrize("seed", range(3))
def test_only_leaky_relu_revives_first_layer(seed):
    assert killed(nn.ReLU(), seed) < 0.15
    assert killed(nn.LeakyReLU(0.1), seed) > 0.35


# Holding a network back --------------------------------------------------------------------------


def test_true_labels_score_on_noisy_labels():
    assert pytest.approx(0.64) == 1 - 0.4 + 0.4 / 10


@pytest.mark.parametrize(
    ("penalty", "decay", "after"), [(0, 0, 1.95), (0.3, 0, 1.83), (0, 0.3, 1.89), (0, 0.6, 1.83)]
)
def test_l2_by_hand_and_weight_decay(penalty, decay, after):
    assert 2 - 0.1 * (0.5 + 2 * penalty * 2 + decay * 2) == pytest.approx(after)
    w = torch.tensor(2.0, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1, weight_decay=decay)
    (0.5 * w + penalty * w**2).backward()
    optimizer.step()
    assert w.item() == pytest.approx(after)


def test_l2_step_is_double_weight_decay():
    weight, bias = torch.tensor([[1.0, -2.0]]), torch.tensor([0.5])
    grads = torch.tensor([[0.3, 0.1]]), torch.tensor([-0.2])
    new = ex.l2_step(weight, bias, *grads, 0.1, 0.05)
    w, b = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    w.grad, b.grad = grads
    groups = [{"params": [w], "weight_decay": 2 * 0.05}, {"params": [b]}]
    torch.optim.SGD(groups, lr=0.1).step()
    assert torch.allclose(new[0], w)
    assert torch.allclose(new[1], b)


def test_slides_dropout_is_unscaled():
    x, keep = torch.tensor(BEFORE), torch.tensor(MASK)
    assert ex.dropout(x, keep, 0.5).tolist() == pytest.approx([2.6, 0, 0, 3.0, 6.4, 0])
    assert (x * keep).tolist() == pytest.approx([1.3, 0, 0, 1.5, 3.2, 0])


@pytest.mark.parametrize("p", [0.2, 0.5, 0.8])
def test_torch_dropout_rescales_in_training(p):
    layer, ones = nn.Dropout(p), torch.ones(100_000)
    torch.manual_seed(0)
    out = layer(ones)
    assert out.unique().tolist() == pytest.approx([0, 1 / (1 - p)])
    assert out.mean().item() == pytest.approx(1, abs=0.03)
    assert torch.equal(layer.eval()(ones), ones)


def held_back(seed, p=0.0, strength=0.0, patience=None):
    """Share of right answers on test digits after training on labels two fifths of them random."""
    digits = datasets.load("digits")
    generator = torch.Generator().manual_seed(seed)
    labels = digits.train_labels[:400].clone()
    drawn = torch.rand(400, generator=generator) < 0.4
    labels[drawn] = torch.randint(10, (int(drawn.sum()),), generator=generator)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Dropout(p))
    net.extend([nn.Linear(128, 128), nn.ReLU(), nn.Dropout(p), nn.Linear(128, 10)])
    groups = [
        {"params": [w for w in net.parameters() if w.ndim > 1], "weight_decay": 2 * strength},
        {"params": [b for b in net.parameters() if b.ndim == 1]},
    ]
    training.fit(
        net,
        (digits.train_images[:400], labels),
        (digits.train_images[400:], digits.train_labels[400:]),
        epochs=50,
        batch_size=100,
        seed=seed,
        patience=patience,
        optimizer=torch.optim.SGD(groups, lr=0.1, momentum=0.9),
    )
    return training.evaluate(net, (digits.test_images, digits.test_labels)).accuracy


@pytest.mark.training
@pytest.mark.parametrize("seed", range(2))
def test_each_regulariser_helps(seed):
    nothing = held_back(seed)
    assert nothing < 0.75
    for remedy in ({"patience": 8}, {"strength": 0.005}, {"p": 0.5}):
        assert held_back(seed, **remedy) > nothing + 0.05


def moved(images, pixels):
    return images[..., (torch.arange(16) - pixels).clamp(0, 15)]


def small_convnet(images):
    layers = [models.Standardize.like(images)]
    for inputs, filters in ((3, 12), (12, 24)):
        conv = nn.Conv2d(inputs, filters, 3, padding=1)
        layers += [conv, nn.MaxPool2d(2), nn.BatchNorm2d(filters), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(24 * 4 * 4, 10))


@pytest.mark.training
def test_moved_training_images_teach_shifts():
    data = datasets.load("shapes")
    small = datasets.resize(data.train_images[:1600], 16)
    test = datasets.resize(data.test_images[:1000], 16)
    labels, answers = data.train_labels[:1600], data.test_labels[:1000]
    lost = {}
    for places, epochs in ((range(1), 14), (range(-3, 4), 2)):
        train = torch.cat([moved(small, p) for p in places]), labels.repeat(len(places))
        ((model, _),) = training.repeat(
            lambda: small_convnet(small),
            train,
            seeds=[0],
            epochs=epochs,
            batch_size=64,
            schedule="one-cycle",
            optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=0.015),
        )
        shares = [training.evaluate(model, (moved(test, p), answers)).accuracy for p in (0, 3, 6)]
        assert 0.6 <= shares[0] <= 0.82
        lost[len(places)] = [shares[0] - share for share in shares[1:]]
    assert lost[7][0] < 0.75 * lost[1][0]
    assert lost[7][1] > 0.25
