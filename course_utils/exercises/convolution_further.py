"""Exercises of further/02: what lies behind the convolution."""

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.exercise import exercise, mistake


def _whole(rng, *shape):
    return torch.randint(-9, 10, shape, generator=rng).float()


# --- 2.6 ----------------------------------------------------------------------------------------
def _receptive_field_by_gradient():
    """Length of input that moves one output of conv3 - mean over 2 - conv3, by autograd."""
    signal = torch.ones(1, 1, 32, requires_grad=True)
    ones = torch.ones(1, 1, 3)
    deep = F.conv1d(F.avg_pool1d(F.conv1d(signal, ones), 2), ones)
    deep[0, 0, 4].backward()
    return int((signal.grad != 0).sum())


@exercise(
    "2.6",
    "How far does the third layer see?",
    minutes=4,
    kind="value",
    oracle=_receptive_field_by_gradient,
    mistakes={
        "5-leaves-pool": mistake(
            "5 leaves the pool out. It has a window of 2, and it moves by 2.", 5
        ),
        "7-forgets-pool": mistake(
            "7 forgets the pool's own window. It adds (2 − 1) pixels itself.", 7
        ),
        "6-forgets-pool": mistake(
            "6 forgets the pool's stride. "
            "After it, neighbours lie 2 pixels apart, so the last layer's steps count double.",
            6,
        ),
    },
    hints=[
        "Write one line per layer: its k, and the product of the strides before it.",
        "The strides before the three layers multiply to 1, 1 and 2.",
        "The first layer adds (3 − 1)·1 and the pool adds (2 − 1)·1. What does the last add?",
    ],
)
def receptive_field():
    """Give the number of inputs that one output of the last layer sees."""
    return 1 + (3 - 1) * 1 + (2 - 1) * 1 + (3 - 1) * 2


# --- 2.7 ----------------------------------------------------------------------------------------
def _by_numpy(signal, kernel):
    return torch.from_numpy(np.convolve(signal.numpy(), kernel.numpy()))


def _signals_and_kernels(rng):
    for length, size in ((4, 2), (7, 3), (12, 5), (30, 8)):
        yield _whole(rng, length), _whole(rng, size)


def _fft_product(signal, kernel, size, back=None):
    product = torch.fft.rfft(signal, n=size) * torch.fft.rfft(kernel, n=size)
    return torch.fft.irfft(product, n=back or size)


def _full(signal, kernel):
    return len(signal) + len(kernel) - 1


def _correlated(signal, kernel):
    size = _full(signal, kernel)
    product = torch.fft.rfft(signal, n=size) * torch.fft.rfft(kernel, n=size).conj()
    return torch.fft.irfft(product, n=size)


