"""Reads the source and does nothing else: whatever comes is taken out of the socket at once."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Event

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from ....errors import VideoError
from ...facts import picture_track, seconds_a_unit
from ...source import one_line
from ..clock import Clock
from ..queues import DropQueue
from ..settings import LiveOptions
from ..watching.journal import Journal
from ..watching.meter import Meter
from .pauses import next_pause
from .sources import LiveSource, NoAnswerError

__all__ = ["Arrived", "Feed", "FeedItem", "Lost", "Opened", "keep_recent"]

_FAILURES = 64
"""Errors of the demuxer in a row after which it will not go on."""
_MOST_SECONDS, _MOST_BYTES = 2.0, 64 << 20
"""What may wait to be decoded."""
_LEAP_SECONDS = 10.0
"""Seconds between a packet and its turn from which its clock is taken to have jumped."""
_STEADY_SECONDS = 2.0
"""How long a connection lasts that is worth its name."""


@dataclass(frozen=True)
class Opened:
    """A connection to the source."""

    container: InputContainer
    stream: av.VideoStream
    """The picture track."""


@dataclass(frozen=True)
class Arrived:
    """A packet of the connection opened last."""

    packet: Packet[Stream]
    at: float
    """When, in seconds of the run's clock."""
    picture: bool
    """Whether it is of the picture track."""


@dataclass(frozen=True)
class Lost:
    """The connection has ended; the packets that came before are all there is of it."""

    why: str
    final: bool
    """Whether there will be no other."""
    failed: bool = False
    """Whether that is an error: it was never there, or has not come back."""


FeedItem = Opened | Arrived | Lost


def keep_recent(items: deque[FeedItem]) -> int:
    """The rule of the queue of what has come: too much of it is dropped up to a key frame.

    A decoder needs all packets between two key frames or none of them.
    """
    arrived = [item for item in items if isinstance(item, Arrived)]
    if not arrived:
        return 0
    size = sum(item.packet.size for item in arrived) if len(arrived) % 64 == 0 else 0
    if arrived[-1].at - arrived[0].at <= _MOST_SECONDS and size <= _MOST_BYTES:
        return 0
    keys = [n for n, item in enumerate(arrived) if item.picture and item.packet.is_keyframe]
    first = next((n for n in keys if n), len(arrived))
    gone = set(map(id, arrived[:first]))
    kept = [item for item in items if id(item) not in gone]
    items.clear()
    items.extend(kept)
    return sum(item.picture for item in arrived[:first])


