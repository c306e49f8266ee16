"""One error channel: what the user can mend is a line and exit code 2, all else a traceback."""

import json
import shutil

import pytest

from course_utils import student
from course_utils.__main__ import COMMANDS, main
from course_utils.errors import UserError
from course_utils.workbooks import NOTEBOOKS

DEEP = {  # command: its arguments, and a function far below it that fails
    "lab": ([], "course_utils.student.sha256"),
    "fresh": (["00"], "course_utils.student.sha256"),
    "data": (["mnist"], "course_utils.datasets.files.data_dir"),
    "test": ([], "course_utils.publishing.lab_driver.chromium"),
    "bench": (["run_all"], "nbformat.read"),
    "tutor": (["00", "--out", "out"], "nbformat.read"),
    "slides": (["00", "--out", "out"], "nbformat.read"),
    "site": (["00", "--out", "out"], "nbformat.read"),
    "assignment": (["00", "--out", "out"], "nbformat.read"),
    "mark": (["submitted", "--out", "out"], "nbformat.read"),
    "export": (["marks", "--for", "moodle"], "course_utils.marking.marks.read"),
    "report": (["progress.json", "--out", "report.html"], "jinja2.Environment.get_template"),
    "tidy": (["00", "--check"], "nbformat.writes"),
    "screenshots": (["00", "--out", "out"], "course_utils.publishing.lab_driver.Lab.__enter__"),
}


@pytest.fixture(params=COMMANDS)
def run_with_fault(request, monkeypatch, tmp_path):
    """Return a function that runs a command deep in which an error is raised."""
    argv, target = DEEP[request.param]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(student, "ROOT", tmp_path)
    for module in ("developer", "publishing.slides", "publishing.site"):
        monkeypatch.setattr(f"course_utils.{module}.fetch_browser_scripts", lambda **_: None)
    notebook = NOTEBOOKS / "00_start_here.ipynb"
    for folder in ("notebooks", "submitted/ada/00"):
        (tmp_path / folder).mkdir(parents=True)
        shutil.copy(notebook, tmp_path / folder)
    entry = {"name": "conv2d", "verdict": "ok", "passed": True, "tries": []}
    (tmp_path / "progress.json").write_text(json.dumps({"2.5": entry}))
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "marks.csv").touch()

    def run(error):
        def fail(*args, **options):
            raise error

        monkeypatch.setattr(target, fail)
        return main([request.param, *argv])

    return run


def test_fault_of_ours_is_a_traceback(run_with_fault):
    with pytest.raises(ValueError, match=r"^planted$"):
        run_with_fault(ValueError("planted"))


def test_user_error_is_one_line(run_with_fault, capsys):
    assert run_with_fault(UserError("planted")) == 2
    assert capsys.readouterr().err == "planted\n"


@pytest.mark.parametrize("command", ["slides", "site"])
def test_missing_scripts_stop_before_notebooks_run(command, monkeypatch, tmp_path, capsys):
    def offline():
        raise UserError("npm could not fetch the browser scripts")

    monkeypatch.setattr(f"course_utils.publishing.{command}.fetch_browser_scripts", offline)
    monkeypatch.setattr("course_utils.publishing.run_notebooks.run", None)  # is not called
    assert main([command, "00", "--out", str(tmp_path / "out")]) == 2
    assert "npm could not fetch" in capsys.readouterr().err
