"""Film grain: it belongs to the picture, and is to stay."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..synthesis.camera import Draw
from .chance import Chosen

__all__ = ["grain"]

STRONGEST = 0.07
"""Largest standard deviation in middle grey (1 = white)."""


def grain(
    blurred: Tensor, sharp: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Lay grain over windows, one to three pixels wide, strongest in middle grey, new each frame.

    The sharp partners get the middle frame's: a network that has seen noise only as something to
    remove takes grain for detail, and makes it coarser. See the package.
    """
    num, num_frames, height, width = blurred.shape
    draw = Draw(blurred, generator)
    chosen = Chosen(draw, num, share)
    if chosen.num == 0:
        return blurred, sharp
    layer = _layer(draw, chosen.num, num_frames, height, width)
    middle = layer[:, num_frames // 2, None]

    def laid_over(windows: Tensor, layer: Tensor) -> Tensor:
        mine = chosen.of(windows).float()
        strength = 0.25 + 3 * mine * (1 - mine)  # 1 in middle grey, a quarter in black and white
        return chosen.amend(windows, (mine + strength * layer).clamp(0, 1))

    return laid_over(blurred, layer), laid_over(sharp, middle)


def _layer(draw: Draw, num: int, num_frames: int, height: int, width: int) -> Tensor:
    """Grain of unlike width and strength for each window, (num, T, H, W)."""
    fine = draw.normal(num, num_frames, height + 4, width + 4)
    soft = draw.uniform(0, 1, num, 1, 1, 1)  # of binomial kernels: 0 = fine, 1 = three wide
    for axis, margin in ((2, (0, 0, 1, 1)), (3, (1, 1, 0, 0))):
        wide = F.pad(fine, margin)
        length = fine.shape[axis]
        sides = wide.narrow(axis, 0, length) + wide.narrow(axis, 2, length)
        fine = (fine + 0.5 * soft * sides) / (1 + 0.5 * soft.square()).sqrt()
    strength = STRONGEST * draw.uniform(0, 1, num, 1, 1, 1) ** 1.5
    return strength * fine[..., 2:-2, 2:-2]
