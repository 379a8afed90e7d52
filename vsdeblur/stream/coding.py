"""Frames of a file <-> the tensors a restorer works on: luma, or RGB."""

from __future__ import annotations

from typing import Protocol

import av
import numpy as np
import torch
from av.video.format import VideoFormat
from numpy.typing import NDArray
from torch import Tensor

from ..errors import VideoError
from ..frames.colour import MATRICES, YUVCoding, default_matrix
from ..frames.luma import LumaCoding
from .formats import luma_coding, read_luma, read_planes
from .reader import SourceFacts
from .sequences.coding import PACKED, PackedFrames

__all__ = ["FrameCoding", "LumaFrames", "RGBFrames", "frame_coding", "yuv_coding"]

_UNNAMED_MATRICES = (0, 2, 3)
"""RGB (which is converted), unspecified, reserved."""
_MATRIX_NAMES = {8: "YCgCo", 11: "SMPTE 2085", 12: "chromaticity-derived", 14: "ICtCp"}
_SITED_LEFT, _SITED_TOP, _SITED_BOTTOM = (1, 3, 5), (3, 4), (5, 6)
"""Chroma locations (AVCHROMA_LOC) whose samples lie on a column, or on the upper or lower row."""
_UNSITED, _CENTRE = 0, 2


class FrameCoding(Protocol):
    """Reads and writes frames in the working format."""

    @property
    def luma(self) -> LumaCoding:
        """How the luma plane codes brightness."""
        ...

    def read(self, frame: av.VideoFrame) -> Tensor:
        """What is restored of a frame: (channels, H, W), on the restorer's device."""
        ...

    def encode(
        self, frame: av.VideoFrame, before: Tensor, restored: Tensor
    ) -> list[NDArray[np.generic]]:
        """Code values of the planes that change: Y, or Y, U and V.

        Args:
            frame: The source frame.
            before: What `read` gave of it.
            restored: (channels, H, W).
        """
        ...


def frame_coding(
    facts: SourceFacts, working_format: str, channels: int, device: torch.device
) -> FrameCoding:
    """The coding for a restorer of luma (1 channel) or RGB (3).

    Raises:
        VideoError: The file's colour matrix is none that RGB can be had from.
    """
    if working_format in PACKED:
        return PackedFrames(working_format, channels, device)
    luma = luma_coding(working_format, full_range=facts.full_range)
    if channels == 1:
        return LumaFrames(luma, device)
    return RGBFrames(yuv_coding(facts, working_format, luma), device)


class LumaFrames:
    """Luma is read and replaced.

    Args:
        luma: How it is coded.
        device: Where what is read goes.
    """

    def __init__(self, luma: LumaCoding, device: torch.device) -> None:
        self.luma = luma
        self._device = device

    def read(self, frame: av.VideoFrame) -> Tensor:
        """See `FrameCoding.read`."""
        return self.luma.decode(read_luma(frame), self._device)

    def encode(
        self, frame: av.VideoFrame, before: Tensor, restored: Tensor
    ) -> list[NDArray[np.generic]]:
        """See `FrameCoding.encode`."""
        return [self.luma.encode(restored)]


class RGBFrames:
    """All planes are read, as RGB; what RGB changes by is added to them.

    Args:
        coding: How they are coded.
        device: Where what is read goes.
    """

    def __init__(self, coding: YUVCoding, device: torch.device) -> None:
        self.luma = coding.luma
        self._coding = coding
        self._device = device

    def read(self, frame: av.VideoFrame) -> Tensor:
        """See `FrameCoding.read`."""
        return self._coding.decode(read_planes(frame), self._device)

    def encode(
        self, frame: av.VideoFrame, before: Tensor, restored: Tensor
    ) -> list[NDArray[np.generic]]:
        """See `FrameCoding.encode`."""
        # The change is added: what is left alone keeps its code values, chroma included.
        return self._coding.encode_change(read_planes(frame), restored - before)


def yuv_coding(facts: SourceFacts, working_format: str, luma: LumaCoding) -> YUVCoding:
    """How the planes of a format stand for RGB.

    Raises:
        VideoError: The file's colour matrix is none that RGB can be had from.
    """
    video_format = VideoFormat(working_format, 64, 64)
    across, down = 64 // video_format.chroma_width(64), 64 // video_format.chroma_height(64)
    return YUVCoding(
        luma=luma,
        matrix=_matrix(facts),
        subsampling=(across, down),
        siting=_siting(facts, across, down),
    )


def _matrix(facts: SourceFacts) -> tuple[float, float]:
    number = int(facts.first.colorspace)
    if facts.becomes_yuv:
        number = 1
    elif number in _UNNAMED_MATRICES:
        number = default_matrix(facts.width, facts.height)
    if number not in MATRICES:
        name = _MATRIX_NAMES.get(number, f"number {number}")
        raise VideoError(
            f"the video's colour matrix ({name}) is none that this filter can restore in RGB; "
            "convert it to BT.709 or BT.2020 first, or use the filter dblrgan"
        )
    return MATRICES[number]


def _siting(facts: SourceFacts, across: int, down: int) -> tuple[float, float]:
    """Where chroma samples lie; what a file leaves open is as in MPEG-2, or as in JPEG."""
    location = int(facts.first.chroma_location)
    if location == _UNSITED:
        location = _CENTRE if facts.pixel_format.startswith("yuvj") else _SITED_LEFT[0]
    left = 0.0 if location in _SITED_LEFT else (across - 1) / 2
    top = (down - 1) / 2
    if location in _SITED_TOP:
        top = 0.0
    elif location in _SITED_BOTTOM:
        top = float(down - 1)
    return left, top
