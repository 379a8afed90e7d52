"""The moments that a restorer opens a frame into: when they are shown, and their planes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..frames.chroma_motion import ChromaMotion, require_opencv
from ..restorers import Restorer
from .coding import FrameCoding
from .formats import read_planes
from .sequences.coding import PACKED
from .settings import StreamOptions
from .timing import Timing

__all__ = ["MomentPlanes", "timing_of"]


def timing_of(restorer: Restorer, options: StreamOptions) -> Timing:
    """How a restorer's frames are spread over time."""
    return Timing(
        multiplier=restorer.multiplier,
        slowdown=restorer.multiplier if options.slow_motion else 1,
        exposure=Fraction(restorer.exposure).limit_denominator(1000),
    )


class MomentPlanes:
    """Writes restored pictures as planes; chroma moves with the luma if the restorer wants it.

    Args:
        restorer: What restores the pictures.
        coding: How frames are coded.
        pixel_format: FFmpeg's name of their format.

    Raises:
        OptionError: Chroma is to move and OpenCV is not installed.
    """

    def __init__(self, restorer: Restorer, coding: FrameCoding, pixel_format: str) -> None:
        self._coding = coding
        has_chroma = not pixel_format.startswith("gray") and pixel_format not in PACKED
        self._moves_chroma = has_chroma and restorer.moves_chroma
        if self._moves_chroma:
            require_opencv()

    def of(
        self, frame: av.VideoFrame, before: Tensor, restored: Tensor
    ) -> Iterator[list[NDArray[np.generic]]]:
        """The planes that change, of each restored picture.

        Args:
            frame: The source frame. Of several pictures, it may be given away once the first is
                taken.
            before: What was read of it, (channels, H, W).
            restored: (M, channels, H, W).

        Yields:
            Code values of Y, or of Y, U and V.
        """
        chroma = [plane.copy() for plane in read_planes(frame)[1:]] if self._moves_chroma else []
        motion = ChromaMotion(restored, chroma[0].shape) if chroma else None
        for index, picture in enumerate(restored):
            planes = self._coding.encode(frame, before, picture)
            yield planes + (motion.planes(chroma, index) if motion is not None else [])
