"""Sends to one output, in a thread of its own: what it does to this one, no other one feels."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from threading import Event, Thread

from ....errors import VideoError
from ...encoder import encoder_named
from ..clock import Clock
from ..coder import CodedPicture
from ..connection import UNIT
from ..form import Form
from ..job import Beside, Finished
from ..queues import DropQueue
from ..settings import LiveOptions
from ..watching.journal import Journal
from ..watching.meter import OutputMeter
from ..watching.offsets import Sent
from .departures import Departures
from .live_writer import LiveWriter
from .pauses import next_pause
from .target import LiveTarget

__all__ = ["Outgoing", "Sender", "SenderItem"]

_WAIT_SECONDS = 0.2
_STEADY_SECONDS = 1.0
"""How long a connection must last before the next loss counts as the first one."""
_SAY_SECONDS = 10.0
"""Between two lines about frames that are dropped."""
_EARLY = 100
"""Packets beside the pictures that are kept for when the output is there; they go ahead of those
by some tenths of a second."""
_MAY_WAIT = 0.1
"""Seconds that an item may wait before its age is looked at: it may have come late."""


@dataclass(frozen=True)
class Outgoing:
    """A packet of the encoded pictures."""

    coded: CodedPicture
    time: Fraction
    """When its frame is shown, in seconds of the timeline."""
    ready: float | None
    """When the last packet that its frame needed had come; None = it is a held frame."""
    shift: Fraction | None
    """Seconds by which the frame is later than in the source; None = the source does not say."""
    put: float
    """When it was encoded."""


SenderItem = Form | Outgoing | Beside | Finished


class Sender:
    """Sends what it is given to one output, and gets it back when it is lost.

    Args:
        target: The output.
        meter: Counts it.
        want_key: Asks the encoder for a key frame.
        clock: The run's.
        journal: What is told of events.
        options: How to encode, and for how long to try.
        bit_rate: Bits a second that pictures of a form get.
        stop: Calls off what waits for the other end.
    """

    def __init__(
        self,
        target: LiveTarget,
        meter: OutputMeter,
        want_key: Callable[[], None],
        clock: Clock,
        journal: Journal,
        options: LiveOptions,
        bit_rate: Callable[[Form], int],
        stop: Event,
    ) -> None:
        self._target, self._meter, self._want_key = target, meter, want_key
        self._clock, self._journal, self._options = clock, journal, options
        self._bit_rate, self._stop = bit_rate, stop
        self._codec = encoder_named(options.codec).canonical_name
        self._queue: DropQueue[SenderItem] = DropQueue(self._too_old, self._note_dropped)
        self._form: Form | None = None
        self._writer: LiveWriter | None = None
        self._needs_key = True
        self._lost_at: float | None = None  # the first of the losses that followed each other
        self._gone_at: float | None = None
        self._was_there = False
        self._try_at = self._opened_at = 0.0
        self._asked = False
        self._said = ""
        self._said_slow_at = float("-inf")
        self._departures: Departures[tuple[Outgoing, Fraction]] = Departures()
        self._early: deque[Beside] = deque(maxlen=_EARLY)
        self.ended = Event()
        """Set when nothing more is sent."""
        self.failure = ""
        """Why it was given up."""

    @property
    def waiting(self) -> int:
        """How much is yet to be sent."""
        return len(self._queue)

    def put(self, item: SenderItem) -> None:
        """Have something sent; it never waits."""
        self._queue.put(item)

    def run(self) -> None:
        """Send until all is sent, or the output is given up."""
        try:
            while not self.failure:
                item = self._queue.get(_WAIT_SECONDS)
                match item:
                    case Form():
                        self._begin(item)
                    case Outgoing():
                        self._picture(item)
                    case Beside():
                        self._beside(item)
                    case Finished():
                        break
        finally:
            if self._writer is not None:
                self._writer.close()
                self._all_left()
            self._meter.connected = False
            self.ended.set()

    def _begin(self, form: Form) -> None:
        """Other pictures or tracks follow: the output is opened anew for them."""
        if self._writer is not None:
            self._writer.close()
            self._all_left()
            self._writer = None
            self._journal.say(f"output {self._target.shown}: opened anew for other pictures")
        self._form = form
        self._needs_key, self._asked = True, False
        self._try_at = self._clock.now()

    def _picture(self, item: Outgoing) -> None:
        if self._needs_key and not self._may_begin(item):
            self._meter.dropped += 1
            return
        self._needs_key = self._asked = False  # before the queue may drop what follows
        try:
            if self._writer is None:
                self._open()
            assert self._writer is not None
            shown = self._writer.write_picture(item.coded)
        except VideoError as error:
            self._meter.dropped += 1
            self._lose(str(error))
            return
        now = self._clock.now()
        self._meter.note_bytes(now, len(item.coded.data))
        self._departures.hold(item.coded.dts * UNIT, (item, shown))
        self._note_left(item.coded.dts * UNIT, now)
        self._connected(now)
        early, self._early = list(self._early), deque(maxlen=_EARLY)
        for beside in early:
            if beside.packet.time >= item.time:
                self._beside(beside)

    def _may_begin(self, item: Outgoing) -> bool:
        """Whether a connection may begin, or go on after a gap, with a picture."""
        now = self._clock.now()
        if self._writer is None and now < self._try_at:
            return False
        if not item.coded.key and not self._asked:
            self._asked = True
            self._want_key()
        return item.coded.key

    def _beside(self, item: Beside) -> None:
        if self._writer is None:
            self._early.append(item)  # it may belong to the picture with which this one begins
            return
        try:
            for shown, size in self._writer.write_beside(item):
                now = self._clock.now()
                self._meter.note_bytes(now, size)
                self._note_left(shown, now)
                self._note_sound(item, shown)
        except VideoError as error:
            self._lose(str(error))

    def _note_sound(self, item: Beside, shown: Fraction) -> None:
        packet = item.packet
        assert self._writer is not None
        is_sound = packet.kind == "audio" and self._writer.is_copied(item)
        if packet.shift is not None and is_sound:
            self._meter.note_sound(Sent(shown, shown - packet.time + packet.shift))

    def _open(self) -> None:
        assert self._form is not None
        self._departures = Departures()
        self._opened_at = self._clock.now()
        self._writer = LiveWriter(
            self._target,
            self._form,
            self._codec,
            self._bit_rate(self._form),
            self._clock,
            self._stop,
        )

    def _connected(self, now: float) -> None:
        """The connection works."""
        if not self._meter.connected:
            away = f" after {now - self._gone_at:.1f} s" if self._gone_at is not None else ""
            self._journal.say(f"output {self._target.shown}: connected{away}")
            self._meter.connected = True
            self._meter.reconnects += self._was_there
            self._was_there, self._gone_at, self._said = True, None, ""
        if self._lost_at is not None and now - self._opened_at > _STEADY_SECONDS:
            self._lost_at = None

    def _lose(self, why: str) -> None:
        """The connection is lost, or could not be made."""
        now = self._clock.now()
        writer, self._writer = self._writer, None
        if writer is None or not self._meter.connected:
            self._target.give_back()
        if writer is not None:
            # Whoever does not answer does not answer to a good-bye either: it is not waited for.
            Thread(target=writer.close, name="vsdeblur close", daemon=True).start()
        self._lost_at = now if self._lost_at is None else self._lost_at
        self._gone_at = now if self._gone_at is None else self._gone_at
        away = now - self._lost_at
        limit = self._options.reconnect
        was, self._meter.connected = self._meter.connected, False
        if not self._target.again or (limit is not None and away >= limit):
            self.failure = why
            self._journal.say(f"output {self._target.shown}: {why}; it is given up")
            return
        if was or why != self._said:
            what = "lost" if was else "not there"
            self._journal.say(f"output {self._target.shown}: {what} ({why}); trying again")
        self._said = why
        self._needs_key, self._asked = True, False
        self._try_at = now + next_pause(away)

    def _note_left(self, time: Fraction, now: float) -> None:
        """A packet of this time was given to the muxer, which lets others go for it."""
        assert self._writer is not None
        for item, shown in self._departures.gone(time, single=self._writer.single):
            self._departed(item, shown, now)

    def _all_left(self) -> None:
        now = self._clock.now()
        for item, shown in self._departures.rest():
            self._departed(item, shown, now)

    def _departed(self, item: Outgoing, shown: Fraction, now: float) -> None:
        shift = None if item.shift is None else item.shift + shown - item.time
        self._meter.note_frame(item.ready, now, Sent(shown, shift))

    def _too_old(self, items: deque[SenderItem]) -> int:
        """The rule of the queue: what waits beyond the bound is dropped, up to a key frame."""
        now = self._clock.now()
        pictures = [item for item in items if isinstance(item, Outgoing)]
        if not pictures or not self._is_old(pictures[0], now):
            return 0
        keys = (item for item in pictures if item.coded.key and not self._is_old(item, now))
        first = next(keys, None)
        number = 0
        while items and items[0] is not first:
            if isinstance(items[0], Form | Finished):
                break
            number += isinstance(items.popleft(), Outgoing)
        if first is None:
            self._needs_key, self._asked = True, False
        return number

    def _is_old(self, item: Outgoing, now: float) -> bool:
        since = item.put if item.ready is None else item.ready
        return now - item.put > _MAY_WAIT and now - since > self._options.max_latency

    def _note_dropped(self, number: int) -> None:
        self._meter.dropped += number
        now = self._clock.now()
        if self._meter.connected and now - self._said_slow_at > _SAY_SECONDS:
            self._said_slow_at = now
            self._journal.say(
                f"output {self._target.shown}: it does not take them fast enough; frames are "
                "dropped up to the next key frame"
            )
