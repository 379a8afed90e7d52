"""When frames are shown where a filter gives several for each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

from .reader import SourceFacts

__all__ = ["Shown", "Timing"]

FINEST = 2**31 - 1
"""Units a second at most, as MP4 and encoders count them."""
COARSE = Fraction(1, 1_000_000)
"""Time base where the exact one is too fine; times are rounded to it."""


class Shown(NamedTuple):
    """When a frame is shown, in units of a time base."""

    pts: int
    duration: int


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How times of the source become those of the target."""

    multiplier: int = 1
    """Frames out per frame in."""
    slowdown: int = 1
    """How many times longer the target is."""
    exposure: Fraction = Fraction(1)
    """Part of each frame's time over which its moments are spread; the last one lasts until the
    next frame."""

    def target_facts(self, source: SourceFacts) -> SourceFacts:
        """The source's facts with the frame rate and the time base of the target."""
        if self.multiplier == 1:
            return source
        exact = source.time_base * self.slowdown / (self.multiplier * self.exposure.denominator)
        return replace(
            source,
            frame_rate=source.frame_rate * self.multiplier / self.slowdown,
            time_base=exact if exact.denominator <= FINEST else COARSE,
        )

    def moments(
        self, source: SourceFacts, pts: int, duration: int, next_pts: int | None
    ) -> list[Shown]:
        """When the moments of a frame are shown.

        Args:
            source: The source's facts.
            pts: The frame's time, in the source's time base.
            duration: How long it is shown if it is the last, likewise.
            next_pts: The next frame's time, likewise; None = there is none.

        Returns:
            For each moment, in the time base of `target_facts`.
        """
        if self.multiplier == 1:
            return [Shown(pts, duration)]
        scale = source.time_base * self.slowdown / self.target_facts(source).time_base
        length = duration if next_pts is None else next_pts - pts
        step = length * self.exposure / self.multiplier
        times = [round((pts + step * index) * scale) for index in range(self.multiplier)]
        ends = [*times[1:], round((pts + length) * scale)]
        return [Shown(start, end - start) for start, end in zip(times, ends, strict=True)]
