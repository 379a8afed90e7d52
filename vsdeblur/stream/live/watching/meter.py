"""Counts and measures a live run, from all its threads; a status is what can be said at a time."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

from ..clock import Clock
from .offsets import Offsets, Sent

__all__ = ["LiveStatus", "Meter", "OutputMeter", "OutputStatus"]

_WINDOW_SECONDS = 60.0
"""Seconds over which latency is looked at."""
_RATE_SECONDS = 5.0
"""Seconds over which the bit rate is."""


@dataclass(frozen=True, kw_only=True)
class OutputStatus:
    """How one output does."""

    name: str
    """Its address, without keys."""
    connected: bool
    frames: int
    """Frames that have left, the held ones too."""
    dropped: int
    """Frames that were encoded and have not left."""
    reconnects: int
    latency: float | None
    """Of the last frame, in seconds beyond the look-ahead; None = none has left."""
    latency_p95: float | None
    """95% of the frames of the last minute left sooner."""
    latency_max: float | None
    """Of the last minute."""
    within_bound: float | None
    """Share of all frames that left within the bound."""
    av_offset: float | None
    """Seconds by which the picture is later against the sound than it came in."""
    av_offset_max: float | None
    """The largest so far, without its sign."""
    bit_rate: int
    """Bits a second of all tracks."""


@dataclass(frozen=True, kw_only=True)
class LiveStatus:
    """How a live run does."""

    time: str
    """UTC."""
    seconds: float
    """Since it was started."""
    frames_in: int
    """Frames decoded; each is then restored, passed or dropped."""
    restored: int
    passed: int
    """Frames that went on unrestored, in time."""
    dropped: int
    """Frames that were not encoded, since not even that was possible in time."""
    held: int
    """Frames shown once more because none came."""
    skipped: int
    """Packets of pictures that were not decoded: those before a key frame, or too many at once."""
    input_reconnects: int
    level: int
    """Level of degradation: 0 = the best."""
    level_name: str
    level_changes: int
    outputs: tuple[OutputStatus, ...]

    @property
    def latency(self) -> float | None:
        """Of the last frame, at the slowest output."""
        return _worst(output.latency for output in self.outputs)

    @property
    def latency_p95(self) -> float | None:
        """Of the last minute, at the slowest output."""
        return _worst(output.latency_p95 for output in self.outputs)

    @property
    def latency_max(self) -> float | None:
        """Of the last minute, at the slowest output."""
        return _worst(output.latency_max for output in self.outputs)

    @property
    def av_offset(self) -> float | None:
        """At the output where it is largest."""
        return _worst(output.av_offset for output in self.outputs)

    @property
    def bit_rate(self) -> int:
        """Of all outputs together."""
        return sum(output.bit_rate for output in self.outputs)

    @property
    def reconnects(self) -> int:
        """Of both ends."""
        return self.input_reconnects + sum(output.reconnects for output in self.outputs)


@dataclass
class _Left:
    time: float
    latency: float


class OutputMeter:
    """Counts and measures what leaves by one output.

    Args:
        name: What it is called.
        clock: The run's.
        bound: Seconds that a frame may take.
    """

    def __init__(self, name: str, clock: Clock, bound: float) -> None:
        self.name = name
        self.connected = False
        self.dropped = self.reconnects = self.frames = 0
        self._clock, self._bound = clock, bound
        self._lock = Lock()
        self._left: deque[_Left] = deque()
        self._bytes: deque[tuple[float, int]] = deque()
        self._measured = self._within = 0
        self._offsets = Offsets()

    def note_frame(self, ready: float | None, left: float, sent: Sent) -> None:
        """A frame has left.

        Args:
            ready: When the last packet that it needed had come; None = it is a held one.
            left: When its own packet had left.
            sent: Its times.
        """
        with self._lock:
            self.frames += 1
            if ready is not None:
                latency = left - ready
                self._measured += 1
                self._within += latency <= self._bound
                self._left.append(_Left(left, latency))
                _forget(self._left, left - _WINDOW_SECONDS)
            self._offsets.add_frame(sent)

    def note_sound(self, sent: Sent) -> None:
        """A packet of sound has left."""
        with self._lock:
            self._offsets.add_sound(sent)

    def note_bytes(self, time: float, number: int) -> None:
        """So many bytes were given to the output."""
        with self._lock:
            self._bytes.append((time, number))
            while self._bytes and self._bytes[0][0] < time - _RATE_SECONDS:
                self._bytes.popleft()

    def status(self) -> OutputStatus:
        """How it does now."""
        now = self._clock.now()
        with self._lock:
            _forget(self._left, now - _WINDOW_SECONDS)
            latencies = [left.latency for left in self._left]
            recent = sum(n for time, n in self._bytes if time >= now - _RATE_SECONDS)
            return OutputStatus(
                name=self.name,
                connected=self.connected,
                frames=self.frames,
                dropped=self.dropped,
                reconnects=self.reconnects,
                latency=latencies[-1] if latencies else None,
                latency_p95=_percentile(latencies, 0.95),
                latency_max=max(latencies, default=None),
                within_bound=self._within / self._measured if self._measured else None,
                av_offset=self._offsets.last,
                av_offset_max=self._offsets.largest,
                bit_rate=round(recent * 8 / min(_RATE_SECONDS, max(now, 1e-3))),
            )


@dataclass
class Meter:
    """Counts a live run. Each number is written by one thread alone."""

    clock: Clock
    outputs: Sequence[OutputMeter]
    frames_in: int = 0
    restored: int = 0
    passed: int = 0
    dropped: int = 0
    held: int = 0
    skipped: int = 0
    input_reconnects: int = 0
    level: int = 0
    level_changes: int = 0
    level_names: Sequence[str] = field(default_factory=lambda: ("",))

    def status(self) -> LiveStatus:
        """How the run does now."""
        return LiveStatus(
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            seconds=round(self.clock.now(), 3),
            frames_in=self.frames_in,
            restored=self.restored,
            passed=self.passed,
            dropped=self.dropped,
            held=self.held,
            skipped=self.skipped,
            input_reconnects=self.input_reconnects,
            level=self.level,
            level_name=self.level_names[self.level],
            level_changes=self.level_changes,
            outputs=tuple(output.status() for output in self.outputs),
        )


def _worst(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), key=abs, default=None)


def _forget(left: deque[_Left], before: float) -> None:
    while left and left[0].time < before:
        left.popleft()


def _percentile(values: Sequence[float], share: float) -> float | None:
    """The least value that so large a share of the values does not exceed."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
