"""How far a picture was changed, and where most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_CHANGE", "change_of", "heat_map", "places_of_most_change"]

MOST_CHANGE = 32
"""Levels of 255 from which on a change has the last colour of the heat map."""
_SMOOTHED = 2
"""Pixels on each side over which the heat map is a mean."""
_COLOURS = np.array([(0, 0, 0), (70, 20, 110), (190, 50, 85), (250, 140, 30), (255, 250, 190)])
"""From no change to `MOST_CHANGE`, evenly spaced; RGB."""


def change_of(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W): by how many levels of 255 the channel changed that changed most; of RGB (H, W, 3)."""
    return np.abs(after.astype(np.float32) - before.astype(np.float32)).max(axis=-1)


def heat_map(change: NDArray[np.float32]) -> NDArray[np.uint8]:
    """RGB (H, W, 3) of a change (H, W), on a scale that is the same for every picture."""
    share = (_box_mean(change, _SMOOTHED) / MOST_CHANGE).clip(0, 1)
    places = np.linspace(0, 1, len(_COLOURS))
    channels = [np.interp(share, places, _COLOURS[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def places_of_most_change(
    change: NDArray[np.float32], size: tuple[int, int], count: int
) -> list[tuple[int, int]]:
    """Left and top of the parts that changed most in the mean, the first most; none overlap.

    Args:
        change: (H, W).
        size: Width and height of a part in pixels; at most those of the picture.
        count: How many at most.
    """
    width, height = size
    means = _sums(change, height, width)
    found: list[tuple[int, int]] = []
    for _ in range(count):
        top, left = np.unravel_index(int(means.argmax()), means.shape)
        if means[top, left] < 0:
            break
        found.append((int(left), int(top)))
        rows = slice(max(0, int(top) - height + 1), int(top) + height)
        means[rows, max(0, int(left) - width + 1) : int(left) + width] = -1
    return found


def _box_mean(values: NDArray[np.float32], radius: int) -> NDArray[np.float64]:
    padded = np.pad(values, radius, mode="edge")
    side = 2 * radius + 1
    return _sums(padded, side, side) / side**2


def _sums(values: NDArray[np.float32], height: int, width: int) -> NDArray[np.float64]:
    """Sum over every part of that size, by its top and left."""
    total = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    total[1:, 1:] = values.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    sums: NDArray[np.float64] = (
        total[height:, width:] - total[:-height, width:]
        - total[height:, :-width] + total[:-height, :-width]
    )  # fmt: skip
    return sums
