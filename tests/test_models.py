"""The ledger against PyTorch, torchvision's published figures and arithmetic; the networks."""

from __future__ import annotations

import contextlib
from xml.etree import ElementTree

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import models
from course_utils.models import FUNCTION, format_bytes, ledger
from course_utils.models.counting import ATOMIC

import torchvision  # isort: skip  (works once course_utils.models is there)

ARCHITECTURES = {  # name → side of the image
    "alexnet": 224,
    "convnext_tiny": 64,
    "densenet121": 64,
    "efficientnet_b0": 64,
    "efficientnet_v2_s": 64,
    "googlenet": 224,
    "inception_v3": 299,
    "mnasnet0_5": 64,
    "mobilenet_v2": 224,
    "mobilenet_v3_small": 64,
    "vgg11_bn": 64,
    "resnet18": 224,
    "resnet50": 64,
    "resnext50_32x4d": 64,
    "shufflenet_v2_x1_0": 64,
    "squeezenet1_0": 64,
    "swin_t": 64,
    "vgg16": 224,
    "vit_b_16": 224,
    "wide_resnet50_2": 64,
}
PUBLISHED = {
    "alexnet": "AlexNet_Weights",
    "vgg16": "VGG16_Weights",
    "resnet18": "ResNet18_Weights",
    "mobilenet_v2": "MobileNet_V2_Weights",
}
NETWORKS = {
    models.MLPNet: ((1, 28, 28), 223_398),
    models.lenet: ((1, 28, 28), 25_010),
    models.workshop_convnet: ((3, 32, 32), 109_050),
    models.workshop_mlp: ((3, 32, 32), 813_398),
    models.meml_mlp: ((1, 28, 28), 178_110),
    models.meml_convnet: ((1, 28, 28), 5_386),
    models.keras_convnet: ((1, 28, 28), 34_826),
    models.logistic_regression: ((3, 32, 32), 30_730),
    models.course_convnet: ((3, 32, 32), 34_538),
}


def built(name):
    """A torchvision network on the meta device."""
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with torch.device("meta"):
        return getattr(torchvision.models, name)(**options)


def numel(model):
    return sum(parameter.numel() for parameter in model.parameters())


def row(book, name):
    (row,) = [row for row in book.rows if row.name == name]
    return row


# ------------------------------------------------------------ against what others count


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_ledger_counts_parameters_once(name):
    model = built(name)
    book = ledger(model, (3, ARCHITECTURES[name], ARCHITECTURES[name]))
    assert book.parameters == numel(model)
    assert book.buffers == sum(buffer.numel() for buffer in model.buffers())


def test_twenty_architectures_are_compared():
    assert len(ARCHITECTURES) == 20


@pytest.mark.parametrize("name", PUBLISHED)
def test_ledger_equals_torchvisions_figures(name):
    published = getattr(torchvision.models, PUBLISHED[name]).DEFAULT.meta
    book = ledger(built(name), (3, 224, 224))
    assert book.parameters == published["num_params"]
    assert book.multiply_adds / 1e9 == pytest.approx(published["_ops"], rel=0.01)


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Linear(5, 7), (5,), 5 * 7),
        (nn.Linear(5, 7, bias=False), (4, 5), 4 * 5 * 7),
        (nn.Conv2d(3, 8, 5), (3, 32, 30), 8 * 28 * 26 * 3 * 25),
        (nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2), (4, 9, 9), 8 * 5 * 5 * 2 * 9),
        (nn.Conv1d(2, 6, 3), (2, 10), 6 * 8 * 2 * 3),
        (nn.ConvTranspose2d(3, 5, 2, stride=2), (3, 4, 4), 3 * 4 * 4 * 5 * 4),
        (nn.GRU(5, 7, batch_first=True), (4, 5), 4 * 3 * 7 * (5 + 7)),
        (nn.BatchNorm2d(3), (3, 4, 4), 0),
        (nn.MaxPool2d(2), (3, 4, 4), 0),
        (nn.ReLU(), (3, 4, 4), 0),
    ],
)
def test_multiply_adds_equal_hand_count(layer, shape, expected):
    assert ledger(layer, shape).multiply_adds == expected


def test_attention_is_one_row():
    layer = nn.MultiheadAttention(16, 2, batch_first=True)
    tokens = torch.zeros(1, 3, 16)
    book = ledger(layer, (tokens, tokens, tokens))
    assert isinstance(layer, ATOMIC)
    assert [r.type for r in book.rows] == ["", "MultiheadAttention"]
    assert book.parameters == numel(layer)
    assert book.multiply_adds == 3 * 4 * 16 * 16 + 2 * 2 * 3 * 3 * 8


# ------------------------------------------------------------ what is counted once


def test_reused_module_has_two_rows():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 6)

        def forward(self, x):
            return self.layer(self.layer(x))

    book = ledger(Twice(), (6,))
    assert [(r.name, r.parameters, r.multiply_adds) for r in book.rows] == [
        ("input", 0, 0),
        ("layer", 42, 36),
        ("layer", 0, 36),
    ]


