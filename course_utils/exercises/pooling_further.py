"""Exercises of further/03: other pools, the gradient through a layer, and a blur as a remedy."""

import torch
import torch.nn.functional as F
from scipy import ndimage

from course_utils.exercise import exercise, mistake


def _whole(rng, *shape):
    return torch.randint(-9, 10, shape, generator=rng).float()


# --- 3.7 ----------------------------------------------------------------------------------------
def _l2_by_torch(image, size, stride):
    return F.lp_pool2d(image[None], 2, size, stride)[0]


def _l1(image, size, stride):
    return F.avg_pool2d(image.abs(), size, stride) * size**2


def _maps(rng):
    yield _whole(rng, 1, 4, 5), 2, 2
    yield _whole(rng, 2, 5, 7), 3, 1
    yield _whole(rng, 3, 8, 6), 2, 3


@exercise(
    "3.7",
    "Write an L2 pool",
    minutes=8,
    oracle=_l2_by_torch,
    cases=_maps,
    mistakes={
        "took-mean-root": mistake(
            "You took the mean under the root. The L2 norm adds the squares up.",
            lambda *case: _l2_by_torch(*case) / case[1],
        ),
        "root-missing-take": mistake(
            "The root is missing. Take it last, once for each window.",
            lambda *case: _l2_by_torch(*case) ** 2,
        ),
        "added-first-squared": mistake(
            "You added first and squared afterwards, so numbers of opposite sign cancel. "
            "Square every number first.",
            lambda image, size, stride: F.avg_pool2d(image, size, stride).abs() * size**2,
        ),
        "added-magnitudes-l1": mistake(
            "You added the magnitudes: that is the L1 norm. Square, add, then take the root.", _l1
        ),
        "window-moves-own": mistake(
            "Your window moves by its own size, whatever the stride.",
            lambda image, size, stride: _l2_by_torch(image, size, size),
        ),
        "window-moves-pixel": mistake(
            "Your window moves by one pixel, whatever the stride.",
            lambda image, size, stride: _l2_by_torch(image, size, 1),
        ),
        "added-channels-pool": mistake(
            "You added over the channels too. Pool every channel alone.",
            lambda *case: (_l2_by_torch(*case) ** 2).sum(0, keepdim=True).sqrt(),
        ),
    },
    hints=[
        "Three steps: square every number, add up each window, take the root.",
        "F.avg_pool2d gives the mean of a window. How do you get from there to the sum?",
    ],
)
def l2_pool2d(image, size, stride):
    """(C, H, W) -> (C, H', W'): the root of the sum of squares of every window."""
    return (F.avg_pool2d(image**2, size, stride) * size**2).sqrt()


# --- 3.8 ----------------------------------------------------------------------------------------
def _bell(size, sigma):
    """(size,) weights of a centred Gaussian, not normalised."""
    offset = torch.arange(float(size)) - (size - 1) / 2
    return torch.exp(-(offset**2) / (2 * sigma**2))


def _weighted(image, weights, stride):
    """Pool every channel with the same (size, size) weights."""
    channels = len(image)
    kernel = weights.expand(channels, 1, *weights.shape)
    return F.conv2d(image[None], kernel, stride=stride, groups=channels)[0]


def _gaussian_by_unfold(image, size, stride, sigma):
    windows = image.double().unfold(1, size, stride).unfold(2, size, stride)
    line = _bell(size, sigma).double()
    line = line / line.sum()
    return (windows * line[:, None] * line).sum((3, 4)).float()


def _gaussian_cases(rng):
    yield _whole(rng, 1, 5, 6), 3, 1, 0.8
    yield _whole(rng, 2, 7, 9), 3, 2, 1.5
    yield _whole(rng, 3, 9, 8), 4, 3, 1.2


def _with_weights(make):
    def gaussian_pool2d(image, size, stride, sigma):
        weights = make(size, sigma)
        return _weighted(image, weights / weights.sum(), stride)

    return gaussian_pool2d


def _from_corner(size, sigma):
    line = torch.exp(-(torch.arange(float(size)) ** 2) / (2 * sigma**2))
    return line[:, None] * line


