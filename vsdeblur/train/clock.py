"""The time that a stage of a run has."""

from __future__ import annotations

import time

__all__ = ["Clock"]


class Clock:
    """Tells how much of a stage's time is over.

    Args:
        deadline: When it is to end, of time.monotonic(); None = it has all the time there is.
    """

    def __init__(self, deadline: float | None) -> None:
        self._deadline = deadline
        self._begun: float | None = None
        self._reserve = 0.0

    def begin(self) -> None:
        """Count the time from now on, unless it is counted already."""
        if self._begun is None:
            self._begun = time.monotonic()

    def reserve(self, seconds: float) -> None:
        """Be over so much before the deadline, or more: what is done at last takes time too."""
        self._reserve = max(self._reserve, seconds)

    @property
    def seconds_left(self) -> float:
        """Until it is over; infinite without a deadline, never negative."""
        if self._deadline is None:
            return float("inf")
        return max(0.0, self._deadline - self._reserve - time.monotonic())

    @property
    def part_over(self) -> float:
        """From 0 at the beginning to 1 when it is over; 0 without a deadline."""
        if self._deadline is None or self._begun is None:
            return 0.0
        left = self.seconds_left
        past = time.monotonic() - self._begun
        return past / max(1e-9, past + left) if left else 1.0
