"""Writes pictures: each is there whole or not at all, under the number of its frame."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import av
import numpy as np
import torch
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from ...errors import VideoError
from ...frames.colour import YUVCoding
from ...runtime.host import num_threads
from ..formats import read_alpha, read_planes
from ..picture_files import PictureFile, save_picture
from ..settings_tag import picture_tags
from ..timing import Shown
from .coding import PACKED
from .target_names import PictureNames

__all__ = ["PictureWriter"]

_THREADS = 4
_PARTIAL = ".partial"
_COMPRESS_LEVEL = 1
"""Of PNG: of a noisy 1080p picture 6, which is usual, takes five times as long, for 12% less."""


class PictureWriter:
    """Writes frames as pictures, several at a time. Use it in a `with` statement.

    Args:
        names: What they are called.
        coding: How frames that are not RGB are coded.
        deep: Whether pictures have 16 bits.
        turns: Quarter turns to the left by which frames are turned.
        multiplier: Pictures a frame of the source.
        settings: What they are restored with, for their metadata; None = not said.
        place_of: Which frame of the source is shown at a time, in units of the picture track.
        extras: What describes the picture at a place of the source.
        passed: Pictures that are there already, the first ones.
        store: What is done with a picture; None = it becomes a file.
    """

    def __init__(
        self,
        names: PictureNames,
        coding: YUVCoding,
        *,
        deep: bool,
        turns: int,
        multiplier: int,
        settings: str | None,
        place_of: Callable[[int], int],
        extras: Callable[[int], dict[str, Any]],
        passed: int = 0,
        store: Callable[[Path, PictureFile], None] | None = None,
    ) -> None:
        self.frames = 0
        """Pictures that are given to be written."""
        self.refused = 0
        self.source_frame = 0
        self._names, self._coding, self._deep = names, coding, deep
        self._turns, self._multiplier = turns, multiplier
        self._settings, self._place_of, self._extras = settings, place_of, extras
        self._left_out = passed
        self._store = store or _store
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="vsdeblur pictures")
        self._under_way: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True)

    def pass_frame(self, number: int) -> None:
        """See `Writer.pass_frame`."""
        self.frames += self._multiplier

    def write_frame(
        self, frame: av.VideoFrame, planes: Sequence[NDArray[np.generic]], shown: Shown
    ) -> None:
        """See `Writer.write_frame`.

        Raises:
            VideoError: One of the pictures before cannot be written.
        """
        index = self.frames
        self.frames += 1
        if index < self._left_out:
            return
        place = self._place_of(frame.pts or 0)
        alpha = None
        if frame.format.name not in PACKED:
            planes = [*planes, *read_planes(frame)[len(planes) :]]
            alpha = read_alpha(frame)
        copies = [np.array(plane) for plane in planes]
        path, extras = self._names.path(index, place), self._extras(place)
        self._under_way.append(self._pool.submit(self._write, path, copies, alpha, extras))
        while len(self._under_way) > 2 * _THREADS:
            self._under_way.popleft().result()

    def write_packet(self, packet: Packet[Stream]) -> None:
        """Pictures have no other tracks."""
        return

    def finish(self) -> None:
        """Wait until all is written.

        Raises:
            VideoError: A picture cannot be written.
        """
        while self._under_way:
            self._under_way.popleft().result()

    def _write(
        self,
        path: Path,
        planes: list[NDArray[np.generic]],
        alpha: NDArray[np.generic] | None,
        extras: dict[str, Any],
    ) -> None:
        with num_threads(1):
            pixels = planes[0] if planes[0].ndim == 3 else self._decoded(planes, alpha)
        extras = dict(extras)
        extras |= picture_tags(self._names.kind, extras.pop("texts", {}), self._settings)
        if self._names.kind == ".png":
            extras["compress_level"] = _COMPRESS_LEVEL
        pixels = _fitted(np.rot90(pixels, self._turns), deep=self._deep, suffix=self._names.kind)
        self._store(path, PictureFile(pixels, extras))

    def _decoded(
        self, planes: list[NDArray[np.generic]], alpha: NDArray[np.generic] | None
    ) -> NDArray[np.generic]:
        """Planes of YUV or grey as pixels, with 16 bits where those have more than 8."""
        cpu = torch.device("cpu")
        luma = self._coding.luma
        peak, dtype = (65535, np.uint16) if luma.bits > 8 else (255, np.uint8)
        if len(planes) == 1:
            colours = luma.decode(planes[0], cpu)
        else:
            colours = self._coding.decode(planes, cpu)
        numbers = (colours * peak).round_().clamp_(0, peak).permute(1, 2, 0).numpy()
        pixels = numbers.astype(dtype)
        if alpha is not None:
            most = (1 << luma.bits) - 1
            scaled = (alpha.astype(np.uint32) * peak + most // 2) // most
            pixels = np.dstack([pixels, scaled.astype(dtype)])
        return pixels[..., 0] if len(planes) == 1 else pixels


def _fitted(pixels: NDArray[np.generic], *, deep: bool, suffix: str) -> NDArray[np.generic]:
    """Pixels in what a format holds."""
    if pixels.dtype == np.uint16 and not deep:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if suffix in (".jpg", ".jpeg", ".bmp") and pixels.ndim == 3:
        return pixels[..., :3]
    return pixels


def _store(path: Path, picture: PictureFile) -> None:
    """Write a picture beside its place, and put it there."""
    partial = path.with_name(f".{path.stem}.{uuid4().hex[:8]}{_PARTIAL}{path.suffix}")
    try:
        save_picture(picture, path, partial)
        os.replace(partial, path)
    except OSError as error:
        raise VideoError(f"cannot write {path}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
