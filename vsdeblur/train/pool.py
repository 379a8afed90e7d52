"""Batches of training windows: synthesised, kept in a pool, and used several times.

Making a window costs a CPU more than learning from it, so each is made larger than the crop and
used `reuse` times, each time with another crop, orientation, direction of time, brightness and
noise. Everything is a function of the seed and the step number: a resumed run sees the same
batches without storing the pool.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .photos import PhotoSet
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
    max_noise: float = 0.02
    """Largest standard deviation of sensor noise (1 = white)."""
    darken_share: float = 0.3
    """Share of the crops that are darkened, as a concert is."""


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
        self._groups: dict[int, tuple[Tensor, Tensor]] = {}

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The batch of a step: blurred (N, 5, H, W) and sharp (N, 1, H, W) luma in [0, 1]."""
        made = self._renew(step)
        generator = _generator(self._seed, 1, step)
        pairs = []
        for _ in range(self._batch_size):
            group = made - 1 - _below(min(made, self._max_groups), generator)
            blurred, sharp = self._groups[group]
            pairs.append(self._crop_of(blurred, sharp, _below(GROUP, generator), generator))
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

    def _synthesize(self, group: int) -> tuple[Tensor, Tensor]:
        patches = self._photos.patches(2 * GROUP, _generator(self._seed, 3, group))
        generator = _generator(self._seed, 4, group, self._photos.device)
        exposure = synthesize(patches[:GROUP], patches[GROUP:], self._blur, generator)
        return exposure.blurred[:, :, 0].half(), exposure.sharp.half()

    def _crop_of(
        self, blurred: Tensor, sharp: Tensor, index: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        top, left = (_below(self._blur.size - self._crop + 1, generator) for _ in range(2))
        window = (index, ..., slice(top, top + self._crop), slice(left, left + self._crop))
        blurred, sharp = blurred[window], sharp[window]
        flips = [axis for axis in (-1, -2) if _below(2, generator)]
        blurred, sharp = blurred.flip(flips), sharp.flip(flips)
        if _below(2, generator):
            blurred, sharp = blurred.mT, sharp.mT
        if _below(2, generator):  # the same motion backwards in time
            blurred = blurred.flip(0)
        share, gain = torch.rand(2, generator=generator).tolist()
        if share < self._settings.darken_share:
            gain = 0.15 + 0.85 * gain
            blurred, sharp = blurred * gain, sharp * gain
        return blurred, sharp


def _below(bound: int, generator: torch.Generator) -> int:
    return int(torch.randint(bound, (), generator=generator))


def _generator(
    seed: int, purpose: int, index: int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A generator of its own for each purpose and index."""
    return torch.Generator(device).manual_seed((seed * 8 + purpose) * 2**32 + index)
