"""Windows of a picture: mined from a heat map, and put back into the picture."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ...models.pix2pix import CELL

__all__ = ["STEP", "STRIDE", "WINDOW", "Window", "feather_weights", "mine_windows", "window_means"]

WINDOW = 128
"""Height and width of a window in pixels (paper 000, section 3)."""
STRIDE = 64
"""Pixels from one window to the next (paper 000, section 3)."""

STEP = 2.0**-10
"""Heat below which a difference decides nothing."""


class Window(NamedTuple):
    """A rectangle of a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def rows(self) -> slice:
        """Its rows in the picture."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """Its columns in the picture."""
        return slice(self.left, self.left + self.width)

    @property
    def cells(self) -> tuple[slice, slice, slice]:
        """What it covers of heat maps, (2, h, w); its sides must be multiples of 8."""
        right, bottom = self.left + self.width, self.top + self.height
        rows = slice(self.top // CELL, bottom // CELL)
        return slice(None), rows, slice(self.left // CELL, right // CELL)

    def within(self, outer: Window) -> Window:
        """The same place, counted from the top left corner of a window around it."""
        return self._replace(left=self.left - outer.left, top=self.top - outer.top)

    def grown(self, margin: int, height: int, width: int) -> Window:
        """The window and `margin` pixels around it, as far as a picture of that size goes."""
        left, top = max(self.left - margin, 0), max(self.top - margin, 0)
        right = min(self.left + self.width + margin, width)
        return Window(left, top, right - left, min(self.top + self.height + margin, height) - top)

    def overlaps(self, other: Window) -> bool:
        """Whether the two share a pixel."""
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )

    def clipped(self, height: int, width: int) -> Window:
        """The part of it that lies in a picture of that size."""
        return self._replace(
            width=min(self.width, width - self.left), height=min(self.height, height - self.top)
        )


def mine_windows(
    heat: Tensor, count: int = 1, *, size: int = WINDOW, stride: int = STRIDE
) -> list[Window]:
    """Find the most blurred windows: those with the highest mean of H^b.

    The heat map is taken as upsampled to the picture by repetition: value (i, j) covers rows 8i to
    8i + 7 and columns 8j to 8j + 7. Windows start at multiples of `stride` from the top left
    corner; a last one ends at the picture's edge where those do not reach it. Where the picture is
    smaller than a window, the window is as large as the picture.

    Args:
        heat: (h, w), H^b of a picture of 8h x 8w pixels.
        count: Windows to find at most; they do not overlap. One is the paper's.
        size: Height and width of a window in pixels; a multiple of 8.
        stride: Pixels between windows; a multiple of 8.

    Returns:
        The windows, hottest first; of equals the first from left to right and top to bottom.
    """
    means = window_means(heat, size=size, stride=stride)
    tops, lefts = (_starts(length, size // CELL, stride // CELL) for length in heat.shape)
    height, width = (min(size, CELL * length) for length in heat.shape)
    chosen: list[Window] = []
    # Rounded, equals are the same windows whatever the number of threads that took the sums.
    rounded = (means.double() / STEP).round()
    for index in rounded.flatten().sort(descending=True, stable=True).indices.tolist():
        row, column = divmod(index, len(lefts))
        window = Window(CELL * lefts[column], CELL * tops[row], width, height)
        if not any(window.overlaps(other) for other in chosen):
            chosen.append(window)
        if len(chosen) == count:
            break
    return chosen


def window_means(heat: Tensor, *, size: int = WINDOW, stride: int = STRIDE) -> Tensor:
    """Mean heat of every window: (h, w) -> (rows of windows, columns of windows).

    A window of pixels covers whole values of the map, so pooling the map itself gives what a
    window sliding over the upsampled map would.
    """
    rows, columns = heat.shape
    cells, step = size // CELL, stride // CELL
    pooled = F.avg_pool2d(heat[None], (min(cells, rows), 1), stride=1)
    pooled = pooled[:, _starts(rows, cells, step)]
    pooled = F.avg_pool2d(pooled, (1, min(cells, columns)), stride=1)
    return pooled[0][:, _starts(columns, cells, step)]


def feather_weights(
    window: Window, height: int, width: int, feather: int, device: torch.device
) -> Tensor:
    """How much of a refined window is taken at each of its pixels.

    Args:
        window: A window of the picture.
        height: Height of the picture.
        width: Width of the picture.
        feather: Pixels over which the weight rises from the window's border; 0 = none.
        device: Where the weights go.

    Returns:
        (window.height, window.width), in (0, 1]. At the picture's own edge nothing rises.
    """
    columns = _ramp(window.left, window.width, width, feather, device)
    rows = _ramp(window.top, window.height, height, feather, device)
    return rows[:, None] * columns


def _ramp(start: int, length: int, whole: int, feather: int, device: torch.device) -> Tensor:
    weights = torch.ones(length, device=device)
    if feather:
        rise = (torch.arange(length, device=device) + 0.5) / feather
        if start > 0:
            weights = weights.minimum(rise)
        if start + length < whole:
            weights = weights.minimum(rise.flip(0))
    return weights


def _starts(length: int, size: int, stride: int) -> list[int]:
    """Where windows start along an axis; all in values of the map."""
    last = max(length - size, 0)
    starts = list(range(0, last + 1, stride))
    return starts if starts[-1] == last else [*starts, last]
