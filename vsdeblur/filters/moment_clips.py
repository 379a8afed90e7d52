"""How moments follow one another in a clip: so many of each frame, or at a wanted rate."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, Protocol

import vapoursynth as vs

from ..errors import UnsupportedClipError
from ..frames.moment_choice import RateChoice, as_rate, evenly_spaced
from .clips import repeated
from .frame_times import place_at_rate, place_in_time

__all__ = ["EvenMoments", "MomentLayout", "MomentsAtRate", "rate_choice"]

_LONGEST_CYCLE = 10_000
"""Frames after which the pattern of a rate repeats, at most."""


class MomentLayout(Protocol):
    """Which moment of which frame each frame of the result is."""

    def spread(self, clip: vs.VideoNode) -> vs.VideoNode:
        """A clip with each frame as often as it has moments that are shown."""
        ...

    def place(self, n: int) -> tuple[int, int]:
        """The frame that frame n of the result is made of, and its moment, both from 0."""
        ...

    def write_times(self, props: MutableMapping[str, Any], n: int) -> None:
        """Write into the properties of frame n where it lies in its group, and when."""
        ...

    @property
    def most(self) -> Fraction:
        """Frames that come of each frame, on average at most."""
        ...


class EvenMoments:
    """So many moments of each frame, nearest to even steps.

    Args:
        count: How many are shown.
        moments: How many there are.
        exposure: Part of the frame interval over which they are spread.
    """

    def __init__(self, count: int, moments: int, exposure: Fraction) -> None:
        self._chosen = evenly_spaced(count, moments)
        self._exposure = exposure

    def spread(self, clip: vs.VideoNode) -> vs.VideoNode:
        """See `MomentLayout.spread`."""
        return repeated(clip, len(self._chosen))

    def place(self, n: int) -> tuple[int, int]:
        """See `MomentLayout.place`."""
        number, index = divmod(n, len(self._chosen))
        return number, self._chosen[index]

    def write_times(self, props: MutableMapping[str, Any], n: int) -> None:
        """See `MomentLayout.write_times`."""
        count = len(self._chosen)
        place_in_time(props, n % count, count, self._exposure)

    @property
    def most(self) -> Fraction:
        """See `MomentLayout.most`."""
        return Fraction(len(self._chosen))


class MomentsAtRate:
    """Moments at a constant rate.

    Args:
        choice: Which rate.
    """

    def __init__(self, choice: RateChoice) -> None:
        self._choice = choice
        self.most = choice.wanted / choice.source
        """See `MomentLayout.most`."""

    def spread(self, clip: vs.VideoNode) -> vs.VideoNode:
        """See `MomentLayout.spread`."""
        ratio = self.most
        cycles = 2 if ratio.denominator == 1 else 1  # VapourSynth wants two frames at least
        offsets = [self.place(n)[0] for n in range(cycles * ratio.numerator)]
        return clip.std.SelectEvery(cycle=cycles * ratio.denominator, offsets=offsets)

    def place(self, n: int) -> tuple[int, int]:
        """See `MomentLayout.place`."""
        return self._choice.place(n)

    def write_times(self, props: MutableMapping[str, Any], n: int) -> None:
        """See `MomentLayout.write_times`."""
        number, moment = self.place(n)
        place_at_rate(
            props,
            moment,
            later=n / self._choice.wanted - number / self._choice.source,
            is_first=n == 0 or self.place(n - 1)[0] < number,
            is_last=self.place(n + 1)[0] > number,
        )


def rate_choice(clip: vs.VideoNode, fps: float, moments: int, exposure: Fraction) -> RateChoice:
    """The choice that gives a clip a rate, or the nearest whose pattern repeats soon enough.

    Raises:
        UnsupportedClipError: The clip's own rate varies.
        OptionError: It has as many frames already, or cannot have so many.
    """
    if not clip.fps:
        raise UnsupportedClipError(
            "clip must have a constant frame rate for fps, got a variable one; give moments, or "
            "add .std.AssumeFPS() first"
        )
    source = Fraction(clip.fps)
    choice = RateChoice(source=source, wanted=as_rate(fps), moments=moments, exposure=exposure)
    ratio = (choice.wanted / source).limit_denominator(_LONGEST_CYCLE)
    return replace(choice, wanted=source * ratio)
