"""Gathers the frames around each frame, within its scene."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import av
import torch
from torch import Tensor

from ..frames.device_streams import PendingTensor
from ..frames.luma import LumaCoding
from ..frames.ring import window_offsets

__all__ = ["SceneWindows"]


@dataclass
class _Held:
    frame: av.VideoFrame
    picture: Tensor
    """(channels, H, W), on the restorer's device."""
    starts_scene: bool


class SceneWindows:
    """Turns frames, one at a time, into windows of 2 * radius + 1."""

    def __init__(
        self,
        *,
        radius: int,
        luma: LumaCoding,
        scene_threshold: float | None,
    ) -> None:
        self._radius = radius
        self._luma = luma
        self._scene_threshold = scene_threshold
        self._held: deque[_Held] = deque()
        self._middle = 0  # index in _held of the next frame to give out

    def push(
        self, frame: av.VideoFrame, picture: PendingTensor
    ) -> Iterator[tuple[av.VideoFrame, Tensor]]:
        """Add a frame.

        Args:
            frame: The frame.
            picture: What is to be restored of it, (channels, H, W).

        Yields:
            A frame whose neighbours are all there, and its window, (2 * radius + 1, channels,
            H, W).
        """
        taken = picture.taken()
        self._held.append(_Held(frame, taken, self._starts_scene(taken)))
        if len(self._held) - self._middle > self._radius:
            yield self._next()

    def flush(self) -> Iterator[tuple[av.VideoFrame, Tensor]]:
        """Yield what remains at the end of the video, as `push` does."""
        while self._middle < len(self._held):
            yield self._next()

    @property
    def next_pts(self) -> int | None:
        """Time of the frame after the one given out last; None = there is none."""
        return self._held[self._middle].frame.pts if self._middle < len(self._held) else None

    def _next(self) -> tuple[av.VideoFrame, Tensor]:
        held, middle, radius = self._held, self._middle, self._radius
        cuts = [self._is_cut(i) for i in range(middle - radius + 1, middle + radius + 1)]
        window = torch.stack([held[middle + offset].picture for offset in window_offsets(cuts)])
        frame = held[middle].frame
        if middle < radius:
            self._middle += 1
        else:
            held.popleft()
        return frame, window

    def _is_cut(self, index: int) -> bool:
        """Whether the video or a scene ends between a held frame and the one before it."""
        return not 0 < index < len(self._held) or self._held[index].starts_scene

    def _starts_scene(self, picture: Tensor) -> bool:
        if self._scene_threshold is None or not self._held:
            return False
        difference = float((picture - self._held[-1].picture).abs().mean())
        luma = self._luma
        peak = (1 << luma.bits) - 1
        return difference * luma.span / peak >= self._scene_threshold
