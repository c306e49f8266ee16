"""The worked numbers of workbook 04, recomputed by code that shares nothing with the ledger.

Some of them answer exercises and so cannot be stored as outputs before their check. Whatever a
lecture's own formula gives beside the right one is computed too.
"""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import nn

from course_utils import _torchvision  # noqa: F401  (the next line works with any torch)

import torchvision  # isort: skip
import itertools


def dense(inputs, outputs, bias=1):
    return inputs * outputs + bias * outputs


def conv(inputs, outputs, k, bias=1):
    return outputs * (inputs * k * k + bias)


def chain(*widths, bias=1):
    pairs = itertools.pairwise(widths)
    return sum(dense(inputs, outputs, bias) for inputs, outputs in pairs)


def side(n, *steps):
    """Side of a map after steps of (kernel, stride, padding)."""
    for k, s, p in steps:
        n = (n + 2 * p - k) // s + 1
    return n


def held(*layers):
    """The same by PyTorch."""
    return sum(parameter.numel() for layer in layers for parameter in layer.parameters())


POOL = (2, 2, 0)


def test_neuron_parameters():
    assert held(nn.Linear(5, 1, bias=False)) == dense(5, 1, 0) == 5
    assert held(nn.Linear(5, 1)) == dense(5, 1) == 6
    assert held(nn.Linear(5, 3)) == dense(5, 3) == 18
    assert held(nn.Conv1d(1, 1, 3)) == 3 + 1


def test_first_dense_layer_and_near_miss():
    assert dense(784, 256) == held(nn.Linear(784, 256)) == 200_960
    assert dense(784, 256, bias=0) == 200_704
    assert 38_400 == 150 * 256 != 784 * 256


def test_mlpnet_and_lenet_parameters():
    assert chain(784, 256, 84, 10) == 223_398
    assert side(28, (5, 1, 0), POOL, (5, 1, 0), POOL) == 4
    parts = [conv(1, 6, 5), conv(6, 16, 5), dense(16 * 4 * 4, 84), dense(84, 10)]
    assert parts == [156, 2_416, 21_588, 850]
    assert sum(parts) == 25_010


def lenet_costs(first=6, second=16):
    """(parameters, multiply-adds) of the LeNet variant with other numbers of filters."""
    parameters = conv(1, first, 5) + conv(first, second, 5) + chain(16 * second, 84, 10)
    work = first * 24**2 * 25 + second * 8**2 * first * 25 + 16 * second * 84 + 84 * 10
    return parameters, work


def test_two_changes_halve_lenets_costs():
    parameters, work = lenet_costs()
    assert (parameters, work) == (25_010, 262_344)
    assert round(100 * lenet_costs(second=8)[0] / parameters) == 52
    fewer = lenet_costs(first=3)
    assert round(100 * fewer[1] / work) == 54
    assert round(100 * fewer[0] / parameters) == 95


def test_convolution_parameters_and_near_misses():
    layer = nn.Conv2d(6, 16, 5)
    assert held(layer) == conv(6, 16, 5) == 2_416
    assert conv(1, 16, 5) == 416
    assert layer.weight.numel() == 2_400
    assert 16 * 6 * (5 * 5 + 1) == 2_496
    assert held(nn.MaxPool2d(2)) == 0


@pytest.mark.parametrize("with_bias", [False, True])
def test_worked_9x9_example(with_bias):
    bias = int(with_bias)
    fully = chain(81, 20, 10, bias=bias)
    filters = conv(1, 3, 3, bias)
    pooled = filters + chain(3 * side(9, (3, 1, 1), (3, 3, 0)) ** 2, 20, 10, bias=bias)
    same = filters + chain(3 * side(9, (3, 1, 1)) ** 2, 20, 10, bias=bias)
    valid = filters + chain(3 * side(9, (3, 1, 0)) ** 2, 20, 10, bias=bias)
    extra = 33 * bias
    assert (fully, pooled) == ((1_850, 800) if with_bias else (1_820, 767))
    assert (same, valid) == (5_087 + extra, 3_167 + extra)
    assert min(same, valid) > fully > pooled


def test_cifar_network_parameters():
    assert dense(3_072, 10) == 30_730
    assert side(32, (5, 1, 0), POOL, (5, 1, 0), POOL) ** 2 * 16 == 400
    parts = [conv(3, 8, 5), conv(8, 16, 5), dense(400, 256), dense(256, 10)]
    assert parts == [608, 3_216, 102_656, 2_570]
    assert sum(parts) == 109_050
    assert chain(3_072, 256, 100, 10) == 813_398


