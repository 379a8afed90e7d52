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

from ..errors import OptionError, VideoError
from .account import Account
from .events import End, Event, Gap, GapReason, Picture, TrackPacket
from .excerpt import ALL, Excerpt, ExcerptRequest
from .facts import SourceFacts, facts_of, picture_track, seconds_a_unit
from .fitting import FrameFitter, FrameHolder
from .formats import convert_frame
from .late_start import LateStart
from .packets import PacketReader, copy_of, first_time, is_sparse, source_timeline, start_times
from .pictures import PictureReader, counts_places
from .promise import promise_of
from .sequences.feed import FeedOptions, PictureFeed
from .sequences.names import find_pictures, is_sequence
from .source import named, one_line, open_source
from .timeline import Rising

if TYPE_CHECKING:
    from av.container.core import Chapter  # which is of the stubs alone

__all__ = ["Reader", "SourceFacts", "one_line"]

_LOOK_AHEAD_PACKETS, _LOOK_AHEAD_BYTES = 600, 32 << 20
"""How far the beginning is searched for a packet of each track."""
_SAMPLES = 3
"""Packets of each track to try the target with."""


class Reader:
    """An open source. Use it in a `with` statement; iterate it once, in any thread.

    It reads once, from the beginning on: what was looked at before is given out again. Further
    files continue the first, track by track.
    """

    def __init__(
        self,
        path: Path | str,
        *more: Path | str,
        allow_playlist: bool = False,
        wanted: ExcerptRequest = ALL,
        radius: int = 0,
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
                self._containers.append(self._opened(each, feed, allow_playlist=allow_playlist))
            self.container = self._containers[0]
            if near and self.feed is None:
                self._go_to(near)
            self.stream = picture_track(path, self.container)
            self._check_more(more)
            self._late = self._late_start(wanted, radius)
            self._start()
            self._excerpt = self._found(wanted, radius)
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
        return self._excerpt is None or self._excerpt.wants(frame.pts or 0)

    def chapters(self) -> list[Chapter]:
        """The chapters, as PyAV gives them, of the part that is wanted."""
        chapters = self.container.chapters()
        return chapters if self._excerpt is None else self._excerpt.chapters(chapters)

    def __iter__(self) -> Iterator[Event]:
        """Yield what comes, in order; the last one is an `End`, but for a part of the source."""
        for event in self._excerpt or self._told():
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
        step = max(1, round(1 / (self.facts.frame_rate * self._unit)))
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
        self.facts = facts_of(self.container, self.stream, first.frame, first.pixel_shape)
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

    def _opened(
        self, path: Path | str, options: FeedOptions, *, allow_playlist: bool
    ) -> InputContainer:
        if not is_sequence(path):
            if options.rate is not None:
                raise OptionError(
                    f"--input-rate is for pictures; {named(path)} says itself when its frames are"
                )
            return open_source(path, allow_playlist=allow_playlist)
        self.feed = PictureFeed(find_pictures(path), options)
        return self.feed.open()

    def _go_to(self, seconds: Fraction) -> None:
        """Go to a place in the source, or stay where it cannot be gone to."""
        start = first_time(self.container) or Fraction(0)
        with suppress(av.FFmpegError, OSError, ValueError):
            self.container.seek(int((start + seconds) * av.time_base))

    def _late_start(self, wanted: ExcerptRequest, radius: int) -> LateStart | None:
        """What passes packets over that need not be decoded; None = all are, to count frames."""
        is_timed = wanted.start is not None and wanted.start.seconds is not None
        if not is_timed or not self.single or counts_places(self.stream):
            return None
        assert wanted.start is not None
        assert wanted.start.seconds is not None
        return LateStart(wanted.start.seconds, radius)

    def _found(self, wanted: ExcerptRequest, radius: int) -> Excerpt | None:
        """The part that is wanted; None = all of it."""
        if wanted.is_all:
            return None
        promise = self.account.promise  # of the whole, which is not counted any more
        ends = wanted.duration is None
        self.account.promise = replace(
            promise,
            frames=None,
            end=promise.end if ends else None,
            picture_end=promise.picture_end if ends else None,
        )
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
            looked_at = packets if number else self._look_ahead(iter(packets))
            for packet in looked_at:
                for jump in self.timeline.jumps[jumps:]:
                    yield Gap(reason=GapReason.JUMP, time=jump.time, seconds=jump.seconds)
                jumps = len(self.timeline.jumps)
                if packet.stream.index == stream.index:
                    yield from self._decoded(pictures, packet)
                else:
                    yield TrackPacket(self._in_first_units(packet), packet.stream.index)
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

    def _look_ahead(self, packets: Iterator[Packet[Stream]]) -> Iterator[Packet[Stream]]:
        """Find the first packets of each other track, and give out all that was read."""
        wanted = {
            stream.index
            for stream in self.container.streams
            if stream.index != self.stream.index and not is_sparse(stream)
        }
        read: list[Packet[Stream]] = []
        size = 0
        for packet in packets:
            read.append(packet)
            size += packet.size
            if packet.stream.index != self.stream.index:
                samples = self.samples.setdefault(packet.stream.index, [])
                if len(samples) < _SAMPLES:
                    samples.append(copy_of(packet))
                else:
                    wanted.discard(packet.stream.index)
            if not wanted or len(read) >= _LOOK_AHEAD_PACKETS or size >= _LOOK_AHEAD_BYTES:
                break
        yield from read
        del read
        yield from packets

    def _in_first_units(self, packet: Packet[Stream]) -> Packet[Stream]:
        """The packet in the time base of the first file's track."""
        own, first = packet.stream, self.container.streams[packet.stream.index]
        if own.time_base != first.time_base:
            packet.rescale_ts(first.time_base)
        return packet

    def _fitted(self, picture: Picture) -> Picture:
        """The picture in the size of the first."""
        wider = picture.pixel_shape / (self.facts.sample_aspect_ratio or 1)
        return replace(picture, frame=self._fitter.fitted(picture.frame, wider or Fraction(1)))

    def _converted(self, picture: Picture) -> Picture:
        """The picture in the format in which frames are delivered."""
        return replace(picture, frame=convert_frame(picture.frame, self.working_format))

    def _check_more(self, more: tuple[Path | str, ...]) -> None:
        """Refuse files whose tracks cannot continue the first one's.

        Raises:
            VideoError: One has others.
        """
        wanted = _tracks(self.container)
        for path, container in zip(more, self._containers[1:], strict=True):
            found = _tracks(container)
            if found != wanted:
                raise VideoError(
                    f"{named(path)} cannot continue {named(self.path)}: its tracks are "
                    f"{', '.join(found)}, not {', '.join(wanted)}; join recordings of one camera"
                )


def _tracks(container: InputContainer) -> list[str]:
    return [
        f"{stream.type} {stream.codec_context.name if stream.codec_context else ''}".strip()
        for stream in container.streams
    ]
