"""The mistakes of 6.11, gradients of many networks: each an answer from settings."""

import torch

from course_utils.exercise import mistake


# --- 6.11 ---------------------------------------------------------------------------------------
def gradients_with(
    count=lambda U, x: x.shape[1],
    factor=2,
    bend=lambda h, before: 1 - h**2,
    error=lambda output, y: output - y,
    forward=torch.tanh,
    through=lambda V, back: V.mT @ back,
    combine=lambda back, slope: back * slope,
    inputs=lambda x, hidden: x.T,
    hidden_for_V=lambda hidden, before: hidden,
    give=lambda for_U, for_V: (for_U, for_V),
):
    """An answer to 6.11 from settings: each step of the way back is one of them."""

    def two_gradients(U, V, x, y):
        before = U @ x
        hidden = forward(before)
        back = factor * error(V @ hidden, y) / count(U, x)
        for_U = combine(through(V, back), bend(hidden, before)) @ inputs(x, hidden)
        for_V = back @ hidden_for_V(hidden, before).mT
        return give(for_U, for_V)

    return two_gradients


def _root_of_error(U, V, x, y):
    norm = 2 * (V @ torch.tanh(U @ x) - y).square().mean((1, 2), keepdim=True).sqrt()
    for_U, for_V = gradients_with()(U, V, x, y)
    return for_U / norm, for_V / norm


