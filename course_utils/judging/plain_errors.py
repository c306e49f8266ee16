"""Errors of Python and PyTorch in plain words, with the student's line and the shapes in it."""

from __future__ import annotations

import re

from course_utils.judging.observation import Stopped

LIMITS = ("TimeLimit", "MemoryLimit", "KeyboardInterrupt")

# (exception's kind, pattern of its text, id, what it means); {0}, {1} are the pattern's groups
MEANINGS: list[tuple[str, str, str, str]] = [
    ("RuntimeError", r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)",
     "shapes-matmul", "A matrix product of shapes {0}×{1} and {2}×{3} was asked for, and the inner "
     "sizes {1} and {2} differ: the columns of the first must be as many as the rows of the "
     "second."),
    ("RuntimeError", r"size mismatch, got input \((\d+)\), mat \((\S+)\), vec \((\d+)\)",
     "shapes-matmul", "A matrix of shape {1} meets a vector of {2} numbers: its columns must be as "
     "many as the vector's numbers."),
    ("RuntimeError", r"inconsistent tensor size, expected tensor \[(.*?)\] and src \[(.*?)\]",
     "shapes-dot", "Two vectors of {0} and {1} numbers are multiplied; they must be equally long."),
    ("RuntimeError", r"The size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\) at "
     r"non-singleton dimension (\d+)", "shapes-broadcast", "Two tensors do not fit together: along "
     "axis {2} one has length {0} and the other {1}. They must be equal, or one of them 1."),
    ("RuntimeError", r"Given groups=\d+, weight of size \[(.*?)\], expected input\[(.*?)\] to have "
     r"(\d+) channels, but got (\d+) channels", "channels", "A convolution with weights of shape "
     "({0}) takes {2} channels, and {3} arrive."),
    ("RuntimeError", r"Given transposed=1, weight of size \[(.*?)\], expected input\[(.*?)\] to "
     r"have (\d+) channels, but got (\d+) channels", "channels", "A transposed convolution with "
     "weights of shape ({0}) takes {2} channels, and {3} arrive."),
    ("RuntimeError", r"Expected (\d)D.*input.*got input of size: \[(.*?)\]", "rank",
     "The layer takes an input with axes for batch and channels, and one of shape ({1}) arrives."),
    ("RuntimeError", r"Kernel size can't be greater than actual input size", "kernel-too-large",
     "The kernel is larger than the image it is to slide over."),
    ("RuntimeError", r"Calculated padded input size per channel: \((.*?)\)\. Kernel size: "
     r"\((.*?)\)\. Kernel size can't be greater", "kernel-too-large", "A kernel of ({1}) does not "
     "fit into an input of ({0})."),
    ("RuntimeError", r"shape '\[(.*?)\]' is invalid for input of size (\d+)", "reshape",
     "{1} numbers cannot be arranged as ({0}): a shape's sizes must multiply to the same count."),
    ("RuntimeError", r"view size is not compatible", "view", "`view` needs numbers that lie one "
     "after the other in memory, and after `permute` or `.T` they do not; `reshape` copies."),
    ("RuntimeError", r"log_softmax_lastdim_kernel_impl|nll_loss.* not implemented for|expected "
     r"floating point type for target with class probabilities", "cross-entropy-arguments",
     "`cross_entropy` takes the model's outputs first and the labels second; here whole numbers "
     "stand in the first place."),
    ("RuntimeError", r"expected target dtype to be Long|expected scalar type Long but found Float",
     "label-dtype", "The labels have to be whole numbers (classes, counted from 0): `.long()` "
     "makes them so. The model's outputs stand first, the labels second."),
    ("RuntimeError", r"expected scalar type (\w+) but found (\w+)|"
     r"expected m1 and m2 to have the same dtype, but got: (\w+) != (\w+)", "dtype-mix",
     "Two tensors of different dtypes meet. Bring both to one: `.float()` makes float32."),
    ("RuntimeError", r"Input type \((.*?)\) and (?:bias|weight) type \((.*?)\) should be the same",
     "dtype-mix", "The input and the layer's weights have different dtypes: `.float()` makes "
     "float32."),
    ("RuntimeError",
     r"\"(\w+)\" not implemented for '(\w+)'|mean\(\): could not infer output dtype",
     "dtype-unfit", "PyTorch does not compute this with whole numbers (or not in this dtype): "
     "`.float()` makes float32."),
    ("RuntimeError", r"result type (\w+) can't be cast to the desired output type (\w+)",
     "dtype-in-place", "The result has decimals, and the tensor it is written into holds whole "
     "numbers."),
    ("RuntimeError", r"Boolean value of Tensor with more than one value is ambiguous",
     "truth-of-tensor", "`if`, `while`, `and`, `or` and Python's own `max` and `min` need one yes "
     "or no, and a comparison of a tensor gives one for each number. For a choice number by number "
     "there is `torch.where`, for the largest number the tensor's own `.max()`."),
    ("ValueError", r"truth value of an array with more than one element is ambiguous",
     "truth-of-tensor", "`if`, `while`, `and`, `or` need one yes or no, and a comparison of an "
     "array gives one for each number."),
    ("RuntimeError", r"element 0 of tensors does not require grad", "no-grad", "`backward()` finds "
     "no way back: nothing in this computation records gradients. Was it made under `no_grad`, "
     "after `torch.set_grad_enabled(False)`, which stays in force when a function has ended, "
     "detached, or turned into a number by `.item()`?"),
    ("RuntimeError", r"grad can be implicitly created only for scalar outputs", "backward-of-many",
     "`backward()` starts from one number, and here are several: take their mean or sum first."),
    ("RuntimeError", r"Trying to backward through the graph a second time", "backward-twice",
     "`backward()` is called twice on the same computation. Compute the loss anew for each step."),
    ("RuntimeError", r"a leaf Variable that requires grad is being used in an in-place operation",
     "in-place-leaf", "A weight is changed in place while gradients are recorded. Put the update "
     "under `with torch.no_grad():`."),
    ("RuntimeError", r"modified by an inplace operation", "in-place-graph", "A tensor that "
     "`backward()` still needs was changed in place. Make a new one: `x = x + …`, not `x += …`."),
    ("RuntimeError", r"Can't call numpy\(\) on Tensor that requires grad", "numpy-of-grad",
     "A tensor that records gradients is to become an array: `.detach()` it first."),
    ("RuntimeError", r"a Tensor with (\d+) elements cannot be converted to Scalar", "item-of-many",
     "`.item()` and `float()` take one number, and this tensor has {0}."),
    ("ValueError", r"only one element tensors can be converted to Python scalars", "item-of-many",
     "A tensor with several numbers is to become one number."),
    ("TypeError", r"only (?:integer tensors of a single element|length-1 arrays|0-dimensional "
     r"arrays|single-element)", "item-of-many", "A tensor or array with several numbers stands "
     "where one number is needed."),
    ("RuntimeError", r"Tensors must have same number of dimensions|Sizes of tensors must match "
     r"except in dimension", "cat-shapes", "`torch.cat` joins tensors along one axis; all other "
     "axes must have the same sizes."),
    ("RuntimeError", r"stack expects each tensor to be equal size", "stack-shapes",
     "`torch.stack` needs tensors that all have the same shape."),
    ("RuntimeError", r"number of dims don't match in permute|permute\(sparse_coo\)", "permute-rank",
     "`permute` needs each axis once, and the tensor has another number of axes."),
    ("RuntimeError", r"The expanded size of the tensor \((\d+)\) must match the existing size "
     r"\((\d+)\) at non-singleton dimension (\d+)", "shapes-assign", "A piece of length {1} "
     "along axis {2} is put into a place of length {0}."),
    ("RuntimeError", r"shape mismatch: value tensor of shape \[(.*?)\] cannot be broadcast",
     "shapes-assign", "A piece of shape ({0}) does not fit into the place it is written to."),
    ("RuntimeError", r"Class values must be smaller than num_classes|Target (\d+) is out of bounds",
     "label-range", "A label is larger than the number of classes allows; labels begin at 0."),
    ("RuntimeError", r"could not infer dtype|must be real number, not", "not-a-number",
     "Something that is not a number stands where one is needed."),
    *((kind, r"Expected reduction dim (?:to be specified|\d+ to have non-zero)",
       "nothing-to-reduce", "The largest or smallest of no numbers is asked for: a slice is empty. "
       "Does it begin behind the end?") for kind in ("RuntimeError", "IndexError")),
    ("RuntimeError", r"Given input size: \((\S+)\)\. Calculated output size: .* Output size is too "
     r"small", "window-too-large", "A pool's window does not fit: the maps have the size {0} "
     "(channels, rows, columns) only."),
    ("IndexError", r"Target (\S+) is out of bounds", "label-range", "A label is larger than the "
     "number of classes allows; labels begin at 0."),
    ("IndexError", r"index (-?\d+) is out of bounds for (?:dimension|axis) (\d+) with size (\d+)",
     "index-range", "Index {0} is asked for along axis {1}, whose length is {2}: indices start "
     "at 0."),
    ("IndexError", r"Dimension out of range \(expected to be in range of \[(\S+), (\S+)\], but got "
     r"(\S+)\)", "axis-range", "Axis {2} is asked for, and the tensor has axes {0} to {1} only."),
    ("IndexError", r"too many indices for tensor of dimension (\d+)", "too-many-indices",
     "The tensor has {0} axes, and more indices are given."),
    ("IndexError", r"invalid index of a 0-dim tensor", "index-of-number",
     "A tensor that holds one number is indexed as if it had several."),
    ("IndexError", r"(?:list|tuple|string) index out of range", "index-range",
     "An index is beyond the end: indices go from 0 to length − 1."),
    ("IndexError", r"tensors used as indices must be", "index-dtype",
     "Indices must be whole numbers (or True and False): `.long()` makes whole numbers."),
    ("TypeError", r"(\S+)\(\) missing \d+ required positional arguments?: (.+)",
     "argument-missing", "`{0}` is called without {1}."),
    ("TypeError", r"(\S+)\(\) takes (?:from )?(\d+)(?: to \d+)? positional arguments? but (\d+) "
     r"(?:was|were) given", "arguments-too-many", "`{0}` takes {1} arguments and got {2}. Does the "
     "first line of the function still have all of its arguments?"),
    ("TypeError", r"(\S+)\(\) got an unexpected keyword argument '(\w+)'", "keyword-unknown",
     "`{0}` has no argument called `{1}`."),
    ("TypeError", r"unsupported operand type\(s\) for (\S+): '?(\w+)'? and '?(\w+)'?",
     "operand-types", "`{0}` does not work between {1} and {2}."),
    ("TypeError", r"'builtin_function_or_method' object is not subscriptable|'(?:method|function)' "
     r"object is not subscriptable", "brackets-missing", "A function is indexed instead of "
     "called: round brackets `( )` call, square ones `[ ]` index. `shape` needs none, `size()` "
     "does."),
    ("TypeError", r"'torch\.Size' object is not callable", "shape-called",
     "`shape` is not a function: write `x.shape[0]`, with square brackets."),
    ("TypeError", r"'Tensor' object is not callable", "tensor-called", "A tensor is called like a "
     "function: round brackets stand where square ones are meant, or `*` is missing."),
    ("TypeError", r"'(int|float|tuple|list|str|NoneType)' object is not callable", "not-callable",
     "Something of type {0} is called like a function: is `*` missing before a bracket, or was a "
     "function's name used for a variable?"),
    ("TypeError", r"'NoneType' object is not (?:subscriptable|iterable)", "none-used",
     "Something is `None` here, and is used as if it held values: a function without `return` "
     "gives `None`."),
    ("TypeError", r"'(int|float)' object is not (iterable|subscriptable)", "number-as-list",
     "One number ({0}) is used as if it were a list. To count up to it, write `range(…)`."),
    ("TypeError", r"cannot unpack non-iterable (\w+) object", "unpack", "Several names stand on "
     "the left of `=`, and on the right is one thing ({0})."),
    ("TypeError", r"'(float|Tensor)' object cannot be interpreted as an integer", "float-as-count",
     "`range` and sizes need whole numbers, and this is a {0}: `/` always gives decimals, `//` a "
     "whole number."),
    ("TypeError", r"slice indices must be integers", "float-as-index", "A slice needs whole "
     "numbers: `/` always gives decimals, `//` a whole number."),
    ("TypeError", r"iteration over a 0-d tensor", "iterate-number",
     "A loop runs over a tensor that holds one number only."),
    ("TypeError", r"argument '?(\w+)'? (?:\(position \d+\) )?must be (.+?),? (?:but|not) (?:got )?"
     r"(.+)", "argument-type", "The argument `{0}` must be {1}, and a {2} is given."),
    ("TypeError", r"invalid combination of arguments", "argument-type",
     "PyTorch's function got arguments of a kind it does not take."),
    ("ValueError", r"not enough values to unpack \(expected (\d+), got (\d+)\)", "unpack",
     "The line unpacks into {0} names, and the number of values is {1}."),
    ("ValueError", r"too many values to unpack \(expected (\d+)", "unpack",
     "The line unpacks into {0} names, and there are more values than that."),
    ("ValueError", r"operands could not be broadcast together with shapes (\S+) (\S+)",
     "shapes-broadcast", "Arrays of shapes {0} and {1} do not fit together number by number."),
    ("ValueError", r"matmul: .* mismatch|shapes (\S+) and (\S+) not aligned", "shapes-matmul",
     "The inner sizes of a matrix product differ."),
    ("ValueError", r"Expected input batch_size \((\d+)\) to match target batch_size \((\d+)\)",
     "batch-sizes", "{0} outputs meet {1} labels: there must be one label for each image. Was the "
     "batch flattened too?"),
    ("ValueError", r"math domain error|expected a nonnegative input", "domain", "A root or "
     "logarithm of a negative number is asked for."),
    ("ZeroDivisionError", r"", "division-by-zero", "Something is divided by 0."),
    ("OverflowError", r"", "overflow", "A number became too large to hold."),
    ("NameError", r"name '(\w+)' is not defined", "name-unknown", "`{0}` is not known here: is it "
     "misspelt, defined later, or not imported?"),
    ("UnboundLocalError", r"variable '(\w+)' where it is not associated|local variable '(\w+)'",
     "name-unbound", "A variable is used before it has a value in this function: give it one "
     "before the loop."),
    ("AttributeError", r"'(\w+)' object has no attribute '(\w+)'", "attribute-unknown",
     "The type `{0}` has nothing called `{1}`."),
    ("AttributeError", r"module '([\w.]+)' has no attribute '(\w+)'", "attribute-unknown",
     "`{0}` has nothing called `{1}`."),
    ("KeyError", r"(.+)", "key-unknown", "The dictionary has no entry under {0}: was it never put "
     "in, or under another name? `d.get(key, 0)` gives 0 where there is none."),
    ("RecursionError", r"", "recursion", "The function calls itself again and again without end."),
    ("ModuleNotFoundError", r"No module named '(\S+)'", "module-unknown",
     "There is no module called {0}."),
    ("RuntimeError", r"Module \[(\w+)\] is missing the required \"forward\"", "no-forward",
     "The class {0} has no `forward`: is it misspelt, or indented wrongly?"),
]  # fmt: skip
# PyTorch raises these two for what another release calls a RuntimeError
SUBCLASSES = {"NotImplementedError": "RuntimeError", "OutOfMemoryError": "RuntimeError"}
LAYERS = "ReLU|Sigmoid|Tanh|Softmax|Flatten|MaxPool2d|AvgPool2d|LeakyReLU|Linear|Conv2d|Dropout"


