"""Reads a source: pictures of its picture track, packets of all else, in one stream of events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from ..errors import VideoError
from .account import Account
from .deinterlacing import Deinterlacer, Deinterlacing
from .events import End, Event, Gap, GapReason, Picture, TrackPacket
from .excerpt import ALL, Excerpt, ExcerptRequest
from .facts import SourceFacts, facts_of, frame_rate, picture_track, seconds_a_unit
from .fitting import FrameFitter, FrameHolder
from .formats import convert_frame
from .joining import check_continues, in_units_of
from .late_start import late_start
from .look_ahead import look_ahead
from .packets import PacketReader, first_time, source_timeline, start_times
from .pictures import PictureReader, counts_places
from .promise import promise_of
from .sequences.feed import FeedOptions, PictureFeed
from .sequences.opening import open_any
from .source import named, one_line
from .timeline import Rising

if TYPE_CHECKING:
    from av.container.core import Chapter  # which is of the stubs alone

__all__ = ["Reader", "SourceFacts", "one_line"]


class Reader:
    """An open source. Use it in a `with` statement; iterate it once, in any thread.

    It reads once, from the beginning on: what was looked at before is given out again. Further
    files continue the first, track by track.
    """

    facts: SourceFacts
    """What is known of the pictures that are given out."""

    def __init__(
        self,
        path: Path | str,
        *more: Path | str,
        allow_playlist: bool = False,
        wanted: ExcerptRequest = ALL,
        radius: int = 0,
        deinterlace: Deinterlacing | None = None,
        near: Fraction = Fraction(0),
        feed: FeedOptions = FeedOptions(),  # noqa: B008 - frozen
    ) -> None:
        """Open a source and look at its first frame.

        Args:
            path: A file, a pipe, "-" for stdin, or an address.
            more: Further ones that continue it.
            allow_playlist: Whether a local playlist may open what it lists.
            wanted: Which part of it is given out.
            radius: Frames around that part that are given out too; see `wants`.
            deinterlace: How pictures are made of fields; None = frames are given out as they are.
            near: Where reading begins, in seconds, as near as a key frame is: for a look at it,
                times and counts are then those of no one.
            feed: How pictures are read, if it is a pattern or a folder of them.

        Raises:
            VideoError: It cannot be read, has no picture track, or no frame of it decodes; the
                further ones have other tracks; or there is no frame of the part that is wanted.
        """
        self.path = path
        self.frames = 0
        """Frames given out so far."""
        self.account = Account()
        """What came, and what was lost."""
        self.samples: dict[int, list[Packet[Stream]]] = {}
        """Copies of the first packets of each other track, to try the target with."""
        self._containers: list[InputContainer] = []
        self.feed: PictureFeed | None = None
        """What reads the source if it is an image sequence; None = it is none."""
        try:
            for each in (path, *more):
                container, self.feed = open_any(
                    each, feed, allow_playlist=allow_playlist, is_single=not more
                )
                self._containers.append(container)
            self.container = self._containers[0]
            if near and self.feed is None:
                self._go_to(near)
            self.stream = picture_track(path, self.container)
            check_continues(
                path, self.container, list(zip(more, self._containers[1:], strict=True))
            )
            counts = not self.single or counts_places(self.stream)
            self._late = None if counts else late_start(wanted.start, radius)
            self._start()
            self._excerpt = self._found(wanted, radius)
            self._deinterlacer = None
            if deinterlace is not None:
                self._deinterlacer = Deinterlacer(deinterlace, self.facts)
                self.facts = deinterlace.facts(self.facts)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.working_format = self.facts.pixel_format
        """Format in which frames are delivered."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for container in self._containers:
            container.close()
        if self.feed is not None:
            self.feed.close()

    @property
    def single(self) -> bool:
        """Whether it is read from one file, pipe or address."""
        return len(self._containers) == 1

    @property
    def first_number(self) -> int:
        """Number of the first frame that is wanted, in the whole source, from 0."""
        if self._excerpt is None:
            return 0
        return self._late.frames_before if self._late else self._excerpt.frames_before

    @property
    def part_start(self) -> Fraction:
        """When the part begins that is wanted, in seconds of the source."""
        return Fraction(0) if self._excerpt is None else self._excerpt.origin

    @property
    def ended_early(self) -> bool:
        """Whether the source ended before the part that is wanted did."""
        return self._excerpt is not None and self._excerpt.ended_early

    def wants(self, frame: av.VideoFrame) -> bool:
        """Whether a frame that was given out belongs to the part that is wanted."""
        time = (frame.pts or 0) * self.facts.time_base / self._unit
        return self._excerpt is None or self._excerpt.wants(time)

    def chapters(self) -> list[Chapter]:
        """The chapters, as PyAV gives them, of the part that is wanted."""
        chapters = self.container.chapters()
        return chapters if self._excerpt is None else self._excerpt.chapters(chapters)

    def __iter__(self) -> Iterator[Event]:
        """Yield what comes, in order; the last one is an `End`, but for a part of the source."""
        events = iter(self._excerpt or self._told())
        for event in self._deinterlacer.of(events) if self._deinterlacer else events:
            yield self._converted(event) if isinstance(event, Picture) else event

    def _told(self) -> Iterator[Event]:
        """All that comes; the account is told of it."""
        for event in self._events:
            if isinstance(event, Picture | End):
                until = event.time if isinstance(event, Picture) else None
                yield from self._held_until(until)
            self.account.note(event)
            if isinstance(event, Picture):
                self.frames += 1
                event = self._fitted(event)
                self._holder.hold(event.frame)
            yield event

    def _held_until(self, until: Fraction | None) -> Iterator[Picture]:
        """Show the last picture once more wherever one could not be decoded."""
        step = max(1, round(1 / (frame_rate(self.stream) * self._unit)))
        for time in self.account.due(until):
            frame = self._holder.once_more(round(time / self._unit), step)
            if frame is not None:
                held = Picture(frame, time, held=True)
                self.account.note(held)
                self.frames += 1
                yield held

    def _start(self) -> None:
        """Read up to the first picture, and keep what was read for later."""
        self.timeline = source_timeline(self.container)
        self._rising = Rising()
        self._unit = seconds_a_unit(self.stream)
        early: list[Event] = []
        events = self._all_events()
        first: Picture | None = None
        for event in events:
            early.append(event)
            if isinstance(event, Picture):
                first = event
                break
        if first is None:
            raise VideoError(
                f"no picture of {named(self.path)} can be decoded; the file is damaged or cut short"
            )
        self._delay_to_zero(first, early)
        if self._late is not None:
            self._late.arm()
        self.facts: SourceFacts = facts_of(
            self.container, self.stream, first.frame, first.pixel_shape
        )
        if self.feed is not None:
            expected = len(self.feed.pictures.paths)
            self.facts = replace(self.facts, frames_expected=expected)
        self._holder = FrameHolder()
        self._fitter = FrameFitter(self.facts.width, self.facts.height)
        if self.single:
            self.account.promise = promise_of(
                self.path, self.container, self.stream, first_time(self.container)
            )
        self._events: Iterator[Event] = chain(early, events)

    def _go_to(self, seconds: Fraction) -> None:
        """Go to a place in the source, or stay where it cannot be gone to."""
        start = first_time(self.container) or Fraction(0)
        with suppress(av.FFmpegError, OSError, ValueError):
            self.container.seek(int((start + seconds) * av.time_base))

    def _found(self, wanted: ExcerptRequest, radius: int) -> Excerpt | None:
        """The part that is wanted; None = all of it."""
        if wanted.is_all:
            return None
        self.account.promise = wanted.promise(self.account.promise)
        excerpt = Excerpt(wanted, self._told(), self.stream, radius)
        excerpt.find(named(self.path))
        excerpt.move_timecodes(self.container)
        self.account.begin_at(excerpt.origin)
        expected = excerpt.frames_expected(self.facts.frames_expected)
        self.facts = replace(self.facts, frames_expected=expected)
        return excerpt

    def _delay_to_zero(self, first: Picture, early: list[Event]) -> None:
        """Let all be later if the first picture would be shown before the start."""
        if first.time >= 0:
            return
        self.timeline.delay(-first.time)
        assert first.frame.pts is not None
        units = -first.frame.pts
        first.frame.pts = self._rising.last = 0
        early[-1] = replace(first, time=Fraction(0))
        for event in early:
            if isinstance(event, TrackPacket):
                moved = round(units * self._unit / seconds_a_unit(event.packet.stream))
                event.packet.pts = None if event.packet.pts is None else event.packet.pts + moved
                event.packet.dts = None if event.packet.dts is None else event.packet.dts + moved

    def _all_events(self) -> Iterator[Event]:
        why, jumps, step = "", 0, 1
        for number, container in enumerate(self._containers):
            if number:
                due = (self._rising.last or 0) + step
                self.timeline.join(start_times(container), {self.stream.index: due * self._unit})
            stream = self.stream if not number else picture_track(self.path, container)
            packets = PacketReader(container, stream, self.timeline, self.account)
            pictures = PictureReader(stream, self._unit, self._rising, self.account)
            step = pictures.step
            looked_at = (
                packets
                if number
                else look_ahead(iter(packets), container, stream.index, self.samples)
            )
            for packet in looked_at:
                for jump in self.timeline.jumps[jumps:]:
                    yield Gap(reason=GapReason.JUMP, time=jump.time, seconds=jump.seconds)
                jumps = len(self.timeline.jumps)
                if packet.stream.index == stream.index:
                    yield from self._decoded(pictures, packet)
                else:
                    yield TrackPacket(in_units_of(self.container, packet), packet.stream.index)
            yield from self._decoded(pictures, None)
            yield from pictures.flush()
            why = why or packets.cut_short
        yield End(complete=not why, time=self.timeline.end, why=why)

    def _decoded(self, pictures: PictureReader, packet: Packet[Stream] | None) -> Iterator[Event]:
        """What a packet gives, or those before it that waited; None = there is none any more."""
        if self._late is None:
            yield from () if packet is None else pictures.decode(packet)
            return
        for due, anew in self._late.flush() if packet is None else self._late.due(packet):
            if anew:
                pictures.forget()
                self.account.pass_over()
            yield from pictures.decode(due)

    def _fitted(self, picture: Picture) -> Picture:
        """The picture in the size of the first."""
        wider = picture.pixel_shape / (self.facts.sample_aspect_ratio or 1)
        return replace(picture, frame=self._fitter.fitted(picture.frame, wider or Fraction(1)))

    def _converted(self, picture: Picture) -> Picture:
        """The picture in the format in which frames are delivered."""
        return replace(picture, frame=convert_frame(picture.frame, self.working_format))
