"""Windows behind a video codec: what users have is compressed.

The five frames of a window are coded as a clip of their own by x264: limited range, 25 frames a
second, constant rate factor 28, preset medium without macroblock-tree rate control, one thread, no
assembly. The same release of x264 gives the same bytes; another need not.
"""

from __future__ import annotations

from dataclasses import replace

from ...data.h264 import coded
from .benchmark import SyntheticWindow

__all__ = ["CRF", "compressed"]

CRF = 28
"""Constant rate factor: x264's default is 23, and what is shared on the web is often beyond."""


def compressed(window: SyntheticWindow, crf: int = CRF) -> SyntheticWindow:
    """Code the blurred frames of a window as H.264, and decode them.

    What is sharp stays as it is, and so does the band that the window counts in.

    Args:
        window: Of even height and width.
        crf: 0 to 51; more is worse.

    Raises:
        DataError: This build of PyAV has no x264.
    """
    blurred = coded(window.blurred, crf, exact=True)
    return replace(window, blurred=blurred, clean_psnr=window.input_psnr)