def explain(stopped: Stopped) -> str:
    """What stopped an answer: what it means, the student's line, and the shapes in it."""
    _, meaning = _meaning(stopped)
    words = meaning or f"Python stopped with {stopped.kind}: {stopped.text or 'no message'}."
    if stopped.line:
        words += f" It happened in `{stopped.line}`"
        words += f", where {stopped.values}." if stopped.values else "."
    if meaning:
        words += f" (Python's own words: {stopped.kind}: {_short(stopped.text)})"
    return words


def explain_briefly(stopped: Stopped) -> str:
    """What an error means, without the line and the shapes."""
    return _meaning(stopped)[1] or f"{stopped.kind}: {_short(stopped.text)}"


def _short(text: str) -> str:
    first = text.strip().splitlines()[0] if text.strip() else "no message"
    return first if len(first) <= 120 else first[:117] + " …"


def ids(stopped: Stopped) -> tuple[str, ...]:
    """The stable id of what an error means; none where it is not known."""
    name, _ = _meaning(stopped)
    return (f"error-{name}",) if name else ()


def _meaning(stopped: Stopped) -> tuple[str, str]:
    if layer := _module_for_function(stopped):
        return layer
    raised = SUBCLASSES.get(stopped.kind, stopped.kind)
    for kind, pattern, name, words in MEANINGS:
        match = re.search(pattern, stopped.text, re.IGNORECASE | re.DOTALL)
        if kind == raised and match:
            groups = [group for group in match.groups() if group is not None]
            groups += ["?"] * 4
            return name, words.format(*groups)
    return "", ""


