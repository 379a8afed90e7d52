"""Finds what is to be restored: files, the files of folders, and what patterns stand for."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import VideoError
from ..picture_files import SUFFIXES as PICTURES
from ..sequences.names import is_sequence
from ..source import is_address

__all__ = ["VIDEOS", "Found", "find_sources"]

# fmt: off
VIDEOS = frozenset({
    ".3g2", ".3gp", ".264", ".265", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".h264",
    ".hevc", ".ivf", ".m1v", ".m2t", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg",
    ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm",
    ".wmv", ".y4m",
})
# fmt: on
"""Suffixes of videos that are looked for in folders; a file that is named may have any."""


@dataclass(frozen=True)
class Found:
    """A file to restore."""

    path: Path
    place: Path
    """Where it lies in the folder, or under the fixed part of the pattern, that it was found by:
    relative, with its name; of a file that was named, its name alone."""


def find_sources(
    names: Sequence[str], *, recursive: bool = False, besides: Path | None = None
) -> list[Found]:
    """Find the files that names stand for, each once, in the order of the names.

    Args:
        names: Files, folders and patterns (`*`, `?`, `[...]`, and `**` for any depth).
        recursive: Whether folders in folders are looked into.
        besides: A folder of results, whose files are not taken for sources.

    Raises:
        VideoError: A name stands for no file that could be restored.
    """
    found: dict[Path, Found] = {}
    for name in names:
        for each in _named(name, recursive=recursive, besides=besides):
            found.setdefault(each.path.resolve(), each)
    return list(found.values())


def _named(name: str, *, recursive: bool, besides: Path | None) -> Iterator[Found]:
    path = Path(name)
    if name == "-" or is_address(name):
        raise VideoError(f"{name} is no file: of stdin and of addresses one is restored at a time")
    if is_sequence(path) and not path.is_dir():
        raise VideoError(
            f"{name} is the pattern of an image sequence, of which one is restored at a time; give "
            "IN and OUT"
        )
    if path.is_dir():
        yield from _of_folder(path, Path(), recursive=recursive, besides=besides)
    elif os.path.lexists(path) or not glob.has_magic(name):
        yield Found(path, Path(path.name))
    else:
        yield from _of_pattern(name, recursive=recursive, besides=besides)


def _of_folder(
    folder: Path, place: Path, *, recursive: bool, besides: Path | None
) -> Iterator[Found]:
    count = 0
    for path in _walked(folder, recursive=recursive, besides=besides):
        if path.suffix.lower() in VIDEOS | PICTURES:
            count += 1
            yield Found(path, place / path.relative_to(folder))
    if not count:
        deeper = "" if recursive else "; --recursive looks into the folders in it too"
        raise VideoError(f"the folder {folder} holds no video and no picture{deeper}")


def _walked(folder: Path, *, recursive: bool, besides: Path | None) -> Iterator[Path]:
    """Files of a folder in order of their names; what is hidden is passed over."""

    def refuse(error: OSError) -> None:
        raise VideoError(f"cannot read the folder {error.filename}: {error.strerror}") from error

    results = besides.resolve() if besides is not None else None
    for root, folders, files in os.walk(folder, onerror=refuse):
        here = Path(root)
        folders[:] = sorted(
            name
            for name in folders
            if recursive and not name.startswith(".") and (here / name).resolve() != results
        )
        yield from (here / name for name in sorted(files) if not name.startswith("."))


def _of_pattern(pattern: str, *, recursive: bool, besides: Path | None) -> Iterator[Found]:
    """The files that a pattern stands for, in order; of folders, those in them."""
    fixed = _fixed_part(pattern)
    results = besides.resolve() if besides is not None else None
    matches = [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
    is_deep = "**" in pattern
    count = 0
    for path in matches:
        if results is not None and results in (path.resolve(), *path.resolve().parents):
            continue
        place = path.relative_to(fixed)
        if not path.is_dir():
            count += 1
            yield Found(path, place)
        elif not is_deep:  # whose files match by themselves
            count += 1
            yield from _of_folder(path, place, recursive=recursive, besides=besides)
    if not count:
        raise VideoError(f"no file fits the pattern {pattern!r}; give a video or picture file")


def _fixed_part(pattern: str) -> Path:
    """The folders before the first wildcard."""
    fixed = Path()
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        fixed /= part
    return fixed
