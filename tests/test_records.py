"""A marking's folder keeps what was judged, whatever happens to the process that writes it."""

import json

import pytest

from course_utils.errors import UserError
from course_utils.marking import records
from course_utils.marking.marks import Mark
from course_utils.marking.records import Marking, Record
from course_utils.marking.submissions import Submission

ROW = Mark("a+b", "02", "2.5", 15, 15, "ok")
RECORD = Record("a+b", "02", "digest", [ROW], {"2.5": {"text/plain": "✓"}}, "a look")
SUBMISSION = Submission("a+b", "02", None, digest="digest")


@pytest.fixture
def marking(tmp_path):
    return Marking(tmp_path / "out", 7)


def reopened(marking, seed=None):
    marking.close()
    return Marking(marking.folder, seed)


def test_marking_keeps_records_and_seed(marking):
    marking.save(RECORD)
    again = reopened(marking)
    assert again.seed == 7
    assert [*again.records()] == [RECORD._replace(outputs={})]
    assert again.load("a+b", "02") == RECORD
    assert again.load("ada", "02") is None


def test_marking_draws_seed_once(tmp_path):
    first = Marking(tmp_path / "out")
    assert reopened(first).seed == first.seed
    assert Marking(tmp_path / "other").seed != first.seed


@pytest.mark.parametrize(
    ("submission", "judged"),
    [
        (SUBMISSION, True),
        (SUBMISSION._replace(others=("old.ipynb",)), True),
        (SUBMISSION._replace(digest="other"), False),
        (SUBMISSION._replace(assignment="03"), False),
        (SUBMISSION._replace(digest="", status="missing", problem="Nothing."), False),
    ],
)
def test_changed_submission_is_not_judged(marking, submission, judged):
    marking.save(RECORD)
    assert marking.is_judged(submission) is judged


def test_unfinished_files_are_removed(marking):
    (marking.work / "half.json").write_text("{")
    again = reopened(marking)
    assert [*again.work.iterdir()] == []
    again.close()
    assert [path.name for path in again.folder.iterdir()] == [records.SETTINGS]


def test_marking_killed_at_its_start_begins_again(marking):
    marking.close()
    (marking.folder / records.SETTINGS).unlink()
    marking.work.mkdir()
    assert Marking(marking.folder, 8).seed == 8


def test_marking_refuses_other_seed(marking):
    assert reopened(marking, 7).seed == 7
    with pytest.raises(UserError, match="begun with seed 7: name another folder for 8"):
        reopened(marking, 8)


def test_marking_refuses_other_folder(tmp_path):
    (tmp_path / "kept.txt").write_text("kept")
    with pytest.raises(UserError, match="not an empty folder"):
        Marking(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_two_markings_do_not_share_a_folder(marking):
    with pytest.raises(UserError, match="Another marking is at work"):
        Marking(marking.folder)
    reopened(marking)


def test_discard_keeps_a_marking_begun_before(marking):
    marking.discard()
    assert not marking.folder.exists()
    again = reopened(Marking(marking.folder, 7))
    again.discard()
    assert json.loads((again.folder / records.SETTINGS).read_text())["seed"] == 7