def test_meml_and_keras_parameters():
    assert chain(784, 200, 100, 10) == 178_110
    flat = 16 * side(28, (5, 1, 0), POOL, (3, 1, 0), POOL) ** 2
    assert flat == 400
    assert conv(1, 8, 5) + conv(8, 16, 3) + dense(flat, 10) == 5_386
    flat = 64 * side(28, (3, 1, 0), POOL, (3, 1, 0), POOL) ** 2
    assert conv(1, 32, 3) + conv(32, 64, 3) + dense(flat, 10) == 34_826


def test_flatten_size_and_near_misses():
    five, three = (5, 1, 0), (3, 1, 0)
    assert 16 * side(28, five, POOL, three, POOL) ** 2 == 400
    assert 16 * side(28, five, POOL, three) ** 2 == 1_600
    assert 16 * side(28, five, three, POOL) ** 2 == 1_936
    assert 16 * side(28, five, three) ** 2 == 7_744
    assert 16 * side(28, (5, 1, 2), POOL, (3, 1, 1), POOL) ** 2 == 784


def test_speech_network_parameters():
    assert 2 * 60 * 8_000 == 960_000
    assert chain(960_000, 10_000, 1_000, 1) == 9_610_012_001
    assert round(4 * 9_610_012_001 / 1e9, 1) == 38.4


ALEXNET = [(3, 64, 11), (64, 192, 5), (192, 384, 3), (384, 256, 3), (256, 256, 3)]


def test_alexnet_in_torchvision():
    with torch.device("meta"):
        net = torchvision.models.alexnet()
    features, head = sum(conv(*one) for one in ALEXNET), chain(9_216, 4_096, 4_096, 1_000)
    assert held(net.features) == features == 2_469_696
    assert held(net.classifier) == head
    assert held(net) == features + head == 61_100_840
    assert round(100 * head / 61_100_840) == 96
    places = side(224, (11, 4, 2), (3, 2, 0), (5, 1, 2), (3, 2, 0), *[(3, 1, 1)] * 3, (3, 2, 0))
    assert 256 * places**2 == 9_216


def test_alexnet_with_global_average_is_small():
    assert 2_469_696 + dense(256, 1_000) == 2_726_696 < 3_000_000
    assert 2_469_696 + dense(9_216, 1_000) > 3_000_000
    assert 2_469_696 + chain(256, 4_096, 1_000) > 3_000_000
    assert 2_469_696 + chain(9_216, 50, 1_000) < 3_000_000  # another way that is right


def test_alexnet_without_pool_fits_one_size():
    with torch.device("meta"):
        net = torchvision.models.alexnet()
        listed = nn.Sequential(net.features, nn.Flatten(), net.classifier)
        assert listed(torch.zeros(1, 3, 224, 224)).shape == (1, 1000)
        assert net(torch.zeros(1, 3, 256, 256)).shape == (1, 1000)
        with pytest.raises(RuntimeError, match="12544"):
            listed(torch.zeros(1, 3, 256, 256))


def test_alexnet_of_2012_had_two_groups():
    grouped = [(3, 96, 11), (48, 256, 5), (256, 384, 3), (192, 384, 3), (192, 256, 3)]
    head = chain(9_216, 4_096, 4_096, 1_000)
    assert sum(conv(*one) for one in grouped) + head == 60_965_224


def test_linear_layers_collapse():
    generator = torch.Generator().manual_seed(1)
    first, second, x = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((256, 784), (10, 256), (784, 50))
    )
    assert torch.allclose(second @ (first @ x), (second @ first) @ x)
    assert not torch.allclose(second @ torch.relu(first @ x), (second @ first) @ x)
    assert (first.numel() + second.numel(), (second @ first).numel()) == (203_264, 7_840)


def test_one_hidden_unit_gives_rank_one():
    generator = torch.Generator().manual_seed(1)
    first, second, x = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((20, 6), (5, 20), (6, 40))
    )
    ranks = [torch.linalg.matrix_rank(second[:, :h] @ torch.relu(first[:h] @ x)) for h in (1, 20)]
    assert ranks == [1, 5]


def test_depth_does_not_shrink_parameters():
    widths = [outputs for _, outputs, _ in ALEXNET]
    assert widths != sorted(widths, reverse=True)


def local(places, outputs, k, inputs):
    """A layer whose outputs see windows and share nothing."""
    return places * outputs * (inputs * k * k + 1)


def test_locality_and_sharing_save_apart():
    counts = dense(3_072, 8 * 1_024), local(1_024, 8, 3, 3), conv(3, 8, 3)
    assert counts == (25_174_016, 229_376, 224)
    assert counts[1] / counts[2] > counts[0] / counts[1]
    larger = dense(3 * 64**2, 8 * 64**2), local(64**2, 8, 3, 3), conv(3, 8, 3)
    assert [after > before for before, after in zip(counts, larger, strict=True)] == [1, 1, 0]


