"""Blurred frames made from a video of sharp ones, by averaging groups of consecutive frames.

Groups follow one another without overlap. The middle frame of a group is the sharp partner.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError

__all__ = ["ENCODED", "GAMMA", "AveragedVideo", "FrameSource", "average_frames"]

ENCODED = 1.0
"""Exponent that averages the pixel values as they are stored."""
GAMMA = 2.2
"""Exponent that averages in (nearly) linear light."""

NUM_MOMENTS = 7
"""Sharp moments inside an exposure (paper 002)."""


class FrameSource(Hashable, Protocol):
    """A video of sharp frames; picklable, and compared by identity."""

    @property
    def count(self) -> int:
        """Frames; DataError if the video cannot be read."""
        ...

    def read(self, start: int, stop: int) -> Tensor:
        """Frames `start` to `stop - 1`: (N, 3, H, W) uint8 RGB; DataError as `count`."""
        ...


@dataclass(frozen=True)
class AveragedVideo:
    """A video whose blurred frames are averages of sharp ones; see `PairedVideo`.

    The sharp frames of the group read last are kept, one group a process.
    """

    name: str
    source: FrameSource
    num_frames: int
    """Sharp frames a blurred one: odd, so that there is a middle one, and at least 7."""
    gamma: float
    """`ENCODED` or `GAMMA`; any exponent that turns stored values to what is averaged."""

    def __post_init__(self) -> None:
        """Refuse numbers without a middle, or too small for seven moments."""
        if self.num_frames % 2 == 0 or self.num_frames < NUM_MOMENTS:
            raise ValueError(f"num_frames must be odd and at least 7, got {self.num_frames}")

    def __len__(self) -> int:
        """Blurred frames. What is left of the sharp ones at the end is not used.

        Raises:
            DataError: The video cannot be read, or is too short for one.
        """
        groups = self.source.count // self.num_frames
        if not groups:
            raise DataError(
                f"video {self.name!r} has {self.source.count} frames, but a blurred frame is the "
                f"average of {self.num_frames}; remove it from the dataset"
            )
        return groups

    def blurred(self, index: int) -> Tensor:
        """A blurred frame: (3, H, W) uint8 RGB; DataError if its frames cannot be read."""
        return average_frames(self._group(index), self.gamma)

    def sharp(self, index: int) -> Tensor:
        """The middle one of the frames that were averaged; same shape."""
        return self._group(index)[self.num_frames // 2].clone()

    def moments(self, index: int) -> Tensor:
        """Seven of them, evenly spread, first and last included: (7, 3, H, W).

        Where 7 does not divide the exposure evenly, the nearest frames are taken.
        """
        last = self.num_frames - 1
        # Never halfway between two frames: `last` is even, so steps are whole numbers of thirds.
        chosen = [round(n * last / (NUM_MOMENTS - 1)) for n in range(NUM_MOMENTS)]
        return self._group(index)[chosen]

    def _group(self, index: int) -> Tensor:
        if not 0 <= index < len(self):
            raise IndexError(f"video {self.name!r} has {len(self)} blurred frames, no {index}")
        start = index * self.num_frames
        return _read(self.source, start, start + self.num_frames)


def average_frames(frames: Tensor, gamma: float) -> Tensor:
    """Average frames: (N, 3, H, W) uint8 -> (3, H, W) uint8.

    Args:
        frames: Gamma-encoded, on the CPU.
        gamma: The average is that of the values to this power, back to the power 1 / gamma.
    """
    if gamma == ENCODED:
        return (frames.sum(0, dtype=torch.int32) / len(frames)).round().byte()
    power = ((np.arange(256) / 255) ** gamma).astype(np.float32)
    light = np.zeros(frames.shape[1:], np.float32)
    for frame in frames:  # one at a time: as floats they would take four times the memory
        light += np.take(power, frame.numpy())  # several times faster than torch's indexing
    return ((torch.from_numpy(light) / len(frames)) ** (1 / gamma) * 255).round().byte()


@lru_cache(maxsize=1)
def _read(source: FrameSource, start: int, stop: int) -> Tensor:
    return source.read(start, stop)
