"""PSNR after the best small shift of the whole picture, and the shift.

A blurred frame does not tell which moment of its exposure is the sharp one: a restored picture may
be sharp and lie a pixel beside its original, which costs decibels though no blur is left. As in
the protocol of RealBlur (Rim et al., ECCV 2020), the picture is aligned first, by maximising the
enhanced correlation coefficient (Evangelidis and Psarakis, TPAMI 2008; OpenCV), but by a shift
alone: a homography would also straighten what was restored crookedly. (Phase correlation, as in
scikit-image, finds sharp pictures as exactly, but is drawn to no shift by the edges of blurred
ones.)

A shift is looked for from none on, so what lies further than some pixels is not found.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .fidelity import MAX_PSNR

__all__ = ["MOST_SHIFT", "Alignment", "align"]

type Plane = NDArray[np.uint8]

MOST_SHIFT = 8.0
"""Pixels; what seems to lie further was not found."""
MOST_ITERATIONS = 50
LEAST_PROGRESS = 1e-4
"""Of the correlation coefficient in a step; less ends the search."""


class Alignment(NamedTuple):
    """How a picture lies on its original."""

    x: float
    """Pixels that it lies too far to the right."""
    y: float
    """Pixels that it lies too far down."""
    psnr: float
    """PSNR in dB where both pictures are, shifted back (bicubic, 8 bit), or as it is if better."""

    @property
    def distance(self) -> float:
        """Length of the shift in pixels."""
        return math.hypot(self.x, self.y)


def align(picture: Plane, sharp: Plane) -> Alignment:
    """Find the shift that lays a picture on its original best.

    Args:
        picture: (H, W), luma.
        sharp: (H, W), luma.
    """
    import cv2

    unmoved = _psnr(picture, sharp)
    found = _found_shift(picture, sharp)
    if found is None:
        return Alignment(0.0, 0.0, unmoved)
    x, y = found
    height, width = picture.shape
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved = np.asarray(cv2.warpAffine(picture, matrix, (width, height), flags=flags), np.uint8)
    rows, columns = (_inside(shift, n) for shift, n in ((y, height), (x, width)))
    aligned = _psnr(moved[rows, columns], sharp[rows, columns])
    return Alignment(x, y, max(unmoved, aligned))


def _found_shift(picture: Plane, sharp: Plane) -> tuple[float, float] | None:
    """Where the pixels of `sharp` are in the picture; None = nowhere near."""
    import cv2

    start = np.eye(2, 3, dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, MOST_ITERATIONS, LEAST_PROGRESS)
    try:
        _, matrix = cv2.findTransformECC(
            sharp.astype(np.float32),
            picture.astype(np.float32),
            start,
            cv2.MOTION_TRANSLATION,
            criteria,
            np.ones_like(picture),  # all of it
            1,  # not smoothed first: that draws blurred pictures off
        )
    except cv2.error:  # a flat picture, or one that has nothing to do with the other
        return None
    x, y = (float(value) for value in np.asarray(matrix)[:, 2])
    return (x, y) if math.hypot(x, y) <= MOST_SHIFT else None


def _inside(shift: float, length: int) -> slice:
    """Places whose shifted ones are in the picture."""
    return slice(max(0, math.ceil(-shift)), min(length, length - math.ceil(shift)))


def _psnr(picture: Plane, sharp: Plane) -> float:
    error = float(np.square(picture.astype(np.float64) - sharp).mean())
    return min(MAX_PSNR, 10 * math.log10(255**2 / error)) if error else MAX_PSNR
