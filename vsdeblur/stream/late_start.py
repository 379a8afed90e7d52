"""Begins to decode late: what comes long before the first frame that is wanted is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

from .facts import seconds_a_unit
from .positions import Position

__all__ = ["LateStart", "late_start"]

_MOST_BYTES = 256 << 20
"""What may be held back; of a source whose key frames are further apart all is decoded."""


@dataclass
class _Group:
    """Packets from a key frame on."""

    packets: list[Packet[Stream]] = field(default_factory=list)
    size: int = 0
    """In bytes."""


class LateStart:
    """Holds packets of the picture track back until it is known from which one to decode.

    Frames then come out as if all had been decoded: what follows a key frame may still refer to
    what precedes it (open groups, gradual refresh), so decoding begins a whole group before the
    one that is needed.

    Args:
        start: When the first frame is shown that is wanted, in seconds of the timeline.
        before: Frames before that one that are wanted too.
    """

    def __init__(self, start: Fraction, before: int) -> None:
        self._start, self._before = start, before
        self._groups = [_Group()]
        self._armed = self._begun = False
        self._passed = 0  # packets that are given up
        self.frames_before = 0
        """Frames that are shown before the start, by their packets."""

    def arm(self) -> None:
        """Hold packets back from now on: what is known of the source from its beginning is."""
        self._armed = True

    def due(self, packet: Packet[Stream]) -> Iterator[tuple[Packet[Stream], bool]]:
        """Packets that are to be decoded now that another one is read.

        Args:
            packet: What was read, its times those of the timeline.

        Yields:
            A packet, and whether it is the first after what was passed over.
        """
        time = _shown_at(packet)
        self.frames_before += time is not None and time < self._start and not packet.is_discard
        if self._begun or not self._armed:
            yield packet, False
            return
        self._hold(packet)
        held = sum(group.size for group in self._groups)
        if time is None or time >= self._start or held > _MOST_BYTES:
            yield from self.flush()

    def flush(self) -> Iterator[tuple[Packet[Stream], bool]]:
        """What is held back, as `due`; nothing is from now on."""
        self._begun = True
        groups, self._groups = self._groups, []
        first = self._passed > 0
        for group in groups:
            for packet in group.packets:
                yield packet, first
                first = False

    def _hold(self, packet: Packet[Stream]) -> None:
        if packet.is_keyframe:
            self._groups.append(_Group())
            self._forget()
        self._groups[-1].packets.append(packet)
        self._groups[-1].size += packet.size

    def _forget(self) -> None:
        """Give up groups before those that hold enough, and the one before them."""
        while len(self._groups) > 3 and self._held_after(2) >= self._before:
            self._passed += len(self._groups.pop(0).packets)

    def _held_after(self, index: int) -> int:
        return sum(len(group.packets) for group in self._groups[index:])


def late_start(start: Position | None, before: int) -> LateStart | None:
    """What passes over what need not be decoded; None = all is, to count frames or for their sake.

    Args:
        start: Where the first frame is that is wanted; None = at the beginning.
        before: Frames before that one that are wanted too.
    """
    if start is None or start.seconds is None:
        return None
    return LateStart(start.seconds, before)


def _shown_at(packet: Packet[Stream]) -> Fraction | None:
    """When a packet is shown, in seconds; None = it does not say."""
    time = packet.pts if packet.pts is not None else packet.dts
    return None if time is None else time * seconds_a_unit(packet.stream)
