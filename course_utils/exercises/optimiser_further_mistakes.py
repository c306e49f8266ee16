"""The mistakes of further/06, and what is said of them: each an answer from settings."""

from course_utils.exercise import mistake
from course_utils.exercises.optimiser_answers import (
    adam_with,
    in_place,
    nesterov_with,
)
from course_utils.exercises.optimiser_mistakes import (
    CHANGE,
    EXCHANGED,
    IN_PLACE,
    NOT_TWO,
    WEIGHTS_STAY,
    alone,
    exchanged,
    of_adam,
)

# --- 6.7 ----------------------------------------------------------------------------------------
OF_NESTEROV = {
    "plain-momentum": mistake(
        "This is plain momentum: it is also what comes out if you look ahead with the old v. "
        "Compute the new v first, and put the new one into w + αv − ηg.",
        move=lambda w, v, g, eta, alpha: w + v,
    ),
    "alpha-lost": mistake(
        "The α before v is lost, so the gradient counts twice.",
        move=lambda w, v, g, eta, alpha: w + v - eta * g,
    ),
    "gradient-lost": mistake(
        "The gradient's own step is missing: w + αv − ηg has three terms.",
        move=lambda w, v, g, eta, alpha: w + alpha * v,
    ),
    "memory-lost": mistake(
        "The new v is lost: give it back as the second result.",
        memory=lambda old, new, moved: old,
    ),
    "alpha-on-whole-step": mistake(
        "α multiplies the whole step, the gradient too. It belongs to v alone: w + αv − ηg, "
        "without brackets round v − ηg.",
        move=lambda w, v, g, eta, alpha: w + alpha * (v - eta * g),
    ),
    "gradient-weighted": mistake(
        "You weighted the gradient with 1 − α in v. Here it counts in full.",
        velocity=lambda v, g, eta, alpha: alpha * v - (1 - alpha) * eta * g,
    ),
    "alpha-on-all": mistake(
        "α multiplies the gradient in v too. It belongs to the old velocity alone.",
        velocity=lambda v, g, eta, alpha: alpha * (v - eta * g),
    ),
    "alpha-lost-in-velocity": mistake(
        "The old velocity is kept whole: the α before it is missing in v ← αv − ηg.",
        velocity=lambda v, g, eta, alpha: v - eta * g,
    ),
    "velocity-forgets": mistake(
        "Your v is the newest step alone: the share α of the old velocity is missing.",
        velocity=lambda v, g, eta, alpha: -eta * g + 0 * v,
    ),
    "alpha-squared": mistake(
        "α is squared in your step. One look ahead multiplies v by α once.",
        move=lambda w, v, g, eta, alpha: w + alpha**2 * v - eta * g,
    ),
    "whole-step-kept": mistake(
        "You gave back the whole step as the velocity. What is kept is v.",
        memory=lambda old, new, moved: moved,
    ),
    "rate-outside": mistake(
        "Your v holds no η, as in PyTorch's own memory: it takes the gradient, and η multiplies "
        "the step later. Here v ← αv − ηg, so a change of η keeps the old speed.",
        nesterov_with(
            velocity=lambda v, g, eta, alpha: alpha * v + g,
            move=lambda w, v, g, eta, alpha: w - eta * (g + alpha * v),
        ),
    ),
    "velocity-uphill": mistake(
        "The velocity has the wrong sign: it takes −η·g.",
        velocity=lambda v, g, eta, alpha: alpha * v + eta * g,
    ),
    "gradient-uphill": mistake(
        "The gradient's own step has the wrong sign: it is w + αv − ηg, with a minus.",
        move=lambda w, v, g, eta, alpha: w + alpha * v + eta * g,
    ),
    "velocity-subtracted": mistake(
        "You subtract the velocity. It holds −η·g already: add it, w + αv − ηg.",
        move=lambda w, v, g, eta, alpha: w - alpha * v - eta * g,
    ),
    "uphill": mistake(
        "You climbed: both terms of the step have the wrong sign. It is w + αv − ηg.",
        move=lambda w, v, g, eta, alpha: w - alpha * v + eta * g,
    ),
    "rate-missing": mistake(
        "The learning rate is missing in the gradient's own step: w + αv − ηg.",
        move=lambda w, v, g, eta, alpha: w + alpha * v - g,
    ),
    "rate-missing-in-velocity": mistake(
        "The learning rate is missing in the velocity: v ← αv − ηg.",
        velocity=lambda v, g, eta, alpha: alpha * v - g,
    ),
    "alpha-written-in": mistake(
        "You wrote 0.9 into the function. α is its argument `alpha`, and the check calls it with "
        "other values.",
        nesterov_with(
            velocity=lambda v, g, eta, alpha: 0.9 * v - eta * g,
            move=lambda w, v, g, eta, alpha: w + 0.9 * v - eta * g,
        ),
    ),
    "rate-written-in": mistake(
        "You wrote η = 0.01 into the function. It is its argument `eta`, and the check calls it "
        "with other values.",
        nesterov_with(
            velocity=lambda v, g, eta, alpha: alpha * v - 0.01 * g,
            move=lambda w, v, g, eta, alpha: w + alpha * v - 0.01 * g,
        ),
    ),
    "rate-and-alpha-exchanged": mistake(
        "η and α have changed places: α multiplies the velocity, η the gradient.",
        nesterov_with(
            velocity=lambda v, g, eta, alpha: eta * v - alpha * g,
            move=lambda w, v, g, eta, alpha: w + eta * v - alpha * g,
        ),
    ),
    "alpha-twice": mistake(
        "α multiplies the velocity twice, also in the memory that you give back. The memory is "
        "αv − ηg; the second α belongs to the step only, w + αv − ηg.",
        nesterov_with(
            velocity=lambda v, g, eta, alpha: alpha * (alpha * v - eta * g),
            move=lambda w, v, g, eta, alpha: w + v - eta * g,
        ),
    ),
    "step-for-weights": mistake(CHANGE, move=lambda w, v, g, eta, alpha: alpha * v - eta * g),
    "weights-stay": mistake(WEIGHTS_STAY, move=lambda w, v, g, eta, alpha: w),
    "results-exchanged": mistake(EXCHANGED, results=exchanged),
    "not-two-results": mistake(NOT_TWO, results=alone),
    "in-place": mistake(IN_PLACE, in_place(nesterov_with())),
}  # fmt: skip


