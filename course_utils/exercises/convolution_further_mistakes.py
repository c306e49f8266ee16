"""What students get wrong in further/02: answers with a setting for every decision."""

import torch
import torch.nn.functional as F

from course_utils.exercise import mistake

# --- 2.6: 1 + (3 − 1) + (2 − 1) + (3 − 1)·2 -----------------------------------------------------
RECEPTIVE_FIELD = {
    "pool-left-out": mistake(
        "5 leaves the pool out: only the two convolutions are counted. "
        "The pool has a window of 2, and it moves by 2.",
        5,
    ),
    "pool-window-left-out": mistake(
        "7 forgets the pool's own window, which adds (2 − 1) pixels itself. "
        "(7 is also what is left without the 1 in front.)",
        7,
    ),
    "pool-stride-left-out": mistake(
        "6 forgets the pool's stride. "
        "After it, neighbours lie 2 pixels apart, so the last layer's steps count double.",
        6,
    ),
    "pool-stride-for-itself": mistake(
        "9 counts the pool's stride for the pool itself. It spreads the layers behind it only "
        "(m < l).",
        9,
    ),
    "first-layer-left-out": mistake(
        "4 is what the second layer, the pool, sees; or only two of the three layers were counted. "
        "The question is about the third layer and all that lies before it.",
        4,
    ),
    "last-layer-only": mistake(
        "3 is the kernel of the last layer alone. Each of its inputs sees several pixels, through "
        "the layers before it.",
        3,
    ),
    "kernels-multiplied": mistake(
        "You multiplied the kernel sizes. Each layer adds (k − 1) times the strides before it.",
        18,
    ),
    "k-for-k-minus-one": mistake(
        "You added k for each layer where k − 1 belongs. Neighbouring windows overlap.", 12
    ),
    "all-doubled": mistake(
        "11 doubles everything by the pool's stride, the first convolution too. "
        "A stride spreads only the layers behind it. (11 also comes from k in place of k − 1.)",
        11,
    ),
    "convolutions-stride-two": mistake(
        "13 lets a convolution move by 2 as well. Both convolutions move by 1.", 13
    ),
    "pool-as-four": mistake(
        "10 counts the pool's window as 4, or doubles 5. "
        "The question is about one axis, along which the pool has k = 2.",
        10,
    ),
    "pool-halves": mistake(
        "You halved for the pool. A pool makes the map smaller, and so each output sees more.",
        2.5,
    ),
    "pool-halves-down": mistake(
        "You halved for the pool and rounded down. A pool makes the map smaller, and so each "
        "output sees more.",
        2,
    ),
    "area": mistake("64 is the area. The question is about one axis only.", 64),
    "area-without-stride": mistake(
        "36 is an area, and the pool's stride is forgotten. Along one axis the last layer's steps "
        "count double.",
        36,
    ),
    "area-without-pool-window": mistake(
        "49 is an area, and the pool's own window is forgotten. The question is about one axis.",
        49,
    ),
    "area-without-pool": mistake(
        "25 is an area, and the pool is left out. The question is about one axis.", 25
    ),
}


# --- 2.7 ------------------------------------------------------------------------------------------
LENGTHS = {
    "full": lambda n, k: n + k - 1,
    "n": lambda n, k: n,
    "k": lambda n, k: k,
    "n + k // 2": lambda n, k: n + k // 2,
    "n + k": lambda n, k: n + k,
    "n + k - 2": lambda n, k: n + k - 2,
    "2 n": lambda n, k: 2 * n,
    "2 k": lambda n, k: 2 * k,
    "n + 2 k": lambda n, k: n + 2 * (k - 1),
    "none": lambda n, k: None,
}


