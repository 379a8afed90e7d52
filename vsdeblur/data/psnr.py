"""Luma PSNR, and the bands of it that windows are grouped by."""

from __future__ import annotations

from torch import Tensor

__all__ = ["BANDS", "luma_psnr"]

BANDS: dict[str, tuple[float, float]] = {
    "22-32": (22, 32),
    "22-25": (22, 25),
    "25-29": (25, 29),
    "29-32": (29, 32),
    "sharp": (38, 60),
}
"""Bands of the blurred input's luma PSNR in dB; "22-32" is the one that weights are judged by."""


def luma_psnr(restored: Tensor, sharp: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each picture, dB; (N, 1, H, W) in [0, 1] -> (N,)."""
    error = (restored - sharp).square().flatten(1).mean(1)
    return -10 * error.clamp_min(1e-10).log10()
