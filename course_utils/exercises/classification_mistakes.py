"""Answers to 5.3 and 5.5 that make a mistake, and what is said of them."""

from course_utils.exercise import mistake


# --- 5.3 ----------------------------------------------------------------------------------------
def width_with(
    each=lambda inputs, classes: inputs + 1 + classes,
    paid=lambda classes: classes,
    divide=lambda a, b: a // b,
    more=0,
):
    """An answer to 5.3: what each unit costs, what is paid before, how it is divided."""

    def hidden_units(budget, inputs, classes):
        return divide(budget - paid(classes), each(inputs, classes)) + more

    return hidden_units


def _parameters(budget, inputs, classes):
    hidden = width_with()(budget, inputs, classes)
    return hidden * (inputs + 1) + (hidden + 1) * classes


def _below(budget, inputs, classes):
    return (budget - classes - 1) // (inputs + 1 + classes)


def _two_layers(budget, inputs, classes):
    hidden = 0
    while (hidden + 1) * (inputs + 1) + (hidden + 1) * (hidden + 2) + (
        hidden + 2
    ) * classes <= budget:
        hidden += 1
    return hidden


OF_THE_WIDTH = {
    "rounded-up": mistake(
        "You rounded up, and went over the budget. Round down: //.",
        divide=lambda a, b: -(-a // b),
    ),
    "rounded-to-nearest": mistake(
        "You rounded to the nearest whole number, which may go over the budget. Round down: //.",
        divide=lambda a, b: round(a / b),
    ),
    "not-whole": mistake(
        "Hidden units come in whole numbers: divide with //.", divide=lambda a, b: a / b
    ),
    "strictly-below": mistake(
        "Where a network costs exactly the budget, yours is one unit too narrow. It may use all of "
        "the budget: `<=`, not `<`.",
        _below,
    ),
    "hidden-biases-forgotten": mistake(
        "The hidden units' biases are forgotten: each unit owns one more number.",
        each=lambda inputs, classes: inputs + classes,
    ),
    "output-biases-forgotten": mistake(
        "The output's biases are forgotten. Take one for each class off the budget first.",
        paid=lambda classes: 0,
    ),
    "biases-forgotten": mistake(
        "Both layers' biases are forgotten: one for each hidden unit, and one for each class.",
        each=lambda inputs, classes: inputs + classes, paid=lambda classes: 0,
    ),
    "output-biases-added": mistake(
        "You added the classes' biases to the budget. They cost something: take them off it.",
        paid=lambda classes: -classes,
    ),
    "output-biases-per-unit": mistake(
        "You counted a bias of the output for every hidden unit. There is one for each class, "
        "however many units there are.",
        each=lambda inputs, classes: inputs + 2 + classes, paid=lambda classes: 0,
    ),
    "one-output-bias": mistake(
        "You took one bias off the budget. The output has one for each class.",
        paid=lambda classes: 1,
    ),
    "inputs-biases": mistake(
        "You took a bias for each input off the budget. Biases belong to hidden units and classes.",
        lambda budget, inputs, classes: (budget - classes - inputs) // (inputs + 1 + classes),
    ),
    "first-layer-only": mistake(
        "You counted the first layer only. In the second, each hidden unit has a weight for every "
        "one of the classes.",
        each=lambda inputs, classes: inputs + 1, paid=lambda classes: 0,
    ),
    "second-weights-forgotten": mistake(
        "You forgot the weights of the second layer: each hidden unit has one for every one of the "
        "classes.",
        each=lambda inputs, classes: inputs + 1,
    ),
    "first-weights-forgotten": mistake(
        "You forgot the weights of the first layer: each hidden unit has one for every input.",
        each=lambda inputs, classes: 1 + classes,
    ),
    "multiplied": mistake(
        "You multiplied inputs and classes, as in a network without hidden layer. A hidden unit "
        "has inputs *plus* classes weights: the two layers are added.",
        each=lambda inputs, classes: inputs * classes, paid=lambda classes: 0,
    ),
    "multiplied-with-biases": mistake(
        "You multiplied the two layers' numbers. A hidden unit has inputs *plus* classes weights, "
        "and its bias: the layers are added.",
        each=lambda inputs, classes: (inputs + 1) * classes, paid=lambda classes: 0,
    ),
    "one-too-many": mistake(
        "Your network is one unit too wide everywhere: it costs more than the budget. Count the "
        "last width that still fits.",
        more=1,
    ),
    "one-too-few": mistake(
        "Your network is one unit too narrow everywhere: one more would still keep within the "
        "budget.",
        more=-1,
    ),
    "brackets-missing": mistake(
        "Your result is the budget itself. If you wrote `budget - classes // …`, Python divides "
        "first: put brackets round the difference.",
        lambda budget, inputs, classes: budget,
    ),
    "parameters-for-units": mistake(
        "You returned how many parameters the widest network has. The number of hidden units is "
        "wanted.",
        _parameters,
    ),
    "root-of-budget": mistake(
        "You took the root of the budget. The cost is no square of the width: each hidden unit "
        "costs the same, so it is linear. Divide.",
        lambda budget, inputs, classes: int(budget**0.5),
    ),
    "always-0": mistake(
        "Your result is always 0, the first width that fits, as when `return` stands inside a loop "
        "that counts up. The last one that fits is wanted.",
        lambda budget, inputs, classes: 0,
    ),
    "two-hidden-layers": mistake(
        "You counted two hidden layers of width h: their h·h weights are too many. Here is one "
        "hidden layer.",
        _two_layers,
    ),
    "arguments-exchanged-with-biases": mistake(
        "You took the biases off for the inputs and not for the classes: inputs and classes have "
        "changed places.",
        lambda budget, inputs, classes: (budget - inputs) // (inputs + 1 + classes),
    ),
}  # fmt: skip


# --- 5.5 ----------------------------------------------------------------------------------------
TABLE = {  # epoch: accuracies in training, validation and test, as in the workbook
    9: (76.5, 54.0, 51.6), 10: (82.7, 56.0, 54.8), 11: (86.9, 55.8, 53.8), 12: (87.2, 53.6, 54.6),
    13: (87.9, 57.0, 54.0), 14: (95.7, 61.2, 57.8), 15: (96.5, 60.8, 57.8), 16: (98.1, 61.0, 58.2),
    17: (98.9, 60.2, 59.2), 18: (99.7, 59.8, 56.6),
}  # fmt: skip
ACCURACIES = {accuracy for row in TABLE.values() for accuracy in row}
RIGHT_EPOCH = max(TABLE, key=lambda epoch: TABLE[epoch][1])
BY_TEST = max(TABLE, key=lambda epoch: TABLE[epoch][2])
BY_TRAINING = max(TABLE, key=lambda epoch: TABLE[epoch][0])
TESTS = {test for _, _, test in TABLE.values()} - {TABLE[RIGHT_EPOCH][2]}


def _pair(answer) -> bool:
    return isinstance(answer, list | tuple) and len(answer) == 2


def _is_right(answer) -> bool:
    return _pair(answer) and answer[0] == RIGHT_EPOCH


OF_THE_EPOCH = {
    "validation-reported": mistake(
        "The epoch is right. 61.2 is its validation accuracy: the highest of ten, so luck is in "
        "it. Report the accuracy on images that played no part in the choice.",
        (14, 61.2),
    ),
    "training-reported": mistake(
        "The epoch is right. 95.7 is the training accuracy: of images it has seen.", (14, 95.7)
    ),
    "share-for-percent": mistake("Write the accuracy in percent, as in the table.", (14, 0.578)),
    "epoch-from-0": mistake(
        "The accuracy is right. It stands one row further down: epochs are called by their number "
        "in the table, and none is counted from 0.",
        (13, 57.8),
    ),
    "tie-on-test": mistake(
        "57.8 stands in two rows of the column `test`. The validation set chooses between the "
        "epochs, so look for the highest number in `valid`.",
        (15, 57.8),
    ),
    "exchanged": mistake(
        "The two numbers are right, but in the other order: first the epoch.", (57.8, 14)
    ),
    "row-for-epoch": mistake(
        "The table has no such epoch: its rows are epochs 9 to 18. Name the epoch by its number in "
        "the first column, not by the position of its row.",
        when=lambda answer: _pair(answer) and answer[0] not in ACCURACIES | TABLE.keys(),
        example=(5, 57.8),
    ),
    "accuracy-before-epoch": mistake(
        "Your first number is an accuracy, and the second an epoch. Give the epoch first; and look "
        "again at both, exchanged they are not right.",
        when=lambda answer: (
            _pair(answer) and answer[0] in ACCURACIES and answer[1] in TABLE
        ),
        example=(61.2, 14),
    ),
    "accuracy-for-epoch": mistake(
        "Your first number is one of the table's accuracies. Give the epoch first: it is called by "
        "its number in the first column.",
        when=lambda answer: (
            _pair(answer) and answer[0] in ACCURACIES and answer[1] not in TABLE
        ),
        example=(61.2, 57.8),
    ),
    "chosen-by-test": mistake(
        "Epoch 17 is the best on the test set. Once the test set has chosen, it is a validation "
        "set, and its number is too good. Choose by the validation set.",
        when=lambda answer: _pair(answer) and answer[0] == BY_TEST,
        example=(17, 59.2),
    ),
    "chosen-by-training": mistake(
        "Epoch 18 is the best on the training set, which every model knows by heart in the end. "
        "Choose by images that were not trained on.",
        when=lambda answer: _pair(answer) and answer[0] == BY_TRAINING,
        example=(18, 56.6),
    ),
    "not-best-on-validation": mistake(
        "Another epoch has a higher accuracy on the validation set than the one you chose. Keep "
        "the epoch where the column `valid` is highest, not the first rise or the smallest gap.",
        when=lambda answer: _pair(answer) and answer[0] in TABLE and answer[0] != RIGHT_EPOCH,
        example=(16, 58.2),
    ),
    "accuracy-of-another-epoch": mistake(
        "The epoch is right. But the number is the test accuracy of another epoch: report that of "
        "the model you keep, in its own row.",
        when=lambda answer: _is_right(answer) and answer[1] in TESTS,
        example=(14, 59.2),
    ),
    "accuracy-not-of-test": mistake(
        "The epoch is right, the accuracy is not. Report a single number of its row, without an "
        "average: that of the images which neither trained nor chose, the test images.",
        when=lambda answer: _is_right(answer) and answer[1] not in TESTS,
        example=(14, 71.57),
    ),
    "one-number": mistake(
        "Two numbers are asked for: the epoch, and the accuracy to report for it.",
        when=lambda answer: isinstance(answer, int | float),
        example=14,
    ),
    "too-many-numbers": mistake(
        "Only two numbers are asked for: the epoch, and one accuracy to report for it. Which of "
        "the row's three comes from images that neither trained nor chose?",
        when=lambda answer: isinstance(answer, list | tuple) and len(answer) > 2,
        example=(14, 95.7, 61.2, 57.8),
    ),
}  # fmt: skip
