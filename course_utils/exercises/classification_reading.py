"""Exercises 5.12 and 5.13 of workbook 05: runs read by two accuracies, and the ladder's steps."""

from course_utils.exercise import mistake

# --- 5.12: four runs ------------------------------------------------------------------------------
RUNS = {  # run: images, epochs, accuracies in % in training and test; tried by a test
    1: (2000, 40, 22.1, 22.7),  # one convolution with two filters, and a global average
    2: (2000, 15, 97.8, 77.6),  # the CNN
    3: (2000, 30, 100.0, 31.7),  # the dense network with 64 hidden units
    4: (20, 40, 10.0, 10.3),  # the CNN, its gradients cleared before each step
}
SUSPECTS = (4, 1, 3)  # a mistake in the code, too stiff, learned by heart
CHANCE = 10  # % right for a guess among ten classes


def _values(answer):
    """Three whole numbers, in whatever form they come; nothing for anything else."""
    try:
        values = [float(value) for value in answer]
    except (TypeError, ValueError):
        return ()
    return tuple(values) if len(values) == len(SUSPECTS) else ()


def _first_wrong(answer):
    """(place, run) of the first wrong number; None where the answer is no three runs."""
    values = _values(answer)
    if not values or not set(values) <= set(RUNS):
        return None
    pairs = enumerate(zip(values, SUSPECTS, strict=True))
    return next(((place, value) for place, (value, right) in pairs if value != right), None)


def _said_of(place, run, words):
    example = [*SUSPECTS]
    example[place] = run
    return mistake(
        words, when=lambda answer: _first_wrong(answer) == (place, run), example=tuple(example)
    )


OF_THE_RUNS = {
    "stiff-taken-for-mistake": _said_of(
        0,
        1,
        "First number: run 1 is poor, but it is better than a guess on 2,000 images, so its loop "
        "does learn. Which run fails where every sound network succeeds, on a handful?",
    ),
    "healthy-taken-for-mistake": _said_of(
        0,
        2,
        "First number: run 2 is high in training and in the test. A loop with a mistake in it "
        "would learn nothing. Look for a run at the level of a guess.",
    ),
    "by-heart-taken-for-mistake": _said_of(
        0,
        3,
        "First number: run 3 gets all of its training images right, so its loop learns. Which run "
        "does not even learn a handful?",
    ),
    "healthy-taken-for-stiff": _said_of(
        1,
        2,
        "Second number: run 2 fits nearly all of its training images. A model that is too stiff "
        "is low in training too, although it is better than a guess.",
    ),
    "by-heart-taken-for-stiff": _said_of(
        1,
        3,
        "Second number: run 3 fits all of its training images, so it is anything but stiff. Look "
        "for a model that is low in training already.",
    ),
    "mistake-taken-for-stiff": _said_of(
        1,
        4,
        "Second number: run 4 has twenty images only and is no better than a guess on them. Even "
        "a stiff model learns something of 2,000 images: which one is it?",
    ),
    "stiff-taken-for-by-heart": _said_of(
        2,
        1,
        "Third number: run 1 does not know its training images by heart, it gets few of them "
        "right. Look for the largest gap between training and test.",
    ),
    "healthy-taken-for-by-heart": _said_of(
        2,
        2,
        "Third number: run 2 fits its training images, but most of that carries over to the test. "
        "In which run does hardly any of it carry over?",
    ),
    "mistake-taken-for-by-heart": _said_of(
        2,
        4,
        "Third number: run 4 does not know its twenty images, it guesses. By heart means "
        "everything right in training.",
    ),
    "no-such-run": mistake(
        "The runs are numbered 1 to 4. Answer with three of these numbers.",
        when=lambda answer: bool(_values(answer)) and not set(_values(answer)) <= set(RUNS),
        example=(3, 0, 2),
    ),
    "not-three-numbers": mistake(
        "Three numbers are asked for: the run with a mistake in the code, the one that is too "
        "stiff, the one that has learned by heart.",
        when=lambda answer: not _values(answer),
        example=4,
    ),
}


# --- 5.13: the ladder -----------------------------------------------------------------------------
STEPS = {
    "a": "locality brings most of the gain",
    "b": "sharing brings most of the gain",
    "c": "both bring about as much",
    "d": "neither: only the number of parameters counts",
}

OF_THE_STEPS = {
    "locality": mistake(
        "Not locality. Compare the test bars of the two lowest rungs: how much higher is *local* "
        "than *dense*? Then compare *local* with *all shared*.",
        "a",
    ),
    "both-alike": mistake(
        "Not both alike. Read the test bar of each rung and write down the two gains: from *dense* "
        "to *local*, and from *local* to *all shared*.",
        "c",
    ),
    "number-counts": mistake(
        "Not the number of parameters alone. From *dense* to *local* it falls to a fifteenth. Does "
        "the test accuracy follow?",
        "d",
    ),
}
