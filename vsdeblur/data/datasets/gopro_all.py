"""GOPRO_Large_all: the sharp 240 frames/s frames behind GOPRO_Large; see `gopro`.

Blurred frames are averages, made when asked for. Groups start at the first frame of a sequence
and follow one another; in some sequences GOPRO_Large itself starts a few frames off, so frame i
need not be the same moment there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zlib import crc32

import torch
from torch import Tensor

from ...errors import DataError
from .averaging import ENCODED, GAMMA, AveragedVideo
from .base import DatasetKind
from .layout import Layout, subfolders
from .picture_files import picture_files, read_picture

__all__ = ["GOPRO_ALL", "GOPRO_ALL_7", "GOPRO_ALL_GAMMA", "open_gopro_all"]

LAYOUT = Layout(
    title="GOPRO_Large_all (Nah et al. 2017)",
    text="{train,test}/SEQUENCE/*.png",
    url="https://seungjunnah.github.io/Datasets/gopro",
)
GROUP_SIZES = (7, 9, 11, 13)
"""Frames averaged, as in GOPRO_Large: 7 to 13, odd."""


@dataclass(frozen=True, eq=False)
class PictureSequence:
    """Sharp frames as picture files; see `FrameSource`."""

    files: tuple[Path, ...]

    @property
    def count(self) -> int:
        """Frames."""
        return len(self.files)

    def read(self, start: int, stop: int) -> Tensor:
        """Read frames: (N, 3, H, W) uint8; DataError if one is damaged or of another size."""
        frames = [read_picture(file) for file in self.files[start:stop]]
        for file, frame in zip(self.files[start:stop], frames, strict=True):
            if frame.shape != frames[0].shape:
                raise DataError(
                    f"{str(file)!r} is {frame.shape[2]}x{frame.shape[1]}, but "
                    f"{str(self.files[start])!r} is {frames[0].shape[2]}x{frames[0].shape[1]}; "
                    "all frames of a video must have one size"
                )
        return torch.stack(frames)


def open_gopro_all(
    folder: Path, split: str, *, gamma: float = ENCODED, num_frames: int | None = None
) -> list[AveragedVideo]:
    """Open a split of GOPRO_Large_all.

    Args:
        folder: The dataset's folder, or the one above it.
        split: "train" or "test".
        gamma: `ENCODED` averages stored values, as `blur` in GOPRO_Large; `GAMMA` linear light,
            as `blur_gamma`.
        num_frames: Sharp frames a blurred one, odd and at least 7. None = the authors' number,
            which is in the name: `yy` in GOPRxxxx_yy_zz (issue 59 of
            SeungjunNah/DeepDeblur_release); for other names, 7 to 13 as the name decides.

    Raises:
        DataError: The folder is not as expected, or a sequence is too short.
    """
    root = LAYOUT.find(folder, split, f"GOPRO_Large_all/{split}")
    videos = []
    for sequence in subfolders(root):
        files = picture_files(sequence)
        if not files:
            raise LAYOUT.error(sequence, "no pictures")
        size = num_frames or _group_size(sequence.name)
        videos.append(AveragedVideo(sequence.name, PictureSequence(tuple(files)), size, gamma))
    if not videos:
        raise LAYOUT.error(root, "no sequences")
    for video in videos:
        len(video)  # says so if it is too short
    return videos


def _group_size(name: str) -> int:
    authors = re.search(r"_(\d\d)_\d\d$", name)
    if authors and int(authors[1]) in GROUP_SIZES:
        return int(authors[1])
    return GROUP_SIZES[crc32(name.encode()) % len(GROUP_SIZES)]


def _kind(name: str, how: str, gamma: float, num_frames: int | None) -> DatasetKind:
    return DatasetKind(
        name=name,
        title=f"{LAYOUT.title}, {how}",
        url=LAYOUT.url,
        layout=LAYOUT.text,
        open=partial(open_gopro_all, gamma=gamma, num_frames=num_frames),
    )


GOPRO_ALL = _kind("gopro-all", "7 to 13 frames averaged as stored", ENCODED, None)
GOPRO_ALL_GAMMA = _kind("gopro-all-gamma", "7 to 13 frames averaged in linear light", GAMMA, None)
GOPRO_ALL_7 = _kind("gopro-all-7", "7 frames averaged as stored (paper 002)", ENCODED, 7)
