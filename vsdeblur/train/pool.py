"""Batches of training windows: synthesised, kept in a pool, and used several times.

Making a window costs a CPU more than learning from it, so each is made larger than the crop and
used `reuse` times, each time with another crop, orientation, direction of time, brightness and
noise. Everything is a function of the seed and the step number: a resumed run sees the same
batches without storing the pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .losses import luma_psnr
from .photos import PhotoSet, random_below
from .synthesis import BlurSettings, degrade, synthesize

__all__ = ["PoolSettings", "WindowPool"]

GROUP = 4
"""Windows synthesised at a time; they share one level of blur."""


@dataclass(frozen=True, kw_only=True)
class PoolSettings:
    """How training windows are kept and used."""

    capacity: int = 3072
    """Windows kept at most (2 bytes a pixel)."""
    initial: int = 256
    """Windows made before the first step."""
    reuse: int = 16
    """How often a window is used before the pool has been renewed once; 1 on a GPU."""
    favoured_psnr: tuple[float, float] = (21.0, 34.0)
    """Windows whose blurred middle frame has a PSNR in these bounds (dB) are drawn most often."""
    other_weight: float = 0.35
    """How often the others are drawn in relation: what is hopeless or sharp teaches little."""
    max_noise: float = 0.02
    """Largest standard deviation of sensor noise (1 = white)."""
    darken_share: float = 0.3
    """Share of the crops that are darkened, as a concert is."""


class _Group(NamedTuple):
    """Windows that were synthesised together."""

    blurred: Tensor  # (GROUP, 5, H, W)
    sharp: Tensor  # (GROUP, 1, H, W)
    weights: Tensor  # (GROUP,), how often each is drawn


class WindowPool:
    """Draws the batch of any step.

    Args:
        photos: Sharp photos.
        blur: What the blur is drawn from.
        settings: How windows are kept and used.
        batch_size: Crops a batch.
        crop: Height and width of a crop, in pixels.
        seed: Decides everything that is drawn.
    """

    def __init__(
        self,
        photos: PhotoSet,
        blur: BlurSettings,
        settings: PoolSettings,
        *,
        batch_size: int,
        crop: int,
        seed: int,
    ) -> None:
        self._photos = photos
        self._blur = blur
        self._settings = settings
        self._batch_size = batch_size
        self._crop = crop
        self._seed = seed
        self._groups: dict[int, _Group] = {}

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The batch of a step: blurred (N, 5, H, W) and sharp (N, 1, H, W) luma in [0, 1]."""
        made = self._renew(step)
        generator = _generator(self._seed, 1, step)
        numbers = range(max(0, made - self._max_groups), made)
        weights = torch.cat([self._groups[number].weights for number in numbers])
        chosen = torch.multinomial(weights, self._batch_size, True, generator=generator)
        pairs = []
        for index in chosen.tolist():
            group = self._groups[numbers[index // GROUP]]
            pairs.append(self._crop_of(group, index % GROUP, generator))
        blurred, sharp = (torch.stack(part).float() for part in zip(*pairs, strict=True))
        device_generator = _generator(self._seed, 2, step, self._photos.device)
        return degrade(blurred, device_generator, max_sigma=self._settings.max_noise), sharp

    @property
    def _max_groups(self) -> int:
        return self._settings.capacity // GROUP

    def _renew(self, step: int) -> int:
        """Make the windows that are due at a step, drop the oldest; return how many groups."""
        used = step * self._batch_size
        made = self._settings.initial // GROUP + used // (self._settings.reuse * GROUP)
        oldest = max(0, made - self._max_groups)
        for group in [g for g in self._groups if g < oldest]:
            del self._groups[group]
        for group in range(oldest, made):
            if group not in self._groups:
                self._groups[group] = self._synthesize(group)
        return made

    def _synthesize(self, group: int) -> _Group:
        patches = self._photos.patches(2 * GROUP, _generator(self._seed, 3, group))
        generator = _generator(self._seed, 4, group, self._photos.device)
        exposure = synthesize(patches[:GROUP], patches[GROUP:], self._blur, generator)
        blurred, sharp = exposure.blurred[:, :, 0], exposure.sharp
        middle = blurred.shape[1] // 2
        psnr = luma_psnr(blurred[:, middle : middle + 1], sharp).cpu()
        low, high = self._settings.favoured_psnr
        favoured = (psnr >= low) & (psnr < high)
        weights = torch.where(favoured, 1.0, self._settings.other_weight)
        return _Group(blurred.half(), sharp.half(), weights)

    def _crop_of(
        self, group: _Group, index: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        top, left = (random_below(self._blur.size - self._crop + 1, generator) for _ in range(2))
        window = (index, ..., slice(top, top + self._crop), slice(left, left + self._crop))
        blurred, sharp = group.blurred[window], group.sharp[window]
        flips = [axis for axis in (-1, -2) if random_below(2, generator)]
        blurred, sharp = blurred.flip(flips), sharp.flip(flips)
        if random_below(2, generator):
            blurred, sharp = blurred.mT, sharp.mT
        if random_below(2, generator):  # the same motion backwards in time
            blurred = blurred.flip(0)
        share, gain = torch.rand(2, generator=generator).tolist()
        if share < self._settings.darken_share:
            gain = 0.15 + 0.85 * gain
            blurred, sharp = blurred * gain, sharp * gain
        return blurred, sharp


def _generator(
    seed: int, purpose: int, index: int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A generator of its own for each purpose and index."""
    return torch.Generator(device).manual_seed((seed * 8 + purpose) * 2**32 + index)
