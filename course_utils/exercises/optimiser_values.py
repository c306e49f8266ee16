"""The mistakes of workbook 06's exercises that ask for numbers, and what is said of them."""

from course_utils.exercise import mistake

NEAR = 2e-3  # of rates that are typed with three digits


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(value) -> int:
    return len(value) if isinstance(value, list | tuple) else 0


# --- 6.1 ----------------------------------------------------------------------------------------
OF_UPDATES = {
    "rest-left-out": mistake(
        "390 full batches leave 80 images over, and they make a batch too, a smaller one.", 390
    ),
    "batch-size": mistake(
        "128 is how many images a batch holds, not how many batches there are.", 128
    ),
    "not-whole": mistake(
        "A batch is used or it is not, so the number is whole. The images left over make one more, "
        "smaller batch: round up.",
        when=lambda value: abs(value - 390.625) < 0.05,  # typed with one digit or more
        example=390.625,
    ),
    "one-too-many": mistake(
        "One too many: the images left over after the full batches make one smaller batch, and no "
        "more.",
        392,
    ),
    "one-per-image": mistake(
        "One update for every image is what batches of 1 would give.", 50_000
    ),
    "one-per-epoch": mistake(
        "One update in an epoch is what a single batch of all images would give. Here every batch "
        "makes one.",
        1,
    ),
    "multiplied": mistake(
        "You multiplied. There are fewer batches than images: divide the number of images by the "
        "size of a batch.",
        50_000 * 128,
    ),
    "fraction-inverted": mistake(
        "Your fraction is upside down: divide the number of images by the size of a batch.",
        when=lambda value: abs(value - 128 / 50_000) < 1e-5,
        example=128 / 50_000,
    ),
    "test-images-too": mistake(
        "You counted 60,000 images. The test images are no part of training: it has 50,000.",
        when=lambda value: value in (468, 469, 468.75),
        example=469,
    ),
    "test-images": mistake(
        "You counted the 10,000 test images. Training runs over its own 50,000 images.",
        when=lambda value: value in (78, 79, 78.125),
        example=79,
    ),
    "part-held-out": mistake(
        "You held images out, and counted 40,000 or 45,000. Here every one of the 50,000 training "
        "images is used.",
        when=lambda value: value in (312, 313, 312.5, 351, 352, 351.5625),
        example=313,
    ),
    "pixels": mistake(
        "You counted pixels, not images. A batch holds 128 images, whatever their size.",
        when=lambda value: value in (50_000 * n / 128 for n in (3072, 1024)),
        example=50_000 * 3072 // 128,
    ),
    "classes": mistake(
        "You counted 5,000 images for each of ten classes, and rounded up for every class. Batches "
        "mix the classes: all 50,000 images are cut into pieces of 128.",
        400,
    ),
    "rest-alone": mistake(
        "80 is how many images are left over after the full batches. How many batches are there?",
        80,
    ),
    "rest-of-images": mistake(
        "You subtracted. Ask how many times 128 fits into 50,000: divide.", 50_000 - 128
    ),
}  # fmt: skip


# --- 6.2 ----------------------------------------------------------------------------------------
def positions_with(
    eta=0.1, alpha=0.9, sign=-1, gradient=1.0, velocity=None, move=None, show=None, steps=3
):
    """An answer to 6.2 from settings: three positions by a rule with momentum.

    Parameters
    ----------
    velocity, move : the two lines of the rule
    show : what is written down, from all positions (the start included) and velocities
    """
    velocity = velocity or (lambda v, g, eta, alpha: alpha * v + sign * eta * g)
    move = move or (lambda w, v, g, eta, alpha: w + v)
    w = v = 0.0
    positions, velocities = [w], [v]
    for _ in range(steps):
        v = velocity(v, gradient, eta, alpha)
        w = move(w, v, gradient, eta, alpha)
        positions.append(w)
        velocities.append(v)
    return tuple(show(positions, velocities) if show else positions[1:])


