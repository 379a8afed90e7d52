"""The places of a set where a restorer wins and loses most."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappush, heappushpop

import torch
from torch import Tensor
from torch.nn import functional as F

from ..frame_pictures import FramePictures
from ..metrics.fidelity import MAX_PSNR
from .images import data_uri, image_of, middle_picture

__all__ = ["Crops", "ShownCrop"]

NUM_BEST = 3
CROP_SIZE = 192
"""Height and width of a crop in pixels, where the frame is large enough."""


@dataclass(frozen=True, kw_only=True)
class ShownCrop:
    """A part of a frame in its three states, pixel for pixel."""

    video: str
    index: int
    left: int
    top: int
    size: int
    """Height and width in pixels."""
    input_psnr: float
    """Luma PSNR within the crop, dB."""
    restored_psnr: float
    images: Mapping[str, str]
    """"blurred", "restored", "sharp" -> data: URI."""


class Crops:
    """Keeps the crops whose squared error of luma fell most, and the one where it rose most.

    Crops overlap by half. No video has more than one of the best.
    """

    def __init__(self) -> None:
        self._best: list[_Candidate] = []  # a heap: the least of them first
        self._worst: _Candidate | None = None
        self._best_of_video: _Candidate | None = None

    def see(self, video: str, index: int, frame: FramePictures) -> None:
        """Look at a frame; a video's frames come one after the other."""
        if self._best_of_video is not None and self._best_of_video.video != video:
            self._close_video()
        errors = _tile_errors(frame)
        fall = (errors[0] - errors[1]).flatten()
        best, worst = int(fall.argmax()), int(fall.argmin())
        if self._best_of_video is None or float(fall[best]) > self._best_of_video.fall:
            self._best_of_video = _candidate(video, index, best, errors, frame)
        if self._worst is None or float(fall[worst]) < self._worst.fall:
            self._worst = _candidate(video, index, worst, errors, frame)

    def best(self) -> list[ShownCrop]:
        """The crops that won most, the best first."""
        self._close_video()
        return [candidate.shown() for candidate in sorted(self._best, reverse=True)]

    def worst(self) -> ShownCrop | None:
        """The crop that won least or lost most; None before any frame."""
        return None if self._worst is None else self._worst.shown()

    def _close_video(self) -> None:
        candidate, self._best_of_video = self._best_of_video, None
        if candidate is None:
            return
        if len(self._best) < NUM_BEST:
            heappush(self._best, candidate)
        else:
            heappushpop(self._best, candidate)


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    video: str
    index: int
    left: int
    top: int
    errors: tuple[float, float]
    """Mean squared error of luma, blurred and restored."""
    pictures: tuple[Tensor, ...]
    """Blurred, restored, sharp: (C, size, size) uint8 on the CPU."""

    @property
    def fall(self) -> float:
        return self.errors[0] - self.errors[1]

    def __lt__(self, other: _Candidate) -> bool:
        return self.fall < other.fall

    def shown(self) -> ShownCrop:
        before, after = (_psnr(error) for error in self.errors)
        uris = [data_uri(image_of(picture), quality=95) for picture in self.pictures]
        return ShownCrop(
            video=self.video,
            index=self.index,
            left=self.left,
            top=self.top,
            size=self.pictures[0].shape[-1],
            input_psnr=before,
            restored_psnr=after,
            images=dict(zip(("blurred", "restored", "sharp"), uris, strict=True)),
        )


def _tile_errors(frame: FramePictures) -> Tensor:
    """(2, rows, columns): mean squared error of luma in tiles, blurred and restored."""
    middle = len(frame.sharp.luma) // 2
    states = torch.stack([frame.blurred.luma[0], frame.restored.luma[middle]])
    size, stride = _tiling(frame)
    return F.avg_pool2d((states - frame.sharp.luma[middle]).square(), size, stride)[:, 0].cpu()


def _tiling(frame: FramePictures) -> tuple[int, int]:
    """Size of tiles and the distance between them, in pixels."""
    size = min(CROP_SIZE, *frame.sharp.luma.shape[-2:])
    return size, max(size // 2, 1)


def _candidate(
    video: str, index: int, tile: int, errors: Tensor, frame: FramePictures
) -> _Candidate:
    size, stride = _tiling(frame)
    row, column = divmod(tile, errors.shape[-1])
    top, left = row * stride, column * stride
    crops = [middle_picture(state)[:, top : top + size, left : left + size] for state in frame]
    return _Candidate(
        video=video,
        index=index,
        left=left,
        top=top,
        errors=(float(errors[0, row, column]), float(errors[1, row, column])),
        pictures=tuple(crop.byte().cpu() for crop in crops),
    )


def _psnr(error: float) -> float:
    return min(MAX_PSNR, 10 * math.log10(255**2 / max(error, 1e-12)))
