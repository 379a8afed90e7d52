"""Checks the two files of a restoration, and puts the result in place at the end."""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from ..errors import VideoError
from ..manifest import load_manifest
from .source import is_address, is_pipe, named

__all__ = [
    "PartialFile",
    "as_given",
    "check_paths",
    "check_size",
    "check_source",
    "free_name",
    "is_stream",
    "partial_file",
    "real_target",
    "remove_abandoned",
    "short_name",
]

_NAME_BYTES = 255
"""Bytes that a file name may have almost everywhere."""
_PARTIAL = ".partial"

log = logging.getLogger("vsdeblur")


def as_given(name: Path | str) -> Path | str:
    """A path, but for stdin, stdout and addresses, which are none."""
    return str(name) if str(name) == "-" or is_address(name) else Path(name)


def check_paths(
    source: Path | str, target: Path | str, *, overwrite: bool, makes_folder: bool = False
) -> None:
    """Check what can be checked before any work.

    Args:
        source: What is read.
        target: What is written.
        overwrite: Whether the target may be there.
        makes_folder: Whether its folder need not be there.

    Raises:
        VideoError: The source is no file or is empty, or the target cannot be written there.
    """
    if not is_address(source) and str(source) != "-":
        check_source(Path(source))
    if str(target) != "-":
        _check_target(source, Path(target), overwrite=overwrite, makes_folder=makes_folder)


def is_stream(target: Path | str) -> bool:
    """Whether a target is written through, not replaced: stdout ("-"), a pipe or a device."""
    return is_pipe(target)


def check_size(source: Path | str, width: int, height: int) -> None:
    """Refuse what is too small to restore; width and height in pixels.

    Raises:
        VideoError: It is smaller than the manifest allows.
    """
    least = load_manifest()
    if width < least.min_width or height < least.min_height:
        raise VideoError(
            f"{named(source)} is {width}x{height} pixels; at least {least.min_width}x"
            f"{least.min_height} can be restored"
        )


def free_name(target: Path, word: str) -> Path:
    """A name beside the target that says what the file is, and that no file has."""
    for number in range(1, 10_000):
        inner = f".{word}" if number == 1 else f".{word}-{number}"
        path = target.with_name(short_name(target.stem, f"{inner}{target.suffix}"))
        if not os.path.lexists(path):
            return path
    raise VideoError(f"there are too many files beside {target} that are called {word}")


@dataclass
class PartialFile:
    """A file that is being written, hidden beside its target."""

    path: Path
    """Absolute; it has the target's suffix."""
    place: Path | None = None
    """What it becomes at the end; None = nothing."""

    def keep(self, place: Path) -> None:
        """Let the file take a place at the end."""
        self.place = place


@contextmanager
def partial_file(target: Path) -> Iterator[PartialFile]:
    """Make a hidden file beside the target, which takes its place if it is kept.

    What runs that were killed have left there is named. Where the target is a symbolic link, it is
    the file that it leads to.

    Raises:
        VideoError: The folder cannot be written to.
    """
    target = real_target(target)
    _name_leftovers(target)
    name = short_name(f".{target.stem}", f".{uuid4().hex[:8]}{_PARTIAL}{target.suffix}")
    partial = PartialFile(target.parent / name)
    try:
        try:
            lock = _locked(partial.path)
        except OSError as error:
            raise VideoError(
                f"cannot write to the folder {target.parent}: {error.strerror}; choose another"
            ) from error
        try:
            yield partial
        finally:
            os.close(lock)
            _put_in_place(partial)
    finally:
        partial.path.unlink(missing_ok=True)


def real_target(target: Path) -> Path:
    """The file that is written: where a symbolic link leads to, there or not."""
    try:
        return target.resolve()
    except (OSError, RuntimeError) as error:
        raise VideoError(f"cannot follow the link {target}; give another name") from error


def _put_in_place(partial: PartialFile) -> None:
    if partial.place is None:
        return
    try:
        os.replace(partial.path, partial.place)
    except OSError as error:
        raise VideoError(f"cannot replace {partial.place}: {error.strerror}") from error


def check_source(source: Path) -> None:
    """Check that a file is there and not empty.

    Raises:
        VideoError: It is not, or is a folder.
    """
    try:
        mode = source.stat().st_mode
    except FileNotFoundError as error:
        raise VideoError(
            f"{source} does not exist; give a video or picture file, an address, or - for stdin"
        ) from error
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise VideoError(f"cannot read {source}: {said}") from error
    if stat.S_ISDIR(mode):
        raise VideoError(f"{source} is a folder; give a video or picture file")
    if stat.S_ISREG(mode) and not source.stat().st_size:
        raise VideoError(f"{source} is empty (0 bytes); give a video or picture file")


def _check_target(source: Path | str, target: Path, *, overwrite: bool, makes_folder: bool) -> None:
    try:
        if target.is_dir():
            raise VideoError(f"{target} is a folder; give the name of a file in it")
        if not target.parent.is_dir() and not makes_folder:
            raise VideoError(f"the folder {target.parent} does not exist; make it first")
        if not target.exists():
            return
        if not is_address(source) and str(source) != "-" and target.samefile(source):
            raise VideoError(f"{target} is the source itself; give another name to write to")
        mode = target.stat().st_mode
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise VideoError(f"cannot write {target}: {said}; give another name") from error
    if stat.S_ISBLK(mode):
        raise VideoError(f"{target} is a disk, which is not written to; give the name of a file")
    if stat.S_ISREG(mode) and not overwrite:
        raise VideoError(
            f"{target} already exists; give another name, or allow replacing it (--overwrite)"
        )


def short_name(stem: str, rest: str) -> str:
    """A file's name that ends in `rest` and is no longer than names may be, in bytes."""
    room = max(1, _NAME_BYTES - len(os.fsencode(rest)))
    return os.fsencode(stem)[:room].decode(errors="ignore") + rest


def _locked(path: Path) -> int:
    """Make a file, and hold it as long as this process works on it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    with suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


def _name_leftovers(target: Path) -> None:
    """Say which files runs have left that were killed while they wrote this target."""
    start = re.escape(f".{target.stem}"[:40])
    pattern = re.compile(start + rf".*\.[0-9a-f]{{8}}{_PARTIAL}{re.escape(target.suffix)}")
    try:
        names = [path for path in target.parent.iterdir() if pattern.fullmatch(path.name)]
    except OSError:
        return
    for path in names:
        if _is_abandoned(path):
            log.warning("%s was left by a run that was killed; delete it", path)


def remove_abandoned(path: Path) -> None:
    """Remove a partial file, unless a process still writes it."""
    if path.name.startswith(".") and _PARTIAL in path.name and _is_abandoned(path):
        path.unlink(missing_ok=True)


def _is_abandoned(path: Path) -> bool:
    try:
        import fcntl

        lock = os.open(path, os.O_RDWR)
    except (ImportError, OSError):
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True
