"""By how much sound and picture are apart that came in together."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Offsets", "Sent"]

_SAME_CLOCK = Fraction(1, 100)
"""Seconds by which the shifts of two frames on one clock of the source may differ."""
_MOST_FRAMES, _MOST_SOUND = 600, 2000
"""Those that are remembered until what is shown or heard at the same time has left."""


@dataclass(frozen=True)
class Sent:
    """A frame or a packet of sound, as it was sent."""

    time: Fraction
    """When it is shown or heard, in seconds of the output."""
    shift: Fraction | None
    """Seconds by which that is later than in the source; None = the source has no such time."""


class Offsets:
    """Compares sound with the two frames between which it is heard.

    Where those are on two clocks of the source, it breaks there, and the sound between them belongs
    to neither.
    """

    def __init__(self) -> None:
        self.last: float | None = None
        """Seconds by which the picture was later against the sound, last."""
        self.largest: float | None = None
        """The largest of those so far, without its sign."""
        self._frames: deque[tuple[Fraction, Fraction]] = deque(maxlen=_MOST_FRAMES)
        self._sound: deque[tuple[Fraction, Fraction]] = deque(maxlen=_MOST_SOUND)

    def add_frame(self, sent: Sent) -> None:
        """A frame has left, later in time than those before it."""
        if sent.shift is None:
            return
        if self._frames and sent.time <= self._frames[-1][0]:  # another connection
            self._frames.clear()
            self._sound.clear()
        self._frames.append((sent.time, sent.shift))
        while self._sound and self._sound[0][0] <= sent.time:
            self._compare(*self._sound.popleft())

    def add_sound(self, sent: Sent) -> None:
        """A packet of sound has left; it may be ahead of its frames, or behind."""
        if sent.shift is None:
            return
        if self._frames and sent.time <= self._frames[-1][0]:
            self._compare(sent.time, sent.shift)
        else:
            self._sound.append((sent.time, sent.shift))

    def _compare(self, time: Fraction, shift: Fraction) -> None:
        """Compare a packet of sound with the frame before it and the one after it."""
        after: Fraction | None = None
        for shown, of_frame in reversed(self._frames):
            if shown >= time:
                after = of_frame
                continue
            if after is not None and abs(after - of_frame) < _SAME_CLOCK:
                self.last = float(of_frame - shift)
                self.largest = max(abs(self.last), self.largest or 0.0)
            return
