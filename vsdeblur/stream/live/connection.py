"""One connection to the source: its packets, decoded and on the run's timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

from ..account import Account
from ..events import Event, Gap, Picture
from ..facts import seconds_a_unit
from ..packets import PacketReader, copy_of, is_sparse
from ..pictures import PictureReader
from ..timeline import Rising
from .ends.feed import Arrived, Opened
from .frames import LiveFrame
from .pacing import LiveTimeline

__all__ = ["UNIT", "BesidePacket", "Connection"]

UNIT = Fraction(1, 90_000)
"""Seconds a unit of the times of frames."""
_KEY_FRAME_SECONDS = 10.0
"""How long a key frame is waited for; then what comes is taken, as from encoders that send none."""
_SAMPLES = 3
"""Packets of each other track that are kept to try targets with."""
_REMEMBERED = 256
"""Packets of pictures whose arrival is remembered until their frame is shown."""
_BURST_GAP_SECONDS = 0.008
"""Between two packets from which they are no more of the burst."""
_LONGEST_BURST = Fraction(20)
"""Seconds of a stream that come at once at most when a connection begins."""


@dataclass(frozen=True)
class BesidePacket:
    """A packet of another track, its times those of the timeline."""

    packet: Packet[Stream]
    """It may outlive the connection, and its stream may not be asked for anything."""
    index: int
    """Of its track, in the connection's container."""
    kind: str
    """What that is: "audio", for example."""
    time: Fraction
    """When it is decoded, in seconds."""
    shift: Fraction | None
    """Seconds by which that is later than in the source; None = the source does not say."""


class _LiveAccount(Account):
    """An account that counts and keeps no lists, which would grow for days."""

    def note(self, event: Event) -> None:
        """Count an event."""
        if isinstance(event, Gap):
            self.errors += 1
        elif isinstance(event, Picture):
            self.frames += 1
            self.concealed += event.concealed

    def note_packet(self, time: Fraction | None) -> None:
        """Count a packet of the picture track."""
        self.packets += 1


