"""A way for moments to run that the blurred frame decides."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["mean_motion", "moves_left", "turned_round"]

REDUCTION = 4
"""Moments are looked at so many times smaller: what moves then moves little."""
AXIS = (1.0, 0.2)
"""Right, and a little down: so moments run in canonical order."""


def mean_motion(moments: Tensor) -> Tensor:
    """How a scene moves from one moment to the next, on average.

    Least squares over all places and moments (Lucas and Kanade 1981, with the whole picture as the
    window), on reduced moments.

    Args:
        moments: (N, T, H, W), luma.

    Returns:
        (N, 2), x and y, in reduced pixels; right in direction rather than in length.
    """
    small = F.avg_pool2d(moments.float(), REDUCTION)
    before, after = small[:, :-1], small[:, 1:]
    middle = (before + after) / 2
    x = (middle[..., 1:-1, 2:] - middle[..., 1:-1, :-2]).flatten(1) / 2
    y = (middle[..., 2:, 1:-1] - middle[..., :-2, 1:-1]).flatten(1) / 2
    change = (after - before)[..., 1:-1, 1:-1].flatten(1)
    slopes = torch.stack([x, y], 1)
    normal = slopes @ slopes.mT + 1e-6 * torch.eye(2, device=x.device)
    motion: Tensor = torch.linalg.solve(normal, (slopes @ change[..., None])[..., 0])
    return -motion


def moves_left(moments: Tensor) -> Tensor:
    """Whether a scene moves against `AXIS` on average.

    The blurred frame does not tell which way time ran. Moments that are turned round where they
    move left have one way to run that the frame does tell.

    Args:
        moments: (N, T, H, W), luma.

    Returns:
        (N,), bool.
    """
    return mean_motion(moments) @ torch.tensor(AXIS, device=moments.device) < 0


def turned_round(first: Tensor, last: Tensor, turned: Tensor) -> tuple[Tensor, Tensor]:
    """Exchange what belongs to the two ends of time, in the scenes that are turned round.

    Args:
        first: (N, ...).
        last: As `first`.
        turned: (N,), bool.
    """
    mask = turned.view(-1, *[1] * (first.dim() - 1))
    return torch.where(mask, last, first), torch.where(mask, first, last)