# --- 6.8 ----------------------------------------------------------------------------------------
def decayed_with(
    w=2.0, eta=0.1, gradient=0.3, decay=0.05, sign=-1, pull=lambda w, decay: decay * w,
    start=None, step=None,
):  # fmt: skip
    """An answer to 6.8 from settings."""
    start = w if start is None else start
    return start + (step or (lambda g, pull: sign * eta * (g + pull)))(gradient, pull(w, decay))


OF_DECAY = {
    "two-lambda": mistake(
        "The decay counts twice: as 2λw, the gradient of λw², or as λw² itself, which is the same "
        "for w = 2. PyTorch adds weight_decay · w, as for the penalty λw²/2.",
        pull=lambda w, decay: 2 * decay * w,
    ),
    "decay-missing": mistake("The decay is missing: that is plain descent.", decay=0.0),
    "gradient-missing": mistake(
        "The gradient 0.3 is missing: the decay alone moves your weight. Both belong to the step.",
        gradient=0.0,
    ),
    "decay-away": mistake(
        "The decay makes weights smaller, so its term has the sign of w.",
        pull=lambda w, decay: -decay * w,
    ),
    "share-without-rate": mistake(
        "You took 5 % off the weight. "
        "The decay is part of the gradient, so η multiplies it too.",
        pull=lambda w, decay: decay * w / 0.1,
    ),
    "decay-without-weight": mistake(
        "You added half of λw: λ itself, without the weight, or λw/2. The decay is λ times the "
        "weight, so a large one loses more.",
        pull=lambda w, decay: decay,
    ),
    "uphill": mistake(
        "The step has the wrong sign: it goes uphill. Subtract η times the gradient.", sign=1
    ),
    "rate-missing": mistake(
        "The learning rate is missing: your step is the whole gradient. Multiply it by η = 0.1.",
        eta=1.0,
    ),
    "change-for-weight": mistake(
        "That is the change alone. Asked is where the weight is afterwards; it started at 2.",
        start=0.0,
    ),
    "gradient-for-weight": mistake(
        "That is the gradient with its penalty. Take the step with it: the weight is asked for, "
        "which started at 2.",
        0.4,
    ),
    "exchanged": mistake(
        "The learning rate and the decay have changed places: η = 0.1 multiplies the whole step, "
        "λ = 0.05 only w.",
        decayed_with(eta=0.05, decay=0.1),
    ),
    "decay-after-step": mistake(
        "You shrank the weight after the gradient's step. Both are part of one step from the old "
        "weight: η times (g + λw), with w = 2.",
        (2 - 0.1 * 0.3) * (1 - 0.1 * 0.05),
    ),
    "multiplied": mistake(
        "You multiplied the gradient by the decay. The two are added: g + λw.",
        step=lambda gradient, pull: -0.1 * gradient * pull,
    ),
}  # fmt: skip


# --- 6.9 ----------------------------------------------------------------------------------------
def _none(w, moved, eta, decay):
    return moved


