"""One module per workbook: model answers, cases, mistakes and hints.

Every module here is found by itself; CONTRIBUTING.md shows how to add an exercise.
"""

import importlib
import pkgutil

from course_utils.exercise import REGISTRY, Exercise


def all_exercises() -> list[Exercise]:
    """Every exercise that a module of this package declares, in order of number."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return sorted(
        REGISTRY.values(), key=lambda exercise: [int(part) for part in exercise.number.split(".")]
    )