def test_shared_weights_count_once():
    shared = nn.Linear(4, 4)
    assert ledger(nn.Sequential(shared, nn.ReLU(), shared), (4,)).parameters == 20
    tied = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4))
    tied[1].weight = tied[0].weight
    book = ledger(tied, (4,))
    assert [r.parameters for r in book.rows] == [0, 16, 4]
    assert book.parameters == numel(tied) == 20
    assert book.multiply_adds == 32


class Functional(nn.Module):
    """Everything at once: functions between layers, a skip, a view, own parameters, a spare."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        self.spare = nn.Linear(3, 3)
        self.weight = nn.Parameter(torch.zeros(2, 4 * 4 * 4))
        self.register_buffer("mean", torch.zeros(5))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2) * self.scale
        x = x + x
        x += 1
        return F.linear(torch.flatten(x, 1), self.weight.T.T)


def test_functions_between_layers_have_rows():
    book = ledger(Functional(), (1, 8, 8))
    functions = [(r.name, r.shape, r.memory) for r in book.rows if r.type == FUNCTION]
    assert functions == [
        ("relu", (4, 8, 8), 4 * 4 * 8 * 8),
        ("max_pool2d", (4, 4, 4), 4 * 4 * 4 * 4),
        ("mul", (4, 4, 4), 4 * 4 * 4 * 4),
        ("add", (4, 4, 4), 4 * 4 * 4 * 4),
        ("flatten", (64,), 0),
        ("linear", (2,), 4 * 2),
    ]
    assert row(book, "linear").multiply_adds == 2 * 64
    assert row(book, "Functional").parameters == 4 + 2 * 64
    assert row(book, "spare").shape is None
    assert row(book, "spare").parameters == 12
    assert book.parameters == numel(Functional())
    assert book.buffers == 5


def test_function_row_is_named_by_module():
    book = ledger(nn.Sequential(Functional(), nn.ReLU()), (1, 8, 8))
    assert row(book, "0.max_pool2d").type == FUNCTION
    assert row(book, "0.conv").multiply_adds == 4 * 8 * 8 * 9


def test_views_and_inplace_take_no_memory():
    layers = nn.Sequential(nn.ReLU(inplace=True), nn.Dropout(), nn.Flatten(), nn.ReLU())
    assert [r.memory for r in ledger(layers, (3, 2, 2)).rows] == [48, 0, 0, 0, 48]


def test_memory_follows_weight_dtype():
    half = nn.Linear(10, 5).to(torch.float16)
    assert [r.memory for r in ledger(half, (10,)).rows] == [20, 10]


# ------------------------------------------------------------ it leaves no traces


def test_ledger_leaves_model_unchanged():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(3, 2))
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    ledger(model, (3,))
    assert torch.equal(torch.rand(2), expected)
    assert [part.training for part in model.modules()] == [True, True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with contextlib.suppress(ValueError):
        ledger(model, (4,))
    for part in model.modules():
        assert not part._forward_hooks
        assert not part._forward_pre_hooks


def test_meta_model_is_never_allocated():
    with torch.device("meta"):
        speech = nn.Sequential(
            nn.Linear(960_000, 10_000), nn.ReLU(), nn.Linear(10_000, 1_000), nn.Linear(1_000, 1)
        )
    book = ledger(speech, (960_000,))
    assert book.parameters == numel(speech) == 9_610_012_001
    assert format_bytes(4 * book.parameters) == "38.4 GB"
    assert all(parameter.is_meta for parameter in speech.parameters())


# ------------------------------------------------------------ what it says


def test_ledger_text_is_marked_table():
    assert str(ledger(models.MLPNet(), (1, 28, 28))).splitlines() == [
        "layer    type      output   parameters  share  multiply-adds  share    memory",
        "input              1×28×28                                           ■ 3.1 kB",
        "flatten  function  784",
        "fc0      Linear    256       ▲ 200,960  90.0%      ● 200,704  90.0%    1.0 kB",
        "fc1      Linear    84           21,588   9.7%         21,504   9.6%     336 B",
        "fc2      Linear    10              850   0.4%            840   0.4%      40 B",
        "total                          223,398               223,048           4.5 kB",
        "▲ most parameters   ● most multiply-adds   ■ most memory",
    ]
    assert "buffers, not trained: 7" in str(ledger(nn.BatchNorm1d(3), (3,)))


def test_ledger_html_equals_text():
    book = ledger(Functional(), (1, 8, 8))
    page = ElementTree.fromstring(f"<div>{book._repr_html_()}</div>")
    cells = [["".join(cell.itertext()) for cell in line] for line in page.iter("tr")]
    assert len(cells) == len(book.rows) + 2
    for line, text in zip(cells, str(book).splitlines(), strict=False):
        assert " ".join(line).split() == text.split()
    assert {cell.get("scope") for cell in page.iter("th")} == {"row", "col", None}


def test_ledger_shares_and_plot():
    book = ledger(built("alexnet"), (3, 224, 224))
    assert book.largest("parameters").name == "classifier.1"
    assert book.largest("multiply_adds").name == "features.3"
    assert 0.955 < book.share("parameters", "Linear") < 0.965
    assert book.share("parameters", "Linear", "Conv2d") == 1
    figure = book.plot()
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert titles == ["parameters: 61,100,840", "multiply-adds: 714,188,480", "memory: 3.0 MB"]
    names = [label.get_text().split()[0] for label in figure.axes[0].get_yticklabels()]
    assert names[-1] == "input"
    assert names[2] == "classifier.1"
    assert figure.axes[0].patches[2].get_width() == pytest.approx(61.8, abs=0.1)


def test_empty_model_has_empty_ledger():
    book = ledger(nn.ReLU(), (3,))
    assert (book.parameters, book.multiply_adds, book.memory) == (0, 0, 24)
    assert book.share("parameters", "Linear") == 0
    assert "total" in str(book)
    assert len(book.plot().axes) == 3


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (38_440_048_004, "38.4 GB"),
        (2e15, "2000.0 TB"),
    ],
)
def test_format_bytes(count, text):
    assert format_bytes(count) == text


# ------------------------------------------------------------ bad questions


@pytest.mark.parametrize("shape", [3, "3", (), (0,), (3.0, 2), (True, 2), None, [(1, 2)]])
def test_ledger_refuses_bad_shape(shape):
    with pytest.raises(ValueError, match="shape of one example, whole numbers such as"):
        ledger(nn.Linear(2, 3), shape)


def test_ledger_refuses_non_module():
    with pytest.raises(TypeError, match=r"needs an nn.Module.* got 'Linear'"):
        ledger("Linear", (3,))


def test_unfit_shape_error_names_layer():
    with pytest.raises(ValueError, match=r"\(3, 28, 28\) does not pass conv1: .*1 channels"):
        ledger(models.lenet(), (3, 28, 28))
    with pytest.raises(ValueError, match=r"\(1, 11, 11\) does not pass the model: "):
        ledger(Functional(), (1, 11, 11))


def test_ledger_refuses_lazy_layer():
    with pytest.raises(ValueError, match="weight has no size yet: run the model once"):
        ledger(nn.LazyLinear(3), (4,))


def test_ledger_takes_tensors_as_input():
    words = torch.tensor([[1, 2, 0]])
    book = ledger(nn.Embedding(5, 4), words)
    assert (book.rows[1].shape, book.parameters) == ((3, 4), 20)
    assert ledger(nn.Bilinear(2, 3, 4), (torch.zeros(1, 2), torch.zeros(1, 3))).parameters == 28


# ------------------------------------------------------------ the networks


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_lecture_networks_have_published_sizes(network):
    shape, parameters = NETWORKS[network]
    model = network()
    assert numel(model) == ledger(model, shape).parameters == parameters
    images = torch.rand(2, *shape)
    scores = model(images)
    assert scores.shape == (2, 10)
    assert not torch.equal(scores[0], scores[1])
    torch.nn.functional.cross_entropy(scores, torch.tensor([3, 1])).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


@pytest.mark.parametrize("batch_norm", [False, True])
def test_course_convnet_options(batch_norm):
    model = models.course_convnet(4, classes=7, channels=1, batch_norm=batch_norm, blocks=3)
    names = ["conv", "norm", "relu", "pool"] if batch_norm else ["conv", "relu", "pool"]
    blocks = [f"{name}{number}" for number in (1, 2, 3) for name in names]
    assert list(dict(model.named_children())) == [*blocks, "flatten", "dense"]
    shapes = {r.name: r.shape for r in ledger(model, (1, 32, 32)).rows}
    assert [shapes[f"conv{n}"] for n in (1, 2, 3)] == [(4, 32, 32), (8, 16, 16), (16, 8, 8)]
    assert shapes["dense"] == (7,)
    assert numel(model) == 104 + 808 + 3_216 + 1_799 + batch_norm * 2 * 28


def test_logistic_regression_takes_any_shape():
    model = models.logistic_regression((1, 28, 28), classes=3)
    assert numel(model) == 3 * 784 + 3
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 3)


def test_standardize_gives_zero_mean_unit_deviation():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 200, (50, 3, 8, 6), dtype=torch.uint8, generator=generator)
    images[:, 1] //= 3
    layer = models.Standardize.like(images)
    scaled = layer(images / 255)
    assert scaled.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert scaled.std((0, 2, 3), correction=0).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    assert list(layer.parameters()) == []
    copy = models.Standardize(torch.zeros(3), torch.ones(3))
    copy.load_state_dict(layer.state_dict())
    assert torch.equal(copy(images / 255), scaled)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.zeros(2, 3, 4, 4), r"torch.float32 of shape \(2, 3, 4, 4\)"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), r"torch.uint8 of shape \(3, 4, 4\)"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), "channel 0 is constant"),
    ],
)
def test_standardize_refuses_bad_images(images, words):
    with pytest.raises(ValueError, match=words):
        models.Standardize.like(images)
