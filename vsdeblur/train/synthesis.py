"""Blur made from sharp photos, in batches, on the training device.

A virtual camera moves along a smooth random path over a photo. Each frame is the average of the
views during its exposure, taken close enough together (at most a pixel apart) that no separate
copies of an edge show. A patch cut from another photo may move in front on a path of its own.

Positions are complex numbers (x + iy) in pixels from the centre of the view. The view at time t
samples the photo at `scale(t) * p + offset(t)`: complex multiplication is rotation and zoom at
once. Time is in frame intervals; the middle frame's exposure is centred on t = 0, where the view
is the photo itself, not interpolated.

Shapes: N batch, T frames, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["BlurSettings", "Exposure", "degrade", "synthesize"]

NUM_MOMENTS = 7
"""Sharp moments inside the middle exposure (paper 002)."""


@dataclass(frozen=True, kw_only=True)
class BlurSettings:
    """What blur is drawn from."""

    num_frames: int = 5
    """Frames in a window (odd)."""
    size: int = 160
    """Height and width of a window, in pixels."""
    margin: int = 96
    """Pixels of photo needed around a window on each side; beyond them it is mirrored."""
    max_blur: float = 40.0
    """Longest blur of the middle frame, in pixels."""
    blur_exponent: float = 2.0
    """Blur length is max_blur * u**blur_exponent, u uniform: above 1, short blur is commoner."""
    still_share: float = 0.06
    """Share of windows in which the camera stands still."""
    object_share: float = 0.4
    """Share of windows with a moving object in front."""
    exposure: tuple[float, float] = (0.35, 1.0)
    """Part of the frame interval during which the shutter is open: least and most."""
    linear_share: float = 0.5
    """Share of windows averaged in linear light; the rest as encoded, as GoPro and DVD are."""
    highlight_share: float = 0.2
    """Share of the linear windows whose highlights are brighter than the sensor can tell."""
    max_subframes: int = 81
    """Bound on the views averaged into a frame; longer paths are shortened to fit."""

    @property
    def patch_size(self) -> int:
        """Height and width of the photo patches that `synthesize` wants."""
        return self.size + 2 * self.margin


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


@dataclass(frozen=True)
class _Motion:
    """Similarity transforms over time: (N, K) complex sinusoids each for velocity and spin."""

    frequency: Tensor
    phase: Tensor
    amplitude: Tensor  # (N, K, 4): x, y in pixels; rotation in radians; log zoom
    drift: Tensor  # (N, 4), per frame interval

    def pose(self, time: Tensor) -> tuple[Tensor, Tensor]:
        """(N, M) times -> complex scale and offset, (N, M) each; identity at time 0."""
        angle = 2 * torch.pi * self.frequency[:, None] * time[..., None]  # (N, M, K)
        wave = (angle[..., None] + self.phase[:, None]).sin() - self.phase[:, None].sin()
        path = (wave * self.amplitude[:, None]).sum(2) + self.drift[:, None] * time[..., None]
        x, y, rotation, zoom = path.unbind(-1)
        return torch.polar(zoom.exp(), rotation), torch.complex(x, y)

    def scaled(self, factor: Tensor) -> _Motion:
        factor = factor[:, None]
        return _Motion(
            self.frequency, self.phase, self.amplitude * factor[..., None], self.drift * factor
        )


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
        background: (N, C, P, P), gamma-encoded, in [0, 1]; P = `settings.patch_size`.
        foreground: (N, C, P, P), other patches, from which the moving objects are cut.
        settings: What the blur is drawn from.
        generator: Source of randomness, on the same device.
        with_moments: Also return the seven sharp moments and the flow between first and last.
    """
    draw = _Draw(background, generator)
    num = len(background)
    exposure = draw.uniform(*settings.exposure, num)
    length, object_length = _blur_lengths(draw, settings, num)
    camera = _motion_of_length(draw, settings, exposure, length)
    has_object = draw.uniform(0, 1, num) < settings.object_share
    moving = _motion_of_length(draw, settings, exposure, object_length * has_object)
    mask = _object_mask(draw, settings, num) * has_object[:, None, None, None]

    encoding = torch.where(draw.uniform(0, 1, num) < settings.linear_share, 2.2, 1.0)
    encoding = encoding[:, None, None, None].to(background)
    boost = _highlight_boost(draw, settings, encoding)
    scene = _Scene(
        boost(background**encoding), torch.cat([boost(foreground**encoding), mask], 1), settings
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
    flow = scene.flow(camera, moving, spread[:, :1], spread[:, -1:])
    return Exposure(blurred, sharp, moments, flow)


def degrade(
    blurred: Tensor,
    generator: torch.Generator,
    *,
    min_sigma: float = 0.0,
    max_sigma: float = 0.02,
) -> Tensor:
    """Add sensor noise and quantise to 8 bit; (N, ...) in [0, 1], same out.

    Noise variance has a constant part and one that grows with brightness (shot noise). Half of
    the windows are nearly clean. `min_sigma` and `max_sigma` bound the standard deviation at
    white.
    """
    draw = _Draw(blurred, generator)
    per_window = (len(blurred), *[1] * (blurred.dim() - 1))
    sigma = min_sigma + (max_sigma - min_sigma) * draw.uniform(0, 1, *per_window) ** 3
    shot = draw.uniform(0, 1, *per_window)
    deviation = sigma * ((1 - shot) + shot * blurred.sqrt())
    noise = torch.randn(
        blurred.shape, generator=generator, device=blurred.device, dtype=blurred.dtype
    )
    noisy = (blurred + deviation * noise).clamp(0, 1)
    return (noisy * 255).round() / 255


class _Draw:
    """Random numbers on the right device and in the right precision."""

    def __init__(self, like: Tensor, generator: torch.Generator) -> None:
        self._like = like
        self._generator = generator

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        value = torch.rand(shape, generator=self._generator, device=self._like.device)
        return low + (high - low) * value

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self._generator, device=self._like.device)


