"""Luma planes of video, as numbers in a file, and as tensors in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .copies import to_device, to_host

__all__ = ["LumaCoding"]

_TENSOR_TYPES = {
    "u1": torch.uint8, "u2": torch.uint16, "f2": torch.float16, "f4": torch.float32,
}  # fmt: skip


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
        luma = torch.empty(1, *plane.shape, dtype=torch.float32, device=device)
        return self.read(to_device([plane], device), luma)

    def encode(self, luma: Tensor) -> NDArray[np.generic]:
        """Bring a tensor back, rounded and clamped to what the format can hold.

        Args:
            luma: (1, H, W), nominally in [0, 1].

        Returns:
            (H, W), in the plane's number type.
        """
        numbers = self.write(luma[0].float().clone())
        if not self.is_float:
            numbers.clamp_(0, (1 << self.bits) - 1)
        encoded = np.empty(tuple(numbers.shape), self.number_type)
        if numbers.is_cuda:
            np.copyto(encoded, to_host(numbers.to(self.tensor_type)))
        else:
            self.store(numbers, encoded)
        return encoded

    @property
    def number_type(self) -> np.dtype[Any]:
        """What a plane's numbers are."""
        if self.is_float:
            return np.dtype(np.float16 if self.bits == 16 else np.float32)
        return np.dtype(np.uint8 if self.bits == 8 else np.uint16)

    @property
    def tensor_type(self) -> torch.dtype:
        """The same, as PyTorch names it."""
        return _TENSOR_TYPES[self.number_type.str[1:]]

    def read(self, numbers: Tensor | NDArray[np.generic], luma: Tensor) -> Tensor:
        """Turn numbers into luma, on luma's device.

        Args:
            numbers: Any shape, as in the plane; an array if the device is the CPU.
            luma: The same shape, float32; it is overwritten, and returned.
        """
        luma.copy_(numbers if isinstance(numbers, Tensor) else _shared(numbers))
        if self.is_float:
            return luma
        if self.bits > 8:  # a last bit of float32 can be the last one of these numbers
            return luma.sub_(self.black).div_(self.span)
        # In one step; black is exactly 0, and white is 1 to the last bit but one.
        share = float(np.float32(1 / self.span))
        return torch.add(_scalar(-self.black * share), luma, alpha=share, out=luma)

    def write(self, luma: Tensor) -> Tensor:
        """Turn luma into numbers, on its device.

        Args:
            luma: Any shape, float32, of what the format can hold; it is overwritten, and returned.

        Returns:
            Floats; integers are had from them by cutting off what comes after the point.
        """
        if self.is_float:
            return luma
        if self.bits > 8:
            return luma.mul_(self.span).add_(self.black).round_()
        return torch.add(_scalar(self.black + 0.5), luma, alpha=self.span, out=luma)

    def exceeds(self, plane: NDArray[Any]) -> bool:
        """Whether luma of a plane, or of some rows, lies beyond [0, 1] (or is NaN)."""
        if self.full_range and not self.is_float:
            return False
        least, greatest = float(plane.min()), float(plane.max())
        return not (least >= self.black and greatest <= self.black + self.span)

    def store(self, numbers: Tensor, plane: NDArray[np.generic]) -> None:
        """Write numbers into a plane.

        Args:
            numbers: (H, W), what `write` returns, on the CPU; of any type.
            plane: (H, W), of `number_type`; it is overwritten.
        """
        if self.is_float:
            torch.from_numpy(plane).copy_(numbers)
        else:  # NumPy narrows integers several times as fast as PyTorch
            np.copyto(plane, numbers.numpy(), casting="unsafe")


@cache
def _scalar(value: float) -> Tensor:
    """A number as an operand of any device: bringing it to a GPU would wait for it."""
    return torch.tensor(value)


class _Writable:
    """An array's memory, said to be writable; it keeps the array alive."""

    def __init__(self, array: NDArray[np.generic]) -> None:
        self._array = array
        facts = dict(array.__array_interface__)
        facts["data"] = (facts["data"][0], False)
        self.__array_interface__ = facts


def _shared(array: NDArray[np.generic]) -> Tensor:
    """An array as a tensor of the same memory, only to be read: PyTorch warns of others."""
    return torch.from_numpy(np.asarray(_Writable(array)))