class Connection:
    """Turns packets that have come into frames and packets on the timeline.

    What comes first, comes in a burst: it has waited in a server, or was looked at to find out what
    there is. So the end of the burst is now, and not its beginning: otherwise each connection would
    put the stream a little further behind.

    Args:
        opened: The connection.
        now_shown: Says when what comes now is to be shown, in seconds of the timeline; None = this
            is the first connection, whose first key frame is shown at 0.
        speed: Of the run's clock.
    """

    def __init__(
        self, opened: Opened, now_shown: Callable[[], Fraction] | None, speed: float = 1.0
    ) -> None:
        self.container, self.stream = opened.container, opened.stream
        self.samples: dict[int, list[Packet[Stream]]] = {}
        """Copies of the first packets of each other track."""
        self.skipped = 0
        """Packets of pictures that came before a key frame."""
        self._now_shown, self._burst_gap = now_shown, _BURST_GAP_SECONDS * speed
        self._burst: list[Arrived] | None = []
        self._first_arrival: float | None = None
        self._key_wanted_since: float | None = 0.0
        self._account = _LiveAccount()
        self._origins: dict[int, tuple[float, Fraction | None]] = {}

    @property
    def errors(self) -> int:
        """Packets that could not be decoded."""
        return self._account.errors

    def take(self, arrived: Arrived) -> Iterator[LiveFrame | BesidePacket]:
        """Yield what a packet gives; nothing while the first burst lasts."""
        if self._first_arrival is None:
            self._first_arrival = self._key_wanted_since = arrived.at
        self._sample(arrived.packet)
        if self._burst and arrived.at - self._burst[-1].at > self._burst_gap:
            yield from self.settle()
        if self._burst is None:
            yield from self._taken(arrived)
        else:
            self._burst.append(arrived)

    def settle(self) -> Iterator[LiveFrame | BesidePacket]:
        """Yield what the first burst gives: it is over."""
        burst = self._burst
        if not burst:
            return
        if self._now_shown is None:
            first = next((n for n, a in enumerate(burst) if self._is_welcome(a)), len(burst))
            self.skipped += sum(a.picture for a in burst[:first])
            # Of the tracks beside it, what came before the picture and is shown after it is kept.
            key = _time(burst[first].packet) if first < len(burst) else None
            early = [a for a in burst[:first] if not a.picture and _is_from(a.packet, key)]
            burst = self._burst = [*burst[first : first + 1], *early, *burst[first + 1 :]]
            if not any(a.picture for a in burst):
                return
        self._burst = None
        self._begin(burst)
        for arrived in burst:
            yield from self._taken(arrived)

    def delay(self, seconds: Fraction) -> None:
        """Let all that follows be shown later."""
        self._timeline.delay(seconds)

    def skip_to_key(self, now: float) -> None:
        """Leave pictures out up to the next key frame: some packets have been dropped."""
        self._key_wanted_since = now

    def finish(self) -> Iterator[LiveFrame | BesidePacket]:
        """Yield what is held at the end."""
        yield from self.settle()
        if self._burst is not None:
            return
        for packet in self._packets.remaining():
            if packet.stream.index != self.stream.index:
                yield from self._beside(packet, None)
        yield from self._shown(self._pictures.flush(), self._last_at)

    def _begin(self, burst: Sequence[Arrived]) -> None:
        """Lay the clock of the source over the timeline."""
        start = Fraction(0)
        if self._now_shown is not None:
            times = [time for each in burst if (time := _time(each.packet)) is not None]
            spread = max(times) - times[0] if times else Fraction(0)
            start = self._now_shown() - (spread if 0 <= spread <= _LONGEST_BURST else 0)
        self._timeline = LiveTimeline(start)
        self._packets = PacketReader(self.container, self.stream, self._timeline, self._account)
        self._pictures = PictureReader(self.stream, UNIT, Rising(), self._account, live=True)

    def _taken(self, arrived: Arrived) -> Iterator[LiveFrame | BesidePacket]:
        self._last_at = arrived.at
        packet = arrived.packet
        if arrived.picture:
            if not self._is_welcome(arrived):
                self.skipped += 1
                return
            self._key_wanted_since = None
        self._timeline.arrives(arrived.at)
        origin = _time(packet) if packet.dts is not None else None
        before = None if origin is None else packet.dts
        for moved in self._packets.in_order(packet):
            moved_by = None
            if moved is packet and before is not None and moved.dts is not None:
                moved_by = (moved.dts - before) * seconds_a_unit(moved.stream)
            if moved.stream.index != self.stream.index:
                yield from self._beside(moved, moved_by)
                continue
            self._remember(moved, arrived.at, moved_by)
            yield from self._shown(self._pictures.decode(moved), arrived.at)
        self._timeline.jumps.clear()

    def _is_welcome(self, arrived: Arrived) -> bool:
        """Whether a packet of pictures can be decoded without those before it."""
        since = self._key_wanted_since
        late = since is None or arrived.at - since >= _KEY_FRAME_SECONDS
        return arrived.picture and (late or arrived.packet.is_keyframe)

    def _beside(self, packet: Packet[Stream], shift: Fraction | None) -> Iterator[BesidePacket]:
        time = _time(packet)
        if time is not None:
            stream = packet.stream
            yield BesidePacket(packet, stream.index, stream.type, time, shift)

    def _remember(self, packet: Packet[Stream], at: float, shift: Fraction | None) -> None:
        if packet.pts is None:
            return
        key = round(packet.pts * seconds_a_unit(self.stream) / UNIT)
        self._origins[key] = at, shift
        while len(self._origins) > _REMEMBERED:
            del self._origins[next(iter(self._origins))]

    def _shown(self, events: Iterator[Event], at: float) -> Iterator[LiveFrame]:
        for event in events:
            self._account.note(event)
            if not isinstance(event, Picture):
                continue
            assert event.frame.pts is not None
            arrived, shift = self._origins.pop(event.frame.pts, (at, None))
            yield LiveFrame(event.frame, event.time, arrived, shift)

    def _sample(self, packet: Packet[Stream]) -> None:
        index = packet.stream.index
        samples = self.samples.setdefault(index, [])
        if index != self.stream.index and len(samples) < _SAMPLES and not is_sparse(packet.stream):
            samples.append(copy_of(packet))


def _is_from(packet: Packet[Stream], start: Fraction | None) -> bool:
    """Whether a packet is of a time or later; if that is not known, it may be."""
    time = _time(packet)
    return start is None or (time is not None and time >= start)


def _time(packet: Packet[Stream]) -> Fraction | None:
    """When a packet is decoded, in seconds; None = it does not say."""
    time = packet.dts if packet.dts is not None else packet.pts
    return None if time is None else time * seconds_a_unit(packet.stream)
