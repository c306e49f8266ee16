"""Exercises of workbook 07: codes, decoders, their errors, and what a denoiser is shown."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from course_utils import models
from course_utils.exercise import exercise, mistake

CODE = (32, 4, 4)


# --- 7.1 ----------------------------------------------------------------------------------------
def _code_by_torch():
    return models.autoencoder().encoder(torch.zeros(1, 3, 32, 32)).numel()


@exercise(
    "7.1",
    "How long is the code?",
    minutes=3,
    kind="value",
    oracle=_code_by_torch,
    mistakes={
        "32-number-maps": mistake(
            "32 is the number of maps. Each of them still has rows and columns.", 32
        ),
        "16-map-4": mistake("16 is one map of 4×4. The last layer makes 32 of them.", 16),
        "128-either-takes": mistake(
            "128 either takes one side of the 4×4 maps for the whole map, or forgets the padding "
            "(then the sides would be 15, 6 and 2).",
            128,
        ),
        "2-048-stops": mistake(
            "2,048 stops one layer early: the third layer halves 8×8 once more.", 32 * 8 * 8
        ),
        "8-192-halves": mistake("8,192 halves the image only once. Three layers do.", 32 * 16 * 16),
        "3-072-image": mistake(
            "3,072 is the image: 3 · 32 · 32. What comes out of the third layer?", 3 * 32 * 32
        ),
        "number-encoder-s": mistake(
            "That is the number of the encoder's weights and biases. "
            "Count the numbers that come out of its last layer.",
            10_680,
        ),
    },
    hints=[
        "Write down one side after each layer: 32 → … → … → ….",
        "A kernel of 4 with stride 2 and padding 1 makes ⌊(n + 2 − 4) / 2⌋ + 1 = n / 2 of n.",
        "Maps times rows times columns.",
    ],
)
def code_size():
    """Numbers in the code of one 3×32×32 image, behind three layers that end in 32 maps."""
    return 32 * 4 * 4


# --- 7.2 ----------------------------------------------------------------------------------------
def _sizes_by_torch():
    layers = [nn.ConvTranspose1d(1, 1, 3, 2, 1, output_padding=extra) for extra in (0, 1)]
    return tuple(layer(torch.zeros(1, 1, 4)).shape[-1] for layer in layers)


@exercise(
    "7.2",
    "Sizes on the way back",
    minutes=4,
    kind="value",
    oracle=_sizes_by_torch,
    mistakes={
        "left-padding-transposed": mistake(
            "You left the padding out. A transposed convolution cuts p off at *both* ends.",
            when=lambda answer: answer[0] == 9,
            example=(9, 10),
        ),
        "doubled-n-s": mistake(
            "You doubled: n · s. But 4 stamps make 3 steps, and the last stamp is k long.",
            when=lambda answer: answer[0] == 8,
            example=(8, 9),
        ),
        "9-adds-output": mistake(
            "9 adds the output padding at both ends. It goes to one end only.", (7, 9)
        ),
        "output-padding-changed": mistake(
            "The output padding changed nothing in your answer. It adds that much to the output.",
            (
                7,
                7,
            ),
        ),
        "convolution-shrinks-transposed": mistake(
            "That is how a *convolution* shrinks. A transposed one grows: solve its formula for n.",
            (
                2,
                3,
            ),
        ),
        "kernel-s-own": mistake(
            "The kernel's own size is missing: the last stamp is k long.", (4, 5)
        ),
    },
    hints=[
        "Put n = 4, k = 3, s = 2, p = 1 into the formula above.",
        "The stamps start at 0, 2, 4 and 6. Where does the last one end?",
        "(4 − 1) · 2 − 2 · 1 + 3, then add the output padding.",
    ],
)
def grown_sizes():
    """Outputs of ConvTranspose k 3, s 2, p 1 on 4 numbers: output_padding 0, then 1."""
    return (4 - 1) * 2 - 2 * 1 + 3, (4 - 1) * 2 - 2 * 1 + 3 + 1


# --- 7.3 ----------------------------------------------------------------------------------------
def _stack(*channels, kernel=4, extra=0, padding=1, between=nn.ReLU, end=nn.Sigmoid):
    """Builder of a decoder with transposed convolutions of stride 2 between these channels."""

    def decoder():
        layers = []
        for inputs, outputs in pairwise(channels):
            up = nn.ConvTranspose2d(inputs, outputs, kernel, 2, padding, output_padding=extra)
            layers += [up, between()]
        return nn.Sequential(*layers[:-1], end())

    return decoder


def _bends(net, code):
    """Whether the network, seen before its sigmoid, is more than one linear map."""
    for scale in (1e-3, 0.03, 1.0):
        values = [net(sign * scale * code).logit() for sign in (1, -1, 0)]
        far = (values[0] + values[1] - 2 * values[2]).abs()
        exact = torch.stack(values).abs().amax(0) < 8  # a saturated sigmoid cannot be undone
        if (far[exact] > 1e-9).any():
            return True
    return False


def _observe_decoder(build, case):
    """(output shape, smallest, largest value for huge codes, whether it bends) of a decoder."""
    net = build if isinstance(build, nn.Module) else build()
    if not isinstance(net, nn.Module):
        raise TypeError(f"decoder() gives {net!r}, not an nn.Module; is there a return?")
    code = torch.randn(case[0])
    with torch.no_grad():
        images = net.eval()(code)
        if images.numel() > 10**6:
            return tuple(images.shape), 0.0, 0.0, True
        huge = net(1e4 * code)
        return (
            tuple(images.shape),
            huge.min().item(),
            huge.max().item(),
            _bends(net.double(), code.double()),
        )


def _rebuilds(seen, wanted):
    shape, low, high, bends = seen
    return shape == (wanted[0], 3, 32, 32) and 0 <= low < high <= 1 and bends is True


@exercise(
    "7.3",
    "Write the decoder",
    minutes=9,
    cases=lambda rng: [((2, *CODE),), ((3, *CODE),)],
    observe=_observe_decoder,
    accept=_rebuilds,
    mistakes={
        "pictures-25-25": mistake(
            "Your pictures are 25×25: each layer is off by one, 4 → 7 → 13 → 25. "
            "A kernel of 4 doubles exactly; so does a kernel of 3 with output_padding=1.",
            when=lambda seen: seen[0][-1] == 25,
            example=_stack(32, 16, 8, 3, kernel=3),
        ),
        "pictures-46-46": mistake(
            "Your pictures are 46×46: nothing is cut off, 4 → 10 → 22 → 46. Use padding=1.",
            when=lambda seen: seen[0][-1] == 46,
            example=_stack(32, 16, 8, 3, padding=0),
        ),
        "pictures-32-32": mistake(
            "Your pictures are not 32×32. Each of three layers has to double both sides.",
            when=lambda seen: seen[0][-2:] != (32, 32),
            example=_stack(32, 16, 3),
        ),
        "pictures-three-channels": mistake(
            "Your pictures do not have three channels. The last layer makes red, green and blue.",
            when=lambda seen: seen[0][1] != 3,
            example=_stack(32, 32, 16, 8),
        ),
        "values-above-1": mistake(
            "Values above 1 come out. A ReLU at the end stops at 0 only; "
            "a sigmoid (or a clamp) keeps both ends.",
            when=lambda seen: seen[1] >= 0 and seen[2] > 1,
            example=_stack(32, 16, 8, 3, end=nn.ReLU),
        ),
        "values-below-0": mistake(
            "Values below 0 come out. Pixels lie between 0 and 1: end with a sigmoid "
            "(or a clamp) behind the last layer.",
            when=lambda seen: seen[1] < 0,
            example=_stack(32, 16, 8, 3, end=nn.Identity),
        ),
        "nothing-bends-between": mistake(
            "There is nothing that bends between your layers, so they collapse into one. "
            "Put a ReLU behind each but the last.",
            when=lambda seen: seen[3] is False,
            example=_stack(32, 16, 8, 3, between=nn.Identity),
        ),
        "shapes-fit-together": mistake(
            "The shapes do not fit together. The code arrives as (N, 32, 4, 4): the first layer "
            "takes 32 channels, each other one takes what the layer before it makes.",
            _stack(16, 8, 8, 3),
        ),
    },
    hints=[
        "Three layers, each the mirror of one in the encoder: the same k, s and p double the side.",
        "Which numbers of channels lead from 32 back to 3? Read the encoder from the right.",
        "nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), then a ReLU, and so on. "
        "What keeps the last layer's numbers between 0 and 1?",
    ],
)
def decoder():
    """() -> nn.Module that turns codes, (N, 32, 4, 4), into images, (N, 3, 32, 32), from 0 to 1."""
    return nn.Sequential(
        nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1),
        nn.Sigmoid(),
    )


# --- 7.4 ----------------------------------------------------------------------------------------
def _summed():
    wrong = torch.full((5, 3, 32, 32), 0.1, dtype=torch.float64)  # every pixel is off by 0.1
    assert abs(F.mse_loss(wrong, torch.zeros_like(wrong)).item() - 0.01) < 1e-12
    return ((wrong**2).sum() / len(wrong)).item()


@exercise(
    "7.4",
    "From the mean to the sum",
    minutes=3,
    kind="value",
    oracle=_summed,
    mistakes={
        "0-01-mean": mistake(
            "0.01 is the mean over the numbers of an image. The formula adds all 3,072 of them.",
            0.01,
        ),
        "multiplied-pixels-plane": mistake(
            "You multiplied by the pixels of one plane. An image has three planes.", 0.01 * 32 * 32
        ),
        "3-072-many": mistake(
            "3,072 is how many numbers there are. The sum is that times their mean.", 3072
        ),
        "divided-number-numbers": mistake(
            "You divided by the number of numbers. The mean was already divided by it: multiply.",
            0.01 / 3072,
        ),
        "took-root-first": mistake(
            "You took the root first. The formula squares each difference and adds; "
            "no root is taken.",
            0.1 * 3072,
        ),
        "took-root-length": mistake(
            "You took a root: that is the length of the difference. The formula has its square.",
            (0.01 * 3072) ** 0.5,
        ),
        "multiplied-side-image": mistake(
            "You multiplied by one side. An image holds 3 · 32 · 32 numbers.", 0.01 * 32
        ),
    },
    hints=[
        "A mean is a sum divided by how many numbers there are.",
        "How many numbers does one image hold?",
        "0.01 times 3 · 32 · 32.",
    ],
)
def summed_error():
    """Sum of squared errors of a 3×32×32 image whose mean squared error is 0.01."""
    return 0.01 * 3 * 32 * 32


# --- 7.5 ----------------------------------------------------------------------------------------
@exercise(
    "7.5",
    "Is a longer code a better one?",
    minutes=2,
    kind="choice",
    choices={
        "a": "Yes: it has the smaller error, and that is what was minimised.",
        "b": "Yes: it is still a code, and the decoder needs it.",
        "c": "No: nothing is squeezed any more, so a copy would do.",
        "d": "No: so long a code cannot be trained.",
    },
    mistakes={
        "error-alone-measure": mistake(
            "The error alone is no measure of compression: a plain copy has error 0. "
            "Compare at equal code size.",
            "a",
        ),
        "code-longer-image": mistake(
            "A code that is longer than the image saves nothing, whoever needs it. "
            "Compare its 4,096 numbers with the image's.",
            "b",
        ),
        "trains-well-question": mistake(
            "It trains well. The question is what it has to learn "
            "when it need not leave anything out.",
            "d",
        ),
    },
    hints=[
        "How many numbers does the image itself hold?",
        "What is the simplest encoder that makes 4,096 numbers out of an image and loses nothing?",
    ],
)
def longer_code():
    """Choose whether a code of 4,096 numbers compresses better than one of 512."""
    return "c"


# --- 7.6 ----------------------------------------------------------------------------------------
def _darker(images):
    return 0.6 * images + 0.1


def _smoothed(images):
    return F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="reflect"), 3, 1)


def _noisy_images(rng):
    for model, shape, sigma in (
        (_darker, (2, 1, 3, 4), 0.3),
        (_smoothed, (3, 1, 5, 4), 0.5),
        (_smoothed, (4, 3, 6, 5), 0.2),
    ):
        yield model, torch.rand(shape, generator=rng), sigma * torch.randn(shape, generator=rng)


def _by_numpy(model, images, noise):
    rebuilt = model(images + noise).numpy().astype("float64")
    return torch.tensor(((rebuilt - images.numpy()) ** 2).mean(), dtype=torch.float32)


@exercise(
    "7.6",
    "Write the loss of a denoiser",
    minutes=6,
    oracle=_by_numpy,
    cases=_noisy_images,
    exempt={"input": "the first argument is a function, which is no observation"},
    mistakes={
        "target-noisy-image": mistake(
            "Your target is the noisy image, so the network learns to keep the noise. "
            "Noise goes in; the clean image is what should come out.",
            lambda model, images, noise: F.mse_loss(model(images + noise), images + noise),
        ),
        "noise-reaches-network": mistake(
            "No noise reaches your network: it sees clean images only, "
            "which is the plain autoencoder.",
            lambda model, images, noise: F.mse_loss(model(images), images),
        ),
        "input-target-changed": mistake(
            "Input and target have changed places: you teach it to make clean images noisy.",
            lambda model, images, noise: F.mse_loss(model(images), images + noise),
        ),
        "target-noise-denoisers": mistake(
            "Your target is the noise. Some denoisers do learn that; "
            "here the clean image should come out.",
            lambda model, images, noise: F.mse_loss(model(images + noise), noise),
        ),
        "network-missing-far": mistake(
            "The network is missing: this is how far the noise itself moved the images.",
            lambda model, images, noise: F.mse_loss(images + noise, images),
        ),
        "clipped-noisy-images": mistake(
            "You clipped the noisy images to 0 … 1. Sensible in a camera; "
            "here they go in as they are.",
            lambda model, images, noise: F.mse_loss(model((images + noise).clamp(0, 1)), images),
        ),
        "added-squared-errors": mistake(
            "You added the squared errors up. Take their mean, as F.mse_loss does.",
            lambda model, images, noise: F.mse_loss(model(images + noise), images, reduction="sum"),
        ),
        "took-mean-differences": mistake(
            "You took the mean of the differences' magnitudes. Square them.",
            lambda model, images, noise: F.l1_loss(model(images + noise), images),
        ),
    },
    hints=[
        "Two images take part: one goes into the network, the other is what should come out.",
        "What should come out when images + noise goes in?",
        "F.mse_loss(what came out, what should have come out).",
    ],
)
def denoising_loss(model, images, noise):
    """Network, clean (N, C, H, W), noise of that shape -> mean squared error of the denoised."""
    return F.mse_loss(model(images + noise), images)
