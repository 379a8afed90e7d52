"""What is known of a source's picture track before it is read on."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

from ..errors import VideoError
from .formats import is_full_range
from .source import named

__all__ = [
    "SourceFacts",
    "as_fraction",
    "facts_of",
    "frame_rate",
    "has_clock_jumps",
    "picture_track",
    "seconds_a_unit",
]


_CLOCK_JUMPS: int = 0x0200
"""FFmpeg's flag of a format whose times may be discontinuous."""


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
    deinterlaced: bool = False
    """Whether pictures are made of its fields before they are given out."""
    field_order: int = 0
    """Which field comes first, as FFmpeg counts it; 0 or 1 = progressive or unknown."""

    @property
    def interlaced(self) -> bool:
        """Whether frames that are given out are interlaced, as far as the first one tells."""
        return bool(self.first.interlaced_frame) and not self.deinterlaced

    @property
    def becomes_yuv(self) -> bool:
        """Whether the video is RGB or alike, which `convert_frame` turns to limited BT.709."""
        return self.first.format.is_rgb or self.first.format.has_palette

    @property
    def full_range(self) -> bool:
        """Whether the luma to restore uses all code values."""
        return not self.becomes_yuv and is_full_range(self.pixel_format, self.first.color_range)


def picture_track(path: Path | str, container: InputContainer) -> av.VideoStream:
    """The track to restore: the default one, or the first that is no cover picture.

    Raises:
        VideoError: There is none.
    """
    tracks = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not tracks:
        others = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise VideoError(f"{named(path)} has no video track, only {others}; give a file with video")
    decodable = [stream for stream in tracks if stream.codec_context is not None]
    if not decodable:
        raise VideoError(
            f"the video track of {named(path)} is of a codec that FFmpeg does not know or not "
            "decode; convert it first"
        )
    default = [stream for stream in decodable if stream.disposition & Disposition.default]
    return (default or decodable)[0]


def facts_of(
    container: InputContainer,
    stream: av.VideoStream,
    first: av.VideoFrame,
    pixel_shape: Fraction = Fraction(0),
) -> SourceFacts:
    """What is known once the first frame is decoded.

    Args:
        container: The source.
        stream: Its picture track.
        first: The first frame.
        pixel_shape: Width of its pixels to their height, where frames have their own; 0 = they
            have that of the track.
    """
    return SourceFacts(
        width=first.width,
        height=first.height,
        pixel_format=first.format.name,
        frame_rate=frame_rate(stream),
        time_base=seconds_a_unit(stream),
        sample_aspect_ratio=pixel_shape or as_fraction(stream.sample_aspect_ratio) or Fraction(0),
        frames_expected=_expected(container, stream),
        first=first,
        field_order=stream.codec_context.field_order,
    )


def has_clock_jumps(container: InputContainer) -> bool:
    """Whether a source's clock may jump: it was broadcast, or cut from what was."""
    return bool(container.format.flags & _CLOCK_JUMPS)


def frame_rate(stream: av.VideoStream) -> Fraction:
    """Frames a second, average; 25 where nothing says."""
    rate = as_fraction(stream.average_rate) or as_fraction(stream.guessed_rate) or Fraction(25)
    return rate if 0 < rate <= 100_000 else Fraction(25)


def seconds_a_unit(stream: Stream) -> Fraction:
    """The time base of a track."""
    return as_fraction(stream.time_base) or Fraction(1, 90_000)


def _expected(container: InputContainer, stream: av.VideoStream) -> int | None:
    rate = frame_rate(stream)
    if stream.frames:
        return stream.frames
    if stream.duration:
        return round(stream.duration * seconds_a_unit(stream) * rate)
    if container.duration and container.duration > 0:
        return round(Fraction(container.duration, av.time_base) * rate)
    return None


def as_fraction(rational: _Rational | None) -> Fraction | None:
    """A number of PyAV's; None = it is 0, or not known."""
    if rational is None or not rational.numerator or not rational.denominator:
        return None
    return Fraction(rational.numerator, rational.denominator)
