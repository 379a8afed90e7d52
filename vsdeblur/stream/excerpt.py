"""A part of a source: the frames from one place on, for a length, and what belongs to them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.container import InputContainer

from ..errors import OptionError, VideoError
from .account import clock_time
from .events import End, Event, Picture, TrackPacket
from .facts import frame_rate, seconds_a_unit
from .positions import Position, later_timecode
from .promise import Promise
from .track_parts import TrackParts

if TYPE_CHECKING:
    from av.container.core import Chapter  # which is of the stubs alone

__all__ = ["ALL", "Excerpt", "ExcerptRequest"]

_ROUNDED = Fraction(1, 1000)
"""Seconds by which times are rounded, in Matroska and where people write them."""
_BEHIND = Fraction(10)
"""Seconds after the end in which packets of other tracks are waited for that belong before it."""


@dataclass(frozen=True)
class ExcerptRequest:
    """Which part is wanted."""

    start: Position | None = None
    """None = from the beginning."""
    duration: Position | None = None
    """None = to the end."""

    def __post_init__(self) -> None:
        if self.duration is not None and not (self.duration.seconds or self.duration.frames):
            raise OptionError("--duration 0 is nothing; give a time, or a number of frames (250f)")

    @property
    def is_all(self) -> bool:
        """Whether the whole source is wanted."""
        return self.start is None and self.duration is None

    def promise(self, whole: Promise) -> Promise:
        """What a source promises of this part; frames are then not counted any more."""
        end = whole.end if self.duration is None else None
        picture_end = whole.picture_end if self.duration is None else None
        return replace(whole, frames=None, end=end, picture_end=picture_end)


ALL = ExcerptRequest()
"""All there is."""


class Excerpt:
    """Cuts a stream of events: its first frame is at 0, and all tracks begin and end with it.

    The frames around it are given out too, as far as windows need them: before 0, and from `end`
    on.

    Args:
        request: Which part.
        events: All that comes, in order.
        stream: The picture track.
        radius: Frames that are wanted before and after.
    """

    def __init__(
        self, request: ExcerptRequest, events: Iterator[Event], stream: av.VideoStream, radius: int
    ) -> None:
        self._request, self._events, self._radius = request, events, radius
        self._stream = stream
        self._unit = seconds_a_unit(stream)
        self._margin = min(_ROUNDED, 1 / frame_rate(stream) / 4)
        self._parts = TrackParts()
        self._before: deque[Picture] = deque(maxlen=radius)
        self._first: Picture | None = None
        self.frames_before = 0
        """Frames that came before the first one."""
        self.origin = Fraction(0)
        """When the first frame is shown, in seconds of the source; known after `find`."""
        self.end: Fraction | None = None
        """When the first frame is shown that is not wanted any more, in seconds from `origin`;
        None = it has not come."""
        self.ended_early = False
        """Whether the source ended before the part that is wanted did."""

    def find(self, name: str) -> None:
        """Read up to the first frame.

        Args:
            name: What the source is called in messages.

        Raises:
            VideoError: There is none there.
        """
        last = Fraction(0)
        for event in self._events:
            if isinstance(event, TrackPacket):
                self._parts.hold(event)
            elif isinstance(event, Picture):
                if self._is_start(event):
                    self._first, self.origin = event, event.time
                    self._parts.begin(event.time, self._length)
                    return
                last = event.time
                self._before.append(event)
                self.frames_before += 1
                self._parts.forget(event.time)
        start = self._request.start
        is_number = start is not None and start.frames is not None
        at = f"number {self.frames_before - 1}" if is_number else f"at {clock_time(last)}"
        raise VideoError(
            f"there is nothing of {name} from {start} on: its last frame is {at}; give an earlier "
            "--start"
        )

    def __iter__(self) -> Iterator[Event]:
        """Yield what belongs to the part, its times counted from the first frame on."""
        assert self._first is not None, "find it first"
        for picture in self._before:
            yield self._moved(picture)
        frames, after = 1, 0
        yield self._moved(self._first)
        last = self._first
        for event in self._events:
            if isinstance(event, TrackPacket):
                self._parts.hold(event)
                yield from self._parts.due()
                if self.end is not None and after >= self._radius and self._parts.are_over:
                    return
            elif isinstance(event, Picture):
                last = event
                if self.end is None and self._is_end(event, frames):
                    self.end = event.time - self.origin
                    self._parts.finish(event.time)
                if self.end is None:
                    frames += 1
                    self._parts.come_to(event.time)
                    yield self._moved(event)
                elif after < self._radius:
                    after += 1
                    yield self._moved(event)
                yield from self._parts.due()
                if after >= self._radius and self._is_behind(event):
                    return
            elif isinstance(event, End):
                self.ended_early = self.end is None and self._request.duration is not None
                self._parts.finish(max(event.time, last.time) + 1)
                yield from self._parts.due()
                yield event
            else:
                yield event

    def wants(self, pts: int | Fraction) -> bool:
        """Whether a frame belongs to the part, by its time in units of the picture track."""
        end = self.end
        return pts >= 0 and (end is None or pts < round(end / self._unit))

    def frames_expected(self, all_frames: int | None) -> int | None:
        """Frames that there will be, as far as can be told of a source of so many."""
        rate = frame_rate(self._stream)
        left = None if all_frames is None else max(0, all_frames - round(self.origin * rate))
        wanted = self._request.duration
        if wanted is None:
            return left
        asked = wanted.frames if wanted.seconds is None else round(wanted.seconds * rate)
        assert asked is not None
        return asked if left is None else min(left, asked)

    def chapters(self, chapters: list[Chapter]) -> list[Chapter]:
        """Chapters of the source as those of the part."""
        length = self._length
        kept = []
        for chapter in chapters:
            unit = Fraction(chapter["time_base"].numerator, chapter["time_base"].denominator)
            start = max(Fraction(0), chapter["start"] * unit - self.origin)
            end = chapter["end"] * unit - self.origin
            end = end if length is None else min(end, length)
            if start < end:
                kept.append(chapter | {"start": round(start / unit), "end": round(end / unit)})
        return kept

    def move_timecodes(self, container: InputContainer) -> None:
        """Let the timecodes that a source names be those of the first frame."""
        rate = frame_rate(self._stream)
        frames = round(self.origin * rate)
        for holder in (container, *container.streams):
            metadata: Mapping[str, str] = holder.metadata
            for key in [key for key in metadata if key.lower() == "timecode"]:
                holder.metadata[key] = later_timecode(metadata[key], frames, rate)

    @property
    def _length(self) -> Fraction | None:
        """Seconds that are wanted, as far as the rate tells; None = to the end."""
        wanted = self._request.duration
        if wanted is None or wanted.seconds is not None:
            return None if wanted is None else wanted.seconds
        assert wanted.frames is not None
        return wanted.frames / frame_rate(self._stream)

    def _is_start(self, picture: Picture) -> bool:
        start = self._request.start
        if start is None:
            return True
        if start.frames is not None:
            return self.frames_before >= start.frames
        assert start.seconds is not None
        return picture.time >= start.seconds - self._margin

    def _is_end(self, picture: Picture, frames: int) -> bool:
        wanted = self._request.duration
        if wanted is None:
            return False
        if wanted.frames is not None:
            return frames >= wanted.frames
        assert wanted.seconds is not None
        return picture.time >= self.origin + wanted.seconds - self._margin

    def _is_behind(self, picture: Picture) -> bool:
        """Whether nothing that belongs to the part is to be expected any more."""
        if self.end is None:
            return False
        return self._parts.are_over or picture.time > self.origin + self.end + _BEHIND

    def _moved(self, picture: Picture) -> Picture:
        """The picture with times from the first frame on."""
        frame = picture.frame
        frame.pts = (frame.pts or 0) - round(self.origin / self._unit)
        time = picture.time - self.origin
        return Picture(frame, time, concealed=picture.concealed, held=picture.held)
