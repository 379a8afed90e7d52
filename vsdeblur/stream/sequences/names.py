"""Which pictures are a sequence, in which order, and what is missing between them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby, pairwise
from math import gcd
from pathlib import Path

from ...errors import VideoError
from ..picture_files import SUFFIXES

__all__ = ["Pictures", "find_pictures", "is_sequence", "pattern_of"]

_PLACE = re.compile(r"%(?:0(\d{1,2}))?d")
_NUMBERED = re.compile(r"(.*?)(\d+)")
_NAMED_GAPS = 3


@dataclass(frozen=True)
class Pictures:
    """The pictures of a sequence, in order."""

    name: str
    """What they are called in messages."""
    paths: tuple[Path, ...]
    numbers: tuple[int, ...]
    """By their names, rising; of a folder of other names from 0 on."""

    @property
    def step(self) -> int:
        """How far numbers are apart where nothing is missing."""
        return reduce(gcd, (b - a for a, b in pairwise(self.numbers)), 0) or 1

    @property
    def places(self) -> list[int]:
        """Which frame of the sequence each picture is, from 0; what is missing has a place."""
        return [(number - self.numbers[0]) // self.step for number in self.numbers]

    def gaps(self) -> str:
        """Which numbers have no picture, in words; empty if all have."""
        missing = [
            (before + self.step, after - self.step)
            for before, after in pairwise(self.numbers)
            if after - before > self.step
        ]
        if not missing:
            return ""
        count = sum((last - first) // self.step + 1 for first, last in missing)
        named = ", ".join(
            str(first) if first == last else f"{first} to {last}"
            for first, last in missing[:_NAMED_GAPS]
        )
        more = ", ..." if len(missing) > _NAMED_GAPS else ""
        pictures = "1 picture is" if count == 1 else f"{count} pictures are"
        return f"{pictures} missing, number {named}{more}"


def pattern_of(name: Path | str) -> tuple[str, int, str] | None:
    """A pattern's parts: what precedes the number, its least digits, what follows it.

    Args:
        name: A file's name with a place for a number, such as f%04d.png; None = it has none.

    >>> pattern_of("out/f%04d.png")
    ('f', 4, '.png')
    """
    file = Path(name).name
    found = list(_PLACE.finditer(file))
    if len(found) != 1:
        return None
    start, end = found[0].span()
    return file[:start], int(found[0][1] or 1), file[end:]


def is_sequence(name: Path | str) -> bool:
    """Whether a source is a sequence: a pattern of numbered pictures, or a folder."""
    path = Path(name)
    try:
        return path.is_dir() or (pattern_of(path) is not None and not path.exists())
    except OSError:
        return False


def find_pictures(name: Path | str) -> Pictures:
    """Find the pictures of a sequence.

    Args:
        name: A pattern such as f%04d.png, or a folder whose pictures are one sequence.

    Raises:
        VideoError: There are none, or those of several sequences.
    """
    path = Path(name)
    try:
        if path.is_dir():
            return _of_folder(path)
        return _of_pattern(path)
    except OSError as error:
        raise VideoError(f"cannot read the folder of {name}: {error.strerror}") from error


def _of_pattern(path: Path) -> Pictures:
    parts = pattern_of(path)
    assert parts is not None
    before, digits, after = parts
    if Path(after).suffix.lower() not in SUFFIXES and path.suffix.lower() not in SUFFIXES:
        raise VideoError(
            f"{path} is no pattern of pictures; they end in {', '.join(sorted(SUFFIXES))}"
        )
    if not path.parent.is_dir():
        raise VideoError(f"the folder {path.parent} does not exist; give one with pictures")
    name = re.compile(f"{re.escape(before)}(\\d{{{digits},}}){re.escape(after)}")
    found = []
    for each in path.parent.iterdir():
        number = name.fullmatch(each.name)
        # 00100 is no number of a pattern with four places.
        if number and (len(number[1]) == digits or number[1][0] != "0"):
            found.append((int(number[1]), each))
    if not found:
        raise VideoError(f"no picture fits the pattern {path}; give the name of one that does")
    return _sorted(str(path), found)


def _of_folder(folder: Path) -> Pictures:
    pictures = sorted(
        (each for each in folder.iterdir() if _is_shown(each)),
        key=lambda path: _in_words(path.name),
    )
    if not pictures:
        raise VideoError(f"the folder {folder} holds no picture; give a video or picture file")
    named = [(_NUMBERED.fullmatch(path.stem), path) for path in pictures]
    numbered = [(found[1], int(found[2]), path) for found, path in named if found]
    if len(numbered) < len(pictures):
        return _sorted(str(folder), list(enumerate(pictures)))
    kinds = sorted({(before, path.suffix.lower()) for before, _, path in numbered})
    if len(kinds) > 1:
        shown = ", ".join(f"{before}%d{suffix}" for before, suffix in kinds[:_NAMED_GAPS])
        raise VideoError(
            f"the folder {folder} holds several sequences ({shown}); give the pattern of one, such "
            f"as {folder / _example(kinds[0], numbered)}"
        )
    return _sorted(str(folder), [(number, path) for _, number, path in numbered])


def _example(kind: tuple[str, str], numbered: Sequence[tuple[str, int, Path]]) -> str:
    """A pattern that stands for pictures of a kind."""
    before, suffix = kind
    first = next(path for start, _, path in numbered if start == before)
    digits = len(first.stem) - len(before)
    return f"{before}%0{digits}d{suffix}"


def _is_shown(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _in_words(name: str) -> list[tuple[int, str]]:
    """A key by which 2 comes before 10."""
    parts = groupby(name.lower(), str.isdigit)
    joined = [("".join(letters), is_number) for is_number, letters in parts]
    return [
        (int(part), "") if is_number and part.isascii() else (0, part) for part, is_number in joined
    ]


def _sorted(name: str, found: Iterable[tuple[int, Path]]) -> Pictures:
    """Pictures by their numbers.

    Raises:
        VideoError: Two have one number.
    """
    ordered = sorted(found)
    for (one, first), (other, second) in pairwise(ordered):
        if one == other:
            raise VideoError(f"{first.name} and {second.name} have the same number; remove one")
    numbers, paths = zip(*ordered, strict=True)
    return Pictures(name, tuple(paths), tuple(numbers))