OF_ADAMW = {
    "decay-in-gradient": mistake(
        "The decay went into the gradient, so Adam divides it by √r̂ as well. "
        "Take it off the weight itself.",
        shrink=_none, into_gradient=lambda w, decay: decay * w,
    ),
    "decay-in-m": mistake(
        "The decay went into the gradient of m, so it is averaged and divided by √r̂. Take it off "
        "the weight itself.",
        shrink=_none, into_m=lambda w, decay: decay * w,
    ),
    "decay-divided-by-root": mistake(
        "The decay stands beside m̂, so it is divided by √r̂ as well. Take it off the weight itself.",
        shrink=_none, into_step=lambda w, decay: decay * w,
    ),
    "no-decay": mistake("That is Adam without decay.", shrink=_none),
    "plain-descent": mistake(
        "Your step is that of plain descent with decay: neither m̂ nor √r̂ moves the weights. Take "
        "Adam's step, and η·decay·w off the weight besides.",
        step_with="gradient", root=lambda r, eps: 1.0,
    ),
    "decay-without-rate": mistake(
        "Your decay forgets the learning rate η. In one step a weight loses the share η·decay.",
        shrink=lambda w, moved, eta, decay: moved - decay * w,
    ),
    "decay-doubled": mistake(
        "You took off 2·η·decay, twice as much. The 2 belongs to another way of writing the "
        "penalty.",
        shrink=lambda w, moved, eta, decay: moved - 2 * eta * decay * w,
    ),
    "decay-halved": mistake(
        "You took off half of η·decay. The weight loses all of that share.",
        shrink=lambda w, moved, eta, decay: moved - eta * decay * w / 2,
    ),
    "rate-squared": mistake(
        "η multiplies the decay twice. In one step a weight loses the share η·decay.",
        shrink=lambda w, moved, eta, decay: moved - eta**2 * decay * w,
    ),
    "weights-grow": mistake(
        "Your weights grow. Subtract η·decay·w.",
        shrink=lambda w, moved, eta, decay: moved + eta * decay * w,
    ),
    "share-off-the-step": mistake(
        "You took the share off Adam's step. It comes off the weights themselves: the step stays "
        "as it is, and w loses η·decay·w besides.",
        shrink=lambda w, moved, eta, decay: w + (moved - w) * (1 - eta * decay),
    ),
    "share-kept": mistake(
        "You keep the share η·decay of the weight, and lose the rest. It is the other way round: "
        "1 − η·decay is left.",
        shrink=lambda w, moved, eta, decay: moved - w + eta * decay * w,
    ),
    "decay-alone": mistake(
        "You take η·decay off every weight, whatever its size. Each loses this *share* of itself: "
        "η·decay·w.",
        shrink=lambda w, moved, eta, decay: moved - eta * decay,
    ),
    "sign-for-weight": mistake(
        "You take off η·decay with the weight's sign, as an L1 penalty would. Each weight loses a "
        "share of itself: η·decay·w.",
        shrink=lambda w, moved, eta, decay: moved - eta * decay * w.sign(),
    ),
    "norm-for-weight": mistake(
        "You take the length of all weights together off each of them. Every weight loses a share "
        "of itself: η·decay·w.",
        shrink=lambda w, moved, eta, decay: moved - eta * decay * w.norm(),
    ),
    "square-for-weight": mistake(
        "You take off η·decay·w², the penalty. Its pull is proportional to w itself.",
        shrink=lambda w, moved, eta, decay: moved - eta * decay * w**2,
    ),
    "decay-after-step": mistake(
        "You shrank what came out of Adam's step. Shrink the weight from before the step.",
        shrink=lambda w, moved, eta, decay: moved - eta * decay * moved,
    ),
    "decay-after-step-without-rate": mistake(
        "You shrank what came out of Adam's step, and without the learning rate η. Take the share "
        "η·decay off the weight from before the step.",
        shrink=lambda w, moved, eta, decay: moved - decay * moved,
    ),
    "decay-written-in": mistake(
        "You wrote the decay 0.01 into the function. It is the argument `decay`, and the check "
        "calls it with other values.",
        shrink=lambda w, moved, eta, decay: moved - eta * 0.01 * w,
    ),
    "constants-not-passed": mistake(
        "Your Adam works with β₁ = 0.9, β₂ = 0.999 and ε = 1e-8, whatever is passed in: β₁, β₂ and "
        "ε are not handed on. They are arguments, and the check calls with other values.",
        adam_with(betas=lambda beta1, beta2: (0.9, 0.999, 0.9, 0.999),
                  root=lambda r, eps: r**0.5 + 1e-8),
    ),
    "torch-adam-afresh": mistake(
        "You run torch.optim.Adam anew in every step, with the decay in its gradient. It forgets "
        "m, r and t, and your memory comes back as it was: write the step yourself.",
        adam_with(
            shrink=_none,
            into_gradient=lambda w, decay: decay * w,
            memory=lambda old, new, hats: old,
        ),
    ),
    **of_adam(adam_with),
}  # fmt: skip
