"""Runs a network over a frame in overlapping tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..errors import OptionError

__all__ = ["FEATHER", "least_tile", "run_tiled"]

FEATHER = 16
"""Pixels over which neighbouring tiles are blended, if not told otherwise."""


def run_tiled(
    network: Callable[[Tensor], Tensor],
    frames: Tensor,
    *,
    tile: tuple[int, int],
    receptive_radius: int,
    multiple_of: int,
    feather: int = FEATHER,
) -> Tensor:
    """Run a network tile by tile, with the result it would give on the whole.

    Neighbouring tiles overlap by twice the receptive radius and a feather. A tile counts only
    where the network saw all that it could depend on; over the feather two tiles are blended.

    Args:
        network: (N, T, h, w) -> (N, C, h, w).
        frames: (N, T, H, W); H and W divide by `multiple_of`.
        tile: Width and height of a tile in pixels.
        receptive_radius: How far an output pixel can depend on the input, in pixels.
        multiple_of: Tiles start at multiples of this, where the network's own grid does.
        feather: Pixels over which neighbouring tiles are blended.

    Returns:
        (N, C, H, W).

    Raises:
        OptionError: Tiles of that size would hold nothing but overlap.
    """
    height, width = frames.shape[-2:]
    least = least_tile(receptive_radius, multiple_of, feather)
    overlap = least // 2
    tile_width, tile_height = (
        # The frame was padded to the grid: a tile of the frame's own size covers it.
        length if n > length - multiple_of else n // multiple_of * multiple_of
        for n, length in zip(tile, (width, height), strict=True)
    )
    if (tile_width < min(width, least)) or (tile_height < min(height, least)):
        raise OptionError(
            f"tile must be at least {least}x{least} for this model (the overlap is {overlap} "
            f"pixels), got {tile[0]}x{tile[1]}"
        )
    total: Tensor | None = None
    for top, bottom, row_weight in _spans(height, tile_height, overlap, frames, feather):
        for left, right, column_weight in _spans(width, tile_width, overlap, frames, feather):
            output = network(frames[..., top:bottom, left:right])
            if total is None:
                total = output.new_zeros(*output.shape[:2], height, width, dtype=torch.float32)
            weight = row_weight[:, None] * column_weight
            total[..., top:bottom, left:right] += output.float() * weight
    assert total is not None
    return total


def least_tile(receptive_radius: int, multiple_of: int, feather: int = FEATHER) -> int:
    """Width and height that tiles have at least: twice their overlap; see `run_tiled`."""
    return 2 * (-(-(2 * receptive_radius + feather) // multiple_of) * multiple_of)


def _spans(
    length: int, tile: int, overlap: int, like: Tensor, feather: int = FEATHER
) -> Iterator[tuple[int, int, Tensor]]:
    """Start, end and weights of the tiles along an axis; the weights of all tiles add to 1."""
    if tile >= length:
        yield 0, length, torch.ones(length, device=like.device)
        return
    step = tile - overlap
    starts = list(range(0, length - tile, step))
    # The last tile is as large as is left, so that every tile starts on the step's grid.
    starts.append(starts[-1] + step)
    margin = (overlap - feather) // 2
    rise = (torch.arange(feather, device=like.device) + 0.5) / feather
    for start in starts:
        end = min(start + tile, length)
        weight = torch.ones(end - start, device=like.device)
        if start > 0:
            weight[:margin] = 0
            weight[margin : margin + feather] = rise
        if start != starts[-1]:
            weight[step + margin + feather :] = 0
            weight[step + margin : step + margin + feather] = rise.flip(0)
        yield start, end, weight
