"""What the pictures of a target are called, and which of them are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from ...errors import VideoError
from ..picture_files import SUFFIXES, WRITTEN
from .names import Pictures, is_sequence, pattern_of

__all__ = ["PictureNames", "check_pictures", "is_picture_target"]


def is_picture_target(source: Path | str, target: Path | str) -> bool:
    """Whether a target is a sequence: a pattern of pictures, or for pictures a folder."""
    path = Path(target)
    if pattern_of(path) is not None and path.suffix.lower() in SUFFIXES:
        return True
    return is_sequence(source) and (not path.suffix or path.is_dir())


@dataclass(frozen=True)
class PictureNames:
    """What the pictures of a target are called.

    Args:
        folder: Where they lie.
        before: What precedes the number; of a folder nothing.
        digits: The number's least digits.
        suffix: What follows the number.
        source: The pictures that they are made of, one of one; None = of others.
        own_names: Whether they have the source's names, not numbers.
    """

    folder: Path
    before: str
    digits: int
    suffix: str
    source: Pictures | None
    own_names: bool

    @classmethod
    def of(cls, target: Path, source: Pictures | None, *, one_of_one: bool) -> Self:
        """The names of a target.

        Args:
            target: A pattern or a folder.
            source: What it is made of; None = a video.
            one_of_one: Whether each frame of the source gives one picture.

        Raises:
            VideoError: The pictures would have a suffix that is not written.
        """
        single = source if one_of_one else None
        parts = pattern_of(target)
        if parts is not None and not target.is_dir():
            names = cls(target.parent, *parts, single, own_names=False)
        else:
            suffix = source.paths[0].suffix.lower() if source is not None else ".png"
            suffix = suffix if suffix in WRITTEN else ".png"
            names = cls(target, "", 6, suffix, single, own_names=single is not None)
        if names.kind not in WRITTEN:
            raise VideoError(f"{names.kind} is not written; write {', '.join(sorted(WRITTEN))}")
        return names

    @property
    def kind(self) -> str:
        """The suffix, in small letters."""
        return Path(f"x{self.suffix}").suffix.lower()

    def path(self, index: int, place: int) -> Path:
        """The file of a picture.

        Args:
            index: Which frame of the target it is, from 0.
            place: Which frame of the source it is of.
        """
        if self.source is None:
            return self._numbered(index + 1)
        if self.own_names and place in self._stems:
            return self.folder / f"{self._stems[place]}{self.suffix}"
        return self._numbered(self.source.numbers[0] + place * self.source.step)

    @contextmanager
    def made_folder(self) -> Iterator[None]:
        """Make the folder, and remove it again if nothing came into it.

        Raises:
            VideoError: It cannot be made.
        """
        is_new = not self.folder.exists()
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise VideoError(f"cannot make the folder {self.folder}: {error.strerror}") from error
        try:
            yield
        finally:
            if is_new:
                with suppress(OSError):  # it is not empty
                    self.folder.rmdir()

    def existing(self) -> list[Path]:
        """Files that have such names, in order."""
        if not self.folder.is_dir():
            return []
        digits = rf"\d{{{self.digits},}}"
        name = re.compile(f"{re.escape(self.before)}{digits}{re.escape(self.suffix)}")
        own = set(self._stems.values()) if self.own_names else set()
        return sorted(
            each
            for each in self.folder.iterdir()
            if name.fullmatch(each.name) or (each.suffix == self.suffix and each.stem in own)
        )

    @cached_property
    def _stems(self) -> dict[int, str]:
        """Names of the source's pictures, by their places."""
        assert self.source is not None
        stems = (path.stem for path in self.source.paths)
        return dict(zip(self.source.places, stems, strict=True))

    def _numbered(self, number: int) -> Path:
        return self.folder / f"{self.before}{number:0{self.digits}d}{self.suffix}"


def check_pictures(names: PictureNames, pictures: Pictures | None, *, may_exist: bool) -> None:
    """Refuse to write where pictures are that would be lost, or where nothing can be.

    Raises:
        VideoError: The folder cannot be made, or holds such pictures.
    """
    folder = names.folder
    if not folder.parent.is_dir():
        raise VideoError(f"the folder {folder.parent} does not exist; make it first")
    if folder.exists() and not folder.is_dir():
        raise VideoError(f"{folder} is a file; give the name of a folder")
    existing = names.existing()
    if not existing:
        return
    sources = {path.resolve() for path in pictures.paths} if pictures else set()
    if any(path.resolve() in sources for path in existing):
        raise VideoError(f"{folder} holds the pictures that are read; give another folder")
    if not may_exist:
        raise VideoError(
            f"{folder} holds such pictures already, {existing[0].name} the first of "
            f"{len(existing)}; give another folder, or allow replacing them (--overwrite)"
        )
