"""Planes of YUV video as numbers in a file, and RGB tensors: there, and back with a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
        for dim, axis in ((-1, 0), (-2, 1)):
            length = luma.shape[dim]
            chroma = _spread(chroma, dim, length, self.subsampling[axis], self.siting[axis])
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
                chroma = _gather(chroma, dim, length, self.subsampling[axis], self.siting[axis])
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


def _spread(chroma: Tensor, dim: int, length: int, step: int, offset: float) -> Tensor:
    """Interpolate along an axis: one value a pixel from one a chroma sample."""
    if step == 1:
        return chroma
    last = chroma.shape[dim] - 1
    position = (torch.arange(length, device=chroma.device) - offset) / step
    position = position.clamp(0, last)
    before = position.floor().long()
    share = position - before
    share = share if dim == -1 else share[:, None]
    after = (before + 1).clamp(max=last)
    return torch.lerp(chroma.index_select(dim, before), chroma.index_select(dim, after), share)


def _gather(change: Tensor, dim: int, length: int, step: int, offset: float) -> Tensor:
    """Average along an axis around each chroma sample."""
    if step == 1:
        return change
    between = offset != int(offset)
    # Between pixels the sample stands for those it covers; on a pixel for it and its neighbours.
    taps = range(step) if between else range(1 - step, step)
    weights = [1 / step if between else (step - abs(tap)) / step**2 for tap in taps]
    first = 0 if between else int(offset)
    samples = torch.arange(length, device=change.device) * step + first
    last = change.shape[dim] - 1
    parts = [
        weight * change.index_select(dim, (samples + tap).clamp(0, last))
        for tap, weight in zip(taps, weights, strict=True)
    ]
    return torch.stack(parts).sum(0)
