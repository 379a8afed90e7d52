"""When frames are shown where a filter gives several for each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, gcd
from typing import NamedTuple

from ..frames.moment_choice import RateChoice, evenly_spaced
from .reader import SourceFacts

__all__ = ["Shown", "ShownMoment", "Timing"]

FINEST = 2**31 - 1
"""Units a second at most, as MP4 and encoders count them."""
COARSE = Fraction(1, 1_000_000)
"""Time base where the exact one is too fine; times are rounded to it."""


class Shown(NamedTuple):
    """When a frame is shown, in units of a time base."""

    pts: int
    duration: int


class ShownMoment(NamedTuple):
    """A moment of a frame, and when it is shown."""

    moment: int
    shown: Shown


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How times of the source become those of the target."""

    multiplier: int = 1
    """Frames out per frame in, where no rate is wanted: the moments nearest to even steps."""
    moments: int | None = None
    """Moments that there are of each frame; None = as many as are shown."""
    rate: Fraction | None = None
    """Frames a second out; None = as many for each frame."""
    slowdown: int = 1
    """How many times longer the target is."""
    exposure: Fraction = Fraction(1)
    """Part of each frame's time over which its moments are spread; the last one lasts until the
    next frame."""

    def choice(self, source: SourceFacts) -> RateChoice | None:
        """How moments are chosen for the rate that is wanted; None = none is.

        Raises:
            OptionError: The rate cannot be had of the source.
        """
        if self.rate is None:
            return None
        return RateChoice(
            source=source.frame_rate,
            wanted=self.rate,
            moments=self.moments or self.multiplier,
            exposure=self.exposure,
        )

    def target_facts(self, source: SourceFacts) -> SourceFacts:
        """The source's facts with the frame rate and the time base of the target."""
        if self.rate is not None:
            exact = _common(source.time_base, 1 / self.rate)
            return replace(source, frame_rate=self.rate, time_base=_unit(exact))
        if self.multiplier == 1:
            return source
        exact = source.time_base * self.slowdown / (self.multiplier * self.exposure.denominator)
        return replace(
            source,
            frame_rate=source.frame_rate * self.multiplier / self.slowdown,
            time_base=_unit(exact),
        )

    def shown(
        self, source: SourceFacts, pts: int, duration: int, next_pts: int | None, first_pts: int = 0
    ) -> list[ShownMoment]:
        """Which moments of a frame are shown, and when.

        Args:
            source: The source's facts.
            pts: The frame's time, in the source's time base.
            duration: How long it is shown if it is the last, likewise.
            next_pts: The next frame's time, likewise; None = there is none.
            first_pts: The first frame's time, likewise: from there on a wanted rate is counted.

        Returns:
            Moments with times in the time base of `target_facts`.
        """
        length = duration if next_pts is None else next_pts - pts
        if self.rate is not None:
            return self._at_rate(source, pts, length, first_pts)
        if self.multiplier == 1:
            return [ShownMoment(0, Shown(pts, duration))]
        scale = source.time_base * self.slowdown / self.target_facts(source).time_base
        step = length * self.exposure / self.multiplier
        times = [round((pts + step * index) * scale) for index in range(self.multiplier)]
        ends = [*times[1:], round((pts + length) * scale)]
        chosen = evenly_spaced(self.multiplier, self.moments or self.multiplier)
        return [
            ShownMoment(index, Shown(start, end - start))
            for index, start, end in zip(chosen, times, ends, strict=True)
        ]

    def _at_rate(
        self, source: SourceFacts, pts: int, length: int, first_pts: int
    ) -> list[ShownMoment]:
        """The frames of the rate whose middle lies in a frame's time."""
        choice = self.choice(source)
        assert choice is not None
        unit, target = source.time_base, self.target_facts(source).time_base
        start, end = ((time - first_pts) * unit * choice.wanted for time in (pts, pts + length))
        half = Fraction(1, 2)
        found = []
        for number in range(ceil(start - half), ceil(end - half)):
            share = (number + half - start) / (end - start)
            times = [
                round((first_pts * unit + n / choice.wanted) / target) for n in (number, number + 1)
            ]
            shown = Shown(times[0], times[1] - times[0])
            found.append(ShownMoment(choice.moment(share), shown))
        return found


def _unit(exact: Fraction) -> Fraction:
    return exact if exact.denominator <= FINEST else COARSE


def _common(one: Fraction, other: Fraction) -> Fraction:
    """The longest time of which both are multiples.

    >>> _common(Fraction(1, 12800), Fraction(1, 60))
    Fraction(1, 38400)
    """
    return Fraction(
        gcd(one.numerator * other.denominator, other.numerator * one.denominator),
        one.denominator * other.denominator,
    )
