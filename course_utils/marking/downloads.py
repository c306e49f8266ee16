"""Whose file it is, by the name that a learning platform gave it when a class was downloaded.

Moodle makes a folder `NAME_123_assignsubmission_file_` for each student, Canvas names each file
`name_123_456_file.ipynb` (`name_LATE_123_…` after the deadline), and Brightspace makes folders
`123-456 - NAME - DATE`. The number is the platform's own for that student.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePath
from typing import NamedTuple

FOLDERS = (
    re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_\w+", re.DOTALL),
    re.compile(r"(?P<number>\d+)-\d+ - (?P<name>.+?) - .+", re.DOTALL),
)
FILE = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<number>\d+)_\d+_(?P<file>.+)", re.DOTALL)
SKIPPED = (".ipynb_checkpoints", "__MACOSX")
YEARS = range(1990, 2200)  # of a timestamp: formgrader shows it in a zone of its own
MAX_TIMESTAMP = 100  # bytes
JUNCTION = 0xA0000003  # Windows' mark of a folder that stands for another
PAST_NO_LINK = os.open in os.supports_dir_fd  # else it is Windows, where nothing is marked
STUDENT = re.compile(r"(?P<name>.+) \((?P<number>\d+)\)", re.DOTALL)


class Owner(NamedTuple):
    """A student as a platform names them, and the platform's number; "" where it has none."""

    name: str
    number: str = ""

    def __str__(self) -> str:
        """The student's name in marks and reports: two of one name have different numbers."""
        return f"{self.name} ({self.number})" if self.number else self.name


def parse(student: str) -> Owner:
    """Take a student's name in marks apart again.

    Examples
    --------
    >>> parse("Ada Lovelace (123)")
    Owner(name='Ada Lovelace', number='123')
    """
    match = STUDENT.fullmatch(student)
    return Owner(match["name"], match["number"]) if match else Owner(student)


def folder_owner(folder: str) -> Owner | None:
    """Return whose folder a platform made; None for a folder of another kind.

    Examples
    --------
    >>> folder_owner("Ada Lovelace_123_assignsubmission_file_")
    Owner(name='Ada Lovelace', number='123')
    """
    matches = (pattern.fullmatch(folder) for pattern in FOLDERS)
    return next((Owner(match["name"], match["number"]) for match in matches if match), None)


def file_owner(path: PurePath) -> Owner | None:
    """Return whose file it is: by a folder's name or by its own; None where no platform named it.

    Examples
    --------
    >>> file_owner(PurePath("lovelaceada_LATE_123_456_02_convolution-1.ipynb"))
    Owner(name='lovelaceada', number='123')
    """
    for folder in reversed(path.parents):  # what lies in a student's folder was named by them
        if owner := folder_owner(folder.name):
            return owner
    match = FILE.fullmatch(path.name)
    return Owner(match["name"], match["number"]) if match else None


def original_name(name: str) -> str:
    """Return a file's name as the student had it.

    Examples
    --------
    >>> original_name("lovelaceada_123_456_progress.csv")
    'progress.csv'
    """
    match = FILE.fullmatch(name)
    return match["file"] if match else name


class Place(NamedTuple):
    """Where one student's files are: folders and files, and the folder above all of them."""

    base: Path
    entries: tuple[Path, ...]


def places(folder: Path) -> dict[str, Place]:
    """Student → folders and files, as a platform's download or a plain folder holds them.

    Where there are no folders, a file that no platform has named is a student's by its own name.
    """
    entries = sorted(folder.iterdir())
    folders = [path for path in entries if _is_folder(path)]
    entries_of: dict[str, list[Path]] = {}
    for path in folders:
        owner = folder_owner(path.name)
        entries_of.setdefault(str(owner) if owner else readable(path.name), []).append(path)
    for path in entries:
        if path not in folders and ".ipynb" in path.name and not path.name.startswith("."):
            owner = file_owner(PurePath(path.name))
            if owner or not folders:
                name = str(owner) if owner else readable(path.name).partition(".ipynb")[0]
                entries_of.setdefault(name, []).append(path)
    one_folder = [[path] for path in folders]
    return {
        student: Place(paths[0] if paths in one_folder else folder, tuple(paths))
        for student, paths in sorted(entries_of.items())
    }


def _is_folder(path: Path) -> bool:
    """Whether a path may be a student's folder; also a link in place of one."""
    if path.name.startswith(".") or path.name in SKIPPED:
        return False
    entry = look_at(path)
    # of a link nobody is told where it leads, nor whether anything is there
    return entry.is_folder or (entry.is_link and ".ipynb" not in path.name)


class Entry(NamedTuple):
    """A name in a folder, and what it stands for: of a link the link itself."""

    path: Path
    mode: int  # as of `os.stat`; 0 where nobody may look, or nothing is left
    modified: float  # seconds since 1970

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, and no link to one."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a link, wherever it leads."""
        return stat.S_ISLNK(self.mode)