def test_local_layer_with_one_kernel_is_a_convolution():
    layer = nn.Conv2d(3, 8, 3, padding=1).double()
    images = torch.rand(2, 3, 6, 6, dtype=torch.float64)
    windows = nn.functional.unfold(images, 3, padding=1)  # (N, 27, places)
    weights = layer.weight.flatten(1).expand(36, 8, 27)  # one kernel for a place, all the same
    outputs = torch.einsum("pow,nwp->nop", weights, windows) + layer.bias[:, None]
    assert torch.allclose(outputs.view(2, 8, 6, 6), layer(images))


def test_lenets_first_layer_three_ways():
    assert side(28, (5, 1, 0)) == 24
    counts = dense(784, 6 * 576), local(576, 6, 5, 1), conv(1, 6, 5)
    assert counts == (2_712_960, 89_856, 156)


def test_each_column_of_lenet_has_another_winner():
    from course_utils import models

    book = models.ledger(models.lenet(), (1, 28, 28))
    shares = {
        name: getattr(book.largest(name), name) / getattr(book, name)
        for name in ("parameters", "multiply_adds", "memory")
    }
    assert [book.largest(name).name for name in shares] == ["dense1", "conv2", "conv1"]
    assert [round(100 * share) for share in shares.values()] == [86, 59, 53]


def test_convnets_do_more_work_with_fewer_parameters():
    from course_utils import models

    pairs = [
        (models.workshop_convnet(), models.workshop_mlp(), (3, 32, 32), 7),
        (models.meml_convnet(), models.meml_mlp(), (1, 28, 28), 33),
    ]
    for convnet, fully, shape, factor in pairs:
        small, large = (models.ledger(model, shape) for model in (convnet, fully))
        assert round(large.parameters / small.parameters) == factor
        assert small.multiply_adds > large.multiply_adds


def notebook_functions(*ids):
    """What some cells of the workbook define."""
    from course_utils.workbooks import select_workbooks

    cells = json.loads(select_workbooks(["04"], further=False)[0].read_text("utf-8"))["cells"]
    namespace = {"torch": torch, "nn": nn}
    for cell in cells:
        if cell["id"] in ids:
            exec("".join(cell["source"]), namespace)
    return namespace


def test_dense_layers_take_more_time_than_work():
    """Thresholds only: the shares depend on the machine."""
    names = notebook_functions("def-milliseconds", "def-alexnet-times")
    milliseconds, dense_milliseconds = names["milliseconds"], names["dense_milliseconds"]
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.device("meta"):
            features = torchvision.models.alexnet().features
        features = names["fill"](features)
        sizes = [(9216, 2048), (9216, 2048), (4096, 4096), (4096, 1000)]  # as in the notebook
        shares = {}
        for images in (1, 8):
            in_dense = sum(dense_milliseconds(*size, images) for size in sizes)
            in_conv = milliseconds(features, torch.rand(images, 3, 224, 224))
            shares[images] = in_dense / (in_dense + in_conv)
    finally:
        torch.set_num_threads(cores)
    assert shares[1] > 2 * 0.082
    assert shares[8] < shares[1]


def test_global_average_is_one_number_per_map():
    maps = torch.rand(2, 256, 6, 6)
    means = nn.AdaptiveAvgPool2d(1)(maps)
    assert means.shape == (2, 256, 1, 1)
    assert torch.allclose(means.flatten(1), maps.mean((2, 3)))


# Further ------------------------------------------------------------------------------------------


def test_separable_and_stacked_kernels():
    free = {"bias": 0}
    assert conv(128, 128, 3, **free) == 147_456
    assert conv(1, 128, 3, **free) + conv(128, 128, 1, **free) == 17_536
    stacked, large = 2 * conv(128, 128, 3, **free), conv(128, 128, 5, **free)
    assert round(100 * (1 - stacked / large)) == 28
    squeezed = conv(128, 32, 1, **free) + conv(32, 32, 3, **free) + conv(32, 128, 1, **free)
    assert squeezed == 17_408


def test_adam_keeps_four_numbers_per_weight():
    assert 61_100_840 * 4 * 4 == 977_613_440


def test_depth_against_width():
    x = [i / 2**12 for i in range(2**12 + 1)]
    for _ in range(8):
        x = [1 - abs(2 * value - 1) for value in x]
    rising = [b > a for a, b in itertools.pairwise(x)]
    pieces = 1 + sum(a != b for a, b in itertools.pairwise(rising))
    assert pieces == 2**8
    deep, wide = chain(1, *[2] * 8, 1), chain(1, pieces - 1, 1)
    assert (deep, wide) == (49, 766)


