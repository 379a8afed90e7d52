"""The contract in the middle: what every front end may ask of a filter's algorithm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from ..errors import DeblurError

__all__ = [
    "LumaRestorer",
    "Restorer",
    "finish_luma",
    "refuse_non_finite",
    "refuse_non_finite_sum",
    "window_offsets",
]


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


class LumaRestorer(Restorer, Protocol):
    """A restorer of luma whose `restore` can be had in steps, some of them row by row.

    Every frame, clamped to [0, 1], is `complete`d; the window is `run`; `finish_luma` makes the
    restored frame. So a frame is prepared once, whatever windows it is in.
    """

    @property
    def frame_type(self) -> torch.dtype:
        """What prepared frames are made of."""
        ...

    @property
    def adds_middle_frame(self) -> bool:
        """Whether what `run` gives is a residual."""
        ...

    @property
    def num_streams(self) -> int:
        """Frames that a GPU may work on at once."""
        ...

    def prepared_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of a prepared frame, at least those of the frame itself."""
        ...

    def complete(self, frame: Tensor, height: int, width: int) -> None:
        """Fill a prepared frame, (h, w), beyond the height and width of the frame itself."""
        ...

    def run(self, frames: Tensor) -> Tensor:
        """Run the network over a window: (2 * radius + 1, h, w), prepared -> (h, w)."""
        ...


def finish_luma(output: Tensor, middle: Tensor, work: Tensor, *, adds_middle_frame: bool) -> Tensor:
    """Make a restored frame of a network's output.

    Args:
        output: (rows, W), float32; it is overwritten, and returned.
        middle: (rows, W), float32, the middle frame; it is overwritten.
        work: (rows, W), float32; it is overwritten.
        adds_middle_frame: Whether the output is a residual.
    """
    inside = torch.clamp(middle, 0, 1, out=work)
    # The sum is taken in float32: half precision would show as bands in a gradient.
    restored = output.add_(inside) if adds_middle_frame else output
    # Blacks and whites beyond the nominal range are kept, not cut off.
    return restored.clamp_(0, 1).add_(middle.sub_(inside))


def refuse_non_finite(output: Tensor) -> Tensor:
    """Return a network's output as it is.

    Raises:
        DeblurError: A value in it is NaN or infinite.
    """
    # The sum of finite numbers is finite unless they are huge, and takes a fiftieth of the time.
    if not math.isfinite(float(output.sum(dtype=torch.float32))) and not bool(
        output.isfinite().all()
    ):
        refuse_non_finite_sum(math.nan)
    return output


def refuse_non_finite_sum(total: float) -> None:
    """Refuse an output by the sum of its values.

    Raises:
        DeblurError: It is NaN or infinite.
    """
    if not math.isfinite(total):
        raise DeblurError(
            "the network gave a value that is NaN or infinite; use precision='fp32', and check "
            "that the clip itself holds none"
        )


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
