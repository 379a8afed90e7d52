"""Windows of luma, made in memory, as videos of a set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import DataError
from .samples import Sample

__all__ = ["LumaWindow", "LumaWindows"]


class LumaWindow(Protocol):
    """A window of luma with its sharp partners; all uint8."""

    @property
    def blurred(self) -> NDArray[np.uint8]:
        """(T, H, W), T odd."""
        ...

    @property
    def sharp(self) -> NDArray[np.uint8]:
        """(H, W): the view at the centre of the middle frame's exposure."""
        ...

    @property
    def moments(self) -> NDArray[np.uint8]:
        """(M, H, W): views evenly spaced over that exposure."""
        ...

    @property
    def flow(self) -> NDArray[np.float32]:
        """(2, H, W): see `Sample.flow`."""
        ...


class LumaWindows:
    """Windows that do not follow one another, as an `EvaluationVideo`.

    Args:
        name: Name within the set.
        windows: All of one size.
    """

    is_sequence = False

    def __init__(self, name: str, windows: Sequence[LumaWindow]) -> None:
        self.name = name
        self._windows = windows

    def __len__(self) -> int:
        return len(self._windows)

    def sample(self, index: int, *, radius: int, multiplier: int) -> Sample:
        """A sample; see `EvaluationVideo.sample`."""
        window = self._windows[index]
        middle = len(window.blurred) // 2
        sharp = window.sharp[None] if multiplier == 1 else window.moments
        if radius > middle or len(sharp) != multiplier:
            raise DataError(
                f"{self.name}: windows are of {len(window.blurred)} frames with 1 or "
                f"{len(window.moments)} sharp views; the filter reads {2 * radius + 1} frames "
                f"and makes {multiplier}"
            )
        frames = torch.from_numpy(window.blurred[middle - radius : middle + radius + 1])
        flow = None if multiplier == 1 else window.flow
        return Sample(frames[:, None], torch.from_numpy(sharp)[:, None], flow)