def _off_centre(size, sigma):
    line = torch.exp(-((torch.arange(float(size)) - size // 2) ** 2) / (2 * sigma**2))
    return line[:, None] * line


def _without_two(size, sigma):
    return (_bell(size, sigma)[:, None] * _bell(size, sigma)) ** 2


def _sigma_not_squared(size, sigma):
    return _bell(size, sigma**0.5)[:, None] * _bell(size, sigma**0.5)


def _not_normalised(image, size, stride, sigma):
    line = _bell(size, sigma)
    return _weighted(image, line[:, None] * line, stride)


@exercise(
    "3.8",
    "Write a Gaussian-weighted pool",
    minutes=10,
    oracle=_gaussian_by_unfold,
    cases=_gaussian_cases,
    mistakes={
        "weights-add-1": mistake(
            "Your weights do not add up to 1. Divide them by their sum.", _not_normalised
        ),
        "weights-largest-corner": mistake(
            "Your weights are largest in a corner. Measure the distance from the window's centre, "
            "at (size − 1) / 2.",
            _with_weights(_from_corner),
        ),
        "centre-size-2": mistake(
            "Your centre is at size // 2, half a pixel off where the size is even. "
            "It lies at (size − 1) / 2.",
            _with_weights(_off_centre),
        ),
        "exponent-distance-2": mistake(
            "The exponent is −(distance²) / (2·sigma²); the 2 is missing.",
            _with_weights(_without_two),
        ),
        "exponent-distance-2-sigma": mistake(
            "The exponent is −(distance²) / (2·sigma²); your sigma is not squared.",
            _with_weights(_sigma_not_squared),
        ),
        "weights-alike-average": mistake(
            "Your weights are all alike: that is average pooling.",
            _with_weights(lambda size, sigma: torch.ones(size, size)),
        ),
        "added-channels-pool": mistake(
            "You added the channels up. A pool keeps them apart: in F.conv2d, groups=C does.",
            lambda *case: _gaussian_by_unfold(*case).sum(0, keepdim=True),
        ),
        "window-moves-pixel": mistake(
            "Your window moves by one pixel, whatever the stride.",
            lambda image, size, stride, sigma: _gaussian_by_unfold(image, size, 1, sigma),
        ),
    },
    hints=[
        "Positions along one side: torch.arange(size) − (size − 1) / 2.",
        "exp(−(y² + x²) / (2σ²)) is one line of weights times another.",
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
def _slide(image, kernel):
    return F.conv2d(image[None, None], kernel[None, None])[0, 0]


def _layer(image, kernel, activate=torch.sigmoid):
    """pool(σ(conv)): the largest of all activated outputs."""
    return activate(_slide(image, kernel)).amax()


def _by_autograd(image, kernel):
    weight = kernel.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(_layer(image, weight), weight)
    return gradient


def _slope_at(find):
    """The right gradient with another number in place of σ′(O)."""

    def layer_gradient(image, kernel):
        best = _slide(image, kernel).max()
        slope = torch.sigmoid(best) * (1 - torch.sigmoid(best))
        return _by_autograd(image, kernel) / slope * find(best)

    return layer_gradient


def _twice_activated(best):
    value = torch.sigmoid(torch.sigmoid(best))
    return value * (1 - value)


def _every_output(image, kernel):
    weight = kernel.clone().requires_grad_()
    total = torch.sigmoid(_slide(image, weight)).sum()
    (gradient,) = torch.autograd.grad(total, weight)
    return gradient


def _input_gradient(image, kernel):
    pixels = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(_layer(pixels, kernel), pixels)
    return gradient


def _layers(rng):
    for (height, width), (tall, wide) in (((3, 3), (2, 2)), ((4, 6), (2, 3)), ((6, 8), (3, 2))):
        kernel = torch.randn(tall, wide, generator=rng) / (tall * wide)
        yield torch.randn(height, width, generator=rng), kernel


@exercise(
    "3.9",
    "The gradient through pool(σ(conv))",
    minutes=12,
    oracle=_by_autograd,
    cases=_layers,
    mistakes={
        "missing-chain-three": mistake(
            "σ′ is missing. The chain has three links: pool, σ and convolution.",
            _slope_at(lambda best: 1),
        ),
        "took-activated-value": mistake(
            "You took σ′ at the activated value. It belongs at O, before the activation.",
            _slope_at(_twice_activated),
        ),
        "used-place-slope": mistake(
            "You used σ in place of its slope, which is σ·(1 − σ).", _slope_at(torch.sigmoid)
        ),
        "output-sends-gradient": mistake(
            "Every output sends its gradient back in your sum. "
            "Behind a max pool only the winner does.",
            _every_output,
        ),
        "gradient-image-large": mistake(
            "This is the gradient of the image, as large as the image. "
            "The kernel's gradient has the kernel's shape.",
            _input_gradient,
        ),
        "took-mean-outputs": mistake(
            "You took the mean over the outputs. "
            "The winner's gradient comes through a max pool undivided.",
            lambda image, kernel: _every_output(image, kernel) / _slide(image, kernel).numel(),
        ),
    },
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
BINOMIAL = torch.tensor([1.0, 2, 1]) / 4


def _blur(image, stride=1, weights=BINOMIAL):
    """Blur every channel over 3×3, its edge mirrored, and keep every stride-th value."""
    framed = F.pad(image[None], (1, 1, 1, 1), mode="reflect")[0]
    return _weighted(framed, weights[:, None] * weights, stride)


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
    yield _whole(rng, 1, 5, 6)
    yield _whole(rng, 2, 8, 7)
    yield _whole(rng, 3, 9, 12)


def _dense(image):
    return F.max_pool2d(image[None], 2, 1)[0]


def _zero_edges(image):
    return _weighted(F.pad(_dense(image), (1, 1, 1, 1)), BINOMIAL[:, None] * BINOMIAL, 2)


def _box(image):
    return _blur(_dense(image), 2, torch.ones(3) / 3)


@exercise(
    "3.10",
    "Write a blur pool",
    minutes=10,
    oracle=_blur_pool_by_scipy,
    cases=_photos,
    mistakes={
        "plain-max-pool": mistake(
            "That is the plain max pool with stride 2. "
            "Blur between the maximum and the subsampling.",
            lambda image: _dense(image)[:, ::2, ::2],
        ),
        "kept-second-value": mistake(
            "You kept every second value first and blurred afterwards: by then the harm is done. "
            "Blur the dense map.",
            lambda image: _blur(_dense(image)[:, ::2, ::2]),
        ),
        "blurred-picture-before": mistake(
            "You blurred the picture before the maximum. "
            "The maximum comes first; blur what it gives.",
            lambda image: _dense(_blur(image))[:, ::2, ::2],
        ),
        "left-subsampling-keep": mistake(
            "You left the subsampling out. Keep every second row and column.",
            lambda image: _blur(_dense(image)),
        ),
        "maximum-missing-blurs": mistake(
            "The maximum is missing: this blurs and subsamples the picture itself.",
            lambda image: _blur(image, 2),
        ),
        "blur-s-weights": mistake(
            "Your blur's weights do not add up to 1. 1 2 1 along both axes adds up to 16.",
            lambda image: 16 * _blur(_dense(image), 2),
        ),
        "blur-s-weights-add": mistake(
            "Your blur's weights do not add up to 1. Divide by 4 along each axis, by 16 in all.",
            lambda image: 4 * _blur(_dense(image), 2),
        ),
        "blur-weighs-nine": mistake(
            "Your blur weighs all nine values alike. The centre counts more: 1 2 1.", _box
        ),
        "framed-dense-map": mistake(
            "You framed the dense map with zeros, which darkens its edge. Use mode='reflect'.",
            _zero_edges,
        ),
    },
    hints=[
        "Three steps: F.max_pool2d with stride 1, a blur, then [::2] along rows and columns.",
        "F.pad(…, (1, 1, 1, 1), mode='reflect') keeps the dense map's size through a 3×3 blur.",
        "One kernel of shape (C, 1, 3, 3) in F.conv2d with groups=C and stride=2 does blur "
        "and subsampling at once.",
    ],
)
def blur_pool2d(image):
    """(C, H, W) -> (C, H', W'): max 2×2 with stride 1, blur 1 2 1, keep every second value."""
    channels = len(image)
    dense = F.pad(F.max_pool2d(image[None], 2, 1), (1, 1, 1, 1), mode="reflect")
    line = torch.tensor([1.0, 2, 1]) / 4
    kernel = (line[:, None] * line).expand(channels, 1, 3, 3)
    return F.conv2d(dense, kernel, stride=2, groups=channels)[0]
