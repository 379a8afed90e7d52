"""What the folder of a dataset must look like, and what to say where it does not."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError

__all__ = ["Layout", "natural_key", "subfolders"]

_SHOWN = 5
"""Names listed in an error, at most."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The folder of a dataset as its authors distribute it."""

    title: str
    """The dataset's name, with authors and year."""
    text: str
    """Folders and files expected, in one line."""
    url: str
    """Where the dataset is to be had."""

    def find(self, folder: Path, *candidates: str) -> Path:
        """The first of the candidates, relative to `folder`, that is a folder.

        Raises:
            DataError: None of them is.
        """
        for candidate in candidates:
            if (folder / candidate).is_dir():
                return folder / candidate
        raise self.error(folder, f"no folder {candidates[0]!r}")

    def error(self, folder: Path, problem: str) -> DataError:
        """The error for a folder that lacks something; `problem` reads on with "in FOLDER"."""
        return DataError(
            f"{self.title}: {problem} in {str(folder)!r}, {_found_in(folder)}; expected "
            f"{self.text}; the dataset is at {self.url}"
        )


def natural_key(name: str) -> list[str | int]:
    """Sorts names as a person would: frame 2 before frame 10.

    >>> sorted(["f10.png", "f2.png"], key=natural_key)
    ['f2.png', 'f10.png']
    """
    # Text and numbers take turns, so that only like is compared with like.
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if n % 2 else part.casefold() for n, part in enumerate(parts)]


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder, sorted naturally; none where `folder` is not one.

    Hidden ones and what macOS adds to archives are left out.
    """
    if not folder.is_dir():
        return []
    found = [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__"))]
    return sorted(found, key=lambda p: natural_key(p.name))


def _found_in(folder: Path) -> str:
    if not folder.exists():
        return "which does not exist"
    if not folder.is_dir():
        return "which is a file"
    names = [p.name for p in subfolders(folder)]
    suffixes = Counter(p.suffix or "nothing" for p in folder.iterdir() if p.is_file())
    found = [f"{_counted(n, 'file')} ending in {s}" for s, n in suffixes.most_common(_SHOWN)]
    if names:
        more = ", ..." if len(names) > _SHOWN else ""
        listed = ", ".join(names[:_SHOWN])
        found.insert(0, f"{_counted(len(names), 'folder')}: {listed}{more}")
    return f"where one finds {' and '.join(found)}" if found else "which is empty"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
