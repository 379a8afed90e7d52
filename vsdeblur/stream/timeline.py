"""One time for all tracks: from what a source's clocks say to when things happen in the target.

Pure arithmetic on what came, without a container: see `Timeline` for the rules.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Jump", "Rising", "Slots", "Timeline"]

BACK = Fraction(1, 10)
"""Seconds by which a track may step back before that is another clock: tracks overlap a little."""
AHEAD = Fraction(10)
"""Seconds that a track may leap ahead before that is another clock, where clocks may jump."""
_CLOCKS = 4
"""Clocks that are remembered: around a jump packets of the old and the new one are mixed."""


@dataclass(frozen=True)
class Jump:
    """A place where a source's clock jumped and the timeline did not."""

    time: Fraction
    """In seconds of the timeline."""
    seconds: Fraction
    """How far the clock leapt; less than 0: back."""


class Timeline:
    """Maps a source's times to times that start at 0 and never jump.

    * The first time of the source becomes 0, whatever it was; all tracks move together.
    * A track that steps back, or far ahead, is on another clock: it goes on where it was expected,
      and the other tracks move with it, so that sound and picture stay in step.
    * Where packets of two clocks are mixed each is mapped by its own.

    Args:
        origin: The source's first time in seconds, of whatever track; None = that of the first
            packet.
        ahead: Seconds that a track may leap ahead; None = as far as it likes. A recording of the
            air has clocks that jump; a file whose frames have times of their own has pauses.
        start: What the first time becomes instead of 0, where `origin` is None.
    """

    def __init__(
        self,
        origin: Fraction | None = None,
        ahead: Fraction | None = AHEAD,
        start: Fraction = Fraction(0),
    ) -> None:
        self._ahead = ahead
        self._start = start
        self._shifts: deque[Fraction] = deque(maxlen=_CLOCKS)  # the one in use leads
        if origin is not None:
            self._shifts.append(-origin)
        self._expected: dict[int, Fraction] = {}
        self.end = start
        """Where all that has come ends, in seconds of the timeline."""
        self.jumps: list[Jump] = []
        """Where the clock jumped."""

    def shift(
        self, track: int, time: Fraction | None, duration: Fraction, *, sparse: bool = False
    ) -> Fraction:
        """By how much the times of a packet move.

        Args:
            track: Which track it is of.
            time: When it is decoded, in seconds of the source; None = it does not say.
            duration: How long it lasts, in seconds.
            sparse: Whether its track has pauses by nature, as subtitles have: it follows the
                clock, and says nothing about it.

        Returns:
            Seconds to add.
        """
        if time is None:
            return self._shifts[0] if self._shifts else Fraction(0)
        if not self._shifts:
            self._shifts.append(self._start - time)
        if sparse:
            return self._shifts[0]
        self._follow_clock(track, time)
        ends = time + self._shifts[0] + duration
        self._expected[track] = ends
        self.end = max(self.end, ends)
        return self._shifts[0]

    def ahead(self, track: int, time: Fraction) -> Fraction | None:
        """By how much a time of a track is later than expected, in seconds.

        Returns:
            Less than 0 if it is earlier; None if nothing is expected of the track.
        """
        if track not in self._expected or not self._shifts:
            return None
        return time + self._shifts[0] - self._expected[track]

    def delay(self, seconds: Fraction) -> None:
        """Let everything be later: what came first was not what is shown first."""
        self._start += seconds
        self.end += seconds
        self._shifts = deque((shift + seconds for shift in self._shifts), _CLOCKS)
        self._expected = {track: time + seconds for track, time in self._expected.items()}

    def join(self, starts: Mapping[int, Fraction], ends: Mapping[int, Fraction]) -> None:
        """Another recording follows: it starts as early as no track meets its own end.

        Args:
            starts: When its tracks start, in seconds of its own; those that do not say are not in
                it.
            ends: When tracks end that end later than their packets said, in seconds of the
                timeline.
        """
        expected = self._expected | dict(ends)
        shifts = [expected[track] - start for track, start in starts.items() if track in expected]
        self._start = self.end = max(self.end, *ends.values()) if ends else self.end
        self._expected.clear()
        self._shifts.clear()
        if shifts:
            self._shifts.append(max(shifts))

    def _follow_clock(self, track: int, time: Fraction) -> None:
        """Choose the clock that a packet is on, or start another."""
        known = track in self._expected
        expected = self._expected.get(track, self.end)
        back = BACK if known else AHEAD  # a track's first packet may come late
        for shift in self._shifts:
            if self._fits(time + shift, expected, back):
                break
        else:
            shift = self._resumed(track, expected) - time
            self.jumps.append(Jump(expected, -(shift - self._shifts[0])))
        with suppress(ValueError):
            self._shifts.remove(shift)
        self._shifts.appendleft(shift)

    def _resumed(self, track: int, expected: Fraction) -> Fraction:
        """When a packet on a new clock is shown: where its track was expected to go on."""
        return expected

    def _fits(self, moved: Fraction, expected: Fraction, back: Fraction) -> bool:
        ahead = self._ahead
        return moved >= expected - back and (ahead is None or moved <= expected + ahead)


class Rising:
    """Times of one track that rise, in units of its time base."""

    def __init__(self) -> None:
        self.last: int | None = None
        """The time given out last."""
        self.mended = 0
        """Times that had to be moved up."""

    def after_last(self, time: int) -> int:
        """The time, or the first one later than the last."""
        if self.last is not None and time <= self.last:
            time = self.last + 1
            self.mended += 1
        self.last = time
        return time


class Slots:
    """When frames are shown whose container knows only the order in which they are decoded.

    Packets have a place each; frames come in the order in which they are shown, and take the
    places in order. What failed to decode leaves a place free, which is given up at the next frame
    that all before it precede.
    """

    def __init__(self) -> None:
        self._free: list[int] = []

    def add(self, place: int) -> None:
        """A packet was read."""
        self._free.append(place)
        self._free.sort()

    def take(self, own: int, *, key_frame: bool) -> int:
        """The place at which a frame is shown.

        Args:
            own: The place of the packet that it was decoded from.
            key_frame: Whether frames decoded before it are shown before it.
        """
        if key_frame:
            self._free = [place for place in self._free if place >= own]
        return self._free.pop(0) if self._free else own
