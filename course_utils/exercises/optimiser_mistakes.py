"""The mistakes of 6.4 and 6.6, rules for a step, and what is said of them."""

from course_utils.exercise import mistake
from course_utils.exercises.optimiser_answers import adam_without_decay, in_place, rmsprop_with

IN_PLACE = (
    "You changed w in place, as w -= … does, so all earlier positions changed with it. "
    "Make a new tensor: w = w - …"
)
NOT_TWO = (
    "Your function does not give back two things. Return both, with a comma between them: the new "
    "weights, and the new memory."
)
EXCHANGED = "The two results are in the wrong order: first the weights, then the memory."
CHANGE = (
    "You give back the step alone, not the new weights. Add it to the old ones: w − η·…, not −η·…"
)
WEIGHTS_STAY = (
    "The weights come back unchanged. A step such as `w.add(…)` or `w - …` makes a new tensor: "
    "give that back."
)


def alone(w, _memory):
    """Only the weights."""
    return w


def exchanged(w, memory):
    """Both, in the wrong order."""
    return memory, w


# --- 6.4 ----------------------------------------------------------------------------------------
OF_RMSPROP = {
    "weights-exchanged": mistake(
        "The two weights are swapped. The past has the large one, ρ.",
        mean=lambda r, g, rho: (1 - rho) * r + rho * g**2,
    ),
    "new-counts-in-full": mistake(
        "The new square counts in full. In a mean the two weights add up to 1: give it 1 − ρ.",
        mean=lambda r, g, rho: rho * r + g**2,
    ),
    "past-counts-in-full": mistake(
        "The past counts in full, so r can only grow. Multiply it by ρ.",
        mean=lambda r, g, rho: r + (1 - rho) * g**2,
    ),
    "both-times-rho": mistake(
        "Everything is multiplied by ρ. It belongs to the past; the new square gets 1 − ρ.",
        mean=lambda r, g, rho: rho * (r + g**2),
    ),
    "past-forgotten": mistake(
        "r holds the newest square alone: the past is missing. A running mean keeps the share ρ of "
        "what r was.",
        mean=lambda r, g, rho: (1 - rho) * g**2 + 0 * r,
    ),
    "newest-square-for-mean": mistake(
        "r is the newest square, without past and without share. A running mean is ρ times the "
        "past and 1 − ρ times the new.",
        mean=lambda r, g, rho: g**2 + 0 * r,
    ),
    "not-squared": mistake(
        "You forgot to square the gradient. Where it is negative, the root becomes nan.",
        mean=lambda r, g, rho: rho * r + (1 - rho) * g,
    ),
    "absolute-value": mistake(
        "You took the size of the gradient, |g|. r is a running mean of its square.",
        mean=lambda r, g, rho: rho * r + (1 - rho) * g.abs(),
    ),
    "square-of-mean": mistake(
        "You squared the running mean. Square the gradient first: r is the mean of the squares.",
        mean=lambda r, g, rho: (rho * r + (1 - rho) * g) ** 2,
    ),
    "share-squared": mistake(
        "You squared 1 − ρ together with the gradient. Only the gradient is squared: "
        "`(1 - rho) * gradient**2`.",
        mean=lambda r, g, rho: rho * r + ((1 - rho) * g) ** 2,
    ),
    "past-squared": mistake(
        "You squared the past as well. r holds squares already.",
        mean=lambda r, g, rho: rho * r**2 + (1 - rho) * g**2,
    ),
    "brackets-missing": mistake(
        "Brackets are missing round 1 − ρ: Python reads `1 - rho * gradient**2`, and multiplies "
        "first.",
        mean=lambda r, g, rho: rho * r + 1 - rho * g**2,
    ),
    "average-of-two": mistake(
        "You took the plain average of past and new. Their shares are ρ and 1 − ρ.",
        mean=lambda r, g, rho: (r + g**2) / 2,
    ),
    "one-r-for-all": mistake(
        "You use one r for all weights, from the mean of the squares over the tensor. Each weight "
        "has an r by itself.",
        mean=lambda r, g, rho: rho * r + (1 - rho) * (g**2).mean(),
    ),
    "one-r-as-sum": mistake(
        "You use one r for all weights, from the sum of the squares over the tensor (the squared "
        "length of the gradient). Each weight has an r by itself.",
        mean=lambda r, g, rho: rho * r + (1 - rho) * (g**2).sum(),
    ),
    "rho-written-in": mistake(
        "You wrote 0.9 into the function. ρ is its argument `rho`, and the check calls it with "
        "other values.",
        mean=lambda r, g, rho: 0.9 * r + 0.1 * g**2,
    ),
    "epsilon-under-root": mistake(
        "ε moved under the root. Add it after the root.", root=lambda r, eps: (r + eps) ** 0.5
    ),
    "root-missing": mistake(
        "The root is gone. Divide by √r + ε, not by r + ε.", root=lambda r, eps: r + eps
    ),
    "root-by-precedence": mistake(
        "Python reads `r**1/2` as `(r**1)/2`, half of r: brackets are missing. The root is "
        "`r**0.5`.",
        root=lambda r, eps: r / 2 + eps,
    ),
    "epsilon-missing": mistake(
        "ε is missing, so nothing protects from dividing by 0. Add it after the root.",
        root=lambda r, eps: r**0.5,
    ),
    "epsilon-written-in": mistake(
        "You wrote ε into the function. It is the argument `eps`, and the check calls it with "
        "other values.",
        root=lambda r, eps: r**0.5 + 1e-8,
    ),
    "multiplied-by-root": mistake(
        "You multiply by the root. Divide by it: weights with large gradients take small steps.",
        root=lambda r, eps: 1 / (r**0.5 + eps),
    ),
    "uphill": mistake(
        "Your step has the wrong sign: it goes uphill. Subtract it.",
        move=lambda w, step, eta: w + eta * step,
    ),
    "rate-missing": mistake(
        "The learning rate η is missing in your step.", move=lambda w, step, eta: w - step
    ),
    "rate-written-in": mistake(
        "You wrote η = 0.01 into the function. It is the argument `eta`, and the check calls it "
        "with other values.",
        move=lambda w, step, eta: w - 0.01 * step,
    ),
    "step-for-weights": mistake(CHANGE, move=lambda w, step, eta: -eta * step),
    "weights-stay": mistake(WEIGHTS_STAY, move=lambda w, step, eta: w),
    "old-memory-used": mistake(
        "You take the step with the old r. Update r first, then use the new one.", old_in_step=True
    ),
    "memory-lost": mistake(
        "The new r is lost: give it back as the second result, or every step starts afresh.",
        memory=lambda old, new: old,
    ),
    "root-kept": mistake(
        "You give back √r as the memory. Keep r itself; the root is for this step only.",
        memory=lambda old, new: new**0.5,
    ),
    "results-exchanged": mistake(EXCHANGED, results=exchanged),
    "not-two-results": mistake(NOT_TWO, results=alone),
    "in-place": mistake(IN_PLACE, in_place(rmsprop_with())),
}  # fmt: skip


