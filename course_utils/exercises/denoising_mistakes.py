"""Answers to 7.6 that make a mistake, and what is said of them."""

import torch
import torch.nn.functional as F

from course_utils.exercise import mistake


# --- 7.6 ----------------------------------------------------------------------------------------
def denoiser(
    goes_in=lambda images, noise: images + noise,
    target=lambda images, noise: images,
    comes_out=lambda rebuilt, noise: rebuilt,
    error=F.mse_loss,
    rows=None,
    used=True,
    finish=lambda loss: loss,
    trains=True,
):
    """An answer to 7.6: what goes in, what should come out, and how the two are compared."""

    def denoising_loss(model, images, noise):
        images, noise = images[:rows], noise[:rows]
        fed = goes_in(images, noise)
        with torch.set_grad_enabled(trains):
            rebuilt = comes_out(model(fed) if used else fed, noise)
            return finish(error(rebuilt, target(images, noise)))

    return denoising_loss


def _noise_into_images(model, images, noise):
    images += noise
    return F.mse_loss(model(images), images)


OF_THE_DENOISER = {
    "target-noisy": mistake(
        "Your target is the noisy image, so the network learns to keep the noise. "
        "Noise goes in; the clean image is what should come out.",
        target=lambda images, noise: images + noise,
    ),
    "noise-not-fed": mistake(
        "No noise reaches your network: it sees clean images only, which is the plain autoencoder.",
        goes_in=lambda images, noise: images,
    ),
    "exchanged": mistake(
        "Input and target have changed places: you teach it to make clean images noisy.",
        goes_in=lambda images, noise: images,
        target=lambda images, noise: images + noise,
    ),
    "target-noise": mistake(
        "Your target is the noise. Some denoisers do learn that; "
        "here the clean image should come out.",
        target=lambda images, noise: noise,
    ),
    "noise-alone-fed": mistake(
        "Only the noise goes into your network, without the images. Noise is *added* to the "
        "images: images + noise goes in.",
        goes_in=lambda images, noise: noise,
    ),
    "noise-subtracted": mistake(
        "You subtracted the noise before the network. What goes in is images + noise.",
        goes_in=lambda images, noise: images - noise,
    ),
    "noise-multiplied": mistake(
        "You multiplied images and noise. The noise is added: images + noise goes in.",
        goes_in=lambda images, noise: images * noise,
    ),
    "noise-behind": mistake(
        "You added the noise to what comes *out*; the network gets clean images. Noise belongs on "
        "what goes in, before the network.",
        goes_in=lambda images, noise: images,
        comes_out=lambda rebuilt, noise: rebuilt + noise,
    ),
    "clipped": mistake(
        "You clipped the noisy images to 0 … 1. Sensible in a camera; here they go in as they are.",
        goes_in=lambda images, noise: (images + noise).clamp(0, 1),
    ),
    "network-missing": mistake(
        "The network is missing: this is how far the noise itself moved the images.", used=False
    ),
    "sum": mistake(
        "You added the squared errors up. Take their mean, as F.mse_loss does.",
        error=lambda a, b: F.mse_loss(a, b, reduction="sum"),
    ),
    "sum-of-an-image": mistake(
        "You added the squared errors of each image and took the mean over the images only. Take "
        "the mean over everything, pixels too, as F.mse_loss does.",
        error=lambda a, b: ((a - b) ** 2).sum() / len(a),
    ),
    "magnitudes": mistake(
        "You took the mean of the differences' magnitudes. Square them.", error=F.l1_loss
    ),
    "not-squared": mistake(
        "Your differences are not squared, so those above and below 0 cancel. Square each "
        "difference before the mean.",
        error=lambda a, b: (a - b).mean(),
    ),
    "mean-squared": mistake(
        "You took the mean first and squared it then, so differences of both signs cancel. Square "
        "each difference before the mean.",
        error=lambda a, b: (a - b).mean() ** 2,
    ),
    "root": mistake(
        "You took the root of the mean squared error. Leave the root out.",
        finish=torch.sqrt,
    ),
    "negated": mistake(
        "Your loss has the wrong sign: minimising it makes the error as large as it can be.",
        finish=torch.neg,
    ),
    "first-image-only": mistake(
        "Your loss looks at the first image of the batch only. It is a mean over all of them.",
        rows=1,
    ),
    "image-for-loss": mistake(
        "Your function gives the denoised images. What is wanted is one number: their mean squared "
        "error against the clean ones.",
        error=lambda a, b: a,
    ),
    "error-of-each-number": mistake(
        "Your function gives the squared error of every number. Take the mean of them all.",
        error=lambda a, b: (a - b) ** 2,
    ),
    "no-gradients": mistake(
        "Your loss cannot train anything: it records no gradients. That comes from "
        "`torch.no_grad()`, `.detach()` or `.item()`; leave it out.",
        trains=False,
    ),
    "in-place": mistake(
        "Your code adds the noise into `images` itself, so the clean images are gone, from your "
        "target too. Make a new tensor: `noisy = images + noise`.",
        _noise_into_images,
    ),
}
