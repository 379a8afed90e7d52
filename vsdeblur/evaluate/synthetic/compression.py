"""Windows behind a video codec: what users have is compressed.

The five frames of a window are coded as a clip of their own by x264 (through PyAV, of which this
is evaluation's one door): limited range, 25 frames a second, constant rate factor 28, preset
medium without macroblock-tree rate control, one thread, no assembly. The same release of x264
gives the same bytes; another need not.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from numpy.typing import NDArray

from ...errors import DataError
from .benchmark import SyntheticWindow

__all__ = ["CRF", "compressed"]

type Bytes = NDArray[np.uint8]

CRF = 28
"""Constant rate factor: x264's default is 23, and what is shared on the web is often beyond."""
FRAME_RATE = 25


def compressed(window: SyntheticWindow, crf: int = CRF) -> SyntheticWindow:
    """Code the blurred frames of a window as H.264, and decode them.

    What is sharp stays as it is, and so does the band that the window counts in.

    Args:
        window: Of even height and width.
        crf: 0 to 51; more is worse.

    Raises:
        DataError: This build of PyAV has no x264.
    """
    low, high = _range_tables()
    packets = _encoded(low[window.blurred], crf)
    decoder = av.VideoCodecContext.create("h264", "r")
    frames = [f for packet in (*packets, None) for f in decoder.decode(packet)]
    height = window.blurred.shape[1]
    luma = [frame.to_ndarray()[:height] for frame in frames]  # U and V lie below
    blurred = high[np.stack(luma)]
    return replace(window, blurred=blurred, clean_psnr=window.input_psnr)


def _encoded(frames: Bytes, crf: int) -> list[av.Packet[av.VideoStream]]:
    """Packets of frames, (T, H, W), luma in limited range."""
    try:
        encoder = av.VideoCodecContext.create("libx264", "w")
    except UnknownCodecError as error:
        raise DataError(
            "compressed windows need x264, which this build of PyAV lacks; use its wheels"
        ) from error
    encoder.height, encoder.width = frames.shape[1:]
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, FRAME_RATE)
    encoder.framerate = Fraction(FRAME_RATE)
    encoder.thread_count = 1
    # Macroblock-tree rate control differs from run to run, and assembly between processors.
    encoder.options = {"crf": str(crf), "preset": "medium", "x264-params": "mbtree=0:asm=0"}
    grey = np.full((frames.shape[1] // 2, frames.shape[2]), 128, np.uint8)
    packets = []
    for number, luma in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(np.concatenate([luma, grey]), format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    return [*packets, *encoder.encode(None)]


def _range_tables() -> tuple[Bytes, Bytes]:
    """Full-range luma -> limited, and back."""
    codes = np.arange(256)
    low = 16 + (codes * 219 + 127) // 255
    high = ((codes - 16).clip(0, 219) * 255 + 109) // 219
    return low.astype(np.uint8), high.astype(np.uint8)
