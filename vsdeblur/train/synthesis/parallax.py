"""Distances of a photo's parts: what is near moves further when a camera moves sideways.

Nearness is the inverse of distance in units of that of the nearest part, which moves as the
camera's path says; it varies smoothly over the photo, so that nothing hides anything else (what
stands in front with an edge is the object's part, see `scene`). A place q of the photo is seen at
the pixel p with scale * p + offset * nearness(q) = q.

Positions are complex, in pixels from the centre. Shapes: N batch, M poses, P size of a photo.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .camera import Draw

__all__ = ["Parallax", "random_nearness"]

CELL = 8
"""Nearness is kept, and places are looked up, at every eighth pixel, and interpolated between."""
STEEPEST = 0.7
"""Bound on how much less a pixel moves than its neighbour, in pixels; from 1 on pictures fold."""
ITERATIONS = 6


def random_nearness(draw: Draw, num: int, size: int, reach: Tensor) -> Tensor:
    """Nearness over photos: hills and slopes, flattened where the camera moves far.

    Args:
        draw: Source of randomness.
        num: N.
        size: P.
        reach: (N,), the farthest that the camera moves sideways, in pixels.

    Returns:
        (N, 1, P / 8, P / 8), greater than 0, 1 at most.
    """
    cells = size // CELL
    hills = F.interpolate(draw.normal(num, 1, 5, 5), (cells, cells), mode="bicubic")
    across = torch.linspace(-1, 1, cells, device=hills.device)
    slope = 2 * draw.normal(2, num, 1, 1, 1)
    relief = hills + slope[0] * across + slope[1] * across[:, None]
    lowest, highest = relief.amin((2, 3), keepdim=True), relief.amax((2, 3), keepdim=True)
    depth = (highest - relief) / (highest - lowest)
    steepest = torch.maximum(
        depth.diff(dim=2).abs().amax((1, 2, 3)), depth.diff(dim=3).abs().amax((1, 2, 3))
    )
    bound = STEEPEST * CELL / (steepest * reach).clamp_min(1e-3)
    extent = torch.minimum(draw.uniform(0.3, 0.9, num), bound)
    return 1 - extent[:, None, None, None] * depth


class Parallax:
    """Which places of photos a moving camera sees.

    Args:
        nearness: Of `random_nearness`.
        photo_size: P.
        view_size: Height and width of a view.
    """

    def __init__(self, nearness: Tensor, photo_size: int, view_size: int) -> None:
        self._nearness = nearness
        self._photo_size = photo_size
        corners = view_size // CELL + 1
        axis = (view_size - 1) * torch.linspace(-0.5, 0.5, corners, device=nearness.device)
        self._corners = torch.complex(axis.expand(corners, -1), axis[:, None].expand(-1, corners))
        weights = F.interpolate(
            torch.eye(corners, device=axis.device)[None],
            view_size,
            mode="linear",
            align_corners=True,
        )
        self._weights = weights[0].T.contiguous()  # (H, corners)

    def at(self, places: Tensor) -> Tensor:
        """Nearness at places of the photos, complex (N, M, H, W) -> (N, M, H, W)."""
        grid = torch.view_as_real(places).flatten(1, 2) * (2 / self._photo_size)
        seen = F.grid_sample(self._nearness, grid, padding_mode="border", align_corners=False)
        nearness: Tensor = seen[:, 0].unflatten(1, places.shape[1:3])
        return nearness

    def places(self, scale: Tensor, offset: Tensor) -> Tensor:
        """Places that pixels show at poses, (N, M) each: complex (N, M, H, W)."""
        turned, offset = scale[..., None, None] * self._corners, offset[..., None, None]
        places = turned + offset
        for _ in range(ITERATIONS):
            places = turned + offset * self.at(places)
        parts = [self._weights @ part @ self._weights.T for part in (places.real, places.imag)]
        return torch.complex(*parts)