OF_THE_GRADIENTS = {
    "slope-missing": mistake(
        "The slope of tanh is missing in U's gradient: it is 1 − hidden².",
        bend=lambda h, before: 1,
    ),
    "slope-of-hidden": mistake(
        "You wrote the slope of tanh for what goes in; hidden is tanh already: 1 − hidden².",
        bend=lambda h, before: 1 - torch.tanh(h) ** 2,
    ),
    "slope-from-input": mistake(
        "You squared what goes into tanh (U @ x) for its slope. The slope is 1 − hidden², with "
        "what comes out.",
        bend=lambda h, before: 1 - before**2,
    ),
    "slope-of-sigmoid": mistake(
        "h(1 − h) is the slope of the sigmoid. That of tanh is 1 − hidden².",
        bend=lambda h, before: h * (1 - h),
    ),
    "slope-without-square": mistake(
        "The square is missing in the slope of tanh: 1 − hidden², not 1 − hidden.",
        bend=lambda h, before: 1 - h,
    ),
    "slope-with-plus": mistake(
        "The slope of tanh has a minus: 1 − hidden².", bend=lambda h, before: 1 + h**2
    ),
    "slope-of-relu": mistake(
        "You took the slope of a ReLU. That of tanh is 1 − hidden².",
        bend=lambda h, before: (before > 0).float(),
    ),
    "hidden-for-slope": mistake(
        "You multiplied by hidden itself. The slope of tanh is 1 − hidden².",
        bend=lambda h, before: h,
    ),
    "square-for-slope": mistake(
        "You multiplied by hidden². The slope of tanh is 1 − hidden².",
        bend=lambda h, before: h**2,
    ),
    "sum-for-mean": mistake(
        "Your loss is a sum over the examples. It is their mean: divide by how many there are.",
        count=lambda U, x: 1,
    ),
    "inputs-counted": mistake(
        "You divided by the number of inputs n, the rows of x. The examples are its columns: D is "
        "`x.shape[1]`.",
        count=lambda U, x: x.shape[0],
    ),
    "networks-counted": mistake(
        "You divided by the number of networks P. The mean runs over the examples: D is "
        "`x.shape[1]`.",
        count=lambda U, x: len(U),
    ),
    "hidden-counted": mistake(
        "You divided by the number of hidden units. The mean runs over the examples: D is "
        "`x.shape[1]`.",
        count=lambda U, x: U.shape[1],
    ),
    "all-networks-averaged": mistake(
        "You divided by the number of networks as well: a mean over all errors at once. Each "
        "network has its own loss, the mean over its D examples.",
        count=lambda U, x: len(U) * x.shape[1],
    ),
    "eight-written-in": mistake(
        "You wrote 8 examples into the function. Their number D is the number of columns of x: "
        "`x.shape[1]`.",
        count=lambda U, x: 8,
    ),
    "two-missing": mistake("The 2 of the square is missing.", factor=1),
    "two-missing-and-no-mean": mistake(
        "The 2 of the square and the division by the number of examples are missing.",
        factor=1, count=lambda U, x: 1,
    ),
    "wrong-sign": mistake(
        "Both gradients have the wrong sign. The error is output minus target.",
        error=lambda output, y: y - output,
    ),
    "output-for-error": mistake(
        "You sent the output back without the target. The error is output minus target.",
        error=lambda output, y: output,
    ),
    "sign-of-error": mistake(
        "You sent back the sign of the error, as for a mean *absolute* error. Of the squared error "
        "comes the error itself.",
        error=lambda output, y: (output - y).sign(),
    ),
    "square-of-error": mistake(
        "You sent back the squared error. The derivative of a square is twice the error itself.",
        error=lambda output, y: (output - y) ** 2,
    ),
    "root-of-mean": mistake(
        "Your gradients are those of the root of the mean squared error (RMSE). The loss has no "
        "root.",
        _root_of_error,
    ),
    "tanh-missing": mistake(
        "The tanh is missing on the way forward: hidden = tanh(U @ x).",
        forward=lambda before: before,
    ),
    "sigmoid-forward": mistake(
        "You used a sigmoid on the way forward. The network has tanh(U @ x).",
        forward=torch.sigmoid,
    ),
    "relu-forward": mistake(
        "You used a ReLU on the way forward. The network has tanh(U @ x).", forward=torch.relu
    ),
    "V-left-out": mistake(
        "V is left out on the way back: the error reaches the hidden units through the weights of "
        "the second layer, V.mT.",
        through=lambda V, back: back,
    ),
    "matrix-product-for-slope": mistake(
        "You multiplied with the slope as a matrix product, @. Each hidden unit and example has "
        "its own slope: multiply number by number, *.",
        combine=lambda back, slope: back @ slope.mT,
    ),
    "hidden-for-inputs": mistake(
        "U's gradient multiplies with the hidden units. What goes into U is x: end with x.T.",
        inputs=lambda x, hidden: hidden.mT,
    ),
    "before-for-hidden": mistake(
        "V's gradient multiplies with U @ x. What goes into V are the hidden units, after tanh.",
        hidden_for_V=lambda hidden, before: before,
    ),
    "results-exchanged": mistake(
        "You gave back the two in the wrong order: first U's, then V's.",
        give=lambda for_U, for_V: (for_V, for_U),
    ),
    "first-network-only": mistake(
        "Only the first network's gradients come back. All P networks are wanted, along the first "
        "axis.",
        give=lambda for_U, for_V: (for_U[:1], for_V[:1]),
    ),
    "networks-added-up": mistake(
        "The networks' gradients are added up to one. Each network keeps its own, along the first "
        "axis.",
        give=lambda for_U, for_V: (for_U.sum(0), for_V.sum(0)),
    ),
    "networks-averaged": mistake(
        "The networks' gradients are averaged to one. Each network keeps its own, along the first "
        "axis.",
        give=lambda for_U, for_V: (for_U.mean(0), for_V.mean(0)),
    ),
    "transposed": mistake(
        "Your gradients are turned: rows and columns are exchanged. Each has the shape of its "
        "weights.",
        give=lambda for_U, for_V: (for_U.mT, for_V.mT),
    ),
    "U-alone": mistake(
        "Only U's gradient comes back. Two are wanted: first U's, then V's.",
        give=lambda for_U, for_V: for_U,
    ),
    "V-alone": mistake(
        "Only V's gradient comes back. Two are wanted: first U's, then V's.",
        give=lambda for_U, for_V: for_V,
    ),
}  # fmt: skip