def _blur_lengths(draw: _Draw, settings: BlurSettings, num: int) -> tuple[Tensor, Tensor]:
    """Blur of the middle frame in pixels, by the camera and by the object: (N,) each.

    One level is drawn for the batch and each window stays within a factor of two of it, because
    the longest path sets the number of views that all of them pay for.
    """
    level = settings.max_blur * draw.uniform(0, 1, 1) ** settings.blur_exponent
    length = level * draw.uniform(0.5, 1, num) * (draw.uniform(0, 1, num) >= settings.still_share)
    return length, level * draw.uniform(0.2, 1, num)


def _motion_of_length(
    draw: _Draw, settings: BlurSettings, exposure: Tensor, length: Tensor
) -> _Motion:
    """A random path along which the middle frame's view travels `length` pixels.

    Where the path happens to rest in the middle frame it is scaled by its mean instead: the
    middle frame is then the sharpest of its window, and the others are not blurred beyond use.
    """
    motion = _hand_shake(draw, settings, len(length))
    travelled = _travel(motion, exposure, settings)  # (N, T)
    middle = travelled[:, settings.num_frames // 2]
    unit = torch.maximum(middle, 0.6 * travelled.mean(1)).clamp_min(1e-3)
    bound = (settings.max_subframes - 1) / travelled.amax(1).clamp_min(1e-3)
    return motion.scaled(torch.minimum(length / unit, bound))


def _hand_shake(draw: _Draw, settings: BlurSettings, num: int, num_waves: int = 10) -> _Motion:
    """A random camera path of unit strength with the spectrum of a hand-held phone.

    Gyroscope logs of a phone show angular speed about flat up to 8 Hz and falling as f**-2.5
    beyond; at 30 frames/s that corner is 0.27 cycles a frame interval.
    """
    frequency = 0.02 * 50 ** draw.uniform(0, 1, num, num_waves)  # log-uniform, 0.02 to 1
    speed = frequency.sqrt() / (1 + (frequency / 0.27) ** 2.5)
    amplitude = speed / frequency
    # A view's corner turns at most about a quarter as far as its centre shifts.
    turn = 0.25 / (0.7 * settings.size)
    strength = torch.cat([draw.uniform(0.3, 1, num, 2), turn * draw.uniform(0, 1, num, 2) ** 2], 1)
    size = draw.normal(num, num_waves, 4)
    phase = draw.uniform(0, 2 * torch.pi, num, num_waves, 4)
    drift = draw.normal(num, 4) * strength * draw.uniform(0, 1, num, 1)
    return _Motion(frequency, phase, size * strength[:, None] * amplitude[..., None], drift)


def _travel(motion: _Motion, exposure: Tensor, settings: BlurSettings) -> Tensor:
    """Pixels that a corner of the view travels during each frame's exposure, (N, T)."""
    times = _frame_times(settings, exposure, 17)
    scale, offset = motion.pose(times.flatten(1))
    corner = 0.35 * settings.size * (1 + 1j)
    track = (scale * corner + offset).unflatten(1, times.shape[1:])
    travelled: Tensor = track.diff(dim=2).abs().sum(2)
    return travelled


def _frame_times(settings: BlurSettings, exposure: Tensor, count: int) -> Tensor:
    """Times of `count` views, centres of equal parts of each exposure: (N, T, count)."""
    radius = settings.num_frames // 2
    start = torch.arange(-radius, radius + 1, device=exposure.device, dtype=exposure.dtype)
    part = (torch.arange(count, device=exposure.device) + 0.5) / count - 0.5
    return start[None, :, None] + part * exposure[:, None, None]


def _subframe_times(
    settings: BlurSettings, exposure: Tensor, camera: _Motion, moving: _Motion
) -> tuple[Tensor, int]:
    longest = (_travel(camera, exposure, settings) + _travel(moving, exposure, settings)).amax()
    count = min(int(longest.ceil()) + 1, 2 * settings.max_subframes)
    count += 1 - count % 2  # odd: one view is the centre of the exposure
    return _frame_times(settings, exposure, count), count


def _object_mask(draw: _Draw, settings: BlurSettings, num: int) -> Tensor:
    """Soft blobs with an irregular outline, (N, 1, P, P) in [0, 1]."""
    position = _positions(settings.patch_size, draw.uniform(0, 1, 1).device)
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


def _highlight_boost(
    draw: _Draw, settings: BlurSettings, encoding: Tensor
) -> Callable[[Tensor], Tensor]:
    """Brightens what is already bright past 1, so that lamps leave clipped streaks."""
    num = len(encoding)
    chosen = (draw.uniform(0, 1, num) < settings.highlight_share)[:, None, None, None]
    gain = draw.uniform(1, 6, num)[:, None, None, None] * (chosen & (encoding > 1))

    def boost(light: Tensor) -> Tensor:
        return light * (1 + gain * ((light - 0.7) / 0.3).clamp_min(0) ** 2)

    return boost


def _positions(size: int, device: torch.device) -> Tensor:
    """Pixel centres of a square view as complex positions from its centre, (size, size)."""
    axis = torch.arange(size, device=device) + 0.5 - size / 2
    return torch.complex(axis.expand(size, size), axis[:, None].expand(size, size))


class _Scene:
    """A background and, in front of it, a cut-out object; both seen by a moving camera."""

    def __init__(self, background: Tensor, cutout: Tensor, settings: BlurSettings) -> None:
        self._background = background
        self._cutout = cutout  # colour channels, then the mask
        self._with_object = cutout[:, -1].flatten(1).any(1).nonzero()[:, 0]
        self._position = _positions(settings.size, background.device)

    def average(self, camera: _Motion, moving: _Motion, times: Tensor, per_frame: int) -> Tensor:
        """Mean of the views of each frame, (N, T, C, H, W); `times` is (N, T, count)."""
        total = self.views(camera, moving, times[:, :, 0])
        for index in range(1, per_frame):  # one view a frame at a time: memory stays small
            total += self.views(camera, moving, times[:, :, index])
        return total / per_frame

    def views(self, camera: _Motion, moving: _Motion, times: Tensor) -> Tensor:
        """Sharp views at the given times, (N, M) -> (N, M, C, H, W)."""
        pose = camera.pose(times)
        seen = _sample(self._background, self._position, *pose)
        chosen = self._with_object
        if len(chosen) == 0:
            return seen
        scale, offset = _combined(pose, moving.pose(times))
        cutout = _sample(self._cutout[chosen], self._position, scale[chosen], offset[chosen])
        colour, mask = cutout[:, :, :-1], cutout[:, :, -1:]
        seen[chosen] = torch.lerp(seen[chosen], colour, mask)
        return seen

    def flow(self, camera: _Motion, moving: _Motion, first: Tensor, last: Tensor) -> Tensor:
        """Displacement from the view at `first` to the one at `last` (N, 1 each): (N, 2, H, W)."""
        start, end = camera.pose(first), camera.pose(last)
        background = self._displacement(start, end)
        object_start = _combined(start, moving.pose(first))
        mask = _sample(self._cutout, self._position, *object_start)[:, 0, -1]
        cutout = self._displacement(object_start, _combined(end, moving.pose(last)))
        flow = torch.where(mask > 0.5, cutout, background)
        return torch.stack([flow.real, flow.imag], 1)

    def _displacement(self, start: tuple[Tensor, Tensor], end: tuple[Tensor, Tensor]) -> Tensor:
        (scale, offset), (scale_end, offset_end) = start, end
        photo = scale[..., None] * self._position + offset[..., None]
        return (photo - offset_end[..., None]) / scale_end[..., None] - self._position


def _sample(photo: Tensor, position: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """Views of (N, C, P, P) photos at M poses each, (N, M) -> (N, M, C, H, W)."""
    size = position.shape[0]
    unit = 2 / photo.shape[-1]  # grid_sample's coordinates run from -1 to 1
    where = torch.addcmul((offset * unit)[..., None, None], scale[..., None, None], position * unit)
    grid = torch.view_as_real(where).flatten(1, 2)  # (N, M*H, W, 2)
    seen = F.grid_sample(photo, grid, padding_mode="reflection", align_corners=False)
    views: Tensor = seen.unflatten(2, (-1, size)).transpose(1, 2)
    return views


def _combined(
    camera: tuple[Tensor, Tensor], moving: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Where the camera samples a layer that itself moves: the object's pose after the camera's."""
    (camera_scale, camera_offset), (object_scale, object_offset) = camera, moving
    return object_scale * camera_scale, object_scale * camera_offset + object_offset