def fft_convolved(
    signal_room="full", kernel_room="full", back="full", room=None, conjugated=None, flipped=None,
    product="times", cut=None, front=0, inverse="irfft", norm=None,
):  # fmt: skip
    """An answer to 2.7: the lengths of the three transforms, the product, and what is kept."""

    def linear_convolution(signal, kernel):
        n, k = len(signal), len(kernel)
        sizes = [LENGTHS[room or name](n, k) for name in (signal_room, kernel_room, back)]
        signal = F.pad(signal, (front * (k - 1), 0))
        signal = signal.flip(0) if flipped == "signal" else signal
        kernel = kernel.flip(0) if flipped == "kernel" else kernel
        if product == "no transform":
            return F.pad(signal, (0, k - 1)) * F.pad(kernel, (0, n - 1))
        first = torch.fft.rfft(signal, n=sizes[0], norm=norm)
        second = torch.fft.rfft(kernel, n=sizes[1], norm=norm)
        first = first.conj() if conjugated == "signal" else first
        second = second.conj() if conjugated == "kernel" else second
        result = _inverted(_multiplied(first, second, product), sizes[2], inverse, norm)
        return _cut(result, n, k, cut)

    return linear_convolution


def _multiplied(first, second, how):
    return {
        "times": lambda: first * second,
        "magnitudes": lambda: first.abs() * second.abs(),
        "real parts": lambda: first.real * second.real,
        "sum": lambda: first + second,
        "quotient": lambda: first / second,
        "signal only": lambda: first,
    }[how]()


def _inverted(product, size, how, norm):
    return {
        "irfft": lambda: torch.fft.irfft(product, n=size, norm=norm),
        "even": lambda: torch.fft.irfft(product, norm=norm),
        "none": lambda: product,
        "half": lambda: torch.fft.ifft(product).real,
        "half, long": lambda: torch.fft.ifft(product, n=size).real,
        "again": lambda: torch.fft.rfft(product.real, n=size).real,
    }[how]()


