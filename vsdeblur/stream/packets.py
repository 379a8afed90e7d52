"""Takes a source apart into packets whose times are those of the timeline."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from .account import Account
from .events import Gap, GapReason
from .facts import frame_rate, has_clock_jumps, seconds_a_unit
from .source import one_line
from .timeline import AHEAD, BACK, Timeline

__all__ = ["PacketReader", "copy_of", "first_time", "is_sparse", "source_timeline", "start_times"]

_FAILURES = 64
"""Errors of the demuxer in a row after which it will not go on."""
_LEAP = Fraction(1)
"""Seconds ahead that one packet alone may not be: it is held until the next one of its track."""
_MOST = 1 << 62
"""Units of time that a sane packet does not reach."""
_REORDERED_SECONDS, _REORDERED_FRAMES = Fraction(5), 32
"""How much later than it is decoded a frame may be shown at most."""


def is_sparse(stream: Stream) -> bool:
    """Whether a track has pauses by nature, so that its times say nothing about the clock."""
    return stream.type not in ("video", "audio") or bool(
        stream.disposition & Disposition.attached_pic
    )


def start_times(container: InputContainer) -> dict[int, Fraction]:
    """When the tracks of a source start, in seconds; those that do not say are left out."""
    return {
        stream.index: stream.start_time * seconds_a_unit(stream)
        for stream in container.streams
        if stream.start_time is not None and not is_sparse(stream)
    }


def first_time(container: InputContainer) -> Fraction | None:
    """The first time of a source, of whatever track, in seconds; None = it does not say."""
    return min(start_times(container).values(), default=None)


def source_timeline(container: InputContainer) -> Timeline:
    """The timeline that fits a source: one from the air has clocks that jump, files have pauses."""
    if has_clock_jumps(container):
        return Timeline(first_time(container))
    length = container.duration
    ahead = AHEAD + Fraction(length, av.time_base) if length and length > 0 else None
    return Timeline(first_time(container), ahead)


class PacketReader:
    """Iterates over a container's packets, past what is damaged.

    Args:
        container: The source.
        picture: Its picture track.
        timeline: What time its packets get.
        account: What is told of damage.
    """

    def __init__(
        self,
        container: InputContainer,
        picture: av.VideoStream,
        timeline: Timeline,
        account: Account,
    ) -> None:
        self.cut_short = ""
        """Why there are no more packets than those that came; empty = it ended by itself."""
        self._container = container
        self._picture = picture
        self._timeline = timeline
        self._account = account
        self._held: dict[int, Packet[Stream]] = {}
        self._lasts: dict[int, Fraction] = {}  # how long packets of a track last

    def __iter__(self) -> Iterator[Packet[Stream]]:
        """Yield packets with content, their times moved."""
        for packet in self._demuxed():
            yield from self.in_order(packet)
        yield from self.remaining()

    def remaining(self) -> Iterator[Packet[Stream]]:
        """Yield what is held at the end."""
        for packet in self._held.values():
            yield self._moved(packet)
        self._held.clear()

    def _demuxed(self) -> Iterator[Packet[Stream]]:
        failures = 0
        while failures < _FAILURES:
            try:
                for packet in self._container.demux():
                    failures = 0
                    if packet.size:  # those without content only flush decoders
                        yield packet
            except (av.InvalidDataError, av.BlockingIOError) as error:
                failures += 1
                self.cut_short = f"cannot be read on: {one_line(error)}"
                self._account.note(Gap(reason=GapReason.UNDECODABLE, time=self._timeline.end))
            except (av.FFmpegError, OSError) as error:
                self.cut_short = f"cannot be read on: {one_line(error)}"
                return
            else:
                self.cut_short = ""
                return

    def in_order(self, packet: Packet[Stream]) -> Iterator[Packet[Stream]]:
        """Yield a packet with its times moved; hold one that is far ahead.

        The next one of its track shows whether it was astray.
        """
        index, stream = packet.stream.index, packet.stream
        _forget_nonsense(packet, self._frame_seconds(stream))
        if is_sparse(stream):
            yield self._moved(packet)
            return
        held = self._held.pop(index, None)
        ahead = self._ahead(packet)
        if held is not None:
            if ahead is not None and -BACK <= ahead <= _LEAP:
                self._take_expected_time(held)
            yield self._moved(held)
            ahead = self._ahead(packet)
        if ahead is not None and ahead > _LEAP:
            self._held[index] = packet
        else:
            yield self._moved(packet)

    def _ahead(self, packet: Packet[Stream]) -> Fraction | None:
        time = _decoded_at(packet)
        return None if time is None else self._timeline.ahead(packet.stream.index, time)

    def _take_expected_time(self, packet: Packet[Stream]) -> None:
        ahead, unit = self._ahead(packet), seconds_a_unit(packet.stream)
        if ahead is None:
            return
        _add(packet, -round(ahead / unit))

    def _moved(self, packet: Packet[Stream]) -> Packet[Stream]:
        stream = packet.stream
        if stream.disposition & Disposition.attached_pic:
            return packet
        unit, time = seconds_a_unit(stream), _decoded_at(packet)
        duration = (packet.duration or 0) * unit or self._usual(stream)
        self._lasts[stream.index] = duration
        shift = self._timeline.shift(stream.index, time, duration, sparse=is_sparse(stream))
        _add(packet, round(shift / unit))
        return packet

    def _usual(self, stream: Stream) -> Fraction:
        """How long a packet lasts that does not say so."""
        return self._frame_seconds(stream) or self._lasts.get(stream.index, Fraction(0))

    def _frame_seconds(self, stream: Stream) -> Fraction:
        return 1 / frame_rate(stream) if isinstance(stream, av.VideoStream) else Fraction(0)


def _decoded_at(packet: Packet[Stream]) -> Fraction | None:
    """When a packet is decoded, in seconds; None = it does not say."""
    time = packet.dts
    if time is None and packet.stream.type != "video":  # whose pts go up and down
        time = packet.pts
    return None if time is None else time * seconds_a_unit(packet.stream)


def _add(packet: Packet[Stream], units: int) -> None:
    if units:
        packet.pts = None if packet.pts is None else packet.pts + units
        packet.dts = None if packet.dts is None else packet.dts + units


def _forget_nonsense(packet: Packet[Stream], frame_seconds: Fraction) -> None:
    """Remove times that damage made."""
    if packet.dts is not None and abs(packet.dts) > _MOST:
        packet.dts = None
    if packet.pts is not None and abs(packet.pts) > _MOST:
        packet.pts = None
    if packet.pts is None or packet.dts is None:
        return
    later = (packet.pts - packet.dts) * seconds_a_unit(packet.stream)
    most = max(_REORDERED_SECONDS, _REORDERED_FRAMES * frame_seconds)
    if not -most <= later <= most:
        packet.pts = packet.dts


def copy_of(packet: Packet[Stream], content: bytes | None = None) -> Packet[Stream]:
    """A packet of its own with the same times, and the same content if no other is given."""
    copy: Packet[Stream] = Packet(bytes(packet) if content is None else content)
    copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
    copy.time_base = packet.time_base
    copy.is_keyframe = packet.is_keyframe
    for side_data in packet.iter_sidedata():
        copy.set_sidedata(side_data)
    copy.stream = packet.stream
    return copy
