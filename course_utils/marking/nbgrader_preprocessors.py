"""Two steps of nbgrader's autograding: restore a submission's grade cells, and judge it in a jail.

nbgrader's own step would run the check cells in a kernel and believe what they print.
"""

from __future__ import annotations

import secrets
from typing import ClassVar

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import NbGraderPreprocessor

from course_utils.judging import feedback
from course_utils.judging.verdict import Verdict
from course_utils.marking import assignment, marks, submissions
from course_utils.marking.grader import SubmissionGrader


class RestoreGradeCells(NbGraderPreprocessor):
    """Put back what nbgrader needs and a student may have deleted or changed."""

    def preprocess(self, notebook, resources):
        """Return the notebook with its cells of nbgrader restored, and the resources."""
        workbook = assignment.find_workbook(resources["nbgrader"]["assignment"])
        cells = submissions.parse_cells(nbformat.writes(notebook))
        source = assignment.source_notebook(workbook)
        notebook.cells = submissions.restore_grade_cells(cells, source)
        return notebook, resources


class JailedAutograder(NbGraderPreprocessor):
    """Write into each check cell what the exercise earns, and why.

    `verdicts` holds those of submissions that have been graded: (student, assignment) → number →
    verdict.
    """

    verdicts: ClassVar[dict[tuple[str, str], dict[str, Verdict]]] = {}

    def preprocess(self, notebook, resources):
        """Return the notebook with points and feedback in its check cells, and the resources."""
        student, name = resources["nbgrader"]["student"], resources["nbgrader"]["assignment"]
        verdicts = self.verdicts.get((student, name)) or _grade(notebook, name)
        numbers = {assignment.grade_id("check", number): number for number in verdicts}
        for cell in notebook.cells:
            metadata = cell.metadata.get("nbgrader", {})
            if number := numbers.get(metadata.get("grade_id")):
                points = marks.score(verdicts[number].status, metadata["points"])
                cell.outputs = _outputs(verdicts[number], points)
        return notebook, resources


def _grade(notebook: NotebookNode, name: str) -> dict[str, Verdict]:
    lesson = nbformat.read(assignment.find_workbook(name), as_version=4)
    exercises = assignment.exercises_in(lesson)
    with SubmissionGrader(exercises.values(), secrets.randbelow(2**31)) as grader:
        return grader.verdicts(grader.observe(notebook.cells, lesson, exercises), exercises)


def _outputs(verdict: Verdict, points: float) -> list[NotebookNode]:
    """Return the feedback, and the number that nbgrader takes for the score."""
    data = {"text/html": feedback.as_html(verdict), "text/plain": feedback.as_text(verdict)}
    score = {"text/plain": f"{points:g}"}
    return [
        new_output("display_data", data=data),
        new_output("execute_result", data=score, execution_count=1),
    ]
