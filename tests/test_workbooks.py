"""Workbooks: which ones a name means in every command, and how files are written."""

import os
import stat

import pytest

from course_utils import student, workbooks
from course_utils.__main__ import COMMANDS, load
from course_utils.errors import UserError
from course_utils.publishing import screenshots, tidy
from course_utils.workbooks import (
    NOTEBOOKS,
    discover,
    ensure_empty_dir,
    normalize_names,
    select_workbooks,
    write_atomic,
)

FURTHER_SPELLINGS = [["further/02"], ["further/2"], ["02", "further"], ["2 further"]]


def names(*words, **options):
    paths = select_workbooks(list(words), **options)
    return [path.relative_to(NOTEBOOKS).as_posix() for path in paths]


# Names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["2", "02"])
def test_number_selects_core_and_further(number):
    assert names(number) == ["02_convolution.ipynb", "further/02_convolution.ipynb"]
    assert names(number, further=False) == ["02_convolution.ipynb"]


@pytest.mark.parametrize("words", FURTHER_SPELLINGS)
def test_further_spellings_select_further_part(words):
    assert names(*words) == ["further/02_convolution.ipynb"]
    assert names(*words, further=False) == ["further/02_convolution.ipynb"]


def test_selection_keeps_workbook_order():
    assert names("02", "00") == names("00", "02")


def test_no_name_selects_all():
    every = [path.relative_to(NOTEBOOKS).as_posix() for path in discover()]
    assert names() == every
    assert names(further=False) == [name for name in every if not name.startswith("further")]


@pytest.mark.parametrize("name", ["97", "../02", "", "further/00", "further", "02_convolution"])
def test_unknown_name_lists_available(name):
    with pytest.raises(UserError, match=r"no workbook '.*'.*; available: 00, 01"):
        select_workbooks([name])


def test_further_applies_to_previous_name_only():
    assert normalize_names(["2", "3", "further"]) == ["02", "further/03"]


class SelectedError(Exception):
    """Ends a command once it has selected its workbooks."""


@pytest.fixture
def selected(monkeypatch, tmp_path):
    """Return a function that runs a command as far as its selection of workbooks, and tells it."""

    def run(command, words):
        def select(*args, **options):
            raise SelectedError(select_workbooks(*args, **options))

        for module in (workbooks, student, tidy, screenshots):
            monkeypatch.setattr(module, "select_workbooks", select)
        with pytest.raises(SelectedError) as stopped:
            load(COMMANDS[command])(list(words))
        return [path.relative_to(NOTEBOOKS).as_posix() for path in stopped.value.args[0]]

    return run


@pytest.mark.parametrize("words", [["2"], ["02"], *FURTHER_SPELLINGS], ids=" ".join)
@pytest.mark.parametrize(
    "command", ["tutor", "slides", "site", "assignment", "screenshots", "tidy", "fresh"]
)
def test_every_command_accepts_every_spelling(selected, command, words):
    wanted = "further/02_convolution.ipynb" if len("".join(words)) > 2 else "02_convolution.ipynb"
    assert wanted in selected(command, words)


# Files --------------------------------------------------------------------------------------------


def test_results_never_overwrite(tmp_path):
    assert ensure_empty_dir(tmp_path / "a" / "b").is_dir()
    assert ensure_empty_dir(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    (tmp_path / "file").write_text("kept")
    for taken in (tmp_path, tmp_path / "file"):
        with pytest.raises(UserError, match="not an empty folder"):
            ensure_empty_dir(taken)


@pytest.mark.parametrize(("content", "stored"), [("é\n", b"\xc3\xa9\n"), (b"\xff", b"\xff")])
def test_write_atomic_stores_text_and_bytes(tmp_path, content, stored):
    path = tmp_path / "new" / "file"
    write_atomic(path, content)
    assert path.read_bytes() == stored
    assert list(path.parent.iterdir()) == [path]


def test_failed_write_keeps_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old")

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no mode bits")
def test_write_atomic_keeps_file_mode(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o640)
    write_atomic(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    write_atomic(tmp_path / "other", "new")
    assert stat.S_IMODE((tmp_path / "other").stat().st_mode) == 0o644
