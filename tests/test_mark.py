"""Marks come from comparing outside what a jail has only observed."""

import pytest

from course_utils.tutor import marks
from course_utils.tutor.marks import Mark

ROWS = [
    Mark("ada", "02", "2.5", 15, 15, "ok"),
    Mark("bob, jr.", "02", "2.10", 0, 7.5, "mistake", 'You said "flip",\nand did not.'),
]


def test_a_table_of_marks_is_read_as_it_was_written(tmp_path):
    marks.write(ROWS, tmp_path / marks.NAME)
    assert marks.read(tmp_path / marks.NAME) == ROWS
    first = (tmp_path / marks.NAME).read_text("utf-8").splitlines()[0]
    assert first == "student,assignment,exercise,points,maximum,status,misconception"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs student, assignment"),
        ("name,points\nada,3\n", "needs student, assignment"),
        (",".join(Mark._fields) + "\nada,02,2.5,many,15,ok,\n", "line 2"),
        (",".join(Mark._fields) + "\nada,02\n", "line 2"),
    ],
)
def test_another_file_is_no_table_of_marks(tmp_path, text, said):
    (tmp_path / "other.csv").write_text(text)
    with pytest.raises(ValueError, match=said):
        marks.read(tmp_path / "other.csv")
