"""Neighbours that are missing: others stand in their places."""

from __future__ import annotations

import torch
from torch import Tensor

from ..synthesis.camera import Draw, on_twos
from .chance import Chosen

__all__ = ["missing_neighbours"]


def missing_neighbours(
    blurred: Tensor, sharp: Tensor, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Repeat frames in place of neighbours.

    On one side or both, from some frame on, the nearest frame that is left stands in all places, as
    at either end of a clip and where the guard in front of the network replaces what does not
    belong (`restorers.window_guard`); or every frame comes twice, as in animation and after a
    change of rate. The sharp partners stay as they are; see the package.
    """
    num, num_frames, height, width = blurred.shape
    draw = Draw(blurred, generator)
    chosen = Chosen(draw, num, share)
    if num_frames == 1 or chosen.num == 0:
        return blurred, sharp
    radius = num_frames // 2
    offset = torch.arange(-radius, radius + 1, device=blurred.device)
    kept = (radius * draw.uniform(0, 1, 2, chosen.num, 1)).long()  # to either side
    kind = draw.uniform(0, 1, chosen.num, 1)
    first = torch.where(kind < 0.6, -kept[0], -radius)
    last = torch.where(kind >= 0.4, kept[1], radius)
    cut_short = torch.maximum(first, torch.minimum(last, offset))
    twice = on_twos(draw, chosen.num, radius)
    places = torch.where(draw.uniform(0, 1, chosen.num, 1) < 0.25, twice, cut_short) + radius
    index = places[..., None, None].expand(-1, -1, height, width)
    return chosen.amend(blurred, chosen.of(blurred).gather(1, index)), sharp
