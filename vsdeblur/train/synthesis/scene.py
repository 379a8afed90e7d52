"""A photo with a cut-out object in front of it, seen by a moving camera.

The view at time t samples the photo at `scale(t) * p + offset(t)`, p being a pixel's position
from the centre: complex multiplication is rotation and zoom at once. Where the photo has depth,
`offset` is less the farther away its parts are (see `parallax`).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..settings import BlurSettings
from .camera import CameraPath, Draw
from .parallax import Parallax

__all__ = ["Scene", "object_mask"]


class Scene:
    """A background and, in front of it, a cut-out object; both seen by a moving camera."""

    def __init__(
        self,
        background: Tensor,
        cutout: Tensor,
        settings: BlurSettings,
        nearness: Tensor | None = None,
    ) -> None:
        self._background = background
        self._parallax = (
            None if nearness is None else Parallax(nearness, settings.patch_size, settings.size)
        )
        self._cutout = cutout  # colour channels, then the mask
        self._with_object = cutout[:, -1].flatten(1).any(1).nonzero()[:, 0]
        self._position = positions(settings.size, background.device)

    def average(
        self, camera: CameraPath, moving: CameraPath, times: Tensor, per_frame: int
    ) -> Tensor:
        """Mean of the views of each frame, (N, T, C, H, W); `times` is (N, T, count)."""
        total = self.views(camera, moving, times[:, :, 0])
        for index in range(1, per_frame):  # one view a frame at a time: memory stays small
            total += self.views(camera, moving, times[:, :, index])
        return total / per_frame

    def views(self, camera: CameraPath, moving: CameraPath, times: Tensor) -> Tensor:
        """Sharp views at the given times, (N, M) -> (N, M, C, H, W)."""
        pose = camera.pose(times)
        seen = _sample(self._background, self._places(*pose))
        chosen = self._with_object
        if len(chosen) == 0:
            return seen
        scale, offset = combined(pose, moving.pose(times))
        places = _plain_places(self._position, scale[chosen], offset[chosen])
        cutout = _sample(self._cutout[chosen], places)
        colour, mask = cutout[:, :, :-1], cutout[:, :, -1:]
        seen[chosen] = torch.lerp(seen[chosen], colour, mask)
        return seen

    def flow(self, camera: CameraPath, moving: CameraPath, first: Tensor, last: Tensor) -> Tensor:
        """Displacement from the view at `first` to the one at `last` (N, 1 each): (N, 2, H, W)."""
        start, end = camera.pose(first), camera.pose(last)
        photo = self._places(*start)
        near = 1.0 if self._parallax is None else self._parallax.at(photo)
        background = _pixels(photo, *end, near)
        object_start, object_end = (
            combined(pose, moving.pose(time)) for pose, time in ((start, first), (end, last))
        )
        patch = _plain_places(self._position, *object_start)
        mask = _sample(self._cutout, patch)[:, :, -1]
        seen = torch.where(mask > 0.5, _pixels(patch, *object_end), background)
        flow = (seen - self._position)[:, 0]
        return torch.stack([flow.real, flow.imag], 1)

    def _places(self, scale: Tensor, offset: Tensor) -> Tensor:
        """Places of the photo that views show, (N, M) -> complex (N, M, H, W)."""
        if self._parallax is None:
            return _plain_places(self._position, scale, offset)
        return self._parallax.places(scale, offset)


def object_mask(draw: Draw, settings: BlurSettings, num: int) -> Tensor:
    """Soft blobs with an irregular outline, (N, 1, P, P) in [0, 1]."""
    position = positions(settings.patch_size, draw.uniform(0, 1, 1).device)
    centre = torch.complex(draw.uniform(-0.4, 0.4, num), draw.uniform(-0.4, 0.4, num))
    position = position - (centre * settings.size)[:, None, None]
    angle = position.angle()
    radius = draw.uniform(0.1, 0.4, num)[:, None, None] * settings.size
    outline = torch.ones_like(angle)
    for wave in range(2, 7):
        bump = draw.uniform(0, 0.5 / wave, num)[:, None, None]
        outline += bump * (wave * angle + draw.uniform(0, 2 * torch.pi, num)[:, None, None]).cos()
    edge = (radius * outline - position.abs()) / 1.5
    return (edge + 0.5).clamp(0, 1)[:, None]


def positions(size: int, device: torch.device) -> Tensor:
    """Pixel centres of a square view as complex positions from its centre, (size, size)."""
    axis = torch.arange(size, device=device) + 0.5 - size / 2
    return torch.complex(axis.expand(size, size), axis[:, None].expand(size, size))


def _plain_places(position: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """Places that pixels show at poses, (N, M) each: complex (N, M, H, W)."""
    return torch.addcmul(offset[..., None, None], scale[..., None, None], position)


def _pixels(
    places: Tensor, scale: Tensor, offset: Tensor, nearness: Tensor | float = 1.0
) -> Tensor:
    """Where places are seen at poses, (N, M) each: complex (N, M, H, W) -> the same."""
    return (places - offset[..., None, None] * nearness) / scale[..., None, None]


def _sample(photo: Tensor, places: Tensor) -> Tensor:
    """Views of (N, C, P, P) photos, complex (N, M, H, W) -> (N, M, C, H, W)."""
    size = places.shape[-2]
    # grid_sample's coordinates run from -1 to 1.
    grid = torch.view_as_real(places).flatten(1, 2) * (2 / photo.shape[-1])  # (N, M*H, W, 2)
    seen = F.grid_sample(photo, grid, padding_mode="reflection", align_corners=False)
    views: Tensor = seen.unflatten(2, (-1, size)).transpose(1, 2)
    return views


def combined(camera: tuple[Tensor, Tensor], moving: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Where the camera samples a layer that itself moves: the object's pose after the camera's."""
    (camera_scale, camera_offset), (object_scale, object_offset) = camera, moving
    return object_scale * camera_scale, object_scale * camera_offset + object_offset