def look_at(path: Path) -> Entry:
    """Return what stands at a path in a folder of the tutor's."""
    return _entry(path, path.lstat)


def _entry(path: Path, look: Callable[[], os.stat_result]) -> Entry:
    try:
        status = look()
    except OSError:
        return Entry(path, 0, 0.0)
    is_junction = getattr(status, "st_reparse_tag", 0) == JUNCTION
    return Entry(path, stat.S_IFLNK if is_junction else status.st_mode, status.st_mtime)


def readable(name: str) -> str:
    """Return a file's name as text that every file can hold."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def open_regular(path: Path) -> int | None:
    """Open a file on the way to which there is no link; None where it is a pipe, a device or so.

    Somebody may put a link there meanwhile, and to open a device may do harm. (On Windows, where
    nothing is marked, only the last part is looked at, before it is opened.)

    Raises
    ------
    OSError
        If it cannot be opened, or a folder on the way is a link; with ELOOP if it is one itself.
    """
    return _open(path, stat.S_ISREG)


def entries_in(folder: Path, most: int | None = None) -> list[Entry] | None:
    """Return what is in a folder, or so much of it; None where a link leads to it, or nothing.

    All of it is looked at from the open folder: another may stand at its path a moment later. (But
    not on Windows, see `open_regular`.)
    """
    try:
        with ExitStack() as stack:
            place: Path | int = folder
            if PAST_NO_LINK:
                descriptor = _open(folder, stat.S_ISDIR)
                if descriptor is None:
                    return None
                stack.callback(os.close, descriptor)
                place = descriptor
            elif not look_at(folder).is_folder:
                return None
            listed = stack.enter_context(os.scandir(place))
            return [
                _entry(folder / each.name, partial(each.stat, follow_symlinks=False))
                for each in itertools.islice(listed, most)
            ]
    except OSError:
        return None


def files_below(folder: Path, deepest: int) -> Iterator[Path]:
    """Yield the files in a folder and in those below it, and links; but nothing that is hidden."""
    places = deque([(folder, 0)])
    while places:
        place, depth = places.popleft()
        for entry in entries_in(place) or []:
            if entry.path.name.startswith("."):
                continue
            if entry.is_folder and depth < deepest:
                places.append((entry.path, depth + 1))
            elif entry.is_link or stat.S_ISREG(entry.mode) or not entry.mode:
                yield entry.path


def _open(path: Path, is_wanted: Callable[[int], bool]) -> int | None:
    """Open what is of the wanted kind, part by part, past no link; None where it is another."""
    if not PAST_NO_LINK:
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
        return os.open(path, flags) if is_wanted(look_at(path).mode) else None
    to_pass = getattr(os, "O_PATH", os.O_RDONLY) | os.O_NOFOLLOW
    start, *folders = path.absolute().parts[:-1]
    place = os.open(start, to_pass | os.O_DIRECTORY)
    try:
        for i, name in enumerate([*folders, path.name]):
            try:
                inner = os.open(name, to_pass | os.O_NONBLOCK, dir_fd=place)
            except OSError as error:
                if error.errno == errno.ELOOP and i < len(folders):  # as macOS says it
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
                raise
            os.close(place)
            place = inner
        mode = os.fstat(place).st_mode
        if stat.S_ISLNK(mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if not is_wanted(mode):
            return None
        if hasattr(os, "O_PATH"):
            # whose file it is may hold a lease on it, which is waited for otherwise
            return os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_NONBLOCK)
        return os.dup(place)
    finally:
        os.close(place)


def read_regular(path: Path, most: int) -> bytes | None:
    """Return the beginning of a file; None where there is none, but a link, a pipe or a folder."""
    try:
        descriptor = open_regular(path)
    except OSError:
        return None
    if descriptor is None:
        return None
    try:
        return os.read(descriptor, most)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def timestamp(notebook: Path, place: Place) -> str:
    """Return what stands in nbgrader's own file STUDENT/ASSIGNMENT/timestamp.txt.

    In what a platform hands out, such a file is the student's: it counts for nothing.
    """
    file = notebook.with_name("timestamp.txt")
    if file.parent.parent != place.base or any(folder_owner(each.name) for each in file.parents):
        return ""
    try:
        data = read_regular(file, MAX_TIMESTAMP + 1) or b""
        if len(data) > MAX_TIMESTAMP:  # cut off it might read as another date
            return ""
        when = datetime.fromisoformat(data.decode().strip().removesuffix(" UTC"))
        if when.year not in YEARS:
            return ""
        return when.astimezone(UTC).isoformat(" ") if when.tzinfo else f"{when.isoformat(' ')} UTC"
    except (ValueError, OverflowError):
        return ""
