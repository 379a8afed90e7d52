"""A heat map drawn over a picture, to look at."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from .regions import Window

__all__ = ["draw_overlay"]

COOL, WARM, HOT = (0.0, 0.1, 0.6), (0.9, 0.1, 0.1), (1.0, 0.95, 0.2)
"""Colours of heat 0, 1/2 and 1: RGB."""
OPACITY = 0.45
OUTLINE = (0.1, 1.0, 0.3)


def draw_overlay(frame: Tensor, heatmap: Tensor, windows: Iterable[Window]) -> Tensor:
    """Draw a heat map over a picture and outline windows.

    Args:
        frame: (3, H, W), RGB, nominally in [0, 1].
        heatmap: (H, W), in [0, 1].
        windows: Windows of the picture.

    Returns:
        (3, H, W), in [0, 1].
    """
    cool, warm, hot = (
        torch.tensor(colour, device=frame.device)[:, None, None] for colour in (COOL, WARM, HOT)
    )
    heat = 2 * heatmap
    colours = torch.where(heat < 1, torch.lerp(cool, warm, heat), torch.lerp(warm, hot, heat - 1))
    drawn = torch.lerp(frame.clamp(0, 1), colours, OPACITY)
    thickness = max(2, min(frame.shape[-2:]) // 360)
    outline = torch.tensor(OUTLINE, device=frame.device)[:, None, None]
    for window in windows:
        inside = drawn[:, window.rows, window.columns]  # a view: drawing in it draws in the whole
        inside[:, :thickness] = outline
        inside[:, -thickness:] = outline
        inside[:, :, :thickness] = outline
        inside[:, :, -thickness:] = outline
    return drawn
