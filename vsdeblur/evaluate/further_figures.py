"""Figures of a frame beside its PSNR and SSIM: how it lies, and what its set asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .frame_pictures import FramePictures, Pictures
from .metrics.registration import Alignment, align
from .sets.samples import Sample

__all__ = ["ShiftFigures", "measured_figures"]


class ShiftFigures:
    """How the frames of a video lie on their sharp originals, in order.

    Args:
        is_sequence: Whether the frames follow one another, so that they can shake.
    """

    def __init__(self, *, is_sequence: bool) -> None:
        self._is_sequence = is_sequence
        self._before: Mapping[str, Alignment] = {}

    def figures(self, pictures: FramePictures) -> dict[str, float]:
        """Figures of the next frame; of the first in a sequence none of how the shift changes."""
        sharp = _middle_plane(pictures.sharp)
        lies = {state: align(plane, sharp) for state, plane in _planes(pictures).items()}
        figures: dict[str, float] = {}
        for state, now in lies.items():
            figures |= {f"{state}_psnr_aligned": now.psnr, f"{state}_shift": now.distance}
            before = self._before.get(state)
            if before is not None:
                change = math.hypot(now.x - before.x, now.y - before.y)
                figures[f"{state}_shift_change"] = change
        self._before = lies if self._is_sequence else {}
        return figures


def measured_figures(sample: Sample, pictures: FramePictures) -> dict[str, float]:
    """What `Sample.measure` finds in the blurred and in the restored frame (the middle moment)."""
    if sample.measure is None:
        return {}
    return {
        f"{state}_{name}": value
        for state, plane in _planes(pictures).items()
        for name, value in sample.measure(plane).items()
    }


def _planes(pictures: FramePictures) -> dict[str, NDArray[np.uint8]]:
    return {
        "input": _middle_plane(pictures.blurred),
        "restored": _middle_plane(pictures.restored),
    }


def _middle_plane(pictures: Pictures) -> NDArray[np.uint8]:
    """(M, 1, H, W) of whole numbers -> (H, W)."""
    plane: NDArray[np.uint8] = pictures.luma[len(pictures.luma) // 2, 0].byte().cpu().numpy()
    return plane