class Feed:
    """Opens the source again and again, and puts what comes into a queue.

    Args:
        source: Where it comes from.
        queue: Where it goes.
        clock: The run's.
        journal: What is told of events.
        meter: What counts.
        options: How long to try.
        stop: Ends it.
    """

    def __init__(
        self,
        source: LiveSource,
        queue: DropQueue[FeedItem],
        clock: Clock,
        journal: Journal,
        meter: Meter,
        options: LiveOptions,
        stop: Event,
    ) -> None:
        self.shown = source.shown
        """What the source is called."""
        self._source, self._queue, self._clock = source, queue, clock
        self._journal, self._meter, self._options, self._stop = journal, meter, options, stop
        self._connections = 0
        self.reopen = Event()
        """Set by whoever finds that the connection is of no use."""

    def run(self) -> None:
        """Read until it is stopped, or the source has ended for good."""
        unsteady_since: float | None = None
        while not self._stop.is_set():
            lost = self._connected()
            begun = self._clock.now()
            lost = lost or self._read()
            if self._stop.is_set() or lost is None:
                return
            self._queue.put(lost)
            if lost.final:
                return
            now = self._clock.now()
            if now - begun > _STEADY_SECONDS:
                unsteady_since = None
                continue
            # Whoever answers and hangs up again and again is not called without a pause.
            unsteady_since = begun if unsteady_since is None else unsteady_since
            self._clock.wait(self._stop, next_pause(now - unsteady_since))

    def _connected(self) -> Lost | None:
        """Open a connection, however often that takes; None = there is one, or it was stopped."""
        since, said = self._clock.now(), ""
        if self._source.listens:
            self._journal.say(f"input: waiting for an encoder at {self._source.shown}")
        while not self._stop.is_set():
            try:
                opened = self._open()
            except VideoError as error:
                limit = self._options.reconnect
                away = self._clock.now() - since
                if not self._source.again or (limit is not None and away >= limit):
                    return Lost(str(error), final=True, failed=True)
                expected = self._source.listens and isinstance(error, NoAnswerError)
                if str(error) != said and not expected:
                    self._journal.say(f"input: {error}; trying again")
                said = str(error)
                self._clock.wait(self._stop, next_pause(away))
            else:
                self._connections += 1
                self._meter.input_reconnects = self._connections - 1
                self._say_opened(opened, self._clock.now() - since)
                self.reopen.clear()
                self._opened = opened
                self._queue.put(opened)
                return None
        return None

    def _open(self) -> Opened:
        container = self._source.open()
        try:
            return Opened(container, picture_track(self._source.shown, container))
        except BaseException:
            container.close()
            raise

    def _say_opened(self, opened: Opened, seconds: float) -> None:
        context = opened.stream.codec_context
        size = f" {context.width}x{context.height}" if context.width else ""
        sound = [f"{s.codec_context.name} {s.codec_context.sample_rate} Hz"
                 for s in opened.container.streams.audio if s.codec_context]  # fmt: skip
        what = ", ".join([f"{context.name}{size}", *sound])
        back = f" after {seconds:.1f} s" if self._connections > 1 else ""
        self._journal.say(f"input: connected{back} to {self._source.shown}: {what}")

    def _read(self) -> Lost | None:
        """Take packets from the connection until it ends; None = it was stopped."""
        why, failures = "", 0
        pace = _Pace(self._source.pace, self._clock, self._stop)
        while failures < _FAILURES:
            try:
                for packet in self._opened.container.demux():
                    failures = 0
                    if not packet.size:  # it only flushes decoders
                        continue
                    pace.keep(packet)
                    if self._stop.is_set():
                        return None
                    if self.reopen.is_set():
                        return self._lost("it sends no pictures")
                    picture = packet.stream.index == self._opened.stream.index
                    self._queue.put(Arrived(packet, self._clock.now(), picture))
                return self._lost("it has ended")
            except (av.InvalidDataError, av.BlockingIOError) as error:
                failures += 1
                why = one_line(error)
            except (av.ExitError, av.TimeoutError):
                return self._lost("nothing has come for some seconds")
            except (av.FFmpegError, OSError) as error:
                return self._lost(f"the connection broke ({one_line(error)})")
        return self._lost(why)

    def _lost(self, why: str) -> Lost:
        again = self._source.again and self._options.reconnect != 0
        then = "calling it again" if again else "that is all"
        if not self._stop.is_set():
            self._journal.say(f"input: {why}; {then}")
        return Lost(why, final=not again)


class _Pace:
    """Gives packets out no sooner than their own times say."""

    def __init__(self, speed: float | None, clock: Clock, stop: Event) -> None:
        self._speed, self._clock, self._stop = speed, clock, stop
        self._anchor: tuple[float, float] | None = None

    def keep(self, packet: Packet[Stream]) -> None:
        """Wait until a packet is due."""
        if self._speed is None or packet.dts is None:
            return
        time, now = float(packet.dts * seconds_a_unit(packet.stream)), self._clock.now()
        if self._anchor is None:
            self._anchor = time, now
        due = self._anchor[1] + (time - self._anchor[0]) / self._speed
        if not now - _LEAP_SECONDS < due < now + _LEAP_SECONDS:
            self._anchor, due = (time, now), now
        elif due < now and self._speed > 1:
            self._anchor = time, now  # it came late: go on from here
        self._clock.wait(self._stop, due - now)
