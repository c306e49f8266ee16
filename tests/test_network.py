"""Networks written for the browser: both runners give what PyTorch gives, or the writer refuses."""

import json

import pytest
import torch
from scripts import evaluate
from torch import nn

from course_utils import models
from course_utils.figures.network import export_layers, layer_outputs, pack_tensor, unpack_tensor

RUN = """(() => {
    const outputs = script.layerOutputs(inputs[0], script.unpackTensor(inputs[1]));
    const layers = outputs.map(({ shape, data }) => [shape, [...data]]);
    return [layers, script.softmax(outputs.at(-1).data)];
})()"""


def seeded(*layers: nn.Module) -> nn.Sequential:
    """Layers with weights and running statistics of every sign and size."""
    model = nn.Sequential(*layers).double().eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, values in (*model.named_parameters(), *model.named_buffers()):
            if values.is_floating_point():
                values.copy_(0.5 * torch.randn(values.shape, generator=generator))
            if name.endswith("running_var"):
                values.abs_().add_(0.1)
    return model.float().double()  # what float32 can hold


MODELS = {
    "odd sides and strides": (
        seeded(
            nn.Conv2d(2, 3, (3, 2), stride=2, padding=1),
            nn.Tanh(),
            nn.Conv2d(3, 4, (1, 5), stride=3, padding=3, bias=False),
        ),
        (2, 7, 10),
    ),
    "a window beside the picture": (seeded(nn.Conv2d(1, 2, 3, stride=2, padding=4)), (1, 2, 3)),
    "normalised": (
        seeded(
            nn.BatchNorm2d(2),
            nn.Conv2d(2, 3, 3),
            nn.BatchNorm2d(3),
            nn.ReLU(),
            nn.Dropout(),
            nn.BatchNorm2d(3, affine=False),
            nn.MaxPool2d(3, 2),
        ),
        (2, 9, 8),
    ),
    "the course's": (
        nn.Sequential(
            models.Standardize([0.4, 0.5], [0.2, 0.3]),
            seeded(*models.course_convnet(2, channels=2, batch_norm=True)),
        ).double(),
        (2, 32, 32),
    ),
    "decoder": (
        seeded(
            nn.Unflatten(1, (3, 2, 2)),
            nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Sequential(
                nn.ConvTranspose2d(4, 2, 3, 2, padding=1, output_padding=1), nn.Sigmoid()
            ),
        ),
        (12,),
    ),
    "classifier": (
        seeded(nn.Conv2d(1, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5)),
        (1, 4, 4),
    ),
    "the lecture's": (seeded(*models.keras_convnet()), (1, 28, 28)),
}
EVERY = pytest.mark.parametrize("name", MODELS)


def every_output(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return model(x[None])[0].detach()


def image_of(shape) -> torch.Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    return values.double()


@EVERY
def test_layer_outputs_equal_model(name):
    model, shape = MODELS[name]
    x = image_of(shape)
    result = layer_outputs(export_layers(model), x)[-1]
    torch.testing.assert_close(result, every_output(model, x), rtol=1e-4, atol=1e-4)


@EVERY
def test_browser_layers_equal_twin(name):
    model, shape = MODELS[name]
    layers, x = export_layers(model), image_of(shape)
    outputs, probabilities = evaluate("network", RUN, [layers, pack_tensor(x)])
    expected = layer_outputs(layers, x.float())
    assert [shape for shape, _ in outputs] == [list(output.shape) for output in expected]
    for (_, values), output in zip(outputs, expected, strict=True):
        torch.testing.assert_close(torch.tensor(values).double(), output.flatten())
    torch.testing.assert_close(
        torch.tensor(probabilities).double(), expected[-1].flatten().softmax(0)
    )


def test_batch_norm_folds_into_convolution():
    kinds = [layer["kind"] for layer in export_layers(MODELS["normalised"][0])]
    assert kinds == ["scale", "conv2d", "relu", "scale", "max_pool2d"]


def test_layer_names_equal_model_names():
    assert [layer["name"] for layer in export_layers(MODELS["decoder"][0])] == [
        "0",
        "1",
        "2",
        "3.0",
        "3.1",
    ]
    assert export_layers(models.lenet())[0]["name"] == "conv1"


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_unpack_tensor_inverts_pack_tensor(dtype):
    values = (torch.arange(24) * 37 % 256).reshape(2, 3, 4).to(dtype)
    assert torch.equal(unpack_tensor(pack_tensor(values)), values)
    assert json.loads(json.dumps(pack_tensor(values))) == pack_tensor(values)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.GELU(), "0: a figure cannot run GELU; it runs nn.Sequential of Conv2d"),
        (nn.Conv2d(2, 2, 3, padding="same"), "0: a figure needs the same padding .* got same"),
        (nn.Conv2d(2, 2, 3, stride=(1, 2)), r"the same stride along both axes, got \(1, 2\)"),
        (nn.Conv2d(2, 2, 3, groups=2), "runs groups=1 only, got 2"),
        (nn.Conv2d(2, 2, 3, dilation=2), r"runs dilation=1 only, got \(2, 2\)"),
        (nn.MaxPool2d(3, padding=1), "runs padding=0 only, got 1"),
        (nn.MaxPool2d(2, ceil_mode=True), "runs ceil_mode=False only, got True"),
        (nn.AdaptiveAvgPool2d(2), "runs output_size=1 only, got 2"),
        (nn.Flatten(0), "runs start_dim=1 only, got 0"),
        (nn.BatchNorm2d(2, track_running_stats=False), "cannot run BatchNorm2d"),
        (models.MLPNet(), "cannot run MLPNet"),
    ],
)
def test_export_layers_refuses_unsupported_layer(layer, message):
    with pytest.raises(ValueError, match=message):
        export_layers(nn.Sequential(layer))
