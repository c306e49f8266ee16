"""What has been tried and passed: one small local file, read by nobody but you.

The file is `my_work/progress.json` in the course's folder, or what `COURSE_PROGRESS` names. It
holds, for each exercise, the last verdict and every distinct try with the mistake it showed.
"""

import csv
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from filelock import FileLock

from course_utils.workbooks import ROOT, write_atomic


class Try(TypedDict):
    """One distinct wrong answer: its digest, and what was said about it."""

    digest: str
    verdict: str
    message: str
    findings: NotRequired[list[str]]  # not in the first edition's files


class Entry(TypedDict):
    """What is known of one exercise."""

    name: str
    verdict: str
    passed: bool
    tries: list[Try]


def path() -> Path:
    """Where the progress is kept."""
    if named := os.environ.get("COURSE_PROGRESS"):
        return Path(named)
    in_checkout = (ROOT / "start.py").exists()
    return (ROOT / "my_work" if in_checkout else Path.cwd()) / "progress.json"


def load() -> dict[str, Entry]:
    """Return the entry of each exercise by its number, such as "2.3".

    A damaged file is set aside under the name `progress.damaged.json`, never deleted.
    """
    file = path()
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        return {number: entry for number, entry in entries.items() if _is_entry(entry)}
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return {}
    except (ValueError, AttributeError):
        file.replace(file.with_name("progress.damaged.json"))
        return {}


def _is_entry(value: Any) -> bool:
    return isinstance(value, dict) and Entry.__required_keys__ <= value.keys()


def record(
    number: str, name: str, verdict: str, message: str, digest: str, findings: Iterable[str] = ()
) -> Entry:
    """Note one try and return the exercise's entry; a try like an earlier one counts once.

    Parameters
    ----------
    number, name : str
        The exercise's, such as "2.3" and "conv2d".
    verdict : str
        "ok", "todo" (not attempted), or what was wrong, such as "mistake".
    message : str
        What the student was told.
    digest : str
        The same for the same answer.
    findings : iterable of str
        The ids of the mistakes that the message names.
    """
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_name(f".{file.name}.lock"), timeout=5):
        entries = load()
        entry = entries.setdefault(number, Entry(name=name, verdict="", passed=False, tries=[]))
        entry["verdict"], entry["passed"] = verdict, entry["passed"] or verdict == "ok"
        is_new = all(earlier["digest"] != digest for earlier in entry["tries"])
        if is_new and verdict not in ("ok", "todo"):
            attempt = Try(digest=digest, verdict=verdict, message=message, findings=[*findings])
            entry["tries"].append(attempt)
        # in one step, so that a crash or a full disk leaves the old file whole
        write_atomic(file, json.dumps(entries, indent=1, ensure_ascii=False), mode=0o600)
    return entry


def export(out: str | Path) -> Path:
    """Write the progress as a CSV table, one exercise a row, and return its path."""
    out = Path(out)
    columns = [
        "exercise",
        "name",
        "passed",
        "verdict",
        "distinct_tries",
        "misconceptions",
        "findings",
    ]
    with open(out, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(columns)
        for number, entry in sorted(load().items()):
            tries = [attempt for attempt in entry["tries"] if attempt["verdict"] == "mistake"]
            messages = " | ".join(attempt["message"] for attempt in tries)
            findings = [name for attempt in tries for name in attempt.get("findings", ())]
            row = [number, entry["name"], entry["passed"], entry["verdict"], len(entry["tries"])]
            table.writerow([*row, messages, " ".join(findings)])
    return out
