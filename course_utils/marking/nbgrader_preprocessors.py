"""Two steps of nbgrader's autograding: mend a submission's marks, and judge it in a jail.

nbgrader's own step would run the check cells in a kernel and believe what they print.
"""

from __future__ import annotations

import secrets
from typing import ClassVar

import nbformat
from nbformat.v4 import new_output
from nbgrader.preprocessors import NbGraderPreprocessor

from course_utils.judging import feedback
from course_utils.judging.verdict import Verdict
from course_utils.marking import assignment, submissions
from course_utils.marking.grader import Judge as Judgement


class Mend(NbGraderPreprocessor):
    """Put back what nbgrader needs and a student may have deleted or changed."""

    def preprocess(self, notebook, resources):
        """Return the notebook with its cells of nbgrader restored, and the resources."""
        workbook = assignment.workbook_of(resources["nbgrader"]["assignment"])
        cells = submissions.cells_of(nbformat.writes(notebook))
        notebook.cells = submissions.mended(cells, assignment.source(workbook))
        return notebook, resources


class Judge(NbGraderPreprocessor):
    """Write into each check cell what the exercise earns, and why.

    `known` holds the verdicts of submissions that have been judged: (student, assignment) →
    number → verdict.
    """

    known: ClassVar[dict[tuple[str, str], dict[str, Verdict]]] = {}

    def preprocess(self, notebook, resources):
        """Return the notebook with points and feedback in its check cells, and the resources."""
        about = resources["nbgrader"]
        key = about["student"], about["assignment"]
        verdicts = self.known.get(key) or _judged(notebook, key[1])
        for cell in notebook.cells:
            of_nbgrader = cell.metadata.get("nbgrader", {})
            for number, verdict in verdicts.items():
                if of_nbgrader.get("grade_id") == assignment.grade_id("check", number):
                    earned = of_nbgrader["points"] if verdict.status == "ok" else 0
                    cell.outputs = [*_shown(verdict, earned)]
        return notebook, resources


def _judged(notebook, name: str) -> dict[str, Verdict]:
    lesson = nbformat.read(assignment.workbook_of(name), as_version=4)
    exercises = assignment.exercises_in(lesson)
    with Judgement(exercises.values(), secrets.randbelow(2**31)) as judge:
        return judge.verdicts(judge.observe(notebook.cells, lesson, exercises), exercises)


def _shown(verdict: Verdict, earned: float):
    data = {"text/html": feedback.as_html(verdict), "text/plain": feedback.as_text(verdict)}
    yield new_output("display_data", data=data)
    yield new_output("execute_result", data={"text/plain": f"{earned:g}"}, execution_count=1)
