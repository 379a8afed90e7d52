"""Frames of pictures: RGB in one plane, to which what is restored is added.

What is left alone keeps its values, as in a still picture: there is no way through YUV.
"""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...frames.copies import to_device, to_host
from ...frames.luma import LumaCoding
from ...standards import BT601

__all__ = ["PACKED", "PackedFrames", "pixels_of"]

PACKED = {
    "rgb24": (3, 8),
    "rgb48le": (3, 16),
    "rgba": (4, 8),
    "rgba64le": (4, 16),
}
"""FFmpeg's name of a format of pictures -> channels and bits."""
_COLOURS = 3


def pixels_of(frame: av.VideoFrame) -> NDArray[Any]:
    """The pixels of a frame of pictures, (H, W, channels), in place."""
    channels, bits = PACKED[frame.format.name]
    dtype = np.uint16 if bits > 8 else np.uint8
    rows = np.frombuffer(frame.planes[0], dtype).reshape(frame.height, -1)
    return rows[:, : frame.width * channels].reshape(frame.height, frame.width, channels)


class PackedFrames:
    """Reads and writes frames of pictures; see `FrameCoding`.

    Args:
        pixel_format: FFmpeg's name of the format, one of `PACKED`.
        channels: 1 = luma is restored, 3 = RGB.
        device: Where what is read goes.
    """

    def __init__(self, pixel_format: str, channels: int, device: torch.device) -> None:
        self.luma = LumaCoding(bits=PACKED[pixel_format][1], full_range=True)
        self._channels, self._device = channels, device

    def read(self, frame: av.VideoFrame) -> Tensor:
        """See `FrameCoding.read`."""
        planes = [pixels_of(frame)[..., index] for index in range(_COLOURS)]
        numbers = to_device(planes, self._device)
        colours = self.luma.read(numbers, torch.empty(numbers.shape, device=self._device))
        if self._channels == _COLOURS:
            return colours
        shares = torch.tensor(BT601, device=self._device)
        return (colours * shares[:, None, None]).sum(0, keepdim=True)

    def encode(
        self, frame: av.VideoFrame, before: Tensor, restored: Tensor
    ) -> list[NDArray[np.generic]]:
        """See `FrameCoding.encode`; the plane is (H, W, channels), alpha as it was.

        Equal steps in R, G and B leave Cb and Cr as they are.
        """
        change = to_host((restored.float() - before).permute(1, 2, 0) * self.luma.span)
        pixels = pixels_of(frame).copy()
        numbers = pixels[..., :_COLOURS].astype(np.float32) + change
        pixels[..., :_COLOURS] = np.rint(numbers).clip(0, self.luma.span)
        return [pixels]
