"""The terms of the objective. Each takes restored and sharp pictures, (N, C, H, W), in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "LOSSES", "charbonnier_loss", "frequency_loss", "mse_loss", "peaks_loss", "psnr_loss",
]  # fmt: skip

WHITE = 0.9
FEW_WHITES = 100
"""So many white places count half: of a batch that has hardly any, chance would decide."""


def charbonnier_loss(restored: Tensor, sharp: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Smooth L1 distance; a scalar."""
    return ((restored - sharp).square() + epsilon**2).sqrt().mean()


def frequency_loss(restored: Tensor, sharp: Tensor) -> Tensor:
    """L1 distance of the Fourier transforms, as in MIMO-UNet (arXiv:2108.05054); a scalar.

    Blur empties high frequencies, which hold little energy: a pixel loss hardly sees them.
    """
    difference = torch.fft.rfft2((restored - sharp).float(), norm="ortho")
    return torch.view_as_real(difference).abs().mean()


def psnr_loss(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean over the batch of log10 of the squared error: minus a tenth of the mean PSNR."""
    error = (restored - sharp).float().square().flatten(1).mean(1)
    return (error + 1e-6).log10().mean()


def mse_loss(restored: Tensor, sharp: Tensor) -> Tensor:
    """Mean squared error (paper 001, equation 3); a scalar."""
    return (restored - sharp).square().mean()


def peaks_loss(restored: Tensor, sharp: Tensor) -> Tensor:
    """How far the brightest of 7x7 pixels is from what is to be white there; a scalar.

    Errors pixel by pixel would rather have a lamp grey than a pixel off its place.
    """
    ours, true = (F.max_pool2d(frames.float(), 7, 3) for frames in (restored, sharp))
    white = (true > WHITE).float()
    return (white * (ours - true).abs()).sum() / (white.sum() + FEW_WHITES)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": F.l1_loss,
    "mse": mse_loss,
    "charbonnier": charbonnier_loss,
    "frequency": frequency_loss,
    "psnr": psnr_loss,
    "peaks": peaks_loss,
}
"""The terms that a recipe can name."""