def _module_for_function(stopped: Stopped) -> tuple[str, str] | None:
    """`nn.ReLU(x)` makes a layer with the option x, where its value at x is meant."""
    if stopped.kind not in ("AttributeError", "TypeError", "RuntimeError", "ValueError"):
        return None
    known = re.search(rf"'({LAYERS})' object", stopped.text)
    call = re.search(rf"\b(?:nn\.)?({LAYERS})\(\w", stopped.line)
    if known is None and (call is None or "ambiguous" not in stopped.text):
        return None
    name = known[1] if known else call[1]  # type: ignore[index]
    return "layer-for-function", layer_for_function(name)


def layer_for_function(name: str) -> str:
    """What it means that a layer of this class is where its value should be; empty if none is."""
    if not re.fullmatch(LAYERS, name):
        return ""
    return (
        f"`nn.{name}(x)` makes a layer and does not apply it to x. Make the layer first and call "
        f"it, `nn.{name}()(x)`, or use the function of the same name in `torch` or `F`."
    )


def limit(stopped: Stopped, seconds: float) -> str:
    """What stopped an answer from outside: time, memory or the student."""
    if stopped.kind == "TimeLimit":
        return f"Your code was stopped after {seconds:g} seconds; is there a loop that never ends?"
    if stopped.kind == "MemoryLimit":
        return "Your code asked for more memory than an answer may; is a size far too large?"
    return "You interrupted the check; nothing is lost."
