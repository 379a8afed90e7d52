"""A few frames of luma through H.264 and back, in memory: by x264, through PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

if TYPE_CHECKING:
    import av

__all__ = ["can_code", "coded"]

type Bytes = NDArray[np.uint8]

FRAME_RATE = 25


def can_code() -> bool:
    """Whether PyAV is there, and has x264."""
    try:
        _encoder()
    except (DataError, ImportError):
        return False
    return True


def coded(frames: Bytes, crf: float, *, preset: str = "medium", exact: bool = False) -> Bytes:
    """Code frames as a clip of their own, in limited range, and decode them.

    Args:
        frames: (T, H, W), luma in full range, H and W even.
        crf: Constant rate factor, 0 to 51; more is worse.
        preset: Of x264, from "ultrafast" to "veryslow".
        exact: Without assembly, which takes four times as long: the same bytes on all processors
            from the same release of x264.

    Returns:
        The same shape and range.

    Raises:
        DataError: This build of PyAV has no x264.
        ImportError: There is no PyAV.
    """
    import av

    low, high = _range_tables()
    packets = _encoded(low[frames], crf, preset, exact=exact)
    decoder = av.VideoCodecContext.create("h264", "r")
    decoder.thread_count = 1
    shown = [f for packet in (*packets, None) for f in decoder.decode(packet)]
    height = frames.shape[1]
    luma = [frame.to_ndarray()[:height] for frame in shown]  # U and V lie below
    decoded: Bytes = high[np.stack(luma)]
    return decoded


def _encoded(
    frames: Bytes, crf: float, preset: str, *, exact: bool
) -> Sequence[av.Packet[av.VideoStream]]:
    """Packets of frames, (T, H, W), luma in limited range."""
    import av

    encoder = _encoder()
    encoder.height, encoder.width = frames.shape[1:]
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, FRAME_RATE)
    encoder.framerate = Fraction(FRAME_RATE)
    encoder.thread_count = 1
    # Macroblock-tree rate control differs from run to run, and assembly between processors.
    parameters = "mbtree=0:asm=0" if exact else "mbtree=0"
    encoder.options = {"crf": f"{crf:g}", "preset": preset, "x264-params": parameters}
    grey = np.full((frames.shape[1] // 2, frames.shape[2]), 128, np.uint8)
    packets = []
    for number, luma in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(np.concatenate([luma, grey]), format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    return [*packets, *encoder.encode(None)]


def _encoder() -> av.VideoCodecContext:
    import av
    from av.codec.codec import UnknownCodecError

    try:
        return av.VideoCodecContext.create("libx264", "w")
    except UnknownCodecError as error:
        raise DataError(
            "coding as H.264 needs x264, which this build of PyAV lacks; use its wheels"
        ) from error


def _range_tables() -> tuple[Bytes, Bytes]:
    """Full-range luma -> limited, and back."""
    codes = np.arange(256)
    low = 16 + (codes * 219 + 127) // 255
    high = ((codes - 16).clip(0, 219) * 255 + 109) // 219
    return low.astype(np.uint8), high.astype(np.uint8)
