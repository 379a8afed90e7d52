"""Whether the moments a blurred frame is opened into run the right way.

A blurred frame is the same whichever way its moments ran (paper 002, section 3.1), so a group that
runs backwards may score as well as the right one in each frame, and a clip of them still judders.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import DataError
from ...restorers import Restorer

__all__ = ["LEAST_MOTION", "MovingWindow", "OrderScore", "motion_of", "runs_right", "score_order"]

LEAST_MOTION = 2.0
"""Pixels of motion between the first moment and the last from which a group's order counts."""


class MovingWindow(Protocol):
    """A window of blurred luma with the moments of its middle frame, such as `SyntheticWindow`."""

    @property
    def blurred(self) -> NDArray[np.uint8]:
        """(T, H, W), T odd."""
        ...

    @property
    def moments(self) -> NDArray[np.uint8]:
        """(M, H, W), in order."""
        ...

    @property
    def flow(self) -> NDArray[np.float32]:
        """(2, H, W), in pixels: where each pixel of the first moment is in the last."""
        ...


class OrderScore(NamedTuple):
    """How many groups run the right way."""

    groups: int
    """Groups with enough motion to tell."""
    right: int
    """Those of them that run as the true moments did."""

    @property
    def share(self) -> float:
        """In [0, 1]."""
        return self.right / self.groups


def score_order(
    restorer: Restorer, windows: Iterable[MovingWindow], *, least_motion: float = LEAST_MOTION
) -> OrderScore:
    """Open the middle frame of each window and see which way its moments run.

    Args:
        restorer: Of luma, with as many frames out per frame in as windows have moments.
        windows: What it is given.
        least_motion: Windows with less motion (see `motion_of`) do not count, in pixels.

    Raises:
        DataError: The restorer gives another number of frames, or no window moves enough.
    """
    groups = right = 0
    for window in windows:
        if len(window.moments) != restorer.multiplier:
            raise DataError(
                f"windows have {len(window.moments)} moments and the filter makes "
                f"{restorer.multiplier}; use windows that have as many"
            )
        if motion_of(window.flow) <= least_motion:
            continue
        middle, radius = len(window.blurred) // 2, restorer.radius
        frames = _luma(window.blurred[middle - radius : middle + radius + 1], restorer.device)
        groups += 1
        right += runs_right(restorer.restore(frames), _luma(window.moments, restorer.device))
    if not groups:
        raise DataError(f"no window moves by more than {least_motion} pixels; use others")
    return OrderScore(groups, right)


def motion_of(flow: NDArray[np.float32]) -> float:
    """Motion of a window, in pixels: more than this has a twentieth of its places.

    Args:
        flow: (2, H, W), in pixels.
    """
    return float(np.percentile(np.hypot(*flow), 95))


def runs_right(restored: Tensor, moments: Tensor) -> bool:
    """Whether a group is nearer to the true moments than the same group turned round.

    Args:
        restored: (M, 1, H, W), in [0, 1].
        moments: As `restored`.

    Returns:
        Also False where both are as near, as where nothing moves in the group.
    """
    forwards, backwards = (
        float((frames - moments).square().mean(dtype=torch.float64))
        for frames in (restored, restored.flip(0))
    )
    return forwards < backwards


def _luma(frames: NDArray[np.uint8], device: torch.device) -> Tensor:
    """(T, H, W) -> (T, 1, H, W), in [0, 1]."""
    return torch.from_numpy(frames).to(device).unsqueeze(1).float() / 255
