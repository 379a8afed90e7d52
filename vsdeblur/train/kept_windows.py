"""Training windows as they are made, and as they are kept: all in one tensor, on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["KeptWindows", "Made", "unpacked"]


class Made(NamedTuple):
    """Windows that were made together, before any noise."""

    blurred: Tensor
    """(N, T, H, W) in [0, 1]: T blurred frames in time, or the colours of one."""
    sharp: Tensor
    """(N, M, H, W) in [0, 1]: partner of the middle frame, moments in time, or colours."""
    psnr: Tensor
    """(N,), dB, of what is blurred: decides how often a window is drawn."""
    is_concert: Tensor
    """(N,) bool: lit like a concert, and so to be given a concert's noise."""
    flows: Tensor | None = None
    """(N, 4, H, W), pixels: x and y to the last moment, x and y to the first."""


@dataclass
class KeptWindows:
    """All windows of this device's parts, part by part."""

    blurred: Tensor
    """(S, T, H, W), half precision."""
    sharp: Tensor
    """(S, M, H, W)."""
    flows: Tensor | None
    """(S, 4, H, W), half precision."""
    max_noise: Tensor
    """(S,), bound on each one's noise."""
    weights: Tensor
    """(S,), how often each is drawn."""

    @classmethod
    def like(cls, made: Made, num: int, kept_as: torch.dtype, device: torch.device) -> KeptWindows:
        """Room for so many windows such as these.

        Args:
            made: Windows of the shapes to come.
            num: How many are to be kept.
            kept_as: Number format of the sharp ones: torch.half, or torch.uint8.
            device: Where they are kept.
        """

        def room(part: Tensor, dtype: torch.dtype) -> Tensor:
            return torch.empty(num, *part.shape[1:], dtype=dtype, device=device)

        return cls(
            room(made.blurred, torch.half),
            room(made.sharp, kept_as),
            None if made.flows is None else room(made.flows, torch.half),
            *torch.zeros(2, num, device=device),
        )

    def put(self, where: slice, made: Made, max_noise: Tensor, weights: Tensor) -> None:
        """Keep windows, with their bounds on noise and how often they are drawn, (N,) each."""
        self.blurred[where] = made.blurred
        is_code = self.sharp.dtype == torch.uint8
        self.sharp[where] = (made.sharp * 255).round() if is_code else made.sharp
        if self.flows is not None:
            assert made.flows is not None
            self.flows[where] = made.flows
        self.max_noise[where] = max_noise
        self.weights[where] = weights


def unpacked(kept: Tensor) -> Tensor:
    """As numbers in [0, 1]."""
    return kept.float().div_(255) if kept.dtype == torch.uint8 else kept.float()
