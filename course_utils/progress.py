"""What has been tried and passed: one small local file, read by nobody but you.

The file is `my_work/progress.json` in the course's folder, or what `COURSE_PROGRESS` names. It
holds, for each exercise, the last verdict and every distinct try with the mistake it showed.
"""

import csv
import json
import os
from pathlib import Path

from course_utils.workbooks import write_atomic

_HOME = Path(__file__).resolve().parent.parent


def path() -> Path:
    """Where the progress is kept."""
    if named := os.environ.get("COURSE_PROGRESS"):
        return Path(named)
    in_checkout = (_HOME / "start.py").exists()
    return (_HOME / "my_work" if in_checkout else Path.cwd()) / "progress.json"


def load() -> dict:
    """Exercise number → {"name", "verdict", "passed", "tries": [{"digest", "verdict", "message"}]}.

    A damaged file is set aside under the name `progress.damaged.json`, never deleted.
    """
    file = path()
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        return {number: entry for number, entry in held.items() if _well_formed(entry)}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError):
        file.replace(file.with_name("progress.damaged.json"))
        return {}


def _well_formed(entry) -> bool:
    return isinstance(entry, dict) and {"name", "verdict", "passed", "tries"} <= entry.keys()


def record(number: str, name: str, verdict: str, message: str, digest: str) -> dict:
    """Note one try and return the exercise's entry; a try like an earlier one counts once."""
    held = load()
    entry = held.setdefault(number, {"name": name, "verdict": "todo", "passed": False, "tries": []})
    entry["verdict"] = verdict
    if verdict == "ok":
        entry["passed"] = True
    elif verdict != "todo" and digest not in [one["digest"] for one in entry["tries"]]:
        entry["tries"].append({"digest": digest, "verdict": verdict, "message": message})
    _write(held)
    return entry


def _write(held: dict) -> None:
    """Replace the file in one step, so that a crash or a full disk leaves the old one whole."""
    write_atomic(path(), json.dumps(held, indent=1, ensure_ascii=False))


def export(out: str | Path) -> Path:
    """Write the progress as a CSV table, one exercise a row, and return its path."""
    out = Path(out)
    with open(out, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(
            ["exercise", "name", "passed", "verdict", "distinct_tries", "misconceptions"]
        )
        for number, entry in sorted(load().items()):
            held = [one["message"] for one in entry["tries"] if one["verdict"] == "mistake"]
            row = [number, entry["name"], entry["passed"], entry["verdict"], len(entry["tries"])]
            table.writerow([*row, " | ".join(held)])
    return out
