"""Exercises of further/02: what lies behind the convolution."""

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.exercise import exercise, mistake
from course_utils.exercises import convolution_further_mistakes as mistakes
from course_utils.exercises import convolution_matrix_mistakes as matrix_mistakes
from course_utils.exercises import kernel_gradient_mistakes


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
    formula="1 + (k1 - 1) + (k_pool - 1) + (k3 - 1) * s_pool",
    quantities={"k1": 3, "k_pool": 2, "k3": 3, "s_pool": 2},
    mistakes=mistakes.RECEPTIVE_FIELD,
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
    for length, size in ((4, 2), (7, 3), (12, 5), (30, 8), (3, 6)):
        yield _whole(rng, length), _whole(rng, size) / (1 if size < 5 else 4)


@exercise(
    "2.7",
    "Mend the wrap-around",
    minutes=8,
    oracle=_by_numpy,
    cases=_signals_and_kernels,
    switches=mistakes.fft_convolved,
    mistakes=mistakes.CONVOLVED,
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
        "kernel-a": mistake(
            "Kernel a takes right minus left. In a mirror these change places, so its map also "
            "changes sign: look for a kernel that reads the same in both directions.",
            "a",
        ),
        "kernel-b": mistake(
            "Kernel b follows one diagonal. In a mirror that diagonal leans the other way: "
            "look for a kernel that is its own mirror image.",
            "b",
        ),
        "kernel-d": mistake(
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


def _weights(rng, count):
    """Whole weights, all different and none 0, so that no kernel reads the same backwards."""
    signs = torch.randint(0, 2, (count,), generator=rng) * 2 - 1
    return ((torch.randperm(9, generator=rng)[:count] + 1) * signs).float()


def _kernels_and_sizes(rng):
    yield _weights(rng, 2), 4
    yield _weights(rng, 2), 5, 2
    yield _weights(rng, 3), 7
    yield _weights(rng, 3), 8, 2
    yield _weights(rng, 4), 14, 3


@exercise(
    "2.9",
    "Build the matrix of a convolution",
    minutes=10,
    oracle=_matrix_by_probing,
    cases=_kernels_and_sizes,
    switches=matrix_mistakes.built,
    mistakes=matrix_mistakes.MATRIX,
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
def _by_autograd(image, kernel, upstream):
    weight = kernel.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(
        kernel_gradient_mistakes.slide(image, weight), weight, upstream
    )
    return gradient


def _layers(rng):
    for (height, width), (k_height, k_width) in (
        ((3, 3), (2, 2)),
        ((3, 4), (2, 2)),
        ((5, 5), (3, 3)),
        ((4, 6), (2, 3)),
        ((7, 9), (4, 3)),
    ):
        upstream = _whole(rng, height - k_height + 1, width - k_width + 1)
        yield _whole(rng, height, width), _whole(rng, k_height, k_width), upstream


@exercise(
    "2.10",
    "The gradient of the kernel",
    minutes=10,
    oracle=_by_autograd,
    cases=_layers,
    switches=kernel_gradient_mistakes.backward,
    mistakes=kernel_gradient_mistakes.KERNEL_GRADIENT,
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
