"""The one clock of a live run: monotonic, in seconds; a trial may let it run faster."""

from __future__ import annotations

from threading import Event
from time import monotonic

__all__ = ["Clock"]


class Clock:
    """Seconds since the run began.

    Args:
        speed: Seconds of this clock a second of the machine's: more than 1 in trials of endurance.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._start = monotonic()

    def now(self) -> float:
        """Seconds of this clock since it was made."""
        return (monotonic() - self._start) * self.speed

    def real(self, seconds: float) -> float:
        """Seconds of the machine that seconds of this clock take."""
        return seconds / self.speed

    def wait(self, event: Event, seconds: float) -> bool:
        """Wait for an event, for so long at most; whether it has happened."""
        return event.wait(max(0.0, self.real(seconds)))
