"""Which moments of opened frames are shown, where not all are: so many of each, or at a rate.

A frame that is opened into M moments is M pictures, each the middle of a part of its exposure.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from ..errors import OptionError

__all__ = ["RateChoice", "as_rate", "evenly_spaced"]

_NTSC = Fraction(1000, 1001)
_NTSC_ERROR = Fraction(1, 100)
"""How far from its exact value a rate such as 59.94 or 23.98 is written."""


def evenly_spaced(count: int, moments: int) -> list[int]:
    """Numbers of so many moments that lie nearest to even steps.

    Of an odd number they are the same forwards and backwards: none is favoured when time runs the
    other way.

    >>> [evenly_spaced(count, 7) for count in (2, 3, 4, 7)]
    [[1, 5], [1, 3, 5], [0, 2, 4, 6], [0, 1, 2, 3, 4, 5, 6]]

    Args:
        count: How many are wanted, at most `moments`.
        moments: How many there are.
    """
    return [(2 * index + 1) * moments // (2 * count) for index in range(count)]


def as_rate(fps: float) -> Fraction:
    """A frame rate as it is meant.

    >>> as_rate(59.94), as_rate(23.976), as_rate(12.5)
    (Fraction(60000, 1001), Fraction(24000, 1001), Fraction(25, 2))
    """
    whole = round(fps * 1.001)
    if fps != round(fps) and abs(whole * _NTSC - Fraction(fps)) < _NTSC_ERROR:
        return whole * _NTSC
    return Fraction(fps).limit_denominator(1001)


@dataclass(frozen=True, kw_only=True)
class RateChoice:
    """Frames at a constant rate, each the moment that lies nearest to the middle of its time."""

    source: Fraction
    """Frames a second that there are."""
    wanted: Fraction
    """Frames a second that there shall be."""
    moments: int
    """Into how many a frame is opened."""
    exposure: Fraction = Fraction(1)
    """Part of a frame's time over which its moments are spread."""

    def __post_init__(self) -> None:
        if not self.source < self.wanted <= self.source * self.moments:
            raise OptionError(
                f"fps must be above the {_written(self.source)} that there are and at most "
                f"{_written(self.source * self.moments)} ({self.moments} moments of each frame), "
                f"got {_written(self.wanted)}"
            )

    def place(self, number: int) -> tuple[int, int]:
        """Of which frame a frame of the result is, and which moment of it, both from 0."""
        frames = (number + Fraction(1, 2)) * self.source / self.wanted
        return floor(frames), self.moment(frames - floor(frames))

    def moment(self, share: Fraction) -> int:
        """The moment that is nearest to a place within a frame's time, 0 to 1."""
        return min(floor(share * self.moments / self.exposure), self.moments - 1)

    def length(self, frames: int) -> int:
        """How many frames so many become."""
        return ceil(frames * self.wanted / self.source - Fraction(1, 2))

    @property
    def told(self) -> str:
        """What is not exact, in a line; empty = each frame gives as many."""
        if (self.wanted / self.source).denominator == 1:
            return ""
        most = self.source * self.moments
        off = float(500 / most)
        return (
            f"{_written(self.wanted)} frames a second of {_written(self.source)}: each is the "
            f"nearest of {_written(most)} moments a second, up to {off:.1f} ms off; a whole "
            f"multiple of {_written(self.source)} gives equal steps"
        )


def _written(rate: Fraction) -> str:
    """A rate as people write it.

    >>> _written(Fraction(24000, 1001))
    '23.976'
    """
    return f"{float(rate):.6g}"
