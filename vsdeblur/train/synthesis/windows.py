"""Blur made from sharp photos, in batches, on the training device.

A virtual camera moves along a smooth random path over a photo. Each frame is the average of the
views during its exposure, taken close enough together (at most a pixel apart) that no separate
copies of an edge show. A patch cut from another photo may move in front on a path of its own.

The middle frame's exposure is centred on time 0, where the view is the photo itself, not
interpolated.

Shapes: N batch, T frames, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..settings import BlurSettings
from .camera import CameraPath, Draw, frame_times, motion_of_length, travel
from .parallax import random_nearness
from .scene import Scene, object_mask

__all__ = ["BlurSettings", "Exposure", "degrade", "synthesize"]

NUM_MOMENTS = 7
"""Sharp moments inside the middle exposure (paper 002)."""


@dataclass(frozen=True)
class Exposure:
    """A batch of blurred windows and what lies behind them, all in [0, 1], before any noise."""

    blurred: Tensor
    """(N, T, C, H, W), consecutive blurred frames."""
    sharp: Tensor
    """(N, C, H, W), the view at the centre of the middle frame's exposure."""
    moments: Tensor | None = None
    """(N, 7, C, H, W), sharp views evenly spaced over the middle exposure, ends included."""
    flow: Tensor | None = None
    """(N, 2, H, W), (x, y) in pixels: where each pixel of the first moment is in the last."""
    flow_back: Tensor | None = None
    """As `flow`: where each pixel of the last moment is in the first."""


def synthesize(
    background: Tensor,
    foreground: Tensor,
    settings: BlurSettings,
    generator: torch.Generator,
    *,
    with_moments: bool = False,
) -> Exposure:
    """Blur a batch of sharp patches.

    Args:
        background: (N, C, P, P), gamma-encoded, P = `settings.patch_size`; 1 = white, and above
            it where light is brighter: that is averaged first and clipped afterwards, as a sensor
            does, so that a lamp leaves a streak as white as itself.
        foreground: (N, C, P, P), other patches, from which the moving objects are cut.
        settings: What the blur is drawn from.
        generator: Source of randomness, on the same device.
        with_moments: Also return the seven sharp moments and both flows between first and last.
    """
    draw = Draw(background, generator)
    num = len(background)
    exposure = draw.uniform(*settings.exposure, num)
    length, object_length = blur_lengths(draw, settings, num)
    camera = motion_of_length(draw, settings, exposure, length)
    has_object = draw.uniform(0, 1, num) < settings.object_share
    moving = motion_of_length(draw, settings, exposure, object_length * has_object)
    mask = object_mask(draw, settings, num) * has_object[:, None, None, None]

    encoding = torch.where(draw.uniform(0, 1, num) < settings.linear_share, 2.2, 1.0)
    encoding = encoding[:, None, None, None].to(background)
    boost = _highlight_boost(draw, settings, encoding)
    if settings.instant_share:
        is_instant = draw.uniform(0, 1, num) < settings.instant_share
        exposure = exposure.where(~is_instant, 0)
    nearness, moving = _depth(draw, settings, exposure, camera, moving)
    scene = Scene(
        boost(background**encoding),
        torch.cat([boost(foreground**encoding), mask], 1),
        settings,
        nearness,
    )

    times, per_frame = _subframe_times(settings, exposure, camera, moving)
    blurred = scene.average(camera, moving, times, per_frame)
    decode = 1 / encoding
    blurred = blurred.clamp(0, 1) ** decode[:, None]
    at = exposure.new_tensor([0.0]).expand(num, 1)
    sharp = scene.views(camera, moving, at)[:, 0].clamp(0, 1) ** decode
    if not with_moments:
        return Exposure(blurred, sharp)
    spread = torch.linspace(-0.5, 0.5, NUM_MOMENTS, device=exposure.device) * exposure[:, None]
    moments = scene.views(camera, moving, spread).clamp(0, 1) ** decode[:, None]
    first, last = spread[:, :1], spread[:, -1:]
    flow = scene.flow(camera, moving, first, last)
    return Exposure(blurred, sharp, moments, flow, scene.flow(camera, moving, last, first))


