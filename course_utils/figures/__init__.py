"""Interactive figures that compute in the browser: one module NAME.py and one NAME.mjs each.

A module holds one subclass of `Figure`: its state in synced traits, and `numbers()`, the twin in
Python of what the browser computes. NAME.mjs ends with ``export default courseFigure({...})``;
base.mjs says what goes in. Nothing has to be listed anywhere: `all_figures` finds the module.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
import sys
from pathlib import Path

import anywidget
import traitlets

from course_utils import _torchvision  # noqa: F401  (plain `import torchvision` must work)

HERE = Path(__file__).parent
BASE = (HERE / "base.mjs").read_text(encoding="utf-8")
STYLE = (HERE / "base.css").read_text(encoding="utf-8")


class Figure(anywidget.AnyWidget):
    """Base of the interactive figures.

    A subclass in NAME.py takes its script from NAME.mjs beside it, joined after base.mjs and the
    `pieces` it asks for (a module in a notebook is loaded from a blob, where relative imports
    fail). `tolerance` is how far the browser's numbers may lie from those of `numbers()`: none,
    unless exponentials or long sums come in. `milliseconds` is how long the picture may take to
    follow a key press.
    """

    pieces: tuple[str, ...] = ()
    tolerance: float = 0.0
    milliseconds: float = 16.0

    def __init_subclass__(cls, **kwargs):
        if "_esm" not in vars(cls):  # anywidget derives a class of its own for every instance
            script = Path(sys.modules[cls.__module__].__file__).with_suffix(".mjs")
            shared = [HERE / f"{piece}.mjs" for piece in cls.pieces]
            texts = [path.read_text(encoding="utf-8") for path in (*shared, script)]
            cls._esm = "".join([BASE, *texts])
            cls._css = STYLE
        super().__init_subclass__(**kwargs)

    def set(self, **traits) -> None:
        """Change several traits at once; they are checked together.

        Raises
        ------
        traitlets.TraitError
            If a name is unknown or the values do not go together; nothing is changed then.
        """
        unknown = sorted(set(traits) - set(self.trait_names(sync=True)))
        if unknown:
            raise traitlets.TraitError(f"{type(self).__name__} has no {', '.join(unknown)}")
        with self.hold_sync(), self.hold_trait_notifications():
            for name, value in traits.items():
                setattr(self, name, value)

    def numbers(self) -> dict:
        """Compute what the figure shows, in Python from the traits alone."""
        raise NotImplementedError

    @classmethod
    def example(cls) -> Figure:
        """Build a small instance for tests."""
        raise NotImplementedError


class Numbers(traitlets.TraitType):
    """Trait: a box of finite numbers with `axes` axes, kept as nested lists.

    Takes a tensor, an array or nested lists; refuses what is ragged, empty or not a number.
    """

    def __init__(self, *args, axes: int, **kwargs):
        self.axes = axes
        super().__init__(*args, **kwargs)

    def validate(self, obj, value):
        """Turn a tensor, an array or nested lists into plain nested lists."""
        value = value.tolist() if hasattr(value, "tolist") else value
        self._measure(value, self.axes)
        return _plain(value)

    def _measure(self, value, axes: int) -> tuple[int, ...]:
        """Shape of nested lists, or a TraitError that says what is wrong with them."""
        if axes == 0:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise traitlets.TraitError(f"{self.name}: {value!r} is not a number")
            if not math.isfinite(value):
                raise traitlets.TraitError(f"{self.name}: {value!r} is not finite")
            return ()
        if not isinstance(value, list | tuple) or not value:
            raise traitlets.TraitError(
                f"{self.name} wants {self.axes} axes of numbers; here is {value!r} instead"
            )
        shapes = [self._measure(part, axes - 1) for part in value]
        for shape in shapes:
            if shape != shapes[0]:
                raise traitlets.TraitError(
                    f"{self.name} is not rectangular: lengths {shapes[0][0]} and {shape[0]}"
                )
        return len(value), *shapes[0]


def _plain(value):
    """Nested lists with whole numbers as int, so that Python and the browser write them alike."""
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return int(value) if float(value).is_integer() else value


def inside(proposal, size: int, what: str = "") -> int:
    """Return the proposed index of a trait, or refuse it if it is not among 0 to size - 1."""
    name, index = proposal.trait.name, proposal.value
    if not 0 <= index < size:
        raise traitlets.TraitError(f"{name} {index} lies outside {what}0 to {size - 1}")
    return index


def all_figures() -> list[type[Figure]]:
    """Every figure class of this package, by module name."""
    found = []
    for module in pkgutil.iter_modules([str(HERE)], f"{__name__}."):
        members = vars(importlib.import_module(module.name)).values()
        found += [
            member
            for member in members
            if isinstance(member, type)
            and issubclass(member, Figure)
            and member.__module__ == module.name
        ]
    return found
