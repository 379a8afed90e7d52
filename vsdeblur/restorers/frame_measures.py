"""What is measured of each frame, once: how bright its cells are, and how its detail is spread.

A window is judged by these alone (see `window_guard` and `sharpness`): they take about a hundredth
of the time of the smallest network, and are small enough to be read back from a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

__all__ = ["BLOCK", "CELL", "FrameMeasures", "cell_means", "measure_frame"]

CELL = 16
"""Height and width of a cell, in pixels."""
BLOCK = 4
"""Height and width of the blocks of a cell by which motion is seen, in pixels."""
BAND_ROWS = 8 * CELL
PER_CELL = CELL // BLOCK

type Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FrameMeasures:
    """The measures of a frame, on the CPU; h and w are its rows and columns of cells."""

    means: Floats
    """(h, w), mean luma of each cell."""
    steps: Floats
    """(2, 2, h, w): mean squared difference of pixels 1 and 2 apart, along rows and columns."""
    blocks: Floats
    """(4 * h, 4 * w), mean luma of 4x4 blocks."""

    @classmethod
    def of(cls, measured: Tensor) -> FrameMeasures:
        """What `measure_frame` made, taken apart; on the CPU."""
        values = measured.numpy()
        height, width = values.shape[1:]
        blocks = values[5:].reshape(PER_CELL, PER_CELL, height, width)
        return cls(
            means=values[0],
            steps=values[1:5].reshape(2, 2, height, width),
            blocks=blocks.transpose(2, 0, 3, 1).reshape(PER_CELL * height, PER_CELL * width),
        )


def measure_frame(luma: Tensor) -> Tensor:
    """Measure a frame.

    Args:
        luma: (H, W), at least 3 each, nominally in [0, 1], of any floating-point type, on any
            device.

    Returns:
        (21, H / 16, W / 16), rounded up, float32, on the same device: see `FrameMeasures`.
    """
    # A band of rows stays in the CPU's cache.
    bands = luma.split(BAND_ROWS) if luma.device.type == "cpu" else [luma]
    return torch.cat([_measured(band) for band in bands], 1)


def _measured(luma: Tensor) -> Tensor:
    """The measures of a frame, or of a band of its rows."""
    means = cell_means(luma)
    energies = [_fitted(_cells(step.square(), *size), means.shape) for step, size in _steps(luma)]
    shape = (PER_CELL * means.shape[0], PER_CELL * means.shape[1])
    blocks = _fitted(_cells(luma, BLOCK, BLOCK), shape)
    return torch.cat([torch.stack([means, *energies]), F.pixel_unshuffle(blocks[None], PER_CELL)])


def _steps(luma: Tensor) -> Iterator[tuple[Tensor, tuple[int, int]]]:
    """Differences of pixels; and how many rows and columns of them are in a cell."""
    # Every other row, and every other column, says enough.
    rows, columns = luma[::2], luma[:, ::2]
    for distance in (1, 2):
        yield rows[:, distance:] - rows[:, :-distance], (CELL // 2, CELL)
    for distance in (1, 2):
        yield columns[distance:] - columns[:-distance], (CELL, CELL // 2)


def cell_means(luma: Tensor) -> Tensor:
    """Means of 16x16 cells.

    Args:
        luma: (H, W), nominally in [0, 1], of any type, on any device; or a band of a frame's rows
            that begins at a multiple of 16.

    Returns:
        (H / 16, W / 16), rounded up, float32, on the same device; the cells at the bottom and at
        the right are of what there is of them.
    """
    return _cells(luma, CELL, CELL)


def _cells(values: Tensor, rows: int, columns: int) -> Tensor:
    """Means of so many rows and columns each, and of what there is of them at the borders."""
    means: Tensor = _means(_means(values, rows).T, columns).T
    return means


def _fitted(cells: Tensor, shape: Sequence[int]) -> Tensor:
    """Cells with the last row and column repeated up to a shape: (H, W)."""
    missing = (0, shape[1] - cells.shape[1], 0, shape[0] - cells.shape[0])
    return F.pad(cells[None], missing, mode="replicate")[0] if any(missing) else cells


def _means(values: Tensor, length: int) -> Tensor:
    """Means of so many values along the first dimension, and of what is left at its end."""
    groups = len(values) // length
    means: Tensor = (
        values[: groups * length].unflatten(0, (groups, length)).mean(1, dtype=torch.float32)
    )
    if len(values) % length == 0:
        return means
    rest = values[groups * length :].mean(0, keepdim=True, dtype=torch.float32)
    return torch.cat([means, rest])