def test_where_low_rank_stops_saving():
    n, m = 9_216, 4_096
    assert math.floor(n * m / (n + m)) == 2_835
    assert round(100 * 256 * (n + m) / (n * m)) == 9


def test_blocks_with_64_channels():
    free = {"bias": 0}
    plain = conv(64, 64, 3, **free)
    separable = conv(1, 64, 3, **free) + conv(64, 64, 1, **free)
    squeezed = conv(64, 16, 1, **free) + conv(16, 16, 3, **free) + conv(16, 64, 1, **free)
    assert max(separable, squeezed) < 0.2 * plain
    assert round(100 * (1 - 2 * plain / conv(64, 64, 5, **free))) == 28


def famous(*names):
    """Ledgers of networks of torchvision, on the meta device."""
    from course_utils import models

    with torch.device("meta"):
        networks = [getattr(torchvision.models, name)() for name in names]
    return [models.ledger(network, (3, 224, 224)) for network in networks]


def test_famous_networks_have_published_parameters():
    spelt = {"alexnet": "AlexNet", "vgg16": "VGG16", "resnet18": "ResNet18"}
    for book, (name, weights) in zip(famous(*spelt), spelt.items(), strict=True):
        meta = getattr(torchvision.models, f"{weights}_Weights").DEFAULT.meta
        assert book.parameters == meta["num_params"], name
        assert round(book.multiply_adds / 1e9, 3) == round(meta["_ops"], 3)


def test_alexnet_has_more_weights_and_less_work_than_resnet():
    alexnet, resnet = famous("alexnet", "resnet18")
    assert 5 < alexnet.parameters / resnet.parameters < 5.5
    assert alexnet.multiply_adds < resnet.multiply_adds / 2


def test_resnet_work_is_level_and_parameters_grow():
    (book,) = famous("resnet18")
    stages = [
        [row for row in book.rows if len(row.shape or ()) == 3 and row.shape[1] == side]
        for side in (56, 28, 14, 7)
    ]
    work = [sum(row.multiply_adds for row in stage) for stage in stages]
    weights = [sum(row.parameters for row in stage) for stage in stages]
    assert max(work) < 1.15 * min(work)
    assert weights == sorted(weights)
    assert 0.65 < weights[-1] / book.parameters < 0.75


def test_vgg_works_most_on_middle_maps():
    from course_utils import models

    with torch.device("meta"):
        vgg = torchvision.models.vgg16()
    book = models.ledger(vgg, (3, 224, 224))
    work = dict.fromkeys((224, 112, 56, 28, 14), 0)
    for row in book.rows[1:]:
        if len(row.shape) == 3 and row.shape[1] in work:
            work[row.shape[1]] += row.multiply_adds
    assert {*sorted(work, key=work.get)[-2:]} == {56, 28}
    assert work[56] + work[28] > book.multiply_adds / 2


def test_training_memory_by_batch():
    def memory(book, images):
        return 16 * book.parameters + images * book.memory

    alexnet, resnet = famous("alexnet", "resnet18")
    assert 4.5 < memory(alexnet, 1) / memory(resnet, 1) < 5.5
    assert 2.5 < memory(resnet, 256) / memory(alexnet, 256) < 3.5
    assert memory(resnet, 64) > memory(alexnet, 64)


def test_further_fold_costs_six_or_doubles():
    deep = [chain(1, *[2] * folds, 1) for folds in (6, 7, 8)]
    wide = [chain(1, 2**folds - 1, 1) for folds in (6, 7, 8)]
    assert deep == [37, 43, 49]
    assert wide == [190, 382, 766]


def test_same_folded_graph_takes_a_unit_more():
    """The bends change the slope by 128 each, so they alone cannot make the first, 64."""
    x = torch.linspace(0, 1, 2**12 + 1, dtype=torch.float64)
    folded = x
    for _ in range(6):
        folded = 2 * torch.relu(folded) - 4 * torch.relu(folded - 0.5)
    slopes = folded.diff() / x.diff()
    changes = slopes.diff()
    bends = changes.nonzero().flatten()
    assert len(bends) == 63
    assert slopes[0] == 64
    assert {*changes[bends].abs().tolist()} == {128}
    ends = torch.cat([torch.zeros(1), x[1:][bends]])
    weights = torch.cat([slopes[:1], changes[bends]])
    torch.testing.assert_close(torch.relu(x[:, None] - ends) @ weights, folded)