def _cut(result, n, k, how):
    return {
        None: result,
        "signal": result[:n],
        "valid": result[k - 1 : n],
        "middle": result[(k - 1) // 2 :][:n],
        "end": result[k - 1 :],
        "backwards": result.flip(0),
        "whole": result[: n + k - 1],
        "padded": torch.cat([result, result.new_zeros(k - 1)]),
    }[how]


_TWICE = "Lengthen both inputs with zeros before you transform them."
CONVOLVED = {
    "wraps-round": mistake(f"The end still wraps round to the start. {_TWICE}", room="n"),
    "wraps-round-at-kernel": mistake(
        f"Everything has the kernel's length, so the signal is cut and wraps round. {_TWICE}",
        room="k",
    ),
    "one-too-long": mistake(
        "You used n + k values, one more than needed. "
        "The last place where the two still touch is number n + k − 1.",
        room="n + k",
    ),
    "one-too-short": mistake(
        "You used n + k − 2 values, one too few, so the last wraps round to the first place.",
        room="n + k - 2",
    ),
    "room-for-half-the-kernel": mistake(
        "You made room for half of the kernel only (n + k // 2), as for a centred result. The end "
        "still wraps round: the whole convolution has n + k − 1 values.",
        room="n + k // 2",
    ),
    "twice-the-signal": mistake(
        "Your result has twice the signal's length, zeros at the end included. "
        "Its length is n + k − 1: cut it there.",
        room="2 n",
    ),
    "room-for-two-signals": mistake(
        "You made room for twice the signal. That is enough only while the kernel is not longer "
        "than the signal (by more than 1): two lengths n and k need n + k − 1 places.",
        room="2 n",
        cut="whole",
    ),
    "room-for-two-kernels": mistake(
        "You made room for twice the kernel. A longer signal wraps round in it: two lengths n and "
        "k need n + k − 1 places.",
        room="2 k",
        cut="whole",
    ),
    "room-on-both-sides": mistake(
        "Your result is too long: the signal got k − 1 zeros on both sides. "
        "Zeros at the end are enough.",
        front=1,
        room="n + 2 k",
    ),
    "zeros-in-front": mistake(
        "You put the zeros in front of the signal, so everything is shifted and wraps round. "
        "They belong at the end.",
        front=1,
    ),
    "only-inverse-has-room": mistake(
        f"Only irfft gets the full length; both rfft wrap round before. {_TWICE}",
        signal_room="n",
        kernel_room="n",
    ),
    "only-kernel-has-room": mistake(
        f"Only the kernel is lengthened, the signal is not. {_TWICE}", signal_room="n"
    ),
    "only-signal-has-room": mistake(
        f"Only the signal is lengthened, the kernel is not. {_TWICE}", kernel_room="k"
    ),
    "kernel-to-signal-length": mistake(
        f"The kernel is lengthened to n only, not to n + k − 1. {_TWICE}", kernel_room="n"
    ),
    "no-room-at-all": mistake(
        f"The two transforms have different lengths. {_TWICE}",
        signal_room="n",
        kernel_room="k",
    ),
    "zeros-after-the-ring": mistake(
        "You appended zeros after the product had wrapped round already. "
        f"Nothing can be mended there. {_TWICE}",
        room="n",
        cut="padded",
    ),
    "wraps-round-even": mistake(
        f"The end wraps round to the start, and irfft was told no length. {_TWICE}",
        signal_room="n",
        kernel_room="n",
        inverse="even",
    ),
    "conjugated": mistake(
        "You conjugated one transform, which gives cross-correlation. "
        "Multiply the two transforms as they are.",
        conjugated="kernel",
    ),
    "signal-conjugated": mistake(
        "You conjugated the signal's transform, which runs it backwards. "
        "Multiply the two transforms as they are.",
        conjugated="signal",
    ),
    "kernel-flipped": mistake(
        "You flipped the kernel (or slid it without a flip, as a layer does): that is "
        "cross-correlation. The product of the transforms flips it by itself.",
        flipped="kernel",
    ),
    "signal-flipped": mistake("You flipped the signal. Transform it as it is.", flipped="signal"),
    "irfft-length-missing": mistake(
        "irfft returned an even number of values. Tell it the length: irfft(…, n=size).",
        inverse="even",
    ),
    "not-transformed-back": mistake(
        "That is the product of the spectra, complex numbers. Transform it back with irfft.",
        inverse="none",
    ),
    "half-spectrum": mistake(
        "You gave the half spectrum of rfft to ifft, which wants the whole one. "
        "The inverse of rfft is irfft.",
        inverse="half",
    ),
    "half-spectrum-lengthened": mistake(
        "You gave the half spectrum of rfft to ifft, which fills the other half with zeros. "
        "The inverse of rfft is irfft.",
        inverse="half, long",
    ),
    "transformed-again": mistake(
        "You transformed forwards again. Back leads irfft.", inverse="again"
    ),
    "phases-lost": mistake(
        "You multiplied the absolute values (magnitudes), so the phases are lost. "
        "Multiply the complex numbers.",
        product="magnitudes",
    ),
    "imaginary-parts-lost": mistake(
        "You multiplied the real parts only. Multiply the complex numbers.", product="real parts"
    ),
    "spectra-added": mistake(
        "You added the transforms. Convolution turns into their product.", product="sum"
    ),
    "spectra-divided": mistake(
        "You divided the transforms, which would undo a convolution. Multiply them.",
        product="quotient",
    ),
    "kernel-left-out": mistake(
        "The kernel is left out: you transformed the signal there and back.",
        product="signal only",
    ),
    "no-transform": mistake(
        "You multiplied the signals themselves, number by number, without a transform. "
        "Multiply their transforms (rfft), and go back with irfft.",
        product="no transform",
    ),
    "cut-to-signal": mistake(
        "You cut the result to the signal's length. Keep all n + k − 1 values.", cut="signal"
    ),
    "cut-to-valid": mistake(
        "You kept only the values where the kernel lies wholly inside the signal. "
        "Keep all n + k − 1 values.",
        cut="valid",
    ),
    "cut-to-middle": mistake(
        "You cut the middle out of the result (as 'same' does). Keep all n + k − 1 values.",
        cut="middle",
    ),
    "start-cut-off": mistake(
        "The first k − 1 values are missing. Keep all n + k − 1 values.", cut="end"
    ),
    "result-backwards": mistake("Your result runs backwards.", cut="backwards"),
    "norm": mistake(
        "`norm=\"ortho\"` in all three transforms divides once too often. Leave the norm alone.",
        norm="ortho",
    ),
}  # fmt: skip
