"""What a jail shows of the host: the system's programs, Python and its packages, but no course."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterable
from pathlib import Path

# Not all of /usr: classes, nbgrader's exchange and much else may lie there
SYSTEM = (
    "/bin", "/lib", "/lib32", "/lib64", "/sbin", "/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64",
    "/usr/libexec", "/usr/local/bin", "/usr/local/lib", "/usr/share/fonts", "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
)  # fmt: skip
PYTHON_PARTS = ("bin", "lib", "lib32", "lib64", "pyvenv.cfg")  # a course may lie beside them
PACKAGE = Path(__file__).resolve().parents[1]


def visible_places() -> list[str]:
    """The folders and files of the system, of Python and of its packages."""
    system = [place for place in SYSTEM if os.path.exists(place) and not os.path.islink(place)]
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix} - {"/", "/usr"}
    places = [os.path.join(prefix, part) for prefix in prefixes for part in PYTHON_PARTS]
    places += {site.getusersitepackages()} & set(sys.path)
    return sorted({*system, *(place for place in places if os.path.exists(place))})


def site_folders() -> list[str]:
    """Where packages may be installed."""
    return [*site.getsitepackages(), site.getusersitepackages()]


def courses() -> set[Path]:
    """The folders that hold answers: the checkout, and copies of the package."""
    checkout = PACKAGE.parent
    installed = checkout in {Path(place).resolve() for place in site_folders()}
    found = {PACKAGE if installed else checkout}
    paths = filter(os.path.isabs, sys.path)  # others begin where one stands
    found |= {Path(place, PACKAGE.name) for place in (*site_folders(), *paths)}
    for prefix in {sys.prefix, sys.base_prefix, "/usr", "/usr/local"}:  # of other Pythons, too
        found |= {*Path(prefix).glob(f"lib*/python3*/*-packages/{PACKAGE.name}")}
    return {place.resolve() for place in found if place.is_dir()}


def hidden_places(visible: Iterable[str]) -> list[str]:
    """Where, in the jail, the courses lie within what is visible."""
    hidden = set()
    for place in visible:
        real = Path(place).resolve()
        for course in courses():
            if real in course.parents:
                hidden.add(os.path.join(place, course.relative_to(real)))
    return sorted(hidden)
