"""Two steps of nbgrader's autograding: restore a submission's grade cells, and judge it in a jail.

nbgrader's own step would run the check cells in a kernel and believe what they print.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import ClassVar

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import NbGraderPreprocessor

from course_utils.judging import feedback
from course_utils.judging.verdict import Verdict
from course_utils.marking import assignment, marks, submissions
from course_utils.marking.exercise_cells import grade_id
from course_utils.marking.grader import SubmissionGrader
from course_utils.marking.reading import NotebookReader, Reading, lessons_of
from course_utils.marking.records import Record


class RestoreGradeCells(NbGraderPreprocessor):
    """Put back what nbgrader needs and a student may have deleted or changed."""

    def preprocess(self, notebook, resources):
        """Return the notebook with its cells of nbgrader restored, and the resources."""
        name = resources["nbgrader"]["assignment"]
        source = assignment.source_notebook(assignment.find_workbook(name))
        if JailedAutograder.load is None:  # otherwise `mark` has restored it
            notebook.cells = submissions.restore_grade_cells(_read(notebook, name).cells, source)
        notebook.metadata = source.metadata  # a page's title is made of it
        return notebook, resources


class JailedAutograder(NbGraderPreprocessor):
    """Write into each check cell what the exercise earns, and why.

    `load` gives what `mark` has judged before: student's id and assignment → record.
    """

    load: ClassVar[Callable[[str, str], Record | None] | None] = None

    def preprocess(self, notebook, resources):
        """Return the notebook with points and feedback in its check cells, and the resources."""
        student, name = resources["nbgrader"]["student"], resources["nbgrader"]["assignment"]
        load = type(self).load
        record = load(student, name) if load else None
        if record is not None:
            shown = {mark.exercise: record.outputs[mark.exercise] for mark in record.marks}
            right = {mark.exercise: mark.status == marks.RIGHT for mark in record.marks}
        else:
            verdicts = _grade(notebook, name)
            shown = {number: as_output(verdict) for number, verdict in verdicts.items()}
            right = {number: verdict.status == marks.RIGHT for number, verdict in verdicts.items()}
        numbers = {grade_id("check", number): number for number in shown}
        for cell in notebook.cells:
            metadata = cell.metadata.get("nbgrader", {})
            if number := numbers.get(metadata.get("grade_id")):
                cell.outputs = _outputs(shown[number], metadata["points"] * right[number])
        return notebook, resources


def _read(notebook: NotebookNode, name: str) -> Reading:
    with NotebookReader(lessons_of([name])) as reader:
        return reader.read(nbformat.writes(notebook).encode("utf-8", "surrogatepass"), name)


def _grade(notebook: NotebookNode, name: str) -> dict[str, Verdict]:
    exercises = assignment.exercises_in(assignment.lesson(assignment.find_workbook(name)))
    with SubmissionGrader(exercises.values(), secrets.randbelow(2**31)) as grader:
        return grader.verdicts(grader.observe(_read(notebook, name)))


def as_output(verdict: Verdict) -> dict[str, str]:
    """Return MIME type → the feedback, for a cell's output."""
    return {"text/html": feedback.as_html(verdict), "text/plain": feedback.as_text(verdict)}


def _outputs(shown: dict[str, str], points: float) -> list[NotebookNode]:
    """Return the feedback, and the number that nbgrader takes for the score."""
    score = {"text/plain": f"{points:g}"}
    return [
        new_output("display_data", data=shown),
        new_output("execute_result", data=score, execution_count=1),
    ]
