"""Lamps: small white places, and whether they are still white in another picture.

Restoring may turn a lamp into a grey dot with a ring, which costs little PSNR and shows at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_WHITE", "MOST_AREA", "REACH", "STILL_WHITE", "Lamps", "find_lamps"]

type Plane = NDArray[np.uint8]
type Labels = NDArray[np.int32]

LEAST_WHITE = 250
"""8-bit luma from which a pixel is white."""
STILL_WHITE = 240
"""8-bit luma that the brightest pixel of a lamp must reach to pass for white."""
MOST_AREA = 400
"""White places of more pixels are no lamps, but windows, screens, skies."""
REACH = 3
"""Pixels from its place within which a lamp's brightest pixel may lie: restoring may move it."""
SURROUNDINGS = 6
"""Pixels around a lamp, whose mean must be darker than `MOST_AROUND`."""
MOST_AROUND = 200


class Lamps:
    """The lamps of a picture.

    Args:
        places: (H, W), 0 = no lamp, otherwise the number of the lamp, from 1; `REACH` pixels
            around each are its own.
    """

    def __init__(self, places: Labels) -> None:
        self._places = places
        self._numbers = np.unique(places[places > 0])

    def __len__(self) -> int:
        return len(self._numbers)

    def white_in(self, picture: Plane, least: int = STILL_WHITE) -> NDArray[np.bool_]:
        """Whether each lamp has a pixel of at least this luma in a picture, (H, W)."""
        return _of_each(self._places, picture, "intensity_max") >= least

    def only(self, chosen: NDArray[np.bool_]) -> Lamps:
        """Some of them."""
        return Lamps(_only(self._places, self._numbers[chosen]))


def find_lamps(picture: Plane) -> Lamps:
    """Find the lamps of a picture: connected white pixels, few, with darker ones around.

    Args:
        picture: (H, W), luma.
    """
    from skimage.measure import label

    white: Labels = label(picture >= LEAST_WHITE)  # type: ignore[no-untyped-call]
    around = np.where(white > 0, 0, _expanded(white, SURROUNDINGS))
    numbers = np.unique(around[around > 0])  # what fills its picture has nothing around it
    is_dark = _of_each(around, picture, "intensity_mean") <= MOST_AROUND
    is_small = _of_each(_only(white, numbers), picture, "area") <= MOST_AREA
    return Lamps(_expanded(_only(white, numbers[is_dark & is_small]), REACH))


def _only(labels: Labels, numbers: Labels) -> Labels:
    return np.where(np.isin(labels, numbers), labels, 0)


def _expanded(labels: Labels, distance: int) -> Labels:
    """Grow labels into the places that have none."""
    from skimage.segmentation import expand_labels

    grown: Labels = expand_labels(labels, distance)  # type: ignore[no-untyped-call]
    return grown


def _of_each(labels: Labels, picture: Plane, figure: str) -> NDArray[np.float64]:
    """A figure of `skimage.measure.regionprops` of each label, in the order of their numbers."""
    from skimage.measure import regionprops_table

    table = regionprops_table(labels, picture, (figure,))  # type: ignore[no-untyped-call]
    return np.asarray(table[figure], np.float64)
