"""A guard in front of a network of windows: what neighbours show must belong to the middle frame.

Such a network has seen little but steady light and one scene at a time, and draws what it finds in
the neighbours into the middle frame: under strobes and flashes, and beside cuts, that makes a
picture worse. So neighbours are brought to the middle frame's light, and what shows something else
is replaced. All is decided from the window's own frames: a frame that is asked for alone comes out
as it does in its turn. The design is our own.

`cell_means` is called once for each frame, `plan_window` for each window, and `apply_plan` for its
frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from .cell_matching import AS_IT_IS, CellPicture, Cells, Light, match_cells
from .frame_measures import CELL

__all__ = ["WindowPlan", "apply_plan", "plan_window"]

LEAST_CELLS = 16
"""Pictures of fewer cells say too little: their windows stay as they are."""
LIMIT = 0.7
"""Distance (see `Match`) from which a neighbour shows something else."""


@dataclass(frozen=True, kw_only=True)
class WindowPlan:
    """Which frames fill a window's places, and in which light."""

    places: tuple[int, ...]
    """For each place the one whose frame fills it."""
    lights: tuple[Light, ...]
    """For each place how that frame is relit."""
    offsets: tuple[int, ...]
    """For each place the offset of that frame from the middle one."""

    @property
    def changes_nothing(self) -> bool:
        """Whether the window stays as it is."""
        return self.places == tuple(range(len(self.places))) and set(self.lights) == {AS_IT_IS}

    @property
    def numbers(self) -> list[int]:
        """All offsets, and then all gains in percent (of bands the typical one)."""
        return [*self.offsets, *(round(100 * light.typical) for light in self.lights)]


def plan_window(cells: Sequence[Cells], offsets: Sequence[int] | None = None) -> WindowPlan:
    """Decide which frames of a window the network is to see, and in which light.

    On either side the frames are asked in turn, from the middle one outwards: one that fits it, as
    it is or in the middle frame's light, stays; the first that does not is replaced by the one
    before it, and with it all that lie beyond.

    Args:
        cells: `cell_means` of the window's frames, of one shape, on the CPU; an odd number.
        offsets: Which frames they are, as offsets from the middle one, where some are repeated
            (see `window_offsets`); None = each is its own.
    """
    radius = len(cells) // 2
    offsets = tuple(offsets or range(-radius, radius + 1))
    places, lights = list(range(len(cells))), [AS_IT_IS] * len(cells)
    if cells[radius].size >= LEAST_CELLS:
        pictures = [CellPicture.of(frame) for frame in cells]
        for side in (-1, 1):
            order = [radius + side * distance for distance in range(radius + 1)]
            for place, filled in zip(order, _filled(pictures, offsets, order), strict=True):
                places[place], lights[place] = filled
    return WindowPlan(
        places=tuple(places),
        lights=tuple(lights),
        offsets=tuple(offsets[place] for place in places),
    )


def _filled(
    pictures: Sequence[CellPicture], offsets: Sequence[int], order: Sequence[int]
) -> Iterator[tuple[int, Light]]:
    """For the places from the middle outwards, which frame fills each, and its light."""
    middle = order[0]
    last, belongs = (middle, AS_IT_IS), True
    yield last
    for before, place in pairwise(order):
        if offsets[place] == offsets[before]:  # the same frame once more
            last = (place if last[0] == before else last[0], last[1])
        elif belongs:
            match = match_cells(pictures[middle], pictures[place])
            belongs = match.distance < LIMIT
            last = (place, match.light) if belongs else last
        yield last


def apply_plan(plan: WindowPlan, frames: Tensor) -> Tensor:
    """Make the window that the network is to see.

    Args:
        plan: What becomes of the window.
        frames: (T, H, W), luma in [0, 1], of any floating-point type, on any device; rows and
            columns that were added beyond the picture's are lit as its last ones.

    Returns:
        The same shape, type and device; `frames` itself where nothing changes.
    """
    if plan.changes_nothing:
        return frames
    window = frames[list(plan.places)]
    for frame, light in zip(window, plan.lights, strict=True):
        if light != AS_IT_IS:
            gains = _of_pixels(light, frame)
            frame.copy_((frame.float() * gains).clamp_(0, 1))
    return window


def _of_pixels(light: Light, frame: Tensor) -> Tensor | float:
    """A factor for all pixels, or for each row or column, (H, 1) or (W,)."""
    if len(light.gains) == 1:
        return light.gains[0]
    length = frame.shape[1 if light.by_column else 0]
    centres = CELL * (np.arange(len(light.gains)) + 0.5) - 0.5
    gains = np.exp(np.interp(np.arange(length), centres, np.log(light.gains)))
    factors = torch.from_numpy(gains.astype(np.float32)).to(frame.device)
    return factors if light.by_column else factors[:, None]
