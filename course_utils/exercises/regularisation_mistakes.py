"""Answers to 5.10 and 5.11, penalty and dropout, that make a mistake: each from settings."""

import torch

from course_utils.exercise import mistake


# --- 5.10 ---------------------------------------------------------------------------------------
def l2_step_with(
    pull=lambda w, strength, eta: 2 * strength * w,
    on_bias=None,
    step=lambda w, gradient, eta: w - eta * gradient,
    bias_step=None,
):
    """An answer to 5.10 from settings: the penalty's pull, and how a step is taken."""

    def l2_step(weight, bias, weight_grad, bias_grad, eta, strength):
        of_bias = on_bias(bias, strength, eta) if on_bias else 0
        return (
            step(weight, weight_grad + pull(weight, strength, eta), eta),
            (bias_step or step)(bias, bias_grad + of_bias, eta),
        )

    return l2_step


def _both(weight=lambda *args: None, bias=None):
    def l2_step(w, b, w_grad, b_grad, eta, strength):
        right = b - eta * b_grad
        return weight(w, w_grad, eta, strength), bias(b, b_grad, eta) if bias else right

    return l2_step


def _in_place(weight, bias, weight_grad, bias_grad, eta, strength):
    weight -= eta * (weight_grad + 2 * strength * weight)
    bias -= eta * bias_grad
    return weight, bias


