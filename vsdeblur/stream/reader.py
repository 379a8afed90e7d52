"""Reads a video file: the frames of its picture track, the packets of all else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from ..errors import VideoError
from .formats import convert_frame, is_full_range, plain_name

__all__ = ["Reader", "SourceFacts", "one_line"]

_MAX_LOST_IN_A_ROW = 8
"""Packets in a row that may fail to decode before the file is given up."""

log = logging.getLogger("vsdeblur")


class _Rational(Protocol):
    """PyAV's own rational type."""

    @property
    def numerator(self) -> int: ...
    @property
    def denominator(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """What is known of the picture track before it is read."""

    width: int
    height: int
    pixel_format: str
    """FFmpeg's name of the decoder's format."""
    frame_rate: Fraction
    """Frames a second, average; the true times are in each frame's pts."""
    time_base: Fraction
    """Seconds a unit of pts."""
    sample_aspect_ratio: Fraction
    """Width of a pixel to its height; 0 = the file does not say."""
    frames_expected: int | None
    """By the file's header; it may be wrong."""
    first: av.VideoFrame
    """The first frame, for its colour properties and side data."""

    @property
    def becomes_yuv(self) -> bool:
        """Whether the video is RGB or alike, which `convert_frame` turns to limited BT.709."""
        return self.first.format.is_rgb or self.first.format.has_palette

    @property
    def full_range(self) -> bool:
        """Whether the luma to restore uses all code values."""
        return not self.becomes_yuv and is_full_range(self.pixel_format, self.first.color_range)


class Reader:
    """An open video file. Use it in a `with` statement; iterate it once, in any thread."""

    def __init__(self, path: Path) -> None:
        """Open a file and look at its first frame.

        Raises:
            VideoError: It cannot be read, has no picture track, or no frame of it decodes.
        """
        self.path = path
        self.facts = _probe(path)
        self.frames = 0
        """Frames decoded so far."""
        self.lost = 0
        """Packets that failed to decode."""
        self._packets_in = 0
        self.working_format = self.facts.pixel_format
        """Format in which frames are delivered."""
        self._lost_in_a_row = 0
        self._last_pts: int | None = None
        self._times_mended = False
        self.container = _open(path)
        self.stream = _picture_track(path, self.container)
        self.stream.thread_type = "AUTO"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.container.close()

    def __iter__(self) -> Iterator[av.VideoFrame | Packet[Stream]]:
        """Yield frames of the picture track and packets of the others, in file order.

        Raises:
            VideoError: The file is too damaged, or its picture size or format changes.
        """
        try:
            for packet in self._packets():
                if packet.stream.index == self.stream.index:
                    yield from self._frames(packet)
                elif packet.size:  # those without content only flush decoders
                    yield packet
        except (av.FFmpegError, OSError) as error:
            raise VideoError(
                f"cannot read on in {self.path} after frame {self.frames}: {one_line(error)}"
            ) from error
        # Of errors while the decoder is emptied PyAV tells nothing; so count.
        lost = max(self.lost, self._packets_in - self.frames)
        if lost:
            log.warning("%s: %d damaged packet(s) gave no picture and are lost", self.path, lost)

    def _packets(self) -> Iterator[Packet[Stream]]:
        while True:
            try:
                yield from self.container.demux()
            except av.InvalidDataError as error:
                self._lose(error)
            else:
                return

    def _frames(self, packet: Packet[Stream]) -> Iterator[av.VideoFrame]:
        self._packets_in += bool(packet.size and not packet.is_discard)
        try:
            decoded = self.stream.decode(packet)
        except av.InvalidDataError as error:
            if packet.size:
                self._lose(error)
            return
        for frame in decoded:
            self._lost_in_a_row = 0
            self._check(frame)
            self._stamp(frame)
            self.frames += 1
            yield convert_frame(frame, self.working_format)

    def _lose(self, error: av.FFmpegError) -> None:
        self.lost += 1
        self._lost_in_a_row += 1
        if self._lost_in_a_row > _MAX_LOST_IN_A_ROW:
            raise VideoError(
                f"{self.path} is damaged after frame {self.frames}: {self._lost_in_a_row} packets "
                "in a row cannot be decoded; cut the file before that place"
            ) from error

    def _check(self, frame: av.VideoFrame) -> None:
        """Refuse a change that the encoder, once started, could not follow."""
        facts = self.facts
        if (frame.width, frame.height) != (facts.width, facts.height):
            raise VideoError(
                f"the picture size changes from {facts.width}x{facts.height} to {frame.width}x"
                f"{frame.height} at frame {self.frames} of {self.path}; one size a file can be "
                "restored: cut the file there"
            )
        if plain_name(frame.format.name) != plain_name(facts.pixel_format):
            raise VideoError(
                f"the pixel format changes from {facts.pixel_format} to {frame.format.name} at "
                f"frame {self.frames} of {self.path}; one format a file can be restored: cut the "
                "file there"
            )

    def _stamp(self, frame: av.VideoFrame) -> None:
        """Give the frame a time later than the last one's."""
        step = max(1, round(1 / (self.facts.frame_rate * self.facts.time_base)))
        last = self._last_pts
        if frame.pts is None:
            frame.pts = frame.dts
        if frame.pts is None:
            frame.pts = 0 if last is None else last + step
        if last is not None and frame.pts <= last:
            frame.pts = last + 1
            if not self._times_mended:
                log.warning("%s: frame times that do not rise are moved up", self.path)
            self._times_mended = True
        if not frame.duration:
            frame.duration = step
        frame.time_base = self.facts.time_base
        self._last_pts = frame.pts


def one_line(error: BaseException) -> str:
    """What FFmpeg or the system says of an error, without its number and file name."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())


def _open(path: Path) -> InputContainer:
    try:
        # An absolute path: FFmpeg would read "a:b.mp4" as protocol a.
        return av.open(str(path.resolve()), "r")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(
            f"cannot open {path}: {one_line(error)}; it is not a video file, or its beginning or "
            "its index is damaged"
        ) from error


def _picture_track(path: Path, container: InputContainer) -> av.VideoStream:
    tracks = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not tracks:
        others = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise VideoError(f"{path} has no video track, only {others}; give a file with video")
    default = [stream for stream in tracks if stream.disposition & Disposition.default]
    return (default or tracks)[0]


def _probe(path: Path) -> SourceFacts:
    with _open(path) as container:
        stream = _picture_track(path, container)
        first = _first_frame(path, container, stream)
        rate = _fraction(stream.average_rate) or _fraction(stream.guessed_rate) or Fraction(25)
        time_base = _fraction(stream.time_base) or Fraction(1, 90_000)
        return SourceFacts(
            width=first.width,
            height=first.height,
            pixel_format=first.format.name,
            frame_rate=rate,
            time_base=time_base,
            sample_aspect_ratio=_fraction(stream.sample_aspect_ratio) or Fraction(0),
            frames_expected=_expected(container, stream, rate, time_base),
            first=first,
        )


def _first_frame(path: Path, container: InputContainer, stream: av.VideoStream) -> av.VideoFrame:
    failures = 0
    packets = container.demux(stream)
    while failures <= _MAX_LOST_IN_A_ROW:
        try:
            for packet in packets:
                for frame in packet.decode():
                    return frame
            break
        except (av.FFmpegError, OSError):
            failures += 1
    raise VideoError(f"no picture of {path} can be decoded; the file is damaged or cut short")


def _expected(
    container: InputContainer, stream: av.VideoStream, rate: Fraction, time_base: Fraction
) -> int | None:
    if stream.frames:
        return stream.frames
    if stream.duration:
        return round(stream.duration * time_base * rate)
    if container.duration:
        return round(Fraction(container.duration, av.time_base) * rate)
    return None


def _fraction(rational: _Rational | None) -> Fraction | None:
    if rational is None or not rational.numerator or not rational.denominator:
        return None
    return Fraction(rational.numerator, rational.denominator)
