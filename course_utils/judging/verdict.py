"""`Verdict`: what a check found."""

import os
import traceback
from dataclasses import dataclass, field, replace
from enum import StrEnum

from course_utils.judging import feedback


class Status(StrEnum):
    """What became of an answer; the values are what files of progress and marks hold."""

    OK = "ok"
    TODO = "todo"  # not attempted
    MISTAKE = "mistake"  # wrong, and the mistake is named
    WRONG = "wrong"  # wrong in a way that nothing explains
    TYPE = "type"  # right numbers in the wrong type, or something that cannot be compared
    ERROR = "error"  # stopped by an error
    LIMIT = "limit"  # stopped by a limit of time or memory
    OWN = "own"  # the model answer itself


@dataclass(frozen=True)
class Verdict:
    """What a check found; shows itself as rich text in a notebook and as plain text elsewhere.

    Attributes
    ----------
    status : what became of the answer
    title : number and title of the exercise
    message : what the answer did, what was wanted, what to try
    findings : stable ids of the mistakes that the message names; more than one where two slips
        were made together, or where two mistakes explain the answer equally well
    parts : name of each part of the result → whether it is right; empty if there is one part only
    case : names and values of the arguments of the smallest failing case
    yours, expected : observations of the answer and of the oracle on that case
    reveal : whether `expected` may be shown
    fix : the change that mends the answer, shown as the last hint
    hints : those unlocked so far
    notes : remarks that do not decide, such as an input changed in place
    printed : the beginning of what the answer printed
    signature : the same for answers that do the same (`observation.signature`); set by marking
    scene : parts, case, yours and expected as they are shown, where marking has rendered them
    details : the traceback of a fault of the course itself
    """

    status: Status
    title: str = ""
    message: str = ""
    findings: tuple[str, ...] = ()
    parts: dict[str, bool] = field(default_factory=dict)
    case: dict = field(default_factory=dict)
    yours: object = None
    expected: object = None
    reveal: bool = False
    fix: str = ""
    hints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    printed: str = ""
    signature: str = ""
    scene: feedback.Scene | None = None
    details: str = ""

    def __str__(self):
        return feedback.as_text(self)

    __repr__ = __str__

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": feedback.as_output(self), "text/plain": feedback.as_text(self)}


def of_former_answer(verdict: Verdict, why: str, has_failed: bool = False) -> Verdict:
    """The verdict where the answer's cell failed or was edited: why comes first.

    Nothing else is said where the cell failed, or of an answer that was never there, or of one
    whose mistake has no name.
    """
    is_all = has_failed or verdict.status in (Status.TODO, Status.WRONG)
    words = "" if is_all else verdict.message
    return replace(verdict, message=f"{why} {words}".strip())


def own_fault(title: str, fault: Exception) -> Verdict:
    """The verdict where the course itself failed: it says so. In CI the fault is raised."""
    if "COURSE_EXPECT" in os.environ:
        raise fault
    words = (
        "The course could not judge this answer. The fault is its own and not yours; your progress "
        "is unchanged, and what happened stands below."
    )
    return Verdict(Status.ERROR, title, words, details="".join(traceback.format_exception(fault)))
