"""Smooth random paths of a hand-held camera, or of an object before it.

Positions are complex numbers (x + iy) in pixels from the centre of the view. Time is in frame
intervals; the middle frame's exposure is centred on 0, where every path starts from rest: no
shift, no turn.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from ..settings import BlurSettings

__all__ = ["CameraPath", "Draw", "frame_times", "motion_of_length", "on_twos", "travel"]


@dataclass(frozen=True)
class CameraPath:
    """N paths, each a drift and K sinusoids for shift, rotation and zoom.

    At time t the view's pixel p shows the place scale(t) * p + offset(t).
    """

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

    def scaled(self, factor: Tensor) -> CameraPath:
        """The same paths, each `factor` times as far; (N,)."""
        factor = factor[:, None]
        return CameraPath(
            self.frequency, self.phase, self.amplitude * factor[..., None], self.drift * factor
        )

    def sideways(self, factor: Tensor) -> CameraPath:
        """The shifts alone, each `factor` times as far; (N,)."""
        shifts = self.drift.new_tensor([1.0, 1.0, 0.0, 0.0])
        path = self.scaled(factor)
        return replace(path, amplitude=path.amplitude * shifts, drift=path.drift * shifts)

    def where(self, chosen: Tensor, other: CameraPath) -> CameraPath:
        """These paths where `chosen`, (N,), and elsewhere the others."""
        return CameraPath(*(
            torch.where(chosen.view(-1, *[1] * (mine.dim() - 1)), mine, theirs)
            for mine, theirs in (
                (getattr(self, part.name), getattr(other, part.name)) for part in fields(self)
            )
        ))  # fmt: skip


class Draw:
    """Random numbers on the right device and in the right precision."""

    def __init__(self, like: Tensor, generator: torch.Generator) -> None:
        self._like = like
        self._generator = generator

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Evenly distributed between two bounds."""
        value = torch.rand(shape, generator=self._generator, device=self._like.device)
        return low + (high - low) * value

    def normal(self, *shape: int) -> Tensor:
        """Normally distributed, standard deviation 1."""
        return torch.randn(shape, generator=self._generator, device=self._like.device)


def motion_of_length(
    draw: Draw, settings: BlurSettings, exposure: Tensor, length: Tensor
) -> CameraPath:
    """A random path along which the middle frame's view travels `length` pixels.

    Where the path happens to rest in the middle frame it is scaled by its mean instead: the
    middle frame is then the sharpest of its window, and the others are not blurred beyond use.
    """
    motion = _hand_shake(draw, settings, len(length))
    travelled = travel(motion, exposure, settings)  # (N, T)
    middle = travelled[:, settings.num_frames // 2]
    unit = torch.maximum(middle, 0.6 * travelled.mean(1)).clamp_min(1e-3)
    bound = (settings.max_subframes - 1) / travelled.amax(1).clamp_min(1e-3)
    return motion.scaled(torch.minimum(length / unit, bound))


def _hand_shake(draw: Draw, settings: BlurSettings, num: int, num_waves: int = 10) -> CameraPath:
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
    return CameraPath(frequency, phase, size * strength[:, None] * amplitude[..., None], drift)


def travel(motion: CameraPath, exposure: Tensor, settings: BlurSettings) -> Tensor:
    """Pixels that a corner of the view travels during each frame's exposure, (N, T)."""
    times = frame_times(settings, exposure, 17)
    scale, offset = motion.pose(times.flatten(1))
    corner = 0.35 * settings.size * (1 + 1j)
    track = (scale * corner + offset).unflatten(1, times.shape[1:])
    travelled: Tensor = track.diff(dim=2).abs().sum(2)
    return travelled


def frame_times(settings: BlurSettings, exposure: Tensor, count: int) -> Tensor:
    """Times of `count` views, centres of equal parts of each exposure: (N, T, count)."""
    radius = settings.num_frames // 2
    start = torch.arange(-radius, radius + 1, device=exposure.device, dtype=exposure.dtype)
    part = (torch.arange(count, device=exposure.device) + 0.5) / count - 0.5
    return start[None, :, None] + part * exposure[:, None, None]


def on_twos(draw: Draw, num: int, radius: int) -> Tensor:
    """Which pictures are shown where each is shown twice, as in animation.

    Returns:
        Offsets from the middle one, (num, 2 * radius + 1): -1, -1, 0, 0, 1 or -1, 0, 0, 1, 1.
    """
    is_second = draw.uniform(0, 1, num, 1) < 0.5
    offset = torch.arange(-radius, radius + 1, device=is_second.device)
    return (offset + ~is_second).div(2, rounding_mode="floor")
