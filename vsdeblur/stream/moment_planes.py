"""The moments that a restorer opens a frame into: when they are shown, and their planes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import OptionError
from ..frames.chroma_motion import ChromaMotion, require_opencv
from ..frames.moment_choice import as_rate
from ..restorers import Restorer
from .coding import FrameCoding
from .formats import read_planes
from .sequences.coding import PACKED
from .settings import StreamOptions
from .timing import Timing

__all__ = ["MomentPlanes", "check_moments", "timing_of"]


def timing_of(restorer: Restorer, options: StreamOptions) -> Timing:
    """How a restorer's frames are spread over time.

    Raises:
        OptionError: The restorer does not give so many frames.
    """
    check_moments(options)
    given, wanted = restorer.multiplier, options.moments
    if given == 1 and not (wanted is None and options.fps is None):
        raise OptionError("moments and fps are for a filter that gives several frames for each")
    if wanted is not None and not 2 <= wanted <= given:
        raise OptionError(f"moments must be from 2 to {given}, got {wanted}")
    multiplier = given if wanted is None else wanted
    return Timing(
        moments=given,
        multiplier=multiplier,
        rate=None if options.fps is None else as_rate(options.fps),
        slowdown=multiplier if options.slow_motion else 1,
        exposure=Fraction(restorer.exposure).limit_denominator(1000),
    )


def check_moments(options: StreamOptions) -> None:
    """Refuse what does not go together of the options that say how many frames are shown.

    Raises:
        OptionError: Two exclude each other.
    """
    if options.fps is None:
        return
    if options.moments is not None:
        raise OptionError("give --moments or --fps, not both")
    if options.slow_motion:
        raise OptionError("--fps keeps the duration; for --slow-motion give --moments")


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
        self,
        frame: av.VideoFrame,
        before: Tensor,
        restored: Tensor,
        indices: Sequence[int] | None = None,
    ) -> Iterator[list[NDArray[np.generic]]]:
        """The planes that change, of each restored picture.

        Args:
            frame: The source frame. Of several pictures, it may be given away once the first is
                taken.
            before: What was read of it, (channels, H, W).
            restored: (M, channels, H, W).
            indices: Which of them are wanted; None = all.

        Yields:
            Code values of Y, or of Y, U and V.
        """
        chroma = [plane.copy() for plane in read_planes(frame)[1:]] if self._moves_chroma else []
        motion = ChromaMotion(restored, chroma[0].shape) if chroma else None
        for index in range(len(restored)) if indices is None else indices:
            planes = self._coding.encode(frame, before, restored[index])
            yield planes + (motion.planes(chroma, index) if motion is not None else [])
