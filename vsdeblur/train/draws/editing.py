"""What editors do: cuts and dissolves between the windows of a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from ..synthesis.camera import Draw
from .chance import Chosen

__all__ = ["cuts", "dissolves"]


def cuts(
    blurred: Tensor, sharp: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Put frames of other windows before the middle frame, after it, or on both sides.

    In a quarter of the windows a part of the view alone is cut, as a screen's programme is. The
    sharp partners stay as they are. See the package.
    """
    num, num_frames, height, width = blurred.shape
    draw = Draw(blurred, generator)
    chosen = Chosen(draw, num, share)
    if num_frames == 1 or chosen.num == 0:
        return blurred, sharp
    radius = num_frames // 2
    kept = 1 + (radius * draw.uniform(0, 1, 2, chosen.num, 1)).long()  # to either side
    kind = draw.uniform(0, 1, chosen.num, 1)
    offset = torch.arange(-radius, radius + 1, device=blurred.device)
    is_before = (-offset >= kept[0]) & (kind < 0.6)
    is_after = (offset >= kept[1]) & (kind >= 0.4)
    view = _part_of_view(draw, chosen.num, height, width) | (
        draw.uniform(0, 1, chosen.num, 1, 1) < 0.75
    )
    mine = chosen.of(blurred)
    for is_alien, step in ((is_before, 1), (is_after, 2)):
        theirs = chosen.others(blurred, step)
        mine = torch.where(is_alien[..., None, None] & view[:, None], theirs, mine)
    return chosen.amend(blurred, mine), sharp


def dissolves(
    blurred: Tensor, sharp: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Let one window turn into another or, a quarter of them, into black, over 4 to 30 frames.

    The sharp partners are mixed as the middle frame is: a filter that restores both scenes gives
    the dissolve that the editor made of sharp footage. See the package.
    """
    num, num_frames = blurred.shape[:2]
    draw = Draw(blurred, generator)
    chosen = Chosen(draw, num, share)
    if chosen.num == 0:
        return blurred, sharp
    speed = draw.uniform(1 / 30, 1 / 4, chosen.num, 1)
    speed = torch.where(draw.uniform(0, 1, chosen.num, 1) < 0.5, speed, -speed)
    middle = draw.uniform(0, 0.9, chosen.num, 1)
    light = (draw.uniform(0, 1, chosen.num, 1, 1, 1) >= 0.25).float()
    offset = torch.arange(num_frames, device=blurred.device) - num_frames // 2
    part = (middle + speed * offset).clamp(0, 1)[..., None, None]

    def mixed(windows: Tensor, part: Tensor) -> Tensor:
        others = chosen.others(windows, 1) * light
        return chosen.amend(windows, torch.lerp(chosen.of(windows).float(), others.float(), part))

    return mixed(blurred, part), mixed(sharp, middle[..., None, None])


def _part_of_view(draw: Draw, num: int, height: int, width: int) -> Tensor:
    """A rectangle of a third to two thirds of the height and the width: (num, H, W)."""
    inside = []
    for length in (height, width):
        place = (torch.arange(length, device=draw.uniform(0, 1, 1).device) + 0.5) / length
        extent = draw.uniform(1 / 3, 2 / 3, num, 1)
        start = draw.uniform(0, 1, num, 1) * (1 - extent)
        inside.append((place >= start) & (place < start + extent))
    return inside[0][:, :, None] & inside[1][:, None, :]
