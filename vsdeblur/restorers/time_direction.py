"""Which way time runs in a group of moments (beyond paper 002).

A blurred frame is the same whichever way its moments ran, so the network cannot know. The frames
before and after it do.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["luma_distance", "runs_backwards", "turned"]

REDUCTIONS = (4, 8, 16, 32)
"""How many times smaller the frames are compared: fine detail that has moved by more than its own
size says nothing, coarse detail says little of small motion."""
LEAST = 4
"""Height and width, in pixels, below which frames are not reduced."""
LIMIT = 0.5
"""Difference of luma above which more does not count: a flash would decide all."""


def turned(moments: Tensor, before: Tensor | None, after: Tensor | None) -> Tensor:
    """Moments in the order in which the neighbours say they ran.

    Args:
        moments: (M, 1, H, W), in [0, 1].
        before: What came before, (1, H, W); None = unknown.
        after: What came after, (1, H, W); None = unknown.

    Returns:
        The moments, or the same from the last to the first; at a tie as they came.
    """
    return moments.flip(0) if runs_backwards(moments[0], moments[-1], before, after) else moments


def runs_backwards(
    first: Tensor, last: Tensor, before: Tensor | None, after: Tensor | None
) -> bool:
    """Whether the first moment and the last fit their neighbours better the other way round.

    Args:
        first: (1, H, W), in [0, 1].
        last: As `first`.
        before: As `first`; None = unknown.
        after: As `first`; None = unknown.
    """
    # Of each neighbour the difference: what all moments lack in it then weighs on neither side.
    neighbours = [(before, first, last), (after, last, first)]
    advantage = sum(
        luma_distance(far, neighbour) - luma_distance(near, neighbour)
        for neighbour, near, far in neighbours
        if neighbour is not None
    )
    return advantage < 0


def luma_distance(one: Tensor, other: Tensor) -> float:
    """Mean squared difference of luma, each capped, summed over several reduced sizes.

    Squares tell the order better than absolute values: of two squared distances the difference is
    a correlation with what changes between the first moment and the last, to which a part of the
    frame that is blurred in the neighbour but does not move adds nothing.

    Args:
        one: (1, H, W), in [0, 1].
        other: As `one`.

    Returns:
        0 for equal frames; at most the square of `LIMIT` for each size.
    """
    reduced = (one - other)[None].float()
    distances, so_far = [], 1
    for factor in _reductions(one.shape[-2:]):
        reduced = F.avg_pool2d(reduced, factor // so_far)
        so_far = factor
        distances.append(reduced.abs().clamp(max=LIMIT).square().mean(dtype=torch.float64))
    return float(torch.stack(distances).sum())


def _reductions(size: Sequence[int]) -> list[int]:
    return [factor for factor in REDUCTIONS if min(size) // factor >= LEAST] or [1]
