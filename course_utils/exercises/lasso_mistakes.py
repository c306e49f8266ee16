"""Answers to 8.4 that make a mistake, and what is said of them."""

import torch

from course_utils.exercise import mistake

ALPHA = 1e-4


def fitted(cosines, mask, measured, *, model="Lasso", alpha=ALPHA, **options):
    """Coefficients and intercept of one of scikit-learn's linear models."""
    from sklearn import linear_model  # when asked for: importing it takes a second

    fit = getattr(linear_model, model)(alpha=alpha, **options).fit(cosines[mask], measured)
    return torch.from_numpy(fit.coef_), float(fit.intercept_)


def picture_by(
    model="Lasso",
    alpha=ALPHA,
    target=lambda measured: measured,
    codes=lambda codes, intercept: codes,
    added=lambda intercept, measured, mask: intercept,
    finish=lambda picture, mask, measured, intercept: picture,
    places=lambda cosines, mask: cosines,
):
    """An answer to 8.4: what is fitted, what of it reaches the picture, and what is added."""

    def lasso_picture(cosines, mask, measured):
        coefficients, intercept = fitted(cosines, mask, target(measured), model=model, alpha=alpha)
        picture = places(cosines, mask) @ codes(coefficients, intercept)
        picture = picture + added(intercept, measured, mask)
        return finish(picture, mask, measured, intercept)

    return lasso_picture


def _nothing(intercept, measured, mask):
    return 0.0


def _on_first(codes, intercept):
    return codes + intercept * (torch.arange(len(codes)) == 0)


def _without_intercept(cosines, mask, measured):
    return cosines @ fitted(cosines, mask, measured, fit_intercept=False)[0]


def _pasted(cosines, mask, measured):
    picture = cosines @ fitted(cosines, mask, measured)[0]
    picture[mask] = measured
    return picture


def _stretched(cosines, mask, measured):
    picture = cosines @ fitted(cosines, mask, measured)[0]
    return (picture - picture.min()) / (picture.max() - picture.min())


def _stretched_to_measured(cosines, mask, measured):
    low, high = measured.min(), measured.max()
    return low + (high - low) * _stretched(cosines, mask, measured)


def _scaled_to_mean(cosines, mask, measured):
    picture = cosines @ fitted(cosines, mask, measured)[0]
    return picture * measured.mean() / picture.mean()


def _multiplied(cosines, mask, measured):
    codes, intercept = fitted(cosines, mask, measured)
    return cosines @ codes * intercept


OF_THE_LASSO = {
    "added-to-coefficients": mistake(
        "You added the intercept to every coefficient, so it multiplies every cosine. "
        "It belongs to the pixels: add it to the picture.",
        codes=lambda codes, intercept: codes + intercept,
        added=_nothing,
    ),
    "added-to-first": mistake(
        "The first, constant wave is only 1/side high at each pixel, so adding the intercept to "
        "its coefficient is too little. Add it to the picture.",
        codes=_on_first,
        added=_nothing,
    ),
    "mean-of-measured": mistake(
        "You added the mean of the measured pixels. That is near, but not what was fitted: "
        "the cosines you kept have a mean of their own there. "
        "Take lasso.intercept_.",
        added=lambda intercept, measured, mask: measured.mean(),
    ),
    "mean-of-zero-filled": mistake(
        "You added the sum of the measured pixels divided by the number of *all* pixels, as if the "
        "others were 0: too dark. Take what was fitted, lasso.intercept_.",
        added=lambda intercept, measured, mask: measured.sum() / len(mask),
    ),
    "constant-half": mistake(
        "You added 0.5, a guess. The constant was fitted to the measurements, and is another one "
        "for each picture: lasso.intercept_.",
        added=lambda intercept, measured, mask: 0.5,
    ),
    "intercept-twice": mistake(
        "You added the intercept twice. Once is enough.",
        added=lambda intercept, measured, mask: 2 * intercept,
    ),
    "intercept-subtracted": mistake(
        "You subtracted the intercept. The fit is cosines @ coefficients *plus* it.",
        added=lambda intercept, measured, mask: -intercept,
    ),
    "intercept-multiplied": mistake(
        "You multiplied the picture by the intercept. It is a constant that is *added* to every "
        "pixel.",
        _multiplied,
    ),
    "intercept-on-measured-only": mistake(
        "You added the intercept to the measured pixels only. It belongs to every pixel of the "
        "picture, those that were not measured above all.",
        added=lambda intercept, measured, mask: mask * intercept,
    ),
    "intercept-on-unmeasured-only": mistake(
        "You added the intercept only where nothing was measured. It belongs to every pixel.",
        added=lambda intercept, measured, mask: ~mask * intercept,
    ),
    "codes-negated": mistake(
        "The coefficients have the wrong sign in your picture.",
        codes=lambda codes, intercept: -codes,
    ),
    "fitted-without": mistake(
        "You fit without an intercept, so the mean has to come from the first wave, and the "
        "penalty shrinks it: every grey level is a little too low. Keep the fit as it is, and add "
        "lasso.intercept_ to the picture.",
        _without_intercept,
    ),
    "ridge": mistake(
        "You fitted a ridge regression, whose penalty has squares: nothing becomes 0, and what was "
        "not measured stays grey. Keep the Lasso; what is missing is its intercept.",
        model="Ridge",
    ),
    "ridge-with-intercept": mistake(
        "You fitted a ridge regression, whose penalty has squares: nothing becomes 0. The "
        "intercept belongs to the picture, as you have it; keep the Lasso.",
        picture_by(model="Ridge", alpha=0.01),
    ),
    "scaled-to-mean": mistake(
        "You multiplied the picture until its mean is that of the measured pixels. That changes "
        "the contrast; what was fitted is a constant to *add*, lasso.intercept_.",
        _scaled_to_mean,
    ),
    "mean-not-put-back": mistake(
        "You subtracted the mean of the measured pixels before the fit and did not add it again, "
        "so the picture is too dark by it. Add it at the end, or leave it in.",
        target=lambda measured: measured - measured.mean(),
    ),
    "measured-pasted": mistake(
        "You wrote the measured pixels back; all others are as wrong as before. Something that "
        "was fitted is missing everywhere.",
        _pasted,
    ),
    "stretched": mistake(
        "You stretched the picture to the range from 0 to 1. That changes the contrast and guesses "
        "the brightness; what was fitted is a constant to *add*, lasso.intercept_.",
        _stretched,
    ),
    "stretched-to-measured": mistake(
        "You stretched the picture to the range of the measured pixels. That changes the contrast; "
        "what was fitted is a constant to *add*, lasso.intercept_.",
        _stretched_to_measured,
    ),
    "measured-only": mistake(
        "Only the measured pixels come out: you multiply by `cosines[mask]`. The picture has all "
        "pixels, so take all rows of `cosines`.",
        places=lambda cosines, mask: cosines[mask],
        added=lambda intercept, measured, mask: intercept,
    ),
    "mean-lost": mistake(
        "The picture's mean is still lost: yours is far too dark. What the Lasso fits is "
        "coefficients *and* an intercept, lasso.intercept_; the picture needs both.",
        when=lambda picture: abs(picture.mean()) < 0.4,
        example=picture_by(codes=lambda codes, intercept: 0.999 * codes, added=_nothing),
    ),
}
