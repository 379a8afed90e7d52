"""The critic as a detector: one region of a sharp picture is blurred, and has to be found.

Paper 000, section 4.1: mean intersection over union of the mined and the blurred window, 0.676.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data.kernels import Blur, apply_blur, draw_blur
from ...errors import DataError
from ...restorers.brmr.regions import STRIDE, WINDOW, Window

__all__ = [
    "BlurredRegion",
    "RegionScore",
    "best_on_grid",
    "blur_one_region",
    "intersection_over_union",
    "score_regions",
]


class BlurredRegion(NamedTuple):
    """A picture that is sharp but for one window."""

    picture: NDArray[np.uint8]
    """(H, W, 3), RGB."""
    window: Window
    blur: Blur


class RegionScore(NamedTuple):
    """How well blurred regions were found."""

    iou: float
    """Mean intersection over union of the mined and the blurred windows."""
    by_kernel: dict[str, float]
    """The same for each blur that was drawn."""
    attainable: float
    """Mean of the best that any window on the mining grid could have: windows are blurred anywhere,
    but mined every 64 pixels, so this is below 1."""
    num_pictures: int


def blur_one_region(sharp: NDArray[np.uint8], rng: np.random.Generator) -> BlurredRegion:
    """Blur one 128x128 window of a picture, anywhere, by one of the seven kernels.

    Args:
        sharp: (H, W, 3), uint8, RGB, at least 128x128; it is not changed.
        rng: Draws the place, the kernel and its size.

    Raises:
        DataError: The picture is too small, or OpenCV is not installed.
    """
    height, width = sharp.shape[:2]
    if height < WINDOW or width < WINDOW:
        raise DataError(f"a picture must be at least {WINDOW}x{WINDOW}, got {width}x{height}")
    left, top = (int(rng.integers(length - WINDOW + 1)) for length in (width, height))
    window, blur = Window(left, top, WINDOW, WINDOW), draw_blur(rng)
    picture = sharp.copy()
    # The whole picture is blurred, so that the window's border is blurred like its middle.
    picture[window.rows, window.columns] = apply_blur(sharp, blur)[window.rows, window.columns]
    return BlurredRegion(picture, window, blur)


def intersection_over_union(first: Window, second: Window) -> float:
    """Pixels that both windows have, as a share of those that either has; 0 to 1."""
    width = min(first.left + first.width, second.left + second.width)
    height = min(first.top + first.height, second.top + second.height)
    width, height = width - max(first.left, second.left), height - max(first.top, second.top)
    both = max(width, 0) * max(height, 0)
    return both / (first.width * first.height + second.width * second.height - both)


def best_on_grid(window: Window, height: int, width: int) -> float:
    """The highest intersection over union that a mined window can have with one of a picture."""
    tops, lefts = (
        {*range(0, length - WINDOW + 1, STRIDE), length - WINDOW} for length in (height, width)
    )
    return max(
        intersection_over_union(window, Window(left, top, WINDOW, WINDOW))
        for top in tops
        for left in lefts
    )


def score_regions(
    mine: Callable[[Tensor], Window], pictures: Iterable[NDArray[np.uint8]], *, seed: int = 0
) -> RegionScore:
    """Blur one region of each picture and see whether it is found.

    Args:
        mine: (3, H, W), in [0, 1] -> the window it takes for the most blurred, such as
            `BRMRRestorer.mine`.
        pictures: Sharp pictures, (H, W, 3), uint8, RGB, at least 128x128.
        seed: Decides places and kernels: the same for the same pictures.

    Raises:
        DataError: There are no pictures, one is too small, or OpenCV is not installed.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {}
    attainable = []
    for sharp in pictures:
        region = blur_one_region(sharp, rng)
        frame = torch.from_numpy(region.picture).permute(2, 0, 1).float() / 255
        iou = intersection_over_union(mine(frame), region.window)
        found.setdefault(region.blur.kernel, []).append(iou)
        attainable.append(best_on_grid(region.window, *sharp.shape[:2]))
    if not attainable:
        raise DataError("no picture to blur a region of; give at least one")
    return RegionScore(
        iou=fmean(iou for ious in found.values() for iou in ious),
        by_kernel={kernel: fmean(ious) for kernel, ious in sorted(found.items())},
        attainable=fmean(attainable),
        num_pictures=len(attainable),
    )
