"""What has come, put in line: frames with their neighbours, packets beside them, held frames."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from threading import Event

from ...errors import VideoError
from ..account import clock_time
from ..formats import convert_frame
from ..paths import check_size
from .clock import Clock
from .connection import BesidePacket, Connection
from .ends.feed import Arrived, Feed, FeedItem, Lost, Opened
from .ends.sources import STALL_SECONDS
from .form import Form, FormMaker, shape_of
from .frames import LiveFrame, LiveWindows, Window
from .job import Beside, Finished, Held, Job, LineItem
from .queues import DropQueue
from .watching.journal import Journal
from .watching.meter import Meter
from .worker import Worker

__all__ = ["Intake"]

_HOLD_SECONDS = 1.0
"""How long no picture comes before the last one is shown once more: players bridge less."""
_HOLD_FRAMES = 3
"""And for how many frames at least, where those last long."""
_CATCH_UP_SECONDS = 0.5
"""How long frames may come too late before the source is taken to have paused."""
_TICK_SECONDS = 0.02
_LEAST_INTERVAL, _MOST_INTERVAL = Fraction(1, 240), Fraction(1)


class Intake:
    """Takes packets from the feed, decodes them, and puts what they give in line.

    Args:
        feed: Reads the source.
        queue: What it has read.
        line: Where things go, in order.
        worker: Restores frames.
        maker: Makes forms.
        scene_threshold: See `StreamOptions`.
        radius: Neighbours on each side that a frame is restored from.
        clock: The run's.
        journal: What is told of events.
        meter: What counts.
        stop: Ends it.
    """

    def __init__(
        self,
        feed: Feed,
        queue: DropQueue[FeedItem],
        line: DropQueue[LineItem],
        worker: Worker,
        maker: FormMaker,
        *,
        scene_threshold: float | None,
        radius: int,
        clock: Clock,
        journal: Journal,
        meter: Meter,
        stop: Event,
    ) -> None:
        self._feed, self._queue, self._line, self._worker = feed, queue, line, worker
        self._maker, self._threshold = maker, scene_threshold
        self._clock, self._journal, self._meter, self._stop = clock, journal, meter, stop
        self._windows = LiveWindows(radius)
        self._connection: Connection | None = None
        self._form: Form | None = None
        self._shape: tuple[object, ...] = ()
        self._fitted: Connection | None = None  # whose tracks the form's are
        self._places: dict[int, int] = {}
        self._last: LiveFrame | None = None
        self._shown = Fraction(-1)  # the time given out last, held frames too
        self._picture_at = self._heard_at = 0.0
        self._late_since: float | None = None
        self._holding = False
        self._gap = False
        self.failure: VideoError | None = None
        """Why the source has ended, if that is an error."""

    def note_gap(self, number: int) -> None:
        """Packets have been dropped before they were taken."""
        self._meter.skipped += number
        self._gap = True

    def run(self) -> None:
        """Work until it is stopped, or nothing more comes."""
        while not self._stop.is_set():
            item = self._queue.get(max(0.001, self._clock.real(_TICK_SECONDS)))
            match item:
                case Opened():
                    self._connect(item)
                case Arrived():
                    self._take(item)
                case Lost():
                    self._disconnect()
                    if item.final:
                        if item.failed and self._form is None:
                            self.failure = VideoError(item.why)
                        break
                case None:
                    if self._connection is not None:
                        self._put(self._connection.settle())
            self._watch()
        self._flush(self._clock.now())
        self._line.put(Finished())

    def _connect(self, opened: Opened) -> None:
        self._picture_at = self._clock.now()
        now_shown = None if self._last is None else self._now_shown
        self._connection = Connection(opened, now_shown, self._clock.speed)

    def _now_shown(self) -> Fraction:
        """When a frame that comes now is to be shown."""
        assert self._last is not None
        by_clock = self._last.time + Fraction(self._clock.now() - self._last.arrived)
        return max(by_clock, self._shown + self._interval())

    def _take(self, arrived: Arrived) -> None:
        if self._connection is None:
            return
        if arrived.picture:
            self._picture_at = arrived.at
        if self._gap:
            self._gap = False
            self._connection.skip_to_key(arrived.at)
        before = self._connection.skipped
        self._put(self._connection.take(arrived))
        self._meter.skipped += self._connection.skipped - before

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._put(connection.finish(), connection)
        self._flush(self._clock.now())
        connection.container.close()

    def _put(
        self,
        items: Iterable[LiveFrame | BesidePacket],
        connection: Connection | None = None,
    ) -> None:
        connection = connection or self._connection
        assert connection is not None
        for item in items:
            if isinstance(item, LiveFrame):
                self._put_frame(item, connection)
            elif self._form is not None and item.index in self._places:
                place = self._places[item.index]
                self._line.put(Beside(item, place, self._clock.now()))

    def _put_frame(self, frame: LiveFrame, connection: Connection) -> None:
        self._meter.frames_in += 1
        self._heard_at = frame.arrived
        if self._is_late(frame, connection):
            self._meter.dropped += 1
            return
        if self._holding:
            away = frame.arrived - (self._last.arrived if self._last else 0)
            self._journal.say(f"input: pictures again after {away:.1f} s")
            self._holding = False
        self._fit(frame, connection)
        assert self._form is not None
        frame.frame = convert_frame(frame.frame, self._form.working_format)
        frame.starts_scene = self._starts_scene(frame, self._form)
        self._measure(frame)
        self._last, self._shown = frame, frame.time
        self._put_windows(self._windows.push(frame))

    def _is_late(self, frame: LiveFrame, connection: Connection) -> bool:
        """Whether another frame is shown at its time: a held one, or it comes twice.

        A source that was held up catches up, and then frames are in time again. One that has paused
        and says nothing of it stays late: then all that follows is shown later.
        """
        if frame.time > self._shown:
            self._late_since = None
            return False
        if self._late_since is None:
            self._late_since = frame.arrived
        elif frame.arrived - self._late_since > _CATCH_UP_SECONDS:
            connection.delay(self._shown + self._interval() - frame.time)
            self._late_since = None
        return True

    def _fit(self, frame: LiveFrame, connection: Connection) -> None:
        """Make another form if this frame, or its connection, does not fit the one there is."""
        shape = shape_of(frame.frame)
        if self._form is not None and shape == self._shape and connection is self._fitted:
            return
        if self._form is not None and shape == self._shape:
            places = self._form.places(connection)
            if places is not None:
                self._places, self._fitted = places, connection
                return
        check_size(self._feed.shown, frame.frame.width, frame.frame.height)
        self._flush(self._clock.now())
        form = self._maker.make(connection, frame.frame)
        self._say_form(form, frame.time)
        self._form, self._shape, self._fitted = form, shape, connection
        self._places = {index: index for index in form.tracks}
        self._worker.begin(form)
        self._line.put(form)

    def _say_form(self, form: Form, time: Fraction) -> None:
        facts = form.facts
        if self._form is not None:
            self._journal.say(
                f"input: pictures are now {facts.width}x{facts.height}, from {clock_time(time)} on"
            )
        for line in self._maker.lines(form):
            self._journal.say(line)

    def _starts_scene(self, frame: LiveFrame, form: Form) -> bool:
        before = self._windows.last
        if self._threshold is None or before is None:
            return False
        difference = (frame.picture(form.coding) - before.picture(form.coding)).abs().mean()
        luma = form.coding.luma
        return float(difference) * luma.span / ((1 << luma.bits) - 1) >= self._threshold

    def _put_windows(self, windows: Iterable[Window]) -> None:
        assert self._form is not None
        for window in windows:
            job = Job(window, self._form, self._worker.deadline(window, self._form))
            self._line.put(job)
            self._worker.put(job)

    def _flush(self, now: float) -> None:
        """Let the last frames go without those that would have followed."""
        if self._form is not None:
            self._put_windows(self._windows.flush(now))

    def _measure(self, frame: LiveFrame) -> None:
        if self._last is not None:
            step = frame.time - self._last.time
            if _LEAST_INTERVAL <= step <= _MOST_INTERVAL:
                self._worker.note_interval(float(step))

    def _interval(self) -> Fraction:
        assert self._form is not None
        return 1 / self._form.facts.frame_rate

    def _watch(self) -> None:
        """Hold the last picture when none comes; have the source called again when none will."""
        now = self._clock.now()
        if self._connection is not None and now - self._picture_at > STALL_SECONDS * 2:
            self._picture_at = now
            self._feed.reopen.set()
        if self._last is None or self._form is None:
            return
        if now - self._heard_at <= max(_HOLD_SECONDS, float(_HOLD_FRAMES * self._interval())):
            return
        away = now - self._last.arrived
        if not self._holding:
            self._holding = True
            self._flush(now)
            self._journal.say(f"input: no picture for {away:.1f} s; the last one is held")
        time = self._last.time + Fraction(away)
        if time >= self._shown + self._interval():
            self._shown = time
            self._meter.held += 1
            self._line.put(Held(time))
