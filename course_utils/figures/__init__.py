"""Interactive figures that compute in the browser: one module NAME.py and one NAME.mjs each.

A module holds one subclass of `Figure`: its state in synced traits, and `numbers()`, the twin in
Python of what the browser computes. NAME.mjs imports what it needs from base.mjs and drawing.mjs,
describes the figure in a `FigureSpec` (see base.mjs) and ends with
``export default courseFigure(figure)``; NAME.css, if there is one, holds its own styles. Nothing
has to be listed anywhere: `all_figures` finds the module.
"""

from __future__ import annotations

import html
import importlib
import math
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython.display import HTML, display, update_display

from course_utils import _torchvision  # noqa: F401  (plain `import torchvision` must work)

HERE = Path(__file__).parent
STYLE = (HERE / "base.css").read_text(encoding="utf-8")
IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.mjs";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:const|let|(?:async )?function|class)\b)", re.MULTILINE)

# JupyterLab writes "model not found" where a figure's Python side is gone. A picture stands there
# instead; it is hidden as long as the figure below it lives, and in every other program.
STAND_IN = """<div class="course-stand-in"><style>
.course-stand-in { display: none; }
.jp-OutputArea-child:has(+ .jp-OutputArea-child > .lm-Widget.jupyter-widgets) .course-stand-in {
  display: block; }
.jp-OutputArea-child:has(.course-stand-in)
  + .jp-OutputArea-child:has(> .lm-Widget.jupyter-widgets) { display: none; }
</style><p>Run this cell to bring the figure back
(after a restart, <em>Run → Run All Above Selected Cell</em> first).</p>%s</div>"""
PICTURE = '<img style="max-width: 100%%" src="%s" alt="The figure as it opened. %s">'


def join_modules(script: Path) -> str:
    """Write a module and all that it imports as one script, each after what it needs itself.

    anywidget loads a script from a blob, where relative imports fail. So the import lines go, and
    the `export` before every name but the default.

    Raises
    ------
    ValueError
        If a module imports in another form than ``import { a, b } from "./NAME.mjs";``: a joined
        script has no other names than those of its modules.
    """
    texts: dict[Path, str] = {}
    _add_module(script, texts)
    return "\n".join(texts.values())


def _add_module(script: Path, texts: dict[Path, str]) -> None:
    """Put a module's text after those of the modules it imports."""
    if script in texts:
        return
    source = script.read_text(encoding="utf-8")
    for names, module in IMPORT.findall(source):
        if re.search(r"\bas\b", names):
            raise ValueError(f"{script.name} renames what it imports from {module}.mjs")
        _add_module(script.with_name(f"{module}.mjs"), texts)
    text = EXPORT.sub("", IMPORT.sub("", source))
    other = re.search(r"^(?:import|export (?!default\b)).*", text, re.MULTILINE)
    if other:
        raise ValueError(f"{script.name} cannot be joined: {other[0]}")
    texts[script] = text


class Figure(anywidget.AnyWidget):
    """Base of the interactive figures.

    A subclass in NAME.py takes its script from NAME.mjs beside it, joined with the modules that it
    imports. `tolerance` is how far the browser's numbers may lie from those of `numbers()`: none,
    unless exponentials or long sums come in. `max_latency_ms` is how long the picture may take to
    follow a key press.
    """

    tolerance: float = 0.0
    max_latency_ms: float = 16.0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "_esm" not in vars(cls):  # anywidget derives a class of its own for every instance
            script = cls.script_path()
            style = script.with_suffix(".css")
            cls._esm = join_modules(script)
            cls._css = STYLE + (style.read_text(encoding="utf-8") if style.exists() else "")
        super().__init_subclass__(**kwargs)

    @classmethod
    def script_path(cls) -> Path:
        """NAME.mjs beside the module NAME.py of the class."""
        return Path(str(sys.modules[cls.__module__].__file__)).with_suffix(".mjs")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._picture = ""
        self.on_msg(self._keep_picture)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Show the figure, and above it, hidden, what stands in for it when the kernel is gone."""
        display(HTML(STAND_IN % self._picture), display_id=self.model_id)
        return super()._repr_mimebundle_(**kwargs)

    def _keep_picture(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        """Put the picture that the page sends into the figure's stand-in."""
        if content.get("picture"):
            self._picture = PICTURE % (content["picture"], html.escape(content["alt"]))
            update_display(HTML(STAND_IN % self._picture), display_id=self.model_id)

    def set(self, **traits: Any) -> None:
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
        self._shape(value, self.axes)
        return _to_plain(value)

    def _shape(self, value, axes: int) -> tuple[int, ...]:
        """Shape of nested lists, or a TraitError that says what is wrong with them."""
        if axes == 0:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise traitlets.TraitError(f"{self.name}: {value!r} is not a number")
            if not math.isfinite(value):
                raise traitlets.TraitError(f"{self.name}: {value!r} is not finite")
            return ()
        if not isinstance(value, list | tuple) or not value:
            raise traitlets.TraitError(
                f"{self.name} must have {self.axes} axes of numbers, got {value!r}"
            )
        shapes = [self._shape(part, axes - 1) for part in value]
        for shape in shapes:
            if shape != shapes[0]:
                raise traitlets.TraitError(
                    f"{self.name} is not rectangular: lengths {shapes[0][0]} and {shape[0]}"
                )
        return len(value), *shapes[0]


def _to_plain(value):
    """Nested lists with whole numbers as int, so that Python and the browser write them alike."""
    if isinstance(value, list | tuple):
        return [_to_plain(part) for part in value]
    return int(value) if float(value).is_integer() else value


def check_index(proposal: Any, size: int, what: str = "") -> int:
    """Return the proposed index of a trait, or refuse it if it is not among 0 to size - 1."""
    name, index = proposal.trait.name, proposal.value
    if not 0 <= index < size:
        raise traitlets.TraitError(f"{name} {index} lies outside {what}0 to {size - 1}")
    return index


def all_figures() -> list[type[Figure]]:
    """Every figure class of this package, by module name."""
    figures: list[type[Figure]] = []
    for module in pkgutil.iter_modules([str(HERE)], f"{__name__}."):
        members = vars(importlib.import_module(module.name)).values()
        figures += [
            member
            for member in members
            if isinstance(member, type)
            and issubclass(member, Figure)
            and member.__module__ == module.name
        ]
    return figures
