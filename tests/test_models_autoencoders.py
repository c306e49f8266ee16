"""The networks of workbook 07: sizes, counts, and what comes out of them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils import models


def numel(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_autoencoder_has_workshop_sizes():
    model = models.autoencoder()
    images = torch.rand(2, 3, 32, 32)
    code = model.encoder(images)
    assert code.shape == (2, 32, 4, 4)
    assert code[0].numel() == 512 == 3 * 32 * 32 // 6
    assert (numel(model.encoder), numel(model.decoder)) == (10_680, 10_651)
    assert torch.equal(model.decoder(code), model(images))
    assert models.ledger(model, (3, 32, 32)).parameters == 21_331


def test_initial_weights_keep_variance():
    """Biases at 0; one output of a transposed layer adds 4 products for each channel, not 16."""
    torch.manual_seed(0)
    model = models.autoencoder(200)
    for layer in (model.encoder.conv3, model.decoder.up1):
        x = torch.randn(100, layer.in_channels, 8, 8)
        inner = layer(x)[:, :, 1:-1, 1:-1]
        assert inner.var().item() == pytest.approx(1, rel=0.15)
        assert not layer.bias.any()


def test_layers_halve_or_double_sides():
    book = models.ledger(models.autoencoder(), (3, 32, 32))
    kinds = ("Conv2d", "ConvTranspose2d")
    shapes = [row.shape for row in book.rows if row.type in kinds]
    down, up = [(8, 16, 16), (16, 8, 8), (32, 4, 4)], [(16, 8, 8), (8, 16, 16), (3, 32, 32)]
    assert shapes == down + up


def test_code_channels_set_code_size():
    code = models.autoencoder(5).encoder(torch.rand(1, 3, 32, 32))
    assert code.shape == (1, 5, 4, 4)
    assert models.autoencoder(5)(torch.rand(1, 3, 32, 32)).shape == (1, 3, 32, 32)


def test_first_layer_sees_images():
    class Halved(nn.Module):
        def forward(self, images):
            return images / 2

    torch.manual_seed(1)
    plain = models.autoencoder()
    torch.manual_seed(1)
    halved = models.autoencoder(first=Halved())
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(halved(images), plain(images / 2))
    assert halved.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.parametrize(
    ("model", "shape"),
    [(models.autoencoder(), (3, 32, 32)), (models.dense_autoencoder(3), (1, 8, 8))],
    ids=["convolutional", "dense"],
)
def test_every_weight_has_gradient(model, shape):
    images = torch.rand(8, *shape)
    rebuilt = model(images)
    assert rebuilt.shape == images.shape
    assert rebuilt.min() >= 0
    assert rebuilt.max() <= 1
    assert rebuilt.min() < 0.5 < rebuilt.max()  # nothing is cut off before the sigmoid
    assert not torch.equal(rebuilt[0], rebuilt[1])
    nn.functional.mse_loss(rebuilt, images).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_dense_autoencoder_code_is_signed():
    torch.manual_seed(0)
    model = models.dense_autoencoder(4, side=6, hidden=10)
    code = model.encoder(torch.rand(50, 1, 6, 6))
    assert code.shape == (50, 4)
    assert code.min() < 0 < code.max()
    assert numel(model) == (36 * 10 + 10) + (10 * 4 + 4) + (4 * 10 + 10) + (10 * 36 + 36)


@pytest.mark.parametrize("wrong", [0, -1, 2.0, "8", None, True])
def test_autoencoder_refuses_bad_code(wrong):
    with pytest.raises(ValueError, match="code_channels must be a whole number from 1, got"):
        models.autoencoder(wrong)
    with pytest.raises(ValueError, match="code must be a whole number from 1, got"):
        models.dense_autoencoder(wrong)
