"""Frames of a video file by number, the same ones as decoding it from the beginning gives.

A pass over the packets, without decoding, lists the times of all frames and the keyframes. To
read frames, decoding starts at the keyframe before them, and each frame is known by its time. If
it is not the one expected (seeking is inexact in some containers), decoding starts earlier.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...errors import DataError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

__all__ = ["VideoFile"]

_FULL_RANGE, _LIMITED_RANGE = 2, 1  # AVCOL_RANGE_JPEG, AVCOL_RANGE_MPEG
_UNKNOWN_MATRIX = 2  # AVCOL_SPC_UNSPECIFIED


@dataclass(frozen=True)
class FrameTimes:
    """When the frames of a file are shown, in units of its time base."""

    frames: tuple[int, ...]
    """Of each frame, rising."""
    keyframes: tuple[int, ...]
    """Of those that can be decoded on their own, rising."""


@dataclass(frozen=True, eq=False)
class VideoFile:
    """A video file; see `FrameSource`. Files are opened when frames are read, by each process."""

    path: Path

    def check(self) -> None:
        """Open the file and close it; DataError if it has no video."""
        container, _ = _open(self.path)
        container.close()

    @property
    def count(self) -> int:
        """Frames that can be decoded; DataError if there are none."""
        return len(self._times.frames)

    def read(self, start: int, stop: int) -> Tensor:
        """Read frames `start` to `stop - 1`: (N, 3, H, W) uint8 RGB.

        They are as stored: a rotation that a player would apply is not.

        Raises:
            DataError: One of them cannot be decoded, or they differ in size.
        """
        for decoder in self._decoders(start):
            frames = decoder.take(self._times.frames[start:stop])
            if frames is not None:
                decoder.next_frame = stop
                _current.decoder = decoder
                return torch.stack(frames)
            decoder.close()
        raise DataError(
            f"frames {start} to {stop - 1} of {str(self.path)!r} cannot be decoded, or differ in "
            "size; the file is damaged: remove it from the dataset"
        )

    def _decoders(self, start: int) -> Iterator[_Decoder]:
        """Decoders from which frame `start` may be had, the quickest first."""
        times = self._times
        key = bisect_right(times.keyframes, times.frames[start])
        last = _current.taken()
        if last and self._is_ahead(last, start, times.keyframes[:key]):
            yield last
        elif last:
            last.close()
        for seek_time in [*times.keyframes[:key][-2:][::-1], None]:
            yield _Decoder(self.path, seek_time)

    def _is_ahead(self, decoder: _Decoder, start: int, keyframes: tuple[int, ...]) -> bool:
        """Whether frame `start` is reached sooner by decoding on than from its keyframe."""
        if decoder.path != self.path or decoder.next_frame > start:
            return False
        return not keyframes or self._times.frames[decoder.next_frame] >= keyframes[-1]

    @cached_property
    def _times(self) -> FrameTimes:
        times = _scan(self.path)
        if not times.frames:
            raise DataError(f"{str(self.path)!r} has no frames; remove it from the dataset")
        return times


class _Decoder:
    """A pass over a file from a keyframe on; None = from the beginning."""

    def __init__(self, path: Path, seek_time: int | None) -> None:
        self.path = path
        self.next_frame = 0
        """Number of the frame that comes next; known once frames were taken."""
        self.process = os.getpid()
        self._container, stream = _open(path)
        # Threads would not live on in a forked process, and loaders run one process a core.
        stream.codec_context.thread_count = 1
        self._stream = stream
        self._seek_time = seek_time
        self._frames = self._decode()

    def _decode(self) -> Iterator[av.VideoFrame]:
        if self._seek_time is not None:
            self._container.seek(self._seek_time, stream=self._stream)
        yield from self._container.decode(self._stream)

    def take(self, times: tuple[int, ...]) -> list[Tensor] | None:
        """The frames shown at these times, in a row; None if one does not come."""
        import av

        taken: list[Tensor] = []
        try:
            for frame in self._frames:
                if frame.pts is not None and frame.pts < times[0]:
                    continue
                if frame.pts != times[len(taken)] or frame.is_corrupt:
                    return None
                taken.append(_rgb(frame))
                if taken[-1].shape != taken[0].shape:
                    return None
                if len(taken) == len(times):
                    return taken
        except (av.FFmpegError, OSError):
            return None
        return None

    def close(self) -> None:
        self._container.close()


class _Current(threading.local):
    """The decoder used last, one a thread: the next group of a video mostly follows the last."""

    decoder: _Decoder | None = None

    def taken(self) -> _Decoder | None:
        """Hand it out; it is not kept."""
        decoder, self.decoder = self.decoder, None
        # After a fork the position in the file is shared with the other process.
        return decoder if decoder and decoder.process == os.getpid() else None


_current = _Current()


def _scan(path: Path) -> FrameTimes:
    """List the frames of a file by reading its packets."""
    import av

    container, stream = _open(path)
    frames, keyframes, decodable_from = [], [], None
    with container:
        try:
            for packet in container.demux(stream):
                if not packet.size:  # only flushes the decoder
                    continue
                if packet.pts is None:
                    raise DataError(
                        f"{str(path)!r} does not say when its frames are shown; rewrite it with "
                        "ffmpeg -fflags +genpts -i FILE -c copy NEW.mkv"
                    )
                if packet.is_keyframe and decodable_from is None:
                    decodable_from = packet.pts
                if packet.is_discard:  # cut away by an edit list: decoded, but not shown
                    continue
                frames.append(packet.pts)
                if packet.is_keyframe:
                    keyframes.append(packet.pts)
        except (av.FFmpegError, OSError) as error:
            raise DataError(f"{str(path)!r} is damaged: {_reason(error)}") from error
    # Frames before the first keyframe refer to some that were cut away.
    first = bisect_left(sorted(frames), decodable_from) if decodable_from is not None else 0
    return FrameTimes(tuple(sorted(frames)[first:]), tuple(sorted(keyframes)))


def _open(path: Path) -> tuple[InputContainer, av.VideoStream]:
    import av
    from av.stream import Disposition

    try:
        # An absolute path: FFmpeg would read "a:b.mp4" as protocol a.
        container = av.open(str(path.resolve()), "r")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DataError(f"cannot open {str(path)!r} as a video: {_reason(error)}") from error
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return container, stream
    container.close()
    raise DataError(f"{str(path)!r} has no video track; remove it from the dataset")


def _rgb(frame: av.VideoFrame) -> Tensor:
    """(3, H, W) uint8."""
    if frame.format.is_rgb:
        converted = frame.reformat(format="rgb24", threads=1)
    else:
        full = frame.format.name.startswith("yuvj") or frame.color_range == _FULL_RANGE
        # What a file leaves open is, by custom, BT.709 in high definition and BT.601 below.
        guess = frame.colorspace == _UNKNOWN_MATRIX and max(frame.height, frame.width) >= 1280
        converted = frame.reformat(
            format="rgb24",
            src_colorspace="ITU709" if guess else None,
            src_color_range=_FULL_RANGE if full else _LIMITED_RANGE,
            threads=1,
        )
    return torch.from_numpy(converted.to_ndarray()).permute(2, 0, 1).contiguous()


def _reason(error: BaseException) -> str:
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())
