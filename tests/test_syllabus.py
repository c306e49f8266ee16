"""The worked numbers of workbooks 01 and 02, recomputed by code that shares nothing with theirs.

Some of them answer exercises and so cannot be stored as outputs; they are kept here. Whatever the
lecture's own formula gives beside the right one is computed too.
"""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F

from course_utils.exercises.tensors import operation

INPUT = [[2, 3, 5, 0], [1, 5, 7, -9], [-5, 2, 1, 1], [2, 0, -2, 4]]
KERNEL = [[1, 0], [0, -1]]
BLUR = [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
TABLE = [
    [1, 2, 3, 4, 12, 9, 8],
    [5, 2, 3, 4, 12, 9, 8],
    [5, 2, 1, 4, 10, 9, 8],
    [7, 2, 1, 4, 12, 7, 8],
    [7, 2, 1, 4, 14, 9, 8],
    [5, 2, 3, 4, 12, 7, 8],
    [5, 2, 1, 4, 12, 9, 8],
]
DUMOULIN = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
X = [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
DIAGONAL, ANTI = [[0, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 0, 0], [0, 1, 0], [1, 0, 0]]


def slid(grid, kernel, stride=1):
    """Multiply and sum over every window, in whole numbers and without any library."""
    tall, wide = len(kernel), len(kernel[0])
    return [
        [
            sum(grid[i + a][j + b] * kernel[a][b] for a in range(tall) for b in range(wide))
            for j in range(0, len(grid[0]) - wide + 1, stride)
        ]
        for i in range(0, len(grid) - tall + 1, stride)
    ]


def framed(grid, by=1):
    wide = len(grid[0]) + 2 * by
    middle = [[0] * by + row + [0] * by for row in grid]
    return [[0] * wide] * by + middle + [[0] * wide] * by


def conv(grid, kernel, **options):
    """The same by PyTorch."""
    image, weight = (torch.tensor(part, dtype=torch.float64)[None, None] for part in (grid, kernel))
    return F.conv2d(image, weight, **options)[0, 0].long().tolist()


def flipped(kernel):
    return [row[::-1] for row in kernel[::-1]]


# 01 · Tensors -------------------------------------------------------------------------------------


def test_a_colour_image_holds_3072_numbers():
    image = torch.zeros(3, 32, 32)
    assert image.numel() == 3 * 32 * 32 == 3072
    assert image.stride() == (1024, 32, 1)


def test_pixels_are_scaled_to_the_unit_interval():
    from course_utils import _torchvision  # noqa: F401  (the next line works with any torch)
    from torchvision.transforms.functional import to_tensor  # isort: skip

    pixel = torch.full((1, 1, 3), 93, dtype=torch.uint8).numpy()
    assert round(float(to_tensor(pixel)[0, 0, 0]), 4) == round(93 / 255, 4) == 0.3647


@pytest.mark.parametrize(
    ("shape", "place", "flat"),
    [((3, 32, 32), (1, 2, 3), 1091), ((32, 32, 3), (2, 3, 1), 202), ((3, 32, 32), (1, 3, 2), 1122)],
    ids=["channels first", "channels last", "row and column swapped"],
)
def test_flat_index_of_channel_1_row_2_column_3(shape, place, flat):
    assert int(torch.arange(3072).reshape(shape)[place]) == flat


def test_last_flat_value_is_last_blue_pixel():
    image = torch.arange(3072).reshape(3, 32, 32)
    assert image.flatten()[-1] == image[2, 31, 31] != image[0, 31, 31]


def test_a_batch_of_eight_flattens_to_eight_rows():
    batch = torch.zeros(8, 3, 32, 32)
    assert batch.flatten(1).shape == (8, 3072)
    assert batch.flatten().shape == (24576,)
    assert batch.flatten(2).shape == (8, 3, 1024)


@pytest.mark.parametrize(("shape", "right", "slide"), [((1, 3072), 2, 3), ((3, 32, 32), 3, 4)])
def test_a_tensor_prints_one_bracket_per_axis(shape, right, slide):
    inside = str(torch.zeros(shape)).removeprefix("tensor(")
    brackets = len(inside) - len(inside.lstrip("["))
    assert brackets == len(shape) == right == slide - 1


def test_view_scrambles_the_picture():
    image = torch.arange(4 * 5 * 3).reshape(4, 5, 3)
    moved, scrambled = image.permute(2, 0, 1), image.reshape(3, 4, 5)
    assert moved.shape == scrambled.shape
    assert moved[1, 2, 3] == image[2, 3, 1] != scrambled[1, 2, 3]
    assert image.is_contiguous()
    assert not moved.is_contiguous()


def test_regrouped_channels_look_grey():
    from course_utils import datasets

    images = datasets.load("shapes").train_images[:20].float()
    for image in images:
        swapped, regrouped = image.permute(1, 2, 0), image.reshape(32, 32, 3)
        spread, spread_after = (
            (picture.amax(-1) - picture.amin(-1)).mean() for picture in (swapped, regrouped)
        )
        assert spread_after < 50
        assert spread_after < spread
        assert torch.equal(regrouped[:30].reshape(3, 10, 32, 3)[0, 4, 3], image[0, 12, 9:12])


def test_regrouped_picture_repeats_nine_times():
    image = torch.zeros(3, 30, 30)
    image[:, 9:15, 18:24] = 1  # one square in every plane
    bright = image.reshape(30, 30, 3).mean(-1).reshape(3, 10, 3, 10)
    assert torch.equal(bright.sum((1, 3)), torch.full((3, 3), 4.0))
    assert torch.equal(bright[1, 3:5, 2, 6:8], torch.ones(2, 2))


def test_numbers_without_axes_scale_columns():
    scales = torch.tensor([1.0, 0.8, 0.5])
    with pytest.raises(RuntimeError, match="must match"):
        torch.ones(2, 3, 32, 32) * scales
    scaled = torch.ones(2, 3, 4, 3) * scales
    assert all(
        torch.equal(scaled[..., column], scale.expand(2, 3, 4))
        for column, scale in enumerate(scales)
    )


def test_mean_without_keepdim_meets_columns():
    pictures = torch.tensor([[[1.0, 3.0], [5.0, 7.0]], [[0.0, 0.0], [4.0, 8.0]]])
    means = pictures.mean((1, 2))
    wrong = pictures - means
    assert torch.equal(wrong[..., 0], pictures[..., 0] - 4)
    assert torch.equal(wrong[..., 1], pictures[..., 1] - 3)


def test_broadcast_channel_numbers_have_stride_0():
    warm = torch.tensor([1.0, 0.8, 0.5]).reshape(3, 1, 1)
    large, _ = torch.broadcast_tensors(warm, torch.zeros(16, 3, 32, 32))
    assert large.stride() == (0, 1, 0, 0)
    assert large.data_ptr() == warm.data_ptr()
    assert torch.zeros(16, 3, 32, 32).stride() == (3072, 1024, 32, 1)


def test_only_reshaped_transpose_copies():
    table = torch.zeros(4, 3)
    results = (table.T, table[::2], table.T.reshape(-1), table.reshape(-1))
    table[0, 0] = 7
    assert [result.any().item() for result in results] == [True, True, False, True]


def test_one_option_makes_the_third_picture():
    letter = torch.tensor([[91, 92, 93], [94, 11, 12], [95, 96, 13], [97, 14, 15]])
    picture = torch.tensor([[97, 95, 94, 91], [14, 96, 11, 92], [15, 13, 12, 93]])
    makers = [
        choice
        for choice, line in operation.choices.items()
        if torch.equal(eval(line, {"letter": letter}), picture)
    ]
    assert makers == [operation.answer]
    assert torch.equal(picture, letter.rot90(-1))  # a quarter turn, clockwise
    first_rows = {
        choice: " ".join(map(str, eval(line, {"letter": letter})[0].tolist()))
        for choice, line in operation.choices.items()
    }
    words = {mistake.answer: mistake.words for mistake in operation.mistakes.values()}
    assert first_rows["a"] in words["a"]
    assert first_rows["b"] in words["b"]
    assert " ".join(reversed(first_rows["d"].split())) in words["d"]


def test_channel_mean_runs_over_other_axes():
    batch = torch.rand(6, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    apart = batch.transpose(0, 1).flatten(1)
    assert torch.allclose(apart.mean(1), batch.mean((0, 2, 3)))
    scaled = (batch - batch.mean((0, 2, 3), keepdim=True)) / batch.std((0, 2, 3), keepdim=True)
    assert torch.allclose(scaled.transpose(0, 1).flatten(1).std(1), torch.ones(3).double())
    assert not torch.allclose(batch.mean(), batch.mean((0, 2, 3)), rtol=1e-3)


# 02 · Convolution ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stride", "expected"),
    [(1, [[-3, -4, 14], [-1, 4, 6], [-5, 4, -3]]), (2, [[-3, 14], [-5, -3]])],
)
def test_worked_4x4_convolution(stride, expected):
    assert slid(INPUT, KERNEL, stride) == conv(INPUT, KERNEL, stride=stride) == expected


def test_true_convolution_negates_4x4_example():
    negated = [[-value for value in row] for row in slid(INPUT, KERNEL)]
    assert slid(INPUT, flipped(KERNEL)) == conv(INPUT, flipped(KERNEL)) == negated


def test_first_output_of_3x3_input():
    (x11, x12, x13), (x21, x22, x23), _ = grid = [[1, 2, 4], [8, 16, 32], [64, 128, 256]]
    (f11, f12), (f21, f22) = kernel = [[1, 3], [5, 7]]
    output = conv(grid, kernel)
    assert output[0][0] == x11 * f11 + x12 * f12 + x21 * f21 + x22 * f22
    assert output[0][1] == x12 * f11 + x13 * f12 + x22 * f21 + x23 * f22


def test_first_row_of_blur():
    expected = [20, 28, 36, 69, 111, 114, 75]
    assert slid(framed(TABLE), BLUR)[0] == conv(TABLE, BLUR, padding=1)[0] == expected


def test_second_blur_pixel_and_near_misses():
    right = 2 * 1 + 4 * 2 + 2 * 3 + 1 * 5 + 2 * 2 + 1 * 3
    assert right == slid(framed(TABLE), BLUR)[0][1] == 28
    assert right - (2 * 2 + 1 * 3) == 21
    replicated = [row[:1] + row + row[-1:] for row in [TABLE[0], *TABLE, TABLE[-1]]]
    assert slid(replicated, BLUR)[0][1] == slid(framed(TABLE), BLUR)[0][2] == 36
    assert Fraction(right, sum(map(sum, BLUR))) == Fraction(7, 4)
    assert sum(map(sum, BLUR)) == 16


@pytest.mark.parametrize(
    ("patch", "kernel", "score"),
    [
        (DIAGONAL, DIAGONAL, 2),
        (ANTI, DIAGONAL, 1),
        (DIAGONAL, ANTI, 1),
        (ANTI, ANTI, 2),
        (DIAGONAL, X, 2),
        (X, X, 5),
        ([[1] * 3] * 3, X, 5),
    ],
)
def test_kernel_responses_of_patches(patch, kernel, score):
    assert slid(patch, kernel) == conv(patch, kernel) == [[score]]


def test_x_kernel_on_picture_of_x():
    picture = [[int(1 <= i <= 7 and j in (i, 8 - i)) for j in range(9)] for i in range(9)]
    scores = slid(picture, X)  # the score at (i, j) belongs to the window around (i + 1, j + 1)
    assert scores == conv(picture, X)
    tips = [scores[0][0], scores[0][6], scores[6][0], scores[6][6]]
    assert (tips, scores[1][1], scores[5][1], scores[3][3]) == ([2] * 4, 3, 3, 5)
    assert max(map(max, scores)) == 5


def test_signed_kernel_tells_x_from_full_patch():
    signed = [[2 * value - 1 for value in row] for row in X]
    assert (slid(X, signed), slid([[1] * 3] * 3, signed)) == ([[5]], [[1]])


def test_dumoulin_visin_convolution_grid():
    kernel = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]
    expected = [[12, 12, 17], [10, 17, 19], [9, 6, 14]]
    assert slid(DUMOULIN, kernel) == conv(DUMOULIN, kernel) == expected


def test_channel_slices_sum_to_one_map():
    image = torch.randint(-9, 10, (3, 6, 7), generator=torch.Generator().manual_seed(1)).double()
    kernel = torch.randint(-9, 10, (3, 2, 3), generator=torch.Generator().manual_seed(2)).double()
    apart = [torch.tensor(conv(image[c].tolist(), kernel[c].tolist())) for c in range(3)]
    assert torch.equal(F.conv2d(image[None], kernel[None])[0, 0].long(), sum(apart))
    assert torch.nn.Conv2d(1, 6, 5, padding=2)(torch.zeros(1, 1, 32, 32)).shape == (1, 6, 32, 32)


def convolved(values, weights, stride, dilation):
    """z_i = Σ ω_k x_{i·stride + k·dilation}, by the formula."""
    reach = dilation * (len(weights) - 1) + 1
    return [
        sum(weight * values[start + dilation * k] for k, weight in enumerate(weights))
        for start in range(0, len(values) - reach + 1, stride)
    ]


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_conv1d_equals_matrix_product(stride, dilation):
    values, weights = [3, -1, 4, 1, -5, 9, 2, -6], [2, 7, -1]
    line, kernel = torch.tensor(values).double(), torch.tensor(weights).double()
    by_torch = F.conv1d(line[None, None], kernel[None, None], stride=stride, dilation=dilation)[
        0, 0
    ]
    assert by_torch.tolist() == convolved(values, weights, stride, dilation)
    matrix = torch.zeros(len(by_torch), len(values)).double()
    for i in range(len(by_torch)):
        for k, weight in enumerate(weights):
            matrix[i, i * stride + k * dilation] = weight
    assert (matrix @ line).tolist() == by_torch.tolist()


def size(length, kernel, stride=1, padding=0, dilation=1):
    """⌊(I + 2P − D(K−1) − 1)/S⌋ + 1, in whole numbers."""
    return (length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def misprinted(length, kernel, stride=1, padding=0):
    """⌊((I + 2P) − 1(K + 1))/S⌋, as the slide has it."""
    return ((length + 2 * padding) - 1 * (kernel + 1)) // stride


def torch_size(length, kernel, **options):
    return F.conv1d(torch.zeros(1, 1, length), torch.zeros(1, 1, kernel), **options).shape[-1]


@pytest.mark.parametrize(
    "options", [{}, {"stride": 2}, {"padding": 2}, {"stride": 3, "dilation": 2}]
)
def test_size_formula_equals_torch(options):
    for length in range(7, 30):
        for kernel in range(1, 5):
            assert size(length, kernel, **options) == torch_size(length, kernel, **options)


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "right", "slide"), [(4, 2, 1, 3, 1), (227, 11, 4, 55, 53)]
)
def test_misprinted_size_formula_is_wrong(length, kernel, stride, right, slide):
    assert torch_size(length, kernel, stride=stride) == size(length, kernel, stride) == right
    assert misprinted(length, kernel, stride) == slide


