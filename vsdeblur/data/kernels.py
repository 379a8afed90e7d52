"""The seven blurs of the concert data set (paper 000, section 4.1), by OpenCV.

The paper names the blurs and OpenCV's smoothing tutorial, not the settings. Here each has a size
that is drawn around the tutorial's: 5x5 for averaging, Gaussian and median, 9 for bilateral.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

__all__ = ["KERNELS", "Blur", "apply_blur", "draw_blur"]

type Picture = NDArray[np.uint8]
"""(H, W, 3), RGB."""

BILATERAL_SIGMA = 75.0
"""Spread over colours and over space: the tutorial's."""


class Blur(NamedTuple):
    """One of the seven blurs at one size."""

    kernel: str
    """A key of `KERNELS`."""
    size: int
    """Side or length of the kernel in pixels; for "resizing" the factor of reduction."""


class _Kernel(NamedTuple):
    apply: Callable[[Picture, int], object]
    sizes: Sequence[int]
    """Sizes that are drawn from, all alike."""


def _horizontal(picture: Picture, size: int) -> object:
    import cv2

    return cv2.blur(picture, (size, 1))


def _vertical(picture: Picture, size: int) -> object:
    import cv2

    return cv2.blur(picture, (1, size))


def _averaging(picture: Picture, size: int) -> object:
    import cv2

    return cv2.blur(picture, (size, size))


def _gaussian(picture: Picture, size: int) -> object:
    import cv2

    return cv2.GaussianBlur(picture, (size, size), 0)  # 0: the spread that suits the size


def _median(picture: Picture, size: int) -> object:
    import cv2

    return cv2.medianBlur(picture, size)


def _bilateral(picture: Picture, size: int) -> object:
    import cv2

    return cv2.bilateralFilter(picture, size, BILATERAL_SIGMA, BILATERAL_SIGMA)


def _resizing(picture: Picture, size: int) -> object:
    import cv2

    height, width = picture.shape[:2]
    small = (max(1, round(width / size)), max(1, round(height / size)))
    reduced = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    return cv2.resize(reduced, (width, height), interpolation=cv2.INTER_LINEAR)


KERNELS = {
    "horizontal": _Kernel(_horizontal, (5, 7, 9, 11, 13, 15)),
    "vertical": _Kernel(_vertical, (5, 7, 9, 11, 13, 15)),
    "averaging": _Kernel(_averaging, (3, 5, 7, 9)),
    "gaussian": _Kernel(_gaussian, (5, 7, 9, 11, 13)),
    "median": _Kernel(_median, (3, 5, 7, 9)),
    "bilateral": _Kernel(_bilateral, (7, 9, 11)),
    "resizing": _Kernel(_resizing, (2, 3, 4)),
}
"""Name -> the blur and its sizes."""


def draw_blur(rng: np.random.Generator) -> Blur:
    """Draw one of the seven, and one of its sizes; all alike."""
    name = str(rng.choice(list(KERNELS)))
    return Blur(name, int(rng.choice(KERNELS[name].sizes)))


def apply_blur(picture: Picture, blur: Blur) -> Picture:
    """Blur a picture.

    Args:
        picture: (H, W, 3), uint8, RGB; it is not changed.
        blur: Kernel and size.

    Returns:
        (H, W, 3), uint8.

    Raises:
        DataError: OpenCV is not installed.
    """
    try:
        blurred = KERNELS[blur.kernel].apply(np.ascontiguousarray(picture), blur.size)
    except ImportError as error:
        raise DataError(
            f"OpenCV is not installed ({error}); install it with: pip install 'vsdeblur[train]'"
        ) from error
    return np.asarray(blurred, np.uint8)
