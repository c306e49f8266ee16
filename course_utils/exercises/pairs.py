"""Which mistakes of an exercise are tried two at a time."""

from collections.abc import Callable
from dataclasses import replace

from course_utils.exercise import Mistake


def only_these_in_pairs(
    mistakes: dict[str, Mistake], make: Callable[..., object], names: str
) -> dict[str, Mistake]:
    """Leave `names` to be tried in pairs, and all other mistakes alone.

    Pairs grow with the square of their number, and a verdict has 150 ms: so only slips that
    students often make together are paired.

    Parameters
    ----------
    mistakes : id → mistake, some of them given as settings of `make`
    names : ids, separated by blanks

    Raises
    ------
    KeyError
        If a name is no mistake.
    """
    chosen = {name: mistakes[name] for name in names.split()}
    return {
        name: mistake
        if name in chosen or not mistake.switch
        else replace(mistake, answer=make(**mistake.switch), switch={})
        for name, mistake in mistakes.items()
    }
