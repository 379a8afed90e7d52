"""Takes things from the line, in order and in time; encodes pictures; hands all to the outputs."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from threading import Event

from .clock import Clock
from .coder import CodedPicture, LiveEncoder
from .ends.sender import Outgoing, Sender
from .form import Form
from .job import Beside, Finished, Held, Job, LineItem
from .queues import DropQueue
from .settings import LiveOptions
from .watching.journal import Journal
from .watching.meter import Meter
from .worker import Worker

__all__ = ["CodingStage", "in_time"]

_WAIT_SECONDS = 0.2
_LEAD = Fraction(1, 4)
"""Seconds by which sound may go ahead of the picture it belongs to: muxers let a picture go at once
when something later is there already."""
_PATIENCE_SECONDS = 3.0
"""How long sound waits for a picture at most."""
_MOST_WAITING_SECONDS = 1.0
"""Beyond the bound, what may wait in the line: an encoder that hangs must not fill the memory."""
_SAY_SECONDS = 10.0


def in_time(items: deque[LineItem], bound: float) -> int:
    """The rule of the line: frames that wait too long are dropped, so that others need not.

    Args:
        items: What waits; the newest is at the end.
        bound: Seconds of latency that are allowed.

    Returns:
        How many were dropped.
    """
    newest = items[-1]
    if not isinstance(newest, Job):
        return 0
    oldest = next(item for item in items if isinstance(item, Job))
    if newest.window.ready - oldest.window.ready <= bound + _MOST_WAITING_SECONDS:
        return 0
    oldest.give_up()
    items.remove(oldest)
    return 1


class CodingStage:
    """The thread in which pictures are encoded.

    Args:
        line: What comes, in order.
        senders: The outputs.
        worker: Told of how long encoding takes.
        options: How to encode.
        clock: The run's.
        meter: What counts.
        journal: What is told of events.
    """

    def __init__(
        self,
        line: DropQueue[LineItem],
        senders: Sequence[Sender],
        worker: Worker,
        options: LiveOptions,
        clock: Clock,
        meter: Meter,
        journal: Journal,
    ) -> None:
        self._journal, self._said_at = journal, float("-inf")
        self._line, self._senders, self._worker = line, senders, worker
        self._options, self._clock, self._meter = options, clock, meter
        self._key_wanted = Event()
        self._encoder: LiveEncoder | None = None
        self._beside: deque[Beside] = deque()
        self._shown: Fraction | None = None

    def want_key(self) -> None:
        """Let the next picture be a key frame; from any thread."""
        self._key_wanted.set()

    def note_dropped(self, number: int) -> None:
        """Frames were not encoded; from any thread."""
        self._meter.dropped += number
        now = self._clock.now()
        if number and now - self._said_at > _SAY_SECONDS:
            self._said_at = now
            self._journal.say("this machine does not even encode in time; frames are dropped")

    def run(self) -> None:
        """Work until all has come."""
        while True:
            item = self._line.get(_WAIT_SECONDS)
            match item:
                case Form():
                    self._begin(item)
                case Job():
                    self._picture(item)
                case Held():
                    self._held(item)
                case Beside():
                    self._beside.append(item)
                    self._release_old()
                case Finished():
                    break
        self._finish()

    def _begin(self, form: Form) -> None:
        self._flush()
        self._encoder = LiveEncoder(form, self._options)
        self._key_wanted.clear()
        self._put(form)

    def _picture(self, job: Job) -> None:
        planes = job.result(self._clock)
        window, begun = job.window, self._clock.now()
        due = min(begun, job.deadline)
        if begun - window.ready > self._options.max_latency and len(self._line) > 1:
            # Not even encoding keeps up: what is too late makes room for what is not.
            self.note_dropped(1)
            return
        assert self._encoder is not None
        middle = window.middle
        coded = self._encoder.encode(middle.frame, planes, middle.time, key=self._takes_key())
        self._meter.restored += planes is not None
        self._meter.passed += planes is None
        self._worker.note_encoding(self._clock.now() - due)
        self._send(coded, middle.time, window.ready, middle.shift)

    def _held(self, held: Held) -> None:
        if self._encoder is not None:
            coded = self._encoder.encode_held(held.time, key=self._takes_key())
            self._send(coded, held.time, None, None)

    def _takes_key(self) -> bool:
        wanted = self._key_wanted.is_set()
        self._key_wanted.clear()
        return wanted

    def _send(
        self,
        pictures: Sequence[CodedPicture],
        time: Fraction,
        ready: float | None,
        shift: Fraction | None,
    ) -> None:
        self._shown = time
        self._release(time + _LEAD)
        now = self._clock.now()
        for coded in pictures:
            self._put(Outgoing(coded, time, ready, shift, now))

    def _release(self, until: Fraction) -> None:
        """Let packets beside the pictures go up to a time; those before the first picture never."""
        while self._beside and self._beside[0].packet.time <= until:
            beside = self._beside.popleft()
            if self._shown is not None and beside.packet.time >= 0:
                self._put(beside)

    def _release_old(self) -> None:
        """Let those go that have waited for a picture for too long."""
        now = self._clock.now()
        while self._beside and now - self._beside[0].came > _PATIENCE_SECONDS:
            self._put(self._beside.popleft())

    def _flush(self) -> None:
        if self._encoder is None:
            return
        now = self._clock.now()
        for coded in self._encoder.flush():
            self._put(Outgoing(coded, self._shown or Fraction(0), None, None, now))

    def _finish(self) -> None:
        self._flush()
        if self._shown is not None:
            self._release(self._shown + _LEAD)
        self._put(Finished())

    def _put(self, item: Form | Outgoing | Beside | Finished) -> None:
        for sender in self._senders:
            sender.put(item)
