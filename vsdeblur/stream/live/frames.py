"""Frames of a live stream, and the windows that they are restored in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av
from torch import Tensor

from ...frames.ring import window_offsets
from ..coding import FrameCoding

__all__ = ["LiveFrame", "LiveWindows", "Window"]


@dataclass
class LiveFrame:
    """A frame that has come. What is restored of it is read when it is asked for, and once."""

    frame: av.VideoFrame
    """In the working format; it is never written into."""
    time: Fraction
    """When it is shown, in seconds of the timeline."""
    arrived: float
    """When its packet came, in seconds of the run's clock."""
    shift: Fraction | None
    """Seconds by which its time is later than in the source; None = the source does not say."""
    starts_scene: bool = False
    _picture: Tensor | None = field(default=None, repr=False)

    def picture(self, coding: FrameCoding) -> Tensor:
        """What is restored of it, (channels, H, W); by one thread alone."""
        if self._picture is None:
            self._picture = coding.read(self.frame)
        return self._picture


@dataclass(frozen=True)
class Window:
    """A frame and its neighbours."""

    frames: tuple[LiveFrame, ...]
    """2 * radius + 1; beyond a cut, and where the stream begins or breaks off, some come twice."""
    ready: float
    """When the last packet that it needs had come, or was given up, by the run's clock."""

    @property
    def middle(self) -> LiveFrame:
        """The frame that is restored."""
        return self.frames[len(self.frames) // 2]


class LiveWindows:
    """Turns frames, one at a time, into windows.

    Args:
        radius: Frames that are needed on each side.
    """

    def __init__(self, radius: int) -> None:
        self._radius = radius
        self._held: deque[LiveFrame] = deque()
        self._middle = 0  # index in _held of the next frame to give out

    def push(self, frame: LiveFrame) -> Iterator[Window]:
        """Add a frame; yield the window whose last one it is."""
        self._held.append(frame)
        if len(self._held) - self._middle > self._radius:
            yield self._next()

    def flush(self, now: float) -> Iterator[Window]:
        """Yield what remains where the stream breaks off now; what follows starts anew."""
        while self._middle < len(self._held):
            yield self._next(now)
        self._held.clear()
        self._middle = 0

    @property
    def last(self) -> LiveFrame | None:
        """The frame that was added last."""
        return self._held[-1] if self._held else None

    def _next(self, now: float = 0.0) -> Window:
        held, middle, radius = self._held, self._middle, self._radius
        cuts = [self._is_cut(i) for i in range(middle - radius + 1, middle + radius + 1)]
        frames = tuple(held[middle + offset] for offset in window_offsets(cuts))
        window = Window(frames, max(now, *(frame.arrived for frame in frames)))
        if middle < radius:
            self._middle += 1
        else:
            held.popleft()
        return window

    def _is_cut(self, index: int) -> bool:
        return not 0 < index < len(self._held) or self._held[index].starts_scene
