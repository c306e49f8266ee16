"""Exercises of workbook 07: codes, decoders, their errors, and what a denoiser is shown."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from course_utils import models
from course_utils.exercise import exercise, mistake
from course_utils.exercises.autoencoders_mistakes import (
    OF_THE_CODE_SIZE,
    OF_THE_DECODER,
    OF_THE_GROWN_SIZES,
    OF_THE_SUM,
    facts_of_a_decoder,
)
from course_utils.exercises.calling import call_unchanged, needs_weights
from course_utils.exercises.code_mistakes import (
    GROUND,
    LENGTH,
    LINE,
    OF_THE_JUMP,
    OF_THE_LINE,
    jump_by,
)
from course_utils.exercises.denoising_mistakes import OF_THE_DENOISER, denoiser
from course_utils.judging.evidence import Demand

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
    formula="maps * (side // 2**layers) ** 2",
    quantities={"maps": 32, "side": 32, "layers": 3},
    mistakes=OF_THE_CODE_SIZE,
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
    parts=("(a)", "(b)"),
    formula=("(n - 1) * s - 2 * p + k", "(n - 1) * s - 2 * p + k + extra"),
    quantities={"n": 4, "k": 3, "s": 2, "p": 1, "extra": 1},
    mistakes=OF_THE_GROWN_SIZES,
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
def _bends(net, code):
    """Whether the network, seen before its sigmoid, is more than one linear map."""
    for scale in (1e-3, 0.03, 1.0):
        values = [net(sign * scale * code).logit() for sign in (1, -1, 0)]
        far = (values[0] + values[1] - 2 * values[2]).abs()
        exact = torch.stack(values).abs().amax(0) < 8  # a saturated sigmoid cannot be undone
        if (far[exact] > 1e-9).any():
            return True
    return False


def _built(build):
    """A copy of the network that a decoder() gives: a check leaves the student's own as it is."""
    net = build if isinstance(build, nn.Module) else build()
    if isinstance(net, nn.Module):
        return copy.deepcopy(net).eval()
    if net is None:
        return None
    raise TypeError(f"decoder() gives a {type(net).__name__}, not an nn.Module")


def _adds_up_to_1(images, axis):
    sums = images.sum(axis)
    return torch.allclose(sums, torch.ones_like(sums))


def _observe_decoder(build, case):
    """The facts of `facts_of_a_decoder`, as far as the network runs."""
    net = _built(build)
    if net is None:
        return None
    code, kinds = torch.randn(case[0]), (nn.Conv2d, nn.ConvTranspose2d)
    layers = [layer for layer in net.modules() if isinstance(layer, kinds)]
    if any(isinstance(layer, nn.Conv2d) and max(layer.stride) > 1 for layer in layers):
        return (), len(layers), True  # it need not run: the maps soon are smaller than the kernel
    with torch.no_grad():
        images = net(code)
        facts = tuple(images.shape), len(layers), False
        if images.ndim != 4 or images.numel() > 10**6:
            return facts
        huge = net(1e4 * code)
        is_share = any(_adds_up_to_1(huge, axis) for axis in range(4))
        bends = _bends(net.double(), code.double())
        learns = needs_weights(net, code.double(), torch.randn(case[0]).double(), atol=1e-8)
        return *facts, huge.min().item(), huge.max().item(), is_share, bends, learns


def _demands_of_a_decoder(observation, code):
    facts, wanted = facts_of_a_decoder(observation), (code[0], 3, 32, 32)

    if not 0 <= facts.get("smallest", -1) <= facts.get("largest", 2) <= 1:
        facts.pop("bends", None)  # told only of what a sigmoid gave

    def demand(name, words, is_met):
        value = facts.get(name)
        told = (
            value if isinstance(value, float) else {True: "yes", False: "no"}.get(value, str(value))
        )
        return Demand(told, words, None if value is None else is_met(value))

    return {
        "shape of the images": demand("shape", str(wanted), lambda shape: shape == wanted),
        "layers that shrink maps": demand("shrinks", "no", lambda value: not value),
        "smallest pixel": demand("smallest", "0 or a little more", lambda low: 0 <= low < 0.25),
        "largest pixel": demand("largest", "1 or a little less", lambda high: 0.75 < high <= 1),
        "pixels that add up to 1": demand("adds up to 1", "no", lambda value: not value),
        "more than one linear map": demand("bends", "yes", lambda value: value),
        "images come from weights": demand("learns", "yes", lambda value: value),
    }


@exercise(
    "7.3",
    "Write the decoder",
    minutes=9,
    cases=lambda rng: [((2, *CODE),), ((3, *CODE),)],
    argument_names=("shape of the codes",),
    observe=_observe_decoder,
    demands=_demands_of_a_decoder,
    mistakes=OF_THE_DECODER,
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
    formula="mse * channels * height * width",
    quantities={"mse": 0.01, "channels": 3, "height": 32, "width": 32},
    mistakes=OF_THE_SUM,
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
        "error-alone": mistake(
            "The error alone is no measure of compression: a plain copy has error 0. "
            "Compare at equal code size.",
            "a",
        ),
        "longer-than-the-image": mistake(
            "A code that is longer than the image saves nothing, whoever needs it. "
            "Compare its 4,096 numbers with the image's.",
            "b",
        ),
        "cannot-be-trained": mistake(
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
class _Network(nn.Module):
    """A stand-in for a network: one weight, and a smoothing that mixes neighbours."""

    def __init__(self, smooths):
        super().__init__()
        self.smooths, self.weight = smooths, nn.Parameter(torch.tensor(0.6))

    def forward(self, images):
        """(N, C, H, W) -> the same shape."""
        if self.smooths:
            images = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="reflect"), 3, 1)
        return self.weight * images + 0.1


