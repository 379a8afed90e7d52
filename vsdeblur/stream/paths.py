"""Checks the two files of a restoration, and puts the result in place at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from ..errors import VideoError
from ..manifest import load_manifest

__all__ = ["PartialFile", "check_paths", "check_size", "partial_file"]


def check_paths(source: Path, target: Path, *, overwrite: bool) -> None:
    """Check what can be checked before any work.

    Raises:
        VideoError: The source is no file or is empty, or the target cannot be written there.
    """
    if source.is_dir():
        raise VideoError(f"{source} is a folder; give a video or picture file")
    if not source.exists():
        raise VideoError(f"{source} does not exist; give a video or picture file")
    if source.is_file() and not source.stat().st_size:
        raise VideoError(f"{source} is empty (0 bytes); give a video or picture file")
    if target.is_dir():
        raise VideoError(f"{target} is a folder; give the name of a file in it")
    if not target.parent.is_dir():
        raise VideoError(f"the folder {target.parent} does not exist; make it first")
    if target.exists():
        if target.samefile(source):
            raise VideoError(f"{target} is the source itself; give another name to write to")
        if not overwrite:
            raise VideoError(f"{target} already exists; give another name or allow overwriting")


def check_size(source: Path, width: int, height: int) -> None:
    """Refuse what is too small to restore; width and height in pixels.

    Raises:
        VideoError: It is smaller than the manifest allows.
    """
    least = load_manifest()
    if width < least.min_width or height < least.min_height:
        raise VideoError(
            f"{source} is {width}x{height} pixels; at least {least.min_width}x"
            f"{least.min_height} can be restored"
        )


@dataclass
class PartialFile:
    """A file that is being written, hidden beside its target."""

    path: Path
    """Absolute; it has the target's suffix."""
    kept: bool = False

    def keep(self) -> None:
        """Let the file take the target's place at the end."""
        self.kept = True


@contextmanager
def partial_file(target: Path) -> Iterator[PartialFile]:
    """Make a hidden file beside the target, which becomes the target if it is kept.

    Raises:
        VideoError: The folder cannot be written to.
    """
    folder = target.parent.resolve()
    partial = PartialFile(folder / f".{target.stem[:100]}.{uuid4().hex[:8]}{target.suffix}")
    try:
        try:
            partial.path.touch()
        except OSError as error:
            raise VideoError(
                f"cannot write to the folder {target.parent}: {error.strerror}; choose another"
            ) from error
        yield partial
        if partial.kept:
            try:
                os.replace(partial.path, target)
            except OSError as error:
                raise VideoError(f"cannot replace {target}: {error.strerror}") from error
    finally:
        partial.path.unlink(missing_ok=True)
