"""Lamps and highlights brighter than white, which photos do not have.

A photo's white may be anything from white paper to the sun. What a camera averages while it moves
is the light itself, and only then is it clipped: a lamp leaves a streak as white as itself.

Shapes: M chosen patches, C channels, P height and width of a patch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .camera import Draw

__all__ = ["with_lamps"]

GAMMA = 2.2
NUM_LAMPS = 10
BRIGHTEST = 40.0
"""Of a lamp's core, in linear light; 1 = white."""


def with_lamps(patches: Tensor, draw: Draw, share: float) -> Tensor:
    """Brighten what is nearly white in a share of the patches, and add small lamps with a glow.

    The rest of such a patch becomes darker, as it does where a camera is set for its lamps.

    Args:
        patches: (N, C, P, P), gamma-encoded, 1 = white.
        draw: Source of randomness, on the same device.
        share: Share of the patches that are changed; 0 = none, 1 = all.

    Returns:
        The same shape and type; above 1 where there is more light than white.
    """
    if not share:
        return patches
    chosen = (draw.uniform(0, 1, len(patches)) < share).nonzero()[:, 0]
    if len(chosen) == 0:
        return patches
    codes = patches[chosen].float()
    num, channels, size, _ = codes.shape
    excess = 30 * draw.uniform(0, 1, num, 1, 1, 1) ** 2
    highlights = 1 + excess * ((codes - 0.85) / 0.15).clamp(0, 1) ** 2
    light = codes**GAMMA * highlights * draw.uniform(0.08, 1, num, 1, 1, 1)
    light = light + _lamps(draw, num, channels, size)
    return patches.index_copy(0, chosen, (light ** (1 / GAMMA)).to(patches.dtype))


def _lamps(draw: Draw, num: int, channels: int, size: int) -> Tensor:
    """Linear light of three to ten lamps, most of the time, in each patch: (M, C, P, P)."""
    place = torch.arange(size, device=draw.uniform(0, 1, 1).device, dtype=torch.float32)
    total = place.new_zeros(num, channels, size, size)
    for index in range(NUM_LAMPS):
        x, y = size * draw.uniform(0, 1, 2, num, 1, 1, 1)
        square = (place - x).square() + (place[:, None] - y).square()
        radius = 0.6 + 4 * draw.uniform(0, 1, num, 1, 1, 1) ** 2
        core = (2 * (1 - square / radius.square())).clamp(0, 1)
        glow = (1 - square / (7 * radius).square()).clamp_min(0) ** 4
        peak = BRIGHTEST ** draw.uniform(0, 1, num, 1, 1, 1)
        is_lit = draw.uniform(0, 1, num, 1, 1, 1) < (0.9 if index < 3 else 0.35)
        colour = draw.uniform(0.4, 1, num, channels, 1, 1)
        shine = core + draw.uniform(0, 0.03, num, 1, 1, 1) * glow
        total = total + peak * is_lit * colour * shine
    return total
