"""Patterns as fine as pixels: walls of light-emitting diodes, and stripes as on cloth and grilles.

Of blurred, they are near to nothing, and of sharp, near to what cannot be sampled: a network that
has seen photos alone makes other patterns of them.

Shapes: M chosen patches, C channels, P height and width of a patch.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .camera import Draw

__all__ = ["with_patterns"]

GAMMA = 2.2
PITCH = (2.5, 8.0)
"""Of diodes, in pixels."""
PERIOD = (2.2, 7.0)
"""Of stripes, in pixels."""


def with_patterns(patches: Tensor, draw: Draw, share: float) -> Tensor:
    """Show a share of the patches on a wall of diodes or behind stripes, half of them each.

    Args:
        patches: (N, C, P, P), gamma-encoded, 1 = white.
        draw: Source of randomness, on the same device.
        share: Share of the patches that are changed; 0 = none, 1 = all.

    Returns:
        The same shape and type; above 1 where diodes are brighter than white.
    """
    if not share:
        return patches
    chosen = (draw.uniform(0, 1, len(patches)) < share).nonzero()[:, 0]
    if len(chosen) == 0:
        return patches
    mine = patches[chosen].float()
    is_wall = draw.uniform(0, 1, len(chosen), 1, 1, 1) < 0.5
    changed = torch.where(is_wall, _on_diodes(draw, mine), _striped(draw, mine))
    return patches.index_copy(0, chosen, changed.to(patches.dtype))


def _on_diodes(draw: Draw, patches: Tensor) -> Tensor:
    """Each cell's light in a dot at its middle, with a little light around it."""
    num, _, size, _ = patches.shape
    pitch, turn = draw.uniform(*PITCH, num, 1, 1), draw.uniform(-0.3, 0.3, num, 1, 1)
    # Half of the walls stand straight.
    turn = turn * (draw.uniform(0, 1, num, 1, 1) < 0.5)
    axis = torch.arange(size, device=patches.device) + 0.5 - size / 2
    place = torch.complex(axis.expand(size, size), axis[:, None].expand(size, size))
    cell = torch.view_as_real(place / torch.polar(pitch, turn))  # (M, P, P, 2), in cells
    from_middle = cell.frac().abs().sub(0.5)
    middle = torch.view_as_complex(cell.trunc() + 0.5 * cell.sign()) * torch.polar(pitch, turn)
    light = F.avg_pool2d(patches**GAMMA, 3, 1, 1, count_include_pad=False)
    grid = torch.view_as_real(middle) * (2 / size)
    shown = F.grid_sample(light, grid, padding_mode="border", align_corners=False)
    pitch = pitch[..., None]
    distance = torch.where(
        draw.uniform(0, 1, num, 1, 1) < 0.5,
        from_middle.norm(dim=-1),
        from_middle.abs().amax(-1),
    )[:, None] * pitch  # fmt: skip
    dot = (pitch * draw.uniform(0.25, 0.45, num, 1, 1, 1) + 0.5 - distance).clamp(0, 1)
    around = draw.uniform(0.02, 0.4, num, 1, 1, 1)
    return (shown * torch.lerp(around, draw.uniform(1, 2, num, 1, 1, 1), dot)) ** (1 / GAMMA)


def _striped(draw: Draw, patches: Tensor) -> Tensor:
    """Stripes of any direction over everything, or over parts with soft edges."""
    num, _, size, _ = patches.shape
    angle = draw.uniform(0, torch.pi, num, 1, 1)
    axis = torch.arange(size, device=patches.device)
    along = axis * angle.cos() + axis[:, None] * angle.sin()  # (M, P, P)
    wave = (2 * torch.pi * along / draw.uniform(*PERIOD, num, 1, 1)).sin()[:, None]
    parts = F.interpolate(draw.normal(num, 1, 5, 5), (size, size), mode="bicubic")
    parts = (3 * parts + 8 * (draw.uniform(0, 1, num, 1, 1, 1) < 0.5)).clamp(0, 1)
    depth = draw.uniform(0.1, 0.8, num, 1, 1, 1) * parts
    return patches * (1 + depth * (wave - 1) / 2)
