"""What students get wrong in 2.9: answers with a setting for every decision."""

import torch

from course_utils.exercise import mistake


# --- 2.9 ------------------------------------------------------------------------------------------
def _row_count(rows, kernel, size, dilation, gap) -> int:
    """How many rows the matrix has, by the slip that is made."""
    reach = gap * (len(kernel) - 1)
    return {
        "right": size - dilation * (len(kernel) - 1),
        "own": size - reach,
        "without dilation": size - len(kernel) + 1,
        "one fewer": size - dilation * (len(kernel) - 1) - 1,
        "by length": size - dilation * len(kernel),
        "dilated length": size - dilation * len(kernel) + 1,
        "square": size,
        "full": size + reach,
        "strided": (size - reach - 1) // dilation + 1,
    }[rows]


def _first_column(i, step, outside, kernel, dilation, gap) -> int:
    """Where the kernel begins in row i, by the slip that is made."""
    first = {"one": i, "dilation": i * dilation, "none": 0, "back": -i, "kernel": i * len(kernel)}
    middle, reach = len(kernel) // 2 * gap, gap * (len(kernel) - 1)
    before = {"centred": middle, "centred left": reach - middle, "full": reach}
    return first[step] - before.get(str(outside), 0)


def built(
    flipped=False, transposed=False, spacing="dilation", rows="right", step="one", outside=None,
    weights="all", sign=1,
):  # fmt: skip
    """An answer to 2.9: how many rows, where the weights of a row stand, and what is done."""

    def convolution_matrix(kernel, size, dilation=1):
        kernel = sign * (kernel.flip(0) if flipped else kernel)
        gap = {"dilation": dilation, "one": 1, "plus one": dilation + 1}[spacing]
        matrix = torch.zeros(_row_count(rows, kernel, size, dilation, gap), size)
        for i in range(len(matrix)):
            first = _first_column(i, step, outside, kernel, dilation, gap)
            for a, weight in enumerate(kernel):
                place = first + a * gap
                if outside == "wrap":
                    place %= size
                elif outside is not None and not 0 <= place < size:
                    continue
                matrix[i, place] = {"all": weight, "ones": 1.0, "first": kernel[0]}[weights]
        return matrix.T if transposed else matrix

    return convolution_matrix


_FIT = "Leave out every row in which the kernel does not fit: there are n − d(k − 1)."
MATRIX = {
    "transposed": mistake(
        "Your matrix is transposed. "
        "Each row makes one output, so it has as many columns as the signal has values.",
        transposed=True,
    ),
    "kernel-flipped": mistake(
        "The kernel runs backwards in your rows: you flipped it. "
        "Write it from left to right, as PyTorch slides it.",
        flipped=True,
    ),
    "wraps-round": mistake(
        f"Your last rows wrap round to the first columns. {_FIT}", rows="square", outside="wrap"
    ),
    "square-cut-off": mistake(
        f"Your matrix is square, and the kernel is cut off in its last rows. {_FIT}",
        rows="square",
        outside="cut",
    ),
    "square-centred": mistake(
        "Your matrix is square, with the kernel centred on the diagonal, as with padding. "
        f"{_FIT}",
        rows="square",
        outside="centred",
    ),
    "square-centred-left": mistake(
        "Your matrix is square, with the kernel about centred on the diagonal, as with padding. "
        f"{_FIT}",
        rows="square",
        outside="centred left",
    ),
    "full-rows": mistake(
        "Your matrix has too many rows: also those where the kernel only touches the signal, "
        f"as with padding. {_FIT}",
        rows="full",
        outside="full",
    ),
    "dilation-ignored": mistake(
        "The dilation is ignored. Weight number a of row i belongs in column i + a·dilation.",
        spacing="one",
        rows="own",
    ),
    "gaps-missing": mistake(
        "The number of rows is right, but your weights stand side by side. "
        "With dilation d, d − 1 zeros lie between them.",
        spacing="one",
    ),
    "beyond-last-column": mistake(
        "With dilation your weights fall beyond the last column. Count the rows with it, "
        "n − d(k − 1); row i begins in column i, and weight a stands in column i + a·d.",
        rows="without dilation",
    ),
    "rows-without-dilation-cut": mistake(
        "The weights have their gaps, but your rows are counted without the dilation, and the last "
        f"ones are cut off. {_FIT}",
        rows="without dilation",
        outside="cut",
    ),
    "gap-one-too-wide": mistake(
        "You put d zeros between the weights. With dilation d there are d − 1.",
        spacing="plus one",
        rows="own",
    ),
    "rows-move-by-dilation": mistake(
        "Your rows move on by the dilation, as with a stride. Each row moves on by one place.",
        step="dilation",
        rows="strided",
    ),
    "rows-never-move": mistake(
        "All your rows are the same: nothing moves. Each row holds the weights one place further "
        "on than the row above.",
        step="none",
    ),
    "rows-move-back": mistake(
        "Your rows move to the left. Each row holds the weights one place further right.",
        step="back",
    ),
    "rows-move-by-kernel": mistake(
        "Your rows move on by the whole kernel. Each row moves on by one place.",
        step="kernel",
        outside="cut",
    ),
    "one-row-missing": mistake(
        f"One row is missing at the end. {_FIT}", rows="one fewer"
    ),
    "rows-by-dilated-length": mistake(
        "Your rows are counted as n − d·k + 1. The kernel covers d(k − 1) + 1 values, so "
        "n − d(k − 1) rows fit.",
        rows="dilated length",
    ),
    "rows-by-kernel-length": mistake(
        "Your rows are counted as n − d·k. The kernel covers d(k − 1) + 1 values.",
        rows="by length",
    ),
    "ones-for-weights": mistake(
        "Your matrix holds ones where the kernel's weights belong.", weights="ones"
    ),
    "first-weight-everywhere": mistake(
        "The kernel's first weight stands everywhere. Weight number a belongs in column "
        "i + a·dilation.",
        weights="first",
    ),
    "sign-turned": mistake("The sign of every weight is turned round.", sign=-1),
}  # fmt: skip
