"""Packets of other tracks that belong to a part of a source, cut to it and moved with it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil

import av
from av.packet import Packet
from av.rational import AVRational
from av.stream import Disposition, Stream

from .events import TrackPacket
from .facts import seconds_a_unit
from .packets import copy_of, is_sparse

__all__ = ["TrackParts"]

_EQUAL, _FINE = Fraction(1, 10_000), AVRational(1, 1_000_000)
"""Seconds between times that are taken for one, and a unit in which that holds."""


class TrackParts:
    """Holds packets until it is known whether they belong to the part.

    Sound begins with the first packet that begins in it, at most one packet late, and stays in
    step; uncompressed sound is cut at the sample. A line of subtitles that is shown already is
    shown from the beginning; one that is still shown at the end, up to there.
    """

    def __init__(self) -> None:
        self._held: list[TrackPacket] = []
        self._standing: dict[int, list[TrackPacket]] = {}  # what is shown until something follows
        self._origin: Fraction | None = None
        self._come_to = Fraction(0)
        self._end: Fraction | None = None
        self._limit: Fraction | None = None
        self._reached: dict[int, Fraction] = {}  # how far tracks have come that have no pauses
        self._opened: set[int] = set()  # further video tracks whose first key frame has come

    def hold(self, event: TrackPacket) -> None:
        """Take a packet, its times those of the source."""
        stream, time = event.packet.stream, _time_of(event.packet)
        if time is not None and not is_sparse(stream):
            self._reached[event.track] = max(time, self._reached.get(event.track, time))
        if time is None and not stream.disposition & Disposition.attached_pic:
            return
        if self._origin is None and time is not None and _stands(event.packet):
            self._stand(event, time)
        else:
            self._held.append(event)

    def forget(self, time: Fraction) -> None:
        """The part begins later than a time: give up what has ended by then."""
        self._held = [
            each for each in self._held if (end := _end_of(each.packet)) is None or end > time
        ]

    def begin(self, origin: Fraction, length: Fraction | None) -> None:
        """The part begins.

        Args:
            origin: When, in seconds.
            length: How long it is meant to be, in seconds; None = to the end.
        """
        self._origin = self._come_to = origin
        self._limit = None if length is None else origin + length
        standing = [each for group in self._standing.values() for each in group]
        self._held[:0] = standing

    def come_to(self, time: Fraction) -> None:
        """A frame of the part is shown at a time: what begins before belongs to it."""
        self._come_to = time

    def finish(self, end: Fraction) -> None:
        """The part ends."""
        self._end = end

    @property
    def are_over(self) -> bool:
        """Whether all tracks without pauses have come to the end."""
        return self._end is not None and all(t >= self._end for t in self._reached.values())

    def due(self) -> Iterator[TrackPacket]:
        """Yield packets of which it is known that they belong to the part."""
        settled = self._come_to if self._end is None else self._end
        held, self._held = self._held, []
        for each in held:
            time = _time_of(each.packet)
            if time is None or time < settled:
                yield from self._cut(each, time)
            elif self._end is None:
                self._held.append(each)

    def _stand(self, event: TrackPacket, time: Fraction) -> None:
        """Keep what is shown until something follows it: the packets of the latest time."""
        group = self._standing.setdefault(event.track, [])
        if group and _time_of(group[0].packet) != time:
            group.clear()
        group.append(event)

    def _cut(self, event: TrackPacket, time: Fraction | None) -> Iterator[TrackPacket]:
        """The part of a packet that belongs here, its times counted from the beginning."""
        assert self._origin is not None
        packet = event.packet
        if time is None:
            yield event
            return
        if is_sparse(packet.stream):
            inside = self._shown_inside(packet, time)
        elif packet.stream.type == "video":
            inside = self._from_key_frame(event, time)
        else:
            inside = self._sounding_inside(packet, time)
        if inside is not None:
            _move(inside, self._origin)
            yield TrackPacket(inside, event.track)

    def _shown_inside(self, packet: Packet[Stream], time: Fraction) -> Packet[Stream] | None:
        """A packet of text or pictures, shown as long as the part lasts."""
        assert self._origin is not None
        unit, end = seconds_a_unit(packet.stream), _end_of(packet)
        if time < self._origin:
            if end is None and not _stands(packet):
                return None
            packet.pts = packet.dts = ceil(self._origin / unit)
        if end is not None and packet.pts is not None:
            last = end if self._limit is None else min(end, self._limit)
            packet.duration = max(1, round(last / unit) - packet.pts)
        return packet

    def _from_key_frame(self, event: TrackPacket, time: Fraction) -> Packet[Stream] | None:
        """A packet of a further video track, which begins with a key frame."""
        assert self._origin is not None
        if time >= self._origin and event.packet.is_keyframe:
            self._opened.add(event.track)
        return event.packet if event.track in self._opened else None

    def _sounding_inside(self, packet: Packet[Stream], time: Fraction) -> Packet[Stream] | None:
        assert self._origin is not None
        first, last = self._origin, self._end
        if _sample_bytes(packet):
            return _samples(packet, first, last)
        return packet if time > first - _EQUAL else None


def _move(packet: Packet[Stream], origin: Fraction) -> None:
    """Count a packet's times from a moment on, in a finer unit where its own would be out of step.

    AVI counts compressed sound in packets.
    """
    if seconds_a_unit(packet.stream) > _EQUAL and origin % seconds_a_unit(packet.stream):
        packet.rescale_ts(_FINE)
    unit = Fraction(packet.time_base.numerator, packet.time_base.denominator)
    units = round(origin / unit)
    packet.pts = None if packet.pts is None else packet.pts - units
    packet.dts = None if packet.dts is None else packet.dts - units


def _time_of(packet: Packet[Stream]) -> Fraction | None:
    """When a packet begins, in seconds; None = it does not say, or is a cover."""
    if packet.stream.disposition & Disposition.attached_pic:
        return None
    time = packet.pts if packet.pts is not None else packet.dts
    return None if time is None else time * seconds_a_unit(packet.stream)


def _end_of(packet: Packet[Stream]) -> Fraction | None:
    """When a packet ends; None = it does not say."""
    time = _time_of(packet)
    if time is None or not packet.duration:
        return None
    return time + packet.duration * seconds_a_unit(packet.stream)


def _stands(packet: Packet[Stream]) -> bool:
    """Whether what a packet shows stays until the next one: pictures of subtitles."""
    return packet.stream.type == "subtitle" and not packet.duration


def _sample_bytes(packet: Packet[Stream]) -> int:
    """Bytes of a sample of all channels; 0 = the sound is compressed."""
    context: object = packet.stream.codec_context
    if context is None or packet.stream.type != "audio":
        return 0
    name = packet.stream.codec_context.codec.canonical_name
    samples = _sample_count(packet)
    if not name.startswith("pcm_") or not samples or packet.size % samples:
        return 0
    return packet.size // samples


def _sample_count(packet: Packet[Stream]) -> int:
    assert isinstance(packet.stream, av.AudioStream)
    rate = packet.stream.codec_context.sample_rate
    return round((packet.duration or 0) * seconds_a_unit(packet.stream) * rate)


def _samples(
    packet: Packet[Stream], first: Fraction, last: Fraction | None
) -> Packet[Stream] | None:
    """The samples of uncompressed sound between two times, in seconds; None = there are none."""
    time, unit = _time_of(packet), seconds_a_unit(packet.stream)
    assert time is not None
    count, size = _sample_count(packet), _sample_bytes(packet)
    rate = Fraction(count) / ((packet.duration or 1) * unit)
    begin = max(0, ceil((first - time) * rate))
    end = count if last is None else min(count, ceil((last - time) * rate))
    if begin >= end:
        return None
    if (begin, end) == (0, count):
        return packet
    part = copy_of(packet, bytes(packet)[begin * size : end * size])
    part.pts = part.dts = round((time + begin / rate) / unit)
    part.duration = max(1, round((end - begin) / rate / unit))
    return part
