"""The contract in the middle: what every front end may ask of a filter's algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from ..errors import DeblurError

__all__ = ["Restorer", "refuse_non_numbers", "window_offsets"]


class Restorer(Protocol):
    """Restores frames; knows tensors only, no clip and no file. Safe to call from any thread."""

    @property
    def radius(self) -> int:
        """Temporal radius: frames needed on each side of the one being restored."""
        ...

    @property
    def multiplier(self) -> int:
        """Frames out per frame in."""
        ...

    @property
    def channels(self) -> int:
        """1: luma only; 3: RGB."""
        ...

    @property
    def device(self) -> torch.device:
        """Where windows must be."""
        ...

    def restore(self, window: Tensor, number: int = 0) -> Tensor:
        """Restore the middle frame of a window.

        Args:
            window: (2 * radius + 1, channels, H, W), float32, gamma-encoded, nominally in
                [0, 1], on `device`.
            number: The middle frame's number, from 0: where noise is asked for, it seeds it.

        Returns:
            (multiplier, channels, H, W), float32, on `device`. Where the input lies beyond
            [0, 1], so may the output.
        """
        ...


def refuse_non_numbers(output: Tensor) -> Tensor:
    """Return a network's output as it is.

    Raises:
        DeblurError: A value in it is not a number, or not finite.
    """
    if not bool(output.isfinite().all()):
        raise DeblurError(
            "the network gave a value that is not a number; use precision='fp32', and check "
            "that the clip itself holds none"
        )
    return output


def window_offsets(cuts: Sequence[bool]) -> list[int]:
    """Which frames fill a window that must not cross a scene change.

    Args:
        cuts: For each two neighbouring frames of the window, in order, whether a scene change
            (or the end of the clip) lies between them; 2 * radius values.

    Returns:
        2 * radius + 1 offsets from the middle frame; beyond a cut the last frame before it is
        repeated.

    >>> window_offsets([False, False, True, False])
    [-2, -1, 0, 0, 0]
    >>> window_offsets([True, False, False, False])
    [-1, -1, 0, 1, 2]
    """
    radius = len(cuts) // 2
    before, after = [0], [0]
    for distance in range(1, radius + 1):
        before.append(before[-1] - (-before[-1] == distance - 1 and not cuts[radius - distance]))
        after.append(after[-1] + (after[-1] == distance - 1 and not cuts[radius + distance - 1]))
    return [*reversed(before), *after[1:]]