def _only_weights_are_nan(seen) -> bool:
    weights, m, r, *_ = seen
    return bool(weights.isnan().all() and m.isfinite().all() and r.isfinite().all())


# --- 6.6 and 6.9 ----------------------------------------------------------------------------------
ADAM_ITSELF = {  # settings of an answer, which is Adam's with or without decay
    "memory-lost": mistake(
        "m, r and t start afresh with every step. Give back the new ones, (m, r, t).",
        memory=lambda old, new, hats: old,
    ),
    "means-lost": mistake(
        "m and r start afresh with every step: only t comes back new. Give back (m, r, t).",
        memory=lambda old, new, hats: (old[0], old[1], new[2]),
    ),
    "count-lost": mistake(
        "t comes back as it was, so every step is corrected as if it were the first. Give back "
        "the new t.",
        memory=lambda old, new, hats: (new[0], new[1], old[2]),
    ),
    "hats-kept": mistake(
        "You keep the corrected m̂ and r̂ as the state, so the correction is corrected again. "
        "Keep m and r; use m̂ and r̂ for this step only.",
        memory=lambda old, new, hats: hats,
    ),
    "memory-in-another-order": mistake(
        "The memory comes back in another order: m and r are exchanged. It is (m, r, t).",
        memory=lambda old, new, hats: (new[1], new[0], new[2]),
    ),
    "not-corrected": mistake(
        "You left out the bias correction: m and r start at 0 and are too small at first.",
        correct_m=lambda m, beta, t: m,
        correct_r=lambda r, beta, t: r,
    ),
    "only-m-corrected": mistake(
        "You corrected m but not r: it needs its own hat, r̂ = r/(1 − β₂ᵗ).",
        correct_r=lambda r, beta, t: r,
    ),
    "only-r-corrected": mistake(
        "You corrected r but not m: it needs its own hat, m̂ = m/(1 − β₁ᵗ).",
        correct_m=lambda m, beta, t: m,
    ),
    "corrected-by-beta": mistake(
        "You corrected with β instead of 1 − βᵗ.",
        correct_m=lambda m, beta, t: m / beta,
        correct_r=lambda r, beta, t: r / beta,
    ),
    "corrected-by-power": mistake(
        "You divided by βᵗ. The correction divides by 1 − βᵗ.",
        correct_m=lambda m, beta, t: m / beta**t,
        correct_r=lambda r, beta, t: r / beta**t,
    ),
    "correction-multiplied": mistake(
        "You multiply by 1 − βᵗ, which makes m and r smaller still. Divide by it.",
        correct_m=lambda m, beta, t: m * (1 - beta**t),
        correct_r=lambda r, beta, t: r * (1 - beta**t),
    ),
    "times-for-power": mistake(
        "You multiplied β by t. The correction has a power: 1 − β**t.",
        correct_m=lambda m, beta, t: m / (1 - beta * t),
        correct_r=lambda r, beta, t: r / (1 - beta * t),
    ),
    "power-of-bracket": mistake(
        "You took the power of the bracket, (1 − β)ᵗ. Only β has it: 1 − βᵗ.",
        correct_m=lambda m, beta, t: m / (1 - beta) ** t,
        correct_r=lambda r, beta, t: r / (1 - beta) ** t,
    ),
    "correction-without-brackets": mistake(
        "Brackets are missing in the correction: Python reads `m / 1 - beta1**t` as "
        "`(m / 1) - beta1**t`. Write `m / (1 - beta1**t)`, and the same for r.",
        correct_m=lambda m, beta, t: m / 1 - beta**t,
        correct_r=lambda r, beta, t: r / 1 - beta**t,
    ),
    "m-without-brackets": mistake(
        "Brackets are missing in m's correction: Python reads `m / 1 - beta1**t` as "
        "`(m / 1) - beta1**t`. Write `m / (1 - beta1**t)`.",
        correct_m=lambda m, beta, t: m / 1 - beta**t,
    ),
    "both-with-beta1": mistake(
        "You corrected r with β₁ as well. Each mean has its own: 1 − β₂ᵗ for r.",
        betas=lambda one, two: (one, two, one, one),
    ),
    "both-with-beta2": mistake(
        "You corrected m with β₂ as well. Each mean has its own: 1 − β₁ᵗ for m.",
        betas=lambda one, two: (one, two, two, two),
    ),
    "betas-exchanged": mistake(
        "β₁ and β₂ are swapped. The mean of the gradients has the short memory, β₁ = 0.9.",
        betas=lambda one, two: (two, one, two, one),
    ),
    "betas-exchanged-in-correction": mistake(
        "β₁ and β₂ are swapped in the correction. m is corrected with β₁, r with β₂.",
        betas=lambda one, two: (one, two, two, one),
    ),
    "beta1-everywhere": mistake(
        "r is a mean with β₁. It has its own, β₂, here and in its correction.",
        betas=lambda one, two: (one, one, one, one),
    ),
    "betas-written-in": mistake(
        "You wrote 0.9 and 0.999 into the function. They are the arguments `beta1` and "
        "`beta2`, and the check calls it with other values.",
        betas=lambda one, two: (0.9, 0.999, 0.9, 0.999),
    ),
    "m-shares-exchanged": mistake(
        "The two shares in m are swapped. The past has the large one, β₁.",
        first=lambda m, g, beta: (1 - beta) * m + beta * g,
    ),
    "r-shares-exchanged": mistake(
        "The two shares in r are swapped. The past has the large one, β₂.",
        second=lambda r, g, beta, m: (1 - beta) * r + beta * g**2,
    ),
    "m-in-full": mistake(
        "The new gradient counts in full in m. Give it the share 1 − β₁.",
        first=lambda m, g, beta: beta * m + g,
    ),
    "r-in-full": mistake(
        "The new square counts in full in r. Give it the share 1 − β₂.",
        second=lambda r, g, beta, m: beta * r + g**2,
    ),
    "r-only-adds": mistake(
        "r only adds up squares, as in AdaGrad. It is a running mean: β₂ times the past and "
        "1 − β₂ times the new.",
        second=lambda r, g, beta, m: r + g**2,
    ),
    "both-in-full": mistake(
        "The new gradient and the new square count in full. In a mean the two shares add up to "
        "1: give them 1 − β₁ and 1 − β₂.",
        first=lambda m, g, beta: beta * m + g,
        second=lambda r, g, beta, m: beta * r + g**2,
    ),
    "both-shares-exchanged": mistake(
        "The two shares are swapped in m and in r. The past has the large one, β.",
        first=lambda m, g, beta: (1 - beta) * m + beta * g,
        second=lambda r, g, beta, m: (1 - beta) * r + beta * g**2,
    ),
    "gradient-for-m-hat": mistake(
        "Your step uses the gradient itself, so m is kept and never used: that is RMSprop with a "
        "correction. The step takes m̂, the corrected mean of the gradients.",
        step_with="gradient",
    ),
    "m-is-gradient": mistake(
        "m is the newest gradient alone. It is a running mean: β₁ times the past and 1 − β₁ "
        "times the new.",
        first=lambda m, g, beta: g + 0 * m,
    ),
    "not-squared": mistake(
        "The gradient is not squared in r. Where it is negative, the root becomes nan.",
        second=lambda r, g, beta, m: beta * r + (1 - beta) * g,
    ),
    "square-of-m": mistake(
        "r takes the square of m. It is a running mean of the *gradient's* squares.",
        second=lambda r, g, beta, m: beta * r + (1 - beta) * m**2,
    ),
    "absolute-value": mistake(
        "r takes the size of the gradient, |g|. It is a running mean of its squares.",
        second=lambda r, g, beta, m: beta * r + (1 - beta) * g.abs(),
    ),
    "means-stay-0": mistake(
        "m and r stay 0, so the weights stay as well. A method such as `m.mul(…)` makes a new "
        "tensor, and its result has to be assigned: m = …",
        first=lambda m, g, beta: m + 0 * g,
        second=lambda r, g, beta, m: r + 0 * g,
    ),
    "one-r-for-all": mistake(
        "You use one r for all weights, the mean over the tensor. Each number has an r by itself.",
        second=lambda r, g, beta, m: beta * r + (1 - beta) * (g**2).mean(),
    ),
    "one-r-as-sum": mistake(
        "You use one r for all weights, from a sum over the tensor. Each number has an r by "
        "itself.",
        second=lambda r, g, beta, m: beta * r + (1 - beta) * (g**2).sum(),
    ),
    "count-stays": mistake(
        "Every step is corrected as if it were the first: t does not move on, or the power t "
        "is missing. The correction is 1 − βᵗ and fades with time.",
        exponent=lambda t: 1,
    ),
    "count-one-too-many": mistake(
        "t counts one too many: in the first step the exponent is 1.",
        exponent=lambda t: t + 2,
    ),
    "epsilon-under-root": mistake(
        "ε is under the root. Add it after the root: √r̂ + ε.",
        root=lambda r, eps: (r + eps) ** 0.5,
    ),
    "epsilon-missing": mistake(
        "ε is missing. Add it after the root: √r̂ + ε.", root=lambda r, eps: r**0.5
    ),
    "root-missing": mistake("The root is missing. Divide by √r̂ + ε.", root=lambda r, eps: r + eps),
    "root-by-precedence": mistake(
        "Python reads `r_hat**1/2` as `(r_hat**1)/2`, half of it: brackets are missing. The "
        "root is `r_hat**0.5`.",
        root=lambda r, eps: r / 2 + eps,
    ),
    "multiplied-by-root": mistake(
        "You multiply by √r̂. Divide by it.", root=lambda r, eps: 1 / (r**0.5 + eps)
    ),
    "epsilon-beside-uncorrected-root": mistake(
        "ε stands beside √r before its correction, as in some libraries. Here it stands beside "
        "√r̂: correct r first, take the root, then add ε.",
        early_epsilon=True,
    ),
    "uphill": mistake(
        "You climbed: the step has the wrong sign. Subtract it.",
        move=lambda w, step, eta: w + eta * step,
    ),
    "rate-missing": mistake(
        "The learning rate η is missing in your step.", move=lambda w, step, eta: w - step
    ),
    "rate-written-in": mistake(
        "You wrote η = 0.001 into the function. It is the argument `eta`, and the check calls "
        "it with other values.",
        move=lambda w, step, eta: w - 0.001 * step,
    ),
    "step-for-weights": mistake(CHANGE, move=lambda w, step, eta: -eta * step),
    "weights-stay": mistake(WEIGHTS_STAY, move=lambda w, step, eta: w),
    "results-exchanged": mistake(EXCHANGED, results=exchanged),
    "not-two-results": mistake(NOT_TWO, results=alone),
}


def of_adam(make) -> dict:
    """Mistakes in Adam itself, for the exercise whose answers `make` gives."""
    return ADAM_ITSELF | {
        "count-from-0": mistake(
            "All weights are nan from the first step on, though m and r are numbers: something is "
            "divided by 0, or a root is taken of a negative number. For t = 0 the correction 1 − "
            "βᵗ is 0: is t counted before it is used?",
            when=_only_weights_are_nan,
            example=make(exponent=lambda t: t),
        ),
        "in-place": mistake(IN_PLACE, in_place(make())),
    }


OF_ADAM = of_adam(adam_without_decay)
