"""Luma planes of video, as numbers in a file, and as tensors in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["LumaCoding"]


@dataclass(frozen=True, kw_only=True)
class LumaCoding:
    """How a luma plane's numbers stand for brightness."""

    bits: int
    """Bits a sample: 8 to 16 for integers, 16 or 32 for floats."""
    is_float: bool = False
    """Floating-point samples, nominally in [0, 1] whatever the range."""
    full_range: bool = False
    """Integers use all values; otherwise black is 16 and white 235, times 2**(bits - 8)."""

    @property
    def black(self) -> int:
        """The integer that stands for 0."""
        return 0 if self.full_range or self.is_float else 16 << (self.bits - 8)

    @property
    def span(self) -> int:
        """How far above black the number for 1 is."""
        if self.is_float:
            return 1
        return (1 << self.bits) - 1 if self.full_range else 219 << (self.bits - 8)

    def decode(self, plane: NDArray[np.generic], device: torch.device) -> Tensor:
        """Bring a plane to a device.

        Args:
            plane: (H, W), integers or floats; it is copied.
            device: Where the tensor goes; the conversion happens there.

        Returns:
            (1, H, W), float32; nominally in [0, 1], beyond it where the video is.
        """
        numbers = torch.from_numpy(np.array(plane)).to(device, non_blocking=True).float()
        return ((numbers - self.black) / self.span).unsqueeze(0)

    def encode(self, luma: Tensor) -> NDArray[np.generic]:
        """Bring a tensor back, rounded and clamped to what the format can hold.

        Args:
            luma: (1, H, W), nominally in [0, 1].

        Returns:
            (H, W), in the plane's number type.
        """
        numbers = luma.squeeze(0).float() * self.span + self.black
        if self.is_float:
            dtype = torch.float16 if self.bits == 16 else torch.float32
        else:
            numbers = numbers.round().clamp(0, (1 << self.bits) - 1)
            dtype = torch.uint8 if self.bits == 8 else torch.uint16
        encoded: NDArray[np.generic] = numbers.to(dtype).cpu().numpy()
        return encoded