def _default_length(signal, kernel):
    return _fft_product(signal, kernel, _full(signal, kernel), 2 * (_full(signal, kernel) // 2))


@exercise(
    "2.7",
    "Mend the wrap-around",
    minutes=8,
    oracle=_by_numpy,
    cases=_signals_and_kernels,
    mistakes={
        "end-wraps-round": mistake(
            "The end still wraps round to the start. "
            "Lengthen both inputs with zeros before you transform them.",
            lambda signal, kernel: _fft_product(signal, kernel, len(signal)),
        ),
        "used-n-k": mistake(
            "You used n + k values, one more than needed. "
            "The last place where the two still touch is number n + k − 1.",
            lambda signal, kernel: _fft_product(signal, kernel, len(signal) + len(kernel)),
        ),
        "conjugated-transform-gives": mistake(
            "You conjugated one transform, which gives cross-correlation. "
            "Multiply the two transforms as they are.",
            _correlated,
        ),
        "irfft-returned-even": mistake(
            "irfft returned an even number of values. Tell it the length: irfft(…, n=size).",
            _default_length,
        ),
        "cut-result-signal": mistake(
            "You cut the result to the signal's length. Keep all n + k − 1 values.",
            lambda signal, kernel: _by_numpy(signal, kernel)[: len(signal)],
        ),
    },
    hints=[
        "How many positions are there at which the kernel still touches the signal?",
        "torch.fft.rfft(signal, n=size) adds the zeros for you.",
        "Use the same size three times: for both rfft and for irfft.",
    ],
    tolerance=1e-4,
)
def linear_convolution(signal, kernel):
    """(n,), (k,) -> (n + k - 1,): true convolution by FFT, with nothing wrapped round."""
    size = len(signal) + len(kernel) - 1
    product = torch.fft.rfft(signal, n=size) * torch.fft.rfft(kernel, n=size)
    return torch.fft.irfft(product, n=size)


# --- 2.8 ----------------------------------------------------------------------------------------
MIRROR_KERNELS = {
    "a": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "b": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "c": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "d": [[0, 0, 0], [0, 1, -1], [0, 0, 0]],
}


def _kernel_that_keeps_mirrors():
    """Key of the one kernel for which mirror-then-slide equals slide-then-mirror."""
    image = torch.arange(42.0).reshape(1, 1, 6, 7) ** 2 % 17

    def keeps(rows):
        kernel = torch.tensor(rows, dtype=torch.float32)[None, None]
        return torch.equal(F.conv2d(image.flip(3), kernel), F.conv2d(image, kernel).flip(3))

    return next(key for key, rows in MIRROR_KERNELS.items() if keeps(rows))


@exercise(
    "2.8",
    "Which map is mirrored with the picture?",
    minutes=3,
    kind="choice",
    choices={key: f"{rows}" for key, rows in MIRROR_KERNELS.items()},
    oracle=_kernel_that_keeps_mirrors,
    mistakes={
        "kernel-takes-right": mistake(
            "Kernel a takes right minus left. In a mirror these change places, so its map also "
            "changes sign: look for a kernel that reads the same in both directions.",
            "a",
        ),
        "kernel-b-follows": mistake(
            "Kernel b follows one diagonal. In a mirror that diagonal leans the other way: "
            "look for a kernel that is its own mirror image.",
            "b",
        ),
        "kernel-d-takes": mistake(
            "Kernel d takes a pixel minus its right neighbour. In a mirror this is the left "
            "neighbour: look for a kernel that is its own mirror image.",
            "d",
        ),
    },
    hints=[
        "Mirroring left and right swaps a kernel's first and last column.",
        "Which kernel has equal first and last columns?",
    ],
)
def mirrored():
    """Name the kernel whose map is mirrored with the picture."""
    return "c"


# --- 2.9 ----------------------------------------------------------------------------------------
def _matrix_by_probing(kernel, size, dilation=1):
    """Column j is the response to a signal that is 1 at j and 0 elsewhere."""
    return F.conv1d(torch.eye(size)[:, None], kernel[None, None], dilation=dilation)[:, 0].T


def _kernels_and_sizes(rng):
    yield _whole(rng, 2), 4
    yield _whole(rng, 3), 7
    yield _whole(rng, 3), 8, 2
    yield _whole(rng, 4), 14, 3


def _circulant(kernel, size, dilation=1):
    matrix = torch.zeros(size, size)
    for i in range(size):
        for a, weight in enumerate(kernel):
            matrix[i, (i + a * dilation) % size] += weight
    return matrix


@exercise(
    "2.9",
    "Build the matrix of a convolution",
    minutes=10,
    oracle=_matrix_by_probing,
    cases=_kernels_and_sizes,
    mistakes={
        "matrix-transposed-row": mistake(
            "Your matrix is transposed. "
            "Each row makes one output, so it has as many columns as the signal has values.",
            lambda *case: _matrix_by_probing(*case).T,
        ),
        "kernel-runs-backwards": mistake(
            "The kernel runs backwards in your rows. "
            "Write it from left to right, as PyTorch slides it.",
            lambda kernel, *rest: _matrix_by_probing(kernel.flip(0), *rest),
        ),
        "last-rows-wrap": mistake(
            "Your last rows wrap round to the first columns. "
            "Leave out every row in which the kernel does not fit.",
            _circulant,
        ),
        "dilation-ignored-weight": mistake(
            "The dilation is ignored. Weight number a of row i belongs in column i + a·dilation.",
            lambda kernel, size, dilation=1: _matrix_by_probing(kernel, size),
        ),
    },
    hints=[
        "How many rows? The kernel covers dilation·(k − 1) + 1 values.",
        "Start with zeros and fill one row after the other.",
        "Row i holds weight number a in column i + a·dilation.",
    ],
)
def convolution_matrix(kernel, size, dilation=1):
    """(k,), n -> (n', n): the matrix whose product with a signal slides the kernel over it."""
    rows = size - dilation * (len(kernel) - 1)
    matrix = torch.zeros(rows, size)
    for i in range(rows):
        for a, weight in enumerate(kernel):
            matrix[i, i + a * dilation] = weight
    return matrix


# --- 2.10 ---------------------------------------------------------------------------------------
def _slide(image, kernel, **options):
    return F.conv2d(image[None, None], kernel[None, None], **options)[0, 0]


def _by_autograd(image, kernel, upstream):
    weight = kernel.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(_slide(image, weight), weight, upstream)
    return gradient


def _input_gradient(image, kernel, upstream):
    pixels = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(_slide(pixels, kernel), pixels, upstream)
    return gradient


def _layers(rng):
    for (height, width), (k_height, k_width) in (
        ((3, 3), (2, 2)),
        ((4, 6), (2, 3)),
        ((7, 9), (3, 4)),
    ):
        upstream = _whole(rng, height - k_height + 1, width - k_width + 1)
        yield _whole(rng, height, width), _whole(rng, k_height, k_width), upstream


@exercise(
    "2.10",
    "The gradient of the kernel",
    minutes=10,
    oracle=_by_autograd,
    cases=_layers,
    mistakes={
        "gradient-input-large": mistake(
            "This is the gradient of the input: it is as large as the image. "
            "The gradient of the kernel has the kernel's shape.",
            _input_gradient,
        ),
        "flipped-upstream-gradient": mistake(
            "You flipped the upstream gradient. Slide it over the image as it is, without a flip.",
            lambda image, kernel, upstream: _slide(image, upstream.flip(0, 1)),
        ),
        "gradient-upside-back": mistake(
            "Your gradient is upside down and back to front. "
            "Entry (a, b) uses the windows of the image that start at row a, column b.",
            lambda *layer: _by_autograd(*layer).flip(0, 1),
        ),
        "took-mean-windows": mistake(
            "You took the mean over the windows. "
            "The kernel acts in every window, so its gradient is the sum.",
            lambda image, kernel, upstream: (
                _by_autograd(image, kernel, upstream) / upstream.numel()
            ),
        ),
        "pixel-weighted-alike": mistake(
            "Each pixel is weighted alike in your sum. "
            "Multiply it by the upstream gradient of the output it went to.",
            lambda image, kernel, upstream: _slide(image, torch.ones_like(upstream)),
        ),
    },
    hints=[
        "Take one weight, K[0, 0]. Which pixel does it multiply in each output?",
        "∂L/∂K[a, b] is the sum over i, j of G[i, j]·X[i + a, j + b].",
        "For one (a, b) this is a window of the image, as large as G, times G, summed.",
    ],
)
def kernel_gradient(image, kernel, upstream):
    """(H, W), (kH, kW), (H', W') -> (kH, kW): gradient of the loss for the kernel."""
    rows, columns = upstream.shape
    gradient = torch.zeros_like(kernel)
    for a in range(kernel.shape[0]):
        for b in range(kernel.shape[1]):
            gradient[a, b] = (image[a : a + rows, b : b + columns] * upstream).sum()
    return gradient
