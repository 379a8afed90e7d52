"""The part of a frame that a network has to run over, where others pass as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from .frame_measures import CELL

__all__ = ["NeededPart"]

GRID = 64
"""Parts begin and end at multiples of so many pixels, so that few sizes come up."""
WORTHWHILE = 0.85
"""Share of a frame up to which a part of it is run; more would save nothing."""


@dataclass(frozen=True, eq=False)
class NeededPart:
    """Where a network runs, and how far its result counts."""

    rows: slice
    """Of a prepared frame."""
    columns: slice
    weights: Tensor
    """(H, W), float32: 0 where the frame passes, 1 where it is restored; it rises over a cell."""

    @classmethod
    def of(
        cls,
        passing: NDArray[np.bool_],
        size: tuple[int, int],
        prepared: tuple[int, int],
        margin: int,
        device: torch.device,
    ) -> NeededPart:
        """Settle it.

        Args:
            passing: (h, w), cells that pass; not all do.
            size: Height and width of the frame.
            prepared: The same of the frame as the network takes it.
            margin: How far a pixel of the result can depend on the frame, in pixels.
            device: Where the weights are to be.
        """
        needed = torch.from_numpy(~passing).to(device, torch.float32)[None, None]
        grown = F.max_pool2d(needed, 3, stride=1, padding=1)
        weights = F.interpolate(grown, scale_factor=CELL, mode="bilinear", align_corners=False)
        # A GPU keeps what suits one size of frame: graphs, engines.
        whole = slice(0, prepared[0]), slice(0, prepared[1])
        rows, columns = whole
        if device.type == "cpu":
            rows = _span(~passing.all(1), prepared[0], margin)
            columns = _span(~passing.all(0), prepared[1], margin)
        pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
        if pixels > WORTHWHILE * prepared[0] * prepared[1]:
            rows, columns = whole
        return cls(rows, columns, weights[0, 0, : size[0], : size[1]])

    def of_frames(self, frames: Tensor) -> Tensor:
        """The part of prepared frames, (..., h, w)."""
        return frames[..., self.rows, self.columns]

    def laid_out(self, change: Tensor) -> Tensor:
        """What the network changes in the part, (N, C, h, w), as far as it counts: (N, C, H, W)."""
        height, width = self.weights.shape
        rows = slice(self.rows.start, min(self.rows.stop, height))
        columns = slice(self.columns.start, min(self.columns.stop, width))
        inside = change[..., : rows.stop - rows.start, : columns.stop - columns.start]
        whole = change.new_zeros(*change.shape[:2], height, width)
        weights = self.weights[rows, columns].to(change.dtype)
        torch.mul(inside, weights, out=whole[..., rows, columns])
        return whole


def _span(needed: NDArray[np.bool_], length: int, margin: int) -> slice:
    """From the first row (or column) that the network must see to behind the last one."""
    cells = np.flatnonzero(needed)
    # Results count up to a cell and a half beyond those that need them.
    first, last = CELL * (int(cells[0]) - 2) - margin, CELL * (int(cells[-1]) + 3) + margin
    return slice(max(0, first // GRID * GRID), min(length, -(-last // GRID) * GRID))