OF_POSITIONS = {
    "gradient-twice": mistake(
        "The gradient is counted twice. It is already in v, so the step is w + v "
        "and nothing else.",
        move=lambda w, v, g, eta, alpha: w + v - eta * g,
    ),
    "nesterov": mistake(
        "You looked one step ahead, which is Nesterov's variant. Here the step is w + v.",
        move=lambda w, v, g, eta, alpha: w + alpha * v - eta * g,
    ),
    "weighted-gradient": mistake(
        "You weighted the new gradient with 1 − α, as an average does. "
        "This rule adds −η·g in full.",
        velocity=lambda v, g, eta, alpha: alpha * v - (1 - alpha) * eta * g,
    ),
    "alpha-on-gradient": mistake(
        "α multiplies the new gradient too. It belongs to the old velocity alone: −η·g comes in "
        "full.",
        velocity=lambda v, g, eta, alpha: alpha * (v - eta * g),
    ),
    "no-momentum": mistake(
        "That is descent without momentum: each step is −η·g. "
        "Keep 0.9 of the last velocity and add it.",
        alpha=0.0,
    ),
    "velocities": mistake(
        "Those are the velocities; multiplying the old position by α gives the same numbers. The "
        "position adds the velocities up, one after the other.",
        show=lambda positions, velocities: velocities[1:],
    ),
    "uphill": mistake(
        "You climbed: the sign is turned. The velocity takes −η·g, so w falls when g is 1.", sign=1
    ),
    "velocity-kept-whole": mistake(
        "The whole velocity was kept, as if α were 1. Multiply it by 0.9 before you add.", alpha=1.0
    ),
    "velocity-share-of-rest": mistake(
        "You kept 1 − α = 0.1 of the velocity. α itself, 0.9, is the share that stays.", alpha=0.1
    ),
    "rate-missing": mistake(
        "The learning rate is missing: with η = 0.1 the first step is a tenth as long.", eta=1.0
    ),
    "rate-and-alpha-exchanged": mistake(
        "η and α have changed places: 0.9 is the share of the velocity that stays, and 0.1 the "
        "learning rate.",
        (-0.9, -1.89, -2.889),
    ),
    "alpha-on-position": mistake(
        "The first two are right. You multiplied the position by α, which equals the velocity "
        "until the second step. α keeps a share of the velocity: v = 0.9 · v − η·g.",
        (-0.1, -0.29, -0.651),
    ),
    "start-among-three": mistake(
        "Your numbers come one step late: they begin with the start, or each step uses the old "
        "velocity. Compute the new v, then w + v; the first number is where w is after one step.",
        show=lambda positions, velocities: positions[:3],
    ),
    "third-from-first": mistake(
        "The first two are right. You added the third velocity to the first position; it belongs "
        "to the second, where w stood before this step.",
        (-0.1, -0.29, -0.1 - 0.271),
    ),
    "third-velocity-old": mistake(
        "The first two are right. In the third step you used the second velocity again; v is made "
        "anew in every step, 0.9 · v − η·g.",
        (-0.1, -0.29, -0.29 - 0.19),
    ),
    "third-from-start": mistake(
        "The first two are right. The third is the velocity alone; add it to the second position.",
        (-0.1, -0.29, -0.271),
    ),
    "start-included": mistake(
        "Four numbers are one too many: the start is included. Asked is where w is after one, two "
        "and three steps.",
        (0.0, -0.1, -0.29, -0.561),
    ),
    "last-alone": mistake(
        "Three positions are asked for: where w is after one, two and three steps.",
        when=_is_number,
        example=-0.561,
    ),
    "too-few": mistake(
        "Three positions are asked for: where w is after one, two and three steps.",
        when=lambda value: _count(value) == 2,
        example=(-0.1, -0.29),
    ),
}  # fmt: skip


# --- 6.3 ----------------------------------------------------------------------------------------
OF_RATES = {
    "limit-of-descent": mistake(
        "You gave momentum the limit of plain descent. With momentum the limit is larger: "
        "the velocity of the last step brakes the next one.",
        (0.5, 0.5),
    ),
    "momentum-less-stable": mistake(
        "You made momentum less stable. It allows larger rates, by the factor 1 + α, "
        "not smaller ones.",
        (0.5, 0.05),
    ),
    "divided-by-1-plus-alpha": mistake(
        "You divided by 1 + α. Momentum allows larger rates, not smaller ones.",
        when=lambda pair: _count(pair) == 2 and abs(pair[1] - 0.5 / 1.9) < NEAR,
        example=(0.5, 0.5 / 1.9),
    ),
    "times-alpha": mistake(
        "You multiplied the limit of plain descent by α, so momentum gets a smaller one. It allows "
        "a larger one: what factor above 1 comes from the velocity?",
        (0.5, 0.45),
    ),
    "one-step-rate": mistake(
        "η = 1/a leads to the minimum in one step. Larger rates overshoot, "
        "but up to twice that they still come closer with every step.",
        (0.25, 0.475),
    ),
    "one-step-rate-for-descent": mistake(
        "Your first number, η = 1/a, leads to the minimum in one step. Larger rates overshoot, "
        "but up to twice that they still come closer with every step.",
        (0.25, 0.95),
    ),
    "ten-times": mistake(
        "Momentum takes ten times longer steps in the end, but the limit does not grow by 10: "
        "near it, steps change sign and brake each other.",
        (0.5, 5.0),
    ),
    "curvature-multiplied": mistake(
        "You multiplied by the curvature. The steeper the valley, the smaller the rate must be.",
        (8.0, 15.2),
    ),
    "curvature-missing": mistake(
        "The curvature is missing: those are the limits for a = 1. The steeper the valley, the "
        "smaller the rate must be.",
        (2.0, 3.8),
    ),
    "gradient-twice": mistake(
        "That is the limit of the rule that counts the gradient twice. Use w + v.",
        when=lambda pair: abs(pair[1] - 3.8 / 2.9 / 4) < NEAR,
        example=(0.5, 3.8 / 2.9 / 4),
    ),
    "exchanged": mistake(
        "The two numbers are in the other order: first plain descent, then momentum.", (0.95, 0.5)
    ),
    "too-large-for-descent": mistake(
        "Momentum is right. With your rate plain descent already blows up: η·a is above 2. The "
        "border is exact, not read from a picture: when does 1 − η·a stop shrinking w?",
        when=lambda pair: _count(pair) == 2 and 0.5 < pair[0] < 2 and abs(pair[1] - 0.95) < NEAR,
        example=(0.52, 0.95),
    ),
    "too-small-for-descent": mistake(
        "Momentum is right. With your rate plain descent still converges, and with somewhat larger "
        "ones too. Up to where does 1 − η·a shrink the size of w?",
        when=lambda pair: _count(pair) == 2 and 0 < pair[0] < 0.5 and abs(pair[1] - 0.95) < NEAR,
        example=(0.45, 0.95),
    ),
    "too-small-for-momentum": mistake(
        "Plain descent is right. With your rate momentum still converges, and with somewhat larger "
        "ones too: look for the border itself.",
        when=lambda pair: _count(pair) == 2 and abs(pair[0] - 0.5) < NEAR and 0 < pair[1] < 0.95,
        example=(0.5, 0.9),
    ),
    "too-large-for-momentum": mistake(
        "Plain descent is right. With your rate momentum already blows up: look for the border "
        "itself.",
        when=lambda pair: _count(pair) == 2 and abs(pair[0] - 0.5) < NEAR and pair[1] > 0.95,
        example=(0.5, 1.0),
    ),
    "one-number": mistake(
        "Two numbers are asked for: the limit of plain descent, and that with momentum.",
        when=_is_number,
        example=0.5,
    ),
}  # fmt: skip