OF_THE_PENALTY = {
    "two-missing": mistake(
        "Your penalty pulls with λw. The derivative of λw² has a 2 in it.",
        pull=lambda w, strength, eta: strength * w,
    ),
    "penalty-ignored": mistake(
        "Your weights ignore the penalty. Add its derivative to their gradient.",
        pull=lambda w, strength, eta: 0 * w,
    ),
    "biases-penalised": mistake(
        "You penalise the biases too. Here they are left out, as is usual.",
        on_bias=lambda b, strength, eta: 2 * strength * b,
    ),
    "pull-away": mistake(
        "The pull has the wrong sign: your weights grow. "
        "Its derivative is added to the gradient, and the step goes against both.",
        pull=lambda w, strength, eta: -2 * strength * w,
    ),
    "penalty-itself": mistake(
        "You added the penalty itself. A step needs its derivative for each weight.",
        pull=lambda w, strength, eta: strength * (w**2).sum(),
    ),
    "square-for-derivative": mistake(
        "You added λw² for each weight, which is the penalty. A step needs its derivative.",
        pull=lambda w, strength, eta: strength * w**2,
    ),
    "sum-for-each": mistake(
        "You pull every weight by the sum of all weights. Each feels its own: the derivative for "
        "one weight contains that weight alone.",
        pull=lambda w, strength, eta: 2 * strength * w.sum(),
    ),
    "pull-without-rate": mistake(
        "The pull is not scaled by the learning rate η; it belongs to the gradient.",
        pull=lambda w, strength, eta: 2 * strength * w / eta,
    ),
    "brackets-missing": mistake(
        "The penalty's part is added to the new weights with a plus and without η: brackets are "
        "missing. η multiplies the sum of both gradients, and the step subtracts it.",
        pull=lambda w, strength, eta: -2 * strength * w / eta,
    ),
    "rate-twice": mistake(
        "η multiplies the pull twice. It belongs to the gradient, which η multiplies once.",
        pull=lambda w, strength, eta: 2 * strength * w * eta,
    ),
    "pull-of-l1": mistake(
        "That is the derivative of λ|w|, an L1 penalty: a sign in place of 2w.",
        pull=lambda w, strength, eta: strength * w.sign(),
    ),
    "norm-for-square": mistake(
        "You took the derivative of λ‖w‖, the length itself. The penalty is the sum of the "
        "squares: its derivative is 2λw.",
        pull=lambda w, strength, eta: strength * w / w.norm(),
    ),
    "two-without-strength": mistake(
        "λ is missing in the pull: it is 2λw.", pull=lambda w, strength, eta: 2 * w
    ),
    "strength-without-weight": mistake(
        "Your pull is 2λ for every weight. The derivative of λw² has the weight in it.",
        pull=lambda w, strength, eta: 2 * strength + 0 * w,
    ),
    "gradient-for-weight": mistake(
        "Your penalty pulls along the gradient, 2λ times it. The derivative of λw² is 2λ times the "
        "weight.",
        _both(lambda w, g, eta, strength: w - eta * (g + 2 * strength * g)),
    ),
    "mean-of-squares": mistake(
        "You divide the penalty by the number of weights, as for a mean. It is a sum.",
        pull=lambda w, strength, eta: 2 * strength * w / w.numel(),
    ),
    "strength-squared": mistake(
        "λ is squared in your pull. The penalty has it once.",
        pull=lambda w, strength, eta: 2 * strength**2 * w,
    ),
    "in-place": mistake(
        "Your code changes `weight` in place (`-=`), so the caller's own weights are overwritten. "
        "Make a new tensor: weight - …",
        _in_place,
    ),
    "climbs": mistake(
        "Both steps go uphill, along the gradient. Subtract η times the gradient.",
        step=lambda w, gradient, eta: w + eta * gradient,
    ),
    "rate-missing": mistake(
        "The learning rate η is missing: your step is the whole gradient.",
        step=lambda w, gradient, eta: w - gradient,
    ),
    "gradient-without-rate": mistake(
        "η multiplies the penalty's pull only. It multiplies the sum of both gradients: put "
        "brackets round it.",
        _both(lambda w, g, eta, strength: w - g - eta * 2 * strength * w),
    ),
    "gradients-returned": mistake(
        "You return the gradients and take no step. The new numbers are wanted: weight − η times "
        "gradient.",
        step=lambda w, gradient, eta: gradient,
    ),
    "changes-returned": mistake(
        "You return the changes. Add them to the old weights and biases: the new ones are wanted.",
        step=lambda w, gradient, eta: -eta * gradient,
    ),
    "bias-stays": mistake(
        "The biases stay as they are. Only the penalty leaves them out: take a plain step with "
        "their own gradient.",
        bias_step=lambda b, gradient, eta: b,
    ),
    "bias-climbs": mistake(
        "The biases go uphill. Subtract η times their gradient.",
        bias_step=lambda b, gradient, eta: b + eta * gradient,
    ),
    "bias-without-rate": mistake(
        "The biases' step lacks the learning rate η.",
        bias_step=lambda b, gradient, eta: b - gradient,
    ),
    "penalty-after-step": mistake(
        "You shrink the weights that have moved already. Both gradients belong to the old weights: "
        "add them, and take one step.",
        _both(lambda w, g, eta, strength: (w - eta * g) * (1 - 2 * eta * strength)),
    ),
    "results-exchanged": mistake(
        "The two results are in the wrong order: first the weights, then the biases.",
        lambda *case: l2_step_with()(*case)[::-1],
    ),
    "weights-alone": mistake(
        "You return the weights alone. Two results are wanted: the weights and the biases.",
        lambda *case: l2_step_with()(*case)[0],
    ),
}


# --- 5.11 ---------------------------------------------------------------------------------------
def dropout_with(mask=lambda x, keep: x * keep, factor=lambda p, keep: 1 / (1 - p)):
    """An answer to 5.11 from settings: what the mask does, and how the rest is scaled."""

    def dropout(x, keep, p):
        return mask(x, keep) * factor(p, keep)

    return dropout


def _sum_made_up(x, keep, _p):
    return x * keep + (x * (1 - keep)).sum() / keep.sum() * keep