def test_exercise_sizes_and_near_misses():
    assert (torch_size(8, 3, stride=2), torch_size(32, 5, padding=2)) == (3, 32)
    assert Fraction(8 - 3, 2) + 1 == Fraction(7, 2)
    assert (math.ceil(Fraction(5, 2)) + 1, Fraction(5, 2) // 1) == (4, 2)
    assert size(32 + 2, 5) == 30  # padding counted once


def test_keras_sizes():
    for length in range(6, 25):
        for kernel in range(1, 7):
            for stride in range(1, 5):
                valid = math.ceil(Fraction(length - kernel + 1, stride))
                assert valid == torch_size(length, kernel, stride=stride)
                same = math.ceil(Fraction(length, stride))
                half = torch_size(length, kernel, stride=stride, padding=kernel // 2)
                assert kernel % 2 == 0 or same == half
    assert math.ceil(Fraction(8, 2)) == 4 != torch_size(8, 4, stride=2, padding=2)


def test_torch_refuses_same_padding_with_a_stride():
    with pytest.raises(RuntimeError, match="same"):
        torch_size(8, 3, stride=2, padding="same")


def seen_by_one_output(*layers):
    """How many inputs one output depends on, by the gradient that reaches them."""
    line = torch.ones(1, 1, 41, requires_grad=True)
    values = line
    for kernel, stride in layers:
        values = F.conv1d(values, torch.ones(1, 1, kernel), stride=stride)
    values[0, 0, values.shape[-1] // 2].backward()
    return int((line.grad != 0).sum())


def field(*layers):
    """r = 1 + Σ (k − 1) · Π s, over the layers before."""
    jumps = [math.prod(stride for _, stride in layers[:i]) for i in range(len(layers))]
    return 1 + sum((kernel - 1) * jump for (kernel, _), jump in zip(layers, jumps, strict=True))


@pytest.mark.parametrize(
    ("layers", "pixels"),
    [
        ([(3, 1), (3, 1)], 5),
        ([(3, 1), (2, 2), (3, 1)], 8),
        ([(3, 1), (1, 2), (3, 1)], 7),
        ([(3, 1), (2, 1), (3, 1)], 6),
    ],
    ids=[
        "two layers, or the pool ignored",
        "with the pool",
        "its window forgotten",
        "its stride forgotten",
    ],
)
def test_receptive_fields(layers, pixels):
    assert seen_by_one_output(*layers) == field(*layers) == pixels


def test_convolution_is_equivariant_to_shifts():
    line, kernel = torch.zeros(1, 1, 16), torch.tensor([[[1.0, 2.0, -1.0]]])
    line[0, 0, 6] = 1
    moved, output = line.roll(1, -1), F.conv1d(line, kernel)
    assert torch.equal(F.conv1d(moved, kernel), output.roll(1, -1))
    assert not torch.equal(F.conv1d(moved, kernel), output)
    halved, moved_halved = (F.conv1d(x, kernel, stride=2) for x in (line, moved))
    assert not any(torch.equal(moved_halved, halved.roll(by, -1)) for by in range(halved.shape[-1]))
    edge = torch.zeros(1, 1, 16)
    edge[0, 0, -1] = 1
    padded, moved_padded = (F.conv1d(x, kernel, padding=1) for x in (edge, edge.roll(1, -1)))
    assert not torch.equal(moved_padded, padded.roll(1, -1))


def test_convolution_is_not_equivariant_to_rotation():
    turned = [list(row) for row in zip(*INPUT[::-1], strict=True)]
    mirrored = [row[::-1] for row in INPUT]
    output = slid(INPUT, [[1, 2], [0, -1]])
    assert slid(turned, [[1, 2], [0, -1]]) != [list(row) for row in zip(*output[::-1], strict=True)]
    assert slid(mirrored, [[1, 2], [0, -1]]) != [row[::-1] for row in output]


def test_fft_product_needs_padding():
    values, weights = (
        torch.tensor([3.0, -1, 4, 1, -5]).double(),
        torch.tensor([2.0, 7, -1]).double(),
    )
    full = [
        sum(values[i - k] * weights[k] for k in range(3) if 0 <= i - k < 5).item() for i in range(7)
    ]
    circular = torch.fft.irfft(torch.fft.rfft(values) * torch.fft.rfft(weights, 5), 5)
    wrapped = [full[i] + (full[i + 5] if i < 2 else 0) for i in range(5)]
    assert circular.tolist() == pytest.approx(wrapped)
    padded = torch.fft.irfft(torch.fft.rfft(values, 7) * torch.fft.rfft(weights, 7), 7)
    assert padded.tolist() == pytest.approx(full)
    assert circular[0].item() != pytest.approx(full[0])


def test_gradients_of_filter_and_input():
    grid, kernel, upstream = (
        [[1, 2, 0], [3, -1, 4], [5, 2, -2]],
        [[2, -1], [3, 1]],
        [[1, -2], [3, 4]],
    )
    x = torch.tensor(grid, dtype=torch.float64, requires_grad=True)
    f = torch.tensor(kernel, dtype=torch.float64, requires_grad=True)
    output = F.conv2d(x[None, None], f[None, None])[0, 0]
    output.backward(torch.tensor(upstream).double())
    assert f.grad.tolist() == slid(grid, upstream)
    assert x.grad.tolist() == slid(framed(upstream), flipped(kernel))
