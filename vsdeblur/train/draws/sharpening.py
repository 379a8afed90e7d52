"""Sharpening as cameras do it, with halos."""

from __future__ import annotations

import torch
from torch import Tensor

from ..synthesis.camera import Draw
from .chance import Chosen

__all__ = ["sharpened"]

STRONGEST = 1.2
"""What is added at most of a pixel's difference to its surroundings."""


def sharpened(
    blurred: Tensor, sharp: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Sharpen windows by an unsharp mask 3 or 5 pixels wide.

    The sharp partners get the same, or footage that is sharp and sharpened would come back softer;
    see the package.
    """
    draw = Draw(blurred, generator)
    chosen = Chosen(draw, len(blurred), share)
    if chosen.num == 0:
        return blurred, sharp
    amount = draw.uniform(0, STRONGEST, chosen.num, 1, 1, 1)
    is_wide = draw.uniform(0, 1, chosen.num, 1, 1, 1) < 0.5

    def done(windows: Tensor) -> Tensor:
        mine = chosen.of(windows)
        near = _mean_around(mine)
        around = torch.where(is_wide, _mean_around(near), near)
        return chosen.amend(windows, (mine + amount * (mine - around)).clamp(0, 1))

    return done(blurred), done(sharp)


def _mean_around(pictures: Tensor) -> Tensor:
    """Means of 3x3 pixels, (..., H, W); edges are repeated. On a CPU faster than pooling is."""
    for axis in (-1, -2):
        last = pictures.shape[axis] - 1
        ends = (pictures.narrow(axis, 0, 1), pictures.narrow(axis, last, 1))
        wide = torch.cat([ends[0], pictures, ends[1]], axis)
        sides = wide.narrow(axis, 0, last + 1) + wide.narrow(axis, 2, last + 1)
        pictures = (sides + pictures) / 3
    return pictures