OF_DROPOUT = {
    "not-rescaled": mistake(
        "You drop but do not rescale. On average only 1 − p of each number is left.",
        factor=lambda p, keep: 1,
    ),
    "dropped-rescaled-kept-left": mistake(
        "You rescale what is to be dropped and leave what is kept as it is. Where `keep` is 0 a 0 "
        "has to come, and what is kept is divided by 1 − p.",
        lambda x, keep, p: torch.where(keep == 0, x / (1 - p), x),
    ),
    "dropped-keep-a-share": mistake(
        "Nothing is 0 in yours: what is to be dropped keeps a share p. Where `keep` is 0 a 0 has "
        "to come, and what is kept is divided by 1 − p.",
        lambda x, keep, p: x * keep + p * x,
    ),
    "rescaled-twice": mistake(
        "You rescale twice. One division makes up for what is dropped.",
        factor=lambda p, keep: 1 / (1 - p) ** 2,
    ),
    "divided-by-p": mistake(
        "You divide by p. A number survives with probability 1 − p.",
        factor=lambda p, keep: 1 / torch.tensor(p),
    ),
    "multiplied-by-p": mistake(
        "You multiply by p. A number survives with probability 1 − p: make up for that by dividing "
        "by it.",
        factor=lambda p, keep: p,
    ),
    "multiplied-by-share": mistake(
        "You multiply by 1 − p. That shrinks the mean once more; it has to grow.",
        factor=lambda p, keep: 1 - p,
    ),
    "multiplied-by-1-plus-p": mistake(
        "You multiply by 1 + p. That is not enough: what survives with probability 1 − p has to be "
        "divided by it.",
        factor=lambda p, keep: 1 + p,
    ),
    "divided-by-1-plus-p": mistake(
        "You divide by 1 + p. A number survives with probability 1 − p: divide by that.",
        factor=lambda p, keep: 1 / (1 + p),
    ),
    "rate-of-one-half": mistake(
        "You always multiply by 2, which is right for p = 0.5 only. Divide by 1 − p.",
        factor=lambda p, keep: 2,
    ),
    "root-of-share": mistake(
        "You divide by the root of 1 − p. That keeps the size of the squares; for the mean divide "
        "by 1 − p itself.",
        factor=lambda p, keep: 1 / (1 - p) ** 0.5,
    ),
    "share-of-this-mask": mistake(
        "You divide by the share that this mask happens to keep. Dropout divides by the "
        "probability, which is the same for every mask.",
        factor=lambda p, keep: 1 / keep.mean(),
    ),
    "number-kept": mistake(
        "You divide by how many numbers are kept. Divide by 1 − p, the probability to be kept.",
        factor=lambda p, keep: 1 / keep.sum(),
    ),
    "mask-upside-down": mistake(
        "Your mask is upside down: 1 means keep.", mask=lambda x, keep: x * (1 - keep)
    ),
    "nothing-dropped": mistake(
        "Nothing is dropped. Where keep is 0 the result is 0.", mask=lambda x, keep: x
    ),
    "dropped-keep-value": mistake(
        "The dropped numbers keep their value. Where keep is 0 the result is 0: multiply by the "
        "mask.",
        lambda x, keep, p: torch.where(keep == 1, x / (1 - p), x),
    ),
    "mask-subtracted": mistake(
        "You subtract from the dropped numbers. To make them 0, multiply by the mask.",
        mask=lambda x, keep: x - (1 - keep),
    ),
    "mask-added": mistake(
        "You add the mask. To keep or drop a number, multiply by it.",
        mask=lambda x, keep: x + keep,
    ),
    "divided-by-mask": mistake(
        "Your result is infinite in places: something is divided by 0, as by the mask where it "
        "drops. Multiply by the mask.",
        when=lambda seen: bool(torch.isinf(seen).any()),
        example=lambda x, keep, p: x / keep / (1 - p),
    ),
    "mask-itself": mistake(
        "Your result does not contain x: it is the mask, scaled. Multiply x by it.",
        mask=lambda x, keep: keep,
    ),
    "fallen-out": mistake(
        "The dropped numbers fall out of the tensor, which becomes shorter. They stay in their "
        "places, as 0: multiply by the mask.",
        mask=lambda x, keep: x[keep == 1],
    ),
    "sum-made-up": mistake(
        "You spread what is dropped over the numbers that are kept, so this mask's sum stays. The "
        "mean over *all* masks should be x: divide by 1 − p.",
        _sum_made_up,
    ),
    "rescaled-everything-kept": mistake(
        "The mean of this one mask is kept: you divide by the mean of what is left. The mean over "
        "all masks should be x: divide by 1 − p.",
        lambda x, keep, p: x * keep * (x.mean() / (x * keep).mean()),
    ),
}
