"""`Verdict`: what a check found."""

from dataclasses import dataclass, field

from course_utils.judging import feedback


@dataclass(frozen=True)
class Verdict:
    """What a check found; shows itself as rich text in a notebook and as plain text elsewhere.

    Attributes
    ----------
    status : "todo", "ok", "mistake", "type", "wrong", "error", "limit" or "own"
        Not attempted; right; a known mistake; the wrong type, dtype or shape; wrong in a way not
        foreseen; stopped by an error; stopped by a limit; the model answer itself.
    title : number and title of the exercise
    message : what is the matter and what to do; the mistake's own text for "mistake"
    case : names and values of the arguments of the smallest failing case
    yours, expected : observations of the answer and of the oracle on that case
    reveal : whether `expected` may be shown
    hints : those unlocked so far
    notes : remarks that do not decide, such as an input changed in place
    printed : the beginning of what the answer printed
    """

    status: str
    title: str = ""
    message: str = ""
    case: dict = field(default_factory=dict)
    yours: object = None
    expected: object = None
    reveal: bool = False
    hints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    printed: str = ""

    def __str__(self):
        return feedback.as_text(self)

    __repr__ = __str__

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/html": feedback.as_html(self), "text/plain": feedback.as_text(self)}
