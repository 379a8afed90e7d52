"""Planes of YUV video as numbers in a file, and RGB tensors: there, and back with a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..standards import BT601, BT709, BT2020
from .copies import to_device, to_host
from .luma import LumaCoding

__all__ = ["MATRICES", "YUVCoding", "default_matrix"]

MATRICES = {
    1: BT709[::2],
    4: (0.30, 0.11),  # FCC
    5: BT601[::2],
    6: BT601[::2],
    7: (0.212, 0.087),  # SMPTE 240M
    9: BT2020[::2],
    10: BT2020[::2],  # constant luminance: a change differs little from the usual one's
}
"""ITU-T H.273's number of a matrix, as files and VapourSynth have it -> shares of R and B in Y."""
_KERNEL_RADIUS = 2
"""Samples on each side that bicubic interpolation reads."""
HD_WIDTH, HD_HEIGHT = 1280, 576


def default_matrix(width: int, height: int) -> int:
    """Number of the matrix of video that names none: BT.709 for HD, BT.601 for what is smaller."""
    return 1 if width >= HD_WIDTH or height > HD_HEIGHT else 6


@dataclass(frozen=True, kw_only=True)
class YUVCoding:
    """How the planes of a YUV or grey picture stand for RGB."""

    luma: LumaCoding
    """Bits and range; integers."""
    matrix: tuple[float, float] = BT709[::2]
    """Shares of R and B in Y."""
    subsampling: tuple[int, int] = (1, 1)
    """Luma columns and rows a chroma sample."""
    siting: tuple[float, float] = (0.0, 0.0)
    """Columns and rows by which the first chroma sample lies right of and below the first pixel."""

    def decode(self, planes: Sequence[NDArray[np.generic]], device: torch.device) -> Tensor:
        """Bring a picture to a device.

        Args:
            planes: Code values of Y, or of Y, U and V, each (rows, columns).
            device: Where the tensor goes; the conversion happens there.

        Returns:
            (3, H, W), RGB, float32; nominally in [0, 1], beyond it where the video is. Chroma
            between samples is interpolated.
        """
        luma = self.luma.decode(planes[0], device)
        if len(planes) == 1:
            return luma.expand(3, -1, -1).clone()
        chroma = (to_device(planes[1:3], device).float() - self._zero) / self._chroma_span
        for dim, axis in ((-2, 1), (-1, 0)):
            length = luma.shape[dim]
            step = Fraction(1, self.subsampling[axis])
            first = -self.siting[axis] / self.subsampling[axis]
            chroma = _resampled(chroma, dim, length, step, first)
        red, blue = self.matrix
        r = luma[0] + (2 - 2 * red) * chroma[1]
        b = luma[0] + (2 - 2 * blue) * chroma[0]
        g = (luma[0] - red * r - blue * b) / (1 - red - blue)
        return torch.stack([r, g, b])

    def encode_change(
        self, planes: Sequence[NDArray[np.generic]], change: Tensor
    ) -> list[NDArray[np.generic]]:
        """Add a change of RGB to a picture: where there is none, no code value changes.

        Args:
            planes: The picture's code values, as for `decode`.
            change: (3, H, W), to be added to RGB.

        Returns:
            Planes of the same shapes and types, rounded and clamped to what the format can hold.
        """
        red, blue = self.matrix
        r, g, b = change.float()
        luma = red * r + (1 - red - blue) * g + blue * b
        changes, spans = [luma], [self.luma.span]
        if len(planes) > 1:
            chroma = torch.stack([(b - luma) / (2 - 2 * blue), (r - luma) / (2 - 2 * red)])
            for dim, axis in ((-1, 0), (-2, 1)):
                length = planes[1].shape[dim]
                step = Fraction(self.subsampling[axis])
                chroma = _resampled(chroma, dim, length, step, self.siting[axis])
            changes += list(chroma)
            spans += [self._chroma_span] * 2
        return [
            self._added(plane, step * span)
            for plane, step, span in zip(planes, changes, spans, strict=True)
        ]

    @property
    def _zero(self) -> int:
        """The chroma number that stands for grey."""
        return 1 << (self.luma.bits - 1)

    @property
    def _chroma_span(self) -> int:
        """How many numbers lie between the least and the greatest chroma."""
        bits = self.luma.bits
        return (1 << bits) - 1 if self.luma.full_range else 224 << (bits - 8)

    def _added(self, plane: NDArray[np.generic], step: Tensor) -> NDArray[np.generic]:
        numbers = plane.astype(np.int32) + to_host(step.round().to(torch.int32))
        added: NDArray[np.generic] = numbers.clip(0, (1 << self.luma.bits) - 1).astype(plane.dtype)
        return added


def _resampled(samples: Tensor, dim: int, length: int, step: Fraction, first: float) -> Tensor:
    """Interpolate or average along an axis, as VapourSynth's `resize.Bicubic` does.

    Args:
        samples: Two dimensions or more.
        dim: The axis, -1 or -2.
        length: How many samples are wanted along it.
        step: How far they lie from one another, in samples that there are.
        first: Where the first one lies, counted likewise, from the middle of the first there is.
    """
    if step == 1:
        return samples
    taps = _taps(samples.shape[dim], length, step, first, dim, samples.device)
    made: Tensor | None = None
    for index, weight in taps:
        part = samples.index_select(dim, index)
        made = part.mul_(weight) if made is None else made.addcmul_(part, weight)
    assert made is not None
    return made


@lru_cache(maxsize=32)
def _taps(
    count: int, length: int, step: Fraction, first: float, dim: int, device: torch.device
) -> list[tuple[Tensor, Tensor]]:
    """For each sample that a new one is made of, which one, (length,), and its weight, to multiply.

    Beyond the edges samples are mirrored. Where the new ones lie further apart than those that
    there are, the kernel is as much wider.
    """
    wider = max(1.0, float(step))
    positions = np.arange(length) * float(step) + first
    taps = 2 * ceil(_KERNEL_RADIUS * wider)
    start = np.floor(positions - taps / 2) + 1
    indices = start + np.arange(float(taps))[:, None]
    weights = _bicubic((indices - positions) / wider)
    indices = np.where(indices < 0, -1 - indices, indices)
    indices = np.where(indices >= count, 2 * count - 1 - indices, indices)
    indices = indices.astype(np.int64).clip(0, count - 1)
    weights = (weights / weights.sum(0)).astype(np.float32)
    shape = (-1,) if dim == -1 else (-1, 1)
    return [
        (torch.tensor(index, device=device), torch.tensor(weight.reshape(shape), device=device))
        for index, weight in zip(indices, weights, strict=True)
        if weight.any()
    ]


def _bicubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of samples so far away, in samples (Keys 1981, with a = -0.5)."""
    x = np.abs(distance)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < _KERNEL_RADIUS, far, 0.0))
