"""The timeline of a live run: it goes on as time does, whatever the source's clocks say."""

from __future__ import annotations

from fractions import Fraction

from ..timeline import Timeline

__all__ = ["LiveTimeline"]

_LEAP = Fraction(1)
"""Seconds that a track may leap ahead of what has passed since its last packet."""
_JITTER = Fraction(3, 10)
"""Seconds by which packets may come late without that being a pause."""


class LiveTimeline(Timeline):
    """A timeline that knows when packets arrived.

    A source that says nothing for five seconds and goes on with a clock that was set anew, goes on
    five seconds later; one whose clock leaps while it sends without a pause goes on at once. Only
    the time since a track's last packet is looked at, so that two clocks that differ a little do
    not drift apart in here.

    Args:
        start: What the first packet's time becomes, in seconds.
    """

    def __init__(self, start: Fraction = Fraction(0)) -> None:
        super().__init__(None, _LEAP, start)
        self._now = 0.0
        self._arrived: dict[int, float] = {}
        self._last_arrival: float | None = None
        self._elapsed = self._duration = Fraction(0)

    def arrives(self, at: float) -> None:
        """The packets that follow have come at this time, in seconds of the run's clock."""
        self._now = at

    def shift(
        self, track: int, time: Fraction | None, duration: Fraction, *, sparse: bool = False
    ) -> Fraction:
        """See `Timeline.shift`."""
        last = self._arrived.get(track, self._last_arrival)
        self._elapsed = Fraction(0) if last is None else Fraction(max(0.0, self._now - last))
        self._duration = duration
        shift = super().shift(track, time, duration, sparse=sparse)
        if not sparse and time is not None:
            self._arrived[track] = self._last_arrival = self._now
        return shift

    def _fits(self, moved: Fraction, expected: Fraction, back: Fraction) -> bool:
        return expected - back <= moved <= expected + _LEAP + self._elapsed

    def _resumed(self, track: int, expected: Fraction) -> Fraction:
        pause = self._elapsed - self._duration
        return expected + pause if pause > _JITTER else expected