# --- 6.5 ----------------------------------------------------------------------------------------
def first_adam_with(
    start=1.0, sign=-1, eta=0.02, g=-0.5, correct_m=0.1, correct_r=0.001, root=0.5, step=None
):
    """An answer to 6.5 from settings; `correct_m` and `correct_r` divide the two means."""
    m_hat, r_hat = 0.1 * g / correct_m, 0.001 * g**2 / correct_r
    return start + sign * eta * (step(m_hat, r_hat) if step else m_hat / r_hat**root)


OF_FIRST_ADAM = {
    "not-corrected": mistake(
        "You left out the bias correction: that step is 3.16·η long. "
        "Divide m by 1 − β₁ and r by 1 − β₂ first.",
        first_adam_with(correct_m=1, correct_r=1),
    ),
    "plain-descent": mistake(
        "That is η·g, the step of plain descent. Adam divides by √r̂, and r̂ is g² after one step.",
        step=lambda m_hat, r_hat: m_hat,
    ),
    "uphill": mistake(
        "The step has the wrong sign. Against a negative gradient, w grows.", sign=1
    ),
    "m-not-corrected": mistake(
        "You corrected r, but not m: it is still a tenth of the gradient.", correct_m=1
    ),
    "r-not-corrected": mistake(
        "You corrected m, but not r: it is still a thousandth of g².", correct_r=1
    ),
    "step-for-position": mistake(
        "That is how far w moves, the step itself. Asked is where it stands afterwards; it started "
        "at 1.",
        start=0.0,
    ),
    "change-with-wrong-sign": mistake(
        "That is the step alone, and with the wrong sign: against a negative gradient, w grows. "
        "Asked is where it stands afterwards; it started at 1.",
        first_adam_with(start=0.0, sign=1),
    ),
    "root-missing": mistake("The root is missing: you divided by r̂, not by √r̂.", root=1.0),
    "rate-missing": mistake(
        "The learning rate is missing: you moved by a whole 1. The step is η times m̂/√r̂.", eta=1.0
    ),
    "gradient-added": mistake(
        "You added the gradient to w. Adam's step has the length η, whatever the size of the "
        "gradient.",
        0.5,
    ),
    "gradient-subtracted": mistake(
        "You took the whole gradient as the step. Adam's step has the length η, whatever the size "
        "of the gradient.",
        1.5,
    ),
    "weight-stays": mistake(
        "The weight stays where it was. Even the first step moves it: m̂ is the gradient, not 0.",
        1.0,
    ),
    "square-of-gradient": mistake(
        "You multiplied by the root instead of dividing by it. Adam divides m̂ by √r̂.",
        step=lambda m_hat, r_hat: m_hat * r_hat**0.5,
    ),
    "second-step": mistake(
        "You corrected with t = 2, 1 − β². This is the first step: t = 1.",
        first_adam_with(correct_m=1 - 0.9**2, correct_r=1 - 0.999**2),
    ),
    "betas-exchanged": mistake(
        "β₁ and β₂ are exchanged in the correction. m is divided by 1 − β₁, r by 1 − β₂.",
        first_adam_with(correct_m=0.001, correct_r=0.1),
    ),
}  # fmt: skip
