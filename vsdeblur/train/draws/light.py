"""Frames of a window in unlike light: strobes, flashes, exposure that jumps, banded shutters."""

from __future__ import annotations

import torch
from torch import Tensor

from ..synthesis.camera import Draw
from .chance import Chosen

__all__ = ["flashes"]

DIMMEST = 0.05
BRIGHTEST = 2.5
"""Of codes; what is beyond white is clipped."""


def flashes(
    blurred: Tensor, sharp: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Light the frames of windows unlike each other; see the package.

    The sharp partners stand in the middle frame's light. Windows of one frame stay as they are.
    """
    num, num_frames, height, _ = blurred.shape
    draw = Draw(blurred, generator)
    chosen = Chosen(draw, num, share)
    if num_frames == 1 or chosen.num == 0:
        return blurred, sharp
    gains = _gains(draw, chosen.num, num_frames)
    by_row = _of_rows(draw, gains, height)  # (n, T, H, 1)
    middle = by_row[:, num_frames // 2, None]
    return (
        chosen.amend(blurred, (chosen.of(blurred) * by_row).clamp(0, 1)),
        chosen.amend(sharp, (chosen.of(sharp) * middle).clamp(0, 1)),
    )


def _gains(draw: Draw, num: int, num_frames: int) -> Tensor:
    """Of each frame, (num, T): each has its own, or the middle one alone differs; dim or bright."""
    is_changed = draw.uniform(0, 1, num, num_frames) < 0.5
    own = torch.where(is_changed, draw.uniform(DIMMEST, 1, num, num_frames), 1.0)
    bright = torch.where(is_changed, draw.uniform(1, BRIGHTEST, num, num_frames), 1.0)
    is_middle = torch.arange(num_frames, device=own.device) == num_frames // 2
    is_dim = is_middle ^ (draw.uniform(0, 1, num, 1) < 0.5)
    middle = torch.where(is_dim, draw.uniform(0, 0.7, num, 1), 1.0)
    # A middle frame without light says nothing.
    middle = torch.where(is_middle, middle.clamp_min(DIMMEST), middle)
    kind = draw.uniform(0, 1, num, 1)
    return torch.where(kind < 0.5, own, torch.where(kind < 0.75, middle, bright))


def _of_rows(draw: Draw, gains: Tensor, height: int) -> Tensor:
    """Gains of rows, (num, T, H, 1): a rolling shutter sees some flashes from some row on only."""
    num, num_frames = gains.shape
    row = (torch.arange(height, device=gains.device) + 0.5) / height
    edge = draw.uniform(0, 1, num, num_frames, 1)
    is_below = (row > edge) ^ (draw.uniform(0, 1, num, num_frames, 1) < 0.5)
    is_whole = draw.uniform(0, 1, num, 1, 1) < 0.75
    return torch.where(is_below | is_whole, gains[..., None], 1.0)[..., None]