def degrade(
    blurred: Tensor,
    generator: torch.Generator,
    *,
    min_sigma: float = 0.0,
    max_sigma: float | Tensor = 0.02,
) -> Tensor:
    """Add sensor noise and quantise to 8 bit; (N, ...) in [0, 1], same out.

    Noise variance has a constant part and one that grows with brightness (shot noise). Half of
    the windows are nearly clean. `min_sigma` and `max_sigma`, of all or of each, (N, 1, ...),
    bound the standard deviation at white.
    """
    draw = Draw(blurred, generator)
    per_window = (len(blurred), *[1] * (blurred.dim() - 1))
    sigma = min_sigma + (max_sigma - min_sigma) * draw.uniform(0, 1, *per_window) ** 3
    shot = draw.uniform(0, 1, *per_window)
    deviation = blurred.sqrt().mul_(shot).add_(1 - shot).mul_(sigma)  # in place: half the time
    noise = torch.randn(
        blurred.shape, generator=generator, device=blurred.device, dtype=blurred.dtype
    )
    noisy = noise.mul_(deviation).add_(blurred).clamp_(0, 1)
    return noisy.mul_(255).round_().div_(255)


def blur_lengths(draw: Draw, settings: BlurSettings, num: int) -> tuple[Tensor, Tensor]:
    """Blur of the middle frame in pixels, by the camera and by the object: (N,) each.

    One level is drawn for the batch and each window stays within a factor of two of it, because
    the longest path sets the number of views that all of them pay for.
    """
    exponent: Tensor | float = settings.blur_exponent
    if settings.long_share:
        is_long = draw.uniform(0, 1, 1) < settings.long_share
        exponent = torch.where(is_long, settings.long_exponent, settings.blur_exponent)
    level = settings.max_blur * draw.uniform(0, 1, 1) ** exponent
    length = level * draw.uniform(0.5, 1, num) * (draw.uniform(0, 1, num) >= settings.still_share)
    return length, level * draw.uniform(0.2, 1, num)


def _depth(
    draw: Draw, settings: BlurSettings, exposure: Tensor, camera: CameraPath, moving: CameraPath
) -> tuple[Tensor | None, CameraPath]:
    """Nearness of the photos' parts, and the objects' paths, half of them by depth alone."""
    if not settings.depth_share:
        return None, moving
    num = len(exposure)
    has_depth = draw.uniform(0, 1, num) < settings.depth_share
    ends = frame_times(settings, exposure, 2).flatten(1)
    reach = camera.pose(ends)[1].abs().amax(1)
    nearness = random_nearness(draw, num, settings.patch_size, reach)
    if not has_depth.any():
        return None, moving
    nearness = torch.where(has_depth[:, None, None, None], nearness, 1.0)
    stands = has_depth & (draw.uniform(0, 1, num) < 0.5)
    standing = camera.sideways(draw.uniform(0.1, 1, num))
    return nearness, standing.where(stands, moving)


def _subframe_times(
    settings: BlurSettings, exposure: Tensor, camera: CameraPath, moving: CameraPath
) -> tuple[Tensor, int]:
    longest = (travel(camera, exposure, settings) + travel(moving, exposure, settings)).amax()
    count = min(int(longest.ceil()) + 1, 2 * settings.max_subframes)
    count += 1 - count % 2  # odd: one view is the centre of the exposure
    return frame_times(settings, exposure, count), count


def _highlight_boost(
    draw: Draw, settings: BlurSettings, encoding: Tensor
) -> Callable[[Tensor], Tensor]:
    """Brightens what is already bright past 1, so that lamps leave clipped streaks."""
    num = len(encoding)
    chosen = (draw.uniform(0, 1, num) < settings.highlight_share)[:, None, None, None]
    gain = draw.uniform(1, 6, num)[:, None, None, None] * (chosen & (encoding > 1))

    def boost(light: Tensor) -> Tensor:
        return light * (1 + gain * ((light - 0.7) / 0.3).clamp(0, 1) ** 2)

    return boost
