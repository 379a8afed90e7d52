"""A live run: its threads, from the start to the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Thread
from time import monotonic

from ...errors import VideoError
from .clock import Clock
from .coder import stream_options, usual_bits
from .coding_stage import CodingStage, in_time
from .ends.feed import Feed, FeedItem, keep_recent
from .ends.sender import Sender
from .ends.sources import LiveSource
from .ends.target import LiveTarget
from .form import FormMaker
from .intake import Intake
from .job import Finished, LineItem
from .levels import LiveFilter
from .policy import PolicyRules
from .queues import DropQueue
from .settings import LiveOptions
from .watching.journal import Journal
from .watching.meter import LiveStatus, Meter, OutputMeter
from .worker import Worker

__all__ = ["LiveSession"]

_STOP_SECONDS = 0.9
"""How long the ends may take to say good-bye; then they are left."""
_LEAVE_SECONDS = 0.3
"""Of that, for those that are called off."""
_REPORT_SECONDS = 1.0
_POLL_SECONDS = 0.1


class LiveSession:
    """One live run.

    Args:
        source: Where the stream comes from.
        targets: Where it goes.
        chosen: What restores it.
        options: How.
        journal: What is told of events.
        report: Called once a second, and at the end, in the thread that runs.
        clock: The run's.
        rules: When levels change.
    """

    def __init__(
        self,
        source: LiveSource,
        targets: Sequence[LiveTarget],
        chosen: LiveFilter,
        options: LiveOptions,
        journal: Journal,
        report: Callable[[LiveStatus], None] = lambda status: None,
        clock: Clock | None = None,
        rules: PolicyRules | None = None,
    ) -> None:
        self._source, self._journal, self._report = source, journal, report
        self._clock = clock = clock or Clock()
        self._stop, self._leave = Event(), Event()
        self._failure: BaseException | None = None
        meters = [OutputMeter(target.shown, clock, options.max_latency) for target in targets]
        self._meter = Meter(clock, meters, level_names=[level.name for level in chosen.levels])
        self._line: DropQueue[LineItem] = DropQueue(
            lambda items: in_time(items, options.max_latency),
            lambda number: self._coding.note_dropped(number),
        )
        self._worker = Worker(
            chosen, options.max_latency, clock, journal, self._meter, self._stop, rules
        )
        self._senders = [
            Sender(
                target, meter, lambda: self._coding.want_key(), clock, journal, options,
                lambda form: usual_bits(form, options), self._leave,
            )
            for target, meter in zip(targets, meters, strict=True)
        ]  # fmt: skip
        self._coding = CodingStage(
            self._line, self._senders, self._worker, options, clock, self._meter, journal
        )
        self._queue: DropQueue[FeedItem] = DropQueue(
            keep_recent, lambda n: self._intake.note_gap(n)
        )
        self._feed = Feed(source, self._queue, clock, journal, self._meter, options, self._stop)
        containers = [target.container for target in targets]
        self._intake = Intake(
            self._feed,
            self._queue,
            self._line,
            self._worker,
            FormMaker(chosen, stream_options(options), containers),
            scene_threshold=options.scene_threshold,
            radius=chosen.radius,
            clock=clock,
            journal=journal,
            meter=self._meter,
            stop=self._stop,
        )

    def status(self) -> LiveStatus:
        """How the run does."""
        return self._meter.status()

    def is_behind(self) -> bool:
        """Whether something that has come waits to be taken: for trials at a clock of their own."""
        waiting = (len(self._queue), len(self._line), *(s.waiting for s in self._senders))
        return max(waiting) > 1

    def run(self) -> bool:
        """Run until the source has ended for good, all outputs are given up, or Ctrl-C.

        Returns:
            Whether it was Ctrl-C.

        Raises:
            DeblurError: The source was never there, nothing takes what is sent, or the encoder
                fails.
        """
        interrupted = False
        threads = self._threads()
        try:
            for thread in threads:
                thread.start()
            self._watch()
        except KeyboardInterrupt:
            interrupted = True
            self._journal.say("stopping")
        finally:
            with suppress(KeyboardInterrupt):  # a second one: at once
                self._end(threads)
        self._report(self.status())
        failure = self._failure or self._intake.failure
        if failure is not None and not interrupted:
            raise failure
        given_up = [sender.failure for sender in self._senders]
        if all(given_up) and not interrupted:
            raise VideoError(f"no output is left; the last one: {given_up[-1]}")
        return interrupted

    def stop(self) -> None:
        """End it as Ctrl-C does; from any thread."""
        self._stop.set()

    def _threads(self) -> list[Thread]:
        parts: dict[str, Callable[[], None]] = {
            "read": self._feed.run,
            "decode": self._intake.run,
            "restore": self._worker.run,
            "encode": self._coding.run,
        }
        parts |= {f"send {n}": sender.run for n, sender in enumerate(self._senders)}
        # Daemons, for a read or a write that the other end leaves hanging cannot be called off.
        return [
            Thread(target=self._guarded, args=(run,), name=f"vsdeblur {name}", daemon=True)
            for name, run in parts.items()
        ]

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:  # raised in the caller's thread
            self._failure = self._failure or error
            self._stop.set()

    def _watch(self) -> None:
        """Report until all is sent, or something has failed."""
        due = self._clock.now() + _REPORT_SECONDS
        while not self._stop.is_set() and not all(s.ended.is_set() for s in self._senders):
            self._stop.wait(_POLL_SECONDS)
            now = self._clock.now()
            if now >= due:
                due = max(due + _REPORT_SECONDS, now)
                self._report(self.status())

    def _end(self, threads: Sequence[Thread]) -> None:
        """Let what is done be sent, both ends be told, and all threads go."""
        self._stop.set()
        self._source.close()
        until = monotonic() + _STOP_SECONDS
        for thread in threads[1:]:
            thread.join(max(0.0, until - _LEAVE_SECONDS - monotonic()))
        self._leave.set()  # what still waits for somebody to take it
        self._line.put(Finished())
        for sender in self._senders:
            sender.put(Finished())
        for thread in threads:
            thread.join(max(0.0, until - monotonic()))
