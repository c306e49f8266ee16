"""Exercises of further/03: other pools, the gradient through a layer, and a blur as a remedy."""

from functools import partial

import torch
import torch.nn.functional as F
from scipy import ndimage

from course_utils.exercise import exercise
from course_utils.exercises.blur_pool_mistakes import BLUR_POOL, blur_pool_with
from course_utils.exercises.calling import call_by_hand
from course_utils.exercises.pooling_chain_mistakes import (
    LAYER_GRADIENT,
    largest_activation,
    layer_gradient_with,
)
from course_utils.exercises.pooling_further_mistakes import (
    GAUSSIAN_POOL,
    L2_POOL,
    gaussian_pool_with,
    l2_pool_with,
)


def _whole(rng, *shape):
    return torch.randint(-9, 10, shape, generator=rng).float()


# --- 3.7 ----------------------------------------------------------------------------------------
def _l2_by_unfold(image, size, stride):
    return image.unfold(1, size, stride).unfold(2, size, stride).square().sum((3, 4)).sqrt()


def _maps(rng):
    yield _whole(rng, 1, 4, 5), 2, 2
    yield _whole(rng, 2, 5, 7), 3, 1
    yield _whole(rng, 3, 6, 8), 2, 3
    yield _whole(rng, 2, 7, 9), 3, 2


@exercise(
    "3.7",
    "Write an L2 pool",
    minutes=8,
    oracle=_l2_by_unfold,
    cases=_maps,
    observe=partial(call_by_hand, ("lp_pool2d",)),
    switches=l2_pool_with,
    mistakes=L2_POOL,
    hints=[
        "Three steps: square every number, add up each window, take the root.",
        "F.avg_pool2d gives the mean of a window. How do you get from there to the sum?",
    ],
)
def l2_pool2d(image, size, stride):
    """(C, H, W) -> (C, H', W'): the root of the sum of squares of every window."""
    return (F.avg_pool2d(image**2, size, stride) * size**2).sqrt()


# --- 3.8 ----------------------------------------------------------------------------------------
def _gaussian_by_unfold(image, size, stride, sigma):
    windows = image.double().unfold(1, size, stride).unfold(2, size, stride)
    offsets = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    line = torch.softmax(-(offsets**2) / (2 * sigma**2), 0)  # add up to 1 along each axis
    return (windows * line[:, None] * line).sum((3, 4)).float()


def _gaussian_cases(rng):
    yield _whole(rng, 1, 3, 4), 3, 1, 0.8
    yield _whole(rng, 1, 5, 6), 3, 2, 0.6
    yield _whole(rng, 2, 7, 9), 3, 2, 1.5
    yield _whole(rng, 3, 8, 9), 4, 3, 1.2


@exercise(
    "3.8",
    "Write a Gaussian-weighted pool",
    minutes=10,
    oracle=_gaussian_by_unfold,
    cases=_gaussian_cases,
    switches=gaussian_pool_with,
    mistakes=GAUSSIAN_POOL,
    hints=[
        "Positions along one side: torch.arange(size) − (size − 1) / 2.",
        "exp(−(y² + x²) / (2·sigma²)) is one line of weights times another.",
        "Slide the weights with F.conv2d: a kernel of shape (C, 1, size, size) and groups=C.",
    ],
    tolerance=1e-4,
)
def gaussian_pool2d(image, size, stride, sigma):
    """(C, H, W) -> (C, H', W'): weighted mean of every window; weights fade from its centre."""
    offset = torch.arange(float(size)) - (size - 1) / 2
    line = torch.exp(-(offset**2) / (2 * sigma**2))
    weights = line[:, None] * line
    kernel = (weights / weights.sum()).expand(len(image), 1, size, size)
    return F.conv2d(image[None], kernel, stride=stride, groups=len(image))[0]


# --- 3.9 ----------------------------------------------------------------------------------------
def _by_autograd(image, kernel):
    weight = kernel.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(largest_activation(image, weight), weight)
    return gradient


def _layers(rng):
    for (height, width), (tall, wide) in (
        ((3, 3), (2, 2)),
        ((4, 6), (2, 3)),
        ((6, 8), (3, 2)),
        ((5, 6), (3, 3)),
    ):
        kernel = torch.randn(tall, wide, generator=rng) / (tall * wide)
        image = torch.randn(height, width, generator=rng)
        if tall > wide:  # the largest output stands in the last row, whose number tells most
            image[-tall:, 1 : 1 + wide] += 4 * kernel.sign()
        yield image, kernel
    # all outputs negative, so that a slope of 0 below 0 and the largest magnitude show
    yield 0.2 + torch.rand(3, 5, generator=rng), -0.1 - torch.rand(2, 3, generator=rng)


@exercise(
    "3.9",
    "The gradient through pool(σ(conv))",
    minutes=12,
    oracle=_by_autograd,
    cases=_layers,
    switches=layer_gradient_with,
    mistakes=LAYER_GRADIENT,
    hints=[
        "Which output wins? Only its window of the image matters.",
        "∂L/∂K is σ′(O of the winner) times the window that the winner saw.",
        "divmod(int(O.argmax()), O.shape[1]) gives the winner's row and column.",
    ],
)
def layer_gradient(image, kernel):
    """(H, W), (kH, kW) -> (kH, kW): gradient of L, the maximum of all sigmoid(conv) outputs."""
    output = F.conv2d(image[None, None], kernel[None, None])[0, 0]
    row, column = divmod(int(output.argmax()), output.shape[1])
    window = image[row : row + kernel.shape[0], column : column + kernel.shape[1]]
    activated = torch.sigmoid(output[row, column])
    return activated * (1 - activated) * window


# --- 3.10 ---------------------------------------------------------------------------------------
def _blur_pool_by_scipy(image):
    """Max filter, then a separable blur, by scipy.ndimage."""
    planes = []
    for plane in image.numpy():
        dense = ndimage.maximum_filter(plane, size=2, origin=-1)[:-1, :-1]
        for axis in (0, 1):
            dense = ndimage.correlate1d(dense, [0.25, 0.5, 0.25], axis=axis, mode="mirror")
        planes.append(torch.from_numpy(dense[::2, ::2].copy()))
    return torch.stack(planes)


def _photos(rng):
    yield _whole(rng, 1, 4, 5)
    yield _whole(rng, 1, 5, 6)
    yield _whole(rng, 2, 7, 8)
    yield _whole(rng, 3, 9, 12)


@exercise(
    "3.10",
    "Write a blur pool",
    minutes=10,
    oracle=_blur_pool_by_scipy,
    cases=_photos,
    switches=blur_pool_with,
    mistakes=BLUR_POOL,
    hints=[
        "Three steps: F.max_pool2d with stride 1, a blur, then [::2] along rows and columns.",
        "F.pad(…, (1, 1, 1, 1), mode='reflect') keeps the dense map's size through a 3×3 blur.",
        "One kernel of shape (C, 1, 3, 3) in F.conv2d with groups=C and stride=2 does blur "
        "and subsampling at once.",
    ],
)
def blur_pool2d(image):
    """(C, H, W) -> (C, H // 2, W // 2): 2×2 max with stride 1, blur 1 2 1, every second value."""
    channels = len(image)
    dense = F.pad(F.max_pool2d(image[None], 2, 1), (1, 1, 1, 1), mode="reflect")
    line = torch.tensor([1.0, 2, 1]) / 4
    kernel = (line[:, None] * line).expand(channels, 1, 3, 3)
    return F.conv2d(dense, kernel, stride=2, groups=channels)[0]
