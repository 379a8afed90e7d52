"""Which parts of a frame need no deblurring, by what was measured of its window's frames.

Motion blurs what moves, and blurs its edges: a part of a frame is taken for sharp where nothing
moves in all of its window, or where all edges around are as hard as in a drawing. A network that
has seen photographs can only lose there. Nothing outside the window counts. The design and its
constants are our own; they were chosen on blur made from photographs that are not in the
benchmarks.

Shapes: h and w, rows and columns of cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .frame_measures import BLOCK, CELL, FrameMeasures

__all__ = ["Sharpness", "judge_sharpness"]

type Floats = NDArray[np.float32]
type Marks = NDArray[np.bool_]

DARK, BRIGHT = 0.02, 0.97
"""Cells outside are black or clipped, and say nothing of noise."""
LEAST_CELLS = 16
"""Pictures of fewer cells that say something of noise are not judged."""
FLATTEST = 1
"""Percentile of the cells' steps that is taken for noise alone."""
CLEAN = 0.8 / 255
"""Deviation of noise below which there is nothing to gain by taking it away."""
CODING_NOISE = 1.5 / 255
"""Deviation of what coding may change from frame to frame where nothing moves."""
NOISE_MARGIN = 3
"""How many times the noise counts: that of the flattest cells is less than the usual."""
STILL = 0.5
"""Pixels of motion a frame up to which nothing moves."""
HARD = 0.42
"""Steps of one pixel against those of two: 0.25 in a blurred edge, 0.5 in a hard one."""
PATTERN = 0.62
"""The same in patterns as fine as the pixels."""
SIGNAL = 4
"""Steps stand out where they are so many times the noise's."""
REGION = 8
"""Cells on each side among which all edges must be hard."""
SOFT_SHARE, SIGNAL_SHARE = 0.05, 0.1
"""Part of a region's edges that may be soft, and of its cells that must have edges."""
LEAST_STEPS = 0.001
"""Mean squared step of hard edges at least: below, they might be noise."""


@dataclass(frozen=True, eq=False)
class Sharpness:
    """What was found of a frame."""

    still: Marks
    """(h, w), where nothing moves."""
    hard: Marks
    """(h, w), where all edges are hard."""
    clean: Marks
    """(h, w), where there is too little noise to gain by taking it away."""

    @property
    def share(self) -> float:
        """Part of the frame that is sharp, 0 to 1."""
        return float((self.still | self.hard).mean())

    def passing(self, *, noisy: bool) -> Marks:
        """(h, w), where the frame may stay as it is.

        Args:
            noisy: Also where it is sharp and noisy, so that a network would take noise away.
        """
        return self.hard | (self.still if noisy else self.still & self.clean)


def judge_sharpness(frames: Sequence[FrameMeasures]) -> Sharpness:
    """Judge the middle frame of a window.

    Args:
        frames: Of the window, in order, of one size; one may come several times.
    """
    middle = frames[len(frames) // 2]
    others = [frame for frame in frames if frame is not middle]
    nowhere = np.zeros(middle.means.shape, bool)
    is_sound = all(np.isfinite(frame.means).all() for frame in frames)
    noise = _noise_steps(middle) if is_sound else None
    if noise is None:
        return Sharpness(nowhere, nowhere, nowhere)
    changes = [_change(middle, other, noise) for other in others]
    # Of a frame that is alone nothing moves that could be seen, or restored by the others.
    still = np.logical_and.reduce([speed < STILL for _, speed in changes])
    # The squared difference of two values has twice the variance of their noise. Where nothing
    # moves, noise is what changes, and can be told without a flat part.
    calm = np.logical_and.reduce([changed * BLOCK**2 < 2 * CLEAN**2 for changed, _ in changes])
    return Sharpness(still | nowhere, _hard_edged(middle, noise), calm | (noise < 2 * CLEAN**2))


def _noise_steps(frame: FrameMeasures) -> Floats | None:
    """Mean squared steps of noise alone in each cell, (h, w); None = there is no telling."""
    steps = frame.steps[:, 0].mean(0)
    tells = (frame.means > DARK) & (frame.means < BRIGHT)
    if tells.sum() < LEAST_CELLS:
        return None
    # Of a sensor's noise a part is the same everywhere, and a part grows with brightness.
    even = np.percentile(steps[tells], FLATTEST)
    growing = np.percentile(steps[tells] / (frame.means[tells] + DARK), FLATTEST)
    noise: Floats = np.maximum(even, growing * (frame.means + DARK))
    return noise


def _change(frame: FrameMeasures, other: FrameMeasures, noise: Floats) -> tuple[Floats, Floats]:
    """What changes from one frame to another, and how far things move at most, (h, w) each.

    What changes between them is compared with how steep the picture is: so much would change if
    all of it moved along its steepest slope. Other light counts as motion too.

    Returns:
        Mean squared difference of blocks; and motion in pixels, without what noise changes.
    """
    change = other.blocks - frame.blocks
    down, right = np.gradient((frame.blocks + other.blocks) / 2)
    changed = _around(_of_cells(change**2))
    slopes: Floats = np.asarray(down**2 + right**2, np.float32)
    steepness = _around(_of_cells(slopes))
    of_noise = np.maximum(NOISE_MARGIN * noise, 2 * CODING_NOISE**2) / BLOCK**2
    moved = np.maximum(changed - of_noise, 0) / (steepness + of_noise + 1e-7)
    speed: Floats = BLOCK * np.sqrt(moved)
    return changed, speed


def _hard_edged(frame: FrameMeasures, noise: Floats) -> Marks:
    """Where all edges around are hard, (h, w)."""
    near, far = (_around(frame.steps[:, index]) for index in (0, 1))
    noise = _around(noise)
    hardness = ((near - noise).clip(0) / (far - noise).clip(1e-6)).min(0)
    edges = (near - noise > SIGNAL * (noise + 2e-5)).any(0)
    soft = edges & ((hardness < HARD) | (hardness > PATTERN))
    steps = _sums(near.max(0) * edges, REGION)
    num_edges, num_soft, num = (
        _sums(marks.astype(np.float32), REGION) for marks in (edges, soft, np.ones_like(edges))
    )
    return (
        (num_soft <= SOFT_SHARE * num_edges)
        & (num_edges >= SIGNAL_SHARE * num)
        & (steps >= LEAST_STEPS * num_edges)
    )


def _of_cells(blocks: Floats) -> Floats:
    """Means of each cell's blocks."""
    per_cell = CELL // BLOCK
    height, width = (length // per_cell for length in blocks.shape)
    means: Floats = blocks.reshape(height, per_cell, width, per_cell).mean((1, 3))
    return means


def _around(cells: Floats) -> Floats:
    """Means over each cell and its eight neighbours, (..., h, w)."""
    return _sums(cells, 1) / _sums(np.ones_like(cells), 1)


def _sums(cells: Floats, reach: int) -> Floats:
    """Sums over the cells up to so many rows and columns away, (..., h, w)."""
    for axis in (-2, -1):
        length = cells.shape[axis]
        total = np.insert(np.cumsum(cells, axis, dtype=np.float64), 0, 0, axis)
        places = np.arange(length)
        upper = np.take(total, np.minimum(places + reach + 1, length), axis)
        cells = (upper - np.take(total, np.maximum(places - reach, 0), axis)).astype(np.float32)
    return cells