DARKENING, SMOOTHING = _Network(smooths=False), _Network(smooths=True)


def _noisy_images(rng):
    for network, shape, sigma in (
        (DARKENING, (2, 1, 2, 2), 0.3),
        (SMOOTHING, (3, 1, 5, 4), 0.5),
        (SMOOTHING, (4, 3, 6, 5), 0.2),
    ):
        images = torch.rand(shape, generator=rng)
        yield network, images, sigma * torch.randn(shape, generator=rng)


def _observe_loss(answer, case):
    """(loss, whether it records the way back to the network's weight)."""
    loss = call_unchanged(answer, case, ("model", "images", "noise"))
    return loss if loss is None else (loss, isinstance(loss, torch.Tensor) and loss.requires_grad)


def _by_sums(model, images, noise):
    off = model(images + noise) - images
    return torch.linalg.vector_norm(off) ** 2 / off.numel()


@exercise(
    "7.6",
    "Write the loss of a denoiser",
    minutes=6,
    oracle=_by_sums,
    cases=_noisy_images,
    observe=_observe_loss,
    argument_names=("", "images", "noise"),
    parts=("the loss", "whether it records gradients"),
    exempt={"input": "the first argument is a network, which is no observation"},
    switches=denoiser,
    mistakes=OF_THE_DENOISER,
    hints=[
        "Two images take part: one goes into the network, the other is what should come out.",
        "What should come out when images + noise goes in?",
        "F.mse_loss(what came out, what should have come out).",
    ],
)
def denoising_loss(model, images, noise):
    """Network, clean (N, C, H, W), noise of that shape -> mean squared error of the denoised."""
    return F.mse_loss(model(images + noise), images)


# --- 7.12 ---------------------------------------------------------------------------------------
def _jump_by_list(codes):
    values = codes.tolist()
    sizes = [abs(after - values[i - 1]) for i, after in enumerate(values)]
    return (sizes.index(max(sizes)) - 1) % len(values)


def _codes_of_rings(rng):
    """Codes that climb around a ring and fall in one place, turned round, and without order."""
    for count, sign, turned in ((5, 1, 0), (6, -1, 1), (7, 1, 3), (5, -1, 0)):
        codes = (0.2 + 0.3 * torch.rand(count, generator=rng)).cumsum(0)
        yield ((sign * (codes - codes.mean())).roll(turned),)
    for count, shift in ((9, 0), (10, -10), (12, 12)):
        codes = torch.randn(count, generator=rng)
        place = int(torch.randint(1, count - 3, (1,), generator=rng))
        codes[place], codes[place + 1] = 0.5, -4.0  # a fall that ends in the lowest code
        codes[place + 2] = -3.0
        yield (codes + shift,)


@exercise(
    "7.12",
    "Find where the ring tears",
    minutes=4,
    oracle=_jump_by_list,
    cases=_codes_of_rings,
    argument_names=("codes",),
    switches=jump_by,
    mistakes=OF_THE_JUMP,
    hints=[
        "How far is it from each code to the next one? After the last comes the first.",
        "codes.roll(-1) holds, at every place, the code of the next picture.",
        "A fall is as long as a rise: take magnitudes, then the place of the largest.",
    ],
)
def largest_jump(codes):
    """(N,) codes of pictures in a ring -> i: from picture i to the next the code changes most."""
    return int((codes.roll(-1) - codes).abs().argmax())


# --- 7.13 ---------------------------------------------------------------------------------------
def _errors_by_drawing():
    picture = torch.full((32, 32), GROUND, dtype=torch.float64)
    erased = picture.clone()
    picture[8 : 8 + LENGTH, 20] = LINE
    moved = picture.roll(1, dims=1)
    return tuple(((copy - picture) ** 2).sum().item() for copy in (moved, erased))


@exercise(
    "7.13",
    "A moved line and an erased one",
    minutes=3,
    kind="value",
    oracle=_errors_by_drawing,
    parts=("(a) moved", "(b) erased"),
    formula=("2 * length * (line - ground) ** 2", "length * (line - ground) ** 2"),
    quantities={"length": LENGTH, "line": LINE, "ground": GROUND},
    mistakes=OF_THE_LINE,
    hints=[
        "Mark the pixels in which the copy differs from the picture.",
        "The error compares pixel with pixel. Where the line was there is ground now, and where it "
        "is now there was ground.",
        "Each such pixel adds (0.5 − 0.2)².",
    ],
)
def line_errors():
    """Sums of squared errors of a picture whose line is moved by its width, and erased."""
    return 2 * 10 * (0.5 - 0.2) ** 2, 10 * (0.5 - 0.2) ** 2
