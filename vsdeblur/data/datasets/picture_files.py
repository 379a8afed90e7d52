"""Videos stored as folders of pictures, one file a frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...errors import DataError
from .layout import Layout, natural_key

__all__ = ["PicturePairs", "pair_files", "pair_folders", "picture_files", "read_picture"]

SUFFIXES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class PicturePairs:
    """A video whose blurred and sharp frames are picture files; see `PairedVideo`."""

    name: str
    blurred_files: tuple[Path, ...]
    sharp_files: tuple[Path, ...]
    """As many; file i is the partner of blurred file i."""

    def __len__(self) -> int:
        """Blurred frames."""
        return len(self.blurred_files)

    def blurred(self, index: int) -> Tensor:
        """A blurred frame: (3, H, W) uint8 RGB; DataError if it cannot be read."""
        return self._frame(self.blurred_files[index])

    def sharp(self, index: int) -> Tensor:
        """Its sharp partner; same shape."""
        return self._frame(self.sharp_files[index])

    def moments(self, index: int) -> None:
        """None: there is one sharp frame an exposure."""

    def check_first(self) -> None:
        """Compare the sizes of the first pair, by their headers; DataError if they differ."""
        self._check_size(self.sharp_files[0], _size_of(self.sharp_files[0]))

    @cached_property
    def _size(self) -> tuple[int, int]:
        return _size_of(self.blurred_files[0])

    def _frame(self, file: Path) -> Tensor:
        frame = read_picture(file)
        self._check_size(file, (frame.shape[2], frame.shape[1]))
        return frame

    def _check_size(self, file: Path, size: tuple[int, int]) -> None:
        if size != self._size:
            raise DataError(
                f"{str(file)!r} is {size[0]}x{size[1]}, but {str(self.blurred_files[0])!r} is "
                f"{self._size[0]}x{self._size[1]}; all frames of a video must have one size"
            )


def picture_files(folder: Path) -> list[Path]:
    """Pictures in a folder, sorted naturally by name; none where `folder` is not one."""
    if not folder.is_dir():
        return []
    # Archives from macOS carry hidden "._" files with the suffix of a picture.
    files = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] != "."]
    return sorted(files, key=lambda p: natural_key(p.name))


def read_picture(file: Path) -> Tensor:
    """Read a picture: (3, H, W) uint8 RGB.

    Raises:
        DataError: The file is missing, or no whole picture.
    """
    try:
        with Image.open(file) as image:
            pixels = np.array(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:  # Pillow raises all three on damaged files
        raise _unreadable(file, error) from error
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def pair_folders(folders: Iterable[tuple[str, Path, Path]], layout: Layout) -> list[PicturePairs]:
    """Pair the pictures of folders, by file name.

    Args:
        folders: Name of a video, its folder of blurred pictures, its folder of sharp ones.
        layout: For errors.

    Returns:
        The videos, in the order given. Of the pictures, only the headers of the first pair are
        read.

    Raises:
        DataError: A folder has no pictures, a picture has no partner, or the first pair differs
            in size or cannot be read.
    """
    videos = []
    for name, blurred, sharp in folders:
        sides = [picture_files(blurred), picture_files(sharp)]
        for folder, files in zip((blurred, sharp), sides, strict=True):
            if not files:
                raise layout.error(folder, "no pictures")
        videos.append(pair_files(name, sides[0], sides[1]))
    if videos:
        videos[0].check_first()
    return videos


def pair_files(name: str, blurred: list[Path], sharp: list[Path]) -> PicturePairs:
    """Pair pictures by file name; each list is of one folder and not empty.

    Raises:
        DataError: A picture has no partner; the text names both files.
    """
    for files, others, kind in ((blurred, sharp, "sharp"), (sharp, blurred, "blurred")):
        names = {p.name for p in others}
        alone = [p for p in files if p.name not in names]
        if alone:
            partner = others[0].parent / alone[0].name
            raise DataError(
                f"{str(alone[0])!r} has no {kind} partner {str(partner)!r} ({len(alone)} of "
                f"{len(files)} have none); unpack the dataset again, or remove the video"
            )
    return PicturePairs(name, tuple(blurred), tuple(sharp))


def _size_of(file: Path) -> tuple[int, int]:
    """Width and height, from the header."""
    try:
        with Image.open(file) as image:
            return image.size
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> DataError:
    return DataError(f"cannot read {str(file)!r} as a picture: {error}")
